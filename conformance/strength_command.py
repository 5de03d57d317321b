"""``eqwise strength``: how many wrong implementations the suite notices, clause by clause."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.plugin import equations
from eqwise.conformance.session import DEFAULT_SEED
from eqwise.conformance.strength import figures
from eqwise.conformance.strength.collection import collected
from eqwise.conformance.strength.detection import Detection, detected

PARTIAL = "strength.partial"  # what an interrupted run leaves in the current folder, to go on from
NEEDED = ("libcst", "tqdm")


def add_parser(commands: Any) -> None:
    """The options of the command."""
    parser = commands.add_parser("strength", help="measure the suite by wrong implementations")
    parser.add_argument("--equations", metavar="10,57-68", help="only what is planted in these")
    parser.add_argument("--mutants", action="store_true", help="mutants made from the reference, in place of the hand-written ones")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of the mutants, drawn by the seed")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="worker processes; one for each core otherwise")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--counts", action="store_true", help="JSON without times, as conformance/strength.json keeps it")


def run(known: argparse.Namespace) -> int:
    """Prints the table or JSON; 1 where something that was planted by hand was not caught, or a mutant survived."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(f"eqwise strength needs {' and '.join(missing)}: pip install 'eqwise[strength]'")
    if known.j < 1:
        raise ValueError(f"-j {known.j}: at least one process")
    if known.sample is not None and (known.sample < 1 or not known.mutants):
        raise ValueError(f"--sample {known.sample}: at least 1, and only with --mutants")
    return _of_mutants(known) if known.mutants else _of_collection(known)


def _chosen(known: argparse.Namespace, clauses: Sequence[str]) -> bool:
    """Whether any of the clauses is asked for; statements are where no equations are chosen."""
    return known.equations is None or any(f"eq{number}" in clauses for number in equations(known.equations))


def _of_collection(known: argparse.Namespace) -> int:
    from eqwise.conformance.strength.running import run  # needs tqdm, which only this command needs

    names = [name for name, one in collected()[0].items() if _chosen(known, [one.clause])]
    job = partial(_judged, seed=known.seed)
    sources = [Path(sys.modules["wrong"].__path__[0])]
    found = [Detection(**made) for made in run(job, names, known.j, Path(PARTIAL), ["collection", str(known.seed)], sources)]
    if known.counts:
        print(json.dumps({"clauses": figures.counts(found)}, indent=1))
    elif known.json:
        print(json.dumps({"clauses": figures.by_clause(found), "total": figures.total(found)}, indent=1))
    else:
        print("\n".join(figures.lines(found)))
    return int(not all(one.caught for one in found))


def _judged(name: str, seed: int) -> dict[str, Any]:
    planted, declared = collected()
    return asdict(detected(planted[name], declared, seed))


def _of_mutants(known: argparse.Namespace) -> int:
    from eqwise.conformance.strength import mutants  # needs libcst
    from eqwise.conformance.strength.running import run
    from eqwise.conformance.strength.trials import fate

    every = mutants.all_of()
    names = [
        name for name, one in every.items() if _chosen(known, [c for o in mutants.operations_of(one) for c in OPERATIONS[o].clauses])
    ]
    if known.sample is not None:
        drawn = set(random.Random(known.seed).sample(names, min(known.sample, len(names))))
        names = [name for name in names if name in drawn]
    found = run(partial(fate, seed=known.seed), names, known.j, Path(PARTIAL), ["mutants", str(known.seed)])
    if known.json:
        print(json.dumps({"mutants": figures.of_mutants(found), "survivors": _survivors(found)}, indent=1))
    else:
        print("\n".join(figures.mutant_lines(found)))
    return int(any(one["status"] == "survivor" for one in found))


def _survivors(found: Sequence[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in found if one["status"] == "survivor"]
