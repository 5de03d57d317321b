"""Where an object comes from: what a script can import, and the source of what it cannot."""

from __future__ import annotations

import ast
import copy
import linecache
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FIND = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"


class CannotBeLifted(Exception):
    """There is no source of something that a script would need, and why."""


@lru_cache(maxsize=256)
def is_imported(module: str) -> bool:
    """Whether a script can import the module wherever the framework is installed: never this project's own."""
    package = module.partition(".")[0]
    return package != "eqwise" and (package in sys.stdlib_module_names or _is_installed(package))


@lru_cache(maxsize=256)
def _is_installed(package: str) -> bool:
    """Whether a Python finds it that has neither this process's paths nor its folder."""
    if package in ("", "__main__", "None"):
        return False
    return subprocess.run([sys.executable, "-I", "-c", _FIND, package], capture_output=True, check=False).returncode == 0


def paths(value: Any) -> Iterator[tuple[str, str]]:
    """The modules and names under which an imported object may be known, the likeliest first."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if isinstance(name, str):
        for module in (getattr(value, "__module__", None), "numpy", "scipy.special"):
            if isinstance(module, str):
                yield module, name
    module, _, attribute = repr(value).rpartition(".") if len(repr(value)) < 80 else ("", "", "")
    if module and attribute.isidentifier():  # torch.float64
        yield module, attribute


def imported_path(value: Any) -> tuple[str, str] | None:
    """The module and the name under which a script gets this very object, None where there is no such name."""
    return next(
        (
            (module, name)
            for module, name in paths(value)
            if module in sys.modules and is_imported(module) and _at(sys.modules[module], name) is value
        ),
        None,
    )


def _at(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def home_of(module: str) -> dict[str, Any]:
    """The global names of a module."""
    return vars(sys.modules[module]) if module in sys.modules else {}


@lru_cache(maxsize=64)
def tree_of(file: str) -> ast.Module:
    """The source of a file; `CannotBeLifted` where there is none."""
    text = "".join(linecache.getlines(file))
    if not text:
        raise CannotBeLifted(f"there is no source of {file}")
    return ast.parse(text)


def definition_of(code: CodeType) -> Definition:
    """The definition or lambda that this code was compiled from."""
    found = [node for node in ast.walk(tree_of(code.co_filename)) if isinstance(node, Definition) and _is_compiled_to(node, code)]
    if not found:
        raise CannotBeLifted(f"the source of {code.co_qualname} is not where it was compiled from")
    return min(found, key=lambda node: _span(node)[1])  # of lambdas within lambdas the innermost


def _is_compiled_to(node: Definition, code: CodeType) -> bool:
    if not isinstance(node, ast.Lambda):
        return code.co_name == node.name and code.co_firstlineno == first_line(node)
    (first, last), places = _span(node), [p for p in code.co_positions() if None not in p and p[2:] != (0, 0)]
    inside = all(first <= (p[0], p[2]) and (p[1], p[3]) <= last for p in places)  # type: ignore[operator]
    return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno and inside


def _span(node: Definition) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the body begins and ends."""
    body = node.body if isinstance(node, ast.Lambda) else node
    return (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """The line of the first decorator, or else of the definition."""
    return min((decorator.lineno for decorator in node.decorator_list), default=node.lineno)


def class_definition(made: type) -> ast.ClassDef | None:
    """The statement that made the class, None where it was made otherwise."""
    file = getattr(sys.modules.get(made.__module__), "__file__", None)
    if file is None:
        return None
    scope: Any = tree_of(file)
    for name in (part for part in made.__qualname__.split(".") if part != "<locals>"):
        scope = next((n for n in _scoped(scope) if n.name == name), None)
        if scope is None:
            return None
    return scope if isinstance(scope, ast.ClassDef) and _belongs(made, scope, file) else None


def _scoped(scope: ast.AST) -> Iterator[Any]:
    """The definitions directly within a scope, in its branches and loops too; the last of a name counts."""
    nested = [node for node in ast.walk(scope) if node is not scope and isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return reversed(nested)


def _belongs(made: type, node: ast.ClassDef, file: str) -> bool:
    codes = [code for value in vars(made).values() if (code := code_of(value)) is not None and not code.co_filename.startswith("<")]
    return not codes or any(lies_in(code, node, file) for code in codes)


def lies_in(code: CodeType, node: ast.ClassDef, file: str) -> bool:
    """Whether the code was compiled from this class statement."""
    return code.co_filename == file and node.lineno <= code.co_firstlineno <= (node.end_lineno or 0)


def code_of(value: Any) -> CodeType | None:
    """The code of a function, or of what stands for one in a class."""
    for name in ("__func__", "fget", "func", "__wrapped__"):
        value = getattr(value, name, None) or value
    return getattr(value, "__code__", None)



def is_shadowed(module: str) -> bool:
    """Whether a package calls something else by the name of this module of its own, as functions are often called as their file."""
    parent, _, last = module.rpartition(".")
    return bool(parent) and getattr(sys.modules.get(parent), last, None) is not sys.modules.get(module)


def import_of(name: str, globals_: Mapping[str, Any]) -> tuple[str, str] | None:
    """The module from which the name is imported at the top level, and the name there; None where it is not."""
    file = globals_.get("__file__")
    body = tree_of(file).body if isinstance(file, str) else []
    for node in (node for node in body if isinstance(node, ast.ImportFrom) and not node.level):
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                return str(node.module), alias.name
    return None


def assignment(name: str, globals_: Mapping[str, Any]) -> ast.expr | None:
    """What the module assigns to the name, once and at its top level; None where it does not."""
    file = globals_.get("__file__")
    body = tree_of(file).body if isinstance(file, str) else []
    found = [
        node.value
        for node in body
        if (isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name])
        or (isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name)
    ]
    return copy.deepcopy(found[0]) if len(found) == 1 else None
