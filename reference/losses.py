"""Section 7 of the notes: loss functions (27) to (35), and (28), (29) of their activations."""

from typing import Any

import numpy as np

from eqwise.reference.activations import shares, sigma, sigma_times, softplus_float64
from eqwise.reference.arithmetic import in_float64, others, product, require, summed, times_exp, two_product, two_sum


@in_float64
def sum_of_squares(y: Any, t: Any) -> Any:
    """(27): ½Σ(y − t)² over the last axis; (…, K) to (…)."""
    d = y - t
    _, k = np.frexp(np.max(np.abs(d), axis=-1, keepdims=True, initial=0.0))
    scaled = np.ldexp(d, -k)  # a power of two, so that no square leaves the range alone
    return np.ldexp(summed(scaled * scaled), 2 * k[..., 0] - 1)


@in_float64
def sum_of_squares_vjp(y: Any, t: Any, cotangent: Any) -> Any:
    """(y − t)·c by y, and its negative by t."""
    by_y = (y - t) * cotangent[..., None]
    return by_y, -by_y


def _weighted(*pairs: tuple[Any, Any]) -> Any:
    """Σ over the last axis of all the products, of numbers that have one sign, rounded about once."""
    return summed(*(part for a, b in pairs for part in two_product(a, b)))


def _complement(t: Any) -> tuple[Any, Any]:
    """1 − t, and what its rounding lost."""
    return two_sum(np.ones_like(t), -t)


@in_float64
def binary_cross_entropy(y: Any, t: Any) -> Any:
    """(28): −Σ(t ln y + (1 − t) ln(1 − y)) over the last axis; y in (0, 1), t in [0, 1]."""
    rest, lost = _complement(t)
    cost = -np.log1p(-y)
    return _weighted((t, -np.log(y)), (rest, cost), (lost, cost))


@in_float64
def binary_cross_entropy_vjp(y: Any, t: Any, cotangent: Any) -> Any:
    """c·(y − t)/(y(1 − y)) by y, c·ln((1 − y)/y) by t."""
    c = cotangent[..., None]
    return c * ((y - t) / y / (1 - y)), c * (np.log1p(-y) - np.log(y))


@in_float64
def cross_entropy(y: Any, t: Any) -> Any:
    """(29): −Σ t ln y over the last axis; y > 0."""
    return _weighted((t, -np.log(y)))


@in_float64
def cross_entropy_vjp(y: Any, t: Any, cotangent: Any) -> Any:
    """−ct/y by y, −c ln y by t."""
    c = cotangent[..., None]
    return -(t * c / y), -(c * np.log(y))


@in_float64
def logistic_binary_cross_entropy(u: Any, t: Any) -> Any:
    """(28) of (10): Σ(t·max(−u, 0) + (1 − t)·max(u, 0) + ln(1 + e^−|u|)) over the last axis; no term is negative."""
    rest, lost = _complement(t)
    above = np.maximum(u, 0.0)
    return _weighted((t, np.maximum(-u, 0.0)), (rest, above), (lost, above), (np.ones_like(u), np.log1p(np.exp(-np.abs(u)))))


@in_float64
def logistic_binary_cross_entropy_vjp(u: Any, t: Any, cotangent: Any) -> Any:
    """c·(σ(u) − t) by u, from the side where less cancels; −cu by t."""
    c = cotangent[..., None]
    slope = np.where(u > 0, (1 - t) - sigma(-u), sigma(u) - t)
    tail = t == np.where(u > 0, 1.0, 0.0)  # there it is ∓σ(∓u) alone
    return np.where(tail, np.where(u > 0, -1, 1) * sigma_times(c, -np.abs(u)), c * slope), -(c * u)


@in_float64
def softmax_cross_entropy(u: Any, t: Any) -> Any:
    """(29) of (18): Σ tₖ·((max u − uₖ) + ln Σe^(uⱼ − max u)) over the last axis; no term is negative for t ≥ 0."""
    d, error, excess = _log_sum(u)
    return _weighted((t, -d), (t, -error), (t, np.broadcast_to(excess, t.shape)))


def _log_sum(u: Any) -> tuple[Any, Any, Any]:
    """u − max u as a sum of two, and ln Σ e^(u − max u) by log1p of all but the largest term."""
    d, error = two_sum(u, -np.max(u, axis=-1, keepdims=True, initial=-np.inf))
    _, e, _ = shares(u)
    largest = np.arange(u.shape[-1]) == np.argmax(d, axis=-1)[..., None]
    return d, error, np.log1p(summed(np.where(largest, 0.0, e))[..., None])


@in_float64
def softmax_cross_entropy_vjp(u: Any, t: Any, cotangent: Any) -> Any:
    """c·(yₖ Σⱼtⱼ − tₖ Σⱼyⱼ) over j ≠ k by u; c·(ln Σeᵘ − uₖ) by t."""
    c = cotangent[..., None]
    d, e, total = shares(u)
    rest = others(t)
    slope = (product(np.broadcast_to(c, t.shape), rest) / total * e if not np.any(d < -600) else times_exp(c * rest / total, d))
    _, error, excess = _log_sum(u)
    return slope - c * t * (others(e) / total), c * ((excess - d) - error)


@in_float64
def logistic_loss(y: Any, t: Any) -> Any:
    """(30): ln(1 + e^(−ty)) element by element; the rounding of ty is put back to first order."""
    p, error = two_product(-t, y)
    return np.where(p < -1, np.log1p(np.exp(-np.abs(p)) * (1 + error)), softplus_float64(p) + sigma(p) * error)


@in_float64
def logistic_loss_vjp(y: Any, t: Any, cotangent: Any) -> Any:
    """−ctσ(−ty) by y, −cyσ(−ty) by t."""
    z = -t * y
    half, rest = np.exp(np.minimum(z, 0.0) / 2), 1 + np.exp(-np.abs(z))
    return tuple(product(cotangent, -factor, half, half) / rest for factor in (t, y))


@in_float64
def exponential_loss(y: Any, t: Any) -> Any:
    """(31): e^(−ty) element by element; the rounding of ty is put back to first order."""
    p, error = two_product(-t, y)
    r = np.exp(p)
    return np.where(np.isfinite(r), r + r * error, r)


@in_float64
def exponential_loss_vjp(y: Any, t: Any, cotangent: Any) -> Any:
    """−cte^(−ty) by y, −cye^(−ty) by t."""
    half = np.exp(-t * y / 2)
    return tuple(product(cotangent, -factor, half, half) for factor in (t, y))


def _margin(y: Any, t: Any) -> Any:
    """1 − ty, rounded about once."""
    p, error = two_product(t, y)
    s, lost = two_sum(np.ones_like(p), -p)
    return s + (lost - error)


@in_float64
def hinge(y: Any, t: Any) -> Any:
    """(32): max(1 − ty, 0) element by element."""
    return np.maximum(_margin(y, t), 0.0)


@in_float64
def hinge_vjp(y: Any, t: Any, cotangent: Any) -> Any:
    """−ct by y and −cy by t where 1 − ty > 0, otherwise 0."""
    inside = _margin(y, t) > 0
    return np.where(inside, -(cotangent * t), 0.0), np.where(inside, -(cotangent * y), 0.0)


def _half_difference(y: Any, t: Any) -> Any:
    """(y − t)/2, which cannot overflow."""
    return y / 2 - t / 2


@in_float64
def quantile(y: Any, t: Any, tau: float) -> Any:
    """(33): (1 − τ)·max(y − t, 0) + τ·max(t − y, 0) element by element, 0 < τ < 1."""
    require(0 < tau < 1, "tau", tau, "lie between 0 and 1")
    d = y - t
    weight = np.where(d > 0, 1 - tau, -tau)
    return np.where(np.isfinite(d), d * weight, (_half_difference(y, t) * weight) * 2)


@in_float64
def quantile_vjp(y: Any, t: Any, cotangent: Any, tau: float) -> Any:
    """(1 − τ)c where y > t, −τc where y < t, 0 at a tie, by y; the negative by t."""
    require(0 < tau < 1, "tau", tau, "lie between 0 and 1")
    by_y = np.where(y > t, (1 - tau) * cotangent, np.where(y < t, -tau * cotangent, 0.0))
    return by_y, -by_y


@in_float64
def huber(y: Any, t: Any, delta: float) -> Any:
    """(34), unhalved: (t − y)² up to δ, 2δ(|t − y| − δ/2) beyond; element by element, δ > 0."""
    require(delta > 0, "delta", delta, "be positive")
    d = np.abs(t - y)
    beyond = np.where(np.isfinite(d), delta * (d - delta / 2), delta * (np.abs(_half_difference(y, t)) - delta / 4) * 2) * 2
    return np.where(d <= delta, d * d, beyond)


@in_float64
def huber_vjp(y: Any, t: Any, cotangent: Any, delta: float) -> Any:
    """2c(y − t) up to δ, ±2cδ beyond, by y; the negative by t."""
    require(delta > 0, "delta", delta, "be positive")
    by_y = np.clip(y - t, -delta, delta) * cotangent * 2
    return by_y, -by_y


def _excess(y: Any, t: Any, epsilon: float) -> Any:
    """|t − y| − ε, rounded about once."""
    d, error = two_sum(t, -y)
    s, lost = two_sum(np.abs(d), np.full_like(d, -epsilon))
    near = s + (lost + np.copysign(1.0, d) * error)
    return np.where(np.isfinite(d), near, (np.abs(_half_difference(y, t)) - epsilon / 2) * 2)


@in_float64
def epsilon_insensitive(y: Any, t: Any, epsilon: float) -> Any:
    """(35): max(|t − y| − ε, 0) element by element, ε > 0."""
    require(epsilon > 0, "epsilon", epsilon, "be positive")
    return np.maximum(_excess(y, t, epsilon), 0.0)


@in_float64
def epsilon_insensitive_vjp(y: Any, t: Any, cotangent: Any, epsilon: float) -> Any:
    """±c where |t − y| > ε, otherwise 0, by y; the negative by t."""
    require(epsilon > 0, "epsilon", epsilon, "be positive")
    by_y = np.where(_excess(y, t, epsilon) > 0, np.where(y > t, cotangent, -cotangent), 0.0)
    return by_y, -by_y
