"""Section 12 of the notes: regularization, equations (73) to (77). Entered as printed; not yet transcribed."""

from eqwise.spec.document import printed, statement

printed(
    73, "Loss with an L2 penalty",
    tex=r"J = L(t, y) + \lambda |\mathbf{W}|^2",
    errata=("the norm is Frobenius'; biases are not included",),
)  # fmt: skip
printed(
    74, "Mini-batch mean",
    tex=r"\mu_B = \frac{1}{m} \sum_{i=1}^m x_i",
    errata=("i is the sample here, the layer in the sentence before; statistics are per feature",),
)  # fmt: skip
printed(
    75, "Mini-batch variance (1/m)",
    tex=r"\sigma_B^2 = \frac{1}{m} \sum_{i=1}^m (x_i - \mu_B)^2",
    errata=("i is the sample here, the layer in the sentence before; statistics are per feature",),
)  # fmt: skip
printed(
    76, "Batch normalization",
    tex=r"\hat{x}_i = \frac{x_i - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}}",
    errata=(
        "epsilon is written with another letter than elsewhere",
        "inference is printed with a running average of the standard deviation, not of the variance",
    ),
)  # fmt: skip
printed(
    77, "Scale and shift",
    tex=r"y_i = \gamma \hat{x}_i + \beta",
)  # fmt: skip

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
