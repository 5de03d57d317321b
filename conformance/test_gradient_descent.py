"""Section 8 of the notes: gradient descent, equations (36) to (39)."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpq_mat

from eqwise.conformance.differentiation import SHAPES
from eqwise.conformance.gradient_claims import Network, gradient_claim
from eqwise.conformance.laws import Measured, proves, states
from eqwise.conformance.optimizer_plans import Given
from eqwise.conformance.polynomials import COARSE, differentiated
from eqwise.conformance.polynomials import trial as differentiation
from eqwise.conformance.trajectories import run
from eqwise.spec.certify import exact
from eqwise.spec.gradient_descent import central_difference, gradient_descent_step, mini_batch
from eqwise.spec.losses import sum_of_squares
from eqwise.spec.network import network
from eqwise.spec.numbers.expression import each, lifted, maximum, symbols
from eqwise.spec.numbers.program import RATIONALS, compiled
from eqwise.spec.numbers.tape import gradient


@pytest.mark.section("8")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


# (36), (37): least squares, and the shape of a gradient


def _least_squares(X, t):
    """The w for which XᵀXw = Xᵀt."""
    columns, targets = fmpq_mat(X.tolist()), fmpq_mat(len(t), 1, t.tolist())
    return ((columns.transpose() * columns).inv() * columns.transpose() * targets).entries()


@proves("eq36")
def test_closed_form_of_least_squares_is_the_minimum(proof):
    """At the closed form of least squares the gradient of (27) is 0, and E is larger everywhere else."""
    rng = np.random.default_rng(36)
    for _ in range(8):
        X, t = rng.integers(-5, 6, (6, 3)), rng.integers(-9, 10, 6)
        w, weights = _least_squares(X, t), symbols("w", 3)
        E = sum_of_squares(X @ weights, t)
        cost, *by_w = (compiled((formula,), tuple(weights), RATIONALS) for formula in (E, *gradient(E, list(weights))))
        proof.require(all(g(*w) == [0] for g in by_w), "the gradient is 0")
        for step in rng.integers(-2, 3, (8, 3)).tolist():
            proof.require(cost(*map(sum, zip(w, step, strict=True))) > cost(*w) or not any(step), "E is larger elsewhere")


@proves("eq37")
def test_gradient_has_the_shape_of_its_parameters(proof):
    """∇E has one component for each parameter, in the order of the parameters."""
    claim = gradient_claim(Network((3, 4, 2), "tanh", "softmax"), 1)
    parameters = [x for x in claim.inputs if str(x.value).startswith("theta")]
    proof.require(len(claim.outputs) == len(parameters) == 4 * 4 + 5 * 2, "one for each parameter")
    theta = symbols("theta", 5)
    proof.require(gradient(sum(k * v for k, v in enumerate(theta, 1)), list(theta)) == [lifted(k) for k in range(1, 6)], "in their order")


# (39)


def _differences(powers, theta, epsilon):
    """The right side of (39) for Σ powers·θᵏ less the derivative."""
    wanted = sum(k * c * theta ** (k - 1) for k, c in enumerate(powers) if k)
    return exact(lambda v, e: central_difference(lambda x: sum(c * x**k for k, c in enumerate(powers)), v, e), theta, epsilon) - wanted


@proves("eq39")
def test_central_difference_is_of_second_order(proof):
    """Over the rationals (39) is exact up to the second power, off by cε² for cθ³, and by 4 times as much for 2ε up to the fourth."""
    rng = np.random.default_rng(39)
    for a, b, c, d, n, m in rng.integers(1, 30, (40, 6)).tolist():
        theta, epsilon = Fraction(n - 15, 7), Fraction(m, 11)
        proof.require(_differences((a, b, c), theta, epsilon) == 0, "up to the second power")
        proof.require(_differences((a, b, c, d), theta, epsilon) == d * epsilon**2, "a cube")
        once, twice = (_differences((a, b, c, d, a), theta, step) for step in (epsilon, 2 * epsilon))
        proof.require(twice == 4 * once, "up to the fourth power")


@states("s9-cost", "numerical_gradient")
def test_numerical_gradient_takes_two_evaluations_for_each_parameter(trial):
    """The function is evaluated exactly 2M times for M parameters."""
    for k, shape in enumerate(SHAPES):
        given = differentiation(trial.session, shape, COARSE[k % 3], 2, trial.target, k)
        differentiated(trial.session, given, trial.target)
        trial.require(len(given.function.points) == 2 * given.theta.size, f"2M evaluations for theta of shape {shape}")


# statements about mathematics


def _cost(parameters, X, t):
    """The mean of (27) over the samples of a network with two hidden rectified units, one input and one output."""
    weights, biases = [parameters[:2].reshape(1, 2), parameters[4:6].reshape(2, 1)], [parameters[2:4], parameters[6:]]
    hidden = lambda u: each(lambda v: maximum(v, 0), u)  # noqa: E731
    costs = [sum_of_squares(network(np.array([x]), weights, biases, hidden, lambda u: u), np.array([y])) for x, y in zip(X, t, strict=True)]
    return mini_batch(*(np.array([cost]) for cost in costs))[0]


@proves("s8.1-nonconvex")
def test_loss_of_a_network_is_not_convex(proof):
    """Exchanging two hidden units leaves E as it is; half way between the two, E is larger: a convex E would be no larger."""
    X, t = [-2, -1, 0, 1, 2], [2, 1, 0, 1, 2]
    ours = np.array([Fraction(v) for v in (1, -1, 0, 0, 1, 1, 0)], object)  # |x|, exactly
    swapped = ours[[1, 0, 3, 2, 5, 4, 6]]
    ends = [exact(lambda p: _cost(p, X, t), p) for p in (ours, swapped)]
    middle = exact(lambda p: _cost(p, X, t), (ours + swapped) / 2)
    proof.require(ends[0] == ends[1], "exchanging hidden units leaves E as it is")
    proof.require(middle > ends[0], "half way, E is larger")


@proves("s8.3-escape")
def test_single_samples_move_where_all_together_do_not(proof):
    """The least-squares line w = 6/7 through three points: the gradients of the samples are −1/7, 10/7, −9/7, and add up to 0."""
    X, t, w = np.array([1, 2, 3]), np.array([1, 1, 3]), symbols("w", 1)
    costs = [sum_of_squares(np.array([x * w[0]]), np.array([y])) for x, y in zip(X, t, strict=True)]
    single = [compiled(tuple(gradient(cost, list(w))), tuple(w), RATIONALS)(fmpq(6, 7))[0] for cost in costs]
    proof.require(single == [fmpq(-1, 7), fmpq(10, 7), fmpq(-9, 7)], "the gradients of the samples")
    proof.require(sum(single) == 0, "they add up to 0")


# one step downhill, asked of frameworks and proved


def _stepped(trial, theta, gradients, eta):
    """theta after one step of SGD."""
    (track,) = run(trial.session, "sgd", [Given.of(theta, [gradients], {"eta": eta})], trial.target, ())
    return track.theta[1]


@states("s8.1-descent", "sgd")
def test_a_step_leads_downhill(trial):
    """E falls along a step of SGD at the rate −η‖∇E‖²: the step is neither turned nor scaled."""
    u = trial.target.unit_roundoff
    for eta in (0.5, 0.125):
        g = trial.vectors(24, scale=2.0)
        moved = _stepped(trial, 0.0, g, eta)
        trial.equal(Measured(moved @ g, np.asarray(16 * u * np.abs(moved * g).sum())), -eta * (g @ g))


@states("s8.2-small-eta", "sgd")
def test_a_small_eta_lowers_the_loss_and_a_large_one_raises_it(trial):
    """For E = Lθ²/2 a step halves θ at η = 1/(2L), and doubles it, with the other sign, at η = 3/L."""
    theta = trial.target.round(trial.rng.uniform(1, 2, 32) * trial.rng.choice([-1.0, 1.0], 32))
    for L in (0.25, 1.0, 64.0, 4096.0):
        smaller, larger = (np.abs(_stepped(trial, theta, L * theta, eta)) for eta in (0.5 / L, 3 / L))
        trial.require(smaller < np.abs(theta), f"η = 1/(2L) lowers E, L = {L}")
        trial.require(larger > np.abs(theta), f"η = 3/L raises E, L = {L}")


def _quadratic(point):
    """(x² + 100 y²)/2."""
    return (point[0] ** 2 + 100 * point[1] ** 2) / 2


def _descended(point, eta):
    """(38) for the quadratic."""
    return [exact(gradient_descent_step, x, eta, slope * x) for x, slope in zip(point, (1, 100), strict=True)]


@proves("s8.1-descent")
def test_the_negative_gradient_leads_downhill_but_not_to_the_minimum(proof):
    """The derivative of E along −∇E is −‖∇E‖²; of an elongated quadratic that way misses the minimum."""
    theta, direction, s = symbols("theta", 2), symbols("direction", 2), symbols("s", 1)[0]
    cost = lambda p: (p[0] * p[1] - 1) ** 2 + p[0] ** 2 * p[0]  # noqa: E731
    by_theta = compiled(tuple(gradient(cost(theta), list(theta))), tuple(theta), RATIONALS)
    along = compiled(tuple(gradient(cost(theta + s * direction), [s])), (*theta, *direction, s), RATIONALS)
    for n, m in np.random.default_rng(8).integers(-9, 10, (12, 2)).tolist():
        g = by_theta(fmpq(n, 7), fmpq(m, 5))
        proof.require(along(fmpq(n, 7), fmpq(m, 5), *(-x for x in g), fmpq(0))[0] == -sum(x * x for x in g), "the rate is −‖∇E‖²")
    x, y = _descended([Fraction(1), Fraction(1)], Fraction(1, 200))
    proof.require(x != y, "from (1, 1) the way does not lead to (0, 0)")


@proves("s8.2-small-eta")
def test_a_small_enough_eta_lowers_the_loss(proof):
    """(38) lowers a quadratic of curvature L for every η < 2/L, keeps it at 2/L and raises it beyond; a saddle can hold it."""
    for L in (1, 100):
        point = [Fraction(int(L == 1)), Fraction(int(L == 100))]  # along one axis
        for part in (Fraction(1, 9), Fraction(1), Fraction(17, 9), Fraction(2), Fraction(19, 9)):
            before, after = _quadratic(point), _quadratic(_descended(point, part / L))
            proof.require((after < before, after == before) == (part < 2, part == 2), f"η = {part}/L")
    x, y = exact(gradient_descent_step, Fraction(1), Fraction(1, 4), Fraction(2)), exact(gradient_descent_step, 0, Fraction(1, 4), 0)
    proof.require((x, y) == (Fraction(1, 2), 0), "on x² − y² the points of y = 0 go to the saddle")
