"""How values look in a message: plain JSON that loses nothing, neither the sign of zero nor the bits of a nan.

An array is {"dtype", "shape", "data"}, its elements row by row, little-endian, in base64; a Python float is
{"float64": the base64 of its 8 bytes}. Integers, booleans, strings and null are JSON's own; lists and tuples are lists;
a mapping is {"map": {name: value}}. What lives on the other side is {"object": number} or {"function": number}.
"""

from __future__ import annotations

import binascii
import math
import struct
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

_NAMES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")
DTYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16), **{name: np.dtype(name) for name in _NAMES}}
_BY_DTYPE = {dtype: name for name, dtype in DTYPES.items()}
Other = Callable[[Any], Any]


class NotAValue(ValueError):
    """What has no form in a message, or a form that is none of a value."""


def encoded(value: Any, other: Other | None = None) -> Any:
    """The value as plain JSON; `other` gives what has no form of its own one. Raises `NotAValue` for what has none."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return {"float64": _base64(struct.pack("<d", value))}
        case np.ndarray() | np.generic():
            return _tensor(np.asarray(value))
        case list() | tuple():
            return [encoded(item, other) for item in value]
        case dict():
            return {"map": {str(name): encoded(item, other) for name, item in value.items()}}
    if other is None:
        raise NotAValue(f"a {type(value).__name__} has no form in a message")
    return other(value)


def _tensor(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    name = _BY_DTYPE.get(native.dtype)
    if name is None:
        raise NotAValue(f"an array of {array.dtype} has no form in a message")
    return {"dtype": name, "shape": list(array.shape), "data": _base64(_swapped(native).tobytes())}


def _swapped(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """In little-endian byte order, whatever the machine's."""
    return array if np.little_endian else array.byteswap()


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decoded(value: Any, other: Other | None = None) -> Any:
    """The value of plain JSON, arrays as NumPy's own, which may be written; `other` takes every other form of a mapping.

    Raises `NotAValue` for what is none.
    """
    if isinstance(value, list):
        return [decoded(item, other) for item in value]
    if isinstance(value, float):
        raise NotAValue(f"{value!r} is no value: a number that is no integer is {{\"float64\": base64}}")
    if not isinstance(value, dict):
        return value
    match value:
        case {"dtype": name, "shape": shape, "data": data} if len(value) == 3:
            return _array(name, shape, data)
        case {"float64": data} if len(value) == 1:
            return float(_array("float64", [], data))
        case {"map": dict(items)} if len(value) == 1:
            return {name: decoded(item, other) for name, item in items.items()}
    if other is None:
        raise NotAValue(f"{brief(value)} is no value")
    return other(value)


def _array(name: Any, shape: Any, data: Any) -> np.ndarray[Any, Any]:
    if not isinstance(name, str) or name not in DTYPES:
        raise NotAValue(f"{name!r} is no dtype; there are {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise NotAValue(f"{brief(shape)} is no shape")
    try:
        content = bytearray(binascii.a2b_base64(data, strict_mode=True))
    except (TypeError, ValueError) as error:
        raise NotAValue(f"{brief(data)} is no base64: {error}") from error
    wanted = math.prod(shape) * DTYPES[name].itemsize
    if len(content) != wanted:
        raise NotAValue(f"{len(content)} bytes of data for {name} of shape {shape}, which takes {wanted}")
    try:
        return _swapped(np.frombuffer(content, DTYPES[name])).reshape(shape)
    except ValueError as error:
        raise NotAValue(f"{brief(shape)} is no shape: {error}") from error


def brief(value: Any) -> str:
    """The beginning of what it looks like."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
