"""What all tests share: their order."""

from __future__ import annotations

from pathlib import Path

import pytest

LONG = ("validation", "sweeps", "equivalence", "door")
"""Folders whose files take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first: `make test` gives whole files to workers in this order; none is left with a long one at the end."""

    def place(item: pytest.Item) -> int:
        here = Path(__file__).parent
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=place)
