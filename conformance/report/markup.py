"""Text of others in Markdown and in file names: it says what it says, and marks up nothing."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&=:^\"'/@])")


def plain(text: str) -> str:
    """Text as one line of CommonMark in which no character means anything but itself."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text).split())
    return _SPECIAL.sub(r"\\\1", line)


def prose(text: str) -> str:
    """A sentence of our own, in which punctuation stays readable."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text).split())
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", line)


def code(text: str) -> str:
    """Text of one line as it is, between more backticks than it has in a row."""
    line = " ".join(text.split()).replace("|", "¦")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{padding}{line}{padding}{ticks}"


def fenced(text: str, language: str) -> str:
    """A block of code, between fences longer than any in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def file_name(text: str) -> str:
    """A name for a file within its folder: letters, digits, dots, hyphens and underscores, the first a letter or digit."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:120]
    return name or "unnamed"
