"""The daily cycle of posting: linear between its hourly values, and followed by the posts of a run."""

import math

import numpy as np
import pytest

import sim
from sim.engine.order import CANDIDATE, PUBLISHED
from sim.posting import cycle_at
from sim.units import HOUR, MINUTE

CYCLE = np.array([float(h % 5) for h in range(24)])


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (0, 0.0),
        (1, 1.0),
        (0.25, 0.25),
        (3.5, 3.5),
        (4.5, 2.0),
        (4.75, 1.0),
        (22.5, 2.5),
        (23, 3.0),
        (23.5, 1.5),
        (24, 0.0),
    ],
)
@pytest.mark.parametrize("time_of_day", [0, 5 * HOUR])
def test_the_cycle_is_linear_between_the_hours(hour, expected, time_of_day):
    assert cycle_at(CYCLE, time_of_day, hour * HOUR - time_of_day + 48 * HOUR) == pytest.approx(expected)


def test_posts_follow_the_cycle_within_the_hour():
    # One at 1 h, nothing at 0 and 2 h: posts rise and fall in a triangle.
    cycle = [0, 1, *[0] * 22]
    scenario = sim.load(
        "classic=plain", "channels=feed", "population.size=2000", "scenario.end=2000-01-01 02:00",
        "channels.feed.posts_per_user_day=240", f"posting.daily_cycle={cycle}",
    )  # fmt: skip
    log = sim.simulate(scenario, 3, events=True).events
    posts = log[(log["kind"] == CANDIDATE) & (log["result"] == PUBLISHED)]["tick"] / (10 * MINUTE)
    counts = np.bincount(posts.astype(int), minlength=12)
    middle = (np.arange(12) + 0.5) / 6
    expected = 2000 * 240 / 24 / 6 * np.where(middle < 1, middle, 2 - middle)
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected)).all()
    assert abs(counts.sum() - expected.sum()) < 4.5 * math.sqrt(expected.sum())
