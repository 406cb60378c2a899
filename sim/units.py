"""Time in integer ticks of one millisecond, and the clock of a scenario.

Ticks count from the start of the warm-up. 2^32 ticks are 49.7 days, the longest scenario.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sim.errors import InputError

__all__ = ["DAY", "HOUR", "MAX_PEOPLE", "MAX_TICK", "MINUTE", "SECOND", "Clock", "is_later", "minutes_to_ticks",
           "seconds_to_ticks"]  # fmt: skip

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MAX_TICK = 2**32 - 1
MAX_PEOPLE = 2**27


def minutes_to_ticks(minutes: float) -> int:
    """Return minutes as whole ticks, rounded to the nearest."""
    return round(minutes * MINUTE)


def seconds_to_ticks(seconds: float) -> int:
    """Return seconds as whole ticks, rounded to the nearest."""
    return round(seconds * SECOND)


def is_later(first: datetime, last: datetime) -> bool:
    """Return whether `last` is later than `first`.

    Raises
    ------
    ValueError
        One has a zone and the other has none.
    """
    if (first.tzinfo is None) != (last.tzinfo is None):
        raise ValueError(
            f"{first} and {last} stand side by side, one with a zone and one without; give both or neither"
        )
    return last > first


class Clock:
    """The wall clock of a scenario: converts between named-zone times and ticks.

    Parameters
    ----------
    start, end
        First and last (excluded) reported moment, wall time in `zone`.
    zone
        IANA name, for example ``Europe/Istanbul``.
    warm_up_hours
        Hours simulated before `start` and not reported, >= 0.

    Raises
    ------
    InputError
        Unknown zone, end not after start, negative warm-up, or longer than 49.7 days.

    Notes
    -----
    Elapsed time is physical: a change of the clocks inside a scenario shifts wall times, never the order of ticks.
    """

    def __init__(self, start: datetime, end: datetime, zone: str, warm_up_hours: float) -> None:
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InputError(
                f"scenario.zone is {zone!r}, an unknown zone; use an IANA name such as Europe/Istanbul."
            ) from error
        self.start = self._aware(start)
        self.end = self._aware(end)
        self.warm_up = round(warm_up_hours * HOUR)
        if self.end.timestamp() <= self.start.timestamp():
            raise InputError(f"scenario.end is {end}, expected later than scenario.start ({start}); move one of them.")
        if self.warm_up < 0:
            raise InputError(f"scenario.warm_up_hours is {warm_up_hours}, expected 0 or more; give a positive number.")
        self.origin = datetime.fromtimestamp(self.start.timestamp() - self.warm_up / SECOND, tz=self.zone)
        self._began = self.origin.timestamp()
        self.horizon = self.tick(self.end)
        if self.warm_up % MINUTE:
            raise InputError(f"scenario.warm_up_hours is {warm_up_hours}, expected whole minutes; round it.")
        if self.horizon > MAX_TICK:
            raise InputError(
                f"scenario.start to scenario.end with warm-up lasts {self.horizon / DAY:.1f} days, expected at most 49.7; "
                "shorten the scenario."
            )

    def _aware(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=self.zone) if moment.tzinfo is None else moment.astimezone(self.zone)

    def tick(self, moment: datetime) -> int:
        """Return the tick of a wall time (naive times are read in the scenario's zone); may lie outside the run."""
        # Python subtracts two datetimes of one zone as wall times; through timestamps the difference is physical.
        return round((self._aware(moment).timestamp() - self._began) * SECOND)

    def moment(self, tick: int) -> datetime:
        """Return the wall time of a tick, aware of its zone."""
        return datetime.fromtimestamp(self._began + tick / SECOND, tz=self.zone)

    @property
    def n_minutes(self) -> int:
        """Number of reported minutes (the last may be cut by the end)."""
        return -(-(self.horizon - self.warm_up) // MINUTE)

    @property
    def time_of_day(self) -> int:
        """Milliseconds since local midnight at tick 0."""
        origin = self.moment(0)
        midnight = origin.replace(hour=0, minute=0, second=0, microsecond=0)
        return round((origin - midnight).total_seconds() * SECOND)
