"""Section 12 of the notes: regularization, equations (73) to (77)."""

import pytest


@pytest.mark.section("12")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)
