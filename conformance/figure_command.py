"""The command `eqwise figure`: draws figure 3 of the notes, or the observed-predicted plot of a file."""

from __future__ import annotations

import argparse
from typing import Any

from eqwise.reference.figures import activation_figure, observed_predicted_figure
from eqwise.reference.pictures import save
from eqwise.reference.tables import numbers, rows


def add_parser(commands: Any) -> None:
    """Adds `figure` to the subcommands of a parser."""
    parser = commands.add_parser("figure", help="draw figure 3, or the observed-predicted plot of a CSV file")
    parser.add_argument("name", metavar="3|op", help="3: the activations; op: the observed-predicted plot")
    parser.add_argument("--data", metavar="FILE.csv", help="for op: two columns, observed and estimated; a header may stand above")
    parser.add_argument("--output", metavar="FILE", help="a .png, .svg or .pdf file (figure-3.png or op.png)")


def run(arguments: argparse.Namespace) -> None:
    """Draws what was asked for and prints the path. Raises `ValueError`, `ImportError` or `OSError` for what cannot be drawn."""
    name, data = arguments.name, arguments.data
    if name not in ("3", "op"):
        raise ValueError(f"figure {name!r}: the figures are 3 and op")
    if (data is None) != (name == "3"):
        raise ValueError("figure 3 takes no --data" if data else "figure op needs --data FILE.csv")
    path = arguments.output if arguments.output is not None else "figure-3.png" if name == "3" else "op.png"
    save(activation_figure() if data is None else observed_predicted_figure(*_columns(data)), path)
    print(path)


def _columns(path: str) -> tuple[list[float], list[float]]:
    """The observations and the estimates."""
    pairs = [numbers(place, cells) for place, cells in rows(path, width=2)]
    return [t for t, _ in pairs], [y for _, y in pairs]
