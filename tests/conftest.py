"""For all tests."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """What the tests' modules have brought (PyTorch, BERTopic, schemas) stays, so garbage is not looked for in it.

    It is a gigabyte of objects in each of the processes, through which every full collection would go.
    """
    gc.collect()
    gc.freeze()
