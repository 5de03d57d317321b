"""`eqwise diff` says what changed, and its exit status whether anything got worse."""

import json
from dataclasses import replace

import pytest

from eqwise.conformance.cli import main
from eqwise.conformance.report.writer import SCHEMA
from eqwise.conformance.verdicts import Result, by_clause

GOOD = Result(("eq12",), "softplus", "value", "float64", "conforms", points=9)
OTHER = Result(("eq68",), "adam", "update", "float64", "conforms_as", reading="eq68:epsilon_outside_root", points=9)


def report(path, *results, **more):
    clauses = {key: {"verdict": c.verdict, "reading": c.reading} for key, c in by_clause(results).items()}
    head = {"schema": SCHEMA, "seed": 1, "options": {}, "adapter": {"name": "mine", "version": "1"}, "suite": {"version": "0"}, **more}
    path.write_text(json.dumps({**head, "results": [result.as_json() for result in results], "clauses": clauses}))
    return str(path)


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ((GOOD, OTHER), (GOOD, OTHER), 0),
        ((GOOD,), (replace(GOOD, verdict="deviates"),), 1),
        ((GOOD,), (replace(GOOD, verdict="inaccurate"),), 1),
        ((replace(GOOD, verdict="deviates"),), (GOOD,), 0),
        ((GOOD, OTHER), (GOOD,), 1),
        ((GOOD,), (GOOD, OTHER), 0),
        ((GOOD,), (GOOD, replace(OTHER, verdict="deviates", reading=None)), 1),
        ((GOOD,), (replace(GOOD, verdict="not_offered"),), 1),
        ((replace(GOOD, verdict="not_offered"),), (GOOD,), 0),
        ((GOOD,), (replace(GOOD, verdict="conforms_as", reading="eq12:x"),), 1),
    ],
)
def test_exit_status_says_whether_anything_got_worse(tmp_path, capsys, old, new, status):
    """What was judged and is not any more counts as worse."""
    names = report(tmp_path / "old.json", *old), report(tmp_path / "new.json", *new)
    assert main(["diff", *names]) == status
    out = capsys.readouterr().out
    assert ("worse " in out) == bool(status) and max(map(len, out.splitlines())) <= 80
    assert main(["diff", *names, "--json"]) == status and json.loads(capsys.readouterr().out)["worse"] == bool(status)


def test_unlike_runs_are_told(tmp_path, capsys):
    """Another seed explores other points."""
    old, new = report(tmp_path / "old.json", GOOD), report(tmp_path / "new.json", GOOD, seed=2)
    assert main(["diff", old, new]) == 0 and "seed differs" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "eqwise-report/0"}', f'{{"schema": "{SCHEMA}"}}'])
def test_what_is_no_report_is_wrong_use(tmp_path, capsys, text):
    """One line and exit status 4."""
    (tmp_path / "bad.json").write_text(text)
    good = report(tmp_path / "good.json", GOOD)
    assert main(["diff", good, str(tmp_path / "bad.json")]) == 4 and main(["diff", good, str(tmp_path / "none.json")]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 2
