"""Wider formats and exact numbers."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter
from innocent.making import floating, made

# extended precision


def _logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def spread(c: Any, y: Any) -> Any:
    """Σⱼ yᵢyⱼ(cᵢ − cⱼ), where nothing cancels."""
    return y * np.sum(y[..., None, :] * (c[..., :, None] - c[..., None, :]), axis=-1)


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=-1, keepdims=True)


def _batch_norm(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    d = x - x.mean(axis=0)
    return gamma * d / np.sqrt(np.mean(d * d, axis=0) + epsilon) + beta


LongDouble = made(
    "LongDouble",
    "Textbook formulas in extended precision, rounded once.",
    {
        "logistic": _logistic, "tanh": np.tanh, "softplus": lambda x: np.logaddexp(0, x), "softmax": _softmax,
        "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
        "logistic_loss": lambda y, t: np.logaddexp(0, -t * y), "exponential_loss": lambda y, t: np.exp(-t * y),
        "hinge": lambda y, t: np.maximum(1 - t * y, 0),
        "quantile": lambda y, t, tau: (1 - np.longdouble(tau)) * np.maximum(y - t, 0) + tau * np.maximum(t - y, 0),
        "huber": lambda y, t, delta: np.where(abs(t - y) <= delta, (t - y) ** 2, 2 * delta * (abs(t - y) - np.longdouble(delta) / 2)),
        "epsilon_insensitive": lambda y, t, epsilon: np.maximum(abs(t - y) - epsilon, 0),
        "binary_cross_entropy": lambda y, t: -np.sum(t * np.log(y) + (1 - t) * np.log1p(-y), axis=-1),
        "cross_entropy": lambda y, t: -np.sum(t * np.log(y), axis=-1),
        "logistic_binary_cross_entropy": lambda u, t: np.sum(t * np.logaddexp(0, -u) + (1 - t) * np.logaddexp(0, u), axis=-1),
        "batch_norm": _batch_norm, "l2": lambda weights, lambda_: lambda_ * sum(np.sum(W * W) for W in weights),
        "dense": lambda x, W, b: x @ W + b, "mse": lambda t, y: np.mean((t - y) ** 2), "mae": lambda t, y: np.mean(abs(t - y)),
        "rmse": lambda t, y: np.sqrt(np.mean((t - y) ** 2)), "sum_of_squares": lambda y, t: np.sum((y - t) ** 2, axis=-1) / 2,
    },
    {
        "logistic": lambda x, c: (c * _logistic(x) * _logistic(-x),), "tanh": lambda x, c: (c / np.cosh(x) / np.cosh(x),),
        "softplus": lambda x, c: (c * _logistic(x),), "softmax": lambda x, c: (spread(c, _softmax(x)),),
        "elu": lambda x, c, alpha: (np.where(x > 0, c, c * alpha * np.exp(np.minimum(x, 0))),),
        "logistic_loss": lambda y, t, c: (-c * t * _logistic(-t * y), -c * y * _logistic(-t * y)),
        "exponential_loss": lambda y, t, c: (-c * t * np.exp(-t * y), -c * y * np.exp(-t * y)),
        "sum_of_squares": lambda y, t, c: ((y - t) * c, (t - y) * c),
    },
    kind=np.longdouble,
)  # fmt: skip

# exact numbers


def _exactly(function: Any) -> Any:
    """Element by element on fractions, hyper-parameters too; rounded once."""

    def wrapped(*inputs: Any, **hyper: Any) -> Any:
        exact = {name: Fraction(value) for name, value in hyper.items()}
        shape = np.broadcast_shapes(*(a.shape for a in inputs))
        columns = [np.broadcast_to(a, shape).astype(np.float64).ravel().tolist() for a in inputs]
        results = [_float(function(*map(Fraction, row), **exact)) for row in zip(*columns, strict=True)]
        return np.array(results, np.float64).reshape(shape).astype(floating(inputs[0]))

    return wrapped


def _summed(term: Any, share: bool = False) -> Any:
    """The exact sum of a term over the last axis, or its mean."""

    def total(first: list[float], second: list[float]) -> float:
        exact = sum(term(Fraction(p), Fraction(q)) for p, q in zip(first, second, strict=True))
        return _float(exact / (len(first) if share else 1))

    def wrapped(a: Any, b: Any) -> Any:
        rows = zip(*(v.astype(np.float64).reshape(-1, v.shape[-1]).tolist() for v in (a, b)), strict=True)
        sums = [total(*row) for row in rows]
        return np.array(sums).reshape(a.shape[:-1]).astype(floating(a))

    return wrapped


def _float(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _affine(x: Any, W: Any, b: Any) -> Any:
    x, W, b = (np.vectorize(Fraction, otypes=[object])(a.astype(np.float64)) for a in (x, W, b))
    return x @ W + b


def _finite(function: Any, other: Any) -> Any:
    """The exact function where every number is finite."""

    def chosen(*inputs: Any, **hyper: Any) -> Any:
        finite = all(np.isfinite(a.astype(np.float64)).all() for a in inputs)
        return (function if finite else other)(*inputs, **hyper)

    return chosen


def _rational(name: str, function: Any) -> Any:
    return _finite(function, getattr(ReferenceAdapter, name))


EXACT = {
    "relu": _exactly(lambda x: max(x, 0)), "leaky_relu": _exactly(lambda x, alpha: x if x > 0 else alpha * x),
    "prelu": _exactly(lambda x, a: x if x > 0 else a * x), "hinge": _exactly(lambda y, t: max(1 - t * y, 0)),
    "quantile": _exactly(lambda y, t, tau: (1 - tau) * max(y - t, 0) + tau * max(t - y, 0)),
    "huber": _exactly(lambda y, t, delta: (t - y) ** 2 if abs(t - y) <= delta else 2 * delta * (abs(t - y) - delta / 2)),
    "epsilon_insensitive": _exactly(lambda y, t, epsilon: max(abs(t - y) - epsilon, 0)),
    "mse": _summed(lambda t, y: (t - y) ** 2, share=True), "mae": _summed(lambda t, y: abs(t - y), share=True),
    "sum_of_squares": _summed(lambda y, t: (y - t) ** 2 / 2),
    "dense": lambda x, W, b: np.vectorize(_float, otypes=[float])(_affine(x, W, b)).astype(x.dtype),
    "perceptron": lambda x, W, b: (_affine(x, W, b) > 0).astype(x.dtype),
}  # fmt: skip
ExactNumbers = made(
    "ExactNumbers", "Fractions of whole numbers, correctly rounded.", {name: _rational(name, f) for name, f in EXACT.items()}, kind=None
)
