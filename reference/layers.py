"""The layers of a network that learns, in the dtype of its parameters: (40), (9) to (18), dropout (12.2), (74) to (77)."""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from eqwise.reference import activations
from eqwise.reference.arithmetic import Array, raw, require
from eqwise.reference.network import affine
from eqwise.reference.regularization import dropout

DTYPES = tuple(np.dtype(t) for t in (np.float32, np.float64))
ACTIVATIONS = ("step", "logistic", "tanh", "softplus", "relu", "leaky_relu", "prelu", "elu", "identity", "softmax")
SLOPES = {"leaky_relu": 0.01, "prelu": 0.25, "elu": 1.0}  # α, or where a starts


class Layer(ABC):
    """One step of a network; `backward` belongs to the last forward pass in training, inference leaves no trace.

    `gradients` has the order of `parameters`; `is_weight` says which of them the L2 penalty counts; `running` is never learned.
    """

    is_weight: tuple[bool, ...] = ()

    def __init__(self, *parameters: Array) -> None:
        self.parameters: list[Array] = list(parameters)
        self.gradients: list[Array] = []
        self.running: list[Array] = []

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """The layer's output, a row for each sample."""

    def learn(self, cotangent: Array) -> None:
        """Sets the gradients by the parameters; a layer has none unless it says so."""
        self.gradients = []

    @abstractmethod
    def pull(self, cotangent: Array) -> Array:
        """The gradient by the input, after `learn`."""

    def backward(self, cotangent: Array) -> Array:
        """Sets the gradients by the parameters and returns that by the input."""
        self.learn(cotangent)
        return self.pull(cotangent)


class Dense(Layer):
    """(40) as x W + b, with W (n_in, n_out) and b (n_out,)."""

    is_weight = (True, False)

    def __init__(self, W: Array, b: Array) -> None:
        if W.ndim != 2 or b.shape != W.shape[1:] or W.dtype != b.dtype or W.dtype not in DTYPES:
            raise ValueError(f"W {W.dtype}{W.shape}, b {b.dtype}{b.shape} must be (n_in, n_out), (n_out,) of float32 or of float64")
        super().__init__(W, b)

    def forward(self, x: Array, training: bool) -> Array:
        if training:
            self._x = x
        return affine(x, *self.parameters)  # type: ignore[no-any-return]

    def learn(self, cotangent: Array) -> None:
        """(48), summed over the batch."""
        self.gradients = [self._x.T @ cotangent, cotangent.sum(axis=0)]

    def pull(self, cotangent: Array) -> Array:
        """The product in (52)."""
        return cotangent @ self.parameters[0].T


class Activation(Layer):
    """(9) to (18) by name; `alpha` is fixed in (14) and (16), and where the one learned slope of (15) starts."""

    def __init__(self, name: str, alpha: float | None = None, dtype: npt.DTypeLike = np.float64) -> None:
        require(name in ACTIVATIONS, "activation", name, f"be one of {', '.join(ACTIVATIONS)}")
        require(alpha is None or name in SLOPES, "alpha", alpha, f"be left out for {name}")
        slope = SLOPES.get(name) if alpha is None else alpha
        learned = name == "prelu"
        super().__init__(*([np.asarray(slope, dtype)] if learned else []))
        self.name, self.is_weight = name, (False,) * learned
        self.fixed = {} if learned or slope is None else {"alpha": slope}
        self._f, self._vjp = (raw(getattr(activations, name + suffix)) for suffix in ("", "_vjp"))

    def forward(self, x: Array, training: bool) -> Array:
        if training:
            self._x = x
        return np.asarray(self._f(x, *self.parameters, **self.fixed), x.dtype)

    def learn(self, cotangent: Array) -> None:
        """By the input and, where it is learned, by the slope."""
        self._by_x, *self.gradients = self._vjp(self._x, *self.parameters, cotangent, **self.fixed)

    def pull(self, cotangent: Array) -> Array:
        return self._by_x


class Dropout(Layer):
    """Drops each unit with probability p, afresh in every training pass; inference multiplies by the share kept, 1 − p."""

    def __init__(self, p: float, rng: np.random.Generator) -> None:
        require(0 <= p <= 1, "p", p, "lie in [0, 1]")
        super().__init__()
        self.p, self.rng = float(p), rng

    def forward(self, x: Array, training: bool) -> Array:
        if training:
            self._mask = int(self.rng.integers(2**63))  # the seed from which it follows
        return raw(dropout)(x, self.p, self._mask if training else 0, training)  # type: ignore[no-any-return]

    def pull(self, cotangent: Array) -> Array:
        return raw(dropout)(cotangent, self.p, self._mask, True)  # type: ignore[no-any-return]


class BatchNorm(Layer):
    """(74) to (77) for each feature, in the working dtype and fast; `eqwise.reference.batch_normalization` is the accurate one.

    Inference uses running averages of μ and σ, as the notes print: running ← (1 − rate)·running + rate·batch.
    """

    is_weight = (False, False)

    def __init__(self, features: int, epsilon: float = 1e-5, rate: float = 0.1, dtype: npt.DTypeLike = np.float64) -> None:
        require(epsilon > 0, "epsilon", epsilon, "be positive")
        require(0 < rate <= 1, "rate", rate, "lie in (0, 1]")
        super().__init__(np.ones(features, dtype), np.zeros(features, dtype))
        self.epsilon, self.rate = float(epsilon), float(rate)
        self.running = [np.zeros(features, dtype), np.ones(features, dtype)]

    def forward(self, x: Array, training: bool) -> Array:
        gamma, beta = self.parameters
        mean, sigma = (x.mean(axis=0), x.std(axis=0)) if training else self.running
        scale = np.sqrt(sigma * sigma + self.epsilon)
        normal: Array = (x - mean) / scale
        if training:
            self._normal, self._scale = normal, scale
            for running, batch in zip(self.running, (mean, sigma), strict=True):
                running[...] = (1 - self.rate) * running + self.rate * batch
        return gamma * normal + beta

    def learn(self, cotangent: Array) -> None:
        """Σ c·x̂ by gamma, Σ c by beta."""
        self.gradients = [np.sum(cotangent * self._normal, axis=0), cotangent.sum(axis=0)]

    def pull(self, cotangent: Array) -> Array:
        """The statistics depend on every sample too: γ/√(σ² + ε)·(c − mean c − x̂·mean cx̂)."""
        by_gamma, by_beta = self.gradients
        return self.parameters[0] / self._scale * (cotangent - (by_beta + self._normal * by_gamma) / len(cotangent))
