"""What excuses an error at one row of inputs: rounding, underflow and range of the intermediates, the kinks that are near."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from flint import arb

from eqwise.spec.certify import Program, refined, values
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import ONE, Expression, rebuild, walk
from eqwise.spec.numbers.formats import Format
from eqwise.spec.numbers.program import FLOATS, compiled
from eqwise.spec.numbers.tape import adjoints, gradient

Expressions = tuple[Expression, ...]
KNOWN = 8  # bits of a size that an allowance is made of
NEGLIGIBLE = arb((1, -1150))


def strict(output: Expression, rounded: Expressions, inputs: Expressions, row: Sequence[float], size: float, target: Format) -> arb:
    """max(4 ulp, 8u·(|f| + Σ|x ∂f/∂x|)) over the inputs that are rounded, for a result of this size; more for long sums."""
    conditioning = _sizes(bounds.strict_sums(output, rounded).relative, inputs, row, 2 * FACTOR * target.unit_roundoff)
    floor = arb(FACTOR * float(target.ulp(min(size, target.largest))))
    return (floor if conditioning is None or conditioning < floor else conditioning) * bounds.strict_factor(output)


def absolute(output: Expression, inputs: Expressions, row: Sequence[float], target: Format) -> arb:
    """8u·n·Σ|v ∂f/∂v| + (smallest normal)·Σ|∂f/∂v| over the intermediates v; 0, which excuses nothing, where no precision tells."""
    rounding = _sizes(bounds.absolute_sums(output).relative, inputs, row, 2 * FACTOR * target.unit_roundoff)
    underflow = _underflow(output, inputs, row, target)
    return arb(0) if rounding is None or underflow is None else rounding * bounds.absolute_factor(output) + underflow


def _underflow(output: Expression, inputs: Expressions, row: Sequence[float], target: Format) -> arb | None:
    """(smallest normal)·Σ|∂f/∂v| over the intermediates v that are not 0, as those of a branch that is not taken are."""
    slopes = bounds.numeric_adjoints(output)
    for balls in refined(program((*slopes, *slopes.values()), inputs), row):
        found = sum((abs(rate) for v, rate in zip(balls[: len(slopes)], balls[len(slopes) :], strict=True) if not v.is_zero()), arb(0))
        if _is_known(found):
            return (found * target.smallest_normal).mid()
    return None


def told(errors: Expressions, inputs: Expressions, row: Sequence[float], target: Format) -> arb:
    """What rounding makes of these, of which some may have no value."""
    found: dict[int, arb] = {}
    for balls in refined(program(errors, inputs), row) if errors else ():
        found.update((k, abs(ball)) for k, ball in enumerate(balls) if _is_known(ball) and k not in found)
        if len(found) == len(errors):
            break
    return (sum(found.values(), arb(0)) * (2 * FACTOR * target.unit_roundoff)).mid()


def by_squares(output: Expression, inputs: tuple[Expression, ...], row: Sequence[float], target: Format) -> float:
    """4·Σ|∂f/∂v|·δ² over v = w², δ being what rounding may make of w; by floats, and nothing where they do not tell."""
    flat = tuple(part for pair in bounds.squares(output) for part in pair)
    with np.errstate(all="ignore"):
        slopes, errors = np.array(compiled(flat, inputs, FLOATS)(*np.asarray(row)), float).reshape(-1, 2).T
        found = FACTOR * float(np.sum(np.abs(slopes) * (2 * target.unit_roundoff * errors) ** 2))
    return found if np.isfinite(found) else 0.0


@lru_cache(maxsize=4096)
def kept_outputs(output: Expression, applied: tuple[tuple[Expression, Expression], ...]) -> list[Expression]:
    """∂g/∂u · f/f′ for each activation y = f(u): the error of an implementation that keeps only the rounded y.

    It takes f′ from y, as in y(1 − y) or 1 − y², and so at another u, by what rounded y; for g = c·f′ this is c·f·f″/f′.
    """
    slopes = adjoints(output)
    return [slopes[u] * y / gradient(y, [u])[0] for u, y in applied if u in slopes]


def distance(actual: float, exact: arb, allowance: arb, target: Format) -> arb:
    """|actual − exact|; 0 for an infinity where the allowance reaches the overflow threshold."""
    if np.isnan(actual):
        return arb("inf")
    if np.isinf(actual):
        sign = 1 if actual > 0 else -1
        overflow = arb(target.overflow.numerator) / target.overflow.denominator
        return arb(0) if bool(exact * sign + allowance >= overflow) else arb("inf")
    return abs(arb(actual) - exact).upper()


@lru_cache(maxsize=4096)
def exposed(output: Expression, is_derivative: bool, cotangents: tuple[Expression, ...]) -> tuple[Expressions, Expressions]:
    """The intermediates whose overflow excuses, and those whose underflow does; of derivatives in the usual forms too.

    To a formula that divides by no number but constants, and takes no root or logarithm, one of its own that vanishes is one
    that is rounded to 0, which the absolute allowance knows. Usual forms of a derivative have a single cotangent first or last.
    """
    own = bounds.exposed(output)
    if not is_derivative:
        return own, (*own, *_from_above_zero(output)) if _amplifies(output) else ()
    last = rebuild([output], lambda v, _: ONE if v in cotangents else None) if len(cotangents) == 1 else []
    every = tuple(dict.fromkeys(v for form in (output, *last) for v in (*bounds.exposed(form), *bounds.rearranged(form))))
    return every, (*every, *_from_above_zero(output)) if _amplifies(output) else tuple(v for v in every if v not in own)


def _from_above_zero(output: Expression) -> Expressions:
    """The inputs that the formula divides by, or takes the logarithm of: one that is subnormal may count as 0 there."""
    taken = (v.arguments[-1] for v in walk((output,)) if v.operator in ("log", "/"))
    return tuple(dict.fromkeys(x for x in taken if x.operator == "symbol"))


def _amplifies(output: Expression) -> bool:
    return bool(bounds.divisors((output,))) or any(v.operator in ("sqrt", "log") for v in walk((output,)))


def leaves_range(
    output: Expression, is_derivative: bool, cotangents: Expressions, inputs: Expressions, row: Sequence[float], target: Format
) -> bool:
    """Whether an intermediate leaves the normal range at an end that excuses."""
    large, small = exposed(output, is_derivative, cotangents)
    most, least = target.largest, target.smallest_normal
    return _some(large, inputs, row, lambda b: bool(b > most) or bool(b < -most)) or _some(
        small, inputs, row, lambda b: bool(-least < b) and bool(b < least) and not b.is_zero()
    )


def overflows(
    value: Expression | None, slope: Expression, cotangents: Expressions, inputs: Expressions, row: Sequence[float], target: Format
) -> bool:
    """Whether the value whose slope this is, or the slope itself, is beyond the range, though a cotangent brings it back."""
    slopes = bounds.numeric_adjoints(slope) if cotangents else {}
    wholes = (*((value,) if value is not None else ()), *(slopes[c] for c in cotangents if c in slopes))
    return _some(wholes, inputs, row, lambda b: bool(b > target.largest) or bool(b < -target.largest))


def _some(expressions: Expressions, inputs: Expressions, row: Sequence[float], meets: Callable[[arb], bool]) -> bool:
    """Whether one of these meets a condition, as far as any precision tells.

    It may compare balls and no more: arithmetic, `abs` too, would round them to the few bits that count out here.
    """
    for balls in refined(program(expressions, inputs), row) if expressions else ():
        told = [b for b in balls if b.is_zero() or b.rel_accuracy_bits() > KNOWN]
        if any(meets(b) for b in told):
            return True
        if len(told) == len(balls):
            return False
    return False


def divides_by_little(output: Expression, inputs: tuple[Expression, ...], row: Sequence[float], target: Format) -> bool:
    """Whether a divisor that does not descend from an exponential is 0 within what its own program may lose."""
    divisors = [v for v in bounds.exposed(output) if v in bounds.divisors((output,))]
    return any(sum_of_sizes((v,), inputs, row) <= float(absolute(v, inputs, row, target)) for v in divisors)


def near_kinks(
    output: Expression, inputs: tuple[Expression, ...], row: Sequence[float], target: Format, closed: bool
) -> list[Expression]:
    """Branch arguments within their own strict allowance of the threshold.

    Underflow widens it only where a value can be flushed. At the threshold itself the branch that the notes print
    decides the value; for a derivative (`closed`) both sides count.
    """
    near, known = [], dict(zip(inputs, row, strict=True))
    for argument in bounds.branch_arguments(output):
        own = tuple(x for x in walk((argument,)) if x in known)  # of many, most arguments need few
        numbers = [known[x] for x in own]
        allowance = _flushed(argument, own, numbers, target)
        if bounds.rounds(argument, known, target):
            rounding = sum_of_sizes(bounds.strict_sums(argument, own).relative, own, numbers, 2 * FACTOR * target.unit_roundoff)
            allowance += float(np.nan_to_num(rounding)) * bounds.strict_factor(argument)
        if sum_of_sizes((argument,), own, numbers) <= allowance and (closed or allowance > 0):
            near.append(argument)
    return near


def _flushed(argument: Expression, inputs: tuple[Expression, ...], row: Sequence[float], target: Format) -> float:
    """(smallest normal)·Σ|∂d/∂v| over the intermediates v of d that are subnormal there."""
    slopes = bounds.numeric_adjoints(argument)
    nodes = tuple(slopes)
    for balls in refined(program((*nodes, *slopes.values()), inputs), row):
        if all(_is_known(ball) for ball in balls):
            sizes = [float(abs(ball).mid()) for ball in balls]
            values, rates = sizes[: len(nodes)], sizes[len(nodes) :]
            lost = [rate for value, rate in zip(values, rates, strict=True) if 0 < value < target.smallest_normal]
            return target.smallest_normal * sum(lost)
    return 0.0


def sum_of_sizes(expressions: tuple[Expression, ...], inputs: tuple[Expression, ...], row: Sequence[float], times: float = 1.0) -> float:
    """Σ|v| over these expressions at one row, multiplied by a number; nan, which excuses nothing, where no precision tells.

    By balls, whose sum may be larger than any float where its product is none.
    """
    found = _sizes(expressions, inputs, row, times)
    return float("nan") if found is None else float(found)


def _sizes(expressions: Expressions, inputs: Expressions, row: Sequence[float], times: float) -> arb | None:
    for balls in refined(program(expressions, inputs), row):
        found = sum((abs(b) for b in balls), arb(0))
        if _is_known(found):
            return (found * times).mid()
    return None


def _is_known(ball: arb) -> bool:
    """To a few digits, or as too small for any format: what cancels is noise until the precision is high enough."""
    return bool(ball.is_finite() and (ball.is_zero() or ball.rel_accuracy_bits() >= KNOWN or abs(ball) < NEGLIGIBLE))


@lru_cache(maxsize=4096)
def program(expressions: tuple[Expression, ...], inputs: tuple[Expression, ...]) -> Program:
    return values(expressions, inputs)
