"""Equations (58) to (68): optimizers, by what their recurrences come to."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np

from confirmed.making import Cases, confirms, shares, vector

STEPS = (1, 2, 7)


def _constant(rng: np.random.Generator) -> Any:
    """A gradient that does not change, two shares, and how many steps have been taken."""
    for n in STEPS:
        (g,), (a, eta) = vector(rng, 1), shares(rng, 2)
        yield g, a, eta, n


def _geometric(a: Any, n: int) -> Any:
    """1 + a + … + aⁿ⁻¹."""
    return (1 - a**n) / (1 - a)


def _velocity(scale: Any) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        for g, a, eta, n in _constant(rng):
            yield (scale(eta) * g * _geometric(a, n - 1), g, eta, a), scale(eta) * g * _geometric(a, n)

    return cases


_SERIES = "the geometric series, for a gradient that does not change"
confirms(58, by=_SERIES)(_velocity(lambda eta: -eta))
confirms(58, reading="eta_outside_velocity", by=_SERIES)(_velocity(lambda eta: 1))


@confirms(59, by="mpmath.fsum")
def _(rng: np.random.Generator) -> Cases:
    yield from (((theta, v), mp.fsum((theta, v))) for theta, v in vector(rng, 6, 2))


@confirms(59, reading="eta_outside_velocity", by="the printed step, after the velocity −ηv")
def _(rng: np.random.Generator) -> Cases:
    for (theta, v), eta in zip(vector(rng, 6, 2), shares(rng, 6), strict=True):
        yield (theta, v, eta), mp.fdot((theta, v), (1, -eta))


def _squares(start: float) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        for n in STEPS:
            g = vector(rng, n)
            yield (start + mp.norm([*g[:-1], 0], 2) ** 2, g[-1]), start + mp.norm(list(g), 2) ** 2

    return cases


confirms(60, by="mpmath.norm squared, of all gradients so far")(_squares(0.0))
confirms(60, reading="positive_start", by="the same, above where it starts")(_squares(0.125))


def _by_norm(epsilon: Any, *, inside: bool = False, rest: bool = False) -> Any:
    """θ − ηg/|G| for the vector G of all gradients so far, with the root of a small number as one more component."""

    def cases(rng: np.random.Generator) -> Cases:
        for n in STEPS:
            g, (theta,), (eta, small) = vector(rng, n), vector(rng, 1), shares(rng, 2)
            length = mp.norm([*g, mp.sqrt(small) if inside else 0], 2) + (0 if inside or epsilon is None else small)
            given = (theta, eta, mp.norm(list(g), 2) ** 2, g[-1])
            yield (given if epsilon is None else (*given, small)), theta - eta * g[-1] / length
        if rest:
            yield (theta, eta, mp.mpf(0), mp.mpf(0)), theta

    return cases


_NORM = "the norm of all gradients so far"
confirms(61, by=_NORM)(_by_norm(None))
confirms(61, reading="epsilon_outside_root", by=_NORM)(_by_norm("outside"))
confirms(61, reading="epsilon_inside_root", by=_NORM)(_by_norm("inside", inside=True))
confirms(61, reading="zero_gradient_at_rest", by=f"{_NORM}; no step without one")(_by_norm(None, rest=True))


def _mean_of_squares(start: float) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        for g, a, _, n in _constant(rng):
            before, after = (a**k * start + g * g * (1 - a**k) for k in (n - 1, n))
            yield (before, g, a), after

    return cases


confirms(62, 65, by=_SERIES)(_mean_of_squares(0.0))
confirms(62, reading="positive_start", by=_SERIES)(_mean_of_squares(0.125))


@confirms(63, by="the power −1/2 of h + ε, by exponentials")
def _(rng: np.random.Generator) -> Cases:
    for (theta, g), (eta, h, epsilon) in zip(vector(rng, 6, 2), shares(rng, 6, 3), strict=True):
        yield (theta, eta, h, g, epsilon), theta - eta * g * mp.exp(-mp.log(h + epsilon) / 2)


@confirms(63, reading="epsilon_outside_root", by="the root as a power, by exponentials")
def _(rng: np.random.Generator) -> Cases:
    for (theta, g), (eta, h, epsilon) in zip(vector(rng, 6, 2), shares(rng, 6, 3), strict=True):
        yield (theta, eta, h, g, epsilon), theta - eta * g / (mp.exp(mp.log(h) / 2) + epsilon)


@confirms(64, by=_SERIES)
def _(rng: np.random.Generator) -> Cases:
    for g, a, _, n in _constant(rng):
        yield (g * (1 - a ** (n - 1)), g, a), g * (1 - a**n)


@confirms(66, 67, by="a gradient that does not change: the corrected mean is its size at every step")
def _(rng: np.random.Generator) -> Cases:
    for g, a, _, n in _constant(rng):
        yield (g * (1 - a) * _geometric(a, n), a, mp.mpf(n)), g


def _adam(length: Any) -> Any:
    """The step of Kingma and Ba; what they write with α is η here."""

    def cases(rng: np.random.Generator) -> Cases:
        for (theta, m_hat), (eta, v_hat, epsilon, beta_2) in zip(vector(rng, 6, 2), shares(rng, 6, 4), strict=True):
            for t in STEPS:
                given = (theta, eta, m_hat, v_hat, epsilon)
                step, more = length(eta, m_hat, v_hat, epsilon, beta_2, t)
                yield (*given, *more), theta - step

    return cases


def _epsilon_hat(eta: Any, m_hat: Any, v_hat: Any, epsilon: Any, beta_2: Any, t: int) -> Any:
    """Section 2 of the paper, at its end: α √(1 − β₂ᵗ) m̂/(√v + ε̂) with the v before its correction."""
    rest = 1 - beta_2**t
    return eta * mp.sqrt(rest) * m_hat / (mp.sqrt(v_hat * rest) + epsilon), (beta_2, mp.mpf(t))



def _inside(eta: Any, m_hat: Any, v_hat: Any, epsilon: Any, *_: Any) -> Any:
    return eta * m_hat * mp.power(v_hat + epsilon, mp.mpf(-1) / 2), ()


def _outside(eta: Any, m_hat: Any, v_hat: Any, epsilon: Any, *_: Any) -> Any:
    return eta * m_hat / (mp.sqrt(v_hat) + epsilon), ()


confirms(68, by="the power −1/2 of v̂ + ε")(_adam(_inside))
confirms(68, reading="epsilon_outside_root", by="algorithm 1 of Kingma and Ba")(_adam(_outside))
confirms(68, reading="epsilon_hat", by="the end of section 2 of Kingma and Ba")(_adam(_epsilon_hat))
