"""Weights that repeat: from seed to seed, from row to row, or after some entries; what is drawn once must follow the law."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from eqwise.conformance import chance
from eqwise.conformance.diagnosis.mending import Drawn
from eqwise.conformance.draws import Draws
from eqwise.conformance.initialization import TALL, WIDE
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import Floats

PROBE = (3, 5)
ONCE = 1 << 15  # entries that are drawn once, at least
FEW = 1 << 13  # entries that a layer of one row, or of one column, may have
CANDIDATES = 16  # periods that are tried
BEGINNING = 64  # entries that are looked for again

Layer = Callable[[tuple[int, int], int], Floats]
Told = tuple[str, str, str]


def explained(layer: Layer, drawn: Drawn, seed: int, bits: int) -> Iterator[Told]:
    """What repeats, if the rest follows the law; a seed has so many bits."""
    idle = idle_bits(layer, seed, bits)
    if idle:
        if _holds_without(layer, drawn, seed, [bit for bit in range(bits) if bit not in idle]):
            yield "seed", _told_bits(idle, bits), ""
        return
    found = _repeated_part(layer, seed)
    if found is not None:
        text, part = found
        if _conforms(drawn, part(layer, seed + 1)):
            yield "repeated", text, ""


def idle_bits(layer: Layer, seed: int, bits: int) -> list[int]:
    """Bits of the seed that change nothing."""
    known = layer(PROBE, seed)
    return [bit for bit in range(bits) if np.array_equal(layer(PROBE, seed ^ (1 << bit)), known)]


def _told_bits(idle: list[int], bits: int) -> str:
    if len(idle) == bits:
        return "the seed has no effect: every layer of one shape is the same"
    shown = f"{idle[0]} to {idle[-1]}" if idle == list(range(idle[0], idle[-1] + 1)) and len(idle) > 1 else ", ".join(map(str, idle))
    which = f"bit {shown} of the seed has" if len(idle) == 1 else f"bits {shown} of the seed have"
    return f"{which} no effect (bit 0 is the lowest): seeds that differ in nothing else give the same layer"


def _holds_without(layer: Layer, drawn: Drawn, seed: int, others: list[int]) -> bool:
    """Whether layers conform alone, and those of seeds that differ in another bit together."""
    if not all(_conforms(drawn, layer(shape, seed)) for shape in (WIDE, TALL)):
        return False
    seeds = [seed ^ (1 << bit) for bit in others]
    return not seeds or _conforms(drawn, np.concatenate([layer((64, 64), other) for other in seeds]))


def _conforms(drawn: Drawn, z: Floats) -> bool:
    return chance.judged(Draws(z, drawn.law, drawn.target).findings()).alarm is None


def _repeated_part(layer: Layer, seed: int) -> tuple[str, Callable[[Layer, int], Floats]] | None:
    """What is drawn once, told and drawn again of other seeds."""
    layers = {shape: layer(shape, seed) for shape in (WIDE, TALL)}
    for is_turned in (False, True):
        flat = {shape: (z.T if is_turned else z).ravel() for shape, z in layers.items()}
        periods = [period(z) for z in flat.values()]
        if not all(periods):
            continue
        lines = [shape[0] if is_turned else shape[1] for shape in layers]
        if periods == lines:
            name = "column" if is_turned else "row"
            return f"one {name} is drawn and repeated", _once(periods[0], is_turned)
        if all(2 * p == len(z) for p, z in zip(periods, flat.values(), strict=True)):
            return "the second half of all entries repeats the first", _once(periods[0], is_turned)
        if periods[0] == periods[1]:
            return f"{periods[0]} entries are drawn and repeated over and over", _once(periods[0], is_turned)
    return None


def _once(length: int, is_turned: bool) -> Callable[[Layer, int], Floats]:
    """So many first entries of as many layers as are needed, in rows."""

    def drawn_once(layer: Layer, seed: int) -> Floats:
        shape = WIDE if length > FEW else (length, 1) if is_turned else (1, length)
        layers = [layer(shape, seed + k) for k in range(max(2, ONCE // length))]
        rows = np.array([(z.T if is_turned else z).ravel()[:length] for z in layers])
        return rows.reshape(-1, shape[1]) if length > FEW else rows

    return drawn_once


def period(flat: Array) -> int:
    """After how many entries a sequence repeats; 0 where it does not."""
    written, size = flat.tobytes(), flat.itemsize
    start = 0
    for _ in range(CANDIDATES):
        start = written.find(written[: BEGINNING * size], start + 1)
        if start < 0:
            return 0
        if start % size == 0 and written[start:] == written[:-start]:
            return start // size
    return 0
