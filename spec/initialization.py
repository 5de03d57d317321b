"""Section 11 of the notes: initial weights, equations (69) to (72). Entered as printed; not yet transcribed."""

from eqwise.spec.document import printed, statement

printed(
    69, "Uniform initial weights on [−1, 1]",
    tex=r"W_i \sim U[-1, 1]",
    kind="law",
    errata=("independent entries are implied",),
)  # fmt: skip
printed(
    70, "Xavier initial weights",
    tex=r"W_i \sim N\left[0, \frac{1}{\sqrt{n_i}}\right]",
    kind="law",
    errata=("independent entries are implied; the second argument is a standard deviation",),
)  # fmt: skip
printed(
    71, "He initial weights",
    tex=r"W_i \sim N\left[0, \sqrt{\frac{2}{n_i}}\right]",
    kind="law",
    errata=("independent entries are implied; the second argument is a standard deviation",),
)  # fmt: skip
printed(
    72, "Standard normal initial weights",
    tex=r"W_i \sim N[0, 1]",
    kind="law",
    errata=("independent entries are implied",),
)  # fmt: skip

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
