"""Section 12 of the notes: the L2 penalty (73), dropout, and batch normalization (74) to (77)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eqwise.reference.arithmetic import in_float64, summed

# the L2 penalty, 12.1


@in_float64
def l2(weights: Sequence[Any], lambda_: float) -> Any:
    """The penalty of (73): λ Σ w² over all weight matrices."""
    return lambda_ * summed(*(np.square(W).ravel() for W in weights))


@in_float64
def l2_vjp(weights: Sequence[Any], cotangent: Any, lambda_: float) -> Any:
    """2cλW by every weight matrix."""
    return ([2 * lambda_ * cotangent * W for W in weights],)


# dropout, 12.2


# batch normalization, 12.3
