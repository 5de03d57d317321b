"""Judges innocent implementations: `python tests/innocence.py [--seeds N] [--first SEED] [-j N] [--in-turn] [--list] [NAME …]`.

Each implementation of `innocent/table.py` is judged on every property of the operations that it does otherwise, laws and
statements among them, at smoke effort, for every seed. None may be blamed: whatever fails is printed, and the exit status is 1.
The reference itself is judged as `Reference`. `--json FILE` keeps every line of the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.check import attempted
from eqwise.conformance.properties import UNTYPED, checks_of
from eqwise.conformance.purity import check_smoke
from eqwise.conformance.session import DEFECT, Session
from eqwise.conformance.strength.detection import asking
from eqwise.conformance.verdicts import FAILING, Result
from innocent.table import INNOCENTS, Innocent


def results(innocent: Innocent, seed: int, operations: Iterable[str], turn: int | None = None) -> Iterator[Result]:
    """Every property of the operations, in every dtype, or in the one whose turn it is; then what is asked of several operations."""
    session = Session(innocent.adapter(), effort="smoke", seed=seed)
    session.adapter = session.adapter.adapter  # which times every call, at a cost
    operations = list(operations)
    yield from (check_smoke(session, dtype) for dtype in _in_turn(session.dtypes, turn))
    for k, name in enumerate(operations):
        operation = OPERATIONS[name]
        for kind, check in checks_of(operation).items():
            dtypes = _in_turn(session.dtypes, None if turn is None else turn + k)
            for dtype in dtypes if operation.typed and kind not in UNTYPED else ("",):
                blank = Result(operation.clauses, name, kind, dtype or None, "not_offered")
                yield attempted(blank, partial(check, session, operation, dtype))
    for test in asking(*operations):
        if innocent.alone and any(OPERATIONS[name].shape == "method" for name in test.operations):
            continue
        yield from (test.check(session, dtype) for dtype in _in_turn(session.dtypes, turn))


def _in_turn(dtypes: tuple[str, ...], turn: int | None) -> tuple[str, ...]:
    return dtypes if turn is None else (dtypes[turn % len(dtypes)],)


def blame(innocent: Innocent, seed: int, result: Result) -> str | None:
    """What the suite says against a correct implementation, if anything: who is blamed, for which property, under which seed."""
    said = _said(innocent, result)
    if said is None:
        return None
    words = (result.operation or ", ".join(result.clauses), result.property, result.label, result.dtype)
    place = " ".join(filter(None, words))
    return f"{innocent.name} ({innocent.differs}) is blamed: {place}, seed {seed}: {said}: {result.message or ''}{_at(result)}"


def _at(result: Result) -> str:
    worst = result.worst
    if worst is None:
        return ""
    inputs = ", ".join(f"{name} = {number.decimal}" for name, number in list(worst.inputs.items())[:24])
    return f"; expected {worst.expected.decimal}, actual {worst.actual.decimal} at {inputs}"


def _said(innocent: Innocent, result: Result) -> str | None:
    if result.label == DEFECT:
        return "a defect of the suite"
    if result.property == "special_values":
        return "error" if result.verdict == "error" else None
    if result.verdict in FAILING:
        return result.verdict
    if result.verdict == "inaccurate" and not (innocent.loses or result.label == "range"):
        return "inaccurate"
    clauses = {part.partition(":")[0] for part in (result.reading or "").split(", ") if part}
    return None if clauses <= set(innocent.readings) else f"conforms as {result.reading}"


@dataclass
class Line:
    """One implementation under all seeds."""

    name: str
    operations: int
    properties: int = 0
    seeds: int = 0
    share: float = 0.0
    inaccurate: int = 0
    seconds: float = 0.0
    blamed: tuple[str, ...] = ()

    def __str__(self) -> str:
        figures = f"{self.operations:4} {self.properties:8} {self.seeds:6} {self.share:9.3f} {self.inaccurate:6} {len(self.blamed):8}"
        return f"{self.name:28}{figures} {self.seconds:9.1f}"


HEAD = f"{'implementation':28}{'ops':>4} {'judged':>8} {'seeds':>6} {'share':>9} {'digits':>6} {'blamed':>8} {'seconds':>9}"


def judged(task: tuple[str, int], in_turn: bool = False) -> Line:
    """The line of one implementation under one seed."""
    warnings.simplefilter("ignore")
    name, seed = task
    innocent, start = INNOCENTS[name], time.process_time()
    line = Line(name, len(innocent.operations), seeds=1)
    for result in results(innocent, seed, innocent.operations, seed if in_turn else None):
        line.properties += result.verdict != "not_offered"
        line.inaccurate += result.verdict == "inaccurate"
        if result.verdict != "inaccurate":
            line.share = max(line.share, result.max_share or 0.0)
        said = blame(innocent, seed, result)
        line.blamed += (said,) if said else ()
    line.seconds = time.process_time() - start
    return line


def added(lines: Iterable[Line]) -> Line:
    """The lines of one implementation as one."""
    first, *rest = lines
    for line in rest:
        first = Line(
            first.name, first.operations, first.properties + line.properties, first.seeds + line.seeds, max(first.share, line.share),
            first.inaccurate + line.inaccurate, first.seconds + line.seconds, first.blamed + line.blamed,
        )  # fmt: skip
    return first


def main(arguments: list[str] | None = None) -> int:
    """Prints whatever is blamed at once, a line for each seed, and the table at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("-j", type=int, default=1, metavar="N")
    parser.add_argument("--in-turn", action="store_true", help="each property in one dtype a seed, another for the next seed")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--list", action="store_true")
    known = parser.parse_args(arguments)
    unknown = [name for name in known.names if name not in INNOCENTS]
    if unknown:
        parser.error(f"no implementation {unknown[0]!r}; there are {', '.join(INNOCENTS)}")
    names = known.names or [name for name in INNOCENTS if name != "Reference"]
    if known.list:
        print("\n".join(f"{name:28}{INNOCENTS[name].differs}" for name in names))
        return 0
    found: dict[str, list[Line]] = {name: [] for name in names}
    tasks = [(name, seed) for seed in range(known.first, known.first + known.seeds) for name in names]
    with ProcessPoolExecutor(known.j) as pool:
        for (name, seed), line in zip(tasks, pool.map(partial(judged, in_turn=known.in_turn), tasks), strict=True):
            found[name].append(line)
            print("".join(f"{said}\n" for said in line.blamed), end="", flush=True)
            if name == names[-1]:
                print(f"seed {seed}: {_summary([lines[-1] for lines in found.values()])}", flush=True)
    total = [added(lines) for lines in found.values()]
    print("\n".join([HEAD, *map(str, total), _summary(total)]))
    if known.json:
        Path(known.json).write_text(json.dumps([asdict(line) for line in total], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(line.blamed for line in total) else 0


def _summary(lines: list[Line]) -> str:
    judged, blamed = sum(line.properties for line in lines), sum(len(line.blamed) for line in lines)
    seconds = sum(line.seconds for line in lines)
    return f"{len(lines)} implementations, {judged} properties judged, {blamed} blamed, CPU seconds {seconds:.0f}"


if __name__ == "__main__":
    sys.exit(main())
