"""Posting: propensity, daily cycle, reactions (clusters of a Hawkes process), live video, the wish to share the victory."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from sim.jit import njit
from sim.laws import DelayLaw, Frozen
from sim.units import DAY, HOUR

__all__ = ["MOST_REACTIONS", "Posting", "Victory", "ceiling_of", "cycle_at", "log_of_missing", "skip_length"]


MOST_REACTIONS = 100.0
"""Largest mean number of posts that one impression, one stay or one return provokes; heavier posters are cut here."""


class Victory(Frozen):
    """After coming home: extra posts, `boost` times the person's own rate at first, fading over waking time."""

    boost: float = Field(ge=0)
    decay_minutes: float = Field(gt=0)


class Posting(Frozen):
    """How much people post, when, and in answer to what."""

    daily_cycle: tuple[float, ...] = Field(min_length=24, max_length=24)
    """Relative activity of people who are awake at each full hour, linear between; scaled so that its maximum is 1."""
    branching_ratio: float = Field(ge=0, lt=1)
    """Spectral radius of the expected-offspring operator on the actual network; below 1, or posts explode."""
    memory_kernel: DelayLaw
    """Delay of a reaction to a post."""
    arousal_kernel: DelayLaw
    """Delay of a reaction to an airing."""
    cross_posting: float = Field(ge=0, le=1)
    """Probability that a reaction to a post goes to a channel of the person's own mix instead of where it was read."""
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
        if min(self.daily_cycle) < 0 or max(self.daily_cycle) <= 0:
            raise ValueError("daily_cycle needs values of 0 or more, one of them positive")
        return self


@njit
def cycle_at(cycle, time_of_day, tick):
    """Return the daily cycle in [0, 1] at a tick: linear between the 24 hourly values; `time_of_day` of tick 0 in ticks."""
    x = ((time_of_day + tick) % DAY) / HOUR
    hour = int(x)
    share = x - hour
    return cycle[hour] * (1.0 - share) + cycle[(hour + 1) % 24] * share


@njit
def ceiling_of(p):
    """Return the smallest power of two that is at least p, for p in (0, 1]; 0 for p = 0.

    Whoever could be reached with probability p is sought at this rate and then thinned by a draw of their own, so that those
    who are reached at p are among those who are reached at any larger p of the same octave.
    """
    if p <= 0.0:
        return 0.0
    ceiling = 1.0
    while 0.5 * ceiling >= p:
        ceiling *= 0.5
    return ceiling


@njit
def log_of_missing(p):
    """Return ln(1 - p) for p in [0, 1); 0 for p = 1, where nobody is missed (see `skip_length`)."""
    return math.log1p(-p) if p < 1.0 else 0.0


@njit
def skip_length(u, log_miss):
    """Return how many candidates are passed over before the next reader: geometric, floor(ln u / ln(1 - p)).

    `log_miss` is `log_of_missing(p)` for a probability p in (0, 1] of being reached.
    """
    if log_miss == 0.0:
        return 0
    x = math.log(u) / log_miss
    if x > 2147483647.0:
        return 2147483647
    return int(x)
