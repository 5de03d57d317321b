"""Section 8 of the notes: gradient descent, equations (36) to (39)."""

import pytest


@pytest.mark.section("8")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)
