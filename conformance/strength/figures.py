"""What many detections add up to, clause by clause."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from eqwise.conformance.strength.detection import Detection
from eqwise.spec.document import EQUATIONS, STATEMENTS

Figures = dict[str, dict[str, Any]]


def by_clause(detections: Iterable[Detection]) -> Figures:
    """In the order of the notes: how many were planted, caught, caught under the clause, and the medians of what it took."""
    groups: dict[str, list[Detection]] = {}
    for one in detections:
        groups.setdefault(one.clause, []).append(one)
    order = [*(f"eq{number}" for number in sorted(EQUATIONS)), *STATEMENTS]
    return {clause: _figures(groups[clause]) for clause in order if clause in groups}


def counts(detections: Iterable[Detection]) -> Figures:
    """The same without what differs from run to run."""
    return {clause: {key: found[key] for key in ("planted", "caught", "right")} for clause, found in by_clause(detections).items()}


def _figures(group: Sequence[Detection]) -> dict[str, Any]:
    caught = [one for one in group if one.caught]
    return {
        "planted": len(group),
        "caught": len(caught),
        "right": sum(one.right for one in group),
        "median_points": statistics.median_low([one.points for one in caught]) if caught else None,
        "median_seconds": round(statistics.median([one.seconds for one in caught]), 3) if caught else None,
    }


def total(detections: Sequence[Detection]) -> dict[str, Any]:
    """All of them as one, with the CPU seconds spent."""
    return {**_figures(detections), "seconds": round(sum(one.seconds for one in detections), 1)}


def lines(detections: Sequence[Detection]) -> Iterator[str]:
    """A table no wider than a terminal; below it, what was not caught, or under another clause only."""
    yield f"{'clause':<26}{'planted':>8}{'caught':>8}{'right':>7}{'points':>12}{'CPU s':>9}"
    for clause, figures in {**by_clause(detections), "all": total(detections)}.items():
        points, seconds = ("-" if figures[key] is None else f"{figures[key]:,}" for key in ("median_points", "median_seconds"))
        yield f"{clause:<26}{figures['planted']:>8}{figures['caught']:>8}{figures['right']:>7}{points:>12}{seconds:>9}"
    yield f"points and CPU seconds: medians until the first failure; {total(detections)['seconds']:,} CPU seconds in all"
    for one in detections:
        if not one.right:
            yield f"  {one.name}: {f'caught by {one.property}, under another clause' if one.caught else 'not caught'}"
            yield f"      {one.because}"


def of_mutants(fates: Sequence[dict[str, Any]]) -> Figures:
    """By module of the reference: how many were made, caught, equivalent and survived; the share is of those that are not equivalent."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in fates:
        groups.setdefault(one["name"].partition(":")[0], []).append(one)
    return {module: _of_mutants(group) for module, group in {**groups, "all": list(fates)}.items()}


def _of_mutants(group: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts = {status: sum(one["status"] == status for one in group) for status in ("caught", "equivalent", "survivor")}
    caught = [one for one in group if one["status"] == "caught"]
    return {
        "made": len(group),
        **counts,
        "share": round(len(caught) / (len(group) - counts["equivalent"]), 4) if len(group) > counts["equivalent"] else None,
        "median_points": statistics.median_low([one["points"] for one in caught]) if caught else None,
        "median_seconds": round(statistics.median([one["seconds"] for one in caught]), 3) if caught else None,
    }


def mutant_lines(fates: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A table no wider than a terminal; below it the survivors."""
    yield f"{'module of the reference':<24}{'made':>6}{'caught':>8}{'equivalent':>12}{'survived':>10}{'share':>8}{'CPU s':>9}"
    for module, figures in of_mutants(fates).items():
        share = "-" if figures["share"] is None else f"{figures['share']:.1%}"
        counts = f"{figures['made']:>6}{figures['caught']:>8}{figures['equivalent']:>12}{figures['survivor']:>10}"
        yield f"{module:<24}{counts}{share:>8}{figures['median_seconds'] or '-':>9}"
    yield "share: of those that are not equivalent; CPU seconds: the median until the first failure"
    yield from (f"  survived: {one['name']}" for one in fates if one["status"] == "survivor")
