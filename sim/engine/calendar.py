"""The calendar of future events: buckets of time, each opened when its turn comes.

Events further away lie unsorted in chunks, chained per bucket. The bucket at hand is moved to `current`; what is pushed into
it meanwhile goes to a small heap, `late`. What an airing shows to its readers is not pushed at all: its showing adds the
events of a bucket when the bucket is opened (`showing.py`).

Within a moment nobody notices what others do (`order.py`). So a bucket that lies within one is opened *at once*: everybody's
events can be taken in any order, those of a kind together, but for people who have several; these go to `late`, which keeps
the order, and are taken afterwards. Another bucket is sorted, and the next event is the smaller of the two heads.

An event takes 16 bytes, two whole numbers: its order (tick 2^31 + kind 2^27 + person) and its load (slot 2^32 + datum, see
`load_of`). Its key is not among them: among messages' events it is found by the message's slot, else it is the load.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.engine.order import IMPRESSION, REACTION, RETRY
from sim.jit import inlined, njit
from sim.pages import zeros

__all__ = [
    "CHUNK",
    "MOST_BITS",
    "ROOM",
    "SLOT",
    "Calendar",
    "after",
    "before",
    "bucket_of",
    "datum_of",
    "gap_to",
    "has_room_for",
    "load_of",
    "longer",
    "make_calendar",
    "peek",
    "pop",
    "push",
    "push_late",
    "reserve",
    "set_width",
    "slot_of",
    "wanted_chunks",
]

_NEVER = 2**63 - 1
ROOM = 1 << 14
"""So many events find room from the beginning and, as messages do, once the loop has asked for more."""
CHUNK = 16
MOST_BITS = 12
MOST_MOMENTS = 1 << 17
"""Of more moments each has too few events to be worth a bucket."""

HOLD_SHIFT = 29
AGAIN_BIT = np.int32(1 << 28)
SLOT = np.int32((1 << 28) - 1)
"""The bits of an event's slot that number its message; above them whether its datum says how often the message was looked at
before, and what a gate has held (see `order.HELD_NOTICED`)."""

_BUCKET = np.dtype([("head", "i4"), ("count", "i4")], align=True)
"""Of a bucket: the chunk being filled, -1: none; how many events it holds."""

_META = np.dtype(
    [
        ("width", "i8"),  # ticks per bucket
        ("per_tick", "f8"),  # one through it
        ("shift", "i8"),  # its logarithm to base 2, -1: no whole number
        ("bucket", "i8"),  # the bucket at hand, -1 before the first
        ("at", "i8"),  # position in current
        ("length", "i8"),  # of current
        ("at_once", "i8"),  # whether the bucket at hand was opened at once
        ("n_late", "i8"),
        ("next_late", "i8"),  # order of the first of them, _NEVER if there are none
        ("free", "i8"),  # first free chunk, -1: none
        ("n_free", "i8"),
    ],
    align=True,
)


class Calendar(NamedTuple):
    """Arrays of the calendar (mutable); events are pairs of int64, order and load, one after the other."""

    pool: np.ndarray  # 2 int64 x n_chunks x CHUNK
    chain: np.ndarray  # int32[n_chunks]: where the next chunk of the bucket, or the next free one, lies, see `after`
    buckets: np.ndarray  # _BUCKET[n_buckets]
    current: np.ndarray  # 2 int64 x room
    scratch: np.ndarray  # as long as current
    late: np.ndarray  # 2 int64 x room, a binary heap
    starts: np.ndarray  # int64[2^MOST_BITS + 1]: where the parts of a bucket begin
    marks: (
        np.ndarray
    )  # uint8[a power of two]: events of a bucket by person, the last bits of the number; zeros in between
    meta: np.ndarray  # _META[1]


def make_calendar(horizon: int, n_people: int, moment: int = 1) -> Calendar:
    """Return an empty calendar for ticks in [0, horizon), with buckets suited to the number of people.

    They are the moments, where moments are long enough.
    """
    # So many that the ends of all chains stay in the cache, so few that a bucket does (measured).
    target = min(max(n_people // 256, 1 << 10), 1 << 13)
    width = 1 << max(0, (horizon // target).bit_length() - 1)
    if horizon // moment <= MOST_MOMENTS:
        width = moment
        while width % 2 == 0 and horizon // width < target:
            width //= 2
    n_buckets = horizon // width + 1
    meta = np.zeros(1, _META)
    set_width(meta, width)
    meta["bucket"], meta["free"], meta["next_late"] = -1, -1, _NEVER
    buckets = np.zeros(n_buckets, _BUCKET)
    buckets["head"] = -1
    calendar = Calendar(
        pool=np.zeros(0, np.int64),
        chain=np.zeros(0, np.int32),
        buckets=buckets,
        current=np.zeros(2 * 256, np.int64),
        scratch=np.zeros(2 * 256, np.int64),
        late=np.zeros(2 * ROOM, np.int64),
        starts=np.zeros((1 << MOST_BITS) + 1, np.int64),
        marks=np.zeros(1 << max(8, min(20, (n_people // 8).bit_length())), np.uint8),
        meta=meta,
    )
    # Generous, because zeros take no memory until they are written, and growing copies all that is there.
    # Everybody's first two events fit in any case: in the worst one each lies in a bucket of its own.
    return _with_chunks(calendar, 12 * n_people // CHUNK + n_buckets + 64)


def set_width(meta: np.ndarray, width: int) -> None:
    """Let buckets of a calendar without events have so many ticks each."""
    meta["width"], meta["per_tick"] = width, 1.0 / width
    meta["shift"] = width.bit_length() - 1 if width & (width - 1) == 0 else -1


def _with_chunks(calendar: Calendar, more: int) -> Calendar:
    """Return the calendar with so many more free chunks."""
    meta, old = calendar.meta[0], len(calendar.chain)
    # Each is followed by the one behind it: zeros take no memory until they are written.
    chain = longer(calendar.chain, old + more)
    chain[-1] = gap_to(meta["free"], old + more - 1)
    meta["free"] = old
    meta["n_free"] += more
    return calendar._replace(pool=longer(calendar.pool, 2 * (old + more) * CHUNK), chain=chain)


def reserve(calendar: Calendar, pushes: int, opened: int = 0) -> Calendar:
    """Return the calendar with room for so many more pushes, wherever they fall, and for a bucket of `opened` events."""
    meta = calendar.meta[0]
    late = calendar.late
    needed = int(wanted_chunks(calendar, pushes))
    if meta["n_free"] < needed:
        calendar = _with_chunks(calendar, max(needed - int(meta["n_free"]), len(calendar.chain) // 2, 64))
    if len(late) < 2 * (meta["n_late"] + pushes):
        late = longer(late, len(late) + max(2 * pushes, len(late)))
    current, scratch = calendar.current, calendar.scratch
    if len(current) < 2 * opened:
        current, scratch = longer(current, 4 * opened), longer(scratch, 4 * opened)
    if len(late) < len(current):  # a whole bucket may go there
        late = longer(late, len(current))
    if late is calendar.late and current is calendar.current:
        return calendar
    return calendar._replace(late=late, current=current, scratch=scratch)


def longer(array: np.ndarray, length: int) -> np.ndarray:
    """Return an array with zeros behind it, which take no memory until they are written."""
    width = int(np.prod(array.shape[1:]))
    found = zeros(length * width, array.dtype).reshape(length, *array.shape[1:])
    found[: len(array)] = array
    return found


@inlined
def after(chain, chunk):
    """Return the chunk after another one, int64; -1: none."""
    return np.int64(chunk) + 1 + np.int64(chain[chunk])


@inlined
def gap_to(following, chunk):
    """Return what `chain` says of a chunk after which another one comes (-1: none), int32: so far behind the next one."""
    return np.int32(following - chunk - 1)


@njit
def wanted_chunks(calendar, pushes):
    """Return how many free chunks suffice for so many pushes, wherever they fall."""
    # Chunks of other buckets may be part-filled, so the worst case is a new chunk per bucket beside full ones.
    return pushes // CHUNK + min(pushes, len(calendar.buckets)) + 1


@inlined
def has_room_for(calendar, pushes):
    """Return whether so many pushes find room, wherever they fall."""
    meta = calendar.meta[0]
    return meta["n_free"] >= wanted_chunks(calendar, pushes) and 2 * (meta["n_late"] + pushes) <= len(calendar.late)


@inlined
def load_of(slot, datum):
    """Return slot (32 bits, signed) and datum (32 bits, unsigned) in one int64 that sorts by the slot, then by the datum."""
    return (np.int64(slot) << 32) | np.int64(datum)


@inlined
def slot_of(load):
    """Return the slot of a load, int64."""
    return load >> 32


@inlined
def datum_of(load):
    """Return the datum of a load, int64 in [0, 2^32)."""
    return load & 0xFFFFFFFF


@njit
def _key_before(order, load, other, messages):
    """Return whether an event comes before another one of the same order: by the keys."""
    kind = (order >> 27) & 15
    if kind == IMPRESSION or kind == REACTION or kind == RETRY:
        key = messages[slot_of(load) & SLOT]["id"]
        other_key = messages[slot_of(other) & SLOT]["id"]
        if slot_of(load) & AGAIN_BIT:
            key ^= datum_of(load)
        if slot_of(other) & AGAIN_BIT:
            other_key ^= datum_of(other)
        return key < other_key
    # Of seen returns the slot counts the trips, and the datum is the neighbour, who comes first in the key.
    return datum_of(load) < datum_of(other) or (datum_of(load) == datum_of(other) and load < other)


@inlined
def before(order, load, other_order, other_load, messages):
    """Return whether an event comes before another one."""
    if order != other_order:
        return order < other_order
    return _key_before(order, load, other_load, messages)


@njit
def push_late(calendar, messages, order, load):
    """Add an event to `late`, which keeps the order."""
    meta = calendar.meta[0]
    i = meta["n_late"]
    meta["n_late"] = i + 1
    while i > 0:
        parent = (i - 1) >> 1
        if not before(order, load, calendar.late[2 * parent], calendar.late[2 * parent + 1], messages):
            break
        calendar.late[2 * i], calendar.late[2 * i + 1] = calendar.late[2 * parent], calendar.late[2 * parent + 1]
        i = parent
    calendar.late[2 * i], calendar.late[2 * i + 1] = order, load
    meta["next_late"] = calendar.late[0]


@inlined
def bucket_of(meta, tick):
    """Return the number of the bucket in which a tick in [0, 2^32) lies."""
    if meta["shift"] >= 0:
        return np.int64(tick) >> meta["shift"]
    return np.int64((np.float64(tick) + 0.5) * meta["per_tick"])  # half a tick is more than what rounding can do


@inlined
def push(calendar, messages, order, slot, datum):
    """Add an event; its tick must not lie before the last one popped."""
    meta = calendar.meta[0]
    load = load_of(slot, datum)
    number = bucket_of(meta, order >> 31)
    if number <= meta["bucket"]:
        push_late(calendar, messages, order, load)
        return
    bucket = calendar.buckets[number]
    count = bucket["count"]
    within = count % CHUNK
    if within == 0:
        chunk = np.int32(meta["free"])
        meta["free"] = after(calendar.chain, chunk)
        meta["n_free"] -= 1
        calendar.chain[chunk] = gap_to(bucket["head"], chunk)
        bucket["head"] = chunk
    bucket["count"] = count + 1
    place = 2 * (np.int64(bucket["head"]) * CHUNK + within)
    calendar.pool[place] = order
    calendar.pool[place + 1] = load


@inlined
def peek(calendar, limit):
    """Return the order of the next event of a sorted bucket at hand with tick < limit; -1 if there is none."""
    meta = calendar.meta[0]
    order = meta["next_late"]
    if meta["at"] < meta["length"]:
        order = min(order, calendar.current[2 * meta["at"]])
    return order if order < (np.int64(limit) << 31) else np.int64(-1)


@njit
def _pop_late(calendar, messages):
    """Take the first of `late` away."""
    meta = calendar.meta[0]
    n = meta["n_late"] - 1
    meta["n_late"] = n
    order, load = calendar.late[2 * n], calendar.late[2 * n + 1]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and before(
            calendar.late[2 * child + 2], calendar.late[2 * child + 3],
            calendar.late[2 * child], calendar.late[2 * child + 1], messages,
        ):  # fmt: skip
            child += 1
        if not before(calendar.late[2 * child], calendar.late[2 * child + 1], order, load, messages):
            break
        calendar.late[2 * i], calendar.late[2 * i + 1] = calendar.late[2 * child], calendar.late[2 * child + 1]
        i = child
    calendar.late[2 * i], calendar.late[2 * i + 1] = order, load
    meta["next_late"] = calendar.late[0] if n > 0 else np.int64(_NEVER)


@inlined
def pop(calendar, messages):
    """Take the next event, there must be one (see `peek`); return its order and load."""
    meta = calendar.meta[0]
    at = meta["at"]
    if at < meta["length"]:
        order, load = calendar.current[2 * at], calendar.current[2 * at + 1]
        if meta["n_late"] == 0 or before(order, load, calendar.late[0], calendar.late[1], messages):
            meta["at"] = at + 1
            return order, load
    order, load = calendar.late[0], calendar.late[1]
    _pop_late(calendar, messages)
    return order, load
