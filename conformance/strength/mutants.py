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


def operations_of(mutation: Mutation) -> list[str]:
    """The operations whose functions reach the changed line, those that reach the least first."""
    changed = _defined_at(mutation.module)[mutation.line]
    reaching = {name: found for name in OPERATIONS if (found := _reached(name)) & changed}
    return sorted(reaching, key=lambda name: len(reaching[name]))


@cache
def _defined_at(module: str) -> Mapping[int, frozenset[str]]:
    """The names that every line of a module has a part in defining."""
    return {
        line: frozenset(_names_of(statement))
        for statement in ast.parse(_source(module)).body
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }


def _names_of(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name
    else:
        yield from (v.id for v in ast.walk(statement) if isinstance(v, ast.Name) and isinstance(v.ctx, ast.Store))


@cache
def _reached(operation: str) -> frozenset[str]:
    """The names that an operation and its gradient use, and those that these use."""
    uses = _uses()
    found: set[str] = set()
    left = [name for name in (operation, f"{operation}_vjp") if name in uses]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += uses[name] & uses.keys()
    return frozenset(found)


@cache
def _uses() -> Mapping[str, set[str]]:
    """By every name that the modules define at their top level, the names that its definition mentions."""
    found: dict[str, set[str]] = {}
    for path in sorted(Path(reference.__path__[0]).glob("*.py")):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            mentioned = {v.id for v in ast.walk(statement) if isinstance(v, ast.Name)}
            mentioned |= {v.attr for v in ast.walk(statement) if isinstance(v, ast.Attribute)}
            for name in _names_of(statement):
                found.setdefault(name, set()).update(mentioned - {name})
    return found


# the reference with one change


def adapter(mutation: Mutation) -> Adapter:
    """The built-in adapter, over the reference with this change; modules that are already loaded keep the pristine one."""
    with _loaded_anew(f"eqwise.reference.{mutation.module}", mutation.source):
        made = importlib.import_module("eqwise.conformance.adapters.reference").ReferenceAdapter()
    return made  # type: ignore[no-any-return]


@contextmanager
def _loaded_anew(changed: str, source: str) -> Iterator[None]:
    """While it lasts, the reference and its adapter are loaded again, one module from another source."""
    kept = {name: module for name, module in sys.modules.items() if name.startswith(_REBUILT)}
    finder = _Source(changed, source)
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
