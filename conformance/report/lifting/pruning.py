"""A definition without what a case does not reach, and without what only readers and tools of its own project need."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence

from eqwise.conformance.report.lifting.origins import Definition
from eqwise.conformance.report.lifting.reach import Reach

_PURE = {"abs", "all", "any", "getattr", "hasattr", "isinstance", "len", "max", "min", "type"}
_ELLIPSIS = ast.Expr(ast.Constant(...))


def pruned(node: Definition, file: str, reach: Reach, whole: bool) -> Definition:
    """A copy without annotations; without the statements that did not run, unless it is to stay whole."""
    made = _Plain().visit(copy.deepcopy(node))
    if not isinstance(made, ast.Lambda):
        ran = lambda statement: reach.line_ran(file, statement.lineno, statement.end_lineno)  # noqa: E731
        made.body = _Reached(ran).within(made.body) if not whole else [_nested(s, file, reach) for s in made.body]
    return made  # type: ignore[no-any-return]


def _nested(statement: ast.stmt, file: str, reach: Reach) -> ast.stmt:
    """A statement of a function that ran before, such as a decorator: the functions that it made may have run since."""
    if isinstance(statement, ast.FunctionDef):
        ran = any(reach.line_ran(file, inner.lineno, inner.end_lineno or 0) for inner in statement.body)
        return pruned(statement, file, reach, not ran)  # type: ignore[return-value]
    return statement


class _Plain(ast.NodeTransformer):
    """Leaves out annotations, and all but the first line of docstrings."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            first.value = ast.Constant(first.value.value.strip().partition("\n")[0].rstrip())
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        return ast.copy_location(ast.Pass() if node.value is None else ast.Assign([node.target], node.value), node)


class _Reached:
    """Leaves out statements that did not run, and the tests that led to them."""

    def __init__(self, ran: Callable[[ast.stmt], bool]) -> None:
        self.ran = ran

    def within(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """The statements of a body that ran; `...` where none did."""
        return self.left(body) or [_ELLIPSIS]

    def left(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        return [kept for statement in body if self.ran(statement) or _says(statement) for kept in self.statement(statement)]

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """What stands for a statement that ran."""
        if isinstance(node, ast.If):
            return self.branch(node)
        if isinstance(node, ast.Try):
            return self.attempt(node)
        if isinstance(node, ast.ClassDef):
            return [node]
        for name in ("body", "orelse"):
            if getattr(node, name, None):
                setattr(node, name, self.within(getattr(node, name)) if name == "body" else self.left(getattr(node, name)))
        for case in getattr(node, "cases", ()):
            case.body = self.within(case.body)
        return [node]

    def branch(self, node: ast.If) -> list[ast.stmt]:
        """The branch that alone was taken, without the question, where asking it changes nothing."""
        body, other = self.left(node.body), self.left(node.orelse)
        alone = other if not body else body if node.orelse and not other else None
        if alone is not None and _is_pure(node.test):
            return alone
        return [ast.copy_location(ast.If(node.test, body or [_ELLIPSIS], other), node)]

    def attempt(self, node: ast.Try) -> list[ast.stmt]:
        """The body alone, where nothing was raised and nothing follows."""
        node.body, node.orelse, node.finalbody = self.left(node.body), self.left(node.orelse), self.left(node.finalbody)
        caught = [handler for handler in node.handlers if self.left(handler.body)]
        if not (caught or node.finalbody):
            return [*node.body, *node.orelse]
        node.handlers = caught
        return [node]


def _says(statement: ast.stmt) -> bool:
    """Whether it is a docstring or a declaration of names, which never run."""
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, (ast.Global, ast.Nonlocal))


def _is_pure(test: ast.expr) -> bool:
    calls = [node for node in ast.walk(test) if isinstance(node, (ast.Call, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom))]
    return all(isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _PURE for call in calls)
