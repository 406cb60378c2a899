"""What the tests of the door share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.door.shell import TINY, python_sim


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile the engine before anything else, so that no test's standard error tells of it."""
    folder: Path = tmp_path_factory.mktemp("compile")
    answer = python_sim(*TINY, "throttle=none", "study.nulls=[]", folder=folder)
    assert answer.code == 0, answer.err
