"""Polynomials that are handed to an adapter's numerical differentiation: exact values, and a memory of where they were asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from eqwise.conformance import samples
from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.invocation import as_array, checked, guarded
from eqwise.conformance.session import Session
from eqwise.spec.gradient_descent import central_difference
from eqwise.spec.numbers.bounds import FACTOR
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format

ENTRY = OPERATIONS["numerical_gradient"]
COARSE = (1.0, 0.5, 0.25)  # ε whose points and values are exact in every dtype
FINE = (1e-3, 1e-4, 2.0**-10, 1e-5)


@dataclass
class Polynomial:
    """Σ powers·θᵢ + Σ couplings·θᵢθᵢ₊₁ over the flattened θ, and the points at which it was evaluated.

    Row i of `powers` has the coefficients of θᵢ to θᵢ⁴.
    """

    session: Session
    shape: tuple[int, ...]
    powers: list[list[int]]
    couplings: list[int]
    points: list[tuple[float, ...]] = field(default_factory=list)

    def __call__(self, theta: Any) -> float:
        """The value at an array of the framework's own, as Python's float."""
        array = np.asarray(as_array(self.session.adapter, "the function's argument", theta), np.float64)
        if array.shape != self.shape:
            raise ValueError(f"the function was called with shape {array.shape} for theta of shape {self.shape}")
        self.points.append(tuple(array.ravel().tolist()))
        return float(self.at([Fraction(value) for value in self.points[-1]]))

    def at(self, theta: list[Fraction]) -> Fraction:
        """The exact value."""
        own = sum((c * v**p for row, v in zip(self.powers, theta, strict=True) for p, c in enumerate(row, 1)), Fraction(0))
        return own + sum((c * a * b for c, a, b in zip(self.couplings, theta, theta[1:], strict=False)), Fraction(0))

    def slope(self, theta: list[Fraction], i: int) -> Fraction:
        """∂E/∂θᵢ."""
        own = sum((p * c * theta[i] ** (p - 1) for p, c in enumerate(self.powers[i], 1)), Fraction(0))
        before = self.couplings[i - 1] * theta[i - 1] if i > 0 else 0
        return own + before + (self.couplings[i] * theta[i + 1] if i + 1 < len(theta) else 0)


@dataclass(frozen=True)
class Trial:
    """One call: a polynomial, where it is differentiated, and ε."""

    function: Polynomial
    theta: Array
    epsilon: float

    @property
    def exactly(self) -> list[Fraction]:
        return [Fraction(value) for value in np.asarray(self.theta, np.float64).ravel().tolist()]

    def expected(self, i: int) -> Fraction:
        """The right side of (39) for component i."""
        theta = self.exactly
        return central_difference(lambda v: self.function.at(_with(theta, i, v)), theta[i], Fraction(self.epsilon))  # type: ignore[no-any-return]

    def room(self, i: int, target: Format) -> float:
        """What component i is allowed: for the rounding of both values, their difference, the points and the result."""
        theta = self.exactly
        moved = [_with(theta, i, theta[i] + by) for by in (Fraction(self.epsilon), -Fraction(self.epsilon))]
        above, below = (self.function.at(point) for point in moved)
        lost = sum(_rounding(value, target) for value in (above, below, above - below))
        lost += sum(abs(float(self.function.slope(point, i))) * _rounding(point[i], target) for point in moved)
        return FACTOR * (lost / (2 * self.epsilon) + float(target.ulp(float(self.expected(i)))))


def _with(theta: list[Fraction], i: int, value: Fraction) -> list[Fraction]:
    """Theta with another component i."""
    return [*theta[:i], value, *theta[i + 1 :]]


def _rounding(value: Fraction, target: Format) -> float:
    """An ulp, unless the format has this number."""
    nearest = float(target.round(float(value)))
    return 0.0 if Fraction(nearest) == value else float(target.ulp(nearest))


def trial(session: Session, shape: tuple[int, ...], epsilon: float, degree: int, target: Format, seed: int) -> Trial:
    """Small integers for an ε that can be added to them exactly; normal numbers for others."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    powers = rng.integers(-2, 3, (size, 4))
    powers[:, degree - 1] = rng.choice([-1, 1, 2], size)
    powers[:, degree:] = 0
    function = Polynomial(session, shape, powers.tolist(), rng.choice([-1, 1], max(size - 1, 0)).tolist())
    exact = epsilon in (*COARSE, smallest_epsilon(target))
    values = rng.integers(-2, 3, shape).astype(float) if exact else target.round(rng.normal(size=shape))
    return Trial(function, samples.cast(values, target), epsilon)


def smallest_epsilon(target: Format) -> float:
    """A power of two that the small integers of a trial can lose and gain exactly, far below every other ε where there are digits."""
    return 2.0 ** max(2 - target.p, -30)


def steep(given: Trial, target: Format) -> Trial:
    """The trial with a function so many times as large, its slopes in the thousands where the dtype has room for its values."""
    factor = 2 ** min(12, target.emax - 10)
    powers = [[factor * c for c in row] for row in given.function.powers]
    couplings = [factor * c for c in given.function.couplings]
    return replace(given, function=replace(given.function, powers=powers, couplings=couplings, points=[]))


def raw_gradient(session: Session, given: Trial, theta: Any) -> Any:
    """The adapter's numerical gradient at theta, which is the framework's own, as it returns it."""
    return guarded(ENTRY.name, lambda: session.adapter.numerical_gradient(given.function, theta, epsilon=given.epsilon))  # type: ignore[attr-defined]


def differentiated(session: Session, given: Trial, target: Format) -> Floats:
    """The adapter's numerical gradient, as float64.

    Raises `AdapterError` for anything that the contract does not allow, `NotOffered` as the adapter does.
    """
    found = raw_gradient(session, given, session.adapter.from_numpy(given.theta))
    return checked(session.adapter, ENTRY.name, found, given.theta.shape, target)
