"""A starting file runs as it is, and wrong use is told in one line."""

import re
import shutil

import pytest

from eqwise.conformance import cli
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.loading import load
from eqwise.conformance.purity import check_smoke
from eqwise.conformance.session import Session
from eqwise.conformance.strength.detection import properties_of


@pytest.mark.parametrize(
    ("name", "adapter"),
    [
        ("mine", "mine.py"),
        pytest.param("mine.mjs", "stdio:node mine.mjs", marks=pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not here")),
    ],
)
def test_it_runs_as_it_is(name, adapter, tmp_path, monkeypatch, capsys):
    """The smoke property passes, one operation conforms, and no other is offered."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new-adapter", name]) == 0
    assert "eqwise run" in capsys.readouterr().out
    made, known = load(adapter, {})
    session = Session(made, known, effort="smoke")
    assert made.name == "mine" and [name for name in OPERATIONS if made.offers(name)] == ["identity"]
    assert {check_smoke(session, dtype).verdict for dtype in session.dtypes} == {"conforms"}
    found = {result.property: result.verdict for result in properties_of(session, OPERATIONS["identity"])}
    assert found["value"] == "conforms" and "deviates" not in found.values()


def test_its_comments_name_operations_of_the_contract(tmp_path):
    """Each line that can be uncommented defines an operation with its arguments as they are called."""
    assert cli.main(["new-adapter", str(tmp_path / "mine.py")]) == 0
    lines = [line.strip() for line in (tmp_path / "mine.py").read_text().splitlines()]
    offered = [line.removeprefix("# def ").split("(", 1) for line in lines if line.startswith("# def ") and "vjp" not in line]
    assert len(offered) >= 5
    for name, rest in offered:
        entry = OPERATIONS[name]
        assert rest.split(")")[0].split(", ") == ["self", *entry.inputs, *entry.hyper]


@pytest.mark.parametrize(("name", "rule"), [("mine.rs", r"ends in \.py"), ("9x", "a letter first"), ("there.py", "is there already")])
def test_wrong_use_is_told(name, rule, tmp_path, monkeypatch, capsys):
    """Nothing is written over, and no file that could not be loaded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.py").write_text("kept")
    assert cli.main(["new-adapter", name]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rule, line)
    assert [path.name for path in tmp_path.iterdir()] == ["there.py"] and (tmp_path / "there.py").read_text() == "kept"
