"""Sections 6 and 8 to 12 of the notes: correct implementations that round or are organised otherwise; none may be blamed.

`INNOCENTS` follow the notes as printed. `MAY_BE_INACCURATE` lose digits on hard inputs. `OTHER_READINGS` follow a reading of the
clause that they stand beside.
"""

import math
from functools import partial

import numpy as np
from scipy.special import ndtri

from eqwise.conformance.adapters.reference import ReferenceAdapter
from innocent.making import Otherwise
from wrong import methods
from wrong.methods import AdaGrad, Adam, BackPropagation, BatchNormLayer, Momentum, Optimizer, RMSprop, Sgd, cast_back, narrow, wide

SINGLE_AND_DOUBLE = ("float64", "float32")  # constants rounded to fewer bits are not what was passed any more: 0.999 becomes 1

# section 6: metrics


class ByBooleans(ReferenceAdapter):
    """Sums of booleans, quotients in float64."""

    def confusion_matrix(self, actual, predicted):
        return np.array([[np.sum(a & p) for p in (predicted, ~predicted)] for a in (actual, ~actual)])

    def accuracy(self, actual, predicted): return np.mean(actual == predicted) if len(actual) else np.float64("nan")
    def precision(self, actual, predicted): return np.mean(actual[predicted]) if predicted.any() else np.float64("nan")
    def recall(self, actual, predicted): return np.mean(predicted[actual]) if actual.any() else np.float64("nan")

    def f_measure(self, actual, predicted):
        both = np.sum(actual) + np.sum(predicted)
        return 2 * np.sum(actual & predicted) / both if both else np.float64("nan")


class ByBincount(ReferenceAdapter):
    """Counts by one index for each cell; 0/0 is 0; the F-measure from precision and recall as printed; results in float32."""

    def confusion_matrix(self, actual, predicted):
        return np.bincount(2 * ~actual + 1 * ~predicted, minlength=4).reshape(2, 2).astype(np.int32)

    def accuracy(self, actual, predicted): return _quotient(np.trace(self.confusion_matrix(actual, predicted)), len(actual))
    def precision(self, actual, predicted): return _quotient(*_first_and_sum(self.confusion_matrix(actual, predicted)[:, 0]))
    def recall(self, actual, predicted): return _quotient(*_first_and_sum(self.confusion_matrix(actual, predicted)[0]))

    def f_measure(self, actual, predicted):
        precision, recall = self.precision(actual, predicted), self.recall(actual, predicted)
        return np.float32(2) * precision * recall / (precision + recall) if precision + recall else np.float32(0)


def _first_and_sum(counts):
    return counts[0], counts.sum()


def _quotient(a, b):
    return np.float32(a) / np.float32(b) if b else np.float32(0)


def _reduced(function):
    """A method that runs in float64 and casts back."""
    return lambda self, *inputs, **hyper: cast_back(partial(function, self))(*inputs, **hyper)


class OtherSums(Otherwise):
    """Exact sums, dot products and norms; quotients taken elsewhere."""

    @_reduced
    def mse(self, t, y): return math.fsum((t - y) ** 2 / len(t))

    @_reduced
    def rmse(self, t, y): return np.linalg.norm(t - y) / np.sqrt(len(t))

    @_reduced
    def mae(self, t, y): return math.fsum(np.abs(y - t) / len(t))

    @_reduced
    def l2(self, weights, lambda_): return math.fsum(lambda_ * w * w for W in weights for w in W.ravel())


def _mse_gradient(t, y, c):
    by_y = (y - t) * (2 * c / len(t))
    return -by_y, by_y


def _mae_gradient(t, y, c):
    """1 at a tie, which lies between the slopes."""
    by_t = np.where(t >= y, c, -c) * (1 / len(t))
    return by_t, -by_t


def _l2_gradient(weights, c, lambda_):
    return ([c * (lambda_ * W + lambda_ * W) for W in weights],)


OtherSums.gradients = {"mse": cast_back(_mse_gradient), "mae": cast_back(_mae_gradient), "l2": cast_back(_l2_gradient)}


class OneLessAQuotient(ReferenceAdapter):
    """The coefficient of determination as it is printed, which cancels where the estimates are small beside the observations."""

    @_reduced
    def r_squared(self, t, y):
        d = t - y.mean()
        return 1 - np.dot(y - t, y - t) / np.dot(d, d)


def _by_squared_divisor(t, y, c):
    error, d = t - y, t - y.mean()
    a, b = np.sum(error * error), np.sum(d * d)
    twice = 2 * (a / b**2) if c > 0 else 2 * (c * a * b**-2) / c
    by_error = 2 * error / b
    return c * (twice * d - by_error), c * (by_error - twice * np.sum(d) / t.dtype.type(t.size))


class SquaredDivisor(Otherwise):
    """The gradient of 1 − a/b in its own dtype, by a/b² and its factor 2 first, or by (c·a)·b⁻² where c < 0; the cotangent last."""

    gradients = {"r_squared": _by_squared_divisor}  # noqa: RUF012


class AscendingLabels(ReferenceAdapter):
    """False before True."""

    def confusion_matrix(self, actual, predicted): return np.bincount(2 * actual + predicted, minlength=4).reshape(2, 2)


class PredictedInRows(ReferenceAdapter):
    """Predicted classes in rows."""

    def confusion_matrix(self, actual, predicted):
        return np.array([[np.sum(a & p) for a in (actual, ~actual)] for p in (predicted, ~predicted)])


def _r_squared_gradient(t, y, c):
    d = t - t.mean()
    spread = np.sum(d * d)
    by_y = 2 * c * (t - y) / spread
    return 2 * c * d / spread * (np.sum((t - y) ** 2) / spread) - by_y, by_y


class MeanOfObservations(Otherwise):
    """The usual coefficient of determination; 0/0 is 1, as elsewhere in use."""

    gradients = {"r_squared": cast_back(_r_squared_gradient)}  # noqa: RUF012

    @_reduced
    def r_squared(self, t, y):
        error, spread = np.sum((t - y) ** 2), np.sum((t - t.mean()) ** 2)
        return 1 - error / spread if spread else 1.0 * (error == 0)


class InTheirOwnDtype(ReferenceAdapter):
    """Metrics without a wider type."""

    dtypes = SINGLE_AND_DOUBLE

    def mse(self, t, y): return np.mean((t - y) ** 2)
    def rmse(self, t, y): return np.sqrt(np.mean((t - y) ** 2))
    def mae(self, t, y): return np.mean(np.abs(t - y))


class DotProducts(ReferenceAdapter):
    """A penalty whose squares may leave the range."""

    dtypes = SINGLE_AND_DOUBLE

    def l2(self, weights, lambda_):
        with np.errstate(all="ignore"):
            return weights[0].dtype.type(lambda_) * sum(np.vdot(W, W) for W in weights)


# section 8: numerical differentiation


class AllAboveThenAllBelow(ReferenceAdapter):
    """One matrix of moved parameters, evaluated from the last row to the first."""

    def numerical_gradient(self, function, theta, epsilon):
        flat = np.asarray(theta, np.float64).ravel()
        steps = epsilon * np.eye(flat.size)
        moved = np.concatenate([flat + steps, flat - steps])
        values = np.array([float(function(row.reshape(theta.shape))) for row in moved[::-1]])[::-1]
        above, below = values[: flat.size], values[flat.size :]
        return ((above - below) / epsilon / 2).reshape(theta.shape).astype(theta.dtype)


class MovedUpDownAndUp(ReferenceAdapter):
    """Moves each component of a copy up, down and up again: others are moved back but for their rounding."""

    def numerical_gradient(self, function, theta, epsilon):
        work, found = np.array(theta, np.float64), np.empty(theta.shape)
        for i in np.ndindex(theta.shape):
            work[i] += epsilon
            above = float(function(work.copy()))
            work[i] -= 2 * epsilon
            found[i] = (above - float(function(work.copy()))) / (2 * epsilon)
            work[i] += epsilon
        return found.astype(theta.dtype)


class WidthAsRounded(ReferenceAdapter):
    """Divides by the distance of the two points as they were rounded."""

    def numerical_gradient(self, function, theta, epsilon):
        found = np.empty(theta.shape)
        for i in np.ndindex(theta.shape):
            above, below = np.array(theta, np.float64), np.array(theta, np.float64)
            above[i] += epsilon
            below[i] -= epsilon
            found[i] = (float(function(above)) - float(function(below))) / (above[i] - below[i])
        return found.astype(theta.dtype)


# section 9: back-propagation


class Augmented(ReferenceAdapter):
    """(40) with theta in one matrix."""

    @_reduced
    def network_gradients(self, *inputs, **hyper): return BackPropagation()(*inputs, **hyper)


class SampleBySample(ReferenceAdapter):
    """The gradients of single samples, averaged from the last to the first."""

    @_reduced
    def network_gradients(self, x, t, *parameters, **hyper):
        found = [BackPropagation()(x[i : i + 1], t[i : i + 1], *parameters, **hyper) for i in reversed(range(len(x)))]
        return tuple([sum(arrays) / len(x) for arrays in zip(*part, strict=True)] for part in zip(*found, strict=True))


SLOPES = {"logistic": lambda h: h * (1 - h), "tanh": lambda h: 1 - h * h, "softplus": lambda h: -np.expm1(-h)}


class _OutputsOnly(BackPropagation):
    """f' from the output as it was rounded."""

    def __init__(self, dtype): self.dtype = dtype
    def activate(self, u, f): return wide(narrow(super().activate(u, f), self.dtype))
    def slope(self, u, h, f): return SLOPES[f](h) if f in SLOPES else super().slope(u, h, f)


class KeepsOutputsOnly(ReferenceAdapter):
    """y(1 − y), 1 − y² and 1 − e^−y of the rounded outputs."""

    def network_gradients(self, x, *others, **hyper): return cast_back(_OutputsOnly(x.dtype))(x, *others, **hyper)


class _InOneDtype(BackPropagation):
    def affine(self, h, theta): return h @ theta[1:] + theta[0]
    def activate(self, u, f): return super().activate(u, f).astype(u.dtype)
    def gradient(self, h, delta, u): return np.vstack([delta.sum(axis=0), h.T @ delta]) / u.dtype.type(len(h))
    def slope(self, u, h, f): return super().slope(u, h, f).astype(u.dtype)


class ProductsInTheirOwnDtype(ReferenceAdapter):
    """Matrix products without a wider type."""

    dtypes = SINGLE_AND_DOUBLE

    def network_gradients(self, *inputs, **hyper):
        with np.errstate(all="ignore"):
            return _InOneDtype()(*inputs, **hyper)


class _Reversed(BackPropagation):
    def affine(self, h, theta): return (theta[:0:-1].T @ h[:, ::-1].T).T + theta[0]
    def gradient(self, h, delta, u): return (delta[::-1].T / len(h) @ methods.augmented(h)[::-1]).T
    def below(self, delta, theta, u, h, f): return (theta[1:, ::-1] @ delta[:, ::-1].T).T * self.slope(u, h, f)


class ProductsReversed(ReferenceAdapter):
    """Sums of products from the last to the first, of the transposed matrices."""

    @_reduced
    def network_gradients(self, *inputs, **hyper): return _Reversed()(*inputs, **hyper)


# section 10: optimizers


def _optimizers(*mixed):
    """The five correct ones, changed in the same way."""
    bases = {"sgd": Sgd, "momentum": Momentum, "adagrad": AdaGrad, "rmsprop": RMSprop, "adam": Adam}
    return {name: type(base.__name__, (*mixed, base), {}) for name, base in bases.items()}


def _adapter(name, text, made, **more):
    """An adapter whose optimizers are these."""
    return type(name, (ReferenceAdapter,), {"__doc__": text, "__module__": __name__, **made, **more})


class _InDtype(Optimizer):
    """All constants are rounded first: 1 − beta and beta**t are those of the rounded beta."""

    def __init__(self, theta, eta, **hyper):
        super().__init__(theta, eta, **hyper)
        self.kind = self.theta[0].dtype.type
        vars(self).update({name: self.kind(value) for name, value in dict(hyper, eta=eta).items()})

    def step(self, gradient, eta=None):
        self.eta = self.eta if eta is None else self.kind(eta)
        self.t += 1
        with np.errstate(all="ignore"):
            for i, g in enumerate(self.listed(gradient)):
                self.i = i
                self.put(self.update(self.theta[i], np.asarray(g), *(self.kept[name][i] for name in self.slots)))
        return self.copies(self.theta)

    def keep(self, name, value):
        super().keep(name, value)
        return self.kept[name][self.i]


class _Hidden(Optimizer):
    def state(self): return {}


class _Flattened(Optimizer):
    """A list as one long vector, of the widest dtype among them."""

    def __init__(self, theta, eta, **hyper):
        self.shapes = [np.shape(a) for a in theta] if isinstance(theta, list) else None
        super().__init__(self._flat(theta), eta, **hyper)

    def step(self, gradient, eta=None): return self._parts(super().step(self._flat(gradient), eta))
    def state(self): return {name: self._parts(array) for name, array in super().state().items()}
    def _flat(self, item): return item if self.shapes is None else np.concatenate([np.ravel(a) for a in item])

    def _parts(self, flat):
        if self.shapes is None:
            return flat
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.shapes, strict=True)]


class _WiderState(Optimizer):
    """Slots in float64 whatever the parameters."""

    def __init__(self, theta, eta, **hyper):
        super().__init__(theta, eta, **hyper)
        self.kept = {name: [np.zeros(a.shape) for a in self.theta] for name in self.slots}


class _MasterCopy(_WiderState, _Hidden):
    """Parameters in float64 too, cast where they are handed out."""

    def __init__(self, theta, eta, **hyper):
        super().__init__(theta, eta, **hyper)
        self.dtypes = [a.dtype for a in self.theta]
        self.theta = [wide(a) for a in self.theta]

    def copies(self, arrays):
        cast = [narrow(a, dtype) for a, dtype in zip(arrays, self.dtypes, strict=True)]
        return cast if self.many else cast[0]


class _FoldedAdam(Adam):
    """Both corrections in the length of the step and in epsilon; equal to (68)."""

    def m_hat(self, m): return m
    def v_hat(self, v): return v

    def change(self, m, v):
        rest = 1 - self.beta_2**self.t
        return self.eta * np.sqrt(rest) / (1 - self.beta_1**self.t) * m / np.sqrt(v + self.epsilon * rest)


class _FoldedAdamInDtype(_InDtype, _FoldedAdam):
    pass


def _lerp(old, new, rate):
    """From the nearer end, so that nothing cancels."""
    return old + rate * (new - old) if rate < 0.5 else new - (1 - rate) * (new - old)


class _LerpAdam(Adam):
    """m + (1 − beta)(g − m), and reciprocals of roots."""

    def first(self, m, g): return _lerp(m, g, 1 - self.beta_1)
    def second(self, v, g): return _lerp(v, g * g, 1 - self.beta_2)
    def change(self, m_hat, v_hat): return (1 / np.sqrt(v_hat + self.epsilon)) * m_hat * self.eta


class _LerpRMSprop(RMSprop):
    def average(self, h, g): return _lerp(h, g * g, 1 - self.alpha)
    def change(self, h, g): return g * (1 / np.sqrt(h + self.epsilon)) * self.eta


class _ReciprocalAdaGrad(AdaGrad):
    def change(self, h, g): return np.where(h > 0, 1 / np.sqrt(h), 0) * g * self.eta


class _Powers(Adam):
    """The powers of beta by repeated multiplication, once a step."""

    powers = (1.0, 1.0)

    def step(self, gradient, eta=None):
        self.powers = self.powers[0] * self.beta_1, self.powers[1] * self.beta_2
        return super().step(gradient, eta)

    def m_hat(self, m): return m / (1 - self.powers[0])
    def v_hat(self, v): return v / (1 - self.powers[1])


class _CorrectionByExpm1(Adam):
    """1 − beta**t without cancellation."""

    def _rest(self, beta): return -np.expm1(self.t * np.log(beta)) if beta else 1.0
    def m_hat(self, m): return m / self._rest(self.beta_1)
    def v_hat(self, v): return v / self._rest(self.beta_2)


class _VelocityFirst(Momentum):
    """(59) as the old velocity and the new gradient apart."""

    def update(self, theta, g, v):
        self.keep("v", self.velocity(v, g))
        return (theta - self.eta * g) + self.alpha * v


Plain = _adapter("Plain", "The correct pieces that wrong ones are made from.", _optimizers())
DtypeConstants = _adapter("DtypeConstants", "Everything in the dtype of the parameters.", _optimizers(_InDtype), dtypes=SINGLE_AND_DOUBLE)
HiddenState = _adapter("HiddenState", "No state to be seen.", _optimizers(_Hidden))
HiddenDtypeConstants = _adapter("HiddenDtypeConstants", "Both.", _optimizers(_Hidden, _InDtype), dtypes=SINGLE_AND_DOUBLE)
Flattened = _adapter("Flattened", "Lists as one vector.", _optimizers(_Flattened))
WiderState = _adapter("WiderState", "State in float64.", _optimizers(_WiderState))
MasterCopy = _adapter("MasterCopy", "Parameters in float64, seen in their dtype.", _optimizers(_MasterCopy))
Folded = _adapter("Folded", "Corrections folded into the step.", {"adam": _FoldedAdam, "momentum": _VelocityFirst})
FoldedInDtype = _adapter("FoldedInDtype", "The same in the dtype.", {"adam": _FoldedAdamInDtype}, dtypes=SINGLE_AND_DOUBLE)
Lerp = _adapter("Lerp", "Lerps and reciprocals.", {"adam": _LerpAdam, "rmsprop": _LerpRMSprop, "adagrad": _ReciprocalAdaGrad})
LerpInDtype = _adapter(
    "LerpInDtype",
    "The same in the dtype.",
    {name: type(made.__name__, (_InDtype, made), {}) for name, made in (("adam", _LerpAdam), ("rmsprop", _LerpRMSprop))},
    dtypes=SINGLE_AND_DOUBLE,
)
Powers = _adapter("Powers", "Powers of beta step by step.", {"adam": _Powers})
CorrectionByExpm1 = _adapter("CorrectionByExpm1", "More digits than asked for.", {"adam": _CorrectionByExpm1})


# section 11: initial weights


class _Laws(ReferenceAdapter):
    """The four laws from a source of uniform and one of normal numbers."""

    def flat(self, seed, shape): return np.random.default_rng(seed).uniform(-1, 1, shape)
    def bell(self, seed, shape): return np.random.default_rng(seed).standard_normal(shape)
    def uniform(self, shape, seed, dtype): return self.flat(seed, shape).astype(dtype)
    def xavier(self, shape, seed, dtype): return (self.bell(seed, shape) / np.sqrt(shape[0])).astype(dtype)
    def he(self, shape, seed, dtype): return (self.bell(seed, shape) * math.sqrt(2 / shape[0])).astype(dtype)
    def gauss(self, shape, seed, dtype): return self.bell(seed, shape).astype(dtype)
    def bias(self, shape, dtype): return np.zeros(shape).astype(dtype)


class Ziggurat(_Laws):
    """The generator's own, PCG64; biases of the sign −0."""

    def bias(self, shape, dtype): return (-np.zeros(shape)).astype(dtype)


class BoxMuller(_Laws):
    """Pairs of normal numbers from pairs of uniform ones with 24 bits; the closed interval [−1, 1]."""

    def flat(self, seed, shape): return np.random.default_rng(seed).integers(0, 2**24, shape, endpoint=True) / 2**23 - 1

    def bell(self, seed, shape):
        rng, n = np.random.default_rng(seed), math.prod(shape)
        radius = np.sqrt(-2 * np.log(np.float32(1) - rng.random((n + 1) // 2, np.float32)))
        angle = np.float32(2 * np.pi) * rng.random((n + 1) // 2, np.float32)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n].reshape(shape)


class InSinglePrecision(_Laws):
    """Drawn in float32, from 23 bits."""

    def flat(self, seed, shape): return 2 * np.random.default_rng(seed).random(shape, np.float32) - 1
    def bell(self, seed, shape): return np.random.default_rng(seed).standard_normal(shape, np.float32)


class InverseDistribution(_Laws):
    """The inverse distribution function, at the middle of each of 2^53 parts; from Philox."""

    def _parts(self, seed, shape): return (np.random.Generator(np.random.Philox(seed)).integers(0, 2**53, shape) + 0.5) / 2**53
    def flat(self, seed, shape): return 2 * self._parts(seed, shape) - 1
    def bell(self, seed, shape): return ndtri(self._parts(seed, shape))


class Polar(_Laws):
    """Marsaglia's polar method, from the Mersenne twister; filled column by column; the half-open interval (−1, 1]."""

    def _rng(self, seed): return np.random.RandomState(seed % 2**32)
    def flat(self, seed, shape): return 1 - 2 * self._rng(seed).random_sample(shape[::-1]).T
    def bell(self, seed, shape): return self._rng(seed).normal(size=shape[::-1]).T


class TwentyThreeBits(_Laws):
    """The inverse distribution function in float32, of as many different numbers as its significand has."""

    def flat(self, seed, shape): return (np.random.default_rng(seed).integers(0, 2**23, shape) / 2**22 - 1).astype(np.float32)
    def bell(self, seed, shape): return ndtri((np.maximum(self.flat(seed, shape), np.float32(2**-23 - 1)) + 1) / 2).astype(np.float32)


class Immutable(_Laws):
    """Arrays that cannot be written; a layer of the same shape, seed and dtype is kept."""

    def __init__(self): object.__setattr__(self, "kept", {})

    def gauss(self, shape, seed, dtype):
        found = self.kept.setdefault((shape, seed, str(dtype)), super().gauss(shape, seed, dtype))
        found.flags.writeable = False
        return found


class FanAverage(_Laws):
    """The mean of inputs and outputs."""

    def xavier(self, shape, seed, dtype): return (self.bell(seed, shape) * math.sqrt(2 / sum(shape))).astype(dtype)
    def he(self, shape, seed, dtype): return (self.bell(seed, shape) * math.sqrt(4 / sum(shape))).astype(dtype)


class Truncated(_Laws):
    """Nothing beyond two deviations, by the inverse distribution function."""

    def bell(self, seed, shape):
        low, high = 0.022750131948179195, 0.9772498680518208
        return ndtri(np.random.default_rng(seed).uniform(low, high, shape))


class TruncatedRescaled(Truncated):
    """And brought back to the deviation of the law."""

    def bell(self, seed, shape): return super().bell(seed, shape) / 0.8796256610342398


class TruncatedInItsDtype(Truncated):
    """Brought back by a width that is formed in the dtype, in several roundings."""

    def _drawn(self, shape, seed, dtype, deviation):
        return self.bell(seed, shape).astype(dtype) * (deviation / np.dtype(dtype).type(0.8796256610342398))

    def gauss(self, shape, seed, dtype): return self._drawn(shape, seed, dtype, np.dtype(dtype).type(1))

    def xavier(self, shape, seed, dtype):
        one, n_in = np.array([1, shape[0]], dtype)
        return self._drawn(shape, seed, dtype, one / np.sqrt(n_in))

    def he(self, shape, seed, dtype):
        two, n_in = np.array([2, shape[0]], dtype)
        return self._drawn(shape, seed, dtype, np.sqrt(two / n_in))


# section 12.2: dropout


class _Masks(ReferenceAdapter):
    """Dropout by a mask; the share that was dropped multiplies at inference, as printed."""

    def kept(self, rng, shape, p): return rng.random(shape) >= p
    def in_training(self, p): return 1.0
    def at_inference(self, p): return p
    def generator(self, seed): return np.random.default_rng(seed)

    def dropout(self, x, p, seed, training):
        if not training:
            return narrow(wide(x) * self.at_inference(p), x.dtype)
        kept = self.kept(self.generator(seed), x.shape, p)
        return narrow(np.where(kept, wide(x) * self.in_training(p), 0), x.dtype)

    def vjp(self, operation, inputs, cotangent, **hyper):
        if operation != "dropout":
            return super().vjp(operation, inputs, cotangent, **hyper)
        return (self.dropout(cotangent, **hyper),)

    def dropout_layer(self, p, seed): return _MaskLayer(self, p, seed)


class _MaskLayer:
    """A seed of its own for each pass."""

    def __init__(self, masks, p, seed):
        self.masks, self.p, self.seeds = masks, p, np.random.default_rng(seed)

    def train(self, x): return self.masks.dropout(x, p=self.p, seed=int(self.seeds.integers(2**32)), training=True)
    def infer(self, x): return self.masks.dropout(x, p=self.p, seed=0, training=False)


class MaskInSinglePrecision(_Masks):
    """Uniform numbers with 24 bits."""

    def kept(self, rng, shape, p): return rng.random(shape, np.float32) >= np.float32(p)


class MaskByTwister(_Masks):
    """The Mersenne twister, a binomial number for each unit; the mask multiplies."""

    def generator(self, seed): return np.random.Generator(np.random.MT19937(seed))
    def kept(self, rng, shape, p): return rng.binomial(1, 1 - p, shape) == 1


class MaskByPhilox(_Masks):
    """Philox, 32-bit integers compared with a threshold; drawn from the last unit to the first."""

    def generator(self, seed): return np.random.Generator(np.random.Philox(seed))
    def kept(self, rng, shape, p): return (rng.integers(0, 2**32, math.prod(shape)) >= round(p * 2**32))[::-1].reshape(shape)


class KeptShare(_Masks):
    """The share that was kept multiplies at inference."""

    def at_inference(self, p): return 1 - p


class Inverted(_Masks):
    """1/(1 − p) in training, nothing at inference."""

    def in_training(self, p): return 1 / (1 - p) if p < 1 else 0.0
    def at_inference(self, p): return 1.0


class InvertedInSinglePrecision(Inverted):
    """The factor divides, and is rounded to float32 before; so is p."""

    dtypes = ("float32",)

    def in_training(self, p): return np.float64(1 / (np.float32(1) - np.float32(p))) if p < 1 else 0.0


# section 12.3: batch normalization


def _welford(x):
    """Mean and variance, one sample at a time."""
    mean, spread = np.zeros(x.shape[1:]), np.zeros(x.shape[1:])
    for k, row in enumerate(x, 1):
        old = row - mean
        mean = mean + old / k
        spread = spread + old * (row - mean)
    return mean, spread / len(x)


def _compensated(x):
    """Mean and variance by two passes with exact sums; what the rounded mean leaves over is subtracted."""
    mean = np.array([math.fsum(column) for column in x.T]) / len(x)
    d = x - mean
    spread = np.array([math.fsum(column * column) for column in d.T]) - np.array([math.fsum(column) for column in d.T]) ** 2 / len(x)
    return mean, np.maximum(spread, 0) / len(x)


class _Normalised(ReferenceAdapter):
    """Batch normalization in float64 from given statistics."""

    def statistics(self, x): return x.mean(axis=0), x.var(axis=0)

    @_reduced
    def batch_norm(self, x, gamma, beta, epsilon):
        mean, variance = self.statistics(x)
        return gamma * ((x - mean) / np.sqrt(variance + epsilon)) + beta


class Welford(_Normalised):
    """One pass without cancellation."""

    def statistics(self, x): return _welford(x)


class Compensated(_Normalised):
    """Two passes with exact sums."""

    def statistics(self, x): return _compensated(x)


class ReciprocalRoot(_Normalised):
    """The reciprocal of the root, multiplied by gamma first."""

    @_reduced
    def batch_norm(self, x, gamma, beta, epsilon): return (x - x.mean(axis=0)) * (gamma * (1 / np.sqrt(x.var(axis=0) + epsilon))) + beta


class ReciprocalRootInItsDtype(ReferenceAdapter):
    """The same in the dtype of the input."""

    dtypes = SINGLE_AND_DOUBLE

    def batch_norm(self, x, gamma, beta, epsilon):
        d = x - x.mean(axis=0)
        return d * (x.dtype.type(1) / np.sqrt(np.mean(d * d, axis=0) + x.dtype.type(epsilon))) * gamma + beta


class ScaleAndShiftFolded(ReferenceAdapter):
    """One product and one sum for an element, which cancels at a large offset."""

    dtypes = SINGLE_AND_DOUBLE

    def batch_norm(self, x, gamma, beta, epsilon):
        scale = gamma / np.sqrt(x.var(axis=0) + x.dtype.type(epsilon))
        return x * scale + (beta - x.mean(axis=0) * scale)


def _in_stages(x, gamma, beta, c, epsilon):
    m, d = len(x), x - x.mean(axis=0)
    r = 1 / np.sqrt(x.var(axis=0) + epsilon)
    by_variance = np.sum(c * gamma * d, axis=0) * -(r**3) / 2
    by_mean = -np.sum(c * gamma * r, axis=0) + by_variance * np.mean(-2 * d, axis=0)
    return c * gamma * r + by_variance * 2 * d / m + by_mean / m, np.sum(c * d, axis=0) * r, np.sum(c, axis=0)


class GradientInStages(Otherwise):
    """The gradient by variance, then by mean, then by the samples, as in the paper that introduced the method."""

    gradients = {"batch_norm": cast_back(_in_stages)}  # noqa: RUF012


class _LerpLayer(BatchNormLayer):
    """running + rate·(batch − running)."""

    def blend(self, old, new): return narrow(_lerp(wide(old), new, self.rate), old.dtype)
    def statistics(self, x): return _welford(x)


class _WiderLayer(BatchNormLayer):
    """Everything that is kept in float64."""

    def __init__(self, features, epsilon, rate, dtype): super().__init__(features, epsilon, rate, np.float64)


class _UnbiasedLayer(BatchNormLayer):
    """The unbiased variance is followed, where there is one."""

    def follow(self, mean, variance): super().follow(mean, variance * self.unbiased)

    def train(self, x):
        self.unbiased = len(x) / max(len(x) - 1, 1)
        return super().train(x)


def _in_sequence(x):
    """Mean and variance by two passes in the dtype of the input, from sample to sample: that of a constant need not be 0."""
    mean = sum(x[1:], x[0]) / x.dtype.type(len(x))
    squares = (x - mean) ** 2
    return mean, sum(squares[1:], squares[0]) / x.dtype.type(len(x))


class _FromZeroLayer(BatchNormLayer):
    """Both running averages start at 0; everything in the dtype of the input."""

    def __init__(self, features, epsilon, rate, dtype):
        super().__init__(features, epsilon, rate, dtype)
        self.variance = np.zeros(features, dtype)

    def train(self, x):
        self.passes += 1
        mean, variance = _in_sequence(x)
        self.follow(mean, variance)
        return self.gamma * ((x - mean) / np.sqrt(variance + x.dtype.type(self.epsilon))) + self.beta

    def blend(self, old, new): return old + old.dtype.type(self.rate) * (new - old)


class _FirstBatchLayer(_FromZeroLayer):
    """The first batch is taken whole."""

    def __init__(self, features, epsilon, rate, dtype):
        super().__init__(features, epsilon, rate, dtype)
        self.variance = np.ones(features, dtype)

    def blend(self, old, new): return new if self.passes == 1 else super().blend(old, new)


class TakenApart(ReferenceAdapter):
    """The layer that wrong ones are made from."""

    batch_norm_layer = BatchNormLayer


class LerpLayer(ReferenceAdapter):
    """Running averages by a lerp, statistics in one pass."""

    batch_norm_layer = _LerpLayer


class WiderLayer(ReferenceAdapter):
    """Parameters and running averages in float64."""

    batch_norm_layer = _WiderLayer


class UnbiasedLayer(ReferenceAdapter):
    """A running variance with 1/(m − 1)."""

    batch_norm_layer = _UnbiasedLayer


class FromZeroLayer(ReferenceAdapter):
    """Running averages from 0, statistics that round."""

    dtypes = SINGLE_AND_DOUBLE
    batch_norm_layer = _FromZeroLayer


class FirstBatchLayer(ReferenceAdapter):
    """Running averages from the first batch, statistics that round."""

    dtypes = SINGLE_AND_DOUBLE
    batch_norm_layer = _FirstBatchLayer


INNOCENTS = (
    *(ByBooleans, ByBincount, OtherSums, InTheirOwnDtype, AllAboveThenAllBelow, MovedUpDownAndUp),
    *(Augmented, SampleBySample, ProductsReversed),
    *(Plain, DtypeConstants, HiddenState, HiddenDtypeConstants, Flattened, WiderState, MasterCopy),
    *(Folded, FoldedInDtype, Lerp, Powers, CorrectionByExpm1),
    *(Ziggurat, BoxMuller, InSinglePrecision, InverseDistribution, Polar, TwentyThreeBits, Immutable),
    *(MaskInSinglePrecision, MaskByTwister, MaskByPhilox),
)
MAY_BE_INACCURATE = (
    *(SquaredDivisor, OneLessAQuotient, WidthAsRounded, KeepsOutputsOnly, ProductsInTheirOwnDtype, TruncatedInItsDtype),
    *(LerpInDtype, ReciprocalRootInItsDtype, ScaleAndShiftFolded),
    *(DotProducts, Welford, Compensated, ReciprocalRoot, GradientInStages, TakenApart, LerpLayer, WiderLayer, UnbiasedLayer),
    *(FromZeroLayer, FirstBatchLayer),
)
OTHER_READINGS = {
    AscendingLabels: ("t1-confusion",),
    PredictedInRows: ("t1-confusion",),
    MeanOfObservations: ("eq26",),
    FanAverage: ("eq70", "eq71"),
    Truncated: ("eq70", "eq71", "eq72"),
    TruncatedRescaled: ("eq70", "eq71", "eq72"),
    TruncatedInItsDtype: ("eq70", "eq71", "eq72"),
    KeptShare: ("s12.2-inference-scale",),
    Inverted: ("s12.2-inference-scale",),
    InvertedInSinglePrecision: ("s12.2-inference-scale",),
    **dict.fromkeys((TakenApart, LerpLayer, WiderLayer, UnbiasedLayer, FromZeroLayer, FirstBatchLayer), ("s12.3-inference",)),
}
