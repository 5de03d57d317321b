"""What would explain what a layer of batch normalization normalises with: at inference, and in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from eqwise.conformance.adapter import Operation
from eqwise.conformance.batch_layer import FEATURES
from eqwise.conformance.diagnosis.remembering import BLENDS, NEW, PRINTED, Step, agreed, close, fits_of, steps_of, where_it_holds
from eqwise.conformance.diagnosis.unmasking import Fact
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format

LARGE = 2.0**20  # results of a division by almost 0


def of_inference(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """What inference normalises with."""
    return agreed(session, operation, result, target, _inference)


def of_training(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """Running averages where those of the batch belong."""
    return agreed(session, operation, result, target, _training)


FIND = {"inference": of_inference, "value": of_training}


Values = Callable[[Step], Floats]


def _normal(
    s: Step, mean: Floats | None = None, variance: Floats | None = None, gamma: Floats | float | None = None,
    beta: Floats | float | None = None, epsilon: Floats | float | None = None,
) -> Floats:  # fmt: skip
    own = (*s.made.parameters, *(s.made.before if not s.made.training else s.made.after))
    g, b, m, v = (given if given is not None else known for given, known in zip((gamma, beta, mean, variance), own, strict=True))
    e = s.made.epsilon if epsilon is None else epsilon
    return np.asarray(g * (s.made.x - m) / np.sqrt(v + e) + b)


INFERENCES: Mapping[str, tuple[str, Values]] = {
    "the batch's own statistics are used, not the running averages": ("batch statistics", lambda s: _normal(s, s.mean, s.variance)),
    "the batch's own mean is used, not the running one": ("batch statistics", lambda s: _normal(s, mean=s.mean)),
    "the batch's own variance is used, not the running one": ("batch statistics", lambda s: _normal(s, variance=s.variance)),
    "gamma and beta are left out": ("factor left out", lambda s: _normal(s, gamma=1.0, beta=0.0)),
    "gamma is left out": ("factor left out", lambda s: _normal(s, gamma=1.0)),
    "beta is left out": ("term left out", lambda s: _normal(s, beta=0.0)),
    "epsilon is left out": ("term left out", lambda s: _normal(s, epsilon=0.0)),
    "the running mean is not subtracted": ("term left out", lambda s: _normal(s, mean=np.zeros(FEATURES))),
    "the input is not divided by the deviation": ("factor left out", lambda s: _normal(s, variance=np.ones(FEATURES), epsilon=0.0)),
    "the root of variance and epsilon is left out": (
        "sqrt left out", lambda s: _normal(s, variance=(s.made.before[1] + s.made.epsilon) ** 2, epsilon=0.0)
    ),
    "the input is returned as it is": ("shortcut", lambda s: s.made.x),
    "epsilon is squared": ("square", lambda s: _normal(s, epsilon=s.made.epsilon**2)),
    "the running variance is unbiased once more": (
        "factor", lambda s: _normal(s, variance=s.made.before[1] * s.samples / max(s.samples - 1, 1))
    ),
}  # fmt: skip


def _spans(s: Step, target: Format) -> Floats:
    gamma, beta = s.made.parameters
    mean, variance = s.made.before
    unit = np.sqrt(np.abs(np.minimum(variance, s.variance if s.samples > 1 else variance)) + s.made.epsilon)
    return np.abs(gamma) * (np.abs(s.made.x) + np.abs(mean)) / unit + np.abs(beta) + np.abs(s.made.y)


def _inference(session: Session, target: Format) -> Iterator[Fact]:
    steps = [s for s in steps_of(session, target) if not s.made.training]
    moving = [s for s in steps if not _unmoved(s)]
    if moving:
        yield from _of_moving(moving, target)
        return
    steps = [s for s in steps if np.isfinite(s.made.after).all() and (s.made.after[1] >= 0).all()]
    fails = ~_inferred(steps, _normal, target)
    for text, (kind, values) in INFERENCES.items():
        fits = _inferred(steps, values, target)
        tells = ~np.array([close(values(s), _normal(s), _spans(s, target), target) for s in steps])
        where = where_it_holds(steps, fails, fits, tells)
        if where is not None:
            yield Fact(kind, f"at inference, {where}{text}")
            return
    yield from _of_epsilon(steps, fails, target)


def _unmoved(s: Step) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(s.made.before, s.made.after, strict=True))


def _of_moving(moving: Sequence[Step], target: Format) -> Iterator[Fact]:
    followed = (PRINTED[0][0], PRINTED[1][0])
    if all(fits_of(moving, k, BLENDS[""], NEW[new], target).all() for k, new in enumerate(followed)):
        yield Fact("state", "inference moves the running averages towards the statistics of its batch, as training does")


def _inferred(steps: Sequence[Step], values: Values, target: Format) -> Array:
    return np.array([close(s.made.y, _where_defined(s, values(s), target), _spans(s, target), target) for s in steps])


def _where_defined(s: Step, told: Floats, target: Format) -> Floats:
    """A variance of 0, or almost, says nothing of a formula without epsilon: rounding decides what is divided by then."""
    idle = s.made.before[1] <= target.unit_roundoff * s.made.epsilon
    return np.where(idle & ~(np.abs(told) < LARGE), s.made.y, told)


def _of_epsilon(steps: Sequence[Step], fails: Array, target: Format) -> Iterator[Fact]:
    """An epsilon of its own at inference, measured in every layer."""
    measured: dict[float, list[float]] = {}
    for s in steps:
        gamma, beta = s.made.parameters
        found = (gamma * (s.made.x - s.made.before[0]) / (s.made.y - beta)) ** 2 - s.made.before[1]
        smallest = found[:, int(np.argmin(np.abs(s.made.before[1])))]
        measured.setdefault(s.made.epsilon, []).append(float(smallest[np.isfinite(smallest)].mean()))
    own = {asked: _plain(float(np.median(found)), asked) for asked, found in measured.items()}
    if not fails.any() or all(found == asked for asked, found in own.items()):
        return
    if _inferred(steps, lambda s: _normal(s, epsilon=own[s.made.epsilon]), target).all():
        told = ", ".join(f"{found:.4g} for {asked:.4g}" for asked, found in sorted(own.items()))
        yield Fact("own constant", f"at inference, epsilon is another than in training: {told}")


def _plain(found: float, asked: float) -> float:
    if abs(found) < 1e-3 * asked:
        return 0.0
    return asked if abs(found / asked - 1) < 1e-3 else float(f"{found:.3g}")


# what it trains with


def _training(session: Session, target: Format) -> Iterator[Fact]:
    steps = [s for s in steps_of(session, target) if s.made.training]
    for when, values in (("after", _normal), ("before", lambda s: _normal(s, *s.made.before))):
        if _inferred(steps, values, target).all():
            text = f"training normalises with the running averages {when} the pass, not with the statistics of the batch"
            yield Fact("running averages", text)
            return
