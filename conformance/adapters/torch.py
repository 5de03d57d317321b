"""PyTorch by its public API; gradients by its autograd.

Parameters that PyTorch documents are set as near to the notes as they go: softplus becomes linear only where its two
forms agree to the last bit. ``--adapter-option defaults=true`` runs PyTorch's own defaults instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch.nn import functional as F

from eqwise.conformance.adapter import Adapter, NotOffered

_DTYPES = {
    np.dtype(np.float64): torch.float64,
    np.dtype(np.float32): torch.float32,
    np.dtype(np.float16): torch.float16,
}
_FIXED_TARGETS = ("logistic_loss",)  # PyTorch documents no gradient for the target


class TorchAdapter(Adapter):
    """PyTorch on the CPU."""

    name = "torch"
    version = torch.__version__
    dtypes = ("float64", "float32", "float16", "bfloat16")

    def __init__(self, defaults: str = "false") -> None:
        if defaults not in ("true", "false"):
            raise TypeError(f"defaults={defaults!r} is neither 'true' nor 'false'")
        self.softplus_threshold = 20.0 if defaults == "true" else 40.0
        self.settings = {"threads": torch.get_num_threads(), "defaults": defaults}  # type: ignore[misc]

    def from_numpy(self, array: Any) -> torch.Tensor:
        if array.dtype == ml_dtypes.bfloat16:
            return torch.from_numpy(np.array(array).view(np.int16)).view(torch.bfloat16)
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = np.array(array)  # PyTorch takes neither read-only arrays nor negative strides
        return torch.from_numpy(array)

    def to_numpy(self, value: torch.Tensor) -> Any:
        tensor = value.detach()
        if tensor.dtype == torch.bfloat16:
            return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return tensor.numpy()

    def vjp(self, operation: str, inputs: Sequence[Any], cotangent: torch.Tensor, **hyper: Any) -> list[Any]:
        fixed = () if operation not in _FIXED_TARGETS else (1,)
        leaves = [
            [_leaf(t) for t in item] if isinstance(item, list) else item if i in fixed else _leaf(item) for i, item in enumerate(inputs)
        ]
        flat = [t for item in leaves for t in (item if isinstance(item, list) else [item]) if t.requires_grad]
        result = getattr(self, operation)(*leaves, **hyper)
        try:
            found = iter(torch.autograd.grad(result, flat, cotangent, allow_unused=True))
        except RuntimeError as error:
            if "is not implemented" in str(error):
                raise NotOffered(f"autograd: {error}") from error
            raise

        def take(tensor: torch.Tensor) -> Any:
            return next(found) if tensor.requires_grad else None

        return [[take(t) for t in item] if isinstance(item, list) else take(item) for item in leaves]

    # section 2, perceptron
    def step(self, x: Any) -> Any:
        return torch.heaviside(x, torch.zeros((), dtype=x.dtype))

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


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().requires_grad_(True)
