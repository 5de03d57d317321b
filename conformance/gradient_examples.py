"""Networks with numbers whose gradients are asked of an adapter, and the judgement of what it returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.comparison import Outcome, judge
from eqwise.conformance.gradient_claims import Network, flat_floats, gradient_claim
from eqwise.conformance.inputs import vectors
from eqwise.conformance.invocation import AdapterError, checked, raw_value
from eqwise.conformance.layouts import LAYOUTS, laid_out
from eqwise.conformance.session import Session
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format

ENTRY = OPERATIONS["network_gradients"]
BATCHES = {1: (2, 1, 5, 3), 2: (1, 2, 3, 5), 3: (3, 1, 2, 5), 4: (2, 1), 5: (1, 2)}  # for each depth
WIDTHS = {  # for each depth: square and non-square matrices, one output and several
    1: ((3, 2), (2, 2), (4, 1)),
    2: ((2, 3, 2), (3, 3, 3), (1, 4, 1)),
    3: ((3, 2, 4, 2), (2, 2, 2, 3), (3, 4, 4, 1)),
    4: ((2, 3, 2, 3, 2), (3, 3, 3, 2, 2), (2, 4, 3, 2, 1)),
    5: ((2, 3, 2, 3, 2, 3), (2, 2, 3, 3, 2, 2), (3, 2, 3, 2, 3, 1)),
}
LARGE = (  # every axis in turn is longer than the usual sizes of blocks; and two layers of one unit each
    ((43, 1), "tanh", "identity", 1), ((1, 43, 1), "relu", "logistic", 2), ((1, 43), "tanh", "softmax", 1),
    ((1, 2, 43, 1), "tanh", "identity", 1), ((1, 1, 1, 1, 1), "tanh", "identity", 2),
    ((2, 1), "tanh", "identity", 43), ((2, 13), "tanh", "identity", 17),  # more parameters than samples, so that their weights are told
)  # fmt: skip
WIDE = (((2, 3), "tanh", "softmax", 3), ((2, 3), "tanh", "logistic", 2), ((2, 3, 2), "relu", "softmax", 2))  # see `with_wide_scores`
PLACES = 8  # of one network that are judged for their share
SCALES = (1.0, 1.0, 0.25, 2.0)  # of the parameters: small gradients deep down, and saturated units


@dataclass(frozen=True)
class Example:
    """One call: a network with numbers, and a batch."""

    network: Network
    x: Array
    t: Array
    weights: list[Array]
    biases: list[Array]

    @property
    def inputs(self) -> tuple[Any, ...]:
        return self.x, self.t, self.weights, self.biases

    @property
    def thetas(self) -> list[Floats]:
        return [theta_of(W, b) for W, b in zip(self.weights, self.biases, strict=True)]

    def alone(self, i: int) -> Example:
        """The batch of sample number i."""
        return replace(self, x=self.x[i : i + 1], t=self.t[i : i + 1])


def theta_of(W: Any, b: Any) -> Floats:
    """Weights with the biases in row 0."""
    return np.vstack([np.asarray(b, np.float64), np.asarray(W, np.float64)])


def networks() -> Iterator[tuple[Network, int]]:
    """Every activation at every depth, every pair of (56) with every activation; depth 1, which has no hidden layer, first.

    With each comes a size of its batch.
    """
    outputs = ("identity", "logistic", "softmax")
    for k, output in enumerate(outputs):
        yield _network(1, k, "tanh", output), BATCHES[1][k]
    for depth in (2, 3, 4, 5):
        for k, activation in enumerate(samples.HIDDEN):
            yield _network(depth, k // 2 + depth, activation, outputs[(k + depth) % 3]), BATCHES[depth][k % len(BATCHES[depth])]


def large_networks() -> Iterator[tuple[Network, int]]:
    """Layers of more units, and a batch of more samples, than all the others have."""
    return ((Network(widths, activation, output), batch) for widths, activation, output, batch in LARGE)


def is_wide(network: Network) -> bool:
    """Whether it is one of those with many units, whose gradients take long to judge."""
    return max(network.widths) > 20


def _network(depth: int, turn: int, activation: str, output: str) -> Network:
    widths = WIDTHS[depth][turn % 3]
    return Network(widths if output != "softmax" or widths[-1] > 1 else WIDTHS[depth][0], activation, output)


def example(network: Network, batch: int, target: Format, seed: int) -> Example:
    """Normal numbers, or for a quarter of the seeds small integers, whose sums are exact; for another the first sample comes twice."""
    rng = np.random.default_rng(seed)
    scale, layout = SCALES[seed % 4], LAYOUTS[seed // 4 % 4]

    def made(*shape: int) -> Array:
        values = rng.integers(-2, 3, shape).astype(float) if seed % 4 == 0 else target.round(rng.normal(size=shape) * scale)
        return laid_out(samples.cast(values, target), layout)

    x, weights, biases = made(batch, network.widths[0]), [], []
    for rows, width in network.shapes:
        weights.append(made(rows - 1, width))
        biases.append(made(width))
    t = _targets(network, batch, target, rng)
    if seed % 4 == 1:
        x[-1], t[-1] = x[0], t[0]
    return Example(network, x, t, weights, biases)


def wide_examples(target: Format, seed: int) -> Iterator[Example]:
    """A call for each of `WIDE`: scores up to beyond the logarithm of the largest number and down to that of its inverse."""
    for k, (widths, activation, output, batch) in enumerate(WIDE):
        yield with_wide_scores(example(Network(widths, activation, output), batch, target, seed + k), target, seed + k)


def with_wide_scores(given: Example, target: Format, seed: int) -> Example:
    """The call with other biases of the output, and with classes for targets.

    Softmax gets two neighbours far from 0, so that neither is negligible; the logistic function gets probabilities of
    every size, whose exact δ at t = 0 are as small.
    """
    rng, end, width = np.random.default_rng(seed), float(np.log(target.largest)), given.network.widths[-1]
    if given.network.output == "softmax":
        far = rng.choice([-1.2, 1.2]) * end
        scores = np.array([far, far + rng.uniform(-2, 2), *(rng.uniform(-1.2, 1.2, width - 2) * end)])
        targets = np.eye(width)[rng.integers(0, width, len(given.x))]
    else:
        scores = np.array([1.2, -rng.uniform(0.3, 0.9), -1.2])[:width] * end
        targets = rng.integers(0, 2, (len(given.x), width)).astype(float)
        targets[0] = 0
    bias = samples.cast(target.round(scores), target)
    return replace(given, t=samples.cast(targets, target), biases=[*given.biases[:-1], bias])


def with_other_sums(given: Example, target: Format, seed: int) -> Example:
    """The call with targets that add up to something else in every sample, exactly."""
    factors = np.random.default_rng(seed).permutation([0.5, 1.5, 0.25, 2.0])[: len(given.x), None]
    shares = vectors("distribution", target, np.random.default_rng(seed), given.t.shape)
    return replace(given, t=samples.cast(target.round(shares * factors), target))


def _targets(network: Network, batch: int, target: Format, rng: np.random.Generator) -> Array:
    shape = (batch, network.widths[-1])
    match network.output:
        case "logistic": values = vectors("share", target, rng, shape)
        case "softmax":  values = vectors("distribution", target, rng, shape)
        case _:          values = target.round(rng.normal(size=shape) * 2)
    return samples.cast(values, target)


def gradients_of(session: Session, given: Example, target: Format) -> list[Floats]:
    """The adapter's gradients, by layer, the biases in row 0.

    Raises `AdapterError` for anything that the contract does not allow, `NotOffered` as the adapter does.
    """
    return as_thetas(session, given, raw_value(session.adapter, ENTRY, given.inputs, **given.network.named), target)


def as_thetas(session: Session, given: Example, found: Any, target: Format) -> list[Floats]:
    """What the adapter returned for this call, by layer, the biases in row 0; `AdapterError` where the contract forbids it."""
    return [theta_of(W, b) for W, b in zip(*as_arrays(session.adapter, given, found, target), strict=True)]


def as_arrays(adapter: Adapter, given: Example, found: Any, target: Format) -> list[list[Floats]]:
    """The gradients of the weights, then those of the biases; `AdapterError` where the contract forbids them."""
    if not isinstance(found, (tuple, list)) or [len(part) for part in found] != [given.network.depth] * 2:
        raise AdapterError(f"{ENTRY.name} must return a list of weight gradients and a list of bias gradients, one for each layer")
    return [
        [checked(adapter, ENTRY.name, result, array.shape, target) for array, result in zip(arrays, results, strict=True)]
        for arrays, results in zip((given.weights, given.biases), found, strict=True)
    ]


def judged(given: Example, found: list[Floats], target: Format, weighted: bool = False) -> Outcome:
    """One call's gradients held against the exact ones."""
    return judged_together([given], [found], target, weighted)


def judged_together(given: list[Example], found: list[list[Floats]], target: Format, weighted: bool = False) -> Outcome:
    """Calls of one network and one size of batch; `weighted` as in `gradient_claim`."""
    claim = gradient_claim(given[0].network, len(given[0].x), weighted)
    rows = np.array([flat_floats(call.x, call.t, *call.thetas) for call in given])
    return judge(claim, rows, np.array([flat_floats(*gradients) for gradients in found]), target, PLACES, enough=1)
