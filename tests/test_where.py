"""Failures are found where they are: the exact interval of a number, the smallest case, the company that it takes."""

import json
from dataclasses import replace

import ml_dtypes  # noqa: F401  what `eval` needs
import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.case import Case, replay
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.comparison import judge
from eqwise.conformance.layouts import LAYOUTS, copied, laid_out, layout_of
from eqwise.conformance.properties import checks_of
from eqwise.conformance.report import literals
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Number, Result
from eqwise.conformance.where import located
from eqwise.spec.numbers.formats import FORMATS
from wrong.collection import WRONG


def found(name, dtype="float64", kind=None, session=None):
    """The first failing property of a wrong implementation, looked into."""
    wrong = WRONG[name]
    session = session or Session(wrong.adapter(), effort="smoke")
    operation = OPERATIONS[wrong.operation]
    kinds = [kind] if kind else sorted(checks_of(operation), key=lambda kind: (kind == "derivative") != (wrong.part == "vjp"))
    results = (checks_of(operation)[kind](session, operation, dtype) for kind in kinds if kind != "special_values")
    return located(session, next(result for result in results if result.verdict in ("deviates", "error")))


def shown(name, result):
    """Whether the case fails on a fresh wrong adapter, and on the reference."""
    case = Case.from_json(result.case)
    return case.fails(replay(WRONG[name].adapter(), case)), case.fails(replay(ReferenceAdapter(), case))


def test_threshold_is_found_to_the_last_bit():
    """A softplus that is linear above 20 fails from the next float on, and the case is a short number."""
    result = found("eq12-softplus-linear_above_20")
    assert result.interval == (repr(float(np.nextafter(20.0, 21.0))), "29.842181388250133")
    assert result.where.startswith("fails on [20.000000000000004, 29.842181388250133]; nothing fails outside")
    assert Case.from_json(result.case).calls[0].arguments[0].tolist() == [21.0]


@pytest.mark.parametrize(
    ("name", "dtype", "low", "high"),
    [
        ("eq6-logistic-clipped_at_36", "float64", "largest", -36.0),
        ("eq13-relu-relu6", "float32", 6.0, None),
        ("eq31-exponential_loss-exponential_clipped", "float64", -(2.0**48), -50.0),  # beyond, y excuses everything
        ("eq12-softplus-softplus_gradient_late", "float64", 5.0, None),
        ("eq6-logistic-logistic_far_out", "bfloat16", "largest", -1e5),
    ],
)
def test_ends_are_where_the_error_was_planted(name, dtype, low, high):
    """Within the few ulps that the allowance excuses beside a threshold."""
    result = found(name, dtype)
    for end, wanted in zip(map(float, result.interval), (low, high), strict=True):
        if wanted == "largest":
            assert abs(end) == FORMATS[dtype].largest
        elif wanted is not None:
            assert end == pytest.approx(wanted, rel=64 * FORMATS[dtype].unit_roundoff)
    assert shown(name, result) == (True, False)


ON_INTERVALS = (
    "eq12-softplus-linear_above_20", "eq12-softplus-log2", "eq11-tanh-tanh_as_printed", "eq13-relu-relu6", "eq13-relu-absolute",
    "eq10-logistic-in_float32", "eq14-leaky_relu-leaky_zero_becomes_default", "eq34-huber-huber_half_inside", "eq33-quantile-tau_exchanged",
    "eq32-hinge-perceptron_loss", "eq2-step-half_at_the_origin", "eq12-softplus-zero_below",
)  # fmt: skip


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "float64") for name in ON_INTERVALS), *((name, "float16") for name in ON_INTERVALS[3:5]),
    ("eq2-step-half_at_the_origin", "float16"), ("eq12-softplus-log2", "bfloat16")],
)  # fmt: skip
def test_ends_fail_and_their_neighbours_do_not(name, dtype):
    """Judged again, one number at a time, by the claim alone; of an interval that is not mixed."""
    result = found(name, dtype, "value")
    case, target = Case.from_json(result.case), FORMATS[dtype]
    wrong, operation = WRONG[name].adapter(), case.operation
    (low, high), (_, *others) = map(float, result.interval), result.worst.inputs
    held = [float(result.worst.inputs[name].decimal) for name in others]
    claim = value_claim(Frame(operation))

    def fails(ordinal):
        row = [float(target.from_ordinals(ordinal)), *held]
        inputs = [np.array([x]).astype(target.dtype) for x in row[: len(OPERATIONS[operation].inputs)]]
        named = dict(zip(OPERATIONS[operation].hyper, row[len(inputs) :], strict=True))
        actual = float(getattr(wrong, operation)(*inputs, **named)[0])
        return judge(claim, np.array([row]), np.array([[actual]]), target).verdict == "deviates"

    first, last, top = (int(target.ordinals(x)) for x in (low, high, target.largest))
    assert fails(first) and fails(last)
    assert first == -top or not fails(first - 1)
    assert last == top or not fails(last + 1)


def test_every_number_of_a_short_format_is_tried_where_few_fail():
    """Three numbers and an interval of float16, all of them named."""

    class Holes(ReferenceAdapter):
        def relu(self, x):
            return np.where((x == 3) | (x == 5) | ((x >= 100) & (x <= 101)), x.dtype.type(1), np.maximum(x, x.dtype.type(0)))

    session = Session(Holes())
    result = located(session, checks_of(OPERATIONS["relu"])["value"](session, OPERATIONS["relu"], "float16"))
    assert result.where == "fails at 19 of all 63,487 numbers: at 3.0, at 5.0, on [100.0, 101.0]"


SMALLEST = {  # a wrong implementation, the shapes of the arrays of its smallest case, the words for them
    "eq5-perceptron-fires_at_a_tie": ([(1, 1), (1, 1), (1,)], "one row of one input, one output"),
    "eq7-dense-dense_transposed": ([(1, 2), (2, 2), (2,)], "one row of two inputs, two outputs"),
    "eq7-dense-bias_gradient_averaged": ([(2, 1), (1, 1), (1,), (2, 1)], "two rows of one input"),
    "eq7-network-last_hidden_linear": ([(1, 1), (1, 1), (1, 1), (1, 2), (1,), (1,), (2,)], "widths 1–1–1–2"),
    "eq18-softmax-softmax_first_axis": ([(2, 1)], "two rows of one number"),
    "eq18-softmax-softmax_gradient_diagonal": ([(1, 2), (1, 2)], "one row of two numbers"),
    "eq23-mse-mse_unbiased": ([(2,), (2,)], "a sample of two numbers"),
    "eq23-mse-mse_of_the_first": ([(257,), (257,)], "a sample of 257 numbers"),
    "eq26-r_squared-r_squared_about_the_median": ([(3,), (3,)], "a sample of three numbers"),
    "eq28-binary_cross_entropy-clamped_at_100": ([(1,), (1,)], "a sample of one number"),
    "eq29-softmax_cross_entropy-smoothed": ([(2,), (2,)], "a sample of two numbers"),
    "eq73-l2-spectral_norm": ([(2, 2), (2, 1)], "two matrices"),
    "eq74-batch_norm-mean_of_an_even_number": ([(3, 1), (1,), (1,)], "a batch of 3, one feature"),
    "eq74-batch_norm-mean_detached": ([(1, 1), (1,), (1,), (1, 1)], "a batch of 1, one feature"),
    "eq77-batch_norm-first_gamma": ([(2, 2), (2,), (2,)], "a batch of 2, two features"),
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("name", "shapes", "words"), [(name, *wanted) for name, wanted in SMALLEST.items()])
def test_smallest_case_has_no_more_numbers_than_it_takes(name, shapes, words):
    """It fails on the wrong implementation, and passes on the reference."""
    result = found(name)
    arguments = Case.from_json(result.case).calls[-1].arguments
    assert [array.shape for array in arrays_in(arguments)] == shapes
    assert words in result.where
    assert shown(name, result) == (True, False)


def arrays_in(item):
    """The arrays in nested lists and tuples."""
    if isinstance(item, (list, tuple)):
        return [array for part in item for array in arrays_in(part)]
    return [item] if isinstance(item, np.ndarray) and item.ndim else []


STEPS = {  # of a wrong optimizer, the words for its smallest case
    "eq57-sgd-clipped_at_1": "one number, one step; theta after step 1",
    "eq57-sgd-second_step_twice": "one number, two steps; theta after step 2",
    "eq57-sgd-FirstRowBroadcast": "an array of shape (2, 2), one step",
    "eq57-sgd-FirstParameterOnly": "a list of two parameters of shapes (1,), (1,), one step",
    "eq58-momentum-velocity_forgotten": "one number, two steps; v after step 2",
    "eq58-momentum-velocity_by_the_mean": "two numbers, one step; v after step 1",
    "eq58-momentum-VelocityStartedAnew": "one number, two steps; v after step 2",
    "eq60-adagrad-RestartedEveryTen": "one number, 10 steps; h after step 10",
}
NETWORKS = {
    "s8.4-batch-mean-network_gradients-odd_sample_forgotten": "a batch of 3, widths 1–2",
    "eq48-network_gradients-eight_samples": "a batch of 9, widths 1–1",
    "eq48-network_gradients-transposed_where_square": "a batch of 1, widths 2–2",
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("name", "words"), [*STEPS.items(), *NETWORKS.items()])
def test_fewest_steps_and_smallest_widths_are_found(name, words):
    """A fresh optimizer shows the failure in its last step, a network in one call."""
    result = found(name, kind="state" if " v " in f" {words} " or "; h " in words else None)
    assert words in result.where
    assert shown(name, result) == (True, False)


COMPANY = {
    "eq13-relu-relu_tail": "the last of 65 or more equal numbers, and is correct alone",
    "eq18-softmax-softmax_first_axis": "each of 2 or more equal rows, and is correct alone",
    "eq77-batch_norm-first_gamma": "only beside these other features: called alone it is correct",
    "s9-procedure-network_gradients-gradients_not_cleared": "depends on the call before, so that the case calls it twice",
}


@pytest.mark.parametrize(("name", "words"), COMPANY.items())
def test_company_is_named(name, words):
    """Length and place in the array, other rows, an earlier call; the case holds it."""
    result = found(name)
    assert words in result.where
    assert shown(name, result) == (True, False)


@pytest.mark.parametrize(
    ("width", "rest", "words"),
    [
        (32, (8, 16, 24), "not aligned to 32 bytes"),
        (64, (0,), "start 0 bytes beyond a multiple of 64"),
        (16, (8,), "not aligned to 16 bytes"),
    ],
)
def test_alignment_is_named(width, rest, words):
    """A kernel that is wrong for arrays that start at some places in memory, alone or in a vector."""
    made, pristine = ReferenceAdapter(), ReferenceAdapter.relu
    object.__setattr__(made, "relu", lambda x: pristine(x) * (2 if x.ctypes.data % width in rest else 1))
    session = Session(made, effort="smoke")
    blamed = replace(checks_of(OPERATIONS["relu"])["value"](session, OPERATIONS["relu"], "float64"), verdict="deviates")
    worst = replace(found("eq13-relu-relu6").worst, inputs={"x": Number.of(8.0)})  # twice the largest number would be excused
    result = located(session, replace(blamed, worst=worst))
    assert words in result.where and "outside" not in result.where
    assert "bytes" not in found("eq13-relu-relu6").where


def test_correct_implementations_get_no_place():
    """A result that does not fail is left as it is, and so is one that nothing fails in any more."""
    session = Session(ReferenceAdapter(), effort="smoke")
    result = checks_of(OPERATIONS["softplus"])["value"](session, OPERATIONS["softplus"], "float64")
    assert located(session, result) == result
    blamed = replace(result, verdict="deviates", worst=found("eq12-softplus-log2").worst)
    assert located(session, blamed) == blamed


def test_place_follows_from_the_seed():
    """Looked into twice, a failure gives the same bytes."""
    assert found("eq34-huber-huber_jumps") == found("eq34-huber-huber_jumps")


COUNTS = {
    "t1-confusion-confusion_matrix-counters_of_a_byte": ("", "256 labels"),
    "t1-confusion-confusion_matrix-transposed_when_large": ("", "5,001 labels"),
    "eq20-precision-precision_of_one_sample": ("", "one label"),
    "s6-harmonic-f_measure-f_geometric": ("", "two labels"),
    "s12.3-inference-batch_norm_layer-running_in_training": ("float64", "a new layer, a batch of 1, one feature"),
}


@pytest.mark.parametrize(("name", "dtype", "words"), [(name, *wanted) for name, wanted in COUNTS.items()])
def test_smallest_tables_and_batches_are_found(name, dtype, words):
    """Of labels the fewest, of a layer the smallest batch."""
    result = found(name, dtype)
    assert words in result.where
    assert shown(name, result) == (True, False)


def test_statements_of_several_operations_are_left_as_they_are():
    """Their results name more than one operation."""
    session = Session(ReferenceAdapter())
    result = Result(("s6-harmonic",), "f_measure, precision, recall", "statement", None, "deviates")
    assert located(session, result) == result


def test_late_step_is_told_where_it_is_too_late_for_a_case():
    """Squares that start anew once, at step 500."""
    result = found("eq60-adagrad-restarted_at_500", kind="state")
    assert (result.where, result.case) == ("h fails from step 500 on", None)


class ReadsMemoryInOrder(ReferenceAdapter):
    """relu takes gradients as they lie in memory, tanh doubles what is reversed, softmax transposes what is in Fortran order."""

    name = "wrong"

    def vjp(self, operation, inputs, cotangent, **hyper):
        if operation != "relu":
            return ReferenceAdapter.vjp(self, operation, inputs, cotangent, **hyper)
        found = np.empty_like(cotangent)
        found.ravel(order="K")[...] = np.where(inputs[0].ravel(order="K") > 0, cotangent.ravel(order="K"), 0)
        return [found]

    def tanh(self, x):
        return ReferenceAdapter.tanh(x) * (1 + (x.ndim > 0 and x.size > 0 and x.strides[-1] < 0))

    def softmax(self, x):
        found = np.asarray(ReferenceAdapter.softmax(x))
        return found if x.flags.c_contiguous else found.T.reshape(found.shape)


@pytest.mark.parametrize(
    ("operation", "kind", "layout", "words"),
    [
        ("relu", "derivative", "F", "it fails only where x lies in Fortran order and cotangent in C order"),
        ("tanh", "value", "reversed", "it fails only where x lies last number first"),
        ("softmax", "value", "F", "it fails only where x lies in Fortran order"),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_a_failure_that_needs_a_layout(operation, kind, layout, words, dtype):
    """The lowest effort tries every layout; the case keeps it, also as plain data, and without it shows nothing."""
    entry, session = OPERATIONS[operation], Session(ReadsMemoryInOrder(), effort="smoke")
    result = located(session, checks_of(entry)[kind](session, entry, dtype))
    assert result.where.endswith(words)
    case = Case.from_json(json.loads(json.dumps(result.case)))
    assert case.fails(replay(ReadsMemoryInOrder(), case)) and not case.fails(replay(ReferenceAdapter(), case))
    (call,) = case.calls
    x = call.arguments[1][0] if kind == "derivative" else call.arguments[0]
    assert layout_of(x) == layout and np.array_equal(eval(literals.array(x)), x) and layout_of(eval(literals.array(x))) == layout
    inputs = ("relu", (np.ascontiguousarray(x),), call.arguments[2]) if kind == "derivative" else (np.ascontiguousarray(x),)
    plain = replace(case, calls=(replace(call, arguments=inputs),))
    assert not plain.fails(replay(ReadsMemoryInOrder(), plain))


def test_layouts():
    """What is laid out one way has that layout, in copies too; what nothing tells apart is in C order."""
    for layout in LAYOUTS:
        array = laid_out(np.arange(6.0).reshape(2, 3), layout)
        assert layout_of(array) == layout_of(copied(array)) == layout and array.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert not np.shares_memory(array, copied(array))
    assert layout_of(np.zeros((1, 3), order="F")) == layout_of(np.array(1.0)) == layout_of(np.zeros((0, 2))[::-1]) == "C"
