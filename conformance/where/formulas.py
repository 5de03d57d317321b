"""Attempts at operations that have a formula: their values, and the gradients that `vjp` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from eqwise.conformance import case, samples
from eqwise.conformance.adapter import Adapter, Domain, Operation
from eqwise.conformance.evidence import arranged_slopes, arranged_value, result_shape
from eqwise.conformance.invocation import checked, checked_gradients, flattened
from eqwise.conformance.layouts import laid_out, layout_of
from eqwise.conformance.where.attempts import Held, Keys, Leaves, Readings, keys_of
from eqwise.spec.numbers.formats import Floats, Format

COTANGENT = "cotangent"


@dataclass(frozen=True)
class Formula:
    """One call of an operation, or of `vjp` where there is a cotangent."""

    call: samples.Call
    target: Format
    cotangent: Floats | None = None
    reduction: str | None = None
    readings: Readings = ()

    @property
    def entry(self) -> Operation:
        return self.call.frame.entry

    @property
    def operation(self) -> str:
        return self.entry.name

    @property
    def arrays(self) -> Mapping[str, Floats]:
        names = [name for name, _ in self.call.frame.shapes()]
        known = {name: np.asarray(array, np.float64) for name, array in zip(names, flattened(self.call.inputs), strict=True)}
        return known if self.cotangent is None else {**known, COTANGENT: np.asarray(self.cotangent)}

    @property
    def hyper(self) -> Mapping[str, float]:
        return {name: float(self.call.named[name]) for name in self.entry.hyper}

    @property
    def usual(self) -> Sequence[Mapping[str, float]]:
        return samples.usual_hyper(self.entry)

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        named = _AXES[self.entry.shape](self)
        return named if self.cotangent is None else {**named, COTANGENT: self._axes_of_result(named)}

    def _axes_of_result(self, named: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        arrays = list(named.values())
        match self.entry.shape:
            case "elementwise":         return max(arrays, key=len)
            case "sample" | "matrices": return ()
            case "rows" | "columns":    return arrays[0]
            case _:                     return arrays[0][:1] + arrays[-1][-1:]

    @property
    def layouts(self) -> Mapping[str, str]:
        """How the inputs lie in memory."""
        names = [name for name, _ in self.call.frame.shapes()]
        return {name: layout_of(array) for name, array in zip(names, flattened(self.call.inputs), strict=True)}

    def laid(self, layouts: Mapping[str, str]) -> Formula:
        """The same with inputs that lie in memory so; in C order where it is not said."""
        names, like = list(self.layouts), flattened(self.call.inputs)
        made = [laid_out(array, layouts.get(name, "C")) for name, array in zip(names, like, strict=True)]
        return replace(self, call=replace(self.call, inputs=_as_given(self.entry, made)))

    def having(self, arrays: Mapping[str, Floats], hyper: Mapping[str, float] | None = None) -> Formula:
        known = {**self.arrays, **arrays}
        cotangent = known.pop(COTANGENT, None)
        for name, domain in zip(known, self.entry.inputs.values(), strict=False):
            if domain == "distribution":
                known[name] = adding_up(known[name])
        made = [laid_out(samples.cast(known[name], self.target), layout) for name, layout in self.layouts.items()]
        inputs = _as_given(self.entry, made)
        frame = replace(self.call.frame, dims=_dims(self.entry, list(known.values())))
        call = replace(self.call, inputs=inputs, named={**self.call.named, **(hyper or {})}, frame=frame)
        return replace(self, call=call, cotangent=cotangent)

    def is_legal(self) -> bool:
        given = zip(self.entry.inputs.values(), self.call.inputs, strict=True)
        arrays = [(domain, np.asarray(array, np.float64)) for domain, item in given for array in flattened([item])]
        return all(_LEGAL.get(domain, _any)(array, self.target) for domain, array in arrays)

    def calls(self) -> tuple[case.Call, ...]:
        if self.cotangent is None:
            return (case.Call(self.operation, tuple(self.call.inputs), self.call.named),)
        given = (self.operation, tuple(self.call.inputs), samples.cast(self.cotangent, self.target))
        return (case.Call("vjp", given, self.call.named),)

    def taken(self, adapter: Adapter, result: Any) -> Leaves:
        if self.cotangent is None:
            return [checked(adapter, self.operation, result, self.result_shape, self.target)]
        return checked_gradients(adapter, self.entry, self.call.inputs, result, self.target)

    @property
    def result_shape(self) -> tuple[int, ...]:
        """Of the value."""
        return () if self.reduction else result_shape(self.call)

    def keys(self, result: Any) -> list[Keys]:
        return [()] if self.cotangent is None else keys_of(self.call.inputs)

    def held(self, leaves: Leaves) -> list[Held]:
        if self.cotangent is None:
            (value,) = leaves
            assert value is not None
            made = [arranged_value(self.call, self.reduction, value)]
        else:
            made = arranged_slopes(self.call, self.cotangent, leaves)
        return [Held(sample.claim(self.readings), sample.rows, sample.actual) for sample in made]


def adding_up(values: Floats) -> Floats:
    """Shares that add up to 1: as they are, or all given to the largest."""
    return np.where(values.sum(axis=-1, keepdims=True) == 1, values, np.eye(values.shape[-1])[values.argmax(axis=-1)])


def _as_given(entry: Operation, arrays: list[Any]) -> tuple[Any, ...]:
    """Arrays one by one as the contract has them."""
    depth = len(arrays) // 2
    match entry.shape:
        case "matrices": return (arrays,)
        case "network":  return arrays[0], arrays[1 : 1 + depth], arrays[1 + depth :]
        case _:          return tuple(arrays)


def _dims(entry: Operation, arrays: list[Floats]) -> tuple[int, ...]:
    """The dimensions of a claim's frame for these arrays."""
    depth, first = len(arrays) // 2, arrays[0]
    match entry.shape:
        case "elementwise":       return ()
        case "affine":            return arrays[1].shape
        case "columns":           return first.shape[:1]
        case "matrices":          return (first.shape[0], *(array.shape[1] for array in arrays))
        case "network":           return (first.shape[-1], *(array.shape[1] for array in arrays[1 : 1 + depth]))
        case _:                   return first.shape[-1:]


def _chained(names: list[str], first: int = 0) -> dict[str, tuple[str, ...]]:
    """Matrices each of which begins where the one before ends."""
    return dict(zip(names, pairwise(f"width {k}" for k in range(first, first + len(names) + 1)), strict=True))


def _elementwise(given: Formula) -> Mapping[str, tuple[str, ...]]:
    """Named from the last axis on, as they broadcast."""
    return {name: tuple(f"axis {k}" for k in range(array.ndim, 0, -1)) for name, array in given.arrays.items() if name != COTANGENT}


def _network(given: Formula) -> Mapping[str, tuple[str, ...]]:
    names = [name for name, _ in given.call.frame.shapes()]
    depth = len(names) // 2
    return {
        names[0]: ("batch", "width 0"), **_chained(names[1 : 1 + depth]),
        **{name: (f"width {k + 1}",) for k, name in enumerate(names[1 + depth :])},
    }  # fmt: skip


def _named(*axes: str) -> Callable[[Formula], Mapping[str, tuple[str, ...]]]:
    """The axes of each array in turn; those of the last for all that follow."""
    split = [tuple(text.split()) for text in axes]
    return lambda given: {name: split[min(k, len(split) - 1)] for k, (name, _) in enumerate(given.call.frame.shapes())}


_AXES: Mapping[str, Callable[[Formula], Mapping[str, tuple[str, ...]]]] = {
    "elementwise": _elementwise,
    "rows": _named("batch n"),
    "sample": _named("n"),
    "affine": _named("batch in", "in out", "out"),
    "network": _network,
    "columns": _named("batch features", "features"),
    "matrices": lambda given: _chained([name for name, _ in given.call.frame.shapes()]),
}


# the numbers that the contract allows


def _any(values: Floats, target: Format) -> bool:
    return True


def _distribution(values: Floats, target: Format) -> bool:
    return bool(np.all(values >= 0) and np.all(values.sum(axis=-1) == 1))


def _probability(values: Floats, target: Format) -> bool:
    return bool(np.all((values >= target.smallest_normal) & (values <= 1 - target.unit_roundoff)))


def _batch(values: Floats, target: Format) -> bool:
    """Features that are constant must be small and round, as when they are drawn."""
    constant = values[:, np.ptp(values, axis=0) == 0] if len(values) > 1 else np.zeros(0)
    return bool(np.all(np.abs(constant) <= 2) and np.all(constant * 8 == np.rint(constant * 8)))


_LEGAL: Mapping[Domain, Callable[[Floats, Format], bool]] = {
    "probability": _probability,
    "positive": _probability,
    "share": lambda values, target: bool(np.all((values >= 0) & (values <= 1))),
    "distribution": _distribution,
    "score": lambda values, target: bool(np.all(np.abs(values) <= 4096)),
    "batch": _batch,
}
