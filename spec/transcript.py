"""An equation's transcription run on small symbols: for printing and for export."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import numpy as np

from eqwise.spec.backpropagation import Loss
from eqwise.spec.distributions import Distribution
from eqwise.spec.document import AS_PRINTED, Equation, Formula, reading_as
from eqwise.spec.network import Activation
from eqwise.spec.numbers.expression import Array, Expression, each, lifted, node, symbol, symbols
from eqwise.spec.numbers.printing import text

SIZE = 2  # elements of a vector; a matrix has one column more than rows, so that it is not square
_AUGMENTED = {"theta_l": (SIZE + 1, SIZE), "theta_next": (SIZE + 1, SIZE), "h_0": (SIZE + 1,)}  # section 9: a row 0 for the bias


def graph(equation: Equation, reading: str | Formula = AS_PRINTED) -> list[Expression]:
    """The outputs of the formula on symbols: vectors of two elements, matrices of two rows and three columns.

    Of a law, the parameters of its distribution.
    """
    if equation.formula is None:
        return []
    made = _on_symbols(equation, reading)
    outputs = made.parameters if isinstance(made, Distribution) else np.array(made, object).ravel()
    return [lifted(output) for output in outputs]


def formula(equation: Equation, reading: str | Formula = AS_PRINTED) -> str:
    """The printable formula; the first output where it has several, and the TeX where it is not transcribed."""
    if equation.kind == "law" and equation.formula is not None:
        return str(_on_symbols(equation, reading))
    outputs = graph(equation, reading)
    return text(outputs[0]) + (", …" if len(outputs) > 1 else "") if outputs else equation.tex


def _on_symbols(equation: Equation, reading: str | Formula) -> Any:
    parameters = signature(equation.formula_as(reading)).parameters.items()
    with reading_as({equation.number: reading}):
        return equation(**{name: _argument(name, parameter.annotation) for name, parameter in parameters})


def _argument(name: str, annotation: Any) -> Any:
    if annotation == Activation:
        return lambda u: each(lambda x: node(name, lifted(x)), u)
    if annotation == Loss:
        return lambda u: node(name, *u)
    if name in _AUGMENTED:
        return symbols(name, *_AUGMENTED[name])
    if annotation == Array:
        matrix = name.startswith("W_")
        columns = SIZE + 1
        return symbols(name, SIZE, columns) if matrix else symbols(name, columns if name.startswith("b_") else SIZE)
    if annotation == Sequence[Array]:
        return [symbols("W", SIZE, SIZE + 1)]
    return symbol(name)
