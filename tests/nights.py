"""Small nights for the tests of the engines: few people in three provinces, a few hours, every type of channel.

`night(...)` merges nested changes into one plain tree and validates it; nothing is read from `conf/`, so that the tests of the
engines do not move when a parameter is fitted anew. Moments are given in minutes from the start of the report.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sim.population import People
from sim.scenario import Scenario, validate

START = datetime(2016, 7, 15, 22)
PROVINCES = Path(__file__).parent / "data" / "three_provinces.csv"

Tree = dict[str, Any]


def traits_of(people: People) -> dict[str, np.ndarray]:
    """Return the arrays of people that every world has, hours of sleep among them, by name."""
    bed, sleep = people.sleep_habits(0, people.n)
    kept = {name: getattr(people, name) for name in ("province", "receivers", "propensity", "travel")}
    return kept | {"bed": bed, "sleep": sleep}


def at(minutes: float) -> datetime:
    """Return the wall time so many minutes after the start of the report."""
    return START + timedelta(minutes=minutes)


def constant(minutes: float) -> Tree:
    """Return the law of a delay that is always the same; 0 means the next tick."""
    return {"law": "constant", "minutes": minutes}


def exponential(minutes: float) -> Tree:
    """Return the law of a memoryless delay."""
    return {"law": "exponential", "mean_minutes": minutes}


def lognormal(minutes: float, sigma: float) -> Tree:
    """Return the law of a log-normal delay."""
    return {"law": "lognormal", "median_minutes": minutes, "sigma": sigma}


def window(
    channels: list[str], start: float, end: float, severity: float, mode: str = "drop", lag: float | None = None
) -> Tree:
    """Return a throttle on channels during [start, end), in minutes."""
    return {"channels": channels, "start": at(start), "end": at(end), "severity": severity, "mode": mode,
            "lag_minutes": lag}  # fmt: skip


def outage(channel: str, start: float, end: float) -> Tree:
    """Return an outage during [start, end), in minutes."""
    return {"channel": channel, "start": at(start), "end": at(end)}


def entry(moment: float, channel: str | None, kind: str, **more: Any) -> Tree:
    """Return a line of the timeline; `moment` and `repeat_until` in minutes."""
    if "repeat_until" in more:
        more["repeat_until"] = at(more["repeat_until"])
    return {"time": at(moment), "what": f"{kind} on {channel}", "channel": channel, "kind": kind} | more


def accounting(first_news: float) -> Tree:
    """Return windows of the outcomes; only `first_news` matters to the engines."""
    return {
        "first_news": at(first_news), "call": at(60), "call_tag": "facetime", "throttle_window": [at(30), at(60)],
        "heard_by": at(90), "participation_end": at(120), "dip_before": [at(30), at(60)], "dip": [at(60), at(90)],
        "leaving": [at(60), at(90)], "rebound": [at(90), at(120)], "returning": [at(90), at(120)],
    }  # fmt: skip


def _channel(kind: str, receiver: str, look: Tree, attention: tuple[float, float, float], **more: Any) -> Tree:
    names = ("ordinary", "alerted", "cut_off")
    return {"type": kind, "label": receiver, "receiver": receiver, "look": look,
            "attention": dict(zip(names, attention, strict=True))} | more  # fmt: skip


CHANNELS: Tree = {
    "tv": _channel("broadcast", "tv", exponential(4), (0.3, 0.7, 0.9), screen=True,
                   dose={"news": 1.0, "call": 1.5, "stay": 0.2}),
    "facetime": _channel("broadcast", "tv", exponential(2), (0.3, 0.7, 0.9), screen=True, dose={"call": 2.0}),
    "tweets": _channel("feed", "net", lognormal(5, 1.2), (0.4, 0.6, 0.7), ties="followers", while_out=0.3,
                       posts_per_user_day=24.0, reaction=1.0, live=0.5, dose={"news": 0.3, "call": 0.5, "stay": 0.1},
                       trending={"posts_per_million": 50_000, "minutes": 10, "readers": 4.0}),
    "faces": _channel("feed", "net", exponential(6), (0.3, 0.5, 0.5), ties="friends", while_out=0.2,
                      posts_per_user_day=8.0, reaction=0.8, live=0.8, dose={"news": 0.3, "call": 0.3}),
    "tube": _channel("feed", "net", lognormal(9, 1.0), (0.3, 0.5, 0.5), ties="none", posts_per_user_day=2.0,
                     reaction=0.2, recommended=3.0, dose={"news": 0.2, "call": 0.2}),
    "chat": _channel("group", "phone", lognormal(3, 1.2), (0.4, 0.7, 0.7), ties="groups", while_out=0.6, waits=True,
                     posts_per_user_day=24.0, reaction=1.0, dose={"news": 0.4, "call": 0.5}),
    "minarets": _channel("broadcast", "near", exponential(3), (0.6, 0.8, 0.8), while_out=1.0, wakes=0.3,
                         dose={"call": 1.0}),
    "texts": _channel("broadcast", "phone", lognormal(4, 0.8), (0.9, 0.9, 0.9), while_out=0.9, waits=True,
                      dose={"call": 1.0, "stay": 0.2}),
    "street": _channel("neighbours", "street", exponential(3), (0.5, 0.5, 0.7), ties="neighbours", wakes=0.1,
                       dose={"news": 0.5, "call": 0.8}),
}  # fmt: skip
"""Every type of channel: broadcasts (one that wakes, one that waits), feeds with and without ties, a group, the street."""

TIMELINE: list[Tree] = [
    entry(10, None, "gathering", audience=0.05, provinces=["Western"]),
    entry(15, "tv", "news", audience=0.8, minutes=30, arousal=1.0),
    entry(30, "tweets", "news", audience=0.3, arousal=0.5),
    entry(60, "facetime", "call", audience=0.8, minutes=10, arousal=2.0, tag="facetime"),
    entry(70, "facetime", "call", audience=0.5, minutes=10, arousal=1.0, tag="facetime", repeat_minutes=15,
          repeat_until=110),
    entry(75, "minarets", "call", audience=0.7, stagger_minutes=20, repeat_minutes=30, repeat_until=150),
    entry(100, "tv", "stay", audience=0.6, minutes=20, authority=0.5),
    entry(120, "texts", "stay", audience=0.9),
]  # fmt: skip

NIGHT: Tree = {
    "scenario": {
        "name": "small", "start": START, "end": at(180), "zone": "Europe/Istanbul", "warm_up_hours": 1.0,
        "timeline": TIMELINE, "outages": [], "accounting": None,
    },
    "population": {
        "size": 40, "weight": None, "provinces": PROVINCES,
        "receivers": {
            "tv": {"share": 0.9}, "phone": {"share": 0.9}, "net": {"share": 0.7, "within": "phone"},
            "near": {"share": 0.8}, "street": {"share": 1.0}, "guard": {"share": 0.1},
        },
        "sleep": {
            "bed_hour": {"law": "normal", "mean": -0.5, "sd": 2.0}, "length_hours": {"law": "normal", "mean": 2.0, "sd": 1.0},
            "jitter_minutes": 15, "stay_up": {"probability": 0.4, "extra": lognormal(20, 0.6)},
        },
        "travel": lognormal(8, 0.5), "propensity_sigma": 1.0, "file": None,
    },
    "network": {
        "followers": {"mean": 6, "sigma": 1.0, "fame_sigma": 1.2, "fame_of_propensity": 0.5, "local_share": 0.3},
        "friends": {"mean": 5, "sigma": 0.8, "local_share": 0.6},
        "groups": {"chat": {"groups_per_user": 2, "mean_size": 5, "sigma": 0.5, "largest": 20, "local_share": 0.7,
                            "created_per_user": 0.4}},
        "neighbours": {"mean": 6},
    },
    "channels": CHANNELS,
    "posting": {
        "daily_cycle": [0.8] * 12 + [1.0] * 12, "branching_ratio": 0.5,
        "memory_kernel": {"law": "two_exponentials", "fast_share": 0.7, "fast_minutes": 3, "slow_minutes": 30},
        "arousal_kernel": exponential(10), "cross_posting": 0.2, "while_travelling": 0.3, "while_on_square": 0.3,
        "topical_share": 0.7, "relay_call": 0.5, "post_authority": 1.0, "live_per_stay": 0.8, "live_delay": exponential(10),
        "victory": {"boost": 2.0, "decay_minutes": 60.0}, "tell_probability": 0.5, "tell_delay": exponential(4),
        "create_group_probability": 0.7, "create_group_delay": exponential(10), "propensity_cap": 20.0,
    },
    "decision": {
        "rule": "threshold", "able_share": 0.8, "threshold": {"law": "lognormal", "median": 2.0, "sigma": 0.6},
        "hazard_per_hour": 0.4, "critical_mass": {"law": "normal", "mean": 0.08, "sd": 0.06}, "critical_mass_of": "share",
        "needs_news": True, "fading_minutes": 60.0, "repeat_discount": 0.5, "social": 1.0, "screen": 0.5,
        "screen_half": 0.05, "ignored_channels": [],
    },
    "attendance": {
        "nobody_leaves": False, "online_as_if_home": False, "prepare": lognormal(4, 0.5), "shortest_prepare_minutes": 1,
        "stay": lognormal(20, 0.6),
        "prolong": {"probability": 0.6, "extra": lognormal(10, 0.4), "at_most": 2},
        "sleep_after": {"probability": 0.7, "length": lognormal(30, 0.3)}, "max_trips": 2,
    },
    "throttle": {
        "windows": [], "inspector": None, "circumvention": {"share_before": 0.1, "hazard_per_hour": 1.0},
        "retry": {"probability": 0.7, "delay": lognormal(8, 0.8), "at_most": 3}, "substitution": 0.5, "push": 0.0,
        "hold_minutes": 3.0,
    },
}  # fmt: skip
"""Three hours after an hour of warm-up; a plain tree that validates."""


def merged(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> Tree:
    """Return a copy of a tree with changes merged in; a law or a list is replaced as a whole."""
    out = copy.copy(dict(tree))
    for key, value in changes.items():
        old = out.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        out[key] = merged(old, value) if both and "law" not in value else value
    return out


def night(**changes: Any) -> Scenario:
    """Return the small night with nested changes, validated."""
    return validate(merged(NIGHT, changes))
