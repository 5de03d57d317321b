"""Runs a script before it is written: alone, within a time, where eqwise cannot be imported."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.case import Case
from eqwise.conformance.report.lifting.origins import CannotBeLifted
from eqwise.conformance.report.script import script

SECONDS = 10.0
_ALONE = """\
import runpy, sys
class Refused:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "eqwise":
            raise ModuleNotFoundError("a script does without eqwise", name=name)
sys.meta_path.insert(0, Refused)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@dataclass(frozen=True)
class Trial:
    """What became of a script: its source and its output, or why there is none."""

    source: str = ""
    output: str = ""
    reason: str = ""


def tried(adapter: Adapter, case: Case, title: str, seconds: float = SECONDS) -> Trial:
    """The script of a case that shows the fault when it is run alone; what is left out comes back where that is needed."""
    first = Trial(reason="")
    for whole in (False, True):
        try:
            trial = run(script(adapter, case, title, whole), case, seconds)
        except CannotBeLifted as missing:
            trial = Trial(reason=str(missing))
        except Exception as error:
            trial = Trial(reason=f"the calls of the case, made again, raise {type(error).__name__}: {error}")
        if not trial.reason:
            return trial
        first = first if first.reason else trial
    return first


def run(source: str, case: Case, seconds: float = SECONDS) -> Trial:
    """Runs the source; it shows the fault if it exits with 1 and prints what was expected."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.py")
        path.write_text(source, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-X", "utf8", "-c", _ALONE, str(path)],
                cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Trial(reason=f"it takes longer than {seconds:g} seconds")
    said = f"expected   {case.expected}"
    if done.returncode == 1 and said in done.stdout.splitlines():
        return Trial(source, done.stdout)
    if done.returncode == 0:
        return Trial(reason="run alone, it does not show the fault: its exit status is 0")
    last = (done.stderr.strip().splitlines() or ["it prints nothing on its error output"])[-1]
    return Trial(reason=f"its exit status is {done.returncode}: {last}")
