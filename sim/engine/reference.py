"""The specification: every person lives through SimPy processes, in plain Python. Short, obvious, slow.

A person sleeps, posts, reads, decides and goes out; each of these is a process that waits for its next moment with
``yield self.at(tick, kind, key)`` and says what came of it with `self.note(...)`. Draws, formulas, the world and the order of
events are shared with the compiled engine; the behaviour is written here once more, and the event logs of both engines must
be bit-identical. Read `nation.py` for what people see of each other.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from sim import draws
from sim.attendance import BACK, HOME, ON_SQUARE, PREPARING, RETURNING, TRAVELLING, phase_is_out
from sim.channels import ALERTED, CALL, CHATTER, CUT_OFF, NEIGHBOURS, NEWS, ORDINARY, STAY_CALL
from sim.decision import CRITICAL_MASS, HAZARD_RULE, THRESHOLD, crossing_delay, faded, integrated_hazard, weight
from sim.engine import order as o
from sim.engine import state as st
from sim.engine.actors import At
from sim.laws import normal_quantile, poisson
from sim.posting import cycle_at
from sim.units import DAY, HOUR

if TYPE_CHECKING:
    from sim.engine.nation import Message, Nation

__all__ = ["Person"]

Life = Generator[At, None, None]


class Person:
    """One person: traits, state, and the processes of a life."""

    def __init__(self, nation: Nation, number: int) -> None:
        self.nation = nation
        self.number = number
        self.traits = nation.traits(number)
        self.phase, self.asleep, self.seeking = HOME, False, ORDINARY
        self.circumventing = bool(self.traits["ready"])
        self.heard_tick = self.departed_tick = self.heard_on = self.tipped_by = self.last_on = -1
        self.called = self.stayed_up = self.missed_sleep = self.awake_at_news = False
        self.dose, self.dose_tick, self.hazard = 0.0, 0, 0.0
        self.exposed: set[int] = set()
        self.contacts_out = self.trips = self.prolonged = self.episode = 0
        self.wake_at = self.stay_until = 0
        self.night = self.sleep_stamp = self.decide_stamp = 0

    # -- the means of a process: wait for a moment, note what came of it, begin something else

    @property
    def now(self) -> int:
        """The tick it is."""
        return int(self.nation.env.now)

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

    # -- sleeping

    def bed_tick(self, night: int) -> int:
        """Return the bed time of a night."""
        jitter = int(self.nation.rules["jitter"] * normal_quantile(self.u(draws.BED_JITTER, 0, night + 1)))
        return night * DAY - self.nation.rules["time_of_day"] + self.traits["bed"] + jitter

    def first_night(self) -> None:
        """Be asleep at tick 0, or awake until the next bed time."""
        self.night = -1
        while self.bed_tick(self.night) + self.traits["sleep"] <= 0:
            self.night += 1
        bed = self.bed_tick(self.night)
        if bed <= 0:
            self.fall_asleep(bed + self.traits["sleep"])
        else:
            self.go_to_bed_at(bed)

    def next_bed(self) -> None:
        """Go to bed at the next night's bed time."""
        self.night += 1
        while self.bed_tick(self.night) <= self.now:
            self.night += 1
        self.go_to_bed_at(self.bed_tick(self.night))

    def go_to_bed_at(self, tick: int) -> None:
        """Plan to go to bed; whatever was planned about sleep before is void."""
        self.sleep_stamp += 1
        self.begin(tick, self.going_to_bed(tick, self.sleep_stamp))

    def fall_asleep(self, length: int) -> None:
        """Sleep for a while; deciding stands still."""
        self.settle()
        self.decide_stamp += 1
        self.asleep = True
        self.wake_at = self.now + length
        self.sleep_stamp += 1
        self.begin(self.wake_at, self.waking_up(self.wake_at, self.sleep_stamp))

    def going_to_bed(self, tick: int, stamp: int) -> Life:
        """Go to bed, or stay up on such a night, or miss the night being out."""
        yield self.at(tick, o.BED, stamp)
        rules, night = self.nation.rules, self.night + 1
        if stamp != self.sleep_stamp:
            self.note(o.BED, stamp, o.STALE)
        elif self.phase not in (HOME, BACK) and not rules["as_if_home"]:
            self.missed_sleep = True
            self.next_bed()
            self.note(o.BED, stamp, o.POSTPONED)
        elif self.heard_tick >= 0 and not self.stayed_up and self.u(draws.STAY_UP, 0, night) < rules["stay_up"]:
            self.stayed_up = True
            self.go_to_bed_at(tick + self.nation.delay(st.L_STAY_UP, self.u(draws.STAY_UP_LENGTH, 0, night)))
            self.note(o.BED, stamp, o.POSTPONED)
        else:
            self.fall_asleep(self.traits["sleep"])
            self.note(o.BED, stamp, o.DONE)

    def waking_up(self, tick: int, stamp: int) -> Life:
        """Wake up by the clock."""
        yield self.at(tick, o.WAKE, stamp)
        if stamp != self.sleep_stamp:
            self.note(o.WAKE, stamp, o.STALE)
            return
        self.wake()
        self.stayed_up = False
        self.next_bed()
        self.note(o.WAKE, stamp, o.DONE)

    def wake(self) -> None:
        """Be awake, and take up deciding again."""
        self.settle()
        self.asleep = False
        self.aim()

    def be_woken(self, message: Message) -> None:
        """Be woken by a message, and go back to bed after a while."""
        self.wake()
        self.stayed_up = True
        self.go_to_bed_at(self.now + self.nation.delay(st.L_STAY_UP, self.u(draws.WOKEN_LENGTH, message.id)))

    # -- posting

    def posting(self) -> Life:
        """Post spontaneously: a Poisson stream of candidates, thinned by activity."""
        tick, k = -1, 0
        while self.traits["posts_per_tick"] > 0:
            gap = draws.exponential(self.nation.seed, draws.CANDIDATE_GAP, self.number, 0, k) / self.traits["posts_per_tick"]
            if gap >= self.nation.horizon - tick - 1:
                return
            tick += 1 + int(gap)
            yield self.at(tick, o.CANDIDATE, k)
            if self.u(draws.CANDIDATE_ACCEPT, 0, k) < self.activity():
                message = self.nation.message(
                    draws.identity(self.nation.seed, draws.ID_POST, self.number, 0, k), self,
                    self.own_channel(self.u(draws.POST_CHANNEL, 0, k)), self.own_kind(self.u(draws.POST_KIND, 0, k)),
                )  # fmt: skip
                self.note(o.CANDIDATE, k, self.attempt(message), message.channel)
            else:
                self.note(o.CANDIDATE, k, o.THINNED)
            k += 1

    def activity(self) -> float:
        """Return the factor on posting now: state x daily cycle."""
        rules = self.nation.rules
        if self.asleep:
            return 0.0
        factor = 1.0
        if not rules["as_if_home"]:
            factor = {ON_SQUARE: rules["while_on_square"], TRAVELLING: rules["while_travelling"],
                      RETURNING: rules["while_travelling"]}.get(self.phase, 1.0)  # fmt: skip
        return factor * float(cycle_at(self.nation.tables.cycle, rules["time_of_day"], self.now))

    def own_channel(self, u: float) -> int:
        """Return a channel of this person's mix, in proportion to posts per user; -1 without any."""
        rates = [(c, x["posts_per_tick"]) for c, x in enumerate(self.nation.channels) if self.has(c)]
        rest, last = u * sum(rate for _, rate in rates), -1
        for c, rate in rates:
            if rate > 0:
                rest, last = rest - rate, c
                if rest < 0:
                    break
        return last

    def has(self, channel: int) -> bool:
        """Return whether this person can be reached on a channel."""
        return bool(self.traits["reachable"] >> channel & 1)

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
        elif self.asleep:
            self.nation.count(st.FAILED_COUNT, message.channel)
            result = o.FAILED
        else:
            result = self.send(message)
        self.note(o.RETRY, message.id, result, message.channel)

    def reacting(self, tick: int, message: Message) -> Life:
        """Post what was provoked, if the moment allows; a live video only from the square."""
        yield self.at(tick, o.REACTION, message.id)
        if message.live:
            is_on = self.phase == ON_SQUARE
        else:
            is_on = self.u(draws.REACTION_ACCEPT, message.id) < self.activity()
        result = self.attempt(message) if is_on else o.THINNED
        self.note(o.REACTION, message.id, result, message.channel)

    # -- reading

    def reading(self, tick: int, message: Message, is_held: bool = False) -> Life:
        """Look at a message that was delivered."""
        yield self.at(tick, o.IMPRESSION, message.id)
        self.note(o.IMPRESSION, message.id, self.look(message, is_held), message.channel)

    def look(self, message: Message, is_held: bool) -> int:
        """Asleep? Interested? Let through? Then see."""
        nation, c = self.nation, message.channel
        channel, totals = nation.channels[c], nation.totals[c]
        if self.asleep:
            if channel["wakes"] > 0 and self.u(draws.WOKEN, message.id) < channel["wakes"]:
                self.be_woken(message)
            elif channel["waits"]:
                delay = nation.delay(st.LOOKS + c, self.u(draws.WAIT_READ, message.id))
                nation.impression_at(max(self.wake_at, self.now) + delay, self, message, is_held)
                return o.WAITING
            else:
                totals[st.UNSEEN_TOTAL] += 1
                return o.UNSEEN
        if not is_held:
            level = channel["attention"][self.seeking] / channel["attention_max"]
            if phase_is_out[self.phase] and not nation.rules["as_if_home"]:
                level *= channel["while_out"]
            if level < 1 and self.u(draws.ATTEND, message.id) >= level:
                totals[st.UNSEEN_TOTAL] += 1
                return o.UNSEEN
            severity, mode = nation.gate(c)
            if nation.is_off_air(c):
                totals[st.DROPPED_TOTAL] += 1
                return o.DROPPED
            if severity > 0 and not self.circumventing and self.u(draws.READ_GATE, message.id) < severity:
                self.feel_cut_off()
                if mode == "delay":
                    nation.impression_at(nation.release(self, message, 1), self, message, is_held=True)
                    return o.HELD
                totals[st.DROPPED_TOTAL] += 1
                return o.DROPPED
        return self.see(message)

    def see(self, message: Message) -> int:
        """Hear, react, weigh, perhaps decide."""
        nation, c, kind = self.nation, message.channel, message.kind
        nation.totals[c, st.SEEN_TOTAL] += 1
        nation.count(st.IMPRESSIONS, c)
        if kind in (NEWS, CALL) and self.heard_tick < 0:
            self.hear(c)
        if kind == CALL:
            self.called = True
            if nation.channels[c]["type"] == NEIGHBOURS:
                self.contacts_out += 1
        if kind == STAY_CALL:
            self.consider_staying(message)
        self.react(message)
        return o.TIPPED if kind != CHATTER and self.expose(message) else o.SEEN

    def hear(self, channel: int) -> None:
        """Hear of the night: look for more, tell the neighbours, open a chat group."""
        nation, rules = self.nation, self.nation.rules
        self.heard_tick, self.heard_on = self.now, channel
        self.seeking = max(self.seeking, ALERTED)
        if rules["neighbours"] >= 0 and self.u(draws.TELL) < rules["tell"]:
            tick = self.now + nation.delay(st.L_TELL, self.u(draws.TELL_DELAY))
            self.begin(tick, self.telling(tick))
        group = self.traits["owned_group"]
        if group >= 0 and self.u(draws.CREATE_GROUP) < rules["create"]:
            tick = self.now + nation.delay(st.L_CREATE, self.u(draws.CREATE_DELAY))
            self.begin(tick, self.creating(tick, group))

    def telling(self, tick: int) -> Life:
        """Tell the neighbours."""
        id_ = int(draws.identity(self.nation.seed, draws.ID_TELLING, self.number, 0, 0))
        yield self.at(tick, o.TELL, id_)
        self.nation.announce(self, id_, NEWS)
        self.note(o.TELL, id_, o.DONE)

    def creating(self, tick: int, group: int) -> Life:
        """Create a chat group."""
        yield self.at(tick, o.CREATE, group)
        self.nation.exists[group] = True
        self.note(o.CREATE, group, o.DONE)

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
        for j in range(poisson(min(mean, 30.0), self.u(draws.REACTION_COUNT, message.id))):
            tick = self.now + nation.delay(law, self.u(draws.REACTION_DELAY, message.id, j))
            if tick >= nation.horizon:
                continue
            channel, kind = c, message.kind
            if is_airing or self.u(draws.REACTION_CHANNEL, message.id, 2 * j) < rules["cross"]:
                channel = self.own_channel(self.u(draws.REACTION_CHANNEL, message.id, 2 * j + 1))
            if channel < 0:
                continue
            if kind in (CALL, STAY_CALL) and self.u(draws.REACTION_KIND, message.id, j) >= rules["relay"]:
                kind = NEWS
            id_ = draws.identity(nation.seed, draws.ID_REACTION, self.number, message.id, j)
            self.begin(tick, self.reacting(tick, nation.message(id_, self, channel, kind)))

    # -- deciding

    def can_decide(self) -> bool:
        """Return whether this person could leave home now."""
        rules = self.nation.rules
        is_home = self.phase in (HOME, BACK) and not self.asleep
        return bool(self.traits["able"] and not rules["nobody_leaves"] and is_home and self.trips < rules["max_trips"])

    def settle(self) -> None:
        """Bring dose and integrated hazard up to now; the hazard stands still in sleep."""
        rules, elapsed = self.nation.rules, self.now - self.dose_tick
        self.dose_tick = self.now
        if self.dose == 0 or elapsed == 0:
            return
        if rules["rule"] == HAZARD_RULE and not self.asleep:
            self.hazard += integrated_hazard(self.dose, elapsed, rules["fading"], rules["hazard_per_tick"])
        self.dose = faded(self.dose, elapsed, rules["fading"])

    def expose(self, message: Message) -> bool:
        """Weigh an impression; return whether it tips this person over."""
        nation, rules, c = self.nation, self.nation.rules, message.channel
        dose = nation.channels[c]["dose"][message.kind]
        if dose == 0 or rules["ignored"] >> c & 1:
            return False
        is_repeat = c in self.exposed
        self.exposed.add(c)
        near = self.traits["n_neighbours"]
        contacts = min(1.0, self.contacts_out / near) if near > 0 else 0.0
        on_screen = bool(nation.channels[c]["screen"] or message.live)
        return self.add_dose(
            float(weight(dose, message.authority, is_repeat, rules["discount"], rules["social"], contacts,
                         rules["screen"], nation.crowd, rules["screen_half"], on_screen)),
            c,
        )  # fmt: skip

    def add_dose(self, dose: float, cause: int) -> bool:
        """Add to the dose; return whether that tips this person over."""
        rules = self.nation.rules
        if not self.can_decide():
            return False
        self.settle()
        self.dose += dose
        self.last_on = cause
        is_tipped = (rules["rule"] == THRESHOLD and self.dose >= self.traits["threshold"]) or (
            rules["rule"] == CRITICAL_MASS and self.joins(self.nation.taking_part)
        )
        if is_tipped:
            self.decide(cause)
        elif rules["rule"] == HAZARD_RULE:
            self.aim()
        return is_tipped

    def joins(self, share: float) -> bool:
        """Return whether a crowd of this share is enough."""
        return bool(self.traits["threshold"] <= share and (self.heard_tick >= 0 or not self.nation.rules["needs_news"]))

    def aim(self) -> None:
        """Rule hazard: wait for the integrated hazard to cross this person's draw."""
        nation, rules = self.nation, self.nation.rules
        if rules["rule"] != HAZARD_RULE or self.dose == 0 or not self.can_decide():
            return
        self.decide_stamp += 1
        aimed = draws.exponential(nation.seed, draws.HAZARD, self.number, 0, self.trips)
        delay = crossing_delay(self.dose, rules["fading"], rules["hazard_per_tick"], aimed - self.hazard)
        if delay < nation.horizon:
            tick = self.now + 1 + int(delay)
            self.begin(tick, self.deciding(tick, self.decide_stamp))

    def deciding(self, tick: int, stamp: int) -> Life:
        """Rule hazard: leave when the crossing comes, unless something came between."""
        yield self.at(tick, o.DECIDE, stamp)
        if stamp != self.decide_stamp:
            self.note(o.DECIDE, stamp, o.STALE)
        elif not self.can_decide():
            self.note(o.DECIDE, stamp, o.IGNORED)
        else:
            self.settle()
            self.decide(self.last_on)
            self.note(o.DECIDE, stamp, o.TIPPED)

    def joining(self, tick: int, key: int, cause: int) -> Life:
        """Be asked to join, by those who gather or by the sight of the crowd."""
        yield self.at(tick, o.PROMPT, key)
        if self.can_decide():
            self.decide(cause)
            self.note(o.PROMPT, key, o.TIPPED)
        else:
            self.note(o.PROMPT, key, o.IGNORED)

    def feel_cut_off(self) -> None:
        """Meet the throttle for the first time in its episode: look for a way round, turn elsewhere, be pushed."""
        nation, rules = self.nation, self.nation.rules
        if self.episode == nation.episode:
            return
        self.episode = episode = nation.episode
        if rules["adopt_per_tick"] > 0 and not self.circumventing:
            gap = draws.exponential(nation.seed, draws.ADOPT, self.number, 0, episode) / rules["adopt_per_tick"]
            if gap < nation.horizon:
                tick = self.now + 1 + int(gap)
                self.begin(tick, self.adopting(tick, episode))
        if self.u(draws.SUBSTITUTE, 0, episode) < rules["substitution"]:
            self.seeking = CUT_OFF
        if rules["push"] > 0:
            self.add_dose(rules["push"], len(nation.channels) + st.CUT)

    def adopting(self, tick: int, episode: int) -> Life:
        """Find a way round the throttle, if one is still needed."""
        yield self.at(tick, o.ADOPT, episode)
        if self.nation.is_throttled and not self.circumventing:
            self.circumventing = True
            self.note(o.ADOPT, episode, o.DONE)
        else:
            self.note(o.ADOPT, episode, o.IGNORED)

    # -- going out

    def decide(self, cause: int) -> None:
        """Make up one's mind."""
        if self.trips == 0:
            self.tipped_by = cause
        self.decide_stamp += 1
        self.phase = PREPARING
        length = self.nation.delay(st.L_PREPARE, self.u(draws.PREPARE, 0, self.trips))
        tick = self.now + max(length, self.nation.rules["shortest_prepare"])
        self.begin(tick, self.going_out(tick))

    def going_out(self, tick: int) -> Life:
        """Depart, travel, stay, return."""
        nation, travel = self.nation, self.traits["travel"]
        yield self.at(tick, o.DEPART, self.trips)
        nation.announce(self, draws.identity(nation.seed, draws.ID_DEPARTURE, self.number, 0, self.trips), CALL)
        if self.trips == 0:
            self.departed_tick = self.now
        self.note(o.DEPART, self.trips, o.DONE)
        self.trips += 1
        self.phase = TRAVELLING
        if self.now + travel >= nation.horizon:
            return
        yield self.at(self.now + travel, o.ARRIVE, self.trips)
        self.phase = ON_SQUARE
        self.prolonged = 0
        self.stay_until = self.now + nation.delay(st.L_STAY, self.u(draws.STAY, 0, self.trips))
        self.film()
        self.note(o.ARRIVE, self.trips, o.DONE)
        while self.phase == ON_SQUARE:
            if self.stay_until >= nation.horizon:
                return
            yield self.at(self.stay_until, o.LEAVE, self.trips)
            if self.now < self.stay_until:
                self.note(o.LEAVE, self.trips, o.POSTPONED)
            else:
                self.phase = RETURNING
                self.note(o.LEAVE, self.trips, o.DONE)
        if self.now + travel >= nation.horizon:
            return
        yield self.at(self.now + travel, o.HOME_AGAIN, self.trips)
        self.come_home()
        self.note(o.HOME_AGAIN, self.trips, o.DONE)

    def consider_staying(self, message: Message) -> None:
        """Stay longer, asked not to leave the square."""
        rules = self.nation.rules
        if self.phase != ON_SQUARE or self.prolonged >= rules["prolong_most"]:
            return
        if self.u(draws.PROLONG, message.id) < rules["prolong"]:
            self.prolonged += 1
            self.stay_until += self.nation.delay(st.L_PROLONG, self.u(draws.PROLONG_LENGTH, message.id))

    def film(self) -> None:
        """Plan live videos from the square."""
        nation, rules = self.nation, self.nation.rules
        for c, channel in enumerate(nation.channels):
            mean = rules["live"] * channel["live"] * self.traits["propensity"]
            if not self.has(c) or mean <= 0:
                continue
            for j in range(poisson(min(mean, 30.0), self.u(draws.LIVE_COUNT, c, self.trips))):
                ordinal = self.trips * 256 + j
                tick = self.now + nation.delay(st.L_LIVE, self.u(draws.LIVE_DELAY, c, ordinal))
                id_ = draws.identity(nation.seed, draws.ID_LIVE, self.number, c, ordinal)
                kind = CALL if self.u(draws.REACTION_KIND, id_) < rules["relay"] else NEWS
                self.begin(tick, self.reacting(tick, nation.message(id_, self, c, kind, live=True)))

    def come_home(self) -> None:
        """Be home: sleep if the night was missed, and share the victory in the waking time that follows."""
        nation, rules = self.nation, self.nation.rules
        self.phase = BACK
        self.dose, self.dose_tick, self.hazard = 0.0, self.now, 0.0
        awake_from = self.now
        if rules["as_if_home"]:
            return
        if self.missed_sleep:
            self.missed_sleep = False
            if self.u(draws.SLEEP_AFTER, 0, self.trips) < rules["sleep_after"]:
                self.fall_asleep(nation.delay(st.L_SLEEP_AFTER, self.u(draws.SLEEP_AFTER_LENGTH, 0, self.trips)))
                awake_from = self.wake_at
        mean = rules["victory_posts"] * self.traits["posts_per_tick"]
        if mean <= 0:
            return
        for j in range(poisson(min(mean, 30.0), self.u(draws.VICTORY_COUNT, 0, self.trips))):
            ordinal = self.trips * 256 + j
            tick = awake_from + nation.delay(st.L_VICTORY, self.u(draws.VICTORY_DELAY, 0, ordinal))
            channel = self.own_channel(self.u(draws.POST_CHANNEL, 1, ordinal))
            id_ = draws.identity(nation.seed, draws.ID_VICTORY, self.number, 0, ordinal)
            if channel >= 0:
                self.begin(tick, self.reacting(tick, nation.message(id_, self, channel, NEWS)))
