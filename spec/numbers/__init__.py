"""The numbers that a formula can run on.

A formula is written over *symbols* (`expression`); running it once on symbols gives its expression graph. Everything
else follows from that graph:

program     the graph compiled for balls, power series, rationals or NumPy floats
tape        the graph of the gradient, by reverse accumulation
bounds      how much rounding the inputs, or the printed program, excuse
formats     float64, float32, float16, bfloat16: spacing, rounding, ordinals
printing    the graph as a line of text and as a JSON tree

    >>> from eqwise.spec.numbers.expression import symbol
    >>> from eqwise.spec.numbers.printing import text
    >>> from eqwise.spec.activations import softplus
    >>> text(softplus(symbol("x")))
    'log(1 + exp(x))'
"""
