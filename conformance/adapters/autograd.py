"""Autograd (HIPS) by its public API: NumPy's functions in `autograd.numpy` and SciPy's in `autograd.scipy`, with gradients.

Autograd has no layers and no losses: a user writes them. Offered are the functions that it wraps, the affine map and the
gradients of networks written as in its own example ``neural_net.py``, and its optimizers. Those are loops over all steps of a
fixed size: RMSProp and Adam, which remember, run again over all gradients so far at each step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import autograd.numpy as np
import numpy
import scipy
from autograd import grad, make_vjp
from autograd.misc import optimizers
from autograd.scipy.special import expit, logsumexp

from eqwise.conformance.adapter import Adapter, NotOffered


class AutogradAdapter(Adapter):
    """Autograd over NumPy and SciPy."""

    name = "autograd"
    version = version("autograd")
    dtypes = ("float64", "float32", "float16")

    def __init__(self) -> None:
        self.settings = {"numpy": numpy.__version__, "scipy": scipy.__version__}  # type: ignore[misc]

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: Any, **hyper: Any) -> list[Any]:
        pull, _ = _differentiated(make_vjp(lambda leaves: getattr(self, operation)(*leaves, **hyper)), list(inputs))
        return pull(cotangent)

    # section 2, perceptron
    def step(self, x: Any) -> Any: return np.heaviside(x, 0.0)
    def perceptron(self, x: Any, W: Any, b: Any) -> Any: return self.step(self.dense(x, W, b))

    # section 3, networks
    def dense(self, x: Any, W: Any, b: Any) -> Any: return np.dot(x, W) + b

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        for W, b, f in zip(weights, biases, [activation] * (len(weights) - 1) + [output], strict=True):
            if not hasattr(self, f) and f != "identity":
                raise NotOffered(f"Autograd has no {f}")
            x = self.dense(x, W, b) if f == "identity" else getattr(self, f)(self.dense(x, W, b))
        return x

    # section 4, activations
    def logistic(self, x: Any) -> Any: return expit(x)
    def tanh(self, x: Any) -> Any: return np.tanh(x)
    def softplus(self, x: Any) -> Any: return np.logaddexp(x, 0.0)
    def relu(self, x: Any) -> Any: return np.maximum(x, 0.0)

    # section 9, back-propagation
    def network_gradients(
        self, x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str
    ) -> tuple[list[Any], list[Any]]:
        if (output, loss) not in _MEAN_LOSSES:
            raise NotOffered(f"Autograd's examples have no loss {loss} after {output}")

        def mean_loss(parameters: tuple[list[Any], list[Any]]) -> Any:
            return _MEAN_LOSSES[output, loss](self.network(x, *parameters, activation, "identity"), t)

        return _differentiated(grad(mean_loss), (weights, biases))

    # section 10, optimizers
    def sgd(self, theta: Any, eta: float) -> Any: return _Descent(theta, eta)
    def rmsprop(self, theta: Any, eta: float, alpha: float, epsilon: float) -> Any:
        return _Optimizer(optimizers.rmsprop, theta, step_size=eta, gamma=alpha, eps=epsilon)
    def adam(self, theta: Any, eta: float, beta_1: float, beta_2: float, epsilon: float) -> Any:
        return _Optimizer(optimizers.adam, theta, step_size=eta, b1=beta_1, b2=beta_2, eps=epsilon)


_MEAN_LOSSES: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {  # what the notes' losses are, as a user of Autograd writes them
    ("identity", "sum_of_squares"): lambda u, t: np.sum((u - t) ** 2) / (2 * len(u)),
    ("softmax", "cross_entropy"): lambda u, t: np.sum(t * (logsumexp(u, axis=1, keepdims=True) - u)) / len(u),
}


def _differentiated(function: Callable[[Any], Any], at: Any) -> Any:
    try:
        return function(at)
    except NotImplementedError as error:
        raise NotOffered(f"Autograd: {error}") from error


class _Descent:
    """autograd.misc.optimizers.sgd without mass, which keeps nothing: each step is a loop of one."""

    def __init__(self, theta: Any, eta: float) -> None:
        self.theta, self.eta = _copied(theta), eta

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        self.eta = self.eta if eta is None else eta
        self.theta = optimizers.sgd(lambda theta, i: gradient, self.theta, num_iters=1, step_size=self.eta, mass=0.0)
        return _copied(self.theta)


class _Optimizer:
    """One of Autograd's loops, run from the start over all gradients so far."""

    def __init__(self, loop: Any, theta: Any, **settings: Any) -> None:
        self.loop, self.start, self.settings = loop, _copied(theta), settings
        self.gradients: list[Any] = []

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        if eta is not None:
            raise NotOffered("the step size of Autograd's optimizers is fixed")
        self.gradients.append(_copied(gradient))
        return self.loop(lambda theta, i: self.gradients[i], self.start, num_iters=len(self.gradients), **self.settings)


def _copied(value: Any) -> Any: return [array.copy() for array in value] if isinstance(value, list) else value.copy()
