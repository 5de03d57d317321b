"""Before all else: arrays survive the way into the framework and back."""

import pytest

from eqwise.conformance.plugin import smoke


@pytest.mark.clauses()
def test_smoke(dtype, settle):
    """Dtype, shape and every number come back, and nothing is written."""
    settle(lambda session: smoke(session, dtype))
