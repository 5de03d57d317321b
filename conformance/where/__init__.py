"""Where exactly an operation fails: intervals of a number, or the smallest case, confirmed by calling it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from eqwise.conformance import metrics, samples
from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.claims import Frame
from eqwise.conformance.optimizer_claims import METHODS
from eqwise.conformance.samples import Call
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.conformance.where.alignment import alignment_of
from eqwise.conformance.where.attempts import Failure, Readings, Search
from eqwise.conformance.where.company import company_of
from eqwise.conformance.where.confirmation import confirmed
from eqwise.conformance.where.formulas import COTANGENT, Formula
from eqwise.conformance.where.gathering import attempts_of
from eqwise.conformance.where.order import order_of, plainest
from eqwise.conformance.where.scalars import Line, found_on, simplest_failure, told
from eqwise.conformance.where.shrinking import smallest
from eqwise.conformance.where.stepping import late
from eqwise.conformance.where.words import described
from eqwise.spec.numbers.formats import FORMATS, Format

FAILING = {"deviates": ("deviates",), "inaccurate": ("deviates", "inaccurate")}

TRIED = 3  # failing calls that are tried for a case


def located(session: Session, result: Result) -> Result:
    """The result with its failing intervals or its smallest case."""
    entry = OPERATIONS.get(result.operation or "")  # a statement may name several
    if entry is None or result.verdict not in FAILING:
        return result
    target = _format(session, entry, result.dtype)
    if target is None:
        return result
    search = Search(session, target, FAILING[result.verdict])
    if entry.shape == "elementwise" and result.property in ("value", "derivative") and result.worst:
        on_a_line = _on_a_line(search, entry, result)
        if on_a_line.where:
            return on_a_line
    attempts = attempts_of(session, entry, result.property, search.target, _readings(result))
    failures = (failure for attempt in attempts for failure in [plainest(search, attempt)] if failure)
    small = (_smallest(search, failure, result) for failure in islice(failures, TRIED))
    found = next((one for one in small if one), result)
    if found.where is None and result.operation in METHODS and result.property in ("update", "state"):
        return replace(result, where=late(session, entry, result.property, target) or None)
    return found


def _format(session: Session, entry: Operation, dtype: str | None) -> Format | None:
    """That results are judged in: of counting, the adapter's own."""
    if dtype is not None:
        return FORMATS[dtype]
    return None if entry.typed else metrics.called(session, entry, [np.array([True]), np.array([True])])[1]


def _readings(result: Result) -> Readings:
    """That the result was judged under."""
    named = [part.split(":") for part in (result.reading or "").split(", ") if part.startswith("eq")]
    return tuple((int(clause.removeprefix("eq")), name) for clause, name in named)


def _smallest(search: Search, failure: Failure, result: Result) -> Result | None:
    """With the smallest case, if it is confirmed."""
    small = smallest(search, failure)
    for one in (*search.failures(small.attempt), *search.failures(failure.attempt)):
        case = confirmed(search, one)
        if case:
            return replace(result, where=f"{described(one)}{_company(search, one, case)}", case=case)
    told = alignment_of(search, failure.attempt)
    return replace(result, where=told) if told else None


def _company(search: Search, failure: Failure, case: Mapping[str, Any]) -> str:
    """What the failure needs besides its own numbers."""
    told = order_of(search, failure.attempt) or alignment_of(search, failure.attempt)
    if told:
        return f"; {told}"
    if len(case["calls"]) > len(failure.attempt.calls()):
        return "; what it returns depends on the call before, so that the case calls it twice"
    return company_of(search, failure)


def _on_a_line(search: Search, entry: Operation, result: Result) -> Result:
    """With the intervals of the first input around the worst place, where it fails alone, and wherever it is in memory."""
    rng = np.random.default_rng(search.session.seed_for("where", *result.key))
    for attempt in _scalar_attempts(search, entry, result):
        aligned = alignment_of(search, attempt)
        if aligned:
            return replace(result, where=aligned)
        line = Line(search, attempt)
        if line.alone(line.first) is None:
            continue
        found = found_on(line, rng)
        interval = next((one for one in found.intervals if line.first in one), None)
        if interval is None:
            continue
        cases = (confirmed(search, failure) for failure in simplest_failure(line, interval))
        case = next((case for case in cases if case), None)
        ends = (repr(interval.low), repr(interval.high))
        return replace(result, interval=ends, where=told(line, found), case=case)
    return result


def _scalar_attempts(search: Search, entry: Operation, result: Result) -> Iterator[Formula]:
    """The worst place as a call of one element: of the first input at cotangent 1, or else as it was drawn."""
    assert result.worst is not None
    known = {name: float(number.decimal) for name, number in result.worst.inputs.items()}
    if set(known) - {COTANGENT} != {*entry.inputs, *entry.hyper}:
        return
    inputs = tuple(samples.cast(np.array([known[name]]), search.target) for name in entry.inputs)
    call = Call(inputs, {name: known[name] for name in entry.hyper}, Frame(entry.name), np.random.default_rng(0))
    if COTANGENT not in known:
        yield Formula(call, search.target, reduction=search.session.adapter.reduction.get(entry.name))
        return
    for cotangent in dict.fromkeys((1.0, known[COTANGENT])):
        yield Formula(call, search.target, np.array([cotangent]))
