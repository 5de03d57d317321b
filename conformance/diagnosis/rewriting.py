"""Formulas that are equal on paper and lose more, or overflow sooner, on a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eqwise.spec.numbers.expression import Expression, add, divide, multiply, node, number, power, rebuild, subtract, total

Rewrite = Callable[[Sequence[Expression]], list[Expression]]
ONE, TWO = number(1), number(2)


def _by_node(change: Callable[[Expression, tuple[Expression, ...]], Expression | None]) -> Rewrite:
    return lambda outputs: rebuild(outputs, change)


def _is_square_of_difference(v: Expression) -> bool:
    return v.operator == "^" and v.arguments[1] is TWO and v.arguments[0].operator == "-"


def _multiplied_out(old: Expression, new: tuple[Expression, ...]) -> Expression | None:
    """(a − b)² as a² − 2ab + b²."""
    if not _is_square_of_difference(old):
        return None
    a, b = new[0].arguments
    return add(subtract(power(a, TWO), multiply(multiply(TWO, a), b)), power(b, TWO))


def _one_pass(old: Expression, new: tuple[Expression, ...]) -> Expression | None:
    """Σ(xᵢ − μ)² as Σxᵢ² − nμ², where μ is one mean of all."""
    if old.operator != "+" or not all(map(_is_square_of_difference, old.arguments)):
        return None
    means = {v.arguments[0].arguments[1] for v in old.arguments}
    if len(means) != 1:
        return None
    squares = total([power(v.arguments[0].arguments[0], TWO) for v in new])
    return subtract(squares, multiply(number(len(new)), power(new[0].arguments[0].arguments[1], TWO)))


def _by_complement(old: Expression, new: tuple[Expression, ...]) -> Expression | None:
    """1/(1 + exp(−x)) as 1 − 1/(1 + exp(x))."""
    if old.operator != "/" or old.arguments[0] is not ONE or new[1].operator != "+":
        return None
    constant, *others = new[1].arguments
    if constant is not ONE or [(v.operator, v.arguments[0].operator) for v in others] != [("exp", "neg")]:
        return None
    return subtract(ONE, divide(ONE, add(ONE, node("exp", others[0].arguments[0].arguments[0]))))


def _without_negative_exponent(old: Expression, new: tuple[Expression, ...]) -> Expression | None:
    """a/(1 + exp(−x)) as a·exp(x)/(exp(x) + 1)."""
    if old.operator != "/" or new[1].operator != "+":
        return None
    falling = [term for term in new[1].arguments if term.operator == "exp" and term.arguments[0].operator == "neg"]
    if len(falling) != 1:
        return None
    rising = node("exp", falling[0].arguments[0].arguments[0])
    terms = [number(1) if term is falling[0] else multiply(term, rising) for term in new[1].arguments]
    return divide(multiply(new[0], rising), total(terms))


FORMS: tuple[tuple[str, Rewrite], ...] = (
    ("squares of differences multiplied out, which cancels", _by_node(_multiplied_out)),
    ("the sum of squared distances from the mean in one pass, Σx² - nμ², which cancels", _by_node(_one_pass)),
    ("1 minus the share of the other, which cancels", _by_node(_by_complement)),
    ("numerator and denominator multiplied by exp(x)", _by_node(_without_negative_exponent)),
)
