"""Section 10 of the notes: optimizers, equations (57) to (68), each for one element; `gradient` is that of E by theta.

What an optimizer keeps from step to step starts at 0, which the notes imply. Below the equations of an optimizer stands
the step that they compose, so that a chosen reading carries through; it passes by name what only a reading needs.
"""

from eqwise.spec.document import equation
from eqwise.spec.numbers.expression import Expression, cases, sqrt

_ELEMENTWISE = "the product with the gradient is element by element"
_RADICAL = "how far the radical reaches, and so where epsilon stands, was read from a transcription"

# stochastic gradient descent


@equation(
    57,
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}}",
    kind="restatement",
    restates=38,
)
def sgd_step(theta: Expression, eta: Expression, gradient: Expression) -> Expression:
    """Stochastic gradient descent."""
    return theta - eta * gradient  # type: ignore[no-any-return]


def sgd(theta: Expression, gradient: Expression, eta: Expression) -> Expression:
    """(57), which is (38)."""
    return sgd_step(theta, eta, gradient)  # type: ignore[no-any-return]


# momentum

_OUTSIDE = "v <- alpha v + g, theta <- theta - eta v, as torch.optim.SGD documents; equal only while eta is constant"


@equation(
    58,
    tex=r"\mathbf{v} \leftarrow \alpha \mathbf{v} - \eta \frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start v = 0 is implied",),
)
def velocity(v: Expression, gradient: Expression, eta: Expression, alpha: Expression) -> Expression:
    """Momentum: velocity."""
    return alpha * v - eta * gradient  # type: ignore[no-any-return]


@velocity.reading("eta_outside_velocity", because=_OUTSIDE)
def _(v: Expression, gradient: Expression, eta: Expression, alpha: Expression) -> Expression:
    return alpha * v + gradient  # type: ignore[no-any-return]


@equation(
    59,
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} + \mathbf{v}",
    kind="update",
)
def momentum_step(theta: Expression, v: Expression) -> Expression:
    """Momentum: step."""
    return theta + v  # type: ignore[no-any-return]


@momentum_step.reading("eta_outside_velocity", because=_OUTSIDE)
def _(theta: Expression, v: Expression, eta: Expression) -> Expression:
    return theta - eta * v  # type: ignore[no-any-return]


def momentum(theta: Expression, v: Expression, eta: Expression) -> Expression:
    """(59), from the new velocity."""
    return momentum_step(theta, v, eta=eta)  # type: ignore[no-any-return]


# AdaGrad

_START = "TensorFlow and Keras start the accumulated squares at a positive initial_accumulator_value, 0.1 unless told otherwise"


@equation(
    60,
    tex=r"\mathbf{h} \leftarrow \mathbf{h} + \frac{\partial E}{\partial \boldsymbol{\theta}} \odot "
    r"\frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start h = 0 is implied",),
)
def accumulated_squares(h: Expression, gradient: Expression) -> Expression:
    """AdaGrad: accumulated squares."""
    return h + gradient * gradient  # type: ignore[no-any-return]


@accumulated_squares.reading("positive_start", because=_START)
def _(h: Expression, gradient: Expression) -> Expression:
    return h + gradient * gradient  # type: ignore[no-any-return]


@equation(
    61,
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta \frac{1}{\sqrt{\mathbf{h}}} \frac{\partial"
    r" E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=(_ELEMENTWISE, "0/0 for a zero gradient at the start"),
)
def adagrad_step(theta: Expression, eta: Expression, h: Expression, gradient: Expression) -> Expression:
    """AdaGrad: step."""
    return theta - eta * (1 / sqrt(h)) * gradient  # type: ignore[no-any-return]


@adagrad_step.reading("epsilon_outside_root", because="Duchi, Hazan and Singer 2011 and PyTorch add a small number to the root")
def _(theta: Expression, eta: Expression, h: Expression, gradient: Expression, epsilon: Expression) -> Expression:
    return theta - eta * (1 / (sqrt(h) + epsilon)) * gradient  # type: ignore[no-any-return]


@adagrad_step.reading("epsilon_inside_root", because="optax.scale_by_rss adds a small number under the root")
def _(theta: Expression, eta: Expression, h: Expression, gradient: Expression, epsilon: Expression) -> Expression:
    return theta - eta * (1 / sqrt(h + epsilon)) * gradient  # type: ignore[no-any-return]


@adagrad_step.reading("zero_gradient_at_rest", because="0/0 changes nothing, as under a pseudo-inverse; optax.scale_by_rss")
def _(theta: Expression, eta: Expression, h: Expression, gradient: Expression) -> Expression:
    return cases((h > 0, theta - eta * (1 / sqrt(h)) * gradient), (h <= 0, theta))


def adagrad(theta: Expression, h: Expression, gradient: Expression, eta: Expression, epsilon: Expression) -> Expression:
    """(61), from the new h; epsilon is one that an implementation may have."""
    return adagrad_step(theta, eta, h, gradient, epsilon=epsilon)  # type: ignore[no-any-return]


# RMSprop


@equation(
    62,
    tex=r"\mathbf{h} \leftarrow \alpha \mathbf{h} + (1 - \alpha) \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}} \odot \frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start h = 0 is implied",),
)
def moving_mean_of_squares(h: Expression, gradient: Expression, alpha: Expression) -> Expression:
    """RMSprop: moving mean of squares."""
    return alpha * h + (1 - alpha) * gradient * gradient  # type: ignore[no-any-return]


@moving_mean_of_squares.reading("positive_start", because="TensorFlow 1 and optax (initial_scale) let the mean start above 0")
def _(h: Expression, gradient: Expression, alpha: Expression) -> Expression:
    return alpha * h + (1 - alpha) * gradient * gradient  # type: ignore[no-any-return]


@equation(
    63,
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta \frac{1}{\sqrt{\mathbf{h} + \varepsilon}} "
    r"\frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=(_ELEMENTWISE, _RADICAL),
)
def rmsprop_step(theta: Expression, eta: Expression, h: Expression, gradient: Expression, epsilon: Expression) -> Expression:
    """RMSprop: step."""
    return theta - eta * (1 / sqrt(h + epsilon)) * gradient  # type: ignore[no-any-return]


@rmsprop_step.reading("epsilon_outside_root", because="torch.optim.RMSprop adds epsilon to the root")
def _(theta: Expression, eta: Expression, h: Expression, gradient: Expression, epsilon: Expression) -> Expression:
    return theta - eta * (1 / (sqrt(h) + epsilon)) * gradient  # type: ignore[no-any-return]


def rmsprop(theta: Expression, h: Expression, gradient: Expression, eta: Expression, epsilon: Expression) -> Expression:
    """(63), from the new h."""
    return rmsprop_step(theta, eta, h, gradient, epsilon)  # type: ignore[no-any-return]


# Adam


@equation(
    64,
    tex=r"\mathbf{m} \leftarrow \beta_1 \mathbf{m} + (1 - \beta_1) \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}}",
    kind="update",
    errata=("the start m = 0 is implied",),
)
def first_moment(m: Expression, gradient: Expression, beta_1: Expression) -> Expression:
    """Adam: first moment."""
    return beta_1 * m + (1 - beta_1) * gradient  # type: ignore[no-any-return]


@equation(
    65,
    tex=r"\mathbf{v} \leftarrow \beta_2 \mathbf{v} + (1 - \beta_2) \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}} \odot \frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start v = 0 is implied",),
)
def second_moment(v: Expression, gradient: Expression, beta_2: Expression) -> Expression:
    """Adam: second moment."""
    return beta_2 * v + (1 - beta_2) * gradient * gradient  # type: ignore[no-any-return]


@equation(
    66,
    tex=r"\hat{\mathbf{m}} = \frac{\mathbf{m}}{1 - \beta_1^t}",
    kind="update",
    errata=("t is a power and starts at 1",),
)
def corrected_first_moment(m: Expression, beta_1: Expression, t: Expression) -> Expression:
    """Adam: bias-corrected first moment."""
    return m / (1 - beta_1**t)  # type: ignore[no-any-return]


@equation(
    67,
    tex=r"\hat{\mathbf{v}} = \frac{\mathbf{v}}{1 - \beta_2^t}",
    kind="update",
    errata=("t is a power and starts at 1",),
)
def corrected_second_moment(v: Expression, beta_2: Expression, t: Expression) -> Expression:
    """Adam: bias-corrected second moment."""
    return v / (1 - beta_2**t)  # type: ignore[no-any-return]


@equation(
    68,
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta "
    r"\frac{\hat{\mathbf{m}}}{\sqrt{\hat{\mathbf{v}} + \varepsilon}}",
    kind="update",
    errata=("the quotient is element by element", _RADICAL),
)
def adam_step(theta: Expression, eta: Expression, m_hat: Expression, v_hat: Expression, epsilon: Expression) -> Expression:
    """Adam: step."""
    return theta - eta * (m_hat / sqrt(v_hat + epsilon))  # type: ignore[no-any-return]


@adam_step.reading("epsilon_outside_root", because="Kingma and Ba 2015, algorithm 1")
def _(theta: Expression, eta: Expression, m_hat: Expression, v_hat: Expression, epsilon: Expression) -> Expression:
    return theta - eta * (m_hat / (sqrt(v_hat) + epsilon))  # type: ignore[no-any-return]


@adam_step.reading("epsilon_hat", because="Kingma and Ba 2015, end of section 2: epsilon beside the root of the uncorrected v")
def _(
    theta: Expression, eta: Expression, m_hat: Expression, v_hat: Expression, epsilon: Expression, beta_2: Expression, t: Expression
) -> Expression:
    return theta - eta * (m_hat / (sqrt(v_hat) + epsilon / sqrt(1 - beta_2**t)))  # type: ignore[no-any-return]


def adam(
    theta: Expression, m: Expression, v: Expression, t: Expression,
    eta: Expression, beta_1: Expression, beta_2: Expression, epsilon: Expression,
) -> Expression:  # fmt: skip
    """(66) to (68), from the new m and v."""
    m_hat, v_hat = corrected_first_moment(m, beta_1, t), corrected_second_moment(v, beta_2, t)
    return adam_step(theta, eta, m_hat, v_hat, epsilon, beta_2=beta_2, t=t)  # type: ignore[no-any-return]
