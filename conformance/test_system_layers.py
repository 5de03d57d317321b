"""What the notes say of the layers of a system that learns, in sections 11 and 12: asked of the reference, and of no adapter."""

from functools import partial

import numpy as np
from scipy.stats import binom

from eqwise.conformance.exact_training import by_the_notes
from eqwise.conformance.laws import built
from eqwise.reference import model, objectives
from eqwise.reference.data import Part
from eqwise.reference.layers import Activation, BatchNorm, Dense, Dropout
from eqwise.spec import activations, losses, network, regularization
from eqwise.spec.gradient_descent import mini_batch
from eqwise.spec.numbers.expression import each, number
from eqwise.spec.numbers.tape import gradient

RARE = 1e-12  # the chance of an event that no correct system is asked to avoid
WIDTH = 256

# section 11: initial weights


def _second_moments(built_network, x):
    """E[h²] of the input and behind each activation."""
    found = [np.mean(x**2)]
    for layer in built_network.hidden:
        x = layer.forward(x, False)
        found += [np.mean(x**2)] if isinstance(layer, Activation) else []
    return np.array(found)


def _deep(activation, initial, scale=1.0, depth=6):
    """A network of equal layers with its initial weights times a factor."""
    made = model.build((WIDTH,) * (depth + 2), activation, "identity", initial=initial, seed=11)
    for W in made.weights:
        W *= scale
    return made


def _factor(made):
    """By how much a layer changes the second moment of its input: the geometric mean over the layers."""
    x = np.random.default_rng(0).normal(size=(64, WIDTH)).astype(np.float32)
    moments = _second_moments(made, x)
    return (moments[-1] / moments[0]) ** (1 / (len(moments) - 1))


@built("s11-xavier-he")
def test_initial_weights_suit_their_activation(proof):
    """A layer multiplies the second moment by 1 under He with ReLU, by ½ under Xavier with ReLU, by 1 under Xavier with the identity."""
    for initial, activation, factor in (("he", "relu", 1), ("xavier", "relu", 1 / 2), ("xavier", "identity", 1)):
        found = _factor(_deep(activation, initial))
        proof.require(abs(found / factor - 1) < 0.15, f"{initial} with {activation}: {found:.3f} for {factor}")


@built("s11-variance")
def test_small_weights_give_nearly_equal_outputs(proof):
    """With ReLU a layer multiplies the second moment by nσ²/2, so that small weights leave nothing to tell inputs apart by."""
    for sigma in (0.25, 1.0, 4.0):
        found, wanted = _factor(_deep("relu", "gauss", sigma * np.sqrt(2 / WIDTH))), sigma**2
        proof.require(abs(found / wanted - 1) < 0.15, f"deviation {sigma}·√(2/n): {found:.4g} for {wanted:.4g}")
    x = np.random.default_rng(0).normal(size=(64, WIDTH)).astype(np.float32)
    spread = [np.std(_deep("relu", "he", scale).predict(x), axis=0).max() for scale in (0.1, 1.0)]
    proof.require(spread[0] < 1e-5 < 0.1 < spread[1], "outputs are nearly equal for small weights alone")


@built("s11-variance")
def test_large_weights_saturate_the_logistic_function(proof):
    """σ′ is at most ¼ and falls as weights grow: behind standard normal weights most units have none left."""
    x = np.random.default_rng(0).normal(size=(64, WIDTH)).astype(np.float32)
    slopes = []
    for scale in (1.0, 4.0, np.sqrt(WIDTH), 4 * np.sqrt(WIDTH)):
        first, logistic = _deep("logistic", "xavier", scale).hidden[:2]
        logistic.forward(first.forward(x, True), True)
        slopes.append(logistic.backward(np.ones((64, WIDTH), np.float32)))
        proof.require(slopes[-1].max() <= 0.25, "the slope is at most ¼")
    means = [np.mean(slope) for slope in slopes]
    proof.require(means == sorted(means, reverse=True), "the mean slope falls as weights grow")
    proof.require(np.mean(slopes[2] < 0.01) > 0.5 > 0.01 > np.mean(slopes[0] < 0.01), "more than half are saturated at deviation 1")


@built("s11-bias-zero")
def test_biases_start_at_zero(proof):
    """Whatever the weights are drawn from, every bias is +0 to the bit."""
    for initial in model.INITIAL:
        for dtype in (np.float32, np.float64):
            made = model.build((3, 5, 4, 2), "tanh", "identity", initial=initial, dtype=dtype)
            for layer in made.hidden:
                if isinstance(layer, Dense):
                    W, b = layer.parameters
                    proof.require(not any(b.tobytes()), f"{initial} {dtype.__name__}: biases are 0")
                    proof.require(bool(np.all(W != 0)), f"{initial} {dtype.__name__}: weights are not")


# section 12.2: dropout


def _likely(count, n, share):
    """Whether a count is no rarer than what any correct system may show now and then."""
    return binom.ppf(RARE, n, share) <= count <= binom.isf(RARE, n, share)


@built("s12.2-train-mask")
def test_masks_are_independent(proof):
    """Units drop with probability p = ⅛, independently of other units, other samples and other passes."""
    p, x = 1 / 8, np.ones((256, 128))
    layer = Dropout(p, np.random.default_rng(12))
    first, second = (layer.forward(x, True) != 0 for _ in range(2))
    proof.require(_likely(np.count_nonzero(~first), first.size, p), "p is the probability of dropping")
    same = p**2 + (1 - p) ** 2
    pairs = {
        "passes": (first, second),
        "samples": (first[::2], first[1::2]),
        "units": (first[:, ::2], first[:, 1::2]),
        "samples of two passes": (first[1:], second[:-1]),
    }
    for name, (one, other) in pairs.items():
        proof.require(_likely(np.count_nonzero(one == other), one.size, same), f"masks of {name} are independent")


@built("s12.2-train-mask")
def test_dropped_units_give_nothing_and_learn_nothing(proof):
    """A dropped unit's output is 0, and so is every gradient of the weights into it, its bias, and the weights out of it."""
    made = model.build((5, 64, 3), "tanh", "identity", dropout=1 / 8, seed=3, dtype=np.float64)
    into, activation, dropout, out = made.hidden
    rng = np.random.default_rng(4)
    objective, batch = objectives.Objective("sum_of_squares", made.output), Part(rng.normal(size=(1, 5)), rng.normal(size=(1, 3)))
    h = activation.forward(into.forward(batch.inputs, True), True)
    passed = dropout.forward(h, True)
    made.backward(objective.delta(out.forward(passed, True), batch.targets))
    by_W, by_b, by_V, _ = made.gradients
    kept = passed[0] != 0
    proof.require(0 < np.count_nonzero(~kept) < 64, "some units are dropped")
    proof.require(np.array_equal(passed, np.where(kept, h, 0)), "outputs are 0 or as they were")
    proof.require(np.array_equal(by_W != 0, np.broadcast_to(kept, by_W.shape)), "the weights into a unit learn where it is kept")
    proof.require(np.array_equal(by_b != 0, kept), "its bias learns where it is kept")
    proof.require(np.array_equal(by_V != 0, np.broadcast_to(kept[:, None], by_V.shape)), "the weights out of it learn where it is kept")
    proof.require(isinstance(dropout, Dropout), "dropout stands behind the activation")


@built("s12.2-inference-scale")
def test_inference_multiplies_by_the_share_kept(proof):
    """All units take part in inference, times 1 − p: what they give in training on average. The notes print p."""
    x = np.random.default_rng(5).integers(-8, 9, (16, 8)) / 4
    for p in (0.0, 1 / 8, 3 / 4):
        layer = Dropout(p, np.random.default_rng(6))
        before = layer.rng.bit_generator.state
        proof.require(np.array_equal(layer.forward(x, False), (1 - p) * x), f"p = {p}: inference is (1 − p)x")
        proof.require(layer.rng.bit_generator.state == before, f"p = {p}: inference draws nothing")
        seen = layer.forward(x, True)
        proof.require(bool(np.all((seen == x) | (seen == 0))), f"p = {p}: training does not scale")
        total = sum(np.count_nonzero(layer.forward(np.ones((64, 64)), True)) for _ in range(8))
        proof.require(_likely(total, 8 * 64 * 64, 1 - p) if p else total == 8 * 64 * 64, f"p = {p}: the mean in training is (1 − p)x")


# section 12.3: batch normalization


@built("s12.3-init")
def test_batch_normalization_starts_as_plain_normalization(proof):
    """γ starts at 1 and β at 0, to the bit, on either side of the activation."""
    for where in ("before", "after"):
        for layer in model.build((3, 5, 4, 2), "relu", "identity", batch_norm=where).hidden:
            if isinstance(layer, BatchNorm):
                gamma, beta = layer.parameters
                proof.require(gamma.tobytes() == np.ones_like(gamma).tobytes(), "γ is 1")
                proof.require(not any(beta.tobytes()), "β is 0")
    proof.require(proof.steps == 8, "there are two such layers on either side")


@built("s12.3-inference")
def test_inference_uses_running_averages(proof):
    """The running averages of μ and σ move by the rate in training; inference takes one sample as it takes many, and changes nothing."""
    layer, mean, sigma = BatchNorm(2, epsilon=2.0**-10, rate=0.25), np.zeros(2), np.ones(2)
    for batch in (np.array([[1.0, -4.0], [3.0, 4.0]]), np.array([[6.0, 1.0], [2.0, 7.0], [2.0, 1.0], [6.0, 7.0]])):
        layer.forward(batch, True)
        center = batch.mean(axis=0)
        mean, sigma = 0.75 * mean + 0.25 * center, 0.75 * sigma + 0.25 * np.sqrt(np.mean((batch - center) ** 2, axis=0))
        proof.require(np.array_equal(layer.running, [mean, sigma]), "running averages move by the rate")
    x, before = np.random.default_rng(7).normal(size=(9, 2)), _bits(layer)
    whole = layer.forward(x, False)
    proof.require(np.allclose(whole, (x - mean) / np.sqrt(sigma**2 + 2.0**-10), rtol=1e-12, atol=1e-12), "inference normalizes by them")
    for i in range(len(x)):
        alone = layer.forward(x[i : i + 1], False)
        proof.require(np.array_equal(alone, whole[i : i + 1]), "a sample alone gives what it gives among others")
    proof.require(_bits(layer) == before, "inference changes no state")


def _bits(layer):
    return [array.tobytes() for array in (*layer.parameters, *layer.running)]


def _normalized_loss(where, x, t, W, b, gamma, beta, V, c):
    """The mean loss of a network with one hidden layer of tanh and batch normalization before or after it, by the notes' formulas."""
    h = np.array([network.hidden_layer(row, W, b, lambda u: u) for row in x])
    steps = [_by_tanh, lambda h: _by_feature(h, gamma, beta)]
    for step in steps[:: -1 if where == "before" else 1]:
        h = step(h)
    return mini_batch(*(losses.sum_of_squares(network.output_layer(row, V, c, lambda u: u), t_i) for row, t_i in zip(h, t, strict=True)))


def _gradients(where, x, t, *learned):
    by_each = iter(gradient(_normalized_loss(where, x, t, *learned), [v for array in learned for v in array.ravel()]))
    return [np.array([next(by_each) for _ in range(array.size)], object).reshape(array.shape) for array in learned]


def _by_tanh(h):
    return each(activations.tanh, h)


def _by_feature(h, gamma, beta):
    columns = (regularization.batch_norm(h[:, j], gamma[j], beta[j], number(1e-5)) for j in range(h.shape[1]))
    return np.array(list(columns)).T


@built("s12.3-placement")
def test_batch_normalization_stands_on_either_side(proof):
    """Before and after the activation are two networks that differ, and each has the gradients of its own formula."""
    rng = np.random.default_rng(8)
    batch, outputs = Part(rng.normal(size=(4, 2)), rng.normal(size=(4, 1))), []
    for where in ("before", "after"):
        made = model.build((2, 3, 1), "tanh", "identity", batch_norm=where, seed=9, dtype=np.float64)
        found = objectives.gradients(made, objectives.Objective("sum_of_squares", made.output), batch)
        wanted = by_the_notes(partial(_gradients, where), *batch, *made.parameters)
        close = [np.allclose(g, exact, rtol=1e-10, atol=1e-12) for g, exact in zip(found, wanted, strict=True)]
        proof.require(all(close), f"{where}: gradients are those of the formula")
        outputs.append(made.forward(batch.inputs, True))
    proof.require(not np.allclose(outputs[0], outputs[1]), "the two differ")
