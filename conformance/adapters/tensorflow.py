"""TensorFlow's own operations by their public API; gradients by tf.GradientTape.

What TensorFlow 2 offers under tf.keras alone, such as layers and Xavier's and He's weights, belongs to the adapter `keras`.
Options: ``graph=true`` runs operations in tf.function, ``fused=true`` takes the fused kernel of batch normalization,
``device=cuda`` lets TensorFlow use the GPU, which it then does by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from eqwise.conformance.adapter import Adapter, NotOffered

v1 = tf.compat.v1
_GRAPHS = (
    "step", "dense", "logistic", "tanh", "softplus", "relu", "leaky_relu", "elu", "identity", "softmax", "mse", "mae", "sum_of_squares",
    "binary_cross_entropy", "logistic_binary_cross_entropy", "softmax_cross_entropy", "huber", "l2", "batch_norm",
)  # fmt: skip


class TensorFlowAdapter(Adapter):
    """TensorFlow, on the CPU unless told otherwise."""

    name = "tensorflow"
    version = tf.__version__
    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(self, graph: str = "false", fused: str = "false", device: str = "cpu") -> None:
        given = {"graph": graph, "fused": fused}
        for name, value in given.items():
            if value not in ("true", "false"):
                raise TypeError(f"{name}={value!r} is neither 'true' nor 'false'")
        show(device)
        self.fused = fused == "true"
        self.settings = {**given, "device": device, "subnormal numbers become 0 in": _flushing(self.dtypes)}  # type: ignore[misc]
        for name in _GRAPHS if graph == "true" else ():
            setattr(self, name, tf.function(getattr(self, name), reduce_retracing=True))

    def from_numpy(self, array: Any) -> tf.Tensor: return tf.constant(array)
    def to_numpy(self, value: Any) -> Any: return value.numpy()

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: Any, **hyper: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            result = getattr(self, operation)(*inputs, **hyper)
        return list(tape.gradient(result, inputs, output_gradients=tf.cast(cotangent, result.dtype)))  # which may be wider

    # section 2, perceptron
    def step(self, x: Any) -> Any:
        if x.dtype == tf.bfloat16:
            raise NotOffered("tf.experimental.numpy.heaviside raises for bfloat16")
        return tf.experimental.numpy.heaviside(x, tf.zeros((), x.dtype))

    def perceptron(self, x: Any, W: Any, b: Any) -> Any:
        return self.step(self.dense(x, W, b))

    # section 3, networks
    def dense(self, x: Any, W: Any, b: Any) -> Any:
        return tf.nn.bias_add(tf.linalg.matmul(x, W), b)

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = getattr(self, activation)(self.dense(x, W, b))
        return getattr(self, output)(self.dense(x, weights[-1], biases[-1]))

    # section 4, activations
    def logistic(self, x: Any) -> Any: return tf.math.sigmoid(x)
    def tanh(self, x: Any) -> Any: return tf.math.tanh(x)
    def softplus(self, x: Any) -> Any: return tf.math.softplus(x)
    def relu(self, x: Any) -> Any: return tf.nn.relu(x)
    def leaky_relu(self, x: Any, alpha: float) -> Any: return tf.nn.leaky_relu(x, alpha=alpha)
    def elu(self, x: Any, alpha: float) -> Any:
        if alpha != 1:
            raise NotOffered("tf.nn.elu has no alpha, which is 1")
        return tf.nn.elu(x)
    def identity(self, x: Any) -> Any: return tf.identity(x)
    def softmax(self, x: Any) -> Any: return tf.nn.softmax(x)

    # section 6, metrics
    def confusion_matrix(self, actual: Any, predicted: Any) -> Any:
        return tf.math.confusion_matrix(tf.cast(actual, tf.int32), tf.cast(predicted, tf.int32), num_classes=2)
    def mse(self, t: Any, y: Any) -> Any: return v1.losses.mean_squared_error(_narrow(t), y)
    def mae(self, t: Any, y: Any) -> Any: return v1.losses.absolute_difference(_narrow(t), y)

    # section 7, losses
    def sum_of_squares(self, y: Any, t: Any) -> Any: return v1.losses.mean_squared_error(_narrow(t), y, reduction=_SUM)
    def binary_cross_entropy(self, y: Any, t: Any) -> Any: return v1.losses.log_loss(_narrow(t), y, epsilon=0.0, reduction=_SUM)
    def logistic_binary_cross_entropy(self, u: Any, t: Any) -> Any:
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(t, u))
    def softmax_cross_entropy(self, u: Any, t: Any) -> Any: return tf.nn.softmax_cross_entropy_with_logits(t, u)
    def huber(self, y: Any, t: Any, delta: float) -> Any: return v1.losses.huber_loss(_narrow(t), y, delta=delta, reduction=_NONE)

    # section 9, back-propagation
    def network_gradients(
        self, x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str
    ) -> tuple[list[Any], list[Any]]:
        if (output, loss) not in _SUMMED_LOSSES:
            raise NotOffered(f"TensorFlow has no loss {loss} of the argument of {output}")
        with tf.GradientTape() as tape:
            tape.watch([weights, biases])
            u = self.network(x, weights, biases, activation, "identity")
            mean = _SUMMED_LOSSES[output, loss](u, t) / len(x)
        found = tape.gradient(mean, [weights, biases], unconnected_gradients=tf.UnconnectedGradients.ZERO)  # behind a step
        return found[0], found[1]

    # section 10, optimizers
    def sgd(self, theta: Any, eta: float) -> Any: return _Optimizer(v1.train.GradientDescentOptimizer, theta, eta, {})
    def momentum(self, theta: Any, eta: float, alpha: float) -> Any:
        return _Optimizer(v1.train.MomentumOptimizer, theta, eta, {"v": "momentum"}, momentum=alpha)
    def adagrad(self, theta: Any, eta: float) -> Any:
        start = float(np.finfo(np.float64).tiny)  # it has to be positive; 0 in narrower dtypes
        return _Optimizer(partial(v1.train.AdagradOptimizer, initial_accumulator_value=start), theta, eta, {"h": "accumulator"})
    def rmsprop(self, theta: Any, eta: float, alpha: float, epsilon: float) -> Any:
        return _Optimizer(v1.train.RMSPropOptimizer, theta, eta, {"h": "rms"}, decay=alpha, epsilon=epsilon)
    def adam(self, theta: Any, eta: float, beta_1: float, beta_2: float, epsilon: float) -> Any:
        return _Optimizer(v1.train.AdamOptimizer, theta, eta, {"m": "m", "v": "v"}, beta1=beta_1, beta2=beta_2, epsilon=epsilon)

    # section 11, initialization
    def uniform(self, shape: Any, seed: int, dtype: str) -> Any: return tf.random_uniform_initializer(-1.0, 1.0, seed)(shape, dtype)
    def gauss(self, shape: Any, seed: int, dtype: str) -> Any: return tf.random_normal_initializer(0.0, 1.0, seed)(shape, dtype)
    def bias(self, shape: Any, dtype: str) -> Any: return tf.zeros_initializer()(shape, dtype)

    # section 12, regularization
    def l2(self, weights: Sequence[Any], lambda_: float) -> Any:
        return 2 * lambda_ * tf.add_n([tf.nn.l2_loss(W) for W in weights])  # which is documented as half of the sum of squares

    def dropout(self, x: Any, p: float, seed: int, training: bool) -> Any:
        return tf.nn.experimental.stateless_dropout(x, p if training else 0.0, [seed, 0])  # a rate of 0 is inference

    def batch_norm(self, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        if self.fused:
            return _fused(x, gamma, beta, epsilon)
        mean, variance = tf.nn.moments(x, [0])
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


_SUM, _NONE = v1.losses.Reduction.SUM, v1.losses.Reduction.NONE
_SUMMED_LOSSES: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {  # over the batch, as (27) to (29) scale them
    ("identity", "sum_of_squares"): lambda u, t: tf.nn.l2_loss(u - t),
    ("logistic", "binary_cross_entropy"): lambda u, t: tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(t, u)),
    ("softmax", "cross_entropy"): lambda u, t: tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(t, u)),
}


class _Optimizer:
    """One of tf.compat.v1.train's over copies of theta; `slots` maps the notes' symbols to the names of its own."""

    def __init__(self, kind: Any, theta: Any, eta: float, slots: Mapping[str, str], **settings: Any) -> None:
        self.many, self.slots, self.eta = isinstance(theta, list), slots, eta
        self.parameters = [tf.Variable(tensor) for tensor in (theta if self.many else [theta])]
        exact = {name: tf.constant(value, tf.float64) for name, value in settings.items()}  # a float would be taken for float32
        self.optimizer = kind(lambda: tf.constant(self.eta, tf.float64), **exact)

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        self.eta = self.eta if eta is None else eta
        self.optimizer.apply_gradients(zip(gradient if self.many else [gradient], self.parameters, strict=True))
        return self._copies(self.parameters)

    def state(self) -> dict[str, Any]:
        return {name: self._copies([self.optimizer.get_slot(v, slot) for v in self.parameters]) for name, slot in self.slots.items()}

    def _copies(self, variables: Sequence[Any]) -> Any:
        copies = [tf.identity(variable) for variable in variables]
        return copies if self.many else copies[0]


def show(device: str) -> None:
    """Show TensorFlow the GPU, or none."""
    if device not in ("cpu", "cuda"):
        raise TypeError(f"device={device!r} is neither 'cpu' nor 'cuda'")
    found = tf.config.list_physical_devices("GPU") if device == "cuda" else []
    if device == "cuda" and not found:
        raise RuntimeError("TensorFlow sees no GPU")
    tf.config.set_visible_devices(found, "GPU")


def _narrow(t: Any) -> Any:
    if t.dtype == tf.float64:
        raise NotOffered("the losses of tf.compat.v1 compute in float32")
    return t


def _fused(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """The fused kernel, which takes images, and parameters of float32."""
    if x.dtype == tf.float64:
        raise NotOffered("the fused kernel takes float32 at most")
    images, scale, offset = x[:, None, None, :], tf.cast(gamma, tf.float32), tf.cast(beta, tf.float32)
    y, *_ = tf.raw_ops.FusedBatchNormV3(x=images, scale=scale, offset=offset, mean=[], variance=[], epsilon=epsilon)
    return y[:, 0, 0, :]


def _flushing(dtypes: Sequence[str]) -> str:
    """The dtypes in which TensorFlow takes subnormal numbers for 0."""
    least = {dtype: tf.as_dtype(dtype).as_numpy_dtype for dtype in dtypes}
    ones = {dtype: np.ones(1000, kind) for dtype, kind in least.items()}
    small = {dtype: tf.constant(np.nextafter(0 * one, one)) for dtype, one in ones.items()}
    return ", ".join(dtype for dtype, tensor in small.items() if not np.any((tensor + tensor).numpy())) or "none"
