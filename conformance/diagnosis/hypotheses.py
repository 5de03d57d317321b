"""What could explain a failure: formulas that are one change away, other precisions and forms, other operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis import rewriting
from eqwise.conformance.diagnosis.edits import edits
from eqwise.conformance.diagnosis.ends import of_inputs, of_outputs
from eqwise.conformance.diagnosis.floats import evaluated
from eqwise.conformance.diagnosis.hypothesis import Hypothesis
from eqwise.conformance.diagnosis.nodes import of_nodes
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.spec.document import AS_PRINTED, EQUATIONS
from eqwise.spec.numbers.expression import OTHERWISE, Expression, add, multiply, node, subtract
from eqwise.spec.numbers.formats import FORMATS, Format

PROBED = (-2.5, -1.5, -0.5)  # at which floats tell whether a slope is one of the output


def all_of(trials: Sequence[Trial], base: Readings, target: Format) -> Iterator[Hypothesis]:
    """Every hypothesis about these trials; none that rounds to what has as many digits as the results."""
    for hypothesis in _all_of(trials, base, target):
        if not hypothesis.rounded_to or FORMATS[hypothesis.rounded_to].p < target.p:
            yield hypothesis


def _all_of(trials: Sequence[Trial], base: Readings, target: Format) -> Iterator[Hypothesis]:
    yield from of_precision(target)
    claim = trials[0].build(base)
    if trials[0].further is not None:
        yield from trials[0].further(trials)
    known = dict(base)
    for equation in trials[0].taking_part():
        declared = known.get(equation, AS_PRINTED)
        yield from of_equation(equation, declared, claim.is_derivative)
        for reading in sorted({AS_PRINTED, *EQUATIONS[equation].readings} - {declared}):
            yield Hypothesis("reading", f"({equation}) read as {reading}", 1, ((equation, reading),), equation=equation)
            yield from (replace(h, cost=h.cost + 1) for h in of_equation(equation, reading, claim.is_derivative))
            under = f", under the reading {reading} of ({equation})" if reading != AS_PRINTED else ""
            for h in (*of_inputs(claim, trials), *of_outputs(claim, trials)):
                yield replace(h, readings=((equation, reading),), text=h.text + under, cost=h.cost + 1)
    yield from of_inputs(claim, trials)
    yield from of_outputs(claim, trials)
    yield from of_forms(claim)
    yield from of_kept_outputs(claim)
    yield from of_detours(claim)
    yield from of_operations(trials[0])
    if len(claim.outputs) == 1:
        yield from of_nodes(claim)


def of_precision(target: Format) -> Iterator[Hypothesis]:
    """The right formula with too few digits, or evaluated as it is written."""
    for lower in FORMATS.values():
        if lower.p < target.p and lower.emax <= target.emax:
            yield Hypothesis("lower precision", f"computed in {lower.name}", 0, format=lower)
    for name, dtype in {target.name: target.dtype, "float64": np.dtype(np.float64)}.items():
        told = f"the formula evaluated as it is printed, in {name}, which overflows or cancels here"
        yield Hypothesis("literal evaluation", told, 0, program=dtype)


def of_forms(claim: Claim) -> Iterator[Hypothesis]:
    """The same formula written so that it cancels: an error within what that form loses, and not much smaller."""
    for text_, rewrite in rewriting.FORMS:
        def change(claim: Claim, trial: Trial, rewrite: Any = rewrite) -> Sequence[Expression]:
            return rewrite(claim.outputs)  # type: ignore[no-any-return]

        if tuple(rewrite(claim.outputs)) != claim.outputs:
            yield Hypothesis("cancellation", text_, 1, change=change, cancels=True)
            if len(claim.outputs) == 1:
                told = f"{text_} and overflows" if "which" in text_ else f"{text_}, which overflows"
                yield Hypothesis("literal evaluation", told, 2, change=change, program=np.dtype(np.float64))


def of_kept_outputs(claim: Claim) -> Iterator[Hypothesis]:
    """A slope formed from the rounded output y: by what of y(1 − y), 1 − y² and, below 0, y + α is the slope of this activation."""
    if not (claim.is_derivative and len(claim.applied) == len(claim.outputs) == len(claim.cotangents) == 1):
        return
    ((u, y),) = claim.applied
    if u not in claim.inputs:
        return
    (cotangent,), (output,) = claim.cotangents, claim.outputs
    forms = {"y(1 - y)": multiply(cotangent, y * (1 - y)), "1 - y²": multiply(cotangent, 1 - y * y)}
    for x in claim.inputs:
        if x not in (u, cotangent):
            forms[f"y + {x.value}"] = node("cases", u > 0, output, OTHERWISE, multiply(cotangent, y + x))
    columns = {x: np.array(PROBED) if x is u else np.full(len(PROBED), 0.75) for x in claim.inputs}
    for text, formed in forms.items():
        by_output, exact = evaluated((formed, output), columns)
        if np.allclose(by_output, exact, rtol=1e-6, atol=0):
            def change(claim: Claim, trial: Trial, formed: Expression = formed) -> Sequence[Expression]:
                return [formed]

            yield Hypothesis("cancellation", f"the slope formed from the rounded output y, as {text}", 0, change=change, cancels=True)


def of_detours(claim: Claim) -> Iterator[Hypothesis]:
    """A slope to which one of the inputs, a hyper-parameter most likely, is added, and taken away again."""
    if len(claim.cotangents) != 1 or len(claim.outputs) != 1:
        return
    for x in claim.inputs[:-1]:
        def change(claim: Claim, trial: Trial, x: Expression = x) -> Sequence[Expression]:
            further = multiply(claim.cotangents[0], x)
            return [subtract(add(claim.outputs[0], further), further)]

        text = f"{x.value} added to the slope and taken away again, which cancels"
        yield Hypothesis("cancellation", text, 1, change=change, cancels=True)


def of_equation(equation: int, reading: str, is_derivative: bool) -> Iterator[Hypothesis]:
    """One change in the transcription of an equation."""
    for edit in edits(equation, reading):
        if edit.is_detached and not is_derivative:
            continue
        where = f"in ({equation})" + (f" read as {reading}" if reading != AS_PRINTED else "") + f", {edit.text}"
        yield Hypothesis(edit.kind, where, edit.cost, ((equation, edit.formula),), None, edit, edit.rounded_to)


def of_operations(trial: Trial) -> Iterator[Hypothesis]:
    """Another operation in its place."""
    for name, other in trial.others.items():
        def change(claim: Claim, trial: Trial, name: str = name) -> Sequence[Expression]:
            return trial.others[name]().outputs

        del other
        yield Hypothesis("another operation", f"{name} in its place", 2, change=change)
