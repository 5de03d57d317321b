"""From an operation and the dimensions of a call to the claims that its results are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.comparison import Claim
from eqwise.spec.document import reading_as
from eqwise.spec.numbers.expression import Array, Expression, each, symbol, symbols, total
from eqwise.spec.numbers.tape import gradient, pullback
from eqwise.spec.regularization import batch_mean, batch_variance, normalized


@dataclass(frozen=True)
class Frame:
    """What is fixed while a claim is built: the operation, its dimensions, its options and the readings of its equations.

    `dims` is (n,) for vectors, (m,) for columns of m samples, (n_in, n_out) for affine maps, all widths for networks and
    lists of matrices, () for scalars.
    """

    operation: str
    dims: tuple[int, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    readings: tuple[tuple[int, str], ...] = ()
    reduction: str | None = None

    @property
    def entry(self) -> Operation:
        return OPERATIONS[self.operation]

    def shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """The name and shape of every array of one row, in the order of the contract, network parameters one by one."""
        names = list(self.entry.inputs)
        match self.entry.shape:
            case "affine":
                n_in, n_out = self.dims
                return list(zip(names, [(n_in,), (n_in, n_out), (n_out,)], strict=True))
            case "network":
                pairs = list(pairwise(self.dims))
                weights = [(f"W{i + 1}", pair) for i, pair in enumerate(pairs)]
                return [("x", self.dims[:1]), *weights, *((f"b{i + 1}", pair[1:]) for i, pair in enumerate(pairs))]
            case "matrices":
                return [(f"W{i + 1}", pair) for i, pair in enumerate(pairwise(self.dims))]
            case "columns":
                return [(name, () if k else self.dims) for k, name in enumerate(names)]
            case _:
                return [(name, self.dims) for name in names]

    def outputs(self, arrays: list[Array], hyper: Mapping[str, Expression]) -> Array:
        """The formula on one row of symbols, as a flat array."""
        with reading_as(dict(self.readings)):
            if self.entry.shape == "elementwise" and self.dims:
                made: Any = each(lambda *scalars: self.entry.formula(*scalars, **hyper), *arrays)
            elif self.entry.shape == "matrices":
                made = self.entry.formula(arrays, **hyper)
            else:
                made = self.entry.formula(*arrays, **hyper, **dict(self.options))
            if self.reduction:
                made = total(made) if self.reduction == "sum" else total(made) / len(made)
        return np.array(made, object).ravel()


def _symbols(name: str, shape: tuple[int, ...]) -> Any:
    return symbols(name, *shape) if shape else symbol(name)


def _flat(arrays: list[Any]) -> tuple[Expression, ...]:
    return tuple(x for array in arrays for x in np.array(array, object).ravel())


@lru_cache(maxsize=512)
def value_claim(frame: Frame) -> Claim:
    """One row: the outputs, over the row's inputs and the hyper-parameters."""
    arrays = [_symbols(name, shape) for name, shape in frame.shapes()]
    hyper = {name: symbol(name) for name in frame.entry.hyper}
    simplified = _by_scores(*arrays) if frame.operation in ("logistic_binary_cross_entropy", "softmax_cross_entropy") else ()
    return Claim(tuple(frame.outputs(arrays, hyper)), _flat([*arrays, *hyper.values()]), simplified=simplified)


def _by_scores(u: Array, t: Array) -> tuple[Expression, ...]:
    """The sizes of the terms of Σt(log Σeᵘ − u), and of Σ(max(u, 0) − ut + log(1 + e^−|u|)), which cancel where u is large."""
    return (total([abs(score) * (1 + abs(share)) for score, share in zip(u, t, strict=True)]),)


@lru_cache(maxsize=512)
def slope_claim(frame: Frame, wrt: int) -> Claim:
    """Elements: cotangent · ∂f/∂(input number `wrt`), over the inputs, the hyper-parameters and the cotangent."""
    value, cotangent = value_claim(frame), symbol("cotangent")
    slope = gradient(value.outputs[0], [value.inputs[wrt]])[0]
    applied = ((value.inputs[wrt], value.outputs[0]),)
    inputs = (*value.inputs, cotangent)
    return Claim((cotangent * slope,), inputs, value.outputs[0], wrt, True, applied, cotangents=(cotangent,))


@lru_cache(maxsize=512)
def shared_claim(frame: Frame) -> Claim:
    """Elements that share the second input a: Σ cotangent·∂f/∂a, over their first inputs, a, and their cotangents."""
    (n,) = frame.dims
    x, a, cotangents = symbols("x", n), symbol("a"), symbols("cotangent", n)
    outputs = frame.outputs([x, np.full(n, a)], {})
    return Claim(tuple(pullback(_flat([outputs]), [a], _flat([cotangents]))), (*x, a, *cotangents), is_derivative=True)


@lru_cache(maxsize=512)
def pullback_claim(frame: Frame, batch: int | None, offered: tuple[bool, ...] | None) -> Claim:
    """The vector-Jacobian product: of one row, or of a batch that shares all inputs but the first.

    `offered` says for which of the input arrays; None for all.
    """
    hyper = {name: symbol(name) for name in frame.entry.hyper}
    (first, shape), *others = frame.shapes()
    shared = [_symbols(name, other) for name, other in others]
    rows = _symbols(first, shape) if batch is None else symbols(first, batch, *shape)
    outputs = [frame.outputs([row, *shared], hyper) for row in ([rows] if batch is None else rows)]
    width = len(outputs[0])
    cotangents = _flat([symbols("cotangent", width) if batch is None else symbols("cotangent", batch, width)])
    arrays = [rows, *shared]
    wanted = [array for k, array in enumerate(arrays) if offered is None or offered[k]]
    gradients = pullback(_flat(outputs), _flat(wanted), cotangents)
    applied = tuple(pair for row in ([rows] if batch is None else rows) for pair in _applied(frame, row, shared))
    simplified = _by_centred_batch(arrays[0], arrays[1], hyper["epsilon"], cotangents) if frame.entry.shape == "columns" else ()
    inputs = (*_flat(arrays), *hyper.values(), *cotangents)
    factors = tuple(outputs[0]) if frame.operation == "softmax" else ()
    return Claim(tuple(gradients), inputs, None, 0, True, applied, simplified, factors=factors, cotangents=cotangents)


def _by_centred_batch(x: Array, gamma: Expression, epsilon: Expression, c: tuple[Expression, ...]) -> tuple[Any, ...]:
    """μ·γ/(σ² + ε)·mean(cx̂) for every sample: the error of γ/√(σ² + ε)·(c − mean(c) − x̂·mean(cx̂)) by that of μ.

    This form of the gradient takes Σx̂ for 0, as it is for the exact mean; in the reverse tape an error of μ cancels.
    """
    mu = batch_mean(x)
    squared = batch_variance(x, mu) + epsilon
    along = total(np.array(c) * normalized(x, mu, batch_variance(x, mu), epsilon)) / len(x)
    return (mu * gamma / squared * along,) * len(x)


def _applied(frame: Frame, row: Array, parameters: list[Array]) -> list[tuple[Expression, Expression]]:
    """The element-wise activations u ↦ f(u) of a network, or of a composite of a loss with the logistic function."""
    if frame.operation == "logistic_binary_cross_entropy":
        return [(u, OPERATIONS["logistic"].formula(u)) for u in row]
    if frame.entry.shape != "network":
        return []
    depth, options, found = len(frame.dims) - 1, dict(frame.options), []
    for layer in range(depth):
        name = options["output" if layer == depth - 1 else "activation"]
        u = parameters[layer].T @ row + parameters[depth + layer]
        if name != "softmax":
            row = each(OPERATIONS[name].formula, u)
            found += list(zip(u, row, strict=True))
    return found
