"""What the notes say: every equation transcribed once and literally, every statement entered.

`document` is the register; `numbers` what a formula can run on; `certify` turns a formula and float inputs into a
certified answer. The other modules follow the sections of the notes, in their order and with their symbols.
"""

from eqwise.spec import (
    activations,
    backpropagation,
    gradient_descent,
    initialization,
    losses,
    metrics,
    network,
    optimizers,
    perceptron,
    regularization,
)
from eqwise.spec.document import EQUATIONS, STATEMENTS

SECTIONS = {
    "2": perceptron, "3": network, "4": activations, "6": metrics, "7": losses, "8": gradient_descent,
    "9": backpropagation, "10": optimizers, "11": initialization, "12": regularization,
}  # fmt: skip

__all__ = ["EQUATIONS", "SECTIONS", "STATEMENTS"]
