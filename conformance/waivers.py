"""Reads what is known of an adapter: the readings that its framework declares, and its reviewed, expected failures."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.verdicts import Result
from eqwise.spec.document import EQUATIONS, STATEMENTS, clause_of
from eqwise.spec.numbers.formats import FORMATS

KINDS = ("documented", "limitation", "fault")
_FIELDS = {"operation", "property", "dtype", "clause", "kind", "reason", "link", "when", "label", "sometimes"}
_FIELDS_OF_EXPLANATION = _FIELDS - {"kind", "when", "label", "sometimes"}
_FIELDS_OF_READING = {"operation", "clause", "reading", "reason", "link", "when"}


class WaiverError(ValueError):
    """The waivers file does not follow its rules."""


@dataclass(frozen=True)
class Waiver:
    """A reviewed, expected failure: which results it covers (each key with one value or several), its kind, and why.

    One that happens `sometimes` depends on what is drawn, and may pass.
    """

    match: Mapping[str, tuple[str, ...]]
    kind: str
    reason: str
    link: str = ""
    sometimes: bool = False

    def covers(self, result: Result) -> bool:
        known: dict[str, Iterable[str | None]] = {
            "operation": (result.operation or "").split(", "),  # a statement may need several
            "clause": result.clauses, "property": (result.property,), "dtype": (result.dtype,), "label": (result.label,),
        }  # fmt: skip
        return all(not set(wanted).isdisjoint(known[key]) for key, wanted in self.match.items())

    def names_any_of(self, results: Iterable[Result]) -> bool:
        """Whether one of the results is of a property, an operation and a dtype that it names, and of no other operation."""
        names = {key: wanted for key, wanted in self.match.items() if key in ("operation", "property", "dtype")}
        own = {*names.get("operation", ())}
        judged = [result for result in results if result.verdict != "not_offered"]
        alone = [result for result in judged if not own or own.issuperset((result.operation or "").split(", "))]
        return any(Waiver(names, self.kind, self.reason).covers(result) for result in alone)

    @property
    def key(self) -> str:
        """What it covers, in a line."""
        return " ".join("/".join(values) for values in self.match.values())

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "reason": self.reason, **({"link": self.link} if self.link else {})}


@dataclass(frozen=True)
class Known:
    """The declared readings, by operation and clause, and the waivers."""

    readings: Mapping[tuple[str, str], str]
    waivers: tuple[Waiver, ...]

    def readings_of(self, operation: str) -> dict[str, str]:
        return {clause: name for (declared, clause), name in self.readings.items() if declared == operation}

    def unmet(self, results: Iterable[Result]) -> list[Waiver]:
        """The waivers that cover nothing, though what they name was judged."""
        judged = list(results)
        return [w for w in self.waivers if w.names_any_of(judged) and not any(w.covers(result) for result in judged)]

    def waiver_for(self, result: Result) -> Waiver | None:
        return next((waiver for waiver in self.waivers if waiver.covers(result)), None)


NOTHING_KNOWN = Known({}, ())


@dataclass(frozen=True)
class Circumstances:
    """What a `when` is held against: the framework's version and the adapter's options, None where the adapter is not at hand."""

    version: str
    options: Mapping[str, str] | None

    def meet(self, path: Path, when: Mapping[str, Any]) -> bool:
        """Whether every condition holds: a version prefix, a prefix of sys.platform, a value or several of options."""
        for key in when:
            _known(path, "condition of `when`", key, ("version", "platform", "options"))
        chosen = self._have(path, when.get("options", {}))
        return chosen and self.version.startswith(when.get("version", "")) and sys.platform.startswith(when.get("platform", ""))

    def _have(self, path: Path, wanted: Mapping[str, Any]) -> bool:
        if self.options is None:
            return not wanted
        for name in wanted:
            _known(path, "option of the adapter", name, self.options or ("none",))
        return all(self.options[name] in _several(values) for name, values in wanted.items())


def read(path: Path, version: str, options: Mapping[str, str] | None = None) -> Known:
    """The file's declared readings and waivers whose `when` holds for this version, this platform and these options.

    `options` are all that the adapter takes, those left at their defaults too.
    """
    data = _tables(path)
    _explanations(path, data)
    readings = [(*_reading(path, entry), entry.get("when", {})) for entry in data.get("reading", [])]
    waivers = [(_waiver(path, entry), entry.get("when", {})) for entry in data.get("waiver", [])]
    _unique(path, [f"{waiver.key} {when or ''}".strip() for waiver, when in waivers])
    now = Circumstances(version, options)
    declared = [(key, name) for key, name, when in readings if now.meet(path, when)]
    _unique(path, [" ".join(key) for key, _ in declared])
    return Known(dict(declared), tuple(waiver for waiver, when in waivers if now.meet(path, when)))


def explanations(path: Path) -> tuple[Waiver, ...]:
    """Why results are inaccurate, which is no failure, where somebody has looked into it: the tables [[inaccurate]]."""
    return _explanations(path, _tables(path))


def reasons_of_readings(path: Path) -> dict[tuple[str, str, str], str]:
    """Why a reading is declared, by operation, clause and reading, under any condition."""
    return {(entry["operation"], entry["clause"], entry["reading"]): entry["reason"] for entry in _tables(path).get("reading", [])}


def _tables(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise WaiverError(f"{path}: {error}") from error
    for table in data:
        _known(path, "table", table, ("reading", "waiver", "inaccurate"))
    return data


def _explanations(path: Path, data: Mapping[str, Any]) -> tuple[Waiver, ...]:
    entries = data.get("inaccurate", [])
    for key in (key for entry in entries for key in entry):
        _known(path, "key of an explanation", key, _FIELDS_OF_EXPLANATION)
    return tuple(_waiver(path, {**entry, "kind": "limitation"}) for entry in entries)


def _unique(path: Path, keys: list[str]) -> None:
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise WaiverError(f"{path}: {twice!r} stands there twice")


def _known(path: Path, what: str, given: str, valid: Iterable[str]) -> None:
    """Whether a key is one that there is; the error names the nearest of those that are."""
    keys = sorted(map(str, valid))
    if given not in keys:
        near = get_close_matches(str(given), keys, 1, 0.0)
        raise WaiverError(f"{path}: there is no {what} {given!r}; the nearest is {(near or keys)[0]!r}")


def _reading(path: Path, entry: Mapping[str, Any]) -> tuple[tuple[str, str], str]:
    for key in entry:
        _known(path, "key of a reading", key, _FIELDS_OF_READING)
    _require(path, entry, {"operation", "clause", "reading", "reason"})
    operation, clause = entry["operation"], entry["clause"]
    _known(path, "operation", operation, OPERATIONS)
    _known(path, f"clause of {operation}", clause, OPERATIONS[operation].clauses)
    _known(path, f"reading of {clause}", entry["reading"], clause_of(clause).readings or ("as_printed",))
    return (operation, clause), entry["reading"]


def _waiver(path: Path, entry: Mapping[str, Any]) -> Waiver:
    for key in entry:
        _known(path, "key of a waiver", key, _FIELDS)
    _require(path, entry, {"operation", "property", "kind", "reason"})
    _known(path, "kind", entry["kind"], KINDS)
    match = {key: _several(entry[key]) for key in ("operation", "property", "dtype", "clause", "label") if key in entry}
    for operation in match["operation"]:
        _known(path, "operation", operation, OPERATIONS)
    for name in match["property"]:
        _known(path, f"property of {'/'.join(match['operation'])}", name, _properties(match["operation"]))
    for dtype in match.get("dtype", ()):
        _known(path, "dtype", dtype, FORMATS)
    for clause in match.get("clause", ()):
        _known(path, "clause", clause, (*(entry.key for entry in EQUATIONS.values()), *STATEMENTS))
    if not isinstance(entry.get("sometimes", False), bool):
        raise WaiverError(f"{path}: sometimes = {entry['sometimes']!r} is neither true nor false")
    return Waiver(match, entry["kind"], entry["reason"], entry.get("link", ""), entry.get("sometimes", False))


def _several(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _properties(operations: Iterable[str]) -> set[str]:
    """The properties that these operations are asked for, laws and statements among them."""
    from eqwise.conformance.properties import checks_of  # which needs sessions, and they need waivers

    return {"law", "statement", *(kind for operation in operations for kind in checks_of(OPERATIONS[operation]))}


def _require(path: Path, entry: Mapping[str, Any], keys: set[str]) -> None:
    missing = sorted(key for key in keys if not (entry.get(key) and str(entry[key]).strip()))
    if missing:
        raise WaiverError(f"{path}: {dict(entry)} lacks {missing[0]!r}")
