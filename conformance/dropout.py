"""What is checked of dropout: its masks, its scale, its gradients."""

from collections.abc import Mapping

from eqwise.conformance.check import Check

CHECKS: Mapping[str, Mapping[str, Check]] = {}
