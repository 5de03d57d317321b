"""Judges one wrong implementation until a property fails."""

from __future__ import annotations

import importlib
import pkgutil
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from eqwise import conformance
from eqwise.conformance.adapter import OPERATIONS, Adapter, Operation
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.conformance.waivers import Known
from eqwise.spec.document import STATEMENTS


class Planted(Protocol):
    """A wrong implementation: the clause under which it must be failed, and why somebody would write it."""

    name: str
    clause: str
    operation: str
    because: str

    def adapter(self) -> Adapter: ...


@dataclass(frozen=True)
class Detection:
    """What the suite says of one wrong implementation: the first property that fails, if any, and what it took to see it.

    `right` says that this property cites the clause that was broken; `points` and CPU `seconds` count what was judged until then.
    """

    name: str
    clause: str
    operation: str
    because: str
    caught: bool
    right: bool
    property: str
    points: int
    seconds: float


def detected(planted: Planted, known: Known, seed: int) -> Detection:
    """Asks for all properties of the affected operation, at the lowest effort, until one fails."""
    session = Session(planted.adapter(), known, effort="smoke", seed=seed)
    points, start, failed = 0, time.process_time(), None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what wrong code warns of is its own affair
        for result in results_of(session, planted):
            points += result.points
            if session.settle(result)[1]:
                failed = result
                break
    return Detection(
        planted.name, planted.clause, planted.operation, planted.because,
        failed is not None, failed is not None and planted.clause in failed.clauses,
        f"{failed.property} {failed.dtype or ''}".strip() if failed else "", points, time.process_time() - start,
    )  # fmt: skip


def results_of(session: Session, planted: Planted) -> Iterator[Result]:
    """Where a statement is broken, its tests; then the properties of the operation, dtype by dtype."""
    if planted.clause in STATEMENTS:
        for test in citing(planted.clause):
            yield from (test.check(session, dtype) for dtype in session.dtypes)
    yield from properties_of(session, OPERATIONS[planted.operation])


def properties_of(session: Session, operation: Operation) -> Iterator[Result]:
    """Every property but special values, which no clause speaks of."""
    for dtype in session.dtypes if operation.typed else [""]:
        yield from (check(session, operation, dtype) for kind, check in checks_of(operation).items() if kind != "special_values")


def citing(*clauses: str) -> list[Any]:
    """The tests of the suite that ask a framework for a law, or for a statement, and cite any of these clauses."""
    return [test for test in _tests() if {*clauses} & {*test.cited}]


def asking(*operations: str) -> list[Any]:
    """The tests of laws and statements that need any of these operations."""
    return [test for test in _tests() if {*operations} & {*test.operations}]


@lru_cache(maxsize=1)
def _tests() -> list[Any]:
    names = [module.name for module in pkgutil.iter_modules(conformance.__path__) if module.name.startswith("test_")]
    modules = [importlib.import_module(f"eqwise.conformance.{name}") for name in names]
    return [test for module in modules for test in vars(module).values() if hasattr(test, "check") and hasattr(test, "cited")]
