"""What is checked of a layer of batch normalization: how it starts, what it remembers, how it infers."""

from collections.abc import Mapping

from eqwise.conformance.check import Check

CHECKS: Mapping[str, Mapping[str, Check]] = {}
