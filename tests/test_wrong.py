"""Every planted error is failed, under its own equation, by the property that it breaks."""

import pytest

from eqwise.conformance import digits, theorems
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.laws import Proof
from eqwise.conformance.session import Session
from eqwise.conformance.strength.detection import citing, results_of
from eqwise.spec import STATEMENTS
from eqwise.spec.numbers.formats import FORMATS
from wrong.collection import KNOWN, WRONG

EQUATIONS = [1, 2, *range(4, 36), *range(38, 69)]
SECTIONS = ("2", "3", "4", "6", "7", "8", "9", "10", "11", "12")
READY = {name for name, operation in OPERATIONS.items() if operation.section in SECTIONS}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [name for name, wrong in WRONG.items() if wrong.operation in READY])
def test_wrong_implementation_is_failed(name):
    """The first property of the operation that fails, or the statement's own test, cites the clause."""
    wrong = WRONG[name]
    session = Session(wrong.adapter(), KNOWN, effort="smoke")
    caught = next((result for result in results_of(session, wrong) if session.settle(result)[1]), None)
    assert caught is not None, wrong.because
    assert wrong.clause in caught.clauses


BROKEN_STATEMENTS = {  # a planted error that the statement's own test must notice
    "s2-gates": "eq5-perceptron-fires_at_a_tie",
    "s3-nonzero-derivative": "eq7-network-network_straight_through",
    "s4-nonlinear": "eq7-dense-dense_without_bias",
    "s4-dying-relu": "eq13-relu-relu_gradient_leaks",
    "s4-prelu-parameter": "eq15-prelu-prelu_a_has_no_gradient",
    "s6-imbalance": "s6-imbalance-accuracy-balanced_accuracy",
    "s6-harmonic": "s6-harmonic-f_measure-f_minimum",
    "t1-confusion": "t1-confusion-confusion_matrix-correct_ones_first",
    "s6-output-pairs": "s6-output-pairs-softmax-softmax_lukewarm",
    "s6-r2-best": "s6-r2-best-r_squared-r_squared_clipped",
    "s7-decrease": "eq31-exponential_loss-exponential_sign",
    "s7-logistic": "eq30-logistic_loss-zero_one_labels",
    "s7-quantile": "eq33-quantile-tau_exchanged",
    "s7-huber-robust": "eq34-huber-huber_gradient_unbounded",
    "s8.1-descent": "s8.1-descent-sgd-normalised_gradient",
    "s8.2-small-eta": "s8.2-small-eta-sgd-eta_ignored",
    "s8.4-batch-mean": "s8.4-batch-mean-network_gradients-summed_over_the_batch",
    "s9-cost": "s9-cost-numerical_gradient-taken_twice",
    "s9-procedure": "s9-procedure-network_gradients-gradients_not_cleared",
    "s9-output-deltas": "s9-output-deltas-network_gradients-softmax_twice",
    "s12.1-shrink": "s12.1-shrink-l2-l2_first_matrix_shrinks",
    "s12.2-ensemble": "s12.2-ensemble-dropout_layer-share_squared",
    "s12.3-init": "s12.3-init-batch_norm_layer-gamma_starts_small",
    "s12.3-inference": "s12.3-inference-batch_norm_layer-batch_statistics",
    "s12.3-rescaling": "s12.3-rescaling-batch_norm-gradient_along_the_input",
}
@pytest.mark.parametrize(("statement", "name"), BROKEN_STATEMENTS.items())
def test_planted_error_breaks_its_statement(statement, name):
    """The statement's tests pass on the reference, and one of them fails on the wrong implementation."""
    checks = [test.check for test in citing(statement)]
    pristine, wrong_one = Session(ReferenceAdapter()), Session(WRONG[name].adapter())
    assert {check(pristine, "float64").verdict for check in checks} == {"conforms"}
    assert "deviates" in {check(wrong_one, "float64").verdict for check in checks}


def test_every_statement_asked_of_frameworks_has_a_planted_error():
    """Those of the transcribed sections."""
    sections = ("2", "3", "4", "6.1", "6.2", "7", "8.1", "8.2", "8.4", "9")
    asked = {key for key, entry in STATEMENTS.items() if "framework" in entry.subjects and entry.section in sections}
    assert asked <= set(BROKEN_STATEMENTS)


@pytest.mark.parametrize("name", ["eq12-softplus-log2", "eq18-softmax-softmax_epsilon", "eq6-logistic-five_in_ten_thousand"])
def test_laws_notice_without_an_oracle(name):
    """A wrong value breaks a law of the operation too."""
    wrong = WRONG[name]
    session = Session(wrong.adapter())
    verdicts = {test.check(session, "float64").verdict for test in citing(wrong.clause)}
    assert "deviates" in verdicts


def test_every_equation_has_planted_errors():
    """Each equation that is judged has at least two wrong implementations, restatements counted together."""
    planted = [clause for entry in WRONG.values() for clause in OPERATIONS[entry.operation].clauses]
    assert all(planted.count(f"eq{number}") >= 2 for number in EQUATIONS)
    assert len(WRONG) >= 400


@pytest.mark.parametrize("name", ["s9-procedure-network_gradients-layer_already_moved", "eq52-network_gradients-weights_updated_before"])
def test_training_run_notices_the_wrong_theta(name):
    """A step of the run on digits leaves its bound where δ comes from parameters that have moved already."""
    pytest.importorskip("sklearn")
    assert max(digits.shares(Session(WRONG[name].adapter()), FORMATS["float32"])) > 1


def test_false_theorems_are_refuted():
    """(52) with the transposed product, and (56) with the sign, on the networks of the proofs."""
    network = next(network for network in theorems.drawn() if network.depth == 3)
    delta, above = network.delta(2), network.delta(3)
    for left, right in ((delta, network.thetas[2][:-1] @ above), (above, network.t - network.h(3))):
        proof = Proof()
        theorems.agree(proof, network, zip(left, right, strict=True), "δ")
        assert proof.message
