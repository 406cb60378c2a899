"""`python -m sim.calibrate`: a posterior, gone on with after kill -9, used by other commands; one sentence for faults."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from tests.door.shell import finish, forked, forked_sim, start, wait_until

pytest.importorskip("pyabc")

from sim import calibrate

QUICK = (
    "population.size=300", "study.workers=1", "calibration.particles=20", "calibration.predictions=20", "study.store=store",
    "calibration.folder=found",
)  # fmt: skip
COMMAND = ("sim.calibrate", *QUICK, "calibration.generations=2")
FIGURES = ["fit.png", "generations.png", "parameters.png"]


def folder_of(place: Path) -> Path:
    (folder,) = (place / "found").iterdir()
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    place = tmp_path_factory.mktemp("calibrated")
    answer = forked(*COMMAND, folder=place)
    assert answer.code == 0, answer.err
    assert "generation 2 of 2: 20 particles within" in answer.err
    return place, answer.out


@pytest.mark.slow
def test_the_folder_is_whole_and_the_terminal_tells_of_it(finished: tuple[Path, str]):
    place, out = finished
    folder = folder_of(place)
    names = {path.name for path in folder.iterdir()}
    tables = {f"{name}.parquet" for name in ("prior", "posterior", "predictions", "fit", "parameters")}
    assert names == {*tables, "history.db", "draws.csv", "manifest.json", "figures"}
    assert sorted(path.name for path in (folder / "figures").iterdir()) == FIGURES
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert [g["number"] for g in told["generations"]] == [0, 1]
    assert 0 < sum(g["wall_seconds"] for g in told["generations"]) < told["wall_seconds"]
    assert told["command"][:3] == ["python", "-m", "sim.calibrate"]
    assert told["failures"] == []
    fit = pd.read_parquet(folder / "fit.parquet").set_index("statistic")
    assert fit.loc["posts_ratio_day_1", "observed"] == 1.206
    assert fit.loc["topic_ratio", "use"] == "held out"
    assert "posts_ratio_day_1" in out
    assert f"figures: {folder.relative_to(place)}" in out
    posterior, parameters = (pd.read_parquet(folder / f"{name}.parquet") for name in ("posterior", "parameters"))
    assert len(posterior) == 20  # so few bear no regression on seven statistics: they stay as they are
    assert told["moved_along"] == "nothing"
    assert "not moved to the record" in out
    assert set(parameters["parameter"]) <= set(posterior.columns)
    distances = posterior["distance"]
    assert (distances <= told["generations"][-1]["threshold"]).all()


@pytest.mark.long
@pytest.mark.slow
def test_after_kill_9_the_same_command_comes_to_the_same_posterior(finished: tuple[Path, str], tmp_path: Path):
    process = start(["-m", *COMMAND], tmp_path)

    def has_begun_the_second() -> bool:
        found = list(tmp_path.glob("found/*/history.db"))
        if not found:
            return False
        try:
            with sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True) as base:
                return bool(base.execute("select count(*) from populations where t = 0").fetchone()[0])
        except sqlite3.OperationalError:
            return False  # it is being made

    wait_until(has_begun_the_second, process)
    process.kill()
    assert finish(process).code == -signal.SIGKILL
    assert not (folder_of(tmp_path) / "manifest.json").exists()
    answer = forked(*COMMAND, folder=tmp_path)
    assert answer.code == 0, answer.err
    assert "goes on from generation 1 of 2" in answer.err
    for name in ("posterior", "prior", "predictions"):
        mine, whole = (pd.read_parquet(folder_of(place) / f"{name}.parquet") for place in (tmp_path, finished[0]))
        pd.testing.assert_frame_equal(mine, whole, check_exact=True)


@pytest.mark.long
@pytest.mark.slow
def test_a_series_of_the_users_own_is_fitted_alone_and_drawn(tmp_path: Path):
    times = pd.date_range("2016-07-15 22:00", periods=8, freq="30min", tz="Europe/Istanbul")
    pd.DataFrame({"time": times, "value": range(100_000, 900_000, 100_000)}).to_csv(tmp_path / "mine.csv", index=False)
    answer = forked(
        *COMMAND[:-1], "calibration.generations=1", "~calibration.statistics", "+calibration.statistics={}",
        "+calibration.series.mine={file: mine.csv, curve: published_twitter, relative_sd: 0.1}", folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    folder = folder_of(tmp_path)
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["parameters.png", "series.png"]
    fit = pd.read_parquet(folder / "fit.parquet")
    assert list(fit["statistic"]) == [f"mine[{i}]" for i in range(8)]
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert set(told["figures_left_out"]) == {"fit", "generations"}


@pytest.mark.slow
def test_draws_are_a_design_for_other_studies(finished: tuple[Path, str], tmp_path: Path):
    draws = folder_of(finished[0]) / "draws.csv"
    answer = forked_sim(
        "parameters=posterior", f"design.file={draws}", "design.points=3", "population.size=300", "study.nulls=[]",
        "hydra.run.dir=run", folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    table = pd.read_parquet(tmp_path / "run" / "posterior.parquet")
    row = table[(table["baseline"] == "open") & (table["outcome"] == "participants")].iloc[0]
    assert (row["arm"], row["n_draws"], row["n_runs"]) == ("throttled", 3, 6)
    contrasts = pd.read_parquet(tmp_path / "run" / "contrasts.parquet")
    of_points = contrasts[contrasts["outcome"] == "participants"]["difference"]
    assert row["mean"] == pytest.approx(of_points.mean())
    assert "participants" in answer.out
    assert "throttled - open" in answer.out
    assert (tmp_path / "run" / "figures" / "posterior.png").exists()


# -- faults, in this process: none of them simulates anything

LUCK = "+calibration.priors.parameters.luck={range: [0, 1], says: x, source: assumed}"
UNUSED = "+calibration.priors.parameters.critical_mass_mean={range: [0.1, 1], says: x, source: assumed}"
BEYOND = "calibration.statistics.topic_ratio.over=['2016-07-16 00:00','2016-07-19 00:00']"
FAULTS = {
    "a parameter that is none": ([LUCK], "parameters.luck"),
    "one that the night does not use": (
        [UNUSED, "decision=threshold", "decision.critical_mass=null"],
        "parameters.critical_mass_mean, which moves nothing",
    ),
    "a range upside down": (["calibration.priors.parameters.social.range=[2,1]"], "lower one first"),
    "no such reading": (["observed=hearsay"], "hearsay"),
    "parameters without a reading": (["parameters=as_told"], "give observed=NAME"),
    "no store": (["study.store=null"], "study.store is null"),
    "no calibration": (["calibration=null"], "must be a string or a list"),
    "too few particles": (["calibration.particles=3"], "calibration.particles is 3"),
    "a window beyond": ([BEYOND], "within the scenario"),
    "a series that is not there": (["+calibration.series.mine={file: absent.csv, curve: x, relative_sd: 0.1}"], "absent.csv"),
    "no such backend": (["calibration.backend=cloud"], "calibration.backend is 'cloud'"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_bad_input_ends_with_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    overrides, words = FAULTS[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["calibrate", *QUICK, *overrides])
    assert calibrate.main() == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert words in told[-1]
    assert len(told) == 1, told
    assert not (tmp_path / "found").exists()


def test_a_statistic_that_the_night_has_not_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    more = "+calibration.statistics.turnout={value: 1, sd: 1, source: x}"
    monkeypatch.setattr("sys.argv", ["calibrate", *QUICK, "population.size=300", more])
    assert calibrate.main() == 2
    assert "calibration.statistics names turnout, which is no outcome" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["nothing://here", "sqlite:////no/such/folder/history.db"])
def test_a_database_that_is_none_is_refused(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["calibrate", *QUICK, "population.size=300", f"calibration.database={address}"])
    assert calibrate.main() == 2
    told = capsys.readouterr().err
    assert f"calibration.database is {address}, which cannot be used" in told


def test_the_main_command_has_no_use_for_a_calibration(tmp_path: Path):
    answer = forked_sim("calibration=calendar_days", "population.size=300", folder=tmp_path)
    assert answer.code == 2
    assert "python -m sim.calibrate" in answer.err
    assert os.listdir(tmp_path) == []
