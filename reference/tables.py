"""Tables of numbers in CSV files; what is wrong with one is told by file, line and value."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from eqwise.reference.arithmetic import require


class Row(NamedTuple):
    """A line that is not blank: where it ends, and its cells."""

    place: str
    cells: list[str]


def rows(path: str | Path, width: int | None = None) -> list[Row]:
    """The lines that are not blank, all of one width (at least 2, or as given); a header, which has no number, is left out.

    Raises `ValueError` naming file and line, or `OSError`.
    """
    found = _lines(Path(path))
    for place, cells in found:
        require(len(cells) > 1, f"{place}: columns", len(cells), "be at least 2")
        require(len(cells) == (width or len(found[0].cells)), f"{place}: columns", len(cells), f"be {width or 'as many as above'}")
    if found and not any(map(is_number, found[0].cells)):
        found = found[1:]
    require(bool(found), f"{path}: lines of numbers", 0, "be at least 1")
    return found


def _lines(path: Path) -> list[Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            return [Row(f"{path}, line {reader.line_num}", cells) for cells in reader if any(cell.strip() for cell in cells)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be comma-separated UTF-8 text: {error}") from error


def numbers(place: str, cells: Sequence[str]) -> list[float]:
    """The cells as finite numbers. Raises `ValueError` naming the place and the first that is none."""
    for cell in cells:
        require(is_number(cell) and math.isfinite(float(cell)), f"{place}: value", cell, "be a finite number")
    return [float(cell) for cell in cells]


def is_number(cell: str) -> bool:
    """Whether the cell reads as a number, infinities and nan among them."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
