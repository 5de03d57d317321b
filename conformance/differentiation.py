"""What is checked of numerical differentiation, (39)."""

from collections.abc import Mapping

from eqwise.conformance.check import Check

CHECKS: Mapping[str, Mapping[str, Check]] = {}
