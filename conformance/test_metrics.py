"""Section 6 of the notes: evaluation metrics, table 1 and equations (19) to (26)."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import arb

from eqwise.conformance.adapter import f_measure, logistic_binary_cross_entropy, softmax_cross_entropy
from eqwise.conformance.laws import Measured, law, proves, states
from eqwise.spec.activations import logistic, softmax
from eqwise.spec.certify import exact, precision
from eqwise.spec.document import reading_as
from eqwise.spec.metrics import accuracy, f_measure_extended, mse, r_squared, recall
from eqwise.spec.metrics import precision as precision_of
from eqwise.spec.numbers.expression import ONE, ZERO, symbol
from eqwise.spec.numbers.program import BALLS, compiled

USUAL = {26: "mean_of_observations"}


@pytest.mark.section("6")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


# classification


def _labels(trial, size=200):
    """Actual and predicted labels, with positives of both kinds, and a positive that is found."""
    actual, predicted = trial.rng.random((2, size)) < trial.rng.uniform(0.2, 0.8, (2, 1))
    actual[0] = predicted[0] = True
    return actual, predicted


@law("confusion_matrix")
def test_confusion_matrix_adds_up(trial):
    """The counts of two sets of samples add up to those of both, and all four to their number."""
    for size in (1, 30, 300):
        one, other = _labels(trial, size), _labels(trial, 400)
        both = [np.concatenate(pair) for pair in zip(one, other, strict=True)]
        trial.equal(trial.confusion_matrix(*one) + trial.confusion_matrix(*other), trial.confusion_matrix(*both))
        trial.require(trial.confusion_matrix(*both).value.sum() == size + 400, "the four counts add up to the number of samples")


@law("accuracy", "confusion_matrix")
def test_accuracy_is_the_share_on_the_diagonal(trial):
    """N·accuracy is the sum of the diagonal, in whatever order the table is."""
    for size in (7, 64, 1000):
        labels = _labels(trial, size)
        trial.equal(trial.accuracy(*labels) * size, np.trace(trial.confusion_matrix(*labels).value))


@law("precision", "recall")
def test_precision_is_recall_exchanged(trial):
    """The precision of predictions is the recall of what is predicted from them."""
    for _ in range(16):
        actual, predicted = _labels(trial)
        trial.equal(trial.precision(actual, predicted), trial.recall(predicted, actual))


@law("f_measure")
def test_f_measure_is_symmetric(trial):
    """Exchanging actual and predicted labels changes nothing."""
    for _ in range(16):
        actual, predicted = _labels(trial)
        trial.equal(trial.f_measure(actual, predicted), trial.f_measure(predicted, actual))


@proves("eq22")
def test_the_extension_is_f_measure_wherever_both_exist(proof):
    """2TP/(2TP + FP + FN) = (22) of (20) and (21) for all counts up to 6 with TP > 0."""
    for tp, fp, fn in product(range(1, 7), range(7), range(7)):
        proof.require(exact(f_measure, tp, fp, fn) == exact(f_measure_extended, tp, fp, fn), f"TP, FP, FN = {tp, fp, fn}")


@states("s6-imbalance", "accuracy")
def test_always_answering_false_is_accurate(trial):
    """The accuracy of always answering False is the share of negatives, as near to 1 as the data are unbalanced."""
    for positives in (0, 1, 3, 9, 40):
        actual = np.arange(100) < positives
        trial.equal(trial.accuracy(actual, np.zeros(100, bool)), Fraction(100 - positives, 100))


@states("s6-imbalance", "recall")
def test_always_answering_false_recalls_nothing(trial):
    """The recall of always answering False is 0, however few positives there are."""
    for positives in (1, 3, 9, 40):
        actual = np.arange(100) < positives
        trial.equal(trial.recall(actual, np.zeros(100, bool)), 0.0)


@proves("s6-imbalance")
def test_accuracy_of_always_false_exactly(proof):
    """With TP = FP = 0 accuracy is the share of negatives, above 9/10 for fewer than one positive in ten; recall is 0."""
    for positives, negatives in product(range(1, 12), range(1, 120)):
        share = exact(accuracy, 0, 0, positives, negatives)
        proof.require(share == Fraction(negatives, positives + negatives), f"{positives} positives of {positives + negatives}")
        proof.require((share > Fraction(9, 10)) == (negatives > 9 * positives), f"{positives} positives, {negatives} negatives")
        proof.require(exact(recall, 0, positives) == 0, "recall")


@states("s6-harmonic", "f_measure", "precision", "recall")
def test_f_measure_is_the_harmonic_mean(trial):
    """F = 2PR/(P + R) of the adapter's own precision and recall."""
    for _ in range(32):
        labels = _labels(trial)
        p, r = trial.precision(*labels), trial.recall(*labels)
        harmonic = 2 * p.value * r.value / (p.value + r.value)
        trial.equal(trial.f_measure(*labels), Measured(harmonic, 2 * (p.allowance + r.allowance)))


@proves("s6-harmonic")
def test_f_measure_is_the_harmonic_mean_exactly(proof):
    """1/F is the mean of 1/precision and 1/recall for all counts up to 6 with TP > 0."""
    for tp, fp, fn in product(range(1, 7), range(7), range(7)):
        inverse = (1 / exact(precision_of, tp, fp) + 1 / exact(recall, tp, fn)) / 2
        proof.require(1 / exact(f_measure, tp, fp, fn) == inverse, f"TP, FP, FN = {tp, fp, fn}")


@states("t1-confusion", "confusion_matrix")
def test_every_case_has_a_place_of_its_own(trial):
    """A single sample is counted once; the right ones on the diagonal, the four cases in four places, in every order of the table."""
    found = {case: trial.confusion_matrix(*np.array([case]).T).value for case in product((True, False), repeat=2)}
    trial.require([np.sort(table.ravel()).tolist() == [0, 0, 0, 1] for table in found.values()], "one sample is counted once")
    trial.require(sum(found.values()) == 1, "the four cases have four places")
    trial.require([np.trace(table) == (a == p) for (a, p), table in found.items()], "the right answers are on the diagonal")


# output activations


@states("s6-output-pairs", "softmax", "logistic")
def test_softmax_of_two_scores_is_the_logistic(trial):
    """softmax(z, 0) = (σ(z), σ(−z)): the output for several classes, of two, is the output for two."""
    z = trial.vectors(256)
    pair = trial.softmax(np.column_stack([z, np.zeros(256)]))
    trial.equal(pair[:, 0], trial.logistic(z), z=z)
    trial.equal(pair[:, 1], trial.logistic(-z), z=z)


@states("s6-output-pairs", "softmax_cross_entropy", "logistic_binary_cross_entropy")
def test_losses_of_two_scores_are_one_loss(trial):
    """(29) of softmax(z, 0) against (t, 1 − t) is (28) of σ(z) against t."""
    for z in trial.vectors(40).tolist():
        for t in (0.0, 0.25, 1.0):
            several = trial.softmax_cross_entropy(np.array([z, 0.0]), np.array([t, 1 - t]))
            trial.equal(several, trial.logistic_binary_cross_entropy(np.array([z]), np.array([t])), z=z, t=t)


@proves("s6-output-pairs")
def test_the_pairs_of_two_classes_agree_exactly(proof):
    """Outputs and losses of the two pairs are balls that agree to 2⁻³³⁰."""
    z, t = symbol("z"), symbol("t")
    scores, shares = np.array([z, ZERO]), np.array([t, ONE - t])
    outputs = softmax(scores)[0] - logistic(z)
    losses = softmax_cross_entropy(scores, shares) - logistic_binary_cross_entropy(np.array([z]), np.array([t]))
    differences = compiled((outputs, losses), (z, t), BALLS)
    with precision(400):
        for k, share in product(range(-40, 41), range(5)):
            for ball in differences(arb(k) / 7, arb(share) / 4):
                proof.require(bool(abs(ball) < arb((1, -330))), f"z = {k}/7, t = {share}/4")


# regression


def _regressed(trial, rows=24, n=8):
    """Observations and estimates that are small integers, the observations not all equal."""
    for t, y in trial.rng.integers(-9, 10, (rows, 2, n)).astype(float):
        t[0] = t[1] + 1
        yield t, y


def _spread(t):
    return float(((t - t.mean()) ** 2).sum())


@law("rmse", "mse")
def test_rmse_is_the_root_of_mse(trial):
    """RMSE² = MSE, about an offset too."""
    for t, y in _regressed(trial):
        root = trial.rmse(t, y)
        trial.equal((root * root.value).widened(2), trial.mse(t, y))


@law("mse")
def test_mse_depends_on_differences(trial):
    """MSE(t + c, y + c) = MSE(y, t), where t + c and y + c are exact."""
    offset = 2.0 ** (trial.target.p - 5)
    for t, y in _regressed(trial):
        trial.equal(trial.mse(t + offset, y + offset), trial.mse(y, t))


@law("mae", "rmse")
def test_mae_is_at_most_rmse(trial):
    """MAE ≤ RMSE, and both are the error where there is one sample."""
    for t, y in _regressed(trial):
        trial.at_most(trial.mae(t, y), trial.rmse(t, y))
        trial.equal(trial.mae(t[:1], y[:1]), trial.rmse(t[:1], y[:1]))


@law("r_squared", "mse")
def test_r_squared_is_at_least_the_usual_one(trial):
    """R² ≥ 1 − N·MSE/Σ(t − t̄)², whichever mean is in the denominator."""
    for t, y in _regressed(trial):
        trial.at_most(1 - trial.mse(t, y) * (len(t) / _spread(t)), trial.r_squared(t, y))


@law("r_squared")
def test_r_squared_is_free_of_offset_and_scale(trial):
    """R²(at + c, ay + c) = R²(t, y), where both are exact."""
    for t, y in _regressed(trial):
        y += t
        trial.equal(trial.r_squared(4 * t + 32, 4 * y + 32).widened(2), trial.r_squared(t, y).widened(2))


@law("r_squared")
def test_r_squared_of_perfect_estimates_is_one(trial):
    """R² = 1 where every estimate is exact."""
    for t, _ in _regressed(trial):
        trial.equal(trial.r_squared(t, t), 1.0)


def _rationals(rng, *shape):
    return np.frompyfunc(lambda k: Fraction(int(k), 7), 1, 1)(rng.integers(-30, 31, shape))


@proves("eq26")
def test_printed_denominator_is_the_larger(proof):
    """Σ(t − ȳ)² = Σ(t − t̄)² + N(t̄ − ȳ)²: as printed R² is at least the usual one, equal iff the means agree or y = t."""
    rng = np.random.default_rng(26)
    for t, y in _rationals(rng, 60, 2, 5):
        y = y - (y.sum() - t.sum()) / 5 if rng.random() < 0.3 else y
        t_bar, y_bar = t.sum() / 5, y.sum() / 5
        proof.require(((t - y_bar) ** 2).sum() == ((t - t_bar) ** 2).sum() + 5 * (t_bar - y_bar) ** 2, "denominators")
        printed = exact(r_squared, t, y)
        with reading_as(USUAL):
            usual = exact(r_squared, t, y)
        proof.require(printed >= usual, f"printed {printed}, usual {usual}")
        proof.require((printed == usual) == (t_bar == y_bar or list(t) == list(y)), f"means {t_bar} and {y_bar}")


@states("s6-r2-best", "r_squared", "mse")
def test_closer_to_one_is_better_where_the_means_agree(trial):
    """1 − R² = N·MSE/Σ(t − t̄)² for estimates with the mean of the observations, however bad they are."""
    for t, y in _regressed(trial):
        y += t
        y[-1] += t.sum() - y.sum()
        trial.equal(1 - trial.r_squared(t, y), trial.mse(t, y) * (len(t) / _spread(t)))


@states("s6-r2-best", "r_squared")
def test_constant_estimates_score_as_one_of_the_means_says(trial):
    """Constant estimates all score 0, as printed, or less the farther they are from t̄, by the usual mean."""
    t = np.array([-4.0, -1.0, 0.0, 1.0, 4.0, 6.0, 10.0, 0.0])
    constants = (-8.0, 0.0, 2.0, 3.0, 16.0)
    scores = [trial.r_squared(t, np.full(len(t), c)).widened(16) for c in constants]
    usual = [1 - ((t - c) ** 2).sum() / _spread(t) for c in constants]
    as_printed = [abs(score.value) <= score.allowance for score in scores]
    by_observations = [abs(score.value - u) <= score.allowance * (1 + abs(u)) for score, u in zip(scores, usual, strict=True)]
    trial.require(all(as_printed) or all(by_observations), "constant estimates score 0, or 1 − Σ(t − c)²/Σ(t − t̄)²")


@proves("s6-r2-best")
def test_usual_coefficient_falls_with_the_error(proof):
    """With t̄, R² = 1 − N·MSE/Σ(t − t̄)²: of two estimates of the same observations the better one has the larger R²."""
    rng = np.random.default_rng(6)
    for t, y, z in _rationals(rng, 60, 3, 4):
        spread = ((t - t.sum() / 4) ** 2).sum()
        with reading_as(USUAL):
            scores = [exact(r_squared, t, estimate) for estimate in (y, z)]
        errors = [exact(mse, t, estimate) for estimate in (y, z)]
        proof.require(all(score == 1 - 4 * error / spread for score, error in zip(scores, errors, strict=True)), "affine in MSE")
        proof.require((scores[0] > scores[1]) == (errors[0] < errors[1]), f"{scores} for errors {errors}")


@proves("s6-r2-best")
def test_printed_coefficient_can_prefer_the_worse(proof):
    """As printed every constant scores 0, and estimates with 81 times the error of a constant score more."""
    t = np.array([Fraction(0), Fraction(2)])
    near, far = np.array([Fraction(1), Fraction(1)]), np.array([Fraction(9), Fraction(11)])
    for c in range(-20, 21):
        if c != 1:
            proof.require(exact(r_squared, t, near * c) == 0, f"constant estimates of {c}")
    proof.require(exact(mse, t, far) == 81 * exact(mse, t, near), "the errors")
    proof.require(exact(r_squared, t, far) > exact(r_squared, t, near) == 0, "the scores")
