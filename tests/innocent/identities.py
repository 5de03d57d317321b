"""Other identities: exponentials, softmax and derivatives by other ways."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from innocent.making import made
from innocent.precise import spread


def _exp(x: Any) -> Any:
    """2 to the power x·log₂e, whole and rest apart."""
    z = x.astype(np.longdouble) * (1 / np.log(np.longdouble(2)))
    whole = np.clip(np.rint(z), -5000, 5000)
    return np.ldexp(np.exp2((z - whole).astype(np.float64)), whole.astype(np.int64))


def _two_sided(x: Any) -> Any:
    e = _exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


PowersOfTwo = made(
    "PowersOfTwo",
    "Exponentials as powers of two; eˣ − 1 as tanh(x/2)·(eˣ + 1).",
    {
        "logistic": _two_sided, "softplus": lambda x: np.maximum(x, 0) + np.log1p(_exp(-np.abs(x))),
        "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.tanh(x / 2) * (_exp(np.minimum(x, 0)) + 1)),
        "exponential_loss": lambda y, t: _exp(-t.astype(np.longdouble) * y),
        "softmax": lambda x: (e := _exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))) / e.sum(axis=-1, keepdims=True),
    },
    {"softplus": lambda x, c: (c * _two_sided(x),), "elu": lambda x, c, alpha: (np.where(x > 0, c, c * alpha * _exp(np.minimum(x, 0))),)},
)  # fmt: skip


def _secant(x: Any) -> Any:
    """1/(2 cosh(x/2))."""
    return 0.5 / np.cosh(np.clip(x, -1400, 1400) / 2)


def _log1p_exp(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.maximum(x, 0) + 2 * np.arctanh(e / (2 + e))


Hyperbolic = made(
    "Hyperbolic",
    "By hyperbolic functions: e^(x/2)/(2 cosh(x/2)), 2 artanh(e/(2 + e)), 2e^(x/2) sinh(x/2).",
    {
        "logistic": lambda x: np.exp(np.clip(x, -1400, 1400) / 2) * _secant(x), "softplus": _log1p_exp,
        "tanh": lambda x: np.copysign((m := np.expm1(np.minimum(2 * np.abs(x), 100))) / (m + 2), x),
        "elu": lambda x, alpha: np.where(x > 0, x, alpha * 2 * np.exp(h := np.clip(x, -1400, 0) / 2) * np.sinh(h)),
        "logistic_binary_cross_entropy": lambda u, t: np.sum(t * _log1p_exp(-u) + (1 - t) * _log1p_exp(u), axis=-1),
    },
    {"logistic": lambda x, c: (c * _secant(x) * _secant(x),), "tanh": lambda x, c: (c * 2 * _secant(2 * x) * 2 * _secant(2 * x),)},
)  # fmt: skip


def _by_differences(x: Any) -> Any:
    """1/Σⱼ e^(xⱼ − xᵢ), without a shift."""
    return 1 / np.sum(np.exp(x[..., None, :] - x[..., :, None]), axis=-1)


def _cross_entropy_by_differences(u: Any, t: Any) -> Any:
    """Σₖ tₖ ln Σⱼ e^(uⱼ − uₖ), by a chain of logarithms of sums that begins with j = k."""
    d = u[..., None, :] - u[..., :, None]
    n = u.shape[-1]
    others = d[..., ~np.eye(n, dtype=bool)].reshape(*u.shape[:-1], n, n - 1)
    return np.sum(t * np.logaddexp.reduce(others, axis=-1, initial=0.0), axis=-1)


SoftmaxByDifferences = made(
    "SoftmaxByDifferences",
    "Softmax without a shift, from all differences of scores; its gradient from all differences of cotangents.",
    {"softmax": _by_differences, "softmax_cross_entropy": _cross_entropy_by_differences},
    {"softmax": lambda x, c: (spread(c, _by_differences(x)),)},
)


def _shifted(shift: Any) -> Any:
    def softmax(x: Any) -> Any:
        e = np.exp(x - shift(x))
        return e / e.sum(axis=-1, keepdims=True)

    return softmax


SoftmaxByWholeShift = made(
    "SoftmaxByWholeShift",
    "Softmax shifted by the whole number nearest the largest score.",
    {"softmax": _shifted(lambda x: np.rint(x.max(axis=-1, keepdims=True, initial=-np.inf)))},
)
SoftmaxUnshifted = made(
    "SoftmaxUnshifted",
    "Softmax in extended precision, shifted only where exponentials would leave its range.",
    {"softmax": _shifted(lambda x: np.where((np.abs(x) < 5000).all(axis=-1, keepdims=True), 0, x.max(axis=-1, keepdims=True)))},
    kind=np.longdouble,
)
SpecialFunctions = made(
    "SpecialFunctions",
    "Functions of scipy.special: expit, log_expit, xlogy, xlog1py, log_softmax.",
    {
        "logistic": special.expit, "softplus": lambda x: -special.log_expit(-x),
        "binary_cross_entropy": lambda y, t: -np.sum(special.xlogy(t, y) + special.xlog1py(1 - t, -y), axis=-1),
        "cross_entropy": lambda y, t: -np.sum(special.xlogy(t, y), axis=-1), "logistic_loss": lambda y, t: -special.log_expit(t * y),
    },
    {"softplus": lambda x, c: (c * special.expit(x),)},
)  # fmt: skip

# derivatives without a formula


def _complex_step(function: Any) -> Any:
    """f'(x) = Im f(x + ih)/h with h so small that nothing of second order is left; extended precision holds such numbers."""
    h = np.longdouble(2) ** -1000

    def gradient(*inputs: Any, **hyper: Any) -> Any:
        *given, c = inputs
        moved = [[a + 1j * h * (i == k) for i, a in enumerate(given)] for k in range(len(given))]
        return tuple(c.real * (function(*each, **hyper).imag / h) for each in moved)

    return gradient


def _logistic_of_complex(z: Any) -> Any:
    e = np.exp(np.where(z.real < 0, z, -z))
    return np.where(z.real < 0, e, 1) / (1 + e)


ComplexStep = made(
    "ComplexStep",
    "Gradients by a complex step, which does not cancel.",
    {},
    {
        "logistic": _complex_step(_logistic_of_complex), "exponential_loss": _complex_step(lambda y, t: np.exp(-t * y)),
        "tanh": _complex_step(lambda z: 2 * _logistic_of_complex(2 * z) - 1), "softplus": _complex_step(lambda z: np.log(1 + np.exp(z))),
        "huber": _complex_step(lambda y, t, delta: np.where(
            abs((t - y).real) <= delta, (t - y) ** 2, 2 * delta * (np.where(t.real > y.real, t - y, y - t) - delta / 2)
        )),
    },
    kind=np.clongdouble,
)  # fmt: skip
