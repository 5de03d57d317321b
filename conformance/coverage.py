"""What the suite asserts of every clause of the notes: counted in a run on the reference, not declared."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import wrap
from typing import Any

from eqwise.conformance import suite
from eqwise.conformance.report.terminal import WIDTH
from eqwise.spec.document import EQUATIONS, LAST_EQUATION, STATEMENTS

_INDENT = 36


def covered() -> dict[str, dict[str, Any]]:
    """The assertions and kinds of property of every clause, in the order of the notes, at smoke effort."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        with redirect_stdout(StringIO()):
            suite.run("reference", "-q", "--effort", "smoke", f"--conformance-report={report}")
        found = json.loads(report.read_text(encoding="utf-8"))["clauses"]
    nothing: dict[str, Any] = {"assertions": 0, "kinds": []}
    return {
        key: {**{name: found.get(key, nothing)[name] for name in nothing}, "reason": _reasons().get(key) or None}
        for key in (*_reasons(), *sorted(STATEMENTS, key=_place))
    }


def _reasons() -> dict[str, str]:
    """Why an equation has no transcription to check, where it has none."""
    return {f"eq{number}": EQUATIONS[number].reason for number in sorted(EQUATIONS)}


def _place(key: str) -> tuple[int, ...]:
    return tuple(map(int, STATEMENTS[key].section.split(".")))


def lines(clauses: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A line for each clause, no wider than a terminal, and the totals."""
    for key, clause in clauses.items():
        text = "; ".join(filter(None, (", ".join(clause["kinds"]) or "not covered", clause["reason"])))
        first, *more = wrap(text, WIDTH - _INDENT)
        yield f"{key:<26}{clause['assertions']:>8}  {first}"
        yield from (" " * _INDENT + line for line in more)
    asserted = [key for key, clause in clauses.items() if clause["assertions"]]
    numbered = [key for key in asserted if key not in STATEMENTS]
    reasoned = sum(bool(clauses[key]["reason"]) for key in numbered)
    yield f"{len(numbered)} of {LAST_EQUATION} equations, {reasoned} of them by what stands in for them"
    yield f"{len(asserted) - len(numbered)} of {len(STATEMENTS)} statements"
