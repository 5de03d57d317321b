"""Right but for some sizes of the arrays, or some ways that they lie in memory: what is computed in blocks, or by a way of its own.

Planted together with what asks for every size and layout. Until then 47 of 89 errors of this kind, tried at the lowest effort,
had passed; since then three do: for vectors of more than 300 numbers, and from a layer's twentieth pass on.
"""

import numpy as np

from eqwise.conformance.adapters.reference import ReferenceAdapter
from eqwise.conformance.adapters.reference import find as true
from eqwise.conformance.layouts import layout_of
from wrong.methods import RULES, augmented, piece, wrong


def last_lost(y, block):
    """Without the last number beyond the last whole block, where there are several blocks."""
    y = np.array(y)
    if y.shape[-1] > block and y.shape[-1] % block:
        y[..., -1] = 0
    return y


@wrong("eq13", "relu", "numbers of the gradient taken as they lie in memory, not by their indices", "vjp", raw=True)
def relu_in_memory_order(x, c):
    found = np.empty_like(c)
    found.ravel(order="K")[...] = np.where(x.ravel(order="K") > 0, c.ravel(order="K"), 0)
    return (found,)


@wrong("eq11", "tanh", "a stride that is negative is taken for its size", raw=True)
def tanh_backwards(x):
    y = ReferenceAdapter.tanh(x)
    return y[..., ::-1] if x.ndim and x.strides[-1] < 0 else y


@wrong("eq12", "softplus", "strides left out of account, so that neighbours in memory are read", raw=True)
def softplus_of_neighbours(x):
    y = ReferenceAdapter.softplus(x)
    return np.full_like(y, y.ravel()[0]) if layout_of(x) == "strided" else y


@wrong("eq18", "softmax", "a matrix in Fortran order is taken for its transpose", raw=True)
def softmax_of_the_transpose(x):
    y = np.asarray(ReferenceAdapter.softmax(x))
    return y if x.flags.c_contiguous else y.T.reshape(y.shape)


@wrong("eq16", "elu", "one number without a dimension by a way of its own, which knows no alpha")
def elu_of_a_scalar(x, alpha):
    return np.where(x > 0, x, (alpha if x.ndim else 1.0) * np.expm1(np.minimum(x, 0)))


@wrong("eq10", "logistic", "images of three dimensions by channels, in blocks of three", raw=True)
def logistic_of_images(x):
    y = ReferenceAdapter.logistic(x)
    return y if x.ndim < 3 else last_lost(y, 3)


@wrong("eq18", "softmax", "classes in blocks of 64, what is left over is lost")
def softmax_in_blocks(x):
    return last_lost(true("softmax")(x), 64)


@wrong("eq18", "softmax", "the gradient of a batch of one without the inner product", "vjp")
def softmax_gradient_alone(x, c):
    y = true("softmax")(x)
    return (y * (c - (np.sum(c * y, axis=-1, keepdims=True) if len(x) > 1 else 0)),)


@wrong("eq28", "binary_cross_entropy", "outputs in blocks of 32, what is left over is lost")
def cross_entropy_of_whole_blocks(y, t):
    n = len(t) // 32 * 32 if len(t) > 32 else len(t)
    return true("binary_cross_entropy")(y[:n], t[:n])


@wrong("eq29", "softmax_cross_entropy", "the gradient of classes from number 32 on is lost", "vjp")
def gradient_of_few_classes(u, t, c):
    by_u, by_t = true("softmax_cross_entropy_vjp")(u, t, c)
    return np.where(np.arange(u.shape[-1]) < 32, by_u, 0), by_t


@wrong("eq23", "mse", "samples in blocks of 256, the mean over whole blocks")
def mse_of_whole_blocks(t, y):
    n = len(t) // 256 * 256 if len(t) > 256 else len(t)
    return np.mean((t[:n] - y[:n]) ** 2)


@wrong("eq25", "mae", "the gradient divided by at most 32", "vjp")
def mae_gradient_of_a_block(t, y, c):
    slope = c * np.sign(t - y) / min(len(t), 32)
    return slope, -slope


@wrong("eq7", "dense", "inputs in blocks of 32, what is left over is lost")
def dense_in_blocks(x, W, b):
    n = len(W) // 32 * 32 if len(W) > 32 else len(W)
    return x[:, :n] @ W[:n] + b


@wrong("eq7", "dense", "the gradient of the biases from the first 32 samples of a batch", "vjp")
def biases_of_a_block(x, W, b, c):
    by_x, by_W, _ = true("dense_vjp")(x, W, b, c)
    return by_x, by_W, c[:32].sum(axis=0)


@wrong("eq7", "network", "written out for three layers, those after it without their activation")
def network_of_three_layers(x, weights, biases, activation, output):
    for k, (W, b) in enumerate(zip(weights, biases, strict=True), 1):
        x = x @ W + b
        x = RULES[output][0](x) if k == len(weights) else RULES[activation][0](x) if k < 3 else x
    return x


@wrong("eq39", "numerical_gradient", "as many components as there are digits", raw=True)
def ten_components(function, theta, epsilon):
    found = np.array(ReferenceAdapter.numerical_gradient(function, theta, epsilon))
    found.ravel()[10:] = 0
    return found


@piece("eq48", "network_gradients", "gradient", "the units of a layer in blocks of 16, those left over learn nothing")
def units_in_blocks(self, h, delta, u):
    found = augmented(h).T @ delta / len(h)
    if delta.shape[1] > 16:
        found[:, delta.shape[1] // 16 * 16 :] = 0
    return found


@piece("eq57", "sgd", "change", "parameters in blocks of 64, those left over rest")
def sgd_in_blocks(self, g):
    found = self.eta * g
    if g.size > 64:
        found.reshape(-1)[g.size // 64 * 64 :] = 0
    return found


@piece("eq68", "adam", "change", "parameters in blocks of 256, those left over without epsilon")
def adam_in_blocks(self, m_hat, v_hat):
    beyond = np.arange(m_hat.size).reshape(m_hat.shape) >= (m_hat.size // 256 * 256 or m_hat.size)
    return self.eta * m_hat / np.sqrt(np.where(beyond, np.maximum(v_hat, 1e-300), v_hat + self.epsilon))


@wrong("eq73", "l2", "three matrices at most")
def l2_of_three(weights, lambda_):
    return lambda_ * sum(np.sum(W**2) for W in weights[:3])


@wrong("eq75", "batch_norm", "the variance of the first 32 samples of a batch")
def variance_of_a_block(x, gamma, beta, epsilon):
    mean = x.mean(axis=0)
    return gamma * (x - mean) / np.sqrt(np.mean((x[:32] - mean) ** 2, axis=0) + epsilon) + beta


@wrong("s12.2-inference-scale", "dropout_layer", "a single sample at inference is taken as it is", raw=True)
def dropout_of_one_sample(p, seed):
    made = ReferenceAdapter.dropout_layer(p, seed)
    scaled = type(made).infer
    vars(made)["infer"] = lambda x: x if len(x) == 1 else scaled(made, x)
    return made


@wrong("s12.3-inference", "batch_norm_layer", "features from number 64 on at inference are taken as they are", raw=True)
def inference_of_few_features(features, epsilon, rate, dtype):
    made = ReferenceAdapter.batch_norm_layer(features, epsilon, rate, dtype)
    inferred = type(made).infer
    vars(made)["infer"] = lambda x: np.where(np.arange(features) < 64, inferred(made, x), x)
    return made
