"""Section 9 of the notes: the gradients of a network, (40) to (56)."""
