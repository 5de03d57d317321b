"""Every planted error is failed, under its own equation, by the property that it breaks."""

import pytest
import wrong.collection  # noqa: F401
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.properties import CHECKS
from eqwise.conformance.session import Session
from wrong.planted import PLANTED

EQUATIONS = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 27, 28, 29, 30, 31, 32, 33, 34, 35]


@pytest.mark.parametrize("name", PLANTED)
def test_planted_error_is_failed(name):
    """Some property of the operation fails, and cites the equation."""
    planted = PLANTED[name]
    kinds = ["derivative", "purity"] if planted.part == "vjp" else ["value", "purity"]
    session = Session(planted.adapter(), effort="smoke")
    operation = OPERATIONS[planted.operation]
    results = (CHECKS[kind](session, operation, dtype) for kind in kinds for dtype in session.dtypes)
    caught = next((result for result in results if session.settle(result)[1]), None)
    assert caught is not None, planted.because
    assert planted.clause in caught.clauses


def test_every_equation_has_planted_errors():
    """Each equation that is judged has at least two wrong implementations, restatements counted together."""
    planted = [clause for entry in PLANTED.values() for clause in OPERATIONS[entry.operation].clauses]
    assert all(planted.count(f"eq{number}") >= 2 for number in EQUATIONS)
    assert len(PLANTED) >= 80
