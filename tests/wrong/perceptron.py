"""Planted errors of section 2 of the notes: the perceptron, (1) to (5), and the step (2)."""

import numpy as np

from tests.wrong import wrong, wrong_gradient


def fires(u):
    return np.where(u > 0, 1.0, 0.0)


# (1), (4), (5): the perceptron


@wrong("eq1", "perceptron", because="a threshold is subtracted where the notes add a bias")
def perceptron_bias_subtracted(x, W, b):
    return fires(x @ W - b)


@wrong("eq1", "perceptron", because="the bias is forgotten")
def perceptron_bias_missing(x, W, b):
    return fires(x @ W)


@wrong("eq1", "perceptron", because="one bias is shared by all columns of W")
def perceptron_bias_of_the_first(x, W, b):
    return fires(x @ W + b[0])


@wrong("eq1", "perceptron", because="Rosenblatt's perceptron answers -1 or 1")
def perceptron_answers_signs(x, W, b):
    return 2 * fires(x @ W + b) - 1


@wrong("eq1", "perceptron", because="numpy.heaviside is called with 0.5 at the tie")
def perceptron_half_at_tie(x, W, b):
    return np.heaviside(x @ W + b, 0.5)


@wrong("eq5", "perceptron", because="the comparison is written >=", statement="s2-gates")
def perceptron_tie_fires(x, W, b):
    return np.where(x @ W + b >= 0, 1.0, 0.0)


@wrong("eq5", "perceptron", because="the threshold gets a tolerance against rounding")
def perceptron_with_tolerance(x, W, b):
    return fires(x @ W + b - 1e-6)


@wrong("eq4", "perceptron", because="W is stored as (n_out, n_in) and only relabelled")
def perceptron_weights_relabelled(x, W, b):
    return fires(x @ W.reshape(W.shape[::-1]).T + b)


@wrong("eq4", "perceptron", because="a loop over the inputs ends one early")
def perceptron_without_last_input(x, W, b):
    return fires(x[..., :-1] @ W[:-1] + b)


@wrong("eq1", "perceptron", because="the sum is taken in float32 on the way", only="float64")
def perceptron_summed_in_float32(x, W, b):
    return fires(np.float32(x) @ np.float32(W) + np.float32(b))


@wrong("eq1", "perceptron", because="the sum is formed in place to save memory", raw=True, kind="purity")
def perceptron_writes_to_its_bias(x, W, b):
    b += 1
    return fires(np.float64(x) @ np.float64(W) + np.float64(b) - 1)


# (2): the step


@wrong("eq2", "step", because="the comparison is written >=")
def step_one_at_zero(x):
    return np.where(x >= 0, 1.0, 0.0)


@wrong("eq2", "step", because="the usual Heaviside convention is 1/2 at the origin")
def step_half_at_zero(x):
    return np.heaviside(x, 0.5)


@wrong("eq2", "step", because="small inputs count as zero")
def step_with_tolerance(x):
    return fires(x - 1e-12)


@wrong("eq2", "step", because="the sign bit is tested and zeros are excluded by it")
def step_fires_at_negative_zero(x):
    return np.where((x == 0) & np.signbit(x), 1.0, fires(x))


@wrong("eq2", "step", because="a comparison is returned as it is", raw=True, verdict="error")
def step_is_boolean(x):
    return x > 0


@wrong("eq9", "step", because="numpy.sign is taken for the step")
def step_is_the_sign(x):
    return np.sign(x)


@wrong("eq9", "step", because="the step is smoothed so that it can be trained")
def step_smoothed(x):
    return np.clip(1e6 * x, 0.0, 1.0)


@wrong_gradient("eq9", "step", because="the straight-through estimator makes steps trainable")
def step_straight_through(x, cotangent):
    return (cotangent,)


@wrong_gradient("eq2", "step", because="the estimator is clipped to the unit interval")
def step_straight_through_clipped(x, cotangent):
    return (np.where(np.abs(x) <= 1, cotangent, 0.0),)


@wrong_gradient("eq9", "step", because="spiking networks use the slope of a steep logistic")
def step_surrogate_gradient(x, cotangent):
    e = np.exp(-np.abs(x) * 10)
    return (10 * cotangent * e / (1 + e) ** 2,)
