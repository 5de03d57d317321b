"""Which results are faults, and which of them are one: what a bug report is written about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eqwise.conformance.session import DEFECT
from eqwise.conformance.verdicts import OF_THE_NOTES, VERDICTS, Result

_FIRST = ("value", "update", "state", "derivative", "distribution", "mask", "scale", "law")


@dataclass(frozen=True)
class Fault:
    """Results with one cause; the first of them tells most."""

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        return self.results[0]

    @property
    def operation(self) -> str:
        return self.first.operation or "adapter"

    @property
    def clauses(self) -> tuple[str, ...]:
        """Those that the first result cites: what the fault is about."""
        return self.first.clauses

    @property
    def nature(self) -> str:
        """What is wrong: numbers, purity or an error."""
        return _nature(self.first)

    @property
    def name(self) -> str:
        """What tells this fault from the others of a run, the same in every run."""
        named = self.clauses if len(self.clauses) < 3 else (self.clauses[0], "to", self.clauses[-1])
        return "-".join((self.operation.replace(", ", "-"), *named, *([] if self.nature == "numbers" else [self.nature])))


def is_fault(result: Result, accuracy: str) -> bool:
    """Whether a result belongs into a bug report: what fails by itself, unless it is documented, a limitation, or ours."""
    judged = result.concerns_clauses or result.verdict == "error"  # special values are told, never judged
    wrong = judged and (result.verdict in ("deviates", "error") or (result.verdict == "inaccurate" and accuracy != "absolute"))
    known = result.waiver is not None and result.waiver["kind"] != "fault"
    ours = result.label == DEFECT or result.property in OF_THE_NOTES
    return wrong and not known and not ours


def faults(results: Iterable[Result], accuracy: str) -> list[Fault]:
    """The distinct faults of a run, in a fixed order."""
    found = sorted((result for result in results if is_fault(result, accuracy)), key=_rank)
    groups: list[list[Result]] = []
    for result in (r for r in found if not _follows(r)):
        one = [group for group in groups if any(_share_a_cause(result, other) for other in group)]
        groups = [group for group in groups if group not in one] + [[*(r for group in one for r in group), result]]
    for result in filter(_follows, found):
        _join(groups, result)
    return sorted((Fault(tuple(sorted(group, key=_rank))) for group in groups), key=lambda fault: fault.first.key)


def _join(groups: list[list[Result]], result: Result) -> None:
    """A statement, or a law of several operations, fails with the formulas of one of them, where these do."""
    operations = (result.operation or "").split(", ")
    one = next((group for group in groups if group[0].operation in operations and _nature(group[0]) == _nature(result)), None)
    if one is None:
        groups.append([result])
    else:
        one.append(result)


def _follows(result: Result) -> bool:
    return result.property == "statement" or (result.property == "law" and ", " in (result.operation or ""))


def _share_a_cause(one: Result, other: Result) -> bool:
    """The same operation wrong in the same way: overlapping clauses, or the same explanation."""
    if (one.operation, _nature(one)) != (other.operation, _nature(other)):
        return False
    told = [{(e.kind, e.text) for e in result.explanations} for result in (one, other)]
    return not set(one.clauses).isdisjoint(other.clauses) or bool(told[0] & told[1])


def _nature(result: Result) -> str:
    return "error" if result.verdict == "error" else "purity" if result.property == "purity" else "numbers"


def _rank(result: Result) -> tuple[object, ...]:
    """What tells most first: a result with a case, the worst verdict, the plainest property, the widest dtype."""
    order = _FIRST.index(result.property) if result.property in _FIRST else len(_FIRST)
    dtypes = ("float64", "float32", "float16", "bfloat16")
    dtype = dtypes.index(result.dtype) if result.dtype in dtypes else len(dtypes)
    return _follows(result), result.case is None, -VERDICTS.index(result.verdict), not result.explanations, order, dtype, result.key

