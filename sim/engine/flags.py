"""A person's flags and receivers: what is true or not of somebody, a bit each."""

from __future__ import annotations

import numpy as np

from sim.attendance import phase_is_out
from sim.channels import ALERTED, CUT_OFF, ORDINARY
from sim.jit import inlined

__all__ = ["drop", "has", "hot_of", "is_reached", "levels_of", "put"]

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
) = (1 << bit for bit in range(12))
"""Bits of a person's flags: could go at all; has heard of the night; was called; turns elsewhere while cut off; circumvents;
was cut off; an `adopt` event is on its way; stayed up tonight; missed the night's sleep; `sleep_left` is what is left of a
night from which a message woke this person; was awake at the first news; may create a chat group."""


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


HOT_HEARD, HOT_SUBSTITUTES, HOT_OUT, HOT_ASLEEP = (1 << bit for bit in range(4))
"""Bits of `hot_of`."""


@inlined
def hot_of(person):
    """Return what decides how much a person notices, in a byte: heard of the night, turns elsewhere, is out, is asleep."""
    heard = np.uint8(person["flags"] & HEARD != 0)
    substitutes = np.uint8(person["flags"] & (SUBSTITUTES | CIRCUMVENTS) == SUBSTITUTES)
    return heard | substitutes << 1 | np.uint8(phase_is_out[person["phase"]]) << 2 | np.uint8(person["asleep"]) << 3


def levels_of(channels: np.ndarray, rules: np.ndarray) -> np.ndarray:
    """Return float64[2, c, 16], by whether anything is throttled, channel and `hot_of`: the attention that an airing gets.

    What takes as much or more is not noticed, and nothing comes of it; infinite where that cannot be told from the byte.
    """
    levels = np.empty((2, len(channels), 16))
    for throttled, c, hot in np.ndindex(levels.shape):
        channel = channels[c]
        seeking = CUT_OFF if throttled and hot & HOT_SUBSTITUTES else ALERTED if hot & HOT_HEARD else ORDINARY
        level = channel["attention"][seeking] * (channel["while_out"] if hot & HOT_OUT else 1.0)
        if hot & HOT_ASLEEP:
            level = np.inf if channel["wakes"] > 0.0 or channel["waits"] > 0.0 else 0.0
        levels[throttled, c, hot] = np.inf if rules["as_if_home"][0] else level
    return levels
