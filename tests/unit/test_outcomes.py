"""Outcomes and curves of a record made by hand, against values worked out by hand.

The night is the one of 15 July; the minutes of the record are numbered from 15 July 00:00, so that 22:50 is minute 1370, the
call at 00:24 minute 1464, and the end minute 2880. One simulated person stands for ten real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sim
from sim.engine.order import KIND_NAMES, RESULT_NAMES
from sim.engine.simulate import Record
from sim.engine.state import COUNTS, SNAPSHOT
from sim.measures.curves import curve_table, squares_table
from sim.measures.outcomes import MIN_DENOMINATOR, NEEDED_NULLS, Outcome, main_channel, outcome_table, outcomes
from sim.scenario import Scenario
from sim.units import HOUR, MINUTE

NIGHT = sim.load("population.size=null", "population.weight=10")
CHANNELS = list(NIGHT.channels)
POSTING = [name for name, channel in NIGHT.channels.items() if channel.posts_per_user_day > 0]
TWITTER, FACEBOOK = CHANNELS.index("twitter"), CHANNELS.index("facebook")
ATTEMPTED, PUBLISHED, FAILED, NEWS_SEEN, CALLS_SEEN = (
    COUNTS.index(n) for n in ("attempted", "published", "failed", "impressions_news", "impressions_call")
)
ON_SQUARES, CIRCUMVENTING = SNAPSHOT.index("on_squares"), SNAPSHOT.index("circumventing")
N_MINUTES = 2880
WEIGHT = 10.0


def minute(day: int, clock: str) -> int:
    """Return the minute of a time of 15 (day 1) or 16 July (day 2)."""
    hours, minutes = map(int, clock.split(":"))
    return (day - 1) * 1440 + 60 * hours + minutes


def empty() -> Record:
    """Return a record of a night in which nothing happens."""
    n = len(CHANNELS)
    return Record(
        counts=np.zeros((N_MINUTES, n, len(COUNTS)), np.int32), snapshots=np.zeros((N_MINUTES, len(SNAPSHOT)), np.int32),
        heard_on=np.zeros((N_MINUTES, n), np.int32), squares=np.zeros((N_MINUTES // 10, 81), np.int32),
        departures=np.zeros(N_MINUTES, np.int32), heard_awake=np.zeros(N_MINUTES, np.int32),
        decided=np.zeros((N_MINUTES, n + 3), np.int32), totals=np.zeros((n, 6), np.int64),
        scalars={"people": 1000.0, "awake_at_news": 0.0, "participants": 0.0, "events": 0.0},
    )  # fmt: skip


def with_posts(per_minute: list[tuple[int, int, int]], channel: int = TWITTER, what: int = PUBLISHED) -> Record:
    """Return a record with a number of posts in each minute of [first, last), as (first, last, number)."""
    record = empty()
    for first, last, number in per_minute:
        record.counts[first:last, channel, what] = number
    return record


def values(record: Record, nulls: dict[str, Record] | None = None, night: Scenario = NIGHT) -> dict[str, Outcome]:
    """Return the outcomes of a record by name, each once."""
    found = outcomes(night, record, nulls)
    names = [o.name for o in found]
    assert len(names) == len(set(names))
    return {o.name: o for o in found}


# The night of the tests, posts published on Twitter per minute:
#   00:00 of the 15th to 00:09 of the 16th   1   1449 minutes
#   00:09-00:24                              4     15          60 posts
#   00:24-00:39                             10     15         150
#   00:39-01:30                              6     51         306
#   01:30-12:30                              1    660
#   12:30-13:30                              3     60         180
#   13:30-24:00                              1    630
POSTS = [
    (0, 1449, 1),
    (1449, 1464, 4),
    (1464, 1479, 10),
    (1479, 1530, 6),
    (1530, 2190, 1),
    (2190, 2250, 3),
    (2250, 2880, 1),
]
RECORD = with_posts(POSTS)

# The same windows in the null nights.
ORDINARY = with_posts(
    [(0, 1440, 2), (1440, 1449, 2), (1449, 1464, 4), (1464, 1479, 5), (1479, 1680, 2), (1680, 1800, 1), (1800, 2880, 4)]
)
KEYBOARD = with_posts([(1560, 1740, 2), (2160, 2520, 1)])
STAY_HOME = with_posts([(1560, 1740, 1), (1560, 1605, 2)])
WITHOUT_CALL = with_posts([(1464, 1474, 5)])
NULLS = {"ordinary": ORDINARY, "keyboard": KEYBOARD, "stay_home": STAY_HOME, "without_call": WITHOUT_CALL}


def test_the_minutes_of_the_table_above() -> None:
    marks = {"22:50": 1370, "00:09": 1449, "00:24": 1464, "00:39": 1479, "01:00": 1500, "01:30": 1530, "04:00": 1680,
             "06:00": 1800, "12:30": 2190, "13:30": 2250}  # fmt: skip
    for clock, number in marks.items():
        assert minute(1 if clock > "20:00" else 2, clock) == number
    assert NIGHT.clock.n_minutes == N_MINUTES
    assert NIGHT.population.real_per_person == WEIGHT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("posts_published", 1449 + 60 + 150 + 306 + 660 + 180 + 630),
        # 22:50-24:00 70, 00:00-00:09 9, 60, 150, 00:39-01:00 21 x 6
        ("posts_throttle_window", 70 + 9 + 60 + 150 + 126),
        # 01:00-01:30 30 x 6, 660, 180, 630
        ("posts_after_window", 180 + 660 + 180 + 630),
        ("posts_day_1", 1440),
        ("posts_day_2", 9 + 60 + 150 + 306 + 660 + 180 + 630),
        ("posts_attempted", 0),
        ("posts_failed", 0),
    ],
)
def test_counts_of_posts_are_scaled_by_the_weight(name: str, expected: int) -> None:
    found = values(RECORD)[name]
    assert found.value == WEIGHT * expected
    assert found.unit == "posts"
    assert found.reason == ""


def test_before_the_window_after_it_and_within_make_the_whole() -> None:
    found = values(RECORD)
    before = WEIGHT * RECORD.counts[: minute(1, "22:50"), TWITTER, PUBLISHED].sum()
    parts = before + found["posts_throttle_window"].value + found["posts_after_window"].value
    assert parts == found["posts_published"].value == found["posts_day_1"].value + found["posts_day_2"].value


@pytest.mark.parametrize(
    ("name", "numerator", "denominator"),
    [
        ("surge_after_call", 150, 60),
        ("surge_after_call_ordinary", 75, 60),
        ("surge_from_call", 150, 50),
        # per clock hour: 120 posts in two hours are 60 an hour; 00:30-01:30 holds 9 x 10 + 51 x 6 = 396 posts
        ("dip_depth", 396 - 60, 396),
        # 00:30-00:39 9 x 5, 00:39-01:30 51 x 2, together 147; 120 posts in two hours
        ("dip_depth_ordinary", 147 - 60, 147),
        # 180 posts in one hour against 120 in two
        ("rebound_ratio", 360, 120),
        ("rebound_ratio_ordinary", 480, 120),
        ("dip_from_leaving", 360 - 180, 360),
        ("dip_from_leaving_total", 225 - 180, 225),
        # 12:00-18:00: 300 minutes with one post and 60 with three, against 360
        ("rebound_from_return", 480 - 360, 360),
        ("posts_ratio_day_1", 1440, 2880),
        # ordinary: 9 x 2 + 60 + 75 + 201 x 2 + 120 + 1080 x 4
        ("posts_ratio_day_2", 1995, 18 + 60 + 75 + 402 + 120 + 4320),
    ],
)
def test_ratios_carry_numerator_and_denominator(name: str, numerator: float, denominator: float) -> None:
    found = values(RECORD, NULLS)[name]
    assert found.value == pytest.approx(numerator / denominator, rel=1e-12)
    assert found.numerator == pytest.approx(numerator, rel=1e-12)
    # The denominator is a count of simulated posts: the weight does not enter.
    assert found.denominator == denominator
    assert found.unit == "1"
    assert found.reason == ""


def test_losses_and_gains_have_a_sign() -> None:
    more = {**NULLS, "keyboard": with_posts([(1560, 1740, 1), (1560, 1600, 0), (2160, 2520, 2)])}
    found = values(RECORD, more)
    assert found["dip_from_leaving"].value == pytest.approx((140 - 180) / 140)
    assert found["rebound_from_return"].value == pytest.approx((480 - 720) / 720)
    deeper = with_posts([*POSTS, (1680, 1800, 12)])
    assert values(deeper)["dip_depth"].value == pytest.approx(1 - 720 / 396)


@pytest.mark.parametrize("name", sorted(NEEDED_NULLS))
def test_without_its_null_night_an_outcome_is_missing_with_the_reason(name: str) -> None:
    rest = {null: record for null, record in NULLS.items() if null != NEEDED_NULLS[name]}
    for nulls in (None, {}, rest):
        found = values(RECORD, nulls)[name]
        assert np.isnan(found.value)
        assert NEEDED_NULLS[name] in found.reason
        assert "study.nulls" in found.reason
    assert np.isfinite(values(RECORD, NULLS)[name].value)


def test_all_outcomes_of_null_nights_are_known() -> None:
    with_them, without = values(RECORD, NULLS), values(RECORD)
    assert with_them.keys() == without.keys()
    missing = {name for name, o in without.items() if "null night" in o.reason}
    assert missing == set(NEEDED_NULLS)


DENOMINATORS: dict[str, tuple[Callable[[int], Record], str]] = {
    "surge_after_call": (lambda n: with_posts([(1449, 1450, n)]), ""),
    "dip_depth": (lambda n: with_posts([(1470, 1471, n)]), ""),
    "rebound_ratio": (lambda n: with_posts([(1680, 1681, n)]), ""),
    "posts_ratio_day_1": (lambda n: with_posts([(0, 1, n)]), "ordinary"),
    "posts_ratio_day_2": (lambda n: with_posts([(1440, 1441, n)]), "ordinary"),
    "surge_from_call": (lambda n: with_posts([(1464, 1465, n)]), "without_call"),
    "dip_from_leaving": (lambda n: with_posts([(1560, 1561, n)]), "keyboard"),
    "dip_from_leaving_total": (lambda n: with_posts([(1560, 1561, n)]), "stay_home"),
    "rebound_from_return": (lambda n: with_posts([(2160, 2161, n)]), "keyboard"),
}


@pytest.mark.parametrize("name", sorted(DENOMINATORS))
def test_a_denominator_below_thirty_posts_is_missing_with_the_reason(name: str) -> None:
    make, null = DENOMINATORS[name]
    assert MIN_DENOMINATOR == 30
    for number in (0, 29, 30):
        night, nulls = (RECORD, {null: make(number)}) if null else (make(number), {})
        found = values(night, nulls)[name]
        assert found.denominator == number
        if number < 30:
            assert np.isnan(found.value)
            assert f"{number}, fewer than 30" in found.reason
            assert np.isfinite(found.numerator)
        else:
            assert np.isfinite(found.value)
            assert found.reason == ""


@pytest.mark.parametrize("channel", POSTING)
def test_every_channel_has_its_posts_under_its_own_name(channel: str) -> None:
    record = empty()
    index = CHANNELS.index(channel)
    record.counts[1369:1372, index, PUBLISHED] = (1, 2, 4)
    record.counts[1439:1441, index, ATTEMPTED] = (8, 16)
    record.counts[0, index, FAILED] = 32
    found = values(record)
    suffix = "" if channel == "twitter" else f"_{channel}"
    expected = {
        "published": 7,
        "attempted": 24,
        "failed": 32,
        "throttle_window": 6,
        "after_window": 0,
        "day_1": 7,
        "day_2": 0,
    }
    for measure, number in expected.items():
        assert found[f"posts_{measure}{suffix}"].value == WEIGHT * number, measure
    others = [o for o in found.values() if o.unit == "posts" and o.name not in {f"posts_{m}{suffix}" for m in expected}]
    assert others
    assert all(o.value == 0 for o in others)


def test_windows_hold_their_first_minute_and_not_their_last() -> None:
    for first, last, name in ((1370, 1500, "posts_throttle_window"), (1500, 2880, "posts_after_window"),
                              (0, 1440, "posts_day_1"), (1440, 2880, "posts_day_2")):  # fmt: skip
        for at, is_in in ((first - 1, False), (first, True), (last - 1, True), (last, False)):
            if 0 <= at < N_MINUTES:
                assert (values(with_posts([(at, at + 1, 1)]))[name].value > 0) == is_in, (name, at)


# -- people


def test_people_who_left_before_the_call() -> None:
    record = empty()
    record.departures[0] = (
        3  # those of the warm-up stand here; they left before noon of the 16th, and not after the news
    )
    record.departures[minute(1, "21:59")] = 2
    record.departures[minute(1, "22:00")] = 10
    record.departures[minute(2, "00:23")] = 11
    record.departures[minute(2, "00:24")] = 40
    record.departures[minute(2, "11:59")] = 5
    record.departures[minute(2, "12:00")] = 100
    record.scalars["participants"] = 171.0
    found = values(record)
    assert found["share_left_before_call"].numerator == 21
    assert found["share_left_before_call"].denominator == 71
    assert found["share_left_before_call"].value == pytest.approx(21 / 71)
    assert found["participants"].value == 1710
    assert found["participants"].unit == "people"
    share = found["participation"]
    assert (share.value, share.unit) == (0.171, "share")
    few = replace(record, scalars=record.scalars | {"people": 10.0, "participants": 3.0})
    assert values(few)["participation"].value == 0.3
    curve = curve_table(NIGHT, record, ("participated",)).set_index("time")["value"]
    assert curve.iloc[0] == 30
    assert curve["2016-07-16 00:23"] == 260
    assert curve["2016-07-16 00:24"] == 660
    assert curve.iloc[-1] == found["participants"].value
    assert curve.is_monotonic_increasing


def test_people_who_heard_within_three_hours() -> None:
    record = empty()
    record.scalars["awake_at_news"] = 400.0
    record.heard_awake[minute(1, "22:00")] = 60
    record.heard_awake[minute(2, "00:59")] = 40
    record.heard_awake[minute(2, "01:00")] = 300
    found = values(record)["heard_share_3h"]
    assert (found.value, found.numerator, found.denominator) == (0.25, 100, 400)
    few = replace(record, scalars=record.scalars | {"awake_at_news": 29.0})
    assert np.isnan(values(few)["heard_share_3h"].value)


def test_the_crowd_and_its_times() -> None:
    record = empty()
    crowd = record.snapshots[:, ON_SQUARES]
    crowd[minute(1, "21:59")] = 900  # before the first news: not of this night
    crowd[minute(1, "22:00") : minute(2, "00:30")] = 10
    crowd[minute(2, "00:30") : minute(2, "01:10")] = 99
    crowd[minute(2, "01:10") : minute(2, "02:00")] = 100
    crowd[minute(2, "02:00") : minute(2, "03:00")] = 200
    crowd[minute(2, "12:00")] = 800  # after noon: of the next day's watch
    found = values(record)
    assert found["peak_on_squares"].value == 2000
    assert found["peak_time"].value == 240  # 22:00 to 02:00
    assert found["time_to_half_peak"].value == 190  # 22:00 to 01:10
    assert (found["peak_time"].unit, found["time_to_half_peak"].unit) == ("min", "min")
    hours = (900 + 150 * 10 + 40 * 99 + 50 * 100 + 60 * 200 + 800) / 60
    assert found["person_hours_on_squares"].value == pytest.approx(WEIGHT * hours)


def test_without_a_crowd_its_times_are_missing_with_the_reason() -> None:
    found = values(empty())
    assert found["peak_on_squares"].value == 0
    for name in ("peak_time", "time_to_half_peak"):
        assert np.isnan(found[name].value)
        assert found[name].reason


def test_first_heard_and_tipped_are_shares() -> None:
    record = empty()
    record.heard_on[-1] = np.arange(len(CHANNELS)) * 4
    record.heard_on[-2] = 77  # only the end counts
    record.decided[100] = 1
    record.decided[200, -3:] = (9, 19, 8)  # gathering, cut off, crowd
    found = values(record)
    total = 4 * sum(range(len(CHANNELS)))
    for index, channel in enumerate(CHANNELS):
        assert found[f"first_heard_{channel}"].value == pytest.approx(4 * index / total)
        assert found[f"tipped_by_{channel}"].value == pytest.approx(1 / (len(CHANNELS) + 39))
        assert found[f"first_heard_{channel}"].unit == "share"
    assert found["tipped_by_cut_off"].value == pytest.approx(20 / (len(CHANNELS) + 39))
    for prefix in ("first_heard_", "tipped_by_"):
        assert sum(o.value for name, o in found.items() if name.startswith(prefix)) == pytest.approx(1)


def test_nothing_is_scaled_twice() -> None:
    """Another weight changes counts in proportion, and ratios not at all."""
    heavy = sim.load("population.size=null", "population.weight=20")
    light = values(RECORD, NULLS)
    for name, other in values(RECORD, NULLS, heavy).items():
        factor = 2 if other.unit in ("posts", "people", "person-hours") else 1
        np.testing.assert_allclose(other.value, factor * light[name].value, rtol=1e-12, err_msg=name)
        np.testing.assert_array_equal(other.denominator, light[name].denominator)


def test_a_scenario_without_windows_has_the_outcomes_that_need_none() -> None:
    night = NIGHT.replace(scenario=NIGHT.scenario.model_copy(update={"accounting": None}))
    found = values(RECORD, NULLS, night)
    assert found["posts_day_2"].value == WEIGHT * 1995
    assert {"participants", "participation"} <= set(found)
    assert "surge_after_call" not in found


def test_whose_posts_are_told_first() -> None:
    def muted(*names: str) -> Scenario:
        quiet = {"posts_per_user_day": 0.0, "live": 0.0}
        channels = {name: c.model_copy(update=quiet if name in names else {}) for name, c in NIGHT.channels.items()}
        return NIGHT.replace(channels=channels)

    assert main_channel(NIGHT) == "twitter"
    assert main_channel(muted("twitter")) == next(name for name in POSTING if name != "twitter")
    assert main_channel(muted(*POSTING)) is None


def test_the_table_of_outcomes() -> None:
    found = outcomes(NIGHT, RECORD, NULLS)
    table = outcome_table(found)
    assert list(table.columns) == ["outcome", "value", "unit", "numerator", "denominator", "reason"]
    assert list(table["outcome"]) == [o.name for o in found]
    assert table["value"].dtype == np.float64


# -- curves

PEOPLE = (
    "heard", "deciding", "travelling", "on_squares", "returned", "asleep", "online", "circumventing", "participated",
)  # fmt: skip


def test_names_of_the_curves() -> None:
    names = set(curve_table(NIGHT, RECORD)["curve"])
    expected = set(PEOPLE)
    expected |= {f"{what}_{c}" for what in ("attempted", "published", "failed", "topical") for c in POSTING}
    expected |= {f"{what}_{c}" for what in ("impressions", "heard", "decided") for c in CHANNELS}
    expected |= {f"impressions_{c}_{kind}" for c in CHANNELS for kind in ("news", "call", "stay")}
    expected |= {f"impressions_{c}_chatter" for c in POSTING}
    expected |= {f"decided_{cause}" for cause in ("gathering", "cut_off", "crowd")}
    expected |= {"live_twitter", "live_facebook", "groups_created_whatsapp", "groups_created_viber", "trending_twitter"}
    assert names == expected


def test_curves_stand_at_the_minute_in_which_it_happened() -> None:
    record = empty()
    record.counts[minute(2, "00:24"), FACEBOOK, [NEWS_SEEN, CALLS_SEEN]] = 4, 3
    record.decided[minute(2, "00:26"), CHANNELS.index("minarets")] = 5
    record.counts[minute(2, "00:27"), TWITTER, COUNTS.index("trending")] = 1
    record.counts[minute(2, "01:00"), FACEBOOK, COUNTS.index("live")] = 6
    record.counts[minute(2, "00:25"), FACEBOOK, FAILED] = 8
    record.counts[0, TWITTER, ATTEMPTED] = 9
    record.snapshots[minute(2, "23:59"), CIRCUMVENTING] = 4
    record.heard_on[minute(1, "22:15"), TWITTER] = 3
    table = curve_table(NIGHT, record)
    assert list(table.columns) == ["time", "curve", "value"]
    happened = table[table["value"] != 0].set_index("curve")
    zone = "Europe/Istanbul"
    expected = {
        "impressions_facebook": ("2016-07-16 00:24", 70.0), "impressions_facebook_news": ("2016-07-16 00:24", 40.0),
        "impressions_facebook_call": ("2016-07-16 00:24", 30.0), "decided_minarets": ("2016-07-16 00:26", 50.0),
        "trending_twitter": ("2016-07-16 00:27", 1.0), "live_facebook": ("2016-07-16 01:00", 60.0),
        "failed_facebook": ("2016-07-16 00:25", 80.0),
        "attempted_twitter": ("2016-07-15 00:00", 90.0), "circumventing": ("2016-07-16 23:59", 40.0),
        "heard_twitter": ("2016-07-15 22:15", 30.0),
    }  # fmt: skip
    assert set(happened.index) == set(expected)
    for curve, (time, value) in expected.items():
        assert happened.loc[curve, "time"] == pd.Timestamp(time, tz=zone)
        assert happened.loc[curve, "value"] == value
    per_curve = table.groupby("curve", observed=True)["time"]
    assert (per_curve.nunique() == N_MINUTES).all()
    assert (per_curve.first() == pd.Timestamp("2016-07-15", tz=zone)).all()


def test_some_curves_only() -> None:
    only = ("on_squares", "published_twitter")
    table = curve_table(NIGHT, RECORD, only)
    assert set(table["curve"]) == set(only)
    whole = curve_table(NIGHT, RECORD)
    rest = whole[whole["curve"].isin(only)].reset_index(drop=True)
    assert table["value"].tolist() == rest["value"].tolist()
    assert table["time"].tolist() == rest["time"].tolist()
    assert len(curve_table(NIGHT, RECORD, ("no_such_curve",))) == 0


def test_people_on_the_squares_of_each_province() -> None:
    record = empty()
    record.squares[minute(2, "00:30") // 10, 5] = 12
    names = tuple(f"province {k}" for k in range(81))
    table = squares_table(NIGHT, record, names)
    assert list(table.columns) == ["time", "province", "value"]
    assert len(table) == 288 * 81
    (row,) = table[table["value"] > 0].to_dict("records")
    assert row == {
        "time": pd.Timestamp("2016-07-16 00:30", tz="Europe/Istanbul"),
        "province": "province 5",
        "value": 120.0,
    }


# -- what a run puts into its record


@pytest.fixture(scope="module")
def real() -> tuple[Scenario, Record]:
    night = sim.load("population.size=400", "throttle=july15")
    return night, sim.simulate(night, 4, events=True).record


def test_the_record_is_the_event_log_by_minute_without_the_warm_up(real: tuple[Scenario, Record]) -> None:
    night, record = real
    log = record.log
    assert night.clock.warm_up == 24 * HOUR
    assert record.counts.shape == (N_MINUTES, len(CHANNELS), len(COUNTS))
    assert record.snapshots.shape == (N_MINUTES, len(SNAPSHOT))
    published = log[log["result"] == RESULT_NAMES.index("published")]
    is_reported = published["tick"] >= night.clock.warm_up
    assert 0 < is_reported.sum() < len(published)
    # Live videos, tweets, stories: all that was published in a reported minute, on its channel, and nothing of the warm-up.
    for index, channel in enumerate(CHANNELS):
        ticks = published["tick"][is_reported & (published["channel"] == index)]
        expected = np.bincount((ticks - night.clock.warm_up) // MINUTE, minlength=N_MINUTES)
        np.testing.assert_array_equal(record.counts[:, index, PUBLISHED], expected, err_msg=channel)


def test_departures_of_the_record_are_those_of_the_log(real: tuple[Scenario, Record]) -> None:
    night, record = real
    log = record.log
    kind, done = KIND_NAMES.index("depart"), RESULT_NAMES.index("done")
    left = log[(log["kind"] == kind) & (log["result"] == done)]
    _, first = np.unique(left["person"], return_index=True)
    ticks = left["tick"][first]
    assert record.scalars["participants"] == len(ticks) == record.departures.sum() > 0
    minutes = ((ticks - night.clock.warm_up) // MINUTE).clip(0)
    np.testing.assert_array_equal(record.departures, np.bincount(minutes, minlength=N_MINUTES))


@pytest.mark.slow
def test_a_longer_warm_up_is_not_reported() -> None:
    for hours in (0, 24, 25.5):
        night = sim.load("population.size=200", f"scenario.warm_up_hours={hours}")
        run = sim.simulate(night, 1)
        assert run.record.counts.shape[0] == N_MINUTES
        assert run.curves["time"].min() == pd.Timestamp("2016-07-15", tz="Europe/Istanbul")
