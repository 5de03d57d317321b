"""One pass through a network with a batch, by symbols: what the steps of back-propagation read and write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from eqwise.conformance.gradient_claims import Network
from eqwise.spec.backpropagation import slope
from eqwise.spec.network import Activation
from eqwise.spec.numbers.expression import Array, Expression, symbols


@dataclass
class Pass:
    """By layer, with a sample a row: u, h, that of layer 0 being x, and δ."""

    network: Network
    t: Array
    us: dict[int, Array] = field(default_factory=dict)
    hs: dict[int, Array] = field(default_factory=dict)
    deltas: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network, batch: int) -> Pass:
        x, t = symbols("x", batch, network.widths[0]), symbols("t", batch, network.widths[-1])
        return cls(network, t, hs={0: x})

    @property
    def batch(self) -> int:
        return len(self.t)

    def theta(self, layer: int) -> Array:
        return self.network.thetas[layer - 1]

    def f(self, layer: int) -> Activation:
        return self.network.fs[layer - 1]

    def slope(self, layer: int, at: Array | None = None) -> Array:
        """f′ of a layer at its u, or at something else, a sample a row."""
        where = self.us[layer] if at is None else at
        made = [[slope_of(self.network, layer, u) for u in row] for row in where]
        return np.array(made, object).reshape(where.shape)


Step = Callable[[Pass, int], Any]


@lru_cache(maxsize=4096)
def slope_of(network: Network, layer: int, u: Expression) -> Expression:
    """f′(u) of a unit."""
    return slope(network.fs[layer - 1], np.array([u], object))[0]  # type: ignore[no-any-return]
