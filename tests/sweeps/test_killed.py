"""A sweep that is killed in the middle and run again: the same tables as without, and nothing finished is done twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.door.shell import (
    TABLES,
    Answer,
    environment,
    finish,
    finished_runs,
    forked_sim,
    manifest,
    python_sim,
    wait_until,
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kill -9")]

SWEEP = (
    "-m", "throttle=none,july15", "parameters.throttle_severity=0.3,0.6", "population.size=1000", "study.replicates=4",
    "study.nulls=[]", "study.figures=false", "study.report=false",
)  # fmt: skip
N_JOBS = 4
N_RUNS = 4 + 2 * 4
"""Distinct ones: open nights by replicate, throttled ones by severity too; jobs share the open nights."""


def sweep(*more: str, folder: Path, by: Callable[..., Answer] = forked_sim) -> None:
    answer = by(*SWEEP, *more, folder=folder)
    assert answer.code == 0, answer.err
    assert "Traceback" not in answer.err


def begin(launcher: str, folder: Path) -> subprocess.Popen[str]:
    """Start the sweep as the first of a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sim", *SWEEP, f"hydra/launcher={launcher}", "study.store=store", "hydra.sweep.dir=cut"],
        cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def runs_in(store: Path) -> list[Path]:
    """Return the finished runs in a store; locks lie beside those that are being computed, and unfinished files too."""
    return [path for path in finished_runs(store) if path.suffix == ".run"]


def snapshot(store: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of writing of every finished run: neither changes unless it is written again."""
    return {path.stem: (path.stat().st_ino, path.stat().st_mtime_ns) for path in runs_in(store)}


def counted(folder: Path, what: str) -> int:
    return sum(int(manifest(folder / str(job))[f"runs_{what}"]) for job in range(N_JOBS))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    sweep("study.store=store", "hydra.sweep.dir=whole", folder=folder)
    assert counted(folder / "whole", "computed") == N_RUNS == len(runs_in(folder / "store"))
    return folder / "whole"


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_kill_9_in_the_middle_of_a_sweep(launcher: str, whole: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    process = begin(launcher, tmp_path)
    try:
        wait_until(lambda: len(runs_in(store)) >= 4, process)
        process.kill()  # the parent only: what it has started may outlive it
        process.wait(timeout=60)
        before = snapshot(store)
        assert 4 <= len(before) < N_RUNS
        assert len(list((tmp_path / "cut").glob("*/outcomes.parquet"))) < N_JOBS

        by = forked_sim if launcher == "basic" else python_sim
        sweep(f"hydra/launcher={launcher}", "study.store=store", "hydra.sweep.dir=again", folder=tmp_path, by=by)
        after = snapshot(store)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        finish(process)

    assert {key: after[key] for key in before} == before
    assert len(after) == N_RUNS
    computed = counted(tmp_path / "again", "computed")
    if launcher == "basic":
        assert computed == N_RUNS - len(before)
    else:  # workers that outlived the first command have done some of the rest
        assert computed <= N_RUNS - len(before)
    assert counted(tmp_path / "again", "failed") == 0
    for job in range(N_JOBS):
        for table in TABLES:
            ours, theirs = (folder / str(job) / f"{table}.parquet" for folder in (tmp_path / "again", whole))
            assert ours.read_bytes() == theirs.read_bytes(), (job, table)
