"""The claims of section 9: a network's gradients as (40) to (56) compose them, and each step on its own.

A step is held against its formula at the δ that the adapter itself returned: for a batch of one, δ of a layer is the
gradient of its biases, row 0 of (48).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from eqwise.conformance.adapter import activation_named
from eqwise.conformance.comparison import Claim
from eqwise.spec.backpropagation import augmented, delta_below, forward, gradients, output_delta, weight_gradient
from eqwise.spec.gradient_descent import mini_batch
from eqwise.spec.network import Activation
from eqwise.spec.numbers.expression import Array, Expression, symbols, total
from eqwise.spec.numbers.formats import Floats

LOSSES = {"identity": "sum_of_squares", "logistic": "binary_cross_entropy", "softmax": "cross_entropy"}  # the pairs of (56)


@dataclass(frozen=True)
class Network:
    """What is fixed of a network: the widths of all layers, the inputs' first, and its activations."""

    widths: tuple[int, ...]
    activation: str
    output: str

    @property
    def depth(self) -> int:
        return len(self.widths) - 1

    @property
    def named(self) -> dict[str, str]:
        """What the contract passes by keyword."""
        return {"activation": self.activation, "output": self.output, "loss": LOSSES[self.output]}

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """Of every theta, the biases in row 0."""
        return [(1 + a, b) for a, b in pairwise(self.widths)]

    @cached_property
    def thetas(self) -> list[Array]:
        return [symbols(f"theta{layer}", *shape) for layer, shape in enumerate(self.shapes, 1)]

    @cached_property
    def fs(self) -> list[Activation]:
        return [activation_named(self.activation)] * (self.depth - 1) + [activation_named(self.output)]

    @cached_property
    def x(self) -> Array:
        return symbols("x", self.widths[0])

    @cached_property
    def t(self) -> Array:
        return symbols("t", self.widths[-1])


def flat(*arrays: Any) -> tuple[Expression, ...]:
    """All elements of all arrays."""
    return tuple(element for array in arrays for element in np.array(array, object).ravel())


def flat_floats(*arrays: Any) -> Floats:
    """All elements of all arrays, in the same order."""
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


def weighted_output_delta(y: Array, t: Array) -> Array:
    """δ of softmax with (29) by (46), whatever the targets add up to: (Σt)y − t."""
    return total(t) * y - t  # type: ignore[no-any-return]


@lru_cache(maxsize=512)
def gradient_claim(network: Network, batch: int, weighted: bool = False) -> Claim:
    """Every theta's gradient of the mean loss, over the samples' x, their t, and the thetas.

    With δ of the output as (56) prints it or, `weighted`, by `weighted_output_delta`.
    """
    x, t = symbols("x", batch, network.widths[0]), symbols("t", batch, network.widths[-1])

    def of_sample(row: Array, target: Array) -> list[Array]:
        last = weighted_output_delta(forward(row, network.thetas, network.fs)[1][-1], target) if weighted else None
        return gradients(row, target, network.thetas, network.fs, last)

    by_sample = [flat(*of_sample(*sample)) for sample in zip(x, t, strict=True)]
    outputs = mini_batch(*(np.array(found, object) for found in by_sample))
    applied = tuple(pair for row in x for pair in _applied(network, row))
    smooth = network.activation != "step"  # which jumps: at a tie the branch that the notes print decides
    return Claim(tuple(outputs), flat(x, t, *network.thetas), is_derivative=smooth, applied=applied)


@lru_cache(maxsize=512)
def output_claim(network: Network) -> Claim:
    """(56): δ of the output, over x, t and the thetas."""
    _, hs = forward(network.x, network.thetas, network.fs)
    return Claim(flat(output_delta(hs[-1], network.t)), flat(network.x, network.t, *network.thetas))


@lru_cache(maxsize=512)
def weight_claim(network: Network, layer: int) -> Claim:
    """(48) without row 0: the weight gradient of a layer, over x, the thetas and this layer's δ."""
    _, hs = forward(network.x, network.thetas, network.fs)
    delta = symbols("delta", network.widths[layer])
    outputs = weight_gradient(augmented(hs[layer - 1]), delta)[1:]
    return Claim(flat(outputs), flat(network.x, *network.thetas, delta))


@lru_cache(maxsize=512)
def below_claim(network: Network, layer: int) -> Claim:
    """(52): δ of a hidden layer, over x, the thetas and the next layer's δ."""
    us, _ = forward(network.x, network.thetas, network.fs)
    delta = symbols("delta", network.widths[layer + 1])
    outputs = delta_below(network.thetas[layer], delta, network.fs[layer - 1], us[layer - 1])
    applied = tuple(_applied(network, network.x))
    return Claim(flat(outputs), flat(network.x, *network.thetas, delta), is_derivative=True, applied=applied)


def _applied(network: Network, row: Array) -> list[tuple[Expression, Expression]]:
    """Every element-wise activation as a pair of u and f(u)."""
    us, hs = forward(row, network.thetas, network.fs)
    layers = list(zip(us, hs[1:], strict=True))
    return [pair for u, h in (layers[:-1] if network.output == "softmax" else layers) for pair in zip(u, h, strict=True)]
