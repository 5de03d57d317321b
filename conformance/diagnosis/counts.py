"""What would explain a failing metric of classification: other sums and shares of the four counts, narrow counters, rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np

from eqwise.conformance import metrics
from eqwise.conformance.adapter import Operation
from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis import counted
from eqwise.conformance.diagnosis.counted import ULPS, Seen, close
from eqwise.conformance.diagnosis.edits import edits
from eqwise.conformance.diagnosis.floats import on_rows
from eqwise.conformance.diagnosis.gathering import afresh
from eqwise.conformance.diagnosis.vocabulary import CONSTANT
from eqwise.conformance.metrics import COUNTS
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.document import AS_PRINTED, EQUATIONS, reading_as
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats, Format

NAMED = {"TP+TN/TP+FP+FN+TN": "(19), accuracy", "TP/TP+FP": "(20), precision", "TP/TP+FN": "(21), recall"}
ENOUGH = 3  # failing results that must be explained
MOST = 3  # explanations that are told
NEVER_APART = ("counter", "rounded", "constant added")  # what no condition on the counts decides

Value = Callable[[Floats], Floats]  # from tables, a row each, to results


@dataclass(frozen=True, eq=False)
class Candidate:
    """What may be computed instead, told in words, and how far that is from what is printed."""

    kind: str
    text: str
    cost: int
    value: Value


def explained(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """The simplest candidates that fit every failing result, here and of fresh tables."""
    here, again = counted.seen(session, operation), counted.seen(afresh(session, 1), operation)
    cells = range(here.actual.shape[1])
    if len(cells) > 1:
        whole = _fitting(_of_tables(operation), here, again, operation)
        return whole or [one for k in cells for one in _fitting(_of_cell(k), _cell(here, k), _cell(again, k), operation)[:1]]
    return _fitting(_of_numbers(operation), here, again, operation)


def _cell(seen: Seen, k: int) -> Seen:
    return Seen(seen.tables, seen.actual[:, k : k + 1], seen.expected[:, k : k + 1], seen.room[:, k : k + 1])


def _fitting(candidates: Iterator[Candidate], here: Seen, again: Seen, operation: Operation) -> list[Explanation]:
    if not here.failing.any() or not again.failing.any():
        return []
    found: list[tuple[int, bool, Explanation]] = []
    told: set[bytes] = set()
    for candidate in sorted(candidates, key=lambda candidate: candidate.cost):
        if any(holds and candidate.cost > cost for cost, holds, _ in found):
            break
        where = _where(candidate, again) if _where(candidate, here) is not None else None
        key = np.round(_values(candidate, again)[again.failing], 12).tobytes()
        if where is not None and key not in told:
            told.add(key)
            found.append((candidate.cost, where == "", _told(candidate, where, again, operation)))
    everywhere = [one for one in found if one[1]] or found
    return [one for cost, _, one in everywhere if cost == everywhere[0][0]][:MOST]


def _told(candidate: Candidate, where: str, again: Seen, operation: Operation) -> Explanation:
    failing, told = again.failing, _values(candidate, again)
    with np.errstate(all="ignore"):
        errors = ULPS * np.abs(told - again.actual)[failing] / again.room[failing]
    text = f"{where}{candidate.text}"
    return Explanation(candidate.kind, text, operation.clauses, int(failing.sum()), float(np.nanmax(errors, initial=0.0)))


def _values(candidate: Candidate, seen: Seen) -> Floats:
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.reshape(candidate.value(seen.tables), (len(seen.tables), -1)), seen.actual.shape)


def _where(candidate: Candidate, seen: Seen) -> str | None:
    """Where the candidate holds, in words; nothing where that is everywhere, None where it does not explain the failures."""
    told, failing = _values(candidate, seen), np.asarray(seen.failing)
    says = np.isfinite(told) | np.isnan(seen.actual)
    fits = close(told, seen.actual, seen.room)
    tells = says & ~close(told, seen.expected, seen.room)
    if not fits[failing & says].all() or (failing & says).sum() < 0.9 * failing.sum():
        return None
    if fits[says].all():
        return "" if failing.sum() >= ENOUGH else None
    if candidate.kind in NEVER_APART:
        return None
    others = tells & ~failing
    for text, holds in _conditions(seen, np.asarray(failing.any(axis=1))):
        if holds[failing.any(axis=1)].all() and not holds[others.any(axis=1)].any():
            return f"where {text}: "
    return None


def _conditions(seen: Seen, failing: Array) -> Iterator[tuple[str, Array]]:
    """Conditions on the counts that may decide: a sum of them is 0; few samples, or many."""
    for size in (1, 2, 3):
        for chosen in combinations(range(len(COUNTS)), size):
            yield f"{_sum(chosen)} = 0", seen.tables[:, chosen].sum(axis=1) == 0
    samples = seen.tables.sum(axis=1)
    most, least = samples[failing].max(), samples[failing].min()
    below, above = samples[samples < least].max(initial=0), samples[samples > most].min(initial=np.inf)
    yield f"there are {most:.0f} samples or fewer, and not where there are {above:.0f} or more", samples <= most
    yield f"there are {least:.0f} samples or more, and not where there are {below:.0f} or fewer", samples >= least


# candidates


def _sum(chosen: Sequence[int]) -> str:
    return "+".join(COUNTS[k] for k in chosen)


SUBSETS = [chosen for size in (1, 2, 3, 4) for chosen in combinations(range(len(COUNTS)), size)]


def _share(above: Sequence[int], below: Sequence[int]) -> Value:
    return lambda tables: tables[:, list(above)].sum(axis=1) / tables[:, list(below)].sum(axis=1)


def _shares(cost: int) -> Iterator[Candidate]:
    """Every sum of counts over another one."""
    for above, below in product(SUBSETS, SUBSETS):
        if above != below:
            name = f"{_sum(above)}/{_sum(below)}"
            shown = f"{_bracketed(above)}/{_bracketed(below)}"
            further = 0 if set(above) < set(below) else 1
            known = f", which is {NAMED[name]}" if name in NAMED else ""
            yield Candidate("another share", f"the result is {shown}{known}", cost + further, _share(above, below))


def _bracketed(chosen: Sequence[int]) -> str:
    return f"({_sum(chosen)})" if len(chosen) > 1 else _sum(chosen)


def _of_numbers(operation: Operation) -> Iterator[Candidate]:
    """Of an operation whose result is one number."""
    claim = metrics.claim(metrics.EXTENSIONS.get(operation.name, operation.formula))

    def printed(tables: Floats) -> Floats:
        return on_rows(claim.outputs, claim.inputs, tables)[:, 0]

    yield Candidate("zero", "the result is 0", 0, lambda tables: np.zeros(len(tables)))
    yield from _shares(1)
    yield from _means()
    yield from _changed(printed)
    yield from _counters(operation)
    yield from _constants(operation)
    for digits in range(7):
        yield Candidate("rounded", f"the result is rounded to {digits} decimal places", 1, lambda t, d=digits: np.round(printed(t), d))  # type: ignore[misc]


def _changed(printed: Value) -> Iterator[Candidate]:
    """The printed formula of other counts."""
    for known in (1.0, 0.5):
        yield Candidate("constant added", f"{known:g} is added to every count", 2, lambda t, a=known: printed(t + a))  # type: ignore[misc]
    def both(tables: Floats) -> Floats:
        return (printed(tables) + printed(tables[:, ::-1])) / 2

    yield Candidate("both classes", "the mean of the formula for the positive and for the negative class", 2, both)
    for order in permutations(range(len(COUNTS))):
        if order != tuple(range(len(COUNTS))):
            text = f"the formula with {', '.join(COUNTS[k] for k in order)} for {', '.join(COUNTS)}"
            yield Candidate("counts exchanged", text, 3, lambda t, o=list(order): printed(t[:, o]))  # type: ignore[misc]


def _means() -> Iterator[Candidate]:
    """Two shares a/(a + b) taken together in any way; the harmonic mean of precision and recall with other weights."""
    rates = [((a,), (a, b)) for a, b in permutations(range(len(COUNTS)), 2)]
    kinds: dict[str, Callable[[Floats, Floats], Floats]] = {
        "the arithmetic mean": lambda a, b: (a + b) / 2,
        "the geometric mean": lambda a, b: np.sqrt(a * b),
        "the harmonic mean": lambda a, b: 2 * a * b / (a + b),
        "half of the harmonic mean": lambda a, b: a * b / (a + b),
        "the smaller": np.minimum,
        "the larger": np.maximum,
        "the product": lambda a, b: a * b,
    }
    for first, second in combinations(rates, 2):
        for name, made in kinds.items():
            pair = [f"{_bracketed(above)}/{_bracketed(below)}" for above, below in (first, second)]

            def value(tables: Floats, first=first, second=second, made=made) -> Floats:  # type: ignore[no-untyped-def]
                return made(_share(*first)(tables), _share(*second)(tables))

            yield Candidate("another mean", f"the result is {name} of {' and '.join(pair)}", 2, value)

            def or_zero(tables: Floats, first=first, second=second, made=made) -> Floats:  # type: ignore[no-untyped-def]
                return made(*(np.nan_to_num(_share(*rate)(tables)) for rate in (first, second)))

            text = f"the result is {name} of {' and '.join(pair)}, each 0 where it is undefined"
            yield Candidate("another mean", text, 3, or_zero)
    for beta in (0.25, 0.5, 2.0, 3.0, 4.0):

        def weighed(t: Floats, b: float = beta**2) -> Floats:
            return (1 + b) * t[:, 0] / ((1 + b) * t[:, 0] + b * t[:, 2] + t[:, 1])

        yield Candidate("weights", f"the F-measure in which recall weighs {beta**2:g} times as much as precision", 2, weighed)


def _constants(operation: Operation) -> Iterator[Candidate]:
    """A small power of ten added somewhere in the formula, as against 0/0."""
    for equation in (20, 21, 22) if operation.name == "f_measure" else operation.equations:
        for edit in edits(equation, AS_PRINTED):
            if edit.kind != "constant added":
                continue
            with reading_as({equation: edit.formula}):
                claim = metrics.claim(operation.formula)
            for power in range(1, 15):

                def value(t: Floats, claim: Claim = claim, added: float = 10.0**-power) -> Floats:
                    return on_rows(claim.outputs, (*claim.inputs, CONSTANT), np.column_stack([t, np.full(len(t), added)]))[:, 0]

                yield Candidate("constant added", f"in ({equation}), {edit.text.replace('κ', f'{10.0**-power:g}')}", 4, value)


SIZES = tuple((2**bits, f"{bits} bits") for bits in (7, 8, 15, 16))


def _counters(operation: Operation) -> Iterator[Candidate]:
    """Counters that wrap around: what stands above the line of a share, or every count."""
    for name, known in NAMED.items():
        if EQUATIONS[operation.equations[0]].title.lower() not in known:
            continue
        above, below = ([COUNTS.index(count) for count in part.split("+")] for part in name.split("/"))
        for size, shown in SIZES:

            def wrapped(t: Floats, size: int = size, above: list[int] = above, below: list[int] = below) -> Floats:
                return t[:, above].sum(axis=1) % size / t[:, below].sum(axis=1)

            yield Candidate("counter", f"{_sum(above)} is counted in {shown} and wraps around", 1, wrapped)
            yield Candidate("counter", f"counts of {shown} wrap around", 2, lambda t, s=size, a=above, b=below: _share(a, b)(t % s))  # type: ignore[misc]


# tables


def _of_tables(operation: Operation) -> Iterator[Candidate]:
    """Of the four counts in a table."""
    claim = metrics.claim(operation.formula)
    places = [list(claim.inputs).index(output) for output in claim.outputs]
    for order in permutations(places):
        if list(order) != places:
            a, b, c, d = (COUNTS[k] for k in order)
            yield Candidate("counts exchanged", f"the table is [[{a}, {b}], [{c}, {d}]]", 1, lambda t, o=list(order): t[:, o])  # type: ignore[misc]
    for size, shown in SIZES:
        yield Candidate("counter", f"counters of {shown} wrap around", 1, lambda t, s=size: t[:, places] % s)  # type: ignore[misc]
        yield Candidate("counter", f"counters end at {size - 1}", 1, lambda t, s=size: np.minimum(t[:, places], s - 1))  # type: ignore[misc]
    for bits in (8, 11, 24):
        text = f"counters end at {2**bits}, from where a format of {bits} bits cannot go on by ones"
        yield Candidate("counter", text, 1, lambda t, s=2**bits: np.minimum(t[:, places], s))  # type: ignore[misc]
    for name, axis in (("row", (0, 1)), ("column", (0, 2))):

        def shares(t: Floats, axis: tuple[int, int] = axis) -> Floats:
            cells = t[:, places]
            sums = cells[:, axis[0]] + cells[:, axis[1]], cells.sum(axis=1)
            other = sums[1] - sums[0]
            below = np.array([sums[0] if k in axis else other for k in range(4)]).T
            return cells / np.maximum(below, 1)

        yield Candidate("another share", f"the table holds shares of each {name}", 1, shares)
    yield Candidate("another share", "the table holds shares of all", 1, lambda t: t[:, places] / t.sum(axis=1, keepdims=True))


def _of_cell(k: int) -> Iterator[Candidate]:
    """Of one place of the table."""
    place = ("row 1, column 1", "row 1, column 2", "row 2, column 1", "row 2, column 2")[k]
    for chosen in SUBSETS:
        yield Candidate("another count", f"{_sum(chosen)} stands in {place}", 1, lambda t, c=list(chosen): t[:, c].sum(axis=1))  # type: ignore[misc]
    for share in _shares(2):
        yield Candidate(share.kind, f"in {place}, {share.text}", 2, share.value)
