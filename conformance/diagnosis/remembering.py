"""What would explain a failing layer of batch normalization: where it starts, and what its running averages follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from eqwise.conformance.adapter import Operation
from eqwise.conformance.batch_layer import FEATURES, Layer, Pass, history
from eqwise.conformance.diagnosis.gathering import afresh
from eqwise.conformance.diagnosis.unmasking import Fact
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

TURNS = (1, 2)
MOST = 3
ROOM = 256  # ulps of the largest term
ENOUGH = 4  # passes that a condition must tell


@dataclass(frozen=True)
class Step:
    """A pass and its place among those of its layer, with the statistics of its batch."""

    made: Pass
    number: int  # of training passes up to this one
    mean: Floats
    variance: Floats

    @property
    def samples(self) -> int:
        """In the batch."""
        return len(self.made.x)


def steps_of(session: Session, target: Format) -> list[Step]:
    """Every pass of some layers, in turns."""
    counts: dict[int, int] = {}
    found = []
    for made in history(session, target):
        counts[made.layer] = counts.get(made.layer, 0) + made.training
        found.append(Step(made, counts[made.layer], made.x.mean(axis=0), made.x.var(axis=0)))
    return found


def agreed(
    session: Session, operation: Operation, result: Result, target: Format, facts: Callable[[Session, Format], Iterator[Fact]]
) -> list[Explanation]:
    """Facts that hold for all seeds."""
    try:
        with np.errstate(all="ignore"):
            first, second = (list(facts(afresh(session, turn), target)) for turn in TURNS)
    except AdapterError:
        return []
    points = sum(step.made.x.size for step in steps_of(afresh(session, TURNS[0]), target))
    same = [fact for fact in first if fact in second]
    return [Explanation(fact.kind, f"{fact.text}{fact.measured}", result.clauses, points, 0.0) for fact in same[:MOST]]


def of_state(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """Where γ and β start."""
    return agreed(session, operation, result, target, _state)


def of_update(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """What running averages follow."""
    return agreed(session, operation, result, target, _update)


FIND = {"state": of_state, "update": of_update}


# how it starts


def _state(session: Session, target: Format) -> Iterator[Fact]:
    layers = [Layer(session, target, features).parameters() for features in (1, FEATURES, 33)]
    for k, (name, wanted) in enumerate((("gamma", 1.0), ("beta", 0.0))):
        values = np.concatenate([parameters[k] for parameters in layers])
        if (values == wanted).all():
            continue
        if np.ptp(values) == 0:
            yield Fact("start", f"{name} starts at {values[0]:g}, not at {wanted:g}")
        else:
            told = f": from {values.min():.3g} to {values.max():.3g}, {values.mean():.3g} in the mean"
            yield Fact("start", f"{name} starts at another number for each feature, not at {wanted:g}", told)


# conditions


def where_it_holds(steps: Sequence[Step], fails: Array, fits: Array, tells: Array) -> str | None:
    """Where a candidate holds, in words: nothing if everywhere; None if it does not explain every failing pass."""
    if not fails.any() or not fits[fails].all():
        return None
    if fits.all():
        return ""
    others = tells & ~fails
    samples, numbers = np.array([s.samples for s in steps]), np.array([s.number for s in steps])
    rates, epsilons = (np.array([getattr(s.made, name) for s in steps]) for name in ("rate", "epsilon"))
    for text, holds in (
        *((f"for {n} sample{'s' * (n > 1)} alone, ", samples == n) for n in sorted(set(samples[fails].tolist()))),
        (f"from training pass {numbers[fails].min()} on, ", numbers >= numbers[fails].min()),
        (f"for rates from {rates[fails].min():g} on, ", rates >= rates[fails].min()),
        (f"for epsilons up to {epsilons[fails].max():g}, ", epsilons <= epsilons[fails].max()),
    ):
        if holds[fails].all() and not holds[others].any() and fails.sum() >= ENOUGH:
            return text
    return None


def close(a: Floats, b: Floats, size: Floats, target: Format) -> bool:
    """Whether they differ by no more than rounding of numbers of this size."""
    near = np.isfinite(size) & (np.abs(a - b) <= ROOM * target.unit_roundoff * size)
    return bool(np.all(near | (a == b) | (np.isnan(a) & np.isnan(b))))


# what it remembers


Blend = Callable[[Floats, Floats, float], Floats]
BLENDS: Mapping[str, Blend] = {
    "": lambda old, new, r: (1 - r) * old + r * new,
    "with rate and 1 - rate exchanged": lambda old, new, r: r * old + (1 - r) * new,
    "without a memory: it is that of the last batch": lambda old, new, r: new,
    "not at all: it stays as it was": lambda old, new, r: old,
    "as a sum that does not forget, without the factor 1 - rate": lambda old, new, r: old + r * new,
    "without the rate beside what is new": lambda old, new, r: (1 - r) * old + new,
    "twice in a pass": lambda old, new, r: (1 - r) * ((1 - r) * old + r * new) + r * new,
    "with the square of the rate": lambda old, new, r: (1 - r * r) * old + r * r * new,
    "with the root of the rate": lambda old, new, r: (1 - r**0.5) * old + r**0.5 * new,
    "with half of the rate": lambda old, new, r: (1 - r / 2) * old + r / 2 * new,
}
NEW: Mapping[str, Callable[[Step], Floats]] = {
    "the mean of the batch": lambda s: s.mean,
    "the variance of the batch": lambda s: s.variance,
    "the unbiased variance of the batch": lambda s: s.variance * s.samples / max(s.samples - 1, 1),
    "the deviation of the batch": lambda s: np.sqrt(s.variance),
    "the square of the mean of the batch": lambda s: s.mean**2,
    "the mean of the squares of the batch": lambda s: np.mean(s.made.x**2, axis=0),
    "the largest of the batch": lambda s: s.made.x.max(axis=0),
    "the median of the batch": lambda s: np.median(s.made.x, axis=0),
}
PRINTED = {0: ("the mean of the batch",), 1: ("the variance of the batch", "the unbiased variance of the batch")}
AVERAGES = ("mean", "variance")


def _update(session: Session, target: Format) -> Iterator[Fact]:
    steps = [s for s in steps_of(session, target) if s.made.training and not s.made.first]
    found: list[Fact] = []
    for k, name in enumerate(AVERAGES):
        found += list(_of_average(steps, k, name, target))
    texts = {fact.text.replace("the running variance", "the running mean") for fact in found}
    if len(found) == 2 and len(texts) == 1:
        yield Fact(found[0].kind, f"both alike: {found[0].text.replace('the running mean', 'each running average')}")
    else:
        yield from found


def _of_average(steps: Sequence[Step], k: int, name: str, target: Format) -> Iterator[Fact]:
    printed = _follows_deviation(steps, target) if k else None
    candidates = [(blend, new) for new, blend in product(NEW, BLENDS)]
    candidates.sort(key=lambda one: (one[1] not in PRINTED[k]) + (one[0] != ""))
    best = max(PRINTED[k], key=lambda new: fits_of(steps, k, BLENDS[""], NEW[new], target).sum())
    fails = ~fits_of(steps, k, BLENDS[""], NEW[best], target)
    if not fails.any() or printed:
        return
    for blend, new in candidates:
        fits = fits_of(steps, k, BLENDS[blend], NEW[new], target)
        tells = _tells(steps, k, (blend, new), ("", best), target)
        where = where_it_holds(steps, fails, fits, tells)
        if where is not None:
            what = f"follows {new}" if new not in PRINTED[k] else "is followed"
            yield Fact("running average", f"{where}the running {name} {what} {blend}".rstrip())
            return
    yield from _of_rate(steps, k, name, best, target)
    yield from _of_precision(steps, k, name, best, target)


def _follows_deviation(steps: Sequence[Step], target: Format) -> bool:
    """The printed running average: that of the deviation, squared."""
    def told(s: Step) -> Floats:
        return np.asarray(((1 - s.made.rate) * np.sqrt(s.made.before[1]) + s.made.rate * np.sqrt(s.variance)) ** 2)

    return all(close(s.made.after[1], told(s), _size(s, 1), target) for s in steps)


def _size(s: Step, k: int) -> Floats:
    large = np.abs(s.made.x).max(axis=0)
    return np.abs(s.made.before[k]) + (large**2 if k else large) + np.abs(s.made.after[k])


def _told(s: Step, k: int, blend: Blend, new: Callable[[Step], Floats]) -> Floats:
    return blend(s.made.before[k], new(s), s.made.rate)


def fits_of(steps: Sequence[Step], k: int, blend: Blend, new: Callable[[Step], Floats], target: Format) -> Array:
    """The passes in which average number k follows `new` so."""
    return np.array([close(s.made.after[k], _told(s, k, blend, new), _size(s, k), target) for s in steps])


def _tells(steps: Sequence[Step], k: int, one: tuple[str, str], other: tuple[str, str], target: Format) -> Array:
    """Where two candidates differ."""
    told = [[_told(s, k, BLENDS[blend], NEW[new]) for blend, new in (one, other)] for s in steps]
    return np.array([not close(a, b, _size(s, k), target) for s, (a, b) in zip(steps, told, strict=True)])


def _of_rate(steps: Sequence[Step], k: int, name: str, new: str, target: Format) -> Iterator[Fact]:
    """Another rate than the one that was asked for, measured in every layer."""
    rates: dict[float, list[float]] = {}
    for s in steps:
        fresh = NEW[new](s) - s.made.before[k]
        j = int(np.argmax(np.abs(fresh)))
        rates.setdefault(s.made.rate, []).append(float((s.made.after[k] - s.made.before[k])[j] / fresh[j]))
    own = {asked: float(np.median(found)) for asked, found in rates.items()}
    fits = [close(s.made.after[k], _told_at(s, k, own[s.made.rate], new), _size(s, k) * 16, target) for s in steps]
    if all(fits):
        told = ", ".join(f"{found:.6g} for a rate of {asked:g}" for asked, found in sorted(own.items()))
        yield Fact("bound", f"the running {name} is followed with another rate: {told}")


def _told_at(s: Step, k: int, rate: float, new: str) -> Floats:
    return (1 - rate) * s.made.before[k] + rate * NEW[new](s)


def _of_precision(steps: Sequence[Step], k: int, name: str, new: str, target: Format) -> Iterator[Fact]:
    pairs = [(s.made.after[k], _told(s, k, BLENDS[""], NEW[new])) for s in steps]
    for known in FORMATS.values():
        if known.p < target.p and all(_is_rounded(after, told, known) for after, told in pairs):
            yield Fact("lower precision", f"the running {name} is kept in {known.name}")
            return


def _is_rounded(after: Floats, told: Floats, known: Format) -> bool:
    near = (np.abs(after - told) <= known.ulp(told)) | (after == known.round(told)) | (np.isnan(after) & np.isnan(told))
    return bool(near.all() and np.array_equal(known.round(after), after, equal_nan=True))
