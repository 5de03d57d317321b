"""What explains a failure where results cannot be held against a formula of their inputs: what is found in the results themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from eqwise.conformance.adapter import Operation
from eqwise.conformance.diagnosis import axes, biases, counts, harms, inferring, remembering, thinned, weights
from eqwise.conformance.diagnosis.counted import OPERATIONS as COUNTING
from eqwise.conformance.diagnosis.gathering import afresh
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.formats import Format

Find = Callable[[Session, Operation, Result, Format], list[Explanation]]
TURNS = 2  # other inputs on which a harm must be found again


def of_message(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """What a call harms, or how it breaks the contract, is the cause itself, if it is the same for other inputs."""
    check = checks_of(operation).get(result.property)
    if check is None:
        return []
    again = [check(afresh(session, turn), operation, result.dtype or "") for turn in range(1, TURNS + 1)]
    if not result.message or any(other.message != result.message for other in again):
        return []
    return [Explanation("purity" if result.property == "purity" else "contract", result.message, result.clauses, len(again), 0.0)]


CAUSES: Mapping[tuple[str, str], Find] = {
    ("network_gradients", "derivative"): harms.of_gradients,
    ("numerical_gradient", "value"): harms.of_inputs,
    **{(name, "value"): counts.explained for name in COUNTING},
    ("bias", "value"): biases.explained,
    **{(name, "value"): axes.explained for name in ("softmax", "batch_norm")},
    **{(name, "distribution"): weights.explained for name in ("uniform", "xavier", "he", "gauss")},
    **{(name, kind): find for name in ("dropout", "dropout_layer") for kind, find in thinned.FIND.items()},
    **{("batch_norm_layer", kind): find for kind, find in {**remembering.FIND, **inferring.FIND}.items()},
}

ERRORS: Mapping[tuple[str, str], Find] = {
    **{(name, "distribution"): weights.explained_error for name in ("uniform", "xavier", "he", "gauss")},
    **{(name, "mask"): thinned.of_mask_errors for name in ("dropout", "dropout_layer")},
}


def found(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """Every cause that is found in the results of a property."""
    key = operation.name, result.property
    failing = of_message if result.property == "purity" else CAUSES.get(key)
    find = ERRORS.get(key, of_message) if result.verdict == "error" else failing
    return find(session, operation, result, target) if find else []
