"""Designs as a user gives them: killed in the middle and given again, with a corner that cannot be, read by others."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import signal
import time
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.door.shell import Answer, finish, forked, forked_sim, half_written, manifest, python_sim, start, wait_until

pytestmark = pytest.mark.slow

N_POINTS = 12
COMMON = ("population.size=400", "study.nulls=[]", "study.figures=false", "study.report=false")
LHS = (
    *COMMON, "study.replicates=2", "design=lhs", f"design.points={N_POINTS}",
    "design.factors={throttle.substitution: {range: [0, 1]}, parameters.throttle_severity: {range: [0.1, 1]}}",
)  # fmt: skip
DESIGN_TABLES = ("design", "outcomes", "contrasts", "summary")


def points(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*.point") if not path.name.startswith("."))


def same(one: Path, other: Path) -> None:
    for name in DESIGN_TABLES:
        assert (one / f"{name}.parquet").read_bytes() == (other / f"{name}.parquet").read_bytes(), name


def orphans_ended(folder: Path) -> None:
    """Wait until processes that outlived their parent, which was in the folder, have ended."""
    last = time.monotonic() + 20.0
    while left := [p for p in Path("/proc").glob("[0-9]*/cwd") if _points_to(p, folder) and _is_worker(p.parent)]:
        assert time.monotonic() < last, f"still there: {left}"
        time.sleep(0.5)


def _points_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:  # it has ended meanwhile
        return False


def _is_worker(process: Path) -> bool:
    try:
        return b"popen_loky" in (process / "cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The design without interruption, its points computed side by side."""
    folder = tmp_path_factory.mktemp("whole")
    answer = python_sim(*LHS, "study.workers=2", "study.store=store", "hydra.run.dir=whole", folder=folder)
    assert answer.code == 0, answer.err
    return folder / "whole"


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_design_goes_on_where_it_was(tmp_path: Path, workers: int, whole: Path) -> None:
    def given(out: str, store: str) -> tuple[str, ...]:
        return (*LHS, f"study.workers={workers}", f"study.store={store}", f"hydra.run.dir={out}")

    process = start(["-m", "sim", *given("cut", "store")], tmp_path)
    wait_until(lambda: len(points(tmp_path / "store")) >= 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()  # and not until its output ends, which processes that outlive it hold open
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
    orphans_ended(tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in points(tmp_path / "store")}
    assert 3 <= len(kept) < N_POINTS
    assert not (tmp_path / "cut" / "outcomes.parquet").exists()
    again = (forked_sim if workers == 1 else python_sim)(*given("again", "store"), folder=tmp_path)
    assert again.code == 0, again.err
    for path, moment in kept.items():
        assert path.stat().st_mtime_ns == moment  # not written again
    told = manifest(tmp_path / "again")
    assert told["runs_computed"] == 4 * (N_POINTS - len(kept))
    assert told["runs_computed"] + told["runs_reused"] == 4 * N_POINTS
    assert told["runs_failed"] == 0
    same(tmp_path / "again", whole)
    assert half_written(tmp_path / "again") == []


@pytest.mark.long
@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_cluster_gives_the_same(tmp_path: Path, backend: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the extra {backend} is not installed")
    one = forked_sim(*LHS, "study.workers=1", "study.store=one-store", "hydra.run.dir=one", folder=tmp_path)
    assert one.code == 0, one.err
    of_other = ("study.workers=2", f"design.backend={backend}", "study.store=other-store", "hydra.run.dir=other")
    other = python_sim(*LHS, *of_other, folder=tmp_path)
    assert other.code == 0, other.err
    same(tmp_path / "one", tmp_path / "other")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    """A grid with a corner that cannot be: the answer, and where it was given."""
    place = tmp_path_factory.mktemp("refusing")
    answer = forked_sim(
        *COMMON, "study.replicates=1", "study.workers=1", "design=grid", "study.store=store", "hydra.run.dir=out",
        "design.factors={parameters.throttle_severity: {values: [0.5, 1.5]}, decision: {values: [threshold, hazard]}}",
        folder=place,
    )  # fmt: skip
    return answer, place


def test_an_impossible_corner_is_named_and_the_rest_is_there(refusing: tuple[Answer, Path]) -> None:
    answer, place = refusing
    assert answer.code == 1
    assert "2 of 4 points, 4 runs computed, 0 found" in answer.out
    assert "point 2, parameters.throttle_severity=1.5 decision=threshold" in answer.err
    assert "severity is 1.5" in answer.err
    line = next(line for line in answer.err.splitlines() if "tried again with: " in line)
    again = shlex.split(line.split("tried again with: ")[1])
    assert again[:3] == ["python", "-m", "sim"]
    assert again[-1] == "study.retry=true"
    table = pd.read_parquet(place / "out" / "design.parquet")
    assert table["status"].tolist() == ["finished", "finished", "failed", "failed"]
    tried = forked_sim(*again[3:], folder=place)
    assert tried.code == 1
    assert "0 runs computed, 4 found" in tried.out


def test_others_read_the_tables_without_help(refusing: tuple[Answer, Path]) -> None:
    _, place = refusing
    for name in ("outcomes", "contrasts", "summary", "design"):
        path = place / "out" / f"{name}.parquet"
        ours = pd.read_parquet(path)
        theirs = duckdb.sql(f"SELECT * FROM '{path}'").fetchall()
        assert len(theirs) == len(ours)
    rows = duckdb.sql(
        f"""SELECT decision, "parameters.throttle_severity", value FROM '{place / "out" / "outcomes.parquet"}'
        WHERE outcome = 'participants' AND arm = 'throttled' ORDER BY decision"""
    ).fetchall()
    ours = pd.read_parquet(place / "out" / "outcomes.parquet").query("outcome == 'participants' and arm == 'throttled'")
    assert rows == sorted(zip(ours["decision"], ours["parameters.throttle_severity"], ours["value"], strict=True))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["design=lhs"], "design.factors is empty"),
        (["design=lhs", "design.factors={nothing.there: {range: [0, 1]}}"], "nothing"),
        (["design=lhs", "design.factors={throttle.push: {range: [1, 0]}}"], "the lower one first"),
        (["design=lhs", "design.factors={throttle.push: {range: [0, 1]}}", "design.points=0"], "design.points"),
        (["design=grid", "design.factors={throttle.push: {range: [0, 1]}}"], "levels: N"),
        (["design=grid", "design.factors={throttle.push: {values: [-1]}}"], "throttle.push is -1"),
        (["design=grid", "design.factors={decision: {values: [threshold, guess]}}"], "gives decision the value 'guess'"),
        (["design=lhs", "design.factors={seed: {range: [0, 9]}}"], "no parameter of the night"),
        pytest.param(
            ["design=lhs", "design.factors={throttle.push: {range: [0, 1]}}", "design.backend=ray"], "mobsim[ray]",
            marks=pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed"),
        ),
    ],
)  # fmt: skip
def test_bad_designs_end_with_a_sentence(tmp_path: Path, given: list[str], says: str) -> None:
    answer = forked_sim(*COMMON, *given, "study.store=store", "hydra.run.dir=out", folder=tmp_path)
    assert answer.code == 2, answer.err
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()


ENDS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
@pytest.mark.parametrize("moment", ["processes begin", "points are there"])
def test_ctrl_c_and_sigterm_keep_the_finished_points_and_are_told_in_one_sentence(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    """As a terminal interrupts all processes of the command at once, and `kill` asks the first one to end."""
    given = (*LHS, "design.points=2000", "study.workers=2", "study.store=store", "hydra.run.dir=out")
    process = start(["-m", "sim", *given], tmp_path, is_group=True)
    least = 5 if moment == "points are there" else 0
    wait_until(lambda: len(points(tmp_path / "store")) >= least and len(workers_of(process.pid)) == 2, process)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    answer = finish(process)
    code, word = ENDS[number]
    assert answer.code == code, answer.err
    sentence = f"{word}; finished runs are kept and will be found again."
    if moment == "points are there":
        assert answer.err.strip() == sentence
    else:  # a process, or joblib's thread, that is just beginning may tell of its own end before
        assert answer.err.strip().splitlines()[-1] == sentence
    assert len(points(tmp_path / "store")) >= least
    assert [path.name for path in (tmp_path / "out").glob("*")] in ([], ["mobsim.log"])
    assert list(tmp_path.rglob(".partial-*.arms")) == []


def test_a_scheduler_that_ends_all_processes_of_a_design_is_told_in_the_same_sentence(tmp_path: Path) -> None:
    given = (*LHS, "design.points=2000", "study.workers=2", "study.store=store", "hydra.run.dir=out")
    process = start(["-m", "sim", *given], tmp_path, is_group=True)
    wait_until(lambda: len(points(tmp_path / "store")) >= 5 and len(workers_of(process.pid)) == 2, process)
    os.killpg(process.pid, signal.SIGTERM)
    answer = finish(process)
    assert answer.code == 143, answer.err
    assert answer.err.strip() == "terminated; finished runs are kept and will be found again."
    assert list(tmp_path.rglob(".partial-*.arms")) == []


def workers_of(parent: int) -> list[int]:
    """Return the processes that a design has begun: not the helper that watches over what they share."""
    found = []
    with contextlib.suppress(OSError):  # one of them has ended meanwhile: another look
        for child in Path(f"/proc/{parent}/task").glob("*/children"):
            for pid in child.read_text().split():
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                found += [int(pid)] if b"resource_tracker" not in line else []
    return found


@pytest.mark.long
def test_figures_that_are_drawn_again_are_those_of_the_run(tmp_path: Path) -> None:
    """Also their order and the pairs of their maps, which follow the design and not the alphabet."""
    factors = (
        "{throttle.substitution: {range: [0, 1]}, throttle.push: {range: [0, 1]}, throttle.severity: {range: [0, 1]}}"
    )
    args = (
        "population.size=200",
        "study.nulls=[]",
        "study.report=false",
        "study.replicates=2",
        "study.workers=1",
        "design=lhs",
        "design.points=12",
    )
    answer = forked_sim(*args, f"design.factors={factors}", "study.store=store", "hydra.run.dir=out", folder=tmp_path)
    assert answer.code == 0, answer
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"map_participants.png", "response_participants.png"} <= drawn.keys()
    again = forked("sim.plot", "out", "--outcome", "participants", folder=tmp_path)
    assert again.code == 0, again
    names = ("map_participants.png", "response_participants.png")
    found = {path.name: path.read_bytes() for path in (tmp_path / "out" / "figures").iterdir()}
    assert found == {name: drawn[name] for name in names}
