"""What the suite asserts of the notes: of every clause something, counted in a run."""

from pathlib import Path

import pytest

from eqwise import conformance
from eqwise.conformance import coverage
from eqwise.spec.document import EQUATIONS, STATEMENTS, clause_of

REASONED = {"eq3", "eq36", "eq37"}  # they name things and claim nothing


@pytest.fixture(scope="module")
def covered():
    """Every clause with the assertions of a run on the reference."""
    return coverage.covered()


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


def test_a_missing_assertion_names_the_file():
    """The module of an equation, of a statement about frameworks, and of one about our own system."""
    assert file_for("eq12") == "conformance/test_activations.py"
    assert file_for("s12.3-rescaling") == "conformance/test_regularization.py"
    assert file_for("s9-procedure") == "conformance/test_backpropagation.py and conformance/test_system_*.py"
