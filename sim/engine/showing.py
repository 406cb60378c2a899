"""What an airing shows, compiled: its readers come one after the other, in a shuffled order, as buckets are opened.

Of the n people whom an airing may reach, m come to it. They stand in a shuffled order (`shuffled`), and the k-th comes when
the law of looking has let (k + u) / m of them come, u a draw of k's own: over all orders each delay follows the law, and
nobody needs to be told in advance. `Nation.show` says the same in plain Python; the formulas are shared.
"""

from __future__ import annotations

import math

import numpy as np

from sim import draws
from sim.bijection import bits_of, scattered, shuffled
from sim.channels import BROADCAST
from sim.draws import coarse, fraction, packed, quarters
from sim.engine.calendar import close, load_of, peek, sort_into
from sim.engine.messages import draw_readers, release
from sim.engine.order import IMPRESSION, order_of
from sim.engine.state import BLOCK, DELIVERED, LOOKS
from sim.jit import inlined, njit, prefetch
from sim.quantiles import ceiling_of, delay_ticks

_LAST = 1.0 - 2.0**-40  # inside (0, 1), however the sum above is rounded

__all__ = ["begin_showings", "coming_at", "next_order", "number_coming"]


@njit
def number_coming(n, wanted):
    """Return how many of n people come to look so that a share `wanted` can notice: n times the power of two above it."""
    return min(n, np.int64(math.ceil(ceiling_of(wanted) * n)))


@inlined
def coming_at(law, points, begins, k, m, key):
    """Return the tick at which the k-th of m people comes to a showing that begins at a tick."""
    return begins + delay_ticks(law, points, min((k + scattered(k, key)) / m, _LAST))


@njit
def begin_showings(T, S, airing, t, slot):
    """Begin to show an airing: to all its channel's people at once, or province by province."""
    a = T.airings[airing]
    c = a["channel"]
    lo, hi = T.net.audience_starts[c], T.net.audience_ends[c]
    if T.in_parts[airing] == 0:
        _begin(T, S, airing, t, slot, lo, hi, 0)
        return
    while lo < hi:
        province = T.province[T.net.audience[lo]]
        middle, end = lo, hi  # of the people of a channel those of a province stand together
        while middle < end:
            half = (middle + end) // 2
            if T.province[T.net.audience[half]] <= province:
                middle = half + 1
            else:
                end = half
        if T.airs_in[airing, province] == 1:
            _begin(T, S, airing, t + T.stagger[airing, province], slot, lo, middle, np.int64(province) + 1)
        lo = middle


@njit
def _begin(T, S, airing, begins, slot, lo, hi, part):
    a = T.airings[airing]
    c = a["channel"]
    channel = T.channels[c]
    now = S.now[0]
    rules = T.rules[0]
    n = hi - lo
    wanted = a["audience"] * channel["ceiling"]
    if n == 0 or wanted <= 0.0:
        return
    s = S.showings[now["n_showings"]]
    s["slot"], s["channel"], s["first"], s["n"], s["bits"] = slot, c, lo, n, bits_of(n)
    s["keys"][0], s["keys"][1], s["keys"][2], s["keys"][3] = quarters(rules["seed"], draws.SHOWING, part, a["id"], 0)
    s["m"] = number_coming(n, wanted)
    s["share"], s["wanted"] = s["m"] / n, wanted
    s["begins"] = begins
    s["ends"] = min(rules["horizon"], begins + a["ticks"]) if channel["type"] == BROADCAST else rules["horizon"]
    s["k"] = 0
    s["tick"] = coming_at(T.laws[LOOKS + c], T.points, begins, 0, s["m"], s["keys"][3])
    if s["tick"] >= s["ends"]:
        return
    now["n_showings"] += 1
    S.messages[slot]["pending"] += 1
    now["shown_at"] = min(now["shown_at"], s["tick"])
    meta = S.calendar.meta[0]
    if s["tick"] >> meta["shift"] <= meta["bucket"]:
        now["is_late"] = 1


@njit
def _show(T, S, s, end, count, room):
    """Put those who come before `end` into scratch from `count` on; return the new count, -1 if there is no room."""
    channel = T.channels[s["channel"]]
    law = T.laws[LOOKS + s["channel"]]
    seed = T.rules[0]["seed"]
    id_ = S.messages[s["slot"]]["id"]
    slot = s["slot"]
    first, n, bits, m = s["first"], s["n"], s["bits"], s["m"]
    key0, key1, key2, key3 = s["keys"][0], s["keys"][1], s["keys"][2], s["keys"][3]
    share, wanted = s["share"], s["wanted"]
    attention = channel["attention_max"] / channel["ceiling"]
    begins, ends = s["begins"], min(s["ends"], end)
    scratch, audience = S.calendar.scratch, T.net.audience
    k, tick = s["k"], s["tick"]
    before = count
    seats, ticks, words = S.block[0], S.block[1], S.words
    while tick < ends:
        # A block at a time: who comes when, and only then who that is, because far memory answers late.
        length = 0
        while tick < ends and length < BLOCK:
            seat = first + shuffled(k, n, bits, key0, key1, key2)
            prefetch(audience, seat)
            seats[length], ticks[length] = seat, tick
            length += 1
            k += 1
            tick = max(tick, coming_at(law, T.points, begins, k, m, key3)) if k < m else s["ends"]
        if count + length > room:
            return np.int64(-1)
        for j in range(length):
            seats[j] = audience[seats[j]]
        draw_readers(S, seed, id_, length)
        for j in range(length):
            w0, w1 = words[0, j], words[1, j]
            # Written in any case and kept if the reader can notice: a branch that nobody can foresee would cost more.
            scratch[2 * count] = order_of(ticks[j], IMPRESSION, seats[j])
            scratch[2 * count + 1] = load_of(slot, packed(w0, words[3, j]))
            count += np.int64((fraction(w1) * share < wanted) & (coarse(w0) < attention))
    s["next_k"], s["next_tick"], s["found"] = k, tick, count - before
    return count


@njit
def _open(T, S, bucket):
    """Open a bucket, or once more the one at hand; return whether there was room: if not, `wanted` says for how many."""
    calendar = S.calendar
    meta = calendar.meta[0]
    now = S.now[0]
    stored = np.int64(calendar.buckets[bucket]["count"]) if bucket != meta["bucket"] else np.int64(0)
    count = close(calendar) if bucket == meta["bucket"] else np.int64(0)
    room = len(calendar.scratch) // 2 - stored
    end = (bucket + 1) << meta["shift"]
    for i in range(now["n_showings"]):
        if count > room:
            break
        found = _show(T, S, S.showings[i], end, count, room)
        count = found if found >= 0 else room + 1
    if count > room:
        now["wanted"] = stored + len(calendar.scratch)
        return False
    now["shown_at"] = T.rules[0]["horizon"]
    i = 0
    while i < now["n_showings"]:
        s = S.showings[i]
        S.messages[s["slot"]]["pending"] += s["found"]
        S.totals[s["channel"], DELIVERED] += s["found"]
        if s["next_tick"] >= s["ends"]:
            now["n_showings"] -= 1
            release(S, s["slot"])
            S.showings[i] = S.showings[now["n_showings"]]
        else:
            s["k"], s["tick"] = s["next_k"], s["next_tick"]
            now["shown_at"] = min(now["shown_at"], s["tick"])
            i += 1
    sort_into(calendar, S.messages, bucket, count)
    now["is_late"] = 0
    return True


@njit
def next_order(T, S, limit):
    """Return the order of the next event with tick < limit; -1 if there is none; -2 if a bucket needs more room."""
    calendar = S.calendar
    meta = calendar.meta[0]
    now = S.now[0]
    while now["is_late"] == 1 or (meta["at"] == meta["length"] and meta["n_late"] == 0):
        bucket = meta["bucket"]
        if now["is_late"] == 0:
            bucket += 1
            last = (limit - 1) >> meta["shift"]
            shown = now["shown_at"] >> meta["shift"]
            while bucket <= last and bucket < shown and calendar.buckets[bucket]["count"] == 0:
                bucket += 1
            if bucket > last:
                meta["bucket"] = max(meta["bucket"], last)
                meta["at"] = 0
                meta["length"] = 0
                return np.int64(-1)
        if not _open(T, S, bucket):
            return np.int64(-2)
    return peek(calendar, limit)
