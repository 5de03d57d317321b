"""Dropout as an adapter offers it, with or without a memory, as functions of x alone; and what a check of it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from eqwise.conformance import invocation
from eqwise.conformance.adapter import Operation
from eqwise.conformance.check import Check, judging
from eqwise.conformance.invocation import checked, guarded
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

MASK, SCALE = "s12.2-train-mask", "s12.2-inference-scale"
EXACT = (0.0, 1 / 8, 3 / 4)  # probabilities of dropping; never ½, where the shares that are dropped and kept agree

Call = Callable[[Array], Floats]


class Failed(Exception):
    """A condition that holds without exception does not."""


def require(condition: Any, message: str) -> None:
    """Raises `Failed` unless the condition holds."""
    if not condition:
        raise Failed(message)


@dataclass(frozen=True)
class Subject:
    """The operation `dropout` or `dropout_layer` of an adapter, in one dtype."""

    session: Session
    operation: Operation
    target: Format

    @property
    def remembers(self) -> bool:
        return self.operation.name == "dropout_layer"

    def start(self, p: float, seed: int) -> tuple[Call, Call]:
        """Training passes, one after the other, and inference: of one new layer, or with the next seed in each pass."""
        if self.remembers:
            layer = self.layer(p, seed)
            return self._of(layer, "train"), self._of(layer, "infer")
        seeds = count(seed)
        return (lambda x: self.called(x, p, next(seeds), True)), (lambda x: self.called(x, p, seed, False))

    def layer(self, p: float, seed: int) -> Any:
        """A new layer, as the framework has it."""
        return guarded(self.operation.name, lambda: self.session.adapter.dropout_layer(p, seed))  # type: ignore[attr-defined]

    def _of(self, layer: Any, method: str) -> Call:
        name, adapter = f"{method} of {self.operation.name}", self.session.adapter

        def call(x: Array) -> Floats:
            result = guarded(name, lambda: getattr(layer, method)(adapter.from_numpy(x.copy(order="K"))))
            return checked(adapter, name, result, x.shape, self.target)

        return call

    def called(self, x: Array, p: float, seed: int, training: bool) -> Floats:
        """The operation without a memory."""
        own = (x.copy(order="K"),)  # that inputs are not written is a property of its own
        return invocation.value(self.session.adapter, self.operation, own, x.shape, self.target, p=p, seed=seed, training=training)

    def seed(self, *words: object) -> int:
        """With room for neighbours below 2³²."""
        return self.session.seed_for(self.operation.name, self.target.name, *words) >> 1


def property_of(kind: str, body: Callable[[Subject, Result], Result], *clauses: str) -> Check:
    """A check that turns what the adapter raises, and conditions that fail, into verdicts."""

    @judging(kind, clauses)
    def check(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
        try:
            return body(Subject(session, operation, FORMATS[dtype]), blank)
        except Failed as message:
            return replace(blank, verdict="deviates", message=str(message))

    return check


def moderate(rng: np.random.Generator, shape: tuple[int, ...], target: Format) -> Floats:
    """Numbers of both signs, none of them 0, that no factor takes out of range."""
    return target.round(rng.choice([-1.0, 1.0], shape) * np.exp2(rng.uniform(-3, 3, shape)))


def dropped(x: Array, y: Floats, p: float, target: Format) -> Array:
    """True where a unit that was not 0 is; the others must all be as they were, or all that over 1 − p."""
    wide, gone = x.astype(np.float64), y == 0
    with np.errstate(all="ignore"):
        scaled = wide / (1 - p)
        room = 2 * FACTOR * target.unit_roundoff * np.abs(scaled) * (2 + p / (1 - p))  # what rounding x and p excuses
        close = np.abs(y - scaled) <= room
    left = ~(gone | close)
    told = f"p = {p}: a unit of {wide[left][0]} becomes {y[left][0]}, neither 0 nor {scaled[left][0]}" if left.any() else ""
    require((gone | (y == wide)).all() or not told, f"{told}, and units are not left as they are either")
    return gone
