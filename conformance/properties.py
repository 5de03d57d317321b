"""One body for each kind of property that operations have; the spec supplies everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from eqwise.conformance import (
    backpropagation,
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
from eqwise.conformance.comparison import Outcome, judge, reported
from eqwise.conformance.evidence import Sample
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.purity import check_purity
from eqwise.conformance.samples import Call
from eqwise.conformance.session import Session
from eqwise.conformance.special_values import check_special_values
from eqwise.conformance.verdicts import Result
from eqwise.spec.document import AS_PRINTED
from eqwise.spec.numbers.formats import FORMATS, Format

Readings = tuple[tuple[int, str], ...]


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
        for collect, call in _planned(session, operation, kind, target, own, bulk):
            try:
                collected += collect(session, call, target)
            except NotOffered as refusal:  # of this case; others may be offered
                reason = str(refusal)
    except AdapterError as error:
        return replace(blank, verdict="error", message=str(error))
    if not collected:
        return replace(blank, message=reason)
    return _under_readings(session, operation, blank, evidence.grouped(collected), target)


def _planned(
    session: Session, operation: Operation, kind: str, target: Format, own: Collect, bulk: Collect
) -> Iterator[tuple[Collect, Call]]:
    for call in evidence.calls(session, operation, kind, target):
        yield own, call
    if not session.is_reference:  # which would be held against itself
        for call in evidence.bulk_calls(session, operation, kind, target):
            yield bulk, call


def _under_readings(session: Session, operation: Operation, blank: Result, collected: list[Sample], target: Format) -> Result:
    """The printed formula first; where it fails, the declared reading, then every other one."""
    places = 6 * session.volume
    printed = _judged(collected, (), target, places)
    if printed.verdict != "deviates":
        return _result(blank, collected, printed)
    declared = session.declared(operation.name)
    known = {number: declared.get(f"eq{number}", AS_PRINTED) for number in operation.equations}
    for readings in sorted(operation.readings()[1:], key=lambda chosen: chosen != known):
        outcome = _judged(collected, tuple(readings.items()), target, places)
        if outcome.verdict in ("conforms", "inaccurate"):
            name = ", ".join(f"eq{number}:{chosen}" for number, chosen in readings.items() if chosen != AS_PRINTED)
            verdict = "conforms_as" if outcome.verdict == "conforms" else outcome.verdict
            return replace(_result(blank, collected, outcome), verdict=verdict, reading=name)
    return _result(blank, collected, printed)


def _judged(collected: list[Sample], readings: Readings, target: Format, places: int) -> Outcome:
    outcome = Outcome("conforms", 0, 0.0, 0.0)
    for sample in collected:
        outcome = outcome.merged(judge(sample.claim(readings), sample.rows, sample.actual, target, places))
    return outcome


def _result(blank: Result, collected: list[Sample], outcome: Outcome) -> Result:
    return reported(blank, outcome, sum(sample.bulk for sample in collected))


COMMON: Mapping[str, Check] = {
    "value": check_value,
    "derivative": check_derivative,
    "special_values": check_special_values,
    "purity": check_purity,
}
OF_METHODS: Mapping[str, Mapping[str, Check]] = {
    **metrics.CHECKS, **differentiation.CHECKS, **backpropagation.CHECKS, **optimization.CHECKS, **initialization.CHECKS,
    **dropout.CHECKS, **batch_normalization.CHECKS,
}  # fmt: skip


def checks_of(operation: Operation) -> Mapping[str, Check]:
    """The properties that an operation is asked for, by name. A perceptron's step leaves nothing to differentiate."""
    if operation.shape == "method":
        return OF_METHODS.get(operation.name, {})
    unary = operation.shape == "elementwise" and len(operation.inputs) == 1
    asked = {"derivative": operation.name != "perceptron", "special_values": unary}
    return {kind: check for kind, check in COMMON.items() if asked.get(kind, True)}
