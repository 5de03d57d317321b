"""tinygrad by its public API, on the device that ``--device`` or ``DEV`` names or that it finds; gradients by ``Tensor.gradient``.

Its CPU device compiles with clang, or what ``CC`` names: the package ziglang has one, as ``python -m ziglang clang``, which
takes a script of one line to be a command. ``DEV=PYTHON`` needs no compiler and is slow. Either way a kernel is planned for
every call, in some 30 milliseconds, so that thousands of small layers of initial weights take minutes.

The default dtype is that of the arrays at hand. Optimizers keep their state in the dtype of the environment's ``OPTIM_DTYPE``,
float32 unless it is set; for wider parameters they are not offered. There are no losses but cross-entropies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

import ml_dtypes
import numpy as np
from tinygrad import Context, Device, Tensor, dtypes, nn
from tinygrad.helpers import DEV, getenv

from eqwise.conformance.adapter import Adapter, NotOffered

_WIDTHS = {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16}


class TinygradAdapter(Adapter):
    """tinygrad, every tensor realized at once."""

    name = "tinygrad"
    version = metadata.version("tinygrad")
    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(self, device: str = "") -> None:
        if device:
            DEV.value = device.upper()
        try:
            renderer = type(Device[Device.DEFAULT].renderer).__name__
        except Exception as error:
            raise RuntimeError(f"tinygrad has no device: set CC to a clang, or DEV=PYTHON ({error})") from error
        self.settings = {"device": Device.DEFAULT, "renderer": renderer, "optim_dtype": _kept()}  # type: ignore[misc]

    def from_numpy(self, array: Any) -> Tensor:
        if array.dtype == ml_dtypes.bfloat16:
            return self.from_numpy(array.astype(np.float32)).cast(dtypes.bfloat16).realize()
        own = np.array(array, order="C")  # tinygrad would read the caller's memory later
        return Tensor(own.reshape(-1)).reshape(own.shape).realize()  # alone, a number would be taken for a constant

    def to_numpy(self, value: Tensor) -> Any:
        array = np.array(value.numpy())
        return array.astype(ml_dtypes.bfloat16) if value.dtype == dtypes.bfloat16 else array

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: Tensor, **hyper: Any) -> list[Any]:
        flat = [leaf for item in inputs for leaf in (item if isinstance(item, list) else [item])]
        found = iter(_gradients(getattr(self, operation)(*inputs, **hyper), flat, cotangent))
        return [[next(found) for _ in item] if isinstance(item, list) else next(found) for item in inputs]

    # section 3, networks
    def dense(self, x: Any, W: Any, b: Any) -> Any: return x.linear(W, b)

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = self._activated(activation, self.dense(x, W, b))
        return self._activated(output, self.dense(x, weights[-1], biases[-1]))

    def _activated(self, name: str, u: Any) -> Any:
        if not self.offers(name):
            raise NotOffered(f"tinygrad has no {name}")
        return getattr(self, name)(u)

    # section 4, activations
    def logistic(self, x: Any) -> Any: return x.sigmoid()
    def tanh(self, x: Any) -> Any: return x.tanh()
    def softplus(self, x: Any) -> Any: return x.softplus()
    def relu(self, x: Any) -> Any: return x.relu()
    def leaky_relu(self, x: Any, alpha: float) -> Any: return x.leaky_relu(alpha)
    def elu(self, x: Any, alpha: float) -> Any: return x.elu(alpha)
    def identity(self, x: Any) -> Any: return x.contiguous()
    def softmax(self, x: Any) -> Any: return x.softmax()

    # section 7, losses
    def binary_cross_entropy(self, y: Any, t: Any) -> Any: return y.binary_crossentropy(t, reduction="sum")
    def logistic_binary_cross_entropy(self, u: Any, t: Any) -> Any: return u.binary_crossentropy_logits(t, reduction="sum")
    def softmax_cross_entropy(self, u: Any, t: Any) -> Any: return u.cross_entropy(t, reduction="sum")

    # section 9, back-propagation
    def network_gradients(
        self, x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str
    ) -> tuple[list[Any], list[Any]]:
        if (output, loss) not in _MEAN_LOSSES:
            raise NotOffered(f"tinygrad has no loss {loss} of the argument of {output}")
        u = self.network(x, weights, biases, activation, "identity")
        found = _gradients(_MEAN_LOSSES[output, loss](u, t), [*weights, *biases])
        return found[: len(weights)], found[len(weights) :]

    # section 10, optimizers
    def sgd(self, theta: Any, eta: float) -> Any: return _Optimizer(nn.optim.SGD, theta, lr=eta)
    def momentum(self, theta: Any, eta: float, alpha: float) -> Any:
        return _Optimizer(nn.optim.SGD, theta, {"v": ("b", -1)}, lr=eta, momentum=alpha, classic=True)
    def adam(self, theta: Any, eta: float, beta_1: float, beta_2: float, epsilon: float) -> Any:
        return _Optimizer(nn.optim.Adam, theta, {"m": ("m", 1), "v": ("v", 1)}, lr=eta, b1=beta_1, b2=beta_2, eps=epsilon)

    # section 11, initialization; tinygrad keeps weights as (n_out, n_in)
    def uniform(self, shape: Any, seed: int, dtype: str) -> Any: return _drawn(Tensor.uniform, shape, seed, dtype, low=-1.0, high=1.0)
    def he(self, shape: Any, seed: int, dtype: str) -> Any: return _drawn(Tensor.kaiming_normal, shape, seed, dtype, a=0.0)
    def gauss(self, shape: Any, seed: int, dtype: str) -> Any: return _drawn(Tensor.randn, shape, seed, dtype)
    def bias(self, shape: Any, dtype: str) -> Any: return Tensor.zeros(*shape, dtype=dtype)

    # section 12, regularization
    def dropout(self, x: Any, p: float, seed: int, training: bool) -> Any:
        layer = _Dropout(p, seed)
        return layer.train(x) if training else layer.infer(x)

    def dropout_layer(self, p: float, seed: int) -> Any: return _Dropout(p, seed)

    def batch_norm(self, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        layer = _BatchNorm(len(gamma), epsilon, 0.1, _name(x))
        layer.gamma, layer.beta = gamma, beta
        return layer.train(x)

    def batch_norm_layer(self, features: int, epsilon: float, rate: float, dtype: str) -> Any:
        return _BatchNorm(features, epsilon, rate, dtype)


_MEAN_LOSSES: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {  # mean over the batch, as (28) and (29) scale it
    ("logistic", "binary_cross_entropy"): lambda u, t: u.binary_crossentropy_logits(t, reduction="sum") / len(u),
    ("softmax", "cross_entropy"): lambda u, t: u.cross_entropy(t),
}


def _gradients(result: Tensor, leaves: Sequence[Any], cotangent: Tensor | None = None) -> list[Any]:
    """One for each leaf, of zeros where the result does not depend on it."""
    return [gradient.realize() for gradient in result.gradient(*leaves, gradient=cotangent)]


def _name(tensor: Tensor) -> str:
    return {dtype: name for name in _WIDTHS for dtype in [getattr(dtypes, name)]}[tensor.dtype]


def _kept() -> str:
    """The dtype in which optimizers keep their state."""
    return str(getenv("OPTIM_DTYPE", "float32"))


class _Optimizer:
    """One of nn.optim's over copies of theta; `slots` maps the notes' symbols to its attributes and their signs."""

    def __init__(self, kind: Any, theta: Any, slots: Mapping[str, tuple[str, int]] | None = None, **settings: Any) -> None:
        self.many, self.slots = isinstance(theta, list), slots or {}
        given = theta if self.many else [theta]
        if any(not tensor.shape for tensor in given):
            raise NotOffered("nn.optim cannot broadcast its learning rate to a parameter without dimensions")
        if slots and _WIDTHS[_kept()] < _WIDTHS[_name(given[0])]:
            raise NotOffered(f"nn.optim keeps its state in {_kept()}: set OPTIM_DTYPE")
        self.parameters = [tensor.clone().realize() for tensor in given]
        with Context(DEFAULT_FLOAT=_name(given[0])):
            self.optimizer = kind(self.parameters, **settings)

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        if eta is not None:
            self.optimizer.lr.assign([eta]).realize()
        for parameter, g in zip(self.parameters, gradient if self.many else [gradient], strict=True):
            parameter.grad = g
        with Context(TRAINING=1):
            self.optimizer.step()
        return self._copies(self.parameters)

    def state(self) -> dict[str, Any]:
        kept = {name: [sign * tensor for tensor in getattr(self.optimizer, slot)] for name, (slot, sign) in self.slots.items()}
        return {name: self._copies(tensors) for name, tensors in kept.items() if tensors}  # a momentum of 0 keeps nothing

    def _copies(self, tensors: Sequence[Tensor]) -> Any:
        copies = [tensor.clone().realize() for tensor in tensors]
        return copies if self.many else copies[0]


def _drawn(function: Any, shape: tuple[int, int], seed: int, dtype: str, **settings: Any) -> Tensor:
    n_in, n_out = shape
    Tensor.manual_seed(seed)
    with Context(DEFAULT_FLOAT=dtype):
        return function(n_out, n_in, dtype=dtype, **settings).T.contiguous().realize()  # type: ignore[no-any-return]


class _Dropout:
    """Dropout that draws on from where its last pass ended, whatever else has drawn in between."""

    def __init__(self, p: float, seed: int) -> None:
        self.p, self.seed, self.drawn = p, seed, 0

    def train(self, x: Any) -> Any:
        Tensor.manual_seed(self.seed)
        if self.drawn:
            Tensor.rand(self.drawn)
        self.drawn += x.numel()
        with Context(TRAINING=1):
            return x.dropout(self.p).contiguous()

    def infer(self, x: Any) -> Any: return x.dropout(self.p).contiguous()


class _BatchNorm:
    """nn.BatchNorm under the notes' names."""

    def __init__(self, features: int, epsilon: float, rate: float, dtype: str) -> None:
        with Context(DEFAULT_FLOAT=dtype):
            self.layer = nn.BatchNorm(features, eps=epsilon, momentum=rate)

    def train(self, x: Any) -> Any:
        if len(x) == 1:
            raise NotOffered("the running variance of nn.BatchNorm divides by m - 1")
        with Context(TRAINING=1):
            return self.layer(x)

    def infer(self, x: Any) -> Any: return self.layer(x).realize()  # by the averages of now, which the next training assigns to

    gamma = property(lambda self: self.layer.weight, lambda self, value: setattr(self.layer, "weight", value))
    beta = property(lambda self: self.layer.bias, lambda self, value: setattr(self.layer, "bias", value))
    mean = property(lambda self: self.layer.running_mean)
    variance = property(lambda self: self.layer.running_var)
