"""The command line: run the suite, show an equation or what is covered, measure the reference, draw figures, train."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from eqwise.conformance import (
    check_adapter_command,
    coverage,
    diff_command,
    figure_command,
    frameworks_command,
    new_adapter_command,
    strength_command,
    suite,
    training_command,
    waive_command,
)
from eqwise.conformance.accuracy import table
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import EFFORTS
from eqwise.spec import EQUATIONS
from eqwise.spec.document import LAST_EQUATION, Equation
from eqwise.spec.numbers.printing import tree
from eqwise.spec.transcript import formula, graph

USAGE = 4  # pytest's exit status for wrong use


class _Parser(argparse.ArgumentParser):
    """Wrong use is told in one line."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of ``eqwise``; returns the exit status."""
    try:
        known, rest = _parser().parse_known_args(arguments)
        if known.command == "run":
            return suite.run(known.adapter, *rest)
        if rest:
            raise ValueError(f"unrecognized arguments: {' '.join(rest)}")
        return _COMMANDS[known.command](known) or 0
    except (ArithmeticError, ImportError, OSError, ValueError) as error:
        print(f"eqwise: {' '.join(str(error).split())}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="eqwise", description="Holds deep-learning frameworks to the notes, one equation at a time.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="judge an adapter; other options are pytest's and the suite's", add_help=False)
    run.add_argument("adapter")
    show = commands.add_parser("show", help="show one equation")
    show.add_argument("number")
    show.add_argument("--json", action="store_true")
    cover = commands.add_parser("coverage", help="show which clauses are covered, and by what")
    cover.add_argument("report", nargs="?", metavar="REPORT.json", help="a report; one of the reference is made otherwise")
    form = cover.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true", help="the document that COVERAGE.md is")
    measure = commands.add_parser("accuracy", help="measure the reference: a Markdown table")
    measure.add_argument("--effort", choices=tuple(EFFORTS), default="standard")
    new_adapter_command.add_parser(commands)
    check_adapter_command.add_parser(commands)
    waive_command.add_parser(commands)
    diff_command.add_parser(commands)
    strength_command.add_parser(commands)
    frameworks_command.add_parser(commands)
    figure_command.add_parser(commands)
    training_command.add_parser(commands)
    return parser


def _show(known: argparse.Namespace) -> None:
    number = known.number
    if not number.isdecimal() or not 1 <= int(number) <= LAST_EQUATION:
        raise ValueError(f"equation {number!r}: the notes number their equations 1 to {LAST_EQUATION}")
    shown = described(EQUATIONS[int(number)])
    print(json.dumps(shown, indent=1, ensure_ascii=False) if known.json else "\n".join(_lines(shown)))


def _coverage(known: argparse.Namespace) -> None:
    clauses = coverage.covered(known.report)
    if known.json:
        print(json.dumps({"clauses": clauses}, indent=1))
    else:
        print("\n".join((coverage.markdown if known.markdown else coverage.lines)(clauses)))


def _accuracy(known: argparse.Namespace) -> None:
    print("\n".join(table(known.effort)))


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


_COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "show": _show,
    "coverage": _coverage,
    "accuracy": _accuracy,
    "check-adapter": check_adapter_command.run,
    "waive": waive_command.run,
    "diff": diff_command.run,
    "strength": strength_command.run,
    "frameworks": frameworks_command.run,
    "new-adapter": new_adapter_command.run,
    "figure": figure_command.run,
    "train": training_command.run,
}


if __name__ == "__main__":
    raise SystemExit(main())
