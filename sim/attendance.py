"""Going out: prepare, travel, stay, return, sleep, perhaps go again."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from sim.laws import MOST_MINUTES, DelayLaw, Frozen

__all__ = ["PHASES", "Attendance", "Prolong", "SleepAfter", "phase_is_out"]

PHASES = ("home", "preparing", "travelling", "on_square", "returning", "back", "resting")
HOME, PREPARING, TRAVELLING, ON_SQUARE, RETURNING, BACK, RESTING = range(7)

phase_is_out = np.array([False, False, True, True, True, False, False])
"""Whether a person in this phase is away from home."""


class Prolong(Frozen):
    """What "do not leave the squares" does to a person on the square."""

    probability: float = Field(ge=0, le=1)
    extra: DelayLaw
    at_most: int = Field(ge=0, le=100)


class SleepAfter(Frozen):
    """Sleep of those who were out at their bedtime, once they are home."""

    probability: float = Field(ge=0, le=1)
    length: DelayLaw


class Attendance(Frozen):
    """Laws of a trip to the square."""

    nobody_leaves: bool = False
    """The null night stay_home."""
    online_as_if_home: bool = False
    """The null night keyboard: people leave and are seen, but post and read as if they were at home."""
    prepare: DelayLaw
    shortest_prepare_minutes: float = Field(1.0, ge=0, le=MOST_MINUTES)
    """At least so long; 0: from the next tick on."""
    stay: DelayLaw | None
    """On the square; none: for good."""
    rest: DelayLaw | None = None
    """At home again, without leaving whatever happens (recovery, custody); none: free to leave at once."""
    prolong: Prolong
    sleep_after: SleepAfter
    max_trips: int = Field(ge=1, le=100)
