"""Section 4 of the notes: activation functions, equations (9) to (18)."""

from fractions import Fraction

import numpy as np
import pytest

from eqwise.conformance.laws import law, proves, states


@pytest.mark.section("4")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


def _rising(trial, operation, **hyper):
    x = np.sort(trial.reals(operation, **hyper))
    y = getattr(trial, operation)(x, **hyper)
    trial.at_most(y[:-1], y[1:], x=x[:-1], next_x=x[1:])


@law("step")
def test_step_is_monotone(trial):
    """x ≤ x′ implies f(x) ≤ f(x′)."""
    _rising(trial, "step")


@law("logistic")
def test_logistic_is_monotone(trial):
    """x ≤ x′ implies f(x) ≤ f(x′)."""
    _rising(trial, "logistic")


@law("tanh")
def test_tanh_is_monotone(trial):
    """x ≤ x′ implies f(x) ≤ f(x′)."""
    _rising(trial, "tanh")


@law("softplus")
def test_softplus_is_monotone(trial):
    """x ≤ x′ implies f(x) ≤ f(x′)."""
    _rising(trial, "softplus")


@law("elu")
def test_elu_is_monotone(trial):
    """x ≤ x′ implies f(x) ≤ f(x′) for α > 0."""
    _rising(trial, "elu", alpha=1.0)


@law("logistic")
def test_logistic_reflects(trial):
    """f(−x) = 1 − f(x)."""
    x = trial.reals("logistic")
    trial.equal(trial.logistic(-x), 1 - trial.logistic(x), x=x)


@law("tanh")
def test_tanh_is_odd(trial):
    """f(−x) = −f(x)."""
    x = trial.reals("tanh")
    trial.equal(trial.tanh(-x), -trial.tanh(x), x=x)


@law("tanh", "logistic")
def test_tanh_is_a_stretched_logistic(trial):
    """tanh x = 2σ(2x) − 1, where 2x is exact."""
    x = trial.reals("tanh")
    x = x[np.abs(x) < trial.target.largest / 2]
    trial.equal(trial.tanh(x), 2 * trial.logistic(2 * x) - 1, x=x)


@law("softplus")
def test_softplus_reflects(trial):
    """f(x) − f(−x) = x."""
    x = trial.reals("softplus")
    trial.equal(trial.softplus(x) - trial.softplus(-x), x, x=x)


@law("relu")
def test_relu_reflects(trial):
    """f(x) − f(−x) = x."""
    x = trial.reals("relu")
    trial.equal(trial.relu(x) - trial.relu(-x), x, x=x)


@law("leaky_relu", "prelu")
def test_leaky_relu_is_prelu_of_its_slope(trial):
    """(14) and (15) differ only in whether the slope is learned."""
    x = trial.reals("leaky_relu", alpha=0.25)
    trial.equal(trial.leaky_relu(x, alpha=0.25), trial.prelu(x, 0.25), x=x)


@law("softmax")
def test_softmax_sums_to_one(trial):
    """Σ f(x)ᵢ = 1, over vectors too long to be certified one by one."""
    for length in (1, 2, 10, 64):
        trial.equal(trial.softmax(trial.vectors(64, length)).sum(), np.ones(64))


@law("softmax")
def test_softmax_is_shift_invariant(trial):
    """f(x + c) = f(x), where x + c is exact."""
    x = trial.rng.integers(-8, 9, (64, 7)).astype(float)
    shift = trial.rng.integers(-16, 17, (64, 1))
    trial.equal(trial.softmax(x + shift), trial.softmax(x))


@law("softmax")
def test_softmax_follows_permutations(trial):
    """Permuting the components permutes the result: the last axis is the one that is normalised."""
    x, order = trial.vectors(5, 9), trial.rng.permutation(9)
    trial.equal(trial.softmax(x[:, order]), trial.softmax(x)[:, order])


@law("softmax", "logistic")
def test_softmax_of_two_is_the_logistic_of_their_difference(trial):
    """f(x)₁ = σ(x₁ − x₂), where the difference is exact."""
    x = trial.rng.integers(-32, 33, (256, 2)) / 4
    trial.equal(trial.softmax(x)[:, 0], trial.logistic(x[:, 0] - x[:, 1]), x_1=x[:, 0], x_2=x[:, 1])


def negative(trial, x):
    """Those below 0 by a normal number: a processor that takes subnormal ones for 0 stands at the kink there."""
    return x[x <= -trial.target.smallest_normal]


@states("s4-dying-relu", "relu")
def test_relu_passes_no_gradient_for_negative_inputs(trial):
    """f′(x) = 0 for every x < 0."""
    x = trial.reals("relu")
    trial.require(trial.slopes("relu", negative(trial, x)).value == 0, "the gradient of ReLU at x < 0 is 0")


@states("s4-dying-relu", "elu")
def test_elu_passes_gradient_for_negative_inputs(trial):
    """f′(x) = αeˣ is not 0 for x < 0, until it is lost in the output y = αeˣ − α, of which y + α may be formed."""
    x = trial.reals("elu", alpha=1.0)
    x = x[x > np.log(trial.target.unit_roundoff)]
    trial.require(trial.slopes("elu", negative(trial, x), alpha=1.0).value > 0, "the gradient of ELU at x < 0 is positive")


@states("s4-dying-relu", "leaky_relu")
def test_leaky_relu_passes_gradient_for_negative_inputs(trial):
    """f′(x) = α for every x < 0."""
    x = negative(trial, trial.reals("leaky_relu", alpha=0.25))
    trial.equal(trial.slopes("leaky_relu", x, alpha=0.25), 0.25, x=x)


@states("s4-dying-relu", "prelu")
def test_prelu_passes_gradient_for_negative_inputs(trial):
    """f′(x) = a for every x < 0."""
    x = negative(trial, trial.reals("prelu"))
    trial.equal(trial.slopes("prelu", x, 0.25), 0.25, x=x)


@states("s4-prelu-parameter", "prelu")
def test_prelu_learns_its_slope(trial):
    """∂f/∂a = Σ min(x, 0)·cotangent: a is learned."""
    x = trial.rng.integers(-8, 9, 6).astype(float)
    found = trial.gradients("prelu", [x, 0.25], np.ones(6))
    trial.require(found[1] is not None, "a has a gradient")
    if found[1] is not None:
        trial.equal(trial.rounded(found[1]), np.minimum(x, 0).sum())


@states("s4-nonlinear", "network", "dense")
def test_linear_layers_collapse(trial):
    """With identity activations two layers are the affine map of the product of their matrices ."""
    W, V = trial.rng.integers(-2, 3, (3, 4)), trial.rng.integers(-2, 3, (4, 2))
    b, c, x = trial.rng.integers(-2, 3, 4), trial.rng.integers(-2, 3, 2), trial.rng.integers(-2, 3, (5, 3))
    deep = trial.network(x, [W, V], [b, c], activation="identity", output="identity")
    flat = trial.dense(x, W @ V, b @ V + c)
    trial.equal(deep, flat)


@proves("s4-nonlinear")
def test_linear_layers_collapse_exactly(proof):
    """(W₂ᵀ(W₁ᵀx + b₁) + b₂) = (W₁W₂)ᵀx + (W₂ᵀb₁ + b₂) over the rationals, for random layers of several shapes."""
    rng = np.random.default_rng(4)
    draw = lambda *shape: np.frompyfunc(lambda k: Fraction(int(k), 7), 1, 1)(rng.integers(-20, 21, shape))  # noqa: E731
    for n, m, k in ((2, 3, 1), (1, 4, 2), (3, 1, 3), (4, 2, 5)):
        x, W, b, V, c = draw(n), draw(n, m), draw(m), draw(m, k), draw(k)
        deep, flat = V.T @ (W.T @ x + b) + c, (W @ V).T @ x + (V.T @ b + c)
        for one, other in zip(deep, flat, strict=True):
            proof.require(one == other, f"shapes {(n, m, k)}")
