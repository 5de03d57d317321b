"""ONNX Runtime on the CPU: a model of one operator for an operation, of several for a network, made when it is first asked for.

Operators for which the CPU has no kernel in a dtype are not offered, nor is anything that ONNX has no operator for; there are
no gradients. ``--adapter-option optimization=none`` runs models as they are written, without the optimization of graphs;
``--adapter-option threads=N`` takes N threads within an operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernel

from eqwise.conformance.adapter import Adapter, NotOffered

OPSET, IR_VERSION = 21, 10
_LEVELS = {"all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL, "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL}
_ACTIVATIONS = {
    "logistic": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "relu": "Relu", "identity": "Identity", "softmax": "Softmax",
}  # fmt: skip

Node = tuple[str, tuple[str, ...], tuple[str, ...], tuple[tuple[str, Any], ...]]  # operator, inputs, outputs, attributes
Input = tuple[str, str, int]  # name, dtype, rank


class OnnxRuntimeAdapter(Adapter):
    """ONNX Runtime, whose arrays are NumPy's."""

    name = "onnxruntime"
    version = ort.__version__
    dtypes = ("float64", "float32", "float16")
    seed_bits = 24  # of RandomUniform and RandomNormal, whose seed is a float in single precision

    def __init__(self, optimization: str = "all", threads: str = "1") -> None:
        if optimization not in _LEVELS:
            raise TypeError(f"optimization={optimization!r} is neither 'all' nor 'none'")
        self.options = (optimization, int(threads))
        self.settings = {"onnx": onnx.__version__, "opset": OPSET, "optimization": optimization, "threads": threads}  # type: ignore[misc]

    def _run(self, nodes: Sequence[Node], given: Mapping[str, Any], outputs: Sequence[str] = ("y",)) -> list[Any]:
        inputs = tuple((name, str(array.dtype), array.ndim) for name, array in given.items())
        return _session(tuple(nodes), inputs, tuple(outputs), *self.options).run(None, dict(given))

    def _one(self, operator: str, *arrays: Any, **attributes: Any) -> Any:
        given = {f"x{k}": array for k, array in enumerate(arrays)}
        return self._run([_node(operator, tuple(given), ("y",), **attributes)], given)[0]

    # section 3, networks
    def dense(self, x: Any, W: Any, b: Any) -> Any: return self._one("Gemm", x, W, b)

    def network(self, x: Any, weights: Sequence[Any], biases: Sequence[Any], activation: str, output: str) -> Any:
        nodes: list[Node] = []
        last, given = "x", {"x": x}
        for layer, (W, b) in enumerate(zip(weights, biases, strict=True), 1):
            name = output if layer == len(weights) else activation
            if name not in _ACTIVATIONS:
                raise NotOffered(f"ONNX has no operator for {name}")
            given |= {f"W{layer}": W, f"b{layer}": b}
            nodes.append(_node("Gemm", (last, f"W{layer}", f"b{layer}"), (f"u{layer}",)))
            nodes.append(_node(_ACTIVATIONS[name], (f"u{layer}",), (last := f"h{layer}",)))
        return self._run(nodes, given, (last,))[0]

    # section 4, activations
    def logistic(self, x: Any) -> Any: return self._one("Sigmoid", x)
    def tanh(self, x: Any) -> Any: return self._one("Tanh", x)
    def softplus(self, x: Any) -> Any: return self._one("Softplus", x)
    def relu(self, x: Any) -> Any: return self._one("Relu", x)
    def leaky_relu(self, x: Any, alpha: float) -> Any: return self._one("LeakyRelu", x, alpha=alpha)
    def prelu(self, x: Any, a: Any) -> Any: return self._one("PRelu", x, a)
    def elu(self, x: Any, alpha: float) -> Any: return self._one("Elu", x, alpha=alpha)
    def identity(self, x: Any) -> Any: return self._one("Identity", x)
    def softmax(self, x: Any) -> Any: return self._one("Softmax", x, axis=-1)

    # section 7, losses
    def softmax_cross_entropy(self, u: Any, t: Any) -> Any:
        if sorted(t) != [0.0] * (len(t) - 1) + [1.0]:
            raise NotOffered("SoftmaxCrossEntropyLoss takes one class, not shares of several")
        return self._one("SoftmaxCrossEntropyLoss", u[None, :], np.flatnonzero(t), reduction="sum")

    # section 11, initialization
    def uniform(self, shape: Any, seed: int, dtype: str) -> Any:
        return self._drawn("RandomUniform", shape, seed, dtype, low=-1.0, high=1.0)
    def gauss(self, shape: Any, seed: int, dtype: str) -> Any: return self._drawn("RandomNormal", shape, seed, dtype)

    def _drawn(self, operator: str, shape: Any, seed: int, dtype: str, **attributes: Any) -> Any:
        given = {"dtype": _type(dtype), "shape": tuple(shape), "seed": float(seed)}
        return _made([_node(operator, (), ("y",), **given, **attributes)], (), ("y",), *self.options).run(None, {})[0]

    # section 12, regularization
    def dropout(self, x: Any, p: float, seed: int, training: bool) -> Any:
        return _Dropout(self, p, seed).run(x, training)

    def dropout_layer(self, p: float, seed: int) -> Any: return _Dropout(self, p, seed)

    def batch_norm(self, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
        return _BatchNorm(self, gamma, beta, epsilon, 0.0).train(x)

    def batch_norm_layer(self, features: int, epsilon: float, rate: float, dtype: str) -> Any:
        return _BatchNorm(self, np.ones(features, dtype), np.zeros(features, dtype), epsilon, rate)


class _Dropout:
    """Dropout by one session, whose operator goes on drawing."""

    def __init__(self, adapter: OnnxRuntimeAdapter, p: float, seed: int) -> None:
        self.options, self.p, self.seed = adapter.options, p, seed
        self.sessions: dict[Any, ort.InferenceSession] = {}

    def run(self, x: Any, training: bool) -> Any:
        kind = (str(x.dtype), x.ndim)
        p = np.array(self.p, np.promote_types(x.dtype, np.float32))
        if kind not in self.sessions:
            node = _node("Dropout", ("x", "p", "training"), ("y",), seed=self.seed)
            inputs = (("x", *kind), ("p", str(p.dtype), 0), ("training", "bool", 0))
            self.sessions[kind] = _made((node,), inputs, ("y",), *self.options)
        given = {"x": x, "p": p, "training": np.array(training)}
        return self.sessions[kind].run(None, given)[0]

    def train(self, x: Any) -> Any: return self.run(x, True)
    def infer(self, x: Any) -> Any: return self.run(x, False)


class _BatchNorm:
    """The operator, whose running averages come out and go in again; its momentum is the weight of the old ones."""

    def __init__(self, adapter: OnnxRuntimeAdapter, gamma: Any, beta: Any, epsilon: float, rate: float) -> None:
        self.adapter, self.gamma, self.beta = adapter, gamma, beta
        self.mean, self.variance = np.zeros_like(gamma), np.ones_like(gamma)
        self.attributes = {"epsilon": epsilon, "momentum": 1 - rate}

    def _given(self, x: Any) -> dict[str, Any]:
        return {"x": x, "gamma": self.gamma, "beta": self.beta, "mean": self.mean, "variance": self.variance}

    def train(self, x: Any) -> Any:
        given, names = self._given(x), ("y", "new_mean", "new_variance")
        node = _node("BatchNormalization", tuple(given), names, training_mode=1, **self.attributes)
        y, self.mean, self.variance = self.adapter._run([node], given, names)
        return y

    def infer(self, x: Any) -> Any:
        given = self._given(x)
        return self.adapter._run([_node("BatchNormalization", tuple(given), ("y",), **self.attributes)], given)[0]


def _node(operator: str, inputs: tuple[str, ...], outputs: tuple[str, ...], **attributes: Any) -> Node:
    return operator, inputs, outputs, tuple(sorted(attributes.items()))


def _type(dtype: str) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _made(nodes: Sequence[Node], inputs: Sequence[Input], outputs: Sequence[str], optimization: str, threads: int) -> ort.InferenceSession:
    """A session of a model of these nodes; `NotOffered` where the CPU has no kernel for one."""
    graph = helper.make_graph(
        [helper.make_node(operator, names, results, **dict(attributes)) for operator, names, results, attributes in nodes],
        "eqwise",
        [helper.make_tensor_value_info(name, _type(dtype), [None] * rank) for name, dtype, rank in inputs],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    settings = ort.SessionOptions()
    settings.graph_optimization_level, settings.intra_op_num_threads = _LEVELS[optimization], threads
    settings.log_severity_level = 4  # what is refused is said by the exception
    try:
        return ort.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    except NoKernel as error:
        raise NotOffered(f"the CPU has no kernel for it: {error}") from error


_session = lru_cache(maxsize=256)(_made)
