"""Attempts at the gradients of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eqwise.conformance import backpropagation, case, samples
from eqwise.conformance.adapter import Adapter, Operation
from eqwise.conformance.gradient_claims import flat_floats, gradient_claim
from eqwise.conformance.gradient_examples import ENTRY, Example, as_arrays, theta_of
from eqwise.conformance.session import Session
from eqwise.conformance.where.attempts import Attempt, Held, Keys, Leaves, Readings, keys_of
from eqwise.conformance.where.formulas import adding_up
from eqwise.spec.numbers.formats import Floats, Format


@dataclass(frozen=True)
class Gradients:
    """One call of `network_gradients`."""

    given: Example
    target: Format
    readings: Readings = ()
    hyper: Mapping[str, float] = field(default_factory=dict)
    operation: str = ENTRY.name

    @property
    def usual(self) -> Sequence[Mapping[str, float]]:
        return ()

    @property
    def arrays(self) -> Mapping[str, Floats]:
        given, depth = self.given, self.given.network.depth
        names = ("x", "t", *(f"W{k + 1}" for k in range(depth)), *(f"b{k + 1}" for k in range(depth)))
        parts = (given.x, given.t, *given.weights, *given.biases)
        return {name: np.asarray(array, np.float64) for name, array in zip(names, parts, strict=True)}

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        layers = range(1, self.given.network.depth + 1)
        return {
            "x": ("batch", "width 0"), "t": ("batch", f"width {len(layers)}"),
            **{f"W{k}": (f"width {k - 1}", f"width {k}") for k in layers}, **{f"b{k}": (f"width {k}",) for k in layers},
        }  # fmt: skip

    def having(self, arrays: Mapping[str, Floats], hyper: Mapping[str, float] | None = None) -> Gradients:
        x, t, *parameters = ({**self.arrays, **arrays}).values()
        network, depth = self.given.network, self.given.network.depth
        if network.output == "softmax":
            t = adding_up(t)
        widths = (x.shape[1], *(W.shape[1] for W in parameters[:depth]))
        made = [samples.cast(array, self.target) for array in (x, t, *parameters)]
        return replace(self, given=Example(replace(network, widths=widths), made[0], made[1], made[2 : 2 + depth], made[2 + depth :]))

    def is_legal(self) -> bool:
        t = self.arrays["t"]
        return self.given.network.output == "identity" or bool(np.all((t >= 0) & (t <= 1)))

    def calls(self) -> tuple[case.Call, ...]:
        return (case.Call(self.operation, self.given.inputs, self.given.network.named),)

    def taken(self, adapter: Adapter, result: Any) -> Leaves:
        return [array for part in as_arrays(adapter, self.given, result, self.target) for array in part]

    def keys(self, result: Any) -> list[Keys]:
        return keys_of((self.given.weights, self.given.biases))

    def held(self, leaves: Leaves) -> list[Held]:
        given, depth = self.given, self.given.network.depth
        thetas = [theta_of(W, b) for W, b in zip(leaves[:depth], leaves[depth:], strict=True)]
        claim = gradient_claim(given.network, len(given.x))
        return [Held(claim, flat_floats(given.x, given.t, *given.thetas)[None, :], flat_floats(*thetas)[None, :])]


def of_network(session: Session, operation: Operation, kind: str, target: Format, readings: Readings) -> Iterator[Attempt]:
    """The calls that the gradients are judged by."""
    for examples in backpropagation.calls(session, target):
        yield from (Gradients(given, target) for given in examples)
