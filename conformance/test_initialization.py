"""Section 11 of the notes: initial weights, equations (69) to (72)."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from flint import arb, fmpq

from eqwise.conformance.laws import built, proves
from eqwise.reference import network as networks
from eqwise.spec.activations import identity, logistic, relu
from eqwise.spec.certify import derivative, exact, on_symbols, precision, values
from eqwise.spec.initialization import he_weights, xavier_weights
from eqwise.spec.losses import sum_of_squares
from eqwise.spec.network import network
from eqwise.spec.numbers.expression import each, number, symbols
from eqwise.spec.numbers.tape import gradient


@pytest.mark.section("11")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


SHAPES = ((2, 3), (3,), (3, 2), (2,))  # W, b, V and c of a network with two inputs, three hidden units and two outputs


def _descent(f):
    """One step of gradient descent on the printed network and loss: x, t and parameters to new parameters, in exact numbers."""
    parts = [symbols(name, *shape) for name, shape in zip("WbVc", SHAPES, strict=True)]
    x, t, (W, b, V, c) = symbols("x", 2), symbols("t", 2), parts
    loss = sum_of_squares(network(x, [W, V], [b, c], lambda u: each(f, u), lambda u: u), t)
    parameters = tuple(p for part in parts for p in part.ravel())
    slopes = values(tuple(gradient(loss, parameters)), (*x, *t, *parameters)).on_rationals

    assert slopes is not None

    def step(x, t, theta, eta=Fraction(1, 8)):
        flat = [p for part in theta for p in part.ravel()]
        found = slopes(*(fmpq(v.numerator, v.denominator) for v in (*x, *t, *flat)))
        moved = [p - eta * Fraction(int(g.p), int(g.q)) for p, g in zip(flat, map(fmpq, found), strict=True)]
        ends = np.cumsum([part.size for part in theta])
        return [np.array(moved[end - part.size : end], object).reshape(part.shape) for part, end in zip(theta, ends, strict=True)]

    return step


def _fractions(rng, *shape):
    return np.frompyfunc(lambda k: Fraction(int(k), 8), 1, 1)(rng.integers(1, 9, shape))


def _start(rng, outgoing):
    """Hidden units with the same incoming weights and the same bias; `outgoing` gives the rows of V."""
    W, b, c = np.repeat(_fractions(rng, 2, 1), 3, axis=1), np.repeat(_fractions(rng, 1), 3), _fractions(rng, 2)
    return [W, b, outgoing, c]


def _alike(theta):
    """Whether all hidden units have the same incoming weights, bias and outgoing weights."""
    W, b, V, _ = theta
    return bool(np.ptp(W, axis=1).sum() == np.ptp(b) == np.ptp(V, axis=0).sum() == 0)


@proves("s11-symmetry")
def test_equal_units_stay_equal(proof):
    """With equal incoming and equal outgoing weights units move, but stay equal, step after step, over the rationals."""
    rng = np.random.default_rng(11)
    for f in (relu, identity, lambda u: u * u):
        step, theta = _descent(f), _start(rng, np.repeat(_fractions(rng, 1, 2), 3, axis=0))
        for k in range(3):
            before, theta = theta, step(_fractions(rng, 2), _fractions(rng, 2), theta)
            proof.require(_alike(theta), f"step {k + 1} keeps the units equal")
            proof.require(bool((theta[0] != before[0]).any()), f"step {k + 1} moves the weights")


@proves("s11-symmetry")
def test_equal_incoming_weights_alone_do_not_stay_equal(proof):
    """The counterexample to the printed claim, which asks for one layer only: unequal outgoing weights part the units."""
    rng = np.random.default_rng(12)
    for f in (relu, identity, lambda u: u * u):
        W = _descent(f)(_fractions(rng, 2), _fractions(rng, 2), _start(rng, _fractions(rng, 3, 2)))[0]
        proof.require(bool(np.ptp(W, axis=1).any()), "the columns of W have parted")


@built("s11-symmetry")
def test_equal_units_stay_equal_in_the_reference(proof):
    """The gradients of equal units are the same to the bit, where sums are exact; those of unequal ones are not."""
    rng = np.random.default_rng(13)
    x, W, b = rng.integers(-4, 5, (8, 3)) / 4, np.repeat(rng.integers(1, 5, (3, 1)) / 4, 5, axis=1), np.full(5, 0.5)
    for V, equal in ((np.ones((5, 2)), True), (rng.integers(-4, 5, (5, 2)) / 4, False)):
        _, (by_W, by_V), (by_b, _) = networks.network_vjp(x, [W, V], [b, np.zeros(2)], np.ones((8, 2)), "relu", "identity")
        apart = np.ptp(by_W, axis=1).any() or np.ptp(by_b) > 0
        proof.require(bool(apart) != equal, f"gradients of incoming weights and biases, outgoing weights equal: {equal}")
        proof.require(not np.ptp(by_V, axis=0).any(), "gradients of outgoing weights, from equal outputs")


def _second_moment(f, terms):
    """E f(Σ ±termᵢ)² over independent fair signs, exactly."""
    signs = list(product((-1, 1), repeat=len(terms)))
    outputs = (exact(f, sum(s * term for s, term in zip(sign, terms, strict=True))) for sign in signs)
    return sum(y * y for y in outputs) / len(signs)


@proves("s11-variance")
def test_variance_sets_the_size_of_the_outputs(proof):
    """ReLU multiplies the second moment by nσ²/2 a layer, weights ±σ: below 1 all outputs shrink towards 0, above 1 they grow."""
    rng = np.random.default_rng(14)
    for n in (1, 2, 4, 6):
        for deviation in (Fraction(1, 100), Fraction(1, 2), Fraction(3)):
            h = _fractions(rng, n)
            factor = n * deviation**2 / 2
            proof.require(_second_moment(relu, deviation * h) == factor * (sum(h * h) / n), f"n = {n}, deviation {deviation}")


@proves("s11-variance")
def test_logistic_saturates(proof):
    """σ′ = ¼ − (½ − σ)² is largest, ¼, at 0, and falls on both sides as σ rises: large weights leave hardly any gradient."""
    for y in (Fraction(k, 7) for k in range(8)):  # both sides are polynomials of degree 2 in σ, so three places would do
        proof.require(y * (1 - y) == Fraction(1, 4) - (Fraction(1, 2) - y) ** 2, f"σ(1 − σ) at σ = {y}")
    (output,), inputs = on_symbols(logistic)
    value, slope = values((output,), inputs), derivative(output, inputs, 0)
    with precision(256):
        points = [Fraction(k, 4) for k in range(-200, 201)]
        balls = [arb(int(p.numerator)) / int(p.denominator) for p in points]
        sigmas, slopes = ([program.on_balls(ball)[0] for ball in balls] for program in (value, slope))
        for y, d, point in zip(sigmas, slopes, points, strict=True):
            proof.require((y * (1 - y)).overlaps(d) and float(d.rad()) < 1e-25, f"σ′ = σ(1 − σ) at {point}")
        proof.require(all(bool(a < b) for a, b in pairwise(sigmas)), "σ rises")
        proof.require(bool(slopes[0] < 1e-20) and bool(slopes[-1] < 1e-20), "σ′ is next to nothing at ±50")


FACTORS = ((he_weights, relu, 1), (xavier_weights, relu, Fraction(1, 2)), (xavier_weights, identity, 1))


@proves("s11-xavier-he")
def test_he_keeps_the_second_moment_through_relu(proof):
    """Factor a layer, for symmetric weights of the printed deviation: He with ReLU 1, Xavier with ReLU ½, Xavier with identity 1."""
    with precision(256):
        for weights, f, factor in FACTORS:
            for n in (1, 2, 3, 5):
                deviation = weights(number(n), number(7)).deviation
                (square,) = values((deviation * deviation,), ()).on_balls()
                unit = _second_moment(f, [Fraction(1)] * n)  # for weights ±1 and inputs 1; both f are homogeneous
                off = square * int(unit.numerator) / int(unit.denominator) - arb(factor.numerator) / factor.denominator
                proof.require(off.contains(0) and float(off.rad()) < 1e-25, f"n = {n}: {factor} + {off}")
