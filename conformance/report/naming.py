"""What a fault is called, and by which options its check is selected."""

from __future__ import annotations

from collections.abc import Sequence

from eqwise.conformance.adapter import OPERATIONS
from eqwise.conformance.report.citing import cited
from eqwise.conformance.report.faults import Fault
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.document import EQUATIONS
from eqwise.spec.transcript import formula

MANY_ULPS = 1000  # more say nothing
_LONGEST = 60  # characters of a formula in a title
_VERBS = {"deviates": "deviates from", "inaccurate": "loses accuracy against"}


def title(fault: Fault) -> str:
    """What is wrong, in a line: softplus deviates from log(1 + exp(x)) on [20.000000000000004, 744.44]."""
    first = fault.first
    if fault.nature == "purity":
        return f"{fault.operation} does not leave its arguments and results alone"
    if fault.nature == "error":
        return f"{fault.operation} does not answer as the contract asks"
    interval = f" on [{first.interval[0]}, {first.interval[1]}]" if first.interval else ""
    of = " in its derivative" if first.property == "derivative" and not any(r.property == "value" for r in fault.results) else ""
    return f"{fault.operation} {_VERBS.get(first.verdict, 'deviates from')} {_what(fault.clauses)}{of}{interval}"


def _what(clauses: Sequence[str]) -> str:
    """The formula if it is the only one and short, or else the numbers and the title of the first."""
    equations = [EQUATIONS[int(key[2:])] for key in clauses if key.startswith("eq")]
    if not equations:
        return f"the statement {clauses[0]}" if clauses else "the contract"
    texts = {formula(equation) for equation in equations if equation.formula is not None}
    if len(texts) == 1 and len(text := texts.pop()) <= _LONGEST:
        return text
    return f"equation{'s' * (len(equations) > 1)} {numbers_of(clauses)} ({equations[0].title})"


def numbers_of(clauses: Sequence[str]) -> str:
    """(64) and (66), or the keys of statements."""
    named = [f"({key[2:]})" if key.startswith("eq") else key for key in clauses]
    return listed(named) or "of the contract"


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def told(result: Result) -> list[Explanation]:
    """The explanations that say more than the message does, as that of an error does not."""
    return [one for one in result.explanations if one.text not in (result.message or "")]


def fit(explanation: Explanation) -> str:
    """How well an explanation fits, and on how many results."""
    points = f"{explanation.points:,} fresh results"
    if not explanation.max_ulp:
        return f"seen on {points}"
    within = f"{max(explanation.max_ulp, 0.01):.2g} ulp" if explanation.max_ulp < MANY_ULPS else "the allowance"
    return f"fits {points} within {within}"


def selection(result: Result) -> list[str]:
    """The options that select the check of this result."""
    numbers = [key[2:] for key in result.clauses if key.startswith("eq")]
    chosen = ["--equations", ",".join(numbers)] if numbers else []
    chosen += ["--dtypes", result.dtype] if result.dtype else []
    operation = OPERATIONS.get(result.operation or "")
    if result.property == "smoke":
        return [*chosen, "-k", "smoke"]
    if operation is None or result.property == "statement":
        return [*chosen, "-k", result.clauses[0]] if result.clauses else chosen
    if result.property == "law":
        return [*chosen, "-k", str(result.label)]
    return [*chosen, "-k", f"{cited(operation.clauses)}-{operation.name}-{result.property}"]
