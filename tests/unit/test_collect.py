"""Joining the tables of run folders: the same rows as theirs, typed parameters, and nothing lost or counted twice unsaid."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sim
from sim import collect as door
from sim.collect import batches, collect
from sim.config import StudyPlan
from sim.errors import InputError
from sim.study import gather as gather_module
from sim.study.gather import gather
from sim.study.joined import Joined, TornError
from sim.study.writing import write_table

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION: dict[str, Any] = {
    "throttle": {"substitution": 0.2, "push": 0, "inspector": None, "windows": [{"severity": 0.69}]},
    "decision": {"needs_news": True, "ignored_channels": []},
    "attendance": {"stay": {"law": "lognormal", "median_minutes": 180}},
    "study": {"replicates": 2, "nulls": [], "world": "replicate", "store": "outputs/store"},
    "seed": 1, "engine": "compiled",
    "choices": {"throttle": "july15", "decision": "threshold", "classic": None, "study": "replicates"},
}  # fmt: skip
Tables = Mapping[str, pd.DataFrame]
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Tables of a real study."""
    arms = {name: sim.load(f"throttle={name}", "population.size=150") for name in ("none", "july15")}
    study = sim.compare(arms, 2, nulls=(), workers=1)
    found = {name: getattr(study, name) for name in ("outcomes", "contrasts", "summary", "curves")}
    some = ["on_squares", "decided", "heard", "asleep", *found["curves"]["curve"].unique()[:3]]
    return found | {"curves": found["curves"][found["curves"]["curve"].isin(some)].reset_index(drop=True)}


@pytest.fixture
def make(tables: Tables, tmp_path: Path) -> Make:
    """A function that makes a run folder below `tmp_path / "runs"`."""

    def made(name: str, *overrides: str, changes: Tables | None = None, **more: Any) -> Path:
        place = tmp_path / "runs" / name
        place.mkdir(parents=True)
        configuration = json.loads(json.dumps(CONFIGURATION))
        for override in overrides:
            key, _, text = override.lstrip("+").partition("=")
            if key in configuration["choices"]:
                configuration["choices"][key] = text
                continue
            *path, last = key.split(".")
            tree = configuration
            for part in path:
                tree = tree[int(part)] if isinstance(tree, list) else tree.setdefault(part, {})
            tree[last] = _parsed(text)
        manifest = {
            "package": "mobsim", "overrides": list(overrides), "configuration": configuration, "seed": configuration["seed"],
            "engine": configuration["engine"], "replicates": configuration["study"]["replicates"], "baseline": "none",
            "content_hash": {"none": "0", "july15": " ".join(o for o in overrides if not o.startswith(("seed", "study")))},
            "runs_failed": 0, "started": "2026-01-01T00:00:00+00:00",
        } | more  # fmt: skip
        (place / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        for table, frame in {**tables, **(changes or {})}.items():
            write_table(place / f"{table}.parquet", frame)
        return place

    return made


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def run(*arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["collect", *map(str, arguments)])
    return door.main()


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its categories as text, as all of many folders have them."""
    return frame.astype({c: "str" for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype)})


# -- the rows


@pytest.mark.parametrize("table", ["outcomes", "curves", "contrasts"])
def test_the_rows_are_those_of_the_folders_one_after_another(
    make: Make, runs: Path, tables: Tables, table: str
) -> None:
    for number in (10, 9, 0):
        make(str(number), f"throttle.push={number}")
    joined = collect(runs, table)
    expected = pd.concat(
        [plain(tables[table]).assign(**{"throttle.push": n, "folder": str(n)}) for n in (0, 9, 10)], ignore_index=True
    )
    columns = ["folder", "throttle.push", *tables[table].columns]
    pd.testing.assert_frame_equal(joined, expected[columns], check_exact=True, check_dtype=False)
    assert joined["throttle.push"].dtype == np.int64
    assert joined.dtypes.iloc[3:].map(str).tolist() == plain(tables[table]).dtypes.iloc[1:].map(str).tolist()


def test_batches_are_the_same_rows(make: Make, runs: Path, tables: Tables) -> None:
    for number in range(3):
        make(str(number), f"throttle.push={number}")
    parts = list(batches(runs, "curves"))
    assert len(parts) >= 3
    assert all(part.num_rows <= 1 << 16 for part in parts)
    pd.testing.assert_frame_equal(pa.Table.from_batches(parts).to_pandas(), collect(runs, "curves"))
    assert sum(part.num_rows for part in parts) == 3 * len(tables["curves"])


def test_columns_and_conditions(make: Make, runs: Path) -> None:
    for number in range(3):
        make(str(number), f"throttle.push={number / 2}")
    whole = collect(runs, "curves")
    some = collect(runs, "curves", ["value", "folder"], {"curve": "on_squares", "throttle.push": [0, 1]})
    is_so = (whole["curve"] == "on_squares") & whole["throttle.push"].isin([0, 1])
    pd.testing.assert_frame_equal(some, whole[is_so][["value", "folder"]].reset_index(drop=True))
    time = whole["time"].iloc[700]
    at = collect(runs, "curves", ["time"], {"time": time, "arm": {"none"}})
    assert len(at) == ((whole["time"] == time) & (whole["arm"] == "none")).sum() > 0
    assert collect(runs, "curves", ["folder"]).squeeze().tolist() == whole["folder"].tolist()
    nothing = collect(runs, "curves", where={"curve": "no such curve"})
    assert (len(nothing), list(nothing)) == (0, list(whole))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"columns": ["valeu"]}, "no column 'valeu'; choose among folder, arm"),
        ({"where": {"curv": "x"}}, "no column 'curv'"),
        ({"where": {"value": "many"}}, "asks for 'many' in the column 'value', expected double"),
        ({"table": "curvs"}, "'curvs' is no table of any run folder here; choose one of contrasts, curves, outcomes"),
        ({"table": "../outcomes"}, "'../outcomes' is no table"),
    ],
)
def test_questions_that_cannot_be_answered(make: Make, runs: Path, question: dict[str, Any], told: str) -> None:
    make("0")
    with pytest.raises(InputError, match=re.escape(told)):
        collect(runs, **question)


# -- parameters


def test_parameters_have_types(make: Make, runs: Path) -> None:
    make(
        "0",
        "throttle.push=1",
        "throttle.substitution=1",
        "decision.needs_news=true",
        "study.replicates=2",
        "decision=hazard",
    )
    make("1", "throttle.push=2", "throttle.substitution=0.5", "decision.needs_news=false", "throttle.inspector=none")
    first = collect(runs).groupby("folder").first()
    assert first["throttle.push"].tolist() == [1, 2]
    assert first["throttle.substitution"].tolist() == [1.0, 0.5]
    assert first["decision.needs_news"].tolist() == [True, False]
    assert first["decision"].tolist() == ["hazard", "threshold"]
    assert first["throttle.inspector"].isna().tolist() == [True, False]
    schema = next(iter(batches(runs))).schema
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert types["throttle.push"] == types["study.replicates"] == "int64"
    assert types["throttle.substitution"] == "double"
    assert types["decision.needs_news"] == "bool"
    assert types["decision"] == types["throttle.inspector"] == "string"
    # Of several types: text, as it would be written in an override.
    make("2", "throttle.push=much", "decision.needs_news=0.25")
    first = collect(runs).groupby("folder").first()
    assert first["throttle.push"].tolist() == ["1", "2", "much"]
    assert first["decision.needs_news"].tolist() == ["true", "false", "0.25"]


def test_what_a_command_does_not_name_comes_from_its_configuration(make: Make, runs: Path) -> None:
    make("0")
    make(
        "1",
        "throttle.substitution=0.5",
        "throttle=total",
        "throttle.windows.0.severity=1",
        'decision.ignored_channels=["trt"]',
    )
    make("2", "classic=watts")
    first = collect(runs).groupby("folder").first()
    assert first["throttle.substitution"].tolist() == [0.2, 0.5, 0.2]
    assert first["throttle.windows.0.severity"].tolist() == [0.69, 1.0, 0.69]
    assert first["throttle"].tolist() == ["july15", "total", "july15"]
    assert first["classic"].isna().tolist() == [True, True, False]
    assert first["decision.ignored_channels"].tolist() == ["[]", "[trt]", "[]"]


def test_a_manifest_that_lacks_choices_or_keys_has_nothing_there(make: Make, runs: Path) -> None:
    old = make("0", configuration={"throttle": {"push": 0.0}}, seed=1)
    make("1", "throttle=total", "decision.needs_news=true")
    first = collect(runs).groupby("folder").first()
    assert first["throttle"].isna().tolist() == [True, False]
    assert first["decision.needs_news"].isna().tolist() == [True, False]
    # An old one that names a group has what it names, and a key that its configuration lacks, as it was given.
    shutil.rmtree(old)
    make(
        "0",
        overrides=["throttle=early", "channels.radio.waits=1e-1"],
        configuration={"throttle": {"push": 0.0}},
        seed=1,
    )
    first = collect(runs).groupby("folder").first()
    assert first["throttle"].tolist() == ["early", "total"]
    assert first["channels.radio.waits"].iloc[0] == 0.1


def test_a_mapping_is_what_was_given(make: Make, runs: Path) -> None:
    merged = json.loads(json.dumps(CONFIGURATION))
    merged["attendance"]["stay"] |= {"law": "exponential", "mean_minutes": 60}
    make("0", configuration=merged, overrides=["+attendance.stay={law: exponential, mean_minutes: 60}"])
    make("1", content_hash={"none": "1"})
    assert collect(runs).groupby("folder").first()["attendance.stay"].tolist() == [
        "{law: exponential, mean_minutes: 60}", "{law: lognormal, median_minutes: 180}",
    ]  # fmt: skip


def test_a_key_that_is_removed_has_nothing_there(make: Make, runs: Path) -> None:
    without = json.loads(json.dumps(CONFIGURATION))
    del without["throttle"]["push"]
    make("0", configuration=without, overrides=["~throttle.push"])
    make("1", "throttle.push=0.5")
    assert collect(runs).groupby("folder")["throttle.push"].first().isna().tolist() == [True, False]


def test_how_a_study_is_run_is_no_parameter(make: Make, runs: Path, tables: Tables) -> None:
    make("0", "study.store=a", "study.workers=3", "study.figures=false", "study.retry=true", "study.report=false",
         "study.question=Why?", "design.points=3")  # fmt: skip
    make("1", content_hash={"none": "1"}, overrides=["hydra.run.dir=x", "hydra/launcher=joblib", "design=none"])
    with pytest.warns(UserWarning, match="same parameters hold different studies .*: 0 and 1; only the column folder"):
        joined = collect(runs)
    assert list(joined) == ["folder", *tables["outcomes"].columns]


def test_every_option_of_a_study_is_a_parameter_or_says_how_it_is_run() -> None:
    """A new one must be sorted: what is a parameter tells repetitions apart."""
    what_comes_out = {"arms", "replicates", "nulls", "world"}
    for name in StudyPlan.model_fields:
        assert bool(gather_module._BOOKKEEPING.fullmatch(f"study.{name}")) == (name not in what_comes_out), name


def test_a_study_with_a_report_repeats_the_one_without(make: Make, runs: Path) -> None:
    for name, report in (("0", "true"), ("1", "false")):
        make(name, f"study.report={report}")
    with pytest.warns(UserWarning, match="1 folder repeats another"):
        assert collect(runs)["folder"].nunique() == 1


def test_seeds_are_a_column_where_they_differ(make: Make, runs: Path, tables: Tables) -> None:
    make("0")
    make("1", seed=100, configuration=CONFIGURATION | {"seed": 100})
    assert collect(runs).groupby("folder")["seed"].first().tolist() == [1, 100]


def test_a_parameter_named_as_a_column_of_the_table_is_told_apart(make: Make, runs: Path, tables: Tables) -> None:
    make("0", "value=3")
    make("1", "value=4")
    joined = collect(runs)
    assert joined.groupby("folder")["parameter.value"].first().tolist() == [3, 4]
    assert joined["value"].iloc[: len(tables["outcomes"])].equals(tables["outcomes"]["value"])


# -- designs


def test_a_design_has_its_factors_as_columns_and_meets_single_runs(make: Make, runs: Path, tables: Tables) -> None:
    def points(factors: dict[str, list[Any]]) -> dict[str, pd.DataFrame]:
        parts = []
        for point in range(2):
            part = tables["outcomes"].copy()
            part.insert(0, "point", point)
            for i, (name, values) in enumerate(factors.items()):
                part.insert(1 + i, name, values[point])
            parts.append(part)
        return {"outcomes": pd.concat(parts, ignore_index=True)}

    factors = {"throttle.substitution": [0.25, 0.75], "decision": ["hazard", "threshold"]}
    design = {"method": "lhs", "points": 2, "seed": 1, "factors": {name: {} for name in factors}}
    place = make("many", "design=lhs", changes=points(factors), design=design)
    (place / "curves.parquet").unlink()
    alone = collect(place)
    assert list(alone) == ["folder", "decision", "throttle.substitution", "point", *tables["outcomes"].columns]
    assert alone["throttle.substitution"].tolist() == points(factors)["outcomes"]["throttle.substitution"].tolist()
    make("one", "throttle.push=2", "throttle.substitution=0.5")
    both = collect(runs)
    assert list(both) == [
        "folder",
        "decision",
        "throttle.push",
        "throttle.substitution",
        "point",
        *tables["outcomes"].columns,
    ]
    first = both.groupby(["folder", "throttle.substitution"]).first()
    assert first["decision"].tolist() == ["hazard", "threshold", "threshold"]
    assert first["throttle.push"].tolist() == [0, 0, 2]
    assert first["point"].fillna(-1).tolist() == [0, 1, -1]
    # Another design of the same factor, in words: then all are text.
    other = {"throttle.substitution": ["little", "much"]}
    make("words", changes=points(other), design=design | {"factors": {key: {} for key in other}})
    texts = collect(runs)["throttle.substitution"].drop_duplicates().tolist()
    assert texts == ["0.25", "0.75", "0.5", "little", "much"]
    with pytest.warns(UserWarning, match="1 run folder has no table curves"):
        assert set(collect(runs, "curves")["folder"]) == {"one", "words"}


# -- what is found


def test_folders_are_named_after_what_they_have_in_common(
    make: Make, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/0", "a/1", "b/deep/0"):
        make(name, f"throttle.push={len(name)}{name[-1]}")
    assert collect([runs / "a", runs / "b"])["folder"].unique().tolist() == ["a/0", "a/1", "b/deep/0"]
    assert collect([runs / "a", runs / "a" / "1"])["folder"].unique().tolist() == ["0", "1"]  # found once, not twice
    assert collect(runs / "a" / "0")["folder"].unique().tolist() == ["."]
    monkeypatch.chdir(runs)
    assert collect("a")["folder"].unique().tolist() == ["0", "1"]


def test_unfinished_folders_are_left_out_and_said(make: Make, runs: Path) -> None:
    make("0")
    make(".partial-1/x", "throttle.push=1")
    (make("2", "throttle.push=2") / "manifest.json").unlink()
    for failed in ("10", "3"):
        (runs / failed).mkdir()
        (runs / failed / "status.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"3 folders have no finished run and were left out: 2, 3, 10\."):
        assert collect(runs)["folder"].unique().tolist() == ["0"]


# -- repetitions


def test_a_repetition_is_left_out_and_the_newest_stays(make: Make, runs: Path) -> None:
    make("old", "seed=1", started="2026-01-01T00:00:00+00:00")
    make("new", started="2026-01-02T00:00:00+00:00")  # seed 1, without naming it
    make("newer but with a failure", "seed=1", started="2026-01-03T00:00:00+00:00", runs_failed=1)
    make("another", "seed=50")
    with pytest.warns(UserWarning, match="2 folders repeat others .*left out: newer but with a failure, old; --keep"):
        assert collect(runs)["folder"].unique().tolist() == ["another", "new"]
    assert collect(runs, keep_duplicates=True)["folder"].nunique() == 4


@pytest.mark.parametrize(
    "other",
    [{"engine": "reference"}, {"content_hash": {"none": "1"}}, {"replicates": 3}, {"baseline": "july15"},
     {"configuration": CONFIGURATION | {"study": CONFIGURATION["study"] | {"nulls": ["ordinary"]}}}],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_another_study_is_no_repetition(make: Make, runs: Path, other: dict[str, Any]) -> None:
    make("0")
    make("1", **other)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert collect(runs)["folder"].nunique() == 2


def test_points_of_a_grid_at_which_a_parameter_does_nothing_all_stay(make: Make, runs: Path) -> None:
    for push in range(3):
        make(str(push), f"throttle.push={push}", content_hash={"none": "the same"})
    assert collect(runs)["folder"].unique().tolist() == ["0", "1", "2"]


def test_overlapping_seeds_are_said(make: Make, runs: Path) -> None:
    make("0", "seed=1", "study.replicates=8")
    make("1", "seed=5", "study.replicates=8")
    make("2", "seed=13", "study.replicates=8")
    with pytest.warns(UserWarning, match="share runs .*: 0 with 1; collect") as told:
        collect(runs)
    assert len(told) == 1
    # In one world, drawn from the first seed, they are other runs.
    shutil.rmtree(runs)
    for seed in (1, 5):
        make(str(seed), f"seed={seed}", "study.replicates=8", "study.world=fixed")
    assert collect(runs)["folder"].nunique() == 2


@pytest.mark.parametrize("damage", ["cut", "garbled"])
@pytest.mark.parametrize("table", ["outcomes", "curves"])
def test_a_damaged_newer_copy_does_not_displace_a_good_one(
    make: Make, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], table: str, damage: str
) -> None:
    for name, day in (("oldest", 1), ("old", 2), ("new", 3)):
        make(name, started=f"2026-01-0{day}T00:00:00+00:00")
    path = runs / "new" / f"{table}.parquet"
    cut(path) if damage == "cut" else garble(path, 0.3)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert collect(runs, table)["folder"].unique().tolist() == ["old"]
    said = [str(warning.message) for warning in told]
    assert [text for text in said if text.startswith(f"left out: {path} cannot be read")]
    assert [text for text in said if "1 folder repeats another" in text and "left out: oldest;" in text]
    assert run(runs, "--table", table, monkeypatch=monkeypatch) == 1
    assert f"left out: {path}" in capsys.readouterr().err
    assert pd.read_parquet(runs / f"collected_{table}.parquet")["folder"].unique().tolist() == ["old"]
    with pytest.warns(UserWarning, match="2 folders repeat others"):  # of another table the newest is as good as ever
        assert collect(runs, "contrasts")["folder"].unique().tolist() == ["new"]


# -- designs that share points


@pytest.fixture
def make_design(make: Make, tables: Tables) -> Make:
    """A function that makes the folder of a design of one factor."""

    def made(name: str, values: list[float], *overrides: str, changes: Tables | None = None, **more: Any) -> Path:
        points = pd.DataFrame({"point": range(len(values)), "throttle.push": values})
        rows = points.merge(tables["outcomes"], how="cross")
        points["status"], points["reason"] = "finished", ""
        design = {
            "method": "sobol", "points": len(values), "seed": 1, "dice": "common", "factors": {"throttle.push": {}},
        } | more  # fmt: skip
        more = {"design": design, "content_hash": {"design": name}, "arms": ["none", "july15"]}
        return make(name, *overrides, changes={"design": points, "outcomes": rows} | dict(changes or {}), **more)

    return made


def test_a_design_of_which_another_has_all_points_is_left_out(make_design: Make, runs: Path) -> None:
    make_design("few", [0.1, 0.7])
    make_design("many", [0.1, 0.7, 0.4, 0.2])
    make_design("same", [0.2, 0.4, 0.1, 0.7])  # computed elsewhere, say
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        rows = collect(runs)
    assert [str(warning.message).split(": ")[0] for warning in told] == [
        "2 designs have only points that another has, too, with the same seeds, and were left out"
    ]
    assert rows["folder"].nunique() == 1
    assert rows.groupby("throttle.push").size().nunique() == 1
    assert collect(runs, keep_duplicates=True)["folder"].nunique() == 3
    cut(runs / rows["folder"][0] / "outcomes.parquet")  # then the other one of four points
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        again = collect(runs)
    assert len([each for each in told if "cannot be read" in str(each.message)]) == 1
    assert not [each for each in told if "share points" in str(each.message)]
    assert sorted(again["throttle.push"].unique()) == [0.1, 0.2, 0.4, 0.7]
    assert again["folder"].unique().tolist() != rows["folder"].unique().tolist()


def test_points_that_failed_in_the_larger_design_do_not_replace_those_of_a_clean_one(
    make_design: Make, runs: Path
) -> None:
    make_design("few", [0.1, 0.7])
    many = make_design("many", [0.1, 0.7, 0.4, 0.2], runs_failed=1)
    points = pd.read_parquet(many / "design.parquet")
    points.loc[1, ["status", "reason"]] = "failed", "broke"
    write_table(many / "design.parquet", points)
    with pytest.warns(UserWarning, match=r"designs share points .*: many with few \(2\)"):
        assert set(collect(runs)["folder"]) == {"few", "many"}
    # Where the same point has failed in the same way, nothing of it is lost.
    write_table(runs / "few" / "design.parquet", points.iloc[:2])
    with pytest.warns(UserWarning, match=r"left out: few \(in many\)"):
        assert set(collect(runs)["folder"]) == {"many"}


def test_of_designs_with_the_same_points_the_one_without_failures_stays(make_design: Make, runs: Path) -> None:
    bad = make_design("bad", [0.1, 0.7], runs_failed=1, started="2026-01-02T00:00:00+00:00")
    points = pd.read_parquet(bad / "design.parquet")
    points.loc[1, ["status", "reason"]] = "failed", "broke"
    write_table(bad / "design.parquet", points)
    make_design("good", [0.7, 0.1])
    with pytest.warns(UserWarning, match=r"left out: bad \(in good\)"):
        assert set(collect(runs)["folder"]) == {"good"}


def test_places_whose_numbers_python_hashes_alike_are_other_points(make_design: Make, runs: Path) -> None:
    assert hash(-1.0) == hash(-2.0)
    make_design("one", [-1.0])
    make_design("other", [-2.0, 3.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(collect(runs)["throttle.push"]) == {-1.0, -2.0, 3.0}


def test_designs_that_share_some_points_are_said(make_design: Make, runs: Path) -> None:
    make_design("one", [0.1, 0.7, 0.3])
    make_design("other", [0.7, 0.1, 0.9])
    with pytest.warns(UserWarning, match=r"designs share points .*: other with one \(2\)|one with other \(2\)"):
        assert collect(runs)["folder"].nunique() == 2


@pytest.mark.parametrize(
    ("overrides", "more"),
    [(["seed=100"], {}), (["population.size=5"], {}), ([], {"dice": "own"})],
    ids=["seeds", "night", "dice"],
)
def test_the_same_places_of_another_night_are_no_shared_points(
    make_design: Make, runs: Path, overrides: list[str], more: dict[str, Any]
) -> None:
    make_design("few", [0.7, 0.1], *overrides, **more)
    make_design("many", [0.1, 0.7, 0.4], **more)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert collect(runs)["folder"].nunique() == 2


# -- several versions of a table


def test_columns_of_several_versions_meet(make: Make, runs: Path, tables: Tables) -> None:
    outcomes = tables["outcomes"]
    make("0", "throttle.push=0", changes={"outcomes": outcomes.drop(columns="unit")})
    make("1", "throttle.push=1", changes={"outcomes": outcomes.assign(replicate=outcomes["replicate"] + 0.5)})
    make("2", "throttle.push=2", changes={"outcomes": outcomes.iloc[:0].astype(object)})  # an arm without any run
    reason = outcomes.assign(reason=None, arm=pd.Categorical(outcomes["arm"]), later=True)
    make("3", "throttle.push=3", changes={"outcomes": reason})
    joined = collect(runs)
    assert list(joined) == ["folder", "throttle.push", *outcomes.columns, "later"]
    n = len(outcomes)
    assert joined["folder"].tolist() == ["0"] * n + ["1"] * n + ["3"] * n
    assert joined["unit"].isna().tolist() == [True] * n + [False] * 2 * n
    assert joined["replicate"].tolist() == [
        *outcomes["replicate"],
        *(outcomes["replicate"] + 0.5),
        *outcomes["replicate"],
    ]
    assert joined["later"].isna().tolist() == [True] * 2 * n + [False] * n


def test_clocks_of_several_zones_tell_the_same_instant(make: Make, runs: Path, tables: Tables) -> None:
    curves = tables["curves"]
    make("0", "throttle.push=0")
    make("1", "throttle.push=1", changes={"curves": curves.assign(time=curves["time"].dt.tz_convert("Asia/Tokyo"))})
    joined = collect(runs, "curves")
    assert (joined["time"] == pd.concat([curves["time"]] * 2, ignore_index=True)).all()


# -- damage


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def garble(path: Path, part: float) -> None:
    content = bytearray(path.read_bytes())
    start = int(part * len(content))
    content[start : start + 200] = bytes(byte ^ 255 for byte in content[start : start + 200])
    path.write_bytes(bytes(content))


def test_what_is_damaged_is_named_and_the_rest_joined(
    make: Make, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        make(str(number), f"throttle.push={number}")
    cut(runs / "1" / "outcomes.parquet")
    (runs / "2" / "manifest.json").write_text("{")
    garble(runs / "3" / "outcomes.parquet", 0.3)
    assert run(runs, monkeypatch=monkeypatch) == 1
    told = capsys.readouterr()
    assert f"{runs / 'collected_outcomes.parquet'}: " in told.out
    assert "of 2 runs" in told.out
    assert [re.findall(r"runs/(\d)", line)[0] for line in told.err.splitlines()] == ["2", "1", "3"]
    assert all(line.startswith("left out: ") and line.endswith(".") for line in told.err.splitlines())
    assert pd.read_parquet(runs / "collected_outcomes.parquet")["folder"].unique().tolist() == ["0", "4"]
    with pytest.warns(UserWarning, match="left out: "):
        assert collect(runs)["folder"].unique().tolist() == ["0", "4"]


def test_a_table_damaged_in_its_middle_gives_none_of_its_rows(
    make: Make, runs: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        place = make(str(number), f"throttle.push={number}")
        long = pd.concat([tables["curves"]] * 3, ignore_index=True)
        pq.write_table(
            pa.Table.from_pandas(long), place / "curves.parquet", row_group_size=1 << 15, write_page_checksum=True
        )
    garble(runs / "1" / "curves.parquet", 0.9)
    joined = Joined(gather([runs]), "curves")
    with pytest.raises(TornError, match=r"1/curves\.parquet cannot be read"):
        list(joined.batches())
    with pytest.warns(UserWarning, match="left out: "):
        assert collect(runs, "curves").groupby("folder").size().to_dict() == {"0": len(long), "2": len(long)}
    assert run(runs, "--table", "curves", monkeypatch=monkeypatch) == 1
    written = pd.read_parquet(runs / "collected_curves.parquet")
    assert written.groupby("folder").size().to_dict() == {"0": len(long), "2": len(long)}


def test_where_all_is_damaged_there_is_one_sentence_and_no_file(
    make: Make, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        cut(make(str(number), f"throttle.push={number}") / "outcomes.parquet")
        garble(runs / str(number) / "summary.parquet", 0.3)
    for table in ("outcomes", "summary"):
        assert run(runs, "--table", table, monkeypatch=monkeypatch) == 2
        told = capsys.readouterr()
        assert (told.out, len(told.err.splitlines())) == ("", 1)
        assert "(2 tables cannot be read)." in told.err
    assert run(runs, "--table", "all", monkeypatch=monkeypatch) == 1
    assert {p.name for p in runs.glob("*.parquet")} == {"collected_contrasts.parquet", "collected_curves.parquet"}
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_a_column_of_another_kind_is_no_table_of_ours(make: Make, runs: Path, tables: Tables) -> None:
    make("0", "throttle.push=0")
    make("1", "throttle.push=1", changes={"outcomes": tables["outcomes"].assign(value="much")})
    with pytest.warns(UserWarning, match="'value' holds string, and that of the folders before double"):
        assert collect(runs)["folder"].unique().tolist() == ["0"]


# -- what is written


def test_tables_are_written_where_they_are_asked_for(
    make: Make, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make("0")
    assert run("runs", "--table", "curves", "--table", "outcomes", monkeypatch=monkeypatch) == 0
    assert {p.name for p in runs.iterdir()} == {"0", "collected_curves.parquet", "collected_outcomes.parquet"}
    assert run("runs", "--table", "all", "--out", "results", "--format", "csv", monkeypatch=monkeypatch) == 0
    names = {f"collected_{name}.csv" for name in ("contrasts", "curves", "outcomes", "summary")}
    assert {p.name for p in (tmp_path / "results").iterdir()} == names
    assert run("runs", "--out", "one.csv", monkeypatch=monkeypatch) == 0
    assert run("runs/0", "--out", "one.parquet", monkeypatch=monkeypatch) == 0
    one = pd.read_csv("one.csv", dtype={"folder": str}).fillna({"reason": ""})
    pd.testing.assert_frame_equal(one, collect(runs), rtol=1e-14, check_dtype=False)
    curves = pd.read_csv("results/collected_curves.csv", parse_dates=["time"])
    assert (curves["time"] == collect(runs, "curves")["time"]).all()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["runs", "runs/0"], "2 folders are joined; say where to write with --out"),
        (["runs", "--table", "all", "--out", "x.parquet"], "--out is the file x.parquet for 4 tables; give a folder"),
        (["runs", "--out", "x.parquet", "--format", "csv"], "do not agree"),
        (["runs", "--out", "mine.parquet"], "mine.parquet exists and is no collected table of ours"),
        (["runs", "--out", "mine.csv"], "mine.csv exists and is no collected table of ours"),
        (["runs", "--out", "runs/0/curves.parquet"], "curves.parquet exists and is no collected table of ours"),
        (["runs", "--out", "runs/more/outcomes.parquet"], "would be taken for the table of a run"),
        (["runs", "--table", "curves", "--table", "curvs"], "'curvs' is no table of any run folder here"),
        (["nowhere"], "nowhere is no folder"),
        (["empty"], "empty holds no finished run"),
    ],
)
def test_places_and_folders_that_cannot_be_used(
    make: Make, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], told: str,
) -> None:  # fmt: skip
    make("0")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    pd.DataFrame({"folder": ["mine"]}).to_parquet("mine.parquet")
    (tmp_path / "mine.csv").write_text("folder,value\nmine,1\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run(*arguments, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert told in said.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_our_own_table_is_replaced_when_the_new_one_is_whole(
    make: Make,
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ending: str,
) -> None:
    out = tmp_path / f"all.{ending}"
    make("0", "throttle.push=0")
    assert run(runs, "--out", out, monkeypatch=monkeypatch) == 0
    first = out.read_bytes()
    make("1", "throttle.push=1")
    real = Joined.batches

    def full(self: Joined, *rest: Any) -> Any:
        yield next(real(self, *rest))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Joined, "batches", full)
        assert run(runs, "--out", out, monkeypatch=broken) == 2
    assert "could not be written (No space left on device)" in capsys.readouterr().err
    assert out.read_bytes() == first
    assert {p.name for p in tmp_path.iterdir()} == {"runs", out.name}
    assert run(runs, "--out", out, monkeypatch=monkeypatch) == 0
    second = pd.read_csv(out) if ending == "csv" else pd.read_parquet(out)
    assert second["folder"].nunique() == 2


def test_text_is_plain_and_coded_on_the_disk(make: Make, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("0")
    assert run(runs, "--table", "curves", monkeypatch=monkeypatch) == 0
    with pq.ParquetFile(runs / "collected_curves.parquet") as file:
        types = {field.name: str(field.type) for field in file.schema_arrow}
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        about = json.loads(file.metadata.metadata[b"mobsim"])
    assert types["arm"] == types["curve"] == types["folder"] == "string"
    assert about == {"table": "curves", "folders": 1, "parameters": []}
    for group in groups:
        assert group.num_rows <= (1 << 17) + (1 << 16)
        for i in (0, 1, 4):  # folder, arm, curve
            assert "RLE_DICTIONARY" in group.column(i).encodings


# -- readers that know nothing of us


def test_duckdb_reads_collected_tables(make: Make, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        make(str(number), f"throttle.push={number / 2}", "decision=hazard")
    assert run(runs, "--table", "all", monkeypatch=monkeypatch) == 0
    base = duckdb.connect()
    kinds = {name: kind for name, kind, *_ in base.sql(f"DESCRIBE FROM '{runs}/collected_curves.parquet'").fetchall()}
    assert kinds == {
        "folder": "VARCHAR", "decision": "VARCHAR", "throttle.push": "DOUBLE", "arm": "VARCHAR", "replicate": "BIGINT",
        "time": "TIMESTAMP WITH TIME ZONE", "curve": "VARCHAR", "value": "DOUBLE",
    }  # fmt: skip
    found = base.sql(
        f"""SELECT "throttle.push", arm, sum(value), count(*) FROM '{runs}/collected_outcomes.parquet'
            WHERE outcome = 'participants' GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    ours = (
        collect(runs)
        .query("outcome == 'participants'")
        .groupby(["throttle.push", "arm"])["value"]
        .agg(["sum", "count"])
    )
    assert found == [(*key, row["sum"], row["count"]) for key, row in ours.iterrows()]
    assert len(found) == 6


@pytest.mark.parametrize("path", ["*/curves.parquet", "collected_curves.parquet"])
def test_duckdb_reads_the_right_instants(
    make: Make, runs: Path, tables: Tables, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Of the tables of the run folders as of collected ones."""
    make("0")
    assert run(runs, "--table", "curves", monkeypatch=monkeypatch) == 0
    found = duckdb.sql(
        f"SELECT epoch_us(time), strftime(time AT TIME ZONE 'Europe/Istanbul', '%H:%M'), arm::VARCHAR, value "
        f"FROM '{runs}/{path}' WHERE curve = 'on_squares' ORDER BY arm::VARCHAR, replicate, time"
    ).fetchall()
    curves = plain(tables["curves"]).query("curve == 'on_squares'").sort_values(["arm", "replicate", "time"])
    instants = (curves["time"].dt.tz_convert("UTC") - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
    assert [row[0] for row in found] == instants.tolist()
    assert [row[1] for row in found] == curves["time"].dt.strftime("%H:%M").tolist()
    assert [row[2:] for row in found] == list(zip(curves["arm"], curves["value"], strict=True))


def test_the_queries_of_the_documentation_run(
    make: Make, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        make(str(number), f"throttle.substitution={number / 2}", "decision=hazard")
    runs.rename(tmp_path / "outputs")
    monkeypatch.chdir(tmp_path)
    assert run("outputs", "--table", "all", monkeypatch=monkeypatch) == 0
    text = (ROOT / "docs" / "collect.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert len(queries) == 4
    answers = [duckdb.sql(query).fetchall() for query in queries]
    assert all(len(answer) > 1 for answer in answers)
    for place in ("outputs", "outputs/deeper"):  # left by commands that were killed while they drew
        shutil.copytree("outputs/0", f"{place}/.partial-0123456789abcdef")
    for query, answer in zip(queries, answers, strict=True):
        assert sorted(duckdb.sql(query).fetchall(), key=repr) == sorted(answer, key=repr), query
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    assert len(names["table"]) > 0
    assert isinstance(names["batch"], pa.RecordBatch)


# -- memory

PEAKS = """
import sys
import pyarrow as pa
import sim.collect
code = sim.collect.main()
resident = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(code, pa.default_memory_pool().max_memory(), int(resident[0]) * 1024)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no such account of memory on this system")
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_memory_does_not_grow_with_the_number_of_runs(make: Make, tables: Tables, tmp_path: Path, ending: str) -> None:
    """Of 20 and of 200 folders of real curves: 10 times the rows, hundreds of megabytes of them, in the same memory."""
    sample = tables["curves"].iloc[: 30_000 if ending == "parquet" else 6000]
    one = make("model", changes={"curves": sample})
    manifest = json.loads((one / "manifest.json").read_text())
    peaks = []
    for n in (20, 200):
        folder = tmp_path / str(n)
        for i in range(n):
            (folder / str(i)).mkdir(parents=True)
            manifest |= {"seed": 100 * i, "configuration": CONFIGURATION | {"seed": 100 * i}}
            (folder / str(i) / "manifest.json").write_text(json.dumps(manifest))
            for table in ("curves", "outcomes"):
                os.link(one / f"{table}.parquet", folder / str(i) / f"{table}.parquet")
        done = subprocess.run(
            [sys.executable, "-c", PEAKS, str(folder), "--table", "curves", "--out", str(tmp_path / f"{n}.{ending}")],
            cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
        said, numbers = done.stdout.strip().splitlines()
        assert f"{n * len(sample)} rows of {n} runs" in said
        code, arrow, resident = map(int, numbers.split())
        assert code == 0
        peaks.append((arrow, resident))
    table = collect(tmp_path / "20", "curves", where={"seed": 0})
    more = 180 * pa.Table.from_pandas(table).nbytes
    assert peaks[1][0] < peaks[0][0] + 4 * 2**20
    assert peaks[1][1] < peaks[0][1] + 48 * 2**20
    if ending == "parquet":
        assert more > 5 * 48 * 2**20, "too little data to tell"
