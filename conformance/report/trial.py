"""Runs a script before it is written: alone, within a time beyond that of its imports, where eqwise cannot be imported."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.case import Case, answer, number_at, played
from eqwise.conformance.report.lifting.origins import CannotBeLifted
from eqwise.conformance.report.lifting.program import Program, lifted, traced
from eqwise.conformance.report.lifting.reach import Reach
from eqwise.conformance.report.script import script
from eqwise.conformance.stdio.connection import Raised
from eqwise.conformance.stdio.process import Failure

SECONDS = 10.0
NOTHING = Program((), (), {})
NOT_SHOWN = "run alone, it does not show the fault: its exit status is 0"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")
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
    """What became of a script: its source and its output, or why there is none; `threads` says that it takes several."""

    source: str = ""
    output: str = ""
    reason: str = ""
    threads: bool = False


def tried(fresh: Callable[[], Adapter], case: Case, title: str, seconds: float = SECONDS) -> Trial:
    """The script of a case that shows the fault when it is run alone, with the number that the adapter gives here.

    `fresh` makes the adapter anew. What a shorter script leaves out comes back where it is needed.
    """
    reasons, sources = [], {""}
    try:
        reach = traced(fresh(), case)
    except Exception as error:
        return Trial(reason=f"the adapter cannot be made again: {type(error).__name__}: {error}")
    for part, least in ((reach, True), (reach, False), (Reach(everything=True), False)):
        try:
            adapter = fresh()
            program = lifted(adapter, case, part, least)
            is_plain, here = _here(adapter, case)
            source = script(program, case, title, is_plain)
            if source not in sources:
                sources.add(source)
                trial = run(source, case, seconds, here, of=program)
                if not trial.reason:
                    alone = run(source, case, seconds, here, one_thread=True, of=program)
                    return replace(trial, threads=alone.reason == NOT_SHOWN)
                reasons.append(trial.reason)
        except CannotBeLifted as missing:
            reasons.append(str(missing))
        except Exception as error:
            reasons.append(f"the calls, made again, raise {type(error).__name__}: {error}")
    return Trial(reason=reasons[0])


@lru_cache(maxsize=64)
def seconds_to_import(imports: tuple[str, ...]) -> float:
    """How long these lines take by themselves here, which is not the script's fault; a minute at most."""
    start = time.perf_counter()
    with suppress(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-I", "-c", "\n".join(imports)], capture_output=True, timeout=60.0, check=False)
    return time.perf_counter() - start


def ends_its_process(adapter: Adapter, case: Case) -> str | None:
    """What the calls of a case do to the process of an adapter that has one of its own; None where it survives them."""
    try:
        played(adapter, case.calls)
    except Raised:
        return None
    except Failure as failure:
        return str(failure)
    except Exception:  # what is raised is for the script to show
        return None
    return None


def _here(adapter: Adapter, case: Case) -> tuple[bool, float | None]:
    """Whether the answer is a number of Python's own, and the number, where the case is about one."""
    if case.question != "number":
        return False, None
    found = answer(adapter, case)
    return isinstance(found, (int, float)), number_at(adapter, case, found)


def run(
    source: str, case: Case, seconds: float = SECONDS, here: float | None = None, one_thread: bool = False, of: Program = NOTHING
) -> Trial:
    """Runs the source of a program, without the variables that it sets itself, and with the time that its imports take on top.

    It shows the fault if it exits with 1 and prints what was expected, and the number that came here.
    """
    environment = {name: value for name, value in os.environ.items() if name not in of.environment}
    patience = seconds + seconds_to_import(of.imports)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.py")
        path.write_text(source, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-X", "utf8", "-c", _ALONE, str(path)],
                cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=patience, check=False,
                env={**environment, **(dict.fromkeys(THREADS, "1") if one_thread else {})},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Trial(reason=f"it takes longer than {seconds:g} seconds beyond its imports")
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if len(line.split()) > 1)
    if done.returncode == 1 and said.get("expected", "").removesuffix(", or wider") == case.expected and "actual" in said:
        same = here is None or _agree(float(said["actual"]), here, case)
        return Trial(source, done.stdout) if same else Trial(reason=f"run alone, it gives {said['actual']} and not {here!r}")
    if done.returncode == 0:
        return Trial(reason=NOT_SHOWN)
    last = (done.stderr.strip().splitlines() or ["it prints nothing on its error output"])[-1]
    return Trial(reason=f"its exit status is {done.returncode}: {last}")


def _agree(there: float, here: float, case: Case) -> bool:
    """Whether both are the same failure: what rounds otherwise on other threads is no difference."""
    if not (math.isfinite(there) and math.isfinite(here)):
        return repr(there) == repr(here)
    return abs(there - here) <= max(case.allowance, abs(here - float(case.expected)) / 1000)
