"""What is checked of softmax with (29) for targets that do not add up to 1.

There the notes say two things: (56) prints δ = y − t, while (46), the derivative of (29), is (Σt)y − t. Whoever follows
either of them throughout conforms, and the message tells which; what is neither deviates. A framework that refuses such
targets, or whose gradients are wrong for targets that add up to 1 too, is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.check import judging
from eqwise.conformance.comparison import Outcome, reported
from eqwise.conformance.gradient_claims import Network
from eqwise.conformance.gradient_examples import Example, example, gradients_of, judged, with_other_sums
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import VERDICTS, Result
from eqwise.spec.numbers.formats import FORMATS, Format

CLAUSES = ("eq46", "eq56")
NETWORKS = (Network((2, 3), "tanh", "softmax"), Network((2, 2, 2), "logistic", "softmax"), Network((3, 4), "relu", "softmax"))
FOLLOWS = {False: "δ of the output is y − t, as (56) prints it", True: "δ of the output is (Σt)y − t, the derivative of (29)"}


@judging("target_sums", CLAUSES)
def check_target_sums(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Where targets do not add up to 1, δ of the output is (56) as printed, or the derivative of (29)."""
    target = FORMATS[dtype]
    outcomes = [_outcomes(session, plain, other, target) for plain, other in _calls(session, target)]
    if None in outcomes:
        return replace(blank, message="not told: the gradients are wrong for targets that add up to 1 too")
    told = {weighted: _merged([outcome[weighted] for outcome in outcomes if outcome]) for weighted in FOLLOWS}
    follows = min(told, key=lambda weighted: VERDICTS.index(told[weighted].verdict))
    result = reported(blank, told[follows])
    if result.verdict == "deviates":
        return replace(result, message="δ of the output is neither y − t, as (56) prints it, nor (Σt)y − t, the derivative of (29)")
    return replace(result, message=FOLLOWS[follows])


def _calls(session: Session, target: Format) -> Iterator[tuple[Example, Example]]:
    """The same networks and inputs with targets that add up to 1, and with others."""
    for network in NETWORKS:
        for batch in (1, 3):
            seed = session.seed_for("target sums", network, batch, target.name) | 1
            plain = example(network, batch, target, seed)
            yield plain, with_other_sums(plain, target, seed)


def _outcomes(session: Session, plain: Example, other: Example, target: Format) -> dict[bool, Outcome] | None:
    """By either formula; None where the gradients for targets that add up to 1 deviate."""
    if judged(plain, gradients_of(session, plain, target), target).verdict == "deviates":
        return None
    try:
        found = gradients_of(session, other, target)
    except AdapterError as error:
        raise NotOffered(f"targets that do not add up to 1 are refused: {error}") from error
    return {weighted: judged(other, found, target, weighted) for weighted in FOLLOWS}


def _merged(outcomes: list[Outcome]) -> Outcome:
    first, *others = outcomes
    for outcome in others:
        first = first.merged(outcome)
    return first
