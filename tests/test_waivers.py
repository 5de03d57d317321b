"""Waivers are strict, their errors name the nearest valid key, and `eqwise waive` writes what can be read back."""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest

from eqwise.conformance import waivers
from eqwise.conformance.cli import main
from eqwise.conformance.loading import load
from eqwise.conformance.verdicts import Result

WAIVER = {"operation": "softplus", "property": "value", "dtype": "float64", "kind": "fault", "reason": "known"}
READING = {"operation": "adam", "clause": "eq68", "reading": "epsilon_outside_root", "reason": "documented"}
BAD = Result(("eq12",), "softplus", "value", "float64", "deviates", points=3)


def written(tmp_path, table, fields):
    path = tmp_path / "mine.toml"
    path.write_text(f"[[{table}]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in fields.items()))
    return path


@pytest.mark.parametrize(
    ("table", "change", "near"),
    [
        ("waiver", {"operation": "softplos"}, "softplus"),
        ("waiver", {"property": "values"}, "value"),
        ("waiver", {"property": "update"}, "derivative"),
        ("waiver", {"dtype": "float65"}, "float64"),
        ("waiver", {"clause": "eq120"}, "eq20"),
        ("waiver", {"kind": "faults"}, "fault"),
        ("waiver", {"reasons": "twice"}, "reason"),
        ("waivers", {}, "waiver"),
        ("reading", {"clause": "eq69"}, "eq6"),
        ("reading", {"reading": "epsilon_outside"}, "epsilon_outside_root"),
        ("reading", {"operation": "adan"}, "adam"),
    ],
)
def test_unknown_keys_are_errors_that_name_the_nearest(tmp_path, table, change, near):
    """Whatever there is not."""
    fields = {**(READING if table == "reading" else WAIVER), **change}
    with pytest.raises(waivers.WaiverError, match=re.escape(near)):
        waivers.read(written(tmp_path, table, fields), "1")


@pytest.mark.parametrize("change", [{"reason": "  "}, {"kind": ""}, {"reason": ""}])
def test_kind_and_reason_are_required(tmp_path, change):
    """Blanks are no reason."""
    with pytest.raises(waivers.WaiverError):
        waivers.read(written(tmp_path, "waiver", {**WAIVER, **change}), "1")


def test_nothing_is_waived_twice(tmp_path):
    """The second entry would hide the first."""
    path = written(tmp_path, "waiver", WAIVER)
    path.write_text(path.read_text() + "\n" + path.read_text())
    with pytest.raises(waivers.WaiverError, match="twice"):
        waivers.read(path, "1")


def test_a_waiver_of_nothing_is_unmet(tmp_path):
    """Where what it names was judged, and not where it was not."""
    known = waivers.read(written(tmp_path, "waiver", {**WAIVER, "clause": "eq16"}), "1")
    assert known.unmet([BAD]) == list(known.waivers)
    assert known.unmet([replace(BAD, dtype="float32")]) == known.unmet([replace(BAD, operation="softplus, dense")]) == []
    assert waivers.read(written(tmp_path, "waiver", WAIVER), "1").unmet([BAD]) == []


def test_a_statement_is_waived_by_any_of_its_operations(tmp_path):
    """Of several, where the clause is its own; a waiver of another operation does not cover it."""
    pair = Result(("s6-output-pairs",), "softmax, logistic", "statement", "float64", "deviates", points=3)
    given = {"property": "statement", "clause": "s6-output-pairs", "kind": "fault", "reason": "known"}
    for operation, covered in (("softmax", True), ("logistic", True), ("tanh", False)):
        (waiver,) = waivers.read(written(tmp_path, "waiver", {"operation": operation, **given}), "1").waivers
        assert waiver.covers(pair) == covered
        assert not waiver.covers(replace(pair, clauses=("s4-nonlinear",)))


OPTIONS = """
[[reading]]
operation = "adam"
clause = "eq68"
reading = "epsilon_outside_root"
reason = "r"
when = {options = {root = "outside"}}

[[reading]]
operation = "adam"
clause = "eq68"
reading = "epsilon_hat"
reason = "r"
when = {options = {root = ["hat", "fast"]}}
"""


@pytest.mark.parametrize(
    ("given", "reading"), [({}, "epsilon_outside_root"), ({"root": "fast"}, "epsilon_hat"), ({"root": "inside"}, None)]
)
def test_options_of_the_adapter_are_a_condition(tmp_path, given, reading):
    """An option that is not given counts with its default; what one option declares is no second entry of another's."""
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    dtypes = ('float64',)\n    def __init__(self, root='outside'): pass\n    def relu(self, x): return x\n"
    )
    (tmp_path / "mine.toml").write_text(OPTIONS)
    assert load(str(tmp_path / "mine.py"), given)[1].readings_of("adam").get("eq68") == reading
    assert waivers.read(tmp_path / "mine.toml", "1").readings == {}


@pytest.mark.parametrize("more", [OPTIONS, OPTIONS.replace('["hat", "fast"]', '"outside"')])
def test_a_reading_is_declared_once_under_each_option(tmp_path, more):
    """Two that hold at once are refused."""
    (tmp_path / "mine.toml").write_text(OPTIONS + more)
    with pytest.raises(waivers.WaiverError, match="twice"):
        waivers.read(tmp_path / "mine.toml", "1", {"root": "outside"})


@pytest.mark.parametrize("options", [{}, {"roof": "outside"}])
def test_options_that_the_adapter_does_not_take_are_errors(tmp_path, options):
    """Those in a `when`, which would never hold."""
    (tmp_path / "mine.toml").write_text(OPTIONS)
    with pytest.raises(waivers.WaiverError, match="no option of the adapter 'root'"):
        waivers.read(tmp_path / "mine.toml", "1", options)


SOURCE = """
import numpy as np

class Mine:
    name, version, dtypes = "mine", "1", ("float64",)
    def softplus(self, x): return np.where(x > 20, x, np.logaddexp(0, x))
    def tanh(self, x): return np.tanh(x)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of a framework whose softplus is wrong, in a folder of its own."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.py").write_text(SOURCE)
    suite(folder, 1)
    return folder / "r.json"


def suite(folder, status, *options):
    """The suite's exit status and output on the adapter there."""
    chosen = ["--effort", "smoke", "--equations", "11-12", "-q", "--conformance-report", "r.json", *options]
    done = subprocess.run(
        [sys.executable, "-m", "eqwise.conformance.cli", "run", "mine.py", *chosen], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def waive(report, *options):
    given = ["--operation", "softplus", "--kind", "fault", "--reason", 'says "no" \\ é', "--file", str(report.with_name("mine.toml"))]
    return main(["waive", str(report), *given, *options])


def test_waive_adds_what_the_suite_accepts(report, capsys):
    """And refuses what did not fail, with the nearest key."""
    assert waive(report, "--property", "valeu") == 4 and "'value'" in capsys.readouterr().err
    assert waive(report, "--property", "value", "--dtype", "float32") == 4 and "'float64'" in capsys.readouterr().err
    file = report.with_name("mine.toml")
    file.write_text("# kept\n")
    for name in ("value", "law"):
        assert waive(report, "--property", name) == 0
    assert file.read_text().startswith("# kept\n")
    assert [entry["reason"] for entry in tomllib.loads(file.read_text())["waiver"]] == ['says "no" \\ é'] * 2
    assert waive(report, "--property", "value") == 4 and "twice" in capsys.readouterr().err
    suite(report.parent, 0)
    (report.with_name("mine.py")).write_text(SOURCE.replace("x > 20", "x > 50.0"))
    assert "remove the waiver" in " ".join(suite(report.parent, 1).split())


def test_waive_takes_what_fails_the_run_of_the_report(report, tmp_path, capsys):
    """An inaccurate result is waived where inaccuracy fails, and would be a stale waiver elsewhere."""
    data, file = json.loads(report.read_text()), tmp_path / "r.json"
    for result in data["results"]:
        if result["operation"] == "softplus" and result["property"] == "value":
            result.update(verdict="inaccurate", waiver=None)
    for accuracy, status in (("absolute", 4), ("strict", 0)):
        data["options"]["accuracy"] = accuracy
        file.write_text(json.dumps(data))
        assert waive(file, "--property", "value") == status
    assert "no failing property of softplus 'value'" in capsys.readouterr().err


def test_junit_and_annotations_say_the_same(tmp_path, monkeypatch):
    """Clause, verdict and diagnosis; a name with commands in it commands nothing."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / "mine.py").write_text(SOURCE.replace('"mine", "1"', '"mi\\x1b[31mne\\n::error::x", "1"'))
    out = suite(tmp_path, 1, "--junitxml", "j.xml")
    xml = (tmp_path / "j.xml").read_text()
    assert '<property name="clauses" value="eq12"' in xml and '<property name="verdict" value="deviates"' in xml
    assert "left out of 1 + exp(x)" in xml and "\x1b" not in out + xml
    errors = [line for line in out.splitlines() if line.startswith("::error")]
    assert errors and all(line.startswith("::error title=eq12 softplus") for line in errors)
