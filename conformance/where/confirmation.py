"""From a failure to a case: plain calls, certified digits, the allowance that decided. Kept only where a replay shows it again."""

from __future__ import annotations

from typing import Any

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.case import Case, replay
from eqwise.conformance.pristine import reference
from eqwise.conformance.where.attempts import Failure, Search
from eqwise.conformance.where.company import calls_before
from eqwise.spec.certify import digits


def confirmed(search: Search, failure: Failure) -> dict[str, Any] | None:
    """The case of a failure, if it shows the failure alone and the reference passes it."""
    expected = digits(failure.claim.program, failure.row, failure.output)
    if expected is None or abs(float(expected)) > search.target.largest:
        return None
    attempt = failure.attempt
    calls = (*calls_before(search, failure), *attempt.calls())
    made = Case(attempt.operation, search.target.name, calls, failure.path, expected, _allowance(search, failure)).as_json()
    witness = not search.session.is_reference and not attempt.readings
    if not _shows(search.session.adapter, made) or (witness and _shows(reference(), made)):
        return None
    return made


def _allowance(search: Search, failure: Failure) -> float:
    """That beyond which a number fails: the strict one where accuracy is asked for, or else the absolute one."""
    return failure.place.allowance if "inaccurate" in search.failing else failure.place.absolute


def _shows(adapter: Adapter, data: dict[str, Any]) -> bool:
    """Whether the adapter fails the case, as it is read back from plain data; what raises is no wrong number."""
    case = Case.from_json(data)
    try:
        return case.fails(replay(adapter, case))
    except Exception:
        return False
