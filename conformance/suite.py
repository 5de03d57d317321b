"""Runs the suite from wherever it is installed."""

import pytest

_SUITE = (
    "-p", "eqwise.conformance.plugin", "--pyargs", "eqwise.conformance", "-o", "addopts=", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # the plugin is imported before pytest could rewrite it
)  # fmt: skip


def run(adapter: str, *options: str) -> int:
    """Pytest on the whole suite, for an adapter, with options of pytest and of the suite; returns the exit status."""
    return int(pytest.main([*_SUITE, "--adapter", adapter, *options]))
