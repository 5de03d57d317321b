"""A bug report: one Markdown file about one fault, for a maintainer who has never seen the notes."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, Adapter
from eqwise.conformance.case import Case
from eqwise.conformance.report.faults import Fault
from eqwise.conformance.report.markup import code, fenced, prose, row
from eqwise.conformance.report.naming import fit, listed, numbers_of, selection, title, told
from eqwise.conformance.report.text import markdown
from eqwise.conformance.report.trial import Trial
from eqwise.conformance.verdicts import Explanation, Result, Worst
from eqwise.spec.document import EQUATIONS, STATEMENTS, Equation
from eqwise.spec.numbers.formats import FORMATS
from eqwise.spec.transcript import formula

_MOST_INPUTS = 8


@dataclass(frozen=True)
class Setting:
    """What all reports of a run share: the adapter, how it is made anew, how it was asked for, and the version of the suite.

    `isolated`: it was asked for in a process of its own; `foreign`: it is none of Python's, so that no script comes from it; `further`:
    other options that the checks depend on.
    """

    adapter: Adapter
    fresh: Callable[[], Adapter]
    asked: str
    options: Sequence[str] = ()
    suite: str = "unknown"
    isolated: bool = False
    foreign: bool = False
    further: Sequence[str] = ()

    @property
    def versions(self) -> dict[str, str]:
        own = {str(key): str(value) for key, value in self.adapter.settings.items()}
        return {
            "Python": platform.python_version(), "NumPy": np.__version__, str(self.adapter.name): str(self.adapter.version),
            "eqwise": self.suite, "platform": platform.platform(), **own,
        }  # fmt: skip


def report(fault: Fault, setting: Setting, trial: Trial) -> str:
    """The whole file."""
    shown = Case.from_json(fault.first.case) if fault.first.case is not None else None
    parts = [
        f"# {prose(title(fault))}",
        *_opening(fault, setting),
        "## The formula", *_formulas(fault),
        "## Expected and actual", *_numbers_table(fault.first, shown), *_certainty(fault),
        *_place(fault.first),
        *_diagnosis(fault),
        "## See it in ten seconds", *_script(trial),
        "## Run this check", *_command(fault.first, setting),
        "## Every property that fails", "\n".join(_table(fault)),
        "## Versions", "\n".join(f"- {markdown(name)}: {code(text)}" for name, text in setting.versions.items()),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(fault: Fault, setting: Setting) -> Iterator[str]:
    properties = listed(list(dict.fromkeys(r.property.replace("_", " ") for r in fault.results)))
    dtypes = listed(list(dict.fromkeys(r.dtype for r in fault.results if r.dtype)))
    of = f" in {dtypes}" if dtypes else ""
    yield (
        f"{code(fault.operation)} of {markdown(f'{setting.adapter.name} {setting.adapter.version}')} was held to the formula below "
        f"and is {_outcome(fault.first)}: its {properties}{of}."
    )
    for kind, reason, link in dict.fromkeys(
        (r.waiver["kind"], r.waiver["reason"], r.waiver.get("link", "")) for r in fault.results if r.waiver
    ):
        yield f"This is a known {kind}: {markdown(reason)}" + (f" ({markdown(link)})" if link else "")


def _outcome(result: Result) -> str:
    return {"error": "in error", "inaccurate": "less accurate than its inputs excuse"}.get(result.verdict, "found to deviate")


def _formulas(fault: Fault) -> Iterator[str]:
    operation = OPERATIONS.get(fault.operation)
    if operation and set(fault.clauses) < set(operation.clauses):
        yield f"{code(operation.name)} follows {numbers_of(operation.clauses)} together; the failure implicates what stands here."
    for key in fault.clauses:
        if key in STATEMENTS:
            yield f"**{markdown(key)}**, section {STATEMENTS[key].section}: {prose(STATEMENTS[key].claim)}"
        else:
            yield from _equation(EQUATIONS[int(key[2:])], fault.first.reading or "")


def _equation(equation: Equation, reading: str) -> Iterator[str]:
    yield f"**({equation.number}) {prose(equation.title)}** (section {equation.section}, {equation.kind})"
    if equation.formula is not None:
        yield fenced(formula(equation), "text") + ("\n\nWritten out for two elements." if "[1]" in formula(equation) else "")
    yield f"$$\n{equation.tex}\n$$"
    for name, entry in equation.readings.items():
        if f"eq{equation.number}:{name}" in reading.split(", "):
            yield f"Judged under the reading {code(name)}, {code(formula(equation, name))}: {prose(entry.because)}."
    for erratum in equation.errata:
        yield f"To be read with care: {prose(erratum)}."


def _numbers_table(result: Result, case: Case | None) -> Iterator[str]:
    worst = result.worst
    if worst is None:
        yield markdown(result.message or "No number is at stake.")
        return
    inputs = list(worst.inputs.items())
    rows = [(code(name), number.decimal, number.hexadecimal) for name, number in inputs[:_MOST_INPUTS]]
    expected = case.expected if case and _is_of(case, worst) else worst.expected.decimal
    rows += [("**expected**", expected, worst.expected.hexadecimal), ("**actual**", worst.actual.decimal, worst.actual.hexadecimal)]
    yield "\n".join(("| | decimal | hexadecimal |", "|---|---|---|", *(row(a, code(b), code(c)) for a, b, c in rows)))
    if len(inputs) > _MOST_INPUTS:
        yield f"Of {len(inputs)} inputs the first {_MOST_INPUTS}; the script has them all."
    yield _error(result, worst)


def _is_of(case: Case, worst: Worst) -> bool:
    """Whether the case's digits are those of the worst place."""
    return case.question == "number" and float(case.expected) == float.fromhex(worst.expected.hexadecimal)


def _error(result: Result, worst: Worst) -> str:
    ulp = float(FORMATS[result.dtype or "float64"].ulp(float.fromhex(worst.expected.hexadecimal)))
    error = Decimal(worst.error)  # whose quotients do not overflow
    sizes = [f"{error / Decimal(ulp):.4g} ulp"] if error.is_finite() else ["no finite number of ulps"]
    if error.is_finite() and worst.allowance > 0:
        sizes.append(f"{error / Decimal(worst.allowance):.4g} times the allowance of {worst.allowance:.4g}")
    is_told = result.max_ulp is not None and error.is_finite()
    largest = f" At most {result.max_ulp:.4g} ulp anywhere that was tried." if is_told else ""
    of = f" of {worst.output}" if worst.output != "output" else ""
    return f"The error here{of} is {worst.error:.4g}: {', '.join(sizes)}.{largest}"


def _certainty(fault: Fault) -> Iterator[str]:
    if fault.nature != "numbers" or fault.first.worst is None:
        return
    if fault.first.property in ("law", "statement"):
        yield (
            "No oracle takes part in this: two results of the implementation itself contradict each other by more than the sum "
            "of what rounding excuses in both."
        )
        return
    yield (
        "That is certain: the printed formula was evaluated in ball arithmetic at exactly these inputs, every one of them a number "
        "of the dtype. The ball encloses the exact value and was refined until both of its ends round to the digits above."
    )
    yield (
        "The allowance is what the inputs excuse, and never less than 4 ulp: 8u·(|f| + Σ|x ∂f/∂x|) over all inputs x, where u is half "
        "an ulp of 1. " + _beyond(fault.first)
    )


def _beyond(result: Result) -> str:
    if result.verdict == "inaccurate":
        return "The error is within what rounding every intermediate of the printed formula would make of it, and so the formula is right."
    return "The error is also beyond what rounding every intermediate of the printed formula could have made of it."


def _place(result: Result) -> Iterator[str]:
    if result.interval or result.where:
        yield "## Where"
    if result.where:
        yield prose(result.where)
    elif result.interval:
        yield f"It fails on {code(f'[{result.interval[0]}, {result.interval[1]}]')}."


def _diagnosis(fault: Fault) -> Iterator[str]:
    """Every explanation; several stand together where nothing that was tried tells them apart."""
    found = {(e.kind, e.text): e for result in fault.results for e in told(result)}
    if not found and any(result.explanations for result in fault.results):
        return  # what came, and stands above, says it all
    yield "## Diagnosis"
    if not found:
        yield "Nothing that was tried explains it."
        return
    if len(found) > 1:
        yield "Each of these explains a property that fails, on fresh inputs; where one has several, nothing tried tells them apart:"
    yield "\n".join(f"- {_explained(e, _explains(fault, key))}" for key, e in found.items())


def _explains(fault: Fault, key: tuple[str, str]) -> str:
    """The properties, and the dtypes, that an explanation explains."""
    those = [r for r in fault.results if key in {(e.kind, e.text) for e in r.explanations}]
    dtypes = listed(list(dict.fromkeys(r.dtype for r in those if r.dtype)))
    return listed(list(dict.fromkeys(r.property for r in those))) + (f" in {dtypes}" if dtypes else "")


def _explained(explanation: Explanation, properties: str) -> str:
    of = f", {numbers_of(explanation.clauses)}" if explanation.clauses else ""
    formula = f": the results are those of {code(explanation.formula)}" if explanation.formula else ""
    return f"{properties}: {prose(explanation.text)} ({prose(explanation.kind)}{of}){formula}; {fit(explanation)}"


def _script(trial: Trial) -> Iterator[str]:
    if not trial.source:
        yield f"There is no script: {markdown(trial.reason)}."
        return
    yield "Save this as `fault.py` and run `python fault.py`. It needs no eqwise, and its exit status is 1 while the fault is there."
    yield fenced(trial.source, "python")
    yield "It printed here:"
    yield fenced(trial.output, "text")
    if trial.threads:
        yield "With one thread alone (`OMP_NUM_THREADS=1`) it does not show the fault: it takes several."


def _command(result: Result, setting: Setting) -> Iterator[str]:
    words = ["eqwise", "run", setting.asked, *(word for option in setting.options for word in ("--adapter-option", option))]
    words += [*(["--isolate"] if setting.isolated else []), *setting.further]
    yield fenced(" ".join(map(shlex.quote, [*words, *selection(result)])), "sh")


def _table(fault: Fault) -> Iterator[str]:
    yield "| operation | property | dtype | verdict | largest error | largest share of the allowance |"
    yield "|---|---|---|---|---|---|"
    for result in fault.results:
        label = f" ({result.label})" if result.label else ""
        yield row(
            code(result.operation or "adapter"),
            markdown(result.property + label),
            result.dtype or "",
            result.verdict,
            "" if result.max_ulp is None else f"{result.max_ulp:.4g} ulp",
            "" if result.max_share is None else f"{result.max_share:.4g}",
        )
