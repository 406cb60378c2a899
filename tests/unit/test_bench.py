"""The benchmark: its arithmetic on made-up measurements, its refusals, its page; and a rehearsal of the whole."""

import ast
import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.bench import measuring, page
from experiments.bench.measuring import (
    NO_MEMORY,
    SCRIPTS,
    TOO_LONG,
    RefusedError,
    largest,
    measure_all,
    needs_too_much,
    reason,
)
from experiments.bench.ours import night
from experiments.bench.peers import contract
from experiments.bench.rows import (
    EXPOSURES,
    LEFT_OUT,
    LIMITS,
    NIGHT,
    OURS,
    PARTS,
    PEERS,
    POSTING,
    REFERENCE,
    SIR,
    THROTTLED,
    Row,
)
from experiments.bench.table import COLUMNS, agreement, growth, limits_table, make_table

ROOT = Path(__file__).resolve().parents[2]


# -- arithmetic


def test_a_power_law_is_found_and_its_error_is_that_of_least_squares():
    fit = growth([1e4, 1e5, 1e6, 1e7], [3 * n**1.1 for n in (1e4, 1e5, 1e6, 1e7)])
    assert fit.exponent == pytest.approx(1.1)
    assert fit.factor == pytest.approx(3)
    assert fit.error == pytest.approx(0, abs=1e-9)
    from scipy.stats import linregress

    costs = [1.0, 11.0, 95.0, 1300.0]
    known = linregress(np.log([1e4, 1e5, 1e6, 1e7]), np.log(costs))
    fit = growth([1e4, 1e5, 1e6, 1e7], costs)
    assert (fit.exponent, fit.error) == (pytest.approx(known.slope), pytest.approx(known.stderr))
    assert math.isnan(growth([1, 2], [1, 2]).error)


OUTCOMES = {"changes": [500.0, 510.0, 490.0, 500.0], "out": [100.0, 104.0, 96.0, 100.0]}  # s.d. of out: 3.27


def test_outcomes_agree_within_standard_errors_only():
    near = agreement(SIR, OUTCOMES, {"changes": [0.0], "out": [103.0]})
    assert near == "agrees (z = 0.8)"  # 3 / (3.266 sqrt(1 + 1/4)); changes follow from who was out and are not compared
    assert agreement(SIR, OUTCOMES, {"changes": [500.0], "out": [160.0]}).startswith(
        "DISAGREES (out 160, ours 100, z = 16.4"
    )
    # The same distance that one run may have is too far for the mean of many.
    assert agreement(SIR, OUTCOMES, {"out": [130.0]}).startswith("agrees")
    assert agreement(SIR, OUTCOMES, {"out": [130.0] * 12}).startswith("DISAGREES")
    assert agreement(POSTING, OUTCOMES, {"changes": [700.0], "out": [100.0]}).startswith("DISAGREES (changes")
    assert agreement(SIR, {"out": [100.0]}, {"out": [100.0]}) == "not checked"


def test_exposures_must_be_equal_to_the_person():
    ours = {"changes": [900.0] * 4, "out": [95.0] * 4, "mean_time": [49.0, 49.2, 48.8, 49.0]}
    same = {"changes": [900.0], "out": [95.0], "mean_time": [49.1]}
    assert agreement(EXPOSURES, ours, same).startswith("exact; times agree")
    assert agreement(EXPOSURES, ours, same | {"out": [96.0]}) == "DISAGREES (out 96, ours 95)"
    assert agreement(EXPOSURES, ours, same | {"mean_time": [60.0]}).startswith("DISAGREES (mean_time 60")


def row(part, engine, people, results, script=None, options=(), refused="", note=""):
    return {"part": part, "engine": engine, "people": people, "script": script, "options": list(options), "note": note,
            "results": results, "refused": refused}  # fmt: skip


def result(cpu, changes, **more):
    return {"build": 0.5, "cpu": cpu, "peak": 3e8, "growth": 1e8, "changes": changes} | more


DATA = [
    row(NIGHT, OURS, 10_000, [result(1.0, 2e6), result(3.0, 2e6), result(2.0, 2e6)], options=THROTTLED),
    row(NIGHT, OURS, 100_000, [result(20.0, 2e7)], options=THROTTLED),
    row(NIGHT, REFERENCE, 10_000, [result(200.0, 2e6)], options=THROTTLED),
    row(SIR, "EoN", 1_000, [result(2.0, 200, out=101.0, version="EoN 2.0")], "sir_eon", note="continuous time"),
    row(SIR, OURS, 1_000, [{**result(0.01, 0), "outcomes": {"changes": [200.0] * 4, "out": OUTCOMES["out"]}}]),
    row(SIR, "ndlib", 1_000, [result(5.0, 200, out=170.0, version="ndlib 6")], "sir_ndlib"),
    row(SIR, "Starsim", 1_000, [], "sir_starsim", refused="not installed (No module named 'starsim'); run make peers"),
    row(EXPOSURES, OURS, 1_000, [{**result(0.01, 0), "outcomes": {"changes": [900.0] * 2, "out": [95.0] * 2}}]),
    row(POSTING, OURS, 1_000, [{**result(0.01, 0), "outcomes": {"changes": [900.0, 901.0], "out": [95.0, 96.0]}}]),
    row(LIMITS, "this machine", 0, [{"reads from 4 GB|1": 3e7, "reads from 4 GB|2": 5e7}, {"reads from 4 GB|1": 5e7,
                                                                                         "reads from 4 GB|2": 7e7}]),
]  # fmt: skip


def test_the_table_holds_medians_ratios_and_reasons():
    table = make_table(DATA)
    assert list(table.columns) == list(COLUMNS)
    by = table.set_index(["part", "engine", "people"]).sort_index()
    ours = by.loc[(NIGHT, OURS, 10_000)]
    assert (ours.cpu_seconds, ours.cpu_seconds_low, ours.cpu_seconds_high, ours["rounds"]) == (2.0, 1.0, 3.0, 3)
    assert ours.changes_per_cpu_second == 1e6
    assert ours.bytes_per_person == 1e4
    reference = by.loc[(NIGHT, REFERENCE, 10_000)]
    assert (reference.times_slower, reference.agreement) == (100.0, "exact")
    eon = by.loc[(SIR, "EoN", 1_000)]
    assert (eon.times_slower, eon.agreement, eon.version) == (200.0, "agrees (z = 0.3)", "EoN 2.0")
    other = by.loc[(SIR, "ndlib", 1_000)]
    assert math.isnan(other.times_slower)
    assert other.agreement.startswith("DISAGREES")
    missing = by.loc[(SIR, "Starsim", 1_000)]
    assert math.isnan(missing.cpu_seconds)
    assert missing.note == "not installed (No module named 'starsim'); run make peers"
    assert table[table["part"] == SIR]["engine"].tolist() == [OURS, "EoN", "ndlib", "Starsim"]


def test_limits_are_medians_in_millions():
    limits = limits_table(DATA)
    assert limits.loc["reads from 4 GB"].to_dict() == {"1 thread": 40.0, "2 threads": 60.0}


# -- refusals


@pytest.mark.parametrize(
    ("code", "errors", "words"),
    [
        (TOO_LONG, "", "not finished in 120 s of CPU time"),
        (NO_MEMORY, "", "not enough memory"),
        (-9, "", "not enough memory"),
        (
            1,
            "Traceback\nModuleNotFoundError: No module named 'mesa'\n",
            "not installed (No module named 'mesa'); run make peers",
        ),
        (1, "Traceback\nValueError: what is this?\n", "ended with code 1: ValueError: what is this?"),
    ],
)
def test_a_row_without_a_number_says_why(code, errors, words):
    assert reason(code, errors, 120.0) == words


def test_a_size_that_the_memory_does_not_hold_is_refused_with_both_numbers():
    assert needs_too_much(1e9, 1_000_000, 10_000_000, 13_000_000_000) is None
    told = needs_too_much(1e9, 1_000_000, 10_000_000, 12_000_000_000)
    assert told == "needs about 10 GB by the bytes per person of 1,000,000; 12 GB are free"


def test_rounds_are_interleaved_and_what_is_refused_is_not_tried_again():
    rows = [
        Row(NIGHT, OURS, 10_000),
        Row(NIGHT, OURS, 1_000_000),
        Row(NIGHT, OURS, 10_000_000),
        Row(SIR, "EoN", 10, "sir_eon"),
    ]
    tried = []

    def measure(row, turn):
        tried.append((row.people, turn))
        if row.script:
            raise RefusedError("no such thing")
        return {"growth": 1e3 * row.people}

    found, refused, loads = measure_all(rows, 2, measure, free=lambda: 2_000_000_000)
    assert tried == [(10_000, 0), (1_000_000, 0), (10, 0), (10_000, 1), (1_000_000, 1)]
    assert [len(found[r]) for r in rows[:2]] == [2, 2]
    assert set(refused) == set(rows[2:])
    assert refused[rows[2]] == "needs about 10 GB by the bytes per person of 1,000,000; 2 GB are free"
    assert refused[rows[3]] == "no such thing"
    assert len(loads) == 2


def search(first, cost, limit=120.0, free=10**12):
    ladder = (10_000, 30_000, 300_000, 1_000_000, 3_000_000)
    tried = []

    def measure(row):
        tried.append(row.people)
        if row.people * cost > limit:
            raise RefusedError("not finished")
        return {"build": 0.0, "cpu": row.people * cost, "growth": 100.0 * row.people}

    found = largest(Row(SIR, "EoN", 100_000, "sir_eon"), first, ladder, limit, measure, lambda: free)
    return (found[0].people if found else None), tried


def test_the_largest_size_of_a_peer_is_searched_within_time_and_memory():
    assert search({"build": 1.0, "cpu": 9.0, "growth": 1e7}, 1e-4) == (1_000_000, [300_000, 1_000_000])
    assert search({"build": 0.0, "cpu": 1.0, "growth": 1e7}, 2e-4) == (300_000, [300_000])
    # The first run promises more than holds: the size that failed ends the search.
    assert search({"build": 0.0, "cpu": 1.0, "growth": 1e7}, 1e-3) == (None, [300_000])
    assert search({"build": 0.0, "cpu": 1.0, "growth": 1e7}, 1e-5, free=10**8) == (300_000, [300_000])
    assert search({"build": 0.0, "cpu": 100.0, "growth": 1e7}, 1e-3) == (None, [])
    assert search(None, 1e-2) == (10_000, [30_000, 10_000])
    assert search(None, 1.0) == (None, [30_000, 10_000])


# -- the page

TOLD = {"rounds": 3, "loads": [0.1, 0.2], "command": "make bench", "date": "2016-07-15", "machine": "2 cores (a model)",
        "versions": "Python 3", "commit": "abc", "limit": 120.0}  # fmt: skip


def test_the_page_shows_ratios_reasons_and_limits():
    text = page.page(DATA, TOLD)
    assert "Measured on 2016-07-15: 2 cores (a model);" in text
    assert "infections and recoveries per CPU-second: 200 times EoN." in text
    eon, ndlib, starsim = (next(line for line in text.splitlines() if line.startswith(f"| {name} |")) for name in
                           ("EoN", "ndlib", "Starsim"))  # fmt: skip
    assert "| 200 times |" in eon
    assert "times |" not in ndlib
    assert "DISAGREES (out 170, ours 100" in ndlib
    assert "run make peers" in starsim
    assert "| ours | 10,000 | throttled | 2,000,000 | 0.500 | 2.00 [1.00, 3.00] | 1,000,000 |" in text
    assert (
        "From 10,000 to 100,000 people the CPU time of a throttled night grows as people to the power of 1.000." in text
    )
    assert "| reads from 4 GB | 40.0 | 60.0 |" in text


def test_a_peer_that_finishes_a_smaller_size_only_hides_no_other():
    rows = [row(SIR, name, people, [result(cpu, 1000)]) for name, people, cpu in
            ((OURS, 1000, 0.01), (OURS, 300, 0.01), ("EoN", 1000, 1.0), ("Mesa, stepped", 300, 2.0))]  # fmt: skip
    told = page.summary(make_table(rows))
    assert "1,000 people" in told
    assert "100 times EoN" in told
    assert "200 times Mesa, stepped (300 people)" in told


def test_what_is_written_by_hand_stays(tmp_path):
    page.write(tmp_path, DATA, TOLD, tmp_path / "docs")
    written = tmp_path / "docs" / "performance.md"
    assert "## What was tried and rejected" in written.read_text().split(page.BY_HAND)[1]
    written.write_text(f"stale\n{page.BY_HAND}\n\n## Where the time goes\n\nHere.\n")
    page.write(tmp_path, DATA, TOLD, tmp_path / "docs")
    made, by_hand = written.read_text().split(page.BY_HAND)
    assert by_hand == "\n\n## Where the time goes\n\nHere.\n"
    assert "stale" not in made
    assert (tmp_path / "docs" / "figures" / "cost.png").stat().st_size > 1000
    assert json.loads((tmp_path / "bench.json").read_text())["rows"] == DATA


def test_the_cost_of_a_part_is_what_is_missing_without_it():
    rows = [
        row(LEFT_OUT, OURS, 1000, [result(1.0, 40_000)], options=THROTTLED),
        row(LEFT_OUT, OURS, 1000, [result(0.75, 30_000)], options=(*THROTTLED, *PARTS["posts"])),
    ]
    told = page.left_out_part(make_table(rows))
    assert "| nothing | 40.0 | 1,000,000 |" in told
    assert "| posts | 30.0 | 750,000 | 25.0% | 25.0% | 25,000 |" in told
    assert page.left_out_part(make_table(DATA)) == "Not measured."


def test_the_document_was_made_by_the_bench_and_has_its_section_by_hand():
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    made, by_hand = text.split(page.BY_HAND)
    assert "rehearsal" not in made
    for part in page.TITLES.values():
        assert f"**{part}**" in made
    assert "## What was tried and rejected" in by_hand


def test_the_machine_is_told_without_its_name():
    import platform

    told = page.machine()
    assert f"{os.cpu_count()} core" in told
    assert "GB of memory" in told
    assert platform.node() not in told.split()


@pytest.mark.parametrize(("value", "text"), [(1234567, "1,230,000"), (0.001234, "0.00123"), (99.96, "100"), (0, "0")])
def test_numbers_have_three_digits(value, text):
    assert page.number(value) == text


# -- the peers' scripts


def test_every_peer_has_its_script_and_none_imports_this_project():
    assert {script for _, _, script, _ in PEERS} | {"contract"} == {p.stem for p in SCRIPTS.glob("*.py")}
    for path in SCRIPTS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {str(name).split(".")[0] for name in names} & {"sim", "experiments"}, path


@pytest.mark.parametrize("at_least", [0, 1])
def test_steps_infect_as_often_as_continuous_time_does(at_least):
    recovery = contract.step_recovery()
    b = contract.step_infection(at_least, recovery)
    k = np.arange(at_least, 2000)
    probability = recovery * (1 - recovery) ** (k - at_least)
    assert (probability * (1 - (1 - b) ** k)).sum() == pytest.approx(contract.TRANSMISSIBILITY)
    assert contract.tau() / (contract.tau() + contract.gamma()) == pytest.approx(contract.TRANSMISSIBILITY)


@pytest.mark.parametrize("script", ["exposures_heapq", "exposures_simpy", "exposures_simpy_callbacks"])
def test_exposures_by_hand(script, monkeypatch):
    """0 begins; 1 and 2 know 0 and 3, 3 knows both and waits for two; 4 knows 3 and waits for two, in vain."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    edges = np.array([[0, 1], [0, 2], [1, 3], [2, 3], [3, 4]], np.int32)
    case = contract.Case(5, 1, edges, np.array([1, 1, 1, 2, 2], np.int8), 7)
    _, outcome = importlib.import_module(script).simulate(case)
    # 0 exposes 1 and 2; 1 and 2 expose 0 and 3 each; 3 exposes 1, 2 and 4: nine exposures and four departures.
    assert (outcome["changes"], outcome["out"]) == (13, 4)
    assert outcome["mean_time"] > 0


def test_draws_in_lanes_are_the_draws_of_the_engine():
    from experiments.bench.limits import PURPOSE, unrolled
    from sim.draws import uniform

    for seed, subject, object_ in [(0, 0, 0), (5, 7, 2**40 + 1), (2**62 + 3, 2**32 - 1, 2**63 - 1)]:
        assert unrolled(seed, PURPOSE, subject, object_, 3) == uniform(seed, PURPOSE, subject, object_, 3)


# -- a rehearsal of the whole: SimPy and heapq are there, the other peers are missing from our own environment


def bench(folder, *arguments):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    command = [sys.executable, "-m", "experiments.bench", "--peers", sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    return folder, bench(folder, "--quick")


@pytest.fixture(scope="module")
def table(answer):
    folder, process = answer
    assert process.returncode == 0, process.stderr
    return pd.read_parquet(folder / "outputs" / "bench" / "bench.parquet")


@pytest.mark.long
@pytest.mark.slow
def test_it_ends_well_and_leaves_whole_files(answer, table):
    folder, process = answer
    files = sorted(p.relative_to(folder / "outputs" / "bench").as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == ["bench.json", "bench.parquet", "figures/cost.png", "performance.md"]
    assert "rehearsal with small sizes" in (folder / "outputs" / "bench" / "performance.md").read_text()
    assert "exposures" in process.stdout


@pytest.mark.long
@pytest.mark.slow
def test_rates_follow_from_changes_and_cpu_time(table):
    measured = table[table["rounds"] > 0]
    np.testing.assert_allclose(measured["changes_per_cpu_second"], measured["changes"] / measured["cpu_seconds"])
    assert (measured[["changes", "cpu_seconds", "peak_memory_bytes"]] > 0).all(axis=None)


@pytest.mark.long
@pytest.mark.slow
def test_a_person_event_is_a_row_of_the_event_log(table):
    from sim.engine.simulate import run

    nights = table[(table["part"] == NIGHT) & (table["engine"] == OURS)]
    assert len(nights) == 4
    for line in nights.itertuples():
        record = run(night(line.people, *line.options.split()), 1, events=True)
        assert line.changes == len(record.log) == record.scalars["events"]


@pytest.mark.long
@pytest.mark.slow
def test_both_engines_process_the_same_events(table):
    assert table.loc[table["engine"] == REFERENCE, "agreement"].item() == "exact"


@pytest.mark.long
@pytest.mark.slow
def test_people_who_post_more_cost_more_events(table):
    posts = table[table["part"] == "posts"].sort_values("posts")
    assert posts["options"].tolist() == ["throttle=july15 posts=0.25", "throttle=july15 posts=4"]
    assert posts["posts"].iloc[1] > 4 * posts["posts"].iloc[0]
    assert posts["changes"].is_monotonic_increasing


@pytest.mark.long
@pytest.mark.slow
def test_peers_that_are_there_have_our_outcomes_and_the_others_a_reason(table):
    peers = table[table["engine"].isin([name for _, name, _, _ in PEERS])]
    there = peers["engine"].str.contains("SimPy|heapq")
    assert peers.loc[there & (peers["part"] == EXPOSURES), "agreement"].str.startswith("exact; times agree").all()
    assert peers.loc[there & (peers["part"] != EXPOSURES), "agreement"].str.startswith("agrees").all()
    assert sorted(peers.loc[there, "people"].unique()) == [1_000, 3_000]
    missing = peers[~there]
    assert missing["cpu_seconds"].isna().all()
    assert missing["note"].str.fullmatch(r"not installed \(No module named '\w+'\); run make peers").all()


@pytest.mark.slow
def test_a_size_below_one_is_refused(tmp_path):
    process = bench(tmp_path, "--sizes", "0")
    assert process.returncode == 2
    assert "--rounds is 3 and --sizes is [0], expected numbers from 1; correct them" in process.stderr
    assert measuring.ROOT == ROOT


def test_without_posts_nobody_posts_and_without_sleep_nobody_sleeps():
    from sim.engine.order import BED, CANDIDATE, DEPART, WAKE
    from sim.engine.simulate import run

    kinds = {"posts": {CANDIDATE}, "sleep": {BED, WAKE}, "leaving": {DEPART}}
    for name, left_out in kinds.items():
        found = set(np.unique(run(night(300, *THROTTLED, *PARTS[name]), 1, events=True).log["kind"]).tolist())
        assert not found & left_out
        assert all(found & other for part, other in kinds.items() if part != name)
