"""Numerical gradients as trials: a polynomial's (39) over theta and ε, and the points at which it was evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.hypothesis import Hypothesis
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.conformance.polynomials import Polynomial, differentiated, smallest_epsilon, steep, trial
from eqwise.conformance.session import Session
from eqwise.spec.document import reading_as
from eqwise.spec.gradient_descent import central_difference
from eqwise.spec.numbers.expression import Array, Expression, lifted, maximum, number, symbol, symbols
from eqwise.spec.numbers.formats import Floats, Format

SHAPES = ((3,), (2, 2), (2, 3))
EPSILONS = (0.5, 0.25, 1e-3, 1.0)
EPSILON = symbol("epsilon")
FAILING = 4  # places of one call: rather several calls
Values = Callable[[Sequence[Expression]], Expression]
Form = Callable[[Values, list[Expression], int], Expression]


@dataclass(frozen=True, eq=False, kw_only=True)
class DifferenceTrial(Trial):
    """The numerical gradient of a polynomial."""

    function: Polynomial

    @property
    def step(self) -> float:
        """How far above theta its components were moved at most."""
        return float(np.max(np.array(self.function.points) - self.rows(self.printed, ())[0, :-1]))


def values(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """Calls with several shapes, powers and epsilons, some of them with slopes in the thousands."""
    found: list[Trial] = []
    for turn, (epsilon, degree) in enumerate(zip(EPSILONS, (3, 2, 4, 3), strict=True)):
        for k, shape in enumerate(SHAPES):
            given = trial(session, shape, epsilon, degree, target, session.seed_for("diagnosis", shape, degree, target.name))
            given = steep(given, target) if (turn + k) % 3 == 2 else given
            row = np.append(np.asarray(given.theta, np.float64).ravel(), epsilon)[None, :]
            try:
                actual = differentiated(session, given, target).reshape(1, -1)
            except NotOffered:
                continue
            made = partial(_claim, given.function)
            found.append(
                DifferenceTrial(made, partial(_same, row), actual, further=hypotheses, most=FAILING, turn=turn, function=given.function)
            )
    return found


def points(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """The largest and the smallest value that each component took: theta + ε and theta − ε."""
    found: list[Trial] = []
    for turn, epsilon in enumerate((*EPSILONS[:2], smallest_epsilon(target))):
        for shape in SHAPES:
            given = trial(session, shape, epsilon, 2, target, session.seed_for("diagnosis", shape, turn, target.name))
            try:
                differentiated(session, given, target)
            except NotOffered:
                continue
            taken = np.array(given.function.points)
            row = np.append(np.asarray(given.theta, np.float64).ravel(), epsilon)[None, :]
            actual = np.concatenate([taken.max(axis=0), taken.min(axis=0)])[None, :]
            found.append(Trial(partial(_moved, taken.shape[1]), partial(_same, row), actual, most=FAILING, turn=turn))
    return found


def _same(row: Floats, claim: Claim, readings: Readings) -> Floats:
    return row


def _moved(size: int, readings: Readings) -> Claim:
    theta = list(symbols("theta", size))
    return Claim((*(v + EPSILON for v in theta), *(v - EPSILON for v in theta)), (*theta, EPSILON))


def _claim(function: Polynomial, readings: Readings) -> Claim:
    theta = list(symbols("theta", int(np.prod(function.shape))))
    with reading_as(dict(readings)):
        outputs = [lifted(_printed(function.at, theta, i)) for i in range(len(theta))]  # type: ignore[arg-type]
    return Claim(tuple(outputs), (*theta, EPSILON))


def _with(theta: list[Expression], i: int, value: Expression) -> list[Expression]:
    return [*theta[:i], value, *theta[i + 1 :]]


def _printed(function: Values, theta: list[Expression], i: int, epsilon: Expression = EPSILON) -> Expression:
    return central_difference(lambda v: function(_with(theta, i, v)), theta[i], epsilon)  # type: ignore[no-any-return]


# other forms


def hypotheses(trials: Sequence[Trial]) -> Iterator[Hypothesis]:
    """What is no single change of (39)."""
    for kind, text, form in _forms():
        yield Hypothesis(kind, f"in (39), {text}", 1, change=partial(_formed, form), equation=39)
    steps = [trial.step for trial in trials if isinstance(trial, DifferenceTrial)]
    own = float(f"{min(steps):.4g}")
    if own > 0 and max(steps) <= own * (1 + 2.0**-8):
        form = partial(_with_epsilon, number(own))
        yield Hypothesis("own constant", f"in (39), an ε of {own:g} whatever is passed", 1, change=partial(_formed, form), equation=39)
    for kind, text, arranged in _arrangements():
        yield Hypothesis(kind, text, 1, change=partial(_arranged, arranged), equation=39)


def _with_epsilon(epsilon: Expression, E: Values, theta: list[Expression], i: int) -> Expression:
    return _printed(E, theta, i, epsilon)


def _formed(form: Form, claim: Claim, trial: Trial) -> Sequence[Expression]:
    assert isinstance(trial, DifferenceTrial)
    theta = list(claim.inputs[:-1])
    return [lifted(form(trial.function.at, theta, i)) for i in range(len(theta))]  # type: ignore[arg-type]


def _forms() -> Iterator[tuple[str, str, Form]]:
    def moved(E: Values, theta: list[Expression], i: int, by: object) -> Expression:
        return E(_with(theta, i, theta[i] + by))  # type: ignore[operator]

    def all_moved(E: Values, theta: list[Expression], by: Expression) -> Expression:
        return E([v + by for v in theta])

    e = EPSILON
    yield "one-sided", "the forward difference (E(θ + ε) - E(θ))/ε", lambda E, theta, i: (moved(E, theta, i, e) - E(theta)) / e
    yield "one-sided", "the backward difference (E(θ) - E(θ - ε))/ε", lambda E, theta, i: (E(theta) - moved(E, theta, i, -e)) / e
    yield "half", "half of ε in its place", lambda E, theta, i: _printed(E, theta, i, e / 2)
    yield "double", "twice ε in its place", lambda E, theta, i: _printed(E, theta, i, 2 * e)
    yield "higher order", "the formula of fourth order, from 4 points", lambda E, theta, i: (
        4 * _printed(E, theta, i) - _printed(E, theta, i, 2 * e)) / 3  # fmt: skip
    yield "all at once", "all components moved at once", lambda E, theta, i: (all_moved(E, theta, e) - all_moved(E, theta, -e)) / (2 * e)
    yield "not moved back", "the components before are left at θ - ε", lambda E, theta, i: _printed(E, _left(theta, i, -e), i)
    yield "not moved back", "the components before are left at θ + ε", lambda E, theta, i: _printed(E, _left(theta, i, e), i)
    yield "relative", "ε times |θ| where that is above 1", lambda E, theta, i: _printed(E, theta, i, e * maximum(abs(theta[i]), number(1)))
    yield "relative", "ε times |θ|", lambda E, theta, i: _printed(E, theta, i, e * abs(theta[i]))
    yield "relative", "ε times 1 + |θ|", lambda E, theta, i: _printed(E, theta, i, e * (1 + abs(theta[i])))


def _left(theta: list[Expression], i: int, by: Expression) -> list[Expression]:
    """Every component before i moved, and not moved back."""
    return [*(v + by for v in theta[:i]), *theta[i:]]


def _arranged(arranged: Callable[[Array], Array], claim: Claim, trial: Trial) -> Sequence[Expression]:
    assert isinstance(trial, DifferenceTrial)
    made = arranged(np.array(claim.outputs, object).reshape(trial.function.shape))
    return [lifted(v) for v in np.array(made, object).ravel()]


def _arrangements() -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    yield "transposed", "the gradient of a square matrix transposed", lambda g: g.T if g.ndim == 2 and len(g) == len(g.T) else g
    yield "zero", "0 for the last component", lambda g: np.append(g.ravel()[:-1], 0)
    yield "zero", "0 for the first component", lambda g: np.append(0, g.ravel()[1:])
    yield "part", "the first component of every row for all of the row", lambda g: _spread(g, g[..., :1])
    yield "part", "the first component of every column for all of the column", lambda g: _spread(g, g[:1])
    yield "reversed", "the components in reversed order", lambda g: g.ravel()[::-1]


def _spread(gradient: Array, part: Array) -> Array:
    """A part of a matrix for all of it."""
    return gradient if gradient.ndim < 2 else np.broadcast_to(part, gradient.shape)
