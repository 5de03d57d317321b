"""What excuses an error at a place, and what floats tell of many places at once."""

import numpy as np
import pytest

from eqwise.conformance.claims import Frame, pullback_claim, slope_claim, value_claim
from eqwise.conformance.comparison import failing_places, judge
from eqwise.conformance.invocation import alike
from eqwise.conformance.laws import allowance
from eqwise.conformance.screening import _absolute, _conditions, _strict
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.formats import FORMATS

F64 = FORMATS["float64"]
NETWORK = Frame("network", (3, 4, 2), (("activation", "relu"), ("output", "softmax")))


@pytest.mark.parametrize(
    "claim",
    [
        value_claim(Frame("softmax", (9,))), pullback_claim(Frame("softmax", (5,)), None, None),
        pullback_claim(Frame("mae", (9,)), None, None), pullback_claim(Frame("dense", (3, 2)), 2, None), value_claim(NETWORK),
    ],
    ids=["softmax", "its gradient", "of mae", "of dense", "network"],
)  # fmt: skip
def test_one_tape_tells_of_all_outputs_what_each_formula_tells_of_one(claim):
    """Also where a number is needed for a branch alone."""
    rows = np.random.default_rng(9).normal(size=(4, len(claim.inputs)))
    for found, alone, factor in zip(
        _conditions(claim, rows), (_strict, _absolute), (bounds.strict_factor, bounds.absolute_factor), strict=True
    ):
        expected = [alone(claim, output, rows, F64) / (8 * F64.unit_roundoff * factor(output)) for output in claim.outputs]
        np.testing.assert_allclose(found, np.column_stack(expected), rtol=1e-12)


@pytest.mark.parametrize(
    ("operation", "row", "actual", "verdict"),
    [
        ("sum_of_squares", [1e-310, 0.0], 0.0, "conforms"),  # 5e-621
        ("sum_of_squares", [1e-310, 0.0], np.nan, "deviates"),
        ("sum_of_squares", [1e-160, 0.0], 1e-305, "deviates"),
        ("sum_of_squares", [1e160, 0.0], np.inf, "conforms"),
        ("r_squared", [1e-170, 3e-170, 1e-170, 2e-170], np.nan, "inaccurate"),  # 0/0 of squares that vanish
        ("rmse", [1e-170, 0.0], 0.0, "inaccurate"),  # the root of one
        ("mse", [1e200, 0.0], np.inf, "conforms"),
    ],
)
def test_what_vanishes_excuses_only_where_something_divides_or_takes_a_root(operation, row, actual, verdict):
    """To a sum of squares a square of 0 is one that was rounded; nan never comes of that."""
    claim = value_claim(Frame(operation, (len(row) // 2,)))
    assert judge(claim, np.array([row]), np.array([[actual]]), F64).verdict == verdict


@pytest.mark.parametrize(
    ("frame", "row", "first", "actual", "dtype"),
    [
        (Frame("quantile"), [-np.nextafter(F64.largest, 0), 1.8 * 2.0**971, 0.5], -1e308, np.inf, "float64"),  # half of 2^1024 − 0.2·2^971
        (Frame("cross_entropy", (2,)), [1e-38, 0.5, 0.0, 0.5], 2e-38, np.nan, "bfloat16"),  # 0 log 0, where 1e-38 counts as 0
        (Frame("cross_entropy", (2,)), [1e-38, 0.5, 0.5, 0.5], 2e-38, np.inf, "bfloat16"),
    ],
)
def test_what_leaves_the_range_by_little_excuses(frame, row, first, actual, dtype):
    """By half a unit of the largest number, or as a subnormal input to a logarithm; with another first input nothing does."""
    claim, target = value_claim(frame), FORMATS[dtype]
    judged = [judge(claim, np.array([given]), np.array([[actual]]), target).verdict for given in (row, [first, *row[1:]])]
    assert judged == ["inaccurate", "deviates"]


@pytest.mark.parametrize(("dtype", "farthest"), [("float64", 300), ("float32", 40)])
def test_what_cancelling_leaves_is_no_allowance(dtype, farthest):
    """tanh is flat far out, where its slope of e^−2x is wrong if it is 0: floats, and balls of few bits, see noise in its condition."""
    rows = np.column_stack([FORMATS[dtype].round(np.linspace(20, farthest, 101)), np.full(101, 0.125 + 2.0**-7)])
    found = failing_places(slope_claim(Frame("tanh"), 0), rows, np.zeros((101, 1)), FORMATS[dtype], ("inaccurate", "deviates"))
    assert [row for row, _, place in found if place.verdict == "inaccurate"] == [*range(101)]


@pytest.mark.parametrize("actual", [np.exp(50.0), 1.0, -np.inf, np.nan])
def test_a_result_beyond_the_range_is_no_excuse(actual):
    """e⁸⁰⁰ is infinite in float64, and so is what its condition allows as a float: the balls are finite, and decide."""
    claim, row = value_claim(Frame("exponential_loss")), np.array([[-800.0, 1.0]])
    assert judge(claim, row, np.array([[np.inf]]), FORMATS["float64"]).verdict == "conforms"
    assert judge(claim, row, np.array([[actual]]), FORMATS["float64"]).verdict == "deviates"


BEYOND = [(-709.7827128933841, 1.0, "inaccurate"), (-70.0, 10.13, "inaccurate"), (-709.0, 1.0, "deviates")]


@pytest.mark.parametrize(("y", "t", "verdict"), BEYOND)
def test_a_slope_beyond_the_range_excuses_what_a_cotangent_brings_back(y, t, verdict):
    """e^−ty, or te^−ty, is infinite in float64, and a cotangent of 2^−130 makes a number of it."""
    claim = slope_claim(Frame("exponential_loss"), 0)
    assert judge(claim, np.array([[y, t, 2.0**-130]]), np.array([[-np.inf]]), FORMATS["float64"]).verdict == verdict


@pytest.mark.parametrize("x", [100.0, 700.0, 710.0, 1e30])
def test_a_branch_that_is_not_taken_excuses_nothing(x):
    """The slope of ELU is 1 above 0, whatever exp(x) is there: its factor is 0, and did not vanish."""
    claim = slope_claim(Frame("elu"), 0)
    assert judge(claim, np.array([[x, 1.0, 1.0]]), np.array([[np.nan]]), FORMATS["float32"]).verdict == "deviates"


def test_the_worst_place_is_told_and_errors_at_kinks_are_not():
    """A slope between those on both sides of a kink conforms, however many ulps it is from one; the headline is of what is shown."""
    claim = slope_claim(Frame("relu"), 0)
    outcome = judge(claim, np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([[0.5], [1.0]]), FORMATS["float64"])
    assert (outcome.verdict, outcome.max_ulp) == ("conforms", 0.0)
    far = np.linspace(1.0, 1.9, 64)
    outcome = judge(value_claim(Frame("relu")), far[:, None], far[:, None] * (1 + far[:, None] * 1e-9), FORMATS["float64"])
    assert float(outcome.worst.inputs["x"].decimal) == 1.9
    assert outcome.message == f"deviates, with an error of {outcome.worst.error / outcome.worst.allowance:.3g} times the strict allowance"


def test_laws_ask_nothing_where_an_intermediate_leaves_the_range():
    """2|y − t| on the way to the slope of (34), which is 2δ there; of float16 too, whose range floats do not leave."""
    rows = np.array([[1e3, 0.0, 1.0, 1.0], [4e4, 0.0, 1.0, 1.0]])
    allowed = allowance(slope_claim(Frame("huber"), 0), 0, rows, FORMATS["float16"])
    assert allowed[0] < 1 and allowed[1] == np.inf
    assert allowance(slope_claim(Frame("huber"), 0), 0, rows * [2.5e303, 1, 1, 1], F64)[1] == np.inf


def test_alike_is_within_a_share_of_the_largest():
    """Equal infinities and nan are alike; shapes that differ are not."""
    one, error = np.array([1.0, 0.0, np.inf, np.nan]), np.array([0.0, 0.01, 0.0, 0.0])
    assert alike(one, one + error, 0.01) and not alike(one, one + 2 * error, 0.01)
    assert not alike(one, -one, 0.5) and not alike(one, one[:3], 0.5)
