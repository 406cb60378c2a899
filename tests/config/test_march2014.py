"""The ban of March 2014, a second case by options alone: what it shares with the night, its window, what the block does."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

import sim
from sim.config import compose_tree, load, plan_of
from sim.engine.simulate import Record
from sim.engine.state import COUNTS, SNAPSHOT
from sim.scenario import Scenario
from sim.units import HOUR, MINUTE

CASE = ("scenario=march2014", "population.size=600")
NO_WAY_ROUND = ("throttle.circumvention.share_before=0", "throttle.circumvention.hazard_per_hour=0")
PUBLISHED, ATTEMPTED, FAILED = (COUNTS.index(name) for name in ("published", "attempted", "failed"))
BAN = 23 * 60
"""Minute of the scenario in which it begins."""


@pytest.fixture(scope="module")
def ban() -> Scenario:
    return load(*CASE)


def run(scenario: Scenario, seed: int = 1) -> Record:
    return sim.simulate(scenario, seed).record


def counted(scenario: Scenario, record: Record, what: int, channel: str = "twitter") -> np.ndarray:
    counts: np.ndarray = record.counts[:, list(scenario.channels).index(channel), what]
    return counts


# -- what is chosen


def test_the_scenario_brings_its_throttle_and_record_and_keeps_everybody_at_home(ban: Scenario) -> None:
    named = load("scenario=march2014", "throttle=march2014", "observed=march2014", "population.size=600")
    assert named.content_hash == ban.content_hash
    assert ban.attendance.nobody_leaves
    for given in (CASE, (*CASE, "observed=march2014")):
        assert plan_of(compose_tree(given)).observed.name == "march2014"
    assert plan_of(compose_tree([*CASE, "parameters=posterior_as_told"])).observed.name == "march2014"


def test_what_the_command_line_names_stands() -> None:
    assert load(*CASE, "throttle=none").throttle.is_none
    assert not load(*CASE, "attendance=squares").attendance.nobody_leaves
    assert load(*CASE, "scenario=july15").scenario.name == "july15"


@pytest.mark.parametrize("reading", ["calendar_days", "as_told"])
def test_everything_else_is_the_night(reading: str) -> None:
    night, case = (load(f"parameters={reading}", *given) for given in ((), ("scenario=march2014",)))
    for part in ("population", "network", "channels", "posting", "decision"):
        assert getattr(case, part) == getattr(night, part), part
    assert case.throttle.model_copy(update={"windows": night.throttle.windows}) == night.throttle
    assert case.attendance.model_copy(update={"nobody_leaves": False}) == night.attendance
    assert {entry.kind for entry in case.scenario.timeline} == {"news"}


def test_the_window(ban: Scenario) -> None:
    (window,) = ban.throttle.windows
    clock = ban.clock
    assert (window.channels, window.severity, window.mode) == (("twitter",), 1.0, "drop")
    assert clock.tick(window.start) - clock.warm_up == 23 * HOUR == BAN * MINUTE
    assert clock.tick(window.end) == clock.horizon
    assert clock.start.utcoffset() == clock.end.utcoffset() == timedelta(hours=2)
    assert min(clock.tick(entry.time) for entry in ban.scenario.timeline) == clock.tick(window.start)


# -- what the block does


def test_without_a_way_round_nothing_passes_and_other_channels_go_on() -> None:
    blocked = load(*CASE, *NO_WAY_ROUND)
    shut, free = run(blocked), run(blocked.open())
    assert counted(blocked, free, PUBLISHED)[BAN:].sum() > 100
    assert counted(blocked, shut, PUBLISHED)[BAN:].sum() == 0
    assert counted(blocked, shut, ATTEMPTED)[BAN:].sum() > 100
    seen = slice(COUNTS.index("impressions_chatter"), None)
    assert shut.counts[BAN:, list(blocked.channels).index("twitter"), seen].sum() == 0
    for channel in ("facebook", "whatsapp"):
        assert counted(blocked, shut, PUBLISHED, channel)[BAN:].sum() > 50
        assert counted(blocked, shut, FAILED, channel).sum() == 0
    assert np.array_equal(shut.counts[:BAN], free.counts[:BAN])  # the same dice until it begins
    assert not shut.snapshots[:, SNAPSHOT.index("circumventing")].any()


def test_those_who_have_a_way_round_send_and_read_as_before() -> None:
    ready = load(*CASE, "throttle.circumvention.share_before=1")
    shut, free = run(ready), run(ready.open())
    assert np.array_equal(shut.counts, free.counts)


def test_people_find_a_way_round_one_by_one_and_stay_at_home(ban: Scenario) -> None:
    shut, free = run(ban), run(ban.open())
    found = shut.snapshots[:, SNAPSHOT.index("circumventing")]
    before = free.snapshots[:, SNAPSHOT.index("circumventing")]
    assert np.array_equal(found[: BAN + 1], before[: BAN + 1])
    assert (np.diff(found) >= 0).all()
    assert found[BAN] < found[-1] <= before[-1] + 0.25 * ban.population.n_people  # users of Twitter and no others
    assert 0 < counted(ban, shut, PUBLISHED)[BAN:].sum() < counted(ban, free, PUBLISHED)[BAN:].sum()
    for record in (shut, free):
        assert record.scalars["participants"] == 0


def test_the_ratio_of_two_days_is_that_of_their_posts() -> None:
    found = sim.simulate(load(CASE[0], "population.size=3000"), 1).outcomes.set_index("outcome")["value"]
    assert found["posts_to_day_before_2"] == pytest.approx(found["posts_day_2"] / found["posts_day_1"])
    assert {f"posts_to_day_before_{day}" for day in (2, 3, 4)} <= set(found.index)
    assert "posts_to_day_before_5" not in found.index
