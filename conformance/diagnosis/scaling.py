"""Weights of another size or of another law: their deviation as a formula of the layer's inputs and outputs, measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import comb, factorial

import numpy as np
from scipy import special

from eqwise.conformance.adapter import Operation
from eqwise.conformance.diagnosis.mending import SEED, Change, Drawn, Mend, cell
from eqwise.conformance.draws import NORMAL, UNIFORM, standardised
from eqwise.spec.document import EQUATIONS, reading_as
from eqwise.spec.numbers.expression import number
from eqwise.spec.numbers.formats import Floats

Cumulative = Callable[[Floats], Floats]
POWERS = 4  # exponents are multiples of one over this
PLAIN = {1.0: "1", 2**0.5: "√2", 2**-0.5: "1/√2", 3**-0.5: "1/√3", 3**0.5: "√3", 2**0.25: "2^(1/4)", 2.0: "2", 0.5: "1/2"}


@dataclass(frozen=True)
class Form:
    """A deviation: a constant times powers of the inputs and the outputs, or of their sum."""

    constant: float
    inputs: float
    outputs: float
    together: float = 0.0

    def __call__(self, shape: tuple[int, int]) -> float:
        n_i, n_o = shape
        return self.constant * n_i**self.inputs * n_o**self.outputs * (n_i + n_o) ** self.together

    def __str__(self) -> str:
        powers = (("n_i", self.inputs), ("n_o", self.outputs), ("(n_i + n_o)", self.together))
        parts = [name if power == 1 else f"{name}^{power:g}" for name, power in powers if power]
        known = _plain(self.constant)
        return " ".join([known, *parts]) if known != "1" or not parts else " ".join(parts)

    @property
    def powers(self) -> tuple[float, float, float]:
        """Of inputs, outputs and both together."""
        return self.inputs, self.outputs, self.together


def _plain(value: float) -> str:
    found = [shown for known, shown in PLAIN.items() if abs(value / known - 1) < 2.0**-9]
    return found[0] if found else f"{value:.3g}"


def changes(drawn: Drawn, operation: Operation, reading: str) -> Iterator[Change]:
    """Another deviation, another law, or both; another deviation of some layers alone."""
    printed = [_printed(operation.equations[0], reading, shape) for shape in drawn.shapes]
    ratios = drawn.ratios()
    forms = list(_forms(drawn, ratios * printed))
    own = next(_forms(drawn, np.array(printed)))
    for form in forms:
        if any(abs(form(shape) / d - 1) > 2.0**-8 for shape, d in zip(drawn.shapes, printed, strict=True)):
            text, kind = _told(form, own, drawn, operation)
            yield Change(kind, text, 1, _rescaled(form, printed, drawn), f"{_symbol(drawn)} = {form}")
    yield from _of_bounds(drawn)
    yield from _of_other_laws(drawn, printed, forms, own)
    yield from _apart(drawn, ratios)


def _symbol(drawn: Drawn) -> str:
    return "deviation" if drawn.law is not UNIFORM else "deviation of U"


def _printed(equation: int, reading: str, shape: tuple[int, int]) -> float:
    with reading_as({equation: reading}):
        law, unit = standardised(EQUATIONS[equation](*map(number, shape)))
    return unit * float(np.sqrt(law.variance))


def _forms(drawn: Drawn, deviations: Floats) -> Iterator[Form]:
    """Those through the three large layers, whose exponents are plain."""
    known = {shape: float(d) for shape, d in zip(drawn.shapes, deviations, strict=True)}
    wide, tall, square = known[(2048, 512)], known[(512, 2048)], known[(512, 512)]
    if min(wide, tall, square) <= 0:
        return
    a, b = (round(POWERS * float(np.log(x / square) / np.log(4))) / POWERS for x in (wide, tall))
    made = Form(1.0, a, b)
    yield Form(_mean_ratio(known, made), a, b)
    power = round(POWERS * float(np.log(wide / square) / np.log(2.5))) / POWERS
    if power:
        made = Form(1.0, 0.0, 0.0, power)
        yield Form(_mean_ratio(known, made), 0.0, 0.0, power)


def _mean_ratio(known: dict[tuple[int, int], float], form: Form) -> float:
    large = [shape for shape in known if min(shape) >= 512]
    measured = float(np.mean([known[shape] / form(shape) for shape in large]))
    for plain in PLAIN:
        if abs(measured / plain - 1) < 2.0**-9:
            return plain
    return measured


def _told(form: Form, own: Form, drawn: Drawn, operation: Operation) -> tuple[str, str]:
    """What the deviation is, and how that comes about."""
    text = f"the deviation is {form}, not {own}"
    relations = (
        ("argument", "the outputs for the inputs", form.powers == (own.outputs, own.inputs, own.together), own.constant),
        ("square", "the variance in the place of the deviation", _times(form, own, 2), own.constant**2),
        ("root", "the deviation in the place of the variance", _times(form, own, 0.5), own.constant**0.5),
    )
    for kind, why, agrees, constant in relations:
        if agrees and abs(form.constant / constant - 1) < 2.0**-8 and form.powers != own.powers:
            return f"{text}: {why}", kind
    others = [n for n in (69, 70, 71, 72) if n != operation.equations[0] and _is_that_of(form, n)]
    if others:
        return f"{text}: that of ({others[0]})", "another law"
    if form.powers == own.powers:
        return f"the deviation is {_plain(form.constant / own.constant)} times that of the law: {form}, not {own}", "factor"
    return text, "another deviation"


def _times(form: Form, own: Form, power: float) -> bool:
    return form.powers == tuple(power * p for p in own.powers)


def _is_that_of(form: Form, equation: int) -> bool:
    shapes = ((2048, 512), (512, 2048), (512, 512), (8, 1), (1, 8))
    return all(abs(form(shape) / _printed(equation, "as_printed", shape) - 1) < 2.0**-8 for shape in shapes)


def _rescaled(form: Form, printed: list[float], drawn: Drawn) -> Mend:
    factors = {shape: form(shape) / d for shape, d in zip(drawn.shapes, printed, strict=True)}
    return lambda d: [z / factors[shape] for z, shape in zip(d.z, d.shapes, strict=True)]


# bounds of a uniform law


def _of_bounds(drawn: Drawn) -> Iterator[Change]:
    if drawn.law is not UNIFORM:
        return
    low, high = min(float(z.min()) for z in drawn.large), max(float(z.max()) for z in drawn.large)
    low, high = (round(1000 * bound) / 1000 for bound in (low, high))
    if high > low and (low, high) != (-1, 1):
        shown, width = f"U[{low:g}, {high:g}]", high - low
        text = f"drawn from {shown}, not from U[-1, 1]"
        yield Change("bound", text, 0, lambda d: [(2 * z - low - high) / width for z in d.z], shown)


# other laws


@lru_cache(maxsize=16)
def _sum_of_uniforms(count: int) -> tuple[Floats, Floats]:
    """The distribution function of their sum, of deviation 1, on a grid."""
    x = np.linspace(0, count, 1 << 12)
    below = sum((-1) ** k * comb(count, k) * np.maximum(x - k, 0) ** count for k in range(count + 1)) / factorial(count)
    return (x - count / 2) * np.sqrt(12 / count), np.asarray(below)


def _laws(drawn: Drawn) -> Iterator[tuple[str, Cumulative]]:
    """Laws by name, of deviation 1."""
    if drawn.law is not UNIFORM:
        yield "a uniform law", lambda z: np.clip((1 + z / np.sqrt(3)) / 2, 0, 1)
    if drawn.law is not NORMAL:
        yield "a normal law", special.ndtr
    yield "Laplace's law", lambda z: np.where(z < 0, np.exp(np.sqrt(2) * z) / 2, 1 - np.exp(-np.sqrt(2) * z) / 2)
    yield "the logistic law", lambda z: special.expit(z * np.pi / np.sqrt(3))
    for count in (2, 3, 4, 6, 12):
        grid, below = _sum_of_uniforms(count)
        yield f"the sum of {count} uniform numbers", lambda z, g=grid, b=below: np.interp(z, g, b)  # type: ignore[misc]
    for degrees in (5, 6, 7, 8, 9, 10, 12, 15, 20, 30):
        name = f"Student's law of {degrees} degrees of freedom"
        yield name, lambda z, n=degrees: special.stdtr(n, z * np.sqrt(n / (n - 2)))  # type: ignore[misc]


def _of_other_laws(drawn: Drawn, printed: list[float], forms: list[Form], own: Form) -> Iterator[Change]:
    """The law that is closest, at the printed deviation or at the measured one."""
    z = drawn.large[0].ravel()[:: max(1, drawn.large[0].size // (1 << 17))]
    ordered = np.sort(z / np.sqrt(np.square(z).mean()))
    shares = (np.arange(len(ordered)) + 0.5) / len(ordered)
    laws = list(_laws(drawn))
    distances = [float(np.abs(cumulative(ordered) - shares).max()) for _, cumulative in laws]
    best = sorted(range(len(laws)), key=distances.__getitem__)[:2]
    for k in best:
        name, cumulative = laws[k]
        if distances[k] > 0.02:
            continue
        for form in [None, *forms]:
            shown = "of the printed deviation" if form is None else f"of deviation {form}, not {own}"
            scale = [1.0] * len(printed) if form is None else [form(s) / d for s, d in zip(drawn.shapes, printed, strict=True)]
            yield Change("another law", f"drawn from {name} {shown}", 2 if form is None else 3, _by_shares(cumulative, scale, drawn))


def _by_shares(cumulative: Cumulative, scale: list[float], drawn: Drawn) -> Mend:
    factors = dict(zip(drawn.shapes, scale, strict=True))

    def mended(d: Drawn) -> list[Floats]:
        rng, found = np.random.default_rng(SEED), []
        for raw, unit, shape in zip(d.raw, d.units, d.shapes, strict=True):
            scale = factors[shape] * d.deviation * unit
            below, above = cell(d.target, raw)
            shares = cumulative((raw - below) / scale), cumulative((raw + above) / scale)
            found.append(d.quantile(shares[0] + rng.random(raw.shape) * (shares[1] - shares[0])))
        return found

    return mended


# some layers apart


def _apart(drawn: Drawn, ratios: Floats) -> Iterator[Change]:
    """Layers of some shapes alone, by the deviation that they have."""
    rooms = np.array([6 / np.sqrt(2 * z.size) for z in drawn.z])
    off = [k for k in range(len(ratios)) if abs(ratios[k] - 1) > rooms[k]]
    if not 0 < len(off) < len(ratios):
        return
    told = [f"{_plain(ratios[k])} times that of the law for {drawn.shapes[k][0]} inputs and {drawn.shapes[k][1]} outputs" for k in off]
    factors = {shape: ratios[k] if k in off else 1.0 for k, shape in enumerate(drawn.shapes)}
    others = ", ".join(f"{a} by {b}" for k, (a, b) in enumerate(drawn.shapes) if k not in off)
    text = f"in some layers alone the deviation is another: {'; '.join(told)}; it does not show for {others}"
    yield Change("branch", text, 4, lambda d: [z / factors[s] for z, s in zip(d.z, d.shapes, strict=True)], is_apart=True)
