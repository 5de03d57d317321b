"""The reference as a library: shapes, layouts, dtypes, purity, errors; its accuracy is judged by the suite."""

import ml_dtypes
import numpy as np
import pytest

from eqwise.reference import activations, losses, network, perceptron

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


def test_wrong_input_is_refused_with_the_rule():
    """Dtypes, shapes, names and ranges."""
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="one dtype of float64"):
        activations.tanh(np.arange(3))
    with pytest.raises(TypeError, match="float32"):
        losses.hinge(np.ones(2), np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"are not \(…, n_in\)"):
        network.dense(x, np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="'swish' is none of"):
        network.network(x, [np.ones((3, 1))], [np.ones(1)], "swish", "identity")
    for function, name in ((losses.quantile, "tau"), (losses.huber, "delta"), (losses.epsilon_insensitive, "epsilon")):
        with pytest.raises(ValueError, match=f"{name} = -1.0 must"):
            function(np.ones(2), np.ones(2), **{name: -1.0})


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
