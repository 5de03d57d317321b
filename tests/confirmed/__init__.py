"""What confirms the transcriptions: for every equation and reading, values that do not come from them."""
