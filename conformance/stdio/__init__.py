"""Frameworks in processes of their own, in any language, asked over standard input and output: README.md."""
