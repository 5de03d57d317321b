"""Section 12 of the notes, the data: their split in three, and where they come from."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eqwise.reference.arithmetic import Array, require
from eqwise.reference.pictures import optional
from eqwise.reference.tables import is_number, numbers, rows


class Part(NamedTuple):
    """Samples: inputs (n, features) and targets (n, outputs)."""

    inputs: Array
    targets: Array


class Split(NamedTuple):
    """Three disjoint parts; only the first changes parameters."""

    training: Part
    validation: Part
    test: Part


def split(inputs: Array, targets: Array, ratios: Sequence[float] = (8, 1, 1), seed: int | np.random.Generator = 0) -> Split:
    """Shuffles and cuts; validation and test have one size, rounded down, and the rest is for training."""
    n, share = len(inputs), _last_share(ratios)
    require(len(targets) == n, "number of targets", len(targets), f"be the number of inputs, {n}")
    size = int(n * share)
    require(size > 0 and 2 * size < n, "number of samples", n, f"leave at least one in each part of {':'.join(f'{r:g}' for r in ratios)}")
    order = np.random.default_rng(seed).permutation(n)
    cuts = order[2 * size :], order[:size], order[size : 2 * size]
    return Split(*(Part(inputs[chosen], targets[chosen]) for chosen in cuts))


def _last_share(ratios: Sequence[float]) -> Fraction:
    """The share of the test part; decimals count as they are written."""
    require(len(ratios) == 3, "ratios", tuple(ratios), "be three numbers")
    require(all(math.isfinite(r) and r > 0 for r in ratios), "ratios", tuple(ratios), "be positive and finite")
    _, validation, test = exact = [Fraction(str(r)) for r in ratios]
    require(validation == test, "ratios", tuple(ratios), "give validation and test the same size")
    return test / sum(exact)


def standardized(parts: Split) -> Split:
    """The inputs less the training part's mean, over its deviation; a feature that is constant there is only shifted."""
    shift, scale = statistics(parts.training.inputs)
    return Split(*(Part((part.inputs - shift) / scale, part.targets) for part in parts))


def statistics(values: Array) -> tuple[Array, Array]:
    """The mean and the deviation of each column, 1 for a deviation of 0."""
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def one_hot(labels: Array, classes: int) -> Array:
    """1 in the column of the class, otherwise 0."""
    return np.eye(classes)[labels]


def digits() -> Part:
    """1797 handwritten digits of 8 by 8 pixels in [0, 1]; ten classes."""
    found = optional("sklearn.datasets").load_digits()
    return Part(found.data / 16.0, one_hot(found.target, 10))


def from_csv(path: str | Path, *, regression: bool = False) -> Part:
    """Numbers and, in the last column, the class (an integer or a word), or with `regression` the real target.

    A header may stand above. Raises `ValueError` naming file, line and value.
    """
    found = rows(path)
    inputs = np.array([numbers(place, cells[:-1]) for place, cells in found])
    if regression:
        return Part(inputs, np.array([numbers(place, cells[-1:]) for place, cells in found]))
    return Part(inputs, _classes(path, [(place, cells[-1].strip()) for place, cells in found]))


def _classes(path: str | Path, labels: list[tuple[str, str]]) -> Array:
    """One column for each class: integers in their order, words in theirs."""
    for place, label in labels:
        whole = bool(label) and (not is_number(label) or float(label).is_integer())
        require(whole, f"{place}: class", label, "be an integer or a word (or ask for regression)")
    integers = all(is_number(label) for _, label in labels)
    keys = [float(label) if integers else label for _, label in labels]
    names = sorted(set(keys))
    require(len(names) > 1, f"{path}: number of classes", len(names), "be at least 2")
    return one_hot(np.array([names.index(key) for key in keys]), len(names))
