"""The reverse tape: from the graph of a formula to the graph of its gradient, which is a formula again."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from eqwise.spec.numbers.expression import (
    ONE,
    OTHERWISE,
    ZERO,
    Expression,
    add,
    divide,
    multiply,
    negative,
    node,
    number,
    power,
    subtract,
    walk,
)


def adjoints(output: Expression) -> Mapping[Expression, Expression]:
    """∂output/∂v, as an expression, for every node v that output depends on."""
    found = {output: ONE}
    for v in reversed(list(walk([output]))):
        if v in found:
            for argument, part in parts(v, found[v]):
                found[argument] = add(found[argument], part) if argument in found else part
    return found


def gradient(output: Expression, inputs: Sequence[Expression]) -> list[Expression]:
    """∂output/∂x for each input x."""
    found = adjoints(output)
    return [found.get(x, ZERO) for x in inputs]


def pullback(outputs: Sequence[Expression], inputs: Sequence[Expression], cotangents: Sequence[Expression]) -> list[Expression]:
    """The gradient of Σ cotangent·output: a vector-Jacobian product."""
    weighted = [multiply(c, y) for c, y in zip(cotangents, outputs, strict=True)]
    return gradient(weighted[0] if len(weighted) == 1 else node("+", *weighted), inputs)


def parts(v: Expression, d: Expression) -> list[tuple[Expression, Expression]]:
    """What the adjoint d of a node adds to the adjoint of each of its arguments."""
    a = v.arguments
    match v.operator:
        case "+":    return [(x, d) for x in a]
        case "-":    return [(a[0], d), (a[1], negative(d))]
        case "neg":  return [(a[0], negative(d))]
        case "*":    return [(a[0], multiply(d, a[1])), (a[1], multiply(d, a[0]))]
        case "/":    return [(a[0], divide(d, a[1])), (a[1], negative(multiply(d, divide(v, a[1]))))]
        case "exp":  return [(a[0], multiply(d, v))]
        case "log":  return [(a[0], divide(d, a[0]))]
        case "sqrt": return [(a[0], divide(d, multiply(number(2), v)))]
        case "^":    return [(a[0], multiply(d, multiply(a[1], power(a[0], _lower(a[1])))))]  # whole exponents are exact
        case "abs":  return [(a[0], _either(a[0] > 0, d, negative(d)))]
        case "max":  return [(a[0], _either(a[0] > a[1], d, ZERO)), (a[1], _either(a[0] > a[1], ZERO, d))]
        case "cases":
            branches = list(zip(a[::2], a[1::2], strict=True))
            return [(x, _only(branches, k, d)) for k, (_, x) in enumerate(branches)]
        case "symbol" | "number" | "and" | "otherwise" | ">" | "<=" | ">=" | "<": return []
        case name:   return [(x, multiply(d, node(_partial(name, x, len(a)), *a))) for x in a]


def _partial(function: str, x: Expression, arity: int) -> str:
    """The derivative of a function of which nothing is known but its name, as in a printed formula."""
    return f"{function}'" if arity == 1 else f"∂{function}/∂{x.value}"


def _lower(exponent: Expression) -> Expression:
    """exponent − 1."""
    return number(Fraction(exponent.value) - 1) if exponent.operator == "number" else subtract(exponent, ONE)  # type: ignore[arg-type]


def _either(condition: Expression, yes: Expression, no: Expression) -> Expression:
    return ZERO if yes is no is ZERO else node("cases", condition, yes, OTHERWISE, no)


def _only(branches: list[tuple[Expression, Expression]], chosen: int, d: Expression) -> Expression:
    """d where this branch is taken, elsewhere 0."""
    flat = [part for k, (condition, _) in enumerate(branches) for part in (condition, d if k == chosen else ZERO)]
    return node("cases", *flat)
