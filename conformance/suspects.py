"""Which equations of section 9 explain a wrong gradient, told from the adapter's own results.

The gradients of a batch of one are held against each step at the adapter's own δ: the weight gradients against the outer
product (48), δ of hidden layers against (52), δ of the output against (56), the latter for other targets too, of which
the forward pass knows nothing. If every sample on its own is right, what is wrong is how a batch is put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.comparison import Claim, judge
from eqwise.conformance.gradient_claims import below_claim, flat_floats, output_claim, weight_claim
from eqwise.conformance.gradient_examples import ENTRY, Example, gradients_of, judged
from eqwise.conformance.session import Session
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.formats import Floats, Format

FORWARD, PRODUCT = {"eq40", "eq41", "eq42", "eq43"}, {"eq44", "eq45", "eq47", "eq48"}
RECURSION, OUTPUT = {"eq46", "eq49", "eq50", "eq51", "eq52"}, {"eq53", "eq54", "eq55", "eq56"}
MEAN, STATE = {"s8.4-batch-mean", "eq48"}, {"s9-procedure"}
EACH_DEPTH = 3  # failing calls that are looked into


@dataclass(frozen=True)
class Explanation:
    """What most simply explains one failing call, and what else could."""

    likely: frozenset[str]
    possible: frozenset[str]


def explanation(*likely: set[str], possible: Iterable[set[str]] = ()) -> Explanation:
    simple = frozenset().union(*likely)
    return Explanation(simple, simple.union(*possible))


def suspects(session: Session, failing: Sequence[Example], target: Format) -> tuple[str, ...]:
    """The clauses that explain all of these failing calls; those that explain any of them where none explains all."""
    by_depth: dict[int, list[Example]] = {}
    for call in failing:
        by_depth.setdefault(call.network.depth, []).append(call)
    found = [_explained(session, call, target) for calls in by_depth.values() for call in calls[:EACH_DEPTH]]
    known = [reason for reason in found if reason is not None]
    if not known:
        return ENTRY.clauses
    if any(reason.likely == STATE for reason in known):
        return tuple(STATE)  # then nothing else can be told
    everywhere = frozenset.intersection(*(reason.likely for reason in known)) or frozenset.intersection(
        *(reason.possible for reason in known)
    )
    return tuple(sorted(everywhere or frozenset().union(*(reason.likely for reason in known))))


def _explained(session: Session, call: Example, target: Format) -> Explanation | None:
    """Of one failing call; None where its steps do not tell, or are not offered."""
    try:
        return _told(session, call, target)
    except NotOffered:
        return None


def _told(session: Session, call: Example, target: Format) -> Explanation | None:
    whole = gradients_of(session, call, target)
    gradients_of(session, replace(call, x=-call.x, t=np.roll(call.t, 1, axis=1)), target)  # which must not matter
    if _differ(whole, gradients_of(session, call, target), target) or judged(call, whole, target).verdict != "deviates":
        return explanation(STATE)
    alone = [gradients_of(session, call.alone(i), target) for i in range(len(call.x))]
    for i, found in enumerate(alone):
        if judged(call.alone(i), found, target).verdict == "deviates":
            return _of_sample(session, call.alone(i), found, target) if _finite(found) else _of_overflow(found)
    return _of_batch(whole, alone, target) if all(map(_finite, (whole, *alone))) else None


def _finite(found: list[Floats]) -> bool:
    return all(bool(np.isfinite(gradient).all()) for gradient in found)


def _differ(first: list[Floats], again: list[Floats], target: Format) -> bool:
    """By more than half of the digits."""
    a, b = flat_floats(*first), flat_floats(*again)
    return bool(np.any(np.abs(a - b) > np.sqrt(target.unit_roundoff) * np.abs(a).max()))


# one sample


def _of_sample(session: Session, call: Example, found: list[Floats], target: Format) -> Explanation | None:
    """From a sample on its own, whose gradients by layer are `found`."""
    layers = range(1, call.network.depth + 1)
    products = [_outer_product_holds(call, found, layer, target) for layer in layers]
    chain = all(_recursion_holds(call, found, layer, target) for layer in layers[:-1])
    output = _output_holds(call, found, target)
    if not output and products[0] and _follows_the_target(session, call, found, target):
        return explanation(FORWARD, *([OUTPUT] if all(products) and chain else []))
    if not all(products):
        return explanation(PRODUCT)
    if output:
        return None if chain else explanation(RECURSION, possible=[PRODUCT])
    if chain and _depends_on_the_size(session, call, found, target):
        return explanation(MEAN)
    if chain:
        return explanation(OUTPUT, possible=[PRODUCT])
    return explanation(PRODUCT)


def _of_overflow(found: list[Floats]) -> Explanation:
    """From gradients of a sample that are not all finite: by the first step back that is not."""
    if not np.isfinite(found[-1][0]).all():
        return explanation(FORWARD, OUTPUT)
    if _finite([theta[0] for theta in found]):
        return explanation(PRODUCT, possible=[FORWARD])
    return explanation(RECURSION, possible=[FORWARD])


def _holds(claim: Claim, inputs: Floats, actual: Floats, target: Format) -> bool:
    return judge(claim, inputs[None, :], actual.reshape(1, -1), target, places=4, enough=1).verdict != "deviates"


def _outer_product_holds(call: Example, found: list[Floats], layer: int, target: Format) -> bool:
    theta = found[layer - 1]
    return _holds(weight_claim(call.network, layer), flat_floats(call.x, *call.thetas, theta[0]), theta[1:], target)


def _recursion_holds(call: Example, found: list[Floats], layer: int, target: Format) -> bool:
    inputs = flat_floats(call.x, *call.thetas, found[layer][0])
    return _holds(below_claim(call.network, layer), inputs, found[layer - 1][0], target)


def _output_holds(call: Example, found: list[Floats], target: Format) -> bool:
    return _holds(output_claim(call.network), flat_floats(call.x, call.t, *call.thetas), found[-1][0], target)


def _follows_the_target(session: Session, call: Example, found: list[Floats], target: Format) -> bool:
    """Whether δ of the output is y − t for some y that other targets leave alone: the output's loss is right, if y is."""
    for other in _other_targets(call):
        delta = gradients_of(session, other, target)[-1][0]
        t, s = np.asarray(call.t[0], np.float64), np.asarray(other.t[0], np.float64)
        size = np.abs(found[-1][0]) + np.abs(delta) + np.abs(t) + np.abs(s)
        room = 2 * FACTOR * target.unit_roundoff * (size + np.abs(found[-1][0] + t)) + target.smallest_normal
        if not np.all(np.abs((found[-1][0] - delta) - (s - t)) <= room):
            return False
    return True


def _other_targets(call: Example) -> list[Example]:
    """Other targets that the pair allows: each class, 0 and 1, or far to either side."""
    width = call.t.shape[1]
    match call.network.output:
        case "softmax":  targets = np.eye(width)
        case "logistic": targets = np.array([np.zeros(width), np.ones(width)])
        case _:          targets = np.array([np.full(width, 3.0), np.full(width, -3.0), np.zeros(width)])
    return [replace(call, t=target[None, :].astype(call.t.dtype)) for target in targets]


def _depends_on_the_size(session: Session, call: Example, found: list[Floats], target: Format) -> bool:
    """Whether a batch of the same sample again and again has other gradients."""
    for size in (2, 3, 4):
        repeated = replace(call, x=np.repeat(call.x, size, axis=0), t=np.repeat(call.t, size, axis=0))
        if _differ(found, gradients_of(session, repeated, target), target):
            return True
    return False


# a batch of samples that are right on their own


def _of_batch(whole: list[Floats], alone: list[list[Floats]], target: Format) -> Explanation:
    """From a batch, and the gradients of its samples."""
    biases = [_is_mean([g[0] for g in own], w[0], target) for w, own in _by_layer(whole, alone)]
    weights = [_is_mean([g[1:] for g in own], w[1:], target) for w, own in _by_layer(whole, alone)]
    if all(biases) or all(weights):
        return explanation(PRODUCT, MEAN, possible=[OUTPUT] if all(biases) else [])
    if biases[-1]:
        return explanation(RECURSION if weights[-1] else OUTPUT, possible=[PRODUCT])
    if _weighs_samples(whole, alone, target):
        return explanation(MEAN)
    return explanation(FORWARD, OUTPUT, possible=[PRODUCT, MEAN])


def _by_layer(whole: list[Floats], alone: list[list[Floats]]) -> list[tuple[Floats, list[Floats]]]:
    return [(w, [found[layer] for found in alone]) for layer, w in enumerate(whole)]


def _room(samples: Sequence[Floats], target: Format) -> Floats:
    """For the rounding of as many gradients, within which they were judged before."""
    sizes = np.sum(np.abs(samples), axis=0)
    return np.sqrt(target.unit_roundoff) * sizes / len(samples) + target.smallest_normal


def _is_mean(samples: Sequence[Floats], found: Floats, target: Format) -> bool:
    return bool(np.all(np.abs(np.mean(samples, axis=0) - found) <= _room(samples, target)))


def _weighs_samples(whole: list[Floats], alone: list[list[Floats]], target: Format) -> bool:
    """Whether the batch is a sum of its samples with other weights than 1/m, the same for all parameters."""
    columns = np.array([flat_floats(*found) for found in alone])
    found = flat_floats(*whole)
    weights, *_ = np.linalg.lstsq(columns.T, found, rcond=None)
    close = np.abs(weights @ columns - found) <= _room(list(columns), target)
    return bool(np.all(close)) and len(found) > 2 * len(columns)
