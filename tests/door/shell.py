"""Run `python -m sim` as a user does: another process, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("outcomes", "curves", "contrasts", "summary", "nulls", "squares")
TINY = ("population.size=300", "study.replicates=1", "study.figures=false")
"""A study of 300 people, once, without figures."""


class Answer(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """Return the environment of a child: it finds the checkout, installed or not, and no setting that changes messages."""
    kept = {k: v for k, v in os.environ.items() if k not in ("HYDRA_FULL_ERROR", "PYTHONWARNINGS", "NUMBA_DISABLE_JIT")}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}


def _listen() -> None:
    """Let Ctrl-C interrupt the child: background jobs of a shell inherit that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(arguments: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    """Start Python with arguments in a folder."""
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=_listen,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> Answer:
    """Wait for a child; a child that hangs is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"no end after 300 s; it said:\n{out}\n{err}") from None
    return Answer(process.returncode, out, err)


def python_sim(*arguments: str, folder: Path) -> Answer:
    """Return what `python -m sim` answers in a folder."""
    return finish(start(["-m", "sim", *arguments], folder))


def python_code(code: str, *arguments: str, folder: Path) -> Answer:
    """Return what a short program answers in a folder."""
    return finish(start(["-c", code, *arguments], folder))


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until a condition holds while a child is running."""
    deadline = time.monotonic() + 200
    while not condition():
        assert process.poll() is None, f"it ended before its time: {process.communicate()}"
        assert time.monotonic() < deadline, "waited 200 s in vain"
        time.sleep(0.01)


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return all tables of a run folder by name."""
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}


def assert_same_tables(one: Path, other: Path, names: Sequence[str] = TABLES) -> None:
    """Assert that two run folders hold the same tables, to the last bit."""
    for name in names:
        ours, theirs = (pd.read_parquet(folder / f"{name}.parquet") for folder in (one, other))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True, obj=name)


def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run folder."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def listing(folder: Path) -> set[str]:
    """Return the paths of all files and folders within a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def half_written(folder: Path) -> list[str]:
    """Return what a command must not leave: temporary files, and run folders without a manifest."""
    found = sorted(listing(folder))
    bad = [path for path in found if ".partial-" in path or path.endswith((".tmp", "~"))]
    for name in ("outcomes.parquet", ".hydra"):
        bad += [str(p) for p in folder.rglob(name) if not (p.parent / "manifest.json").exists()]
    return bad
