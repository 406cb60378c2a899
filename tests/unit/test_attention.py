"""Who notices an airing: at home, on the square, cut off and turned elsewhere; counts within 4.5 standard errors."""

import math

import pytest

import sim

N = 3000
Z = 4.5
AIRING = "{time: 2000-01-01 01:00, what: news, channel: broadcast, kind: news, minutes: 5}"
GATHERING = "{time: 2000-01-01 00:00, what: all, kind: gathering}"


def seen(*overrides):
    """Return how many saw the airing."""
    scenario = sim.load("classic=plain", f"population.size={N}", "scenario.end=2000-01-01 02:00", *overrides)
    record = sim.simulate(scenario, 7).record
    return int(record.totals[list(scenario.channels).index("broadcast"), 1])


def is_about(count, probability):
    return abs(count - N * probability) <= Z * math.sqrt(N * probability * (1 - probability))


@pytest.mark.parametrize("while_out", [0.0, 0.4, 1.0])
def test_people_on_the_square_notice_less_by_a_factor(while_out):
    common = ("channels=broadcast", "channels.broadcast.attention=0.7", f"channels.broadcast.while_out={while_out}")
    assert is_about(seen(*common, f"scenario.timeline=[{AIRING}]"), 0.7)  # at home
    assert is_about(seen(*common, f"scenario.timeline=[{GATHERING},{AIRING}]"), 0.7 * while_out)


@pytest.mark.parametrize("substitution", [0.0, 0.3, 1.0])
def test_people_who_are_cut_off_turn_elsewhere_with_a_probability(substitution):
    found = seen(
        "channels=[feed,broadcast]", "channels.broadcast.dose.call=0", "channels.feed.posts_per_user_day=1000",
        "+channels.broadcast.attention={ordinary: 0, alerted: 0, cut_off: 1}", f"scenario.timeline=[{AIRING}]",
        "throttle.windows=[{channels: [feed], start: 2000-01-01 00:00, end: 2000-01-01 02:00, severity: 1}]",
        f"throttle.substitution={substitution}",
    )  # fmt: skip
    assert is_about(found, substitution)  # all have tried to post by then
