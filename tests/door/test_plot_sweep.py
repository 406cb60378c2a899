"""`python -m sim.plot` on sweeps and designs: its figures, its options, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim import plot
from sim.errors import InputError
from sim.plot import Drawn, plot_folder, plot_sweep
from sim.study.figures import pages, sweep_pages
from sim.study.figures.words import words_of_outcome
from tests.door.shell import TINY, Answer, forked, forked_sim, half_written, listing

HEADLINES = ("participants", "peak_on_squares", "posts_published", "posts_throttle_window")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four jobs: two numbers and two words."""
    place = tmp_path_factory.mktemp("sweeps")
    answer = forked_sim(
        "-m", "throttle.push=0,1.5", "decision=threshold,hazard", "population.size=300", "study.replicates=2",
        "study.figures=false", "study.nulls=[]", "study.store=store", "hydra.sweep.dir=sweep", folder=place,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    return place / "sweep"


@pytest.fixture
def copy(sweep: Path, tmp_path: Path) -> Path:
    """A copy of the sweep, to draw in."""
    shutil.copytree(sweep, tmp_path / "sweep", ignore=shutil.ignore_patterns("figures"))
    return tmp_path / "sweep"


def plotted(folder: Path, *options: str) -> Answer:
    return forked("sim.plot", folder.name, *options, folder=folder.parent)


def drawn(folder: Path) -> set[str]:
    return {path.name for path in (folder / "figures").iterdir()}


def design(folder: Path, n: int = 60) -> Path:
    """Write a design folder of n scattered points, one factor of them logarithmic."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    factors = pd.DataFrame({"throttle.push": rng.random(n), "parameters.threshold_median": 10 ** rng.uniform(-1, 1, n)})
    points = factors.assign(point=range(n), outcome="participants", unit="people", n=4, method="t", low=0.0, high=9.0)
    other = points.assign(outcome="posts_failed")
    both = pd.concat([points, other], ignore_index=True)
    both.assign(arm="open", estimate=5.0).to_parquet(folder / "summary.parquet")
    contrasts = both.assign(arm="throttled", baseline="open", difference=rng.normal(size=2 * n), variance_reduction=2.0)
    contrasts.to_parquet(folder / "contrasts.parquet")
    points.assign(arm="open", replicate=0, value=5.0).to_parquet(folder / "outcomes.parquet")
    scales = {"throttle.push": {"range": [0, 1]}, "parameters.threshold_median": {"range": [0.1, 10], "scale": "log"}}
    about = {
        "package": "mobsim",
        "overrides": ["seed=3"],
        "seed": 3,
        "replicates": 4,
        "design": {"method": "lhs", "points": n, "factors": scales},
    }
    (folder / "manifest.json").write_text(json.dumps(about))
    return folder


def test_a_sweep_gets_responses_and_comparisons(copy: Path) -> None:
    answer = plotted(copy)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == ["sweep/figures"]
    names = {f"response_{name}.png" for name in HEADLINES} | {"comparison_decision.png"}
    assert names <= drawn(copy)
    told = {line.split(":")[0].removeprefix("no ") for line in answer.err.splitlines()}
    assert not told & drawn(copy)
    assert half_written(copy) == []
    # Drawing again gives the same figures, and only those that are asked for.
    before = {name: (copy / "figures" / name).read_bytes() for name in drawn(copy)}
    assert plotted(copy, "--outcome", "participants", "--outcome", "posts_published", "--x", "throttle.push").code == 0
    again = {name: (copy / "figures" / name).read_bytes() for name in drawn(copy)}
    assert again == {name: before[name] for name in ("response_participants.png", "response_posts_published.png")}


def test_options_choose_outcomes_and_parameters(copy: Path) -> None:
    assert plotted(copy, "--outcome", "posts_failed", "--x", "throttle.push", "--y", "decision").code == 0
    assert drawn(copy) == {"response_posts_failed.png", "map_posts_failed.png"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--outcome", "turnout"], "no outcome 'turnout'"),
        (["--x", "throttle.pull"], "x is 'throttle.pull', expected one of ['decision', 'throttle.push']"),
        (["--y", "decision"], "expected two parameters for a map"),
    ],
)
def test_unknown_names_are_refused_in_one_sentence_and_old_figures_stay(
    options: list[str], words: str, copy: Path
) -> None:
    (copy / "figures").mkdir()
    (copy / "figures" / "map_participants.png").write_text("old")
    before = listing(copy)
    answer = plotted(copy, *options)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert words in answer.err
    assert listing(copy) == before


def test_figures_of_a_sweep_are_drawn_all_or_none(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plot_sweep(copy, ["participants"])
    old = {name: (copy / "figures" / name).read_bytes() for name in drawn(copy)}

    def full(*_: object, **how: object) -> None:
        raise OSError("the disk is full")

    calls = iter([sweep_pages.save, full])
    monkeypatch.setattr(sweep_pages, "save", lambda *given, **how: next(calls)(*given, **how))
    with pytest.raises(OSError, match="disk is full"):
        plot_sweep(copy, ["posts_published", "peak_on_squares"])
    assert {name: (copy / "figures" / name).read_bytes() for name in drawn(copy)} == old
    assert half_written(copy) == []


def test_what_the_user_has_put_beside_the_figures_is_not_lost(copy: Path) -> None:
    (copy / "figures").mkdir()
    (copy / "figures" / "posts.png").write_text("mine")  # a run's figure, but this is a sweep
    answer = plotted(copy)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "posts.png, which is not ours" in answer.err
    assert (copy / "figures" / "posts.png").read_text() == "mine"


def test_one_run_has_no_parameters_but_outcomes_to_compare(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = plotted(copy / "0", "--x", "throttle.push")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "is one run, which has no parameter 'throttle.push'" in answer.err
    answer = plotted(copy / "0", "--outcome", "turnout")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "no outcome 'turnout'" in answer.err

    def not_looked_at(*_: object) -> None:
        raise InputError("it is not looked at")

    others = ("posts", "squares", "hearing", "decisions", "difference", "provinces", "touch")
    for name in others:
        monkeypatch.setattr(pages, f"_{name}_page", not_looked_at)
    assert len(plot_folder(copy / "0").skipped) == len(others)
    assert drawn(copy / "0") == {"comparison.png"}
    default = (copy / "0" / "figures" / "comparison.png").read_bytes()
    plot_folder(copy / "0", ["posts_failed"])
    assert (copy / "0" / "figures" / "comparison.png").read_bytes() != default


def test_runs_that_differ_in_nothing_are_no_sweep(copy: Path) -> None:
    for job in ("1", "2", "3"):
        shutil.rmtree(copy / job)
    answer = plotted(copy)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "differ in no parameter" in answer.err
    assert not (copy / "figures").exists()


def test_a_cut_table_of_one_run_is_left_out_and_named(copy: Path) -> None:
    table = copy / "2" / "contrasts.parquet"
    table.write_bytes(table.read_bytes()[:99])
    answer = plotted(copy, "--outcome", "participants", "--x", "throttle.push")
    assert answer.code == 1
    (line,) = answer.err.splitlines()
    assert line.startswith("left out: ")
    assert "2/contrasts.parquet cannot be read" in line
    assert "response_participants.png" in drawn(copy)


def test_a_run_that_lies_there_twice_is_noted(copy: Path) -> None:
    shutil.copytree(copy / "1", copy / "again")
    answer = plotted(copy, "--outcome", "participants", "--x", "throttle.push")
    assert answer.code == 0
    assert len(answer.err.splitlines()) == 1
    assert "again" in answer.err


def test_of_runs_beside_a_design_it_is_said_what_is_drawn(copy: Path) -> None:
    design(copy / "scattered")
    answer = plotted(copy, "--outcome", "participants", "--x", "throttle.push")
    assert answer.code == 0, answer.err
    lines = [line for line in answer.err.splitlines() if " holds " in line]
    assert lines == [
        "sweep holds 4 runs and 1 design: drawn are all their points together, by what they differ in; what each shows by "
        "itself is not (give its own folder)."
    ]
    assert "response_participants.png" in drawn(copy)
    assert plot_folder(copy / "scattered", ["participants"], x="throttle.push").notes == []


def test_every_outcome_of_a_study_has_words_of_its_own(sweep: Path) -> None:
    names = pd.read_parquet(sweep / "0" / "summary.parquet")["outcome"].unique()
    words = {words_of_outcome(name) for name in names}
    assert len(words) == len(names) > 50
    assert not [text for text in words if "_" in text]


def test_runs_of_one_arm_beside_others_are_no_obstacle(tmp_path: Path) -> None:
    answer = forked_sim(
        "-m", "throttle=none,july15", "parameters.throttle_severity=0.2,0.8", *TINY, "study.nulls=[]",
        "study.store=store", "hydra.sweep.dir=sweep", folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    drawn_of = plot_folder(tmp_path / "sweep", ["participants"])
    assert drawn(tmp_path / "sweep") == {"response_participants.png"}
    assert drawn_of.skipped == {"comparison_throttle.png": "there are differences at one value of throttle only"}


def test_a_design_folder_is_plotted_over_its_factors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = design(tmp_path / "design")
    seen = {}
    monkeypatch.setattr(
        "sim.study.figures.write_sweep",
        lambda *given, **more: seen.update(more) or sweep_pages.write_sweep(*given, **more),
    )
    assert plot_folder(folder) == Drawn({})
    assert drawn(folder) == {"response_participants.png", "map_participants.png"}
    assert seen["log"] == {"parameters.threshold_median"}
    # It may be one of several below a folder.
    shutil.rmtree(folder / "figures")
    plot_folder(tmp_path, ["posts_failed"], x="throttle.push")
    assert "response_posts_failed.png" in drawn(tmp_path)


def test_of_a_design_only_what_is_shown_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = design(tmp_path / "design")
    rows: list[pd.DataFrame] = []
    original = plot._rows_of
    monkeypatch.setattr(plot, "_rows_of", lambda *given: rows.append(original(*given)) or rows[-1])
    plot_folder(folder)
    assert [len(table) for table in rows] == [60, 60]
    assert all(set(table["outcome"]) == {"participants"} for table in rows)


def test_a_design_without_any_value_gives_no_figure(tmp_path: Path) -> None:
    folder = design(tmp_path / "design")
    for name, column in (("summary", "estimate"), ("contrasts", "difference")):
        table = pd.read_parquet(folder / f"{name}.parquet")
        table.assign(**{column: np.nan}, method="missing: nobody left").to_parquet(folder / f"{name}.parquet")
    with pytest.raises(InputError, match=r"gives no figure .*nobody left"):
        plot_folder(folder, ["participants"])
    assert not (folder / "figures").exists()
