"""``eqwise diff``: what changed between two reports of an adapter, per clause and per property; worse means exit status 1."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from eqwise.conformance.report.citing import cited
from eqwise.conformance.report.reading import results_of
from eqwise.conformance.report.text import plain
from eqwise.conformance.verdicts import NAMED, VERDICTS, Result

LOST = ("not_offered",)  # what was judged and is so no more was lost, whatever it was
WIDTH = 80
_LIKE = ("seed", "options", "adapter", "suite")


@dataclass(frozen=True)
class Change:
    """A verdict, a reading or a waiver that is another than before; None where there was, or is, none."""

    where: str
    old: str | None
    new: str | None
    is_worse: bool


def add_parser(commands: Any) -> None:
    """The options of the command."""
    parser = commands.add_parser("diff", help="compare two reports; exit status 1 where anything got worse")
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    parser.add_argument("--json", action="store_true")


def run(known: argparse.Namespace) -> int:
    """Print what changed; 1 where anything got worse."""
    (old, before), (new, after) = results_of(known.old), results_of(known.new)
    clauses = list(_changes(_clauses(old), _clauses(new)))
    properties = list(_changes(_properties(before), _properties(after)))
    worse = any(change.is_worse for change in (*clauses, *properties))
    unlike = [name for name in _LIKE if _compared(old, name) != _compared(new, name)]
    if known.json:
        shown = {"unlike": unlike, "worse": worse, "clauses": [asdict(c) for c in clauses], "properties": [asdict(p) for p in properties]}
        print(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(old, new, unlike, clauses, properties)))
    return int(worse)


def _compared(report: dict[str, Any], name: str) -> Any:
    """What must be alike for two reports to be comparable; that the framework has another version is the point of it."""
    return report["adapter"]["name"] if name == "adapter" else report[name]


def _clauses(report: dict[str, Any]) -> dict[str, str]:
    return {key: clause["verdict"] for key, clause in report["clauses"].items()}


def _properties(results: list[Result]) -> dict[str, str]:
    """The verdict of each property, with its reading and its waiver."""
    named: dict[str, list[Result]] = {}
    for r in results:
        name = " ".join(filter(None, (r.operation, r.property, r.label if r.property in NAMED else None, r.dtype)))
        named.setdefault(name, []).append(r)
    return {name: _worst(group) for name, group in named.items()}


def _worst(group: list[Result]) -> str:
    worst = max(group, key=lambda result: VERDICTS.index(result.verdict))
    reading = f" [{worst.reading}]" if worst.reading else ""
    return f"{worst.verdict}{reading}" + (f" (waived, {worst.waiver['kind']})" if worst.waiver else "")


def _changes(old: dict[str, str], new: dict[str, str]) -> Iterator[Change]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield Change(key, old.get(key), new.get(key), _is_worse(old.get(key), new.get(key)))


def _is_worse(old: str | None, new: str | None) -> bool:
    """By the order of the verdicts; what was judged and is not any more is worse, what is newly judged is so where it fails."""
    before, after = (_rank(text) for text in (old, new))
    if new is None or new in LOST:
        return old is not None and old not in LOST
    if old is None or old in LOST:
        return after > VERDICTS.index("not_offered")
    return after > before or (after == before and "(waived" in str(old) and "(waived" not in str(new) and after > 1)


def _rank(text: str | None) -> int:
    return VERDICTS.index(text.partition(" ")[0]) if text else VERDICTS.index("not_offered")


def _lines(old: Any, new: Any, unlike: list[str], clauses: list[Change], properties: list[Change]) -> Iterator[str]:
    names = [plain(f"{report['adapter']['name']} {report['adapter']['version']}") for report in (old, new)]
    yield f"{names[0]} -> {names[1]}"
    for name in unlike:
        yield from wrap(f"not of like with like: {name} differs", WIDTH)
    for title, changes in (("clauses", clauses), ("properties", properties)):
        yield f"{title}: {len(changes)} changed, {sum(change.is_worse for change in changes)} for the worse"
        for change in sorted(changes, key=lambda change: not change.is_worse):
            mark = "worse " if change.is_worse else "      "
            told = f"{cited((change.where,)) if title == 'clauses' else change.where}: {change.old or 'absent'} -> {change.new or 'absent'}"
            yield from wrap(plain(told), WIDTH, initial_indent=f"  {mark}", subsequent_indent=" " * 12, break_on_hyphens=False)
