"""Sections 2, 3, 4 and 7 of the notes: perceptron, networks, activations and losses."""

import numpy as np

from eqwise.conformance.adapters.reference import find as true
from wrong.methods import wrong

sigma = true("logistic")

# section 2: perceptron (1), (4), (5) and step (2)


@wrong("eq1", "perceptron", "the bias as a threshold, which is subtracted")
def bias_subtracted(x, W, b):
    return (x @ W - b > 0) * 1.0


@wrong("eq5", "perceptron", "a tie counted as firing")
def fires_at_a_tie(x, W, b):
    return (x @ W + b >= 0) * 1.0


@wrong("eq4", "perceptron", "the bias forgotten")
def without_bias(x, W, b):
    return (x @ W > 0) * 1.0


@wrong("eq1", "perceptron", "labels -1 and 1 instead of 0 and 1")
def signs(x, W, b):
    return np.where(x @ W + b > 0, 1.0, -1.0)


@wrong("eq1", "perceptron", "a matrix stored (n_out, n_in), read the wrong way round")
def transposed(x, W, b):
    return (x @ W.reshape(W.shape[::-1]).T + b > 0) * 1.0


@wrong("eq2", "step", "numpy.heaviside with a half at the origin")
def half_at_the_origin(x):
    return np.heaviside(x, 0.5)


@wrong("eq2", "step", "the branch x >= 0")
def one_at_the_origin(x):
    return (x >= 0) * 1.0


@wrong("eq9", "step", "the sign bit instead of a comparison: wrong at +0 only")
def by_sign_bit(x):
    return (~np.signbit(x)) * 1.0


@wrong("eq9", "step", "the sign function")
def sign(x):
    return np.sign(x)


@wrong("eq9", "step", "a straight-through estimator", "vjp")
def straight_through(x, c):
    return (c * (np.abs(x) <= 1),)


# section 3: logistic (6), networks (7), (8)


@wrong("eq6", "logistic", "arguments clipped, so that nothing overflows")
def clipped_at_36(x):
    return sigma(np.clip(x, -36.0, 36.0))


@wrong("eq6", "logistic", "a piecewise linear stand-in")
def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


@wrong("eq6", "logistic", "a table with too few entries: relative error 5e-4")
def five_in_ten_thousand(x):
    return sigma(x) * (1 + 5e-4)


@wrong("eq10", "logistic", "exp(x)/(1 + exp(x)), which overflows")
def overflows(x):
    return np.exp(x) / (1 + np.exp(x))


@wrong("eq10", "logistic", "computed in float32 whatever comes", raw=True)
def in_float32(x):
    return sigma(x.astype(np.float32)).astype(x.dtype)


@wrong("eq10", "logistic", "f(1 - f) of something that is already the output", "vjp")
def gradient_of_the_output(x, c):
    y = sigma(x)
    return (c * sigma(y) * (1 - sigma(y)),)


@wrong("eq6", "logistic", "the sign of one branch lost", "vjp")
def gradient_odd(x, c):
    y = sigma(x)
    return (c * y * (1 - y) * np.where(x < -30, -1, 1),)


@wrong("eq7", "dense", "the bias forgotten")
def dense_without_bias(x, W, b):
    return x @ W


@wrong("eq7", "dense", "a matrix stored the other way round")
def dense_transposed(x, W, b):
    return x @ W.reshape(W.shape[::-1]).T + b


@wrong("eq7", "dense", "half-precision accumulation", raw=True)
def dense_in_float16(x, W, b):
    return (x.astype(np.float16) @ W.astype(np.float16) + b.astype(np.float16)).astype(x.dtype)


@wrong("eq7", "dense", "the bias gradient averaged over the batch instead of summed", "vjp")
def bias_gradient_averaged(x, W, b, c):
    return c @ W.T, x.T @ c, c.mean(axis=0)


@wrong("eq7", "dense", "the weight gradient reshaped instead of transposed", "vjp")
def weight_gradient_reshaped(x, W, b, c):
    return c @ W.T, (c.T @ x).reshape(W.shape), c.sum(axis=0)


@wrong("eq8", "network", "the output activation forgotten")
def output_omitted(x, weights, biases, activation, output):
    return true("network")(x, weights, biases, activation, "identity")


@wrong("eq7", "network", "hidden and output activation exchanged")
def activations_exchanged(x, weights, biases, activation, output):
    return true("network")(x, weights, biases, *(("tanh", output) if activation == "logistic" else (activation, output)))


@wrong("eq7", "network", "no activation on the last hidden layer of a deep network")
def last_hidden_linear(x, weights, biases, activation, output):
    *first, W = weights
    *rest, b = biases
    if len(first) < 2:
        return true("network")(x, weights, biases, activation, output)
    h = true("network")(x, first, rest, activation, "identity")
    return true("network")(h, [W], [b], activation, output)


@wrong("eq8", "network", "the output bias added twice")
def output_bias_twice(x, weights, biases, activation, output):
    return true("network")(x, weights, [*biases[:-1], 2 * biases[-1]], activation, output)


@wrong("eq7", "network", "straight-through estimators behind a step", "vjp")
def network_straight_through(x, weights, biases, c, activation, output):
    return true("network_vjp")(x, weights, biases, c, "identity" if activation == "step" else activation, output)


# section 4: activations


@wrong("eq11", "tanh", "the formula as printed, nan where both exponentials overflow")
def tanh_as_printed(x):
    return (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))


@wrong("eq11", "tanh", "LeCun's scaled version")
def tanh_scaled(x):
    return 1.7159 * np.tanh(2 * x / 3)


@wrong("eq11", "tanh", "a rational approximation good to 1e-4")
def tanh_rational(x):
    s = x * x
    return np.clip(x * (135135 + s * (17325 + s * (378 + s))) / (135135 + s * (62370 + s * (3150 + s * 28))), -1, 1)


@wrong("eq11", "tanh", "1 - f instead of 1 - f squared", "vjp")
def tanh_gradient_one_minus_f(x, c):
    return (c * (1 - np.tanh(x)),)


@wrong("eq12", "softplus", "linear above a threshold of 20")
def linear_above_20(x):
    return np.where(x > 20, x, true("softplus")(x))


@wrong("eq12", "softplus", "the binary logarithm")
def log2(x):
    return true("softplus")(x) / np.log(2)


@wrong("eq12", "softplus", "zero below a threshold")
def zero_below(x):
    return np.where(x < -30, 0.0, true("softplus")(x))


@wrong("eq12", "softplus", "clipped far out, where the exponential has long overflowed, in float32 only", raw=True)
def softplus_clipped_far_out(x):
    y = true("softplus")(x)
    return np.minimum(y, np.float32(1e6)) if x.dtype == np.float32 else y


@wrong("eq6", "logistic", "0.5 far out, in bfloat16 only", raw=True)
def logistic_far_out(x):
    y = true("logistic")(x)
    return np.where(np.abs(x.astype(float)) > 1e5, x.dtype.type(0.5), y) if x.dtype.name == "bfloat16" else y


@wrong("eq12", "softplus", "the gradient of its linear part, above 30", "vjp")
def softplus_gradient_late(x, c):
    return (np.where(x > 5, c, c * sigma(x)),)


@wrong("eq13", "relu", "clipped at 6")
def relu6(x):
    return np.clip(x, 0, 6)


@wrong("eq13", "relu", "the absolute value")
def absolute(x):
    return np.abs(x)


@wrong("eq13", "relu", "wrong for arrays of one dtype only", raw=True)
def relu_wrong_in_bfloat16(x):
    y = np.maximum(x, x.dtype.type(0))
    return y * x.dtype.type(2) if x.dtype.name == "bfloat16" else y


@wrong("eq13", "relu", "the gradient of a leaky variant", "vjp")
def relu_gradient_leaks(x, c):
    return (np.where(x > 0, c, 0.01 * c),)


@wrong("eq13", "relu", "in place, to save memory", raw=True)
def relu_in_place(x):
    x[...] = np.maximum(x, x.dtype.type(0))
    return x


_buffer = {}


@wrong("eq13", "relu", "one buffer for all results", raw=True)
def relu_one_buffer(x):
    out = _buffer.setdefault((x.shape, x.dtype), np.empty_like(x))
    np.maximum(x, x.dtype.type(0), out=out)
    return out


@wrong("eq13", "relu", "the tail of a vectorised loop forgotten", raw=True)
def relu_tail(x):
    y = np.array(np.maximum(x, x.dtype.type(0)))
    if y.size > 64:
        flat = y.reshape(-1)
        flat[-1] = x.reshape(-1)[-1] + x.dtype.type(1)
        y = flat.reshape(x.shape)
    return y


@wrong("eq14", "leaky_relu", "max(x, alpha x), which is something else for alpha above 1")
def leaky_by_maximum(x, alpha):
    return np.maximum(x, alpha * x)


@wrong("eq14", "leaky_relu", "the default slope whenever alpha is 0")
def leaky_zero_becomes_default(x, alpha):
    return true("leaky_relu")(x, alpha=alpha or 0.01)


@wrong("eq14", "leaky_relu", "alpha squared on the negative side", "vjp")
def leaky_gradient_squared(x, c, alpha):
    return (np.where(x > 0, c, alpha * alpha * c),)


@wrong("eq15", "prelu", "a on both sides")
def prelu_both_sides(x, a):
    return a * x


@wrong("eq15", "prelu", "a kept out of the graph", "vjp")
def prelu_a_has_no_gradient(x, a, c):
    return np.where(x > 0, c, a * c), np.zeros_like(a)


@wrong("eq15", "prelu", "the gradient of a averaged over what shares it", "vjp")
def prelu_a_averaged(x, a, c):
    by_x, by_a = true("prelu_vjp")(x, a, c)
    return by_x, by_a / max(1, x.size // max(1, a.size))


@wrong("eq16", "elu", "exp(x) - 1 without expm1, in its own dtype")
def elu_naive(x, alpha):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1) * (1 + 1e-12))


@wrong("eq16", "elu", "alpha inside the exponential")
def elu_alpha_inside(x, alpha):
    return np.where(x > 0, x, np.expm1(alpha * np.minimum(x, 0)))


@wrong("eq16", "elu", "a gradient of 1 close to the origin", "vjp")
def elu_gradient_near_zero(x, c, alpha):
    (g,) = true("elu_vjp")(x, c, alpha=alpha)
    return (np.where((x < 0) & (x > -1e-4), c, g),)


@wrong("eq16", "elu", "1 on both sides where alpha is 0", "vjp")
def elu_gradient_at_alpha_zero(x, c, alpha):
    return (c,) if alpha == 0 else true("elu_vjp")(x, c, alpha=alpha)


@wrong("eq16", "elu", "f + alpha with the f of alpha 1", "vjp")
def elu_gradient_f_plus_alpha(x, c, alpha):
    return (np.where(x > 0, c, c * (np.expm1(np.minimum(x, 0)) + alpha)),)


@wrong("eq17", "identity", "ReLU left in by mistake")
def identity_is_relu(x):
    return np.maximum(x, 0)


@wrong("eq17", "identity", "a detour through float16", raw=True)
def identity_through_float16(x):
    return x.astype(np.float16).astype(x.dtype)


@wrong("eq17", "identity", "a result narrower than the input", raw=True)
def identity_narrowed(x):
    return x.astype(np.float16) if x.dtype == np.float64 else np.array(x)


@wrong("eq18", "softmax", "the wrong axis")
def softmax_first_axis(x):
    e = np.exp(x - x.max(axis=0))
    return e / e.sum(axis=0)


@wrong("eq18", "softmax", "no subtraction of the maximum")
def softmax_overflows(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


@wrong("eq18", "softmax", "a constant added to the denominator")
def softmax_epsilon(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / (e.sum(axis=-1, keepdims=True) + 1e-7)


@wrong("eq18", "softmax", "the diagonal of the Jacobian only", "vjp")
def softmax_gradient_diagonal(x, c):
    y = true("softmax")(x)
    return (c * y * (1 - y),)


# section 7: losses


@wrong("eq27", "sum_of_squares", "the root forgotten to be left out")
def norm(y, t):
    return np.sqrt(np.sum((y - t) ** 2)) / 2


@wrong("eq27", "sum_of_squares", "half of the mean")
def half_mean(y, t):
    return 0.5 * np.mean((y - t) ** 2) * 1.0 if len(y) != 1 else 0.25 * (y[0] - t[0]) ** 2


@wrong("eq27", "sum_of_squares", "the factor 2 of a loss without the half", "vjp")
def squares_gradient_twice(y, t, c):
    return 2 * c * (y - t), -2 * c * (y - t)


@wrong("eq28", "binary_cross_entropy", "logarithms clamped at -100")
def clamped_at_100(y, t):
    return -np.sum(t * np.maximum(np.log(y), -100) + (1 - t) * np.maximum(np.log1p(-y), -100))


@wrong("eq28", "binary_cross_entropy", "a small constant inside the logarithm")
def log_plus_constant(y, t):
    return -np.sum(t * np.log(y + 1e-7) + (1 - t) * np.log(1 - y + 1e-7))


@wrong("eq28", "binary_cross_entropy", "the terms of t = 0 forgotten")
def first_half_only(y, t):
    return -np.sum(t * np.log(y))


@wrong("eq28", "logistic_binary_cross_entropy", "1 - sigma rounds to 0")
def composite_overflows(u, t):
    y = sigma(u)
    return -np.sum(np.where(t > 0, t * np.log(y), 0) + np.where(t < 1, (1 - t) * np.log(1 - y), 0))


@wrong("eq28", "logistic_binary_cross_entropy", "an extra factor y(1 - y)", "vjp")
def composite_gradient_extra_factor(u, t, c):
    y = sigma(u)
    return c * (y - t) * y * (1 - y), -c * u


@wrong("eq29", "cross_entropy", "outputs normalised again")
def renormalised(y, t):
    return -np.sum(t * np.log(y / y.sum()))


@wrong("eq29", "cross_entropy", "outputs clipped away from 0")
def clipped(y, t):
    return -np.sum(t * np.log(np.clip(y, 1e-7, 1)))


@wrong("eq29", "cross_entropy", "targets and outputs exchanged")
def exchanged(y, t):
    return -np.sum(y * np.log(np.where(t > 0, t, 1e-3)))


@wrong("eq29", "softmax_cross_entropy", "label smoothing left on")
def smoothed(u, t):
    return true("softmax_cross_entropy")(u, 0.9 * t + 0.1 / len(t))


@wrong("eq29", "softmax_cross_entropy", "the sign", "vjp")
def composite_gradient_sign(u, t, c):
    by_u, by_t = true("softmax_cross_entropy_vjp")(u, t, c)
    return -by_u, by_t


@wrong("eq30", "logistic_loss", "labels 0 and 1 expected")
def zero_one_labels(y, t):
    return np.logaddexp(0, y) - t * y


@wrong("eq30", "logistic_loss", "the formula as printed, which overflows")
def logistic_loss_as_printed(y, t):
    return np.log(1 + np.exp(-t * y))


@wrong("eq30", "logistic_loss", "the binary logarithm")
def logistic_loss_log2(y, t):
    return np.logaddexp(0, -t * y) / np.log(2)


@wrong("eq30", "logistic_loss", "the label forgotten in the gradient", "vjp")
def logistic_loss_gradient_without_label(y, t, c):
    return -c * sigma(-t * y), -c * y * sigma(-t * y)


@wrong("eq31", "exponential_loss", "the sign")
def exponential_sign(y, t):
    return np.exp(t * y)


@wrong("eq31", "exponential_loss", "the margin clipped")
def exponential_clipped(y, t):
    return np.exp(np.clip(-t * y, -50, 50))


@wrong("eq32", "hinge", "no margin: the perceptron's loss")
def perceptron_loss(y, t):
    return np.maximum(-t * y, 0)


@wrong("eq32", "hinge", "the squared hinge")
def squared_hinge(y, t):
    return np.maximum(1 - t * y, 0) ** 2


@wrong("eq32", "hinge", "labels 0 converted to -1 where they look like 0 or 1")
def hinge_converts(y, t):
    return np.maximum(1 - np.where(t <= 0, -1, t) * y, 0)


@wrong("eq32", "hinge", "the margin forgotten in the gradient", "vjp")
def hinge_gradient_without_margin(y, t, c):
    inside = t * y < 0
    return np.where(inside, -c * t, 0), np.where(inside, -c * y, 0)


@wrong("eq33", "quantile", "tau and 1 - tau exchanged")
def tau_exchanged(y, t, tau):
    return true("quantile")(y, t, tau=1 - tau)


@wrong("eq33", "quantile", "twice the pinball loss, which is the absolute error at a half")
def quantile_twice(y, t, tau):
    return 2 * true("quantile")(y, t, tau=tau)


@wrong("eq33", "quantile", "gradient of target and output exchanged", "vjp")
def quantile_gradients_exchanged(y, t, c, tau):
    by_y, by_t = true("quantile_vjp")(y, t, c, tau=tau)
    return by_t, by_y


@wrong("eq34", "huber", "delta squared missing outside")
def huber_jumps(y, t, delta):
    d = np.abs(t - y)
    return np.where(d <= delta, d * d, 2 * delta * d)


@wrong("eq34", "huber", "halved inside only")
def huber_half_inside(y, t, delta):
    d = np.abs(t - y)
    return np.where(d <= delta, d * d / 2, 2 * delta * (d - delta / 2))


@wrong("eq34", "huber", "the square everywhere")
def huber_unbounded(y, t, delta):
    return (t - y) ** 2


@wrong("eq34", "huber", "a slope that is not limited", "vjp")
def huber_gradient_unbounded(y, t, c, delta):
    return 2 * c * (y - t), -2 * c * (y - t)


@wrong("eq35", "epsilon_insensitive", "epsilon not subtracted")
def epsilon_not_subtracted(y, t, epsilon):
    d = np.abs(t - y)
    return np.where(d > epsilon, d, 0)


@wrong("eq35", "epsilon_insensitive", "the squared form")
def epsilon_squared(y, t, epsilon):
    return np.maximum(np.abs(t - y) - epsilon, 0) ** 2


@wrong("eq35", "epsilon_insensitive", "one side only", "vjp")
def epsilon_gradient_one_side(y, t, c, epsilon):
    by_y = np.where(y - t > epsilon, c, 0)
    return by_y, -by_y
