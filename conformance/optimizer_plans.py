"""What is drawn of a run of an optimizer: shapes, hyper-parameters, where it starts, gradients of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from eqwise.conformance import samples
from eqwise.conformance.adapter import Operation
from eqwise.conformance.inputs import Generator
from eqwise.conformance.layouts import LAYOUTS as ALL_LAYOUTS
from eqwise.spec.numbers.formats import Floats, Format

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Plan:
    """What is drawn of one run; gradients and parameters follow from the seed. `many`: the parameters are a list.

    The optimizer is made when those that are there from the start have taken `after` steps.
    """

    shapes: Shapes
    many: bool
    hyper: Mapping[str, float]
    steps: int
    layout: str = "C"  # of the parameters
    laid: str = "C"  # of the gradients
    seed: int = 0
    after: int = 0

    @property
    def size(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def drawn(self, rng: Generator, target: Format) -> tuple[Floats, Floats]:
        """Parameters to start from, and the gradients of all steps: (elements,) and (steps, elements)."""
        return starts(rng, self.size, target), drawn_gradients(rng, self, target)

    def changes(self) -> tuple[int, ...]:
        """The steps, counted from 1, from which on eta is another, the last time the first one again."""
        return tuple(2 + self.steps * tenths // 10 for tenths in (4, 6, 8))

    def etas(self) -> Floats:
        """The learning rate of every step."""
        changed = np.searchsorted(self.changes(), np.arange(1, self.steps + 1), side="right")
        return self.hyper["eta"] * np.array([1.0, 0.25, 1.5, 1.0])[changed]


@dataclass(frozen=True, eq=False)
class Given(Plan):
    """A run whose parameters and gradients, (elements,) and (steps, elements), are given; eta does not change."""

    theta: Floats = field(default_factory=lambda: np.zeros(0))
    gradients: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @classmethod
    def of(cls, theta: Any, gradients: Any, hyper: Mapping[str, float]) -> Given:
        """One array that takes a step for each row of gradients."""
        rows = np.atleast_2d(np.asarray(gradients, np.float64))
        start = np.broadcast_to(np.asarray(theta, np.float64), rows.shape[1:])
        return cls((start.shape,), False, hyper, len(rows), theta=start, gradients=rows)

    def drawn(self, rng: Generator, target: Format) -> tuple[Floats, Floats]:
        return target.round(self.theta), target.round(self.gradients)

    def changes(self) -> tuple[int, ...]: return ()
    def etas(self) -> Floats: return np.full(self.steps, self.hyper["eta"])


def starts(rng: Generator, size: int, target: Format) -> Floats:
    """Parameters to start from: 0, so that a step is seen to its last digit, or numbers of several sizes."""
    return target.round(rng.normal(size=size) * rng.choice([0.0, 0.0, 2.0**-10, 1.0, 1.0, 100.0], size))


def drawn_gradients(rng: Generator, plan: Plan, target: Format) -> Floats:
    """Gradients of every kind, each element its own; (steps, elements)."""
    sizes = _Sizes.of(plan.hyper, target)
    kinds = rng.permutation(np.arange(plan.size) + rng.integers(len(_KINDS))) % len(_KINDS)
    columns = [_KINDS[kind](rng, plan.steps, sizes) for kind in kinds]
    drawn = np.column_stack(columns) if columns else np.zeros((plan.steps, 0))
    drawn = np.where(_rests(rng, plan), 0.0, drawn)
    small = (np.abs(drawn) < sizes.least) & (drawn != 0)
    return target.round(np.where(small, np.copysign(sizes.least * (1 + np.abs(drawn)), drawn), drawn))


def _rests(rng: Generator, plan: Plan) -> Any:
    """Where the gradient of a whole parameter, or of all of them, is 0: now and then, after the first step."""
    parameters = np.repeat(np.arange(len(plan.shapes)), [int(np.prod(shape)) for shape in plan.shapes])
    alone, together = rng.random((plan.steps, len(plan.shapes))) < RESTS, rng.random((plan.steps, 1)) < RESTS
    return (alone[:, parameters] | together) & (np.arange(plan.steps) > 0)[:, None]


@dataclass(frozen=True)
class _Sizes:
    """The sizes that gradients may have: the least whose share of a mean square is a normal number, that of √ε, a large one."""

    least: float
    near: float
    large: float

    @classmethod
    def of(cls, hyper: Mapping[str, float], target: Format) -> _Sizes:
        near = float(np.sqrt(hyper.get("epsilon", 2.0**-20)))
        return cls(least_gradient(hyper, target), near, 2.0 ** {15: 3, 127: 45, 1023: 150}[target.emax])


def least_gradient(hyper: Mapping[str, float], target: Format) -> float:
    """A gradient whose share of a mean square is a normal number."""
    share = 1 - hyper.get("beta_2", hyper.get("alpha", 0.0)) if "epsilon" in hyper else 1.0
    return float(2 * np.sqrt(target.smallest_normal / share))


def _signs(rng: Generator, n: int) -> Floats: return rng.choice([-1.0, 1.0], n)
def _usual(rng: Generator, n: int, sizes: _Sizes) -> Floats: return rng.normal(size=n)
def _near(rng: Generator, n: int, sizes: _Sizes) -> Floats: return sizes.near * _signs(rng, n) * np.exp2(rng.uniform(-3, 2, n))
def _large(rng: Generator, n: int, sizes: _Sizes) -> Floats: return sizes.large * _signs(rng, n) * rng.uniform(0.5, 1, n)
def _tiny(rng: Generator, n: int, sizes: _Sizes) -> Floats: return sizes.near * _signs(rng, n) * np.exp2(rng.uniform(-12, -3, n))
def _constant(rng: Generator, n: int, sizes: _Sizes) -> Floats: return np.full(n, _near(rng, 1, sizes)[0])
def _alternating(rng: Generator, n: int, sizes: _Sizes) -> Floats: return _usual(rng, 1, sizes)[0] * (-1.0) ** np.arange(n)
def _sparse(rng: Generator, n: int, sizes: _Sizes) -> Floats: return np.where(rng.random(n) < 0.1, _usual(rng, n, sizes), 0.0)
def _late(rng: Generator, n: int, sizes: _Sizes) -> Floats: return np.where(np.arange(n) < 3, 0.0, _near(rng, n, sizes))
def _never(rng: Generator, n: int, sizes: _Sizes) -> Floats: return np.zeros(n)
def _mixed(rng: Generator, n: int, sizes: _Sizes) -> Floats: return _usual(rng, n, sizes) * np.exp2(rng.uniform(-8, 3, n))


_KINDS = (_usual, _near, _large, _constant, _alternating, _sparse, _mixed, _tiny, _late, _near, _usual, _never)


# what is drawn of a run

STEPS, MANY_STEPS, FEW_STEPS, HARDLY_ANY = 300, 1040, 50, 6
LARGE = ((307,), (5, 19), (), (1,), (2,))  # beyond the usual sizes of blocks, and lists of three
SEVERAL = 44 * ((1,),)
RESTS = 0.04
LATER = 7
LAYOUTS = ("F", "strided", "F", "reversed", "C")  # of gradients, as the shapes follow
SHAPES: tuple[tuple[Shapes, bool], ...] = (  # lists where hyper-parameters are degenerate: what goes by a list shows there too
    (((2, 3), (3,), (2, 3)), True), (((), (7,)), True), (((2, 2, 3), (3,)), True), (((3, 4),), False), (((5,), (2, 2)), True),
)  # fmt: skip
BRIEF: tuple[tuple[Shapes, bool], ...] = ((((),), False), (((2, 2, 3),), False), (((5,),), True))
_HYPER: Mapping[str, tuple[Mapping[str, float], ...]] = {  # the degenerate ones show which equation is at fault
    "sgd": ({}, {}, {}, {}),
    "momentum": ({"alpha": 0.9}, {"alpha": 0.0}, {"alpha": 0.5}, {"alpha": 0.99}, {"alpha": 1.0}),
    "adagrad": ({}, {}, {}, {}, {}),
    "rmsprop": (
        {"alpha": 0.9, "epsilon": 1e-8}, {"alpha": 0.0, "epsilon": 1e-30}, {"alpha": 0.5, "epsilon": 0.01},
        {"alpha": 0.99, "epsilon": 1e-4}, {"alpha": 0.9999, "epsilon": 1e-6},
    ),
    "adam": (
        {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}, {"beta_1": 0.0, "beta_2": 0.0, "epsilon": 1e-30},
        {"beta_1": 0.0, "beta_2": 0.99, "epsilon": 1e-4}, {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.1},
        {"beta_1": 0.75, "beta_2": 0.0, "epsilon": 0.01}, {"beta_1": 0.999, "beta_2": 0.9999, "epsilon": 1e-3},
        {"beta_1": 0.8, "beta_2": 0.999, "epsilon": 0.1},
    ),
}  # fmt: skip
_ETAS = (0.01, 0.125, 0.5, 0.003)
_SHARES = st.sampled_from((0.0, 0.5, 0.9, 0.99, 0.999)) | st.floats(0.01, 0.995)
_DRAWN: Mapping[str, st.SearchStrategy[float]] = {
    "eta": st.floats(-9, 1).map(np.exp2), "epsilon": st.floats(-8, -1).map(lambda power: 10**power),
    "alpha": _SHARES, "beta_1": _SHARES, "beta_2": _SHARES,
}  # fmt: skip


_SMALL = ("alpha", "beta_1", "beta_2")  # are also a little above 0


def plans(operation: Operation, volume: int, target: Format, seed: int) -> list[Plan]:
    """Every kind of hyper-parameter, and drawn ones.

    Besides, a run with steps enough for a correction to wear off, one of large parameters, one of many, and one whose
    hyper-parameters are close to those of others.
    """
    rng, fixed = np.random.default_rng(seed), _HYPER[operation.name]
    chosen = [{"eta": _ETAS[k % len(_ETAS)], **hyper} for k, hyper in enumerate(fixed)]
    shaped = [SHAPES[k % len(SHAPES)] for k in range(len(chosen))]
    made = [
        Plan(shapes, many, hyper, STEPS, laid=LAYOUTS[k % len(LAYOUTS)])
        for k, ((shapes, many), hyper) in enumerate(zip(shaped, chosen, strict=True))
    ]
    small = {**chosen[0], **{name: 2.0**-4 for name in chosen[0] if name in _SMALL}}
    made += [Plan(*shape, hyper, FEW_STEPS, laid="F") for shape, hyper in zip(BRIEF, [small, *chosen], strict=False)]
    made += [replace(plan, steps=FEW_STEPS, after=LATER) for plan in (made[0], made[-2], made[-1])]  # one of its kind has stepped
    near = {**chosen[0], **{name: chosen[0][name] * (1 - 2.0**-13) for name in chosen[0] if name in _SMALL}}
    made += [Plan(((4,),), False, chosen[0], MANY_STEPS), Plan(LARGE, True, chosen[0], HARDLY_ANY)]
    made += [Plan(SEVERAL, True, chosen[0], HARDLY_ANY), Plan(((4,),), False, near, FEW_STEPS)]
    layouts = st.sampled_from(ALL_LAYOUTS)
    strategy = st.builds(
        lambda shape, hyper, layout, laid: Plan(shape[0], shape[1], hyper, STEPS, layout, laid),
        st.sampled_from(SHAPES), st.fixed_dictionaries({name: _DRAWN[name] for name in operation.hyper}), layouts, layouts,
    )  # fmt: skip
    made += samples.drawn(strategy, 2 * volume, seed)
    seeds = rng.integers(2**32, size=len(made)).tolist()
    return [replace(plan, hyper=_in_range(plan.hyper, target), seed=own) for plan, own in zip(made, seeds, strict=True)]


def _in_range(hyper: Mapping[str, float], target: Format) -> dict[str, float]:
    """Hyper-parameters that the dtype tells from 0 and from 1."""
    highest = 0.999 if target.p < 24 else 0.9999
    is_share = {*_SMALL} if "epsilon" in hyper else set()  # that of momentum may be 1
    known = {name: min(value, highest) if name in is_share else value for name, value in hyper.items()}
    return {**known, **({"epsilon": max(known["epsilon"], 16 * target.smallest_normal)} if "epsilon" in known else {})}
