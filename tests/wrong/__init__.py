"""Planted errors: adapters that stand beside the pristine reference and differ from it in one operation.

An entry is a function under `@wrong` (values) or `@wrong_gradient` (gradients). It is given float64 and its result is
rounded to the dtype of the inputs, so that the planted error is the only one; with ``raw=True`` it is given the arrays
themselves and answers for the dtype of its result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.reference.arithmetic import in_float64

SECTIONS = ("perceptron", "network", "activations", "losses")
_COLLECTED: list[Wrong] = []
Function = Callable[..., Any]


@dataclass(frozen=True)
class Wrong:
    """One planted error: what it breaks, which property must fail, why someone would write it."""

    name: str
    clause: str
    operation: str
    kind: str
    because: str
    adapter: type[ReferenceAdapter]
    only: str | None = None  # the one dtype in which the error is planted
    verdict: str = "deviates"  # the mildest verdict that counts as failed
    reading: str | None = None  # the reading that it follows, which is no error but must be named
    statement: str | None = None  # the statement whose own tests must fail too


def wrong(clause: str, operation: str, *, because: str, raw: bool = False, kind: str = "value", **marks: Any) -> Function:
    """Enters a wrong value function of `operation`, to be failed under `clause`; `marks` are those of `Wrong`."""

    def enter(function: Function) -> Function:
        right = getattr(ReferenceAdapter, operation)
        planted = _planted(function, right, raw, marks.get("only"))
        return _entered(function, {operation: staticmethod(planted)}, clause, operation, kind, because, marks)

    return enter


def wrong_gradient(clause: str, operation: str, *, because: str, raw: bool = False, kind: str = "derivative", **marks: Any) -> Function:
    """Enters a wrong gradient of `operation`: a function of its inputs, the cotangent and the hyper-parameters."""

    def enter(function: Function) -> Function:
        pristine = ReferenceAdapter()

        def right(*inputs: Any, **hyper: Any) -> Any:
            return pristine.vjp(operation, inputs[:-1], inputs[-1], **hyper)

        planted = _planted(function, right, raw, marks.get("only"))

        def vjp(self: Any, name: str, inputs: tuple[Any, ...], cotangent: Any, **hyper: Any) -> Any:
            return planted(*inputs, cotangent, **hyper) if name == operation else pristine.vjp(name, inputs, cotangent, **hyper)

        return _entered(function, {"vjp": vjp}, clause, operation, kind, because, marks)

    return enter


def _entered(function: Function, methods: dict[str, Any], clause: str, operation: str, kind: str, because: str, marks: Any) -> Function:
    name = function.__name__
    adapter = type(name, (ReferenceAdapter,), {"name": name, "__doc__": because, **methods})
    _COLLECTED.append(Wrong(name, clause, operation, kind, because, adapter, **marks))
    return function


def _planted(function: Function, right: Function, raw: bool, only: str | None) -> Function:
    made = function if raw else in_float64(function)
    if only is None:
        return made
    return lambda *inputs, **hyper: (made if _dtype(inputs[0]) == only else right)(*inputs, **hyper)


def _dtype(array: Any) -> str:
    return str(np.asarray(array).dtype)


def collection() -> tuple[Wrong, ...]:
    """Every planted error, in the order of the notes."""
    for section in SECTIONS:
        import_module(f"{__name__}.{section}")
    return tuple(_COLLECTED)
