"""What the notes say of training, validation and test data, in section 12: asked of the reference, and of no adapter."""

import numpy as np

from eqwise.conformance import exact_training
from eqwise.conformance.laws import built
from eqwise.reference import data, model, objectives, training
from eqwise.reference.data import Part, Split


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
    made, heights = exact_training.network((1, 1)), []
    for array in made.parameters:
        array[...] = 0
    x = np.ones((1, 1))
    history = training.train(
        made, Split(Part(x, 4 * x), Part(x, 1.5 * x), Part(x, x)), loss="sum_of_squares",
        optimizer=training.choose_optimizer("sgd", eta=exact_training.ETA), epochs=epochs, batch_size=1, patience=patience,
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
    made = exact_training.network((2, 2))
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
        made = exact_training.network((3, 1))
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
        told = objectives.penalized(float(fits[-1]), made, lambda_)
        proof.require(np.isclose(told, fits[-1] + lambda_ * norms[-1], rtol=1e-12), f"λ = {lambda_}: the loss with the penalty is (73)")
    proof.require(bool(np.all(np.diff(fits) > 0.01)), "the fit worsens")
    proof.require(bool(np.all(np.diff(norms) < -0.01)), "the weights shrink")
