"""A bug report tells one fault, with a script that was run and shows it; what others wrote in it commands nothing."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.case import Call, Case
from eqwise.conformance.properties import checks_of
from eqwise.conformance.report import bugs, trial
from eqwise.conformance.report.bug import Setting, report
from eqwise.conformance.report.faults import Fault, faults
from eqwise.conformance.report.naming import selection, title
from eqwise.conformance.report.trial import Trial, tried
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Number, Result, Worst
from eqwise.conformance.witness import witnessed

EXPECTED = "20.081579051842223"


class Linear(Adapter):
    """Softplus that is linear from 20 on."""

    name, version, dtypes = "linear", "1.0", ("float64", "float32")

    def softplus(self, x): return np.where(x > 20, x, np.log1p(np.exp(x)))


class Right(Linear):
    """Softplus that is right."""

    def softplus(self, x): return np.logaddexp(0.0, x)


class Slow(Linear):
    """Softplus that takes its time."""

    def softplus(self, x):
        import time

        time.sleep(0.6)
        return x


CASE = Case("softplus", "float64", (Call("softplus", (np.array([20.08157904994254]),)),), (0,), EXPECTED, 3.5e-14)
WORST = Worst({"x": Number.of(20.08157904994254)}, Number.of(float(EXPECTED)), Number.of(20.08157904994254), "output", 1.9e-9, 3.5e-14)
VALUE = Result(
    ("eq12",), "softplus", "value", "float64", "deviates", points=9, max_ulp=6e5, max_share=5e4, worst=WORST,
    interval=("20.000000000000004", "36.7"), message="deviates", case=CASE.as_json(),
)  # fmt: skip
DERIVATIVE = replace(VALUE, property="derivative", case=None, interval=None)
ADAM = replace(VALUE, operation="adam", property="update", clauses=("eq66",), case=None, interval=None)
KNOWN = {"kind": "fault", "reason": "to be mended"}


def setting(fresh=Linear, **changes):
    return replace(Setting(fresh(), fresh, "linear.py", (), "0.1"), **changes)


def written(results, into, fresh=Linear):
    return {path.name: path.read_text(encoding="utf-8") for path in bugs.write(into, results, setting(fresh), "absolute")}


def code_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_report_of_a_fault_has_everything(tmp_path):
    """Title, formula as text and TeX, digits, ulps, interval, diagnosis, command, versions and a script that exits with 1."""
    explained = replace(VALUE, explanations=(Explanation("branch", "x itself beyond 20", ("eq12",), 4096, 0.5, "x"),))
    (text,) = written([explained, DERIVATIVE], tmp_path).values()
    assert text.startswith("# softplus deviates from log(1 + exp(x)) on \\[20.000000000000004, 36.7\\]\n")
    for part in (
        "(section 4, definition)", r"f(x) = \log(1 + e^x)", EXPECTED, "ulp", "## Where", "x itself beyond 20", "4,096 fresh results",
        "eqwise run linear.py --equations 12 --dtypes float64 -k eq12-softplus-value", "NumPy", "ball arithmetic",
    ):  # fmt: skip
        assert part in text, part
    (script,) = code_blocks(text, "python")
    (tmp_path / "fault.py").write_text(script)
    done = subprocess.run([sys.executable, "-I", "fault.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and f"expected   {EXPECTED}" in done.stdout
    assert "eqwise" not in script


def test_without_an_explanation_the_report_says_so():
    """No explanation is better than a wrong one."""
    assert "Nothing that was tried explains it." in report(Fault((VALUE,)), setting(), Trial(reason="r"))


@pytest.mark.parametrize(
    ("fresh", "seconds", "says"),
    [
        (Right, 10, "its exit status is 0"),
        (Slow, 0.5, "takes longer than 0.5 seconds"),
        (lambda: 1 / 0, 10, "cannot be made again: ZeroDivisionError"),
    ],
)
def test_a_script_that_does_not_show_the_fault_is_not_written(fresh, seconds, says):
    """The reason stands in the report instead."""
    found = tried(fresh, CASE, "t", seconds)
    assert not found.source and says in found.reason
    text = report(Fault((VALUE,)), setting(), found)
    assert "There is no script" in text and "```python" not in text


def test_scripts_are_run_where_eqwise_cannot_be_imported():
    """An import of eqwise fails there, though it is installed here; so does a script that exits with 1 for another reason."""
    said = f"print('expected   {EXPECTED}')\n"
    for source in ("import eqwise.spec\n", "raise SystemExit(1)\n", said, "print('expected  ', 1)\nraise SystemExit(1)"):
        found = trial.run(source, CASE)
        assert not found.source and found.reason
    assert "without eqwise" in trial.run("import eqwise.spec\n", CASE).reason
    lines = f"{said}print('actual     1.0')\nraise SystemExit(1)\n"
    assert trial.run(lines, CASE).source == lines
    assert "it gives 1.0" in trial.run(lines, CASE, here=2.0).reason


class Threaded(Linear):
    """Softplus that is wrong with several threads only."""

    def softplus(self, x):
        import os

        return np.logaddexp(0.0, x) if os.environ.get("OMP_NUM_THREADS") == "1" else x


def test_a_fault_that_takes_several_threads_is_told(monkeypatch):
    """The script is run once more with one thread, and the report says what that changes."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for fresh, several in ((Threaded, True), (Linear, False)):
        found = tried(fresh, CASE, "t")
        assert found.source and found.threads is several
        assert ("it takes several" in report(Fault((VALUE,)), setting(), found)) is several


def test_results_with_one_cause_share_a_file():
    """Dtypes and properties together, other clauses, operations and natures apart; statements go with their operations."""
    later = replace(ADAM, clauses=("eq68",))
    results = [
        VALUE, DERIVATIVE, replace(VALUE, dtype="float32"), ADAM, later, replace(ADAM, dtype="float32", clauses=("eq66", "eq65")),
        replace(VALUE, property="purity", case=None), replace(VALUE, property="statement", clauses=("s4-nonlinear",), case=None),
        replace(VALUE, operation="relu", clauses=("eq13",), verdict="error", message="raised", case=None),
    ]  # fmt: skip
    found = faults(results, "absolute")
    assert [fault.name for fault in found] == ["adam-eq66", "adam-eq68", "relu-eq13-error", "softplus-eq12-purity", "softplus-eq12"]
    assert [len(fault.results) for fault in found] == [2, 1, 1, 1, 4]
    assert found == faults(results[::-1], "absolute")
    same = tuple(replace(r, explanations=(Explanation("sign", "the sign", (), 1, 0.0),)) for r in (ADAM, later))
    assert len(faults(same, "absolute")) == 1


@pytest.mark.parametrize(
    ("changes", "accuracy", "is_one"),
    [
        ({}, "absolute", True),
        ({"verdict": "error"}, "absolute", True),
        ({"verdict": "inaccurate"}, "absolute", False),
        ({"verdict": "inaccurate"}, "strict", True),
        ({"verdict": "conforms_as", "reading": "eq34:half"}, "absolute", False),
        ({"verdict": "undecided"}, "strict", False),
        ({"property": "special_values"}, "strict", False),
        ({"property": "special_values", "verdict": "error"}, "absolute", True),
        ({"verdict": "not_offered"}, "strict", False),
        ({"verdict": "error", "label": "defect"}, "strict", False),
        ({"waiver": KNOWN}, "absolute", True),
        ({"waiver": {**KNOWN, "kind": "documented"}}, "absolute", False),
        ({"waiver": {**KNOWN, "kind": "limitation"}}, "absolute", False),
        ({"verdict": "conforms", "waiver": KNOWN}, "absolute", False),
    ],
)
def test_which_results_are_faults(changes, accuracy, is_one):
    """A convention, a documented behaviour, a limitation and what is ours make no bug report."""
    assert bool(faults([replace(VALUE, **changes)], accuracy)) == is_one


def test_a_known_fault_is_told_to_be_known(tmp_path):
    """With the reason of its waiver."""
    (text,) = written([replace(VALUE, waiver=KNOWN)], tmp_path).values()
    assert "This is a known fault: to be mended" in text


HOSTILE = "# boo\n```\n</details><script>alert(1)</script> [x](http://y) `a` | b \x1b[31m\u202e $x$ ../../up"


def test_hostile_text_marks_up_nothing(tmp_path):
    """Names, versions, messages, explanations and waivers of others are text."""

    class Hostile(Linear):
        name = version = HOSTILE
        settings = {HOSTILE: HOSTILE}  # noqa: RUF012

    told = Explanation(HOSTILE, HOSTILE, ("eq12",), 1, 0.0, HOSTILE)
    bad = replace(
        VALUE, message=HOSTILE, where=HOSTILE, label=HOSTILE, explanations=(told,), waiver={**KNOWN, "reason": HOSTILE, "link": HOSTILE},
        interval=(HOSTILE, HOSTILE),
    )  # fmt: skip
    for result in (bad, replace(bad, worst=None, case=None, verdict="error")):
        (text,) = written([result], tmp_path, Hostile).values()
        outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
        outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
        assert not re.search(r"(?<!\\)(<script|\[x\]\(|^# boo)", outside, re.MULTILINE)
        assert "\x1b" not in text and "\u202e" not in text
        assert outside.count("\n# ") == 0


def test_code_cannot_break_out_of_its_fence():
    """The fence is longer than any run of backticks in what it holds."""
    text = report(Fault((VALUE,)), setting(), Trial("x = '''\n````\n'''\n", "```\n# out\n"))
    assert "`````python\nx" in text and "````text\n```\n# out\n````" in text


@pytest.mark.parametrize("operation", ["../../up", "/etc/passwd", "a/b", "..", "CON", "\x00", "ü" * 300])
def test_names_cannot_leave_the_folder(tmp_path, operation):
    """Whatever an operation is called, its file is in the folder."""
    into = tmp_path / "in" / "it"
    into.mkdir(parents=True)
    written([replace(VALUE, operation=operation, case=None)], into)
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(found) == 1 and found[0].parent == into


def test_what_is_not_ours_stays(tmp_path):
    """Other files are left alone, one of the same fault is replaced, and a second run writes the same."""
    (tmp_path / "mine.md").write_text("mine")
    first = written([VALUE], tmp_path)
    assert written([VALUE], tmp_path) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.md", "softplus-eq12.md"]


ADAPTER = """
import numpy as np
class Mine:
    name, version, dtypes = "mine", "1", ("float64", "float32")
    def softplus(self, x):
        return np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 30.0)))).astype(x.dtype)
    def relu(self, x):
        raise RuntimeError("no `relu` <today>")
    def tanh(self, x):
        x *= 0
        return x
    def mse(self, t, y):
        return np.mean((t - y) ** 2) / 2
"""


def _run(folder, *options):
    (folder / "mine.py").write_text(ADAPTER)
    command = [sys.executable, "-m", "eqwise.conformance.cli", "run", "mine.py", "--effort", "smoke", "-q", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}, check=False)


def test_two_processes_write_the_same_files(tmp_path):
    """One report for each fault, the same under -n 2, named in the summary."""
    read = {}
    for workers in ("0", "2"):
        done = _run(tmp_path, "--equations", "11-13,23", "-n", workers, "--bug-reports", f"made/bugs{workers}")
        assert done.returncode == 1, done.stdout + done.stderr
        assert f"in made/bugs{workers}" in done.stdout
        read[workers] = {path.name: path.read_text() for path in (tmp_path / "made" / f"bugs{workers}").iterdir()}
    assert read["0"] == read["2"]
    assert {"relu-eq13-error.md", "softplus-eq12.md", "mse-eq23.md"} <= set(read["0"])
    assert all(f"\n{name}" in done.stdout.replace("  ", "") for name in read["0"])
    commands = [code_blocks(text, "sh")[0] for text in read["0"].values()]
    for command in commands:
        done = _run(tmp_path, *shlex.split(command)[3:], "--collect-only")
        collected = [line for line in done.stdout.splitlines() if "::" in line]
        assert len(collected) == 1 and done.returncode == 0, command


def test_a_folder_that_cannot_be_made_is_wrong_use(tmp_path):
    """One line and exit status 4."""
    (tmp_path / "file").write_text("")
    done = _run(tmp_path, "--bug-reports", "file")
    assert done.returncode == 4 and "--bug-reports 'file' cannot be written" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (VALUE, "--equations 12 --dtypes float64 -k eq12-softplus-value"),
        (replace(VALUE, property="law", label="reflects"), "--equations 12 --dtypes float64 -k reflects"),
        (replace(VALUE, property="statement", clauses=("s4-nonlinear",)), "--dtypes float64 -k s4-nonlinear"),
        (ADAM, "--equations 66 --dtypes float64 -k eq64..eq68-adam-update"),
        (replace(VALUE, operation=None, property="smoke", clauses=()), "--dtypes float64 -k smoke"),
    ],
)
def test_commands_select_the_check(result, words):
    """Of an operation's properties that one, of a law its test, of a statement all of its tests."""
    assert shlex.join(selection(result)) == words


def test_titles_say_what_is_wrong():
    """By a short formula, or by the number and the title of the equation."""
    assert title(Fault((replace(ADAM, clauses=("eq64", "eq66")),))) == "adam deviates from equations (64) and (66) (Adam: first moment)"
    assert title(Fault((replace(VALUE, property="purity"),))).endswith("does not leave its arguments and results alone")


class Harmful(Adapter):
    """Wrong in ways that no number shows."""

    def relu(self, x): raise RuntimeError("no `relu` <today>")
    def logistic(self, x): return (1 / (1 + np.exp(-x))).reshape(-1)[:1]

    def tanh(self, x):
        x *= 0
        return x

    def identity(self, x, kept={}):  # noqa: B006
        out = kept.setdefault(x.shape, np.empty(x.shape))
        out[...] = x
        return out

    def momentum(self, theta, eta, alpha): return Moving(theta, eta, alpha)


class Moving:
    """Momentum that hands out the velocity that it uses."""

    def __init__(self, theta, eta, alpha):
        self.theta, self.eta, self.alpha = theta, eta, alpha
        self.v = [np.zeros_like(a) for a in theta] if isinstance(theta, list) else np.zeros_like(theta)

    def step(self, gradient, eta=None):
        many = isinstance(gradient, list)
        for a, g, v in zip(*(item if many else [item] for item in (self.theta, gradient, self.v)), strict=True):
            v *= self.alpha
            v -= self.eta * g
            a += v
        return [a.copy() for a in self.theta] if many else self.theta.copy()

    def state(self): return {"v": self.v}


@pytest.mark.parametrize(
    ("operation", "kind", "question", "says"),
    [
        ("relu", "value", "answer", "RuntimeError: no `relu` <today>"),
        ("logistic", "value", "answer", "float64 of shape (1,)"),
        ("tanh", "purity", "arguments", "x is now ["),
        ("identity", "purity", "result", "before"),
        ("momentum", "purity", "arguments", "theta"),
    ],
)
def test_what_no_number_shows_has_a_script_too(operation, kind, question, says):
    """A call that raises or answers in another shape, an argument that is written, a result that changes later."""
    session, entry = Session(Harmful(), effort="smoke"), OPERATIONS[operation]
    result = witnessed(session, checks_of(entry)[kind](session, entry, "float64"))
    case = Case.from_json(result.case)
    assert case.question == question
    found = tried(Harmful, case, "t")
    assert says in found.output, found.reason
    assert tried(Gentle, case, "t").reason


class Gentle(Adapter):
    """The same operations, which do no harm."""

    def relu(self, x): return np.maximum(x, 0)
    def logistic(self, x): return 1 / (1 + np.exp(-x))
    def tanh(self, x): return np.tanh(x)
    def identity(self, x): return x.copy()
    def momentum(self, theta, eta, alpha): return Moving([a.copy() for a in theta] if isinstance(theta, list) else theta.copy(), eta, alpha)
