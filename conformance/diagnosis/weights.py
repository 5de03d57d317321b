"""What would explain weights that do not follow their law: a change that, undone, leaves draws that raise no alarm of the suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eqwise.conformance import chance, draws, initialization
from eqwise.conformance.adapter import Operation
from eqwise.conformance.diagnosis import mending, repeating, scaling
from eqwise.conformance.diagnosis.gathering import afresh
from eqwise.conformance.diagnosis.mending import Change, Drawn
from eqwise.conformance.draws import Draws, standardised
from eqwise.conformance.initialization import Layers
from eqwise.conformance.session import Session
from eqwise.conformance.verdicts import Explanation, Result
from eqwise.spec.document import AS_PRINTED, EQUATIONS, reading_as
from eqwise.spec.numbers.expression import number
from eqwise.spec.numbers.formats import Floats, Format

MOST = 3  # explanations that are told


@dataclass(frozen=True)
class Source:
    """Where weights come from, and the law that they are held against."""

    session: Session
    operation: Operation
    target: Format

    @property
    def reading(self) -> str:
        """The one that is declared."""
        return self.session.declared(self.operation.name).get(self.operation.clauses[0], AS_PRINTED)

    def drawn(self, turn: int) -> Drawn:
        """The layers of fresh seeds, in the unit of the law."""
        session = afresh(self.session, turn)
        groups = initialization.layers_of(session, self.operation, self.target)
        return self.standardised([layers for group in groups for layers in group])

    def standardised(self, layers: Sequence[Layers]) -> Drawn:
        """Weights in the unit of the law."""
        with reading_as({self.operation.equations[0]: self.reading}):
            laws = [standardised(EQUATIONS[self.operation.equations[0]](*map(number, one.shape))) for one in layers]
        z = [one.weights / unit for one, (_, unit) in zip(layers, laws, strict=True)]
        return Drawn([one.shape for one in layers], z, laws[0][0], self.target, [one.weights for one in layers], [unit for _, unit in laws])

    def layer(self, shape: tuple[int, int], seed: int) -> Floats:
        """One layer in the unit of the law."""
        weights = initialization.drawn(self.session, self.operation, shape, seed, self.target)
        return self.standardised([Layers(weights, shape)]).z[0]


def explained(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """The simplest changes that leave nothing to alarm, undone in fresh layers; or what the seed or an earlier entry decides."""
    source = Source(session, operation, target)
    first = source.drawn(1)
    if not all(np.isfinite(z).all() for z in first.z):
        return []
    bits = session.adapter.seed_bits
    found = list(repeating.explained(source.layer, first, session.seed_for(operation.name, "repeating") >> (33 - bits), bits))
    if not found:
        second = source.drawn(2)
        changes = sorted([*scaling.changes(first, operation, source.reading), *mending.changes(first)], key=lambda change: change.cost)
        found = list(_confirmed(changes, first, second))
    points = sum(z.size for z in first.z)
    clauses = operation.clauses
    return [Explanation(kind, text, clauses, points, 0.0, formula) for kind, text, formula in found[:MOST]]


def explained_error(session: Session, operation: Operation, result: Result, target: Format) -> list[Explanation]:
    """A shape that is turned around, if every layer that is not square has it."""
    shapes = [shape for shape in initialization.ODD if shape[0] != shape[1]]
    method, adapter = getattr(session.adapter, operation.name), session.adapter
    for shape in shapes:
        try:
            found = np.shape(adapter.to_numpy(method(shape, 7, target.name)))
        except Exception:  # whatever the framework raises is told already
            return []
        if found != shape[::-1]:
            return []
    text = "layers have a row for each output and a column for each input, not the other way round"
    return [Explanation("transposed", text, operation.clauses, len(shapes), 0.0)]


def _confirmed(changes: Sequence[Change], first: Drawn, second: Drawn) -> Iterator[tuple[str, str, str]]:
    """Those of the lowest cost that hold; a part of the first layers rejects most of the others."""
    cost = float("inf")
    for change in changes:
        if change.cost > cost:
            return
        square = first.part([first.shapes.index((512, 512))])
        if not change.is_apart and _alarms(change, square):
            continue
        if not _alarms(change, first) and not _alarms(change, second):
            cost = change.cost
            yield change.kind, change.text, change.formula


def _alarms(change: Change, drawn: Drawn) -> bool:
    mended = change.mend(drawn)
    if mended is None or not all(np.isfinite(z).all() for z in mended):
        return True
    matrices = [Draws(z, drawn.law, drawn.target) for z in mended]
    found = draws.findings(matrices) if len(matrices) > 1 else matrices[0].findings()
    return chance.judged(found).alarm is not None
