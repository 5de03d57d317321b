"""Section 6 of the notes: evaluation metrics, table 1 and equations (19) to (26)."""

import pytest


@pytest.mark.section("6")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)
