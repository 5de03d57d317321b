"""Optimizers that keep the same numbers in another way: in place, in one buffer, in other units."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter
from wrong.methods import AdaGrad, Adam, Momentum, Optimizer, RMSprop, Sgd, narrow, wide

BASES = {"sgd": Sgd, "momentum": Momentum, "adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam}


def _adapter(name: str, text: str, optimizers: dict[str, Any]) -> type:
    return type(name, (ReferenceAdapter,), {"__doc__": text, "__module__": __name__, **optimizers})


def _mixed(mixed: type) -> dict[str, Any]:
    return {name: type(base.__name__, (mixed, base), {}) for name, base in BASES.items()}


class _InPlace(Optimizer):
    """Parameters and slots are written where they are; what is handed out are copies."""

    def put(self, theta: Any) -> None:
        with np.errstate(all="ignore"):
            self.theta[self.i][...] = theta

    def keep(self, name: str, value: Any) -> Any:
        with np.errstate(all="ignore"):
            self.kept[name][self.i][...] = value
        return wide(self.kept[name][self.i])


class _OneBuffer(Optimizer):
    """Parameters and slots side by side in one array of float64, rounded to their dtypes; a step works on all of it at once."""

    def __init__(self, theta: Any, eta: float, **hyper: float) -> None:
        super().__init__(theta, eta, **hyper)
        self.like = self.theta
        flat = np.concatenate([[], *(wide(a).ravel() for a in self.theta)])
        self.buffer = np.vstack([flat, np.zeros((len(self.slots), flat.size))])

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        self.eta = self.eta if eta is None else eta
        self.t += 1
        with np.errstate(all="ignore"):
            g = np.concatenate([[], *(wide(a).ravel() for a in self.listed(gradient))])
            self.buffer[0] = self._as_dtypes(self.update(self.buffer[0].copy(), g, *self.buffer[1:].copy()))
        return self._parts(0)

    def keep(self, name: str, value: Any) -> Any:
        row = self.buffer[1 + self.slots.index(name)]
        row[...] = self._as_dtypes(np.broadcast_to(value, row.shape))
        return row.copy()

    def state(self) -> Any:
        return {name: self._parts(1 + k) for k, name in enumerate(self.slots)}

    def _split(self, flat: Any) -> list[Any]:
        ends = np.cumsum([0, *(a.size for a in self.like)])
        return [narrow(flat[i:j].reshape(a.shape), a.dtype) for a, i, j in zip(self.like, ends[:-1], ends[1:], strict=True)]

    def _as_dtypes(self, flat: Any) -> Any:
        return np.concatenate([[], *(wide(a).ravel() for a in self._split(flat))])

    def _parts(self, row: int) -> Any:
        return self.copies(self._split(self.buffer[row]))


class _OtherUnits(Optimizer):
    """Slots in float64 and in other units; `shown` says what they are in the notes' own."""

    def __init__(self, theta: Any, eta: float, **hyper: float) -> None:
        super().__init__(theta, eta, **hyper)
        self.kept = {name: [np.zeros(a.shape) for a in self.theta] for name in self.slots}

    def state(self) -> Any:
        return {name: self.copies([self.shown(name, a) for a in arrays]) for name, arrays in self.kept.items()}

    def shown(self, name: str, a: Any) -> Any:
        raise NotImplementedError


class _NegativeVelocity(_OtherUnits, Momentum):
    def velocity(self, v: Any, g: Any) -> Any: return self.alpha * v + self.eta * g
    def change(self, v: Any, old: Any, g: Any) -> Any: return -v
    def shown(self, name: str, a: Any) -> Any: return -a


class _Length(_OtherUnits, AdaGrad):
    """√h, by the length of a vector."""

    def total(self, h: Any, g: Any) -> Any: return np.hypot(h, g)
    def change(self, h: Any, g: Any) -> Any: return self.eta * g / np.where(h > 0, h, 1)
    def shown(self, name: str, a: Any) -> Any: return a * a


class _RootOfMean(_OtherUnits, RMSprop):
    """√h."""

    def average(self, h: Any, g: Any) -> Any: return np.hypot(np.sqrt(self.alpha) * h, np.sqrt(1 - self.alpha) * g)
    def change(self, h: Any, g: Any) -> Any: return self.eta * g / np.hypot(h, np.sqrt(self.epsilon))
    def shown(self, name: str, a: Any) -> Any: return a * a


class _Sums(_OtherUnits, Adam):
    """m/(1 − β₁) and v/(1 − β₂): sums of what is forgotten, not means."""

    def first(self, m: Any, g: Any) -> Any: return self.beta_1 * m + g
    def second(self, v: Any, g: Any) -> Any: return self.beta_2 * v + g * g
    def m_hat(self, m: Any) -> Any: return m * ((1 - self.beta_1) / (1 - self.beta_1**self.t))
    def v_hat(self, v: Any) -> Any: return v * ((1 - self.beta_2) / (1 - self.beta_2**self.t))
    def shown(self, name: str, a: Any) -> Any: return a * (1 - (self.beta_1 if name == "m" else self.beta_2))


class _Extended(Optimizer):
    """Each step in extended precision."""

    def step(self, gradient: Any, eta: float | None = None) -> Any:
        self.eta = self.eta if eta is None else eta
        self.t += 1
        self._lift()
        with np.errstate(all="ignore"):
            for i, g in enumerate(self.listed(gradient)):
                self.i = i
                self.put(self.update(_long(self.theta[i]), _long(g), *(_long(self.kept[name][i]) for name in self.slots)))
        return self.copies(self.theta)

    def _lift(self) -> None:
        for name in ("eta", "alpha", "beta_1", "beta_2", "epsilon"):
            if hasattr(self, name):
                setattr(self, name, np.longdouble(getattr(self, name)))

    def put(self, theta: Any) -> None: self.theta[self.i] = narrow(wide(theta), self.theta[self.i].dtype)

    def keep(self, name: str, value: Any) -> Any:
        slot = self.kept[name]
        slot[self.i] = narrow(wide(np.broadcast_to(value, slot[self.i].shape)), slot[self.i].dtype)
        return _long(slot[self.i])


def _long(a: Any) -> Any:
    return wide(a).astype(np.longdouble)


InPlace = _adapter("InPlace", "Optimizers that write to their own buffers and hand out copies.", _mixed(_InPlace))
OneBuffer = _adapter("OneBuffer", "Optimizers with one buffer for all parameters and all state.", _mixed(_OneBuffer))
OtherUnits = _adapter(
    "OtherUnits",
    "Optimizers that keep −v, √h, m/(1 − β₁) and v/(1 − β₂).",
    {"momentum": _NegativeVelocity, "adagrad": _Length, "rmsprop": _RootOfMean, "adam": _Sums},
)
ExtendedSteps = _adapter("ExtendedSteps", "Optimizers that step in extended precision.", _mixed(_Extended))
