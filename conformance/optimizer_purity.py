"""What a step must leave alone: the parameters and gradients that it was given, and everything that it handed out before."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import Adapter, NotOffered, Operation
from eqwise.conformance.check import judging
from eqwise.conformance.invocation import contents, flattened, guarded
from eqwise.conformance.layouts import copied, laid_out
from eqwise.conformance.optimizer_plans import SHAPES, Plan, plans
from eqwise.conformance.session import Session
from eqwise.conformance.trajectories import overwrite, shown
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Format

STEPS = 4


@judging("purity")
def check_purity(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Neither theta nor a gradient is written, nothing that was handed out changes, and what the caller writes afterwards is ignored."""
    target, points = FORMATS[dtype], 0
    chosen = plans(operation, 1, target, session.seed_for(operation.name, "purity", dtype))[: len(SHAPES)]
    for plan in chosen:
        try:
            harm = _harm(session.adapter, operation.name, plan, target)
        except NotOffered as reason:
            blank = replace(blank, message=str(reason))
            continue
        points += STEPS
        if harm:
            return replace(blank, verdict="deviates", points=points, message=f"{operation.name} {harm}")
    return replace(blank, verdict="conforms", points=points, message=None) if points else blank


def _harm(adapter: Adapter, name: str, plan: Plan, target: Format) -> str | None:
    """What a few steps did that they must not, if anything."""
    rng = np.random.default_rng(plan.seed)
    theta = [laid_out(samples.cast(target.round(rng.normal(size=shape)), target), plan.layout) for shape in plan.shapes]
    own = {"writes to the parameters that it was given": _Kept(theta)}
    optimizer = guarded(name, lambda: getattr(adapter, name)(_given(adapter, theta, plan), **plan.hyper))
    for t in range(STEPS):
        gradient = [samples.cast(target.round(rng.normal(size=shape)), target) for shape in plan.shapes]
        own[f"writes to the gradient of step {t + 1}"] = _Kept(gradient)
        given = _given(adapter, gradient, plan)
        moved = guarded(f"step of {name}", partial(optimizer.step, given))
        own[f"changes the parameters that step {t + 1} returned"] = _Kept(_arrays(adapter, moved))
        for slot, value in shown(name, optimizer).items():
            own[f"changes the {slot} that state returned after step {t + 1}"] = _Kept(_arrays(adapter, value))
    return next((harm for harm, kept in own.items() if kept.changed()), None) or _keeps(adapter, name, plan, target, theta)


def _keeps(adapter: Adapter, name: str, plan: Plan, target: Format, theta: list[Array]) -> str | None:
    """Whether it goes on with the arrays that it was given, or with those that it showed, where the caller overwrites them."""
    rng = np.random.default_rng(plan.seed)
    gradients = [[samples.cast(target.round(rng.normal(size=shape)), target) for shape in plan.shapes] for _ in range(2)]

    def moved(overwritten: str) -> list[bytes]:
        given = [copied(array) for array in theta]
        optimizer = guarded(name, lambda: getattr(adapter, name)(_given(adapter, given, plan), **plan.hyper))
        if overwritten == "theta":
            overwrite(given)
        for gradient in gradients:
            result = guarded(f"step of {name}", partial(optimizer.step, _given(adapter, gradient, plan)))
            if overwritten == "state":
                overwrite(array for value in shown(name, optimizer).values() for array in _arrays(adapter, value))
        return [contents(array) for array in _arrays(adapter, result)]

    undisturbed = moved("")
    if undisturbed != moved(""):
        return None  # as where threads add up in another order
    if undisturbed != moved("theta"):
        return "keeps the parameters that it was given, and not copies of them"
    return "keeps the state that it shows, and not copies of it" if undisturbed != moved("state") else None


def _given(adapter: Adapter, arrays: list[Array], plan: Plan) -> Any:
    own = [adapter.from_numpy(array) for array in arrays]
    return own if plan.many else own[0]


def _arrays(adapter: Adapter, result: Any) -> list[Array]:
    """Views of what the adapter returned, where it has them."""
    return [np.asarray(guarded("to_numpy", partial(adapter.to_numpy, value))) for value in flattened([result])]


class _Kept:
    """Arrays with the bytes that they had."""

    def __init__(self, arrays: list[Array]) -> None:
        self.arrays, self.before = arrays, [contents(array) for array in arrays]

    def changed(self) -> bool:
        return any(contents(array) != before for array, before in zip(self.arrays, self.before, strict=True))
