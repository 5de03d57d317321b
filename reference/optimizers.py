"""Section 10 of the notes: optimizers (57) to (68), and (38).

Each is made of parameters theta, an array or a list of arrays of any shapes, and keeps copies of its own. What it keeps
has the dtype of the parameter that it belongs to; a step is computed in float64 and each result rounded once.

    >>> import numpy as np
    >>> optimizer = sgd(np.array([1.0, 2.0]), eta=0.5)
    >>> optimizer.step(np.array([1.0, -1.0]))
    array([0.5, 2.5])
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from eqwise.reference.arithmetic import DTYPES, Array, require

Slots = dict[str, Array]  # by the notes' symbols
_BLOCK = 1 << 13


class Optimizer(ABC):
    """Parameters that move against their gradients, a step at a time.

    A subclass names its `slots`, what it keeps of every parameter by the notes' symbols; all are 0 at the start.
    """

    slots: ClassVar[tuple[str, ...]] = ()

    def __init__(self, theta: Any, eta: float) -> None:
        self._many = isinstance(theta, (list, tuple))
        self._theta = [_owned(array) for array in self._listed(theta)]
        self._kept = [{name: np.zeros_like(array) for name in self.slots} for array in self._theta]
        self.eta, self.t = _positive("eta", eta), 0

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        """One step against the gradient, shaped as theta is; copies of the new theta. An `eta` that is given holds from here on.

        Raises `ValueError` for another shape or an eta that is not positive, `TypeError` for another dtype.
        """
        gradients = [np.asarray(array) for array in self._listed(gradient)]
        self._check(gradients)
        self.eta = self.eta if eta is None else _positive("eta", eta)
        self.t += 1
        with np.errstate(all="ignore"):
            for theta, g, kept in zip(self._theta, gradients, self._kept, strict=True):
                self._move(theta, g, kept)
        return self._copies(self._theta)

    def state(self) -> dict[str, Any]:
        """Copies of what is kept, by the notes' symbols, each shaped as theta is."""
        return {name: self._copies([kept[name] for kept in self._kept]) for name in self.slots}

    def updated(self, g: Array, kept: Slots) -> Slots:
        """What is kept after a gradient, from what was kept before; flat, in float64."""
        return {}

    @abstractmethod
    def change(self, g: Array, kept: Slots) -> Array:
        """What is added to the parameter, from what is kept after the gradient."""

    def _move(self, theta: Array, g: Array, kept: Slots) -> None:
        """One parameter, a block at a time, so that what is computed on the way stays in the cache."""
        flat, gradient, slots = theta.reshape(-1), g.reshape(-1), {name: array.reshape(-1) for name, array in kept.items()}
        for start in range(0, flat.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            wide = _wide(gradient[part])
            for name, value in self.updated(wide, {name: _wide(slot[part]) for name, slot in slots.items()}).items():
                slots[name][part] = value
            flat[part] = _wide(flat[part]) + self.change(wide, {name: _wide(slot[part]) for name, slot in slots.items()})

    def _listed(self, item: Any) -> list[Any]:
        return list(item) if self._many else [item]

    def _copies(self, arrays: list[Array]) -> Any:
        return [array.copy() for array in arrays] if self._many else arrays[0].copy()

    def _check(self, gradients: list[Array]) -> None:
        require(len(gradients) == len(self._theta), "the number of gradients", len(gradients), f"be that of parameters, {len(self._theta)}")
        for theta, g in zip(self._theta, gradients, strict=True):
            require(g.shape == theta.shape, "the shape of a gradient", g.shape, f"be that of its parameter, {theta.shape}")
            if g.dtype != theta.dtype:
                raise TypeError(f"a gradient of {g.dtype} for a parameter of {theta.dtype}: both must have one dtype")


class Sgd(Optimizer):
    """(57), which is (38): stochastic gradient descent. eta > 0."""

    def change(self, g: Array, kept: Slots) -> Array:
        return -self.eta * g


class Momentum(Optimizer):
    """(58) and (59). eta > 0, 0 ≤ alpha ≤ 1; eta stands inside the velocity v."""

    slots = ("v",)

    def __init__(self, theta: Any, eta: float, alpha: float) -> None:
        super().__init__(theta, eta)
        self.alpha = _share("alpha", alpha)

    def updated(self, g: Array, kept: Slots) -> Slots:
        return {"v": self.alpha * kept["v"] - self.eta * g}

    def change(self, g: Array, kept: Slots) -> Array:
        return kept["v"]


class AdaGrad(Optimizer):
    """(60) and (61). eta > 0; where h is 0, and the step 0/0, the parameter stays as it is."""

    slots = ("h",)

    def updated(self, g: Array, kept: Slots) -> Slots:
        return {"h": kept["h"] + g * g}

    def change(self, g: Array, kept: Slots) -> Array:
        return np.divide(-self.eta * g, np.sqrt(kept["h"]), out=np.zeros_like(g), where=kept["h"] > 0)


class RMSprop(Optimizer):
    """(62) and (63). eta > 0, 0 ≤ alpha ≤ 1, epsilon > 0, inside the root."""

    slots = ("h",)

    def __init__(self, theta: Any, eta: float, alpha: float, epsilon: float) -> None:
        super().__init__(theta, eta)
        self.alpha, self.epsilon = _share("alpha", alpha), _positive("epsilon", epsilon)

    def updated(self, g: Array, kept: Slots) -> Slots:
        return {"h": self.alpha * kept["h"] + (1 - self.alpha) * (g * g)}

    def change(self, g: Array, kept: Slots) -> Array:
        return -self.eta * g / np.sqrt(kept["h"] + self.epsilon)


class Adam(Optimizer):
    """(64) to (68). eta > 0, 0 ≤ beta_1, beta_2 < 1, epsilon > 0, inside the root."""

    slots = ("m", "v")

    def __init__(self, theta: Any, eta: float, beta_1: float, beta_2: float, epsilon: float) -> None:
        super().__init__(theta, eta)
        self.beta_1, self.beta_2 = _share("beta_1", beta_1, below_1=True), _share("beta_2", beta_2, below_1=True)
        self.epsilon = _positive("epsilon", epsilon)

    def updated(self, g: Array, kept: Slots) -> Slots:
        return {
            "m": self.beta_1 * kept["m"] + (1 - self.beta_1) * g,
            "v": self.beta_2 * kept["v"] + (1 - self.beta_2) * (g * g),
        }

    def change(self, g: Array, kept: Slots) -> Array:
        rate, rest = -self.eta / (1 - self.beta_1**self.t), 1 - self.beta_2**self.t
        return rate * kept["m"] / np.sqrt(kept["v"] / rest + self.epsilon)


sgd, momentum, adagrad, rmsprop, adam = Sgd, Momentum, AdaGrad, RMSprop, Adam
OPTIMIZERS: Mapping[str, type[Optimizer]] = {"sgd": Sgd, "momentum": Momentum, "adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam}


def _owned(array: Any) -> Array:
    own = np.array(array, order="C")
    if own.dtype not in DTYPES:
        raise TypeError(f"a parameter of {own.dtype}: its dtype must be one of {', '.join(map(str, DTYPES))}")
    return own


def _wide(array: Array) -> Array:
    return array.astype(np.float64, copy=False)


def _positive(name: str, value: float) -> float:
    require(0 < value < np.inf, name, value, "be positive and finite")
    return float(value)


def _share(name: str, value: float, below_1: bool = False) -> float:
    require(0 <= value < 1 if below_1 else 0 <= value <= 1, name, value, f"lie in [0, 1{')' if below_1 else ']'}")
    return float(value)
