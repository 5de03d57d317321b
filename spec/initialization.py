"""Section 11 of the notes: initial weights, equations (69) to (72). n_i counts the inputs of a layer, n_o its outputs."""

from eqwise.spec.distributions import Distribution, normal, uniform
from eqwise.spec.document import equation, statement
from eqwise.spec.numbers.expression import Expression, sqrt

_INDEPENDENT = "independent entries are implied"
_DEVIATION = "the second argument is a standard deviation: with He's as a variance, ReLU would not keep the second moment"
_CUT = "drawn again beyond two deviations, as TensorFlow's truncated_normal and JAX's truncated_normal initializers do"
_CUT_RESCALED = "drawn again beyond two deviations and divided by 0.8796…, which restores the deviation: variance_scaling in Keras and JAX"


@equation(69, tex=r"W_i \sim U[-1, 1]", kind="law", errata=(_INDEPENDENT,))
def uniform_weights(n_i: Expression, n_o: Expression) -> Distribution:
    """Uniform initial weights. On [−1, 1], whatever the layer."""
    return uniform(-1, 1)


@equation(70, tex=r"W_i \sim N\left[0, \frac{1}{\sqrt{n_i}}\right]", kind="law", errata=(_INDEPENDENT, _DEVIATION))
def xavier_weights(n_i: Expression, n_o: Expression) -> Distribution:
    """Xavier initial weights. By the number of inputs alone."""
    return normal(0, 1 / sqrt(n_i))


@xavier_weights.reading("fan_average", because="Glorot and Bengio 2010 ask for the variance 2/(inputs + outputs) in their (12)")
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, sqrt(2 / (n_i + n_o)))


@xavier_weights.reading("truncated_at_two", because=_CUT)
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, 1 / sqrt(n_i), within=2)


@xavier_weights.reading("truncated_at_two_rescaled", because=_CUT_RESCALED)
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, 1 / sqrt(n_i), within=2, rescaled=True)


@xavier_weights.reading("fan_average_truncated_at_two", because="glorotNormal of TensorFlow.js does both")
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, sqrt(2 / (n_i + n_o)), within=2)


@xavier_weights.reading("fan_average_truncated_at_two_rescaled", because="glorot_normal of Keras and of JAX does both")
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, sqrt(2 / (n_i + n_o)), within=2, rescaled=True)


@equation(71, tex=r"W_i \sim N\left[0, \sqrt{\frac{2}{n_i}}\right]", kind="law", errata=(_INDEPENDENT, _DEVIATION))
def he_weights(n_i: Expression, n_o: Expression) -> Distribution:
    """He initial weights. By the number of inputs alone."""
    return normal(0, sqrt(2 / n_i))


@he_weights.reading("fan_average", because="the mean of inputs and outputs, offered beside the inputs: mode fan_avg in Keras and JAX")
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, sqrt(2 / ((n_i + n_o) / 2)))


@he_weights.reading("truncated_at_two", because=_CUT)
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, sqrt(2 / n_i), within=2)


@he_weights.reading("truncated_at_two_rescaled", because=_CUT_RESCALED)
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, sqrt(2 / n_i), within=2, rescaled=True)


@equation(72, tex=r"W_i \sim N[0, 1]", kind="law", errata=(_INDEPENDENT,))
def normal_weights(n_i: Expression, n_o: Expression) -> Distribution:
    """Standard normal initial weights. Here deviation and variance are the same."""
    return normal(0, 1)


@normal_weights.reading("truncated_at_two", because=_CUT)
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, 1, within=2)


@normal_weights.reading("truncated_at_two_rescaled", because=_CUT_RESCALED)
def _(n_i: Expression, n_o: Expression) -> Distribution:
    return normal(0, 1, within=2, rescaled=True)


statement(
    "s11-symmetry",
    "Units that start equal stay equal.",
    "mathematics", "system",
    erratum="outgoing weights must be equal too",
)
statement(
    "s11-variance",
    "Too small initial weights make all outputs alike, too large ones saturate the logistic function.",
    "mathematics", "system",
)
statement(
    "s11-xavier-he",
    "He's weights suit ReLU, Xavier's the others: they keep the second moment from layer to layer.",
    "mathematics", "system",
)
statement(
    "s11-bias-zero",
    "Biases start at 0.",
    "framework", "system",
)
