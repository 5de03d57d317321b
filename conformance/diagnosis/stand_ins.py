"""What an optimizer could take in the place of a gradient, a slot or the time: one number for all elements of a parameter, a row
for all rows, the order of memory, a count of other steps, a slot that is one step ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from eqwise.conformance.layouts import laid_out
from eqwise.conformance.optimization import Judging
from eqwise.conformance.trajectories import Track
from eqwise.spec.numbers.formats import Floats
from eqwise.spec.numbers.program import FLOATS, compiled

REDUCTIONS: Mapping[str, Callable[[Any], Any]] = {  # of the elements of a parameter, in every step
    "the sum of {}": lambda a: a.sum(axis=1),
    "the mean of {}": lambda a: a.mean(axis=1),
    "the largest {}": lambda a: a.max(axis=1),
    "the first {}": lambda a: a[:, 0],
    "the norm of {}": lambda a: np.sqrt((a * a).sum(axis=1)),
    "the root of the mean square of {}": lambda a: np.sqrt((a * a).mean(axis=1)),
}


def in_place(judging: Judging, track: Track, slots: Sequence[str]) -> Mapping[str, Floats]:
    """What could be taken in the place of a gradient, a slot or the time, of the shape (steps, elements)."""
    return {
        **_of_whole_parameters(track, "gradient", track.gradient),
        **{told: column for slot in slots for told, column in _of_whole_parameters(track, slot, track.kept[slot][1:]).items()},
        "the sign of gradient": np.sign(track.gradient),
        **_of_arrays(track, track.gradient),
        **_ahead(judging, track, slots),
    }


def _of_arrays(track: Track, gradient: Floats) -> Mapping[str, Floats]:
    """The gradient read, and steps counted, in other ways than for each parameter: of the shape (steps, elements)."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in track.plan.shapes)])
    first, stored, counted = gradient.copy(), gradient.copy(), np.zeros_like(gradient)
    for place, ((a, b), shape) in enumerate(zip(pairwise(ends), track.plan.shapes, strict=True)):
        counted[:, a:b] = (np.arange(len(gradient)) * len(track.plan.shapes) + place + 1)[:, None]
        for step in range(len(gradient) if len(shape) > 1 else 0):
            part = gradient[step, a:b].reshape(shape)
            first[step, a:b] = np.broadcast_to(part[:1], shape).ravel()
            stored[step, a:b] = laid_out(part, track.plan.laid).ravel(order="K")
    return {
        "the first row of gradient": first,
        "gradient in the order of memory": stored,
        "a count of all parameters' steps": counted,
    }


def _ahead(judging: Judging, track: Track, slots: Sequence[str]) -> Mapping[str, Floats]:
    """Slots that took one step more, with the same gradient."""
    found = {}
    for name in slots:
        claim = judging.claim_of_slot(name, ())
        columns = {**track.columns(), name: track.kept[name][1:]}
        with np.errstate(all="ignore"):
            (after,) = compiled(claim.outputs, claim.inputs, FLOATS)(*(columns[str(x.value)] for x in claim.inputs))
        found[f"{name} after one step more"] = np.broadcast_to(after, track.gradient.shape)
    return found


def _of_whole_parameters(track: Track, name: str, columns: Floats) -> Mapping[str, Floats]:
    """One number for all elements of a parameter: columns of shape (steps, elements), with as many digits as there are."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in track.plan.shapes)])
    found: dict[str, Floats] = {}
    with np.errstate(all="ignore"):
        for told, reduced in REDUCTIONS.items():
            parts = [np.asarray(columns[:, a:b], np.longdouble) for a, b in pairwise(ends)]
            one = np.concatenate([np.broadcast_to(reduced(part)[:, None], part.shape) for part in parts if part.shape[1]], axis=1)
            found[f"{told.format(name)} of the parameter"] = np.asarray(one, np.float64)
        norm = found[f"the norm of {name} of the parameter"]
        found[f"{name} divided by its norm"] = np.where(norm > 0, columns / norm, 0.0)
    return found
