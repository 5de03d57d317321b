"""Textbook forms and narrower ones: other identities, gradients from outputs, another dtype inside."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter
from innocent.arrays import flushed
from innocent.making import Otherwise, made


def _softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True, initial=-np.inf))
    return e * (1 / np.cumsum(e[..., ::-1], axis=-1)[..., -1:])


def _huber(y: Any, t: Any, delta: float) -> Any:
    inner = np.minimum(np.abs(t - y), delta)
    return inner * inner + 2 * delta * (np.abs(t - y) - inner)


OtherForms = made(
    "OtherForms",
    "Textbook forms that round otherwise: logarithms of sums of exponentials, reciprocals, one formula for both branches.",
    {
        "logistic": lambda x: np.exp(-np.logaddexp(0.0, -x)), "softplus": lambda x: np.logaddexp(0.0, x), "softmax": _softmax,
        "dense": lambda x, W, b: b + sum(x[..., k, None] * W[k] for k in reversed(range(len(W)))),
        "sum_of_squares": lambda y, t: math.fsum((y - t) ** 2 / 2), "cross_entropy": lambda y, t: -np.add.reduce((t * np.log(y))[::-1]),
        "logistic_loss": lambda y, t: np.logaddexp(0.0, -t * y), "huber": _huber,
        "quantile": lambda y, t, tau: np.maximum(tau * (t - y), (tau - 1) * (t - y)),
    },
)  # fmt: skip


def _kept_logistic(x: Any, c: Any) -> Any:
    y = ReferenceAdapter.logistic(x)
    return (c * (y * (y.dtype.type(1) - y)),)


def _kept_tanh(x: Any, c: Any) -> Any:
    y = ReferenceAdapter.tanh(x)
    return (c * (y.dtype.type(1) - y * y),)


def _kept_softmax(x: Any, c: Any) -> Any:
    y = ReferenceAdapter.softmax(x)
    return (y * (c - np.sum(c * y, axis=-1, keepdims=True)),)


def _flushed_logistic(x: Any, c: Any) -> Any:
    y = flushed(ReferenceAdapter.logistic(flushed(x)))
    return (flushed(c * (y * (y.dtype.type(1) - y))),)


def _flushed_softmax(x: Any, c: Any) -> Any:
    y = flushed(ReferenceAdapter.softmax(flushed(x)))
    return (flushed(y * (c - flushed(np.sum(flushed(c * y), axis=-1, keepdims=True)))),)


class FlushesKeptOutputs(Otherwise):
    """Gradients from the output, which is zero where it would be subnormal."""

    gradients: ClassVar = {"logistic": _flushed_logistic, "softmax": _flushed_softmax}


class KeepsOutputs(Otherwise):
    """Gradients from the rounded output alone: y(1 − y) and 1 − y²."""

    gradients: ClassVar = {"logistic": _kept_logistic, "tanh": _kept_tanh, "softmax": _kept_softmax, "network": None}

    def vjp(self, operation: str, inputs: Any, cotangent: Any, **hyper: Any) -> Any:
        with np.errstate(all="ignore"):
            if operation == "network":
                return self._network(*inputs, cotangent, **hyper)
            return super().vjp(operation, inputs, cotangent, **hyper)

    def _network(self, x: Any, weights: Any, biases: Any, cotangent: Any, activation: str, output: str) -> Any:
        names = [activation] * (len(weights) - 1) + [output]
        outputs, gW, gb = [x], [], []
        for name, W, b in zip(names, weights, biases, strict=True):
            outputs.append(getattr(self, name)(self.dense(outputs[-1], W, b)))
        for k, name in reversed(list(enumerate(names))):
            u, y = self.dense(outputs[k], weights[k], biases[k]), outputs[k + 1]
            if name in ("logistic", "tanh"):
                delta = cotangent * (y * (1 - y) if name == "logistic" else 1 - y * y)
            else:
                (delta,) = ReferenceAdapter().vjp(name, (u,), cotangent)
            cotangent, W, b = ReferenceAdapter().vjp("dense", (outputs[k], weights[k], biases[k]), delta.astype(x.dtype))
            gW.insert(0, W)
            gb.insert(0, b)
        return cotangent, gW, gb


def _logistic(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, np.ones_like(e), e) / (1 + e)


_IN_ONE_DTYPE = {
    "logistic": _logistic, "tanh": np.tanh, "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), "softmax": _softmax,
    "exponential_loss": lambda y, t: np.exp(-t * y), "dense": lambda x, W, b: x @ W + b,
    "sum_of_squares": lambda y, t: np.sum((y - t) ** 2, axis=-1) / 2, "mae": lambda t, y: np.mean(np.abs(t - y), axis=-1),
    "cross_entropy": lambda y, t: -np.sum(t * np.log(y), axis=-1),
}  # fmt: skip
SingleForHalves = made(
    "SingleForHalves", "Halves computed in float32 and rounded once.", _IN_ONE_DTYPE, kind=np.float32, dtypes=("float16", "bfloat16")
)


def _quietly(function: Any) -> Any:
    def quiet(*inputs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*inputs)

    return quiet


InItsDtype = made(
    "InItsDtype",
    "Stable forms in the dtype of the input, without a wider one.",
    {name: _quietly(function) for name, function in _IN_ONE_DTYPE.items()},
    kind=None,
    dtypes=("float64", "float32"),
)
