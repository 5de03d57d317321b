"""Ordinary examples, as the unit tests of a framework's developer have them: small shapes, standard normal numbers, usual constants.

What an operation answers on an example is a list of arrays. A `Draw` deals the numbers: the same ones to whoever draws them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.properties import checks_of

TURNS = 3  # examples of an operation
STEPS = 5  # of an optimizer
DRAWN = {"uniform", "xavier", "he", "gauss"}
BOTH = {"dropout", "dropout_layer"}  # drawn in training, and not at inference
OWN_GRADIENT = {"network_gradients", "numerical_gradient"}  # operations whose answer is a gradient
HYPER: Mapping[str, Mapping[str, Sequence[Any]]] = {  # one for each turn
    "leaky_relu": {"alpha": (0.01, 0.1, 0.3)},
    "elu": {"alpha": (1.0, 0.5, 2.0)},
    "quantile": {"tau": (0.5, 0.1, 0.9)},
    "huber": {"delta": (1.0, 0.5, 2.0)},
    "epsilon_insensitive": {"epsilon": (0.1, 0.5, 1.0)},
    "l2": {"lambda_": (0.01, 0.1, 1.0)},
    "dropout": {"p": (0.5, 0.1, 0.9)},
    "dropout_layer": {"p": (0.5, 0.1, 0.9)},
    "batch_norm": {"epsilon": (1e-5, 1e-3, 0.1)},
    "batch_norm_layer": {"epsilon": (1e-5, 1e-3, 0.1), "rate": (0.1, 0.01, 0.5)},
    "network": {"activation": ("relu", "tanh", "logistic"), "output": ("softmax", "identity", "logistic")},
    "network_gradients": {
        "activation": ("relu", "tanh", "logistic"),
        "output": ("softmax", "identity", "logistic"),
        "loss": ("cross_entropy", "sum_of_squares", "binary_cross_entropy"),
    },
    "numerical_gradient": {"epsilon": (1e-3, 1e-4, 1e-5)},
    "sgd": {"eta": (0.1, 0.01, 0.5)},
    "momentum": {"eta": (0.1, 0.01, 0.5), "alpha": (0.9, 0.5, 0.99)},
    "adagrad": {"eta": (0.1, 0.01, 0.5)},
    "rmsprop": {"eta": (0.1, 0.01, 0.001), "alpha": (0.9, 0.5, 0.99), "epsilon": (1e-8, 1e-7, 1e-3)},
    "adam": {"eta": (0.001, 0.01, 0.1), "beta_1": (0.9, 0.5, 0.9), "beta_2": (0.999, 0.9, 0.99), "epsilon": (1e-8, 1e-7, 1e-3)},
}


@dataclass
class Draw:
    """Deals the numbers of one turn, rounded to a dtype and held in another one, which may be wider."""

    operation: str
    turn: int
    rounded: str = "float64"
    held: str = "float64"
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.turn)

    @property
    def hyper(self) -> dict[str, Any]:
        return {name: values[self.turn] for name, values in HYPER.get(self.operation, {}).items()}

    def of(self, values: Any) -> Any:
        return np.asarray(values).astype(self.rounded).astype(self.held)

    def normal(self, *shape: int) -> Any:
        return self.of(self.rng.normal(size=shape))

    def domain(self, name: str, shape: tuple[int, ...]) -> Any:
        """Numbers of a domain of the contract: normal ones where any are allowed."""
        match name:
            case "label":        return self.of(self.rng.choice([-1.0, 1.0], shape))
            case "share":        return self.of(self.rng.integers(0, 2, shape) if self.turn else self.rng.uniform(0, 1, shape))
            case "distribution": return self.one_hot(shape)
            case "probability" | "positive": return self.of(self.rng.uniform(0.01, 0.99, shape))
            case _:              return self.normal(*shape)

    def one_hot(self, shape: tuple[int, ...]) -> Any:
        return self.of(np.eye(shape[-1])[self.rng.integers(0, shape[-1], shape[:-1])])


def is_drawn(operation: str, clause: str) -> bool:
    """Whether an error under this clause is one of random numbers, for which no oracle has the expected ones."""
    return operation in DRAWN or (operation in BOTH and clause == "s12.2-train-mask")


def has_gradient(operation: str) -> bool:
    """Whether the operation offers a gradient, or is one."""
    asked = "derivative" in checks_of(OPERATIONS[operation])
    return asked or operation in OWN_GRADIENT


def inputs_of(operation: Operation, draw: Draw) -> tuple[Any, ...]:
    """Small inputs of an operation that one call evaluates."""
    match operation.shape:
        case "affine":   return draw.normal(4, 3), draw.normal(3, 2), draw.normal(2)
        case "network":  return draw.normal(4, 3), *parameters(draw)
        case "columns":  return draw.normal(6, 3), draw.normal(3), draw.normal(3)
        case "matrices": return ([draw.normal(3, 4), draw.normal(4, 2)],)
        case shape:      return tuple(draw.domain(name, (6,) if shape == "sample" else (4, 3)) for name in operation.inputs.values())


def parameters(draw: Draw) -> tuple[Any, Any]:
    """Weights and biases of a network of 3, 4, 3 and 2 units."""
    return [draw.normal(3, 4), draw.normal(4, 3), draw.normal(3, 2)], [draw.normal(4), draw.normal(3), draw.normal(2)]


def flat(item: Any) -> list[Any]:
    """The arrays in nested lists and tuples."""
    return [leaf for part in item for leaf in flat(part)] if isinstance(item, (list, tuple)) else [item]


def rebuilt(like: Any, leaves: Iterator[Any]) -> Any:
    """The leaves, nested as `like` is."""
    return type(like)(rebuilt(part, leaves) for part in like) if isinstance(like, (list, tuple)) else next(leaves)


def answers(adapter: Any, draw: Draw) -> list[Any]:
    """What the operation answers on the example: values and gradients, or all that it moves."""
    return flat(ANSWERS.get(draw.operation, value_and_gradient)(adapter, draw))


def value_and_gradient(adapter: Any, draw: Draw) -> Any:
    """The value, and the gradients for a normal cotangent."""
    operation, hyper = OPERATIONS[draw.operation], draw.hyper
    inputs = inputs_of(operation, draw)
    value = getattr(adapter, draw.operation)(*inputs, **hyper)
    if not has_gradient(draw.operation):
        return [value]
    return [value, adapter.vjp(draw.operation, inputs, draw.normal(*np.shape(value)), **hyper)]


def counted(adapter: Any, draw: Draw) -> Any:
    """Of 20 labels."""
    return [getattr(adapter, draw.operation)(*(draw.rng.integers(0, 2, (2, 20)) == 1))]


def stepped(adapter: Any, draw: Draw) -> Any:
    """The parameters after every step, and what is kept after the last; one array first, then lists of two."""
    shapes = ((3, 2), (2,))
    theta = [draw.normal(*shape) for shape in shapes] if draw.turn else draw.normal(*shapes[0])
    optimizer = getattr(adapter, draw.operation)(theta, **draw.hyper)
    gradients = [rebuilt(theta, iter([draw.normal(*a.shape) for a in flat(theta)])) for _ in range(STEPS)]
    return [*(optimizer.step(g) for g in gradients), list(optimizer.state().values())]


def batch(draw: Draw) -> tuple[Any, Any]:
    """Four samples and their targets."""
    x, loss = draw.normal(4, 3), draw.hyper["loss"]
    return x, draw.one_hot((4, 2)) if loss == "cross_entropy" else draw.domain("share" if "binary" in loss else "target", (4, 2))


def back_propagated(adapter: Any, draw: Draw) -> Any:
    """The gradients of a small network."""
    x, t = batch(draw)
    return list(adapter.network_gradients(x, t, *parameters(draw), **draw.hyper))


def cubes(theta: Any) -> float:
    """A function to differentiate."""
    return float(np.sum(np.asarray(theta, np.float64) ** 3))


def differenced(adapter: Any, draw: Draw) -> Any:
    return [adapter.numerical_gradient(cubes, draw.normal(3, 2), **draw.hyper)]


def dropped(adapter: Any, draw: Draw) -> Any:
    """Inference only."""
    x, hyper = draw.normal(4, 3), {**draw.hyper, "seed": draw.turn, "training": False}
    return [adapter.dropout(x, **hyper), adapter.vjp("dropout", (x,), draw.normal(4, 3), **hyper)]


def inferred(adapter: Any, draw: Draw) -> Any:
    """Inference after a pass of training."""
    layer = adapter.dropout_layer(seed=draw.turn, **draw.hyper)
    layer.train(draw.normal(4, 3))
    return [layer.infer(draw.normal(4, 3))]


def remembered(adapter: Any, draw: Draw) -> Any:
    """Two batches, what is kept of them, and inference."""
    layer = adapter.batch_norm_layer(3, dtype=draw.held, **draw.hyper)
    trained = [layer.train(draw.normal(6, 3)) for _ in range(2)]
    return [*trained, layer.mean, layer.variance, layer.infer(draw.normal(6, 3))]


def zeros(adapter: Any, draw: Draw) -> Any:
    return [adapter.bias((3, 2), dtype=draw.held)]


ANSWERS: Mapping[str, Callable[[Any, Draw], Any]] = {
    **dict.fromkeys(("confusion_matrix", "accuracy", "precision", "recall", "f_measure"), counted),
    **dict.fromkeys(("sgd", "momentum", "adagrad", "rmsprop", "adam"), stepped),
    "network_gradients": back_propagated,
    "numerical_gradient": differenced,
    "dropout": dropped,
    "dropout_layer": inferred,
    "batch_norm_layer": remembered,
    "bias": zeros,
}  # fmt: skip
