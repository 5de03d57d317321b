"""How accurate our own slopes are, beyond what is asked of frameworks: asked of the reference, and of no adapter."""

import numpy as np

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.laws import built
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.reference import losses

ULPS = 2.5  # slopes that are rounded about once, times a cotangent; with 1 + exp(x) rounded to one number it is 2.8
LEAST = {"value": 300, "derivative": 1000}  # certified points


def certified(proof, kind, *names, ulps=ULPS, least=LEAST):
    """The largest error of the operations' values or gradients at certified points of float64."""
    for name in names:
        session = Session(ReferenceAdapter(), dtypes=("float64",))
        found = checks_of(OPERATIONS[name])[kind](session, OPERATIONS[name], "float64")
        proof.require(found.verdict == "conforms" and found.certified > least[kind], f"{name}: {found.verdict} at {found.certified} points")
        proof.require((found.max_ulp or 0.0) < ulps, f"{name}: {found.max_ulp} ulp")


@built("eq10")
def test_the_slope_of_the_logistic_function_is_rounded_about_once(proof):
    """Its denominator, 1 + exp(x), is kept in two numbers."""
    certified(proof, "derivative", "logistic")


@built("eq11")
def test_the_slope_of_tanh_is_rounded_about_once(proof):
    """It is four times that of the logistic function at twice the argument."""
    certified(proof, "derivative", "tanh")


@built("eq12")
def test_activations_are_rounded_about_once(proof):
    """One function of NumPy's, and a quotient."""
    certified(proof, "value", "logistic", "tanh", "softplus", "elu")


@built("eq18")
def test_softmax_is_rounded_three_times(proof):
    """An exponential, a sum and a quotient, whatever is subtracted in the exponents."""
    certified(proof, "value", "softmax", ulps=4.0)


@built("eq23")
def test_metrics_are_rounded_about_once(proof):
    """Sums of differences are kept in two numbers."""
    certified(proof, "value", "mse", "rmse", "mae", "r_squared")


@built("eq28")
def test_the_slope_of_cross_entropy_keeps_its_digits_for_small_outputs(proof):
    """At t = 0 it is the cotangent over 1 − y, however small their product with y is."""
    y, c = np.array([[2.3e-308, 4e-308, 1e-300]]), np.array([0.0094025126140034])
    by_y, _ = losses.binary_cross_entropy_vjp(y, np.zeros_like(y), c)
    proof.require(by_y.tolist() == [[c[0]] * 3], f"{by_y.tolist()} in place of {c[0]!r}")


@built("eq29")
def test_the_slope_of_cross_entropy_keeps_its_digits_for_scores_far_below(proof):
    """c·exp(u − max u) where the exponential alone is subnormal, and a large cotangent brings it back."""
    by_u, _ = losses.softmax_cross_entropy_vjp(np.array([[0.0, -720.0, -730.0]]), np.array([[1.0, 0.0, 0.0]]), np.array([2.0**1000]))
    expected = np.exp([-720 + 500 * np.log(2), -730 + 500 * np.log(2)]) * 2.0**500
    proof.require(np.allclose(by_u[0, 1:], expected, rtol=1e-12, atol=0), f"{by_u[0, 1:]} in place of {expected}")


@built("eq73")
def test_the_penalty_is_rounded_about_once(proof):
    """Its sum of squares is kept in two numbers."""
    certified(proof, "value", "l2", ulps=2.0, least={"value": 100})


@built("eq28")
def test_losses_are_rounded_about_once(proof):
    """However many terms they have, and whatever the logarithms of the smallest of them."""
    certified(
        proof, "value", "sum_of_squares", "binary_cross_entropy", "cross_entropy", "logistic_binary_cross_entropy",
        "softmax_cross_entropy", "logistic_loss", "exponential_loss", "hinge", "quantile", "huber", "epsilon_insensitive",
    )  # fmt: skip
