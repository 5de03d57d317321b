"""Section 8 of the notes: numerical differentiation (39)."""
