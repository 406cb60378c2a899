"""Summary statistics: what a night has of them, and what is refused."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import sim
from sim.errors import InputError
from sim.inference.series import Bins
from sim.inference.statistics import ORDINARY_DAY, Statistic, Statistics
from sim.measures.outcomes import outcomes
from sim.measures.windows import Window, window_sums
from sim.study.points import _packed
from tests.nights import at, night

SOURCE = {"source": "a test"}


def statistic(**given: Any) -> Statistic:
    return Statistic.model_validate(SOURCE | given)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"sd": 1}, "needs either value"),
        ({"value": 1, "above": 1, "sd": 1}, "needs either value"),
        ({"value": 1}, "needs either sd"),
        ({"value": 1, "sd": 1, "relative_sd": 1}, "needs either sd"),
        ({"value": 0, "relative_sd": 0.1}, "share of 0"),
        ({"value": 1, "sd": 1, "curve": "heard"}, "go together"),
        ({"value": 1, "sd": 0}, "greater than 0"),
    ],
)
def test_a_statistic_that_is_none_is_refused(given: dict[str, Any], word: str):
    with pytest.raises(ValidationError, match=word):
        statistic(**given)


def test_a_bound_is_met_by_all_that_lies_beyond():
    bound = statistic(above=2, sd=0.5)
    assert [bound.told(x) for x in (1.5, 2.0, 9.0)] == [1.5, 2.0, 2.0]
    assert bound.target == 2
    assert statistic(value=-4, relative_sd=0.1).scale == pytest.approx(0.4)


def test_statistics_of_a_night_are_its_outcomes_curves_and_bins():
    scenario = night()
    run = sim.simulate(scenario, seed=3)
    curve, hour = "published_tweets", timedelta(minutes=60)
    items = {
        "participants": statistic(value=10, sd=1),
        "ratio": statistic(value=1, sd=1, curve=curve, over=(at(60), at(180)), under=(at(0), at(60))),
    }
    bins = Bins("heard", ((0, 30), (30, 60)), (1.0, 2.0), False, 1.0, True)
    statistics = Statistics.of(scenario, items, {"mine": bins})
    assert statistics.fitted == ["participants", "ratio"]
    assert statistics.n_fitted == 2
    assert list(statistics.observed) == ["participants", "ratio", "mine[0]", "mine[1]"]
    entry = _packed(outcomes(scenario, run.record)) | {"sums": window_sums(scenario, run.record, statistics.windows)}
    found = statistics.of_entry(entry)
    told = run.outcomes.set_index("outcome")["value"]
    assert found["participants"] == told["participants"]
    curves = run.curves.pivot(index="time", columns="curve", values="value")
    begin = curves.index[0]
    over = curves.loc[begin + hour : begin + 3 * hour - timedelta(minutes=1), curve]
    under = curves.loc[: begin + hour - timedelta(minutes=1), curve]
    assert (len(over), len(under)) == (120, 60)
    assert found["ratio"] == pytest.approx(over.mean() / under.mean())
    assert found["mine[0]"] == pytest.approx(curves["heard"].iloc[:30].sum())
    assert found["mine[1]"] == pytest.approx(curves["heard"].iloc[30:60].sum())
    assert statistics.unknown(entry) == []


def test_an_ordinary_day_is_told_in_real_posts():
    ratios = {
        "outcome": ["posts_ratio_day_1", "posts_ratio_day_2"], "value": [2.0, 3.0], "numerator": [100.0, 210.0],
        "denominator": [50.0, 70.0],
    }  # fmt: skip
    statistics = Statistics({ORDINARY_DAY: statistic(value=1, sd=1)}, {}, (), 10.0)
    assert statistics.of_entry(ratios) == {ORDINARY_DAY: 600.0}
    assert statistics.nulls == ("ordinary",)
    assert math.isnan(
        statistics.of_entry({"outcome": [], "value": [], "numerator": [], "denominator": []})[ORDINARY_DAY]
    )


def test_null_nights_are_those_that_the_statistics_need():
    items = {name: statistic(value=1, sd=1) for name in ("surge_from_call", "dip_from_leaving", "participants")}
    assert Statistics(items, {}, (), 1.0).nulls == ("keyboard", "without_call")


def test_names_that_the_night_has_not_are_found():
    scenario = night()
    items = {
        "turnout": statistic(value=1, sd=1),
        "x": statistic(value=1, sd=1, curve="tweets", over=(at(60), at(90)), under=(at(0), at(60))),
    }
    statistics = Statistics.of(scenario, items, {"mine": Bins("posts", ((0, 1),), (1.0,), False, 1.0, False)})
    record = sim.simulate(scenario, seed=1).record
    sums = window_sums(scenario, record, statistics.windows)
    assert np.isnan(sums).all()
    entry = _packed(outcomes(scenario, record)) | {"sums": sums}
    assert statistics.unknown(entry) == ["turnout", "x (curve tweets)", "mine (curve posts)"]


@pytest.mark.parametrize(("first", "last"), [(-10, 20), (0, 100_000), (30, 30), (60, 30)])
def test_windows_beyond_the_scenario_are_refused(first: float, last: float):
    item = statistic(value=1, sd=1, curve="heard", over=(at(first), at(last)), under=(at(0), at(60)))
    with pytest.raises(
        InputError, match=r"calibration\.statistics\.x\.over is .* expected a window within the scenario"
    ):
        Statistics.of(night(), {"x": item}, {})


def test_a_window_counts_its_minutes_and_no_others():
    scenario = night()
    record = sim.simulate(scenario, seed=3).record
    n = scenario.clock.n_minutes
    parts = [Window("heard", i, i + 1) for i in range(n)]
    assert sum(window_sums(scenario, record, parts)) == pytest.approx(
        window_sums(scenario, record, [Window("heard", 0, n)])[0]
    )


def test_ratios_of_few_count_and_those_of_nothing_do_not():
    nan = math.nan
    items = {name: Statistic(value=1, sd=1, source="a test") for name in ("few", "none", "count")}
    entry = {"outcome": ["few", "none", "count"], "value": [nan, nan, 7.0], "numerator": [6.0, 2.0, nan],
             "denominator": [4.0, 0.0, nan]}  # fmt: skip
    found = Statistics(items, {}, (), 1.0).of_entry(entry)
    assert found["few"] == 1.5
    assert math.isnan(found["none"])
    assert found["count"] == 7.0
