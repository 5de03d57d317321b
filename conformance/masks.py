"""Whether units were dropped independently of each other, of their values and of other passes, each with one probability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import ceil, log, log2

import numpy as np

from eqwise.conformance import chance
from eqwise.conformance.chance import Finding
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats

SLACK = 2.0**-24  # in p: uniform numbers with 24 bits are enough


@dataclass(frozen=True)
class Masks:
    """True where a unit was dropped: in several passes over one batch `x`, shape (passes, rows, columns), and in many small ones.

    `small` has a row for each of many consecutive passes over a few units.
    """

    p: float
    x: Floats
    large: Array
    small: Array

    def findings(self) -> Iterator[Finding]:
        """Every test; p must lie strictly between 0 and 1."""
        yield share(self.large, self.p)
        yield self._repetitions()
        yield self._twins()
        yield in_pairs(list(combinations(self.large, 2)), self.p, "the same units in other passes")
        first, half = self.large[0], self.large[0].size // 2
        for mask, name in ((first, "along rows"), (first.T, "down columns"), (self.small, "from pass to pass")):
            yield independent(mask, self.p, f"units {name}")
        yield in_pairs([(first.ravel()[:half], first.ravel()[: -half - 1 : -1])], self.p, "units from both ends")
        lines = self.large.reshape(-1, self.large.shape[2])
        yield self._lines(lines.T, "column")
        yield self._lines(lines, "row")
        yield self._lines(self.small, "pass")
        yield self._by_value()
        yield self._spread(lines, "row")
        yield self._spread(self.small, "pass")

    def _count(self, counts: Array, trials: int) -> Floats:
        return chance.binomial(counts, counts, trials, self.p, SLACK)

    def _lines(self, lines: Array, name: str) -> Finding:
        """None is dropped more often than others."""
        counts, trials = np.count_nonzero(lines, axis=1), lines.shape[1]
        probabilities = self._count(counts, trials)
        worst = int(np.argmin(probabilities))
        what = f"p = {self.p}: in {name} {worst + 1} {counts[worst]} of {trials} units are dropped"
        return Finding(what, chance.any_of(probabilities))

    def _spread(self, groups: Array, name: str) -> Finding:
        """The numbers dropped in groups of units follow the binomial distribution."""
        size = groups.shape[1]
        below = np.bincount(np.count_nonzero(groups, axis=1), minlength=size + 1).cumsum() / len(groups)
        distance = float(np.abs(below - chance.exactly(self.p, size).cumsum()).max()) - size * SLACK
        what = f"p = {self.p}: the numbers of units dropped in a {name} are distributed otherwise, by {distance:.2g}"
        return Finding(what, chance.kolmogorov(distance, len(groups)))

    def _by_value(self) -> Finding:
        """Neither sign nor size of a unit matters."""
        large = np.abs(self.x) > np.median(np.abs(self.x))
        parts = {"negative": self.x < 0, "positive": self.x > 0, "small": ~large, "large": large}
        trials = np.array([len(self.large) * np.count_nonzero(part) for part in parts.values()])
        counts = np.array([np.count_nonzero(self.large[:, part]) for part in parts.values()])
        probabilities = chance.binomial(counts, counts, trials, self.p, SLACK)
        worst = int(np.argmin(probabilities))
        what = f"p = {self.p}: {counts[worst]} of {trials[worst]} {list(parts)[worst]} units are dropped"
        return Finding(what, chance.any_of(probabilities))

    def _repetitions(self) -> Finding:
        """No long piece of a mask comes again, counted in whole bytes."""
        every = np.packbits(np.concatenate([self.large.ravel(), self.small.ravel()])).astype(np.float64)
        pairs, likelier = len(every) ** 2 / 2, max(self.p, 1 - self.p) + SLACK
        length = 2 ** ceil(log2(log(pairs / chance.LEVEL) / (-8 * log(likelier))))
        found = chance.repeated_run(every, length)
        if found is None:
            return Finding(f"no {8 * length} units repeat", 1.0)
        what = f"p = {self.p}: the mask of {8 * length} units from unit {8 * found[1] + 1} on repeats that from unit {8 * found[0] + 1} on"
        return Finding(what, pairs * likelier ** (8 * length))

    def _twins(self) -> Finding:
        """No two of the small passes have the same mask."""
        passes, units = self.small.shape
        _, first, counts = np.unique(self.small, axis=0, return_index=True, return_counts=True)
        if counts.max() == 1:
            return Finding(f"no two of {passes} masks are the same", 1.0)
        what = f"p = {self.p}: the mask of pass {first[np.argmax(counts)] + 1} comes {counts.max()} times"
        return Finding(what, min(1.0, passes**2 / 2 * (self.p**2 + (1 - self.p) ** 2 + 2 * SLACK) ** units))



def share(masks: Array, p: float) -> Finding:
    """How many units are dropped altogether."""
    count = np.count_nonzero(masks)
    what = f"{count} of {masks.size} units are dropped, {p * masks.size:.0f} expected for p = {p}"
    return Finding(what, float(chance.binomial(count, count, masks.size, p, SLACK)))


def independent(mask: Array, p: float, name: str) -> Finding:
    """Units some places apart, a few or any power of two, have nothing to do with each other."""
    flat = mask.ravel()
    near = (pair for apart in (3, 5, 6, 7) for pair in chance.pairs_apart(flat, apart))
    return in_pairs([*chance.pairs(flat), *near], p, name)


def in_pairs(pairs: list[tuple[Array, Array]], p: float, name: str) -> Finding:
    """Two units are both dropped, and both kept, as often as independence has it."""
    both = np.array([[np.count_nonzero(a & b), np.count_nonzero(~(a | b))] for a, b in pairs])
    trials = np.array([a.size for a, _ in pairs])[:, None]
    probabilities = chance.binomial(both, both, trials, np.array([p**2, (1 - p) ** 2]), 2 * SLACK)
    k, kind = divmod(int(np.argmin(probabilities)), 2)
    what = f"p = {p}: {name}, {both[k, kind]} of {trials[k, 0]} pairs are both {('dropped', 'kept')[kind]}"
    return Finding(what, chance.any_of(probabilities))
