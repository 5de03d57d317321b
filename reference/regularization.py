"""Sections 12.1 and 12.2 of the notes: the L2 penalty (73) and dropout."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eqwise.reference import pairs
from eqwise.reference.arithmetic import Seed, in_float64, product, require, times_power

# the L2 penalty, 12.1


@in_float64
def l2(weights: Sequence[Any], lambda_: float) -> Any:
    """The penalty of (73): λ Σ w² over all weight matrices."""
    unit, k = pairs.unit(np.concatenate([W.ravel() for W in weights]))
    total, lost = pairs.dot(unit, unit)
    return times_power(lambda_, total + lost, 2 * k[0])


@in_float64
def l2_vjp(weights: Sequence[Any], cotangent: Any, lambda_: float) -> Any:
    """2cλW by every weight matrix."""
    return ([product(2.0, lambda_, cotangent, W) for W in weights],)


# dropout, 12.2: at inference by the share that is kept, which the notes' purpose needs; they print the share that is dropped


@in_float64
def dropout(x: Any, p: float, seed: Seed, training: bool) -> Any:
    """In training each element is 0 with probability p, otherwise x; at inference (1 − p)x. 0 ≤ p ≤ 1.

    The mask follows from the seed and the shape; a generator as a seed goes on, and draws a fresh one.
    """
    require(0 <= p <= 1, "p", p, "lie in [0, 1]")
    return np.where(_kept(x.shape, p, seed), x, 0.0) if training else (1 - p) * x


@in_float64
def dropout_vjp(x: Any, cotangent: Any, p: float, seed: Seed, training: bool) -> Any:
    """The cotangent under the mask of this seed in training, (1 − p) of it at inference."""
    return (dropout(cotangent, p=p, seed=seed, training=training),)


def _kept(shape: tuple[int, ...], p: float, seed: Seed) -> Any:
    return np.random.default_rng(seed).random(shape) >= p


class DropoutLayer:
    """Dropout with a fresh mask in each training pass; inference leaves no trace."""

    def __init__(self, p: float, seed: Seed) -> None:
        require(0 <= p <= 1, "p", p, "lie in [0, 1]")
        self.p, self._rng = p, np.random.default_rng(seed)

    def train(self, x: Any) -> Any:
        """Each element 0 with probability p, otherwise as it is."""
        return dropout(x, p=self.p, seed=self._rng, training=True)

    def infer(self, x: Any) -> Any:
        """(1 − p)x."""
        return dropout(x, p=self.p, seed=self._rng, training=False)


def dropout_layer(p: float, seed: Seed) -> DropoutLayer:
    """A layer that drops with probability p; the same seed gives the same masks in the same order."""
    return DropoutLayer(p, seed)
