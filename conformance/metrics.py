"""What is checked of the classification metrics (19) to (22) and of table 1, beyond what every operation is checked for."""

from collections.abc import Mapping

from eqwise.conformance.check import Check

CHECKS: Mapping[str, Mapping[str, Check]] = {}
