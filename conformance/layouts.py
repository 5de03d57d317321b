"""How an array lies in memory: in C order, in Fortran order, as every second number of a larger array, or last number first."""

from __future__ import annotations

import numpy as np

from eqwise.spec.numbers.expression import Array

LAYOUTS = ("C", "F", "strided", "reversed")


def laid_out(array: Array, layout: str) -> Array:
    """The same numbers in another memory layout."""
    if array.ndim == 0 or layout == "C":
        return np.ascontiguousarray(array).reshape(array.shape)
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided":
        spread = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        spread[..., ::2] = array
        return spread[..., ::2]
    return np.ascontiguousarray(array[..., ::-1])[..., ::-1]


def layout_of(array: Array) -> str:
    """The first layout that an array has: C where nothing tells it from others."""
    if array.flags.c_contiguous or array.ndim == 0:
        return "C"
    return "F" if array.flags.f_contiguous else "reversed" if array.strides[-1] < 0 else "strided"


def copied(array: Array) -> Array:
    """A copy that lies in memory as the array does."""
    return laid_out(array.copy(), layout_of(array))
