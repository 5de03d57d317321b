"""Imports run one way: conformance to spec and reference, and between those two nothing."""

import ast
from importlib import resources
from pathlib import Path

import pytest

ALLOWED = {"spec": {"spec"}, "reference": {"reference"}, "conformance": {"spec", "reference", "conformance"}}


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_follow_the_arrows(part):
    """No module imports against the arrows, and none relatively."""
    for file in Path(str(resources.files(f"eqwise.{part}"))).rglob("*.py"):
        for entry in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in entry.names] if isinstance(entry, ast.Import) else []
            if isinstance(entry, ast.ImportFrom):
                assert not entry.level, f"{file} imports relatively"
                names = [str(entry.module)]
            for name in names:
                if name.startswith("eqwise."):
                    assert name.split(".")[1] in ALLOWED[part], f"{file} imports {name}"
