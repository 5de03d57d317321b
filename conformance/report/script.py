"""The stand-alone script of a case: it imports the framework, makes the calls, prints what came, and exits with 1 while it is wrong."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.case import Call, Case
from eqwise.conformance.harm import accepted
from eqwise.conformance.report import literals
from eqwise.conformance.report.lifting.program import Program
from eqwise.spec.numbers.formats import FORMATS

_STEPS = {"step": ("gradient", "eta"), "train": ("x",), "infer": ("x",)}  # methods of what an operation returns


def script(program: Program, case: Case, title: str, is_plain: bool = False) -> str:
    """The source; `is_plain` where the answer is a number of Python's own. `ValueError` for inputs that no script can hold."""
    acts = Acts(program, case)
    lines = list(acts.lines())
    imports = _imports(program, lines)
    parts = [_opening(title), _environment(program), imports, *program.definitions, *_ENDINGS[case.question](acts, lines, is_plain)]
    return "\n\n".join([*filter(None, parts)]) + "\n"


def _opening(title: str) -> str:
    text = title.replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{text}.\n\nPrints what was expected and what came; the exit status is 1 while it is wrong.\n"""'


def _environment(program: Program) -> str:
    """What the framework reads on import, where that is anything."""
    return f"import os\n\nos.environ.update({dict(program.environment)!r})" if program.environment else ""


def _imports(program: Program, lines: Sequence[str]) -> str:
    more = {"import sys", *(["import ml_dtypes"] if any("ml_dtypes." in line for line in lines) else [])}
    return "\n".join(sorted({*program.imports, *more}, key=lambda line: (line.startswith("from"), line)))


@dataclass
class Acts:
    """The calls, a line each, with every array in a variable of its own."""

    program: Program
    case: Case
    names: set[str] = field(default_factory=set)
    results: list[str] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names |= {"kept", "changed", "actual", "expected", "allowance", "ulp", "error"}

    def lines(self) -> Iterator[str]:
        for call in self.case.calls:
            given: list[str] = []
            words = _parameters(call, self.case.operation)
            for word, argument in zip([*words, *[f"argument_{i + 1}" for i in range(len(call.arguments))]], call.arguments, strict=False):
                yield from self.argument(word, argument, given)
            named: list[str] = []
            for word, argument in call.named.items():
                yield from self.argument(word, argument, named)
                named[-1] = f"{word}={named[-1]}"
            function = self.program.methods[call.method] if call.of is None else f"{self.results[call.of]}.{call.method}"
            if not re.fullmatch(r"[\w.]+", function):
                yield f"{(short := self.fresh(call.method))} = {function}"
                function = short
            self.results.append(self.fresh("result" if call is self.case.calls[-1] else _made(call, self.case.operation)))
            yield f"{self.results[-1]} = {function}" + ("" if call.is_attribute else f"({', '.join([*given, *named])})")
            if self.case.question == "result" and len(self.results) == int(self.case.place[0]) + 1:
                yield f"kept = np.array({self.array(self.at(int(self.case.place[0]), self.case.place[1:]))})"

    def argument(self, word: str, value: Any, given: list[str]) -> Iterator[str]:
        """The lines that make an argument, which is appended by its name; what is short stands in the call."""
        if not isinstance(value, (np.ndarray, list, tuple)):
            given.append(literals.number(value) if isinstance(value, float) else repr(value))
            return
        if isinstance(value, np.ndarray):
            name = self.fresh(word)
            late = self.case.question == "arguments"
            line = f"{name} = {literals.array(value) if late else self.converted(literals.array(value))}"
            yield line + (f"  # {float(value.reshape(-1)[0])!r}" if value.size == 1 and "fromhex" in line else "")
            self.arrays.append(name)
            given.append(self.converted(name) if late else name)
            return
        inner: list[str] = []
        words = OPERATIONS[self.case.operation].inputs if word == "inputs" else [f"{word}_{i + 1}" for i in range(len(value))]
        for item_word, item in zip(words, value, strict=False):
            yield from self.argument(item_word, item, inner)
        text = ", ".join(inner)
        given.append(f"[{text}]" if isinstance(value, list) else f"({text}{',' if len(inner) == 1 else ''})")

    def converted(self, array: str) -> str:
        """An array of NumPy's as the framework's."""
        conversion = self.program.methods.get("from_numpy")
        return f"{conversion}({array})" if conversion else array

    def array(self, result: str, is_plain: bool = False) -> str:
        """A result as NumPy's."""
        conversion = self.program.methods.get("to_numpy")
        return f"np.asarray({conversion}({result}))" if conversion and not is_plain else f"np.asarray({result})"

    def at(self, call: int, place: Sequence[int | str]) -> str:
        """What is at a place in the result of a call."""
        return self.results[call] + "".join(f"[{key!r}]" for key in place)

    def fresh(self, word: str) -> str:
        """A name for a variable."""
        name, count = word, 1
        while name in self.program.names or name in self.names:
            count += 1
            name = f"{word}_{count}"
        self.names.add(name)
        return name


def _parameters(call: Call, operation: str) -> Sequence[str]:
    if call.method == "vjp":
        return ("operation", "inputs", "cotangent")
    known = OPERATIONS.get(call.method) if call.of is None else None
    return (*known.inputs, *known.hyper) if known else _STEPS.get(call.method, ())


def _made(call: Call, operation: str) -> str:
    """A name for what a call gives that others follow."""
    if call.of is not None:
        return "after" if call.method == "step" else "result"
    return "layer" if operation.endswith("_layer") else "optimizer" if OPERATIONS[operation].section == "10" else "made"


def _by_number(acts: Acts, lines: Sequence[str], is_plain: bool) -> Iterator[str]:
    """One number, and how far it is off."""
    case = acts.case
    array = acts.array(acts.at(-1, case.place[:-1]), is_plain)
    same = "" if math.isfinite(float(case.expected)) else "actual == float(expected) or "
    yield "\n".join((*lines, f"actual = float({array}.reshape(-1)[{case.place[-1]}])"))
    yield "\n".join((
        f"expected = {case.expected!r}",
        f"allowance = {literals.number(case.allowance)}",
        f"ulp = {literals.number(float(FORMATS[case.dtype or 'float64'].ulp(float(case.expected))))}",
        "error = abs(actual - float(expected))",
        'print("expected  ", expected)',
        'print("actual    ", actual)',
        'print("difference", f"{error:.6g} = {error / ulp:.6g} ulp, allowed {allowance:.6g}")',
        _versions(acts.program),
        f"sys.exit(0 if {same}error <= allowance else 1)",
    ))  # fmt: skip


def _by_answer(acts: Acts, lines: Sequence[str], is_plain: bool) -> Iterator[str]:
    """What came back at all, or what was raised."""
    yield "\n".join((
        "try:",
        *(f"    {line}" for line in lines),
        f"    found = {acts.array(acts.at(-1, acts.case.place), is_plain)}",
        '    actual = f"{found.dtype} of shape {found.shape}"',
        "except Exception as error:",
        '    actual = f"{type(error).__name__}: {error}"',
    ))  # fmt: skip
    yield _told(acts, f"actual in {accepted(acts.case)!r}")


def _by_arguments(acts: Acts, lines: Sequence[str], is_plain: bool) -> Iterator[str]:
    """Whether the arrays that were given keep their bytes."""
    given = [line for line in lines if line.partition(" = ")[0] in acts.arrays]
    arrays = ", ".join(f"{name!r}: {name}" for name in acts.arrays)
    yield "\n".join((*given, f"given = {{{arrays}}}", "kept = {name: array.tobytes() for name, array in given.items()}"))
    calls = [line for line in lines if line not in given]
    changed = "changed = {name: array for name, array in given.items() if array.tobytes() != kept[name]}"
    yield "\n".join((*calls, changed, 'actual = ", ".join(f"{name} is now {array}" for name, array in changed.items())'))
    yield _told(acts, "not changed")


def _by_result(acts: Acts, lines: Sequence[str], is_plain: bool) -> Iterator[str]:
    """Whether a result keeps its bytes while other calls are made."""
    array = acts.array(acts.at(int(acts.case.place[0]), acts.case.place[1:]))
    yield "\n".join((*lines, f"changed = {array}", 'actual = f"{kept} before, {changed} now"'))
    yield _told(acts, "changed.tobytes() == kept.tobytes()")


def _told(acts: Acts, fine: str) -> str:
    wider = ", or wider" if acts.case.question == "answer" else ""
    return "\n".join((
        f"print('expected  ', {acts.case.expected + wider!r})",
        "print('actual    ', ' '.join(actual.split()))",
        _versions(acts.program),
        f"sys.exit(0 if {fine} else 1)",
    ))  # fmt: skip


def _versions(program: Program) -> str:
    packages = sorted({"numpy", *(name for line in program.imports if (name := _package(line)))})
    named = 'f"{name} {getattr(sys.modules[name], \'__version__\', \'\')}".rstrip()'
    return f'print("python", sys.version.split()[0], *({named} for name in {packages!r}))'


def _package(line: str) -> str:
    """The package that a line imports, where it is not Python's own."""
    package = line.split()[1].partition(".")[0]
    return "" if package in sys.stdlib_module_names else package


_ENDINGS: Mapping[str, Callable[[Acts, Sequence[str], bool], Iterator[str]]] = {
    "number": _by_number, "answer": _by_answer, "arguments": _by_arguments, "result": _by_result,
}  # fmt: skip
