"""scikit-learn by its public API: metrics, losses that it offers as metrics, and fitted models whose parameters are replaced.

Its log_loss takes classes, not shares of them, so (28) and (29) are not offered; the losses, activations and optimizers of its
neural networks are private. Models are given the parameters that they document, such as ``coef_``, in place of fitted ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.linear_model import LinearRegression, Perceptron
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.extmath import softmax

from eqwise.conformance.adapter import Adapter, NotOffered

_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


class SklearnAdapter(Adapter):
    """scikit-learn, whose arrays are NumPy's; it documents that it keeps these two dtypes."""

    name = "sklearn"
    version = sklearn.__version__
    dtypes = ("float64", "float32")
    reduction: ClassVar[Mapping[str, str]] = {"hinge": "mean", "quantile": "mean"}

    # section 2 and 3, perceptron and networks
    def perceptron(self, x: Any, W: Any, b: Any) -> Any:
        return np.column_stack([_perceptron(W[:, j], b[j]).predict(x) for j in range(len(b))])

    def dense(self, x: Any, W: Any, b: Any) -> Any:
        model = LinearRegression()
        model.coef_, model.intercept_ = W.T, b
        return model.predict(x)

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        model = _network(activation, output, (len(weights[0]), *map(len, biases)), str(x.dtype))
        model.coefs_, model.intercepts_ = list(weights), list(biases)
        if output == "identity":
            return model.predict(x).reshape(len(x), -1)
        return model.predict_proba(x)[:, -len(biases[-1]) :]  # for one logistic output, the second column of two

    # section 4, activations
    def softmax(self, x: Any) -> Any: return softmax(x)

    # section 6, metrics
    def confusion_matrix(self, actual: Any, predicted: Any) -> Any:
        if not len(actual):
            raise NotOffered("confusion_matrix refuses no samples")
        return metrics.confusion_matrix(actual, predicted, labels=[True, False])
    def accuracy(self, actual: Any, predicted: Any) -> Any: return metrics.accuracy_score(actual, predicted)
    def precision(self, actual: Any, predicted: Any) -> Any: return metrics.precision_score(actual, predicted, zero_division=np.nan)
    def recall(self, actual: Any, predicted: Any) -> Any: return metrics.recall_score(actual, predicted, zero_division=np.nan)
    def f_measure(self, actual: Any, predicted: Any) -> Any: return metrics.f1_score(actual, predicted, zero_division=np.nan)
    def mse(self, t: Any, y: Any) -> Any: return metrics.mean_squared_error(t, y)
    def rmse(self, t: Any, y: Any) -> Any: return metrics.root_mean_squared_error(t, y)
    def mae(self, t: Any, y: Any) -> Any: return metrics.mean_absolute_error(t, y)
    def r_squared(self, t: Any, y: Any) -> Any: return metrics.r2_score(t, y, force_finite=False)

    # section 7, losses
    def hinge(self, y: Any, t: Any) -> Any:
        if set(t.tolist()) != {-1.0, 1.0}:
            raise NotOffered("hinge_loss asks for two classes in y_true; of one alone it makes the negative class")
        return metrics.hinge_loss(t, y)
    def quantile(self, y: Any, t: Any, tau: float) -> Any: return metrics.mean_pinball_loss(t, y, alpha=tau)


def _perceptron(weights: Any, bias: Any) -> Any:
    """A perceptron that answers 0 or 1."""
    model = Perceptron()
    model.coef_, model.intercept_, model.classes_ = weights[None, :], bias[None], np.arange(2, dtype=weights.dtype)
    return model


@cache
def _network(activation: str, output: str, sizes: tuple[int, ...], dtype: str) -> Any:
    """A network of this form, fitted to next to nothing."""
    n_in, *hidden, n_out = sizes
    if activation not in _ACTIVATIONS:
        raise NotOffered(f"MLPRegressor and MLPClassifier have no activation {activation}")
    if output not in ("identity", "logistic", "softmax") or (output == "softmax" and n_out < 3):
        raise NotOffered(f"MLPRegressor and MLPClassifier have no output {output} of {n_out}")
    x, t = np.zeros((max(n_out, 2), n_in), dtype), np.eye(max(n_out, 2), n_out)
    settings: dict[str, Any] = {"hidden_layer_sizes": hidden, "activation": activation, "solver": "sgd"}
    if output == "identity":
        return MLPRegressor(**settings).partial_fit(x, t.astype(dtype).squeeze())
    targets = np.arange(n_out) if output == "softmax" else t.astype(int).squeeze()
    return MLPClassifier(**settings).partial_fit(x, targets, classes=np.arange(max(n_out, 2)))
