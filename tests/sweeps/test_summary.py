"""What is said at the end of a sweep, from the status files of its jobs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from sim.sweep import Status, Sweep, begin_status, end_status, read_status

NAME = "2026-01-02T03:04:05.678901"


def swept(folder: Path, n_jobs: int, *arguments: str) -> Sweep:
    jobs = tuple((f"seed={job}", "throttle=none") for job in range(n_jobs))
    return Sweep(NAME, folder, "basic", ("-m", *arguments), jobs)


def put(folder: Path, sweep: Sweep, job: int, code: int | None, sentence: str = "", *, failures: int = 0) -> None:
    """Let a job end as it would, with a manifest where it has one."""
    assert sweep.jobs is not None
    place = folder / str(job)
    status = begin_status(place, sweep.name, job, sweep.jobs[job])
    if code in (0, 1) and not sentence:
        lost = [{"arm": "open", "replicate": r, "null": "", "reason": "RuntimeError: broke"} for r in range(failures)]
        told = {"package": "mobsim", "runs_computed": 3, "runs_reused": 1, "runs_failed": failures, "failures": lost}
        (place / "manifest.json").write_text(json.dumps(told))
    if code is not None:
        end_status(place, status, code, sentence)


def test_a_sweep_in_which_all_is_well(tmp_path: Path) -> None:
    sweep = swept(tmp_path, 2)
    for job in range(2):
        put(tmp_path, sweep, job, 0)
    lines, code = sweep.summary()
    assert code == 0
    assert sweep.is_complete()
    assert lines == [
        "sweep of 2 jobs: 2 finished; runs: 6 computed, 2 found in the store, 0 failed",
        f"folder of the sweep: {tmp_path}",
    ]


def test_every_way_to_end_and_the_worst_code(tmp_path: Path) -> None:
    sweep = swept(tmp_path, 6, "seed=range(6)", "throttle=none", "hydra.sweep.dir=old place")
    put(tmp_path, sweep, 0, 0)
    put(tmp_path, sweep, 1, 1, failures=2)
    put(tmp_path, sweep, 2, 2, "seed is wrong, expected another; correct it.")
    put(tmp_path, sweep, 3, None)
    put(tmp_path, sweep, 5, 1, "RuntimeError: a fault")
    lines, code = sweep.summary()
    assert code == 2
    assert not sweep.is_complete()
    assert lines[0] == (
        "sweep of 6 jobs: 1 finished, 1 finished in part, 2 failed, 2 missing; "
        "runs: 6 computed, 2 found in the store, 2 failed"
    )
    said = [line for line in lines if line.startswith("job ")]
    assert said == [
        "job 1 (seed=1): 2 of 6 runs failed, the first in arm open, replicate 0: RuntimeError: broke",
        "job 2 (seed=2): seed is wrong, expected another; correct it.",
        "job 3 (seed=3): began and did not end: it was killed, or is still running",
        "job 4 (seed=4): never began",
        "job 5 (seed=5): RuntimeError: a fault",
    ]
    again = {line.rsplit("/", 1)[1]: shlex.split(line.removeprefix("  again: ")) for line in lines if "again: " in line}
    assert list(again) == ["1", "2", "5"]
    assert again["1"] == [
        "python", "-m", "sim", "seed=1", "throttle=none", "study.retry=true", f"hydra.run.dir={tmp_path}/1",
    ]  # fmt: skip
    assert "study.retry=true" not in again["2"]
    assert lines[-1].startswith("what is missing, and only that, is computed by: ")
    words = shlex.split(lines[-1].split(": ", 1)[1])
    assert words == ["python", "-m", "sim", "-m", "seed=range(6)", "throttle=none", f"hydra.sweep.dir={tmp_path}"]


def test_a_job_that_is_missing_is_no_success(tmp_path: Path) -> None:
    sweep = swept(tmp_path, 2)
    put(tmp_path, sweep, 1, 0)
    assert sweep.summary()[1] == 1


def test_an_earlier_sweep_in_the_folder_does_not_count(tmp_path: Path) -> None:
    earlier = Sweep("2025-01-01T00:00:00.000000", tmp_path, "basic", (), (("seed=0",), ("seed=1",)))
    put(tmp_path, earlier, 0, 0)
    put(tmp_path, earlier, 1, 2, "wrong.")
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "status.json").write_text('{"another": "program"}')
    sweep = swept(tmp_path, 1)
    put(tmp_path, sweep, 0, 0)
    assert [status.job for status in sweep.statuses().values()] == [0]
    assert sweep.summary()[1] == 0
    assert read_status(tmp_path / "2") is None


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    sweep = swept(tmp_path, 30)
    for job in range(30):
        put(tmp_path, sweep, job, 2, "wrong.")
    lines, _ = sweep.summary()
    assert sum(line.startswith("job ") for line in lines) == 10
    assert lines[-1] == "and 20 more; status.json in the folder of a job says what it met"


def test_where_options_lie_is_part_of_the_command(tmp_path: Path) -> None:
    arguments = ("-m", "--config-dir", "my options", "-cn=mine", "hydra.searchpath=[file://x]", "hydra/launcher=joblib",
                 "hydra.launcher.n_jobs=2", "seed=1,2")  # fmt: skip
    sweep = Sweep(NAME, tmp_path, "joblib", arguments, (("seed=1",), ("seed=2",)))
    put(tmp_path, sweep, 1, 2, "wrong.")
    line = next(line for line in sweep.summary()[0] if "again: " in line)
    assert shlex.split(line.removeprefix("  again: ")) == [
        "python", "-m", "sim", "--config-dir", "my options", "-cn=mine", "seed=2", "hydra.searchpath=[file://x]",
        f"hydra.run.dir={tmp_path}/1",
    ]  # fmt: skip


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    begun = begin_status(tmp_path, NAME, 3, ["seed=1", "study.nulls=[]"])
    assert read_status(tmp_path) == begun == Status(NAME, 3, ("seed=1", "study.nulls=[]"))
    end_status(tmp_path, begun, 2, "Şehir is wrong.")
    assert read_status(tmp_path) == Status(NAME, 3, ("seed=1", "study.nulls=[]"), 2, "Şehir is wrong.")


def test_the_command_for_what_is_missing_keeps_overrides_together(tmp_path: Path) -> None:
    """Hydra takes no overrides on both sides of a flag."""
    sweep = Sweep(NAME, tmp_path, "basic", ("seed=1,2", "-m", "--config-dir", "mine"), None)
    assert shlex.split(sweep.command())[3:] == ["seed=1,2", f"hydra.sweep.dir={tmp_path}", "-m", "--config-dir", "mine"]


def test_a_point_that_makes_no_scenario_is_named_by_its_number(tmp_path: Path) -> None:
    lost = [{"point": 3, "arm": "", "replicate": -1, "null": "", "reason": "severity is 1.5"}]
    status = begin_status(tmp_path, NAME, 0, ())
    (tmp_path / "manifest.json").write_text(json.dumps({"package": "mobsim", "runs_failed": 1, "failures": lost}))
    end_status(tmp_path, status, 1, "")
    ended = read_status(tmp_path)
    assert ended is not None
    assert ended.sentence == "1 of 1 runs failed, the first at point 3: severity is 1.5"
