"""The checkers that stand beside eqwise run, and each notices what it can notice."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

import bench
import examples
import side_by_side
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from examples import Draw
from side_by_side import CHECKERS, Outcome, Pristine, outcomes
from wrong.collection import WRONG
from wrong.methods import BASES, cast_back

HERE = {name for name, checker in CHECKERS.items() if find_spec(checker.needs)}
NOTICED = {
    "eq10-logistic-gradient_of_the_output": {"gradcheck", "allclose", "eqwise"},
    "eq10-logistic-in_float32": {"gradcheck", "eqwise"},  # 6e-8 of the value, which differences of 1e-6 enlarge
    "eq6-logistic-five_in_ten_thousand": {"allclose", "eqwise"},  # within gradcheck's rtol
    "eq6-logistic-clipped_at_36": {"eqwise"},
    "eq12-softplus-softplus_gradient_late": {"eqwise"},
}


@pytest.mark.parametrize("name", NOTICED)
def test_each_checker_notices_what_it_can(name):
    """A gradient against its forward, a value against an oracle, and what no ordinary example shows."""
    found = outcomes(WRONG[name])
    assert set(found) == HERE
    assert {checker for checker, outcome in found.items() if outcome.failure} == NOTICED[name] & HERE
    assert all(outcome.seconds >= outcome.inside >= 0 for outcome in found.values())


def test_gradcheck_fails_by_its_own_verdict():
    """Not because something else was raised."""
    pytest.importorskip("torch")
    assert outcomes(WRONG["eq10-logistic-gradient_of_the_output"])["gradcheck"].failure.startswith("GradcheckError: Jacobian mismatch")


@pytest.mark.parametrize("operation", ["logistic", "numerical_gradient"])
def test_the_reference_passes_all(operation):
    """Three checkers apply, and none fails it."""
    assert {name: outcome.failure for name, outcome in outcomes(Pristine(operation)).items()} == dict.fromkeys(HERE)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_reference_passes_the_others(operation):
    """Gradcheck and allclose, on every operation that they apply to."""
    asked = Pristine(operation)
    applicable = [CHECKERS[name] for name in HERE - {"eqwise"} if CHECKERS[name].applies(operation, "")]
    assert [checker.check(asked).failure for checker in applicable] == [None] * len(applicable)


@pytest.mark.parametrize("operation", BASES)
def test_what_wrong_ones_are_made_from_passes(operation):
    """So that allclose catches the error that was planted, and no convention."""
    made, base = ReferenceAdapter(), BASES[operation]
    object.__setattr__(made, operation, cast_back(base()) if operation == "network_gradients" else base)
    for turn in range(examples.TURNS):
        side_by_side._compare(made, operation, turn)


@pytest.mark.parametrize(
    ("dtype", "error", "noticed"), [("float64", 2e-7, True), ("float64", 5e-8, False), ("float32", 1e-4, True), ("float16", 1.0, False)]
)
def test_allclose_has_the_tolerances_of_its_users(dtype, error, noticed):
    """In float64 and in float32, each with its own; no other dtype is asked."""
    made = ReferenceAdapter()
    object.__setattr__(made, "exponential_loss", lambda y, t: np.exp(-t * y) * y.dtype.type(1 + error * (y.dtype == dtype)))
    try:
        side_by_side._compare(made, "exponential_loss", 0)
    except AssertionError:
        assert noticed
    else:
        assert not noticed


@pytest.mark.parametrize("operation", OPERATIONS)
def test_examples_differ_by_turn_and_not_by_drawing(operation):
    """The same turn draws the same numbers again, other turns others; all of them are ordinary."""
    if examples.is_drawn(operation, ""):
        pytest.skip("no oracle has its numbers")
    first, again, other = (examples.answers(side_by_side.oracle(), Draw(operation, turn)) for turn in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(np.isfinite(a).all() for a in first)
    assert operation in ("bias", "perceptron", "step") or not all(np.array_equal(a, b) for a, b in zip(first, other, strict=False))


def test_what_applies():
    """No oracle has the numbers of a draw; no gradient belongs to an optimizer or to a count."""
    allclose, gradcheck = CHECKERS["allclose"].applies, CHECKERS["gradcheck"].applies
    assert not allclose("gauss", "eq72") and not allclose("dropout", "s12.2-train-mask")
    assert allclose("dropout", "s12.2-inference-scale") and allclose("adam", "eq68") and allclose("recall", "eq21")
    assert not any(gradcheck(name, "") for name in ("adam", "recall", "gauss", "perceptron", "batch_norm_layer", "dropout_layer"))
    assert all(gradcheck(name, "") for name in ("network_gradients", "dropout", "batch_norm", "step"))


def test_figures_add_up():
    """What is caught, alone or not, and the seconds of all, spread over what is caught."""
    gradient, value = "eq10-logistic-gradient_of_the_output", "eq10-logistic-overflows"
    missed, caught = Outcome(None, 3.0, 1.0), Outcome("Jacobian mismatch", 1.0, 0.0)
    found = {gradient: {"gradcheck": caught, "eqwise": caught}, value: {"gradcheck": missed, "eqwise": replace(caught, seconds=4.0)}}
    figures = side_by_side._figures("gradcheck", found, [{"gradcheck": missed}, {"gradcheck": caught}, {"eqwise": caught}])
    assert (figures["applies"], figures["applies_to_gradients"], figures["caught"], figures["caught_in_gradients"]) == (2, 1, 1, 1)
    assert (figures["seconds_per_caught"], figures["inside_share"], figures["caught_alone"]) == (4.0, 0.25, 0)
    assert (figures["pristine_asked"], figures["pristine_failed"]) == (2, 1)
    assert side_by_side._figures("eqwise", found, [])["caught_alone"] == 1


def test_the_table_comes_from_the_figures(capsys, monkeypatch, tmp_path):
    """In Markdown and in JSON; a part is run by its name, and no other."""
    names = ["eq12-softplus-log2", "s11-bias-zero-bias-small_constant"]
    real = side_by_side.run
    monkeypatch.setattr(side_by_side, "run", lambda workers: real(workers, names))
    monkeypatch.setattr("sys.argv", ["bench.py", "--only", "side-by-side", "--json", str(tmp_path / "found.json")])
    bench.main()
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert list(found) == ["side-by-side"] and list(found["side-by-side"]["errors"]) == names
    told = capsys.readouterr().out
    assert told.startswith("| 2 planted errors | caught |") and "| eqwise, lowest effort | 2 of 2 | 0 of 0 | 2 of 2 |" in told
    assert "eqwise 0 of 2" in told and "| `numpy.testing.assert_allclose` | 2 of 2 |" in told
