"""What the suite asserts of the notes: of every clause something, counted in a run."""

import json
import os
from difflib import unified_diff
from pathlib import Path

import pytest

from eqwise import conformance
from eqwise.conformance import coverage
from eqwise.conformance.cli import main
from eqwise.spec.document import EQUATIONS, STATEMENTS, clause_of

DOCUMENT = Path(__file__).parents[1] / "COVERAGE.md"
MAKE = "eqwise coverage --markdown > COVERAGE.md"

REASONED = {"eq3", "eq36", "eq37"}  # they name things and claim nothing


@pytest.fixture(scope="module")
def covered():
    """Every clause with the assertions of a run on the reference: that whose report the environment names, or one made here."""
    return coverage.covered(os.environ.get("EQWISE_REPORT") or None)


def file_for(key):
    """The module of the suite in which a clause is asserted: the one of its section, and that of our own system."""
    section = f'section("{clause_of(key).section.partition(".")[0]}")'
    (folder,) = conformance.__path__
    own = [path.name for path in sorted(Path(folder).glob("test_*.py")) if section in path.read_text(encoding="utf-8")]
    subjects = STATEMENTS[key].subjects if key in STATEMENTS else ()
    return " and ".join(f"conformance/{name}" for name in (*own, *(["test_system_*.py"] if "system" in subjects else [])))


def test_every_clause_is_asserted(covered):
    """All 77 equations and 44 statements have assertions that were executed; three have a reason why another check stands in."""
    assert len(EQUATIONS) == 77 and len(STATEMENTS) == 44
    assert set(covered) == {*STATEMENTS, *(f"eq{number}" for number in EQUATIONS)}
    bare = [key for key, clause in covered.items() if not clause["assertions"]]
    assert not bare, "\n".join(f"{key}: nothing is asserted; add a test to {file_for(key)}" for key in bare)
    assert {key for key, clause in covered.items() if clause["reason"]} == REASONED


def test_every_subject_of_a_statement_is_asked(covered):
    """Mathematics is asked by a theorem, our own system as a system, a framework by anything else."""
    asked = {"mathematics": {"theorem"}, "system": {"system"}}
    missing = []
    for key, entry in STATEMENTS.items():
        kinds = set(covered[key]["kinds"])
        others = kinds - {"theorem", "system", "purity"}
        missing += [f"{key}: {subject}, not by {kinds}" for subject in entry.subjects if not kinds & asked.get(subject, others)]
    assert not missing, "\n".join(f"{text}; add a test to {file_for(text.partition(':')[0])}" for text in missing)


def test_every_equation_is_asserted_by_what_it_says(covered):
    """Purity, that inputs stay as they are, says nothing of a formula."""
    bare = [key for key in covered if key not in STATEMENTS and not set(covered[key]["kinds"]) - {"purity"}]
    assert not bare, "\n".join(f"{key}: add a test to {file_for(key)}" for key in bare)


def test_the_table_fits_a_terminal(covered):
    """80 columns; the last two lines are the totals."""
    *lines, equations, statements = coverage.lines(covered)
    assert max(map(len, lines)) <= 80
    assert equations == "77 of 77 equations, 3 of them by what stands in for them" and statements == "44 of 44 statements"


def test_the_document_is_current(covered):
    """COVERAGE.md is what the command makes."""
    kept = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.is_file() else ""
    made = "".join(f"{line}\n" for line in coverage.markdown(covered))
    difference = "\n".join(unified_diff(kept.splitlines(), made.splitlines(), "COVERAGE.md", "as it is now", n=0, lineterm=""))
    if kept != made:
        pytest.fail(f"COVERAGE.md is stale; run\n    {MAKE}\nand read what it changes:\n{difference}", pytrace=False)


def test_every_kind_of_property_has_a_column(covered):
    """What was asserted of a clause stands in the columns of its kinds, and in no other; special values stand beside them."""
    columns = {column.name: set(column.properties) for column in coverage.COLUMNS if column.properties}
    for key, clause in covered.items():
        filled = {name for name in columns if clause["matrix"][name]} - {"special_values"}
        assert filled == {name for name, kinds in columns.items() if kinds & set(clause["kinds"])}, key


def result(kind, dtype=None, points=1):
    """A result of equation (16) in a report."""
    return {"clauses": ["eq16"], "property": kind, "dtype": dtype, "points": points}


def matrix_of(*results, measured=None):
    """The row of equation (16) for a report of these results."""
    return coverage.tabulated({"clauses": {}, "results": results}, measured or {})["eq16"]["matrix"]


def test_cells_count_executed_checks():
    """However many points they judge, but at least one; dtypes are those in which more than purity and special values was judged."""
    formula = [result("value", "float64", 900), result("value", "float32"), result("integers"), result("theorem")]
    others = [result("state", "float64", points=0), result("purity", "float16"), result("special_values", "bfloat16")]
    row = matrix_of(*formula, *others)
    assert {name: cell for name, cell in row.items() if cell} == {"value": 3, "law": 1, "purity": 1, "special_values": 1, "dtypes": 2}


def test_a_property_without_a_column_is_refused():
    """The message names the property, and where to enter it."""
    with pytest.raises(ValueError, match=r"'novelty' must stand in a column: enter it in COLUMNS of conformance/coverage.py"):
        matrix_of(result("novelty"))


def test_strength_comes_from_its_file(tmp_path, monkeypatch):
    """A clause that was measured shows what was planted and caught; others, and all without the file, a hyphen."""
    monkeypatch.setattr(coverage, "_STRENGTH", tmp_path / "strength.json")
    assert coverage.strength() == {} and matrix_of()["planted"] is None
    (tmp_path / "strength.json").write_text('{"clauses": {"eq16": {"planted": 12, "caught": 0, "right": 0}}}', encoding="utf-8")
    clauses = coverage.tabulated({"clauses": {}, "results": []}, coverage.strength())
    lines = {line.split()[0]: line.split()[1:] for line in coverage.lines(clauses) if line.startswith("eq1")}
    assert lines["eq16"] == [*"........", "12", ".", "none"] and lines["eq17"] == [*"........", "-", "-", "none"]


def test_strength_is_of_clauses_of_the_notes():
    """Every clause that the packaged file tells of exists, and no more is caught than planted."""
    assert all(key in STATEMENTS or int(key.removeprefix("eq")) in EQUATIONS for key in coverage.strength())
    assert all(0 <= of["caught"] <= of["planted"] for of in coverage.strength().values())


def test_the_command_prints_every_form(covered, monkeypatch, capsys):
    """The table, JSON with the matrix under each clause, the document; one of them at a time."""
    monkeypatch.setattr(coverage, "covered", lambda path: covered)
    for option, expected in (((), coverage.lines), (("--markdown",), coverage.markdown)):
        assert main(["coverage", *option]) == 0 and capsys.readouterr().out.splitlines() == list(expected(covered))
    assert main(["coverage", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)["clauses"]["eq16"]
    assert set(entry) == {"assertions", "kinds", "reason", "matrix"} and set(entry["matrix"]) == {c.name for c in coverage.COLUMNS}
    assert main(["coverage", "--json", "--markdown"]) == 4 and "not allowed with argument --json" in capsys.readouterr().err


def test_a_missing_assertion_names_the_file():
    """The module of an equation, of a statement about frameworks, and of one about our own system."""
    assert file_for("eq12") == "conformance/test_activations.py"
    assert file_for("s12.3-rescaling") == "conformance/test_regularization.py"
    assert file_for("s9-procedure") == "conformance/test_backpropagation.py and conformance/test_system_*.py"
