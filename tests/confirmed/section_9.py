"""Equations (40) to (56), on networks in mpmath: every derivative by differences in 50 digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath as mp
import numpy as np

from confirmed.making import DIGITS, Cases, Function, confirms, exact, vector
from eqwise.spec.numbers.expression import each, exp

BEND = Function(lambda u: each(lambda x: x / (1 + exp(-x)), u) if np.ndim(u) else u / (1 + exp(-u)), None)  # type: ignore[arg-type]
WIDTHS = (2, 3, 2)


def _bend(x: Any) -> Any:
    """An activation that the notes do not name, with a slope of its own everywhere: x/(1 + e⁻ˣ)."""
    return x * (1 + mp.tanh(x / 2)) / 2


@dataclass(frozen=True)
class Network:
    """Two layers: θ with the biases in row 0, the first activation bent, the output and the loss as told."""

    x: Any
    t: Any
    thetas: tuple[Any, Any]
    output: str

    def u(self, layer: int, thetas: Any = None) -> Any:
        first, second = thetas or self.thetas
        u = _affine(first, self.x)
        return u if layer == 1 else _affine(second, [_bend(v) for v in u])

    def loss_from(self, layer: int, u: Any) -> Any:
        """The loss, as a function of u of a layer."""
        return self.loss_from(2, _affine(self.thetas[1], [_bend(v) for v in u])) if layer == 1 else LOSSES[self.output](u, self.t)

    def delta(self, layer: int) -> list[Any]:
        """∂E/∂u by differences."""
        return _slopes(lambda *u: self.loss_from(layer, u), self.u(layer))

    def by_theta(self, layer: int, i: int, j: int, of: Callable[[Any], Any]) -> Any:
        """The derivative of what `of` makes of the thetas by one of their elements."""

        def moved(value: Any) -> Any:
            thetas = [np.array(theta) for theta in self.thetas]
            thetas[layer - 1][i, j] = value
            return of(tuple(thetas))

        return mp.diff(moved, self.thetas[layer - 1][i, j])

    def loss_of(self, thetas: Any) -> Any:
        return LOSSES[self.output](self.u(2, thetas), self.t)

    def h(self, layer: int) -> list[Any]:
        """With the leading 1."""
        return [mp.mpf(1), *(self.x if layer == 0 else [_bend(v) for v in self.u(1)])]


def _affine(theta: Any, h: Any) -> list[Any]:
    return [mp.fdot(theta[:, j], [1, *h]) for j in range(theta.shape[1])]


def _logistic(x: Any) -> Any:
    return (1 + mp.tanh(x / 2)) / 2


LOSSES = {  # of the argument of the output's activation
    "identity": lambda u, t: mp.norm([a - b for a, b in zip(u, t, strict=True)], 2) ** 2 / 2,
    "logistic": lambda u, t: -mp.log(mp.fprod(_logistic(a) ** b * _logistic(-a) ** (1 - b) for a, b in zip(u, t, strict=True))),
    "softmax": lambda u, t: -mp.log(mp.fprod((mp.exp(a) / mp.fsum(map(mp.exp, u))) ** b for a, b in zip(u, t, strict=True))),
}
OUTPUTS = {
    "identity": lambda u: list(u),
    "logistic": lambda u: [_logistic(a) for a in u],
    "softmax": lambda u: [mp.exp(a) / mp.fsum(map(mp.exp, u)) for a in u],
}


@lru_cache
def networks() -> list[Network]:
    """One for each of the pairs of (56)."""
    rng = np.random.default_rng(9)
    with mp.workdps(DIGITS):
        return [
            Network(vector(rng, 2), exact([0.25, 0.75]), tuple(vector(rng, n + 1, m) for n, m in ((2, 3), (3, 2))), output)  # type: ignore[arg-type]
            for output in LOSSES
        ]


def _slopes(function: Any, at: Any) -> list[Any]:
    return [mp.diff(function, tuple(at), tuple(int(k == i) for i in range(len(at)))) for k in range(len(at))]


def _bent_slope(x: Any) -> Any:
    return mp.diff(_bend, x)


def _elements() -> Iterator[tuple[Network, int, int, int]]:
    for network in networks():
        for layer, (n, m) in enumerate(((2, 3), (3, 2)), 1):
            yield from ((network, layer, i, j) for i, j in ((0, 0), (1, 1), (n, m - 1)))


def _array(items: Any) -> Any:
    return np.array(items, object)


@confirms(40, 42, by="products of mpmath.matrix, with a leading 1")
def _(rng: np.random.Generator) -> Cases:
    for n, m in ((3, 2), (2, 3), (2, 2)):
        theta, h = vector(rng, n, m), _array([mp.mpf(1), *vector(rng, n - 1)])
        yield (theta, h), list(mp.matrix(theta.tolist()).T * mp.matrix(h.tolist()))


@confirms(41, 43, by="x(1 + tanh(x/2))/2, element by element")
def _(rng: np.random.Generator) -> Cases:
    for n in (1, 3):
        u = vector(rng, n)
        yield (BEND, u), [_bend(v) for v in u]


@confirms(44, by="differences of the loss, and of u, by an element of θ", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network, layer, i, j in _elements():
        u_by_theta = network.by_theta(layer, i, j, lambda thetas, n=network, k=layer, j=j: n.u(k, thetas)[j])
        yield (network.delta(layer)[j], u_by_theta), network.by_theta(layer, i, j, network.loss_of)


@confirms(45, by="differences of u by an element of θ", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network, layer, i, j in _elements():
        yield (network.h(layer - 1)[i],), network.by_theta(layer, i, j, lambda thetas, n=network, k=layer, j=j: n.u(k, thetas)[j])


@confirms(46, by="differences of a loss that is not of the notes", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    loss = Function(lambda u: exp(u[0]) * u[1] ** 3 / u[2], lambda a, b, c: mp.exp(a) * b**3 / c)
    for _ in range(3):
        u = vector(rng, 3)
        yield (loss, u), _slopes(loss.known, u)


@confirms(47, by="differences of the loss by an element of θ", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network, layer, i, j in _elements():
        yield (network.delta(layer)[j], network.h(layer - 1)[i]), network.by_theta(layer, i, j, network.loss_of)


@confirms(48, by="differences of the loss by every element of θ", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network in networks():
        for layer in (1, 2):
            wanted = [
                [network.by_theta(layer, i, j, network.loss_of) for j in range(network.thetas[layer - 1].shape[1])]
                for i in range(network.thetas[layer - 1].shape[0])
            ]
            yield (_array(network.h(layer - 1)), _array(network.delta(layer))), wanted


@confirms(49, by="differences of the loss by u, through u of the next layer", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network in networks():
        for j in range(3):
            through = [mp.diff(lambda v, k=k, j=j, n=network: _next(n, j, v)[k], network.u(1)[j]) for k in range(2)]
            yield (_array(network.delta(2)), _array(through)), network.delta(1)[j]


def _next(network: Network, j: int, value: Any) -> Any:
    """u of layer 2, where one u of layer 1 has this value."""
    u = [value if k == j else v for k, v in enumerate(network.u(1))]
    return _affine(network.thetas[1], [_bend(v) for v in u])


@confirms(50, by="differences of u by u of the layer below", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network in networks():
        for j in range(3):
            for k in range(2):
                u_j = network.u(1)[j]
                wanted = mp.diff(lambda v, k=k, j=j, n=network: _next(n, j, v)[k], u_j)
                yield (network.thetas[1][j + 1, k], BEND, u_j), wanted


@confirms(51, by="differences of the loss by u", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network in networks():
        for j in range(3):
            yield (_array(network.delta(2)), network.thetas[1][j + 1], BEND, network.u(1)[j]), network.delta(1)[j]


@confirms(52, by="differences of the loss by every u", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network in networks():
        yield (network.thetas[1], _array(network.delta(2)), BEND, _array(network.u(1))), network.delta(1)


@confirms(53, by="u")
def _(rng: np.random.Generator) -> Cases:
    u = vector(rng, 3)
    yield (u,), list(u)


@confirms(55, by="differences of half a squared norm", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for y, t in zip(vector(rng, 5), vector(rng, 5), strict=True):
        yield (y, t), mp.diff(lambda v, t=t: LOSSES["identity"]([v], [t]), y)


@confirms(56, by="differences of the loss by u, for the three pairs", tolerance=1e-15)
def _(rng: np.random.Generator) -> Cases:
    for network in networks():
        yield (_array(OUTPUTS[network.output](network.u(2))), network.t), network.delta(2)
