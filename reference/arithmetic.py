"""What the other modules compute with: one working precision, error-free transforms, products and sums without detours."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Seed = int | np.random.Generator
DTYPES = tuple(np.dtype(t) for t in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16))
_SPLIT = 134217729.0  # 2²⁷ + 1
_FAR = 2.0**300  # beyond this, or below its reciprocal, a factor may push a product out of range on the way


def in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """Computes in float64 and rounds once to the dtype of the arrays, which must agree; raises no floating-point warnings.

    Raises `TypeError` for other dtypes, or mixed ones.
    """

    @wraps(function)
    def wrapper(*inputs: Any, **hyper: Any) -> Any:
        dtype = _common(function.__name__, [np.asarray(a).dtype for a in _flat(inputs) if not isinstance(a, str)])
        with np.errstate(all="ignore"):
            return _cast(function(*map(_widened, inputs), **hyper), dtype)

    return wrapper


def raw(function: Callable[..., Any]) -> Callable[..., Any]:
    """What `in_float64` wraps: fast, in the dtype that it is given."""
    return function.__wrapped__  # type: ignore[attr-defined, no-any-return]


def _flat(inputs: Any) -> list[Any]:
    return [a for item in inputs for a in (_flat(item) if isinstance(item, (list, tuple)) else [item])]


def _common(name: str, dtypes: list[np.dtype[Any]]) -> np.dtype[Any]:
    for dtype in dtypes:
        if dtype not in DTYPES or dtype != dtypes[0]:
            raise TypeError(f"{name}: {', '.join(map(str, dtypes))}: all arrays must have one dtype of {', '.join(map(str, DTYPES))}")
    return dtypes[0]


def _widened(item: Any) -> Any:
    if isinstance(item, (list, tuple)):
        return [_widened(a) for a in item]
    return item if isinstance(item, str) else np.asarray(item, np.float64)


def _cast(result: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(result, (list, tuple)):
        return type(result)(_cast(item, dtype) for item in result)
    return np.asarray(result).astype(dtype, copy=False)


def require(holds: bool, name: str, value: object, rule: str) -> None:
    """Raises `ValueError` naming the value and the rule that it breaks."""
    if not holds:
        raise ValueError(f"{name} = {value!r} must {rule}")


def two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b as its rounded value and its rounding error (Knuth 1969); the error is 0 where the sum is not finite."""
    s = a + b
    t = s - a
    e = (a - (s - t)) + (b - t)
    return s, np.where(np.isfinite(e), e, 0.0)


def two_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a·b as its rounded value and its rounding error (Dekker 1971), through mantissas where splitting would overflow."""
    p, e = _dekker(a, b)
    lost = ~np.isfinite(e) | ((p != 0) & (np.abs(p) < 2.0**-900))
    if np.any(lost & np.isfinite(p)):
        (m, i), (n, j) = np.frexp(a), np.frexp(b)
        _, f = _dekker(m, n)
        e = np.where(lost, np.ldexp(f, i + j), e)
    return p, np.where(np.isfinite(p) & np.isfinite(e), e, 0.0)


def _dekker(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    p, c, d = a * b, _SPLIT * a, _SPLIT * b
    a1, b1 = c - (c - a), d - (d - b)
    a2, b2 = a - a1, b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def product(*factors: Any) -> Floats:
    """The product of the factors, with no overflow or underflow on the way that the result itself does not have."""
    plain = reduce(np.multiply, factors)
    far = reduce(np.logical_or, [_is_far(f) for f in factors])
    if not np.any(far):
        return np.asarray(plain)
    parts = [np.frexp(f) for f in factors]
    mantissa = reduce(np.multiply, [m for m, _ in parts])
    exponent = reduce(np.add, [e for _, e in parts])
    careful = np.ldexp(mantissa, exponent)
    return np.where(far & np.isfinite(mantissa), careful, plain)


def _is_far(factor: Any) -> Any:
    size = np.abs(factor)
    return (size > _FAR) | ((size < 1 / _FAR) & (size != 0))


def times_power(a: Any, b: Any, exponent: Any) -> Any:
    """ab·2^exponent for b of moderate size, in range wherever the result is."""
    mantissa, own = np.frexp(a)
    return np.ldexp(mantissa * b, own + exponent)


def times_exp(c: Any, z: Floats) -> Floats:
    """c·eᶻ in two halves where eᶻ alone would leave the normal range."""
    plain = c * np.exp(z)
    far = np.abs(z) > 600
    if not np.any(far):
        return plain  # type: ignore[no-any-return]
    half = np.exp(z / 2)
    return np.where(far, c * half * half, plain)


def divided(n: Floats, d: Floats, d_low: Floats | float) -> Floats:
    """n/(d + d_low)², rounded about once: the quotient corrected by its own residual."""
    square, lost = two_product(d, d)
    q = n / square
    back, error = two_product(q, square)
    residual = ((n - back) - error) - q * (lost + 2 * d * d_low)
    return q + residual / square  # type: ignore[no-any-return]


def others(x: Floats) -> Floats:
    """For each component of the last axis the sum of the others, without subtracting: sums from both ends."""
    before = _shifted(np.cumsum(x, axis=-1))
    after = _shifted(np.cumsum(x[..., ::-1], axis=-1))[..., ::-1]
    return before + after


def _shifted(sums: Floats) -> Floats:
    return np.concatenate([np.zeros_like(sums[..., :1]), sums[..., :-1]], axis=-1)


def summed(*terms: Floats) -> Floats:
    """Σ over the last axis of all these arrays together, each element counted exactly, rounded about once."""
    total, error = summed_in_two(*terms)
    return total + error


def summed_in_two(*terms: Floats) -> tuple[Floats, Floats]:
    """The same sum, as a rounded one and what its rounding lost."""
    columns = np.concatenate(terms, axis=-1)
    total = error = np.zeros(columns.shape[:-1], columns.dtype)
    while columns.shape[-1] > 1:
        if columns.shape[-1] % 2:
            columns = np.concatenate([columns, np.zeros_like(columns[..., :1])], axis=-1)
        columns, lost = two_sum(columns[..., ::2], columns[..., 1::2])
        error = error + lost.sum(axis=-1)
    return (columns[..., 0] if columns.shape[-1] else total), error


def reduced_to(gradient: Floats, like: Array) -> Floats:
    """The gradient of a broadcast input: summed over what shares it."""
    extra = tuple(range(gradient.ndim - like.ndim))
    kept = tuple(k + len(extra) for k, n in enumerate(like.shape) if n == 1 and gradient.shape[k + len(extra)] != 1)
    return gradient.sum(axis=extra + kept).reshape(like.shape) if extra or kept else gradient
