"""Symbols: a formula that runs on them leaves its expression graph, each distinct sub-expression once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial, reduce
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
COMPARISONS = (">", "<=", ">=", "<")


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Expression:
    """A node of the graph: an operator over nodes, a number or a symbol. Equal nodes are one object."""

    operator: str
    arguments: tuple[Expression, ...] = ()
    value: Fraction | str | None = None

    def __neg__(self) -> Expression:
        return negative(self)

    def __abs__(self) -> Expression:
        return node("abs", self)

    def __add__(self, other: object) -> Any: return _apply(add, self, other)
    def __radd__(self, other: object) -> Any: return _apply(add, other, self)
    def __sub__(self, other: object) -> Any: return _apply(subtract, self, other)
    def __rsub__(self, other: object) -> Any: return _apply(subtract, other, self)
    def __mul__(self, other: object) -> Any: return _apply(multiply, self, other)
    def __rmul__(self, other: object) -> Any: return _apply(multiply, other, self)
    def __truediv__(self, other: object) -> Any: return _apply(divide, self, other)
    def __rtruediv__(self, other: object) -> Any: return _apply(divide, other, self)
    def __pow__(self, exponent: object) -> Any: return _apply(power, self, exponent)
    def __rpow__(self, base: object) -> Any: return _apply(power, base, self)
    def __gt__(self, other: object) -> Any: return _apply(partial(node, ">"), self, other)
    def __le__(self, other: object) -> Any: return _apply(partial(node, "<="), self, other)
    def __ge__(self, other: object) -> Any: return _apply(partial(node, ">="), self, other)
    def __lt__(self, other: object) -> Any: return _apply(partial(node, "<"), self, other)


def _apply(function: Callable[..., Expression], a: object, b: object) -> Any:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return NotImplemented  # NumPy broadcasts over its elements
    return function(lifted(a), lifted(b))


_nodes: WeakValueDictionary[tuple[object, ...], Expression] = WeakValueDictionary()


def node(operator: str, *arguments: Expression, value: Fraction | str | None = None) -> Expression:
    """The one node of this operator over these arguments."""
    key = (operator, value, *map(id, arguments))
    found = _nodes.get(key)
    if found is None:
        found = _nodes[key] = Expression(operator, arguments, value)
    return found


def number(value: object) -> Expression:
    """An exact constant. Integers, fractions and floats (by their exact value) are numbers."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, Fraction, np.integer, np.floating)):
        raise TypeError(f"{value!r} is a {type(value).__name__}; a formula runs on numbers and symbols")
    exact = Fraction(int(value)) if isinstance(value, (int, np.integer)) else Fraction(*value.as_integer_ratio())
    if exact.denominator & (exact.denominator - 1):  # not dyadic: a ball must divide at its own precision
        return node("/", number(exact.numerator), number(exact.denominator))
    return node("number", value=exact)


def symbol(name: str) -> Expression:
    """An input of the formula."""
    return node("symbol", value=name)


def symbols(name: str, *shape: int) -> Array:
    """An array of inputs, numbered from 1 as in the notes: x[1], x[2], … or W[1,1], W[1,2], …"""
    array = np.empty(shape, object)
    for index in np.ndindex(*shape):
        array[index] = symbol(f"{name}[{','.join(str(i + 1) for i in index)}]")
    return array


ZERO, ONE, OTHERWISE = number(0), number(1), node("otherwise")


def lifted(value: object) -> Expression:
    """A number or a node, as a node."""
    return number(value)


def add(a: Expression, b: Expression) -> Expression:
    if a is ZERO or b is ZERO:
        return b if a is ZERO else a
    return node("+", *(a.arguments if a.operator == "+" else (a,)), b)


def subtract(a: Expression, b: Expression) -> Expression:
    return a if b is ZERO else negative(b) if a is ZERO else node("-", a, b)


def multiply(a: Expression, b: Expression) -> Expression:
    if a is ZERO or b is ZERO:
        return ZERO
    return b if a is ONE else a if b is ONE else node("*", a, b)


def divide(a: Expression, b: Expression) -> Expression:
    return a if b is ONE or a is ZERO else node("/", a, b)


def power(base: Expression, exponent: Expression) -> Expression:
    """base to a whole power: a number, or a symbol that stands for one (such as the t of Adam)."""
    return ONE if exponent is ZERO else base if exponent is ONE else node("^", base, exponent)


def negative(a: Expression) -> Expression:
    return ZERO if a is ZERO else a.arguments[0] if a.operator == "neg" else node("neg", a)


def _elementwise(operator: str) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return np.frompyfunc(function, 1, 1)(x)
        return node(operator, lifted(x))

    function.__name__ = operator
    function.__doc__ = f"{operator}(x), element by element."
    return function


exp, log, sqrt = _elementwise("exp"), _elementwise("log"), _elementwise("sqrt")


def maximum(a: object, b: object) -> Expression:
    """The larger of two numbers; a where a > b, otherwise b."""
    return node("max", lifted(a), lifted(b))


def within(x: object, low: object, high: object) -> Expression:
    """The condition x ∈ [low, high]."""
    return node("and", node(">=", lifted(x), lifted(low)), node("<=", lifted(x), lifted(high)))


def cases(*branches: tuple[Expression, object]) -> Expression:
    """The value of the first branch whose condition holds."""
    flat: list[Expression] = []
    for condition, value in branches:
        flat += [condition, lifted(value)]
    return node("cases", *flat)


def total(terms: Iterable[Any]) -> Expression:
    """Σ over the terms; 0 over none. A sum of one term is a number of its own: a program may round it."""
    lifted_terms = [lifted(term) for term in terms]
    return node("+", *lifted_terms) if len(lifted_terms) == 1 else reduce(add, lifted_terms, ZERO)


def each(function: Callable[..., Any], *arrays: Array) -> Array:
    """The function applied element by element."""
    return np.frompyfunc(function, len(arrays), 1)(*arrays)  # type: ignore[no-any-return]


def walk(outputs: Sequence[Expression]) -> Iterator[Expression]:
    """Every node that the outputs need, arguments before their users."""
    seen: set[Expression] = set()
    stack = [*reversed(outputs)]
    while stack:
        current = stack[-1]
        if current in seen:
            stack.pop()
        elif left := [argument for argument in reversed(current.arguments) if argument not in seen]:
            stack += left
        else:
            seen.add(stack.pop())
            yield current


def rebuild(
    outputs: Sequence[Expression], change: Callable[[Expression, tuple[Expression, ...]], Expression | None]
) -> list[Expression]:
    """The same graph with `change(node, new arguments)` in the place of each node, where it is not None."""
    made: dict[int, Expression] = {}
    for old in walk(outputs):
        arguments = tuple(made[id(argument)] for argument in old.arguments)
        made[id(old)] = change(old, arguments) or node(old.operator, *arguments, value=old.value)
    return [made[id(output)] for output in outputs]
