"""Reads a JSON report back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eqwise.conformance.report.writer import SCHEMA
from eqwise.conformance.verdicts import Result


def report_of(path: str) -> dict[str, Any]:
    """The report in a file. Raises ValueError where it is none, or of another schema; OSError where it cannot be read."""
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no report: {error}") from error
    found = report.get("schema") if isinstance(report, dict) else None
    if found != SCHEMA:
        raise ValueError(f"{path} has the schema {found!r}, not {SCHEMA!r}")
    return report  # type: ignore[no-any-return]


def results_of(path: str) -> tuple[dict[str, Any], list[Result]]:
    """The report in a file, and its results."""
    report = report_of(path)
    try:
        return report, [Result.from_json(data) for data in report["results"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has a result that cannot be read: {type(error).__name__}: {error}") from error
