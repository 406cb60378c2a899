"""Sweeps with every launcher: the same outcomes, the same words at the end, wherever the jobs run."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.collect import collect
from tests.door.shell import TABLES, Answer, finish, finished_runs, forked_sim, manifest, python_sim, start

pytestmark = pytest.mark.slow

SMALL = ("population.size=500", "study.replicates=1", "study.nulls=[]", "study.figures=false", "study.report=false")
ARMS = "study.arms={open: ['throttle=none'], throttled: ['throttle=july15']}"
"""Arms that each job composes where it runs."""
SWEEP = ("decision=threshold,hazard", "parameters.throttle_severity=0.2,1.5", ARMS, *SMALL, "study.store=store",
         "hydra.sweep.dir=sweep")  # fmt: skip
"""Four jobs, two of which have a severity that is none."""
GOOD, BAD = (0, 2), (1, 3)
FAULT = "throttle.windows.0.severity is 1.5: input should be less than or equal to 1; correct it."
N_RUNS = 4
"""Rules of deciding x arms x replicates."""

HAS_RAY = importlib.util.find_spec("ray") is not None
PARALLEL = (
    "joblib",
    pytest.param("submitit_local", marks=pytest.mark.long),
    pytest.param("ray", marks=pytest.mark.skipif(not HAS_RAY, reason="needs the extra ray: pip install -e '.[ray]'")),
)


def sweep_with(launcher: str, folder: Path) -> Answer:
    """Return what the sweep answers with a launcher, in a folder of its own."""
    folder.mkdir()
    return python_sim("-m", f"hydra/launcher={launcher}", *SWEEP, folder=folder)


def summary_of(answer: Answer) -> list[str]:
    """Return the lines that end a sweep."""
    lines = answer.out.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("sweep of ")) :]


def status(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    folder = tmp_path_factory.mktemp("basic") / "here"
    return sweep_with("basic", folder), folder


@pytest.fixture(scope="module", params=PARALLEL)
def parallel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    folder = tmp_path_factory.mktemp(request.param) / "here"
    return sweep_with(request.param, folder), folder


def test_one_bad_corner_does_not_stop_the_others(basic: tuple[Answer, Path]) -> None:
    answer, folder = basic
    assert answer.code == 2, answer.err
    assert answer.err.count(FAULT) == len(BAD)
    assert "Traceback" not in answer.err
    finished = sorted(p.parent.name for p in (folder / "sweep").glob("*/outcomes.parquet"))
    assert finished == [str(job) for job in GOOD]
    assert len(finished_runs(folder / "store")) == N_RUNS


def test_the_end_of_a_sweep_says_what_failed_and_what_to_do(basic: tuple[Answer, Path]) -> None:
    lines = summary_of(basic[0])
    assert lines[0] == f"sweep of 4 jobs: 2 finished, 2 failed; runs: {N_RUNS} computed, 0 found in the store, 0 failed"
    assert lines[1] == "folder of the sweep: sweep"
    said = [line for line in lines if line.startswith("job ")]
    assert said == [
        f"job 1 (decision=threshold parameters.throttle_severity=1.5): {FAULT}",
        f"job 3 (decision=hazard parameters.throttle_severity=1.5): {FAULT}",
    ]
    again = [line.removeprefix("  again: ") for line in lines if line.startswith("  again: ")]
    assert len(again) == len(said)
    for job, command in zip(BAD, again, strict=True):
        words = shlex.split(command)
        assert words[:3] == ["python", "-m", "sim"]
        assert words[-1] == f"hydra.run.dir=sweep/{job}"
        assert not any(word.startswith(("hydra/launcher", "hydra.sweep")) or word == "-m" for word in words[3:])


def test_the_status_of_a_job_says_how_it_ended(basic: tuple[Answer, Path]) -> None:
    folder = basic[1] / "sweep"
    for job in (*GOOD, *BAD):
        told = status(folder / str(job))
        assert told["job"] == job
        assert told["exit_code"] == (2 if job in BAD else 0)
        assert told["sentence"] == (FAULT if job in BAD else "")
        assert told["runs_computed"] == (0 if job in BAD else N_RUNS // 2)
        assert f"parameters.throttle_severity={1.5 if job in BAD else 0.2}" in told["overrides"]


def test_every_launcher_gives_the_same_outcomes(basic: tuple[Answer, Path], parallel: tuple[Answer, Path]) -> None:
    (_, ours), (answer, theirs) = basic, parallel
    assert answer.code == 2, answer.err
    for table in TABLES:
        with pytest.warns(UserWarning, match="2 folders have no finished run and were left out: 1, 3"):
            one, other = (collect(folder / "sweep", table) for folder in (ours, theirs))
        assert len(one) > 0 or table == "nulls"
        pd.testing.assert_frame_equal(one, other, check_exact=True, obj=table)


def test_every_launcher_keeps_runs_in_the_one_store(parallel: tuple[Answer, Path], basic: tuple[Answer, Path]) -> None:
    names = [{path.stem for path in finished_runs(folder / "store")} for _, folder in (basic, parallel)]
    assert names[0] == names[1]
    assert len(names[0]) == N_RUNS
    told = [manifest(parallel[1] / "sweep" / str(job)) for job in GOOD]
    assert [t["runs_computed"] for t in told] == [N_RUNS // 2] * 2


def test_every_launcher_ends_with_the_same_summary(parallel: tuple[Answer, Path], basic: tuple[Answer, Path]) -> None:
    assert summary_of(parallel[0]) == summary_of(basic[0])
    assert "Traceback" not in parallel[0].err


def test_the_same_command_again_computes_nothing(basic: tuple[Answer, Path]) -> None:
    answer = forked_sim("-m", *SWEEP, "hydra.sweep.dir=again", folder=basic[1])
    assert answer.code == 2, answer.err
    assert f"runs: 0 computed, {N_RUNS} found in the store, 0 failed" in summary_of(answer)[0]


def test_a_job_that_is_tried_again_takes_its_place_in_the_sweep(basic: tuple[Answer, Path], tmp_path: Path) -> None:
    shutil.copytree(basic[1], tmp_path / "here")
    again = next(line.removeprefix("  again: ") for line in summary_of(basic[0]) if line.startswith("  again: "))
    words = shlex.split(again)
    assert words[:3] == ["python", "-m", "sim"]
    same = forked_sim(*words[3:], folder=tmp_path / "here")
    assert same.code == 2
    assert same.err.splitlines() == [FAULT]
    corrected = [w.replace("severity=1.5", "severity=0.7") for w in words[3:]]
    answer = forked_sim(*corrected, folder=tmp_path / "here")
    assert answer.code == 0, answer.err
    assert status(tmp_path / "here" / "sweep" / "1")["exit_code"] == 0
    with pytest.warns(UserWarning, match="1 folder has no finished run and was left out: 3"):
        assert sorted(collect(tmp_path / "here" / "sweep")["folder"].unique()) == ["0", "1", "2"]


@pytest.mark.long
def test_a_good_sweep_says_nothing_on_standard_error(tmp_path: Path) -> None:
    """Nor does what watches over the workers' locks."""
    command = (
        "-m",
        "throttle.severity=0.2,0.5",
        *SMALL,
        "study.workers=1",
        "study.store=store",
        "hydra.sweep.dir=sweep",
    )
    answer = python_sim(*command, "hydra/launcher=joblib", folder=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert summary_of(answer)[0].startswith("sweep of 2 jobs: 2 finished; runs: ")


# -- what launchers do to a job

ELSEWHERE = """
import os

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore


class Elsewhere(BasicLauncher):
    def launch(self, job_overrides, initial_job_idx):
        home = os.getcwd()
        os.makedirs("far/away", exist_ok=True)
        os.chdir("far/away")
        try:
            return super().launch(job_overrides, initial_job_idx)
        finally:
            os.chdir(home)


node = {"_target_": "hydra_plugins.elsewhere.Elsewhere"}
ConfigStore.instance().store(group="hydra/launcher", name="elsewhere", node=node)
"""
BEGIN = "import runpy, sys; sys.argv[0] = 'sim'; runpy.run_module('sim', run_name='__main__')"


@pytest.mark.long
def test_relative_paths_start_where_the_command_was_given(tmp_path: Path) -> None:
    """As with workers of Ray that were started in another folder."""
    (tmp_path / "hydra_plugins").mkdir()
    (tmp_path / "hydra_plugins" / "elsewhere.py").write_text(ELSEWHERE)
    (tmp_path / "a place (with spaces)").mkdir()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {BEGIN}"
    command = ["-m", "hydra/launcher=elsewhere", "decision=threshold,hazard", *SMALL, "study.store=store"]
    place = tmp_path / "a place (with spaces)"
    answer = finish(start(["-c", code, *command, "hydra.sweep.dir=sweep"], place))
    assert answer.code == 0, answer.err
    assert [path for path in (place / "far" / "away").rglob("*") if path.is_file()] == []
    assert len(finished_runs(place / "store")) == N_RUNS
    assert sorted(collect(place / "sweep")["folder"].unique()) == ["0", "1"]


KILLER = """
import json, os, signal, threading, time
from pathlib import Path

from hydra.experimental.callback import Callback

try:  # seconds that submitit waits for what a dead worker might have written: 15
    from submitit.core.core import Job

    Job._results_timeout_s = 1
except ImportError:
    pass


def said(job):
    try:
        return json.loads(Path("sweep", str(job), "status.json").read_text())
    except (OSError, ValueError):
        return {}


def kill():
    # Die in the middle of job 1, when job 0 is over.
    while not said(1) or said(0).get("exit_code") != 0:
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(Callback):
    def on_job_start(self, config, **_):
        if config.hydra.job.num == 1:
            threading.Thread(target=kill, daemon=True).start()
"""


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_a_worker_that_is_killed_is_missed(launcher: str, tmp_path: Path) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    command = [
        f"hydra/launcher={launcher}",
        "study.replicates=1,200",
        *SMALL[:1],
        *SMALL[2:],
        "study.store=store",
        "hydra.sweep.dir=sweep",
    ]
    answer = python_sim("-m", *command, "+hydra.callbacks.killer._target_=killer.Killer", folder=tmp_path)
    assert answer.code == 1, answer.err
    assert "Traceback" not in answer.err
    assert f"hydra/launcher={launcher} failed (" in answer.err
    lines = summary_of(answer)
    assert lines[0].startswith("sweep of 2 jobs: 1 finished, 1 missing; runs: ")
    assert lines[2] == "job 1 (study.replicates=200): began and did not end: it was killed, or is still running"
    missing = next(line.split(": ", 1)[1] for line in lines if line.startswith("what is missing"))
    words = [word.replace("200", "2") for word in shlex.split(missing)[1:] if "killer" not in word]
    answer = finish(start(words, tmp_path))  # with the launcher, whose workers were killed
    assert answer.code == 0, answer.err
    assert summary_of(answer)[0].startswith("sweep of 2 jobs: 2 finished; runs: ")
    assert sorted(p.parent.name for p in (tmp_path / "sweep").glob("*/outcomes.parquet")) == ["0", "1"]


def test_a_launcher_that_cannot_begin_is_told_in_one_sentence(tmp_path: Path) -> None:
    environment_without_slurm = "import os; os.environ['PATH'] = ''; "
    code = environment_without_slurm + BEGIN
    answer = finish(start(["-c", code, "-m", "hydra/launcher=submitit_slurm", "seed=1,2", *SMALL], tmp_path))
    assert answer.code == 2, answer.err
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("hydra/launcher=submitit_slurm failed (RuntimeError: ")
    assert answer.err.endswith("; correct hydra.launcher.* or choose another launcher.\n")


@pytest.mark.parametrize(
    ("launcher", "extra"),
    [
        ("joblib", "launchers"),
        pytest.param("submitit_local", "launchers", marks=pytest.mark.long),
        ("submitit_slurm", "launchers"),
        ("ray", "ray"),
    ],
)
def test_a_launcher_that_is_not_installed_is_told_in_one_sentence(launcher: str, extra: str, tmp_path: Path) -> None:
    code = f"import hydra_plugins; hydra_plugins.__path__ = []; {BEGIN}"
    answer = finish(start(["-c", code, "-m", f"hydra/launcher={launcher}", "seed=1,2", *SMALL], tmp_path))
    assert answer.code == 2, answer.err
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith(f"hydra/launcher is {launcher}, which is not installed")
    assert f"pip install 'mobsim[{extra}]'" in answer.err
    assert f"pip install -e '.[{extra}]'" in answer.err
    assert ". " not in re.sub(r"'\.\[\w+\]'", "", answer.err)
    assert list(tmp_path.iterdir()) == []
