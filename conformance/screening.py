"""What floats can tell about many places at once, so that balls are asked only where they matter.

Everything here errs on the side of asking: a place is set aside only where the float estimate clears it by a factor of 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import Expression
from eqwise.spec.numbers.formats import Floats, Format
from eqwise.spec.numbers.program import FLOATS, compiled

if TYPE_CHECKING:
    from eqwise.conformance.comparison import Claim

FEW = 32  # so many doubtful places of one output are not worth a screening


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
        if target.p <= 24:
            excused[:, k] = share[:, k] < 0.5
        doubtful = doubtful[~excused[doubtful, k]]
        if len(doubtful) > FEW:
            part, error = rows[doubtful], np.abs(actual[doubtful, k] - high[doubtful, k])
            excused[doubtful, k] = _between_branches(claim, output, part, actual[doubtful, k], target)
            tolerable[doubtful, k] = error < _absolute(claim, output, part, target) / 2
    return Screened(share, told, excused, tolerable)


def _evaluated(expressions: tuple[Expression, ...], claim: Claim, rows: Floats) -> list[Floats]:
    values = compiled(expressions, claim.inputs, FLOATS)(*rows.T)
    return [value if np.ndim(value) else np.full(len(rows), value) for value in values]


def _strict(claim: Claim, output: Expression, rows: Floats, target: Format) -> Any:
    condition = bounds.magnitude(_evaluated(bounds.strict_sums(output, claim.rounded).relative, claim, rows))
    return _known(2 * FACTOR * target.unit_roundoff * bounds.strict_factor(output) * condition)


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


