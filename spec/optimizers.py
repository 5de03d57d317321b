"""Section 10 of the notes: optimizers, equations (57) to (68). Entered as printed; not yet transcribed."""

from eqwise.spec.document import printed

printed(
    57, "Stochastic gradient descent",
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}}",
    kind="restatement",
    restates=38,
)  # fmt: skip
printed(
    58, "Momentum: velocity",
    tex=r"\mathbf{v} \leftarrow \alpha \mathbf{v} - \eta \frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start v = 0 is implied",),
)  # fmt: skip
printed(
    59, "Momentum: step",
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} + \mathbf{v}",
    kind="update",
)  # fmt: skip
printed(
    60, "AdaGrad: accumulated squares",
    tex=r"\mathbf{h} \leftarrow \mathbf{h} + \frac{\partial E}{\partial \boldsymbol{\theta}} \odot "
    r"\frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start h = 0 is implied",),
)  # fmt: skip
printed(
    61, "AdaGrad: step",
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta \frac{1}{\sqrt{\mathbf{h}}} \frac{\partial"
    r" E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=(
        "the product with the gradient is element by element",
        "0/0 for a zero gradient at the start",
    ),
)  # fmt: skip
printed(
    62, "RMSprop: moving mean of squares",
    tex=r"\mathbf{h} \leftarrow \alpha \mathbf{h} + (1 - \alpha) \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}} \odot \frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start h = 0 is implied",),
)  # fmt: skip
printed(
    63, "RMSprop: step",
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta \frac{1}{\sqrt{\mathbf{h} + \varepsilon}} "
    r"\frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=(
        "the product with the gradient is element by element",
        "how far the radical reaches, and so where epsilon stands, was read from a transcription",
    ),
)  # fmt: skip
printed(
    64, "Adam: first moment",
    tex=r"\mathbf{m} \leftarrow \beta_1 \mathbf{m} + (1 - \beta_1) \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}}",
    kind="update",
    errata=("the start m = 0 is implied",),
)  # fmt: skip
printed(
    65, "Adam: second moment",
    tex=r"\mathbf{v} \leftarrow \beta_2 \mathbf{v} + (1 - \beta_2) \frac{\partial E}{\partial "
    r"\boldsymbol{\theta}} \odot \frac{\partial E}{\partial \boldsymbol{\theta}}",
    kind="update",
    errata=("the start v = 0 is implied",),
)  # fmt: skip
printed(
    66, "Adam: bias-corrected first moment",
    tex=r"\hat{\mathbf{m}} = \frac{\mathbf{m}}{1 - \beta_1^t}",
    kind="update",
    errata=("t is a power and starts at 1",),
)  # fmt: skip
printed(
    67, "Adam: bias-corrected second moment",
    tex=r"\hat{\mathbf{v}} = \frac{\mathbf{v}}{1 - \beta_2^t}",
    kind="update",
    errata=("t is a power and starts at 1",),
)  # fmt: skip
printed(
    68, "Adam: step",
    tex=r"\boldsymbol{\theta} \leftarrow \boldsymbol{\theta} - \eta "
    r"\frac{\hat{\mathbf{m}}}{\sqrt{\hat{\mathbf{v}} + \varepsilon}}",
    kind="update",
    errata=(
        "the quotient is element by element",
        "how far the radical reaches, and so where epsilon stands, was read from a transcription",
    ),
)  # fmt: skip
