"""A person's flags and receivers, what is true or not of somebody, a bit each; and the row with what few people need."""

from __future__ import annotations

import numpy as np

from sim.attendance import phase_is_out
from sim.channels import ALERTED, CUT_OFF, ORDINARY
from sim.jit import inlined

__all__ = ["drop", "has", "hot_of", "is_known", "is_reached", "levels_of", "mind_of", "put", "rate_of", "reactivity_of",
           "row_of", "row_taken", "terms_of"]  # fmt: skip

(
    ABLE,
    HEARD,
    CALLED,
    SUBSTITUTES,
    CIRCUMVENTS,
    WAS_CUT_OFF,
    ADOPTING,
    STAYED_UP,
    MISSED_SLEEP,
    WAS_WOKEN,
    AWAKE_AT_NEWS,
    OWNS_GROUP,
    NEWS_CAME,
    POSTS,
) = (1 << bit for bit in range(14))
"""Bits of a person's flags: could go at all; has heard of the night; posts and was called; turns elsewhere while cut off;
circumvents; was cut off; an `adopt` event is on its way; stayed up tonight; missed the night's sleep; `sleep_left` is what is
left of a night from which a message woke this person; was awake at the first news; may create a chat group; it is known
whether this person was awake at the first news; posts now and then without being provoked."""


@inlined
def has(person, flag):
    """Return whether a person's flag is set."""
    return person["flags"] & flag != 0


@inlined
def put(person, flag):
    """Set a person's flag."""
    person["flags"] |= flag


@inlined
def drop(person, flag):
    """Clear a person's flag."""
    person["flags"] &= ~flag & 0xFFFF


@inlined
def is_reached(T, p, c):
    """Return whether a person can be reached on a channel."""
    return (T.receivers[p] >> np.uint32(T.channels[c]["receiver"])) & np.uint32(1) == 1


@inlined
def mind_of(S, p):
    """Return the row of `State.minds` of a person; 0 of those who could never go."""
    return np.int64(S.people[p]["mind"])


@inlined
def rate_of(T, people, p):
    """Return how many posts a tick a person publishes without being provoked, at full activity, to seven digits."""
    posts = 0.0
    for c in range(len(T.channels)):
        if is_reached(T, p, c):
            posts += T.channels[c]["posts_per_tick"]
    return np.float64(np.float32(posts * np.float64(people[p]["propensity"])))


@inlined
def reactivity_of(T, person):
    """Return the propensity of a person that counts for reactions."""
    return min(np.float64(person["propensity"]), T.rules[0]["propensity_cap"])


@inlined
def row_taken(S, p):
    """Return the row of `State.other` of a person, which is taken now if it has not been."""
    person, now = S.people[p], S.now[0]
    if person["other"] == 0:
        now["n_others"] += 1
        person["other"] = now["n_others"]
    return np.int64(person["other"])


@inlined
def row_of(S, p):
    """Return the row of `State.other` of a person, to be read only: the first one, of zeros, before any is taken."""
    return np.int64(S.people[p]["other"])


HOT_HEARD, HOT_SUBSTITUTES, HOT_OUT, HOT_ASLEEP, HOT_INDIFFERENT = (1 << bit for bit in range(5))
"""Bits of `hot_of`."""
HOT_BITS, HOT_TERMS = 5, (1 << 11) - 1
"""So many bits; the bits above them tell until when they hold, in so many terms."""
LEVEL_BITS = 4
"""The first of them decide how much a person notices."""


@inlined
def hot_of(person, shift):
    """Return what decides whether an airing changes anything of a person, in 16 bits.

    Heard of the night, turns elsewhere, is out, is asleep, and indifferent: has heard, could not go and posts nothing, so that
    nothing follows from what is seen. It holds while `is_known`: up to the next turn of sleep, in terms of 2^shift ticks.
    """
    heard = np.int64(person["flags"] & HEARD != 0)
    substitutes = np.int64(person["flags"] & (SUBSTITUTES | CIRCUMVENTS) == SUBSTITUTES)
    indifferent = np.int64((person["flags"] & (HEARD | ABLE) == HEARD) & (person["flags"] & POSTS == 0))
    bits = heard | substitutes << 1 | np.int64(phase_is_out[person["phase"]]) << 2 | np.int64(person["asleep"]) << 3
    return np.uint16(bits | indifferent << 4 | min(np.int64(person["turn_at"]) >> shift, HOT_TERMS) << HOT_BITS)


@inlined
def is_known(hot, t, shift):
    """Return whether what `hot_of` returned holds at a tick: nothing was planned to happen before."""
    return t >> shift < hot >> HOT_BITS


def terms_of(horizon: int) -> int:
    """Return the `shift` of `hot_of`: by which all ticks before a horizon fit into the terms."""
    return max(0, int(horizon).bit_length() - HOT_TERMS.bit_length())


def levels_of(channels: np.ndarray, rules: np.ndarray) -> np.ndarray:
    """Return float64[2, c, 16], by whether anything is throttled, channel and bits of `hot_of`: the attention an airing gets.

    What takes as much or more is not noticed, and nothing comes of it; infinite where that cannot be told from the bits.
    """
    hot = np.arange(1 << LEVEL_BITS)
    seeking = np.where(hot & HOT_HEARD, ALERTED, ORDINARY)
    open_or_throttled = np.stack([seeking, np.where(hot & HOT_SUBSTITUTES, CUT_OFF, seeking)])
    levels = channels["attention"][:, open_or_throttled].swapaxes(0, 1)
    levels = levels * np.where(hot & HOT_OUT, channels["while_out"][:, None], 1.0)
    at_night = np.where((channels["wakes"] > 0.0) | (channels["waits"] > 0.0), np.inf, 0.0)
    levels = np.where(hot & HOT_ASLEEP, at_night[:, None], levels)
    return np.full(levels.shape, np.inf) if rules["as_if_home"][0] else np.ascontiguousarray(levels)
