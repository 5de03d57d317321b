"""Whether numbers are independent draws from a distribution of section 11, and how much rounding to a dtype excuses.

A number of the dtype stands for a draw that lies within half of the dtype's spacing of it, the spacing at its own size or at
that of the law, whichever is larger. Every test takes whichever of these draws speak most for the law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt

import numpy as np
from scipy import fft, special

from eqwise.conformance import chance
from eqwise.conformance.chance import Finding
from eqwise.spec.certify import certified, values
from eqwise.spec.distributions import Distribution, Uniform
from eqwise.spec.numbers.expression import Array, Expression
from eqwise.spec.numbers.formats import Floats, Format

CELLS = 1 << 12  # of the grid on which distribution functions are compared
RARE = tuple(2.0**-k for k in (4, 8, 12, 14, 16, 17))  # the probabilities of the tails that are counted
FINEST = 2.0**-22  # the probability of a single number before it is rounded: common generators have 2²³ of them or more


@dataclass(frozen=True)
class Standard:
    """A distribution around 0, in its own unit.

    `beyond` gives the size that is exceeded with a probability; log E exp(λz) ≤ λ²·`proxy`/2; `peak` is the largest of
    max(|z|, 1) times the density.
    """

    cumulative: Callable[[Floats], Floats]
    beyond: Callable[[float], float]
    variance: float
    largest: float
    proxy: float
    peak: float

    @cached_property
    def sizes(self) -> tuple[tuple[float, float], ...]:
        """Sizes that are rarely exceeded, and what is the largest possible, with the probabilities."""
        rare = tuple((self.beyond(q), q) for q in RARE)
        return (*rare, (self.largest, 0.0)) if self.largest < inf else rare


def _density(z: float) -> float:
    return float(np.exp(-z * z / 2) / sqrt(2 * np.pi))


UNIFORM = Standard(lambda z: np.clip((1 + z) / 2, 0, 1), lambda q: 1 - q, 1 / 3, 1.0, 1 / 3, 0.5)
NORMAL = Standard(special.ndtr, lambda q: -float(special.ndtri(q / 2)), 1.0, inf, 1.0, _density(0))


def truncated(at: float) -> Standard:
    """The normal distribution within −at and at."""
    tail = float(special.ndtr(-at))
    mass = 1 - 2 * tail
    return Standard(
        lambda z: np.clip((special.ndtr(z) - tail) / mass, 0, 1),
        lambda q: -float(special.ndtri(tail + q * mass / 2)),
        1 - 2 * at * _density(at) / mass,
        at,
        1.0,
        _density(0) / mass,
    )


def standardised(distribution: Distribution) -> tuple[Standard, float]:
    """The standard distribution, and the unit in which it is the given one. Distributions must lie around 0."""
    if isinstance(distribution, Uniform):
        low, high = map(_number, distribution.parameters)
        if low != -high:
            raise ValueError(f"{distribution} does not lie around 0")
        return UNIFORM, high
    mean, deviation = map(_number, distribution.parameters)
    if mean:
        raise ValueError(f"{distribution} does not lie around 0")
    if distribution.within is None:
        return NORMAL, deviation
    cut = truncated(distribution.within)
    return cut, deviation / sqrt(cut.variance) if distribution.rescaled else deviation


def _number(exact: Expression) -> float:
    return float(certified(values((exact,), ()), np.zeros((1, 0))).high[0, 0])


@dataclass(frozen=True)
class Draws:
    """A matrix of numbers of the dtype in the unit of the law that they claim to follow."""

    z: Floats
    law: Standard
    target: Format

    @property
    def u(self) -> float:
        return self.target.unit_roundoff

    @cached_property
    def sizes(self) -> Floats:
        return np.abs(self.z)

    @cached_property
    def room(self) -> Floats:
        """How far the draw may lie from the number: u·|z| is at least half of the spacing."""
        return np.maximum(self.sizes, 1.0) * self.u

    def findings(self) -> Iterator[Finding]:
        """Every test of a matrix alone."""
        yield self._deviation()
        yield mean([self])
        yield self._distribution()
        yield tails([self])
        yield self._grid()
        for axis, name in ((1, "row"), (0, "column")):
            yield self._sums(axis, name)
            yield from self._sizes(axis, name)
        yield from self._dependence()

    def _deviation(self) -> Finding:
        n, law = self.z.size, self.law
        least, most = float(np.square(np.maximum(self.sizes - self.room, 0)).sum()), float(np.square(self.sizes + self.room).sum())
        if law is NORMAL:
            probability = float(chance.chi_squared(least, most, n))
        else:
            distance = max(least / n - law.variance, law.variance - most / n)
            probability = chance.hoeffding(distance, n, law.largest**2)
        found = sqrt(float(np.square(self.z).mean()) / law.variance)
        return Finding(f"the deviation is {found:.5g} times that of the law", probability)

    def _distribution(self) -> Finding:
        """On a grid of equal shares; rounding moves no share further than u·peak."""
        n = self.z.size
        cells = np.minimum(self.law.cumulative(self.z) * CELLS, CELLS - 1).astype(np.int64)
        below = np.bincount(cells.ravel(), minlength=CELLS).cumsum()[:-1] / n
        distance = float(np.abs(below - np.arange(1, CELLS) / CELLS).max()) - self.u * self.law.peak
        return Finding(f"the distribution function is off by {distance:.3g}", chance.kolmogorov(distance, n))

    def _grid(self) -> Finding:
        """Numbers of the dtype, not of a coarser one: few draws repeat another."""
        likeliest = FINEST + 2 * self.u * self.law.peak
        if likeliest * self.z.size >= 2:
            return Finding("numbers repeat, as in so narrow a dtype they must", 1.0)
        ordered = np.sort(self.z, axis=None)
        different = 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))
        what = f"only {different} of {self.z.size} numbers differ: they repeat, or lie on a grid coarser than that of {self.target.name}"
        return Finding(what, chance.repeats(self.z.size - different, self.z.size, likeliest))

    @cached_property
    def beyond(self) -> tuple[tuple[int, int], ...]:
        """How many are surely larger than each of the law's sizes, and how many may be."""
        return tuple(self._beyond(size) for size, _ in self.law.sizes)

    def _beyond(self, size: float) -> tuple[int, int]:
        surely, perhaps = max(size + self.u, size / (1 - self.u)), min(size - self.u, size / (1 + self.u))
        return int(np.count_nonzero(self.sizes > surely)), int(np.count_nonzero(self.sizes >= perhaps))

    def _sums(self, axis: int, name: str) -> Finding:
        """What the sums of rows or columns have in common shows in their spread."""
        sums, room = np.abs(self.z.sum(axis=axis)), self.room.sum(axis=axis)
        unit, degrees = self.z.shape[axis] * self.law.proxy, len(sums)
        least, most = float(np.square(np.maximum(sums - room, 0)).sum()) / unit, float(np.square(sums + room).sum()) / unit
        exact = self.law is NORMAL
        probability = float(chance.chi_squared(least, most, degrees)) if exact else chance.squared_length(least, degrees)
        found = sqrt(float(np.square(sums).mean()) / self.z.shape[axis] / self.law.variance)
        return Finding(f"the sums of {name}s spread {found:.3g} times as far as those of independent entries", probability)

    def _sizes(self, axis: int, name: str) -> Iterator[Finding]:
        """No row or column is larger or smaller than chance makes it; nor are all of them too much alike, as if normalised."""
        n = self.z.shape[axis]
        least = np.square(np.maximum(self.sizes - self.room, 0)).sum(axis=axis)
        most = np.square(self.sizes + self.room).sum(axis=axis)
        if self.law is not NORMAL:
            distances = np.maximum(least / n - self.law.variance, self.law.variance - most / n)
            probabilities = np.array([chance.hoeffding(distance, n, self.law.largest**2) for distance in distances])
            yield Finding(f"{name} {np.argmin(probabilities) + 1} is of another size", chance.any_of(probabilities))
            return
        probabilities = chance.chi_squared(least, most, n)
        yield Finding(f"{name} {np.argmin(probabilities) + 1} is of another size", chance.any_of(probabilities))
        below, above = np.sort(special.gammainc(n / 2, least / 2)), np.sort(special.gammainc(n / 2, most / 2))
        ranks = np.arange(len(below) + 1) / len(below)
        distance = float(max((ranks[1:] - above).max(), (below - ranks[:-1]).max()))
        yield Finding(f"the sizes of {name}s are distributed otherwise, by {distance:.2g}", chance.kolmogorov(distance, len(below)))

    @cached_property
    def bits(self) -> Array:
        """Two fair coins from each entry: its sign, and whether its size is larger than half of all sizes are."""
        return (self.z > 0).astype(np.uint8) + 2 * (self.sizes > self.law.beyond(0.5)).astype(np.uint8)

    @property
    def slack(self) -> float:
        """How far from ½ rounding may put the probability that two coins differ: 2δδ′ for coins off by δ and δ′."""
        return 2 * (2 * self.u * self.law.peak) ** 2

    def _dependence(self) -> Iterator[Finding]:
        """Signs and sizes of entries some places apart, along rows and down columns, and from the first and the last inwards."""
        for flat, name in ((self.bits.ravel(), "along rows"), (self.bits.T.ravel(), "down columns")):
            yield self.coins(list(chance.pairs(flat)), f"entries {name}")
        half = self.bits.size // 2
        yield self.coins([(self.bits.ravel()[:half], self.bits.ravel()[: -half - 1 : -1])], "entries from both ends")
        yield self._lags()
        if self.law is NORMAL:
            yield self._direction()

    def _lags(self) -> Finding:
        """Coins of entries any number of places apart: all sums of products at once, each of independent fair signs."""
        n = self.bits.size
        signs = (2.0 * (self.bits.ravel() & 1) - 1) + 1j * ((self.bits.ravel() & 2) - 1.0)
        spectrum = fft.fft(signs.astype(np.complex64), 2 * n)
        sums = np.abs(fft.ifft(np.square(spectrum.real) + np.square(spectrum.imag)).real[1:n])
        unfair = 2 * (3 * n * self.u * self.law.peak) + 64  # coins that rounding may have turned, and far more than chance turns
        excess = np.maximum(sums - 4 * unfair - 64, 0)  # each of them is in two products; the last is for rounding of the transforms
        exponents = excess**2 / (4 * np.arange(n - 1, 0, -1))
        apart = int(np.argmax(exponents)) + 1
        what = f"entries {apart} places apart have a part in common"
        return Finding(what, float(min(1.0, 2 * n * np.exp(-float(exponents[apart - 1])))))

    def _direction(self) -> Finding:
        """No direction is longer than the largest singular value may be: Davidson and Szarek 2001, theorem II.13."""
        v = np.ones(self.z.shape[1])
        for _ in range(4):
            v = self.z.T @ (self.z @ (v / np.linalg.norm(v)))
        length = float(np.linalg.norm(self.z @ (v / np.linalg.norm(v))))
        distance = length - float(np.linalg.norm(self.room)) - sum(np.sqrt(self.z.shape))
        what = f"along one direction the matrix is {length:.4g} units long"
        return Finding(what, float(min(1.0, np.exp(-(max(distance, 0.0) ** 2) / 2))))

    def coins(self, pairs: list[tuple[Array, Array]], name: str) -> Finding:
        """How often the coins of paired entries differ."""
        differ = [np.bitwise_xor(a, b) for a, b in pairs]
        counts = np.array([[np.count_nonzero(d & bit) for bit in (1, 2)] for d in differ]).reshape(-1, 2)
        trials = np.array([d.size for d in differ])[:, None]
        probabilities = chance.binomial(counts, counts, trials, 0.5, self.slack)
        k, bit = divmod(int(np.argmin(probabilities)), 2)
        what = f"{('signs', 'sizes')[bit]} of {name} differ in {counts[k, bit]} of {trials[k, 0]} pairs"
        return Finding(what, chance.any_of(probabilities))


def mean(matrices: list[Draws]) -> Finding:
    """That of all entries together."""
    law, n, total = matrices[0].law, sum(draws.z.size for draws in matrices), sum(float(draws.z.sum()) for draws in matrices)
    room = sum(float(draws.room.sum()) for draws in matrices)
    probability = (chance.gaussian if law is NORMAL else chance.sub_gaussian)(abs(total) - room, n * law.proxy)
    return Finding(f"the mean is {total / n / sqrt(law.variance):.3g} deviations of the law", probability)


def tails(matrices: list[Draws]) -> Finding:
    """What lies beyond sizes that are rarely exceeded, and beyond what is possible, of all entries together."""
    n, sizes = sum(draws.z.size for draws in matrices), matrices[0].law.sizes
    least, most = np.sum([draws.beyond for draws in matrices], axis=0).T
    probabilities = chance.binomial(least, most, n, np.array([q for _, q in sizes]))
    k = int(np.argmin(probabilities))
    size, q = sizes[k]
    what = f"{most[k]} of {n} are larger than {size:.8g} of the law's units, {q * n:.0f} expected"
    return Finding(what, chance.any_of(probabilities))


def findings(matrices: list[Draws]) -> Iterator[Finding]:
    """Every test of matrices that were drawn apart, of neighbouring seeds first and second; repetitions first, which spoil all others."""
    yield _repetitions(matrices)
    for draws in matrices:
        yield from draws.findings()
    yield mean(matrices)
    yield tails(matrices)
    first, second = (draws.bits.ravel() for draws in matrices[:2])
    n = min(len(first), len(second))
    yield matrices[0].coins([(first[:n], second[:n])], "entries of neighbouring seeds")


def _repetitions(matrices: list[Draws]) -> Finding:
    """No run of eight entries repeats anywhere; of sixteen where the dtype has few numbers."""
    every = np.concatenate([draws.z.ravel() for draws in matrices])
    likeliest = 2 * matrices[0].u * matrices[0].law.peak  # a single number's probability is no larger
    pairs = len(every) ** 2 / 2
    length = 8 if pairs * likeliest**8 < chance.LEVEL else 16
    found = chance.repeated_run(every, length)
    if found is None:
        return Finding(f"no {length} entries repeat", 1.0)
    first, again = found
    return Finding(f"{length} entries from entry {again + 1} on repeat those from entry {first + 1} on", pairs * likeliest**length)
