"""Tests of randomness. A run of the whole suite raises a false alarm with probability 1e-9 at most, by calculation.

Every test yields a bound, valid at every sample size, on the probability that chance alone makes its statistic as extreme
as it is. One that looks at several statistics multiplies the smallest bound by their number. A test fails below `LEVEL`,
and a run makes no more than `MOST_TESTS` tests, so the probabilities of their failures add up to `FALSE_ALARM` at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import numpy as np
from scipy import special

from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats

FALSE_ALARM = 1e-9
MOST_TESTS = 1 << 11
LEVEL = FALSE_ALARM / MOST_TESTS


@dataclass(frozen=True)
class Finding:
    """What one test saw, and the bound on the probability that chance alone goes so far."""

    what: str
    probability: float

    @property
    def alarms(self) -> bool:
        return self.probability < LEVEL

    @property
    def share(self) -> float:
        """How far towards an alarm, on the scale of the logarithm: 1 at the level."""
        return log(max(self.probability, 1e-300)) / log(LEVEL)

    def __str__(self) -> str:
        return f"{self.what} (by chance with probability {max(self.probability, 1e-300):.1g} at most)"


@dataclass(frozen=True)
class Judgement:
    """The first alarm, if any, the largest share and the number of tests."""

    alarm: Finding | None
    share: float
    tests: int


def judged(findings: Iterable[Finding]) -> Judgement:
    """The findings up to the first alarm."""
    share, tests = 0.0, 0
    for finding in findings:
        share, tests = max(share, finding.share), tests + 1
        if finding.alarms:
            return Judgement(finding, share, tests)
    return Judgement(None, share, tests)


# bounds


def any_of(probabilities: Any) -> float:
    """For the smallest of several: the union bound."""
    p = np.asarray(probabilities, np.float64)
    return float(min(1.0, p.size * p.min(initial=1.0)))


def binomial(least: Any, most: Any, trials: Any, p: Any, slack: float = 0.0) -> Any:
    """For a count known to lie between `least` and `most`, of a probability known to `slack`: exact, on both sides."""
    few = special.bdtr(most, trials, np.maximum(p - slack, 0.0))
    many = special.bdtrc(np.asarray(least) - 1, trials, np.minimum(p + slack, 1.0))
    return np.minimum(1.0, 2 * np.minimum(few, many))


def kolmogorov(distance: float, trials: int) -> float:
    """For the largest distance of two distribution functions: Dvoretzky, Kiefer and Wolfowitz with Massart's constant."""
    return min(1.0, 2 * exp(-2 * trials * max(distance, 0.0) ** 2))


def sub_gaussian(distance: float, variance: float) -> float:
    """For a sum of independent terms, log E exp(λX) ≤ λ²·variance/2 for all of it together: Chernoff, on both sides."""
    return min(1.0, 2 * exp(-(max(distance, 0.0) ** 2) / (2 * variance)))


def gaussian(distance: float, variance: float) -> float:
    """For a normal number of this variance: exact, on both sides."""
    return float(2 * special.ndtr(-max(distance, 0.0) / sqrt(variance)))


def hoeffding(distance: float, trials: int, width: float) -> float:
    """For the mean of independent numbers from an interval of this width, on both sides."""
    return min(1.0, 2 * exp(-2 * trials * (max(distance, 0.0) / width) ** 2))


def chi_squared(least: Any, most: Any, degrees: int) -> Any:
    """For a sum of squares of standard normal numbers that lies between `least` and `most`: exact, on both sides."""
    few, many = special.gammainc(degrees / 2, np.asarray(most) / 2), special.gammaincc(degrees / 2, np.asarray(least) / 2)
    return np.minimum(1.0, 2 * np.minimum(few, many))


def squared_length(least: float, degrees: int) -> float:
    """For Σ R² ≥ `least` of sub-Gaussian R with variance proxy 1: Hsu, Kakade and Zhang 2012, theorem 2.1."""
    if least <= degrees:
        return 1.0
    root = (sqrt(2 * least - degrees) - sqrt(degrees)) / 2
    return exp(-(root**2))


def exactly(p: float, trials: int) -> Floats:
    """The probabilities of the counts 0, 1, …, `trials`."""
    counts = np.arange(trials + 1)
    ways = special.gammaln(trials + 1) - special.gammaln(counts + 1) - special.gammaln(trials - counts + 1)
    return np.exp(ways + special.xlogy(counts, p) + special.xlog1py(trials - counts, -p))  # type: ignore[no-any-return]


def repeats(count: int, draws: int, likeliest: float) -> float:
    """For so many repetitions among independent draws that take no value with a probability above `likeliest`.

    Whatever came before, draw i repeats a number with probability (i − 1)·likeliest at most; a sum of such chances has no
    more of a tail than the binomial of the same mean: Hoeffding 1956, theorem 4.
    """
    p = min(1.0, (draws - 1) / 2 * likeliest)
    return float(special.bdtrc(count - 1, draws, p)) if count > draws * p + 1 else 1.0


# structure


def pairs(flat: Array) -> Iterator[tuple[Array, Array]]:
    """Entries 1, 2, 4, … places apart, for each distance two sets of pairs; within a set no entry is met twice."""
    apart = 1
    while 2 * apart <= len(flat):
        yield from pairs_apart(flat, apart)
        apart *= 2


def pairs_apart(flat: Array, apart: int) -> Iterator[tuple[Array, Array]]:
    """Entries so many places apart, in two sets of pairs."""
    for start in (0, apart):
        whole = (len(flat) - start) // (2 * apart)
        blocks = flat[start : start + 2 * apart * whole].reshape(whole, 2, apart)
        if whole:
            yield blocks[:, 0], blocks[:, 1]


def repeated_run(values: Floats, length: int) -> tuple[int, int] | None:
    """Two places from which the same `length` numbers follow each other, if there are any; `length` is a power of two."""
    keys = _keys(np.ascontiguousarray(values), length)
    ordered = np.sort(keys)
    for key in np.unique(ordered[1:][ordered[1:] == ordered[:-1]]):
        first, *others = map(int, np.flatnonzero(keys == key))
        for place in others:
            if np.array_equal(values[first : first + length], values[place : place + length]):
                return first, place
    return None


def _keys(values: Floats, length: int) -> Array:
    """A number of 64 bits for every run, the same for the same run: from runs of half the length."""
    words = (values + 0.0).view(np.uint64)  # + 0.0 makes one zero of both
    words = (words ^ (words >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    keys, apart, factor = words ^ (words >> np.uint64(29)), 1, 0xBF58476D1CE4E5B9
    while apart < length:
        keys = keys[:-apart] * np.uint64(factor) + keys[apart:] if len(keys) > apart else keys[:0]
        apart, factor = 2 * apart, factor * factor % 2**64
    return keys
