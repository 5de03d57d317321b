"""Laws and statements: claims about an adapter's own results, written as they would be on paper.

A law combines values whose allowances are known, so it allows for the sum of theirs: it can only fail where one of the
values is wrong by more than the formula excuses. What a law adds is that no oracle takes part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import numpy as np
import pytest

from eqwise.conformance import invocation, metrics, samples
from eqwise.conformance.adapter import OPERATIONS, NotOffered
from eqwise.conformance.allowances import exposed
from eqwise.conformance.check import answered, attempted
from eqwise.conformance.claims import Frame, pullback_claim, slope_claim, value_claim
from eqwise.conformance.evidence import result_shape
from eqwise.conformance.inputs import block, critical_ordinals
from eqwise.conformance.samples import cast
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Number, Result, Worst
from eqwise.spec.document import STATEMENTS
from eqwise.spec.numbers import bounds
from eqwise.spec.numbers.formats import FORMATS, Floats, Format
from eqwise.spec.numbers.program import FLOATS, compiled

Body = Callable[["Trial"], None]


@dataclass(frozen=True)
class Measured:
    """Results of the adapter with their allowances; arithmetic adds up what is allowed."""

    value: Floats
    allowance: Floats

    def __neg__(self) -> Measured:
        return Measured(-self.value, self.allowance)

    def __add__(self, other: Any) -> Measured:
        other = measured(other)
        value = self.value + other.value
        return Measured(value, self.allowance + other.allowance + np.abs(value) * 2.0**-52)

    def __sub__(self, other: Any) -> Measured:
        return self + -measured(other)

    def __rsub__(self, other: Any) -> Measured:
        return measured(other) - self

    def __mul__(self, factor: Any) -> Measured:
        return Measured(self.value * factor, self.allowance * np.abs(factor) + np.abs(self.value * factor) * 2.0**-52)

    __radd__, __rmul__ = __add__, __mul__

    def widened(self, factor: float) -> Measured:
        """The same values with more room: for what the values of others pass on."""
        return Measured(self.value, self.allowance * factor)

    def sum(self) -> Measured:
        """Over the last axis."""
        value = self.value.sum(axis=-1)
        rounding = np.abs(self.value).sum(axis=-1) * self.value.shape[-1] * 2.0**-53
        return Measured(value, self.allowance.sum(axis=-1) + rounding)

    def __abs__(self) -> Measured:
        return Measured(np.abs(self.value), self.allowance)

    def __getitem__(self, index: Any) -> Measured:
        return Measured(self.value[index], self.allowance[index])


def measured(value: Any) -> Measured:
    """Exact numbers have no allowance."""
    return value if isinstance(value, Measured) else Measured(np.asarray(value, np.float64), np.zeros(np.shape(value)))


class Trial:
    """What a law or a statement is tried with: numbers to draw, the adapter's operations by name, claims to make."""

    def __init__(self, session: Session, target: Format, seed: int) -> None:
        self.session, self.target, self.rng = session, target, np.random.default_rng(seed)
        self.points, self.message = 0, ""
        self.worst: Worst | None = None

    # drawing

    def reals(self, operation: str, size: int = 4096, **hyper: float) -> Floats:
        """Numbers of the dtype, critical ones of the operation among them."""
        others = (*[1.0] * (len(OPERATIONS[operation].inputs) - 1), *hyper.values())
        critical = critical_ordinals(value_claim(Frame(operation)), others, self.target)
        return block(self.target, self.rng, size, critical)

    def vectors(self, *shape: int, scale: float = 4.0) -> Floats:
        """Normal numbers of the dtype."""
        return self.target.round(self.rng.normal(size=shape) * scale)

    # the adapter

    def __getattr__(self, operation: str) -> Callable[..., Measured]:
        if operation not in OPERATIONS:
            raise AttributeError(operation)
        return partial(self._called, operation)

    def _called(self, operation: str, *inputs: Any, **named: Any) -> Measured:
        """The adapter's values, with what the printed formula is allowed there."""
        self.need(operation)
        entry = OPERATIONS[operation]
        if not entry.typed:
            return self._counted(operation, inputs)
        options = {name: value for name, value in named.items() if name not in entry.hyper}
        call = samples.Call(tuple(self._cast(i) for i in inputs), named, self._frame(operation, inputs, options), self.rng)
        claim, rows = value_claim(call.frame), samples.rows_of(call)
        shape = result_shape(call)
        value = invocation.value(self.session.adapter, entry, call.inputs, shape, self.target, **named)
        allowances = np.column_stack([allowance(claim, k, rows, self.target) for k in range(len(claim.outputs))])
        return Measured(value, (allowances.T if entry.shape == "columns" else allowances).reshape(shape))

    def _counted(self, operation: str, inputs: Any) -> Measured:
        """What the adapter made of labels, with 4 ulp in the format of the result."""
        labels = [np.asarray(array, bool) for array in inputs]
        value, known = metrics.called(self.session, OPERATIONS[operation], labels)
        return Measured(value, bounds.FACTOR * known.ulp(value))

    def gradients(self, operation: str, inputs: Any, cotangent: Any, **named: Any) -> list[Floats | None]:
        """The adapter's gradients, without allowances."""
        self.need(operation, "vjp")
        arrays = [self._cast(array) for array in inputs]
        return invocation.gradients(self.session.adapter, OPERATIONS[operation], arrays, self._cast(cotangent), self.target, **named)

    def slopes(self, operation: str, x: Floats, *others: Any, **hyper: float) -> Measured:
        """The gradient of an element-wise operation by its first input, with what that of the printed formula is allowed there."""
        inputs = [self._cast(array) for array in (x, *others)]
        (found, *_) = self.gradients(operation, inputs, np.ones(x.shape), **hyper)
        if found is None:
            raise NotOffered(f"no gradient of {operation}")
        call = samples.Call(tuple(inputs), hyper, Frame(operation), self.rng)
        return Measured(found, allowance(slope_claim(call.frame, 0), 0, samples.rows_of(call, [np.ones(x.shape)]), self.target))

    def gradient_of_sample(self, operation: str, first: Floats, *others: Floats) -> Measured:
        """The gradient of a loss of one sample by its first input, with what that of the printed formula is allowed there."""
        inputs = [self._cast(array) for array in (first, *others)]
        (found, *_) = self.gradients(operation, inputs, np.ones(()))
        if found is None:
            raise NotOffered(f"no gradient of {operation}")
        claim = pullback_claim(self._frame(operation, inputs, {}), None, (True, *(False for _ in others)))
        row = np.concatenate([*(np.asarray(array, np.float64).ravel() for array in inputs), [1.0]])[None, :]
        return Measured(found, np.concatenate([allowance(claim, k, row, self.target) for k in range(len(claim.outputs))]))

    def rounded(self, value: Floats) -> Measured:
        """Numbers that carry the rounding of the dtype: 4 ulp."""
        return Measured(value, bounds.FACTOR * self.target.ulp(value))

    def need(self, *operations: str) -> None:
        """Raise `NotOffered` unless the adapter offers all of these, element by element."""
        for operation in operations:
            if not self.session.adapter.offers(operation) or operation in self.session.adapter.reduction:
                raise NotOffered(f"{operation} is not offered")

    def _cast(self, value: Any) -> Any:
        return [self._cast(item) for item in value] if isinstance(value, list) else cast(np.asarray(value, np.float64), self.target)

    def _frame(self, operation: str, inputs: Any, options: Any) -> Frame:
        shapes = [np.shape(array) for array in invocation.flattened(inputs)]
        match OPERATIONS[operation].shape:
            case "elementwise":       return Frame(operation)
            case "rows" | "sample":   return Frame(operation, shapes[0][-1:])
            case "affine":            return Frame(operation, shapes[1])
            case "columns":           return Frame(operation, shapes[0][:1])
            case "matrices":          return Frame(operation, (shapes[0][0], *(shape[1] for shape in shapes)))
            case _:
                widths = (shapes[0][-1], *(shape[1] for shape in shapes[1 : 1 + len(inputs[1])]))
                return Frame(operation, widths, tuple(sorted(options.items())))

    # claiming

    def equal(self, left: Any, right: Any, **inputs: Any) -> None:
        """left = right, but for what both are allowed."""
        left, right = measured(left), measured(right)
        with np.errstate(invalid="ignore"):
            same = (left.value == right.value) | (np.abs(left.value - right.value) <= left.allowance + right.allowance)
        self._claim(same, left, right, inputs, "=")

    def at_most(self, left: Any, right: Any, **inputs: Any) -> None:
        """left ≤ right, but for what both are allowed."""
        left, right = measured(left), measured(right)
        self._claim(left.value <= right.value + (left.allowance + right.allowance), left, right, inputs, "≤")

    def require(self, condition: Any, claim: str) -> None:
        """A condition that holds or does not, everywhere."""
        holds = np.asarray(condition)
        self.points += holds.size
        if not holds.all() and not self.message:
            self.message = f"{claim}: false at {int(holds.size - np.count_nonzero(holds))} of {holds.size}"

    def _claim(self, holds: Any, left: Measured, right: Measured, inputs: dict[str, Any], sign: str) -> None:
        undefined = ~np.isfinite(left.allowance + right.allowance)
        holds = np.broadcast_to(holds, np.broadcast_shapes(np.shape(holds), undefined.shape)) | undefined
        self.points += int(holds.size - np.count_nonzero(undefined))
        if holds.all() or self.worst:
            return
        at = np.unravel_index(int(np.argmin(holds)), holds.shape)

        def pick(array: Any) -> float:
            return float(np.broadcast_to(array, holds.shape)[at])

        named = {name: Number.of(pick(array)) for name, array in inputs.items() if np.ndim(array) <= holds.ndim}
        error, room = abs(pick(left.value) - pick(right.value)), pick(left.allowance) + pick(right.allowance)
        self.worst = Worst(named, Number.of(pick(right.value)), Number.of(pick(left.value)), f"left {sign} right", error, room)
        self.message = f"left {sign} right does not hold at {int(np.count_nonzero(~holds))} of {holds.size} points"


def allowance(claim: Any, output: int, rows: Floats, target: Format) -> Floats:
    """The absolute allowance at each row, by floats; infinite where they do not tell, or an intermediate leaves the range."""
    sums = bounds.absolute_sums(claim.outputs[output])
    large, _ = exposed(claim.outputs[output], claim.is_derivative, claim.cotangents)
    with np.errstate(all="ignore"):
        value = compiled((claim.outputs[output],), claim.inputs, FLOATS)(*rows.T)[0]
        relative = bounds.magnitude(compiled(sums.relative, claim.inputs, FLOATS)(*rows.T))
        underflow = bounds.magnitude(compiled(sums.underflow, claim.inputs, FLOATS)(*rows.T))
        rounding = 2 * bounds.FACTOR * target.unit_roundoff * bounds.absolute_factor(claim.outputs[output]) * relative
        total = np.maximum(rounding, bounds.FACTOR * target.ulp(value)) + target.smallest_normal * underflow
        beyond = [np.abs(v) > target.largest for v in compiled(large, claim.inputs, FLOATS)(*rows.T)]
        inside = (np.abs(value) + total < target.largest) & ~reduce(np.logical_or, beyond, False)
        total = np.where(inside, total, np.inf)
    return np.broadcast_to(np.where(np.isfinite(total), total, np.inf), (len(rows),))


def law(operation: str, *more: str) -> Callable[[Body], Any]:
    """A test of a law of an operation, in every dtype; `more` are the other operations that it needs."""
    clauses = OPERATIONS[operation].clauses

    def enter(body: Body) -> Any:
        name = body.__name__.removeprefix("test_").removeprefix(f"{operation}_")
        blank = Result(clauses, ", ".join((operation, *more)), "law", None, "not_offered", label=name)
        return _test(body, blank, (operation, *more), clauses)

    return enter


def states(key: str, *operations: str) -> Callable[[Body], Any]:
    """A test of a statement that is asked of frameworks, in every dtype."""
    blank = Result((key,), ", ".join(operations) or None, "statement", None, "not_offered")
    assert "framework" in STATEMENTS[key].subjects, key
    return lambda body: _test(body, blank, operations, (key,))


def _test(body: Body, blank: Result, operations: tuple[str, ...], clauses: tuple[str, ...]) -> Any:
    """In every dtype, or once where no operation has any."""
    typed = not operations or any(OPERATIONS[name].typed for name in operations)

    def check(session: Session, dtype: str) -> Result:
        own = replace(blank, dtype=dtype if typed else None)
        return attempted(own, lambda: answered(own, lambda: _tried(body, own, operations, session)))

    def test_of_dtype(dtype: str, settle: Any) -> None:
        settle(partial(check, dtype=dtype))

    def test_once(settle: Any) -> None:
        settle(partial(check, dtype=""))

    test = pytest.mark.clauses(*clauses)(test_of_dtype if typed else test_once)
    test.check, test.cited, test.operations = check, clauses, operations
    test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
    return test


def _tried(body: Body, blank: Result, operations: tuple[str, ...], session: Session) -> Result:
    target = FORMATS[blank.dtype or "float64"]
    trial = Trial(session, target, session.seed_for(body.__name__, blank.dtype))
    trial.need(*operations)
    body(trial)
    verdict = "deviates" if trial.message else "conforms"
    return replace(blank, verdict=verdict, points=trial.points, worst=trial.worst, message=trial.message or None)


def proves(key: str) -> Callable[[Callable[[Proof], None]], Any]:
    """A test of a claim about mathematics, by a statement or an equation: exact, and asked of no adapter."""
    assert (key in STATEMENTS and "mathematics" in STATEMENTS[key].subjects) or key.startswith("eq"), key
    return _once(Result((key,), None, "theorem", None, "conforms"))


def built(key: str) -> Callable[[Callable[[Proof], None]], Any]:
    """A test of our own training system, the reference, by a statement or an equation: asked of no adapter."""
    assert (key in STATEMENTS and "system" in STATEMENTS[key].subjects) or key.startswith("eq"), key
    return _once(Result((key,), None, "system", None, "conforms"))


def _once(blank: Result) -> Callable[[Callable[[Proof], None]], Any]:
    def enter(body: Callable[[Proof], None]) -> Any:
        named = replace(blank, label=body.__name__.removeprefix("test_"))

        @pytest.mark.clauses(*blank.clauses)
        def test(settle: Any) -> None:
            settle(lambda session: attempted(named, lambda: _proved(body, named)))

        test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
        return test

    return enter


def _proved(body: Callable[[Proof], None], blank: Result) -> Result:
    proof = Proof()
    body(proof)
    return replace(blank, verdict="deviates" if proof.message else "conforms", points=proof.steps, message=proof.message)


class Proof:
    """Counts the exact steps of a proof, and keeps the first that fails."""

    def __init__(self) -> None:
        self.steps = 0
        self.message: str | None = None

    def require(self, condition: bool, claim: str) -> None:
        """One exact step."""
        self.steps += 1
        if not condition and self.message is None:
            self.message = f"step {self.steps} is false: {claim}"
