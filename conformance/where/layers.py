"""Attempts at a layer of batch normalization: a new one, and one batch; its result, or where that takes the running averages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqwise.conformance import case, samples
from eqwise.conformance.adapter import Adapter, Operation
from eqwise.conformance.batch_layer import NAME, SETTINGS, SIZES, Layer, batch
from eqwise.conformance.batch_normalization import inference_claim, move_claim
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.comparison import Claim
from eqwise.conformance.invocation import checked
from eqwise.conformance.session import Session
from eqwise.conformance.where.attempts import Attempt, Held, Keys, Leaves, Readings
from eqwise.spec.document import AS_PRINTED
from eqwise.spec.numbers.formats import Floats, Format

METHODS = {"value": ("train",), "inference": ("infer",), "update": ("mean", "variance")}


@dataclass(frozen=True)
class Passes:
    """A new layer and one pass: `train`, `infer`, or a running average, `mean` or `variance`, after training."""

    asked: str
    x: Floats
    hyper: Mapping[str, float]  # epsilon and rate
    start: Mapping[str, float]  # of the running averages
    target: Format
    readings: Readings = ()
    operation: str = NAME

    @property
    def usual(self) -> Sequence[Mapping[str, float]]:
        return [{"epsilon": 2.0**-10, "rate": 0.5}]

    @property
    def arrays(self) -> Mapping[str, Floats]:
        return {"x": self.x}

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        return {"x": ("batch", "features")}

    @property
    def told(self) -> str:
        return f"the result of {self.asked}" if self.asked in ("train", "infer") else f"the running {self.asked} after a pass"

    @property
    def result_shape(self) -> tuple[int, ...]:
        return self.x.shape if self.asked in ("train", "infer") else self.x.shape[1:]

    def having(self, arrays: Mapping[str, Floats], hyper: Mapping[str, float] | None = None) -> Passes:
        return replace(self, x={**self.arrays, **arrays}["x"], hyper={**self.hyper, **(hyper or {})})

    def is_legal(self) -> bool:
        """Features that are constant are small and round, as when they are drawn."""
        constant = self.x[:, np.ptp(self.x, axis=0) == 0]
        return len(self.x) == 1 or bool(np.all(np.abs(constant) <= 2) and np.all(constant * 8 == np.rint(constant * 8)))

    def calls(self) -> tuple[case.Call, ...]:
        made = case.Call(NAME, (self.x.shape[1], self.hyper["epsilon"], self.hyper["rate"], self.target.name))
        given = (samples.cast(self.x, self.target),)
        if self.asked in ("train", "infer"):
            return (made, case.Call(self.asked, given, of=0))
        return (made, case.Call("train", given, of=0), case.Call(self.asked, of=0, is_attribute=True))

    def taken(self, adapter: Adapter, result: Any) -> Leaves:
        return [checked(adapter, self.operation, result, self.result_shape, self.target)]

    def keys(self, result: Any) -> list[Keys]:
        return [()]

    def held(self, leaves: Leaves) -> list[Held]:
        (found,) = leaves
        assert found is not None
        epsilon, (size, features) = self.hyper["epsilon"], self.x.shape
        if self.asked == "train":
            rows = np.column_stack([self.x.T, np.ones(features), np.zeros(features), np.full(features, epsilon)])
            return [Held(value_claim(Frame("batch_norm", (size,))), rows, found.T)]
        if self.asked == "infer":
            fixed = [np.full(self.x.size, value) for value in (1.0, 0.0, self.start["mean"], self.start["variance"], epsilon)]
            return [Held(inference_claim(), np.column_stack([self.x.ravel(), *fixed]), found.reshape(-1, 1))]
        before = self.start[self.asked]
        return [
            Held(self._moved(x), np.array([[*x, before, self.hyper["rate"]]]), found[k].reshape(1, 1)) for k, x in enumerate(self.x.T)
        ]

    def _moved(self, x: Floats) -> Claim:
        name = "mean" if self.asked == "mean" else AS_PRINTED
        return move_claim(name, len(x), bool(np.all(x == x[0])), self.start[self.asked] == 0)


def of_layer(session: Session, operation: Operation, kind: str, target: Format, readings: Readings) -> Iterator[Attempt]:
    """Batches of several sizes for new layers that start at mean 0 and variance 1."""
    mean, variance = Layer(session, target).averages()
    if np.any(mean != 0) or np.any(variance != 1):
        return
    rng = np.random.default_rng(session.seed_for("where", NAME, kind, target.name))
    for asked in METHODS[kind]:
        for rate, wanted, small in SETTINGS:
            epsilon = max(wanted, target.smallest_normal)
            for size in (*SIZES, 1):
                x = batch(rng, size, target, float(np.sqrt(epsilon)) if small else 1.0)
                yield Passes(asked, x, {"epsilon": epsilon, "rate": rate}, {"mean": 0.0, "variance": 1.0}, target)
