"""The measure of the suite's strength is right: what is caught, under which clause, and what a mutant is."""

import importlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from eqwise import reference
from eqwise.conformance import cli
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.coverage import strength
from eqwise.conformance.session import DEFAULT_SEED, Session
from eqwise.conformance.strength import figures, mutants, systems, trials
from eqwise.conformance.strength.detection import Detection, detected
from eqwise.conformance.strength.mutation import mutations
from eqwise.conformance.strength.running import run
from eqwise.conformance.strength.twins import are_alike, recorded
from eqwise.conformance.verdicts import Result
from eqwise.reference import activations
from wrong.collection import KNOWN, WRONG


@dataclass(frozen=True)
class Pristine:
    """The reference, said to be wrong."""

    name = clause = "eq12"
    operation, because = "softplus", "nothing is wrong"

    def adapter(self):
        return ReferenceAdapter()


def test_a_planted_error_is_caught_under_its_clause():
    """With the points and seconds until then; under another clause where it is said to be planted there."""
    planted = WRONG["eq12-softplus-log2"]
    found = detected(planted, KNOWN, DEFAULT_SEED)
    assert (found.caught, found.right, found.property) == (True, True, "value float64") and found.points > 0
    elsewhere = detected(replace(planted, clause="eq13"), KNOWN, DEFAULT_SEED)
    assert elsewhere.caught and not elsewhere.right


def test_what_is_right_is_not_caught():
    """A correct implementation passes all properties, and the table says so."""
    found = detected(Pristine(), KNOWN, DEFAULT_SEED)
    assert not found.caught and not found.right and found.points > 1000
    assert "  eq12: not caught" in list(figures.lines([found]))


def test_figures_count_by_clause_in_the_order_of_the_notes():
    """Medians are of those that were caught."""
    made = partial(Detection, operation="o", because="b", property="value")
    found = [
        made("a", "eq13", caught=True, right=False, points=10, seconds=1.0),
        made("b", "eq4", caught=False, right=False, points=99, seconds=9.0),
        made("c", "eq13", caught=True, right=True, points=30, seconds=3.0),
    ]
    clauses = figures.by_clause(found)
    assert list(clauses) == ["eq4", "eq13"]
    assert clauses["eq13"] == {"planted": 2, "caught": 2, "right": 1, "median_points": 10, "median_seconds": 2.0}
    assert clauses["eq4"]["median_points"] is None
    assert max(map(len, figures.lines(found))) <= 80


SOURCE = '''
import numpy as np

LIMIT = 1.5

def f(x: int = 3, y=None):
    """Nothing 1 + 1 here."""
    return np.sum(x - y, axis=0) if x > LIMIT else g(x, y)
'''


def test_mutations_change_one_thing_each():
    """Operators, constants, comparisons, axes, the order of arguments, terms, branches, functions; no docstring, no annotation."""
    found = {(one.before, one.after.rstrip("'")) for one in mutations("m", SOURCE)}
    assert {
        ("1.5", "3.0"), ("x - y", "x + y"), ("x - y", "x"), ("0", "1"), ("x > LIMIT", "x >= LIMIT"), ("x > LIMIT", "x < LIMIT"),
        ("g(x, y)", "g(y, x)"), ("np.sum", "np.mean"), ("np.sum(x - y, axis=0)", "np.sum(x - y, )"), ("3", "4"), ("3", "2"),
    } <= found  # fmt: skip
    assert not any("Nothing" in before or before == "int" for before, _ in found)


def test_every_mutant_compiles_has_a_name_of_its_own_and_reaches_an_operation():
    """All of the reference's, of which one in seven is looked at; each differs from it."""
    every = mutants.all_of()
    assert len(every) > 1500
    for one in list(every.values())[::7]:
        compile(one.source, one.name, "exec")
        assert one.source != (Path(reference.__path__[0]) / f"{one.module}.py").read_text(encoding="utf-8")
        assert mutants.operations_of(one)


RELU = "def relu(x: Any) -> Any:"


def mutant(module, before, after):
    """The reference with this text in the place of that."""
    source = (Path(reference.__path__[0]) / f"{module}.py").read_text(encoding="utf-8")
    assert before in source
    line = source[: source.index(before)].count("\n") + 1
    return replace(next(iter(mutants.all_of().values())), module=module, line=line, source=source.replace(before, after))


def test_a_mutant_leaves_the_reference_as_it_is():
    """It is loaded beside it."""
    kept, x = activations.relu, np.array([-1.0, 2.0])
    made = mutants.adapter(mutant("activations", RELU, f"{RELU}\n    return 3 * x\n\ndef _old(x):"))
    assert made.relu(x).tolist() == [-3.0, 6.0]
    assert activations.relu is kept and ReferenceAdapter().relu(x).tolist() == [0.0, 2.0]


@pytest.fixture
def entered(monkeypatch):
    """Puts a mutant among those that are known."""

    def enter(one):
        monkeypatch.setattr(mutants, "all_of", lambda: {"it": one})
        return trials.fate("it", DEFAULT_SEED)

    return enter


def test_fates_of_mutants(entered):
    """Caught by a property, or as it is loaded, or because it hangs."""
    wrong = entered(mutant("activations", RELU, f"{RELU}\n    return np.abs(x)\n\ndef _old(x):"))
    assert (wrong["status"], wrong["property"]) == ("caught", "relu value float64") and wrong["points"] > 0
    broken = entered(mutant("activations", RELU, f"{RELU}\n    pass\n\nnonsense()\n\ndef _old(x):"))
    assert broken["property"] == "it does not load: NameError"


def test_a_mutant_that_hangs_is_caught(entered, monkeypatch):
    """After the limit of time."""
    monkeypatch.setattr(trials, "HUNG", 1)
    head = "def hinge(y: Any, t: Any) -> Any:"  # which one operation reaches
    assert entered(mutant("losses", head, f"{head}\n    while True: pass\n\ndef _old(y, t):"))["property"] == "it hangs"


def test_equivalent_means_the_same_bytes():
    """One ulp, the sign of a zero, or another type is a difference; another spelling is none."""
    def alike(function):
        other = ReferenceAdapter()
        object.__setattr__(other, "relu", function)
        return are_alike(other, recorded("relu", "smoke"))

    assert alike(lambda x: activations.relu(x.copy()))
    assert not alike(lambda x: np.where(x > 100, np.nextafter(activations.relu(x), np.inf, dtype=x.dtype), activations.relu(x)))
    assert not alike(lambda x: np.where(activations.relu(x) == 0, -activations.relu(x), activations.relu(x)))
    assert not alike(lambda x: activations.relu(x).astype(np.float64))


def test_optimizers_and_layers_are_compared_step_by_step():
    """What an object returns, its state, and what it makes of a scale that is assigned."""
    class Other(ReferenceAdapter):
        def sgd(self, theta, eta):
            return ReferenceAdapter.sgd(theta, eta=np.nextafter(eta, np.inf))

        def batch_norm_layer(self, features, epsilon, rate, dtype):
            made = ReferenceAdapter.batch_norm_layer(features, epsilon, rate, dtype)
            vars(made)["infer"] = lambda x: type(made).infer(made, x) * (1 + (made.gamma != 1))
            return made

    assert are_alike(Other(), recorded("momentum", "smoke")) and are_alike(Other(), recorded("dropout_layer", "smoke"))
    assert not are_alike(Other(), recorded("sgd", "smoke"))
    assert not are_alike(Other(), recorded("batch_norm_layer", "smoke"))


def test_the_reference_loaded_anew_is_alike():
    """Its optimizers and layers are of other classes then, with the same names."""
    with mutants.loaded(mutant("batch_normalization", "import", "import")):
        again = importlib.import_module("eqwise.conformance.adapters.reference").ReferenceAdapter()
    assert type(again) is not ReferenceAdapter
    assert are_alike(again, recorded("batch_norm_layer", "smoke")) and are_alike(again, recorded("sgd", "smoke"))


def our_own(before, after):
    """What the tests of our own system say of a mutant of the optimizers."""
    return systems.failure(mutant("optimizers", before, after), 120)


def test_our_own_system_is_asked_too():
    """What no adapter is asked for: what is refused, and how a step of training goes."""
    assert our_own("import", "import") == ""
    assert our_own("be positive and finite", "be good") == "test_optimizers_refuse[eq57_0]"
    assert our_own("import", "raise ImportError  #") == "no test of the system ran"
    assert systems.failure(mutant("optimizers", "import numpy as np", "while True: pass"), 2) == "it hangs"


def test_the_search_for_a_survivor(entered, monkeypatch):
    """The same bytes are equivalent; what errs by more than half of what is allowed is caught."""
    monkeypatch.setattr(trials, "DIRECT", 1)

    def relu(result):
        return entered(mutant("activations", RELU, f"{RELU}\n    return {result}\n\ndef _old(x):"))

    assert relu("np.maximum(x, 0.0) + np.float64(0.0)")["status"] == "equivalent"
    assert relu("np.maximum(x, 0.0) * (1 + 7e-16)")["property"] == "test_one_training_step"
    assert relu("np.maximum(x, 0.0) * (1 + 12e-16)")["property"] == "relu value float64"


@pytest.mark.parametrize(
    ("accuracy", "verdict", "kind", "share", "passes"),
    [
        ("absolute", "inaccurate", "value", 9.0, True), ("strict", "inaccurate", "value", 9.0, False),
        ("strict", "conforms", "value", 0.9, True),
        ("0.5", "conforms", "value", 0.51, False), ("0.5", "conforms", "derivative", 0.5, True),
        ("0.5", "conforms", "distribution", 0.9, True),
        ("0.5", "inaccurate", "law", None, False),
    ],
)  # fmt: skip
def test_how_accurate_results_must_be(accuracy, verdict, kind, share, passes):
    """A share of the strict allowance bounds what is judged by an allowance, not what is left to chance."""
    result = Result(("eq12",), "softplus", kind, "float64", verdict, points=1, max_share=share)
    assert (Session(ReferenceAdapter(), accuracy=accuracy).settle(result)[1] is None) == passes


def test_an_interrupted_run_goes_on(tmp_path):
    """What was done is not done again, unless options or sources are others; half a line is forgotten."""
    partial_file, asked = tmp_path / "it.partial", []

    def job(name):
        asked.append(name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return {"name": name}

    with pytest.raises(KeyboardInterrupt):
        run(job, ["a", "b", "c", "d"], 1, partial_file, ["x"])
    with partial_file.open("a") as file:
        file.write('{"name": "d", "ma')
    assert run(job, ["a", "b", "c", "d"], 1, partial_file, ["x"]) == [{"name": name} for name in "abcd"]
    assert asked == ["a", "b", "c", "c", "d"] and not partial_file.exists()
    asked[:] = []
    with pytest.raises(KeyboardInterrupt):
        run(job, ["a", "b", "c"], 1, partial_file, ["x"])
    run(job, ["a", "b", "c"], 1, partial_file, ["another option"])
    assert asked == ["a", "b", "c", "a", "b", "c"]


def test_the_command(tmp_path, monkeypatch, capsys):
    """JSON by clause; wrong use is told in one line."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["strength", "--equations", "12", "--json", "-j", "2"]) == 0
    (clause,) = json.loads(capsys.readouterr().out)["clauses"].items()
    planted = sum(one.clause == "eq12" for one in WRONG.values())
    assert clause[0] == "eq12" and [clause[1][key] for key in ("planted", "caught", "right")] == [planted] * 3
    assert cli.main(["strength", "--equations", "78"]) == 4 and "1 to 77" in capsys.readouterr().err
    assert cli.main(["strength", "--sample", "3"]) == 4 and "--mutants" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_counts_that_are_kept_are_those_of_the_collection():
    """What was planted is what `eqwise strength --counts > conformance/strength.json` last saw; all of it is caught, under its clause."""
    planted = Counter(one.clause for one in WRONG.values())
    assert {key: [of[name] for name in ("planted", "caught", "right")] for key, of in strength().items()} == {
        key: [count] * 3 for key, count in planted.items()
    }
