"""Section 11 of the notes: initial weights (69) to (72), and biases.

Weights have the shape (n_in, n_out). Entries are independent, drawn in float64 and rounded once to the dtype, which is one of
float64, float32, float16 and bfloat16. A seed is an integer, or a generator that goes on where it stands.
"""

from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from eqwise.reference.arithmetic import DTYPES, Array, Seed, require


def uniform(shape: tuple[int, int], seed: Seed, dtype: npt.DTypeLike) -> Array:
    """(69): uniform on [−1, 1)."""
    return _in(dtype, np.random.default_rng(seed).uniform(-1.0, 1.0, _layer(shape)))


def xavier(shape: tuple[int, int], seed: Seed, dtype: npt.DTypeLike) -> Array:
    """(70): normal with the deviation 1/√n_in."""
    return _normal(shape, seed, dtype, 1 / sqrt(_layer(shape)[0]))


def he(shape: tuple[int, int], seed: Seed, dtype: npt.DTypeLike) -> Array:
    """(71): normal with the deviation √(2/n_in)."""
    return _normal(shape, seed, dtype, sqrt(2 / _layer(shape)[0]))


def gauss(shape: tuple[int, int], seed: Seed, dtype: npt.DTypeLike) -> Array:
    """(72): standard normal."""
    return _normal(shape, seed, dtype, 1.0)


def bias(shape: Any, dtype: npt.DTypeLike) -> Array:
    """Biases start at 0; any shape."""
    return _in(dtype, np.zeros(shape))


def _normal(shape: tuple[int, int], seed: Seed, dtype: npt.DTypeLike, deviation: float) -> Array:
    return _in(dtype, deviation * np.random.default_rng(seed).standard_normal(_layer(shape)))


def _layer(shape: tuple[int, int]) -> tuple[int, int]:
    """Raises `ValueError` unless there are two numbers of nodes, at least one of each."""
    require(len(shape) == 2 and min(shape) > 0, "shape", shape, "be (n_in, n_out), both positive")
    return shape


def _in(dtype: npt.DTypeLike, values: Array) -> Array:
    """Raises `TypeError` for other dtypes than the four."""
    if np.dtype(dtype) not in DTYPES:
        raise TypeError(f"dtype {dtype} is none of {', '.join(map(str, DTYPES))}")
    return values.astype(dtype, copy=False)
