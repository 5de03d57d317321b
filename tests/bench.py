"""Measures speed: medians over repetitions in one run, as a table and as JSON (``--json FILE``). Nothing here is asserted."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from eqwise.conformance import evidence
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.inputs import every_number
from eqwise.conformance.loading import load
from eqwise.conformance.session import Session
from eqwise.spec.certify import certified, derivative, rounded
from eqwise.spec.numbers.formats import FORMATS

UNARY = ("logistic", "tanh", "softplus", "relu")
POINTS = 20_000
REPEATS = 7


def seconds(function: Callable[[], object]) -> float:
    """The median CPU time of a call."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE")
    chosen = parser.parse_args()
    found = {name: {**certification(name), "bulk_points_per_second": bulk(name)} for name in UNARY}
    print(f"{'float64':<10}{'certified/s':>13}{'pairs/s':>11}{'bulk points/s':>15}{'all float16, s':>16}")
    for name, row in found.items():
        print(
            f"{name:<10}{row['certified_per_second']:>13,.0f}{row['pairs_per_second']:>11,.0f}"
            f"{row['bulk_points_per_second']:>15,.0f}{row['float16_seconds']:>16.3f}"
        )
    whole = suite()
    print(f"suite on the reference: {whole['cpu_seconds']:.1f} CPU seconds, {whole['adapter_share']:.0%} of them inside the adapter")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps({"unary": found, "suite": whole}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
