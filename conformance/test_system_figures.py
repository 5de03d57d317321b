"""What the notes draw, in sections 4 and 6: statements about our own system, asked of no adapter.

The modules test_system_*.py stand beside those of the sections, because what they hold to the notes is one system.
"""

import numpy as np
import pytest

from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.laws import built
from eqwise.reference import figures
from eqwise.spec.certify import rounded
from eqwise.spec.numbers.formats import FORMATS

DOUBLE = FORMATS["float64"]

PANELS = {
    "step": {}, "logistic": {}, "tanh": {}, "softplus": {}, "relu": {}, "leaky_relu": {"alpha": 0.1}, "elu": {"alpha": 1.0}, "identity": {},
}  # fmt: skip


def _joined(axes):
    """The points of every line that is drawn, not of single dots."""
    return [line.get_xydata() for line in axes.lines if line.get_linestyle() != "None"]


@built("fig3")
def test_figure_3_plots_the_formulas(proof):
    """Panels 3a to 3h: every plotted height is the formula at the plotted abscissa, from −5 to 5."""
    pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'eqwise[data]'")
    for (name, hyper), axes in zip(PANELS.items(), figures.activation_figure().axes, strict=True):
        x, y = np.concatenate(_joined(axes)).T
        rows = np.column_stack([x, *(np.full(len(x), value) for value in hyper.values())])
        exact = rounded(value_claim(Frame(name)).program, rows, DOUBLE)[:, 0]
        proof.require(len(x) > 400 and x[0] == -5 and x[-1] == 5, f"{name} is drawn from −5 to 5")
        proof.require(bool(np.all(np.abs(y - exact) <= 4 * DOUBLE.ulp(exact))), f"{name} is drawn at its heights")


@built("fig3")
def test_figure_3a_jumps(proof):
    """The step is drawn without a vertical join: each of its lines has one height, 0 up to the origin and 1 beyond it."""
    pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'eqwise[data]'")
    pieces = _joined(figures.activation_figure().axes[0])
    proof.require(len(pieces) == 2, "there are two lines")
    for piece, height in zip(pieces, (0, 1), strict=False):
        proof.require(bool(np.all(piece[:, 1] == height)), f"the height of the line is {height}")
    proof.require(bool(pieces[0][-1, 0] == 0 < pieces[-1][0, 0]), "the value at the origin is 0")


@built("s6-op-plot")
def test_observed_against_predicted(proof):
    """Observations on x, estimates on y, the line y = x from corner to corner, both axes alike."""
    pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'eqwise[data]'")
    t, y = np.random.default_rng(6).normal(size=(2, 50))
    (axes,) = figures.observed_predicted_figure(t, y).axes
    diagonal, points = axes.lines
    proof.require(np.array_equal(points.get_xdata(), t), "observations are on x")
    proof.require(np.array_equal(points.get_ydata(), y), "estimates are on y")
    proof.require(np.array_equal(diagonal.get_xdata(), diagonal.get_ydata()), "the line is y = x")
    proof.require(np.array_equal(diagonal.get_xdata(), axes.get_xlim()), "the line goes from corner to corner")
    proof.require(axes.get_xlim() == axes.get_ylim(), "both axes show one range")
    proof.require(axes.get_aspect() == 1, "one unit is as long on both axes")
