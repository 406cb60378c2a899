"""`python -m sim.collect` on folders that real commands have written."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sim.collect import collect
from tests.door.shell import TINY, Answer, forked, forked_sim, half_written, listing, tables

pytestmark = pytest.mark.slow

COMMON = (*TINY, "study.nulls=[]", "study.store=store")


def collected(*arguments: str, folder: Path) -> Answer:
    """Return what `python -m sim.collect` answers in a folder."""
    return forked("sim.collect", *arguments, folder=folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of three jobs, one of which cannot run, and a single run beside it."""
    folder = tmp_path_factory.mktemp("collect")
    sweep = ("-m", "throttle.substitution=0.5,7,1", "decision=hazard", "hydra.sweep.dir=sweep")
    answer = forked_sim(*sweep, *COMMON, folder=folder)
    assert answer.code == 2, answer.err
    assert "throttle.substitution is 7" in answer.err
    answer = forked_sim("throttle=total", "hydra.run.dir=single", *COMMON, folder=folder)
    assert answer.code == 0, answer.err
    return folder


def test_a_sweep_with_a_job_that_failed_is_joined_without_it(place: Path) -> None:
    answer = collected("sweep", folder=place)
    assert answer.code == 0
    assert answer.err == "1 folder has no finished run and was left out: 1.\n"
    table = pd.read_parquet(place / "sweep" / "collected_outcomes.parquet")
    assert answer.out == f"sweep/collected_outcomes.parquet: {len(table)} rows of 2 runs\n"
    assert table.groupby("folder")["throttle.substitution"].unique().str[0].to_dict() == {"0": 0.5, "2": 1.0}
    for job, ours in table.groupby("folder"):
        theirs = tables(place / "sweep" / str(job))["outcomes"]
        pd.testing.assert_frame_equal(ours[theirs.columns].reset_index(drop=True), theirs, check_exact=True)
    assert half_written(place) == []
    # Once more: our own table is replaced, and is none of those that are joined.
    assert collected("sweep", folder=place) == answer


def test_commands_of_several_kinds_meet(place: Path) -> None:
    """What one command names, another has from its configuration: choices of groups, too."""
    answer = collected("single", "sweep", "--out", "both", "--table", "all", folder=place)
    assert answer.code == 0, answer.err
    assert {path.name for path in (place / "both").iterdir()} == {
        f"collected_{name}.parquet" for name in tables(place / "single")
    }
    table = pd.read_parquet(place / "both" / "collected_outcomes.parquet")
    parameters = ["decision", "population.size", "study.nulls", "study.replicates", "throttle", "throttle.substitution"]
    assert list(table) == ["folder", *parameters, *tables(place / "single")["outcomes"].columns]
    first = table.drop_duplicates("folder").set_index("folder")[parameters]
    assert first.loc["single"].tolist() == ["threshold", 300, "[]", 1, "total", 0.2]
    assert first.loc["sweep/2"].tolist() == ["hazard", 300, "[]", 1, "july15", 1.0]
    with pytest.warns(UserWarning, match="1 folder has no finished run and was left out: sweep/1"):
        ours = collect([place / "single", place / "sweep"], "summary")
    pd.testing.assert_frame_equal(ours, pd.read_parquet(place / "both" / "collected_summary.parquet"))


def test_a_command_given_twice_counts_once(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "store", tmp_path / "store")
    for name in ("a", "b"):
        named = ["seed=1"] if name == "b" else []  # as it is anyway
        answer = forked_sim("throttle=total", f"hydra.run.dir=runs/{name}", *COMMON, *named, folder=tmp_path)
        assert answer.code == 0, answer.err
    answer = collected("runs", folder=tmp_path)
    assert answer.code == 0
    assert answer.err.startswith("1 folder repeats another (")
    assert pd.read_parquet(tmp_path / "runs" / "collected_outcomes.parquet")["folder"].unique().tolist() == ["b"]
    answer = collected("runs", "--keep-duplicates", folder=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert pd.read_parquet(tmp_path / "runs" / "collected_outcomes.parquet")["folder"].unique().tolist() == ["a", "b"]


def test_the_next_run_may_replace_a_folder_that_holds_collected_tables(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "store", tmp_path / "store")
    command = ("throttle=total", "hydra.run.dir=run", *COMMON)
    assert forked_sim(*command, folder=tmp_path).code == 0
    for kind in ("csv", "parquet"):
        assert collected("run", "--format", kind, folder=tmp_path).code == 0
        assert f"run/collected_outcomes.{kind}" in listing(tmp_path)
    assert forked_sim(*command, folder=tmp_path).code == 0
    assert not any("collected" in name for name in listing(tmp_path))


def test_a_table_whose_bits_have_flipped_is_noticed(place: Path, tmp_path: Path) -> None:
    for job in ("0", "2"):
        shutil.copytree(place / "sweep" / job, tmp_path / "sweep" / job)
    path = tmp_path / "sweep" / "2" / "outcomes.parquet"
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(pq.read_schema(path).names.index("value"))
    begin = min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
    content[begin + column.total_compressed_size - 2] ^= 1  # in the last page's data: its header has no checksum
    path.write_bytes(bytes(content))
    answer = collected("sweep", folder=tmp_path)
    assert answer.code == 1
    assert answer.err.startswith(f"left out: {path} cannot be read (")
    assert len(answer.err.splitlines()) == 1
    assert answer.out.endswith("rows of 1 run\n")


def test_duckdb_joins_run_folders_by_itself(place: Path) -> None:
    """Tables of run folders are read as they are: no column needs us."""
    found = duckdb.sql(
        f"""SELECT parse_path(filename)[-2] AS job, arm, avg(value)
            FROM read_parquet('{place}/sweep/*/outcomes.parquet', filename = true)
            WHERE outcome = 'participants' GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    ours = {job: tables(place / "sweep" / job)["outcomes"].query("outcome == 'participants'") for job in ("0", "2")}
    expected = [(job, arm, value) for job, t in ours.items() for arm, value in t.groupby("arm")["value"].mean().items()]
    assert found == expected


def test_a_design_is_joined_with_the_runs_beside_it(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "single", tmp_path / "runs" / "single")
    answer = forked_sim(
        "design=grid", "design.factors={throttle.substitution: {values: [0, 0.5]}, decision: {values: [threshold, hazard]}}",
        "design.backend=threading", "throttle=july15", "hydra.run.dir=runs/design", *COMMON, folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    answer = collected("runs", folder=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    table = pd.read_parquet(tmp_path / "runs" / "collected_outcomes.parquet")
    own = pd.read_parquet(tmp_path / "runs" / "design" / "outcomes.parquet")
    parameters = ["decision", "population.size", "study.nulls", "study.replicates", "throttle", "throttle.substitution"]
    assert list(table)[: 2 + len(parameters)] == ["folder", *parameters, "point"]
    ours = table[table["folder"] == "design"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours[own.columns], own, check_dtype=False, check_exact=True)
    assert own.groupby(["throttle.substitution", "decision"]).ngroups == 4
    first = table.drop_duplicates(["folder", "point"])
    assert first["throttle"].tolist() == ["july15"] * 4 + ["total"]
    assert first[first["folder"] == "single"][["decision", "throttle.substitution"]].to_numpy().tolist() == [
        ["threshold", 0.2]
    ]
    # Tables that only some of them have: said where one is asked for.
    answer = collected("runs", "--table", "curves", folder=tmp_path)
    assert (answer.code, answer.err) == (0, "1 run folder has no table curves.\n")
    answer = collected("runs", "--table", "all", "--out", "all", folder=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert pd.read_parquet(tmp_path / "all" / "collected_design.parquet")["status"].tolist() == ["finished"] * 4
