"""Formulas that differ from a transcription in one place: its source is read, one expression of it is changed, and it runs again.

Everything here follows from the structure of the formula: a term or a factor left out, a sign, a function or a branch
forgotten, an argument in the place of another, α ↔ 1 − α, t off by one, a number added, multiplied or taken as a bound. Such a
number is left open as the symbol `CONSTANT`, to be measured.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from eqwise.conformance.diagnosis.changes import changes
from eqwise.conformance.diagnosis.vocabulary import HELPERS, elementwise, kept_as_symbol
from eqwise.spec.document import EQUATIONS, Formula
from eqwise.spec.numbers.expression import Expression

_EVERY = (
    ("absolute value", "absolute values for squares", "power", "size({})"),
    ("exponent", "no squares", "power", "{}"),
    *(
        (kind, text.format(name), name, template.replace("function", name))
        for name in ("log", "exp", "sqrt")
        for kind, text, template in (
            ("constant added", "κ added inside every {}", "function({} + κ)"),
            ("bound", "what is inside every {} bounded by κ from below", "function(at_least({}, κ))"),
            ("bound", "every {} bounded by κ from below", "at_least(function({}), κ)"),
        )
    ),
)


@dataclass(frozen=True, eq=False)
class Edit:
    """An equation with one change: the word for it, a clause that tells it, the formula, how far it is from what is printed.

    `rounded_to` says that the formula rounds to this format, so that only floats run on it.
    """

    number: int
    kind: str
    text: str
    formula: Formula
    cost: int
    rounded_to: str = ""
    kept: dict[Expression, Expression] = field(default_factory=dict)  # what a gradient takes for a constant, by the symbol for it

    @property
    def is_detached(self) -> bool:
        return self.kind == "not differentiated"


@lru_cache(maxsize=256)
def edits(equation: int, reading: str) -> tuple[Edit, ...]:
    """Every formula that is one change away from this equation under this reading."""
    function = EQUATIONS[equation].formula_as(reading)
    tree = _definition(function)
    parameters = tuple(inspect.signature(function).parameters)
    found = []
    for place, (part, parent) in enumerate(_expressions(tree)):
        further = 2 * isinstance(parent, ast.Compare)  # what decides a branch is no number of the result
        for change in changes(part, parent, function, parameters):
            kept: dict[Expression, Expression] = {}
            made = _with(tree, place, change.source, function, kept)
            found.append(Edit(equation, change.kind, change.text, made, change.cost + further, change.rounded_to, kept))
    found += _of_every(equation, tree, function)
    return tuple(found)


def _of_every(equation: int, tree: ast.FunctionDef, function: Formula) -> Iterator[Edit]:
    """The same change of every square, or of every call of a function, where a formula has several."""
    for kind, text, name, template in _EVERY:
        changed = _Every(name, template)
        made = changed.visit(copy.deepcopy(tree))
        if changed.count > 1:
            yield Edit(equation, kind, text, _run(made, function, {}), 2)


class _Every(ast.NodeTransformer):
    """Puts what the template makes of its base, or of its argument, in the place of every power or call of this name."""

    def __init__(self, name: str, template: str) -> None:
        self.name, self.template, self.count = name, template, 0

    def visit_BinOp(self, found: ast.BinOp) -> ast.AST:
        self.generic_visit(found)
        return self._made(found, found.left) if isinstance(found.op, ast.Pow) and self.name == "power" else found

    def visit_Call(self, found: ast.Call) -> ast.AST:
        self.generic_visit(found)
        return self._made(found, found.args[0]) if isinstance(found.func, ast.Name) and found.func.id == self.name else found

    def _made(self, found: ast.expr, argument: ast.expr) -> ast.AST:
        self.count += 1
        return ast.parse(self.template.format(f"({ast.unparse(argument)})"), mode="eval").body


def _definition(function: Formula) -> ast.FunctionDef:
    """The source of a transcription, without what stands around its statements."""
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(found, ast.FunctionDef)
    found.decorator_list, found.returns = [], None
    for argument in found.args.args:
        argument.annotation = None  # which would be changed too
    if isinstance(found.body[0], ast.Expr):
        del found.body[0]
    return found


def _expressions(tree: ast.FunctionDef) -> Iterator[tuple[ast.expr, ast.AST]]:
    """The expressions of a function that stand for numbers, each with what it is part of."""
    for parent in ast.walk(tree):
        for name, child in ast.iter_fields(parent):
            for part in child if isinstance(child, list) else [child]:
                if isinstance(part, ast.expr) and not _is_structure(part, parent, name):
                    yield part, parent


def _is_structure(part: ast.expr, parent: ast.AST, field: str) -> bool:
    """What names a function, a target or an index, and is no number."""
    called = isinstance(parent, ast.Call) and field == "func"
    names = isinstance(getattr(part, "ctx", ast.Load()), (ast.Store, ast.Del)) or isinstance(parent, ast.arguments)
    indexing = (isinstance(parent, ast.Subscript) and field == "slice") or isinstance(part, (ast.Slice, ast.Starred))
    ranged = isinstance(parent, ast.comprehension) or (isinstance(parent, ast.Attribute) and parent.attr != "T")
    return called or names or indexing or ranged


def _with(tree: ast.FunctionDef, place: int, source: str, function: Formula, kept: dict[Expression, Expression]) -> Formula:
    """The function with this source in the place of expression number `place`."""
    return _run(_changed(tree, place, source), function, kept)


def _changed(tree: ast.FunctionDef, place: int, source: str) -> ast.FunctionDef:
    made = copy.deepcopy(tree)
    part, parent = list(_expressions(made))[place]
    new = ast.parse(source, mode="eval").body
    for name, child in ast.iter_fields(parent):
        if child is part:
            setattr(parent, name, new)
        elif isinstance(child, list) and any(item is part for item in child):
            child[[item is part for item in child].index(True)] = new
    return made


def _run(made: ast.FunctionDef, function: Formula, kept: dict[Expression, Expression]) -> Formula:
    """The function that this source defines."""
    module = ast.fix_missing_locations(ast.Module([made], []))
    space = {**function.__globals__, **HELPERS, "detached": elementwise(lambda x: kept_as_symbol(x, kept))}
    exec(compile(module, f"<a change of {function.__name__}>", "exec"), space)
    space[made.name].__annotations__ = function.__annotations__
    return space[made.name]  # type: ignore[no-any-return]
