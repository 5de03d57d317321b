"""Sections 8, 9 and 12 of the notes: learning from mini-batches, judged on validation data after every epoch."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eqwise.reference.arithmetic import Array, Seed, require
from eqwise.reference.data import Part, Split
from eqwise.reference.model import Network
from eqwise.reference.objectives import Objective, gradients
from eqwise.reference.optimizers import OPTIMIZERS

SETTINGS: dict[str, dict[str, float]] = {
    "sgd": {"eta": 0.1},
    "momentum": {"eta": 0.05, "alpha": 0.9},
    "adagrad": {"eta": 0.02},
    "rmsprop": {"eta": 0.001, "alpha": 0.9, "epsilon": 1e-8},
    "adam": {"eta": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
}


def choose_optimizer(name: str, **settings: float) -> Callable[[list[Array]], Any]:
    """An optimizer of section 10 that still lacks its parameters; settings that are left out have their usual values."""
    require(name in OPTIMIZERS, "optimizer", name, f"be one of {', '.join(OPTIMIZERS)}")
    for setting in settings:
        require(setting in SETTINGS[name], "setting", setting, f"be one that {name} has: {', '.join(SETTINGS[name])}")
    return partial(OPTIMIZERS[name], **SETTINGS[name] | settings)


def batches(n: int, size: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.intp]]:
    """The indices of one epoch: shuffled, each once, the last batch as short as it must be."""
    order = rng.permutation(n)
    return (order[start : start + size] for start in range(0, n, size))


def step(network: Network, objective: Objective, optimizer: Any, batch: Part, lambda_: float = 0.0) -> None:
    """One training step: forward, output delta, deltas backwards and gradients, and only then the update."""
    for array, value in zip(network.parameters, optimizer.step(gradients(network, objective, batch, lambda_)), strict=True):
        array[...] = value


class BestModel:
    """Keeps a copy of the state with the lowest validation loss, and says when to stop."""

    def __init__(self, network: Network, patience: int | None) -> None:
        require(patience is None or patience >= 1, "patience", patience, "be None or at least 1")
        self.network, self.patience = network, patience
        self.loss, self.kept, self.epoch, self.worse = np.inf, 0, 0, 0
        self.state: list[Array] = []

    def feed(self, loss: float) -> bool:
        """Takes the loss after one more epoch; true once it was above the lowest for `patience` epochs in a row."""
        self.epoch += 1
        self.worse = 0 if loss <= self.loss else self.worse + 1
        if loss < self.loss:
            self.loss, self.kept = loss, self.epoch
            self.state = [array.copy() for array in self.network.state]
        return self.worse == self.patience

    def restore(self) -> None:
        """Puts the kept state back; raises `ArithmeticError` if no loss was finite."""
        if not self.state:
            raise ArithmeticError(f"no validation loss of {self.epoch} epochs was finite: choose a smaller eta")
        self.network.load(self.state)


class Epoch(NamedTuple):
    """What was measured after one epoch, in inference mode and without the penalty."""

    training_loss: float
    training_score: float
    validation_loss: float
    validation_score: float


class History(NamedTuple):
    """All epochs, what their score is, and which one was kept, counted from 1."""

    epochs: tuple[Epoch, ...]
    score_name: str
    kept: int


def measure(network: Network, objective: Objective, part: Part) -> tuple[float, float]:
    """Loss and score in inference mode."""
    u = network.forward(part.inputs)
    return objective.value(u, part.targets), objective.score(u, part.targets)


def fitted(part: Part, network: Network, objective: Objective) -> Part:
    """The part in the network's dtype; raises `ValueError` if it does not suit network and loss."""
    (first, *_), last = (layer.parameters for layer in (network.hidden[0], network.hidden[-1]))
    x, t = (np.asarray(values, first.dtype) for values in part)
    require(len(x) > 0, "number of samples", len(x), "be positive")
    require(x.shape[1:] == first.shape[:1], "shape of the inputs", x.shape, f"be (samples, {len(first)})")
    require(t.shape == (len(x), len(last[-1])), "shape of the targets", t.shape, f"be ({len(x)}, {len(last[-1])})")
    rule, holds = objective.rule.targets
    for name, values, words, valid in (("input", x, "be finite", np.isfinite(x)), ("target", t, rule, holds(t))):
        if not np.all(valid):
            require(False, name, values[~valid].flat[0].item(), words)
    return Part(x, t)


def train(
    network: Network,
    data: Split,
    *,
    loss: str,
    optimizer: str | Callable[[list[Array]], Any] = "adam",
    epochs: int,
    batch_size: int,
    lambda_: float = 0.0,
    patience: int | None = 1,
    seed: Seed = 0,
    progress: Callable[[int, Epoch], None] | None = None,
    **settings: float,
) -> History:
    """Trains on the first part, judges and keeps by the second; `settings` are those of the loss."""
    require(epochs >= 1, "epochs", epochs, "be at least 1")
    require(batch_size >= 1, "batch_size", batch_size, "be at least 1")
    require(0 <= lambda_ < np.inf, "lambda_", lambda_, "be at least 0 and finite")
    objective, rng = Objective(loss, network.output, **settings), np.random.default_rng(seed)
    training, validation = (fitted(part, network, objective) for part in (data.training, data.validation))
    state = (choose_optimizer(optimizer) if isinstance(optimizer, str) else optimizer)(network.parameters)
    best, measured = BestModel(network, patience), []
    for number in range(1, epochs + 1):
        for chosen in batches(len(training.inputs), batch_size, rng):
            step(network, objective, state, Part(training.inputs[chosen], training.targets[chosen]), lambda_)
        measured.append(Epoch(*measure(network, objective, training), *measure(network, objective, validation)))
        if progress:
            progress(number, measured[-1])
        if best.feed(measured[-1].validation_loss):
            break
    best.restore()
    return History(tuple(measured), objective.score_name, best.kept)
