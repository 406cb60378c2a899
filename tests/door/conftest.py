"""What the tests of the door share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.door.shell import start_warm


@pytest.fixture(scope="session", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile the engine before anything else, so that no test's standard error tells of it, and keep a process warm."""
    process = start_warm(tmp_path_factory.mktemp("warm"))
    yield
    process.close()
