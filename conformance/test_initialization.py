"""Section 11 of the notes: initial weights, equations (69) to (72)."""

import pytest


@pytest.mark.section("11")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)
