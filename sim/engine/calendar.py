"""The calendar of future events: buckets of time, each sorted when its turn comes.

Events further away lie unsorted in chunks, chained per bucket. The bucket at hand is sorted into `current`; what is pushed
into it meanwhile goes to a small heap, `late`. The next event is the smaller of the two heads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.engine.order import EVENT
from sim.jit import njit

__all__ = ["Calendar", "make_calendar", "peek", "pop", "push", "reserve", "spare"]

CHUNK = 16
RUN = 16

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
    heads: np.ndarray  # int32[n_buckets]: the chunk being filled, -1: none
    counts: np.ndarray  # int32[n_buckets]: events in the bucket
    current: np.ndarray  # EVENT, sorted
    scratch: np.ndarray  # EVENT, as long as current
    late: np.ndarray  # EVENT, a binary heap
    taken: np.ndarray  # EVENT[1]: the last one taken
    meta: np.ndarray  # _META[1]


def make_calendar(horizon: int, n_people: int) -> Calendar:
    """Return an empty calendar for ticks in [0, horizon), with buckets suited to the number of people."""
    target = min(max(n_people // 8, 1 << 10), 1 << 18)
    shift = max(0, (horizon // target).bit_length() - 1)
    n_buckets = (horizon >> shift) + 1
    meta = np.zeros(1, _META)
    meta["shift"], meta["bucket"], meta["free"] = shift, -1, -1
    calendar = Calendar(
        np.zeros(0, EVENT),
        np.zeros(0, np.int32),
        np.full(n_buckets, -1, np.int32),
        np.zeros(n_buckets, np.int32),
        np.zeros(256, EVENT),
        np.zeros(256, EVENT),
        np.zeros(2 * n_people + 256, EVENT),
        np.zeros(1, EVENT),
        meta,
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


def reserve(calendar: Calendar, pushes: int) -> Calendar:
    """Return the calendar with room for so many more pushes, wherever they fall."""
    meta = calendar.meta[0]
    late = calendar.late
    # Chunks of other buckets may be part-filled, so the worst case is a new chunk per bucket beside full ones.
    needed = pushes // CHUNK + min(pushes, len(calendar.heads)) + 1
    if meta["n_free"] < needed:
        calendar = _with_chunks(calendar, max(needed - int(meta["n_free"]), len(calendar.chain) // 2, 64))
    if len(late) < meta["n_late"] + pushes:
        late = np.concatenate([late, np.zeros(max(pushes, len(late)), EVENT)])
    longest = int(calendar.counts.max()) if len(calendar.counts) else 0
    current, scratch = calendar.current, calendar.scratch
    if len(current) < longest:
        room = np.zeros(2 * longest - len(current), EVENT)
        current, scratch = np.concatenate([current, room]), np.concatenate([scratch, room])
    return calendar._replace(late=late, current=current, scratch=scratch)


@njit
def spare(calendar, pushes):
    """Return whether there is room for so many pushes without calling `reserve`."""
    meta = calendar.meta[0]
    return (
        meta["n_free"] > pushes // CHUNK + min(pushes, len(calendar.heads))
        and len(calendar.late) >= meta["n_late"] + pushes
    )


@njit
def _before(a, b):
    return a["order"] < b["order"] or (a["order"] == b["order"] and a["key"] < b["key"])


@njit
def push(calendar, order, key, slot, flag):
    """Add an event; its tick must not lie before the last one popped."""
    meta = calendar.meta[0]
    bucket = (order >> 31) >> meta["shift"]
    if bucket <= meta["bucket"]:
        late = calendar.late
        i = meta["n_late"]
        meta["n_late"] = i + 1
        while i > 0:
            parent = (i - 1) >> 1
            above = late[parent]
            if order < above["order"] or (order == above["order"] and key < above["key"]):
                late[i] = late[parent]
                i = parent
            else:
                break
        e = late[i]
    else:
        count = calendar.counts[bucket]
        within = count % CHUNK
        if within == 0:
            chunk = np.int32(meta["free"])
            meta["free"] = calendar.chain[chunk]
            meta["n_free"] -= 1
            calendar.chain[chunk] = calendar.heads[bucket]
            calendar.heads[bucket] = chunk
        calendar.counts[bucket] = count + 1
        e = calendar.pool[np.int64(calendar.heads[bucket]) * CHUNK + within]
    e["order"] = order
    e["key"] = key
    e["slot"] = slot
    e["flag"] = flag


@njit
def _sort(events, scratch, first, last):
    """Sort events[first:last]: insertion within runs of `RUN`, then merges of runs; scratch is as long as events."""
    for start in range(first, last, RUN):
        for i in range(start + 1, min(start + RUN, last)):
            if _before(events[i], events[i - 1]):
                order, key = events[i]["order"], events[i]["key"]
                scratch[i] = events[i]
                j = i
                while j > start and (
                    order < events[j - 1]["order"] or (order == events[j - 1]["order"] and key < events[j - 1]["key"])
                ):
                    events[j] = events[j - 1]
                    j -= 1
                events[j] = scratch[i]
    width = RUN
    while width < last - first:
        for left in range(first, last - width, 2 * width):
            middle, right = left + width, min(left + 2 * width, last)
            if not _before(events[middle], events[middle - 1]):
                continue
            for i in range(left, middle):
                scratch[i] = events[i]
            i, j, k = left, middle, left
            while i < middle:
                if j < right and _before(events[j], scratch[i]):
                    events[k] = events[j]
                    j += 1
                else:
                    events[k] = scratch[i]
                    i += 1
                k += 1
        width *= 2


@njit
def _open(calendar, bucket):
    """Sort a bucket into `current` and free its chunks: a counting pass over 256 parts by time, then each part."""
    meta = calendar.meta[0]
    count = np.int64(calendar.counts[bucket])
    current, scratch = calendar.current, calendar.scratch
    chunk = calendar.heads[bucket]
    within = (count - 1) % CHUNK + 1
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
    calendar.heads[bucket] = -1
    calendar.counts[bucket] = 0
    fine = 31 + max(meta["shift"] - 8, 0)
    starts = np.zeros(257, np.int64)
    for i in range(count):
        starts[((scratch[i]["order"] >> fine) & 255) + 1] += 1
    for i in range(1, 257):
        starts[i] += starts[i - 1]
    for i in range(count):
        part = (scratch[i]["order"] >> fine) & 255
        current[starts[part]] = scratch[i]
        starts[part] += 1
    first = np.int64(0)
    for part in range(256):
        if starts[part] - first > 1:
            _sort(current, scratch, first, starts[part])
        first = starts[part]
    meta["bucket"] = bucket
    meta["at"] = 0
    meta["length"] = count


@njit
def peek(calendar, limit):
    """Return the order of the next event with tick < limit; -1 if there is none; -2 if `current` is too small."""
    meta = calendar.meta[0]
    while meta["at"] == meta["length"] and meta["n_late"] == 0:
        bucket = meta["bucket"] + 1
        last = (limit - 1) >> meta["shift"]
        while bucket <= last and calendar.counts[bucket] == 0:
            bucket += 1
        if bucket > last:
            meta["bucket"] = max(meta["bucket"], last)
            meta["at"] = 0
            meta["length"] = 0
            return np.int64(-1)
        if calendar.counts[bucket] > len(calendar.current):
            return np.int64(-2)
        _open(calendar, bucket)
    order = np.int64(9223372036854775807)
    if meta["at"] < meta["length"]:
        order = calendar.current[meta["at"]]["order"]
    if meta["n_late"] > 0:
        order = min(order, calendar.late[0]["order"])
    return order if order < (np.int64(limit) << 31) else np.int64(-1)


@njit
def pop(calendar):
    """Move the next event, there must be one (see `peek`), to `taken[0]`.

    Memory, not a returned tuple: what a call returns is read in wider pieces than it was written, and such a read waits until
    all earlier writes have reached the cache, those of `push` among them.
    """
    meta = calendar.meta[0]
    late = calendar.late
    at = meta["at"]
    if meta["n_late"] == 0 or (at < meta["length"] and _before(calendar.current[at], late[0])):
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
        if child + 1 < n and _before(late[child + 1], late[child]):
            child += 1
        if not _before(late[child], late[n]):
            break
        late[i] = late[child]
        i = child
    if n > 0:
        late[i] = late[n]
