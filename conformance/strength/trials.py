"""What is done with one mutant: judged until a property fails, or else held against the pristine reference byte by byte."""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.loading import load
from eqwise.conformance.session import Session
from eqwise.conformance.strength import mutants, systems
from eqwise.conformance.strength.detection import properties_of
from eqwise.conformance.strength.mutation import Mutation
from eqwise.conformance.strength.twins import are_alike, recorded

HUNG = 60  # CPU seconds after which a mutant hangs in one operation
ACCURACY = "0.5"  # of the strict allowance; the bulk relies on it
DIRECT = 4  # of the operations that a mutant reaches, so many are asked for more, those that it reaches most directly


class Hangs(BaseException):
    """Not an `Exception`, lest what is judged catches it."""


@dataclass(frozen=True)
class Fate:
    """`status`: caught, equivalent, or survivor; the property that failed, or why it is no survivor; what that took."""

    name: str
    status: str
    property: str
    points: int
    seconds: float


def fate(name: str, seed: int) -> dict[str, Any]:
    """What became of the mutant of this name."""
    warnings.simplefilter("ignore")  # in a process of its own
    start, points = time.process_time(), [0]
    try:
        status, told = _judged(mutants.all_of()[name], seed, points)
    except Hangs:
        status, told = "caught", "it hangs"
    return asdict(Fate(name, status, told, points[0], round(time.process_time() - start, 3)))


def _judged(mutation: Mutation, seed: int, points: list[int]) -> tuple[str, str]:
    """The status, and what tells it. Where the bytes are those of the reference, the verdicts are its verdicts too."""
    operations = mutants.operations_of(mutation)
    try:
        with _limited(HUNG):
            made = mutants.adapter(mutation)
    except Exception as error:
        return "caught", f"it does not load: {type(error).__name__}"
    direct, others = operations[:DIRECT], operations[DIRECT:]
    failed = (
        _failed(made, direct, "smoke", seed, points)
        or _failed(made, _unlike(made, others, "smoke"), "smoke", seed, points)
        or systems.failure(mutation, HUNG)
    )
    if failed:
        return "caught", failed
    unlike = _unlike(made, direct, "thorough")
    failed = _failed(made, unlike, "standard", seed, points)
    if failed:
        return "caught", failed
    alike = not unlike and not _unlike(made, operations, "smoke")
    return ("equivalent", "the same bytes throughout") if alike else ("survivor", "")


def _unlike(made: Any, operations: list[str], effort: str) -> list[str]:
    """The operations of which a result is not what the reference gives."""
    found = []
    for name in operations:
        calls = recorded(name, effort)
        with _limited(HUNG):
            found += [] if are_alike(made, calls) else [name]
    return found


def _failed(made: Any, operations: list[str], effort: str, seed: int, points: list[int]) -> str:
    session = Session(made, load("reference", {})[1], effort=effort, seed=seed, accuracy=ACCURACY)
    for name in operations:
        with _limited(HUNG):
            for result in properties_of(session, OPERATIONS[name]):
                points[0] += result.points
                if session.settle(result)[1]:
                    return f"{name} {result.property} {result.dtype or ''}".strip()
    return ""


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raises `Hangs` after so many CPU seconds."""

    def ended(number: int, frame: Any) -> None:
        raise Hangs

    before = signal.signal(signal.SIGPROF, ended)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
