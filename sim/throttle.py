"""Interventions: dated windows that throttle channels, what people do about it, and an inspector who throttles by himself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from sim.laws import MOST_MINUTES, Confidence, DelayLaw, Frozen
from sim.units import is_later

__all__ = ["Circumvention", "Inspector", "Outage", "Retry", "Throttle", "Window", "strongest"]

W = TypeVar("W")


class Window(Frozen):
    """A throttle on named channels during [start, end)."""

    name: str = "throttle"
    channels: tuple[str, ...] = Field(min_length=1)
    start: datetime
    end: datetime
    severity: float = Field(ge=0, le=1)
    mode: Literal["drop", "delay"] = "drop"
    lag_minutes: float | None = Field(None, gt=0, le=MOST_MINUTES)
    """Mode delay: how long an operation is held; none means until the window ends."""
    source: str = "assumed"
    confidence: Confidence = "assumed"

    @model_validator(mode="after")
    def _check(self) -> Window:
        if not is_later(self.start, self.end):
            raise ValueError(f"end is {self.end}, expected later than start ({self.start})")
        if self.lag_minutes is not None and self.mode == "drop":
            raise ValueError("lag_minutes needs mode: delay")
        return self


class Outage(Frozen):
    """A broadcaster off the air during [start, end): nobody receives it, nobody can get round it."""

    channel: str
    start: datetime
    end: datetime
    source: str = "assumed"
    confidence: Confidence = "assumed"

    @model_validator(mode="after")
    def _check(self) -> Outage:
        if not is_later(self.start, self.end):
            raise ValueError(f"end is {self.end}, expected later than start ({self.start})")
        return self


class Circumvention(Frozen):
    """Getting round a throttle (VPN): a share who are ready beforehand, and a hazard from the first time one is cut off."""

    share_before: float = Field(0.0, ge=0, le=1)
    hazard_per_hour: float = Field(0.0, ge=0)


class Retry(Frozen):
    """What becomes of a failed post: tried again with a probability, after a delay, at most so many times."""

    probability: float = Field(0.0, ge=0, le=1)
    delay: DelayLaw
    at_most: int = Field(3, ge=0, le=100)


class Inspector(Frozen):
    """An endogenous throttle: looks every so often, and throttles for a while when what it sees reaches a threshold."""

    watch: Literal["posts", "on_squares"]
    threshold_per_million: float = Field(gt=0)
    every_minutes: int = Field(10, ge=1)
    start: datetime | None = None
    channels: tuple[str, ...] = Field(min_length=1)
    severity: float = Field(ge=0, le=1)
    minutes: float = Field(gt=0, le=MOST_MINUTES)
    mode: Literal["drop", "delay"] = "drop"


class Throttle(Frozen):
    """All interventions of a night and how people answer them. No window and no inspector is the baseline."""

    windows: tuple[Window, ...] = ()
    inspector: Inspector | None = None
    circumvention: Circumvention = Circumvention()
    retry: Retry
    substitution: float = Field(0.0, ge=0, le=1)
    """Probability that a person who is cut off turns to another channel (television, word of mouth)."""
    push: float = Field(0.0, ge=0)
    """Dose added by being cut off (Hassanpour 2014); 0: none."""
    hold_minutes: float = Field(5.0, ge=0, le=MOST_MINUTES)
    """Mode delay: what was held until the window ends is let through after a further exponential delay of this mean."""

    @property
    def is_none(self) -> bool:
        """Whether nothing is throttled."""
        return not self.windows and self.inspector is None

    def lifted(self) -> Throttle:
        """Return the same people without any throttle: the baseline."""
        return self.model_copy(update={"windows": (), "inspector": None})


def strongest(active: Sequence[tuple[float, int, W]]) -> W:
    """Return the window that holds among those open on one channel, given as (severity, order in the list, window).

    The highest severity holds; at equal severity the one that stands first in the list.
    """
    return min(active, key=lambda entry: (-entry[0], entry[1]))[2]
