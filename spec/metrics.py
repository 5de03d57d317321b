"""Section 6 of the notes: evaluation metrics, equations (19) to (26). Entered as printed; not yet transcribed."""

from eqwise.spec.document import printed, statement

printed(
    19, "Accuracy",
    tex=r"\text{Accuracy} = \frac{\text{TP} + \text{TN}}{\text{TP} + \text{FP} + \text{FN} + \text{TN}}",
)  # fmt: skip
printed(
    20, "Precision",
    tex=r"\text{Precision} = \frac{\text{TP}}{\text{TP} + \text{FP}}",
)  # fmt: skip
printed(
    21, "Recall",
    tex=r"\text{Recall} = \frac{\text{TP}}{\text{TP} + \text{FN}}",
)  # fmt: skip
printed(
    22, "F-measure",
    tex=r"F = \frac{2 \cdot \text{Precision} \cdot \text{Recall}}{\text{Precision} + \text{Recall}}",
    errata=("undefined as printed whenever TP = 0; 2TP/(2TP + FP + FN) extends it",),
)  # fmt: skip
printed(
    23, "Mean squared error",
    tex=r"\text{MSE} = \frac{1}{N} \sum_{i=1}^N (t_i - y_i)^2",
)  # fmt: skip
printed(
    24, "Root mean squared error",
    tex=r"\text{RMSE} = \sqrt{\frac{1}{N} \sum_{i=1}^N (t_i - y_i)^2}",
)  # fmt: skip
printed(
    25, "Mean absolute error",
    tex=r"\text{MAE} = \frac{1}{N} \sum_{i=1}^N |t_i - y_i|",
)  # fmt: skip
printed(
    26, "Coefficient of determination",
    tex=r"R^2 = 1 - \frac{\sum_{i=1}^N (t_i - y_i)^2}{\sum_{i=1}^N (t_i - \bar{y})^2}",
    errata=(
        "the mean of the estimates, where everyone else takes that of the observations",
        "called a correlation coefficient; it is a squared one, and only for least squares with an intercept",
    ),
)  # fmt: skip

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
