"""Which of (74) to (77) a wrong batch normalization breaks, from how its errors lie against the deviations from the mean.

In (76) a wrong mean moves all samples of a feature alike, a wrong scale moves each in proportion to its deviation. So do the
gradients by x: what the mean passes on is alike for all samples, what the variance passes on is proportional to the deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from eqwise.conformance import invocation
from eqwise.conformance.adapter import OPERATIONS, NotOffered
from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.pristine import reference
from eqwise.conformance.samples import cast
from eqwise.conformance.session import Session
from eqwise.spec.numbers.formats import Floats, Format

Values = Callable[[Floats, Floats, Floats, float], Floats]  # batch normalization of x by gamma, beta, epsilon
Gradients = Callable[[Floats, Floats, Floats, Floats, float], list[Any]]  # its gradients, given the cotangent too
_ENTRY = OPERATIONS["batch_norm"]
_ALL = (74, 75, 76, 77)
_ONES, _ZEROS = np.ones(3), np.zeros(3)
_GAMMA, _BETA = np.array([-1.5, 0.0, 3.0]), np.array([0.75, -2.0, 0.5])
_GRID = np.array(  # odd and even numbers of samples, no feature symmetric; a sum of 0 nowhere
    [[3, -1, 2], [-2, 4, 2], [1, 1, -3], [4, -4, 1], [-1, 0, 4], [2, -3, -2], [-3, 2, 0], [2, 4, -1]], float
)  # fmt: skip


@dataclass(frozen=True)
class _Batch:
    """A batch of three features, what is added to its variances, and what floats make of results on it."""

    x: Floats
    epsilon: float
    target: Format

    @property
    def deviation(self) -> Floats:
        return self.x - self.x.mean(axis=0)

    @property
    def variance(self) -> Floats:
        return np.mean(self.deviation**2, axis=0)

    @property
    def noise(self) -> Floats:
        """What rounding may make of a number of the size of 1, for each feature."""
        condition = 1 + np.abs(self.x).max(axis=0) / np.sqrt(self.variance + self.epsilon)
        return 16 * self.target.unit_roundoff * condition

    def parts(self, error: Floats, size: Floats) -> _Parts:
        """The error of each feature as what is alike, what is proportional to the deviation, and the rest."""
        d, squares = self.deviation, np.maximum(np.sum(self.deviation**2, axis=0), np.finfo(float).tiny)
        alike = np.mean(error, axis=0) + 0 * d
        along = np.sum(error * d, axis=0) / squares * d
        largest = np.abs(error).max(axis=0, initial=0.0)
        least = np.maximum(largest / 16, size * self.noise)
        alike, along, rest = (np.abs(part).max(axis=0) > least for part in (alike, along, error - alike - along))
        varied = self.deviation.any(axis=0)
        return _Parts(bool(np.any(alike & varied)), bool(np.any(alike & ~varied)), bool(np.any(along)), bool(np.any(rest)))


@dataclass(frozen=True)
class _Parts:
    """Which parts of an error there are.

    In a feature that is constant a wrong mean looks like a deviation that is not 0, or not divided by √(σ² + ε).
    """

    alike: bool
    alike_in_constants: bool
    along: bool
    rest: bool


def values_of(session: Session, target: Format) -> Values:
    """What the adapter's batch_norm makes of numbers."""

    def values(x: Floats, gamma: Floats, beta: Floats, epsilon: float) -> Floats:
        inputs = [cast(array, target) for array in (x, gamma, beta)]
        return invocation.value(session.adapter, _ENTRY, inputs, x.shape, target, epsilon=epsilon)

    return values


def gradients_of(session: Session, target: Format) -> Gradients:
    """What the adapter's vjp of batch_norm makes of numbers."""

    def gradients(x: Floats, gamma: Floats, beta: Floats, cotangent: Floats, epsilon: float) -> list[Any]:
        x, gamma, beta, cotangent = (cast(array, target) for array in (x, gamma, beta, cotangent))
        return invocation.gradients(session.adapter, _ENTRY, [x, gamma, beta], cotangent, target, epsilon=epsilon)

    return gradients


def by_values(values: Values, target: Format) -> tuple[int, ...]:
    """The equations that explain wrong values; all four where no probe tells."""
    return _explained(partial(_faults_of_values, values), target)


def by_gradients(gradients: Gradients, target: Format) -> tuple[int, ...]:
    """The equations that explain wrong gradients; all four where no probe tells."""
    return _explained(partial(_faults_of_gradients, gradients), target)


def _explained(faults: Callable[[_Batch], set[int]], target: Format) -> tuple[int, ...]:
    """What the first batch shows that shows anything: those that are hard for floats come last."""
    for batch in _batches(target):
        try:
            found = faults(batch)
        except NotOffered:
            continue
        except AdapterError:
            break
        if found:
            return tuple(sorted(found))
    return _ALL


def _batches(target: Format) -> Iterator[_Batch]:
    """Of 8, 7, 2 and 1 samples, small, large and far from 0, constant ones among them; epsilon from small to dominant."""
    far = 2.0 ** (target.p // 2)
    for scale, offset in ((1.0, 0.0), (2.0**-4, 0.0), (2.0**4, 0.0), (1.0, far), (0.0, 1 + 2.0 ** (1 - target.p)), (0.0, 2049.0)):
        x = np.asarray(cast(_GRID * scale + offset * np.array([1, -1, 1.5]), target), np.float64)
        for samples in (8, 7, 2, 1):
            for epsilon in (0.25 * max(scale, 1e-2) ** 2, max(target.smallest_normal, 1e-8)):
                yield _Batch(x[:samples], float(epsilon), target)


def _faults_of_values(values: Values, batch: _Batch) -> set[int]:
    normal = values(batch.x, _ONES, _ZEROS, batch.epsilon)
    with np.errstate(all="ignore"):
        if not np.isfinite(normal).all():
            return {75, 76}
        size = np.abs(normal).max(axis=0) + 1
        scaled = np.abs(values(batch.x, _GAMMA, _BETA, batch.epsilon) - (_GAMMA * normal + _BETA))
        if np.any(scaled > 4 * batch.noise * size):
            return {77}
        exact = reference().batch_norm(batch.x, _ONES, _ZEROS, epsilon=batch.epsilon)
        parts = batch.parts(normal - exact, size)
        if parts.rest or parts.alike:
            return {74, 76} if parts.rest else {74}
        if parts.alike_in_constants:
            return {74, 75, 76}
        return _faults_of_scale(values, batch) if parts.along else set()


def _faults_of_scale(values: Values, batch: _Batch) -> set[int]:
    """(76) where the square of the divisor does not grow with epsilon, as it is added under the root; otherwise (75)."""
    more = batch.epsilon + float(batch.variance.max())
    first, second = (_divisors(batch, values(batch.x, _ONES, _ZEROS, epsilon)) for epsilon in (batch.epsilon, more))
    kept = np.abs((second**2 - first**2) - (more - batch.epsilon)) <= 4 * batch.noise * (first**2 + second**2)
    return {75} if np.all(kept & (first > 0) & (second > 0) | ~batch.deviation.any(axis=0)) else {76}


def _divisors(batch: _Batch, normal: Floats) -> Floats:
    """What the deviations of each feature were divided by."""
    return np.asarray(np.sum(batch.deviation**2, axis=0) / np.sum(batch.deviation * normal, axis=0))


def _faults_of_gradients(gradients: Gradients, batch: _Batch) -> set[int]:
    c = _GRID[::-1, [1, 2, 0]][: len(batch.x)]
    by_x, by_gamma, by_beta = gradients(batch.x, _ONES, _BETA, c, batch.epsilon)
    exact = reference().vjp("batch_norm", (batch.x, _ONES, _BETA), c, epsilon=batch.epsilon)
    size = np.abs(c).sum(axis=0) / np.sqrt(batch.variance + batch.epsilon)
    found = set() if by_x is None else _faults_by_x(gradients, batch, c, by_x, exact[0], size)
    room = 8 * batch.noise * np.abs(c).sum(axis=0)
    if by_gamma is not None and _differ(by_gamma, exact[1], room * (1 + np.abs(batch.deviation).max(axis=0))):
        found.add(76 if found else 77)  # where the gradient by x is right, so is what it is made of
    if by_beta is not None and _differ(by_beta, exact[2], room):
        found.add(77)
    return found


def _faults_by_x(gradients: Gradients, batch: _Batch, c: Floats, by_x: Floats, exact: Floats, size: Floats) -> set[int]:
    scaled = gradients(batch.x, _GAMMA, _BETA, c, batch.epsilon)[0]
    if _differ(scaled, _GAMMA * by_x, 4 * size * batch.noise * np.abs(_GAMMA)):
        return {77}
    parts = batch.parts(by_x - exact, size)
    if parts.rest:
        return {76}
    if parts.alike and not parts.along:
        return {74}
    if parts.alike or parts.alike_in_constants:
        return {74, 75, 76}
    return _faults_by_variance(gradients, batch, c, by_x - exact) if parts.along else set()


def _faults_by_variance(gradients: Gradients, batch: _Batch, c: Floats, error: Floats) -> set[int]:
    """(75) where the gradient by σ², which is that of (76), has errors of one share whatever epsilon is; otherwise (76)."""
    other = replace(batch, epsilon=batch.epsilon + float(batch.variance.max()))
    by_x = gradients(other.x, _ONES, _BETA, c, other.epsilon)[0]
    exact = reference().vjp("batch_norm", (other.x, _ONES, _BETA), c, epsilon=other.epsilon)[0]
    first, second = _share_of_variance(batch, c, error), _share_of_variance(other, c, by_x - exact)
    return {75} if np.all(np.abs(second - first) <= np.maximum(np.abs(first), np.abs(second)) / 16) else {76}


def _share_of_variance(batch: _Batch, c: Floats, error: Floats) -> Floats:
    """Errors along the deviation, as a share of what σ² passes on: −mean(cd)/(σ² + ε)^(3/2) times d."""
    d, room = batch.deviation, np.finfo(float).tiny
    passed = np.mean(c * d, axis=0) / (batch.variance + batch.epsilon) ** 1.5
    return np.asarray(np.sum(error * d, axis=0) / (np.sum(d**2, axis=0) * passed + room))


def _differ(a: Floats, b: Floats, room: Floats) -> bool:
    return not bool(np.all(np.abs(a - b) <= room))
