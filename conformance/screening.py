"""What floats can tell about many places at once, so that balls are asked only where they matter.

Everything here errs on the side of asking: a place is set aside only where the float estimate clears it by a factor of 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import ONE, Expression, walk
from eqwise.spec.numbers.formats import Floats, Format
from eqwise.spec.numbers.program import FLOATS, compiled
from eqwise.spec.numbers.tape import parts

if TYPE_CHECKING:
    from eqwise.conformance.comparison import Claim

FEW = 32  # so many doubtful places of one output are not worth a screening
TOGETHER = 16  # more outputs are screened by one tape
HAS_EXTENDED = np.finfo(np.longdouble).eps < 2.0**-60  # whether long doubles have more bits, as on x86


@dataclass(frozen=True)
class Screened:
    """For every place: the likely share, whether floats could tell it, whether it is excused for certain, and whether it
    is at worst inaccurate."""

    share: Floats
    told: Any
    excused: Any
    tolerable: Any


def screen(claim: Claim, rows: Floats, actual: Floats, high: Floats, ulps: Floats, target: Format) -> Screened:
    """Float estimates for all places; `ulps` is their error."""
    with np.errstate(all="ignore"):
        return _screened(claim, rows, actual, high, ulps, target)


def _screened(claim: Claim, rows: Floats, actual: Floats, high: Floats, ulps: Floats, target: Format) -> Screened:
    share = ulps / FACTOR
    told, excused, tolerable = (np.zeros(share.shape, bool) for _ in range(3))
    if len(claim.outputs) > TOGETHER and np.count_nonzero(ulps > FACTOR) > FEW:
        return _screened_together(claim, rows, np.abs(actual - high), ulps, target)
    for k, output in enumerate(claim.outputs):
        share[:, k] /= bounds.strict_factor(output)
        doubtful = np.flatnonzero(ulps[:, k] > FACTOR)
        single = len(claim.outputs) == 1
        if single or len(doubtful):
            chosen = slice(None) if single else doubtful
            error = np.abs(actual[chosen, k] - high[chosen, k])
            by_condition = error / _strict(claim, output, rows[chosen], target)
            told[chosen, k] = np.isfinite(by_condition)
            share[chosen, k] = np.fmin(share[chosen, k], by_condition)
        likely = doubtful[share[doubtful, k] < 0.5]
        if target.p <= 24 and len(likely):
            excused[likely, k] = _is_told(*(_condition(claim, output, rows[likely], dtype) for dtype in (np.float64, np.longdouble)))
        doubtful = doubtful[~excused[doubtful, k]]
        if len(doubtful) > FEW:
            part, error = rows[doubtful], np.abs(actual[doubtful, k] - high[doubtful, k])
            excused[doubtful, k] = _between_branches(claim, output, part, actual[doubtful, k], target)
            tolerable[doubtful, k] = error < _absolute(claim, output, part, target) / 2
    return Screened(share, told, excused, tolerable)


def _screened_together(claim: Claim, rows: Floats, error: Floats, ulps: Floats, target: Format) -> Screened:
    """As `_screened`, but for kinks, for outputs that share most of a formula, all by one tape."""
    strict, absolute = (np.full(ulps.shape, np.nan) for _ in range(2))
    chosen = np.flatnonzero((ulps > FACTOR).any(axis=1))
    factors = [[factor(output) for output in claim.outputs] for factor in (bounds.strict_factor, bounds.absolute_factor)]
    conditions = _conditions(claim, rows[chosen])
    for allowance, factor, condition in zip((strict, absolute), factors, conditions, strict=True):
        allowance[chosen] = _known(2 * FACTOR * target.unit_roundoff * np.array(factor) * condition)
    share = np.fmin(ulps / FACTOR / np.array(factors[0]), error / strict)
    excused = (share < 0.5) & (target.p <= 24)
    if excused[chosen].any():
        excused[chosen] &= _is_told(conditions[0], _conditions(claim, rows[chosen], np.longdouble)[0])
    return Screened(share, np.isfinite(error / strict), excused, error < absolute / 2)


def _conditions(claim: Claim, rows: Floats, dtype: Any = np.float64) -> tuple[Floats, Floats]:
    """|f| + Σ|x ∂f/∂x|, and Σ|v ∂f/∂v| over every intermediate v, for each row and output: one way back for all outputs."""
    order = [v for v in walk(claim.outputs) if v.operator not in ("number", *bounds.NOT_NUMBERS)]
    slopes = {v: parts(v, ONE) for v in order}
    needed = tuple(dict.fromkeys([*order, *(slope for found in slopes.values() for _, slope in found)]))
    at = dict(zip(needed, _evaluated(needed, claim, rows, dtype), strict=True))
    adjoint: dict[Expression, Floats] = {}
    strict, absolute = (np.zeros((len(rows), len(claim.outputs)), dtype) for _ in range(2))
    rounded = {*claim.rounded}
    for k, output in enumerate(claim.outputs):
        adjoint.setdefault(output, np.zeros(strict.shape, dtype))[:, k] += 1.0
        strict[:, k] += np.abs(at[output])
    for v in reversed(order):
        if v not in adjoint:
            continue  # only a branch goes by it
        own = adjoint.pop(v)
        brought = np.abs(own * at[v][:, None])
        absolute += brought
        if v in rounded:
            strict += brought
        for argument, slope in slopes[v]:
            if argument.operator not in ("number", *bounds.NOT_NUMBERS):
                part = own * at[slope][:, None]
                adjoint[argument] = adjoint[argument] + part if argument in adjoint else part
    return strict, absolute


def _evaluated(expressions: tuple[Expression, ...], claim: Claim, rows: Floats, dtype: Any = np.float64) -> list[Any]:
    values = compiled(expressions, claim.inputs, FLOATS)(*rows.T.astype(dtype))
    return [value if np.ndim(value) else np.full(len(rows), value, dtype) for value in values]


def _strict(claim: Claim, output: Expression, rows: Floats, target: Format) -> Any:
    return _known(2 * FACTOR * target.unit_roundoff * bounds.strict_factor(output) * _condition(claim, output, rows))


def _condition(claim: Claim, output: Expression, rows: Floats, dtype: Any = np.float64) -> Any:
    """|f| + Σ|x ∂f/∂x|, as far as floats tell."""
    return bounds.magnitude(_evaluated(bounds.strict_sums(output, claim.rounded).relative, claim, rows, dtype))


def _is_told(double: Any, extended: Any) -> Any:
    """Whether floats tell a condition: where it is what cancelling left, more bits leave another. None is told without more bits."""
    return HAS_EXTENDED & (double < 2 * extended) & (extended < 2 * double)


def _absolute(claim: Claim, output: Expression, rows: Floats, target: Format) -> Any:
    """The absolute allowance without its part for underflow; nan where floats do not tell."""
    program = bounds.magnitude(_evaluated(bounds.absolute_sums(output).relative, claim, rows))
    return _known(2 * FACTOR * target.unit_roundoff * bounds.absolute_factor(output) * program)


def _known(allowance: Any) -> Any:
    """An allowance that overflows in floats says nothing: nan, which clears no place."""
    return np.where(np.isfinite(allowance), allowance, np.nan)


def _between_branches(claim: Claim, output: Expression, rows: Floats, actual: Floats, target: Format) -> Any:
    """Where the result lies between the branches that meet at a kink well within reach. One kink at a time."""
    found = np.zeros(len(rows), bool)
    for argument in bounds.branch_arguments(output):
        near = np.abs(_evaluated((argument,), claim, rows)[0]) < _strict(claim, argument, rows, target) / 2
        near &= target.smallest_normal <= _smallest(claim, argument, rows)
        if near.any():
            ends = [bounds.with_signs((output,), {argument: sign})[0] for sign in (1, -1)]
            low, high = np.sort(_evaluated(tuple(ends), claim, rows), axis=0)
            found |= near & (low - target.ulp(low) <= actual) & (actual <= high + target.ulp(high))
    return found


def _smallest(claim: Claim, argument: Expression, rows: Floats) -> Any:
    """The smallest input, zeros apart; exact sums of small integers round nowhere and are left to the balls."""
    size = np.abs(rows)
    size[size == 0] = np.inf
    grid = np.all(rows * 16 == np.rint(rows * 16), axis=1)
    return np.where(grid, 0.0, size.min(axis=1))


