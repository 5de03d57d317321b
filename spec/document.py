"""What an equation, a statement and a reading are, and the register of them all. Nothing here is numeric.

Glossary
--------
equation   a numbered formula of the notes, (1) to (77)
statement  an un-numbered sentence of the notes that can be checked, such as ``s4-dying-relu``
clause     either of them, by its key: ``eq16``, ``s4-dying-relu``
reading    one of the formulas that the words of a clause could mean; ``as_printed`` is always one of them
erratum    what the notes print, against what they must mean
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from inspect import getdoc, signature
from types import MappingProxyType
from typing import Any, Literal

Formula = Callable[..., Any]
Kind = Literal["definition", "restatement", "theorem", "update", "law", "notation"]
Subject = Literal["mathematics", "framework", "system"]

AS_PRINTED = "as_printed"
LAST_EQUATION = 77
_SECTIONS = (  # the first equation of every section that has one
    (1, "2"), (6, "3"), (9, "4"), (19, "6.1"), (23, "6.2"), (27, "7"), (36, "8.1"),
    (40, "9"), (57, "10"), (69, "11"), (73, "12.1"), (74, "12.3"),
)  # fmt: skip

EQUATIONS: dict[int, Equation] = {}
STATEMENTS: dict[str, Statement] = {}
_chosen: ContextVar[Mapping[int, str | Formula]] = ContextVar("chosen readings", default=MappingProxyType({}))


@dataclass(frozen=True)
class Reading:
    """A formula that the words of a clause could mean: its name, why anyone reads it so, and the source."""

    name: str
    formula: Formula
    because: str


@dataclass(frozen=True)
class Equation:
    """A numbered formula: its text, its kind and, once transcribed, the function that computes it under each reading."""

    number: int
    title: str
    kind: Kind
    tex: str
    formula: Formula | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)
    errata: tuple[str, ...] = ()
    restates: int | None = None
    reason: str = ""
    readings: dict[str, Reading] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"eq{self.number}"

    @property
    def section(self) -> str:
        return [section for first, section in _SECTIONS if first <= self.number][-1]

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(signature(self.formula).parameters) if self.formula else ()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The formula, under the reading chosen for this equation (see `reading_as`).

        A reading may need more than the printed formula does: what is passed by name goes to those that take it.
        """
        formula = self.formula_as(_chosen.get().get(self.number, AS_PRINTED))
        taken = signature(formula).parameters if named else ()
        return formula(*arguments, **{name: value for name, value in named.items() if name in taken})

    def formula_as(self, reading: str | Formula) -> Formula:
        """The formula under this reading; a formula that is tried in place of it is taken as it is."""
        if callable(reading):
            return reading
        if self.formula is None:
            raise TypeError(f"equation ({self.number}) has no transcription, so it cannot be evaluated")
        return self.formula if reading == AS_PRINTED else self.readings[reading].formula

    def reading(self, name: str, *, because: str) -> Callable[[Formula], Formula]:
        """Enter another formula that the words of the notes could mean."""
        if name == AS_PRINTED or name in self.readings:
            raise ValueError(f"equation ({self.number}) already has a reading {name!r}; names of readings are unique")

        def enter(formula: Formula) -> Formula:
            self.readings[name] = Reading(name, formula, because)
            return formula

        return enter


@dataclass(frozen=True)
class Statement:
    """An un-numbered claim of the notes, in our words, whom it can be asked of, and why anyone reads it otherwise."""

    key: str
    claim: str
    subjects: frozenset[Subject]
    erratum: str = ""
    readings: Mapping[str, str] = field(default_factory=dict)

    @property
    def section(self) -> str:
        """The section that the key names: ``s12.2-inference-scale`` stands in 12.2; table 1 in 6.1; figure 3 in 4."""
        return {"t1-confusion": "6.1", "fig3": "4"}.get(self.key) or self.key[1:].split("-")[0]


def equation(
    number: int, *, tex: str, kind: Kind = "definition", **details: Any
) -> Callable[[Formula], Equation]:
    """Enter the literal transcription of an equation; the first sentence of its docstring is its title."""

    def enter(formula: Formula) -> Equation:
        title = (getdoc(formula) or "").partition(".")[0]
        return _enter(Equation(number, title, kind, tex, formula, **details))

    return enter


def printed(number: int, title: str, *, tex: str, kind: Kind = "definition", **details: Any) -> Equation:
    """Enter the text of an equation that has no transcription, with the `reason` why."""
    return _enter(Equation(number, title, kind, tex, **details))


def statement(
    key: str, claim: str, *subjects: Subject, erratum: str = "", readings: Mapping[str, str] = MappingProxyType({})
) -> Statement:
    """Enter a statement under its key; `readings` gives the reason and the source of each by name."""
    if key in STATEMENTS:
        raise ValueError(f"statement {key!r} is already entered; keys are unique")
    STATEMENTS[key] = Statement(key, claim, frozenset(subjects), erratum, readings)
    return STATEMENTS[key]


def clause_of(key: str) -> Equation | Statement:
    """The equation or statement of this key."""
    return STATEMENTS[key] if key in STATEMENTS else EQUATIONS[int(key.removeprefix("eq"))]


@contextmanager
def reading_as(chosen: Mapping[int, str | Formula]) -> Iterator[None]:
    """Within this context the equations of these numbers are read so, wherever a formula is composed of them.

    A formula that is no reading, but is tried in place of the printed one, may be given itself.
    """
    for number, name in chosen.items():
        if not callable(name) and name != AS_PRINTED and name not in EQUATIONS[number].readings:
            raise ValueError(f"equation ({number}) has no reading {name!r}; it has {list(EQUATIONS[number].readings)}")
    token = _chosen.set({**_chosen.get(), **chosen})
    try:
        yield
    finally:
        _chosen.reset(token)


def _enter(entry: Equation) -> Equation:
    if not 1 <= entry.number <= LAST_EQUATION:
        raise ValueError(f"equation ({entry.number}): the notes number their equations 1 to {LAST_EQUATION}")
    if entry.number in EQUATIONS:
        raise ValueError(f"equation ({entry.number}) is already entered as {EQUATIONS[entry.number].title!r}")
    if not entry.title:
        raise ValueError(f"equation ({entry.number}) has no title; the first sentence of the docstring is the title")
    return EQUATIONS.setdefault(entry.number, entry)
