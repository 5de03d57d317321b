"""Section 10 of the notes: optimizers, equations (57) to (68)."""

import pytest


@pytest.mark.section("10")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)
