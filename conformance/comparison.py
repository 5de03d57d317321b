"""Holds arrays that an adapter returned against certified values: verdict, largest error, largest share, the worst place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
from flint import arb

from eqwise.conformance import allowances
from eqwise.conformance.screening import screen
from eqwise.conformance.verdicts import VERDICTS, Number, Result, Worst
from eqwise.spec.certify import Certified, Program, certified, derivative, refined, values
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import Expression
from eqwise.spec.numbers.formats import Floats, Format

MANY = 4  # outputs, each of which is a formula of its own to floats
ENOUGH = 16  # confirmed places after which a failing property is not searched for a worse one
MOST_KINKS = 4  # that meet at a place
MOST_AT_KINKS = 256  # places at kinks that are passed over


@dataclass(frozen=True)
class Claim:
    """Formulas to hold results against: one per output, over inputs in a fixed order.

    Where the claim is about the derivative of a formula of scalars, `value` is that formula and `wrt` the input.
    `applied` are the activations u ↦ f(u) in a claim about gradients, as pairs of nodes; `factors`, for each output, the value y
    that its usual form multiplies by, as in y·(c − Σyc), so that it is lost where y is subnormal and made 0. Inputs that are `exact`,
    such as counts, are never rounded, so that their conditioning excuses nothing.
    """

    outputs: tuple[Expression, ...]
    inputs: tuple[Expression, ...]
    value: Expression | None = None
    wrt: int = 0
    is_derivative: bool = False
    applied: tuple[tuple[Expression, Expression], ...] = ()
    simplified: tuple[Expression, ...] = ()  # for the first outputs: what an implementation of a known shorter form rounds besides
    exact: bool = False
    factors: tuple[Expression, ...] = ()
    cotangents: tuple[Expression, ...] = ()  # those of the inputs that weight the outputs of the formula

    @property
    def rounded(self) -> tuple[Expression, ...]:
        """The inputs whose rounding is allowed for."""
        return () if self.exact else self.inputs

    @cached_property
    def program(self) -> Program:
        if self.value is None:
            return values(self.outputs, self.inputs)
        series = derivative(self.value, self.inputs[:-1], self.wrt)  # the last input is the cotangent
        return Program(lambda *balls: (balls[-1] * series.on_balls(*balls[:-1])[0],), 1)


@dataclass(frozen=True)
class Outcome:
    """What comparing found."""

    verdict: str
    points: int
    max_ulp: float
    max_share: float
    label: str | None = None
    worst: Worst | None = None

    @property
    def message(self) -> str | None:
        """What failed and by how much at the worst place, in words."""
        if self.verdict == "conforms":
            return None
        share = self.worst.error / self.worst.allowance if self.worst and self.worst.allowance else self.max_share
        size = f"of {share:.3g} times the strict allowance" if share < np.inf else "beyond any allowance"
        return f"{self.verdict}, with an error {size}"

    def merged(self, other: Outcome) -> Outcome:
        """Both together: the worse verdict with its place, the larger errors."""
        rank = lambda o: (VERDICTS.index(o.verdict), o.max_share)  # noqa: E731
        worse = max(self, other, key=rank)
        return replace(
            worse,
            points=self.points + other.points,
            max_ulp=max(self.max_ulp, other.max_ulp),
            max_share=max(self.max_share, other.max_share),
        )


@dataclass(frozen=True)
class Place:
    """One judged number: the verdict there, its error and the allowance that decided."""

    verdict: str
    share: float
    error: float
    allowance: float  # the strict one
    label: str | None = None
    absolute: float = np.inf  # the one that a number that deviates is beyond


def reported(blank: Result, outcome: Outcome, bulk: int = 0) -> Result:
    """The result of an outcome; `bulk` counts the numbers that the reference has vouched for."""
    failed = outcome.verdict != "conforms"
    return replace(
        blank,
        verdict=outcome.verdict,
        label=outcome.label if failed else None,
        points=outcome.points + bulk,
        certified=outcome.points,
        max_ulp=outcome.max_ulp,
        max_share=outcome.max_share,
        worst=outcome.worst if failed else None,
        message=outcome.message,
    )


def judge(claim: Claim, rows: Floats, actual: Floats, target: Format, places: int = 24, enough: int = ENOUGH) -> Outcome:
    """Hold `actual`, shape (rows, outputs), against the claim at `rows`, shape (rows, inputs).

    Every place that is not cleared is judged by balls, until `enough` deviate; of the others, so many `places` that look
    worst, for the largest share (a quarter of them where there are several outputs). Rows at which the formula is
    undefined are left out.
    """
    rows, actual, high, ulps, _ = _compared(claim, rows, actual, target)
    found = Outcome("conforms", actual.size, _largest_error(claim, rows, ulps, target), 0.0)
    for i, k, place in _places(claim, rows, actual, high, ulps, target, places, enough):
        if _rank(place) > (VERDICTS.index(found.verdict), found.max_share):
            worst = _worst(claim, rows[i], k, float(high[i, k]), float(actual[i, k]), place)
            found = replace(found, verdict=place.verdict, max_share=place.share, label=place.label, worst=worst)
    return found


def _largest_error(claim: Claim, rows: Floats, ulps: Floats, target: Format) -> float:
    """The largest finite error in ulps, but for those at kinks, where any slope between the one-sided ones conforms."""
    has_kinks = claim.is_derivative and bool(bounds.branch_arguments(claim.outputs[0]))
    largest = 0.0
    for flat in _largest(ulps, np.isfinite(ulps), MOST_AT_KINKS if has_kinks else 1):
        i, k = divmod(flat, ulps.shape[1])
        largest = float(ulps[i, k])
        if not (has_kinks and largest > FACTOR and is_near_kink(claim, rows[i].tolist(), k, target)):
            break
    return largest


def failing_places(claim: Claim, rows: Floats, actual: Floats, target: Format, failing: Sequence[str]) -> Iterator[tuple[int, int, Place]]:
    """Every place with one of these verdicts, `deviates` among them, with its row and its output, row by row."""
    rows, actual, high, ulps, left = _compared(claim, rows, actual, target)
    screened = screen(claim, rows, actual, high, ulps, target)
    doubtful = (ulps > FACTOR) & ~screened.excused
    for i, k in np.argwhere(doubtful if "inaccurate" in failing else doubtful & ~screened.tolerable).tolist():
        place = at_place(claim, rows[i].tolist(), k, float(actual[i, k]), target)
        if place.verdict in failing:
            yield int(left[i]), k, place


def _compared(claim: Claim, rows: Floats, actual: Floats, target: Format) -> tuple[Floats, Floats, Floats, Floats, Any]:
    """Rows at which the formula is defined, with what is actual and exact there, the errors in ulps, and their numbers before."""
    exact = certified(claim.program, rows, target)
    left = ~_undefined(claim, rows, np.isnan(exact.high).any(axis=1))
    rows, actual, exact = rows[left], actual[left], Certified(exact.high[left], exact.low[left])
    with np.errstate(all="ignore"):
        error = np.abs((actual - exact.high) - exact.low)
        ulps = error / target.ulp(exact.high)
        ulps[actual == target.round(exact.high)] = np.minimum(ulps, 0.5)[actual == target.round(exact.high)]
        ulps[np.isinf(actual) & (target.round(exact.high) == actual)] = 0.0
    ulps[np.isnan(ulps)] = np.inf
    return rows, actual, exact.high, ulps, np.flatnonzero(left)


def _undefined(claim: Claim, rows: Floats, doubtful: Any) -> Any:
    """Which of the doubtful rows have a divisor of exactly 0."""
    found, divisors = np.zeros(len(rows), bool), bounds.divisors(claim.outputs)
    for i in np.flatnonzero(doubtful) if divisors else ():
        for balls in refined(allowances.program(divisors, claim.inputs), rows[i].tolist()):
            found[i] = any(ball.is_zero() for ball in balls)
            if found[i]:
                break
    return found


def _rank(place: Place) -> tuple[int, float]:
    return VERDICTS.index(place.verdict), place.share


def _worst(claim: Claim, row: Floats, k: int, expected: float, actual: float, place: Place) -> Worst:
    names = [str(x.value) for x in claim.inputs]
    inputs = {name: Number.of(value) for name, value in zip(names, row.tolist(), strict=True)}
    output = f"output {k + 1} of {len(claim.outputs)}" if len(claim.outputs) > 1 else "output"
    return Worst(inputs, Number.of(expected), Number.of(actual), output, place.error, place.allowance)


def _places(
    claim: Claim, rows: Floats, actual: Floats, high: Floats, ulps: Floats, target: Format, places: int, enough: int
) -> Iterator[tuple[int, int, Place]]:
    """Every place beyond 4 ulp that floats do not clear, and those of the others that look nearest to their allowance.

    Where the largest errors all deviate, no other place is looked at.
    """
    judged, deviating = set(), 0
    for flat in _largest(ulps, ulps > FACTOR, enough) if len(claim.outputs) > MANY else ():
        i, k = divmod(flat, ulps.shape[1])
        place = at_place(claim, rows[i].tolist(), k, float(actual[i, k]), target)
        judged.add(flat)
        deviating += place.verdict == "deviates"
        yield i, k, place
        if place.verdict != "deviates":
            break
    if deviating >= enough:
        return
    screened = screen(claim, rows, actual, high, ulps, target)
    beyond = (ulps > FACTOR) & ~screened.excused
    pressing = beyond & ~screened.tolerable
    weight = np.where(pressing, ulps, screened.share)
    most = places if len(claim.outputs) == 1 else places // 4
    groups = ((pressing, None), (~pressing & screened.told, most), (~pressing & ~screened.told, most))
    for flat in [place for group, count in groups for place in _largest(weight, group, count) if place not in judged]:
        if deviating >= enough:
            return
        i, k = divmod(flat, ulps.shape[1])
        place = at_place(claim, rows[i].tolist(), k, float(actual[i, k]), target)
        deviating += place.verdict == "deviates"
        yield i, k, place


def _largest(weight: Floats, group: Any, count: int | None) -> list[int]:
    """The flat indices of the group, by falling weight, so many at most."""
    chosen = np.flatnonzero(group)
    order = np.argsort(-weight.ravel()[chosen], kind="stable")[:count]
    return [int(i) for i in chosen[order]]


def at_place(claim: Claim, row: Sequence[float], k: int, actual: float, target: Format) -> Place:
    """The verdict at one place, with everything that may excuse an error there."""
    plain = _held(claim, row, k, actual, target)
    if plain.verdict == "conforms":
        return plain
    near = allowances.near_kinks(claim.outputs[k], claim.inputs, row, target, claim.is_derivative)
    if near:
        hull = _hull(claim, row, k, actual, target, near)
        return replace(min((plain, hull), key=_rank), absolute=max(plain.absolute, hull.absolute))
    return plain


def is_near_kink(claim: Claim, row: Sequence[float], k: int, target: Format) -> bool:
    """Whether branches of a derivative meet at this place."""
    return claim.is_derivative and bool(allowances.near_kinks(claim.outputs[k], claim.inputs, row, target, closed=True))


def _held(claim: Claim, row: Sequence[float], k: int, actual: float, target: Format) -> Place:
    """Strict, then absolute, then range, at one place, on one branch."""
    output, inputs = claim.outputs[k], claim.inputs
    exact = _ball(claim, row, k)
    if exact is None:
        return Place("undecided", np.inf, np.nan, np.nan)
    size = abs(exact).upper()
    strict = allowances.strict(output, claim.rounded, inputs, row, float(size), target)
    error = allowances.distance(actual, exact, strict, target)

    def place(verdict: str, label: str | None = None, absolute: float = np.inf) -> Place:
        return Place(verdict, float(error / strict), float(error), float(strict), label, absolute)

    if error <= strict:
        return place("conforms")
    absolute = max(strict, allowances.absolute(output, inputs, row, target))
    if error > absolute:
        absolute += allowances.told((*allowances.kept_outputs(output, claim.applied), *claim.simplified[k : k + 1]), inputs, row, target)
    if error > absolute:
        absolute += allowances.by_squares(output, inputs, row, target)
    if error > absolute and claim.factors and allowances.sum_of_sizes(claim.factors[k : k + 1], inputs, row) < target.smallest_normal:
        absolute = max(absolute, size)
    if allowances.distance(actual, exact, absolute, target) <= absolute:
        beyond = absolute > target.largest or np.isinf(actual)  # what is rounded or multiplied there has left the range
        return place("inaccurate", "range" if beyond else None)
    if allowances.leaves_range(output, claim.is_derivative, claim.cotangents, inputs, row, target):
        return place("inaccurate", "range")
    if allowances.overflows(claim.value, output, claim.cotangents, inputs, row, target):
        return place("inaccurate", "range")
    if allowances.divides_by_little(output, inputs, row, target):
        return place("inaccurate", "division")
    return place("deviates", absolute=float(absolute))


def _ball(claim: Claim, row: Sequence[float], k: int) -> arb | None:
    for balls in refined(claim.program, row):
        if balls[k].is_finite() and (balls[k].rel_accuracy_bits() > 60 or balls[k].rad() < arb((1, -1150))):
            return balls[k].mid()
    return None


@lru_cache(maxsize=1024)
def _branch(
    output: Expression,
    inputs: tuple[Expression, ...],
    signs: tuple[tuple[Expression, int], ...],
    applied: tuple[tuple[Expression, Expression], ...],
) -> Claim:
    """The claim that holds where these branch arguments have these signs."""
    return Claim(bounds.with_signs((output,), dict(signs)), inputs, is_derivative=True, applied=applied)


def _hull(
    claim: Claim, row: Sequence[float], k: int, actual: float, target: Format, near: list[Expression]
) -> Place:
    """Any value between the branches that meet at the kinks conforms."""
    if len(near) > MOST_KINKS:
        return Place("conforms", 0.0, 0.0, np.inf, "kinks")
    branches = []
    for signs in product((1, -1), repeat=len(near)):
        branches.append(_branch(claim.outputs[k], claim.inputs, tuple(zip(near, signs, strict=True)), claim.applied))
    ends = [_ball(branch, row, 0) for branch in branches]
    known = [end for end in ends if end is not None]
    if known and bool(min(known) <= actual) and bool(actual <= max(known)):
        return Place("conforms", 0.0, 0.0, float(max(known) - min(known)), "kink")
    places = [_held(branch, row, 0, actual, target) for branch in branches]
    apart = float(max(known) - min(known)) if known else 0.0
    return replace(min(places, key=_rank), absolute=apart + max(place.absolute for place in places))
