"""Equations (1) to (26): perceptrons, layers, activations, metrics."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np

from confirmed.making import Cases, Function, confirms, exact, reals, shares, vector
from eqwise.spec.numbers.expression import each

WEIGHTS = [exact(row) for row in ((1.0, 1.0), (2.0, -1.0), (-0.5, 3.0), (0.25, 0.5))]
LORENTZ = Function(lambda u: each(lambda x: 1 / (1 + x * x), u), np.frompyfunc(lambda x: 1 / (1 + x * x), 1, 1))  # for any activation


def _fires(w: Any, x: Any, b: Any) -> int:
    return int(mp.sign(mp.fdot([*w, b], [*x, 1])) > 0)


@confirms(1, 4, 5, by="the sign of mpmath.fdot, on both sides of the line and on it")
def _(rng: np.random.Generator) -> Cases:
    for w in WEIGHTS:
        for _ in range(6):
            x = vector(rng, 2)
            for off in (0, mp.mpf(2) ** -40, -mp.mpf(2) ** -40, 2, -2):
                b = off - mp.fdot(w, x)
                yield (x, w, b), _fires(w, x, b)


@confirms(2, 9, by="(1 + sign u)/2 but at 0, where it is 0")
def _(rng: np.random.Generator) -> Cases:
    yield from (((u,), max(mp.sign(u), 0)) for u in reals(rng))


@confirms(6, 10, by="1/2 + tanh(x/2)/2, by mpmath.tanh")
def _(rng: np.random.Generator) -> Cases:
    yield from (((x,), (1 + mp.tanh(x / 2)) / 2) for x in reals(rng))


@confirms(7, 8, by="products of mpmath.matrix, under another activation")
def _(rng: np.random.Generator) -> Cases:
    for n, m in ((3, 2), (1, 3), (2, 2)):
        x, W, b = vector(rng, n), vector(rng, n, m), vector(rng, m)
        u = mp.matrix(W.tolist()).T * mp.matrix(x.tolist()) + mp.matrix(b.tolist())
        yield (x, W, b, LORENTZ), LORENTZ.known(np.array(list(u), object))


@confirms(11, by="mpmath.tanh")
def _(rng: np.random.Generator) -> Cases:
    yield from (((x,), mp.tanh(x)) for x in reals(rng))


@confirms(12, by="the integral of its derivative, the logistic function, and ln 2 at 0")
def _(rng: np.random.Generator) -> Cases:
    for x in reals(rng, 4):
        yield (x,), mp.log(2) + mp.quad(lambda s: (1 + mp.tanh(s / 2)) / 2, [0, x])


@confirms(13, by="(x + |x|)/2")
def _(rng: np.random.Generator) -> Cases:
    yield from (((x,), (x + abs(x)) / 2) for x in reals(rng))


@confirms(14, 15, by="(x + |x|)/2 + a(x − |x|)/2, for a of any sign")
def _(rng: np.random.Generator) -> Cases:
    for a in exact((0.25, -1.5, 3.0, 0.0)):
        yield from (((x, a), (x + abs(x)) / 2 + a * (x - abs(x)) / 2) for x in reals(rng))


@confirms(16, by="mpmath.expm1 of (x − |x|)/2")
def _(rng: np.random.Generator) -> Cases:
    for a in exact((1.0, 0.25, -1.5, 3.0)):
        yield from (((x, a), (x + abs(x)) / 2 + a * mp.expm1((x - abs(x)) / 2)) for x in reals(rng))


@confirms(17, by="x")
def _(rng: np.random.Generator) -> Cases:
    yield from (((x,), x) for x in reals(rng))


@confirms(18, by="the gradient of ln Σ eˣ, by differences")
def _(rng: np.random.Generator) -> Cases:
    for n in (1, 2, 4):
        x = vector(rng, n)
        yield (x,), _gradient(lambda *v: mp.log(mp.fsum(map(mp.exp, v))), x)


def _gradient(function: Any, at: Any) -> list[Any]:
    return [mp.diff(function, tuple(at), tuple(int(k == i) for i in range(len(at)))) for k in range(len(at))]


# metrics: labels are counted one by one


def _labels(rng: np.random.Generator) -> Any:
    for share in (0.3, 0.6):
        actual, predicted = (rng.random((2, 37)) < share).tolist()
        yield list(zip(actual, predicted, strict=True))


def _counts(pairs: Any) -> tuple[Any, ...]:
    """TP, FP, FN, TN."""
    return tuple(mp.mpf(pairs.count(pair)) for pair in ((True, True), (False, True), (True, False), (False, False)))


def _mean(values: Any) -> Any:
    values = list(values)
    return mp.fsum(values) / len(values)


@confirms(19, by="1 less the mean of |actual − predicted| over labels")
def _(rng: np.random.Generator) -> Cases:
    yield from ((_counts(pairs), 1 - _mean(abs(a - p) for a, p in pairs)) for pairs in _labels(rng))


@confirms(20, by="the mean of the actual labels where the prediction is positive")
def _(rng: np.random.Generator) -> Cases:
    yield from ((_counts(pairs)[:2], _mean(a for a, p in pairs if p)) for pairs in _labels(rng))


@confirms(21, by="the mean of the predictions where the label is positive")
def _(rng: np.random.Generator) -> Cases:
    yield from (((_counts(pairs)[0], _counts(pairs)[2]), _mean(p for a, p in pairs if a)) for pairs in _labels(rng))


@confirms(22, by="the reciprocal of the mean of reciprocals")
def _(rng: np.random.Generator) -> Cases:
    yield from (((p, r), 1 / _mean((1 / p, 1 / r))) for p, r in shares(rng, 6, 2))


def _observed(rng: np.random.Generator) -> Any:
    for n in (1, 2, 5):
        yield vector(rng, n), vector(rng, n)


@confirms(23, by="the variance of the errors and the square of their mean")
def _(rng: np.random.Generator) -> Cases:
    for t, y in _observed(rng):
        d = t - y
        yield (t, y), _mean((v - _mean(d)) ** 2 for v in d) + _mean(d) ** 2


@confirms(24, by="mpmath.norm over √N")
def _(rng: np.random.Generator) -> Cases:
    yield from (((t, y), mp.norm(list(t - y), 2) / mp.sqrt(len(t))) for t, y in _observed(rng))


@confirms(25, by="mpmath.norm with p = 1 over N")
def _(rng: np.random.Generator) -> Cases:
    yield from (((t, y), mp.norm(list(t - y), 1) / len(t)) for t, y in _observed(rng))


def _determined(t: Any, y: Any, centre: Any) -> Any:
    return 1 - (mp.norm(list(t - y), 2) / mp.norm(list(t - centre), 2)) ** 2


@confirms(26, by="1 less the square of a quotient of norms, about the mean of the estimates; 0 for a constant estimate")
def _(rng: np.random.Generator) -> Cases:
    yield from (((t, y), _determined(t, y, _mean(y))) for t, y in _observed(rng))
    t = vector(rng, 4)
    yield (t, exact([2.0] * 4)), 0


@confirms(26, reading="mean_of_observations", by="the same about the mean of the observations; a squared correlation for least squares")
def _(rng: np.random.Generator) -> Cases:
    for n in (2, 5):
        t, y = vector(rng, n), vector(rng, n)
        yield (t, y), _determined(t, y, _mean(t))
    x, t = vector(rng, 5), vector(rng, 5)
    u, v = x - _mean(x), t - _mean(t)
    yield (t, _mean(t) + u * (mp.fdot(u, v) / mp.fdot(u, u))), mp.fdot(u, v) ** 2 / mp.fdot(u, u) / mp.fdot(v, v)


# table 1 under its readings: what each cell counts


def _table(order: Any, rows: int) -> Any:
    """Labels in this order; actual ones in rows (0) or in columns (1)."""

    def cases(rng: np.random.Generator) -> Cases:
        for pairs in _labels(rng):
            cells = [[(a, p) if rows == 0 else (p, a) for p in order] for a in order]
            yield _counts(pairs), [[pairs.count(cell) for cell in row] for row in cells]

    return cases


_BY = "labels counted cell by cell"
confirms("t1-confusion", by=_BY)(_table((True, False), 0))
confirms("t1-confusion", reading="ascending_labels", by=_BY)(_table((False, True), 0))
confirms("t1-confusion", reading="transposed", by=_BY)(_table((True, False), 1))
confirms("t1-confusion", reading="ascending_labels_transposed", by=_BY)(_table((False, True), 1))
