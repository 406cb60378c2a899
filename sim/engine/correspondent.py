"""The specification, second part: what a person says and reads, in plain Python. Read `reference.py` first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sim import draws
from sim.attendance import HOME, ON_SQUARE, RETURNING, TRAVELLING, phase_is_out
from sim.channels import ALERTED, CALL, CHATTER, CUT_OFF, NEIGHBOURS, NEWS, ORDINARY, STAY_CALL
from sim.engine import order as o
from sim.engine import state as st
from sim.engine.actors import At
from sim.engine.order import HELD_NOTICED, HELD_UNNOTICED
from sim.posting import MOST_REACTIONS, cycle_at
from sim.quantiles import poisson
from sim.units import HOUR

if TYPE_CHECKING:
    from sim.engine.nation import Message, Nation

__all__ = ["Correspondent", "Life"]

Life = Generator[At, None, None]


class Correspondent(ABC):
    """What is common to all who post and read; `Person` adds a body."""

    def __init__(self, nation: Nation, number: int) -> None:
        self.nation = nation
        self.number = number
        self.traits: dict[str, Any] = nation.traits(number)
        self.phase, self.asleep = HOME, False
        self.circumventing = bool(self.traits["ready"])
        self.heard_tick = -1
        self.substitutes = self.called = False
        self.trips = self.wake_at = self.night = 0
        self.home_tick = -1  # when the last trip ended
        self.contacts: dict[int, int] = {}
        """Neighbours who were seen to leave and not to come home, with the number of the trip."""

    @property
    def now(self) -> int:
        """The tick it is."""
        return int(self.nation.env.now)

    @property
    def next_moment(self) -> int:
        """The tick from which others can notice what happens now."""
        return int(o.next_moment(self.now, self.nation.rules["moment"]))

    def at(self, tick: int, kind: int, key: int) -> At:
        """Return the event of this person at a tick."""
        return At(self.nation.env, tick, o.person_rank(kind, self.number, key))

    def note(self, kind: int, key: int, result: int, channel: int = -1) -> None:
        """Write a row of the event log."""
        self.nation.log.append((self.now, kind, self.number, key, channel, result))

    def begin(self, tick: int, life: Life) -> None:
        """Begin a process whose first moment is `tick`, unless that falls behind the horizon."""
        if tick < self.nation.horizon:
            self.nation.env.process(life)

    def u(self, purpose: int, object_: int = 0, ordinal: int = 0) -> float:
        """Return this person's draw for a purpose."""
        return float(draws.uniform(self.nation.seed, purpose, self.number, object_, ordinal))

    def four(self, purpose: int, object_: int, ordinal: int) -> list[float]:
        """Return this person's four draws of one name."""
        words = draws.quarters(self.nation.seed, purpose, self.number, object_, ordinal)
        return [float(draws.fraction(w)) for w in words]

    def dice(self, key: int) -> tuple[float, ...]:
        """Return this reader's draws for a message: distraction, thinning, delay of the look, number of reactions."""
        return _dice(self.nation.seed, self.number, key)

    def distraction(self, message: Message) -> float:
        """Return the attention that noticing a message takes, in (0, ceiling of the channel): the same wherever it is asked."""
        return self.dice(message.id)[0] * float(self.nation.channels[message.channel]["ceiling"])

    # -- what a body does with what is read (`Person`)

    @abstractmethod
    def offline_until(self) -> int:
        """Return when whoever is asleep as a reader and writer wakes up; -1 if awake."""

    @abstractmethod
    def be_woken(self, message: Message) -> None:
        """Be woken by a message."""

    @abstractmethod
    def hear(self, channel: int) -> None:
        """Hear of the night for the first time."""

    @abstractmethod
    def expose(self, message: Message, key: int) -> bool:
        """Weigh an impression; return whether it tips this person over."""

    @abstractmethod
    def rejoin(self) -> bool:
        """Rule critical_mass by contacts: leave if enough neighbours are out; return whether that is so."""

    @abstractmethod
    def feel_cut_off(self) -> None:
        """Meet the throttle."""

    @abstractmethod
    def consider_staying(self, message: Message) -> None:
        """Be asked not to leave the square."""

    # -- saying

    def posting(self) -> Life:
        """Post spontaneously: a Poisson stream of candidates, thinned by activity."""
        tick, k = -1, 0
        rate, gap = (
            self.traits["posts_per_tick"],
            draws.exponential(self.nation.seed, draws.FIRST_CANDIDATE, self.number, 0, 0),
        )
        while rate > 0 and gap / rate < self.nation.horizon - tick - 1:
            tick += 1 + int(gap / rate)
            yield self.at(tick, o.CANDIDATE, k)
            words = draws.quarters(self.nation.seed, draws.CANDIDATE, self.number, 0, k)
            gap, (accept, channel, kind) = draws.waited(words[0]), map(draws.fraction, words[1:])
            if accept < self.activity():
                message = self.nation.message(
                    draws.identity(self.nation.seed, draws.ID_POST, self.number, 0, k), self,
                    self.own_channel(channel), self.own_kind(kind),
                )  # fmt: skip
                self.note(o.CANDIDATE, k, self.attempt(message), message.channel)
            else:
                self.note(o.CANDIDATE, k, o.THINNED)
            k += 1

    def activity(self) -> float:
        """Return the factor on posting now: state x daily cycle."""
        rules = self.nation.rules
        if self.offline_until() >= 0:
            return 0.0
        factor = float(rules["while_home"])
        if not rules["as_if_home"]:
            factor = {ON_SQUARE: rules["while_on_square"], TRAVELLING: rules["while_travelling"],
                      RETURNING: rules["while_travelling"]}.get(self.phase, factor)  # fmt: skip
        return factor * float(cycle_at(self.nation.tables.cycle, rules["time_of_day"], self.now))

    def own_channel(self, u: float) -> int:
        """Return a channel of this person's mix, in proportion to posts per user; -1 without any."""
        rates = [(c, x["posts_per_tick"]) for c, x in enumerate(self.nation.channels) if self.has(c)]
        total = 0.0
        for _, rate in rates:
            total += rate  # not sum(), which compensates rounding from Python 3.12 on
        rest, last = u * total, -1
        for c, rate in rates:
            if rate > 0:
                rest, last = rest - rate, c
                if rest < 0:
                    break
        return last

    def has(self, channel: int) -> bool:
        """Return whether this person can be reached on a channel."""
        return bool(self.traits["receivers"] >> self.nation.channels[channel]["receiver"] & 1)

    def own_kind(self, u: float) -> int:
        """Return the kind of a spontaneous post: about the night if one has heard of it, perhaps passing the call on."""
        rules = self.nation.rules
        if self.heard_tick < 0 or u >= rules["topical"]:
            return CHATTER
        return CALL if self.called and u < rules["topical"] * rules["relay"] else NEWS

    def attempt(self, message: Message) -> int:
        """Try for the first time to publish."""
        self.nation.count(st.ATTEMPTED, message.channel)
        return self.send(message)

    def send(self, message: Message) -> int:
        """Pass the gate of sending: publish, be held, try again later, or fail."""
        nation, rules, tries = self.nation, self.nation.rules, message.tries
        severity, mode = nation.gate(message.channel)
        if severity > 0 and not self.circumventing and self.u(draws.SEND_GATE, message.id, tries) < severity:
            self.feel_cut_off()
            if mode == "delay":
                self.retry_at(nation.release(self, message, 2 * tries), message, is_held=True)
                return o.HELD
            if tries < rules["retry_most"] and self.u(draws.RETRY, message.id, tries) < rules["retry"]:
                message.tries += 1
                delay = nation.delay(st.L_RETRY, self.u(draws.RETRY_DELAY, message.id, tries))
                self.retry_at(self.now + delay, message, is_held=False)
                return o.RETRYING
            nation.count(st.FAILED_COUNT, message.channel)
            return o.FAILED
        nation.publish(message)
        return o.PUBLISHED

    def retry_at(self, tick: int, message: Message, is_held: bool) -> None:
        """Try again at a tick; behind the horizon the post is pending."""
        if tick >= self.nation.horizon:
            self.nation.totals[message.channel, st.POSTS_PENDING] += 1
        self.begin(tick, self.retrying(tick, message, is_held))

    def retrying(self, tick: int, message: Message, is_held: bool) -> Life:
        """Publish what was held, or try a failed post again if awake."""
        yield self.at(tick, o.RETRY, message.id)
        if is_held:
            self.nation.publish(message)
            result = o.PUBLISHED
        elif self.offline_until() >= 0:
            self.nation.count(st.FAILED_COUNT, message.channel)
            result = o.FAILED
        else:
            result = self.send(message)
        self.note(o.RETRY, message.id, result, message.channel)

    def reacting(self, tick: int, message: Message) -> Life:
        """Post what was provoked, if the moment allows; a live video only from the square."""
        yield self.at(tick, o.REACTION, message.id)
        is_in_the_mood = self.u(draws.REACTION_ACCEPT, message.id) < self.activity()
        is_on = self.phase == ON_SQUARE if message.live else is_in_the_mood
        result = self.attempt(message) if is_on else o.THINNED
        self.note(o.REACTION, message.id, result, message.channel)

    # -- reading

    def reading(self, tick: int, message: Message, hold: int, again: int) -> Life:
        """Look at a message that was delivered, perhaps held by a gate before (by whom noticed, see `look`), or once more."""
        key = message.id ^ again
        yield self.at(tick, o.IMPRESSION, key)
        self.note(o.IMPRESSION, key, self.look(message, hold, again), message.channel)

    def look(self, message: Message, hold: int, again: int) -> int:
        """Asleep? Interested? Let through? Then see.

        In the null night keyboard whoever is, or was, out reads and answers as if at home (`offline_until`), while the body
        weighs what it notices where it is, outside or awake at home, as in the night itself.
        """
        nation, c = self.nation, message.channel
        channel, totals = nation.channels[c], nation.totals[c]
        if channel["only_while_out"] and self.is_departure(message) and not self.is_still_out(message):
            totals[st.UNSEEN_TOTAL] += 1
            return o.UNSEEN
        key = message.id ^ again
        if channel["repeats"] and self.is_departure(message) and hold == 0:
            totals[st.DELIVERED] += 1
            delay = nation.delay(st.LOOKS + c, self.u(draws.LOOK_AGAIN, message.id, again + 1))
            nation.impression_at(self.now + delay, self, message, 0, again + 1)
        is_out = bool(phase_is_out[self.phase])
        wakes_at, answers, weighs = self.offline_until(), True, not self.asleep
        night = self.night + 1
        is_news = hold != HELD_UNNOTICED
        is_woken = self.asleep and is_news and self.u(draws.WOKEN, message.id, night) < channel["wakes"]
        if is_woken and self.distraction(message) < channel["attention"][self.seeking()]:
            self.be_woken(message)
            weighs = True
        elif wakes_at >= 0:
            if channel["waits"] > 0 and self.u(draws.WAITS, message.id, night) < channel["waits"]:
                delay = nation.delay(st.LOOKS + c, self.u(draws.WAIT_READ, message.id, night))
                nation.impression_at(wakes_at + delay, self, message, hold, again)
                return o.WAITING
            elif self.asleep:
                totals[st.UNSEEN_TOTAL] += 1
                return o.UNSEEN
            else:
                answers = False
        weighs = weighs and is_news
        if hold == 0:
            level = where_one_is = channel["attention"][self.seeking()]
            if is_out:
                where_one_is *= channel["while_out"]
            if not answers or not nation.rules["as_if_home"]:
                level = where_one_is
            if self.distraction(message) >= level:
                totals[st.UNSEEN_TOTAL] += 1
                return o.UNSEEN
            weighs = weighs and self.distraction(message) < where_one_is
            severity, mode = nation.gate(c)
            if nation.is_off_air(c):
                totals[st.DROPPED_TOTAL] += 1
                return o.DROPPED
            if severity > 0 and not self.circumventing and self.u(draws.READ_GATE, key) < severity:
                self.feel_cut_off()
                if mode == "delay":
                    held = HELD_NOTICED if weighs else HELD_UNNOTICED
                    nation.impression_at(nation.release(self, message, 1), self, message, held, again)
                    return o.HELD
                totals[st.DROPPED_TOTAL] += 1
                return o.DROPPED
        return self.see(message, answers, weighs, key)

    def seeking(self) -> int:
        """Return how much this person looks for news now."""
        if self.substitutes and self.nation.is_throttled and not self.circumventing:
            return CUT_OFF
        return ALERTED if self.heard_tick >= 0 else ORDINARY

    def see(self, message: Message, answers: bool, weighs: bool, key: int) -> int:
        """Hear, answer, weigh, perhaps decide."""
        nation, c, kind = self.nation, message.channel, message.kind
        nation.totals[c, st.SEEN_TOTAL] += 1
        nation.count(st.IMPRESSIONS + kind, c)
        if kind in (NEWS, CALL) and self.heard_tick < 0:
            self.hear(c)
        if kind == CALL:
            self.called = True
        if answers:
            self.react(message)
        if not weighs:
            return o.SEEN
        if kind == STAY_CALL:
            self.consider_staying(message)
        is_tipped, is_ignored = False, nation.rules["ignored"] >> c & 1
        if self.is_departure(message) and not is_ignored and nation.rules["remembers"] and self.is_still_out(message):
            assert message.author is not None
            self.contacts[message.author.number] = message.author.trips
            is_tipped = self.rejoin()
        return o.TIPPED if self.expose(message, key) or is_tipped else o.SEEN

    def is_departure(self, message: Message) -> bool:
        """Return whether a message is the sight of a neighbour who leaves home."""
        is_near = self.nation.channels[message.channel]["type"] == NEIGHBOURS
        return bool(is_near and message.kind == CALL and message.author is not None)

    def is_still_out(self, message: Message) -> bool:
        """Return whether the neighbour who was seen to leave had not come home from that trip when this moment began."""
        author = message.author
        if author is None or author.trips != message.tries + 1:
            return False
        begun = o.moment_begun(self.now, self.nation.rules["moment"])
        return bool(phase_is_out[author.phase] or author.home_tick >= begun)

    def seeing_return(self, tick: int, neighbour: int, trip: int) -> Life:
        """Notice that a neighbour is home again."""
        key = o.return_key(neighbour, trip)
        yield self.at(tick, o.RETURN_SEEN, key)
        is_counted = self.contacts.get(neighbour) == trip
        if is_counted:
            del self.contacts[neighbour]
        self.note(o.RETURN_SEEN, key, o.DONE if is_counted else o.IGNORED)

    def react(self, message: Message) -> None:
        """Be provoked to a Poisson number of posts, each after a delay of the memory kernel (a cluster of a Hawkes process)."""
        nation, rules, c = self.nation, self.nation.rules, message.channel
        is_airing = message.author is None
        if is_airing:
            mean, law = message.arousal * HOUR * self.traits["posts_per_tick"], st.L_AROUSAL
        else:
            mean = rules["reaction_scale"] * nation.channels[c]["reaction"] * self.traits["propensity"]
            law = st.L_MEMORY
        if mean <= 0:
            return
        for j in range(poisson(min(mean, MOST_REACTIONS), self.dice(message.id)[3])):
            wait, cross, which, relay = self.four(draws.REACTION, message.id, j)
            tick = self.now + nation.delay(law, wait)
            if tick >= nation.horizon:
                continue
            channel, kind = c, message.kind
            if is_airing or cross < rules["cross"]:
                channel = self.own_channel(which)
            if channel < 0:
                continue
            if kind in (CALL, STAY_CALL) and relay >= rules["relay"]:
                kind = NEWS
            id_ = draws.identity(nation.seed, draws.ID_REACTION, self.number, message.id, j)
            self.begin(tick, self.reacting(tick, nation.message(id_, self, channel, kind)))

    def showing_return(self, tick: int, trip: int) -> Life:
        """Let the neighbours who have seen this person leave see that the trip is over."""
        yield self.at(tick, o.TELL, trip)
        self.nation.show_return(self, trip)
        self.note(o.TELL, trip, o.DONE)

    def telling(self, tick: int) -> Life:
        """Tell the neighbours."""
        id_ = int(draws.identity(self.nation.seed, draws.ID_TELLING, self.number, 0, 0))
        yield self.at(tick, o.TELL, 0)
        self.nation.announce(self, id_, NEWS)
        self.note(o.TELL, 0, o.DONE)

    def film(self) -> None:
        """Plan live videos from the square."""
        nation, rules = self.nation, self.nation.rules
        for c, channel in enumerate(nation.channels):
            mean = rules["live"] * channel["live"] * self.traits["propensity"]
            if not self.has(c) or mean <= 0:
                continue
            for j in range(poisson(min(mean, MOST_REACTIONS), self.u(draws.LIVE_COUNT, c, self.trips))):
                ordinal = self.trips * 256 + j
                tick = self.now + nation.delay(st.L_LIVE, self.u(draws.LIVE_DELAY, c, ordinal))
                id_ = draws.identity(nation.seed, draws.ID_LIVE, self.number, c, ordinal)
                kind = CALL if self.u(draws.LIVE_KIND, id_) < rules["relay"] else NEWS
                self.begin(tick, self.reacting(tick, nation.message(id_, self, c, kind, live=True)))


@lru_cache(1 << 16)
def _dice(seed: int, reader: int, key: int) -> tuple[float, ...]:
    words = draws.quarters(seed, draws.READER, reader, key, 0)
    return float(draws.coarse(words[0])), *(float(draws.fraction(w)) for w in words[1:])
