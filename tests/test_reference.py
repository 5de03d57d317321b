"""The reference as a library: shapes, layouts, dtypes, purity, errors; its accuracy is judged by the suite."""

from itertools import pairwise

import ml_dtypes
import mpmath as mp
import numpy as np
import pytest

from eqwise.reference import activations, backpropagation, gradient_descent, losses, metrics, network, perceptron
from eqwise.reference.batch_normalization import batch_norm, batch_norm_layer, batch_norm_vjp

UNARY = ("step", "logistic", "tanh", "softplus", "relu", "identity")
DTYPES = (np.float64, np.float32, np.float16, ml_dtypes.bfloat16)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_shape_and_layout(name, dtype):
    """0-d, empty, n-d, Fortran order, strides of either sign: same numbers, same dtype, nothing written, nothing shared."""
    f, vjp = getattr(activations, name), getattr(activations, f"{name}_vjp")
    base = np.linspace(-3, 3, 24).astype(dtype).reshape(2, 3, 4)
    base.setflags(write=False)
    for x in (base, np.asfortranarray(base), base[:, ::-1, ::2], base[0, 0, 0], base[:0], base[..., 0]):
        y, (g,) = f(x), vjp(x, np.ones_like(x))
        assert y.shape == g.shape == np.shape(x) and y.dtype == g.dtype == dtype
        assert not np.shares_memory(x, y)
        assert np.array_equal(np.asarray(y).ravel(), [f(v) for v in np.asarray(x).ravel()])


COUNTING = ("confusion_matrix", "accuracy", "precision", "recall", "f_measure")
MEASURES = ("mse", "rmse", "mae", "r_squared")


@pytest.mark.parametrize("name", COUNTING)
def test_labels_are_booleans_of_one_shape(name):
    """Of any shape; another dtype or two shapes are refused with the rule. Without labels shares are nan and counts 0."""
    f, labels = getattr(metrics, name), np.array([[True, False, True], [False, False, True]])
    assert np.array_equal(f(labels, labels[::-1]), f(labels.ravel(), labels[::-1].ravel()))
    with pytest.raises(TypeError, match="int64 and bool must be booleans"):
        f(np.ones(3, np.int64), np.ones(3, bool))
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\) must agree"):
        f(np.ones(2, bool), np.ones(3, bool))
    nothing = np.ones(0, bool)
    assert np.array_equal(f(nothing, nothing), np.zeros((2, 2)) if name == "confusion_matrix" else np.nan, equal_nan=True)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_metrics_run_over_the_last_axis(name, dtype):
    """(…, N) to (…), row by row, in the dtype of the inputs, which are left alone; gradients have the inputs' shapes; N = 0 is nan."""
    f, vjp = getattr(metrics, name), getattr(metrics, f"{name}_vjp")
    t, y = np.random.default_rng(3).integers(-9, 10, (2, 4, 3, 5)).astype(dtype)
    t.setflags(write=False)
    c = np.ones((4, 3), dtype)
    whole, gradients = f(t, y), vjp(t, y, c)
    assert whole.shape == (4, 3) and whole.dtype == dtype and np.array_equal(whole[1], [f(a, b) for a, b in zip(t[1], y[1], strict=True)])
    assert all(g.shape == t.shape and g.dtype == dtype and not np.isnan(g.astype(float)).any() for g in gradients)
    assert np.isnan(f(t[..., :0], y[..., :0]).astype(float)).all()


@pytest.mark.parametrize("name", MEASURES)
def test_metrics_take_integers_for_float64(name):
    """No difference or square overflows; booleans and mixed floats are refused."""
    f = getattr(metrics, name)
    t, y = np.array([-128, 127, 5], np.int8), np.array([127, -128, 9], np.int8)
    assert f(t, y) == f(t.astype(float), y.astype(float)) and f(t, y).dtype == np.float64
    with pytest.raises(TypeError, match="one dtype of float64"):
        f(np.ones(3, bool), np.ones(3, bool))
    with pytest.raises(TypeError, match="one dtype of float64"):
        f(np.ones(3), np.ones(3, np.float32))


def test_undefined_metrics_are_nan():
    """(26) where its denominator is 0, the gradient of (24) where every error is 0; (25) has the slope 0 where an estimate is exact."""
    t = np.array([2.0, 2.0])
    assert np.isnan(metrics.r_squared(t, np.array([1.0, 3.0]))) and np.isnan(metrics.r_squared_vjp(t, t, np.ones(())))[0].all()
    assert np.isnan(metrics.rmse_vjp(t, t, np.ones(()))).all()
    assert np.array_equal(metrics.mae_vjp(t, np.array([2.0, 1.0]), np.ones(())), [[0.0, 0.5], [0.0, -0.5]])


def test_error_state_is_left_alone():
    """No warning leaks, and NumPy's error state is what it was."""
    with np.errstate(all="raise"):
        activations.softplus(np.array([1e308, -1e308, np.inf, np.nan]))
        assert np.geterr()["over"] == "raise"


def test_network_of_any_depth():
    """Three layers are three affine maps with activations between them."""
    rng = np.random.default_rng(0)
    x, biases = rng.normal(size=(5, 3)), [np.ones(4), np.ones(2), np.ones(2)]
    weights = [rng.normal(size=shape) for shape in ((3, 4), (4, 2), (2, 2))]
    h = x
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        h = activations.tanh(network.dense(h, W, b))
    whole = network.network(x, weights, biases, "tanh", "softmax")
    assert np.array_equal(whole, activations.softmax(network.dense(h, weights[-1], biases[-1])))
    by_x, by_W, by_b = network.network_vjp(x, weights, biases, np.ones((5, 2)), "tanh", "identity")
    assert by_x.shape == x.shape and [g.shape for g in by_W] == [W.shape for W in weights] and [g.shape for g in by_b] == [(4,), (2,), (2,)]


def test_perceptron_gradients_are_zero():
    """Nothing passes the step of a perceptron."""
    found = perceptron.perceptron_vjp(np.ones((2, 3)), np.ones((3, 1)), np.ones(1), np.ones((2, 1)))
    assert [g.shape for g in found] == [(2, 3), (3, 1), (1,)] and not any(g.any() for g in found)


PAIRS = [("identity", "sum_of_squares"), ("logistic", "binary_cross_entropy"), ("softmax", "cross_entropy")]


def _network(rng, *widths):
    return [rng.normal(size=shape) for shape in pairwise(widths)], [rng.normal(size=width) for width in widths[1:]]


@pytest.mark.parametrize("output", ["identity", "logistic", "softmax", "tanh", "softplus"])
@pytest.mark.parametrize("loss", backpropagation.LOSSES)
def test_network_gradients_agree_with_numerical_ones(output, loss):
    """Every loss of every output for which its logarithms exist: by (39), the mean of the losses of the samples."""
    if loss != "sum_of_squares" and output not in ("logistic", "softmax"):
        pytest.skip("the outputs are no probabilities")
    rng = np.random.default_rng(9)
    x, t, (weights, biases) = rng.normal(size=(4, 3)), np.eye(2)[rng.integers(0, 2, 4)], _network(rng, 3, 4, 2)
    by_weights, by_biases = backpropagation.network_gradients(x, t, weights, biases, activation="tanh", output=output, loss=loss)

    def cost(first):
        y = network.network(x, [first, weights[1]], biases, "tanh", output)
        return float(np.mean(getattr(losses, loss)(y, t)))

    assert np.allclose(by_weights[0], gradient_descent.numerical_gradient(cost, weights[0], epsilon=1e-5), atol=1e-8)
    assert [g.shape for g in by_biases] == [(4,), (2,)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_network_gradients_keep_dtypes_and_inputs(dtype):
    """The dtype of the inputs, read-only arrays of any layout, the same numbers again and again."""
    rng = np.random.default_rng(1)
    weights, biases = ([a.astype(dtype) for a in part] for part in _network(rng, 3, 3, 2))
    x, t = np.asfortranarray(rng.normal(size=(4, 3)).astype(dtype)), np.eye(2)[[0, 1, 1, 0]].astype(dtype)
    for array in (x, t, *weights, *biases):
        array.setflags(write=False)
    for output, loss in PAIRS:
        first, again = (backpropagation.network_gradients(x, t, weights, biases, "relu", output, loss) for _ in range(2))
        for a, b, like in zip(first[0] + first[1], again[0] + again[1], weights + biases, strict=True):
            assert a.dtype == dtype and a.shape == like.shape and np.array_equal(a, b)
            assert not any(np.shares_memory(a, array) for array in (x, t, *weights, *biases))


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (2, 1, 2), (0,)])
def test_numerical_gradient_moves_one_component_at_a_time(shape):
    """2M evaluations on new arrays of the shape of theta, which stays as it is."""
    theta, seen = np.ones(shape, np.float32), []
    theta.setflags(write=False)

    def function(moved):
        seen.append(moved)
        return float(np.sum(moved * moved))

    found = gradient_descent.numerical_gradient(function, theta, epsilon=0.25)
    assert found.dtype == np.float32 and found.shape == shape and np.array_equal(found, 2 * theta)
    assert len(seen) == 2 * theta.size == len({id(a) for a in seen}) and all(a.shape == shape for a in seen)
    assert all(np.count_nonzero(a != 1) == 1 for a in seen)


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_batch_norm_at_any_scale_and_offset(scale):
    """Values and gradients are within a few ulp of what 60 digits give, where squares would leave the range as well."""
    x = scale * np.array([[1.0, 3.0], [2.0, 3.0], [-4.0, 3.0], [7.0, 5.0]]) + 1e8 * scale
    gamma, beta, c = np.array([2.0, -3.0]), np.zeros(2), np.array([[1.0, 2.0], [-1.0, 0.5], [0.25, 1.0], [3.0, -2.0]])
    y, (by_x, by_gamma, by_beta) = batch_norm(x, gamma, beta, epsilon=1e-5), batch_norm_vjp(x, gamma, beta, c, epsilon=1e-5)
    with mp.workdps(60):
        for k in range(2):
            t, w = [[mp.mpf(v) for v in column] for column in (x[:, k], c[:, k])]
            d = [v - sum(t) / 4 for v in t]
            s = mp.sqrt(sum(v * v for v in d) / 4 + mp.mpf(1e-5))
            n = [v / s for v in d]
            along = sum(a * b for a, b in zip(w, n, strict=True))
            slopes = [gamma[k] / s * (a - sum(w) / 4 - b * along / 4) for a, b in zip(w, n, strict=True)]
            np.testing.assert_allclose(y[:, k], [float(gamma[k] * v) for v in n], rtol=1e-15)
            np.testing.assert_allclose(by_x[:, k], [float(v) for v in slopes], rtol=1e-14)
            np.testing.assert_allclose([by_gamma[k], by_beta[k]], [float(along), float(sum(w))], rtol=1e-15)


def test_batch_norm_layer_hands_out_what_does_not_change():
    """Arrays of a layer's state stay as they are when it trains on; inference of one sample leaves no trace."""
    layer = batch_norm_layer(2, 1e-5, 0.5, "float32")
    layer.train(np.array([[1.0, 2.0], [3.0, 6.0]], np.float32))
    mean, deviation = layer.mean, layer.deviation
    assert mean.tolist() == [1.0, 2.0] and layer.variance.tolist() == [1.0, 2.25] and mean.dtype == np.float32
    alone = layer.infer(np.array([[1.0, 3.5]], np.float32))
    np.testing.assert_allclose(alone, [[0.0, 1.0]], rtol=1e-5)
    layer.train(np.zeros((3, 2), np.float32))
    assert mean.tolist() == [1.0, 2.0] and deviation.tolist() == [1.0, 1.5] and layer.mean.tolist() == [0.5, 1.0]


def test_batch_norm_of_nothing_and_of_one():
    """No samples give no output; one sample gives beta, and no gradient by x."""
    gamma, beta = np.array([2.0, -1.0]), np.array([0.5, 3.0])
    assert batch_norm(np.ones((0, 2)), gamma, beta, epsilon=1e-5).shape == (0, 2)
    x = np.array([[1e8, -7.0]])
    assert batch_norm(x, gamma, beta, epsilon=1e-5).tolist() == [[0.5, 3.0]]
    by_x, by_gamma, by_beta = batch_norm_vjp(x, gamma, beta, np.array([[1.0, -2.0]]), epsilon=1e-5)
    assert not by_x.any() and not by_gamma.any() and by_beta.tolist() == [1.0, -2.0]
