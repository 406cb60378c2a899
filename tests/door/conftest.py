"""What the tests of the door share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _compiled(warm: None) -> None:
    """Compile the engine before anything else, so that no test's standard error tells of it."""
