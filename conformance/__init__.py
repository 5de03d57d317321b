"""Runs any framework, through a thin adapter, against the formulas of the notes."""
