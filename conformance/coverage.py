"""What the suite asserts of every clause of the notes: counted in a run on the reference, not declared.

What is counted are checks: an executed result is one property of one operation in one dtype, or a proof. How many points each
of them judges depends on the versions of NumPy and Hypothesis, which draw them; how many checks there are does not.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import resources
from io import StringIO
from pathlib import Path
from textwrap import wrap
from typing import Any

from eqwise.conformance import suite
from eqwise.conformance.report.markup import code, prose, row
from eqwise.conformance.report.reading import report_of
from eqwise.conformance.report.terminal import WIDTH
from eqwise.spec.document import EQUATIONS, LAST_EQUATION, STATEMENTS, Statement, clause_of

Clauses = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Column:
    """A column of the matrix: its name, its heading where there is little room, the properties it counts, what it says."""

    name: str
    short: str
    properties: tuple[str, ...]
    meaning: str

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")


COLUMNS = (
    Column("value", "val", ("value", "integers", "scale"), "what it computes"),
    Column("derivative", "der", ("derivative", "target_sums"), "the gradients of that"),
    Column("law", "law", ("law", "order", "points", "statement", "system", "theorem"), "laws, statements and theorems"),
    Column("update", "upd", ("update", "state", "inference"), "steps, and what is kept from one to the next"),
    Column("distribution", "dis", ("distribution", "mask"), "what random numbers and masks are drawn from"),
    Column("special_values", "spc", ("special_values",), "infinities, nan and -0: outside the notes, no verdict"),
    Column("purity", "pur", ("purity",), "arguments and earlier results stay as they are"),
    Column("dtypes", "dt", (), "in how many of float64, float32, float16 and bfloat16 it is judged"),
    Column("planted", "plant", (), "wrong implementations of it that the suite was held against"),
    Column("caught", "caught", (), "those of them that the suite failed"),
)
_HOLDS_KINDS = tuple(column for column in COLUMNS if column.properties)
_BESIDE = ("special_values", "purity")  # which say nothing of the formula
_STRENGTH = resources.files("eqwise.conformance") / "strength.json"
_COUNTS = (
    "A cell counts the checks that were executed on the reference: each is one property of one operation in one dtype, or a "
    "proof. A dot stands for none, a hyphen for what was not measured."
)
_UNSTABLE = (
    "How many points a check judges, which `eqwise coverage` tells, depends on what NumPy and Hypothesis draw, so it does not stand "
    "here. Without matplotlib, `fig3` and `s6-op-plot` are not checked."
)
_KEY = 24


def covered(path: str | None = None) -> dict[str, dict[str, Any]]:
    """Every clause, in the order of the notes, with what a report has of it, and how much of what is wrong it catches.

    Without a report, one of the reference at smoke effort is made.
    """
    if path is not None:
        return tabulated(report_of(path), strength())
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        made = str(Path(folder) / "report.json")
        suite.run("reference", "-q", "--effort", "smoke", f"--conformance-report={made}")
        return tabulated(report_of(made), strength())


def strength() -> dict[str, dict[str, int]]:
    """How many wrong implementations of a clause were planted and caught, of the clauses that were measured."""
    return dict(json.loads(_STRENGTH.read_text(encoding="utf-8"))["clauses"]) if _STRENGTH.is_file() else {}


def tabulated(report: Mapping[str, Any], measured: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    """The clauses of a report with their matrix. `assertions` are the points that were judged, special values aside."""
    nothing: dict[str, Any] = {"assertions": 0, "kinds": []}
    return {
        key: {
            **{name: report["clauses"].get(key, nothing)[name] for name in nothing},
            "reason": _reasons().get(key) or None,
            "matrix": {
                **_counted([result for result in report["results"] if key in result["clauses"]]),
                **{name: measured.get(key, {}).get(name) for name in ("planted", "caught")},
            },
        }
        for key in (*_reasons(), *sorted(STATEMENTS, key=_place))
    }


def _counted(results: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The checks that judged at least a point, by column, and in how many dtypes the clause was judged."""
    executed = [result for result in results if result["points"]]
    counts = Counter(_column_of(result["property"]) for result in executed)
    dtypes = {result["dtype"] for result in executed if result["property"] not in _BESIDE} - {None}
    return {**{column.name: counts[column.name] for column in _HOLDS_KINDS}, "dtypes": len(dtypes)}


def _column_of(kind: str) -> str:
    for column in _HOLDS_KINDS:
        if kind in column.properties:
            return column.name
    raise ValueError(f"property {kind!r} must stand in a column: enter it in COLUMNS of conformance/coverage.py")


def _reasons() -> dict[str, str]:
    """Why an equation has no transcription to check, where it has none."""
    return {f"eq{number}": EQUATIONS[number].reason for number in sorted(EQUATIONS)}


def _place(key: str) -> tuple[int, ...]:
    return tuple(map(int, STATEMENTS[key].section.split(".")))


def lines(clauses: Clauses) -> Iterator[str]:
    """A line for each clause, no wider than a terminal; what the headings mean; the totals."""
    yield _line("clause", [column.short for column in COLUMNS], "points")
    for key, clause in clauses.items():
        yield _line(key, _cells(clause), f"{clause['assertions']:,}" if clause["assertions"] else "none")
    yield _line("clauses with any", _with_any(clauses), "")
    yield ""
    yield from wrap(f"{_COUNTS} points: numbers and conditions that they judged, in this run.", WIDTH)
    yield from (f"  {column.short:<8}{column.meaning}" for column in COLUMNS)
    yield ""
    for text in _stand_ins(clauses):
        yield from wrap(text, WIDTH, subsequent_indent="  ")
    yield from _totals(clauses)


def markdown(clauses: Clauses) -> Iterator[str]:
    """The same as a Markdown document, with the titles, and without the points, which differ between machines."""
    yield "# Coverage"
    yield ""
    yield from wrap(f"What the suite asserts of the notes, printed by `eqwise coverage --markdown`. {_COUNTS} {_UNSTABLE}", 120)
    yield ""
    yield from (f"- {column.title}: {column.meaning}" for column in COLUMNS)
    yield ""
    yield row("clause", "", *(column.title for column in COLUMNS))
    yield f"|---|---|{'---:|' * len(COLUMNS)}"
    for key, clause in clauses.items():
        yield row(code(key), prose(_title(key)), *_cells(clause))
    yield row("clauses with any", "", *_with_any(clauses))
    yield ""
    yield from (f"- {prose(text)}" for text in (*_stand_ins(clauses), *_totals(clauses)))


def _title(key: str) -> str:
    clause = clause_of(key)
    return clause.claim if isinstance(clause, Statement) else clause.title


def _line(key: str, cells: Sequence[str], points: str) -> str:
    filled = "".join(f"{cell:>{len(column.short) + 1}}" for column, cell in zip(COLUMNS, cells, strict=True))
    return f"{key:<{_KEY}}{filled}{points:>{WIDTH - _KEY - len(filled)}}".rstrip()


def _cells(clause: Mapping[str, Any]) -> list[str]:
    found = [clause["matrix"][column.name] for column in COLUMNS]
    return ["-" if cell is None else str(cell or ".") for cell in found]


def _with_any(clauses: Clauses) -> list[str]:
    return [str(sum(bool(clause["matrix"][column.name]) for clause in clauses.values()) or ".") for column in COLUMNS]


def _stand_ins(clauses: Clauses) -> Iterator[str]:
    yield from (f"{key}: {clause['reason']}" for key, clause in clauses.items() if clause["reason"])


def _totals(clauses: Clauses) -> Iterator[str]:
    asserted = [key for key, clause in clauses.items() if clause["assertions"]]
    numbered = [key for key in asserted if key not in STATEMENTS]
    reasoned = sum(bool(clauses[key]["reason"]) for key in numbered)
    yield f"{len(numbered)} of {LAST_EQUATION} equations, {reasoned} of them by what stands in for them"
    yield f"{len(asserted) - len(numbered)} of {len(STATEMENTS)} statements"
