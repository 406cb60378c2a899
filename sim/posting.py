"""Posting: propensity, daily cycle, reactions (clusters of a Hawkes process), live video, the wish to share the victory."""

from __future__ import annotations

from pydantic import Field, model_validator

from sim.jit import njit
from sim.laws import MOST_MINUTES, DelayLaw, Frozen
from sim.units import DAY, HOUR

__all__ = ["MOST_REACTIONS", "Posting", "Victory", "cycle_at"]


MOST_REACTIONS = 100.0
"""Largest mean number of posts that one impression, one stay or one return provokes; heavier posters are cut here."""


class Victory(Frozen):
    """After coming home: extra posts, `boost` times the person's own rate at first, fading over waking time."""

    boost: float = Field(ge=0)
    decay_minutes: float = Field(gt=0, le=MOST_MINUTES)


class Posting(Frozen):
    """How much people post, when, and in answer to what."""

    daily_cycle: tuple[float, ...] | None = Field(min_length=24, max_length=24)
    """Relative activity of people who are awake at each full hour, linear between; scaled so that its maximum is 1. None: the
    same at all hours."""
    branching_ratio: float = Field(ge=0, lt=1)
    """Spectral radius of the expected-offspring operator on the network (`engine/branching.py`); below 1, or posts explode."""
    memory_kernel: DelayLaw
    """Delay of a reaction to a post."""
    arousal_kernel: DelayLaw
    """Delay of a reaction to an airing."""
    cross_posting: float = Field(ge=0, le=1)
    """Probability that a reaction to a post goes to a channel of the person's own mix instead of where it was read."""
    while_home: float = Field(1.0, ge=0, le=1)
    """Factors on posting: at home, travelling, on the square."""
    while_travelling: float = Field(ge=0, le=1)
    while_on_square: float = Field(ge=0, le=1)
    topical_share: float = Field(ge=0, le=1)
    """Share of spontaneous posts about the night once the author has heard of it."""
    relay_call: float = Field(ge=0, le=1)
    """Probability that a reaction to a call (or a topical post by one who was called) passes the call on."""
    post_authority: float = Field(ge=0)
    """Authority of posts by people."""
    live_per_stay: float = Field(ge=0)
    """Expected live videos during a stay on the square, for a person with mean propensity."""
    live_delay: DelayLaw
    victory: Victory
    tell_probability: float = Field(ge=0, le=1)
    """Probability that a person who first hears tells the neighbours."""
    tell_delay: DelayLaw
    create_group_probability: float = Field(ge=0, le=1)
    """Probability that the owner of a group that does not exist yet creates it after first hearing."""
    create_group_delay: DelayLaw
    propensity_cap: float = Field(gt=0)
    """Largest propensity that counts for reactions."""

    @model_validator(mode="after")
    def _check(self) -> Posting:
        if self.daily_cycle is not None and (min(self.daily_cycle) < 0 or max(self.daily_cycle) <= 0):
            raise ValueError("daily_cycle needs values of 0 or more, one of them positive")
        return self


@njit
def cycle_at(cycle, time_of_day, tick):
    """Return the daily cycle in [0, 1] at a tick: linear between the 24 hourly values; `time_of_day` of tick 0 in ticks."""
    x = ((time_of_day + tick) % DAY) / HOUR
    hour = int(x)
    share = x - hour
    return cycle[hour] * (1.0 - share) + cycle[(hour + 1) % 24] * share
