"""How metrics are judged: what is left out, what is told, which readings are named."""

from fractions import Fraction

import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS, NotOffered
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.claims import Frame, pullback_claim, value_claim
from eqwise.conformance.comparison import judge
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.conformance.waivers import NOTHING_KNOWN, Known
from eqwise.reference import metrics
from eqwise.spec.certify import exact
from eqwise.spec.document import reading_as
from eqwise.spec.metrics import r_squared
from eqwise.spec.numbers.formats import FORMATS

F64 = FORMATS["float64"]


def _with(**methods):
    """The reference with other methods."""
    return type("Changed", (ReferenceAdapter,), {name: staticmethod(method) for name, method in methods.items()})()


def _result(adapter, operation, kind="value", dtype="", **options):
    session = Session(adapter, effort="smoke", **options)
    return checks_of(OPERATIONS[operation])[kind](session, OPERATIONS[operation], dtype)


def _raising(error):
    def method(*labels):
        raise error

    return method


def _where_undefined(otherwise):
    """The F-measure, and something else where TP + FP + FN = 0."""

    def f_measure(actual, predicted):
        return metrics.f_measure(actual, predicted) if np.any(actual | predicted) else otherwise(actual, predicted)

    return f_measure


@pytest.mark.parametrize(
    ("otherwise", "told"),
    [
        (lambda *labels: 0.0, "0.0"), (lambda *labels: 1, "1.0"), (lambda *labels: np.float16(np.nan), "nan"),
        (_raising(ZeroDivisionError("division by zero")), "ZeroDivisionError: division by zero"),
        (_raising(NotOffered("no labels")), "not offered"),
    ],
)  # fmt: skip
def test_whatever_an_adapter_makes_of_zero_by_zero_is_told_and_not_judged(otherwise, told):
    """A number, nan, an error, a refusal."""
    result = _result(_with(f_measure=_where_undefined(otherwise)), "f_measure")
    assert result.verdict == "conforms"
    assert "which is not judged" in result.message and told in result.message


@pytest.mark.parametrize("value", [0.0, -0.0, np.nan, 1.0, 1e-9])
def test_f_measure_without_hits_is_zero_or_undefined(value):
    """(22) is 0/0 as printed where TP = 0; its extension is 0."""

    def f_measure(actual, predicted):
        return metrics.f_measure(actual, predicted) if np.any(actual & predicted) else value

    assert _result(_with(f_measure=f_measure), "f_measure").verdict == ("deviates" if value > 0 else "conforms")


@pytest.mark.parametrize("number", [float, np.float32, np.float16, np.longdouble, lambda x: np.asarray(x, np.float32)])
def test_shares_are_judged_in_the_format_of_the_result(number):
    """Rounded once to whatever type of numbers, a share conforms; cut off in that type, it does not."""
    assert _result(_with(recall=lambda *labels: number(metrics.recall(*labels))), "recall").verdict == "conforms"
    assert _result(_with(recall=lambda *labels: number(np.floor(metrics.recall(*labels) * 50) / 50)), "recall").verdict == "deviates"


def test_counts_may_be_floats_but_not_text_nor_flat():
    """[[TP, FN], [FP, TN]] as floats conforms; text and a flat list break the contract."""
    for change, verdict in ((lambda table: table * 1.0, "conforms"), (lambda table: table.astype(str), "error"), (np.ravel, "error")):
        adapter = _with(confusion_matrix=lambda *labels, change=change: change(metrics.confusion_matrix(*labels)))
        assert _result(adapter, "confusion_matrix").verdict == verdict


def test_no_samples_may_be_refused():
    """What is refused is left out, the others are judged; refusing everything offers nothing."""

    def refusing(otherwise):
        return _with(confusion_matrix=lambda a, p: otherwise(a, p) if len(a) else _raising(NotOffered("no samples"))())

    table = metrics.confusion_matrix
    assert _result(refusing(table), "confusion_matrix").verdict == "conforms"
    assert _result(refusing(lambda a, p: table(a, p) + 1), "confusion_matrix").verdict == "deviates"
    assert _result(refusing(_raising(NotOffered("no labels"))), "confusion_matrix").verdict == "not_offered"


def test_order_of_the_table_is_declared():
    """Another order is named, fails undeclared and under --literal, and passes where it is declared."""
    adapter = _with(confusion_matrix=lambda *labels: metrics.confusion_matrix(*labels).T)
    known = Known({("confusion_matrix", "t1-confusion"): "transposed"}, ())
    result = _result(adapter, "confusion_matrix")
    assert (result.verdict, result.reading) == ("conforms_as", "t1-confusion:transposed")
    assert "declare it" in Session(adapter).settle(result)[1]
    assert Session(adapter, known).settle(result)[1] is None
    assert "--literal" in Session(adapter, known, literal=True).settle(result)[1]
    stale = Session(ReferenceAdapter(), known).settle(_result(ReferenceAdapter(), "confusion_matrix"))[1]
    assert "remove the declaration" in stale


def test_undefined_places_are_left_out():
    """Whatever comes there: a denominator of 0 in (26), and the derivative of (24) where every error is 0."""
    rows = np.array([[2.0, 2.0, 1.0, 3.0], [1.0, 3.0, 1.0, 3.0], [5.0, 5.0, 5.0, 5.0]])
    outcome = judge(value_claim(Frame("r_squared", (2,))), rows, np.array([[7.0], [1.0], [np.nan]]), F64)
    assert (outcome.verdict, outcome.points) == ("conforms", 1)
    gradient = pullback_claim(Frame("rmse", (2,)), None, None)
    rows = np.array([[1.0, 2.0, 1.0, 2.0, 1.0], [4.0, 3.0, 0.0, 0.0, 1.0]])
    outcome = judge(gradient, rows, np.array([[9.0, -9.0, 0.0, np.nan], np.array([4, 3, -4, -3]) / np.sqrt(50)]), F64)
    assert (outcome.verdict, outcome.points) == ("conforms", 4)
    assert judge(gradient, rows[:1], np.zeros((1, 4)), F64).points == 0


def test_what_divides_by_less_than_it_loses_is_inaccurate():
    """Where t − ȳ is lost in rounding ȳ, 0/0 is excused; where a square underflows too; elsewhere nan deviates."""
    claim = value_claim(Frame("r_squared", (3,)))
    far = 2.0**53
    rows = np.array([[far, far, far, far, far - 1, far], [1e-200, 2e-200, 3e-200, 1e-200, 2e-200, 2e-200], [1.0, 2.0, 3.0, 1.0, 2.0, 2.0]])
    lost, underflowing, other = (judge(claim, row[None, :], np.array([[np.nan]]), F64) for row in rows)
    assert (lost.verdict, lost.label) == ("inaccurate", "division")
    assert (underflowing.verdict, other.verdict) == ("inaccurate", "deviates")


def test_both_means_are_told_apart():
    """The usual coefficient is named in value and derivative, and a third one deviates."""

    def usual(t, y):
        t, y = t.astype(float), y.astype(float)
        with np.errstate(all="ignore"):
            return np.float64(1 - np.sum((t - y) ** 2) / np.sum((t - t.mean()) ** 2))

    result = _result(_with(r_squared=usual), "r_squared", dtype="float32")
    assert (result.verdict, result.reading) == ("conforms_as", "eq26:mean_of_observations")
    assert _result(_with(r_squared=lambda t, y: usual(y, t)), "r_squared", dtype="float32").verdict == "deviates"


def test_failures_are_told_under_the_declared_reading():
    """Wrong under both readings: the worst place is wrong under the declared one, which is named."""

    def half(t, y):
        return (1 - ((t - y) ** 2).sum() / ((t - t.mean()) ** 2).sum()) / 2

    meant = Known({("r_squared", "eq26"): "mean_of_observations"}, ())
    for known, reading in ((meant, "eq26:mean_of_observations"), (NOTHING_KNOWN, None)):
        result = _result(_with(r_squared=half), "r_squared", dtype="float64", known=known)
        assert (result.verdict, result.reading) == ("deviates", reading)
        t, y = np.split(np.array([Fraction(float(number.decimal)) for number in result.worst.inputs.values()], object), 2)
        with reading_as({26: reading.partition(":")[2]} if reading else {}):
            assert float(result.worst.expected.decimal) == float(exact(r_squared, t, y))


def _squares_in_c(t, y):
    """Squared differences as in C, where narrow integers become 32 bits wide."""
    error = (t.astype(np.int64) - y).astype(np.int32)
    return error * error


def _squares_in_javascript(t, y):
    """Squares as numbers of float64, which arrays of 32 bits keep."""
    error = (t.astype(np.int64) - y).astype(np.int32).astype(np.float64)
    return [(int(square) + 2**31) % 2**32 - 2**31 for square in error * error]


@pytest.mark.parametrize(
    ("operation", "method", "verdict"),
    [
        ("mse", lambda t, y: np.mean((t - y) ** 2), "inaccurate"),
        ("mse", lambda t, y: np.mean(_squares_in_c(t, y)), "inaccurate"),
        ("mse", lambda t, y: np.mean(_squares_in_javascript(t, y)), "inaccurate"),
        ("rmse", lambda t, y: np.sqrt(np.float32(np.sum((t - y) ** 2, dtype=t.dtype) / len(t))), "inaccurate"),
        ("mae", lambda t, y: np.mean(np.abs(t - y)), "inaccurate"),
        ("mae", lambda t, y: np.mean(np.abs(y - t)), "inaccurate"),
        ("mae", lambda t, y: np.mean(np.abs((t - y).astype(np.int64))), "inaccurate"),
        ("r_squared", lambda t, y: 1 - np.sum((t - y) ** 2) / np.sum((t - np.mean(t)) ** 2), "inaccurate"),
        ("mse", lambda t, y: np.mean(np.clip((t.astype(float) - y) ** 2, -np.inf, np.iinfo(t.dtype).max)), "deviates"),
        ("mae", lambda t, y: np.abs(np.mean(t - y)), "deviates"),
        ("mae", lambda t, y: np.mean(np.abs((t - y).astype(np.int64))) + (np.ptp(t) > 200), "deviates"),
    ],
    ids=[
        "its type", "32 bits", "by floats", "the sum too", "magnitude too", "exchanged", "difference alone", "r_squared", "clipped",
        "signed", "late",
    ],
)  # fmt: skip
def test_of_integers_that_do_not_fit_only_what_wraps_is_inaccurate(operation, method, verdict):
    """Modulo a power of two, at each step or at none; saturation, and what is wrong besides, deviates."""
    result = _result(_with(**{operation: method}), operation, "integers")
    assert (result.verdict, result.label) == (verdict, "range" if verdict == "inaccurate" else None)


@pytest.mark.parametrize("seed", [29, 30])
def test_a_sum_of_floats_of_what_wrapped_is_rounded_at_the_size_of_its_terms(seed):
    """Squares of 32 bits that cancel, added up in single precision: the little that is left has few digits."""

    def mse(t, y):
        return np.add.accumulate(((t - y) ** 2).astype(np.float32), dtype=np.float32)[-1] / np.float32(len(t))

    session = Session(_with(mse=mse), effort="standard", seed=seed)
    result = checks_of(OPERATIONS["mse"])["integers"](session, OPERATIONS["mse"], "")
    assert (result.verdict, result.label) == ("inaccurate", "range")


def test_integers_that_overflow_are_inaccurate_and_wrong_ones_deviate():
    """In the type of the integers; refused ones are not offered."""

    def refusing(t, y):
        if t.dtype == np.int8:
            raise TypeError("no int8")
        return metrics.mae(t, y)

    def halved(t, y):
        return metrics.mae(t, y) / (2 if t.dtype.kind in "iu" else 1)

    overflowing = _result(_with(mse=lambda t, y: np.mean((t - y) ** 2)), "mse", "integers")
    assert (overflowing.verdict, overflowing.label) == ("inaccurate", "range")
    assert overflowing.message == "given int8: differences or squares do not fit the type of the integers"
    assert _result(_with(mae=halved), "mae", "integers").verdict == "deviates"
    result = _result(_with(mae=refusing), "mae", "integers")
    assert result.verdict == "conforms" and "int8 not offered" in result.message
    assert _result(_with(mae=_raising(TypeError("floats only"))), "mae", "integers").verdict == "not_offered"


KEPT = np.zeros((2, 2), np.int64)


def _into_one_buffer(actual, predicted):
    KEPT[:] = metrics.confusion_matrix(actual, predicted)
    return KEPT


def _writing(actual, predicted):
    found = metrics.accuracy(actual, predicted)
    predicted[0] = not predicted[0]
    return found


@pytest.mark.parametrize(("operation", "method"), [("confusion_matrix", _into_one_buffer), ("accuracy", _writing)])
def test_impure_counting_is_failed(operation, method):
    """A result that changes later, and labels that are written."""
    assert _result(_with(**{operation: method}), operation, "purity").verdict == "deviates"


def test_methods_without_gradients_of_estimates_are_judged_by_the_others():
    """An adapter may offer the gradient by the estimates alone."""

    def vjp(operation, inputs, cotangent, **hyper):
        return None, metrics.mse_vjp(*inputs, cotangent)[1]

    assert _result(_with(vjp=vjp), "mse", "derivative", "float32").verdict == "conforms"
