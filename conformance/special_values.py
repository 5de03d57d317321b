"""What ±inf, nan and −0 give. They lie outside the notes, which speak of real numbers: reported, never a clause's verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb

from eqwise.conformance import samples
from eqwise.conformance.adapter import Operation
from eqwise.conformance.check import judging
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.comparison import Claim
from eqwise.conformance.invocation import value
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.spec.certify import precision, rounded
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

POINTS = np.array([np.inf, -np.inf, np.nan, -0.0])
FAR_OUT = 8192  # 2 to this power lies beyond every format


@judging("special_values", label="outside the notes")
def check_special_values(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """The limits at ±inf, nan at nan, the value of zero at −0."""
    target = FORMATS[dtype]
    hyper = samples.usual_hyper(operation)[0]
    actual = value(session.adapter, operation, [samples.cast(POINTS, target)], POINTS.shape, target, **hyper)
    expected = _limits(value_claim(Frame(operation.name)), tuple(hyper.values()), target)
    with np.errstate(invalid="ignore"):
        near = np.abs(actual - expected) <= FACTOR * target.ulp(np.where(np.isfinite(expected), expected, 0.0))
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected)) | near
    differs = [f"f({x}) = {a}, not {e}" for x, a, e, ok in zip(POINTS, actual, expected, same, strict=True) if not ok]
    return replace(blank, verdict="deviates" if differs else "conforms", points=len(POINTS), message="; ".join(differs) or None)


def _limits(claim: Claim, hyper: tuple[float, ...], target: Format) -> Floats:
    """The formula far out on both sides, nan, and the formula at zero."""
    ends = []
    with precision(2 * FAR_OUT):
        for sign in (1, -1):
            (ball,) = claim.program.on_balls(arb((sign, FAR_OUT)), *map(arb, hyper))
            ends.append(target.nearest(*map(int, ball.mid().man_exp())))
    return np.array([*ends, np.nan, rounded(claim.program, np.array([[0.0, *hyper]]), target)[0, 0]])
