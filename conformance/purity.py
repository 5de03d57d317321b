"""What a call must leave alone: its inputs, and the results of earlier calls. And the way into the framework and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import NotOffered, Operation
from eqwise.conformance.check import judging
from eqwise.conformance.evidence import result_shape
from eqwise.conformance.invocation import AdapterError, alike, as_array, contents, flattened, gradients, raw_value
from eqwise.conformance.layouts import copied, laid_out
from eqwise.conformance.samples import Call
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Result
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Format

STRUCTURES = 4
ALIKE = 2.0**-7  # of the largest result


@judging("purity")
def check_purity(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Inputs keep their bytes, and a result keeps its values when the operation is called again."""
    target = FORMATS[dtype]
    points = 0
    for first, again in calls_of_equal_shape(session, operation, target):
        for harm in (_value_harm, _gradient_harm):
            try:
                message = harm(session, first, again, target)
            except NotOffered as reason:
                blank = replace(blank, message=str(reason))
                continue
            except AdapterError:
                if harm is _value_harm:
                    raise
                continue  # the derivative property says so
            points += 1
            if message:
                return replace(blank, verdict="deviates", points=points, message=message)
    return replace(blank, verdict="conforms", points=points, message=None) if points else blank


def calls_of_equal_shape(session: Session, operation: Operation, target: Format) -> list[tuple[Call, Call]]:
    """Calls of equal shape with different numbers."""
    found = samples.drawn(samples.structures(operation, target), STRUCTURES, session.seed_for(operation.name, "purity", target.name))
    if operation.name in session.adapter.reduction:
        found = [replace(structure, shape=(3,)) for structure in found]

    def made(structure: samples.Structure) -> Call:
        if operation.shape == "elementwise":
            return samples.elementwise(operation, structure, target)
        return samples.vector_calls(operation, structure, target, 2)[0]

    return [(made(structure), made(replace(structure, seed=structure.seed + 1))) for structure in found]


def _value_harm(session: Session, first: Call, again: Call, target: Format) -> str | None:
    names = [name for name, _ in first.frame.shapes()]
    return harm_of_calling(session, first.frame.entry, names, first.inputs, again.inputs, **first.named)


def harm_of_calling(
    session: Session, operation: Operation, names: Sequence[str], first: Sequence[Any], again: Sequence[Any], **named: Any
) -> str | None:
    """What calling the operation on one set of inputs, then on another, changes that it should not; names are those of the arrays."""
    watch = _Watch(names, flattened(first))
    result = raw_value(session.adapter, operation, first, **named)
    kept = np.array(as_array(session.adapter, operation.name, result), copy=True)
    raw_value(session.adapter, operation, again, **named)
    written = watch.written()
    if written:
        return f"{operation.name} writes to its input {written}"
    if contents(kept) != contents(as_array(session.adapter, operation.name, result)):
        return f"the result of {operation.name} changes when it is called again"
    if _goes_by_another_dtype(session, operation, first, again, **named):
        return f"{operation.name} gives other numbers after a call in a narrower dtype"
    if goes_by_what_was(lambda given: [_called(session, operation, given, **named)], first, again):
        return f"{operation.name} goes by what its inputs held before"
    return None


def _called(session: Session, operation: Operation, inputs: Sequence[Any], **named: Any) -> Array:
    """The result as an array, whatever its shape."""
    return as_array(session.adapter, operation.name, raw_value(session.adapter, operation, inputs, **named))


def _goes_by_another_dtype(session: Session, operation: Operation, first: Sequence[Any], again: Sequence[Any], **named: Any) -> bool:
    """Whether a call that gives the same numbers each time gives others after one in a narrower dtype."""
    narrower = [name for name in session.dtypes if FORMATS[name].dtype.itemsize < flattened(first)[0].dtype.itemsize]
    found = [contents(_called(session, operation, first, **named)) for _ in range(2)] if narrower else []
    for dtype in (FORMATS[name].dtype for name in narrower):
        with np.errstate(over="ignore"):
            other = _each(methodcaller("astype", dtype), again)
        try:
            raw_value(session.adapter, operation, other, **named)
        except (NotOffered, AdapterError):
            continue
        found.append(contents(_called(session, operation, first, **named)))
    return len({*found[:2]}) == 1 < len({*found})


def _each(change: Callable[[Array], Array], inputs: Sequence[Any]) -> list[Any]:
    """Inputs with every array changed, those in lists too."""
    return [[change(array) for array in item] if isinstance(item, list) else change(item) for item in inputs]


def goes_by_what_was(called: Callable[[Sequence[Any]], list[Array]], first: Sequence[Any], again: Sequence[Any]) -> bool:
    """Whether overwriting the arrays of a call with others leaves results that neither those nor copies of them give.

    Raises `AdapterError` where they can no longer be written.
    """
    if not all(array.flags.writeable for array in flattened(first)):
        raise AdapterError("an array that was given is locked by the call: its caller cannot write to it any more")
    for array, new in zip(flattened(first), flattened(again), strict=True):
        array[...] = new
    copies = _each(copied, first)
    found, others, fresh = called(first), called(again), called(copies)
    # that others and copies agree says that results do not depend on where arrays lie
    close = partial(alike, within=ALIKE)
    return not all(map(close, found, fresh)) and all(map(close, others, fresh))


def _gradient_harm(session: Session, first: Call, again: Call, target: Format) -> str | None:
    if not session.adapter.offers("vjp") or first.frame.operation in session.adapter.reduction:
        raise NotOffered("no gradient is offered")
    cotangent = samples.cast(samples.cotangents(first.rng, result_shape(first), target), target)
    watch = _Watch([*(name for name, _ in first.frame.shapes()), "cotangent"], [*flattened(first.inputs), cotangent])
    found = gradients(session.adapter, first.frame.entry, first.inputs, cotangent, target, **first.named)
    del found
    written = watch.written()
    return f"vjp of {first.frame.operation} writes to its {written}" if written else None


class _Watch:
    """Remembers the bytes of named arrays."""

    def __init__(self, names: Sequence[str], arrays: Sequence[Array]) -> None:
        self.names, self.arrays = names, arrays
        self.before = [array.tobytes() for array in arrays]

    def written(self) -> str | None:
        """The name of the first array that no longer holds its bytes."""
        changed = (name for name, a, b in zip(self.names, self.arrays, self.before, strict=False) if a.tobytes() != b)
        return next(changed, None)


def check_smoke(session: Session, dtype: str) -> Result:
    """Arrays survive the way into the framework and back: dtype, shape, every number and sign; nothing is written."""
    target = FORMATS[dtype]
    blank = Result((), None, "smoke", dtype, "conforms")
    values = [0.0, -0.0, 1.0, -1.5, target.largest, target.smallest_normal, target.smallest_subnormal, np.inf, -np.inf, np.nan]
    points = 0
    for shape, layout in (((10,), "C"), ((2, 5), "F"), ((5, 2), "strided"), ((10,), "reversed"), ((), "C"), ((0,), "C")):
        array = laid_out(samples.cast(np.resize(values, shape), target), layout)
        message = _conversion(session, array)
        if message:
            return replace(blank, verdict="error", message=message)
        points += array.size
    return replace(blank, points=points)


def _conversion(session: Session, array: Array) -> str | None:
    before = array.tobytes()
    try:
        back = np.asarray(session.adapter.echo(array))
    except Exception as error:
        return f"conversion of {array.dtype} raised {type(error).__name__}: {error}"
    if back.dtype != array.dtype or back.shape != array.shape:
        return f"{array.dtype} of shape {array.shape} came back as {back.dtype} of shape {back.shape}"
    if array.tobytes() != before or not _same_numbers(array, back):
        return f"numbers of {array.dtype} change on the way into the framework and back"
    return None


def _same_numbers(a: Any, b: Any) -> bool:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return bool(np.all((a == b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b)))
