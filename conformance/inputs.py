"""The inputs that operations are judged on: points that the formulas make critical, then volume from a seed.

Nothing here knows a framework's thresholds. Critical points come from the formula itself: where a branch argument
changes its sign, and where the rounded result changes its regime (zero, subnormal, infinite, saturated, equal to x).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from eqwise.conformance.adapter import Domain
from eqwise.conformance.comparison import Claim
from eqwise.spec.certify import rounded
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.formats import Floats, Format
from eqwise.spec.numbers.program import FLOATS, compiled

Generator = np.random.Generator
Ordinals = npt.NDArray[np.int64]
GRID = 512


def block(target: Format, rng: Generator, size: int, critical: Ordinals) -> Floats:
    """`size` finite numbers of the format: special and critical points, then four strata, as float64."""
    top = int(target.ordinals(target.largest))
    fixed = np.unique(np.concatenate([_special(target), (critical[:, None] + np.arange(-2, 3)).ravel()]))
    if len(fixed) > size // 2:
        fixed = rng.choice(fixed, size // 2, replace=False)
    quarter = (size - len(fixed)) // 4
    nearby = rng.choice(np.append(critical, 0), quarter) + _steps(rng, quarter, target)
    anywhere = rng.integers(-top, top + 1, quarter)
    ordinals = np.clip(np.concatenate([fixed, nearby, anywhere]), -top, top)
    logarithmic = np.ldexp(rng.uniform(-1, 1, quarter), rng.integers(-target.p - 12, 12, quarter).astype(np.int32))
    rest = size - len(ordinals) - quarter
    linear = rng.uniform(-1, 1, rest) * rng.choice([1.0, 10.0, 50.0, 200.0, 800.0], rest)
    drawn = target.round(np.concatenate([logarithmic, linear]))
    return np.concatenate([target.from_ordinals(ordinals).astype(np.float64), drawn])


def every_number(target: Format) -> Floats:
    """All finite numbers of a 16-bit format, with both zeros."""
    top = int(target.ordinals(target.largest))
    numbers = target.from_ordinals(np.arange(-top, top + 1)).astype(np.float64)
    return np.append(numbers, -0.0)


def _special(target: Format) -> Ordinals:
    near_1, most = (1 - target.unit_roundoff, 1 + 2 * target.unit_roundoff), target.largest
    values = [0.5, 1.0, 2.0, *near_1, target.smallest_normal, 0.75 * most, most]
    positive = np.concatenate([target.ordinals(values), [0, 1, 2], int(target.ordinals(target.smallest_normal)) + np.array([-1, 1])])
    return np.concatenate([positive, -positive])


def _steps(rng: Generator, size: int, target: Format) -> Ordinals:
    """Signed distances in ordinals, from a few to a whole binade."""
    reach = rng.integers(0, target.p, size)
    return rng.integers(-1, 2, size) * (rng.integers(0, 1 << 62, size) >> (62 - reach))


@lru_cache(maxsize=1024)
def critical_ordinals(claim: Claim, others: tuple[float, ...], target: Format) -> Ordinals:
    """Ordinals of the first input where the rounded result of the first output changes its regime, the others fixed."""
    top = int(target.ordinals(target.largest))
    grid = np.unique([*range(-top, top, max(1, 2 * top // GRID)), top])
    regimes = _regimes(claim, grid, others, target)
    low, high = grid[:-1][regimes[1:] != regimes[:-1]], grid[1:][regimes[1:] != regimes[:-1]]
    left = regimes[:-1][regimes[1:] != regimes[:-1]]
    while len(low) and np.any(high - low > 1):
        middle = low + (high - low) // 2
        same = _regimes(claim, middle, others, target) == left
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.unique(np.concatenate([high, _kinks(claim, others, target), [0]]))


def _regimes(claim: Claim, ordinals: Ordinals, others: tuple[float, ...], target: Format) -> Ordinals:
    x = target.from_ordinals(ordinals).astype(np.float64)
    rows = np.column_stack([x, *(np.full(len(x), other) for other in others)])
    ends = np.array([[end, *others] for end in (-target.largest, target.largest)])
    y, at_ends = rounded(claim.program, rows, target)[:, 0], rounded(claim.program, ends, target)[:, 0]
    tests = (y == 0, np.isinf(y), np.abs(y) < target.smallest_normal, y == x, y == -x, y == at_ends[0], y == at_ends[1])
    return sum(test.astype(np.int64) << bit for bit, test in enumerate(tests))


def _kinks(claim: Claim, others: tuple[float, ...], target: Format) -> Ordinals:
    found = [kink_ordinals(claim, k, np.array([others]), target) for k in range(len(_branches(claim)))]
    return np.concatenate([np.zeros(0, np.int64), *(ordinals[ordinals != _NONE] for ordinals in found)])


_NONE = np.iinfo(np.int64).max


def _branches(claim: Claim) -> tuple[Any, ...]:
    return bounds.branch_arguments(claim.outputs[0])


def kink_ordinals(claim: Claim, number: int, others: Floats, target: Format) -> Ordinals:
    """For each row of the other inputs: the ordinal of the first input where branch argument `number` changes its sign."""
    argument = compiled((_branches(claim)[number],), claim.inputs, FLOATS)

    def sign(ordinals: Ordinals) -> Any:
        with np.errstate(all="ignore"):
            x = target.from_ordinals(ordinals).astype(np.float64)
            return np.broadcast_to(argument(x, *others.T)[0], x.shape) > 0

    top = int(target.ordinals(target.largest))
    low, high = np.full(len(others), -top), np.full(len(others), top)
    left, right = sign(low), sign(high)
    while np.any(high - low > 1):
        middle = low + (high - low) // 2
        same = sign(middle) == left
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.where(left == right, _NONE, high)


def at_kinks(claim: Claim, rows: Floats, rng: Generator, target: Format) -> Floats:
    """The same rows with the first input moved beside a kink of the formula, where there is one."""
    moved = rows.copy()
    for number in range(len(_branches(claim))):
        chosen = rng.random(len(rows)) < 1 / (1 + number)
        ordinals = kink_ordinals(claim, number, rows[:, 1:], target)
        ordinals = np.where(ordinals == _NONE, target.ordinals(rows[:, 0]), ordinals + rng.integers(-2, 3, len(rows)))
        top = int(target.ordinals(target.largest))
        moved[chosen, 0] = target.from_ordinals(np.clip(ordinals, -top, top)).astype(np.float64)[chosen]
    return moved


def second(domain: Domain, first: Floats, target: Format, rng: Generator) -> Floats:
    """The second input of an element-wise operation, given the first."""
    size = len(first)
    match domain:
        case "label":
            labels = rng.choice([-1.0, 1.0], size)
            return np.where(rng.random(size) < 0.75, labels, target.round(rng.normal(size=size) * 4))
        case "slope":
            return target.round(rng.choice([0.25, 0.0, 1.0, -0.5, 3.0, 0.01], size))
        case _:
            alone = block(target, rng, size, np.zeros(1, np.int64))
            rng.shuffle(alone)
            close = target.round(first + rng.normal(size=size) * rng.choice([2.0**-8, 1.0, 30.0], size))
            mixed = np.where(rng.random(size) < 0.5, alone, close)
            return np.where(np.isfinite(mixed), mixed, alone)


def vectors(domain: Domain, target: Format, rng: Generator, shape: tuple[int, ...], first: Floats | None = None) -> Floats:
    """Arrays whose last axis is a vector of the domain; every row has a regime of its own.

    Targets lie near the `first` input in half of the rows, if there is one of this shape.
    """
    values = target.round(_VECTORS[domain](target, rng, shape))
    if domain != "target" or first is None or first.shape != shape:
        return values
    close = target.round(first + _spreads(rng, first))
    return np.where((rng.random((*shape[:-1], 1)) < 0.5) & np.isfinite(close).all(axis=-1, keepdims=True), close, values)


def _spreads(rng: Generator, first: Floats) -> Floats:
    """Differences from the first input: of the size of 1 or of a small part of it, one in sixteen 0, in some rows all."""
    rows = (*first.shape[:-1], 1)
    size = np.abs(first).max(axis=-1, keepdims=True, initial=0.0) * np.ldexp(1.0, -rng.integers(2, 30, rows))
    spread = rng.normal(size=first.shape) * np.where(rng.random(rows) < 0.5, 1.0, size)
    return np.where((rng.random(first.shape) < 0.0625) | (rng.random(rows) < 0.05), 0.0, spread)


def _real_vectors(target: Format, rng: Generator, shape: tuple[int, ...]) -> Floats:
    rows = (*shape[:-1], 1)
    values = rng.normal(size=shape) * np.ldexp(1.0, rng.integers(-10, 8, rows))
    offset = np.ldexp(rng.choice([0.0, 1.0, -1.0], rows), rng.integers(0, min(target.p + 2, target.emax - 2), rows))
    values = np.where(rng.random(rows) < 0.3, values + offset, values)
    values = np.where(rng.random(rows) < 0.15, rng.integers(-3, 4, shape), values)
    one = np.arange(shape[-1]) == rng.integers(0, max(shape[-1], 1), rows)  # far below others that are close to each other
    values = np.where(rng.random(rows) < 0.1, rng.normal(size=shape) - np.where(one, rng.uniform(0, 4096, rows), 0.0), values)
    huge = np.ldexp(rng.uniform(-1, 1, shape), rng.integers(-target.emax + 2, target.emax, rows))
    return np.where(rng.random(rows) < 0.1, huge, values)


def _observed_vectors(target: Format, rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Half of the rows of the size of 1 about an offset that takes half of the bits, as 1e8 in float64 and 1e4 in float32."""
    rows = (*shape[:-1], 1)
    offset = np.ldexp(rng.uniform(0.5, 1.5, rows) * rng.choice([1.0, -1.0], rows), target.p // 2 + rng.integers(-1, 2, rows))
    scattered = rng.normal(size=shape) * rng.choice([1.0, 1.0, 0.25, 4.0], rows)
    return np.where(rng.random(rows) < 0.5, offset + scattered, _real_vectors(target, rng, shape))


def _batch_vectors(target: Format, rng: Generator, shape: tuple[int, ...]) -> Floats:
    """As observed, but of a size whose fourth power is in range; in some rows all numbers are equal, or all but one, or there are two.

    Equal numbers are small and round: where the rounding of their mean would be as large as √epsilon, no allowance of first
    order can tell what it does to a derivative.
    """
    rows, most = (*shape[:-1], 1), max(target.emax // 4, target.p // 2 + 2)
    values = _observed_vectors(target, rng, shape)
    _, size = np.frexp(np.abs(values).max(axis=-1, keepdims=True, initial=0.0))
    values = target.round(np.ldexp(values, np.where(size > most, size % most - size, 0)))
    two = np.where(rng.random(shape) < 0.5, values[..., :1], values[..., -1:])
    one = np.where(np.arange(shape[-1]) == rng.integers(0, shape[-1], rows), values, values[..., :1])
    kind, equal = rng.random(rows), rng.integers(-16, 17, rows) / 8
    values = np.select([kind < 0.1, kind < 0.2, kind < 0.3], [equal, one, two], values)
    return np.where(np.ptp(values, axis=-1, keepdims=True) == 0, equal, values) if shape[-1] > 1 else values


def _score_vectors(target: Format, rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Real vectors within ±4096: to certify ln(1 − σ(u)) as it is composed takes about 1.44·u bits."""
    return np.clip(_real_vectors(target, rng, shape), -4096.0, 4096.0)


def _probability_vectors(target: Format, rng: Generator, shape: tuple[int, ...]) -> Floats:
    small = np.ldexp(rng.uniform(0.5, 1, shape), -rng.integers(0, -target.emin, shape))
    near_one = 1 - np.ldexp(rng.uniform(0.5, 1, shape), -rng.integers(1, target.p, shape))
    values = np.select([rng.random(shape) < 0.3, rng.random(shape) < 0.4], [small, near_one], rng.uniform(0, 1, shape))
    tame = np.arange(int(np.prod(shape[:-1]))) % 4 == 3  # every fourth row, so that sums of many terms are told too
    values = np.where(tame.reshape(*shape[:-1], 1), rng.uniform(1 / 16, 15 / 16, shape), values)
    return np.clip(values, target.smallest_normal, 1 - target.unit_roundoff)


def _share_vectors(target: Format, rng: Generator, shape: tuple[int, ...]) -> Floats:
    rows = (*shape[:-1], 1)
    binary = rng.integers(0, 2, shape).astype(float)
    soft = target.round(rng.uniform(0, 1, shape))
    return np.select(
        [rng.random(rows) < 0.3, rng.random(rows) < 0.5], [binary, _one_hot(rng, shape)], np.where(rng.random(shape) < 0.2, binary, soft)
    )


def _one_hot(rng: Generator, shape: tuple[int, ...]) -> Floats:
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def _distribution_vectors(target: Format, rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Shares that add up to 1 exactly, in any order: multiples of a power of two; of even ones, of one class, and nearly of one."""
    parts, even = 2 ** min(target.p - 2, 16), np.full(shape[-1], 1 / shape[-1])
    soft, few, one = rng.multinomial(parts, even, shape[:-1]), rng.multinomial(1 + parts // 256, even, shape[:-1]), _one_hot(rng, shape)
    kind = rng.random((*shape[:-1], 1))
    return np.select([kind < 0.4, kind < 0.6], [soft, few + one * (parts - few.sum(axis=-1, keepdims=True))], one * parts) / parts


_VECTORS: Mapping[Domain, Callable[[Format, Generator, tuple[int, ...]], Floats]] = {
    "real": _real_vectors,
    "score": _score_vectors,
    "target": _real_vectors,
    "observed": _observed_vectors,
    "batch": _batch_vectors,
    "probability": _probability_vectors,
    "positive": _probability_vectors,
    "share": _share_vectors,
    "distribution": _distribution_vectors,
}
