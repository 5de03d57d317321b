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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from eqwise.spec.document import EQUATIONS, Formula
from eqwise.spec.numbers.expression import Expression, each, lifted, maximum, negative, node, number, symbol, total

CONSTANT = symbol("κ")
LOWER = ("float16", "bfloat16", "float32")
_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
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
_FUNCTIONS = ("exp", "log", "sqrt", "abs")


@dataclass(frozen=True, eq=False)
class Edit:
    """An equation with one change: the word for it, a clause that tells it, the formula, how far it is from what is printed.

    `is_open` says that the formula holds `CONSTANT`; `rounded_to`, that it rounds to this format, so that only floats run on it.
    """

    number: int
    kind: str
    text: str
    formula: Formula
    cost: int
    is_open: bool = False
    rounded_to: str = ""
    kept: dict[Expression, Expression] = field(default_factory=dict)  # what a gradient takes for a constant, by the symbol for it

    @property
    def is_detached(self) -> bool:
        return self.kind == "not differentiated"


@dataclass(frozen=True)
class _Change:
    """What stands in the place of an expression of the source, as source."""

    kind: str
    text: str
    source: str
    cost: int = 1
    rounded_to: str = ""


@lru_cache(maxsize=256)
def edits(equation: int, reading: str) -> tuple[Edit, ...]:
    """Every formula that is one change away from this equation under this reading."""
    function = EQUATIONS[equation].formula_as(reading)
    tree = _definition(function)
    parameters = tuple(inspect.signature(function).parameters)
    found = []
    for place, (part, parent) in enumerate(_expressions(tree)):
        further = 2 * isinstance(parent, ast.Compare)  # what decides a branch is no number of the result
        for change in _changes(part, parent, function, parameters):
            kept: dict[Expression, Expression] = {}
            made = _with(tree, place, change.source, function, kept)
            cost, is_open = change.cost + further, "κ" in change.source
            found.append(Edit(equation, change.kind, change.text, made, cost, is_open, change.rounded_to, kept))
    found += _of_every(equation, tree, function)
    return tuple(found)


def _of_every(equation: int, tree: ast.FunctionDef, function: Formula) -> Iterator[Edit]:
    """The same change of every square, or of every call of a function, where a formula has several."""
    for kind, text, name, template in _EVERY:
        changed = _Every(name, template)
        made = changed.visit(copy.deepcopy(tree))
        if changed.count > 1:
            yield Edit(equation, kind, text, _run(made, function, {}), 2, "κ" in template)


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
    space = {**function.__globals__, **_HELPERS, "detached": _elementwise(lambda x: kept_as_symbol(x, kept))}
    exec(compile(module, f"<a change of {function.__name__}>", "exec"), space)
    space[made.name].__annotations__ = function.__annotations__
    return space[made.name]  # type: ignore[no-any-return]


# changes


def _changes(part: ast.expr, parent: ast.AST, function: Formula, parameters: tuple[str, ...]) -> Iterator[_Change]:
    """What may stand in the place of this expression."""
    written = ast.unparse(part)
    match part:
        case ast.BinOp(left, operator, right):
            yield from _of_operator(written, ast.unparse(left), operator, ast.unparse(right))
        case ast.UnaryOp(ast.USub(), operand):
            yield _Change("sign", f"the sign of {written} lost", ast.unparse(operand))
        case ast.Compare(comparators=[_]):
            yield from _of_comparison(written, part)
        case ast.Call(ast.Name(name), arguments):
            yield from _of_call(written, name, [ast.unparse(argument) for argument in arguments])
            if name in parameters:
                yield _Change("activation left out", f"{name} left out", ast.unparse(arguments[0]))
                yield _Change("activation twice", f"{name} applied twice", f"{name}({written})")
        case ast.Name(name) if name in parameters and not _is_callable(function, name):
            yield from _of_parameter(name, function, parameters, parent)
    decides = isinstance(part, (ast.Compare, ast.Tuple)) or isinstance(parent, ast.Compare)
    if decides or _is_exponent(part, parent) or _is_function(part, function):
        return
    yield from _of_value(written, part)
    for name in parameters:
        if _kind(function, name) == "Expression" and name != written:
            yield _Change("factor added", f"{name} times {written}", f"{name} * ({written})", 2)
            yield _Change("factor added", f"(1 - {name}) times {written}", f"(1 - {name}) * ({written})", 2)


def _of_operator(written: str, left: str, operator: ast.operator, right: str) -> Iterator[_Change]:
    a, b, left, right = left, right, f"({left})", f"({right})"
    match operator:
        case ast.Add():
            yield _Change("term left out", f"the term {a} left out of {written}", right)
            yield _Change("term left out", f"the term {b} left out of {written}", left)
            yield _Change("sign", f"{b} subtracted, not added, in {written}", f"{left} - {right}")
            yield _Change("larger for sum", f"the larger of {a} and {b} for {written}", f"larger({left}, {right})", 2)
        case ast.Sub():
            yield _Change("term left out", f"the term {b} left out of {written}", left)
            yield _Change("term left out", f"the term {a} left out of {written}", f"-{right}")
            yield _Change("sign", f"{b} added, not subtracted, in {written}", f"{left} + {right}")
            yield _Change("arguments exchanged", f"{b} - {a} for {written}", f"{right} - {left}")
        case ast.Mult():
            yield from _moved_inside(left, right)
            yield from _moved_inside(right, left)
            yield _Change("factor left out", f"the factor {a} left out of {written}", right)
            yield _Change("factor left out", f"the factor {b} left out of {written}", left)
            yield _Change("operator", f"{a} divided by {b}, not multiplied", f"{left} / {right}")
            yield _Change("factor twice", f"the factor {a} twice in {written}", f"{left} * {left} * {right}", 2)
            yield _Change("factor twice", f"the factor {b} twice in {written}", f"{left} * {right} * {right}", 2)
        case ast.Div():
            yield _Change("factor left out", f"{written} without the division by {b}", left)
            yield _Change("operator", f"{a} multiplied by {b}, not divided", f"{left} * {right}")
            yield _Change("arguments exchanged", f"{b} / {a} for {written}", f"{right} / {left}")
        case ast.Pow():
            yield _Change("exponent", f"{a} without its exponent {b}", left)
            yield _Change("operator", f"{a} times {b} for the power {written}", f"{left} * {right}")
            yield from (_Change("exponent", f"the exponent {n} for {b} of {a}", f"{left} ** {n}", 2) for n in (3, 4))
            yield _Change("absolute value", f"the absolute value of {a} for {written}", f"size({left})")
        case ast.MatMult():
            yield _Change("transposed", f"{a} transposed in {written}", f"transposed({left}) @ {right}")
            yield _Change("transposed", f"{b} transposed in {written}", f"{left} @ transposed({right})")


def _moved_inside(factor: str, other: str) -> Iterator[_Change]:
    """A factor of the whole as a factor of an argument: α(exp(x) − 1) as exp(αx) − 1."""
    inside = ast.parse(other, mode="eval").body
    for function in ast.walk(inside):
        if isinstance(function, ast.Call) and isinstance(function.func, ast.Name) and function.func.id in _FUNCTIONS:
            argument = ast.unparse(function.args[0])
            moved = f"{function.func.id}({factor} * ({argument}))"
            source = ast.unparse(inside).replace(ast.unparse(function), moved)
            yield _Change("moved", f"the factor {factor[1:-1]} moved into {ast.unparse(function)}", source, 1)


def _of_comparison(written: str, part: ast.Compare) -> Iterator[_Change]:
    left, right = ast.unparse(part.left), ast.unparse(part.comparators[0])
    sign = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}[type(part.ops[0])]
    other = {">": ">=", "<": "<=", ">=": ">", "<=": "<"}[sign]
    turned = {">": "<", "<": ">", ">=": "<=", "<=": ">="}[sign]
    yield _Change("tie", f"{left} {other} {right} for {written}", f"({left}) {other} ({right})")
    yield _Change("branch", f"{left} {turned} {right} for {written}", f"({left}) {turned} ({right})")
    yield _Change("threshold", f"κ as the threshold in {written}", f"({left}) {sign} κ", 2)


def _of_call(written: str, name: str, arguments: list[str]) -> Iterator[_Change]:
    if name in _FUNCTIONS:
        yield _Change(f"{name} left out", f"{arguments[0]} for {written}", arguments[0])
        match ast.parse(arguments[0], mode="eval").body:
            case ast.Call(ast.Name("total"), [terms]):
                yield _Change("moved", f"{name} of every term of {arguments[0]}", f"total(each_{name}({ast.unparse(terms)}))")
            case ast.BinOp(left, operator, ast.Call(ast.Name("total"), [terms])) if name != "abs":
                each, sign = ast.unparse(terms), _SIGNS.get(type(operator), "*")
                yield _Change("moved", f"{name} of every term of {ast.unparse(right_of(arguments[0]))}",
                              f"({ast.unparse(left)}) {sign} total(each_{name}({each}))")  # fmt: skip
        match ast.parse(arguments[0], mode="eval").body:
            case ast.BinOp(left, operator, right):
                sign, a, b = _SIGNS.get(type(operator), ""), ast.unparse(left), ast.unparse(right)
                if sign:
                    yield _Change("moved", f"{b} moved out of {written}", f"{name}({a}) {sign} ({b})")
                    yield _Change("moved", f"{a} moved out of {written}", f"({a}) {sign} {name}({b})")
    match name:
        case "total":
            inner = ast.parse(arguments[0], mode="eval").body
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in _FUNCTIONS:
                function, of = inner.func.id, ast.unparse(inner.args[0])
                yield _Change("moved", f"{function} of the sum for the sum of {function}", f"each_{function}(total({of}))")
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Pow):
                yield _Change("moved", f"the square of the sum for {written}", f"total({ast.unparse(inner.left)}) ** 2")
            yield _Change("mean for sum", f"the mean for the sum {written}", f"mean_of({arguments[0]})")
            yield _Change("part of a sum", f"the last term left out of {written}", f"total(listed({arguments[0]})[:-1])")
            yield _Change("part of a sum", f"the first term left out of {written}", f"total(listed({arguments[0]})[1:])")
            yield _Change("part of a sum", f"the first term alone of {written}", f"listed({arguments[0]})[0]", 2)
            yield _Change("largest for sum", f"the largest term for {written}", f"largest_of({arguments[0]})", 2)
            yield _Change("root for sum", f"the root of {written}", f"sqrt_of({written})")
        case "number" if arguments[0].startswith("len("):
            yield _Change("count", f"{written} - 1 for {written}", f"({written} - 1)")
            yield _Change("count", f"{written} + 1 for {written}", f"({written} + 1)")
            yield _Change("count", f"1 for {written}", "number(1)")
        case "cases":
            for k, branch in enumerate(arguments):
                value = ast.unparse(ast.parse(branch, mode="eval").body.elts[1])  # type: ignore[attr-defined]
                yield _Change("branch", f"{value} everywhere, branch {k + 1} of {len(arguments)}", value)
            if len(arguments) == 2:
                (a, x), (b, y) = (map(ast.unparse, ast.parse(branch, mode="eval").body.elts) for branch in arguments)  # type: ignore[attr-defined]
                yield _Change("branch", "the two branches exchanged", f"cases(({a}, {y}), ({b}, {x}))")
        case "maximum":
            yield from (_Change("branch", f"{argument} for {written}", argument) for argument in arguments)


def _of_parameter(name: str, function: Formula, parameters: tuple[str, ...], parent: ast.AST) -> Iterator[_Change]:
    kind = _kind(function, name)
    for other in parameters:
        if other != name and _kind(function, other) == kind:
            yield _Change("argument", f"{other} for {name}", other)
    if name == "t" and isinstance(parent, ast.BinOp):
        yield _Change("off by one", "t - 1 for t", "(t - 1)")
        yield _Change("off by one", "t + 1 for t", "(t + 1)")
    elif kind == "Expression" and not _is_exponent_of(parent, name):
        yield _Change("one minus", f"1 - {name} for {name}", f"(1 - {name})")
        yield _Change("square", f"{name} squared", f"({name} * {name})", 2)
        yield _Change("own constant", f"κ for {name}", "κ", 2)
    if kind == "Array":
        yield _Change("reversed", f"{name} in reversed order", f"{name}[::-1]", 2)
        yield _Change("transposed", f"{name} taken for a matrix that is stored the other way round", f"read_transposed({name})")
        yield _Change("transposed", f"{name} stored the other way round", f"stored_transposed({name})")


def _of_value(written: str, part: ast.expr) -> Iterator[_Change]:
    """Changes that any number may suffer."""
    if isinstance(part, ast.Constant):
        yield _Change("own constant", f"κ for {written}", "κ", 2)
        return
    inner = f"({written})"
    yield _Change("factor", f"{written} times κ", f"κ * {inner}", 3)
    yield _Change("constant added", f"κ added to {written}", f"{inner} + κ", 3)
    yield _Change("bound", f"{written} bounded by κ from above", f"at_most({inner}, κ)", 3)
    yield _Change("bound", f"{written} bounded by κ from below", f"at_least({inner}, κ)", 3)
    yield _Change("bound", f"{written} bounded by κ in size", f"at_least(at_most({inner}, κ), -κ)", 3)
    yield _Change("sign", f"the sign of {written} turned", f"-{inner}", 2)
    yield _Change("absolute value", f"the absolute value of {written}", f"size({inner})", 2)
    yield _Change("square", f"the square of {written}", f"{inner} * {inner}", 3)
    yield _Change("root", f"the root of {written}", f"sqrt_of({inner})", 3)
    yield _Change("zero", f"0 for {written}", f"0 * {inner}", 3)
    yield _Change("not differentiated", f"{written} taken for a constant in the gradient", f"detached({inner})", 1)
    for name in LOWER:
        yield _Change("lower precision", f"{written} rounded to {name}", f"rounded_to_{name}({inner})", 3, name)


# what changed formulas may call


def _elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
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


def right_of(source: str) -> ast.expr:
    """The right operand of a written operation."""
    body = ast.parse(source, mode="eval").body
    assert isinstance(body, ast.BinOp)
    return body.right


def at_most(x: Expression, bound: Expression) -> Expression:
    """min(x, bound)."""
    return negative(maximum(negative(x), negative(bound)))


_HELPERS: dict[str, Any] = {
    "κ": CONSTANT,
    "total": total,
    "number": number,
    "listed": listed,
    "mean_of": _mean_of,
    "largest_of": _largest_of,
    "transposed": _transposed,
    "read_transposed": _read_transposed,
    "stored_transposed": _stored_transposed,
    "sqrt_of": _elementwise(lambda x: node("sqrt", x)),
    "size": _elementwise(abs),
    **{f"each_{name}": _elementwise(lambda x, name=name: node(name, x)) for name in _FUNCTIONS},
    "larger": _elementwise(lambda a, b: maximum(a, lifted(b))),
    "at_most": _elementwise(at_most),
    "at_least": _elementwise(maximum),
    **{f"rounded_to_{name}": _elementwise(lambda x, name=name: node(f"rounded to {name}", x)) for name in LOWER},
}


# what a part of the source is


def _kind(function: Formula, name: str) -> str:
    annotation = inspect.signature(function).parameters[name].annotation
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return "Array" if "ndarray" in text or text == "Array" else text


def _is_callable(function: Formula, name: str) -> bool:
    return _kind(function, name) in ("Activation", "Loss", "Callable")


def _is_function(part: ast.expr, function: Formula) -> bool:
    return isinstance(part, ast.Name) and (part.id not in inspect.signature(function).parameters or _is_callable(function, part.id)) and (
        callable(function.__globals__.get(part.id))
    )


def _is_exponent(part: ast.expr, parent: ast.AST) -> bool:
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.right is part


def _is_exponent_of(parent: ast.AST, name: str) -> bool:
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and ast.unparse(parent.right) == name

