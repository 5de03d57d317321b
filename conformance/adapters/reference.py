"""eqwise's own NumPy implementation as an adapter."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.reference import (
    activations,
    backpropagation,
    batch_normalization,
    gradient_descent,
    initialization,
    losses,
    metrics,
    network,
    optimizers,
    perceptron,
    regularization,
)

_MODULES = (
    perceptron, network, activations, metrics, losses, gradient_descent, backpropagation, optimizers, initialization,
    regularization, batch_normalization,
)  # fmt: skip


class ReferenceAdapter(Adapter):
    """Every operation by its name in `eqwise.reference`, every gradient by that name with ``_vjp``."""

    name = "reference"
    version = np.__version__
    dtypes = ("float64", "float32", "float16", "bfloat16")
    settings: ClassVar[Mapping[str, Any]] = {"numpy": np.__version__}

    def vjp(self, operation: str, inputs: tuple[Any, ...], cotangent: Any, **hyper: Any) -> Any:
        return find(f"{operation}_vjp")(*inputs, cotangent, **hyper)


def find(name: str) -> Any:
    """The function of this name in the reference."""
    return next(getattr(module, name) for module in _MODULES if hasattr(module, name))


for _name in OPERATIONS:
    if any(hasattr(module, _name) for module in _MODULES):
        setattr(ReferenceAdapter, _name, staticmethod(find(_name)))
