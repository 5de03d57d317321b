"""Correct implementations that round differently are failed nowhere, whatever the seed."""

import math

import ml_dtypes
import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.loading import load
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from wrong import innocents_6_to_12

SEEDS = range(8)  # every operation once
OPERATIONS_BY_SEED = [name for name in OPERATIONS if hasattr(ReferenceAdapter, name)]


class Innocent(ReferenceAdapter):
    """The reference, but for what a subclass does otherwise."""


def _reduced(function):
    """Run in float64 and cast back."""

    def wrapped(self, *inputs, **hyper):
        with np.errstate(all="ignore"):
            result = function(self, *(np.asarray(x, np.float64) for x in inputs), **hyper)
            return np.asarray(result).astype(np.asarray(inputs[0]).dtype)

    return wrapped


class OtherForms(Innocent):
    """Textbook forms that round otherwise: other orders of summation, other identities."""

    @_reduced
    def logistic(self, x): return np.exp(-np.logaddexp(0.0, -x))

    @_reduced
    def softplus(self, x): return np.logaddexp(0.0, x)

    @_reduced
    def softmax(self, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True, initial=-np.inf))
        return e * (1 / np.cumsum(e[..., ::-1], axis=-1)[..., -1:])

    @_reduced
    def dense(self, x, W, b): return b + sum(x[..., k, None] * W[k] for k in reversed(range(len(W))))

    @_reduced
    def sum_of_squares(self, y, t): return math.fsum((y - t) ** 2 / 2)

    @_reduced
    def cross_entropy(self, y, t): return -np.add.reduce((t * np.log(y))[::-1])

    @_reduced
    def logistic_loss(self, y, t): return np.logaddexp(0.0, -t * y)

    @_reduced
    def huber(self, y, t, delta):
        inner = np.minimum(np.abs(t - y), delta)
        return inner * inner + 2 * delta * (np.abs(t - y) - inner)

    @_reduced
    def quantile(self, y, t, tau): return np.maximum(tau * (t - y), (tau - 1) * (t - y))


class KeepsOutputs(Innocent):
    """Gradients from the rounded output alone: y(1 − y) and 1 − y²."""

    def vjp(self, operation, inputs, cotangent, **hyper):
        if operation == "network":
            return self._network(*inputs, cotangent, **hyper)
        if operation not in ("logistic", "tanh", "softmax"):
            return super().vjp(operation, inputs, cotangent, **hyper)
        with np.errstate(all="ignore"):
            y, one = getattr(self, operation)(*inputs), np.asarray(inputs[0]).dtype.type(1)
            if operation == "logistic":
                return (cotangent * (y * (one - y)),)
            if operation == "tanh":
                return (cotangent * (one - y * y),)
            return (y * (cotangent - np.sum(cotangent * y, axis=-1, keepdims=True)),)


    def _network(self, x, weights, biases, cotangent, activation, output):
        outputs, gW, gb = [x], [], []
        for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
            name = output if k == len(weights) - 1 else activation
            outputs.append(getattr(self, name)(self.dense(outputs[-1], W, b)))
        for k in reversed(range(len(weights))):
            name, y = output if k == len(weights) - 1 else activation, outputs[k + 1]
            u = self.dense(outputs[k], weights[k], biases[k])
            if name in ("logistic", "tanh"):
                delta = cotangent * (y * (1 - y) if name == "logistic" else 1 - y * y)
            else:
                (delta,) = super().vjp(name, (u,), cotangent)
            cotangent, W, b = super().vjp("dense", (outputs[k], weights[k], biases[k]), delta.astype(x.dtype))
            gW.insert(0, W)
            gb.insert(0, b)
        return cotangent, gW, gb


def _flushed(array):
    array = np.asarray(array)
    info = ml_dtypes.finfo(array.dtype)
    return np.where(np.abs(array) < info.smallest_normal, np.zeros_like(array), array)


class FlushesToZero(Innocent):
    """Subnormal inputs and results are zeros, as on hardware that has no others."""

    def vjp(self, operation, inputs, cotangent, **hyper):
        found = super().vjp(operation, [_deeply(item) for item in inputs], _flushed(cotangent), **hyper)
        return tuple(_deeply(item) for item in found)


def _deeply(item):
    return [_flushed(a) for a in item] if isinstance(item, list) else _flushed(item)


class Wider(Innocent):
    """Results in float64 whatever the inputs."""


class FortranOrder(Innocent):
    """Results in Fortran order."""


class LongDouble(Innocent):
    """Computed with more bits where the platform has them."""

    def tanh(self, x): return np.tanh(x.astype(np.longdouble)).astype(x.dtype)

    def logistic(self, x):
        with np.errstate(all="ignore"):
            return (1 / (1 + np.exp(-x.astype(np.longdouble)))).astype(x.dtype)

    def softplus(self, x): return np.logaddexp(np.longdouble(0), x.astype(np.longdouble)).astype(x.dtype)


class PurePython(Innocent):
    """One number at a time, by the math module."""

    def tanh(self, x): return _one_by_one(math.tanh, x)

    def logistic(self, x): return _one_by_one(lambda v: 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v)), x)

    def elu(self, x, alpha): return _one_by_one(lambda v: v if v > 0 else alpha * math.expm1(v), x)


def _one_by_one(function, x):
    return np.array([function(float(v)) for v in x.ravel()], np.float64).reshape(x.shape).astype(x.dtype)


def _around(change):
    """A method for every operation that changes the reference's inputs or results."""

    def method(name):
        return lambda self, *inputs, **hyper: change(getattr(ReferenceAdapter, name), inputs, hyper)

    return {name: method(name) for name in OPERATIONS_BY_SEED if OPERATIONS[name].shape != "method"}


for _name, _method in _around(lambda f, inputs, hyper: _flushed(f(*map(_deeply, inputs), **hyper))).items():
    setattr(FlushesToZero, _name, _method)
for _name, _method in _around(lambda f, inputs, hyper: np.asarray(f(*inputs, **hyper)).astype(np.float64)).items():
    setattr(Wider, _name, _method)
for _name, _method in _around(lambda f, inputs, hyper: np.array(f(*inputs, **hyper), order="F")).items():
    setattr(FortranOrder, _name, _method)

INNOCENTS = (Innocent, OtherForms, KeepsOutputs, FlushesToZero, Wider, FortranOrder, LongDouble, PurePython)


@pytest.mark.parametrize("innocent", INNOCENTS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_innocent_is_failed_nowhere(innocent, seed):
    """Every property of three operations, another three for every seed, and of what the subclass does otherwise."""
    session = Session(innocent(), load("reference", {})[1], effort="smoke", seed=seed)
    names = {*OPERATIONS_BY_SEED[seed % 8 :: 8], *(name for name in vars(innocent) if name in OPERATIONS and len(vars(innocent)) < 20)}
    if innocent is KeepsOutputs:
        names |= {"logistic", "tanh", "softmax", "network"}
    for name in sorted(names):
        for result in _results(session, OPERATIONS[name], seed + len(name)):
            assert session.settle(result)[1] is None, result


def _results(session, operation, turn):
    """Every property but that of special values, in a dtype that takes turns."""
    dtype = session.dtypes[turn % len(session.dtypes)] if operation.typed else ""
    return (check(session, operation, dtype) for kind, check in checks_of(operation).items() if kind != "special_values")


VERDICTS = {
    innocent: (
        *("conforms", "not_offered"),
        *(["inaccurate"] if innocent in innocents_6_to_12.MAY_BE_INACCURATE else []),
        *(["conforms_as"] if innocent in innocents_6_to_12.OTHER_READINGS else []),
    )
    for innocent in dict.fromkeys((*innocents_6_to_12.INNOCENTS, *innocents_6_to_12.MAY_BE_INACCURATE, *innocents_6_to_12.OTHER_READINGS))
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("innocent", VERDICTS, ids=lambda c: c.__name__)
def test_other_ways_of_metrics_and_methods_are_failed_nowhere(innocent, seed):
    """Every property of the operations that the adapter does in its own way; another reading is named, and is one of its clause.

    Any of them may lose accuracy where the printed formula leaves the range.
    """
    session = Session(innocent(), effort="smoke", seed=seed)
    for name in (name for name in OPERATIONS_BY_SEED if getattr(innocent, name) is not getattr(ReferenceAdapter, name)):
        for result in _results(session, OPERATIONS[name], seed):
            assert result.verdict in VERDICTS[innocent] or result.label == "range", result
            if result.reading:
                assert {part.partition(":")[0] for part in result.reading.split(", ")} <= set(innocents_6_to_12.OTHER_READINGS[innocent])


