"""The graph of a formula compiled to straight-line Python, for one kind of number at a time.

A kind of number is a `Dialect`: what an exact constant is, how exp, log, sqrt and abs are called, and how the sign of a
branch argument is decided. Balls and series refuse to decide a sign that their radius leaves open (`Undecided`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb, arb_series, fmpq

from eqwise.spec.numbers.expression import COMPARISONS, Expression, subtract, walk


class Undecided(ArithmeticError):
    """A branch cannot be chosen at this precision."""


class NoCase(ArithmeticError):
    """No branch of a definition by cases applies."""


@dataclass(frozen=True, eq=False)
class Dialect:
    """One kind of number: its constants, functions and decisions."""

    constant: Callable[[Fraction], Any]
    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    positive: Callable[[Any], Any]
    negative: Callable[[Any], Any]
    select: Callable[..., Any]
    absent: Callable[[Any], Any] = lambda condition: not condition
    raised: Callable[[Any, Any], Any] = pow  # to a whole power that is an input


def _pick(*branches: Any) -> Any:
    for condition, value in zip(branches[::2], branches[1::2], strict=True):
        if condition:
            return value
    raise NoCase("no case of the definition applies")


def _pick_arrays(*branches: Any) -> Any:
    result: Any = np.nan
    for condition, value in reversed(list(zip(branches[::2], branches[1::2], strict=True))):
        result = np.where(condition, value, result)
    return result


def _ball_positive(d: Any) -> bool:
    if d > 0:
        return True
    if d <= 0:
        return False
    raise Undecided(str(d))


def _ball_negative(d: Any) -> bool:
    return _ball_positive(-d)


def _lead(d: Any) -> Any:
    return d[0] if isinstance(d, arb_series) else d


def _unsupported(x: object) -> Any:
    raise TypeError("a formula with exp, log or sqrt has no exact rational value")


def _exact_ball(value: Fraction) -> Any:
    mantissa, shift = value.numerator, value.denominator.bit_length() - 1
    return arb((mantissa, -shift))


BALLS = Dialect(_exact_ball, arb.exp, arb.log, arb.sqrt, _ball_positive, _ball_negative, _pick)
SERIES = Dialect(
    lambda value: arb_series([_exact_ball(value)]),
    arb_series.exp, arb_series.log, arb_series.sqrt,
    lambda d: _ball_positive(_lead(d)), lambda d: _ball_negative(_lead(d)), _pick,
)  # fmt: skip
RATIONALS = Dialect(
    lambda value: fmpq(value.numerator, value.denominator),
    _unsupported, _unsupported, _unsupported, lambda d: d > 0, lambda d: d < 0, _pick, raised=lambda base, t: base ** int(t.p),
)  # fmt: skip
FLOATS = Dialect(float, np.exp, np.log, np.sqrt, lambda d: d > 0, lambda d: d < 0, _pick_arrays, np.logical_not)


_DECIDING = (*COMPARISONS, "max")  # by the sign of a difference


@lru_cache(maxsize=4096)
def compiled(outputs: tuple[Expression, ...], inputs: tuple[Expression, ...], dialect: Dialect) -> Callable[..., Any]:
    """A function of the inputs, in order, that returns the list of the outputs.

    Raises `Undecided` (balls, series) where a branch cannot be chosen, `NoCase` where none applies.
    """
    lines, names, space = ["def program({}):".format(", ".join(f"x{i}" for i in range(len(inputs))))], {}, _space(dialect)
    for i, x in enumerate(inputs):
        names[x] = f"x{i}"
    for v in _in_order(outputs):
        if v in names:
            continue
        if v.operator == "symbol":
            raise ValueError(f"the formula needs {v.value!r}, which is not among its inputs")
        names[v] = f"v{len(names)}"
        if v.operator == "number":
            space[names[v]] = dialect.constant(Fraction(v.value))  # type: ignore[arg-type]
        else:
            lines.append(f"    {names[v]} = {_line(v, names)}")
    lines.append("    return [{}]".format(", ".join(names[v] for v in outputs)))
    exec("\n".join(lines), space)
    return space["program"]  # type: ignore[no-any-return]


def _space(dialect: Dialect) -> dict[str, Any]:
    fields = ("exp", "log", "sqrt", "positive", "negative", "select", "absent", "raised")
    return {name: getattr(dialect, name) for name in fields}


def branch_argument(comparison: Expression) -> Expression:
    """The number whose sign decides a comparison, a maximum or an absolute value: left − right."""
    a = comparison.arguments
    return a[0] if comparison.operator == "abs" else subtract(a[0], a[1])


def _in_order(outputs: Sequence[Expression]) -> Iterator[Expression]:
    """What the outputs need, and what the signs in them depend on, each before what needs it."""
    for v in walk(outputs):
        if v.operator in _DECIDING:
            yield branch_argument(v)
        yield v


def _line(v: Expression, names: dict[Expression, str]) -> str:
    a = [names.get(argument, "") for argument in v.arguments]
    d = names[branch_argument(v)] if v.operator in _DECIDING else ""
    match v.operator:
        case "+":                    return " + ".join(a)
        case "-" | "*" | "/":        return f"{a[0]} {v.operator} {a[1]}"
        case "neg":                  return f"-{a[0]}"
        case "^" if v.arguments[1].operator == "number": return f"{a[0]} ** {v.arguments[1].value}"
        case "^":                    return f"raised({a[0]}, {a[1]})"
        case "exp" | "log" | "sqrt": return f"{v.operator}({a[0]})"
        case "abs":                  return f"select(positive({a[0]}), {a[0]}, True, -{a[0]})"
        case "max":                  return f"select(positive({d}), {a[0]}, True, {a[1]})"
        case ">":                    return f"positive({d})"
        case "<":                    return f"negative({d})"
        case "<=":                   return f"absent(positive({d}))"
        case ">=":                   return f"absent(negative({d}))"
        case "and":                  return f"{a[0]} & {a[1]}"
        case "otherwise":            return "True"
        case "cases":                return f"select({', '.join(a)})"
    raise ValueError(f"{v.operator!r} is not an operator of a formula")
