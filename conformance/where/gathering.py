"""The calls that judged a property, again, as attempts: they follow from the session's seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from eqwise.conformance import evidence, samples
from eqwise.conformance.adapter import Operation
from eqwise.conformance.session import Session
from eqwise.conformance.where.attempts import Attempt
from eqwise.conformance.where.formulas import Formula
from eqwise.spec.numbers.formats import Format

Gather = Callable[[Session, Operation, str, Format], Iterator[Attempt]]


def of_formula(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Attempt]:
    """Values, or gradients for the cotangents that were drawn."""
    reduction = session.adapter.reduction.get(operation.name)
    for calls in (evidence.calls, evidence.bulk_calls):
        for call in calls(session, operation, kind, target):
            if kind == "value":
                yield Formula(call, target, reduction=reduction)
            else:
                yield Formula(call, target, samples.cotangents(call.rng, evidence.result_shape(call), target))


GATHER: Mapping[tuple[str, str], Gather] = {}


def attempts_of(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Attempt]:
    """The attempts of a property; none where its results are no numbers that a formula gives."""
    gather = GATHER.get((operation.name, kind))
    if gather is None and operation.shape != "method" and kind in ("value", "derivative"):
        gather = of_formula
    return gather(session, operation, kind, target) if gather else iter(())
