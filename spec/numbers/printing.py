"""The graph of a formula as a line of text and as a JSON tree."""

from fractions import Fraction
from typing import Any

from eqwise.spec.numbers.expression import Expression

_BINDING = {"+": 1, "-": 1, "neg": 2, "*": 3, "/": 3, "^": 4}


def text(v: Expression) -> str:
    """One line, in the notation of Python: ``log(1 + exp(x))``."""
    return _text(v, 0)


def _text(v: Expression, outer: int) -> str:
    a, binding = v.arguments, _BINDING.get(v.operator, 9)
    match v.operator:
        case "symbol":     line = str(v.value)
        case "number":     line = _number(v)
        case "+":          line = " + ".join(_text(x, 1) for x in a)
        case "-":          line = f"{_text(a[0], 1)} - {_text(a[1], 2)}"
        case "neg":        line = f"-{_text(a[0], 3)}"
        case "*":          line = f"{_text(a[0], 3)}*{_text(a[1], 4)}"
        case "/":          line = f"{_text(a[0], 3)}/{_text(a[1], 4)}"
        case "^":          line = f"{_text(a[0], 5)}^{_text(a[1], 5)}"
        case "cases":      line = "{" + "; ".join(f"{_text(x, 0)} if {_text(c, 0)}" for c, x in _pairs(a)) + "}"
        case "and":        line = f"{_text(a[0], 0)} and {_text(a[1], 0)}"
        case "otherwise":  line = "otherwise"
        case ">" | "<=" | ">=" | "<": line = f"{_text(a[0], 0)} {v.operator} {_text(a[1], 0)}"
        case _:            line = f"{v.operator}({', '.join(_text(x, 0) for x in a)})"
    return f"({line})" if binding < outer else line


def _pairs(arguments: tuple[Expression, ...]) -> list[tuple[Expression, Expression]]:
    return list(zip(arguments[::2], arguments[1::2], strict=True))


def _number(v: Expression) -> str:
    exact = Fraction(v.value)  # type: ignore[arg-type]
    return str(exact) if exact.denominator == 1 else f"({exact})"


def tree(v: Expression) -> Any:
    """Nested lists ``[operator, argument, …]``; symbols are strings, numbers strings of exact fractions in ``["number", …]``."""
    if v.operator == "symbol":
        return v.value
    if v.operator == "number":
        return ["number", str(v.value)]
    return [v.operator, *map(tree, v.arguments)]
