"""How accurate our own slopes are, beyond what is asked of frameworks: asked of the reference, and of no adapter."""

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.laws import built
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session

ULPS = 2.5  # slopes that are rounded about once, times a cotangent; with 1 + exp(x) rounded to one number it is 2.8


def certified(proof, name):
    """The largest error of the operation's gradient at certified points of float64."""
    session = Session(ReferenceAdapter(), dtypes=("float64",))
    found = checks_of(OPERATIONS[name])["derivative"](session, OPERATIONS[name], "float64")
    proof.require(found.verdict == "conforms" and found.certified > 1000, f"{name}: {found.verdict} at {found.certified} points")
    proof.require((found.max_ulp or 0.0) < ULPS, f"{name}: {found.max_ulp} ulp")


@built("eq10")
def test_the_slope_of_the_logistic_function_is_rounded_about_once(proof):
    """Its denominator, 1 + exp(x), is kept in two numbers."""
    certified(proof, "logistic")


@built("eq11")
def test_the_slope_of_tanh_is_rounded_about_once(proof):
    """It is four times that of the logistic function at twice the argument."""
    certified(proof, "tanh")
