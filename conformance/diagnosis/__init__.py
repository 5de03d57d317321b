"""What would explain a failure: formulas that differ from the printed one in one thing, held against what the adapter returned."""
