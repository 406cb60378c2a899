"""The models that the experiment on validation compares: what is left out of each is out, and its parameters move something."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

pytest.importorskip("pyabc")

import sim
from experiments.fitting import READINGS
from experiments.validation import MODELS, OF_PEAK, TOPIC, Model, extras, of_model, peak_of
from experiments.validation_page import _compared
from sim.inference.calibrating import ARM, prepared_arms
from sim.inference.priors import values_at
from sim.inference.statistics import Statistics
from sim.inference.table import ReferenceTable
from sim.scenario import Scenario


@pytest.fixture(scope="module", params=READINGS)
def reading(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def night(model: Model, reading: str, people: int = 300) -> Scenario:
    """Return a model's night in the middle of its priors, all of which move something."""
    composed, plan, _ = of_model(model, reading, people)
    middle = values_at(plan.priors, np.zeros((1, len(plan.priors))))[0]
    return prepared_arms(composed, {ARM: ()}, plan).of(middle)[ARM]


def test_the_daily_cycle_has_no_events_and_no_throttle(reading: str):
    scenario = night(MODELS["daily cycle alone"], reading)
    assert scenario.scenario.timeline == ()
    assert scenario.throttle.windows == ()
    outcomes = sim.simulate(scenario).outcomes.set_index("outcome")["value"]
    assert outcomes["participants"] == 0
    ordinary = sim.simulate(scenario.null_night("ordinary")).outcomes.set_index("outcome")["value"]
    for day in ("posts_day_1", "posts_day_2"):
        assert outcomes[day] == ordinary[day] > 0


def test_without_the_street_nobody_leaves_and_without_contacts_nobody_adds(reading: str):
    scenario = night(MODELS["no street"], reading)
    assert scenario.decision.able_share == 0
    assert sim.simulate(scenario).outcomes.set_index("outcome")["value"]["participants"] == 0
    alone = night(MODELS["no social reinforcement"], reading)
    assert alone.decision.social == 0
    dose = alone.channels["neighbours"].dose
    assert (dose.news, dose.call) == (0, 0)


def test_what_is_held_out_is_fitted_by_no_model(reading: str):
    for model in MODELS.values():
        _, plan, scenario = of_model(model, reading, 300)
        items, series = extras(model, plan, scenario)
        statistics = Statistics.of(scenario, {**plan.statistics, **items}, series)
        assert TOPIC not in statistics.fitted
        assert OF_PEAK not in statistics.observed
        assert not [name for name in statistics.fitted if name.startswith(("posts[", "first_heard"))]


def test_the_peak_is_the_bin_with_most_posts():
    _, plan, scenario = of_model(MODELS["full model"], "calendar_days", 300)
    items, series = extras(MODELS["full model"], plan, scenario)
    n = len(series["posts"].minutes)
    values = {f"posts[{i}]": np.array([1.0, 1.0]) for i in range(n)}
    values["posts[8]"], values["posts[12]"] = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    table = ReferenceTable(Statistics.of(scenario, items, series), np.zeros((2, 1)), values)
    np.testing.assert_array_equal(peak_of(table, scenario), [7.5, 67.5])  # 22:00 is the first bin's beginning


def test_comparisons_are_corrected_for_all_of_them():
    """P of 0.01, 0.04 and 0.03 become 0.03, 0.06 and 0.06 (Holm 1979: 3 x 0.01, 2 x 0.03, and no less than that)."""
    z = norm.isf(np.array([0.01, 0.04, 0.03]) / 2)
    rows = [
        ("a", "full", 1.0, 0.0),
        ("b", "full", 1.0, 0.0),
        ("a", "lesser", 1 + z[0], 1.0),
        ("b", "lesser", 1 - z[1], 1.0),
    ]
    columns = ["statistic", "model", "score", "score_error"]
    one = pd.DataFrame(rows, columns=columns)
    other = pd.DataFrame([("a", "full", 1.0, 3.0), ("a", "lesser", 1 + 5 * z[2], 4.0), ("b", "full", 1.0, 1.0),
                          ("b", "lesser", np.nan, np.nan)], columns=columns)  # fmt: skip
    found = _compared({"one": one, "other": other}, ["full", "lesser"])
    assert list(found["statistic"]) == ["a", "b", "a"]
    np.testing.assert_allclose(found["z"], [z[0], -z[1], z[2]])
    np.testing.assert_allclose(found["p"], [0.03, 0.06, 0.06])
