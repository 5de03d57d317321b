"""Simulates runs of every test of randomness on the reference: `python tests/false_alarms.py [RUNS [SIZE]]`.

SIZE divides the numbers of rows and columns and of small layers and passes; 1 is the full size (about four seconds a run).
Prints the smallest probability, the number of alarms, and how often each level was undercut, which chance bounds by the level.
"""

import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from eqwise.conformance import dropout, initialization
from eqwise.conformance.chance import LEVEL, Finding
from eqwise.conformance.initialization import Layers, findings
from eqwise.conformance.masks import Masks, independent, share
from eqwise.reference import initialization as reference
from eqwise.spec.document import AS_PRINTED
from eqwise.spec.numbers.formats import FORMATS

LAWS = {69: reference.uniform, 70: reference.xavier, 71: reference.he, 72: reference.gauss}


def of_weights(number: int, dtype: str, rng: np.random.Generator, size: int = 1) -> Iterator[Finding]:
    """Every test of the reference's weights, under the printed law."""
    draw = LAWS[number]
    shapes = [(rows // size, columns // size) for rows, columns in initialization.LARGE]
    large = [[Layers(draw(shape, rng, dtype).astype(np.float64), shape)] for shape in shapes]
    seeds = initialization.SEEDS // size**2 + 8
    small = [Layers(draw_many(draw, shape, rng, dtype, seeds), shape) for shape in initialization.SMALL]
    yield from findings(number, AS_PRINTED, [*large, small], FORMATS[dtype])


def draw_many(draw: Any, shape: tuple[int, int], rng: np.random.Generator, dtype: str, count: int) -> Any:
    """A row for each layer."""
    return np.array([draw(shape, rng, dtype).ravel() for _ in range(count)]).astype(np.float64)


def of_masks(rng: np.random.Generator, size: int = 1) -> Iterator[Finding]:
    """Every test of independent masks."""
    rows, columns = dropout.LARGE[0] // size, dropout.LARGE[1] // min(size, 8)
    units, many = int(np.prod(dropout.SMALL)), dropout.MANY // size + 8
    yield share(rng.random((rows, columns)) < dropout.NEARLY_ALL, dropout.NEARLY_ALL)
    yield from (share(mask := rng.random(dropout.OTHERS[-1]) < 1 / 8, 1 / 8), independent(mask, 1 / 8, "units"))
    for p in dropout.SHARES:
        large, small = rng.random((dropout.PASSES + 1, rows, columns)) < p, rng.random((many, units)) < p
        yield from Masks(p, rng.normal(size=(rows, columns)), large, small).findings()


def run(rng: np.random.Generator, size: int = 1) -> list[Finding]:
    """What one run of the suite tests: four laws in four dtypes, two operations of dropout in four dtypes."""
    weights = [finding for number, dtype in product(LAWS, FORMATS) for finding in of_weights(number, dtype, rng, size)]
    return weights + [finding for _ in range(2 * len(FORMATS)) for finding in of_masks(rng, size)]


def main(runs: int = 2000, size: int = 32) -> None:
    """Prints what came of so many runs."""
    rng = np.random.default_rng(20190628)
    found = np.array([[finding.probability for finding in run(rng, size)] for _ in range(runs)])
    print(f"{runs} runs of {found.shape[1]} tests at 1/{size} of the size: {np.count_nonzero(found < LEVEL)} alarms")
    print(f"smallest probability {found.min():.2g}; level {LEVEL:.2g}, so {found.shape[1] * LEVEL:.2g} at most for a run")
    for level in (0.1, 0.01, 0.001, 0.0001):
        print(f"below {level}: {np.mean(found < level):.2g} of all tests, {np.mean(found < level, axis=0).max():.2g} of the worst test")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
