"""The source of one function, on its own: what it took from around it goes by names of the script."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from eqwise.conformance.report.lifting.origins import CannotBeLifted, Definition, definition_of
from eqwise.conformance.report.lifting.pruning import pruned

if TYPE_CHECKING:
    from eqwise.conformance.report.lifting.lifter import Lifter

MISSING = object()


@dataclass(frozen=True)
class Scope:
    """What names mean where a function was written: its closure, then the globals of its module."""

    globals: Mapping[str, Any]
    closure: Mapping[str, Any]

    @classmethod
    def of(cls, function: FunctionType) -> Scope:
        return cls(function.__globals__, dict(_closed_over(function)))

    def get(self, name: str) -> Any:
        """What the name means; `MISSING` for what nothing defines, and for Python's own."""
        found = self.closure.get(name, self.globals.get(name, MISSING))
        return MISSING if found is getattr(builtins, name, None) else found

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not MISSING


def _closed_over(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name != "__class__":
            try:
                yield name, cell.cell_contents
            except ValueError as error:
                raise CannotBeLifted(f"{function.__qualname__} uses {name}, which has no value yet") from error


def text_of(lifter: Lifter, function: FunctionType, name: str, whole: bool, decorated: bool = False, drop: int = 0) -> str:
    """The function under this name; its decorators stay only where it was `decorated`, its first `drop` parameters go."""
    return resolved(lifter, cut(lifter, function, name, whole, decorated, drop), Scope.of(function), whole)


def cut(lifter: Lifter, function: FunctionType, name: str, whole: bool, decorated: bool, drop: int = 0) -> Definition:
    """The definition of the function, reduced to what the case reaches."""
    node = pruned(definition_of(function.__code__), function.__code__.co_filename, lifter.reach, whole)
    arguments = node.args.posonlyargs or node.args.args
    del arguments[:drop]
    if not isinstance(node, ast.Lambda):
        node.name = name
        node.decorator_list = node.decorator_list if decorated else []
    return node


def resolved(lifter: Lifter, node: ast.AST, scope: Scope, whole: bool) -> str:
    """The source of the node with every name from around it bound in the script."""
    scope = _inner_imports(lifter, node, scope)
    for part in _when_defined(node):
        _bound(lifter, part, scope, whole=True)
    node = _Looked(lifter, scope, whole).visit(_OfModules(lifter, scope, whole).visit(node))
    renamed = {name: new for name, new in _bound(lifter, node, scope, whole).items() if name != new}
    local = locals_of(ast.unparse(node))
    clashing = sorted((set(renamed) | set(renamed.values())) & local)
    if clashing:
        raise CannotBeLifted(f"the name {clashing[0]} means several things in {getattr(node, 'name', 'a lambda')}")
    return ast.unparse(_Renamed(renamed).visit(node))


def _inner_imports(lifter: Lifter, node: ast.AST, scope: Scope) -> Scope:
    """Takes out the imports within the node that a script cannot make; the scope with what they gave."""
    given: dict[str, Any] = {}
    bodies = [getattr(inner, name, None) for inner in ast.walk(node) for name in ("body", "orelse", "finalbody")]
    for body in (found for found in bodies if isinstance(found, list)):
        for position, statement in enumerate(body):
            module = _module_of(statement, scope)
            if module and lifter.is_home(module):
                found = importlib.import_module(module)
                given.update({a.asname or a.name: getattr(found, a.name) for a in statement.names})
                body[position] = ast.copy_location(ast.Pass(), statement)
    return Scope(scope.globals, {**scope.closure, **given}) if given else scope


def _module_of(statement: ast.stmt, scope: Scope) -> str:
    """The module that names are imported from; nothing for other statements."""
    if not isinstance(statement, ast.ImportFrom):
        return ""
    return importlib.util.resolve_name("." * statement.level + (statement.module or ""), scope.globals.get("__package__"))


def _when_defined(node: ast.AST) -> list[ast.AST]:
    """What is evaluated where the function is defined: decorators and defaults."""
    arguments = getattr(node, "args", None)
    defaults = [*arguments.defaults, *filter(None, arguments.kw_defaults)] if isinstance(arguments, ast.arguments) else []
    return [*getattr(node, "decorator_list", ()), *defaults]


def _bound(lifter: Lifter, node: ast.AST, scope: Scope, whole: bool) -> dict[str, str]:
    names = sorted(name for name in globals_of(ast.unparse(node)) if name in scope)
    return {name: lifter.bind(name, scope.get(name), scope, whole) for name in names}


def globals_of(text: str) -> set[str]:
    """The names that the source takes from around it."""
    found = {symbol.get_name() for table in tables(text) for symbol in table.get_symbols() if symbol.is_global()}
    top = symtable.symtable(text, "script", "exec")
    return found | {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}


def locals_of(text: str) -> set[str]:
    """The names that a scope within the source has for itself."""
    inner = [table for table in tables(text) if table.get_type() != "module"]
    return {symbol.get_name() for table in inner for symbol in table.get_symbols() if not symbol.is_global()}


def tables(text: str) -> Iterator[symtable.SymbolTable]:
    """The tables of names of the source and of every scope within."""
    waiting = [symtable.symtable(text, "script", "exec")]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        yield table


class _Looked(ast.NodeTransformer):
    """Answers what this project's own functions answer to literal arguments, such as a function by its name."""

    def __init__(self, lifter: Lifter, scope: Scope, whole: bool) -> None:
        self.lifter, self.scope, self.whole = lifter, scope, whole

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        function = self.scope.get(node.func.id) if isinstance(node.func, ast.Name) else None
        literal = all(isinstance(argument, ast.Constant) for argument in node.args) and node.args and not node.keywords
        if not (literal and isinstance(function, FunctionType) and function.__module__.partition(".")[0] == "eqwise"):
            return node
        found = function(*(argument.value for argument in node.args if isinstance(argument, ast.Constant)))
        if not isinstance(found, (FunctionType, type)):
            return node
        return ast.copy_location(ast.Name(self.lifter.bind(found.__name__, found, self.scope, self.whole), ast.Load()), node)


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.Global:
        node.names = [self.names.get(name, name) for name in node.names]
        return node


class _OfModules(ast.NodeTransformer):
    """Writes `name` for `module.name`, where the module is lifted."""

    def __init__(self, lifter: Lifter, scope: Scope, whole: bool) -> None:
        self.lifter, self.scope, self.whole = lifter, scope, whole

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        module = self.module(node.value)
        found = getattr(module, node.attr, MISSING) if module is not None else MISSING
        if found is MISSING or isinstance(found, ModuleType):
            self.generic_visit(node)
            return node
        name = self.lifter.bind(node.attr, found, Scope(vars(module), {}), self.whole)  # type: ignore[arg-type]
        return ast.copy_location(ast.Name(name, node.ctx), node)

    def module(self, node: ast.AST) -> ModuleType | None:
        """The lifted module that the expression names."""
        if isinstance(node, ast.Name):
            found = self.scope.get(node.id)
        elif isinstance(node, ast.Attribute):
            found = getattr(self.module(node.value), node.attr, None)
        else:
            return None
        return found if isinstance(found, ModuleType) and self.lifter.is_home(found.__name__) else None


