"""The one total order of events, and the words of the event log.

Events happen in the order of (tick, rank). At one tick the scripted world comes first: window ends, window starts, airings,
inspectors, observers; then people, by (kind, person, key). The key is the identity of a message or an ordinal of a timer
(see `prompt_key` and `return_key`).
An effect lies at least one tick after its cause, and from the next moment on where it is somebody else's: time is cut into
moments (`scenario.moment_seconds`, counted from tick 0), and within one nobody notices what others do in it. So people can be
taken in any order within a moment, and in parts at once.
"""

from __future__ import annotations

import numpy as np

from sim.jit import inlined, njit

__all__ = ["ACTOR_RANKS", "KIND_NAMES", "LOG", "PERSON", "RESULT_NAMES", "moment_begun", "next_moment", "order_of",
           "person_rank", "prompt_key", "return_key"]  # fmt: skip

# -- kinds of people's events; the number is the rank within a tick
WAKE, BED, HOME_AGAIN, LEAVE, ARRIVE, DEPART, DECIDE, PROMPT, ADOPT, CREATE = range(10)
CANDIDATE, REACTION, RETRY, IMPRESSION, TELL, RETURN_SEEN = range(10, 16)
KIND_NAMES = (
    "wake", "bed", "home_again", "leave", "arrive", "depart", "decide", "prompt", "adopt", "create",
    "candidate", "reaction", "retry", "impression", "tell", "return_seen",
)  # fmt: skip

# -- results in the log
DONE, STALE, IGNORED, POSTPONED, THINNED, PUBLISHED, FAILED, RETRYING, HELD = range(9)
SEEN, TIPPED, UNSEEN, DROPPED, WAITING = range(9, 14)
RESULT_NAMES = (
    "done", "stale", "ignored", "postponed", "thinned", "published", "failed", "retrying", "held",
    "seen", "tipped", "unseen", "dropped", "waiting",
)  # fmt: skip

# -- the hold of an impression: 0, or what a gate has held, and whether the body noticed it as well (see `Correspondent.look`)
HELD_NOTICED, HELD_UNNOTICED = 1, 2

ACTOR_RANKS = {"window_end": 0, "window_start": 1, "airing": 2, "inspector": 3, "observer": 4}

LOG = np.dtype(
    [("tick", "i8"), ("kind", "i8"), ("person", "i8"), ("key", "i8"), ("channel", "i8"), ("result", "i8")], align=True
)
"""A row of the event log, people's events only; ticks count from the start of the warm-up, channel -1: none."""


PERSON = np.int64((1 << 27) - 1)
"""The bits of an order (`order_of`) that number the person."""


@inlined
def order_of(tick, kind, person):
    """Return tick, kind and person in one int64 that sorts as they do."""
    return (np.int64(tick) << 31) | (np.int64(kind) << 27) | np.int64(person)


@inlined
def moment_begun(t, moment):
    """Return the tick at which the moment that holds tick t begins; moments last `moment` ticks."""
    return t - t % moment


@inlined
def next_moment(t, moment):
    """Return the tick at which the moment after that of tick t begins."""
    return t - t % moment + moment


@njit
def prompt_key(why, number):
    """Return the key of a prompt: why (state.GATHERING, CROWD or AGAIN), and the airing, the minute, or trips x 2 + woken."""
    return np.int64(why) << 28 | np.int64(number)


@njit
def return_key(neighbour, trip):
    """Return the key of seeing a neighbour come home from a trip."""
    return np.int64(neighbour) << 8 | np.int64(trip)


def person_rank(kind: int, person: int, key: int) -> int:
    """Return the rank of a person's event within its tick as one integer, after all actors' ranks."""
    return (1 << 100) + (kind << 91) + (person << 64) + int(key)
