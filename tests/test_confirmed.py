"""Every transcription is confirmed by values that do not come from it, and what confirms it would notice another formula."""

import mpmath as mp
import pytest

from confirmations import changed, notices, shares
from confirmed.making import EVIDENCE, Evidence, confirms
from confirmed.table import FORMULAS, TABLE, asked
from eqwise.spec import EQUATIONS

EDITED = [key for key in FORMULAS if isinstance(key[0], int)]
NOTICED = 0.5  # of the edits of one formula; those that pass are nearly all equal to it, as |eˣ| is to eˣ, or 0 times n to 0
IN_TURN = 6  # every so many edits of a formula are tried here, all where fewer than FEW of these run; `confirmations.py` tries all
FEW = 4


def test_every_formula_and_every_reading_is_in_the_table():
    """Equations that have a formula, and readings of equations and statements; nothing else."""
    missing, unknown = asked() - set(TABLE), set(TABLE) - asked()
    assert not missing, f"give evidence for {sorted(map(str, missing))} in the section's module of tests/confirmed/"
    assert not unknown and set(FORMULAS) == asked()
    assert {n for n, entry in EQUATIONS.items() if entry.formula is None} == {3, 36, 37}
    assert all(evidence.by for evidence in TABLE.values())


@pytest.mark.parametrize("key", FORMULAS, ids=lambda key: f"{key[0]}-{key[1]}")
def test_transcription_is_confirmed(key):
    """By its own evidence, in every case of it."""
    assert TABLE[key].against(FORMULAS[key]) is None


@pytest.mark.parametrize("key", EDITED, ids=lambda key: f"{key[0]}-{key[1]}")
def test_evidence_notices_most_edits(key):
    """Formulas that differ from the transcription in one place, of many a few in turn."""
    edits = list(changed(key))
    for chosen in (edits[key[0] % IN_TURN :: IN_TURN], edits):
        told = [noticed for edit in chosen if (noticed := notices(TABLE[key], edit)) is not None]
        if len(told) >= FEW:
            break
    assert told and sum(told) >= NOTICED * len(told), f"{sum(told)} of {len(told)}"


@pytest.mark.parametrize("key", [key for key in FORMULAS if key not in EDITED], ids=lambda key: f"{key[0]}-{key[1]}")
def test_evidence_tells_the_readings_of_a_statement_apart(key):
    """Its own formula alone is confirmed."""
    others = [other for other in FORMULAS if other[0] == key[0] and other != key]
    assert others and all(TABLE[key].against(FORMULAS[other]) for other in others)


@pytest.mark.parametrize("number", [n for n, entry in EQUATIONS.items() if entry.readings])
def test_evidence_tells_the_readings_of_an_equation_apart(number):
    """Where they take the same arguments, and are more than another start."""
    keys = [key for key in FORMULAS if key[0] == number and key[1] != "positive_start"]
    for key in keys:
        for other in keys:
            if key != other and _takes(key) == _takes(other) and {key[1], other[1]} != {"as_printed", "zero_gradient_at_rest"}:
                assert TABLE[key].against(FORMULAS[other]), (key, other)


def _takes(key):
    return FORMULAS[key].__code__.co_varnames[: FORMULAS[key].__code__.co_argcount]


def test_shares_counts_all_edits():
    """Of the softplus: 1 + eˣ is positive, so that three absolute values and a bound below 1 are no change."""
    count, unnoticed = shares((12, "as_printed"))
    assert count > 50 and {edit.kind for edit in unnoticed} == {"absolute value", "bound"} and len(unnoticed) == 4


def test_evidence_says_what_speaks_against():
    """The case, what was expected and what was found; entered twice, it is refused."""
    evidence = Evidence("by hand", lambda rng: iter([((mp.mpf(2),), 3)]), 1e-25)
    assert evidence.against(lambda x: x + 1) is None
    assert "expected 3.0, found 4.0" in evidence.against(lambda x: x + 2)
    with pytest.raises(AssertionError):
        confirms(12, by="again")(lambda rng: iter(()))
    assert (12, "as_printed") in EVIDENCE
