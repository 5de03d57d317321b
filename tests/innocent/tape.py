"""Gradients by a reverse tape over arrays: values as they are computed, then every derivative from the last to the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from innocent.making import made


class Node:
    """An array that remembers what it was computed from, and how its gradient is passed on to each of those."""

    def __init__(self, value: Any, *parents: tuple[Node, Callable[[Any], Any]]) -> None:
        self.value, self.parents, self.gradient = np.asarray(value), parents, np.zeros(np.shape(value))

    def __add__(self, other: Any) -> Node:
        other = node(other)
        return Node(self.value + other.value, (self, lambda c: _like(c, self)), (other, lambda c: _like(c, other)))

    def __mul__(self, other: Any) -> Node:
        other = node(other)
        value = self.value * other.value
        return Node(value, (self, lambda c: _like(c * other.value, self)), (other, lambda c: _like(c * self.value, other)))

    def __truediv__(self, other: Node) -> Node:
        value = self.value / other.value
        return Node(value, (self, lambda c: _like(c / other.value, self)), (other, lambda c: _like(-(c / other.value) * value, other)))

    def __matmul__(self, other: Node) -> Node:
        return Node(self.value @ other.value, (self, lambda c: c @ other.value.T), (other, lambda c: self.value.T @ c))

    def __neg__(self) -> Node: return self * -1.0
    def __sub__(self, other: Any) -> Node: return self + -node(other)
    def __rsub__(self, other: Any) -> Node: return node(other) - self

    __radd__, __rmul__ = __add__, __mul__


def node(item: Any) -> Node:
    """A constant, where it is no node already."""
    return item if isinstance(item, Node) else Node(item)


def _like(c: Any, parent: Node) -> Any:
    """Summed over what was broadcast."""
    shape = parent.value.shape
    c = c.sum(axis=tuple(range(np.ndim(c) - len(shape))))
    return c.sum(axis=tuple(k for k, n in enumerate(shape) if n == 1 and c.shape[k] != 1), keepdims=True)


def _unary(function: Callable[[Any], Any], slope: Callable[[Any, Any], Any]) -> Callable[[Node], Node]:
    def applied(x: Node) -> Node:
        y = function(x.value)
        return Node(y, (x, lambda c: c * slope(x.value, y)))

    return applied


exp = _unary(np.exp, lambda x, y: y)
log1p = _unary(np.log1p, lambda x, y: 1 / (1 + x))
tanh = _unary(np.tanh, lambda x, y: 1 / np.cosh(x) ** 2)
expm1 = _unary(np.expm1, lambda x, y: np.exp(x))
size = _unary(np.abs, lambda x, y: np.sign(x))  # at a kink the mean of both slopes, so that kinks which cancel leave nothing
positive = _unary(lambda x: np.maximum(x, 0), lambda x, y: (np.sign(x) + 1) / 2)
negative = _unary(lambda x: np.minimum(x, 0), lambda x, y: (1 - np.sign(x)) / 2)
square = _unary(np.square, lambda x, y: 2 * x)


def over_last(x: Node) -> Node:
    """Σ over the last axis."""
    return Node(x.value.sum(axis=-1), (x, lambda c: np.broadcast_to(c[..., None], x.value.shape)))


def pulled(output: Node, cotangent: Any, inputs: list[Node]) -> tuple[Any, ...]:
    """The gradients of Σ cotangent·output by the inputs."""
    order: list[Node] = []
    seen: set[int] = set()

    def visit(at: Node) -> None:
        if id(at) not in seen:
            seen.add(id(at))
            for parent, _ in at.parents:
                visit(parent)
            order.append(at)

    visit(output)
    output.gradient = np.asarray(cotangent, np.float64)
    for at in reversed(order):
        for parent, back in at.parents:
            parent.gradient = parent.gradient + back(at.gradient)
    return tuple(leaf.gradient for leaf in inputs)


def _taped(function: Callable[..., Node]) -> Callable[..., Any]:
    def gradients(*inputs: Any, **hyper: Any) -> Any:
        *given, c = inputs
        leaves = [Node(a) for a in given]
        return pulled(function(*leaves, **hyper), c, leaves)

    return gradients


def logistic(x: Node) -> Node:
    return exp(negative(x)) / (1 + exp(-size(x)))


def softplus(x: Node) -> Node:
    return positive(x) + log1p(exp(-size(x)))


def _huber(y: Node, t: Node, delta: float) -> Node:
    """min(d, δ)² + 2δ·max(d − δ, 0) for d = |t − y|."""
    d = size(t - y)
    inner = _unary(lambda x: np.minimum(x, delta), lambda x, y: (1 + np.sign(delta - x)) / 2)
    return square(inner(d)) + 2 * delta * positive(d - delta)


def _log_sum_exp(u: Node) -> Node:
    largest = u.value.max(axis=-1, keepdims=True)
    total = over_last(exp(u - largest))
    return Node(np.log(total.value) + largest[..., 0], (total, lambda c: c / total.value))


HIDDEN = {"logistic": logistic, "softplus": softplus, "relu": positive, "tanh": tanh, "identity": lambda x: x}
AT_ONCE = {  # the loss of the output's argument, for the three pairs of (56)
    "sum_of_squares": lambda u, t: over_last(square(u - t)) * 0.5,
    "binary_cross_entropy": lambda u, t: over_last(softplus(u) - u * t),
    "cross_entropy": lambda u, t: _log_sum_exp(u) * t.sum(axis=-1) - over_last(u * t),
}


def _network_gradients(x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str) -> Any:
    Ws, bs = [Node(W) for W in weights], [Node(b) for b in biases]
    step = activation == "step"
    u = Node(x) @ Ws[0] + bs[0]
    for W, b in zip(Ws[1:], bs[1:], strict=True):
        u = (Node((u.value > 0) * 1.0) if step else HIDDEN[activation](u)) @ W + b
    pulled(AT_ONCE[loss](u, t), np.full(len(x), 1 / len(x)), [])
    return [W.gradient for W in Ws], [b.gradient for b in bs]


Tape = made(
    "Tape",
    "Gradients by a reverse tape, those of networks too.",
    {"network_gradients": _network_gradients},
    {
        "logistic": _taped(logistic), "softplus": _taped(softplus), "relu": _taped(positive), "tanh": _taped(tanh),
        "leaky_relu": _taped(lambda x, alpha: positive(x) + alpha * negative(x)),
        "elu": _taped(lambda x, alpha: positive(x) + alpha * expm1(negative(x))),
        "dense": lambda x, W, b, c: (c @ W.T, *pulled(Node(x.reshape(-1, x.shape[-1])) @ (V := Node(W)) + (a := Node(b)),
                                                     c.reshape(-1, c.shape[-1]), [V, a])),
        "hinge": _taped(lambda y, t: positive(1 - t * y)), "logistic_loss": _taped(lambda y, t: softplus(-(t * y))),
        "exponential_loss": _taped(lambda y, t: exp(-(t * y))), "huber": _taped(_huber),
        "quantile": _taped(lambda y, t, tau: (1 - tau) * positive(y - t) + tau * positive(t - y)),
        "epsilon_insensitive": _taped(lambda y, t, epsilon: positive(size(t - y) - epsilon)),
        "sum_of_squares": _taped(lambda y, t: over_last(square(y - t)) * 0.5),
        "mse": _taped(lambda t, y: over_last(square(t - y)) * (1 / t.value.shape[-1])),
        "logistic_binary_cross_entropy": _taped(lambda u, t: over_last(softplus(u) - u * t)),
    },
)  # fmt: skip
