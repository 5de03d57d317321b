"""Section 9 of the notes: back-propagation, equations (40) to (56)."""

import pytest


@pytest.mark.section("9")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)
