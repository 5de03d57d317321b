"""All wrong implementations, in the order of the notes: importing this module enters them in `WRONG`."""

from dataclasses import replace

from eqwise.conformance.loading import load
from wrong import (  # noqa: F401
    planted_fifth,
    planted_fourth,
    planted_later,
    planted_third,
    sections_2_to_7,
    sections_6_to_9,
    sections_10_to_12,
    sizes_and_layouts,
)
from wrong.methods import WRONG

_DECLARED = load("reference", {})[1]
_AVERAGED = {("batch_norm_layer", "s12.3-inference"): "variance"}  # by the layers that the wrong ones are made from
KNOWN = replace(_DECLARED, readings={**_DECLARED.readings, **_AVERAGED})

__all__ = ["KNOWN", "WRONG"]
