"""Text in Markdown: sentences of our own, code, and what others wrote."""

from __future__ import annotations

import re

from eqwise.conformance.report.text import markdown
from eqwise.conformance.report.text import plain as seen


def plain(text: str) -> str:
    """Text as one line of CommonMark in which no character means anything but itself."""
    return markdown(text)


def prose(text: str) -> str:
    """A sentence of our own, in which punctuation stays readable."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", seen(text))


def code(text: str) -> str:
    """Text of one line as it is, between more backticks than it has in a row."""
    line = seen(text).replace("|", "¦")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{padding}{line}{padding}{ticks}"


def fenced(text: str, language: str) -> str:
    """A block of code, between fences longer than any in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
