"""Planted errors of section 3 of the notes: the logistic function (6), layers (7) and (8)."""

import numpy as np

from eqwise.reference import activations, network
from tests.wrong import wrong, wrong_gradient

# (6): the logistic function


@wrong("eq6", "logistic", because="the other usual form overflows in numerator and denominator")
def logistic_overflows(x):
    return np.exp(x) / (1 + np.exp(x))


@wrong("eq6", "logistic", because="float32's exponential range guards float64 too", only="float64")
def logistic_zero_at_minus_100(x):
    return np.where(x < -88, 0.0, activations.logistic(x))


@wrong("eq6", "logistic", because="the argument is clipped against overflow")
def logistic_clipped_at_15(x):
    return activations.logistic(np.clip(x, -15, 15))


@wrong("eq6", "logistic", because="the argument is scaled to resemble the normal distribution")
def logistic_scaled(x):
    return activations.logistic(1.702 * x)


@wrong("eq6", "logistic", because="a float32 kernel serves float64", only="float64")
def logistic_in_float32(x):
    return activations.logistic(np.float32(x))


@wrong("eq6", "logistic", because="the symmetry f(-x) = 1 - f(x) is used on the side where it cancels", verdict="inaccurate")
def logistic_by_symmetry(x):
    return np.where(x < 0, 1 - activations.logistic(-x), activations.logistic(x))


@wrong_gradient("eq6", "logistic", because="x is taken for y in y(1 - y)")
def logistic_gradient_of_the_input(x, cotangent):
    return (cotangent * x * (1 - x),)


@wrong_gradient("eq6", "logistic", because="the derivative of (1 + exp(-x))^-1 loses a sign")
def logistic_gradient_negative(x, cotangent):
    y = activations.logistic(x)
    return (-cotangent * y * (1 - y),)


# (7): affine maps


def relabelled(W):
    return W.reshape(W.shape[::-1]).T


@wrong("eq7", "dense", because="W is stored as (n_out, n_in) and only relabelled")
def dense_weights_relabelled(x, W, b):
    return x @ relabelled(W) + b


@wrong("eq7", "dense", because="the bias is forgotten")
def dense_bias_missing(x, W, b):
    return x @ W


@wrong("eq7", "dense", because="a threshold is subtracted where the notes add a bias")
def dense_bias_subtracted(x, W, b):
    return x @ W - b


@wrong("eq7", "dense", because="the bias is not broadcast over the batch")
def dense_bias_for_one_sample(x, W, b):
    u = x @ W
    u[:1] += b
    return u


@wrong("eq7", "dense", because="the product is accumulated in float32", only="float64")
def dense_accumulated_in_float32(x, W, b):
    return np.float32(x) @ np.float32(W) + np.float64(b)


@wrong("eq7", "dense", because="a blocked product leaves out what does not fill a block of 4")
def dense_without_remainder(x, W, b):
    n = len(W) - len(W) % 4 if len(W) > 4 else len(W)
    return x[..., :n] @ W[:n] + b


@wrong("eq7", "dense", because="memory is read without regard to strides", raw=True)
def dense_ignores_strides(x, W, b):
    return network.dense(x.ravel("K").reshape(x.shape), W, b)


_kept: dict = {}


@wrong("eq7", "dense", because="the result is written to a buffer kept for its shape", raw=True, kind="purity")
def dense_reuses_its_buffer(x, W, b):
    u = network.dense(x, W, b)
    buffer = _kept.setdefault((u.shape, str(u.dtype)), u)
    buffer[...] = u
    return buffer


@wrong_gradient("eq7", "dense", because="the gradient by W is averaged over the batch")
def dense_weight_gradient_averaged(x, W, b, cotangent):
    gx, gW, gb = network.affine_vjp(x, W, cotangent)
    return gx, gW / len(x), gb


@wrong_gradient("eq7", "dense", because="the gradient by b is averaged over the batch")
def dense_bias_gradient_averaged(x, W, b, cotangent):
    gx, gW, gb = network.affine_vjp(x, W, cotangent)
    return gx, gW, gb / len(x)


@wrong_gradient("eq7", "dense", because="the outer product is formed the wrong way round and relabelled")
def dense_weight_gradient_transposed(x, W, b, cotangent):
    gx, gW, gb = network.affine_vjp(x, W, cotangent)
    return gx, gW.T.reshape(W.shape), gb


@wrong_gradient("eq7", "dense", because="the error is sent back through W relabelled")
def dense_input_gradient_relabelled(x, W, b, cotangent):
    _, gW, gb = network.affine_vjp(x, W, cotangent)
    return cotangent @ relabelled(W).T, gW, gb


@wrong_gradient("eq7", "dense", because="the cotangent of a sum is taken for any cotangent")
def dense_gradient_of_the_sum(x, W, b, cotangent):
    return network.affine_vjp(x, W, np.ones_like(cotangent))


# (7), (8): networks


def right(x, weights, biases, activation, output):
    return network.network(x, weights, biases, activation=activation, output=output)


@wrong("eq7", "network", because="only the output is activated")
def network_hidden_activation_omitted(x, weights, biases, activation, output):
    return right(x, weights, biases, "identity", output)


@wrong("eq7", "network", because="only the last layer has a bias")
def network_hidden_bias_missing(x, weights, biases, activation, output):
    return right(x, weights, [*(0 * b for b in biases[:-1]), biases[-1]], activation, output)


@wrong("eq7", "network", because="every matrix is relabelled")
def network_weights_relabelled(x, weights, biases, activation, output):
    return right(x, [relabelled(W) for W in weights], biases, activation, output)


@wrong("eq7", "network", because="softplus is taken for a smooth name of ReLU")
def network_relu_for_softplus(x, weights, biases, activation, output):
    return right(x, weights, biases, "relu" if activation == "softplus" else activation, output)


@wrong("eq7", "network", because="a loop over the layers ends one early in deep networks")
def network_skips_activation_of_third_layer(x, weights, biases, activation, output):
    if len(weights) < 3:
        return right(x, weights, biases, activation, output)
    h = right(x, weights[:-1], biases[:-1], activation, "identity")
    return right(h, weights[-1:], biases[-1:], activation, output)


@wrong("eq8", "network", because="the loss is expected to apply the output activation")
def network_output_activation_omitted(x, weights, biases, activation, output):
    return right(x, weights, biases, activation, "identity")


@wrong("eq8", "network", because="one activation is used for all layers, as (8) prints it")
def network_output_like_hidden(x, weights, biases, activation, output):
    return right(x, weights, biases, activation, activation)


@wrong("eq8", "network", because="the two activations are passed in the other order")
def network_activations_swapped(x, weights, biases, activation, output):
    return right(x, weights, biases, output, activation)


@wrong("eq8", "network", because="the output layer has no bias")
def network_output_bias_missing(x, weights, biases, activation, output):
    return right(x, weights, [*biases[:-1], 0 * biases[-1]], activation, output)


@wrong("eq8", "network", because="softmax is taken over the samples of the batch")
def network_softmax_over_batch(x, weights, biases, activation, output):
    if output != "softmax":
        return right(x, weights, biases, activation, output)
    return activations.softmax(right(x, weights, biases, activation, "identity").T).T


@wrong("eq8", "network", because="hidden layers are kept in the float16 of the inputs' cache", only="float32")
def network_hidden_in_float16(x, weights, biases, activation, output):
    h = right(x, weights[:-1], biases[:-1], activation, activation) if len(weights) > 1 else x
    return right(np.float64(np.float16(h)), weights[-1:], biases[-1:], activation, output)


def back(x, weights, biases, cotangent, pulls, values):
    """Back-propagation with a pull, a function of u, h and the error, and a value for each layer."""
    layers = []
    for W, b, f in zip(weights, biases, values, strict=True):
        layers.append((x, x @ W + b))
        x = f(layers[-1][1])
        layers[-1] += (x,)
    by_W, by_b = [], []
    for W, (h, u, y), pull in reversed(list(zip(weights, layers, pulls, strict=True))):
        delta = pull(u, y, cotangent)
        cotangent, gW, gb = network.affine_vjp(h, W, delta)
        by_W.insert(0, gW)
        by_b.insert(0, gb)
    return cotangent, by_W, by_b


def named(name):
    """The value and the pull of an activation."""
    f, f_vjp = activations.ACTIVATIONS[name]
    return f, lambda u, y, c: f_vjp(u, c)[0]


def back_with(hidden, last, x, weights, biases, cotangent, activation, output):
    """Back-propagation where `hidden` and `last` may replace the pulls of the layers."""
    f, pull = named(activation)
    g, final = named(output)
    pulls = [*[hidden or pull] * (len(weights) - 1), last or final]
    return back(x, weights, biases, cotangent, pulls, [*[f] * (len(weights) - 1), g])


@wrong_gradient("eq7", "network", because="the straight-through estimator lets errors pass a step", statement="s3-nonzero-derivative")
def network_straight_through(x, weights, biases, cotangent, activation, output):
    through = (lambda u, y, c: c) if activation == "step" else None
    return back_with(through, None, x, weights, biases, cotangent, activation, output)


@wrong_gradient("eq7", "network", because="the derivative is taken at h where u belongs")
def network_derivative_at_the_output(x, weights, biases, cotangent, activation, output):
    _, pull = named(activation)
    return back_with(lambda u, y, c: pull(y, y, c), None, x, weights, biases, cotangent, activation, output)


@wrong_gradient("eq7", "network", because="the factor f'(u) is forgotten in hidden layers")
def network_hidden_derivative_omitted(x, weights, biases, cotangent, activation, output):
    return back_with(lambda u, y, c: c, None, x, weights, biases, cotangent, activation, output)


@wrong_gradient("eq8", "network", because="the error is taken at u, as for a loss that includes the output activation")
def network_output_derivative_omitted(x, weights, biases, cotangent, activation, output):
    return back_with(None, lambda u, y, c: c, x, weights, biases, cotangent, activation, output)


@wrong_gradient("eq8", "network", because="softmax is differentiated component by component")
def network_softmax_gradient_diagonal(x, weights, biases, cotangent, activation, output):
    last = (lambda u, y, c: c * y * (1 - y)) if output == "softmax" else None
    return back_with(None, last, x, weights, biases, cotangent, activation, output)


@wrong_gradient("eq7", "network", because="the loop over the layers never reaches the first")
def network_first_layer_frozen(x, weights, biases, cotangent, activation, output):
    gx, gW, gb = back_with(None, None, x, weights, biases, cotangent, activation, output)
    return gx, [0 * gW[0], *gW[1:]], [0 * gb[0], *gb[1:]]


@wrong_gradient("eq8", "network", because="bias gradients are averaged over the batch")
def network_bias_gradients_averaged(x, weights, biases, cotangent, activation, output):
    gx, gW, gb = back_with(None, None, x, weights, biases, cotangent, activation, output)
    return gx, gW, [g / len(x) for g in gb]
