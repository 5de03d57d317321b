"""Section 2 of the notes: the step (2) and the perceptron (1), (4), (5)."""

from typing import Any

import numpy as np

from eqwise.reference.arithmetic import in_float64
from eqwise.reference.network import affine


@in_float64
def step(x: Any) -> Any:
    """(2), (9): 1 where x > 0, otherwise 0; any shape. nan stays nan."""
    return np.where(np.isnan(x), x, np.where(x > 0, 1.0, 0.0))


@in_float64
def step_vjp(x: Any, cotangent: Any) -> Any:
    """The derivative is 0 wherever there is one."""
    return (np.zeros_like(x),)


@in_float64
def perceptron(x: Any, W: Any, b: Any) -> Any:
    """(1) for x (…, n_in), W (n_in, n_out) and b (n_out,): one perceptron for each column of W."""
    return np.where(affine(x, W, b) > 0, 1.0, 0.0)


@in_float64
def perceptron_vjp(x: Any, W: Any, b: Any, cotangent: Any) -> Any:
    """Nothing passes a step."""
    return np.zeros_like(x), np.zeros_like(W), np.zeros_like(b)
