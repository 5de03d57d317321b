"""``eqwise waive``: adds a waiver, or declares a reading, from a report, so that nobody writes a key by hand."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from eqwise.conformance import waivers
from eqwise.conformance.loading import load, options_in, options_of, waivers_file
from eqwise.conformance.report.reading import results_of
from eqwise.conformance.verdicts import FAILING, NAMED, Result


def add_parser(commands: Any) -> None:
    """The options of the command."""
    parser = commands.add_parser("waive", help="add a waiver to an adapter's file, from a report")
    parser.add_argument("report", metavar="REPORT.json")
    parser.add_argument("--operation", required=True)
    parser.add_argument("--property", help="of a failure; left out where a reading is declared")
    parser.add_argument("--dtype", action="append", help="once for each; all that fail where it is left out")
    parser.add_argument("--kind", choices=waivers.KINDS)
    parser.add_argument("--reading", action="store_true", help="declare the reading that was detected, which is no waiver")
    parser.add_argument("--reason", required=True)
    parser.add_argument("--link", default="")
    parser.add_argument("--file", help="of waivers; beside the adapter where it is left out")


def run(known: argparse.Namespace) -> None:
    """Write the entries; the file is replaced only if it can be read with them."""
    report, results = results_of(known.report)
    if not known.reason.strip():
        raise ValueError("--reason is empty; a waiver says why the failure is expected")
    own = [result for result in results if result.operation == known.operation]
    if not own:
        raise ValueError(_none("operation", known.operation, [result.operation or "" for result in results]))
    failing = FAILING if report["options"]["accuracy"] == "absolute" else (*FAILING, "inaccurate")
    entries = _declarations(known, own) if known.reading else [_waiver(known, own, failing)]
    path, options = _place(known.file, report["options"])
    _append(path, entries, lambda fresh: waivers.read(fresh, report["adapter"]["version"], options))
    print(f"{path}: {len(entries)} added")


def _place(file: str | None, asked: Mapping[str, Any]) -> tuple[Path, dict[str, str] | None]:
    """The file to write, and the adapter's options where the adapter is needed to find it."""
    if file:
        return Path(file), None
    given = options_in(asked.get("adapter_option") or [])
    adapter, _ = load(asked["adapter"], given, bool(asked.get("isolate")))
    if waivers_file(adapter) == Path():
        raise ValueError("the adapter names no waivers file: give --file, and --adapter-option known=FILE to the run")
    return waivers_file(adapter), options_of(adapter, given)


def _waiver(known: argparse.Namespace, own: list[Result], verdicts: Sequence[str]) -> str:
    """The entry for what has one of these verdicts, which are those that fail the run."""
    if not (known.kind and known.property):
        raise ValueError(f"a waiver needs --kind, one of {', '.join(waivers.KINDS)}, and --property")
    failing = [result for result in own if result.property == known.property and result.verdict in verdicts]
    if not failing:
        failures = [result.property for result in own if result.verdict in verdicts]
        raise ValueError(_none(f"failing property of {known.operation}", known.property, failures))
    dtypes = {result.dtype: result for result in failing}
    for dtype in known.dtype or ():
        if dtype not in dtypes:
            raise ValueError(_none(f"failing dtype of {known.operation} {known.property}", dtype, filter(None, dtypes)))
    chosen = [result for dtype, result in dtypes.items() if not known.dtype or dtype in known.dtype]
    if any(result.waiver for result in chosen):
        raise ValueError(f"{known.operation} {known.property} is waived already")
    fields: dict[str, Any] = {"operation": known.operation, "property": known.property}
    named = sorted(result.dtype for result in chosen if result.dtype)
    labels = sorted({str(result.label) for result in chosen if result.label}) if known.property in NAMED else []
    fields |= ({"dtype": named} if named else {}) | ({"label": labels} if labels else {})
    return _table("waiver", {**fields, "kind": known.kind, "reason": known.reason, **({"link": known.link} if known.link else {})})


def _declarations(known: argparse.Namespace, own: list[Result]) -> list[str]:
    found = sorted({part for result in own for part in (result.reading or "").split(", ") if part})
    if not found:
        raise ValueError(f"{known.operation} follows no other reading in this report")
    entries = [dict(zip(("clause", "reading"), part.partition(":")[::2], strict=True)) for part in found]
    return [_table("reading", {"operation": known.operation, **entry, "reason": known.reason}) for entry in entries]


def _append(path: Path, entries: list[str], read: Callable[[Path], Any]) -> None:
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("\n\n".join([*([before.rstrip("\n")] if before else []), *entries]) + "\n", encoding="utf-8")
    try:
        read(fresh)
    except waivers.WaiverError as error:
        fresh.unlink()
        raise ValueError(str(error).replace(str(fresh), str(path))) from error
    os.replace(fresh, path)


def _table(name: str, fields: dict[str, Any]) -> str:
    return "\n".join([f"[[{name}]]", *(f"{key} = {_toml(value)}" for key, value in fields.items())])


def _toml(value: Any) -> str:
    """A basic string of TOML, or a list of them. JSON escapes as TOML does, but for the character DEL."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value).encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


def _none(what: str, given: str, there: Iterable[str]) -> str:
    keys = sorted(set(there))
    near = get_close_matches(str(given), keys, 1, 0.0) or keys
    return f"the report has no {what} {given!r}" + (f"; the nearest is {near[0]!r}" if near else "")
