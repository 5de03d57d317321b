"""The TeX of (39) to (56): what is printed as one symbol is named by one letter, everything between the symbols is evaluated."""

import mpmath as mp
import numpy as np
import pytest

from eqwise.spec import EQUATIONS
from eqwise.spec.activations import logistic
from eqwise.spec.certify import refined, values
from eqwise.spec.numbers.expression import each, exp, lifted, symbol, symbols
from tex import evaluate

mp.mp.dps = 50
RNG = np.random.default_rng(9)
SCALARS = dict(zip("abpqsvw", RNG.uniform(0.5, 2, 7).tolist(), strict=True))
VECTORS = {name: RNG.uniform(-1, 1, 3) for name in ("c", "d", "m", "n_", "r", "z")}
MATRIX = RNG.uniform(-1, 1, (3, 2))
WITHOUT_BIAS = np.vstack([np.full(3, np.nan), MATRIX.T])  # theta of layer l + 1: two units below, three above


def _sigma(x):
    return 1 / (1 + mp.exp(-x))


def _slope(x):
    return _sigma(x) * (1 - _sigma(x))


F = lambda u: each(logistic, u)  # noqa: E731
E = lambda x: exp(x)  # noqa: E731
KNOWN = {
    **{name: mp.mpf(value) for name, value in SCALARS.items()},
    **{name[0]: np.array([mp.mpf(x) for x in value], object) for name, value in VECTORS.items()},
    "A": np.array([[mp.mpf(x) for x in row] for row in MATRIX], object),
    "B": np.array([[mp.mpf(x) for x in row] for row in MATRIX.T], object),
    "H": np.array([[mp.mpf(x)] for x in VECTORS["c"]], object),
    "D": np.array([[mp.mpf(x)] for x in VECTORS["d"][:2]], object),
    "F": np.frompyfunc(_sigma, 1, 1), "g": np.frompyfunc(_slope, 1, 1), "E": mp.exp,
    "N": lambda v: mp.sqrt(sum(x * x for x in v)), "U": np.array([mp.mpf(x) for x in VECTORS["z"][:2]], object),
}  # fmt: skip
C, D, R, Z = (VECTORS[name] for name in "cdrz")
S = SCALARS
TABLE = {  # the symbols by their letters, in this order; then what the transcription is given, in the order of its parameters
    39: ({r"\frac{\partial E}{\partial \theta}": "y", r"\theta": "a", r"\varepsilon": "b"}, (E, S["a"], S["b"])),
    40: ({r"\mathbf{u}^{(l)}": "y", r"\boldsymbol{\theta}^{(l)\top}": r"A^{\top}", r"\mathbf{h}^{(l-1)}": "c"}, (MATRIX, C)),
    41: ({r"\mathbf{h}^{(l)}": "y", "f^{(l)}": "F", r"\mathbf{u}^{(l)}": "z"}, (F, Z)),
    42: ({"u_j^{(l)}": "y", r"\theta_{ij}^{(l)}": "d_i", "h_i^{(l-1)}": "c_i"}, (D[:, None], C)),
    43: ({"h_j^{(l)}": "y", "f^{(l)}": "F", "u_j^{(l)}": "v"}, (F, np.array([S["v"]]))),
    44: (
        {
            r"\frac{\partial E}{\partial \theta_{ij}^{(l)}}": "y", r"\frac{\partial E}{\partial u_j^{(l)}}": "p",
            r"\frac{\partial u_j^{(l)}}{\partial \theta_{ij}^{(l)}}": "q",
        },
        (S["p"], S["q"]),
    ),
    45: ({r"\frac{\partial u_j^{(l)}}{\partial \theta_{ij}^{(l)}}": "y", "h_i^{(l-1)}": "w"}, (S["w"],)),
    46: (
        {r"\delta_j^{(l)}": "y", r"\equiv": "=", r"\frac{\partial E}{\partial u_j^{(l)}}": "g(v)"},
        (lambda u: logistic(u[0]), np.array([S["v"]])),
    ),
    47: ({r"\frac{\partial E}{\partial \theta_{ij}^{(l)}}": "y", r"\delta_j^{(l)}": "s", "h_i^{(l-1)}": "w"}, (S["s"], S["w"])),
    48: (
        {r"\frac{\partial E}{\partial \theta^{(l)}}": "y", r"\mathbf{h}^{(l-1)}": "H", r"\boldsymbol{\delta}^{(l)T}": r"D^{\top}"},
        (C, D[:2]),
    ),
    49: (
        {
            r"\frac{\partial E}{\partial u_j^{(l)}}": "y", r"\frac{\partial E}{\partial u_k^{(l+1)}}": "c_k",
            r"\frac{\partial u_k^{(l+1)}}{\partial u_j^{(l)}}": "d_k",
        },
        (C, D),
    ),
    50: (
        {
            r"\frac{\partial u_k^{(l+1)}}{\partial u_j^{(l)}}": "y", r"\frac{\partial u_k^{(l+1)}}{\partial h_j^{(l)}}": "a",
            r"\frac{\partial h_j^{(l)}}{\partial u_j^{(l)}}": "g(v)", r"\theta_{jk}^{(l+1)}": "a", "f^{(l)'}(u_j^{(l)})": "g(v)",
        },
        (S["a"], F, S["v"]),
    ),
    51: (
        {r"\delta_j^{(l)}": "y", r"\delta_k^{(l+1)}": "c_k", r"\theta_{jk}^{(l+1)}": "d_k", "f^{(l)'}(u_j^{(l)})": "g(v)"},
        (C, D, F, S["v"]),
    ),
    52: (
        {
            r"\boldsymbol{\delta} =": "y =", r"\boldsymbol{\theta}^{(l+1)}": "B", r"\boldsymbol{\delta}^{(l+1)}": "d",
            r"f^{(l)'}(\mathbf{u}^{(l)})": "g(U)",
        },
        (WITHOUT_BIAS, D, F, Z[:2]),
    ),
    53: ({r"\mathbf{y}": "y", r"\mathbf{h}^{(L)}": "z", r"\mathbf{u}^{(L)}": "z"}, (Z,)),
    54: ({r"\|\mathbf{y} - \mathbf{t}\|": "N(c - d)", "y_i": "c_i", "t_i": "d_i"}, (C, D)),
    55: (
        {
            r"\delta_i^{(L)}": "y", r"\frac{\partial E}{\partial u_i^{(L)}}": "(p - q)", r"\frac{\partial E}{\partial y_i}": "(p - q)",
            "y_i": "p", "t_i": "q",
        },
        (S["p"], S["q"]),
    ),
    56: ({r"\boldsymbol{\delta}^{(L)}": "y", r"\mathbf{y}": "c", r"\mathbf{t}": "d"}, (C, D)),
}  # fmt: skip


def _rewritten(number):
    tex = EQUATIONS[number].tex
    for printed, letter in TABLE[number][0].items():
        assert printed in tex, f"({number}) does not print {printed}"
        tex = tex.replace(printed, letter)
    return tex


def _transcribed(number):
    """The transcription's values on these numbers, certified."""
    arguments, inputs, row = [], [], []
    for k, given in enumerate(TABLE[number][1]):
        if callable(given):
            arguments.append(given)
            continue
        made = symbols(f"x{k}", *np.shape(given)) if np.ndim(given) else symbol(f"x{k}")
        arguments.append(made)
        inputs += list(np.ravel(made))
        row += np.ravel(np.nan_to_num(given)).tolist()
    outputs = tuple(lifted(output) for output in np.ravel(np.array(EQUATIONS[number](*arguments), object)))
    balls = next(iter(refined(values(outputs, tuple(inputs)), row)))
    return [mp.mpf(ball.mid().str(40, radius=False)) for ball in balls]


def _agrees(tex, number):
    """Whether every member of the chain that is no left side has the transcription's values; there is at least one."""
    wanted = _transcribed(number)
    members = [np.ravel(np.array(member, object)).tolist() for member in evaluate(tex, {**KNOWN, "n": 3})]
    assert members
    return all(
        len(member) == len(wanted) and all(abs(a - b) <= mp.mpf(10) ** -30 for a, b in zip(member, wanted, strict=True))
        for member in members
    )


@pytest.mark.parametrize("number", TABLE)
def test_formula_says_what_its_tex_says(number):
    """Every member of the printed chain has the transcription's values."""
    assert _agrees(_rewritten(number), number)


@pytest.mark.parametrize(
    ("number", "printed", "other"),
    [(39, "{2b}", "{b}"), (42, "c_i", "d_i"), (48, "H D", "H H"), (52, r"\odot g(U)", ""), (54, "^2", ""), (56, "c - d", "d - c")],
)
def test_changed_tex_says_something_else(number, printed, other):
    """A factor, a symbol, a product, a square or a sign less is noticed."""
    assert printed in _rewritten(number)
    assert not _agrees(_rewritten(number).replace(printed, other), number)
