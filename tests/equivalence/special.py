"""Explicit scenarios: each special case of the script and of the people stands here once, so that it is always covered."""

from __future__ import annotations

from functools import cache
from typing import Any

from sim.engine.simulate import Record, run
from sim.scenario import Scenario, validate
from tests.nights import (
    CHANNELS,
    NIGHT,
    TIMELINE,
    accounting,
    at,
    constant,
    entry,
    exponential,
    merged,
    night,
    outage,
    window,
)

POSTED = ["tweets", "faces", "tube", "chat"]


def _throttled(*spans: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    return {"throttle": {"windows": [window(["tweets", "faces", "chat"], *span) for span in spans]} | more}


def _instant() -> Scenario:
    """Return a night in which every delay is zero or a whole minute, and everybody goes to bed at the same time."""
    zero = constant(0)
    channels = {
        name: merged(channel, {"look": constant(1) if name in ("tv", "chat") else zero, "waits": True, "wakes": 0.3})
        for name, channel in CHANNELS.items()
    }
    timeline = [entry(30, name, kind, audience=1.0, minutes=5, arousal=3.0) for name, kind in
                (("tv", "news"), ("tv", "call"), ("texts", "call"), ("street", "news"), ("tweets", "call"))]  # fmt: skip
    timeline += [entry(30, None, "gathering", audience=0.3), entry(31, "tv", "stay"), entry(60, "facetime", "call")]
    tree = merged(NIGHT, {
        "scenario": {"timeline": timeline, "outages": [outage("facetime", 60, 75)]},
        "population": {"travel": constant(1), "propensity_sigma": 0.0, "sleep": {
            "bed_hour": {"law": "constant", "value": -1.5}, "length_hours": {"law": "constant", "value": 1.0},
            "jitter_minutes": 0, "stay_up": {"probability": 0.5, "extra": constant(1)}}},
        "posting": {"memory_kernel": zero, "arousal_kernel": constant(1), "live_delay": zero, "tell_delay": zero,
                    "create_group_delay": zero, "tell_probability": 1.0, "live_per_stay": 3.0},
        "attendance": {"prepare": constant(1), "stay": constant(2), "prolong": {"extra": zero},
                       "sleep_after": {"length": constant(1)}, "max_trips": 5},
        "decision": {"threshold": {"law": "constant", "value": 0.5}},
        "throttle": {"windows": [window(POSTED, 30, 45, 0.7), window(POSTED, 45, 60, 1.0, "delay"),
                                 window(POSTED, 45, 90, 1.0, "delay", 1)],
                     "retry": {"probability": 1.0, "delay": zero}, "hold_minutes": 0.0},
    })  # fmt: skip
    return validate(tree | {"channels": channels})


EMPTY = {
    "followers": {"mean": 0}, "friends": {"mean": 0}, "neighbours": {"mean": 0},
    "groups": {"chat": {"groups_per_user": 0, "created_per_user": 0}},
}  # fmt: skip

SPECIAL: dict[str, Scenario] = {
    "as it is": night(),
    "threshold rule, throttled": night(**_throttled((20, 100, 0.7))),
    "hazard rule": night(decision={"rule": "hazard", "hazard_per_hour": 1.0}, **_throttled((20, 100, 0.7), push=1.0)),
    "hazard rule with a short memory": night(
        decision={"rule": "hazard", "hazard_per_hour": 20, "fading_minutes": 5},
    ),
    "critical mass of a share": night(decision={"rule": "critical_mass", "able_share": 1.0}),
    "critical mass of a number, no news needed": night(
        decision={"rule": "critical_mass", "critical_mass_of": "count", "needs_news": False, "able_share": 1.0,
                  "critical_mass": {"law": "uniform", "low": 0.0, "high": 20.0}},
    ),
    "a share of the neighbours, seeds by number": night(
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_share", "able_share": 1.0, "needs_news": False,
                  "critical_mass": {"law": "constant", "value": 0.25}, "thresholds": "quantiles"},
        scenario={"timeline": [entry(10, None, "gathering", number=6)]}, attendance={"rest": exponential(5), "max_trips": 9},
    ),
    "a number of neighbours, seeds by list, for good": night(
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_count", "able_share": 1.0, "social": 0.0,
                  "critical_mass": {"law": "choice", "values": [0, 1, 2], "probability": [0.1, 0.5, 0.4]}},
        scenario={"timeline": [entry(10, None, "gathering", people=[0, 1, 39])]},
        attendance={"stay": None, "shortest_prepare_minutes": 0, "prepare": constant(0)},
        population={"sleep": None, "travel": constant(0)}, network={"neighbours": {"mean": 8}},
    ),
    "listed thresholds of everybody": night(
        population={"size": 20, "sleep": None}, scenario={"timeline": []},
        decision={"rule": "critical_mass", "critical_mass_of": "count", "able_share": 1.0, "needs_news": False,
                  "critical_mass": {"law": "listed", "values": [*range(10), *range(11, 21)]}},
    ),
    "contagion, only while out": night(
        decision={"rule": "contagion", "able_share": 1.0},
        channels={"street": {"only_while_out": True, "look": exponential(9)}},
        attendance={"max_trips": 3, "rest": constant(7)}, population={"sleep": None},
    ),
    "contagion again and again": night(
        decision={"rule": "contagion", "able_share": 1.0}, attendance={"max_trips": 9, "rest": exponential(9)},
        channels={"street": {"only_while_out": True, "repeats": True, "attention": 1.0, "look": exponential(3), "wakes": 0.5,
                             "dose": {"call": 0.2}}},
        throttle={"windows": [window(["street"], 20, 60, 0.6)]},
    ),
    "home again a tick before a whole minute, and woken as rest ends": night(
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_count", "able_share": 1.0, "needs_news": False,
                  "critical_mass": {"law": "choice", "values": [0, 1, 2], "probability": [0.2, 0.5, 0.3]}},
        attendance={"prepare": constant(1 - 2 / 60_000), "shortest_prepare_minutes": 0, "stay": constant(7), "max_trips": 100,
                    "rest": constant(10 + 1 / 60_000), "sleep_after": {"probability": 1.0, "length": constant(10)}},
        population={"travel": constant(1), "sleep": {"bed_hour": {"law": "constant", "value": -1.0}}},
        channels={"street": {"look": constant(1), "attention": 1.0}},
    ),
    "guards in sight": night(
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_per_guard", "guards": "guard", "social": 0.0,
                  "critical_mass": {"law": "uniform", "low": 0.0, "high": 1.0}, "needs_news": False},
        attendance={"max_trips": 9, "stay": constant(5), "rest": exponential(3)},
    ),
    "contagion by being cut off": night(decision={"rule": "contagion"}, **_throttled((10, 150, 0.9), push=0.5)),
    "doses that stay": night(decision={"rule": "hazard", "hazard_per_hour": 0.2, "fading_minutes": None}),
    "people come home and are no contacts any more": night(
        attendance={"stay": exponential(3), "max_trips": 20, "prepare": constant(1), "sleep_after": {"probability": 0.0}},
        population={"travel": constant(1)}, decision={"able_share": 1.0, "threshold": {"law": "constant", "value": 0.3}},
        channels={"street": {"look": exponential(6), "attention": 0.8}},
    ),
    "everybody near everybody, and everybody a friend of everybody": night(
        network={"neighbours": {"graph": {"graph": "complete"}}, "friends": {"graph": {"graph": "complete"}}},
        decision={"rule": "contagion", "able_share": 1.0, "social": 0.0},
        channels={"street": {"dose": {"call": 0.05}, "only_while_out": True}},
    ),
    "thresholds learnt on a random graph that is cut": night(
        network={"neighbours": {"graph": {"graph": "erdos_renyi", "mean_degree": 5}, "cut": 0.2}},
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_share", "learning_rounds": 3,
                  "critical_mass": {"law": "beta", "a": 1.0, "b": 3.0}, "able_share": 1.0, "needs_news": False},
        attendance={"stay": exponential(15), "max_trips": 5},
    ),
    "people who may see years later that a neighbour is home": night(
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_per_guard", "guards": "guard", "social": 0.0,
                  "critical_mass": {"law": "uniform", "low": 0.0, "high": 1.0}, "needs_news": False},
        attendance={"max_trips": 9, "stay": constant(5), "rest": exponential(3)},
        channels={"street": {"look": {"law": "seismic"}}},
    ),
    "active people only post": night(posting={"while_home": 0.0, "while_on_square": 1.0, "daily_cycle": None}),
    "touching windows": night(**_throttled((20, 60, 0.5), (60, 100, 0.8), (100, 120, 0.5, "delay"))),
    "overlapping windows": night(**_throttled((20, 60, 0.5), (40, 80, 0.9, "delay"), (70, 110, 0.9))),
    "nested windows": night(**_throttled((20, 140, 0.4), (40, 80, 1.0, "delay", 5), (50, 60, 0.4, "delay"))),
    "a window before the horizon begins": night(**_throttled((-200, -70, 1.0), (-100, -60, 1.0))),
    "a window within the warm-up": night(**_throttled((-45, -5, 0.9))),
    "a window behind the horizon": night(**_throttled((180, 240, 1.0), (500, 600, 1.0))),
    "a window from tick 0": night(**_throttled((-60, 60, 0.8))),
    "the horizon inside windows": night(**_throttled((100, 400, 0.9, "delay"), (150, 200, 1.0, "delay", 5))),
    "delay until the window ends": night(**_throttled((20, 100, 0.8, "delay"))),
    "delay with a lag, also beyond the window": night(**_throttled((20, 60, 0.8, "delay", 0.5), (60, 100, 0.8, "delay", 90))),
    "no circumvention": night(**_throttled((0, 150, 0.8), circumvention={"share_before": 0, "hazard_per_hour": 0})),
    "everybody ready": night(**_throttled((0, 150, 0.8), circumvention={"share_before": 1.0})),
    "quick circumvention and re-opening": night(
        **_throttled((0, 30, 1.0), (45, 60, 1.0), (90, 150, 1.0), circumvention={"share_before": 0, "hazard_per_hour": 5.0})
    ),
    "retries": night(**_throttled((10, 150, 1.0), retry={"probability": 1.0, "delay": exponential(5), "at_most": 8})),
    "no retries": night(**_throttled((10, 150, 0.9), retry={"probability": 0.0, "at_most": 0})),
    "push and substitution": night(**_throttled((10, 150, 0.9), push=2.0, substitution=1.0)),
    "push under critical mass": night(decision={"rule": "critical_mass"}, **_throttled((10, 150, 0.9), push=2.0)),
    "a throttle on television and the street": night(throttle={"windows": [
        window(["tv", "texts", "minarets"], 0, 150, 0.6), window(["street", "facetime"], 30, 150, 0.6, "delay"),
    ]}),
    "outages": night(scenario={"outages": [outage("tv", 10, 40), outage("tv", 30, 60), outage("tweets", -90, 30),
                                           outage("facetime", 60, 80), outage("chat", 100, 500)]}),
    "an inspector of posts": night(throttle={"inspector": {
        "watch": "posts", "threshold_per_million": 100_000, "every_minutes": 5, "channels": POSTED, "severity": 0.9,
        "minutes": 17, "mode": "delay", "start": at(-90)}}),
    "an inspector of squares beside windows": night(**_throttled(
        (50, 90, 0.9), inspector={"watch": "on_squares", "threshold_per_million": 100_000, "every_minutes": 1,
                                  "channels": ["tweets", "chat"], "severity": 0.9, "minutes": 10.5})),
    "gatherings only": night(
        scenario={"timeline": [entry(20, None, "gathering", audience=0.3, stagger_minutes=15),
                               entry(20, None, "gathering", audience=1.0, provinces=["Eastern"], repeat_minutes=30,
                                     repeat_until=120)]},
    ),
    "staggered and repeated airings": night(
        scenario={"timeline": [entry(5, "minarets", "call", stagger_minutes=60, repeat_minutes=20, repeat_until=170),
                               entry(5, "tv", "news", stagger_minutes=300, provinces=["Middle", "Western"]),
                               entry(5, "tweets", "call", stagger_minutes=10, repeat_minutes=0.5, repeat_until=10)]},
    ),
    "asked again and again not to leave the square": night(
        scenario={"timeline": [*TIMELINE, entry(20, "texts", "stay", repeat_minutes=4, repeat_until=170)]},
        attendance={"prolong": {"probability": 0.8, "extra": exponential(3), "at_most": 2}, "stay": exponential(40)},
    ),
    "repeated trips": night(
        attendance={"max_trips": 6, "stay": exponential(5), "prepare": constant(1), "sleep_after": {"probability": 0.1}},
        decision={"able_share": 1.0, "threshold": {"law": "constant", "value": 0.3}},
        population={"travel": exponential(2), "sleep": {"bed_hour": {"law": "constant", "value": 1.0}}},
    ),
    "forty days of sleep after coming home, and a message that wakes": night(
        scenario={"timeline": [entry(5, None, "gathering", audience=1.0), entry(80, "texts", "news", repeat_minutes=5,
                                                                                 repeat_until=95)]},
        population={"travel": constant(1), "sleep": {"bed_hour": {"law": "constant", "value": -1.5},
                                                     "length_hours": {"law": "constant", "value": 1.0},
                                                     "stay_up": {"extra": constant(1)}}},
        channels={"texts": {"wakes": 1.0, "look": constant(0)}},
        attendance={"prepare": constant(1), "stay": constant(40), "max_trips": 1,
                    "sleep_after": {"probability": 1.0, "length": constant(40 * 24 * 60)}},
        decision={"able_share": 1.0},
    ),
    "null night: nobody leaves": night(attendance={"nobody_leaves": True}, **_throttled((20, 100, 0.7), push=1.0)),
    "null night: nobody leaves, critical mass": night(
        attendance={"nobody_leaves": True}, decision={"rule": "critical_mass", "needs_news": False}
    ),
    "null night: online as if home": night(attendance={"online_as_if_home": True}, **_throttled((20, 100, 0.7))),
    "null night: ordinary": night(**_throttled((20, 100, 0.7))).null_night("ordinary"),
    "null night: without the call": night(scenario={"accounting": accounting(0)}).null_night("without_call"),
    "groups created in the night": night(
        network={"groups": {"chat": {"groups_per_user": 0, "created_per_user": 1.0}}},
        posting={"create_group_probability": 1.0, "create_group_delay": exponential(5)},
    ),
    "high posting, branching near 1": night(
        population={"size": 20}, channels={"tweets": {"posts_per_user_day": 60.0}}, posting={"branching_ratio": 0.95},
    ),
    "trending at once": night(channels={"tweets": {"trending": {"posts_per_million": 1.0, "minutes": 30, "readers": 100.0}},
                                        "tube": {"trending": {"posts_per_million": 1.0, "minutes": 1, "readers": 5.0}}}),
    "forced ties": _instant(),
    "an empty network": night(network=EMPTY),
    "an empty network and no timeline": night(network=EMPTY, scenario={"timeline": []}),
    "one person": night(population={"size": 1}, decision={"able_share": 1.0}, **_throttled((0, 60, 1.0))),
    "two people": night(population={"size": 2}, channels={"tweets": {"posts_per_user_day": 300.0}}, **_throttled((0, 60, 0.5))),
    "nobody posts": night(channels={name: {"posts_per_user_day": 0.0} for name in POSTED}),
    "attention of nobody": night(channels={"tv": {"attention": {"ordinary": 0, "alerted": 0, "cut_off": 0}},
                                           "tweets": {"attention": {"ordinary": 0, "alerted": 0, "cut_off": 0.5}}}),
    "first news in the middle of a minute, while many sleep": night(
        scenario={"accounting": accounting(17.3)}, population={"sleep": {"bed_hour": {"law": "constant", "value": -2.5}}}
    ),
    "a last minute that is cut": night(scenario={"end": at(139.503), "warm_up_hours": 20 / 60}),
    "no warm-up": night(scenario={"warm_up_hours": 0.0}, **_throttled((20, 100, 0.8), (100, 500, 0.5, "delay", 20))),
    "no warm-up, a window from tick 0, airing at tick 0": night(
        scenario={"warm_up_hours": 0.0, "timeline": [*TIMELINE, entry(0, "tv", "news"), entry(0, None, "gathering")]},
        **_throttled((0, 60, 1.0)),
    ),
    "chats of two": night(channels={"chat": {"direct": 1.0}}),
    "online as if home, awake and asleep at other hours": night(
        attendance={"online_as_if_home": True, "stay": exponential(20), "sleep_after": {"probability": 0.5}},
        population={"sleep": {"bed_hour": {"law": "normal", "mean": -1.0, "sd": 1.0}, "stay_up": {"probability": 0.5}}},
        channels={"tweets": {"waits": 0.5}, "street": {"wakes": 0.5}}, **_throttled((20, 100, 0.7)),
    ),
    "ignored channels": night(decision={"ignored_channels": ["tv", "facetime", "street"]}),
    "a night over two midnights": night(
        population={"size": 8}, scenario={"end": at(30 * 60), "warm_up_hours": 24.0},
        attendance={"stay": exponential(200), "sleep_after": {"probability": 1.0}},
    ),
}  # fmt: skip


@cache
def record(name: str, engine: str, seed: int = 1) -> Record:
    """Return the run of a special scenario, computed once per process."""
    return run(SPECIAL[name], seed, engine=engine, events=True)
