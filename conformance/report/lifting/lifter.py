"""Objects as source: what can be imported is, everything else is defined in the script, after what it needs."""

from __future__ import annotations

import builtins
import functools
import keyword
import sys
from collections.abc import Iterable, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from eqwise.conformance.report import literals
from eqwise.conformance.report.lifting import classes
from eqwise.conformance.report.lifting.functions import Scope, resolved, text_of
from eqwise.conformance.report.lifting.origins import CannotBeLifted, assignment, import_of, imported_path, is_imported, is_shadowed
from eqwise.conformance.report.lifting.reach import Reach

NOT_REACHED = "..."
_OPEN = {list: "[{}]", tuple: "({})", set: "{{{}}}", frozenset: "frozenset([{}])"}


class Lifter:
    """Collects the imports and the definitions of a script; every object has one name in it."""

    def __init__(self, reach: Reach, own: Iterable[str], words: Iterable[str] = (), least: bool = False) -> None:
        self.reach, self.own, self.words = reach, frozenset(own), frozenset(words)
        self.least = least  # whether objects start without what the calls give them
        self.imports: dict[str, None] = {"import numpy as np": None}
        self.blocks: list[str] = []
        self.taken: dict[str, Any] = {name: None for name in (*dir(builtins), *keyword.kwlist, "sys")}
        self.known: dict[int, str] = {}
        self.bound: dict[tuple[str, int], str] = {}
        self.left_out: frozenset[str] = frozenset()  # methods of the adapter that its class can do without
        self.name("np", np)

    def is_home(self, module: str) -> bool:
        """Whether what the module defines has to be lifted."""
        return module in self.own or not is_imported(module)

    def mentions(self, name: str) -> bool:
        """Whether anything that is lifted mentions the name."""
        return self.reach.everything or name in self.mentioned

    @functools.cached_property
    def mentioned(self) -> set[object]:
        """What the case and everything that is lifted mention."""
        return self.reach.words(self.is_home) | self.words

    def name(self, preferred: str, value: Any) -> str:
        """A name for the object that nothing else has."""
        name, count = preferred, 1
        while name in self.taken:
            count += 1
            name = f"{preferred}_{count}"
        self.taken[name] = value
        self.known[id(value)] = name
        return name

    def bind(self, name: str, value: Any, scope: Scope, whole: bool) -> str:
        """The name in the script of what a function calls `name`."""
        if (name, id(value)) not in self.bound:
            self.bound[name, id(value)] = self._bound(name, value, scope, whole)
        return self.bound[name, id(value)]

    def _bound(self, name: str, value: Any, scope: Scope, whole: bool) -> str:
        try:
            text = self.express(value, name, whole)
        except CannotBeLifted:
            node, origin = assignment(name, scope.globals), import_of(name, scope.globals)
            if origin and name not in scope.closure and not self.is_home(origin[0]):
                return self._import(*origin, name, value)
            if node is None or name in scope.closure:
                raise
            text = resolved(self, node, scope, True)
        if text.isidentifier():
            return text
        if isinstance(value, (list, dict, set, np.ndarray)) or not _is_plain(value):
            final = self.name(name, value)
        else:
            final = self.name(name, object())
            self.taken[final] = value
        self.blocks.append(f"{final} = {text}")
        return final

    def express(self, value: Any, preferred: str = "", whole: bool = False) -> str:
        """An expression that gives the object, after what it needs is defined."""
        if id(value) in self.known and self.taken[self.known[id(value)]] is value:
            return self.known[id(value)]
        if isinstance(value, ModuleType):
            return self._module(value, preferred, whole)
        if _is_plain(value):
            return literals.number(value) if type(value) is float else repr(value)
        if isinstance(value, (type, FunctionType)) and self.is_home(_module_of(value)):
            return self._class(value, whole) if isinstance(value, type) else self._function(value, preferred, whole)
        return self._imported(value, preferred) or self._made(value, preferred, whole)

    # what is imported

    def _module(self, module: ModuleType, preferred: str, whole: bool) -> str:
        name = module.__name__
        if not self.is_home(name):
            alias = self.name(preferred or name.rpartition(".")[2], module)
            parent, _, last = name.rpartition(".")
            plain = f"from {parent} import {alias}" if parent and last == alias else f"import {name} as {alias}"
            self.imports[f"import {name}" if alias == name else plain] = None
            return alias
        functions = {key: item for key, item in vars(module).items() if isinstance(item, FunctionType) and self.reach.ran(item)}
        self.imports["from types import SimpleNamespace"] = None
        return f"SimpleNamespace({', '.join(f'{key}={self.express(item, key, whole)}' for key, item in functions.items())})"

    def _imported(self, value: Any, preferred: str) -> str | None:
        name = getattr(value, "__name__", None)
        for alias, module in self.taken.items():
            if isinstance(module, ModuleType) and isinstance(name, str) and getattr(module, name, None) is value:
                return f"{alias}.{name}"
        path = imported_path(value)
        if path is None or path[0] == "builtins":
            return path and path[1]
        if (preferred or is_shadowed(path[0])) and path[1].isidentifier():
            return self._import(*path, preferred or path[1], value)
        return f"{self.express(sys.modules[path[0]])}.{path[1]}"

    def _import(self, module: str, there: str, preferred: str, value: Any) -> str:
        name = self.name(preferred, value)
        self.imports[f"from {module} import {there}" + (f" as {name}" if name != there else "")] = None
        return name

    # what is lifted

    def _class(self, made: type, whole: bool) -> str:
        if getattr(builtins, made.__name__, None) is made:
            return made.__name__
        only = classes.stands_for(made)
        return self.express(only, whole=whole) if only else classes.define(self, made, whole)

    def _function(self, function: FunctionType, preferred: str, whole: bool) -> str:
        if not (whole or self.reach.ran(function)):
            return NOT_REACHED
        inner = classes.decorated(function)
        if inner is not None:
            return self._define(function, inner, not self.reach.ran(inner))
        return self._define(function, function, whole and not self.reach.ran(function), preferred)

    def _define(self, value: Any, function: FunctionType, whole: bool, preferred: str = "") -> str:
        """A definition, with its decorators where what they made of the function is the object."""
        if function.__code__.co_name == "<lambda>" and not preferred:
            return f"({text_of(self, function, '', whole)})"
        name = self.name(function.__name__ if function.__name__.isidentifier() else preferred, value)
        text = text_of(self, function, name, whole, decorated=value is not function)
        self.blocks.append(text if text.startswith(("def ", "@", "async ")) else f"{name} = {text}")
        return name

    def _made(self, value: Any, preferred: str, whole: bool) -> str:
        """An object by what it is made of."""
        give = functools.partial(self.express, whole=whole)
        match value:
            case list() | tuple() | set() | frozenset() if type(value) in _OPEN:
                items = ", ".join(map(give, value)) + ("," if isinstance(value, tuple) and len(value) == 1 else "")
                return _OPEN[type(value)].format(items) if value else f"{type(value).__name__}()"
            case Mapping() if type(value) is dict or type(value).__name__ == "mappingproxy":
                return _laid_out([f"{give(key)}: {give(item)}" for key, item in value.items()])
            case functools.partial():
                self.imports["import functools"] = None
                named = [f"{key}={give(item)}" for key, item in value.keywords.items()]
                return f"functools.partial({', '.join([give(value.func), *map(give, value.args), *named])})"
            case MethodType():
                if isinstance(value.__func__, FunctionType) and not (whole or self.reach.ran(value.__func__)):
                    return NOT_REACHED
                return f"{give(value.__self__)}.{value.__func__.__name__}"
            case staticmethod() | classmethod():
                return f"{type(value).__name__}({give(value.__func__)})"
            case property():
                return f"property({', '.join(give(part) if part else 'None' for part in (value.fget, value.fset, value.fdel))})"
            case np.dtype() | np.generic() | np.ndarray():
                return self._of_numpy(value)
        inner = classes.decorated(value)
        if inner is not None:
            return self._define(value, inner, not self.reach.ran(inner))
        if self.is_home(type(value).__module__):
            return classes.define_instance(self, value, preferred, whole)
        made, arguments, *state = _reduced(value)
        if made is type(value) and not any(state):
            return f"{give(made)}({', '.join(map(give, arguments))})"
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise CannotBeLifted(f"an object of {kind} has no source: make it at the top of the adapter's module")

    def _of_numpy(self, value: Any) -> str:
        kind = value if isinstance(value, np.dtype) else value.dtype
        if kind.kind == "V":
            self.imports["import ml_dtypes"] = None
        if isinstance(value, np.dtype):
            return f"np.dtype({literals.dtype(value)})"
        if kind.kind not in "biufV":
            raise CannotBeLifted(f"an array of {kind} has no source")
        try:
            return literals.array(value) if isinstance(value, np.ndarray) else f"{literals.dtype(kind)}({literals.item(value)})"
        except ValueError as error:
            raise CannotBeLifted(str(error)) from error


def _module_of(value: Any) -> str:
    return str(value.__globals__.get("__name__")) if isinstance(value, FunctionType) else str(value.__module__)


def _reduced(value: Any) -> tuple[Any, ...]:
    """What pickle takes an object for: what makes it, the arguments, and what is set afterwards."""
    try:
        reduced = value.__reduce_ex__(2)
    except Exception:  # whatever the class raises
        reduced = None
    return reduced if isinstance(reduced, tuple) else (None, ())


def _is_plain(value: Any) -> bool:
    return value is None or value is ... or type(value) in (bool, int, float, complex, str, bytes)


def _laid_out(entries: list[str]) -> str:
    one_line = "{" + ", ".join(entries) + "}"
    return one_line if len(one_line) <= 100 else "{\n" + "".join(f"    {entry},\n" for entry in entries) + "}"

