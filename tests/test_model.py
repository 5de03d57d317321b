"""Networks that learn: their layers, and their gradients against central differences."""

from copy import deepcopy

import numpy as np
import pytest

from eqwise.reference.data import Part
from eqwise.reference.layers import ACTIVATIONS, Activation, BatchNorm, Dense, Dropout
from eqwise.reference.model import build
from eqwise.reference.objectives import LOSSES, Objective, gradients, penalized

SIGNED = ("logistic_loss", "exponential_loss", "hinge")
SHARES = ("binary_cross_entropy", "cross_entropy")


def batch_for(loss, samples=7, seed=0, dtype=np.float64):
    """Inputs of 4 features and targets of 3 outputs that suit the loss; rows of shares do not add up to 1."""
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(samples, 3))
    targets = np.sign(targets) if loss in SIGNED else rng.random((samples, 3)) if loss in SHARES else targets
    return Part(rng.normal(size=(samples, 4)).astype(dtype), targets.astype(dtype))


def with_fixed_masks(network):
    """Every dropout layer draws its next mask anew from one seed."""
    for layer in network.layers:
        if isinstance(layer, Dropout):
            layer.rng = np.random.default_rng(5)
    return network


def penalized_loss(network, objective, batch, lambda_):
    """(73) of one batch in training mode."""
    u = with_fixed_masks(network).forward(batch.inputs, True)
    return penalized(objective.value(u, batch.targets), network, lambda_)


def assert_gradients_agree(network, loss, lambda_=0.0):
    """The gradients that an optimizer is given are central differences (39) of the penalized loss."""
    objective, batch = Objective(loss, network.output), batch_for(loss)
    for array in network.parameters:
        array += np.random.default_rng(1).normal(scale=0.1, size=array.shape)
    given = gradients(with_fixed_masks(network), objective, batch, lambda_)
    for array, gradient in zip(network.parameters, given, strict=True):
        assert gradient.shape == array.shape
        for place in np.ndindex(array.shape):
            old, losses = array[place], []
            for shift in (1e-5, -1e-5):
                array[place] = old + shift
                losses.append(penalized_loss(network, objective, batch, lambda_))
            array[place] = old
            assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(gradient[place], rel=1e-5, abs=1e-8)


def small(activation="tanh", output="identity", **options):
    """A float64 network of 4, 5, 4 and 3 units."""
    return build((4, 5, 4, 3), activation, output, **{"seed": 2, "dtype": np.float64} | options)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", (None, "before", "after"))
def test_gradients_with_every_activation(activation, batch_norm):
    """Back-propagation through hidden layers, dropout and batch normalization is the derivative of the batch's mean loss."""
    assert_gradients_agree(small(activation, batch_norm=batch_norm, dropout=0.3), "sum_of_squares")


@pytest.mark.parametrize(
    ("loss", "output"),
    [(loss, output) for loss in LOSSES for output in ("logistic", "softmax", "identity", "prelu")[: 2 if loss in SHARES else 4]],
)
def test_gradients_with_every_loss(loss, output):
    """Each loss differentiates through each output on which it is defined, the three pairs of (56) among them."""
    assert_gradients_agree(small("tanh", output), loss)


def test_gradient_of_the_penalty_is_on_weights_alone():
    """(73) adds 2λW to the gradient of every weight, once, and nothing to biases, slopes, gamma and beta."""
    network = small("prelu", batch_norm="before")
    assert_gradients_agree(network, "sum_of_squares", lambda_=0.3)
    assert [array.ndim for array in network.weights] == [2, 2, 2] and len(network.parameters) == 12
    objective, batch = Objective("sum_of_squares", network.output), batch_for("sum_of_squares")
    found = (gradients(network, objective, batch, lambda_) for lambda_ in (0.0, 0.5))
    for array, without, added in zip(network.parameters, *found, strict=True):
        assert np.array_equal(added, without + array if array.ndim == 2 else without)


@pytest.mark.parametrize(("output", "loss"), (("logistic", "binary_cross_entropy"), ("softmax", "cross_entropy")))
def test_output_deltas_of_pairs_are_stable(output, loss):
    """Where the output saturates, loss and delta stay finite, and delta is (Σt)y − t."""
    objective = Objective(loss, Activation(output))
    u, t = np.array([[900.0, -900.0]]), np.array([[0.0, 1.0]])
    assert objective.delta(u, t).tolist() == [[1.0, -1.0]]
    assert objective.value(u, t) == 1800


def test_batch_norm_starts_plain_and_runs():
    """gamma 1, beta 0; (75) divides by m; the running statistics move by the rate; inference of one row is that of all, to the bit."""
    layer, x = BatchNorm(3, 1e-5, 0.25), np.random.default_rng(0).normal(2, 3, (8, 3))
    assert [array.tolist() for array in layer.parameters + layer.running] == [[1] * 3, [0] * 3, [0] * 3, [1] * 3]
    y = layer.forward(x, True)
    np.testing.assert_allclose((y.mean(axis=0), y.var(axis=0)), ([0] * 3, [1] * 3), atol=1e-5)
    np.testing.assert_allclose(layer.running, (0.25 * x.mean(axis=0), 0.75 + 0.25 * x.std(axis=0)), rtol=1e-12)
    running = deepcopy(layer.running)
    whole = layer.forward(x, False)
    assert all(np.array_equal(layer.forward(x[i : i + 1], False), whole[i : i + 1]) for i in range(8))
    assert np.array_equal(layer.running, running)


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_layers_compute_in_their_dtype(dtype):
    """Outputs, gradients and running averages of float32 layers are float32, of float64 layers float64."""
    x = np.random.default_rng(0).normal(size=(8, 5)).astype(dtype)
    others = [Dropout(0.3, np.random.default_rng(0)), BatchNorm(5, dtype=dtype), Dense(np.ones((5, 3), dtype), np.zeros(3, dtype))]
    for layer in [*(Activation(name, dtype=dtype) for name in ACTIVATIONS), *others]:
        y = layer.forward(x, True)
        arrays = [y, layer.forward(x, False), layer.backward(y), *layer.gradients, *layer.running]
        assert {array.dtype for array in arrays} == {np.dtype(dtype)}, layer
