"""Section 12 of the notes: regularization, equations (73) to (77)."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from flint import arb, fmpq

from eqwise.conformance.adapter import OPERATIONS, NotOffered
from eqwise.conformance.batch_layer import FEATURES, Layer
from eqwise.conformance.claims import Frame, pullback_claim
from eqwise.conformance.laws import Measured, allowance, law, proves, states
from eqwise.conformance.thinning import Subject
from eqwise.spec.certify import exact, precision
from eqwise.spec.document import reading_as
from eqwise.spec.losses import sum_of_squares
from eqwise.spec.numbers.expression import number, symbol, symbols, total
from eqwise.spec.numbers.program import BALLS, RATIONALS, compiled
from eqwise.spec.numbers.tape import gradient
from eqwise.spec.regularization import DROPOUT_FACTORS, batch_norm, penalized


@pytest.mark.section("12")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


# the L2 penalty, 12.1


def _matrices(trial):
    """Two matrices of small whole numbers, none of them 0."""
    return [trial.rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], shape) for shape in ((3, 4), (4, 2))]


@law("l2")
def test_l2_of_doubled_weights(trial):
    """Doubling the weights quadruples the penalty; without weights there is none."""
    for _ in range(8):
        weights = _matrices(trial)
        penalty = trial.l2(weights, lambda_=0.5)
        trial.equal(trial.l2([2 * W for W in weights], lambda_=0.5), 4 * penalty)
        trial.equal(trial.l2([0 * W for W in weights], lambda_=0.5), np.zeros(()))


@law("l2")
def test_l2_is_a_sum_over_weights(trial):
    """The penalty of two matrices is that of the first, the second being 0, plus that of the second."""
    first, second = _matrices(trial)
    parts = trial.l2([first, 0 * second], lambda_=2.0) + trial.l2([0 * first, second], lambda_=2.0)
    trial.equal(trial.l2([first, second], lambda_=2.0), parts)


@states("s12.1-shrink", "l2")
def test_the_penalty_pulls_every_weight_towards_zero(trial):
    """A step against the gradient shrinks every weight of every matrix by one and the same factor, whatever the reading."""
    for _ in range(8):
        weights = _matrices(trial)
        found = trial.gradients("l2", [weights], np.ones(()), lambda_=1.0)
        for W, by_W in zip(weights, found, strict=True):
            if by_W is None:
                raise NotOffered("no gradient of l2")
            trial.require(by_W / W > 0, "the gradient has the sign of the weight")
            trial.equal(trial.rounded(by_W), trial.rounded(np.asarray(found[0] / weights[0]).flat[0] * W))


@states("s12.1-shrink", "l2")
def test_the_penalty_is_least_at_zero(trial):
    """0 at weights of 0, and larger the farther they are from it."""
    for _ in range(8):
        weights = _matrices(trial)
        sizes = [trial.l2([scale * W for W in weights], lambda_=0.25) for scale in (0.0, 0.5, 1.0, 2.0)]
        trial.equal(sizes[0], np.zeros(()))
        for smaller, larger in pairwise(sizes):
            trial.at_most(smaller, larger)


_X = np.array([[1, 2], [3, -1], [0, 4], [-2, 1], [5, 3]], object)
_T = np.array([1, -2, 3, 0, 4], object)


def _ridge(factor):
    """The solution of (XᵀX + factor·I)w = Xᵀt over the rationals."""
    (a, b), (_, d) = _X.T @ _X + factor * np.eye(2, dtype=int)
    p, q = _X.T @ _T
    determinant = a * d - b * b
    return np.array([Fraction(d * p - b * q) / determinant, Fraction(a * q - b * p) / determinant], object)


def _slopes(reading, w, lambda_):
    """The gradient by w of (73) with (27) as the loss, over the rationals."""
    weights, factor = symbols("w", 2), symbol("lambda")
    with reading_as({73: reading}):
        J = penalized(sum_of_squares(_X @ weights, _T), [weights], factor)
    found = compiled(tuple(gradient(J, list(weights))), (*weights, factor), RATIONALS)
    return found(*(fmpq(v.numerator, v.denominator) for v in (*w, lambda_)))


_PENALTIES = [Fraction(k, 4) for k in (0, 1, 2, 5, 12, 100, 10_000)]


@proves("s12.1-shrink")
def test_ridge_regression_has_a_closed_form(proof):
    """Where (XᵀX + 2λI)w = Xᵀt the gradient of (73) is 0, with λ for 2λ under the half; there alone, for it is linear in w."""
    for lambda_ in _PENALTIES:
        for reading, factor in (("as_printed", 2), ("half", 1)):
            proof.require(not any(_slopes(reading, _ridge(factor * lambda_), lambda_)), f"λ = {lambda_}, {reading}")
    proof.require(any(_slopes("as_printed", _ridge(Fraction(1)), Fraction(1))), "with λ for 2λ it is no minimum")


@proves("s12-penalty-costs-fit")
def test_a_larger_penalty_fits_worse_with_smaller_weights(proof):
    """In ridge regression the loss rises strictly with λ, and the size of the weights falls strictly."""
    solutions = [_ridge(2 * lambda_) for lambda_ in _PENALTIES]
    losses = [exact(sum_of_squares, _X @ w, _T) for w in solutions]
    sizes = [w @ w for w in solutions]
    for k, lambda_ in enumerate(_PENALTIES[1:]):
        proof.require(losses[k] < losses[k + 1], f"the loss rises up to λ = {lambda_}")
        proof.require(sizes[k] > sizes[k + 1] > 0, f"the weights shrink up to λ = {lambda_}")


# dropout, 12.2


def _mean_over_masks(terms, p):
    """Σ over all 2ⁿ masks of p^dropped (1 − p)^kept times the sum of the terms that are kept."""
    total = Fraction(0)
    for mask in product((0, 1), repeat=len(terms)):
        kept = sum(mask)
        total += p ** (len(terms) - kept) * (1 - p) ** kept * sum(m * term for m, term in zip(mask, terms, strict=True))
    return total


@proves("s12.2-ensemble")
def test_inference_is_the_mean_over_all_masks(proof):
    """For a linear layer, under the share that was kept, and inverted; under the printed share at p = ½ alone: an erratum."""
    rng = np.random.default_rng(12)
    for n, p in product((1, 2, 3, 5), (Fraction(0), Fraction(1, 8), Fraction(1, 3), Fraction(1, 2), Fraction(3, 4))):
        terms = [Fraction(int(w) * int(x), 6) for w, x in rng.integers(1, 9, (n, 2))]  # wᵢxᵢ
        for reading, (in_training, at_inference) in DROPOUT_FACTORS.items():
            mean = exact(in_training, p) * _mean_over_masks(terms, p)
            agree = exact(at_inference, p) * sum(terms) == mean
            proof.require(agree == (reading != "as_printed" or p == Fraction(1, 2)), f"{n} inputs, p = {p}, {reading}: {agree}")


@states("s12.2-ensemble", "dropout_layer")
def test_layer_infers_the_mean_over_its_masks(trial):
    """Σ wᵢ·infer(x)ᵢ is the weighted mean over all masks of what training gives; all numbers are small and whole, so exactly."""
    subject = Subject(trial.session, OPERATIONS["dropout_layer"], trial.target)
    w, p = [int(v) for v in trial.rng.integers(1, 9, 10)], 3 / 4
    x = trial.rng.choice([-8.0, -4.0, 4.0, 8.0], 10).astype(trial.target.dtype)
    train, infer = subject.start(p, 12)
    kept = np.zeros(10)
    for _ in range(160):
        y = train(x)
        kept[y != 0] = y[y != 0]
    trial.require(kept != 0, "every unit is kept in one of 160 passes")
    inferred = infer(x)
    if np.array_equal(inferred, p * x.astype(float)) and np.array_equal(kept, x.astype(float)):
        raise NotOffered("inference multiplies by the share that was dropped, as printed: then the statement is false")
    mean = _mean_over_masks([v * Fraction(y) for v, y in zip(w, kept, strict=True)], Fraction(p))
    trial.require(sum(v * Fraction(y) for v, y in zip(w, inferred, strict=True)) == mean, "inference is the mean over all masks")
    trial.require(np.array_equal(infer(x), inferred), "inference gives the same again")


# batch normalization, 12.3


def _batch(trial, samples=8):
    """Whole quarters, so that what is multiplied and moved by small numbers is exact in every dtype; no feature is constant."""
    return trial.rng.permuted(np.tile(np.arange(samples) % 7 - 2, (3, 1)), axis=1).T / 4 * np.array([1, 2, -1])


def _standardized(trial, x, epsilon):
    return trial.batch_norm(x, np.ones(3), np.zeros(3), epsilon=epsilon)


@law("batch_norm")
def test_batch_norm_is_centred_at_beta(trial):
    """Every feature of a normalized batch has the mean β."""
    x, beta = _batch(trial), np.array([0.5, -2.0, 3.0])
    y = trial.batch_norm(x, np.array([1.0, -0.5, 2.0]), beta, epsilon=0.25)
    trial.equal(Measured(y.value.T, y.allowance.T).sum(), len(x) * beta)


@law("batch_norm")
def test_batch_norm_is_affine_in_its_parameters(trial):
    """γ times the standardized batch, plus β."""
    x, gamma, beta = _batch(trial), np.array([1.0, -0.5, 2.0]), np.array([0.5, -2.0, 3.0])
    trial.equal(trial.batch_norm(x, gamma, beta, epsilon=0.25), _standardized(trial, x, 0.25) * gamma + beta)


_MOVES = ((1.0, 4.0), (2.0, 0.0), (-0.5, 4.0), (-1.0, 0.0), (8.0, -16.0), (0.125, 0.0))


@states("s12.3-rescaling", "batch_norm")
def test_scale_and_offset_of_the_input_do_not_matter(trial):
    """The output for ax + c with a²ε is sgn(a) times the output for x with ε."""
    for epsilon in (0.25, 2.0**-8):
        x = _batch(trial)
        plain = _standardized(trial, x, epsilon)
        for a, c in _MOVES:
            trial.equal(_standardized(trial, a * x + c, a * a * epsilon), np.sign(a) * plain)


def _by_x(trial, x, cotangent, epsilon):
    """The gradient by x, with what the printed formula is allowed there."""
    (found, *_) = trial.gradients("batch_norm", [x, np.ones(3), np.zeros(3)], cotangent, epsilon=epsilon)
    if found is None:
        raise NotOffered("no gradient of batch_norm")
    claim = pullback_claim(Frame("batch_norm", (len(x),)), None, None)
    rows = np.column_stack([x.T, np.ones(3), np.zeros(3), np.full(3, epsilon), cotangent.T])
    return Measured(found, np.array([allowance(claim, i, rows, trial.target) for i in range(len(x))]))


@states("s12.3-rescaling", "batch_norm")
def test_no_gradient_along_the_input(trial):
    """Σ ∂E/∂xᵢ = 0, and Σ xᵢ ∂E/∂xᵢ is what epsilon makes of it: ε/(σ² + ε)·Σ cᵢx̂ᵢ."""
    x, cotangent = _batch(trial, 5), trial.rng.integers(-3, 4, (5, 3)).astype(float)
    for epsilon in (0.25, 2.0**-12):
        slopes, normal = _by_x(trial, x, cotangent, epsilon), _standardized(trial, x, epsilon)
        along = Measured((slopes * x).value.T, (slopes * x).allowance.T).sum()
        sideways = Measured((normal * cotangent).value.T, (normal * cotangent).allowance.T).sum()
        trial.equal(Measured(slopes.value.T, slopes.allowance.T).sum(), np.zeros(3))
        trial.equal(along, sideways * (epsilon / (x.var(axis=0) + epsilon)))


@states("s12.3-rescaling", "batch_norm")
def test_gradient_of_a_scaled_input(trial):
    """At ax with a²ε the gradient by the input is that at x with ε, divided by a, up to the sign of the output."""
    x, cotangent = _batch(trial, 5), trial.rng.integers(-3, 4, (5, 3)).astype(float)
    slopes = _by_x(trial, x, cotangent, 0.25)
    for a in (2.0, -0.5, 8.0):
        trial.equal(_by_x(trial, a * x, cotangent, a * a * 0.25) * abs(a), slopes)


@proves("s12.3-rescaling")
def test_no_gradient_along_the_weights_of_a_normalized_layer(proof):
    """At ε = 0, for a layer Xw before (76) and (27) behind it: ⟨w, ∂E/∂w⟩ = 0, and E is the same at 3w, as balls to 10⁻²⁵."""
    x, w, t = symbols("x", 5, 3), symbols("w", 3), symbols("t", 5)
    gamma, beta = symbol("gamma"), symbol("beta")
    error = sum_of_squares(batch_norm(x @ w, gamma, beta, number(0)), t)
    scaled = sum_of_squares(batch_norm(x @ (3 * w), gamma, beta, number(0)), t)
    slopes = gradient(error, list(w))
    along = total(a * b for a, b in zip(w, slopes, strict=True))
    program = compiled((along, error - scaled, slopes[0]), (*x.ravel(), *w, *t, gamma, beta), BALLS)
    rng = np.random.default_rng(76)
    with precision(200):
        for _ in range(12):
            row = [arb(int(k)) / 7 for k in rng.integers(-30, 31, 25)]
            found = program(*row)
            for ball, claim in zip(found[:2], ("the gradient along w is 0", "E is the same at 3w"), strict=True):
                proof.require(bool(ball.contains(0)) and bool(ball.rad() < arb("1e-25")), claim)
            proof.require(not found[2].contains(0), "the gradient itself is not 0")


@states("s12.3-init", "batch_norm_layer")
def test_a_layer_starts_at_gamma_one_and_beta_zero(trial):
    """Exactly, whatever its size, epsilon and rate."""
    for features, epsilon, rate in product((1, 3, 17), (0.25, 2.0**-10), (0.5, 0.125)):
        gamma, beta = Layer(trial.session, trial.target, features, epsilon, rate).parameters()
        trial.require(gamma == 1, "gamma starts at 1")
        trial.require(beta == 0, "beta starts at 0")


def _close(trial, a, b):
    """Equal but for rounding, in numbers of the size of these batches."""
    trial.equal(Measured(a, np.full(a.shape, 2048 * trial.target.unit_roundoff)), b)


@states("s12.3-inference", "batch_norm_layer")
def test_training_knows_nothing_of_running_averages(trial):
    """A batch gives the same in a new layer and in one that has seen others: running averages serve inference alone."""
    new, old = Layer(trial.session, trial.target), Layer(trial.session, trial.target)
    for _ in range(4):
        old.train(trial.vectors(8, FEATURES) + 16)
    x = trial.vectors(8, FEATURES)
    _close(trial, new.train(x), old.train(x))


@states("s12.3-inference", "batch_norm_layer")
def test_inference_takes_each_sample_by_itself(trial):
    """A sample gives the same alone as among others, and again after inference of others; nothing is remembered."""
    layer = Layer(trial.session, trial.target)
    for _ in range(3):
        layer.train(trial.vectors(8, FEATURES) + 4)
    before, x = layer.averages(), trial.vectors(6, FEATURES)
    together = layer.infer(x)
    for k in range(len(x)):
        _close(trial, layer.infer(x[k : k + 1])[0], together[k])
    _close(trial, layer.infer(x), together)
    trial.require(np.array_equal(before, layer.averages()), "inference leaves the running averages as they are")


@states("s12.3-inference", "batch_norm_layer")
def test_inference_follows_training(trial):
    """After many passes over batches about 8 with deviation 2, samples are normalized by about these, whatever is averaged."""
    layer = Layer(trial.session, trial.target)
    for _ in range(40):
        layer.train(trial.target.round(8 + 2 * np.tile([[-1.0], [1.0]], (32, FEATURES))))
    found = layer.infer(np.tile([[6.0], [8.0], [10.0]], (1, FEATURES)))
    trial.require(np.abs(found - np.array([[-1.0], [0.0], [1.0]])) < 0.125, "inference uses what training has seen")
