"""What happens to a person again and again is drawn anew each time: lengths of two trips of one person do not go together."""

import math

import numpy as np
import pytest

import sim
from sim.engine.order import ARRIVE, DECIDE, DEPART, HOME_AGAIN, LEAVE, PROMPT, TIPPED
from sim.engine.state import AGAIN

N = 4000
Z = 4.5
"""Two-sided level 7e-6, for a handful of checks at fixed seeds."""


def lengths(log, begins, ends):
    """Return float64[N, 2]: ticks between the first and between the second pair of rows of each person."""
    out = np.full((N, 2), np.nan)
    for person in range(N):
        first = log[begins & (log["person"] == person)]["tick"][:2]
        last = log[ends & (log["person"] == person)]["tick"][:2]
        out[person, : min(len(first), len(last))] = last[: len(first)] - first[: len(last)]
    return out[~np.isnan(out).any(axis=1)]


@pytest.fixture(scope="module")
def trips():
    """The log of people who are asked every day, prepare, stay, rest, and go again."""
    scenario = sim.load(
        "classic=plain", f"population.size={N}", "scenario.end=2000-01-05 00:00",
        "scenario.timeline=[{time: 2000-01-01 00:00, what: all, kind: gathering, repeat_minutes: 1440, "
        "repeat_until: 2000-01-03 00:00}]",
        "+attendance.prepare={law: exponential, mean_minutes: 60}", "+attendance.stay={law: exponential, mean_minutes: 60}",
        "+attendance.rest={law: exponential, mean_minutes: 60}", "attendance.max_trips=2",
    )  # fmt: skip
    log = sim.simulate(scenario, 5, events=True).events
    return log[np.argsort(log["person"], kind="stable")]


def of_person(log):
    """Return the kinds, keys and results of a log as columns."""
    return log["kind"], log["key"], log["result"]


@pytest.mark.parametrize("what", ["prepare", "stay", "rest"])
def test_two_trips_of_one_person_are_drawn_apart(trips, what):
    kind, key, result = of_person(trips)
    begins, ends = {
        "prepare": ((kind == PROMPT) & (result == TIPPED), kind == DEPART),
        "stay": (kind == ARRIVE, kind == LEAVE),
        "rest": (kind == HOME_AGAIN, (kind == PROMPT) & (key >> 28 == AGAIN)),
    }[what]
    x = lengths(trips, begins, ends)
    assert len(x) > 0.9 * N
    r = np.corrcoef(np.argsort(np.argsort(x, axis=0), axis=0).T)[0, 1]
    assert abs(r) * math.sqrt(len(x)) < Z
    assert abs(x.mean() / 3_600_000 - 1) < Z / math.sqrt(2 * len(x))


def test_two_crossings_of_one_person_are_drawn_apart():
    scenario = sim.load(
        "classic=plain", "channels=broadcast", f"population.size={N}", "scenario.end=2000-01-03 00:00",
        "scenario.timeline=[{time: 2000-01-01 00:00, what: a, channel: broadcast, kind: call, minutes: 1}, "
        "{time: 2000-01-02 00:00, what: b, channel: broadcast, kind: call, minutes: 1}]",
        "decision.rule=hazard", "+attendance.stay={law: constant, minutes: 1}", "attendance.max_trips=2",
    )  # fmt: skip
    log = sim.simulate(scenario, 5, events=True).events
    crossed = log[(log["kind"] == DECIDE) & (log["result"] == TIPPED)]
    order = np.argsort(crossed["person"], kind="stable")
    people, ticks = crossed["person"][order], crossed["tick"][order]
    twice = np.flatnonzero(people[1:] == people[:-1])
    first, second = ticks[twice], ticks[twice + 1] - 86_400_000
    assert len(twice) > 0.9 * N
    r = np.corrcoef(np.argsort(np.argsort(first)), np.argsort(np.argsort(second)))[0, 1]
    assert abs(r) * math.sqrt(len(twice)) < Z
