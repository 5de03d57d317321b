"""Section 12 of the notes: the learning curve, which shows over-fitting as a gap between training and validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eqwise.reference.pictures import blank, settled
from eqwise.reference.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curve(history: History) -> Figure:
    """Loss and score over the epochs, for training and validation, with the kept epoch marked."""
    figure = blank(9, 4)
    losses, scores = figure.subplots(1, 2)
    for axes, name, column in ((losses, "loss", 0), (scores, history.score_name, 1)):
        _draw(axes, name, history, column)
    losses.set_ylim(bottom=min(0, losses.get_ylim()[0]))
    return settled(figure)


def _draw(axes: Axes, name: str, history: History, column: int) -> None:
    """One pair of curves: column 0 of an epoch's two measurements is the loss, 1 the score."""
    numbers = range(1, len(history.epochs) + 1)
    marker = "o" if len(history.epochs) == 1 else None
    for start, label, style in ((0, "training", "-"), (2, "validation", "--")):
        axes.plot(numbers, [epoch[start + column] for epoch in history.epochs], style, marker=marker, label=label)
    axes.axvline(history.kept, color="0.5", linestyle=":", label=f"kept: epoch {history.kept}")
    axes.set(xlabel="epoch", ylabel=name, title=f"{name} by epoch")
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
