"""Adapters in processes of their own: what they do wrong costs one property its verdict, and numbers arrive as they were sent."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from eqwise.conformance import cli
from eqwise.conformance.adapter import OPERATIONS, NotOffered
from eqwise.conformance.case import Call, Case
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.loading import SERVE, UsageError, load
from eqwise.conformance.properties import checks_of
from eqwise.conformance.report.trial import ends_its_process
from eqwise.conformance.session import Session
from eqwise.conformance.stdio import connection, process
from eqwise.conformance.stdio.checking import CHECKS as CHECKS_OF_PROTOCOL
from eqwise.conformance.stdio.checking import checked, ending
from eqwise.conformance.stdio.client import StdioAdapter

MISBEHAVING = str(Path(__file__).with_name("misbehaving.py"))


def _judged(adapter, operation, kind="value"):
    return checks_of(OPERATIONS[operation])[kind](Session(adapter, effort="smoke"), OPERATIONS[operation], "float64")


@pytest.fixture
def misbehaving(monkeypatch):
    """Makes an adapter with a fault, and ends its process afterwards."""
    monkeypatch.setattr(process, "LONGEST", 1 << 20)
    made = []

    def make(fault, **options):
        made.append(StdioAdapter([sys.executable, MISBEHAVING, fault], **options))
        return made[-1]

    yield make
    for adapter in made:
        adapter.connection.stop(0)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("banner", "tanh got a line that is no JSON: 'Welcome to Deep Learning 3.0!'"),
        ("garbage", "got a line that is no JSON"),
        ("wrong-id", "got an answer to request"),
        ("no-id", "which is no answer with an id"),
        ("half", "got half a line, b'{\"id\": 7, \"res', and ended the process (exit status 0)"),
        ("crash", "tanh crashed the process (SIGSEGV); the end of its error output: loading | boom: no such kernel"),
        ("exit", "tanh ended the process (exit status 3)"),
        ("hang", "tanh got no answer within "),
        ("closed", "the process closed its output"),
        ("nothing", "an answer has a result, not_offered or an error, and nothing else"),
        ("both", "an answer has a result, not_offered or an error, and nothing else"),
        ("nan", "got a line that is no JSON"),
        ("deep", "got a line that is no JSON"),
        ("narrow", "returned float32 for float64 inputs"),
        ("shape", "returned shape (1,)"),
        ("short", "bytes of data for float64 of shape [1099511627776]"),
        ("dtype", "'float128' is no dtype"),
        ("base64", "is no base64"),
        ("null", "tanh returned None, which is no array of numbers"),
        ("unended", "bytes without the end of a line: is the output flushed?"),
        ("bare", '0.5 is no value: a number that is no integer is {"float64": base64}'),
        ("object", "{'thing': 1} is no value"),
        ("huge", "got a line of more than 1,048,576 bytes"),
        ("callback", "got a callback that cannot be answered"),
        ("raises", "tanh raised ValueError: no tanh today"),
    ],
)
def test_what_a_process_does_wrong_costs_one_property_alone(misbehaving, monkeypatch, fault, says):
    """The verdict is `error` with what happened; the next operation is judged by a process that works."""
    if fault == "closed":  # it does not end by itself
        monkeypatch.setattr(process, "WAIT", 0.2)
    adapter = misbehaving(fault, time_limit="4" if fault in ("hang", "unended") else "60")
    for _ in range(2):
        result = _judged(adapter, "tanh")
        assert result.verdict == "error"
        assert says in result.message
        assert _judged(adapter, "softplus").verdict == "conforms"


def test_what_is_no_fault_starts_no_other_process(misbehaving):
    """Errors and what is not offered are answers, and any amount may be written to the error output."""
    for fault, verdict in (("refuses", "not_offered"), ("raises", "error"), ("chatty", "conforms")):
        adapter = misbehaving(fault)
        assert _judged(adapter, "tanh").verdict == verdict
        assert adapter.connection.generation == 1


def test_what_hung_is_given_less_time(misbehaving, monkeypatch):
    """Half as long for every time that it hung, so that an operation that always hangs does not hold up the run."""
    monkeypatch.setattr(connection, "LEAST", 0.1)
    adapter = misbehaving("hang", time_limit="0.8")
    messages = [_judged(adapter, "tanh").message for _ in range(5)]
    assert [message.split("within ")[1] for message in messages] == ["0.8 s", "0.4 s", "0.2 s", "0.1 s", "0.1 s"]


def test_asking_back_for_ever_is_a_hang(misbehaving):
    """The time limit is that of the whole request, without the time that the suite's own function takes."""
    adapter, asked = misbehaving("asks-for-ever", time_limit="1"), []
    with pytest.raises(AdapterError, match="got no answer within 1 s"):
        adapter.numerical_gradient(lambda x: [asked.append(x), 0.0][1], np.zeros(2), epsilon=0.5)
    assert len(asked) > 1 and asked[0].tolist() == [0, 0]


def test_an_object_is_lost_with_its_process(misbehaving):
    """It says so, and its number means nothing to the next process."""
    adapter = misbehaving("exit")
    optimizer = adapter.sgd(np.zeros(2), eta=0.1)
    assert list(optimizer.step(np.ones(2))) == [1.0, 1.0]
    with pytest.raises(AdapterError, match="ended the process"):
        adapter.tanh(np.zeros(2))
    for _ in range(2):
        with pytest.raises(AdapterError, match="the object was lost with its process"):
            optimizer.step(np.ones(2))
        adapter.softplus(np.zeros(2))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("no-such-command", "'no-such-command' cannot be started: No such file or directory"),
        ("", "names no command"),
        ("'unclosed", "No closing quotation"),
        (f"{sys.executable} {MISBEHAVING} banner-at-start", "it got a line that is no JSON: 'Welcome to Deep Learning 3.0!'"),
        (f"{sys.executable} {MISBEHAVING} exit-at-start", "(exit status 5); the end of its error output: no \\x1b[31mlicence"),
        (f"{sys.executable} {MISBEHAVING} silent", "it got no answer within 1 s"),
        (f"{sys.executable} {MISBEHAVING} version-2", "it speaks 'eqwise-stdio/2', not 'eqwise-stdio/1'"),
        (f"{sys.executable} {MISBEHAVING} no-name", "the name of its hello cannot be None"),
        (f"{sys.executable} {MISBEHAVING} half-hello", "the dtypes of its hello cannot be ['half']; of dtypes there are float64"),
        (f"{sys.executable} {MISBEHAVING} no-dtypes", "the dtypes of its hello cannot be []"),
        (f"{sys.executable} {MISBEHAVING} no-operations", "offers no operation of the contract"),
        (f"{sys.executable} {MISBEHAVING} list", "its hello is [], not a mapping"),
        (f"{sys.executable} {MISBEHAVING} refuses-to-start", "ValueError: no option \\x1b[31m colour"),
    ],
)
def test_a_command_that_never_says_hello_is_wrong_use(monkeypatch, command, says):
    """One line says what it did instead."""
    monkeypatch.setattr(connection, "START", 1.0 if command.endswith("silent") else 60.0)
    with pytest.raises(UsageError) as error:
        load(f"stdio:{command}", {})
    assert says in str(error.value)
    assert str(error.value).isprintable()


def test_wrong_use_is_exit_status_4():
    """As for every other adapter."""
    command = [sys.executable, "-m", "eqwise.conformance.cli", "run", "stdio:no-such-command"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4 and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("options", [{"time_limit": "soon"}, {"time_limit": "0"}, {"known": "missing.toml"}])
def test_options_of_the_suite_are_checked(options):
    """A time limit is a number of seconds, and a file of waivers is there."""
    with pytest.raises(UsageError, match=next(iter(options))):
        load(f"stdio:{sys.executable} {MISBEHAVING} raises", options)


def test_a_process_that_cannot_be_started_again_is_told(tmp_path, misbehaving):
    """After some attempts it is not tried again; every property says why."""
    once = tmp_path / "once.py"
    once.write_text(f"import pathlib, runpy, sys\nmark = pathlib.Path({str(tmp_path / 'mark')!r})\n")
    with once.open("a") as file:
        file.write("sys.exit('only once') if mark.exists() else mark.touch()\n")
        file.write(f"sys.argv = ['', 'exit']\nrunpy.run_path({MISBEHAVING!r}, run_name='__main__')\n")
    adapter = StdioAdapter([sys.executable, str(once)])
    messages = [_judged(adapter, "tanh").message for _ in range(5)]
    assert "ended the process (exit status 3)" in messages[0]
    assert "another one cannot be started" in messages[1] and "only once" in messages[1]
    assert "3 others cannot be started: instead of saying hello, it ended the process" in messages[4]


# numbers


def _patterns(dtype):
    """Numbers of every class, both signs: zeros, subnormals, normals, infinities, nans with several payloads; all of 16 bits."""
    bits = np.dtype(dtype).itemsize * 8
    if bits == 16:
        return np.arange(1 << 16, dtype=np.uint16).view(dtype)
    mantissa = 52 if bits == 64 else 23
    exponents, mantissas = (0, 1, 7, (1 << (bits - mantissa - 1)) - 2, (1 << (bits - mantissa - 1)) - 1), (0, 1, 5, (1 << mantissa) - 1)
    words = [s << (bits - 1) | e << mantissa | m for s in (0, 1) for e in exponents for m in (*mantissas, 1 << (mantissa - 1))]
    return np.array(words, f"u{bits // 8}").view(dtype)


@pytest.fixture(scope="module")
def reference():
    """The reference in a process of its own."""
    adapter = StdioAdapter([*SERVE, "reference"])
    yield adapter
    adapter.connection.stop()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_every_class_of_numbers_comes_back_with_every_bit(reference, dtype):
    """There and back, whatever the shape and the layout."""
    array = _patterns(dtype)
    for given in (array, array[::-1], array.reshape(2, -1).T, array[:1].reshape(()), array[:0], array.byteswap().view(array.dtype)):
        back = reference.echo(given)
        assert (back.dtype, back.shape) == (given.dtype, given.shape)
        assert back.tobytes() == given.tobytes()


def test_hyper_parameters_and_shapes_arrive_exactly(tmp_path):
    """Every float64, with the sign of zero; a shape as a tuple."""
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\nclass Mine:\n    name, version, dtypes = 'mine', '1', ('float64',)\n"
        "    def bias(self, shape, dtype):\n        assert type(shape) is tuple\n        return np.zeros(shape, dtype)\n"
        "    def elu(self, x, alpha):\n        assert type(alpha) is float\n        return np.full_like(x, alpha)\n"
    )
    adapter, _ = load(str(path), {}, isolate=True)
    assert adapter.bias((3,), "float64").tolist() == [0, 0, 0]
    for alpha in _patterns(np.float64).tolist():
        assert adapter.elu(np.zeros(2), alpha=alpha).tobytes() == np.full(2, alpha).tobytes()


def test_an_adapter_s_own_conversions_are_made(tmp_path):
    """From and to NumPy, of arrays and of what is in lists, even where its own arrays are NumPy's."""
    path = tmp_path / "mine.py"
    path.write_text(
        "class Mine:\n    name, version, dtypes = 'mine', '1', ('float64',)\n"
        "    def from_numpy(self, array): return 2 * array\n    def to_numpy(self, value): return value / 2\n"
        "    def softplus(self, x): return x * x\n"
        "    def vjp(self, operation, inputs, cotangent): return [inputs[0] * cotangent, None]\n"
    )
    adapter, _ = load(str(path), {}, isolate=True)
    x = np.array([1.0, 3.0])
    assert adapter.softplus(x).tolist() == [2.0, 18.0]
    assert adapter.vjp("softplus", (x,), x)[0].tolist() == [2.0, 18.0]
    assert adapter.echo(x).tolist() == [1.0, 3.0]


# the protocol

SCHEMA = Draft202012Validator(StdioAdapter.schema())


def test_every_message_is_as_the_schema_has_it(monkeypatch):
    """Of calls, gradients, functions called back, objects, refusals and errors, in both directions."""
    lines = []
    send, receive = process.Process.send, process.Process.receive
    monkeypatch.setattr(process.Process, "send", lambda self, line, limit: (lines.append(line), send(self, line, limit))[1])
    monkeypatch.setattr(process.Process, "receive", lambda self, limit: (lines.append(receive(self, limit)), lines[-1])[1])
    adapter = StdioAdapter([*SERVE, "reference"])
    x, weights = np.array([[1.0, -2.0]], np.float32), [np.eye(2, dtype=np.float32)]
    adapter.vjp("elu", (x,), x, alpha=0.5)
    adapter.vjp("l2", (weights,), np.float32(1), lambda_=0.5)
    adapter.accuracy(np.array([True, False]), np.array([True, True]))
    adapter.xavier((2, 3), 7, "float32")
    adapter.numerical_gradient(lambda theta: float(theta.sum()), x, epsilon=0.5)
    adam = adapter.adam(weights, 0.5, 0.5, 0.5, 0.5)
    adam.step(weights, eta=0.25)
    adam.state()
    layer = adapter.batch_norm_layer(2, 0.5, 0.5, "float32")
    layer.gamma = layer.mean
    with pytest.raises(AdapterError, match="raised"):
        adapter.softplus("text")
    with pytest.raises(NotOffered):
        adapter.asked("call", {}, operation="nothing", inputs=[])
    del adam
    adapter.echo(x)
    adapter.connection.stop()
    for line in lines:
        SCHEMA.validate(json.loads(line))
    methods = {json.loads(line).get("method") for line in lines}
    assert methods >= {"hello", "echo", "call", "vjp", "invoke", "get", "set", "release"}


@pytest.mark.parametrize(
    "line",
    [
        {"id": 1},
        {"result": None},
        {"id": 1, "result": 0.5},
        {"id": 1, "result": {"float64": "AAAA"}},
        {"id": 1, "result": None, "not_offered": "both"},
        {"id": 1, "result": {"dtype": "float8", "shape": [], "data": ""}},
        {"id": 1, "result": {"dtype": "float64", "shape": [-1], "data": ""}},
        {"id": 1, "method": "call", "operation": "tanh", "inputs": []},
        {"id": 1, "error": "no"},
    ],
)
def test_the_schema_refuses_what_is_no_message(line):
    """It can tell."""
    assert not SCHEMA.is_valid(line)


def test_an_adapter_that_keeps_the_protocol_passes_its_check():
    """Every check has something to look at in the reference."""
    assert [outcome for outcome, _, _ in checked(StdioAdapter([*SERVE, "reference"]))] == ["ok"] * len(CHECKS_OF_PROTOCOL)


@pytest.mark.parametrize(
    ("fault", "what", "why"),
    [
        ("misspelt", "every operation is one of the contract", "there is no operation 'sofplus'; the nearest is 'softplus'"),
        ("positive-zero", "echo keeps every number of its dtypes: -0, nan, infinities, subnormals", "-0.0) of float64 came back as"),
        ("flat", "echo keeps every number of its dtypes: -0, nan, infinities, subnormals", "of shape (2, 5) came back as"),
        ("loses-digits", "echo keeps every float64 that is no array", "0.1 came back as nan"),
        ("any-operation", "an operation that nobody knows is not offered", "it has the result None"),
        ("any-method", "a method that nobody knows is not offered", "it has the result None"),
        ("raises", "objects have numbers of their own, and are gone when they are released", "two objects have the number 1"),
    ],
)
def test_an_adapter_that_breaks_the_protocol_is_told(misbehaving, fault, what, why):
    """The check that fails says what came instead."""
    failed = {title: reason for outcome, title, reason in checked(misbehaving(fault)) if outcome == "FAIL"}
    assert why in failed[what]


def test_what_a_lost_process_could_not_show_is_asked_of_another(misbehaving):
    """A crash is told by the check that saw it, not by the one that looks at how the process ends."""
    told = {title: outcome for outcome, title, _ in checked(misbehaving("crash"))}
    assert told["inputs that cannot be used are errors, and the process goes on"] == "FAIL"
    assert told["the process ends when its input does"] == "ok"
    lost = misbehaving("raises")
    lost.connection.stop(0)
    ending(lost)


def test_check_adapter_prints_a_line_for_each_check(capsys):
    """Exit status 1 where one fails; 80 columns are enough."""
    assert cli.main(["check-adapter", f"stdio:{sys.executable} {MISBEHAVING} flat"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "misbehaving 1: 3 operations in float64"
    assert sum(line[:5].strip() in ("ok", "FAIL", "skip") for line in lines) == len(CHECKS_OF_PROTOCOL)
    assert max(map(len, lines)) <= 80


# Python adapters in a process of their own


CHECKS = {
    "softplus": "derivative", "accuracy": "value", "numerical_gradient": "points", "momentum": "purity", "gauss": "purity",
    "dropout_layer": "scale", "batch_norm_layer": "update", "l2": "value", "network_gradients": "purity", "huber": "purity",
}  # fmt: skip


@pytest.mark.parametrize("operation", CHECKS)
def test_isolated_the_reference_gets_the_same_results(reference, operation):
    """Values, derivatives, functions that are called back, steps, draws, layers: bit by bit."""
    entry, dtype = OPERATIONS[operation], "float32" if OPERATIONS[operation].typed else ""
    (here, known), check = load("reference", {}), checks_of(entry)[CHECKS[operation]]
    plain, isolated = (check(Session(adapter, known, effort="smoke"), entry, dtype) for adapter in (here, reference))
    assert plain.points and plain.as_json() == isolated.as_json()


def test_an_isolated_framework_may_print_and_crash(tmp_path):
    """What it prints costs nothing, and a crash costs the properties that call it; its readings and waivers hold."""
    (tmp_path / "mine.py").write_text(
        "import os\nfrom eqwise.conformance.adapters.reference import ReferenceAdapter\nprint('Welcome!')\n"
        "class Mine(ReferenceAdapter):\n    dtypes = ('float64',)\n"
        "    def accuracy(self, actual, predicted): print('accuracy'); return ReferenceAdapter.accuracy(actual, predicted)\n"
        "    def bias(self, shape, dtype): os.write(2, b'out of memory\\n'); os._exit(7)\n"
    )
    (tmp_path / "mine.toml").write_text('[[waiver]]\noperation = "bias"\nproperty = "value"\nkind = "fault"\nreason = "r"\n')
    chosen = ("-k", "bias-value or bias-purity or accuracy-value", "-q", "--effort", "smoke", "--conformance-report", "r.json")
    command = [sys.executable, "-m", "eqwise.conformance.cli", "run", "mine.py", "--isolate", *chosen]
    subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)
    report = json.loads((tmp_path / "r.json").read_text())
    found = {(r["operation"], r["property"]): r for r in report["results"]}
    assert found["accuracy", "value"]["verdict"] == "conforms"
    assert found["bias", "value"]["verdict"] == found["bias", "purity"]["verdict"] == "error"
    assert found["bias", "value"]["waiver"]["kind"] == "fault"
    message = "bias ended the process (exit status 7); the end of its error output: Welcome! | out of memory"
    assert found["bias", "value"]["message"] == message


@pytest.mark.parametrize(("fault", "told"), [("crash", "crashed the process"), ("raises", None), ("chatty", None)])
def test_a_call_that_ends_its_process_is_not_made_in_the_suite_s(misbehaving, fault, told):
    """For the script of a bug report the case is played where it may crash; what only raises is made here again."""
    case = Case("tanh", "float64", (Call("tanh", (np.zeros(1),)),), (0,), "0", 0.0)
    found = ends_its_process(misbehaving(fault), case)
    assert found is None if told is None else told in found


def test_options_reach_the_adapter_and_its_waivers(tmp_path):
    """Those of the command and those of the suite; a waiver may depend on any, as on those that were left at their defaults."""
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    name, version, dtypes = 'mine', '1', ('float64',)\n"
        "    def __init__(self, colour='red', size='1', shape='round'): self.settings = {'of': colour + size}\n"
        "    def relu(self, x): return x\n"
    )
    waiver = '[[waiver]]\noperation = "relu"\nproperty = "{}"\nkind = "fault"\nreason = "r"\nwhen = {{options = {{{} = "{}"}}}}\n'
    told = [("value", "colour", "green"), ("law", "size", "2"), ("purity", "shape", "round"), ("statement", "colour", "red")]
    (tmp_path / "mine.toml").write_text("".join(waiver.format(*each) for each in told))
    command = shlex.join([*SERVE, str(tmp_path / "mine.py"), "--option", "colour=green"])
    adapter, known = load(f"stdio:{command}", {"size": "2", "time_limit": "9"})
    assert adapter.settings == {"of": "green2"}
    assert [waiver.match["property"] for waiver in known.waivers] == [("value",), ("law",), ("purity",)]
