"""The models that the experiment on validation compares: what is left out of each is out, and its parameters move something."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pyabc")

import sim
from experiments.fitting import READINGS
from experiments.validation import MODELS, OF_PEAK, TOPIC, Model, extras, of_model, peak_of
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
