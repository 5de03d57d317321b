"""What an innocent implementation is made of: the reference, some operations done otherwise, and what is allowed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from wrong.methods import leaves

Function = Callable[..., Any]
Change = Callable[[Any], Any]
OFFERED = tuple(name for name in OPERATIONS if hasattr(ReferenceAdapter, name))


class Otherwise(ReferenceAdapter):
    """The reference, but for the methods of a subclass and the gradients in its table."""

    gradients: ClassVar[Mapping[str, Function]] = {}

    def vjp(self, operation: str, inputs: Any, cotangent: Any, **hyper: Any) -> Any:
        own = self.gradients.get(operation)
        return own(*inputs, cotangent, **hyper) if own else super().vjp(operation, inputs, cotangent, **hyper)


def replaced(made: type) -> list[str]:
    """The operations that a class does in its own way, by value or by gradient; all of them where it has a `vjp` of its own."""
    own = {name for name in OFFERED if getattr(made, name) is not getattr(ReferenceAdapter, name)} | set(getattr(made, "gradients", ()))
    return [name for name in OFFERED if name in own]


def working_in(kind: Any, function: Function) -> Function:
    """The function on arrays of this dtype; results are rounded once to the dtype of the first array, where that is one of floats."""

    def wrapped(*inputs: Any, **hyper: Any) -> Any:
        with np.errstate(all="ignore"):
            result = function(*(mapped(lambda a: np.asarray(a).astype(kind), item) for item in inputs), **hyper)
        given = leaves(inputs)[0].dtype
        dtype = given if given.kind in "fV" else kind
        return mapped(lambda a: rounded(a, dtype), result)

    return wrapped


def floating(a: Any) -> Any:
    """The dtype of an array of floats; float64 for integers."""
    return a.dtype if a.dtype.kind in "fV" else np.dtype(np.float64)


def rounded(a: Any, dtype: Any) -> Any:
    """An array of this dtype; those that NumPy does not know itself by way of float64."""
    a = np.asarray(a)
    with np.errstate(all="ignore"):
        return (a.astype(np.float64) if a.dtype == np.longdouble and np.dtype(dtype).kind == "V" else a).astype(dtype)


def mapped(change: Change, item: Any) -> Any:
    """The change of every array in nested lists, tuples and dictionaries; what is no array stays as it is."""
    if isinstance(item, (list, tuple)):
        return type(item)(mapped(change, part) for part in item)
    if isinstance(item, dict):
        return {name: mapped(change, part) for name, part in item.items()}
    return item if item is None or isinstance(item, (str, int)) else change(item)


def made(
    name: str,
    text: str,
    values: Mapping[str, Function],
    gradients: Mapping[str, Function] | None = None,
    kind: Any = np.float64,
    **more: Any,
) -> type:
    """An adapter with these values and gradients, which run on arrays of one dtype; raw where the dtype is None."""

    def run(function: Function) -> Function:
        return function if kind is None else working_in(kind, function)

    own = {operation: staticmethod(run(function)) for operation, function in values.items()}
    slopes = {operation: run(function) for operation, function in (gradients or {}).items()}
    return type(name, (Otherwise,), {"__doc__": text, "__module__": __name__, "gradients": slopes, **own, **more})


def everywhere(name: str, text: str, out: Change, into: Change = lambda a: a, **more: Any) -> type:
    """An adapter whose arrays, those of optimizers and layers too, go through `into` on their way in, through `out` on their way out."""

    def method(operation: str) -> Any:
        return staticmethod(_carried(getattr(ReferenceAdapter, operation), out, into))

    def vjp(self: Any, operation: str, inputs: Any, cotangent: Any, **hyper: Any) -> Any:
        return _carried(ReferenceAdapter().vjp, out, into)(operation, inputs, cotangent, **hyper)

    methods = {operation: method(operation) for operation in OFFERED}
    return type(name, (ReferenceAdapter,), {"__doc__": text, "__module__": __name__, "vjp": vjp, **methods, **more})


def _carried(function: Function, out: Change, into: Change) -> Function:
    def inward(item: Any) -> Any:
        if callable(item):  # the function that numerical differentiation is given
            return lambda theta: item(out(theta))
        return item if isinstance(item, float) else into(item)

    def carried(*inputs: Any, **hyper: Any) -> Any:
        result = function(*mapped(inward, inputs), **hyper)
        return _Carried(result, out, into) if hasattr(result, "__dict__") and not isinstance(result, np.ndarray) else mapped(out, result)

    return carried


class _Carried:
    """An optimizer or a layer whose methods are carried too."""

    def __init__(self, kept: Any, out: Change, into: Change) -> None:
        vars(self).update(kept=kept, out=out, into=into)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.kept, name)
        return _carried(found, self.out, self.into) if callable(found) else mapped(self.out, found)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.kept, name, mapped(self.into, value))
