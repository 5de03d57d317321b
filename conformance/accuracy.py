"""The accuracy of the reference: largest error and largest share of the strict allowance, for each function."""

from __future__ import annotations

from collections.abc import Iterator

from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.loading import load
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import MEASURED, Session
from eqwise.conformance.verdicts import Result


def table(effort: str = "standard") -> Iterator[str]:
    """The lines of a Markdown table; every point is certified."""
    adapter, known = load("reference", {})
    session = Session(adapter, known, effort=effort)
    yield "| function | property | ulp, float64 | share, float64 | share, float32 | share, float16 | share, bfloat16 |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for operation in (operation for operation in OPERATIONS.values() if operation.typed):
        for kind, check in checks_of(operation).items():
            if kind in MEASURED:
                yield _row(operation, kind, [check(session, operation, dtype) for dtype in session.dtypes])


def _row(operation: Operation, kind: str, results: list[Result]) -> str:
    alone = operation.shape == "elementwise" or (kind == "value" and operation.shape in ("rows", "sample"))
    ulp = f"{results[0].max_ulp:.2f}" if alone and (results[0].max_ulp or 0) < 100 else "–"
    shares = ("–" if result.max_share is None else f"{result.max_share:.2f}" for result in results)
    return f"| {operation.name} | {kind} | {ulp} | {' | '.join(shares)} |"
