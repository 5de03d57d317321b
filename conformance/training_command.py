"""The command `eqwise train`: a network of the reference learns a data set, with figures and a picture at the end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqwise.reference.arithmetic import require
from eqwise.reference.data import Part, Split, digits, from_csv, split, standardized, statistics
from eqwise.reference.layers import ACTIVATIONS, DTYPES, SLOPES
from eqwise.reference.learning_curve import learning_curve
from eqwise.reference.model import Network, build
from eqwise.reference.objectives import Objective
from eqwise.reference.optimizers import OPTIMIZERS
from eqwise.reference.pictures import optional, require_picture, save
from eqwise.reference.training import Epoch, History, choose_optimizer, fitted, measure, train

_DTYPES = tuple(map(str, DTYPES))


class Task(NamedTuple):
    """What to learn: the parts, the activation of the output, the loss, and one unit of loss and score in the data's own units."""

    parts: Split
    output: str
    loss: str
    unit: float


def add_parser(commands: Any) -> None:
    """Adds `train` to the subcommands of a parser."""
    parser = commands.add_parser("train", help="train a network of the reference on digits or a CSV file")
    parser.add_argument("--data", required=True, metavar="digits|FILE.csv", help="the last column of a file is the target")
    parser.add_argument("--regression", action="store_true", help="the target is a number, not a class")
    parser.add_argument("--split", default="8:1:1", help="training, validation, test (%(default)s)")
    parser.add_argument("--hidden", default="256,128", help="widths of the hidden layers (%(default)s; '' for none)")
    parser.add_argument("--activation", default="relu", help=f"of the hidden layers: {', '.join(ACTIVATIONS)} (%(default)s)")
    parser.add_argument("--batch-norm", default="before", help="before or after the activation, or none (%(default)s)")
    parser.add_argument("--dropout", type=float, default=0.3, metavar="P", help="probability of dropping a unit (%(default)s)")
    parser.add_argument("--optimizer", default="adam", help=f"{', '.join(OPTIMIZERS)} (%(default)s)")
    parser.add_argument("--eta", type=float, help="learning rate (each optimizer has its own default)")
    parser.add_argument("--batch-size", type=int, default=32, help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=100, help="at most (%(default)s)")
    parser.add_argument("--patience", type=int, default=20, help="stop after so many epochs above the lowest validation loss (%(default)s)")
    parser.add_argument("--lambda", dest="lambda_", type=float, default=0.0, metavar="LAMBDA", help="of the L2 penalty (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of split, weights and batches (%(default)s)")
    parser.add_argument("--curve", default="learning_curve.png", metavar="FILE", help="a .png, .svg or .pdf file (%(default)s)")
    parser.add_argument("--dtype", default="float32", help=f"{' or '.join(_DTYPES)} (%(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Trains as asked. Raises `ValueError`, `ImportError`, `OSError` or `ArithmeticError` for what cannot be done."""
    require_picture(arguments.curve)
    one_thread = optional("threadpoolctl").threadpool_limits(limits=1)  # matrices are small, and sums keep one order
    with one_thread, np.errstate(all="ignore"):
        _train(arguments)


def _train(arguments: argparse.Namespace) -> None:
    require(arguments.seed >= 0, "seed", arguments.seed, "be at least 0")
    require(arguments.dtype in _DTYPES, "dtype", arguments.dtype, f"be {' or '.join(_DTYPES)}")
    for_split, for_weights, for_batches = map(np.random.default_rng, np.random.SeedSequence(arguments.seed).spawn(3))
    task = _task(arguments, for_split)
    network = _network(arguments, task, for_weights)
    eta = {} if arguments.eta is None else {"eta": arguments.eta}
    with optional("tqdm").tqdm(total=arguments.epochs, unit="epoch", ncols=80, leave=False, delay=0.1, file=sys.stderr) as bar:
        history = train(
            network,
            task.parts,
            loss=task.loss,
            optimizer=choose_optimizer(arguments.optimizer, **eta),
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            lambda_=arguments.lambda_,
            patience=arguments.patience,
            seed=for_batches,
            progress=_shown_on(bar),
        )
    print("\n".join(_figures(network, task, history)))
    epochs = tuple(_in_units(epoch, task, history.score_name) for epoch in history.epochs)
    save(learning_curve(history._replace(epochs=epochs)), arguments.curve)
    print(f"learning curve: {arguments.curve}")


def _shown_on(bar: Any) -> Callable[[int, Epoch], None]:
    def show(number: int, epoch: Epoch) -> None:
        bar.set_postfix_str(f"loss {epoch.training_loss:.3g}, val {epoch.validation_loss:.3g}", refresh=False)
        bar.update()

    return show


def _task(arguments: argparse.Namespace, rng: np.random.Generator) -> Task:
    """Digits as they are; a file's inputs, and real targets too, standardized by the training part."""
    ratios = _numbers("split", arguments.split, ":", float)
    if arguments.data == "digits":
        require(not arguments.regression, "regression", True, "be left out for digits")
        return Task(split(*digits(), ratios, rng), "softmax", "cross_entropy", 1.0)
    parts = standardized(split(*from_csv(arguments.data, regression=arguments.regression), ratios, rng))
    if not arguments.regression:
        return Task(parts, "softmax", "cross_entropy", 1.0)
    shift, scale = statistics(parts.training.targets)
    scaled = Split(*(Part(part.inputs, (part.targets - shift) / scale) for part in parts))
    return Task(scaled, "identity", "sum_of_squares", float(scale[0]))


def _numbers(name: str, text: str, separator: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    try:
        return tuple(kind(item) for item in text.split(separator)) if text else ()
    except ValueError:
        raise ValueError(f"{name} = {text!r} must be numbers with {separator!r} between them") from None


def _network(arguments: argparse.Namespace, task: Task, rng: np.random.Generator) -> Network:
    inputs, targets = task.parts.training
    return build(
        (inputs.shape[1], *_numbers("hidden", arguments.hidden, ",", int), targets.shape[1]),
        arguments.activation,
        task.output,
        initial="he" if arguments.activation in ("relu", *SLOPES) else "xavier",
        dropout=arguments.dropout,
        batch_norm=None if arguments.batch_norm == "none" else arguments.batch_norm,
        seed=rng,
        dtype=arguments.dtype,
    )


def _in_units(measured: Sequence[float], task: Task, score_name: str) -> Any:
    """Losses and scores in turn, in the units of the data: squared for a loss, plain for an error, none for an accuracy."""
    units = (task.unit**2, task.unit if score_name == "RMSE" else 1.0)
    scaled = [value * unit for value, unit in zip(measured, units * (len(measured) // 2), strict=True)]
    return Epoch(*scaled) if isinstance(measured, Epoch) else scaled


def _figures(network: Network, task: Task, history: History) -> list[str]:
    """A line for each part."""
    objective = Objective(task.loss, network.output)
    lines = [f"{'part':<12}{'samples':>8}{'loss':>12}{history.score_name:>12}"]
    for name, part in zip(Split._fields, task.parts, strict=True):
        loss, score = _in_units(measure(network, objective, fitted(part, network, objective)), task, history.score_name)
        lines.append(f"{name:<12}{len(part.inputs):>8}{loss:>12.4g}{score:>12.4g}")
    return [*lines, f"kept epoch {history.kept} of {len(history.epochs)}"]
