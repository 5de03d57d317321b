"""Runs many trials in worker processes, shows how far it is, and goes on where an interrupted run of the same sources stopped."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from eqwise import conformance, reference, spec

Job = Callable[[str], dict[str, Any]]


def run(
    job: Job, names: Sequence[str], workers: int, partial: Path, options: Sequence[str], more: Iterable[Path] = ()
) -> list[dict[str, Any]]:
    """What the job makes of every name, in the order of the names; finished ones are kept in the file until all are."""
    stamp = _stamp(options, more)
    with _kept(partial, stamp) as (done, kept):
        left = [name for name in names if name not in done]
        with tqdm(total=len(names), initial=len(names) - len(left), unit="", disable=None, file=sys.stderr) as bar:
            for name, made in _each(job, left, workers):
                done[name] = made
                print(json.dumps({"name": name, "made": made}), file=kept, flush=True)
                bar.update()
    partial.unlink()
    return [done[name] for name in names]


def _each(job: Job, names: Sequence[str], workers: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if workers == 1:
        yield from ((name, job(name)) for name in names)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        started = {pool.submit(job, name): name for name in names}
        yield from ((started[one], one.result()) for one in as_completed(started))


@contextmanager
def _kept(partial: Path, stamp: str) -> Iterator[tuple[dict[str, dict[str, Any]], TextIO]]:
    """What an interrupted run of the same sources and options has left, and the file to add to."""
    lines = partial.read_text(encoding="utf-8").splitlines() if partial.is_file() else []
    same = bool(lines) and lines[0] == stamp
    done = {}
    for line in lines[1:] if same else ():
        try:
            entry = json.loads(line)
        except ValueError:  # cut off in the middle
            break
        done[entry["name"]] = entry["made"]
    with partial.open("w", encoding="utf-8") as kept:
        print(stamp, file=kept)
        for name, made in done.items():
            print(json.dumps({"name": name, "made": made}), file=kept)
        kept.flush()
        yield done, kept


def _stamp(options: Sequence[str], more: Iterable[Path]) -> str:
    """What the results depend on: the options, and every source."""
    found = hashlib.sha256(repr(list(options)).encode())
    folders = [Path(package.__path__[0]) for package in (spec, reference, conformance)]
    for folder in (*folders, *more):
        for path in sorted(folder.rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()
