"""What the masks of dropout have in common: facts that hold without exception, and shares that are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np

from eqwise.conformance import chance
from eqwise.conformance.diagnosis.repeating import period
from eqwise.conformance.masks import Masks
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats

FAR = 6  # deviations within which a measured share is the probability
LONGEST = 64  # passes after which masks may repeat
BITS = 12


@dataclass(frozen=True)
class Fact:
    """A word for it, a clause that tells it, and what was measured, which differs from seed to seed."""

    kind: str
    text: str
    measured: str = field(default="", compare=False)


@dataclass(frozen=True)
class Passes:
    """True where a unit was dropped: four passes over x, two of the same seed again, four of another seed; many small ones."""

    p: float
    x: Floats
    large: Array
    again: Array
    others: Array
    small: Array
    remembers: bool

    @property
    def every(self) -> Array:
        """All large masks of other passes."""
        return np.concatenate([self.large, self.others])


def facts(passes: Mapping[float, Passes]) -> Iterator[Fact]:
    """What holds for every p, in every pass."""
    every = list(passes.values())
    if not any(one.every.any() for one in every):
        yield Fact("nothing dropped", "nothing is dropped in training")
        return
    found = list(_by_size(every)) or list(_of_passes(every)) + list(_of_units(every))
    if not found and all(not np.array_equal(one.again, one.large[:2]) for one in every):
        found = [Fact("seed", "the same seed gives other masks: the seed is not passed on")]
    yield from found or _of_counts(every)


def _by_size(every: list[Passes]) -> Iterator[Fact]:
    """Masks that are no draws: x decides."""
    for name, sizes in (("smallest in size", [np.abs(one.x) for one in every]), ("smallest", [one.x for one in every])):
        for told, sign in ((name, 1), (name.replace("smallest", "largest"), -1)):
            if all(_separated(one.large, sign * size) for one, size in zip(every, sizes, strict=True)):
                yield Fact("depends on the input", f"the {told} of the units are dropped, and no others")


def _separated(masks: Array, sizes: Floats) -> bool:
    return all(mask.any() and (~mask).any() and sizes[mask].max() <= sizes[~mask].min() for mask in masks)


def _of_passes(every: list[Passes]) -> Iterator[Fact]:
    """Masks that come again in later passes, or for other seeds."""
    if all(np.array_equal(one.large, one.others) for one in every):
        same = all((one.large == one.large[0]).all() for one in every) and every[0].remembers
        yield Fact("seed", f"the seed has no effect on the masks{', and every pass has the same' if same else ''}")
        return
    for apart in range(1, LONGEST):
        if all(np.array_equal(one.small[apart:], one.small[:-apart]) for one in every):
            text = "every pass has the mask of the first" if apart == 1 else f"{apart} masks come in turn, pass after pass"
            yield Fact("repeated", text)
            return
    if all(np.array_equal(one.small[1::2], one.small[::2]) for one in every):
        yield Fact("repeated", "every mask is used for two passes")
    if all(np.array_equal(one.small[1::2], ~one.small[::2]) for one in every):
        yield Fact("complement", "what one pass drops the next one keeps, and the reverse, two passes at a time")


def _of_units(every: list[Passes]) -> Iterator[Fact]:
    """Units that share a draw."""
    masks = [mask for one in every for mask in one.every]
    if all((mask == mask[0]).all() for mask in masks):
        yield Fact("repeated", "one mask is used for all rows of a batch")
    elif all((mask == mask[:, :1]).all() for mask in masks):
        yield Fact("repeated", "one draw decides for all units of a row")
    elif all(np.array_equal(mask.ravel()[1::2], mask.ravel()[::2]) for mask in masks):
        yield Fact("pairs", "one draw decides for two units that follow each other")
    else:
        periods = {period(mask.ravel()) for mask in masks}
        if len(periods) == 1 and 0 not in periods:
            yield Fact("repeated", f"{periods.pop()} draws are repeated over and over within a pass")
    for axis, name in ((0, "unit {} of every row"), (1, "row {} of every batch")):
        never = np.flatnonzero(~np.any([mask.any(axis=axis) for mask in masks], axis=0))
        if len(never) and len(never) < masks[0].shape[1 - axis]:
            yield Fact("never dropped", f"{name.format(', '.join(str(k + 1) for k in never[:4]))} is never dropped")


def _of_counts(every: list[Passes]) -> Iterator[Fact]:
    """Passes that drop the same number of units, or none."""
    counts = [np.count_nonzero(one.small, axis=1) for one in every]
    if all(np.ptp(count) == 0 for count in counts):
        told = ", ".join(f"{count[0]} of {one.small.shape[1]} for p = {one.p:g}" for one, count in zip(every, counts, strict=True))
        yield Fact("exact share", f"every pass drops exactly the same share, which no independent draws do: {told}")
    whole = [np.flatnonzero(count == 0) + 1 for count in counts]
    if all(len(one) > 1 for one in whole) and all(np.array_equal(one, whole[0]) for one in whole):
        steps = np.diff(whole[0])
        if np.ptp(steps) == 0 and whole[0][0] == steps[0]:
            yield Fact("branch", f"nothing is dropped in every {steps[0]}th pass")


def by_value(passes: Mapping[float, Passes]) -> Iterator[Fact]:
    """Shares that depend on the sign or the size of a unit."""
    every = list(passes.values())
    for name, parts in (
        ("negative and positive", [(one.x < 0, one.x > 0) for one in every]),
        ("small and large", [(np.abs(one.x) <= np.median(np.abs(one.x)), np.abs(one.x) > np.median(np.abs(one.x))) for one in every]),
    ):
        ratios = [_relative(one, *part) for one, part in zip(every, parts, strict=True)]
        if max(abs(far) for _, far in ratios) > FAR and len({far > 0 for _, far in ratios}) == 1:
            more, fewer = name.split(" and ")[:: -1 if ratios[0][1] < 0 else 1]
            yield Fact("depends on the input", f"{more} units are dropped more often than {fewer} ones", _measured(every, ratios))


def _relative(one: Passes, first: Array, second: Array) -> tuple[float, float]:
    """The ratio of the shares dropped, and how many deviations apart they are."""
    a, b = (one.every[:, part] for part in (first, second))
    room = np.sqrt(one.p * (1 - one.p) * (1 / a.size + 1 / b.size))
    return float(a.mean() / max(b.mean(), 1e-300)), float((a.mean() - b.mean()) / room)


def _measured(every: list[Passes], ratios: list[tuple[float, float]]) -> str:
    told = ", ".join(f"{max(ratio, 1 / ratio):.3g} times as often for p = {one.p:g}" for one, (ratio, _) in zip(every, ratios, strict=True))
    return f": {told}"


def of_share(passes: Mapping[float, Passes]) -> Iterator[Fact]:
    """Another probability, under which masks raise no alarm."""
    every = list(passes.values())
    if all(_conforms(one, one.p) for one in every):
        return
    for text, formula in _shares():
        if all(_follows(one, formula(one.p)) for one in every) and any(formula(one.p) != one.p for one in every):
            told = ", ".join(f"{formula(one.p):g} for p = {one.p:g}" for one in every)
            if all(_conforms(one, formula(one.p)) for one in every):
                yield Fact("another probability", f"units are dropped with {text}: {told}")
                return


def _follows(one: Passes, q: float) -> bool:
    return 0 < q < 1 and bool(abs(one.every.mean() - q) <= FAR * np.sqrt(q * (1 - q) / one.every.size))


def _conforms(one: Passes, q: float) -> bool:
    return chance.judged(Masks(q, one.x, one.large, one.small).findings()).alarm is None


def _shares() -> Iterator[tuple[str, Callable[[float], float]]]:
    """Probabilities of dropping that p may be turned into."""
    yield "probability 1 - p, as if p were that of keeping", lambda p: 1 - p
    for bits in range(1, BITS):
        n = 1 << bits
        yield f"p rounded to multiples of 1/{n}", lambda p, n=n: round(n * p) / n  # type: ignore[misc]
        yield f"p rounded down to multiples of 1/{n}", lambda p, n=n: floor(n * p) / n  # type: ignore[misc]
        yield f"p rounded up to multiples of 1/{n}", lambda p, n=n: ceil(n * p) / n  # type: ignore[misc]
        yield f"p rounded up to multiples of 1/{n}, and one more", lambda p, n=n: (ceil(n * p) + 1) / n  # type: ignore[misc]
        yield f"p rounded down to multiples of 1/{n}, less one", lambda p, n=n: (floor(n * p) - 1) / n  # type: ignore[misc]
    yield "probability p²", lambda p: p * p
    yield "probability √p", lambda p: p**0.5
