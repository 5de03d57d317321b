"""PyTorch by its public API; gradients by its autograd.

Parameters that PyTorch documents are set as near to the notes as they go: softplus becomes linear only where its two
forms agree to the last bit. ``--adapter-option defaults=true`` runs PyTorch's own defaults instead, ``--device cuda`` another device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch.nn import functional as F
from torch.nn import init

from eqwise.conformance.adapter import Adapter, NotOffered

_DTYPES = {
    np.dtype(np.float64): torch.float64,
    np.dtype(np.float32): torch.float32,
    np.dtype(np.float16): torch.float16,
}
_DTYPE_OF = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_FIXED_TARGETS = ("logistic_loss",)  # PyTorch documents no gradient for the target


class TorchAdapter(Adapter):
    """PyTorch on one device."""

    name = "torch"
    version = torch.__version__
    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(self, defaults: str = "false", device: str = "cpu") -> None:
        if defaults not in ("true", "false"):
            raise TypeError(f"defaults={defaults!r} is neither 'true' nor 'false'")
        self.device = torch.zeros((), device=device).device  # which fails where there is none
        self.softplus_threshold = 20.0 if defaults == "true" else 40.0
        self.settings = {"threads": torch.get_num_threads(), "defaults": defaults, "device": device}  # type: ignore[misc]

    def from_numpy(self, array: Any) -> torch.Tensor:
        if array.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(np.array(array).view(np.int16)).view(torch.bfloat16).to(self.device)
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = np.array(array)  # PyTorch takes neither read-only arrays nor negative strides
        return torch.from_numpy(array).to(self.device)

    def to_numpy(self, value: torch.Tensor) -> Any:
        tensor = value.detach().cpu()
        if tensor.dtype == torch.bfloat16:
            return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return tensor.numpy()

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: torch.Tensor, **hyper: Any) -> list[Any]:
        fixed = () if operation not in _FIXED_TARGETS else (1,)
        leaves = [
            [_leaf(t) for t in item] if isinstance(item, list) else item if i in fixed else _leaf(item) for i, item in enumerate(inputs)
        ]
        flat = [t for item in leaves for t in (item if isinstance(item, list) else [item]) if t.requires_grad]
        found = iter(_gradients(getattr(self, operation)(*leaves, **hyper), flat, cotangent))

        def take(tensor: torch.Tensor) -> Any:
            return next(found) if tensor.requires_grad else None

        return [[take(t) for t in item] if isinstance(item, list) else take(item) for item in leaves]

    # section 2, perceptron
    def step(self, x: Any) -> Any:
        return torch.heaviside(x, x.new_zeros(()))

    def perceptron(self, x: Any, W: Any, b: Any) -> Any:
        return self.step(self.dense(x, W, b))

    # section 3, networks
    def dense(self, x: Any, W: Any, b: Any) -> Any:
        return F.linear(x, W.T, b)

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = getattr(self, activation)(self.dense(x, W, b))
        return getattr(self, output)(self.dense(x, weights[-1], biases[-1]))

    # section 4, activations
    def logistic(self, x: Any) -> Any: return torch.sigmoid(x)
    def tanh(self, x: Any) -> Any: return torch.tanh(x)
    def softplus(self, x: Any) -> Any: return F.softplus(x, threshold=self.softplus_threshold)
    def relu(self, x: Any) -> Any: return F.relu(x)
    def leaky_relu(self, x: Any, alpha: float) -> Any: return F.leaky_relu(x, negative_slope=alpha)
    def prelu(self, x: Any, a: Any) -> Any: return F.prelu(x, a)
    def elu(self, x: Any, alpha: float) -> Any: return F.elu(x, alpha=alpha)
    def identity(self, x: Any) -> Any: return torch.nn.Identity()(x)
    def softmax(self, x: Any) -> Any: return F.softmax(x, dim=-1)

    # section 6, metrics
    def mse(self, t: Any, y: Any) -> Any: return F.mse_loss(y, t)
    def mae(self, t: Any, y: Any) -> Any: return F.l1_loss(y, t)

    # section 7, losses
    def sum_of_squares(self, y: Any, t: Any) -> Any: return F.mse_loss(y, t, reduction="sum")
    def binary_cross_entropy(self, y: Any, t: Any) -> Any: return F.binary_cross_entropy(y, t, reduction="sum")
    def logistic_binary_cross_entropy(self, u: Any, t: Any) -> Any:
        return F.binary_cross_entropy_with_logits(u, t, reduction="sum")
    def softmax_cross_entropy(self, u: Any, t: Any) -> Any: return F.cross_entropy(u, t, reduction="sum")
    def logistic_loss(self, y: Any, t: Any) -> Any: return F.soft_margin_loss(y, t, reduction="none")
    def hinge(self, y: Any, t: Any) -> Any:
        return F.margin_ranking_loss(y, torch.zeros_like(y), t, margin=1.0, reduction="none")
    def huber(self, y: Any, t: Any, delta: float) -> Any: return F.huber_loss(y, t, reduction="none", delta=delta)

    # section 9, back-propagation
    def network_gradients(
        self, x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str
    ) -> tuple[list[Any], list[Any]]:
        if (output, loss) not in _MEAN_LOSSES:
            raise NotOffered(f"PyTorch has no loss {loss} of the argument of {output}")
        parameters = [_leaf(tensor) for tensor in (*weights, *biases)]
        depth = len(weights)
        u = self.network(x, parameters[:depth], parameters[depth:], activation, "identity")
        found = _gradients(_MEAN_LOSSES[output, loss](u, t), parameters)
        return found[:depth], found[depth:]

    # section 10, optimizers
    def sgd(self, theta: Any, eta: float) -> Any: return _Optimizer(torch.optim.SGD, theta, {}, lr=eta)
    def momentum(self, theta: Any, eta: float, alpha: float) -> Any:
        return _Optimizer(torch.optim.SGD, theta, {"v": "momentum_buffer"}, lr=eta, momentum=alpha)
    def adagrad(self, theta: Any, eta: float) -> Any: return _Optimizer(torch.optim.Adagrad, theta, {"h": "sum"}, lr=eta, eps=0.0)
    def rmsprop(self, theta: Any, eta: float, alpha: float, epsilon: float) -> Any:
        return _Optimizer(torch.optim.RMSprop, theta, {"h": "square_avg"}, lr=eta, alpha=alpha, eps=epsilon)
    def adam(self, theta: Any, eta: float, beta_1: float, beta_2: float, epsilon: float) -> Any:
        return _Optimizer(torch.optim.Adam, theta, {"m": "exp_avg", "v": "exp_avg_sq"}, lr=eta, betas=(beta_1, beta_2), eps=epsilon)

    # section 11, initialization; PyTorch keeps weights as (n_out, n_in)
    def uniform(self, shape: Any, seed: int, dtype: str) -> Any:
        return _drawn(init.uniform_, shape, seed, dtype, self.device, a=-1.0, b=1.0)
    def xavier(self, shape: Any, seed: int, dtype: str) -> Any: return _drawn(init.xavier_normal_, shape, seed, dtype, self.device)
    def he(self, shape: Any, seed: int, dtype: str) -> Any:
        return _drawn(init.kaiming_normal_, shape, seed, dtype, self.device, nonlinearity="relu")
    def gauss(self, shape: Any, seed: int, dtype: str) -> Any: return _drawn(init.normal_, shape, seed, dtype, self.device)
    def bias(self, shape: Any, dtype: str) -> Any: return init.zeros_(torch.empty(shape, dtype=_DTYPE_OF[dtype], device=self.device))

    # section 12, regularization
    def dropout(self, x: Any, p: float, seed: int, training: bool) -> Any:
        with _forked(x.device):
            torch.manual_seed(seed)
            return F.dropout(x, p, training)

    def dropout_layer(self, p: float, seed: int) -> Any: return _Dropout(p, seed, self.device)

    def batch_norm(self, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        _need_two(x)
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)

    def batch_norm_layer(self, features: int, epsilon: float, rate: float, dtype: str) -> Any:
        return _BatchNorm(features, eps=epsilon, momentum=rate, dtype=_DTYPE_OF[dtype], device=self.device)


_MEAN_LOSSES: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {  # mean over the batch, as (27) to (29) scale it
    ("identity", "sum_of_squares"): lambda u, t: F.mse_loss(u, t, reduction="sum") / (2 * len(u)),
    ("logistic", "binary_cross_entropy"): lambda u, t: F.binary_cross_entropy_with_logits(u, t, reduction="sum") / len(u),
    ("softmax", "cross_entropy"): lambda u, t: F.cross_entropy(u, t),
}


class _Optimizer:
    """One of torch.optim's over copies of theta; `slots` maps the notes' symbols to the names in its state."""

    def __init__(self, kind: Any, theta: Any, slots: Mapping[str, str], **settings: Any) -> None:
        self.many, self.slots = isinstance(theta, list), slots
        self.parameters = [torch.nn.Parameter(tensor.clone()) for tensor in (theta if self.many else [theta])]
        self.optimizer = kind(self.parameters, **settings)

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        if eta is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = eta
        for parameter, g in zip(self.parameters, gradient if self.many else [gradient], strict=True):
            parameter.grad = g.clone()
        self.optimizer.step()
        return self._copies(self.parameters)

    def state(self) -> dict[str, Any]:
        kept = [self.optimizer.state[parameter] for parameter in self.parameters]
        return {name: self._copies([entry[slot] for entry in kept]) for name, slot in self.slots.items() if all(slot in e for e in kept)}

    def _copies(self, tensors: Sequence[torch.Tensor]) -> Any:
        copies = [tensor.detach().clone() for tensor in tensors]
        return copies if self.many else copies[0]


def _drawn(function: Any, shape: tuple[int, int], seed: int, dtype: str, device: torch.device, **settings: Any) -> torch.Tensor:
    n_in, n_out = shape
    empty = torch.empty(n_out, n_in, dtype=_DTYPE_OF[dtype], device=device)
    return function(empty, generator=torch.Generator(device).manual_seed(seed), **settings).T  # type: ignore[no-any-return]


def _forked(device: torch.device) -> Any:
    """The global random numbers, of the CPU and of this device, are afterwards what they were."""
    return torch.random.fork_rng(devices=[] if device.type == "cpu" else [device], device_type=device.type)


class _Dropout:
    """torch.nn.Dropout with a state of the random numbers of its own."""

    def __init__(self, p: float, seed: int, device: torch.device) -> None:
        self.layer, self.random = torch.nn.Dropout(p), torch.Generator(device).manual_seed(seed).get_state()
        self.device, self.globals = device, torch if device.type == "cpu" else torch.get_device_module(device)

    def train(self, x: Any) -> Any:
        with _forked(self.device):
            self.globals.set_rng_state(self.random)
            y = self.layer.train()(x)
            self.random = self.globals.get_rng_state()
        return y

    def infer(self, x: Any) -> Any: return self.layer.eval()(x)


class _BatchNorm:
    """torch.nn.BatchNorm1d under the notes' names."""

    def __init__(self, features: int, **settings: Any) -> None:
        self.layer = torch.nn.BatchNorm1d(features, **settings)

    def train(self, x: Any) -> Any:
        _need_two(x)
        return self.layer.train()(x)

    def infer(self, x: Any) -> Any: return self.layer.eval()(x)

    gamma = property(lambda self: self.layer.weight, lambda self, value: self.layer.weight.data.copy_(value))
    beta = property(lambda self: self.layer.bias, lambda self, value: self.layer.bias.data.copy_(value))
    mean = property(lambda self: self.layer.running_mean)
    variance = property(lambda self: self.layer.running_var)


def _need_two(x: torch.Tensor) -> None:
    if len(x) == 1:
        raise NotOffered("PyTorch refuses to train batch normalization on one value per channel")


def _gradients(result: torch.Tensor, leaves: Sequence[torch.Tensor], cotangent: torch.Tensor | None = None) -> list[Any]:
    """By autograd; None where the result does not depend on a leaf."""
    try:
        return list(torch.autograd.grad(result, leaves, cotangent, allow_unused=True))
    except RuntimeError as error:
        if "is not implemented" in str(error):
            raise NotOffered(f"autograd: {error}") from error
        raise


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().requires_grad_(True)
