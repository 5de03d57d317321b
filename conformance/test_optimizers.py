"""Section 10 of the notes: optimizers, equations (57) to (68)."""

from fractions import Fraction

import numpy as np
import pytest

from eqwise.conformance.laws import Measured, law, proves
from eqwise.conformance.optimizer_claims import METHODS
from eqwise.conformance.optimizer_plans import Given
from eqwise.conformance.trajectories import run
from eqwise.spec import optimizers
from eqwise.spec.certify import exact
from eqwise.spec.document import EQUATIONS, reading_as
from eqwise.spec.numbers.expression import symbols

LARGE = {"float64": 2.0**40, "float32": 2.0**40, "float16": 32.0, "bfloat16": 2.0**40}  # beside which no epsilon and no start shows
SMALL = 2.0**-10


@pytest.mark.section("10")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


# laws: they hold under every reading, because epsilon and the start are too small to show


def _path(trial, operation, theta, gradients, **hyper):
    """theta after every step, with the allowance of the steps so far."""
    (track,) = run(trial.session, operation, [Given.of(theta, gradients, hyper)], trial.target, tuple(METHODS[operation].slots))
    sizes = np.cumsum(np.abs(np.diff(track.theta, axis=0)), axis=0)
    steps = np.arange(1, len(sizes) + 1)[:, None]
    room = 8 * trial.target.unit_roundoff * ((1 + steps) * np.abs(track.theta).max(axis=0) + 2 * (1 + steps) * sizes)
    return Measured(track.theta[1:], room)


def _large(trial, *shape):
    """Gradients of either sign, so large that the roots are theirs alone."""
    return trial.target.round(LARGE[trial.target.name] * trial.rng.choice([-1.0, 1.0], shape) * trial.rng.uniform(1, 2, shape))


@law("sgd")
def test_sgd_moves_by_eta_times_the_gradient(trial):
    """From 0, a step is −eta·g, and equal steps add up."""
    g = trial.vectors(64)
    path = _path(trial, "sgd", 0.0, [g] * 4, eta=0.5)
    trial.equal(path, np.arange(1, 5)[:, None] * (-0.5 * g), gradient=np.broadcast_to(g, (4, 64)))


@law("momentum", "sgd")
def test_momentum_without_memory_is_sgd(trial):
    """At alpha = 0 momentum is SGD."""
    theta, gradients = trial.vectors(32), trial.vectors(20, 32)
    trial.equal(_path(trial, "momentum", theta, gradients, eta=0.25, alpha=0.0), _path(trial, "sgd", theta, gradients, eta=0.25))


@law("momentum")
def test_momentum_sums_a_geometric_series(trial):
    """Equal gradients move theta, in step k, by −eta·g·(1 + alpha + … + alpha^(k−1))."""
    g = trial.vectors(32)
    path = _path(trial, "momentum", 0.0, [g] * 6, eta=0.5, alpha=0.5)
    moved = -0.5 * np.cumsum(np.cumsum(0.5 ** np.arange(6)))[:, None] * g
    trial.equal(path, moved, gradient=np.broadcast_to(g, moved.shape))


@law("adagrad")
def test_adagrad_steps_shrink_as_the_root(trial):
    """Step k of equal gradients is eta·sgn(g)/√k, whatever the gradient."""
    g = _large(trial, 32)
    path = _path(trial, "adagrad", 0.0, [g] * 8, eta=0.5)
    moved = -0.5 * np.cumsum(1 / np.sqrt(np.arange(1.0, 9)))[:, None] * np.sign(g)
    trial.equal(path, moved, gradient=np.broadcast_to(g, moved.shape))


@law("rmsprop")
def test_rmsprop_first_step(trial):
    """The first mean is (1 − alpha)g², so the first step is eta·sgn(g)/√(1 − alpha)."""
    g = _large(trial, 32)
    for alpha in (0.0, 0.25, 0.75):
        path = _path(trial, "rmsprop", 0.0, [g], eta=0.5, alpha=alpha, epsilon=SMALL)
        trial.equal(path, -0.5 * np.sign(g)[None, :] / np.sqrt(1 - alpha), gradient=g[None, :])


@law("adam")
def test_adam_first_step(trial):
    """The first step is eta·sgn(g) whatever the betas: the corrections undo them."""
    g = _large(trial, 32)
    for beta_1, beta_2 in ((0.0, 0.0), (0.5, 0.25), (0.25, 0.5), (0.75, 0.75)):
        path = _path(trial, "adam", 0.0, [g], eta=0.5, beta_1=beta_1, beta_2=beta_2, epsilon=SMALL)
        trial.equal(path.widened(2), -0.5 * np.sign(g)[None, :], gradient=g[None, :])  # 1 − beta rounds twice


@law("adam")
def test_adam_takes_constant_steps(trial):
    """Equal gradients move theta by eta·sgn(g) in every step: both corrected moments are what they average."""
    g = _large(trial, 32)
    path = _path(trial, "adam", 0.0, [g] * 8, eta=0.5, beta_1=0.5, beta_2=0.75, epsilon=SMALL)
    moved = -0.5 * np.arange(1, 9)[:, None] * np.sign(g)
    trial.equal(path.widened(4), moved, gradient=np.broadcast_to(g, moved.shape))


# what the formulas say exactly


def _numbers(count, seed):
    """Fractions with odd denominators."""
    return [Fraction(int(k), 7) for k in np.random.default_rng(seed).integers(-20, 21, count) if k]


@proves("eq57")
def test_sgd_restates_gradient_descent(proof):
    """(57) and (38) are one formula."""
    inputs = symbols("x", 3)
    proof.require(EQUATIONS[57](*inputs) is EQUATIONS[38](*inputs), "one graph")


def _momentum(gradients, etas, alpha):
    theta = v = Fraction(0)
    for g, eta in zip(gradients, etas, strict=True):
        v = exact(optimizers.velocity, v, g, eta, alpha)
        theta = exact(optimizers.momentum, theta, v, eta)
    return theta


@proves("eq58")
def test_eta_outside_the_velocity_is_the_same_until_eta_changes(proof):
    """Both forms of (58) and (59) agree for a constant eta, and differ once it changes."""
    outside, gradients, alpha = {58: "eta_outside_velocity", 59: "eta_outside_velocity"}, _numbers(12, 58), Fraction(2, 3)
    for etas, same in (([Fraction(1, 3)] * len(gradients), True), ([Fraction(1, 1 + k) for k in range(len(gradients))], False)):
        printed = _momentum(gradients, etas, alpha)
        with reading_as(outside):
            proof.require((_momentum(gradients, etas, alpha) == printed) == same, "equal only while eta is constant")


@proves("eq59")
def test_no_memory_is_gradient_descent(proof):
    """At alpha = 0, (58) and (59) are (57)."""
    for g in _numbers(12, 59):
        moved = exact(optimizers.sgd, Fraction(1), g, Fraction(1, 3))
        v = exact(optimizers.velocity, Fraction(5), g, Fraction(1, 3), Fraction(0))
        proof.require(exact(optimizers.momentum, Fraction(1), v, Fraction(1, 3)) == moved, "the same step")


@proves("eq60")
def test_equal_gradients_accumulate_k_squares(proof):
    """k equal gradients make h = k·g², so that (61) steps by eta·sgn(g)/√k."""
    for g in _numbers(6, 60):
        h = Fraction(0)
        for k in range(1, 9):
            h = exact(optimizers.accumulated_squares, h, g)
            proof.require(h == k * g * g, "h is k g²")


@proves("eq62")
def test_first_mean_of_squares(proof):
    """From 0, the first h is (1 − alpha)g²; at alpha = 0 every h is g²."""
    for g in _numbers(12, 62):
        for alpha in (Fraction(0), Fraction(1, 3), Fraction(9, 10), Fraction(1)):
            first = exact(optimizers.moving_mean_of_squares, Fraction(0), g, alpha)
            proof.require(first == (1 - alpha) * g * g, "the first h")
        proof.require(exact(optimizers.moving_mean_of_squares, Fraction(5), g, Fraction(0)) == g * g, "no memory")


def _corrected(mean, correction, gradients, beta):
    """The corrected moment after every gradient."""
    kept = Fraction(0)
    for t, g in enumerate(gradients, 1):
        kept = exact(mean, kept, g, beta)
        yield exact(correction, kept, beta, t)


@proves("eq66")
def test_corrected_first_moment_is_a_weighted_mean(proof):
    """m̂ = g in the first step and whenever all gradients are equal; otherwise it lies between the smallest and the largest."""
    for beta in (Fraction(0), Fraction(1, 3), Fraction(9, 10)):
        gradients = _numbers(12, 66)
        found = list(_corrected(optimizers.first_moment, optimizers.corrected_first_moment, gradients, beta))
        proof.require(found[0] == gradients[0], "the first is the gradient")
        proof.require(min(gradients) <= min(found) and max(found) <= max(gradients), "a mean of the gradients")
        same = _corrected(optimizers.first_moment, optimizers.corrected_first_moment, gradients[:1] * 12, beta)
        proof.require(set(same) == {gradients[0]}, "of equal gradients it is the gradient")


@proves("eq67")
def test_corrected_second_moment_is_a_weighted_mean_of_squares(proof):
    """v̂ = g² in the first step and whenever all gradients are equal, so that (68) starts with eta·g/√(g² + epsilon)."""
    for beta in (Fraction(0), Fraction(1, 3), Fraction(9, 10)):
        gradients = _numbers(12, 67)
        found = list(_corrected(optimizers.second_moment, optimizers.corrected_second_moment, gradients, beta))
        squares = [g * g for g in gradients]
        proof.require(found[0] == squares[0], "the first is the square")
        proof.require(min(squares) <= min(found) and max(found) <= max(squares), "a mean of the squares")
        same = _corrected(optimizers.second_moment, optimizers.corrected_second_moment, gradients[:1] * 12, beta)
        proof.require(set(same) == {squares[0]}, "of equal gradients it is the square")
