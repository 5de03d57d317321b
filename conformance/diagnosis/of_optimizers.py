"""The trials of optimizers: every step of theta, and of every slot that is shown.

Besides what a step starts from, its row holds what it might have used instead: η of the start and of the step before, the
gradient of the step before, the slots as they were, and one number for all elements of a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.hypothesis import Hypothesis, substituted
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
from eqwise.spec.numbers.program import FLOATS, compiled

SLOTS = {name for method in METHODS.values() for name in method.slots}
DECAYS = {"alpha", "beta_1", "beta_2"}
REDUCTIONS: Mapping[str, Callable[[Any], Any]] = {  # of the elements of a parameter, in every step
    "the sum of {}": lambda a: a.sum(axis=1),
    "the mean of {}": lambda a: a.mean(axis=1),
    "the largest {}": lambda a: a.max(axis=1),
    "the first {}": lambda a: a[:, 0],
    "the norm of {}": lambda a: np.sqrt((a * a).sum(axis=1)),
    "the root of the mean square of {}": lambda a: np.sqrt((a * a).mean(axis=1)),
}
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
    stand_ins = [_in_place(judging, track, others) for track in judging.tracks]
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

    return Trial(build, rows, actual[finite], further=_in_time, instead=stand_ins[0])


def _in_time(trials: Sequence[Trial]) -> Iterator[Hypothesis]:
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
    for slot, decay in [(slot, decay) for slot in SLOTS & names for decay in DECAYS & names]:
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


def _in_place(judging: Judging, track: Track, slots: Sequence[str]) -> Mapping[str, Floats]:
    """What could be taken in the place of a gradient, a slot or the time, of the shape (steps, elements)."""
    return {
        **_of_whole_parameters(track, "gradient", track.gradient),
        **{told: column for slot in slots for told, column in _of_whole_parameters(track, slot, track.kept[slot][1:]).items()},
        "the sign of gradient": np.sign(track.gradient),
        **_of_arrays(track, track.gradient),
        **_ahead(judging, track, slots),
    }


def _of_arrays(track: Track, gradient: Floats) -> Mapping[str, Floats]:
    """The gradient read, and steps counted, in other ways than for each parameter: of the shape (steps, elements)."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in track.plan.shapes)])
    first, stored, counted = gradient.copy(), gradient.copy(), np.zeros_like(gradient)
    for place, ((a, b), shape) in enumerate(zip(pairwise(ends), track.plan.shapes, strict=True)):
        counted[:, a:b] = (np.arange(len(gradient)) * len(track.plan.shapes) + place + 1)[:, None]
        for step in range(len(gradient) if len(shape) > 1 else 0):
            part = gradient[step, a:b].reshape(shape)
            first[step, a:b] = np.broadcast_to(part[:1], shape).ravel()
            stored[step, a:b] = samples.laid_out(part, track.plan.laid).ravel(order="K")
    return {
        "the first row of gradient": first,
        "gradient in the order of memory": stored,
        "a count of all parameters' steps": counted,
    }


def _ahead(judging: Judging, track: Track, slots: Sequence[str]) -> Mapping[str, Floats]:
    """Slots that took one step more, with the same gradient."""
    found = {}
    for name in slots:
        claim = judging.claim_of_slot(name, ())
        columns = {**track.columns(), name: track.kept[name][1:]}
        (after,) = compiled(claim.outputs, claim.inputs, FLOATS)(*(columns[str(x.value)] for x in claim.inputs))
        found[f"{name} after one step more"] = np.broadcast_to(after, track.gradient.shape)
    return found


def _of_whole_parameters(track: Track, name: str, columns: Floats) -> Mapping[str, Floats]:
    """One number for all elements of a parameter: columns of shape (steps, elements), with as many digits as there are."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in track.plan.shapes)])
    found: dict[str, Floats] = {}
    with np.errstate(all="ignore"):
        for told, reduced in REDUCTIONS.items():
            parts = [np.asarray(columns[:, a:b], np.longdouble) for a, b in pairwise(ends)]
            one = np.concatenate([np.broadcast_to(reduced(part)[:, None], part.shape) for part in parts if part.shape[1]], axis=1)
            found[f"{told.format(name)} of the parameter"] = np.asarray(one, np.float64)
        norm = found[f"the norm of {name} of the parameter"]
        found[f"{name} divided by its norm"] = np.where(norm > 0, columns / norm, 0.0)
    return found
