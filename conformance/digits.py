"""A training run on scikit-learn's handwritten digits: an adapter's steps beside the reference's from the same parameters.

Each step starts from the adapter's own parameters, so that what is allowed is the rounding of one step: a bound of first
order on that of any program that follows (40) to (56) in the dtype, doubled for what is of higher order.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.gradient_claims import Network
from eqwise.conformance.gradient_examples import ENTRY, Example, example, theta_of
from eqwise.conformance.invocation import raw_value
from eqwise.conformance.session import Session
from eqwise.conformance.training_steps import ETA, updates
from eqwise.reference import data
from eqwise.reference.backpropagation import network_gradients
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format

NETWORK = Network((64, 16, 10), "tanh", "softmax")
BATCH, STEPS = 32, 40


def images() -> tuple[Array, Array]:
    """Inputs from 0 to 1, which are multiples of 1/16, and a 1 at each class; `NotOffered` without scikit-learn."""
    try:
        return data.digits()
    except ImportError as error:
        raise NotOffered(str(error)) from error


def shares(session: Session, target: Format) -> list[float]:
    """For every step the largest difference from the reference's, in shares of what is allowed."""
    x, t = (samples.cast(array, target) for array in images())
    call = _start(target)
    update, found = updates(session, call, target), []
    for k in range(STEPS):
        rows = slice(k * BATCH, (k + 1) * BATCH)
        call = replace(call, x=x[rows], t=t[rows])
        wanted = [theta - ETA * gradient for theta, gradient in zip(call.thetas, _exact(call), strict=True)]
        pairs = zip(wanted, bounds(call, target), strict=True)
        room = [ETA * error + 4 * target.ulp(theta) + target.smallest_normal for theta, error in pairs]  # which may be flushed to 0
        call = update(call, raw_value(session.adapter, ENTRY, call.inputs, **NETWORK.named))
        differences = zip(call.thetas, wanted, room, strict=True)
        found.append(max(float(np.max(np.abs(new - old) / most)) for new, old, most in differences))
    return found


def _start(target: Format) -> Example:
    """Parameters as small as (70) makes them, biases that are not 0."""
    drawn = example(NETWORK, 1, target, 1)
    weights = [samples.cast(target.round(np.asarray(W, np.float64) / np.sqrt(len(W))), target) for W in drawn.weights]
    return replace(drawn, weights=weights)


def _exact(call: Example) -> list[Floats]:
    """The reference's gradients, in float64."""
    arrays = [np.asarray(array, np.float64) for array in (*call.weights, *call.biases)]
    x, t = np.asarray(call.x, np.float64), np.asarray(call.t, np.float64)
    by_weights, by_biases = network_gradients(x, t, arrays[:2], arrays[2:], **NETWORK.named)
    return [theta_of(W, b) for W, b in zip(by_weights, by_biases, strict=True)]


def bounds(call: Example, target: Format) -> list[Floats]:
    """How far rounding may move the gradients, the biases in row 0; each line follows the error through one formula."""
    u = target.unit_roundoff
    (W1, W2), (b1, b2) = ([np.abs(np.asarray(a, np.float64)) for a in part] for part in (call.weights, call.biases))
    x, t = np.asarray(call.x, np.float64), np.asarray(call.t, np.float64)
    h, y, delta = _passed(call)
    off_h = (len(W1) + 2) * u * (x @ W1 + b1) + 8 * u * np.abs(h)
    off_u = off_h @ W2 + (len(W2) + 2) * u * (np.abs(h) @ W2 + b2)
    off_delta = y * (2 * off_u.max(axis=1, keepdims=True) + (y.shape[1] + 8) * u) + 2 * u * (y + t)
    back, slope = np.abs(delta) @ W2.T, 1 - h * h
    off_back = off_delta @ W2.T + (W2.shape[1] + 2) * u * back
    off_below = slope * off_back + back * (2 * np.abs(h) * off_h + 8 * u)
    return [
        _off_mean(x, 0 * x, np.abs(back * slope), off_below, u),
        _off_mean(np.abs(h), off_h, np.abs(delta), off_delta, u),
    ]


def _passed(call: Example) -> tuple[Floats, Floats, Floats]:
    """h, y and y − t in float64."""
    (theta1, theta2), x = call.thetas, np.asarray(call.x, np.float64)
    h = np.tanh(x @ theta1[1:] + theta1[0])
    e = np.exp(h @ theta2[1:] + theta2[0])
    y = e / e.sum(axis=1, keepdims=True)
    return h, y, y - np.asarray(call.t, np.float64)


def _off_mean(h: Floats, off_h: Floats, delta: Floats, off_delta: Floats, u: float) -> Floats:
    """For (48) and its mean over the batch, of sizes h and δ that are off by so much; twice of what is of first order."""
    one = np.ones((len(h), 1))
    h, off_h = np.hstack([one, h]), np.hstack([0 * one, off_h])
    return 2 * (h.T @ off_delta + off_h.T @ delta + (len(h) + 4) * u * (h.T @ delta)) / len(h)
