"""What a check is: it judges one property of one operation in one dtype (an empty one for operations without any)."""

from collections.abc import Callable
from dataclasses import replace

from eqwise.conformance.adapter import Operation
from eqwise.conformance.session import DEFECT, Session
from eqwise.conformance.verdicts import Result

Check = Callable[[Session, Operation, str], Result]


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
