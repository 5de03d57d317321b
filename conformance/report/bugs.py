"""Writes the bug reports of a run: a folder with one Markdown file for each distinct fault."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from eqwise.conformance.case import Case
from eqwise.conformance.loading import UsageError
from eqwise.conformance.report.bug import Setting, report
from eqwise.conformance.report.faults import Fault, faults
from eqwise.conformance.report.naming import title
from eqwise.conformance.report.text import file_name
from eqwise.conformance.report.trial import Trial, ends_its_process, tried
from eqwise.conformance.verdicts import Result


def folder(path: str) -> Path:
    """The folder, made; `UsageError` where that cannot be."""
    made = Path(path)
    try:
        made.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--bug-reports {path!r} cannot be written: {error.strerror}") from error
    return made


def write(into: Path, results: Iterable[Result], setting: Setting, accuracy: str) -> list[Path]:
    """One file for each distinct fault, over one of the same name; what else is in the folder stays. The files written."""
    written: list[Path] = []
    for fault in faults(results, accuracy):
        path = into / f"{file_name(fault.name)}.md"
        if path in written:
            path = into / f"{file_name(fault.name)}-{len(written)}.md"
        path.write_text(report(fault, setting, _trial(fault, setting)), encoding="utf-8", errors="replace")
        written.append(path)
    return written


def _trial(fault: Fault, setting: Setting) -> Trial:
    """The script of the first result that has a case."""
    if fault.first.case is None:
        return Trial(reason="no calls that would show this by themselves were found")
    case = Case.from_json(fault.first.case)
    if setting.foreign:
        return Trial(reason="a script is made of adapters in Python")
    deadly = ends_its_process(setting.adapter, case) if setting.isolated else None
    if deadly:
        return Trial(reason=f"made again, the call {deadly}")
    return tried(setting.fresh, case, title(fault))
