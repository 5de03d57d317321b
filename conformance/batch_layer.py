"""A layer of batch normalization as the suite sees it, and what happens to some of them over many passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqwise.conformance.adapter import NotOffered
from eqwise.conformance.inputs import Generator
from eqwise.conformance.invocation import checked, guarded
from eqwise.conformance.layouts import LAYOUTS, laid_out
from eqwise.conformance.samples import cast
from eqwise.conformance.session import Session
from eqwise.spec.numbers.formats import Floats, Format

NAME = "batch_norm_layer"
FEATURES, EPSILON, RATE = 4, 2.0**-10, 0.25
SETTINGS = (  # rate, epsilon, whether batches are near √epsilon
    (RATE, EPSILON, False), (0.1, 1e-5, False), (0.9, 1e-8, True), (1.0, 1e-5, False), (2.0**-6, EPSILON, False),
)  # fmt: skip
SIZES = (8, 3, 2, 24, 5, 71)  # batches, one after the other
OTHER_FEATURES = (1, 71)
PASSES, MANY_PASSES = 9, 101  # the former times the effort
LEARNS = 4  # the pass before which gamma and beta become others, between two inferences


class Layer:
    """The adapter's layer, with NumPy arrays of float64 in and out. Raises `AdapterError` for what the contract does not allow."""

    def __init__(
        self, session: Session, target: Format, features: int = FEATURES, epsilon: float = EPSILON, rate: float = RATE
    ) -> None:
        self.adapter, self.target, self.features = session.adapter, target, features
        self.epsilon, self.rate = epsilon, rate
        self.own = guarded(NAME, lambda: self.adapter.batch_norm_layer(features, epsilon, rate, target.name))  # type: ignore[attr-defined]

    def raw(self, method: str, x: Any) -> Any:
        """The result of `train` or `infer` on an array of the dtype, as the framework returns it."""
        return guarded(f"{method} of {NAME}", lambda: getattr(self.own, method)(self.adapter.from_numpy(x)))

    def train(self, x: Floats, layout: str = "C") -> Floats:
        return self._made("train", x, layout)

    def infer(self, x: Floats, layout: str = "C") -> Floats:
        return self._made("infer", x, layout)

    def _made(self, method: str, x: Floats, layout: str) -> Floats:
        return checked(self.adapter, f"{method} of {NAME}", self.raw(method, laid_out(cast(x, self.target), layout)), x.shape, self.target)

    def attribute(self, name: str) -> Floats:
        """`gamma`, `beta`, `mean` or `variance` as it stands; a copy."""
        call = f"{name} of {NAME}"
        return checked(self.adapter, call, guarded(call, lambda: getattr(self.own, name)), (self.features,), self.target).copy()

    def averages(self) -> tuple[Floats, Floats]:
        """The running averages."""
        return self.attribute("mean"), self.attribute("variance")

    def parameters(self) -> tuple[Floats, Floats]:
        """γ and β."""
        return self.attribute("gamma"), self.attribute("beta")

    def learn(self, gamma: Floats, beta: Floats) -> bool:
        """Sets γ and β where the layer lets them be set; whether it does."""
        for name, value in (("gamma", gamma), ("beta", beta)):
            try:
                setattr(self.own, name, self.adapter.from_numpy(cast(value, self.target)))
            except (AttributeError, TypeError):
                return False
        return all(np.array_equal(found, wanted) for found, wanted in zip(self.parameters(), (gamma, beta), strict=True))


@dataclass(frozen=True)
class Pass:
    """One pass: what went in and came out, the parameters, and the running averages before and after it."""

    layer: int
    rate: float
    epsilon: float
    training: bool
    first: bool
    x: Floats
    y: Floats
    parameters: tuple[Floats, Floats]
    before: tuple[Floats, Floats]
    after: tuple[Floats, Floats]


def history(session: Session, target: Format) -> list[Pass]:
    """Some layers side by side, in turns: training, from time to time inference; then a batch of one, where it is offered."""
    key = (NAME, target.name)
    if key not in session.cache:
        session.cache[key] = list(_history(session, target))
    return session.cache[key]  # type: ignore[no-any-return]


def _history(session: Session, target: Format) -> Iterator[Pass]:
    rng = np.random.default_rng(session.seed_for(NAME, target.name))
    layers, scales = zip(*_layers(session, target), strict=True)
    known = [layer.averages() for layer in layers]
    passes = PASSES * session.volume
    for number in range(passes):
        for k, layer in enumerate(layers):
            if number == LEARNS:
                layer.learn(target.round(rng.normal(size=FEATURES) * 2), target.round(rng.normal(size=FEATURES)))
            for training, size in _turns(number, passes):
                x, layout = batch(rng, size, target, scales[k]), LAYOUTS[(number + k) % len(LAYOUTS)]
                try:
                    y = layer.train(x, layout) if training else layer.infer(x, layout)
                except NotOffered:
                    continue
                parameters, first = layer.parameters(), not number and training
                made = Pass(k, layer.rate, layer.epsilon, training, first, x, y, parameters, known[k], layer.averages())
                known[k] = made.after
                yield made


def of_other_features(session: Session, target: Format) -> Iterator[Pass]:
    """Layers of one feature, and of many, whose γ are all 1: two passes in training, then inference."""
    rng = np.random.default_rng(session.seed_for(NAME, "features", target.name))
    for k, features in enumerate(OTHER_FEATURES):
        layer = Layer(session, target, features)
        layer.learn(np.ones(features), target.round(rng.normal(size=features)))
        for number, training in enumerate((True, True, False)):
            x, before = batch(rng, 5, target, features=features), layer.averages()
            y = layer.train(x) if training else layer.infer(x)
            yield Pass(k, layer.rate, layer.epsilon, training, not number, x, y, layer.parameters(), before, layer.averages())


def of_many_passes(session: Session, target: Format) -> Iterator[Pass]:
    """A layer in training for long, after others have come and gone."""
    rng, layer = np.random.default_rng(session.seed_for(NAME, "many", target.name)), Layer(session, target, 1)
    for number in range(MANY_PASSES):
        x, before = batch(rng, 2, target, features=1), layer.averages()
        yield Pass(0, layer.rate, layer.epsilon, True, not number, x, layer.train(x), layer.parameters(), before, layer.averages())


def _layers(session: Session, target: Format) -> Iterator[tuple[Layer, float]]:
    """The layers, and how large their batches are: epsilon shows at inference where variances are not large against it."""
    for rate, wanted, small in SETTINGS:
        epsilon = max(wanted, target.smallest_normal)
        yield Layer(session, target, epsilon=epsilon, rate=rate), 2.0 ** np.ceil(np.log2(epsilon) / 2 + 2) if small else 1.0


def _turns(number: int, passes: int) -> list[tuple[bool, int]]:
    """Whether to train, and how many samples: inference at the start and about new parameters too, of one sample, several, or many."""
    turns = [(False, 3)] if number in (0, LEARNS) else []
    turns += [(True, SIZES[number % len(SIZES)])]
    turns += [(False, 1), (False, 2 + number // 3)] if number % 3 == 2 or number == LEARNS - 1 else []
    return turns + ([(False, SIZES[-1]), (True, 1)] if number == passes - 1 else [])


def batch(rng: Generator, size: int, target: Format, scale: float = 1.0, features: int = FEATURES) -> Floats:
    """Features of several sizes, half of them far from 0; where the mean is exact one of them may be constant. All times `scale`."""
    spread = np.ldexp(1.0, rng.integers(-3, 4, features))
    offset = np.ldexp(rng.uniform(-1, 1, features), target.p // 2) * np.resize([0.0, 0.0, 1.0, 1.0], features)
    x = target.round(rng.normal(size=(size, features)) * spread + offset)
    if size in (2, 8) and rng.random() < 0.5:
        x[:, rng.integers(features)] = target.round(rng.normal())
    return target.round(scale * x)
