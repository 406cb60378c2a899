"""What an airing shows, compiled: its readers come one after the other, in a shuffled order, as buckets are opened.

Of the n people whom an airing may reach, m come to it. They stand in a shuffled order (`shuffled`), and the k-th comes when
the law of looking has let (k + u) / m of them come, u a draw of k's own: over all orders each delay follows the law, and
nobody needs to be told in advance. `Nation.show` says the same in plain Python; the formulas are shared.
"""

from __future__ import annotations

import math

import numpy as np

from sim import draws
from sim.audiences import number_before, people_at, person_at
from sim.bijection import bits_of, scattered, shuffled_block
from sim.channels import BROADCAST
from sim.draws import coarse, fraction, packed, quarters
from sim.engine.calendar import bucket_of, datum_of, load_of, peek, slot_of
from sim.engine.flags import HOT_INDIFFERENT, is_known
from sim.engine.messages import draw_readers, release
from sim.engine.opening import FETCH, close, lay_out, mark, sort_into
from sim.engine.order import IMPRESSION, PERSON, SEEN, UNSEEN, order_of
from sim.engine.state import BLOCK, DELIVERED, IMPRESSIONS, LOOKS, SEEN_TOTAL, UNSEEN_TOTAL
from sim.jit import inlined, njit, prefetch
from sim.quantiles import ceiling_of, delay_ticks

_LAST = 1.0 - 2.0**-40  # inside (0, 1), however the sum in `coming_at` is rounded

__all__ = ["begin_showings", "coming_at", "next_order", "number_coming"]


@njit
def number_coming(n, wanted):
    """Return how many of n people come to look so that a share `wanted` can notice: n times the power of two above it."""
    return min(n, np.int64(math.ceil(ceiling_of(wanted) * n)))


@inlined
def coming_at(law, points, begins, k, m, key):
    """Return the tick at which the k-th of m people comes to a showing that begins at a tick; it never falls as k rises."""
    return begins + delay_ticks(law, points, min((k + scattered(k, key)) / m, _LAST))


@njit
def begin_showings(T, S, airing, t, slot):
    """Begin to show an airing: to all its channel's people at once, or province by province."""
    a = T.airings[airing]
    c = a["channel"]
    listed = T.net.listed[c]
    audiences, lo, hi = T.net.audiences, np.int64(0), T.net.audiences.sizes[listed]
    if T.in_parts[airing] == 0:
        _begin(T, S, airing, t, slot, lo, hi, 0)
        return
    while lo < hi:
        province = T.province[person_at(audiences, listed, lo)]
        middle, end = lo, hi  # of the people of a channel those of a province stand together
        while middle < end:
            half = (middle + end) // 2
            if T.province[person_at(audiences, listed, half)] <= province:
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
    s["own_first"], s["own_end"] = 0, n
    if len(T.net.audiences.order) == 0:  # people stand by number, and a part has consecutive ones
        s["own_first"] = number_before(T.net.audiences, T.net.listed[c], now["first_person"]) - lo
        s["own_end"] = number_before(T.net.audiences, T.net.listed[c], now["last_person"] + 1) - lo
    s["keys"][0], s["keys"][1], s["keys"][2], s["keys"][3] = quarters(rules["seed"], draws.SHOWING, part, a["id"], 0)
    s["m"] = number_coming(n, wanted)
    s["share"], s["wanted"] = s["m"] / n, wanted
    s["begins"] = begins
    s["ends"] = min(rules["horizon"], begins + a["ticks"]) if channel["type"] == BROADCAST else rules["horizon"]
    s["k"], s["at"], s["length"] = 0, 0, 0
    if not _find(T, S, now["n_showings"]):
        return
    tick = S.shown[now["n_showings"], 0] >> 31
    S.due[now["n_showings"]] = tick
    now["n_showings"] += 1
    S.messages[slot]["pending"] += 1
    now["shown_at"] = min(now["shown_at"], tick)
    meta = S.calendar.meta[0]
    if bucket_of(meta, tick) <= meta["bucket"]:
        now["is_late"] = 1


@njit
def _find(T, S, i):
    """Look for those whom a showing shows next, a block of comers at a time; return whether there is anybody left."""
    s = S.showings[i]
    channel = T.channels[s["channel"]]
    law = T.laws[LOOKS + s["channel"]]
    seed = T.rules[0]["seed"]
    id_ = S.messages[s["slot"]]["id"]
    slot, first, m, begins, ends = s["slot"], s["first"], s["m"], s["begins"], s["ends"]
    share, wanted = s["share"], s["wanted"]
    attention = channel["attention_max"] / channel["ceiling"]
    audiences, listed, own_first, own_end = T.net.audiences, T.net.listed[s["channel"]], s["own_first"], s["own_end"]
    first_person, last_person = S.now[0]["first_person"], S.now[0]["last_person"]
    shown, readers, own, kept, words, seats = S.shown[i], S.block[0], S.block[1], S.block[2], S.words, S.seats
    key0, key1, key2, key3 = s["keys"][0], s["keys"][1], s["keys"][2], s["keys"][3]
    s["at"] = s["length"] = 0
    while s["k"] < m and s["length"] == 0:
        k = s["k"]
        came = min(m - k, BLOCK)
        shuffled_block(k, came, s["n"], s["bits"], key0, key1, key2, seats)
        n_near = 0
        for j in range(came):
            seat = np.int64(seats[j])
            kept[n_near], own[n_near] = seat, j
            n_near += np.int64((own_first <= seat) & (seat < own_end))
        people_at(audiences, listed, first, kept, n_near, readers)
        n_own = 0
        for j in range(n_near):
            reader = readers[j]
            readers[n_own], own[n_own] = reader, own[j]
            n_own += np.int64((first_person <= reader) & (reader <= last_person))
        draw_readers(S, seed, id_, n_own)
        found = 0
        for j in range(n_own):
            kept[found] = j
            found += np.int64((fraction(words[1, j]) * share < wanted) & (coarse(words[0, j]) < attention))
        s["k"] = k + came
        for f in range(found):
            j = kept[f]
            tick = coming_at(law, T.points, begins, k + own[j], m, key3)
            if tick >= ends:
                s["k"] = m
                break
            shown[2 * f] = order_of(tick, IMPRESSION, readers[j])
            shown[2 * f + 1] = load_of(slot, packed(words[0, j], words[3, j]))
            s["length"] = f + 1
    return s["length"] > 0


@njit
def _show(T, S, i, end, count, room):
    """Move those whom a showing shows before `end` to scratch from `count` on, while there is room; return the new count."""
    s, shown, scratch = S.showings[i], S.shown[i], S.calendar.scratch
    before = count
    at, length = s["at"], s["length"]
    while at < length and count < room:
        if shown[2 * at] >> 31 >= end:
            break
        scratch[2 * count], scratch[2 * count + 1] = shown[2 * at], shown[2 * at + 1]
        count += 1
        at += 1
        if at == length:
            at, length = np.int64(0), np.int64(s["length"]) if _find(T, S, i) else np.int64(0)
    s["at"] = at
    S.messages[s["slot"]]["pending"] += count - before
    S.totals[s["channel"], DELIVERED] += count - before
    return count


@inlined
def is_gated(S, c):
    """Return whether something stands between people and a channel now."""
    return S.gates[c]["outage"] == 1 or S.gates[c]["severity"] > 0.0


@njit
def _dismiss(T, S, count):
    """Be done with those of the first `count` shown, in scratch, of whom nothing follows, if they have nothing else to do.

    Who is tired or asleep does not notice; who is indifferent sees, where no gate is shut. What they do is what
    `on_impression` would have them do, without a look at more than two bytes of theirs. Return how many are left.
    """
    scratch, marks, hot, messages = S.calendar.scratch, S.calendar.marks, S.hot, S.messages
    ones = np.int64(len(marks) - 1)
    now = S.now[0]
    levels, shift, bits = T.levels[now["throttled"]], T.rules[0]["hot_shift"], T.levels.shape[2] - 1
    keeps_log = len(S.log) > 0
    left = np.int64(0)
    for i in range(count):
        if i + FETCH < count:
            prefetch(hot, scratch[2 * (i + FETCH)] & PERSON)
        order, load = scratch[2 * i], scratch[2 * i + 1]
        p = order & PERSON
        slot = slot_of(load)
        c = np.int64(messages[slot]["channel"])
        taken = coarse(np.uint64(datum_of(load))) * T.channels[c]["ceiling"]
        person = np.int64(hot[p])
        level = levels[c, person & bits]
        sees = taken < level
        if (
            marks[order & ones] > 1
            or not is_known(person, order >> 31, shift)
            or (sees and (person & HOT_INDIFFERENT == 0 or not level < np.inf or is_gated(S, c)))
        ):
            scratch[2 * left], scratch[2 * left + 1] = order, load
            left += 1
            continue
        marks[order & ones] = 0
        if sees:
            S.totals[c, SEEN_TOTAL] += 1
            S.tally[c, IMPRESSIONS + messages[slot]["kind"]] += 1
        else:
            S.totals[c, UNSEEN_TOTAL] += 1
        if keeps_log:
            row = S.log[now["n_log"]]
            now["n_log"] += 1
            row["tick"], row["kind"], row["person"], row["key"] = order >> 31, IMPRESSION, p, messages[slot]["id"]
            row["channel"], row["result"] = c, SEEN if sees else UNSEEN
        release(S, slot)
    now["n_events"] += count - left
    return left


@njit
def _open(T, S, bucket, limit):
    """Open a bucket, or once more the one at hand; return whether there was room: if not, `wanted` says for how many.

    It is opened at once if it lies within a moment and before the limit, up to which nothing happens but people's events.
    """
    calendar = S.calendar
    meta = calendar.meta[0]
    now = S.now[0]
    stored = np.int64(calendar.buckets[bucket]["count"]) if bucket != meta["bucket"] else np.int64(0)
    count = now["gathered"]
    if bucket == meta["bucket"]:
        count += close(calendar)
    room = len(calendar.scratch) // 2 - stored
    end = (bucket + 1) * meta["width"]
    is_at_once = bucket > meta["bucket"] and end <= limit and T.rules[0]["moment"] % meta["width"] == 0
    due, soonest = S.due, T.rules[0]["horizon"]
    i = np.int64(0)
    while i < now["n_showings"] and count < room:
        if due[i] < end:
            count = _show(T, S, i, end, count, room)
            s = S.showings[i]
            if s["at"] == s["length"]:
                release(S, s["slot"])
                last = now["n_showings"] - 1
                now["n_showings"] = last
                S.showings[i], due[i] = S.showings[last], due[last]
                for k in range(S.shown.shape[1]):  # assigned as a row it would take seconds more to compile
                    S.shown[i, k] = S.shown[last, k]
                continue
            due[i] = S.shown[i, 2 * s["at"]] >> 31
        soonest = min(soonest, due[i])
        i += 1
    if count >= room or (is_at_once and len(S.log) > 0 and now["n_log"] + count > len(S.log)):
        now["gathered"] = count
        now["wanted"] = stored + (len(calendar.scratch) if count >= room else count)
        return False
    now["gathered"] = 0
    now["shown_at"] = soonest
    if is_at_once:
        mark(calendar, bucket, count)
        lay_out(calendar, S.messages, bucket, _dismiss(T, S, count))
    else:
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
            last = bucket_of(meta, limit - 1)
            shown = bucket_of(meta, now["shown_at"])
            while bucket <= last and bucket < shown and calendar.buckets[bucket]["count"] == 0:
                bucket += 1
            if bucket > last:
                meta["bucket"] = max(meta["bucket"], last)
                meta["at"] = 0
                meta["length"] = 0
                return np.int64(-1)
        if not _open(T, S, bucket, limit):
            return np.int64(-2)
    return peek(calendar, limit)
