"""The diagnosis names what was planted, and says nothing of noise."""

from functools import partial

import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.diagnosis.edits import edits
from eqwise.conformance.diagnosis.hypothesis import _apart
from eqwise.conformance.diagnosis.search import explained
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.conformance.strength.detection import results_of
from eqwise.conformance.waivers import Known
from eqwise.spec import EQUATIONS
from eqwise.spec.transcript import formula
from wrong.collection import KNOWN, WRONG

NAMED = {  # a planted error, and what every explanation of it must say: the words for its cause, and what distinguishes them
    "eq12-softplus-log2": [("factor", "the result times 1/ln 2")],
    "eq12-softplus-linear_above_20": [("term left out", "at x ≥ 20.0")],
    "eq10-logistic-in_float32": [("lower precision", "computed in float32")],
    "eq10-logistic-gradient_of_the_output": [("gradient of the output", "taken at the output")],
    "eq10-logistic-overflows": [("literal evaluation", "multiplied by exp(x)")],
    "eq11-tanh-tanh_as_printed": [("literal evaluation", "as it is printed, in float64")],
    "eq16-elu-elu_alpha_inside": [("moved", "alpha moved into exp(x)")],
    "eq13-relu-relu_in_place": [("purity", "writes to its input")],
    "eq25-mae-mae_gradient_beyond_the_kink": [("kink", "only where branches meet")],
    "eq23-mse-mse_unbiased": [("mean for sum", "divided by (n - 1) in place of n"), ("count", "- 1 for number(len(t))")],
    "eq23-mse-mse_multiplied_out": [("cancellation", "multiplied out")],
    "eq26-r_squared-r_squared_absolute": [("absolute value", "absolute values for squares")],
    "eq28-binary_cross_entropy-clamped_at_100": [("bound", "every log bounded by -100 from below")],
    "eq33-quantile-tau_exchanged": [("one minus", "1 - tau for tau"), ("arguments exchanged", "y and t exchanged")],  # the same
    "eq7-dense-dense_transposed": [("transposed", "stored the other way round")],
    "eq7-dense-bias_gradient_averaged": [("mean for sum", "the gradient of b divided by m")],
    "eq8-network-output_omitted": [("activation left out", "f left out")],
    "eq75-batch_norm-variance_unbiased": [("count", "in (75)")],
    "eq74-batch_norm-mean_detached": [("not differentiated", "in (74)"), ("not differentiated", "in (76), mu")],
    "eq77-batch_norm-gamma_and_beta_exchanged": [("arguments exchanged", "gamma and beta")],
    "eq18-softmax-softmax_first_axis": [("another axis", "along the first axis, not the last")],
    "eq74-batch_norm-over_features": [("another axis", "over the features of each sample")],
    "eq57-sgd-EtaOneStepLate": [("argument", "the eta of the step before")],
    "eq57-sgd-second_step_twice": [("factor", "at t = 2: eta times 2"), ("factor", "at t = 2: gradient times 2")],
    "eq59-momentum-nesterov": [("argument", "v after one step more for v")],
    "eq60-adagrad-total_of_elements": [("argument", "the norm of gradient of the parameter")],
    "eq60-adagrad-restarted_at_500": [("term left out", "at t = 500: in (60), the term h left out")],
}


@pytest.mark.one_in(8)
@pytest.mark.parametrize("name", NAMED)
def test_planted_cause_is_named(name):
    """By its kind, and by what distinguishes it; nothing else is told beside it."""
    wrong = WRONG[name]
    session = Session(wrong.adapter(), KNOWN, effort="smoke")
    failed = next(result for result in results_of(session, wrong) if session.settle(result)[1])
    told = [(one.kind, one.text.replace("(alpha)", "alpha")) for one in explained(session, failed).explanations]
    assert told
    assert all(any(found == kind and part in text for kind, part in NAMED[name]) for found, text in told), told


def noisy(operation: str, disturb) -> ReferenceAdapter:
    """The reference with one operation whose results are disturbed."""
    made, pristine, rng = ReferenceAdapter(), getattr(ReferenceAdapter, operation), np.random.default_rng(1)

    def run(*inputs, **named):
        return disturbed(np.asarray(pristine(*inputs, **named)), disturb, rng)

    object.__setattr__(made, operation, run)
    return made


def disturbed(result, disturb, rng):
    """In its own dtype."""
    with np.errstate(all="ignore"):
        return np.asarray(disturb(rng, result.astype(np.float64))).astype(result.dtype)


def everywhere(rng, result): return result * (1 + 1e-3 * rng.normal(size=result.shape))
def faint(rng, result): return result * (1 + 1e-6 * rng.normal(size=result.shape))
def here_and_there(rng, result): return np.where(rng.random(result.shape) < 0.3, result * rng.uniform(0.5, 2, result.shape), result)
def scaled(rng, result): return result * rng.choice([0.9, 1.0, 1.3, 1.7], result.shape)
def permuted(rng, result): return rng.permutation(result.ravel()).reshape(result.shape) + 0.0
def far_out(rng, result): return np.where(np.abs(result) > 3, result * rng.uniform(0.5, 2, result.shape), result)


@pytest.mark.parametrize(
    ("operation", "disturb", "dtypes"),
    [
        ("softplus", everywhere, "float64 float32"), ("softplus", far_out, "float64"), ("softplus", permuted, "float64"),
        ("softmax", here_and_there, "float64 float16"),
        ("mse", faint, "float32"), ("mse", scaled, "float64"),
        ("dense", permuted, "float64"), ("dense", everywhere, "float32"),
        ("batch_norm", faint, "float64"),
    ],
)  # fmt: skip
def test_noise_gets_no_explanation(operation, disturb, dtypes):
    """No formula is found in what follows none: faint or not, everywhere or not, in any order."""
    entry, session = OPERATIONS[operation], Session(noisy(operation, disturb), KNOWN, effort="smoke")
    for dtype in dtypes.split():
        result = checks_of(entry)["value"](session, entry, dtype)
        assert result.verdict in ("deviates", "inaccurate")
        assert not explained(session, result).explanations


class NoisyOptimizer:
    """An optimizer whose steps are disturbed."""

    def __init__(self, optimizer, rng):
        self.optimizer, self.rng = optimizer, rng

    def step(self, gradient, **eta):
        result = self.optimizer.step(gradient, **eta)
        if isinstance(result, list):
            return [disturbed(np.asarray(part), everywhere, self.rng) for part in result]
        return disturbed(np.asarray(result), everywhere, self.rng)

    def state(self):
        return self.optimizer.state()


def test_noise_of_steps_gets_no_explanation():
    """Nor where it is in what a step returns."""
    made, pristine, rng = ReferenceAdapter(), ReferenceAdapter.sgd, np.random.default_rng(1)
    object.__setattr__(made, "sgd", lambda *given, **hyper: NoisyOptimizer(pristine(*given, **hyper), rng))
    entry, session = OPERATIONS["sgd"], Session(made, KNOWN, effort="smoke")
    result = checks_of(entry)["update"](session, entry, "float64")
    assert result.verdict == "deviates"
    assert not explained(session, result).explanations


def test_what_fits_the_first_inputs_alone_is_not_told():
    """An explanation must hold on fresh inputs."""
    made, pristine, rng, seen = ReferenceAdapter(), ReferenceAdapter.softplus, np.random.default_rng(1), set()
    entry = OPERATIONS["softplus"]

    def run(x):
        factor = 2.0 if x.tobytes() in seen else rng.uniform(1.5, 3, np.shape(x))
        return disturbed(np.asarray(pristine(x)), lambda rng, result: result * factor, rng)

    def learned(x):
        seen.add(x.tobytes())
        return disturbed(np.asarray(pristine(x)), lambda rng, result: 2 * result, rng)

    object.__setattr__(made, "softplus", learned)
    session = Session(made, KNOWN, effort="smoke")
    result = checks_of(entry)["value"](session, entry, "float64")
    assert [one.text for one in explained(session, result).explanations] == ["the result times 2"]
    seen.clear()
    checks_of(entry)["value"](Session(made, KNOWN, effort="smoke"), entry, "float64")  # these inputs and no others
    object.__setattr__(made, "softplus", run)
    session = Session(made, KNOWN, effort="smoke")
    assert checks_of(entry)["value"](session, entry, "float64").verdict == "deviates"
    assert not explained(session, result).explanations


def test_an_axis_must_be_another_on_fresh_inputs_too():
    """The first axis for the inputs that are judged, noise for all others."""
    made, pristine, rng, seen = ReferenceAdapter(), ReferenceAdapter.softmax, np.random.default_rng(1), set()
    entry = OPERATIONS["softmax"]

    def run(x):
        if not judged:
            seen.add(x.tobytes())
        if x.tobytes() in seen and x.ndim == 2:
            return pristine(x.T).T
        return disturbed(np.asarray(pristine(x)), here_and_there, rng)

    object.__setattr__(made, "softmax", run)
    judged = []
    session = Session(made, KNOWN, effort="smoke")
    result = checks_of(entry)["value"](session, entry, "float64")
    judged.append(result)
    assert result.verdict == "deviates" and not explained(session, result).explanations
    judged.clear()  # now every input counts as judged
    assert [one.kind for one in explained(session, result).explanations] == ["another axis"]


@pytest.mark.parametrize("name", ["eq18-softmax-softmax_shifted_by_the_mean", "eq76-batch_norm-nan_for_one"])
def test_what_is_not_finite_tells_nothing_by_itself(name):
    """Too little range, or a division by 0, fits whatever overflows or is nan."""
    wrong = WRONG[name]
    session = Session(wrong.adapter(), KNOWN, effort="smoke")
    failed = next(result for result in results_of(session, wrong) if session.settle(result)[1])
    assert not explained(session, failed).explanations


def test_a_reading_is_no_fault():
    """A gradient that follows another reading is named by its verdict, and needs no explanation."""
    wrong = WRONG["eq27-sum_of_squares-squares_gradient_twice"]
    session = Session(wrong.adapter(), KNOWN, effort="smoke")
    failed = next(result for result in results_of(session, wrong) if session.settle(result)[1])
    assert (failed.verdict, failed.reading) == ("conforms_as", "eq27:without_half")
    assert explained(session, failed) == failed


def test_what_conforms_is_not_explained():
    """Neither the printed formula nor a reading is a fault."""
    entry, session = OPERATIONS["softplus"], Session(ReferenceAdapter(), effort="smoke")
    result = checks_of(entry)["value"](session, entry, "float64")
    assert explained(session, result) == result


def test_every_transcription_can_be_edited():
    """Most edits run on the symbols that the formula is shown on, and say what they change."""
    for number, entry in EQUATIONS.items():
        if entry.formula is None or entry.kind == "law" or number in (1, 39, 46):  # on columns, and on functions
            continue
        runs = sum(map(partial(_runs, entry), edits(number, "as_printed")))
        assert runs >= 5, number
        assert all(edit.text and edit.kind for edit in edits(number, "as_printed"))


def _runs(entry, edit) -> bool:
    try:
        return bool(formula(entry, edit.formula))
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError):
        return False


def test_a_gradient_that_is_0_or_the_cotangent_explains_nothing():
    """A backward pass that takes results by their place in memory exchanges the two at random; no formula is told."""

    class ByPlace(ReferenceAdapter):
        def vjp(self, operation, inputs, cotangent, **hyper):
            passes = np.roll(np.asarray(inputs[0]) > 0, 1)
            return (np.where(passes, cotangent, np.zeros_like(cotangent)),)

    session = Session(ByPlace(), effort="smoke", dtypes=("float32",))
    result = checks_of(OPERATIONS["relu"])["derivative"](session, OPERATIONS["relu"], "float32")
    assert result.verdict == "deviates" and not explained(session, result).explanations


def test_a_detour_over_a_hyper_parameter_is_named():
    """A Huber loss by |e| and min(|e|, δ), whose backward pass adds δ and takes it away: digits of small slopes are lost."""

    class ByMinimum(ReferenceAdapter):
        name = "by minimum"

        def vjp(self, operation, inputs, cotangent, **hyper):
            y, t = map(np.asarray, inputs)
            delta, size = y.dtype.type(hyper["delta"]), np.abs(y - t)
            slope = (np.where(size < delta, size - delta, y.dtype.type(0)) + delta) * np.sign(y - t)
            return cotangent * slope, -cotangent * slope

    session = Session(ByMinimum(), Known({("huber", "eq34"): "half"}, ()), effort="smoke", dtypes=("bfloat16",))
    result = checks_of(OPERATIONS["huber"])["derivative"](session, OPERATIONS["huber"], "bfloat16")
    told = [explanation.text for explanation in explained(session, result).explanations]
    assert result.verdict == "deviates" and told == ["delta added to the slope and taken away again, which cancels"]


NAMES = "the slope formed from the rounded output y, as "
SLOPES = (
    ("tanh", lambda x, y: 1 - y * y, [NAMES + "1 - y²"]),
    ("logistic", lambda x, y: y * (1 - y), [NAMES + "y(1 - y)"]),
    ("elu", lambda x, y, alpha: np.where(x > 0, 1, y + alpha), [NAMES + "y + alpha"]),
    ("tanh", lambda x, y: np.where(np.abs(x) > 20, 0, 1 / np.cosh(x) ** 2), []),
)


@pytest.mark.parametrize(("operation", "slope", "wanted"), SLOPES, ids=["1 - y²", "y(1 - y)", "y + alpha", "0 far out"])
def test_a_slope_of_the_rounded_output_is_named(operation, slope, wanted):
    """And one that is 0 far out, as no form that cancels has it, gets none of them."""

    class Kept(ReferenceAdapter):
        name = "kept"

        def vjp(self, operation, inputs, cotangent, **hyper):
            with np.errstate(all="ignore"):
                y = getattr(ReferenceAdapter, operation)(*inputs, **hyper)
                return ((cotangent * slope(inputs[0], y, **hyper)).astype(cotangent.dtype),)

    session = Session(Kept(), effort="smoke", dtypes=("float64",))
    result = checks_of(OPERATIONS[operation])["derivative"](session, OPERATIONS[operation], "float64")
    assert result.verdict == "inaccurate" and [one.text for one in explained(session, result).explanations] == wanted


def test_overflow_is_explained_by_the_printed_formula_alone():
    """log(1 + exp(−ty)) as it stands: whatever else is infinite there explains nothing."""

    class AsPrinted(ReferenceAdapter):
        name = "as printed"

        def logistic_loss(self, y, t):
            with np.errstate(over="ignore"):
                return np.log1p(np.exp(-t * y))

    for dtype in ("float64", "float32"):
        session = Session(AsPrinted(), effort="smoke", dtypes=(dtype,))
        result = checks_of(OPERATIONS["logistic_loss"])["value"](session, OPERATIONS["logistic_loss"], dtype)
        (told,) = explained(session, result).explanations
        assert (result.verdict, told.kind) == ("deviates", "literal evaluation") and told.text.endswith("overflows or cancels here")


def test_infinite_results_by_themselves_explain_nothing():
    """Beyond a bound that no overflow sets: eˣ outside of the logarithm, say, is infinite there as well."""

    class Infinite(ReferenceAdapter):
        name = "infinite"

        def softplus(self, x):
            return np.where(x > 1e10, np.float32(np.inf), np.logaddexp(0, x)).astype(np.float32)

    session = Session(Infinite(), effort="smoke", dtypes=("float32",))
    result = checks_of(OPERATIONS["softplus"])["value"](session, OPERATIONS["softplus"], "float32")
    assert result.verdict == "deviates" and not explained(session, result).explanations
    assert _apart(0.0, 1.0, np.inf, 5.0) is None and _apart(0.0, 1.0, 9.0, 5.0) and not _apart(4.0, 0.5, 9.0, 5.0)


def test_a_share_as_1_minus_the_other_is_named():
    """The logistic function as 1 − 1/(1 + eˣ), which is 0 below −37."""

    class ByComplement(ReferenceAdapter):
        name = "by complement"

        def logistic(self, x):
            with np.errstate(over="ignore"):
                return 1 - 1 / (1 + np.exp(x))

    session = Session(ByComplement(), effort="smoke", dtypes=("float64",))
    result = checks_of(OPERATIONS["logistic"])["value"](session, OPERATIONS["logistic"], "float64")
    (told,) = explained(session, result).explanations
    assert told.text.startswith("1 minus the share of the other, which cancels")
