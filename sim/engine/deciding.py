"""Deciding to leave home, compiled: weigh exposures, let the dose fade, make up one's mind, feel cut off.

Every function takes the tables T, the state S, a person p and the tick t. `reference.py` says the same in plain Python.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.attendance import BACK, HOME, PREPARING, RESTING
from sim.channels import ALERTED, CUT_OFF, ORDINARY
from sim.decision import (
    CONTAGION_RULE,
    CRITICAL_MASS,
    HAZARD_RULE,
    THRESHOLD,
    crossing_delay,
    faded,
    integrated_hazard,
    level_of,
    weight,
)
from sim.draws import exponential, uniform
from sim.engine.calendar import push
from sim.engine.flags import (
    ABLE,
    ADOPTING,
    CIRCUMVENTS,
    HEARD,
    SUBSTITUTES,
    WAS_CUT_OFF,
    drop,
    has,
    mind_of,
    put,
    row_of,
    row_taken,
)
from sim.engine.order import (
    ADOPT,
    DECIDE,
    DEPART,
    DONE,
    IGNORED,
    POSTPONED,
    PROMPT,
    STALE,
    TIPPED,
    next_moment,
    order_of,
    prompt_key,
)
from sim.engine.state import AGAIN, CUT, L_PREPARE, MOST_TICKS
from sim.jit import inlined, njit
from sim.quantiles import delay_ticks
from sim.units import MINUTE

__all__ = ["add_dose", "aim", "can_decide", "cut_off", "expose", "joins", "look_around_at", "on_adopt", "on_decide",
           "on_prompt", "rejoin", "schedule_timer", "seeking", "set_phase", "settle", "void_plan"]  # fmt: skip


@njit
def schedule_timer(T, S, tick, kind, p, key):
    """Put a timer of a person on the calendar, unless it falls behind the horizon."""
    if tick < T.rules[0]["horizon"]:
        push(S.calendar, S.messages, order_of(tick, kind, p), -1, key)


@inlined
def set_phase(S, p, phase):
    """Move a person to another phase."""
    s = S.people[p]
    phases = S.now[0]["phases"]
    phases[s["phase"]] -= 1
    phases[phase] += 1
    s["phase"] = phase


@inlined
def can_decide(T, s):
    """Return whether a person could leave home now."""
    rules = T.rules[0]
    phase = s["phase"]
    return (
        has(s, ABLE)
        and rules["nobody_leaves"] == 0
        and (phase == HOME or phase == BACK)
        and s["asleep"] == 0
        and s["trips"] < rules["max_trips"]
    )


@njit
def settle(T, S, p, t):
    """Bring dose and integrated hazard up to t; the hazard stands still in sleep. Who could never go has none."""
    k = mind_of(S, p)
    if k == 0:
        return
    mind = S.minds[k]
    rules = T.rules[0]
    elapsed = t - np.int64(mind["dose_tick"])
    mind["dose_tick"] = t
    if mind["dose"] == 0.0 or elapsed == 0:
        return
    if rules["rule"] == HAZARD_RULE and S.people[p]["asleep"] == 0:
        S.hazard[p]["sum"] += integrated_hazard(mind["dose"], elapsed, rules["fading"], rules["hazard_per_tick"])
    mind["dose"] = faded(mind["dose"], elapsed, rules["fading"])


@inlined
def void_plan(T, S, p):
    """Rule hazard: a plan to leave that was made before is void."""
    if T.rules[0]["rule"] == HAZARD_RULE:
        S.hazard[p]["stamp"] += 1


@njit
def decide(T, S, p, t, cause):
    """Make up one's mind: prepare, then depart."""
    s = S.people[p]
    rules = T.rules[0]
    if s["trips"] == 0:
        S.decided[t // MINUTE, cause] += 1
    void_plan(T, S, p)
    set_phase(S, p, PREPARING)
    u = uniform(rules["seed"], draws.PREPARE, p, 0, np.int64(s["trips"]))
    length = max(delay_ticks(T.laws[L_PREPARE], T.points, u), rules["shortest_prepare"])
    tick = max(t + length, next_moment(t, rules["moment"]))
    schedule_timer(T, S, tick, DEPART, p, np.int64(s["trips"]))


@inlined
def joins(T, S, p):
    """Rule critical_mass: return whether enough people, or enough of a person's neighbours, are out."""
    rules, mind = T.rules[0], S.minds[mind_of(S, p)]
    level = S.now[0]["taking_part"]
    if rules["by_contacts"] == 1:
        level = level_of(rules["counted_as"], mind["contacts_out"], mind["n_against"])
    return mind["threshold"] <= level and (has(S.people[p], HEARD) or rules["needs_news"] == 0)


@njit
def rejoin(T, S, p, t):
    """Rule critical_mass by contacts: leave if enough neighbours are out; return whether that is so."""
    rules = T.rules[0]
    if rules["by_contacts"] == 0 or not can_decide(T, S.people[p]) or not joins(T, S, p):
        return False
    decide(T, S, p, t, rules["neighbours"])
    return True


@njit
def look_around_at(T, S, p, tick, is_woken):
    """Plan to look around: at home again and rested (is_woken 0), or awake again (1)."""
    if tick < T.rules[0]["horizon"]:
        key = prompt_key(AGAIN, 2 * np.int64(S.people[p]["trips"]) + is_woken)
        push(S.calendar, S.messages, order_of(tick, PROMPT, p), -1, key)


@njit
def aim(T, S, p, t):
    """Rule hazard: schedule the moment at which the integrated hazard will cross this person's draw."""
    s, dose = S.people[p], S.minds[mind_of(S, p)]["dose"]
    rules = T.rules[0]
    if rules["rule"] != HAZARD_RULE or dose == 0.0 or not can_decide(T, s):
        return
    void_plan(T, S, p)
    aimed = exponential(rules["seed"], draws.HAZARD, p, 0, np.int64(s["trips"]))
    delay = crossing_delay(dose, rules["fading"], rules["hazard_per_tick"], aimed - S.hazard[p]["sum"])
    if delay < rules["horizon"]:
        schedule_timer(T, S, t + 1 + np.int64(delay), DECIDE, p, S.hazard[p]["stamp"])


@njit
def add_dose(T, S, p, t, dose, cause, key):
    """Add to the dose of somebody who can decide; return whether that tips the person over.

    The key names what was met (rule contagion).
    """
    mind = S.minds[mind_of(S, p)]
    rules = T.rules[0]
    settle(T, S, p, t)
    mind["dose"] += dose
    S.people[p]["last_on"] = cause
    rule = rules["rule"]
    if rule == THRESHOLD:
        if mind["dose"] >= mind["threshold"]:
            decide(T, S, p, t, cause)
            return True
    elif rule == HAZARD_RULE:
        aim(T, S, p, t)
    elif rule == CRITICAL_MASS:
        if joins(T, S, p):
            decide(T, S, p, t, cause)
            return True
    elif rule == CONTAGION_RULE and uniform(rules["seed"], draws.CONTAGION, p, key, 0) < dose:
        decide(T, S, p, t, cause)
        return True
    return False


@inlined
def expose(T, S, p, t, m, key):
    """Weigh an impression of a message, named by its key; return whether it tips the person over."""
    s = S.people[p]
    if not has(s, ABLE):  # and never will be
        return False
    rules = T.rules[0]
    c = np.int64(m["channel"])
    dose = T.channels[c]["dose"][m["kind"]]
    bit = np.uint32(1) << np.uint32(c)
    if dose == 0.0 or (rules["ignored"] >> np.uint64(c)) & np.uint64(1):
        return False
    mind = S.minds[mind_of(S, p)]
    is_repeat = (mind["exposed"] & bit) != 0
    mind["exposed"] |= bit
    if not can_decide(T, s):
        return False
    on_screen = T.channels[c]["screen"] == 1 or m["live"] == 1
    authority = rules["authority"] if m["author"] >= 0 else T.airings[-1 - m["author"]]["authority"]
    contacts = 0.0
    if mind["n_against"] > 0:
        contacts = min(1.0, mind["contacts_out"] / mind["n_against"])
    w = weight(
        dose, authority, is_repeat, rules["discount"], rules["social"], contacts,
        rules["screen"], S.now[0]["crowd"], rules["screen_half"], on_screen,
    )  # fmt: skip
    return add_dose(T, S, p, t, w, c, key)


@njit
def on_decide(T, S, p, t, key):
    """Rule hazard: the integrated hazard crosses the person's draw."""
    s = S.people[p]
    if key != S.hazard[p]["stamp"]:
        return STALE
    if not can_decide(T, s):
        return IGNORED
    settle(T, S, p, t)
    decide(T, S, p, t, s["last_on"])
    return TIPPED


@njit
def on_prompt(T, S, p, t, key):
    """Be asked to join: by those who gather, or by the sight of the crowd; or look around."""
    s = S.people[p]
    why = key >> 28
    if why == AGAIN:
        if s["phase"] == RESTING and key & 1 == 0:
            set_phase(S, p, BACK)
        return TIPPED if rejoin(T, S, p, t) else IGNORED
    if not can_decide(T, s):
        return IGNORED
    decide(T, S, p, t, len(T.channels) + why)
    return TIPPED


@njit
def throttled_clock(S, t):
    """Return for how many ticks some channel has been throttled up to t."""
    now = S.now[0]
    running = t - now["throttled_since"] if now["throttled"] == 1 else 0
    return now["throttled_before"] + running


@inlined
def seeking(S, s):
    """Return how much a person looks for news now."""
    if has(s, SUBSTITUTES) and S.now[0]["throttled"] == 1 and not has(s, CIRCUMVENTS):
        return CUT_OFF
    return ALERTED if has(s, HEARD) else ORDINARY


@njit
def cut_off(T, S, p, t):
    """Feel the throttle: the first time perhaps turn elsewhere and be pushed; each time look for a way round.

    The hazard of finding one is consumed by throttled time only: one draw per person, however the windows lie.
    """
    s = S.people[p]
    rules = T.rules[0]
    is_first = not has(s, WAS_CUT_OFF)
    if is_first:
        put(s, WAS_CUT_OFF)
        if uniform(rules["seed"], draws.SUBSTITUTE, p, 0, 0) < rules["substitution"]:
            put(s, SUBSTITUTES)
        if rules["adopt_per_tick"] > 0.0:
            gap = exponential(rules["seed"], draws.ADOPT, p, 0, 0) / rules["adopt_per_tick"]
            S.other[row_taken(S, p)]["adopt_at"] = min(throttled_clock(S, t) + 1 + np.int64(min(gap, 1e12)), MOST_TICKS)
    adopt_at = np.int64(S.other[row_of(S, p)]["adopt_at"])
    if adopt_at > 0 and not has(s, ADOPTING) and not has(s, CIRCUMVENTS):
        put(s, ADOPTING)
        schedule_timer(T, S, t + max(adopt_at - throttled_clock(S, t), 1), ADOPT, p, np.int64(0))
    if is_first and rules["push"] > 0.0 and can_decide(T, s):
        add_dose(T, S, p, t, rules["push"], len(T.channels) + CUT, 0)


@njit
def on_adopt(T, S, p, t):
    """Find a way round if enough throttled time has passed; look again later, or when cut off again."""
    s = S.people[p]
    now = S.now[0]
    missing = np.int64(S.other[row_of(S, p)]["adopt_at"]) - throttled_clock(S, t)
    if missing <= 0 and now["throttled"] == 1:
        drop(s, ADOPTING)
        put(s, CIRCUMVENTS)
        now["circumventing"] += 1
        return DONE
    if now["throttled"] == 0:
        drop(s, ADOPTING)
        return IGNORED
    schedule_timer(T, S, t + missing, ADOPT, p, np.int64(0))
    return POSTPONED
