"""The stand-alone script of a case: it imports the framework, makes the calls, prints what came, and exits with 1 while it is wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.case import Call, Case
from eqwise.conformance.report import literals
from eqwise.conformance.report.lifting.program import Program
from eqwise.spec.numbers.formats import FORMATS

_STEPS = {"step": ("gradient", "eta"), "train": ("x",), "infer": ("x",)}  # methods of what an operation returns


def script(program: Program, case: Case, title: str, is_plain: bool = False) -> str:
    """The source; `is_plain` where the answer is a number of Python's own. `ValueError` for inputs that no script can hold."""
    acts = _Acts(program, case)
    lines = list(acts.lines())
    parts = [_opening(title), _imports(program, lines), *program.definitions, "\n".join(lines), _verdict(acts, case, is_plain, program)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _opening(title: str) -> str:
    text = title.replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{text}.\n\nPrints what was expected and what came; the exit status is 1 while it is wrong.\n"""'


def _imports(program: Program, lines: Sequence[str]) -> str:
    more = {"import sys", *(["import ml_dtypes"] if any("ml_dtypes." in line for line in lines) else [])}
    return "\n".join(sorted({*program.imports, *more}, key=lambda line: (line.startswith("from"), line)))


@dataclass
class _Acts:
    """The calls, a line each, with every array in a variable of its own."""

    program: Program
    case: Case
    names: set[str] = field(default_factory=set)
    results: list[str] = field(default_factory=list)

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

    def argument(self, word: str, value: Any, given: list[str]) -> Iterator[str]:
        """The lines that make an argument, which is appended by its name; what is short stands in the call."""
        if not isinstance(value, (np.ndarray, list, tuple)):
            given.append(literals.number(value) if isinstance(value, float) else repr(value))
            return
        if isinstance(value, np.ndarray):
            name = self.fresh(word)
            line = f"{name} = {self.converted(value)}"
            yield line + (f"  # {float(value.reshape(-1)[0])!r}" if value.size == 1 and "fromhex" in line else "")
            given.append(name)
            return
        inner: list[str] = []
        words = OPERATIONS[self.case.operation].inputs if word == "inputs" else [f"{word}_{i + 1}" for i in range(len(value))]
        for item_word, item in zip(words, value, strict=False):
            yield from self.argument(item_word, item, inner)
        text = ", ".join(inner)
        given.append(f"[{text}]" if isinstance(value, list) else f"({text}{',' if len(inner) == 1 else ''})")

    def converted(self, array: Any) -> str:
        conversion = self.program.methods.get("from_numpy")
        return f"{conversion}({literals.array(array)})" if conversion else literals.array(array)

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


def _verdict(acts: _Acts, case: Case, is_plain: bool, program: Program) -> str:
    """What is printed, and the exit status."""
    actual, expected, allowance, ulp, error = map(acts.fresh, ("actual", "expected", "allowance", "ulp", "error"))
    place = acts.results[-1] + "".join(f"[{key!r}]" for key in case.place[:-1])
    conversion = program.methods.get("to_numpy", "np.asarray")
    array = f"np.asarray({conversion}({place}))" if conversion != "np.asarray" and not is_plain else f"np.asarray({place})"
    spacing = float(FORMATS[case.dtype or "float64"].ulp(float(case.expected)))
    packages = sorted({"numpy", *(name for line in program.imports if (name := _package(line)))})
    return "\n".join((
        f"{actual} = float({array}.reshape(-1)[{case.place[-1]}])",
        "",
        f"{expected} = {case.expected!r}",
        f"{allowance} = {literals.number(case.allowance)}",
        f"{ulp} = {literals.number(spacing)}",
        f"{error} = abs({actual} - float({expected}))",
        f'print("expected  ", {expected})',
        f'print("actual    ", {actual})',
        f'print("difference", f"{{{error}:.6g}} = {{{error} / {ulp}:.6g}} ulp, allowed {{{allowance}:.6g}}")',
        f'print("python", sys.version.split()[0], *(f"{{name}} {{sys.modules[name].__version__}}" for name in {packages!r}))',
        f"sys.exit(0 if {error} <= {allowance} else 1)",
    ))  # fmt: skip


def _package(line: str) -> str:
    """The package that a line imports, where it is not Python's own."""
    package = line.split()[1].partition(".")[0]
    return "" if package in sys.stdlib_module_names else package
