"""Measures speed, and what other ways to test notice of the planted errors, as tables and as JSON (``--json FILE``).

Speeds are medians over repetitions in one run. Nothing here is asserted. A part alone: ``--only PART``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import side_by_side
from eqwise.conformance import evidence
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.inputs import every_number
from eqwise.conformance.loading import load
from eqwise.conformance.session import Session
from eqwise.reference.data import Part
from eqwise.reference.model import build
from eqwise.reference.objectives import Objective, gradients
from eqwise.spec.certify import certified, derivative, rounded
from eqwise.spec.numbers.formats import FORMATS

UNARY = ("logistic", "tanh", "softplus", "relu")
POINTS = 20_000
REPEATS = 7


def seconds(function: Callable[[], object], clock: Callable[[], float] = time.process_time, repeats: int = REPEATS) -> float:
    """The median time of a call: CPU time, or that of another clock."""
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return statistics.median(times)


def certification(name: str) -> dict[str, float]:
    """Certified float64 values and (value, derivative) pairs a second, and seconds for all of float16."""
    claim = value_claim(Frame(name))
    rows = np.random.default_rng(0).uniform(-8, 8, (POINTS, 1))
    slopes = derivative(claim.outputs[0], claim.inputs, 0)
    half = every_number(FORMATS["float16"])[:, None]
    values = seconds(lambda: certified(claim.program, rows))
    pairs = values + seconds(lambda: certified(slopes, rows))
    return {
        "certified_per_second": POINTS / values,
        "pairs_per_second": POINTS / pairs,
        "float16_seconds": seconds(lambda: rounded(claim.program, half, FORMATS["float16"])),
    }


def bulk(name: str) -> float:
    """Points a CPU second that are drawn, computed by an adapter, and held against the reference."""
    adapter, known = load("reference", {})
    session = Session(adapter, known, effort="standard")
    target, operation = FORMATS["float64"], OPERATIONS[name]

    def run() -> None:
        for call in evidence.bulk_calls(session, operation, "value", target):
            evidence.bulk_values(session, call, target)

    return session.volume * evidence.BULK_BLOCKS * evidence.BULK_SIZE / seconds(run)


def suite() -> dict[str, float]:
    """CPU seconds of the suite on the reference, and the share of them inside the adapter."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "eqwise.conformance.cli", "run", "reference", "-q", "--conformance-report", str(report)]
        subprocess.run(command, check=True, capture_output=True)
        environment = json.loads(report.read_text(encoding="utf-8"))["environment"]
    return {"cpu_seconds": environment["cpu_seconds"], "adapter_share": environment["adapter_cpu_seconds"] / environment["cpu_seconds"]}


ASKED = (8, 16_384)  # numbers in a call
WIDTHS, BATCH, THREADS = (784, 256, 10), 128, 2


def backward() -> dict[str, float]:
    """Seconds of forward and backward of one network in float32: the reference's, and PyTorch's on as many threads."""
    import torch

    torch.set_num_threads(THREADS)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(BATCH, WIDTHS[0])).astype(np.float32), rng.integers(0, WIDTHS[-1], BATCH)
    ours, batch = build(WIDTHS, "relu", "softmax"), Part(x, np.eye(WIDTHS[-1], dtype=np.float32)[labels])
    theirs = torch.nn.Sequential(torch.nn.Linear(*WIDTHS[:2]), torch.nn.ReLU(), torch.nn.Linear(*WIDTHS[1:]))
    given, loss = (torch.from_numpy(x), torch.from_numpy(labels)), torch.nn.CrossEntropyLoss()

    def learn() -> None:
        theirs.zero_grad()
        loss(theirs(given[0]), given[1]).backward()

    timed = partial(seconds, clock=time.perf_counter, repeats=51)
    rounds = [(timed(lambda: gradients(ours, Objective("cross_entropy", ours.output), batch)), timed(learn)) for _ in range(REPEATS)]
    reference, torch_seconds = (min(medians) for medians in zip(*rounds, strict=True))  # others on the machine only slow it down
    return {"reference_seconds": reference, "torch_seconds": torch_seconds, "ratio": reference / torch_seconds}


def shown(found: dict[str, float] | None) -> str:
    """One line for the terminal."""
    name = f"forward and backward of {'-'.join(map(str, WIDTHS))}, batch {BATCH}, float32"
    if found is None:
        return f"{name}: skipped, PyTorch is not installed"
    ours, theirs = found["reference_seconds"] * 1e3, found["torch_seconds"] * 1e3
    return f"{name}:\n  reference {ours:.2f} ms, PyTorch on {THREADS} threads {theirs:.2f} ms, ratio {found['ratio']:.2f}"


def unary(_: int) -> dict[str, dict[str, float]]:
    """Certified and bulk-verified numbers a second."""
    found = {name: {**certification(name), "bulk_points_per_second": bulk(name)} for name in UNARY}
    print(f"{'float64':<10}{'certified/s':>13}{'pairs/s':>11}{'bulk points/s':>15}{'all float16, s':>16}")
    for name, row in found.items():
        print(
            f"{name:<10}{row['certified_per_second']:>13,.0f}{row['pairs_per_second']:>11,.0f}"
            f"{row['bulk_points_per_second']:>15,.0f}{row['float16_seconds']:>16.3f}"
        )
    return found


def beside(_: int) -> dict[str, float] | None:
    """The reference beside PyTorch."""
    found = backward() if find_spec("torch") else None
    print(shown(found))
    return found


def whole(_: int) -> dict[str, float]:
    """The suite on the reference."""
    found = suite()
    print(f"suite on the reference: {found['cpu_seconds']:.1f} CPU seconds, {found['adapter_share']:.0%} of them inside the adapter")
    return found


def compared(workers: int) -> dict[str, object]:
    """Other ways to test beside eqwise."""
    found = side_by_side.run(workers)
    print(side_by_side.table(found))
    return found


def apart(_: int) -> dict[str, float]:
    """What it takes to ask the reference in a process of its own, besides its own time."""
    found = {}
    (here, _known), (there, _known) = load("reference", {}), load("reference", {}, isolate=True)
    timed = partial(seconds, clock=time.perf_counter, repeats=501)
    for size in ASKED:
        x = np.linspace(-8, 8, size, dtype=np.float64)
        found[f"milliseconds_of_{size}"] = 1e3 * (timed(lambda x=x: there.softplus(x)) - timed(lambda x=x: here.softplus(x)))
    told = ", ".join(f"{found[f'milliseconds_of_{size}']:.2f} ms for {size:,}" for size in ASKED)
    print(f"a call in another process, there and back (median): {told} float64 numbers")
    return found


PARTS: dict[str, Callable[[int], object]] = {"unary": unary, "backward": beside, "suite": whole, "stdio": apart, "side-by-side": compared}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given again")
    parser.add_argument("-j", type=int, default=1, metavar="N", help="processes of the part side-by-side")
    chosen = parser.parse_args()
    found = {name: PARTS[name](chosen.j) for name in chosen.only or PARTS}
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
