"""Arrays as unevaluated sums of two: rounded values, and what their rounding lost. About 106 bits; vectors are the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqwise.reference.arithmetic import summed_in_two, two_product, two_sum

Pair = tuple[Any, Any]


def count(t: Any) -> Any:
    """How many numbers a vector has, as a float."""
    return np.float64(t.shape[-1])


def to_unit(pair: Pair) -> tuple[Pair, Any]:
    """Vectors scaled by a power of two to at most 1, and its exponent."""
    _, k = np.frexp(np.max(np.abs(pair[0]), axis=-1, keepdims=True, initial=0.0))
    return (np.ldexp(pair[0], -k), np.ldexp(pair[1], -k)), k


def unit(rows: Any) -> tuple[Pair, Any]:
    """The same of plain vectors."""
    return to_unit((rows, np.zeros_like(rows)))


def difference(a: Pair, b: Pair) -> Pair:
    """a − b."""
    s, error = two_sum(a[0], -b[0])
    return two_sum(s, error + (a[1] - b[1]))


def product(a: Pair, b: Pair) -> Pair:
    """ab."""
    p, error = two_product(a[0], b[0])
    return p, error + (a[0] * b[1] + a[1] * b[0])


def quotient(a: Pair, b: Pair) -> Pair:
    """a/b."""
    q = a[0] / b[0]
    back, error = two_product(q, b[0])
    return q, (((a[0] - back) - error) + (a[1] - q * b[1])) / b[0]


def dot(a: Pair, b: Pair) -> Pair:
    """Σab over the last axis."""
    return summed_in_two(*two_product(a[0], b[0]), a[0] * b[1] + a[1] * b[0])


def column(a: Pair) -> Pair:
    """One number a row, to be used with every number of the row."""
    return a[0][..., None], a[1][..., None]


def mean(a: Pair) -> Pair:
    """Σa/N over the last axis."""
    return quotient(column(summed_in_two(*a)), (count(a[0]), np.float64(0)))
