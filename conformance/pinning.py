"""Which equations explain a failure: a probe in which an equation has nothing to say cannot fail because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Part = TypeVar("Part", int, tuple[int, str])  # an equation, or an aspect of one


@dataclass(frozen=True)
class Probe(Generic[Part]):
    """One trial of an operation: the equations that take part in its result, and whether the result was wrong."""

    active: frozenset[Part]
    failed: bool


def implicated(probes: Iterable[Probe[Part]]) -> tuple[Part, ...]:
    """The smallest set that explains the failures: active in all of them and, where that leaves any, in no trial that passed.

    Where no single part can explain them all, those that no trial cleared; where every part was cleared somewhere, those
    that failed by themselves, or else all that were active in a failure.
    """
    probes = list(probes)
    failing = [probe.active for probe in probes if probe.failed]
    if not failing:
        return ()
    common = frozenset.intersection(*failing)
    cleared = frozenset().union(*(probe.active for probe in probes if not probe.failed))
    left = [active - cleared for active in failing]
    if all(left):
        return tuple(sorted(common - cleared or frozenset.union(*left)))
    return tuple(sorted(common - cleared or (common if common in failing else frozenset.union(*failing))))
