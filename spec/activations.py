"""Section 4 of the notes: activation functions, equations (9) to (18)."""

from eqwise.spec.document import equation, statement
from eqwise.spec.network import sigma
from eqwise.spec.numbers.expression import Array, Expression, cases, exp, log, total


@equation(9, tex=r"f(x) = \begin{cases} 1 & (x > 0) \\ 0 & (x \leq 0) \end{cases}", kind="restatement", restates=2)
def step(x: Expression) -> Expression:
    """Step activation."""
    return cases((x > 0, 1), (x <= 0, 0))


@equation(10, tex=r"f(x) = \sigma(x) = \frac{1}{1 + e^{-x}}", kind="restatement", restates=6)
def logistic(x: Expression) -> Expression:
    """Logistic activation."""
    return sigma(x)  # type: ignore[no-any-return]


@equation(11, tex=r"f(x) = \tanh(x) = \frac{e^x - e^{-x}}{e^x + e^{-x}}")
def tanh(x: Expression) -> Expression:
    """Hyperbolic tangent."""
    return (exp(x) - exp(-x)) / (exp(x) + exp(-x))  # type: ignore[no-any-return]


@equation(12, tex=r"f(x) = \log(1 + e^x)", errata=("the logarithm is natural; (28) writes it ln",))
def softplus(x: Expression) -> Expression:
    """Softplus."""
    return log(1 + exp(x))  # type: ignore[no-any-return]


@equation(13, tex=r"f(x) = \max(0, x) = \begin{cases} x & (x > 0) \\ 0 & (x \leq 0) \end{cases}")
def relu(x: Expression) -> Expression:
    """Rectified linear unit."""
    return cases((x > 0, x), (x <= 0, 0))


@equation(14, tex=r"f(x) = \begin{cases} x & (x > 0) \\ \alpha x & (x \leq 0) \end{cases}")
def leaky_relu(x: Expression, alpha: Expression) -> Expression:
    """Leaky ReLU, fixed slope."""
    return cases((x > 0, x), (x <= 0, alpha * x))


@equation(15, tex=r"f(x) = \begin{cases} x & (x > 0) \\ ax & (x \leq 0) \end{cases}")
def prelu(x: Expression, a: Expression) -> Expression:
    """Parametric ReLU, learned slope. One slope, or one for each channel."""
    return cases((x > 0, x), (x <= 0, a * x))


@equation(16, tex=r"f(x) = \begin{cases} x & (x > 0) \\ \alpha(e^x - 1) & (x \leq 0) \end{cases}")
def elu(x: Expression, alpha: Expression) -> Expression:
    """Exponential linear unit."""
    return cases((x > 0, x), (x <= 0, alpha * (exp(x) - 1)))


@equation(17, tex=r"f(x) = x")
def identity(x: Expression) -> Expression:
    """Identity activation."""
    return x


@equation(
    18,
    tex=r"f(x_i) = \frac{e^{x_i}}{\sum_{j=1}^n e^{x_j}}",
    errata=("f(x_i) means component i of f of the whole vector; n is the number of its components",),
)
def softmax(x: Array) -> Array:
    """Softmax. x is a vector of n numbers, and so is the result."""
    return exp(x) / total(exp(x))  # type: ignore[no-any-return]


statement(
    "s4-nonlinear",
    "Linear activations collapse a deep network into one affine map, which solves only separable problems.",
    "mathematics",
    "framework",
)
statement(
    "s4-dying-relu", "ReLU passes no gradient for negative inputs; its variants do.", "framework"
)
statement(
    "s4-prelu-parameter", "The slope of the parametric ReLU is learned, that of the leaky ReLU is not.",
    "framework", "system",
)  # fmt: skip
statement("fig3", "Figures 3a to 3h show the activations; the step is drawn without a vertical join.", "system")
