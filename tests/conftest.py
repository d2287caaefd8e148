"""For all tests."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import pytest

SLOW_FILE = re.compile(r"^pytestmark = pytest\.mark\.slow$", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where slow tests are not asked for, a file of nothing else is not imported: some take long to be collected."""
    if config.option.markexpr != "not slow" or not collection_path.match("test_*.py"):
        return None
    return bool(SLOW_FILE.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_finish() -> None:
    """What the tests' modules have brought (PyTorch, BERTopic, schemas) stays, so garbage is not looked for in it.

    It is a gigabyte of objects in each of the processes, through which every full collection would go.
    """
    gc.collect()
    gc.freeze()
