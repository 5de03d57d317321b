"""The exact intervals on which a number fails, all others held: found by ordinals, as floats have neighbours.

Places all over the format are probed, then every border between a failing place and a correct one is halved until they are
neighbours. Near each border more places are probed: where these are mixed, no border is claimed, but a share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqwise.conformance.inputs import Ordinals
from eqwise.spec.numbers.formats import Floats, Format

Fails = Callable[[Floats], Any]  # which of these numbers fail
FEW = 8  # so many correct places between failing ones are mixed with them, where there are too many intervals otherwise
MOST = 4  # intervals that are told apart
NEAR, FAR = 24, 2**62  # places probed beside each border, on either side, and how far at most


@dataclass(frozen=True)
class Interval:
    """From one failing number to another; `share` of the `probed` places between them fail."""

    low: float
    high: float
    probed: int
    share: float = 1.0

    @property
    def is_mixed(self) -> bool:
        return self.share < 1

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high


@dataclass(frozen=True)
class Found:
    """The failing intervals, among so many numbers that were probed; whether these were all."""

    intervals: tuple[Interval, ...]
    probed: int
    failing: int
    is_exhaustive: bool = False


def searched(fails: Fails, numbers: Floats, target: Format, every: bool = False) -> Found:
    """The intervals in which these numbers fail, and those between them; `every` says that these are all there are."""
    probe = _Probe(fails, target)
    probe.at(np.unique(target.ordinals(numbers)))
    runs = _runs(probe.known())
    for _ in range(2):  # what is found beside the borders may join intervals
        for start, end in runs:
            probe.border(start, -1)
            probe.border(end, 1)
        known = probe.known()
        runs = _runs(known)
    ordinals, marks = known
    made = tuple(_interval(start, end, ordinals, marks, target) for start, end in runs)
    return Found(made, len(ordinals), int(np.count_nonzero(marks)), every)


class _Probe:
    """What is known of numbers by their ordinals."""

    def __init__(self, fails: Fails, target: Format) -> None:
        self.fails, self.target = fails, target
        self.top = int(target.ordinals(target.largest))
        self.marks: dict[int, bool] = {}

    def at(self, ordinals: Ordinals) -> None:
        """Probes these."""
        new = np.array([o for o in ordinals.tolist() if o not in self.marks and abs(o) <= self.top], np.int64)
        if len(new):
            marks = self.fails(self.target.from_ordinals(new).astype(np.float64))
            self.marks.update(zip(new.tolist(), np.asarray(marks, bool).tolist(), strict=True))

    def known(self) -> tuple[Ordinals, Any]:
        """Ordinals that were probed, in order, and which of them fail."""
        ordinals = sorted(self.marks)
        return np.array(ordinals, np.int64), np.array([self.marks[o] for o in ordinals], bool)

    def border(self, inside: int, direction: int) -> None:
        """Halves the way from a failing number to the next that is known to be correct, and looks around where it ends."""
        ordinals, _ = self.known()
        beyond = ordinals[ordinals > inside if direction > 0 else ordinals < inside]  # a difference might not fit
        if not len(beyond):
            return
        outside = int(beyond.min() if direction > 0 else beyond.max())
        reach = abs(outside - inside)
        while abs(outside - inside) > 1:
            middle = inside + (outside - inside) // 2
            self.at(np.array([middle]))
            inside, outside = (middle, outside) if self.marks[middle] else (inside, middle)
        steps = np.unique(np.geomspace(1, min(max(reach, 2), FAR), NEAR).astype(np.int64))
        self.at(np.concatenate([outside + direction * steps[steps < reach], inside - direction * steps[steps < reach]]))


def _runs(known: tuple[Ordinals, Any]) -> list[tuple[int, int]]:
    """Where failing numbers begin and end; where they do so too often, those with few correct ones between them together, or all."""
    ordinals, marks = known
    places = np.flatnonzero(marks)
    gaps = np.diff(places) - 1
    for few in (0, FEW, len(ordinals)):
        breaks = np.flatnonzero(gaps > few)
        if len(breaks) < MOST:
            break
    starts, ends = np.append(places[:1], places[breaks + 1]), np.append(places[breaks], places[-1:])
    return [(int(ordinals[a]), int(ordinals[b])) for a, b in zip(starts, ends, strict=True)]


def _interval(start: int, end: int, ordinals: Ordinals, marks: Any, target: Format) -> Interval:
    within = (ordinals >= start) & (ordinals <= end)
    low, high = target.from_ordinals([start, end]).astype(np.float64).tolist()
    return Interval(low, high, int(np.count_nonzero(within)), float(marks[within].mean()))
