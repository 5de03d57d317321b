"""Section 4 of the notes: activation functions (9) to (18), and the logistic function (6)."""

from typing import Any

import numpy as np

from eqwise.reference.arithmetic import divided, in_float64, others, reduced_to, summed, times_exp, two_sum
from eqwise.reference.perceptron import step, step_vjp

__all__ = ["step", "step_vjp"]


def sigma(x: Any) -> Any:
    """(6) in float64, from the side where nothing cancels or overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1 + e)


def sigma_times(c: Any, x: Any) -> Any:
    """c·σ(x), also where σ(x) alone would be subnormal."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, c, times_exp(c, np.minimum(x, 0.0))) / (1 + e)


def softplus_float64(x: Any) -> Any:
    """(12) in float64."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


@in_float64
def logistic(x: Any) -> Any:
    """(6), (10): 1/(1 + e⁻ˣ); any shape."""
    return sigma(x)


@in_float64
def logistic_vjp(x: Any, cotangent: Any) -> Any:
    """c·e/(1 + e)² with e = e^−|x|."""
    z = -np.abs(x)
    return (divided(times_exp(cotangent, z), *two_sum(np.ones_like(x), np.exp(z))),)


@in_float64
def tanh(x: Any) -> Any:
    """(11); any shape."""
    return np.tanh(x)


@in_float64
def tanh_vjp(x: Any, cotangent: Any) -> Any:
    """c·4e/(1 + e)² with e = e^−2|x|."""
    z = -2 * np.abs(x)
    return (4 * divided(times_exp(cotangent, z), *two_sum(np.ones_like(x), np.exp(z))),)


@in_float64
def softplus(x: Any) -> Any:
    """(12): ln(1 + eˣ); any shape."""
    return softplus_float64(x)


@in_float64
def softplus_vjp(x: Any, cotangent: Any) -> Any:
    """c·σ(x)."""
    return (sigma_times(cotangent, x),)


@in_float64
def relu(x: Any) -> Any:
    """(13): x where x > 0, otherwise 0; any shape. nan stays nan."""
    return np.maximum(x, 0.0)


@in_float64
def relu_vjp(x: Any, cotangent: Any) -> Any:
    """c where x > 0, otherwise 0."""
    return (np.where(x > 0, cotangent, 0.0),)


@in_float64
def leaky_relu(x: Any, alpha: float) -> Any:
    """(14): x where x > 0, otherwise αx; any shape, any α."""
    return np.where(x > 0, x, alpha * x)


@in_float64
def leaky_relu_vjp(x: Any, cotangent: Any, alpha: float) -> Any:
    """c where x > 0, otherwise αc."""
    return (np.where(x > 0, cotangent, alpha * cotangent),)


@in_float64
def prelu(x: Any, a: Any) -> Any:
    """(15): x where x > 0, otherwise ax; a of shape () or one for each channel (the last axis of x)."""
    return np.where(x > 0, x, a * x)


@in_float64
def prelu_vjp(x: Any, a: Any, cotangent: Any) -> Any:
    """c or ac by x; Σ c·min(x, 0) by a, over what shares it."""
    by_a = np.where(x > 0, 0.0, x * cotangent)
    return np.where(x > 0, cotangent, a * cotangent), reduced_to(by_a, a)


@in_float64
def elu(x: Any, alpha: float) -> Any:
    """(16): x where x > 0, otherwise α(eˣ − 1); any shape, any α."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


@in_float64
def elu_vjp(x: Any, cotangent: Any, alpha: float) -> Any:
    """c where x > 0, otherwise cαeˣ."""
    return (np.where(x > 0, cotangent, times_exp(alpha * cotangent, np.minimum(x, 0.0))),)


@in_float64
def identity(x: Any) -> Any:
    """(17): x, as a new array."""
    return np.array(x)


@in_float64
def identity_vjp(x: Any, cotangent: Any) -> Any:
    """c."""
    return (np.array(cotangent),)


def shares(x: Any) -> tuple[Any, Any, Any]:
    """For (18) along the last axis: x − max x, its exponentials, and their sum.

    The rounding error of the difference is put back as a factor, since e^(d + ε) = e^d + ε·e^d to within ε².
    """
    d, error = two_sum(x, -np.max(x, axis=-1, keepdims=True, initial=-np.inf))
    e = np.exp(d)
    e = e + e * error
    return d, e, summed(e)[..., None]


@in_float64
def softmax(x: Any) -> Any:
    """(18) along the last axis, of at least one component."""
    _, e, total = shares(x)
    return e / total


@in_float64
def softmax_vjp(x: Any, cotangent: Any) -> Any:
    """yᵢ·(cᵢ Σⱼyⱼ − Σⱼcⱼyⱼ) over j ≠ i: the terms with j = i cancel exactly, so they are never formed."""
    d, e, total = shares(x)
    inner = (cotangent * others(e) - others(cotangent * e)) / total
    return (np.where(d < -600, times_exp(inner, d), inner * e) / total,)


ACTIVATIONS = {
    f.__name__: (f, g)
    for f, g in (
        (step, step_vjp),
        (logistic, logistic_vjp),
        (tanh, tanh_vjp),
        (softplus, softplus_vjp),
        (relu, relu_vjp),
        (identity, identity_vjp),
        (softmax, softmax_vjp),
    )
}
