"""Section 3 of the notes: affine maps and networks of any depth, (7) and (8)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
    f, _ = _activation(output)
    return f(traced(x, weights, biases, activation).u[-1])


@in_float64
def network_vjp(x: Any, weights: Sequence[Any], biases: Sequence[Any], cotangent: Any, activation: str, output: str) -> Any:
    """By x, by every weight matrix and by every bias."""
    trace, (_, pull) = traced(x, weights, biases, activation), _activation(output)
    (delta,) = pull(trace.u[-1], cotangent)
    return pulled_back(trace, weights, delta)


@dataclass(frozen=True)
class Trace:
    """What a forward pass leaves for the way back: the h that every layer multiplies, its u, and the gradient of f."""

    h: list[Any]
    u: list[Any]
    pull: Callable[..., Any]


def traced(x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str) -> Trace:
    """The forward pass in float64, up to the argument of the output's activation."""
    f, pull = _activation(activation)
    h, u = [x], [affine(x, weights[0], biases[0])]
    for W, b in zip(weights[1:], biases[1:], strict=True):
        h.append(f(u[-1]))
        u.append(affine(h[-1], W, b))
    return Trace(h, u, pull)


def pulled_back(trace: Trace, weights: Sequence[Any], delta: Any) -> tuple[Any, list[Any], list[Any]]:
    """From the gradient by the output's argument to those by x, by every weight matrix and by every bias, summed over the batch."""
    by_h, gW, gb = affine_vjp(trace.h[-1], weights[-1], delta)
    by_W, by_b = [gW], [gb]
    for h, u, W in zip(trace.h[-2::-1], trace.u[-2::-1], weights[-2::-1], strict=True):
        (delta,) = trace.pull(u, by_h)
        by_h, gW, gb = affine_vjp(h, W, delta)
        by_W.insert(0, gW)
        by_b.insert(0, gb)
    return by_h, by_W, by_b


def _activation(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    from eqwise.reference.activations import ACTIVATIONS  # it needs affine maps for the perceptron

    if name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r} is none of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
