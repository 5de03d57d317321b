"""Changes of random weights that can be undone: what is then left must be independent draws from the printed law."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from eqwise.conformance.draws import NORMAL, Standard
from eqwise.spec.numbers.expression import Array
from eqwise.spec.numbers.formats import FORMATS, Floats, Format

SEED = 71  # of what is drawn where something was taken away
EVERY = 16  # so many equal sizes are no chance
LAGS = 64  # places apart that are looked at for a part in common


@dataclass(frozen=True)
class Drawn:
    """Layers in the unit of the law: a matrix of one layer, or a row for each of many small ones. `raw` are the weights."""

    shapes: Sequence[tuple[int, int]]
    z: Sequence[Floats]
    law: Standard
    target: Format
    raw: Sequence[Floats]
    units: Sequence[float]

    def part(self, chosen: Sequence[int]) -> Drawn:
        """Some of the layers."""
        shapes, units = [self.shapes[k] for k in chosen], [self.units[k] for k in chosen]
        return replace(self, shapes=shapes, units=units, z=[self.z[k] for k in chosen], raw=[self.raw[k] for k in chosen])

    @property
    def deviation(self) -> float:
        """Of the law, in its unit."""
        return float(np.sqrt(self.law.variance))

    def ratios(self) -> Floats:
        """The deviation of every layer, over that of the law."""
        return np.array([float(np.sqrt(np.square(z).mean())) / self.deviation for z in self.z])

    @property
    def large(self) -> list[Floats]:
        """The layers that are drawn alone."""
        return [z for z, shape in zip(self.z, self.shapes, strict=True) if z.shape == shape and z.size > 64]

    def quantile(self, u: Floats) -> Floats:
        """Draws of the law from shares."""
        u = np.clip(u, 2.0**-60, 1 - 2.0**-53)
        if self.law is NORMAL:
            return special.ndtri(u)  # type: ignore[no-any-return]
        if self.law.variance == 1 / 3:
            return 2 * u - 1
        low, high = self.law.cumulative(np.array([-self.law.largest, self.law.largest])) if self.law.largest < np.inf else (0.0, 1.0)
        at = special.ndtr(-self.law.largest)
        return special.ndtri(at + np.clip(u, low, high) * (1 - 2 * at))  # type: ignore[no-any-return]

    def fresh(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Draws of the law itself."""
        return self.quantile(rng.random(shape))


Mend = Callable[[Drawn], "list[Floats] | None"]


@dataclass(frozen=True, eq=False)
class Change:
    """What was done to the draws, in words, and how it is undone; `is_apart` where it is done to some of the layers alone."""

    kind: str
    text: str
    cost: int
    mend: Mend
    formula: str = ""
    is_apart: bool = False


def each_layer(mend: Callable[[Drawn, Floats, np.random.Generator], Floats]) -> Mend:
    """The same for every layer."""

    def mended(drawn: Drawn) -> list[Floats]:
        rng = np.random.default_rng(SEED)
        with np.errstate(all="ignore"):
            return [mend(drawn, z, rng) for z in drawn.z]

    return mended


def changes(drawn: Drawn) -> Iterator[Change]:
    """Everything that these layers suggest."""
    yield from _of_signs(drawn)
    yield from _of_mean(drawn)
    yield from _of_whole_layers(drawn)
    yield from _of_lines(drawn)
    yield from _of_grid(drawn)
    yield from _of_tails(drawn)
    yield from _of_neighbours(drawn)


# signs and pairs


def _of_signs(drawn: Drawn) -> Iterator[Change]:
    large, flat = drawn.large, [z.ravel() for z in drawn.large]
    signs = each_layer(lambda d, z, rng: np.abs(z) * rng.choice([-1.0, 1.0], z.shape))
    for name, sign in (("negative", 1), ("positive", -1)):
        if all((sign * z >= 0).all() for z in large):
            yield Change("absolute value", f"no weight is {name}: sizes of the law without its signs", 1, signs)
    if all((np.sign(z[1:]) == -np.sign(z[:-1])).all() for z in flat):
        yield Change("signs", "signs alternate from entry to entry; the sizes follow the law", 1, signs)
    for name, sign in (("the negative of", -1), ("the same as", 1)):
        if all((z[1::2] == sign * z[: len(z) // 2 * 2 : 2]).all() for z in flat):
            yield Change("pairs", f"every second entry is {name} the one before", 1, _first_of_pairs)


def _first_of_pairs(drawn: Drawn) -> list[Floats]:
    return [z.ravel()[::2].reshape(len(z), -1) for z in drawn.z]


# the mean


def _of_mean(drawn: Drawn) -> Iterator[Change]:
    count, total = sum(z.size for z in drawn.z), sum(float(z.sum()) for z in drawn.z)
    mean, unit = total / count, drawn.deviation
    if abs(mean) > 5 * unit / np.sqrt(count):
        room = 1 / np.sqrt(count)
        shown = f"{mean / unit:.2g} ± {room:.1g} deviations" if drawn.law is NORMAL else f"{mean:.2g} ± {room * unit:.1g}"
        text = f"all entries are shifted: their mean is {shown}, not 0"
        yield Change("constant added", text, 1, each_layer(lambda d, z, rng: z - mean))


# layers as a whole


def _of_whole_layers(drawn: Drawn) -> Iterator[Change]:
    """Brought to a mean, to a size, or to equal shares of the law."""
    room = 64 * drawn.target.unit_roundoff
    small = [z for z, shape in zip(drawn.z, drawn.shapes, strict=True) if z.shape != shape]
    if all((np.abs(z.mean(axis=1)) <= room).all() for z in small) and all(abs(z.mean()) <= room for z in drawn.large):
        yield Change("centred", "every layer has its own mean subtracted, so that its entries add up to 0", 1, each_layer(_uncentred))
    sizes = np.concatenate([np.square(z).mean(axis=1) for z in small])
    if len(sizes) and np.ptp(sizes) <= room * sizes.mean():
        told = np.sqrt(sizes.mean()) / drawn.deviation
        text = f"every layer is divided by its own deviation, which is then exactly {told:.6g} times that of the law"
        yield Change("normalised", text, 1, each_layer(_of_any_size))
    if all(_is_stratified(drawn, z) for z in drawn.large):
        text = "each of n equally likely parts of the law holds exactly one of a layer's n entries"
        yield Change("stratified", text, 1, each_layer(_resampled))


def _rows(drawn: Drawn, z: Floats) -> Floats:
    """A row for every layer."""
    return z.reshape(1, -1) if z.size > 1 << 14 and z.shape[1] > 64 else z


def _uncentred(drawn: Drawn, z: Floats, rng: np.random.Generator) -> Floats:
    rows = _rows(drawn, z)
    return (rows + drawn.deviation * rng.standard_normal((len(rows), 1)) / np.sqrt(rows.shape[1])).reshape(z.shape)


def _of_any_size(drawn: Drawn, z: Floats, rng: np.random.Generator) -> Floats:
    rows = _rows(drawn, z)
    n = rows.shape[1]
    return (rows * np.sqrt(rng.chisquare(n, (len(rows), 1)) / n)).reshape(z.shape)


def _is_stratified(drawn: Drawn, z: Floats) -> bool:
    shares = np.sort(drawn.law.cumulative(z.ravel())) * z.size
    return bool(np.mean(np.abs(shares - np.arange(z.size) - 0.5) <= 0.5 + 2.0**-10) > 0.999)


def _resampled(drawn: Drawn, z: Floats, rng: np.random.Generator) -> Floats:
    rows = _rows(drawn, z)
    ranks = np.argsort(np.argsort(rows, axis=1), axis=1)
    return np.take_along_axis(np.sort(drawn.fresh(rows.shape, rng), axis=1), ranks, axis=1).reshape(z.shape)


# rows and columns


def _of_lines(drawn: Drawn) -> Iterator[Change]:
    """Rows or columns that are 0, or that have a part in common."""
    for axis, name in ((0, "row"), (1, "column")):
        zero = [np.flatnonzero((z == 0).all(axis=1 - axis)) for z in drawn.large]
        if all(len(one) for one in zero) and all(np.array_equal(one, zero[0]) for one in zero):
            shown = ", ".join(str(k + 1) for k in zero[0][:4])
            yield Change("zero", f"{name} {shown} of every layer is 0", 1, _filled(zero[0], axis))
        yield from _of_common_part(drawn, axis, name)


def _filled(lines: Array, axis: int) -> Mend:
    def mended(drawn: Drawn) -> list[Floats]:
        rng, found = np.random.default_rng(SEED), []
        for z, shape in zip(drawn.z, drawn.shapes, strict=True):
            layers = z.reshape(-1, *shape).copy()
            chosen = [k for k in lines if k < shape[axis]]
            part = layers[:, chosen] if axis == 0 else layers[:, :, chosen]
            if not (part == 0).all():
                return [np.full(1, np.nan)]
            if axis == 0:
                layers[:, chosen] = drawn.fresh(part.shape, rng)
            else:
                layers[:, :, chosen] = drawn.fresh(part.shape, rng)
            found.append(layers.reshape(z.shape))
        return found

    return mended


def _of_common_part(drawn: Drawn, axis: int, name: str) -> Iterator[Change]:
    if drawn.law is not NORMAL or not drawn.large:
        return
    z = drawn.large[0] if axis == 0 else drawn.large[0].T
    n = z.shape[1]
    own = float(np.square(z - z.mean(axis=1, keepdims=True)).sum() / (len(z) * (n - 1)))
    of_lines = z.mean(axis=1)
    shift = float(of_lines.mean())  # which all rows have, and which is no part of any
    if abs(shift) < 6 * float(of_lines.std()) / np.sqrt(len(z)):
        shift = 0.0
    common = float(np.square(of_lines - shift).mean()) - own / n
    if common < 0.01:
        return
    shown = f"{np.sqrt(common):.3g} in common, beside one of {np.sqrt(own):.3g} of their own"
    text = f"all entries of a {name} have a part of deviation {shown}"

    def mended(d: Drawn) -> list[Floats]:
        rng, found = np.random.default_rng(SEED), []
        for each, shape in zip(d.z, d.shapes, strict=True):
            layers = each.reshape(-1, *shape)
            count = shape[1 - axis]
            apart = layers - layers.mean(axis=2 - axis, keepdims=True)
            means = np.sqrt(own / count) * rng.standard_normal((len(layers), *((shape[0], 1) if axis == 0 else (1, shape[1]))))
            found.append(((apart + means + shift) / np.sqrt(own)).reshape(each.shape))
        return found

    yield Change("common part", text, 2, mended)


# grids


def _of_grid(drawn: Drawn) -> Iterator[Change]:
    """Numbers of a coarser format, or multiples of a step."""
    narrower = [f for f in FORMATS.values() if f.p < drawn.target.p]
    for known in sorted(narrower, key=lambda f: f.p):
        if all(np.array_equal(known.round(raw), raw) for raw in drawn.raw):
            yield Change("lower precision", f"drawn in {known.name}, whose numbers all of them are", 1, _off_grid(known, 0.0, 0.0))
            break
    step = _step(drawn)
    if step:
        for text, below, above in (("rounded to", 0.5, 0.5), ("rounded down to", 0.0, 1.0), ("rounded up to", 1.0, 0.0)):
            told = f"{text} multiples of {step:.6g}{_count(drawn)}"
            yield Change("lower precision", told, 1, _off_grid(None, below * step, above * step))


def _step(drawn: Drawn) -> float:
    """The distance of neighbours of which all are multiples, if there are few values; of weights themselves."""
    values = np.unique(drawn.raw[0])
    if len(values) > 1 << 12 or len(values) < 2:
        return 0.0
    step = float(np.diff(values).min())
    multiples = values / step
    return step if np.abs(multiples - np.rint(multiples)).max() < 0.01 else 0.0


def _count(drawn: Drawn) -> str:
    return f", {len(np.unique(drawn.raw[0]))} levels in all"


def _off_grid(known: Format | None, below: float, above: float) -> Mend:
    """Any share of the cell that a number stands for."""

    def mended(drawn: Drawn) -> list[Floats]:
        rng, found = np.random.default_rng(SEED), []
        for z, raw, unit in zip(drawn.z, drawn.raw, drawn.units, strict=True):
            low, high = cell(known, raw) if known else (below, above)
            shares = [drawn.law.cumulative(raw / unit - low / unit), drawn.law.cumulative(raw / unit + high / unit)]
            found.append(drawn.quantile(shares[0] + rng.random(z.shape) * (shares[1] - shares[0])))
        return found

    return mended


def cell(known: Format, raw: Floats) -> tuple[Floats, Floats]:
    """How far below and above a number of the format what is rounded to it may lie; less on the side of 0 at powers of two."""
    outer, inner = known.ulp(raw) / 2, known.ulp(raw * (1 - 2.0**-30)) / 2
    return np.where(raw > 0, inner, outer), np.where(raw > 0, outer, inner)


# tails


def _of_tails(drawn: Drawn) -> Iterator[Change]:
    """Drawn again beyond a size, or brought back to one."""
    if drawn.law is not NORMAL:
        return
    sizes = np.sort(np.concatenate([np.abs(z).ravel() for z in drawn.large]))
    values, counts = np.unique(sizes[-(len(sizes) // 8) :], return_counts=True)
    atom = float(values[np.argmax(counts)])
    if counts.max() >= EVERY and (counts > 1).sum() <= 2:
        rest = values[np.abs(values - atom) > 1e-6]
        beyond = max(atom, float(rest.max(initial=0.0)))
        text = f"clipped at {atom:.4g} deviations" if beyond == atom else f"what lies beyond {beyond:.3g} deviations is moved to {atom:.4g}"
        yield Change("bound", text, 1, _spread(atom, beyond))
    for cut in dict.fromkeys((round(float(sizes[-1]) + 0.0005, 1), round(float(sizes[-1]) + 0.0005, 3))):
        if counts.max() < EVERY and len(sizes) * 2 * special.ndtr(-cut) > 40:
            yield Change("bound", f"drawn again beyond {cut:g} deviations: none lies there", 1, _untruncated(cut))


def _spread(atom: float, beyond: float) -> Mend:
    def mended(drawn: Drawn, z: Floats, rng: np.random.Generator) -> Floats:
        tail = -special.ndtri(rng.random(z.shape) * special.ndtr(-beyond))
        return np.where(np.abs(np.abs(z) - atom) <= 1e-6, np.sign(z) * tail, z)

    return each_layer(mended)


def _untruncated(cut: float) -> Mend:
    at = special.ndtr(-cut)
    return each_layer(lambda d, z, rng: d.quantile((special.ndtr(z) - at) / (1 - 2 * at)))


# neighbours


def _of_neighbours(drawn: Drawn) -> Iterator[Change]:
    """A part of the entry some places before."""
    if drawn.law is not NORMAL:
        return
    z = drawn.large[0].ravel()
    for apart in range(1, LAGS):
        together = float(np.mean(z[apart:] * z[:-apart]) / np.mean(z * z))
        if abs(together) > 12 / np.sqrt(len(z)) and abs(together) < 0.49:
            part = (1 - np.sqrt(1 - 4 * together**2)) / (2 * together)
            text = f"{part:.2g} ± {1 / np.sqrt(len(z)):.1g} of the entry {apart} places before is added to each"
            yield Change("neighbours", text, 2, _unmixed(part, apart))


def _unmixed(part: float, apart: int) -> Mend:
    """Undoes z + part·(z some places before), over a root that keeps the deviation."""

    def mended(drawn: Drawn, z: Floats, rng: np.random.Generator) -> Floats:
        rows = _rows(drawn, z)
        n = rows.shape[1]
        response = 1 + part * np.exp(-2j * np.pi * np.arange(n // 2 + 1) * apart / n)
        return (np.fft.irfft(np.fft.rfft(rows, axis=1) / response, n, axis=1) * np.sqrt(1 + part**2)).reshape(z.shape)

    return each_layer(mended)
