"""Section 2 of the notes: the perceptron, equations (1) to (5)."""

from eqwise.spec.document import equation, printed, statement
from eqwise.spec.numbers.expression import Array, Expression, cases


@equation(1, tex=r"y = f(\mathbf{W}^T \mathbf{x} + b)")
def perceptron(x: Array, W: Array, b: Expression) -> Expression:
    """Perceptron. x and W are vectors of n numbers, f is the step (2)."""
    u: Expression = W.T @ x + b
    return step(u)


@equation(2, tex=r"f(u) = \begin{cases} 1 & (u > 0) \\ 0 & (u \leq 0) \end{cases}")
def step(u: Expression) -> Expression:
    """Heaviside step, zero at the origin."""
    return cases((u > 0, 1), (u <= 0, 0))


printed(
    3,
    "Two-input vectors",
    kind="notation",
    tex=r"\mathbf{x} = \begin{bmatrix} x_1 \\ x_2 \end{bmatrix}, "
    r"\quad \mathbf{W} = \begin{bmatrix} w_1 \\ w_2 \end{bmatrix}",
    reason="it names the components of two vectors; (4) is checked as (1) on these vectors",
)


@equation(4, tex=r"y = f(\mathbf{W}^T \mathbf{x} + b) = f(w_1 x_1 + w_2 x_2 + b)", kind="restatement", restates=1)
def two_input_perceptron(x: Array, w: Array, b: Expression) -> Expression:
    """Two-input perceptron, written out. x and w are vectors of 2 numbers."""
    return step(w[0] * x[0] + w[1] * x[1] + b)


@equation(
    5,
    tex=r"= \begin{cases} 1 & (w_1 x_1 + w_2 x_2 + b > 0) \\ 0 & (w_1 x_1 + w_2 x_2 + b \leq 0) \end{cases}",
    kind="restatement",
    restates=4,
    errata=("the left side y stands in (4)",),
)
def two_input_perceptron_by_cases(x: Array, w: Array, b: Expression) -> Expression:
    """Two-input perceptron by cases."""
    return cases((w[0] * x[0] + w[1] * x[1] + b > 0, 1), (w[0] * x[0] + w[1] * x[1] + b <= 0, 0))


statement("s2-gates", "A perceptron can compute AND and OR.", "mathematics", "framework")
statement("s2-xor", "A single perceptron cannot compute XOR.", "mathematics")
statement(
    "s2-two-layers",
    "Two layers of perceptrons compute XOR and, with enough hidden nodes, any function on finitely many points.",
    "mathematics",
    erratum="a two-layer perceptron takes finitely many values, so it represents any function only on finite sets",
)

