"""The report in its forms: JSON (streamed, then sorted) and terminal."""
