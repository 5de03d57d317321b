"""Section 9 of the notes: back-propagation, equations (40) to (56). Entered as printed; not yet transcribed."""

from eqwise.spec.document import printed, statement

printed(
    40, "Affine map with the bias in row 0",
    tex=r"\mathbf{u}^{(l)} = \boldsymbol{\theta}^{(l)\top} \mathbf{h}^{(l-1)}",
    errata=("h of layer l - 1 has a leading 1, which is not written; h of layer 0 is (1, x)",),
)  # fmt: skip
printed(
    41, "Activation of a layer",
    tex=r"\mathbf{h}^{(l)} = f^{(l)}(\mathbf{u}^{(l)})",
)  # fmt: skip
printed(
    42, "Affine map, components",
    tex=r"u_j^{(l)} = \sum_i \theta_{ij}^{(l)} h_i^{(l-1)}",
    kind="restatement",
    restates=40,
)  # fmt: skip
printed(
    43, "Activation, components",
    tex=r"h_j^{(l)} = f^{(l)}(u_j^{(l)})",
    kind="restatement",
    restates=41,
    errata=("f must act on each element: softmax does not",),
)  # fmt: skip
printed(
    44, "Gradient of a weight by the chain rule",
    tex=r"\frac{\partial E}{\partial \theta_{ij}^{(l)}} = \frac{\partial E}{\partial u_j^{(l)}} \frac{\partial"
    r" u_j^{(l)}}{\partial \theta_{ij}^{(l)}}",
    kind="theorem",
    errata=("holds where theta acts only through u: no tied weights, no penalty",),
)  # fmt: skip
printed(
    45, "Pre-activation by its weight",
    tex=r"\frac{\partial u_j^{(l)}}{\partial \theta_{ij}^{(l)}} = h_i^{(l-1)}",
    kind="theorem",
)  # fmt: skip
printed(
    46, "Error signal δ",
    tex=r"\delta_j^{(l)} \equiv \frac{\partial E}{\partial u_j^{(l)}}",
)  # fmt: skip
printed(
    47, "Weight gradient, components",
    tex=r"\frac{\partial E}{\partial \theta_{ij}^{(l)}} = \delta_j^{(l)} h_i^{(l-1)}",
    kind="theorem",
)  # fmt: skip
printed(
    48, "Weight gradient, outer product",
    tex=r"\frac{\partial E}{\partial \theta^{(l)}} = \mathbf{h}^{(l-1)} \boldsymbol{\delta}^{(l)T}",
    kind="theorem",
    errata=("theta is not bold",),
)  # fmt: skip
printed(
    49, "δ through the next layer",
    tex=r"\frac{\partial E}{\partial u_j^{(l)}} = \sum_k \frac{\partial E}{\partial u_k^{(l+1)}} "
    r"\frac{\partial u_k^{(l+1)}}{\partial u_j^{(l)}}",
    kind="theorem",
)  # fmt: skip
printed(
    50, "Link between neighbouring pre-activations",
    tex=r"\frac{\partial u_k^{(l+1)}}{\partial u_j^{(l)}} = \frac{\partial u_k^{(l+1)}}{\partial h_j^{(l)}} "
    r"\frac{\partial h_j^{(l)}}{\partial u_j^{(l)}} = \theta_{jk}^{(l+1)} f^{(l)'}(u_j^{(l)})",
    kind="theorem",
)  # fmt: skip
printed(
    51, "Back-propagation of δ, components",
    tex=r"\delta_j^{(l)} = \sum_k \delta_k^{(l+1)} \theta_{jk}^{(l+1)} f^{(l)'}(u_j^{(l)})",
    kind="theorem",
)  # fmt: skip
printed(
    52, "Back-propagation of δ, vector",
    tex=r"\boldsymbol{\delta} = \boldsymbol{\theta}^{(l+1)} \boldsymbol{\delta}^{(l+1)} \odot "
    r"f^{(l)'}(\mathbf{u}^{(l)})",
    kind="theorem",
    errata=(
        "the left side lacks the layer (l)",
        "row 0 of theta, the biases, is dropped first; theta is that before its update",
    ),
)  # fmt: skip
printed(
    53, "Identity output",
    tex=r"\mathbf{y} = \mathbf{h}^{(L)} = \mathbf{u}^{(L)}",
    errata=("h is without the leading 1 here",),
)  # fmt: skip
printed(
    54, "Sum of squares as a norm",
    tex=r"E = \frac{1}{2} \|\mathbf{y} - \mathbf{t}\|^2 = \frac{1}{2} \sum_i (y_i - t_i)^2",
    kind="restatement",
    restates=27,
    errata=("the index is i for k",),
)  # fmt: skip
printed(
    55, "Output δ, regression, components",
    tex=r"\delta_i^{(L)} = \frac{\partial E}{\partial u_i^{(L)}} = \frac{\partial E}{\partial y_i} = y_i - t_i",
    kind="theorem",
    errata=("the middle member holds for the identity output only",),
)  # fmt: skip
printed(
    56, "Output δ, vector",
    tex=r"\boldsymbol{\delta}^{(L)} = \mathbf{y} - \mathbf{t}",
    kind="theorem",
    errata=("with softmax and (29) it needs the targets to add up to 1",),
)  # fmt: skip

statement(
    "s9-cost",
    "Back-propagation costs a constant number of passes, numerical differentiation two for each parameter.",
    "framework",
)
statement(
    "s9-procedure",
    "One training step: forward, output delta, deltas backwards, gradients, update.",
    "framework", "system",
)
statement(
    "s9-output-deltas",
    "(56) holds for identity with (27), logistic with (28), and softmax with (29).",
    "mathematics", "framework",
)
