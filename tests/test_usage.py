"""How the suite is used, and misused: command line, options, report, adapters of others."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest

from determinism import differences
from eqwise.conformance import cli
from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.check import attempted
from eqwise.conformance.laws import states
from eqwise.conformance.loading import UsageError, load
from eqwise.conformance.plugin import equations
from eqwise.conformance.properties import checks_of
from eqwise.conformance.purity import check_smoke
from eqwise.conformance.report.terminal import failure, summary
from eqwise.conformance.session import DEFECT, Session
from eqwise.conformance.verdicts import Result
from eqwise.conformance.waivers import WaiverError, read
from eqwise.reference import activations

SCHEMA = json.loads(resources.files("eqwise.conformance.report").joinpath("schema.json").read_text(encoding="utf-8"))


def _run(*options, cwd=None):
    command = [sys.executable, "-m", "eqwise.conformance.cli", "run", *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "COLUMNS": "80"}, check=False)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [(name, kind) for name, entry in OPERATIONS.items() for kind in checks_of(entry) if kind != "special_values"],
)
def test_a_result_that_cannot_be_read_is_an_error_of_the_adapter(operation, kind):
    """Whatever is asked, it is no defect of the suite."""
    class Unreadable(ReferenceAdapter):
        def to_numpy(self, value):
            raise RuntimeError("no compiler")

    entry, session = OPERATIONS[operation], Session(Unreadable(), effort="smoke")
    blank = Result(entry.clauses, operation, kind, "float32" if entry.typed else None, "not_offered")
    result = attempted(blank, lambda: checks_of(entry)[kind](session, entry, blank.dtype or ""))
    assert result.label != DEFECT, result.message


def test_a_misspelt_operation_is_told(tmp_path):
    """Where a name is nearly that of an operation that is not offered; helpers, and what is beside an operation, are not."""
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    name, version, dtypes = 'mine', '1', ('float32',)\n"
        "    def relu(self, x): return x * (x > 0)\n    def relu_(self, x): return x\n    def shifted(self, x): return x\n"
        "    def sofmax(self, x): return x\n",
        encoding="utf-8",
    )
    with pytest.warns(UserWarning, match="'sofmax' is no operation of the contract, and is not judged; is 'softmax' meant") as told:
        load(str(tmp_path / "mine.py"), {})
    assert len(told) == 1
    source = "class Mine:\n    dtypes = 'float32'\n    def tanh(self, x): return x\n    def rleu(self, x): return x\n"
    (tmp_path / "mine.py").write_text(source)
    with pytest.warns(UserWarning, match="'rleu' is no operation of the contract, and is not judged; is 'relu' meant"):
        load(str(tmp_path / "mine.py"), {})
    done = _run("mine.py", cwd=tmp_path)
    assert done.returncode == 4 and "dtypes are 'float32'; they are a tuple of names" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["nonsense"], "no adapter 'nonsense'"),
        (["missing.py"], "no adapter file 'missing.py'"),
        (["eqwise.conformance.adapters.reference:Nobody"], "no class 'Nobody'"),
        (["math:nothing"], "no class 'nothing'"),
        (["fractions:Fraction"], "offers no operation"),
        (["reference", "--equations", "0"], "the notes number their equations 1 to 77"),
        (["reference", "--equations", "78"], "the notes number their equations 1 to 77"),
        (["reference", "--equations", "5-"], "the notes number their equations 1 to 77"),
        (["reference", "--equations", "abc"], "the notes number their equations 1 to 77"),
        (["reference", "--dtypes", "float8"], "the suite judges float64, float32, float16, bfloat16"),
        (["reference", "--conformance-report", "no/such/folder/report.json"], "cannot be written"),
        (["reference", "--conformance-report", "."], "it is a folder"),
        (["reference", "--adapter-option", "x"], "is not KEY=VALUE"),
        (["reference", "--effort", "fast"], "--effort 'fast': one of smoke, standard, thorough"),
        (["reference", "--accuracy", "2"], "a share of the strict allowance from 0 to 1"),
        (["reference", "--adapter-option", "x=1"], "does not take the options"),
    ],
)
def test_wrong_use_gets_one_line_and_exit_status_4(options, says, tmp_path):
    """One clear line, pytest's status of a usage error, no traceback."""
    done = _run(*options, cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_equations_are_numbers_and_ranges():
    """10,57-59 names four equations."""
    assert equations("10,57-59") == {10, 57, 58, 59}
    with pytest.raises(UsageError):
        equations("9-5")


def test_report_is_valid_sorted_and_complete(tmp_path):
    """The JSON report follows the schema; ids read eq12-softplus-derivative-float32; 80 columns are enough."""
    chosen = ("--equations", "12", "--effort", "smoke", "-n", "2")
    done = _run("reference", *chosen, "-v", "--conformance-report", "r.json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "eq12-softplus-derivative-float32" in done.stdout
    summary = done.stdout[done.stdout.index(" eqwise: ") :]
    assert all(len(line) <= 80 for line in summary.splitlines()[1:-1])
    report = json.loads((tmp_path / "r.json").read_text())
    jsonschema.validate(report, SCHEMA)
    assert report["clauses"]["eq12"]["verdict"] == "conforms"
    assert {result["operation"] for result in report["results"]} == {"softplus", None}
    environment = report["environment"]
    assert 0 < environment["adapter_cpu_seconds"] < environment["cpu_seconds"] < 2 * environment["wall_seconds"], "of both processes"
    assert not list(tmp_path.glob("*.partial"))


def test_two_runs_write_the_same_bytes_but_for_the_environment(tmp_path):
    """Same seed, same report, also under two workers and another hash seed: of values, laws, steps and draws."""
    assert differences(tmp_path, "reference", "--equations", "13,32,59,70", "--effort", "smoke") == []


def test_runs_that_differ_are_told(tmp_path):
    """An adapter whose last bit follows the hash seed passes, and its two reports differ."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nBIT = 2.0**-52 * (hash('eqwise') % 5 - 2)\n"
        "class Mine:\n    name, version, dtypes = 'mine', '1', ('float64',)\n    def tanh(self, x): return np.tanh(x) * (1 + BIT)\n"
    )
    found = differences(tmp_path, str(tmp_path / "mine.py"), "--equations", "11", "--effort", "smoke")
    assert found[:2] == ["--- one process", "+++ two processes"] and any("max_share" in line for line in found)


def test_an_interrupted_run_keeps_what_it_has(tmp_path):
    """Every result is on disk as soon as it is there."""
    code = "import os, pytest; import eqwise.conformance.report.writer as w; w.Writer.finish = lambda self: os._exit(9); "
    code += "from eqwise.conformance.cli import main; main(['run', 'reference', '--equations', '17', '--effort', 'smoke', "
    code += "'--conformance-report', 'r.json'])"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    lines = (tmp_path / "r.json.partial").read_text().splitlines()
    assert len(lines) >= 8
    assert {json.loads(line)["operation"] for line in lines} == {"identity", None}  # None: the smoke property


def test_show_prints_an_equation(capsys):
    """Number, section, kind, title, TeX, formula, readings, operations and properties."""
    assert cli.main(["show", "34"]) == 0
    shown = capsys.readouterr().out
    assert "(34) Huber loss, unhalved" in shown and "half_over_delta" in shown and "operations huber" in shown
    assert cli.main(["show", "12", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["formula"] == "log(1 + exp(x))"
    assert cli.main(["show", "78"]) == 4
    assert "1 to 77" in capsys.readouterr().err


@pytest.mark.parametrize("number", range(1, 78))
def test_show_knows_every_equation(capsys, number):
    """All 77, as text and as JSON."""
    assert cli.main(["show", str(number)]) == 0
    assert capsys.readouterr().out.startswith(f"({number}) ")
    assert cli.main(["show", str(number), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["formula"]


class Broken(Adapter):
    """Every operation broken in its own way; softplus is right."""

    dtypes = ("float64",)
    softplus = staticmethod(activations.softplus)

    def tanh(self, x): raise RuntimeError("no tanh today")

    def relu(self, x): return np.zeros(3)

    def logistic(self, x): return activations.logistic(x).astype(np.float32)

    def step(self, x):
        x[...] = 1.0
        return x

    def elu(self, x, alpha): sys.exit(3)

    def sgd(self, theta, eta): return SimpleNamespace(step=lambda gradient, eta=None: sys.exit(5))

    def leaky_relu(self, x, alpha):
        x.flags.writeable = False
        return activations.leaky_relu(x, alpha)

    def identity(self, x):
        self.kept = getattr(self, "kept", {})
        out = self.kept.setdefault(x.shape, np.empty(x.shape))
        out[...] = x
        return out


@pytest.mark.parametrize(
    ("operation", "kind", "verdict", "says"),
    [
        ("tanh", "value", "error", "RuntimeError: no tanh today"),
        ("relu", "value", "error", "shape"),
        ("logistic", "value", "error", "never narrower"),
        ("step", "purity", "deviates", "writes to its input x"),
        ("identity", "purity", "deviates", "changes when it is called again"),
        ("elu", "value", "error", "elu raised RuntimeError: SystemExit: 3"),
        ("sgd", "update", "error", "SystemExit: 5"),
        ("leaky_relu", "purity", "error", "locked by the call"),
        ("softplus", "value", "conforms", ""),
        ("softplus", "derivative", "not_offered", ""),
        ("softplus", "purity", "conforms", ""),
    ],
)
def test_what_an_adapter_does_wrong_costs_that_operation_alone(operation, kind, verdict, says):
    """Errors and impurity are verdicts, and the others still get theirs."""
    result = checks_of(OPERATIONS[operation])[kind](Session(Broken(), effort="smoke"), OPERATIONS[operation], "float64")
    assert result.verdict == verdict
    assert says in (result.message or "")


@pytest.fixture
def broken_suite(tmp_path):
    """A run of softplus in one dtype with a suite whose value property raises: its status, its output and its report."""
    code = "import eqwise.conformance.properties as p, sys\ndef broken(*_): raise ZeroDivisionError('a planted defect')\n"
    code += "p.COMMON['value'] = broken\nfrom eqwise.conformance.cli import main\n"
    code += "sys.exit(main(['run', 'reference', '--equations', '12', '--effort', 'smoke', '--dtypes', 'float64', '-n', '0',"
    code += " '--conformance-report', 'r.json']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    return done, json.loads((tmp_path / "r.json").read_text())


def test_a_defect_of_the_suite_is_an_error_and_never_a_pass(broken_suite):
    """Whatever a check raises is recorded with its name, fails the test and decides the verdict of the clause."""
    done, report = broken_suite
    jsonschema.validate(report, SCHEMA)
    assert done.returncode == 1, done.stdout + done.stderr
    assert report["clauses"]["eq12"]["verdict"] == "error"
    broken = [result for result in report["results"] if result["verdict"] == "error"]
    assert {result["property"] for result in broken} == {"value", "system"}
    assert all("ZeroDivisionError" in result["message"] for result in broken)


def test_no_waiver_excuses_a_defect_of_the_suite(tmp_path):
    """A waiver of the property covers what the adapter does wrong there."""
    path = tmp_path / "w.toml"
    path.write_text('[[waiver]]\noperation = "tanh"\nproperty = "value"\nkind = "fault"\nreason = "r"\n')
    session, blank = Session(Adapter(), read(path, "1.0")), Result(("eq11",), "tanh", "value", "float64", "not_offered")
    result, problem = session.settle(attempted(blank, lambda: 1 / 0))
    assert result.verdict == "error" and "ZeroDivisionError" in str(problem)


def test_a_defect_of_a_statement_is_an_error():
    """The tests of statements and laws record what is raised there too."""

    @states("s4-nonlinear", "tanh")
    def test_nothing(trial):
        raise KeyError("a planted defect")

    result = test_nothing.check(Session(load("reference", {})[0]), "float64")
    assert (result.verdict, result.clauses) == ("error", ("s4-nonlinear",))
    assert "KeyError" in result.message


class LosesTheSign(Adapter):
    """Conversion turns −0 into 0."""

    def to_numpy(self, value): return np.asarray(value) + 0.0


def test_smoke_finds_a_broken_conversion():
    """A fault of the conversion is found once, before it cascades."""
    assert check_smoke(Session(LosesTheSign()), "float64").verdict == "error"
    assert check_smoke(Session(Adapter()), "float64").verdict == "conforms"


def test_a_failure_shows_the_formula_that_it_was_judged_by():
    """That of the declared reading, where there is one, in the failure and in the summary."""
    result = Result(("eq34",), "huber", "value", "float64", "deviates", reading="eq34:half", points=5)
    as_printed = replace(result, reading=None)
    assert "read as half: {(t - y)^2/2 if" in failure(result, "deviates") and "{(t - y)^2 if" in failure(as_printed, "deviates")
    told = " ".join(line.strip() for line in summary([result], Adapter()))
    assert "(34) Huber loss, unhalved, read as half: {(t - y)^2/2 if" in told


class ArraysAreLists(Adapter):
    """A framework whose own arrays are lists, gradients among them."""

    def from_numpy(self, array): return array.tolist()
    def relu(self, x): return np.maximum(x, 0.0).tolist()
    def vjp(self, operation, inputs, cotangent): return [np.where(np.array(inputs[0]) > 0, cotangent, 0.0).tolist()]


def test_gradients_may_be_lists_where_arrays_are():
    """One for each input, however many elements it has."""
    session = Session(ArraysAreLists(), effort="smoke", dtypes=("float64",))
    assert checks_of(OPERATIONS["relu"])["derivative"](session, OPERATIONS["relu"], "float64").verdict == "conforms"


class MeanHinge(Adapter):
    """A hinge that is offered as a mean only."""

    reduction = {"hinge": "mean"}  # noqa: RUF012

    def hinge(self, y, t): return np.mean(np.maximum(1 - t * y, 0))


class SumHinge(MeanHinge):
    """The sum, declared to be the mean."""

    def hinge(self, y, t): return np.sum(np.maximum(1 - t * y, 0))


class FirstHinges(MeanHinge):
    """The mean of the first 32 elements, whatever their number."""

    def hinge(self, y, t): return super().hinge(y[:32], t[:32])


class MeanQuantile(Adapter):
    """A loss with a hyper-parameter that is offered as a mean only."""

    reduction = {"quantile": "mean"}  # noqa: RUF012

    def quantile(self, y, t, tau): return np.mean((1 - tau) * np.maximum(y - t, 0) + tau * np.maximum(t - y, 0))


class SwappedQuantile(MeanQuantile):
    """The other tail."""

    def quantile(self, y, t, tau): return super().quantile(y, t, 1 - tau)


def test_reduced_losses_are_judged_as_they_are_offered():
    """A mean passes as a mean, with hyper-parameters and without; a sum does not, nor the other tail, nor a part of many."""
    hinges = ((MeanHinge, SumHinge, "hinge"), (MeanHinge, FirstHinges, "hinge"))
    for right, wrong, name in (*hinges, (MeanQuantile, SwappedQuantile, "quantile")):
        value = checks_of(OPERATIONS[name])["value"]
        assert value(Session(right(), effort="smoke"), OPERATIONS[name], "float64").verdict in ("conforms", "inaccurate")
        assert value(Session(wrong(), effort="smoke"), OPERATIONS[name], "float64").verdict == "deviates"


def test_readings_and_waivers_are_checked(tmp_path):
    """Unknown tables, keys, kinds and readings are refused with the rule that they break."""
    path = tmp_path / "w.toml"
    waiver = '[[waiver]]\noperation = "tanh"\nproperty = "value"\nkind = "{}"\nreason = "r"\n'
    for content, says in (
        ("[[wavier]]\n", "no table 'wavier'; the nearest is 'waiver'"),
        (waiver.format("bug"), "no kind 'bug'"),
        (waiver.format("fault") + "colour = 1\n", "no key of a waiver 'colour'"),
        ('[[reading]]\noperation = "huber"\nclause = "eq34"\nreading = "third"\nreason = "r"\n', "no reading of eq34 'third'"),
        ('[[waiver]]\noperation = "tanh"\nproperty = "value"\nkind = "fault"\n', "lacks 'reason'"),
    ):
        path.write_text(content)
        with pytest.raises(WaiverError, match=says):
            read(path, "1.0")


def test_a_waiver_that_passes_fails_the_run(tmp_path):
    """An expected failure that does not happen is reported, and one that does is excused."""
    path = tmp_path / "w.toml"
    path.write_text('[[waiver]]\noperation = "tanh"\nproperty = "value"\nkind = "fault"\nreason = "r"\nwhen = {version = "1."}\n')
    session = Session(Adapter(), read(path, "1.3"))
    passes = Result(("eq11",), "tanh", "value", "float64", "conforms", points=1)
    fails = Result(("eq11",), "tanh", "value", "float64", "deviates", message="wrong")
    assert "remove the waiver" in str(session.settle(passes)[1])
    assert session.settle(fails)[1] is None
    assert Session(Adapter(), read(path, "2.0")).settle(fails)[1] == "wrong"
    path.write_text(path.read_text() + "sometimes = true\n")
    session = Session(Adapter(), read(path, "1.3"))
    assert session.settle(passes) == (passes, None) and session.settle(fails)[1] is None
    path.write_text(path.read_text().replace("true", '"yes"'))
    with pytest.raises(WaiverError, match="sometimes = 'yes' is neither true nor false"):
        read(path, "1.3")


def test_adapters_load_by_file(tmp_path):
    """path/to/file.py takes the one class that offers operations; a plain class needs no base."""
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\n\nclass Mine:\n    name = 'mine'\n    def tanh(self, x): return np.tanh(x)\n")
    adapter, _ = load(str(path), {})
    assert adapter.name == "mine" and adapter.offers("tanh") and not adapter.offers("relu")


def test_helpers_beside_an_adapter_are_not_taken_for_one(tmp_path):
    """An optimizer has a method `step`, which is an operation's name too."""
    (tmp_path / "mine.py").write_text(
        "class Optimizer:\n    def step(self, gradient): ...\n"
        "class Mine:\n    name, version, dtypes = 'mine', '1', ('float64',)\n    def relu(self, x): return x\n"
    )
    assert load(str(tmp_path / "mine.py"), {})[0].name == "mine"


def test_torch_says_how_to_install_it(monkeypatch):
    """Without PyTorch the message is the command that installs it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "eqwise.conformance.adapters.torch", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'eqwise\[torch\]'"):
        load("torch", {})


def test_foreign_pytest_runs_are_left_alone(tmp_path):
    """Nothing is added to a pytest run that does not ask for the plugin."""
    (tmp_path / "test_mine.py").write_text("def test_nothing(): pass\n")
    command = [sys.executable, "-m", "pytest", "--help", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "--adapter" not in done.stdout


def test_every_operation_has_an_implementation_and_every_adapter_its_contract():
    """The reference offers the whole contract; built-in adapters define nothing outside it by mistake."""
    adapter, _ = load("reference", {})
    missing = [name for name in OPERATIONS if not adapter.offers(name)]
    assert not missing, f"define {missing} in reference/ and in the adapters that offer them"
    assert Path(cli.__file__).exists()


class GivesNoGradients(Adapter):
    """Its networks have no gradients, and it converts nothing that is no array."""

    def to_numpy(self, value): return value.copy()
    def network_gradients(self, x, t, weights, biases, activation, output, loss): return [None for _ in weights], [None for _ in biases]


@pytest.mark.parametrize("kind", ["derivative", "purity"])
def test_results_that_cannot_be_converted_are_the_adapters_error(kind):
    """No check takes them for a defect of the suite."""
    result = checks_of(OPERATIONS["network_gradients"])[kind](Session(GivesNoGradients()), OPERATIONS["network_gradients"], "float64")
    assert (result.verdict, result.label) == ("error", None)
    assert "to_numpy of the result of network_gradients raised AttributeError" in result.message


_FLUSHING = """
import ctypes, ctypes.util
import numpy as np

class Flushes:
    name, version, dtypes = "flushes", "1", ("float64",)
    def tanh(self, x):
        libm, state = ctypes.CDLL(ctypes.util.find_library("m")), (ctypes.c_uint32 * 8)()
        libm.fegetenv(state)
        state[7] |= 0x8040  # of the processor's vector unit: results and operands that are subnormal are 0
        libm.fesetenv(state)
        return np.tanh(x)
    def relu(self, x): return np.maximum(x, 0)
"""


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the layout of fenv_t is that of Linux on x86-64")
def test_nothing_is_judged_by_flushed_numbers(tmp_path):
    """A framework that leaves the processor flushing subnormal numbers gets no verdict from then on, whatever it returns."""
    (tmp_path / "flushes.py").write_text(_FLUSHING)
    command = [sys.executable, "-m", "eqwise.conformance.cli", "run", "flushes.py", "--equations", "11,13", "--effort", "smoke", "-n", "0"]
    done = subprocess.run([*command, "--conformance-report", "r.json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    results = [r for r in json.loads((tmp_path / "r.json").read_text())["results"] if r["operation"] in ("tanh", "relu")]
    assert done.returncode == 1 and {r["verdict"] for r in results} == {"error"}, done.stdout
    assert all("subnormal numbers for 0" in r["message"] for r in results)


_MEDDLING = '''
import random, sys, threading, time, warnings
import numpy as np
from eqwise.conformance.adapters.reference import ReferenceAdapter

def disturb():
    print("banner"); print("banner", file=sys.stderr)
    warnings.simplefilter("error"); np.seterr(all="raise")
    np.random.seed(0); random.seed(0)

def seeding():
    while True:
        np.random.seed(1)
        time.sleep(0.001)

def meddling(function):
    def call(*given, **named):
        with np.errstate(all="ignore"):
            result = function(*given, **named)
        disturb()
        return result
    return call

class Mine(ReferenceAdapter):
    name = "mine"
    def __init__(self):
        if MEDDLES:
            time.sleep(1)
            threading.Thread(target=seeding, daemon=True).start()
            disturb()
            for name in ("softplus", "he", "vjp", "from_numpy", "to_numpy"):
                setattr(self, name, meddling(getattr(self, name)))
    def momentum(self, theta, eta, alpha):
        made = super().momentum(theta, eta, alpha)
        if MEDDLES:
            made.step = meddling(made.step)
        return made
'''


def test_what_a_framework_does_to_the_process_disturbs_nothing(tmp_path):
    """It prints, changes NumPy's error state and filters of warnings, sets global seeds in a thread: the results are the same."""
    reports = []
    for meddles in (False, True):
        (tmp_path / "mine.py").write_text(f"MEDDLES = {meddles}\n{_MEDDLING}")
        chosen = ("--equations", "12,58-59,71", "--dtypes", "float64,float16", "--effort", "smoke")
        done = _run("mine.py", "-q", *chosen, "--conformance-report", "r.json", cwd=tmp_path)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        reports.append(json.loads((tmp_path / "r.json").read_text())["results"])
    assert len(reports[0]) > 12 and reports[0] == reports[1]


def test_a_device_reaches_the_adapter_that_has_one(tmp_path):
    """As its option, which stands in the report; an adapter without devices refuses it."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nclass Mine:\n    name, version, dtypes = 'mine', '1', ('float32',)\n"
        "    def __init__(self, device='cpu'): self.settings = {'device': device}\n    def relu(self, x): return np.maximum(x, 0)\n"
    )
    asked = ("-q", "--equations", "13", "--effort", "smoke", "--device", "cuda:1", "--conformance-report", "r.json")
    assert _run("mine.py", *asked, cwd=tmp_path).returncode == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["adapter"]["settings"] == {"device": "cuda:1"} and report["options"]["adapter_option"] == ["device=cuda:1"]
    refused = _run("reference", *asked, cwd=tmp_path)
    assert refused.returncode == 4 and "does not take the options {'device': 'cuda:1'}" in refused.stderr
