"""Every innocent implementation by name: what is different, the operations that it does otherwise, and what is allowed of it."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import getdoc

from eqwise.conformance.adapters.reference import ReferenceAdapter
from innocent import arrays, forms, identities, moved, precise, pure, steps, sums, tape
from innocent.making import OFFERED, replaced
from wrong import innocents_6_to_12


class Reference(ReferenceAdapter):
    """The reference as it is."""


@dataclass(frozen=True)
class Innocent:
    """One implementation: the clauses of which it may follow another reading, and why it may lose digits, if it may.

    `alone`: no operation of it takes what another returns, so that nothing is asked of several.
    """

    made: type
    readings: tuple[str, ...] = ()
    loses: str = ""
    alone: bool = False

    @property
    def name(self) -> str:
        return self.made.__name__

    @property
    def differs(self) -> str:
        """What is different, in one line."""
        return (getdoc(self.made) or "").partition("\n")[0]

    @property
    def operations(self) -> list[str]:
        return list(OFFERED) if self.made is Reference else replaced(self.made)

    def adapter(self) -> ReferenceAdapter:
        """An adapter that is held against the reference too, and not taken for it."""
        made: ReferenceAdapter = self.made()
        if self.made is not Reference:
            object.__setattr__(made, "name", self.name)
        return made


_WHOLE = (  # every operation of the reference, its declared reading among them
    Reference, arrays.FortranOrder, arrays.ReadOnly, arrays.Strided, arrays.Scalars, arrays.PythonNumbers, arrays.Subclass,
    arrays.OtherByteOrder, arrays.Wider, arrays.Widest, arrays.Lists, arrays.Lazy, arrays.FlushesToZero,
    arrays.FlushesToTheRight,
)  # fmt: skip
_EXACT = (
    *_WHOLE,
    precise.LongDouble, precise.ExactNumbers, identities.PowersOfTwo, identities.Hyperbolic, identities.SoftmaxByDifferences,
    identities.SoftmaxByWholeShift, identities.SoftmaxUnshifted, identities.SpecialFunctions, identities.ComplexStep, pure.PurePython,
    sums.SumsReversed, sums.SumsInHalves, sums.SumsSorted, sums.SumsCompensated, sums.SumsInBlocks, sums.SumsExact, sums.Fused,
    forms.OtherForms, forms.SingleForHalves, forms.InItsDtype, tape.Tape,
    steps.InPlace, steps.OneBuffer, steps.OtherUnits, steps.ExtendedSteps, moved.TwoUnitsAway,
    *innocents_6_to_12.INNOCENTS,
)  # fmt: skip
_LOSES = {
    **dict.fromkeys(innocents_6_to_12.MAY_BE_INACCURATE, "on hard inputs, as the module says"),
    innocents_6_to_12.MeanOfObservations: "the two terms of the gradient by t cancel where y is small against t",
    forms.KeepsOutputs: "1 − y has few digits where y is near 1",
    sums.SumsReversed: "a thousand terms of one sign, one after another, round more than they excuse",
    precise.LongDouble: "the mean of many equal numbers and another one is rounded, though the result hardly depends on them",
    **dict.fromkeys((identities.PowersOfTwo, pure.PurePython, tape.Tape), "a factor eˣ that is subnormal has fewer digits"),
    **dict.fromkeys((arrays.FlushesToZero, arrays.FlushesToTheRight, forms.FlushesKeptOutputs), "what is below the normal range is 0"),
    identities.SoftmaxByDifferences: "1/∞ is 0 where it would be subnormal",
    identities.SpecialFunctions: "expit is 0 where it would be subnormal",
}
_READINGS = {**dict.fromkeys(_WHOLE, ("s12.2-inference-scale",)), **innocents_6_to_12.OTHER_READINGS}
_ALONE = (arrays.OtherByteOrder, arrays.Wider, arrays.Widest, arrays.Lazy)
INNOCENTS = {
    made.__name__: Innocent(made, _READINGS.get(made, ()), _LOSES.get(made, ""), made in _ALONE)
    for made in dict.fromkeys((*_EXACT, *_LOSES, *_READINGS))
}
