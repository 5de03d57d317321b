"""The smallest failing case: fewer rows, columns and elements first, then simpler numbers, for as long as it still fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from eqwise.conformance.where.attempts import Attempt, Failure, Search
from eqwise.conformance.where.simplicity import complexity, simpler
from eqwise.spec.numbers.formats import Floats

SINGLY = 64  # so many numbers of all arrays are replaced one by one; more only array by array
ROUNDS = 4


def smallest(search: Search, failure: Failure) -> Failure:
    """A failure of the same kind with as few numbers as are needed, and as simple ones."""
    failure = _shorter(search, failure)
    for _ in range(ROUNDS):
        before = failure
        failure = _plainer(search, failure)
        failure = _shorter(search, failure)
        if failure is before:
            break
    return failure


def _shorter(search: Search, failure: Failure) -> Failure:
    """With every axis as short as it can be."""
    for name in dict.fromkeys(axis for axes in failure.attempt.axes.values() for axis in axes):
        chunk = _length(failure.attempt, name)
        while chunk >= 1:
            found = _without(search, failure, name, min(chunk, _length(failure.attempt, name) - 1))
            failure, chunk = (found, min(chunk, _length(found.attempt, name) - 1)) if found else (failure, chunk // 2)
    return failure


def _without(search: Search, failure: Failure, name: str, chunk: int) -> Failure | None:
    """The failure without so many neighbours along an axis: the last ones if possible, or the first, or others."""
    length = _length(failure.attempt, name)
    starts = range(length - chunk, -1, -max(chunk, 1)) if length <= 8 * max(chunk, 1) else (length - chunk, 0)
    for start in dict.fromkeys((length - chunk, 0, *starts)) if chunk else ():
        kept = np.r_[0:start, start + chunk : length]
        found = search.failure(failure.attempt.having(_taken(failure.attempt, name, kept)))
        if found:
            return found
    return None


def _length(attempt: Attempt, name: str) -> int:
    """Of the axis, by the first array that has it; an array of one there is broadcast."""
    return max(array.shape[attempt.axes[key].index(name)] for key, array in attempt.arrays.items() if name in attempt.axes[key])


def _taken(attempt: Attempt, name: str, kept: Any) -> Mapping[str, Floats]:
    """All arrays that have the axis, with these places of it alone."""
    length = _length(attempt, name)
    found = {}
    for key, array in attempt.arrays.items():
        if name in attempt.axes[key] and array.shape[attempt.axes[key].index(name)] == length:
            found[key] = np.take(array, kept, axis=attempt.axes[key].index(name))
    return found


def _plainer(search: Search, failure: Failure) -> Failure:
    """With usual hyper-parameters and simpler numbers: all at once, array by array, then one by one."""
    failure = _first(search, failure, _usual(failure.attempt))
    failure = _first(search, failure, _rounded(failure.attempt))
    for name in failure.attempt.arrays:
        failure = _first(search, failure, _filled(failure.attempt, name))
    if sum(array.size for array in failure.attempt.arrays.values()) <= SINGLY:
        for name, array in failure.attempt.arrays.items():
            for index in np.ndindex(np.shape(array)):
                failure = _first(search, failure, _single(failure.attempt, name, index))
    return failure


def _first(search: Search, failure: Failure, candidates: Iterator[Attempt]) -> Failure:
    """The first of these attempts that fails as well, or else the failure that there was."""
    found = (search.failure(attempt) for attempt in candidates)
    return next((one for one in found if one), failure)


def _usual(attempt: Attempt) -> Iterator[Attempt]:
    """Usual hyper-parameters, those before the one at hand."""
    for chosen in attempt.usual:
        if chosen == attempt.hyper:
            return
        yield attempt.having({}, chosen)


def _rounded(attempt: Attempt) -> Iterator[Attempt]:
    """Every number rounded, to integers or to few digits."""
    for digits in (0, 1, 2):
        rounded = {name: attempt.target.round(np.round(array, digits)) + 0.0 for name, array in attempt.arrays.items()}
        if any(_is_simpler(rounded[name], array) for name, array in attempt.arrays.items()):
            yield attempt.having(rounded)


def _filled(attempt: Attempt, name: str) -> Iterator[Attempt]:
    """One array all zeros, or ones, or one 1 in a row, or rounded."""
    array = attempt.arrays[name]
    one = np.zeros_like(array)
    np.atleast_1d(one)[..., :1] = 1
    for other in (np.zeros_like(array), np.ones_like(array), one, np.round(array), np.round(array, 1)):
        rounded = attempt.target.round(other) + 0.0  # no -0
        if _is_simpler(rounded, array):
            yield attempt.having({name: rounded})


def _single(attempt: Attempt, name: str, index: tuple[int, ...]) -> Iterator[Attempt]:
    """One number simpler."""
    for other in simpler(float(attempt.arrays[name][index]), attempt.target):
        changed = np.array(attempt.arrays[name])
        changed[index] = other
        yield attempt.having({name: changed})


def _is_simpler(array: Floats, than: Floats) -> bool:
    """Whether the numbers have fewer digits, or as many and are smaller."""
    if not np.isfinite(array).all():
        return False
    mine, others = ([complexity(number) for number in numbers.ravel().tolist()] for numbers in (array, than))
    return (sum(c[0] for c in mine), sum(c[1] for c in mine)) < (sum(c[0] for c in others), sum(c[1] for c in others))
