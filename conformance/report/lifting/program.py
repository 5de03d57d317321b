"""The program that a script needs around the calls of a case: the adapter, reduced to what they reach."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.case import Call, Case, replay
from eqwise.conformance.report.lifting.functions import text_of
from eqwise.conformance.report.lifting.lifter import Lifter
from eqwise.conformance.report.lifting.origins import CannotBeLifted
from eqwise.conformance.report.lifting.reach import Reach, reached

_CONVERSIONS = ("from_numpy", "to_numpy")


@dataclass(frozen=True)
class Program:
    """Lines that import, definitions in their order, and the expression by which each method of the adapter is called.

    A conversion that is the base class's own, which changes nothing, has no expression. `names` are taken. The `environment` is
    set before the imports.
    """

    imports: tuple[str, ...]
    definitions: tuple[str, ...]
    methods: Mapping[str, str]
    names: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)


def traced(adapter: Adapter, case: Case) -> Reach:
    """What the calls of the case reach."""
    return reached(lambda: replay(adapter, case), (replay.__module__, __name__))


def lifted(adapter: Adapter, case: Case, reach: Reach, least: bool = False) -> Program:
    """What the case needs of the adapter, reduced to what it reaches. Raises `CannotBeLifted`.

    With `least`, objects start without the attributes that the calls themselves give a value.
    """
    lifter = Lifter(reach, _own_modules(adapter), _words(case), least)
    names = dict.fromkeys((*(call.method for call in case.calls if call.of is None), *_CONVERSIONS))
    try:
        return _program(lifter, adapter, [name for name in names if not _is_plain(adapter, name)])
    except RecursionError as error:
        raise CannotBeLifted("its objects refer to each other without end") from error


def _program(lifter: Lifter, adapter: Adapter, names: list[str]) -> Program:
    found = {name: _by_itself(lifter, adapter, name) for name in names}
    lifter.left_out = frozenset(n for n in names if found[n] and not lifter.reach.called(getattr(type(adapter), n, None)))
    if not all(found.values()):
        made = lifter.express(adapter, "adapter")
        found = {name: text or f"{made}.{name}" for name, text in found.items()}
    methods = {name: text for name, text in found.items() if text}
    imports = tuple(sorted(lifter.imports, key=_import_order))
    return Program(imports, tuple(lifter.blocks), methods, frozenset(lifter.taken), adapter.environment)


def _by_itself(lifter: Lifter, adapter: Adapter, name: str) -> str | None:
    """The method as a function, where it needs nothing of the adapter."""
    found = inspect.getattr_static(adapter, name)
    if isinstance(found, staticmethod):
        return lifter.express(found.__func__, name)
    if name in vars(adapter):
        return lifter.express(getattr(adapter, name), name)
    if not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        return None
    trial = Lifter(lifter.reach, lifter.own, lifter.words)
    text = text_of(trial, found, name, lifter.reach.everything)
    parsed: Any = ast.parse(text).body[0]
    first = (parsed.args.posonlyargs + parsed.args.args)[0].arg if isinstance(parsed, ast.FunctionDef) else ""
    if not first or first in {node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)} or "super" in text:
        return None
    final = lifter.name(name, object())
    lifter.blocks.append(text_of(lifter, found, final, lifter.reach.everything, drop=1))
    return final


def _is_plain(adapter: Adapter, name: str) -> bool:
    return name in _CONVERSIONS and inspect.getattr_static(adapter, name) is vars(Adapter)[name]


def _own_modules(adapter: Adapter) -> set[str]:
    """The modules of the adapter's class and of the classes it is made of, which no script imports."""
    made = type(adapter)
    first = next((base for base in made.__bases__ if base is not Adapter), made)
    return {made.__module__, first.__module__ if Adapter in made.__bases__ and first is not object else made.__module__}


def _words(case: Case) -> Iterator[str]:
    """The methods and texts by which a case asks."""
    for call in case.calls:
        yield call.method
        yield from _texts(call)


def _texts(call: Call) -> Iterator[str]:
    yield from (item for item in (*call.arguments, *call.named.values()) if isinstance(item, str))


def _import_order(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line
