"""What a case reaches: the code that runs, its lines, and the names that it mentions."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

Trace = Callable[[FrameType, str, Any], Any]


@dataclass(frozen=True)
class Reach:
    """The code objects that ran, each with its module, and their lines; `everything` stands for a program left whole.

    `inner` are those that other code called than what asked.
    """

    codes: dict[CodeType, str] = field(default_factory=dict)
    inner: set[CodeType] = field(default_factory=set)
    lines: set[tuple[str, int]] = field(default_factory=set)
    everything: bool = False

    def ran(self, function: Any) -> bool:
        """Whether this function ran; a wrapper shares its code with others, so what it wraps must have run too."""
        if self.everything:
            return True
        inner = [cell for cell in _cells(function) if hasattr(cell, "__code__")]
        return function.__code__ in self.codes and (not inner or any(map(self.ran, inner)))

    def called(self, function: Any) -> bool:
        """Whether other code called this function than what asked."""
        return self.everything or getattr(function, "__code__", None) in self.inner

    def line_ran(self, file: str, first: int, last: int) -> bool:
        """Whether one of these lines ran."""
        return self.everything or any((file, line) in self.lines for line in range(first, last + 1))

    def stores(self, name: str) -> bool:
        """Whether code that ran gives the attribute a value."""
        return any(i.opname == "STORE_ATTR" and i.argval == name for code in self.codes for i in dis.get_instructions(code))

    def words(self, of: Callable[[str], bool]) -> set[object]:
        """What the code of the modules that `of` accepts mentions, as an attribute or as a text."""
        return {word for code, module in self.codes.items() if of(module) for word in _words(code)}


def reached(run: Callable[[], object], asking: Collection[str] = ()) -> Reach:
    """What runs in this thread while `run` does, whatever it raises; the modules that do the asking are no part of it."""
    found = Reach()

    def enter(frame: FrameType, event: str, _: Any) -> Trace:
        module = str(frame.f_globals.get("__name__"))
        if module not in asking:
            found.codes[frame.f_code] = module
            if frame.f_back is not None and frame.f_back.f_globals.get("__name__") not in asking:
                found.inner.add(frame.f_code)
        return step

    def step(frame: FrameType, event: str, _: Any) -> Trace:
        if event == "line":
            found.lines.add((frame.f_code.co_filename, frame.f_lineno))
        return step

    with _traced(enter):
        try:
            run()
        except Exception:
            return found
    return found


@contextmanager
def _traced(enter: Trace) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _cells(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue


def _words(code: CodeType) -> Iterable[object]:
    return {*code.co_names, *(constant for constant in code.co_consts if isinstance(constant, str))}
