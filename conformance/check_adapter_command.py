"""``eqwise check-adapter``: whether an adapter in another process keeps the protocol."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from eqwise.conformance.loading import load, options_in
from eqwise.conformance.report.text import plain
from eqwise.conformance.stdio.checking import checked
from eqwise.conformance.stdio.client import StdioAdapter

WIDTH = 79


def add_parser(commands: Any) -> None:
    """The options of the command."""
    parser = commands.add_parser("check-adapter", help="whether an adapter in another process keeps the protocol")
    parser.add_argument("adapter", help="stdio:COMMAND, tfjs, or any adapter of Python, which is served")
    parser.add_argument("--adapter-option", action="append", default=[], metavar="KEY=VALUE", help="passed to the adapter")


def run(known: argparse.Namespace) -> int:
    """A line for each check; exit status 1 if one fails."""
    options = options_in(known.adapter_option)
    adapter = load(known.adapter, options, isolate=True)[0]
    assert isinstance(adapter, StdioAdapter)
    print(plain(f"{adapter.name} {adapter.version}: {len(adapter.operations)} operations in {', '.join(adapter.dtypes)}"))
    failed = False
    for outcome, what, why in checked(adapter):
        failed = failed or outcome == "FAIL"
        print(f"{outcome:<5}{what}")
        for line in textwrap.wrap(plain(why), WIDTH - 7):
            print(f"       {line}")
    return int(failed)
