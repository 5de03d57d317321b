"""Classes and their instances, reduced to the methods that run and the attributes that are mentioned."""

from __future__ import annotations

import ast
import copy
import dataclasses
import textwrap
from abc import ABCMeta
from collections.abc import Iterator
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.report.lifting.functions import Scope, cut, resolved
from eqwise.conformance.report.lifting.origins import CannotBeLifted, class_definition, definition_of, home_of, lies_in

if TYPE_CHECKING:
    from eqwise.conformance.report.lifting.lifter import Lifter

_OF_PYTHON = {
    "__module__", "__dict__", "__weakref__", "__doc__", "__annotations__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__abstractmethods__", "_abc_impl", "__match_args__", "__parameters__", "__orig_bases__", "__hash__", "__type_params__",
}  # fmt: skip


def decorated(value: Any) -> FunctionType | None:
    """The function that decorators made this object of, where its definition stands in a module under the object's name."""
    inner = value
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    if inner is value or not isinstance(inner, FunctionType) or inner.__globals__.get(inner.__name__) is not value:
        return None
    return inner if getattr(definition_of(inner.__code__), "decorator_list", None) else None


def stands_for(made: type) -> type | None:
    """The one class that this one was made of, adding nothing, as where a plain class is joined with the contract's."""
    own = set(vars(made)) - _OF_PYTHON
    lifted = [base for base in made.__bases__ if base not in (Adapter, object)]
    return lifted[0] if not own and len(lifted) == 1 and Adapter in made.__bases__ else None


def define(lifter: Lifter, made: type, whole: bool) -> str:
    """Defines the class in the script and gives its name."""
    name = lifter.name(made.__name__, made)
    node = class_definition(made)
    if type(made) not in (type, ABCMeta) or issubclass(made, tuple):
        lifter.blocks.append(_as_written(lifter, made, node, name))
        return name
    needless = not any(lifter.reach.called(item) for item in vars(Adapter).values())
    bases = [base for base in made.__bases__ if base is not object and not (base is Adapter and needless)]
    head = f"class {name}({', '.join(lifter.express(base, whole=whole) for base in bases)}):".replace("()", "")
    parts = [part for key, value in vars(made).items() for part in _parts(lifter, made, node, key, value, whole)]
    parts = [*_fields(lifter, made, node), *parts] or ["pass"]
    body = "".join(textwrap.indent(part, "    ") + ("\n\n" if "\n" in part else "\n") for part in parts)
    lifter.blocks.append("\n".join([*_decorators(lifter, made, node), head, body.rstrip()]))
    return name


def _as_written(lifter: Lifter, made: type, node: ast.ClassDef | None, name: str) -> str:
    """The statement of a class that its metaclass makes something else of."""
    if node is None:
        raise CannotBeLifted(f"the class {made.__qualname__} has no source")
    plain = _AnnotatedPlainly().visit(copy.deepcopy(node))
    plain.name = name
    return resolved(lifter, plain, _scope(made), True)


def _decorators(lifter: Lifter, made: type, node: ast.ClassDef | None) -> list[str]:
    """Those that can be imported; what others add to the class is in it."""
    scope = _scope(made)
    parts = [part for part in (node.decorator_list if node else ()) if not _is_home(lifter, part, scope)]
    return [f"@{resolved(lifter, copy.deepcopy(part), scope, True)}" for part in parts]


def _is_home(lifter: Lifter, decorator: ast.expr, scope: Scope) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    found = scope.get(called.id) if isinstance(called, ast.Name) else None
    return isinstance(found, FunctionType) and lifter.is_home(found.__module__)


def _fields(lifter: Lifter, made: type, node: ast.ClassDef | None) -> Iterator[str]:
    """The fields of a dataclass."""
    for statement in node.body if node and "__dataclass_fields__" in vars(made) else ():
        if isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation):
            yield resolved(lifter, _AnnotatedPlainly().visit(copy.deepcopy(statement)), _scope(made), True)


def _parts(lifter: Lifter, made: type, node: ast.ClassDef | None, key: str, value: Any, whole: bool) -> Iterator[str]:
    """What the class defines under one name, where the script needs it."""
    functions = list(_functions(value))
    if not functions:
        is_field = key in getattr(made, "__dataclass_fields__", ()) and "__dataclass_fields__" in vars(made)
        if not is_field and key not in _OF_PYTHON and not key.startswith("__dataclass") and (key == "__slots__" or lifter.mentions(key)):
            yield f"{key} = {lifter.express(value, whole=whole)}"
        return
    if (key in lifter.left_out and issubclass(made, Adapter)) or functions[0].__code__.co_filename.startswith("<"):
        return
    if not any(whole or lifter.reach.ran(function) for function in functions):
        return
    written = [function for function in functions if _stands_in(node, function, made, key)]
    if value is functions[0] and not written and value.__code__.co_name != "<lambda>":
        yield resolved(lifter, cut(lifter, value, key, whole and not lifter.reach.ran(value), decorated=False), Scope.of(value), whole)
        return
    if len(written) < len(functions):
        yield f"{key} = {lifter.express(value, whole=whole)}"
        return
    for function in [written[0], *(f for f in written[1:] if whole or lifter.reach.ran(f))]:  # a setter needs its getter
        left_whole = whole and not lifter.reach.ran(function)
        yield resolved(lifter, cut(lifter, function, key, left_whole, decorated=True), _WithoutOwn.around(function, made), left_whole)


def _functions(value: Any) -> Iterator[FunctionType]:
    """The functions behind what a class holds under one name."""
    if isinstance(value, property):
        candidates: tuple[Any, ...] = (value.fget, value.fset, value.fdel)
    elif isinstance(value, (staticmethod, classmethod)):
        candidates = (value.__func__,)
    else:
        candidates = (value.func,) if isinstance(value, cached_property) else (value,)
    for found in candidates:
        while hasattr(found, "__wrapped__"):
            found = found.__wrapped__
        if isinstance(found, FunctionType):
            yield found


def _stands_in(node: ast.ClassDef | None, function: FunctionType, made: type, key: str) -> bool:
    code = function.__code__
    return node is not None and lies_in(code, node, str(home_of(made.__module__).get("__file__"))) and code.co_name == key


def _scope(made: type) -> Scope:
    return Scope(home_of(made.__module__), {})


class _WithoutOwn(Scope):
    """Around a method: the names of its class are the class's, as in ``@name.setter``."""

    @classmethod
    def around(cls, function: FunctionType, made: type) -> Scope:
        scope = Scope.of(function)
        own = {key for key, value in vars(made).items() if isinstance(value, property)}
        return Scope({name: value for name, value in scope.globals.items() if name not in own}, scope.closure)


class _AnnotatedPlainly(ast.NodeTransformer):
    """Annotations that need nothing."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = ast.Name("object", ast.Load())
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node


def _is_made_plainly(lifter: Lifter, made: type) -> bool:
    """Whether the class as it stands in the script takes no arguments."""
    initials = [vars(base)["__init__"] for base in made.__mro__[:-1] if "__init__" in vars(base)]
    return all(isinstance(f, FunctionType) and not f.__code__.co_filename.startswith("<") and not lifter.reach.ran(f) for f in initials)


def define_instance(lifter: Lifter, value: Any, preferred: str, whole: bool) -> str:
    """Defines an object of a lifted class, as it is now, and gives its name."""
    made = type(value)
    if not hasattr(value, "__dict__"):
        raise CannotBeLifted(f"an object of {made.__qualname__} keeps its state where it cannot be read")
    words = lifter.express(made, whole=whole)
    name = lifter.name(preferred or made.__name__.lower().lstrip("_"), value)
    lines = [f"{name} = {words}()" if _is_made_plainly(lifter, made) else f"{name} = {words}.__new__({words})"]
    for key, item in vars(value).items():
        if lifter.mentions(key) and not (lifter.least and lifter.reach.stores(key)):
            text = lifter.express(item, whole=whole)
            lines.append(f"vars({name})[{key!r}] = {text}" if dataclasses.is_dataclass(made) else f"{name}.{key} = {text}")
    lifter.blocks.append("\n".join(lines))
    return name
