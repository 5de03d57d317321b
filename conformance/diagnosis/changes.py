"""What may stand in the place of one expression of a transcription, as source: what somebody could have written for it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from eqwise.conformance.diagnosis.vocabulary import FUNCTIONS, LOWER
from eqwise.spec.document import Formula

_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


@dataclass(frozen=True)
class Change:
    """What stands in the place of an expression of the source, as source."""

    kind: str
    text: str
    source: str
    cost: int = 1
    rounded_to: str = ""


def changes(part: ast.expr, parent: ast.AST, function: Formula, parameters: tuple[str, ...]) -> Iterator[Change]:
    """What may stand in the place of this expression."""
    written = ast.unparse(part)
    match part:
        case ast.BinOp(left, operator, right):
            yield from _of_operator(written, ast.unparse(left), operator, ast.unparse(right))
        case ast.UnaryOp(ast.USub(), operand):
            yield Change("sign", f"the sign of {written} lost", ast.unparse(operand))
        case ast.Compare(comparators=[_]):
            yield from _of_comparison(written, part)
        case ast.Call(ast.Name(name), arguments):
            yield from _of_call(written, name, [ast.unparse(argument) for argument in arguments])
            if name in parameters:
                yield Change("activation left out", f"{name} left out", ast.unparse(arguments[0]))
                yield Change("activation twice", f"{name} applied twice", f"{name}({written})")
        case ast.Name(name) if name in parameters and not _is_callable(function, name):
            yield from _of_parameter(name, function, parameters, parent)
    decides = _is_condition(part) or isinstance(part, ast.Tuple) or isinstance(parent, ast.Compare)
    if decides or _is_exponent(part, parent) or _is_function(part, function):
        return
    yield from _of_value(written, part)
    for name in parameters:
        if _kind(function, name) == "Expression" and name != written:
            yield Change("factor added", f"{name} times {written}", f"{name} * ({written})", 2)
            yield Change("factor added", f"(1 - {name}) times {written}", f"(1 - {name}) * ({written})", 2)


def _of_operator(written: str, left: str, operator: ast.operator, right: str) -> Iterator[Change]:
    a, b, left, right = left, right, f"({left})", f"({right})"
    match operator:
        case ast.Add():
            yield Change("term left out", f"the term {a} left out of {written}", right)
            yield Change("term left out", f"the term {b} left out of {written}", left)
            yield Change("sign", f"{b} subtracted, not added, in {written}", f"{left} - {right}")
            yield Change("larger for sum", f"the larger of {a} and {b} for {written}", f"larger({left}, {right})", 2)
        case ast.Sub():
            yield Change("term left out", f"the term {b} left out of {written}", left)
            yield Change("term left out", f"the term {a} left out of {written}", f"-{right}")
            yield Change("sign", f"{b} added, not subtracted, in {written}", f"{left} + {right}")
            yield Change("arguments exchanged", f"{b} - {a} for {written}", f"{right} - {left}")
        case ast.Mult():
            yield from _moved_inside(left, right)
            yield from _moved_inside(right, left)
            yield Change("factor left out", f"the factor {a} left out of {written}", right)
            yield Change("factor left out", f"the factor {b} left out of {written}", left)
            yield Change("operator", f"{a} divided by {b}, not multiplied", f"{left} / {right}")
            yield Change("factor twice", f"the factor {a} twice in {written}", f"{left} * {left} * {right}", 2)
            yield Change("factor twice", f"the factor {b} twice in {written}", f"{left} * {right} * {right}", 2)
        case ast.Div():
            yield Change("factor left out", f"{written} without the division by {b}", left)
            yield Change("operator", f"{a} multiplied by {b}, not divided", f"{left} * {right}")
            yield Change("arguments exchanged", f"{b} / {a} for {written}", f"{right} / {left}")
        case ast.Pow():
            yield Change("exponent", f"{a} without its exponent {b}", left)
            yield Change("operator", f"{a} times {b} for the power {written}", f"{left} * {right}")
            yield from (Change("exponent", f"the exponent {n} for {b} of {a}", f"{left} ** {n}", 2) for n in (3, 4))
            if b == "2":
                yield Change("absolute value", f"the absolute value of {a} for {written}", f"size({left})")
        case ast.MatMult():
            yield Change("transposed", f"{a} transposed in {written}", f"transposed({left}) @ {right}")
            yield Change("transposed", f"{b} transposed in {written}", f"{left} @ transposed({right})")


def _moved_inside(factor: str, other: str) -> Iterator[Change]:
    """A factor of the whole as a factor of an argument: α(exp(x) − 1) as exp(αx) − 1."""
    inside = ast.parse(other, mode="eval").body
    for function in ast.walk(inside):
        if isinstance(function, ast.Call) and isinstance(function.func, ast.Name) and function.func.id in FUNCTIONS:
            argument = ast.unparse(function.args[0])
            moved = f"{function.func.id}({factor} * ({argument}))"
            source = ast.unparse(inside).replace(ast.unparse(function), moved)
            yield Change("moved", f"the factor {factor[1:-1]} moved into {ast.unparse(function)}", source, 1)


def _of_comparison(written: str, part: ast.Compare) -> Iterator[Change]:
    left, right = ast.unparse(part.left), ast.unparse(part.comparators[0])
    sign = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}[type(part.ops[0])]
    other = {">": ">=", "<": "<=", ">=": ">", "<=": "<"}[sign]
    turned = {">": "<", "<": ">", ">=": "<=", "<=": ">="}[sign]
    yield Change("tie", f"{left} {other} {right} for {written}", f"({left}) {other} ({right})")
    yield Change("branch", f"{left} {turned} {right} for {written}", f"({left}) {turned} ({right})")
    yield Change("threshold", f"κ as the threshold in {written}", f"({left}) {sign} κ", 2)


def _of_call(written: str, name: str, arguments: list[str]) -> Iterator[Change]:
    if name == "abs":
        yield Change("smoothed", f"the root of ({arguments[0]})² + κ for {written}", f"sqrt_of(({arguments[0]}) ** 2 + κ)", 2)
    if name in FUNCTIONS:
        yield Change(f"{name} left out", f"{arguments[0]} for {written}", arguments[0])
        match ast.parse(arguments[0], mode="eval").body:
            case ast.Call(ast.Name("total"), [terms]):
                yield Change("moved", f"{name} of every term of {arguments[0]}", f"total(each_{name}({ast.unparse(terms)}))")
            case ast.BinOp(left, operator, ast.Call(ast.Name("total"), [terms])) if name != "abs":
                each, sign = ast.unparse(terms), _SIGNS.get(type(operator), "*")
                yield Change("moved", f"{name} of every term of {ast.unparse(right_of(arguments[0]))}",
                              f"({ast.unparse(left)}) {sign} total(each_{name}({each}))")  # fmt: skip
        match ast.parse(arguments[0], mode="eval").body:
            case ast.BinOp(left, operator, right):
                sign, a, b = _SIGNS.get(type(operator), ""), ast.unparse(left), ast.unparse(right)
                if sign:
                    yield Change("moved", f"{b} moved out of {written}", f"{name}({a}) {sign} ({b})")
                    yield Change("moved", f"{a} moved out of {written}", f"({a}) {sign} {name}({b})")
    match name:
        case "total":
            inner = ast.parse(arguments[0], mode="eval").body
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in FUNCTIONS:
                function, of = inner.func.id, ast.unparse(inner.args[0])
                yield Change("moved", f"{function} of the sum for the sum of {function}", f"each_{function}(total({of}))")
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Pow):
                centred = f"centred({ast.unparse(inner.left)}) ** {ast.unparse(inner.right)}"
                yield Change("mean subtracted", f"{ast.unparse(inner.left)} less its mean in {written}", f"total({centred})", 2)
                yield Change("moved", f"the square of the sum for {written}", f"total({ast.unparse(inner.left)}) ** 2")
            yield Change("mean for sum", f"the mean for the sum {written}", f"mean_of({arguments[0]})")
            yield Change("part of a sum", f"the last term left out of {written}", f"total(listed({arguments[0]})[:-1])")
            yield Change("part of a sum", f"the first term left out of {written}", f"total(listed({arguments[0]})[1:])")
            yield Change("part of a sum", f"the first term alone of {written}", f"listed({arguments[0]})[0]", 2)
            yield Change("largest for sum", f"the largest term for {written}", f"largest_of({arguments[0]})", 2)
            yield Change("root for sum", f"the root of {written}", f"sqrt_of({written})")
        case "number" if arguments[0].startswith("len("):
            yield Change("count", f"{written} - 1 for {written}", f"({written} - 1)")
            yield Change("count", f"{written} + 1 for {written}", f"({written} + 1)")
            yield Change("count", f"1 for {written}", "number(1)")
        case "cases":
            for k, branch in enumerate(arguments):
                value = ast.unparse(ast.parse(branch, mode="eval").body.elts[1])  # type: ignore[attr-defined]
                yield Change("branch", f"{value} everywhere, branch {k + 1} of {len(arguments)}", value)
            if len(arguments) == 2:
                (a, x), (b, y) = (map(ast.unparse, ast.parse(branch, mode="eval").body.elts) for branch in arguments)  # type: ignore[attr-defined]
                yield Change("branch", "the two branches exchanged", f"cases(({a}, {y}), ({b}, {x}))")
        case "maximum":
            yield from (Change("branch", f"{argument} for {written}", argument) for argument in arguments)


def _of_parameter(name: str, function: Formula, parameters: tuple[str, ...], parent: ast.AST) -> Iterator[Change]:
    kind = _kind(function, name)
    for other in parameters:
        if other != name and _kind(function, other) == kind:
            yield Change("argument", f"{other} for {name}", other)
    if name == "t" and isinstance(parent, ast.BinOp):
        yield Change("off by one", "t - 1 for t", "(t - 1)")
        yield Change("off by one", "t + 1 for t", "(t + 1)")
        yield Change("bound", "t bounded by κ from above", "at_most(t, κ)", 2)
        yield Change("bound", "t bounded by κ from below", "at_least(t, κ)", 2)
    elif kind == "Expression" and not _is_exponent_of(parent, name):
        yield Change("one minus", f"1 - {name} for {name}", f"(1 - {name})")
        yield Change("square", f"{name} squared", f"({name} * {name})", 2)
        yield Change("own constant", f"κ for {name}", "κ", 2)
    if kind == "Array":
        yield Change("reversed", f"{name} in reversed order", f"{name}[::-1]", 2)
        yield Change("transposed", f"{name} taken for a matrix that is stored the other way round", f"read_transposed({name})")
        yield Change("transposed", f"{name} stored the other way round", f"stored_transposed({name})")


def _of_value(written: str, part: ast.expr) -> Iterator[Change]:
    """Changes that any number may suffer."""
    if isinstance(part, ast.Constant):
        yield Change("own constant", f"κ for {written}", "κ", 2)
        return
    inner = f"({written})"
    yield Change("factor", f"{written} times κ", f"κ * {inner}", 3)
    yield Change("constant added", f"κ added to {written}", f"{inner} + κ", 3)
    yield Change("bound", f"{written} bounded by κ from above", f"at_most({inner}, κ)", 3)
    yield Change("bound", f"{written} bounded by κ from below", f"at_least({inner}, κ)", 3)
    yield Change("bound", f"{written} bounded by κ in size", f"at_least(at_most({inner}, κ), -κ)", 3)
    yield Change("sign", f"the sign of {written} turned", f"-{inner}", 2)
    yield Change("absolute value", f"the absolute value of {written}", f"size({inner})", 2)
    yield Change("square", f"the square of {written}", f"{inner} * {inner}", 3)
    yield Change("root", f"the root of {written}", f"sqrt_of({inner})", 3)
    yield Change("zero", f"0 for {written}", f"0 * {inner}", 3)
    yield Change("not differentiated", f"{written} taken for a constant in the gradient", f"detached({inner})", 1)
    for name in LOWER:
        yield Change("lower precision", f"{written} rounded to {name}", f"rounded_to_{name}({inner})", 3, name)


def right_of(source: str) -> ast.expr:
    """The right operand of a written operation."""
    body = ast.parse(source, mode="eval").body
    assert isinstance(body, ast.BinOp)
    return body.right


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


def _is_condition(part: ast.expr) -> bool:
    """What chooses a branch and is no number."""
    match part:
        case ast.Compare() | ast.Name("OTHERWISE") | ast.Call(ast.Name("within")):
            return True
    return False


def _is_exponent(part: ast.expr, parent: ast.AST) -> bool:
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.right is part


def _is_exponent_of(parent: ast.AST, name: str) -> bool:
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and ast.unparse(parent.right) == name
