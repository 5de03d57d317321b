"""What would explain failing dropout: factors as formulas of p, and what masks have to do with each other, with p and with x."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from eqwise.conformance import chance, invocation
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.diagnosis import unmasking
from eqwise.conformance.diagnosis.gathering import afresh
from eqwise.conformance.diagnosis.unmasking import Fact, Passes
from eqwise.conformance.draws import NORMAL, Draws
from eqwise.conformance.dropout import LARGE, SHARES, SMALL
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.samples import cast, cotangents
from eqwise.conformance.session import Session
from eqwise.conformance.thinning import Subject, moderate
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

TURNS = (1, 2)  # seeds on which a fact must hold
MANY = 320  # small passes
MOST = 3
ULPS = 8
FACTORS: Mapping[str, Callable[[float], float]] = {
    "1": lambda p: 1.0,
    "1 - p": lambda p: 1 - p,
    "1/(1 - p)": lambda p: 1 / (1 - p),
    "p": lambda p: p,
    "1/p": lambda p: 1 / p,
    "√(1 - p)": lambda p: (1 - p) ** 0.5,
    "1/√(1 - p)": lambda p: (1 - p) ** -0.5,
    "(1 - p)²": lambda p: (1 - p) ** 2,
    "1/(1 - p)²": lambda p: (1 - p) ** -2,
    "1 + p": lambda p: 1 + p,
    "1/(1 + p)": lambda p: 1 / (1 + p),
    "√p": lambda p: p**0.5,
    "p²": lambda p: p * p,
    "p(1 - p)": lambda p: p * (1 - p),
    "0": lambda p: 0.0,
}


@dataclass(frozen=True)
class Ratio:
    """What numbers are multiplied by: where they are not 0, and whether that is one factor for all of them."""

    values: Floats
    target: Format

    @property
    def other(self) -> Floats:
        """Those that are not 0."""
        return self.values[self.values != 0]

    @property
    def factor(self) -> float | None:
        """The one factor of all that are not 0."""
        return self._one_of(self.other)

    def _one_of(self, values: Floats) -> float | None:
        if not values.size or not np.isfinite(values).all():
            return None
        middle = float(np.median(values))
        return middle if np.abs(values - middle).max() <= ULPS * self.target.unit_roundoff * abs(middle) else None

    @property
    def two(self) -> tuple[float, float] | None:
        """The small and the large one of two factors."""
        sizes = np.abs(self.other)
        if not sizes.size or not np.isfinite(sizes).all():
            return None
        limit = np.sqrt(sizes.min() * sizes.max())
        small, large = self._one_of(self.other[sizes <= limit]), self._one_of(self.other[sizes > limit])
        return None if small is None or large is None else (small, large)


def named(measured: Mapping[float, float | None], target: Format) -> str | None:
    """The formula of p that all measured factors have, of a p in single precision at least, or the number."""
    if any(value is None for value in measured.values()):
        return None
    room = 2 * ULPS * max(target.unit_roundoff, FORMATS["float32"].unit_roundoff)
    for name, formula in FACTORS.items():
        if all(abs(float(value or 0) - formula(p)) <= room * max(abs(formula(p)), 1e-300) for p, value in measured.items()):
            return name
    values = [float(value or 0) for value in measured.values()]
    if max(values) - min(values) <= room * abs(values[0]):
        return f"{values[0]:.6g}"
    return ", ".join(f"{value:.6g} for p = {p:g}" for value, p in zip(values, measured, strict=True))


def of_masks(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """Facts about masks that hold for all seeds."""
    return _agreed([_mask_facts(Subject(afresh(session, turn), operation, target)) for turn in TURNS], result)


def of_scale(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """Facts about factors that hold for all seeds."""
    return _agreed([_scale_facts(Subject(afresh(session, turn), operation, target)) for turn in TURNS], result)


def of_derivative(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """Facts about gradients that hold for all seeds."""
    return _agreed([_gradient_facts(Subject(afresh(session, turn), operation, target)) for turn in TURNS], result)


def _agreed(found: list[Iterator[Fact]], result: Result) -> list[Explanation]:
    try:
        first, second = (list(facts) for facts in found)
    except (AdapterError, NotOffered):
        return []
    points = len(TURNS) * len(SHARES) * LARGE[0] * LARGE[1]
    same = [fact for fact in first if fact in second]
    return [Explanation(fact.kind, f"{fact.text}{fact.measured}", result.clauses, points, 0.0) for fact in same[:MOST]]


def _x(subject: Subject, shape: tuple[int, ...]) -> Array:
    return cast(moderate(np.random.default_rng(subject.seed("x", *shape)), shape, subject.target), subject.target)


def _ratio(subject: Subject, x: Array, y: Floats) -> Ratio:
    with np.errstate(all="ignore"):
        return Ratio(y / x.astype(np.float64), subject.target)


# masks


def _mask_facts(subject: Subject) -> Iterator[Fact]:
    x = _x(subject, LARGE)
    ratios = {p: _ratio(subject, x, subject.start(p, subject.seed("ratio"))[0](x)) for p in SHARES}
    facts = list(_of_factors(ratios, subject.target))
    if not facts:
        passes = {p: _passes(subject, x, p) for p in SHARES}
        facts = list(unmasking.facts(passes)) or list(unmasking.by_value(passes))
        facts = facts or list(unmasking.of_share(passes)) or list(_of_cases(subject, x))
    yield from facts


def _of_factors(ratios: Mapping[float, Ratio], target: Format) -> Iterator[Fact]:
    """In training: something else than one factor, or one that is neither 1 nor 1/(1 − p)."""
    factor = named({p: ratio.factor for p, ratio in ratios.items()}, target)
    if factor in ("1", "1/(1 - p)"):
        return
    if factor is not None:
        yield Fact("factor", f"kept units are multiplied by {factor} in training")
        return
    two = {p: ratio.two for p, ratio in ratios.items()}
    if all(pair is not None and (ratios[p].values != 0).all() for p, pair in two.items()):
        small, large = (named({p: pair[k] for p, pair in two.items() if pair}, target) for k in (0, 1))
        yield Fact("not zero", f"dropped units are multiplied by {small}, not by 0; kept ones by {large}")
    if all(_is_noise(p, ratio, target) for p, ratio in ratios.items()):
        yield Fact("noise", "no unit is dropped: each is multiplied by normal noise of mean 1 and variance p/(1 - p)")


def _is_noise(p: float, ratio: Ratio, target: Format) -> bool:
    z = (ratio.values - 1) / np.sqrt(p / (1 - p))
    return bool(np.isfinite(z).all()) and chance.judged(Draws(z, NORMAL, target).findings()).alarm is None


def _passes(subject: Subject, x: Array, p: float) -> Passes:
    """Masks of passes over a large batch and many over a small one; of the same seed again, and of another."""
    few, seed = x.ravel()[: SMALL[0] * SMALL[1]].reshape(SMALL), subject.seed("passes", p)
    train, again, other = (subject.start(p, s)[0] for s in (seed, seed, seed + (1 << 20)))
    small = subject.start(p, seed + 64)[0]
    large = np.array([train(x) == 0 for _ in range(4)])
    others = np.array([other(x) == 0 for _ in range(4)])
    return Passes(
        p, x.astype(np.float64), large, np.array([again(x) == 0 for _ in range(2)]), others,
        np.array([(small(few) == 0).ravel() for _ in range(MANY)]), subject.remembers,
    )  # fmt: skip


def _of_cases(subject: Subject, x: Array) -> Iterator[Fact]:
    """Nothing dropped for p = 1 or in a batch of one; whole lines along an axis where there are three."""
    p, seed = SHARES[1], subject.seed("cases")
    try:
        y = subject.start(1.0, seed)[0](x)
        if (y == x).all():
            yield Fact("branch", "nothing is dropped for p = 1")
    except (AdapterError, NotOffered):
        pass
    if not (subject.start(p, seed)[0](_x(subject, (1, 4096))) == 0).any():
        yield Fact("branch", "nothing is dropped in a batch of one")
    gone = subject.start(p, seed)[0](_x(subject, (16, 32, 16))) == 0
    for axes in (*combinations(range(3), 1), *combinations(range(3), 2)):
        if (gone == gone.min(axis=axes, keepdims=True)).all():
            shown = " and ".join(str(axis + 1) for axis in axes)
            yield Fact("repeated", f"where there are three axes, one draw decides for all units along axis {shown}")


# factors


def _scale_facts(subject: Subject) -> Iterator[Fact]:
    x = _x(subject, LARGE)
    trained, inferred, early = {}, {}, {}
    for p in SHARES:
        train, infer = subject.start(p, subject.seed("scale", p))
        early[p] = _ratio(subject, x, infer(x))
        trained[p] = _ratio(subject, x, train(x))
        inferred[p] = _ratio(subject, x, infer(x))
    before, after = (named({p: ratio.factor for p, ratio in ratios.items()}, subject.target) for ratios in (early, inferred))
    in_training = named({p: ratio.factor for p, ratio in trained.items()}, subject.target)
    facts = list(_of_inference(subject, inferred))
    if facts:
        yield from facts
    elif before != after:
        yield Fact("state", f"inference multiplies by {before} before the first training pass and by {after} after it")
    elif in_training and after and (in_training, after) not in (("1", "p"), ("1", "1 - p"), ("1/(1 - p)", "1")):
        yield Fact("factor", f"kept units are multiplied by {in_training} in training, and all units by {after} at inference")
    else:
        yield from _of_trace(subject, x)


def _of_inference(subject: Subject, inferred: Mapping[float, Ratio]) -> Iterator[Fact]:
    if all(ratio.factor is not None and (ratio.values == 0).any() for ratio in inferred.values()):
        yield Fact("dropped at inference", "units are dropped at inference as in training")
        return
    for count in range(2, 65):
        parts = [ratio.values * count for ratio in inferred.values()]
        if all(np.abs(part - np.rint(part)).max() < 0.01 and len(np.unique(np.rint(part))) > 2 for part in parts):
            yield Fact("mean of masks", f"inference is the mean of {count} masks that are drawn")
            return


def _of_trace(subject: Subject, x: Array) -> Iterator[Fact]:
    """Whether inference uses up random numbers."""
    moved = []
    for p in SHARES:
        seed = subject.seed("trace", p)
        train, _ = subject.start(p, seed)
        undisturbed = [train(x) for _ in range(2)]
        train, infer = subject.start(p, seed)
        infer(x)
        moved.append(np.array_equal(train(x), undisturbed[1]))
    if all(moved):
        yield Fact("state", "inference draws a mask too, although it does not use it: the next training pass has the mask after the next")


# gradients


@dataclass(frozen=True)
class Slopes:
    """What cotangents are multiplied by, in training and at inference, and what was dropped in the same pass."""

    x: Floats
    gone: Array
    passed: Ratio
    trained: Ratio
    inferred: Ratio
    inference: Ratio


def _slopes(subject: Subject, p: float) -> Slopes:
    seed, target, adapter = subject.seed("gradient", p), subject.target, subject.session.adapter
    rng = np.random.default_rng(seed)
    x, c = moderate(rng, (2048,), target), cotangents(rng, (2048,), target)
    x[:512], c[c == 0] = 0.0, 1.0
    arrays = cast(x, target), cast(c, target)

    def slope(training: bool) -> Ratio:
        (found,) = invocation.gradients(adapter, subject.operation, arrays[:1], arrays[1], target, p=p, seed=seed, training=training)
        if found is None:
            raise NotOffered("no gradient of dropout")
        return Ratio(found / c, target)

    ones = cast(np.ones(len(x)), target)
    passed, inference = (subject.called(ones, p, seed, training) for training in (True, False))
    return Slopes(x, passed == 0, Ratio(passed, target), slope(True), slope(False), Ratio(inference, target))


def _gradient_facts(subject: Subject) -> Iterator[Fact]:
    if not subject.session.adapter.offers("vjp"):
        return
    found = {p: _slopes(subject, p) for p in SHARES}
    every = list(found.values())
    zero, gone = [s.trained.values == 0 for s in every], [s.gone for s in every]
    if not any(z.any() for z in zero):
        yield Fact("not masked", "the gradient is not masked: dropped units receive one too")
    elif all(np.array_equal(z, s.x <= 0) for z, s in zip(zero, every, strict=True)):
        yield Fact("another operation", "the gradient is that of ReLU: 0 exactly where x is not positive, whatever was dropped")
    elif all(np.array_equal(z, g | (s.x == 0)) and (s.x == 0).any() for z, g, s in zip(zero, gone, every, strict=True)):
        yield Fact("zero", "an input of 0 receives no gradient, as if it had been dropped")
    elif all(_are_independent(z, g, p) for z, g, p in zip(zero, gone, found, strict=True)):
        yield Fact("another mask", "the gradient is masked by a mask of its own, not by that of the pass")
    elif all(np.array_equal(z, g) for z, g in zip(zero, gone, strict=True)):
        yield from _of_slopes(found, subject.target)


def _are_independent(a: Array, b: Array, p: float) -> bool:
    room = 6 / np.sqrt(len(a))
    return bool(abs(a.mean() - p) < room and abs((a & b).mean() - p * p) < room and not np.array_equal(a, b))


def _of_slopes(found: Mapping[float, Slopes], target: Format) -> Iterator[Fact]:
    """Factors of the gradient that are not those of the pass."""
    pairs = {
        "in training": ({p: s.trained.factor for p, s in found.items()}, {p: s.passed.factor for p, s in found.items()}),
        "at inference": ({p: s.inferred.factor for p, s in found.items()}, {p: s.inference.factor for p, s in found.items()}),
    }
    for when, (slopes, factors) in pairs.items():
        own, other = named(slopes, target), named(factors, target)
        if own is not None and own != other:
            yield Fact("factor", f"{when} the gradient is multiplied by {own}, where the pass multiplies by {other}")


def of_mask_errors(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """What else is wrong with the masks of an adapter that fails for some batches."""
    return [replace(one, text=f"besides the error, {one.text}") for one in of_masks(session, operation, result, target)]


FIND = {"mask": of_masks, "scale": of_scale, "derivative": of_derivative}
