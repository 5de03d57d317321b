"""Random networks on which the theorems of section 9 are proven: both sides as balls that overlap and are narrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from flint import arb

from eqwise.conformance.adapter import activation_named
from eqwise.conformance.gradient_claims import LOSSES, Network, flat, flat_floats
from eqwise.conformance.laws import Proof
from eqwise.spec import activations, losses
from eqwise.spec.backpropagation import Loss, error_signal, forward
from eqwise.spec.certify import precision
from eqwise.spec.network import Activation
from eqwise.spec.numbers.expression import Array, Expression, each, lifted, symbol
from eqwise.spec.numbers.program import BALLS, compiled

ALPHA = symbol("alpha")
HIDDEN: dict[str, Activation] = {  # every activation of section 4 that acts on each element
    **{name: activation_named(name) for name in ("step", "logistic", "tanh", "softplus", "relu", "identity")},
    "leaky_relu": lambda u: each(lambda x: activations.leaky_relu(x, ALPHA), u),
    "prelu": lambda u: each(lambda x: activations.prelu(x, ALPHA), u),
    "elu": lambda u: each(lambda x: activations.elu(x, ALPHA), u),
}
WIDTHS = (3, 2, 4, 1, 3)
NARROW = arb(10) ** -25


class Drawn(Network):
    """A network on symbols with numbers for them, and its loss as a function of every u."""

    @cached_property
    def fs(self) -> list[Activation]:
        return [HIDDEN[self.activation]] * (self.depth - 1) + [activation_named(self.output)]

    @cached_property
    def passed(self) -> tuple[list[Array], list[Array]]:
        return forward(self.x, self.thetas, self.fs)

    def u(self, layer: int) -> Array:
        return self.passed[0][layer - 1]

    def h(self, layer: int) -> Array:
        """Without the leading 1; x for layer 0."""
        return self.passed[1][layer]

    def loss_from(self, layer: int) -> Loss:
        """The loss as a function of u of this layer."""

        def loss(u: Array) -> Expression:
            y = self.fs[layer - 1](u)
            if layer < self.depth:
                y = forward(y, self.thetas[layer:], self.fs[layer:])[1][-1]
            return getattr(losses, LOSSES[self.output])(y, self.t)  # type: ignore[no-any-return]

        return loss

    @cached_property
    def loss(self) -> Expression:
        return self.loss_from(1)(self.u(1))

    def delta(self, layer: int) -> Array:
        """(46)."""
        return error_signal(self.loss_from(layer), self.u(layer))  # type: ignore[no-any-return]

    @cached_property
    def inputs(self) -> tuple[Expression, ...]:
        return flat(self.x, self.t, *self.thetas, ALPHA)

    @cached_property
    def numbers(self) -> list[float]:
        """One for each input; the targets add up to 1, the biases are not 0."""
        rng = np.random.default_rng(self.depth)
        t = rng.multinomial(8, np.full(len(self.t), 1 / len(self.t))) / 8
        x, *thetas = (rng.normal(size=symbols.shape) for symbols in (self.x, *self.thetas))
        return flat_floats(x, t, *thetas, 0.3).tolist()  # type: ignore[no-any-return]


@lru_cache
def drawn() -> list[Drawn]:
    """Depth 1 with every pair of (56), then every hidden activation, at depths 2 to 5 in turn."""
    flat_ones = [Drawn((3, 2), "identity", output) for output in LOSSES]
    outputs = list(LOSSES)
    return flat_ones + [Drawn((*WIDTHS[: 2 + k % 4], 2 + k % 2), name, outputs[k // 3]) for k, name in enumerate(HIDDEN)]


def agree(proof: Proof, network: Drawn, sides: Iterable[Iterable[Any]], claim: str) -> None:
    """All members of each chain of equalities, on this network's numbers."""
    members = [[lifted(side) for side in chain] for chain in sides]
    with precision(256):
        found = iter(compiled(flat(*members), network.inputs, BALLS)(*map(arb, network.numbers)))
        for chain in members:
            balls = [arb(next(found)) for _ in chain]
            narrow = all(bool(ball.rad() < NARROW) for ball in balls)
            proof.require(narrow and all(a.overlaps(b) for a, b in pairwise(balls)), f"{claim} for {network}")


def components(network: Drawn) -> Iterator[tuple[int, int, int, Expression]]:
    """Every element of every theta with its layer, i from 0 and j."""
    for layer, theta in enumerate(network.thetas, 1):
        for i, j in np.ndindex(theta.shape):
            yield layer, i, j, theta.item(i, j)


def hidden_layers(network: Drawn) -> Iterator[tuple[int, Array, Array]]:
    """Every hidden layer with its δ and that of the next."""
    for layer in range(1, network.depth):
        yield layer, network.delta(layer), network.delta(layer + 1)
