"""Section 12.3 of the notes: batch normalization, (74) to (77). A batch is (m, features); statistics are per feature.

Deviations from the mean are sums of two floats, so that a large offset costs no digits. Features are scaled by powers of two,
so that squares stay in range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from eqwise.reference import pairs
from eqwise.reference.arithmetic import DTYPES, in_float64, require, summed, times_power

_NOTHING = -5000  # the exponent of a deviation of 0


@in_float64
def batch_norm(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """(74) to (77): γ(x − μ)/√(σ² + ε) + β. (m, features), (features,), (features,) to (m, features).

    Raises `ValueError` for other shapes, and unless epsilon > 0.
    """
    _require_columns(x, gamma, beta)
    return _Batch(x, epsilon).scaled_by(gamma[:, None]).T + beta


@in_float64
def batch_norm_vjp(x: Any, gamma: Any, beta: Any, cotangent: Any, epsilon: float) -> Any:
    """γ/√(σ² + ε)·(c − mean(c) − x̂·mean(cx̂)) by x, through both statistics; Σcx̂ by gamma; Σc by beta. Raises as `batch_norm`."""
    _require_columns(x, gamma, beta)
    batch, c = _Batch(x, epsilon), cotangent.T
    return batch.gradient(c, gamma[:, None]).T, batch.along(c), summed(c)


def _require_columns(x: Any, gamma: Any, beta: Any) -> None:
    if x.ndim != 2 or not gamma.shape == beta.shape == x.shape[1:]:
        raise ValueError(f"batch_norm: shapes {x.shape}, {gamma.shape}, {beta.shape} are not (m, features), (features,), (features,)")


class _Centred:
    """A batch less its mean, a feature a row: x − μ = d·2^a, d at most 1."""

    def __init__(self, x: Any) -> None:
        self.x = x.T
        unit, self._i = pairs.unit(self.x)
        self._mean = pairs.mean(unit)
        self.d, j = pairs.to_unit(pairs.difference(unit, self._mean))
        self.a, self.squares = np.where(self.d[0].any(axis=1, keepdims=True), self._i + j, _NOTHING), pairs.dot(self.d, self.d)
        self.variance = (self.squares[0] + self.squares[1])[:, None] / pairs.count(self.x)

    def statistics(self) -> tuple[Any, Any]:
        """μ and σ, (74) and (75), of every feature."""
        return np.ldexp(self._mean[0], self._i)[:, 0], np.ldexp(np.sqrt(self.variance), self.a)[:, 0]


class _Batch(_Centred):
    """What (76) makes of it: √(σ² + ε) = s·2^b, s near 1."""

    def __init__(self, x: Any, epsilon: float) -> None:
        super().__init__(x)
        require(bool(epsilon > 0), "epsilon", float(epsilon), "be > 0")
        self.epsilon, self.n = np.frexp(np.float64(epsilon))
        self.b = np.maximum(self.a, self.n // 2)
        self.s = np.sqrt(np.ldexp(self.variance, 2 * (self.a - self.b)) + np.ldexp(self.epsilon, self.n - 2 * self.b))

    def scaled_by(self, gamma: Any) -> Any:
        """γx̂, the rows of (76) multiplied by γ."""
        return times_power(gamma, self.d[0] / self.s, self.a - self.b)

    def along(self, c: Any) -> Any:
        """Σcx̂."""
        unit, k = pairs.unit(c)
        total, lost = pairs.column(pairs.dot(unit, self.d))
        return np.ldexp((total + lost) / self.s, k + self.a - self.b)[:, 0]

    def gradient(self, c: Any, gamma: Any) -> Any:
        """γ/√(σ² + ε)·(r + κqd): q the slope of the regression of c on d, r what it leaves over, κ = ε/(σ² + ε).

        c − mean(c) − x̂·mean(cx̂) is the same, but cancels where r is 0 or κ small.
        """
        unit, k = pairs.unit(c)
        centred = pairs.difference(unit, pairs.mean(unit))
        fitted = pairs.product(pairs.column(self._slope(centred)), self.d)
        along, shift = fitted[0] * self.epsilon / self.s**2, self.n - 2 * self.b
        rest, _ = pairs.difference(centred, fitted)
        lone = _alone(self.x)
        whole = np.where(lone, along, rest + np.ldexp(along, shift))
        return times_power(gamma, whole / self.s, k - self.b + np.where(lone, shift, 0))

    def _slope(self, centred: pairs.Pair) -> pairs.Pair:
        """Σcd/Σd², 0 where all samples are equal."""
        high, low = pairs.quotient(pairs.dot(centred, self.d), self.squares)
        constant = self.squares[0] == 0
        return np.where(constant, 0.0, high), np.where(constant, 0.0, low)


def _alone(x: Any) -> Any:
    """Where all other samples of a feature are equal: a straight line runs through every cotangent there, and nothing is left over."""
    found = np.zeros(x.shape, bool)
    for usual in (x[:, :1], x[:, -1:]):
        equal = x == usual
        found |= ~equal & (equal.sum(axis=1, keepdims=True) == x.shape[1] - 1)
    return found


class BatchNormLayer:
    """Batch normalization with its parameters and, as the notes print, running averages of μ and of σ.

    In `gamma`, `beta`, `mean` and `deviation` stand arrays of its dtype that are replaced, never written to.
    """

    def __init__(self, features: int, epsilon: float, rate: float, dtype: npt.DTypeLike = np.float64) -> None:
        require(bool(epsilon > 0), "epsilon", epsilon, "be > 0")
        require(0 < rate <= 1, "rate", rate, "lie in (0, 1]")
        if np.dtype(dtype) not in DTYPES:
            raise TypeError(f"dtype {dtype} is none of {', '.join(map(str, DTYPES))}")
        self.epsilon, self.rate = epsilon, rate
        self.gamma, self.beta = np.ones(features, dtype), np.zeros(features, dtype)
        self.mean, self.deviation = np.zeros(features, dtype), np.ones(features, dtype)

    @property
    def variance(self) -> Any:
        """The square of the running average of σ."""
        return np.square(self.deviation)

    def train(self, x: Any) -> Any:
        """(74) to (77) of the batch, (m, features), whose μ and σ enter the running averages."""
        y = batch_norm(x, self.gamma, self.beta, epsilon=self.epsilon)
        mean, deviation = _Centred(np.asarray(x, np.float64)).statistics()
        self.mean, self.deviation = self._followed(self.mean, mean), self._followed(self.deviation, deviation)
        return y

    def infer(self, x: Any) -> Any:
        """(76) and (77) of every sample by itself, with the running averages."""
        return _inferred(x, self.gamma, self.beta, self.mean, self.deviation, epsilon=self.epsilon)

    def _followed(self, average: Any, new: Any) -> Any:
        old = average.astype(np.float64)
        return ((1 - self.rate) * old + self.rate * new).astype(average.dtype)


def batch_norm_layer(features: int, epsilon: float, rate: float, dtype: npt.DTypeLike) -> BatchNormLayer:
    """A layer that starts at gamma 1, beta 0, mean 0 and variance 1; rate is the weight of the new batch."""
    return BatchNormLayer(features, epsilon, rate, dtype)


@in_float64
def _inferred(x: Any, gamma: Any, beta: Any, mean: Any, deviation: Any, epsilon: float) -> Any:
    return gamma * ((x - mean) / np.hypot(deviation, np.sqrt(epsilon))) + beta
