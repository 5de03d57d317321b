"""The formats that results are judged in: spacing, thresholds, rounding of exact numbers, ordinals."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Format:
    """A binary floating-point format with p significant bits and exponents from emin to emax."""

    name: str
    p: int
    emin: int
    emax: int
    dtype: np.dtype[Any]

    @property
    def unit_roundoff(self) -> float:
        """u = 2⁻ᵖ, half an ulp of 1."""
        return 2.0**-self.p

    @property
    def smallest_normal(self) -> float:
        return 2.0**self.emin

    @property
    def smallest_subnormal(self) -> float:
        return float(np.ldexp(1.0, self.emin - self.p + 1))

    @property
    def largest(self) -> float:
        return float(np.ldexp(2.0 - 2.0 ** (1 - self.p), self.emax))

    @property
    def overflow(self) -> Fraction:
        """From here on a number rounds to infinity."""
        return Fraction(2) ** self.emax * (2 - Fraction(1, 2**self.p))

    def ulp(self, value: npt.ArrayLike) -> Floats:
        """The spacing of the format at |value| (float64 in, float64 out)."""
        _, exponent = np.frexp(np.abs(np.asarray(value, np.float64)))
        # frexp gives [1/2, 1); zero, infinity and nan have exponent 0 there
        exponent = np.where(np.asarray(value) == 0, self.emin, exponent - 1)
        return np.ldexp(1.0, np.clip(exponent, self.emin, self.emax) - (self.p - 1))

    def round(self, values: npt.ArrayLike) -> Floats:
        """Each float64 rounded to the format: to nearest, ties to even; infinite from the overflow threshold on."""
        x = np.asarray(values, np.float64)
        with np.errstate(invalid="ignore"):
            spacing = self.ulp(x)
            rounded = np.where(np.isfinite(x), np.rint(x / spacing) * spacing, x)
        return np.where(np.abs(rounded) > self.largest, np.copysign(np.inf, x), rounded)

    def nearest(self, mantissa: int, exponent: int) -> float:
        """mantissa · 2^exponent rounded to nearest, ties to even; infinite from the overflow threshold on."""
        size, sign = abs(mantissa).bit_length() + exponent - 1, -1.0 if mantissa < 0 else 1.0
        if mantissa == 0 or size < self.emin - self.p:
            return sign * 0.0
        if size > self.emax:
            return sign * np.inf
        quantum = max(size, self.emin) - (self.p - 1)
        units = round(Fraction(abs(mantissa)) * Fraction(2) ** (exponent - quantum))
        overflows = units.bit_length() + quantum > self.emax + 1
        return sign * (np.inf if overflows else float(np.ldexp(float(units), quantum)))

    def ordinals(self, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Consecutive integers for consecutive floats; both zeros are 0."""
        bits = np.asarray(values, self.dtype).view(f"i{self.dtype.itemsize}")
        return np.where(bits < 0, -(bits & np.iinfo(bits.dtype).max).astype(np.int64), bits)

    def from_ordinals(self, ordinals: npt.ArrayLike) -> npt.NDArray[Any]:
        """The floats with these ordinals."""
        n = np.asarray(ordinals, np.int64)
        sizes = np.abs(n).astype(f"u{self.dtype.itemsize}").view(self.dtype)
        return np.where(n < 0, -sizes, sizes)


FORMATS: Mapping[str, Format] = {
    "float64":  Format("float64",  53, -1022, 1023, np.dtype(np.float64)),
    "float32":  Format("float32",  24,  -126,  127, np.dtype(np.float32)),
    "float16":  Format("float16",  11,   -14,   15, np.dtype(np.float16)),
    "bfloat16": Format("bfloat16",  8,  -126,  127, np.dtype(ml_dtypes.bfloat16)),
}  # fmt: skip
