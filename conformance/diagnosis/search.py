"""Searches what would explain a failure, and says so only where it fits on fresh inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.diagnosis import causes, fitting
from eqwise.conformance.diagnosis.gathering import afresh, trials_of
from eqwise.conformance.diagnosis.hypotheses import all_of
from eqwise.conformance.diagnosis.hypothesis import Hypothesis
from eqwise.conformance.diagnosis.trials import Failing, Readings, Trial, failing
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import TELLING, Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.formats import FORMATS, Format

MOST = 4  # explanations that are told
FRESH = 3  # seeds that are tried until enough fails again
CLOSE = 1 / 16  # shares of other places that say as much
ENOUGH = 6  # places that must fail again on fresh inputs


def explained(session: Session, result: Result) -> Result:
    """The result with every explanation that fits."""
    operation = next((OPERATIONS[name] for name in re.split(r"[^a-z0-9_]+", result.operation or "") if name in OPERATIONS), None)
    if operation is None or result.verdict not in ("deviates", "inaccurate", "error"):
        return result
    target = FORMATS[result.dtype or "float64"]
    for kind in _kinds(operation, result):
        about = replace(result, property=kind)
        explanations = causes.found(session, operation, about, target)
        if not explanations and result.verdict != "error":
            explanations = _explanations(session, operation, about, target)
        if explanations:
            return replace(result, explanations=tuple(explanations))
    return result


def _kinds(operation: Operation, result: Result) -> list[str]:
    """The property that failed; where it is a law or a statement, those that are about the same results."""
    known = checks_of(operation)
    if result.property in known:
        return [result.property]
    return sorted(set(known) - {"purity"}, key=lambda kind: (TELLING.index(kind) if kind in TELLING else len(TELLING), kind))


def _explanations(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    accept = ("conforms",) if result.verdict == "inaccurate" else ("conforms", "inaccurate", "undecided")
    base = _declared(session, operation)

    def looked_at(asked: Session) -> list[Failing]:
        return failing(_sorted(trials_of(asked, operation, result.property, target)), base, target, accept)

    found = looked_at(session)
    if not any(one.places for one in found):
        return _at_kinks(_again(session, looked_at)) if any(one.tied for one in found) else []
    fitting_ones = _fitting(found, base, target)
    if not fitting_ones:
        return _at_the_start(_again(session, looked_at)) if _at_the_start(found) else []
    again = _again(session, looked_at)
    if sum(len(one.places) for one in again) < ENOUGH:
        return []
    held = {h: share for h in fitting_ones if (share := _share(h, again, base, target)) is not None}
    told = [_told(h, again, base, target, held[h], not result.interval) for h in _simplest(held, again, base, target)[:MOST]]
    return list({one.text: one for one in told}.values())


def _again(session: Session, looked_at: Callable[[Session], list[Failing]]) -> tuple[Failing, ...]:
    """Fresh inputs, of more seeds until enough places fail."""
    found: list[Failing] = []
    for turn in range(1, FRESH + 1):
        found += looked_at(afresh(session, turn))
        if sum(len(one.places) + len(one.tied) for one in found) >= ENOUGH:
            break
    return tuple(found)


def _at_kinks(again: Sequence[Failing]) -> list[Explanation]:
    """That it fails nowhere else is what explains it."""
    points = sum(len(one.tied) for one in again)
    if points < ENOUGH or any(one.places for one in again):
        return []
    text = "only where branches meet: the slope there does not lie between the slopes on both sides"
    return [Explanation("kink", text, (), points, 0.0)]


def _at_the_start(found: Sequence[Failing]) -> list[Explanation]:
    """What is kept from step to step, and fails at the first of them alone, does not start at 0."""
    failing_ones = [one for one in found if one.places]
    times = [one.rows[i, j] for one in failing_ones for j in _column(one, "t") for i, _ in one.places]
    if len(times) < ENOUGH or any(t != 1 for t in times) or not all(_column(one, "t") for one in failing_ones):
        return []
    return [Explanation("start", "only at the first step: what is kept does not start at 0", (), len(times), 0.0)]


def _column(one: Failing, name: str) -> list[int]:
    return [j for j, x in enumerate(one.claim.inputs) if x.value == name]


def _declared(session: Session, operation: Operation) -> Readings:
    """The readings that the framework declares: what it is held against."""
    return tuple((int(key[2:]), name) for key, name in session.declared(operation.name).items() if key.startswith("eq"))


def _sorted(trials: Sequence[Trial]) -> list[Trial]:
    """Small formulas first, on which everything is faster."""
    return sorted(trials, key=lambda trial: (trial.turn, len(trial.printed.inputs), trial.actual.shape[1]))


def _fitting(found: Sequence[Failing], base: Readings, target: Format) -> list[Hypothesis]:
    """Those that fit every failing place, the simplest first; once one fits everywhere, nothing is tried that is less simple."""
    failing_ones = [one for one in found if one.places]
    hypotheses = sorted(all_of([one.trial for one in failing_ones], base, target), key=lambda h: h.cost)
    fit: list[Hypothesis] = []
    enough = float("inf")
    for hypothesis in hypotheses:
        if hypothesis.cost > enough:
            break
        for candidate in fitting.plausible(hypothesis, failing_ones, base, target):
            share = _share(candidate, found, base, target)
            if share is not None:
                fit.append(candidate)
                enough = min(enough, candidate.cost) if share == 1 else enough
                break
    return fit


def _share(hypothesis: Hypothesis, found: Sequence[Failing], base: Readings, target: Format) -> float | None:
    """The share of the other places where it holds too; None where it does not explain these, or does not run on them."""
    try:
        return fitting.elsewhere(hypothesis, found, base, target) if fitting.explains(hypothesis, found, base, target) else None
    except fitting.NOT_RUN:
        return None


def _simplest(held: dict[Hypothesis, float], again: tuple[Failing, ...], base: Readings, target: Format) -> list[Hypothesis]:
    """Those that hold everywhere, or else where a condition tells, or else all.

    Of them the simplest, which, where nothing tells, hold at most of the other places too; one of each formula.
    """
    left = [h for h in held if held[h] == 1] or ([] if _two_valued(again) else list(held))
    conditional = [h for h in left if held[h] < 1 and any(fitting.condition(h, again, base, target))]
    left = conditional or [h for h in left if held[h] == 1 or not (again[0].trial.is_whole or _nothing_comes(again))]
    if not left:
        return []
    left = [h for h in left if held[h] == 1 and fitting.is_accurate(h, again, base, target)] or left
    left = [h for h in left if h.cost == min(other.cost for other in left)]
    if not conditional:
        left = [h for h in left if held[h] >= max(held[other] for other in left) - CLOSE]
    seen: dict[object, Hypothesis] = {}
    for hypothesis in left:
        key = hypothesis if hypothesis.format or hypothesis.program else hypothesis.claim(again[0].trial, base).outputs
        seen.setdefault(key, hypothesis)
    return list(seen.values())


def _two_valued(again: Sequence[Failing]) -> bool:
    """Whether only two numbers come and are expected: then whatever is not the one is the other, which explains nothing.

    Of gradients they are multiples of the cotangent, as 0 and 1 are of a step's and a bound's.
    """
    places = [(one, place, _cotangent(one, place[0])) for one in again for place in one.places]
    actual = {float(one.trial.actual[place]) / unit for one, place, unit in places}
    expected = {float(one.expected[place]) / unit for one, place, unit in places}
    return len(expected) <= 2 and actual <= expected


def _nothing_comes(again: Sequence[Failing]) -> bool:
    """Whether every result that fails is 0, which any formula gives that is small enough there."""
    return not any(one.trial.actual[place] for one in again for place in one.places)


def _cotangent(one: Failing, row: int) -> float:
    """What weights the one output of a row; 1 where there is none, or several."""
    columns = [j for j, x in enumerate(one.claim.inputs) if x in one.claim.cotangents]
    return float(one.rows[row, columns[0]]) or 1.0 if len(columns) == 1 else 1.0


def _told(
    hypothesis: Hypothesis, again: tuple[Failing, ...], base: Readings, target: Format, share: float, with_bound: bool
) -> Explanation:
    """In words, with a bound of where it fails if no interval tells."""
    errors = fitting.errors(hypothesis, again, base, target) or []
    points, max_ulp, text = len(errors), max(errors), hypothesis.text
    if share < 1:
        fact, bound = fitting.condition(hypothesis, again, base, target)
        text = f"{text}, where {fact}" if fact else f"where it fails{f', which is at {bound}' if bound and with_bound else ''}: {text}"
    elif hypothesis.is_certified:
        outcomes = [fitting.outcome(hypothesis, one, base, target) for one in again]
        points, max_ulp = sum(one.points for one in outcomes), max(one.max_ulp for one in outcomes)
    return Explanation(hypothesis.kind, text, hypothesis.clauses, points, max_ulp, hypothesis.formula)
