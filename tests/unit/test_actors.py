"""The scripted actors against tables written by hand: what stands between people and a channel, from which tick on.

A fake room records what the actors do to it. A row of a gate table is (minute, channel, severity, mode, minute of release,
lag in minutes, off the air), one for each gate that an event of the script changed, in the order of the events.
"""

from datetime import datetime

import numpy as np
import pytest
import simpy

from sim.engine.actors import At, start_actors
from sim.engine.order import ACTOR_RANKS, BED, IMPRESSION, TELL, WAKE, person_rank
from sim.engine.state import GATE
from sim.throttle import strongest
from sim.units import MINUTE
from tests.nights import at, entry, night, outage, window

DROP, DELAY = 0, 1
OPEN = (0.0, DROP, 0, 0, False)


class FakeRoom:
    """A room without people: it keeps a diary, and shows the inspector what it is told to."""

    def __init__(self, env, channels, sees):
        self.env = env
        self.channels = channels
        self.gates = np.zeros(len(channels), GATE)
        self.sees = iter(sees)
        self.diary = []

    def note(self, *words):
        self.diary.append((self.env.now / MINUTE, *words))

    def throttle_changed(self, is_throttled):
        self.note("throttle", is_throttled)

    def air(self, airing):
        self.note("air", airing, float(self.gates[self.channels.index("tweets")]["severity"]))

    def observed(self, watch, since):
        self.note("look", watch, since / MINUTE)
        return next(self.sees, 0.0)


def play(scenario, sees=(), prepare=None):
    """Let the actors play to the horizon; return the gate table and the room."""
    env = simpy.Environment()
    room = FakeRoom(env, list(scenario.channels), sees)
    if prepare is not None:
        prepare(env, room)
    start_actors(env, scenario, room)
    table, before = [], [OPEN] * len(room.gates)
    while env.peek() < scenario.clock.horizon:
        env.step()
        for c, gate in enumerate(room.gates):
            severity, mode, release, lag, is_off = gate.item()
            now = (severity, mode, release / MINUTE, lag / MINUTE, bool(is_off))
            if now != before[c]:
                table.append((env.now / MINUTE, room.channels[c], *now))
                before[c] = now
    return table, room


def script(*windows, outages=(), timeline=(), **more):
    """Return a night of three hours without warm-up and with nothing but this script."""
    part = {"warm_up_hours": 0.0, "timeline": list(timeline), "outages": list(outages)}
    return night(scenario=part, throttle={"windows": list(windows)} | more)


def on(*spans, channel="tweets"):
    """Return windows on one channel from (start, end, severity[, mode[, lag]])."""
    return [window([channel], *span) for span in spans]


GATES = {
    "one window": (
        on((10, 20, 0.5)),
        [(10, 0.5, DROP, 20, 0), (20, 0.0, DROP, 0, 0)],
    ),
    "touching: the second holds from the tick at which the first ends": (
        on((10, 20, 0.5), (20, 30, 0.8)),
        [(10, 0.5, DROP, 20, 0), (20, 0.0, DROP, 0, 0), (20, 0.8, DROP, 30, 0), (30, 0.0, DROP, 0, 0)],
    ),
    "touching, listed the other way round": (
        on((20, 30, 0.8), (10, 20, 0.5)),
        [(10, 0.5, DROP, 20, 0), (20, 0.0, DROP, 0, 0), (20, 0.8, DROP, 30, 0), (30, 0.0, DROP, 0, 0)],
    ),
    "touching, of equal severity": (
        on((10, 20, 0.5), (20, 30, 0.5)),
        [(10, 0.5, DROP, 20, 0), (20, 0.0, DROP, 0, 0), (20, 0.5, DROP, 30, 0), (30, 0.0, DROP, 0, 0)],
    ),
    "overlapping: the higher severity holds, first the weaker": (
        on((10, 30, 0.3), (20, 40, 0.9, "delay", 5)),
        [(10, 0.3, DROP, 30, 0), (20, 0.9, DELAY, 40, 5), (40, 0.0, DROP, 0, 0)],
    ),
    "overlapping: the higher severity holds, first the stronger": (
        on((10, 30, 0.9, "delay", 5), (20, 40, 0.3)),
        [(10, 0.9, DELAY, 30, 5), (30, 0.3, DROP, 40, 0), (40, 0.0, DROP, 0, 0)],
    ),
    "overlapping and equal: the first in the list holds, with its mode, and takes over when it starts": (
        on((20, 40, 0.5, "delay"), (10, 30, 0.5)),
        [(10, 0.5, DROP, 30, 0), (20, 0.5, DELAY, 40, 0), (40, 0.0, DROP, 0, 0)],
    ),
    "overlapping and equal: the first in the list holds until it ends": (
        on((10, 30, 0.5), (20, 40, 0.5, "delay", 2)),
        [(10, 0.5, DROP, 30, 0), (30, 0.5, DELAY, 40, 2), (40, 0.0, DROP, 0, 0)],
    ),
    "nested": (
        on((10, 40, 0.3), (20, 30, 0.9, "delay")),
        [(10, 0.3, DROP, 40, 0), (20, 0.9, DELAY, 30, 0), (30, 0.3, DROP, 40, 0), (40, 0.0, DROP, 0, 0)],
    ),
    "nested, the inner one weaker": (
        on((10, 40, 0.9), (20, 30, 0.3)),
        [(10, 0.9, DROP, 40, 0), (40, 0.0, DROP, 0, 0)],
    ),
    "nested, starting together": (
        on((10, 40, 0.3), (10, 20, 0.9)),
        [(10, 0.3, DROP, 40, 0), (10, 0.9, DROP, 20, 0), (20, 0.3, DROP, 40, 0), (40, 0.0, DROP, 0, 0)],
    ),
    "nested, ending together": (
        on((20, 40, 0.9), (10, 40, 0.3)),
        [(10, 0.3, DROP, 40, 0), (20, 0.9, DROP, 40, 0), (40, 0.3, DROP, 40, 0), (40, 0.0, DROP, 0, 0)],
    ),
    "the same window twice": (
        on((10, 20, 0.5), (10, 20, 0.5)),
        [(10, 0.5, DROP, 20, 0), (20, 0.0, DROP, 0, 0)],
    ),
    "starting before tick 0": (on((-30, 10, 0.5)), [(0, 0.5, DROP, 10, 0), (10, 0.0, DROP, 0, 0)]),
    "starting at tick 0": (on((0, 10, 0.5)), [(0, 0.5, DROP, 10, 0), (10, 0.0, DROP, 0, 0)]),
    "over before tick 0": (on((-30, -10, 0.5), (-30, 0, 1.0)), []),
    "after the horizon": (on((180, 200, 0.5), (300, 400, 1.0)), []),
    "in force at the horizon": (on((170, 200, 0.5)), [(170, 0.5, DROP, 200, 0)]),
    "the whole night and more": (on((-60, 400, 0.5)), [(0, 0.5, DROP, 400, 0)]),
    "severity 0": (on((10, 20, 0.0)), [(10, 0.0, DROP, 20, 0), (20, 0.0, DROP, 0, 0)]),
    "a lag shorter than a tick is one tick": (
        on((10, 20, 0.5, "delay", 1e-9)),
        [(10, 0.5, DELAY, 20, 1 / MINUTE), (20, 0.0, DROP, 0, 0)],
    ),
}


@pytest.mark.parametrize("case", GATES)
def test_windows_on_one_channel(case):
    windows, expected = GATES[case]
    table, _ = play(script(*windows))
    assert table == [(minute, "tweets", *gate, False) for minute, *gate in expected]


def test_windows_act_on_their_own_channels_only():
    table, room = play(script(window(["tweets", "faces"], 10, 30, 0.5), window(["faces", "tube"], 20, 40, 0.7)))
    assert table == [
        (10, "tweets", 0.5, DROP, 30, 0, False),
        (10, "faces", 0.5, DROP, 30, 0, False),
        (20, "faces", 0.7, DROP, 40, 0, False),
        (20, "tube", 0.7, DROP, 40, 0, False),
        (30, "tweets", *OPEN),
        (40, "faces", *OPEN),
        (40, "tube", *OPEN),
    ]
    assert room.diary == [(10, "throttle", True), (40, "throttle", False)]


def test_the_throttled_clock_starts_and_stops_with_the_first_and_the_last_window():
    _, room = play(script(*on((10, 20, 0.5), (20, 30, 0.8), (25, 40, 0.1), (60, 70, 0.0))))
    # Between touching windows it stops and starts at one tick; a window of severity 0 does not move it.
    assert room.diary == [
        (10, "throttle", True),
        (20, "throttle", False),
        (20, "throttle", True),
        (40, "throttle", False),
    ]


def test_outages_are_off_the_air_until_the_last_one_ends():
    outages = [outage("tv", 10, 20), outage("tv", 15, 30), outage("tweets", -5, 12), outage("texts", 170, 300)]
    outages += [outage("minarets", -20, 0), outage("minarets", 180, 190)]
    table, room = play(script(*on((10, 20, 0.5)), outages=outages))
    assert table == [
        (0, "tweets", 0.0, DROP, 0, 0, True),
        (10, "tweets", 0.5, DROP, 20, 0, True),
        (10, "tv", 0.0, DROP, 0, 0, True),
        (12, "tweets", 0.5, DROP, 20, 0, False),
        (20, "tweets", *OPEN),
        (30, "tv", *OPEN),
        (170, "texts", 0.0, DROP, 0, 0, True),
    ]
    assert room.diary == [(10, "throttle", True), (20, "throttle", False)]


def inspector(**more):
    """Return an inspector who wants to see 4 of the 40 people (or posts), every 10 minutes, and throttles for 15."""
    return {"watch": "posts", "threshold_per_million": 100_000, "every_minutes": 10, "channels": ["tweets", "faces"],
            "severity": 0.8, "minutes": 15, "mode": "delay"} | more  # fmt: skip


def test_the_inspector_observes_imposes_lifts_and_imposes_again():
    table, room = play(script(inspector=inspector()), sees=[3.9, 4.0, 10.0, 0.0, 0.0, 100.0])
    both = [
        (minute, channel, *gate)
        for minute, gate in [
            (10, (0.8, DELAY, 25, 0, False)),
            (25, OPEN),
            (35, (0.8, DELAY, 50, 0, False)),
            (50, OPEN),
            (80, (0.8, DELAY, 95, 0, False)),
            (95, OPEN),
        ]
        for channel in ("tweets", "faces")
    ]
    assert table == both
    assert [(minute, *rest) for minute, what, *rest in room.diary if what == "look"] == [
        (minute, "posts", max(0, minute - 10))
        for minute in (0, 10, 35, 60, 70, 80, 105, 115, 125, 135, 145, 155, 165, 175)
    ]


@pytest.mark.parametrize(("start", "first"), [(None, 60), (at(-50), 10), (at(-90), 0), (at(5), 65), (at(400), None)])
def test_the_inspector_begins_at_the_end_of_the_warm_up_or_when_told(start, first):
    scenario = night(
        scenario={"timeline": [], "warm_up_hours": 1.0},
        throttle={"inspector": inspector(start=start, watch="on_squares")},
    )
    _, room = play(scenario)
    assert room.diary == [
        (minute, "look", "on_squares", max(0, minute - 10))
        for minute in (range(first, 240, 10) if first is not None else ())
    ]


def test_the_inspectors_window_competes_with_the_others():
    windows = on((5, 20, 0.8), (22, 40, 0.9))
    table, _ = play(script(*windows, inspector=inspector(channels=["tweets"])), sees=[0.0, 9.0])
    # Imposed from 10 to 25 at 0.8, mode delay: an equal window listed before it holds, a stronger one, too.
    assert table == [
        (5, "tweets", 0.8, DROP, 20, 0, False),
        (20, "tweets", 0.8, DELAY, 25, 0, False),
        (22, "tweets", 0.9, DROP, 40, 0, False),
        (40, "tweets", *OPEN),
    ]


def test_an_inspectors_window_that_outlasts_the_night():
    table, room = play(script(inspector=inspector(minutes=500)), sees=[9.0])
    assert [row[0] for row in table] == [0, 0]
    assert [row[0] for row in room.diary] == [0, 0]


def test_an_inspector_imposes_over_a_change_of_the_clocks():
    """Berlin, 30 October 2016: from 02:50 summer time half an hour lasts until 02:20 winter time."""
    scenario = night(
        scenario={"zone": "Europe/Berlin", "start": datetime(2016, 10, 30, 2), "end": datetime(2016, 10, 30, 6),
                  "warm_up_hours": 0.0, "timeline": []},
        throttle={"inspector": inspector(start=datetime(2016, 10, 30, 2, 50), minutes=30, channels=["tube"])},
    )  # fmt: skip
    table, _ = play(scenario, sees=[9.0])
    assert table == [(50, "tube", 0.8, DELAY, 80, 0, False), (80, "tube", *OPEN)]


def test_airings_come_by_tick_then_in_the_order_of_the_timeline():
    timeline = [
        entry(40, "tv", "call", repeat_minutes=20, repeat_until=90),  # 40, 60, 80
        entry(60, "tweets", "news"),
        entry(20, None, "gathering"),
        entry(0, "tv", "news", repeat_minutes=40, repeat_until=1),  # 0
        entry(170, "tv", "news", repeat_minutes=9.5, repeat_until=400),  # 170, 179.5 and behind the horizon
    ]
    _, room = play(script(timeline=timeline))
    assert [row[:3] for row in room.diary] == [
        (minute, "air", index) for index, minute in enumerate([0, 20, 40, 60, 60, 80, 170, 179.5])
    ]


def test_a_window_that_ends_or_starts_at_the_tick_of_an_airing_comes_first():
    windows = on((10, 20, 0.5), (30, 40, 0.6), (40, 50, 0.7))
    timeline = [entry(m, "tweets", "news") for m in (10, 20, 30, 40, 50)]
    _, room = play(script(*windows, timeline=timeline))
    assert [(row[0], row[3]) for row in room.diary if row[1] == "air"] == [
        (10, 0.5), (20, 0.0), (30, 0.6), (40, 0.7), (50, 0.0),
    ]  # fmt: skip


def test_order_at_one_tick_is_window_end_start_airing_inspector_observer_people():
    """Everything happens at minute 20; people and observer are put into the environment first, in reverse order."""
    people = [(WAKE, 0, 0), (WAKE, 0, 7), (WAKE, 1, 0), (BED, 0, 2**63 - 1), (IMPRESSION, 2**27 - 1, 5), (TELL, 0, 0)]

    def prepare(env, room):
        def wait(rank, *words):
            yield At(env, 20 * MINUTE, rank)
            room.note(*words)

        for kind, person, key in people[::-1]:
            env.process(wait(person_rank(kind, person, key), "person", kind, person, key))
        env.process(wait(ACTOR_RANKS["observer"] * 1_000_000, "observer"))

    scenario = script(
        *on((20, 30, 0.5), (10, 20, 0.5)),
        timeline=[entry(20, "tv", "news"), entry(20, None, "gathering")],
        inspector=inspector(start=at(20)),
    )
    _, room = play(scenario, sees=[4.0], prepare=prepare)
    assert [row[1:] for row in room.diary if row[0] == 20] == [
        ("throttle", False),
        ("throttle", True),
        ("air", 0, 0.5),
        ("air", 1, 0.5),
        ("look", "posts", 10),
        ("observer",),
        *(("person", *name) for name in people),
    ]


def test_actors_ranks_are_the_order_that_is_documented():
    names = ["window_end", "window_start", "airing", "inspector", "observer"]
    assert sorted(ACTOR_RANKS, key=ACTOR_RANKS.__getitem__) == names
    # A million airings or windows fit between two ranks, and people come after all of them.
    assert max(ACTOR_RANKS.values()) * 1_000_000 + 999_999 < person_rank(0, 0, 0)


def test_the_strongest_window_by_hand():
    assert strongest([(0.2, 0, "mild"), (0.7, 1, "strong")]) == "strong"
    assert strongest([(0.7, 3, "last"), (0.7, 1, "first"), (0.7, 2, "second")]) == "first"
