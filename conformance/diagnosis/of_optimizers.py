"""The trials of optimizers: every step of theta, and of every slot that is shown.

Besides what a step starts from, its row holds what it might have used instead: η of the start and of the step before, the
gradient of the step before, and the slots as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.optimization import Block, Judging
from eqwise.conformance.optimizer_claims import METHODS, rows_of
from eqwise.conformance.optimizer_plans import plans
from eqwise.conformance.optimizer_start import Measured
from eqwise.conformance.session import Session
from eqwise.conformance.trajectories import OVERWRITTEN, Track, run
from eqwise.spec.numbers.expression import symbol
from eqwise.spec.numbers.formats import Floats, Format

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
    return _trial(judging, lambda readings: judging.claim_of_slot(name, readings), lambda readings: blocks)


def _judging(session: Session, operation: Operation, target: Format) -> Judging | None:
    method = METHODS[operation.name]
    drawn = plans(operation, session.volume, target, session.seed_for(operation.name, "steps", target.name))
    try:
        tracks = run(session, operation.name, drawn, target, tuple(method.slots))
    except (AdapterError, NotOffered):
        return None
    return Judging(operation.name, method, tracks, target, 6)


def _trial(judging: Judging, claim_of: Callable[[Readings], Claim], blocks_of: Callable[[Readings], list[Block]]) -> Trial:
    instead = [_instead(track) for track in judging.tracks]
    names = [name for name in instead[0] if name not in {str(x.value) for x in claim_of(()).inputs}]
    known: dict[Readings, Floats] = {}

    def build(readings: Readings) -> Claim:
        claim = claim_of(readings)
        return replace(claim, inputs=(*claim.inputs, *map(symbol, names)))

    def all_rows(claim: Claim, readings: Readings) -> Floats:
        if readings not in known:
            if len(known) > 1:
                known.popitem()  # all but the printed ones are asked for once in a row
            whole = [{**columns, **more} for (columns, _), more in zip(blocks_of(readings), instead, strict=True)]
            known[readings] = np.concatenate([rows_of(claim, columns) for columns in whole])
        return known[readings]

    printed = build(())
    rows = all_rows(printed, ())
    finite = np.isfinite(rows).all(axis=1)
    actual = np.concatenate([after.ravel() for _, after in blocks_of(())])[:, None]
    return Trial(build, lambda claim, readings: all_rows(claim, readings)[finite], actual[finite])


def _instead(track: Track) -> Mapping[str, Floats]:
    """What a step might have started from, each of the shape (steps, elements) or one that broadcasts to it."""
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
    }
