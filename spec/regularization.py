"""Section 12 of the notes: regularization, equations (73) to (77)."""

from collections.abc import Callable, Mapping, Sequence

from eqwise.spec.document import AS_PRINTED, equation, statement
from eqwise.spec.numbers.expression import ONE, Array, Expression, number, sqrt, total

Factor = Callable[[Expression], Expression]


@equation(
    73,
    tex=r"J = L(t, y) + \lambda |\mathbf{W}|^2",
    errata=("the norm is Frobenius'; biases are not included",),
)
def penalized(L: Expression, weights: Sequence[Array], lambda_: Expression) -> Expression:
    """Loss with an L2 penalty. The norm is that of all weight matrices together.

    Whether a framework counts biases too, or shrinks the weights beside the gradient (decoupled decay), does not show in a
    penalty of given weights: these are no readings that the formula could have.
    """
    return L + lambda_ * total(w**2 for W in weights for w in W.ravel())  # type: ignore[no-any-return]


@penalized.reading("half", because="half of the squared norm, so that its gradient is lambda W, as in Goodfellow et al. 2016, (7.1)")
def _(L: Expression, weights: Sequence[Array], lambda_: Expression) -> Expression:
    return L + lambda_ * (total(w**2 for W in weights for w in W.ravel()) / 2)  # type: ignore[no-any-return]


@equation(
    74,
    tex=r"\mu_B = \frac{1}{m} \sum_{i=1}^m x_i",
    errata=("i is the sample here, the layer in the sentence before; statistics are per feature",),
)
def batch_mean(x: Array) -> Expression:
    """Mini-batch mean. x holds one feature of the m samples."""
    m = number(len(x))
    return 1 / m * total(x)  # type: ignore[no-any-return]


@equation(
    75,
    tex=r"\sigma_B^2 = \frac{1}{m} \sum_{i=1}^m (x_i - \mu_B)^2",
    errata=("i is the sample here, the layer in the sentence before; statistics are per feature",),
)
def batch_variance(x: Array, mu: Expression) -> Expression:
    """Mini-batch variance, with 1/m. 0 for a batch of one."""
    m = number(len(x))
    return 1 / m * total((x - mu) ** 2)  # type: ignore[no-any-return]


@equation(
    76,
    tex=r"\hat{x}_i = \frac{x_i - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}}",
    errata=(
        "epsilon is written with another letter than elsewhere",
        "inference is printed with a running average of the standard deviation, not of the variance",
    ),
)
def normalized(x: Array, mu: Expression, sigma_squared: Expression, epsilon: Expression) -> Array:
    """Batch normalization. Element by element for the m samples."""
    return (x - mu) / sqrt(sigma_squared + epsilon)  # type: ignore[no-any-return]


@equation(77, tex=r"y_i = \gamma \hat{x}_i + \beta")
def scaled(x_hat: Array, gamma: Expression, beta: Expression) -> Array:
    """Scale and shift. gamma and beta are one number for each feature."""
    return gamma * x_hat + beta  # type: ignore[no-any-return]


def l2(weights: Sequence[Array], lambda_: Expression) -> Expression:
    """The penalty of (73) alone."""
    return penalized(number(0), weights, lambda_)  # type: ignore[no-any-return]


def batch_norm(x: Array, gamma: Expression, beta: Expression, epsilon: Expression) -> Array:
    """(74) to (77) for one feature: x holds the m samples."""
    mu = batch_mean(x)
    return scaled(normalized(x, mu, batch_variance(x, mu), epsilon), gamma, beta)  # type: ignore[no-any-return]


def running(average: Expression, new: Expression, rate: Expression) -> Expression:
    """A running average; rate is the weight of what is new."""
    return (1 - rate) * average + rate * new  # type: ignore[no-any-return]


# s12.3-inference: what a running variance becomes, given the variance of a batch of m samples
RUNNING_VARIANCES: Mapping[str, Callable[[Expression, Expression, Expression, Expression], Expression]] = {
    AS_PRINTED:          lambda variance, new, m, rate: running(sqrt(variance), sqrt(new), rate) ** 2,
    "variance":          lambda variance, new, m, rate: running(variance, new, rate),
    "unbiased_variance": lambda variance, new, m, rate: running(variance, m / (m - 1) * new, rate),
}  # fmt: skip
STARTS = {  # where the running averages start, which the notes leave open; without a suffix at mean 0 and variance 1
    "from_zero": "the variance starts at 0 like the mean",
    "from_first_batch": "the first batch is taken whole",
    "from_elsewhere": "the running averages start at other values",
}


def _readings_of_inference() -> dict[str, str]:
    """What is averaged, combined with where it starts."""
    averaged = {
        AS_PRINTED: "",
        "variance": "the variance is averaged, not its root, as Keras documents it",
        "unbiased_variance": "the variance with 1/(m - 1) is averaged: Ioffe and Szegedy 2015, algorithm 2",
    }
    started = {f"{name}_{start}": f"{why}; {how}".lstrip("; ") for name, why in averaged.items() for start, how in STARTS.items()}
    return {name: why for name, why in averaged.items() if why} | started


# s12.2-inference-scale: what a kept unit is multiplied by in training, and every unit at inference, given the probability p of dropping
DROPOUT_FACTORS: Mapping[str, tuple[Factor, Factor]] = {
    AS_PRINTED:   (lambda p: ONE,         lambda p: p),
    "kept_share": (lambda p: ONE,         lambda p: 1 - p),
    "inverted":   (lambda p: 1 / (1 - p), lambda p: ONE),
}  # fmt: skip

statement(
    "s12-split",
    "Data are split into training, validation and test sets as 8:1:1 or 6:2:2.",
    "system",
)
statement(
    "s12-validation-untouched",
    "Validation and test data change no parameter.",
    "system",
)
statement(
    "s12-best-model",
    "The model that is best on validation data is kept.",
    "system",
)
statement(
    "s12-early-stopping",
    "Training stops once the validation error has risen.",
    "system",
    readings={"patience": "once it has stayed above the lowest for several epochs in a row: Goodfellow et al. 2016, algorithm 7.1"},
)
statement(
    "s12-penalty-costs-fit",
    "A penalty worsens the fit to the training data and shrinks the weights.",
    "mathematics", "system",
)
statement(
    "s12.1-shrink",
    "The L2 term pulls weights towards 0.",
    "mathematics", "framework",
)
statement(
    "s12.2-train-mask",
    "In training, dropped units give 0 and receive no gradient.",
    "framework", "system",
    erratum="weights in one sentence of the notes, units in the next",
)
statement(
    "s12.2-inference-scale",
    "At inference the output is scaled by a share.",
    "framework", "system",
    erratum="printed with the share that was dropped; the idea needs the share that was kept",
    readings={
        "kept_share": "the expected input of the next layer is then that of training: Srivastava et al. 2014, section 4",
        "inverted": "divides by the share that was kept while training, so that inference is the identity: ibid., section 10",
    },
)
statement(
    "s12.2-ensemble",
    "Inference approximates the mean over all thinned networks.",
    "mathematics", "framework",
    erratum="false under the printed share",
)
statement(
    "s12.3-init",
    "Batch normalization starts with gamma 1 and beta 0.",
    "framework", "system",
)
statement(
    "s12.3-inference",
    "Inference uses running averages and works for a single sample.",
    "framework", "system",
    erratum="printed with a running average of the deviation, where everyone averages the variance",
    readings=_readings_of_inference(),
)
statement(
    "s12.3-placement",
    "Batch normalization stands before or after the activation.",
    "system",
)
statement(
    "s12.3-rescaling",
    "Batch normalization lessens the dependence on initial values.",
    "mathematics", "framework",
)
