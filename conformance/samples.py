"""Calls of an operation: Hypothesis draws their structure (shape, layout, hyper-parameters), a drawn seed fills them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from eqwise.conformance.adapter import Operation
from eqwise.conformance.claims import Frame, value_claim
from eqwise.conformance.inputs import Generator, at_kinks, block, critical_ordinals, second, vectors
from eqwise.conformance.invocation import flattened
from eqwise.conformance.layouts import LAYOUTS, laid_out, layout_of
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format

Drawn = TypeVar("Drawn")
BLOCK = 1024
SHAPES = ((BLOCK,), (32, 32), (8, 8, 16), (), (0,), (1,), (7,), (3, 5), (2, 3, 4), (5, 1), (777,))
LENGTHS = (1, 2, 3, 5, 10, 33)
AFFINE = ((2, 1), (1, 3), (3, 2), (5, 4), (17, 3))
WIDTHS = ((2, 3, 1), (3, 4, 2), (1, 5, 3), (4, 3, 2, 3), (3, 2))
BATCHES = (1, 2, 3, 8, 24)
HIDDEN = ("logistic", "tanh", "relu", "softplus", "identity", "step")
OUTPUT = ("identity", "logistic", "softmax")
KINDS = 6  # of numbers in affine maps and networks
PATTERNS: Mapping[str, Callable[[Floats], Floats]] = {  # what arrays may be made to be, samples being in rows
    "zeros": np.zeros_like, "ones": np.ones_like, "upper": np.triu, "diagonal": lambda a: a * np.eye(*a.shape),
    "symmetric": lambda a: a + a.T, "repeated": lambda a: a[np.arange(len(a)) // 2 * 2],
    "normal": lambda a: (a - a.mean(axis=-1, keepdims=True)) / np.maximum(a.std(axis=-1, keepdims=True), 2.0**-10),
}  # fmt: skip


@dataclass(frozen=True)
class Structure:
    """What is drawn of a call; everything else follows from the seed. `pattern`: the number of an array, and one of `PATTERNS`."""

    shape: tuple[int, ...]
    layout: str = "C"
    hyper: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    pattern: tuple[int, str] | None = None


@dataclass(frozen=True)
class Call:
    """One call of an adapter: its inputs as arrays (or lists of arrays) of the dtype, and what is passed by name."""

    inputs: tuple[Any, ...]
    named: Mapping[str, Any]
    frame: Frame
    rng: Generator

    @property
    def hyper(self) -> tuple[float, ...]:
        return tuple(float(self.named[name]) for name in self.frame.entry.hyper)


class _Undisturbed(HypothesisProvider):
    """Draws without the constants in the sources of all modules that happen to be loaded, which differ from process to process."""

    def _maybe_draw_constant(self, *given: Any, **named: Any) -> None:
        return None


AVAILABLE_PROVIDERS["eqwise"] = f"{__name__}.{_Undisturbed.__name__}"


def drawn(strategy: st.SearchStrategy[Drawn], count: int, seed: int) -> list[Drawn]:
    """`count` structures at most, the same for the same seed."""
    found: list[Drawn] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
        backend="eqwise",
    )
    @hypothesis.given(strategy)
    def collect(structure: Drawn) -> None:
        found.append(structure)

    collect()
    return found


def structures(operation: Operation, target: Format) -> st.SearchStrategy[Structure]:
    """The structures that calls of this operation may have."""
    shapes = {
        "elementwise": SHAPES, "rows": LENGTHS, "sample": LENGTHS, "affine": AFFINE, "network": WIDTHS, "matrices": WIDTHS,
        "columns": BATCHES,
    }[operation.shape]  # fmt: skip
    options = {"activation": st.sampled_from(HIDDEN), "output": st.sampled_from(OUTPUT)} if operation.shape == "network" else {}
    return st.builds(
        Structure,
        shape=st.sampled_from([s if isinstance(s, tuple) else (s,) for s in shapes]),
        layout=st.sampled_from(LAYOUTS),
        hyper=st.fixed_dictionaries({name: hyper_parameters(operation, name, target) for name in operation.hyper}),
        options=st.fixed_dictionaries(options),
        seed=st.integers(0, 2**32 - 1),
    )


_HYPER: Mapping[str, tuple[tuple[float, ...], float, float]] = {  # usual values, then the range of others
    "alpha":   ((1.0, 0.0, 2.5, 0.01, 0.3, -0.5), -4.0, 4.0),
    "tau":     ((0.1, 0.5, 0.25, 0.9, 0.001, 0.999), 0.001, 0.999),
    "delta":   ((1.0, 0.5, 1.35, 3.0, 2.0**-14), 2.0**-14, 100.0),
    "epsilon": ((0.1, 0.5, 1.0, 0.25, 2.0**-14), 2.0**-14, 10.0),
    "lambda_": ((0.01, 0.5, 1.0, 0.0), 1e-4, 10.0),
    "batch_norm.epsilon": ((1e-5, 1e-3, 1.0, 1e-8), 1e-8, 1.0),
}  # fmt: skip


def _known(operation: Operation, name: str) -> tuple[tuple[float, ...], float, float]:
    """Those of the operation itself, or else of every one that has a hyper-parameter of this name."""
    return _HYPER.get(f"{operation.name}.{name}") or _HYPER[name]


def hyper_parameters(operation: Operation, name: str, target: Format) -> st.SearchStrategy[float]:
    """Values of a hyper-parameter: zero where it is legal, otherwise normal numbers of the dtype."""
    usual, low, high = _known(operation, name)
    drawn_ones = st.sampled_from(usual) | st.floats(low, high)
    return drawn_ones.filter(lambda value: value == 0 or abs(value) >= target.smallest_normal)


def usual_hyper(operation: Operation) -> list[dict[str, float]]:
    """The usual values, one after the other."""
    columns = [[(name, value) for value in _known(operation, name)[0]] for name in operation.hyper]
    return [dict(chosen) for chosen in zip(*columns, strict=True)] or [{}]


def cast(values: Floats, target: Format) -> Array:
    """Float64 values that are numbers of the format, in its dtype."""
    return np.asarray(values).astype(target.dtype)


def elementwise(operation: Operation, structure: Structure, target: Format, values: Floats | None = None) -> Call:
    """A call of an element-wise operation; `values` fixes the first input, but for kinks no larger than those."""
    rng = np.random.default_rng(structure.seed)
    shape = structure.shape if values is None else values.shape
    size = int(np.prod(shape))
    hyper = tuple(structure.hyper.values())
    claim = value_claim(Frame(operation.name))
    usual = [tuple(known.values()) for known in usual_hyper(operation)]
    others = (*[1.0] * (len(operation.inputs) - 1), *(hyper if hyper in usual else usual[0]))
    if values is None:
        first = block(target, rng, max(size, 64), critical_ordinals(claim, others, target))
        first = rng.permutation(first)[:size] if size != BLOCK else first
    else:
        first = values.ravel()
    columns = [first, *(second(domain, first, target, rng) for domain in list(operation.inputs.values())[1:])]
    if len(columns) == 2 and size:
        rows = np.column_stack([*columns, *(np.full(size, value) for value in hyper)])
        moved = at_kinks(claim, rows, rng, target)[:, 0]
        largest = np.finfo(np.float64).max if values is None else np.abs(first).max()
        columns[0] = np.where((rng.random(size) < 0.25) & (np.abs(moved) <= largest), moved, first)
    arrays = [laid_out(cast(column.reshape(shape), target), structure.layout) for column in columns]
    if "slope" in operation.inputs.values():
        arrays[1] = _slope(arrays[1], rng, target)
    return Call(tuple(arrays), dict(structure.hyper), Frame(operation.name), rng)


def _slope(like: Array, rng: Generator, target: Format) -> Array:
    """One slope, or one for each channel where the input is a batch of several channels."""
    shape = like.shape[1:] if like.ndim == 2 and like.shape[1] > 1 else ()
    return cast(np.reshape(target.round(rng.choice([0.25, 0.0, 1.0, -0.5, 3.0, 0.01], shape)), shape), target)


def vector_calls(operation: Operation, structure: Structure, target: Format, batch: int) -> list[Call]:
    """Calls over vectors, affine maps or networks: with `batch` rows, of maps also with one; `batch` of one sample each for losses."""
    rng = np.random.default_rng(structure.seed)
    frame = Frame(operation.name, structure.shape, tuple(sorted(structure.options.items())))
    named = {**structure.hyper, **structure.options}
    (_, shape), *others = frame.shapes()

    kind = structure.seed % KINDS
    large = 2 ** (target.p // 2) if operation.shape == "affine" else 2
    whole = {0: 2, 1: 2, 5: large}.get(kind, 0)  # integers throughout, up to these: sums of small ones are exact and often 0
    small = 2.0 ** (target.emin // 4) if operation.shape == "affine" and kind in (1, 2) else 1.0  # of all but weights

    def made(domain: Any, shape: tuple[int, ...], first: Floats | None = None, number: int = 0) -> Array:
        values = _values(operation, domain, target, rng, shape, whole, first)
        if structure.pattern and structure.pattern[0] == number:
            values = target.round(PATTERNS[structure.pattern[1]](values))
        return laid_out(cast(values if number == 1 else values * small, target), structure.layout)

    if operation.shape == "sample":
        columns = [made(next(iter(operation.inputs.values())), (batch, *shape))]
        near = columns[0].astype(np.float64)
        columns += [made(domain, (batch, *shape), near) for domain in list(operation.inputs.values())[1:]]
        return [Call(tuple(rows), named, frame, rng) for rows in zip(*columns, strict=True)]
    if operation.shape == "columns":  # a vector for each feature, then one number for each
        known = zip(operation.inputs.values(), frame.shapes(), strict=True)
        columns = [made(domain, (batch, *own), number=k) for k, (domain, (_, own)) in enumerate(known)]
        return [Call((columns[0].T, *columns[1:]), named, frame, rng)]
    if operation.shape == "matrices":
        return [Call(([made("real", own) for _, own in frame.shapes()],), named, frame, rng)]
    domains = [*operation.inputs.values(), *["real"] * len(others)]
    arrays = [made(domains[0], (batch, *shape))]
    arrays += [made(d, s, number=k) for k, (d, (_, s)) in enumerate(zip(domains[1:], others, strict=False), 1)]
    depth = len(others) // 2
    shared = (arrays[1 : 1 + depth], arrays[1 + depth :]) if operation.shape == "network" else tuple(arrays[1:])
    batches = [arrays[0], arrays[0][:1].copy()] if whole and others else [arrays[0]]  # a batch of one may go a way of its own
    return [Call((x, *shared), named, frame, rng) for x in batches]


def neighbours(call: Call, target: Format) -> list[Call]:
    """Two more of the same shape: all numbers of the first input a little smaller, and the one in the middle half as large."""
    first, *others = call.inputs
    arrays = first if isinstance(first, list) else [first]
    made = []
    for changed in (_a_little_smaller, _halved_in_the_middle):
        moved = [laid_out(cast(target.round(changed(a.astype(np.float64), target)), target), layout_of(a)) for a in arrays]
        made.append(replace(call, inputs=(moved if isinstance(first, list) else moved[0], *others)))
    return made


def _a_little_smaller(a: Floats, target: Format) -> Floats:
    return a * (1 - np.sqrt(target.unit_roundoff))


def _halved_in_the_middle(a: Floats, target: Format) -> Floats:
    middle = tuple(n // 2 for n in a.shape)
    a[middle] /= 2
    return a


def _values(
    operation: Operation, domain: Any, target: Format, rng: Generator, shape: tuple[int, ...], whole: int, first: Floats | None
) -> Floats:
    if operation.shape not in ("affine", "network"):
        return vectors(domain, target, rng, shape, first)
    if whole:
        return rng.integers(-whole, whole + 1, shape).astype(np.float64)
    scale = 2.0 ** rng.integers(-3, 4) if operation.shape == "affine" else 1.0
    return target.round(rng.normal(size=shape) * scale)


def cotangents(rng: Generator, shape: tuple[int, ...], target: Format, alone: bool = False) -> Floats:
    """Ones of either sign, and numbers of other sizes; in every other call all are large, or small, or each where it stands `alone`."""
    ones = rng.choice([1.0, -1.0], shape)
    sizes = rng.normal(size=shape) * np.ldexp(1.0, rng.integers(-4, 5, shape))
    far = np.ldexp(1.0, target.emax // 8 * rng.choice([-1, 1, 0, 0], shape if alone else ()))
    return target.round(np.where(rng.random(shape) < 0.4, ones, sizes) * far)


def rows_of(call: Call, extra: Sequence[Floats] = ()) -> Floats:
    """The call's numbers as rows of a claim: one for each element, or for each vector with what it shares."""
    columns = [np.asarray(array, np.float64) for array in call.inputs] if call.frame.entry.shape == "elementwise" else []
    if columns:
        shape = np.broadcast_shapes(*(column.shape for column in columns))
        flat = [np.broadcast_to(column, shape).ravel() for column in columns]
        return np.column_stack([*flat, *(np.full(flat[0].size, value) for value in call.hyper), *(e.ravel() for e in extra)])
    first, *others = (np.asarray(array, np.float64) for array in flattened(call.inputs))
    if call.frame.entry.shape == "columns":
        return np.column_stack([first.T, *others, *(np.full(first.shape[1], value) for value in call.hyper), *(e.T for e in extra)])
    if call.frame.entry.shape == "matrices":
        return np.concatenate([first.ravel(), *(other.ravel() for other in others), np.array(call.hyper)])[None, :]
    own = first.reshape(-1, first.shape[-1])
    shared = np.concatenate([*(other.ravel() for other in others), np.array(call.hyper)])
    return np.column_stack([own, np.broadcast_to(shared, (len(own), len(shared))), *extra])
