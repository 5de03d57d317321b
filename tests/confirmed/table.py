"""The table: every equation that has a formula, every reading, and what confirms it; `python tests/confirmations.py` prints it."""

from __future__ import annotations

from collections.abc import Mapping

from confirmed import section_9, section_10, sections_2_to_6, sections_7_and_8, sections_11_and_12
from confirmed.making import EVIDENCE, Evidence, Key
from eqwise.spec import EQUATIONS, STATEMENTS
from eqwise.spec.document import AS_PRINTED, Formula
from eqwise.spec.metrics import TABLE_1_READINGS, confusion_matrix
from eqwise.spec.regularization import DROPOUT_FACTORS, RUNNING_VARIANCES, STARTS

TABLE: Mapping[Key, Evidence] = EVIDENCE
MODULES = (sections_2_to_6, sections_7_and_8, section_9, section_10, sections_11_and_12)
FORMULAS: Mapping[Key, Formula] = {
    **{(n, name): entry.formula_as(name) for n, entry in EQUATIONS.items() if entry.formula for name in (AS_PRINTED, *entry.readings)},
    ("t1-confusion", AS_PRINTED): confusion_matrix,
    **{("t1-confusion", name): lambda *counts, f=f: f(confusion_matrix(*counts)) for name, f in TABLE_1_READINGS.items()},
    **{("s12.2-inference-scale", name): lambda p, f=f: [factor(p) for factor in f] for name, f in DROPOUT_FACTORS.items()},
    **{("s12.3-inference", name): formula for name, formula in RUNNING_VARIANCES.items()},
}
RULES = ("s12-early-stopping",)  # no formula: the tests of our own training system confirm it


def asked() -> set[Key]:
    """Every equation with a formula and every reading; where running averages start does not change how they go on."""
    of_equations = {(n, name) for n, entry in EQUATIONS.items() if entry.formula for name in (AS_PRINTED, *entry.readings)}
    read = {key: (AS_PRINTED, *entry.readings) for key, entry in STATEMENTS.items() if entry.readings and key not in RULES}
    return of_equations | {(key, _averaged(name)) for key, names in read.items() for name in names}


def _averaged(reading: str) -> str:
    return next((reading.removesuffix(f"_{start}") for start in STARTS if reading.endswith(f"_{start}")), reading)
