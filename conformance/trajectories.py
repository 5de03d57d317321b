"""Runs of optimizers, every step recorded.

All optimizers of a run are stepped in turn, some made when others have stepped, so that what they share shows. Every
gradient is handed over in one buffer, which the caller overwrites after the step, as it does what the step returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.invocation import AdapterError, checked, guarded
from eqwise.conformance.layouts import laid_out
from eqwise.conformance.optimizer_plans import Plan
from eqwise.conformance.session import Session
from eqwise.spec.numbers.formats import Floats, Format

OVERWRITTEN = 3.0  # what the caller leaves in the buffer of a gradient and in a result


@dataclass(frozen=True)
class Track:
    """A recorded run, element by element: theta and the visible slots at times 0 to T, gradients and eta of steps 1 to T."""

    plan: Plan
    theta: Floats
    gradient: Floats
    kept: Mapping[str, Floats]

    def columns(self) -> dict[str, Floats]:
        """What every step starts from, each of the shape (steps, elements) or one that broadcasts to it."""
        steps = np.arange(1.0, self.plan.steps + 1)[:, None]
        hyper = {name: np.full((1, 1), value) for name, value in self.plan.hyper.items()}
        return {**hyper, "theta": self.theta[:-1], "gradient": self.gradient, "t": steps, "eta": self.plan.etas()[:, None]}


def run(session: Session, operation: str, plans: Sequence[Plan], target: Format, slots: Sequence[str]) -> list[Track]:
    """The recorded runs of those plans that the adapter offers; `NotOffered` where there is none."""
    running: list[_Running] = []
    reason = "no case of it is offered"
    for now in range(max((plan.after + plan.steps for plan in plans), default=0)):
        for plan in plans:
            try:
                running += [_Running(session, operation, plan, target, slots)] if plan.after == now else []
            except NotOffered as refusal:
                reason = str(refusal)
        for one in list(running):
            try:
                one.step(now - one.plan.after)
            except NotOffered as refusal:
                running.remove(one)
                reason = str(refusal)
    if not running:
        raise NotOffered(reason)
    return [one.track() for one in running]


def shown(name: str, optimizer: Any) -> Mapping[str, Any]:
    """The state that an optimizer shows; nothing where it has no method of that name, or keeps nothing."""
    state = getattr(optimizer, "state", None)
    return guarded(f"state of {name}", state) or {} if callable(state) else {}


def overwrite(arrays: Iterable[Any]) -> None:
    """What the caller may do to arrays once a call is over."""
    for array in arrays:
        if isinstance(array, np.ndarray) and array.flags.writeable:
            array[...] = OVERWRITTEN


class _Running:
    """One optimizer on its way."""

    def __init__(self, session: Session, operation: str, plan: Plan, target: Format, slots: Sequence[str]) -> None:
        self.adapter, self.plan, self.target = session.adapter, plan, target
        self.call = f"{operation}({', '.join(f'{name}={value!r}' for name, value in plan.hyper.items())})"
        theta, self.gradients = plan.drawn(np.random.default_rng(plan.seed), target)
        self.etas, self.first_change = plan.etas(), min(plan.changes(), default=np.inf)
        self.theta, self.kept = [theta], {name: [np.zeros(plan.size)] for name in slots}
        self.buffers = self._arrays(theta, plan.laid)
        given = self._given(self._arrays(theta, plan.layout))
        self.optimizer = guarded(self.call, lambda: getattr(self.adapter, operation)(given, **plan.hyper))

    def step(self, t: int) -> None:
        """Step t, counted from 0; nothing beyond the plan's last."""
        if t >= self.plan.steps:
            return
        for buffer, part in zip(self.buffers, self._split(self.gradients[t]), strict=True):
            buffer[...] = samples.cast(part, self.target)
        eta = {"eta": float(self.etas[t])} if t + 1 >= self.first_change else {}  # given once, then with every step
        gradient = self._given(self.buffers)
        result = guarded(f"step of {self.call}", lambda: self.optimizer.step(gradient, **eta))
        self.theta.append(self._flat("step", result))
        state = shown(self.call, self.optimizer)
        for name in [name for name in self.kept if name not in state]:
            del self.kept[name]
        for name, values in self.kept.items():
            values.append(self._flat(f"state {name}", state[name]))
        overwrite((*self.buffers, *map(self.adapter.to_numpy, result if self.plan.many else [result])))

    def track(self) -> Track:
        return Track(self.plan, np.array(self.theta), self.gradients, {name: np.array(kept) for name, kept in self.kept.items()})

    def _split(self, flat: Floats) -> list[Floats]:
        ends = np.cumsum([0, *(int(np.prod(shape)) for shape in self.plan.shapes)])
        return [flat[a:b].reshape(shape) for (a, b), shape in zip(pairwise(ends), self.plan.shapes, strict=True)]

    def _arrays(self, flat: Floats, layout: str) -> list[Any]:
        return [laid_out(samples.cast(part, self.target), layout) for part in self._split(flat)]

    def _given(self, arrays: list[Any]) -> Any:
        own = [self.adapter.from_numpy(array) for array in arrays]
        return own if self.plan.many else own[0]

    def _flat(self, what: str, result: Any) -> Floats:
        """Arrays of the adapter, a list where the parameters are one, as one vector."""
        call, shapes = f"{what} of {self.call}", self.plan.shapes
        if self.plan.many and not (isinstance(result, (list, tuple)) and len(result) == len(shapes)):
            raise AdapterError(f"{call} must be a list of {len(shapes)} arrays, as the parameters are")
        parts = result if self.plan.many else [result]
        return np.concatenate([checked(self.adapter, call, a, shape, self.target).ravel() for a, shape in zip(parts, shapes, strict=True)])
