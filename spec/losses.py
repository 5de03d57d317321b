"""Section 7 of the notes: loss functions, equations (27) to (35)."""

from eqwise.spec.document import equation, statement
from eqwise.spec.numbers.expression import (
    OTHERWISE,
    Array,
    Expression,
    cases,
    exp,
    log,
    maximum,
    total,
    within,
)


@equation(27, tex=r"E = \frac{1}{2} \sum_k (y_k - t_k)^2")
def sum_of_squares(y: Array, t: Array) -> Expression:
    """Sum-of-squares loss. y and t are vectors of K numbers."""
    return 1 / 2 * total((y - t) ** 2)


@sum_of_squares.reading("without_half", because="a sum of squared errors without the factor, as in torch.nn.MSELoss")
def _(y: Array, t: Array) -> Expression:
    return total((y - t) ** 2)


@sum_of_squares.reading("mean", because="the mean squared error (23) is often offered under this name")
def _(y: Array, t: Array) -> Expression:
    return total((y - t) ** 2) / len(y)


@equation(
    28,
    tex=r"E = - \sum_k \{t_{nk} \ln y_{nk} + (1 - t_{nk}) \ln(1 - y_{nk})\}",
    errata=("the index n of the sample is never introduced; the formula is that of one sample",),
)
def binary_cross_entropy(y: Array, t: Array) -> Expression:
    """Cross-entropy, Bernoulli per output. y in (0, 1) and t in [0, 1] are vectors of K numbers."""
    return -total(t * log(y) + (1 - t) * log(1 - y))


@binary_cross_entropy.reading("mean", because="averaged over the outputs, the default reduction of most frameworks")
def _(y: Array, t: Array) -> Expression:
    return -total(t * log(y) + (1 - t) * log(1 - y)) / len(y)


@equation(
    29,
    tex=r"= - \sum_k t_k \ln y_k \quad (\text{when classification problem})",
    errata=(
        "the left side E stands in (28)",
        "printed as equal to (28), but (28) - (29) = -sum (1 - t) ln(1 - y), which is not 0: a loss of its own",
    ),
)
def cross_entropy(y: Array, t: Array) -> Expression:
    """Cross-entropy, categorical. y > 0 and t are vectors of K numbers."""
    return -total(t * log(y))


@cross_entropy.reading("mean", because="averaged over the outputs instead of summed")
def _(y: Array, t: Array) -> Expression:
    return -total(t * log(y)) / len(y)


@equation(30, tex=r"E = \ln(1 + \exp(-ty))")
def logistic_loss(y: Expression, t: Expression) -> Expression:
    """Logistic loss for labels -1 and 1. y is a real score."""
    return log(1 + exp(-t * y))  # type: ignore[no-any-return]


@logistic_loss.reading("labels_0_1", because="labels 0 and 1 are converted to -1 and 1 first, as Keras does for the hinge")
def _(y: Expression, t: Expression) -> Expression:
    return log(1 + exp(-(2 * t - 1) * y))  # type: ignore[no-any-return]


@equation(31, tex=r"E = \exp(-ty)")
def exponential_loss(y: Expression, t: Expression) -> Expression:
    """Exponential loss for labels -1 and 1. y is a real score."""
    return exp(-t * y)  # type: ignore[no-any-return]


@exponential_loss.reading("labels_0_1", because="labels 0 and 1 are converted to -1 and 1 first")
def _(y: Expression, t: Expression) -> Expression:
    return exp(-(2 * t - 1) * y)  # type: ignore[no-any-return]


@equation(32, tex=r"E = \max(1 - ty, 0)")
def hinge(y: Expression, t: Expression) -> Expression:
    """Hinge loss for labels -1 and 1. y is a real score."""
    return maximum(1 - t * y, 0)


@hinge.reading("labels_0_1", because="labels 0 and 1 are converted to -1 and 1 first, as Keras documents")
def _(y: Expression, t: Expression) -> Expression:
    return maximum(1 - (2 * t - 1) * y, 0)


@equation(33, tex=r"E = (1 - \tau) \max(y - t, 0) + \tau \max(t - y, 0)")
def quantile(y: Expression, t: Expression, tau: Expression) -> Expression:
    """Quantile (pinball) loss. 0 < tau < 1."""
    return (1 - tau) * maximum(y - t, 0) + tau * maximum(t - y, 0)


@equation(
    34,
    tex=r"E = \begin{cases} (t - y)^2 & (y \in [t - \delta, t + \delta]) \\ "
    r"2\delta \left( |t - y| - \frac{\delta}{2} \right) & (\text{otherwise}) \end{cases} \quad (\delta \in \mathbf{R}_{>0})",
)
def huber(y: Expression, t: Expression, delta: Expression) -> Expression:
    """Huber loss, unhalved. delta > 0."""
    return cases((within(y, t - delta, t + delta), (t - y) ** 2), (OTHERWISE, 2 * delta * (abs(t - y) - delta / 2)))


@huber.reading("half", because="Huber 1964 and most frameworks halve it, so that it is (t - y)^2 / 2 near t")
def _(y: Expression, t: Expression, delta: Expression) -> Expression:
    return cases((within(y, t - delta, t + delta), (t - y) ** 2 / 2), (OTHERWISE, delta * (abs(t - y) - delta / 2)))


@huber.reading("half_over_delta", because="smooth L1: the halved form divided by delta (Girshick 2015 at delta = 1)")
def _(y: Expression, t: Expression, delta: Expression) -> Expression:
    return cases(
        (within(y, t - delta, t + delta), (t - y) ** 2 / (2 * delta)), (OTHERWISE, abs(t - y) - delta / 2)
    )


@equation(35, tex=r"E = \max(|t - y| - \varepsilon, 0) \quad (\varepsilon \in \mathbf{R}_{>0})")
def epsilon_insensitive(y: Expression, t: Expression, epsilon: Expression) -> Expression:
    """Epsilon-insensitive loss. epsilon > 0."""
    return maximum(abs(t - y) - epsilon, 0)


statement("s7-decrease", "A loss falls as the output improves.", "mathematics", "framework")
statement(
    "s7-logistic",
    "(30) is the loss of logistic regression: (28) of the logistic of the score, for labels (1 + t)/2.",
    "mathematics",
    "framework",
)
statement("s7-quantile", "The constant that minimises (33) is the tau-quantile.", "mathematics", "framework")
statement("s7-huber-robust", "(34) limits the pull of outliers: its slope never exceeds 2 delta.", "mathematics", "framework")
