"""The calendar of future events: buckets of time, each sorted when its turn comes.

Events further away lie unsorted in chunks, chained per bucket. The bucket at hand is sorted into `current`; what is pushed
into it meanwhile goes to a small heap, `late`. The next event is the smaller of the two heads. What an airing shows to its
readers is not pushed at all: its showing adds the events of a bucket when the bucket is opened (`showing.py`).

An event takes 16 bytes, two whole numbers: its order (tick 2^31 + kind 2^27 + person) and its load (slot 2^32 + datum, see
`load_of`). Its key is not among them: among messages' events it is found by the message's slot, else it is the load.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.engine.order import IMPRESSION, REACTION, RETRY
from sim.jit import inlined, njit, prefetch

__all__ = [
    "ROOM",
    "SLOT",
    "Calendar",
    "close",
    "datum_of",
    "load_of",
    "make_calendar",
    "peek",
    "pop",
    "push",
    "reserve",
    "slot_of",
    "sort_into",
    "wanted_chunks",
]

_NEVER = 2**63 - 1
ROOM = 1 << 14
"""So many events find room from the beginning and, as messages do, once the loop has asked for more."""
CHUNK = 16
RUN = 16
MOST_BITS = 12

HOLD_SHIFT = 29
AGAIN_BIT = np.int32(1 << 28)
SLOT = np.int32((1 << 28) - 1)
"""The bits of an event's slot that number its message; above them whether its datum says how often the message was looked at
before, and what a gate has held (see `order.HELD_NOTICED`)."""

_BUCKET = np.dtype([("head", "i4"), ("count", "i4")], align=True)
"""Of a bucket: the chunk being filled, -1: none; how many events it holds."""

_META = np.dtype(
    [
        ("shift", "i8"),  # ticks per bucket as a power of two
        ("bucket", "i8"),  # the bucket at hand, -1 before the first
        ("at", "i8"),  # position in current
        ("length", "i8"),  # of current
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
    chain: np.ndarray  # int32[n_chunks]: next chunk of the bucket, or next free one
    buckets: np.ndarray  # _BUCKET[n_buckets]
    current: np.ndarray  # 2 int64 x room, sorted
    scratch: np.ndarray  # as long as current
    late: np.ndarray  # 2 int64 x room, a binary heap
    starts: np.ndarray  # int64[2^MOST_BITS + 1]: where the parts of a bucket begin
    meta: np.ndarray  # _META[1]


def make_calendar(horizon: int, n_people: int) -> Calendar:
    """Return an empty calendar for ticks in [0, horizon), with buckets suited to the number of people."""
    # So many that the ends of all chains stay in the cache, so few that a bucket does (measured).
    target = min(max(n_people // 256, 1 << 10), 1 << 13)
    shift = max(0, (horizon // target).bit_length() - 1)
    n_buckets = (horizon >> shift) + 1
    meta = np.zeros(1, _META)
    meta["shift"], meta["bucket"], meta["free"], meta["next_late"] = shift, -1, -1, _NEVER
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
        meta=meta,
    )
    # Generous, because zeros take no memory until they are written, and growing copies all that is there.
    # Everybody's first two events fit in any case: in the worst one each lies in a bucket of its own.
    return _with_chunks(calendar, 12 * n_people // CHUNK + n_buckets + 64)


def _with_chunks(calendar: Calendar, more: int) -> Calendar:
    """Return the calendar with so many more free chunks."""
    meta, old = calendar.meta[0], len(calendar.chain)
    chain = np.concatenate([calendar.chain, np.arange(old + 1, old + more + 1, dtype=np.int32)])
    chain[-1] = meta["free"]
    meta["free"] = old
    meta["n_free"] += more
    pool = np.zeros(2 * (old + more) * CHUNK, np.int64)
    pool[: len(calendar.pool)] = calendar.pool
    return calendar._replace(pool=pool, chain=chain)


def reserve(calendar: Calendar, pushes: int, opened: int = 0) -> Calendar:
    """Return the calendar with room for so many more pushes, wherever they fall, and for a bucket of `opened` events."""
    meta = calendar.meta[0]
    late = calendar.late
    needed = int(wanted_chunks(calendar, pushes))
    if meta["n_free"] < needed:
        calendar = _with_chunks(calendar, max(needed - int(meta["n_free"]), len(calendar.chain) // 2, 64))
    if len(late) < 2 * (meta["n_late"] + pushes):
        late = np.concatenate([late, np.zeros(max(2 * pushes, len(late)), np.int64)])
    current, scratch = calendar.current, calendar.scratch
    if len(current) < 2 * opened:
        room = np.zeros(4 * opened - len(current), np.int64)
        current, scratch = np.concatenate([current, room]), np.concatenate([scratch, room])
    return calendar._replace(late=late, current=current, scratch=scratch)


@njit
def wanted_chunks(calendar, pushes):
    """Return how many free chunks suffice for so many pushes, wherever they fall."""
    # Chunks of other buckets may be part-filled, so the worst case is a new chunk per bucket beside full ones.
    return pushes // CHUNK + min(pushes, len(calendar.buckets)) + 1


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
def _before(order, load, other_order, other_load, messages):
    if order != other_order:
        return order < other_order
    return _key_before(order, load, other_load, messages)


@njit
def _push_late(calendar, messages, order, load):
    """Add an event to `late`."""
    meta = calendar.meta[0]
    i = meta["n_late"]
    meta["n_late"] = i + 1
    while i > 0:
        parent = (i - 1) >> 1
        if not _before(order, load, calendar.late[2 * parent], calendar.late[2 * parent + 1], messages):
            break
        calendar.late[2 * i], calendar.late[2 * i + 1] = calendar.late[2 * parent], calendar.late[2 * parent + 1]
        i = parent
    calendar.late[2 * i], calendar.late[2 * i + 1] = order, load
    meta["next_late"] = calendar.late[0]


@njit
def push(calendar, messages, order, slot, datum):
    """Add an event; its tick must not lie before the last one popped."""
    meta = calendar.meta[0]
    load = load_of(slot, datum)
    number = (order >> 31) >> meta["shift"]
    if number <= meta["bucket"]:
        _push_late(calendar, messages, order, load)
        return
    bucket = calendar.buckets[number]
    count = bucket["count"]
    within = count % CHUNK
    if within == 0:
        chunk = np.int32(meta["free"])
        meta["free"] = calendar.chain[chunk]
        meta["n_free"] -= 1
        calendar.chain[chunk] = bucket["head"]
        bucket["head"] = chunk
    bucket["count"] = count + 1
    place = 2 * (np.int64(bucket["head"]) * CHUNK + within)
    calendar.pool[place] = order
    calendar.pool[place + 1] = load


@njit
def _sort(events, scratch, messages, first, last):
    """Sort events first to last - 1, runs of `RUN` of which are sorted, by merges of runs; scratch is as long as events."""
    width = RUN
    while width < last - first:
        for left in range(first, last - width, 2 * width):
            middle, right = left + width, min(left + 2 * width, last)
            if not _before(
                events[2 * middle], events[2 * middle + 1], events[2 * middle - 2], events[2 * middle - 1], messages
            ):
                continue
            for i in range(2 * left, 2 * middle):
                scratch[i] = events[i]
            i, j, k = left, middle, left
            while i < middle:
                order, load = scratch[2 * i], scratch[2 * i + 1]
                if j < right and _before(events[2 * j], events[2 * j + 1], order, load, messages):
                    events[2 * k], events[2 * k + 1] = events[2 * j], events[2 * j + 1]
                    j += 1
                else:
                    events[2 * k], events[2 * k + 1] = order, load
                    i += 1
                k += 1
        width *= 2


@inlined
def _sort_run(events, messages, first, last):
    """Sort events first to last - 1 by insertion: few, or nearly in order."""
    for i in range(first + 1, last):
        order, load = events[2 * i], events[2 * i + 1]
        j = i
        while j > first and _before(order, load, events[2 * j - 2], events[2 * j - 1], messages):
            events[2 * j], events[2 * j + 1] = events[2 * j - 2], events[2 * j - 1]
            j -= 1
        if j < i:
            events[2 * j], events[2 * j + 1] = order, load


@njit
def sort_into(calendar, messages, bucket, extra):
    """Make `current` of a bucket: its chunks and the first `extra` events of scratch; the chunks are freed.

    A counting pass over parts by time, of two events or so on average, then insertion, which moves events within their parts;
    large parts are sorted before. The caller sees to it that all fit.
    """
    meta = calendar.meta[0]
    current, scratch, pool, chain, starts = (
        calendar.current, calendar.scratch, calendar.pool, calendar.chain, calendar.starts,
    )  # fmt: skip
    stored, head = np.int64(0), np.int64(-1)
    if bucket != meta["bucket"]:
        b = calendar.buckets[bucket]
        stored, head = np.int64(b["count"]), np.int64(b["head"])
        b["count"], b["head"] = 0, -1
    count = extra + stored
    bits = 1
    while bits < MOST_BITS and (2 << bits) < count:
        bits += 1
    fine = 31 + max(meta["shift"] - bits, 0)
    mask = np.int64((1 << bits) - 1)
    for i in range(mask + 2):
        starts[i] = 0
    for i in range(extra):
        starts[((scratch[2 * i] >> fine) & mask) + 1] += 1
    chunk, within = head, (stored - 1) % CHUNK + 1
    while chunk >= 0:
        following = np.int64(chain[chunk])
        if following >= 0:
            prefetch(pool, 2 * following * CHUNK)
        place = 2 * chunk * CHUNK
        for i in range(within):
            starts[((pool[place + 2 * i] >> fine) & mask) + 1] += 1
        chunk, within = following, CHUNK
    most = np.int64(0)
    for i in range(1, mask + 2):
        if starts[i] > most:
            most = starts[i]
        starts[i] += starts[i - 1]
    for i in range(extra):
        order = scratch[2 * i]
        part = (order >> fine) & mask
        place = starts[part]
        current[2 * place], current[2 * place + 1] = order, scratch[2 * i + 1]
        starts[part] = place + 1
    chunk, within, last = head, (stored - 1) % CHUNK + 1, head
    while chunk >= 0:
        for i in range(chunk * CHUNK, chunk * CHUNK + within):
            order = pool[2 * i]
            part = (order >> fine) & mask
            place = starts[part]
            current[2 * place], current[2 * place + 1] = order, pool[2 * i + 1]
            starts[part] = place + 1
        last = chunk
        chunk, within = np.int64(chain[chunk]), CHUNK
    if head >= 0:
        chain[last] = np.int32(meta["free"])
        meta["free"] = head
        meta["n_free"] += (stored + CHUNK - 1) // CHUNK
    if most > RUN:
        first = np.int64(0)
        for part in range(mask + 1):
            if starts[part] - first > RUN:
                for run in range(first, starts[part], RUN):
                    _sort_run(current, messages, run, min(run + RUN, starts[part]))
                _sort(current, scratch, messages, first, starts[part])
            first = starts[part]
    _sort_run(current, messages, 0, count)
    meta["bucket"] = bucket
    meta["at"] = 0
    meta["length"] = count


@njit
def close(calendar):
    """Move what is left of the bucket at hand to the front of scratch, to be sorted again with more; return how many."""
    meta = calendar.meta[0]
    left = meta["length"] - meta["at"]
    for i in range(2 * left):
        calendar.scratch[i] = calendar.current[2 * meta["at"] + i]
    meta["at"] = meta["length"]
    return left


@inlined
def peek(calendar, limit):
    """Return the order of the next event of the bucket at hand with tick < limit; -1 if there is none."""
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
        if child + 1 < n and _before(
            calendar.late[2 * child + 2], calendar.late[2 * child + 3],
            calendar.late[2 * child], calendar.late[2 * child + 1], messages,
        ):  # fmt: skip
            child += 1
        if not _before(calendar.late[2 * child], calendar.late[2 * child + 1], order, load, messages):
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
        if meta["n_late"] == 0 or _before(order, load, calendar.late[0], calendar.late[1], messages):
            meta["at"] = at + 1
            return order, load
    order, load = calendar.late[0], calendar.late[1]
    _pop_late(calendar, messages)
    return order, load
