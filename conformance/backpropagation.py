"""What is checked of the gradients of a network, (40) to (56): the whole, and each equation on its own."""

from collections.abc import Mapping

from eqwise.conformance.check import Check

CHECKS: Mapping[str, Mapping[str, Check]] = {}
