"""Finds the adapter that `--adapter` names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from eqwise.conformance import adapters, waivers
from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.report.text import plain
from eqwise.conformance.stdio.client import StdioAdapter
from eqwise.conformance.stdio.connection import CannotStart, Refusal
from eqwise.conformance.waivers import NOTHING_KNOWN, Known

STDIO = "stdio:"
SERVE = (sys.executable, "-m", "eqwise.conformance.stdio.serve")
APART = ("tfjs",)  # built-in adapters that start a process themselves
BUILT_IN = tuple(module.name for module in pkgutil.iter_modules(adapters.__path__))


class UsageError(ValueError):
    """Something that was asked for cannot be had; one clear line says what and why."""


def load(name: str, options: Mapping[str, str], isolate: bool = False) -> tuple[Adapter, Known]:
    """The adapter, made with its options, and what its waivers file knows of it.

    `name` is a built-in one, ``module:Class``, ``path/to/file.py[:Class]``, an entry point of the group eqwise.adapters, or
    ``stdio:COMMAND`` for one that runs in a process of its own, as any does with `isolate`.
    """
    is_apart = name.startswith(STDIO) or (isolate and not is_foreign(name))
    made = _load_there(name, options) if is_apart else load_here(name, options)
    if not any(callable(getattr(made, operation, None)) for operation in OPERATIONS):
        what = "it" if isinstance(made, StdioAdapter) else f"class {type(made).__name__}"
        raise UsageError(f"adapter {name!r}: {what} offers no operation of the contract, such as 'softplus'")
    for own, meant in _misspelt(made):
        warnings.warn(f"adapter {name!r}: {own!r} is no operation of the contract, and is not judged; is {meant!r} meant?", stacklevel=2)
    beside = waivers_file(made)
    if not beside.is_file():
        return made, NOTHING_KNOWN
    try:
        return made, waivers.read(beside, made.version, options_of(made, options))
    except waivers.WaiverError as error:
        raise UsageError(str(error)) from error


def _misspelt(made: Adapter) -> Iterator[tuple[str, str]]:
    """What an adapter defines under a name that is nearly that of an operation, and that operation, which it does not offer."""
    told = getattr(made, "operations", None)  # by a process: nothing else is among them
    public = (name for name in dir(made) if not name.startswith("_") and not hasattr(Adapter, name) and callable(getattr(made, name)))
    for name in sorted({*(public if told is None else told)} - {*OPERATIONS, "vjp"}):
        near = get_close_matches(name, OPERATIONS, 1, 0.75 if told is None else 0.0)
        if near and not callable(getattr(made, near[0], None)):
            yield name, near[0]


def is_foreign(name: str) -> bool:
    """Whether the adapter of this name runs in a process of its own by itself, in whatever language."""
    return name.startswith(STDIO) or name in APART


def load_here(name: str, options: Mapping[str, str]) -> Adapter:
    """The adapter, made with its options in this process."""
    with np.errstate():  # the framework may change it
        return _made(_class(name), name, options)  # type: ignore[no-any-return]


def _load_there(name: str, options: Mapping[str, str]) -> Adapter:
    """The adapter in a process of its own."""
    try:
        if name.startswith(STDIO):
            return StdioAdapter(shlex.split(name.removeprefix(STDIO)), **options)
        return StdioAdapter([*SERVE, name], **options)
    except Refusal as error:
        raise UsageError(plain(str(error) if not name.startswith(STDIO) else f"adapter {name!r}: {error}")) from error
    except (CannotStart, ValueError) as error:  # of shlex
        raise UsageError(plain(f"adapter {name!r}: {error}")) from error


def options_in(texts: Iterable[str]) -> dict[str, str]:
    """The options that ``KEY=VALUE`` texts give. Raises `UsageError` for a text that is none."""
    pairs = [text.partition("=") for text in texts]
    for key, equals, value in pairs:
        if not (key and equals):
            raise UsageError(f"--adapter-option {key + equals + value!r} is not KEY=VALUE")
    return {key: value for key, _, value in pairs}


def options_of(adapter: Any, given: Mapping[str, str]) -> dict[str, str]:
    """The options that an adapter was made with: those given, and the others' defaults; of another process, as it says."""
    if isinstance(adapter, StdioAdapter):
        return {**adapter.options, **given}
    parameters = inspect.signature(type(adapter)).parameters.values()
    return {**{p.name: str(p.default) for p in parameters if p.default is not p.empty}, **given}


def waivers_file(adapter: Any) -> Path:
    """Where the waivers of an adapter stand, or would stand: beside its source, or where it says in another process."""
    known = getattr(adapter, "known_file", None)
    if known is not None:
        return Path(known)
    return Path(sys.modules[type(adapter).__module__].__file__ or "").with_suffix(".toml")


def _made(found: type, name: str, options: Mapping[str, str]) -> Any:
    whole = found if issubclass(found, Adapter) else type(found.__name__, (found, Adapter), {"__module__": found.__module__})
    try:
        return whole(**options)
    except CannotStart as error:
        raise UsageError(plain(f"adapter {name!r}: {error}")) from error
    except TypeError as error:
        raise UsageError(f"adapter {name!r} does not take the options {dict(options)}: {error}") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"adapter {name!r} cannot be made: {type(error).__name__}: {error}") from error


def _class(name: str) -> type:
    place, _, chosen = name.partition(":")
    if place in BUILT_IN:
        return _chosen(_imported(f"eqwise.conformance.adapters.{place}", name), chosen, name)
    if place.endswith(".py"):
        return _chosen(_from_file(Path(place)), chosen, name)
    for point in entry_points(group="eqwise.adapters", name=name):
        return _only_class(point.load(), name)
    if ":" in name:
        return _chosen(_imported(place, name), chosen, name)
    raise UsageError(
        f"no adapter {name!r}: the built-in ones are {', '.join(BUILT_IN)}; "
        "others are given as module:Class, path/to/file.py or stdio:COMMAND"
    )


def _only_class(found: Any, name: str) -> type:
    if not isinstance(found, type):
        raise UsageError(f"adapter {name!r} is a {type(found).__name__}, not a class")
    return found


def _imported(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing, extra = (error.name or "").partition(".")[0], name.partition(":")[0]
        if extra in BUILT_IN and missing not in ("", "eqwise"):
            raise UsageError(f"adapter {extra!r} needs {missing}, which is not installed: pip install 'eqwise[{extra}]'") from error
        raise UsageError(f"adapter {name!r} cannot be imported: {error}") from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"no adapter file {str(path)!r}")
    spec = importlib.util.spec_from_file_location(f"eqwise_adapter_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    folder = str(path.parent.resolve())
    sys.path += [folder] if folder not in sys.path else []  # where a module beside it is found, after all others
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"adapter file {str(path)!r} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _chosen(module: ModuleType, chosen: str, name: str) -> type:
    if chosen:
        if not hasattr(module, chosen):
            raise UsageError(f"adapter {name!r}: there is no class {chosen!r} in {module.__name__}")
        return _only_class(getattr(module, chosen), name)
    own = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__ and _offers(c)]
    classes = [c for c in own if hasattr(c, "dtypes")] or own  # an optimizer has a method `step` too, but no dtypes
    if len(classes) != 1:
        names = ", ".join(c.__name__ for c in classes) or "none"
        raise UsageError(f"adapter {name!r} must name its class, as in file.py:Class; classes that offer operations: {names}")
    return classes[0]


def _offers(found: type) -> bool:
    return issubclass(found, Adapter) or any(callable(getattr(found, operation, None)) for operation in OPERATIONS)
