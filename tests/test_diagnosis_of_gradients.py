"""What is said to explain wrong gradients of networks: the planted error, in its step and layers, and nothing for noise."""

import numpy as np
import pytest

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.diagnosis.search import explained
from eqwise.conformance.loading import load
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from wrong.collection import WRONG

GRADIENTS = {  # planted errors, with a part of what is said
    "eq40-network_gradients-hidden_bias_lost": "(40), in every layer but the first, the bias left out",
    "eq50-network_gradients-relu_slope_omitted": "(52), f' left out, where the hidden layers are relu",
    "eq55-network_gradients-absolute_error": "(56), the absolute value of y - t",
    "eq55-network_gradients-first_output_only": "(56), the first output alone",
}


def said(adapter: ReferenceAdapter, operation: str, kind: str) -> tuple[Explanation, ...]:
    """The explanations of a property that deviates in float64."""
    session = Session(adapter, load("reference", {})[1], effort="smoke")
    return explained(session, Result((), operation, kind, "float64", "deviates")).explanations


DIFFERENCES = {
    "eq39-numerical_gradient-fixed_epsilon": "(39), an ε of 0.0001 whatever is passed",
}


@pytest.mark.one_in(8)
@pytest.mark.parametrize("name", GRADIENTS)
def test_planted_errors_are_explained(name: str) -> None:
    found = said(WRONG[name].adapter(), "network_gradients", "derivative")
    assert GRADIENTS[name] in found[0].text


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_in_another_form_are_told(name: str) -> None:
    found = said(WRONG[name].adapter(), "numerical_gradient", "value")
    assert DIFFERENCES[name] in found[0].text


def test_noise_is_not_explained() -> None:
    assert OPERATIONS["network_gradients"].shape == "method"
    rng = np.random.default_rng(0)

    class Noisy(ReferenceAdapter):
        def network_gradients(self, *inputs: object, **named: object) -> object:
            found = super().network_gradients(*inputs, **named)  # type: ignore[misc]
            return tuple([g * (1 + 1e-6 * rng.normal(size=g.shape)) for g in part] for part in found)

    assert said(Noisy(), "network_gradients", "derivative") == ()
