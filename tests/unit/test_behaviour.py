"""Small things that people do, each by itself: staying longer, live videos, sharing the victory, chats of two, trends.

Counts lie within 4.5 standard errors, on fixed seeds.
"""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sim
from sim.engine.order import ARRIVE, DONE, IMPRESSION, LEAVE
from sim.engine.simulate import run
from sim.engine.state import ATTEMPTED, IMPRESSIONS, LIVE, PUBLISHED_COUNT, TOPICAL, TRENDING
from sim.units import MINUTE
from tests.nights import night

Z = 4.5
GATHERING = "{time: 2000-01-01 00:00, what: all, kind: gathering}"
FEED = ("classic=plain", "channels=feed", "network.friends.graph={graph: small_world, degree: 2, rewiring: 0}")


@pytest.mark.parametrize("at_most", [0, 1, 3])
def test_people_stay_longer_as_often_as_they_may(at_most):
    stay = "{time: 2000-01-01 00:01, what: stay, channel: broadcast, kind: stay, minutes: 1, repeat_minutes: 5, "
    scenario = sim.load(
        "classic=plain", "channels=broadcast", "population.size=50", "scenario.end=2000-01-01 03:00",
        f"scenario.timeline=[{GATHERING},{stay}repeat_until: 2000-01-01 01:00}}]",
        "+attendance.stay={law: constant, minutes: 60}", "attendance.prolong.probability=1",
        "attendance.prolong.extra.minutes=10", f"attendance.prolong.at_most={at_most}",
    )  # fmt: skip
    log = sim.simulate(scenario, 1, events=True).events
    arrived, left = log[log["kind"] == ARRIVE], log[(log["kind"] == LEAVE) & (log["result"] == DONE)]
    stays = left["tick"][np.argsort(left["person"])] - arrived["tick"][np.argsort(arrived["person"])]
    assert len(stays) == 50
    assert set(stays.tolist()) == {(60 + 10 * at_most) * MINUTE}


@pytest.mark.parametrize("relay", [0.0, 0.25, 1.0])
def test_live_videos_pass_on_the_call_with_its_probability(relay):
    scenario = sim.load(
        *FEED, "population.size=1000", f"scenario.timeline=[{GATHERING}]", "+channels.feed.live=1",
        "channels.feed.posts_per_user_day=0", "posting.live_per_stay=2", f"posting.relay_call={relay}",
        "+posting.live_delay={law: exponential, mean_minutes: 30}",
    )  # fmt: skip
    counts = sim.simulate(scenario, 2).record.counts.sum(axis=(0, 1))
    videos = counts[LIVE]
    assert abs(videos - 2000) < Z * math.sqrt(2000)
    news, calls = counts[IMPRESSIONS + 1], counts[IMPRESSIONS + 2]
    assert news + calls == 2 * videos  # two friends each
    assert abs(calls / 2 - relay * videos) <= Z * math.sqrt(videos * relay * (1 - relay))


def test_who_comes_home_shares_the_victory_in_so_many_posts():
    scenario = sim.load(
        *FEED, "population.size=1000", "scenario.end=2000-01-02 00:00", f"scenario.timeline=[{GATHERING}]",
        "channels.feed.posts_per_user_day=6", "+attendance.stay={law: constant, minutes: 10}",
        "posting.victory={boost: 4, decay_minutes: 60}",
    )  # fmt: skip
    record = sim.simulate(scenario, 4).record
    expected = 1000 * (6 + 4 * 6 / 24)  # a day of posts, and four times the own rate for an hour in all
    assert abs(record.counts[:, :, PUBLISHED_COUNT].sum() - expected) < Z * math.sqrt(expected)
    first = record.counts[11:71, :, ATTEMPTED].sum()  # of them 1 - 1/e within the first hour at home
    expected = 1000 * (6 / 24 + 4 * 6 / 24 * (1 - math.exp(-1)))
    assert abs(first - expected) < Z * math.sqrt(expected)


def test_a_chat_of_two_is_with_any_other_member(tmp_path):
    pd.DataFrame({"group": [0] * 7, "person": range(7)}).to_csv(tmp_path / "groups.csv", index=False)
    chat = {"type": "group", "label": "chat", "receiver": "phone", "ties": "groups", "direct": 1.0,
            "look": {"law": "constant", "minutes": 0}, "attention": 1.0, "posts_per_user_day": 2000.0}  # fmt: skip
    scenario = night(
        scenario={"timeline": []},
        population={"size": 7, "sleep": None, "propensity_sigma": 0.0, "receivers": {"phone": {"share": 1.0}}},
        network={"groups": {"chat": {"file": tmp_path / "groups.csv"}}}, posting={"branching_ratio": 0.0},
    ).replace(channels={"chat": chat})  # fmt: skip
    log = run(scenario, 1, events=True).log
    readers = np.bincount(log["person"][log["kind"] == IMPRESSION], minlength=7)
    assert readers.sum() > 1000
    assert stats.chisquare(readers).pvalue > 1e-5


def test_a_channel_trends_by_the_posts_of_its_window():
    scenario = night(scenario={"warm_up_hours": 0.0}, population={"size": 60})
    counts = run(scenario, 2).counts
    for index, channel in enumerate(scenario.channels.values()):
        if channel.trending is None:
            continue
        topical, needed = counts[:, index, TOPICAL], channel.trending.posts_per_million * 60 / 1e6
        window = channel.trending.minutes
        expected = [topical[max(0, m - window) : m].sum() >= needed for m in range(len(topical))]
        assert counts[:, index, TRENDING].tolist() == expected
        assert 0 < sum(expected) < len(expected)
