"""The cache of compiled code: bounded, shown, and cleared without touching what is not ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sim import jit
from tests.door.shell import finish, start

HASHES = [f"{k:016x}" for k in range(1, 8)]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the user's own, which others of this machine do not share."""
    monkeypatch.setenv("MOBSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path / "cache"


def fill(root: Path, name: str, age: int, n_bytes: int = 1000) -> Path:
    folder = root / "compiled" / name
    (folder / "engine").mkdir(parents=True)
    (folder / "engine" / "code.nbc").write_bytes(bytes(n_bytes))
    os.utime(folder, (1e9 - age, 1e9 - age))
    return folder


def test_the_newest_few_versions_are_kept(root: Path) -> None:
    folders = [fill(root, name, age) for age, name in enumerate(HASHES)]
    mine = fill(root, "notes", 1000)
    current = jit.cache_folder()
    assert [path for path in folders if path.exists()] == folders[: jit.MOST_FOLDERS - 1]
    assert jit.cached_folders() == [current, *folders[: jit.MOST_FOLDERS - 1]]
    assert mine.exists()


def test_what_is_too_much_goes_from_the_oldest_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "MOST_BYTES", 5000)
    newest, older, oldest = (fill(root, name, age, n) for age, (name, n) in
                             enumerate(zip(HASHES, (2000, 2500, 1000), strict=False)))  # fmt: skip
    assert jit.size_of(older) == 2500
    current = jit.cache_folder()
    assert [newest.exists(), older.exists(), oldest.exists()] == [True, True, False]
    (current / "code.nbc").write_bytes(bytes(1000))
    jit.cache_folder()
    assert [current.exists(), newest.exists(), older.exists()] == [True, True, False]


@pytest.mark.slow
def test_the_cache_is_shown_and_cleared(root: Path, tmp_path: Path) -> None:
    old, mine = fill(root, HASHES[0], 10, 2_500_000), fill(root, "notes", 10)
    shown = finish(start(["-m", "sim.cache"], tmp_path))
    assert (shown.code, shown.err) == (0, "")
    assert f"2.5 MB  {old}\n" in shown.out
    assert f"{jit.source_hash()}  (in use)\n" in shown.out
    assert "2.5 MB in all" in shown.out
    cleared = finish(start(["-m", "sim.cache", "clear"], tmp_path))
    assert (cleared.code, cleared.out, cleared.err) == (0, "2.5 MB of compiled code removed\n", "")
    assert [path.name for path in (root / "compiled").iterdir()] == [mine.name]
    assert finish(start(["-m", "sim.cache", "sweep"], tmp_path)).code == 2
    assert "show,clear" in finish(start(["-m", "sim.cache", "--help"], tmp_path)).out


HEAVY = ("numba", "scipy", "pandas", "pyarrow", "matplotlib", "sklearn", "pyabc", "SALib", "sqlalchemy", "distributed")
"""What takes long to import, and an answer about options does not need."""


@pytest.mark.slow
def test_help_imports_nothing_heavy_and_compiles_nothing(root: Path, tmp_path: Path) -> None:
    code = (
        "import atexit, runpy, sys\n"
        f"atexit.register(lambda: sys.stderr.write(' '.join(name for name in {HEAVY!r} if name in sys.modules)))\n"
        "sys.argv[:] = ['sim', '--help']\n"
        "runpy.run_module('sim', run_name='__main__')\n"
    )
    answer = finish(start(["-c", code], tmp_path))
    assert (answer.code, answer.err) == (0, "")
    assert "population" in answer.out
    assert not root.exists()
