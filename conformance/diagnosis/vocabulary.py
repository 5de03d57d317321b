"""What changed formulas may call, besides what the transcriptions do: bounds, means, other shapes, roundings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eqwise.spec.numbers.expression import Expression, each, lifted, maximum, negative, node, number, symbol, total

CONSTANT = symbol("κ")
LOWER = ("float16", "bfloat16", "float32")
FUNCTIONS = ("exp", "log", "sqrt", "abs")


def elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    def applied(x: Any, *others: Any) -> Any:
        if isinstance(x, (list, np.ndarray)):
            return each(lambda item: function(lifted(item), *others), np.asarray(x, object))
        return function(lifted(x), *others)

    return applied


def listed(terms: Any) -> list[Any]:
    """The terms of a sum."""
    return list(terms)


def _mean_of(terms: Any) -> Expression:
    found = listed(terms)
    return total(found) / len(found)  # type: ignore[no-any-return]


def _centred(terms: Any) -> Any:
    return np.asarray(terms, object) - _mean_of(terms)


def _largest_of(terms: Any) -> Expression:
    first, *rest = map(lifted, terms)
    for term in rest:
        first = maximum(first, term)
    return first


def _transposed(array: Any) -> Any:
    if np.ndim(array) != 2:
        raise ValueError("only a matrix can be transposed")
    return array.T


def _read_transposed(array: Any) -> Any:
    """The same numbers in memory, read as those of the transposed shape."""
    return _transposed(array.reshape(array.shape[::-1]))


def _stored_transposed(array: Any) -> Any:
    return _transposed(array).reshape(array.shape)


def kept_as_symbol(x: Expression, kept: dict[Expression, Expression]) -> Expression:
    """A symbol that stands for x while a gradient is taken."""
    stand_in = symbol(f"constant {len(kept) + 1}")
    kept[stand_in] = x
    return stand_in


def at_most(x: Expression, bound: Expression) -> Expression:
    """min(x, bound)."""
    return negative(maximum(negative(x), negative(bound)))


HELPERS: dict[str, Any] = {
    "κ": CONSTANT,
    "total": total,
    "number": number,
    "listed": listed,
    "mean_of": _mean_of,
    "centred": _centred,
    "largest_of": _largest_of,
    "transposed": _transposed,
    "read_transposed": _read_transposed,
    "stored_transposed": _stored_transposed,
    "sqrt_of": elementwise(lambda x: node("sqrt", x)),
    "size": elementwise(abs),
    **{f"each_{name}": elementwise(lambda x, name=name: node(name, x)) for name in FUNCTIONS},
    "larger": elementwise(lambda a, b: maximum(a, lifted(b))),
    "at_most": elementwise(at_most),
    "at_least": elementwise(maximum),
    **{f"rounded_to_{name}": elementwise(lambda x, name=name: node(f"rounded to {name}", x)) for name in LOWER},
}
