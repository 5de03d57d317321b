"""Mutants of the reference as wrong implementations: what reaches the changed line is judged, the most direct operation first."""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from eqwise import reference
from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.strength.mutation import Mutation, mutations

MODULES = (  # of the reference that compute what the equations say
    "arithmetic", "perceptron", "network", "activations", "metrics", "losses", "gradient_descent", "backpropagation", "pairs",
    "optimizers", "initialization", "regularization", "batch_normalization",
)  # fmt: skip
_REBUILT = ("eqwise.reference", "eqwise.conformance.adapters.reference")


@cache
def all_of() -> Mapping[str, Mutation]:
    """Every mutant of the modules by name, in the order of the modules and their lines."""
    return {made.name: made for module in MODULES for made in mutations(module, _source(module))}


def _source(module: str) -> str:
    return (Path(reference.__path__[0]) / f"{module}.py").read_text(encoding="utf-8")


# which operations a line can change


Name = tuple[str, str]  # a module of the reference, and what it defines at its top level


def operations_of(mutation: Mutation) -> list[str]:
    """The operations whose functions reach the changed line, those that reach the least first; none where only our own system does."""
    changed = _defined_at(mutation.module)[mutation.line]
    reaching = {name: found for name in OPERATIONS if (found := _reached(name)) & changed}
    return sorted(reaching, key=lambda name: len(reaching[name]))


@cache
def _defined_at(module: str) -> Mapping[int, frozenset[Name]]:
    """The names that every line of a module has a part in defining."""
    return {
        line: frozenset((module, name) for name in _names_of(statement))
        for statement in ast.parse(_source(module)).body
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }


def _names_of(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name
    else:
        yield from (v.id for v in ast.walk(statement) if isinstance(v, ast.Name) and isinstance(v.ctx, ast.Store))


@cache
def _reached(operation: str) -> frozenset[Name]:
    """What an operation and its gradient use, and what that uses."""
    uses = _uses()
    found: set[Name] = set()
    left = [name for name in uses if name[0] in MODULES and name[1] in (operation, f"{operation}_vjp")]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += uses[name]
    return frozenset(found)


@cache
def _uses() -> Mapping[Name, set[Name]]:
    """By everything that the modules define at their top level, what its definition mentions of the reference."""
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(Path(reference.__path__[0]).glob("*.py"))}
    defined = {(module, name) for module, tree in trees.items() for statement in tree.body for name in _names_of(statement)}
    found: dict[Name, set[Name]] = {name: set() for name in defined}
    for module, tree in trees.items():
        imported = dict(_imports(tree))
        for statement in tree.body:
            mentioned = {one for node in ast.walk(statement) if (one := _mentioned(node, module, imported)) in defined}
            for name in _names_of(statement):
                found[module, name] |= mentioned - {(module, name)}  # type: ignore[arg-type]
    return found


def _imports(tree: ast.Module) -> Iterator[tuple[str, Name]]:
    """Each name that is imported from the reference; a module is (its name, "")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eqwise.reference"):
            module = (node.module or "").removeprefix("eqwise.reference").removeprefix(".")
            yield from ((one.asname or one.name, (module, one.name) if module else (one.name, "")) for one in node.names)


def _mentioned(node: ast.AST, module: str, imported: Mapping[str, Name]) -> Name | None:
    match node:
        case ast.Name(id=name):
            return imported.get(name, (module, name))
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if imported.get(name, ("", "?"))[1] == "":
            return imported[name][0], attribute
    return None


# the reference with one change


def adapter(mutation: Mutation) -> Adapter:
    """The built-in adapter, over the reference with this change; modules that are already loaded keep the pristine one."""
    with loaded(mutation):
        made = importlib.import_module("eqwise.conformance.adapters.reference").ReferenceAdapter()
    return made  # type: ignore[no-any-return]


@contextmanager
def loaded(mutation: Mutation) -> Iterator[None]:
    """While it lasts, the reference and its adapter are loaded again, with this change."""
    kept = {name: module for name, module in sys.modules.items() if name.startswith(_REBUILT)}
    finder = _Source(f"eqwise.reference.{mutation.module}", mutation.source)
    for name in kept:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.startswith(_REBUILT)]:
            del sys.modules[name]
        sys.modules.update(kept)
        for name, module in kept.items():
            parent, _, own = name.rpartition(".")
            setattr(sys.modules[parent], own, module)


class _Source(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, whose source is given."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, f"<a mutant of {self.name}>", "exec"), vars(module))
