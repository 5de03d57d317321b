"""What confirms every transcription, and how sharply: `python tests/confirmations.py [NUMBER …] [--unnoticed]`.

For each equation and reading: the share of its edits, formulas that differ from it in one place, that the evidence notices, and
where the evidence comes from. `--unnoticed` prints the edits that pass for the formula, most of which are equal to it.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator

import numpy as np

from confirmed.making import Evidence, Key
from confirmed.table import FORMULAS, TABLE
from eqwise.conformance.diagnosis.edits import Edit, edits
from eqwise.conformance.diagnosis.vocabulary import CONSTANT
from eqwise.spec.distributions import Normal, Uniform
from eqwise.spec.document import Formula
from eqwise.spec.numbers.expression import each, lifted, number, rebuild
from eqwise.spec.numbers.program import NoCase

SLIGHT = {  # the constants of edits that leave one open
    "factor": 1 + 2.0**-10, "constant added": 2.0**-10, "threshold": 2.0**-10, "smoothed": 2.0**-10, "bound": 0.5, "own constant": 0.75,
}  # fmt: skip


def changed(key: Key) -> Iterator[Edit]:
    """Formulas that differ from this one in one place, in the values that they have."""
    if isinstance(key[0], int):
        yield from (edit for edit in edits(*key) if not edit.is_detached and not edit.rounded_to)


def notices(evidence: Evidence, edit: Edit) -> bool | None:
    """Whether the evidence speaks against an edit, whose constant is slight; None where it is no formula on these arguments."""
    try:
        return evidence.against(_with_constant(edit.formula, SLIGHT.get(edit.kind, 0.5))) is not None
    except NoCase:
        return True
    except (TypeError, IndexError, AttributeError, ValueError, ZeroDivisionError) as error:
        return True if "around 0" in str(error) else None


def _with_constant(formula: Formula, value: float) -> Formula:
    def made(*arguments: object) -> object:
        return _replaced(formula(*arguments), value)

    return made


def _replaced(item: object, value: float) -> object:
    def one(x: object) -> object:
        return rebuild([lifted(x)], lambda old, _: number(value) if old is CONSTANT else None)[0]

    if isinstance(item, Uniform):
        return Uniform(one(item.low), one(item.high))
    if isinstance(item, Normal):
        return Normal(one(item.mean), one(item.deviation), item.within, item.rescaled)
    return each(one, np.array(item, object)) if np.ndim(item) else one(item)


def shares(key: Key) -> tuple[int, list[Edit]]:
    """How many edits of the formula there are, and those that its evidence does not notice."""
    found = [(edit, notices(TABLE[key], edit)) for edit in changed(key)]
    told = [(edit, noticed) for edit, noticed in found if noticed is not None]
    return len(told), [edit for edit, noticed in told if not noticed]


def main() -> None:
    """Prints a line for each equation and reading."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="NUMBER")
    parser.add_argument("--unnoticed", action="store_true")
    known = parser.parse_args()
    edited = passed = 0
    for key in FORMULAS:
        if known.numbers and str(key[0]) not in known.numbers:
            continue
        evidence, (count, unnoticed) = TABLE[key], shares(key)
        edited, passed = edited + count, passed + len(unnoticed)
        against = evidence.against(FORMULAS[key])
        share = f"{count - len(unnoticed)}/{count}" if count else "–"
        print(f"{key[0]!s:22} {key[1]:38} {'refuted: ' + against if against else 'confirmed'} {share:>9}  {evidence.by}", flush=True)
        if known.unnoticed:
            print("".join(f"    [{edit.kind}] {edit.text}\n" for edit in unnoticed), end="", flush=True)
    print(f"{edited - passed} of {edited} edits noticed")


if __name__ == "__main__":
    main()
