"""Section 9 of the notes: back-propagation, equations (40) to (56)."""

from itertools import product

import numpy as np
import pytest
from flint import arb

from eqwise.conformance import digits
from eqwise.conformance.adapter import NotOffered, activation_named
from eqwise.conformance.comparison import judge
from eqwise.conformance.gradient_claims import LOSSES, Network, flat, flat_floats, output_claim, weighted_output_delta
from eqwise.conformance.gradient_examples import example, gradients_of, judged
from eqwise.conformance.laws import proves, states
from eqwise.conformance.theorems import agree, components, drawn, hidden_layers
from eqwise.conformance.training_steps import trained
from eqwise.spec import activations, losses
from eqwise.spec.backpropagation import (
    activated,
    activated_components,
    augmented,
    delta_below,
    delta_component,
    delta_through_next_layer,
    error_signal,
    half_squared_norm,
    identity_output,
    output_delta,
    output_delta_component,
    pre_activation_components,
    u_by_theta,
    u_next_by_u,
    weight_gradient,
    weight_gradient_by_chain,
    weight_gradient_component,
)
from eqwise.spec.certify import precision
from eqwise.spec.numbers.expression import symbols
from eqwise.spec.numbers.program import BALLS, compiled
from eqwise.spec.numbers.tape import gradient


@pytest.mark.section("9")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


# theorems: both sides on random networks, as balls that overlap and are narrower than 10⁻²⁵


@proves("eq42")
def test_affine_map_by_components(proof):
    """(42) is (40), the sum from i = 0."""
    for network in drawn():
        for layer, theta in enumerate(network.thetas, 1):
            sides = zip(pre_activation_components(theta, augmented(network.h(layer - 1))), network.u(layer), strict=True)
            agree(proof, network, sides, "u")


@proves("eq43")
def test_activation_by_components(proof):
    """(43) is (41) for every activation that acts on each element; softmax does not."""
    for network in drawn():
        for layer in range(1, network.depth):
            f, u = network.fs[layer - 1], network.u(layer)
            agree(proof, network, zip(activated_components(f, u), activated(f, u), strict=True), "h")
    u = symbols("u", 2)
    alone, together = activated_components(lambda v: activations.softmax(np.array([v]))[0], u), activated(activations.softmax, u)
    with precision(128):
        apart = compiled(flat(alone, together), tuple(u), BALLS)(arb(1), arb(2))
    proof.require(not apart[0].overlaps(apart[2]), "softmax acts on each element")


@proves("eq44")
def test_weight_gradient_by_the_chain_rule(proof):
    """∂E/∂θᵢⱼ is ∂E/∂uⱼ · ∂uⱼ/∂θᵢⱼ."""
    for network in drawn():
        deltas = [network.delta(layer) for layer in range(1, network.depth + 1)]
        left = gradient(network.loss, [theta for *_, theta in components(network)])
        right = [
            weight_gradient_by_chain(deltas[layer - 1][j], gradient(network.u(layer)[j], [theta])[0])
            for layer, _, j, theta in components(network)
        ]
        agree(proof, network, zip(left, right, strict=True), "∂E/∂θ")


@proves("eq45")
def test_pre_activation_by_its_weight(proof):
    """∂uⱼ/∂θᵢⱼ is hᵢ of the layer below, 1 for the bias."""
    for network in drawn():
        sides = [
            (gradient(network.u(layer)[j], [theta])[0], u_by_theta(augmented(network.h(layer - 1))[i]))
            for layer, i, j, theta in components(network)
        ]
        agree(proof, network, sides, "∂u/∂θ")


@proves("eq47")
def test_weight_gradient_by_components(proof):
    """∂E/∂θᵢⱼ is δⱼhᵢ."""
    for network in drawn():
        deltas = [network.delta(layer) for layer in range(1, network.depth + 1)]
        left = gradient(network.loss, [theta for *_, theta in components(network)])
        right = [
            weight_gradient_component(deltas[layer - 1][j], augmented(network.h(layer - 1))[i])
            for layer, i, j, _ in components(network)
        ]
        agree(proof, network, zip(left, right, strict=True), "∂E/∂θ")


@proves("eq48")
def test_weight_gradient_as_an_outer_product(proof):
    """∂E/∂θ is hδᵀ, in the shape of θ."""
    for network in drawn():
        for layer, theta in enumerate(network.thetas, 1):
            right = weight_gradient(augmented(network.h(layer - 1)), network.delta(layer))
            proof.require(right.shape == theta.shape, "hδᵀ has the shape of θ")
            agree(proof, network, zip(gradient(network.loss, flat(theta)), flat(right), strict=True), "∂E/∂θ")


@proves("eq49")
def test_delta_through_the_next_layer(proof):
    """∂E/∂uⱼ is the sum over the next layer of ∂E/∂uₖ · ∂uₖ/∂uⱼ."""
    for network in drawn():
        for layer, delta, above in hidden_layers(network):
            links = [[gradient(u, [v])[0] for u in network.u(layer + 1)] for v in network.u(layer)]
            right = [delta_through_next_layer(above, np.array(row, object)) for row in links]
            agree(proof, network, zip(delta, right, strict=True), "∂E/∂u")


@proves("eq50")
def test_link_between_neighbouring_layers(proof):
    """∂uₖ/∂uⱼ, by way of hⱼ, is θⱼₖf′(uⱼ)."""
    for network in drawn():
        for layer in range(1, network.depth):
            sides = []
            for (j, (u, h)), (k, v) in product(
                enumerate(zip(network.u(layer), network.h(layer), strict=True), 1), enumerate(network.u(layer + 1))
            ):
                by_h = gradient(v, [h])[0] * gradient(h, [u])[0]
                sides.append((gradient(v, [u])[0], by_h, u_next_by_u(network.thetas[layer][j, k], network.fs[layer - 1], u)))
            agree(proof, network, sides, "∂u/∂u")


@proves("eq51")
def test_back_propagation_by_components(proof):
    """δⱼ is the sum of δₖθⱼₖf′(uⱼ)."""
    for network in drawn():
        for layer, delta, above in hidden_layers(network):
            rows, f = network.thetas[layer][1:], network.fs[layer - 1]
            right = [delta_component(above, row, f, u) for row, u in zip(rows, network.u(layer), strict=True)]
            agree(proof, network, zip(delta, right, strict=True), "δ")


@proves("eq52")
def test_back_propagation(proof):
    """δ is θδ of the next layer, without row 0 of θ, times f′(u)."""
    for network in drawn():
        for layer, delta, above in hidden_layers(network):
            right = delta_below(network.thetas[layer], above, network.fs[layer - 1], network.u(layer))
            agree(proof, network, zip(delta, right, strict=True), "δ")


@proves("eq54")
def test_sum_of_squares_as_a_norm(proof):
    """(54) is (27)."""
    for network in drawn():
        y = network.h(network.depth)
        agree(proof, network, [(half_squared_norm(y, network.t), losses.sum_of_squares(y, network.t))], "E")


@proves("eq55")
def test_output_delta_of_regression(proof):
    """With the identity and (27), ∂E/∂uᵢ is ∂E/∂yᵢ is yᵢ − tᵢ."""
    for network in (network for network in drawn() if network.output == "identity"):
        u = network.u(network.depth)
        y = identity_output(u)
        by_y = gradient(losses.sum_of_squares(y, network.t), list(y))
        right = [output_delta_component(*pair) for pair in zip(y, network.t, strict=True)]
        agree(proof, network, zip(network.delta(network.depth), by_y, right, strict=True), "δ")


@proves("eq56")
def test_output_delta(proof):
    """δ of the output is y − t for each of the three pairs."""
    for network in drawn():
        right = output_delta(network.h(network.depth), network.t)
        agree(proof, network, zip(network.delta(network.depth), right, strict=True), "δ")


def _delta_balls(output, loss, u, t):
    """δ of the output by the tape, and y − t."""
    scores, targets = symbols("u", len(u)), symbols("t", len(u))
    y = activation_named(output)(scores)
    delta = error_signal(lambda v: getattr(losses, loss)(activation_named(output)(v), targets), scores)
    with precision(128):
        found = compiled(flat(delta, output_delta(y, targets)), flat(scores, targets), BALLS)(*map(arb, (*u, *t)))
    return [arb(ball) for ball in found[: len(u)]], [arb(ball) for ball in found[len(u) :]]


def _weighted_balls(u, t):
    """(Σt)y − t behind softmax."""
    scores, targets = symbols("u", len(u)), symbols("t", len(u))
    delta = weighted_output_delta(activations.softmax(scores), targets)
    with precision(128):
        return compiled(flat(delta), flat(scores, targets), BALLS)(*map(arb, (*u, *t)))


@proves("s9-output-deltas")
def test_output_delta_holds_for_three_pairs_only(proof):
    """Of the nine pairs of an output and a loss, δ is y − t for three; softmax also needs targets that add up to 1."""
    u, t = (0.25, 0.75), (0.75, 0.25)
    for output, loss in product(LOSSES, LOSSES.values()):
        delta, difference = _delta_balls(output, loss, u, t)
        same = all(a.overlaps(b) for a, b in zip(delta, difference, strict=True))
        proof.require(same == (LOSSES[output] == loss), f"{output} with {loss}")
    delta, difference = _delta_balls("softmax", "binary_cross_entropy", u, t)
    proof.require(all(a.overlaps(2 * b) for a, b in zip(delta, difference, strict=True)), "softmax with (28) doubles δ of two outputs")
    delta, difference = _delta_balls("softmax", "cross_entropy", u, (0.5, 0.25))
    proof.require(not any(a.overlaps(b) for a, b in zip(delta, difference, strict=True)), "targets that do not add up to 1")
    weighted = _weighted_balls(u, (0.5, 0.25))
    proof.require(all(a.overlaps(b) for a, b in zip(delta, weighted, strict=True)), "softmax with (29) is (Σt)y − t for any targets")


# statements asked of frameworks


def _offered(calls):
    """What the thunks return, without the cases that are not offered."""
    found, reason = [], None
    for call in calls:
        try:
            found.append(call())
        except NotOffered as refusal:
            reason = refusal
    if not found and reason is not None:
        raise reason
    return found


def _networks(*widths):
    return [Network(widths, "tanh", output) for output in LOSSES]


@states("s9-output-deltas", "network_gradients")
def test_bias_gradient_of_the_output_is_y_minus_t(trial):
    """For a batch of one, the gradient of the output's biases is y − t for the three pairs."""

    def delta(network, seed):
        call = example(network, 1, trial.target, seed)
        found = gradients_of(trial.session, call, trial.target)[-1][0]
        inputs = flat_floats(call.x, call.t, *call.thetas)
        return judge(output_claim(network), inputs[None, :], found[None, :], trial.target).verdict

    networks = [*_networks(3, 2), *_networks(2, 3, 4)]
    verdicts = _offered([lambda n=network, s=seed: delta(n, s) for network in networks for seed in range(1, 6)])
    trial.require(np.array(verdicts) != "deviates", "δ = y − t")


@states("s8.4-batch-mean", "network_gradients")
def test_gradient_of_a_batch_is_the_mean(trial):
    """The gradients of a batch are the mean of those of its samples, whatever its size."""

    def whole(network, size):
        call = example(network, size, trial.target, 5 + size)
        return judged(call, gradients_of(trial.session, call, trial.target), trial.target).verdict

    sizes = (1, 2, 3, 4, 5, 7)
    verdicts = _offered([lambda n=network, m=size: whole(n, m) for network in _networks(2, 3, 2) for size in sizes])
    trial.require(np.array(verdicts) != "deviates", "the gradient of a batch is the mean over its samples")


@states("s9-procedure", "network_gradients")
def test_training_steps(trial):
    """A few steps: gradients of the old parameters, which they leave alone, then (38) by the framework's own optimizer."""
    runs = _offered([lambda n=network: trained(trial.session, n, trial.target) for network in _networks(2, 3, 3, 2)])
    for steps in runs:
        trial.require([step.untouched for step in steps], "computing gradients leaves the parameters alone")
        trial.require(np.array([step.verdict for step in steps]) != "deviates", "one training step is (40), (41), (56), (52), (48), (38)")


@states("s9-procedure", "network_gradients")
def test_training_run_on_digits(trial):
    """Mini-batch after mini-batch of real data, every step is the reference's from the same parameters, within one step's rounding."""
    shares = digits.shares(trial.session, trial.target)
    trial.require(np.array(shares) <= 1, f"every step agrees with the reference's, the worst to {max(shares):.3g} of the bound")
