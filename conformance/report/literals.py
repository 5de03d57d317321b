"""Numbers and arrays as Python source that gives the very same bits back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eqwise.conformance.layouts import layout_of
from eqwise.spec.numbers.expression import Array

_SHORT = 8  # characters of a decimal number that stands for itself
_IN_A_LIST = 24
MOST = 1 << 14


def number(value: float) -> str:
    """A float by its few decimal digits, or else by its hexadecimal ones."""
    value = float(value)
    if not math.isfinite(value):
        return f'float("{value}")'
    return repr(value) if len(repr(value)) <= _SHORT else f'float.fromhex("{value.hex()}")'


def array(value: Array) -> str:
    """An array that lies in memory as this one does. `ValueError` for one of too many numbers."""
    made = _in_order(value)
    match layout_of(value):
        case "F":        return f"np.asfortranarray({made})"
        case "strided":  return f"np.repeat({made}, 2, axis=-1)[..., ::2]"
        case "reversed": return f"{_in_order(value[..., ::-1])}[..., ::-1]"
        case _:          return made


def _in_order(value: Array) -> str:
    """The same number throughout, a short list, or a text of many numbers."""
    flat = value.reshape(-1)
    is_float = value.dtype.kind not in "biu"
    numbers = [float(entry) for entry in flat] if is_float else flat.tolist()
    if value.size > MOST:
        raise ValueError(f"an array of {value.size} numbers is too long for a script")
    if value.size > 3 and all(_same(entry, numbers[0]) for entry in numbers):
        return f"np.full({value.shape}, {_item(numbers[0])}{_typed(value)})"
    if value.size > _IN_A_LIST and is_float:
        shape = f".reshape({value.shape})" if value.ndim > 1 else ""
        text = " ".join(entry.hex() for entry in numbers)
        return f'np.array([float.fromhex(n) for n in "{text}".split()]{_typed(value)}){shape}'
    return f"np.array({_nested(value)}{_typed(value)})"


def _typed(value: Array) -> str:
    """The dtype, where it is not the one that Python's floats have."""
    return "" if value.dtype == np.float64 and value.size else f", {dtype(value.dtype)}"


def dtype(kind: Any) -> str:
    """A dtype of NumPy's, or bfloat16 of ml_dtypes."""
    name = np.dtype(kind).name
    return f"ml_dtypes.{name}" if np.dtype(kind).kind == "V" else "bool" if name == "bool" else f"np.{name}"


def _nested(value: Any) -> str:
    if value.ndim == 0:
        return item(value)
    if value.size == 0:
        return str(value.tolist())
    return "[" + ", ".join(_nested(np.asarray(part)) for part in value) + "]"


def item(value: Any) -> str:
    """A number of NumPy's by one of Python's."""
    return _item(value.item() if value.dtype.kind in "biu" else float(value))


def _item(value: Any) -> str:
    return number(value) if isinstance(value, float) else repr(value)


def _same(a: Any, b: Any) -> bool:
    return float(a).hex() == float(b).hex()
