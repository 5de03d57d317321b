"""Annotations of GitHub, which stand beside a run of a workflow: one line for each property that fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eqwise.conformance.report.citing import cited
from eqwise.conformance.report.text import annotation, annotation_property
from eqwise.conformance.verdicts import Result

MOST = 10  # of each kind in one step are all that GitHub shows


def annotated(failed: Iterable[tuple[Result, str]], inaccurate: Iterable[Result]) -> Iterator[str]:
    """Errors for what fails the run, each with why, and warnings for what is inaccurate."""
    for result, problem in list(failed)[:MOST]:
        told = [problem, *([result.where] if result.where else []), *(f"what would explain it: {one.text}" for one in result.explanations)]
        yield f"::error title={annotation_property(_title(result))}::{annotation(chr(10).join(told))}"
    for result in list(inaccurate)[:MOST]:
        yield f"::warning title={annotation_property(_title(result))}::{annotation(result.message or result.verdict)}"


def _title(result: Result) -> str:
    return " ".join(filter(None, (cited(result.clauses), result.operation, result.property, result.dtype)))
