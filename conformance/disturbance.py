"""What a framework may change in the process that it shares with the suite, and that no result could be trusted after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eqwise.conformance.session import DEFECT
from eqwise.conformance.verdicts import Result

_LEAST = np.full(64, np.finfo(np.float64).smallest_subnormal)
_FLUSHES = (
    "not judged, because NumPy takes subnormal numbers for 0 in this process: something, most likely the framework, has made the "
    "processor do so, and left it at that"
)


def flushing() -> bool:
    """Whether NumPy's arithmetic takes subnormal numbers for 0 in this thread."""
    return not np.any(_LEAST * 1.0)


def undisturbed(result: Result) -> Result:
    """The result; an error that no waiver excuses where what it was judged by cannot be trusted."""
    return replace(result, verdict="error", label=DEFECT, message=_FLUSHES) if flushing() else result
