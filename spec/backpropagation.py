"""Section 9 of the notes: back-propagation, equations (40) to (56).

theta^(l) has the biases in row 0, and the h that it multiplies has a leading 1: `h_0` is such an h, `h` one without.
The index i of (40) to (48) runs from 0, the indices j and k from 1. A theorem is entered as its right side; the left side
is a derivative, which the reverse tape takes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eqwise.spec.document import equation, statement
from eqwise.spec.network import Activation
from eqwise.spec.numbers.expression import ONE, Array, Expression, each, lifted, total
from eqwise.spec.numbers.tape import gradient

Loss = Callable[[Array], Expression]


def augmented(h: Array) -> Array:
    """h with element 0, which is 1."""
    return np.array([ONE, *h], object)


def slope(f: Activation, u: Any) -> Any:
    """f'(u), element by element; of one number for one number."""
    return each(lambda v: gradient(lifted(f(v)), [v])[0], u)


@equation(
    40,
    tex=r"\mathbf{u}^{(l)} = \boldsymbol{\theta}^{(l)\top} \mathbf{h}^{(l-1)}",
    errata=("h of layer l - 1 has a leading 1, which is not written; h of layer 0 is (1, x)",),
)
def pre_activations(theta_l: Array, h_0: Array) -> Array:
    """Affine map with the bias in row 0. theta has the shape (1 + n of layer l - 1, n of layer l)."""
    return theta_l.T @ h_0  # type: ignore[no-any-return]


@equation(41, tex=r"\mathbf{h}^{(l)} = f^{(l)}(\mathbf{u}^{(l)})", errata=("h is without the leading 1 here",))
def activated(f: Activation, u: Array) -> Array:
    """Activation of a layer."""
    return f(u)  # type: ignore[no-any-return]


@equation(42, tex=r"u_j^{(l)} = \sum_i \theta_{ij}^{(l)} h_i^{(l-1)}", kind="restatement", restates=40)
def pre_activation_components(theta_l: Array, h_0: Array) -> Array:
    """Affine map, components. The sum begins at i = 0, with the bias."""
    return np.array([total(theta_l[i, j] * h_0[i] for i in range(len(h_0))) for j in range(theta_l.shape[1])], object)


@equation(
    43,
    tex=r"h_j^{(l)} = f^{(l)}(u_j^{(l)})",
    kind="restatement",
    restates=41,
    errata=("f must act on each element: softmax does not",),
)
def activated_components(f: Activation, u: Array) -> Array:
    """Activation, components."""
    return np.array([f(u_j) for u_j in u], object)


@equation(
    44,
    tex=r"\frac{\partial E}{\partial \theta_{ij}^{(l)}} = \frac{\partial E}{\partial u_j^{(l)}} \frac{\partial"
    r" u_j^{(l)}}{\partial \theta_{ij}^{(l)}}",
    kind="theorem",
    errata=("holds where theta acts only through u: no tied weights, no penalty",),
)
def weight_gradient_by_chain(E_by_u_j: Expression, u_j_by_theta_ij: Expression) -> Expression:
    """Gradient of a weight by the chain rule."""
    return E_by_u_j * u_j_by_theta_ij  # type: ignore[no-any-return]


@equation(
    45,
    tex=r"\frac{\partial u_j^{(l)}}{\partial \theta_{ij}^{(l)}} = h_i^{(l-1)}",
    kind="theorem",
)
def u_by_theta(h_i: Expression) -> Expression:
    """Pre-activation by its weight. 1 for the bias, i = 0."""
    return h_i


@equation(46, tex=r"\delta_j^{(l)} \equiv \frac{\partial E}{\partial u_j^{(l)}}")
def error_signal(E: Loss, u: Array) -> Array:
    """Error signal δ. E is the loss as a function of u of this layer; one δ for each component."""
    return np.array(gradient(lifted(E(u)), list(u)), object)


@equation(
    47,
    tex=r"\frac{\partial E}{\partial \theta_{ij}^{(l)}} = \delta_j^{(l)} h_i^{(l-1)}",
    kind="theorem",
)
def weight_gradient_component(delta_j: Expression, h_i: Expression) -> Expression:
    """Weight gradient, components. h_i is 1 for the bias, i = 0."""
    return delta_j * h_i  # type: ignore[no-any-return]


@equation(
    48,
    tex=r"\frac{\partial E}{\partial \theta^{(l)}} = \mathbf{h}^{(l-1)} \boldsymbol{\delta}^{(l)T}",
    kind="theorem",
    errata=("theta is not bold",),
)
def weight_gradient(h_0: Array, delta: Array) -> Array:
    """Weight gradient, outer product. It has the shape of theta, the gradient of the biases in row 0."""
    return h_0[:, None] @ delta[:, None].T  # type: ignore[no-any-return]


@equation(
    49,
    tex=r"\frac{\partial E}{\partial u_j^{(l)}} = \sum_k \frac{\partial E}{\partial u_k^{(l+1)}} "
    r"\frac{\partial u_k^{(l+1)}}{\partial u_j^{(l)}}",
    kind="theorem",
)
def delta_through_next_layer(E_by_u_next: Array, u_next_by_u_j: Array) -> Expression:
    """δ through the next layer. l < L, and k runs over the units of layer l + 1."""
    return total(E_by_u_next * u_next_by_u_j)


@equation(
    50,
    tex=r"\frac{\partial u_k^{(l+1)}}{\partial u_j^{(l)}} = \frac{\partial u_k^{(l+1)}}{\partial h_j^{(l)}} "
    r"\frac{\partial h_j^{(l)}}{\partial u_j^{(l)}} = \theta_{jk}^{(l+1)} f^{(l)'}(u_j^{(l)})",
    kind="theorem",
    errata=("f must act on each element: softmax does not",),
)
def u_next_by_u(theta_jk: Expression, f: Activation, u_j: Expression) -> Expression:
    """Link between neighbouring pre-activations. theta is that of layer l + 1, and j is at least 1."""
    return theta_jk * slope(f, u_j)  # type: ignore[no-any-return]


@equation(
    51,
    tex=r"\delta_j^{(l)} = \sum_k \delta_k^{(l+1)} \theta_{jk}^{(l+1)} f^{(l)'}(u_j^{(l)})",
    kind="theorem",
    errata=("f must act on each element: softmax does not",),
)
def delta_component(delta_next: Array, theta_j: Array, f: Activation, u_j: Expression) -> Expression:
    """Back-propagation of δ, components. theta_j is row j of theta of layer l + 1, and j is at least 1."""
    return total(delta_next * theta_j * slope(f, u_j))


@equation(
    52,
    tex=r"\boldsymbol{\delta} = \boldsymbol{\theta}^{(l+1)} \boldsymbol{\delta}^{(l+1)} \odot "
    r"f^{(l)'}(\mathbf{u}^{(l)})",
    kind="theorem",
    errata=(
        "the left side lacks the layer (l)",
        "row 0 of theta, the biases, is dropped first; theta is that before its update",
    ),
)
def delta_below(theta_next: Array, delta_next: Array, f: Activation, u: Array) -> Array:
    """Back-propagation of δ, vector. theta and δ of layer l + 1, then what is known of layer l."""
    return theta_next[1:] @ delta_next * slope(f, u)  # type: ignore[no-any-return]


@equation(53, tex=r"\mathbf{y} = \mathbf{h}^{(L)} = \mathbf{u}^{(L)}", errata=("h is without the leading 1 here",))
def identity_output(u: Array) -> Array:
    """Identity output."""
    return u


@equation(
    54,
    tex=r"E = \frac{1}{2} \|\mathbf{y} - \mathbf{t}\|^2 = \frac{1}{2} \sum_i (y_i - t_i)^2",
    kind="restatement",
    restates=27,
    errata=("the index is i for k",),
)
def half_squared_norm(y: Array, t: Array) -> Expression:
    """Sum of squares as a norm."""
    return 1 / 2 * ((y - t) @ (y - t))  # type: ignore[no-any-return]


@equation(
    55,
    tex=r"\delta_i^{(L)} = \frac{\partial E}{\partial u_i^{(L)}} = \frac{\partial E}{\partial y_i} = y_i - t_i",
    kind="theorem",
    errata=("the middle member holds for the identity output only",),
)
def output_delta_component(y_i: Expression, t_i: Expression) -> Expression:
    """Output δ, regression, components."""
    return y_i - t_i  # type: ignore[no-any-return]


@equation(
    56,
    tex=r"\boldsymbol{\delta}^{(L)} = \mathbf{y} - \mathbf{t}",
    kind="theorem",
    errata=("with softmax and (29) it needs the targets to add up to 1",),
)
def output_delta(y: Array, t: Array) -> Array:
    """Output δ, vector. For identity with (27), logistic with (28), softmax with (29)."""
    return y - t  # type: ignore[no-any-return]


def forward(x: Array, thetas: Sequence[Array], fs: Sequence[Activation]) -> tuple[list[Array], list[Array]]:
    """(40) and (41) for every layer: u of layers 1 to L, and h of layers 0 to L without the leading 1."""
    us, hs = [], [x]
    for theta, f in zip(thetas, fs, strict=True):
        us.append(pre_activations(theta, augmented(hs[-1])))
        hs.append(activated(f, us[-1]))
    return us, hs


def gradients(
    x: Array, t: Array, thetas: Sequence[Array], fs: Sequence[Activation], last: Array | None = None
) -> list[Array]:
    """The first four steps of the procedure: (40) and (41), (56) unless `last` is another δ of the output, (52), (48).

    One gradient for each theta.
    """
    us, hs = forward(x, thetas, fs)
    deltas = [output_delta(hs[-1], t) if last is None else last]
    for theta, f, u in zip(thetas[:0:-1], fs[-2::-1], us[-2::-1], strict=True):
        deltas.insert(0, delta_below(theta, deltas[0], f, u))
    return [weight_gradient(augmented(h), delta) for h, delta in zip(hs, deltas, strict=False)]


statement(
    "s9-cost",
    "Back-propagation costs a constant number of passes, numerical differentiation two for each parameter.",
    "framework",
)
statement(
    "s9-procedure",
    "One training step: forward, output delta, deltas backwards, gradients, update.",
    "framework", "system",
)
statement(
    "s9-output-deltas",
    "(56) holds for identity with (27), logistic with (28), and softmax with (29).",
    "mathematics", "framework",
)
