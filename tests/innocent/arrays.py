"""Every operation of the reference, in arrays of another kind: layouts, scalars, frameworks with arrays of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter
from innocent import steps
from innocent.making import OFFERED, everywhere, mapped


def _read_only(a: Any) -> Any:
    a = np.array(a)
    a.flags.writeable = False
    return a


def _apart(a: Any) -> Any:
    """Every second element of a larger array, from its end."""
    a = np.asarray(a)
    buffer = np.full([2 * n + 1 for n in a.shape], np.nan).astype(a.dtype)
    view = buffer[tuple(slice(2 * n, 0, -2) for n in a.shape)] if a.ndim else buffer
    view[...] = a
    return view


def flushed(a: Any) -> Any:
    a = np.asarray(a)
    if a.dtype.kind in "biu":
        return a
    return np.where(np.abs(a) < ml_dtypes.finfo(a.dtype).smallest_normal, np.zeros_like(a), a)


def _other_byte_order(a: Any) -> Any:
    a = np.asarray(a)
    return a if a.dtype == ml_dtypes.bfloat16 else a.astype(a.dtype.newbyteorder("S"))


def _wide(a: Any, kind: Any = np.float64) -> Any:
    a = np.asarray(a)
    return a if a.dtype.kind in "biu" else (a.astype(np.float64)).astype(kind)


class Tagged(np.ndarray):
    """A class of arrays of its own."""


def _python_number(a: Any) -> Any:
    return a if np.ndim(a) else np.asarray(a).item() if np.asarray(a).dtype.kind in "biu" else float(a)


FortranOrder = everywhere("FortranOrder", "Results in Fortran order.", lambda a: np.array(a, order="F"))
ReadOnly = everywhere("ReadOnly", "Results that cannot be written.", _read_only)
Strided = everywhere("Strided", "Results that are views of larger arrays, from the end to the beginning.", _apart)
Scalars = everywhere("Scalars", "NumPy's scalars for arrays of no dimension.", lambda a: np.asarray(a)[()])
PythonNumbers = everywhere("PythonNumbers", "Numbers of Python's own for arrays of no dimension.", _python_number)
Subclass = everywhere("Subclass", "Arrays of a subclass of NumPy's.", lambda a: np.array(a).view(Tagged))
OtherByteOrder = everywhere("OtherByteOrder", "Results in the other byte order, as from a file or a network.", _other_byte_order)
FlushesToZero = everywhere("FlushesToZero", "Subnormal inputs and results are zeros, as on some hardware.", flushed, flushed)


class FlushesToTheRight(FlushesToZero):  # type: ignore[misc, valid-type]
    """So it is where the inputs are subnormal, and the slope at 0 is the one to the right of it."""

    def vjp(self, operation: str, inputs: Any, cotangent: Any, **hyper: Any) -> Any:
        if operation in ("relu", "leaky_relu", "prelu", "elu"):
            x = flushed(inputs[0])
            inputs = (np.where(x == 0, np.full_like(x, ml_dtypes.finfo(x.dtype).smallest_normal), x), *inputs[1:])
        return super().vjp(operation, inputs, cotangent, **hyper)


Wider = everywhere("Wider", "Results in float64 whatever the inputs.", _wide)
Widest = everywhere("Widest", "Results in extended precision whatever the inputs.", lambda a: _wide(a, np.longdouble))


@dataclass(frozen=True)
class Listed:
    """An array of a framework without NumPy: nested lists, a shape and the name of a dtype."""

    numbers: Any
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, a: Any) -> Listed:
        a = np.asarray(a)
        return cls(a.tolist(), a.shape, a.dtype.name)

    def array(self) -> Any:
        return np.array(self.numbers, np.float64 if self.dtype == "bfloat16" else self.dtype).astype(self.dtype).reshape(self.shape)


def _entered(a: Any) -> Any:
    return a.array() if isinstance(a, Listed) else a


Lists = everywhere(
    "Lists",
    "A framework whose arrays are nested lists.",
    Listed.of,
    _entered,
    from_numpy=lambda self, array: Listed.of(array),
    to_numpy=lambda self, value: value.array() if isinstance(value, Listed) else np.asarray(value),
)


class Later:
    """A result that is computed when it is looked at, from copies of what it needs."""

    def __init__(self, name: str, function: Any, inputs: Any, hyper: Any) -> None:
        self.call = name, function, mapped(np.array, inputs), hyper

    @cached_property
    def result(self) -> Any:
        _, function, inputs, hyper = self.call
        return function(*inputs, **hyper)


@dataclass(frozen=True)
class Part:
    """One of the arrays that a later result holds."""

    whole: Later
    place: tuple[int, ...] = ()

    def array(self) -> Any:
        found = self.whole.result
        for index in self.place:
            found = found[index]
        return np.asarray(found)


class Lazy(ReferenceAdapter):
    """Values and gradients are computed when `to_numpy` asks for them, from copies of the inputs."""

    def to_numpy(self, value: Any) -> Any: return value.array() if isinstance(value, Part) else np.asarray(value)

    def vjp(self, operation: str, inputs: Any, cotangent: Any, **hyper: Any) -> Any:
        later = Later(operation, lambda *a: ReferenceAdapter().vjp(operation, a[:-1], a[-1], **hyper), [*inputs, cotangent], {})
        return tuple(_parts(later, (k,), item) for k, item in enumerate(inputs))

    def network_gradients(self, x: Any, t: Any, weights: Any, biases: Any, **hyper: Any) -> Any:
        later = Later("network_gradients", ReferenceAdapter.network_gradients, [x, t, weights, biases], hyper)
        return tuple([Part(later, (part, i)) for i in range(len(weights))] for part in (0, 1))


def _parts(later: Later, place: tuple[int, ...], like: Any) -> Any:
    return [Part(later, (*place, i)) for i in range(len(like))] if isinstance(like, list) else Part(later, place)


def _later(name: str) -> Any:
    return lambda self, *inputs, **hyper: Part(Later(name, getattr(ReferenceAdapter, name), list(inputs), hyper))


DRAWN = ("uniform", "xavier", "he", "gauss", "bias")
EAGER = {*DRAWN, "network_gradients", "numerical_gradient", "dropout_layer", "batch_norm_layer", *steps.BASES}
for _name in OFFERED:
    if _name not in EAGER:
        setattr(Lazy, _name, _later(_name))
