"""``eqwise new-adapter FILE``: a commented starting file for a framework that has no adapter yet, which runs as it is."""

from __future__ import annotations

import argparse
import re
from importlib import resources
from pathlib import Path
from typing import Any

TEMPLATES = {".py": "adapter.py.txt", ".mjs": "adapter.mjs"}  # by the suffix of the file


def add_parser(commands: Any) -> None:
    """The options of the command."""
    parser = commands.add_parser("new-adapter", help="write a starting file for a framework: mine.py, or mine.mjs for JavaScript")
    parser.add_argument("file", metavar="NAME[.py|.mjs]")


def run(known: argparse.Namespace) -> int:
    """Writes the file and says how it is run. Raises `ValueError` for a name that cannot be one, or a file that is there."""
    path = Path(known.file)
    path = path if path.suffix else path.with_suffix(".py")
    if path.suffix not in TEMPLATES:
        raise ValueError(f"{known.file!r}: an adapter in Python ends in .py, one in JavaScript in .mjs")
    if not re.fullmatch(r"[A-Za-z]\w*", path.stem):
        raise ValueError(f"{path.stem!r} is no name: letters, digits and _, a letter first")
    if path.exists():
        raise ValueError(f"{path} is there already")
    path.write_text(written(path), encoding="utf-8")
    print(f"{path} is written; run it: {command(path)}")
    return 0


def command(path: Path) -> str:
    """What judges the adapter in this file."""
    return f"eqwise run {path}" if path.suffix == ".py" else f'eqwise run "stdio:node {path}"'


def written(path: Path) -> str:
    """The content of a new file."""
    text = (resources.files("eqwise.conformance") / "templates" / TEMPLATES[path.suffix]).read_text(encoding="utf-8")
    words = {"CLASS": "".join(word.capitalize() for word in path.stem.split("_")), "NAME": path.stem}
    words |= {"FRAMEWORK": path.stem.capitalize(), "PATH": str(path)}
    return re.sub("|".join(words), lambda found: words[found[0]], text)
