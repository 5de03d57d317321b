"""What is checked of the classification metrics (19) to (22) and of table 1, beyond what every operation is checked for.

A confusion table is four counts in the order of `COUNTS`. The adapter gets two arrays of booleans that have these counts, and
its results are held against the formula over them. Where the printed formula divides by 0, N = 0 included, nothing is judged:
what the adapter does there is told in the message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from itertools import product
from typing import Any

import numpy as np

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.check import Check, judging
from eqwise.conformance.comparison import Claim, Outcome, judge, reported
from eqwise.conformance.inputs import Generator
from eqwise.conformance.integers import check_integers
from eqwise.conformance.invocation import AdapterError, untyped_value
from eqwise.conformance.layouts import LAYOUTS, laid_out
from eqwise.conformance.purity import harm_of_calling
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.spec import metrics
from eqwise.spec.certify import certified
from eqwise.spec.document import Equation
from eqwise.spec.numbers.expression import Array, symbol
from eqwise.spec.numbers.formats import Floats, Format

Table = tuple[int, ...]
Formula = Callable[..., Any]

TABLE_1 = ("t1-confusion",)
COUNTS = ("TP", "FP", "FN", "TN")
_CASES = ((True, True), (False, True), (True, False), (False, False))  # actual and predicted
SMALL = {"smoke": 2, "standard": 4, "thorough": 6}  # every table with counts up to this
LARGE = (127, 255, 2048, 32767, 65535)  # where narrow counters overflow, or lose ones
EXTENSIONS: Mapping[str, Formula] = {"f_measure": metrics.f_measure_extended}


@dataclass(frozen=True)
class Counted:
    """What the adapter made of a table: its result, flat, and the format of the result."""

    table: Table
    result: Floats
    known: Format


def tables(session: Session, rng: Generator) -> Iterator[Table]:
    """Every small table, then tables with one large count or four, and with counts of any size."""
    yield from product(range(SMALL[session.effort] + 1), repeat=len(COUNTS))
    for large in LARGE:
        for k in range(len(COUNTS)):
            yield _whole(large * (np.arange(len(COUNTS)) == k) + rng.integers(1, 10, len(COUNTS)))
    for _ in range(4 * session.volume):
        yield _whole(2.0 ** rng.uniform(0, 15, len(COUNTS)))
    yield _whole(LARGE[-1] + rng.integers(1, 100, len(COUNTS)))


def _whole(counts: Any) -> Table:
    return tuple(int(count) for count in counts)


def labels(table: Table, rng: Generator) -> list[Array]:
    """Actual and predicted labels with these counts, in any order and layout."""
    cases = rng.permutation(np.repeat(np.array(_CASES), table, axis=0))
    return [laid_out(column, str(rng.choice(LAYOUTS))) for column in cases.T]


def claim(formula: Formula, places: Formula = np.asarray) -> Claim:
    """The formula over the counts, its results in these places."""
    known = {name: symbol(name) for name in COUNTS}
    needed = formula.parameters if isinstance(formula, Equation) else signature(formula).parameters
    made = places(np.array(formula(*(known[name] for name in needed)), object))
    return Claim(tuple(made.ravel()), tuple(known.values()), exact=True)


def rows(chosen: Sequence[Table]) -> Floats:
    return np.array(chosen, np.float64).reshape(-1, len(COUNTS))


def defined(formula: Formula, chosen: Sequence[Table]) -> Any:
    """Whether the formula has a value for each table."""
    return np.isfinite(certified(claim(formula).program, rows(chosen)).high).all(axis=1)


def called(session: Session, operation: Operation, inputs: Sequence[Array]) -> tuple[Floats, Format]:
    """What the adapter makes of actual and predicted labels, as float64, and the format of the result."""
    shape = (2, 2) if operation.clauses == TABLE_1 else ()
    return untyped_value(session.adapter, operation, inputs, shape)


def asked(session: Session, operation: Operation, table: Table, rng: Generator) -> Counted:
    result, known = called(session, operation, labels(table, rng))
    return Counted(table, result.ravel(), known)


@judging("value")
def check_value(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Every count and every share of counts equals the formula's, in the format of the result."""
    rng = np.random.default_rng(session.seed_for(operation.name, "value"))
    chosen = list(tables(session, rng))
    is_defined = defined(operation.formula, chosen)
    found = _offered(session, operation, [table for table, judged in zip(chosen, is_defined, strict=True) if judged], rng)
    others = [table for table, judged in zip(chosen, is_defined, strict=True) if not judged]
    extended, told = _undefined(session, operation, others, rng)
    result = _under_readings(session, operation, blank, found, extended)
    return replace(result, message="; ".join(filter(None, (result.message, told))) or None)


def _offered(session: Session, operation: Operation, chosen: Sequence[Table], rng: Generator) -> list[Counted]:
    """Results of those tables that are not refused, as no samples at all may be; `NotOffered` where all are."""
    found: list[Counted] = []
    refusal: NotOffered | None = None
    for table in chosen:
        try:
            found.append(asked(session, operation, table, rng))
        except NotOffered as reason:
            refusal = reason
    if refusal is not None and not found:
        raise refusal
    return found


def _undefined(session: Session, operation: Operation, chosen: Sequence[Table], rng: Generator) -> tuple[list[Counted], str | None]:
    """Results that extend the formula to where it divides by 0, and what the adapter makes of 0/0, most often first."""
    found, seen = [], Counter[str]()
    for table in chosen:
        try:
            counted = asked(session, operation, table, rng)
            found.append(counted)
            seen[", ".join(map(str, counted.result))] += 1
        except NotOffered:
            seen["not offered"] += 1
        except AdapterError as error:
            seen[str(error)] += 1
    told = ", ".join(f"{what} ({n} times)" for what, n in seen.most_common(4))
    return _extending(operation, found), f"where it is undefined, which is not judged: {told}" if told else None


def _extending(operation: Operation, found: list[Counted]) -> list[Counted]:
    """Those that are numbers where an extension of the formula has a value."""
    extension = EXTENSIONS.get(operation.name)
    if extension is None or not found:
        return []
    is_defined = defined(extension, [counted.table for counted in found])
    return [counted for counted, judged in zip(found, is_defined, strict=True) if judged and not np.isnan(counted.result).any()]


def _under_readings(
    session: Session, operation: Operation, blank: Result, found: list[Counted], extended: list[Counted]
) -> Result:
    """The printed places first; where they fail, the declared reading of table 1, then every other one."""
    outcome = _judged(claim(operation.formula), found)
    if extended:
        outcome = outcome.merged(_judged(claim(EXTENSIONS[operation.name]), extended))
    if outcome.verdict != "deviates" or operation.clauses != TABLE_1:
        return reported(blank, outcome)
    declared = session.declared(operation.name).get("t1-confusion")
    for name in sorted(metrics.TABLE_1_READINGS, key=lambda name: name != declared):
        other = _judged(claim(operation.formula, metrics.TABLE_1_READINGS[name]), found)
        if other.verdict == "conforms":
            return replace(reported(blank, other), verdict="conforms_as", reading=f"t1-confusion:{name}")
    return reported(blank, outcome)


def _judged(claim: Claim, found: list[Counted]) -> Outcome:
    """All results, each in its own format."""
    outcome = Outcome("conforms", 0, 0.0, 0.0)
    for known in {counted.known: None for counted in found}:
        own = [counted for counted in found if counted.known == known]
        outcome = outcome.merged(judge(claim, rows([c.table for c in own]), np.array([c.result for c in own]), known))
    return outcome


@judging("purity")
def check_purity(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Labels keep their bytes, and a result keeps its values when the operation is called again."""
    rng = np.random.default_rng(session.seed_for(operation.name, "purity"))
    points = 0
    for _ in range(session.volume * 2):
        table = rng.integers(1, 6, len(COUNTS))
        first, again = labels(_whole(table), rng), labels(_whole(np.roll(table, 1)), rng)
        message = harm_of_calling(session, operation, list(operation.inputs), first, again)
        points += 1
        if message:
            return replace(blank, verdict="deviates", points=points, message=message)
    return replace(blank, verdict="conforms", points=points)


_COUNTING: Mapping[str, Check] = {"value": check_value, "purity": check_purity}
CHECKS: Mapping[str, Mapping[str, Check]] = {
    "confusion_matrix": _COUNTING,
    "accuracy": _COUNTING,
    "precision": _COUNTING,
    "recall": _COUNTING,
    "f_measure": _COUNTING,
    "mse": {"integers": check_integers},
    "rmse": {"integers": check_integers},
    "mae": {"integers": check_integers},
    "r_squared": {"integers": check_integers},
}
