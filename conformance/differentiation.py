"""What is checked of numerical differentiation, (39).

A polynomial gives (39) an exact right side at any epsilon: the derivative for powers up to the second, more by epsilon²
for cubes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from eqwise.conformance.adapter import Operation
from eqwise.conformance.check import Check, judging
from eqwise.conformance.invocation import as_array, contents
from eqwise.conformance.polynomials import COARSE, ENTRY, FINE, Trial, differentiated, raw_gradient, smallest_epsilon, steep, trial
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Number, Result, Worst
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

SHAPES = ((1,), (3,), (), (2, 3), (3, 3), (4, 1), (2, 2, 2), (7,), (13,))
EPSILONS = (*COARSE, *FINE)
FAILURES = {
    "value": "a component is not the right side of (39)",
    "order": "half of epsilon does not leave a quarter of the error",
    "points": "the function was not evaluated at every point theta ± epsilon in one component",
}
Shares = list[tuple[float, int]]  # of what is allowed, each with its component
Holds = Callable[[Trial, Floats, Format], Shares]


def _trials(session: Session, target: Format, epsilons: tuple[float, ...], degrees: tuple[int, ...]) -> Iterator[Trial]:
    usable = [epsilon for epsilon in epsilons if epsilon >= target.smallest_normal]
    for k, shape in enumerate(SHAPES):
        for n, degree in enumerate(degrees):
            for turn in range((session.volume + 1) // 2):
                epsilon = usable[(k + n + turn) % len(usable)]
                seed = session.seed_for(ENTRY.name, shape, degree, turn, target.name)
                given = trial(session, shape, epsilon, degree, target, seed)
                yield steep(given, target) if (k + 2 * n + turn) % 4 == 3 else given


@judging("value")
def check_value(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Every component is the right side of (39), for powers up to the fourth and epsilon as it was passed."""

    def holds(given: Trial, found: Floats, target: Format) -> Shares:
        return [(_error(given, i, actual) / given.room(i, target), i) for i, actual in enumerate(found.ravel().tolist())]

    return _tried(session, dtype, blank, EPSILONS, (1, 2, 3, 4), holds)


@judging("order")
def check_order(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Half of epsilon leaves a quarter of the error, for powers up to the fourth."""

    def holds(given: Trial, found: Floats, target: Format) -> Shares:
        half = replace(given, epsilon=given.epsilon / 2)
        shares: Shares = []
        for i, (whole, quarter) in enumerate(zip(found.ravel(), differentiated(session, half, target).ravel(), strict=True)):
            slope = float(given.function.slope(given.exactly, i))
            room = given.room(i, target) + 4 * half.room(i, target)
            shares.append((float(abs((whole - slope) - 4 * (quarter - slope))) / room, i))
        return shares

    return _tried(session, dtype, blank, COARSE, (3, 4), holds)


@judging("points")
def check_points(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """The function is evaluated at theta plus and minus epsilon in each component alone, whatever else it is evaluated at.

    The points are exact, also those for the smallest epsilon of which theta still has the digits.
    """

    def holds(given: Trial, found: Floats, target: Format) -> Shares:
        theta = np.asarray(given.theta, np.float64).ravel()
        evaluated = set(given.function.points)
        above, below = (set(map(tuple, (theta + by * np.eye(theta.size)).tolist())) for by in (given.epsilon, -given.epsilon))
        return [(0.0 if points <= evaluated else float("inf"), 0) for points in (above, below)]

    return _tried(session, dtype, blank, (*COARSE, smallest_epsilon(FORMATS[dtype])), (2,), holds)


def _tried(
    session: Session, dtype: str, blank: Result, epsilons: tuple[float, ...], degrees: tuple[int, ...], holds: Holds
) -> Result:
    """A claim, made of every trial: what is kept is the largest share of what is allowed, and where."""
    target, points, largest, worst = FORMATS[dtype], 0, 0.0, None
    for given in _trials(session, target, epsilons, degrees):
        found = differentiated(session, given, target)
        shares = holds(given, found, target)
        points += len(shares)
        share, i = max(shares)
        if share > largest:
            largest, worst = share, _worst(given, i, float(found.ravel()[i]), target)
    done = replace(blank, verdict="conforms", points=points, certified=points, max_share=largest)
    return done if largest <= 1 else replace(done, verdict="deviates", worst=worst, message=FAILURES[blank.property])


def _error(given: Trial, i: int, actual: float) -> float:
    return abs(float(Fraction(actual) - given.expected(i))) if np.isfinite(actual) else np.inf


def _worst(given: Trial, i: int, actual: float, target: Format) -> Worst:
    inputs = {f"theta[{k + 1}]": Number.of(float(value)) for k, value in enumerate(given.exactly)}
    inputs["epsilon"] = Number.of(given.epsilon)
    wanted = Number.of(float(given.expected(i)))
    return Worst(inputs, wanted, Number.of(actual), f"component {i + 1}", _error(given, i, actual), given.room(i, target))


@judging("purity")
def check_purity(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Theta keeps its bytes, and a result keeps its values when the operation is called again."""
    target, points = FORMATS[dtype], 0
    for first, again in zip(*(_trials(session, target, epsilons, (2,)) for epsilons in (EPSILONS, EPSILONS[::-1])), strict=True):
        message = _harm(session, first, again)
        points += 1
        if message:
            return replace(blank, verdict="deviates", points=points, message=message)
    return replace(blank, verdict="conforms", points=points)


def _harm(session: Session, first: Trial, again: Trial) -> str | None:
    theta, before = session.adapter.from_numpy(first.theta), first.theta.tobytes()
    result = raw_gradient(session, first, theta)
    kept = contents(as_array(session.adapter, ENTRY.name, result))
    if {before} != {first.theta.tobytes(), as_array(session.adapter, ENTRY.name, theta).tobytes()}:
        return f"{ENTRY.name} writes to theta"
    raw_gradient(session, again, session.adapter.from_numpy(again.theta))
    if contents(as_array(session.adapter, ENTRY.name, result)) != kept:
        return f"the result of {ENTRY.name} changes when it is called again"
    return None


CHECKS: Mapping[str, Mapping[str, Check]] = {
    ENTRY.name: {"value": check_value, "order": check_order, "points": check_points, "purity": check_purity}
}
