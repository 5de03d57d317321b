"""Integers in the place of floats: arrays of narrow integers, whose differences and squares may not fit their type.

A type of integers that the adapter refuses is not offered. Where an intermediate of the printed formula leaves the range of
the type, what arithmetic modulo a power of two makes of it is `inaccurate`, labelled `range`, as overflow is for floats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.evidence import Sample, grouped
from eqwise.conformance.inputs import Generator
from eqwise.conformance.invocation import AdapterError, untyped_value
from eqwise.conformance.judging import under_readings
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import VERDICTS, Result
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format
from eqwise.spec.numbers.program import FLOATS, RATIONALS, compiled

INTEGERS = ("int8", "uint8", "int16", "int32")
LENGTHS = (1, 2, 5, 16)
Group = tuple[str, Format, bool]  # the type of the integers, the format of the results, whether every intermediate fits


def check_integers(session: Session, operation: Operation, dtype: str) -> Result:
    """Observations and estimates that are integers give what the same numbers give as floats, however far apart they are."""
    blank = Result(operation.clauses, operation.name, "integers", None, "not_offered")
    found, refused = _collected(session, operation)
    told = f"{', '.join(refused)} not offered: {next(iter(refused.values()))}" if refused else None
    results = [_told(_judged(session, operation, blank, own, group), group[0]) for group, own in found.items()]
    if not results:
        return replace(blank, message=told)
    worst = max(results, key=lambda result: VERDICTS.index(result.verdict))
    points = sum(result.points for result in results)
    return replace(worst, points=points, message="; ".join(filter(None, (worst.message, told))) or None)


def _judged(session: Session, operation: Operation, blank: Result, found: list[Sample], group: Group) -> Result:
    """The verdict on one group; where intermediates do not fit the type, all but what has wrapped around must hold."""
    kind, known, fits = group
    result = under_readings(session, operation, blank, grouped(found), known)
    if fits or result.verdict != "deviates":
        return result
    left = [sample for sample in found if not _wrapped(operation, sample, kind, known)]
    rest = under_readings(session, operation, blank, grouped(left), known) if left else result
    if left and rest.verdict == "deviates":
        return rest
    return replace(result, verdict="inaccurate", label="range", message="differences or squares do not fit the type of the integers")


def _wrapped(operation: Operation, sample: Sample, kind: str, known: Format) -> bool:
    """Whether a result is that of some reading whose intermediates were kept in types of integers."""
    row, actual = sample.rows[0], float(sample.actual[0, 0])
    for readings in operation.readings():
        claim = sample.claim(tuple(readings.items()))
        program = compiled(claim.outputs[:1], claim.inputs, IN_INTEGERS)
        for kept in _kept(kind):
            with np.errstate(all="ignore"):
                value, size = (float(program(*(Whole(int(x), one) for x in row))[0]) for one in (kept, replace(kept, sizes=True)))
                slack = (2 * FACTOR + len(row)) * known.unit_roundoff * (1 + abs(value) + abs(size))
                rounded = float(known.round(np.array(value)))
            if abs(value - actual) <= slack or np.array_equal(rounded, actual, equal_nan=True):
                return True
    return False


def _kept(kind: str) -> Iterator[Kept]:
    """The types in which intermediates may be kept: that of the integers, a usual one where that may be too narrow, or none."""
    sign, narrow = kind.rstrip("0123456789"), (None, np.iinfo(kind))
    usual = (None, *(np.iinfo(name) for name in dict.fromkeys((kind, f"{sign}32", f"{sign}64"))))
    return (Kept(*chosen) for chosen in product(narrow, narrow, usual, usual, (False, True), (False, True)))


@dataclass(frozen=True)
class Kept:
    """The types of sums of inputs, of differences, of what is made of one number, and of sums of those.

    Where differences are `exchanged`, t - y is taken as y - t, which the formulas, being even in it, allow. Where they are
    `by_floats`, integers are computed as numbers of float64 and then kept, as in JavaScript. With `sizes`, sums of what is made
    of one number are those of its size, which is what a sum of floats is rounded at.
    """

    of_inputs: Any
    difference: Any
    alone: Any
    sums: Any
    exchanged: bool
    by_floats: bool
    sizes: bool = False


@dataclass(frozen=True)
class Whole:
    """An integer whose sums, differences, powers and negatives wrap around in types, and whose quotients are floats."""

    value: int
    kept: Kept
    of_inputs: bool = True

    def _in(self, info: Any, value: int, of_inputs: bool = False) -> Whole:
        value = int(float(value)) if self.kept.by_floats else value
        return Whole(value if info is None else (value - info.min) % 2**info.bits + info.min, self.kept, of_inputs)

    def __float__(self) -> float: return float(self.value)
    def __gt__(self, other: int) -> bool: return self.value > other
    def __lt__(self, other: int) -> bool: return self.value < other
    def __neg__(self) -> Whole: return self._in(self.kept.alone, -self.value)
    def __pow__(self, exponent: int) -> Whole: return self._in(self.kept.alone, self.value**exponent)
    def __rmul__(self, other: float) -> float: return other * self.value
    def __truediv__(self, other: Any) -> Any: return np.float64(self.value) / np.float64(float(other))

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, Whole):
            return self.value + other
        if self.kept.sizes and not self.of_inputs:
            return Whole(abs(self.value) + abs(other.value), self.kept, False)
        return self._in(self.kept.of_inputs if self.of_inputs else self.kept.sums, self.value + other.value, self.of_inputs)

    def __sub__(self, other: Any) -> Any:
        if not isinstance(other, Whole):
            return self.value - other
        return self._in(self.kept.difference, (other.value - self.value) if self.kept.exchanged else self.value - other.value)


IN_INTEGERS = replace(FLOATS, select=RATIONALS.select, sqrt=lambda x: np.sqrt(float(x)))


def _told(result: Result, kind: str) -> Result:
    """With the type of the integers in the message, which the inputs told there do not show."""
    return replace(result, message=f"given {kind}: {result.message}") if result.message else result


def _collected(session: Session, operation: Operation) -> tuple[dict[Group, list[Sample]], dict[str, str]]:
    """Results by their group, and why a type of integers is not offered."""
    rng = np.random.default_rng(session.seed_for(operation.name, "integers"))
    found: dict[Group, list[Sample]] = {}
    refused: dict[str, str] = {}
    for kind in INTEGERS:
        for number, n in enumerate(LENGTHS * session.volume * 2):
            inputs = [_integers(np.iinfo(kind), rng, n, small=number % 2 == 0) for _ in operation.inputs]
            try:
                value, known = untyped_value(session.adapter, operation, inputs, ())
            except (NotOffered, AdapterError) as reason:
                refused[kind] = str(reason)
                break
            row, frame = np.concatenate(inputs).astype(np.float64), Frame(operation.name, (n,))
            made = Sample(value_claim, frame, (), row[None, :], value.reshape(1, 1))
            found.setdefault((kind, known, _fits(frame, row, np.iinfo(kind))), []).append(made)
    return found, refused


def _integers(info: Any, rng: Generator, n: int, small: bool) -> Array:
    """Integers over the whole range of a type, its ends among them; or small ones."""
    if small:
        return rng.integers(0, 4, n, info.dtype)
    anywhere = rng.integers(info.min, info.max, n, info.dtype, endpoint=True)
    few = rng.choice(np.array([info.min, info.max, 0, 1, 100], info.dtype), n)
    return np.where(rng.random(n) < 0.5, anywhere, few)


def _fits(frame: Frame, row: Floats, info: Any) -> bool:
    """Whether every intermediate of the formula lies in the range of the type, and its negative too, as that of y − t."""
    claim = value_claim(frame)
    with np.errstate(all="ignore"):
        values = compiled(bounds.exposed(claim.outputs[0]), claim.inputs, FLOATS)(*row)
    return all(info.min <= -abs(value) and abs(value) <= info.max for value in values)
