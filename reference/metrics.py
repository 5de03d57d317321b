"""Section 6 of the notes: table 1 and the metrics (19) to (26)."""

