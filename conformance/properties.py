"""One body for each kind of property that operations have; the spec supplies everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from eqwise.conformance import (
    backpropagation,
    batch_faults,
    batch_normalization,
    differentiation,
    dropout,
    evidence,
    initialization,
    metrics,
    optimization,
)
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.check import Check
from eqwise.conformance.evidence import Sample
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.judging import under_readings
from eqwise.conformance.purity import check_purity
from eqwise.conformance.samples import Call
from eqwise.conformance.session import Session
from eqwise.conformance.special_values import check_special_values
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.formats import FORMATS, Format


def check_value(session: Session, operation: Operation, dtype: str) -> Result:
    """Every value equals the formula's, within the allowance."""
    return _checked(session, operation, "value", dtype, evidence.values, evidence.bulk_values)


def check_derivative(session: Session, operation: Operation, dtype: str) -> Result:
    """Every gradient equals the formula's, within the allowance; at a kink, any slope between the one-sided ones."""
    blank = Result(operation.clauses, operation.name, "derivative", dtype, "not_offered")
    if not session.adapter.offers("vjp"):
        return replace(blank, message="the adapter has no vjp")
    if operation.name in session.adapter.reduction:
        return replace(blank, message="offered only reduced, so the gradients of elements are not")
    return _checked(session, operation, "derivative", dtype, evidence.slopes, evidence.bulk_slopes)


Collect = Callable[..., list[Sample]]


def _checked(session: Session, operation: Operation, kind: str, dtype: str, own: Collect, bulk: Collect) -> Result:
    blank, target = Result(operation.clauses, operation.name, kind, dtype, "not_offered"), FORMATS[dtype]
    collected: list[Sample] = []
    reason = "no case of it is offered"
    try:
        for collect, call in planned(session, operation, kind, target, own, bulk):
            try:
                collected += collect(session, call, target)
            except NotOffered as refusal:  # of this case; others may be offered
                reason = str(refusal)
    except AdapterError as error:
        return replace(blank, verdict="error", message=str(error))
    if not collected:
        return replace(blank, message=reason)
    return _pinned(session, under_readings(session, operation, blank, evidence.grouped(collected), target), target)


def _pinned(session: Session, result: Result, target: Format) -> Result:
    """A failure with those of its equations that explain it, where the operation has probes that tell."""
    explain = PINS.get((result.operation, result.property))
    if explain is None or result.verdict != "deviates":
        return result
    return replace(result, clauses=tuple(f"eq{number}" for number in explain(session, target)))


def planned(
    session: Session, operation: Operation, kind: str, target: Format, own: Collect, bulk: Collect
) -> Iterator[tuple[Collect, Call]]:
    for call in evidence.calls(session, operation, kind, target):
        yield own, call
    for call in evidence.bulk_calls(session, operation, kind, target):
        yield bulk, call


PINS: Mapping[tuple[str | None, str], Callable[[Session, Format], tuple[int, ...]]] = {
    ("batch_norm", "value"): lambda session, target: batch_faults.by_values(batch_faults.values_of(session, target), target),
    ("batch_norm", "derivative"): lambda session, target: batch_faults.by_gradients(batch_faults.gradients_of(session, target), target),
}
COMMON: Mapping[str, Check] = {
    "value": check_value,
    "derivative": check_derivative,
    "special_values": check_special_values,
    "purity": check_purity,
}
OWN: Mapping[str, Mapping[str, Check]] = {
    **metrics.CHECKS, **differentiation.CHECKS, **backpropagation.CHECKS, **optimization.CHECKS, **initialization.CHECKS,
    **dropout.CHECKS, **batch_normalization.CHECKS,
}  # fmt: skip


UNTYPED = ("integers",)  # properties that are not asked for in one dtype after the other


def checks_of(operation: Operation) -> Mapping[str, Check]:
    """The properties that an operation is asked for, by name. A perceptron's step leaves nothing to differentiate."""
    own = OWN.get(operation.name, {})
    if operation.shape == "method":
        return own
    unary = operation.shape == "elementwise" and len(operation.inputs) == 1
    asked = {"derivative": operation.name != "perceptron", "special_values": unary}
    return {**{kind: check for kind, check in COMMON.items() if asked.get(kind, True)}, **own}
