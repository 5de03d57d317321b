"""From a formula and float inputs to a certified answer.

Balls are refined until their radius no longer matters. What comes back is the exact value as an unevaluated sum
``high + low`` of two float64, or the one float that the exact value rounds to.

    >>> import numpy as np
    >>> from eqwise.spec.activations import logistic
    >>> from eqwise.spec.certify import on_symbols, rounded, values
    >>> from eqwise.spec.numbers.formats import FORMATS
    >>> float(rounded(values(*on_symbols(logistic)), np.array([[1.0]]), FORMATS["float16"])[0, 0])
    0.73095703125
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx, fmpq

from eqwise.spec.document import Equation
from eqwise.spec.numbers.expression import Expression, each, lifted, number, symbol, walk
from eqwise.spec.numbers.formats import FORMATS, Floats, Format
from eqwise.spec.numbers.program import BALLS, RATIONALS, SERIES, Undecided, compiled

PRECISIONS = (128, 512, 2048, 8192, 32768)
Balls = Callable[..., Sequence[Any]]  # balls in, a tuple of balls out


@dataclass(frozen=True)
class Program:
    """What is to be certified: a function on balls, how many values it gives, and the formulas and inputs that it is made from."""

    on_balls: Balls
    width: int
    made_from: tuple[tuple[Expression, ...], tuple[Expression, ...]] | None = None

    @cached_property
    def on_rationals(self) -> Balls | None:
        """Its exact twin on rationals, where the formulas have no exp, log or sqrt."""
        if self.made_from is None or any(v.operator in ("exp", "log", "sqrt") for v in walk(self.made_from[0])):
            return None
        return compiled(*self.made_from, RATIONALS)


@dataclass(frozen=True)
class Certified:
    """Exact values as high + low, to 2⁻⁷⁰ relatively (2⁻⁴⁵ for narrow formats); nan where no precision decided, or none are."""

    high: Floats
    low: Floats


def on_symbols(formula: Equation | Callable[..., Any]) -> tuple[tuple[Expression, ...], tuple[Expression, ...]]:
    """The graph of a formula of scalars: its one output, and its inputs in order."""
    function = formula.formula if isinstance(formula, Equation) else formula
    inputs = tuple(symbol(name) for name in signature(function).parameters)  # type: ignore[arg-type]
    return (lifted(formula(*inputs)),), inputs


def values(outputs: tuple[Expression, ...], inputs: tuple[Expression, ...]) -> Program:
    """The values of these formulas."""
    return Program(compiled(outputs, inputs, BALLS), len(outputs), (outputs, inputs))


def derivative(output: Expression, inputs: tuple[Expression, ...], wrt: int, order: int = 1) -> Program:
    """∂ᵏoutput/∂xᵏ for a formula of scalars, k = `order`, by power series in input number `wrt`."""
    series = compiled((output,), inputs, SERIES)
    factorial = int(np.prod(range(1, order + 1)))

    def on_balls(*balls: Any) -> tuple[Any]:
        seeds = [arb_series([b, 1] if i == wrt else [b], prec=order + 1) for i, b in enumerate(balls)]
        return (series(*seeds)[0][order] * factorial,)

    return Program(on_balls, 1)


def exact(formula: Callable[..., Any], *arguments: Any) -> Any:
    """A formula without exp, log or sqrt on exact numbers and arrays of them: a fraction, or an array of fractions."""
    lifted_arguments = (each(number, np.asarray(a, object)) if np.ndim(a) else number(a) for a in arguments)
    made = np.array(formula(*lifted_arguments), object)
    run = compiled(tuple(lifted(output) for output in made.ravel()), (), RATIONALS)
    found = np.array([_fraction(q) for q in run()], object).reshape(made.shape)
    return found[()]


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Within this context balls are computed with so many bits."""
    before, ctx.prec = ctx.prec, bits
    try:
        yield
    finally:
        ctx.prec = before


def certified(program: Program, rows: Floats, target: Format = FORMATS["float64"]) -> Certified:
    """The exact values at each row of inputs, of shape (rows, inputs), accurately enough to judge results in `target`."""
    accuracy, floor, ladder = (45, target.emin - 60, (64, *PRECISIONS)) if target.p <= 24 else (70, -1150, PRECISIONS)
    high, low = np.full((2, len(rows), program.width), np.nan)
    pending = np.arange(len(rows))
    for bits in ladder:
        with precision(bits):
            pairs = _split_rows(program, rows[pending].tolist(), accuracy, arb((1, floor)), fine=target.p > 24)
        high[pending], low[pending] = pairs
        pending = pending[np.isnan(pairs[0]).any(axis=1)]
        if not len(pending):
            break
        if bits >= 512 and program.on_rationals is not None:
            exact = [_exact_row(program, row) for row in rows[pending].tolist()]
            high[pending], low[pending] = np.moveaxis(np.array(exact), 2, 0)
            break
    return Certified(high, np.where(np.isfinite(high), low, 0.0))


def _split_rows(program: Program, rows: list[list[float]], accuracy: int, limit: Any, fine: bool) -> Floats:
    """High and (where `fine`) low parts of every value, shape (2, rows, width); nan in a row that is not decided."""
    on_balls, unknown = program.on_balls, (np.nan,) * program.width
    high: list[float] = []
    low: list[float] = []
    for row in rows:
        done = len(high)
        try:
            for ball in on_balls(*map(arb, row)):
                if ball.rel_accuracy_bits() < accuracy and not ball.rad() < limit:
                    raise Undecided(str(ball))
                nearest = float(ball)
                high.append(nearest)
                if fine:
                    low.append(float(ball.mid() - nearest))
        except (Undecided, ValueError):  # a series whose divisor is not yet known to differ from 0 raises ValueError
            high[done:] = unknown
            if fine:
                low[done:] = unknown
    return np.array([high, low if fine else [0.0] * len(high)]).reshape(2, len(rows), program.width)


def _exact_row(program: Program, row: list[float]) -> list[tuple[float, float]]:
    """The values at one row by rationals; nan where the formula divides by 0."""
    try:
        return [_exact_split(q) for q in program.on_rationals(*map(_rational, row))]  # type: ignore[misc]
    except ZeroDivisionError:
        return [(np.nan, 0.0)] * program.width


def _rational(x: float) -> Any:
    return fmpq(*x.as_integer_ratio())


def _fraction(q: Any) -> Fraction:
    return Fraction(int(q.p), int(q.q)) if isinstance(q, fmpq) else Fraction(q)


def _exact_split(q: Any) -> tuple[float, float]:
    exact = _fraction(q)
    high = FORMATS["float64"].nearest(*_scaled(exact))
    return high, float(exact - Fraction(high)) if abs(high) < np.inf else 0.0


def _scaled(exact: Fraction) -> tuple[int, int]:
    """A mantissa and an exponent that round as the fraction does: enough bits, the last one sticky."""
    shift = max(0, 1200 + exact.denominator.bit_length() - exact.numerator.bit_length())
    mantissa, rest = divmod(abs(exact.numerator) << shift, exact.denominator)
    return (-1 if exact < 0 else 1) * (mantissa << 1 | (rest != 0)), -shift - 1


def rounded(program: Program, rows: Floats, target: Format) -> Floats:
    """The correctly rounded values in `target` (as float64): ties to even, nan where no precision decided."""
    exact = certified(program, rows, target)
    nearest = target.round(exact.high)
    with np.errstate(invalid="ignore", over="ignore"):
        spacing = target.ulp(exact.high)
        rest = np.abs(np.abs((exact.high - nearest) + exact.low) - spacing / 2)
        doubtful = ~(rest > spacing * 2.0**-30) | ~np.isfinite(nearest)
        if target.p > 24:  # below, the low part would need numbers smaller than float64 has
            doubtful |= np.abs(exact.high) < 4 * target.smallest_normal
    doubtful &= ~np.isnan(exact.high) & (exact.high != 0) | (exact.low != 0)
    for i in np.flatnonzero(doubtful.any(axis=1)):
        nearest[i] = [_round_ball(program, rows[i], k, target) for k in range(program.width)]
    return nearest


def refined(program: Program, row: Sequence[float]) -> Iterator[Sequence[Any]]:
    """The values at one row as balls, at rising precision; precisions that leave a branch undecided are passed over."""
    for bits in PRECISIONS:
        with precision(bits):
            try:
                balls = program.on_balls(*map(arb, row))
            except (Undecided, ValueError):
                continue
        yield balls


def digits(program: Program, row: Sequence[float], k: int = 0, count: int = 25) -> str | None:
    """So many correct decimal digits of a value at one row, 0 for one that is smaller than any format has; None where nothing tells."""
    for balls in refined(program, row):
        ball = balls[k]
        if ball.is_finite() and (ball.rad() == 0 or ball.rel_accuracy_bits() > 4 * count):
            return str(ball.str(count, radius=False))
        if ball.contains(0) and ball.rad() < arb((1, -1150)):
            return "0"
    return None


def _round_ball(program: Program, row: Floats, k: int, target: Format) -> float:
    for balls in refined(program, row.tolist()):
        ball = balls[k]
        if ball.is_finite():
            low, high = (target.nearest(*map(int, end.man_exp())) for end in (ball.lower(), ball.upper()))
            if low == high:
                return low
    if program.on_rationals is not None:
        return target.nearest(*_scaled(_fraction(program.on_rationals(*map(_rational, row.tolist()))[k])))
    return float("nan")
