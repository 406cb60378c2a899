"""The reference engine's nation: how messages spread among people, and what everybody sees of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from sim import draws
from sim.attendance import BACK, ON_SQUARE, PREPARING, RESTING, RETURNING, TRAVELLING, phase_is_out
from sim.bijection import bits_of, shuffled
from sim.channels import BROADCAST, CALL, CHATTER, FEED
from sim.engine import state as st
from sim.engine.actors import At, Process, start_actors
from sim.engine.correspondent import Correspondent
from sim.engine.flags import ABLE, CIRCUMVENTS
from sim.engine.order import ACTOR_RANKS, LOG, next_moment
from sim.engine.reference import Person
from sim.engine.showing import coming_at, number_coming
from sim.engine.ties import audience_of, group_of, lists, members_of, n_groups_of, tied_to
from sim.population import way_of
from sim.quantiles import ceiling_of, delay_ticks, log_of_missing, skip_length
from sim.scenario import Scenario
from sim.units import MINUTE

__all__ = ["Message", "Nation", "run_reference"]


@dataclass
class Message:
    """Something said: by a person, or by an actor (author None)."""

    id: int
    author: Correspondent | None
    channel: int
    kind: int
    live: bool = False
    authority: float = 1.0
    arousal: float = 0.0
    tries: int = 0
    until: int = st.MOST_TICKS
    """Whoever looks at this tick or later sees nothing any more."""


class Nation:
    """All people, and the room in which the script acts."""

    def __init__(self, scenario: Scenario, tables: st.Tables, exists: np.ndarray) -> None:
        self.env = simpy.Environment()
        self.tables = tables
        self.rules: dict[str, Any] = dict(zip(st.RULES.names or (), tables.rules[0].item(), strict=True))
        self.channels = [{name: row[name].tolist() for name in row.dtype.names} for row in tables.channels]
        self.seed, self.horizon = self.rules["seed"], self.rules["horizon"]
        n, minutes = len(tables.people), -(-self.horizon // MINUTE)
        self.gates = np.zeros(len(self.channels), st.GATE)
        self.exists_from = np.where(exists, 0, st.MOST_TICKS)
        self.owned: dict[int, int] = dict(zip(tables.owners.tolist(), tables.owned.tolist(), strict=True))
        self.is_throttled, self.throttled_since, self.throttled_before = False, 0, 0
        self.crowd = self.taking_part = 0.0
        self.trending = [False] * len(self.channels)
        self.log: list[tuple[int, ...]] = []
        self.counts = np.zeros((minutes, len(self.channels), len(st.COUNTS)), np.int64)
        self.decided = np.zeros((minutes, len(self.channels) + len(st.BEYOND_CHANNELS)), np.int64)
        self.departed = np.zeros(minutes, np.int64)
        self.heard_awake = np.zeros(minutes, np.int64)
        self.totals = np.zeros((len(self.channels), len(st.TOTALS)), np.int64)
        self.snapshots = np.zeros((minutes, len(st.SNAPSHOT)), np.int64)
        self.heard_on = np.zeros((minutes, len(self.channels)), np.int64)
        self.squares_by_minute = np.zeros((minutes, tables.airs_in.shape[1]), np.int32)
        self.people = [Person(self, number) for number in range(n)]
        start_actors(self.env, scenario, self)
        self.env.process(self.observing())
        for person in self.people:
            person.first_night()
            self.env.process(person.posting())

    def traits(self, number: int) -> dict[str, Any]:
        """Return a person's traits as plain numbers, and which group this person may create, if any."""
        tables = self.tables
        row = tables.people[number]
        mind, receivers, posts = tables.minds[row["mind"]], int(tables.receivers[number]), 0.0
        for channel in self.channels:  # one after the other, as the compiled engine does, which decides the last digit
            posts += channel["posts_per_tick"] if receivers >> channel["receiver"] & 1 else 0.0
        law = tables.laws[st.L_TRAVEL]
        return {name: row[name].item() for name in ("bed", "sleep")} | {
            "threshold": mind["threshold"].item(),
            "n_against": mind["n_against"].item(),
            "posts_per_tick": float(np.float32(posts * row["propensity"].item())),
            "propensity": min(row["propensity"].item(), self.rules["propensity_cap"]),
            "able": bool(row["flags"] & ABLE),
            "ready": bool(row["flags"] & CIRCUMVENTS),
            "province": int(tables.province[number]),
            "receivers": receivers,
            "travel": int(
                tables.travel[number]
                if len(tables.travel) > 0
                else way_of(self.rules["world_seed"], number, law, tables.points)
            ),
            "owned_group": self.owned.get(number),
        }

    # -- messages

    def message(self, id_: int, author: Correspondent, channel: int, kind: int, live: bool = False) -> Message:
        """Return a message by a person."""
        return Message(int(id_), author, channel, kind, live, self.rules["authority"])

    def publish(self, message: Message) -> None:
        """Make a message public: to followers or friends, recommended or trending readers, or one chat group."""
        c, channel, author = message.channel, self.channels[message.channel], message.author
        assert author is not None
        self.count(st.PUBLISHED_COUNT, c)
        if message.kind != CHATTER:
            self.count(st.TOPICAL, c)
        if message.live:
            self.count(st.LIVE, c)
        if channel["type"] == FEED:
            own = self.ties(channel["ties"], author, c) if channel["ties"] >= 0 else []
            self.spread(message, own)
            extra, most = channel["recommended"], channel["recommended"] + channel["trend_readers"]
            if self.trending[c] and message.kind != CHATTER:
                extra = most
            everyone = self.audience(c)
            if everyone:
                share, largest = min(1.0, extra / len(everyone)), min(1.0, most / len(everyone))
                self.spread(message, everyone, share, largest, draws.EXTRA_READER, but=set(own))
            return
        groups = self.groups(channel["groups"], author)
        if groups:
            which, direct, to, _ = author.four(draws.POST_GROUP, message.id, 0)
            first = int(which * len(groups))
            for group in groups[first:] + groups[:first]:
                if self.exists_from[group] <= self.now:
                    members = lists(self.tables.net, members_of(self.tables.net, group)).tolist()
                    if direct < channel["direct"]:
                        # One of the others: where the draw falls on the author, it is the last one.
                        one = int(to * (len(members) - 1))
                        members = [members[-1 if members[one] == author.number else one]]
                    self.spread(message, members)
                    return

    def announce(self, author: Correspondent, id_: int, kind: int, trip: int = 0) -> None:
        """Let the neighbours see or hear something: leaving home, on which trip, or the news."""
        c = self.rules["neighbours"]
        if c >= 0:
            near = self.ties(self.rules["neighbours_ties"], author, c)
            message = self.message(id_, author, c, kind)
            message.tries = trip
            is_seen_once = self.channels[c]["only_while_out"] and not self.channels[c]["repeats"]
            if kind == CALL and is_seen_once and not self.rules["prolongs"]:
                message.until = self.forgotten_at(author, trip + 1)
            self.spread(message, near)

    def forgotten_at(self, person: Correspondent, trip: int) -> int:
        """Return the tick from which nobody sees any more that a person departs now: after a stay that nothing prolongs."""
        moment, travel = self.rules["moment"], person.traits["travel"]
        there = max(self.now + travel, person.next_moment)
        leaves = there + self.delay(st.L_STAY, person.u(draws.STAY, 0, trip))
        return int(next_moment(max(leaves + travel, next_moment(leaves, moment)), moment))

    def show_return(self, person: Correspondent, trip: int) -> None:
        """Let those who count a person among their contacts see, after a while, that the person is home from a trip."""
        c = self.rules["neighbours"]
        for number in self.ties(self.rules["neighbours_ties"], person, c):
            reader = self.people[number]
            if reader.contacts.get(person.number) == trip:
                delay = self.delay(st.LOOKS + c, reader.u(draws.LOOK_RETURN, person.number, trip))
                tick = max(self.now + delay, person.next_moment)
                reader.begin(tick, reader.seeing_return(tick, person.number, trip))

    def spread(
        self,
        message: Message,
        people: list[int],
        share: float = 1.0,
        largest: float = 1.0,
        purpose: int = draws.SKIP,
        but: set[int] | frozenset[int] = frozenset(),
    ) -> None:
        """Show a message to each of the people with probability `share`, but to neither the author nor those in `but`."""
        for number in self.noticing(message, people, share, largest, purpose):
            if self.people[number] is not message.author and number not in but:
                self.deliver(message, self.people[number])

    def noticing(
        self, message: Message, people: list[int], share: float, largest: float, purpose: int
    ) -> Iterator[int]:
        """Yield those of the people, each with probability `share`, who could notice a message if they looked for news."""
        channel = self.channels[message.channel]
        for number in self.chosen(people, share, largest, channel["ceiling"], purpose, message.id):
            if self.people[number].distraction(message) < channel["attention_max"]:
                yield number

    def chosen(
        self, people: list[int], share: float, largest: float, ceiling: float, purpose: int, key: int
    ) -> Iterator[int]:
        """Yield each of the people with probability share x ceiling, drawn for `key`.

        Geometric jumps along the list at a rate of which `share` is no part, only the `largest` that it could be; then a draw
        of each person's own thins them.
        """
        rate = ceiling_of(largest * ceiling)
        i = k = 0
        while share * ceiling > 0:
            if rate < 1:  # else nobody can be missed
                words = draws.quarters(self.seed, purpose, k >> 26, key, (k >> 2) & draws.MAX_ORDINAL)
                i, k = i + int(skip_length(draws.fraction(words[k % 4]), log_of_missing(rate))), k + 1
            if i >= len(people):
                return
            # Some numbers of implied ties are nobody's.
            if people[i] >= 0 and self.people[people[i]].dice(key)[1] * rate < share * ceiling:
                yield people[i]
            i += 1

    def deliver(self, message: Message, reader: Correspondent) -> None:
        """Deliver a person's message; the reader looks at it after a while, in the next moment at the earliest."""
        self.totals[message.channel, st.DELIVERED] += 1
        delay = self.delay(st.LOOKS + message.channel, reader.dice(message.id)[2])
        tick = max(self.now + delay, reader.next_moment)
        if message.until <= tick < self.horizon:
            self.totals[message.channel, st.UNSEEN_TOTAL] += 1
        else:
            self.impression_at(tick, reader, message)

    def impression_at(self, tick: int, reader: Correspondent, message: Message, hold: int = 0, again: int = 0) -> None:
        """Let a reader look at a message at a tick, perhaps again; behind the horizon it is pending."""
        if tick >= self.horizon:
            self.totals[message.channel, st.PENDING] += 1
        reader.begin(tick, reader.reading(tick, message, hold, again))

    # -- what the script does (see `Room`)

    def throttle_changed(self, is_throttled: bool) -> None:
        """See `Room`."""
        if is_throttled:
            self.throttled_since = self.now
        else:
            self.throttled_before += self.now - self.throttled_since
        self.is_throttled = is_throttled

    def air(self, airing: int) -> None:
        """See `Room`."""
        a = self.tables.airings[airing]
        c, key, audience = int(a["channel"]), int(a["id"]), float(a["audience"])
        if c < 0:
            lo, hi = self.tables.gather_starts[airing : airing + 2]
            for number in self.tables.gatherers[lo:hi].tolist():
                person = self.people[number]
                tick = self.now + 1 + int(self.tables.stagger[airing, person.traits["province"]])
                person.begin(tick, person.joining(tick, st.GATHERING, airing))
            return
        message = Message(key, None, c, int(a["kind"]), False, float(a["authority"]), float(a["arousal"]))
        everyone = self.audience(c)
        if not self.tables.in_parts[airing]:
            self.show(message, everyone, audience, self.now, a["ticks"], 0)
            return
        provinces = self.tables.province[everyone]
        for q in np.flatnonzero(self.tables.airs_in[airing]).tolist():
            people = np.array(everyone)[provinces == q].tolist()
            self.show(message, people, audience, self.now + int(self.tables.stagger[airing, q]), a["ticks"], q + 1)

    def show(self, message: Message, people: list[int], share: float, begins: int, ticks: int, part: int) -> None:
        """Let a share of the people notice an airing, one after the other in a shuffled order; see `engine/showing.py`."""
        channel, n = self.channels[message.channel], len(people)
        wanted = share * channel["ceiling"]
        if n == 0 or wanted <= 0:
            return
        ends = min(begins + ticks, self.horizon) if channel["type"] == BROADCAST else self.horizon
        *keys, last_key = map(np.uint64, draws.quarters(self.seed, draws.SHOWING, part, message.id, 0))
        m = int(number_coming(n, wanted))
        for k in range(m):
            law = self.tables.laws[st.LOOKS + message.channel]
            tick = int(coming_at(law, self.tables.points, begins, k, m, last_key))
            if tick >= ends:
                return
            reader = self.people[people[int(shuffled(k, n, bits_of(n), *keys))]]
            if reader.dice(message.id)[1] * (m / n) < wanted and reader.distraction(message) < channel["attention_max"]:
                self.totals[message.channel, st.DELIVERED] += 1
                self.impression_at(tick, reader, message)

    def observed(self, watch: str, since: int) -> float:
        """See `Room`."""
        if watch == "on_squares":
            return float(sum(p.phase == ON_SQUARE for p in self.people))
        return float(self.counts[since // MINUTE :, :, st.PUBLISHED_COUNT].sum())

    @property
    def throttled_clock(self) -> int:
        """For how many ticks some channel has been throttled."""
        return self.throttled_before + (self.now - self.throttled_since if self.is_throttled else 0)

    # -- what everybody sees

    def observing(self) -> Process:
        """Look at the nation at every whole minute."""
        for minute in range(-(-self.horizon // MINUTE)):
            yield At(self.env, minute * MINUTE, ACTOR_RANKS["observer"] * 1_000_000)
            self.observe(minute)

    def observe(self, minute: int) -> None:
        """Count people by state, see the crowd, notice what is trending, join it if it is large enough."""
        n_in = Counter(p.phase for p in self.people)
        out = n_in[TRAVELLING] + n_in[ON_SQUARE] + n_in[RETURNING]
        is_home = [self.rules["as_if_home"] or not phase_is_out[p.phase] for p in self.people]
        self.snapshots[minute] = (
            n_in[PREPARING],
            n_in[TRAVELLING] + n_in[RETURNING],
            n_in[ON_SQUARE],
            n_in[BACK] + n_in[RESTING],
            sum(p.asleep for p in self.people),
            sum(home and not p.asleep for home, p in zip(is_home, self.people, strict=True)),
            sum(p.circumventing for p in self.people),
            sum(p.heard_tick >= 0 for p in self.people),
        )
        heard_on = Counter(p.heard_on for p in self.people)
        for c, channel in enumerate(self.channels):
            self.heard_on[minute, c] = heard_on[c]
            recent = self.counts[max(0, minute - channel["trend_minutes"]) : minute, c, st.TOPICAL].sum()
            self.trending[c] = bool(recent >= channel["trend_posts"])
            self.counts[minute, c, st.TRENDING] = self.trending[c]
        for person in self.people:
            if person.phase == ON_SQUARE:
                self.squares_by_minute[minute, person.traits["province"]] += 1
        self.crowd = n_in[ON_SQUARE] / self.rules["n_normal"]
        self.taking_part = out / self.rules["crowd_scale"]
        news = self.rules["news_tick"]
        if news >= 0 and (minute - 1) * MINUTE < news <= minute * MINUTE:
            for person in self.people:
                person.awake_at_news = not person.asleep
                self.heard_awake[minute] += person.awake_at_news and person.heard_tick >= 0
        for number in self.tables.by_threshold.tolist():
            person = self.people[number]
            if person.can_decide() and person.joins():
                person.begin(self.now + 1, person.joining(self.now + 1, st.CROWD, minute))

    # -- small helpers

    @property
    def now(self) -> int:
        """The tick it is."""
        return int(self.env.now)

    def count(self, what: int, channel: int) -> None:
        """Count something on a channel in this minute."""
        self.counts[self.now // MINUTE, channel, what] += 1

    def delay(self, law: int, u: float) -> int:
        """Return a delay in ticks."""
        return int(delay_ticks(self.tables.laws[law], self.tables.points, u))

    def gate(self, channel: int) -> tuple[float, str]:
        """Return severity and mode of the throttle on a channel now."""
        gate = self.gates[channel]
        return float(gate["severity"]), "delay" if gate["mode"] else "drop"

    def is_off_air(self, channel: int) -> bool:
        """Return whether a broadcaster is off the air now."""
        return bool(self.gates[channel]["outage"])

    def release(self, person: Correspondent, message: Message, ordinal: int) -> int:
        """Return when what a gate holds is let through: after its lag, or some time after its window ends."""
        gate = self.gates[message.channel]
        if gate["lag"] > 0:
            return self.now + int(gate["lag"])
        spread = self.rules["hold"] * draws.exponential(self.seed, draws.HOLD, person.number, message.id, ordinal)
        return max(int(gate["release"]), self.now) + 1 + int(min(spread, 1e12))

    def ties(self, tie_set: int, person: Correspondent, channel: int) -> list[int]:
        """Return who hears a person: where everybody is tied to everybody, all who can be reached on the channel."""
        net = self.tables.net
        return list(lists(net, tied_to(net, tie_set, person.number, channel)).tolist())

    def audience(self, channel: int) -> list[int]:
        """Return who can be reached on a channel."""
        return list(lists(self.tables.net, audience_of(self.tables.net, channel)).tolist())

    def groups(self, group_set: int, person: Correspondent) -> list[int]:
        """Return the chat groups of a person on a channel."""
        net, p = self.tables.net, person.number
        return [int(group_of(net, group_set, p, k)) for k in range(n_groups_of(net, group_set, p))]


def run_reference(scenario: Scenario, tables: st.Tables, exists: np.ndarray) -> Nation:
    """Return the nation at the horizon."""
    nation = Nation(scenario, tables, exists)
    nation.env.run(until=nation.horizon)
    return nation


def log_array(nation: Nation) -> np.ndarray:
    """Return LOG[rows]: the event log as a structured array."""
    return np.array(nation.log, LOG) if nation.log else np.zeros(0, LOG)
