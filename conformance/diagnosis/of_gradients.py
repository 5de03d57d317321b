"""What could be wrong in one step of back-propagation, in every layer or in some: the composition of (40), (41), (56), (48)
and (52) for a whole batch, with one step in another form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.hypothesis import Hypothesis
from eqwise.conformance.diagnosis.of_steps import STEPS, Variant, variants
from eqwise.conformance.diagnosis.passes import Pass, Step
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.conformance.gradient_claims import Network, flat, flat_floats, gradient_claim
from eqwise.conformance.gradient_examples import example, gradients_of
from eqwise.conformance.session import Session
from eqwise.spec.document import reading_as
from eqwise.spec.numbers.formats import Format

Scope = Callable[[int, int], bool]  # of a layer, and how many there are
SCOPES: Mapping[str, Scope] = {
    "": lambda layer, depth: True,
    "in the first layer": lambda layer, depth: layer == 1,
    "in the output layer": lambda layer, depth: layer == depth,
    "in every hidden layer": lambda layer, depth: layer < depth,
    "in every layer but the first": lambda layer, depth: layer > 1,
    "in the first layer, where it is hidden": lambda layer, depth: layer == 1 < depth,
    "in the last hidden layer": lambda layer, depth: layer == depth - 1,
    "in the last hidden layer of several": lambda layer, depth: 1 < layer == depth - 1,
}

SEVERAL_LAYERS = ("in every hidden layer", "in every layer but the first")


@dataclass(frozen=True, eq=False, kw_only=True)
class GradientTrial(Trial):
    """Gradients of a network for a batch."""

    network: Network
    batch: int


def hypotheses(trials: Sequence[Trial]) -> Iterator[Hypothesis]:
    """Every step in every other form, in every layer, or in those of a scope."""
    for step, forms in variants().items():
        for variant in forms:
            for cost, (scope, holds) in enumerate(SCOPES.items()):
                if scope and (step == "output" or (variant.is_open and scope not in SEVERAL_LAYERS)):
                    continue
                yield _hypothesis(step, variant, scope, holds, variant.cost + (cost > 0))


def _hypothesis(step: str, variant: Variant, scope: str, holds: Scope, cost: int) -> Hypothesis:
    def change(claim: Claim, trial: Trial) -> Sequence[Any]:
        assert isinstance(trial, GradientTrial)
        depth = trial.network.depth

        def chosen(found: Pass, layer: int) -> Any:
            return (variant.form if holds(layer, depth) else STEPS[step])(found, layer)

        return gradients(trial.network, trial.batch, {**STEPS, step: chosen})

    text = f"in ({variant.equation}){', ' + scope if scope else ''}, {variant.text}"
    return Hypothesis(variant.kind, text, cost, change=change, equation=variant.equation)


def gradients(network: Network, batch: int, steps: Mapping[str, Step]) -> Sequence[Any]:
    """Every gradient of the mean loss, by these steps, over the symbols of `gradient_claim`."""
    found = Pass.of(network, batch)
    for layer in range(1, network.depth + 1):
        found.us[layer] = steps["affine"](found, layer)
        found.hs[layer] = steps["activate"](found, layer)
    found.deltas[network.depth] = steps["output"](found, network.depth)
    for layer in range(network.depth - 1, 0, -1):
        found.deltas[layer] = steps["below"](found, layer)
    return flat(*(np.asarray(steps["product"](found, layer), object) for layer in range(1, network.depth + 1)))


# trials


SMALL = (  # widths and batches that cost little: square and other matrices, three layers, one sample and several
    ((2, 2), 1), ((3, 2), 3), ((2, 2, 2), 2), ((2, 3, 2), 1), ((2, 3, 2), 3), ((2, 2, 3, 2), 2), ((2, 2, 2, 2), 1),
)  # fmt: skip
OUTPUTS = ("identity", "logistic", "softmax")
FAILING = 3  # places of one network: rather several networks


def trials(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """Small networks with every activation and every pair of (56), in turns of one of each kind."""
    found: list[Trial] = []
    for place, (widths, batch) in enumerate(SMALL):
        for turn in range(len(samples.HIDDEN) if len(widths) > 2 else len(OUTPUTS)):
            activation = samples.HIDDEN[(turn + place) % len(samples.HIDDEN)]
            found += _trial(session, Network(widths, activation, OUTPUTS[(turn + place + turn // 3) % 3]), batch, turn, target)
    return found


def _trial(session: Session, network: Network, batch: int, turn: int, target: Format) -> Iterator[Trial]:
    seed = 4 * session.seed_for("diagnosis", network, batch, target.name)
    calls = [example(network, batch, target, seed + n) for n in (1, 3)]
    inputs = np.array([flat_floats(call.x, call.t, *call.thetas) for call in calls])  # before the calls, which may write to them
    try:
        found = np.array([flat_floats(*gradients_of(session, call, target)) for call in calls])
    except NotOffered:
        return
    facts = {"the hidden layers are": network.activation, "the output is": network.output}
    yield GradientTrial(
        partial(_claim, network, batch), lambda claim, readings: inputs, found, {"m": batch},
        further=hypotheses, is_whole=True, most=FAILING, turn=turn, facts=facts,
        network=network, batch=batch,
    )  # fmt: skip


def _claim(network: Network, batch: int, readings: Readings) -> Claim:
    if not readings:
        return gradient_claim(network, batch)
    with reading_as(dict(readings)):
        return gradient_claim.__wrapped__(network, batch)
