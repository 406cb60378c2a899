"""What all tests share: their order, and a process that is warm."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before NumPy is imported: workers that each have a thread for every processor mostly wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LONG = ("validation", "sweeps", "equivalence", "door")
"""Folders whose files take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first: `make test` gives whole files to workers in this order; none is left with a long one at the end."""

    def place(item: pytest.Item) -> int:
        here = Path(__file__).parent
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what all tests have, and look at the rest more rarely: a tenth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 100)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the process that `tests.door.shell.forked_sim` forks, for as long as tests run."""
    from tests.door.shell import start_warm

    process = start_warm(tmp_path_factory.mktemp("warm"))
    yield
    process.close()
