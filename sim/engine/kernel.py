"""The compiled loop over people's events between two events of the scripted world, and what the script does to people."""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import BACK, ON_SQUARE, PREPARING, RESTING, RETURNING, TRAVELLING
from sim.channels import CALL, NEWS
from sim.draws import identity
from sim.engine.calendar import AGAIN_BIT, HOLD_SHIFT, SLOT, datum_of, has_room_for, pop, push, slot_of
from sim.engine.deciding import can_decide, joins, on_adopt, on_decide, on_prompt, schedule_timer
from sim.engine.flags import hot_of, mind_of
from sim.engine.mail import receive
from sim.engine.messages import release, write
from sim.engine.order import (
    ADOPT,
    ARRIVE,
    BED,
    CANDIDATE,
    CREATE,
    DECIDE,
    DEPART,
    DONE,
    HOME_AGAIN,
    IMPRESSION,
    LEAVE,
    PERSON,
    PROMPT,
    REACTION,
    RETURN_SEEN,
    TELL,
    next_moment,
    order_of,
    prompt_key,
    return_key,
)
from sim.engine.reading import announce, celebrate, film, on_impression, on_return_seen, show_return
from sim.engine.rules import arrive, catch_up, come_home, depart, first_night, learn_of_news, on_leave
from sim.engine.sending import first_candidate, on_candidate, on_reaction, on_retry
from sim.engine.showing import begin_showings, next_order
from sim.engine.state import CREATED, CROWD, GATHERING, MOST_LETTERS, MOST_TICKS, TOPICAL, TRENDING
from sim.engine.ties import channel_of_group
from sim.jit import by_reference, inlined, njit, prefetch
from sim.units import MINUTE

__all__ = ["ENOUGH", "MORE_ROOM", "MOST_AT_ONCE", "advance", "air", "begin", "catch_all_up", "look_around", "look_back",
           "receive"]  # fmt: skip

ENOUGH, MORE_ROOM = 0, 1
AHEAD = 8
MOST_AT_ONCE = 64


@njit
def begin(T, S):
    """Schedule everybody's first events."""
    T, S = by_reference(T), by_reference(S)
    for p in range(S.now[0]["first_person"], S.now[0]["last_person"] + 1):
        first_night(T, S, p)
        S.hot[p] = hot_of(S.people[p], T.rules[0]["hot_shift"])
        first_candidate(T, S, p)


@njit
def advance(T, S, until, margin):
    """Process people's events with tick < until, each person's in order; return ENOUGH, or MORE_ROOM to be called again.

    `margin` is the largest number of events that one event can push, for which there must be room.
    """
    T, S = by_reference(T), by_reference(S)
    now, meta = S.now[0], S.calendar.meta[0]
    keeps_log, has_airings, shift = len(S.log) > 0, len(T.airings) > 0, T.rules[0]["hot_shift"]
    rows = T.rules[0]["most_turns"] + 1
    minute_tick = now["next_minute"] * MINUTE if now["is_alone"] == 1 else np.int64(until)
    limit = min(until, minute_tick)
    is_late = now["is_late"]
    at_once, left = 1, 0
    while True:
        if left == 0:
            # Room is looked at again after so many events: twice as many each time, half as many where it is scarce.
            at_once = min(2 * at_once, MOST_AT_ONCE)
            while at_once > 0 and not has_room(S, margin, at_once, rows):
                at_once >>= 1
            if at_once == 0:
                return MORE_ROOM
            left = at_once
        left -= 1
        at = meta["at"]
        order, load = np.int64(-1), np.int64(0)
        if at < meta["length"] and is_late == 0:
            order, load = S.calendar.current[2 * at], S.calendar.current[2 * at + 1]
        if order >= 0 and (meta["at_once"] == 1 or (order < meta["next_late"] and order < limit << 31)):
            meta["at"] = at + 1  # the usual case of what follows, in short
        else:
            order = next_order(T, S, limit)
            is_late = now["is_late"]
            if order == -2:
                return MORE_ROOM
            if order == -1:
                if minute_tick >= until:
                    return ENOUGH
                count_topical(T, S, now["next_minute"])
                snapshot(T, S, now["next_minute"])
                now["next_minute"] += 1
                minute_tick += MINUTE
                limit = min(until, minute_tick)
                continue
            order, load = pop(S.calendar, S.messages)
        look_ahead(T, S)
        slot, datum = slot_of(load), datum_of(load)
        kind, p = (order >> 27) & 15, order & PERSON
        if np.int64(S.people[p]["turn_at"]) <= order >> 31:
            catch_up(T, S, p, order >> 31)
        if kind <= BED:  # that was all
            continue
        now["n_events"] += 1
        key = key_of(S, kind, slot, datum) if keeps_log else np.int64(0)
        result, channel = react_to(T, S, order, slot, datum)
        if has_airings:
            S.hot[p] = hot_of(S.people[p], shift)
        if keeps_log:
            row = S.log[now["n_log"]]
            now["n_log"] += 1
            row["tick"], row["kind"], row["person"], row["key"] = order >> 31, kind, p, key
            row["channel"], row["result"] = channel, result


@inlined
def has_room(S, margin, n_events, rows):
    """Return whether so many events find room for what they may push, write, send and log, each so many rows."""
    now = S.now[0]
    pushes = margin * n_events
    return (
        has_room_for(S.calendar, pushes)
        and now["n_messages"] - now["n_free"] + pushes <= len(S.messages)
        and (len(S.log) == 0 or now["n_log"] + n_events * rows <= len(S.log))
        and (
            now["is_alone"] == 1
            or (
                2 * (now["n_out"] + n_events * now["most_sent"]) <= len(S.outbox)
                and now["n_letters"] + n_events * MOST_LETTERS <= len(S.letters)
            )
        )
    )


@inlined
def has_room_to_air(S, pushes, showings):
    """Return whether so many pushes, showings and a message find room."""
    now = S.now[0]
    return (
        has_room_for(S.calendar, pushes)
        and now["n_messages"] - now["n_free"] < len(S.messages)
        and now["n_showings"] + showings <= len(S.due)
    )


@njit
def key_of(S, kind, slot, datum):
    """Return the key of an event in the total order (`order.py`)."""
    if slot >= 0:
        return S.messages[slot & SLOT]["id"] ^ (datum if slot & AGAIN_BIT else 0)
    if kind == RETURN_SEEN:
        return return_key(datum, slot + 256)
    return datum


@inlined
def look_ahead(T, S):
    """Fetch ahead what coming events will need.

    Of the event furthest ahead its person and its message; of a nearer one, whose person has come meanwhile, what the person
    decides by, or whom it is tied to if it is no impression; of the next but one those ties.
    """
    current, meta = S.calendar.current, S.calendar.meta[0]
    ahead = meta["at"] + AHEAD
    if ahead < meta["length"]:
        order, slot = current[2 * ahead], slot_of(current[2 * ahead + 1])
        p = order & PERSON
        prefetch(S.people, p)
        if slot >= 0:
            prefetch(S.messages, slot & SLOT)
        else:
            prefetch(T.receivers, p)
            prefetch(T.province, p)
        order = current[2 * (ahead - AHEAD // 2)]
        p = order & PERSON
        k = S.people[p]["mind"]
        if k > 0:
            prefetch(S.minds, k)
        if (order >> 27) & 15 != IMPRESSION:
            fetch_rows(T.net, p)
        order = current[2 * (ahead - AHEAD + 1)]
        if (order >> 27) & 15 != IMPRESSION:
            fetch_ties(T.net, order & PERSON)


@inlined
def fetch_rows(net, p):
    """Fetch ahead where a person's stored ties and groups stand."""
    for i in range(len(net.rows_at)):
        if net.rows_at[i] >= 0:
            prefetch(net.ties_starts, net.rows_at[i] + p)
    for i in range(len(net.joined_at)):
        prefetch(net.joined_starts, net.joined_at[i] + p)


@inlined
def fetch_ties(net, p):
    """Fetch ahead the first of a person's stored ties and groups."""
    for i in range(len(net.rows_at)):
        if net.rows_at[i] >= 0 and net.complete[i] == 0:
            first = net.ties_starts[net.rows_at[i] + p]
            prefetch(net.ties, first)
            prefetch(net.ties, first + 16)
    for i in range(len(net.joined_at)):
        if net.computed[i] < 0:
            prefetch(net.joined, net.joined_starts[net.joined_at[i] + p])


@inlined
def react_to(T, S, order, slot, datum):
    """Carry out one event; return (result, channel) for the log."""
    t = order >> 31
    kind = (order >> 27) & 15
    p = order & PERSON
    if slot >= 0:
        held, is_again = slot >> HOLD_SHIFT, (slot & AGAIN_BIT) != 0
        slot &= SLOT
        channel = np.int64(S.messages[slot]["channel"])
        if kind == IMPRESSION:
            result = on_impression(T, S, p, t, slot, held, is_again, datum)
        elif kind == REACTION:
            result = on_reaction(T, S, p, t, slot)
        else:
            result = on_retry(T, S, p, t, slot, datum)
        release(S, slot)
        return result, channel
    if kind == CANDIDATE:
        return on_candidate(T, S, p, t, datum)
    result = DONE
    seed = T.rules[0]["seed"]
    if kind == DECIDE:
        result = on_decide(T, S, p, t, datum)
    elif kind == PROMPT:
        result = on_prompt(T, S, p, t, datum)
    elif kind == DEPART:
        announce(T, S, p, t, identity(seed, draws.ID_DEPARTURE, p, 0, datum), CALL, datum)
        depart(T, S, p, t)
    elif kind == ARRIVE:
        arrive(T, S, p, t)
        film(T, S, p, t)
    elif kind == LEAVE:
        result = on_leave(T, S, p, t)
    elif kind == HOME_AGAIN:
        celebrate(T, S, p, come_home(T, S, p, t))
        if T.rules[0]["remembers"] == 1:
            show_at = next_moment(t, T.rules[0]["moment"])
            schedule_timer(T, S, show_at, TELL, p, np.int64(S.people[p]["trips"]))
    elif kind == RETURN_SEEN:
        result = on_return_seen(T, S, p, datum, slot + 256)
    elif kind == TELL:
        if datum == 0:
            announce(T, S, p, t, identity(seed, draws.ID_TELLING, p, 0, 0), NEWS, 0)
        else:
            show_return(T, S, p, t, datum)
    elif kind == ADOPT:
        result = on_adopt(T, S, p, t)
    elif kind == CREATE:
        S.exists_from[datum] = min(next_moment(t, T.rules[0]["moment"]), MOST_TICKS)
        S.tally[channel_of_group(T.net, datum), CREATED] += 1
    return result, np.int64(-1)


@njit
def look_back(T, S, minute):
    """Count the posts on the topic of the last minutes, by channel, for what is trending: see `snapshot`."""
    count_topical(by_reference(T), by_reference(S), minute)


@njit
def count_topical(T, S, minute):
    """Book what was counted in the minute that is over; count the posts on the topic of the last minutes, by channel."""
    if minute == 0:
        return
    for c in range(len(T.channels)):
        for k in range(S.tally.shape[1]):
            S.counts[minute - 1, c, k] += S.tally[c, k]
            S.tally[c, k] = 0
        S.recent[c] += S.counts[minute - 1, c, TOPICAL]
        before = minute - 1 - T.channels[c]["trend_minutes"]
        if before >= 0:
            S.recent[c] -= S.counts[before, c, TOPICAL]
        S.topical[c] = S.recent[c]


@njit
def snapshot(T, S, minute):
    """Look at the nation at a whole minute: count people by state, see the crowd, notice what is trending.

    Of a part of the people those of the part are counted; the nation's phases and topical posts are in `S.phases` and
    `S.topical` (of somebody who is alone `phases` of NOW are the nation's).
    """
    now = S.now[0]
    rules = T.rules[0]
    first, last, is_alone = now["first_person"], now["last_person"], now["is_alone"] == 1
    phases = now["phases"]
    out = phases[TRAVELLING] + phases[ON_SQUARE] + phases[RETURNING]
    row = S.snapshots[minute]
    row[0] = phases[PREPARING]
    row[1] = phases[TRAVELLING] + phases[RETURNING]
    row[2] = phases[ON_SQUARE]
    row[3] = phases[BACK] + phases[RESTING]
    row[4] = 0  # see `catch_all_up`
    row[5] = last - first + 1 - (out if rules["as_if_home"] == 0 else 0)
    row[6] = now["circumventing"]
    row[7] = now["heard"]
    for c in range(len(T.channels)):
        S.heard_on[minute, c] = S.heard_now[c]
        S.trending[c] = 1 if S.topical[c] >= T.channels[c]["trend_posts"] else 0
        if first == 0:
            S.counts[minute, c, TRENDING] = S.trending[c]
    for q in range(len(S.squares)):
        S.squares_by_minute[minute, q] = S.squares[q]
    on_square = phases[ON_SQUARE]
    if not is_alone:
        on_square, out = S.phases[ON_SQUARE], S.phases[TRAVELLING] + S.phases[ON_SQUARE] + S.phases[RETURNING]
    now["crowd"] = on_square / rules["n_normal"]
    now["taking_part"] = out / rules["crowd_scale"]
    tick = minute * MINUTE
    if tick + 1 < rules["horizon"]:
        while (
            now["n_done"] < len(T.by_threshold)
            and S.people[T.by_threshold[now["n_done"]]]["trips"] >= rules["max_trips"]
        ):
            now["n_done"] += 1
        for k in range(now["n_done"], len(T.by_threshold)):
            p = np.int64(T.by_threshold[k])
            if not first <= p <= last:
                continue
            if rules["by_contacts"] == 0 and S.minds[mind_of(S, p)]["threshold"] > now["taking_part"]:
                break
            if can_decide(T, S.people[p]) and joins(T, S, p):
                push(S.calendar, S.messages, order_of(tick + 1, PROMPT, p), -1, prompt_key(CROWD, minute))


@njit
def catch_all_up(T, S, until, p):
    """Let everybody from person p on catch up with what sleep there is before a tick, and book it to the minutes before.

    Return the person with whom to call it again, if the log needs more room, or -1.
    """
    T, S = by_reference(T), by_reference(S)
    now, shift, rows = S.now[0], T.rules[0]["hot_shift"], T.rules[0]["most_turns"]
    for q in range(p, now["last_person"] + 1):
        if len(S.log) > 0 and now["n_log"] + rows > len(S.log):
            return q
        catch_up(T, S, q, until - 1)
        learn_of_news(T, S, q, until - 1)
        S.hot[q] = hot_of(S.people[q], shift)
    asleep = np.int64(0)
    for minute in range(-(-until // MINUTE)):
        asleep += S.slept[minute]
        row = S.snapshots[minute]
        row[5] += row[4] - asleep
        row[4] = asleep
    return -1


@njit
def look_around(T, S, minute):
    """Look at the nation, of which this is a part, at a whole minute: see `snapshot`."""
    snapshot(by_reference(T), by_reference(S), minute)


@njit
def air(T, S, airing, t):
    """Broadcast an airing of the timeline, or let people gather; return ENOUGH, or MORE_ROOM to be called again."""
    T, S = by_reference(T), by_reference(S)
    a = T.airings[airing]
    first, end = T.gather_starts[airing], T.gather_starts[airing + 1]
    if not has_room_to_air(S, end - first, T.airs_in.shape[1]):
        return MORE_ROOM
    if a["channel"] < 0:
        for k in range(first, end):
            p = np.int64(T.gatherers[k])
            if not S.now[0]["first_person"] <= p <= S.now[0]["last_person"]:
                continue
            tick = t + 1 + T.stagger[airing, T.province[p]]
            if tick < T.rules[0]["horizon"]:
                push(S.calendar, S.messages, order_of(tick, PROMPT, p), -1, prompt_key(GATHERING, airing))
        return ENOUGH
    slot = write(S, a["id"], -1 - airing, a["channel"], a["kind"], 0)
    begin_showings(T, S, airing, t, slot)
    release(S, slot)
    return ENOUGH
