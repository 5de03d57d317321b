"""Serves a Python adapter: ``python -m eqwise.conformance.stdio.serve ADAPTER [--option KEY=VALUE]``.

The messages go over copies of standard input and output; whatever the framework itself prints goes to the error output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, Adapter, NotOffered
from eqwise.conformance.loading import load_here, options_in, options_of, waivers_file
from eqwise.conformance.stdio.connection import PROTOCOL
from eqwise.conformance.stdio.values import NotAValue, brief, decoded, encoded

OBJECTS = ("sgd", "momentum", "adagrad", "rmsprop", "adam", "dropout_layer", "batch_norm_layer")
METHODS = ("step", "state", "train", "infer")
ATTRIBUTES = ("gamma", "beta", "mean", "variance")


class Server:
    """Answers requests about the adapter of a name, made with these options and those of hello."""

    def __init__(self, name: str, options: Mapping[str, str], lines: BinaryIO, answers: BinaryIO) -> None:
        self.name, self.options, self.lines, self.answers = name, options, lines, answers
        self.adapter = Adapter()
        self.objects: dict[int, Any] = {}
        self.made = self.asked = self.callbacks = 0

    def run(self) -> None:
        """Until there are no more requests."""
        for line in iter(self.lines.readline, b""):
            self.answer(line)

    def answer(self, line: bytes) -> None:
        """The answer to one request; nothing but the end of the process keeps it from being one."""
        number = None
        try:
            request = json.loads(line)
            number = self.asked = request["id"]
            told = {"result": self.result(request)}
        except NotOffered as reason:
            told = {"not_offered": str(reason)}
        except Exception as error:
            told = {"error": {"type": type(error).__name__, "message": str(error)}}
        self.say({"id": number, **told})

    def say(self, message: Mapping[str, Any]) -> None:
        self.answers.write(json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n")
        self.answers.flush()

    def result(self, request: Mapping[str, Any]) -> Any:
        """Of a request, as plain JSON."""
        method = _METHODS.get(request["method"])
        if method is None:
            raise NotOffered(f"no method {brief(request['method'])}; there are {', '.join(_METHODS)}")
        return method(self, request)

    def hello(self, request: Mapping[str, Any]) -> Any:
        given = {**self.options, **request["options"]}
        self.adapter = adapter = load_here(self.name, given)
        known = waivers_file(adapter)
        return {
            "protocol": PROTOCOL,
            "name": adapter.name,
            "version": str(adapter.version),
            "dtypes": list(adapter.dtypes),
            "reduction": dict(adapter.reduction),
            "seed_bits": adapter.seed_bits,
            "settings": {name: _plain(value) for name, value in adapter.settings.items()},
            "operations": [name for name in (*OPERATIONS, "vjp") if adapter.offers(name)],
            "options": options_of(adapter, given),
            **({"known": str(known.absolute())} if known.is_file() else {}),
        }

    def echo(self, request: Mapping[str, Any]) -> Any:
        return self.sent(self.taken(request["value"]))

    def call(self, request: Mapping[str, Any]) -> Any:
        name = request["operation"]
        if name not in OPERATIONS or not self.adapter.offers(name):
            raise NotOffered(f"no operation {brief(name)}")
        inputs, hyper = self.arguments(request)
        found = getattr(self.adapter, name)(*inputs, **hyper)
        return self.keep(found) if name in OBJECTS else self.sent(found)

    def vjp(self, request: Mapping[str, Any]) -> Any:
        inputs, hyper = self.arguments(request)
        cotangent = self.taken(request["cotangent"])
        return self.sent(self.adapter.vjp(request["operation"], tuple(inputs), cotangent, **hyper))  # type: ignore[attr-defined]

    def invoke(self, request: Mapping[str, Any]) -> Any:
        inputs, hyper = self.arguments(request)
        return self.sent(getattr(self.kept(request), request["name"])(*inputs, **hyper))

    def get(self, request: Mapping[str, Any]) -> Any:
        return self.sent(getattr(self.kept(request), request["name"]))

    def set(self, request: Mapping[str, Any]) -> Any:
        try:
            setattr(self.kept(request), request["name"], self.taken(request["value"]))
        except (AttributeError, TypeError) as error:
            raise NotOffered(str(error)) from error

    def release(self, request: Mapping[str, Any]) -> Any:
        for number in request["objects"]:
            self.objects.pop(number, None)

    def arguments(self, request: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        inputs = [self.taken(value) for value in request["inputs"]]
        return inputs, {name: self.taken(value) for name, value in request.get("hyper", {}).items()}

    def taken(self, value: Any) -> Any:
        """A value of a message as the adapter takes it: arrays in the framework's own type, a shape as a tuple."""
        return self.own(decoded(value, self.function))

    def own(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self.adapter.from_numpy(value)
        if isinstance(value, list):
            is_shape = value and all(isinstance(item, int) for item in value)
            return tuple(value) if is_shape else [self.own(item) for item in value]
        return value

    def sent(self, value: Any) -> Any:
        """What the adapter returned, as a value of a message; every array is converted, one of NumPy's too."""
        match value:
            case list() | tuple(): return [self.sent(item) for item in value]
            case dict():           return {"map": {name: self.sent(item) for name, item in value.items()}}
            case float():          return encoded(float(value))
            case np.ndarray() | np.generic(): return self.tensor(value)
        return encoded(value, self.tensor)

    def tensor(self, value: Any) -> Any:
        array = np.asarray(self.adapter.to_numpy(value))
        return encoded(array)

    def keep(self, found: Any) -> Any:
        """What names an object from now on."""
        self.made += 1
        self.objects[self.made] = found
        methods = [name for name in METHODS if callable(getattr(found, name, None))]
        return {"object": self.made, "methods": methods, "attributes": [name for name in ATTRIBUTES if _has(found, name)]}

    def kept(self, request: Mapping[str, Any]) -> Any:
        if request["object"] not in self.objects:
            raise LookupError(f"there is no object {brief(request['object'])}")
        return self.objects[request["object"]]

    def function(self, value: Any) -> Callable[..., Any]:
        """A function of the other side, which is asked in the middle of a request."""
        match value:
            case {"function": int(number)} if len(value) == 1:
                return lambda *inputs: self.called(number, inputs)
        raise NotAValue(f"{brief(value)} is no value")

    def called(self, function: int, inputs: tuple[Any, ...]) -> Any:
        self.callbacks += 1
        self.say({"id": self.asked, "callback": self.callbacks, "function": function, "inputs": [self.sent(x) for x in inputs]})
        line = self.lines.readline()
        if not line:
            raise SystemExit
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{answer['error']['type']}: {answer['error']['message']}")
        return self.taken(answer["result"])


_METHODS: Mapping[str, Callable[[Server, Mapping[str, Any]], Any]] = {
    name: getattr(Server, name) for name in ("hello", "echo", "call", "vjp", "invoke", "get", "set", "release")
}


def _has(found: Any, name: str) -> bool:
    try:
        getattr(found, name)
    except AttributeError:
        return False
    except Exception:
        return True
    return True


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def main() -> None:
    """Takes the messages' pipes away from the framework before anything of it is imported."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="passed to the adapter's class")
    chosen = parser.parse_args()
    given = options_in(chosen.option)
    lines, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # so that a crash loses nothing of what was printed
    Server(chosen.adapter, given, lines, answers).run()


if __name__ == "__main__":
    main()
