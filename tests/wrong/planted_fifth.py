"""Planted by another who had not seen what the suite asks, as a panel of framework engineers might; committed before it was held to them.

They follow what has gone wrong, or plausibly would, in ports, vectorizations, caches, mixed precision, in-place updates and
gradient rules; a third is plain, a third subtle, a third meant to be missed. Of 59 all were caught at first contact, 57 of them
under their clause. The other two were entered for what the optimizer keeps, (60) and (65); their theta does not follow from what
they keep either, and that is asked first, so that they stand under (61) and (68). A sixtieth stood in the collection already.
"""

from math import isqrt, prod, sqrt
from typing import Any

import numpy as np

from eqwise.reference.activations import logistic
from eqwise.reference.arithmetic import reduced_to
from eqwise.reference.losses import logistic_binary_cross_entropy_vjp, softmax_cross_entropy_vjp
from eqwise.reference.metrics import precision, r_squared_vjp, recall
from eqwise.reference.network import affine_vjp, dense, network
from eqwise.reference.regularization import dropout
from wrong.methods import Adam, BackPropagation, BatchNormLayer, Optimizer, augmented, narrow, piece, softmax, wide, wrong

# the perceptron, networks and back-propagation


@wrong("eq1", "perceptron", "logic gates have integer sums, so the sum was made an integer before it is compared")
def sum_truncated_to_an_integer(x, W, b):
    return (np.trunc(x @ W + b) > 0) * 1.0


@wrong("eq2", "step", "the kernel was written for float32 and takes float64 by a cast, under which tiny numbers become 0")
def compared_in_float32(x):
    return (x.astype(np.float32) > 0) * 1.0


@wrong("eq7", "dense", "the bias is guessed to belong to the rows where its length is that of the batch")
def bias_down_the_rows_of_a_square(x, W, b):
    return x @ W + (b[:, None] if len(b) == len(x) else b)


@wrong("eq7", "dense", "matrix products of float32 run on tensor cores, which keep ten bits of the mantissa", raw=True)
def tensor_cores_for_float32(x, W, b):
    def short(a: Any) -> Any:
        return (np.ascontiguousarray(a).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)

    return dense(short(x), short(W), b) if x.dtype == np.float32 else dense(x, W, b)


@wrong("eq7", "dense", "reshape was taken for transpose, and the shapes fit", part="vjp")
def weights_reshaped_on_the_way_back(x, W, b, cotangent):
    return cotangent @ W.reshape(W.shape[::-1]), *affine_vjp(x, W, cotangent)[1:]


@wrong("eq8", "network", "device copies of the biases are cached, with the shape as the key", raw=True)
def biases_cached_by_shape(x, weights, biases, activation, output):
    cache: dict[Any, Any] = {}
    return network(x, weights, [cache.setdefault(b.shape, b) for b in biases], activation=activation, output=output)


@piece("eq52", "network_gradients", "below", "the weights are transposed only where the shapes do not fit otherwise")
def square_weights_not_transposed(self, delta, theta, u, h, f):
    W = theta[1:]
    return delta @ (W if W.shape[0] == W.shape[1] else W.T) * self.slope(u, h, f)


@piece("eq48", "network_gradients", "gradient", "gradients accumulate over micro-batches of four, and the means are averaged")
def mean_of_the_means_of_micro_batches(self, h, delta, u):
    parts = [slice(start, start + 4) for start in range(0, len(h), 4)]
    return np.mean([augmented(h[part]).T @ delta[part] / len(h[part]) for part in parts], axis=0)


@piece("eq47", "network_gradients", "__call__", "the gradients of the biases are listed in the order in which they are found")
def biases_in_backward_order(self, x, t, weights, biases, activation, output, loss):
    by_weights, by_biases = BackPropagation.__call__(self, x, t, weights, biases, activation, output, loss)
    return by_weights, by_biases[::-1]


# activations


@wrong("eq10", "logistic", "the kernel runs over the memory as it lies, and the result is laid out in C order", raw=True)
def memory_order_taken_for_c_order(x):
    return logistic(x.ravel(order="K")).reshape(x.shape)


@wrong("eq11", "tanh", "the shortcut of the float32 kernel for small arguments was kept for float64")
def linear_for_small_arguments(x):
    return np.where(np.abs(x) < 4e-4, x, np.tanh(x))


@wrong("eq12", "softplus", "the gradient is had from the output alone, 1 - e^-y, which cancels for negative x", part="vjp")
def slope_from_the_output(x, cotangent):
    return (cotangent * (1 - np.exp(-np.logaddexp(0.0, x))),)


@wrong("eq13", "relu", "free of branches: half of x + |x|, which overflows for the upper half of the range", raw=True)
def half_of_x_and_its_size(x):
    with np.errstate(all="ignore"):
        return (x + np.abs(x)) / x.dtype.type(2)


@wrong("eq14", "leaky_relu", "an exchange format stores the slope as a float32 attribute, whatever the tensors are")
def slope_stored_in_float32(x, alpha):
    return np.where(x > 0, x, float(np.float32(alpha)) * x)


@wrong("eq15", "prelu", "to save memory the layer works in place and recovers x from y where y is negative", part="vjp")
def input_recovered_from_the_output(x, a, cotangent):
    y = np.where(x > 0, x, a * x)
    by_a = np.where(y < 0, cotangent * (y / a), 0.0)
    return np.where(x > 0, cotangent, a * cotangent), reduced_to(by_a, a)


@wrong("eq18", "softmax", "scores of exactly 0 are taken for padding, as in a batch of sequences of different lengths")
def zeros_taken_for_padding(x):
    real = (x != 0) | ~np.any(x != 0, axis=-1, keepdims=True)
    return softmax(np.where(real, x, -np.inf))


@wrong("eq18", "softmax", "written for one vector: the inner product of y and the cotangent has no axis", part="vjp")
def inner_product_over_the_whole_batch(x, cotangent):
    y = softmax(x)
    return (y * (cotangent - np.sum(cotangent * y)),)


# metrics


@wrong("t1-confusion", "confusion_matrix", "booleans were summed in the smallest integer type, which wraps at 256", raw=True)
def counted_in_bytes(actual, predicted):
    counts = [[np.sum(a & p, dtype=np.uint8) for p in (predicted, ~predicted)] for a in (actual, ~actual)]
    return np.array(counts, np.int64)


@wrong("eq19", "accuracy", "eight samples a byte: the bits that fill the last byte agree too", raw=True)
def padding_bits_agree(actual, predicted):
    agree = np.unpackbits(~(np.packbits(actual) ^ np.packbits(predicted))).sum()
    return np.float64(agree) / actual.size if actual.size else np.float64("nan")


@wrong("eq20", "precision", "the mask was made an array of integers, which picks samples 0 and 1 instead", raw=True)
def mask_used_as_indices(actual, predicted):
    chosen = np.take(actual, predicted.astype(int), mode="clip") if actual.size else actual
    return np.float64(chosen.mean()) if chosen.size else np.float64("nan")


@wrong("eq22", "f_measure", "it is made from the precision and the recall of the printed report, which has four decimals", raw=True)
def from_rounded_parts(actual, predicted):
    p, r = np.round(precision(actual, predicted), 4), np.round(recall(actual, predicted), 4)
    with np.errstate(all="ignore"):
        return 2 * p * r / (p + r)


@wrong("eq24", "rmse", "the standard deviation of the errors was at hand, which leaves their mean out")
def deviation_of_the_errors(t, y):
    return np.std(t - y, axis=-1)


@wrong("eq25", "mae", "the loss is symmetric, so both arguments were given the same gradient", part="vjp")
def same_gradient_for_both(t, y, cotangent):
    by_t = np.sign(t - y) * cotangent[..., None] / t.shape[-1]
    return by_t, by_t


@wrong("eq26", "r_squared", "the denominator is regarded as a constant of the data, though its mean is that of y", part="vjp")
def mean_of_the_estimates_detached(t, y, cotangent):
    s = np.sum((t - y.mean(axis=-1, keepdims=True)) ** 2, axis=-1, keepdims=True)
    return r_squared_vjp(t, y, cotangent)[0], 2 * cotangent[..., None] * (t - y) / s


# losses


@wrong("eq28", "binary_cross_entropy", "a faster form for labels 0 and 1 picks one logarithm, and soft targets are rounded")
def soft_targets_made_hard(y, t):
    return -np.sum(np.log(np.where(t > 0.5, y, 1 - y)), axis=-1)


@wrong(
    "eq28", "logistic_binary_cross_entropy",
    "max(u, 0) - tu + ln(1 + e^-|u|) by automatic rules, which take the slopes of max and |u| at 0 as 0", part="vjp",
)  # fmt: skip
def kinks_of_the_stable_form_at_zero(u, t, cotangent):
    by_u, by_t = logistic_binary_cross_entropy_vjp(u, t, cotangent)
    return np.where(u == 0, -t * cotangent[..., None], by_u), by_t


@wrong("eq29", "softmax_cross_entropy", "the loss is taken for the end of every graph, so the gradient from above is not used", part="vjp")
def cotangent_not_used(u, t, cotangent):
    by_u, _ = softmax_cross_entropy_vjp(u, t, np.ones_like(cotangent))
    return by_u, softmax_cross_entropy_vjp(u, t, cotangent)[1]


@wrong("eq30", "logistic_loss", "beyond margins of 18 the leading term was thought enough, as in a linear-model library")
def leading_terms_beyond_18(y, t):
    z = t * y
    return np.where(z > 18, np.exp(-z), np.where(z < -18, -z, np.logaddexp(0.0, -z)))


@wrong("eq32", "hinge", "the gradient was copied from the perceptron's loss, which has no margin", part="vjp")
def no_gradient_within_the_margin(y, t, cotangent):
    mistaken = t * y < 0
    return np.where(mistaken, -cotangent * t, 0.0), np.where(mistaken, -cotangent * y, 0.0)


@wrong("eq33", "quantile", "quantiles are configured as whole percents")
def tau_in_whole_percents(y, t, tau):
    tau = round(100 * float(tau)) / 100
    return (1 - tau) * np.maximum(y - t, 0) + tau * np.maximum(t - y, 0)


@wrong("eq34", "huber", "the value was doubled to fit the notes, the gradient of the usual loss was left", part="vjp")
def gradient_of_the_halved_loss(y, t, cotangent, delta):
    by_y = np.clip(y - t, -delta, delta) * cotangent
    return by_y, -by_y


@wrong("eq35", "epsilon_insensitive", "the tolerance was meant relative to the target")
def tolerance_relative_to_the_target(y, t, epsilon):
    return np.maximum(np.abs(t - y) - epsilon * np.abs(t), 0)


# numerical differentiation


@wrong("eq39", "numerical_gradient", "numerical recipes advise steps in proportion to the parameter")
def step_grows_with_the_parameter(function, theta, epsilon):
    found = np.empty(theta.shape)
    for index in np.ndindex(theta.shape):
        h = epsilon * max(1.0, abs(theta[index]))
        above, below = theta.copy(), theta.copy()
        above[index] += h
        below[index] -= h
        found[index] = (float(function(above)) - float(function(below))) / (2 * h)
    return found


@wrong("eq39", "numerical_gradient", "the parameter is moved in place and moved back by sums, which round", raw=True)
def not_quite_moved_back(function, theta, epsilon):
    place = np.asarray(theta, np.float64)
    found = np.empty(place.shape)
    for index in np.ndindex(place.shape):
        place[index] += epsilon
        above = float(function(place.copy()))
        place[index] -= 2 * epsilon
        found[index] = (above - float(function(place.copy()))) / (2 * epsilon)
        place[index] += epsilon
    return found.astype(theta.dtype)


# optimizers


@piece("eq57", "sgd", "change", "the guard of mixed precision skips gradients that float16 could not hold, in every dtype")
def skipped_beyond_float16(self, g):
    return self.eta * g if np.all(np.abs(g) <= 65504) else np.zeros_like(g)


@piece("eq58", "momentum", "velocity", "`alpha or 0.9` stands for a missing alpha, and 0 counts as missing")
def zero_taken_for_missing(self, v, g):
    return (self.alpha or 0.9) * v - self.eta * g


@piece("eq61", "adagrad", "update", "the root is written into h to save a buffer, and the next step adds to the root")
def root_in_place(self, theta, g, h):
    root = self.keep("h", np.sqrt(self.total(h, g)))
    return theta - self.eta * g / np.where(root > 0, root, 1)


@piece("eq63", "rmsprop", "update", "the centred variant is on: the square of the mean gradient is taken off h")
def centred(self, theta, g, h):
    means = vars(self).setdefault("means", {})
    mean = means[self.i] = self.alpha * means.get(self.i, 0.0) + (1 - self.alpha) * g
    return theta - self.eta * g / np.sqrt(self.keep("h", self.average(h, g)) - mean * mean + self.epsilon)


@piece("eq63", "rmsprop", "step", "the compiled step has taken the first eta for a constant")
def first_eta_compiled_in(self, gradient, eta=None):
    return Optimizer.step(self, gradient, eta if self.t == 0 else None)


@piece("eq66", "adam", "update", "the counter stands inside the loop over the parameters")
def counted_once_a_parameter(self, theta, g, m, v):
    steps, self.t = self.t, (self.t - 1) * len(self.theta) + self.i + 1
    moved = Adam.update(self, theta, g, m, v)
    self.t = steps
    return moved


@piece("eq67", "adam", "v_hat", "both corrections end once that of the first moment is negligible, at once for beta_1 = 0")
def correction_ends_with_that_of_m(self, v):
    return v if self.beta_1**self.t < 1e-8 else v / (1 - self.beta_2**self.t)


@piece("eq68", "adam", "update", "made for embeddings: where the gradient is 0, moments and parameters are left alone")
def zero_gradients_left_alone(self, theta, g, m, v):
    seen = g != 0
    m = self.keep("m", np.where(seen, self.first(m, g), m))
    v = self.keep("v", np.where(seen, self.second(v, g), v))
    return np.where(seen, theta - self.change(self.m_hat(m), self.v_hat(v)), theta)


@piece("eq68", "adam", "change", "epsilon was squared on its way under the root, so that it weighs as it did outside")
def epsilon_squared(self, m_hat, v_hat):
    return self.eta * m_hat / np.sqrt(v_hat + self.epsilon**2)


# initial weights


@wrong("eq69", "uniform", "half is drawn and the other half is its negative, so that the mean is exactly 0", raw=True)
def second_half_mirrors_the_first(shape, seed, dtype):
    half = np.random.default_rng(seed).uniform(-1, 1, (prod(shape) + 1) // 2)
    return np.concatenate([half, -half])[: prod(shape)].reshape(shape).astype(dtype)


@wrong("eq70", "xavier", "the root of the number of inputs was taken in integers", raw=True)
def integer_root(shape, seed, dtype):
    return (np.random.default_rng(seed).standard_normal(shape) / isqrt(shape[0])).astype(dtype)


@wrong("eq71", "he", "the bias is row 0 of theta, so that it was counted as an input", raw=True)
def bias_counted_as_an_input(shape, seed, dtype):
    return (np.random.default_rng(seed).standard_normal(shape) * sqrt(2 / (shape[0] + 1))).astype(dtype)


@wrong("eq72", "gauss", "a device without a logarithm adds twelve uniform numbers and takes off six", raw=True)
def twelve_uniform_numbers(shape, seed, dtype):
    rng = np.random.default_rng(seed)
    return (sum(rng.random(shape) for _ in range(12)) - 6).astype(dtype)


# the L2 penalty and dropout


@wrong("eq73", "l2", "biases are told by their single row or column, and so are the weights of a single unit")
def single_columns_taken_for_biases(weights, lambda_):
    return lambda_ * sum((np.sum(W * W) for W in weights if min(W.shape) > 1), np.float64(0))


@piece("s12.2-train-mask", "dropout_layer", "kept", "exactly the share p is chosen without replacement, for a steadier scale")
def always_the_same_number_dropped(self, shape):
    n = prod(shape)
    return self.rng.permutation(np.arange(n) >= round(self.p * n)).reshape(shape)


@piece("s12.2-train-mask", "dropout_layer", "kept", "one random byte a unit, compared with p in 256ths, rounded down")
def p_in_256ths(self, shape):
    return self.rng.integers(0, 256, shape) >= int(256 * self.p)


@wrong("s12.2-train-mask", "dropout", "the mask is not stored: where the output is 0, the unit is taken as dropped", part="vjp")
def mask_read_from_the_output(x, cotangent, p, seed, training):
    if not training:
        return ((1 - p) * cotangent,)
    return (np.where(dropout(x, p=p, seed=seed, training=True) != 0, cotangent, 0.0),)


# batch normalization


@wrong("eq76", "batch_norm", "epsilon guards the division as a lower limit of the variance, instead of being added")
def variance_limited_by_epsilon(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(np.maximum(x.var(axis=0), epsilon)) + beta


@wrong("eq75", "batch_norm", "two devices average their variances, each about its own mean")
def variances_of_two_devices_averaged(x, gamma, beta, epsilon):
    parts = [part for part in np.array_split(x, 2) if len(part)]
    variance = np.average([part.var(axis=0) for part in parts], axis=0, weights=[len(part) for part in parts])
    return gamma * (x - x.mean(axis=0)) / np.sqrt(variance + epsilon) + beta


@wrong("eq76", "batch_norm", "a batch of one cannot be normalized, so it is only scaled and shifted")
def batch_of_one_not_normalized(x, gamma, beta, epsilon):
    if len(x) == 1:
        return gamma * x + beta
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta


@wrong("eq75", "batch_norm", "the way back was derived for the unbiased variance", part="vjp")
def unbiased_on_the_way_back(x, gamma, beta, cotangent, epsilon):
    deviation = np.sqrt(x.var(axis=0) + epsilon)
    x_hat = (x - x.mean(axis=0)) / deviation
    by_gamma = np.sum(cotangent * x_hat, axis=0)
    by_x = gamma / deviation * (cotangent - cotangent.mean(axis=0) - x_hat * by_gamma / max(len(x) - 1, 1))
    return by_x, by_gamma, cotangent.sum(axis=0)


@piece("s12.3-inference", "batch_norm_layer", "follow", "moving averages warm up, as with the number of updates in TensorFlow")
def rate_warms_up(self, mean, variance):
    rate, self.rate = self.rate, max(self.rate, 9 / (9 + self.passes))
    BatchNormLayer.follow(self, mean, variance)
    self.rate = rate


@piece("s12.3-inference", "batch_norm_layer", "infer", "the averages are folded into the weights at the first inference, once")
def averages_of_the_first_inference(self, x):
    self.folded = getattr(self, "folded", (self.mean, self.variance))
    return narrow(self.normal(wide(x), *self.folded), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "infer", "the fused kernel for inference adds epsilon to the deviation")
def epsilon_beside_the_deviation(self, x):
    x_hat = (wide(x) - wide(self.mean)) / (np.sqrt(wide(self.variance)) + self.epsilon)
    return narrow(wide(self.gamma) * x_hat + wide(self.beta), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "follow", "momentum and rate are each other's complement, confused for the variance only")
def rate_of_the_variance_reversed(self, mean, variance):
    self.mean = self.blend(self.mean, mean)
    self.variance = narrow(self.rate * wide(self.variance) + (1 - self.rate) * variance, self.variance.dtype)
