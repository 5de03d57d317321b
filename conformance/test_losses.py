"""Section 7 of the notes: loss functions, equations (27) to (35)."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from eqwise.conformance.laws import law, proves, states
from eqwise.spec.activations import logistic
from eqwise.spec.certify import exact, precision
from eqwise.spec.losses import binary_cross_entropy, epsilon_insensitive, huber, logistic_loss, quantile
from eqwise.spec.numbers.expression import symbol
from eqwise.spec.numbers.program import BALLS, compiled


@pytest.mark.section("7")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


def _scores(trial, size=2048):
    """Scores and labels −1 and 1."""
    return trial.reals("logistic_loss", size), trial.rng.choice([-1.0, 1.0], size)


@law("logistic_loss")
def test_logistic_loss_of_opposite_labels(trial):
    """E(y, −t) − E(y, t) = ty."""
    y, t = _scores(trial)
    trial.equal(trial.logistic_loss(y, -t) - trial.logistic_loss(y, t), t * y, y=y, t=t)


@law("exponential_loss", "hinge")
def test_exponential_loss_bounds_the_hinge(trial):
    """exp(−ty) ≥ max(1 − ty, 0)."""
    y, t = _scores(trial)
    trial.at_most(trial.hinge(y, t), trial.exponential_loss(y, t), y=y, t=t)


@law("quantile")
def test_quantile_swaps_its_sides(trial):
    """E with τ of (y, t) is E with 1 − τ of (t, y)."""
    y, t = trial.vectors(1024), trial.vectors(1024)
    for tau in (0.25, 0.875):
        trial.equal(trial.quantile(y, t, tau=tau), trial.quantile(t, y, tau=1 - tau), y=y, t=t)


@law("huber")
def test_huber_is_symmetric(trial):
    """E(y, t) = E(t, y)."""
    y, t = trial.vectors(1024), trial.vectors(1024)
    trial.equal(trial.huber(y, t, delta=1.0), trial.huber(t, y, delta=1.0), y=y, t=t)


@law("epsilon_insensitive", "hinge")
def test_epsilon_insensitive_is_two_hinges(trial):
    """With ε = 1: max(|t − y| − 1, 0) is the hinge of y − t + 2 against label 1, plus that of t − y + 2, where exact."""
    y, t = trial.rng.integers(-16, 17, 512) / 4, trial.rng.integers(-16, 17, 512) / 4
    one = np.ones(512)
    both = trial.hinge(y - t + 2, one) + trial.hinge(t - y + 2, one)
    trial.equal(trial.epsilon_insensitive(y, t, epsilon=1.0), both, y=y, t=t)


def _composite_gradient(trial, operation, output, u, t):
    """The composite loss has the gradient y − t by its scores, y being the output of the activation."""
    for scores, targets in zip(u, t, strict=True):
        y = getattr(trial, output)(scores)
        trial.equal(trial.gradient_of_sample(operation, scores, targets), (y - targets).widened(4), u=scores, t=targets)


@law("softmax_cross_entropy", "softmax")
def test_softmax_cross_entropy_has_the_gradient_y_minus_t(trial):
    """∂E/∂u = softmax(u) − t where Σt = 1."""
    _composite_gradient(trial, "softmax_cross_entropy", "softmax", trial.vectors(24, 5), np.eye(5)[trial.rng.integers(0, 5, 24)])


@law("logistic_binary_cross_entropy", "logistic")
def test_logistic_binary_cross_entropy_has_the_gradient_y_minus_t(trial):
    """∂E/∂u = σ(u) − t."""
    u, t = trial.vectors(24, 5), trial.rng.integers(0, 2, (24, 5)).astype(float)
    _composite_gradient(trial, "logistic_binary_cross_entropy", "logistic", u, t)


def _falls(trial, operation, y, t, **hyper):
    """Half way from y to t the loss is no larger."""
    middle = (y + t) / 2
    trial.at_most(getattr(trial, operation)(middle, t, **hyper), getattr(trial, operation)(y, t, **hyper), y=y, t=t)


def _grid(trial):
    return trial.rng.integers(-64, 65, 1024) / 8, trial.rng.integers(-64, 65, 1024) / 8


@states("s7-decrease", "quantile")
def test_quantile_falls_towards_the_target(trial):
    """Half way to the target the quantile loss is no larger."""
    _falls(trial, "quantile", *_grid(trial), tau=0.25)


@states("s7-decrease", "huber")
def test_huber_falls_towards_the_target(trial):
    """Half way to the target the Huber loss is no larger."""
    _falls(trial, "huber", *_grid(trial), delta=1.0)


@states("s7-decrease", "epsilon_insensitive")
def test_epsilon_insensitive_falls_towards_the_target(trial):
    """Half way to the target the ε-insensitive loss is no larger."""
    _falls(trial, "epsilon_insensitive", *_grid(trial), epsilon=0.5)


@states("s7-decrease", "sum_of_squares")
def test_sum_of_squares_falls_towards_the_target(trial):
    """Half way to the target the sum of squares is no larger."""
    for _ in range(32):
        y, t = trial.rng.integers(-64, 65, 5) / 8, trial.rng.integers(-64, 65, 5) / 8
        trial.at_most(trial.sum_of_squares((y + t) / 2, t), trial.sum_of_squares(y, t))


@states("s7-decrease", "binary_cross_entropy")
def test_binary_cross_entropy_falls_towards_the_target(trial):
    """Nearer to a label of 0 or 1 the cross-entropy is no larger."""
    for _ in range(32):
        y, t = trial.rng.integers(1, 64, 5) / 64, trial.rng.integers(0, 2, 5)
        trial.at_most(trial.binary_cross_entropy((y + t) / 2, t), trial.binary_cross_entropy(y, t))


@states("s7-decrease", "cross_entropy")
def test_cross_entropy_falls_towards_the_target(trial):
    """The more of the output lies on the true class the smaller the loss."""
    for k in range(1, 31):
        y, better, t = np.array([k, 64 - k]) / 64, np.array([k + 1, 63 - k]) / 64, np.array([1.0, 0.0])
        trial.at_most(trial.cross_entropy(better, t), trial.cross_entropy(y, t))


def _margin_falls(trial, operation):
    """The larger the margin ty, the smaller the loss."""
    margin = np.sort(trial.rng.integers(-64, 65, 512) / 8)
    for label in (-1.0, 1.0):
        loss = getattr(trial, operation)(margin * label, np.full(512, label))
        trial.at_most(loss[1:], loss[:-1], margin=margin[1:])


@states("s7-decrease", "logistic_loss")
def test_logistic_loss_falls_with_the_margin(trial):
    """A larger margin ty never costs more."""
    _margin_falls(trial, "logistic_loss")


@states("s7-decrease", "exponential_loss")
def test_exponential_loss_falls_with_the_margin(trial):
    """A larger margin ty never costs more."""
    _margin_falls(trial, "exponential_loss")


@states("s7-decrease", "hinge")
def test_hinge_falls_with_the_margin(trial):
    """A larger margin ty never costs more."""
    _margin_falls(trial, "hinge")


@proves("s7-decrease")
def test_convex_losses_fall_along_rays(proof):
    """(33) to (35) along the ray from y to t over the rationals: never larger half way, and least at t."""
    rng = np.random.default_rng(7)
    for loss, parameter in ((quantile, Fraction(1, 3)), (huber, Fraction(2)), (epsilon_insensitive, Fraction(1, 2))):
        for a, b in rng.integers(-90, 91, (40, 2)).tolist():
            y, t = Fraction(a, 7), Fraction(b, 7)
            at_t, half_way, at_y = (exact(loss, z, t, parameter) for z in (t, (y + t) / 2, y))
            proof.require(at_t <= half_way <= at_y, f"({loss.number}) from {y} to {t}")


@states("s7-logistic", "logistic_loss", "logistic_binary_cross_entropy")
def test_logistic_loss_is_the_binary_cross_entropy_of_the_logistic(trial):
    """(30) at t is (28) of the logistic of the score, at (1 + t)/2."""
    for y in trial.vectors(48, scale=1.0).tolist():
        for t in (-1.0, 1.0):
            composite = trial.logistic_binary_cross_entropy(np.array([y]), np.array([(1 + t) / 2]))
            trial.equal(trial.logistic_loss(np.array([y]), np.array([t]))[0], composite, y=y, t=t)


@proves("s7-logistic")
def test_logistic_loss_is_the_binary_cross_entropy_exactly(proof):
    """(30) and the composite of (28) and (10) are balls that agree to 2⁻³³⁰."""
    y, t, share = symbol("y"), symbol("t"), symbol("share")
    composite = binary_cross_entropy(np.array([logistic(y)]), np.array([share]))
    difference = compiled((logistic_loss(y, t) - composite,), (y, t, share), BALLS)
    with precision(400):
        for k in range(-40, 41):
            for label in (-1, 1):
                (ball,) = difference(arb(k) / 7, arb(label), arb((1 + label) // 2))
                proof.require(bool(abs(ball) < arb((1, -330))), f"y = {k}/7, t = {label}")


@states("s7-quantile", "quantile")
def test_the_best_constant_is_the_quantile(trial):
    """Among the data, the constant with the least total loss is the τ-quantile."""
    t = np.array([-3.0, -1.0, 0.5, 2.0, 7.0])
    for tau, best in ((0.1, 0), (0.3, 1), (0.5, 2), (0.7, 3), (0.9, 4)):
        totals = [float(trial.quantile(np.full(5, c), t, tau=tau).value.sum()) for c in t]
        trial.require(int(np.argmin(totals)) == best, f"the best constant for τ = {tau} is {t[best]}")


@proves("s7-quantile")
def test_the_best_constant_is_the_quantile_exactly(proof):
    """The total loss of a constant, over the rationals, is least at the order statistic of rank ⌈nτ⌉."""
    t = [Fraction(k) for k in (-3, -1, 0, 2, 5, 6, 11)]
    for k in range(1, 7 * 4):
        tau = Fraction(k, 28)
        totals = [sum(exact(quantile, c, s, tau) for s in t) for c in t]
        rank = -((-len(t) * tau.numerator) // tau.denominator)
        proof.require(totals[rank - 1] == min(totals), f"tau = {tau}")


@states("s7-huber-robust", "huber")
def test_huber_limits_outliers(trial):
    """|∂E/∂y| never exceeds 2δ, however far the target; the reading that halves the loss halves the limit."""
    y = trial.reals("huber", delta=1.0)
    t = np.zeros(y.shape)
    size, far = abs(trial.slopes("huber", y, t, delta=1.0)), np.abs(y) > 1
    trial.at_most(size, 2.0, y=y)
    trial.equal(size[far], size.value[far & np.isfinite(size.allowance)].max(initial=0.0), y=y[far])


@proves("s7-huber-robust")
def test_huber_limits_outliers_exactly(proof):
    """The slope of (34) is at most 2δ: differences over the rationals never exceed 2δ per unit."""
    delta = Fraction(3, 2)
    for k in range(-60, 61):
        a, b = Fraction(k, 7), Fraction(k + 1, 7)
        rise = abs(exact(huber, b, Fraction(0), delta) - exact(huber, a, Fraction(0), delta))
        proof.require(rise <= 2 * delta * (b - a), f"between {a} and {b}")
