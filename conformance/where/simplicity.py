"""Simple numbers: short decimals within an interval, and in the place of others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from eqwise.spec.numbers.formats import Format

PLAIN = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0)
SHORT = 999  # integers up to here are short


def complexity(number: float) -> tuple[int, float, bool]:
    """Less is simpler: fewer digits, then small, then positive."""
    digits = Decimal(repr(number)).normalize().as_tuple()
    exponent = int(digits.exponent) if number else 0
    places = abs(exponent) if exponent > 2 else max(-exponent, 0)
    return len(digits.digits) + places, abs(number), math.copysign(1.0, number) < 0


def within(low: float, high: float, target: Format) -> Iterator[float]:
    """Numbers of the format from low to high, simple ones first; low and high are the last."""
    seen = set()
    for number in (*PLAIN, *_decimals(low, high), low, high):
        rounded = float(target.round(number))
        if low <= rounded <= high and rounded not in seen:
            seen.add(rounded)
            yield rounded


def _decimals(low: float, high: float) -> Iterator[float]:
    """The multiples of powers of ten that are nearest to 0, integers before others, and the next ones."""
    if low < 0 < high:
        low, high = (0.0, high) if high >= -low else (low, 0.0)
    sign, small, large = (1.0, low, high) if high > 0 else (-1.0, -high, -low)
    least = max(math.floor(math.log10(large)) if large else 0, -320)
    first = 0 if small <= SHORT and large >= 1 else least
    for power in range(first, min(first, least) - 17, -1):
        unit = Decimal(10) ** power
        multiple = (Decimal(small) / unit).to_integral_value(rounding="ROUND_FLOOR")
        yield from (sign * float((multiple + k) * unit) for k in (0, 1, 2, 3))


def simpler(number: float, target: Format) -> Iterator[float]:
    """Simpler numbers that may stand in the place of this one."""
    known = complexity(number)
    seen = set()
    for other in (*PLAIN, float(round(number)) if abs(number) < SHORT else 0.0, *(float(f"{number:.{n}g}") for n in (1, 2, 3))):
        rounded = float(target.round(other))
        if math.isfinite(rounded) and rounded not in seen and complexity(rounded) < known:
            seen.add(rounded)
            yield rounded
