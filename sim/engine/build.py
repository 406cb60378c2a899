"""From a scenario and its world to the tables of a run."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from sim import draws
from sim.audiences import Audiences
from sim.channels import KINDS, channel_rows
from sim.decision import NUMBER, PER_GUARD, SHARE, Decision, level_of
from sim.decision import RULES as DECISION_RULES
from sim.engine.branching import measured_nation, spectral_radius
from sim.engine.flags import ABLE, OWNS_GROUP, levels_of, terms_of
from sim.engine.people import count_shown, make_rows, who_gather
from sim.engine.rules import PUNCTUAL
from sim.engine.state import AIRING, LOOKS, RULES, Tables
from sim.engine.ties import make_net
from sim.errors import CapacityError, InputError
from sim.implied import NEIGHBOURS
from sim.laws import MOST_MINUTES, Constant, Exponential, Jitter, encode_laws
from sim.scenario import Scenario
from sim.threads import in_chunks
from sim.timeline import Entry
from sim.units import DAY, HOUR, MINUTE, Clock, minutes_to_ticks, seconds_to_ticks
from sim.world import World, make_world, receivers_used

__all__ = ["airing_ticks", "group_exists", "make_tables", "radius_of"]

TIE_SETS = ("followers", "friends", "neighbours")
MOST_SIGHTS = 2_000_000_000
"""Largest number of times that people see another leave, where all see all and everybody leaves once: more takes too long."""
_FOREVER = Constant(law="constant", minutes=MOST_MINUTES)


def airing_ticks(scenario: Scenario) -> tuple[tuple[int, Entry, int], ...]:
    """Return (tick, entry, repetition) of every airing within the run, by tick, in the order of the timeline."""
    return _airing_ticks(scenario.scenario.timeline, scenario.clock)


@lru_cache(8)  # which are asked for several times in each run
def _airing_ticks(timeline: tuple[Entry, ...], clock: Clock) -> tuple[tuple[int, Entry, int], ...]:
    airings = (
        (tick, entry, k)
        for entry in timeline
        for k, moment in enumerate(entry.times())
        if 0 <= (tick := clock.tick(moment)) < clock.horizon
    )
    return tuple(sorted(airings, key=lambda a: a[0]))


def _airing_key(entry: Entry, repetition: int, taken: set[int]) -> int:
    """Return a key for what is said, the same whenever it is said and whatever else stands on the timeline."""
    twin = 0
    while True:
        text = f"{entry.channel}|{entry.kind}|{entry.what}|{repetition}|{twin}"
        key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
        if key not in taken:
            taken.add(key)
            return key
        twin += 1


@lru_cache(8)
def _programme(
    timeline: tuple[Entry, ...], clock: Clock, channels: tuple[str, ...]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return what is known of the airings without a seed, and their keys."""
    listed = _airing_ticks(timeline, clock)
    rows, taken = np.zeros(len(listed), AIRING), set[int]()
    for row, (_, entry, _) in zip(rows, listed, strict=True):
        row["authority"], row["audience"], row["arousal"] = entry.authority, entry.audience, entry.arousal
        row["channel"] = channels.index(entry.channel) if entry.channel is not None else -1
        row["kind"] = KINDS.index(entry.kind) if entry.kind in KINDS else 0
        row["ticks"] = minutes_to_ticks(entry.minutes)
    rows.setflags(write=False)
    return rows, tuple(_airing_key(entry, repetition, taken) for _, entry, repetition in listed)


def _airings(scenario: Scenario, world: World, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, keys = _programme(scenario.scenario.timeline, scenario.clock, tuple(scenario.channels))
    rows = rows.copy()
    rows["id"] = [draws.identity(seed, draws.ID_AIRING, 0, key, 0) for key in keys]
    provinces = world.people.provinces.names
    airs_in = np.ones((len(rows), len(provinces)), np.uint8)
    stagger = np.zeros((len(rows), len(provinces)), np.int64)
    ids = np.arange(len(provinces), dtype=np.int64)
    for index, (_, entry, _) in enumerate(airing_ticks(scenario)):
        if entry.provinces is not None:
            unknown = [p for p in entry.provinces if p not in provinces]
            if unknown:
                raise InputError(
                    f"scenario.timeline names the province {unknown[0]!r} ({entry.what}), expected one of the table of "
                    "provinces; correct its spelling."
                )
            airs_in[index] = np.isin(provinces, entry.provinces)
        if entry.stagger_minutes > 0:
            # One offset per province and entry, the same for all its repetitions.
            base = _airing_key(entry, 0, set())
            u = draws.uniforms(seed, draws.STAGGER, ids, base, 0)
            stagger[index] = (u * entry.stagger_minutes * MINUTE).astype(np.int64)
    return rows, airs_in, stagger


def _listed(scenario: Scenario, world: World) -> tuple[np.ndarray, Audiences]:
    """Return which audience is that of each channel, int64[c], and the audiences."""
    receivers, used = list(scenario.population.receivers), receivers_used(scenario)
    listed = np.array([used.index(receivers.index(c.receiver)) for c in scenario.channels.values()], np.int64)
    return listed, world.people.audiences(used)


def group_exists(scenario: Scenario, world: World) -> np.ndarray:
    """Return uint8[groups]: 1 for groups that exist from the beginning."""
    owners = [world.groups[n].owner for n, c in scenario.channels.items() if c.type == "group"]
    return (np.concatenate([*owners, np.zeros(0, np.int32)]) < 0).astype(np.uint8)


def make_tables(scenario: Scenario, world: World, seed: int) -> Tables:
    """Return the tables of a run.

    Raises
    ------
    InputError
        The timeline names an unknown province.
    CapacityError
        All people see all others leave, and there are too many of them.
    """
    people = world.people
    posting, decision = scenario.posting, scenario.decision
    group_names = [name for name, c in scenario.channels.items() if c.type == "group"]
    if people.threshold is not None and decision.thresholds == "quantiles":
        raise InputError(
            f"decision.thresholds is 'quantiles', but {scenario.population.file} has a column threshold; expected one way to "
            "say the thresholds: remove the column or set decision.thresholds=drawn."
        )
    channels = channel_rows(scenario.channels, list(TIE_SETS), group_names, world.n_normal / 1e6)
    receivers = list(scenario.population.receivers)
    channels["receiver"] = [receivers.index(c.receiver) for c in scenario.channels.values()]
    listed, audiences = _listed(scenario, world)
    _refuse_too_many_sights(scenario, world, audiences.sizes[listed].tolist())
    groups = [world.groups[name] for name in group_names]
    group_channels = [list(scenario.channels).index(name) for name in group_names]
    net = make_net([world.ties[s] for s in TIE_SETS], groups, group_channels, listed, audiences, world.implied)
    rows, minds = make_rows(scenario, world, channels["posts_per_tick"], net)
    owners, owned = _owners([g.owner for g in groups])
    rows["flags"][owners] |= OWNS_GROUP
    if decision.counts_contacts or decision.social > 0:
        guards = -1 if decision.guards is None else receivers.index(decision.guards)
        count_shown(rows, minds, net, NEIGHBOURS, people.receivers, guards)

    attendance, throttle, sleep = scenario.attendance, scenario.throttle, scenario.population.sleep
    laws = [
        posting.memory_kernel, posting.arousal_kernel, attendance.prepare, attendance.stay or _FOREVER,
        attendance.prolong.extra, attendance.sleep_after.length, sleep.stay_up.extra if sleep else _FOREVER,
        throttle.retry.delay, posting.live_delay,
        posting.tell_delay, posting.create_group_delay,
    ]  # fmt: skip
    law_rows, points = encode_laws([*laws, Exponential(law="exponential", mean_minutes=posting.victory.decay_minutes),
                                    attendance.rest or _FOREVER, Jitter(sleep.jitter_minutes if sleep else 0.0),
                                    people.travel_law, *(c.look for c in scenario.channels.values())])  # fmt: skip
    assert len(law_rows) == LOOKS + len(channels)
    airings, airs_in, stagger = _airings(scenario, world, seed)
    cycle = np.array(posting.daily_cycle or [1.0] * 24, np.float64)
    gather_starts, gatherers = _gatherings(scenario, world, airings, airs_in, rows, seed)
    rules = _rules(scenario, world, seed, DECISION_RULES.index(decision.rule))
    rules["most_posts"] = (1.0 + 1e-6) * channels["posts_per_tick"].sum()  # more than anybody's, however rounded
    tables = Tables(
        people=rows, minds=minds, province=people.province, receivers=people.receivers,
        travel=np.zeros(0, np.int32) if people.given_travel is None else people.given_travel, owners=owners, owned=owned,
        channels=channels, airings=airings,
        gather_starts=gather_starts, gatherers=gatherers, airs_in=airs_in,
        in_parts=((airs_in == 0).any(axis=1) | (stagger > 0).any(axis=1)).astype(np.uint8),
        stagger=stagger, laws=law_rows, points=points,
        net=net, cycle=cycle / cycle.max(), by_threshold=_by_threshold(rows, minds, decision),
        levels=levels_of(channels, rules), rules=rules,
    )  # fmt: skip
    # Parts of the world, which other arms have used, are read-only already: so is all the rest, and has one type when compiled.
    for array in tables:
        if isinstance(array, np.ndarray):  # the ties are read-only already
            array.setflags(write=False)
    scale = world.reaction_scale
    if scale is None:
        radius = radius_of(scenario, world, tables)
        scale = posting.branching_ratio / radius if radius > 0 else 0.0
    rules.setflags(write=True)
    rules["reaction_scale"] = scale
    rules.setflags(write=False)
    return tables


def _owners(owners: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return who may create a group (int32, ascending) and which (int32); of several the last one. -1: nobody's."""
    whose = np.concatenate([*owners, np.zeros(0, np.int32)])
    groups = np.flatnonzero(whose >= 0)[::-1]
    people, at = np.unique(whose[groups], return_index=True)
    return people.astype(np.int32), groups[at].astype(np.int32)


def _refuse_too_many_sights(scenario: Scenario, world: World, audiences: list[int]) -> None:
    """Raise a sentence where all see all leave, and everybody's leaving once is more than can be shown in useful time."""
    if not world.ties["neighbours"].is_complete:
        return
    for (name, channel), readers in zip(scenario.channels.items(), audiences, strict=True):
        a, n = channel.attention, world.people.n
        sights = n * readers * max(a.ordinary, a.alerted, a.cut_off)
        if channel.type == "neighbours" and sights > MOST_SIGHTS:
            raise CapacityError(
                f"{n:,} people who are all neighbours of all (network.neighbours.graph: complete) see each other leave up to "
                f"{sights:,.0f} times on channels.{name}, expected at most {MOST_SIGHTS:,}; make population.size or "
                f"channels.{name}.attention smaller, or take another graph."
            )


def _counted_as(decision: Decision) -> int:
    return {"contacts_share": SHARE, "contacts_per_guard": PER_GUARD}.get(decision.critical_mass_of, NUMBER)


def _gatherings(
    scenario: Scenario, world: World, airings: np.ndarray, airs_in: np.ndarray, rows: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return gather_starts and gatherers: who goes by themselves; a larger share or number adds people and exchanges none."""
    n, province = world.people.n, world.people.province
    gatherers = [np.zeros(0, np.int32)]
    for index, (_, entry, _) in enumerate(airing_ticks(scenario)):
        if entry.kind != "gathering":
            gatherers.append(gatherers[0])
            continue
        if entry.people is not None:
            asked = np.array(sorted(set(entry.people)), np.int32)
            gatherers.append(asked[rows["flags"][asked] & ABLE > 0])
            continue
        airs, id_ = airs_in[index], int(airings[index]["id"])
        share = 1.0 if entry.number is not None else float(entry.audience)

        def gather(low: int, high: int, airs: np.ndarray = airs, id_: int = id_, share: float = share) -> np.ndarray:
            return np.asarray(who_gather(rows, province, airs, seed, id_, share, low, high))

        could = np.concatenate(in_chunks(n, gather))
        if entry.number is not None:
            if entry.number > len(could):
                raise InputError(
                    f"scenario.timeline: number of {entry.what!r} is {entry.number}, expected at most {len(could)}, those "
                    "who could go; give a smaller number."
                )
            u = draws.uniforms(seed, draws.INITIATE, could, id_, 0)
            could = np.sort(could[np.argsort(u, kind="stable")[: entry.number]])
        gatherers.append(could)
    starts = np.cumsum([len(g) for g in gatherers]).astype(np.int64)
    return starts, np.concatenate(gatherers)


def _by_threshold(rows: np.ndarray, minds: np.ndarray, decision: Decision) -> np.ndarray:
    """Return who is asked at whole minutes, by threshold: by contacts only who waits for nobody, the others when one leaves."""
    if decision.rule != "critical_mass":
        return np.zeros(0, np.int32)
    able, minds = np.flatnonzero(rows["flags"] & ABLE), minds[1:]  # in the same order
    if decision.counts_contacts:
        against, which = np.unique(minds["n_against"], return_inverse=True)
        at_first = np.array([level_of(_counted_as(decision), 0, number) for number in against.tolist()])
        waits_for_nobody = minds["threshold"] <= at_first[which]
        able, minds = able[waits_for_nobody], minds[waits_for_nobody]
    return able[np.lexsort((able, minds["threshold"]))].astype(np.int32)


def radius_of(scenario: Scenario, world: World, tables: Tables | None = None) -> float:
    """Return the spectral radius of expected offspring at scale 1, a bound; of a large nation that of a smaller one.

    `tables` are those of the scenario and world, if they are there.
    """
    seed = world.people.seed
    smaller = measured_nation(scenario)
    if smaller is not None:
        scenario, world, tables = smaller, make_world(smaller, seed), None
    if tables is None:
        tables = make_tables(scenario, world.replace(reaction_scale=1.0), seed)
    return float(spectral_radius(tables, group_exists(scenario, world)))


def _rules(scenario: Scenario, world: World, seed: int, rule: int) -> np.ndarray:
    clock, night = scenario.clock, scenario.scenario
    posting, decision, attendance, throttle = (
        scenario.posting,
        scenario.decision,
        scenario.attendance,
        scenario.throttle,
    )
    names = list(scenario.channels)
    rules = np.zeros(1, RULES)
    r = rules[0]
    r["seed"], r["world_seed"] = seed, world.people.seed
    r["horizon"], r["warm_up"], r["time_of_day"] = clock.horizon, clock.warm_up, clock.time_of_day
    first_news = clock.tick(night.accounting.first_news) if night.accounting else -1
    r["news_tick"] = -(-first_news // MINUTE) * MINUTE if first_news >= 0 else -1
    r["moment"] = seconds_to_ticks(night.moment_seconds)
    r["n_normal"] = world.n_normal
    fading = np.inf if decision.fading_minutes is None else decision.fading_minutes * MINUTE
    r["rule"], r["fading"], r["discount"] = rule, fading, decision.repeat_discount
    r["hazard_per_tick"] = decision.hazard_per_hour / HOUR
    r["social"], r["screen"], r["screen_half"] = decision.social, decision.screen, decision.screen_half
    r["ignored"] = sum(1 << names.index(c) for c in decision.ignored_channels)
    r["needs_news"] = decision.needs_news
    r["crowd_scale"] = world.n_normal if decision.critical_mass_of == "share" else 1.0
    r["by_contacts"] = decision.counts_contacts
    r["counted_as"] = _counted_as(decision)
    r["nobody_leaves"], r["as_if_home"] = attendance.nobody_leaves, attendance.online_as_if_home
    r["max_trips"] = attendance.max_trips
    r["shortest_prepare"] = minutes_to_ticks(attendance.shortest_prepare_minutes)
    r["prolong"], r["prolong_most"] = attendance.prolong.probability, attendance.prolong.at_most
    r["prolongs"] = attendance.prolong.probability > 0 and attendance.prolong.at_most > 0
    r["sleep_after"] = attendance.sleep_after.probability
    r["rests"] = attendance.rest is not None
    if scenario.population.sleep is not None:
        r["sleeps"] = 1
        r["stay_up"] = scenario.population.sleep.stay_up.probability
    r["punctual"] = decision.rule in PUNCTUAL
    r["most_turns"] = 4 * (clock.horizon // DAY + 3)
    r["hot_shift"] = terms_of(clock.horizon)
    r["while_home"] = posting.while_home
    r["while_travelling"], r["while_on_square"] = posting.while_travelling, posting.while_on_square
    r["propensity_cap"] = np.float32(posting.propensity_cap)  # to seven digits, as propensities are
    r["topical"], r["relay"], r["authority"] = posting.topical_share, posting.relay_call, posting.post_authority
    r["live"] = posting.live_per_stay
    # Intensity posts_per_tick x boost x exp(-w / decay) over waking time w: boost x decay of own posting in all.
    r["victory_posts"] = posting.victory.boost * posting.victory.decay_minutes * MINUTE
    r["cross"], r["tell"], r["create"] = (
        posting.cross_posting,
        posting.tell_probability,
        posting.create_group_probability,
    )
    near = [i for i, c in enumerate(scenario.channels.values()) if c.type == "neighbours"]
    r["neighbours"] = near[0] if near else -1
    r["neighbours_ties"] = TIE_SETS.index("neighbours")
    is_stored = bool(near) and not world.ties["neighbours"].is_complete
    r["remembers"] = is_stored and (decision.counts_contacts or decision.social > 0)
    r["adopt_per_tick"] = throttle.circumvention.hazard_per_hour / HOUR
    r["retry"], r["retry_most"] = throttle.retry.probability, throttle.retry.at_most
    r["substitution"], r["push"] = throttle.substitution, throttle.push
    r["hold"] = throttle.hold_minutes * MINUTE
    return rules
