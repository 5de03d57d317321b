"""Correct implementations that round, or are organised, otherwise are blamed nowhere; `innocence.py` judges them under more seeds."""

import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.claims import Frame, pullback_claim
from eqwise.conformance.comparison import at_place
from eqwise.conformance.invocation import contents
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.formats import FORMATS
from innocence import blame, main, results
from innocent.making import made
from innocent.table import INNOCENTS, Innocent

SEEDS = (0,)  # `innocence.py` has the others
FEW = 4  # operations of one implementation under one seed


@pytest.mark.one_in(6)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", INNOCENTS)
def test_innocent_is_blamed_nowhere(name, seed):
    """Every property of some of its operations, others for every seed, in a dtype that takes turns."""
    innocent = INNOCENTS[name]
    place = list(INNOCENTS).index(name)
    share = -(-len(innocent.operations) // FEW)
    chosen = innocent.operations[(place + seed) % share :: share]
    blamed = [said for result in results(innocent, seed, chosen, turn=place + seed) if (said := blame(innocent, seed, result))]
    assert not blamed, "\n".join(blamed)


def test_every_innocent_does_something_otherwise_and_says_what():
    """Twenty implementations at least; none of them is the reference in disguise, and every operation is done otherwise by several."""
    assert len(INNOCENTS) >= 20
    for name, innocent in INNOCENTS.items():
        assert innocent.operations and innocent.differs and innocent.made.__doc__, name
        assert set(innocent.operations) <= set(OPERATIONS), name
    counted = {operation: sum(operation in innocent.operations for innocent in INNOCENTS.values()) for operation in OPERATIONS}
    assert min(counted.values()) >= 5, counted


def test_blame_tells_who_what_and_when():
    """A wrong implementation among the innocents is told with its name, operation, property and seed."""
    softplus = {"softplus": lambda x: ReferenceAdapter.softplus(x) * (1 + 1e-6)}
    wrong = Innocent(made("OffByAHair", "One part in a million too much.", softplus))
    said = [blame(wrong, 7, result) for result in results(wrong, 7, wrong.operations, turn=0)]
    (first, *_) = [text for text in said if text]
    assert first.startswith("OffByAHair (One part in a million too much.) is blamed: softplus value float64, seed 7: deviates")
    assert "expected" in first and "at x = " in first


@pytest.mark.parametrize(
    ("verdict", "label", "reading", "is_blamed"),
    [
        ("conforms", None, None, False), ("inaccurate", "range", None, False), ("inaccurate", None, None, True),
        ("error", None, None, True),
        ("undecided", None, None, True), ("deviates", None, None, True), ("conforms_as", None, "eq26:mean_of_observations", True),
        ("conforms", "defect", None, True),
    ],
)  # fmt: skip
def test_what_counts_as_blame(verdict, label, reading, is_blamed):
    """All that fails, digits that are lost within the range, and a reading that the implementation does not follow."""
    result = Result(("eq26",), "r_squared", "value", "float64", verdict, reading, label)
    assert (blame(INNOCENTS["ExactNumbers"], 0, result) is not None) == is_blamed
    assert blame(INNOCENTS["MeanOfObservations"], 0, Result(("eq26",), "r_squared", "value", "", "conforms_as", "eq26:any")) is None


def test_command_refuses_unknown_names(capsys):
    """With the names that there are."""
    with pytest.raises(SystemExit):
        main(["Nobody"])
    assert "there are Reference, FortranOrder" in capsys.readouterr().err


@pytest.mark.parametrize(("x", "verdict"), [(45.0, "inaccurate"), (40.0, "deviates")])
def test_a_gradient_by_an_output_that_was_flushed_is_lost_with_it(x, verdict):
    """y·(c − Σyc) is 0 for a y that is subnormal, and so made 0, though c makes it normal again; for another y it is not."""
    claim = pullback_claim(Frame("softmax", (2,)), None, None)
    place = at_place(claim, [-x, x, 64.0, 0.0], 0, 0.0, FORMATS["float32"])
    assert (place.verdict, place.label) == (verdict, None)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 63, reason="extended numbers here fill their bytes")
def test_what_fills_up_extended_numbers_is_no_difference():
    """Copies of numbers of 80 bits have other bytes behind them; another number, or sign of 0, is told."""
    one, other = np.array([[1.5, -0.0]], np.longdouble), np.array([[1.5, 0.0]], np.longdouble)
    again = one.copy()
    again.view(np.uint8)[:, 10::16] = 77
    assert one.tobytes() != again.tobytes() and contents(one) == contents(again)
    assert contents(one) != contents(other) and contents(np.array(1.5)) == np.array(1.5).tobytes()
