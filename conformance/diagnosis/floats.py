"""Formulas run on floats, element by element over many rows: as estimates, and as what a program in one dtype computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from eqwise.spec.numbers.expression import Array, Expression, number, walk
from eqwise.spec.numbers.formats import FORMATS, Floats

TWO = number(2)
ROUNDED = "rounded to "  # an operator of the diagnosis alone, followed by a format


def evaluated(outputs: Sequence[Expression], columns: Mapping[Expression, Any], dtype: Any = np.float64) -> list[Array]:
    """Every output, as an array over the rows; each operation rounds to the dtype. Infinite and nan where floats are."""
    found: dict[Expression, Any] = {x: np.asarray(column, dtype) for x, column in columns.items()}
    with np.errstate(all="ignore"):
        for v in walk(list(outputs)):
            if v not in found:
                found[v] = _value(v, [found.get(a) for a in v.arguments], dtype)
    return [found[output] for output in outputs]


def on_rows(outputs: Sequence[Expression], inputs: Sequence[Expression], rows: Floats, dtype: Any = np.float64) -> Floats:
    """The outputs at rows, shape (rows, outputs), as float64."""
    found = evaluated(outputs, dict(zip(inputs, rows.T, strict=True)), dtype)
    made = [np.broadcast_to(np.asarray(value, np.float64), (len(rows),)) for value in found]
    return np.column_stack(made) if made else np.zeros((len(rows), 0))


def is_singular(output: Expression, inputs: Sequence[Expression], row: Floats) -> bool:
    """Whether it divides by 0, or takes the logarithm of 0 or less, of what neither overflows nor underflows."""
    found = dict(zip(inputs, (np.asarray(x, np.float64) for x in row), strict=True))
    with np.errstate(all="ignore"):
        for v in walk([output]):
            if v not in found:
                found[v] = _value(v, [found.get(a) for a in v.arguments], np.float64)
            risky = {"/": v.arguments[1:], "log": v.arguments, "sqrt": v.arguments}.get(v.operator, ())
            if any(not found[a] > 0 and not _has_powers(a) and not np.isfinite(found[v]) for a in risky):
                return True
    return False


def _has_powers(v: Expression) -> bool:
    """Whether anything but squares may underflow in it."""
    return any(part.operator == "exp" or (part.operator == "^" and part.arguments[1] is not TWO) for part in walk([v]))


def _value(v: Expression, a: list[Any], dtype: Any) -> Any:
    if v.operator == "number":
        return np.asarray(float(Fraction(v.value)), dtype)  # type: ignore[arg-type]
    if v.operator.startswith(ROUNDED):
        return _rounded(a[0], v.operator.removeprefix(ROUNDED), dtype)
    if v.operator == "cases":
        return _chosen(a, dtype)
    if v.operator == "+":
        return _sum(a)
    return _OPERATORS[v.operator](*a)


def _sum(terms: list[Any]) -> Any:
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def _chosen(a: list[Any], dtype: Any) -> Any:
    result: Any = np.asarray(np.nan, dtype)
    for condition, value in reversed(list(zip(a[::2], a[1::2], strict=True))):
        result = np.where(condition, value, result)
    return result


def _rounded(x: Any, name: str, dtype: Any) -> Any:
    return np.asarray(FORMATS[name].round(np.asarray(x, np.float64)), dtype)


_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "-":    lambda a, b: a - b,
    "neg":  lambda a: -a,
    "*":    lambda a, b: a * b,
    "/":    lambda a, b: a / b,
    "^":    lambda a, b: a**b,
    "exp":  np.exp,
    "log":  np.log,
    "sqrt": np.sqrt,
    "abs":  np.abs,
    "max":  lambda a, b: np.where(a > b, a, b),
    ">":    lambda a, b: a > b,
    "<":    lambda a, b: a < b,
    ">=":   lambda a, b: a >= b,
    "<=":   lambda a, b: a <= b,
    "and":  lambda a, b: a & b,
    "otherwise": lambda: True,
}  # fmt: skip
