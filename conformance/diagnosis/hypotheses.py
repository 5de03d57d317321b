"""What could explain a failure: formulas, and changes of what goes into a formula or comes out of it.

A hypothesis is told in words, makes a claim for any trial, and may leave one number open, which `constants` measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqwise.conformance.comparison import Claim, at_place
from eqwise.conformance.diagnosis import rewriting
from eqwise.conformance.diagnosis.edits import CONSTANT, Edit, at_most, edits
from eqwise.conformance.diagnosis.floats import on_rows
from eqwise.conformance.diagnosis.trials import Readings, Trial
from eqwise.spec.document import AS_PRINTED, EQUATIONS
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import ONE, ZERO, Expression, maximum, negative, node, number, rebuild, walk
from eqwise.spec.numbers.formats import FORMATS, Floats, Format
from eqwise.spec.numbers.printing import text
from eqwise.spec.transcript import formula

Change = Callable[[Claim, Trial], Sequence[Expression]]
MOST_NODES = 60
PLAIN = 8  # characters of a number that somebody may have written
FITS = ("conforms", "inaccurate")
LOST = 2.0**12  # of what a form may lose, its errors are at least this part, mostly
TELLING = 4  # a fit says something where so many allowances would fit between it and what was expected


@dataclass(frozen=True)
class Fit:
    """How far a number is from what a hypothesis says, in ulps, and whether that tells it from the printed formula."""

    ulps: float
    tells: bool


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One explanation: the word for it, a clause that tells it, and how far it is from what is printed.

    `readings` are taken in place of the equations' own; `change` makes other outputs of the claim's.
    """

    kind: str
    text: str
    cost: int
    readings: Readings = ()
    change: Change | None = None
    edit: Edit | None = None
    is_open: bool = False
    rounded_to: str = ""  # a format that something is rounded to
    constant: Expression | None = None
    called: str = ""  # the constant in words
    format: Format | None = None  # in which all was computed
    cancels: bool = False  # whether what it says is how much is lost
    program: Any = None  # the dtype whose floats evaluate the formula as it is written
    equation: int | None = None  # that it departs from, where that is no edit of one

    def claim(self, trial: Trial, base: Readings) -> Claim:
        """What it says of a trial's results; `base` are the readings that the framework declares."""
        made = trial.build((*base, *self.readings))
        outputs = list(made.outputs if self.change is None else self.change(made, trial))
        if self.edit is not None and self.edit.kept:
            outputs = _attached(outputs, self.edit.kept)
        applied = [part for pair in made.applied for part in pair]
        if self.constant is not None:
            outputs, applied = (substituted(found, {CONSTANT: self.constant}) for found in (outputs, applied))
        is_detached = self.edit is not None and self.edit.kept
        pairs = () if is_detached else tuple(zip(applied[::2], applied[1::2], strict=True))
        return replace(made, outputs=tuple(outputs), value=None, simplified=(), applied=pairs)

    def fit(self, claim: Claim, row: Floats, k: int, actual: float, target: Format, expected: float) -> Fit | None:
        """How this number fits, where the printed formula gives what was `expected`; None where it does not.

        By certified numbers, or by floats where they are what the hypothesis speaks of.
        """
        unit = float((self.format or target).ulp(actual if np.isfinite(actual) else 0.0))
        if self.rounded_to or self.program is not None:
            told = float(target.round(on_rows(claim.outputs[k : k + 1], claim.inputs, row[None, :], self.program or np.float64))[0, 0])
            error = 0.0 if told == actual or not (np.isfinite(told) or np.isfinite(actual)) else abs(told - actual)
            return Fit(error / unit, _apart(FACTOR * unit, actual, expected)) if error <= FACTOR * unit else None
        if self.format is not None and self.format.round(actual) != actual:
            return None
        if self.format is not None and not np.isfinite(actual):
            overflows = np.isinf(self.format.round(expected)) or bool(np.isinf(self.format.round(row)).any())
            return Fit(0.0, True) if overflows else None
        try:
            found = at_place(claim, row.tolist(), k, actual, self.format or target)
        except (ArithmeticError, ValueError):  # no case of it applies here
            return None
        if found.verdict == "undecided" and not np.isfinite(actual):  # as where the formula that is followed divides by 0
            told = on_rows(claim.outputs[k : k + 1], claim.inputs, row[None, :])[0, 0]
            return Fit(0.0, bool(np.isfinite(expected))) if not np.isfinite(told) else None
        if found.verdict not in FITS:
            return None
        if self.cancels:
            return Fit(found.error / unit, found.error * LOST >= found.allowance)
        if self.format is not None:
            return Fit(found.error / unit, actual != 0 and bool(self.format.round(expected) != expected))
        return Fit(found.error / unit, _apart(found.allowance, actual, expected))

    def measured(self, value: Expression, called: str) -> Hypothesis:
        """With this number in the place of the open one; one that is not plain is further from what is printed."""
        further = (0 if len(called) <= PLAIN else 2) + (called == "0")  # a bound of 0 is a simple change in another dress
        return replace(self, cost=self.cost + further, is_open=False, constant=value, called=called, text=self.text.replace("κ", called))

    @property
    def is_certified(self) -> bool:
        """Whether certified numbers in the format of the results say all that it says."""
        return not self.rounded_to and self.program is None and self.format is None

    @property
    def clauses(self) -> tuple[str, ...]:
        """The equation that it changes."""
        number = self.edit.number if self.edit else self.equation
        return (f"eq{number}",) if number else ()

    @property
    def formula(self) -> str:
        """The formula that is followed instead, where one equation is changed."""
        if self.edit is None:
            return ""
        shown = formula(EQUATIONS[self.edit.number], self.edit.formula)
        return shown.replace("κ", self.called) if self.called else shown


def _apart(allowance: float, actual: float, expected: float) -> bool:
    """Whether several allowances would fit between what came and what was expected."""
    return (not np.isfinite(actual) and np.isfinite(allowance)) or bool(TELLING * allowance <= abs(actual - expected))


def substituted(outputs: Sequence[Expression], put: dict[Expression, Expression]) -> list[Expression]:
    """The outputs with these expressions in the place of those symbols."""
    return rebuild(outputs, lambda old, arguments: put.get(old))


def _attached(outputs: list[Expression], kept: dict[Expression, Expression]) -> list[Expression]:
    """What was kept out of a gradient, put back as a number."""
    while any(v in kept for v in walk(outputs)):
        outputs = substituted(outputs, kept)
    return outputs


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
        for reading in {AS_PRINTED, *EQUATIONS[equation].readings} - {declared}:
            yield from (replace(h, cost=h.cost + 1) for h in of_equation(equation, reading, claim.is_derivative))
            under = f", under the reading {reading} of ({equation})" if reading != AS_PRINTED else ""
            for h in (*of_inputs(claim), *of_outputs(claim, trials)):
                yield replace(h, readings=((equation, reading),), text=h.text + under, cost=h.cost + 1)
    yield from of_inputs(claim)
    yield from of_outputs(claim, trials)
    yield from of_forms(claim)
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
                yield Hypothesis("literal evaluation", f"{text_}, which overflows", 1, change=change, program=np.dtype(np.float64))


def of_equation(equation: int, reading: str, is_derivative: bool) -> Iterator[Hypothesis]:
    """One change in the transcription of an equation."""
    for edit in edits(equation, reading):
        if edit.is_detached and not is_derivative:
            continue
        where = f"in ({equation})" + (f" read as {reading}" if reading != AS_PRINTED else "") + f", {edit.text}"
        yield Hypothesis(edit.kind, where, edit.cost, ((equation, edit.formula),), None, edit, edit.is_open, edit.rounded_to)


def of_operations(trial: Trial) -> Iterator[Hypothesis]:
    """Another operation in its place."""
    for name, other in trial.others.items():
        def change(claim: Claim, trial: Trial, name: str = name) -> Sequence[Expression]:
            return trial.others[name]().outputs

        del other
        yield Hypothesis("another operation", f"{name} in its place", 2, change=change)


# what goes in


def _groups(inputs: Sequence[Expression]) -> dict[str, list[Expression]]:
    """The inputs by the array that they belong to."""
    groups: dict[str, list[Expression]] = {}
    for x in inputs:
        groups.setdefault(str(x.value).partition("[")[0], []).append(x)
    return groups


def of_inputs(claim: Claim) -> Iterator[Hypothesis]:
    """Arguments that are exchanged, bounded, scaled, or of another precision."""
    names = list(_groups(claim.inputs))
    for name in names:
        yield from _of_input(name)
    for k, first in enumerate(names):
        for second in names[k + 1 :]:
            yield Hypothesis("argument", f"{second} for {first}", 1, change=_exchange(first, second, both=False))
            yield Hypothesis("argument", f"{first} for {second}", 1, change=_exchange(second, first, both=False))
            yield Hypothesis("arguments exchanged", f"{first} and {second} exchanged", 1, change=_exchange(first, second))
            for a, b in ((first, second), (second, first)):
                yield Hypothesis("term added", f"κ times {b} added to {a}", 3, change=_with_share(a, b), is_open=True)
                yield Hypothesis("mean of two", f"the mean of {a} and {b} for {a}", 3, change=_with_share(a, b, is_mean=True))


def _of_input(name: str) -> Iterator[Hypothesis]:
    def put(kind: str, text: str, made: Callable[[Expression], Expression], cost: int, **more: Any) -> Hypothesis:
        def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
            return substituted(claim.outputs, {x: made(x) for x in _groups(claim.inputs).get(name, [])})

        return Hypothesis(kind, text, cost, change=change, **more)

    yield put("bound", f"{name} bounded by κ from above", lambda x: at_most(x, CONSTANT), 1, is_open=True)
    yield put("bound", f"{name} bounded by κ from below", lambda x: maximum(x, CONSTANT), 1, is_open=True)
    yield put("bound", f"{name} bounded by κ in size", lambda x: maximum(at_most(x, CONSTANT), negative(CONSTANT)), 1, is_open=True)
    yield put("factor", f"{name} times κ", lambda x: CONSTANT * x, 2, is_open=True)
    yield put("constant added", f"κ added to {name}", lambda x: x + CONSTANT, 2, is_open=True)
    yield put("own constant", f"κ for {name}", lambda x: CONSTANT, 2, is_open=True)
    yield put("sign", f"the sign of {name} turned", lambda x: negative(x), 1)
    yield put("one minus", f"1 - {name} for {name}", lambda x: 1 - x, 1)
    yield put("absolute value", f"the absolute value of {name}", lambda x: abs(x), 2)
    for precision in ("float16", "bfloat16", "float32"):
        rounded = f"rounded to {precision}"
        yield put("lower precision", f"{name} {rounded} first", lambda x, r=rounded: node(r, x), 1, rounded_to=precision)  # type: ignore[misc]


def _with_share(name: str, other: str, is_mean: bool = False) -> Change:
    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        groups = _groups(claim.inputs)
        a, b = groups.get(name, []), groups.get(other, [])
        if len(a) != len(b):
            raise ValueError(f"{name} and {other} are not of one shape")
        return substituted(claim.outputs, {x: (x + y) / 2 if is_mean else x + CONSTANT * y for x, y in zip(a, b, strict=True)})

    return change


def _exchange(first: str, second: str, both: bool = True) -> Change:
    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        groups = _groups(claim.inputs)
        a, b = groups.get(first, []), groups.get(second, [])
        if len(a) != len(b):
            raise ValueError(f"{first} and {second} are not of one shape")
        return substituted(claim.outputs, {**dict(zip(a, b, strict=True)), **(dict(zip(b, a, strict=True)) if both else {})})

    return change


# what comes out


def of_outputs(claim: Claim, trials: Sequence[Trial]) -> Iterator[Hypothesis]:
    """Results that are scaled, bounded, of the other sign, summed for averaged, or in each other's place."""

    def put(kind: str, text: str, made: Callable[[Expression], Expression], cost: int, **more: Any) -> Hypothesis:
        return Hypothesis(kind, text, cost, change=lambda claim, trial: [made(y) for y in claim.outputs], **more)

    what = "the gradient" if claim.is_derivative else "the result"
    yield put("sign", f"the sign of {what} turned", negative, 0)
    yield put("zero", f"{what} is 0", lambda y: ZERO, 0)
    if len(claim.cotangents) == 1:
        yield Hypothesis("own slope", "a slope of κ", 1, change=lambda claim, trial: [CONSTANT * claim.cotangents[0]], is_open=True)
    yield put("factor", f"{what} times κ", lambda y: CONSTANT * y, 1, is_open=True)
    yield put("constant added", f"κ added to {what}", lambda y: y + CONSTANT, 2, is_open=True)
    yield put("own constant", f"{what} is κ", lambda y: CONSTANT, 1, is_open=True)
    yield put("bound", f"{what} bounded by κ from above", lambda y: at_most(y, CONSTANT), 1, is_open=True)
    yield put("bound", f"{what} bounded by κ from below", lambda y: maximum(y, CONSTANT), 1, is_open=True)
    yield put("absolute value", f"the absolute value of {what}", lambda y: abs(y), 1)
    yield put("root", f"the root of {what}", lambda y: node("sqrt", y), 2)
    yield put("square", f"the square of {what}", lambda y: y * y, 2)
    for name in dict.fromkeys(name for trial in trials for name in trial.counts):
        yield from _of_count(what, name)
    for group in _groups(_wanted(claim)) if claim.is_derivative and claim.value is None else ():
        for name in dict.fromkeys(name for trial in trials for name in trial.counts):
            told = f"the gradient of {group}"
            yield Hypothesis("mean for sum", f"{told} divided by {name}: a mean for a sum", 1, change=_of_group(group, name, -1))
            yield Hypothesis("sum for mean", f"{told} times {name}: a sum for a mean", 1, change=_of_group(group, name, 1))
    if len(claim.cotangents) == len(claim.outputs) > 1:
        yield Hypothesis("diagonal", "the diagonal of the Jacobian alone: each gradient by its own output", 1, change=_diagonal)
    if claim.is_derivative and claim.cotangents:
        yield Hypothesis("transposed", "the gradient of a matrix reshaped, not transposed", 1, change=_read_transposed(True))
        yield Hypothesis("transposed", "the gradient of a matrix reshaped from the transposed one", 1, change=_read_transposed(False))
    if claim.cotangents:
        yield Hypothesis("cotangent left out", "the cotangent left out", 1, change=_without_cotangent)
    if claim.is_derivative and claim.value is not None:
        yield Hypothesis("gradient of the output", "the gradient taken at the output in place of the input", 1, change=_at_the_output)


def _of_count(what: str, name: str) -> Iterator[Hypothesis]:
    def put(text: str, made: Callable[[Expression, int], Expression], cost: int = 1) -> Hypothesis:
        def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
            return [made(y, trial.counts[name]) for y in claim.outputs]

        return Hypothesis("mean for sum" if "divided" in text else "sum for mean", text, cost, change=change)

    yield put(f"{what} divided by {name}: a mean for a sum", lambda y, n: y / n)
    yield put(f"{what} times {name}: a sum for a mean", lambda y, n: n * y)
    yield put(f"{what} divided by ({name} - 1) in place of {name}", lambda y, n: y * n / (n - 1) if n > 1 else y)


def _wanted(claim: Claim) -> list[Expression]:
    """The inputs that the outputs are the gradients of, where all are offered."""
    return [x for x in claim.inputs if x not in claim.cotangents][: len(claim.outputs)]


def _of_group(group: str, name: str, power: int) -> Change:
    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        chosen = _groups(_wanted(claim)).get(group, [])
        factor = number(trial.counts[name]) if power > 0 else 1 / number(trial.counts[name])
        return [factor * y if x in chosen else y for x, y in zip(_wanted(claim), claim.outputs, strict=True)]

    return change


def _diagonal(claim: Claim, trial: Trial) -> Sequence[Expression]:
    return [
        substituted([y], {c: ZERO for j, c in enumerate(claim.cotangents) if j != k})[0] for k, y in enumerate(claim.outputs)
    ]


def _read_transposed(forwards: bool) -> Change:
    """Gradients of a matrix, each in the place that it would have if the matrix were stored the other way round."""

    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        wanted = _wanted(claim)
        found = dict(zip(wanted, claim.outputs, strict=True))
        for group in _groups(wanted).values():
            size = str(group[-1].value).partition("[")[2].rstrip("]").split(",")
            if len(size) == 2:
                shape = (int(size[0]), int(size[1]))
                order = np.arange(len(group)).reshape(shape if not forwards else shape[::-1])
                places = (order.T if forwards else order.T.reshape(shape)).ravel()
                found |= {x: claim.outputs[wanted.index(group[j])] for x, j in zip(group, places, strict=True)}
        return [found[x] for x in wanted]

    return change


def _without_cotangent(claim: Claim, trial: Trial) -> Sequence[Expression]:
    return substituted(claim.outputs, dict.fromkeys(claim.cotangents, ONE))


def _at_the_output(claim: Claim, trial: Trial) -> Sequence[Expression]:
    assert claim.value is not None
    return substituted(claim.outputs, {claim.inputs[claim.wrt]: claim.value})


# what stands between, in a formula of scalars


def of_nodes(claim: Claim) -> Iterator[Hypothesis]:
    """One node of the graph changed: what no transcription shows is the graph of a derivative."""
    (output,) = claim.outputs
    nodes = [v for v in walk([output]) if v.operator not in ("number", "otherwise", "and", ">", "<", ">=", "<=")]
    if len(nodes) > MOST_NODES:
        return
    for k, v in enumerate(nodes):
        shown = text(v)
        if v is not output:
            yield Hypothesis("shortcut", f"the result is {shown}", 2, change=_node(k, nodes, None))
        if claim.is_derivative and v.arguments:
            for kind, told, made in _of_node(v):
                yield Hypothesis(kind, f"in the gradient, {told}", 2, change=_node(k, nodes, made), is_open="κ" in told)


def _of_node(v: Expression) -> Iterable[tuple[str, str, Callable[[tuple[Expression, ...]], Expression]]]:
    shown, parts = text(v), [text(a) for a in v.arguments]
    if v.operator in ("*", "+", "-", "/", "^"):
        kind = "term left out" if v.operator in "+-" else "factor left out"
        for j, part in enumerate(parts):
            yield kind, f"{part} left out of {shown}", lambda a, j=j: _without(v, a, j)  # type: ignore[misc]
    if v.operator == "neg" and v.arguments[0].operator == "symbol":
        yield "factor left out", f"1 for {parts[0]} in {shown}", lambda a: negative(ONE)
    if v.operator == "cases":
        for j in range(1, len(parts), 2):
            yield "branch", f"{parts[j]} everywhere for {shown}", lambda a, j=j: a[j]  # type: ignore[misc]
    if v.operator in ("exp", "log", "sqrt", "abs"):
        yield f"{v.operator} left out", f"{parts[0]} for {shown}", lambda a: a[0]
    yield "factor", f"{shown} times κ", lambda a: CONSTANT * node(v.operator, *a)
    yield "sign", f"the sign of {shown} turned", lambda a: negative(node(v.operator, *a))


def _without(v: Expression, arguments: tuple[Expression, ...], j: int) -> Expression:
    rest = [a for k, a in enumerate(arguments) if k != j]
    if v.operator == "-" and j == 0:
        return negative(rest[0])
    if v.operator == "/" and j == 0:
        return ONE / rest[0]  # type: ignore[no-any-return]
    return rest[0] if len(rest) == 1 else node(v.operator, *rest)


def _node(k: int, nodes: list[Expression], made: Callable[[tuple[Expression, ...]], Expression] | None) -> Change:
    """The graph with node k changed, or that node alone; other trials have the same graph over their own inputs."""

    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        if claim.outputs[0] is not nodes[-1]:
            raise ValueError("another graph")
        if made is None:
            return [nodes[k]]
        return rebuild(claim.outputs, lambda old, arguments: made(arguments) if old is nodes[k] else None)

    return change
