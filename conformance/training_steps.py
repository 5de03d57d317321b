"""Training steps by an adapter's own results, each held against the exact step from the parameters that it had before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from eqwise.conformance import samples
from eqwise.conformance.comparison import Claim, judge
from eqwise.conformance.gradient_claims import Network, flat, flat_floats, gradient_claim
from eqwise.conformance.gradient_examples import ENTRY, Example, as_thetas, example
from eqwise.conformance.invocation import checked, guarded, raw_value
from eqwise.conformance.session import Session
from eqwise.spec.gradient_descent import gradient_descent_step
from eqwise.spec.numbers.expression import Array, number
from eqwise.spec.numbers.formats import Format

STEPS, BATCH, ETA = 4, 3, 0.125


@dataclass(frozen=True)
class Step:
    """The verdict of one step, and whether computing its gradients left the parameters alone."""

    verdict: str
    untouched: bool


@lru_cache(maxsize=64)
def step_claim(network: Network, batch: int) -> Claim:
    """(38) with η = ETA: the new thetas, over the inputs of the gradients."""
    found = gradient_claim(network, batch)
    pairs = zip(flat(*network.thetas), found.outputs, strict=True)
    outputs = tuple(gradient_descent_step(theta, number(ETA), gradient) for theta, gradient in pairs)
    return Claim(outputs, found.inputs, is_derivative=found.is_derivative, applied=found.applied)


def trained(session: Session, network: Network, target: Format) -> list[Step]:
    """A few steps on other batches from one start."""
    start = example(network, BATCH, target, session.seed_for("training", network, target.name) | 1)
    update = updates(session, start, target)
    steps = []
    for k in range(STEPS):
        batch = example(network, BATCH, target, 4 * k + 1)
        call = replace(start, x=batch.x, t=batch.t)
        row, before = flat_floats(call.x, call.t, *call.thetas), _bytes(call)
        gradients = raw_value(session.adapter, ENTRY, call.inputs, **network.named)
        untouched = before == _bytes(call)
        as_thetas(session, call, gradients, target)  # which must be what the contract asks for
        start = update(call, gradients)
        found = judge(step_claim(network, BATCH), row[None, :], flat_floats(*start.thetas)[None, :], target, places=4, enough=1)
        steps.append(Step(found.verdict, untouched))
    return steps


def _bytes(call: Example) -> list[bytes]:
    return [array.tobytes() for array in (*call.weights, *call.biases)]


def updates(session: Session, start: Example, target: Format) -> Any:
    """From a call and its gradients to the call with new parameters: by the adapter's sgd, or by (38) where it has none."""
    if not session.adapter.offers("sgd"):
        return lambda call, gradients: _with(call, _by_formula(session, call, gradients, target), target)
    parameters = [session.adapter.from_numpy(array) for array in (*start.weights, *start.biases)]
    optimizer = guarded("sgd", lambda: session.adapter.sgd(parameters, eta=ETA))  # type: ignore[attr-defined]

    def update(call: Example, gradients: Any) -> Example:
        found = guarded("a step of sgd", lambda: optimizer.step([*gradients[0], *gradients[1]]))
        pairs = zip((*call.weights, *call.biases), found, strict=True)
        return _with(call, [checked(session.adapter, "a step of sgd", new, old.shape, target) for old, new in pairs], target)

    return update


def _by_formula(session: Session, call: Example, gradients: Any, target: Format) -> Iterator[Array]:
    thetas = [theta - ETA * gradient for theta, gradient in zip(call.thetas, as_thetas(session, call, gradients, target), strict=True)]
    return (part for parts in ([theta[1:] for theta in thetas], [theta[0] for theta in thetas]) for part in parts)


def _with(call: Example, parameters: Any, target: Format) -> Example:
    """The call with these parameters, all weights first, in its dtype."""
    arrays = [samples.cast(target.round(array), target) for array in parameters]
    return replace(call, weights=arrays[: call.network.depth], biases=arrays[call.network.depth :])
