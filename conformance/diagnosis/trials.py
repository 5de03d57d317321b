"""What an adapter returned, as trials: results that can be held against any formula, and the places where they fail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any

import numpy as np

from eqwise.conformance import comparison
from eqwise.conformance.comparison import Claim
from eqwise.spec.certify import certified
from eqwise.spec.document import EQUATIONS
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import walk
from eqwise.spec.numbers.formats import Floats, Format

Readings = tuple[tuple[int, Any], ...]
PLACES = 64  # failing places that are looked at
LOOKED_AT = 400  # doubtful places of a trial that are judged to find them
MOST_INPUTS = 1 << 15  # of all places that are judged to find them, together: those of large formulas take long


@dataclass(frozen=True, eq=False)
class Trial:
    """Results of one kind: `build` makes the claim under given readings, `rows` its inputs; `actual` is (rows, outputs).

    `counts` are sizes of the call that a sum may be divided by, by name.
    """

    build: Callable[[Readings], Claim]
    rows: Callable[[Claim, Readings], Floats]
    actual: Floats
    counts: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, Callable[[], Claim]] = field(default_factory=dict)  # claims of other operations over the same inputs
    further: Callable[[Any], Any] | None = None  # hypotheses of its own kind, about several such trials
    most: int = PLACES  # of its failing places that are looked at
    turn: int = 0  # after those of an earlier turn
    is_whole: bool = False  # whether one change shows in all of its results, so that what fits some of them alone explains nothing
    instead: Collection[str] = ()  # inputs that no formula takes: each may stand for one that it takes, and nothing is added to it
    facts: Mapping[str, str] = field(default_factory=dict)  # what else tells it from others, in words

    @cached_property
    def printed(self) -> Claim:
        return self.build(())

    def taking_part(self) -> tuple[int, ...]:
        """The equations that the formula is composed of."""
        called: list[int] = []

        def recorded(number: int) -> Callable[..., Any]:
            formula = EQUATIONS[number].formula
            assert formula is not None

            @wraps(formula)  # whose signature says what it takes by name
            def run(*arguments: Any, **named: Any) -> Any:
                called.append(number)
                return formula(*arguments, **named)

            return run

        self.build(tuple((number, recorded(number)) for number, entry in EQUATIONS.items() if entry.formula is not None))
        return tuple(dict.fromkeys(called))


@dataclass(frozen=True, eq=False)
class Failing:
    """The places of a trial at which it fails: the row and the output, and some at which it does not."""

    trial: Trial
    places: tuple[tuple[int, int], ...]
    passing: tuple[tuple[int, int], ...]
    claim: Claim  # that it fails
    rows: Floats
    expected: Floats
    tied: tuple[tuple[int, int], ...] = ()  # failing places at a kink, where any slope between the one-sided ones conforms

    def known(self, row: int) -> dict[str, str | float]:
        """What may tell this row from others: facts in words, sizes, and the inputs that are single numbers."""
        numbers = {str(x.value): float(v) for x, v in zip(self.claim.inputs, self.rows[row], strict=True)}
        return {**self.trial.facts, **self.trial.counts, **{name: numbers[name] for name in self._single}}

    @cached_property
    def _single(self) -> list[str]:
        """Of the inputs that are single numbers those that the formula takes, and the time."""
        taken = {str(v.value) for v in walk(self.claim.outputs) if v.operator == "symbol"} | {"t"}
        return [name for name in (str(x.value) for x in self.claim.inputs) if name in taken and "[" not in name]


def failing(trials: Sequence[Trial], readings: Readings, target: Format, accept: tuple[str, ...]) -> list[Failing]:
    """Of every trial some places that fail, spread over its rows, until they are enough; those that pass everywhere are among them."""
    found, left, inputs = [], PLACES, MOST_INPUTS
    for trial in trials:
        if left <= 0 or inputs <= 0:
            break
        one, looked_at = _failing(trial, readings, target, accept, min(trial.most, max(8, left // 2)))
        found.append(one)
        left -= len(one.places)
        inputs -= looked_at * len(one.claim.inputs)
    return found


def _failing(trial: Trial, readings: Readings, target: Format, accept: tuple[str, ...], most: int) -> tuple[Failing, int]:
    """What fails of a trial, and how many doubtful places were judged to find it."""
    claim = trial.build(readings)
    rows = trial.rows(claim, readings)
    exact = certified(claim.program, rows, target)
    with np.errstate(all="ignore"):
        ulps = np.abs((trial.actual - exact.high) - exact.low) / target.ulp(exact.high)
    ulps[np.isnan(ulps)] = np.inf
    ulps[np.isnan(exact.high)] = 0.0  # undefined, or not decided
    doubtful = [(int(i), int(k)) for i, k in np.argwhere(ulps > FACTOR)]
    bad: list[tuple[int, int]] = []
    tied: list[tuple[int, int]] = []
    looked_at = 0
    for i, k in _spread(doubtful, LOOKED_AT):
        if len(bad) >= most:
            break
        looked_at += 1
        if comparison.at_place(claim, rows[i].tolist(), k, float(trial.actual[i, k]), target).verdict not in accept:
            (tied if comparison.is_near_kink(claim, rows[i].tolist(), k, target) else bad).append((i, k))
    good = [(int(i), int(k)) for i, k in np.argwhere(ulps <= FACTOR)]
    return Failing(trial, tuple(bad), tuple(_spread(good, most)), claim, rows, exact.high, tuple(tied)), looked_at


def _spread(places: list[tuple[int, int]], most: int) -> Iterator[tuple[int, int]]:
    """So many of them at most, from all over."""
    order = np.random.default_rng(len(places)).permutation(len(places))[:most]
    return (places[i] for i in order)
