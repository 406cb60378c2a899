"""A run folder is whole or not at all, whatever happens while it is written; what was left behind confuses nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.study import whole
from sim.study.whole import claimed, clear_leftovers, locked, whole_folder
from tests.door.shell import (
    EMPTY_FIGURES,
    Answer,
    assert_same_tables,
    finish,
    forked,
    forked_sim,
    half_written,
    listing,
    manifest,
    start,
)

pytestmark = pytest.mark.slow

OLD = ("population.size=300", "study.replicates=1", "study.nulls=[]", "study.store=store", "hydra.run.dir=run")
NEW = (*OLD, "seed=2")
TABLES = 8

STOP = """
import os, signal
import sim.study.whole as whole

def stop():
    {how}

def before(function, condition):
    def instead(*arguments):
        if condition(*map(str, arguments)):
            stop()
        return function(*arguments)
    return instead

def after(function):
    def instead(*arguments, **named):
        done = function(*arguments, **named)
        stop()
        return done
    return instead

{where}
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
CTRL_C = "os.kill(os.getpid(), signal.SIGINT)"
FULL = "import errno; raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))"
"""What happens."""


def at(name: str) -> str:
    """Return code that stops before a file of that name is there."""
    return f"os.replace = before(os.replace, lambda source, target: target.endswith({name!r}))"


MOMENTS = [
    pytest.param(at("posts.png"), id="at the first figure"),
    pytest.param(at("manifest.json"), id="at the manifest", marks=pytest.mark.long),
    pytest.param(at("outcomes.parquet"), id="at the last table", marks=pytest.mark.long),
    pytest.param("whole._take_place = before(whole._take_place, lambda *_: True)", id="before the exchange"),
]
AFTER = pytest.param("whole._take_place = after(whole._take_place)", id="after the exchange")
"""Moments in the writing of a folder."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an older and a newer run, their figures, and the store of both."""
    folder = tmp_path_factory.mktemp("whole")
    for command, name in ((OLD, "old"), (NEW, "new")):
        answer = forked_sim(*command, f"hydra.run.dir={name}", folder=folder, before=EMPTY_FIGURES)
        assert answer.code == 0, answer.err
    return folder


@pytest.fixture
def folder(place: Path, tmp_path: Path) -> Path:
    """A folder with the older run in `run`, one of whose figures is of an older version."""
    os.symlink(place / "store", tmp_path / "store")
    shutil.copytree(place / "old", tmp_path / "run")
    (tmp_path / "run" / "figures" / "posts.png").write_bytes(b"stale")
    return tmp_path


def stopped(how: str, where: str, folder: Path) -> Answer:
    """Return what the newer run answers when something happens while it is written over the older one."""
    return forked_sim(*NEW, folder=folder, before=EMPTY_FIGURES + STOP.format(how=how, where=where))


def is_old(folder: Path, place: Path) -> bool:
    """Assert that the run folder is whole, and return whether it is the older one."""
    run = folder / "run"
    seed = manifest(run)["seed"]
    assert_same_tables(run, place / ("old" if seed == 1 else "new"))
    figures = {path.name for path in (run / "figures").iterdir()}
    assert figures == {path.name for path in (place / "old" / "figures").iterdir()}
    assert ((run / "figures" / "posts.png").read_bytes() == b"stale") == (seed == 1)
    return bool(seed == 1)


@pytest.mark.parametrize("where", [*MOMENTS, AFTER])
def test_kill_9_leaves_the_old_folder_or_the_new_one(where: str, place: Path, folder: Path) -> None:
    answer = stopped(KILL, where, folder)
    assert answer.code == -signal.SIGKILL
    assert is_old(folder, place) == ("after(whole" not in where)
    collected = forked("sim.collect", ".", "--out", "all.parquet", folder=folder)
    assert collected.code == 0, collected.err
    assert pd.read_parquet(folder / "all.parquet")["folder"].unique().tolist() == ["run"]
    for path in folder.rglob("outcomes.parquet"):
        assert len(list(path.parent.glob("*.parquet"))) == TABLES
        assert manifest(path.parent)["package"] == "mobsim"
    # The next run in the same place cleans up.
    assert forked_sim(*NEW, "study.figures=false", folder=folder).code == 0
    assert manifest(folder / "run")["seed"] == 2
    assert half_written(folder) == []


@pytest.mark.long
@pytest.mark.parametrize("where", MOMENTS)
def test_a_full_disk_leaves_the_old_folder(where: str, place: Path, folder: Path) -> None:
    answer = stopped(FULL, where, folder)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert f"{folder / 'run'} could not be written (No space left on device)" in answer.err
    assert is_old(folder, place)
    assert half_written(folder) == []


@pytest.mark.long
@pytest.mark.parametrize("where", [*MOMENTS, AFTER])
def test_ctrl_c_leaves_the_old_folder_or_the_new_one(where: str, place: Path, folder: Path) -> None:
    answer = stopped(CTRL_C, where, folder)
    assert answer.code == 130
    assert len(answer.err.strip().splitlines()) == 1
    assert is_old(folder, place) == ("after(whole" not in where)
    assert half_written(folder) == []


def test_ctrl_c_while_a_figure_is_drawn_leaves_nothing_but_the_log(place: Path, tmp_path: Path) -> None:
    os.symlink(place / "store", tmp_path / "store")
    drawing = "import matplotlib.figure as m; m.Figure.savefig = after(m.Figure.savefig)"
    answer = forked_sim(*OLD, folder=tmp_path, before=EMPTY_FIGURES + STOP.format(how=CTRL_C, where=drawing))
    assert answer.code == 130
    assert len(answer.err.strip().splitlines()) == 1
    assert listing(tmp_path) == {"store", "run", "run/mobsim.log"}


def test_a_new_run_leaves_no_stale_figures(place: Path, folder: Path) -> None:
    assert forked_sim(*NEW, folder=folder, before=EMPTY_FIGURES).code == 0
    assert not is_old(folder, place)
    assert forked_sim(*OLD, "study.figures=false", folder=folder).code == 0
    assert not (folder / "run" / "figures").exists()


def test_what_the_user_has_put_into_a_run_folder_is_not_lost(folder: Path) -> None:
    for name in ("thesis.tex", "figures/sketch.svg", "figures/mine.png", "server.log", "mine.parquet"):
        path = folder / "run" / name
        path.write_text("mine")
        answer = forked_sim(*NEW, folder=folder, before=EMPTY_FIGURES)
        assert answer.code == 2
        assert name in answer.err
        assert path.read_text() == "mine"
        path.unlink()


def test_the_log_that_the_user_asked_hydra_for_is_kept(place: Path, tmp_path: Path) -> None:
    os.symlink(place / "store", tmp_path / "store")
    for command in (OLD, NEW):
        answer = forked_sim(
            *command, "study.figures=false", "hydra/job_logging=default", "hydra.output_subdir=.hydra", folder=tmp_path
        )
        assert answer.code == 0, answer.err
        assert (tmp_path / "run" / "mobsim.log").exists()
        assert (tmp_path / "run" / ".hydra" / "config.yaml").exists()
    assert half_written(tmp_path) == []


def test_old_leftovers_beside_a_run_folder_are_removed_and_fresh_ones_left(place: Path, tmp_path: Path) -> None:
    os.symlink(place / "store", tmp_path / "store")
    for name in (".partial-old", ".partial-fresh"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "curves.parquet").write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86400
    os.utime(tmp_path / ".partial-old", (two_days_ago, two_days_ago))
    assert forked_sim(*OLD, "study.figures=false", folder=tmp_path).code == 0
    assert {p.name for p in tmp_path.iterdir()} == {".partial-fresh", "run", "store"}


def test_figures_drawn_again_take_the_place_of_all_old_ones(place: Path, folder: Path) -> None:
    answer = forked("sim.plot", "run", folder=folder, before=EMPTY_FIGURES)
    assert answer.code == 0, answer.err
    drawn = {p.name: p.read_bytes() for p in (folder / "run" / "figures").iterdir()}
    assert drawn == {p.name: p.read_bytes() for p in (place / "old" / "figures").iterdir()}


def test_drawing_again_refuses_to_lose_what_the_user_has_put_beside(folder: Path) -> None:
    mine = folder / "run" / "figures" / "mine.png"
    mine.write_text("mine")
    answer = forked("sim.plot", "run", folder=folder)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "mine.png" in answer.err
    assert mine.read_text() == "mine"


def test_a_folder_that_another_command_is_writing_is_refused(place: Path, tmp_path: Path) -> None:
    os.symlink(place / "store", tmp_path / "store")
    with claimed(tmp_path / "run") as is_free:
        assert is_free
        answer = forked_sim(*OLD, "study.figures=false", folder=tmp_path)
        assert (answer.code, len(answer.err.splitlines())) == (2, 1)
        assert "run is being written by another command" in answer.err
        assert listing(tmp_path) == {"store"}
    assert forked_sim(*OLD, "study.figures=false", folder=tmp_path).code == 0


def test_a_claim_leaves_nothing_behind_and_is_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(locks))
    held: list[int] = []
    claims, refusals, overlaps = [0] * 4, [0] * 4, [0] * 4
    together = threading.Barrier(4)

    def claim(me: int) -> None:
        together.wait()
        while claims[me] < 100:
            with claimed(tmp_path / "run") as is_mine:
                if not is_mine:
                    refusals[me] += 1
                    continue
                held.append(me)
                overlaps[me] += len(held) > 1
                time.sleep(0)
                held.remove(me)
                claims[me] += 1

    threads = [threading.Thread(target=claim, args=[me]) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert claims == [100] * 4
    assert sum(overlaps) == 0
    assert sum(refusals) > 0  # they did meet
    assert list(locks.iterdir()) == []


def test_a_lock_whose_file_is_removed_while_it_is_opened_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    opened = os.open
    removals = [True, True, False]

    def open_late(*arguments: Any) -> int:
        """Open a file that whoever holds its lock removes before we ask for the lock."""
        descriptor = opened(*arguments)
        if removals.pop(0):
            path.unlink()
        return descriptor

    monkeypatch.setattr(os, "open", open_late)
    descriptor = locked(path)
    assert descriptor is not None
    assert removals == []
    assert os.fstat(descriptor).st_ino == path.stat().st_ino
    removals[:] = [False]
    assert locked(path) is None
    os.close(descriptor)


def test_commands_of_one_moment_have_folders_of_their_own(tmp_path: Path) -> None:
    command = ["-m", "sim", "population.size=100", "study.replicates=1", "study.nulls=[]", "study.figures=false"]
    several = [start([*command, f"seed={seed}"], tmp_path) for seed in (1, 2)]
    assert [finish(process).code for process in several] == [0, 0]
    assert sorted(manifest(p.parent)["seed"] for p in tmp_path.rglob("outcomes.parquet")) == [1, 2]


@pytest.mark.parametrize("module", ["sim.collect", "sim.plot"])
@pytest.mark.parametrize("fault", ["a cut table", "a cut manifest", "another program's manifest", "no folder"])
def test_a_run_folder_that_cannot_be_read(module: str, fault: str, folder: Path) -> None:
    run = folder / "run"
    if fault == "a cut table":
        for table in run.glob("*.parquet"):
            table.write_bytes(table.read_bytes()[:99])
    elif fault == "no folder":
        run = folder / "nowhere"
    else:
        (run / "manifest.json").write_text("{" if fault == "a cut manifest" else '{"name": "a web page"}')
    answer = forked(module, run.name, folder=folder)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert answer.err.endswith(".\n")
    assert run.name in answer.err


def test_a_folder_that_must_not_be_replaced(tmp_path: Path) -> None:
    answer = forked_sim(*OLD, "hydra.run.dir=.", folder=tmp_path)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "the folder that you are in" in answer.err
    answer = forked_sim(*OLD, "study.store=run/store", folder=tmp_path)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "study.store is run/store, which lies within the run folder" in answer.err
    assert listing(tmp_path) == set()


def test_what_somebody_puts_into_the_folder_meanwhile_is_not_lost(place: Path, tmp_path: Path) -> None:
    os.symlink(place / "store", tmp_path / "store")
    meanwhile = """
import sim.study.writing as folder

real = folder.Clockwork.read

def read(clockwork):
    open("run/notes.txt", "w").close()
    return real(clockwork)

folder.Clockwork.read = read
"""
    answer = forked_sim(*OLD, "study.figures=false", folder=tmp_path, before=meanwhile)
    assert answer.code == 2
    assert "notes.txt" in answer.err
    assert listing(tmp_path) == {"store", "run", "run/notes.txt", "run/mobsim.log"}


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("fault", ["none", "interrupt", "kill"])
def test_a_file_that_is_kept_is_never_lost(
    fault: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the history of a calibration, whose folder is written anew: interrupted or killed before the new one is in place."""
    place = tmp_path / "place"
    place.mkdir()
    (place / "history.db").write_text("kept")
    (place / "old.csv").write_text("old")

    def refuse(*_: Path) -> None:
        raise OSError("no links here")

    def interrupt(*_: Path) -> None:
        raise KeyboardInterrupt

    if not links:
        monkeypatch.setattr("os.link", refuse)
    if fault != "none":
        monkeypatch.setattr(whole, "_take_place", interrupt)
    if fault == "kill":  # nothing is cleared up
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with contextlib.suppress(KeyboardInterrupt), whole_folder(place, keep=["history.db"]) as new:
        (new / "new.csv").write_text("new")
    monkeypatch.undo()
    clear_leftovers(place)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
    assert (place / "history.db").read_text() == "kept"
    assert listing(place) == {"history.db", "old.csv" if fault != "none" else "new.csv"}
