"""Section 3 of the notes: neural networks, equations (6) to (8)."""

from collections.abc import Callable, Sequence
from typing import Any

from eqwise.spec.document import equation, statement
from eqwise.spec.numbers.expression import Array, exp

Activation = Callable[[Any], Any]


@equation(6, tex=r"\sigma(x) = \frac{1}{1 + e^{-x}}")
def sigma(x: Any) -> Any:
    """Logistic function."""
    return 1 / (1 + exp(-x))


@equation(7, tex=r"\mathbf{h} = f(\mathbf{W}^{(1)\top} \mathbf{x} + \mathbf{b}_1)")
def hidden_layer(x: Array, W_1: Array, b_1: Array, f: Activation) -> Array:
    """Hidden layer of a one-hidden-layer network. x has n_in elements, W_1 the shape (n_in, n_hidden)."""
    return f(W_1.T @ x + b_1)  # type: ignore[no-any-return]


@equation(8, tex=r"\mathbf{y} = f(\mathbf{W}^{(2)\top} \mathbf{h} + \mathbf{b}_2)")
def output_layer(h: Array, W_2: Array, b_2: Array, f: Activation) -> Array:
    """Output layer of a one-hidden-layer network. h has n_hidden elements, W_2 the shape (n_hidden, n_out)."""
    return f(W_2.T @ h + b_2)  # type: ignore[no-any-return]


def network(x: Array, weights: Sequence[Array], biases: Sequence[Array], f: Activation, g: Activation) -> Array:
    """(7) for every layer but the last, then (8). The notes print one f for both; here the output has its own, g."""
    h = x
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        h = hidden_layer(h, W, b, f)
    return output_layer(h, weights[-1], biases[-1], g)  # type: ignore[no-any-return]


statement(
    "s3-nonzero-derivative",
    "Back-propagation needs an activation whose derivative is not zero: behind a step every gradient is 0.",
    "mathematics",
    "framework",
)
