"""The JSON report: streamed line by line to FILE.partial, written sorted at the end."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from eqwise.conformance.loading import UsageError
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import VERDICTS, Result, by_clause

SCHEMA = "eqwise-report/1"
SECONDS = ("cpu_seconds", "adapter_cpu_seconds")  # of all checks


class Writer:
    """Collects the results of a run and, where a path is given, keeps them on disk as they come."""

    def __init__(self, path: str | None, session: Session, options: Mapping[str, Any]) -> None:
        self.results: list[Result] = []
        self.session, self.options = session, options
        self.started = time.time()
        self.seconds = dict.fromkeys(SECONDS, 0.0)
        self.path = Path(path) if path else None
        self.partial: TextIO | None = _opened(self.path) if self.path else None

    def add(self, data: dict[str, Any]) -> None:
        """One result, as plain data, with the CPU seconds of its check, and those inside the adapter, in whichever process."""
        for name in SECONDS:
            self.seconds[name] += data.pop(name, 0.0)
        self.results.append(Result.from_json(data))
        if self.partial:
            self.partial.write(json.dumps(data, sort_keys=True) + "\n")
            self.partial.flush()

    def finish(self) -> None:
        """Write the report beside its partial file, put it in place, and remove the partial one."""
        if self.path is None or self.partial is None:
            return
        self.partial.close()
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text(json.dumps(self.report(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(fresh, self.path)
        Path(self.partial.name).unlink()

    def report(self) -> dict[str, Any]:
        """The whole report; only `environment` differs between two runs of the same code with the same seed."""
        adapter = self.session.adapter
        clauses = by_clause(self.results)
        return {
            "schema": SCHEMA,
            "suite": {"name": "eqwise", "version": suite_version()},
            "adapter": {"name": adapter.name, "version": adapter.version, "settings": dict(adapter.settings)},
            "environment": self._environment(),
            "options": dict(self.options),
            "seed": self.session.seed,
            "results": [result.as_json() for result in sorted(self.results, key=lambda result: result.key)],
            "clauses": {
                key: {"verdict": c.verdict, "reading": c.reading, "assertions": c.assertions, "kinds": sorted(c.kinds)}
                for key, c in sorted(clauses.items())
            },
            "summary": {
                verdict: count for verdict, count in zip(VERDICTS, _counts(c.verdict for c in clauses.values()), strict=True)
            },
        }

    def _environment(self) -> dict[str, Any]:
        return {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "machine": platform.machine(),
            "numpy": np.__version__,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "wall_seconds": round(time.time() - self.started, 3),
            **{name: round(spent, 3) for name, spent in self.seconds.items()},
        }


def _counts(verdicts: Any) -> list[int]:
    found = Counter(verdicts)
    return [found[verdict] for verdict in VERDICTS]


def _opened(path: Path) -> TextIO:
    if path.is_dir():
        raise UsageError(f"--conformance-report {str(path)!r} cannot be written: it is a folder")
    try:
        return open(path.with_name(path.name + ".partial"), "w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--conformance-report {str(path)!r} cannot be written: {error.strerror}") from error


def suite_version() -> str:
    """The version of this suite."""
    try:
        return version("eqwise")
    except PackageNotFoundError:
        return "unknown"
