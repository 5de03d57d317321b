"""What is checked of initial weights, (69) to (72), and of biases: the laws that they are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from eqwise.conformance import draws
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.chance import Finding, Judgement, judged
from eqwise.conformance.check import Check, judging
from eqwise.conformance.draws import Draws, standardised
from eqwise.conformance.invocation import AdapterError, as_array, checked, contents, guarded
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.spec.document import AS_PRINTED, EQUATIONS, reading_as
from eqwise.spec.numbers.expression import number
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

WIDE, TALL = (2048, 512), (512, 2048)  # 2²⁰ entries each, which is where the tests have their power, whatever the effort
LARGE = (WIDE, TALL, (512, 512))
SMALL, SEEDS = ((2, 4), (8, 1), (1, 8)), 1024  # many small layers of eight weights, a seed for each
NEAR_BITS, FAR_BITS = 13, 32  # bits of the seed that neighbours differ in, and those below which all must matter
ODD, FEW_SEEDS = ((1, 1), (1, 7), (7, 1), (3, 5), (5, 3), (33, 17)), 9
BIASES = ((1,), (2,), (7,), (1024,))
UNITS = (0, -1, 1)  # by which the width of a law may be off that is formed in the dtype


@dataclass(frozen=True)
class Layers:
    """Weights that were drawn: one layer, or many of one shape with a row for each."""

    weights: Floats
    shape: tuple[int, int]


@judging("distribution")
def check_distribution(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Entries are independent draws from the law: wide, tall, square, and in small layers over many seeds."""
    target = FORMATS[dtype]
    constant = _constant(session, operation, target)
    groups = layers_of(session, operation, target)
    blank = replace(blank, points=sum(layers.weights.size for group in groups for layers in group))
    if constant.alarms:
        return replace(blank, verdict="deviates", message=str(constant))
    printed = _judged(operation, AS_PRINTED, groups, target)
    if printed.alarm is None:
        return replace(blank, verdict="conforms", max_share=printed.share)
    readings = _readings(session, operation)
    for name in readings:
        other = _judged(operation, name, groups, target)
        if other.alarm is None:
            return replace(blank, verdict="conforms_as", max_share=other.share, reading=f"{operation.clauses[0]}:{name}")
    for name, units in product((AS_PRINTED, *readings), UNITS):
        other = _judged(operation, name, groups, target, units)
        if other.alarm is None:
            reading = None if name == AS_PRINTED else f"{operation.clauses[0]}:{name}"
            message = f"the width of the law is rounded to {dtype} before it multiplies"
            return replace(blank, verdict="inaccurate", max_share=printed.share, reading=reading, message=message)
    return replace(blank, verdict="deviates", max_share=printed.share, message=str(printed.alarm))


def _constant(session: Session, operation: Operation, target: Format) -> Finding:
    """No entry of a small layer, of odd size or alone, is the same for several seeds."""
    law, _ = standardised(EQUATIONS[operation.equations[0]](number(1), number(1)))
    likeliest = (2 * target.unit_roundoff * law.peak) ** (FEW_SEEDS - 1) * sum(map(prod, ODD))
    seed = _seed(session, operation, target)
    for shape in ODD:
        layers = np.array([drawn(session, operation, shape, seed + k, target) for k in range(FEW_SEEDS)])
        same = np.argwhere((layers == layers[0]).all(axis=0))
        if len(same):
            i, j = same[0]
            return Finding(f"entry [{i + 1}, {j + 1}] of shape {shape} is {layers[0, i, j]} for {FEW_SEEDS} seeds", likeliest)
    return Finding("entries of small layers vary", 1.0)


def _readings(session: Session, operation: Operation) -> list[str]:
    """The declared one first."""
    declared = session.declared(operation.name).get(operation.clauses[0])
    return sorted(EQUATIONS[operation.equations[0]].readings, key=lambda name: name != declared)


def _judged(operation: Operation, reading: str, groups: list[list[Layers]], target: Format, units: int | None = None) -> Judgement:
    return judged(findings(operation.equations[0], reading, groups, target, units))


def findings(equation: int, reading: str, groups: list[list[Layers]], target: Format, units: int | None = None) -> Iterator[Finding]:
    """Every test of these weights under a reading of the equation; a group is put into one matrix.

    With a number of `units` the width of the law is formed in the dtype, off by that many units in the last place.
    """
    matrices = []
    for group in groups:
        infinite = sum(np.count_nonzero(~np.isfinite(layers.weights)) for layers in group)
        if infinite:
            yield Finding(f"{infinite} weights are not finite", 0.0)
            return
        with reading_as({equation: reading}):
            laws = [standardised(EQUATIONS[equation](*map(number, layers.shape))) for layers in group]
        scaled = [layers.weights / _width(unit, target, units) for layers, (_, unit) in zip(group, laws, strict=True)]
        matrices.append(Draws(np.concatenate(scaled), laws[0][0], target))
    yield from draws.findings(matrices)


def _width(exact: float, target: Format, units: int | None) -> float:
    """One that the dtype holds is off by nothing."""
    if units is None:
        return exact
    rounded = float(target.round(exact))
    return exact if rounded == exact else rounded + units * float(target.ulp(exact))


def layers_of(session: Session, operation: Operation, target: Format) -> list[list[Layers]]:
    """Large layers of neighbouring seeds, and the many small ones."""
    seed = _seed(session, operation, target)
    large = [[Layers(drawn(session, operation, shape, seed + k, target), shape)] for k, shape in enumerate(LARGE)]
    return [*large, [_many(session, operation, shape, seed + len(LARGE) + k * SEEDS, target) for k, shape in enumerate(SMALL)]]


def _many(session: Session, operation: Operation, shape: tuple[int, int], seed: int, target: Format) -> Layers:
    """Layers of neighbouring seeds, of some that differ in one far bit, and of the negatives of some as a computer keeps them."""
    bits = min(session.adapter.seed_bits, FAR_BITS)
    seeds = [*range(seed, seed + SEEDS), *(seed ^ (1 << bit) for bit in range(NEAR_BITS, bits))]
    seeds += [-s % (1 << bits) for s in seeds[:8]]
    return Layers(np.array([drawn(session, operation, shape, s, target).ravel() for s in seeds]), shape)


def _seed(session: Session, operation: Operation, target: Format) -> int:
    """With room for neighbours below the largest that the framework keeps."""
    return session.seed_for(operation.name, "distribution", target.name) >> (33 - session.adapter.seed_bits)


def drawn(session: Session, operation: Operation, shape: tuple[int, ...], seed: int, target: Format) -> Floats:
    """The weights of one layer as float64."""
    return checked(session.adapter, operation.name, _raw(session, operation, shape, seed, target.name), shape, target)


def _raw(session: Session, operation: Operation, *arguments: Any) -> Any:
    return guarded(operation.name, lambda: getattr(session.adapter, operation.name)(*arguments))


def check_zero(session: Session, operation: Operation, dtype: str) -> Result:
    """Biases are 0, every one."""
    blank, target = Result(operation.clauses, operation.name, "value", dtype, "conforms"), FORMATS[dtype]
    for shape in BIASES:
        try:
            found = checked(session.adapter, operation.name, _raw(session, operation, shape, dtype), shape, target)
        except NotOffered as reason:
            return replace(blank, verdict="not_offered", message=str(reason))
        except AdapterError as error:
            return replace(blank, verdict="error", message=str(error))
        blank = replace(blank, points=blank.points + found.size, certified=blank.certified + found.size, max_ulp=0.0, max_share=0.0)
        other = np.flatnonzero(found != 0)
        if len(other):
            message = f"bias {other[0] + 1} of {found.size} is {found[other[0]]}, not 0"
            return replace(blank, verdict="deviates", max_ulp=None, max_share=None, message=message)
    return blank


@judging("purity")
def check_purity(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """A layer follows from shape, seed and dtype alone, and keeps its numbers and its memory to itself."""
    is_random, points = operation.name != "bias", 0
    for k, shape in enumerate(((3, 5), (64, 32)) if is_random else BIASES):
        seed, other = ((k,), (8,)) if is_random else ((), ())
        message = _harm(session, operation, (shape, *seed, dtype), (shape, *other, dtype))
        points += 1
        if message:
            return replace(blank, verdict="deviates", points=points, message=message)
    return replace(blank, verdict="conforms", points=points)


def _harm(session: Session, operation: Operation, arguments: tuple[Any, ...], others: tuple[Any, ...]) -> str | None:
    first = _raw(session, operation, *arguments)
    before = as_array(session.adapter, operation.name, first).copy()
    _raw(session, operation, *others)
    again = as_array(session.adapter, operation.name, _raw(session, operation, *arguments))
    now = as_array(session.adapter, operation.name, first)
    if contents(before) != contents(now):
        return f"the result of {operation.name} changes when it is called again"
    if contents(before) != contents(again):
        return f"{operation.name} gives other numbers for the same arguments"
    if np.shares_memory(now, again) and (now.flags.writeable or again.flags.writeable):
        return f"two results of {operation.name} share their memory"
    return None


CHECKS: Mapping[str, Mapping[str, Check]] = {
    **{name: {"distribution": check_distribution, "purity": check_purity} for name in ("uniform", "xavier", "he", "gauss")},
    "bias": {"value": check_zero, "purity": check_purity},
}
