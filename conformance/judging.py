"""Holds samples of an operation against its formula, under the printed reading and then the others."""

from __future__ import annotations

from dataclasses import replace

from eqwise.conformance.adapter import Operation
from eqwise.conformance.comparison import Outcome, judge, reported
from eqwise.conformance.evidence import Sample
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.spec.document import AS_PRINTED
from eqwise.spec.numbers.formats import Format

LONG = 64  # numbers of one formula, in which what has failed already is not looked for
Readings = tuple[tuple[int, str], ...]


def under_readings(session: Session, operation: Operation, blank: Result, collected: list[Sample], target: Format) -> Result:
    """The printed formula first; where it does not hold, the declared reading, then every other one: the first that holds.

    Else the first that is inaccurate. What follows none is held against the declared one: its failures are told, not those of
    a formula that nobody meant.
    """
    places, bulk = 6 * session.volume, sum(sample.bulk for sample in collected)
    printed = _judged(collected, (), target, places)
    if printed.verdict == "conforms":
        return reported(blank, printed, bulk)
    best = reported(blank, printed, bulk) if printed.verdict != "deviates" else None
    declared = session.declared(operation.name)
    known = {number: declared.get(f"eq{number}", AS_PRINTED) for number in operation.equations}
    meant = reported(blank, printed, bulk)
    for readings in sorted(operation.readings()[1:], key=lambda chosen: chosen != known):
        outcome = _judged(collected, tuple(readings.items()), target, places)
        name = ", ".join(f"eq{number}:{chosen}" for number, chosen in readings.items() if chosen != AS_PRINTED)
        found = replace(reported(blank, outcome, bulk), reading=name)
        if outcome.verdict == "conforms":
            return replace(found, verdict="conforms_as")
        if outcome.verdict == "inaccurate":
            best = best or found
        elif readings == known:
            meant = found
    return best or meant


def _judged(collected: list[Sample], readings: Readings, target: Format, places: int) -> Outcome:
    outcome = Outcome("conforms", 0, 0.0, 0.0)
    for sample in collected:
        if outcome.verdict == "deviates" and sample.rows.shape[1] > LONG:
            continue
        outcome = outcome.merged(judge(sample.claim(readings), sample.rows, sample.actual, target, places))
    return outcome
