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
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.loading import load
from eqwise.conformance.session import Session
from eqwise.conformance.strength import mutants
from eqwise.conformance.strength.detection import properties_of
from eqwise.conformance.strength.twins import are_alike
from eqwise.conformance.waivers import Known

HUNG = 120  # seconds after which a mutant hangs in one operation
LOOKED_FOR = 900  # seconds that the search for a difference may take
DIRECT = 2  # of the operations that a mutant reaches, so many are asked for more, those that it reaches most directly


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
    start, mutation = time.process_time(), mutants.all_of()[name]
    operations = mutants.operations_of(mutation)
    points, failed, known = [0], "", load("reference", {})[1]
    try:
        with _limited(HUNG):
            made = mutants.adapter(mutation)
    except (Exception, Hangs) as error:
        return _told(name, "caught", f"it does not load: {type(error).__name__}", 0, start)
    try:
        for effort, asked in (("smoke", operations), ("standard", operations[:DIRECT])):
            failed = failed or _failed(made, known, asked, effort, seed, points)
    except Hangs:
        failed = "it hangs"
    if failed:
        return _told(name, "caught", failed, points[0], start)
    try:
        with _limited(LOOKED_FOR):
            alike = all(
                are_alike(ReferenceAdapter(), made, asked, known, effort)
                for effort, asked in (("smoke", operations), ("thorough", operations[:DIRECT]))
            )
    except Hangs:
        alike = False
    return _told(name, "equivalent" if alike else "survivor", "the same bytes throughout" if alike else "", points[0], start)


def _told(name: str, status: str, failed: str, points: int, start: float) -> dict[str, Any]:
    return asdict(Fate(name, status, failed, points, round(time.process_time() - start, 3)))


def _failed(made: Any, known: Known, operations: list[str], effort: str, seed: int, points: list[int]) -> str:
    session = Session(made, known, effort=effort, seed=seed)
    for name in operations:
        with _limited(HUNG):
            for result in properties_of(session, OPERATIONS[name]):
                points[0] += result.points
                if session.settle(result)[1]:
                    return f"{name} {result.property} {result.dtype or ''}".strip()
    return ""


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raises `Hangs` after so many seconds."""

    def ended(number: int, frame: Any) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, ended)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
