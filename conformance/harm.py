"""What calls do that no number shows: they raise, answer in another shape or a narrower dtype, or change what is not theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from eqwise.conformance.adapter import Adapter, NotOffered
from eqwise.conformance.case import Call, Case
from eqwise.conformance.invocation import contents
from eqwise.conformance.layouts import copied
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS


def harm(adapter: Adapter, case: Case) -> str | None:
    """What the calls of a case do that they must not, in words; None where they do nothing of the kind."""
    try:
        steps = list(_played(adapter, case.calls))
        if case.question == "answer":
            found = described(_array(adapter, _at(steps[-1][1], case.place)))
            return None if found in accepted(case) else found
    except NotOffered:
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}" if case.question == "answer" else None
    if case.question == "arguments":
        return "an argument is changed" if any(now.tobytes() != then for given, _, _ in steps for now, then in given) else None
    number, *place = case.place
    _, result, kept = steps[int(number)]
    changed = contents(_array(adapter, _at(result, place))) != contents(_at(kept, place))
    return "the result is changed" if changed else None


def accepted(case: Case) -> tuple[str, ...]:
    """Every answer that the contract allows: the shape of the case, its dtype or a wider one."""
    target = FORMATS[case.dtype]
    wider = [known.name for known in FORMATS.values() if known.p >= target.p and known.emax >= target.emax]
    shape = case.expected.partition(" of ")[2]
    return tuple(f"{name} of {shape}" for name in wider)


def described(array: Array) -> str:
    """``float64 of shape (3,)``."""
    return f"{array.dtype} of shape {array.shape}"


def _played(adapter: Adapter, calls: Sequence[Call]) -> Iterator[tuple[list[tuple[Array, bytes]], Any, Any]]:
    """Of every call: its arrays with their bytes, what it returned, and a copy of that."""
    results: list[Any] = []
    for call in calls:
        watched: list[tuple[Array, bytes]] = []
        given = [_given(adapter, argument, watched) for argument in call.arguments]
        named = {name: _given(adapter, value, watched) for name, value in call.named.items()}
        found = getattr(adapter if call.of is None else results[call.of], call.method)
        results.append(found if call.is_attribute else found(*given, **named))
        yield watched, results[-1], _copied(adapter, results[-1])


def _given(adapter: Adapter, argument: Any, watched: list[tuple[Array, bytes]]) -> Any:
    if isinstance(argument, np.ndarray):
        own = copied(argument)
        watched.append((own, own.tobytes()))
        return adapter.from_numpy(own)
    return type(argument)(_given(adapter, item, watched) for item in argument) if isinstance(argument, (list, tuple)) else argument


def _copied(adapter: Adapter, result: Any) -> Any:
    """Copies of the arrays in a result; an object that is no array, such as an optimizer, has none."""
    if isinstance(result, dict):
        return {key: _copied(adapter, item) for key, item in result.items()}
    if isinstance(result, (list, tuple)):
        return [_copied(adapter, item) for item in result]
    try:
        return np.array(_array(adapter, result), copy=True)
    except Exception:
        return None


def places(copy: Any) -> Iterator[tuple[int | str, ...]]:
    """Where arrays are in what `_copied` made."""
    if isinstance(copy, np.ndarray) and copy.dtype != object:
        yield ()
    elif isinstance(copy, (dict, list)):
        for key, item in copy.items() if isinstance(copy, dict) else enumerate(copy):
            yield from ((key, *rest) for rest in places(item))


def results_of(adapter: Adapter, calls: Sequence[Call]) -> list[tuple[int | str, ...]]:
    """The places of all arrays that calls return: the number of the call first."""
    return [(number, *place) for number, (_, _, copy) in enumerate(_played(adapter, calls)) for place in places(copy)]


def _array(adapter: Adapter, found: Any) -> Array:
    return np.asarray(found if isinstance(found, (int, float)) else adapter.to_numpy(found))


def _at(found: Any, place: Sequence[int | str]) -> Any:
    for key in place:
        found = found[key]
    return found
