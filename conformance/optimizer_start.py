"""What a reading leaves open, measured once and confirmed on everything else: where h starts, an epsilon that nobody passed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.optimizer_claims import Method, Readings, Rule, claim_of, rows_of
from eqwise.conformance.optimizer_plans import Given, least_gradient
from eqwise.conformance.session import Session
from eqwise.conformance.trajectories import Track, run
from eqwise.spec.numbers.formats import FORMATS, Floats, Format
from eqwise.spec.numbers.program import FLOATS, compiled

OPEN = {"positive_start": "start", "epsilon_outside_root": "epsilon", "epsilon_inside_root": "epsilon"}
HYPER = {"eta": 1.0, "alpha": 0.5, "epsilon": 2.0**-10}
GREATEST = 2.0**20
_DOUBLE = FORMATS["float64"]


@dataclass(frozen=True)
class Measured:
    """The start of every slot, and the epsilon of an optimizer that is not passed one."""

    start: float = 0.0
    epsilon: float = 0.0


def measured(session: Session, operation: Operation, method: Method, readings: Readings, target: Format) -> Measured | None:
    """What makes the first step come out as it did, from 0 and with a gradient so small that little else shows; None if nothing."""
    wanted = [OPEN[name] for _, name in readings if name in OPEN and OPEN[name] not in operation.hyper]
    if not wanted:
        return Measured()
    try:
        passed = {name: HYPER[name] for name in operation.hyper}
        first = Given.of([0.0], [[least_gradient(passed, target)]], passed)
        (track,) = run(session, operation.name, [first], target, tuple(method.slots))
    except NotOffered:
        return None
    of_slot = wanted[0] == "start" and track.kept

    def left(value: float) -> float:
        """How far the slot that is shown, or theta, is from what it would be at this value."""
        slot, theta = _predicted(method, readings, Measured(**{wanted[0]: value}), track)
        return float(slot - track.kept["h"][1, 0] if of_slot else abs(theta) - abs(track.theta[1, 0]))

    value = _root(left, target.smallest_normal, GREATEST) if len(wanted) == 1 else None
    return None if value is None else Measured(**{wanted[0]: value})


def _predicted(method: Method, readings: Readings, at: Measured, track: Track) -> tuple[float, float]:
    columns = {"epsilon": np.full((1, 1), at.epsilon), **track.columns(), "h": np.full((1, 1), at.start)}
    columns["h"] = np.full((1, 1), _value(method.slots["h"], readings, columns))
    return float(columns["h"][0, 0]), _value(method.step, readings, columns)


def _value(rule: Rule, readings: Readings, columns: dict[str, Floats]) -> float:
    claim = claim_of(rule, readings)
    (value,) = compiled(claim.outputs, claim.inputs, FLOATS)(*rows_of(claim, columns).T)
    return float(np.ravel(value)[0])


def _root(function: Callable[[float], float], low: float, high: float) -> float | None:
    """Where a monotonic function changes its sign, to the last bit."""
    if not function(low) * function(high) < 0:
        return None
    rises, ends = function(high) > 0, [int(_DOUBLE.ordinals(low)), int(_DOUBLE.ordinals(high))]
    while ends[1] - ends[0] > 1:
        middle = sum(ends) // 2
        ends[(function(float(_DOUBLE.from_ordinals(middle))) > 0) == rises] = middle
    return float(_DOUBLE.from_ordinals(ends[0]))
