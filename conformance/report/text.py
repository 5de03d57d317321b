"""Text of others – names, versions, messages, labels – in each format: it says what it says, and commands nothing."""

from __future__ import annotations

import hashlib
import re
from unicodedata import normalize

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&=:^\"'/@])")
_LONGEST_NAME = 80
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")  # what Windows keeps for devices, with any extension


def plain(text: object) -> str:
    """One line for a terminal: white space is a blank, and a character that is not seen is written as Python escapes it.

    That are control characters, ESC among them, those that turn the direction of writing, and lone surrogates.
    """
    return " ".join("".join(c if c.isprintable() or c.isspace() else _escaped(c) for c in str(text)).split())


def markdown(text: object) -> str:
    """One line of CommonMark in which no character means anything but itself."""
    return _MARKUP.sub(r"\\\1", plain(text))


def annotation(text: object) -> str:
    """The message of a GitHub annotation; its lines stay lines."""
    lines = [plain(line) for line in re.split(r"\r\n|[\r\n]", str(text))]
    return "%0A".join(line.replace("%", "%25") for line in lines)


def annotation_property(text: object) -> str:
    """A property of a GitHub annotation, such as its title."""
    return plain(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def file_name(*words: object) -> str:
    """A short, portable name, without its suffix, for a file in a folder that it cannot leave.

    It has lower-case letters, digits, dots, hyphens and underscores, and begins with a letter or digit. Where that leaves
    something out of the words, a digest of them tells it from its like.
    """
    whole = "-".join(str(word) for word in words)
    ascii_only = normalize("NFKD", whole).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9._-]+", "-", ascii_only)
    name = re.sub(r"\.{2,}", ".", name).strip("-._")
    if name and name == whole and len(name) <= _LONGEST_NAME and not _RESERVED.match(name):
        return name
    digest = hashlib.sha256(repr(tuple(map(str, words))).encode("ascii", "backslashreplace")).hexdigest()[:8]
    start = "file-" if _RESERVED.match(name) else ""
    return f"{start}{name[: _LONGEST_NAME - 14].rstrip('-._') or 'unnamed'}-{digest}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode() if not "\ud800" <= character <= "\udfff" else f"\\u{ord(character):04x}"
