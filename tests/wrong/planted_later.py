"""Planted when the suite was there, and committed before it was held against them: how many it catches at first contact says how
strong it is against what nobody has thought of. 35 of these 37 were caught, each under its clause; `dense_bias_twice_alone` and
`rate_not_below_a_tenth` were not, and since then a batch of one and a rate near 0 are asked for.
"""

import numpy as np

from eqwise.conformance.adapters.reference import find as true
from wrong.methods import RULES, AdaGrad, Adam, Momentum, augmented, narrow, piece, wide, wrong
from wrong.sections_6_to_9 import cells, ratio
from wrong.sections_10_to_12 import laws, normal, normalised

# sections 3, 4 and 7


@wrong("eq11", "tanh", "the identity close to the origin, as a cheap branch")
def tanh_is_x_near_zero(x):
    return np.where(np.abs(x) < 1e-3, x, np.tanh(x))


@wrong("eq10", "logistic", "the output rounded to float32 on the way back", "vjp")
def logistic_output_in_float32(x, c):
    y = wide(true("logistic")(x).astype(np.float32))
    return (c * y * (1 - y),)


@wrong("eq16", "elu", "a slope of at most 1")
def elu_alpha_at_most_one(x, alpha):
    return np.where(x > 0, x, min(alpha, 1.0) * np.expm1(np.minimum(x, 0)))


@wrong("eq13", "relu", "a dead zone, lest tiny activations count")
def relu_dead_zone(x):
    return np.where(x > 1e-7, x, 0)


@wrong("eq14", "leaky_relu", "no gradient at the kink, not even that of the left side", "vjp")
def leaky_no_gradient_at_zero(x, c, alpha):
    return (c * np.where(x > 0, 1, np.where(x < 0, alpha, 0)),)


@wrong("eq18", "softmax", "shifted by the mean, which does not keep it from overflowing")
def softmax_shifted_by_the_mean(x):
    e = np.exp(x - x.mean(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@wrong("eq18", "softmax", "the inner product of the gradient over the whole batch", "vjp")
def softmax_gradient_over_the_batch(x, c):
    y = true("softmax")(x)
    return (y * (c - np.sum(c * y)),)


@wrong("eq7", "dense", "the bias twice for a batch of one")
def dense_bias_twice_alone(x, W, b):
    return x @ W + (2 * b if len(x) == 1 else b)


@wrong("eq7", "dense", "the gradient of the weights from the last sample alone", "vjp")
def weights_of_the_last_sample(x, W, b, c):
    by_x, _, by_b = true("dense_vjp")(x, W, b, c)
    return by_x, x[-1:].T @ c[-1:], by_b


@wrong("eq28", "binary_cross_entropy", "targets rounded to classes")
def targets_rounded(y, t):
    return true("binary_cross_entropy")(y, np.round(t))


@wrong("eq29", "cross_entropy", "the likeliest class alone")
def likeliest_class_alone(y, t):
    return -t.max() * np.log(y[np.argmax(t)])


@wrong("eq33", "quantile", "tau in single precision")
def tau_in_float32(y, t, tau):
    tau = float(np.float32(tau))
    return np.maximum(tau * (t - y), (tau - 1) * (t - y))


@wrong("eq34", "huber", "half of the slope outside", "vjp")
def huber_half_slope_outside(y, t, c, delta):
    by_y, by_t = true("huber_vjp")(y, t, c, delta)
    share = np.where(np.abs(t - y) > delta, 0.5, 1)
    return by_y * share, by_t * share


@wrong("eq35", "epsilon_insensitive", "not cut off at 0, so that estimates inside the tube are rewarded")
def tube_rewards(y, t, epsilon):
    return np.abs(t - y) - epsilon


# sections 6, 8 and 9


@wrong("eq22", "f_measure", "from precision and recall as they are printed, to four places")
def f_from_four_places(actual, predicted):
    tp, fn, fp, _ = cells(actual, predicted)
    p, r = (np.round(ratio(tp, tp + other), 4) for other in (fp, fn))
    return ratio(2 * p * r, p + r)


@wrong("eq23", "mse", "the first and the last sample by half, as in an integral")
def mse_by_trapezoids(t, y):
    weights = np.ones(len(t))
    weights[[0, -1]] = 0.5 if len(t) > 1 else 1
    return np.sum(weights * (t - y) ** 2) / len(t)


@wrong("eq26", "r_squared", "about 0, as for a model without an intercept")
def r_squared_about_zero(t, y):
    return 1 - np.sum((t - y) ** 2) / np.sum(t * t)


@piece("eq57", "sgd", "change", "the gradient averaged with that of the step before")
def averaged_with_the_last(self, g):
    kept = vars(self).setdefault("last", {})
    used, kept[self.i] = (g + kept.get(self.i, g)) / 2, g
    return self.eta * used


@piece("eq52", "network_gradients", "below", "errors clipped at 10 on the way down")
def errors_clipped(self, delta, theta, u, h, f):
    return np.clip(delta @ theta[1:].T * self.slope(u, h, f), -10, 10)


@piece("eq48", "network_gradients", "gradient", "half of the bias' gradient in layers of more than two units")
def half_of_the_biases(self, h, delta, u):
    found = augmented(h).T @ delta / len(h)
    found[0] /= 2 if delta.shape[1] > 2 else 1
    return found


@piece("eq50", "network_gradients", "slope", "the derivative of tanh from its argument's square, good near 0 only")
def tanh_slope_near_zero(self, u, h, f):
    return 1 - np.minimum(u * u, 1) if f == "tanh" else RULES[f][1](u)


# section 10


@piece("eq58", "momentum", "velocity", "the velocity forgotten where the gradient turns against it")
def velocity_restarted_uphill(self, v, g):
    return np.where(g * v > 0, 0, self.alpha * v) - self.eta * g


@piece("eq60", "adagrad", "total", "the step's square, not the gradient's")
def total_of_steps(self, h, g):
    return h + (self.eta * g) ** 2


@piece("eq63", "rmsprop", "change", "epsilon where h is smaller, and nothing elsewhere")
def epsilon_for_small(self, h, g):
    return self.eta * g / np.sqrt(np.where(h < self.epsilon, h + self.epsilon, h))


@piece("eq64", "adam", "first", "beta_1 that wears off with the steps")
def first_decays(self, m, g):
    beta = self.beta_1 ** min(self.t, 3)
    return beta * m + (1 - beta) * g


@piece("eq68", "adam", "change", "the step in single precision")
def step_in_float32(self, m_hat, v_hat):
    return wide(np.asarray(self.eta * m_hat / np.sqrt(v_hat + self.epsilon), np.float32))


@wrong("eq66", "adam", "the count of steps kept in a byte")
class StepsInAByte(Adam):
    def m_hat(self, m):
        return m / (1 - self.beta_1 ** (self.t % 256 or 256))


@wrong("eq59", "momentum", "the velocity added in half precision")
class VelocityAddedInFloat16(Momentum):
    def change(self, v, old, g):
        return wide(np.asarray(v, np.float16))


@wrong("eq61", "adagrad", "the root by three steps of Newton's method from a guess")
class RootByNewton(AdaGrad):
    def change(self, h, g):
        h = np.where(h > 0, h, 1)
        guess = np.ldexp(1.0, np.frexp(h)[1] // 2)
        for _ in range(3):
            guess = (guess + h / guess) / 2
        return self.eta * g / guess


# section 11

laws("eq71", "he", bias_counted=("the bias counted as an input", lambda r, s: normal(r, s, np.sqrt(2 / (s[0] + 1)))))
laws("eq72", "gauss", twelve_uniforms=("twelve uniform numbers less 6", lambda r, s: r.random((12, *s)).sum(axis=0) - 6))

# section 12


@wrong("eq73", "l2", "the first row of every matrix taken for biases, which are not penalised")
def l2_without_first_rows(weights, lambda_):
    return lambda_ * sum(np.sum(W[1:] ** 2) for W in weights)


@wrong("s12.2-train-mask", "dropout", "p cut to multiples of 1/256")
def p_in_bytes(x, p, seed, training):
    kept = np.random.default_rng(seed).integers(0, 256, x.shape) >= int(256 * p)
    return np.where(kept, x, 0) if training else (1 - p) * x


@piece("s12.2-inference-scale", "dropout_layer", "share", "the share rounded to two places")
def share_of_two_places(self):
    return round(1 - self.p, 2)


@wrong("eq75", "batch_norm", "the last sample counted twice in the variance")
def last_sample_twice(x, gamma, beta, epsilon):
    d = (x - x.mean(axis=0)) ** 2
    return normalised(x, gamma, beta, epsilon, variance=(d.sum(axis=0) + d[-1]) / (len(x) + 1))


@piece("s12.3-inference", "batch_norm_layer", "follow", "the mean square followed, not the variance")
def mean_square_followed(self, mean, variance):
    self.mean, self.variance = self.blend(self.mean, mean), self.blend(self.variance, variance + mean * mean)


@piece("s12.3-inference", "batch_norm_layer", "blend", "a rate that never falls below a tenth")
def rate_not_below_a_tenth(self, old, new):
    rate = max(self.rate, 0.1)
    return narrow((1 - rate) * wide(old) + rate * new, old.dtype)
