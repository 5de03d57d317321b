"""The page about frameworks says what the reports say, and the committed one is up to date."""

import json

import pytest

from eqwise.conformance import cli, frameworks_command, waivers
from eqwise.conformance.frameworks_command import Framework, page
from eqwise.conformance.verdicts import Result

REPORT = {
    "adapter": {"name": "torch", "version": "9", "settings": {"threads": 2}},
    "environment": {"python": "3.12.1", "numpy": "2.9", "started": "2026-01-02T03:04:05Z", "cpu_seconds": 12.3},
}
FAULT = {"kind": "fault", "reason": "it overflows"}
RESULTS = (
    Result(("eq12",), "softplus", "value", "float64", "conforms", points=5),
    Result(("eq12",), "softplus", "derivative", "float32", "inaccurate", points=5),
    Result(("eq30",), "logistic_loss", "value", "float64", "deviates", points=5, waiver=FAULT),
    Result(("eq34",), "huber", "value", "float64", "conforms_as", reading="eq34:half", points=5),
    Result(("eq24",), "rmse", "value", "float64", "not_offered"),
)


def lines(results=RESULTS):
    return list(page([Framework("mine", REPORT, results)]))


def test_a_clause_is_told_by_its_worst_property():
    """The sign of the verdict, with the name of the reading; a clause that is not offered has none."""
    assert "| (12) | Softplus | ≈ |" in lines() and "| (34) | Huber loss, unhalved | `half` ✓ |" in lines()
    assert "| (30) | Logistic loss for labels -1 and 1 | ✗ |" in lines() and not any("| (24) |" in line for line in lines())


def test_each_kind_of_finding_has_its_own_section():
    """A fault stands under faults alone, with the framework's version and the reason."""
    told = lines()
    faults = told[told.index("## Faults in these versions") : told.index("## Documented behaviour that deviates from the notes")]
    assert "**mine 9**" in faults and "- `logistic_loss` eq30, value in float64: it overflows" in faults
    assert sum("it overflows" in line for line in told) == 1
    assert any("`huber` eq34, value in float64: half: torch.nn.HuberLoss is documented" in line for line in told)
    assert "| mine | 9 | float64, float32 | threads 2 | 3.12.1, 2.9 | 2026-01-02 | 12 |" in told


def test_an_inaccurate_result_is_told_with_its_explanation(tmp_path, monkeypatch):
    """That of the table [[inaccurate]] which covers it; without one the page says so."""
    assert any("not looked into yet" in line for line in lines(RESULTS[1:2]))
    entry = '[[inaccurate]]\noperation = "softplus"\nproperty = "derivative"\nreason = "by the rounded output"\n'
    (tmp_path / "torch.toml").write_text(entry)
    monkeypatch.setattr(frameworks_command, "ADAPTERS", tmp_path)
    assert "- `softplus` eq12, derivative in float32: by the rounded output" in lines(RESULTS[1:2])
    (tmp_path / "torch.toml").write_text(entry.replace("softplus", "softpluss"))
    with pytest.raises(waivers.WaiverError, match="the nearest is 'softplus'"):
        lines(RESULTS[1:2])


def test_the_command_names_what_is_no_report(tmp_path, capsys):
    """A file of something else is one line and exit status 4."""
    (tmp_path / "it.json").write_text(json.dumps({"schema": "other"}))
    assert cli.main(["frameworks", str(tmp_path / "it.json")]) == 4
    assert "has the schema 'other'" in capsys.readouterr().err
