"""What the notes say of training, in sections 4, 8, 9, 11 and 12: asked of the reference, and of no adapter.

Numbers are small multiples of powers of two, so that every step of training is exact in float64: results are equal or wrong.
"""

import numpy as np

from eqwise.conformance.laws import built
from eqwise.reference import data, layers, model, objectives, training
from eqwise.reference.data import Part, Split
from eqwise.spec import activations, backpropagation
from eqwise.spec.certify import rounded, values
from eqwise.spec.gradient_descent import mini_batch
from eqwise.spec.numbers.expression import each, lifted, symbols
from eqwise.spec.numbers.formats import FORMATS

ETA = 1 / 8
FUNCTIONS = {"identity": lambda u: u, "relu": lambda u: each(activations.relu, u)}


def by_the_notes(formula, *arrays):
    """A formula of arrays at these numbers, correctly rounded: an array for each that it returns."""
    inputs = [symbols(f"x{k}", *np.shape(array)) for k, array in enumerate(arrays)]
    made = [np.asarray(array, object) for array in formula(*inputs)]
    outputs = tuple(lifted(v) for array in made for v in array.ravel())
    row = np.concatenate([np.ravel(array) for array in arrays])
    leaves = tuple(v for array in inputs for v in array.ravel())
    found = rounded(values(outputs, leaves), row[None], FORMATS["float64"])[0]
    places = np.cumsum([array.size for array in made])[:-1]
    return [part.reshape(array.shape) for part, array in zip(np.split(found, places), made, strict=True)]


def gradients_by_the_notes(made, batch):
    """(40), (41), (56), (52), (48) for every sample, and their mean; biases stand in row 0."""
    fs = [FUNCTIONS[layer.name] for layer in made.layers if isinstance(layer, layers.Activation)]
    thetas = [np.vstack([b, W]) for W, b in zip(made.parameters[::2], made.parameters[1::2], strict=True)]

    def formula(x, t, *thetas):
        return map(mini_batch, *(backpropagation.gradients(*sample, thetas, fs) for sample in zip(x, t, strict=True)))

    return by_the_notes(formula, *batch, *thetas)


def stacked(gradients):
    """Gradients of weights and biases in turn, as those of θ."""
    return [np.vstack([b, W]) for W, b in zip(gradients[::2], gradients[1::2], strict=True)]


def equal(found, wanted):
    """Whether two lists of arrays agree."""
    return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def whole(*shape, seed=0):
    """Whole numbers from −3 to 3."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float64)


def exact_network(widths, activation="relu", seed=1):
    """A network whose weights and biases are whole numbers."""
    made = model.build(widths, activation, "identity", dtype=np.float64)
    for k, array in enumerate(made.parameters):
        array[...] = whole(*array.shape, seed=seed + k)
    return made


def samples(n, n_in, n_out, seed=7):
    """Whole numbers to learn from."""
    return Part(whole(n, n_in, seed=seed), whole(n, n_out, seed=seed + 1))


class Watched:
    """Gradient descent that keeps every gradient that it is given."""

    def __init__(self, theta):
        self.descent, self.given = training.choose_optimizer("sgd", eta=ETA)(theta), []

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
    made, part = exact_network((3, 2)), samples(n, 3, 2)
    by_hand = exact_network((3, 2))
    given, chosen = one_epoch(made, part, batch_size)
    sizes = [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
    proof.require([len(batch.inputs) for batch in chosen] == sizes, "only the last batch is short")
    proof.require(np.array_equal(np.sort(_rows(chosen)), np.sort(_rows([part]))), "each sample once")
    proof.require(len(given) == len(sizes), f"{len(sizes)} updates an epoch")
    for gradients, batch in zip(given, chosen, strict=True):
        proof.require(equal(stacked(gradients), gradients_by_the_notes(by_hand, batch)), f"the gradient of {len(batch.inputs)} samples")
        for array, g in zip(by_hand.parameters, gradients, strict=True):
            array -= ETA * g
    proof.require(equal(made.parameters, by_hand.parameters), "the parameters after the epoch")


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
            made, batch = exact_network((3, 4, 2, 3), activation), samples(n, 3, 3)
            thetas, gradients = stacked([array.copy() for array in made.parameters]), gradients_by_the_notes(made, batch)
            proof.require(all(np.any(g[0]) and np.any(g[1:]) for g in gradients), "every layer has something to learn")
            optimizer = training.choose_optimizer("sgd", eta=ETA)(made.parameters)
            training.step(made, objectives.Objective("sum_of_squares", made.output), optimizer, batch)
            after = [theta - ETA * g for theta, g in zip(thetas, gradients, strict=True)]
            proof.require(equal(stacked(made.parameters), after), f"{activation}, {n} samples")


@built("s4-prelu-parameter")
def test_the_slope_of_prelu_is_learned(proof):
    """(15): a moves by −η times the mean of Σ (y − t)·min(x, 0); the slope of (14) is no parameter."""
    x, t = samples(4, 3, 3)
    for name, learned in (("prelu", True), ("leaky_relu", False)):
        made = model.Network([layers.Dense(np.eye(3), np.zeros(3))], layers.Activation(name, alpha=1 / 4))
        optimizer = training.choose_optimizer("sgd", eta=ETA)(made.parameters)
        training.step(made, objectives.Objective("sum_of_squares", made.output), optimizer, Part(x, t))
        slopes = made.output.parameters
        proof.require(len(slopes) == learned, f"{name} has {int(learned)} learned slopes")
        by_a = np.sum(np.minimum(x, 0) * (np.where(x > 0, x, x / 4) - t)) / len(x)
        proof.require(by_a != 0 and all(a == 1 / 4 - ETA * by_a for a in slopes), "a moves by its gradient")


@built("s11-symmetry")
def test_equal_units_stay_equal(proof):
    """Hidden units with equal incoming and equal outgoing weights stay equal; unequal outgoing weights alone part them."""
    for outgoing, stays in (([1.0, 1.0, -2.0], True), ([1.0, 2.0, -2.0], False)):
        made = exact_network((2, 3, 1))
        W, b, V, _ = made.parameters
        W[:, 1], b[1], V[:, 0] = W[:, 0], b[0], outgoing
        b += 4  # so that the units are alive
        for seed in range(3):
            one_epoch(made, samples(2, 2, 1, seed=20 + seed), batch_size=2)
        same = np.array_equal(W[:, 0], W[:, 1]) and b[0] == b[1] and V[0] == V[1]
        proof.require(same == stays, f"outgoing weights {outgoing}: the units {'stay equal' if stays else 'part'}")
        proof.require(not np.array_equal(W[:, 0], W[:, 2]), "the third unit is another")


@built("s12-split")
def test_split(proof):
    """8:1:1 and 6:2:2: every sample in one part, inputs with their targets, validation and test of one size."""
    for ratios in ((8, 1, 1), (6, 2, 2)):
        for n in (10, 25, 99, 100, 1797):
            numbers = np.arange(n, dtype=np.float64)
            parts = data.split(numbers[:, None], -numbers[:, None], ratios, seed=n)
            training_size, *others = (len(part.inputs) for part in parts)
            share = n * ratios[1] / sum(ratios)
            proof.require(others[0] == others[1] == int(share), f"{ratios} of {n}: the size of validation and test")
            proof.require(training_size == n - 2 * int(share), f"{ratios} of {n}: the rest is for training")
            together = np.concatenate([part.inputs.ravel() for part in parts])
            proof.require(np.array_equal(np.sort(together), numbers), f"{ratios} of {n}: each sample once")
            proof.require(all(np.array_equal(part.targets, -part.inputs) for part in parts), f"{ratios} of {n}: targets stay")
            proof.require(not np.array_equal(together, numbers), f"{ratios} of {n}: shuffled")


@built("s12-validation-untouched")
def test_validation_and_test_data_change_no_parameter(proof):
    """After every epoch all parameters and running averages are the same to the bit, whatever the validation and test data are."""
    rng = np.random.default_rng(3)
    parts = data.split(rng.normal(size=(40, 4)), rng.normal(size=(40, 2)))
    seen = []
    for factor in (1.0, 100.0):
        others = [Part(part.inputs * factor, part.targets - factor) for part in parts[1:]]
        seen.append(_states_after_epochs(data.standardized(Split(parts.training, *others))))
    for number, (one, other) in enumerate(zip(*seen, strict=True), start=1):
        proof.require(one == other, f"epoch {number}")
    proof.require(len(set(seen[0])) == 3, "every epoch changes parameters")


def _states_after_epochs(parts):
    made, states = model.build((4, 6, 2), "relu", "identity", dropout=0.25, batch_norm="after", seed=4), []
    training.train(
        made, parts, loss="sum_of_squares", epochs=3, batch_size=8, patience=None,
        progress=lambda number, epoch: states.append(b"".join(array.tobytes() for array in made.state)),
    )  # fmt: skip
    return states


def passing_by(patience, epochs=8):
    """Training pulls y from 0 to 4, by a quarter of what is left each epoch, past the validation target 1.5."""
    made, heights = exact_network((1, 1)), []
    for array in made.parameters:
        array[...] = 0
    x = np.ones((1, 1))
    history = training.train(
        made, Split(Part(x, 4 * x), Part(x, 1.5 * x), Part(x, x)), loss="sum_of_squares",
        optimizer=training.choose_optimizer("sgd", eta=ETA), epochs=epochs, batch_size=1, patience=patience,
        progress=lambda number, epoch: heights.append(float(made.predict(x)[0, 0])),
    )  # fmt: skip
    return made, history, heights


@built("s12-early-stopping")
def test_early_stopping(proof):
    """Training stops at the first epoch whose validation loss has risen, or under patience k once k in a row are above the lowest."""
    for patience, stops in ((1, 3), (2, 4), (4, 6), (None, 8)):
        _, history, heights = passing_by(patience)
        proof.require(heights[:3] == [1.0, 1.75, 2.3125], "y after each epoch")
        watched = [epoch.validation_loss for epoch in history.epochs]
        proof.require(watched == [(y - 1.5) ** 2 / 2 for y in heights], "the validation loss is that of the validation data")
        proof.require(len(watched) == stops, f"patience {patience}: {stops} epochs")


@built("s12-best-model")
def test_the_best_model_is_kept(proof):
    """What remains is a copy of the parameters with the lowest validation loss, the first of equal ones, however long training went on."""
    for patience in (1, 4, None):
        made, history, heights = passing_by(patience)
        proof.require(history.kept == 2 and made.predict(np.ones((1, 1))) == heights[1], f"patience {patience}: epoch 2 is kept")
    made = exact_network((2, 2))
    best = training.BestModel(made, None)
    for number, loss in enumerate((3, 2, 1, 2, 1, 3), start=1):
        for array in made.state:
            array[...] = number
        best.feed(loss)
    best.restore()
    proof.require(best.kept == 3 and all(np.all(array == 3) for array in made.state), "the third of losses 3, 2, 1, 2, 1, 3 is kept")
    proof.require(not any(np.shares_memory(a, b) for a, b in zip(best.state, made.state, strict=True)), "it is a copy")


@built("s12-penalty-costs-fit")
def test_a_penalty_costs_fit_and_shrinks_weights(proof):
    """(73) with (27) is ridge regression: as λ grows the training loss without the penalty rises and |W|² falls, to the closed form."""
    x = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float64)  # columns orthogonal and centred
    part, fits, norms = Part(x, np.array([[5.0], [1.0], [2.0], [-4.0]])), [], []
    for lambda_ in (0.0, 0.25, 0.5, 1.5):
        made = exact_network((3, 1))
        objective = objectives.Objective("sum_of_squares", made.output)
        optimizer = training.choose_optimizer("sgd", eta=1 / 4)(made.parameters)
        for _ in range(100):
            training.step(made, objective, optimizer, part, lambda_)
        W, b = made.parameters
        proof.require(np.allclose(W, x.T @ part.targets / 4 / (1 + 2 * lambda_), rtol=1e-9), f"λ = {lambda_}: the closed form")
        proof.require(np.allclose(b, part.targets.mean(), rtol=1e-9), f"λ = {lambda_}: the bias is free")
        fits.append(np.mean((x @ W + b - part.targets) ** 2) / 2)
        proof.require(np.isclose(training.measure(made, objective, part)[0], fits[-1], rtol=1e-9), "losses are told without the penalty")
        norms.append(np.sum(W**2))
    proof.require(bool(np.all(np.diff(fits) > 0.01)), "the fit worsens")
    proof.require(bool(np.all(np.diff(norms) < -0.01)), "the weights shrink")
