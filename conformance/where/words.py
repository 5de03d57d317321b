"""A smallest case in words: how large it is, and which of its numbers fails."""

from __future__ import annotations

import numpy as np

from eqwise.conformance.where.attempts import Attempt, Failure
from eqwise.conformance.where.formulas import COTANGENT, Formula
from eqwise.spec.numbers.formats import Floats

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def described(failure: Failure) -> str:
    """One line: the shape, the numbers where they are few, the failing number."""
    return f"smallest failing case: {shape_of(failure.attempt)}; {which(failure)} fails"


def count(number: int, singular: str, plural: str = "") -> str:
    """A number of things."""
    word = NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
    return f"{word} {singular if number == 1 else plural or singular + 's'}"


def shape_of(attempt: Attempt) -> str:
    """How large the arrays are, by the operation's shape."""
    first = next(iter(attempt.arrays.values()))
    if not isinstance(attempt, Formula):
        return "; ".join(f"{name} of shape {array.shape}" for name, array in attempt.arrays.items())
    match attempt.entry.shape:
        case "elementwise": return _elements(first)
        case "rows":        return f"{count(len(first), 'row')} of {count(first.shape[-1], 'number')}"
        case "sample":      return f"a sample of {count(first.size, 'number')}"
        case "affine":      return f"{count(len(first), 'row')} of {count(first.shape[1], 'input')}, {count(_last(attempt), 'output')}"
        case "columns":     return f"a batch of {len(first)}, {count(first.shape[1], 'feature')}"
        case "network":     return f"a batch of {len(first)}, widths {_widths(attempt.call.frame.dims)}{_options(attempt)}"
        case _:             return f"{count(len(attempt.arrays), 'matrix', 'matrices')}, widths {_widths(attempt.call.frame.dims)}"


def _last(attempt: Formula) -> int:
    return attempt.call.frame.dims[-1]


def _elements(array: Floats) -> str:
    return count(array.size, "number") if array.ndim <= 1 else f"an array of shape {array.shape}"


def _widths(dims: tuple[int, ...]) -> str:
    return "–".join(map(str, dims))


def _options(attempt: Formula) -> str:
    return "".join(f", {name} {value}" for name, value in attempt.call.frame.options)


def which(failure: Failure) -> str:
    """The failing number by its place."""
    attempt, position = failure.attempt, int(failure.path[-1])
    shape, keys = _shape_at(failure), failure.path[:-1]
    index = np.unravel_index(position, shape) if shape else ()
    inside = f"[{', '.join(str(int(i) + 1) for i in index)}]" if index else ""
    if not isinstance(attempt, Formula) or attempt.cotangent is None:
        return f"output{inside}" if inside else "the result"
    names = [name for name in attempt.arrays if name != COTANGENT]
    return f"the gradient of {names[_position(attempt, keys)]}{inside}"


def _position(attempt: Formula, keys: tuple[int | str, ...]) -> int:
    """The number of the input array that these keys lead to."""
    return attempt.keys(None).index(keys)


def _shape_at(failure: Failure) -> tuple[int, ...]:
    """The shape of the array that the number is in."""
    attempt = failure.attempt
    if not isinstance(attempt, Formula):
        return ()
    if attempt.cotangent is None:
        return attempt.result_shape
    names = [name for name in attempt.arrays if name != COTANGENT]
    return attempt.arrays[names[_position(attempt, failure.path[:-1])]].shape
