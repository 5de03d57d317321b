"""Shows that runs write the same bytes: `python tests/determinism.py [ADAPTER] [OPTIONS of eqwise run]`.

One run in one process, one in two, each under a hash seed of its own; of their reports only `environment` may differ. Prints
the first lines that do, and exits with 1 where any does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from difflib import unified_diff
from pathlib import Path

RUNS = {"one process": ("-n", "0"), "two processes": ("-n", "2")}
ENVIRONMENT = re.compile(rb'^ "environment": \{.*?^ \},\n', re.DOTALL | re.MULTILINE)
SHOWN = 20


def differences(folder: Path, *options: str) -> list[str]:
    """The lines in which the reports of the runs differ."""
    reports = [_report(folder / f"{k}.json", str(k + 1), *options, *more) for k, more in enumerate(RUNS.values())]
    if reports[0] == reports[1]:
        return []
    first, second = (report.decode().splitlines() for report in reports)
    return list(unified_diff(first, second, *RUNS, lineterm="", n=2))


def _report(path: Path, hash_seed: str, *options: str) -> bytes:
    """The bytes of a run's report without its environment."""
    command = [sys.executable, "-m", "eqwise.conformance.cli", "run", *options, "-q", "--conformance-report", str(path)]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr or done.stdout)
    whole = path.read_bytes()
    rest, count = ENVIRONMENT.subn(b"", whole)
    assert count == 1, "a report has one block of its environment"
    return rest


def main(options: list[str]) -> int:
    """Prints whether two runs agree, and where they do not."""
    with tempfile.TemporaryDirectory() as folder:
        found = differences(Path(folder), *(options or ["reference"]))
    print("\n".join(found[:SHOWN]) if found else f"{' and '.join(RUNS)}: the same bytes but for the environment")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
