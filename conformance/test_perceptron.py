"""Section 2 of the notes: the perceptron, equations (1) to (5)."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from eqwise.conformance.adapter import perceptrons
from eqwise.conformance.laws import law, proves, states
from eqwise.spec.certify import exact
from eqwise.spec.numbers.expression import symbol, symbols
from eqwise.spec.perceptron import perceptron, two_input_perceptron, two_input_perceptron_by_cases

BITS = np.array(list(product((0.0, 1.0), repeat=2)))
AND, OR = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])


@pytest.mark.section("2")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


@law("perceptron", "step")
def test_perceptron_of_one_weight_is_the_step(trial):
    """With W = 1 and b = 0 the perceptron is its step."""
    x = trial.reals("step")
    trial.equal(trial.perceptron(x[:, None], np.ones((1, 1)), np.zeros(1))[:, 0], trial.step(x), x=x)


@proves("eq3")
def test_vectors_of_two_inputs(proof):
    """On the vectors of (3), whose components are symbols, (1) is (4): one and the same formula."""
    x, W, b = symbols("x", 2), symbols("w", 2), symbol("b")
    proof.require(x.shape == W.shape == (2,), "both have two components")
    proof.require(perceptron(x, W, b) is two_input_perceptron(x, W, b), "(1) is (4)")


@states("s2-gates", "perceptron")
def test_gates(trial):
    """AND and OR by one perceptron, also where a sum is exactly 0: the tie gives 0."""
    for bias, gate in ((-1.5, AND), (-1.0, AND), (-0.5, OR), (0.0, OR)):
        trial.equal(trial.perceptron(BITS, np.ones((2, 1)), np.array([bias])).value[:, 0], gate, x_1=BITS[:, 0], x_2=BITS[:, 1])


@proves("s2-gates")
def test_gates_exactly(proof):
    """The printed formula computes AND and OR, and (4) and (5) agree with (1) on the way."""
    for bias, gate in ((-1.5, AND), (-1.0, AND), (-0.5, OR), (0.0, OR)):
        for x, wanted in zip(BITS, gate, strict=True):
            found = [exact(f, x, np.ones(2), bias) for f in (perceptron, two_input_perceptron, two_input_perceptron_by_cases)]
            proof.require(found == [wanted] * 3, f"x = {x}, b = {bias}: {found}")


@proves("s2-xor")
def test_xor_is_out_of_reach(proof):
    """Of the 16 functions of two bits exactly 14 have a perceptron; XOR and its negation have a certificate against one.

    f(x) = 1 asks for w·x + b > 0 and f(x) = 0 for w·x + b ≤ 0. For XOR the inequalities of (0, 0) and (1, 1) add up to
    w₁ + w₂ + 2b ≤ 0, those of (0, 1) and (1, 0) to w₁ + w₂ + 2b > 0.
    """
    grid = [Fraction(k, 2) for k in range(-4, 5)]
    found = {tuple(int(w1 * a + w2 * c + b > 0) for a, c in BITS.astype(int)) for w1 in grid for w2 in grid for b in grid}
    for table in product((0, 1), repeat=4):
        certified = table[0] == table[3] != table[1] == table[2]
        proof.require((table in found) != certified, f"{table}: perceptron {table in found}, certificate {certified}")
    corners, edges = (BITS[0] + BITS[3]).tolist(), (BITS[1] + BITS[2]).tolist()
    proof.require(corners == edges, "both pairs of inputs have the same sum, so their inequalities contradict each other")


@proves("s2-two-layers")
def test_two_layers_compute_any_function_of_three_bits(proof):
    """All 256 functions of three bits: one hidden perceptron for each input that gives 1, and OR above them."""
    inputs = np.array(list(product((0, 1), repeat=3)))
    for table in product((0, 1), repeat=8):
        ones = inputs[np.array(table, bool)]
        W = (2 * ones - 1).T
        b = Fraction(1, 2) - ones.sum(axis=1)
        for x, wanted in zip(inputs, table, strict=True):
            hidden = [int(sum(int(w) * int(v) for w, v in zip(W[:, j], x, strict=True)) + b[j] > 0) for j in range(len(ones))]
            output = int(sum(hidden) - Fraction(1, 2) > 0)
            proof.require(output == wanted, f"function {table} at {x}: {output}")


@proves("s2-two-layers")
def test_two_layers_compute_xor(proof):
    """XOR by the printed formula: two hidden perceptrons, OR and NAND, and AND above them."""
    for x, wanted in zip(BITS, (0, 1, 1, 0), strict=True):
        hidden = exact(perceptrons, x, np.array([[1, -1], [1, -1]]), np.array([-0.5, 1.5]))
        output = exact(perceptron, hidden, np.ones(2), -1.5)
        proof.require(output == wanted, f"XOR of {x}: {output}")
