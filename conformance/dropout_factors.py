"""The factors of dropout, in passes and in gradients: of kept units in training, of all units at inference."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from eqwise.conformance import invocation
from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.chance import Finding, binomial
from eqwise.conformance.comparison import Claim, Outcome, judge
from eqwise.conformance.evidence import close
from eqwise.conformance.inputs import block
from eqwise.conformance.layouts import LAYOUTS, laid_out
from eqwise.conformance.masks import SLACK
from eqwise.conformance.samples import cast, cotangents
from eqwise.conformance.thinning import EXACT, SCALE, Subject, moderate, require
from eqwise.conformance.verdicts import Result
from eqwise.spec.document import AS_PRINTED
from eqwise.spec.numbers.expression import Array, symbol
from eqwise.spec.numbers.formats import Floats, Format
from eqwise.spec.regularization import DROPOUT_FACTORS

POINTS = 512
OTHERS = ((7,), (0, 3), (3, 5, 2), (16, 32, 16), (1, 4096), (1, 1), (4096, 1))  # shapes
PART = (32, 16)


@dataclass(frozen=True)
class Scaled:
    """Numbers and what became of them, at one p: in training, where they were kept, or at inference."""

    training: bool
    p: float
    given: Floats
    actual: Floats

    def outcome(self, reading: str, target: Format, places: int) -> Outcome:
        """Under a reading of the scale."""
        rows = np.column_stack([self.given, np.full(len(self.given), self.p)])
        return judge(_claim(reading, self.training), rows, self.actual[:, None], target, places)


def _claim(reading: str, training: bool) -> Claim:
    x, p = symbol("x"), symbol("p")
    factor = DROPOUT_FACTORS[reading][0 if training else 1](p)
    return Claim((factor * x,), (x, p))


def check_scale(subject: Subject, blank: Result) -> Result:
    """Kept units in training, and all units at inference, have the factors of one reading; inference leaves no trace."""
    _leaves_no_trace(subject)
    _is_one_in_every_shape(subject)
    return _under_readings(subject, blank, [part for p in EXACT for part in _forward(subject, p)])


def _leaves_no_trace(subject: Subject) -> None:
    """Inference gives the same before training and after it, and the masks of later passes are what they would be without."""
    for p in EXACT:
        x, seed = points(subject, p), subject.seed("trace", p)
        train, _ = subject.start(p, seed)
        undisturbed = [train(x), train(x)]
        train, infer = subject.start(p, seed)
        for first, mask in zip((infer(x), infer(x)), undisturbed, strict=True):
            require(np.array_equal(train(x), mask), f"p = {p}: the mask after inference is not the one without inference")
            require(np.array_equal(infer(x), first), f"p = {p}: inference gives another result after training")


def _is_one_in_every_shape(subject: Subject) -> None:
    """Inference of the same numbers by themselves, and in matrices of a few rows, which are judged."""
    for shape in OTHERS:
        x = cast(moderate(np.random.default_rng(subject.seed("infer", *shape)), shape, subject.target), subject.target)
        _, infer = subject.start(EXACT[1], subject.seed("infer"))
        flat = np.append(x, np.zeros(-x.size % int(np.prod(PART)), x.dtype)).reshape(-1, *PART)
        parts = np.concatenate([np.zeros(0), *(infer(part).ravel() for part in flat)])[: x.size].reshape(shape)
        require(bool(np.all(close(infer(x), parts, subject.target))), f"inference gives other numbers in shape {shape} than in {PART}")


def _under_readings(subject: Subject, blank: Result, parts: list[Scaled]) -> Result:
    """The printed factors first, then the declared, then every other."""
    declared = subject.session.declared(subject.operation.name).get(SCALE)
    printed, *others = sorted(DROPOUT_FACTORS, key=lambda name: (name != AS_PRINTED, name != declared))
    first = _judged(subject, blank, parts, printed)
    best = replace(first, worst=None) if first.verdict != "deviates" else None
    for reading in others if first.verdict != "conforms" else ():
        result = replace(_judged(subject, blank, parts, reading), reading=f"{SCALE}:{reading}", worst=None)
        if result.verdict == "conforms":
            return replace(result, verdict="conforms_as")
        if result.verdict != "deviates":
            best = best or result
    return best or replace(first, message=f"the factors are those of none of {', '.join(DROPOUT_FACTORS)}")


def _judged(subject: Subject, blank: Result, parts: list[Scaled], reading: str) -> Result:
    found = Outcome("conforms", 0, 0.0, 0.0)
    for part in parts:
        found = found.merged(part.outcome(reading, subject.target, 6 * subject.session.volume))
    judged = replace(blank, verdict=found.verdict, points=found.points, certified=found.points, worst=found.worst)
    return replace(judged, max_ulp=found.max_ulp, max_share=found.max_share)


def _forward(subject: Subject, p: float) -> list[Scaled]:
    x = points(subject, p)
    train, infer = subject.start(p, subject.seed("scale", p))
    trained, inferred, wide = train(x), infer(x), x.astype(np.float64)
    kept = (trained != 0) & (wide != 0)
    return [Scaled(True, p, wide[kept], trained[kept]), Scaled(False, p, wide.ravel(), inferred.ravel())]


def points(subject: Subject, p: float) -> Array:
    """A matrix of numbers of every size, zeros of both signs among them, in another layout for each p."""
    rng = np.random.default_rng(subject.seed("points", p))
    numbers = np.append(block(subject.target, rng, POINTS - 1, np.zeros(1, np.int64)), -0.0)
    return laid_out(cast(numbers.reshape(-1, 16), subject.target), LAYOUTS[int(8 * p) % len(LAYOUTS)])


def check_derivative(subject: Subject, blank: Result) -> Result:
    """A unit that was dropped receives exactly 0, any other the factor of the pass itself, also where x is 0."""
    if not subject.session.adapter.offers("vjp"):
        return replace(blank, message="the adapter has no vjp")
    parts = [part for p in EXACT for part in (*_forward(subject, p), *_backward(subject, p))]
    result = _under_readings(subject, blank, parts)
    if result.verdict == "deviates":
        return replace(result, clauses=(SCALE,), message="the factors of the gradients are not those of the passes, or those of no reading")
    return replace(result, verdict="conforms" if result.verdict == "conforms_as" else result.verdict, reading=None)


def _backward(subject: Subject, p: float) -> list[Scaled]:
    """The gradients at p, half of them where x is 0; their zeros must be those of the mask, in whatever layout x lies."""
    rng, seed, target = np.random.default_rng(subject.seed("gradient", p)), subject.seed("gradient", p), subject.target
    x, c = moderate(rng, (2 * POINTS,), target), cotangents(rng, (2 * POINTS,), target)
    x[POINTS:] = np.where(np.arange(POINTS) % 2, -0.0, 0.0)
    c[c == 0] = 1.0
    trained = subject.called(_lying(x, p, target), p, seed, True).ravel()
    by_training, by_inference = (_gradient(subject, x, c, p, seed, training) for training in (True, False))
    _zeros_of_the_mask(x, trained, by_training, p)
    kept = by_training != 0
    return [Scaled(True, p, c[kept], by_training[kept]), Scaled(False, p, c, by_inference)]


def _zeros_of_the_mask(x: Floats, trained: Floats, slopes: Floats, p: float) -> None:
    known, gone = x != 0, trained == 0
    require((slopes[known & gone] == 0).all(), f"p = {p}: a unit that was dropped receives a gradient")
    require((slopes[known & ~gone] != 0).all(), f"p = {p}: a unit that was kept receives no gradient")
    missing, zeros = int(np.count_nonzero(slopes[~known] == 0)), int(np.count_nonzero(~known))
    finding = Finding(f"p = {p}: {missing} of {zeros} inputs of 0 receive no gradient", float(binomial(missing, missing, zeros, p, SLACK)))
    require(not finding.alarms, str(finding))


def _gradient(subject: Subject, x: Floats, c: Floats, p: float, seed: int, training: bool) -> Floats:
    arrays, adapter = (_lying(x, p, subject.target), _lying(c, p, subject.target)), subject.session.adapter
    (found,) = invocation.gradients(adapter, subject.operation, arrays[:1], arrays[1], subject.target, p=p, seed=seed, training=training)
    if found is None:
        raise NotOffered("no gradient of dropout")
    unwritten = all(np.array_equal(array.astype(np.float64).ravel(), before) for array, before in zip(arrays, (x, c), strict=True))
    require(unwritten, "vjp of dropout writes to its inputs")
    return found.ravel()


def _lying(flat: Floats, p: float, target: Format) -> Array:
    """A vector for p = 1/2, a matrix in another layout for each other p."""
    layout = LAYOUTS[int(8 * p) % len(LAYOUTS)]
    return laid_out(cast(flat if p == 0.5 else flat.reshape(-1, 16), target), layout)
