"""One number at a time: lists, loops and the math module."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from innocent.making import made


def _one_by_one(function: Any) -> Any:
    def loop(*inputs: Any, **hyper: Any) -> Any:
        shape = np.broadcast_shapes(*(a.shape for a in inputs))
        columns = [np.broadcast_to(a, shape).ravel().tolist() for a in inputs]
        return np.array([function(*row, **hyper) for row in zip(*columns, strict=True)], np.float64).reshape(shape)

    return loop


def _exponential(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _sigma(v: float) -> float:
    e = math.exp(-abs(v))
    return (1 if v >= 0 else e) / (1 + e)


def _over_rows(function: Any) -> Any:
    """A loop over the vectors of the last axis."""

    def loop(*inputs: Any, **hyper: Any) -> Any:
        rows = [a.reshape(-1, a.shape[-1]).tolist() for a in inputs]
        found = [function(*row, **hyper) for row in zip(*rows, strict=True)]
        return np.array(found, np.float64).reshape((*inputs[0].shape[:-1], *np.shape(found[0] if found else 0.0)))

    return loop


def _softmax_of_list(x: list[float]) -> list[float]:
    e = [math.exp(v - max(x)) for v in x]
    return [v / math.fsum(e) for v in e]


PurePython = made(
    "PurePython",
    "Lists, loops and the math module, one number at a time.",
    {
        "step": _one_by_one(lambda v: 1.0 if v > 0 else 0.0), "logistic": _one_by_one(_sigma), "tanh": _one_by_one(math.tanh),
        "softplus": _one_by_one(lambda v: max(v, 0) + math.log1p(math.exp(-abs(v)))), "relu": _one_by_one(lambda v: v if v > 0 else 0.0),
        "leaky_relu": _one_by_one(lambda v, alpha: v if v > 0 else alpha * v), "prelu": _one_by_one(lambda v, a: v if v > 0 else a * v),
        "elu": _one_by_one(lambda v, alpha: v if v > 0 else alpha * math.expm1(v)), "identity": _one_by_one(float),
        "softmax": _over_rows(_softmax_of_list), "exponential_loss": _one_by_one(lambda y, t: _exponential(-t * y)),
        "hinge": _one_by_one(lambda y, t: max(1 - t * y, 0.0)),
        "quantile": _one_by_one(lambda y, t, tau: (y - t) * (1 - tau) if y > t else (t - y) * tau),
        "epsilon_insensitive": _one_by_one(lambda y, t, epsilon: max(abs(t - y) - epsilon, 0.0)),
        "mae": _over_rows(lambda t, y: math.fsum(abs(p - q) / len(t) for p, q in zip(t, y, strict=True))),
        "rmse": _over_rows(lambda t, y: math.dist(t, y) / math.sqrt(len(t))),
        "cross_entropy": _over_rows(lambda y, t: -math.fsum(q * math.log(p) for p, q in zip(y, t, strict=True))),
    },
    {
        "logistic": lambda x, c: (_one_by_one(lambda v, d: d * _sigma(v) * _sigma(-v))(x, c),),
        "relu": lambda x, c: (_one_by_one(lambda v, d: d if v > 0 else 0.0)(x, c),),
        "elu": lambda x, c, alpha: (_one_by_one(lambda v, d: d if v > 0 else d * alpha * math.exp(v))(x, c),),
        "quantile": lambda y, t, c, tau: (g := _one_by_one(lambda p, q, d: d * (p != q) * ((p > q) - tau))(y, t, c), -g),
    },
)  # fmt: skip
