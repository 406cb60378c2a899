"""The main job as its user sees it: exit codes, run folders, tables, the store, sweeps."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.study.writing import FIGURES
from tests.door.shell import (
    TABLES,
    TINY,
    Answer,
    assert_same_tables,
    finish,
    finished_runs,
    forked_sim,
    half_written,
    listing,
    manifest,
    python_sim,
    start,
    tables,
)

pytestmark = pytest.mark.slow

PEOPLE = 700
N_RUNS = 2 * (2 * (1 + 4) - 1)
"""Replicates times nights: two arms with four null nights each, of which they share the ordinary one."""
NIGHT = ("study.replicates=2", f"population.size={PEOPLE}", "study.store=store")

PROMISED_FILES = {"outcomes.parquet", "curves.parquet", "contrasts.parquet", "figures", "manifest.json"}
FURTHER_FILES = {f"{name}.parquet" for name in TABLES} | {"report.html", "mobsim.log"}
"""What the figures are drawn from, and Hydra's own record of the configuration and log."""

PROMISED_KEYS = {
    "configuration", "content_hash", "seed", "version", "git_commit", "libraries", "wall_seconds", "cpu_seconds",
    "peak_memory_bytes", "runs_computed", "runs_reused", "runs_failed",
}  # fmt: skip

OUTCOMES = {
    "posts_published", "posts_attempted", "posts_throttle_window", "posts_after_window", "posts_day_1", "posts_day_2",
    "posts_ratio_day_1", "posts_ratio_day_2", "surge_after_call", "surge_after_call_ordinary", "surge_from_call", "dip_depth",
    "dip_depth_ordinary", "dip_from_leaving", "dip_from_leaving_total", "rebound_ratio", "rebound_ratio_ordinary",
    "rebound_from_return", "participants", "participation", "share_left_before_call", "peak_on_squares", "peak_time",
    "time_to_half_peak", "person_hours_on_squares", "heard_share_3h",
}  # fmt: skip
OF_NULLS = {
    "posts_ratio_day_1", "posts_ratio_day_2", "surge_after_call_ordinary", "surge_from_call", "dip_depth_ordinary",
    "dip_from_leaving", "dip_from_leaving_total", "rebound_ratio_ordinary", "rebound_from_return",
}  # fmt: skip
CHANNELS = (
    "trt",
    "television",
    "facetime",
    "twitter",
    "facebook",
    "youtube",
    "whatsapp",
    "viber",
    "minarets",
    "mass_text",
)
POSTING = ("twitter", "facebook", "youtube", "whatsapp", "viber")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("door")


@pytest.fixture(scope="module")
def first(place: Path) -> tuple[Answer, Path]:
    """The main job once, with its figures."""
    answer = python_sim(*NIGHT, folder=place)
    assert answer.code == 0, answer.err
    folders = [p.parent for p in (place / "outputs").rglob("outcomes.parquet")]  # other tests write beside it
    assert len(folders) == 1
    return answer, folders[0]


@pytest.fixture(scope="module")
def sweep(place: Path) -> Path:
    """Four jobs."""
    answer = forked_sim(
        "-m", "throttle=none,july15", "decision=threshold,hazard", *TINY, "study.nulls=[]", "study.store=store",
        "hydra.sweep.dir=sweep", folder=place,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    return place / "sweep"


def test_the_run_folder_is_dated_and_named_on_the_terminal(first: tuple[Answer, Path], place: Path) -> None:
    answer, folder = first
    assert re.fullmatch(r"outputs/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-\d{6}", folder.relative_to(place).as_posix())
    assert str(folder) in answer.out
    assert "participants" in answer.out
    assert "throttled - open" in answer.out


def test_standard_error_is_quiet_where_nothing_is_wrong(first: tuple[Answer, Path]) -> None:
    answer, folder = first
    told = [f"no {name}: {reason}" for name, reason in manifest(folder)["figures_left_out"].items()]
    assert answer.err.splitlines() == told


def test_the_run_folder_holds_what_is_promised_and_nothing_else(first: tuple[Answer, Path]) -> None:
    _, folder = first
    found = {p.name for p in folder.iterdir()}
    assert found >= PROMISED_FILES
    assert found <= PROMISED_FILES | FURTHER_FILES
    figures = list((folder / "figures").iterdir())
    assert figures
    assert all(p.suffix == ".png" and p.read_bytes().startswith(b"\x89PNG") for p in figures)


def test_the_standard_figures_are_those_that_are_drawn(first: tuple[Answer, Path]) -> None:
    drawn = {path.stem for path in (first[1] / "figures").iterdir()}
    skipped = {name.removesuffix(".png") for name in manifest(first[1])["figures_left_out"]}
    assert drawn | skipped == set(FIGURES)


def test_nothing_lies_beside_run_folders_and_the_store(first: tuple[Answer, Path], place: Path) -> None:
    top = {p.name for p in place.iterdir()}
    assert {"outputs", "store"} <= top
    assert half_written(place) == []
    assert len(finished_runs(place / "store")) == N_RUNS
    assert sum(p.is_file() for p in (place / "store").rglob("*")) == N_RUNS


def test_columns_of_the_outcomes(first: tuple[Answer, Path]) -> None:
    table = tables(first[1])["outcomes"]
    assert list(table.columns[:5]) == ["arm", "replicate", "outcome", "value", "unit"]
    assert set(table["arm"]) == {"throttled", "open"}
    assert set(table["replicate"]) == {0, 1}
    names = set(table["outcome"])
    assert names >= OUTCOMES
    assert names >= {f"{what}_{c}" for c in CHANNELS for what in ("first_heard", "tipped_by")}
    others = [c for c in POSTING if c != "twitter"]
    measures = ("published", "attempted", "throttle_window", "after_window", "day_1", "day_2")
    assert names >= {f"posts_{measure}_{c}" for measure in measures for c in others}
    assert not any(name.startswith("posts_") and name.endswith("_twitter") for name in names)
    assert not table.duplicated(["arm", "replicate", "outcome"]).any()
    assert table["unit"].str.len().min() > 0
    assert (table.loc[table["value"].isna(), "reason"].str.len() > 0).all()
    assert (table.loc[table["value"].notna(), "reason"].fillna("").str.len() == 0).all()


def test_columns_of_the_curves(first: tuple[Answer, Path]) -> None:
    table = tables(first[1])["curves"]
    assert list(table.columns) == ["arm", "replicate", "time", "curve", "value"]
    assert str(table["time"].dt.tz) == "Europe/Istanbul"
    one = table[(table["arm"] == "open") & (table["replicate"] == 1) & (table["curve"] == "heard")]
    assert one["time"].iloc[0] == pd.Timestamp("2016-07-15 00:00", tz="Europe/Istanbul")
    assert one["time"].iloc[-1] == pd.Timestamp("2016-07-16 23:59", tz="Europe/Istanbul")
    assert (one["time"].diff().iloc[1:] == timedelta(minutes=1)).all()
    names = set(table["curve"])
    assert names >= {"heard", "deciding", "travelling", "on_squares", "returned", "asleep", "online", "circumventing"}
    assert names >= {f"{what}_{c}" for c in POSTING for what in ("attempted", "published", "failed")}
    assert names >= {f"{what}_{c}" for c in CHANNELS for what in ("impressions", "heard")}
    assert table.groupby(["arm", "replicate", "curve"], observed=True).size().unique().tolist() == [2880]
    assert table["value"].min() >= 0


def test_columns_of_the_contrasts(first: tuple[Answer, Path]) -> None:
    table = tables(first[1])["contrasts"]
    promised = ["baseline", "arm", "outcome", "difference", "low", "high", "variance_reduction", "unit", "n", "method"]
    assert list(table.columns[: len(promised)]) == promised
    assert set(table["baseline"]) == {"open"}
    assert set(table["arm"]) == {"throttled"}
    assert set(table["outcome"]) >= OUTCOMES
    missing = table["difference"].isna()
    assert table.loc[missing, "method"].str.startswith("missing: ").all()
    assert (table.loc[~missing, "n"] == 2).all()
    assert not table["method"].str.contains("conditional").any()


def test_tables_agree_with_each_other(first: tuple[Answer, Path]) -> None:
    found = tables(first[1])
    weight = 78_741_053 / PEOPLE
    values = found["outcomes"].set_index(["arm", "replicate", "outcome"])["value"]
    curves = found["curves"].groupby(["arm", "replicate", "curve"], observed=True)["value"]
    for arm in ("open", "throttled"):
        for replicate in (0, 1):
            for channel in POSTING:
                for what in ("published", "attempted"):
                    name = f"posts_{what}" if channel == "twitter" else f"posts_{what}_{channel}"
                    total = curves.sum()[arm, replicate, f"{what}_{channel}"]
                    assert np.isclose(values[arm, replicate, name], total, rtol=1e-12)
            hours = values[arm, replicate, "person_hours_on_squares"]
            assert np.isclose(hours, curves.sum()[arm, replicate, "on_squares"] / 60, rtol=1e-12)
            people = values[arm, replicate, "participants"] / weight
            assert np.isclose(people, round(people))
    contrast = found["contrasts"].set_index("outcome")["difference"]["participants"]
    pairs = [values["throttled", r, "participants"] - values["open", r, "participants"] for r in (0, 1)]
    assert np.isclose(contrast, np.mean(pairs))


def test_keys_of_the_manifest(first: tuple[Answer, Path]) -> None:
    found = manifest(first[1])
    assert found.keys() >= PROMISED_KEYS
    assert found["seed"] == 1
    assert set(found["content_hash"]) == {"throttled", "open"}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in found["content_hash"].values())
    assert len(set(found["content_hash"].values())) == 2
    assert found["libraries"].keys() >= {"python", "numpy", "numba", "simpy", "hydra-core"}
    assert found["git_commit"] is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", found["git_commit"])
    assert found["runs_failed"] == 0
    assert (found["runs_computed"], found["runs_reused"]) == (N_RUNS, 0)
    assert found["wall_seconds"] > 0
    assert found["cpu_seconds"] > 0
    assert found["peak_memory_bytes"] > 1e7
    assert found["configuration"]["population"]["size"] == PEOPLE
    assert "${" not in json.dumps(found["configuration"])


def test_the_same_command_again_reuses_all_runs(first: tuple[Answer, Path], place: Path) -> None:
    _, folder = first
    answer = forked_sim(*NIGHT, "study.figures=false", "hydra.run.dir=again", folder=place)
    assert answer.code == 0, answer.err
    found = manifest(place / "again")
    assert (found["runs_computed"], found["runs_reused"], found["runs_failed"]) == (0, N_RUNS, 0)
    assert found["content_hash"] == manifest(folder)["content_hash"]
    assert_same_tables(folder, place / "again")


def test_computing_anew_gives_the_same_tables(first: tuple[Answer, Path], place: Path) -> None:
    answer = forked_sim(
        *NIGHT,
        "study.figures=false",
        "study.workers=1",
        "study.store=anew",
        "hydra.run.dir=computed_anew",
        folder=place,
    )
    assert answer.code == 0, answer.err
    assert manifest(place / "computed_anew")["runs_computed"] == N_RUNS
    assert_same_tables(first[1], place / "computed_anew")


def test_without_a_throttle_there_is_one_arm(place: Path) -> None:
    answer = forked_sim(*TINY, "throttle=none", "study.store=store", "hydra.run.dir=one_arm", folder=place)
    assert answer.code == 0, answer.err
    found = tables(place / "one_arm")
    assert set(found["outcomes"]["arm"]) == {"open"}
    assert len(found["contrasts"]) == 0
    assert list(found["contrasts"].columns[:3]) == ["baseline", "arm", "outcome"]
    assert manifest(place / "one_arm")["arms"] == ["open"]


def test_arms_of_ones_own(place: Path) -> None:
    arms = "study.arms={quiet:['throttle=none'],dark:['throttle=total','throttle.windows.0.severity=0.5']}"
    answer = forked_sim(*TINY, arms, "study.store=store", "hydra.run.dir=own_arms", folder=place)
    assert answer.code == 0, answer.err
    found = tables(place / "own_arms")
    assert list(dict.fromkeys(found["outcomes"]["arm"])) == ["quiet", "dark"]
    assert set(found["contrasts"]["baseline"]) == {"quiet"}
    assert set(found["contrasts"]["arm"]) == {"dark"}
    told = manifest(place / "own_arms")
    assert told["baseline"] == "quiet"
    # The arms keep the overrides of the command: 300 people, as in the manifest's configuration.
    people = found["outcomes"].set_index(["arm", "outcome"])["value"]["dark", "participants"] / (78_741_053 / 300)
    assert np.isclose(people, round(people))


def test_one_replicate_has_differences_but_no_intervals(place: Path) -> None:
    answer = forked_sim(*TINY, "study.store=store", "hydra.run.dir=single", folder=place)
    assert answer.code == 0, answer.err
    table = tables(place / "single")["contrasts"].set_index("outcome")
    assert table.loc["participants", "n"] == 1
    assert np.isnan(table.loc["participants", ["low", "high", "variance_reduction"]].astype(float)).all()


def test_without_null_nights_their_outcomes_are_missing_with_the_reason(place: Path) -> None:
    answer = forked_sim(*TINY, "study.nulls=[]", "study.store=store", "hydra.run.dir=no_nulls", folder=place)
    assert answer.code == 0, answer.err
    table = tables(place / "no_nulls")["outcomes"]
    of_nulls = table[table["outcome"].isin(OF_NULLS)]
    assert set(of_nulls["outcome"]) == OF_NULLS
    assert of_nulls["value"].isna().all()
    assert of_nulls["reason"].str.contains("study.nulls").all()
    told = manifest(place / "no_nulls")
    assert set(told["outcomes_missing_null"]) == OF_NULLS
    assert told["runs_computed"] + told["runs_reused"] == 2
    contrasts = tables(place / "no_nulls")["contrasts"].set_index("outcome")
    assert contrasts.loc[sorted(OF_NULLS), "method"].str.contains("null night").all()


def test_some_null_nights_give_their_outcomes_only(place: Path) -> None:
    answer = forked_sim(*TINY, "study.nulls=[keyboard]", "study.store=store", "hydra.run.dir=some", folder=place)
    assert answer.code == 0, answer.err
    table = tables(place / "some")["outcomes"].set_index(["arm", "outcome"])
    assert "study.nulls" not in table.loc[("open", "dip_from_leaving"), "reason"]
    assert "study.nulls" in table.loc[("open", "dip_from_leaving_total"), "reason"]
    assert set(manifest(place / "some")["outcomes_missing_null"]) == OF_NULLS - {
        "dip_from_leaving",
        "rebound_from_return",
    }


def test_one_world_for_all_replicates_is_said_in_the_method(place: Path) -> None:
    answer = forked_sim(
        *TINY, "study.replicates=3", "study.world=fixed", "study.nulls=[]", "study.store=store", "hydra.run.dir=fixed",
        folder=place,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    found = tables(place / "fixed")
    assert found["contrasts"]["method"].str.contains("conditional on one world").all()
    assert found["summary"]["method"].str.contains("conditional on one world").all()
    assert found["variance_reduction"]["method"].str.contains("conditional on one world").all()
    assert "intervals are pointwise and conditional on one world" in answer.out


@pytest.mark.long
def test_both_engines_give_the_same_outcomes(place: Path) -> None:
    for engine in ("compiled", "reference"):
        answer = forked_sim(
            *TINY, "population.size=60", "study.nulls=[ordinary]", f"engine={engine}", f"study.store=store_{engine}",
            f"hydra.run.dir={engine}", folder=place,
        )  # fmt: skip
        assert answer.code == 0, answer.err
        assert manifest(place / engine)["engine"] == engine
        assert manifest(place / engine)["runs_computed"] > 0
    assert_same_tables(place / "compiled", place / "reference")


def test_another_seed_is_another_night(first: tuple[Answer, Path], place: Path) -> None:
    answer = forked_sim(*TINY, "seed=2", "study.nulls=[]", "study.store=store", "hydra.run.dir=seed_2", folder=place)
    again = forked_sim(
        *TINY,
        "seed=1",
        "study.replicates=2",
        "study.nulls=[]",
        "study.store=store",
        "hydra.run.dir=seed_1",
        folder=place,
    )
    assert (answer.code, again.code) == (0, 0)
    # Replicate r of seed s has the seed s + r: the only replicate of seed 2 is the second one of seed 1.
    ours, theirs = (tables(place / name)["outcomes"] for name in ("seed_2", "seed_1"))
    one, two = (theirs[theirs["replicate"] == r].drop(columns="replicate").reset_index(drop=True) for r in (0, 1))
    pd.testing.assert_frame_equal(ours.drop(columns="replicate"), two, check_exact=True)
    assert not one["value"].equals(two["value"])


def test_a_sweep_makes_a_folder_for_each_job(sweep: Path) -> None:
    folders = sorted(p.parent for p in sweep.rglob("outcomes.parquet"))
    assert [f.relative_to(sweep).as_posix() for f in folders] == ["0", "1", "2", "3"]
    found = [manifest(f)["configuration"] for f in folders]
    rules = [(len(c["throttle"]["windows"]), c["decision"]["rule"]) for c in found]
    assert rules == [(0, "threshold"), (0, "hazard"), (1, "threshold"), (1, "hazard")]
    assert [len(manifest(f)["arms"]) for f in folders] == [1, 1, 2, 2]
    assert half_written(sweep) == []


def test_a_bad_job_of_a_sweep_is_told_and_the_others_are_finished(place: Path) -> None:
    answer = forked_sim(
        "-m", "posting.branching_ratio=0.3,1,0.2", *TINY, "throttle=none", "study.nulls=[]", "study.store=store",
        "hydra.sweep.dir=bad_sweep", folder=place,
    )  # fmt: skip
    assert answer.code == 2, answer.err
    assert "Traceback" not in answer.err
    assert answer.err.count("posting.branching_ratio is 1") == 1
    folders = sorted(p.parent.name for p in (place / "bad_sweep").rglob("outcomes.parquet"))
    assert folders == ["0", "2"]
    assert half_written(place / "bad_sweep") == []


def test_a_sweep_forgets_the_faults_of_an_earlier_one_in_its_folder(place: Path) -> None:
    common = (*TINY, "throttle=none", "study.nulls=[]", "study.store=store", "hydra.sweep.dir=swept_again")
    bad = forked_sim("-m", "posting.branching_ratio=0.3,1", *common, folder=place)
    good = forked_sim("-m", "posting.branching_ratio=0.3", *common, folder=place)
    assert (bad.code, good.code) == (2, 0)


def test_some_runs_failed_and_the_rest_is_kept(place: Path) -> None:
    broken = """
import sim.study.tasks as study

real = study.run

def run(scenario, seed, *rest, **more):
    if seed == 2 and scenario.throttle.windows:
        raise RuntimeError("broke on purpose")
    return real(scenario, seed, *rest, **more)

study.run = run
"""
    more = ("study.replicates=3", "study.nulls=[]", "study.store=store_failing", "hydra.run.dir=failing")
    answer = forked_sim(*TINY, *more, folder=place, before=broken)
    assert answer.code == 1, answer.err
    assert "Traceback" not in answer.err
    *failed, again = answer.err.splitlines()
    assert [line for line in failed if "broke on purpose" in line] == failed
    assert again.startswith(
        "1 of 6 runs failed and the rest is kept; runs that failed are tried again with: python -m sim "
    )
    told = manifest(place / "failing")
    assert (told["runs_failed"], told["runs_computed"]) == (1, 5)
    assert told["failures"][0]["replicate"] == 1
    found = tables(place / "failing")
    counts = found["outcomes"].groupby("arm")["replicate"].nunique()
    assert (counts["open"], counts["throttled"]) == (3, 2)
    assert found["contrasts"].set_index("outcome").loc["participants", "n"] == 2


def test_an_arm_without_any_finished_run_does_not_lose_the_others(place: Path) -> None:
    broken = """
import sim.study.tasks as study

real = study.run

def run(scenario, *rest, **more):
    if not scenario.throttle.windows:
        raise RuntimeError("broke on purpose")
    return real(scenario, *rest, **more)

study.run = run
"""
    answer = forked_sim(
        *TINY, "study.figures=true", "study.nulls=[]", "study.store=store_lost", "hydra.run.dir=lost", folder=place,
        before=broken,
    )  # fmt: skip
    assert answer.code == 1, answer.err
    assert "Traceback" not in answer.err
    assert set(tables(place / "lost")["outcomes"]["arm"]) == {"throttled"}
    assert manifest(place / "lost")["runs_failed"] == 1


def test_tables_of_many_runs_are_joined(sweep: Path) -> None:
    answer = finish(start(["-m", "sim.collect", sweep.name], sweep.parent))
    assert answer.code == 0, answer.err
    table = pd.read_parquet(sweep / "collected_outcomes.parquet")
    assert table["folder"].unique().tolist() == ["0", "1", "2", "3"]
    assert table.groupby("folder")["throttle"].unique().str[0].tolist() == ["none", "none", "july15", "july15"]
    for job, ours in table.groupby("folder"):
        theirs = tables(sweep / str(job))["outcomes"]
        pd.testing.assert_frame_equal(ours[theirs.columns].reset_index(drop=True), theirs, check_exact=True)
    # Only run folders hold a file named outcomes.parquet.
    assert len(list(sweep.rglob("outcomes.parquet"))) == 4


@pytest.mark.long
def test_figures_are_drawn_again(first: tuple[Answer, Path], place: Path) -> None:
    copy = place / "copy"
    shutil.copytree(first[1], copy)
    drawn = {p.name: p.read_bytes() for p in (copy / "figures").iterdir()}
    shutil.rmtree(copy / "figures")
    answer = finish(start(["-m", "sim.plot", "copy"], place))
    assert answer.code == 0, answer.err
    assert {p.name: p.read_bytes() for p in (copy / "figures").iterdir()} == drawn
    assert_same_tables(first[1], copy)


@pytest.mark.parametrize("module", ["sim.collect", "sim.plot", "sim.report"])
def test_a_folder_without_runs_is_refused(module: str, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    answer = finish(start(["-m", module, "nothing"], tmp_path))
    assert answer.code == 2
    assert "nothing" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert listing(tmp_path) == {"nothing"}


@pytest.mark.parametrize("flag", ["--help", "--info", "--cfg"])
def test_what_hydra_gives(flag: str, tmp_path: Path) -> None:
    arguments = ["--cfg", "job"] if flag == "--cfg" else [flag]
    answer = python_sim(*arguments, folder=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    expected = {
        "--help": ("throttle:", "july15"),
        "--info": ("Defaults List",),
        "--cfg": ("branching_ratio", "seed: 1"),
    }
    assert all(text in answer.out for text in expected[flag])
    assert listing(tmp_path) == set()
