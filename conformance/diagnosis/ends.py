"""What goes into a formula, or comes out of it, changed, whatever the formula is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.hypothesis import Change, Hypothesis, substituted
from eqwise.conformance.diagnosis.trials import Trial
from eqwise.conformance.diagnosis.vocabulary import CONSTANT, at_most
from eqwise.spec.numbers.expression import ONE, ZERO, Expression, maximum, negative, node, number, walk

# what goes in


def _groups(inputs: Sequence[Expression]) -> dict[str, list[Expression]]:
    """The inputs by the array that they belong to."""
    groups: dict[str, list[Expression]] = {}
    for x in inputs:
        groups.setdefault(str(x.value).partition("[")[0], []).append(x)
    return groups


def of_inputs(claim: Claim, trials: Sequence[Trial]) -> Iterator[Hypothesis]:
    """Arguments that are exchanged, bounded, scaled, or of another precision."""
    names = list(_groups(claim.inputs))
    taken = list(_groups([v for v in walk(claim.outputs) if v.operator == "symbol"]))  # by the formula, of all that is known
    for name in taken:
        yield from _of_input(name)
    for a, b in [(a, b) for a in taken for b in names if a != b]:
        yield Hypothesis("argument", f"{b} for {a}", 2, change=_exchange(a, b, both=False))
        if b not in trials[0].instead:
            yield Hypothesis("term added", f"κ times {b} added to {a}", 3, change=_with_share(a, b))
            yield Hypothesis("mean of two", f"the mean of {a} and {b} for {a}", 3, change=_with_share(a, b, is_mean=True))
        if b in taken and names.index(a) < names.index(b):
            yield Hypothesis("arguments exchanged", f"{a} and {b} exchanged", 1, change=_exchange(a, b))


def _of_input(name: str) -> Iterator[Hypothesis]:
    def put(kind: str, text: str, made: Callable[[Expression], Expression], cost: int, **more: Any) -> Hypothesis:
        def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
            return substituted(claim.outputs, {x: made(x) for x in _groups(claim.inputs).get(name, [])})

        return Hypothesis(kind, text, cost, change=change, **more)

    yield put("bound", f"{name} bounded by κ from above", lambda x: at_most(x, CONSTANT), 1)
    yield put("bound", f"{name} bounded by κ from below", lambda x: maximum(x, CONSTANT), 1)
    yield put("bound", f"{name} bounded by κ in size", lambda x: maximum(at_most(x, CONSTANT), negative(CONSTANT)), 1)
    yield put("factor", f"{name} times κ", lambda x: CONSTANT * x, 2)
    yield put("constant added", f"κ added to {name}", lambda x: x + CONSTANT, 2)
    yield put("own constant", f"κ for {name}", lambda x: CONSTANT, 2)
    yield put("sign", f"the sign of {name} turned", lambda x: negative(x), 1)
    yield put("one minus", f"1 - {name} for {name}", lambda x: 1 - x, 1)
    yield put("absolute value", f"the absolute value of {name}", lambda x: abs(x), 2)
    for precision in ("float16", "bfloat16", "float32"):
        rounded = f"rounded to {precision}"
        yield put("lower precision", f"{name} {rounded} first", lambda x, r=rounded: node(r, x), 1, rounded_to=precision)  # type: ignore[misc]


def _with_share(name: str, other: str, is_mean: bool = False) -> Change:
    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        groups = _groups(claim.inputs)
        a, b = groups.get(name, []), groups.get(other, [])
        if len(a) != len(b):
            raise ValueError(f"{name} and {other} are not of one shape")
        return substituted(claim.outputs, {x: (x + y) / 2 if is_mean else x + CONSTANT * y for x, y in zip(a, b, strict=True)})

    return change


def _exchange(first: str, second: str, both: bool = True) -> Change:
    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        groups = _groups(claim.inputs)
        a, b = groups.get(first, []), groups.get(second, [])
        if len(a) != len(b):
            raise ValueError(f"{first} and {second} are not of one shape")
        return substituted(claim.outputs, {**dict(zip(a, b, strict=True)), **(dict(zip(b, a, strict=True)) if both else {})})

    return change


# what comes out


def of_outputs(claim: Claim, trials: Sequence[Trial]) -> Iterator[Hypothesis]:
    """Results that are scaled, bounded, of the other sign, summed for averaged, or in each other's place."""

    def put(kind: str, text: str, made: Callable[[Expression], Expression], cost: int, **more: Any) -> Hypothesis:
        return Hypothesis(kind, text, cost, change=lambda claim, trial: [made(y) for y in claim.outputs], **more)

    what = "the gradient" if claim.is_derivative else "the result"
    yield put("sign", f"the sign of {what} turned", negative, 0)
    yield put("zero", f"{what} is 0", lambda y: ZERO, 0)
    if len(claim.cotangents) == 1:
        yield Hypothesis("own slope", "a slope of κ", 1, change=lambda claim, trial: [CONSTANT * claim.cotangents[0]])
    yield put("factor", f"{what} times κ", lambda y: CONSTANT * y, 1)
    yield put("constant added", f"κ added to {what}", lambda y: y + CONSTANT, 2)
    yield put("own constant", f"{what} is κ", lambda y: CONSTANT, 1)
    yield put("bound", f"{what} bounded by κ from above", lambda y: at_most(y, CONSTANT), 1)
    yield put("bound", f"{what} bounded by κ from below", lambda y: maximum(y, CONSTANT), 1)
    yield put("absolute value", f"the absolute value of {what}", lambda y: abs(y), 1)
    yield put("root", f"the root of {what}", lambda y: node("sqrt", y), 2)
    yield put("square", f"the square of {what}", lambda y: y * y, 2)
    for name in dict.fromkeys(name for trial in trials for name in trial.counts):
        yield from _of_count(what, name)
    groups = list(_groups(_wanted(claim))) if claim.is_derivative and claim.value is None else []
    for group in groups if len(groups) > 1 else []:
        told = f"the gradient of {group}"
        yield Hypothesis("zero", f"{told} is 0", 1, change=_of_group(group, lambda y, trial: ZERO))
        yield Hypothesis("sign", f"the sign of {told} turned", 1, change=_of_group(group, lambda y, trial: negative(y)))
        yield Hypothesis("factor", f"{told} times κ", 2, change=_of_group(group, lambda y, trial: CONSTANT * y))
    for group in groups:
        for name in dict.fromkeys(name for trial in trials for name in trial.counts):
            told = f"the gradient of {group}"
            yield Hypothesis("mean for sum", f"{told} divided by {name}: a mean for a sum", 1, change=_of_group(group, _divided(name)))
            yield Hypothesis("sum for mean", f"{told} times {name}: a sum for a mean", 1, change=_of_group(group, _multiplied(name)))
    if len(claim.cotangents) == len(claim.outputs) > 1:
        yield Hypothesis("diagonal", "the diagonal of the Jacobian alone: each gradient by its own output", 1, change=_diagonal)
    if claim.is_derivative and claim.cotangents:
        yield Hypothesis("transposed", "the gradient of a matrix reshaped, not transposed", 1, change=_read_transposed(True))
        yield Hypothesis("transposed", "the gradient of a matrix reshaped from the transposed one", 1, change=_read_transposed(False))
    if claim.cotangents:
        yield Hypothesis("cotangent left out", "the cotangent left out", 1, change=_without_cotangent)
    if claim.is_derivative and claim.value is not None:
        yield Hypothesis("gradient of the output", "the gradient taken at the output in place of the input", 1, change=_at_the_output)


def _of_count(what: str, name: str) -> Iterator[Hypothesis]:
    def put(text: str, made: Callable[[Expression, int], Expression], cost: int = 1) -> Hypothesis:
        def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
            return [made(y, trial.counts[name]) for y in claim.outputs]

        return Hypothesis("mean for sum" if "divided" in text else "sum for mean", text, cost, change=change)

    yield put(f"{what} divided by {name}: a mean for a sum", lambda y, n: y / n)
    yield put(f"{what} times {name}: a sum for a mean", lambda y, n: n * y)
    yield put(f"{what} divided by ({name} - 1) in place of {name}", lambda y, n: y * n / (n - 1) if n > 1 else y)


def _wanted(claim: Claim) -> list[Expression]:
    """The inputs that the outputs are the gradients of, where all are offered."""
    return [x for x in claim.inputs if x not in claim.cotangents][: len(claim.outputs)]


def _divided(name: str) -> Callable[[Expression, Trial], Expression]:
    return lambda y, trial: y / number(trial.counts[name])


def _multiplied(name: str) -> Callable[[Expression, Trial], Expression]:
    return lambda y, trial: number(trial.counts[name]) * y


def _of_group(group: str, made: Callable[[Expression, Trial], Expression]) -> Change:
    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        chosen = _groups(_wanted(claim)).get(group, [])
        return [made(y, trial) if x in chosen else y for x, y in zip(_wanted(claim), claim.outputs, strict=True)]

    return change


def _diagonal(claim: Claim, trial: Trial) -> Sequence[Expression]:
    return [
        substituted([y], {c: ZERO for j, c in enumerate(claim.cotangents) if j != k})[0] for k, y in enumerate(claim.outputs)
    ]


def _read_transposed(forwards: bool) -> Change:
    """Gradients of a matrix, each in the place that it would have if the matrix were stored the other way round."""

    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        wanted = _wanted(claim)
        found = dict(zip(wanted, claim.outputs, strict=True))
        for group in _groups(wanted).values():
            size = str(group[-1].value).partition("[")[2].rstrip("]").split(",")
            if len(size) == 2:
                shape = (int(size[0]), int(size[1]))
                order = np.arange(len(group)).reshape(shape if not forwards else shape[::-1])
                places = (order.T if forwards else order.T.reshape(shape)).ravel()
                found |= {x: claim.outputs[wanted.index(group[j])] for x, j in zip(group, places, strict=True)}
        return [found[x] for x in wanted]

    return change


def _without_cotangent(claim: Claim, trial: Trial) -> Sequence[Expression]:
    return substituted(claim.outputs, dict.fromkeys(claim.cotangents, ONE))


def _at_the_output(claim: Claim, trial: Trial) -> Sequence[Expression]:
    assert claim.value is not None
    return substituted(claim.outputs, {claim.inputs[claim.wrt]: claim.value})
