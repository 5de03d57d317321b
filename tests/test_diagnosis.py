"""The diagnosis names what was planted, and says nothing of noise."""

from functools import partial

import numpy as np
import pytest
from test_wrong import KNOWN, results_of

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.diagnosis.edits import edits
from eqwise.conformance.diagnosis.search import explained
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.spec import EQUATIONS
from eqwise.spec.transcript import formula
from wrong.collection import WRONG

NAMED = {  # a planted error, the word for its cause, and what must be in the text
    "eq12-softplus-log2": ("factor", "the result times 1/ln 2"),
    "eq12-softplus-linear_above_20": ("term left out", "at x ≥ 20.0"),
    "eq10-logistic-in_float32": ("lower precision", "computed in float32"),
    "eq10-logistic-gradient_of_the_output": ("gradient of the output", "taken at the output"),
    "eq10-logistic-overflows": ("literal evaluation", "multiplied by exp(x)"),
    "eq11-tanh-tanh_as_printed": ("literal evaluation", "as it is printed, in float64"),
    "eq16-elu-elu_alpha_inside": ("moved", "alpha moved into exp(x)"),
    "eq13-relu-relu_in_place": ("purity", "writes to its input"),
    "eq25-mae-mae_gradient_beyond_the_kink": ("kink", "only where branches meet"),
    "eq23-mse-mse_unbiased": ("count", "- 1 for number(len(t))"),
    "eq23-mse-mse_multiplied_out": ("cancellation", "multiplied out"),
    "eq26-r_squared-r_squared_absolute": ("absolute value", "absolute values for squares"),
    "eq28-binary_cross_entropy-clamped_at_100": ("bound", "every log bounded by -100 from below"),
    "eq28-binary_cross_entropy-log_plus_constant": ("constant added", "1e-07 added inside every log"),
    "eq33-quantile-tau_exchanged": ("one minus", "1 - tau for tau"),
    "eq7-dense-dense_transposed": ("transposed", "stored the other way round"),
    "eq7-dense-bias_gradient_averaged": ("mean for sum", "the gradient of b divided by m"),
    "eq8-network-output_omitted": ("activation left out", "f left out"),
    "eq75-batch_norm-variance_unbiased": ("count", "in (75)"),
    "eq74-batch_norm-mean_detached": ("not differentiated", "in (74)"),
    "eq77-batch_norm-gamma_and_beta_exchanged": ("arguments exchanged", "gamma and beta"),
    "eq58-momentum-alpha_exchanged": ("one minus", "1 - alpha for alpha"),
    "eq66-adam-first_not_corrected_second": ("factor left out", "at t = 2"),
}
OPERATIONS_OF_NOISE = ("softplus", "softmax", "mse", "dense", "batch_norm")


@pytest.mark.parametrize("name", NAMED)
def test_planted_cause_is_named(name):
    """By its kind, and by what distinguishes it."""
    kind, part = NAMED[name]
    wrong = WRONG[name]
    session = Session(wrong.adapter(), KNOWN, effort="smoke")
    failed = next(result for result in results_of(session, wrong) if session.settle(result)[1])
    told = [(one.kind, one.text.replace("(alpha)", "alpha")) for one in explained(session, failed).explanations]
    assert any(found == kind and part in text for found, text in told), told


def noisy(operation: str, disturb) -> ReferenceAdapter:
    """The reference with one operation whose results are disturbed."""
    made, pristine, rng = ReferenceAdapter(), getattr(ReferenceAdapter, operation), np.random.default_rng(1)

    def run(*inputs, **named):
        result = np.asarray(pristine(*inputs, **named))
        with np.errstate(all="ignore"):
            return np.asarray(disturb(rng, result)).astype(result.dtype)

    object.__setattr__(made, operation, run)
    return made


def everywhere(rng, result): return result * (1 + 1e-3 * rng.normal(size=result.shape))
def here_and_there(rng, result): return np.where(rng.random(result.shape) < 0.3, result * rng.uniform(0.5, 2, result.shape), result)
def in_disorder(rng, result): return result * rng.choice([0.9, 1.0, 1.3, 1.7], result.shape)


@pytest.mark.parametrize("disturb", [everywhere, here_and_there, in_disorder])
@pytest.mark.parametrize("operation", OPERATIONS_OF_NOISE)
def test_noise_gets_no_explanation(operation, disturb):
    """No formula is found in what follows none."""
    entry, session = OPERATIONS[operation], Session(noisy(operation, disturb), KNOWN, effort="smoke")
    for dtype in ("float64", "float32"):
        result = checks_of(entry)["value"](session, entry, dtype)
        assert result.verdict == "deviates"
        assert not explained(session, result).explanations


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
