"""In which order the arrays of a failure must lie in memory."""

from __future__ import annotations

from dataclasses import replace

from eqwise.conformance.where.attempts import Attempt, Failure, Search
from eqwise.conformance.where.formulas import Formula

LIES = {"F": "in Fortran order", "strided": "as every second number of a larger array", "reversed": "last number first"}


def plainest(search: Search, attempt: Attempt) -> Failure | None:
    """The failure of an attempt with as many of its inputs in C order as can be."""
    if not isinstance(attempt, Formula):
        return search.failure(attempt)
    found = search.failure(attempt.laid({}))
    if found or not _bent(attempt):
        return found
    found = search.failure(attempt)
    for name in _bent(attempt) if found else ():
        assert found is not None and isinstance(found.attempt, Formula)
        found = search.failure(found.attempt.laid({**found.attempt.layouts, name: "C"})) or found
    return found


def order_of(search: Search, attempt: Attempt) -> str:
    """In words, where a failure depends on it; empty where it does not."""
    bent = _bent(attempt) if isinstance(attempt, Formula) else {}
    if not bent or not isinstance(attempt, Formula):
        return ""
    others = [name for name, array in attempt.arrays.items() if array.ndim > 1 and name not in bent]
    told = " and ".join(f"{name} lies {LIES[layout]}" for name, layout in bent.items())
    if set(bent.values()) == {"F"} and others:
        cotangent = attempt.cotangent
        alike = replace(attempt.laid(dict.fromkeys(attempt.layouts, "F")), cotangent=None if cotangent is None else cotangent.copy("F"))
        if next(search.failures(alike), None) is None:
            return f"it fails only where {told} and {', '.join(others)} in C order"
    return f"it fails only where {told}"


def _bent(attempt: Formula) -> dict[str, str]:
    """The inputs that do not lie in C order."""
    return {name: layout for name, layout in attempt.layouts.items() if layout != "C"}
