"""The benchmark: it runs, its table is whole, and a person-event is a row of the event log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.bench import COMPILED, QUICK, REFERENCE, SEED, SIMPY, WAITS, night
from sim.engine.simulate import run

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [
    "engine", "people", "events", "events_per_person", "build_seconds", "cpu_seconds", "cpu_seconds_low",
    "cpu_seconds_high", "events_per_cpu_second", "peak_memory_bytes", "bytes_per_person", "rounds", "times_reference",
    "times_bare_simpy",
]  # fmt: skip

pytestmark = pytest.mark.slow


def bench(folder, *arguments):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    command = [sys.executable, str(ROOT / "experiments" / "bench.py"), *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    return folder, bench(folder, "--quick")


@pytest.fixture(scope="module")
def table(answer):
    folder, _ = answer
    return pd.read_parquet(folder / "outputs" / "bench" / "bench.parquet")


def test_it_ends_well_and_leaves_two_whole_files(answer):
    folder, process = answer
    assert process.returncode == 0, process.stderr
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == ["outputs/bench/bench.json", "outputs/bench/bench.parquet"]


def test_the_table_has_its_columns_and_rows(table):
    assert list(table.columns) == COLUMNS
    reference = int(table.loc[table["engine"] == REFERENCE, "people"].item())
    assert reference in QUICK["reference"]
    sizes = [(COMPILED, n) for n in sorted({*QUICK["sizes"], reference})]
    assert list(zip(table["engine"], table["people"], strict=True)) == [
        *sizes, (REFERENCE, reference), (SIMPY, QUICK["simpy"])
    ]  # fmt: skip
    assert (table[COLUMNS[1:]] >= 0).all(axis=None)
    assert (table["rounds"] == QUICK["rounds"]).all()


def test_rates_and_ratios_follow_from_events_and_cpu_time(table):
    rates = table["events"] / table["cpu_seconds"]
    np.testing.assert_allclose(table["events_per_cpu_second"], rates)
    np.testing.assert_allclose(table["times_reference"], rates / rates[table["engine"] == REFERENCE].item())
    np.testing.assert_allclose(table["times_bare_simpy"], rates / rates[table["engine"] == SIMPY].item())
    assert (table["cpu_seconds_low"] <= table["cpu_seconds"]).all()
    assert (table["cpu_seconds"] <= table["cpu_seconds_high"]).all()


def test_a_person_event_is_a_row_of_the_event_log(table):
    for row in table[table["engine"] == COMPILED].itertuples():
        record = run(night(row.people), SEED, events=True)
        assert row.events == len(record.log) == record.scalars["events"]


def test_both_engines_process_the_same_events(table):
    reference = table[table["engine"] == REFERENCE].iloc[0]
    twin = table[(table["engine"] == COMPILED) & (table["people"] == reference["people"])]
    assert twin["events"].item() == reference["events"]


def test_bare_simpy_flips_a_poisson_number_of_times(table):
    row = table[table["engine"] == SIMPY].iloc[0]
    expected = row["people"] * WAITS
    assert abs(row["events"] - expected) < 6 * expected**0.5  # of standard deviations; the generator's seed is fixed


def test_the_terminal_and_the_files_tell_the_same(answer, table):
    folder, process = answer
    told = json.loads((folder / "outputs" / "bench" / "bench.json").read_text(encoding="utf-8"))
    pd.testing.assert_frame_equal(pd.DataFrame(told["rows"])[COLUMNS], table)
    assert told["threads"] == 1
    for row in table.itertuples():
        assert f"{row.people:,}" in process.stdout
        assert f"{row.events_per_cpu_second:,.0f}" in process.stdout


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--sizes", "0"], ["--sizes", "many"]])
def test_impossible_options_are_refused_before_anything_is_written(tmp_path, arguments):
    process = bench(tmp_path, "--quick", *arguments)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []
