"""A case for failures that no number shows: a call that raises, an argument that is written, a result that changes later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from eqwise.conformance import evidence, samples
from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.case import Call, Case
from eqwise.conformance.harm import harm, results_of
from eqwise.conformance.invocation import flattened
from eqwise.conformance.optimizer_plans import SHAPES, plans
from eqwise.conformance.purity import calls_of_equal_shape
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.formats import FORMATS, Format

_MOST_CALLS = 12
_STEPS = 3
_FEW = (1, 2, 3)


def witnessed(session: Session, result: Result) -> Result:
    """The result with a case, where it has none and one shows its harm."""
    operation = OPERATIONS.get(result.operation or "")
    if result.case is not None or operation is None or result.dtype is None:
        return result
    if result.verdict == "error":
        found = _unanswered(session, operation, result, FORMATS[result.dtype])
    elif result.property == "purity":
        found = _impure(session, operation, FORMATS[result.dtype])
    else:
        return result
    shown = next((case for case in found if harm(session.adapter, case)), None)
    return replace(result, case=shown.as_json()) if shown else result


def _unanswered(session: Session, operation: Operation, result: Result, target: Format) -> Iterator[Case]:
    """The calls that the check makes, the smallest first; of an operation on elements the first few of them before all."""
    if operation.shape == "method" or operation.name in session.adapter.reduction:
        return
    kind = "derivative" if result.property == "derivative" else "value"
    drawn = list(islice(evidence.calls(session, operation, kind, target), _MOST_CALLS))
    if operation.shape == "elementwise":
        drawn = [_short(call, count) for count in _FEW for call in drawn] + drawn
    for call in sorted(drawn, key=lambda call: sum(array.size for array in flattened(call.inputs)) or np.inf):
        yield from _asked(call, kind, target)


def _short(call: samples.Call, count: int) -> samples.Call:
    """The last elements of a call, which are of usual size."""
    return replace(call, inputs=tuple(array.reshape(-1)[-count:].copy() for array in call.inputs))


def _asked(call: samples.Call, kind: str, target: Format) -> Iterator[Case]:
    name, shape = call.frame.operation, evidence.result_shape(call)
    if kind == "value":
        yield _case(name, target, (Call(name, call.inputs, dict(call.named)),), (), shape)
        return
    cotangent = samples.cast(np.ones(shape), target)
    made = Call("vjp", (name, call.inputs, cotangent), dict(call.named))
    for number, given in enumerate(call.inputs):
        if isinstance(given, np.ndarray):
            yield _case(name, target, (made,), (number,), given.shape)


def _case(name: str, target: Format, calls: Sequence[Call], place: tuple[int | str, ...], shape: tuple[int, ...]) -> Case:
    return Case(name, target.name, tuple(calls), place, f"{target.name} of shape {shape}", 0.0, "answer")


def _impure(session: Session, operation: Operation, target: Format) -> Iterator[Case]:
    """Calls that change an argument, or what was returned before."""
    for calls in _runs(session, operation, target):
        try:
            kept = results_of(session.adapter, calls)
        except Exception:  # what is raised is no harm of this kind
            continue
        blank = Case(operation.name, target.name, calls, (0,), "the bytes that were given", 0.0, "arguments")
        yield from (replace(blank, calls=calls[: count + 1]) for count in range(len(calls)))
        yield from (replace(blank, place=place, expected="the bytes that were returned", question="result") for place in kept)


def _runs(session: Session, operation: Operation, target: Format) -> Iterator[tuple[Call, ...]]:
    name = operation.name
    if operation.section == "10":
        for plan in plans(operation, 1, target, session.seed_for(name, "purity", target.name))[: len(SHAPES)]:
            yield _steps(name, plan, target)
            yield _steps(name, plan, target, state=True)
    elif operation.shape != "method":
        pairs = calls_of_equal_shape(session, operation, target)
        if operation.shape == "elementwise":
            pairs = [(_short(first, count), _short(again, count)) for count in _FEW for first, again in pairs] + pairs
        for first, again in pairs:
            yield Call(name, first.inputs, dict(first.named)), Call(name, again.inputs, dict(again.named))
            cotangent = samples.cast(np.ones(evidence.result_shape(first)), target)
            yield (Call("vjp", (name, first.inputs, cotangent), dict(first.named)),)


def _steps(name: str, plan: Any, target: Format, state: bool = False) -> tuple[Call, ...]:
    """An optimizer and a few of its steps, its state being asked for between them or not."""
    rng = np.random.default_rng(plan.seed)

    def drawn() -> Any:
        arrays = [samples.cast(target.round(rng.normal(size=shape)), target) for shape in plan.shapes]
        return arrays if plan.many else arrays[0]

    steps = [[Call("step", (drawn(),), of=0), *([Call("state", of=0)] if state else [])] for _ in range(_STEPS)]
    return (Call(name, (drawn(),), dict(plan.hyper)), *(call for made in steps for call in made))
