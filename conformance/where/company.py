"""What company a failure needs: how many others in the same array and at which place, or a call before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from eqwise.conformance.case import Call, played
from eqwise.conformance.invocation import contents, guarded
from eqwise.conformance.where.attempts import Attempt, Failure, Search, keys_of
from eqwise.conformance.where.formulas import COTANGENT, Formula
from eqwise.spec.numbers.formats import Floats

ALONG = {"elementwise": "axis 1", "rows": "batch", "affine": "batch", "network": "batch", "columns": "features"}
THINGS = {"elementwise": "numbers", "columns": "features"}
LONGEST = 300


def company_of(search: Search, failure: Failure) -> str:
    """In words, for a number that is correct alone; empty where it needs none, or where the others' values matter."""
    attempt = failure.attempt
    if not isinstance(attempt, Formula) or attempt.cotangent is not None or attempt.reduction:
        return ""
    axis = ALONG.get(attempt.entry.shape)
    length = _length(attempt, axis) if axis else 1
    if axis is None or length == 1 or any(array.ndim > 1 for array in attempt.arrays.values() if attempt.entry.shape == "elementwise"):
        return ""
    things, own = THINGS.get(attempt.entry.shape, "rows"), failure.number[0]
    places = {n: _places(search, attempt, axis, own, n) for n in _lengths(length)}
    if places[1]:
        return ""
    if not places[length]:
        return f"; it fails only beside these other {things}: called alone it is correct"
    return f"; it fails only in company: {_position(places, length)} of {_how_many(places, length)} equal {things}, and is correct alone"


def _lengths(length: int) -> list[int]:
    """Up to beyond twice the length, so that a rule shows."""
    return sorted({*range(1, min(2 * length + 2, LONGEST)), length, length + 1, 2 * length})


def _length(attempt: Formula, axis: str) -> int:
    return max(array.shape[attempt.axes[key].index(axis)] for key, array in attempt.arrays.items() if axis in attempt.axes[key])


def _places(search: Search, attempt: Formula, axis: str, own: int, length: int) -> tuple[int, ...]:
    """Where a number fails that stands so many times in a row."""
    arrays: Mapping[str, Floats] = {
        key: np.repeat(np.take(array, [min(own, array.shape[attempt.axes[key].index(axis)] - 1)], axis=attempt.axes[key].index(axis)),
                       length, axis=attempt.axes[key].index(axis))
        for key, array in attempt.arrays.items() if axis in attempt.axes[key]
    }  # fmt: skip
    return tuple(sorted({failure.number[0] for failure in search.failures(attempt.having(arrays))}))


def _position(places: Mapping[int, tuple[int, ...]], length: int) -> str:
    """Which of them."""
    failing = {n: found for n, found in places.items() if found}
    if all(found == tuple(range(n)) for n, found in failing.items()):
        return "each"
    if all(found == (n - 1,) for n, found in failing.items()):
        return "the last"
    if all(found == (0,) for found in failing.values()):
        return "the first"
    return f"number {', '.join(str(k + 1) for k in places[length][:4])}"


def _how_many(places: Mapping[int, tuple[int, ...]], length: int) -> str:
    """How many there must be."""
    failing = {n for n, found in places.items() if found}
    if failing == {n for n in places if n >= length}:
        return f"{length} or more"
    if failing == {n for n in places if n % length == 0}:
        return f"a multiple of {length}"
    if failing == {n for n in places if n >= length and n % 2 == length % 2}:
        return f"{length} or more, {'an odd' if length % 2 else 'an even'} number,"
    return f"{length}"


def calls_before(search: Search, failure: Failure) -> tuple[Call, ...]:
    """The call itself, where what it returns depends on the call before: what a fresh adapter would return is not known then."""
    calls = failure.attempt.calls()
    if len(calls) > 1:
        return ()
    other = _changed(failure.attempt)
    after_itself, after_another = (_bytes(search, before, calls) for before in (calls, other.calls()))
    return calls if after_itself != after_another else ()


def _changed(attempt: Attempt) -> Attempt:
    """The same call with other numbers, where the contract allows them."""
    for factor, more in ((1.0, 1.0), (0.5, 0.0), (-1.0, 1.0)):
        changed = {name: attempt.target.round(factor * array + more) for name, array in attempt.arrays.items() if name != COTANGENT}
        other = attempt.having(changed)
        if other.is_legal():
            return other
    return attempt


def _bytes(search: Search, before: tuple[Call, ...], calls: tuple[Call, ...]) -> list[bytes]:
    """What the last call returns after another."""
    adapter = search.session.adapter
    result = guarded("a call", lambda: played(adapter, (*before, *calls)))[-1]
    found = []
    for keys in keys_of(result):
        part = result
        for key in keys:
            part = part[key]
        found.append(b"" if part is None else contents(np.asarray(adapter.to_numpy(part))))
    return found
