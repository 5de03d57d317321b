"""What a check is: it judges one property of one operation in one dtype (an empty one for operations without any)."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.session import DEFECT, Session
from eqwise.conformance.verdicts import Result

Check = Callable[[Session, Operation, str], Result]
Body = Callable[[Session, Operation, str, Result], Result]


def judging(kind: str, clauses: tuple[str, ...] | None = None, label: str | None = None) -> Callable[[Body], Check]:
    """A check of this kind, from what it does with a blank result, which cites all clauses of the operation unless told others."""

    def enter(body: Body) -> Check:
        @wraps(body)
        def check(session: Session, operation: Operation, dtype: str) -> Result:
            cited = operation.clauses if clauses is None else clauses
            blank = Result(cited, operation.name, kind, dtype or None, "not_offered", label=label)
            return answered(blank, lambda: body(session, operation, dtype, blank))

        return check

    return enter


def answered(blank: Result, judge: Callable[[], Result]) -> Result:
    """What `judge` returns; the blank result with the reason where the adapter does not offer it, an error where it fails."""
    try:
        return judge()
    except NotOffered as reason:
        return replace(blank, message=str(reason))
    except AdapterError as error:
        return replace(blank, verdict="error", message=str(error))


def attempted(blank: Result, judge: Callable[[], Result]) -> Result:
    """What `judge` returns; whatever it raises is a defect of the suite, and so an error, which no waiver excuses."""
    try:
        return judge()
    except Exception as error:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_name}, line {place.tb_lineno}" if place else "nowhere"
        message = f"not judged, because of a defect of the suite: {type(error).__name__} in {where}: {error}"
        return replace(blank, verdict="error", label=DEFECT, message=message)
