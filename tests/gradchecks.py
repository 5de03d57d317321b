"""PyTorch's `gradcheck`, with its defaults, of an adapter's gradient against central differences of its own forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS
from examples import Draw, batch, cubes, flat, inputs_of, parameters, rebuilt


@dataclass(frozen=True)
class Question:
    """A function of some arrays and its gradients, as the adapter gives them for a cotangent."""

    arrays: list[Any]
    forward: Callable[..., Any]
    backward: Callable[..., Any]


def prepare() -> None:
    """Imports PyTorch where it is installed, so that no check pays for it; on one thread, as the other checkers."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


def check(adapter: Any, operation: str, turn: int) -> None:
    """Holds the operation to gradcheck on one example; raises what gradcheck raises."""
    import torch

    asked = question(adapter, Draw(operation, turn))
    given = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in asked.arrays]
    torch.autograd.gradcheck(lambda *tensors: wrapped(asked).apply(*tensors), given)


def wrapped(asked: Question) -> Any:
    """The question as a function of PyTorch's, which runs nothing but the adapter."""
    import torch

    class Asked(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, *tensors: Any) -> Any:
            context.save_for_backward(*tensors)
            return torch.as_tensor(np.array(asked.forward(*(tensor.detach().numpy() for tensor in tensors))))

        @staticmethod
        def backward(context: Any, cotangent: Any) -> Any:
            found = asked.backward(*(tensor.detach().numpy() for tensor in context.saved_tensors), cotangent.numpy())
            return tuple(None if gradient is None else torch.as_tensor(np.array(gradient)) for gradient in found)

    return Asked


def question(adapter: Any, draw: Draw) -> Question:
    """The function that an operation is, or that it gives the gradient of."""
    match draw.operation:
        case "network_gradients":  return mean_loss(adapter, draw)
        case "numerical_gradient": return differences(adapter, draw)
        case "dropout":            return of_inputs(adapter, (draw.normal(4, 3),), draw, seed=draw.turn, training=draw.turn != 1)
        case _:                    return of_inputs(adapter, inputs_of(OPERATIONS[draw.operation], draw), draw)


def of_inputs(adapter: Any, inputs: tuple[Any, ...], draw: Draw, **more: Any) -> Question:
    """An operation and its vjp."""
    name, hyper = draw.operation, {**draw.hyper, **more}

    def forward(*arrays: Any) -> Any:
        return getattr(adapter, name)(*rebuilt(inputs, iter(arrays)), **hyper)

    def backward(*arrays: Any) -> Any:
        return flat(adapter.vjp(name, rebuilt(inputs, iter(arrays)), arrays[-1], **hyper))

    return Question(flat(inputs), forward, backward)


def mean_loss(adapter: Any, draw: Draw) -> Question:
    """The mean loss of a network over a batch as a function of its parameters, and `network_gradients`."""
    (x, t), like, hyper = batch(draw), parameters(draw), draw.hyper
    loss = getattr(adapter, hyper["loss"])
    named = {name: hyper[name] for name in ("activation", "output")}

    def forward(*arrays: Any) -> Any:
        y = adapter.network(x, *rebuilt(like, iter(arrays)), **named)
        return np.mean([loss(row, target) for row, target in zip(y, t, strict=True)])

    def backward(*arrays: Any) -> Any:
        return [arrays[-1] * gradient for gradient in flat(adapter.network_gradients(x, t, *rebuilt(like, iter(arrays)), **hyper))]

    return Question(flat(like), forward, backward)


def differences(adapter: Any, draw: Draw) -> Question:
    """A function, and its `numerical_gradient`."""
    return Question([draw.normal(3, 2)], cubes, lambda theta, c: [c * adapter.numerical_gradient(cubes, theta, **draw.hyper)])
