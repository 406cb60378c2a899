"""What the terminal and the shell see: pipes that close, terminals without Turkish letters, options of one's own, faults."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.door.shell import TINY, environment, finish, finished_runs, forked_sim, listing, manifest, start, tables

pytestmark = pytest.mark.slow

QUICK = (*TINY, "throttle=none", "study.nulls=[]", "study.store=store", "hydra.run.dir=run")


@pytest.mark.parametrize("command", [("--help",), ("--cfg", "job"), QUICK], ids=["help", "configuration", "run"])
def test_nobody_reads_standard_output(command: tuple[str, ...], tmp_path: Path) -> None:
    process = start(["-m", "sim", *command], tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    assert (process.wait(timeout=300), told) == (0, "")
    process.stderr.close()
    assert (tmp_path / "run" / "outcomes.parquet").exists() == (command == QUICK)


def test_standard_output_on_a_full_disk(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sim", *QUICK], cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.startswith("standard output cannot be written (No space left on device)")
    assert len(done.stderr.splitlines()) == 1


def test_a_terminal_without_turkish_letters(tmp_path: Path) -> None:
    label = "observed.label='gündüz ışığı'"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "sim", *QUICK, label], cwd=tmp_path, env=environment() | plain, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "observed: g\\xfcnd\\xfcz \\u0131\\u015f\\u0131\\u011f\\u0131" in done.stdout
    assert manifest(tmp_path / "run")["configuration"]["observed"]["label"] == "gündüz ışığı"


def test_a_locale_without_turkish_letters(tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    for arguments, code in ((["--cfg", "job"], 0), ([*QUICK, "population.file=Ayşe.csv"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "sim", *arguments], cwd=tmp_path, env=environment() | plain, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code
        assert len(done.stderr.splitlines()) == (code != 0)


def test_arms_are_composed_from_the_file_that_the_command_names(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.yaml").write_text("defaults: [config, _self_]\nposting: {branching_ratio: 0.1}\n", encoding="utf-8")
    (own / "throttle").mkdir()
    (own / "throttle" / "short.yaml").write_text("defaults: [none]\n", encoding="utf-8")
    arms = "study.arms={a:[],b:['throttle=short']}"
    answer = forked_sim("--config-dir", "own", "--config-name", "mine", *QUICK, arms, folder=tmp_path)
    assert answer.code == 0, answer.err
    told = manifest(tmp_path / "run")
    assert told["configuration"]["posting"]["branching_ratio"] == 0.1
    same = forked_sim(*QUICK, "posting.branching_ratio=0.1", "hydra.run.dir=same", folder=tmp_path)
    assert same.code == 0, same.err
    expected = manifest(tmp_path / "same")["content_hash"]["open"]
    assert told["content_hash"] == {"a": expected, "b": expected}


def test_a_fault_of_the_program_in_one_run_does_not_lose_the_others(tmp_path: Path) -> None:
    broken = """
import sim.study.tasks as study

real = study.run

def run(scenario, seed, *rest, **more):
    if seed == 2:
        raise KeyError("lost\\nand more lines")
    return real(scenario, seed, *rest, **more)

study.run = run
"""
    answer = forked_sim(*QUICK, "study.replicates=3", folder=tmp_path, before=broken)
    assert answer.code == 1
    failed, again = answer.err.splitlines()
    assert failed == "failed: arm open, replicate 1: KeyError: 'lost\\nand more lines'"
    assert again.startswith(
        "1 of 3 runs failed and the rest is kept; runs that failed are tried again with: python -m sim "
    )
    assert again.endswith(" study.retry=true")
    assert manifest(tmp_path / "run")["runs_failed"] == 1
    assert set(tables(tmp_path / "run")["outcomes"]["replicate"]) == {0, 2}


def test_no_run_is_left(tmp_path: Path) -> None:
    broken = "import sim.study.tasks as study\ndef run(*_, **__): raise RuntimeError\nstudy.run = run"
    answer = forked_sim(*QUICK, "study.figures=true", folder=tmp_path, before=broken)
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert "failed: arm open, replicate 0: RuntimeError\n" in answer.err
    assert len(tables(tmp_path / "run")["outcomes"]) == 0


def test_an_empty_folder_of_the_users_is_kept_and_ours_are_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    answer = forked_sim(*QUICK, "population.size=0", "hydra.run.dir=mine", folder=tmp_path)
    assert answer.code == 2
    assert listing(tmp_path) == {"mine"}
    answer = forked_sim(
        *QUICK, "population.file=none.csv", "study.store=a/b/c", "hydra.run.dir=d/e/f/g", folder=tmp_path
    )
    assert answer.code == 2
    assert listing(tmp_path) == {"mine"}


@pytest.mark.parametrize("override", ["decision=3", "population", "=3", "a b=c", "~throttle", "hydra/launcher=none"])
def test_what_hydra_cannot_read_is_told_in_one_sentence(override: str, tmp_path: Path) -> None:
    for sweep in ((), ("-m",)):
        answer = forked_sim(*sweep, override, *QUICK, "hydra.sweep.dir=sweep", folder=tmp_path)
        assert answer.code == 2, answer.err
        assert len(answer.err.splitlines()) == 1
        assert answer.err.endswith(".\n")
        assert ". " not in answer.err
        assert list(tmp_path.rglob("*.parquet")) == []
        assert sweep or listing(tmp_path) == set()


def test_a_file_of_chat_groups(tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text("group,person\n0,1\n0,300\n")
    answer = forked_sim(*QUICK, "network.groups.whatsapp.file=groups.csv", folder=tmp_path)
    assert answer.code == 2
    assert "groups.csv, column 'person', row 2 holds 300, expected a number from 0 to 299" in answer.err


@pytest.mark.parametrize("free", [10**6, 10**12])
def test_the_memory_that_a_study_needs_is_told_before_it_begins_or_is_refused(free: int, tmp_path: Path) -> None:
    small = f"from sim.study import memory; memory.BASE = memory.TOLD = 0; memory.free_bytes = lambda: {free}"
    answer = forked_sim(*QUICK, folder=tmp_path, before=small)
    [line] = answer.err.splitlines()
    if free < 10**7:
        assert answer.code == 2
        assert re.fullmatch(
            r"population\.size is 300, which needs about 0\.\d GB of memory, expected at most the 0\.0 GB that this machine "
            r"has left; choose a smaller population\.size or a larger population\.weight\.",
            line,
        )
        assert finished_runs(tmp_path / "store") == []
        assert not (tmp_path / "run").exists()
    else:
        assert answer.code == 0
        assert re.fullmatch(r"needs about 0\.\d GB of memory", line)


def test_an_interrupted_study_does_not_wait_for_long_runs(tmp_path: Path) -> None:
    slow = """
import os, signal, time
import sim.study.tasks as study

def run(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

study.run = run
"""
    code = f"{slow}\nimport runpy, sys; sys.argv[0] = 'sim'; runpy.run_module('sim', run_name='__main__')"
    process = start(["-c", code, *QUICK], tmp_path)
    try:
        assert process.wait(timeout=40) == 130
    finally:
        answer = finish(process)
    assert len(answer.err.strip().splitlines()) == 1
    assert finished_runs(tmp_path / "store") == []
    # The lock of the run that was given up may lie there; nobody holds it, and whoever makes the run takes it.
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_a_scenario_in_which_nobody_posts_has_its_table_and_figures(tmp_path: Path) -> None:
    seeds = "scenario.timeline=[{time: 2000-01-01 00:00, what: seeds, kind: gathering, number: 40}]"
    answer = forked_sim(
        "classic=plain", "population.size=300", "study.replicates=2", "hydra.run.dir=run", seeds,
        "network.neighbours.graph={graph: erdos_renyi, mean_degree: 1.5}", folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    rows = {line.split()[0]: line.split()[1:] for line in answer.out.splitlines() if line}
    outcomes = tables(tmp_path / "run")["outcomes"].set_index(["outcome", "replicate"])["value"]
    assert float(rows["participants"][1]) == pytest.approx(outcomes["participants"].mean(), abs=1)
    assert rows["participation"] == ["share", f"{outcomes['participation'].mean():.3f}"]
    assert answer.err.splitlines() == [
        "no posts.png: nobody posts on any channel",
        "no difference.png: there is only the arm 'open', and a difference needs two",
        "no provinces.png: all people live in one place",
        "no comparison.png: there is only the arm 'open', and a comparison needs two",
    ]
    drawn = {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn == {"squares.png", "decisions.png", "first_hearing.png", "last_touch.png"}


def test_a_scenario_in_which_nobody_leaves_shows_its_posts(tmp_path: Path) -> None:
    answer = forked_sim(
        "classic=plain", "population.size=300", "study.replicates=2", "hydra.run.dir=run", "channels=feed",
        "posting.branching_ratio=0.5", "network.friends.graph={graph: erdos_renyi, mean_degree: 8}",
        "study.nulls=[ordinary,stay_home,keyboard,without_call]", folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "posts_published_feed" in answer.out
    assert [path.name for path in (tmp_path / "run" / "figures").iterdir()] == ["posts.png"]
    for reason in ("nobody was on a square", "nobody heard of anything", "nobody decided to leave"):
        assert reason in answer.err
    nulls = tables(tmp_path / "run")["nulls"]
    assert {"published_feed", "attempted_feed"} <= set(nulls["curve"])
