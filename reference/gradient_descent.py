"""Section 8 of the notes: numerical differentiation (39)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from eqwise.reference.arithmetic import Array, in_float64, require


def numerical_gradient(function: Callable[[Array], float], theta: Any, epsilon: float) -> Array:
    """(39) for every component of theta, an array of any shape: two evaluations each, on new float64 arrays of that shape.

    The result has the dtype of theta. Raises `ValueError` unless epsilon > 0.
    """
    require(epsilon > 0, "epsilon", epsilon, "be positive")
    return _differences(theta, function=function, epsilon=epsilon)  # type: ignore[no-any-return]


@in_float64
def _differences(theta: Any, function: Callable[[Array], float], epsilon: float) -> Any:
    found = np.empty(theta.shape)
    for index in np.ndindex(theta.shape):
        found[index] = (float(function(_moved(theta, index, epsilon))) - float(function(_moved(theta, index, -epsilon)))) / (2 * epsilon)
    return found


def _moved(theta: Array, index: tuple[int, ...], by: float) -> Array:
    """A copy of theta with one component moved."""
    copy = np.array(theta)
    copy[index] += by
    return copy
