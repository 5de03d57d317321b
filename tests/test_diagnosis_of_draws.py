"""What would explain failures of counts, of random numbers and of layers that remember: the planted cause, or nothing."""

import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.diagnosis.search import explained
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from wrong.collection import KNOWN, WRONG

CAUSES = [
    ("eq19-accuracy-error_rate", "value", "another share", "(FP+FN)/(TP+FP+FN+TN)"),
    ("eq19-accuracy-accuracy_counted_in_bytes", "value", "counter", "8 bits"),
    ("eq20-precision-precision_is_recall", "value", "another share", "(21), recall"),
    ("eq22-f_measure-f_smoothed", "value", "constant added", "1e-12"),
    ("t1-confusion-confusion_matrix-correct_ones_first", "value", "counts exchanged", "[[TP, TN], [FP, FN]]"),
    ("t1-confusion-confusion_matrix-table_in_one_buffer", "purity", "purity", "changes when it is called again"),
    ("eq70-xavier-by_outputs", "distribution", "argument", "the outputs for the inputs"),
    ("eq72-gauss-clipped_at_two", "distribution", "bound", "clipped at 2 deviations"),
    ("eq69-uniform-same_row", "distribution", "repeated", "one row"),
    ("eq72-gauss-columns_correlated", "distribution", "common part", "of a row have a part"),
    ("eq72-gauss-rows_mirrored", "distribution", "pairs", "the negative"),
    ("s12.2-train-mask-dropout-p_is_kept", "mask", "another probability", "1 - p"),
    ("s12.2-train-mask-dropout-exact_share_dropped", "mask", "exact share", "exactly the same share"),
    ("s12.2-train-mask-dropout-negative_more_often", "mask", "depends on the input", "negative units"),
    ("s12.2-train-mask-dropout_layer-five_masks_in_turn", "mask", "repeated", "5 masks come in turn"),
    ("s12.2-inference-scale-dropout_layer-root_of_the_share", "scale", "factor", "√(1 - p) at inference"),
    ("s12.2-train-mask-dropout-dropout_gradient_masked_afresh", "derivative", "another mask", "a mask of its own"),
    ("s12.3-init-batch_norm_layer-gamma_starts_small", "state", "start", "gamma starts at 0.1"),
    ("s12.3-inference-batch_norm_layer-rate_exchanged", "update", "running average", "rate and 1 - rate exchanged"),
    ("s12.3-inference-batch_norm_layer-two_samples_apart", "inference", "batch statistics", "for 2 samples alone"),
    ("s12.3-inference-batch_norm_layer-running_in_training", "value", "running averages", "after the pass"),
]


class Noisy(ReferenceAdapter):
    """Numbers that follow no law that anybody would write down."""

    def gauss(self, shape, seed, dtype):
        rng = np.random.default_rng(seed)
        z = rng.standard_normal(shape)
        return (np.where(rng.random(shape) < 0.3, z * 1.7 + 0.3, 0.6 * z**3 - 0.2)).astype(dtype)

    def accuracy(self, actual, predicted):
        return float(np.random.default_rng(len(actual) + int(actual.sum())).random())


def explanations(name, property_, adapter=None):
    """What explains the failure of this property of a wrong implementation."""
    operation = OPERATIONS[WRONG[name].operation]
    session = Session(adapter or WRONG[name].adapter(), KNOWN, effort="smoke")
    result = checks_of(operation)[property_](session, operation, "float64" if operation.typed else "")
    assert result.verdict == "deviates", result
    return explained(session, result).explanations


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("name", "property_", "kind", "words"), CAUSES, ids=[cause[0] for cause in CAUSES])
def test_planted_causes_are_named(name, property_, kind, words):
    """Whatever explains a planted error is of its kind, and says what was planted."""
    found = explanations(name, property_)
    assert found
    assert all(one.kind == kind and words in one.text for one in found), found


@pytest.mark.parametrize(("name", "property_"), [("eq72-gauss-small", "distribution"), ("eq19-accuracy-error_rate", "value")])
def test_noise_is_not_explained(name, property_):
    """What no change of a formula or of a law gives gets no explanation."""
    assert not explanations(name, property_, Noisy())
