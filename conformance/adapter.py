"""The adapter contract: the operations that a framework may offer, and the class that maps them to it.

Words: *operation* what a framework exposes; *property* a checkable claim about an operation, citing clauses;
*adapter* the class that renames, transposes and rescales by documented constants, and contains no mathematics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np

from eqwise.spec import activations, losses, metrics, network, perceptron, regularization
from eqwise.spec.document import AS_PRINTED, EQUATIONS, clause_of
from eqwise.spec.numbers.expression import Array, Expression, each

# what one call takes; a method is called in a way of its own, which the base class documents
Shape = Literal["elementwise", "rows", "sample", "affine", "network", "columns", "matrices", "method"]
Domain = Literal[
    "real", "score", "slope", "label", "target", "observed", "batch", "probability", "share", "distribution", "positive", "own"
]


class NotOffered(Exception):
    """Raised by an adapter: the framework does not offer this case, and why."""


class Adapter:
    """Base class: NumPy arrays in and out, nothing offered.

    A subclass sets `name`, `version` and `dtypes` and defines a method for each operation that the framework offers,
    called as in `OPERATIONS`: inputs by position, hyper-parameters by keyword, in the framework's own type.

    `confusion_matrix`, `accuracy`, `precision`, `recall` and `f_measure` take actual and predicted labels, two vectors of
    booleans, and return [[TP, FN], [FP, TN]] or one number: of any type, Python's own among them, in which they are judged.
    `mse`, `rmse`, `mae` and `r_squared` are given vectors of integers too, and may raise.

    `network_gradients(x, t, weights, biases, activation, output, loss)` returns the gradients of the mean loss over the
    batch as two lists, of weights and of biases. `numerical_gradient(function, theta, epsilon)` calls `function` with
    arrays of theta's shape, in the framework's own type and in any dtype that holds theta's numbers; it returns a Python
    float that is exact to float64, and may be called at any points, in any order.

    An optimizer is made of theta, an array, perhaps of no dimension, or a list of arrays, which it copies. Its
    `step(gradient, eta=None)` takes what is shaped as theta is, in a buffer that the caller may overwrite afterwards, and
    returns a copy of the new theta; an eta that is given holds from that step on, and once one was given, every later step
    is given its own. Its `state()`, where it has one, returns copies of what it keeps by the notes' symbols (v, h, or m and
    v), shaped as theta is, of its dtype or wider.

    `uniform`, `xavier`, `he` and `gauss` return weights of the shape (n_in, n_out), as `dense` takes them, and `bias` zeros.

    `dropout(x, p, seed, training)` drops each unit with probability p, the same ones for the same seed; with `training` false it is
    inference. `dropout_layer(p, seed)` returns an object with `train(x)`, a fresh mask each time, and `infer(x)`.

    `batch_norm_layer(features, epsilon, rate, dtype)` returns an object with `train(x)` and `infer(x)` for x of the shape (batch,
    features), with `gamma` and `beta`, which the suite reads and sets, and, where it shows them, its running `mean` and `variance`,
    into which a batch goes with the weight `rate`.

    Seeds are integers from 0 to below 2 to the power of `seed_bits`: fewer than 32 where the framework keeps fewer, as in a
    float. Of `uniform`, `xavier`, `he` and `gauss` every bit must matter; `dropout` is given any seed below 2³².

    Arrays belong to the caller, who may write to them once a call is over; a result that equals an argument may be that array, or
    a view of it. No array is given twice in one call. The vectors of `softmax` are the rows of a matrix; `prelu` is given one slope,
    or one for each column of a matrix. Hyper-parameters are numbers of Python's own that every dtype asked tells from 0.

    `environment` holds the variables of the environment that the framework reads when it is first imported, so that a script
    without the adapter sets them too.

    `vjp(operation, inputs, cotangent, **hyper)` returns one gradient of Σ cotangent·operation(*inputs, **hyper) for each
    input, shaped as it is, None where it is not offered. An input that is a list has a list of gradients: the inputs of
    `l2` are ([W1, W2, …],), its gradients ([g1, g2, …],).
    """

    name: ClassVar[str] = "unnamed"
    version: ClassVar[str] = "unknown"
    dtypes: ClassVar[Sequence[str]] = ("float64",)
    reduction: ClassVar[Mapping[str, str]] = {}
    settings: ClassVar[Mapping[str, Any]] = {}
    seed_bits: ClassVar[int] = 32
    environment: ClassVar[Mapping[str, str]] = {}

    def from_numpy(self, array: Array) -> Any:
        """A NumPy array as the framework's own; the dtypes are those of `dtypes`, bfloat16 being ml_dtypes.bfloat16."""
        return array

    def to_numpy(self, value: Any) -> Array:
        """The framework's array as NumPy's."""
        return np.asarray(value)

    def echo(self, array: Array) -> Array:
        """A NumPy array, there and back."""
        return self.to_numpy(self.from_numpy(array))

    def offers(self, operation: str) -> bool:
        """Whether the class defines the operation."""
        return callable(getattr(self, operation, None))


def perceptrons(x: Array, W: Array, b: Array) -> Array:
    """(1) for each column of W, shape (n_in, n_out), and each element of b."""
    return np.array([perceptron.perceptron(x, W[:, j], b[j]) for j in range(len(b))], object)


def affine(x: Array, W: Array, b: Array) -> Array:
    """The argument of f in (7) and (8)."""
    return network.hidden_layer(x, W, b, lambda u: u)  # type: ignore[no-any-return]


def activation_named(name: str) -> Callable[[Array], Array]:
    """The activation of this name, on a vector."""
    formula = OPERATIONS[name].formula
    return formula if name == "softmax" else lambda u: each(formula, u)


def layers(x: Array, *parameters: Array, activation: str, output: str) -> Array:
    """(7) and (8); the parameters are all weight matrices, then all biases."""
    depth = len(parameters) // 2
    return network.network(x, parameters[:depth], parameters[depth:], activation_named(activation), activation_named(output))


def logistic_binary_cross_entropy(u: Array, t: Array) -> Expression:
    """(28) of the logistic (10) of the scores u."""
    return losses.binary_cross_entropy(each(activations.logistic, u), t)  # type: ignore[no-any-return]


def softmax_cross_entropy(u: Array, t: Array) -> Expression:
    """(29) of the softmax (18) of the scores u."""
    return losses.cross_entropy(activations.softmax(u), t)  # type: ignore[no-any-return]


def f_measure(TP: Expression, FP: Expression, FN: Expression) -> Expression:
    """(22) of the precision (20) and the recall (21)."""
    return metrics.f_measure(metrics.precision(TP, FP), metrics.recall(TP, FN))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Operation:
    """What a framework exposes: the equations it exercises, its inputs with their domains, its hyper-parameters.

    A method has no `formula` that one call evaluates, but for counting, whose formula is over the counts; `statements` are
    those that it exercises besides its equations.
    """

    name: str
    equations: tuple[int, ...]
    formula: Callable[..., Any]
    shape: Shape
    inputs: Mapping[str, Domain]
    hyper: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    typed: bool = True  # whether its inputs have a dtype; counting has none

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        return (*(f"eq{number}" for number in self.equations), *self.statements)

    @property
    def section(self) -> str:
        """The section in whose test file the operation stands: that of the last equation it exercises."""
        last = f"eq{self.equations[-1]}" if self.equations else self.statements[-1]
        return clause_of(last).section.partition(".")[0]

    def readings(self) -> list[dict[int, str]]:
        """Every choice of readings of its equations, the printed one first. What goes by one name is chosen together."""
        names = [[AS_PRINTED, *EQUATIONS[number].readings] for number in self.equations]
        choices = [dict(zip(self.equations, chosen, strict=True)) for chosen in product(*names)]
        return [chosen for chosen in choices if all(self._together(chosen, name) for name in {*chosen.values()} - {AS_PRINTED})]

    def _together(self, chosen: Mapping[int, str], name: str) -> bool:
        return all(chosen[number] == name for number in self.equations if name in EQUATIONS[number].readings)


def _method(
    name: str, equations: tuple[int, ...], inputs: str, hyper: str = "", statements: tuple[str, ...] = ()
) -> Operation:
    """An operation that is called in a way of its own."""
    return Operation(name, equations, _called, "method", dict.fromkeys(inputs.split(), "own"), tuple(hyper.split()), statements)


def _counting(name: str, formula: Callable[..., Any], *equations: int, statements: tuple[str, ...] = ()) -> Operation:
    return replace(_method(name, equations, "actual predicted", statements=statements), formula=formula, typed=False)


def _called(*arguments: Any, **named: Any) -> Any:
    raise TypeError("a method has no formula that one call evaluates")


_X: Mapping[str, Domain] = {"x": "real"}
_OBSERVED: Mapping[str, Domain] = {"t": "observed", "y": "target"}
_LABELLED: Mapping[str, Domain] = {"y": "real", "t": "label"}
_REGRESSED: Mapping[str, Domain] = {"y": "real", "t": "target"}
_LAYER: Mapping[str, Domain] = {"x": "real", "W": "real", "b": "real"}

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("perceptron",  (1, 4, 5), perceptrons, "affine", _LAYER),
        Operation("dense",       (7,),      affine,      "affine", _LAYER),
        Operation("network",     (7, 8),    layers,      "network", {"x": "real", "weights": "real", "biases": "real"}),
        Operation("step",        (2, 9),  activations.step,       "elementwise", _X),
        Operation("logistic",    (6, 10), activations.logistic,   "elementwise", _X),
        Operation("tanh",        (11,),   activations.tanh,       "elementwise", _X),
        Operation("softplus",    (12,),   activations.softplus,   "elementwise", _X),
        Operation("relu",        (13,),   activations.relu,       "elementwise", _X),
        Operation("leaky_relu",  (14,),   activations.leaky_relu, "elementwise", _X, ("alpha",)),
        Operation("prelu",       (15,),   activations.prelu,      "elementwise", {"x": "real", "a": "slope"}),
        Operation("elu",         (16,),   activations.elu,        "elementwise", _X, ("alpha",)),
        Operation("identity",    (17,),   activations.identity,   "elementwise", _X),
        Operation("softmax",     (18,),   activations.softmax,    "rows", _X),
        _counting("confusion_matrix", metrics.confusion_matrix, statements=("t1-confusion",)),
        _counting("accuracy",  metrics.accuracy,  19),
        _counting("precision", metrics.precision, 20),
        _counting("recall",    metrics.recall,    21),
        _counting("f_measure", f_measure,         22),
        Operation("mse",       (23,), metrics.mse,       "sample", _OBSERVED),
        Operation("rmse",      (24,), metrics.rmse,      "sample", _OBSERVED),
        Operation("mae",       (25,), metrics.mae,       "sample", _OBSERVED),
        Operation("r_squared", (26,), metrics.r_squared, "sample", _OBSERVED),
        Operation("sum_of_squares",       (27,), losses.sum_of_squares, "sample", _REGRESSED),
        Operation("binary_cross_entropy", (28,), losses.binary_cross_entropy, "sample", {"y": "probability", "t": "share"}),
        Operation("cross_entropy",        (29,), losses.cross_entropy, "sample", {"y": "positive", "t": "share"}),
        Operation("logistic_binary_cross_entropy", (28,), logistic_binary_cross_entropy, "sample", {"u": "score", "t": "share"}),
        Operation("softmax_cross_entropy", (29,), softmax_cross_entropy, "sample", {"u": "real", "t": "distribution"}),
        Operation("logistic_loss",       (30,), losses.logistic_loss,       "elementwise", _LABELLED),
        Operation("exponential_loss",    (31,), losses.exponential_loss,    "elementwise", _LABELLED),
        Operation("hinge",               (32,), losses.hinge,               "elementwise", _LABELLED),
        Operation("quantile",            (33,), losses.quantile,            "elementwise", _REGRESSED, ("tau",)),
        Operation("huber",               (34,), losses.huber,               "elementwise", _REGRESSED, ("delta",)),
        Operation("epsilon_insensitive", (35,), losses.epsilon_insensitive, "elementwise", _REGRESSED, ("epsilon",)),
        _method("numerical_gradient", (39,), "function theta", "epsilon"),
        _method("network_gradients", tuple(range(40, 57)), "x t weights biases", "activation output loss"),
        _method("sgd",      (38, 57),             "theta", "eta"),
        _method("momentum", (58, 59),             "theta", "eta alpha"),
        _method("adagrad",  (60, 61),             "theta", "eta"),
        _method("rmsprop",  (62, 63),             "theta", "eta alpha epsilon"),
        _method("adam",     (64, 65, 66, 67, 68), "theta", "eta beta_1 beta_2 epsilon"),
        _method("uniform", (69,), "shape seed dtype"),
        _method("xavier",  (70,), "shape seed dtype"),
        _method("he",      (71,), "shape seed dtype"),
        _method("gauss",   (72,), "shape seed dtype"),
        _method("bias",    (),    "shape dtype", statements=("s11-bias-zero",)),
        Operation("l2", (73,), regularization.l2, "matrices", {"weights": "real"}, ("lambda_",)),
        _method("dropout",       (), "x", "p seed training", ("s12.2-train-mask", "s12.2-inference-scale")),
        _method("dropout_layer", (), "p seed", statements=("s12.2-train-mask", "s12.2-inference-scale")),
        Operation("batch_norm", (74, 75, 76, 77), regularization.batch_norm, "columns",
                  {"x": "batch", "gamma": "score", "beta": "score"}, ("epsilon",)),
        _method("batch_norm_layer", (74, 75, 76, 77), "features epsilon rate dtype", statements=("s12.3-init", "s12.3-inference")),
    )
}  # fmt: skip
