"""Section 4 of the notes: activation functions, equations (9) to (18)."""

import pytest


@pytest.mark.section("4")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks for."""
    settle(check)
