"""Where the trials of a property come from: the same calls that judged it, or others of another seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from eqwise.conformance import evidence, properties
from eqwise.conformance.adapter import OPERATIONS, NotOffered, Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis import counted, of_differences, of_gradients, of_optimizers, trained
from eqwise.conformance.diagnosis.hypothesis import substituted
from eqwise.conformance.diagnosis.trials import Trial
from eqwise.conformance.evidence import Sample
from eqwise.conformance.optimizer_claims import METHODS
from eqwise.conformance.session import Session
from eqwise.spec.numbers.formats import Format

Gather = Callable[[Session, Operation, str, Format], list[Trial]]


def of_samples(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """Those of values and derivatives of operations that have a formula."""
    own, bulk = (evidence.values, evidence.bulk_values) if kind == "value" else (evidence.slopes, evidence.bulk_slopes)
    collected: list[Sample] = []
    for collect, call in properties.planned(session, operation, kind, target, own, bulk):
        try:
            collected += collect(session, call, target)
        except NotOffered:
            continue
    return [_of_sample(sample) for sample in evidence.grouped(collected) if len(sample.rows)]


def _of_sample(sample: Sample) -> Trial:
    counts = {}
    if sample.frame.entry.shape in ("sample", "rows", "columns"):
        counts["n"] = sample.frame.dims[0]
    if sample.frame.entry.shape == "matrices":
        weights = len(sample.claim().inputs) - len(sample.frame.entry.hyper)
        counts = {"the number of weights": weights, "the number of matrices": len(sample.frame.dims) - 1}
    if sample.details and isinstance(sample.details[0], int) and sample.frame.entry.shape in ("affine", "network"):
        counts["m"] = sample.details[0]
    return Trial(lambda readings: sample.claim(readings), lambda claim, readings: sample.rows, sample.actual, counts, _others(sample))


def _others(sample: Sample) -> dict[str, Callable[[], Claim]]:
    """Operations that take inputs of the same shapes, and of whose hyper-parameters the sample has a column."""
    own = sample.frame.entry
    alike = [
        other
        for other in OPERATIONS.values()
        if other.shape == own.shape != "method" and other is not own
        and len(other.inputs) == len(own.inputs) and set(other.hyper) <= set(own.hyper)
    ]  # fmt: skip
    found = {other.name: partial(_in_place, sample, other, False) for other in alike}
    if own.shape == "sample":
        found |= {f"{name} with its arguments exchanged": partial(_in_place, sample, OPERATIONS[name], True) for name in found}
    return found  # type: ignore[return-value]


def _in_place(sample: Sample, other: Operation, is_exchanged: bool) -> Claim:
    """The claim of another operation over the symbols of this one's."""
    claim = sample.build(replace(sample.frame, operation=other.name), *sample.details)
    own = sample.claim().inputs
    width = len(own) - len(sample.frame.entry.hyper) - len(sample.claim().cotangents)
    names = [str(x.value).partition("[")[0] for x in own[:width]]
    order = list(range(width))
    if is_exchanged:
        order = [j for name in reversed(list(dict.fromkeys(names))) for j in range(width) if names[j] == name]
    put = dict(zip(claim.inputs[:width], (own[j] for j in order), strict=True))
    return replace(claim, outputs=tuple(substituted(claim.outputs, put)), value=None)


GATHER: Mapping[tuple[str, str], Gather] = {
    **{(name, "value"): counted.trials for name in counted.OPERATIONS},
    **{(name, "update"): of_optimizers.of_update for name in METHODS},
    **{(name, "state"): of_optimizers.of_state for name in METHODS},
    ("batch_norm_layer", "value"): trained.trials,
    ("network_gradients", "derivative"): of_gradients.trials,
    ("numerical_gradient", "value"): of_differences.values,
    ("numerical_gradient", "points"): of_differences.points,
}


def trials_of(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """The trials of a property, or none where results cannot be held against other formulas."""
    gather = GATHER.get((operation.name, kind))
    if gather is None and operation.shape != "method" and kind in ("value", "derivative"):
        gather = of_samples
    return gather(session, operation, kind, target) if gather else []


def afresh(session: Session, turn: int) -> Session:
    """The same adapter, to be asked about other inputs, and more of them: hyper-parameters tell explanations apart."""
    effort = "standard" if session.effort == "smoke" else session.effort
    return replace(session, effort=effort, adapter=session.adapter.adapter, seed=session.seed + 7919 * turn, cache={})  # type: ignore[attr-defined]



