"""Where the trials of a property come from: the same calls that judged it, or others of another seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from eqwise.conformance import evidence, properties
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.diagnosis.trials import Trial
from eqwise.conformance.evidence import Sample
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
    if sample.details and isinstance(sample.details[0], int) and sample.frame.entry.shape in ("affine", "network"):
        counts["m"] = sample.details[0]
    return Trial(lambda readings: sample.claim(readings), lambda claim, readings: sample.rows, sample.actual, counts)


GATHER: Mapping[tuple[str, str], Gather] = {}


def trials_of(session: Session, operation: Operation, kind: str, target: Format) -> list[Trial]:
    """The trials of a property, or none where results cannot be held against other formulas."""
    gather = GATHER.get((operation.name, kind))
    if gather is None and operation.shape != "method" and kind in ("value", "derivative"):
        gather = of_samples
    return gather(session, operation, kind, target) if gather else []


def afresh(session: Session, turn: int) -> Session:
    """The same adapter, to be asked about other inputs."""
    return replace(session, adapter=session.adapter.adapter, seed=session.seed + 7919 * turn, cache={})  # type: ignore[attr-defined]



