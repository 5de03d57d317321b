"""The page about frameworks says what the reports say, and the committed one is up to date."""

import json
from pathlib import Path

import pytest

from eqwise.conformance import cli, frameworks_command, waivers
from eqwise.conformance.frameworks_command import Framework, page, read
from eqwise.conformance.verdicts import Result

ROOT = Path(__file__).parents[1]
COMMITTED = sorted((ROOT / "conformance" / "reports").glob("*.json"))
REPORT = {
    "adapter": {"name": "torch", "version": "9", "settings": {"threads": 2}},
    "environment": {"python": "3.12.1", "numpy": "2.9", "started": "2026-01-02T03:04:05Z", "wall_seconds": 90.0},
    "options": {"effort": "standard"},
}
FAULT = {"kind": "fault", "reason": "it overflows"}
LIMITATION = {"kind": "limitation", "reason": "as the backend has it"}
RESULTS = (
    Result(("eq12",), "softplus", "value", "float64", "conforms", points=5),
    Result(("eq12",), "softplus", "derivative", "float32", "inaccurate", points=5),
    Result(("eq30",), "logistic_loss", "value", "float64", "deviates", points=5, waiver=FAULT),
    Result(("eq30",), "logistic_loss", "value", "float32", "deviates", points=5, waiver=LIMITATION),
    Result(("eq14",), "leaky_relu", "value", "float64", "deviates", points=5, waiver=LIMITATION),
    Result(("eq14",), "leaky_relu", "law", "float64", "inaccurate", points=5, waiver={**FAULT, "reason": "it rounds"}),
    Result(("eq34",), "huber", "value", "float64", "conforms_as", reading="eq34:half", points=5),
    Result(("eq24",), "rmse", "value", "float64", "not_offered"),
    Result(("eq24",), None, "theorem", None, "conforms", points=1),
)


def lines(results=RESULTS):
    return list(page([Framework("mine", REPORT, results)]))


def test_a_clause_is_told_by_its_worst_property():
    """The sign of the verdict, with the name of the reading, and the gravest kind of waiver; what is not offered has none."""
    assert "| (12) | Softplus | ≈ |" in lines() and "| (34) | Huber loss, unhalved | `half` ✓ |" in lines()
    assert "| (30) | Logistic loss for labels -1 and 1 | ✗ fault |" in lines() and not any("| (24) |" in line for line in lines())
    assert "| (14) | Leaky ReLU, fixed slope | ✗ limitation |" in lines()


def test_each_kind_of_finding_has_its_own_section():
    """A fault stands under faults alone, with the framework's version and the reason."""
    told = lines()
    faults = told[told.index("## Faults in these versions") : told.index("## Documented behaviour that deviates from the notes")]
    assert "**mine 9**" in faults and "- `logistic_loss` eq30, value in float64: it overflows (no bug report yet)" in faults
    assert sum("it overflows" in line for line in told) == 1
    assert any("`huber` eq34, value in float64: half: torch.nn.HuberLoss is documented" in line for line in told)
    assert "| mine | 9 | float64, float32 | threads 2 | 3.12.1, 2.9 | standard | 2026-01-02 | 1.5 |" in told


def test_an_inaccurate_result_is_told_with_its_explanation(tmp_path, monkeypatch):
    """That of the table [[inaccurate]] which covers it; without one the page says so."""
    monkeypatch.setattr(frameworks_command, "ADAPTERS", tmp_path)
    assert any("not looked into yet" in line for line in lines(RESULTS[1:2]))
    entry = '[[inaccurate]]\noperation = "softplus"\nproperty = "derivative"\nreason = "by the rounded output"\n'
    (tmp_path / "torch.toml").write_text(entry)
    assert "- `softplus` eq12, derivative in float32: by the rounded output" in lines(RESULTS[1:2])
    (tmp_path / "torch.toml").write_text(entry + 'kind = "fault"\n')
    with pytest.raises(waivers.WaiverError, match="no key of an explanation 'kind'"):
        lines(RESULTS[1:2])
    (tmp_path / "torch.toml").write_text(entry.replace("softplus", "softpluss"))
    with pytest.raises(waivers.WaiverError, match="the nearest is 'softplus'"):
        lines(RESULTS[1:2])


def test_the_command_names_what_is_no_report(tmp_path, capsys):
    """A file of something else is one line and exit status 4."""
    (tmp_path / "it.json").write_text(json.dumps({"schema": "other"}))
    assert cli.main(["frameworks", str(tmp_path / "it.json")]) == 4
    assert "has the schema 'other'" in capsys.readouterr().err


def test_the_committed_page_is_made_of_the_committed_reports():
    """`eqwise frameworks > FRAMEWORKS.md` was run after the last report."""
    assert COMMITTED
    assert (ROOT / "FRAMEWORKS.md").read_text(encoding="utf-8") == "\n".join(page([read(path) for path in COMMITTED])) + "\n"


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_every_finding_of_a_committed_report_is_explained(path):
    """Nothing deviates that is not waived, and no reading is undeclared."""
    framework = read(path)
    failing = [result for result in framework.results if result.verdict in ("deviates", "error", "undecided") and not result.waiver]
    assert not [result.key for result in failing if result.concerns_clauses]
    assert not [told for told in framework.readings() if told.endswith(": not declared")]
