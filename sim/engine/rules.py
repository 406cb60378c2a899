"""What people do with their bodies, compiled: sleep and wake, weigh exposures, decide, go out, come home.

Every function takes the tables T, the state S, a person p and the tick t. `reference.py` says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import BACK, HOME, ON_SQUARE, PREPARING, RETURNING, TRAVELLING
from sim.channels import ALERTED
from sim.decision import CRITICAL_MASS, HAZARD_RULE, THRESHOLD, crossing_delay, faded, integrated_hazard, weight
from sim.draws import exponential, identity, uniform
from sim.engine.calendar import push
from sim.engine.order import (
    ADOPT,
    ARRIVE,
    BED,
    CREATE,
    DECIDE,
    DEPART,
    DONE,
    HOME_AGAIN,
    IGNORED,
    LEAVE,
    POSTPONED,
    STALE,
    TELL,
    TIPPED,
    WAKE,
    order_of,
)
from sim.engine.state import (
    CUT,
    L_CREATE,
    L_PREPARE,
    L_PROLONG,
    L_SLEEP_AFTER,
    L_STAY,
    L_STAY_UP,
    L_TELL,
)
from sim.jit import njit
from sim.laws import delay_ticks, normal_quantile
from sim.units import DAY

__all__ = ["bed_tick", "first_night", "schedule_timer"]


@njit
def schedule_timer(T, S, tick, kind, p, key):
    """Put a timer of a person on the calendar, unless it falls behind the horizon."""
    if tick < T.rules[0]["horizon"]:
        push(S.calendar, order_of(tick, kind, p), key, -1, 0)


@njit
def set_phase(S, p, phase):
    """Move a person to another phase."""
    s = S.people[p]
    phases = S.now[0]["phases"]
    phases[s["phase"]] -= 1
    phases[phase] += 1
    s["phase"] = phase


# -- sleep


@njit
def bed_tick(T, p, night):
    """Return the tick of a person's bed time in a night; night 0 belongs to the first midnight at or before tick 0."""
    rules = T.rules[0]
    u = uniform(rules["seed"], draws.BED_JITTER, p, 0, night + 1)
    jitter = np.int64(rules["jitter"] * normal_quantile(u))
    return night * DAY - rules["time_of_day"] + T.people[p]["bed"] + jitter


@njit
def next_bed(T, S, p, t):
    """Schedule the first bed time after t of a later night."""
    s = S.people[p]
    night = np.int64(s["night"]) + 1
    while bed_tick(T, p, night) <= t:
        night += 1
    s["night"] = night
    s["sleep_stamp"] += 1
    schedule_timer(T, S, bed_tick(T, p, night), BED, p, np.int64(s["sleep_stamp"]))


@njit
def fall_asleep(T, S, p, t, length):
    """Begin to sleep for `length` ticks."""
    s = S.people[p]
    settle(T, S, p, t)
    s["decide_stamp"] += 1
    s["asleep"] = 1
    s["wake_at"] = t + length
    s["sleep_stamp"] += 1
    S.now[0]["asleep"] += 1
    schedule_timer(T, S, t + length, WAKE, p, np.int64(s["sleep_stamp"]))


@njit
def first_night(T, S, p):
    """Put a person into the night in which tick 0 lies: asleep, or awake until the next bed time."""
    s = S.people[p]
    night = np.int64(-1)
    while bed_tick(T, p, night) + T.people[p]["sleep"] <= 0:
        night += 1
    s["night"] = night
    bed = bed_tick(T, p, night)
    if bed <= 0:
        fall_asleep(T, S, p, 0, bed + T.people[p]["sleep"])
    else:
        s["sleep_stamp"] += 1
        schedule_timer(T, S, bed, BED, p, np.int64(s["sleep_stamp"]))


@njit
def on_wake(T, S, p, t, key):
    """Wake by the clock."""
    s = S.people[p]
    if key != s["sleep_stamp"]:
        return STALE
    wake(T, S, p, t)
    s["stayed_up"] = 0
    next_bed(T, S, p, t)
    return DONE


@njit
def wake(T, S, p, t):
    """Be awake again, and take up deciding where sleep had stopped it."""
    settle(T, S, p, t)
    S.people[p]["asleep"] = 0
    S.now[0]["asleep"] -= 1
    aim(T, S, p, t)


@njit
def rouse(T, S, p, t, key):
    """Be woken by a message; go back to bed after a while."""
    s = S.people[p]
    wake(T, S, p, t)
    s["stayed_up"] = 1
    s["sleep_stamp"] += 1
    u = uniform(T.rules[0]["seed"], draws.WOKEN_LENGTH, p, key, 0)
    schedule_timer(T, S, t + delay_ticks(T.laws[L_STAY_UP], T.points, u), BED, p, np.int64(s["sleep_stamp"]))


@njit
def is_up_and_about(T, s):
    """Return whether a person is out or about to leave, and so cannot go to bed."""
    phase = s["phase"]
    return T.rules[0]["as_if_home"] == 0 and phase != HOME and phase != BACK


@njit
def on_bed(T, S, p, t, key):
    """Go to bed, or stay up, or miss the night being out."""
    s = S.people[p]
    rules = T.rules[0]
    if key != s["sleep_stamp"]:
        return STALE
    if is_up_and_about(T, s):
        s["missed_sleep"] = 1
        next_bed(T, S, p, t)
        return POSTPONED
    if s["has_heard"] == 1 and s["stayed_up"] == 0:
        night = np.int64(s["night"]) + 1
        if uniform(rules["seed"], draws.STAY_UP, p, 0, night) < rules["stay_up"]:
            s["stayed_up"] = 1
            s["sleep_stamp"] += 1
            u = uniform(rules["seed"], draws.STAY_UP_LENGTH, p, 0, night)
            extra = delay_ticks(T.laws[L_STAY_UP], T.points, u)
            schedule_timer(T, S, t + extra, BED, p, np.int64(s["sleep_stamp"]))
            return POSTPONED
    fall_asleep(T, S, p, t, np.int64(T.people[p]["sleep"]))
    return DONE


# -- deciding


@njit
def can_decide(T, s, p):
    """Return whether a person could leave home now."""
    rules = T.rules[0]
    phase = s["phase"]
    return (
        T.people[p]["able"] == 1
        and rules["nobody_leaves"] == 0
        and (phase == HOME or phase == BACK)
        and s["asleep"] == 0
        and s["trips"] < rules["max_trips"]
    )


@njit
def settle(T, S, p, t):
    """Bring dose and integrated hazard up to t; the hazard stands still in sleep."""
    s = S.people[p]
    rules = T.rules[0]
    elapsed = t - s["dose_tick"]
    s["dose_tick"] = t
    if s["dose"] == 0.0 or elapsed == 0:
        return
    if rules["rule"] == HAZARD_RULE and s["asleep"] == 0:
        s["hazard"] += integrated_hazard(s["dose"], elapsed, rules["fading"], rules["hazard_per_tick"])
    s["dose"] = faded(s["dose"], elapsed, rules["fading"])


@njit
def decide(T, S, p, t, cause):
    """Make up one's mind: prepare, then depart."""
    s = S.people[p]
    rules = T.rules[0]
    if s["trips"] == 0:
        s["tipped_by"] = cause
    s["decide_stamp"] += 1
    set_phase(S, p, PREPARING)
    u = uniform(rules["seed"], draws.PREPARE, p, 0, np.int64(s["trips"]))
    length = max(delay_ticks(T.laws[L_PREPARE], T.points, u), rules["shortest_prepare"])
    schedule_timer(T, S, t + length, DEPART, p, np.int64(s["trips"]))


@njit
def joins(T, s, p, share):
    """Return whether a crowd of this share is enough for a person (rule critical_mass)."""
    rules = T.rules[0]
    return T.people[p]["threshold"] <= share and (s["has_heard"] == 1 or rules["needs_news"] == 0)


@njit
def aim(T, S, p, t):
    """Rule hazard: schedule the moment at which the integrated hazard will cross this person's draw."""
    s = S.people[p]
    rules = T.rules[0]
    if rules["rule"] != HAZARD_RULE or s["dose"] == 0.0 or not can_decide(T, s, p):
        return
    s["decide_stamp"] += 1
    aimed = exponential(rules["seed"], draws.HAZARD, p, 0, np.int64(s["trips"]))
    delay = crossing_delay(s["dose"], rules["fading"], rules["hazard_per_tick"], aimed - s["hazard"])
    if delay < rules["horizon"]:
        schedule_timer(T, S, t + 1 + np.int64(delay), DECIDE, p, np.int64(s["decide_stamp"]))


@njit
def add_dose(T, S, p, t, dose, cause):
    """Add to a person's dose; return whether that tips the person over."""
    s = S.people[p]
    rules = T.rules[0]
    if not can_decide(T, s, p):
        return False
    settle(T, S, p, t)
    s["dose"] += dose
    s["last_on"] = cause
    rule = rules["rule"]
    if rule == THRESHOLD:
        if s["dose"] >= T.people[p]["threshold"]:
            decide(T, S, p, t, cause)
            return True
    elif rule == HAZARD_RULE:
        aim(T, S, p, t)
    elif rule == CRITICAL_MASS and joins(T, s, p, S.now[0]["taking_part"]):
        decide(T, S, p, t, cause)
        return True
    return False


@njit
def expose(T, S, p, t, c, kind, authority, on_screen):
    """Weigh an impression; return whether it tips the person over."""
    rules = T.rules[0]
    dose = T.channels[c]["dose"][kind]
    bit = np.uint32(1) << np.uint32(c)
    if dose == 0.0 or (rules["ignored"] >> np.uint64(c)) & np.uint64(1):
        return False
    s = S.people[p]
    is_repeat = (s["exposed"] & bit) != 0
    s["exposed"] |= bit
    n_neighbours = T.people[p]["n_neighbours"]
    contacts = 0.0
    if n_neighbours > 0:
        contacts = min(1.0, s["contacts_out"] / n_neighbours)
    w = weight(
        dose, authority, is_repeat, rules["discount"], rules["social"], contacts,
        rules["screen"], S.now[0]["crowd"], rules["screen_half"], on_screen,
    )  # fmt: skip
    return add_dose(T, S, p, t, w, c)


@njit
def on_decide(T, S, p, t, key):
    """Rule hazard: the integrated hazard crosses the person's draw."""
    s = S.people[p]
    if key != s["decide_stamp"]:
        return STALE
    if not can_decide(T, s, p):
        return IGNORED
    settle(T, S, p, t)
    decide(T, S, p, t, s["last_on"])
    return TIPPED


@njit
def on_prompt(T, S, p, t, cause):
    """Be asked to join: by those who gather, or by the sight of the crowd."""
    s = S.people[p]
    if not can_decide(T, s, p):
        return IGNORED
    decide(T, S, p, t, cause)
    return TIPPED


@njit
def cut_off(T, S, p, t):
    """Feel the throttle for the first time in this episode: look for a way round, turn elsewhere, be pushed."""
    s = S.people[p]
    rules = T.rules[0]
    episode = S.now[0]["episode"]
    if s["episode"] == episode:
        return
    s["episode"] = episode
    if rules["adopt_per_tick"] > 0.0 and s["circumventing"] == 0:
        gap = exponential(rules["seed"], draws.ADOPT, p, 0, episode) / rules["adopt_per_tick"]
        if gap < rules["horizon"]:
            schedule_timer(T, S, t + 1 + np.int64(gap), ADOPT, p, episode)
    if uniform(rules["seed"], draws.SUBSTITUTE, p, 0, episode) < rules["substitution"]:
        s["seeking"] = 2
    if rules["push"] > 0.0:
        add_dose(T, S, p, t, rules["push"], len(T.channels) + CUT)


@njit
def on_adopt(S, p):
    """Have found a way round, if it is still needed."""
    s = S.people[p]
    if S.now[0]["throttled"] == 0 or s["circumventing"] == 1:
        return IGNORED
    s["circumventing"] = 1
    S.now[0]["circumventing"] += 1
    return DONE


# -- hearing


@njit
def hear(T, S, p, t, c):
    """Hear of the night for the first time: look for more, tell the neighbours, open a chat group."""
    s = S.people[p]
    rules = T.rules[0]
    s["has_heard"] = 1
    s["heard_tick"] = t
    s["heard_on"] = c
    s["seeking"] = max(s["seeking"], ALERTED)
    S.now[0]["heard"] += 1
    S.heard_now[c] += 1
    seed = rules["seed"]
    if rules["neighbours"] >= 0 and uniform(seed, draws.TELL, p, 0, 0) < rules["tell"]:
        delay = delay_ticks(T.laws[L_TELL], T.points, uniform(seed, draws.TELL_DELAY, p, 0, 0))
        schedule_timer(T, S, t + delay, TELL, p, identity(seed, draws.ID_TELLING, p, 0, 0))
    group = T.people[p]["owned_group"]
    if group >= 0 and uniform(seed, draws.CREATE_GROUP, p, 0, 0) < rules["create"]:
        delay = delay_ticks(T.laws[L_CREATE], T.points, uniform(seed, draws.CREATE_DELAY, p, 0, 0))
        schedule_timer(T, S, t + delay, CREATE, p, np.int64(group))


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
        s["stay_until"] += delay_ticks(T.laws[L_PROLONG], T.points, u)


# -- going out (what departing, arriving and coming home make people say stands in messages.py)


@njit
def depart(T, S, p, t):
    """Leave home."""
    s = S.people[p]
    if s["trips"] == 0:
        s["departed_tick"] = t
        S.now[0]["participants"] += 1
    s["trips"] += 1
    set_phase(S, p, TRAVELLING)
    schedule_timer(T, S, t + np.int64(T.people[p]["travel"]), ARRIVE, p, np.int64(s["trips"]))


@njit
def arrive(T, S, p, t):
    """Reach the square."""
    s = S.people[p]
    set_phase(S, p, ON_SQUARE)
    S.squares[T.people[p]["province"]] += 1
    s["prolonged"] = 0
    u = uniform(T.rules[0]["seed"], draws.STAY, p, 0, np.int64(s["trips"]))
    s["stay_until"] = t + delay_ticks(T.laws[L_STAY], T.points, u)
    schedule_timer(T, S, s["stay_until"], LEAVE, p, np.int64(s["trips"]))


@njit
def on_leave(T, S, p, t):
    """Leave the square, unless the stay was prolonged meanwhile."""
    s = S.people[p]
    if t < s["stay_until"]:
        schedule_timer(T, S, s["stay_until"], LEAVE, p, np.int64(s["trips"]))
        return POSTPONED
    set_phase(S, p, RETURNING)
    S.squares[T.people[p]["province"]] -= 1
    schedule_timer(T, S, t + np.int64(T.people[p]["travel"]), HOME_AGAIN, p, np.int64(s["trips"]))
    return DONE


@njit
def come_home(T, S, p, t):
    """Be home again, and sleep if the night was missed; return the tick from which waking time counts."""
    s = S.people[p]
    rules = T.rules[0]
    set_phase(S, p, BACK)
    s["dose"] = 0.0
    s["dose_tick"] = t
    s["hazard"] = 0.0
    if s["missed_sleep"] == 1 and rules["as_if_home"] == 0:
        s["missed_sleep"] = 0
        trip = np.int64(s["trips"])
        if uniform(rules["seed"], draws.SLEEP_AFTER, p, 0, trip) < rules["sleep_after"]:
            u = uniform(rules["seed"], draws.SLEEP_AFTER_LENGTH, p, 0, trip)
            fall_asleep(T, S, p, t, delay_ticks(T.laws[L_SLEEP_AFTER], T.points, u))
            return s["wake_at"]
    return np.int64(t)
