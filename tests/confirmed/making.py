"""Evidence for one formula: arguments in mpmath's numbers, and what the formula must give there, from elsewhere.

Elsewhere is another function or form in mpmath, an integral, a limit or recurrence in closed form, or a derivative by
differences in 50 digits; each is written from what the notes print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath as mp
import numpy as np

from eqwise.conformance.draws import standardised
from eqwise.spec.certify import refined, values
from eqwise.spec.distributions import Normal, Uniform
from eqwise.spec.document import AS_PRINTED, Formula
from eqwise.spec.numbers.expression import lifted, symbol, symbols

Key = tuple[int | str, str]  # an equation or the key of a statement, and a reading
Cases = Iterator[tuple[tuple[Any, ...], Any]]  # arguments, and what the formula must give
EVIDENCE: dict[Key, Evidence] = {}
DIGITS = 50
PLACES = (-3.0, -1.9, -0.6, 0.3, 1.4, 2.7)  # of laws, in standard deviations


@dataclass(frozen=True)
class Function:
    """A function that a formula takes: as the spec computes, and in mpmath."""

    spec: Callable[..., Any]
    known: Callable[..., Any]


@dataclass(frozen=True)
class Evidence:
    """How a formula is confirmed: in words, by cases, to a tolerance."""

    by: str
    cases: Callable[[np.random.Generator], Cases]
    tolerance: float

    @cached_property
    def known(self) -> list[tuple[tuple[Any, ...], list[Any]]]:
        """The cases, from one seed."""
        with mp.workdps(DIGITS):
            cases = self.cases(np.random.default_rng(77))
            return [(arguments, [mp.mpf(w) for w in np.ravel(np.array(wanted, object))]) for arguments, wanted in cases]

    def against(self, formula: Formula) -> str | None:
        """What speaks against a formula: the first case in which it gives another value, or none."""
        with mp.workdps(DIGITS):
            for arguments, expected in self.known:
                found = evaluated(formula, arguments)
                if found is None or len(found) != len(expected) or any(self._differ(*pair) for pair in zip(found, expected, strict=True)):
                    return f"expected {_shown(expected)}, found {_shown(found)} at {arguments}"
        return None

    def _differ(self, found: Any, wanted: Any) -> bool:
        return not abs(found - wanted) <= self.tolerance * max(1, abs(wanted))


def confirms(*keys: int | str, by: str, reading: str = AS_PRINTED, tolerance: float = 1e-25) -> Callable[[Any], Any]:
    """Enter the cases of a function under these equations or statements; `by` says where the values come from."""

    def enter(cases: Any) -> Any:
        for key in keys:
            assert (key, reading) not in EVIDENCE, (key, reading)
            EVIDENCE[key, reading] = Evidence(by, cases, tolerance)
        return cases

    return enter


def evaluated(formula: Formula, arguments: Sequence[Any]) -> list[Any] | None:
    """The values of a formula, from balls; the distribution function, of a law. None where no precision tells."""
    inputs: list[Any] = []
    row: list[Any] = []

    def on_symbols(item: Any) -> Any:
        if isinstance(item, Function):
            return item.spec
        if isinstance(item, list):
            return [on_symbols(part) for part in item]
        made = symbols(f"x{len(inputs)}", *np.shape(item)) if np.ndim(item) else symbol(f"x{len(inputs)}")
        inputs.extend(np.ravel(made))
        row.extend(np.ravel(np.array(item, object)))
        return made

    made = formula(*map(on_symbols, arguments))
    if isinstance(made, (Uniform, Normal)):
        return _law(made, dict(zip(inputs, row, strict=True)))
    outputs = tuple(lifted(output) for output in np.ravel(np.array(made, object)))
    for balls in refined(values(outputs, tuple(inputs)), [_dyadic(x) for x in row]):
        if all(ball.is_finite() and (ball.rel_accuracy_bits() > 110 or ball.rad() < 2.0**-110) for ball in balls):
            return [mp.mpf(ball.mid().str(40, radius=False)) for ball in balls]
    return None


def _law(law: Any, at: dict[Any, Any]) -> list[Any]:
    """The distribution function at a few places."""
    outputs = tuple(law.parameters)
    numbers = [float(ball) for ball in next(iter(refined(values(outputs, tuple(at)), [_dyadic(x) for x in at.values()])))]
    made = Uniform(*map(lifted, numbers)) if isinstance(law, Uniform) else Normal(*map(lifted, numbers), law.within, law.rescaled)
    standard, unit = standardised(made)
    return [mp.mpf(float(standard.cumulative(np.float64(x / unit)))) for x in PLACES]


def _dyadic(x: Any) -> Any:
    exact = mp.mpf(x)
    return (int(-exact.man if exact < 0 else exact.man), int(exact.exp))


def _shown(numbers: Any) -> str:
    return "nothing" if numbers is None else ", ".join(mp.nstr(x, 12) for x in numbers[:4])


# drawing


def reals(rng: np.random.Generator, count: int = 8) -> list[Any]:
    """Numbers of both signs, with 0 and 1 among them."""
    return [mp.mpf(x) for x in (0.0, 1.0, *(rng.uniform(-3, 3, count) * 2).tolist())]


def shares(rng: np.random.Generator, *shape: int) -> Any:
    """Numbers between 0 and 1."""
    return exact(rng.uniform(0.1, 0.9, shape))


def vector(rng: np.random.Generator, *shape: int) -> Any:
    """An array of numbers of both signs."""
    return exact(rng.uniform(-2, 2, shape))


def exact(array: Any) -> Any:
    """Floats as mpmath's numbers."""
    if not np.ndim(array):
        return mp.mpf(float(array))
    return np.frompyfunc(lambda x: mp.mpf(float(x)), 1, 1)(np.asarray(array))
