"""Section 6 of the notes: table 1 and the metrics (19) to (26).

What the notes leave undefined is nan: 0/0 in (19) to (22), no samples in (23) to (26), a denominator of 0 in (26), and the
derivative of (24) where every error is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from eqwise.reference import pairs
from eqwise.reference.arithmetic import in_float64, product, summed, two_sum

_FAR = 2.0**960  # beyond this, sums and differences may overflow
_NEARER = 60  # bits by which such vectors are scaled down


def confusion_matrix(actual: Any, predicted: Any) -> Any:
    """Table 1: [[TP, FN], [FP, TN]] of two arrays of booleans of one shape, as integers.

    Raises `TypeError` for other dtypes and `ValueError` for different shapes.
    """
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    if actual.dtype != bool or predicted.dtype != bool:
        raise TypeError(f"confusion_matrix: {actual.dtype} and {predicted.dtype} must be booleans")
    if actual.shape != predicted.shape:
        raise ValueError(f"confusion_matrix: shapes {actual.shape} and {predicted.shape} must agree")
    return np.array([[np.count_nonzero(a & p) for p in (predicted, ~predicted)] for a in (actual, ~actual)])


def _share(part: Any, rest: Any) -> Any:
    """part/(part + rest), nan for 0/0."""
    whole = part + rest
    return np.float64(part) / whole if whole else np.float64("nan")


def accuracy(actual: Any, predicted: Any) -> Any:
    """(19): (TP + TN)/N of two arrays of booleans; nan without samples. Raises as `confusion_matrix` does."""
    (tp, fn), (fp, tn) = confusion_matrix(actual, predicted)
    return _share(tp + tn, fp + fn)


def precision(actual: Any, predicted: Any) -> Any:
    """(20): TP/(TP + FP) of two arrays of booleans; nan without predicted positives. Raises as `confusion_matrix` does."""
    (tp, _), (fp, _) = confusion_matrix(actual, predicted)
    return _share(tp, fp)


def recall(actual: Any, predicted: Any) -> Any:
    """(21): TP/(TP + FN) of two arrays of booleans; nan without positives. Raises as `confusion_matrix` does."""
    (tp, fn), _ = confusion_matrix(actual, predicted)
    return _share(tp, fn)


def f_measure(actual: Any, predicted: Any) -> Any:
    """(22), extended by 2TP/(2TP + FP + FN): 0 where only TP is 0; nan without positives of either kind.

    Raises as `confusion_matrix` does.
    """
    (tp, fn), (fp, _) = confusion_matrix(actual, predicted)
    return _share(2 * tp, fn + fp)


def _measured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Like `in_float64`; integers are taken for float64."""
    on_floats = in_float64(function)

    @wraps(function)
    def wrapper(*arrays: Any) -> Any:
        return on_floats(*(a.astype(np.float64) if a.dtype.kind in "iu" else a for a in map(np.asarray, arrays)))

    return wrapper


def _within_range(t: Any, y: Any) -> tuple[Any, Any, Any]:
    """Both vectors, scaled down together where sums might overflow, and by how many bits."""
    size = np.maximum(np.abs(t), np.abs(y)).max(axis=-1, keepdims=True, initial=0.0)
    bits = np.where(size > _FAR, _NEARER, 0)
    return np.ldexp(t, -bits), np.ldexp(y, -bits), bits


def _errors(t: Any, y: Any) -> tuple[pairs.Pair, Any]:
    """t − y, scaled to at most 1, and the exponent."""
    t, y, bits = _within_range(t, y)
    d, k = pairs.to_unit(two_sum(t, -y))
    return d, k + bits


def _mean_square(d: pairs.Pair) -> Any:
    """Σd²/N over the last axis."""
    total, rest = pairs.dot(d, d)
    return (total + rest) / pairs.count(d[0])


@_measured
def mse(t: Any, y: Any) -> Any:
    """(23): Σ(t − y)²/N over the last axis; (…, N) to (…). Integers are taken for float64."""
    d, k = _errors(t, y)
    return np.ldexp(_mean_square(d), 2 * k[..., 0])


@_measured
def mse_vjp(t: Any, y: Any, cotangent: Any) -> Any:
    """2c(t − y)/N by t, and its negative by y."""
    (d, _), k = _errors(t, y)
    by_t = np.ldexp(product(d, cotangent[..., None], 2 / pairs.count(t)), k)
    return by_t, -by_t


@_measured
def rmse(t: Any, y: Any) -> Any:
    """(24): √(Σ(t − y)²/N) over the last axis; (…, N) to (…). Integers are taken for float64."""
    d, k = _errors(t, y)
    return np.ldexp(np.sqrt(_mean_square(d)), k[..., 0])


@_measured
def rmse_vjp(t: Any, y: Any, cotangent: Any) -> Any:
    """c(t − y)/(N·RMSE) by t, and its negative by y; nan where every error is 0."""
    d, _ = _errors(t, y)
    by_t = product(d[0], cotangent[..., None], 1 / (pairs.count(t) * np.sqrt(_mean_square(d))[..., None]))
    return by_t, -by_t


@_measured
def mae(t: Any, y: Any) -> Any:
    """(25): Σ|t − y|/N over the last axis; (…, N) to (…). Integers are taken for float64."""
    (d, lost), k = _errors(t, y)
    return np.ldexp(summed(np.abs(d), np.copysign(1.0, d) * lost) / pairs.count(t), k[..., 0])


@_measured
def mae_vjp(t: Any, y: Any, cotangent: Any) -> Any:
    """±c/N by t, 0 where the estimate is exact, and its negative by y."""
    slope = cotangent[..., None] / pairs.count(t)
    by_t = np.where(t > y, slope, np.where(t < y, -slope, 0.0))
    return by_t, -by_t


class _Fit:
    """What (26) is made of: the errors t − y, t − ȳ, y − ȳ, and the sum s = Σ(t − ȳ)² that it divides by.

    1 − Σ(t − y)²/s is Σ(y − ȳ)(2(t − t̄) − (y − ȳ))/s, where 1 does not cancel.
    """

    def __init__(self, t: Any, y: Any) -> None:
        t, y, self.bits = _within_range(t, y)
        nothing = np.zeros_like(t)
        mean = pairs.mean((y, nothing))
        self.errors, self.t, self.y = two_sum(t, -y), pairs.difference((t, nothing), mean), pairs.difference((y, nothing), mean)
        self.centred = pairs.difference((t, nothing), pairs.mean((t, nothing)))
        unit, self.exponent = pairs.to_unit(self.t)
        self.s = pairs.dot(unit, unit)

    def share(self, a: pairs.Pair, b: pairs.Pair) -> pairs.Pair:
        """Σab/s, nan where s = 0."""
        (a, i), (b, j) = pairs.to_unit(a), pairs.to_unit(b)
        shift = (i + j - 2 * self.exponent)[..., 0]
        q, low = pairs.quotient(pairs.dot(a, b), self.s)
        return np.where(self.s[0] == 0, np.nan, np.ldexp(q, shift)), np.nan_to_num(np.ldexp(low, shift))

    def determined(self) -> pairs.Pair:
        """R²."""
        twice = 2 * self.centred[0], 2 * self.centred[1]
        return self.share(self.y, pairs.difference(twice, self.y))

    def residual(self) -> pairs.Pair:
        """1 − R²."""
        return self.share(self.errors, self.errors)


@_measured
def r_squared(t: Any, y: Any) -> Any:
    """(26): 1 − Σ(t − y)²/Σ(t − ȳ)² over the last axis, ȳ the mean of the estimates y, as printed; (…, N) to (…).

    Integers are taken for float64.
    """
    value, low = _Fit(t, y).determined()
    return value + low


@_measured
def r_squared_vjp(t: Any, y: Any, cotangent: Any) -> Any:
    """With ρ = 1 − R²: 2c(ρ(t − ȳ) − (t − y))/s by t, 2c((t − y) − ρ(t̄ − ȳ))/s by y; s = Σ(t − ȳ)².

    What is multiplied by c by t is (y − ȳ) − R²(t − ȳ) too, which is taken where R² is the smaller.
    """
    fit = _Fit(t, y)
    determined, residual = pairs.column(fit.determined()), pairs.column(fit.residual())
    by_residual = pairs.difference(pairs.product(residual, fit.t), fit.errors)
    by_determined = pairs.difference(fit.y, pairs.product(determined, fit.t))
    by_t = np.where(np.abs(residual[0]) < np.abs(determined[0]), by_residual[0], by_determined[0])
    by_y, _ = pairs.difference(fit.errors, pairs.product(residual, pairs.mean(fit.t)))
    per_s = np.ldexp(2.0, -fit.exponent) / fit.s[0][..., None], np.ldexp(1.0, -fit.exponent), np.ldexp(1.0, -fit.bits)
    return tuple(product(slope, cotangent[..., None], *per_s) for slope in (by_t, by_y))
