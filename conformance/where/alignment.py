"""Where in memory the arrays of a failure must start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.where.attempts import Attempt, Search
from eqwise.spec.numbers.expression import Array

LINE = 64  # bytes of a cache line, within which all starts are tried
WIDTHS = (16, 32, 64)  # bytes of vectors that machines have


class Placed:
    """An adapter that is given every array at so many bytes beyond a multiple of `LINE`."""

    def __init__(self, adapter: Adapter, offset: int) -> None:
        self._adapter, self._offset = adapter, offset

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def from_numpy(self, array: Array) -> Any:
        return self._adapter.from_numpy(placed(array, self._offset))


def placed(array: Array, offset: int) -> Array:
    """The same numbers in memory that starts there."""
    buffer = np.empty(array.nbytes + LINE + offset, np.uint8)
    start = -buffer.ctypes.data % LINE + offset
    view = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def alignment_of(search: Search, attempt: Attempt) -> str:
    """In words, where a failure depends on it; empty where it does not."""
    offsets = range(0, LINE, attempt.target.dtype.itemsize)
    failing = {offset for offset in offsets if _fails(search, attempt, offset)}
    if len(failing) in (0, len(offsets)):
        return ""
    width = next(width for width in WIDTHS if failing == {k for k in offsets if k % width in {other % width for other in failing}})
    rests = sorted({offset % width for offset in failing})
    if len(rests) == len(range(0, width, attempt.target.dtype.itemsize)) - 1 and 0 not in rests:
        return f"it fails only where its arrays are not aligned to {width} bytes"
    return f"it fails only where its arrays start {', '.join(map(str, rests))} bytes beyond a multiple of {width}"


def _fails(search: Search, attempt: Attempt, offset: int) -> bool:
    session = replace(search.session, adapter=Placed(search.session.adapter.adapter, offset))  # type: ignore[arg-type, attr-defined]
    return next(replace(search, session=session).failures(attempt), None) is not None
