"""What would explain biases that do not start at 0: which of them do not, and where they start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from eqwise.conformance.adapter import Operation
from eqwise.conformance.invocation import AdapterError, checked, guarded
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.formats import Floats, Format

SIZES = (3, 5, 64, 333)  # of layers that the check does not ask for


def explained(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """The one number that all of them, or those in one place, have; or a range."""
    method, adapter = getattr(session.adapter, operation.name), session.adapter
    try:
        biases = [
            checked(adapter, operation.name, guarded(operation.name, lambda n=n: method((n,), target.name)), (n,), target)  # type: ignore[misc]
            for n in SIZES
        ]
    except AdapterError:
        return []
    return [Explanation("start", text, operation.clauses, sum(SIZES), 0.0) for text in _told(biases)]


def _told(biases: Sequence[Floats]) -> Iterator[str]:
    every = np.concatenate(biases)
    if every.any() and np.ptp(every) == 0:
        yield f"every bias starts at {every[0]:.6g}, not at 0"
        return
    for name, place in (("first", 0), ("last", -1)):
        own, others = np.array([b[place] for b in biases]), np.concatenate([np.delete(b, place) for b in biases])
        if own.all() and np.ptp(own) == 0 and not others.any():
            yield f"the {name} bias of a layer starts at {own[0]:.6g}, the others at 0"
            return
    if every.all():
        yield f"biases start at numbers of their own, from {every.min():.3g} to {every.max():.3g}, not at 0"
