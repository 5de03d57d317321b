"""TensorFlow.js, which `tfjs.mjs` beside this file asks, in a process of Node.js."""

from pathlib import Path

from eqwise.conformance.stdio.client import StdioAdapter


class TfjsAdapter(StdioAdapter):
    """``--adapter-option node=PATH`` names another Node.js."""

    def __init__(self, node: str = "node", **options: str) -> None:
        super().__init__([node, str(Path(__file__).with_suffix(".mjs"))], **options)
