"""Puts this folder on the path, so that the tests find the wrong implementations; thins out what asks much of many of them."""

import sys
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--every", action="store_true", help="all cases of tests that are marked one_in(n), as -k asks for them too")


def pytest_configure(config):
    config.addinivalue_line("markers", "one_in(n): only one in n of the cases is run by default, always the same")


def pytest_collection_modifyitems(config, items):
    if config.option.every or config.option.keyword:
        return
    marks = [item.get_closest_marker("one_in") for item in items]
    left = [item for item, mark in zip(items, marks, strict=True) if mark and crc32(item.nodeid.encode()) % mark.args[0]]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
