"""Formulas of a vector applied along another axis of a matrix, or to all of its elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from eqwise.conformance import comparison, evidence
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.gathering import afresh
from eqwise.conformance.diagnosis.hypothesis import substituted
from eqwise.conformance.invocation import AdapterError, value
from eqwise.conformance.samples import Call
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.expression import symbol, symbols
from eqwise.spec.numbers.formats import Floats, Format

TURNS = (0, 1)  # the inputs that failed, and others
MOST = 128  # elements of one matrix that one formula takes
ENOUGH = 2  # matrices that must tell the axes apart, in every turn
FITS = ("conforms", "inaccurate")
WHERE = {
    "rows": ("along the first axis, not the last", "to all elements as one vector, not to each row"),
    "columns": ("over the features of each sample, not over the samples", "over all elements, not over the samples of each feature"),
}


@dataclass(frozen=True)
class Arranged:
    """Results of one matrix arranged for a claim."""

    claim: Claim
    rows: Floats
    actual: Floats

    def fits(self, target: Format) -> bool:
        return comparison.judge(self.claim, self.rows, self.actual, target).verdict in FITS


def explained(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """The axis that explains all matrices, on fresh inputs too."""
    found = [list(_arranged(session if not turn else afresh(session, turn), operation, target)) for turn in TURNS]
    if any(sum(not printed.fits(target) for printed, *_ in one) < ENOUGH for one in found):
        return []
    for k, where in enumerate(WHERE[operation.shape], 1):
        if all(matrix[k].fits(target) for one in found for matrix in one):
            points = sum(matrix[k].actual.size for one in found for matrix in one)
            return [Explanation("another axis", f"the formula applied {where}", (), points, 0.0)]
    return []


def _arranged(session: Session, operation: Operation, target: Format) -> Iterator[tuple[Arranged, Arranged, Arranged]]:
    """Every matrix as printed, along the other axis, and as a whole."""
    for call in evidence.calls(session, operation, "value", target):
        x = np.asarray(call.inputs[0], np.float64)
        if x.ndim != 2 or min(x.shape) < 2 or x.size > MOST:
            continue
        try:
            y = value(session.adapter, operation, call.inputs, x.shape, target, **call.named)
        except (AdapterError, NotOffered):
            continue
        if np.isfinite(y).all():
            yield _of_rows(operation, x, y) if operation.shape == "rows" else _of_columns(call, x, y)


def _of_rows(operation: Operation, x: Floats, y: Floats) -> tuple[Arranged, Arranged, Arranged]:
    def along(rows: Floats, actual: Floats) -> Arranged:
        return Arranged(value_claim(Frame(operation.name, (rows.shape[1],))), rows, actual)

    return along(x, y), along(x.T, y.T), along(x.reshape(1, -1), y.reshape(1, -1))


def _of_columns(call: Call, x: Floats, y: Floats) -> tuple[Arranged, Arranged, Arranged]:
    """Each feature keeps its own gamma and beta."""
    samples, features = x.shape
    gamma, beta = (np.broadcast_to(np.asarray(a, np.float64), (features,)) for a in call.inputs[1:3])
    hyper = np.array(call.hyper, np.float64)

    def row(*parts: Floats) -> Floats:
        return np.concatenate([*(np.ravel(part) for part in parts), hyper])

    features_apart = np.array([row(*one) for one in zip(x.T, gamma, beta, strict=True)])
    printed = Arranged(value_claim(Frame("batch_norm", (samples,))), features_apart, y.T)
    across = Arranged(_with_own_parameters(features, 1), np.array([row(one, gamma, beta) for one in x]), y)
    whole = Arranged(_with_own_parameters(features, samples), row(x, gamma, beta)[None, :], y.reshape(1, -1))
    return printed, across, whole


def _with_own_parameters(features: int, samples: int) -> Claim:
    """The formula over so many rows of all features together, each of which has a gamma and a beta."""
    claim = value_claim(Frame("batch_norm", (features * samples,)))
    gamma, beta = symbols("gamma", features), symbols("beta", features)
    outputs = [
        substituted([output], {symbol("gamma"): gamma[k % features], symbol("beta"): beta[k % features]})[0]
        for k, output in enumerate(claim.outputs)
    ]
    return replace(claim, outputs=tuple(outputs), inputs=(*claim.inputs[: features * samples], *gamma, *beta, *claim.inputs[-1:]))
