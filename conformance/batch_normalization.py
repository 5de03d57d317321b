"""What is checked of a layer of batch normalization: how it starts, trains, remembers and infers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from eqwise.conformance import batch_faults
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.batch_layer import FEATURES, NAME, Layer, Pass, batch, history, of_many_passes, of_other_features
from eqwise.conformance.check import Check, judging
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.comparison import Claim, Outcome, judge, reported
from eqwise.conformance.invocation import alike, as_array, contents
from eqwise.conformance.samples import cast
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import FAILING, VERDICTS, Result
from eqwise.spec import regularization as spec
from eqwise.spec.document import AS_PRINTED
from eqwise.spec.numbers.expression import ZERO, number, rebuild, symbol, symbols, total
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

INIT, INFERENCE = "s12.3-init", "s12.3-inference"
NOTHING = Outcome("conforms", 0, 0.0, 0.0)
Groups = Mapping[Claim, list[tuple[Floats, Floats]]]


# how it starts


@judging("state")
def check_state(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """γ is 1 and β is 0 at the start, whatever other layers have learned; a layer is not changed by another."""
    target = FORMATS[dtype]
    points = 0
    for features in (1, FEATURES, 33):
        old = Layer(session, target, features)
        start = old.averages()
        old.learn(np.full(features, 2.0), np.full(features, -1.0))
        old.train(np.array([[-4.0], [1.0]]) + np.arange(features) % 5)
        for layer, name in ((Layer(session, target, features), "new"), (Layer(session, target, features, 1.0, 0.5), "another")):
            gamma, beta = layer.parameters()
            points += 4 * features
            if not (np.all(gamma == 1) and np.all(beta == 0)):
                message = f"a {name} layer starts at gamma {gamma.tolist()}, beta {beta.tolist()}"
                return replace(blank, clauses=(INIT,), verdict="deviates", points=points, message=message)
            if not all(map(_same, layer.averages(), start)):
                message = f"a {name} layer starts where another one has come to"
                return replace(blank, clauses=(INFERENCE,), verdict="deviates", points=points, message=message)
    return replace(blank, clauses=(INIT,), verdict="conforms", points=points)


def _same(a: Floats, b: Floats) -> bool:
    return np.array_equal(a, b, equal_nan=True)


# how it trains and infers


@judging("value")
def check_value(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """In training (74) to (77) hold for every batch by itself."""
    target = FORMATS[dtype]
    groups: dict[Claim, list[tuple[Floats, Floats]]] = {}
    for made in (*history(session, target), *of_other_features(session, target)):
        if made.training:
            rows = np.column_stack([made.x.T, *made.parameters, np.full(made.x.shape[1], made.epsilon)])
            groups.setdefault(value_claim(Frame("batch_norm", made.x.shape[:1])), []).append((rows, made.y.T))
    result = reported(replace(blank, clauses=blank.clauses[:4]), _judged(groups, target))
    if result.verdict != "deviates":
        return result
    return replace(result, clauses=tuple(f"eq{n}" for n in batch_faults.by_values(_trained(session, target), target)))


def _trained(session: Session, target: Format) -> batch_faults.Values:
    """Batch normalization by a fresh layer of these parameters in training."""

    def values(x: Floats, gamma: Floats, beta: Floats, epsilon: float) -> Floats:
        layer = Layer(session, target, x.shape[1], epsilon)
        if not layer.learn(gamma, beta) and not (np.all(gamma == 1) and np.all(beta == 0)):
            raise NotOffered("gamma and beta cannot be set")
        return layer.train(x)

    return values


@judging("inference")
def check_inference(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Inference is (76) and (77) with the running averages, for one sample as for several, and changes nothing."""
    target = FORMATS[dtype]
    blank = replace(blank, clauses=(INFERENCE,))
    rows, actual = [], []
    for made in (*history(session, target), *of_other_features(session, target)):
        if not made.training:
            if not all(map(_same, made.before, made.after)):
                return replace(blank, verdict="deviates", message="inference changes the running averages")
            if not _sound(made.after):
                continue  # the property of running averages says so
            columns = [np.broadcast_to(a, made.x.shape).ravel() for a in (*made.parameters, *made.after)]
            rows.append(np.column_stack([made.x.ravel(), *columns, np.full(made.x.size, made.epsilon)]))
            actual.append(made.y.reshape(-1, 1))
    return reported(blank, _judged({inference_claim(): list(zip(rows, actual, strict=True))}, target))


@lru_cache(maxsize=1)
def inference_claim() -> Claim:
    """One number at inference, over it, the parameters, the running averages of its feature, and epsilon."""
    x, gamma, beta, mean, variance, epsilon = inputs = tuple(map(symbol, ("x", "gamma", "beta", "mean", "variance", "epsilon")))
    return Claim((spec.scaled(spec.normalized(x, mean, variance, epsilon), gamma, beta),), inputs)


def _judged(groups: Groups, target: Format) -> Outcome:
    outcome = NOTHING
    for claim, found in groups.items():
        rows, actual = (np.concatenate(part) for part in zip(*found, strict=True))
        outcome = outcome.merged(judge(claim, rows, actual, target))
    return outcome


# what it remembers


@judging("update")
def check_update(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Every training pass moves both running averages towards the statistics of its batch; the reading is named."""
    target = FORMATS[dtype]
    blank = replace(blank, clauses=(INFERENCE,))
    passes = [*history(session, target), *of_many_passes(session, target)]
    made = [one for one in passes if one.training]
    if not all(_sound(one.after) for one in made):
        return replace(blank, verdict="deviates", message="a running average is not finite, or a variance negative")
    declared = session.declared(NAME).get(INFERENCE, AS_PRINTED)
    averages = sorted(spec.RUNNING_VARIANCES, key=lambda name: not declared.startswith(name))
    found: dict[tuple[str, bool], Outcome] = {}
    for averaged, whole in product(averages, (False, True) if _sound(made[0].before) else (True,)):
        found[averaged, whole] = _followed(made, averaged, whole, target)
        if found[averaged, whole].verdict == "conforms":
            break
    averaged, whole = min(found, key=lambda one: VERDICTS.index(found[one].verdict))  # the first of the best
    if found[averaged, whole].verdict == "deviates":
        averaged, whole = min(found, key=lambda one: _astray(made, one[0], one[1], target))
    name = _named(averaged, "from_first_batch" if whole else _start(passes[0]))
    return _under_reading(reported(blank, found[averaged, whole]), name)


def _astray(made: Iterable[Pass], averaged: str, whole: bool, target: Format) -> int:
    """How many passes a reading does not explain."""
    return sum(_followed([one], averaged, whole, target).verdict == "deviates" for one in made)


def _sound(averages: tuple[Floats, Floats]) -> bool:
    """Whether both are finite and no variance is negative."""
    return bool(np.isfinite(averages).all() and np.all(averages[1] >= 0))


def _followed(made: Iterable[Pass], averaged: str, whole: bool, target: Format) -> Outcome:
    """All passes under one reading; `whole` says that a first batch replaces what stood before."""
    groups: dict[Claim, list[tuple[Floats, Floats]]] = {}
    for one in made:
        for claim, row, after in _moves(one, averaged, whole and one.first):
            groups.setdefault(claim, []).append((row, after))
    return _judged(groups, target)


def _moves(one: Pass, averaged: str, replaces: bool) -> Iterator[tuple[Claim, Floats, Floats]]:
    """Both averages of every feature; with 1/(m − 1) a batch of one tells nothing."""
    for k, x in enumerate(one.x.T):
        for name, before, after in zip(("mean", averaged), one.before, one.after, strict=True):
            if name != "unbiased_variance" or len(x) > 1:
                average, rate = (0.0, 1.0) if replaces else (before[k], one.rate)
                claim = move_claim(name, len(x), bool(np.all(x == x[0])), average == 0)
                yield claim, np.array([[*x, average, rate]]), np.array([[after[k]]])


@lru_cache(maxsize=128)
def move_claim(name: str, m: int, constant: bool, fresh: bool) -> Claim:
    """The next running average over the samples of one feature, the average before, and the rate.

    At a variance of 0 its root has no derivative: an average before that is 0 (`fresh`) stands as that number, and the
    deviation of a `constant` feature as that of its first sample.
    """
    x, before, rate = symbols("x", m), symbol("average"), symbol("rate")
    average, mean = ZERO if fresh else before, total(x) / m if constant else spec.batch_mean(x)
    if name == "mean":
        after = spec.running(average, mean, rate)
    else:
        variance = spec.batch_variance(x, mean)
        after = spec.RUNNING_VARIANCES[name](average, variance, number(m), rate)
        if constant:
            (after,) = rebuild((after,), lambda old, a: x[0] - mean if old.operator == "sqrt" and a == (variance,) else None)
    return Claim((after,), (*x, before, rate))


def _start(first: Pass) -> str:
    """How the start is called that the first pass shows."""
    mean, variance = first.before
    if np.any(mean != 0):
        return "from_elsewhere"
    return "" if np.all(variance == 1) else "from_zero" if np.all(variance == 0) else "from_elsewhere"


def _named(averaged: str, start: str) -> str:
    return f"{averaged}_{start}" if start else averaged


def _under_reading(result: Result, name: str) -> Result:
    if name == AS_PRINTED or result.verdict in FAILING:
        return result
    return replace(result, verdict="conforms_as" if result.verdict == "conforms" else result.verdict, reading=f"{INFERENCE}:{name}")


# what it leaves alone


@judging("purity")
def check_purity(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Neither pass writes to its input or keeps it, and results stay as they are when the layer goes on."""
    target = FORMATS[dtype]
    layer, points = Layer(session, target), 0
    rng = np.random.default_rng(session.seed_for(NAME, "purity", target.name))
    for method in ("train", "infer", "train", "infer"):
        message = _harm(layer, method, *(cast(batch(rng, 3, target), target) for _ in range(2)))
        points += 1
        if message:
            return replace(blank, verdict="deviates", points=points, message=message)
    return replace(blank, verdict="conforms", points=points)


def _harm(layer: Layer, method: str, x: Any, other: Any) -> str | None:
    before = x.tobytes()
    result = layer.raw(method, x)
    kept, averages = as_array(layer.adapter, method, result).copy(), layer.averages()
    if x.tobytes() != before:
        return f"{method} writes to its input"
    x[...] = other
    if not all(map(_same, layer.averages(), averages)):
        return f"the running averages change with the input of an earlier {method}"
    for again in ("train", "infer"):
        found, fresh = (as_array(layer.adapter, again, layer.raw(again, a)) for a in (x, other))
        if not alike(found, fresh, np.sqrt(layer.target.unit_roundoff)):
            return f"{again} goes by what its input held before"
    if contents(kept) != contents(as_array(layer.adapter, method, result)):
        return f"the result of {method} changes when the layer goes on"
    return None


CHECKS: Mapping[str, Mapping[str, Check]] = {
    NAME: {
        "state": check_state, "value": check_value, "update": check_update, "inference": check_inference, "purity": check_purity,
    },
}  # fmt: skip
