"""The hand-written wrong implementations, which are tests of the project and in no wheel."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eqwise import conformance
from eqwise.conformance.strength.detection import Planted
from eqwise.conformance.waivers import Known

FOLDER = Path("tests") / "wrong"


def collected() -> tuple[Mapping[str, Planted], Known]:
    """All of them by name, and what is known of the implementations that they are made from.

    They are looked for in the clone whose suite this is, or else in the current folder; FileNotFoundError where they are in neither.
    """
    if "wrong.collection" in sys.modules:
        return _of(sys.modules["wrong.collection"])
    homes = [Path(conformance.__path__[0]).parent, Path.cwd()]
    home = next((home for home in homes if (home / FOLDER / "collection.py").is_file()), None)
    if home is None:
        looked = " nor in ".join(map(str, homes))
        raise FileNotFoundError(f"the wrong implementations are in a clone of the project, in {FOLDER}: not in {looked}")
    sys.path.insert(0, str(home / "tests"))
    return _of(importlib.import_module("wrong.collection"))


def _of(module: Any) -> tuple[Mapping[str, Planted], Known]:
    return module.WRONG, module.KNOWN
