"""What is found out about a failure once it is there: where exactly it is, the smallest case of it, what would explain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.diagnosis.search import explained
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.conformance.where import located
from eqwise.conformance.witness import witnessed

STEPS: tuple[Callable[[Session, Result], Result], ...] = (located, witnessed, explained)


def looked_into(session: Session, result: Result) -> Result:
    """The result with what each step finds. A step that fails takes nothing from the verdict; it is told."""
    for step in STEPS:
        try:
            result = step(session, result)
        except Exception as error:
            cause = "" if isinstance(error, (AdapterError, NotOffered)) else f"a defect of the suite: {type(error).__name__}: "
            told = f"not looked into further, because of {cause}{error}"
            result = replace(result, message="; ".join(filter(None, (result.message, told))))
    return result
