"""Equations (69) to (77): laws by their distribution functions, penalties, batches; readings of statements of section 12."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np

from confirmed.making import PLACES, Cases, confirms, exact, shares, vector

# laws


def _density(z: Any) -> Any:
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def _normal(deviation: Any, within: Any = None, rescaled: bool = False) -> Any:
    """The distribution function by mpmath.ncdf; the deviation after a cut by integrals."""

    def cases(rng: np.random.Generator) -> Cases:
        for n_i, n_o in ((1, 3), (2, 2), (9, 4), (64, 16)):
            sigma = deviation(mp.mpf(n_i), mp.mpf(n_o))
            if rescaled:
                sigma /= mp.sqrt(mp.quad(lambda z: z * z * _density(z), [-within, within]) / mp.quad(_density, [-within, within]))
            yield (mp.mpf(n_i), mp.mpf(n_o)), [_cumulative(mp.mpf(x) / sigma, within) for x in PLACES]

    return cases


def _cumulative(z: Any, within: Any) -> Any:
    if within is None:
        return mp.ncdf(z)
    return mp.ncdf(min(max(z, -within), within)) / (1 - 2 * mp.ncdf(-within)) - mp.ncdf(-within) / (1 - 2 * mp.ncdf(-within))


@confirms(69, by="the distribution function, a straight line from 0 at −1 to 1 at 1", tolerance=1e-14)
def _(rng: np.random.Generator) -> Cases:
    for n_i, n_o in ((1, 3), (64, 16)):
        yield (mp.mpf(n_i), mp.mpf(n_o)), [min(max((1 + mp.mpf(x)) / 2, 0), 1) for x in PLACES]


_KEEPS = {  # the deviation that keeps a second moment: Σw² over what comes in (or the mean of in and out) undoes what f does to it
    70: lambda n: 1 / mp.sqrt(n),
    71: lambda n: 1 / mp.sqrt(n * mp.quad(lambda z: z * z * _density(z), [0, mp.inf])),
    72: lambda n: mp.mpf(1),
}
for _number, _of in _KEEPS.items():
    _inputs = lambda i, o, of=_of: of(i)  # noqa: E731
    _average = lambda i, o, of=_of: of((i + o) / 2)  # noqa: E731
    _how = "mpmath.ncdf, for the deviation that keeps the second moment" if _number < 72 else "mpmath.ncdf"
    confirms(_number, by=_how, tolerance=1e-13)(_normal(_inputs))
    confirms(_number, reading="truncated_at_two", by=f"{_how}, cut at two", tolerance=1e-13)(_normal(_inputs, 2))
    confirms(_number, reading="truncated_at_two_rescaled", by=f"{_how}, cut at two, integrals", tolerance=1e-13)(_normal(_inputs, 2, True))
    if _number < 72:
        confirms(_number, reading="fan_average", by=f"{_how} at the mean of both sides", tolerance=1e-13)(_normal(_average))
confirms(70, reading="fan_average_truncated_at_two", by="both", tolerance=1e-13)(_normal(lambda i, o: _KEEPS[70]((i + o) / 2), 2))
confirms(70, reading="fan_average_truncated_at_two_rescaled", by="both", tolerance=1e-13)(
    _normal(lambda i, o: _KEEPS[70]((i + o) / 2), 2, True)
)

# penalties and batches


def _penalty(scale: Any) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        for shapes in (((2, 3), (3, 1)), ((1, 1),)):
            (loss,), (lambda_,) = vector(rng, 1), shares(rng, 1)
            weights = [vector(rng, *shape) for shape in shapes]
            norms = [mp.mnorm(mp.matrix(W.tolist()), "f") for W in weights]
            yield (loss, weights, lambda_), loss + lambda_ * mp.norm(norms, 2) ** 2 * scale

    return cases


confirms(73, by="mpmath.mnorm, Frobenius' norm")(_penalty(1))
confirms(73, reading="half", by="half of mpmath.mnorm squared")(_penalty(mp.mpf(1) / 2))


def _mean(x: Any) -> Any:
    return mp.fsum(x) / len(x)


@confirms(74, by="mpmath.fsum over their number")
def _(rng: np.random.Generator) -> Cases:
    yield from (((x := vector(rng, m),), _mean(x)) for m in (1, 2, 5))


@confirms(75, by="E x² − (E x)², and the square of the distance to another centre")
def _(rng: np.random.Generator) -> Cases:
    for m in (1, 2, 5):
        x, (away,) = vector(rng, m), vector(rng, 1)
        for centre in (_mean(x), _mean(x) + away):
            yield (x, centre), _mean(x * x) - _mean(x) ** 2 + (_mean(x) - centre) ** 2


@confirms(76, by="powers −1/2, by exponentials")
def _(rng: np.random.Generator) -> Cases:
    for m in (1, 4):
        x, (mu,), (s, epsilon) = vector(rng, m), vector(rng, 1), shares(rng, 2)
        yield (x, mu, s, epsilon), [mp.exp(-mp.log(s + epsilon) / 2) * (v - mu) for v in x]


@confirms(77, by="mpmath.fdot")
def _(rng: np.random.Generator) -> Cases:
    for m in (1, 4):
        x, (gamma, beta) = vector(rng, m), vector(rng, 2)
        yield (x, gamma, beta), [mp.fdot((gamma, beta), (v, 1)) for v in x]


# statements with readings: what a unit is multiplied by in training and at inference, and what a running variance becomes


def _factors(train: Any, infer: Any) -> Any:
    def cases(rng: np.random.Generator) -> Cases:
        yield from (((p,), [train(p), infer(p)]) for p in exact((0.125, 0.75, 0.25)))

    return cases


_MEAN = "the mean over masks, which inference stands for"
confirms("s12.2-inference-scale", by="the share of dropped units, printed")(_factors(lambda p: 1, lambda p: p))
confirms("s12.2-inference-scale", reading="kept_share", by=_MEAN)(_factors(lambda p: 1, lambda p: mp.fdot((p, 1 - p), (0, 1))))
confirms("s12.2-inference-scale", reading="inverted", by=_MEAN)(_factors(lambda p: 1 / mp.fdot((p, 1 - p), (0, 1)), lambda p: 1))


def _running(unit: Any, back: Any, bias: Any) -> Any:
    """A quarter of the way, half, or all of it, from the old to the new: in a unit, and back."""

    def cases(rng: np.random.Generator) -> Cases:
        for (old, new), m, rate in zip(shares(rng, 9, 2), exact((2, 3, 8) * 3), exact((0.25, 0.5, 1.0) * 3), strict=True):
            yield (old, new, m, rate), back(unit(old) + rate * (unit(new * bias(m)) - unit(old)))

    return cases


confirms("s12.3-inference", by="lengths, as hypotenuses are averaged")(_running(mp.sqrt, lambda s: s * s, lambda m: 1))
confirms("s12.3-inference", reading="variance", by="a point on the straight line")(_running(lambda v: v, lambda v: v, lambda m: 1))
confirms("s12.3-inference", reading="unbiased_variance", by="a sum of squares over m − 1")(
    _running(lambda v: v, lambda v: v, lambda m: m / (m - 1))
)
