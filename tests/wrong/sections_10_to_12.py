"""Sections 10, 11 and 12 of the notes: optimizers, initial weights and regularization."""

from typing import ClassVar

import ml_dtypes
import numpy as np
from scipy.special import ndtri

from wrong.methods import BASES, Adam, BatchNormLayer, DropoutLayer, Momentum, Optimizer, Sgd, named, narrow, piece, wide, wrong

# section 10: stochastic gradient descent (57); what can go wrong with any optimizer's bookkeeping


@piece("eq57", "sgd", "update", "weight decay left on")
def weight_decay_left_on(self, theta, g):
    return theta - self.eta * (g + 1e-4 * theta)


@piece("eq57", "sgd", "change", "the gradient clipped at 1")
def clipped_at_1(self, g):
    return self.eta * np.clip(g, -1, 1)


@piece("eq57", "sgd", "change", "a learning rate that decays by itself")
def decaying_eta(self, g):
    return self.eta / (1 + 1e-3 * (self.t - 1)) * g


@wrong("eq57", "sgd", "a change of eta not looked at")
class EtaOfTheStart(Sgd):
    def step(self, gradient, eta=None):
        return super().step(gradient)


@wrong("eq57", "sgd", "a change of eta from the next step on")
class EtaOneStepLate(Sgd):
    def step(self, gradient, eta=None):
        moved = super().step(gradient)
        self.eta = self.eta if eta is None else eta
        return moved


@wrong("eq57", "sgd", "the parameters themselves returned, which later steps change")
class ParametersReturned(Sgd):
    def put(self, theta):
        self.theta[self.i][...] = theta

    def copies(self, arrays):
        return list(arrays) if self.many else arrays[0]


@wrong("eq57", "sgd", "the caller's arrays updated in place")
class CallersArrays(Sgd):
    def __init__(self, theta, eta):
        super().__init__(theta, eta)
        self.theta = self.listed(theta)

    def put(self, theta):
        self.theta[self.i][...] = theta


@wrong("eq57", "sgd", "parameters of a list beyond the first not updated")
class FirstParameterOnly(Sgd):
    def put(self, theta):
        if self.i == 0:
            super().put(theta)


@wrong("eq57", "sgd", "the first row broadcast over the others")
class FirstRowBroadcast(Sgd):
    def update(self, theta, g):
        return theta - self.eta * (g[:1] if theta.ndim > 1 else g)


@wrong("eq57", "sgd", "parameters in float32 whatever comes")
class ParametersInFloat32(Sgd):
    def put(self, theta):
        super().put(np.asarray(theta, np.float32))


@wrong("eq57", "sgd", "steps that would not show are left out")
class SmallStepsLeftOut(Sgd):
    def change(self, g):
        return np.where(np.abs(self.eta * g) < 1e-6, 0, self.eta * g)


@wrong("eq57", "sgd", "the gradient scaled in the caller's array")
class GradientScaledInPlace(Sgd):
    def step(self, gradient, eta=None):
        moved = super().step(gradient, eta)
        for g in self.listed(gradient):
            g *= g.dtype.type(self.eta)
        return moved


@piece("eq57", "sgd", "change", "wrong in the second step only, where a branch for the first one ends")
def second_step_twice(self, g):
    return self.eta * g * (2 if self.t == 2 else 1)


@wrong("eq57", "sgd", "the gradient read in the order in which it lies in memory")
class InMemoryOrder(Sgd):
    def step(self, gradient, eta=None):
        read = [g.ravel(order="K").reshape(g.shape) for g in self.listed(gradient)]
        return super().step(read if self.many else read[0], eta)


# momentum (58), (59)


@piece("eq58", "momentum", "velocity", "damped: 1 - alpha beside the gradient")
def damped(self, v, g):
    return self.alpha * v - (1 - self.alpha) * self.eta * g


@piece("eq58", "momentum", "velocity", "alpha and 1 - alpha exchanged")
def alpha_exchanged(self, v, g):
    return (1 - self.alpha) * v - self.eta * g


@piece("eq58", "momentum", "velocity", "the velocity not kept")
def velocity_forgotten(self, v, g):
    return -self.eta * g


@piece("eq58", "momentum", "velocity", "alpha from the third step on")
def alpha_late(self, v, g):
    return (self.alpha if self.t > 2 else 1) * v - self.eta * g


@piece("eq58", "momentum", "velocity", "the velocity at rest where the gradient is 0, as for sparse rows")
def no_decay_without_gradient(self, v, g):
    return np.where(g == 0, v, self.alpha * v - self.eta * g)


@piece("eq58", "momentum", "velocity", "the mean gradient of a parameter's elements")
def velocity_by_the_mean(self, v, g):
    return self.alpha * v - self.eta * np.mean(g)


@wrong("eq58", "momentum", "one velocity for all optimizers, kept on the class")
class VelocityOnTheClass(Momentum):
    everyone: ClassVar = {}

    def __init__(self, theta, eta, alpha):
        super().__init__(theta, eta, alpha=alpha)
        self.kept = self.everyone.setdefault(str([(a.shape, a.dtype) for a in self.theta]), self.kept)


@wrong("eq58", "momentum", "the gradient kept by reference and read again one step later, when its buffer may hold another")
class GradientByReference(Momentum):
    def step(self, gradient, eta=None):
        if self.t:
            pairs = zip(self.before, self.last, strict=True)
            self.kept["v"] = [narrow(self.velocity(wide(v), wide(g)), v.dtype) for v, g in pairs]
        self.before, self.last = list(self.kept["v"]), list(self.listed(gradient))
        return super().step(gradient, eta)


@wrong("eq58", "momentum", "the first velocity written over the caller's gradient, and kept there")
class GradientOverwritten(Momentum):
    def step(self, gradient, eta=None):
        moved = super().step(gradient, eta)
        if self.t == 1:
            for v, g in zip(self.kept["v"], self.listed(gradient), strict=True):
                g[...] = v
            self.kept["v"] = list(self.listed(gradient))
        return moved


@wrong("eq58", "momentum", "the velocity of the first parameter for all of one shape")
class VelocityByShape(Momentum):
    def update(self, theta, g, v):
        first = next(i for i, a in enumerate(self.theta) if a.shape == theta.shape)
        return super().update(theta, g, wide(self.kept["v"][first]))


@wrong("eq58", "momentum", "a velocity in half precision, to save memory")
class VelocityInFloat16(Momentum):
    def keep(self, name, value):
        return super().keep(name, np.asarray(value, np.float16))


@wrong("eq58", "momentum", "the velocity started anew when eta changes")
class VelocityStartedAnew(Momentum):
    def step(self, gradient, eta=None):
        if eta not in (None, self.eta):
            self.kept["v"] = [np.zeros_like(a) for a in self.theta]
        return super().step(gradient, eta)


def at_rest(base):
    """Nothing happens to a parameter whose gradient is 0 as a whole."""

    def update(self, theta, g, *old):
        return super(made, self).update(theta, g, *old) if g.any() else theta

    made = type(f"{base.__name__}AtRest", (base,), {"update": update})
    return made


def inheriting(base):
    """A new optimizer goes on from where the last one of the same shapes has come to."""

    def starting(self, theta, **hyper):
        super(made, self).__init__(theta, **hyper)
        self.key = str([(a.shape, a.dtype) for a in self.theta])
        self.kept = {name: list(arrays) for name, arrays in self.last.get(self.key, self.kept).items()}

    def step(self, gradient, eta=None):
        moved = super(made, self).step(gradient, eta)
        self.last[self.key] = self.kept
        return moved

    made = type(f"{base.__name__}Inheriting", (base,), {"__init__": starting, "step": step, "last": {}})
    return made


def read_back(base):
    """The parameters are the arrays that the last step returned, whatever has become of them."""

    def step(self, gradient, eta=None):
        moved = super(made, self).step(gradient, eta)
        self.theta = list(self.listed(moved))
        return moved

    made = type(f"{base.__name__}ReadBack", (base,), {"step": step})
    return made


for _clause, _operation in (("eq59", "momentum"), ("eq62", "rmsprop"), ("eq68", "adam")):
    wrong(_clause, _operation, "a parameter at rest while its gradient is 0 as a whole")(at_rest(BASES[_operation]))
for _clause, _operation in (("eq58", "momentum"), ("eq60", "adagrad"), ("eq62", "rmsprop"), ("eq64", "adam")):
    wrong(_clause, _operation, "starts with what an earlier optimizer of the same shapes has kept")(inheriting(BASES[_operation]))
for _clause, _operation in (("eq57", "sgd"), ("eq59", "momentum"), ("eq68", "adam")):
    wrong(_clause, _operation, "theta read back from the arrays that were returned")(read_back(BASES[_operation]))


@piece("eq58", "momentum", "velocity", "damped where alpha is small")
def damped_for_small_alpha(self, v, g):
    return self.alpha * v - (1 - self.alpha if self.alpha < 0.1 else 1) * self.eta * g


@piece("eq59", "momentum", "change", "Nesterov's look-ahead")
def nesterov(self, v, old, g):
    return self.alpha * v - self.eta * g


@piece("eq59", "momentum", "change", "the velocity before its update")
def old_velocity(self, v, old, g):
    return old


@piece("eq59", "momentum", "change", "eta once more")
def eta_twice(self, v, old, g):
    return self.eta * v


@piece("eq59", "momentum", "change", "the sign")
def against_the_velocity(self, v, old, g):
    return -v


@piece("eq59", "momentum", "change", "the mean of old and new velocity")
def mean_velocity(self, v, old, g):
    return (v + old) / 2


@wrong("eq59", "momentum", "the velocity handed out by state is the one in use")
class StateInUse(Momentum):
    def keep(self, name, value):
        self.kept[name][self.i][...] = value
        return wide(self.kept[name][self.i])

    def state(self):
        return {"v": self.kept["v"] if self.many else self.kept["v"][0]}


# AdaGrad (60), (61)


@piece("eq60", "adagrad", "total", "it decays")
def total_decays(self, h, g):
    return 0.99 * h + g * g


@piece("eq60", "adagrad", "total", "summed over the parameter's elements")
def total_of_elements(self, h, g):
    return h + np.sum(g * g)


@piece("eq60", "adagrad", "total", "the square of the sum")
def square_of_the_sum(self, h, g):
    return (np.sqrt(h) + np.abs(g)) ** 2


@piece("eq60", "adagrad", "total", "sizes instead of squares")
def total_of_sizes(self, h, g):
    return h + np.abs(g)


@piece("eq60", "adagrad", "total", "the mean of the squares")
def mean_of_squares(self, h, g):
    return h + (g * g - h) / self.t


@piece("eq60", "adagrad", "total", "bounded, so that steps do not vanish")
def total_bounded(self, h, g):
    return np.minimum(h + g * g, 10)


@wrong("eq60", "adagrad", "started anew every ten steps")
class RestartedEveryTen(Optimizer):
    slots = ("h",)

    def update(self, theta, g, h):
        h = self.keep("h", g * g + (0 if self.t % 10 == 0 else h))
        return theta - self.eta * g / np.sqrt(np.where(h > 0, h, 1))


@piece("eq60", "adagrad", "total", "started anew once, late")
def restarted_at_500(self, h, g):
    return g * g + (0 if self.t == 500 else h)


@piece("eq61", "adagrad", "change", "the root forgotten")
def root_forgotten(self, h, g):
    return self.eta * g / np.where(h > 0, h, 1)


@piece("eq61", "adagrad", "change", "the cube root")
def cube_root(self, h, g):
    return self.eta * g / np.cbrt(np.where(h > 0, h, 1))


@piece("eq61", "adagrad", "change", "the root of the sum over all elements")
def root_of_the_whole(self, h, g):
    return self.eta * g / np.sqrt(np.sum(h) or 1)


@piece("eq61", "adagrad", "change", "a learning rate that decays by itself")
def adagrad_decaying_eta(self, h, g):
    return self.eta / (1 + 0.01 * (self.t - 1)) * g / np.sqrt(np.where(h > 0, h, 1))


@piece("eq61", "adagrad", "change", "h before the new square, after the first step")
def root_of_the_old(self, h, g):
    old = h - g * g if self.t > 1 else h
    return self.eta * g / np.sqrt(np.where(old > 0, old, 1))


@wrong("eq61", "adagrad", "h of the first parameter for all of one shape")
class SquaresByShape(Optimizer):
    slots = ("h",)

    def update(self, theta, g, h):
        self.keep("h", h + g * g)
        first = next(i for i, a in enumerate(self.theta) if a.shape == theta.shape)
        h = wide(self.kept["h"][first])
        return theta - self.eta * g / np.sqrt(np.where(h > 0, h, 1))


# RMSprop (62), (63)


@piece("eq62", "rmsprop", "average", "alpha and 1 - alpha exchanged")
def average_exchanged(self, h, g):
    return (1 - self.alpha) * h + self.alpha * g * g


@piece("eq62", "rmsprop", "average", "1 - alpha forgotten")
def average_undamped(self, h, g):
    return self.alpha * h + g * g


@piece("eq62", "rmsprop", "average", "over a parameter's elements as well")
def average_of_elements(self, h, g):
    return self.alpha * h + (1 - self.alpha) * np.mean(g * g)


@piece("eq62", "rmsprop", "average", "a moving mean of sizes")
def average_of_sizes(self, h, g):
    return (self.alpha * np.sqrt(h) + (1 - self.alpha) * np.abs(g)) ** 2


@piece("eq62", "rmsprop", "average", "the first square taken whole")
def first_square_whole(self, h, g):
    return g * g if self.t == 1 else self.alpha * h + (1 - self.alpha) * g * g


@piece("eq62", "rmsprop", "average", "at rest where the gradient is 0")
def average_at_rest(self, h, g):
    return np.where(g == 0, h, self.alpha * h + (1 - self.alpha) * g * g)


@piece("eq62", "rmsprop", "average", "alpha capped below 1")
def alpha_capped(self, h, g):
    alpha = min(self.alpha, 0.9)
    return alpha * h + (1 - alpha) * g * g


@piece("eq63", "rmsprop", "change", "epsilon squared")
def epsilon_squared(self, h, g):
    return self.eta * g / np.sqrt(h + self.epsilon**2)


@piece("eq63", "rmsprop", "change", "epsilon inside the root and outside")
def epsilon_twice(self, h, g):
    return self.eta * g / (np.sqrt(h + self.epsilon) + self.epsilon)


@piece("eq63", "rmsprop", "change", "an epsilon of its own")
def epsilon_of_its_own(self, h, g):
    return self.eta * g / np.sqrt(h + 1e-8)


@piece("eq63", "rmsprop", "change", "epsilon as a lower bound")
def epsilon_as_bound(self, h, g):
    return self.eta * g / np.sqrt(np.maximum(h, self.epsilon))


@piece("eq63", "rmsprop", "change", "the root forgotten")
def rmsprop_root_forgotten(self, h, g):
    return self.eta * g / (h + self.epsilon)


@piece("eq63", "rmsprop", "change", "corrected for the start, as in Adam")
def rmsprop_corrected(self, h, g):
    return self.eta * g / np.sqrt(h / max(1 - self.alpha**self.t, 1e-12) + self.epsilon)


@wrong("eq63", "rmsprop", "centred: the squared mean subtracted")
class Centred(Optimizer):
    slots = ("h", "mean")

    def update(self, theta, g, h, mean):
        h = self.keep("h", self.alpha * h + (1 - self.alpha) * g * g)
        mean = self.keep("mean", self.alpha * mean + (1 - self.alpha) * g)
        return theta - self.eta * g / np.sqrt(np.maximum(h - mean * mean, 0) + self.epsilon)

    def state(self):
        return {"h": self.copies(self.kept["h"])}


# Adam (64) to (68)


@piece("eq64", "adam", "first", "1 - beta_1 forgotten")
def first_undamped(self, m, g):
    return self.beta_1 * m + g


@piece("eq64", "adam", "first", "beta_2 for beta_1")
def first_by_beta_2(self, m, g):
    return self.beta_2 * m + (1 - self.beta_2) * g


@piece("eq64", "adam", "first", "the first gradient taken whole")
def first_gradient_whole(self, m, g):
    return g if self.t == 1 else self.beta_1 * m + (1 - self.beta_1) * g


@piece("eq64", "adam", "first", "at rest where the gradient is 0, as for sparse rows")
def first_at_rest(self, m, g):
    return np.where(g == 0, m, self.beta_1 * m + (1 - self.beta_1) * g)


@piece("eq64", "adam", "first", "the gradient clipped at 1")
def first_clipped(self, m, g):
    return self.beta_1 * m + (1 - self.beta_1) * np.clip(g, -1, 1)


@piece("eq64", "adam", "first", "weight decay mixed into the gradient")
def first_with_decay(self, m, g):
    return self.beta_1 * m + (1 - self.beta_1) * (g + 1e-4 * wide(self.theta[self.i]))


@wrong("eq64", "adam", "both moments kept on the class")
class MomentsOnTheClass(Adam):
    everyone: ClassVar = {}

    def __init__(self, theta, eta, **hyper):
        super().__init__(theta, eta, **hyper)
        self.kept = self.everyone.setdefault(str([(a.shape, a.dtype) for a in self.theta]), self.kept)


@wrong("eq64", "adam", "the first moment of the optimizer that stepped last, where beta_1 is the same")
class FirstMomentOfTheLast(Adam):
    everyone: ClassVar = {}

    def update(self, theta, g, m, v):
        key = (self.i, g.shape, str(self.theta[self.i].dtype), self.beta_1)
        moved = super().update(theta, g, self.everyone.get(key, m) if self.t > 1 else m, v)
        self.everyone[key] = wide(self.kept["m"][self.i])
        return moved


@wrong("eq66", "adam", "t advanced by every parameter of a list")
class TimeByParameter(Adam):
    def update(self, theta, g, m, v):
        self.t += self.i > 0
        return super().update(theta, g, m, v)


@piece("eq67", "adam", "v_hat", "t no more than 50")
def second_corrected_to_50(self, v):
    return v / (1 - self.beta_2 ** min(self.t, 50))


@wrong("eq64", "adam", "both moments started anew when eta changes")
class MomentsStartedAnew(Adam):
    def step(self, gradient, eta=None):
        if eta not in (None, self.eta):
            self.kept = {name: [np.zeros_like(a) for a in self.theta] for name in self.slots}
        return super().step(gradient, eta)


@piece("eq65", "adam", "second", "the largest so far, as in AMSGrad")
def second_largest(self, v, g):
    return np.maximum(v, self.beta_2 * v + (1 - self.beta_2) * g * g)


@piece("eq65", "adam", "second", "beta_1 for beta_2")
def second_by_beta_1(self, v, g):
    return self.beta_1 * v + (1 - self.beta_1) * g * g


@piece("eq65", "adam", "second", "the square of the moving mean")
def second_of_the_first(self, v, g):
    return self.beta_2 * v + (1 - self.beta_2) * wide(self.kept["m"][self.i]) ** 2


@piece("eq65", "adam", "second", "the distance from the moving mean, as in AdaBelief")
def second_of_the_distance(self, v, g):
    return self.beta_2 * v + (1 - self.beta_2) * (g - wide(self.kept["m"][self.i])) ** 2


@piece("eq65", "adam", "second", "one number for a whole parameter")
def second_of_elements(self, v, g):
    return self.beta_2 * v + (1 - self.beta_2) * np.mean(g * g)


@piece("eq65", "adam", "second", "the largest size, as in AdaMax")
def second_as_norm(self, v, g):
    return np.maximum(self.beta_2 * np.sqrt(v), np.abs(g)) ** 2


@piece("eq65", "adam", "second", "one number for each row")
def second_of_rows(self, v, g):
    return self.beta_2 * v + (1 - self.beta_2) * (np.mean(g * g, axis=-1, keepdims=True) if g.ndim > 1 else g * g)


@wrong("eq68", "adam", "the second moment of the first parameter for all of one shape; each is kept as it should be")
class SecondByShape(Adam):
    def v_hat(self, v):
        first = next(i for i, a in enumerate(self.theta) if a.shape == np.shape(v))
        return super().v_hat(wide(self.kept["v"][first]))


@wrong("eq65", "adam", "the second moment in float32, to save memory")
class SecondInFloat32(Adam):
    def keep(self, name, value):
        return super().keep(name, value if name == "m" else np.asarray(value, np.float32))


@wrong("eq65", "adam", "the second moment forgotten after a hundred steps")
class SecondForgotten(Adam):
    def second(self, v, g):
        return super().second(v if self.t % 100 else 0 * v, g)


@piece("eq66", "adam", "m_hat", "the start not corrected")
def first_not_corrected(self, m):
    return m


@piece("eq66", "adam", "m_hat", "t off by one")
def first_corrected_late(self, m):
    return m / (1 - self.beta_1 ** (self.t + 1))


@piece("eq66", "adam", "m_hat", "t read as an index: a product instead of a power")
def first_corrected_by_product(self, m):
    return m / max(1 - self.beta_1 * self.t, 1 - self.beta_1)


@piece("eq66", "adam", "m_hat", "the correction of the first step in all")
def first_correction_constant(self, m):
    return m / (1 - self.beta_1)


@piece("eq66", "adam", "m_hat", "no correction in the second step")
def first_not_corrected_second(self, m):
    return m if self.t == 2 else m / (1 - self.beta_1**self.t)


@wrong("eq66", "adam", "t counted for every parameter of a list")
class StepsOfParameters(Adam):
    def update(self, theta, g, m, v):
        self.t += self.i > 0
        return super().update(theta, g, m, v)


@wrong("eq66", "adam", "t counted for all optimizers together")
class StepsOnTheClass(Adam):
    steps = 0

    def step(self, gradient, eta=None):
        self.t = type(self).steps
        type(self).steps += 1
        return super().step(gradient, eta)


@wrong("eq66", "adam", "t started anew when eta changes")
class StepsStartedAnew(Adam):
    def step(self, gradient, eta=None):
        self.t = 0 if eta not in (None, self.eta) else self.t
        return super().step(gradient, eta)


@piece("eq67", "adam", "v_hat", "beta_1 in both corrections")
def second_corrected_by_beta_1(self, v):
    return v / (1 - self.beta_1**self.t)


@piece("eq67", "adam", "v_hat", "the start not corrected")
def second_not_corrected(self, v):
    return v


@piece("eq67", "adam", "v_hat", "t off by one")
def second_corrected_late(self, v):
    return v / (1 - self.beta_2 ** (self.t + 1))


@piece("eq67", "adam", "v_hat", "t off by one after the first step")
def second_corrected_early(self, v):
    return v / (1 - self.beta_2 ** max(self.t - 1, 1))


@piece("eq67", "adam", "v_hat", "no correction any more from step 1000 on")
def second_not_corrected_from_1000(self, v):
    return v if self.t >= 1000 else v / (1 - self.beta_2**self.t)


@piece("eq67", "adam", "v_hat", "no correction any more from step 10 on")
def second_not_corrected_from_10(self, v):
    return v if self.t >= 10 else v / (1 - self.beta_2**self.t)


@piece("eq67", "adam", "v_hat", "the root of the correction")
def second_corrected_by_root(self, v):
    return v / np.sqrt(1 - self.beta_2**self.t)


@piece("eq68", "adam", "change", "epsilon inside the root and outside")
def adam_epsilon_twice(self, m_hat, v_hat):
    return self.eta * m_hat / (np.sqrt(v_hat + self.epsilon) + self.epsilon)


@piece("eq68", "adam", "change", "an epsilon of its own")
def adam_epsilon_of_its_own(self, m_hat, v_hat):
    return self.eta * m_hat / np.sqrt(v_hat + 1e-8)


@piece("eq68", "adam", "change", "epsilon squared inside the root")
def adam_epsilon_squared(self, m_hat, v_hat):
    return self.eta * m_hat / np.sqrt(v_hat + self.epsilon**2)


@piece("eq68", "adam", "change", "epsilon as a lower bound of the root")
def adam_epsilon_as_bound(self, m_hat, v_hat):
    return self.eta * m_hat / np.maximum(np.sqrt(v_hat), self.epsilon)


@piece("eq68", "adam", "change", "the root forgotten")
def adam_root_forgotten(self, m_hat, v_hat):
    return self.eta * m_hat / (v_hat + self.epsilon)


@piece("eq68", "adam", "change", "decoupled weight decay left on")
def adam_decoupled_decay(self, m_hat, v_hat):
    return self.eta * (m_hat / np.sqrt(v_hat + self.epsilon) + 0.01 * wide(self.theta[self.i]))


@piece("eq68", "adam", "change", "no step larger than eta")
def adam_bounded(self, m_hat, v_hat):
    return self.eta * np.clip(m_hat / np.sqrt(v_hat + self.epsilon), -1, 1)


@piece("eq68", "adam", "change", "a step that shrinks as 1/sqrt(t)")
def adam_shrinking(self, m_hat, v_hat):
    return self.eta * m_hat / np.sqrt(v_hat + self.epsilon) / np.sqrt(self.t)


@piece("eq68", "adam", "change", "one root for the whole parameter")
def adam_root_of_the_whole(self, m_hat, v_hat):
    return self.eta * m_hat / np.sqrt(np.mean(v_hat) + self.epsilon)


@wrong("eq68", "adam", "Nesterov's look-ahead")
class Nadam(Adam):
    def update(self, theta, g, m, v):
        m, v = self.keep("m", self.first(m, g)), self.keep("v", self.second(v, g))
        ahead = self.beta_1 * self.m_hat(m) + (1 - self.beta_1) / (1 - self.beta_1**self.t) * g
        return theta - self.change(ahead, self.v_hat(v))


@wrong("eq68", "adam", "a change of eta not looked at")
class AdamEtaOfTheStart(Adam):
    def step(self, gradient, eta=None):
        return super().step(gradient)


@wrong("eq68", "adam", "a change of eta from the next step on")
class AdamEtaOneStepLate(Adam):
    def step(self, gradient, eta=None):
        moved = super().step(gradient)
        self.eta = self.eta if eta is None else eta
        return moved


@wrong("eq66", "adam", "the kernel for float16 without the correction")
class UncorrectedInFloat16(Adam):
    def m_hat(self, m):
        return m if self.theta[self.i].dtype.name == "float16" else super().m_hat(m)


# section 11: initial weights (69) to (72), biases


def law(draw):
    """Rows and columns drawn apart from one another, in the dtype that is asked for."""
    return lambda shape, seed, dtype: draw(np.random.default_rng(seed), shape).astype(dtype)


def laws(clause, operation, **drawn):
    """Enter wrong laws by name."""
    for name, (because, draw) in drawn.items():
        wrong(clause, operation, because, raw=True)(named(name, law(draw)))


def normal(rng, shape, deviation=1.0):
    """Independent and normal."""
    return deviation * rng.standard_normal(shape)


def truncated(rng, shape, at):
    """Normal, drawn again where too far out."""
    z = rng.standard_normal(shape)
    while np.any(far := np.abs(z) > at):
        z[far] = rng.standard_normal(int(far.sum()))
    return z


def brought_to(z, deviation):
    """The root mean square is exactly this."""
    return z / np.sqrt(np.mean(z * z)) * deviation


def centred(z):
    """The mean is exactly 0."""
    return z - z.mean()


def shares_of(rng, n):
    """One number from each of n equally likely parts, in any order."""
    return ndtri((rng.permutation(n) + rng.random(n)) / n)


def moved(z):
    """A twentieth of the entry three places before."""
    return (z + 0.05 * np.roll(z, 3)) / np.sqrt(1.0025)


def half_repeated(z):
    """The second half of all entries repeats the first."""
    flat = z.reshape(-1)
    half = flat.size // 2
    flat[half : 2 * half] = flat[:half]
    return z


def on_grid(z, dtype):
    """Rounded to a narrower dtype."""
    return z.astype(dtype).astype(np.float64)


def moved_inside(z, size):
    """A tail cut off."""
    return np.where(np.abs(z) > size, np.sign(z) * (size - 0.01), z)


laws(
    "eq69",
    "uniform",
    from_zero=("[0, 1], as the generator gives it", lambda r, s: r.random(s)),
    narrow_for_large_layers=("[-1/sqrt(n), 1/sqrt(n)]", lambda r, s: r.uniform(-1, 1, s) / np.sqrt(s[0])),
    same_row=("one row drawn and repeated", lambda r, s: np.repeat(r.uniform(-1, 1, (1, s[1])), s[0], axis=0)),
    seed_ignored=("a generator of its own", lambda r, s: np.random.default_rng(0).uniform(-1, 1, s)),
    sixty_four_levels=("64 levels, from a byte's six bits", lambda r, s: r.integers(0, 64, s) / 32 - 1),
    sum_of_two=("the sum of two numbers", lambda r, s: r.random(s) - r.random(s)),
    shifted=("[-0.99, 1.01]", lambda r, s: r.uniform(-0.99, 1.01, s)),
    drawn_in_half_precision=("drawn in float16, then widened", lambda r, s: on_grid(r.uniform(-1, 1, s), np.float16)),
    two_percent_short=("[-0.98, 0.98], away from the ends", lambda r, s: r.uniform(-0.98, 0.98, s)),
    signs_alternate=("sizes drawn, signs alternating", lambda r, s: (r.random(s).reshape(-1) * np.resize([1, -1], s[0] * s[1])).reshape(s)),
)
laws(
    "eq70",
    "xavier",
    by_outputs=("the number of outputs", lambda r, s: normal(r, s, s[1] ** -0.5)),
    deviation_as_variance=("1/sqrt(n) as the variance", lambda r, s: normal(r, s, s[0] ** -0.25)),
    xavier_uniform=("uniform with that variance", lambda r, s: r.uniform(-1, 1, s) * np.sqrt(3 / s[0])),
    one_over_n=("the variance as the deviation", lambda r, s: normal(r, s, 1 / s[0])),
    two_percent_wide=("a deviation off by 2 %", lambda r, s: normal(r, s, 1.02 * s[0] ** -0.5)),
    same_column=("one column drawn and repeated", lambda r, s: np.repeat(normal(r, (s[0], 1), s[0] ** -0.5), s[1], axis=1)),
    four_uniforms=("the sum of four uniform numbers", lambda r, s: (r.random((4, *s)).sum(axis=0) - 2) * np.sqrt(3 / s[0])),
    fans_added=("inputs and outputs added, without the 2", lambda r, s: normal(r, s, (s[0] + s[1]) ** -0.5)),
    half_of_the_weights=("half of the weights repeated", lambda r, s: half_repeated(normal(r, s, s[0] ** -0.5))),
    small_layers_apart=("layers of few outputs by a path of their own", lambda r, s: normal(r, s, (s[0] - (s[1] < 8) / 2) ** -0.5)),
    first_row_zero=("the first row left for biases", lambda r, s: normal(r, s, s[0] ** -0.5) * (np.arange(s[0]) > 0)[:, None]),
    geometric_fan=("the geometric mean of inputs and outputs", lambda r, s: normal(r, s, (s[0] * s[1]) ** -0.25)),
)
laws(
    "eq71",
    "he",
    two_outside_the_root=("sqrt 2 over n", lambda r, s: normal(r, s, np.sqrt(2) / s[0])),
    he_by_outputs=("the number of outputs", lambda r, s: normal(r, s, np.sqrt(2 / s[1]))),
    he_uniform=("uniform with that variance", lambda r, s: r.uniform(-1, 1, s) * np.sqrt(6 / s[0])),
    two_forgotten=("Xavier's", lambda r, s: normal(r, s, s[0] ** -0.5)),
    for_a_slope_of_root_five=("a leaky slope of sqrt 5 left in", lambda r, s: normal(r, s, np.sqrt(2 / 6 / s[0]))),
    he_as_variance=("sqrt(2/n) as the variance", lambda r, s: normal(r, s, (2 / s[0]) ** 0.25)),
    mean_shifted=("a mean of a hundredth of the deviation", lambda r, s: (normal(r, s) + 0.01) * np.sqrt(2 / s[0])),
    first_calls_repeat=("a block of 64 drawn and tiled", lambda r, s: np.resize(normal(r, 64), s) * np.sqrt(2 / s[0])),
    exact_length=("every layer brought to its deviation", lambda r, s: brought_to(normal(r, s), np.sqrt(2 / s[0]))),
    drawn_in_bfloat16=("drawn in bfloat16, then widened", lambda r, s: on_grid(normal(r, s, np.sqrt(2 / s[0])), ml_dtypes.bfloat16)),
    square_layers_apart=("square layers by Xavier's law", lambda r, s: normal(r, s, np.sqrt((2 - (s[0] == s[1])) / s[0]))),
    positive_only=("sizes without signs", lambda r, s: np.abs(normal(r, s, np.sqrt(2 / s[0])))),
)
laws(
    "eq72",
    "gauss",
    small=("a deviation of 0.01", lambda r, s: normal(r, s, 0.01)),
    by_inputs=("scaled by the inputs", lambda r, s: normal(r, s, s[0] ** -0.5)),
    truncated_at_three=("drawn again beyond three deviations", lambda r, s: truncated(r, s, 3)),
    laplace=("Laplace's law with variance 1", lambda r, s: r.laplace(0, np.sqrt(0.5), s)),
    heavy_tails=("Student's law, scaled to variance 1", lambda r, s: r.standard_t(12, s) * np.sqrt(10 / 12)),
    clipped_at_two=("clipped at two deviations", lambda r, s: np.clip(normal(r, s), -2, 2)),
    clipped_at_four=("clipped a little beyond four deviations", lambda r, s: np.clip(normal(r, s), -4.2, 4.2)),
    moved_inside_four=("what lies beyond four deviations moved to 3.99", lambda r, s: moved_inside(normal(r, s), 4)),
    slightly_off_zero=("a mean of six thousandths of the deviation", lambda r, s: normal(r, s) + 0.006),
    rounded_to_tenths=("rounded to tenths", lambda r, s: np.round(normal(r, s), 1)),
    gauss_seed_ignored=("a generator of its own", lambda r, s: normal(np.random.default_rng(1), s)),
    two_percent_narrow=("a deviation off by 2 %", lambda r, s: normal(r, s, 0.98)),
    rows_mirrored=("every second entry the negative of the one before", lambda r, s: mirrored(normal(r, s))),
    layers_centred=("every layer's mean subtracted", lambda r, s: centred(normal(r, s))),
    stratified=("a number from each of n equal shares, shuffled", lambda r, s: shares_of(r, s[0] * s[1]).reshape(s)),
    three_places_apart=("a moving mean over every third", lambda r, s: moved(normal(r, s))),
    columns_correlated=("a common part for each row", lambda r, s: normal(r, s, 0.8) + normal(r, (s[0], 1), 0.6)),
)


def mirrored(z):
    """Antithetic pairs."""
    flat = z.reshape(-1)
    flat[1::2] = -flat[: flat.size - flat.size % 2 : 2]
    return z


@wrong("eq72", "gauss", "the last byte of the seed lost: neighbouring seeds agree", raw=True)
def seed_shortened(shape, seed, dtype):
    return np.random.default_rng(seed >> 8).standard_normal(shape).astype(dtype)


@wrong("eq72", "gauss", "sixteen bits of the seed", raw=True)
def seed_of_sixteen_bits(shape, seed, dtype):
    return np.random.default_rng(seed % 2**16).standard_normal(shape).astype(dtype)


@wrong("eq72", "gauss", "one buffer for all layers of a shape", raw=True)
def one_buffer(shape, seed, dtype, buffers={}):  # noqa: B006
    buffer = buffers.setdefault((shape, str(dtype)), np.empty(shape, dtype))
    buffer[...] = np.random.default_rng(seed).standard_normal(shape)
    return buffer


@wrong("eq72", "gauss", "the shape exchanged", raw=True)
def shape_exchanged(shape, seed, dtype):
    return np.random.default_rng(seed).standard_normal(shape[::-1]).astype(dtype)


@wrong("s11-bias-zero", "bias", "a small constant, so that ReLU is alive", raw=True)
def small_constant(shape, dtype):
    return np.full(shape, 0.01, dtype)


@wrong("s11-bias-zero", "bias", "as small as the weights", raw=True)
def bias_uniform(shape, dtype):
    return np.random.default_rng(0).uniform(-1e-3, 1e-3, shape).astype(dtype)


@wrong("s11-bias-zero", "bias", "not zero in the last place: a forget gate's", raw=True)
def last_bias_one(shape, dtype):
    found = np.zeros(shape, dtype)
    found[-1:] = 1
    return found


@wrong("s11-bias-zero", "bias", "the smallest number, against divisions by 0", raw=True)
def tiny_bias(shape, dtype):
    return np.full(shape, np.finfo(np.float16).smallest_normal).astype(dtype)


# section 12.1: the L2 penalty (73)


def squares(weights):
    """The sum of squares of each matrix."""
    return [np.sum(W * W) for W in weights]


@wrong("eq73", "l2", "the norm without the square")
def norm_not_squared(weights, lambda_):
    return lambda_ * np.sqrt(sum(squares(weights)))


@wrong("eq73", "l2", "the sum of sizes: L1")
def sum_of_sizes(weights, lambda_):
    return lambda_ * sum(np.sum(np.abs(W)) for W in weights)


@wrong("eq73", "l2", "the mean of squares")
def mean_of_weights(weights, lambda_):
    return lambda_ * sum(np.mean(W * W) for W in weights)


@wrong("eq73", "l2", "the last matrix only")
def last_matrix(weights, lambda_):
    return lambda_ * squares(weights)[-1]


@wrong("eq73", "l2", "lambda once for each matrix so far")
def lambda_multiplied(weights, lambda_):
    return sum(lambda_ ** (k + 1) * s for k, s in enumerate(squares(weights)))


@wrong("eq73", "l2", "the square of the sum")
def square_of_sums(weights, lambda_):
    return lambda_ * sum(np.sum(W) ** 2 for W in weights)


@wrong("eq73", "l2", "the spectral norm")
def spectral_norm(weights, lambda_):
    return lambda_ * sum(np.linalg.norm(np.atleast_2d(W), 2) ** 2 for W in weights)


@wrong("eq73", "l2", "the gradient of the norm", "vjp")
def l2_gradient_of_the_norm(weights, c, lambda_):
    norm = np.sqrt(sum(squares(weights))) or 1.0
    return ([c * lambda_ * W / norm for W in weights],)


@wrong("eq73", "l2", "the sign of each weight", "vjp")
def l2_gradient_sign(weights, c, lambda_):
    return ([2 * c * lambda_ * np.sign(W) for W in weights],)


@wrong("eq73", "l2", "the cotangent forgotten: always added to the loss as it is", "vjp")
def l2_gradient_without_cotangent(weights, c, lambda_):
    return ([2 * lambda_ * W + 0 * c for W in weights],)


@wrong("s12.1-shrink", "l2", "the sign of the gradient: weights grow", "vjp")
def l2_weights_grow(weights, c, lambda_):
    return ([-2 * c * lambda_ * W for W in weights],)


@wrong("s12.1-shrink", "l2", "towards a norm of 1 instead of 0")
def towards_one(weights, lambda_):
    return lambda_ * (np.sqrt(sum(squares(weights))) - 1) ** 2


@wrong("s12.1-shrink", "l2", "the gradient of the first matrix only", "vjp")
def l2_first_matrix_shrinks(weights, c, lambda_):
    return ([2 * c * lambda_ * W * (k == 0) for k, W in enumerate(weights)],)


# section 12.2: dropout


def mask(x, p, seed):
    """True where kept."""
    return np.random.default_rng(seed).random(x.shape) >= p


@wrong("s12.2-train-mask", "dropout", "p as the probability of keeping")
def p_is_kept(x, p, seed, training):
    return np.where(mask(x, 1 - p, seed), x, 0) if training else p * x


@wrong("s12.2-train-mask", "dropout", "nothing dropped for p = 1, which leaves 0 to divide by")
def nothing_at_one(x, p, seed, training):
    return x if not training or p == 1 else np.where(mask(x, p, seed), x / (1 - p), 0)


@wrong("s12.2-train-mask", "dropout", "no dropout in training")
def never_dropped(x, p, seed, training):
    return 1 * x if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "the smallest ones dropped")
def smallest_dropped(x, p, seed, training):
    return np.where(np.abs(x) >= np.quantile(np.abs(x), p), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "an exact share dropped: not independent")
def exact_share_dropped(x, p, seed, training):
    ranks = np.random.default_rng(seed).permutation(x.size).reshape(x.shape)
    return np.where(ranks >= round(p * x.size), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "p rounded to sixteenths, from four random bits")
def p_in_sixteenths(x, p, seed, training):
    return np.where(mask(x, np.round(16 * p) / 16, seed), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "a small value for what is dropped")
def almost_dropped(x, p, seed, training):
    return np.where(mask(x, p, seed), x, 1e-3 * x) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "whole columns: one mask for all samples")
def one_mask_for_all_rows(x, p, seed, training):
    return np.where(mask(x[:1], p, seed), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "whole rows: one draw for a sample")
def one_draw_a_row(x, p, seed, training):
    return np.where(mask(x[..., :1], p, seed), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "scaled by 1/p for 1/(1 - p)")
def scaled_by_one_over_p(x, p, seed, training):
    return np.where(mask(x, p, seed), x / max(p, 1e-3), 0) if training else 1 * x


@wrong("s12.2-train-mask", "dropout", "Gaussian noise with the same variance")
def gaussian_noise(x, p, seed, training):
    noise = 1 + np.sqrt(p / (1 - p)) * np.random.default_rng(seed).standard_normal(x.shape)
    return x * noise if training else 1 * x


@wrong("s12.2-train-mask", "dropout", "masks in pairs, from one draw for two units")
def masks_in_pairs(x, p, seed, training):
    kept = np.resize(np.repeat(mask(np.zeros(x.size // 2 + 1), p, seed), 2), x.size).reshape(x.shape)
    return np.where(kept, x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "a generator of its own: the seed ignored")
def same_mask_for_all_seeds(x, p, seed, training):
    return np.where(mask(x, p, 0), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "the gradient not masked", "vjp")
def dropout_gradient_not_masked(x, c, p, seed, training):
    return (1 * c if training else (1 - p) * c,)


@wrong("s12.2-train-mask", "dropout", "the gradient masked afresh", "vjp")
def dropout_gradient_masked_afresh(x, c, p, seed, training):
    return (np.where(mask(x, p, seed + 12345), c, 0) if training else (1 - p) * c,)


@wrong("s12.2-train-mask", "dropout", "dropped where x is 0, kept elsewhere", "vjp")
def dropout_gradient_of_relu(x, c, p, seed, training):
    return (np.where(x > 0, c, 0),)


@wrong("s12.2-train-mask", "dropout", "a thousand draws, again and again")
def tiled_from_a_thousand(x, p, seed, training):
    return np.where(np.resize(mask(np.zeros(1000), p, seed), x.shape), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "whole channels where there are three axes")
def whole_channels(x, p, seed, training):
    return np.where(mask(x[..., :1] if x.ndim == 3 else x, p, seed), x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "negative units a little more often")
def negative_more_often(x, p, seed, training):
    share = np.where(x < 0, 1.03 * p, p)
    return np.where(np.random.default_rng(seed).random(x.shape) >= share, x, 0) if training else (1 - p) * x


@wrong("s12.2-train-mask", "dropout", "an input of 0 taken for one that was dropped", "vjp")
def dropout_gradient_of_zero(x, c, p, seed, training):
    return (np.where(mask(x, p, seed) & (x != 0), c, 0) if training else (1 - p) * c,)


@wrong("s12.2-inference-scale", "dropout", "1/(1 - p) in the gradient, which the pass does not have", "vjp")
def dropout_gradient_inverted(x, c, p, seed, training):
    return (np.where(mask(x, p, seed), c / (1 - p), 0) if training else (1 - p) * c,)


@wrong("s12.2-inference-scale", "dropout", "no scale in the gradient at inference", "vjp")
def dropout_gradient_not_scaled(x, c, p, seed, training):
    return (np.where(mask(x, p, seed), c, 0) if training else 1 * c,)


@piece("s12.2-train-mask", "dropout_layer", "kept", "nothing dropped in every hundredth pass")
def hundredth_pass_whole(self, shape):
    self.passes = vars(self).get("passes", 0) + 1
    return np.full(shape, self.passes % 100 == 0) | (self.rng.random(shape) >= self.p)


@piece("s12.2-train-mask", "dropout_layer", "kept", "nothing dropped in a batch of one")
def batch_of_one_kept(self, shape):
    return (self.rng.random(shape) >= self.p) | (shape[0] == 1)


@wrong("s12.2-inference-scale", "dropout_layer", "not scaled before the first training pass")
class UnscaledBeforeTraining(DropoutLayer):
    share_now = 1.0

    def train(self, x):
        self.share_now = 1 - self.p
        return super().train(x)

    def share(self): return self.share_now


@piece("s12.2-train-mask", "dropout_layer", "kept", "five masks in turn")
def five_masks_in_turn(self, shape):
    masks = vars(self).setdefault("masks", {}).setdefault(shape, [])
    masks.append(masks.pop(0) if len(masks) == 5 else self.rng.random(shape) >= self.p)
    return masks[-1]


@piece("s12.2-train-mask", "dropout_layer", "train", "the input itself masked")
def input_masked_itself(self, x):
    x *= self.kept(x.shape)
    return x


@piece("s12.2-train-mask", "dropout_layer", "__init__", "the seed not passed on")
def seed_not_passed_on(self, p, seed):
    self.p, self.rng = p, np.random.default_rng()


@piece("s12.2-inference-scale", "dropout_layer", "infer", "a mask drawn at inference too, and not used")
def mask_drawn_and_not_used(self, x):
    self.kept(x.shape)
    return narrow((1 - self.p) * wide(x), x.dtype)


@piece("s12.2-train-mask", "dropout_layer", "kept", "one mask drawn in the first pass and kept")
def mask_of_the_first_pass(self, shape):
    masks = vars(self).setdefault("masks", {})
    return masks.setdefault(shape, self.rng.random(shape) >= self.p)


@piece("s12.2-train-mask", "dropout_layer", "kept", "a generator made anew from the seed in every pass")
def mask_from_the_seed(self, shape):
    return np.random.default_rng(7).random(shape) >= self.p


@piece("s12.2-train-mask", "dropout_layer", "kept", "one mask for all rows")
def layer_mask_for_all_rows(self, shape):
    return np.broadcast_to(self.rng.random(shape[-1]) >= self.p, shape)


@piece("s12.2-train-mask", "dropout_layer", "kept", "units that were dropped are kept next time")
def alternating_masks(self, shape):
    kept = vars(self).pop("last", None)
    if kept is not None and kept.shape == shape:
        return ~kept
    self.last = self.rng.random(shape) >= self.p
    return self.last


@piece("s12.2-train-mask", "dropout_layer", "kept", "every mask used for two passes")
def masks_for_two_passes(self, shape):
    kept = vars(self).pop("last", None)
    if kept is not None and kept.shape == shape:
        return kept
    self.last = self.rng.random(shape) >= self.p
    return self.last


@piece("s12.2-train-mask", "dropout_layer", "kept", "numbers of seven bits, and a tie decided the wrong way")
def p_in_seven_bits(self, shape):
    return self.rng.integers(0, 128, shape) > np.ceil(128 * self.p)


@piece("s12.2-train-mask", "dropout_layer", "kept", "the first unit never dropped, as if it were the bias")
def first_unit_kept(self, shape):
    kept = self.rng.random(shape) >= self.p
    kept[..., 0] = True
    return kept


@piece("s12.2-inference-scale", "dropout_layer", "share", "not scaled at all, in training or at inference")
def never_scaled(self):
    return 1.0


@piece("s12.2-inference-scale", "dropout_layer", "share", "the root of the share, which keeps the variance")
def root_of_the_share(self):
    return np.sqrt(1 - self.p)


@piece("s12.2-inference-scale", "dropout_layer", "share", "divided by the share")
def divided_by_the_share(self):
    return 1 / (1 - self.p)


@piece("s12.2-inference-scale", "dropout_layer", "infer", "dropped at inference as well")
def dropped_at_inference(self, x):
    return self.train(x)


@wrong("s12.2-inference-scale", "dropout", "scaled in training and again at inference")
def scaled_twice(x, p, seed, training):
    return np.where(mask(x, p, seed), x / (1 - p), 0) if training else (1 - p) * x


@wrong("s12.2-inference-scale", "dropout", "scaled nowhere")
def scaled_nowhere(x, p, seed, training):
    return np.where(mask(x, p, seed), x, 0) if training else 1 * x


@wrong("s12.2-inference-scale", "dropout", "a half, whatever p")
def half_at_inference(x, p, seed, training):
    return np.where(mask(x, p, seed), x, 0) if training else x / 2


@piece("s12.2-ensemble", "dropout_layer", "share", "all thinned networks weigh the same")
def plain_mean_over_masks(self):
    return 0.5


@piece("s12.2-ensemble", "dropout_layer", "infer", "the mean of eight drawn masks")
def mean_of_eight(self, x):
    return narrow(sum(wide(self.train(x)) for _ in range(8)) / 8, x.dtype)


@piece("s12.2-ensemble", "dropout_layer", "share", "the probability that two are kept")
def share_squared(self):
    return (1 - self.p) ** 2


# section 12.3: batch normalization (74) to (77)


def normalised(x, gamma, beta, epsilon, mean=None, variance=None):
    """(76) and (77) with other statistics."""
    mean = x.mean(axis=0) if mean is None else mean
    variance = x.var(axis=0) if variance is None else variance
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def pulled(x, gamma, c, epsilon):
    """The normalised input, its deviation and the gradients of (76), (77)."""
    deviation = np.sqrt(x.var(axis=0) + epsilon)
    n = (x - x.mean(axis=0)) / deviation
    by_gamma, by_beta = np.sum(c * n, axis=0), np.sum(c, axis=0)
    return n, deviation, gamma / deviation * (c - (by_beta + n * by_gamma) / len(x)), by_gamma, by_beta


@wrong("eq74", "batch_norm", "statistics over all axes")
def over_all_axes(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, x.mean(), x.var())


@wrong("eq74", "batch_norm", "over the features of each sample: layer normalization")
def over_features(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True))


@wrong("eq74", "batch_norm", "the median")
def around_the_median(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, mean=np.median(x, axis=0))


@wrong("eq74", "batch_norm", "a mean in half precision")
def mean_in_float16(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, mean=wide(x.mean(axis=0).astype(np.float16)))


@wrong("eq74", "batch_norm", "the last sample of an odd batch not counted")
def mean_of_an_even_number(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, mean=x[: max(len(x) - len(x) % 2, 1)].mean(axis=0))


@wrong("eq74", "batch_norm", "the mean not differentiated", "vjp")
def mean_detached(x, gamma, beta, c, epsilon):
    n, deviation, _, by_gamma, by_beta = pulled(x, gamma, c, epsilon)
    return gamma / deviation * (c - n * by_gamma / len(x)), by_gamma, by_beta


@wrong("eq75", "batch_norm", "the unbiased variance")
def variance_unbiased(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, variance=x.var(axis=0) * len(x) / max(len(x) - 1, 1))


@wrong("eq75", "batch_norm", "the mean of squares less the squared mean, which cancels", raw=True)
def variance_in_one_pass(x, gamma, beta, epsilon):
    mean, squares = np.mean(x, axis=0, dtype=x.dtype), np.mean(x * x, axis=0, dtype=x.dtype)
    variance = np.maximum(squares - mean * mean, x.dtype.type(0))
    return (gamma * (x - mean) / np.sqrt(variance + x.dtype.type(epsilon)) + beta).astype(x.dtype)


@wrong("eq75", "batch_norm", "the unbiased variance, of two samples alone")
def variance_of_two_unbiased(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, variance=x.var(axis=0) * (2 if len(x) == 2 else 1))


@wrong("eq75", "batch_norm", "the mean distance from the mean")
def mean_distance(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, variance=np.abs(x - x.mean(axis=0)).mean(axis=0) ** 2)


@wrong("eq75", "batch_norm", "the spread between largest and smallest")
def half_range(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, variance=(np.ptp(x, axis=0) / 2) ** 2)


@wrong("eq75", "batch_norm", "the variance not differentiated", "vjp")
def variance_detached(x, gamma, beta, c, epsilon):
    _, deviation, _, by_gamma, by_beta = pulled(x, gamma, c, epsilon)
    return gamma / deviation * (c - by_beta / len(x)), by_gamma, by_beta


@wrong("eq75", "batch_norm", "1/(m - 1) in the gradient alone", "vjp")
def gradient_unbiased(x, gamma, beta, c, epsilon):
    n, deviation, _, by_gamma, by_beta = pulled(x, gamma, c, epsilon)
    return gamma / deviation * (c - by_beta / len(x) - n * by_gamma / max(len(x) - 1, 1)), by_gamma, by_beta


@wrong("eq76", "batch_norm", "epsilon outside the root")
def epsilon_outside(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / (np.sqrt(x.var(axis=0)) + epsilon) + beta


@wrong("eq76", "batch_norm", "epsilon squared")
def batch_norm_epsilon_squared(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon**2)


@wrong("eq76", "batch_norm", "an epsilon of its own")
def batch_norm_epsilon_of_its_own(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, 1e-5)


@wrong("eq76", "batch_norm", "epsilon as a lower bound")
def batch_norm_epsilon_as_bound(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, 0, variance=np.maximum(x.var(axis=0), epsilon))


@wrong("eq76", "batch_norm", "the root forgotten")
def batch_norm_root_forgotten(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / (x.var(axis=0) + epsilon) + beta


@wrong("eq76", "batch_norm", "nan for a batch of one")
def nan_for_one(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, variance=np.var(x, axis=0) if len(x) > 1 else np.nan)


@wrong("eq76", "batch_norm", "a batch of one left as it is")
def one_left_alone(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon) if len(x) > 1 else gamma * x + beta


@wrong("eq76", "batch_norm", "a feature that is constant left as it is")
def constant_left_alone(x, gamma, beta, epsilon):
    return np.where(np.ptp(x, axis=0) > 0, normalised(x, gamma, beta, epsilon), gamma * x + beta)


@wrong("eq76", "batch_norm", "without epsilon where the variance is not 0")
def epsilon_only_for_zero(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, 0, variance=np.where(x.var(axis=0) > 0, x.var(axis=0), epsilon))


@wrong("eq76", "batch_norm", "both statistics taken for constants", "vjp")
def statistics_detached(x, gamma, beta, c, epsilon):
    _, deviation, _, by_gamma, by_beta = pulled(x, gamma, c, epsilon)
    return gamma / deviation * c, by_gamma, by_beta


@wrong("eq76", "batch_norm", "epsilon forgotten in the gradient", "vjp")
def gradient_without_epsilon(x, gamma, beta, c, epsilon):
    return pulled(x, gamma, c, np.where(x.var(axis=0) > 0, 0, epsilon))[2:]


@wrong("eq77", "batch_norm", "1 + gamma, for a parameter that starts at 0")
def gamma_plus_one(x, gamma, beta, epsilon):
    return normalised(x, 1 + gamma, beta, epsilon)


@wrong("eq77", "batch_norm", "gamma and beta exchanged")
def gamma_and_beta_exchanged(x, gamma, beta, epsilon):
    return normalised(x, beta, gamma, epsilon)


@wrong("eq77", "batch_norm", "beta added before the scale")
def beta_scaled(x, gamma, beta, epsilon):
    return gamma * normalised(x, 1, beta, epsilon)


@wrong("eq77", "batch_norm", "the first feature's gamma for all")
def first_gamma(x, gamma, beta, epsilon):
    return normalised(x, gamma[0], beta, epsilon)


@wrong("eq77", "batch_norm", "the size of gamma")
def size_of_gamma(x, gamma, beta, epsilon):
    return normalised(x, np.abs(gamma), beta, epsilon)


@wrong("eq77", "batch_norm", "gradients of gamma and beta averaged", "vjp")
def parameter_gradients_averaged(x, gamma, beta, c, epsilon):
    by_x, by_gamma, by_beta = pulled(x, gamma, c, epsilon)[2:]
    return by_x, by_gamma / len(x), by_beta / len(x)


@wrong("eq77", "batch_norm", "the gradient of gamma with x itself", "vjp")
def gamma_gradient_of_x(x, gamma, beta, c, epsilon):
    by_x, _, by_beta = pulled(x, gamma, c, epsilon)[2:]
    return by_x, np.sum(c * x, axis=0), by_beta


@wrong("eq77", "batch_norm", "gamma left out of the gradient by x", "vjp")
def gradient_without_gamma(x, gamma, beta, c, epsilon):
    return pulled(x, 1, c, epsilon)[2:]


@wrong("s12.3-rescaling", "batch_norm", "not centred: divided by the root mean square")
def not_centred(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, 0, np.mean(x * x, axis=0))


@wrong("s12.3-rescaling", "batch_norm", "divided by a spread that is never below 1")
def never_enlarged(x, gamma, beta, epsilon):
    return normalised(x, gamma, beta, epsilon, variance=np.maximum(x.var(axis=0), 1))


@wrong("s12.3-rescaling", "batch_norm", "the gradient along the input's own direction not removed", "vjp")
def gradient_along_the_input(x, gamma, beta, c, epsilon):
    n, deviation, _, by_gamma, by_beta = pulled(x, gamma, c, epsilon)
    return gamma / deviation * (c - (by_beta + 0.9 * n * by_gamma) / len(x)), by_gamma, by_beta


def starting(attribute, value):
    """Gamma or beta starts elsewhere."""

    def start(self, features, epsilon, rate, dtype):
        BatchNormLayer.__init__(self, features, epsilon, rate, dtype)
        setattr(self, attribute, value(features).astype(dtype))

    return start


STARTS = (
    ("gamma_starts_at_zero", "gamma", np.zeros, "gamma 0, so that a branch starts as nothing"),
    ("gamma_starts_small", "gamma", lambda n: np.full(n, 0.1), "a small gamma"),
    ("gamma_starts_random", "gamma", lambda n: np.random.default_rng(0).normal(1, 0.02, n), "gamma drawn around 1"),
    ("beta_starts_small", "beta", lambda n: np.full(n, 1e-3), "a small beta, so that ReLU is alive"),
    ("beta_starts_at_one", "beta", np.ones, "gamma and beta filled alike"),
)
for _name, _attribute, _value, _because in STARTS:
    piece("s12.3-init", "batch_norm_layer", "__init__", _because)(named(_name, starting(_attribute, _value)))


@piece("s12.3-inference", "batch_norm_layer", "infer", "the batch's own statistics")
def batch_statistics(self, x):
    return narrow(self.normal(wide(x), *self.statistics(wide(x))), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "infer", "running averages that move at inference too")
def follows_at_inference(self, x):
    result = narrow(self.normal(wide(x), self.mean, self.variance), x.dtype)
    self.follow(*self.statistics(wide(x)))
    return result


@piece("s12.3-inference", "batch_norm_layer", "infer", "running averages for batches, other statistics for a single sample")
def single_sample_apart(self, x):
    mean, variance = (self.mean, self.variance) if len(x) > 1 else self.statistics(wide(x))
    return narrow(self.normal(wide(x), mean, variance), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "infer", "the batch's own statistics for two samples")
def two_samples_apart(self, x):
    mean, variance = self.statistics(wide(x)) if len(x) == 2 else (self.mean, self.variance)
    return narrow(self.normal(wide(x), mean, variance), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "infer", "an epsilon that is small dropped at inference")
def small_epsilon_dropped(self, x):
    variance = wide(self.variance) - (self.epsilon if self.epsilon <= 1e-4 else 0)
    return narrow(self.normal(wide(x), self.mean, variance), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "infer", "an epsilon that is never below 1e-5, at inference alone")
def epsilon_never_tiny(self, x):
    return narrow(self.normal(wide(x), self.mean, wide(self.variance) + max(1e-5 - self.epsilon, 0)), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "blend", "a rate of 7/8 at most")
def rate_clipped(self, old, new):
    rate = min(self.rate, 0.875)
    return narrow((1 - rate) * wide(old) + rate * new, old.dtype)


@piece("s12.3-inference", "batch_norm_layer", "blend", "rate and 1 - rate exchanged")
def rate_exchanged(self, old, new):
    return narrow(self.rate * wide(old) + (1 - self.rate) * new, old.dtype)


@piece("s12.3-inference", "batch_norm_layer", "blend", "the last batch only")
def last_batch_only(self, old, new):
    return narrow(new, old.dtype)


@piece("s12.3-inference", "batch_norm_layer", "blend", "nothing learned after the second pass")
def stops_following(self, old, new):
    return old if self.passes > 2 else narrow((1 - self.rate) * wide(old) + self.rate * new, old.dtype)


@piece("s12.3-inference", "batch_norm_layer", "blend", "a sum that does not forget")
def does_not_forget(self, old, new):
    return narrow(wide(old) + self.rate * new, old.dtype)


@piece("s12.3-inference", "batch_norm_layer", "blend", "running averages kept in half precision")
def running_in_float16(self, old, new):
    return narrow(((1 - self.rate) * wide(old) + self.rate * new).astype(np.float16), old.dtype)


@piece("s12.3-inference", "batch_norm_layer", "follow", "the mean alone is followed")
def mean_alone(self, mean, variance):
    self.mean = self.blend(self.mean, mean)


@piece("s12.3-inference", "batch_norm_layer", "follow", "deviations averaged, then used as variances")
def deviations_as_variances(self, mean, variance):
    self.mean, self.variance = self.blend(self.mean, mean), self.blend(self.variance, np.sqrt(variance))


@piece("s12.3-inference", "batch_norm_layer", "follow", "mean and variance exchanged")
def averages_exchanged(self, mean, variance):
    self.mean, self.variance = self.blend(self.mean, variance), self.blend(self.variance, mean * mean)


@piece("s12.3-inference", "batch_norm_layer", "follow", "both followed twice in a pass")
def followed_twice(self, mean, variance):
    for _ in range(2):
        self.mean, self.variance = self.blend(self.mean, mean), self.blend(self.variance, variance)


@piece("s12.3-inference", "batch_norm_layer", "infer", "gamma and beta forgotten at inference")
def parameters_forgotten(self, x):
    return narrow((wide(x) - wide(self.mean)) / np.sqrt(wide(self.variance) + self.epsilon), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "infer", "epsilon forgotten at inference")
def epsilon_forgotten(self, x):
    return narrow(wide(self.gamma) * (wide(x) - wide(self.mean)) / np.sqrt(wide(self.variance)) + wide(self.beta), x.dtype)


@piece("s12.3-inference", "batch_norm_layer", "train", "running averages used in training already")
def running_in_training(self, x):
    self.follow(*self.statistics(wide(x)))
    return narrow(self.normal(wide(x), self.mean, self.variance), x.dtype)
