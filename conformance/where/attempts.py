"""Attempts: calls of an adapter whose numbers can be replaced, and how what the last of them returns is judged.

One shape serves all operations, so that one search for intervals and one for the smallest case do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eqwise.conformance.adapter import Adapter, NotOffered
from eqwise.conformance.case import Call, played
from eqwise.conformance.comparison import Claim, Place, failing_places
from eqwise.conformance.invocation import AdapterError, guarded
from eqwise.conformance.session import Session
from eqwise.spec.numbers.formats import Floats, Format

Keys = tuple[int | str, ...]
Leaves = Sequence[Floats | None]
Readings = tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Held:
    """Numbers of a result, (rows, outputs), and the claim over (rows, inputs) that they are held against."""

    claim: Claim
    rows: Floats
    actual: Floats


class Attempt(Protocol):
    """Calls of an adapter, built of named arrays and numbers."""

    @property
    def operation(self) -> str: ...

    @property
    def target(self) -> Format: ...

    @property
    def readings(self) -> Readings:
        """That the claim is made under."""

    @property
    def arrays(self) -> Mapping[str, Floats]:
        """What may be replaced, in float64."""

    @property
    def hyper(self) -> Mapping[str, float]:
        """Hyper-parameters."""

    @property
    def usual(self) -> Sequence[Mapping[str, float]]:
        """Hyper-parameters that may be tried in their place, simple ones first."""

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """The names of each array's axes: arrays that share one are shortened together."""

    def having(self, arrays: Mapping[str, Floats], hyper: Mapping[str, float] | None = None) -> Attempt:
        """The same with other numbers."""

    def is_legal(self) -> bool:
        """Whether the contract allows these numbers."""

    def calls(self) -> tuple[Call, ...]:
        """The calls as plain data."""

    def taken(self, adapter: Adapter, result: Any) -> Leaves:
        """The arrays of a result, as float64; `AdapterError` for what the contract does not allow."""

    def keys(self, result: Any) -> list[Keys]:
        """What leads to each of these arrays in the result."""

    def held(self, leaves: Leaves) -> list[Held]:
        """How these arrays are judged."""


@dataclass(frozen=True)
class Failure:
    """An attempt with a number that fails: what it is held against, and where it is in the result."""

    attempt: Attempt
    claim: Claim
    row: tuple[float, ...]
    output: int
    actual: float
    place: Place
    path: Keys  # keys of the result's nested parts, then the position in the flattened array
    number: tuple[int, int]  # the row and the output in what is held


@dataclass
class Search:
    """What attempts are made on and which verdicts count as failures; `left` bounds how many are made."""

    session: Session
    target: Format
    failing: tuple[str, ...] = ("deviates",)
    left: int = 1500

    def failures(self, attempt: Attempt) -> Iterator[Failure]:
        """Every number that fails; none where the adapter raises, or there is nothing to judge."""
        self.left -= 1
        try:
            result = self.result(attempt)
            leaves = attempt.taken(self.session.adapter, result)
        except (NotOffered, AdapterError):
            return
        for held, positions in zip(attempt.held(leaves), attempt.held(_numbered(leaves)), strict=True):
            for i, k, place in failing_places(held.claim, held.rows, held.actual, self.target, self.failing):
                path = _path(attempt.keys(result), leaves, int(positions.actual[i, k]))
                yield Failure(attempt, held.claim, tuple(held.rows[i].tolist()), k, float(held.actual[i, k]), place, path, (i, k))

    def failure(self, attempt: Attempt) -> Failure | None:
        """The first number that fails, if the attempt is legal and may still be made."""
        if self.left <= 0 or not attempt.is_legal():
            return None
        return next(self.failures(attempt), None)

    def result(self, attempt: Attempt) -> Any:
        """What the last call returns."""
        return guarded(attempt.operation, lambda: played(self.session.adapter, attempt.calls()))[-1]


def _numbered(leaves: Leaves) -> Leaves:
    """Arrays of the same shapes whose numbers count all numbers from 0 on."""
    found: list[Floats | None] = []
    start = 0
    for leaf in leaves:
        found.append(None if leaf is None else np.arange(start, start + leaf.size, dtype=np.float64).reshape(leaf.shape))
        start += 0 if leaf is None else leaf.size
    return found


def _path(keys_of_leaves: Sequence[Keys], leaves: Leaves, position: int) -> Keys:
    """Where the number at this position of all leaves is in the result."""
    for keys, leaf in zip(keys_of_leaves, leaves, strict=True):
        size = 0 if leaf is None else leaf.size
        if position < size:
            return (*keys, position)
        position -= size
    raise IndexError(position)


def keys_of(result: Any) -> list[Keys]:
    """What leads to every array in nested lists and tuples, in order."""
    if isinstance(result, (list, tuple)):
        return [(k, *keys) for k, part in enumerate(result) for keys in keys_of(part)]
    return [()]
