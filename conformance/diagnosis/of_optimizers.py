"""The trials of optimizers: every step of theta, and of every slot that is shown.

Besides what a step starts from, its row holds what it might have used instead: η of the start and of the step before, the
gradient of the step before, the slots as they were, and what stands in `stand_ins`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.hypothesis import Hypothesis, substituted
from eqwise.conformance.diagnosis.stand_ins import in_place
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.conformance.diagnosis.vocabulary import CONSTANT
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.optimization import Block, Judging
from eqwise.conformance.optimizer_claims import METHODS, rows_of
from eqwise.conformance.optimizer_plans import plans
from eqwise.conformance.optimizer_start import Measured
from eqwise.conformance.session import Session
from eqwise.conformance.trajectories import OVERWRITTEN, Track, run
from eqwise.spec.numbers.expression import Expression, node, symbol
from eqwise.spec.numbers.formats import Floats, Format

SLOTS = {name for method in METHODS.values() for name in method.slots}
DECAYS = {"alpha", "beta_1", "beta_2"}
FEW = 6  # runs, where what is not shown must be followed from the start under every formula


def of_update(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """Steps of theta."""
    judging = _judging(session, operation, target)
    if judging is None:
        return []
    if judging.hidden:
        judging = replace(judging, tracks=sorted(judging.tracks, key=lambda track: track.theta.size)[:FEW])
    return [_trial(judging, judging.claim_of_step, lambda readings: judging.blocks_of_step(readings, Measured()))]


def of_state(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """Steps of the slots that are shown."""
    judging = _judging(session, operation, target)
    return [_of_slot(judging, name) for name in judging.shown] if judging is not None else []


def _of_slot(judging: Judging, name: str) -> Trial:
    blocks = judging.blocks_of_slot(name, Measured())
    return _trial(judging, lambda readings: judging.claim_of_slot(name, readings), lambda readings: blocks, name)


def _judging(session: Session, operation: Operation, target: Format) -> Judging | None:
    method = METHODS[operation.name]
    drawn = plans(operation, session.volume, target, session.seed_for(operation.name, "steps", target.name))
    try:
        tracks = run(session, operation.name, drawn, target, tuple(method.slots))
    except (AdapterError, NotOffered):
        return None
    return Judging(operation.name, method, tracks, target, 6)


def _trial(
    judging: Judging, claim_of: Callable[[Readings], Claim], blocks_of: Callable[[Readings], list[Block]], own: str = ""
) -> Trial:
    """Of theta, or of the slot `own`, which is nothing that it could be made from."""
    others = [name for name in judging.shown if name != own]
    stand_ins = [in_place(judging, track, others) for track in judging.tracks]
    instead = [{**_known(track, others), **more} for track, more in zip(judging.tracks, stand_ins, strict=True)]
    names = [name for name in instead[0] if name not in {str(x.value) for x in claim_of(()).inputs}]
    actual = np.concatenate([after.ravel() for _, after in blocks_of(())])[:, None]
    follow = judging.hidden or judging.method.joined  # whether what a step starts from follows from formulas
    known: dict[Any, Floats] = {}

    def build(readings: Readings) -> Claim:
        claim = claim_of(readings)
        return replace(claim, inputs=(*claim.inputs, *map(symbol, names)))

    def all_rows(claim: Claim, readings: Readings) -> Floats:
        whole = [{**columns, **more} for (columns, _), more in zip(blocks_of(readings), instead, strict=True)]
        return np.concatenate([rows_of(claim, columns) for columns in whole])

    finite = np.isfinite(all_rows(build(()), ())).all(axis=1)

    def rows(claim: Claim, readings: Readings) -> Floats:
        key = claim.inputs, readings if follow else ()
        if key not in known:
            if len(known) > 1:
                known.popitem()  # all but the printed ones are asked for once in a row
            known[key] = all_rows(claim, readings)[finite]
        return known[key]

    return Trial(build, rows, actual[finite], further=_by_themselves, instead=stand_ins[0])


def _by_themselves(trials: Sequence[Trial]) -> Iterator[Hypothesis]:
    """Learning rates and parameters that decay by themselves, and corrections for the start, where the notes have none."""
    t = symbol("t")
    scales = {
        "1 + κ(t - 1)": 1 + CONSTANT * (t - 1),
        "1 + κt": 1 + CONSTANT * t,
        "the root of t": node("sqrt", t),
        "t": t,
    }
    for told, scale in scales.items():
        def change(claim: Claim, trial: Trial, scale: Expression = scale) -> list[Expression]:
            return substituted(claim.outputs, {x: x / scale for x in claim.inputs if x.value == "eta"})

        yield Hypothesis("decay", f"eta divided by {told}", 2, change=change)
    names = {str(x.value) for x in trials[0].printed.inputs}
    for slot, decay in product(sorted(SLOTS & names), sorted(DECAYS & names)):
        def corrected(claim: Claim, trial: Trial, slot: str = slot, decay: str = decay) -> list[Expression]:
            return substituted(claim.outputs, {symbol(slot): symbol(slot) / (1 - symbol(decay) ** t)})

        yield Hypothesis("corrected", f"{slot} divided by 1 - {decay}^t, as in (66) and (67)", 2, change=corrected)
    eta, theta = symbol("eta"), symbol("theta")

    def decayed(claim: Claim, trial: Trial) -> list[Expression]:
        return substituted(claim.outputs, {theta: theta * (1 - CONSTANT * eta)})

    yield Hypothesis("decay", "theta times 1 - κeta, which is weight decay beside the gradient", 2, change=decayed)


def _known(track: Track, slots: Sequence[str]) -> Mapping[str, Floats]:
    """What else a step knows, each of the shape (steps, elements) or one that broadcasts to it."""
    columns = track.columns()
    eta, gradient = columns["eta"], columns["gradient"]
    return {
        **{name: np.full((1, 1), value) for name, value in track.plan.hyper.items() if name != "eta"},
        "eta": eta,
        "t": columns["t"],
        "theta": track.theta[:-1],
        "the eta of the start": np.full_like(eta, eta[0, 0]),
        "the eta of the step before": np.concatenate([eta[:1], eta[:-1]]),
        "what the caller wrote into a result": np.full((1, 1), OVERWRITTEN),
        "the gradient of the step before": np.concatenate([np.zeros_like(gradient[:1]), gradient[:-1]]),
        **{f"the old {name}": kept[:-1] for name, kept in track.kept.items()},
        **{f"the new {name}": track.kept[name][1:] for name in slots},
    }
