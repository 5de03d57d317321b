"""The command line: run the suite on an adapter, show an equation or what is covered,
measure the reference."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from eqwise.conformance.accuracy import table
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import EFFORTS
from eqwise.spec import EQUATIONS, STATEMENTS
from eqwise.spec.document import LAST_EQUATION, Equation
from eqwise.spec.numbers.printing import tree
from eqwise.spec.transcript import formula, graph

USAGE = 4  # pytest's exit status for wrong use
_SUITE = ["-p", "eqwise.conformance.plugin", "--pyargs", "eqwise.conformance", "-o", "addopts=", "-p", "no:cacheprovider"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of ``eqwise``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="eqwise", description="Holds deep-learning frameworks to the notes, one equation at a time.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="judge an adapter; other options are pytest's and the suite's", add_help=False)
    run.add_argument("adapter")
    show = commands.add_parser("show", help="show one equation")
    show.add_argument("number")
    show.add_argument("--json", action="store_true")
    cover = commands.add_parser("coverage", help="show which clauses are covered, and by what")
    cover.add_argument("--json", action="store_true")
    measure = commands.add_parser("accuracy", help="measure the reference: a Markdown table")
    measure.add_argument("--effort", choices=tuple(EFFORTS), default="standard")
    known, rest = parser.parse_known_args(arguments)
    if known.command == "run":
        return _run(known.adapter, rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if known.command == "accuracy":
        print("\n".join(table(known.effort)))
        return 0
    return _show(known.number, known.json) if known.command == "show" else _coverage(known.json)


def _run(adapter: str, rest: list[str]) -> int:
    return int(pytest.main([*_SUITE, "--adapter", adapter, *rest]))


def _show(number: str, as_json: bool) -> int:
    if not number.isdecimal() or not 1 <= int(number) <= LAST_EQUATION:
        print(f"eqwise: equation {number!r}: the notes number their equations 1 to {LAST_EQUATION}", file=sys.stderr)
        return USAGE
    shown = described(EQUATIONS[int(number)])
    if as_json:
        print(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(shown)))
    return 0


def described(equation: Equation) -> dict[str, Any]:
    """Everything that is known of an equation, as plain data."""
    operations = [operation for operation in OPERATIONS.values() if equation.number in operation.equations]
    return {
        "number": equation.number,
        "section": equation.section,
        "kind": equation.kind,
        "title": equation.title,
        "tex": equation.tex,
        "formula": formula(equation),
        "tree": [tree(output) for output in graph(equation)],
        "symbols": list(equation.parameters),
        "restates": equation.restates,
        "errata": list(equation.errata),
        "reason": equation.reason or None,
        "readings": [
            {"name": r.name, "formula": formula(equation, r.name), "because": r.because} for r in equation.readings.values()
        ],
        "operations": [operation.name for operation in operations],
        "properties": sorted({kind for operation in operations for kind in checks_of(operation)}),
    }


def _lines(shown: dict[str, Any]) -> list[str]:
    lines = [
        f"({shown['number']}) {shown['title']}",
        f"section    {shown['section']}, {shown['kind']}" + (f" of ({shown['restates']})" if shown["restates"] else ""),
        f"tex        {shown['tex']}",
        f"formula    {shown['formula']}",
        f"symbols    {', '.join(shown['symbols']) or '-'}",
    ]
    lines += [f"erratum    {text}" for text in shown["errata"]]
    lines += [f"reason     {shown['reason']}"] if shown["reason"] else []
    for reading in shown["readings"]:
        lines += [f"reading    {reading['name']}: {reading['formula']}", f"           {reading['because']}"]
    lines += [f"operations {', '.join(shown['operations']) or '-'}", f"properties {', '.join(shown['properties']) or '-'}"]
    return lines


def _coverage(as_json: bool) -> int:
    clauses = covered()
    if as_json:
        print(json.dumps({"clauses": clauses}, indent=1))
        return 0
    for key, clause in clauses.items():
        kinds = ", ".join(clause["kinds"]) or clause["reason"] or "not covered"
        print(f"{key:<26}{clause['assertions']:>9}  {kinds}")
    done = [key for key, clause in clauses.items() if clause["assertions"]]
    numbered = len(set(done) & set(_equations()))
    print(f"{numbered} of {LAST_EQUATION} equations, {len(done) - numbered} of {len(STATEMENTS)} statements")
    return 0


def _equations() -> list[str]:
    return [f"eq{number}" for number in sorted(EQUATIONS)]


def covered() -> dict[str, dict[str, Any]]:
    """What the suite asserts of every clause when it runs on the reference at smoke effort: counted, not declared."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        with redirect_stdout(StringIO()):
            pytest.main([*_SUITE, "-q", "--adapter", "reference", "--effort", "smoke", f"--conformance-report={report}"])
        found = json.loads(report.read_text(encoding="utf-8"))["clauses"]
    clauses = {}
    for key in [*_equations(), *sorted(STATEMENTS, key=lambda key: float(STATEMENTS[key].section))]:
        clause = found.get(key, {"assertions": 0, "kinds": []})
        reason = EQUATIONS[int(key[2:])].reason if key in _equations() else ""
        clauses[key] = {"assertions": clause["assertions"], "kinds": clause["kinds"], "reason": reason or None}
    return clauses


if __name__ == "__main__":
    raise SystemExit(main())
