"""A person's flags and receivers: what is true or not of somebody, a bit each."""

from __future__ import annotations

import numpy as np

from sim.jit import inlined

__all__ = ["drop", "has", "is_reached", "put"]

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
