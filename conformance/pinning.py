"""Which equations explain a failure: a probe in which an equation has nothing to say cannot fail because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """One trial of an operation: the equations that take part in its result, and whether the result was wrong."""

    active: frozenset[int]
    failed: bool


def implicated(probes: Iterable[Probe]) -> tuple[int, ...]:
    """The smallest set that explains the failures: active in all of them and, where that leaves any, in no trial that passed."""
    probes = list(probes)
    failing = [probe.active for probe in probes if probe.failed]
    if not failing:
        return ()
    common = frozenset.intersection(*failing) or frozenset.union(*failing)
    cleared = frozenset().union(*(probe.active for probe in probes if not probe.failed))
    return tuple(sorted(common - cleared or common))
