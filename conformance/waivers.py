"""Reads what is known of an adapter: the readings that its framework declares, and its reviewed, expected failures."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.verdicts import Result
from eqwise.spec.document import clause_of

KINDS = ("documented", "limitation", "fault")
_FIELDS = {"operation", "property", "dtype", "clause", "kind", "reason", "link", "when", "label"}


class WaiverError(ValueError):
    """The waivers file does not follow its rules."""


@dataclass(frozen=True)
class Waiver:
    """A reviewed, expected failure: which results it covers (each key with one value or several), its kind, and why."""

    match: Mapping[str, tuple[str, ...]]
    kind: str
    reason: str
    link: str = ""

    def covers(self, result: Result) -> bool:
        values = {"operation": result.operation, "property": result.property, "dtype": result.dtype, "label": result.label}
        return all(
            not set(wanted).isdisjoint(result.clauses) if key == "clause" else values[key] in wanted
            for key, wanted in self.match.items()
        )

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "reason": self.reason, **({"link": self.link} if self.link else {})}


@dataclass(frozen=True)
class Known:
    """The declared readings, by operation and clause, and the waivers."""

    readings: Mapping[tuple[str, str], str]
    waivers: tuple[Waiver, ...]

    def readings_of(self, operation: str) -> dict[str, str]:
        return {clause: name for (declared, clause), name in self.readings.items() if declared == operation}

    def waiver_for(self, result: Result) -> Waiver | None:
        return next((waiver for waiver in self.waivers if waiver.covers(result)), None)


NOTHING_KNOWN = Known({}, ())


def read(path: Path, version: str) -> Known:
    """The file's declared readings, and those of its waivers whose `when` holds for this version and platform."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise WaiverError(f"{path}: {error}") from error
    unknown = set(data) - {"reading", "waiver"}
    if unknown:
        raise WaiverError(f"{path}: unknown table {sorted(unknown)[0]!r}; there are [[reading]] and [[waiver]]")
    readings = dict(_reading(path, entry) for entry in data.get("reading", []))
    waivers = [_waiver(path, entry) for entry in data.get("waiver", []) if _applies(path, entry.get("when", {}), version)]
    return Known(readings, tuple(waivers))


def _reading(path: Path, entry: Mapping[str, Any]) -> tuple[tuple[str, str], str]:
    _require(path, entry, {"operation", "clause", "reading", "reason"})
    operation, clause = entry["operation"], entry["clause"]
    if operation not in OPERATIONS or clause not in OPERATIONS[operation].clauses:
        raise WaiverError(f"{path}: operation {operation!r} does not exercise clause {clause!r}")
    known = clause_of(clause).readings
    if entry["reading"] not in known:
        raise WaiverError(f"{path}: {clause} has no reading {entry['reading']!r}; it has {list(known)}")
    return (operation, clause), entry["reading"]


def _waiver(path: Path, entry: Mapping[str, Any]) -> Waiver:
    unknown = set(entry) - _FIELDS
    if unknown:
        raise WaiverError(f"{path}: unknown key {sorted(unknown)[0]!r} in a waiver; the keys are {sorted(_FIELDS)}")
    _require(path, entry, {"operation", "property", "kind", "reason"})
    if entry["kind"] not in KINDS:
        raise WaiverError(f"{path}: kind {entry['kind']!r} is none of {list(KINDS)}")
    keys = [key for key in ("operation", "property", "dtype", "clause", "label") if key in entry]
    match = {key: tuple(entry[key]) if isinstance(entry[key], list) else (str(entry[key]),) for key in keys}
    return Waiver(match, entry["kind"], entry["reason"], entry.get("link", ""))


def _require(path: Path, entry: Mapping[str, Any], keys: set[str]) -> None:
    missing = sorted(key for key in keys if not entry.get(key))
    if missing:
        raise WaiverError(f"{path}: {dict(entry)} lacks {missing[0]!r}")


def _applies(path: Path, when: Mapping[str, str], version: str) -> bool:
    """`when` names a version prefix, a platform as sys.platform has it, or both."""
    unknown = set(when) - {"version", "platform"}
    if unknown:
        raise WaiverError(f"{path}: unknown condition {sorted(unknown)[0]!r} in `when`; there are 'version' and 'platform'")
    return version.startswith(when.get("version", "")) and sys.platform.startswith(when.get("platform", ""))
