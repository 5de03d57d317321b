"""Section 8 of the notes: gradient descent, equations (36) to (39)."""

from eqwise.spec.document import equation, printed, statement
from eqwise.spec.network import Activation
from eqwise.spec.numbers.expression import Array, Expression, each, number, total

printed(
    36, "Training as minimisation",
    tex=r"\theta = \operatorname{argmin}_{\theta} E(\theta)",
    kind="notation",
    errata=(
        "theta is not bold",
        "the argmin need not exist or be unique",
        "sum or mean over the data is not said",
    ),
    reason="it names the goal of training; that the closed form of least squares is stationary stands in for it",
)  # fmt: skip
printed(
    37, "Gradient as a column",
    tex=r"\nabla_{\theta} E \equiv \frac{\partial E}{\partial \theta} = \begin{bmatrix} \frac{\partial "
    r"E}{\partial \theta_1} & \frac{\partial E}{\partial \theta_2} & \cdots & \frac{\partial E}{\partial "
    r"\theta_M} \end{bmatrix}^T",
    kind="notation",
    errata=("theta is not bold",),
    reason="it names the components of a gradient; that every gradient has the shape of its parameters stands in for it",
)  # fmt: skip


@equation(
    38,
    tex=r"\theta \leftarrow \theta - \eta \nabla_{\theta} E",
    kind="update",
    errata=("theta is not bold",),
)
def gradient_descent_step(theta: Expression, eta: Expression, gradient: Expression) -> Expression:
    """Gradient descent step."""
    return theta - eta * gradient  # type: ignore[no-any-return]


@equation(
    39,
    tex=r"\frac{\partial E}{\partial \theta} = \frac{E(\theta + \varepsilon) - E(\theta - "
    r"\varepsilon)}{2\varepsilon}",
    kind="theorem",
    errata=("an approximation of second order, printed as an equality",),
)
def central_difference(E: Activation, theta: Expression, epsilon: Expression) -> Expression:
    """Central difference. theta is one component, the others being fixed."""
    return (E(theta + epsilon) - E(theta - epsilon)) / (2 * epsilon)  # type: ignore[no-any-return]


def mini_batch(*samples: Array) -> Array:
    """Section 8.4: the loss of a mini-batch is the mean of those of its samples, and so are its gradients."""
    return each(lambda *terms: total(terms) / number(len(terms)), *samples)


statement(
    "s8.1-nonconvex",
    "The loss of a network need not be convex.",
    "mathematics",
)
statement(
    "s8.1-descent",
    "The negative gradient leads downhill.",
    "mathematics", "framework",
    erratum="it leads downhill, not towards the minimum",
)
statement(
    "s8.2-small-eta",
    "A small enough learning rate lowers the loss; a large one can raise it.",
    "mathematics", "framework",
    erratum="a saddle can hold gradient descent",
)
statement(
    "s8.3-per-sample",
    "Stochastic gradient descent uses one sample at a time.",
    "system",
)
statement(
    "s8.3-escape",
    "Where the gradient over all data is 0, those of single samples still move.",
    "mathematics",
)
statement(
    "s8.4-batch-mean",
    "The loss of a mini-batch is the mean over its samples.",
    "framework", "system",
)
