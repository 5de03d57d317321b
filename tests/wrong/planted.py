"""What a planted error is: one operation of the reference replaced, and the clause under which it must be failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter, find

Function = Callable[..., Any]
PLANTED: dict[str, Planted] = {}


@dataclass(frozen=True)
class Planted:
    """A wrong implementation: its clause, its operation, which of the two functions is wrong, why one would write it."""

    name: str
    clause: str
    operation: str
    part: str  # value or vjp
    because: str
    function: Function

    def adapter(self) -> ReferenceAdapter:
        """The reference with this one error."""
        made = ReferenceAdapter()
        if self.part == "value":
            object.__setattr__(made, self.operation, self.function)
        else:
            object.__setattr__(made, "vjp", partial(self._vjp, made.vjp))
        return made

    def _vjp(self, pristine: Function, operation: str, inputs: Any, cotangent: Any, **hyper: Any) -> Any:
        if operation != self.operation:
            return pristine(operation, inputs, cotangent, **hyper)
        return self.function(*inputs, cotangent, **hyper)


def plant(clause: str, operation: str, because: str, part: str = "value") -> Callable[[Function], Function]:
    """Enter a wrong implementation; its function takes the inputs in float64 and its results are cast back."""

    def enter(function: Function) -> Function:
        name = f"{clause}-{operation}-{function.__name__}"
        assert name not in PLANTED, name
        PLANTED[name] = Planted(name, clause, operation, part, because, _cast_back(function))
        return function

    return enter


plant_gradient = partial(plant, part="vjp")


def _cast_back(function: Function) -> Function:
    def wrapped(*inputs: Any, **hyper: Any) -> Any:
        dtype = np.asarray(inputs[0]).dtype
        with np.errstate(all="ignore"):
            result = function(*map(_wide, inputs), **hyper)
            return _narrow(result, dtype)

    return wrapped


def _wide(item: Any) -> Any:
    return [_wide(a) for a in item] if isinstance(item, list) else np.asarray(item, np.float64)


def _narrow(result: Any, dtype: Any) -> Any:
    if result is None:
        return None
    if isinstance(result, (list, tuple)):
        return type(result)(_narrow(item, dtype) for item in result)
    return np.asarray(result).astype(dtype)


def true(operation: str) -> Function:
    """The reference's own function, on float64."""
    return find(operation)  # type: ignore[no-any-return]


def raw(clause: str, operation: str, because: str) -> Callable[[Function], Function]:
    """Enter a wrong implementation that works on the arrays as they come, in their own dtype."""

    def enter(function: Function) -> Function:
        name = f"{clause}-{operation}-{function.__name__}"
        PLANTED[name] = Planted(name, clause, operation, "value", because, function)
        return function

    return enter
