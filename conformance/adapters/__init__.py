"""The built-in adapters, one file for each framework, with its waivers beside it. Nothing is imported from here."""
