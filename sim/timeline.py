"""The scripted night: what was said when, where, by whom, and the windows of the accounting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, model_validator

from sim.laws import MOST_MINUTES, Confidence, Frozen
from sim.units import is_later

__all__ = ["Accounting", "Entry", "is_below"]


def is_below(tag: str, name: str) -> bool:
    """Return whether a tag is `name` or stands below it: facetime/rerun is one of facetime.

    >>> is_below("facetime/rerun", "facetime"), is_below("facetime", "facetime"), is_below("facetimes", "facetime")
    (True, True, False)
    """
    return tag == name or tag.startswith(f"{name}/")


class Entry(Frozen):
    """One line of the timeline: a message on a channel, or people who gather by themselves."""

    time: datetime
    what: str
    channel: str | None = None
    """Where it is said; a broadcast reaches its receivers, a feed the followers of a star account."""
    kind: Literal["news", "call", "stay", "gathering"]
    authority: float = Field(1.0, ge=0)
    """Factor on the dose of an exposure."""
    audience: float = Field(1.0, ge=0, le=1)
    """Share of the channel's people that this airing can reach, before attention; of a gathering: of those who could go."""
    number: int | None = Field(None, ge=0)
    """Kind gathering: exactly so many, drawn among those who could go, instead of a share."""
    people: tuple[int, ...] | None = None
    """Kind gathering: these people (0 is the first), as far as they could go, instead of a share."""
    minutes: float = Field(10.0, gt=0, le=MOST_MINUTES)
    """How long it can be noticed."""
    arousal: float = Field(0.0, ge=0)
    """Posts that an impression provokes, in hours of the person's own posting at full activity."""
    repeat_minutes: float | None = Field(None, ge=0.1, le=MOST_MINUTES)
    repeat_until: datetime | None = None
    stagger_minutes: float = Field(0.0, ge=0, le=MOST_MINUTES)
    """By province: begins up to this much later."""
    provinces: tuple[str, ...] | None = None
    tag: str = ""
    """Names a set of entries, with slashes from the whole to its parts: facetime/airing, facetime/rerun."""
    source: str = "assumed"
    confidence: Confidence = "assumed"

    @model_validator(mode="after")
    def _check(self) -> Entry:
        if (self.repeat_minutes is None) != (self.repeat_until is None):
            raise ValueError("repeat_minutes and repeat_until go together")
        if self.repeat_until is not None and not is_later(self.time, self.repeat_until):
            raise ValueError(f"repeat_until is {self.repeat_until}, expected later than time ({self.time})")
        if (self.channel is None) != (self.kind == "gathering"):
            raise ValueError("an entry needs a channel, except for kind gathering, which has none")
        ways = {"audience": self.audience < 1, "number": self.number is not None, "people": self.people is not None}
        chosen = [name for name, is_given in ways.items() if is_given]
        if self.kind != "gathering" and (self.number is not None or self.people is not None):
            raise ValueError(f"number and people need kind: gathering, not {self.kind}")
        if self.kind == "gathering" and len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} are given, expected one way to say who gathers")
        if self.people is not None and self.provinces is not None:
            raise ValueError("people and provinces are given, expected one way to say who gathers")
        if self.people is not None and (len(set(self.people)) < len(self.people) or min(self.people, default=0) < 0):
            raise ValueError("people must be different numbers, 0 or more")
        return self

    def times(self) -> list[datetime]:
        """Return when it airs: once, or again and again before `repeat_until`."""
        if self.repeat_minutes is None or self.repeat_until is None:
            return [self.time]
        count = -(-(self.repeat_until - self.time) // timedelta(minutes=self.repeat_minutes))
        return [self.time + k * timedelta(minutes=self.repeat_minutes) for k in range(max(1, count))]


class Accounting(Frozen):
    """Windows of the outcomes: constants of the scenario, the same in every arm, whatever its throttle or calls."""

    first_news: datetime
    call: datetime
    call_minutes: float = Field(15.0, gt=0, le=MOST_MINUTES)
    call_tag: str = "facetime"
    """Of the entries that the null night without the call leaves out, with all tags below it."""
    throttle_window: tuple[datetime, datetime]
    heard_by: datetime
    participation_end: datetime
    dip_before: tuple[datetime, datetime]
    dip: tuple[datetime, datetime]
    leaving: tuple[datetime, datetime]
    rebound: tuple[datetime, datetime]
    returning: tuple[datetime, datetime]

    @model_validator(mode="after")
    def _check(self) -> Accounting:
        for name in ("throttle_window", "dip_before", "dip", "leaving", "rebound", "returning"):
            first, last = getattr(self, name)
            if not is_later(first, last):
                raise ValueError(f"{name} is {first} to {last}, expected the end after the start")
        return self
