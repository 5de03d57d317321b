"""The distributions that section 11 draws from: U[low, high] and N[mean, deviation], with exact parameters."""

from __future__ import annotations

from dataclasses import dataclass

from eqwise.spec.numbers.expression import Expression, lifted
from eqwise.spec.numbers.printing import text


@dataclass(frozen=True)
class Uniform:
    """Every number between the bounds is as likely as any other."""

    low: Expression
    high: Expression

    @property
    def parameters(self) -> tuple[Expression, ...]:
        """Those that are printed, in their order."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"U[{text(self.low)}, {text(self.high)}]"


@dataclass(frozen=True)
class Normal:
    """The normal distribution by its mean and its standard deviation.

    `within`: cut off at so many deviations from the mean; `rescaled`: widened, so that the deviation is the given one after the cut.
    """

    mean: Expression
    deviation: Expression
    within: int | None = None
    rescaled: bool = False

    @property
    def parameters(self) -> tuple[Expression, ...]:
        """Those that are printed, in their order."""
        return self.mean, self.deviation

    def __str__(self) -> str:
        cut = f" within {self.within} deviations" if self.within else ""
        return f"N[{text(self.mean)}, {text(self.deviation)}]{cut}{', rescaled' if self.rescaled else ''}"


Distribution = Uniform | Normal


def uniform(low: object, high: object) -> Uniform:
    """U[low, high]."""
    return Uniform(lifted(low), lifted(high))


def normal(mean: object, deviation: object, within: int | None = None, rescaled: bool = False) -> Normal:
    """N[mean, deviation]: as in the notes, the second argument is a standard deviation."""
    return Normal(lifted(mean), lifted(deviation), within, rescaled)
