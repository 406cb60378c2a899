"""What people say and read, compiled: write, send through the gate, spread, look through the gate, react.

`reference.py` says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import ON_SQUARE, RETURNING, TRAVELLING
from sim.channels import CALL, CHATTER, FEED, NEIGHBOURS, NEWS, STAY_CALL
from sim.draws import exponential, identity, uniform
from sim.engine.calendar import push
from sim.engine.order import (
    CANDIDATE,
    DROPPED,
    FAILED,
    HELD,
    IMPRESSION,
    PUBLISHED,
    REACTION,
    RETRY,
    RETRYING,
    SEEN,
    THINNED,
    TIPPED,
    UNSEEN,
    WAITING,
    order_of,
)
from sim.engine.rules import cut_off, expose, hear, prolong, rouse
from sim.engine.state import (
    ATTEMPTED,
    DELIVERED,
    DROPPED_TOTAL,
    FAILED_COUNT,
    IMPRESSIONS,
    L_AROUSAL,
    L_LIVE,
    L_MEMORY,
    L_RETRY,
    L_VICTORY,
    LOOKS,
    PENDING,
    POSTS_PENDING,
    PUBLISHED_COUNT,
    SEEN_TOTAL,
    TOPICAL,
    UNSEEN_TOTAL,
)
from sim.jit import njit
from sim.laws import delay_ticks, poisson
from sim.posting import cycle_at, log_of_missing, skip_length
from sim.units import HOUR, MINUTE

__all__ = ["announce", "deliver", "on_candidate", "on_impression", "on_reaction", "on_retry", "schedule_candidate"]


@njit
def write(S, id_, author, channel, kind, live, authority, arousal):
    """Store a message and return its slot."""
    now = S.now[0]
    slot = now["n_messages"]
    now["n_messages"] = slot + 1
    m = S.messages[slot]
    m["id"] = id_
    m["author"] = author
    m["channel"] = channel
    m["kind"] = kind
    m["live"] = live
    m["tries"] = 0
    m["authority"] = authority
    m["arousal"] = arousal
    return slot


@njit
def activity(T, S, p, t):
    """Return the factor in [0, 1] on a person's posting now: state x daily cycle."""
    s = S.people[p]
    rules = T.rules[0]
    if s["asleep"] == 1:
        return 0.0
    factor = 1.0
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
    reachable = T.people[p]["reachable"]
    total = 0.0
    for c in range(len(T.channels)):
        if (reachable >> np.uint32(c)) & np.uint32(1):
            total += T.channels[c]["posts_per_tick"]
    x = u * total
    last = -1
    for c in range(len(T.channels)):
        if (reachable >> np.uint32(c)) & np.uint32(1) and T.channels[c]["posts_per_tick"] > 0.0:
            x -= T.channels[c]["posts_per_tick"]
            last = c
            if x < 0.0:
                break
    return last


# -- spontaneous posts


@njit
def schedule_candidate(T, S, p, t, k):
    """Schedule the k-th candidate of a person's stream of spontaneous posts."""
    rate = T.people[p]["posts_per_tick"]
    if rate <= 0.0:
        return
    rules = T.rules[0]
    gap = exponential(rules["seed"], draws.CANDIDATE_GAP, p, 0, k) / rate
    if gap < rules["horizon"] - t - 1:
        push(S.calendar, order_of(t + 1 + np.int64(gap), CANDIDATE, p), k, -1, 0)


@njit
def on_candidate(T, S, p, t, k):
    """Post spontaneously, or let it be; return (result, channel)."""
    rules = T.rules[0]
    seed = rules["seed"]
    schedule_candidate(T, S, p, t, k + 1)
    if uniform(seed, draws.CANDIDATE_ACCEPT, p, 0, k) >= activity(T, S, p, t):
        return THINNED, -1
    c = own_channel(T, p, uniform(seed, draws.POST_CHANNEL, p, 0, k))
    s = S.people[p]
    kind = CHATTER
    if s["has_heard"] == 1:
        u = uniform(seed, draws.POST_KIND, p, 0, k)
        if u < rules["topical"]:
            kind = CALL if s["called"] == 1 and u < rules["topical"] * rules["relay"] else NEWS
    slot = write(S, identity(seed, draws.ID_POST, p, 0, k), p, c, kind, 0, rules["authority"], 0.0)
    return attempt(T, S, p, t, slot), c


# -- sending


@njit
def attempt(T, S, p, t, slot):
    """Try for the first time to publish a message."""
    S.counts[t // MINUTE, S.messages[slot]["channel"], ATTEMPTED] += 1
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
    if gate["severity"] > 0.0 and S.people[p]["circumventing"] == 0:
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
            S.counts[t // MINUTE, c, FAILED_COUNT] += 1
            return FAILED
    publish(T, S, t, slot)
    return PUBLISHED


@njit
def retry_at(T, S, tick, p, slot, is_held):
    """Schedule the next try of a post; one that falls behind the horizon is pending."""
    m = S.messages[slot]
    if tick < T.rules[0]["horizon"]:
        push(S.calendar, order_of(tick, RETRY, p), m["id"], slot, is_held)
    else:
        S.totals[m["channel"], POSTS_PENDING] += 1


@njit
def on_retry(T, S, p, t, slot, is_held):
    """Publish what was held, or try a failed post again if awake."""
    if is_held == 1:
        publish(T, S, t, slot)
        return PUBLISHED
    if S.people[p]["asleep"] == 1:
        S.counts[t // MINUTE, S.messages[slot]["channel"], FAILED_COUNT] += 1
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
    S.counts[t // MINUTE, c, PUBLISHED_COUNT] += 1
    if m["kind"] != CHATTER:
        S.counts[t // MINUTE, c, TOPICAL] += 1
    if channel["type"] == FEED:
        ties = channel["ties"]
        if ties >= 0:
            lo, hi = T.ties_starts[ties, author], T.ties_starts[ties, author + 1]
            spread(T, S, t, slot, T.ties, lo, hi, channel["attention_max"], draws.SKIP, -1)
        extra = channel["recommended"]
        if S.trending[c] == 1 and m["kind"] != CHATTER:
            extra += channel["trend_readers"]
        lo, hi = T.audience_starts[c], T.audience_starts[c + 1]
        if extra > 0.0 and hi > lo:
            share = min(1.0, extra / (hi - lo)) * channel["attention_max"]
            spread(T, S, t, slot, T.audience, lo, hi, share, draws.EXTRA_READER, ties)
    else:
        starts = T.joined_starts[channel["groups"]]
        n_joined = starts[author + 1] - starts[author]
        if n_joined == 0:
            return
        k = np.int64(uniform(rules["seed"], draws.POST_GROUP, author, m["id"], 0) * n_joined)
        for i in range(n_joined):
            # A group that nobody has created yet passes the message on to the author's next one.
            group = T.joined[starts[author] + (k + i) % n_joined]
            if S.exists[group] == 1:
                lo, hi = T.group_starts[group], T.group_starts[group + 1]
                spread(T, S, t, slot, T.members, lo, hi, channel["attention_max"], draws.SKIP, -1)
                return


@njit
def is_tied(T, ties, author, reader):
    """Return whether reader stands in author's row of a tie set."""
    lo, hi = T.ties_starts[ties, author], T.ties_starts[ties, author + 1]
    while lo < hi:
        middle = (lo + hi) // 2
        if T.ties[middle] < reader:
            lo = middle + 1
        else:
            hi = middle
    return lo < T.ties_starts[ties, author + 1] and T.ties[lo] == reader


@njit
def spread(T, S, t, slot, people, lo, hi, share, purpose, but_ties):
    """Deliver a message to each of people[lo:hi] with probability `share`, jumping from reader to reader.

    The author is left out, and so are the author's own ties in the set `but_ties` (they have it already).
    """
    if share <= 0.0:
        return
    m = S.messages[slot]
    seed = T.rules[0]["seed"]
    log_miss = log_of_missing(share)
    i = np.int64(lo)
    k = 0
    while True:
        i += skip_length(uniform(seed, purpose, 0, m["id"], k), log_miss)
        if i >= hi:
            return
        reader = people[i]
        if reader != m["author"] and (but_ties < 0 or not is_tied(T, but_ties, m["author"], reader)):
            deliver(T, S, t, slot, reader)
        i += 1
        k += 1


@njit
def deliver(T, S, t, slot, reader):
    """Schedule when a reader will look at a message."""
    m = S.messages[slot]
    c = np.int64(m["channel"])
    u = uniform(T.rules[0]["seed"], draws.LOOK, reader, m["id"], 0)
    S.totals[c, DELIVERED] += 1
    impression_at(T, S, t + delay_ticks(T.laws[LOOKS + c], T.points, u), reader, slot, 0)


@njit
def impression_at(T, S, tick, reader, slot, is_held):
    """Schedule an impression; one that falls behind the horizon is pending."""
    m = S.messages[slot]
    if tick < T.rules[0]["horizon"]:
        push(S.calendar, order_of(tick, IMPRESSION, reader), m["id"], slot, is_held)
    else:
        S.totals[m["channel"], PENDING] += 1


# -- reading


@njit
def on_impression(T, S, p, t, slot, is_held):
    """Look at a message: asleep? interested? let through? Then hear, react, weigh, perhaps decide."""
    m = S.messages[slot]
    s = S.people[p]
    c = np.int64(m["channel"])
    id_ = m["id"]
    channel = T.channels[c]
    rules = T.rules[0]
    seed = rules["seed"]
    totals = S.totals[c]
    if s["asleep"] == 1:
        if channel["wakes"] > 0.0 and uniform(seed, draws.WOKEN, p, id_, 0) < channel["wakes"]:
            rouse(T, S, p, t, id_)
        elif channel["waits"] == 1:
            delay = delay_ticks(T.laws[LOOKS + c], T.points, uniform(seed, draws.WAIT_READ, p, id_, 0))
            impression_at(T, S, max(s["wake_at"], t) + delay, p, slot, is_held)
            return WAITING
        else:
            totals[UNSEEN_TOTAL] += 1
            return UNSEEN
    if is_held == 0:
        level = channel["attention"][s["seeking"]] / channel["attention_max"]
        phase = s["phase"]
        if rules["as_if_home"] == 0 and (phase == ON_SQUARE or phase == TRAVELLING or phase == RETURNING):
            level = level * channel["while_out"]
        if level < 1.0 and uniform(seed, draws.ATTEND, p, id_, 0) >= level:
            totals[UNSEEN_TOTAL] += 1
            return UNSEEN
        gate = S.gates[c]
        if gate["outage"] == 1:
            totals[DROPPED_TOTAL] += 1
            return DROPPED
        if gate["severity"] > 0.0 and s["circumventing"] == 0:
            if uniform(seed, draws.READ_GATE, p, id_, 0) < gate["severity"]:
                cut_off(T, S, p, t)
                if gate["mode"] == 1:
                    impression_at(T, S, release_tick(T, S, p, t, c, id_, 1), p, slot, 1)
                    return HELD
                totals[DROPPED_TOTAL] += 1
                return DROPPED
    return see(T, S, p, t, slot)


@njit
def see(T, S, p, t, slot):
    """Take in a message that has been looked at."""
    m = S.messages[slot]
    s = S.people[p]
    c = np.int64(m["channel"])
    id_ = m["id"]
    kind = np.int64(m["kind"])
    S.totals[c, SEEN_TOTAL] += 1
    S.counts[t // MINUTE, c, IMPRESSIONS] += 1
    if kind == NEWS or kind == CALL:
        if s["has_heard"] == 0:
            hear(T, S, p, t, c)
        if kind == CALL:
            s["called"] = 1
    elif kind == STAY_CALL:
        prolong(T, S, p, id_)
    if T.channels[c]["type"] == NEIGHBOURS and kind == CALL:
        s["contacts_out"] += 1
    react(T, S, p, t, slot)
    if kind == CHATTER:
        return SEEN
    on_screen = T.channels[c]["screen"] == 1 or m["live"] == 1
    return TIPPED if expose(T, S, p, t, c, kind, m["authority"], on_screen) else SEEN


@njit
def react(T, S, p, t, slot):
    """Schedule the posts that an impression provokes: a Poisson number, each after a delay of the memory kernel."""
    m = S.messages[slot]
    person = T.people[p]
    rules = T.rules[0]
    seed = rules["seed"]
    c = np.int64(m["channel"])
    id_ = m["id"]
    parent_kind = np.int64(m["kind"])
    if m["author"] < 0:
        mean = m["arousal"] * HOUR * person["posts_per_tick"]
        law = L_AROUSAL
    else:
        mean = rules["reaction_scale"] * T.channels[c]["reaction"] * person["propensity"]
        law = L_MEMORY
    if mean <= 0.0:
        return
    count = poisson(min(mean, 30.0), uniform(seed, draws.REACTION_COUNT, p, id_, 0))
    for j in range(count):
        tick = t + delay_ticks(T.laws[law], T.points, uniform(seed, draws.REACTION_DELAY, p, id_, j))
        if tick >= rules["horizon"]:
            continue
        d = c
        if law == L_AROUSAL or uniform(seed, draws.REACTION_CHANNEL, p, id_, 2 * j) < rules["cross"]:
            d = own_channel(T, p, uniform(seed, draws.REACTION_CHANNEL, p, id_, 2 * j + 1))
        if d < 0:
            continue
        kind = parent_kind
        if kind == CALL or kind == STAY_CALL:
            if uniform(seed, draws.REACTION_KIND, p, id_, j) >= rules["relay"]:
                kind = NEWS
        child = identity(seed, draws.ID_REACTION, p, id_, j)
        reply = write(S, child, p, d, kind, 0, rules["authority"], 0.0)
        push(S.calendar, order_of(tick, REACTION, p), child, reply, 0)


@njit
def on_reaction(T, S, p, t, slot):
    """Post what was provoked, if the moment allows; live video only from the square. Return (result, channel)."""
    m = S.messages[slot]
    c = np.int64(m["channel"])
    if m["live"] == 1:
        if S.people[p]["phase"] != ON_SQUARE:
            return THINNED, c
    elif uniform(T.rules[0]["seed"], draws.REACTION_ACCEPT, p, m["id"], 0) >= activity(T, S, p, t):
        return THINNED, c
    return attempt(T, S, p, t, slot), c


# -- what going out makes people say


@njit
def announce(T, S, p, t, id_, kind):
    """Be seen or heard by the neighbours: kind CALL for leaving home, NEWS for telling."""
    rules = T.rules[0]
    c = rules["neighbours"]
    if c < 0:
        return
    slot = write(S, id_, p, c, kind, 0, rules["authority"], 0.0)
    ties = rules["neighbours_ties"]
    lo, hi = T.ties_starts[ties, p], T.ties_starts[ties, p + 1]
    spread(T, S, t, slot, T.ties, lo, hi, T.channels[c]["attention_max"], draws.SKIP, -1)


@njit
def film(T, S, p, t):
    """Schedule live videos from the square."""
    rules = T.rules[0]
    seed = rules["seed"]
    trip = np.int64(S.people[p]["trips"])
    reachable = T.people[p]["reachable"]
    for c in range(len(T.channels)):
        if (reachable >> np.uint32(c)) & np.uint32(1) == 0:
            continue
        mean = rules["live"] * T.channels[c]["live"] * T.people[p]["propensity"]
        if mean <= 0.0:
            continue
        count = poisson(min(mean, 30.0), uniform(seed, draws.LIVE_COUNT, p, c, trip))
        for j in range(count):
            ordinal = trip * 256 + j
            tick = t + delay_ticks(T.laws[L_LIVE], T.points, uniform(seed, draws.LIVE_DELAY, p, c, ordinal))
            if tick < rules["horizon"]:
                id_ = identity(seed, draws.ID_LIVE, p, c, ordinal)
                kind = CALL if uniform(seed, draws.REACTION_KIND, p, id_, 0) < rules["relay"] else NEWS
                slot = write(S, id_, p, c, kind, 1, rules["authority"], 0.0)
                push(S.calendar, order_of(tick, REACTION, p), id_, slot, 0)


@njit
def celebrate(T, S, p, t):
    """Schedule the posts by which a person who came home shares the victory, from the first waking moment t."""
    rules = T.rules[0]
    seed = rules["seed"]
    mean = rules["victory_posts"] * T.people[p]["posts_per_tick"]
    if mean <= 0.0 or rules["as_if_home"] == 1:
        return
    trip = np.int64(S.people[p]["trips"])
    count = poisson(min(mean, 30.0), uniform(seed, draws.VICTORY_COUNT, p, 0, trip))
    for j in range(count):
        ordinal = trip * 256 + j
        tick = t + delay_ticks(T.laws[L_VICTORY], T.points, uniform(seed, draws.VICTORY_DELAY, p, 0, ordinal))
        c = own_channel(T, p, uniform(seed, draws.POST_CHANNEL, p, 1, ordinal))
        if tick < rules["horizon"] and c >= 0:
            id_ = identity(seed, draws.ID_VICTORY, p, 0, ordinal)
            slot = write(S, id_, p, c, NEWS, 0, rules["authority"], 0.0)
            push(S.calendar, order_of(tick, REACTION, p), id_, slot, 0)
