"""A case: calls of an adapter that show a failure by themselves, and the number that comes out wrong.

A case is plain data, so that it goes into the JSON report, from one process to another, and into a stand-alone script. It is
kept only where `replay` shows the failure again: alone, with nothing else having been called before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.layouts import copied, laid_out, layout_of
from eqwise.spec.numbers.formats import FORMATS


@dataclass(frozen=True)
class Call:
    """One call of a method: of the adapter, or of what call number `of` returned (an optimizer, a layer).

    Arguments are NumPy arrays, lists of them, numbers, strings and booleans. `method` alone is read, not called, where
    `is_attribute` holds: the running mean of a layer.
    """

    method: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    of: int | None = None
    is_attribute: bool = False


@dataclass(frozen=True)
class Case:
    """Calls in their order, and what is wrong with the result of the last one.

    `place` leads to one number: keys and positions into nested results, then the position in the flattened array.
    `expected` has the certified decimal digits of what should be there, more than the dtype holds; the failure is there
    while |actual − expected| > `allowance`, or the actual number is not finite.

    Other questions than of the number: whether the calls `answer` in the `expected` shape and dtype, the place leading to an
    array; whether `arguments` keep their bytes; whether a `result` does, the place beginning with the number of its call.
    """

    operation: str
    dtype: str
    calls: tuple[Call, ...]
    place: tuple[int | str, ...]
    expected: str
    allowance: float
    question: str = "number"

    def fails(self, actual: float) -> bool:
        """Whether this number shows the failure."""
        expected = float(self.expected)
        return actual != expected and not abs(actual - expected) <= self.allowance

    def as_json(self) -> dict[str, Any]:
        """Plain data; floats by their hexadecimal digits, so that −0, infinities and subnormals survive."""
        calls = [
            {"method": c.method, "arguments": _plain(c.arguments), "named": _plain(c.named), "of": c.of, "is_attribute": c.is_attribute}
            for c in self.calls
        ]
        return {
            "operation": self.operation,
            "dtype": self.dtype,
            "calls": calls,
            "place": list(self.place),
            "expected": self.expected,
            "allowance": float(self.allowance).hex(),
            "question": self.question,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """The case that `as_json` wrote."""
        calls = tuple(
            Call(c["method"], tuple(_made(c["arguments"])), _made(c["named"]), c["of"], c["is_attribute"]) for c in data["calls"]
        )
        allowance = float.fromhex(data["allowance"])
        return cls(data["operation"], data["dtype"], calls, tuple(data["place"]), data["expected"], allowance, data["question"])


def replay(adapter: Adapter, case: Case) -> float:
    """The number that the adapter gives now. Raises what the adapter raises."""
    return number_at(adapter, case, answer(adapter, case))


def number_at(adapter: Adapter, case: Case, found: Any) -> float:
    """The number at the end of the place, in what `answer` gave."""
    array = np.asarray(found if isinstance(found, (int, float)) else adapter.to_numpy(found))
    return float(array.reshape(-1)[int(case.place[-1])])


def answer(adapter: Adapter, case: Case) -> Any:
    """The array, or the number, that the place leads into, as the framework returns it."""
    found = played(adapter, case.calls)[-1]
    for key in case.place[:-1]:
        found = found[key]
    return found


def played(adapter: Adapter, calls: Sequence[Call]) -> list[Any]:
    """What each of these calls returns."""
    results: list[Any] = []
    for call in calls:
        found = getattr(adapter if call.of is None else results[call.of], call.method)
        given = [converted(adapter, argument) for argument in call.arguments]
        named = {name: converted(adapter, value) for name, value in call.named.items()}
        results.append(found if call.is_attribute else found(*given, **named))
    return results


def converted(adapter: Adapter, argument: Any) -> Any:
    """Arrays as the framework's own, in lists and tuples too; anything else as it is."""
    if isinstance(argument, np.ndarray):
        return adapter.from_numpy(copied(argument))
    return type(argument)(converted(adapter, item) for item in argument) if isinstance(argument, (list, tuple)) else argument


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        flat = value.reshape(-1)
        numbers = flat.tolist() if value.dtype.kind in "biu" else [float(number).hex() for number in flat]
        layout = layout_of(value)
        beside = {} if layout == "C" else {"layout": layout}
        return {"dtype": str(value.dtype), "shape": list(value.shape), "numbers": numbers, **beside}
    if isinstance(value, Mapping):
        return {"named": {name: _plain(item) for name, item in value.items()}}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, tuple):
        return {"tuple": [_plain(item) for item in value]}
    return [_plain(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def _made(data: Any) -> Any:
    match data:
        case {"dtype": dtype, "shape": shape, "numbers": numbers}:
            is_float = dtype in FORMATS
            values = np.array([float.fromhex(n) for n in numbers] if is_float else numbers, np.float64 if is_float else dtype)
            made = values.astype(FORMATS[dtype].dtype if is_float else dtype).reshape(shape)
            return laid_out(made, data.get("layout", "C"))
        case {"named": named}: return {name: _made(item) for name, item in named.items()}
        case {"float": digits}: return float.fromhex(digits)
        case {"tuple": items}: return tuple(_made(item) for item in items)
        case list():           return [_made(item) for item in data]
        case _:                return data
