"""The specification: every person lives through SimPy processes, in plain Python. Short, obvious, slow.

A person sleeps, posts, reads, decides and goes out; each of these is a process that waits for its next moment with
``yield self.at(tick, kind, key)`` and says what came of it with `self.note(...)`. Draws, formulas, the world and the order of
events are shared with the compiled engine; the behaviour is written here once more, and the event logs of both engines must
be bit-identical. This file holds the body: sleeping, hearing, deciding, going out. `correspondent.py` holds what is said and
read, `nation.py` what people see of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim import draws
from sim.attendance import BACK, HOME, ON_SQUARE, PREPARING, RESTING, RETURNING, TRAVELLING
from sim.channels import CALL, NEWS
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
from sim.engine import order as o
from sim.engine import state as st
from sim.engine.correspondent import Correspondent, Life
from sim.engine.ties import channel_of_group
from sim.posting import MOST_REACTIONS
from sim.quantiles import law_value, poisson
from sim.units import DAY, MINUTE

if TYPE_CHECKING:
    from sim.engine.nation import Message, Nation

__all__ = ["Person"]


class Person(Correspondent):
    """One person: traits, state, and the processes of a life."""

    def __init__(self, nation: Nation, number: int) -> None:
        super().__init__(nation, number)
        self.heard_on = self.last_on = -1
        self.stayed_up = self.missed_sleep = self.awake_at_news = False
        self.dose, self.dose_tick, self.hazard = 0.0, 0, 0.0
        self.exposed: set[int] = set()
        self.prolonged = self.stay_until = 0
        self.was_cut_off = self.is_adopting = False
        self.adopt_at = self.sleep_left = 0
        self.sleep_stamp = self.decide_stamp = 0

    # -- sleeping

    def bed_tick(self, night: int) -> int:
        """Return the bed time of a night."""
        laws, points = self.nation.tables.laws, self.nation.tables.points
        jitter = int(law_value(laws[st.L_JITTER], points, self.u(draws.BED_JITTER, 0, night + 1)))
        return int(night * DAY - self.nation.rules["time_of_day"] + self.traits["bed"] + jitter)

    def first_night(self) -> None:
        """Be asleep at tick 0, or awake until the next bed time; for ever where nobody sleeps."""
        if not self.nation.rules["sleeps"]:
            return
        self.night = -1
        while self.bed_tick(self.night) + self.traits["sleep"] <= 0:
            self.night += 1
        bed = self.bed_tick(self.night)
        if bed <= 0:
            self.fall_asleep(bed + self.traits["sleep"])
        else:
            self.go_to_bed_at(bed)

    def next_bed(self) -> None:
        """Go to bed at the next bed time."""
        self.night = max((self.now + self.nation.rules["time_of_day"] - self.traits["bed"]) // DAY - 1, -1)
        while self.bed_tick(self.night) <= self.now:
            self.night += 1
        self.go_to_bed_at(self.bed_tick(self.night))

    def go_to_bed_at(self, tick: int) -> None:
        """Plan to go to bed; whatever was planned about sleep before is void."""
        self.sleep_stamp += 1
        self.begin(tick, self.going_to_bed(tick, self.sleep_stamp, self.night + 1))

    def fall_asleep(self, length: int) -> None:
        """Sleep for a while; deciding stands still."""
        self.settle()
        self.decide_stamp += 1
        self.asleep = True
        self.wake_at = self.now + length
        self.sleep_left = 0
        self.sleep_stamp += 1
        self.begin(self.wake_at, self.waking_up(self.wake_at, self.sleep_stamp, self.night + 1))

    def going_to_bed(self, tick: int, stamp: int, night: int) -> Life:
        """Go to bed in a night (from 1), or stay up, or miss it being out."""
        yield self.at(tick, o.BED, night)
        if stamp != self.sleep_stamp:
            return
        if self.phase not in (HOME, BACK, RESTING):
            self.missed_sleep, self.sleep_left = True, 0
            self.next_bed()
        elif self.heard_tick >= 0 and not self.stayed_up and self.stays_up(night):
            self.stayed_up = True
            self.go_to_bed_at(tick + self.nation.delay(st.L_STAY_UP, self.u(draws.STAY_UP_LENGTH, 0, night)))
        else:
            self.fall_asleep(self.sleep_left or self.traits["sleep"])
        self.note(o.BED, night, o.DONE if self.asleep else o.POSTPONED)

    def stays_up(self, night: int) -> bool:
        """Whether somebody who has heard stays up in a night."""
        return bool(self.u(draws.STAY_UP, 0, night) < self.nation.rules["stay_up"])

    def waking_up(self, tick: int, stamp: int, night: int) -> Life:
        """Wake up by the clock."""
        yield self.at(tick, o.WAKE, night)
        if stamp == self.sleep_stamp:
            self.wake()
            self.stayed_up = False
            self.next_bed()
            self.note(o.WAKE, night, o.DONE)

    def wake(self) -> None:
        """Be awake, and take up deciding again."""
        self.settle()
        self.asleep = False
        self.aim()
        if self.nation.rules["by_contacts"]:
            self.begin(self.now + 1, self.looking_around(self.now + 1, is_woken=True))

    def be_woken(self, message: Message) -> None:
        """Be woken by a message, and go back to bed after a while, for what is left of the night."""
        self.wake()
        self.stayed_up = True
        self.sleep_left = max(self.wake_at - self.now, 1)
        self.go_to_bed_at(self.now + self.nation.delay(st.L_STAY_UP, self.u(draws.WOKEN_LENGTH, message.id)))

    def offline_until(self) -> int:
        """Return when whoever is asleep as a reader and writer wakes up; -1 if awake.

        That is the body's sleep, but in the null night keyboard, from the first trip on, the sleep that would have been.
        """
        rules, traits = self.nation.rules, self.traits
        if not rules["as_if_home"] or self.trips == 0:
            return self.wake_at if self.asleep else -1
        first = max((self.now + rules["time_of_day"] - traits["bed"]) // DAY - 1, -1)
        for night in range(first, first + 3):
            bed = self.bed_tick(night)
            if 0 <= self.heard_tick < bed and self.stays_up(night + 1):
                bed += self.nation.delay(st.L_STAY_UP, self.u(draws.STAY_UP_LENGTH, 0, night + 1))
            if bed <= self.now < bed + traits["sleep"]:
                return int(bed + traits["sleep"])
        return -1

    # -- hearing

    def hear(self, channel: int) -> None:
        """Hear of the night: look for more, tell the neighbours, open a chat group."""
        nation, rules = self.nation, self.nation.rules
        self.heard_tick, self.heard_on = self.now, channel
        nation.heard_awake[self.now // MINUTE] += self.awake_at_news
        if rules["neighbours"] >= 0 and self.u(draws.TELL) < rules["tell"]:
            tick = self.now + nation.delay(st.L_TELL, self.u(draws.TELL_DELAY))
            self.begin(tick, self.telling(tick))
        if (group := self.traits["owned_group"]) is not None and self.u(draws.CREATE_GROUP) < rules["create"]:
            tick = self.now + nation.delay(st.L_CREATE, self.u(draws.CREATE_DELAY))
            self.begin(tick, self.creating(tick, group))

    def creating(self, tick: int, group: int) -> Life:
        """Create a chat group."""
        yield self.at(tick, o.CREATE, group)
        self.nation.exists_from[group] = self.next_moment
        self.nation.count(st.CREATED, int(channel_of_group(self.nation.tables.net, group)))
        self.note(o.CREATE, group, o.DONE)

    # -- deciding

    def can_decide(self) -> bool:
        """Return whether this person could leave home now."""
        rules, is_home = self.nation.rules, self.phase in (HOME, BACK) and not self.asleep
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

    def expose(self, message: Message, key: int) -> bool:
        """Weigh an impression, named by its key; return whether it tips this person over."""
        nation, rules, c = self.nation, self.nation.rules, message.channel
        dose = nation.channels[c]["dose"][message.kind]
        if dose == 0 or rules["ignored"] >> c & 1:
            return False
        is_repeat = c in self.exposed
        self.exposed.add(c)
        contacts = min(1.0, len(self.contacts) / near) if (near := self.traits["n_against"]) > 0 else 0.0
        on_screen = bool(nation.channels[c]["screen"] or message.live)
        return self.add_dose(
            float(weight(dose, message.authority, is_repeat, rules["discount"], rules["social"], contacts,
                         rules["screen"], nation.crowd, rules["screen_half"], on_screen)),
            c, key,
        )  # fmt: skip

    def add_dose(self, dose: float, cause: int, key: int) -> bool:
        """Add to the dose; return whether that tips this person over. The key names what was met (rule contagion)."""
        rules = self.nation.rules
        if not self.can_decide():
            return False
        self.settle()
        self.dose += dose
        self.last_on = cause
        is_tipped = (rules["rule"] == THRESHOLD and self.dose >= self.traits["threshold"]) or (
            rules["rule"] == CRITICAL_MASS and self.joins()
        ) or (
            rules["rule"] == CONTAGION_RULE and self.u(draws.CONTAGION, key) < dose
        )  # fmt: skip
        if is_tipped:
            self.decide(cause)
        elif rules["rule"] == HAZARD_RULE:
            self.aim()
        return is_tipped

    def joins(self) -> bool:
        """Rule critical_mass: return whether enough people, or enough of one's neighbours, are out."""
        nation, rules = self.nation, self.nation.rules
        level = nation.taking_part
        if rules["by_contacts"]:
            level = level_of(rules["counted_as"], len(self.contacts), self.traits["n_against"])
        return bool(self.traits["threshold"] <= level and (self.heard_tick >= 0 or not rules["needs_news"]))

    def rejoin(self) -> bool:
        """Rule critical_mass by contacts: leave if enough neighbours are out; return whether that is so."""
        rules = self.nation.rules
        if not rules["by_contacts"] or not self.can_decide() or not self.joins():
            return False
        self.decide(rules["neighbours"])
        return True

    def looking_around(self, tick: int, is_woken: bool) -> Life:
        """Be at home again and rested, or awake again: free to leave."""
        key = o.prompt_key(st.AGAIN, 2 * self.trips + is_woken)
        yield self.at(tick, o.PROMPT, key)
        if self.phase == RESTING and not is_woken:
            self.phase = BACK
        self.note(o.PROMPT, key, o.TIPPED if self.rejoin() else o.IGNORED)

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

    def joining(self, tick: int, why: int, number: int) -> Life:
        """Be asked to join, by those who gather (number of the airing) or by the sight of the crowd (of the minute)."""
        key = o.prompt_key(why, number)
        yield self.at(tick, o.PROMPT, key)
        if self.can_decide():
            self.decide(len(self.nation.channels) + why)
            self.note(o.PROMPT, key, o.TIPPED)
        else:
            self.note(o.PROMPT, key, o.IGNORED)

    def feel_cut_off(self) -> None:
        """Meet the throttle: the first time perhaps turn elsewhere and be pushed; each time look for a way round."""
        nation, rules = self.nation, self.nation.rules
        is_first, self.was_cut_off = not self.was_cut_off, True
        if is_first:
            self.substitutes = self.u(draws.SUBSTITUTE) < rules["substitution"]
            if rules["adopt_per_tick"] > 0:
                gap = draws.exponential(nation.seed, draws.ADOPT, self.number, 0, 0) / rules["adopt_per_tick"]
                self.adopt_at = nation.throttled_clock + 1 + int(min(gap, 1e12))
        if self.adopt_at > 0 and not self.is_adopting and not self.circumventing:
            self.is_adopting = True
            tick = self.now + max(self.adopt_at - nation.throttled_clock, 1)
            self.begin(tick, self.adopting(tick))
        if is_first and rules["push"] > 0:
            self.add_dose(rules["push"], len(nation.channels) + st.CUT, 0)

    def adopting(self, tick: int) -> Life:
        """Find a way round when enough throttled time has passed; without a throttle, give up until cut off again."""
        while tick < self.nation.horizon:
            yield self.at(tick, o.ADOPT, 0)
            missing = self.adopt_at - self.nation.throttled_clock
            if not self.nation.is_throttled or missing <= 0:
                self.is_adopting = False
                self.circumventing = self.nation.is_throttled
                self.note(o.ADOPT, 0, o.DONE if self.circumventing else o.IGNORED)
                return
            self.note(o.ADOPT, 0, o.POSTPONED)
            tick += missing

    # -- going out

    def decide(self, cause: int) -> None:
        """Make up one's mind."""
        if self.trips == 0:
            self.nation.decided[self.now // MINUTE, cause] += 1
        self.decide_stamp += 1
        self.phase = PREPARING
        length = self.nation.delay(st.L_PREPARE, self.u(draws.PREPARE, 0, self.trips))
        tick = max(self.now + length, self.now + self.nation.rules["shortest_prepare"], self.next_moment)
        self.begin(tick, self.going_out(tick))

    def going_out(self, tick: int) -> Life:
        """Depart, travel, stay, return."""
        nation, travel = self.nation, self.traits["travel"]
        yield self.at(tick, o.DEPART, self.trips)
        nation.announce(
            self, draws.identity(nation.seed, draws.ID_DEPARTURE, self.number, 0, self.trips), CALL, self.trips
        )
        if self.trips == 0:
            nation.departed[self.now // MINUTE] += 1
        self.note(o.DEPART, self.trips, o.DONE)
        self.trips += 1
        self.phase = TRAVELLING
        if (there := max(self.now + travel, self.next_moment)) >= nation.horizon:
            return
        yield self.at(there, o.ARRIVE, self.trips)
        self.phase, self.prolonged = ON_SQUARE, 0
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
        if (home := max(self.now + travel, self.next_moment)) >= nation.horizon:
            return
        yield self.at(home, o.HOME_AGAIN, self.trips)
        self.come_home()
        if nation.rules["remembers"]:
            self.begin(self.next_moment, self.showing_return(self.next_moment, self.trips))
        self.note(o.HOME_AGAIN, self.trips, o.DONE)

    def consider_staying(self, message: Message) -> None:
        """Stay longer, asked not to leave the square."""
        rules = self.nation.rules
        if self.phase != ON_SQUARE or self.prolonged >= rules["prolong_most"]:
            return
        if self.u(draws.PROLONG, message.id) < rules["prolong"]:
            self.prolonged += 1
            self.stay_until += self.nation.delay(st.L_PROLONG, self.u(draws.PROLONG_LENGTH, message.id))

    def come_home(self) -> None:
        """Be home: sleep if the night was missed, and share the victory in the waking time that follows."""
        nation, rules = self.nation, self.nation.rules
        self.home_tick = self.now
        self.phase = RESTING if rules["rests"] else BACK
        self.dose, self.dose_tick, self.hazard = 0.0, self.now, 0.0
        rest = nation.delay(st.L_REST, self.u(draws.REST, 0, self.trips)) if rules["rests"] else 1
        if rules["rests"] or rules["by_contacts"]:
            self.begin(self.now + rest, self.looking_around(self.now + rest, is_woken=False))
        awake_from = self.now
        if self.missed_sleep:
            self.missed_sleep = False
            if self.u(draws.SLEEP_AFTER, 0, self.trips) < rules["sleep_after"]:
                self.fall_asleep(nation.delay(st.L_SLEEP_AFTER, self.u(draws.SLEEP_AFTER_LENGTH, 0, self.trips)))
                awake_from = self.wake_at
        mean = rules["victory_posts"] * self.traits["posts_per_tick"]
        if mean <= 0 or rules["as_if_home"]:
            return
        for j in range(poisson(min(mean, MOST_REACTIONS), self.u(draws.VICTORY_COUNT, 0, self.trips))):
            ordinal = self.trips * 256 + j
            tick = awake_from + nation.delay(st.L_VICTORY, self.u(draws.VICTORY_DELAY, 0, ordinal))
            channel = self.own_channel(self.u(draws.POST_CHANNEL, 1, ordinal))
            id_ = draws.identity(nation.seed, draws.ID_VICTORY, self.number, 0, ordinal)
            if channel >= 0:
                self.begin(tick, self.reacting(tick, nation.message(id_, self, channel, NEWS)))
