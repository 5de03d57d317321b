"""Two implementations side by side: every result of one, byte by byte beside that of the other for the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.conformance.waivers import Known


class Twins(Adapter):
    """The first adapter's results; `differ` once a result of the second is another."""

    def __init__(self, first: Adapter, second: Adapter) -> None:
        self.first, self.second, self.differ = first, second, False
        vars(self).update(name=first.name, version=first.version, dtypes=first.dtypes)
        for name in (*OPERATIONS, "vjp"):
            if callable(getattr(first, name, None)):
                setattr(self, name, self._both(getattr(first, name), getattr(second, name, None)))

    def _both(self, one: Any, other: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            given = _copied(arguments), _copied(named)
            error: Exception | None = None
            try:
                found = one(*arguments, **named)
            except Exception as raised:
                error, found = raised, type(raised)
            try:
                with np.errstate(all="ignore"):
                    second = other(*given[0], **given[1])
            except Exception as raised:
                second = type(raised)
            if error is not None:
                self.differ |= found is not second
                raise error
            return self._compared(found, second)

        return run

    def _compared(self, found: Any, second: Any) -> Any:
        if type(found).__module__.startswith("eqwise.reference"):  # an optimizer or a layer
            return _Pair(self, found, second)
        self.differ |= _bytes(found) != _bytes(second)
        return found


class _Pair:
    """Two objects that keep a state, asked the same."""

    def __init__(self, twins: Twins, one: Any, other: Any) -> None:
        self._twins, self._one, self._other = twins, one, other

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._one, name)
        second = getattr(self._other, name, None)
        if callable(found):
            return self._twins._both(found, second)
        return self._twins._compared(found, second)


def _copied(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return type(value)(map(_copied, value))
    return {name: _copied(item) for name, item in value.items()} if isinstance(value, dict) else value


def _bytes(value: Any) -> Any:
    """All that a result is: its type, its shape, its bytes; every nan is the same."""
    if isinstance(value, (list, tuple)):
        return [_bytes(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _bytes(item) for name, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic, float, int, bool)):
        array = np.asarray(value)
        isnan = array != array
        return array.dtype.str, array.dtype.name, array.shape, np.where(isnan, np.zeros_like(array), array).tobytes(), isnan.tobytes()
    return value if isinstance(value, type) or value is None else type(value).__name__


def are_alike(first: Adapter, second: Adapter, operations: list[str], known: Known, effort: str) -> bool:
    """Whether all that the suite asks of these operations gets the same bytes, all numbers of the 16-bit formats among it."""
    twins = Twins(first, second)
    session = Session(twins, known, effort=effort)
    for name in operations:
        operation = OPERATIONS[name]
        for dtype in session.dtypes if operation.typed else [""]:
            for check in checks_of(operation).values():
                check(session, operation, dtype)
                if twins.differ:
                    return False
    return True
