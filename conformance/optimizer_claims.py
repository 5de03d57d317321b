"""What one step of an optimizer is held against: a claim for what it keeps, one for the parameters, over named columns.

Where an optimizer shows what it keeps, every step starts from that. Where it does not, what it must keep follows from the
gradients by the exact recursion, and is allowed what all steps so far are allowed, each passing its own on to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import signature
from typing import Any

import numpy as np
from flint import arb

from eqwise.conformance.comparison import Claim
from eqwise.spec import optimizers
from eqwise.spec.certify import precision
from eqwise.spec.document import Equation, reading_as
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.expression import Expression, lifted, symbol
from eqwise.spec.numbers.formats import Floats, Format
from eqwise.spec.numbers.program import BALLS, FLOATS, compiled
from eqwise.spec.numbers.tape import gradient

Readings = tuple[tuple[int, str], ...]
Columns = Mapping[str, Floats]
_ERROR, _ONE = "_error", "one"
NEXT_TO_NOTHING = 2.0**-1000  # its root is nothing beside any epsilon


@dataclass(frozen=True, eq=False)
class Rule:
    """A formula of a step, and the equations that it composes."""

    equations: tuple[int, ...]
    formula: Callable[..., Any]

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.formula.parameters if isinstance(self.formula, Equation) else tuple(signature(self.formula).parameters)


@dataclass(frozen=True)
class Method:
    """An optimizer: how the parameters move, and how each of its slots does, by the notes' symbols.

    Where both are often computed in one (`joined`), what a slot is allowed in this step is passed on to theta. A slot may be
    0 `beside` another that is not.
    """

    step: Rule
    slots: Mapping[str, Rule] = field(default_factory=dict)
    joined: bool = False
    beside: str = ""


METHODS: Mapping[str, Method] = {
    "sgd":      Method(Rule((38, 57), optimizers.sgd)),
    "momentum": Method(Rule((59,), optimizers.momentum), {"v": Rule((58,), optimizers.velocity)}, joined=True),
    "adagrad":  Method(Rule((61,), optimizers.adagrad), {"h": Rule((60,), optimizers.accumulated_squares)}),
    "rmsprop":  Method(Rule((63,), optimizers.rmsprop), {"h": Rule((62,), optimizers.moving_mean_of_squares)}),
    "adam":     Method(
        Rule((66, 67, 68), optimizers.adam),
        {"m": Rule((64,), optimizers.first_moment), "v": Rule((65,), optimizers.second_moment)},
        beside="v",
    ),
}  # fmt: skip


@lru_cache(maxsize=256)
def claim_of(rule: Rule, readings: Readings, inherited: tuple[str, ...] = ()) -> Claim:
    """The rule's formula over its inputs.

    An inherited input x stands as x + x_error·(one − 1), so that x_error is what conditioning counts for it besides |x|.
    """
    given: dict[str, Expression] = {name: symbol(name) for name in rule.inputs}
    one = symbol(_ONE)
    extra = tuple(symbol(name + _ERROR) for name in inherited)
    inputs = (*given.values(), *extra, *((one,) if inherited else ()))
    given |= {name: symbol(name) + error * (one - 1) for name, error in zip(inherited, extra, strict=True)}
    with reading_as(dict(readings)):
        return Claim((lifted(rule.formula(**given)),), inputs)


def rows_of(claim: Claim, columns: Mapping[str, Floats]) -> Floats:
    """The claim's inputs at every step and element, as rows."""
    chosen = [columns[str(x.value)] for x in claim.inputs]
    shape = np.broadcast_shapes(*(column.shape for column in chosen))
    return np.column_stack([np.broadcast_to(column, shape).ravel() for column in chosen])


def inherited_columns(name: str, values: Floats, errors: Floats) -> dict[str, Floats]:
    """A slot that is not shown, after every step: its exact value and its allowance."""
    return {name: values[1:], name + _ERROR: errors[1:], _ONE: np.ones((1, 1))}


def off_zero(name: str, columns: Columns) -> dict[str, Floats]:
    """A slot that is exactly 0, and so without an error, as next to nothing: at 0 a root has no slope, which would allow for nothing."""
    nothing = columns[name] == 0
    found = {name: np.where(nothing, NEXT_TO_NOTHING, columns[name])}
    if name + _ERROR in columns:
        found[name + _ERROR] = np.where(nothing, 0.0, columns[name + _ERROR])
    return found


def recursion(
    rule: Rule, readings: Readings, slot: str, start: float, columns: Mapping[str, Floats], target: Format
) -> tuple[Floats, Floats]:
    """The exact value of a slot at times 0 to T, and what the strict allowances of all steps add up to, in units of 8u."""
    claim, shape = claim_of(rule, readings), columns["gradient"].shape
    given = {str(x.value): np.broadcast_to(columns[str(x.value)], shape).tobytes() for x in claim.inputs if x.value != slot}
    return _recursion(claim, slot, start, shape, tuple(given.items()), target)


@lru_cache(maxsize=1024)
def _recursion(
    claim: Claim, slot: str, start: float, shape: tuple[int, int], given: tuple[tuple[str, bytes], ...], target: Format
) -> tuple[Floats, Floats]:
    """The same steps are asked for under many readings, of many optimizers."""
    steps, elements = shape
    columns = {name: np.frombuffer(data).reshape(shape) for name, data in given}
    exact = compiled(claim.outputs, claim.inputs, BALLS)
    values, errors = np.full((2, steps + 1, elements), start)
    balls: list[Any] = [arb(start)] * elements
    with precision(128):
        for t in range(steps):
            row = [balls if x.value == slot else map(arb, columns[str(x.value)][t].tolist()) for x in claim.inputs]
            balls = [exact(*one)[0] for one in zip(*row, strict=True)]
            values[t + 1] = [float(ball) for ball in balls]
    slope, own = _allowances(claim, slot, {**columns, slot: values[:-1]}, target)
    errors[0] = abs(start)
    for t in range(steps):
        errors[t + 1] = own[t] + slope[t] * errors[t]
    return values, errors


def joined_columns(rule: Rule, readings: Readings, slot: str, before: Floats, after: Floats, columns: Columns, target: Format) -> Columns:
    """A slot that is shown, after every step, with the allowance of that step."""
    claim = claim_of(rule, readings)
    with np.errstate(all="ignore"):
        _, error = _allowances(claim, slot, {**columns, slot: before}, target)
    return {slot: after, slot + _ERROR: np.where(np.isfinite(error), error, 0.0), _ONE: np.ones((1, 1))}


def _allowances(claim: Claim, slot: str, columns: Columns, target: Format) -> tuple[Floats, Floats]:
    """What the slot's slope leaves of the allowance before a step, and the step's own."""
    (output,) = claim.outputs
    slopes = gradient(output, [x for x in claim.inputs if x.value == slot])
    sums = bounds.strict_sums(output, claim.inputs).relative
    slope, value, *others = compiled((*slopes, *sums), claim.inputs, FLOATS)(*(columns[str(x.value)] for x in claim.inputs))
    own = np.maximum(bounds.magnitude([value, *others]), target.ulp(value) / (2 * target.unit_roundoff))
    return np.broadcast_to(np.abs(slope), own.shape), own
