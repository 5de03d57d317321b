"""Correct implementations that are organised, or round, otherwise than the reference: none may be blamed. `table` lists them all."""
