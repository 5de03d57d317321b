"""Sections 4 and 6 of the notes: figure 3, redrawn from the formulas, and the observed-predicted plot."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eqwise.reference.activations import elu, identity, leaky_relu, logistic, relu, softplus, step, tanh
from eqwise.reference.arithmetic import Floats, require
from eqwise.reference.metrics import rmse
from eqwise.reference.pictures import blank, settled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ABSCISSAE = np.arange(-200, 201) / 40  # -5 to 5, with 0 among them
_CURVE, _LIGHT = "#1f4e9c", "0.75"


class Panel(NamedTuple):
    """One function of figure 3, and the heights between which it is shown."""

    name: str
    function: Callable[[Floats], Floats]
    low: float
    high: float


PANELS = (
    Panel("step", step, -1.25, 1.25),
    Panel("logistic", logistic, -1.25, 1.25),
    Panel("tanh", tanh, -1.25, 1.25),
    Panel("softplus", softplus, -1.5, 5.5),
    Panel("ReLU", relu, -1.5, 5.5),
    Panel("Leaky ReLU, α = 0.1", partial(leaky_relu, alpha=0.1), -1.5, 5.5),
    Panel("ELU, α = 1", partial(elu, alpha=1.0), -1.5, 5.5),
    Panel("identity", identity, -5.5, 5.5),
)


def activation_figure() -> Figure:
    """Figures 3a to 3h: the activations (9) to (14), (16) and (17), each at the same abscissae."""
    figure = blank(12, 6.2)
    for letter, panel, axes in zip("abcdefgh", PANELS, figure.subplots(2, 4, sharex=True).flat, strict=True):
        _light_axes(axes)
        (_step if panel.function is step else _curve)(axes, panel.function)
        axes.set_title(f"({letter}) {panel.name}", fontsize=13)
        axes.set(xlim=(-5.25, 5.25), ylim=(panel.low, panel.high), xticks=range(-4, 5, 2))
        axes.locator_params(axis="y", nbins=6)
    figure.supxlabel("$x$", fontsize=14)
    figure.supylabel("$f(x)$", fontsize=14)
    return settled(figure)


def _curve(axes: Axes, function: Callable[[Floats], Floats], x: Floats = _ABSCISSAE) -> None:
    axes.plot(x, function(x), color=_CURVE, linewidth=2, solid_capstyle="butt")


def _step(axes: Axes, function: Callable[[Floats], Floats]) -> None:
    """Two pieces, since the step jumps: up to 0, where it is 0, and from the smallest positive number on, where it is 1."""
    _curve(axes, function, _ABSCISSAE[_ABSCISSAE <= 0])
    _curve(axes, function, np.append(np.nextafter(0.0, 1.0), _ABSCISSAE[_ABSCISSAE > 0]))
    for height, face in ((0.0, _CURVE), (1.0, "white")):
        axes.plot(0.0, height, "o", markersize=7, markerfacecolor=face, markeredgecolor=_CURVE, markeredgewidth=1.6)


def _light_axes(axes: Axes) -> None:
    """The frame's ticks stay outside; its other two sides become the axes through 0."""
    axes.spines[:].set(color=_LIGHT, zorder=1)
    axes.spines[["top", "right"]].set_position("zero")
    axes.tick_params(color=_LIGHT, labelsize=11)


def observed_predicted_figure(observed: Any, estimates: Any) -> Figure:
    """Observations on x, estimates on y: the nearer to the diagonal, the better.

    Raises `ValueError` unless both have one shape, are not empty and are finite.
    """
    t, y = _finite("observed", observed), _finite("estimates", estimates)
    require(t.shape == y.shape, "shape of the estimates", y.shape, f"be that of observed, {t.shape}")
    t, y = t.ravel(), y.ravel()
    ends = _limits(np.concatenate([t, y]))
    figure = blank(6.5, 6.5)
    axes = figure.subplots()
    axes.plot(ends, ends, color="0.5", linewidth=1.2, linestyle="--", label="estimated = observed")
    axes.plot(t, y, "o", color=_CURVE, markersize=5, alpha=0.6, markeredgewidth=0)
    axes.set_aspect("equal")
    axes.set(xlim=ends, ylim=ends)
    axes.locator_params(nbins=8)
    axes.set_xlabel("observed", fontsize=13)
    axes.set_ylabel("estimated", fontsize=13)
    axes.set_title(f"RMSE = {rmse(t, y):.4g}", fontsize=13)
    axes.tick_params(labelsize=11)
    figure.legend(loc="outside lower right", fontsize=11, frameon=False)
    return settled(figure)


def _finite(name: str, values: Any) -> Floats:
    array = np.asarray(values, np.float64)
    require(array.size > 0, name, values, "not be empty")
    for index in np.argwhere(~np.isfinite(array))[:1]:
        require(False, f"{name}[{', '.join(map(str, index))}]", float(array[tuple(index)]), "be finite")
    return array


def _limits(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = (high - low) / 20 if high > low else max(abs(high) / 20, 0.5)
    require(math.isfinite(high + margin - (low - margin)), "values", (low, high), "lie closer together, to be drawn")
    return low - margin, high + margin
