"""Failing intervals of the first input of an element-wise operation, the others held, and the simplest number in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.inputs import block, critical_ordinals, every_number
from eqwise.conformance.where.attempts import Failure, Search
from eqwise.conformance.where.formulas import COTANGENT, Formula
from eqwise.conformance.where.intervals import Found, Interval, searched
from eqwise.conformance.where.simplicity import within
from eqwise.spec.numbers.formats import Floats, Format

GRID, DRAWN, REDUCED = 512, 1024, 96  # numbers that are probed: at even steps of ordinals, drawn, and of losses offered only reduced

NARROW, FEW = 11, 0.1  # bits of formats all of whose numbers are probed, where so large a share of some fails, or less


@dataclass(frozen=True)
class Line:
    """An attempt of one element, its first input set free."""

    search: Search
    at: Formula

    @property
    def name(self) -> str:
        return next(iter(self.at.arrays))

    @property
    def first(self) -> float:
        return float(self.at.arrays[self.name][0])

    def having(self, numbers: Floats) -> Formula:
        """The same elsewhere, at all these numbers."""
        arrays = {name: np.full(len(numbers), array[0]) for name, array in self.at.arrays.items()}
        return self.at.having({**arrays, self.name: numbers})

    def fails(self, numbers: Floats) -> Any:
        """At which of these numbers it fails."""
        marks = np.zeros(len(numbers), bool)
        if self.at.reduction:
            for k in range(len(numbers)):
                marks[k] = next(self.search.failures(self.having(numbers[k : k + 1])), None) is not None
        else:
            marks[[failure.number[0] for failure in self.search.failures(self.having(numbers))]] = True
        return marks

    def alone(self, number: float) -> Failure | None:
        """The failure at one number, if it is called alone."""
        return next(self.search.failures(self.having(np.array([number]))), None)


def found_on(line: Line, rng: np.random.Generator) -> Found:
    """The failing intervals of a line."""
    target, first = line.search.target, np.array([line.first])
    others = (*(float(line.at.arrays[name][0]) for name in line.at.arrays if name not in (line.name, COTANGENT)), *line.at.hyper.values())
    critical = critical_ordinals(value_claim(Frame(line.at.operation)), others, target)
    count = REDUCED if line.at.reduction else GRID
    top = int(target.ordinals(target.largest))
    even = target.from_ordinals(np.linspace(-top, top, count).astype(np.int64)).astype(np.float64)
    drawn = block(target, rng, count if line.at.reduction else DRAWN, critical)
    beside = target.from_ordinals(np.clip((critical[:, None] + np.arange(-1, 2)).ravel(), -top, top)).astype(np.float64)
    found = searched(line.fails, np.concatenate([even, drawn, beside, first]), target)
    if target.p <= NARROW and not line.at.reduction and found.failing <= FEW * found.probed:
        return searched(line.fails, every_number(target), target, every=True)
    return found


def simplest_failure(line: Line, interval: Interval) -> Iterator[Failure]:
    """Failures in an interval at simple numbers, the simplest first, each called alone."""
    for number in within(interval.low, interval.high, line.search.target):
        failure = line.alone(number)
        if failure is not None:
            yield failure


def told(line: Line, found: Found) -> str:
    """The intervals in words."""
    held = _held(line)
    variable = f" for {line.name}{held}" if held else ""
    intervals = ", ".join(_told(interval, line.search.target) for interval in found.intervals)
    if found.failing == found.probed:
        return f"fails everywhere{variable} ({found.probed:,} places probed)"
    if found.is_exhaustive:
        return f"fails at {found.failing:,} of all {found.probed:,} numbers{variable}: {intervals}"
    return f"fails {intervals}; nothing fails outside{variable} ({found.probed:,} places probed)"


def _told(interval: Interval, target: Format) -> str:
    low, high = repr(interval.low), repr(interval.high)
    if interval.is_mixed:
        return f"at {min(max(round(100 * interval.share), 1), 99)} % of the {interval.probed:,} places probed between {low} and {high}"
    if interval.low == interval.high:
        return f"at {low}"
    if interval.high == target.largest:
        return f"from {low} on"
    return f"up to {high}" if interval.low == -target.largest else f"on [{low}, {high}]"


def _held(line: Line) -> str:
    """What is held."""
    others: Mapping[str, float] = {
        **{name: float(array[0]) for name, array in line.at.arrays.items() if name != line.name}, **line.at.hyper,
    }  # fmt: skip
    return f", at {', '.join(f'{name} = {value!r}' for name, value in others.items())}" if others else ""
