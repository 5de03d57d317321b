"""What the notes say of a training step and of its score, in sections 4, 6, 8, 9 and 11: asked of the reference, and of no adapter."""

import numpy as np

from eqwise.conformance import exact_training
from eqwise.conformance.laws import built
from eqwise.reference import layers, model, objectives, training
from eqwise.reference.data import Part, Split
from eqwise.spec import metrics
from eqwise.spec.numbers.formats import FORMATS


class Watched:
    """Gradient descent that keeps every gradient that it is given."""

    def __init__(self, theta):
        self.descent, self.given = training.choose_optimizer("sgd", eta=exact_training.ETA)(theta), []

    def step(self, gradients):
        self.given.append([np.array(g) for g in gradients])
        return self.descent.step(gradients)


def one_epoch(made, part, batch_size, seed=2):
    """Trains for an epoch; what the optimizer was given, and the batches in their order."""
    watched = Watched(made.parameters)
    training.train(
        made, Split(part, part, part), loss="sum_of_squares", optimizer=lambda theta: watched, epochs=1, batch_size=batch_size,
        patience=None, seed=seed,
    )  # fmt: skip
    chosen = training.batches(len(part.inputs), batch_size, np.random.default_rng(seed))
    return watched.given, [Part(part.inputs[rows], part.targets[rows]) for rows in chosen]


def _rows(parts):
    return [repr(row.tolist()) for part in parts for row in np.hstack(part)]


def descends(proof, batch_size, n=5):
    """Each update of an epoch is (38) by the mean gradient of its batch at the newest parameters."""
    made, part = exact_training.network((3, 2)), exact_training.samples(n, 3, 2)
    by_hand = exact_training.network((3, 2))
    given, chosen = one_epoch(made, part, batch_size)
    sizes = [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
    proof.require([len(batch.inputs) for batch in chosen] == sizes, "only the last batch is short")
    proof.require(np.array_equal(np.sort(_rows(chosen)), np.sort(_rows([part]))), "each sample once")
    proof.require(len(given) == len(sizes), f"{len(sizes)} updates an epoch")
    for gradients, batch in zip(given, chosen, strict=True):
        wanted = exact_training.gradients(by_hand, batch)
        proof.require(exact_training.equal(exact_training.stacked(gradients), wanted), f"the gradient of {len(batch.inputs)} samples")
        for array, g in zip(by_hand.parameters, gradients, strict=True):
            array -= exact_training.ETA * g
    proof.require(exact_training.equal(made.parameters, by_hand.parameters), "the parameters after the epoch")


@built("s8.3-per-sample")
def test_single_samples(proof):
    """Stochastic gradient descent takes one sample at a time: N updates an epoch, each at the parameters that the last one left."""
    descends(proof, batch_size=1)


@built("s8.4-batch-mean")
def test_mini_batches(proof):
    """A mini-batch's gradient is the mean over the samples that it has, a last short batch too; N of them are batch learning."""
    for batch_size, n in ((2, 5), (4, 6), (4, 4)):
        descends(proof, batch_size, n)


@built("s9-procedure")
def test_one_training_step(proof):
    """Forward (40), (41), output δ (56), δ backwards by the old θ (52), gradients (48), update (38): one step, exactly."""
    for activation in ("relu", "identity"):
        for n in (1, 4):
            made, batch = exact_training.network((3, 4, 2, 3), activation), exact_training.samples(n, 3, 3)
            thetas, gradients = exact_training.stacked([array.copy() for array in made.parameters]), exact_training.gradients(made, batch)
            proof.require(all(np.any(g[0]) and np.any(g[1:]) for g in gradients), "every layer has something to learn")
            optimizer = training.choose_optimizer("sgd", eta=exact_training.ETA)(made.parameters)
            training.step(made, objectives.Objective("sum_of_squares", made.output), optimizer, batch)
            after = [theta - exact_training.ETA * g for theta, g in zip(thetas, gradients, strict=True)]
            proof.require(exact_training.equal(exact_training.stacked(made.parameters), after), f"{activation}, {n} samples")


@built("s4-prelu-parameter")
def test_the_slope_of_prelu_is_learned(proof):
    """(15): a moves by −η times the mean of Σ (y − t)·min(x, 0); the slope of (14) is no parameter."""
    x, t = exact_training.samples(4, 3, 3)
    for name, learned in (("prelu", True), ("leaky_relu", False)):
        made = model.Network([layers.Dense(np.eye(3), np.zeros(3))], layers.Activation(name, alpha=1 / 4))
        optimizer = training.choose_optimizer("sgd", eta=exact_training.ETA)(made.parameters)
        training.step(made, objectives.Objective("sum_of_squares", made.output), optimizer, Part(x, t))
        slopes = made.output.parameters
        proof.require(len(slopes) == learned, f"{name} has {int(learned)} learned slopes")
        by_a = np.sum(np.minimum(x, 0) * (np.where(x > 0, x, x / 4) - t)) / len(x)
        proof.require(by_a != 0 and all(a == 1 / 4 - exact_training.ETA * by_a for a in slopes), "a moves by its gradient")


@built("eq19")
def test_the_score_of_a_classification_is_its_accuracy(proof):
    """(19), where classes are told by signs, by halves or by the largest of several outputs."""
    counts = np.array([3.0, 1.0, 4.0, 2.0])  # TP, FP, FN, TN, so that no two of them can be confused
    positive, actual = (np.repeat(case, counts.astype(int))[:, None] for case in ([True, True, False, False], [True, False, True, False]))
    u = np.where(positive, 1.0, -1.0) * np.random.default_rng(19).uniform(0.01, 0.1, positive.shape)
    (wanted,) = exact_training.by_the_notes(lambda c: [metrics.accuracy(*c)], counts)
    for loss, output, arguments, targets in (
        ("hinge", "identity", u, np.where(actual, 1.0, -1.0)),
        ("binary_cross_entropy", "logistic", u, np.where(actual, 1.0, 0.0)),
        ("cross_entropy", "softmax", np.hstack([u, 0 * u, u - 1]), np.hstack([actual, ~actual, actual & ~actual]).astype(float)),
    ):
        found = objectives.Objective(loss, layers.Activation(output)).score(arguments, targets)
        proof.require(found == wanted, f"{loss} of {output}")


@built("eq24")
def test_the_score_of_a_regression_is_its_rmse(proof):
    """(24) over all samples and outputs."""
    u, t = np.random.default_rng(24).normal(size=(2, 7, 3))
    (wanted,) = exact_training.by_the_notes(lambda t, y: [metrics.rmse(t, y)], t.ravel(), u.ravel())
    for loss in ("sum_of_squares", "quantile", "huber", "epsilon_insensitive"):
        found = objectives.Objective(loss, layers.Activation("identity")).score(u, t)
        proof.require(bool(abs(found - wanted) <= 4 * FORMATS["float64"].ulp(wanted)), loss)


@built("s11-symmetry")
def test_equal_units_stay_equal(proof):
    """Hidden units with equal incoming and equal outgoing weights stay equal; unequal outgoing weights alone part them."""
    for outgoing, stays in (([1.0, 1.0, -2.0], True), ([1.0, 2.0, -2.0], False)):
        made = exact_training.network((2, 3, 1))
        W, b, V, _ = made.parameters
        W[:, 1], b[1], V[:, 0] = W[:, 0], b[0], outgoing
        b += 4  # so that the units are alive
        for seed in range(3):
            one_epoch(made, exact_training.samples(2, 2, 1, seed=20 + seed), batch_size=2)
        same = np.array_equal(W[:, 0], W[:, 1]) and b[0] == b[1] and V[0] == V[1]
        proof.require(same == stays, f"outgoing weights {outgoing}: the units {'stay equal' if stays else 'part'}")
        proof.require(not np.array_equal(W[:, 0], W[:, 2]), "the third unit is another")
