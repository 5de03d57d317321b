"""Text of others in each format: nothing of it acts on a terminal, a page, a log or a folder."""

import re
from pathlib import Path

import pytest

from eqwise.conformance.report.text import annotation, annotation_property, file_name, markdown, plain

NASTY = "a\x1b[31mred\x00\u202eevil\ud800\r\nb\u2028c\x85d\u200b\x9b"


def test_plain_text_is_one_line_that_is_all_seen():
    """ESC, NUL, bidirectional overrides, lone surrogates and line breaks of every kind are told, not done."""
    assert plain(NASTY) == r"a\x1b[31mred\x00\u202eevil\ud800 b c d\u200b\x9b"
    assert plain(NASTY).encode("utf-8")
    assert plain("softplus λ → β, 1e-8 (naïve)") == "softplus λ → β, 1e-8 (naïve)"


@pytest.mark.parametrize("text", ["# title", "[x](javascript:1)", "<img src=x>", "a | b", "``` fence", "1. item", "> quote", "$x$", "---"])
def test_markdown_marks_nothing_up(text):
    """Every character of the syntax stands behind a backslash."""
    assert re.sub(r"\\(.)", r"\1", markdown(text)) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[#\[\]<>|`$]", markdown(text))


def test_annotations_are_escaped_as_github_documents():
    """%, carriage returns and line feeds in messages; colons and commas too in properties."""
    assert annotation("50 %\r\nnext: a, b\n::error::x") == "50 %25%0Anext: a, b%0A::error::x"
    assert annotation_property("a: b, 50 %\n::error::x") == "a%3A b%2C 50 %25 %3A%3Aerror%3A%3Ax"
    assert "\x1b" not in annotation(NASTY) + annotation_property(NASTY)


@pytest.mark.parametrize(
    "words",
    [
        ("../../etc/passwd",), ("/absolute",), ("a\\b",), ("C:evil",), (".hidden",), ("..",), ("",), ("\0",), ("nul",), ("con.txt",),
        ("x" * 500,), ("ünïcode",), ("日本",), ("UPPER",), (NASTY,), ("a" * 79, "b" * 79), ("trailing.",), ("-rf",), ("a..b",),
    ],
)  # fmt: skip
def test_file_names_stay_in_their_folder(words):
    """Lower-case, short, portable, of one part, whatever the words are."""
    name = file_name(*words)
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", name) and len(name) <= 80
    assert ".." not in name and Path(name).name == name
    assert name.partition(".")[0] not in {"con", "nul"}


def test_file_names_are_distinct():
    """Plain words stand as they are; where something is left out, a digest tells the names apart."""
    assert file_name("batch_norm", "eq74", "s12.3-init") == "batch_norm-eq74-s12.3-init"
    longs = ["x" * 500 + end for end in "ab"]
    others = ["A", "a", "a/", "/a", "ä", "日", "本", "nul", "Nul", *longs]
    names = [file_name(word) for word in others]
    assert len(set(names)) == len(names)
