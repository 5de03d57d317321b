"""What our own system refuses, naming the value and the rule that it breaks: asked of no adapter."""

import numpy as np
import pytest

from eqwise.reference import activations, gradient_descent, initialization, losses, metrics, network
from eqwise.reference.backpropagation import network_gradients
from eqwise.reference.batch_normalization import batch_norm, batch_norm_layer
from eqwise.reference.data import Part, Split
from eqwise.reference.layers import Activation, BatchNorm, Dense
from eqwise.reference.model import build
from eqwise.reference.optimizers import adam, momentum, rmsprop, sgd
from eqwise.reference.training import choose_optimizer, train

X, ONE, ZERO = np.ones((4, 3)), np.ones(3), np.zeros(3)
W, B, T = [np.ones((3, 2))], [np.ones(2)], np.ones((4, 2))


def cases(*rows):
    """Of each row: what it cites, the rule that is told, and a call that breaks it."""
    marked = [(cited.split(), rule, call) for cited, rule, call in rows]
    made = [pytest.param(call, rule, id="-".join(keys), marks=pytest.mark.clauses(*keys)) for keys, rule, call in marked]
    return pytest.mark.parametrize(("call", "rule"), made)


def parts(inputs=(2, 4), targets=(2, 3), value=1.0):
    """Three alike, of these shapes, filled with one value."""
    return Split(*[Part(np.full(inputs, value), np.full(targets, value))] * 3)


def attempt(data=None, loss="sum_of_squares", epochs=1, batch_size=4, **options):
    """One epoch on small data, with something wrong."""
    made = build((4, 3), "relu", "identity")
    return train(made, data or parts(), loss=loss, epochs=epochs, batch_size=batch_size, **options)


def gradients(x=X, t=T, loss="sum_of_squares"):
    """Those of one layer of two outputs."""
    return network_gradients(x, t, W, B, "relu", "identity", loss)


def stepped(*given, eta=None):
    """A step of gradient descent by a list of one parameter."""
    return sgd([X], eta=1.0).step(list(given), eta=eta)


@cases(
    ("eq11", "int64: all arrays must have one dtype of float64", lambda: activations.tanh(np.arange(3))),
    ("eq32", "float64, float32: all arrays must have one dtype", lambda: losses.hinge(ONE, np.ones(3, np.float32))),
    ("eq77", "float64, float32, float64: all arrays must have one", lambda: batch_norm(X, ONE.astype(np.float32), ZERO, epsilon=1e-5)),
    ("t1-confusion", "int64 and bool must be booleans", lambda: metrics.confusion_matrix(np.ones(3, np.int64), np.ones(3, bool))),
    ("eq57", "a parameter of int64: its dtype", lambda: sgd(np.zeros(2, np.int64), eta=1.0)),
    ("eq57", "a gradient of float32 for a parameter of float64", lambda: stepped(X.astype(np.float32))),
    ("eq69", "dtype int64 is none of float64", lambda: initialization.uniform((3, 2), 0, "int64")),
    ("eq77", "dtype int64 is none of float64", lambda: batch_norm_layer(3, 1e-5, 0.1, "int64")),
)  # fmt: skip
def test_dtypes_are_refused(call, rule):
    """A TypeError names the dtypes and the rule."""
    with pytest.raises(TypeError, match=rule):
        call()


@cases(
    ("eq7", r"shapes \(4, 3\), \(2, 2\), \(2,\) are not \(…, n_in\)", lambda: network.dense(X, np.ones((2, 2)), np.ones(2))),
    ("eq7 eq8", "'swish' is none of", lambda: network.network(X, W, B, "swish", "identity")),
    ("t1-confusion", r"shapes \(2,\) and \(3,\) must agree", lambda: metrics.confusion_matrix(np.ones(2, bool), np.ones(3, bool))),
    ("eq33", "tau = -1.0 must", lambda: losses.quantile(ONE, ONE, tau=-1.0)),
    ("eq34", "delta = -1.0 must", lambda: losses.huber(ONE, ONE, delta=-1.0)),
    ("eq35", "epsilon = -1.0 must", lambda: losses.epsilon_insensitive(ONE, ONE, epsilon=-1.0)),
    ("eq39", "epsilon = 0 must be positive", lambda: gradient_descent.numerical_gradient(np.sum, ONE, epsilon=0)),
    ("eq56", "'hinge' of 'identity': losses are sum_of_squares", lambda: gradients(loss="hinge")),
    ("eq56", r"shape \(4, 1\) do not belong to outputs of shape \(4, 2\)", lambda: gradients(t=T[:, :1])),
    ("eq56", "outputs of shape .*, of at least one sample", lambda: gradients(X[:0], T[:0])),
    ("eq69 eq70 eq71 eq72", r"shape = \(0, 2\) must be \(n_in, n_out\)", lambda: initialization.he((0, 2), 0, "float64")),
    ("eq77", r"shapes \(3,\), \(3,\), \(3,\) are not \(m, features\)", lambda: batch_norm(ONE, ONE, ZERO, epsilon=1e-5)),
    ("eq77", r"shapes \(4, 3\), \(4,\), \(3,\) are not", lambda: batch_norm(X, np.ones(4), ZERO, epsilon=1e-5)),
    ("eq77", r"shapes \(4, 3\), \(3,\), \(1, 3\) are not", lambda: batch_norm(X, ONE, np.zeros((1, 3)), epsilon=1e-5)),
    ("eq77", r"shapes \(1, 4, 3\), \(3,\), \(3,\) are not", lambda: batch_norm(X[None], ONE, ZERO, epsilon=1e-5)),
    *(("eq76", rf"epsilon = {e} must be > 0", lambda e=e: batch_norm(X, ONE, ZERO, epsilon=e)) for e in (0.0, -1e-5, np.nan)),
    *(("eq76", rf"epsilon = {e} must be > 0", lambda e=e: batch_norm_layer(3, e, 0.1, "float64")) for e in (0.0, -1e-5, np.nan)),
    *(("eq76", rf"rate = {r} must lie in \(0, 1\]", lambda r=r: batch_norm_layer(3, 1e-5, r, "float64")) for r in (0.0, 1.5)),
)  # fmt: skip
def test_shapes_names_and_ranges_are_refused(call, rule):
    """A ValueError names the value and the rule."""
    with pytest.raises(ValueError, match=rule):
        call()


@cases(
    ("eq57", "eta = 0.0 must be positive", lambda: sgd(X, eta=0.0)),
    ("eq57", "eta = nan must be positive", lambda: sgd(X, eta=np.nan)),
    ("eq58", r"alpha = 1.5 must lie in \[0, 1\]", lambda: momentum(X, eta=1.0, alpha=1.5)),
    ("eq63", "epsilon = -1.0 must be positive", lambda: rmsprop(X, eta=1.0, alpha=0.5, epsilon=-1.0)),
    ("eq64", r"beta_1 = 1.0 must lie in \[0, 1\)", lambda: adam(X, eta=1.0, beta_1=1.0, beta_2=0.9, epsilon=0.1)),
    ("eq65", r"beta_2 = -0.1 must lie in \[0, 1\)", lambda: adam(X, eta=1.0, beta_1=0.9, beta_2=-0.1, epsilon=0.1)),
    ("eq57", r"the shape of a gradient = \(3, 4\) must be that of its parameter, \(4, 3\)", lambda: stepped(X.T)),
    ("eq57", "the number of gradients = 2 must be that of parameters, 1", lambda: stepped(X, X)),
    ("eq57", "eta = -1.0 must be positive", lambda: stepped(X, eta=-1.0)),
)  # fmt: skip
def test_optimizers_refuse(call, rule):
    """A ValueError names the value and the rule."""
    with pytest.raises(ValueError, match=rule):
        call()


@cases(
    ("eq40", "activation = 'swish' must be one of step", lambda: build((4, 3), "relu", "swish")),
    ("eq40", r"widths = \(4,\) must be at least two", lambda: build((4,), "relu", "identity")),
    ("eq40", r"widths = \(4, 0, 3\)", lambda: build((4, 0, 3), "relu", "identity")),
    ("eq69", "initial = 'zero' must be one of uniform", lambda: build((4, 3), "relu", "identity", initial="zero")),
    ("s12.2-train-mask", r"p = 1.5 must lie in \[0, 1\]", lambda: build((4, 5, 3), "relu", "identity", dropout=1.5)),
    ("s12.3-placement", "batch_norm = 'both'", lambda: build((4, 5, 3), "relu", "identity", batch_norm="both")),
    ("eq40", "dtype = 'float16' must be float32", lambda: build((4, 3), "relu", "identity", dtype=np.float16)),
    ("eq77", r"rate = 0 must lie in \(0, 1\]", lambda: BatchNorm(2, rate=0)),
    ("eq76", "epsilon = 0 must be positive", lambda: BatchNorm(2, epsilon=0)),
    ("eq13", "alpha = 0.1 must be left out for relu", lambda: Activation("relu", 0.1)),
    ("eq40", r"W float64\(2, 3\), b float64\(2,\)", lambda: Dense(np.ones((2, 3)), np.ones(2))),
    ("eq40", r"shapes \(2, 5\), \(4, 3\), \(3,\) are not", lambda: build((4, 3), "relu", "identity").predict(np.ones((2, 5)))),
)  # fmt: skip
def test_networks_refuse(call, rule):
    """A ValueError names the value and the rule."""
    with pytest.raises(ValueError, match=rule):
        call()


@cases(
    ("s9-procedure", "optimizer = 'lion' must be one of sgd", lambda: choose_optimizer("lion")),
    ("s9-procedure", "eta = 0 must be positive", lambda: attempt(optimizer=choose_optimizer("sgd", eta=0))),
    ("s9-procedure", "setting = 'alpha' must be one that sgd has: eta", lambda: choose_optimizer("sgd", alpha=0.9)),
    ("s9-procedure", "loss = 'mse' must be one of sum_of_squares", lambda: attempt(loss="mse")),
    ("s9-procedure", "setting = 'tau' must be one that sum_of_squares has: none", lambda: attempt(tau=0.5)),
    ("s9-procedure", "epochs = 0", lambda: attempt(epochs=0)),
    ("s8.4-batch-mean", "batch_size = 0 must be at least 1", lambda: attempt(batch_size=0)),
    ("eq73", "lambda_ = -1", lambda: attempt(lambda_=-1)),
    ("s12-early-stopping", "patience = 0 must be None or at least 1", lambda: attempt(patience=0)),
    ("s9-procedure", "target = .* must be -1 or 1", lambda: attempt(loss="hinge", data=parts(value=0.5))),
    ("s9-procedure", r"shape of the inputs = \(2, 5\)", lambda: attempt(data=parts(inputs=(2, 5)))),
    ("s9-procedure", r"shape of the targets = \(2, 1\)", lambda: attempt(data=parts(targets=(2, 1)))),
    ("s9-procedure", "number of samples = 0", lambda: attempt(data=parts((0, 4), (0, 3)))),
    ("s9-procedure", "input = nan must be finite", lambda: attempt(data=parts(value=np.nan))),
)  # fmt: skip
def test_training_refuses(call, rule):
    """A ValueError names the value and the rule."""
    with pytest.raises(ValueError, match=rule):
        call()


@pytest.mark.clauses("s12-best-model")
def test_divergence_is_an_error():
    """A run whose validation loss was never finite says so instead of handing back such a network."""
    rng = np.random.default_rng(0)
    data = Split(*(Part(rng.normal(size=(8, 4)), rng.normal(size=(8, 3))) for _ in range(3)))
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError, match="smaller eta"):
        attempt(optimizer=choose_optimizer("sgd", eta=1e30), batch_size=1, epochs=2, data=data)
