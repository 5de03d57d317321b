"""A smallest case in words: how large it is, and which of its numbers fails."""

from __future__ import annotations

import numpy as np

from eqwise.conformance.where.attempts import Attempt, Failure
from eqwise.conformance.where.counting import Labels
from eqwise.conformance.where.formulas import COTANGENT, Formula
from eqwise.conformance.where.layers import Passes
from eqwise.conformance.where.networks import Gradients
from eqwise.conformance.where.stepping import Steps
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
    if isinstance(attempt, Steps):
        return f"{_parameters(attempt)}, {count(attempt.steps, 'step')}"
    if isinstance(attempt, Labels):
        return count(len(first), "label")
    if isinstance(attempt, Passes):
        return f"a new layer, a batch of {len(first)}, {count(first.shape[1], 'feature')}"
    if isinstance(attempt, Gradients):
        network = attempt.given.network
        return f"a batch of {len(first)}, widths {_widths(network.widths)}, activation {network.activation}, output {network.output}"
    assert isinstance(attempt, Formula)
    match attempt.entry.shape:
        case "elementwise": return _elements(first)
        case "rows":        return f"{count(len(first), 'row')} of {count(first.shape[-1], 'number')}"
        case "sample":      return f"a sample of {count(first.size, 'number')}"
        case "affine":      return f"{count(len(first), 'row')} of {count(first.shape[1], 'input')}, {count(_last(attempt), 'output')}"
        case "columns":     return f"a batch of {len(first)}, {count(first.shape[1], 'feature')}"
        case "network":     return f"a batch of {len(first)}, widths {_widths(attempt.call.frame.dims)}{_options(attempt)}"
        case _:             return f"{count(len(attempt.arrays), 'matrix', 'matrices')}, widths {_widths(attempt.call.frame.dims)}"


def _parameters(attempt: Steps) -> str:
    if attempt.many:
        return f"a list of {count(len(attempt.shapes), 'parameter')} of shapes {', '.join(map(str, attempt.shapes))}"
    return _elements(np.zeros(attempt.shapes[0]))


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
    attempt, keys = failure.attempt, failure.path[:-1]
    if isinstance(attempt, Steps):
        return f"{attempt.slot or 'theta'} after step {attempt.steps}"
    if isinstance(attempt, Labels):
        return f"entry {failure.number[1] + 1}" if len(failure.claim.outputs) > 1 else "the result"
    if isinstance(attempt, Passes):
        return f"{attempt.told}{_index(failure, attempt.result_shape)}"
    if isinstance(attempt, Gradients):
        layer = int(keys[1])
        name, array = (("b", attempt.given.biases) if keys[0] else ("W", attempt.given.weights))
        return f"the gradient of {name}{layer + 1}{_index(failure, array[layer].shape)}"
    assert isinstance(attempt, Formula)
    if attempt.cotangent is None:
        return f"output{_index(failure, attempt.result_shape)}" if attempt.result_shape else "the result"
    name = [name for name in attempt.arrays if name != COTANGENT][_position(attempt, keys)]
    return f"the gradient of {name}{_index(failure, attempt.arrays[name].shape)}"


def _index(failure: Failure, shape: tuple[int, ...]) -> str:
    """Counted from 1, by axes."""
    index = np.unravel_index(int(failure.path[-1]), shape) if shape else ()
    return f"[{', '.join(str(int(i) + 1) for i in index)}]" if index else ""


def _position(attempt: Formula, keys: tuple[int | str, ...]) -> int:
    """The number of the input array that these keys lead to."""
    return attempt.keys(None).index(keys)
