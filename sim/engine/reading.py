"""What people read and what it provokes, compiled: look, pass the gate of reading, see, react; speak of going out.

`reference.py` says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import phase_is_out
from sim.channels import CALL, NEIGHBOURS, NEWS, STAY_CALL
from sim.draws import bound_of_other, coarse, fraction, identity, packed, quarters, uniform
from sim.engine.calendar import AGAIN_BIT, HOLD_SHIFT, push
from sim.engine.deciding import cut_off, expose, rejoin, seeking
from sim.engine.flags import (
    CALLED,
    CIRCUMVENTS,
    HEARD,
    POSTS,
    has,
    is_reached,
    mind_of,
    put,
    rate_of,
    reactivity_of,
    row_of,
)
from sim.engine.mail import seal, send_out
from sim.engine.messages import push_message, release, write
from sim.engine.order import (
    DONE,
    DROPPED,
    HELD,
    HELD_NOTICED,
    HELD_UNNOTICED,
    IGNORED,
    REACTION,
    RETURN_SEEN,
    SEEN,
    TIPPED,
    UNSEEN,
    WAITING,
    moment_begun,
    next_moment,
    order_of,
)
from sim.engine.rules import forgotten_at, hear, offline_until, prolong, rouse
from sim.engine.sending import impression_at, own_channel, release_tick, spread_tied
from sim.engine.state import (
    DELIVERED,
    DROPPED_TOTAL,
    IMPRESSIONS,
    L_AROUSAL,
    L_LIVE,
    L_MEMORY,
    L_VICTORY,
    LOOKS,
    SEEN_TOTAL,
    STAGE,
    STAGES,
    UNSEEN_TOTAL,
)
from sim.engine.ties import reader_at, seat_of, tied_to
from sim.jit import inlined, njit
from sim.posting import MOST_REACTIONS
from sim.quantiles import delay_ticks, poisson
from sim.units import HOUR

__all__ = ["announce", "celebrate", "film", "on_impression", "on_return_seen", "show_return"]


@inlined
def on_impression(T, S, p, t, slot, hold, is_again, datum):
    """Look at a message: asleep? interested? let through? Then see. What keyboard changes is told in `Correspondent.look`."""
    m = S.messages[slot]
    s = S.people[p]
    c = np.int64(m["channel"])
    id_ = m["id"]
    channel = T.channels[c]
    rules = T.rules[0]
    seed = rules["seed"]
    totals = S.totals[c]
    again = datum if is_again else np.int64(0)
    key = id_ ^ again
    word = np.uint64(datum)
    if is_again:
        first, _, _, last = quarters(seed, draws.READER, p, id_, 0)
        word = packed(first, last)
    taken = coarse(word) * channel["ceiling"]  # the attention that noticing it takes
    held = (hold << HOLD_SHIFT) | (AGAIN_BIT if is_again else 0)
    if channel["only_while_out"] == 1 and is_departure(T, m):
        if not is_still_out(T, S, m, t):
            totals[UNSEEN_TOTAL] += 1
            return UNSEEN
        if channel["repeats"] == 1 and hold == 0:
            totals[DELIVERED] += 1
            delay = delay_ticks(T.laws[LOOKS + c], T.points, uniform(seed, draws.LOOK_AGAIN, p, id_, again + 1))
            impression_at(T, S, t + delay, p, slot, AGAIN_BIT, again + 1)
    wakes_at = offline_until(T, S, p, t)
    answers = True
    weighs = s["asleep"] == 0
    is_woken = False
    is_news = hold != HELD_UNNOTICED
    if s["asleep"] == 1 and channel["wakes"] > 0.0 and is_news:
        is_woken = (
            uniform(seed, draws.WOKEN, p, id_, np.int64(s["night"]) + 1) < channel["wakes"]
            and taken < channel["attention"][seeking(S, s)]
        )
    if is_woken:
        rouse(T, S, p, t, id_)
        weighs = True
    elif wakes_at >= 0:
        night = np.int64(s["night"]) + 1
        if channel["waits"] > 0.0 and uniform(seed, draws.WAITS, p, id_, night) < channel["waits"]:
            delay = delay_ticks(T.laws[LOOKS + c], T.points, uniform(seed, draws.WAIT_READ, p, id_, night))
            impression_at(T, S, wakes_at + delay, p, slot, held, datum)
            return WAITING
        elif s["asleep"] == 1:
            totals[UNSEEN_TOTAL] += 1
            return UNSEEN
        else:
            answers = False
    weighs = weighs and is_news
    if hold == 0:
        level = channel["attention"][seeking(S, s)]
        where_one_is = level
        if phase_is_out[s["phase"]]:
            where_one_is = level * channel["while_out"]
        if not answers or rules["as_if_home"] == 0:
            level = where_one_is
        if taken >= level:
            totals[UNSEEN_TOTAL] += 1
            return UNSEEN
        weighs = weighs and taken < where_one_is
        gate = S.gates[c]
        if gate["outage"] == 1:
            totals[DROPPED_TOTAL] += 1
            return DROPPED
        if gate["severity"] > 0.0 and not has(s, CIRCUMVENTS):
            if uniform(seed, draws.READ_GATE, p, key, 0) < gate["severity"]:
                cut_off(T, S, p, t)
                if gate["mode"] == 1:
                    held |= (HELD_NOTICED if weighs else HELD_UNNOTICED) << HOLD_SHIFT
                    impression_at(T, S, release_tick(T, S, p, t, c, id_, 1), p, slot, held, datum)
                    return HELD
                totals[DROPPED_TOTAL] += 1
                return DROPPED
    return see(T, S, p, t, slot, answers, weighs, key, word)


@inlined
def see(T, S, p, t, slot, answers, weighs, key, word):
    """Take in a message that has been looked at: hear, answer, weigh, perhaps decide."""
    m = S.messages[slot]
    s = S.people[p]
    c = np.int64(m["channel"])
    kind = np.int64(m["kind"])
    S.totals[c, SEEN_TOTAL] += 1
    S.tally[c, IMPRESSIONS + kind] += 1
    if kind == NEWS or kind == CALL:
        if not has(s, HEARD):
            hear(T, S, p, t, c)
        if kind == CALL and has(s, POSTS):
            put(s, CALLED)
    if answers:
        react(T, S, p, t, slot, word)
    if not weighs:
        return SEEN
    if kind == STAY_CALL:
        prolong(T, S, p, m["id"])
    is_tipped = False
    if T.rules[0]["remembers"] == 1 and is_departure(T, m) and is_still_out(T, S, m, t):
        if (T.rules[0]["ignored"] >> np.uint64(c)) & np.uint64(1) == 0:
            is_tipped = count_contact(T, S, p, t, m)
    return TIPPED if expose(T, S, p, t, m, key) or is_tipped else SEEN


@inlined
def is_departure(T, m):
    """Return whether a message is the sight of a neighbour who leaves home."""
    return T.channels[m["channel"]]["type"] == NEIGHBOURS and m["kind"] == CALL and m["author"] >= 0


@inlined
def is_still_out(T, S, m, t):
    """Return whether the neighbour who was seen to leave had not come home from that trip when the moment of t began."""
    stage = np.int64(S.stages[STAGES * np.int64(m["author"]) + STAGE])
    if stage >> 8 != np.int64(m["tries"]) + 1:
        return False
    return phase_is_out[stage & 255] or S.other[row_of(S, np.int64(m["author"]))]["stay_until"] >= moment_begun(
        t, T.rules[0]["moment"]
    )


@njit
def count_contact(T, S, p, t, m):
    """Count a neighbour who is out among the contacts; return whether that tips this person over (rule critical_mass)."""
    k = place_among(T, S, np.int64(m["author"]), p)  # it is there: neighbours alone are shown departures
    if S.seen_out[k] == 0 and mind_of(S, p) > 0:
        S.minds[mind_of(S, p)]["contacts_out"] += 1
    S.seen_out[k] = m["tries"] + 1
    return rejoin(T, S, p, t)


@njit
def place_among(T, S, author, reader):
    """Return where it is remembered that a reader has seen a neighbour leave, who has left."""
    near = tied_to(T.net, T.rules[0]["neighbours_ties"], author, T.rules[0]["neighbours"])
    return S.other[row_of(S, author)]["seen_first"] + seat_of(T.net, near, reader)


@njit
def show_return(T, S, p, t, trip):
    """Let those who count a person among their contacts see, after a while, that the person is home from a trip."""
    rules = T.rules[0]
    soonest = next_moment(t, rules["moment"])
    first, last = S.now[0]["first_person"], S.now[0]["last_person"]
    near = tied_to(T.net, rules["neighbours_ties"], p, rules["neighbours"])
    law = T.laws[LOOKS + rules["neighbours"]]
    seen_first = S.other[row_of(S, p)]["seen_first"]
    for k in range(near.n):
        if S.seen_out[seen_first + k] == trip:
            reader = reader_at(T.net, near, k)
            u = uniform(rules["seed"], draws.LOOK_RETURN, reader, p, trip)
            tick = max(t + delay_ticks(law, T.points, u), soonest)
            if tick >= rules["horizon"]:  # looked at before it becomes an order, which has no room for all delays
                continue
            order = order_of(tick, RETURN_SEEN, reader)
            if first <= reader <= last:
                push(S.calendar, S.messages, order, trip - 256, p)
            else:
                send_out(S, order, trip - 256, p)
    seal(S, -1)


@njit
def on_return_seen(T, S, p, neighbour, trip):
    """Notice that a neighbour is home again from a trip."""
    k = place_among(T, S, neighbour, p)
    if S.seen_out[k] != trip:
        return IGNORED
    S.seen_out[k] = 0
    if mind_of(S, p) > 0:
        S.minds[mind_of(S, p)]["contacts_out"] -= 1
    return DONE


@njit
def react(T, S, p, t, slot, word):
    """Schedule the posts that an impression provokes: a Poisson number, each after a delay of the memory kernel.

    `word` tells nearly what the draw is that decides on their number: mostly enough to know that there are none.
    """
    m = S.messages[slot]
    s = S.people[p]
    rules = T.rules[0]
    seed = rules["seed"]
    c = np.int64(m["channel"])
    id_ = m["id"]
    parent_kind = np.int64(m["kind"])
    law = L_MEMORY if m["author"] >= 0 else L_AROUSAL
    if law == L_MEMORY:
        mean = rules["reaction_scale"] * T.channels[c]["reaction"] * reactivity_of(T, s)
    elif has(s, POSTS):
        mean = T.airings[-1 - m["author"]]["arousal"] * HOUR * rules["most_posts"] * np.float64(s["propensity"])
    else:
        return
    if mean <= 0.0 or bound_of_other(word) <= 1.0 - min(mean, MOST_REACTIONS):  # where `poisson` begins
        return
    if law == L_AROUSAL:  # it may have been more than it is
        mean = T.airings[-1 - m["author"]]["arousal"] * HOUR * rate_of(T, S.people, p)
    count = poisson(min(mean, MOST_REACTIONS), fraction(quarters(seed, draws.READER, p, id_, 0)[3]))
    for j in range(count):
        wait, cross, which, of_kind = quarters(seed, draws.REACTION, p, id_, j)
        tick = t + delay_ticks(T.laws[law], T.points, fraction(wait))
        if tick >= rules["horizon"]:
            continue
        d = c
        if law == L_AROUSAL or fraction(cross) < rules["cross"]:
            d = own_channel(T, p, fraction(which))
        if d < 0:
            continue
        kind = parent_kind
        if kind == CALL or kind == STAY_CALL:
            if fraction(of_kind) >= rules["relay"]:
                kind = NEWS
        child = identity(seed, draws.ID_REACTION, p, id_, j)
        schedule_post(S, tick, write(S, child, p, d, kind, 0))


@njit
def schedule_post(S, tick, slot):
    """Schedule a post that was provoked."""
    push_message(S, order_of(tick, REACTION, S.messages[slot]["author"]), slot, 0, 0)
    release(S, slot)


@njit
def announce(T, S, p, t, id_, kind, trip):
    """Be seen or heard by the neighbours: kind CALL for leaving home (on which trip), NEWS for telling."""
    rules = T.rules[0]
    c = rules["neighbours"]
    if c < 0:
        return
    slot = write(S, id_, p, c, kind, 0)
    S.messages[slot]["tries"] = trip
    until = forgotten_at(T, S, p, t) if kind == CALL else rules["horizon"]
    spread_tied(T, S, t, slot, rules["neighbours_ties"], until)
    release(S, slot)


@njit
def film(T, S, p, t):
    """Schedule live videos from the square."""
    rules = T.rules[0]
    seed = rules["seed"]
    trip = np.int64(S.people[p]["trips"])
    for c in range(len(T.channels)):
        if not is_reached(T, p, c):
            continue
        mean = rules["live"] * T.channels[c]["live"] * reactivity_of(T, S.people[p])
        if mean <= 0.0:
            continue
        count = poisson(min(mean, MOST_REACTIONS), uniform(seed, draws.LIVE_COUNT, p, c, trip))
        for j in range(count):
            ordinal = trip * 256 + j
            tick = t + delay_ticks(T.laws[L_LIVE], T.points, uniform(seed, draws.LIVE_DELAY, p, c, ordinal))
            if tick < rules["horizon"]:
                id_ = identity(seed, draws.ID_LIVE, p, c, ordinal)
                kind = CALL if uniform(seed, draws.LIVE_KIND, p, id_, 0) < rules["relay"] else NEWS
                schedule_post(S, tick, write(S, id_, p, c, kind, 1))


@njit
def celebrate(T, S, p, t):
    """Schedule the posts by which a person who came home shares the victory, from the first waking moment t."""
    rules = T.rules[0]
    seed = rules["seed"]
    mean = rules["victory_posts"] * rate_of(T, S.people, p)
    if mean <= 0.0 or rules["as_if_home"] == 1:
        return
    trip = np.int64(S.people[p]["trips"])
    count = poisson(min(mean, MOST_REACTIONS), uniform(seed, draws.VICTORY_COUNT, p, 0, trip))
    for j in range(count):
        ordinal = trip * 256 + j
        tick = t + delay_ticks(T.laws[L_VICTORY], T.points, uniform(seed, draws.VICTORY_DELAY, p, 0, ordinal))
        c = own_channel(T, p, uniform(seed, draws.POST_CHANNEL, p, 1, ordinal))
        if tick < rules["horizon"] and c >= 0:
            id_ = identity(seed, draws.ID_VICTORY, p, 0, ordinal)
            schedule_post(S, tick, write(S, id_, p, c, NEWS, 0))
