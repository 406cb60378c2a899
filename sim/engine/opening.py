"""Opening a bucket of the calendar, compiled: its events are moved to `current`, sorted or by kind (see `calendar.py`)."""

from __future__ import annotations

import numpy as np

from sim.engine.calendar import CHUNK, MOST_BITS, after, before, gap_to, push_late
from sim.jit import inlined, njit, prefetch

__all__ = ["FETCH", "close", "lay_out", "mark", "sort_into"]

RUN = 16
KINDS = 16
FETCH = 12
"""How many events ahead of the one at hand what it will touch is fetched."""


@njit
def _sort(events, scratch, messages, first, last):
    """Sort events first to last - 1, runs of `RUN` of which are sorted, by merges of runs; scratch is as long as events."""
    width = RUN
    while width < last - first:
        for left in range(first, last - width, 2 * width):
            middle, right = left + width, min(left + 2 * width, last)
            if not before(
                events[2 * middle], events[2 * middle + 1], events[2 * middle - 2], events[2 * middle - 1], messages
            ):
                continue
            for i in range(2 * left, 2 * middle):
                scratch[i] = events[i]
            i, j, k = left, middle, left
            while i < middle:
                order, load = scratch[2 * i], scratch[2 * i + 1]
                if j < right and before(events[2 * j], events[2 * j + 1], order, load, messages):
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
        while j > first and before(order, load, events[2 * j - 2], events[2 * j - 1], messages):
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
    fine = 31
    while (meta["width"] - 1) >> (fine - 31 + bits) > 0:
        fine += 1
    begins = bucket * meta["width"] << 31
    n_parts = np.int64(1 << bits)
    for i in range(n_parts + 1):
        starts[i] = 0
    for i in range(extra):
        starts[((scratch[2 * i] - begins) >> fine) + 1] += 1
    chunk, within = head, (stored - 1) % CHUNK + 1
    while chunk >= 0:
        following = after(chain, chunk)
        if following >= 0:
            fetch_chunk(pool, following)
        place = 2 * chunk * CHUNK
        for i in range(within):
            starts[((pool[place + 2 * i] - begins) >> fine) + 1] += 1
        chunk, within = following, CHUNK
    most = np.int64(0)
    for i in range(1, n_parts + 1):
        if starts[i] > most:
            most = starts[i]
        starts[i] += starts[i - 1]
    for i in range(extra):
        order = scratch[2 * i]
        part = (order - begins) >> fine
        place = starts[part]
        current[2 * place], current[2 * place + 1] = order, scratch[2 * i + 1]
        starts[part] = place + 1
    chunk, within, last = head, (stored - 1) % CHUNK + 1, head
    while chunk >= 0:
        for i in range(chunk * CHUNK, chunk * CHUNK + within):
            order = pool[2 * i]
            part = (order - begins) >> fine
            place = starts[part]
            current[2 * place], current[2 * place + 1] = order, pool[2 * i + 1]
            starts[part] = place + 1
        last = chunk
        chunk, within = after(chain, chunk), CHUNK
    if head >= 0:
        _free(calendar, head, last, stored)
    if most > RUN:
        first = np.int64(0)
        for part in range(n_parts):
            if starts[part] - first > RUN:
                for run in range(first, starts[part], RUN):
                    _sort_run(current, messages, run, min(run + RUN, starts[part]))
                _sort(current, scratch, messages, first, starts[part])
            first = starts[part]
    _sort_run(current, messages, 0, count)
    meta["bucket"] = bucket
    meta["at"] = 0
    meta["length"] = count
    meta["at_once"] = 0


@inlined
def fetch_chunk(pool, chunk):
    """Fetch a chunk ahead: so many cache lines of eight numbers."""
    for line in range(2 * CHUNK // 8):
        prefetch(pool, 2 * chunk * CHUNK + 8 * line)


@inlined
def _free(calendar, head, last, stored):
    """Give the chunks of a bucket back, from the head of its chain to the last, which held so many events."""
    meta = calendar.meta[0]
    calendar.chain[last] = gap_to(meta["free"], last)
    meta["free"] = head
    meta["n_free"] += (stored + CHUNK - 1) // CHUNK


@inlined
def _mark(marks, order):
    """Count an event with those of its person, up to two."""
    k = order & np.int64(len(marks) - 1)
    marks[k] = (marks[k] << 1) & 2 | 1 | marks[k]


@njit
def mark(calendar, bucket, extra):
    """Mark whose events are those of a bucket and the first `extra` of scratch, and who has several."""
    scratch, pool, chain, marks = calendar.scratch, calendar.pool, calendar.chain, calendar.marks
    b = calendar.buckets[bucket]
    ones = np.int64(len(marks) - 1)
    for i in range(extra):
        if i + FETCH < extra:
            prefetch(marks, scratch[2 * (i + FETCH)] & ones)
        _mark(marks, scratch[2 * i])
    chunk, within = np.int64(b["head"]), (np.int64(b["count"]) - 1) % CHUNK + 1
    while chunk >= 0:
        following = after(chain, chunk)
        if following >= 0:
            fetch_chunk(pool, following)
        for i in range(chunk * CHUNK, chunk * CHUNK + within):
            _mark(marks, pool[2 * i])
        chunk, within = following, CHUNK


@njit
def lay_out(calendar, messages, bucket, extra):
    """Make `current` of a bucket that lies within a moment and begins now: see `sort_into`; in any order, by kind.

    Events of people who have several (see `mark`), and of a few others whose numbers end alike, go to `late`.
    """
    meta = calendar.meta[0]
    current, scratch, pool, chain, starts, marks = (
        calendar.current, calendar.scratch, calendar.pool, calendar.chain, calendar.starts, calendar.marks,
    )  # fmt: skip
    b = calendar.buckets[bucket]
    stored, head = np.int64(b["count"]), np.int64(b["head"])
    b["count"], b["head"] = 0, -1
    meta["bucket"] = bucket
    ones = np.int64(len(marks) - 1)
    for kind in range(KINDS + 1):
        starts[kind] = 0
    n = np.int64(0)
    for i in range(extra):
        order, load = scratch[2 * i], scratch[2 * i + 1]
        if marks[order & ones] == 1:
            current[2 * n], current[2 * n + 1] = order, load
            n += 1
        else:
            push_late(calendar, messages, order, load)
    chunk, within, last = head, (stored - 1) % CHUNK + 1, head
    while chunk >= 0:
        last = chunk
        for i in range(chunk * CHUNK, chunk * CHUNK + within):
            order = pool[2 * i]
            if marks[order & ones] == 1:
                starts[((order >> 27) & 15) + 1] += 1
            else:
                push_late(calendar, messages, order, pool[2 * i + 1])
        chunk, within = after(chain, chunk), CHUNK
    for i in range(n):
        marks[current[2 * i] & ones] = 0
    starts[0] = n
    for kind in range(1, KINDS + 1):
        starts[kind] += starts[kind - 1]
    length = starts[KINDS]
    chunk, within = head, (stored - 1) % CHUNK + 1
    while chunk >= 0:
        for i in range(chunk * CHUNK, chunk * CHUNK + within):
            order = pool[2 * i]
            if marks[order & ones] == 1:
                marks[order & ones] = 0
                place = starts[(order >> 27) & 15]
                starts[(order >> 27) & 15] = place + 1
                current[2 * place], current[2 * place + 1] = order, pool[2 * i + 1]
        chunk, within = after(chain, chunk), CHUNK
    for i in range(meta["n_late"]):
        marks[calendar.late[2 * i] & ones] = 0
    if head >= 0:
        _free(calendar, head, last, stored)
    meta["at"] = 0
    meta["length"] = length
    meta["at_once"] = 1


@njit
def close(calendar):
    """Move what is left of the bucket at hand to the front of scratch, to be sorted again with more; return how many."""
    meta = calendar.meta[0]
    left = meta["length"] - meta["at"]
    for i in range(2 * left):
        calendar.scratch[i] = calendar.current[2 * meta["at"] + i]
    meta["at"] = meta["length"]
    return left
