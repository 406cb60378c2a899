"""A person is in one state at a time and comes to it by a legal path; what is counted of all is the sum over people."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.attendance import BACK, HOME, ON_SQUARE, PHASES, PREPARING, RESTING, RETURNING, TRAVELLING, phase_is_out
from sim.channels import ALERTED, CUT_OFF, ORDINARY
from sim.draws import MAX_SEED
from sim.engine.flags import (
    ABLE,
    AWAKE_AT_NEWS,
    CIRCUMVENTS,
    HEARD,
    HOT_ASLEEP,
    HOT_BITS,
    HOT_HEARD,
    HOT_INDIFFERENT,
    HOT_OUT,
    HOT_SUBSTITUTES,
    HOT_TERMS,
    LEVEL_BITS,
    POSTS,
    SUBSTITUTES,
    is_known,
)
from sim.engine.order import (
    ARRIVE,
    BED,
    CANDIDATE,
    DEPART,
    DONE,
    HOME_AGAIN,
    IMPRESSION,
    LEAVE,
    POSTPONED,
    PROMPT,
    REACTION,
    THINNED,
    TIPPED,
    WAKE,
    next_moment,
    prompt_key,
)
from sim.engine.state import AGAIN, SNAPSHOT
from sim.jit import is_compiling
from sim.units import MINUTE
from tests.equivalence.special import SPECIAL
from tests.equivalence.strategies import scenarios
from tests.rooms import drive, furnished, log_of, ways

seeds = st.integers(0, 3) | st.integers(0, MAX_SEED)
FREE = (HOME, BACK)
INDOORS = (*FREE, RESTING)


class Walker:
    """A person as the event log tells it, row by row: asleep is None where the log does not say."""

    def __init__(self, travel):
        self.travel = travel
        self.phase, self.trips, self.since, self.asleep = HOME, 0, 0, None

    def step(self, row, rules, wakes):
        """Take one row; it must be possible where this person is."""
        tick, kind, _, key, channel, result = row
        if kind == IMPRESSION and channel in wakes and self.asleep:
            self.asleep = None
        if kind == PROMPT and key == prompt_key(AGAIN, 2 * self.trips) and self.phase == RESTING:
            assert tick > self.since
            self.go(BACK, tick)
        if result == TIPPED:
            assert self.phase in FREE
            assert self.trips < rules["max_trips"]
            assert not rules["nobody_leaves"]
            self.go(PREPARING, tick)
        if result == TIPPED or kind == DEPART or (kind in (CANDIDATE, REACTION) and result != THINNED):
            assert not self.asleep or rules["as_if_home"]
        if kind == DEPART:
            # A throttle that pushes tips without a row of its own.
            assert self.phase == PREPARING or (rules["push"] > 0 and self.phase in FREE)
            assert key == self.trips < rules["max_trips"]
            assert self.phase != PREPARING or tick - self.since >= rules["shortest_prepare"]
            self.trips += 1
            self.go(TRAVELLING, tick)
        elif kind == ARRIVE:
            self.is_on_trip(TRAVELLING, key)
            assert tick == max(self.since + self.travel, next_moment(self.since, rules["moment"]))
            self.go(ON_SQUARE, tick)
        elif kind == LEAVE:
            self.is_on_trip(ON_SQUARE, key)
            assert tick > self.since
            assert result in (DONE, POSTPONED)
            if result == DONE:
                self.go(RETURNING, tick)
        elif kind == HOME_AGAIN:
            self.is_on_trip(RETURNING, key)
            assert tick == max(self.since + self.travel, next_moment(self.since, rules["moment"]))
            self.go(RESTING if rules["rests"] else BACK, tick)
            self.asleep = None
        elif kind == BED and result == DONE:
            assert self.phase in INDOORS
            assert not self.asleep
            self.asleep = True
        elif kind == WAKE and result == DONE:
            assert self.phase in INDOORS
            assert self.asleep is not False
            self.asleep = False

    def is_on_trip(self, phase, key):
        assert self.phase == phase
        assert key == self.trips

    def go(self, phase, tick):
        self.phase, self.since = phase, tick


def walked(tables, state):
    """Walk all people along the log; return them, and int64[minutes, phases]: people by phase at each whole minute."""
    rules = dict(zip(tables.rules.dtype.names, tables.rules[0].item(), strict=True))
    wakes = set(np.flatnonzero(tables.channels["wakes"] > 0).tolist())
    people = [Walker(way) for way in ways(tables)]
    seen = np.zeros((len(state.snapshots), len(PHASES)), np.int64)
    minute = 0
    for row in [*log_of(state).tolist(), (int(rules["horizon"]), None)]:
        while minute < len(seen) and minute * MINUTE <= row[0]:
            found = Counter(person.phase for person in people)
            seen[minute] = [found[phase] for phase in range(len(PHASES))]
            minute += 1
        if row[1] is not None:
            people[row[2]].step(row, rules, wakes)
    assert minute == len(seen)
    return people, seen


def assert_paths_are_legal(tables, state):
    people, seen = walked(tables, state)
    shown = dict(zip(SNAPSHOT, state.snapshots.T, strict=True))
    pushes = tables.rules["push"][0] > 0
    phases = np.array([person.phase for person in people])
    np.testing.assert_array_equal(shown["on_squares"], seen[:, ON_SQUARE])
    np.testing.assert_array_equal(shown["travelling"], seen[:, TRAVELLING] + seen[:, RETURNING])
    np.testing.assert_array_equal(state.people["trips"], [person.trips for person in people])
    if pushes:
        at_home = np.isin(state.people["phase"], (*INDOORS, PREPARING))
        np.testing.assert_array_equal(at_home, np.isin(phases, (*INDOORS, PREPARING)))
        np.testing.assert_array_equal(state.people["phase"][~at_home], phases[~at_home])
    else:
        np.testing.assert_array_equal(state.people["phase"], phases)
        np.testing.assert_array_equal(shown["deciding"], seen[:, PREPARING])
        np.testing.assert_array_equal(shown["returned"], seen[:, BACK] + seen[:, RESTING])
    assert (np.isin(state.people["phase"], (HOME,)) | (tables.people["flags"] & ABLE > 0)).all()


def assert_everybody_is_counted_once(tables, state, tick):
    """At any tick: the totals of the nation are sums over people, and nobody is in two states."""
    people, now = state.people, state.now[0]
    np.testing.assert_array_equal(now["phases"], np.bincount(people["phase"], minlength=len(PHASES)))
    assert now["asleep"] == people["asleep"].sum()
    assert now["circumventing"] == np.count_nonzero(people["flags"] & CIRCUMVENTS)
    has_heard = people["flags"] & HEARD > 0
    assert now["heard"] == has_heard.sum() == state.heard_now.sum()
    is_awake = people["flags"] & AWAKE_AT_NEWS > 0
    assert (now["n_awake"], state.heard_awake.sum()) == (is_awake.sum(), (is_awake & has_heard).sum())
    assert len(state.heard_tick) == len(people) * tables.rules["as_if_home"][0]
    if len(state.heard_tick) > 0:
        assert (state.heard_tick[has_heard] < max(tick, 1)).all()
        assert (state.heard_tick[~has_heard] == 0).all()
    rows = people["other"][people["other"] > 0]
    assert sorted(rows) == list(range(1, int(now["n_others"]) + 1))
    assert (people["other"][people["trips"] > 0] > 0).all()
    assert state.other[0].tolist() == (0, 0, 0, 0)
    able = np.flatnonzero(people["flags"] & ABLE)
    np.testing.assert_array_equal(people["mind"][able], np.arange(1, len(state.minds)))
    assert np.count_nonzero(people["mind"]) == len(able)
    assert state.minds[0].tolist() == (0.0, np.inf, 0, 0, 0, 0)
    on_square = tables.province[people["phase"] == ON_SQUARE]
    np.testing.assert_array_equal(state.squares, np.bincount(on_square, minlength=len(state.squares)))
    sleepers = people[people["asleep"] == 1]
    assert np.isin(sleepers["phase"], INDOORS).all()
    assert (people["turn_at"] >= tick).all()


def assert_snapshots_are_consistent(tables, state):
    shown = dict(zip(SNAPSHOT, state.snapshots.T, strict=True))
    n = len(tables.people)
    out = shown["travelling"] + shown["on_squares"]
    elsewhere = shown["deciding"] + out + shown["returned"]
    assert (state.snapshots >= 0).all()
    assert (elsewhere <= n).all()  # the rest is at home
    assert (shown["asleep"] <= n - out - shown["deciding"]).all()
    as_if_home = tables.rules["as_if_home"][0] == 1
    np.testing.assert_array_equal(shown["online"] + shown["asleep"] + (0 if as_if_home else out), n)
    for name in ("heard", "circumventing"):
        assert (np.diff(shown[name]) >= 0).all()
    np.testing.assert_array_equal(state.squares_by_minute.sum(axis=1), shown["on_squares"])
    np.testing.assert_array_equal(state.heard_on.sum(axis=1), shown["heard"])


def posts_now_and_then(tables):
    """Return of everybody whether there is a channel to post on without being provoked, and a wish to."""
    channels = tables.channels[tables.channels["posts_per_tick"] > 0]
    reached = [tables.receivers >> np.uint32(r) & 1 > 0 for r in channels["receiver"]]
    return np.any([np.zeros(len(tables.people), bool), *reached], axis=0) & (tables.people["propensity"] > 0)


def assert_bytes_tell_of_everybody(tables, state, tick):
    """What is looked at first of a person says what the person's state says, and how much attention an airing gets."""
    people, rules, throttled = state.people, tables.rules[0], int(state.now["throttled"][0])
    flags = people["flags"]
    substitutes = (flags & SUBSTITUTES > 0) & (flags & CIRCUMVENTS == 0)
    out, asleep = phase_is_out[people["phase"]], people["asleep"] == 1
    expected = HOT_HEARD * (flags & HEARD > 0) + HOT_SUBSTITUTES * substitutes + HOT_OUT * out + HOT_ASLEEP * asleep
    indifferent = (flags & HEARD > 0) & (flags & ABLE == 0) & ~posts_now_and_then(tables)
    np.testing.assert_array_equal(flags & POSTS > 0, posts_now_and_then(tables))
    expected += HOT_INDIFFERENT * indifferent
    assert not (indifferent & (out | (people["trips"] > 0))).any()
    if len(tables.airings) == 0:
        return  # nobody asks
    hot = state.hot & (1 << HOT_BITS) - 1
    np.testing.assert_array_equal(hot, expected)
    assert tables.levels.shape[2] == 1 << LEVEL_BITS
    # What is known holds until then: nobody's sleep turns before.
    shift, horizon = rules["hot_shift"], rules["horizon"]
    ticks = np.unique(np.linspace(0, horizon - 1, 50).astype(np.int64))
    known = is_known(state.hot.astype(np.int64)[:, None], ticks, shift)
    assert (known <= (ticks < people["turn_at"][:, None])).all()
    assert (known == (ticks >> shift < np.minimum(people["turn_at"] >> shift, HOT_TERMS)[:, None])).all()
    for c, channel in enumerate(tables.channels):
        seeking = np.where(substitutes & (throttled == 1), CUT_OFF, np.where(flags & HEARD > 0, ALERTED, ORDINARY))
        level = channel["attention"][seeking] * np.where(out, channel["while_out"], 1.0)
        level[asleep] = np.inf if channel["wakes"] > 0 or channel["waits"] > 0 else 0.0
        if rules["as_if_home"]:
            level[:] = np.inf
        np.testing.assert_array_equal(tables.levels[throttled, c, hot & (1 << LEVEL_BITS) - 1], level)


def look(tables, state, tick):
    assert_everybody_is_counted_once(tables, state, tick)
    assert_bytes_tell_of_everybody(tables, state, tick)


def check(scenario, seed, stops):
    tables, exists = furnished(scenario, seed)
    state = drive(scenario, tables, exists, stops, look=look)
    assert_snapshots_are_consistent(tables, state)
    assert_paths_are_legal(tables, state)


@settings(deadline=None, derandomize=True, max_examples=60 if is_compiling else 5)
@given(scenarios(), seeds, st.lists(st.floats(0, 1), max_size=20))
def test_people_of_any_scenario_are_in_one_state(scenario, seed, parts):
    check(scenario, seed, [int(part * scenario.clock.horizon) for part in parts])


@pytest.mark.parametrize("name", SPECIAL)
def test_people_of_special_scenarios_are_in_one_state(name):
    horizon = SPECIAL[name].clock.horizon
    check(SPECIAL[name], 1, range(0, horizon, max(MINUTE, horizon // 50)))
