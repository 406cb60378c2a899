"""What people do with their bodies, compiled: sleep and wake, hear of the night, go out, come home.

Every function takes the tables T, the state S, a person p and the tick t. `reference.py` says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import BACK, HOME, ON_SQUARE, PREPARING, RESTING, RETURNING, TRAVELLING
from sim.decision import HAZARD_RULE
from sim.draws import uniform
from sim.engine.deciding import aim, look_around_at, schedule_timer, set_phase, settle, void_plan
from sim.engine.flags import (
    AWAKE_AT_NEWS,
    HEARD,
    MISSED_SLEEP,
    NEWS_CAME,
    OWNS_GROUP,
    STAYED_UP,
    WAS_WOKEN,
    drop,
    has,
    mind_of,
    put,
    row_of,
    row_taken,
)
from sim.engine.order import (
    ARRIVE,
    BED,
    CREATE,
    DONE,
    HOME_AGAIN,
    LEAVE,
    POSTPONED,
    TELL,
    WAKE,
    next_moment,
)
from sim.engine.state import (
    L_CREATE,
    L_JITTER,
    L_PROLONG,
    L_REST,
    L_SLEEP_AFTER,
    L_STAY,
    L_STAY_UP,
    L_TELL,
    L_TRAVEL,
    MOST_TICKS,
    STAGE,
    STAGES,
)
from sim.engine.ties import tied_to
from sim.jit import inlined, njit
from sim.population import way_of
from sim.quantiles import delay_ticks, law_value
from sim.units import DAY, MINUTE

MOST_DEVIATIONS = 9.0
"""No draw lies so many standard deviations from the mean: the last one that a draw of 52 bits can tell is 8.2."""

PUNCTUAL = ("hazard", "critical_mass")
"""Rules of deciding under which each turn of sleep is an event: see `catch_up`."""

__all__ = ["PUNCTUAL", "arrive", "catch_up", "come_home", "depart", "first_night", "forgotten_at", "hear",
           "learn_of_news", "offline_until", "on_leave", "prolong", "rouse", "way"]  # fmt: skip


@njit
def bed_tick(T, S, p, night):
    """Return the tick of a person's bed time in a night; night 0 belongs to the first midnight at or before tick 0."""
    rules = T.rules[0]
    u = uniform(rules["seed"], draws.BED_JITTER, p, 0, night + 1)
    jitter = np.int64(law_value(T.laws[L_JITTER], T.points, u))
    return night * DAY - rules["time_of_day"] + S.people[p]["bed"] + jitter


@inlined
def plan_turn(T, S, p, tick, kind):
    """Plan the next turn of a person's sleep: WAKE or BED at a tick; what was planned before is void."""
    S.people[p]["turn_at"] = min(tick, MOST_TICKS)
    if T.rules[0]["punctual"] == 1:
        schedule_timer(T, S, tick, kind, p, np.int64(0))


@njit
def next_bed(T, S, p, t):
    """Plan to go to bed at the first bed time after t."""
    s = S.people[p]
    usual = np.int64(s["bed"]) - T.rules[0]["time_of_day"]
    # Nights that begin before t for sure, whatever was drawn for them, are not looked at.
    latest = usual + np.int64(MOST_DEVIATIONS * T.laws[L_JITTER]["a"]) + 1
    night = max((t - usual) // DAY - 1, (t - latest) // DAY + 1, -1)
    bed = bed_tick(T, S, p, night)
    while bed <= t:
        night += 1
        bed = bed_tick(T, S, p, night)
    s["night"] = night
    plan_turn(T, S, p, bed, BED)


@njit
def fall_asleep(T, S, p, t, length, minute):
    """Begin to sleep for `length` ticks, as is seen from a whole minute on."""
    s = S.people[p]
    settle(T, S, p, t)
    void_plan(T, S, p)
    s["asleep"] = 1
    drop(s, WAS_WOKEN)
    S.now[0]["asleep"] += 1
    S.slept[minute] += 1
    plan_turn(T, S, p, t + length, WAKE)


@njit
def first_night(T, S, p):
    """Put a person into the night in which tick 0 lies: asleep, or awake until the next bed time, if people sleep at all."""
    s = S.people[p]
    if T.rules[0]["sleeps"] == 0:
        s["turn_at"] = MOST_TICKS
        return
    night = np.int64(-1)
    bed = bed_tick(T, S, p, night)
    while bed + S.people[p]["sleep"] <= 0:
        night += 1
        bed = bed_tick(T, S, p, night)
    s["night"] = night
    if bed <= 0:
        fall_asleep(T, S, p, 0, bed + S.people[p]["sleep"], 0)
    else:
        plan_turn(T, S, p, bed, BED)


@njit
def catch_up(T, S, p, t):
    """Let a person fall asleep and wake up to t, each at its tick; nobody else can tell whether that happened in time.

    Only how many sleep shows, and is booked to the minutes it was so; where more depends on it (rules `punctual`) an event
    at the tick of each turn calls for this.
    """
    s = S.people[p]
    now = S.now[0]
    while np.int64(s["turn_at"]) <= t:
        tick, kind, key = np.int64(s["turn_at"]), WAKE if s["asleep"] == 1 else BED, np.int64(s["night"]) + 1
        result = wake_up(T, S, p, tick) if kind == WAKE else go_to_bed(T, S, p, tick)
        now["n_events"] += 1
        if len(S.log) > 0:
            row = S.log[now["n_log"]]
            now["n_log"] += 1
            row["tick"], row["kind"], row["person"], row["key"] = tick, kind, p, key
            row["channel"], row["result"] = -1, result


@inlined
def learn_of_news(T, S, p, t):
    """Note whether a person was awake at the first news, once, before sleep changes at t, or somebody hears."""
    s = S.people[p]
    news = T.rules[0]["news_tick"]
    if 0 <= news <= t and not has(s, NEWS_CAME):
        put(s, NEWS_CAME)
        if s["asleep"] == 0:
            put(s, AWAKE_AT_NEWS)
            S.now[0]["n_awake"] += 1
            S.heard_awake[news // MINUTE] += np.int64(has(s, HEARD))


@njit
def wake_up(T, S, p, t):
    """Wake by the clock."""
    wake(T, S, p, t)
    drop(S.people[p], STAYED_UP)
    next_bed(T, S, p, t)
    return DONE


@njit
def wake(T, S, p, t):
    """Be awake again, and take up deciding where sleep had stopped it."""
    learn_of_news(T, S, p, t)
    settle(T, S, p, t)
    S.people[p]["asleep"] = 0
    S.now[0]["asleep"] -= 1
    S.slept[t // MINUTE + 1] -= 1
    aim(T, S, p, t)
    if T.rules[0]["by_contacts"] == 1:
        look_around_at(T, S, p, t + 1, 1)


@njit
def rouse(T, S, p, t, key):
    """Be woken by a message; go back to bed after a while, for what is left of the night."""
    s = S.people[p]
    wake(T, S, p, t)
    put(s, STAYED_UP)
    put(s, WAS_WOKEN)
    S.other[row_taken(S, p)]["sleep_left"] = max(np.int64(s["turn_at"]) - t, 1)
    u = uniform(T.rules[0]["seed"], draws.WOKEN_LENGTH, p, key, 0)
    plan_turn(T, S, p, t + delay_ticks(T.laws[L_STAY_UP], T.points, u), BED)


@inlined
def offline_until(T, S, p, t):
    """Return when whoever is asleep as a reader and writer wakes up; -1 if awake.

    That is the body's sleep, but in the null night keyboard, from the first trip on, the sleep that would have been.
    """
    s = S.people[p]
    rules = T.rules[0]
    if rules["as_if_home"] == 0 or s["trips"] == 0:
        return np.int64(s["turn_at"]) if s["asleep"] == 1 else np.int64(-1)
    length = np.int64(S.people[p]["sleep"])
    first = max((t + rules["time_of_day"] - S.people[p]["bed"]) // DAY - 1, -1)
    for night in range(first, first + 3):
        bed = bed_tick(T, S, p, night)
        if (
            has(s, HEARD)
            and np.int64(S.heard_tick[p]) < bed
            and uniform(rules["seed"], draws.STAY_UP, p, 0, night + 1) < rules["stay_up"]
        ):
            u = uniform(rules["seed"], draws.STAY_UP_LENGTH, p, 0, night + 1)
            bed += delay_ticks(T.laws[L_STAY_UP], T.points, u)
        if bed <= t < bed + length:
            return bed + length
    return np.int64(-1)


@njit
def go_to_bed(T, S, p, t):
    """Go to bed, or stay up, or miss the night being out."""
    s = S.people[p]
    rules = T.rules[0]
    phase = s["phase"]
    if phase != HOME and phase != BACK and phase != RESTING:
        put(s, MISSED_SLEEP)
        drop(s, WAS_WOKEN)
        next_bed(T, S, p, t)
        return POSTPONED
    if has(s, HEARD) and not has(s, STAYED_UP):
        night = np.int64(s["night"]) + 1
        if uniform(rules["seed"], draws.STAY_UP, p, 0, night) < rules["stay_up"]:
            put(s, STAYED_UP)
            u = uniform(rules["seed"], draws.STAY_UP_LENGTH, p, 0, night)
            plan_turn(T, S, p, t + delay_ticks(T.laws[L_STAY_UP], T.points, u), BED)
            return POSTPONED
    length = np.int64(s["sleep"])
    if has(s, WAS_WOKEN):
        length = np.int64(S.other[row_of(S, p)]["sleep_left"])
    learn_of_news(T, S, p, t)
    fall_asleep(T, S, p, t, length, t // MINUTE + 1)
    return DONE


@njit
def hear(T, S, p, t, c):
    """Hear of the night for the first time: look for more, tell the neighbours, open a chat group."""
    s = S.people[p]
    rules = T.rules[0]
    learn_of_news(T, S, p, t)
    put(s, HEARD)
    if has(s, AWAKE_AT_NEWS):
        S.heard_awake[t // MINUTE] += 1
    if rules["as_if_home"] == 1:
        S.heard_tick[p] = t
    S.now[0]["heard"] += 1
    S.heard_now[c] += 1
    seed = rules["seed"]
    if rules["neighbours"] >= 0 and uniform(seed, draws.TELL, p, 0, 0) < rules["tell"]:
        delay = delay_ticks(T.laws[L_TELL], T.points, uniform(seed, draws.TELL_DELAY, p, 0, 0))
        schedule_timer(T, S, t + delay, TELL, p, np.int64(0))
    if has(s, OWNS_GROUP) and uniform(seed, draws.CREATE_GROUP, p, 0, 0) < rules["create"]:
        delay = delay_ticks(T.laws[L_CREATE], T.points, uniform(seed, draws.CREATE_DELAY, p, 0, 0))
        group = np.int64(T.owned[np.searchsorted(T.owners, p)])
        schedule_timer(T, S, t + delay, CREATE, p, group)


@njit
def prolong(T, S, p, key):
    """Stay longer, asked not to leave the square."""
    s = S.people[p]
    rules = T.rules[0]
    if s["phase"] != ON_SQUARE or s["prolonged"] >= rules["prolong_most"]:
        return
    if uniform(rules["seed"], draws.PROLONG, p, key, 0) < rules["prolong"]:
        s["prolonged"] += 1
        u = uniform(rules["seed"], draws.PROLONG_LENGTH, p, key, 0)
        extra = delay_ticks(T.laws[L_PROLONG], T.points, u)
        row = S.other[row_taken(S, p)]
        row["stay_until"] = min(np.int64(row["stay_until"]) + extra, MOST_TICKS)


@njit
def depart(T, S, p, t):
    """Leave home."""
    s = S.people[p]
    row = S.other[row_taken(S, p)]
    if s["trips"] == 0:
        S.departed[t // MINUTE] += 1
        if T.rules[0]["remembers"] == 1:
            row["seen_first"] = S.now[0]["n_seen"]
            S.now[0]["n_seen"] += tied_to(T.net, T.rules[0]["neighbours_ties"], p, T.rules[0]["neighbours"]).n
    phases = S.now[0]["phases"]
    phases[PREPARING] -= 1
    phases[TRAVELLING] += 1
    S.stages[STAGES * p + STAGE] = TRAVELLING + 256 * (np.int64(s["trips"]) + 1)
    schedule_timer(T, S, travelled(T, p, t), ARRIVE, p, np.int64(s["trips"]))


@njit
def way(T, p):
    """Return how many ticks a person's way to the square takes: what is given, or drawn."""
    if len(T.travel) > 0:
        return np.int64(T.travel[p])
    return way_of(T.rules[0]["world_seed"], p, T.laws[L_TRAVEL], T.points)


@inlined
def travelled(T, p, t):
    """Return when a person who sets out at a tick, to the square or home, is there."""
    return max(t + way(T, p), next_moment(t, T.rules[0]["moment"]))


@inlined
def stayed(T, p, t, trip):
    """Return until when a person who reaches the square at a tick stays, unless asked not to leave."""
    u = uniform(T.rules[0]["seed"], draws.STAY, p, 0, trip)
    return min(t + delay_ticks(T.laws[L_STAY], T.points, u), MOST_TICKS)


@njit
def forgotten_at(T, S, p, t):
    """Return the tick from which nobody sees any more that a person departs at a tick, the horizon if that is not known.

    It is known where only those who are still out are seen, once, and nobody is asked not to leave the square.
    """
    rules = T.rules[0]
    channel = T.channels[rules["neighbours"]]
    if rules["prolongs"] == 1 or channel["only_while_out"] == 0 or channel["repeats"] == 1:
        return rules["horizon"]
    leaves = stayed(T, p, travelled(T, p, t), np.int64(S.people[p]["trips"]) + 1)
    return next_moment(travelled(T, p, leaves), rules["moment"])


@njit
def arrive(T, S, p, t):
    """Reach the square."""
    s = S.people[p]
    set_phase(S, p, ON_SQUARE)
    S.squares[T.province[p]] += 1
    s["prolonged"] = 0
    until = stayed(T, p, t, np.int64(s["trips"]))
    S.other[row_taken(S, p)]["stay_until"] = until
    schedule_timer(T, S, until, LEAVE, p, np.int64(s["trips"]))


@njit
def on_leave(T, S, p, t):
    """Leave the square, unless the stay was prolonged meanwhile."""
    s = S.people[p]
    until = np.int64(S.other[row_of(S, p)]["stay_until"])
    if t < until:
        schedule_timer(T, S, until, LEAVE, p, np.int64(s["trips"]))
        return POSTPONED
    set_phase(S, p, RETURNING)
    S.squares[T.province[p]] -= 1
    home = travelled(T, p, t)
    S.other[row_taken(S, p)]["stay_until"] = min(home, MOST_TICKS)
    schedule_timer(T, S, home, HOME_AGAIN, p, np.int64(s["trips"]))
    return DONE


@njit
def come_home(T, S, p, t):
    """Be home again, and sleep if the night was missed; return the tick from which waking time counts."""
    s = S.people[p]
    rules = T.rules[0]
    set_phase(S, p, RESTING if rules["rests"] == 1 else BACK)
    if rules["rests"] == 1:
        u = uniform(rules["seed"], draws.REST, p, 0, np.int64(s["trips"]))
        look_around_at(T, S, p, t + delay_ticks(T.laws[L_REST], T.points, u), 0)
    elif rules["by_contacts"] == 1:
        look_around_at(T, S, p, t + 1, 0)
    mind = S.minds[mind_of(S, p)]
    mind["dose"] = 0.0
    mind["dose_tick"] = t
    if rules["rule"] == HAZARD_RULE:
        S.hazard[p]["sum"] = 0.0
    if has(s, MISSED_SLEEP):
        drop(s, MISSED_SLEEP)
        trip = np.int64(s["trips"])
        if uniform(rules["seed"], draws.SLEEP_AFTER, p, 0, trip) < rules["sleep_after"]:
            u = uniform(rules["seed"], draws.SLEEP_AFTER_LENGTH, p, 0, trip)
            length = delay_ticks(T.laws[L_SLEEP_AFTER], T.points, u)
            learn_of_news(T, S, p, t)
            fall_asleep(T, S, p, t, length, t // MINUTE + 1)
            return t + length
    return np.int64(t)
