"""What a check is: it judges one property of one operation in one dtype (an empty one for operations without any)."""

from collections.abc import Callable

from eqwise.conformance.adapter import Operation
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result

Check = Callable[[Session, Operation, str], Result]
