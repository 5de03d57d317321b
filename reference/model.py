"""A network that learns: layers of any number and kind, the last of which is the activation of the output."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from eqwise.reference import initialization
from eqwise.reference.arithmetic import Array, require
from eqwise.reference.layers import DTYPES, Activation, BatchNorm, Dense, Dropout, Layer

INITIAL = {f.__name__: f for f in (initialization.uniform, initialization.xavier, initialization.he, initialization.gauss)}


class Network:
    """Hidden layers, the last dense one among them, and the activation of the output."""

    def __init__(self, hidden: Sequence[Layer], output: Activation) -> None:
        self.hidden, self.output = list(hidden), output
        self.layers: list[Layer] = [*hidden, output]
        self.is_weight = [flag for layer in self.layers for flag in layer.is_weight]

    @property
    def parameters(self) -> list[Array]:
        """The live arrays of all layers."""
        return [array for layer in self.layers for array in layer.parameters]

    @property
    def gradients(self) -> list[Array]:
        """In the order of the parameters, from the last backward pass."""
        return [array for layer in self.layers for array in layer.gradients]

    @property
    def weights(self) -> list[Array]:
        """The parameters that the L2 penalty counts."""
        return [array for array, flag in zip(self.parameters, self.is_weight, strict=True) if flag]

    @property
    def state(self) -> list[Array]:
        """All that inference depends on: the parameters and the running statistics."""
        return self.parameters + [array for layer in self.layers for array in layer.running]

    def load(self, state: Sequence[Array]) -> None:
        """Writes a copy of another state into this one."""
        for array, value in zip(self.state, state, strict=True):
            array[...] = value

    def forward(self, x: Array, training: bool = False) -> Array:
        """The argument u of the output's activation."""
        for layer in self.hidden:
            x = layer.forward(x, training)
        return x

    def predict(self, x: Array) -> Array:
        """The output in inference mode."""
        return self.output.forward(self.forward(x), False)

    def backward(self, delta: Array) -> None:
        """(52) from the last layer to the first, and (48) in each."""
        for layer in self.hidden[:0:-1]:
            delta = layer.backward(delta)
        self.hidden[0].learn(delta)


def build(
    widths: Sequence[int],
    activation: str,
    output: str,
    *,
    initial: str = "he",
    dropout: float = 0.0,
    batch_norm: str | None = None,
    seed: int | np.random.Generator = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Network:
    """A network of dense layers; batch normalization stands before or after the hidden activations, dropout last."""
    require(len(widths) > 1 and min(widths) > 0, "widths", tuple(widths), "be at least two positive numbers")
    require(initial in INITIAL, "initial", initial, f"be one of {', '.join(INITIAL)}")
    require(batch_norm in (None, "before", "after"), "batch_norm", batch_norm, "be None, 'before' or 'after' (the activation)")
    require(np.dtype(dtype) in DTYPES, "dtype", str(np.dtype(dtype)), "be float32 or float64")
    rng = np.random.default_rng(seed)
    *inner, last = (
        Dense(INITIAL[initial](shape, rng, dtype), initialization.bias(shape[1:], dtype)) for shape in pairwise(widths)
    )
    layers: list[Layer] = []
    for dense, width in zip(inner, widths[1:], strict=False):
        block: list[Layer] = [dense, Activation(activation, dtype=dtype)]
        if batch_norm is not None:
            block.insert(1 if batch_norm == "before" else 2, BatchNorm(width, dtype=dtype))
        layers += [*block, Dropout(dropout, rng)] if dropout else block
    return Network([*layers, last], Activation(output, dtype=dtype))
