"""From calls of an adapter to samples that can be judged: the numbers that went in, and those that came out.

Volume beyond the certified points is held against the float64 reference, which stays within half of the strict allowance
(its accuracy table is measured, and tested): a result within 2 ulp of it is within 4 ulp of the truth. Everything else
is certified like the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.claims import Frame, pullback_claim, shared_claim, slope_claim, value_claim
from eqwise.conformance.comparison import Claim
from eqwise.conformance.inputs import every_number
from eqwise.conformance.invocation import flattened, gradients, value
from eqwise.conformance.layouts import LAYOUTS
from eqwise.conformance.pristine import reference
from eqwise.conformance.samples import HIDDEN, Call, Structure
from eqwise.conformance.session import Session
from eqwise.spec.numbers.formats import Floats, Format

Sized = tuple[tuple[int, ...], int]  # a shape, and how many rows or samples of it
COUNTS = {  # structures drawn, times the effort
    "elementwise": 2, "rows": 5, "sample": 6, "affine": 8, "network": 6, "columns": 10, "matrices": 24,
}  # fmt: skip
BATCH = {"rows": 24, "sample": 96, "affine": 32, "network": 48, "columns": 24, "matrices": 1}
GRADIENT_BATCH = {"rows": 16, "sample": 12, "affine": 3, "network": 2, "columns": 6, "matrices": 1}
USUAL = 3  # usual hyper-parameters that get a block of their own
MOST_NUMBERS = 3200  # of the first input in one batch
REDUCED = 60
MATRIX, FEW = (3, 5), ((), (), (), (), (0,), (1,), (7,), (5, 1), (3, 3), (1, 1, 1), (2, 3, 4))
LONG = {"value": 1031, "derivative": 43}  # beyond the usual sizes of blocks, and multiples of none; gradients cost the square
BATCHED = 131  # samples where each takes part in every output
SEVERAL = 45  # widths, so many and one less matrices
SIZES, OF_ONE_SIZE = (-24, -16, -12, -10, -8, -6, -4, -2, 0, 1, 2, 3, 4, 5, 6), 16  # powers of two; so many numbers of one size
BULK_SIZE, BULK_BLOCKS = 16411, 4
CLOSE = 2.0  # ulps
MOST_DOUBTFUL = 256  # of one block


@dataclass(frozen=True)
class Sample:
    """Results of one kind: the claim they are held against under chosen readings, inputs and results as rows.

    `build` is a function of `frame` and `details`; `bulk` counts the results that the reference has vouched for.
    """

    build: Callable[..., Claim]
    frame: Frame
    details: tuple[Hashable, ...]
    rows: Floats
    actual: Floats
    bulk: int = 0

    def claim(self, readings: tuple[tuple[int, str], ...] = ()) -> Claim:
        return self.build(replace(self.frame, readings=readings), *self.details)


def grouped(found: Iterable[Sample]) -> list[Sample]:
    """Samples of one claim put together, so that each claim is judged once."""
    groups: dict[Hashable, list[Sample]] = {}
    for sample in found:
        groups.setdefault((sample.build, sample.frame, sample.details), []).append(sample)
    return [
        replace(
            group[0],
            rows=np.concatenate([sample.rows for sample in group]),
            actual=np.concatenate([sample.actual for sample in group]),
            bulk=sum(sample.bulk for sample in group),
        )
        for group in groups.values()
    ]


def calls(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Call]:
    """The calls that a property makes: every number of a 16-bit format where that is one input, then drawn structures."""
    elementwise = operation.shape == "elementwise"
    unary = elementwise and len(operation.inputs) == 1 and operation.name not in session.adapter.reduction
    exhaustive = ("float16",) if session.effort == "standard" else () if session.effort == "smoke" else ("float16", "bfloat16")
    if unary and kind == "value" and target.name in exhaustive:
        everything = every_number(target)
        yield samples.elementwise(operation, Structure((0,), hyper=samples.usual_hyper(operation)[0]), target, everything)
    if operation.name in session.adapter.reduction:
        yield from _reduced_calls(session, operation, kind, target)
        return
    for structure in _structures(session, operation, kind, target):
        if elementwise:
            yield samples.elementwise(operation, structure, target)
        else:
            yield from samples.vector_calls(operation, structure, target, _batch(operation, kind, structure))
    if elementwise:
        yield from _of_one_size(session, operation, kind, target)
    for number, (shape, batch, layout, pattern) in enumerate(() if elementwise else _always(operation, LONG[kind])):
        hyper, drawn = samples.usual_hyper(operation)[0], session.seed_for(operation.name, kind, target.name, "long", number)
        seed = drawn - (drawn - number) % samples.KINDS  # each kind of numbers in its turn
        options = {"activation": HIDDEN[number % 4], "output": "identity"} if operation.shape == "network" else {}
        found = samples.vector_calls(operation, Structure(shape, layout, hyper, options, seed, pattern), target, batch)
        yield from found
        if number == 0 or layout == "F":
            yield from samples.neighbours(found[0], target)


def _of_one_size(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Call]:
    """Arrays whose numbers are all of one size, and of one sign or of both, for what is decided for a whole array; one has neighbours."""
    hypers = samples.usual_hyper(operation)
    for number, (power, signs) in enumerate(product(SIZES, ([1.0], [-1.0], [1.0, -1.0]))):
        seed = session.seed_for(operation.name, kind, target.name, "size", number)
        rng = np.random.default_rng(seed)
        chosen = target.round(rng.choice(signs, OF_ONE_SIZE) * np.ldexp(rng.uniform(0.5, 2.0, OF_ONE_SIZE), power))
        call = samples.elementwise(operation, Structure((OF_ONE_SIZE,), hyper=hypers[number % len(hypers)], seed=seed), target, chosen)
        yield call
        if (power, len(signs)) == (0, 2):
            yield from samples.neighbours(call, target)


def _always(operation: Operation, n: int) -> Iterator[tuple[tuple[int, ...], int, str, tuple[int, str] | None]]:
    """Shapes, how many rows or samples of each, layouts, and the pattern of an input: what is not left to the draw.

    Every axis in turn has length `n` beside axes of length 1, and all together are multiples of 8; axes are equal that need not
    be, all or two of them; several rows and columns lie in each layout but the usual one; each parameter in turn, or all matrices,
    are all 0, and all 1; and square matrices, or samples, have the patterns that they may.
    """
    known: dict[str, tuple[list[Sized], list[Sized], tuple[int, ...]]] = {
        "rows":     ([((n,), 6), ((3,), n), ((1,), n), ((3,), 1), ((64,), 8)], [((3,), 3)], (3,)),
        "sample":   ([((n,), 4), ((64,), 8)], [], (3,)),
        "affine":   (
            [((n, 1), 1), ((1, n), 1), ((2, 1), max(n, BATCHED)), ((1, 2), n), ((16, 8), 8)],
            [((3, 3), 3), ((3, 3), 2), ((2, 3), 3), ((3, 2), 3)], (3, 2),
        ),
        "network":  (
            [((n, 1, 1), 1), ((1, n, 1), 1), ((1, 1, n), 1), ((2, 1), n), ((1, 2, 1, 2, 1), 2), ((8, 8), 8)],
            [((3, 3, 3), 3), ((2, 2, 2, 2), 3), ((2, 3, 2), 3)], (2, 3, 2),
        ),
        "columns":  ([((min(n, BATCHED),), 4), ((3,), 1), ((3,), n), ((64,), 8)], [((3,), 3)], (4,)),
        "matrices": (4 * [((1, n), 1), (SEVERAL * (1,), 1)], 4 * [((3, 3), 1), ((2, 2, 2), 1), ((8, 8), 1)], (2, 2, 2)),
    }  # fmt: skip
    long, square, solid = known[operation.shape]
    yield from ((shape, batch, "C", None) for shape, batch in (*long, *square))
    yield from ((solid, 4, layout, None) for layout in LAYOUTS[1:])
    parameters = {"affine": (1, 2), "network": (1, 2, 3, 4), "columns": (1, 2), "matrices": (0,)}.get(operation.shape, ())
    yield from ((solid, 4, "C", (number, pattern)) for number in parameters for pattern in ("zeros", "ones"))
    patterned: dict[str, tuple[tuple[int, ...], int, tuple[str, ...]]] = {  # a shape, the number of an array, and its patterns
        "affine": ((3, 3), 1, ("upper", "diagonal", "symmetric")), "network": ((3, 3), 1, ("upper", "diagonal", "symmetric")),
        "columns": ((8,), 0, ("normal", "normal")), "matrices": (SEVERAL * (1,), 0, ("ones",)),
    }  # fmt: skip
    if operation.shape in patterned:
        shape, number, patterns = patterned[operation.shape]
        yield from ((shape, 4, "C", (number, pattern)) for pattern in patterns)
    if operation.shape in ("affine", "network"):
        yield (solid, 4, "C", (0, "repeated"))


def _batch(operation: Operation, kind: str, structure: Structure) -> int:
    """How many rows or samples: of samples fewer where they are long, or hardly differ."""
    most = (BATCH if kind == "value" else GRADIENT_BATCH)[operation.shape]
    return min(most, 32 * structure.shape[0], MOST_NUMBERS // structure.shape[0]) if operation.shape == "sample" else most


def _reduced_calls(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Call]:
    """Calls of 1 to 8 elements, and of many, for a loss that is offered only as a mean or a sum; two in three of usual size."""
    hypers = samples.usual_hyper(operation)
    for number, size in enumerate((*(1 + k % 8 for k in range(session.volume * REDUCED)), *3 * [LONG[kind], 64])):
        seed = session.seed_for(operation.name, kind, target.name, "reduced", number)
        usual = target.round(np.random.default_rng(seed).normal(size=size) * 4) if number % 3 else None
        structure = Structure((size,), hyper=hypers[number % len(hypers)], seed=seed)
        yield samples.elementwise(operation, structure, target, usual)


def _structures(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Structure]:
    """Blocks at the usual hyper-parameters, then as many drawn structures as the effort asks for; all layouts are among them."""
    if operation.shape == "elementwise":
        for hyper in samples.usual_hyper(operation)[:USUAL]:
            seed = session.seed_for(operation.name, kind, target.name, *hyper.items())
            yield Structure((samples.BLOCK,), hyper=hyper, seed=seed)
    if kind == "value" and operation.shape == "sample" and "observed" in operation.inputs.values():
        for length in (LONG["value"] // 3, LONG["value"]):
            yield Structure((length,), seed=session.seed_for(operation.name, kind, target.name, length))
    seed = session.seed_for(operation.name, kind, target.name)
    found = samples.drawn(samples.structures(operation, target), COUNTS[operation.shape] * session.volume, seed)
    if operation.shape == "columns":  # whose faults are often those of one batch size, so that each has its turn
        found = [replace(structure, shape=(samples.BATCHES[k % len(samples.BATCHES)],)) for k, structure in enumerate(found)]
    if operation.shape == "elementwise":
        usual = samples.usual_hyper(operation)
        yield from found
        shapes = [(shape, LAYOUTS[k % len(LAYOUTS)]) for k, shape in enumerate(FEW)] + [(MATRIX, layout) for layout in LAYOUTS]
        yield from (Structure(shape, layout, usual[-k % len(usual)], seed=seed + k) for k, (shape, layout) in enumerate(shapes, 1))
    else:
        yield from (replace(structure, layout=LAYOUTS[k % len(LAYOUTS)]) for k, structure in enumerate(found))


def bulk_calls(session: Session, operation: Operation, kind: str, target: Format) -> Iterator[Call]:
    """Blocks of constant length for the comparison with the reference."""
    if operation.shape == "elementwise" and operation.name not in session.adapter.reduction:
        hypers = samples.usual_hyper(operation)
        for number in range(session.volume * BULK_BLOCKS):
            seed = session.seed_for(operation.name, kind, target.name, "bulk", number)
            yield samples.elementwise(operation, Structure((BULK_SIZE,), hyper=hypers[number % len(hypers)], seed=seed), target)


def values(session: Session, call: Call, target: Format) -> list[Sample]:
    """The values of one call."""
    reduction = session.adapter.reduction.get(call.frame.operation)
    shape = () if reduction else result_shape(call)
    actual = value(session.adapter, call.frame.entry, call.inputs, shape, target, **call.named)
    return [arranged_value(call, reduction, actual)]


def arranged_value(call: Call, reduction: str | None, actual: Floats) -> Sample:
    """The result of a call by rows, or the one number that it is reduced to."""
    entry = call.frame.entry
    if reduction:
        frame = Frame(entry.name, np.shape(call.inputs[0]), reduction=reduction)
        row = np.concatenate([*(np.asarray(a, np.float64) for a in call.inputs), np.array(call.hyper)])
        return Sample(value_claim, frame, (), row[None, :], actual.reshape(1, 1))
    rows, width = samples.rows_of(call), len(value_claim(call.frame).outputs)
    by_row = actual.T if entry.shape == "columns" else actual
    return Sample(value_claim, call.frame, (), rows, by_row.reshape(len(rows), width))


def bulk_values(session: Session, call: Call, target: Format) -> list[Sample]:
    """The values of one block, of which only those far from the reference's are left to judge."""
    name = call.frame.operation
    (sample,) = values(session, call, target)
    return [_doubtful(sample, np.asarray(getattr(reference(), name)(*call.inputs, **call.named), np.float64), target)]


def slopes(session: Session, call: Call, target: Format) -> list[Sample]:
    """The gradients of one call, for a cotangent of its own."""
    entry = call.frame.entry
    cotangent = samples.cotangents(call.rng, result_shape(call), target, alone=entry.shape == "elementwise")
    found = gradients(session.adapter, entry, call.inputs, samples.cast(cotangent, target), target, **call.named)
    return arranged_slopes(call, cotangent, found)


def arranged_slopes(call: Call, cotangent: Floats, found: Sequence[Floats | None]) -> list[Sample]:
    """The gradients of a call by rows, those that are offered."""
    if call.frame.entry.shape != "elementwise":
        return _pullback(call, cotangent, found)
    rows = samples.rows_of(call, [cotangent])
    made = []
    for wrt, gradient in enumerate(found):
        if gradient is not None and gradient.shape == cotangent.shape:
            made.append(Sample(slope_claim, call.frame, (wrt,), rows, gradient.reshape(-1, 1)))
        elif gradient is not None:
            made += _shared(call, gradient, rows)
    return made


def bulk_slopes(session: Session, call: Call, target: Format) -> list[Sample]:
    """The gradients of one block, of which only those far from the reference's are left to judge."""
    made = slopes(session, call, target)
    given = samples.cast(made[0].rows[:, -1], target) if made else None
    expected = reference().vjp(call.frame.operation, call.inputs, given, **call.named) if made else ()
    return [
        _doubtful(sample, np.asarray(expected[int(str(sample.details[0]))], np.float64), target)
        for sample in made
        if sample.build is slope_claim
    ]


def result_shape(call: Call) -> tuple[int, ...]:
    """The shape that the contract asks of the operation's result."""
    arrays = flattened(call.inputs)
    match call.frame.entry.shape:
        case "elementwise": return np.broadcast_shapes(*(array.shape for array in arrays))
        case "sample" | "matrices": return ()
        case "columns":     return arrays[0].shape
        case _:             return (*arrays[0].shape[:-1], len(value_claim(call.frame).outputs))


def close(actual: Floats, expected: Floats, target: Format) -> Any:
    """Where two arrays agree to 2 ulp, or are the same infinity."""
    same = actual == expected
    if same.all():
        return same
    with np.errstate(invalid="ignore", over="ignore"):
        return same | (np.abs(actual - expected) <= CLOSE * target.ulp(expected))


def _doubtful(sample: Sample, expected: Floats, target: Format) -> Sample:
    places = np.flatnonzero(~close(sample.actual[:, 0], expected, target))
    chosen = places[:: 1 + len(places) // MOST_DOUBTFUL]
    return replace(sample, rows=sample.rows[chosen], actual=sample.actual[chosen], bulk=len(sample.rows) - len(places))


def _shared(call: Call, gradient: Floats, rows: Floats) -> list[Sample]:
    """The gradient of an input that elements share (the last, as a channel's slope): the sum of theirs, for short sums."""
    shares = gradient.size
    if not len(rows) or len(rows) > 64 * shares:
        return []
    made = []
    for k, share in enumerate(gradient.ravel()):
        own = rows[k::shares]
        row = np.concatenate([own[:, 0], own[:1, 1], own[:, -1]])
        made.append(Sample(shared_claim, replace(call.frame, dims=(len(own),)), (), row[None, :], np.array([[share]])))
    return made


def _pullback(call: Call, cotangent: Floats, found: Sequence[Floats | None]) -> list[Sample]:
    """All gradients of a call over vectors, of those inputs whose gradient is offered."""
    offered = tuple(gradient is not None for gradient in found)
    if not any(offered):
        raise NotOffered("no gradient is offered")
    known = [gradient for gradient in found if gradient is not None]
    arrays = [np.asarray(array, np.float64) for array in flattened(call.inputs)]
    batch = None
    if call.frame.entry.shape == "rows":
        width = arrays[0].shape[-1]
        rows = np.column_stack([arrays[0].reshape(-1, width), cotangent.reshape(-1, width)])
        actual = known[0].reshape(-1, width)
    elif call.frame.entry.shape == "columns":
        rows = samples.rows_of(call, [cotangent])
        actual = np.column_stack([gradient.T for gradient in known])
    else:
        rows = np.concatenate([*(array.ravel() for array in arrays), np.array(call.hyper), cotangent.ravel()])[None, :]
        actual = np.concatenate([gradient.ravel() for gradient in known])[None, :]
        batch = None if call.frame.entry.shape in ("sample", "matrices") else len(arrays[0])
    return [Sample(pullback_claim, call.frame, (batch, None if all(offered) else offered), rows, actual)]
