"""What people say, compiled: write, pass the gate of sending, publish.

`reference.py` says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import ON_SQUARE, RETURNING, TRAVELLING
from sim.channels import CALL, CHATTER, NEWS
from sim.draws import exponential, fraction, identity, quarters, uniform, waited
from sim.engine.calendar import push
from sim.engine.deciding import cut_off
from sim.engine.flags import CALLED, CIRCUMVENTS, HEARD, has, is_reached
from sim.engine.messages import push_message, release, write
from sim.engine.order import (
    CANDIDATE,
    FAILED,
    HELD,
    IMPRESSION,
    PUBLISHED,
    RETRY,
    RETRYING,
    THINNED,
    order_of,
)
from sim.engine.rules import offline_until
from sim.engine.spreading import spread_later
from sim.engine.state import (
    ATTEMPTED,
    FAILED_COUNT,
    L_RETRY,
    LIVE,
    PENDING,
    POSTS_PENDING,
    PUBLISHED_COUNT,
    TOPICAL,
)
from sim.jit import inlined, njit
from sim.posting import cycle_at
from sim.quantiles import delay_ticks

__all__ = [
    "first_candidate",
    "impression_at",
    "on_candidate",
    "on_reaction",
    "on_retry",
    "own_channel",
    "release_tick",
]


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
    rate = np.float64(S.people[p]["posts_per_tick"])
    if rate <= 0.0:
        return
    gap = wait / rate
    if gap < T.rules[0]["horizon"] - t - 1:
        push(S.calendar, S.messages, order_of(t + 1 + np.int64(gap), CANDIDATE, p), -1, k)


@njit
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
    S.tally[c, PUBLISHED_COUNT] += 1
    if m["kind"] != CHATTER:
        S.tally[c, TOPICAL] += 1
    if m["live"] == 1:
        S.tally[c, LIVE] += 1
    spread_later(T, S, t, slot, T.rules[0]["horizon"])


@njit
def impression_at(T, S, tick, reader, slot, held, datum):
    """Schedule one more impression of a message; one that falls behind the horizon is pending."""
    if tick < T.rules[0]["horizon"]:
        push_message(S, order_of(tick, IMPRESSION, reader), slot, held, datum)
    else:
        S.totals[S.messages[slot]["channel"], PENDING] += 1


@njit
def on_reaction(T, S, p, t, slot):
    """Post what was provoked, if the moment allows; live video only from the square."""
    m = S.messages[slot]
    if m["live"] == 1:
        if S.people[p]["phase"] != ON_SQUARE:
            return THINNED
    elif uniform(T.rules[0]["seed"], draws.REACTION_ACCEPT, p, m["id"], 0) >= activity(T, S, p, t):
        return THINNED
    return attempt(T, S, p, t, slot)
