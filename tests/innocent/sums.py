"""The same sums in other orders: every operation that adds up, by one function that sums over an axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from innocent.making import made
from wrong.methods import RULES

Sum = Callable[..., Any]  # of an array, over its last axis


def _last_to_first(terms: Any) -> Any:
    return np.cumsum(terms[..., ::-1], axis=-1)[..., -1] if terms.shape[-1] else np.zeros(terms.shape[:-1])


def _halves(terms: Any) -> Any:
    n = terms.shape[-1]
    return terms.sum(axis=-1) if n < 2 else _halves(terms[..., : n // 2]) + _halves(terms[..., n // 2 :])


def _small_ones_first(terms: Any) -> Any:
    order = np.argsort(np.abs(terms), axis=-1)
    return _last_to_first(np.take_along_axis(terms, order, axis=-1)[..., ::-1])


def _compensated(terms: Any) -> Any:
    """Kahan's sum as Neumaier mended it."""
    total, lost = np.zeros(terms.shape[:-1]), np.zeros(terms.shape[:-1])
    for term in np.moveaxis(terms, -1, 0):
        new = total + term
        lost = lost + np.where(np.abs(total) >= np.abs(term), (total - new) + term, (term - new) + total)
        total = new
    return np.where(np.isfinite(lost), total + lost, total)


def _blocks(terms: Any) -> Any:
    """Four accumulators that are added up at the end, as vector units do."""
    return sum(np.ascontiguousarray(terms[..., k::4]).sum(axis=-1) for k in range(4))


def _exact(terms: Any) -> Any:
    rows = terms.reshape(-1, terms.shape[-1])
    return np.array([_fsum(row) for row in rows.tolist()], np.float64).reshape(terms.shape[:-1])


def _fsum(row: list[float]) -> float:
    try:
        return math.fsum(row)
    except (OverflowError, ValueError):  # sums that leave the range, or infinities of both signs
        return float(np.sum(row))


def _affine(total: Sum) -> Callable[..., Any]:
    def affine(x: Any, W: Any, b: Any) -> Any:
        terms = np.concatenate([x[..., None, :] * W.T, np.broadcast_to(b[:, None], (*x.shape[:-1], *b.shape, 1))], axis=-1)
        return total(terms)

    return affine


def _affine_gradients(total: Sum) -> Callable[..., Any]:
    def gradients(x: Any, W: Any, b: Any, c: Any) -> Any:
        rows, cs = x.reshape(-1, x.shape[-1]), c.reshape(-1, c.shape[-1])
        return total(c[..., None, :] * W), total(rows.T[:, None, :] * cs.T[None, :, :]), total(cs.T)

    return gradients


def _network(total: Sum) -> Callable[..., Any]:
    def network(x: Any, weights: Any, biases: Any, activation: str, output: str) -> Any:
        for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
            x = RULES[output if k == len(weights) - 1 else activation][0](_affine(total)(x, W, b))
        return x

    return network


def _normalized(total: Sum) -> Callable[..., Any]:
    def batch_norm(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        d = x - total(x.T) / len(x)
        d = d - total(d.T) / len(x)  # what the rounded mean has left over
        return gamma * d / np.sqrt(total((d * d).T) / len(x) + epsilon) + beta

    return batch_norm


def _adding(name: str, text: str, total: Sum, kind: Any = np.float64) -> type:
    """An adapter whose sums are all taken so."""

    def shares(x: Any) -> Any:
        e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
        return e / total(e)[..., None]

    return made(
        name,
        text,
        {
            "perceptron": lambda x, W, b: (_affine(total)(x, W, b) > 0) * 1.0, "dense": _affine(total), "network": _network(total),
            "softmax": shares, "mse": lambda t, y: total((t - y) ** 2 / t.shape[-1]),
            "rmse": lambda t, y: np.sqrt(total((t - y) ** 2) / t.shape[-1]), "mae": lambda t, y: total(np.abs(t - y) / t.shape[-1]),
            "sum_of_squares": lambda y, t: total((y - t) ** 2 / 2), "cross_entropy": lambda y, t: -total(t * np.log(y)),
            "binary_cross_entropy": lambda y, t: -total(np.concatenate([t * np.log(y), (1 - t) * np.log1p(-y)], axis=-1)),
            "l2": lambda weights, lambda_: lambda_ * total(np.concatenate([W.ravel() ** 2 for W in weights])),
            "batch_norm": _normalized(total),
        },
        {"dense": _affine_gradients(total)},
        kind=kind,
    )  # fmt: skip


SumsReversed = _adding("SumsReversed", "Sums from the last term to the first.", _last_to_first)
SumsInHalves = _adding("SumsInHalves", "Pairwise sums.", _halves)
SumsSorted = _adding("SumsSorted", "Sums from the smallest term to the largest.", _small_ones_first)
SumsCompensated = _adding("SumsCompensated", "Sums after Kahan and Neumaier, with what was lost.", _compensated)
SumsInBlocks = _adding("SumsInBlocks", "Four accumulators side by side.", _blocks)
SumsExact = _adding("SumsExact", "Exact sums of rounded products.", _exact)
Fused = _adding("Fused", "Products and sums in extended precision, rounded once, as by fused multiply-add.", _last_to_first, np.longdouble)
