"""Two implementations side by side: what the suite asks of the reference, asked again of both, their results compared byte by byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.loading import load
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import DEFAULT_SEED, Session


@dataclass(frozen=True)
class Call:
    """What was asked: of the adapter, or of the object that an earlier call made, counted from 0; a write where it is `assigned`."""

    of: int | None
    name: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] | None = None  # None for an attribute
    assigned: bool = False

    def asked(self, target: Any) -> Any:
        """The result, or the type of what is raised."""
        try:
            if self.assigned:
                return setattr(target, self.name, *self.arguments)  # type: ignore[func-returns-value]
            found = getattr(target, self.name)
            return found if self.named is None else found(*self.arguments, **self.named)
        except Exception as error:
            return type(error)


class Recorder(Adapter):
    """The reference, which keeps copies of all that it is asked."""

    def __init__(self) -> None:
        self._adapter, self.calls, self.objects = ReferenceAdapter(), list[Call](), 0
        vars(self).update(name=self._adapter.name, version=self._adapter.version, dtypes=self._adapter.dtypes)
        for name in (*OPERATIONS, "vjp"):
            setattr(self, name, self._kept(None, name, getattr(self._adapter, name)))

    def _kept(self, of: int | None, name: str, method: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            self.calls.append(Call(of, name, _copied(arguments), _copied(named)))
            return self._wrapped(method(*arguments, **named))

        return run

    def _wrapped(self, found: Any) -> Any:
        if not _is_object(found):
            return found
        self.objects += 1
        return _Recorded(self, self.objects - 1, found)


class _Recorded:
    """An optimizer or a layer, whose steps are kept."""

    def __init__(self, recorder: Recorder, number: int, made: Any) -> None:
        vars(self).update(_recorder=recorder, _number=number, _made=made)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._made, name)
        if callable(found):
            return self._recorder._kept(self._number, name, found)
        self._recorder.calls.append(Call(self._number, name))
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        self._recorder.calls.append(Call(self._number, name, (_copied(value),), assigned=True))
        setattr(self._made, name, value)


def _is_object(found: Any) -> bool:
    return type(found).__module__.startswith("eqwise.reference")


def _copied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy("K")
    if isinstance(value, (list, tuple)):
        return type(value)(map(_copied, value))
    return {name: _copied(item) for name, item in value.items()} if isinstance(value, dict) else value


@lru_cache(maxsize=len(OPERATIONS) + 2)  # all at the lowest effort, which is asked most
def recorded(operation: str, effort: str) -> list[Call]:
    """All that the suite asks of the reference for an operation, all numbers of the 16-bit formats among it."""
    recorder = Recorder()
    session = Session(recorder, load("reference", {})[1], DEFAULT_SEED, effort)
    asked = OPERATIONS[operation]
    for dtype in session.dtypes if asked.typed else [""]:
        for check in checks_of(asked).values():
            check(session, asked, dtype)
    return recorder.calls


def are_alike(other: Adapter, calls: list[Call]) -> bool:
    """Whether the other adapter gives the same bytes as the reference for all that is asked."""
    with np.errstate(all="ignore"):
        return all(_compared(ReferenceAdapter(), other, calls))


def _compared(one: Adapter, other: Adapter, calls: list[Call]) -> Iterator[bool]:
    """Call by call, of both with the same arrays, since BLAS may round otherwise where they lie otherwise."""
    made: list[tuple[Any, Any]] = []
    for call in calls:
        first, second = (call.asked(target) for target in ((one, other) if call.of is None else made[call.of]))
        if _is_object(first):
            made.append((first, second))
        yield _same(first, second)


def _same(one: Any, other: Any) -> bool:
    """Whether two results are alike in type, shape and bytes; every nan is the same."""
    if isinstance(one, (list, tuple)):
        return isinstance(other, (list, tuple)) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping):
        return isinstance(other, Mapping) and list(one) == list(other) and all(_same(one[name], other[name]) for name in one)
    if not isinstance(one, (np.ndarray, np.generic, float, int, bool)):
        return _is_object(other) if _is_object(one) else type(one) is type(other) and one == other
    first, second = np.asarray(one), np.asarray(other)
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    return first.tobytes() == second.tobytes() or _without_nan(first) == _without_nan(second)


def _without_nan(array: np.ndarray[Any, Any]) -> tuple[bytes, bytes]:
    isnan = array != array
    return np.where(isnan, np.zeros_like(array), array).tobytes(), isnan.tobytes()
