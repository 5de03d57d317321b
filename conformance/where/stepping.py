"""Attempts at optimizers: a few steps, the last of which is held against the formulas of all steps in one, from the start on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from eqwise.conformance import case, samples
from eqwise.conformance.adapter import OPERATIONS, Adapter, NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.invocation import AdapterError, checked
from eqwise.conformance.optimizer_claims import METHODS
from eqwise.conformance.optimizer_plans import Plan, Shapes, plans
from eqwise.conformance.optimizer_start import OPEN
from eqwise.conformance.pristine import reference
from eqwise.conformance.session import Session
from eqwise.conformance.trajectories import Track, run
from eqwise.conformance.where.attempts import Attempt, Held, Keys, Leaves, Readings, keys_of
from eqwise.spec.document import reading_as
from eqwise.spec.numbers.expression import ZERO, Expression, lifted, number, symbol
from eqwise.spec.numbers.formats import Floats, Format

MOST_STEPS = 64
APART = 256.0  # ulps by which a step is likely wrong
PLAIN = {"eta": 0.5, "alpha": 0.5, "beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.01}

COMPANY: tuple[tuple[Shapes, bool], ...] = ((((1,),), False), (((2,),), False), (((1,), (1,)), True), (((2, 2),), False))


@dataclass(frozen=True)
class Steps:
    """An optimizer that takes some steps; judged is theta after the last, or a slot where one is named.

    Theta has the `shapes`, a list of them where `many`; its elements lie one after the other in the arrays.
    """

    operation: str
    target: Format
    slot: str
    shapes: Shapes
    many: bool
    hyper: Mapping[str, float]
    arrays: Mapping[str, Floats]  # theta (elements,), gradient (steps, elements), eta (steps,) where it changes
    readings: Readings = ()

    @property
    def usual(self) -> Sequence[Mapping[str, float]]:
        return [{name: PLAIN[name] for name in self.hyper}]

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        """Elements can be left out where theta is one vector."""
        element = "element" if len(self.shapes) == 1 and len(self.shapes[0]) == 1 else "all elements"
        named = {"theta": (element,), "gradient": ("step", element), "eta": ("step",)}
        return {name: named[name] for name in self.arrays}

    @property
    def steps(self) -> int:
        return len(self.arrays["gradient"])

    @property
    def etas(self) -> Floats:
        """The learning rate of every step."""
        return self.arrays.get("eta", np.full(self.steps, self.hyper["eta"]))

    def having(self, arrays: Mapping[str, Floats], hyper: Mapping[str, float] | None = None) -> Steps:
        known = {**self.arrays, **arrays}
        shapes = ((len(known["theta"]),),) if "element" in self.axes["theta"] else self.shapes
        return replace(self, shapes=shapes, arrays=known, hyper={**self.hyper, **(hyper or {})})

    def is_legal(self) -> bool:
        size = sum(int(np.prod(shape)) for shape in self.shapes)
        return len(self.arrays["theta"]) == size and bool(np.all(self.etas > 0))

    def calls(self) -> tuple[case.Call, ...]:
        made = case.Call(self.operation, (self._given(self.arrays["theta"]),), self.hyper)
        etas, changed = self.etas.tolist(), np.cumsum(self.etas != self.hyper["eta"]) > 0
        steps = [
            case.Call("step", (self._given(gradient),), {"eta": eta} if given else {}, of=0)
            for gradient, eta, given in zip(self.arrays["gradient"], etas, changed, strict=True)
        ]
        return (made, *steps, *([case.Call("state", of=0)] if self.slot else []))

    def _given(self, flat: Floats) -> Any:
        ends = np.cumsum([0, *(int(np.prod(shape)) for shape in self.shapes)])
        parts = [samples.cast(flat[a:b].reshape(shape), self.target) for (a, b), shape in zip(pairwise(ends), self.shapes, strict=True)]
        return parts if self.many else parts[0]

    def taken(self, adapter: Adapter, result: Any) -> Leaves:
        found = (result or {}).get(self.slot) if self.slot else result
        parts = found if self.many else [found]
        if not isinstance(parts, (list, tuple)) or len(parts) != len(self.shapes):
            raise AdapterError(f"{self.operation} must return {len(self.shapes)} arrays")
        return [checked(adapter, self.operation, part, shape, self.target) for part, shape in zip(parts, self.shapes, strict=True)]

    def keys(self, result: Any) -> list[Keys]:
        own = keys_of(result[self.slot] if self.slot else result)
        return [(self.slot, *keys) for keys in own] if self.slot else own

    def held(self, leaves: Leaves) -> list[Held]:
        claim = unrolled(self.operation, self.steps, self.slot, self.readings)
        size = len(self.arrays["theta"])
        columns = {"theta": self.arrays["theta"], **{name: np.full(size, value) for name, value in self.hyper.items()}}
        for t in range(self.steps):
            columns |= {f"gradient{t + 1}": self.arrays["gradient"][t], f"eta{t + 1}": np.full(size, self.etas[t])}
        rows = np.column_stack([columns[str(x.value)] for x in claim.inputs])
        return [Held(claim, rows, np.concatenate([leaf.ravel() for leaf in leaves if leaf is not None])[:, None])]


@lru_cache(maxsize=256)
def unrolled(operation: str, steps: int, slot: str, readings: Readings) -> Claim:
    """Theta, or a slot, after so many steps, over where it starts, hyper-parameters, and the gradient and eta of each step."""
    method, hyper = METHODS[operation], [name for name in OPERATIONS[operation].hyper if name != "eta"]
    fixed = {name: symbol(name) for name in hyper}
    theta, slots = symbol("theta"), dict.fromkeys(method.slots, ZERO)
    given: list[Expression] = [theta, *fixed.values()]
    moved: Expression = theta
    with reading_as(dict(readings)):
        for t in range(1, steps + 1):
            at = {"epsilon": ZERO, **fixed, "gradient": symbol(f"gradient{t}"), "eta": symbol(f"eta{t}"), "t": number(t)}
            given += [at["gradient"], at["eta"]]
            slots = {name: _applied(rule, {**at, **slots}) for name, rule in method.slots.items()}
            moved = _applied(method.step, {**at, **slots, "theta": moved})
    return Claim((slots[slot] if slot else moved,), tuple(given))


def _applied(rule: Any, known: Mapping[str, Any]) -> Expression:
    return lifted(rule.formula(**{name: known[name] for name in rule.inputs}))


Parted = tuple[Plan, str, Track, int, int]  # the plan, what is looked at, the run, the first step that parts and its element


def _parted(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Parted]:
    """Where runs leave those of the reference."""
    slots = tuple(METHODS[operation.name].slots)
    pristine = replace(session, adapter=reference(), cache={})
    for plan in plans(operation, session.volume, target, session.seed_for(operation.name, "steps", target.name)):
        try:
            (mine,), (other,) = (run(one, operation.name, [replace(plan, after=0)], target, slots) for one in (session, pristine))
        except (NotOffered, AdapterError):
            continue
        for slot in slots if kind == "state" else ("",):
            if slot and slot not in mine.kept:
                continue
            a, b = (track.kept[slot] if slot else track.theta for track in (mine, other))
            with np.errstate(all="ignore"):
                apart = ~((a == b) | (np.abs(a - b) <= APART * target.ulp(b)))
            if apart.any():
                t = int(np.argmax(apart.any(axis=1)))
                yield plan, slot, mine, t, int(np.argmax(apart[t]))


def of_optimizer(session: Session, operation: Operation, kind: str, target: Format, readings: Readings) -> Iterator[Attempt]:
    """Runs up to the first step that leaves the reference's: of one element, then in company, then as it was."""
    if any(name in OPEN and OPEN[name] not in operation.hyper for _, name in readings):
        return  # what such a reading leaves open is measured, and no part of the formula
    for plan, slot, mine, t, element in _parted(session, operation, kind, target):
        if 1 <= t <= MOST_STEPS:
            like = Steps(operation.name, target, slot, plan.shapes, plan.many, plan.hyper, {}, readings)
            yield from _beside(like, plan, mine, t, element)


def _beside(like: Steps, plan: Plan, mine: Track, t: int, element: int) -> Iterator[Steps]:
    """The element alone, with another, in a matrix, in a list; with eta as it changes, if it does."""
    theta, gradient, etas = mine.theta[0], mine.gradient[:t], plan.etas()[:t]
    others = [e for e in range(len(theta)) if e != element]
    changes = [{"eta": etas}] if np.any(etas != plan.hyper["eta"]) else []
    for shapes, many in (*COMPANY, (plan.shapes, plan.many)):
        count = sum(int(np.prod(shape)) for shape in shapes)
        chosen = list(range(count)) if shapes == plan.shapes else [*others[: count - 1], element]
        for change in ({}, *changes) if len(chosen) == count else ():
            yield replace(like, shapes=shapes, many=many, arrays={"theta": theta[chosen], "gradient": gradient[:, chosen], **change})


def late(session: Session, operation: Operation, kind: str, target: Format) -> str:
    """The first step that leaves the reference's where that is too late for a case; in words, or nothing."""
    steps = [(t, slot) for _, slot, _, t, _ in _parted(session, operation, kind, target)]
    if not steps or min(steps)[0] <= MOST_STEPS:
        return ""
    t, slot = min(steps)
    return f"{slot or 'theta'} fails from step {t} on"
