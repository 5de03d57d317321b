"""What the figures share: an extra that may be missing, an empty figure, and files that are the same for the same data."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eqwise.reference.arithmetic import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WITHOUT_DATE: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def optional(module: str) -> Any:
    """A module of the extra `data`. Raises `ImportError` that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{module.partition('.')[0]} is missing: pip install 'eqwise[data]'") from error


def require_picture(path: str | Path) -> None:
    """Raises `ValueError` unless a picture could be written there, `ImportError` without matplotlib."""
    path = Path(path)
    require(path.suffix.lower() in _WITHOUT_DATE, "picture", str(path), f"end in {', '.join(_WITHOUT_DATE)}")
    require(path.parent.is_dir(), "folder of the picture", str(path.parent), "exist")
    optional("matplotlib")


def blank(width: float, height: float) -> Figure:
    """An empty figure, in inches, with a canvas of its own: no window, and nothing that pyplot would keep."""
    figure: Figure = optional("matplotlib.figure").Figure(figsize=(width, height))
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.08)
    optional("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    return figure


def settled(figure: Figure) -> Figure:
    """The figure with its layout fixed: each further drawing would move it by a fraction of a dot."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def save(figure: Figure, path: str | Path) -> None:
    """Writes the figure in the format of the suffix; the same figure gives the same bytes."""
    require_picture(path)
    suffix = Path(path).suffix.lower()
    with optional("matplotlib").rc_context({"svg.hashsalt": "eqwise"}):
        figure.savefig(path, format=suffix[1:], dpi=150, metadata=_WITHOUT_DATE[suffix])
