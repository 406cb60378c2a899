"""What a report warns of: told from the manifest of the studies that it concerns, and of no others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.measures.contrast import variance_reduction_table
from sim.measures.intervals import variance_reduction
from sim.study.report import page_of
from sim.study.report.cautions import AS_IN_A_MILLION_FROM, cautions
from sim.study.report.outcomes import FEWEST_FOR_REDUCTION, groups
from tests.unit.test_report import Page, make_folder, make_manifest, make_outcomes

ROOT = Path(__file__).resolve().parents[2]
TELEVISION = {"attention": {"ordinary": 0.25, "alerted": 0.6, "cut_off": 0.8}}
CONTACTS = {"attention": 1.0}
SIGN, SIZE = "The sign of a throttle's effect", "simulated people some outcomes are not shown"


def manifest_of(arms: dict[str, list[str]] | None = None, **configuration: Any) -> dict[str, Any]:
    """Return the manifest of a throttled and an open arm at 100,000 people, or of other arms."""
    names = list(arms) if arms is not None else ["open", "throttled"]
    manifest = make_manifest(names)
    manifest["configuration"] |= {
        "scenario": {"name": "july15", "timeline": []},
        "throttle": {"windows": [{"name": "july15"}], "inspector": None, "substitution": 0.2, "push": 0.0},
        "channels": {"television": TELEVISION, "contacts": CONTACTS},
        "population": {"size": 100_000, "file": None},
    } | configuration  # fmt: skip
    manifest["configuration"]["study"]["arms"] = arms
    return manifest


def told(manifest: dict[str, Any], *outcomes: str, swept: tuple[str, ...] = ()) -> list[str]:
    return cautions([manifest], outcomes or ("participants", "posts_ratio_day_1"), swept)


# -- a throttle of another night


@pytest.mark.parametrize(
    ("windows", "held"),
    [
        ([("2016-07-15 22:50", "2016-07-16 01:00")], True),
        ([("2016-07-15T19:50:00+00:00", "2016-07-15T22:00:00+00:00")], True),
        ([("2016-07-14 22:50", "2016-07-14 23:50")], True),  # in the warm-up
        ([("2014-03-20 23:00", "2014-03-24 00:00")], False),
        ([("2016-07-17 00:00", "2016-07-18 00:00")], False),
        ([("2014-03-20 23:00", "2014-03-24 00:00"), ("2017-03-20 23:00", "2017-03-24 00:00")], False),
        ([("2014-03-20 23:00", "2014-03-24 00:00"), ("2016-07-15 22:50", "2016-07-16 01:00")], True),
    ],
)
def test_a_throttle_outside_of_the_scenario_is_told(windows: list[tuple[str, str]], held: bool) -> None:
    times = {"start": "2016-07-15 00:00", "end": "2016-07-17 00:00", "zone": "Europe/Istanbul", "warm_up_hours": 24}
    manifest = manifest_of(scenario={"name": "march2014", "timeline": []} | times)
    manifest["windows"] = {"open": [], "throttled": [[*w, ["twitter"], 1.0] for w in windows]}
    (*first, sign) = told(manifest)
    assert sign.startswith(SIGN)
    assert len(first) == (not held)
    assert all(text.startswith("The throttle of throttled never held") for text in first)
    assert all("(2016-07-15 00:00 to 2016-07-17 00:00)" in text for text in first)


# -- the sign


def test_a_study_of_a_throttle_says_what_its_sign_rests_on() -> None:
    (text,) = told(manifest_of())
    assert text.startswith(SIGN)
    assert "rests on how much being cut off pushes people (throttle.push, here 0), which no datum constrains" in text
    assert (
        "turn elsewhere (throttle.substitution, here 0.2), which no datum constrains either, shifts where it turns"
        in text
    )


@pytest.mark.parametrize(
    "manifest",
    [
        manifest_of() | {"open_arms": ["open", "throttled"]},  # a classic: nothing is throttled anywhere
        manifest_of() | {"open_arms": []},  # all arms are throttled
        manifest_of() | {"arms": ["open"], "open_arms": ["open"]},
    ],
)
def test_a_study_without_both_kinds_of_arms_says_nothing_of_a_throttle(manifest: dict[str, Any]) -> None:
    assert told(manifest) == []


def test_posts_alone_have_no_such_caution() -> None:
    assert told(manifest_of(), "posts_ratio_day_1") == []
    assert told(manifest_of(), "participation")[0].startswith(SIGN)


def test_where_there_is_nothing_to_turn_to_substitution_is_not_named() -> None:
    (text,) = told(manifest_of(channels={"contacts": CONTACTS}))
    assert "substitution" not in text
    assert "rests on how much being cut off pushes people" in text


def test_values_that_differ_between_arms_or_points_are_told_as_varied() -> None:
    arms = {"open": ["throttle=none"], "throttled": [], "pushed": ["throttle.push=0.5"]}
    (text,) = told(manifest_of(arms))
    assert "(throttle.substitution, here 0.2), which" in text
    assert "(throttle.push, varied here)" in text
    (text,) = told(manifest_of(), swept=("throttle.substitution",))
    assert "(throttle.substitution, varied here)" in text


@pytest.mark.parametrize(
    ("arms", "windows", "is_told"),
    [
        (None, [{"name": "july15"}], True),
        (None, [], False),
        ({"a": [], "b": ["throttle=none"]}, [{"name": "july15"}], True),
        ({"a": ["throttle=none"], "b": ["+throttle=total"]}, [], True),
        ({"a": [], "b": ["throttle=long"]}, [{"name": "july15"}], False),
        ({"a": [], "b": ["network.neighbours.cut=0.5"]}, [], False),
    ],
)
def test_a_design_is_judged_by_its_configuration(arms: Any, windows: list[Any], is_told: bool) -> None:
    """Its manifest holds no windows, as its points may differ in them."""
    manifest = manifest_of(arms, throttle={"windows": windows, "inspector": None, "substitution": 0.2, "push": 0})
    del manifest["open_arms"], manifest["windows"]
    assert bool(told(manifest)) == is_told


# -- the size


def test_the_sizes_are_those_of_the_measured_table() -> None:
    """docs/sizes.md, bias: the least size from which an outcome and all larger ones are equivalent to the largest."""
    text = (ROOT / "docs" / "sizes.md").read_text(encoding="utf-8")
    table = text.split("## Bias against")[1].split("##")[0]
    rows = re.findall(r"^\| `(\w+)` +\|(.*)\|$", table, flags=re.MULTILINE)
    measured = {}
    for name, cells in rows:
        small, large = [cell.strip() for cell in cells.split("|")][2::2]
        measured[name] = 1_000_000 if large != "equivalent" else 100_000 if small != "equivalent" else 10_000
    assert len(measured) == 17
    assert measured == AS_IN_A_MILLION_FROM


def test_few_people_are_told_with_the_size_that_is_needed() -> None:
    outcomes = ("participants", "dip_depth", "posts_published", "peak_on_squares", "tipped_by_twitter")
    small = manifest_of(population={"size": 5000})
    text = told(small, *outcomes)[-1]
    assert f"With 5,000 {SIZE}" in text
    assert (
        "(no smaller size than 10,000 was tried): 10,000 for dip_depth; 100,000 for posts_published, participants; 1,000,000"
        in text
    )
    middle = told(manifest_of(population={"size": 20_000}), *outcomes)[-1]
    assert (
        "under its default options: 100,000 for posts_published, participants; 1,000,000 for peak_on_squares." in middle
    )
    assert len(told(manifest_of(population={"size": 1_000_000}), *outcomes)) == 1  # the sign's alone
    assert len(told(manifest_of(population={"size": 100_000}), "participants")) == 1


def test_sizes_of_another_scenario_or_of_people_from_a_file_are_not_judged() -> None:
    few = {"size": 100}
    assert told(manifest_of(scenario={"name": "plain", "timeline": []}, population=few) | {"open_arms": []}) == []
    assert told(manifest_of(population=few | {"file": "people.csv"}) | {"open_arms": []}) == []
    assert told(manifest_of(population={"size": None}) | {"open_arms": []}) == []


def test_the_smallest_of_several_sizes_counts() -> None:
    arms = {"small": ["population.size=2000"], "large": []}
    assert "With as few as 2,000 simulated people" in told(manifest_of(arms))[-1]
    design = manifest_of() | {"design": {"factors": {"population.size": {"range": [400, 900]}}}}
    assert "With as few as 400 simulated people" in told(design)[-1]
    assert (
        "With 2,000 simulated" in told(manifest_of({"a": ["population.size=2000"], "b": ["population.size=2000"]}))[-1]
    )


# -- the pages


def test_the_page_shows_the_cautions_that_its_study_needs(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", ["open", "total"])
    assert SIZE not in Page(page_of(folder)).text  # another night, 5,000 people
    manifest = manifest_of({"open": ["throttle=none"], "total": []}, population={"size": 5000})
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    seen = Page(page_of(folder))
    assert SIGN in seen.text
    assert "With 5,000 simulated people" in seen.text
    assert seen.text.index(SIGN) < seen.text.index("Headline outcomes")


def test_intervals_of_tables_are_named_pointwise(tmp_path: Path) -> None:
    text = Page(page_of(make_folder(tmp_path / "run", ["open", "total"]))).text
    assert text.count("[95 %, pointwise]") == 6  # three columns in two tables
    assert "[95 %]" not in text
    assert "They are not simultaneous" in text


# -- variance reductions of few pairs


def reductions(folder: Path, n: int) -> str:
    folder = make_folder(folder, ["open", "total"], n)
    outcomes = make_outcomes(["open", "total"], n)
    noise = np.random.default_rng(3).normal(size=len(outcomes))
    outcomes["value"] += np.where(outcomes["outcome"] == "participants", 1e4 * noise, 0)
    variance_reduction_table(outcomes, "open").to_parquet(folder / "variance_reduction.parquet")
    return Page(page_of(folder)).text


def test_a_variance_reduction_of_few_pairs_is_told_as_not_determined(tmp_path: Path) -> None:
    few, enough = (reductions(tmp_path / str(n), n) for n in (FEWEST_FOR_REDUCTION - 1, FEWEST_FOR_REDUCTION))
    assert re.search(r"not determined \[[\d.]+, [\d,.e+]+\] n = 11", few)
    assert "From fewer than 12 pairs it is not determined" in few
    assert "not determined" not in enough
    for text in (few, enough):
        assert "3 of 10 intervals missed what independent pairs gave at 5,000 people, and 1 of 10 at 20,000" in text
    table = pd.read_parquet(tmp_path / "11" / "variance_reduction.parquet").set_index("outcome")
    assert table.loc["participants", "variance_reduction"] > 1  # the table keeps its columns and numbers


def test_a_variance_reduction_that_is_missing_stays_a_dash() -> None:
    outcomes = make_outcomes(["open", "total"], 4)  # participants differ by the same in every replicate
    tables = {"summary": pd.DataFrame({"arm": ["open", "total"], "outcome": "participants", "estimate": 1.0, "low": 0.0,
                                       "high": 2.0, "n": 4, "method": "t", "unit": "people"}),
              "contrasts": pd.DataFrame({"arm": [], "outcome": []}),
              "variance_reduction": variance_reduction_table(outcomes, "open")}  # fmt: skip
    (first,), _ = groups(["open", "total"], "open", tables, {}, 4)
    assert [row.reduction.value for row in first.rows] == ["", "–"]


@pytest.mark.parametrize(("n", "apart"), [(12, 14), (8, 34)])
def test_the_bounds_of_few_pairs_lie_as_far_apart_as_is_said(n: int, apart: int) -> None:
    """Of pairs whose sum and difference are uncorrelated, and whose jackknife is the narrower one."""
    i = np.arange(1.0, n + 1)
    d, s = np.where(i % 2 == 0, 1.0, -1.0), np.cos(2 * i)
    s = s - s.mean() - (d - d.mean()) * ((s - s.mean()) @ (d - d.mean())) / ((d - d.mean()) @ (d - d.mean()))
    found = variance_reduction((s + d) / 2, (s - d) / 2)
    ratio = (2 * found.high - 1) / (2 * found.low - 1)
    assert ratio == pytest.approx(apart, rel=0.02)
