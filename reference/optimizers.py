"""Section 10 of the notes: optimizers (57) to (68), and (38)."""
