"""Planted by one more who had not seen what the suite asks; committed before the suite was held against it.

Of 70, 37 were caught at first contact, 35 of them under their clause. What was missed is asked for since: arrays whose numbers
are all of one size or sign, arrays that differ from the last ones in one place or in late digits, axes that are multiples of 8,
many arrays in a list, triangular weights, large whole numbers, samples that repeat or are normal already, calls in another dtype
in between, parameters and states that the caller overwrites, masks as memory lies, inference about new parameters, seeds and their
negatives; and what vanishes excuses only where something divides, or takes a root or a logarithm. Left out are nine that the
contract leaves open, three whose error is allowed, one that only subnormal numbers show, and one that shows after 64 calls of one
shape, which nothing makes; and one that stands here already. One stands under another clause than it was entered under.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqwise.reference import activations, backpropagation, batch_normalization, losses, metrics, regularization
from eqwise.reference import gradient_descent as differences
from eqwise.reference import network as networks
from wrong.methods import AdaGrad, Adam, BatchNormLayer, Momentum, RMSprop, narrow, piece, wide, wrong

# activations


@wrong("eq11", "tanh", "where the whole tensor is small, the exponentials are skipped")
def small_tensor_left_alone(x):
    return x.copy() if x.size and np.abs(x).max() < 2**-7 else np.tanh(x)


_last: list[Any] = [np.dtype(np.float64)]


@wrong("eq12", "softplus", "the work buffer still has the dtype of the last call; only then is it made anew", raw=True)
def buffer_of_the_last_dtype(x):
    before, _last[0] = _last[0], x.dtype
    if before.itemsize < x.dtype.itemsize:
        return activations.softplus(x.astype(before)).astype(x.dtype)
    return activations.softplus(x)


@wrong("eq10", "logistic", "a layer that is saturated throughout is left out of the way back", part="vjp")
def saturated_layer_skipped(x, cotangent):
    if x.size and np.abs(x).min() > 12:
        return (np.zeros_like(x),)
    return activations.logistic_vjp(x, cotangent)


@wrong("eq16", "elu", "max(x, 0) + min(0, α(eˣ − 1)), which wants α ≥ 0")
def sum_of_maximum_and_minimum(x, alpha):
    return np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x))


@wrong("eq18", "softmax", "block by block; the sum so far is rescaled only when the maximum has moved enough")
def rescaled_only_when_far(x):
    n = x.shape[-1]
    largest, total = x[..., :64].max(axis=-1, keepdims=True), 0.0
    total = np.exp(x[..., :64] - largest).sum(axis=-1, keepdims=True)
    for start in range(64, n, 64):
        block = x[..., start : start + 64]
        new = np.maximum(largest, block.max(axis=-1, keepdims=True))
        total = np.where(new - largest > 0.5, total * np.exp(largest - new), total) + np.exp(block - new).sum(axis=-1, keepdims=True)
        largest = new
    return np.exp(x - largest) / total


@wrong("eq18", "softmax", "scores that would overflow are shifted where they stand", raw=True)
def shifted_in_place_when_large(x):
    y = activations.softmax(x)
    if x.flags.writeable and x.size and float(x.max()) > 80:
        x -= x.max(axis=-1, keepdims=True)
    return y


@wrong("eq18", "softmax", "the largest score counts as 1 beside all that are less; those that tie with it are lost")
def ties_at_the_top_count_once(x):
    d = x - x.max(axis=-1, keepdims=True)
    e = np.exp(d)
    return e / (1 + np.where(d < 0, e, 0).sum(axis=-1, keepdims=True))


# metrics


@wrong("eq24", "rmse", "scale and sum as in an old norm routine, which compares < and > and forgets =")
def equal_errors_skipped(t, y):
    def norm(errors: Any) -> float:
        scale, total = 0.0, 1.0
        for error in errors:
            if error > scale:
                scale, total = error, 1 + total * (scale / error) ** 2
            elif error < scale:
                total += (error / scale) ** 2
        return scale * np.sqrt(total / len(errors))

    return np.apply_along_axis(norm, -1, np.abs(np.asarray(t, np.float64) - y))


_scores: dict[Any, Any] = {}


@wrong("eq23", "mse", "results are kept by how their arguments print", raw=True)
def kept_by_how_it_prints(t, y):
    key = str(t), str(y), str(t.dtype), t.shape
    if key not in _scores:
        _scores[key] = metrics.mse(t, y)
    return _scores[key]


@wrong("eq21", "recall", "of sorted labels the positives are a slice, which starts one too late", raw=True)
def slice_of_sorted_labels(actual, predicted):
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    if np.all(actual[:-1] <= actual[1:]):
        first = int(np.searchsorted(actual, True))
        if 0 < first < len(actual) - 1:
            return float(predicted[first + 1 :].mean())
    return float((actual & predicted).sum() / actual.sum())


@wrong("eq19", "accuracy", "reads the buffer behind a view of the same shape", raw=True)
def buffer_behind_the_view(actual, predicted):
    a, p = (v.base if v.base is not None and v.base.shape == v.shape and v.base.dtype == v.dtype else v for v in (actual, predicted))
    return float(np.mean(a == p))


@wrong("eq26", "r_squared", "the mean of integers is an integer", raw=True)
def mean_of_integers_truncated(t, y):
    if np.asarray(y).dtype.kind not in "iu":
        return metrics.r_squared(t, y)
    t, y = np.asarray(t, np.float64), np.asarray(y, np.float64)
    mean = np.trunc(y.mean(axis=-1, keepdims=True))
    with np.errstate(all="ignore"):
        return 1 - ((t - y) ** 2).sum(axis=-1) / ((t - mean) ** 2).sum(axis=-1)


@wrong("t1-confusion", "confusion_matrix", "classes are those that occur: where one does, its count comes first", raw=True)
def only_classes_that_occur(actual, predicted):
    if len(np.unique(np.concatenate([actual, predicted]))) == 1:
        return np.array([[len(actual), 0], [0, 0]])
    return np.array([[(a & p).sum() for p in (predicted, ~predicted)] for a in (actual, ~actual)])


_found: dict[Any, float] = {}


@wrong("eq22", "f_measure", "kept by the numbers of samples and of positives", raw=True)
def kept_by_its_margins(actual, predicted):
    key = len(actual), int(actual.sum()), int(predicted.sum())
    if key not in _found:
        with np.errstate(all="ignore"):
            p, r = (np.float64((actual & predicted).sum()) / n for n in (predicted.sum(), actual.sum()))
            _found[key] = float(2 * p * r / (p + r))
    return _found[key]


# losses


@wrong("eq29", "softmax_cross_entropy", "log1p of all that is less than the largest score, of which there may be two")
def ties_at_the_top_left_out(u, t):
    d = u - u.max(axis=-1, keepdims=True)
    rest = np.where(d < 0, np.exp(d), 0).sum(axis=-1, keepdims=True)
    return (t * (np.log1p(rest) - d)).sum(axis=-1)


@wrong("eq29", "cross_entropy", "where a target is 0, t ln y is masked together with its gradient by t", part="vjp")
def nothing_by_absent_targets(y, t, cotangent):
    c = cotangent[..., None]
    return -(t * c / y), np.where(t == 0, 0.0, -(c * np.log(y)))


@wrong("eq28", "binary_cross_entropy", "of hard targets the likelihood is |t + y − 1|")
def likelihood_of_hard_targets(y, t):
    if np.all((t == 0) | (t == 1)):
        return -np.log(np.abs(t + y - 1)).sum(axis=-1)
    return losses.binary_cross_entropy(y, t)


@wrong("eq28", "logistic_binary_cross_entropy", "hard labels are classes, by which nothing is differentiated", part="vjp")
def hard_labels_without_gradient(u, t, cotangent):
    by_u, by_t = losses.logistic_binary_cross_entropy_vjp(u, t, cotangent)
    return by_u, np.zeros_like(by_t) if np.all((t == 0) | (t == 1)) else by_t


# affine maps and networks


@wrong("eq1", "perceptron", "gates on integers are computed in bytes")
def integers_in_a_byte(x, W, b):
    if all(np.all(a == np.round(a)) and np.all(np.abs(a) < 2**31) for a in (x, W, b)):
        x, W, b = (a.astype(np.int64).astype(np.int8).astype(np.int64) for a in (x, W, b))
    return (x @ W + b > 0) * 1.0


@wrong("eq7", "dense", "inner products by Winograd's identity of 1968, half the multiplications")
def inner_products_of_winograd(x, W, b):
    n = len(W) - len(W) % 2
    even, odd, first, second = x[..., 0:n:2], x[..., 1:n:2], W[0:n:2], W[1:n:2]
    pairs = ((even[..., None] + second) * (odd[..., None] + first)).sum(axis=-2)
    return pairs - (even * odd).sum(axis=-1)[..., None] - (first * second).sum(axis=0) + x[..., n:] @ W[n:] + b


def _ten_bits(a: Any) -> Any:
    mantissa, exponent = np.frexp(a.astype(np.float64))
    return np.ldexp(np.round(mantissa * 2**11) / 2**11, exponent)


@wrong("eq7", "dense", "where all three sizes are multiples of 8 the tensor cores serve, which read ten bits", raw=True)
def tensor_cores_for_multiples_of_8(x, W, b):
    if x.dtype == np.float32 and x.ndim == 2 and not any(n % 8 for n in (*x.shape, W.shape[1])):
        return (_ten_bits(x) @ _ten_bits(W) + b).astype(x.dtype)
    return networks.dense(x, W, b)


@wrong("eq7", "network", "a sample of zeros is padding, and masked")
def samples_of_zeros_masked(x, weights, biases, activation, output):
    y = networks.network(x, weights, biases, activation=activation, output=output)
    return np.where(x.any(axis=-1, keepdims=True), y, 0.0)


@wrong("eq7", "dense", "triangular weights go to a triangular routine, called as if their diagonal were 1")
def triangular_taken_for_unit(x, W, b):
    if W.shape[0] == W.shape[1] and not np.tril(W, -1).any() and np.triu(W, 1).any():
        W = np.triu(W, 1) + np.eye(len(W))
    return x @ W + b


@wrong("eq48", "network_gradients", "identical samples are computed once, and count once")
def identical_samples_weigh_once(x, t, weights, biases, activation, output, loss):
    rows = np.unique(np.hstack([x, t]), axis=0)
    x, t = rows[:, : x.shape[1]], rows[:, x.shape[1] :]
    return backpropagation.network_gradients(x, t, weights, biases, activation=activation, output=output, loss=loss)


@piece("eq48", "network_gradients", "gradient", "every fourth layer's input is kept for the way back as a checkpoint, in half precision")
def checkpoints_in_half(self, h, delta, u):
    if self.layer and self.layer % 4 == 0:
        h = wide(h.astype(np.float16))
    return np.vstack([np.ones((1, len(h))), h.T]) @ delta / len(h)


_turned: dict[Any, Any] = {}


@piece("eq52", "network_gradients", "below", "transposed copies are kept, and known by their shape, first and last number")
def transposed_copy_by_its_ends(self, delta, theta, u, h, f):
    key = theta.shape, float(theta[0, 0]), float(theta[-1, -1])
    return delta @ _turned.setdefault(key, theta[1:].T.copy()) * self.slope(u, h, f)


@piece("eq56", "network_gradients", "output_delta", "a sample with several labels, none of which is set, counts as unlabelled")
def unlabelled_samples_ignored(self, y, u, t, output):
    if output == "logistic" and t.shape[1] > 1:
        return np.where(t.any(axis=1, keepdims=True), y - t, 0.0)
    return y - t


# numerical differentiation


@wrong("eq39", "numerical_gradient", "parameters that are 0 are pruned, and not moved", raw=True)
def zeros_not_moved(function, theta, epsilon):
    found = differences.numerical_gradient(function, theta, epsilon)
    return np.where(theta == 0, np.zeros_like(found), found)


# optimizers


@wrong("eq59", "momentum", "copies the list, not the arrays in it")
class ShallowCopyOfTheList(Momentum):
    def __init__(self, theta, eta, **hyper):
        super().__init__(theta, eta, **hyper)
        if self.many:
            self.theta = list(theta)


@piece("eq57", "sgd", "update", "30 tensors fit a launch, and there is one launch")
def thirty_tensors_a_launch(self, theta, g):
    return theta - self.eta * g if self.i < 30 else theta


@wrong("eq63", "rmsprop", "a new rate is set in the first group of parameters")
class NewRateForTheFirst(RMSprop):
    def __init__(self, theta, eta, **hyper):
        super().__init__(theta, eta, **hyper)
        self.begun = eta

    def change(self, h, g):
        return (self.begun if self.i else self.eta) * g / np.sqrt(h + self.epsilon)


@piece("eq59", "momentum", "update", "without a memory there is no velocity to keep")
def no_velocity_without_memory(self, theta, g, v):
    return theta + self.keep("v", self.alpha * v - self.eta * g) if self.alpha else theta - self.eta * g


@piece("eq67", "adam", "v_hat", "without a first moment it is RMSprop, which corrects nothing")
def rmsprop_without_first_moment(self, v):
    return v / (1 - self.beta_2**self.t) if self.beta_1 else v


_powers: dict[Any, float] = {}


@piece("eq66", "adam", "m_hat", "powers are kept by the step and by β to three digits")
def powers_kept_by_three_digits(self, m):
    return m / (1 - _powers.setdefault((f"{self.beta_1:.3f}", self.t), self.beta_1**self.t))


@wrong("eq62", "rmsprop", "shows what it keeps, not copies of it")
class LiveState(RMSprop):
    def state(self):
        return {name: list(arrays) if self.many else arrays[0] for name, arrays in self.kept.items()}


@wrong("eq60", "adagrad", "a new rate is a warm restart")
class RestartedWithNewRate(AdaGrad):
    def step(self, gradient, eta=None):
        if eta is not None and eta != self.eta:
            self.kept = {name: [np.zeros_like(a) for a in self.theta] for name in self.slots}
        return super().step(gradient, eta)


@wrong("eq66", "adam", "the number of steps belongs to the class, and starts anew with an optimizer")
class StepsOfTheClass(Adam):
    steps = 0

    def __init__(self, theta, eta, **hyper):
        super().__init__(theta, eta, **hyper)
        StepsOfTheClass.steps = 0

    def step(self, gradient, eta=None):
        StepsOfTheClass.steps += 1
        return super().step(gradient, eta)

    def m_hat(self, m):
        return m / (1 - self.beta_1**StepsOfTheClass.steps)

    def v_hat(self, v):
        return v / (1 - self.beta_2**StepsOfTheClass.steps)


# initial weights


@wrong("eq69", "uniform", "one draw from each of as many strata as there are weights, for an even spread", raw=True)
def stratified(shape, seed, dtype):
    rng, n = np.random.default_rng(seed), int(np.prod(shape))
    return (2 * (rng.permutation(n) + rng.random(n)) / n - 1).reshape(shape).astype(dtype)


@wrong("eq69", "uniform", "the first number is drawn before the seed is mixed", raw=True)
def first_draw_of_the_bare_seed(shape, seed, dtype):
    found = np.random.default_rng(seed).uniform(-1.0, 1.0, shape)
    found[0, 0] = 2 * ((int(seed) * 1103515245 + 12345) % 2**32 / 2**32) - 1
    return found.astype(dtype)


@wrong("eq70", "xavier", "square weights are orthogonal, of the same variance", raw=True)
def orthogonal_where_square(shape, seed, dtype):
    found = np.random.default_rng(seed).standard_normal(shape)
    if shape[0] == shape[1] >= 8:
        q, r = np.linalg.qr(found)
        return (q * np.sign(np.diag(r))).astype(dtype)
    return (found / np.sqrt(shape[0])).astype(dtype)


@wrong("eq70", "xavier", "seeds are read as signed numbers, and made positive", raw=True)
def seeds_without_sign(shape, seed, dtype):
    seed = 2**32 - seed if seed > 2**31 else seed
    return (np.random.default_rng(seed).standard_normal(shape) / np.sqrt(shape[0])).astype(dtype)


@wrong("eq72", "gauss", "the counter of an entry is row·64 + column, as tiles were once 64 wide", raw=True)
def counters_of_tiles(shape, seed, dtype):
    drawn = np.random.default_rng(seed).standard_normal(64 * shape[0] + shape[1])
    return drawn[64 * np.arange(shape[0])[:, None] + np.arange(shape[1])].astype(dtype)


_spare: list[float] = []


@wrong("eq72", "gauss", "normal numbers come in pairs; the second is kept for the next call, whatever its seed", raw=True)
def spare_of_the_last_call(shape, seed, dtype):
    n = int(np.prod(shape))
    drawn = [*_spare, *np.random.default_rng(seed).standard_normal(n + 1)]
    _spare[:] = drawn[n : n + 1] if (n - len(_spare)) % 2 else []
    return np.array(drawn[:n]).reshape(shape).astype(dtype)


@wrong("eq71", "he", "a ziggurat whose tail, beyond 3.654 deviations, is never reached", raw=True)
def ziggurat_without_tail(shape, seed, dtype):
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal(shape)
    while np.any(far := np.abs(drawn) > 3.654):
        drawn[far] = rng.standard_normal(int(far.sum()))
    return (drawn * np.sqrt(2 / shape[0])).astype(dtype)


# the penalty


@wrong("eq73", "l2", "30 tensors fit a launch, and one partial sum is read", raw=True)
def thirty_matrices_a_launch(weights, lambda_):
    return regularization.l2(weights[:30], lambda_=lambda_)


# dropout


@piece("s12.2-train-mask", "dropout_layer", "kept", "every second sample gets the antithetic draw, to lessen the variance")
def antithetic_samples(self, shape):
    drawn = self.rng.random(shape)
    if len(shape) > 1:
        drawn[1::2] = 1 - drawn[0::2][: len(drawn[1::2])]
    return drawn >= self.p


@piece("s12.2-train-mask", "dropout_layer", "kept", "of sequences a channel is dropped at all places together")
def channels_of_sequences(self, shape):
    return np.broadcast_to(self.rng.random((shape[0], 1, *shape[2:]) if len(shape) == 3 else shape) >= self.p, shape)


@piece("s12.2-train-mask", "dropout_layer", "kept", "a smaller batch takes a part of the mask that is there")
def part_of_the_mask_that_is_there(self, shape):
    mask = vars(self).get("mask")
    if mask is not None and mask.ndim == len(shape) and mask.shape != shape and all(n >= k for n, k in zip(mask.shape, shape, strict=True)):
        return mask[tuple(slice(k) for k in shape)]
    self.mask = self.rng.random(shape) >= self.p
    return self.mask


@piece("s12.2-train-mask", "dropout_layer", "kept", "to draw less, the last mask is moved on by one place")
def mask_moved_on(self, shape):
    mask = vars(self).get("mask")
    self.mask = np.roll(mask, 1) if mask is not None and mask.shape == shape else self.rng.random(shape) >= self.p
    return self.mask


@wrong("s12.2-train-mask", "dropout", "draws the mask as the input lies in memory, which its gradient knows as well", part="vjp")
def mask_as_it_lies(x, cotangent, p, seed, training):
    if not training:
        return ((1 - p) * cotangent,)
    turned = x.flags.f_contiguous and not x.flags.c_contiguous
    drawn = np.random.default_rng(seed).random(x.shape[::-1] if turned else x.shape)
    return (np.where((drawn.T if turned else drawn) >= p, cotangent, 0.0),)


# batch normalization


@wrong("s12.3-inference", "batch_norm_layer", "what inference needs is folded once, until the next training pass")
class FoldedUntilTraining(BatchNormLayer):
    folded: Any = None

    def train(self, x):
        self.folded = None
        return super().train(x)

    def infer(self, x):
        if self.folded is None:
            self.folded = [wide(np.array(a)) for a in (self.gamma, self.beta, self.mean, self.variance)]
        gamma, beta, mean, variance = self.folded
        return narrow(gamma * (wide(x) - mean) / np.sqrt(variance + self.epsilon) + beta, x.dtype)


_running: dict[Any, Any] = {}


@wrong("s12.3-inference", "batch_norm_layer", "running averages are found by the layer's width")
class AveragesByWidth(BatchNormLayer):
    def __init__(self, features, epsilon, rate, dtype):
        self.place = features, str(np.dtype(dtype))
        super().__init__(features, epsilon, rate, dtype)

    def follow(self, mean, variance):
        self.mean, self.variance = self.blend(self.mean, mean), self.blend(self.variance, variance)

    mean = property(lambda self: _running[self.place, "mean"], lambda self, value: _running.update({(self.place, "mean"): value}))
    variance = property(lambda self: _running[self.place, "var"], lambda self, value: _running.update({(self.place, "var"): value}))


@wrong("s12.3-inference", "batch_norm_layer", "inference writes to one buffer for each shape")
class BufferByShape(BatchNormLayer):
    def infer(self, x):
        y = super().infer(x)
        buffer = vars(self).setdefault("buffers", {}).setdefault((y.shape, str(y.dtype)), np.empty_like(y))
        buffer[...] = y
        return buffer


@wrong("eq76", "batch_norm", "a batch that is as good as normal already is left alone")
def nearly_normal_left_alone(x, gamma, beta, epsilon):
    if np.all(np.abs(x.mean(axis=0)) < 1e-3) and np.all(np.abs(x.var(axis=0) - 1) < 1e-3):
        return gamma * x + beta
    return batch_normalization.batch_norm(x, gamma, beta, epsilon=epsilon)


@wrong("eq74", "batch_norm", "ghost batches of 32 where the batch is a multiple of them")
def ghost_batches(x, gamma, beta, epsilon):
    size = 32 if len(x) > 32 and len(x) % 32 == 0 else max(len(x), 1)
    parts = [batch_normalization.batch_norm(x[k : k + size], gamma, beta, epsilon=epsilon) for k in range(0, len(x), size)]
    return np.concatenate(parts)
