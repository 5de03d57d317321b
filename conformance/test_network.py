"""Section 3 of the notes: neural networks, equations (6) to (8)."""

from itertools import pairwise

import numpy as np
import pytest

from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.claims import Frame, pullback_claim
from eqwise.conformance.laws import law, proves, states
from eqwise.spec.numbers.expression import ZERO


@pytest.mark.section("3")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


def _parameters(trial, *widths):
    pairs = list(pairwise(widths))
    return [trial.vectors(*pair, scale=1.0) for pair in pairs], [trial.vectors(b, scale=1.0) for _, b in pairs]


@law("network", "dense", "logistic")
def test_network_is_its_layers(trial):
    """A network with a logistic hidden layer is an affine map of the logistic of an affine map."""
    x, (weights, biases) = trial.vectors(8, 3, scale=1.0), _parameters(trial, 3, 5, 2)
    whole = trial.network(x, weights, biases, activation="logistic", output="identity")
    hidden = trial.target.round(trial.logistic(trial.dense(x, weights[0], biases[0]).value).value)
    parts = trial.dense(hidden, weights[1], biases[1])
    trial.equal(whole.widened(4), parts.widened(4))  # the hidden layer's rounding goes through the weights


@law("dense")
def test_dense_of_a_unit_vector_is_a_row_of_W(trial):
    """The affine map of unit vector i is row i of W, plus b: W has the shape (n_in, n_out)."""
    W, b = trial.vectors(4, 3), trial.vectors(3)
    trial.equal(trial.dense(np.eye(4), W, np.zeros(3)), W)
    trial.equal(trial.dense(np.zeros((2, 4)), W, b), np.stack([b, b]))


@states("s3-nonzero-derivative", "network")
def test_nothing_passes_a_step(trial):
    """Behind a step every gradient is exactly 0; behind the logistic function none is."""
    trial.need("vjp")
    x, (weights, biases) = trial.vectors(4, 3, scale=1.0), _parameters(trial, 3, 5, 2)
    cotangent = np.ones((4, 2))
    steps = _hidden(trial, (x, weights, biases), cotangent, "step")
    trial.require(np.concatenate([np.ravel(g) for g in steps]) == 0, "gradients behind a step are 0")
    smooth = _hidden(trial, (x, weights, biases), cotangent, "logistic")
    trial.require(np.concatenate([np.ravel(g) for g in smooth]) != 0, "gradients behind the logistic function are not 0")


def _hidden(trial, inputs, cotangent, activation):
    """The gradients of the first layer's weights and biases."""
    found = trial.gradients("network", inputs, cotangent, activation=activation, output="identity")
    if found[1] is None or found[3] is None:
        raise NotOffered(f"no gradient through {activation}")
    return found[1], found[3]


@proves("s3-nonzero-derivative")
def test_nothing_passes_a_step_exactly(proof):
    """The gradient of the printed formula by the first layer is the constant 0 behind a step, and is not behind others."""
    for activation, dead in (("step", True), ("logistic", False), ("tanh", False), ("softplus", False)):
        frame = Frame("network", (2, 3, 1), (("activation", activation), ("output", "identity")))
        gradients = pullback_claim(frame, 1, (False, True, False, True, False)).outputs
        for gradient in gradients:
            proof.require((gradient is ZERO) == dead, f"gradient behind {activation}")
