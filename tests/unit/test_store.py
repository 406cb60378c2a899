"""The store: content-addressed, whole or not at all, and never a wrong run from a damaged file."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import sim
from sim.engine.simulate import Record
from sim.errors import InputError
from sim.study import whole
from sim.study.store import Store, run_key
from sim.study.whole import clear_leftovers, is_partial, whole_folder, write_whole

KEY = "ab" + "0" * 62


def small_record(first: int = 0) -> Record:
    """Return a record of 20 minutes, 2 channels and 3 provinces, filled with distinct numbers."""
    shapes = {"counts": (20, 2, 8), "snapshots": (20, 8), "heard_on": (20, 2), "squares": (2, 3), "departures": (20,),
              "heard_awake": (20,), "decided": (20, 5)}  # fmt: skip
    parts = {
        name: np.arange(first, first + np.prod(shape), dtype=np.int32).reshape(shape) for name, shape in shapes.items()
    }
    return Record(
        **parts, totals=np.arange(12).reshape(2, 6),
        scalars={"people": 7.0, "awake_at_news": 5.0, "participants": 3.0, "events": 1e6},
    )  # fmt: skip


def assert_same(one: Record, other: Record) -> None:
    ours, theirs = one.arrays(), other.arrays()
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], strict=True, err_msg=name)


def is_same(one: Record, other: Record) -> bool:
    ours, theirs = one.arrays(), other.arrays()
    return ours.keys() == theirs.keys() and all(
        ours[n].dtype == theirs[n].dtype and np.array_equal(ours[n], theirs[n]) for n in ours
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_put_is_found(store: Store) -> None:
    assert store.get(KEY) is None
    store.put(KEY, small_record())
    found = store.get(KEY)
    assert found is not None
    assert_same(found, small_record())
    assert found.scalars == small_record().scalars
    assert store.folder is not None
    assert files(store.folder) == [store.path(KEY)]


def test_a_real_run_comes_back_to_the_last_bit(store: Store) -> None:
    night = sim.load("population.size=150", "throttle=july15")
    record = sim.simulate(night, 3).record
    store.put(KEY, record)
    found = store.get(KEY)
    assert found is not None
    assert_same(found, record)


def test_another_put_takes_the_place_of_the_first(store: Store) -> None:
    store.put(KEY, small_record())
    store.put(KEY, small_record(100))
    found = store.get(KEY)
    assert found is not None
    assert_same(found, small_record(100))


def test_without_a_folder_nothing_is_kept() -> None:
    store = Store(None)
    store.put(KEY, small_record())
    assert store.get(KEY) is None


def test_the_key_names_all_that_decides_a_run() -> None:
    night = sim.load("population.size=150")
    other = sim.load("population.size=150", "throttle=none")
    keys = [
        run_key(night, 1, 1, None, "compiled"), run_key(other, 1, 1, None, "compiled"),
        run_key(night, 2, 1, None, "compiled"), run_key(night, 1, 2, None, "compiled"),
        run_key(night, 1, 1, 60_000, "compiled"), run_key(night, 11, 1, None, "compiled"),
        run_key(night, 1, 11, None, "compiled"), run_key(night, 1, 1, None, "reference"),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 64 for key in keys)
    assert run_key(sim.load("population.size=150"), 1, 1, None, "compiled") == keys[0]


def _damages(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the file cut short, with a byte changed, with a stretch zeroed, and things that are no such file at all."""
    yield "empty", b""
    yield "text", b"not a run"
    for length in range(1, len(whole), 97):
        yield f"cut to {length}", whole[:length]
    # Every byte of the directory at the end, and some of the rest.
    for place in {*range(0, len(whole), 7), *range(len(whole) - 1100, len(whole))}:
        yield f"byte {place} changed", whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
    for place in range(0, len(whole) - 64, 61):
        yield f"zeros from {place}", whole[:place] + bytes(64) + whole[place + 64 :]
    yield "two files in one", whole + whole[: len(whole) // 2]


def test_a_damaged_file_is_missing_or_whole_but_never_wrong(store: Store) -> None:
    record = small_record()
    store.put(KEY, record)
    path = store.path(KEY)
    whole = path.read_bytes()
    faults = []
    for what, damaged in _damages(whole):
        path.write_bytes(damaged)
        try:
            found = store.get(KEY)
        except Exception as error:
            faults.append(f"{what}: {type(error).__name__}: {error}")
            continue
        if found is not None and not is_same(found, record):
            faults.append(f"{what}: another run was found")
    assert faults == []


@pytest.mark.parametrize("change", ["fewer arrays", "another length", "another kind"])
def test_a_whole_file_of_another_shape_counts_as_missing(store: Store, change: str) -> None:
    parts = small_record().arrays()
    if change == "fewer arrays":
        del parts["heard_awake"]
    elif change == "another length":
        parts["departures"] = parts["departures"][:-1]
    else:
        parts["counts"] = np.array(["text"])
    path = store.path(KEY)
    path.parent.mkdir(parents=True)
    np.savez_compressed(path, **parts)
    assert store.get(KEY) is None


def test_a_folder_in_the_place_of_a_run_counts_as_missing(store: Store) -> None:
    store.path(KEY).mkdir(parents=True)
    assert store.get(KEY) is None


def test_a_store_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"study\.store is .*file/store.*cannot be written"):
        Store(tmp_path / "file" / "store")


def test_a_full_disk_is_told_and_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(InputError, match="No space left on device"):
        store.put(KEY, small_record())
    assert store.folder is not None
    assert files(store.folder) == []


def test_a_full_disk_leaves_the_earlier_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(KEY, small_record())

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError):
        store.put(KEY, small_record(100))
    monkeypatch.undo()
    found = store.get(KEY)
    assert found is not None
    assert_same(found, small_record())
    assert store.folder is not None
    assert files(store.folder) == [store.path(KEY)]


def test_many_threads_may_put_and_get_one_run(store: Store) -> None:
    record = small_record()

    def work(_: int) -> None:
        store.put(KEY, record)
        found = store.get(KEY)
        assert found is not None
        assert_same(found, record)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))
    assert store.folder is not None
    assert files(store.folder) == [store.path(KEY)]


# -- files that appear whole or not at all


def test_a_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.txt"
    with write_whole(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename within one file system
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert files(tmp_path) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "table.txt"
    path.write_text("old")

    def write() -> None:
        with write_whole(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert files(tmp_path) == [path]


def test_others_may_read_what_the_user_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with write_whole(tmp_path / "table.txt") as temporary:
            temporary.write_text("whole")
        assert stat.S_IMODE((tmp_path / "table.txt").stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_threads_do_not_change_each_others_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mask belongs to the process: whoever sets it to read it lets another thread's file be writable by everybody."""
    real, lock, inside, most = os.umask, threading.Lock(), 0, 0

    def slow(mask: int) -> int:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        found = real(mask)
        threading.Event().wait(0.002)
        with lock:
            inside -= 1
        return found

    before = real(0o022)
    try:
        monkeypatch.setattr(os, "umask", slow)

        def write(number: int) -> None:
            with write_whole(tmp_path / f"{number}.txt") as temporary:
                temporary.write_text("whole")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(64)))
        monkeypatch.undo()
        assert {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path)} == {0o644}
        assert real(0o022) == 0o022
    finally:
        real(before)


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def test_what_a_crash_left_in_the_store_is_no_run_and_goes_after_a_day(store: Store) -> None:
    store.put(KEY, small_record())
    beside = store.path(KEY).parent
    old, fresh = beside / ".partial-1.run", beside / ".partial-2.run"
    for path in (old, fresh):
        path.write_bytes(store.path(KEY).read_bytes())
    age(old, 2)
    whole._made.cache_clear()  # another process, which looks once at a folder
    store.put(KEY[:-1] + "1", small_record())
    assert store.get(KEY[:-1] + "2") is None
    assert not old.exists()
    assert fresh.exists()


# -- folders that appear whole or not at all


def fill(folder: Path, text: str) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / f"{text}.txt").write_text(text)
    (folder / "table.txt").write_text(text)


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files(folder)}


WHOLE_OLD, WHOLE_NEW = ({"table.txt": t, f"inner/{t}.txt": t} for t in ("old", "new"))


@pytest.mark.parametrize("can_exchange", [True, False])
@pytest.mark.parametrize("before", ["nothing", "empty", "old", "a link"])
def test_a_folder_takes_the_place_of_another(
    before: str, can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_exchange:
        monkeypatch.setattr(whole, "_exchanged", lambda *_: False)
    place = tmp_path / "run"
    if before == "a link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to("elsewhere")
    elif before != "nothing":
        place.mkdir(mode=0o750)
    if before in ("old", "a link"):
        fill(place, "old")
    with whole_folder(place) as temporary:
        fill(temporary, "new")
        assert is_partial(temporary / "table.txt")
        assert texts(place) == (WHOLE_OLD if before in ("old", "a link") else {})
    assert texts(place) == WHOLE_NEW
    assert [p for p in tmp_path.iterdir() if is_partial(p)] == []
    assert before != "old" or stat.S_IMODE(place.stat().st_mode) == 0o750
    assert place.is_symlink() == (before == "a link")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    place = tmp_path / "run"
    place.mkdir()
    fill(place, "old")

    def write() -> None:
        with whole_folder(place) as temporary:
            fill(temporary, "new")
            raise error

    with pytest.raises(error):
        write()
    assert texts(tmp_path) == {f"run/{name}": text for name, text in WHOLE_OLD.items()}


def test_names_to_keep_move_to_the_new_folder(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    fill(place, "old")
    with open(place / "run.log", "w") as log, whole_folder(place, ("run.log", "not there")) as temporary:
        fill(temporary, "new")
        log.write("kept")
    assert texts(place) == WHOLE_NEW | {"run.log": "kept"}


def test_leftovers_of_a_place_go_and_those_of_other_machines_only_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(name: str) -> Path:
        with whole_folder(tmp_path / name) as temporary:
            fill(temporary, "half")
            aside = tmp_path / f"aside-{name}"
            aside.mkdir()
            fill(aside, "half")
            kept = temporary.name
        aside.rename(tmp_path / kept)
        return tmp_path / kept

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(whole, "_machine", lambda: "f" * 8)
        mine, others, ancient = leave("mine"), leave("others"), leave("ancient")
    age(ancient, 2)
    clear_leftovers(tmp_path / "mine")
    assert not mine.exists()
    assert others.exists()
    assert not ancient.exists()


WRITES = """
import sys
from pathlib import Path

from sim.study.whole import whole_folder

with whole_folder(Path("one")) as temporary:
    (temporary / "curves.parquet").touch()
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9, and locks that end with a process")
def test_what_a_killed_process_left_goes_with_the_next_one_beside_it_and_what_is_written_stays(tmp_path: Path) -> None:
    other_machine = tmp_path / f".partial-{'0' * 16}-{'f' * 8}-{'0' * 32}"
    other_machine.mkdir()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        (begun,) = set(tmp_path.glob(".partial-*")) - {other_machine}
        clear_leftovers(tmp_path / "another")
        assert (begun / "curves.parquet").exists()
        writer.kill()
        writer.wait()
    assert begun.exists()
    clear_leftovers(tmp_path / "another")
    assert set(tmp_path.iterdir()) == {other_machine}  # whose locks we may not see
