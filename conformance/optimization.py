"""What is checked of optimizers, (38) and (57) to (68): every step, and every part of their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from eqwise.conformance.adapter import Operation
from eqwise.conformance.check import Check, judging
from eqwise.conformance.comparison import Claim, Outcome, judge
from eqwise.conformance.optimizer_claims import (
    METHODS,
    Method,
    Readings,
    claim_of,
    inherited_columns,
    joined_columns,
    off_zero,
    recursion,
    rows_of,
)
from eqwise.conformance.optimizer_parts import FAINT, Part, Shows, parts, whole
from eqwise.conformance.optimizer_plans import plans
from eqwise.conformance.optimizer_purity import check_purity
from eqwise.conformance.optimizer_start import Measured, measured
from eqwise.conformance.pinning import Probe, implicated
from eqwise.conformance.session import Session
from eqwise.conformance.trajectories import Track, run
from eqwise.conformance.verdicts import FAILING, Result
from eqwise.spec.document import AS_PRINTED
from eqwise.spec.numbers.formats import FORMATS, Floats, Format
from eqwise.spec.numbers.program import FLOATS, compiled

Columns = Mapping[str, Floats]
Block = tuple[Columns, Floats]
BY_FAR = 2  # times as near, where errors of readings that say the same differ by the draw
ENOUGH = 4  # deviating places among those where the same parts have something to say


@dataclass(frozen=True)
class Finding:
    """What judging one rule found: the equations that it is about, the outcome, and those that explain a failure."""

    equations: tuple[int, ...]
    outcome: Outcome
    implicated: tuple[int, ...]
    undefined: str = ""  # what was seen where the formula is 0/0

    @property
    def failed(self) -> bool:
        return self.outcome.verdict in FAILING

    @property
    def conforms(self) -> bool:
        return self.outcome.verdict == "conforms"


@dataclass(frozen=True)
class Evidence:
    """The recorded steps of an optimizer, judged under one choice of readings: for theta, and for each slot that is shown."""

    readings: Readings
    step: Finding
    slots: tuple[Finding, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.step, *self.slots)

    @property
    def failures(self) -> int:
        return sum(finding.failed for finding in self.findings)

    @property
    def rank(self) -> tuple[int, int]:
        """How many findings fail, and how many do not conform: the less, the better it explains what the optimizer does."""
        return self.failures, sum(not finding.conforms for finding in self.findings)

    @property
    def share(self) -> float:
        return max(finding.outcome.max_share for finding in self.findings)

    @property
    def doubtful(self) -> set[int]:
        """The equations of findings that do not conform."""
        return {number for finding in self.findings if not finding.conforms for number in finding.equations}


@judging("update")
def check_update(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """Every step takes theta where the formula does: from what the optimizer shows that it keeps, or else from all gradients."""
    found = evidence(session, operation, dtype)
    return _result(blank, found, (found.step,))


@judging("state")
def check_state(session: Session, operation: Operation, dtype: str, blank: Result) -> Result:
    """What the optimizer keeps follows, step by step, from what it kept before, from 0 on."""
    found = evidence(session, operation, dtype)
    return _result(blank, found, found.slots)


def evidence(session: Session, operation: Operation, dtype: str) -> Evidence:
    """The evidence on an optimizer in a dtype, gathered once."""
    key = ("optimizer", operation.name, dtype)
    if key not in session.cache:
        session.cache[key] = _evidence(session, operation, FORMATS[dtype])
    return session.cache[key]  # type: ignore[no-any-return]


def _evidence(session: Session, operation: Operation, target: Format) -> Evidence:
    """The printed formulas first; where they do not hold, the choice of readings that holds best, a declared one before others."""
    method = METHODS[operation.name]
    drawn = plans(operation, session.volume, target, session.seed_for(operation.name, "steps", target.name))
    tracks = run(session, operation.name, drawn, target, tuple(method.slots))
    judging = Judging(operation.name, method, tracks, target, 6 * session.volume)
    found = printed = judging.under((), Measured())
    is_preferred = True  # to what holds as well: the printed formula, and a declared reading
    declared = session.declared(operation.name)
    known = {number: declared.get(f"eq{number}", AS_PRINTED) for number in operation.equations}
    for choice in sorted(operation.readings()[1:], key=lambda choice: choice != known):
        readings = tuple((number, name) for number, name in choice.items() if name != AS_PRINTED)
        concerned = any(number in printed.doubtful for number, _ in readings)
        start = measured(session, operation, method, readings, target) if concerned else None
        if start is not None:
            other = judging.under(readings, start)
            if other.rank == found.rank:
                is_better = choice == known or (not is_preferred and BY_FAR * other.share < found.share)
            else:
                is_better = other.rank < found.rank
            if is_better:
                found, is_preferred = other, choice == known
            if choice == known and is_better and not other.failures:
                break
    return found


@dataclass(frozen=True)
class Judging:
    """Recorded runs, to be judged under one choice of readings after another."""

    operation: str
    method: Method
    tracks: Sequence[Track]
    target: Format
    places: int
    known: dict[tuple[str, Claim, float], Finding] = field(default_factory=dict)

    @property
    def shown(self) -> list[str]:
        """The slots that the optimizer shows."""
        return [name for name in self.method.slots if all(name in track.kept for track in self.tracks)]

    @property
    def hidden(self) -> list[str]:
        return [name for name in self.method.slots if name not in self.shown]

    def under(self, readings: Readings, at: Measured) -> Evidence:
        slots = tuple(self._slot(name, readings, at) for name in self.shown)
        return Evidence(readings, self._step(readings, at), slots)

    def _slot(self, name: str, readings: Readings, at: Measured) -> Finding:
        """Judged once for all readings that do not tell it apart."""
        equations, claim = self.method.slots[name].equations, self.claim_of_slot(name, readings)
        if (name, claim, at.start) not in self.known:
            self.known[name, claim, at.start] = self._judged(equations, claim, self.blocks_of_slot(name, at), whole(equations))
        return self.known[name, claim, at.start]

    def _step(self, readings: Readings, at: Measured) -> Finding:
        hidden = (number for name in self.hidden for number in self.method.slots[name].equations)
        equations = (*hidden, *self.method.step.equations)
        known = parts(self.operation, equations, bool(self.hidden))
        return self._judged(equations, self.claim_of_step(readings), self.blocks_of_step(readings, at), known)

    def claim_of_slot(self, name: str, readings: Readings) -> Claim:
        return claim_of(self.method.slots[name], readings)

    def claim_of_step(self, readings: Readings) -> Claim:
        return claim_of(self.method.step, readings, tuple(self.method.slots if self.method.joined else self.hidden))

    def blocks_of_slot(self, name: str, at: Measured) -> list[Block]:
        """What every step of a slot starts from, and what it became."""
        return [({**t.columns(), name: _before(t.kept[name], at)}, t.kept[name][1:]) for t in self.tracks]

    def blocks_of_step(self, readings: Readings, at: Measured) -> list[Block]:
        """What every step of theta starts from, the new slots included, and what theta became."""
        return [(self._columns(track, readings, at), track.theta[1:]) for track in self.tracks]

    def _columns(self, track: Track, readings: Readings, at: Measured) -> Columns:
        columns: Columns = {"epsilon": np.full((1, 1), at.epsilon), **track.columns()}
        for name in self.method.slots:
            after = self._unseen if name in self.hidden else self._seen
            columns = {**columns, **after(name, readings, at, columns, track)}
        return {**columns, **(off_zero(self.method.beside, columns) if self.method.beside else {})}

    def _seen(self, name: str, readings: Readings, at: Measured, columns: Columns, track: Track) -> Columns:
        kept = track.kept[name]
        if not self.method.joined:
            return {name: kept[1:]}
        return joined_columns(self.method.slots[name], readings, name, _before(kept, at), kept[1:], columns, self.target)

    def _unseen(self, name: str, readings: Readings, at: Measured, columns: Columns, track: Track) -> Columns:
        return inherited_columns(name, *recursion(self.method.slots[name], readings, name, at.start, columns, self.target))

    def _judged(
        self, equations: tuple[int, ...], claim: Claim, blocks: Sequence[Block], known: Mapping[Part, Shows]
    ) -> Finding:
        """Places are judged together where the same parts of the equations have something to say."""
        rows = np.concatenate([rows_of(claim, columns) for columns, _ in blocks])
        actual = np.concatenate([after.ravel() for _, after in blocks])[:, None]
        codes = np.concatenate([self._codes(known, columns, after.shape) for columns, after in blocks])
        defined, undefined = _defined(claim, rows)
        outcome, probes = Outcome("conforms", 0, 0.0, 0.0), []
        for code in np.unique(codes[defined]):
            chosen = defined & (codes == code)
            found = judge(claim, rows[chosen], actual[chosen], self.target, self.places, ENOUGH)
            outcome = outcome.merged(found)
            active = frozenset(part for k, part in enumerate(known) if code >> k & 1)
            if found.verdict in FAILING or FAINT not in active:
                probes.append(Probe(active - {FAINT}, found.verdict in FAILING))
        blamed = tuple(dict.fromkeys(number for number, _ in implicated(probes)))
        return Finding(equations, outcome, blamed, _seen(claim, rows[undefined], actual[undefined, 0]))

    def _codes(self, known: Mapping[Part, Shows], columns: Columns, shape: tuple[int, ...]) -> Any:
        codes = np.zeros(shape, np.int64)
        for k, shows in enumerate(known.values()):
            codes += np.where(shows(columns, self.target), 1 << k, 0)
        return codes.ravel()


def _before(kept: Floats, at: Measured) -> Floats:
    """What every step finds: the start, then what the step before it left."""
    return np.concatenate([np.full_like(kept[:1], at.start), kept[1:-1]])


def _defined(claim: Claim, rows: Floats) -> tuple[Any, Any]:
    """Where the inputs are finite and the formula has a value, and where it has none."""
    with np.errstate(all="ignore"):
        (value,) = compiled(claim.outputs, claim.inputs, FLOATS)(*rows.T)
    finite, known = np.isfinite(rows).all(axis=1), np.isfinite(np.broadcast_to(value, len(rows)))
    return finite & known, finite & ~known


def _seen(claim: Claim, rows: Floats, actual: Floats) -> str:
    """What became of theta where its formula is 0/0, which is recorded and not judged."""
    names = [str(x.value) for x in claim.inputs]
    if not len(rows) or "theta" not in names:
        return ""
    theta = rows[:, names.index("theta")]
    seen = {"stays as it is": actual == theta, "becomes nan": np.isnan(actual)}
    told = [what for what, where in seen.items() if where.all()] or ["is treated unevenly"]
    return f"where the formula is 0/0, at {len(rows)} places, theta {told[0]}"


def _result(blank: Result, found: Evidence, findings: Sequence[Finding]) -> Result:
    if not findings:
        return replace(blank, message="what it keeps is not shown")
    outcome = reduce(Outcome.merged, [finding.outcome for finding in findings])
    failing = [finding for finding in findings if finding.failed]
    equations = {number for finding in failing for number in finding.implicated} or {n for finding in findings for n in finding.equations}
    readings = [f"eq{number}:{name}" for number, name in found.readings if any(number in finding.equations for finding in findings)]
    return replace(
        blank,
        clauses=tuple(f"eq{number}" for number in sorted(equations)),
        verdict="conforms_as" if readings and outcome.verdict == "conforms" else outcome.verdict,
        reading=", ".join(readings) or None,
        label=outcome.label if outcome.verdict != "conforms" else None,
        points=outcome.points,
        certified=outcome.points,
        max_ulp=outcome.max_ulp,
        max_share=outcome.max_share,
        worst=outcome.worst if outcome.verdict != "conforms" else None,
        message=_message(outcome, findings),
    )


def _message(outcome: Outcome, findings: Sequence[Finding]) -> str | None:
    return "; ".join(filter(None, [outcome.message, *(finding.undefined for finding in findings)])) or None


CHECKS: Mapping[str, Mapping[str, Check]] = {
    name: {
        "update": check_update,
        **({"state": check_state} if method.slots else {}),
        "purity": check_purity,
    }
    for name, method in METHODS.items()
}
