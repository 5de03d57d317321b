"""Section 12 of the notes: regularization, equations (73) to (77)."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS, NotOffered
from eqwise.conformance.laws import proves, states
from eqwise.conformance.thinning import Subject
from eqwise.spec.certify import exact
from eqwise.spec.regularization import DROPOUT_FACTORS


@pytest.mark.section("12")
def test_property(check, settle):
    """Every operation of the section has every property that the contract asks of it."""
    settle(check)


# dropout, 12.2


def _mean_over_masks(terms, p):
    """Σ over all 2ⁿ masks of p^dropped (1 − p)^kept times the sum of the terms that are kept."""
    total = Fraction(0)
    for mask in product((0, 1), repeat=len(terms)):
        kept = sum(mask)
        total += p ** (len(terms) - kept) * (1 - p) ** kept * sum(m * term for m, term in zip(mask, terms, strict=True))
    return total


@proves("s12.2-ensemble")
def test_inference_is_the_mean_over_all_masks(proof):
    """For a linear layer, under the share that was kept, and inverted; under the printed share at p = ½ alone: an erratum."""
    rng = np.random.default_rng(12)
    for n, p in product((1, 2, 3, 5), (Fraction(0), Fraction(1, 8), Fraction(1, 3), Fraction(1, 2), Fraction(3, 4))):
        terms = [Fraction(int(w) * int(x), 6) for w, x in rng.integers(1, 9, (n, 2))]  # wᵢxᵢ
        for reading, (in_training, at_inference) in DROPOUT_FACTORS.items():
            mean = exact(in_training, p) * _mean_over_masks(terms, p)
            agree = exact(at_inference, p) * sum(terms) == mean
            proof.require(agree == (reading != "as_printed" or p == Fraction(1, 2)), f"{n} inputs, p = {p}, {reading}: {agree}")


@states("s12.2-ensemble", "dropout_layer")
def test_layer_infers_the_mean_over_its_masks(trial):
    """Σ wᵢ·infer(x)ᵢ is the weighted mean over all masks of what training gives; all numbers are small and whole, so exactly."""
    subject = Subject(trial.session, OPERATIONS["dropout_layer"], trial.target)
    w, p = [int(v) for v in trial.rng.integers(1, 9, 10)], 3 / 4
    x = trial.rng.choice([-8.0, -4.0, 4.0, 8.0], 10).astype(trial.target.dtype)
    train, infer = subject.start(p, 12)
    kept = np.zeros(10)
    for _ in range(160):
        y = train(x)
        kept[y != 0] = y[y != 0]
    trial.require(kept != 0, "every unit is kept in one of 160 passes")
    inferred = infer(x)
    if np.array_equal(inferred, p * x.astype(float)) and np.array_equal(kept, x.astype(float)):
        raise NotOffered("inference multiplies by the share that was dropped, as printed: then the statement is false")
    mean = _mean_over_masks([v * Fraction(y) for v, y in zip(w, kept, strict=True)], Fraction(p))
    trial.require(sum(v * Fraction(y) for v, y in zip(w, inferred, strict=True)) == mean, "inference is the mean over all masks")
    trial.require(np.array_equal(infer(x), inferred), "inference gives the same again")
