"""Equations (27) to (39): losses, a step downhill, the central difference."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np

from confirmed.making import Cases, Function, confirms, exact, shares, vector
from eqwise.spec.numbers.expression import exp

SIZES = (1, 2, 5)


def _half_norm(scale: Any) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        for n in SIZES:
            y, t = vector(rng, n), vector(rng, n)
            yield (y, t), mp.norm(list(y - t), 2) ** 2 * scale(n)

    return cases


confirms(27, 54, by="half of mpmath.norm squared")(_half_norm(lambda n: mp.mpf(1) / 2))
confirms(27, reading="without_half", by="mpmath.norm squared")(_half_norm(lambda n: 1))
confirms(27, reading="mean", by="mpmath.norm squared over their number")(_half_norm(lambda n: mp.mpf(1) / n))


def _likelihood(probability: Any, scale: Any) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        for n in SIZES:
            y, t = shares(rng, n), shares(rng, n)
            yield (y, t), -mp.log(mp.fprod(probability(a, b) for a, b in zip(y, t, strict=True))) * scale(n)

    return cases


def _bernoulli(y: Any, t: Any) -> Any:
    return y**t * (1 - y) ** (1 - t)


_BY = "the logarithm of a likelihood, a product of powers"
confirms(28, by=_BY)(_likelihood(_bernoulli, lambda n: 1))
confirms(28, reading="mean", by=_BY)(_likelihood(_bernoulli, lambda n: mp.mpf(1) / n))
confirms(29, by=_BY)(_likelihood(lambda y, t: y**t, lambda n: 1))
confirms(29, reading="mean", by=_BY)(_likelihood(lambda y, t: y**t, lambda n: mp.mpf(1) / n))

# margins: labels −1 and 1, others beside them; labels 0 and 1 stand for −1 and 1


def _margin(known: Any, labels: Any, signed: Any) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        for t in exact(labels):
            for y in [mp.mpf(0), mp.mpf(1), mp.mpf(-1), *vector(rng, 6) * 2]:
                yield (y, t), known(y * signed(t))

    return cases


_MARGINS = {
    30: ("−ln of the logistic function, by tanh", lambda m: -mp.log((1 + mp.tanh(m / 2)) / 2)),
    31: ("a power of 1/e", lambda m: (1 / mp.e) ** m),
    32: ("(1 − m + |1 − m|)/2", lambda m: (1 - m + abs(1 - m)) / 2),
}
for _number, (_how, _known) in _MARGINS.items():
    confirms(_number, by=_how)(_margin(_known, (-1.0, 1.0, 0.5, 2.0), lambda t: t))
    confirms(_number, reading="labels_0_1", by=_how)(_margin(_known, (0.0, 1.0), lambda t: 1 if t else -1))


def _pairs(rng: np.random.Generator, *others: float) -> Any:
    """y and t with another number, y = t and |y − t| equal to that number among them."""
    for other in exact(others):
        t, *rest = vector(rng, 6) * 2
        for y in (t, t + other, t - other, *rest):
            yield y, t, other


@confirms(33, by="|y − t|/2 + (1/2 − τ)(y − t)")
def _(rng: np.random.Generator) -> Cases:
    yield from (((y, t, tau), abs(y - t) / 2 + (mp.mpf(1) / 2 - tau) * (y - t)) for y, t, tau in _pairs(rng, 0.25, 0.5, 0.875))


def _huber(scale: Any) -> Any:
    """The integral of its slope, min(s, δ), twice."""

    def cases(rng: np.random.Generator) -> Cases:
        for y, t, delta in _pairs(rng, 0.5, 1.0, 2.5):
            d = abs(y - t)
            area = mp.quad(lambda s, delta=delta: min(s, delta), sorted({mp.mpf(0), min(d, delta), d})) if d else mp.mpf(0)
            yield (y, t, delta), 2 * area * scale(delta)

    return cases


_INTEGRAL = "the integral of its slope, min(s, δ)"
confirms(34, by=_INTEGRAL)(_huber(lambda delta: 1))
confirms(34, reading="half", by=_INTEGRAL)(_huber(lambda delta: mp.mpf(1) / 2))
confirms(34, reading="half_over_delta", by=_INTEGRAL)(_huber(lambda delta: 1 / (2 * delta)))


@confirms(35, by="the distance of y from the interval [t − ε, t + ε]")
def _(rng: np.random.Generator) -> Cases:
    for y, t, epsilon in _pairs(rng, 0.5, 1.0, 2.5):
        yield (y, t, epsilon), abs(y - min(max(y, t - epsilon), t + epsilon))


@confirms(38, 57, by="a parabola, from whose middle each step leaves the share 1 − ηa of the distance")
def _(rng: np.random.Generator) -> Cases:
    for theta, middle, a, eta in zip(vector(rng, 8), vector(rng, 8), shares(rng, 8), shares(rng, 8), strict=True):
        yield (theta, eta, a * (theta - middle)), middle + (1 - eta * a) * (theta - middle)


@confirms(39, by="powers, whose differences follow from the binomial theorem, and eᶿ sinh(ε)/ε")
def _(rng: np.random.Generator) -> Cases:
    for theta, epsilon in zip(vector(rng, 4), shares(rng, 4), strict=True):
        for n in (1, 2, 3, 4):
            terms = (mp.binomial(n, k) * theta ** (n - k) * epsilon ** (k - 1) for k in range(1, n + 1, 2))
            yield (Function(lambda x, n=n: x**n, None), theta, epsilon), mp.fsum(terms)  # type: ignore[arg-type]
        yield (Function(exp, mp.exp), theta, epsilon), mp.exp(theta) * mp.sinh(epsilon) / epsilon
