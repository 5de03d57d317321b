"""What a layer of batch normalization made of its batches in training, as trials of (74) to (77)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eqwise.conformance.adapter import Operation
from eqwise.conformance.batch_layer import FEATURES, history
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.conformance.session import Session
from eqwise.spec.numbers.formats import Floats, Format


def trials(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """A trial for every size of a batch, with a row for each feature."""
    groups: dict[int, list[tuple[Floats, Floats]]] = {}
    for made in history(session, target):
        if made.training:
            rows = np.column_stack([made.x.T, *made.parameters, np.full(FEATURES, made.epsilon)])
            groups.setdefault(len(made.x), []).append((rows, made.y.T))
    return [_trial(samples, *map(np.concatenate, zip(*found, strict=True))) for samples, found in groups.items()]


def _trial(samples: int, rows: Floats, actual: Floats) -> Trial:
    frame = Frame("batch_norm", (samples,))

    def build(readings: Readings) -> Claim:
        return value_claim(replace(frame, readings=readings))

    return Trial(build, lambda claim, readings: rows, actual, {"m": samples})
