"""Where an optimizer's equations have something to say: what a failure there may be due to, and what a success clears.

A *part* is an equation with one of its aspects. At beta_1 = 0 the moving mean (64) keeps nothing and (66) corrects nothing,
nor does it any more once beta_1^t has worn off; what epsilon or a change of eta is in says nothing where they do not show.
Where something hardly shows, a failure may be due to it, but a success clears nothing: that is the part `FAINT`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from eqwise.spec.numbers.formats import Floats, Format

Part = tuple[int, str]
Columns = Mapping[str, Floats]
Shows = Callable[[Columns, Format], Any]
FAINT: Part = (0, "faint")
_PLAIN = 2.0**-6
_WORN_OFF = 2.0**-60


def _always(at: Columns, target: Format) -> Any: return True
def _later(at: Columns, target: Format) -> Any: return at["t"] > 1
def _changed(at: Columns, target: Format) -> Any: return at["eta"] != at["eta"].ravel()[0]
def _rests(at: Columns, target: Format) -> Any: return at["gradient"] == 0
def _decays(name: str) -> Shows: return lambda at, target: at[name] != 0
def _corrects(name: str, worn_off: float) -> Shows: return lambda at, target: at[name] ** at["t"] > worn_off


def _epsilon(squares: str) -> Shows:
    return lambda at, target: at["epsilon"] > target.unit_roundoff * np.abs(at[squares])


def _faint(*shows: Shows) -> Shows: return lambda at, target: reduce(np.logical_or, [show(at, target) for show in shows])


def _hardly_corrects(name: str, worn_off: float = 0.0) -> Shows:
    return lambda at, target: (at[name] > 0) & (at[name] ** at["t"] >= worn_off) & (at[name] ** at["t"] < _PLAIN)


def _small_epsilon(squares: str) -> Shows:
    return lambda at, target: _epsilon(squares)(at, target) & (at["epsilon"] < _PLAIN * np.abs(at[squares]))


SHOWN: Mapping[str, Mapping[Part, Shows]] = {  # where theta starts from what the optimizer itself keeps
    "adam": {
        (66, "m_hat"): _decays("beta_1"), (66, "early"): _corrects("beta_1", _WORN_OFF),
        (67, "v_hat"): _decays("beta_2"), (67, "early"): _corrects("beta_2", _WORN_OFF),
        (68, "step"): _always, (68, "beta_1"): _decays("beta_1"), (68, "beta_2"): _decays("beta_2"),
        FAINT: _faint(_hardly_corrects("beta_1", _WORN_OFF), _hardly_corrects("beta_2", _WORN_OFF)),
    },
}  # fmt: skip
HIDDEN: Mapping[str, Mapping[Part, Shows]] = {  # momentum is one formula, both of whose equations are named
    "adagrad": {
        (60, "squares"): _always, (60, "memory"): _later, (61, "step"): _always, (61, "later"): _later, (61, "eta"): _changed,
    },
    "rmsprop": {
        (62, "squares"): _always, (62, "memory"): _decays("alpha"),
        (63, "step"): _always, (63, "alpha"): _decays("alpha"), (63, "epsilon"): _epsilon("h"), (63, "eta"): _changed,
        FAINT: _small_epsilon("h"),
    },
    "adam": {  # a moving mean and its correction are not told apart
        (64, "mean"): _always, (64, "memory"): _decays("beta_1"), (64, "rest"): _rests,
        (65, "mean"): _always, (65, "memory"): _decays("beta_2"), (65, "rest"): _rests,
        (66, "m_hat"): _decays("beta_1"), (67, "v_hat"): _decays("beta_2"),
        (68, "step"): _always, (68, "epsilon"): _epsilon("v"), (68, "eta"): _changed,
        FAINT: _faint(_small_epsilon("v"), _hardly_corrects("beta_1"), _hardly_corrects("beta_2")),
    },
}  # fmt: skip


def parts(operation: str, equations: tuple[int, ...], hidden: bool) -> Mapping[Part, Shows]:
    """The parts that take part in a step of theta, each with where it has something to say."""
    return (HIDDEN if hidden else SHOWN).get(operation) or whole(equations)


def whole(equations: tuple[int, ...]) -> Mapping[Part, Shows]:
    """Equations that always have something to say."""
    return {(number, "step"): _always for number in equations}
