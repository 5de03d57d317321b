"""Numbers beside those of the reference, as far as the strict allowance lets them be: no statement may ask for more."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.adapters.reference import find
from eqwise.spec.numbers.formats import FORMATS
from innocent.making import OFFERED, made, mapped

_EXACT = ("perceptron", "step", "identity")
_MOVED = [name for name in OFFERED if OPERATIONS[name].shape != "method" and name not in _EXACT]


def _aside(a: Any) -> Any:
    """Two units away, towards 0 or from it as the bits fall; zeros, infinities and what would leave the range stay."""
    a = np.asarray(a)
    target, exact = FORMATS[a.dtype.name], a.astype(np.float64)
    upwards = (np.abs(exact).reshape(-1).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(63)).reshape(a.shape)
    with np.errstate(all="ignore"):
        found = exact + 2 * np.where(upwards, 1.0, -1.0) * target.ulp(exact)
        is_fit = np.isfinite(exact) & (np.sign(found) == np.sign(exact)) & (np.abs(found) <= target.largest)
    return np.where(is_fit, found, exact).astype(a.dtype)


def _moved(name: str, *inputs: Any, **hyper: Any) -> Any:
    return mapped(_aside, find(name)(*inputs, **hyper))


TwoUnitsAway = made(
    "TwoUnitsAway", "Every value and every gradient two units in the last place away, to either side.",
    {name: partial(_moved, name) for name in _MOVED}, {name: partial(_moved, f"{name}_vjp") for name in _MOVED}, kind=None,
)  # fmt: skip
