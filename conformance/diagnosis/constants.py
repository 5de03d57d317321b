"""Measures the number that a hypothesis leaves open, and finds the plain number that it is likely to be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from eqwise.conformance.diagnosis.floats import evaluated
from eqwise.conformance.diagnosis.vocabulary import CONSTANT
from eqwise.spec.numbers.expression import Expression, exp, log, number, sqrt
from eqwise.spec.numbers.formats import Floats

_SIZES = np.geomspace(1e-20, 1e8, 28 * 10 + 1)
GRID = np.unique(np.concatenate([-_SIZES, [0.0], _SIZES, np.linspace(-3, 3, 121)]))
NAMED: tuple[tuple[str, Expression], ...] = tuple(
    (name, made)
    for base, shown in ((log(number(2)), "ln 2"), (1 / log(number(2)), "1/ln 2"), (sqrt(number(2)), "√2"), (1 / sqrt(number(2)), "1/√2"),
                        (exp(number(1)), "e"), (1 / exp(number(1)), "1/e"), (log(number(10)), "ln 10"), (1 / log(number(10)), "1/ln 10"))
    for name, made in ((shown, base), (f"-{shown}", -base))
)  # fmt: skip
MOST = 4  # measured values of one hypothesis
BISECTIONS = 80


def measured(output: Expression, columns: dict[Expression, float], actual: float) -> list[float]:
    """The numbers at which the output takes the actual value at one place: where its difference changes sign, or is 0."""
    values = _at(output, columns, GRID) - actual
    found = list(GRID[np.abs(values) <= 2.0**-40 * max(abs(actual), 1e-300)][:MOST])
    with np.errstate(invalid="ignore"):
        crossing = np.flatnonzero(np.isfinite(values[:-1]) & np.isfinite(values[1:]) & (np.sign(values[:-1]) * np.sign(values[1:]) < 0))
    for k in crossing[:MOST]:
        found.append(_bisected(output, columns, actual, GRID[k], GRID[k + 1]))
    return found


def _at(output: Expression, columns: dict[Expression, float], constants: Floats) -> Floats:
    (found,) = evaluated([output], {**columns, CONSTANT: constants})
    return np.broadcast_to(np.asarray(found, np.float64), constants.shape).copy()


def _bisected(output: Expression, columns: dict[Expression, float], actual: float, low: float, high: float) -> float:
    """By halves of what is left between, of both ends at once in one call of 64 parts."""
    for _ in range(BISECTIONS // 6):
        ends = np.linspace(low, high, 65)
        values = _at(output, columns, ends) - actual
        with np.errstate(invalid="ignore"):
            crossing = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) <= 0)
        if not len(crossing):
            break
        low, high = ends[crossing[0]], ends[crossing[0] + 1]
    return float((low + high) / 2)


def likely(estimates: Sequence[float]) -> Iterator[tuple[str, Expression]]:
    """Plain numbers close to the estimates, the plainest first, then the estimates themselves."""
    seen: set[str] = set()
    if any(estimate == 0 for estimate in estimates):
        yield "0", number(0)
        return
    for shown, made in (*_plain(estimates), *((f"{e:.17g}", number(e)) for e in estimates[:2])):
        if shown not in seen:
            seen.add(shown)
            yield shown, made


def _plain(estimates: Sequence[float]) -> Iterator[tuple[str, Expression]]:
    close = 2.0**-12
    values = [(name, made, float(evaluated([made], {})[0])) for name, made in NAMED]
    for digits in range(1, 7):
        for estimate in estimates:
            shown = f"{estimate:.{digits - 1}e}"
            if abs(float(shown) - estimate) <= close * abs(estimate):
                yield f"{float(shown):g}", number(Fraction(shown))
    for estimate in estimates:
        fraction = Fraction(estimate).limit_denominator(64)
        if abs(float(fraction) - estimate) <= close * abs(estimate):
            yield str(fraction), number(fraction)
        yield from ((name, made) for name, made, value in values if math.isclose(value, estimate, rel_tol=close))
