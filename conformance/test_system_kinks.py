"""Which slope our own functions have where two branches meet, as their documentation says: asked of the reference, and of no adapter."""

import numpy as np

from eqwise.conformance.laws import built
from eqwise.reference import activations, losses, metrics

ONE, ZERO = np.ones(1), np.zeros(1)


def slopes(proof, function, inputs, *expected, cotangent=ONE, **hyper):
    """The gradients by each input."""
    found = function(*inputs, cotangent, **hyper)
    proof.require(len(found) == len(expected), f"{function.__name__}: {len(found)} gradients")
    for gradient, wanted in zip(found, expected, strict=True):
        proof.require(gradient.tolist() == wanted, f"{function.__name__}: {gradient.tolist()} in place of {wanted}")


@built("eq13")
def test_activations_have_the_slope_below_at_zero(proof):
    """That of x ≤ 0."""
    slopes(proof, activations.step_vjp, [ZERO], [0.0])
    slopes(proof, activations.relu_vjp, [ZERO], [0.0])
    slopes(proof, activations.leaky_relu_vjp, [ZERO], [0.25], alpha=0.25)
    slopes(proof, activations.prelu_vjp, [ZERO, ONE / 4], [0.25], [0.0])
    slopes(proof, activations.elu_vjp, [ZERO], [2.5], alpha=2.5)


@built("eq32")
def test_losses_have_the_inner_slope_at_their_kinks(proof):
    """0 where the margin, the tie or the tube ends; both slopes of (34) agree there."""
    y, t = np.array([1.0, 3.0]), np.array([2.0, 2.0])
    outputs, labels = np.array([1.0, -1.0, 0.5]), np.array([1.0, -1.0, 1.0])
    slopes(proof, losses.hinge_vjp, [outputs, labels], [0, 0, -1], [0, 0, -0.5], cotangent=np.ones(3))
    slopes(proof, losses.quantile_vjp, [ONE, ONE], [0.0], [0.0], tau=0.25)
    slopes(proof, losses.huber_vjp, [y, t], [-2.0, 2.0], [2.0, -2.0], cotangent=np.ones(2), delta=1.0)
    slopes(proof, losses.epsilon_insensitive_vjp, [y, t], [0.0, 0.0], [0.0, 0.0], cotangent=np.ones(2), epsilon=1.0)


@built("eq25")
def test_the_mean_absolute_error_is_level_at_a_tie(proof):
    """An estimate that is exact has no slope; the others have theirs."""
    slopes(proof, metrics.mae_vjp, [np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])], [0, -1, 1], [0, 1, -1], cotangent=np.array(3.0))


@built("eq23")
def test_metrics_take_integers_for_floats(proof):
    """Of any width, signed or not."""
    t, y = np.array([1, 5, 250]), np.array([3, 4, 200])
    for metric in (metrics.mse, metrics.rmse, metrics.mae, metrics.r_squared):
        wanted = metric(t.astype(np.float64), y.astype(np.float64))
        for dtype in (np.int64, np.int16, np.uint8):
            found = metric(t.astype(dtype), y.astype(dtype))
            proof.require(found.dtype == np.float64 and found == wanted, f"{metric.__name__} of {np.dtype(dtype)}: {found}")
