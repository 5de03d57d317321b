"""Training on whole numbers with steps that are powers of two, where every operation of float64 is exact, beside the notes' formulas."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from eqwise.reference import layers, model
from eqwise.reference.data import Part
from eqwise.spec import activations, backpropagation
from eqwise.spec.certify import rounded, values
from eqwise.spec.gradient_descent import mini_batch
from eqwise.spec.numbers.expression import Array, each, lifted, symbols
from eqwise.spec.numbers.formats import FORMATS, Floats

ETA = 1 / 8
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"identity": lambda u: u, "relu": lambda u: each(activations.relu, u)}


def network(widths: Sequence[int], activation: str = "relu", seed: int = 1) -> model.Network:
    """A network whose weights and biases are whole numbers."""
    made = model.build(widths, activation, "identity", dtype=np.float64)
    for k, array in enumerate(made.parameters):
        array[...] = _whole(array.shape, seed + k)
    return made


def samples(n: int, n_in: int, n_out: int, seed: int = 7) -> Part:
    """Whole numbers to learn from."""
    return Part(_whole((n, n_in), seed), _whole((n, n_out), seed + 1))


def _whole(shape: tuple[int, ...], seed: int) -> Floats:
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float64)


def by_the_notes(formula: Callable[..., Iterable[Any]], *arrays: Floats) -> list[Floats]:
    """A formula of arrays at these numbers, correctly rounded: an array for each that it returns."""
    inputs = [symbols(f"x{k}", *np.shape(array)) for k, array in enumerate(arrays)]
    made = [np.asarray(array, object) for array in formula(*inputs)]
    outputs = tuple(lifted(v) for array in made for v in array.ravel())
    leaves = tuple(v for array in inputs for v in array.ravel())
    row = np.concatenate([np.ravel(array) for array in arrays])
    found = rounded(values(outputs, leaves), row[None], FORMATS["float64"])[0]
    places = np.cumsum([array.size for array in made])[:-1]
    return [part.reshape(array.shape) for part, array in zip(np.split(found, places), made, strict=True)]


def gradients(made: model.Network, batch: Part) -> list[Floats]:
    """(40), (41), (56), (52), (48) for every sample, and their mean; of each θ, with the biases in row 0."""
    fs = [_FUNCTIONS[layer.name] for layer in made.layers if isinstance(layer, layers.Activation)]

    def formula(x: Array, t: Array, *thetas: Array) -> Iterable[Array]:
        return map(mini_batch, *(backpropagation.gradients(*sample, thetas, fs) for sample in zip(x, t, strict=True)))

    return by_the_notes(formula, *batch, *stacked(made.parameters))


def stacked(arrays: Sequence[Floats]) -> list[Floats]:
    """Weights and biases in turn, as θ."""
    return [np.vstack([b, W]) for W, b in zip(arrays[::2], arrays[1::2], strict=True)]


def equal(found: Iterable[Floats], wanted: Iterable[Floats]) -> bool:
    """Whether two lists of arrays agree."""
    return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
