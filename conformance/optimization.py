"""What is checked of optimizers, (38) and (57) to (68): every step, and every part of their state."""

from collections.abc import Mapping

from eqwise.conformance.check import Check

CHECKS: Mapping[str, Mapping[str, Check]] = {}
