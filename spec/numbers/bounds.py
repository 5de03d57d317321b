"""How much error is excused: by the conditioning of the inputs (*strict*) or of the printed program (*absolute*).

With u half an ulp of 1 and f the exact result,

    strict    max(4 ulp(f), 8u·(|f| + Σ|x ∂f/∂x|))  over all inputs x;  for sums over n terms × max(1, log₂ n)
    absolute  8u·n·Σ|v ∂f/∂v| + (smallest normal)·Σ|∂f/∂v|  over every intermediate v ≠ 0 of the printed formula

What only a square makes of an error is added to the second where it matters: see `squares`.
A branch argument within its own strict allowance of its threshold excuses the other branch as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np

from eqwise.spec.numbers.expression import (
    COMPARISONS,
    ONE,
    OTHERWISE,
    ZERO,
    Expression,
    negative,
    node,
    number,
    rebuild,
    total,
    walk,
)
from eqwise.spec.numbers.formats import Format
from eqwise.spec.numbers.program import branch_argument
from eqwise.spec.numbers.tape import adjoints, parts

FACTOR = 4.0  # the one constant: of ulps, and of 2u times a condition number
TWO = number(2)
NOT_NUMBERS = (*COMPARISONS, "and", "otherwise")


@dataclass(frozen=True)
class Sums:
    """Expressions whose absolute values are summed: `relative` counts 8u times, `underflow` the smallest normal times."""

    relative: tuple[Expression, ...]
    underflow: tuple[Expression, ...]


@lru_cache(maxsize=4096)
def strict_sums(output: Expression, inputs: tuple[Expression, ...]) -> Sums:
    """|f| and every |x ∂f/∂x|."""
    slopes = adjoints(output)
    products = (x * slopes[x] for x in inputs if x in slopes)
    return Sums((output, *products), ())


@lru_cache(maxsize=4096)
def numeric_adjoints(output: Expression) -> Mapping[Expression, Expression]:
    """∂f/∂v for every intermediate and input v, constants apart."""
    return {v: d for v, d in adjoints(output).items() if v.operator not in ("number", *NOT_NUMBERS)}


@lru_cache(maxsize=4096)
def absolute_sums(output: Expression) -> Sums:
    """Every |v ∂f/∂v|, and every |∂f/∂v|."""
    slopes = numeric_adjoints(output)
    return Sums(tuple(v * d for v, d in slopes.items()), tuple(slopes.values()))


@lru_cache(maxsize=4096)
def squares(output: Expression) -> tuple[tuple[Expression, Expression], ...]:
    """∂f/∂v for every v = w² of an intermediate w, and the error of w in units of 2u.

    An error δ of w is 2wδ + δ² in v. Where first orders cancel, as those of the mean do in a variance, or w is 0, the
    second is all that is left, and no derivative shows it.
    """
    errors, found = _errors(output), []
    for v, slope in numeric_adjoints(output).items():
        a = v.arguments
        square = (v.operator == "^" and a[1] is TWO) or (v.operator == "*" and a[0] is a[1])
        if square and a[0].operator not in ("symbol", "number"):
            found.append((slope, errors[a[0]]))
    return tuple(found)


def _errors(output: Expression) -> Mapping[Expression, Expression]:
    """What rounding makes of every v on the way forward: |v|, times n for sums over n terms, and what its arguments bring."""
    found: dict[Expression, Expression] = {}
    for v in walk([output]):
        if v.operator not in ("number", *NOT_NUMBERS):
            terms = len(v.arguments) if v.operator == "+" else 1
            brought = [abs(slope) * found[a] for a, slope in parts(v, ONE) if a in found]
            found[v] = total([terms * abs(v), *brought])
    return found


def strict_factor(output: Expression) -> float:
    """max(1, log₂ n) for sums over n terms."""
    return max(1.0, log2(most_terms(output)))


def absolute_factor(output: Expression) -> float:
    """n for sums over n terms."""
    return float(most_terms(output))


@lru_cache(maxsize=65536)
def most_terms(output: Expression) -> int:
    """The number of terms of the longest sum in the formula."""
    return max((len(v.arguments) for v in walk([output]) if v.operator == "+"), default=1)


@lru_cache(maxsize=4096)
def branch_arguments(output: Expression) -> tuple[Expression, ...]:
    """The numbers whose signs choose the branches of the formula."""
    deciding = (v for v in walk([output]) if v.operator in (*COMPARISONS, "max", "abs"))
    return tuple(dict.fromkeys(branch_argument(v) for v in deciding))


@lru_cache(maxsize=4096)
def divisors(outputs: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """What the formulas divide by, constants apart."""
    quotients = (v for v in walk(outputs) if v.operator == "/")
    return tuple(dict.fromkeys(v.arguments[1] for v in quotients if v.arguments[1].operator != "number"))


def with_signs(outputs: Sequence[Expression], signs: Mapping[Expression, int]) -> tuple[Expression, ...]:
    """The formulas that hold where these branch arguments have these signs (1: positive, −1: not positive)."""
    truth: Mapping[bool, Expression] = {True: OTHERWISE, False: node(">", ZERO, ZERO)}

    def change(old: Expression, a: tuple[Expression, ...]) -> Expression | None:
        if old.operator not in (*COMPARISONS, "max", "abs") or branch_argument(old) not in signs:
            return None
        positive = signs[branch_argument(old)] > 0
        match old.operator:
            case "max": return a[0] if positive else a[1]
            case "abs": return a[0] if positive else negative(a[0])
            case ">" | ">=": return truth[positive]
            case _: return truth[not positive]

    return tuple(rebuild(outputs, change))


@lru_cache(maxsize=4096)
def exposed(output: Expression) -> tuple[Expression, ...]:
    """The intermediates of the formula, neither input nor result, that do not descend from an exponential."""
    return tuple(v for v in _not_from_exponentials([output]) if v is not output)


def _not_from_exponentials(outputs: Sequence[Expression]) -> list[Expression]:
    """Every node that the outputs need, inputs and constants apart, that does not descend from an exponential."""
    descends: dict[Expression, bool] = {}
    for v in walk(outputs):
        descends[v] = v.operator == "exp" or any(descends[a] for a in v.arguments)
    skip = ("number", "symbol", *NOT_NUMBERS)
    return [v for v, from_exp in descends.items() if not from_exp and v.operator not in skip]


@lru_cache(maxsize=4096)
def rearranged(slope: Expression) -> tuple[Expression, ...]:
    """What the usual forms of a derivative pass through besides its tape, as far as it does not descend from an exponential.

    The tape has (a/b)/b for what textbooks write as a/b² or a·b⁻², and d·(k·v) with a constant k for what may be (d·k)·v.
    """
    made: list[Expression] = []
    for v in walk([slope]):
        quotient = _twice_divided(v)
        if quotient:
            a, b = quotient
            made += [b * b, 1 / b, 1 / (b * b), a / (b * b)]
        if v.operator == "*":
            d, factor = v.arguments
            numerator = _twice_divided(factor)
            made += [d * numerator[0]] if numerator else []
            made += [d * factor.arguments[0]] if _scaled(factor) else []
    wanted = set(made)
    return tuple(v for v in _not_from_exponentials(made) if v in wanted)


def _twice_divided(v: Expression) -> tuple[Expression, Expression] | None:
    """The a and b of (a/b)/b."""
    if v.operator == "/" and v.arguments[0].operator == "/" and v.arguments[0].arguments[1] is v.arguments[1]:
        return v.arguments[0].arguments[0], v.arguments[1]
    return None


def _scaled(v: Expression) -> bool:
    """Whether this is a constant times something."""
    return v.operator == "*" and v.arguments[0].operator == "number"


def rounds(output: Expression, at: Mapping[Expression, float], target: Format) -> bool:
    """Whether evaluating the formula in `target` can round, in whatever order its sums are taken.

    It cannot where every node is a multiple of some power of two, and the absolute values that enter it add up to
    at most 2ᵖ of them.
    """
    known: dict[Expression, tuple[int, float]] = {}  # exponent of the quantum, bound of the size
    for v in walk([output]):
        a = [known.get(argument, (0, 0.0)) for argument in v.arguments]
        match v.operator:
            case "symbol" | "number":
                known[v] = _quantum(float(at[v] if v.operator == "symbol" else v.value))  # type: ignore[arg-type]
            case "+" | "-" | "neg" | "abs":
                known[v] = min(e for e, _ in a), sum(size for _, size in a)
            case "*":
                known[v] = a[0][0] + a[1][0], a[0][1] * a[1][1]
            case _:
                return True
        exponent, size = known[v]
        if size and not (exponent >= target.emin - target.p + 1 and size <= np.ldexp(1.0, min(exponent + target.p, 1023))):
            return True
    return False


def _quantum(value: float) -> tuple[int, float]:
    """The exponent of the lowest set bit of a float, and its size. Zero is a multiple of everything."""
    if value == 0:
        return 10_000, 0.0
    numerator, denominator = value.as_integer_ratio()
    low = (numerator & -numerator).bit_length() - 1
    return low - (denominator.bit_length() - 1), abs(value)


def magnitude(values: Sequence[Any]) -> Any:
    """Σ|v| for floats or arrays."""
    return sum((np.abs(v) for v in values), 0.0)
