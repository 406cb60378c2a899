"""What the kernel sees: `Tables` (read-only) and `State` (mutable), nothing but arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.channels import KINDS
from sim.engine.calendar import SLOT, Calendar
from sim.engine.ties import Net
from sim.pages import zeros

__all__ = ["COUNTS", "ELSE", "GATE", "HAZARD", "LETTER", "MESSAGE", "MIND", "MOST_LETTERS", "NOW", "RULES", "SHOWING",
           "SNAPSHOT", "STATE", "State", "Tables", "aligned", "stages_of"]  # fmt: skip

STATE = np.dtype(
    [
        ("propensity", "f4"),  # *
        ("turn_at", "u4"),  # when sleep ends, or begins of one who is awake; what comes before has not happened yet
        ("bed", "i4"),  # * ticks after midnight
        ("sleep", "i4"),  # *
        ("mind", "u4"),  # * the row of `State.minds` that this person has; 0: none, could never go
        ("other", "u4"),  # the row of `State.other` that this person has; 0: none, all zeros
        ("phase", "u1"),
        ("trips", "u1"),  # with the phase: `State.stages`
        ("asleep", "u1"),
        ("prolonged", "u1"),
        ("last_on", "i1"),  # channel of the last exposure
        ("night", "i1"),
        ("flags", "u2"),  # bits, see `flags.py`
    ],
    align=True,
)
"""A person's state (*: a trait) in half a cache line (32 bytes), with what most events need of everybody."""

STAGES, STAGE = 16, 12
"""Size of STATE, and where its phase and trips stand, in units of 16 bits."""

MIND = np.dtype(
    [
        ("dose", "f8"),
        ("threshold", "f8"),  # * by rule: dose, or share or number of people out; inf: never
        ("dose_tick", "u4"),
        ("exposed", "u4"),  # bit c: exposed through channel c before
        ("contacts_out", "i4"),  # neighbours who were seen to leave and not to come home
        ("n_against", "i4"),  # * whom contacts are counted against: all whom one sees leave, or the guards among them
    ],
    align=True,
)
"""What deciding takes (*: a trait), of those who could go (ABLE): 32 bytes."""

ELSE = np.dtype([("seen_first", "u4"), ("stay_until", "u4"), ("sleep_left", "u4"), ("adopt_at", "u4")], align=True)
"""What few people need, who take such a row when they do: where in `State.seen_out` stands who has seen one leave; stay_until:
once the square is left, when one is home; adopt_at: the throttled time (clock of NOW) of finding a way round, 0: not known."""

HAZARD = np.dtype([("sum", "f8"), ("stamp", "i8")], align=True)
"""Rule hazard: what is integrated since the last trip; the number of the plan to leave."""

BLOCK = 64
"""So many readers are looked up together, a multiple of 8."""

MOST_TICKS = 2**32 - 1
"""Later than any horizon: what lies further away is kept as this."""

MESSAGE = np.dtype(
    [
        ("id", "i8"),
        ("author", "i4"),  # -1 - airing: an actor; of a free slot: the next free one, -1: none
        ("pending", "i4"),  # events that refer to it, and 1 as long as it is shown; without any the slot is free again
        ("channel", "i1"),
        ("kind", "i1"),
        ("live", "i1"),
        ("tries", "i1"),
    ],
    align=True,
)
"""A message."""

MOST_LETTERS = 8
"""One event sends fewer."""

LETTER = np.dtype(
    [
        ("id", "i8"), ("author", "i8"),  # of the message, see `MESSAGE`; author -1: there is none
        ("channel", "i8"), ("kind", "i8"), ("live", "i8"), ("tries", "i8"),
        ("first", "i8"), ("end", "i8"),  # events first to end - 1 of the outbox
    ],
    align=True,
)  # fmt: skip
"""A message and the events of those who will look at it, or some events that need none."""

SHOWING = np.dtype(
    [
        ("slot", "i8"), ("channel", "i8"),
        ("first", "i8"), ("n", "i8"), ("bits", "i8"),  # the readers are n of the audience, from the first on, shuffled
        ("own_first", "i8"), ("own_end", "i8"),  # among them those who may be of this part
        ("keys", "u8", 4),
        ("m", "i8"),  # so many come to it, in this order, one after the other
        ("share", "f8"), ("wanted", "f8"),  # the share that m is of n, and the share that is to be reached
        ("begins", "i8"), ("ends", "i8"),
        ("k", "i8"),  # so many of the m have been looked up
        ("at", "i8"), ("length", "i8"),  # of those whom it shows next (`State.shown`)
    ],
    align=True,
)  # fmt: skip
"""An airing that is being shown: who comes when to notice it (see `showing.py`)."""

AIRING = np.dtype([("id", "i8"), ("authority", "f8"), ("audience", "f8"), ("arousal", "f8"), ("channel", "i8"),
                   ("kind", "i8"), ("ticks", "i8")], align=True)  # fmt: skip
"""One airing of the timeline; channel -1: people gather."""

GATE = np.dtype([("severity", "f8"), ("mode", "i8"), ("release", "i8"), ("lag", "i8"), ("outage", "i8")], align=True)
"""What stands between people and a channel now: severity; mode 0 drop, 1 delay; tick of release or lag; off the air."""

RULES = np.dtype(
    [
        ("seed", "i8"), ("world_seed", "i8"), ("horizon", "i8"), ("warm_up", "i8"), ("time_of_day", "i8"),
        ("news_tick", "i8"), ("moment", "i8"), ("n_normal", "f8"),
        # deciding
        ("rule", "i8"), ("fading", "f8"), ("hazard_per_tick", "f8"), ("discount", "f8"), ("social", "f8"),
        ("screen", "f8"), ("screen_half", "f8"), ("ignored", "u8"), ("needs_news", "i8"), ("crowd_scale", "f8"),
        ("by_contacts", "i8"), ("counted_as", "i8"), ("remembers", "i8"),
        ("nobody_leaves", "i8"), ("as_if_home", "i8"), ("max_trips", "i8"), ("shortest_prepare", "i8"),
        ("prolong", "f8"), ("prolong_most", "i8"), ("prolongs", "i8"), ("sleep_after", "f8"), ("rests", "i8"),
        # sleep; punctual: each turn of it is an event; at most so many turns of one person; terms of `hot_of`
        ("sleeps", "i8"), ("stay_up", "f8"), ("punctual", "i8"), ("most_turns", "i8"), ("hot_shift", "i8"),
        # posting
        ("while_home", "f8"), ("while_travelling", "f8"), ("while_on_square", "f8"), ("topical", "f8"),
        ("relay", "f8"), ("authority", "f8"),
        ("most_posts", "f8"), ("propensity_cap", "f8"), ("live", "f8"), ("victory_posts", "f8"), ("cross", "f8"),
        ("reaction_scale", "f8"), ("tell", "f8"), ("create", "f8"), ("neighbours", "i8"), ("neighbours_ties", "i8"),
        # throttling
        ("adopt_per_tick", "f8"), ("retry", "f8"), ("retry_most", "i8"), ("substitution", "f8"), ("push", "f8"),
        ("hold", "f8"),
    ],
    align=True,
)  # fmt: skip
"""Scalars of the model."""

NOW = np.dtype(
    [
        ("phases", "i8", 7), ("asleep", "i8"), ("circumventing", "i8"), ("heard", "i8"),
        ("crowd", "f8"), ("taking_part", "f8"), ("throttled", "i8"), ("throttled_since", "i8"),
        ("throttled_before", "i8"), ("n_messages", "i8"), ("free_message", "i8"), ("n_free", "i8"),
        ("n_log", "i8"), ("next_minute", "i8"), ("n_events", "i8"), ("n_done", "i8"),
        ("first_person", "i8"), ("last_person", "i8"), ("is_alone", "i8"), ("most_sent", "i8"), ("n_out", "i8"),
        ("n_sealed", "i8"), ("n_letters", "i8"), ("n_showings", "i8"), ("shown_at", "i8"), ("is_late", "i8"),
        ("gathered", "i8"), ("wanted", "i8"), ("n_others", "i8"), ("n_seen", "i8"), ("n_awake", "i8"),
    ],
    align=True,
)  # fmt: skip
"""The state of the nation, or of the people first_person to last_person of it (is_alone: there are no others); the outbox
holds n_out events (one event adds at most most_sent), n_sealed of them in n_letters (`mail.py`). `crowd` and `taking_part`
are the shares seen at the last whole minute; the throttled clock shows throttled_before, plus the time since
throttled_since while some channel is throttled; the first n_done people by threshold have made all their trips; the next
reader of a showing comes at shown_at, into the bucket at hand if is_late; of a bucket that could not be opened yet so many
events are gathered already, and it needs room for as many as are wanted; rows of `State.other` and places of `State.seen_out`
up to n_others and n_seen are taken; n_awake people were awake at the first news."""

COUNTS = ("attempted", "published", "failed", "topical", "live", "created", "trending",
          *(f"impressions_{kind}" for kind in KINDS))  # fmt: skip
"""Counts per minute and channel: posts attempted, published, failed; of those published on the topic, and live videos; groups
created; 1 while trending; impressions by kind of message."""
ATTEMPTED, PUBLISHED_COUNT, FAILED_COUNT, TOPICAL, LIVE, CREATED, TRENDING, IMPRESSIONS = range(8)

SNAPSHOT = ("deciding", "travelling", "on_squares", "returned", "asleep", "online", "circumventing", "heard")
"""People by state at each whole minute."""

TOTALS = ("delivered", "seen", "unseen", "dropped", "pending", "posts_pending")
"""Per channel, warm-up included: delivered = seen + unseen + dropped + pending."""
DELIVERED, SEEN_TOTAL, UNSEEN_TOTAL, DROPPED_TOTAL, PENDING, POSTS_PENDING = range(6)

# -- indices of laws; the look of channel c is LOOKS + c
(L_MEMORY, L_AROUSAL, L_PREPARE, L_STAY, L_PROLONG, L_SLEEP_AFTER, L_STAY_UP, L_RETRY, L_LIVE, L_TELL, L_CREATE,
 L_VICTORY, L_REST, L_JITTER, L_TRAVEL) = range(15)  # fmt: skip
LOOKS = 15

# -- what tipped a person beside the channels, as offsets behind the last channel
GATHERING, CUT, CROWD = range(3)
BEYOND_CHANNELS = ("gathering", "cut_off", "crowd")

AGAIN = 3
"""Of a prompt: nobody asks, but this person is at home again and rested, or awake again, and looks around."""

MOST_TIES = 2**32 - 1
"""Ties of neighbours, each way counted, that `seen_first` of `ELSE` can number."""

MOST_MESSAGES = int(SLOT)
"""Messages that are on their way at once: a slot has 28 bits."""


class Tables(NamedTuple):
    """Read-only arrays of a run."""

    people: np.ndarray  # STATE[n]: everybody at tick 0
    minds: np.ndarray  # MIND[able + 1]: at tick 0, by number of the person; the first one is nobody's
    province: np.ndarray  # int16[n]
    receivers: np.ndarray  # uint32[n], bit k: has receiver k
    travel: np.ndarray  # int32[n] ticks: given ways to the square, or empty: drawn, see `rules.way`
    owners: np.ndarray  # int32, ascending: who may create a group
    owned: np.ndarray  # int32: which
    channels: np.ndarray  # CHANNEL[c]
    airings: np.ndarray  # AIRING[a]
    gather_starts: np.ndarray  # int64[a + 1]
    gatherers: np.ndarray  # int32: people who gather by themselves at each airing of channel -1
    airs_in: np.ndarray  # uint8[a, provinces]
    in_parts: np.ndarray  # uint8[a]: an airing that begins in each province at its own time, or not everywhere
    stagger: np.ndarray  # int64[a, provinces] ticks
    laws: np.ndarray  # LAW
    points: np.ndarray  # float64: points and tables of laws
    net: Net  # ties, groups and audiences
    cycle: np.ndarray  # float64[24]
    by_threshold: np.ndarray  # int32: who is asked at whole minutes, by threshold (by contacts: who waits for nobody)
    levels: np.ndarray  # float64[2, c, 16]: the attention that an airing gets, see `flags.levels_of`
    rules: np.ndarray  # RULES[1]


class State(NamedTuple):
    """Mutable arrays of a run."""

    people: np.ndarray  # STATE[n]
    minds: np.ndarray  # MIND[able + 1]
    stages: np.ndarray  # uint16[n x STAGES]: a view of people; phase and trips are read and written at once
    hot: np.ndarray  # uint16[n]: see `flags.hot_of`
    other: np.ndarray  # ELSE[n + 1]: rows in the order in which they are taken, by each part from its first person's on
    heard_tick: np.ndarray  # uint32[n]: when each first heard, in the null night keyboard; else empty
    hazard: np.ndarray  # HAZARD[n], or empty (rule hazard)
    messages: np.ndarray  # MESSAGE
    showings: np.ndarray  # SHOWING
    shown: np.ndarray  # int64[showings, 2 x BLOCK]: events of those whom each shows next, as pairs of order and load
    due: np.ndarray  # int64[showings]: the tick of the first of them
    block: np.ndarray  # int64[3, BLOCK]: readers at hand; where they stand, or which are kept; which of those
    seats: np.ndarray  # uint64[BLOCK]: places in a shuffled order
    words: np.ndarray  # uint64[4, BLOCK]: their draws
    seen_out: np.ndarray  # uint8[ties of neighbours] or empty: of who left, the trip on which each neighbour saw it
    exists_from: np.ndarray  # uint32[groups]: tick, MOST_TICKS: not yet
    gates: np.ndarray  # GATE[c]
    trending: np.ndarray  # uint8[c]
    recent: np.ndarray  # int64[c]: posts on the topic in the last minutes, at a whole minute
    topical: np.ndarray  # int64[c]: those of all parts
    phases: np.ndarray  # int64[7]: people by phase, of all parts, at a whole minute
    counts: np.ndarray  # int64[minutes, c, 11]: of minutes that are over
    tally: np.ndarray  # int64[c, 11]: of the minute at hand
    decided: np.ndarray  # int64[minutes, c + 3]: first decisions by the channel or other cause that tipped
    departed: np.ndarray  # int64[minutes]: first departures
    heard_awake: np.ndarray  # int64[minutes]: who was awake at the first news and has heard, when that became known
    snapshots: np.ndarray  # int64[minutes, 8]; those of sleep once all have caught up (`kernel.catch_all_up`)
    slept: np.ndarray  # int64[minutes + 1]: how many more are asleep at a whole minute than at the one before
    heard_on: np.ndarray  # int64[minutes, c]
    heard_now: np.ndarray  # int64[c]
    squares: np.ndarray  # int64[provinces]
    squares_by_minute: np.ndarray  # int32[minutes, provinces]
    totals: np.ndarray  # int64[c, 6]
    now: np.ndarray  # NOW[1]
    log: np.ndarray  # LOG, empty when no log is kept
    outbox: np.ndarray  # int64: events of people of other parts, as pairs of order and load; empty without others
    letters: np.ndarray  # LETTER
    calendar: Calendar


def aligned(n: int, dtype: np.dtype) -> np.ndarray:
    """Return zeros whose first row begins on a cache line."""
    block = zeros(n * dtype.itemsize + 64, np.uint8)
    start = -block.ctypes.data % 64
    return block[start : start + n * dtype.itemsize].view(dtype)


def stages_of(people: np.ndarray) -> np.ndarray:
    """Return uint16[n x `STAGES`] as a view of STATE[n]: [k x STAGES + STAGE] is phase + 256 trips of person k at once."""
    return people.view(np.uint16)
