"""All wrong implementations, in the order of the notes: importing this module enters them in `WRONG`."""

from wrong import sections_2_to_7, sections_6_to_9, sections_10_to_12  # noqa: F401
from wrong.methods import WRONG

__all__ = ["WRONG"]
