"""Outcomes: one number each, with its unit; ratios carry numerator and denominator in simulated counts.

`posts_*` counts Twitter; the other channels have names of their own (`posts_published_facebook`). Windows are constants of
the scenario (`scenario.accounting`), so that every arm is measured by the same clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sim.engine.simulate import Record
from sim.engine.state import ATTEMPTED, BEYOND_CHANNELS, FAILED_COUNT, PUBLISHED_COUNT, SNAPSHOT
from sim.scenario import Night, Scenario
from sim.units import DAY, MINUTE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MIN_DENOMINATOR", "NEEDED_NULLS", "Outcome", "main_channel", "outcome_table", "outcomes"]

MAIN = "twitter"
MIN_DENOMINATOR = 30
"""A ratio whose denominator counts fewer (simulated) posts or people is missing."""

NEEDED_NULLS = {
    "posts_ratio_day_1": "ordinary", "posts_ratio_day_2": "ordinary", "surge_after_call_ordinary": "ordinary",
    "dip_depth_ordinary": "ordinary", "rebound_ratio_ordinary": "ordinary", "surge_from_call": "without_call",
    "dip_from_leaving": "keyboard", "rebound_from_return": "keyboard", "dip_from_leaving_total": "stay_home",
}  # fmt: skip
"""The null night that an outcome needs."""


@dataclass(frozen=True)
class Outcome:
    """One number of a run."""

    name: str
    value: float
    unit: str
    numerator: float = np.nan
    denominator: float = np.nan
    reason: str = ""
    """Why the value is missing."""


def main_channel(scenario: Scenario) -> str | None:
    """Return the channel whose posts are told first: Twitter, else the first on which people post; None where nobody does."""
    posted = [name for name, channel in scenario.channels.items() if channel.posts_per_user_day > 0]
    return MAIN if MAIN in posted else next(iter(posted), None)


class _Counter:
    """Counts of one run within windows of wall time."""

    def __init__(self, scenario: Scenario, record: Record) -> None:
        self.scenario, self.record = scenario, record
        self.places = {name: place for place, name in enumerate(scenario.channels)}
        self.minutes, self.edges = _edges(scenario)
        # Posts are counted once up to every moment at which a window begins or ends: one pass instead of dozens.
        flat = record.counts.reshape(
            len(record.counts), -1
        )  # whole rows: twice as quick as the columns that are wanted
        between = [flat[a:b].sum(axis=0, dtype=np.int64) for a, b in pairwise(self.edges)]
        self.n_counts = record.counts.shape[2]
        self.until = dict(zip(self.edges, np.cumsum([np.zeros_like(between[0]), *between], axis=0), strict=True))

    def minute(self, moment: datetime) -> int:
        return self.minutes[moment, moment.fold]

    def posts(
        self, window: tuple[datetime, datetime] | None = None, channel: str = MAIN, what: int = PUBLISHED_COUNT
    ) -> int:
        first, last = (0, self.edges[-1]) if window is None else (self.minute(window[0]), self.minute(window[1]))
        place = self.places[channel] * self.n_counts + what
        return int(self.until[last][place] - self.until[first][place]) if first < last else 0

    def people(self, series: np.ndarray, window: tuple[datetime, datetime]) -> int:
        return int(series[self.minute(window[0]) : self.minute(window[1])].sum())


_Edges = tuple[dict[tuple[datetime, int], int], list[int]]
_last: list[tuple[Night, _Edges]] = []
"""The night that was measured last, and its edges: thousands of design points share one."""


def _edges(scenario: Scenario) -> _Edges:
    """Return the minute of every moment (and its fold, which equality ignores) at which a window begins or ends; all edges."""
    found = _last[0] if _last else None
    if found is None or found[0] is not scenario.scenario:
        clock = scenario.clock

        def minute(moment: datetime) -> int:
            return min(max(-(-(clock.tick(moment) - clock.warm_up) // MINUTE), 0), clock.n_minutes)

        minutes = {(moment, moment.fold): minute(moment) for moment in _moments(scenario)}
        found = scenario.scenario, (minutes, sorted({*minutes.values(), 0, clock.n_minutes}))
        _last[:] = [found]
    return found[1]


def _moments(scenario: Scenario) -> list[datetime]:
    """Return the moments at which windows begin and end."""
    clock, night = scenario.clock, scenario.scenario
    a = night.accounting
    found = [m for day in range(-(-(clock.horizon - clock.warm_up) // DAY)) for m in _day(scenario, day)]
    found += [night.start, night.end]
    if a is None:
        return found
    length = timedelta(minutes=a.call_minutes)
    windows = (a.throttle_window, a.dip_before, a.dip, a.leaving, a.rebound, a.returning)
    moments = (a.first_news, a.heard_by, a.participation_end, a.call - length, a.call, a.call + length)
    return [*found, *moments, *(m for w in windows for m in w)]


def _ratio(name: str, numerator: float, denominator: float) -> Outcome:
    if denominator < MIN_DENOMINATOR:
        reason = f"its denominator counts {denominator:g}, fewer than {MIN_DENOMINATOR}"
        return Outcome(name, np.nan, "1", numerator, denominator, reason)
    return Outcome(name, numerator / denominator, "1", numerator, denominator)


def _hours(window: tuple[datetime, datetime]) -> float:
    return (window[1] - window[0]).total_seconds() / 3600


def outcomes(scenario: Scenario, record: Record, nulls: Mapping[str, Record] | None = None) -> list[Outcome]:
    """Return all outcomes of a run; those that need a null night that is not given are missing with the reason.

    Parameters
    ----------
    scenario
        What was run.
    record
        What came of it.
    nulls
        Records of null nights on the same dice, by name.
    """
    nulls = nulls or {}
    counter = _Counter(scenario, record)
    found = _of_posts(counter)
    if scenario.scenario.accounting is not None:
        found += _of_the_night(counter)
        found += _against_nulls(counter, nulls)
    return found + _of_people(scenario, record)


def _of_posts(counter: _Counter) -> list[Outcome]:
    scenario = counter.scenario
    weight, clock = scenario.population.real_per_person, scenario.clock
    found = []
    for channel, c in scenario.channels.items():
        if c.posts_per_user_day <= 0:
            continue
        suffix = "" if channel == MAIN else f"_{channel}"
        for name, what in (("published", PUBLISHED_COUNT), ("attempted", ATTEMPTED), ("failed", FAILED_COUNT)):
            found.append(Outcome(f"posts_{name}{suffix}", weight * counter.posts(None, channel, what), "posts"))
        if scenario.scenario.accounting is not None:
            window = scenario.scenario.accounting.throttle_window
            after = (window[1], scenario.scenario.end)
            found.append(Outcome(f"posts_throttle_window{suffix}", weight * counter.posts(window, channel), "posts"))
            found.append(Outcome(f"posts_after_window{suffix}", weight * counter.posts(after, channel), "posts"))
        for day in range(-(-(clock.horizon - clock.warm_up) // DAY)):
            window = _day(scenario, day)
            found.append(Outcome(f"posts_day_{day + 1}{suffix}", weight * counter.posts(window, channel), "posts"))
        if channel == MAIN:
            days = [_day(scenario, day) for day in range((clock.horizon - clock.warm_up) // DAY)]  # whole ones
            found += [
                _ratio(f"posts_to_day_before_{day}", counter.posts(its, channel), counter.posts(before, channel))
                for day, (before, its) in enumerate(pairwise(days), start=2)
            ]
    return found


def _day(scenario: Scenario, day: int) -> tuple[datetime, datetime]:
    clock = scenario.clock
    return clock.moment(clock.warm_up + day * DAY), clock.moment(min(clock.warm_up + (day + 1) * DAY, clock.horizon))


def _shape(counter: _Counter, suffix: str) -> list[Outcome]:
    """Return surge, dip and rebound of one night's posts."""
    a = counter.scenario.scenario.accounting
    assert a is not None
    length = timedelta(minutes=a.call_minutes)
    dip, before = counter.posts(a.dip), counter.posts(a.dip_before)
    per_hour = _hours(a.dip_before) / _hours(a.dip)
    up = _hours(a.dip) / _hours(a.rebound)
    return [
        _ratio(
            f"surge_after_call{suffix}",
            counter.posts((a.call, a.call + length)),
            counter.posts((a.call - length, a.call)),
        ),
        _ratio(f"dip_depth{suffix}", before - dip * per_hour, before),
        _ratio(f"rebound_ratio{suffix}", counter.posts(a.rebound) * up, dip),
    ]


def _of_the_night(counter: _Counter) -> list[Outcome]:
    scenario, record = counter.scenario, counter.record
    a = scenario.scenario.accounting
    assert a is not None
    found = _shape(counter, "") if MAIN in scenario.channels else []
    before = counter.people(record.departures, (a.first_news, a.call))
    until = counter.people(record.departures, (scenario.scenario.start, a.participation_end))
    found.append(_ratio("share_left_before_call", before, until))
    heard = counter.people(record.heard_awake, (scenario.scenario.start, a.heard_by))
    found.append(_ratio("heard_share_3h", heard, record.scalars["awake_at_news"]))
    first, last = counter.minute(a.first_news), counter.minute(a.participation_end)
    crowd = record.snapshots[first:last, SNAPSHOT.index("on_squares")]
    peak = int(crowd.max(initial=0))
    weight = scenario.population.real_per_person
    found.append(Outcome("peak_on_squares", weight * peak, "people"))
    reason = "" if peak > 0 else "nobody was on a square"
    half = float(np.argmax(crowd >= peak / 2)) if peak > 0 else np.nan
    found.append(Outcome("peak_time", float(np.argmax(crowd)) if peak > 0 else np.nan, "min", reason=reason))
    found.append(Outcome("time_to_half_peak", half, "min", reason=reason))
    return found


def _of_people(scenario: Scenario, record: Record) -> list[Outcome]:
    weight = scenario.population.real_per_person
    hours = float(record.snapshots[:, SNAPSHOT.index("on_squares")].sum()) / 60
    found = [
        Outcome("participants", weight * record.scalars["participants"], "people"),
        # No ratio of two counts that vary: also a share of ten people is told.
        Outcome("participation", record.scalars["participants"] / record.scalars["people"], "share"),
        Outcome("person_hours_on_squares", weight * hours, "person-hours"),
        Outcome(
            "circumventing_at_end", weight * float(record.snapshots[-1, SNAPSHOT.index("circumventing")]), "people"
        ),
    ]
    heard = record.heard_on[-1]
    n_heard = float(heard.sum())
    for index, channel in enumerate(scenario.channels):
        found.append(_share(f"first_heard_{channel}", float(heard[index]), n_heard))
    decided = record.decided.sum(axis=0)
    for index, cause in enumerate((*scenario.channels, *BEYOND_CHANNELS)):
        found.append(_share(f"tipped_by_{cause}", float(decided[index]), float(decided.sum())))
    return found


def _share(name: str, part: float, whole: float) -> Outcome:
    outcome = _ratio(name, part, whole)
    return Outcome(name, outcome.value, "share", part, whole, outcome.reason)


def _against_nulls(counter: _Counter, nulls: Mapping[str, Record]) -> list[Outcome]:
    scenario = counter.scenario
    a = scenario.scenario.accounting
    assert a is not None
    if MAIN not in scenario.channels:
        return []
    other = {name: _Counter(scenario, null) for name, null in nulls.items()}
    found: list[Outcome] = []

    def versus(name: str, window: tuple[datetime, datetime], sign: int | None) -> None:
        """Ratio to the null night (sign None), or share gained (+1) or lost (-1) against it."""
        null = NEEDED_NULLS[name]
        if null not in other:
            found.append(Outcome(name, np.nan, "1", reason=f"the null night {null} was not run (study.nulls)"))
            return
        ours, theirs = counter.posts(window), other[null].posts(window)
        found.append(_ratio(name, ours if sign is None else sign * (ours - theirs), theirs))

    versus("posts_ratio_day_1", _day(scenario, 0), None)
    versus("posts_ratio_day_2", _day(scenario, 1), None)
    versus("surge_from_call", (a.call, a.call + timedelta(minutes=a.call_minutes)), None)
    versus("dip_from_leaving", a.leaving, -1)
    versus("dip_from_leaving_total", a.leaving, -1)
    versus("rebound_from_return", a.returning, 1)
    if "ordinary" in other:
        found += _shape(other["ordinary"], "_ordinary")
    else:
        for name in ("surge_after_call_ordinary", "dip_depth_ordinary", "rebound_ratio_ordinary"):
            found.append(Outcome(name, np.nan, "1", reason="the null night ordinary was not run (study.nulls)"))
    return found


def outcome_table(found: list[Outcome]) -> pd.DataFrame:
    """Return columns outcome, value, unit, numerator, denominator, reason."""
    import pandas as pd

    columns = ["name", "value", "unit", "numerator", "denominator", "reason"]
    table = pd.DataFrame([[getattr(o, c) for c in columns] for o in found], columns=columns)
    return table.rename(columns={"name": "outcome"})
