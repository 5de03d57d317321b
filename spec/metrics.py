"""Section 6 of the notes: evaluation metrics, table 1 and equations (19) to (26)."""

from collections.abc import Callable, Mapping

import numpy as np

from eqwise.spec.document import equation, statement
from eqwise.spec.numbers.expression import Array, Expression, number, sqrt, total


def confusion_matrix(TP: Expression, FP: Expression, FN: Expression, TN: Expression) -> Array:
    """Table 1: actual classes in rows, predicted ones in columns, the positive class first."""
    return np.array([[TP, FN], [FP, TN]], object)


TABLE_1_READINGS: Mapping[str, Callable[[Array], Array]] = {  # from the printed table
    "ascending_labels": np.flip,
    "transposed": np.transpose,
    "ascending_labels_transposed": lambda table: np.flip(table.T),
}


@equation(19, tex=r"\text{Accuracy} = \frac{\text{TP} + \text{TN}}{\text{TP} + \text{FP} + \text{FN} + \text{TN}}")
def accuracy(TP: Expression, FP: Expression, FN: Expression, TN: Expression) -> Expression:
    """Accuracy. Undefined where nothing was counted."""
    return (TP + TN) / (TP + FP + FN + TN)  # type: ignore[no-any-return]


@equation(20, tex=r"\text{Precision} = \frac{\text{TP}}{\text{TP} + \text{FP}}")
def precision(TP: Expression, FP: Expression) -> Expression:
    """Precision. Undefined where TP + FP = 0."""
    return TP / (TP + FP)  # type: ignore[no-any-return]


@equation(21, tex=r"\text{Recall} = \frac{\text{TP}}{\text{TP} + \text{FN}}")
def recall(TP: Expression, FN: Expression) -> Expression:
    """Recall. Undefined where TP + FN = 0."""
    return TP / (TP + FN)  # type: ignore[no-any-return]


@equation(
    22,
    tex=r"F = \frac{2 \cdot \text{Precision} \cdot \text{Recall}}{\text{Precision} + \text{Recall}}",
    errata=("undefined as printed whenever TP = 0; 2TP/(2TP + FP + FN) extends it",),
)
def f_measure(Precision: Expression, Recall: Expression) -> Expression:
    """F-measure. The harmonic mean of precision and recall."""
    return 2 * Precision * Recall / (Precision + Recall)  # type: ignore[no-any-return]


def f_measure_extended(TP: Expression, FP: Expression, FN: Expression) -> Expression:
    """(22) of (20) and (21), and 0 where TP = 0 leaves it undefined beside other counts."""
    return 2 * TP / (2 * TP + FP + FN)  # type: ignore[no-any-return]


@equation(23, tex=r"\text{MSE} = \frac{1}{N} \sum_{i=1}^N (t_i - y_i)^2")
def mse(t: Array, y: Array) -> Expression:
    """Mean squared error. Observations t and estimates y are vectors of N numbers."""
    N = number(len(t))
    return 1 / N * total((t - y) ** 2)  # type: ignore[no-any-return]


@equation(24, tex=r"\text{RMSE} = \sqrt{\frac{1}{N} \sum_{i=1}^N (t_i - y_i)^2}")
def rmse(t: Array, y: Array) -> Expression:
    """Root mean squared error. It has no derivative where every error is 0."""
    N = number(len(t))
    return sqrt(1 / N * total((t - y) ** 2))  # type: ignore[no-any-return]


@equation(25, tex=r"\text{MAE} = \frac{1}{N} \sum_{i=1}^N |t_i - y_i|")
def mae(t: Array, y: Array) -> Expression:
    """Mean absolute error. A kink wherever an estimate is exact."""
    N = number(len(t))
    return 1 / N * total(abs(t - y))  # type: ignore[no-any-return]


@equation(
    26,
    tex=r"R^2 = 1 - \frac{\sum_{i=1}^N (t_i - y_i)^2}{\sum_{i=1}^N (t_i - \bar{y})^2}",
    errata=(
        "the mean of the estimates, where everyone else takes that of the observations",
        "called a correlation coefficient; it is a squared one, and only for least squares with an intercept",
    ),
)
def r_squared(t: Array, y: Array) -> Expression:
    """Coefficient of determination. The mean in the denominator is that of the estimates y."""
    y_bar = total(y) / len(y)
    return 1 - total((t - y) ** 2) / total((t - y_bar) ** 2)  # type: ignore[no-any-return]


@r_squared.reading("mean_of_observations", because="the usual coefficient, as in Draper and Smith 1966 and sklearn.metrics.r2_score")
def _(t: Array, y: Array) -> Expression:
    t_bar = total(t) / len(t)
    return 1 - total((t - y) ** 2) / total((t - t_bar) ** 2)  # type: ignore[no-any-return]


statement(
    "s6-imbalance",
    "Always answering False can exceed 90 % accuracy, with a recall of 0.",
    "mathematics", "framework",
)
statement(
    "s6-harmonic",
    "The F-measure is the harmonic mean of precision and recall.",
    "mathematics", "framework",
)
statement(
    "t1-confusion",
    "Table 1: the four counts and their places, [[TP, FN], [FP, TN]].",
    "framework",
    readings={
        "ascending_labels": "rows and columns in the order of the labels, False before True, as in sklearn.metrics.confusion_matrix",
        "transposed": "predicted classes in rows, as in Powers 2011",
        "ascending_labels_transposed": "predicted classes in rows and False first, as R tabulates predictions against observations",
    },
)
statement(
    "s6-output-pairs",
    "Logistic for two classes, softmax for several, identity for regression: softmax of two is logistic.",
    "mathematics", "framework",
)
statement(
    "s6-r2-best",
    "The closer the coefficient of determination is to 1, the better.",
    "mathematics", "framework",
    erratum="false under the printed mean of the estimates, where every constant estimate scores 0",
)
statement(
    "s6-op-plot",
    "The observed-predicted plot has observations on x, estimates on y, and the diagonal.",
    "system",
)
