"""Clock and units against wall times worked out by hand: zones, warm-up, naive and aware moments, changes of the clocks."""

import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import InputError
from sim.units import DAY, HOUR, MAX_PEOPLE, MAX_TICK, MINUTE, SECOND, Clock, minutes_to_ticks
from tests.nights import at, entry, night, outage, window

ISTANBUL = "Europe/Istanbul"
FIRST, LAST = datetime(2016, 7, 15), datetime(2016, 7, 17)


def test_ticks_are_milliseconds_and_fit_their_fields():
    assert (SECOND, MINUTE, HOUR, DAY) == (1000, 60_000, 3_600_000, 86_400_000)
    # order = tick 2^31 + kind 2^27 + person in one int64: 32 bits of ticks, 4 of kinds, 27 of people.
    assert MAX_TICK < 2**32
    assert MAX_PEOPLE == 2**27
    assert (MAX_TICK << 31) + (15 << 27) + MAX_PEOPLE - 1 < 2**63


def test_minutes_become_whole_ticks_rounded_to_the_nearest():
    assert [minutes_to_ticks(m) for m in (0, 1, 0.5, 1e-9, 1 / 60_000, 0.1, 2.00001)] == [
        0, 60_000, 30_000, 0, 1, 6_000, 120_001,
    ]  # fmt: skip
    assert isinstance(minutes_to_ticks(1.0), int)


def test_the_night_of_july_15_by_hand():
    clock = Clock(FIRST, LAST, ISTANBUL, 24.0)
    assert clock.warm_up == DAY
    assert clock.horizon == 3 * DAY
    assert clock.n_minutes == 2 * 1440
    assert clock.time_of_day == 0
    assert clock.tick(datetime(2016, 7, 16, 0, 24)) == 2 * DAY + 24 * MINUTE
    # Turkey was on summer time, UTC+3.
    assert clock.tick(datetime(2016, 7, 15, 21, 24, tzinfo=UTC)) == 2 * DAY + 24 * MINUTE
    assert clock.moment(2 * DAY + 24 * MINUTE).isoformat() == "2016-07-16T00:24:00+03:00"


def test_warm_up_moves_tick_0_and_nothing_else():
    clock = Clock(FIRST, LAST, ISTANBUL, 1.5)
    assert clock.warm_up == 90 * MINUTE
    assert clock.tick(FIRST) == clock.warm_up
    assert clock.tick(FIRST - timedelta(hours=2)) == -30 * MINUTE
    assert clock.time_of_day == 22 * HOUR + 30 * MINUTE
    assert clock.n_minutes == 2 * 1440
    assert clock.horizon == 2 * DAY + 90 * MINUTE


def test_a_report_that_is_no_whole_number_of_minutes_has_a_cut_last_minute():
    clock = Clock(FIRST, FIRST + timedelta(minutes=10, seconds=1), ISTANBUL, 0.0)
    assert clock.n_minutes == 11
    assert clock.horizon == 10 * MINUTE + SECOND


@pytest.mark.parametrize("zone", [ISTANBUL, "UTC", "America/New_York", "Asia/Kathmandu"])
def test_naive_times_are_read_in_the_zone_and_aware_times_are_converted(zone):
    naive = Clock(FIRST, LAST, zone, 0.0)
    aware = Clock(FIRST.replace(tzinfo=ZoneInfo(zone)), LAST.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC), zone, 0.0)
    assert (naive.start, naive.end, naive.horizon) == (aware.start, aware.end, aware.horizon)
    assert naive.tick(FIRST) == 0
    assert naive.tick(FIRST.replace(tzinfo=UTC)) == naive.start.utcoffset() // timedelta(milliseconds=1)


def test_a_change_of_the_clocks_shifts_wall_times_not_ticks():
    # Berlin, 27 March 2016: 02:00 became 03:00; 30 October: 03:00 became 02:00.
    spring = Clock(datetime(2016, 3, 27), datetime(2016, 3, 28), "Europe/Berlin", 0.0)
    assert spring.horizon == 23 * HOUR
    assert spring.tick(datetime(2016, 3, 27, 12)) == 11 * HOUR
    assert spring.moment(11 * HOUR).isoformat() == "2016-03-27T12:00:00+02:00"
    autumn = Clock(datetime(2016, 10, 30), datetime(2016, 10, 31), "Europe/Berlin", 0.0)
    assert autumn.horizon == 25 * HOUR
    twice = datetime(2016, 10, 30, 2, 30)
    assert autumn.tick(twice.replace(fold=1)) - autumn.tick(twice) == HOUR
    # Warm-up is physical time, too: 24 hours before noon of the changed day lie at 11:00 the day before.
    noon = Clock(datetime(2016, 3, 27, 12), datetime(2016, 3, 28), "Europe/Berlin", 24.0)
    assert noon.moment(0).isoformat() == "2016-03-26T11:00:00+01:00"
    assert noon.time_of_day == 11 * HOUR


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.integers(0, 4 * DAY),
    st.integers(0, 48 * 60),
    st.sampled_from([ISTANBUL, "UTC", "Europe/Berlin", "Asia/Kathmandu"]),
)
def test_tick_and_moment_are_inverse(tick, warm_up, zone):
    for start in (FIRST, datetime(2016, 3, 26), datetime(2016, 10, 29)):
        clock = Clock(start, start + timedelta(days=4), zone, warm_up / 60)
        assert clock.warm_up == warm_up * MINUTE
        assert clock.tick(clock.moment(tick)) == tick


def test_the_longest_scenario_is_2_to_the_32_ticks():
    just = timedelta(milliseconds=MAX_TICK)
    assert Clock(FIRST, FIRST + just, "UTC", 0.0).horizon == MAX_TICK
    with pytest.raises(InputError, match=r"lasts 49\.7 days, expected at most 49\.7; shorten"):
        Clock(FIRST, FIRST + just + timedelta(milliseconds=1), "UTC", 0.0)
    with pytest.raises(InputError, match=r"with warm-up lasts 50\.0 days"):
        Clock(FIRST, FIRST + timedelta(days=40), "UTC", 240.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((FIRST, LAST, "Europe/Ankara", 0.0), ["scenario.zone", "'Europe/Ankara'", "Europe/Istanbul"]),
        ((FIRST, LAST, "", 0.0), ["scenario.zone", "''"]),
        ((FIRST, LAST, "../etc/passwd", 0.0), ["scenario.zone"]),
        ((LAST, FIRST, ISTANBUL, 0.0), ["scenario.end", "2016-07-15", "later than", "2016-07-17"]),
        ((FIRST, FIRST, ISTANBUL, 0.0), ["scenario.end", "later than"]),
        ((FIRST, LAST, ISTANBUL, -1.0), ["scenario.warm_up_hours", "-1.0", "0 or more"]),
        ((FIRST, LAST, ISTANBUL, 0.01), ["scenario.warm_up_hours", "0.01", "whole minutes"]),
    ],
)
def test_impossible_clocks_are_refused_in_a_sentence(arguments, words):
    with pytest.raises(InputError) as error:
        Clock(*arguments)
    assert all(word in str(error.value) for word in words)
    assert str(error.value).endswith(".")


AWARE = at(20).replace(tzinfo=ZoneInfo(ISTANBUL))


@pytest.mark.parametrize(
    "changes",
    [
        {"throttle": {"windows": [window(["tweets"], 10, 20, 1.0) | {"end": AWARE}]}},
        {"scenario": {"outages": [outage("tv", 10, 20) | {"end": AWARE}]}},
        {
            "scenario": {
                "timeline": [entry(5, "tv", "news", repeat_minutes=5, repeat_until=9) | {"repeat_until": AWARE}]
            }
        },
    ],
    ids=["window", "outage", "repetition"],
)
def test_naive_and_aware_times_in_one_line_are_read_or_refused_in_a_sentence(changes):
    with contextlib.suppress(InputError):
        night(**changes)
