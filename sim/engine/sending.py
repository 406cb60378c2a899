"""What people say, compiled: write, pass the gate of sending, publish, spread, deliver.

`reference.py` says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import ON_SQUARE, RETURNING, TRAVELLING
from sim.channels import CALL, CHATTER, FEED, NEWS
from sim.draws import MAX_ORDINAL, coarse, exponential, fraction, identity, packed, quarters, uniform, waited
from sim.engine.calendar import AGAIN_BIT, push
from sim.engine.deciding import cut_off
from sim.engine.flags import CALLED, CIRCUMVENTS, HEARD, POSTS, has, is_reached, rate_of
from sim.engine.mail import seal, send_out
from sim.engine.messages import draw_readers, push_message, release, write
from sim.engine.order import (
    CANDIDATE,
    FAILED,
    HELD,
    IMPRESSION,
    PUBLISHED,
    RETRY,
    RETRYING,
    THINNED,
    next_moment,
    order_of,
)
from sim.engine.rules import offline_until
from sim.engine.state import (
    ATTEMPTED,
    BLOCK,
    DELIVERED,
    FAILED_COUNT,
    L_RETRY,
    LIVE,
    LOOKS,
    PENDING,
    POSTS_PENDING,
    PUBLISHED_COUNT,
    TOPICAL,
    UNSEEN_TOTAL,
)
from sim.engine.ties import (
    audience_of,
    existing_group,
    look_up,
    members_of,
    only,
    reader_at,
    seat_of,
    tied_to,
)
from sim.jit import inlined, njit
from sim.posting import cycle_at
from sim.quantiles import ceiling_of, delay_ticks, log_of_missing, skip_length

__all__ = ["first_candidate", "impression_at", "on_candidate", "on_reaction", "on_retry", "own_channel", "release_tick",
           "spread_tied"]  # fmt: skip


@njit
def activity(T, S, p, t):
    """Return the factor in [0, 1] on a person's posting now: state x daily cycle."""
    s = S.people[p]
    rules = T.rules[0]
    if offline_until(T, S, p, t) >= 0:
        return 0.0
    factor = rules["while_home"]
    if rules["as_if_home"] == 0:
        phase = s["phase"]
        if phase == ON_SQUARE:
            factor = rules["while_on_square"]
        elif phase == TRAVELLING or phase == RETURNING:
            factor = rules["while_travelling"]
    return factor * cycle_at(T.cycle, rules["time_of_day"], t)


@njit
def own_channel(T, p, u):
    """Return a channel of the person's own mix, chosen by u in proportion to posts per user; -1 without any."""
    total = 0.0
    for c in range(len(T.channels)):
        if is_reached(T, p, c):
            total += T.channels[c]["posts_per_tick"]
    x = u * total
    last = -1
    for c in range(len(T.channels)):
        if is_reached(T, p, c) and T.channels[c]["posts_per_tick"] > 0.0:
            x -= T.channels[c]["posts_per_tick"]
            last = c
            if x < 0.0:
                break
    return last


@njit
def first_candidate(T, S, p):
    """Schedule the first candidate of a person's stream of spontaneous posts."""
    schedule_candidate(T, S, p, np.int64(-1), 0, exponential(T.rules[0]["seed"], draws.FIRST_CANDIDATE, p, 0, 0))


@inlined
def schedule_candidate(T, S, p, t, k, wait):
    """Schedule the k-th candidate, so long after t: a wait of mean 1 at a person's rate."""
    if not has(S.people[p], POSTS):
        return
    gap = wait / rate_of(T, S.people, p)
    if gap < T.rules[0]["horizon"] - t - 1:
        push(S.calendar, S.messages, order_of(t + 1 + np.int64(gap), CANDIDATE, p), -1, k)


@inlined
def on_candidate(T, S, p, t, k):
    """Post spontaneously, or let it be; return (result, channel)."""
    rules = T.rules[0]
    seed = rules["seed"]
    wait, accept, which, of_kind = quarters(seed, draws.CANDIDATE, p, 0, k)
    schedule_candidate(T, S, p, t, k + 1, waited(wait))
    if fraction(accept) >= activity(T, S, p, t):
        return THINNED, -1
    c = own_channel(T, p, fraction(which))
    s = S.people[p]
    kind = CHATTER
    if has(s, HEARD):
        u = fraction(of_kind)
        if u < rules["topical"]:
            kind = CALL if has(s, CALLED) and u < rules["topical"] * rules["relay"] else NEWS
    slot = write(S, identity(seed, draws.ID_POST, p, 0, k), p, c, kind, 0)
    result = attempt(T, S, p, t, slot)
    release(S, slot)
    return result, c


@njit
def attempt(T, S, p, t, slot):
    """Try for the first time to publish a message."""
    S.tally[S.messages[slot]["channel"], ATTEMPTED] += 1
    return send(T, S, p, t, slot)


@njit
def release_tick(T, S, p, t, c, key, ordinal):
    """Return when the gate of a channel lets through what it holds: after its lag, or some time after its window ends."""
    gate = S.gates[c]
    if gate["lag"] > 0:
        return t + gate["lag"]
    rules = T.rules[0]
    spread = rules["hold"] * exponential(rules["seed"], draws.HOLD, p, key, ordinal)
    return max(gate["release"], t) + 1 + np.int64(min(spread, 1e12))


@njit
def send(T, S, p, t, slot):
    """Pass the gate of sending: publish, be held, fail and try again later, or fail."""
    m = S.messages[slot]
    c = np.int64(m["channel"])
    gate = S.gates[c]
    rules = T.rules[0]
    tries = np.int64(m["tries"])
    if gate["severity"] > 0.0 and not has(S.people[p], CIRCUMVENTS):
        if uniform(rules["seed"], draws.SEND_GATE, p, m["id"], tries) < gate["severity"]:
            cut_off(T, S, p, t)
            if gate["mode"] == 1:
                retry_at(T, S, release_tick(T, S, p, t, c, m["id"], 2 * tries), p, slot, 1)
                return HELD
            again = uniform(rules["seed"], draws.RETRY, p, m["id"], tries) < rules["retry"]
            if tries < rules["retry_most"] and again:
                m["tries"] += 1
                u = uniform(rules["seed"], draws.RETRY_DELAY, p, m["id"], tries)
                retry_at(T, S, t + delay_ticks(T.laws[L_RETRY], T.points, u), p, slot, 0)
                return RETRYING
            S.tally[c, FAILED_COUNT] += 1
            return FAILED
    publish(T, S, t, slot)
    return PUBLISHED


@njit
def retry_at(T, S, tick, p, slot, is_held):
    """Schedule the next try of a post; one that falls behind the horizon is pending."""
    m = S.messages[slot]
    if tick < T.rules[0]["horizon"]:
        push_message(S, order_of(tick, RETRY, p), slot, 0, is_held)
    else:
        S.totals[m["channel"], POSTS_PENDING] += 1


@njit
def on_retry(T, S, p, t, slot, is_held):
    """Publish what was held, or try a failed post again if awake."""
    if is_held == 1:
        publish(T, S, t, slot)
        return PUBLISHED
    if offline_until(T, S, p, t) >= 0:
        S.tally[S.messages[slot]["channel"], FAILED_COUNT] += 1
        return FAILED
    return send(T, S, p, t, slot)


@njit
def publish(T, S, t, slot):
    """Make a message public and bring it on its way to its readers."""
    m = S.messages[slot]
    c = np.int64(m["channel"])
    channel = T.channels[c]
    rules = T.rules[0]
    author = np.int64(m["author"])
    S.tally[c, PUBLISHED_COUNT] += 1
    if m["kind"] != CHATTER:
        S.tally[c, TOPICAL] += 1
    if m["live"] == 1:
        S.tally[c, LIVE] += 1
    if channel["type"] == FEED:
        ties = channel["ties"]
        if ties >= 0:
            spread_tied(T, S, t, slot, ties, rules["horizon"])
        extra = channel["recommended"]
        most = extra + channel["trend_readers"]
        if S.trending[c] == 1 and m["kind"] != CHATTER:
            extra = most
        if extra > 0.0 and (ties < 0 or T.net.complete[ties] == 0):
            everyone = audience_of(T.net, c)
            if everyone.n > 0:
                rate = ceiling_of(min(1.0, most / everyone.n) * channel["ceiling"])
                share = min(1.0, extra / everyone.n)
                spread(
                    T,
                    S,
                    t,
                    slot,
                    everyone,
                    share,
                    rate,
                    log_of_missing(rate),
                    draws.EXTRA_READER,
                    ties,
                    rules["horizon"],
                )
    else:
        # A group that nobody has created yet passes the message on to the author's next one.
        which, direct, to, _ = quarters(rules["seed"], draws.POST_GROUP, author, m["id"], 0)
        group = existing_group(T.net, S.exists_from, t, channel["groups"], author, fraction(which))
        if group < 0:
            return
        members = members_of(T.net, group)
        if fraction(direct) < channel["direct"]:
            if members.n < 2:
                return
            one = np.int64(fraction(to) * (members.n - 1))
            if reader_at(T.net, members, one) == author:
                one = members.n - 1
            members = only(members, one)
        spread_to_all(T, S, t, slot, members, rules["horizon"])


@inlined
def spread_tied(T, S, t, slot, ties, until):
    """Show a message to those who are tied to its author; where everybody is, to all who can be reached on its channel.

    Whoever looks at the tick `until` or later sees nothing any more.
    """
    m = S.messages[slot]
    spread_to_all(T, S, t, slot, tied_to(T.net, ties, np.int64(m["author"]), np.int64(m["channel"])), until)


@inlined
def spread_to_all(T, S, t, slot, readers, until):
    """Show a message to all of the readers."""
    channel = T.channels[S.messages[slot]["channel"]]
    spread(T, S, t, slot, readers, 1.0, channel["ceiling"], channel["log_miss"], draws.SKIP, -1, until)


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


@njit
def impression_at(T, S, tick, reader, slot, held, datum):
    """Schedule one more impression of a message; one that falls behind the horizon is pending."""
    if tick < T.rules[0]["horizon"]:
        push_message(S, order_of(tick, IMPRESSION, reader), slot, held, datum)
    else:
        S.totals[S.messages[slot]["channel"], PENDING] += 1


@inlined
def on_reaction(T, S, p, t, slot):
    """Post what was provoked, if the moment allows; live video only from the square."""
    m = S.messages[slot]
    if m["live"] == 1:
        if S.people[p]["phase"] != ON_SQUARE:
            return THINNED
    elif uniform(T.rules[0]["seed"], draws.REACTION_ACCEPT, p, m["id"], 0) >= activity(T, S, p, t):
        return THINNED
    return attempt(T, S, p, t, slot)
