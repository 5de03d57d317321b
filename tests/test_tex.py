"""The stored TeX and the transcription are two lines that must say the same."""

import re

import mpmath as mp
import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.claims import Frame, value_claim
from eqwise.spec import EQUATIONS
from eqwise.spec.certify import on_symbols, values
from eqwise.spec.distributions import Normal, Uniform
from eqwise.spec.network import hidden_layer, output_layer
from eqwise.spec.numbers.expression import each, lifted, symbol, symbols
from eqwise.spec.perceptron import perceptron, two_input_perceptron, two_input_perceptron_by_cases
from eqwise.spec.regularization import penalized
from tex import evaluate

mp.mp.dps = 50
GREEK = {"alpha": "\\alpha", "tau": "\\tau", "delta": "\\delta", "epsilon": "\\varepsilon"}
POINTS = [-3.0, -1.25, -0.5, 0.0, 0.5, 1.0, 2.75]
SCALARS = [
    (number, operation.name)
    for operation in OPERATIONS.values()
    for number in operation.equations
    if operation.shape == "elementwise" and EQUATIONS[number].formula is not None
]


def _certified(outputs, inputs, row):
    from eqwise.spec.certify import refined

    balls = next(iter(refined(values(outputs, inputs), row)))
    return [mp.mpf(ball.mid().str(40, radius=False)) for ball in balls]


def _agree(found, expected):
    assert abs(found - expected) <= mp.mpf(10) ** -30 * max(1, abs(expected)), (found, expected)


@pytest.mark.parametrize(("number", "operation"), SCALARS)
def test_scalar_formula_says_what_its_tex_says(number, operation):
    """Every member of the printed chain has the transcription's value, on both sides of every branch and at it."""
    claim = value_claim(Frame(operation))
    names = [str(x.value) for x in claim.inputs]
    rng = np.random.default_rng(number)
    for first in POINTS:
        for _ in range(12):
            row = [first, *rng.choice([-2.0, -0.5, 0.25, 0.75, 1.5], len(names) - 1)]
            if operation in ("quantile", "huber", "epsilon_insensitive"):
                row[2] = abs(row[2])
            known = {GREEK.get(name, name): mp.mpf(value) for name, value in zip(names, row, strict=True)}
            known |= {"u": known.get("x"), "\\sigma": lambda x: 1 / (1 + mp.exp(-x))}
            members = evaluate(EQUATIONS[number].tex, known)
            assert members
            for member in members:
                _agree(_certified(claim.outputs, claim.inputs, row)[0], member)


@pytest.mark.parametrize("number", [19, 20, 21, 22])
def test_share_says_what_its_tex_says(number):
    """(19) to (22), over counts that are not 0, and over any precision and recall."""
    (output,), inputs = on_symbols(EQUATIONS[number])
    for row in np.random.default_rng(number).integers(1, 50, (12, len(inputs))).astype(float).tolist():
        known = {f"\\text{{{x.value}}}": mp.mpf(value) for x, value in zip(inputs, row, strict=True)}
        (member,) = evaluate(EQUATIONS[number].tex, known)
        _agree(_certified((output,), inputs, row)[0], member)


@pytest.mark.parametrize(("number", "operation"), [(23, "mse"), (24, "rmse"), (25, "mae"), (26, "r_squared")])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_metric_says_what_its_tex_says(number, operation, n):
    """(23) to (26) for n samples, ȳ being the mean of the estimates."""
    claim = value_claim(Frame(operation, (n,)))
    for row in np.random.default_rng(n).integers(-99, 100, (10, 2 * n)) / 8:
        t, y = (np.array([mp.mpf(v) for v in part], object) for part in (row[:n], row[n:]))
        known = {"t": t, "y": y, "\\bar{y}": sum(y) / n, "N": mp.mpf(n), "n": n}
        (member,) = evaluate(EQUATIONS[number].tex, known)
        _agree(_certified(claim.outputs, claim.inputs, row.tolist())[0], member)


VECTORS = [(18, "softmax"), (27, "sum_of_squares"), (28, "binary_cross_entropy"), (29, "cross_entropy")]


@pytest.mark.parametrize(("number", "operation"), VECTORS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_vector_formula_says_what_its_tex_says(number, operation, n):
    """The same for vectors of n components."""
    claim = value_claim(Frame(operation, (n,)))
    rng = np.random.default_rng(n)
    for _ in range(10):
        row = rng.uniform(0.1, 0.9, len(claim.inputs))
        first, second = (np.array([mp.mpf(v) for v in part], object) for part in (row[:n], row[n:] if len(row) > n else row[:n]))
        known = {"x": first, "y": first, "t": second, "n": n}
        found = _certified(claim.outputs, claim.inputs, row.tolist())
        for k, value in enumerate(found):
            (member,) = evaluate(EQUATIONS[number].tex.replace("x_i", f"x_{k + 1}"), known)
            _agree(value, member)


@pytest.mark.parametrize(("number", "formula"), [(1, perceptron), (4, two_input_perceptron), (5, two_input_perceptron_by_cases)])
def test_perceptron_says_what_its_tex_says(number, formula):
    """(1), (4) and (5) at points on both sides of the line and on it."""
    x, w, b = symbols("x", 2), symbols("w", 2), symbols("b")[()]
    rng = np.random.default_rng(number)
    for row in rng.integers(-2, 3, (60, 5)).astype(float).tolist():
        known = {
            "\\mathbf{x}": np.array(row[:2], object), "\\mathbf{W}": np.array(row[2:4], object), "b": row[4],
            "x": row[:2], "w": row[2:4], "f": lambda u: mp.mpf(u > 0),
        }  # fmt: skip
        found = _certified((formula(x, w, b),), (*x, *w, b), row)[0]
        for member in evaluate(EQUATIONS[number].tex, known):
            _agree(found, member)


@pytest.mark.parametrize(("number", "formula", "W", "v", "b"), [(7, hidden_layer, "W^(1)", "x", "b"), (8, output_layer, "W^(2)", "h", "b")])
def test_layer_says_what_its_tex_says(number, formula, W, v, b):
    """(7) and (8) with a matrix that is not square."""
    vector, matrix, bias = symbols("v", 3), symbols("W", 3, 2), symbols("b", 2)
    outputs = tuple(formula(vector, matrix, bias, lambda u: each(lambda x: 1 / (1 + x * x), u)))
    row = np.random.default_rng(number).uniform(-1, 1, 11).round(3)
    big = lambda part, *shape: np.array([mp.mpf(value) for value in part], object).reshape(shape)  # noqa: E731
    known = {
        f"\\mathbf{{{v}}}": big(row[:3], 3), f"\\mathbf{{{W[0]}}}{W[1:]}": big(row[3:9], 3, 2),
        f"\\mathbf{{b}}_{number - 6}": big(row[9:], 2), "f": lambda u: np.frompyfunc(lambda x: 1 / (1 + x * x), 1, 1)(u),
    }  # fmt: skip
    (member,) = evaluate(EQUATIONS[number].tex, known)
    for found, wanted in zip(_certified(outputs, (*vector, *matrix.ravel(), *bias), row.tolist()), member, strict=True):
        _agree(found, wanted)


LAW = re.compile(r"W_i \\sim ([UN])(?:\\left)?\[(.+), (.+?)(?:\\right)?\]")


@pytest.mark.parametrize("number", [69, 70, 71, 72])
def test_law_says_what_its_tex_says(number):
    """(69) to (72): which distribution, and both of its parameters, for several numbers of inputs and whatever the outputs."""
    letter, *printed = LAW.fullmatch(EQUATIONS[number].tex).groups()
    for n in (1, 2, 3, 512):
        law = EQUATIONS[number](lifted(n), lifted(7 * n))
        assert type(law) is {"U": Uniform, "N": Normal}[letter]
        for found, tex in zip(_certified(law.parameters, (), []), printed, strict=True):
            (member,) = evaluate(tex.replace("n_i", "n"), {"n": mp.mpf(n)})
            _agree(found, member)


@pytest.mark.parametrize(
    ("tex", "changed"),
    [
        (r"\log(1 + e^x)", r"\log(1 - e^x)"), (r"\frac{1}{1 + e^{-x}}", r"\frac{1}{1 + e^{x}}"),
        (r"\begin{cases} x & (x > 0) \\ 0 & (x \leq 0) \end{cases}", r"\begin{cases} x & (x \leq 0) \\ 0 & (x > 0) \end{cases}"),
        (r"\frac{1}{2} x^2", r"\frac{1}{3} x^2"), (r"|x - 2|", r"x - 2"), (r"\sqrt{\frac{1}{2} x^2}", r"\frac{1}{2} \sqrt{x^2}"),
    ],
)  # fmt: skip
def test_a_changed_sign_branch_or_factor_changes_the_value(tex, changed):
    """The evaluator is no rubber stamp."""
    known = {"x": mp.mpf("-0.75")}
    assert evaluate(tex, known) != evaluate(changed, known)


class _Matrices:
    """All weight matrices together; the printed bars are their Frobenius norm."""

    def __init__(self, entries):
        self.entries = entries

    def __abs__(self):
        return mp.sqrt(sum(w * w for w in self.entries))


def test_penalty_says_what_its_tex_says():
    """(73) for two matrices."""
    weights, inputs = [symbols("V", 2, 3), symbols("W", 3, 1)], [symbol("L"), symbol("lambda")]
    output = penalized(inputs[0], weights, inputs[1])
    row = np.random.default_rng(73).integers(-9, 10, 11) / 4
    known = {"L": mp.mpf(row[0]), "\\lambda": mp.mpf(row[1]), "\\mathbf{W}": _Matrices([mp.mpf(w) for w in row[2:]])}
    (member,) = evaluate(EQUATIONS[73].tex.partition("=")[2].replace("L(t, y)", "L"), known)
    (found,) = _certified((output,), (*inputs, *weights[0].ravel(), *weights[1].ravel()), row.tolist())
    _agree(found, member)


@pytest.mark.parametrize("m", [1, 2, 5])
@pytest.mark.parametrize("number", [74, 75, 76, 77])
def test_batch_normalization_says_what_its_tex_says(number, m):
    """(74) to (77) of m samples, each sample of (76) and (77) by itself."""
    names = {74: (), 75: ("mu",), 76: ("mu", "s", "epsilon"), 77: ("gamma", "beta")}[number]
    x, others = symbols("x", m), [symbol(name) for name in names]
    outputs = np.ravel(EQUATIONS[number](x, *others))
    row = np.random.default_rng(m).integers(1, 40, m + len(others)) / 8
    tex = EQUATIONS[number].tex.partition("=")[2].replace("\\mu_B", "\\mu").replace("\\sigma_B^2", "s").replace("\\hat{x}", "x")
    known = {name if name == "s" else f"\\{name}": mp.mpf(value) for name, value in zip(names, row[m:], strict=True)}
    known |= {"x": np.array([mp.mpf(v) for v in row[:m]], object), "m": mp.mpf(m), "n": m}
    for k, found in enumerate(_certified(tuple(outputs), (*x, *others), row.tolist())):
        (member,) = evaluate(tex if number < 76 else tex.replace("x_i", f"x_{k + 1}"), known)
        _agree(found, member)
