"""Verdicts, and what is kept of every judged property."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

# From best to worst: a clause's verdict is its worst property.
VERDICTS = ("conforms", "conforms_as", "not_offered", "inaccurate", "undecided", "error", "deviates")
OF_THE_NOTES = ("theorem", "system")  # properties that no framework is asked for
NAMED = ("law", "statement")  # properties of which there are several, told apart by their labels
FAILING = ("deviates", "error", "undecided")


@dataclass(frozen=True)
class Number:
    """A float as people compare it: decimal and hexadecimal."""

    decimal: str
    hexadecimal: str

    @classmethod
    def of(cls, value: float) -> Number:
        return cls(repr(float(value)), float(value).hex())


@dataclass(frozen=True)
class Worst:
    """The place of the largest share: inputs by name, what was expected and what came, error and allowance."""

    inputs: Mapping[str, Number]
    expected: Number
    actual: Number
    output: str
    error: float
    allowance: float


@dataclass(frozen=True)
class Explanation:
    """What would explain a failure: another formula that fits every failing result, on fresh inputs too.

    `kind` is a word for the change (`factor`, `sign`, `term left out`), `text` tells it in a clause of plain words, `formula`
    is what the code follows instead. `points` fresh failing results were held against it, the largest error being `max_ulp`.
    """

    kind: str
    text: str
    clauses: tuple[str, ...]
    points: int
    max_ulp: float
    formula: str = ""


@dataclass(frozen=True)
class Result:
    """The outcome of one property of one operation in one dtype."""

    clauses: tuple[str, ...]
    operation: str | None
    property: str
    dtype: str | None
    verdict: str
    reading: str | None = None
    label: str | None = None
    points: int = 0
    certified: int = 0
    max_ulp: float | None = None
    max_share: float | None = None
    worst: Worst | None = None
    interval: tuple[str, str] | None = None
    message: str | None = None
    waiver: Mapping[str, str] | None = None
    explanations: tuple[Explanation, ...] = ()
    where: str | None = None  # the failing intervals, the smallest failing case, or the company in which it fails
    case: Mapping[str, Any] | None = None  # calls that show the failure by themselves, as `Case.as_json` writes them

    @builtins.property
    def key(self) -> tuple[str, ...]:
        """What results are sorted by and waivers refer to."""
        return (self.operation or "", self.property, self.label or "", self.dtype or "", *self.clauses)

    @builtins.property
    def concerns_clauses(self) -> bool:
        """IEEE special values lie outside the notes, which speak of real numbers."""
        return self.property not in ("special_values", "smoke")

    def on(self, clause: str) -> tuple[str, str | None]:
        """The verdict on one of its clauses, and the reading of it: that another clause is read otherwise is none of its own."""
        own = ", ".join(part for part in (self.reading or "").split(", ") if part.startswith(f"{clause}:"))
        return ("conforms" if self.verdict == "conforms_as" and not own else self.verdict), own or None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """The result that `as_json` wrote."""
        worst = data["worst"] and Worst(
            **{
                **data["worst"],
                "inputs": {name: Number(**number) for name, number in data["worst"]["inputs"].items()},
                "expected": Number(**data["worst"]["expected"]),
                "actual": Number(**data["worst"]["actual"]),
                "error": float(data["worst"]["error"]),
                "allowance": float(data["worst"]["allowance"]),
            }
        )
        floats = {name: None if data[name] is None else float(data[name]) for name in ("max_ulp", "max_share")}
        interval = data["interval"] and tuple(data["interval"])
        explanations = tuple(
            Explanation(**{**one, "clauses": tuple(one["clauses"]), "max_ulp": float(one["max_ulp"])}) for one in data["explanations"]
        )
        made = {"clauses": tuple(data["clauses"]), "worst": worst, "interval": interval, "explanations": explanations}
        return cls(**{**data, **floats, **made})

    def as_json(self) -> dict[str, Any]:
        """Plain data; infinities and nan, which JSON lacks, as text."""
        return plain(asdict(self))  # type: ignore[no-any-return]


@dataclass
class ClauseVerdict:
    """The verdict of one clause: its worst property, the reading it was judged under, the assertions executed."""

    verdict: str = "not_offered"
    reading: str | None = None
    assertions: int = 0
    kinds: set[str] = field(default_factory=set)


def by_clause(results: Iterable[Result]) -> dict[str, ClauseVerdict]:
    """Every cited clause with its verdict.

    An operation that is not offered counts only where nothing else is; what is a theorem of the notes, where no operation is asked.
    """
    told = [result for result in results if result.concerns_clauses]
    asked = {key for result in told if result.property not in OF_THE_NOTES for key in result.clauses}
    clauses: dict[str, ClauseVerdict] = {}
    for result in told:
        for key in result.clauses:
            clause = clauses.setdefault(key, ClauseVerdict())
            if result.verdict == "not_offered":
                continue
            clause.assertions += result.points
            clause.kinds.add(result.property)
            verdict, reading = result.on(key)
            if key in asked and result.property in OF_THE_NOTES:
                continue
            if clause.verdict == "not_offered" or VERDICTS.index(verdict) > VERDICTS.index(clause.verdict):
                clause.verdict, clause.reading = verdict, reading
    return clauses


def plain(value: Any) -> Any:
    """Data that JSON can hold."""
    if isinstance(value, float) and not abs(value) < float("inf"):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
