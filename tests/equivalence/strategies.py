"""Whole scenarios for Hypothesis: a few dozen people, a few hours, everything that the script and the people can do.

Delays are often constant whole minutes and airings lie on whole minutes, so that many events fall on one tick.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sim.scenario import Scenario, validate
from tests.nights import (
    CHANNELS,
    NIGHT,
    accounting,
    at,
    constant,
    entry,
    exponential,
    lognormal,
    merged,
    outage,
    window,
)

NAMES = list(CHANNELS)
POSTED = ["tweets", "faces", "tube", "chat"]
QUARTERS = 15
"""Windows begin and end at multiples of so many minutes, so that they touch, nest and coincide often."""

shares = st.sampled_from([0.0, 0.3, 0.7, 1.0])

delays = st.one_of(
    st.sampled_from([constant(0), constant(1), constant(5), constant(15)]),
    st.sampled_from([
        exponential(4), lognormal(6, 1.2), {"law": "seismic"}, {"law": "weibull", "scale_minutes": 6, "shape": 0.7},
        {"law": "two_exponentials", "fast_share": 0.6, "fast_minutes": 2, "slow_minutes": 40},
        {"law": "tabulated", "minutes": [0, 1, 10, 10, 60], "probability": [0, 0.3, 0.5, 0.8, 1]},
    ]),
)  # fmt: skip
traits = st.sampled_from([
    {"law": "constant", "value": 0.5}, {"law": "lognormal", "median": 1.5, "sigma": 0.8},
    {"law": "normal", "mean": 0.1, "sd": 0.1}, {"law": "uniform", "low": 0.0, "high": 3.0},
    {"law": "choice", "values": [0.0, 0.2, 0.5, 2.0], "probability": [0.1, 0.4, 0.3, 0.2]},
    {"law": "beta", "a": 2.0, "b": 5.0}, {"law": "tabulated", "values": [-0.1, 0.3, 1.0], "probability": [0, 0.9, 1]},
])  # fmt: skip


COMPLETE = {"graph": "complete"}
graphs = st.sampled_from([
    None, None, None, COMPLETE, {"graph": "erdos_renyi", "mean_degree": 4.0},
    {"graph": "small_world", "degree": 4, "rewiring": 0.3}, {"graph": "groups", "size": 5},
    {"graph": "configuration", "degrees": {"law": "poisson", "mean": 3.0}},
])  # fmt: skip


@st.composite
def tie_sets(draw: st.DrawFn) -> dict[str, Any]:
    """Return followers, friends and neighbours: generated, of a graph, or everybody with everybody; cut or not."""
    means = {"followers": [0, 4, 10], "friends": [0, 4], "neighbours": [0, 2, 8]}
    found: dict[str, Any] = {}
    for name, mean in means.items():
        graph = draw(graphs)
        cut = 0.0 if graph == COMPLETE else draw(st.sampled_from([0.0, 0.0, 0.3]))
        found[name] = {"mean": draw(st.sampled_from(mean)), "graph": graph, "cut": cut}
        if name != "neighbours":
            found[name]["local_share"] = draw(shares)
    return found


@st.composite
def channels(draw: st.DrawFn) -> dict[str, Any]:
    """Return all channels with drawn parameters, now and then without the street or without groups."""
    out = {}
    dropped = draw(st.sampled_from([(), (), (), ("street",), ("chat",), ("street", "chat", "tweets", "faces")]))
    for name, channel in CHANNELS.items():
        if name in dropped:
            continue
        attention = st.sampled_from([0.4, 0.8, 1.0, 0.0])
        change = {
            "look": draw(delays),
            "attention": {k: draw(attention) for k in ("ordinary", "alerted", "cut_off")},
            "while_out": draw(shares), "waits": draw(shares), "wakes": draw(shares), "screen": draw(st.booleans()),
            "dose": {k: draw(st.sampled_from([0.4, 1.5, 0.0])) for k in ("chatter", "news", "call", "stay")},
        }  # fmt: skip
        if channel["type"] in ("feed", "group"):
            change["reaction"] = draw(st.sampled_from([1.0, 0.5, 0.0]))
            change["live"] = draw(st.sampled_from([0.0, 1.0]))
        if channel["type"] == "group":
            change["direct"] = draw(shares)
        if channel["type"] == "neighbours":
            change["only_while_out"] = draw(st.booleans())
        if channel["type"] == "feed":
            change["recommended"] = draw(st.sampled_from([0.0, 3.0, 1000.0]))
            trend = {"posts_per_million": draw(st.sampled_from([1.0, 60_000.0])),
                     "minutes": draw(st.sampled_from([1, 10])), "readers": draw(st.sampled_from([0.0, 4.0]))}  # fmt: skip
            change["trending"] = draw(st.sampled_from([None, trend]))
        if name in POSTED:
            change["posts_per_user_day"] = draw(st.sampled_from([20.0, 50.0, 5.0, 0.0]))
        out[name] = merged(channel, change)
    return out


@st.composite
def entries(draw: st.DrawFn, names: list[str], minutes: int) -> dict[str, Any]:
    """Return a line of the timeline on a whole minute, often the same as another's."""
    moment = draw(st.sampled_from([0, 15, 30, 45]) | st.integers(0, minutes - 1))
    more: dict[str, Any] = {
        "audience": draw(st.sampled_from([1.0, 0.7, 0.2])), "minutes": draw(st.sampled_from([1, 10, 45])),
        "arousal": draw(st.sampled_from([0.0, 1.0, 5.0])), "authority": draw(st.sampled_from([0.0, 1.0, 3.0])),
        "stagger_minutes": draw(st.sampled_from([0, 0, 20])),
        "provinces": draw(st.sampled_from([None, None, ["Western"], ["Middle", "Eastern"]])),
    }  # fmt: skip
    if draw(st.booleans()):
        more |= {"repeat_minutes": draw(st.sampled_from([7.5, 15, 30])),
                 "repeat_until": moment + draw(st.sampled_from([1, 40, 400]))}  # fmt: skip
    if draw(st.integers(0, 4)) == 0:
        who = draw(st.sampled_from(["audience", "number", "people"]))
        if who != "audience":
            del more["audience"]
            chosen = {"number": draw(st.integers(0, 3))} if who == "number" else {"people": [0, 7, 29]}
            more |= {"provinces": None} | chosen
        return entry(moment, None, "gathering", **more)
    return entry(moment, draw(st.sampled_from(names)), draw(st.sampled_from(["news", "call", "stay"])), **more)


@st.composite
def windows(draw: st.DrawFn, names: list[str], minutes: int) -> dict[str, Any]:
    """Return a throttle window, perhaps before tick 0, behind the horizon or around the whole night."""
    start = draw(st.integers(-8, minutes // QUARTERS + 1)) * QUARTERS
    end = start + draw(st.integers(1, 10)) * QUARTERS
    mode, lag = draw(
        st.sampled_from([("drop", None), ("drop", None), ("delay", None), ("delay", 2.0), ("delay", 400.0)])
    )
    posted = [name for name in POSTED if name in names]
    on = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True) | st.just(posted))
    return window(on, start, end, draw(shares | st.just(0.5)), mode, lag)


@st.composite
def inspectors(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """Return an inspector who sees enough sooner or later, or at once, or never."""
    return {
        "watch": draw(st.sampled_from(["posts", "on_squares"])),
        "threshold_per_million": draw(st.sampled_from([1.0, 100_000.0, 500_000.0])),
        "every_minutes": draw(st.sampled_from([1, 10])),
        "start": draw(st.sampled_from([None, at(-300), at(20), at(900)])),
        "channels": draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)),
        "severity": draw(shares),
        "minutes": draw(st.sampled_from([1.5, 15, 30, 600])),
        "mode": draw(st.sampled_from(["drop", "delay"])),
    }


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Return a validated scenario."""
    said = draw(channels())
    names = list(said)
    minutes = draw(st.sampled_from([60, 120, 180]))
    size = draw(st.integers(30, 60))
    spans = st.tuples(st.sampled_from(names), st.integers(-2, 6), st.integers(7, 20))
    ties = draw(tie_sets())
    is_complete = ties["neighbours"]["graph"] == COMPLETE
    counted = ["share", "count"]
    if "street" in names and not is_complete:
        counted += ["contacts_share", "contacts_count", "contacts_per_guard"]
    counted_as = draw(st.sampled_from(counted))
    repeats = "street" in names and not is_complete and draw(st.booleans())
    if repeats:
        said["street"] |= {
            "repeats": True,
            "only_while_out": True,
            "attention": 1.0,
            "waits": 0.0,
            "look": exponential(4),
        }
    windows_open = draw(st.lists(windows(names, minutes), min_size=1, max_size=4) | st.just([]))
    inspector = draw(st.none() | inspectors(names))
    for intervention in (*windows_open, *([inspector] if inspector else [])):
        if repeats and "street" in intervention["channels"]:  # contacts cannot be held
            intervention |= {"mode": "drop"} | ({"lag_minutes": None} if "lag_minutes" in intervention else {})
    groups = {} if "chat" not in said else {
        "groups_per_user": draw(st.sampled_from([0, 1, 3])), "created_per_user": draw(shares),
        "local_share": draw(shares),
    }  # fmt: skip
    parts: dict[str, Any] = {
        "scenario": {
            "end": at(minutes + draw(st.sampled_from([0, 0, 0.5, 0.001]))),
            "warm_up_hours": draw(st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.0, 0.75])),
            "moment_seconds": draw(st.sampled_from([10.0, 10.0, 0.001, 1.0, 60.0])),
            "timeline": draw(st.lists(entries(names, minutes), min_size=1, max_size=6) | st.just([])),
            "outages": [outage(c, a * QUARTERS, b * QUARTERS) for c, a, b in draw(st.lists(spans, max_size=2))],
            "accounting": draw(st.sampled_from([None, accounting(0), accounting(17.3), accounting(-500)])),
        },
        "population": {
            "size": size,
            "sleep": None if draw(st.integers(0, 4)) == 0 else {
                "bed_hour": {"law": "normal", "mean": draw(st.sampled_from([-4.0, -1.0, 1.0])),
                             "sd": draw(st.sampled_from([0, 2]))},
                "length_hours": {"law": "constant", "value": draw(st.sampled_from([1, 3]))},
                "jitter_minutes": draw(st.sampled_from([0, 20])),
                "stay_up": {"probability": draw(shares), "extra": draw(delays)},
            },
            "travel": draw(delays),
            "propensity_sigma": draw(st.sampled_from([0.0, 1.2])),
        },
        "network": ties | {"groups": {"chat": groups}},
        "channels": said,
        "posting": {
            "branching_ratio": draw(st.sampled_from([0.5, 0.95, 0.0])),
            "while_home": draw(st.sampled_from([1.0, 1.0, 0.3])), "memory_kernel": draw(delays),
            "arousal_kernel": draw(delays), "cross_posting": draw(shares),
            "while_travelling": draw(shares), "while_on_square": draw(shares), "topical_share": draw(shares),
            "relay_call": draw(shares), "live_per_stay": draw(st.sampled_from([0.0, 1.0])), "live_delay": draw(delays),
            "victory": {"boost": draw(st.sampled_from([0.0, 3.0]))}, "tell_probability": draw(shares),
            "tell_delay": draw(delays), "create_group_probability": draw(shares), "create_group_delay": draw(delays),
        },
        "decision": {
            "rule": draw(st.sampled_from(["threshold", "hazard", "critical_mass", "critical_mass", "contagion"])),
            "able_share": draw(st.sampled_from([0.5, 1.0])), "threshold": draw(traits),
            "hazard_per_hour": draw(st.sampled_from([0.3, 10.0, 0.0])), "critical_mass": draw(traits),
            "critical_mass_of": counted_as,
            "guards": "guard" if counted_as == "contacts_per_guard" else None,
            "learning_rounds": draw(st.sampled_from([0, 0, 2])),
            "thresholds": draw(st.sampled_from(["drawn", "quantiles"])), "needs_news": draw(st.booleans()),
            "fading_minutes": draw(st.sampled_from([5.0, 90.0, None])),
            "social": 0.0 if is_complete or counted_as == "contacts_per_guard" else draw(st.sampled_from([0.0, 2.0])),
            "ignored_channels": draw(st.lists(st.sampled_from(names), max_size=2, unique=True)),
        },
        "attendance": {
            "nobody_leaves": draw(st.sampled_from([False, False, False, True])),
            "online_as_if_home": draw(st.sampled_from([False, False, False, True])),
            "prepare": draw(delays), "shortest_prepare_minutes": draw(st.sampled_from([0, 1])),
            "stay": draw(delays | st.none()), "rest": draw(st.none() | delays),
            "prolong": {"probability": draw(shares), "extra": draw(delays), "at_most": draw(st.integers(0, 3))},
            "sleep_after": {"probability": draw(shares), "length": draw(delays)}, "max_trips": draw(st.integers(1, 4)),
        },
        "throttle": {
            "windows": windows_open, "inspector": inspector,
            "circumvention": {"share_before": draw(shares), "hazard_per_hour": draw(st.sampled_from([0.0, 3.0]))},
            "retry": {"probability": draw(shares), "delay": draw(delays), "at_most": draw(st.sampled_from([0, 1, 5]))},
            "substitution": draw(shares), "push": draw(st.sampled_from([0.0, 1.0])),
            "hold_minutes": draw(st.sampled_from([0.0, 5.0])),
        },
    }  # fmt: skip
    return validate(merged(NIGHT, parts) | {"channels": said})
