"""A hypothesis: what could explain a failure, told in words, as a claim for any trial.

It may leave one number open, which `constants` measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqwise.conformance.comparison import Claim, at_place
from eqwise.conformance.diagnosis.edits import Edit
from eqwise.conformance.diagnosis.floats import is_singular, on_rows
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.conformance.diagnosis.vocabulary import CONSTANT
from eqwise.spec.document import EQUATIONS
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import Expression, rebuild, walk
from eqwise.spec.numbers.formats import Floats, Format
from eqwise.spec.transcript import formula

Change = Callable[[Claim, Trial], Sequence[Expression]]
PLAIN = 3  # digits of a number that somebody may have written
FITS = ("conforms", "inaccurate")
LIKE = 64  # of a form that cancels floats lose what was lost, within this factor
LOSES = 16  # times as much as rounding, where that a form cancels says something
SHARED = 2.0**-4  # of a number may be wrong where it tells anything
TELLING = 4  # a fit says something where so many allowances would fit between it and what was expected


@dataclass(frozen=True)
class Fit:
    """How far a number is from what a hypothesis says, in ulps, and whether that tells it from the printed formula.

    None says neither: many formulas have no value there, or overflow. What is right where it would have lost much, or overflowed, is
    `surprising`.
    """

    ulps: float
    tells: bool | None
    surprising: bool = False


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One explanation: the word for it, a clause that tells it, and how far it is from what is printed.

    `readings` are taken in place of the equations' own; `change` makes other outputs of the claim's.
    """

    kind: str
    text: str
    cost: int
    readings: Readings = ()
    change: Change | None = None
    edit: Edit | None = None
    rounded_to: str = ""  # a format that something is rounded to
    constant: Expression | None = None
    called: str = ""  # the constant in words
    format: Format | None = None  # in which all was computed
    cancels: bool = False  # whether what it says is how much is lost
    program: Any = None  # the dtype whose floats evaluate the formula as it is written
    equation: int | None = None  # that it departs from, where that is no edit of one

    def claim(self, trial: Trial, base: Readings) -> Claim:
        """What it says of a trial's results; `base` are the readings that the framework declares."""
        made = trial.build((*base, *self.readings))
        outputs = list(made.outputs if self.change is None else self.change(made, trial))
        if self.edit is not None and self.edit.kept:
            outputs = _attached(outputs, self.edit.kept)
        applied = [part for pair in made.applied for part in pair]
        if self.constant is not None:
            outputs, applied = (substituted(found, {CONSTANT: self.constant}) for found in (outputs, applied))
        is_detached = self.edit is not None and self.edit.kept
        pairs = () if is_detached else tuple(zip(applied[::2], applied[1::2], strict=True))
        return replace(made, outputs=tuple(outputs), value=None, simplified=(), applied=pairs)

    def fit(self, claim: Claim, row: Floats, k: int, actual: float, target: Format, expected: float) -> Fit | None:
        """How this number fits, where the printed formula gives what was `expected`; None where it does not.

        By certified numbers, or by floats where they are what the hypothesis speaks of.
        """
        unit = float((self.format or target).ulp(actual if np.isfinite(actual) else 0.0))
        if self.rounded_to or self.program is not None:
            told = float(target.round(on_rows(claim.outputs[k : k + 1], claim.inputs, row[None, :], self.program or np.float64))[0, 0])
            if not (np.isfinite(told) or np.isfinite(actual)):
                return Fit(0.0, bool(self.program is not None and np.isfinite(target.round(expected))) or None)
            error = abs(told - actual)
            if error <= FACTOR * unit:
                return Fit(error / unit, _apart(error, max(error, unit), actual, expected))
            is_right = abs(actual - expected) <= FACTOR * unit
            return Fit(np.inf, False, True) if is_right and not np.isfinite(told) else None
        if self.format is not None and not np.isfinite(actual):
            overflows = np.isinf(self.format.round(expected)) or bool(np.isinf(self.format.round(row)).any())
            return Fit(0.0, None) if overflows else None
        if self.format is not None and self.format.round(actual) != actual:
            return None
        try:
            found = at_place(claim, row.tolist(), k, actual, self.format or target)
        except (ArithmeticError, ValueError):  # no case of it applies here
            return None
        if found.verdict == "undecided" and not np.isfinite(actual):  # as where the formula that is followed divides by 0
            return Fit(0.0, None) if is_singular(claim.outputs[k], claim.inputs, row) else None
        if found.verdict not in FITS:
            return None
        if self.cancels:
            lost = abs(float(on_rows(claim.outputs[k : k + 1], claim.inputs, row[None, :], target.dtype)[0, 0]) - expected)
            is_like = found.error / LIKE <= lost <= found.error * LIKE and found.error >= LOSES * FACTOR * unit
            return Fit(found.error / unit, is_like, lost > LIKE * LIKE * max(found.error, unit))
        if self.format is not None:
            return Fit(found.error / unit, actual != 0 and bool(self.format.round(expected) != expected))
        return Fit(found.error / unit, _apart(found.error, found.allowance, actual, expected))

    def measured(self, value: Expression, called: str) -> Hypothesis:
        """With this number in the place of the open one; one that is not plain is further from what is printed."""
        digits = sum(character.isdigit() for character in called.partition("e")[0].strip("-0."))
        further = (0 if digits <= PLAIN else 2) + (called == "0")  # a bound of 0 is a simple change in another dress
        return replace(self, cost=self.cost + further, constant=value, called=called, text=self.text.replace("κ", called))

    @property
    def is_open(self) -> bool:
        """Whether a number is left to be measured."""
        return "κ" in self.text

    @property
    def is_size(self) -> bool:
        """Whether the open number is a size, or how much is lost with time, and so not negative."""
        return "in size" in self.text or self.kind == "decay"

    @property
    def is_certified(self) -> bool:
        """Whether certified numbers in the format of the results say all that it says."""
        return not self.rounded_to and self.program is None and self.format is None

    @property
    def clauses(self) -> tuple[str, ...]:
        """The equation that it changes."""
        number = self.edit.number if self.edit else self.equation
        return (f"eq{number}",) if number else ()

    @property
    def formula(self) -> str:
        """The formula that is followed instead, where one equation is changed."""
        if self.edit is None:
            return ""
        shown = formula(EQUATIONS[self.edit.number], self.edit.formula)
        return shown.replace("κ", self.called) if self.called else shown


def _apart(error: float, allowance: float, actual: float, expected: float) -> bool | None:
    """Whether what came has some digits of what is told, and several allowances would fit between it and what was expected."""
    if not np.isfinite(actual):
        return None
    return bool(error <= abs(actual) * SHARED and TELLING * max(error, allowance) <= abs(actual - expected))


def substituted(outputs: Sequence[Expression], put: dict[Expression, Expression]) -> list[Expression]:
    """The outputs with these expressions in the place of those symbols."""
    return rebuild(outputs, lambda old, arguments: put.get(old))


def _attached(outputs: list[Expression], kept: dict[Expression, Expression]) -> list[Expression]:
    """What was kept out of a gradient, put back as a number."""
    while any(v in kept for v in walk(outputs)):
        outputs = substituted(outputs, kept)
    return outputs
