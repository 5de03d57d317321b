"""A script holds the function under test, and nothing of eqwise: it gives the number that the adapter gives."""

import ast
import functools
import os
from dataclasses import MISSING, dataclass
from fractions import Fraction
from functools import cache, cached_property, partial

import numpy as np
import pytest

from eqwise.conformance.adapter import Adapter, NotOffered
from eqwise.conformance.case import Call, Case, replay
from eqwise.conformance.report.lifting.origins import CannotBeLifted
from eqwise.conformance.report.lifting.program import lifted, traced
from eqwise.conformance.report.lifting.reach import Reach
from eqwise.conformance.report.trial import tried
from eqwise.reference import activations, losses
from eqwise.reference.activations import softplus as reference_softplus

SLOPE, HALF = 3.0, np.float64(0.5)
TABLE = {"double": lambda u: u * 2, "triple": lambda u: u * 3, "name": np.tanh}
BUFFER = np.zeros(4)


def case_of(operation="tanh", dtype="float64", **hyper):
    """The operation at 1.5, of which something absurd is expected."""
    x = np.array([1.5]).astype(dtype)
    return Case(operation, dtype, (Call(operation, (x,), hyper),), (0,), "12345.0", 1e-9)


def shown(fresh, case=None):
    """The script, which was run, and the number that the adapter gives."""
    case = case or case_of()
    trial = tried(fresh, case, "a title")
    assert trial.source, trial.reason
    assert float(trial.output.split("actual")[1].split()[0]) == pytest.approx(replay(fresh(), case), rel=1e-12)
    imported = {name for node in ast.walk(ast.parse(trial.source)) for name in _imports(node)}
    assert imported <= {"sys", "numpy", "functools", "dataclasses", "types", "abc", "fractions", "ml_dtypes"}
    return trial.source


def _imports(node):
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    return {name.partition(".")[0] for name in [*names, *([node.module] if isinstance(node, ast.ImportFrom) else [])]}


def with_an_object_of_a_library(x):
    return np.tanh(x) * (3.0 if MISSING else 1.0)


def scaled(by):
    """A closure: the factor is nowhere but in its cell."""

    def wrapped(x):
        return np.tanh(x) * by

    return wrapped


def noted(function):
    """A decorator that wraps."""

    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments) + HALF

    return wrapper


def registered(thing):
    """A decorator that returns what it is given, and may not run twice."""
    assert thing.__name__ not in REGISTER
    REGISTER[thing.__name__] = thing
    return thing


REGISTER = {}


@noted
def plus_half(x):
    return np.tanh(x)


@dataclass(frozen=True)
class Settings:
    """A helper of the adapter's own file."""

    slope: float
    unused: str = "never mentioned"

    def applied(self, x): return self.slope * x


@registered
class Doubler:
    def __init__(self, x):
        self.x = x

    @property
    def value(self): return self.twice() + 1

    @value.setter
    def value(self, value): raise NotImplementedError

    def twice(self): return self.x * 2

    def never(self): return OPENED.read()


OPENED = object()


class Base(Adapter):
    offset = 7.0

    def tanh(self, x): return self.helped(x) + self.offset

    def helped(self, x): return np.tanh(x)

    def relu(self, x): return OPENED.read()


class Inheriting(Base):
    offset = 8.0

    def helped(self, x):
        if x.size > 100:
            raise NotOffered("too long")
        return super().helped(x) * SLOPE


class Various(Adapter):
    """One method for each way in which adapters are written."""

    scale = staticmethod(lambda x: x * 4)
    rules = {"a": lambda x: x + 10, "b": lambda x: OPENED.read()}  # noqa: RUF012

    def __init__(self, start="1"):
        self.start, self.settings = float(start), Settings(5.0)
        self.self_reference = self

    @cached_property
    def cached(self): return self.start + 0.25

    def tanh(self, x): return self.cached + np.tanh(x)
    def logistic(self, x): return self.settings.applied(x)
    def softplus(self, x): return reference_softplus(x) + activations.softplus(x) * 2
    def relu(self, x): return Doubler(x).value
    def identity(self, x): return self.rules["a"](self.scale(x))
    def step(self, x): return plus_half(x)

    def elu(self, x, alpha):
        from eqwise.reference.activations import elu

        return elu(x, alpha=alpha) + 1

    def leaky_relu(self, x, alpha):
        return sum_of(x, alpha) + getattr(self, "iden" + "tity")(x) + vectorised(x)


@cache
def factor(alpha):
    return alpha + 1


def sum_of(x, alpha): return x * factor(alpha)


vectorised = np.vectorize(lambda u: u + 0.125)


def test_methods_by_inheritance_and_what_they_use():
    """super, class attributes that are overridden, module constants; branches not taken are left out."""
    source = shown(Inheriting)
    assert "SLOPE = 3.0" in source and "offset = 8.0" in source
    assert "too long" not in source and "relu" not in source


@pytest.mark.parametrize("operation", ["tanh", "logistic", "softplus", "relu", "identity", "step"])
def test_ways_of_writing_an_adapter(operation):
    """Cached properties, dataclasses, functions of eqwise, classes, tables of lambdas, decorators."""
    source = shown(Various, case_of(operation))
    assert "OPENED" not in source and "unused" not in source.replace("unused: object", "")


@pytest.mark.parametrize("operation", ["elu", "leaky_relu"])
def test_names_that_are_found_while_it_runs(operation):
    """Imports within functions, attributes by computed names, caches that are filled already, objects made by a call."""
    assert shown(Various, case_of(operation, alpha=0.5))


class SetOnTheInstance:
    """Makes adapters whose operation is set on the instance."""

    def __init__(self, function):
        self.function = function

    def __call__(self):
        made = Adapter()
        object.__setattr__(made, "tanh", self.function)
        return made


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (scaled(1.25), "by = 1.25"),
        (scaled(np.float32(0.5)), "np.float32"),
        (scaled(Fraction(5, 4)), "by = fractions.Fraction(5, 4)"),  # made as pickle makes it, like a device of PyTorch
        (partial(np.add, 2.5), "functools.partial(np.add, 2.5)"),
        (TABLE["double"], "u * 2"),
        (np.tanh, "np.tanh"),
        (with_an_object_of_a_library, "from dataclasses import MISSING\n"),
        (noted(TABLE["triple"]), "HALF = np.float64"),
        (Settings(3.0).applied, "self.slope"),
    ],
)
def test_functions_set_on_the_instance(function, says):
    """Closures, partials, lambdas that share a line, functions of NumPy, wrappers without a name, bound methods."""
    assert says in shown(SetOnTheInstance(function))


def test_names_that_mean_two_things_are_told_apart():
    """Two helpers called `helper`, and one called as a variable of the script."""

    def made(by):
        def helper(x):
            return x + by

        return helper

    first, second = made(1.0), made(2.0)

    def x(result): return first(second(result))

    source = shown(SetOnTheInstance(x))
    assert "helper_2" in source and "by_2 = 2.0" in source


def test_bfloat16_alone_needs_ml_dtypes():
    """The dtype of the case decides what is imported."""
    assert "import ml_dtypes" in shown(Inheriting, case_of(dtype="bfloat16"))
    assert "ml_dtypes" not in shown(Inheriting, case_of(dtype="float32"))


def test_what_is_left_out_comes_back_where_it_is_needed():
    """A function that asks for its own name in its module needs what never ran."""

    def asking(x): return np.tanh(x) + len(Inheriting.relu.__name__)

    assert "def relu" in shown(SetOnTheInstance(asking))


def compiled_without_source():
    scope = {}
    exec("def made(x): return x + 1", scope)
    return scope["made"]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (compiled_without_source(), "no source"),
        (partial(np.add, OPENED), "an object of builtins.object has no source"),
        (scaled(iter([1.0])), "has no source"),
        (scaled(np.array([object()])), "has no source"),
    ],
)
def test_what_cannot_be_lifted_says_why(function, says):
    """Code without source and objects without a text are told by name."""
    adapter = SetOnTheInstance(function)()
    for reach in (traced(adapter, case_of()), Reach(everything=True)):
        with pytest.raises(CannotBeLifted, match=says):
            lifted(adapter, case_of(), reach)
    assert says in tried(SetOnTheInstance(function), case_of(), "t").reason


def test_a_whole_adapter_can_be_lifted():
    """With nothing left out the reference's losses and all that they need are one program."""

    class Losses(Adapter):
        huber = staticmethod(losses.huber)

    call = Call("huber", (np.array([2.0]), np.array([0.5])), {"delta": 1.0})
    program = lifted(Losses(), Case("huber", "float64", (call,), (0,), "0.0", 0.0), Reach(everything=True))
    names = {}
    exec("\n\n".join((*program.imports, *program.definitions)), names)
    assert names["huber"](np.array([2.0]), np.array([0.5]), delta=1.0) == losses.huber(np.array([2.0]), np.array([0.5]), delta=1.0)


class OfTheEnvironment(Adapter):
    """What it computes is settled by a variable that is read before anything else."""

    environment = {"LIFTED_FACTOR": "3"}  # noqa: RUF012

    def __init__(self):
        os.environ.update(self.environment)

    def tanh(self, x):
        return float(os.environ["LIFTED_FACTOR"]) * np.tanh(x)


def test_a_script_sets_what_the_framework_reads_on_import(monkeypatch):
    """The script is tried without the variables that it sets, and so has to set them."""
    monkeypatch.setenv("LIFTED_FACTOR", "1")
    assert "environ.update({'LIFTED_FACTOR': '3'})" in tried(OfTheEnvironment, case_of(), "a title").source
    monkeypatch.setattr(OfTheEnvironment, "environment", {"LIFTED_FACTOR": "3", "LIFTED_MORE": "4"})
    assert tried(OfTheEnvironment, case_of(), "a title").source
