"""Wrong gradients that are right in themselves: a call that writes to its inputs, or that adds what the call before has left."""

from __future__ import annotations

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.diagnosis.gathering import afresh, trials_of
from eqwise.conformance.diagnosis.trials import failing
from eqwise.conformance.gradient_claims import Network
from eqwise.conformance.gradient_examples import example, gradients_of, judged
from eqwise.conformance.properties import checks_of
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.numbers.formats import Format

NETWORKS = (Network((2, 3, 2), "tanh", "identity"), Network((3, 2), "tanh", "logistic"), Network((2, 2, 3, 2), "relu", "softmax"))
ACCEPTED = ("conforms", "inaccurate", "undecided")
TURNS = 2  # other inputs on which a harm must be found again


def of_gradients(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """What a network's gradients keep, or write to."""
    return _of_state(session, target) or of_inputs(session, operation, result, target)


def of_inputs(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """That inputs are written to explains it where results are right for what the inputs were before."""
    again = [checks_of(operation)["purity"](afresh(session, turn), operation, target.name) for turn in range(1, TURNS + 1)]
    messages = {other.message for other in again if other.verdict == "deviates"}
    if len(messages) != 1 or any(other.verdict != "deviates" for other in again):
        return []
    if any(one.places for one in failing(trials_of(session, operation, result.property, target), (), target, ACCEPTED)):
        return []
    return [Explanation("purity", str(messages.pop()), (), len(again), 0.0)]


def _of_state(session: Session, target: Format) -> list[Explanation]:
    """A second call with the same inputs returns twice their gradient."""
    points = 0
    for network in NETWORKS:
        for turn in range(TURNS):
            call = example(network, 2, target, 4 * session.seed_for("state", network, turn, target.name) + 1)
            try:
                _, second = gradients_of(session, call, target), gradients_of(session, call, target)
            except NotOffered:
                continue
            if judged(call, [gradient / 2 for gradient in second], target).verdict == "deviates":
                return []
            third = gradients_of(session, call, target)
            if judged(call, [gradient / 2 for gradient in third], target).verdict == "deviates":
                return []
            points += sum(gradient.size for gradient in second)
    text = "the gradients of the call before, with parameters of the same shapes, are added"
    return [Explanation("state", text, ("s9-procedure",), points, 0.0)] if points and _differ(session, target) else []


def _differ(session: Session, target: Format) -> bool:
    """Whether a call's result depends on the call before."""
    call, other = (example(NETWORKS[0], 2, target, 4 * session.seed_for("state", n, target.name) + 1) for n in (1, 2))
    first = gradients_of(session, call, target) and gradients_of(session, call, target)
    gradients_of(session, other, target)
    return any(bool((a != b).any()) for a, b in zip(first, gradients_of(session, call, target), strict=True))
