"""Keras 3 by its public API; gradients by its backend, in the backend's own way.

``--adapter-option backend=jax`` takes JAX in place of TensorFlow, without float64, which Keras' promotion takes for float32 there;
``--device cuda`` a GPU in place of the CPU. The fuzz factor that Keras documents is 0, and what is computed in floatx is computed
in the dtype at hand; ``defaults=true`` keeps the factor at 1e-7, and takes the initializers and the start of AdaGrad's sum that
Keras has unless told otherwise.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from eqwise.conformance.adapter import Adapter, NotOffered

if importlib.util.find_spec("keras") is None:
    raise ModuleNotFoundError("No module named 'keras'", name="keras")

keras: Any = None  # imported when the backend is chosen: Keras asks for it once, on import
_BACKENDS = ("tensorflow", "jax")


class KerasAdapter(Adapter):
    """Keras on one device."""

    name = "keras"
    version = "3"
    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(self, backend: str = "tensorflow", defaults: str = "false", device: str = "cpu") -> None:
        if backend not in _BACKENDS:
            raise TypeError(f"backend={backend!r} is none of {', '.join(_BACKENDS)}")
        if defaults not in ("true", "false"):
            raise TypeError(f"defaults={defaults!r} is neither 'true' nor 'false'")
        _import(backend, device)
        self.defaults, self.fuzz = defaults == "true", 1e-7 if defaults == "true" else 0.0
        self.version = keras.__version__  # type: ignore[misc]
        self.environment = {"KERAS_BACKEND": backend}  # type: ignore[misc]
        if backend != "tensorflow":
            self.dtypes = ("float32", "float16", "bfloat16")  # type: ignore[assignment, misc]
        self.seed_bits = {"tensorflow": 30, "jax": 32}[backend]  # type: ignore[misc]  # the former takes seeds modulo 2^31 - 2
        version = importlib.import_module(backend).__version__
        self.settings = {"backend": f"{backend} {version}", "defaults": defaults, "device": device}  # type: ignore[misc]
        self.pullback = {"tensorflow": _by_tape, "jax": _by_jax}[backend]
        self.compiled = {"tensorflow": _as_graph, "jax": _as_program}[backend]

    def from_numpy(self, array: Any) -> Any:
        return keras.ops.convert_to_tensor(array.copy(), dtype=array.dtype.name)  # with JAX a tensor may be the array that it is made of
    def to_numpy(self, value: Any) -> Any:
        return keras.ops.convert_to_numpy(keras.ops.reshape(value, (-1,))).reshape(value.shape)  # a bfloat16 scalar is none of NumPy's

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: Any, **hyper: Any) -> list[Any]:
        if operation in ("rmse", "r_squared"):
            raise NotOffered("a metric of Keras keeps sums, and has no gradient")
        return self.pullback(lambda *given: getattr(self, operation)(*given, **hyper), inputs, cotangent)

    # section 2, perceptron
    def step(self, x: Any) -> Any: return keras.ops.heaviside(x, keras.ops.zeros_like(x))
    def perceptron(self, x: Any, W: Any, b: Any) -> Any: return self.step(self.dense(x, W, b))

    # section 3, networks
    def dense(self, x: Any, W: Any, b: Any) -> Any:
        return _dense(*W.shape, _dtype(x)).stateless_call([W, b], [], x)[0]

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        if activation == "tanh" and _dtype(x) == "float64" and keras.config.backend() == "jax":
            raise NotOffered("keras.ops.tanh is of float32 on JAX")
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = getattr(self, activation)(self.dense(x, W, b))
        return getattr(self, output)(self.dense(x, weights[-1], biases[-1]))

    # section 4, activations
    def logistic(self, x: Any) -> Any: return keras.activations.sigmoid(x)
    def tanh(self, x: Any) -> Any: return keras.activations.tanh(x)
    def softplus(self, x: Any) -> Any: return keras.activations.softplus(x)
    def relu(self, x: Any) -> Any: return keras.activations.relu(x)
    def leaky_relu(self, x: Any, alpha: float) -> Any: return keras.activations.leaky_relu(x, negative_slope=alpha)
    def prelu(self, x: Any, a: Any) -> Any:
        layer = keras.layers.PReLU(dtype=_dtype(x))
        layer.build(x.shape)  # which has a slope for each place of a sample
        return layer.stateless_call([keras.ops.broadcast_to(a, x.shape[1:])], [], x)[0]
    def elu(self, x: Any, alpha: float) -> Any: return keras.activations.elu(x, alpha=alpha)
    def identity(self, x: Any) -> Any: return keras.activations.linear(x)
    def softmax(self, x: Any) -> Any: return keras.activations.softmax(x)

    # section 6, metrics
    def confusion_matrix(self, actual: Any, predicted: Any) -> Any:
        names = ("TruePositives", "FalseNegatives", "FalsePositives", "TrueNegatives")
        return keras.ops.reshape(keras.ops.stack([_counted(name)(actual, predicted) for name in names]), (2, 2))
    def accuracy(self, actual: Any, predicted: Any) -> Any: return _counted("BinaryAccuracy")(actual, predicted)
    def precision(self, actual: Any, predicted: Any) -> Any: return _counted("Precision")(actual, predicted)
    def recall(self, actual: Any, predicted: Any) -> Any: return _counted("Recall")(actual, predicted)
    def f_measure(self, actual: Any, predicted: Any) -> Any:
        keras.config.set_epsilon(self.fuzz)
        return keras.metrics.F1Score(average="micro", threshold=0.5)(actual[:, None], predicted[:, None])
    def mse(self, t: Any, y: Any) -> Any: return keras.losses.mean_squared_error(t, y)
    def mae(self, t: Any, y: Any) -> Any: return keras.losses.mean_absolute_error(t, y)
    def rmse(self, t: Any, y: Any) -> Any: return _metric(keras.metrics.RootMeanSquaredError, y)(t, y)
    def r_squared(self, t: Any, y: Any) -> Any: return _metric(keras.metrics.R2Score, y)(t[:, None], y[:, None])

    # section 7, losses; Keras means over the outputs of a sample, so that each output is a sample here where a sum is asked for
    def sum_of_squares(self, y: Any, t: Any) -> Any: return self._summed(keras.losses.MeanSquaredError, y, t)
    def binary_cross_entropy(self, y: Any, t: Any) -> Any: return self._summed(keras.losses.BinaryCrossentropy, y, t)
    def cross_entropy(self, y: Any, t: Any) -> Any:
        keras.config.set_epsilon(self.fuzz)
        return keras.losses.categorical_crossentropy(t, y)
    def logistic_binary_cross_entropy(self, u: Any, t: Any) -> Any:
        return self._summed(keras.losses.BinaryCrossentropy, u, t, from_logits=True)
    def softmax_cross_entropy(self, u: Any, t: Any) -> Any: return keras.losses.categorical_crossentropy(t, u, from_logits=True)
    def hinge(self, y: Any, t: Any) -> Any: return keras.losses.hinge(t[..., None], y[..., None])
    def huber(self, y: Any, t: Any, delta: float) -> Any: return keras.losses.huber(t[..., None], y[..., None], delta=delta)

    def _summed(self, loss: Any, y: Any, t: Any, **settings: Any) -> Any:
        keras.config.set_epsilon(self.fuzz)
        return loss(reduction="sum", dtype=_dtype(y), **settings)(t[:, None], y[:, None])

    # section 9, back-propagation
    def network_gradients(
        self, x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str
    ) -> tuple[list[Any], list[Any]]:
        if (output, loss) not in _MEAN_LOSSES:
            raise NotOffered(f"Keras has no loss {loss} of the argument of {output}")
        mean = _MEAN_LOSSES[output, loss]

        def error(weights: Any, biases: Any) -> Any:
            return mean(self.network(x, weights, biases, activation, "identity"), t)

        found = self.pullback(error, (weights, biases), keras.ops.ones((), _dtype(x)), unconnected="zero")
        return found[0], found[1]

    # section 10, optimizers
    def sgd(self, theta: Any, eta: float) -> Any: return self._optimizer("SGD", theta, eta, {})
    def momentum(self, theta: Any, eta: float, alpha: float) -> Any:
        return self._optimizer("SGD", theta, eta, {"v": "momentum"}, momentum=alpha)
    def adagrad(self, theta: Any, eta: float) -> Any:
        settings = {} if self.defaults else {"initial_accumulator_value": 0.0, "epsilon": 0.0}
        return self._optimizer("Adagrad", theta, eta, {"h": "accumulator"}, **settings)
    def rmsprop(self, theta: Any, eta: float, alpha: float, epsilon: float) -> Any:
        return self._optimizer("RMSprop", theta, eta, {"h": "velocity"}, rho=alpha, epsilon=epsilon)
    def adam(self, theta: Any, eta: float, beta_1: float, beta_2: float, epsilon: float) -> Any:
        slots = {"m": "momentum", "v": "velocity"}
        return self._optimizer("Adam", theta, eta, slots, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def _optimizer(self, kind: str, theta: Any, eta: float, slots: Mapping[str, str], **settings: Any) -> Any:
        keras.config.set_floatx(_dtype(theta[0] if isinstance(theta, list) else theta))  # that of the learning rate
        return _Optimizer(getattr(keras.optimizers, kind)(eta, **settings), theta, slots, self.compiled)

    # section 11, initialization
    def uniform(self, shape: Any, seed: int, dtype: str) -> Any: return keras.initializers.RandomUniform(-1.0, 1.0, seed)(shape, dtype)
    def xavier(self, shape: Any, seed: int, dtype: str) -> Any:
        return (keras.initializers.GlorotNormal(seed) if self.defaults else _scaled(1.0, seed))(shape, dtype)
    def he(self, shape: Any, seed: int, dtype: str) -> Any:
        return (keras.initializers.HeNormal(seed) if self.defaults else _scaled(2.0, seed))(shape, dtype)
    def gauss(self, shape: Any, seed: int, dtype: str) -> Any: return keras.initializers.RandomNormal(0.0, 1.0, seed)(shape, dtype)
    def bias(self, shape: Any, dtype: str) -> Any: return keras.initializers.Zeros()(shape, dtype)

    # section 12, regularization
    def l2(self, weights: Sequence[Any], lambda_: float) -> Any: return sum(map(keras.regularizers.L2(lambda_), weights))

    def dropout(self, x: Any, p: float, seed: int, training: bool) -> Any:
        return keras.layers.Dropout(p, seed=seed, autocast=False)(x, training=training)

    def dropout_layer(self, p: float, seed: int) -> Any: return _Dropout(p, seed)

    def batch_norm(self, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        layer = _batch_norm(x.shape[1], _dtype(x), epsilon=epsilon)
        return layer.stateless_call([gamma, beta], layer.non_trainable_variables, x, training=True)[0]

    def batch_norm_layer(self, features: int, epsilon: float, rate: float, dtype: str) -> Any:
        return _BatchNorm(_batch_norm(features, dtype, epsilon=epsilon, momentum=1 - rate))


_MEAN_LOSSES: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {  # mean over the batch, as (27) to (29) scale it
    ("identity", "sum_of_squares"): lambda u, t: keras.losses.MeanSquaredError(dtype=_dtype(u))(t, u) * (u.shape[1] / 2),
    ("logistic", "binary_cross_entropy"):
        lambda u, t: keras.losses.BinaryCrossentropy(from_logits=True, dtype=_dtype(u))(t, u) * u.shape[1],
    ("softmax", "cross_entropy"): lambda u, t: keras.losses.CategoricalCrossentropy(from_logits=True, dtype=_dtype(u))(t, u),
}  # fmt: skip


def _import(backend: str, device: str) -> None:
    global keras
    os.environ["KERAS_BACKEND"] = backend
    keras = importlib.import_module("keras")
    if keras.config.backend() != backend:
        raise RuntimeError(f"Keras was imported before, with the backend {keras.config.backend()}")
    if backend == "jax":
        jax = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_device", jax.devices(device)[0])
    else:
        importlib.import_module("eqwise.conformance.adapters.tensorflow").show(device)


def _dtype(tensor: Any) -> str:
    return keras.backend.standardize_dtype(tensor.dtype)  # type: ignore[no-any-return]


def _counted(name: str) -> Any:
    """A metric that counts, at its start."""
    metric = _counting(name)
    metric.reset_state()
    return metric


@lru_cache(maxsize=8)
def _counting(name: str) -> Any:
    keras.config.set_floatx("float32")
    return getattr(keras.metrics, name)()


def _metric(kind: Any, y: Any) -> Any:
    """A metric in the dtype of y; what it keeps is of floatx, whatever its own dtype."""
    keras.config.set_floatx(_dtype(y))
    return kind(dtype=_dtype(y))


@lru_cache(maxsize=64)
def _dense(n_in: int, n_out: int, dtype: str) -> Any:
    layer = keras.layers.Dense(n_out, dtype=dtype)
    layer.build((None, n_in))
    return layer


def _batch_norm(features: int, dtype: str, **settings: Any) -> Any:
    layer = keras.layers.BatchNormalization(dtype=dtype, **settings)
    layer.build((None, features))
    return layer


def _scaled(scale: float, seed: int) -> Any:
    return keras.initializers.VarianceScaling(scale, mode="fan_in", distribution="untruncated_normal", seed=seed)


def _by_tape(function: Callable[..., Any], inputs: Sequence[Any], cotangent: Any, unconnected: str = "none") -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        result = function(*inputs)
    return list(tape.gradient(result, inputs, output_gradients=cotangent, unconnected_gradients=unconnected))


def _by_jax(function: Callable[..., Any], inputs: Sequence[Any], cotangent: Any, unconnected: str = "zero") -> list[Any]:
    import jax

    return list(jax.vjp(function, *inputs)[1](cotangent))


def _as_graph(optimizer: Any, parameters: Sequence[Any]) -> Callable[[Sequence[Any]], None]:
    """The step of an optimizer in a graph, as Keras trains with TensorFlow."""
    import tensorflow as tf

    return tf.function(optimizer.apply)  # type: ignore[no-any-return]


def _as_program(optimizer: Any, parameters: Sequence[Any]) -> Callable[[Sequence[Any]], None]:
    """The step of an optimizer compiled, as Keras trains with JAX."""
    import jax

    compiled = jax.jit(optimizer.stateless_apply)

    def step(gradients: Sequence[Any]) -> None:
        found = compiled([v.value for v in optimizer.variables], gradients, [v.value for v in parameters])
        for variable, value in zip([*parameters, *optimizer.variables], [*found[0], *found[1]], strict=True):
            variable.assign(value)

    return step


class _Optimizer:
    """One of keras.optimizers over copies of theta; `slots` maps the notes' symbols to the ends of the names of its variables."""

    def __init__(self, optimizer: Any, theta: Any, slots: Mapping[str, str], compiled: Callable[..., Any]) -> None:
        self.many, self.slots, self.optimizer = isinstance(theta, list), slots, optimizer
        self.parameters = [keras.Variable(tensor, dtype=_dtype(tensor)) for tensor in (theta if self.many else [theta])]
        optimizer.build(self.parameters)
        self.apply = compiled(optimizer, self.parameters)

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        if eta is not None:
            self.optimizer.learning_rate = eta
        self.apply(gradient if self.many else [gradient])
        return self._copies(self.parameters)

    def state(self) -> dict[str, Any]:
        ends = {name: [v for v in self.optimizer.variables if v.name.endswith(f"_{slot}")] for name, slot in self.slots.items()}
        return {name: self._copies(kept) for name, kept in ends.items() if kept}

    def _copies(self, variables: Sequence[Any]) -> Any:
        copies = [keras.ops.copy(variable.value) for variable in variables]
        return copies if self.many else copies[0]


class _Dropout:
    """keras.layers.Dropout, which keeps the dtype of its input."""

    def __init__(self, p: float, seed: int) -> None:
        self.layer = keras.layers.Dropout(p, seed=seed, autocast=False)

    def train(self, x: Any) -> Any: return self.layer(x, training=True)
    def infer(self, x: Any) -> Any: return self.layer(x, training=False)


class _BatchNorm:
    """keras.layers.BatchNormalization under the notes' names."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def train(self, x: Any) -> Any: return self.layer(x, training=True)
    def infer(self, x: Any) -> Any: return self.layer(x, training=False)

    gamma = property(lambda self: self.layer.gamma, lambda self, value: self.layer.gamma.assign(value))
    beta = property(lambda self: self.layer.beta, lambda self, value: self.layer.beta.assign(value))
    mean = property(lambda self: self.layer.moving_mean)
    variance = property(lambda self: self.layer.moving_variance)
