"""``eqwise frameworks``: what committed reports say of frameworks, clause by clause, as a Markdown page."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from textwrap import wrap
from typing import Any

from eqwise.conformance import waivers
from eqwise.conformance.report.citing import cited
from eqwise.conformance.report.markup import code, prose, row
from eqwise.conformance.report.reading import results_of
from eqwise.conformance.verdicts import OF_THE_NOTES, Result, by_clause
from eqwise.spec.document import EQUATIONS, STATEMENTS, Statement, clause_of

REPORTS = Path(str(resources.files("eqwise.conformance"))) / "reports"
ADAPTERS = Path(str(resources.files("eqwise.conformance"))) / "adapters"
SIGNS = {"conforms": "✓", "conforms_as": "✓", "inaccurate": "≈", "deviates": "✗", "error": "!", "undecided": "?", "not_offered": ""}
CLAUSES = (*(f"eq{number}" for number in sorted(EQUATIONS)), *STATEMENTS)
LEGEND = (
    "✓ conforms, after a reading's name by that reading of the clause; ≈ the right formula, but less accurate than its inputs excuse; "
    "✗ deviates; ! raises an error; ? undecided; nothing: not offered. A cell is the worst of all properties and dtypes, "
    "with the gravest kind of what is waived there: a fault, documented behaviour, a limitation. What is a theorem of the notes "
    "is asked of none."
)
WAIVED = {
    "fault": "Faults in these versions",
    "documented": "Documented behaviour that deviates from the notes",
    "limitation": "Limitations",
}


@dataclass(frozen=True)
class Framework:
    """A report, and what the adapter's waivers file knows beside it; its bug reports stand in `folder`."""

    name: str
    report: dict[str, Any]
    results: Sequence[Result]
    folder: Path = REPORTS

    @cached_property
    def title(self) -> str:
        """The name and the version."""
        return f"{self.name} {self.report['adapter']['version']}"

    @cached_property
    def known(self) -> Path | None:
        """The file of readings and waivers, of a built-in adapter."""
        path = ADAPTERS / f"{self.report['adapter']['name']}.toml"
        return path if path.is_file() else None

    def cell(self, clause: str) -> str:
        """The sign of the clause's verdict, with the reading's name, and the kind of a waiver."""
        found = by_clause([result for result in self.results if result.property not in OF_THE_NOTES]).get(clause)
        if found is None:
            return ""
        names = sorted({part.partition(":")[2] for part in (found.reading or "").split(", ") if part.startswith(f"{clause}:")})
        kinds = {one.waiver["kind"] for one in self.results if one.waiver and clause in one.clauses and one.on(clause)[0] == found.verdict}
        gravest = [kind for kind in WAIVED if kind in kinds][:1]
        return " ".join([*(code(name) for name in names), SIGNS[found.verdict], *gravest])

    def waived(self, kind: str) -> dict[str, list[Result]]:
        """The waived results of a kind, by reason."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            if result.waiver is not None and result.waiver["kind"] == kind:
                found.setdefault(result.waiver["reason"], []).append(result)
        return found

    def readings(self) -> dict[str, list[Result]]:
        """The results that follow a reading, by the reason why it is declared."""
        reasons = waivers.reasons_of_readings(self.known) if self.known else {}
        found: dict[str, list[Result]] = {}
        for result in self.results:
            for clause, _, name in (part.partition(":") for part in (result.reading or "").split(", ") if part):
                reason = reasons.get((result.operation or "", clause, name), "not declared")
                found.setdefault(f"{name}: {reason}", []).append(result)
        return found

    def inaccurate(self) -> dict[str, list[Result]]:
        """The inaccurate results, by what explains them."""
        explained = waivers.explanations(self.known) if self.known else ()
        found: dict[str, list[Result]] = {}
        for result in self.results:
            if result.verdict == "inaccurate" and result.waiver is None:
                reason = next((one.reason for one in explained if one.covers(result)), "not looked into yet")
                found.setdefault(reason, []).append(result)
        return found


def add_parser(commands: Any) -> None:
    """The options of the command."""
    parser = commands.add_parser("frameworks", help="what reports say of frameworks, as a Markdown page")
    parser.add_argument("reports", nargs="*", metavar="REPORT.json", help="those in conformance/reports otherwise")


def run(known: argparse.Namespace) -> int:
    """Prints the page."""
    paths = [Path(name) for name in known.reports] or sorted(REPORTS.glob("*.json"))
    if not paths:
        raise ValueError(f"there is no report in {REPORTS}")
    print("\n".join(page([read(path) for path in paths])))
    return 0


def read(path: Path) -> Framework:
    """The framework that a report is about, by the name of the file. Raises `ValueError` where it is no report."""
    report, results = results_of(str(path))
    return Framework(path.stem, report, results, path.with_suffix(""))


def page(frameworks: Sequence[Framework]) -> Iterator[str]:
    """The whole page."""
    yield "# Frameworks"
    yield ""
    yield from wrap(f"What `eqwise frameworks` makes of the reports in `conformance/reports`. {LEGEND}", 120)
    yield ""
    yield from _runs(frameworks)
    yield ""
    yield from _matrix(frameworks)
    for kind, heading in WAIVED.items():
        yield from _section(heading, frameworks, [one.waived(kind) for one in frameworks], kind == "fault")
    yield from _section("Readings", frameworks, [one.readings() for one in frameworks])
    yield from _section("Less accurate than the inputs excuse", frameworks, [one.inaccurate() for one in frameworks])


def _runs(frameworks: Iterable[Framework]) -> Iterator[str]:
    yield row("framework", "version", "dtypes", "options and settings", "Python, NumPy", "effort", "run on", "minutes")
    yield "|---|---|---|---|---|---|---|---:|"
    for one in frameworks:
        adapter, environment = one.report["adapter"], one.report["environment"]
        dtypes = [dtype for dtype in ("float64", "float32", "float16", "bfloat16") if any(r.dtype == dtype for r in one.results)]
        settings = [f"{name} {value}" for name, value in sorted(adapter["settings"].items())]
        versions = f"{environment['python']}, {environment['numpy']}"
        when = one.report["options"]["effort"], environment["started"][:10], f"{environment['wall_seconds'] / 60:.1f}"
        told = (one.name, adapter["version"], ", ".join(dtypes), ", ".join(settings), versions, *when)
        yield row(*(prose(text) for text in told))


def _matrix(frameworks: Sequence[Framework]) -> Iterator[str]:
    yield row("clause", "", *(prose(one.name) for one in frameworks))
    yield f"|---|---|{'---|' * len(frameworks)}"
    for key in CLAUSES:
        cells = [one.cell(key) for one in frameworks]
        if any(cells):
            clause = clause_of(key)
            title = clause.claim if isinstance(clause, Statement) else clause.title
            yield row(f"({key[2:]})" if key.startswith("eq") else code(key), prose(title), *cells)


def _section(
    heading: str, frameworks: Sequence[Framework], found: Sequence[dict[str, list[Result]]], with_reports: bool = False
) -> Iterator[str]:
    """A heading, and what each framework has under it: operations with the clauses they cite, and the reason."""
    yield ""
    yield f"## {heading}"
    for framework, groups in zip(frameworks, found, strict=True):
        if groups:
            yield ""
            yield f"**{prose(framework.title)}**"
            yield ""
        for reason, results in groups.items():
            yield f"- {_about(results)}: {prose(reason)}{_reports(framework, results) if with_reports else ''}"
    if not any(found):
        yield ""
        yield "None."


def _about(results: Sequence[Result]) -> str:
    operations = sorted({result.operation or "adapter" for result in results})
    clauses = cited(tuple(clause for clause in CLAUSES if any(clause in result.clauses for result in results)))
    dtypes = sorted({result.dtype for result in results if result.dtype})
    kinds = sorted({result.property for result in results})
    return f"{', '.join(map(code, operations))} {prose(clauses)}, {' and '.join(kinds)} in {', '.join(dtypes) or 'no dtype'}"


def _reports(framework: Framework, results: Sequence[Result]) -> str:
    """Links to the bug reports about these operations."""
    whole = {result.operation or "adapter" for result in results}
    names = {name.replace(", ", "-") for name in whole} | {part for name in whole for part in name.split(", ")}
    paths = [path for path in sorted(framework.folder.glob("*.md")) if any(path.stem.startswith(f"{name}-") for name in names)]
    links = [f"[bug report](conformance/reports/{framework.name}/{path.name})" for path in paths]
    return f" ({', '.join(links) or 'no bug report yet'})"
