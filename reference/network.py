"""Section 3 of the notes: affine maps and networks of any depth, (7) and (8)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eqwise.reference.arithmetic import in_float64


def affine(x: Any, W: Any, b: Any) -> Any:
    """x @ W + b in float64, after checking the shapes (…, n_in), (n_in, n_out), (n_out,)."""
    if W.ndim != 2 or x.ndim < 1 or x.shape[-1] != W.shape[0] or b.shape != W.shape[1:]:
        raise ValueError(f"shapes {x.shape}, {W.shape}, {b.shape} are not (…, n_in), (n_in, n_out), (n_out,)")
    return x @ W + b


@in_float64
def dense(x: Any, W: Any, b: Any) -> Any:
    """The argument of f in (7): x (…, n_in), W (n_in, n_out), b (n_out,) to (…, n_out)."""
    return affine(x, W, b)


@in_float64
def dense_vjp(x: Any, W: Any, b: Any, cotangent: Any) -> Any:
    """By x, W and b."""
    return affine_vjp(x, W, cotangent)


def affine_vjp(x: Any, W: Any, cotangent: Any) -> Any:
    """The gradients of an affine map in float64, summed over the batch for W and b."""
    rows, c = x.reshape(-1, x.shape[-1]), cotangent.reshape(-1, cotangent.shape[-1])
    return cotangent @ W.T, rows.T @ c, c.sum(axis=0)


@in_float64
def network(x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
    """(7) for every layer but the last with `activation`, then (8) with `output`.

    x is (batch, n_0), weight l has the shape (n_l-1, n_l), bias l (n_l,). Raises `ValueError` for unknown activations.
    """
    for W, b, (f, _) in zip(weights, biases, _activations(len(weights), activation, output), strict=True):
        x = f(affine(x, W, b))
    return x


@in_float64
def network_vjp(x: Any, weights: Sequence[Any], biases: Sequence[Any], cotangent: Any, activation: str, output: str) -> Any:
    """By x, by every weight matrix and by every bias."""
    chosen, inputs, arguments = _activations(len(weights), activation, output), [], []
    for W, b, (f, _) in zip(weights, biases, chosen, strict=True):
        inputs.append(x)
        arguments.append(affine(x, W, b))
        x = f(arguments[-1])
    by_W: list[Any] = []
    by_b: list[Any] = []
    for W, h, u, (_, pull) in zip(weights[::-1], inputs[::-1], arguments[::-1], chosen[::-1], strict=True):
        (delta,) = pull(u, np.asarray(cotangent))
        cotangent, gW, gb = affine_vjp(h, W, delta)
        by_W.insert(0, gW)
        by_b.insert(0, gb)
    return cotangent, by_W, by_b


def _activations(depth: int, activation: str, output: str) -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
    from eqwise.reference.activations import ACTIVATIONS  # it needs affine maps for the perceptron

    for name in (activation, output):
        if name not in ACTIVATIONS:
            raise ValueError(f"activation {name!r} is none of {', '.join(ACTIVATIONS)}")
    return [ACTIVATIONS[activation]] * (depth - 1) + [ACTIVATIONS[output]]
