"""The built-in reference, for whoever holds an adapter against it.

It is imported when it is first used: coverage starts after pytest has loaded the suite's plugin, and would not see the lines of
`eqwise.reference` that run on import.
"""

from functools import cache
from typing import Any

from eqwise.conformance.loading import load


@cache
def reference() -> Any:
    """The adapter of the reference, the same one each time."""
    return load("reference", {})[0]
