"""Every clause about our own system holds, and its tests fail where the system does what the clause forbids."""

from copy import deepcopy
from functools import partial

import numpy as np
import pytest

from eqwise.conformance import test_system_figures, test_system_layers, test_system_training, test_system_validation
from eqwise.reference import data, figures, initialization, layers, model, objectives, training
from eqwise.reference.data import Part, Split
from eqwise.spec import STATEMENTS

MODULES = (test_system_figures, test_system_layers, test_system_training, test_system_validation)
TESTS = [test for module in MODULES for test in vars(module).values() if hasattr(test, "pytestmark")]
WRONG = []


def breaks(key):
    """Enter a change of the system that breaks a statement."""

    def enter(change):
        WRONG.append((key, change))
        return change

    return enter


def verdicts(key):
    """What the statement's tests say."""
    if key in ("fig3", "s6-op-plot"):
        pytest.importorskip("matplotlib")
    found = []
    for test in TESTS:
        if test.pytestmark[0].args == (key,):
            test(settle=lambda check: found.append(check(None).verdict))
    return found


def replaced(patch, owner, name, wrapper):
    """Puts `wrapper(old, …)` in the place of an attribute."""
    patch.setattr(owner, name, partial(wrapper, getattr(owner, name)))


def method(patch, owner, name, wrapper):
    """Puts `wrapper(old, self, …)` in the place of a method."""
    old = getattr(owner, name)
    patch.setattr(owner, name, lambda self, *arguments, **named: wrapper(old, self, *arguments, **named))


@pytest.mark.parametrize("key", [key for key, entry in STATEMENTS.items() if "system" in entry.subjects])
def test_statement_holds_and_can_fail(key):
    """The reference passes; something below breaks it."""
    assert set(verdicts(key)) == {"conforms"}
    assert key in {broken for broken, _ in WRONG}, f"enter a change that breaks {key} in {__file__}"


@pytest.mark.parametrize(("key", "change"), WRONG, ids=[f"{key}-{change.__name__}" for key, change in WRONG])
def test_wrong_system_is_noticed(key, change, monkeypatch):
    """Each change makes a test of its statement fail."""
    change(monkeypatch)
    assert "deviates" in verdicts(key)


# figures


@breaks("fig3")
def joined_step(patch):
    patch.setattr(figures, "_step", figures._curve)


@breaks("fig3")
def panels_exchanged(patch):
    a, b, *rest = figures.PANELS
    patch.setattr(figures, "PANELS", (a, b._replace(function=figures.tanh), *rest))


@breaks("s6-op-plot")
def axes_exchanged(patch):
    replaced(patch, figures, "observed_predicted_figure", lambda old, t, y: old(y, t))


@breaks("s6-op-plot")
def units_of_two_lengths(patch):
    def stretched(old, t, y):
        figure = old(t, y)
        figure.axes[0].set_aspect("auto")
        return figure

    replaced(patch, figures, "observed_predicted_figure", stretched)


# training


@breaks("s4-prelu-parameter")
def a_without_gradient(patch):
    def learn(old, self, cotangent):
        old(self, cotangent)
        self.gradients = [g * 0 for g in self.gradients]

    method(patch, layers.Activation, "learn", learn)


@breaks("s4-prelu-parameter")
def alpha_is_learned(patch):
    method(patch, layers.Activation, "__init__", lambda old, self, name, **named: old(self, name.replace("leaky_relu", "prelu"), **named))


@breaks("s8.3-per-sample")
def gradients_at_the_old_parameters(patch):
    old = []

    def stale(gradients, network, *arguments):
        old.append(deepcopy(network))
        return gradients(old[0], *arguments)

    replaced(patch, training, "gradients", stale)


@breaks("s8.3-per-sample")
def whole_epochs(patch):
    replaced(patch, training, "batches", lambda old, n, size, rng: old(n, n, rng))


@breaks("s8.4-batch-mean")
def nominal_size(patch):
    largest = []

    def delta(old, self, u, t):
        largest.append(len(u))
        return old(self, u, t) * len(u) / max(largest)

    method(patch, objectives.Objective, "delta", delta)


@breaks("s8.4-batch-mean")
def sum_over_the_batch(patch):
    method(patch, objectives.Objective, "delta", lambda old, self, u, t: old(self, u, t) * len(u))


@breaks("s8.4-batch-mean")
def short_batch_dropped(patch):
    replaced(patch, training, "batches", lambda old, n, size, rng: [rows for rows in old(n, size, rng) if len(rows) == size])


@breaks("s9-procedure")
def updated_from_the_top_while_going_down(patch):
    def step(network, objective, optimizer, batch, lambda_=0.0):
        delta = objective.delta(network.forward(batch.inputs, True), batch.targets)
        for layer in network.hidden[::-1]:
            layer.learn(delta)
            for array, gradient in zip(layer.parameters, layer.gradients, strict=True):
                array -= gradient / 8
            delta = layer.pull(delta)

    patch.setattr(training, "step", step)


@breaks("s9-procedure")
def delta_twice(patch):
    method(patch, objectives.Objective, "delta", lambda old, self, u, t: 2 * old(self, u, t))


@breaks("s9-procedure")
def biases_do_not_learn(patch):
    def learn(old, self, cotangent):
        old(self, cotangent)
        self.gradients[1] = 0 * self.gradients[1]

    method(patch, layers.Dense, "learn", learn)


@breaks("s11-symmetry")
def noise_on_every_unit(patch):
    def learn(old, self, cotangent):
        old(self, cotangent)
        self.gradients[0] = self.gradients[0] + np.random.default_rng(0).normal(size=self.gradients[0].shape)

    method(patch, layers.Dense, "learn", learn)


@breaks("s11-symmetry")
def dropout_on(patch):
    patch.setattr(model, "build", partial(model.build, dropout=0.5))


@breaks("s11-variance")
def normalized_between(patch):
    def build(old, *arguments, **named):
        made = old(*arguments, **named)
        for k, layer in enumerate(made.hidden):
            if isinstance(layer, layers.Dense):
                made.hidden[k] = Normalizing(*layer.parameters)
        return made

    replaced(patch, model, "build", build)


class Normalizing(layers.Dense):
    """A dense layer whose output has the deviation 1."""

    def forward(self, x, training):
        u = super().forward(x, training)
        return u / u.std()


@breaks("s11-xavier-he")
def deviation_taken_for_the_variance(patch):
    def he(shape, seed, dtype):
        return initialization.gauss(shape, seed, dtype) * np.asarray((2 / shape[0]) ** 0.25, dtype)

    patch.setitem(model.INITIAL, "he", he)


@breaks("s11-xavier-he")
def xavier_for_everything(patch):
    patch.setitem(model.INITIAL, "he", initialization.xavier)


@breaks("s11-bias-zero")
def small_constant(patch):
    patch.setattr(initialization, "bias", lambda shape, dtype: np.full(shape, 0.01, dtype))


# data, validation


@breaks("s12-split")
def validation_within_training(patch):
    def split(old, *arguments, **named):
        parts = old(*arguments, **named)
        return parts._replace(validation=Part(*(array[: len(parts.test.inputs)] for array in parts.training)))

    replaced(patch, data, "split", split)


@breaks("s12-split")
def labels_shuffled_apart(patch):
    replaced(patch, data, "split", lambda old, x, t, *more, **named: old(x, np.random.default_rng(1).permutation(t), *more, **named))


@breaks("s12-split")
def test_part_of_another_size(patch):
    def split(old, *arguments, **named):
        training_part, validation, test = old(*arguments, **named)
        moved = (np.concatenate([a, b[:1]]) for a, b in zip(training_part, test, strict=True))
        return Split(Part(*moved), validation, Part(*(array[1:] for array in test)))

    replaced(patch, data, "split", split)


test_part_of_another_size.__test__ = False


@breaks("s12-validation-untouched")
def statistics_of_all_data(patch):
    def standardized(parts):
        shift, scale = data.statistics(np.concatenate([part.inputs for part in parts]))
        return Split(*(Part((part.inputs - shift) / scale, part.targets) for part in parts))

    patch.setattr(data, "standardized", standardized)


@breaks("s12-validation-untouched")
def measured_in_training_mode(patch):
    method(patch, model.Network, "forward", lambda old, self, x, training=False: old(self, x, True))


@breaks("s12-best-model")
def alias_of_the_live_parameters(patch):
    def feed(old, self, loss):
        stop = old(self, loss)
        self.state = self.network.state
        return stop

    method(patch, training.BestModel, "feed", feed)


@breaks("s12-best-model")
def last_model_kept(patch):
    patch.setattr(training.BestModel, "restore", lambda self: None)


@breaks("s12-best-model")
def last_of_equal_ones(patch):
    def feed(old, self, loss):
        self.loss = np.nextafter(self.loss, np.inf)
        return old(self, loss)

    method(patch, training.BestModel, "feed", feed)


@breaks("s12-early-stopping")
def training_loss_watched(patch):
    replaced(patch, training, "Epoch", lambda old, a, b, c, d: old(c, d, a, b))


@breaks("s12-early-stopping")
def patience_ignored(patch):
    method(patch, training.BestModel, "feed", lambda old, self, loss: old(self, loss) and False)


@breaks("s12-early-stopping")
def one_epoch_late(patch):
    method(patch, training.BestModel, "__init__", lambda old, self, network, patience: old(self, network, patience and patience + 1))


@breaks("s12-penalty-costs-fit")
def penalty_counted_as_misfit(patch):
    def measure(old, network, objective, part):
        loss, score = old(network, objective, part)
        return objectives.penalized(loss, network, 0.5), score

    replaced(patch, training, "measure", measure)


@breaks("s12-penalty-costs-fit")
def biases_penalized(patch):
    def gradients(old, network, objective, batch, lambda_):
        found = old(network, objective, batch)
        return [g + 2 * lambda_ * array for g, array in zip(found, network.parameters, strict=True)]

    replaced(patch, training, "gradients", gradients)


@breaks("s12-penalty-costs-fit")
def half_of_the_penalty(patch):
    replaced(patch, training, "gradients", lambda old, network, objective, batch, lambda_: old(network, objective, batch, lambda_ / 2))


@breaks("s12-penalty-costs-fit")
def penalty_told_by_half(patch):
    replaced(patch, objectives, "penalized", lambda old, loss, network, lambda_: old(loss, network, lambda_ / 2))


# the score


@breaks("eq19")
def classes_told_by_the_first_output(patch):
    rule = objectives.LOSSES["cross_entropy"]._replace(hit=lambda y, t: (y[..., 0] > 0.5) == (t[..., 0] > 0.5))
    patch.setitem(objectives.LOSSES, "cross_entropy", rule)


@breaks("eq24")
def mean_squared_error_for_its_root(patch):
    replaced(patch, objectives.metrics, "rmse", lambda old, t, y: old(t, y) ** 2)


# dropout


@breaks("s12.2-train-mask")
def one_mask_a_batch(patch):
    method(patch, layers.Dropout, "forward", lambda old, self, x, training: x * (old(self, x, training)[:1] != 0))


@breaks("s12.2-train-mask")
def mask_of_every_pass(patch):
    def forward(old, self, x, training):
        self.rng = np.random.default_rng(0)
        return old(self, x, training)

    method(patch, layers.Dropout, "forward", forward)


@breaks("s12.2-train-mask")
def p_is_the_share_kept(patch):
    method(patch, layers.Dropout, "__init__", lambda old, self, p, rng: old(self, 1 - p, rng))


@breaks("s12.2-train-mask")
def dropped_units_learn(patch):
    patch.setattr(layers.Dropout, "pull", lambda self, cotangent: cotangent)


@breaks("s12.2-inference-scale")
def share_dropped(patch):
    method(patch, layers.Dropout, "forward", lambda old, self, x, training: old(self, x, True) if training else self.p * x)


@breaks("s12.2-inference-scale")
def scaled_while_training(patch):
    method(patch, layers.Dropout, "forward", lambda old, self, x, training: old(self, x, True) / (1 - self.p) if training else x)


@breaks("s12.2-inference-scale")
def drops_at_inference(patch):
    method(patch, layers.Dropout, "forward", lambda old, self, x, training: old(self, x, True))


# batch normalization


@breaks("s12.3-init")
def gamma_starts_at_zero(patch):
    def init(old, self, *arguments, **named):
        old(self, *arguments, **named)
        self.parameters[0][...] = 0

    method(patch, layers.BatchNorm, "__init__", init)


@breaks("s12.3-inference")
def statistics_of_the_batch(patch):
    method(patch, layers.BatchNorm, "forward", lambda old, self, x, training: old(self, x, True))


@breaks("s12.3-inference")
def rate_of_the_old_average(patch):
    method(patch, layers.BatchNorm, "__init__", lambda old, self, features, epsilon, rate: old(self, features, epsilon, 1 - rate))


@breaks("s12.3-inference")
def inference_moves_the_averages(patch):
    def forward(old, self, x, training):
        y = old(self, x, training)
        if not training:
            self.running[0] += 2.0**-40 * x.mean(axis=0)
        return y

    method(patch, layers.BatchNorm, "forward", forward)


@breaks("s12.3-placement")
def always_before(patch):
    replaced(patch, model, "build", lambda old, *arguments, batch_norm, **named: old(*arguments, batch_norm="before", **named))


@breaks("s12.3-placement")
def statistics_held_constant(patch):
    patch.setattr(layers.BatchNorm, "pull", lambda self, cotangent: self.parameters[0] / self._scale * cotangent)
