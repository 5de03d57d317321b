"""JAX with Optax and Flax, by their public API; gradients by ``jax.vjp``, in 64 bits where asked for (``jax_enable_x64``).

Parameters that are documented are set as near to the notes as they go: no small number where the notes have none, and the
variance of batch normalization from deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen, nnx
from jax.nn import initializers

from eqwise.conformance.adapter import Adapter, NotOffered

_STATIC = {"network": ("activation", "output"), "network_gradients": ("activation", "output", "loss"), "dropout": ("p", "training")}
_NO_SLOTS: Mapping[str, str] = {}
_CHOICES = {
    "device": ("cpu", "cuda"),
    "jit": ("false", "true"),
    "epsilon": ("inside", "outside"),
    "momentum": ("sgd", "chain"),
    "initializers": ("named", "untruncated"),
    "layers": ("linen", "nnx"),
    "fast_variance": ("false", "true"),
}


class JaxAdapter(Adapter):
    """JAX on one device; each option chooses between public ways to the same operation, the first being the default.

    device         cpu, cuda; there must be one
    jit            false: functions operation by operation; true: compiled whole; the steps of optimizers always are
    epsilon        inside: `optax.adam(eps=0, eps_root=epsilon)`, `optax.rmsprop(eps_in_sqrt=True)`, its default;
                   outside: `optax.adam(eps=epsilon)`, its default, `optax.rmsprop(eps_in_sqrt=False)`
    momentum       sgd: `optax.sgd(momentum=alpha)`; chain: `optax.scale_by_learning_rate`, then `optax.trace`
    initializers   named: `glorot_normal`, `he_normal`; untruncated: `variance_scaling(…, "fan_in", "normal")`
    layers         linen: `flax.linen.BatchNorm`, `Dropout`; nnx: those of `flax.nnx`, for the layers with a memory
    fast_variance  false, true: `use_fast_variance` of Flax's BatchNorm, whose default is true
    """

    name = "jax"
    version = jax.__version__
    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(
        self,
        device: str = "cpu",
        jit: str = "false",
        epsilon: str = "inside",
        momentum: str = "sgd",
        initializers: str = "named",
        layers: str = "linen",
        fast_variance: str = "false",
    ) -> None:
        chosen = dict(zip(_CHOICES, (device, jit, epsilon, momentum, initializers, layers, fast_variance), strict=True))
        for option, value in chosen.items():
            if value not in _CHOICES[option]:
                raise TypeError(f"{option}={value!r} is none of {', '.join(_CHOICES[option])}")
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_device", jax.devices(device)[0])
        self.inside, self.fast_variance = epsilon == "inside", fast_variance == "true"
        self.chained, self.named = momentum == "chain", initializers == "named"
        self.environment = {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": device}  # type: ignore[misc]
        self.layers = _LINEN if layers == "linen" else _NNX
        versions = {"jaxlib": jax.lib.__version__, "optax": optax.__version__, "flax": flax.__version__}
        self.settings = {**chosen, "x64": True, "flushes": _flushing(self.dtypes), **versions}  # type: ignore[misc]
        for operation in _FUNCTIONS if jit == "true" else ():
            setattr(self, operation, jax.jit(getattr(self, operation), static_argnames=_STATIC.get(operation, ())))

    def from_numpy(self, array: Any) -> jax.Array: return jnp.array(array)
    def to_numpy(self, value: jax.Array) -> Any: return np.asarray(value)

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: jax.Array, **hyper: Any) -> list[Any]:
        result, pull = jax.vjp(partial(getattr(self, operation), **hyper), *inputs)
        return list(pull(cotangent.astype(result.dtype)))

    # section 2, perceptron
    def step(self, x: Any) -> Any: return jnp.heaviside(x, 0.0)
    def perceptron(self, x: Any, W: Any, b: Any) -> Any: return self.step(self.dense(x, W, b))

    # section 3, networks
    def dense(self, x: Any, W: Any, b: Any) -> Any: return linen.Dense(len(b)).apply({"params": {"kernel": W, "bias": b}}, x)

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = getattr(self, activation)(self.dense(x, W, b))
        return getattr(self, output)(self.dense(x, weights[-1], biases[-1]))

    # section 4, activations
    def logistic(self, x: Any) -> Any: return jax.nn.sigmoid(x)
    def tanh(self, x: Any) -> Any: return jax.nn.tanh(x)
    def softplus(self, x: Any) -> Any: return jax.nn.softplus(x)
    def relu(self, x: Any) -> Any: return jax.nn.relu(x)
    def leaky_relu(self, x: Any, alpha: float) -> Any: return jax.nn.leaky_relu(x, alpha)
    def prelu(self, x: Any, a: Any) -> Any: return nnx.PReLU(a, param_dtype=a.dtype)(x)
    def elu(self, x: Any, alpha: float) -> Any: return jax.nn.elu(x, alpha)
    def identity(self, x: Any) -> Any: return jax.nn.identity(x)
    def softmax(self, x: Any) -> Any: return jax.nn.softmax(x, axis=-1)

    # section 6, metrics
    def mse(self, t: Any, y: Any) -> Any: return optax.squared_error(y, t).mean()  # as its documentation says

    def accuracy(self, actual: Any, predicted: Any) -> Any:
        metric = nnx.metrics.Accuracy(threshold=0.5)
        metric.update(logits=jnp.asarray(predicted, float), labels=jnp.asarray(actual, int))
        return metric.compute()

    # section 7, losses
    def sum_of_squares(self, y: Any, t: Any) -> Any: return optax.l2_loss(y, t).sum()
    def logistic_binary_cross_entropy(self, u: Any, t: Any) -> Any: return optax.sigmoid_binary_cross_entropy(u, t).sum()
    def softmax_cross_entropy(self, u: Any, t: Any) -> Any: return optax.softmax_cross_entropy(u, t)
    def hinge(self, y: Any, t: Any) -> Any: return optax.hinge_loss(y, t)
    def huber(self, y: Any, t: Any, delta: float) -> Any: return optax.huber_loss(y, t, delta=delta)

    # section 9, back-propagation
    def network_gradients(
        self, x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str
    ) -> tuple[list[Any], list[Any]]:
        if (output, loss) not in _MEAN_LOSSES:
            raise NotOffered(f"Optax has no loss {loss} of the argument of {output}")

        def mean_loss(parameters: tuple[list[Any], list[Any]]) -> Any:
            return _MEAN_LOSSES[output, loss](self.network(x, *parameters, activation, "identity"), t)

        return jax.grad(mean_loss)((weights, biases))

    # section 10, optimizers
    def sgd(self, theta: Any, eta: float) -> Any: return _Optimizer(optax.sgd, theta, eta)
    def momentum(self, theta: Any, eta: float, alpha: float) -> Any:
        return _Optimizer(_sgd_by_chain if self.chained else optax.sgd, theta, eta, {"v": "trace"}, momentum=alpha)
    def adagrad(self, theta: Any, eta: float) -> Any:
        return _Optimizer(optax.adagrad, theta, eta, {"h": "sum_of_squares"}, initial_accumulator_value=0.0, eps=0.0)
    def rmsprop(self, theta: Any, eta: float, alpha: float, epsilon: float) -> Any:
        return _Optimizer(optax.rmsprop if self.inside else _rmsprop_outside, theta, eta, {"h": "nu"}, decay=alpha, eps=epsilon)
    def adam(self, theta: Any, eta: float, beta_1: float, beta_2: float, epsilon: float) -> Any:
        small = {"eps": 0.0, "eps_root": epsilon} if self.inside else {"eps": epsilon}
        return _Optimizer(optax.adam, theta, eta, {"m": "mu", "v": "nu"}, b1=beta_1, b2=beta_2, **small)

    # section 11, initialization
    def uniform(self, shape: Any, seed: int, dtype: str) -> Any: return jax.random.uniform(jax.random.key(seed), shape, dtype, -1.0, 1.0)
    def xavier(self, shape: Any, seed: int, dtype: str) -> Any:
        draw = initializers.glorot_normal() if self.named else initializers.variance_scaling(1.0, "fan_in", "normal")
        return draw(jax.random.key(seed), shape, dtype)
    def he(self, shape: Any, seed: int, dtype: str) -> Any:
        draw = initializers.he_normal() if self.named else initializers.variance_scaling(2.0, "fan_in", "normal")
        return draw(jax.random.key(seed), shape, dtype)
    def gauss(self, shape: Any, seed: int, dtype: str) -> Any: return initializers.normal(1.0)(jax.random.key(seed), shape, dtype)
    def bias(self, shape: Any, dtype: str) -> Any: return initializers.zeros(jax.random.key(0), shape, dtype)

    # section 12, regularization
    def dropout(self, x: Any, p: float, seed: int, training: bool) -> Any:
        return linen.Dropout(p, deterministic=not training).apply({}, x, rngs={"dropout": jax.random.key(seed)})

    def dropout_layer(self, p: float, seed: int) -> Any: return self.layers["dropout"](p, seed)

    def batch_norm(self, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        layer = linen.BatchNorm(use_running_average=False, epsilon=epsilon, use_fast_variance=self.fast_variance)
        return layer.apply({"params": {"scale": gamma, "bias": beta}}, x, mutable=["batch_stats"])[0]

    def batch_norm_layer(self, features: int, epsilon: float, rate: float, dtype: str) -> Any:
        return self.layers["batch_norm"](features, dtype, epsilon=epsilon, momentum=1 - rate, use_fast_variance=self.fast_variance)


_FUNCTIONS = (
    "step", "perceptron", "dense", "network", "logistic", "tanh", "softplus", "relu", "leaky_relu", "prelu", "elu", "identity",
    "softmax", "mse", "sum_of_squares", "logistic_binary_cross_entropy", "softmax_cross_entropy", "hinge", "huber",
    "network_gradients", "dropout", "batch_norm",
)  # fmt: skip

_MEAN_LOSSES: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {  # mean over the batch of sums over outputs
    ("identity", "sum_of_squares"): lambda u, t: optax.l2_loss(u, t).sum(-1).mean(),
    ("logistic", "binary_cross_entropy"): lambda u, t: optax.sigmoid_binary_cross_entropy(u, t).sum(-1).mean(),
    ("softmax", "cross_entropy"): lambda u, t: optax.softmax_cross_entropy(u, t).mean(),
}


def _flushing(dtypes: Sequence[str]) -> list[str]:
    """The dtypes in which half of the smallest normal number becomes 0."""
    return [name for name in dtypes if np.asarray(jnp.array(jnp.finfo(name).tiny) / 2) == 0]


def _sgd_by_chain(eta: float, momentum: float) -> Any: return optax.chain(optax.scale_by_learning_rate(eta), optax.trace(momentum))
def _rmsprop_outside(eta: float, **settings: float) -> Any: return optax.rmsprop(eta, eps_in_sqrt=False, **settings)


@partial(jax.jit, static_argnames=("kind",))
def _stepped(kind: Any, settings: Mapping[str, float], eta: float, gradient: Any, kept: Any, theta: Any) -> tuple[Any, Any]:
    """New parameters and state; the optimizer is made anew, since eta is no part of its state."""
    updates, fresh = kind(eta, **settings).update(gradient, kept, theta)
    return optax.apply_updates(theta, updates), fresh


class _Optimizer:
    """One of Optax's, its steps compiled; `slots` maps the notes' symbols to the names in its state."""

    def __init__(self, kind: Any, theta: Any, eta: float, slots: Mapping[str, str] = _NO_SLOTS, **settings: float) -> None:
        self.kind, self.theta, self.eta, self.slots, self.settings = kind, theta, eta, slots, settings
        self.kept = kind(eta, **settings).init(theta)

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        self.eta = self.eta if eta is None else eta
        self.theta, self.kept = _stepped(self.kind, self.settings, self.eta, gradient, self.kept, self.theta)
        return self.theta

    def state(self) -> dict[str, Any]: return {name: optax.tree.get(self.kept, slot) for name, slot in self.slots.items()}


class _LinenDropout:
    """flax.linen.Dropout with a new key for each pass."""

    def __init__(self, p: float, seed: int) -> None: self.layer, self.key = linen.Dropout(p), jax.random.key(seed)

    def train(self, x: Any) -> Any:
        self.key, now = jax.random.split(self.key)
        return self.layer.apply({}, x, deterministic=False, rngs={"dropout": now})

    def infer(self, x: Any) -> Any: return self.layer.apply({}, x, deterministic=True)


class _LinenBatchNorm:
    """flax.linen.BatchNorm with its variables under the notes' names; its momentum is the weight of what was.

    Statistics are at least float32; told not to force that, they are float64 where the layer is.
    """

    def __init__(self, features: int, dtype: str, **settings: Any) -> None:
        self.layer = linen.BatchNorm(param_dtype=dtype, force_float32_reductions=dtype != "float64", **settings)
        self.variables = self.layer.init(jax.random.key(0), jnp.ones((2, features), dtype), use_running_average=True)

    def train(self, x: Any) -> Any:
        y, fresh = self.layer.apply(self.variables, x, use_running_average=False, mutable=["batch_stats"])
        self.variables = {**self.variables, **fresh}
        return y

    def infer(self, x: Any) -> Any: return self.layer.apply(self.variables, x, use_running_average=True)

    def _set(self, name: str, value: Any) -> None:
        self.variables = {**self.variables, "params": {**self.variables["params"], name: value}}

    gamma = property(lambda self: self.variables["params"]["scale"], lambda self, value: self._set("scale", value))
    beta = property(lambda self: self.variables["params"]["bias"], lambda self, value: self._set("bias", value))
    mean = property(lambda self: self.variables["batch_stats"]["mean"])
    variance = property(lambda self: self.variables["batch_stats"]["var"])


class _NnxDropout:
    """flax.nnx.Dropout."""

    def __init__(self, p: float, seed: int) -> None: self.layer = nnx.Dropout(p, rngs=nnx.Rngs(seed))
    def train(self, x: Any) -> Any: return self.layer(x, deterministic=False)
    def infer(self, x: Any) -> Any: return self.layer(x, deterministic=True)


class _NnxBatchNorm:
    """flax.nnx.BatchNorm under the notes' names; its momentum is the weight of what was."""

    def __init__(self, features: int, dtype: str, **settings: Any) -> None:
        self.layer = nnx.BatchNorm(features, param_dtype=dtype, rngs=nnx.Rngs(0), **settings)

    def train(self, x: Any) -> Any: return self.layer(x, use_running_average=False)
    def infer(self, x: Any) -> Any: return self.layer(x, use_running_average=True)
    def _set(self, name: str, value: Any) -> None: getattr(self.layer, name)[...] = value

    gamma = property(lambda self: self.layer.scale[...], lambda self, value: self._set("scale", value))
    beta = property(lambda self: self.layer.bias[...], lambda self, value: self._set("bias", value))
    mean = property(lambda self: self.layer.mean[...])
    variance = property(lambda self: self.layer.var[...])


_LINEN: Mapping[str, Any] = {"dropout": _LinenDropout, "batch_norm": _LinenBatchNorm}
_NNX: Mapping[str, Any] = {"dropout": _NnxDropout, "batch_norm": _NnxBatchNorm}
