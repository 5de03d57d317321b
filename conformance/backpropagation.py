"""What is checked of the gradients of a network, (40) to (56): the whole, and each equation on its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.check import Check, judging
from eqwise.conformance.comparison import Outcome, reported
from eqwise.conformance.gradient_examples import (
    ENTRY,
    Example,
    example,
    gradients_of,
    is_wide,
    judged,
    judged_together,
    large_networks,
    networks,
    wide_examples,
)
from eqwise.conformance.invocation import AdapterError, as_array, contents, flattened, raw_value
from eqwise.conformance.purity import goes_by_what_was
from eqwise.conformance.session import Session
from eqwise.conformance.suspects import suspects
from eqwise.conformance.target_sums import check_target_sums
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Floats, Format


def check_derivative(session: Session, operation: Operation, dtype: str) -> Result:
    """Every gradient equals the exact one; a failure names the equations that the adapter's own results implicate."""
    blank, target = Result(operation.clauses, operation.name, "derivative", dtype, "not_offered"), FORMATS[dtype]
    outcome: Outcome | None = None
    failing: list[Example] = []
    try:
        for together in calls(session, target):
            if is_wide(together[0].network) and not all(is_wide(call.network) for call in failing):
                continue  # where what fails in small ones is not looked for
            try:
                found = [gradients_of(session, call, target) for call in together]
            except NotOffered as reason:
                blank = replace(blank, message=str(reason))
                continue
            one = judged_together(together, found, target)
            outcome = one if outcome is None else outcome.merged(one)
            if one.verdict == "deviates":
                failing += _deviating(together, found, target)
        if outcome is None:
            return blank
        clauses = suspects(session, failing, target) if failing else operation.clauses
    except AdapterError as error:
        return replace(blank, verdict="error", message=str(error))
    result = reported(replace(blank, clauses=clauses), outcome)
    if clauses == operation.clauses:
        return result
    return replace(result, message=f"{result.message}; of all that takes part, the adapter's own results implicate what is cited")


def _deviating(calls: list[Example], found: list[list[Floats]], target: Format) -> list[Example]:
    """Which of these calls deviate, at least one of which does."""
    if len(calls) == 1:
        return calls
    return [call for call, own in zip(calls, found, strict=True) if judged(call, own, target).verdict == "deviates"]


def calls(session: Session, target: Format) -> Iterator[list[Example]]:
    """Networks with their batches, those of one kind together."""
    for network, batch in networks():
        seed = session.seed_for(ENTRY.name, network, target.name)
        yield [example(network, batch, target, seed + n) for n in range(session.volume)]
    for network, batch in large_networks():
        yield [example(network, batch, target, session.seed_for(ENTRY.name, network, target.name))]
    for turn in range((session.volume + 1) // 2):
        yield from ([call] for call in wide_examples(target, session.seed_for("wide", turn, target.name)))


@judging("purity")
def check_purity(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Inputs keep their bytes, and results keep their values when the operation is called again."""
    target, points = FORMATS[dtype], 0
    for network in (network for network, _ in networks() if network.depth == 2):
        first, other = (example(network, 3, target, session.seed_for("purity", network, dtype) + k) for k in (1, 2))
        try:
            message = _harm(session, first, other)
        except NotOffered as reason:
            blank = replace(blank, message=str(reason))
            continue
        points += 1
        if message:
            return replace(blank, verdict="deviates", points=points, message=message)
    return replace(blank, verdict="conforms", points=points, message=None) if points else blank


def _harm(session: Session, first: Example, other: Example) -> str | None:
    named = first.network.named

    def called(given: Example) -> list[Any]:
        return flattened(raw_value(session.adapter, ENTRY, given.inputs, **named))

    def arrays_of(results: Any) -> list[Array]:
        return [as_array(session.adapter, ENTRY.name, result) for result in flattened(results)]

    def bytes_of(results: list[Any]) -> list[bytes]:
        return [contents(array) for array in arrays_of(results)]

    before = [array.tobytes() for array in flattened(first.inputs)]
    results = called(first)
    kept = bytes_of(results)
    if before != [array.tobytes() for array in flattened(first.inputs)]:
        return f"{ENTRY.name} writes to its inputs"
    called(other)
    if kept != bytes_of(results):
        return f"the result of {ENTRY.name} changes when it is called again"
    if goes_by_what_was(lambda inputs: arrays_of(raw_value(session.adapter, ENTRY, inputs, **named)), first.inputs, other.inputs):
        return f"{ENTRY.name} goes by what its inputs held before"
    return None


CHECKS: Mapping[str, Mapping[str, Check]] = {
    ENTRY.name: {"derivative": check_derivative, "target_sums": check_target_sums, "purity": check_purity}
}
