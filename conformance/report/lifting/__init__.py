"""From a live adapter and the calls of a case to the source of a program that stands alone."""
