"""Holds a hypothesis against failing places: by floats first, which reject most of them, then by certified numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from eqwise.conformance import comparison
from eqwise.conformance.comparison import Claim, Outcome
from eqwise.conformance.diagnosis import constants
from eqwise.conformance.diagnosis.floats import on_rows
from eqwise.conformance.diagnosis.hypothesis import Fit, Hypothesis
from eqwise.conformance.diagnosis.trials import Failing, Readings
from eqwise.conformance.diagnosis.vocabulary import CONSTANT
from eqwise.spec.numbers.expression import Expression
from eqwise.spec.numbers.formats import Floats, Format

NOT_RUN = (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError)  # by a formula for other shapes or kinds
FIRST = 12  # failing places that floats look at
CLOSER = 64  # so many times closer than the formula that failed
NEAR = 16  # ulps of the actual value, within which floats may err
ESTIMATES = 6
FEW = 2  # trials that floats look at
TELLING_SHARE = 2  # one failing place in so many must tell the hypothesis from the printed formula
ALMOST, BY_CHANCE = 0.99, 1 / 64
FEWEST = 4  # places that hold, to tell a condition by
WORDS = 2  # that a fact may be told in
MOVED = 1 + 2.0**-7  # a measured number must be known so well


def plausible(hypothesis: Hypothesis, found: Sequence[Failing], base: Readings, target: Format) -> Iterator[Hypothesis]:
    """The hypothesis, its open number measured, if floats say that it comes much closer than the formula that failed."""
    try:
        first = hypothesis.claim(found[0].trial, base)
        if hypothesis.program is not None or hypothesis.format is not None or hypothesis.cancels:
            yield hypothesis
            return
        if first.outputs == found[0].claim.outputs:
            return
        candidates = _measured(hypothesis, first, found[0]) if hypothesis.is_open else [hypothesis]
        for candidate in candidates:
            if all(_closer(candidate, one, base, target) for one in found[:FEW]):
                yield candidate
    except NOT_RUN:
        return  # a formula that does not run for this shape


def _measured(hypothesis: Hypothesis, claim: Claim, one: Failing) -> Iterator[Hypothesis]:
    estimates: list[float] = []
    for i, k in one.places[:ESTIMATES]:
        columns: dict[Expression, float] = dict(zip(claim.inputs, one.rows[i].tolist(), strict=True))
        actual = float(one.trial.actual[i, k])
        if np.isfinite(actual):
            estimates += constants.measured(claim.outputs[k], columns, actual)
    determined = [e for e in estimates if _is_determined(claim, one, e) and not (e < 0 and hypothesis.is_size)]
    for called, value in constants.likely(determined):
        yield hypothesis.measured(value, called)


def _is_determined(claim: Claim, one: Failing, estimate: float) -> bool:
    """Whether a slightly larger and a slightly smaller number would show."""
    step = abs(estimate) * (MOVED - 1) or 2.0**-20
    chosen = [i for i, _ in one.places[:FIRST]]
    outputs = tuple(claim.outputs[k] for _, k in one.places[:FIRST])
    told = [
        np.diag(on_rows(outputs, (*claim.inputs, CONSTANT), np.column_stack([one.rows[chosen], np.full(len(chosen), value)])))
        for value in (estimate - step, estimate, estimate + step)
    ]
    with np.errstate(all="ignore"):
        changes = [np.abs(other - told[1]) > 2.0**-20 * np.abs(told[1]) for other in (told[0], told[2])]
    return all(bool(change.any()) for change in changes)


def _closer(hypothesis: Hypothesis, one: Failing, base: Readings, target: Format) -> bool:
    """Whether every one of some failing places is explained as far as floats tell."""
    places = one.places[:FIRST]
    claim = hypothesis.claim(one.trial, base)
    rows = one.trial.rows(claim, (*base, *hypothesis.readings))
    for k in {k for _, k in places}:
        chosen = [i for i, other in places if other == k]
        actual = one.trial.actual[chosen, k]
        told = on_rows((claim.outputs[k],), claim.inputs, rows[chosen])[:, 0]
        printed = on_rows((one.claim.outputs[k],), one.claim.inputs, one.rows[chosen])[:, 0]
        if not _fit(told, printed, actual, target).all():
            return False
    return True


def _fit(told: Floats, printed: Floats, actual: Floats, target: Format) -> Floats:
    with np.errstate(all="ignore"):
        error, before = np.abs(told - actual), np.abs(printed - actual)
        near = error <= np.fmax(before / CLOSER, NEAR * target.ulp(np.where(np.isfinite(actual), actual, 0.0)))
    unknown = ~np.isfinite(told) & np.isfinite(actual)  # an intermediate overflows: certified numbers will tell
    return near | unknown | (told == actual) | (np.isnan(told) & np.isnan(actual))


def explains(hypothesis: Hypothesis, found: Sequence[Failing], base: Readings, target: Format) -> bool:
    """Whether it fits every failing place, by certified numbers where they run on it."""
    return errors(hypothesis, found, base, target) is not None


def errors(hypothesis: Hypothesis, found: Sequence[Failing], base: Readings, target: Format) -> list[float] | None:
    """How far it is from every failing place, in ulps; None where one of them does not fit, or too few tell anything."""
    fits = []
    for one in found:
        for made in _fits(hypothesis, one, one.places, base, target):
            if made is None:
                return None
            fits.append(made)
    telling = [one.tells for one in fits if one.tells is not None]
    enough = max(1 + 2 * (hypothesis.constant is not None), len(telling) // TELLING_SHARE)
    return [one.ulps for one in fits] if sum(telling) >= enough else None


def elsewhere(hypothesis: Hypothesis, found: Sequence[Failing], base: Readings, target: Format) -> float | None:
    """The share of the places where the printed formula fits at which it fits as well; 1 means everywhere.

    None where results are right that the hypothesis says to be lost. Of a form that cancels, which may lose nothing, all others fit.
    """
    made = [fit for one in found for fit in _passing(hypothesis, one, base, target)]
    if sum(fit is not None and fit.surprising for fit in made) > len(made) * BY_CHANCE:
        return None
    fits = [fit is not None and not fit.surprising for fit in made]
    share = sum(fits) / len(fits) if fits and not hypothesis.cancels else 1.0
    certain = share < 1 or not hypothesis.is_certified or _holds_throughout(hypothesis, found, base, target)
    return share if certain else ALMOST


@lru_cache(maxsize=256)
def _passing(hypothesis: Hypothesis, one: Failing, base: Readings, target: Format) -> tuple[Fit | None, ...]:
    return tuple(_fits(hypothesis, one, one.passing, base, target))


def _fit_passing(hypothesis: Hypothesis, one: Failing, base: Readings, target: Format) -> tuple[bool, ...]:
    """Whether it fits as well, at every place where the printed formula does."""
    return tuple(made is not None and not made.surprising for made in _passing(hypothesis, one, base, target))


def _holds_throughout(hypothesis: Hypothesis, found: Sequence[Failing], base: Readings, target: Format) -> bool:
    try:
        return all(outcome(hypothesis, one, base, target).verdict != "deviates" for one in found)
    except NOT_RUN:  # where it is undefined whatever the inputs, or not for these shapes
        return False


def _fits(
    hypothesis: Hypothesis, one: Failing, places: Sequence[tuple[int, int]], base: Readings, target: Format
) -> Iterator[Fit | None]:
    claim = hypothesis.claim(one.trial, base)
    rows = one.trial.rows(claim, (*base, *hypothesis.readings))
    for i, k in places:
        yield hypothesis.fit(claim, rows[i], k, float(one.trial.actual[i, k]), target, float(one.expected[i, k]))


def is_accurate(hypothesis: Hypothesis, found: Sequence[Failing], base: Readings, target: Format) -> bool:
    """Whether all results conform to it, and none only just."""
    return hypothesis.is_certified and all(outcome(hypothesis, one, base, target).verdict == "conforms" for one in found)


@lru_cache(maxsize=64)
def condition(hypothesis: Hypothesis, found: tuple[Failing, ...], base: Readings, target: Format) -> tuple[str, str]:
    """What tells where it fails from where the printed formula holds and the hypothesis does not: a fact in words, or else a bound.

    A bound is one of a size before it is one of a number that goes in; both are empty where nothing tells.
    """
    inside: dict[str, list[Any]] = {}
    outside: dict[str, list[Any]] = {}
    for one in found:
        fits = _fit_passing(hypothesis, one, base, target)
        for i in [i for i, _ in one.places]:
            _gather(inside, one.known(i))
        for i in [i for (i, _), holds in zip(one.passing, fits, strict=True) if not holds]:
            _gather(outside, one.known(i))
    facts = {name for one in found for name in one.trial.facts}
    sizes = {name for one in found for name in one.trial.counts}
    telling = [name for name in inside if len(outside.get(name, ())) >= FEWEST]
    whole = {name for name in telling if name not in facts and all(float(v).is_integer() for v in (*inside[name], *outside[name]))}
    for name in sorted(telling, key=lambda name: (name not in facts, name not in sizes, name not in whole)):
        if name in facts:
            if len({*inside[name]}) <= WORDS and not {*inside[name]} & {*outside[name]}:
                return f"{name} {' or '.join(sorted({*inside[name]}))}", ""
        elif bound := _bound(inside[name], outside[name]):
            return "", f"{name} {bound}"
    return "", ""


def _gather(columns: dict[str, list[Any]], known: dict[str, Any]) -> None:
    for name, value in known.items():
        columns.setdefault(name, []).append(value)


def _bound(inside: list[float], outside: list[float]) -> str:
    """What only the numbers inside are."""
    if len({*inside}) == 1 and inside[0] not in outside:
        return f"= {inside[0]:g}"
    if len({*outside}) == 1 and outside[0] not in inside:
        return f"{'>' if min(inside) > outside[0] else '<' if max(inside) < outside[0] else '≠'} {outside[0]:g}"
    if min(inside) > max(outside):
        return f"≥ {min(inside):g}"
    return f"≤ {max(inside):g}" if max(inside) < min(outside) else ""


@lru_cache(maxsize=256)
def outcome(hypothesis: Hypothesis, one: Failing, base: Readings, target: Format) -> Outcome:
    """All results of a trial held against the hypothesis."""
    claim = hypothesis.claim(one.trial, base)
    return comparison.judge(claim, one.trial.rows(claim, (*base, *hypothesis.readings)), one.trial.actual, target)
