"""What a network learns by: a loss of section 7 as the mean over a mini-batch, its gradients, the penalty (73), a score of section 6."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqwise.reference import losses, metrics
from eqwise.reference.arithmetic import Array, require
from eqwise.reference.data import Part
from eqwise.reference.layers import Activation
from eqwise.reference.model import Network
from eqwise.reference.regularization import l2, l2_vjp


def _same_class(y: Array, t: Array) -> Any:
    return np.argmax(y, axis=-1) == np.argmax(t, axis=-1)


def _same_side(y: Array, t: Array) -> Any:
    return (y > 0.5) == (t > 0.5)


def _same_sign(y: Array, t: Array) -> Any:
    return (y > 0) == (t > 0)


class Loss(NamedTuple):
    """A loss of section 7: value, gradient, what counts as a hit (None for regression), the targets it takes, its settings."""

    value: Callable[..., Any]
    vjp: Callable[..., Any]
    hit: Callable[[Array, Array], Any] | None = None
    targets: tuple[str, Callable[[Array], Any]] = ("be finite", np.isfinite)
    settings: tuple[tuple[str, float], ...] = ()


_SHARE = ("lie in [0, 1]", lambda t: (t >= 0) & (t <= 1))
_SIGN = ("be -1 or 1", lambda t: np.abs(t) == 1)
LOSSES = {
    "sum_of_squares":       Loss(losses.sum_of_squares, losses.sum_of_squares_vjp),
    "binary_cross_entropy": Loss(losses.binary_cross_entropy, losses.binary_cross_entropy_vjp, _same_side, _SHARE),
    "cross_entropy":        Loss(losses.cross_entropy, losses.cross_entropy_vjp, _same_class, _SHARE),
    "logistic_loss":        Loss(losses.logistic_loss, losses.logistic_loss_vjp, _same_sign, _SIGN),
    "exponential_loss":     Loss(losses.exponential_loss, losses.exponential_loss_vjp, _same_sign, _SIGN),
    "hinge":                Loss(losses.hinge, losses.hinge_vjp, _same_sign, _SIGN),
    "quantile":             Loss(losses.quantile, losses.quantile_vjp, settings=(("tau", 0.5),)),
    "huber":                Loss(losses.huber, losses.huber_vjp, settings=(("delta", 1.0),)),
    "epsilon_insensitive":  Loss(losses.epsilon_insensitive, losses.epsilon_insensitive_vjp, settings=(("epsilon", 0.1),)),
}  # fmt: skip
PAIRS = {  # the outputs of s9-output-deltas, with their loss as a function of the output's argument u
    ("identity", "sum_of_squares"): losses.sum_of_squares,
    ("logistic", "binary_cross_entropy"): losses.logistic_binary_cross_entropy,
    ("softmax", "cross_entropy"): losses.softmax_cross_entropy,
}


class Objective:
    """The loss of a mini-batch: the mean over its samples of the sum over the outputs."""

    def __init__(self, loss: str, output: Activation, **settings: float) -> None:
        require(loss in LOSSES, "loss", loss, f"be one of {', '.join(LOSSES)}")
        self.rule, self.output = LOSSES[loss], output
        self.pair = PAIRS.get((output.name, loss))
        known = dict(self.rule.settings)
        for name in settings:
            require(name in known, "setting", name, f"be one that {loss} has: {', '.join(known) or 'none'}")
        self.settings = known | settings
        self.score_name = "accuracy" if self.rule.hit else "RMSE"

    def value(self, u: Array, t: Array) -> float:
        """The mean loss, from u where that keeps digits."""
        each = self.pair(u, t) if self.pair else self.rule.value(self.output.forward(u, False), t, **self.settings)
        return float(np.sum(each, dtype=np.float64)) / len(u)

    def delta(self, u: Array, t: Array) -> Array:
        """The gradient by u: (56) for the three pairs, with (Σt)y − t for softmax."""
        y = self.output.forward(u, not self.pair)
        if self.pair:
            return ((y * t.sum(axis=-1, keepdims=True) if self.output.name == "softmax" else y) - t) / len(u)
        each = np.full_like(self.rule.value(y, t, **self.settings), 1 / len(u))
        return self.output.backward(self.rule.vjp(y, t, each, **self.settings)[0])

    def score(self, u: Array, t: Array) -> float:
        """The accuracy (19) of a classification, the root mean squared error (24) of a regression."""
        y = self.output.forward(u, False)
        if self.rule.hit:
            return float(np.mean(self.rule.hit(y, t)))
        return float(metrics.rmse(t.ravel(), y.ravel()))


def penalized(loss: float, network: Network, lambda_: float) -> float:
    """(73): the loss with λ times the sum of the squares of all weights."""
    return loss + float(l2(network.weights, lambda_=lambda_))


def gradients(network: Network, objective: Objective, batch: Part, lambda_: float = 0.0) -> list[Array]:
    """By every parameter, of the batch's mean loss with the penalty: forward, the output's δ, δ backwards."""
    network.backward(objective.delta(network.forward(batch.inputs, True), batch.targets))
    if not lambda_:
        return network.gradients
    (by_weights,) = l2_vjp(network.weights, np.ones((), network.weights[0].dtype), lambda_=lambda_)
    more = iter(by_weights)
    return [g + next(more) if flag else g for g, flag in zip(network.gradients, network.is_weight, strict=True)]
