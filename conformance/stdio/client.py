"""An adapter whose framework lives in another process: NumPy's arrays here, messages in between."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

from eqwise.conformance import stdio
from eqwise.conformance.adapter import OPERATIONS, Adapter, NotOffered
from eqwise.conformance.stdio.connection import LIMIT, PROTOCOL, CannotStart, Connection, Raised
from eqwise.conformance.stdio.process import Failure
from eqwise.conformance.stdio.values import NotAValue, brief, decoded, encoded
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS

OWN = ("time_limit", "known")  # the options that the suite keeps for itself


class StdioAdapter(Adapter):
    """What a command offers. Its options go to the command, but for `time_limit`, in seconds, and `known`, a waivers file.

    Raises `CannotStart` where the command does not say hello as the protocol asks.
    """

    def __init__(self, command: Sequence[str], **options: str) -> None:
        if not command:
            raise CannotStart("it names no command")
        given = {name: value for name, value in options.items() if name not in OWN}
        self._gone: list[tuple[int, int]] = []  # objects that nobody here holds any more
        self.connection = Connection(command, given, _seconds(options.get("time_limit")))
        weakref.finalize(self, self.connection.stop)
        self.hello = hello = checked_hello(self.connection.start())
        self.name, self.version = hello["name"], hello["version"]  # type: ignore[misc]
        self.dtypes, self.reduction = tuple(hello["dtypes"]), hello.get("reduction", {})  # type: ignore[misc]
        self.settings, self.seed_bits = hello.get("settings", {}), hello.get("seed_bits", 32)  # type: ignore[misc]
        self.operations, self.options = frozenset(hello["operations"]), hello.get("options", {})
        self.known_file = Path(options.get("known", hello.get("known", "")))
        if "known" in options and not self.known_file.is_file():
            raise CannotStart(f"there is no file known={options['known']!r}")

    def offers(self, operation: str) -> bool:
        return operation in self.operations

    def __getattr__(self, name: str) -> Any:
        if name in OPERATIONS and name in self.operations:
            return _Method(self, name)
        if name == "vjp" and name in self.operations:
            return self._vjp
        raise AttributeError(f"the process does not offer {name!r}")

    @staticmethod
    def schema() -> Any:
        """The JSON Schema of every message."""
        return json.loads(resources.files(stdio).joinpath("schema.json").read_text(encoding="utf-8"))

    def echo(self, array: Array) -> Any:
        return self.asked("echo", value=array)

    def _vjp(self, operation: str, inputs: Sequence[Any], cotangent: Any, **hyper: Any) -> Any:
        return self.asked("vjp", operation=operation, inputs=list(inputs), cotangent=cotangent, hyper=hyper)

    def asked(self, method: str, hyper: Mapping[str, Any] | None = None, **fields: Any) -> Any:
        """The answer to a request, with objects for what stays on the other side. Raises `NotOffered`, `Failure`."""
        functions: list[Callable[..., Any]] = []

        def other(value: Any) -> Any:
            if not callable(value):
                raise NotAValue(f"a {type(value).__name__} has no form in a message")
            functions.append(value)
            return {"function": len(functions) - 1}

        self._release()
        message = {name: encoded(value, other) for name, value in fields.items()}
        if hyper is not None:
            message["hyper"] = {name: encoded(value, other) for name, value in hyper.items()}
        try:
            return decoded(self.connection.request(method, message, functions), self._object)
        except NotAValue as error:
            self.connection.stop(0)
            raise Failure(f"got a wrong value: {error}") from error

    def _object(self, value: Mapping[str, Any]) -> RemoteObject:
        match value:
            case {"object": int(number), "methods": list(methods), "attributes": list(attributes)} if len(value) == 3:
                return RemoteObject(self, number, methods, attributes)
        raise NotAValue(f"{brief(value)} is no value")

    def let_go(self, generation: int, number: int) -> None:
        """Nobody here holds the object any more."""
        self._gone.append((generation, number))

    def _release(self) -> None:
        """Tell the process, if it is still the one that the objects live in."""
        gone, self._gone = self._gone, []
        numbers = [number for generation, number in gone if generation == self.connection.generation]
        if numbers and self.connection.process is not None:
            with suppress(Raised, NotOffered):
                self.connection.request("release", {"objects": numbers})


class _Method:
    """An operation, called as the contract has it: inputs by position or name, hyper-parameters by name."""

    def __init__(self, adapter: StdioAdapter, name: str) -> None:
        self.adapter, self.entry = adapter, OPERATIONS[name]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        names = (*self.entry.inputs, *self.entry.hyper)
        if len(arguments) > len(names):
            raise TypeError(f"{self.entry.name} takes {', '.join(names)}")
        given = {**dict(zip(names, arguments, strict=False)), **named}
        inputs = [given.pop(name) for name in self.entry.inputs if name in given]
        return self.adapter.asked("call", given, operation=self.entry.name, inputs=inputs)


class RemoteObject:
    """An optimizer or a layer of the other side."""

    def __init__(self, adapter: StdioAdapter, number: int, methods: Sequence[str], attributes: Sequence[str]) -> None:
        self.__dict__.update(_adapter=adapter, number=number, _methods=methods, _attributes=attributes)
        self.__dict__["_generation"] = adapter.connection.generation
        weakref.finalize(self, adapter.let_go, adapter.connection.generation, number).atexit = False

    def __getattr__(self, name: str) -> Any:
        if name in self._methods:
            return lambda *inputs, **hyper: self._asked("invoke", name=name, inputs=list(inputs), hyper=hyper)
        if name in self._attributes:
            return self._asked("get", name=name)
        raise AttributeError(f"the object has no {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            self._asked("set", name=name, value=value)
        except NotOffered as reason:
            raise AttributeError(str(reason)) from reason

    def _asked(self, method: str, **fields: Any) -> Any:
        connection = self._adapter.connection
        if connection.process is None or connection.generation != self._generation:
            raise Failure("cannot be asked: the object was lost with its process")
        return self._adapter.asked(method, object=self.number, **fields)


def checked_hello(hello: Any) -> Mapping[str, Any]:
    """The hello, if it says what it must. Raises `CannotStart`."""
    if not isinstance(hello, dict):
        raise CannotStart(f"its hello is {brief(hello)}, not a mapping")
    if hello.get("protocol") != PROTOCOL:
        raise CannotStart(f"it speaks {brief(hello.get('protocol'))}, not {PROTOCOL!r}")
    for name, holds in _HELLO.items():
        if not holds(hello.get(name, _ABSENT.get(name))):
            of = f"; of dtypes there are {', '.join(FORMATS)}, of which it takes one or more" if name == "dtypes" else ""
            raise CannotStart(f"the {name} of its hello cannot be {brief(hello.get(name))}{of}")
    return hello


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_ABSENT: Mapping[str, Any] = {"reduction": {}, "seed_bits": 32, "settings": {}, "options": {}, "known": ""}
_HELLO: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: isinstance(value, str),
    "version": lambda value: isinstance(value, str),
    "dtypes": lambda value: _texts(value) and bool(value) and set(value) <= set(FORMATS),
    "operations": _texts,
    "reduction": lambda value: isinstance(value, dict) and _texts(list(value.values())),
    "seed_bits": lambda value: isinstance(value, int) and 13 < value <= 32,
    "settings": lambda value: isinstance(value, dict),
    "options": lambda value: isinstance(value, dict) and _texts(list(value.values())),
    "known": lambda value: isinstance(value, str),
}


def _seconds(text: str | None) -> float:
    try:
        seconds = LIMIT if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise CannotStart(f"time_limit={text!r} is no number of seconds")
    return seconds
