"""Run `python -m sim` as a user does: another process, in a folder of its own.

`python_sim` starts Python afresh. `forked_sim`, and `forked` for other modules with a door, forks a process that has already
imported everything (`tests.door.warm`), so that dozens of commands need not wait seconds each for imports; the command itself
is the same.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("outcomes", "curves", "curve_contrasts", "contrasts", "summary", "variance_reduction", "nulls", "squares")
TINY = ("population.size=300", "study.replicates=1", "study.figures=false")
"""A study of 300 people, once, without figures."""
EMPTY_FIGURES = """
from matplotlib.figure import Figure
import sim.study.figures.pages as pages

def page(*_):
    drawing = Figure((1, 1))
    drawing.text(0.5, 0.5, "a figure")
    return drawing

for name in [name for name in vars(pages) if name.endswith("_page")]:
    setattr(pages, name, page)
"""
"""Code by which a forked run draws next to nothing, where it is its files that are looked at."""


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


def start(arguments: Sequence[str], folder: Path, *, is_group: bool = False) -> subprocess.Popen[str]:
    """Start Python with arguments in a folder, if asked to as the first of a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, preexec_fn=_listen, start_new_session=is_group,
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


class Warm:
    """The process of `tests.door.warm`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.errors = open(folder / "warm.err", "w+", encoding="utf-8")  # noqa: SIM115 (open as long as the process runs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.door.warm"], cwd=ROOT, env=environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors, text=True, preexec_fn=_listen,
        )  # fmt: skip
        self.ask_for("ready")

    def ask_for(self, expected: str = "") -> str:
        """Return the next line that the process says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        self.errors.seek(0)
        said = f"the warm process said {line!r}; {self.errors.read()}"
        assert line, said
        assert not expected or line == expected, said
        return line

    def run(self, module: str, arguments: Sequence[str], folder: Path, before: str) -> Answer:
        """Return what a forked command answers."""
        out, err = self.folder / "out", self.folder / "err"
        order = {
            "module": module,
            "arguments": list(arguments),
            "folder": str(folder),
            "out": str(out),
            "err": str(err),
            "before": before,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        code = int(self.ask_for())
        return Answer(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.errors.close()


_warm: list[Warm] = []


def start_warm(folder: Path) -> Warm:
    """Start the process that `forked_sim` forks."""
    _warm[:] = [Warm(folder)]
    return _warm[0]


def forked_sim(*arguments: str, folder: Path, before: str = "") -> Answer:
    """Return what `python -m sim` answers in a folder, after some code that may replace parts of the program."""
    return _warm[0].run("sim", arguments, folder, before)


def forked(module: str, *arguments: str, folder: Path, before: str = "") -> Answer:
    """Return what ``python -m MODULE`` answers in a folder, as `forked_sim` does for `sim`."""
    return _warm[0].run(module, arguments, folder, before)


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


def finished_runs(store: Path) -> list[Path]:
    """Return the finished runs in a store: files named by 64 hex digits, below the first two of them."""
    found = (p for p in store.rglob("*.run") if re.fullmatch(r"[0-9a-f]{64}", p.stem) and p.parent.name == p.stem[:2])
    return sorted(found)


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
