"""How what is said reaches people, compiled: to those tied to its author, to others by recommendation, to a chat group.

Nobody notices within a moment what others do in it, so that messages need not be spread one after the other: they wait until
the moment is over or so many wait that it pays to look up the ties of all of them at once.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.channels import CHATTER, FEED, GROUP, NEIGHBOURS
from sim.draws import MAX_ORDINAL, coarse, fraction, packed, quarters
from sim.engine.calendar import AGAIN_BIT, push
from sim.engine.mail import seal, send_out
from sim.engine.messages import MOST_WAITING, draw_readers, release
from sim.engine.order import IMPRESSION, next_moment, order_of
from sim.engine.state import BLOCK, DELIVERED, LOOKS, PENDING, UNSEEN_TOTAL
from sim.engine.ties import (
    audience_of,
    existing_group,
    look_up,
    members_of,
    only,
    reader_at,
    seat_of,
    set_of_group,
    tied_to,
)
from sim.jit import inlined, njit, prefetch
from sim.quantiles import ceiling_of, delay_ticks, log_of_missing, skip_length
from sim.units import SECOND

__all__ = ["spread_later", "spread_waiting"]

_LINE = 16
"""People in a cache line of ties."""


@inlined
def spread_later(T, S, t, slot, until):
    """Show a message to its readers before the moment of tick t is over; whoever looks at `until` or later sees nothing."""
    moment = T.rules[0]["moment"]
    if moment < SECOND:
        spread_message(T, S, t, slot, until, 0, False)
        return
    now = S.now[0]
    k = now["n_waiting"]
    waiting = S.waiting[k]
    waiting["slot"], waiting["tick"], waiting["until"] = slot, t, until
    S.messages[slot]["pending"] += 1
    now["n_waiting"] = k + 1
    now["stop"] = min(now["stop"], next_moment(t, moment) << 31) if k + 1 < MOST_WAITING else np.int64(0)


@njit
def spread_waiting(T, S):
    """Show all messages that wait to their readers, their ties fetched ahead step by step."""
    now = S.now[0]
    n = now["n_waiting"]
    if n > 1:
        for step in range(4):
            for k in range(n):
                fetch(T, S, S.waiting[k], step)
    for k in range(n):
        w = S.waiting[k]
        spread_message(T, S, w["tick"], w["slot"], w["until"], w["group"], n > 1)
        release(S, w["slot"])
    now["n_waiting"] = 0


@inlined
def tie_set_of(T, channel):
    """Return the set of ties along which a channel's messages go, -1: none."""
    return T.rules[0]["neighbours_ties"] if channel["type"] == NEIGHBOURS else channel["ties"]


@inlined
def prefetch_starts(net, ties, author):
    """Fetch ahead where the row of a stored set of ties begins, that of an author."""
    if ties >= 0 and net.rows_at[ties] >= 0:
        prefetch(net.ties_starts, net.rows_at[ties] + author)


@inlined
def prefetch_row(net, ties, author):
    """Fetch ahead the row itself, as far as it stands in two lines."""
    if ties >= 0 and net.rows_at[ties] >= 0:
        first = net.ties_starts[net.rows_at[ties] + author]
        prefetch(net.ties, first)
        prefetch(net.ties, first + _LINE)


@inlined
def prefetch_joined(net, groups, person):
    """Fetch ahead where a person's groups begin in a stored set of groups."""
    if net.computed[groups] < 0:
        prefetch(net.joined_starts, net.joined_at[groups] + person)


@inlined
def prefetch_groups(net, groups, person):
    """Fetch ahead a person's groups in a stored set of groups."""
    if net.computed[groups] < 0:
        prefetch(net.joined, net.joined_starts[net.joined_at[groups] + person])


@inlined
def prefetch_members(net, group, has_start):
    """Fetch ahead where the members of a stored chat group begin (-1: of none), or, if that is there, the members."""
    if group >= 0:
        groups, number = set_of_group(net, group)
        if net.computed[groups] < 0:
            at = net.members_at[groups] + number
            if has_start:
                prefetch(net.members, net.group_starts[at])
            else:
                prefetch(net.group_starts, at)


@njit
def fetch(T, S, w, step):
    """Fetch ahead what a message that waits needs next of its ties or chat groups; in step 2 its group is chosen."""
    m = S.messages[w["slot"]]
    author = np.int64(m["author"])
    channel = T.channels[m["channel"]]
    if channel["type"] != GROUP:
        if step == 0:
            prefetch_starts(T.net, tie_set_of(T, channel), author)
        elif step == 1:
            prefetch_row(T.net, tie_set_of(T, channel), author)
    elif step == 0:
        prefetch_joined(T.net, channel["groups"], author)
    elif step == 1:
        prefetch_groups(T.net, channel["groups"], author)
    elif step == 2:
        w["group"] = group_of_post(T, S, w["tick"], m)
        prefetch_members(T.net, w["group"], False)
    else:
        prefetch_members(T.net, w["group"], True)


@njit
def group_of_post(T, S, t, m):
    """Return the chat group of a post; -1: none. One that nobody has created yet passes it on to the author's next one."""
    author = np.int64(m["author"])
    which, _, _, _ = quarters(T.rules[0]["seed"], draws.POST_GROUP, author, m["id"], 0)
    return existing_group(T.net, S.exists_from, t, T.channels[m["channel"]]["groups"], author, fraction(which))


@njit
def spread_message(T, S, t, slot, until, group, is_chosen):
    """Show a message to its readers; `group` is that of a post in a chat group, if it is chosen already."""
    m = S.messages[slot]
    c = np.int64(m["channel"])
    channel = T.channels[c]
    rules = T.rules[0]
    author = np.int64(m["author"])
    if channel["type"] == GROUP:
        if not is_chosen:
            group = group_of_post(T, S, t, m)
        if group < 0:
            return
        members = members_of(T.net, group)
        _, direct, to, _ = quarters(rules["seed"], draws.POST_GROUP, author, m["id"], 0)
        if fraction(direct) < channel["direct"]:
            if members.n < 2:
                return
            one = np.int64(fraction(to) * (members.n - 1))
            if reader_at(T.net, members, one) == author:
                one = members.n - 1
            members = only(members, one)
        spread(T, S, t, slot, members, 1.0, channel["ceiling"], channel["log_miss"], draws.SKIP, -1, until)
        return
    ties = tie_set_of(T, channel)
    if ties >= 0:
        own = tied_to(T.net, ties, author, c)
        spread(T, S, t, slot, own, 1.0, channel["ceiling"], channel["log_miss"], draws.SKIP, -1, until)
    extra = channel["recommended"]
    most = extra + channel["trend_readers"]
    if S.trending[c] == 1 and m["kind"] != CHATTER:
        extra = most
    if channel["type"] == FEED and extra > 0.0 and (ties < 0 or T.net.complete[ties] == 0):
        everyone = audience_of(T.net, c)
        if everyone.n > 0:
            rate = ceiling_of(min(1.0, most / everyone.n) * channel["ceiling"])
            share, log_miss = min(1.0, extra / everyone.n), log_of_missing(rate)
            spread(T, S, t, slot, everyone, share, rate, log_miss, draws.EXTRA_READER, ties, until)


@njit
def spread(T, S, t, slot, readers, share, rate, log_miss, purpose, but, until):
    """Show a message to each of the readers with probability `share`, jumping from reader to reader; see `Nation.chosen`.

    They are sought at a rate of at least share x ceiling, of which `log_of_missing` is log_miss. The author is left out, and
    so are those to whom the author is tied in the set `but` (-1: none), who have it already.
    """
    m = S.messages[slot]
    id_ = m["id"]
    author = np.int64(m["author"])
    c = np.int64(m["channel"])
    channel = T.channels[c]
    wanted = share * channel["ceiling"]
    if wanted <= 0.0:
        return
    seed = T.rules[0]["seed"]
    attention = channel["noticing"]
    law = T.laws[LOOKS + c]
    horizon, soonest = T.rules[0]["horizon"], next_moment(t, T.rules[0]["moment"])
    first, last = S.now[0]["first_person"], S.now[0]["last_person"]
    held = AGAIN_BIT if channel["repeats"] == 1 else np.int32(0)
    block, places, words = S.block[0], S.block[1], S.words
    n_delivered, n_pushed = 0, 0
    i = np.int64(0)
    k = 0
    w0 = w1 = w2 = w3 = np.uint64(0)
    while i < readers.n:
        # A block at a time: their draws go through the processor's lanes.
        found = 0
        while found < BLOCK:
            if log_miss != 0.0:  # else nobody can be missed
                if k & 3 == 0:
                    w0, w1, w2, w3 = quarters(seed, purpose, k >> 26, id_, (k >> 2) & MAX_ORDINAL)
                i += skip_length(fraction(w0), log_miss)
                w0, w1, w2 = w1, w2, w3
                k += 1
            if i >= readers.n:
                break
            places[found] = i
            found += 1
            i += 1
        if found == 0:
            break
        look_up(T.net, readers, places, found, block)
        length = 0
        for j in range(found):
            reader = block[j]
            block[length] = reader
            length += np.int64((reader >= 0) & (reader != author))  # some numbers of implied ties are nobody's
        draw_readers(S, seed, id_, length)
        for j in range(length):
            if fraction(words[1, j]) * rate >= wanted or coarse(words[0, j]) >= attention:
                continue
            reader = block[j]
            if but >= 0 and seat_of(T.net, tied_to(T.net, but, author, c), reader) >= 0:
                continue
            n_delivered += 1
            tick = max(t + delay_ticks(law, T.points, fraction(words[2, j])), soonest)
            if tick >= horizon:
                S.totals[c, PENDING] += 1
                continue
            if tick >= until:
                S.totals[c, UNSEEN_TOTAL] += 1
                continue
            order = order_of(tick, IMPRESSION, reader)
            datum = np.int64(0) if held else np.int64(packed(words[0, j], words[3, j]))
            if first <= reader <= last:
                n_pushed += 1
                push(S.calendar, S.messages, order, slot | held, datum)
            else:
                send_out(S, order, held, datum)
    m["pending"] += n_pushed
    S.totals[c, DELIVERED] += n_delivered
    seal(S, slot)
