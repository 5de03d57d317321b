"""The report for people: 80 columns, a line for each section, a block for each clause that does not conform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from math import isfinite
from textwrap import wrap
from typing import Any

from eqwise.conformance.report import naming
from eqwise.conformance.report.text import plain
from eqwise.conformance.verdicts import VERDICTS, Number, Result, by_clause
from eqwise.spec.document import EQUATIONS, STATEMENTS, clause_of
from eqwise.spec.transcript import formula

WIDTH = 80
_COLUMNS = ("conforms", "conforms_as", "inaccurate", "deviates", "not_offered")
_TITLES = {
    "2": "perceptron", "3": "networks", "4": "activations", "6": "metrics", "7": "losses", "8": "gradient descent",
    "9": "back-propagation", "10": "optimizers", "11": "initialization", "12": "regularization",
}  # fmt: skip
_MOST_INPUTS = 6


def summary(results: list[Result], adapter: Any) -> Iterator[str]:
    """The lines of the summary."""
    clauses = by_clause(results)
    if not clauses:
        return
    yield ""
    yield f" eqwise: {plain(adapter.name)} {plain(adapter.version)} against the notes ".center(WIDTH, "=")
    yield from _table(clauses)
    for keys, judged in _blocks(results, sorted(clauses, key=_order)):
        yield ""
        yield from _clauses(keys, judged)
    outside = [result for result in results if result.property == "special_values" and result.message]
    if outside:
        yield ""
        yield "Special values (outside the notes, which speak of real numbers; no verdict):"
        for result in outside:
            yield from _wrapped(f"{result.operation} {result.dtype}: {result.message}", "  ")


def failure(result: Result, problem: str) -> str:
    """One failed property as one block."""
    about = " ".join(filter(None, (result.operation or "adapter", result.property, result.dtype)))
    lines = [*_wrapped(f"{about}: {problem}", "")]
    for key in result.clauses:
        lines += _wrapped(_cited(key, result), "  ")
    return "\n".join([*lines, *_details(result)])


def _table(clauses: dict[str, Any]) -> Iterator[str]:
    yield f"{'section':<19}{'clauses':>8}{'conforms':>9}{'conforms_as':>12}{'inaccurate':>11}{'deviates':>9}{'not offered':>12}"
    rows: dict[str, Counter[str]] = {}
    for key, clause in clauses.items():
        rows.setdefault(_section(key), Counter())[clause.verdict] += 1
    for section in sorted(rows, key=int):
        counts = rows[section]
        numbers = [counts[name] for name in _COLUMNS]
        line = f"{section:>2} {_TITLES[section]:<16}{sum(counts.values()):>8}"
        yield line + "".join(f"{n or '-':>{w}}" for n, w in zip(numbers, (9, 12, 11, 9, 12), strict=True))
        rest = {name: counts[name] for name in ("error", "undecided") if counts[name]}
        if rest:
            yield "   " + ", ".join(f"{name}: {count}" for name, count in rest.items())


def _blocks(results: list[Result], keys: list[str]) -> Iterator[tuple[list[str], list[Result]]]:
    """The clauses to tell of, with what does not simply conform, the worst first; those that share it stand together."""
    told = [r for r in results if r.concerns_clauses and r.verdict not in ("conforms", "not_offered")]
    told.sort(key=lambda result: (-VERDICTS.index(result.verdict), -(result.max_share or 0.0)))
    judged = {key: [result for result in told if key in result.clauses] for key in keys}
    for _, group in groupby(filter(judged.get, keys), key=lambda key: [result.key for result in judged[key]]):
        together = list(group)
        yield together, judged[together[0]]


def _clauses(keys: list[str], judged: list[Result]) -> Iterator[str]:
    worst = judged[0]
    for key in keys:
        yield from _wrapped(_cited(key, worst), "")
    where = " ".join(str(word) for word in (worst.operation, worst.property, worst.label, worst.dtype) if word)
    reading = f" [{worst.reading}]" if worst.reading else ""
    yield from _wrapped(f"{worst.verdict}{reading}: {where}{_waived(worst)}", "  ")
    if worst.message and worst.worst is None:
        yield from _wrapped(worst.message, "    ")
    yield from _details(worst)
    others: dict[tuple[Any, ...], list[str]] = {}
    for r in judged[1:]:
        others.setdefault((r.verdict, r.operation, r.property), []).append(r.dtype or "")
    for (verdict, operation, kind), dtypes in others.items():
        yield f"  also {verdict}: {operation} {kind}" + (f", {len(dtypes)} dtypes" if len(dtypes) > 1 else f" {dtypes[0]}".rstrip())


def _waived(result: Result) -> str:
    return f" (waived, {result.waiver['kind']}: {result.waiver['reason']})" if result.waiver else ""


def _details(result: Result) -> Iterator[str]:
    worst = result.worst
    if worst is None:
        yield from _found_out(result)
        return
    inputs = list(worst.inputs.items())
    for name, number in inputs[:_MOST_INPUTS]:
        yield _number(name, number)
    if len(inputs) > _MOST_INPUTS:
        yield f"    … and {len(inputs) - _MOST_INPUTS} more inputs, in the JSON report"
    if worst.output != "output":
        yield f"    {'output':<12} {worst.output.removeprefix('output ')}"
    yield _number("expected", worst.expected)
    yield _number("actual", worst.actual)
    largest = f"; at most {result.max_ulp:.4g} ulp" if result.max_ulp is not None and isfinite(worst.error) else ""
    yield f"    {'error':<12} {worst.error:.4g}, allowed {worst.allowance:.4g}{largest}"
    yield from _found_out(result)


def _found_out(result: Result) -> Iterator[str]:
    """Where exactly it fails, and everything that would explain it."""
    if result.where:
        yield from _under("where: ", result.where)
    explanations = naming.told(result)
    if len(explanations) > 1:
        yield "    what would explain it (nothing that was tried tells these apart):"
    for one in explanations:
        told = f"{one.text}; {naming.fit(one)}" + (f"; that is {one.formula}" if one.formula else "")
        yield from _under("- " if len(explanations) > 1 else "what would explain it: ", told)


def _under(title: str, text: str) -> Iterable[str]:
    return wrap(plain(text), WIDTH, initial_indent=f"    {title}", subsequent_indent=" " * 6, break_on_hyphens=False)


def _number(name: str, number: Number) -> str:
    return f"    {name:<12} {number.decimal:<25} {number.hexadecimal}"


def _cited(key: str, result: Result) -> str:
    """``(12) Softplus: log(1 + exp(x))``, under the reading that it was judged by, or a statement's claim."""
    if key in STATEMENTS:
        return f"{key}: {STATEMENTS[key].claim}"
    equation = EQUATIONS[int(key[2:])]
    reading = (result.on(key)[1] or "").partition(":")[2]
    if reading not in equation.readings:
        return f"({equation.number}) {equation.title}: {formula(equation)}"
    return f"({equation.number}) {equation.title}, read as {reading}: {formula(equation, reading)}"


def _section(key: str) -> str:
    return clause_of(key).section.split(".")[0]


def _order(key: str) -> tuple[int, int, str]:
    return int(_section(key)), int(key[2:]) if key.startswith("eq") else 99, key


def _wrapped(text: str, indent: str) -> Iterable[str]:
    return wrap(plain(text), WIDTH, initial_indent=indent, subsequent_indent=indent + "    ", break_on_hyphens=False)
