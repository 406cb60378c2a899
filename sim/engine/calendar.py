"""The calendar of future events: buckets of time, each sorted when its turn comes.

Events further away lie unsorted in chunks, chained per bucket. The bucket at hand is sorted into `current`; what is pushed
into it meanwhile goes to a small heap, `late`. The next event is the smaller of the two heads. What an airing shows to its
readers is not pushed at all: its sweep adds the events of a bucket when the bucket is opened (`sweeping.py`).

An event takes 16 bytes. Its key is not among them: among messages' events it is found by the message's slot, else it is the
datum (and the slot, which says what the datum numbers).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.engine.order import EVENT, IMPRESSION, REACTION, RETRY
from sim.jit import inlined, njit

__all__ = ["SLOT", "Calendar", "close", "make_calendar", "peek", "pop", "push", "reserve", "sort_into", "spare"]

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
        ("free", "i8"),  # first free chunk, -1: none
        ("n_free", "i8"),
    ],
    align=True,
)


class Calendar(NamedTuple):
    """Arrays of the calendar (mutable)."""

    pool: np.ndarray  # EVENT[n_chunks * CHUNK]
    chain: np.ndarray  # int32[n_chunks]: next chunk of the bucket, or next free one
    buckets: np.ndarray  # _BUCKET[n_buckets]
    current: np.ndarray  # EVENT, sorted
    scratch: np.ndarray  # EVENT, as long as current
    late: np.ndarray  # EVENT, a binary heap
    taken: np.ndarray  # EVENT[1]: the last one taken
    starts: np.ndarray  # int64[2^MOST_BITS + 1]: where the parts of a bucket begin
    meta: np.ndarray  # _META[1]


def make_calendar(horizon: int, n_people: int) -> Calendar:
    """Return an empty calendar for ticks in [0, horizon), with buckets suited to the number of people."""
    target = min(max(n_people // 8, 1 << 10), 1 << 18)
    shift = max(0, (horizon // target).bit_length() - 1)
    n_buckets = (horizon >> shift) + 1
    meta = np.zeros(1, _META)
    meta["shift"], meta["bucket"], meta["free"] = shift, -1, -1
    buckets = np.zeros(n_buckets, _BUCKET)
    buckets["head"] = -1
    calendar = Calendar(
        pool=np.zeros(0, EVENT),
        chain=np.zeros(0, np.int32),
        buckets=buckets,
        current=np.zeros(256, EVENT),
        scratch=np.zeros(256, EVENT),
        late=np.zeros(256, EVENT),
        taken=np.zeros(1, EVENT),
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
    pool = np.zeros((old + more) * CHUNK, EVENT)
    pool[: old * CHUNK] = calendar.pool
    return calendar._replace(pool=pool, chain=chain)


def reserve(calendar: Calendar, pushes: int, opened: int = 0) -> Calendar:
    """Return the calendar with room for so many more pushes, wherever they fall, and for a bucket of `opened` events."""
    meta = calendar.meta[0]
    late = calendar.late
    # Chunks of other buckets may be part-filled, so the worst case is a new chunk per bucket beside full ones.
    needed = pushes // CHUNK + min(pushes, len(calendar.buckets)) + 1
    if meta["n_free"] < needed:
        calendar = _with_chunks(calendar, max(needed - int(meta["n_free"]), len(calendar.chain) // 2, 64))
    if len(late) < meta["n_late"] + pushes:
        late = np.concatenate([late, np.zeros(max(pushes, len(late)), EVENT)])
    current, scratch = calendar.current, calendar.scratch
    if len(current) < opened:
        room = np.zeros(2 * opened - len(current), EVENT)
        current, scratch = np.concatenate([current, room]), np.concatenate([scratch, room])
    return calendar._replace(late=late, current=current, scratch=scratch)


@inlined
def spare(calendar, pushes):
    """Return whether there is room for so many pushes without calling `reserve`."""
    meta = calendar.meta[0]
    return (
        meta["n_free"] > pushes // CHUNK + min(pushes, len(calendar.buckets))
        and len(calendar.late) >= meta["n_late"] + pushes
    )


@njit
def _key_before(a, b, messages):
    """Return whether a comes before b, two events of one order: by the keys."""
    kind = (a["order"] >> 27) & 15
    if kind == IMPRESSION or kind == REACTION or kind == RETRY:
        key = messages[a["slot"] & SLOT]["id"]
        other = messages[b["slot"] & SLOT]["id"]
        if a["slot"] & AGAIN_BIT:
            key ^= np.int64(a["datum"])
        if b["slot"] & AGAIN_BIT:
            other ^= np.int64(b["datum"])
        return key < other
    return a["datum"] < b["datum"] or (a["datum"] == b["datum"] and a["slot"] < b["slot"])


@inlined
def _before(a, b, messages):
    if a["order"] != b["order"]:
        return a["order"] < b["order"]
    return _key_before(a, b, messages)


@njit
def push(calendar, messages, order, slot, datum):
    """Add an event; its tick must not lie before the last one popped."""
    meta = calendar.meta[0]
    number = (order >> 31) >> meta["shift"]
    if number <= meta["bucket"]:
        taken = calendar.taken[0]  # which nobody needs any more
        taken["order"], taken["slot"], taken["datum"] = order, slot, datum
        late = calendar.late
        i = meta["n_late"]
        meta["n_late"] = i + 1
        while i > 0:
            parent = (i - 1) >> 1
            if not _before(taken, late[parent], messages):
                break
            late[i] = late[parent]
            i = parent
        late[i] = taken
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
    e = calendar.pool[np.int64(bucket["head"]) * CHUNK + within]
    e["order"] = order
    e["slot"] = slot
    e["datum"] = datum


@njit
def _sort(events, scratch, messages, first, last):
    """Sort events[first:last]: insertion within runs of `RUN`, then merges of runs; scratch is as long as events."""
    for start in range(first, last, RUN):
        for i in range(start + 1, min(start + RUN, last)):
            if _before(events[i], events[i - 1], messages):
                scratch[i] = events[i]
                j = i
                while j > start and _before(scratch[i], events[j - 1], messages):
                    events[j] = events[j - 1]
                    j -= 1
                events[j] = scratch[i]
    width = RUN
    while width < last - first:
        for left in range(first, last - width, 2 * width):
            middle, right = left + width, min(left + 2 * width, last)
            if not _before(events[middle], events[middle - 1], messages):
                continue
            for i in range(left, middle):
                scratch[i] = events[i]
            i, j, k = left, middle, left
            while i < middle:
                if j < right and _before(events[j], scratch[i], messages):
                    events[k] = events[j]
                    j += 1
                else:
                    events[k] = scratch[i]
                    i += 1
                k += 1
        width *= 2


@njit
def sort_into(calendar, messages, bucket, extra):
    """Make `current` of a bucket: its chunks and the first `extra` events of scratch; return the number, the chunks are freed.

    A counting pass over parts by time, of two events or so on average, then each part. The caller sees to it that all fit.
    """
    meta = calendar.meta[0]
    current, scratch = calendar.current, calendar.scratch
    count = np.int64(extra)
    if bucket != meta["bucket"]:
        b = calendar.buckets[bucket]
        chunk = b["head"]
        count += b["count"]
        within = (b["count"] - 1) % CHUNK + 1
        k = count
        while chunk >= 0:
            k -= within  # the newest chunk comes first; events pushed in order stay in order
            for j in range(within):
                scratch[k + j] = calendar.pool[np.int64(chunk) * CHUNK + j]
            following = calendar.chain[chunk]
            calendar.chain[chunk] = np.int32(meta["free"])
            meta["free"] = chunk
            meta["n_free"] += 1
            chunk = following
            within = CHUNK
        b["head"] = -1
        b["count"] = 0
    bits = 1
    while bits < MOST_BITS and (2 << bits) < count:
        bits += 1
    fine = 31 + max(meta["shift"] - bits, 0)
    mask = np.int64((1 << bits) - 1)
    starts = calendar.starts
    starts[: mask + 2] = 0
    for i in range(count):
        starts[((scratch[i]["order"] >> fine) & mask) + 1] += 1
    for i in range(1, mask + 1):
        starts[i] += starts[i - 1]
    for i in range(count):
        part = (scratch[i]["order"] >> fine) & mask
        current[starts[part]] = scratch[i]
        starts[part] += 1
    first = np.int64(0)
    for part in range(mask + 1):
        if starts[part] - first > 1:
            _sort(current, scratch, messages, first, starts[part])
        first = starts[part]
    meta["bucket"] = bucket
    meta["at"] = 0
    meta["length"] = count


@njit
def close(calendar):
    """Move what is left of the bucket at hand to the front of scratch, to be sorted again with more; return how many."""
    meta = calendar.meta[0]
    left = meta["length"] - meta["at"]
    for i in range(left):
        calendar.scratch[i] = calendar.current[meta["at"] + i]
    return left


@inlined
def peek(calendar, limit):
    """Return the order of the next event of the bucket at hand with tick < limit; -1 if there is none."""
    meta = calendar.meta[0]
    order = np.int64(9223372036854775807)
    if meta["at"] < meta["length"]:
        order = calendar.current[meta["at"]]["order"]
    if meta["n_late"] > 0:
        order = min(order, calendar.late[0]["order"])
    return order if order < (np.int64(limit) << 31) else np.int64(-1)


@inlined
def pop(calendar, messages):
    """Move the next event, there must be one (see `peek`), to `taken[0]`.

    Memory, not a returned tuple: what a call returns is read in wider pieces than it was written, and such a read waits until
    all earlier writes have reached the cache, those of `push` among them.
    """
    meta = calendar.meta[0]
    late = calendar.late
    at = meta["at"]
    if meta["n_late"] == 0 or (at < meta["length"] and _before(calendar.current[at], late[0], messages)):
        calendar.taken[0] = calendar.current[at]
        meta["at"] = at + 1
        return
    calendar.taken[0] = late[0]
    n = meta["n_late"] - 1
    meta["n_late"] = n
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and _before(late[child + 1], late[child], messages):
            child += 1
        if not _before(late[child], late[n], messages):
            break
        late[i] = late[child]
        i = child
    if n > 0:
        late[i] = late[n]
