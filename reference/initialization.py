"""Section 11 of the notes: initial weights (69) to (72), and biases."""
