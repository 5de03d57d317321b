"""Code and sentences in CommonMark; text of others goes through `text.markdown`."""

from __future__ import annotations

import re

from eqwise.conformance.report.text import plain


def prose(text: str) -> str:
    """A sentence of our own, in which punctuation stays readable."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", plain(text))


def code(text: object) -> str:
    """Text of one line as it is, between more backticks than it has in a row."""
    line = plain(text)
    ticks = "`" * (1 + _longest_run(line))
    padding = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{ticks}{padding}{line}{padding}{ticks}"


def row(*cells: str) -> str:
    """A row of a table, in which a bar within code is no border."""
    escaped = (re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in cells)
    return f"| {' | '.join(escaped)} |"


def fenced(text: str, language: str) -> str:
    """A block of code, between fences longer than any in it; characters that are not seen are written out."""
    lines = "\n".join("".join(c if c.isprintable() else plain(c) or " " for c in line) for line in text.rstrip().split("\n"))
    fence = "`" * max(3, 1 + _longest_run(lines))
    return f"{fence}{language}\n{lines}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
