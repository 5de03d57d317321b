"""What a wrong implementation is: one operation of the reference replaced, and the clause under which it must be failed.

Each base class below is correct and comes apart in pieces of a line; a wrong implementation of it has one piece replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter

Function = Callable[..., Any]
WRONG: dict[str, Wrong] = {}


@dataclass(frozen=True)
class Wrong:
    """A wrong implementation: its clause, its operation, which of the two functions is wrong, why one would write it."""

    name: str
    clause: str
    operation: str
    part: str  # method or vjp
    because: str
    function: Function

    def adapter(self) -> ReferenceAdapter:
        """The reference with this one error."""
        made = ReferenceAdapter()
        if self.part == "method":
            object.__setattr__(made, self.operation, self.function)
        else:
            object.__setattr__(made, "vjp", partial(self._vjp, made.vjp))
        return made

    def _vjp(self, pristine: Function, operation: str, inputs: Any, cotangent: Any, **hyper: Any) -> Any:
        if operation != self.operation:
            return pristine(operation, inputs, cotangent, **hyper)
        return self.function(*inputs, cotangent, **hyper)


def wrong(clause: str, operation: str, because: str, part: str = "method", raw: bool = False) -> Callable[[Any], Any]:
    """Enter a function that takes its arrays in float64 and has its results cast back, unless it is raw or a class."""

    def enter(function: Any) -> Any:
        made = function if raw or isinstance(function, type) else cast_back(function)
        _enter(clause, operation, part, because, function.__name__, made)
        return function

    return enter


def piece(clause: str, operation: str, method: str, because: str) -> Callable[[Function], Function]:
    """Enter the base class of the operation with one method replaced."""

    def enter(function: Function) -> Function:
        made: Any = type(function.__name__, (BASES[operation],), {method: function})
        _enter(clause, operation, "method", because, function.__name__, cast_back(made()) if operation == "network_gradients" else made)
        return function

    return enter


def named(name: str, function: Any) -> Any:
    """The function under another name."""
    function.__name__ = name
    return function


def _enter(clause: str, operation: str, part: str, because: str, name: str, function: Function) -> None:
    name = f"{clause}-{operation}-{name}"
    assert name not in WRONG, name
    WRONG[name] = Wrong(name, clause, operation, part, because, function)


def cast_back(function: Function) -> Function:
    """Runs in float64 and returns the dtype of the first array of floats; where there is none, results stay as they are."""

    def wrapped(*inputs: Any, **hyper: Any) -> Any:
        dtypes = [leaf.dtype for leaf in leaves(inputs) if leaf.dtype.kind in "fV"]
        with np.errstate(all="ignore"):
            result = function(*map(wide, inputs), **hyper)
            return narrow(result, dtypes[0]) if dtypes else result

    return wrapped


def leaves(item: Any) -> list[Any]:
    """The arrays in nested lists and tuples."""
    return [leaf for part in item for leaf in leaves(part)] if isinstance(item, (list, tuple)) else [np.asarray(item)]


def wide(item: Any) -> Any:
    """Floats in float64, anything else as it is."""
    if isinstance(item, (list, tuple)):
        return [wide(part) for part in item]
    return np.asarray(item, np.float64) if np.asarray(item).dtype.kind in "fV" else item


def narrow(item: Any, dtype: Any) -> Any:
    """Every array cast to the dtype."""
    if item is None:
        return None
    if isinstance(item, (list, tuple)):
        return type(item)(narrow(part, dtype) for part in item)
    return np.asarray(item).astype(dtype)


def logistic(u: Any) -> Any:
    """(10)."""
    return np.exp(-np.logaddexp(0.0, -u))


def softmax(u: Any) -> Any:
    """(18)."""
    e = np.exp(u - u.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


RULES: dict[str, tuple[Function, Function]] = {  # f(u) and f'(u)
    "step": (lambda u: (u > 0) * 1.0, np.zeros_like),
    "logistic": (logistic, lambda u: logistic(u) * logistic(-u)),
    "tanh": (np.tanh, lambda u: 4 * logistic(2 * u) * logistic(-2 * u)),
    "softplus": (lambda u: np.logaddexp(0.0, u), logistic),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0),
    "identity": (lambda u: u, np.ones_like),
}
RULES["softmax"] = (softmax, np.ones_like)


class BackPropagation:
    """(40) to (56), a sample a row, theta with the biases in row 0."""

    def __call__(self, x: Any, t: Any, weights: Any, biases: Any, activation: str, output: str, loss: str) -> Any:
        thetas = [np.vstack([b, W]) for W, b in zip(weights, biases, strict=True)]
        self.layers, us, hs = len(thetas), [], [x]
        self.hs = hs
        for layer, theta in enumerate(thetas):
            self.layer = layer
            us.append(self.affine(hs[-1], theta))
            hs.append(self.activate(us[-1], output if self.layer == self.layers - 1 else activation))
        found, delta = [], self.output_delta(hs[-1], us[-1], t, output)
        for layer in reversed(range(self.layers)):
            self.layer = layer
            found.insert(0, self.gradient(hs[layer], delta, us[layer - 1] if layer else x))
            if layer:
                delta = self.below(delta, thetas[layer], us[layer - 1], hs[layer], activation)
        return [g[1:] for g in found], [g[0] for g in found]

    def affine(self, h: Any, theta: Any) -> Any:
        """(40)."""
        return augmented(h) @ theta

    def activate(self, u: Any, f: str) -> Any:
        """(41)."""
        return RULES[f][0](u)

    def output_delta(self, y: Any, u: Any, t: Any, output: str) -> Any:
        """(56)."""
        return y - t

    def gradient(self, h: Any, delta: Any, u: Any) -> Any:
        """(48), its mean over the batch; u is the layer's h before its activation."""
        return augmented(h).T @ delta / len(h)

    def below(self, delta: Any, theta: Any, u: Any, h: Any, f: str) -> Any:
        """(52)."""
        return delta @ theta[1:].T * self.slope(u, h, f)

    def slope(self, u: Any, h: Any, f: str) -> Any:
        """f'(u)."""
        return RULES[f][1](u)


def augmented(h: Any) -> Any:
    """A leading 1 in every row."""
    return np.hstack([np.ones((len(h), 1)), h])


class Optimizer:
    """Keeps theta and its slots in their own dtype and computes in float64."""

    slots: tuple[str, ...] = ()

    def __init__(self, theta: Any, eta: float, **hyper: float) -> None:
        self.many = isinstance(theta, list)
        self.theta = [np.array(a) for a in self.listed(theta)]
        self.kept = {name: [np.zeros_like(a) for a in self.theta] for name in self.slots}
        self.i, self.t = 0, 0
        vars(self).update(hyper, eta=eta)

    def listed(self, item: Any) -> Any:
        """A list, also of one."""
        return item if self.many else [item]

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        """One step; copies of the new parameters."""
        self.eta = self.eta if eta is None else eta
        self.t += 1
        with np.errstate(all="ignore"):
            for i, g in enumerate(self.listed(gradient)):
                self.i = i
                self.put(self.update(wide(self.theta[i]), wide(g), *(wide(self.kept[name][i]) for name in self.slots)))
        return self.copies(self.theta)

    def put(self, theta: Any) -> None:
        """Replaces the parameter at hand."""
        self.theta[self.i] = narrow(theta, self.theta[self.i].dtype)

    def keep(self, name: str, value: Any) -> Any:
        """Replaces a slot of the parameter at hand, and returns it as it is kept."""
        slot = self.kept[name]
        slot[self.i] = narrow(np.broadcast_to(value, slot[self.i].shape), slot[self.i].dtype)
        return wide(slot[self.i])

    def copies(self, arrays: Any) -> Any:
        """As the parameters were given."""
        return [a.copy() for a in arrays] if self.many else arrays[0].copy()

    def state(self) -> Any:
        """The slots by name."""
        return {name: self.copies(arrays) for name, arrays in self.kept.items()}

    def update(self, theta: Any, g: Any, *old: Any) -> Any:
        """The new parameter."""
        raise NotImplementedError


class Sgd(Optimizer):
    """(57)."""

    def update(self, theta, g): return theta - self.change(g)
    def change(self, g): return self.eta * g


class Momentum(Optimizer):
    """(58) and (59)."""

    slots = ("v",)

    def update(self, theta, g, v): return theta + self.change(self.keep("v", self.velocity(v, g)), v, g)
    def velocity(self, v, g): return self.alpha * v - self.eta * g
    def change(self, v, old, g): return v


class AdaGrad(Optimizer):
    """(60) and (61); a gradient that has always been 0 changes nothing."""

    slots = ("h",)

    def update(self, theta, g, h): return theta - self.change(self.keep("h", self.total(h, g)), g)
    def total(self, h, g): return h + g * g
    def change(self, h, g): return self.eta * g / np.sqrt(np.where(h > 0, h, 1))


class RMSprop(Optimizer):
    """(62) and (63)."""

    slots = ("h",)

    def update(self, theta, g, h): return theta - self.change(self.keep("h", self.average(h, g)), g)
    def average(self, h, g): return self.alpha * h + (1 - self.alpha) * g * g
    def change(self, h, g): return self.eta * g / np.sqrt(h + self.epsilon)


class Adam(Optimizer):
    """(64) to (68)."""

    slots = ("m", "v")

    def update(self, theta, g, m, v):
        m, v = self.keep("m", self.first(m, g)), self.keep("v", self.second(v, g))
        return theta - self.change(self.m_hat(m), self.v_hat(v))

    def first(self, m, g): return self.beta_1 * m + (1 - self.beta_1) * g
    def second(self, v, g): return self.beta_2 * v + (1 - self.beta_2) * g * g
    def m_hat(self, m): return m / (1 - self.beta_1**self.t)
    def v_hat(self, v): return v / (1 - self.beta_2**self.t)
    def change(self, m_hat, v_hat): return self.eta * m_hat / np.sqrt(v_hat + self.epsilon)


class DropoutLayer:
    """Drops with probability p in training and multiplies by the share kept at inference."""

    def __init__(self, p, seed):
        self.p, self.rng = p, np.random.default_rng(seed)

    def train(self, x): return np.where(self.kept(x.shape), x, x.dtype.type(0))
    def kept(self, shape): return self.rng.random(shape) >= self.p
    def infer(self, x): return narrow(self.share() * wide(x), x.dtype)
    def share(self): return 1 - self.p


class BatchNormLayer:
    """(74) to (77), and running averages of the mean and the variance."""

    def __init__(self, features, epsilon, rate, dtype):
        self.epsilon, self.rate, self.passes = epsilon, rate, 0
        self.gamma, self.beta = np.ones(features, dtype), np.zeros(features, dtype)
        self.mean, self.variance = np.zeros(features, dtype), np.ones(features, dtype)

    def train(self, x):
        self.passes += 1
        a = wide(x)
        mean, variance = self.statistics(a)
        self.follow(mean, variance)
        return narrow(self.normal(a, mean, variance), x.dtype)

    def infer(self, x): return narrow(self.normal(wide(x), self.mean, self.variance), x.dtype)
    def statistics(self, x): return x.mean(axis=0), x.var(axis=0)
    def blend(self, old, new): return narrow((1 - self.rate) * wide(old) + self.rate * new, old.dtype)
    def follow(self, mean, variance): self.mean, self.variance = self.blend(self.mean, mean), self.blend(self.variance, variance)

    def normal(self, x, mean, variance):
        with np.errstate(all="ignore"):
            return wide(self.gamma) * (x - wide(mean)) / np.sqrt(wide(variance) + self.epsilon) + wide(self.beta)


BASES: dict[str, Any] = {
    "network_gradients": BackPropagation,
    "sgd": Sgd,
    "momentum": Momentum,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "dropout_layer": DropoutLayer,
    "batch_norm_layer": BatchNormLayer,
}
