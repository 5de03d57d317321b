"""Integers in the place of floats: arrays of narrow integers whose differences and squares do not fit their type.

A type of integers that the adapter refuses is not offered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.evidence import Sample, grouped
from eqwise.conformance.inputs import Generator
from eqwise.conformance.invocation import AdapterError, untyped_value
from eqwise.conformance.judging import under_readings
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import VERDICTS, Result
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Format

INTEGERS = ("int8", "uint8", "int16", "int32")


def check_integers(session: Session, operation: Operation, dtype: str) -> Result:
    """Observations and estimates that are integers give what the same numbers give as floats, however far apart they are."""
    blank = Result(operation.clauses, operation.name, "integers", None, "not_offered")
    found, refused = _collected(session, operation)
    told = f"{', '.join(refused)} not offered: {next(iter(refused.values()))}" if refused else None
    results = [under_readings(session, operation, blank, grouped(own), known) for known, own in found.items()]
    if not results:
        return replace(blank, message=told)
    worst = max(results, key=lambda result: VERDICTS.index(result.verdict))
    points = sum(result.points for result in results)
    return replace(worst, points=points, message="; ".join(filter(None, (worst.message, told))) or None)


def _collected(session: Session, operation: Operation) -> tuple[dict[Format, list[Sample]], dict[str, str]]:
    """Results by their format, and why a type of integers is not offered."""
    rng = np.random.default_rng(session.seed_for(operation.name, "integers"))
    found: dict[Format, list[Sample]] = {}
    refused: dict[str, str] = {}
    for kind in INTEGERS:
        for n in (1, 2, 5, 16) * session.volume:
            inputs = [_integers(np.iinfo(kind), rng, n) for _ in operation.inputs]
            try:
                value, known = untyped_value(session.adapter, operation, inputs, ())
            except (NotOffered, AdapterError) as reason:
                refused[kind] = str(reason)
                break
            row = np.concatenate(inputs).astype(np.float64)
            found.setdefault(known, []).append(Sample(value_claim, Frame(operation.name, (n,)), (), row[None, :], value.reshape(1, 1)))
    return found, refused


def _integers(info: Any, rng: Generator, n: int) -> Array:
    """Integers over the whole range of a type, its ends and small ones among them."""
    anywhere = rng.integers(info.min, info.max, n, info.dtype, endpoint=True)
    few = rng.choice(np.array([info.min, info.max, 0, 1, 100], info.dtype), n)
    return np.where(rng.random(n) < 0.5, anywhere, few)
