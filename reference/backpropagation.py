"""Section 9 of the notes: the gradients of a network, (40) to (56)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eqwise.reference.activations import ACTIVATIONS
from eqwise.reference.arithmetic import in_float64
from eqwise.reference.losses import (
    binary_cross_entropy_vjp,
    cross_entropy_vjp,
    logistic_binary_cross_entropy_vjp,
    softmax_cross_entropy_vjp,
    sum_of_squares_vjp,
)
from eqwise.reference.network import pulled_back, traced

LOSSES: dict[str, Callable[..., Any]] = {
    "sum_of_squares": sum_of_squares_vjp,
    "binary_cross_entropy": binary_cross_entropy_vjp,
    "cross_entropy": cross_entropy_vjp,
}
AT_ONCE: dict[tuple[str, str], Callable[..., Any]] = {  # the pairs of (56): a loss of the output's argument
    ("logistic", "binary_cross_entropy"): logistic_binary_cross_entropy_vjp,
    ("softmax", "cross_entropy"): softmax_cross_entropy_vjp,
}


@in_float64
def network_gradients(
    x: Any, t: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str, loss: str
) -> tuple[list[Any], list[Any]]:
    """The gradients of the mean loss over the batch, by every weight matrix and by every bias.

    x is (batch, n_0), t (batch, n_L), weight l has the shape (n_l-1, n_l), bias l (n_l,). Any of the activations goes
    with any of `LOSSES`. Raises `ValueError` for other names and shapes, and for an empty batch.
    """
    trace = traced(x, weights, biases, activation)
    if t.shape != trace.u[-1].shape or not len(x):
        raise ValueError(f"targets of shape {t.shape} do not belong to outputs of shape {trace.u[-1].shape}, of at least one sample")
    _, by_weights, by_biases = pulled_back(trace, weights, output_delta(trace.u[-1], t, output, loss))
    return [g / len(x) for g in by_weights], [g / len(x) for g in by_biases]


def output_delta(u: Any, t: Any, output: str, loss: str) -> Any:
    """The gradient of each sample's loss by the argument of the output's activation, in float64: (56) for its three pairs."""
    if loss not in LOSSES or output not in ACTIVATIONS:
        raise ValueError(f"{loss!r} of {output!r}: losses are {', '.join(LOSSES)}, activations {', '.join(ACTIVATIONS)}")
    ones = np.ones(len(u))
    if (output, loss) in AT_ONCE:
        return AT_ONCE[output, loss](u, t, ones)[0]
    f, pull = ACTIVATIONS[output]
    by_y, _ = LOSSES[loss](f(u), t, ones)
    return pull(u, by_y)[0]
