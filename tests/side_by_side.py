"""Other ways to test, beside eqwise, on the same planted errors: how many each notices, and for how much CPU time.

A checker asks one operation of an adapter, and stops at the first failure. *Gradcheck* is PyTorch's own, with its defaults, on an
`autograd.Function` made of the adapter's forward and its gradient. *Allclose* is NumPy's `assert_allclose`, against the reference.
Both get the ordinary examples of `examples.py`; eqwise is asked for every property of the operation, at the lowest effort.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any

import numpy as np

import examples
import gradchecks
from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.session import Session, Timed
from eqwise.conformance.strength.detection import Planted, results_of
from examples import Draw
from wrong.collection import KNOWN, WRONG
from wrong.methods import BASES

TOLERANCES: Mapping[str, Mapping[str, float]] = {
    "float64": {},  # NumPy's defaults: rtol=1e-7, atol=0
    "float32": {"rtol": 1.3e-6, "atol": 1e-5},  # the defaults of torch.testing.assert_close, which NumPy has none of
}


@dataclass(frozen=True)
class Outcome:
    """What one checker makes of one adapter: the first failure, or None; CPU seconds, and those of them inside the adapter."""

    failure: str | None
    seconds: float
    inside: float


@dataclass(frozen=True)
class Pristine:
    """The reference, asked for one operation."""

    operation: str
    clause: str = ""
    name: str = "reference"
    because: str = "nothing is wrong"

    def adapter(self) -> ReferenceAdapter:
        """The layer with a memory is the one that the wrong ones are made from, which average another quantity."""
        return oracle()


def oracle() -> ReferenceAdapter:
    """The reference; its batch normalization averages the variance, as the wrong layers do."""
    made = ReferenceAdapter()
    object.__setattr__(made, "batch_norm_layer", BASES["batch_norm_layer"])
    return made


def eqwise(planted: Planted) -> Outcome:
    """All properties of the operation, and the tests of a statement, until one fails."""
    start, session = time.process_time(), Session(planted.adapter(), KNOWN, effort="smoke")
    failures = (session.settle(result)[1] for result in results_of(session, planted))
    found = next((failure for failure in failures if failure), None)
    return Outcome(_brief(found), time.process_time() - start, session.adapter_seconds)


def allclose(planted: Planted) -> Outcome:
    """Values and gradients against the reference."""
    return _until_one_fails(planted, _compare)


def gradcheck(planted: Planted) -> Outcome:
    """Gradients against differences of the adapter's own forward."""
    return _until_one_fails(planted, gradchecks.check)


def _until_one_fails(planted: Planted, check: Callable[[Any, str, int], None]) -> Outcome:
    """Over the examples; whatever is raised, by the adapter too, fails a test."""
    start, adapter, failure = time.process_time(), Timed(planted.adapter()), None
    try:
        for turn in range(examples.TURNS):
            check(adapter, planted.operation, turn)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    return Outcome(_brief(failure), time.process_time() - start, adapter.seconds)


def _brief(failure: str | None) -> str | None:
    """In one line."""
    return failure and " ".join(failure.split())[:160]


def _compare(adapter: Any, operation: str, turn: int) -> None:
    for dtype, tolerances in TOLERANCES.items():
        expected = examples.answers(oracle(), Draw(operation, turn, dtype))
        actual = examples.answers(adapter, Draw(operation, turn, dtype, dtype))
        assert len(actual) == len(expected), f"{len(actual)} arrays for {len(expected)}"
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_allclose(one, other, **tolerances)


@dataclass(frozen=True)
class Checker:
    """One way to test, and the operations and clauses that it can be asked about."""

    label: str
    check: Callable[[Planted], Outcome]
    applies: Callable[[str, str], bool]
    needs: str = "numpy"


CHECKERS: Mapping[str, Checker] = {
    "gradcheck": Checker("`torch.autograd.gradcheck`", gradcheck, lambda operation, _: examples.has_gradient(operation), "torch"),
    "allclose": Checker("`numpy.testing.assert_allclose`", allclose, lambda *asked: not examples.is_drawn(*asked)),
    "eqwise": Checker("eqwise, lowest effort", eqwise, lambda *_: True),
}


def outcomes(planted: Planted) -> dict[str, Outcome]:
    """What each checker that applies says."""
    warnings.simplefilter("ignore")
    able = {name: one for name, one in CHECKERS.items() if find_spec(one.needs) and one.applies(planted.operation, planted.clause)}
    return {name: one.check(planted) for name, one in able.items()}


def _of_wrong(name: str) -> dict[str, Outcome]: return outcomes(WRONG[name])
def _of_pristine(asked: Pristine) -> dict[str, Outcome]: return outcomes(asked)


def is_of_gradient(name: str) -> bool:
    """Whether the error stands in a gradient: in a vjp, or in an operation whose answer is one."""
    return WRONG[name].part == "vjp" or WRONG[name].operation in examples.OWN_GRADIENT


def run(workers: int = 1, names: Iterable[str] = tuple(WRONG)) -> dict[str, Any]:
    """Every planted error and, of the operations that they are planted in, the reference, as plain data."""
    names = list(names)
    asked = [Pristine(operation) for operation in dict.fromkeys(WRONG[name].operation for name in names)]
    spawn = get_context("spawn")  # a process forked from one whose PyTorch has threads may hang
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=gradchecks.prepare) as pool:
        found = dict(zip(names, pool.map(_of_wrong, names), strict=True))
        pristine = list(pool.map(_of_pristine, asked))
    return {
        "checkers": {name: _figures(name, found, pristine) for name in CHECKERS if any(name in one for one in found.values())},
        "errors": {name: {checker: asdict(outcome) for checker, outcome in one.items()} for name, one in found.items()},
    }


def _figures(checker: str, found: Mapping[str, Mapping[str, Outcome]], pristine: Iterable[Mapping[str, Outcome]]) -> dict[str, Any]:
    mine = {name: one[checker] for name, one in found.items() if checker in one}
    caught = [name for name, outcome in mine.items() if outcome.failure]
    alone = [name for name in caught if not any(outcome.failure for other, outcome in found[name].items() if other != checker)]
    seconds, inside = sum(one.seconds for one in mine.values()), sum(one.inside for one in mine.values())
    right = [one[checker] for one in pristine if checker in one]
    return {
        "applies": len(mine),
        "applies_to_gradients": sum(map(is_of_gradient, mine)),
        "caught": len(caught),
        "caught_in_gradients": sum(map(is_of_gradient, caught)),
        "caught_alone": len(alone),
        "seconds": seconds,
        "seconds_per_caught": seconds / len(caught) if caught else None,
        "inside_share": inside / seconds,
        "pristine_asked": len(right),
        "pristine_failed": sum(one.failure is not None for one in right),
    }


HEADS = ("caught", "of gradients", "of values", "by it alone", "CPU s per caught", "in the framework")


def table(found: Mapping[str, Any]) -> str:
    """Markdown, and what the columns can and cannot say."""
    heads = (f"{len(found['errors'])} planted errors", *HEADS)
    lines = [_row(heads), _row(("---", *["---:"] * (len(heads) - 1)))]
    lines += [_line(CHECKERS[name].label, one) for name, one in found["checkers"].items()]
    return "\n".join([*lines, "", *_limits(found)])


def _line(label: str, one: Mapping[str, Any]) -> str:
    gradients, all_gradients = one["caught_in_gradients"], one["applies_to_gradients"]
    parts = ((one["caught"], one["applies"]), (gradients, all_gradients), (one["caught"] - gradients, one["applies"] - all_gradients))
    each = "–" if one["seconds_per_caught"] is None else f"{one['seconds_per_caught']:.3f}"
    return _row((label, *(f"{some} of {all_}" for some, all_ in parts), one["caught_alone"], each, f"{one['inside_share']:.0%}"))


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _limits(found: Mapping[str, Any]) -> list[str]:
    alarms = ", ".join(f"{name} {one['pristine_failed']} of {one['pristine_asked']}" for name, one in found["checkers"].items())
    return [
        "The planted errors are eqwise's own tests, which demand that it catches them all: no measure of what it would miss.",
        "Gradcheck applies where there is a gradient, and sees only one that disagrees with its own forward. The wrong values that it",
        "catches stand beside a gradient that stayed right; one derived from the wrong forward, as by autograd, would agree with it.",
        "Allclose applies where an oracle has the same numbers, not to random draws; the oracle, here the reference, comes for free.",
        f"Both see {examples.TURNS} ordinary examples of an operation, gradcheck in float64, allclose in float64 and float32; eqwise is",
        "asked in float64, float32, float16 and bfloat16. All stop at the first failure; what is not caught is paid in full.",
        "In the framework: calls of the adapter; the steps of optimizers and passes of layers that it returns count elsewhere.",
        f"False alarms on the reference, operations: {alarms} (allclose in float64 compares the reference with itself).",
    ]
