"""What an adapter made of the tables of counts that its metrics are asked about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eqwise.conformance import metrics
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.floats import on_rows
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.session import Session
from eqwise.spec.document import reading_as
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format

OPERATIONS = ("confusion_matrix", "accuracy", "precision", "recall", "f_measure")
ULPS = 8  # that floats may be off


@dataclass(frozen=True)
class Seen:
    """Tables with what came, what was expected, and how far floats may be from it."""

    tables: Floats
    actual: Floats
    expected: Floats
    room: Floats

    @property
    def failing(self) -> Array:
        """Whether a result is none that rounding excuses."""
        return ~close(self.actual, self.expected, self.room)


def close(a: Floats, b: Floats, room: Floats) -> Array:
    with np.errstate(invalid="ignore"):
        return (np.abs(a - b) <= room) | (np.isnan(a) & np.isnan(b))


def seen(session: Session, operation: Operation) -> Seen:
    """Results where the formula is defined, in the order of the suite."""
    rng = np.random.default_rng(session.seed_for(operation.name, "value"))
    chosen = list(metrics.tables(session, rng))
    found = []
    for table in [table for table, judged in zip(chosen, metrics.defined(operation.formula, chosen), strict=True) if judged]:
        try:
            found.append(metrics.asked(session, operation, table, rng))
        except (NotOffered, AdapterError):
            continue
    rows, actual = metrics.rows([one.table for one in found]), np.array([one.result for one in found])
    claim = metrics.claim(operation.formula)
    expected = on_rows(claim.outputs, claim.inputs, rows)
    return Seen(rows, actual, expected, ULPS * np.array([one.known.ulp(np.abs(e)) for one, e in zip(found, expected, strict=True)]))



def trials(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """Results in the format that most of them have."""
    found = seen(session, operation)

    def build(readings: Readings) -> Claim:
        with reading_as(dict(readings)):
            return metrics.claim(operation.formula)

    return [Trial(build, lambda claim, readings: found.tables, found.actual)] if len(found.tables) else []
