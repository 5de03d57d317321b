"""What is checked of initial weights, (69) to (72), and of biases: the laws that they are drawn from."""

from collections.abc import Mapping

from eqwise.conformance.check import Check

CHECKS: Mapping[str, Mapping[str, Check]] = {}
