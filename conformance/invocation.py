"""Calls an adapter and holds it to the contract: shapes, dtypes, no harm to its inputs. What it raises becomes a message."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eqwise.conformance.adapter import Adapter, NotOffered, Operation
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

SUITE = Path(__file__).parent


class AdapterError(Exception):
    """The adapter raised, or returned something that the contract does not allow."""


def value(adapter: Adapter, operation: Operation, inputs: Sequence[Any], shape: tuple[int, ...], target: Format, **named: Any) -> Floats:
    """The operation on NumPy inputs, as float64 of the expected shape.

    Raises `AdapterError` for anything that the contract does not allow, `NotOffered` as the adapter does.
    """
    result = raw_value(adapter, operation, inputs, **named)
    return checked(adapter, operation.name, result, shape, target)


def raw_value(adapter: Adapter, operation: Operation, inputs: Sequence[Any], **named: Any) -> Any:
    """The operation on NumPy inputs, as the framework returns it."""
    return guarded(operation.name, lambda: getattr(adapter, operation.name)(*_converted(adapter, inputs), **named))


def untyped_value(adapter: Adapter, operation: Operation, inputs: Sequence[Any], shape: tuple[int, ...]) -> tuple[Floats, Format]:
    """The operation on inputs without a dtype that is judged, as float64 of the expected shape, and the format of the result.

    Integers, and floats wider than any format, count as float64. Raises as `value` does.
    """
    array = as_array(adapter, operation.name, raw_value(adapter, operation, inputs))
    if array.shape != shape:
        raise AdapterError(f"{operation.name} returned shape {array.shape}; the contract asks for {shape}")
    known = next((f for f in FORMATS.values() if f.dtype == array.dtype), FORMATS["float64"])
    if array.dtype != known.dtype and array.dtype.kind not in "biuf":
        raise AdapterError(f"{operation.name} returned {array.dtype}, which is no type of numbers")
    return array.astype(np.float64), known


def as_array(adapter: Adapter, call: str, result: Any) -> Array:
    """What a call returned as NumPy's, in this machine's byte order; a number of Python's own is one already."""
    if isinstance(result, (int, float)):
        return np.asarray(result)
    array = guarded(f"to_numpy of the result of {call}", lambda: np.asarray(adapter.to_numpy(result)))
    if array.dtype.kind in "OSU":
        raise AdapterError(f"{call} returned {_brief(result)}, which is no array of numbers")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def contents(array: Array) -> bytes:
    """The bytes of its numbers, without those that fill up an extended one of 80 bits, which differ from copy to copy."""
    if array.dtype.char == "g" and np.finfo(np.longdouble).nmant == 63:
        return np.ascontiguousarray(array, np.longdouble).view(np.uint8).reshape(-1, array.itemsize)[:, :10].tobytes()
    return array.tobytes()


def alike(one: Array, other: Array, within: float) -> bool:
    """Whether two results are the same numbers, but for errors within this share of the largest."""
    a, b = (np.asarray(array, np.float64) for array in (one, other))
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        return a.shape == b.shape and bool(np.all((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= within * size)))


def gradients(
    adapter: Adapter, operation: Operation, inputs: Sequence[Any], cotangent: Array, target: Format, **named: Any
) -> list[Floats | None]:
    """One gradient for each input array, lists flattened; None where the adapter offers none."""
    call = f"vjp of {operation.name}"
    results = guarded(
        call,
        lambda: adapter.vjp(operation.name, tuple(_converted(adapter, inputs)), adapter.from_numpy(cotangent), **named),  # type: ignore[attr-defined]
    )
    return checked_gradients(adapter, operation, inputs, results, target)


def checked_gradients(adapter: Adapter, operation: Operation, inputs: Sequence[Any], results: Any, target: Format) -> list[Floats | None]:
    """What `vjp` returned, as float64, lists flattened; `AdapterError` for what the contract does not allow."""
    call = f"vjp of {operation.name}"
    if not isinstance(results, (tuple, list)) or len(results) != len(inputs):
        raise AdapterError(f"{call} must return one gradient for each of its {len(inputs)} inputs, not {_brief(results)}")
    arrays, flat = flattened(inputs), [one for given, result in zip(inputs, results, strict=True) for one in _like(given, result)]
    if len(flat) != len(arrays):
        raise AdapterError(f"{call} must return {len(arrays)} arrays, not {len(flat)}")
    return [
        None if result is None else checked(adapter, call, result, np.shape(array), target)
        for array, result in zip(arrays, flat, strict=True)
    ]


def _like(given: Any, result: Any) -> Sequence[Any]:
    """The gradients of one input, which may be a list of arrays; the framework's own arrays may be lists as well."""
    if not isinstance(given, list):
        return [result]
    return result if isinstance(result, (list, tuple)) else [result] * (1 if result is not None else len(given))


def flattened(inputs: Sequence[Any]) -> list[Any]:
    """Arrays and lists of arrays as one list."""
    return [array for item in inputs for array in (item if isinstance(item, (list, tuple)) else [item])]


def _converted(adapter: Adapter, inputs: Sequence[Any]) -> list[Any]:
    return [
        [adapter.from_numpy(array) for array in item] if isinstance(item, list) else adapter.from_numpy(item) for item in inputs
    ]


def guarded(call: str, function: Callable[[], Any]) -> Any:
    """What the function returns; `AdapterError` for whatever it raises but `NotOffered`."""
    try:
        with np.errstate():  # the framework may change it
            return function()
    except NotOffered:
        raise
    except AdapterError as error:  # of a process of its own: the rest of the sentence
        raise AdapterError(f"{call} {error}") from error
    except (Exception, SystemExit) as error:
        raise AdapterError(f"{call} raised {type(error).__name__}: {error}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """The line of the adapter's own file in which it happened; nothing for built-in adapters, and where the suite asked NumPy."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((frame for frame in frames if not Path(frame.filename).is_relative_to(SUITE)), None)
    if own is None or Path(own.filename).is_relative_to(Path(np.__file__).parent):
        return ""
    return f" ({Path(own.filename).name}, line {own.lineno})"


def checked(adapter: Adapter, call: str, result: Any, shape: tuple[int, ...], target: Format) -> Floats:
    """The framework's array as float64; `AdapterError` unless it has this shape, and a dtype no narrower than the target."""
    array = as_array(adapter, call, result)
    if array.shape != shape:
        raise AdapterError(f"{call} returned shape {array.shape}; the contract asks for {shape}")
    if not _holds(array.dtype, target):
        raise AdapterError(f"{call} returned {array.dtype} for {target.name} inputs; a result may be wider, never narrower")
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def _holds(dtype: np.dtype[Any], target: Format) -> bool:
    """Whether every number of the target format is a number of this dtype."""
    known = next((f for f in FORMATS.values() if f.dtype == dtype), None)
    if known is not None:
        return known.p >= target.p and known.emax >= target.emax
    return dtype.kind == "f" and dtype.itemsize > 8


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
