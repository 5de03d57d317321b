"""The transcriptions against functions that do not come from them: mpmath, scipy, closed forms."""

import json
import math
from fractions import Fraction

import ml_dtypes
import mpmath as mp
import numpy as np
import pytest
from scipy import special
from scipy.spatial import distance

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.claims import Frame, pullback_claim, slope_claim, value_claim
from eqwise.conformance.gradient_claims import Network, gradient_claim
from eqwise.spec import EQUATIONS, STATEMENTS, losses, metrics
from eqwise.spec.activations import elu, logistic, relu, softplus, step, tanh
from eqwise.spec.backpropagation import forward
from eqwise.spec.certify import certified, derivative, exact, on_symbols, rounded, values
from eqwise.spec.document import AS_PRINTED, equation, reading_as, statement
from eqwise.spec.gradient_descent import central_difference
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.expression import cases, exp, number, sqrt, symbol, walk
from eqwise.spec.numbers.formats import FORMATS
from eqwise.spec.numbers.printing import text, tree
from eqwise.spec.numbers.program import NoCase
from eqwise.spec.numbers.tape import gradient
from eqwise.spec.regularization import RUNNING_VARIANCES
from eqwise.spec.transcript import formula, graph

mp.mp.dps = 60
F64 = FORMATS["float64"]
X = np.concatenate([np.linspace(-40, 40, 161), [1e-300, -1e-300, 700.0, -700.0, -745.0, 5e-324]])

KNOWN = {  # value, derivative by x: from mpmath
    "logistic": (lambda x: 1 / (1 + mp.exp(-x)), lambda x: mp.sech(x / 2) ** 2 / 4),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
    "softplus": (lambda x: mp.log1p(mp.exp(x)) if x < 50 else x + mp.log1p(mp.exp(-x)), lambda x: 1 / (1 + mp.exp(-x))),
    "relu": (lambda x: max(x, mp.mpf(0)), lambda x: mp.mpf(x > 0)),
    "step": (lambda x: mp.mpf(x > 0), lambda x: mp.mpf(0)),
    "identity": (lambda x: x, lambda x: mp.mpf(1)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_values_and_derivatives_agree_with_mpmath(name):
    """Certified values and derivatives round as mpmath's functions do."""
    claim, (value, slope) = value_claim(Frame(name)), KNOWN[name]
    mp.mp.dps = 400
    found = rounded(claim.program, X[:, None], F64)[:, 0]
    assert found.tolist() == [float(value(mp.mpf(x))) for x in X]
    slopes = rounded(derivative(claim.outputs[0], claim.inputs, 0), X[:, None], F64)[:, 0]
    assert slopes.tolist() == [float(slope(mp.mpf(x))) for x in X]
    mp.mp.dps = 60


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("leaky_relu", lambda x, alpha: x if x > 0 else alpha * x),
        ("prelu", lambda x, a: x if x > 0 else a * x),
        ("elu", lambda x, alpha: x if x > 0 else alpha * special.expm1(x)),
        ("logistic_loss", lambda y, t: np.logaddexp(0, -t * y)),
        ("exponential_loss", lambda y, t: math.exp(-t * y)),
        ("hinge", lambda y, t: max(0.0, 1 - t * y)),
        ("quantile", lambda y, t, tau: (y - t) * (1 - tau) if y > t else (t - y) * tau),
        ("huber", lambda y, t, delta: 2 * special.huber(delta, t - y)),
        ("epsilon_insensitive", lambda y, t, epsilon: max(0.0, abs(y - t) - epsilon)),
    ],
)
def test_values_agree_with_scipy_and_closed_forms(name, known):
    """To 1e-13, at random points of every branch."""
    claim = value_claim(Frame(name))
    rows = np.random.default_rng(1).uniform(-3, 3, (300, len(claim.inputs)))
    rows[:, 2:] = np.abs(rows[:, 2:]) / 3.001
    found = certified(claim.program, rows).high[:, 0]
    np.testing.assert_allclose(found, [known(*row) for row in rows.tolist()], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("softmax", lambda x: special.softmax(x)),
        ("mse", lambda t, y: np.mean((t - y) ** 2)),
        ("rmse", lambda t, y: np.linalg.norm(t - y) / np.sqrt(len(t))),
        ("mae", lambda t, y: distance.cityblock(t, y) / len(t)),
        ("r_squared", lambda t, y: 1 - distance.sqeuclidean(t, y) / distance.sqeuclidean(t, np.full(len(t), y.mean()))),
        ("sum_of_squares", lambda y, t: np.sum((y - t) ** 2) / 2),
        ("binary_cross_entropy", lambda y, t: np.sum(special.entr(t) + special.entr(1 - t) + special.kl_div(t, y) + y - t
                                                     + special.kl_div(1 - t, 1 - y) + t - y)),
        ("cross_entropy", lambda y, t: -np.sum(special.xlogy(t, y))),
        ("logistic_binary_cross_entropy", lambda u, t: -np.sum(t * special.log_expit(u) + (1 - t) * special.log_expit(-u))),
        ("softmax_cross_entropy", lambda u, t: -np.sum(t * special.log_softmax(u))),
    ],
)  # fmt: skip
def test_vector_formulas_agree_with_scipy(name, known):
    """To 1e-12, for one and for several components."""
    for n in (1, 2, 6):
        claim = value_claim(Frame(name, (n,)))
        rows = np.random.default_rng(n).uniform(0.05, 0.95, (40, len(claim.inputs)))
        wanted = [np.ravel(known(*np.split(row, len(row) // n))) for row in rows]
        np.testing.assert_allclose(certified(claim.program, rows).high, wanted, rtol=1e-12)


def test_shares_of_counts_agree_with_scipy():
    """Accuracy is 1 less Hamming's distance, the F-measure 1 less Dice's; precision and recall are means of selected labels."""
    for seed in range(20):
        actual, predicted = np.random.default_rng(seed).random((2, 60)) < 0.4
        tp, fp, fn, tn = (int(np.sum(a & p)) for p in (predicted, ~predicted) for a in (actual, ~actual))
        p, r = exact(metrics.precision, tp, fp), exact(metrics.recall, tp, fn)
        assert float(exact(metrics.accuracy, tp, fp, fn, tn)) == pytest.approx(1 - distance.hamming(actual, predicted), rel=1e-14)
        assert float(exact(metrics.f_measure, p, r)) == pytest.approx(1 - distance.dice(actual, predicted), rel=1e-14)
        assert exact(metrics.f_measure_extended, tp, fp, fn) == exact(metrics.f_measure, p, r)
        assert (float(p), float(r)) == (pytest.approx(actual[predicted].mean()), pytest.approx(predicted[actual].mean()))


def test_r_squared_is_a_squared_correlation_for_least_squares_with_an_intercept():
    """There the means agree, so that both readings have this one value; without an intercept all three differ."""
    x, t = (np.array([Fraction(k) for k in row]) for row in ((0, 1, 3, 4, 7), (2, 1, 5, 3, 9)))
    u, v = x - x.sum() / 5, t - t.sum() / 5
    correlation = (u @ v) ** 2 / (u @ u) / (v @ v)
    assert exact(metrics.r_squared, t, t.sum() / 5 + u * (u @ v) / (u @ u)) == correlation
    with reading_as({26: "mean_of_observations"}):
        assert exact(metrics.r_squared, t, t.sum() / 5 + u * (u @ v) / (u @ u)) == correlation
        usual = exact(metrics.r_squared, t, x * (x @ t) / (x @ x))
    assert len({usual, exact(metrics.r_squared, t, x * (x @ t) / (x @ x)), correlation}) == 3


def test_division_by_zero_has_no_certified_value():
    """0/0 and 1/0 are nan, whether the formula is rational or not; what has a value keeps it."""
    a, b = symbol("a"), symbol("b")
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 4.0]])
    for quotient, last in ((a / b, 0.25), (a / sqrt(b), 0.5)):
        assert np.array_equal(certified(values((quotient,), (a, b)), rows).high[:, 0], [np.nan, np.nan, last], equal_nan=True)


@pytest.mark.parametrize("operation", [op for op in OPERATIONS.values() if op.shape in ("rows", "sample")], ids=lambda op: op.name)
def test_reverse_tape_agrees_with_differences(operation):
    """The gradient of every vector formula equals a central difference in 60 digits."""
    frame = Frame(operation.name, (3,))
    value, gradient = value_claim(frame), pullback_claim(frame, None, None)
    row = np.random.default_rng(3).uniform(0.2, 0.8, len(gradient.inputs))
    cotangents = row[len(value.inputs) :]
    found = certified(gradient.program, row[None, :]).high[0]
    for i, slope in enumerate(found):
        up, down = row[: len(value.inputs)].copy(), row[: len(value.inputs)].copy()
        up[i] += 2.0**-20
        down[i] -= 2.0**-20
        ends = certified(value.program, np.array([up, down]))
        difference = (ends.high[0] - ends.high[1]) + (ends.low[0] - ends.low[1])
        assert float(cotangents @ difference) / (up[i] - down[i]) == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize("name", ["logistic", "tanh", "softplus", "elu", "logistic_loss", "huber", "quantile"])
def test_series_and_reverse_tape_agree(name):
    """Two ways to differentiate, one answer."""
    frame = Frame(name)
    count = len(value_claim(frame).inputs)
    rows = np.abs(np.random.default_rng(5).uniform(0.1, 0.9, (50, count + 1)))
    for wrt in range(len(OPERATIONS[name].inputs)):
        claim = slope_claim(frame, wrt)
        by_tape = values(claim.outputs, claim.inputs)
        assert np.array_equal(certified(claim.program, rows).high, certified(by_tape, rows).high)


@pytest.mark.parametrize("target", FORMATS.values(), ids=lambda f: f.name)
def test_rounding_is_that_of_the_format(target):
    """Rounding agrees with the dtype's own conversion, ties, subnormals and overflow included."""
    rng = np.random.default_rng(2)
    numbers = np.concatenate([np.ldexp(rng.uniform(-2, 2, 4000), rng.integers(target.emin - 14, target.emax + 1, 4000)), X])
    floats = target.from_ordinals(rng.integers(-1000, 1000, 200) + int(target.ordinals(1.0))).astype(float)
    ties = floats + target.ulp(floats) / 2
    for x in (numbers, ties):
        wanted = [target.nearest(*_dyadic(v)) for v in x]
        assert target.round(x).tolist() == wanted
        if target.name in ("float64", "float32", "float16"):
            with np.errstate(over="ignore"):
                assert np.array_equal(x.astype(target.dtype).astype(float), target.round(x))


def _dyadic(value):
    numerator, denominator = float(value).as_integer_ratio()
    return numerator, 1 - denominator.bit_length()


def test_rational_formulas_round_correctly_on_exact_ties():
    """A third of three halves of an odd last place is a tie, which a quotient of balls alone could not decide."""
    a, b = symbol("a"), symbol("b")
    program = values((a / b + a,), (a, b))
    for k in range(1, 200, 2):
        x = 1 + k * 2.0**-52
        (found,) = rounded(program, np.array([[3 * x, 3.0]]), F64)[0]
        assert Fraction(found) == Fraction(float(Fraction(3 * x) / 3 + Fraction(3 * x)))
    half = values(((a + b) / 3,), (a, b))
    u = 2.0**-53
    assert rounded(half, np.array([[3.0, 3 * u]]), F64)[0, 0] == 1.0
    assert rounded(half, np.array([[3.0, 9 * u]]), F64)[0, 0] == 1 + 4 * u


def test_every_float16_is_certified_and_agrees_with_float64():
    """No number of a 16-bit format is left undecided."""
    x = FORMATS["float16"].from_ordinals(np.arange(-31743, 31744)).astype(float)
    for name in ("logistic", "tanh", "softplus", "relu", "step"):
        found = rounded(value_claim(Frame(name)).program, x[:, None], FORMATS["float16"])[:, 0]
        assert not np.isnan(found).any()
        wanted = [float(KNOWN[name][0](mp.mpf(v))) for v in x[::997]]
        assert np.array_equal(found[::997], FORMATS["float16"].round(wanted))


@pytest.mark.parametrize("target", FORMATS.values(), ids=lambda f: f.name)
def test_ordinals_count_the_floats(target):
    """Neighbouring floats have neighbouring ordinals, and the way back is exact."""
    one = int(target.ordinals(1.0))
    floats = target.from_ordinals([one - 1, one, one + 1, 0, 1, -1])
    assert target.ordinals(floats).tolist() == [one - 1, one, one + 1, 0, 1, -1]
    assert float(floats[2]) - 1 == 2 * target.unit_roundoff
    assert float(floats[4]) == target.smallest_subnormal == float(ml_dtypes.finfo(target.dtype).smallest_subnormal)
    assert target.ulp(1.0) == 2 * target.unit_roundoff
    assert target.ulp(0.0) == target.smallest_subnormal


def test_strict_allowance_is_the_conditioning():
    """|f| + |x f'| of the logistic function at 2, by hand."""
    (output,), inputs = on_symbols(logistic)
    terms = certified(values(bounds.strict_sums(output, inputs).relative, inputs), np.array([[2.0]])).high[0]
    y = 1 / (1 + math.exp(-2))
    np.testing.assert_allclose(np.abs(terms).sum(), y + 2 * y * (1 - y))


def test_kinks_are_found_from_the_formula():
    """The branch arguments are those that the notes print."""
    expected = {"relu": ["x"], "hinge": ["1 - t*y"], "huber": ["y - (t - delta)", "y - (t + delta)", "t - y"], "tanh": []}
    for name, arguments in expected.items():
        assert [text(v) for v in bounds.branch_arguments(value_claim(Frame(name)).outputs[0])] == arguments


def test_sums_that_cannot_round_are_recognised():
    """Small integers add up exactly in float16; thirds do not."""
    claim = value_claim(Frame("perceptron", (2, 1)))
    (argument,) = bounds.branch_arguments(claim.outputs[0])
    at = dict(zip(claim.inputs, [1.0, 1.0, 2.0, -1.0, -1.0], strict=True))
    assert not bounds.rounds(argument, at, FORMATS["float16"])
    assert bounds.rounds(argument, {**at, claim.inputs[0]: 1 / 3}, FORMATS["float16"])


def test_readings_carry_through_compositions():
    """Choosing a reading of (29) changes the composite of (29) and (18)."""
    u, t = np.array([symbol("a"), symbol("b")]), np.array([number(1), number(0)])
    plain = losses.cross_entropy(u, t)
    with reading_as({29: "mean"}):
        assert text(losses.cross_entropy(u, t)) == f"({text(plain)})/2" or text(losses.cross_entropy(u, t)).endswith("/2")
    with pytest.raises(ValueError, match="has no reading 'median'"), reading_as({29: "median"}):
        pass


def test_central_difference_agrees_with_the_derivative_of_an_exponential():
    """(39) of eᶿ is eᶿ sinh(ε)/ε."""
    outputs, inputs = on_symbols(lambda theta, epsilon: central_difference(exp, theta, epsilon))
    found = certified(values(outputs, inputs), np.array([[0.75, 0.125]])).high[0, 0]
    assert found == pytest.approx(math.exp(0.75) * math.sinh(0.125) / 0.125, rel=1e-15)


def test_gradients_of_a_network_agree_with_mpmath():
    """The composition of (40) to (56) for a tanh network with one unit in each layer, against numerical differentiation."""
    claim = gradient_claim(Network((1, 1, 1), "tanh", "logistic"), 1)
    row = [0.5, 0.25, 0.3, -1.5, -0.25, 2.0]
    found = certified(claim.program, np.array([row])).high[0]

    def cost(*theta):
        y = 1 / (1 + mp.exp(-(theta[2] + theta[3] * mp.tanh(theta[0] + theta[1] * row[0]))))
        return -(row[1] * mp.log(y) + (1 - row[1]) * mp.log(1 - y))

    for k, value in enumerate(found):
        assert float(mp.diff(cost, row[2:], tuple(int(i == k) for i in range(4)))) == pytest.approx(value, rel=1e-14)


def test_a_gradient_costs_a_constant_number_of_passes():
    """The graph of the loss with the gradients by all parameters has at most 5 times the nodes of the loss, however many they are."""
    for width in (2, 4, 8, 16):
        network = Network((width, width, width), "tanh", "identity")
        _, hs = forward(network.x, network.thetas, network.fs)
        loss = losses.sum_of_squares(hs[-1], network.t)
        parameters = [element for theta in network.thetas for element in theta.ravel()]
        nodes = len(list(walk([loss])))
        assert len(list(walk([loss, *gradient(loss, parameters)]))) < 5 * nodes


def test_no_case_is_an_error():
    """A definition by cases with a hole does not pass for a value."""
    x = symbol("x")
    program = values((cases((x > 0, 1), (x < 0, 0)),), (x,))
    with pytest.raises(NoCase):
        certified(program, np.array([[0.0]]))


def test_register_is_complete_and_refuses_doubles():
    """77 equations, 44 statements; a number or a key is entered once."""
    assert sorted(EQUATIONS) == list(range(1, 78))
    assert len(STATEMENTS) == 44
    assert all(entry.title and entry.tex for entry in EQUATIONS.values())
    with pytest.raises(ValueError, match="already entered as 'Softplus'"):
        equation(12, tex="x")(EQUATIONS[17].formula)
    with pytest.raises(ValueError, match="number their equations 1 to 77"):
        equation(78, tex="x")(EQUATIONS[17].formula)
    with pytest.raises(ValueError, match="already entered"):
        statement("s2-xor", "again", "mathematics")


def test_restatements_restate():
    """(4), (5), (9) and (10) have the values of what they restate."""
    for first, second in ((step, EQUATIONS[2]), (logistic, EQUATIONS[6])):
        assert text(on_symbols(first)[0][0]).replace("u", "x") == text(on_symbols(second)[0][0]).replace("u", "x")


def test_export_is_plain_json_and_printable():
    """The tree of a formula survives JSON; the printed line is Python's notation."""
    assert formula(softplus) == "log(1 + exp(x))"
    assert tree(on_symbols(relu)[0][0]) == ["cases", [">", "x", ["number", "0"]], "x", ["<=", "x", ["number", "0"]], ["number", "0"]]
    assert json.loads(json.dumps(tree(on_symbols(elu)[0][0])))
    assert formula(EQUATIONS[18]).startswith("exp(x[1])/(exp(x[1]) + exp(x[2]))")
    assert formula(tanh) == "(exp(x) - exp(-x))/(exp(x) + exp(-x))"


@pytest.mark.parametrize("number", EQUATIONS)
def test_every_formula_under_every_reading_has_a_line(number):
    """What the report and `show` print of an equation exists: symbols for every argument, of whatever shape."""
    entry = EQUATIONS[number]
    for reading in (AS_PRINTED, *entry.readings):
        assert formula(entry, reading) and json.dumps([tree(output) for output in graph(entry, reading)])


def test_exact_evaluates_on_fractions():
    """The Huber loss at a third."""
    assert exact(losses.huber, Fraction(1, 3), Fraction(0), Fraction(1)) == Fraction(1, 9)


@pytest.mark.parametrize("m", [1, 2, 3, 8])
def test_batch_normalization_agrees_with_numpy_and_differences(m):
    """Values to 1e-13; every gradient equals a central difference in 60 digits, through both statistics."""
    frame = Frame("batch_norm", (m,))
    value, slopes = value_claim(frame), pullback_claim(frame, None, None)
    row = np.random.default_rng(m).integers(1, 64, len(slopes.inputs)) / 32
    x, (gamma, beta, epsilon), c = row[:m], row[m : m + 3], row[m + 3 :]
    found = certified(value.program, row[None, : m + 3]).high[0]
    np.testing.assert_allclose(found, gamma * (x - x.mean()) / np.sqrt(x.var() + epsilon) + beta, rtol=1e-13)
    for i, slope in enumerate(certified(slopes.program, row[None, :]).high[0]):
        ends = np.array([row[: m + 3]] * 2)
        ends[:, i] += 2.0**-20, -(2.0**-20)
        exact_ends = certified(value.program, ends)
        difference = (exact_ends.high[0] - exact_ends.high[1]) + (exact_ends.low[0] - exact_ends.low[1])
        assert float(c @ difference) * 2.0**19 == pytest.approx(slope, rel=1e-9, abs=1e-9)


def test_running_averages_under_each_reading():
    """Half way from a deviation of 3, or a variance of 9, to the batch's 1 of four samples."""
    variance, new, m, rate = number(9), number(1), number(4), number(Fraction(1, 2))
    after = {name: formula(variance, new, m, rate) for name, formula in RUNNING_VARIANCES.items()}
    found = {name: certified(values((output,), ()), np.zeros((1, 0))).high[0, 0] for name, output in after.items()}
    assert found == {"as_printed": 4.0, "variance": 5.0, "unbiased_variance": 4.5 + 2 / 3}


def test_penalty_and_its_half():
    """λ|W|² of a row and a column of 1, 2, and 3; half of it under the other reading."""
    weights = [np.array([[number(1), number(2)]]), np.array([[number(3)]])]
    for reading, wanted in (("as_printed", 5 + 14 / 2), ("half", 5 + 14 / 4)):
        with reading_as({73: reading}):
            output = EQUATIONS[73](number(5), weights, number(Fraction(1, 2)))
        assert certified(values((output,), ()), np.zeros((1, 0))).high[0, 0] == wanted
