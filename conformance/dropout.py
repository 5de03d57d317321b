"""What is checked of dropout: its masks, its factors, its gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.chance import Finding, judged
from eqwise.conformance.check import Check
from eqwise.conformance.dropout_factors import OTHERS, check_derivative, check_scale, points
from eqwise.conformance.invocation import AdapterError, as_array, contents, guarded
from eqwise.conformance.masks import Masks, independent, share
from eqwise.conformance.samples import cast
from eqwise.conformance.thinning import EXACT, MASK, SCALE, Subject, dropped, moderate, property_of, require
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.expression import Array

SHARES = (1 / 8, 3 / 4, 0.3)  # the last is no multiple of a small power of two
NEARLY_ALL = 1 - 2.0**-10
LARGE, PASSES = (2048, 64), 3
SMALL, MANY = (8, 16), 512


def check_mask(subject: Subject, blank: Result) -> Result:
    """Each unit is 0 with probability p, independently of everything else, and otherwise as it was, or that over 1 − p."""
    x = cast(moderate(np.random.default_rng(subject.seed("x")), LARGE, subject.target), subject.target)
    _nothing_from_nothing(subject, x)
    train, _ = subject.start(NEARLY_ALL, subject.seed("nearly all"))
    findings = [share(dropped(x, train(x), NEARLY_ALL, subject.target), NEARLY_ALL)]
    findings += _all_dropped(subject, x)
    for shape in OTHERS:
        findings += list(_of_shape(subject, shape))
    for p in SHARES:
        findings += Masks(p, x.astype(np.float64), *masks(subject, x, p)).findings()
    result = judged(findings)
    verdict = "deviates" if result.alarm else "conforms"
    count = x.size * (1 + (PASSES + 1) * len(SHARES)) + MANY * SMALL[0] * SMALL[1] * len(SHARES)
    return replace(blank, verdict=verdict, points=count, max_share=result.share, message=str(result.alarm) if result.alarm else None)


def _of_shape(subject: Subject, shape: tuple[int, ...]) -> Iterator[Finding]:
    """Batches of other dimensions: where there are many units, they are independent along every axis."""
    p, seed = SHARES[0], subject.seed("shape", *shape)
    x = cast(moderate(np.random.default_rng(seed), shape, subject.target), subject.target)
    train, infer = subject.start(p, seed)
    gone = dropped(x, train(x), p, subject.target)
    infer(x)
    if gone.size >= MANY:
        yield share(gone, p)
        yield independent(gone, p, f"units of shape {shape}")


def _nothing_from_nothing(subject: Subject, x: Array) -> None:
    """Zeros stay zeros, and p = 0 drops nothing."""
    zeros = np.where(np.arange(x.size).reshape(x.shape) % 2, -0.0, 0.0).astype(x.dtype)
    for p in (0.0, SHARES[0], NEARLY_ALL):
        train, _ = subject.start(p, subject.seed("zeros"))
        require((train(zeros) == 0).all(), f"p = {p}: an input of 0 gives something else")
    train, _ = subject.start(0.0, subject.seed("none"))
    require((train(x) == x).all(), "p = 0: not every unit is kept as it is")


def _all_dropped(subject: Subject, x: Array) -> list[Finding]:
    """p = 1 drops everything, where it is offered: the divisor 1 − p is 0 then, so that an error or nan is as good as 0."""
    try:
        y = subject.start(1.0, subject.seed("all"))[0](x)
    except (NotOffered, AdapterError):
        return []
    return [share((y == 0) | ~np.isfinite(y), 1.0)]


def masks(subject: Subject, x: Array, p: float) -> tuple[Array, Array]:
    """Those of large passes, the last of a neighbouring seed, and of small ones; the same seed must give the same again."""
    few, seed = x.ravel()[: SMALL[0] * SMALL[1]].reshape(SMALL), subject.seed(p)

    def mask(train: Callable[[Array], Any], of: Array) -> Array:
        return dropped(of, train(of), p, subject.target)

    train, _ = subject.start(p, seed)
    large = [mask(train, x) for _ in range(PASSES)]
    train, _ = subject.start(p, seed)
    for k in range(PASSES):
        require(np.array_equal(mask(train, x), large[k]), f"p = {p}: the same seed gives another mask in pass {k + 1}")
    first, again = (mask(subject.start(p, 0)[0], x) for _ in range(2))
    require(np.array_equal(first, again), f"p = {p}: seed 0 gives another mask each time")
    train, _ = subject.start(p, seed + PASSES)
    return np.array([*large, mask(train, x)]), np.array([mask(train, few).ravel() for _ in range(MANY)])


def check_purity(subject: Subject, blank: Result) -> Result:
    """The input keeps its bytes, and a result its own, when the operation is called again."""
    points_, adapter = 0, subject.session.adapter
    for p in EXACT:
        first, second = points(subject, p), points(subject, 1 - p)
        for name, call in _raw_calls(subject, p).items():
            before, result = first.tobytes(), _called(subject, name, call, first)
            kept = as_array(adapter, name, result).copy()
            _called(subject, name, call, second)
            require(first.tobytes() == before, f"{name} writes to its input")
            require(contents(kept) == contents(as_array(adapter, name, result)), f"the result of {name} changes when it is called again")
            points_ += 1
    return replace(blank, verdict="conforms", points=points_)


def _called(subject: Subject, name: str, call: Callable[[Any], Any], x: Array) -> Any:
    return guarded(name, lambda: call(subject.session.adapter.from_numpy(x)))


def _raw_calls(subject: Subject, p: float) -> Mapping[str, Callable[[Any], Any]]:
    adapter, seed = subject.session.adapter, subject.seed("purity")
    if subject.remembers:
        layer = subject.layer(p, seed)
        return {"train of dropout_layer": layer.train, "infer of dropout_layer": layer.infer}

    def called(training: bool) -> Callable[[Any], Any]:
        return lambda x: adapter.dropout(x, p=p, seed=seed, training=training)  # type: ignore[attr-defined]

    return {"dropout in training": called(True), "dropout at inference": called(False)}


_BOTH: Mapping[str, Check] = {
    "mask": property_of("mask", check_mask, MASK),
    "scale": property_of("scale", check_scale, SCALE),
    "purity": property_of("purity", check_purity, MASK, SCALE),
}
CHECKS: Mapping[str, Mapping[str, Check]] = {
    "dropout": {**_BOTH, "derivative": property_of("derivative", check_derivative, MASK)},
    "dropout_layer": _BOTH,
}
