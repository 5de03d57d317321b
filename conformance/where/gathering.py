"""The calls that judged a property, again, as attempts: they follow from the session's seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from eqwise.conformance import evidence, samples
from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.optimizer_claims import METHODS
from eqwise.conformance.session import Session
from eqwise.conformance.where.attempts import Attempt, Readings
from eqwise.conformance.where.counting import of_counts
from eqwise.conformance.where.formulas import Formula
from eqwise.conformance.where.layers import of_layer
from eqwise.conformance.where.networks import of_network
from eqwise.conformance.where.stepping import of_optimizer
from eqwise.spec.numbers.formats import Format

Gather = Callable[[Session, Operation, str, Format, Readings], Iterator[Attempt]]


def of_formula(session: Session, operation: Operation, kind: str, target: Format, readings: Readings) -> Iterator[Attempt]:
    """Values, or gradients for the cotangents that were drawn."""
    reduction = session.adapter.reduction.get(operation.name)
    for calls in (evidence.calls, evidence.bulk_calls):
        for call in calls(session, operation, kind, target):
            if kind == "value":
                yield Formula(call, target, None, reduction, readings)
            else:
                yield Formula(call, target, samples.cotangents(call.rng, evidence.result_shape(call), target), None, readings)


GATHER: Mapping[tuple[str, str], Gather] = {
    ("network_gradients", "derivative"): of_network,
    **{(name, "value"): of_counts for name, entry in OPERATIONS.items() if not entry.typed},
    **{("batch_norm_layer", kind): of_layer for kind in ("value", "inference", "update")},
    **{(name, kind): of_optimizer for name in METHODS for kind in ("update", "state")},
}


def attempts_of(session: Session, operation: Operation, kind: str, target: Format, readings: Readings) -> Iterator[Attempt]:
    """The attempts of a property; none where its results are no numbers that a formula gives."""
    gather = GATHER.get((operation.name, kind))
    if gather is None and operation.shape != "method" and kind in ("value", "derivative"):
        gather = of_formula
    return gather(session, operation, kind, target, readings) if gather else iter(())
