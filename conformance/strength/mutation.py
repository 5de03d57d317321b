"""Small changes of a module's source, each of which somebody could have made by mistake: the mutants of a module.

Operators, constants, comparisons, axes, dtypes, the order of arguments, terms left out, branches, functions of NumPy for their
neighbours. Annotations, docstrings and imports are left as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import libcst as cst
from libcst import metadata

_OPERATORS: Mapping[type[cst.BaseBinaryOp], type[cst.BaseBinaryOp]] = {
    cst.Add: cst.Subtract, cst.Subtract: cst.Add, cst.Multiply: cst.Divide, cst.Divide: cst.Multiply, cst.Power: cst.Multiply,
    cst.FloorDivide: cst.Multiply, cst.MatrixMultiply: cst.Multiply, cst.BitAnd: cst.BitOr, cst.BitOr: cst.BitAnd,
}  # fmt: skip
_COMPARISONS: Mapping[type[cst.BaseCompOp], tuple[type[cst.BaseCompOp], ...]] = {
    cst.LessThan: (cst.LessThanEqual, cst.GreaterThan), cst.LessThanEqual: (cst.LessThan, cst.GreaterThanEqual),
    cst.GreaterThan: (cst.GreaterThanEqual, cst.LessThan), cst.GreaterThanEqual: (cst.GreaterThan, cst.LessThanEqual),
    cst.Equal: (cst.NotEqual,), cst.NotEqual: (cst.Equal,), cst.Is: (cst.IsNot,), cst.IsNot: (cst.Is,),
}  # fmt: skip
_NAMES: Mapping[str, str] = {
    "float64": "float32", "longdouble": "float32", "minimum": "maximum", "maximum": "minimum", "sum": "mean", "mean": "sum",
    "exp": "expm1", "expm1": "exp", "log": "log1p", "log1p": "log", "max": "min", "min": "max", "sqrt": "square", "abs": "negative",
    "True": "False", "False": "True", "any": "all", "all": "any", "sinh": "tanh", "cosh": "sinh", "tanh": "sinh",
    "zeros_like": "ones_like", "ones_like": "zeros_like", "zeros": "ones", "ones": "zeros",
}  # fmt: skip
_SYMMETRIC = (  # whose arguments may be exchanged
    "product", "two_product", "two_sum", "summed", "maximum", "minimum", "multiply", "logical_or", "array_equal",
)  # fmt: skip
_ASSIGNED: Mapping[type[cst.BaseAugOp], type[cst.BaseAugOp]] = {
    cst.AddAssign: cst.SubtractAssign, cst.SubtractAssign: cst.AddAssign, cst.MultiplyAssign: cst.DivideAssign,
    cst.DivideAssign: cst.MultiplyAssign,
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One change of a module: the line, what it was and is, and the whole source."""

    module: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """What tells it from every other one."""
        return f"{self.module}:{self.line}: {self.before} -> {self.after}"


def mutations(module: str, source: str) -> list[Mutation]:
    """Every mutant of a module, in the order of its lines."""
    wrapper = metadata.MetadataWrapper(cst.parse_module(source))
    finder = _Finder()
    wrapper.visit(finder)
    written = source.encode()
    found: dict[str, Mutation] = {}
    for node, other, line, (start, end) in finder.found:
        before, after = (wrapper.module.code_for_node(part) for part in (node, other))
        made = (written[:start] + after.encode() + written[end:]).decode()
        mutation = Mutation(module, line, " ".join(before.split()), " ".join(after.split()), made)
        while mutation.name in found:  # the same change of another part of the line
            mutation = replace(mutation, after=f"{mutation.after}'")
        found[mutation.name] = mutation
    return list(found.values())


class _Finder(cst.CSTVisitor):
    """Every node with what could stand in its place."""

    METADATA_DEPENDENCIES = (metadata.PositionProvider, metadata.ByteSpanPositionProvider)

    def __init__(self) -> None:
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, int, tuple[int, int]]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.Annotation, cst.Import, cst.ImportFrom, cst.SimpleString, cst.Decorator)):
            return False
        line = self.get_metadata(metadata.PositionProvider, node).start.line
        span = self.get_metadata(metadata.ByteSpanPositionProvider, node)
        self.found += [(node, other, line, (span.start, span.start + span.length)) for other in _changes(node)]
        return True


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    match node:
        case cst.BinaryOperation(left=left, operator=operator, right=right):
            if type(operator) in _OPERATORS:
                yield node.with_changes(operator=_OPERATORS[type(operator)]())
            if not isinstance(operator, cst.MatrixMultiply):
                yield left
            if isinstance(operator, (cst.Add, cst.Multiply, cst.BitAnd, cst.BitOr)):
                yield right
        case cst.UnaryOperation(operator=cst.Minus() | cst.Not(), expression=inner):
            yield inner
        case cst.Comparison(comparisons=[cst.ComparisonTarget(operator=operator) as target]):
            for other in _COMPARISONS.get(type(operator), ()):
                yield node.with_changes(comparisons=[target.with_changes(operator=other())])
        case cst.BooleanOperation(left=left, operator=operator, right=right):
            yield node.with_changes(operator=cst.Or() if isinstance(operator, cst.And) else cst.And())
        case cst.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case cst.Integer(value=value):
            yield cst.Integer(str(int(value, 0) + 1))
            if int(value, 0):
                yield cst.Integer(str(int(value, 0) - 1))
        case cst.Float(value=value):
            yield cst.Float(repr(2 * float(value) or 1.0))
        case cst.AugAssign(operator=operator) if type(operator) in _ASSIGNED:
            yield node.with_changes(operator=_ASSIGNED[type(operator)]())
        case cst.Call():
            yield from _of_call(node)
        case cst.Attribute(attr=cst.Name(value=name)) if name in _NAMES:
            yield node.with_changes(attr=cst.Name(_NAMES[name]))
        case cst.Attribute(value=inner, attr=cst.Name(value="T")):
            yield inner
        case cst.Name(value=name) if name in ("True", "False", "exp", "expm1", "log", "log1p"):
            yield cst.Name(_NAMES[name])


def _of_call(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Arguments in another order, an axis or another keyword left out."""
    placed = [k for k, argument in enumerate(node.args) if argument.keyword is None and not argument.star]
    called = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
    for a, b in pairwise(placed) if not (isinstance(called, cst.Name) and called.value in _SYMMETRIC) else ():
        arguments: list[Any] = list(node.args)
        first, second = arguments[a].value, arguments[b].value
        arguments[a], arguments[b] = arguments[a].with_changes(value=second), arguments[b].with_changes(value=first)
        if not first.deep_equals(second):
            yield node.with_changes(args=arguments)
    for k, argument in enumerate(node.args):
        if argument.keyword is not None:
            yield node.with_changes(args=[*node.args[:k], *node.args[k + 1 :]])
