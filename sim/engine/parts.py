"""The state of a run at its beginning, in one part or several; room as it grows; and the whole from its parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.decision import HAZARD_RULE
from sim.engine.calendar import ROOM, longer, make_calendar, reserve
from sim.engine.flags import CIRCUMVENTS
from sim.engine.order import LOG
from sim.engine.state import (
    BEYOND_CHANNELS,
    BLOCK,
    COUNTS,
    ELSE,
    GATE,
    HAZARD,
    LETTER,
    MESSAGE,
    MIND,
    MOST_LETTERS,
    MOST_MESSAGES,
    MOST_TICKS,
    MOST_TIES,
    NOW,
    SHOWING,
    SNAPSHOT,
    STATE,
    TOTALS,
    State,
    Tables,
    aligned,
    stages_of,
)
from sim.engine.ties import n_ties
from sim.errors import CapacityError
from sim.pages import zeros
from sim.units import MINUTE

__all__ = ["grown", "make_parts", "make_state", "whole"]


def make_state(tables: Tables, exists: np.ndarray, keep_log: bool, is_last: bool = False) -> State:
    """Return the state at tick 0, before anybody's first event.

    The rows of `tables.people` and of `tables.minds` are copied; where `is_last` run of the tables they become the state, which
    spares their memory.
    """
    return make_parts(tables, exists, keep_log, is_last, 1)[0]


def make_parts(tables: Tables, exists: np.ndarray, keep_log: bool, is_last: bool, n_parts: int) -> list[State]:
    """Return the states of so many parts of the people, of consecutive numbers, at tick 0; see `make_state`.

    People and what belongs to them are in arrays that the parts share; each reads and writes those of its own people, and
    reads of others only what nobody writes within a moment, or `stages`, `stay_until` and `exists_from`. Rows that are taken
    when they are needed stand in zeros, which take no memory until they are written.
    """
    n, n_channels, n_provinces = len(tables.people), len(tables.channels), tables.airs_in.shape[1]
    horizon = int(tables.rules["horizon"][0])
    minutes = -(-horizon // MINUTE)
    people, minds = tables.people.view(), tables.minds.view()
    if not is_last:
        people, minds = aligned(n, STATE), aligned(len(tables.minds), MIND)
        people[:], minds[:] = tables.people, tables.minds
    people.setflags(write=True)
    minds.setflags(write=True)
    hot, other = zeros(n, np.uint16), zeros(n + 1, ELSE)
    heard_tick = np.zeros(n if tables.rules["as_if_home"][0] else 0, np.uint32)
    hazard = np.zeros(n if tables.rules["rule"][0] == HAZARD_RULE else 0, HAZARD)
    seen_out = zeros(_remembered(tables, n), np.uint8)
    exists_from = np.where(exists, np.uint32(0), np.uint32(MOST_TICKS))
    gates = np.zeros(n_channels, GATE)
    parts = []
    for k in range(n_parts):
        first, end = n * k // n_parts, n * (k + 1) // n_parts
        now = np.zeros(1, NOW)
        now["phases"][0, 0] = end - first
        now["circumventing"] = np.count_nonzero(people["flags"][first:end] & CIRCUMVENTS)
        now["free_message"] = -1
        now["shown_at"] = horizon
        now["n_others"], now["n_seen"] = first, _remembered(tables, first)
        now["first_person"], now["last_person"], now["is_alone"] = first, end - 1, n_parts == 1
        parts.append(State(
            people=people, minds=minds, stages=stages_of(people), hot=hot, other=other, heard_tick=heard_tick, hazard=hazard,
            messages=zeros(end - first + ROOM, MESSAGE),  # zeros take no memory until they are written
            showings=np.zeros(64, SHOWING),
            shown=np.zeros((64, 2 * BLOCK), np.int64),
            due=np.zeros(64, np.int64),
            block=np.zeros((3, BLOCK), np.int64),
            seats=np.zeros(BLOCK, np.uint64),
            words=np.zeros((4, BLOCK), np.uint64),
            seen_out=seen_out, exists_from=exists_from, gates=gates,
            trending=np.zeros(n_channels, np.uint8),
            recent=np.zeros(n_channels, np.int64),
            topical=np.zeros(n_channels, np.int64),
            phases=np.zeros(7, np.int64),
            counts=np.zeros((minutes, n_channels, len(COUNTS)), np.int64),
            tally=np.zeros((n_channels, len(COUNTS)), np.int64),
            decided=np.zeros((minutes, n_channels + len(BEYOND_CHANNELS)), np.int64),
            departed=np.zeros(minutes, np.int64),
            heard_awake=np.zeros(minutes, np.int64),
            snapshots=np.zeros((minutes, len(SNAPSHOT)), np.int64),
            slept=np.zeros(minutes + 1, np.int64),
            heard_on=np.zeros((minutes, n_channels), np.int64),
            heard_now=np.zeros(n_channels, np.int64),
            squares=np.zeros(n_provinces, np.int64),
            squares_by_minute=np.zeros((minutes, n_provinces), np.int32),
            totals=np.zeros((n_channels, len(TOTALS)), np.int64),
            now=now,
            log=np.zeros(4096 if keep_log else 0, LOG),
            outbox=np.zeros(0, np.int64),
            letters=np.zeros(0, LETTER),
            calendar=make_calendar(horizon, end - first, int(tables.rules["moment"][0])),
        ))  # fmt: skip
    return parts


def whole(parts: list[State]) -> State:
    """Return the state of the nation from those of its parts; of `now` the sums that a record needs, and the log in order."""
    log = np.concatenate([part.log[: part.now["n_log"][0]] for part in parts])
    log = log[np.lexsort((log["key"], log["person"], log["kind"], log["tick"]))]
    if len(parts) == 1:
        return parts[0]._replace(log=log)
    summed = ("counts", "decided", "departed", "heard_awake", "snapshots", "heard_on", "heard_now", "squares",
              "squares_by_minute", "totals")  # fmt: skip
    now = parts[0].now.copy()
    for name in ("phases", "asleep", "circumventing", "heard", "n_events", "n_log", "n_awake"):
        now[name] = sum(part.now[name] for part in parts)
    return parts[0]._replace(now=now, log=log, **{n: sum(getattr(part, n) for part in parts) for n in summed})


def _remembered(tables: Tables, n: int) -> int:
    """Return the number of ties of the first n people of which may be remembered whether the one has seen the other leave.

    Raises
    ------
    CapacityError
        There are more than a row of what few people need can number.
    """
    rules = tables.rules[0]
    count = int(n_ties(tables.net, rules["neighbours_ties"], n)) if rules["remembers"] else 0
    if count > MOST_TIES:
        raise CapacityError(
            f"neighbours are tied {count:,} times, expected at most {MOST_TIES:,} where it is remembered who saw whom leave; "
            "give the run fewer people, or fewer neighbours (network.neighbours.mean)."
        )
    return count


def grown(state: State, pushes: int, margin: int, showings: int = 0) -> State:
    """Return the state with room for so many pushes and showings, for `margin` messages and log rows, and the next bucket.

    Raises
    ------
    CapacityError
        More messages are on their way than a slot can number.
    """
    now = state.now[0]
    if now["n_messages"] - now["n_free"] + margin > MOST_MESSAGES:
        raise CapacityError(
            f"{now['n_messages'] - now['n_free']:,} messages are on their way, expected fewer than {MOST_MESSAGES:,}; give "
            "the run fewer people, or let them post less (posts_per_user_day, posting.branching_ratio)."
        )
    messages, log, showings_, shown, due = state.messages, state.log, state.showings, state.shown, state.due
    if len(messages) - now["n_messages"] + now["n_free"] < margin:
        messages = longer(messages, len(messages) + max(len(messages) // 2, margin))
    if len(log) and len(log) < now["n_log"] + (rows := max(margin, int(now["wanted"]))):
        log = longer(log, len(log) + max(len(log), rows))
    if len(shown) < now["n_showings"] + showings:
        length = len(shown) + max(len(shown), showings)
        showings_, shown, due = longer(showings_, length), longer(shown, length), longer(due, length)
    outbox, letters = state.outbox, state.letters
    if not now["is_alone"]:
        if len(outbox) < 2 * (now["n_out"] + now["most_sent"]):
            outbox = longer(outbox, 2 * len(outbox) + 8 * int(now["most_sent"]))
        if len(letters) < now["n_letters"] + MOST_LETTERS:
            letters = longer(letters, len(letters) + max(len(letters), 1024))
    calendar = reserve(state.calendar, pushes, int(now["wanted"]))
    room: dict[str, Any] = {"messages": messages, "log": log, "showings": showings_, "shown": shown, "due": due,
                            "outbox": outbox, "letters": letters, "calendar": calendar}  # fmt: skip
    return state if all(getattr(state, name) is each for name, each in room.items()) else state._replace(**room)
