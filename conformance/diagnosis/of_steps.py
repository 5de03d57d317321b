"""The steps of back-propagation as the notes print them, and the other forms that each is written in by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from eqwise.conformance.adapter import activation_named
from eqwise.conformance.diagnosis.passes import Pass, Step
from eqwise.conformance.diagnosis.vocabulary import CONSTANT, at_most
from eqwise.spec.backpropagation import activated, augmented, delta_below, output_delta, pre_activations, slope, weight_gradient
from eqwise.spec.gradient_descent import mini_batch
from eqwise.spec.network import Activation
from eqwise.spec.numbers.expression import ONE, OTHERWISE, ZERO, Array, Expression, cases, each, maximum, negative, node, number, total

Change = Callable[[Array], Array]
ACTIVATIONS = {name: activation_named(name) for name in ("logistic", "tanh", "relu", "softplus")}


@dataclass(frozen=True)
class Variant:
    """A step in another form: what is wrong, a clause that tells it, and the equation that it departs from."""

    kind: str
    text: str
    form: Step
    equation: int
    cost: int = 1

    @property
    def is_open(self) -> bool:
        """Whether a number is left to be measured."""
        return "κ" in self.text


def rows(made: Iterator[Array] | list[Array]) -> Array:
    """Arrays of one shape, a sample a row."""
    return np.array(list(made), object)


def mean(samples: list[Array]) -> Array:
    """The mean over the batch."""
    return mini_batch(*samples)  # type: ignore[no-any-return]


# as printed


def affine(p: Pass, layer: int) -> Array:
    return rows([pre_activations(p.theta(layer), augmented(h)) for h in p.hs[layer - 1]])


def activate(p: Pass, layer: int) -> Array:
    return rows([activated(p.f(layer), u) for u in p.us[layer]])


def output(p: Pass, layer: int) -> Array:
    return rows([output_delta(y, t) for y, t in zip(p.hs[layer], p.t, strict=True)])


def product(p: Pass, layer: int) -> Array:
    return _product(p.hs[layer - 1], p.deltas[layer])


def below(p: Pass, layer: int) -> Array:
    theta, f = p.theta(layer + 1), p.f(layer)
    return rows([delta_below(theta, delta, f, u) for delta, u in zip(p.deltas[layer + 1], p.us[layer], strict=True)])


STEPS: Mapping[str, Step] = {"affine": affine, "activate": activate, "output": output, "product": product, "below": below}


def variants() -> dict[str, list[Variant]]:
    """Every other form, by step."""
    return {
        "affine": list(_affine()),
        "activate": list(_activate()),
        "output": list(_output()),
        "product": list(_product_forms()),
        "below": list(_below()),
    }


def square(matrix: Array) -> Array:
    """Transposed where that shows in no shape."""
    return matrix.T if matrix.shape[0] == matrix.shape[1] else matrix


def bounded(x: Expression) -> Expression:
    return maximum(at_most(x, CONSTANT), negative(CONSTANT))


# the forward pass


def _affine() -> Iterator[Variant]:
    def put(kind: str, text: str, bias: Step, weights: Step = lambda p, k: p.theta(k)[1:]) -> Variant:
        return Variant(kind, text, lambda p, k: p.hs[k - 1] @ weights(p, k) + bias(p, k), 40)

    yield put("term left out", "the bias left out", lambda p, k: 0 * p.theta(k)[0])
    yield put("transposed", "square weight matrices transposed", lambda p, k: p.theta(k)[0], lambda p, k: square(p.theta(k)[1:]))
    yield put("row", "the bias taken from the last row of theta, the weights from those before",
              lambda p, k: p.theta(k)[1], lambda p, k: np.vstack([p.theta(k)[2:], p.theta(k)[:1]]))  # fmt: skip
    yield put("part of a sum", "the last term of the sum left out", lambda p, k: p.theta(k)[0], _without_last_row)
    yield put("activated", "the leading 1 of h activated as well", _activated_bias)
    yield Variant("factor", "the bias times κ", lambda p, k: p.hs[k - 1] @ p.theta(k)[1:] + CONSTANT * p.theta(k)[0], 40, 2)


def _without_last_row(p: Pass, layer: int) -> Array:
    weights = p.theta(layer)[1:]
    return np.vstack([weights[:-1], 0 * weights[-1:]])


def _activated_bias(p: Pass, layer: int) -> Array:
    one = p.f(layer - 1)(np.array([ONE], object))[0] if layer > 1 else ONE
    return one * p.theta(layer)[0]  # type: ignore[no-any-return]


def _activate() -> Iterator[Variant]:
    def put(kind: str, text: str, form: Step, cost: int = 1) -> Variant:
        return Variant(kind, text, form, 41, cost)

    yield put("activation left out", "the activation left out", lambda p, k: p.us[k])
    yield put("activation twice", "the activation applied twice", lambda p, k: rows([p.f(k)(p.f(k)(u)) for u in p.us[k]]))
    yield put("another axis", "the activation applied over the batch, not over a sample",
              lambda p, k: rows([p.f(k)(u) for u in p.us[k].T]).T)  # fmt: skip
    yield put("bound", "h bounded by κ from above", lambda p, k: each(lambda v: at_most(v, CONSTANT), activate(p, k)), 2)
    yield put("bound", "h bounded by κ from below", lambda p, k: each(lambda v: maximum(v, CONSTANT), activate(p, k)), 2)
    yield put("factor", "u times κ", lambda p, k: rows([p.f(k)(CONSTANT * u) for u in p.us[k]]), 3)
    for name, other in ACTIVATIONS.items():
        yield put("another activation", f"{name} for the activation", lambda p, k, f=other: f(p.us[k]), 2)  # type: ignore[misc]


# δ of the output


def _output() -> Iterator[Variant]:
    def put(kind: str, text: str, form: Step, cost: int = 1) -> Variant:
        return Variant(kind, text, form, 56, cost)

    yield put("factor twice", "f' of the output multiplied in, which y - t holds already", lambda p, k: _behind(p, k, output(p, k)))
    yield put("another loss", "the gradient of the cross-entropy of two classes for every output taken through f'",
              lambda p, k: _behind(p, k, (p.hs[k] - p.t) / (p.hs[k] * (1 - p.hs[k]))), 2)  # fmt: skip
    yield put("another loss", "the gradient of -Σt log y by the diagonal of softmax' Jacobian alone: -t(1 - y)",
              lambda p, k: -p.t * (1 - p.hs[k]), 2)  # fmt: skip
    yield put("another loss", "both halves of the binary cross-entropy taken through f'", _binary_behind, 2)
    yield put("activation twice", "the output's activation applied once more to y", lambda p, k: rows([p.f(k)(y) for y in p.hs[k]]) - p.t)
    yield put("activation left out", "u for y", lambda p, k: p.us[k] - p.t)
    yield put("mean over the batch", "δ averaged over the batch first", _averaged)
    yield put("sign", "the sign turned: t - y", lambda p, k: p.t - p.hs[k])
    yield put("absolute value", "the absolute value of y - t", lambda p, k: each(abs, output(p, k)))
    yield put("bound", "y - t bounded by κ in size", lambda p, k: each(bounded, output(p, k)), 2)
    yield put("factor", "y - t times κ", lambda p, k: CONSTANT * output(p, k), 2)
    yield put("normalised", "y - t divided by its norm", lambda p, k: rows([d / node("sqrt", d @ d) for d in output(p, k)]))
    yield put("relative", "y - t divided by |t| where that is above κ, and by κ elsewhere",
              lambda p, k: output(p, k) / each(lambda v: maximum(abs(v), CONSTANT), p.t), 2)  # fmt: skip
    yield put("part", "the first output alone", lambda p, k: output(p, k) * _ones(p, 0, 1))
    yield put("part", "the last output left out", lambda p, k: output(p, k) * _ones(p, 0, p.t.shape[1] - 1))
    yield put("mean for sum", "y - t divided by the number of outputs", lambda p, k: output(p, k) / number(p.t.shape[1]))
    yield put("smoothed", "targets smoothed: (1 - κ)t + κ/n",
              lambda p, k: p.hs[k] - (1 - CONSTANT) * p.t - CONSTANT / number(p.t.shape[1]), 2)  # fmt: skip


def _behind(p: Pass, layer: int, by_y: Array) -> Array:
    """∂E/∂u from ∂E/∂y: through softmax' Jacobian, or element by element."""
    y = p.hs[layer]
    if p.network.output != "softmax":
        return p.slope(layer) * by_y
    return rows([row * (part - total(part * row)) for row, part in zip(y, by_y, strict=True)])


def _binary_behind(p: Pass, layer: int) -> Array:
    return _behind(p, layer, (p.hs[layer] - p.t) / (p.hs[layer] * (1 - p.hs[layer])))


def _ones(p: Pass, first: int, last: int) -> Array:
    """1 for these outputs, 0 for the others."""
    return np.array([ONE if first <= k < last else ZERO for k in range(p.t.shape[1])], object)


def _averaged(p: Pass, layer: int) -> Array:
    return rows([mean(list(output(p, layer)))] * p.batch)


# gradients of the weights


def _product(h: Array, delta: Array) -> Array:
    return mean([weight_gradient(augmented(a), b) for a, b in zip(h, delta, strict=True)])


def _product_forms() -> Iterator[Variant]:
    def put(kind: str, text: str, form: Step, cost: int = 1) -> Variant:
        return Variant(kind, text, form, 48, cost)

    yield put("argument", "u of the layer below for its h", lambda p, k: _product(p.us[k - 1] if k > 1 else p.hs[0], p.deltas[k]))
    yield put("argument", "h of the same layer for that below, where the shapes allow it",
              lambda p, k: _product(p.hs[k] if p.hs[k].shape == p.hs[k - 1].shape else p.hs[k - 1], p.deltas[k]))  # fmt: skip
    yield put("zero", "no gradient of the last unit of the layer", _last_column_zero, 2)
    yield put("transposed", "the gradient of a square weight matrix transposed", lambda p, k: _changed(p, k, weights=square))
    yield put("transposed", "the gradient of the weights reshaped where it should be transposed",
              lambda p, k: _changed(p, k, weights=lambda g: g.T.reshape(g.shape)))  # fmt: skip
    yield put("zero", "no gradient", lambda p, k: 0 * product(p, k))
    yield put("zero", "no gradient of the biases", lambda p, k: _changed(p, k, biases=lambda g: 0 * g))
    yield put("zero", "no gradient of the weights of the last input", lambda p, k: _changed(p, k, weights=_last_row_zero), 2)
    yield put("sum for mean", "the biases' gradients summed over the batch, not averaged",
              lambda p, k: _changed(p, k, biases=lambda g: p.batch * g))  # fmt: skip
    yield put("mean of a mean", "the biases' gradients divided by m once more",
              lambda p, k: _changed(p, k, biases=lambda g: g / number(p.batch)))  # fmt: skip
    yield put("mean of each factor", "the mean of h times the mean of δ, for the mean of their product",
              lambda p, k: weight_gradient(augmented(mean(list(p.hs[k - 1]))), mean(list(p.deltas[k]))))  # fmt: skip
    yield put("mean of units", "the mean of δ over the units of the layer for each of them", _one_delta)
    yield put("bound", "the gradient bounded by κ in size", lambda p, k: each(bounded, product(p, k)), 2)
    yield put("part", "the last sample left out of a batch of odd size", _odd_left_out)
    for name in ("float16", "bfloat16", "float32"):
        yield put("lower precision", f"both factors rounded to {name}",
              lambda p, k, r=f"rounded to {name}": _rounded(p, k, r), 1)  # type: ignore[misc]  # fmt: skip


def _changed(p: Pass, layer: int, weights: Change | None = None, biases: Change | None = None) -> Array:
    """The gradient, that of the biases or of the weights in another form."""
    found = product(p, layer)
    first, rest = found[0], found[1:]
    return np.vstack([biases(first) if biases else first, weights(rest) if weights else rest])


def _last_column_zero(p: Pass, layer: int) -> Array:
    found = product(p, layer)
    return np.hstack([found[:, :-1], 0 * found[:, -1:]])


def _last_row_zero(weights: Array) -> Array:
    return np.vstack([weights[:-1], 0 * weights[-1:]])


def _one_delta(p: Pass, layer: int) -> Array:
    delta = p.deltas[layer]
    return _product(p.hs[layer - 1], rows([np.full(len(d), total(d) / number(len(d)), object) for d in delta]))


def _odd_left_out(p: Pass, layer: int) -> Array:
    count = max(p.batch - p.batch % 2, 1)
    found = _product(p.hs[layer - 1][:count], p.deltas[layer][:count])
    return found * number(count) / number(p.batch)


def _rounded(p: Pass, layer: int, rounding: str) -> Array:
    h, delta = (each(lambda v: node(rounding, v), a) for a in (p.hs[layer - 1], p.deltas[layer]))
    return _product(h, delta)


# δ of hidden layers


def _below() -> Iterator[Variant]:
    def put(kind: str, text: str, form: Step, cost: int = 1) -> Variant:
        return Variant(kind, text, form, 52, cost)

    yield put("factor left out", "f' left out", _through)
    yield put("argument", "f' taken at h, not at u", lambda p, k: _through(p, k) * p.slope(k, p.hs[k]))
    yield put("factor twice", "f' multiplied in twice", lambda p, k: _through(p, k) * p.slope(k) * p.slope(k))
    yield put("mean over the batch", "f' averaged over the batch", lambda p, k: _through(p, k) * mean(list(p.slope(k))))
    yield put("transposed", "square weight matrices transposed", lambda p, k: (p.deltas[k + 1] @ square(p.theta(k + 1)[1:]).T) * p.slope(k))
    yield put("row", "the last row of theta dropped in place of row 0", lambda p, k: (p.deltas[k + 1] @ p.theta(k + 1)[:-1].T) * p.slope(k))
    yield put("part of a sum", "the last unit of the next layer left out", _last_unit_left_out)
    yield put("mean for sum", "the mean over the units of the next layer for the sum",
              lambda p, k: below(p, k) / number(p.deltas[k + 1].shape[1]))  # fmt: skip
    yield put("largest for sum", "only the largest term, in size, of the sum over the next layer", _strongest, 2)
    yield put("another place", "f' multiplied in before the product, where the shapes allow it", _before)
    yield put("term added", "the biases of the next layer added to its δ",
              lambda p, k: ((p.deltas[k + 1] + p.theta(k + 1)[0]) @ p.theta(k + 1)[1:].T) * p.slope(k))  # fmt: skip
    yield put("updated already", "theta of the next layer already updated, with a learning rate of κ", _updated, 2)
    yield put("normalised", "δ divided by the largest in size of the batch", _normalised)
    yield put("cut", "δ smaller than κ in size set to 0", lambda p, k: each(_cut, below(p, k)), 2)
    yield put("bound", "δ bounded by κ in size", lambda p, k: each(bounded, below(p, k)), 2)
    yield put("zero", "δ is 0", lambda p, k: 0 * p.us[k])
    for name, other in ACTIVATIONS.items():
        yield put("another activation", f"f' of {name}", lambda p, k, f=other: _through(p, k) * _slope(f, p.us[k]), 2)  # type: ignore[misc]


def _cut(x: Expression) -> Expression:
    return cases((abs(x) < CONSTANT, ZERO), (OTHERWISE, x))


def _through(p: Pass, layer: int) -> Array:
    """∂E/∂h."""
    return p.deltas[layer + 1] @ p.theta(layer + 1)[1:].T  # type: ignore[no-any-return]


def _slope(f: Activation, us: Array) -> Array:
    return rows([slope(f, u) for u in us])


def _last_unit_left_out(p: Pass, layer: int) -> Array:
    delta = np.hstack([p.deltas[layer + 1][:, :-1], 0 * p.deltas[layer + 1][:, -1:]])
    return (delta @ p.theta(layer + 1)[1:].T) * p.slope(layer)  # type: ignore[no-any-return]


def _strongest(p: Pass, layer: int) -> Array:
    paths = p.deltas[layer + 1][:, None, :] * p.theta(layer + 1)[1:]
    return np.array([[_largest(terms) for terms in sample] for sample in paths], object) * p.slope(layer)


def _largest(terms: Array) -> Expression:
    first, *others = terms
    for term in others:
        first = cases((abs(term) > abs(first), term), (OTHERWISE, first))
    return first  # type: ignore[no-any-return]


def _before(p: Pass, layer: int) -> Array:
    delta, slopes = p.deltas[layer + 1], p.slope(layer)
    return (delta * slopes) @ p.theta(layer + 1)[1:].T if delta.shape == slopes.shape else below(p, layer)


def _updated(p: Pass, layer: int) -> Array:
    moved = p.theta(layer + 1) - CONSTANT * product(p, layer + 1)
    return (p.deltas[layer + 1] @ moved[1:].T) * p.slope(layer)


def _normalised(p: Pass, layer: int) -> Array:
    found = below(p, layer)
    largest = ZERO
    for item in found.ravel():
        largest = maximum(largest, abs(item))
    return found / largest
