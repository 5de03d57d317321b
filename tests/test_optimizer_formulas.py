"""The formulas of section 10 against their TeX, mpmath and a hand computation; the reference's optimizers as a library."""

import ml_dtypes
import mpmath as mp
import numpy as np
import pytest

from eqwise.conformance.optimizer_claims import METHODS, claim_of
from eqwise.reference.optimizers import OPTIMIZERS
from eqwise.spec import EQUATIONS
from eqwise.spec.certify import certified, refined, values
from eqwise.spec.numbers.expression import symbol
from eqwise.spec.transcript import formula
from tex import evaluate

mp.mp.dps = 50
PRINTED = {  # how the notes write what the transcription names
    r"\frac{\partial E}{\partial \boldsymbol{\theta}}": "g", r"\nabla_{\theta} E": "g", r"\boldsymbol{\theta}": r"\theta",
    r"\hat{\mathbf{m}}": r"\mhat", r"\hat{\mathbf{v}}": r"\vhat",
}  # fmt: skip
NAMES = {
    "gradient": "g", "theta": "\\theta", "eta": "\\eta", "alpha": "\\alpha", "epsilon": "\\varepsilon", "beta_1": "\\beta_1",
    "beta_2": "\\beta_2", "t": "t", "m_hat": "\\mhat", "v_hat": "\\vhat", "m": "\\mathbf{m}", "v": "\\mathbf{v}", "h": "\\mathbf{h}",
}  # fmt: skip
NUMBERS = (38, *range(57, 69))


@pytest.mark.parametrize("number", NUMBERS)
def test_update_says_what_its_tex_says(number):
    """(38) and (57) to (68), what stands right of the arrow, at random points."""
    equation, rng = EQUATIONS[number], np.random.default_rng(number)
    inputs = tuple(symbol(name) for name in equation.parameters)
    program, tex = values((equation(*inputs),), inputs), equation.tex
    for printed, name in PRINTED.items():
        tex = tex.replace(printed, name)
    right = tex.split(r"\leftarrow")[-1].split("=")[-1]
    for _ in range(10):
        row = [float(rng.integers(1, 9)) if name == "t" else rng.uniform(0.1, 0.9) for name in equation.parameters]
        (member,) = evaluate(right, {NAMES[name]: mp.mpf(x) for name, x in zip(equation.parameters, row, strict=True)})
        found = mp.mpf(next(iter(refined(program, row)))[0].mid().str(40, radius=False))
        assert abs(found - member) <= mp.mpf(10) ** -30


def test_readings_are_printable():
    """Every reading has a formula of its own inputs; those that only the start tells apart have the printed one."""
    shown = {(number, name): formula(EQUATIONS[number], name) for number in NUMBERS for name in EQUATIONS[number].readings}
    assert shown[59, "eta_outside_velocity"] == "theta - eta*v"
    assert shown[61, "epsilon_inside_root"] == "theta - eta*(1/sqrt(h + epsilon))*gradient"
    assert shown[68, "epsilon_hat"] == "theta - eta*(m_hat/(sqrt(v_hat) + epsilon/sqrt(1 - beta_2^t)))"
    assert shown[60, "positive_start"] == formula(EQUATIONS[60])


@pytest.mark.parametrize("reading", ["as_printed", "epsilon_outside_root", "epsilon_hat"])
def test_adam_agrees_with_the_paper(reading):
    """Two steps by hand in 50 digits; epsilon-hat as the end of Kingma and Ba's section 2 writes it."""
    eta, b1, b2, epsilon = (mp.mpf(x) for x in (0.125, 0.875, 0.96875, 0.0625))
    theta, m, v = mp.mpf(1), mp.mpf(0), mp.mpf(0)
    claim = claim_of(METHODS["adam"].step, () if reading == "as_printed" else ((68, reading),))
    for t, g in ((1, mp.mpf("0.25")), (2, mp.mpf("-0.5"))):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        corrected = mp.sqrt(v / (1 - b2**t))
        wanted = {
            "as_printed": theta - eta * (m / (1 - b1**t)) / mp.sqrt(v / (1 - b2**t) + epsilon),
            "epsilon_outside_root": theta - eta * (m / (1 - b1**t)) / (corrected + epsilon),
            "epsilon_hat": theta - eta * mp.sqrt(1 - b2**t) / (1 - b1**t) * m / (mp.sqrt(v) + epsilon),
        }[reading]
        row = np.array([[float(x) for x in (theta, m, v, t, eta, b1, b2, epsilon)]])
        assert certified(claim.program, row).high[0, 0] == pytest.approx(float(wanted), rel=1e-15)
        theta = mp.mpf(float(wanted))


# the reference

HYPER = {
    "sgd": {}, "momentum": {"alpha": 0.9}, "adagrad": {}, "rmsprop": {"alpha": 0.9, "epsilon": 1e-8},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_any_shape_alone_or_in_a_list(name, dtype):
    """Arrays of any shape and layout, alone or in a list, move alike; results keep dtype and shape, and nothing is shared."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(2, 3, 4)).astype(dtype)
    for theta in (base, np.asfortranarray(base), base[:, ::-1, ::2], base[0, 0, 0], base[:0], np.array(base[0, 0, 0])):
        gradient = np.array(rng.normal(size=np.shape(theta))).astype(dtype)
        before = np.array(theta)
        alone, listed = (OPTIMIZERS[name](given, eta=0.5, **HYPER[name]) for given in (theta, [theta, theta]))
        moved, both = alone.step(gradient), listed.step([gradient, gradient])
        assert moved.shape == np.shape(theta) and moved.dtype == dtype
        assert isinstance(both, list) and all(np.array_equal(moved, one) for one in both)
        assert np.array_equal(before, theta)
        moved[...] = 0
        again = alone.step(np.zeros_like(gradient), eta=0.25)
        assert again.dtype == dtype and np.array_equal(again, listed.step([np.zeros_like(gradient)] * 2, eta=0.25)[0])
        for kept in alone.state().values():
            assert kept.shape == np.shape(theta) and kept.dtype == dtype


def test_long_parameters_move_as_short_ones():
    """What is computed in blocks does not depend on where a block ends."""
    theta, gradient = np.random.default_rng(2).normal(size=(2, 20_001))
    for name, made in OPTIMIZERS.items():
        whole, part = made(theta, eta=0.5, **HYPER[name]), made(theta[8190:8200], eta=0.5, **HYPER[name])
        for _ in range(2):
            moved, some = whole.step(gradient), part.step(gradient[8190:8200])
        np.testing.assert_allclose(moved[8190:8200], some, rtol=1e-15)


def test_state_is_a_copy():
    """What state hands out is the caller's."""
    optimizer = OPTIMIZERS["momentum"](np.zeros(2), eta=0.5, alpha=0.5)
    optimizer.step(np.ones(2))
    optimizer.state()["v"][...] = 100.0
    assert optimizer.step(np.zeros(2)).tolist() == [-0.75, -0.75]


def test_zero_over_zero_leaves_the_parameter():
    """AdaGrad's first gradient may be 0."""
    optimizer = OPTIMIZERS["adagrad"](np.ones(2), eta=0.5)
    assert optimizer.step(np.array([0.0, 2.0])).tolist() == [1.0, 0.5]
