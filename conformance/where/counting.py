"""Attempts at counting: labels, whose counts are held against the formula in the format of the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eqwise.conformance import case, metrics
from eqwise.conformance.adapter import OPERATIONS, Adapter, Operation
from eqwise.conformance.invocation import AdapterError, as_array
from eqwise.conformance.session import Session
from eqwise.conformance.where.attempts import Attempt, Held, Keys, Leaves, Readings
from eqwise.spec.numbers.formats import Floats, Format


@dataclass(frozen=True)
class Labels:
    """One call with actual and predicted labels, as 0 and 1."""

    operation: str
    arrays: Mapping[str, Floats]
    target: Format
    readings: Readings = ()
    hyper: Mapping[str, float] = field(default_factory=dict)
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"actual": ("sample",), "predicted": ("sample",)})

    @property
    def usual(self) -> Sequence[Mapping[str, float]]:
        return ()

    def having(self, arrays: Mapping[str, Floats], hyper: Mapping[str, float] | None = None) -> Labels:
        return replace(self, arrays={**self.arrays, **arrays})

    def is_legal(self) -> bool:
        return all(bool(np.all((array == 0) | (array == 1))) for array in self.arrays.values())

    def calls(self) -> tuple[case.Call, ...]:
        return (case.Call(self.operation, tuple(array == 1 for array in self.arrays.values())),)

    def taken(self, adapter: Adapter, result: Any) -> Leaves:
        found = as_array(adapter, self.operation, result)
        if found.shape != ((2, 2) if OPERATIONS[self.operation].clauses == metrics.TABLE_1 else ()):
            raise AdapterError(f"{self.operation} returned shape {found.shape}")
        return [found.astype(np.float64)]

    def keys(self, result: Any) -> list[Keys]:
        return [()]

    def held(self, leaves: Leaves) -> list[Held]:
        actual, predicted = (array == 1 for array in self.arrays.values())
        counts = [actual & predicted, ~actual & predicted, actual & ~predicted, ~actual & ~predicted]
        row = np.array([[float(np.count_nonzero(cell)) for cell in counts]])
        return [Held(metrics.claim(OPERATIONS[self.operation].formula), row, leaf.reshape(1, -1)) for leaf in leaves if leaf is not None]


def of_counts(session: Session, operation: Operation, kind: str, target: Format, readings: Readings) -> Iterator[Attempt]:
    """Labels of every table, those of one kind side by side."""
    rng = np.random.default_rng(session.seed_for(operation.name, kind))
    for table in metrics.tables(session, rng):
        cells = np.repeat(np.array([(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)]), table, axis=0)
        yield Labels(operation.name, {"actual": cells[:, 0], "predicted": cells[:, 1]}, target)
