"""A conversation with an adapter in another process: requests and answers, functions asked back, a fresh start after a fault."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.stdio.process import Failure, Hung, Process
from eqwise.conformance.stdio.values import NotAValue, brief, decoded, encoded

PROTOCOL = "eqwise-stdio/1"
START = 120.0  # seconds for the process to say hello
LIMIT = 60.0  # seconds for an answer
LEAST = 1.0  # seconds for an answer to what has hung before
STARTS = 3  # times in a row that a process may fail to say hello
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class CannotStart(ValueError):
    """The command does not exist, or does not say hello as the protocol asks: one line says what it did."""


class Refusal(CannotStart):
    """The adapter says itself why it does not start, in the words of the error."""


class Raised(Failure):
    """The adapter answered that it raised an error."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"raised {kind}: {message}")
        self.kind, self.message = kind, message


@dataclass
class Connection:
    """The process of a command, started when it is needed.

    Whatever breaks the protocol ends the process; the next request starts another one, and `generation` counts them.
    """

    command: Sequence[str]
    options: Mapping[str, str] = field(default_factory=dict)
    limit: float = LIMIT
    generation: int = 0
    process: Process | None = None
    number: int = 0
    failed_starts: int = 0
    reason: str = ""
    hung: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def start(self) -> Any:
        """The hello of a fresh process. Raises `CannotStart`."""
        try:
            self.process = Process(self.command)
        except OSError as error:
            raise CannotStart(f"{self.command[0]!r} cannot be started: {error.strerror}") from error
        self.generation += 1
        try:
            hello = self._exchange("hello", START, {"protocol": PROTOCOL, "options": dict(self.options)}, None)
        except Raised as error:
            self.stop(0)
            raise Refusal(error.message if error.kind == "UsageError" else f"{error.kind}: {error.message}") from error
        except (Failure, NotOffered) as error:
            self.stop(0)
            did = f"does not offer it: {error}" if isinstance(error, NotOffered) else str(error)
            raise CannotStart(f"instead of saying hello, it {did}") from error
        self.failed_starts = 0
        return hello

    def request(self, method: str, fields: Mapping[str, Any], functions: Sequence[Callable[..., Any]] = ()) -> Any:
        """The result, decoded, objects and functions as they stand. Raises `NotOffered`, `Failure`."""
        if self.process is None:
            self._start_again()
        key = (method, fields.get("operation") or fields.get("name"))
        limit = max(min(LEAST, self.limit), self.limit / 2 ** self.hung[key])
        try:
            return self._exchange(method, limit, fields, functions)
        except Raised:
            raise
        except Failure as error:
            self.hung[key] += isinstance(error, Hung)
            self.stop(0)
            raise

    def _start_again(self) -> None:
        if self.failed_starts >= STARTS:
            raise Failure(f"cannot be asked: the process ended, and {STARTS} others cannot be started: {self.reason}")
        try:
            self.start()
        except CannotStart as error:
            self.failed_starts, self.reason = self.failed_starts + 1, str(error)
            raise Failure(f"cannot be asked: the process ended, and another one cannot be started: {error}") from error

    def _exchange(self, method: str, limit: float, fields: Mapping[str, Any], functions: Sequence[Callable[..., Any]] | None) -> Any:
        self.number += 1
        message, deadline = {"id": self.number, "method": method, **fields}, time.monotonic() + limit
        try:
            while True:
                answer = self._asked(message, deadline)
                if "callback" not in answer:
                    return self._result(answer)
                began = time.monotonic()
                message = _called_back(answer, functions or ())
                deadline += time.monotonic() - began  # the suite's own time is not the adapter's
        except Hung as error:
            raise Hung(f"got no answer within {limit:g} s{error}") from None

    def _asked(self, message: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """The message that follows this one, which must be about the same request."""
        assert self.process is not None
        self.process.send(_dumps(message).encode("ascii") + b"\n", deadline)
        line = self.process.receive(deadline)
        try:
            answer = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise Failure(f"got a line that is no JSON: {brief(line.decode('utf-8', 'replace')[:200])}") from None
        if not isinstance(answer, dict) or "id" not in answer:
            raise Failure(f"got {brief(answer)}, which is no answer with an id")
        if answer["id"] != self.number or isinstance(answer["id"], bool):
            raise Failure(f"got an answer to request {brief(answer['id'])}, not to {self.number}")
        return answer

    def _result(self, answer: Mapping[str, Any]) -> Any:
        match {name: value for name, value in answer.items() if name != "id"}:
            case {"result": value, **rest} if not rest:
                return value
            case {"not_offered": str(reason), **rest} if not rest:
                raise NotOffered(reason)
            case {"error": {"type": str(kind), "message": str(message)}, **rest} if not rest:
                raise Raised(kind, message)
        keys = ", ".join(map(repr, answer))
        raise Failure(f"got {brief(answer)}, of {keys}; beside its id an answer has a result, not_offered or an error, and nothing else")

    def stop(self, patience: float = 2.0) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.stop(patience)
            self.process = None


def _called_back(asked: Mapping[str, Any], functions: Sequence[Callable[..., Any]]) -> dict[str, Any]:
    """The answer to a callback; what the function raises is an error for the other side."""
    try:
        function, inputs = functions[asked["function"]], [decoded(value) for value in asked["inputs"]]
    except (KeyError, IndexError, TypeError, NotAValue) as error:
        raise Failure(f"got a callback that cannot be answered, {brief(asked)}: {type(error).__name__}: {error}") from error
    common = {"id": asked["id"], "callback": asked["callback"]}
    try:
        return {**common, "result": encoded(function(*inputs))}
    except Exception as error:
        return {**common, "error": {"type": type(error).__name__, "message": str(error)}}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
