"""The same dice in every arm: worlds that differ minimally differ only where they must, row by row of the event log."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from sim.engine.build import airing_ticks, make_tables
from sim.engine.order import DROPPED, FAILED, HELD, IMPRESSION, RETRYING, UNSEEN, WAITING
from sim.engine.simulate import run
from sim.network import Groups
from sim.scenario import validate
from sim.settle import settle
from sim.units import HOUR, MINUTE
from sim.world import make_world
from tests.nights import CHANNELS, NIGHT, START, TIMELINE, accounting, entry, merged, night, outage, traits_of, window

ENGINES = ["compiled", "reference"]
POSTED = ["tweets", "faces", "chat"]
SEEDS = [0, 1, 2]


def throttled(*spans, **more):
    return night(throttle={"windows": [window(POSTED, *span) for span in spans]} | more)


def log_of(scenario, seed=1, engine="compiled", **more):
    return run(scenario, seed, engine=engine, events=True, **more).log


def assert_same_run(a, b):
    np.testing.assert_array_equal(a.log, b.log)
    for name, part in a.arrays().items():
        np.testing.assert_array_equal(part, b.arrays()[name], err_msg=name)


# -- throttles that change nothing


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "windows",
    [
        [(20, 120, 0.0)],
        [(20, 120, 0.0, "delay"), (-90, 400, 0.0)],
        [(180, 240, 1.0), (181, 500, 1.0, "delay")],
        [(-200, -60, 1.0), (-90, -70, 1.0)],
    ],
    ids=["severity 0", "severity 0, delayed", "after the horizon", "before the warm-up"],
)
def test_a_throttle_without_effect_changes_nothing(windows, seed, engine):
    assert_same_run(
        run(throttled(*windows), seed, engine=engine, events=True), run(night(), seed, engine=engine, events=True)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_an_inspector_who_never_acts_changes_nothing(seed):
    watch = {"watch": "posts", "threshold_per_million": 1e12, "channels": POSTED, "severity": 1.0, "minutes": 30}
    assert_same_run(
        run(night(throttle={"inspector": watch}), seed, events=True), run(night(), seed, events=True)
    )  # fmt: skip


# -- people who touch nobody


def with_hermit(scenario, seed):
    """Return (world, world with one more person): without receivers, ties or groups, who cannot leave."""
    world = make_world(scenario, seed)
    tables = make_tables(scenario, world, seed)
    people, n = world.people, world.people.n
    more = {"able": np.append(np.full(n, -1, np.int8), np.int8(0))}
    extra = {"receivers": 0, "bed": 0, "sleep": HOUR}
    given = {"propensity": "given_propensity", "travel": "given_travel"}  # instead of what is drawn
    for name, values in traits_of(people).items():
        more[given.get(name, name)] = np.append(values, np.array([extra.get(name, values[0])], values.dtype))
    for values in more.values():
        values.setflags(write=False)  # as those of all people: else the engine is compiled for others
    ties = {k: replace(t, starts=np.append(t.starts, t.starts[-1])) for k, t in world.ties.items()}
    groups = {
        k: Groups(g.starts, g.members, g.owner, np.append(g.joined_starts, g.joined_starts[-1]), g.joined)
        for k, g in world.groups.items()
    }
    kept = {"n_normal": float(n), "reaction_scale": float(tables.rules["reaction_scale"][0])}
    larger = world.replace(people=replace(people, **more), ties=ties, groups=groups, **kept)
    return world, larger


@pytest.mark.parametrize("rule", ["threshold", "hazard", "critical_mass"])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_person_without_ties_or_channels_changes_nobody_else(seed, rule):
    scenario = night(
        decision={"rule": rule},
        throttle={
            "windows": [window(POSTED, 20, 60, 0.7), window(POSTED, 60, 120, 0.7, "delay")],
            "inspector": {"watch": "on_squares", "threshold_per_million": 50_000, "channels": ["tube"], "severity": 1.0,
                          "minutes": 20},
        },
    )  # fmt: skip
    world, larger = with_hermit(scenario, seed)
    before, after = (run(scenario, seed, events=True, world=w) for w in (world, larger))
    n = world.people.n
    np.testing.assert_array_equal(after.log[after.log["person"] < n], before.log)
    hermit = after.log[after.log["person"] == n]
    assert len(hermit) > 0  # sleeps and wakes
    assert set(hermit["channel"].tolist()) == {-1}
    for name in ("counts", "heard_on", "squares", "departures", "decided", "totals"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)


def test_the_worlds_own_reaction_scale_is_what_the_scenario_finds():
    scenario = night()
    world, _ = with_hermit(scenario, 1)
    scale = float(make_tables(scenario, world, 1).rules["reaction_scale"][0])
    assert_same_run(
        run(scenario, 1, events=True), run(scenario, 1, events=True, world=world.replace(reaction_scale=scale))
    )  # fmt: skip


# -- arms part at the moment at which they differ, not before


def parts(a, b):
    """Return the tick of the first row at which two logs differ, or None."""
    both = min(len(a), len(b))
    different = np.flatnonzero(a[:both] != b[:both])
    if len(different):
        row = int(different[0])
        return int(min(a[row]["tick"], b[row]["tick"]))
    return None if len(a) == len(b) else int((a if len(a) > both else b)[both]["tick"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("span", [(40, 100, 1.0), (40, 100, 0.6), (40, 100, 0.9, "delay"), (40, 100, 0.9, "delay", 3)])
def test_throttled_and_open_arms_part_when_the_window_opens(span, seed, engine):
    scenario = throttled(span)
    one, other = log_of(scenario, seed, engine), log_of(scenario.open(), seed, engine)
    at = parts(one, other)
    opens = scenario.clock.tick(scenario.throttle.windows[0].start)
    assert at is not None
    assert opens <= at < opens + 20 * MINUTE
    # And the first row that differs is one that a gate decided.
    row = one[np.flatnonzero(one[: len(other)] != other[: len(one)])[0]]
    assert row["tick"] == at
    assert row["result"] in (DROPPED, FAILED, RETRYING, HELD)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_entry_at_23_00_leaves_everything_before_unchanged(seed):
    scenario = night()
    more = night(scenario={"timeline": [entry(60, "texts", "call", audience=1.0), *TIMELINE]})
    at_23 = scenario.clock.warm_up + HOUR
    at = parts(log_of(scenario, seed), log_of(more, seed))
    assert at is not None
    assert at >= at_23 + 1
    gathering = night(scenario={"timeline": [*TIMELINE, entry(60, None, "gathering", audience=1.0)]})
    at = parts(log_of(scenario, seed), log_of(gathering, seed))
    assert at is not None
    assert at >= at_23 + 1


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_changes_nothing_before_it_begins(seed):
    at = parts(log_of(night(), seed), log_of(night(scenario={"outages": [outage("tv", 18, 90)]}), seed))
    assert at is not None
    assert at >= night().clock.warm_up + 18 * MINUTE


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_leaves_changes_nothing_before_the_first_would_decide(seed):
    leaving = log_of(night(), seed)
    at = parts(leaving, log_of(night().null_night("stay_home"), seed))
    first = leaving[leaving["result"] == 10]["tick"].min()  # tipped
    assert at == first


# -- readers keep their dice


@pytest.mark.parametrize("seed", SEEDS)
def test_an_attention_that_cannot_act_changes_nothing(seed):
    """Nobody is cut off on an open night, so what attention one would pay then is of no consequence, larger or smaller."""
    same = night(posting={"branching_ratio": 0.0})
    for name, cut_off in (("tv", 0.95), ("tv", 0.71), ("tweets", 0.8), ("street", 0.55)):
        attention = CHANNELS[name]["attention"] | {"cut_off": cut_off}
        other = night(channels={name: {"attention": attention}}, posting={"branching_ratio": 0.0})
        np.testing.assert_array_equal(noticed(log_of(other, seed)), noticed(log_of(same, seed)))


def noticed(log):
    """Return a log without the looks at messages that were not noticed, then or ever."""
    return log[(log["kind"] != IMPRESSION) | ~np.isin(log["result"], (UNSEEN, WAITING))]


def looks(log, key):
    """Return (tick, person) of everybody's first look at a message."""
    rows = log[(log["kind"] == IMPRESSION) & (log["key"] == key)]
    _, first = np.unique(rows["person"], return_index=True)
    return {(int(r["tick"]), int(r["person"])) for r in rows[first]}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_larger_audience_holds_the_smaller_one(seed):
    """As long as the power of two above attention and audience stays the same, no reader is exchanged for another."""
    found = []
    for audience in (0.55, 0.7, 0.95):
        scenario = night(
            population={"size": 200}, scenario={"timeline": [entry(20, "texts", "news", audience=audience)]}
        )
        key = int(make_tables(scenario, make_world(scenario, seed), seed).airings["id"][0])
        found.append(looks(log_of(scenario, seed), key))
    assert 0 < len(found[0]) < len(found[1]) < len(found[2])
    assert found[0] <= found[1] <= found[2]


# -- airings keep their dice


@pytest.mark.parametrize("seed", SEEDS)
def test_removing_the_call_leaves_the_dice_of_other_airings_unchanged(seed):
    scenario = night(scenario={"accounting": accounting(0)})
    without = scenario.null_night("without_call")
    world = make_world(scenario, seed)
    with_call, no_call = (make_tables(s, world, seed) for s in (scenario, without))
    is_call = np.array([e.tag == "facetime" for _, e, _ in airing_ticks(scenario)])
    assert is_call.sum() == 4
    np.testing.assert_array_equal(with_call.airings[~is_call], no_call.airings)
    np.testing.assert_array_equal(with_call.stagger[~is_call], no_call.stagger)
    np.testing.assert_array_equal(with_call.airs_in[~is_call], no_call.airs_in)
    # The same people notice the other airings at the same ticks, whatever they make of them.
    a, b = (log_of(s, seed, world=world) for s in (scenario, without))
    ids = no_call.airings["id"]

    def noticed(log):
        rows = log[(log["kind"] == IMPRESSION) & np.isin(log["key"], ids)]
        first = {}
        for row in rows:
            first.setdefault((int(row["key"]), int(row["person"])), int(row["tick"]))
        return first

    assert noticed(a) == noticed(b)
    assert len(noticed(a)) > 50
    assert parts(a, b) is not None


def edited(index, **edits):
    """Return the small night with one entry of its timeline, tagged for it, left out or moved."""
    timeline = [e | {"tag": f"entry/{k}"} for k, e in enumerate(TIMELINE)]
    timeline[0]["audience"] = 0.5  # of so few people some gather
    tag = f"entry/{index}"
    edits = {key: [tag] if key == "without" else {tag: value} for key, value in edits.items()}
    return validate(settle(merged(NIGHT, {"scenario": {"timeline": timeline} | edits})))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("index", range(len(TIMELINE)))
def test_an_entry_that_is_left_out_changes_nothing_before_it(index, engine):
    whole, without = edited(index), edited(index, without=True)
    at = parts(log_of(whole, 1, engine), log_of(without, 1, engine))
    assert at is not None
    assert at >= whole.clock.tick(whole.scenario.timeline[index].time)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("minutes", [-7, 7])
@pytest.mark.parametrize("index", range(len(TIMELINE)))
def test_an_entry_that_is_moved_changes_nothing_before_both_its_times(index, minutes, engine):
    whole, moved = edited(index), edited(index, shift_minutes=minutes)
    at = parts(log_of(whole, 1, engine), log_of(moved, 1, engine))
    assert at is not None
    assert at >= min(s.clock.tick(s.scenario.timeline[index].time) for s in (whole, moved))


@pytest.mark.parametrize("index", range(len(TIMELINE)))
def test_an_airing_that_is_moved_keeps_its_dice(index):
    """Its identity and offsets by province, on which all draws about it hang; so do those of all others."""
    found = []
    for scenario in (edited(index), edited(index, shift_minutes=-7)):
        tables = make_tables(scenario, make_world(scenario, 1), 1)
        airings = airing_ticks(scenario)
        found.append({(entry.what, entry.tag, k): (row.tobytes(), stagger.tobytes(), airs.tobytes())
                      for (_, entry, k), row, stagger, airs
                      in zip(airings, tables.airings, tables.stagger, tables.airs_in, strict=True)})  # fmt: skip
        if TIMELINE[index]["kind"] == "gathering":
            found[-1]["gatherers"] = tables.gatherers.tobytes()
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_people_can_receive_an_airing_that_is_moved(seed):
    """A text that waits for those who sleep, read by a share of people that does not depend on what they have heard."""
    found = []
    for minutes in (0, 40):
        text = entry(20, "texts", "news", audience=0.5, tag="text")
        tree = merged(
            NIGHT, {"population": {"size": 200}, "scenario": {"timeline": [text], "end": START + timedelta(hours=12)}}
        )
        scenario = validate(settle(merged(tree, {"scenario": {"shift_minutes": {"text": minutes}}})))
        key = int(make_tables(scenario, make_world(scenario, seed), seed).airings["id"][0])
        found.append(looks(log_of(scenario, seed), key))
    ticks, moved = ({person: tick for tick, person in one} for one in found)
    assert set(ticks) == set(moved)
    assert 60 < len(ticks) < 140
    # Those who are awake at both times look as long after it as before.
    assert sum(moved[p] - ticks[p] == 40 * MINUTE for p in ticks) > len(ticks) / 2


def test_airings_are_known_by_what_they_are_not_by_their_place_in_the_list():
    scenario = night()
    world = make_world(scenario, 4)
    backwards = night(scenario={"timeline": TIMELINE[::-1]})

    def ids(s):
        airings = make_tables(s, world, 4).airings
        return {(e.what, k, tick): int(a["id"]) for (tick, e, k), a in zip(airing_ticks(s), airings, strict=True)}

    assert ids(scenario) == ids(backwards)
    assert len(set(ids(scenario).values())) == len(airing_ticks(scenario))


def test_the_same_entry_twice_is_two_airings():
    twice = night(scenario={"timeline": [entry(30, "tv", "news"), entry(30, "tv", "news")]})
    tables = make_tables(twice, make_world(twice, 4), 4)
    assert len(set(tables.airings["id"].tolist())) == 2


# -- threads, order, pieces


ARMS = [
    night(),
    throttled((40, 100, 0.7)),
    throttled((40, 100, 0.7, "delay")),
    night(attendance={"nobody_leaves": True}),
    night(decision={"rule": "hazard"}),
    night(decision={"rule": "critical_mass"}),
]


@pytest.fixture(scope="module")
def one_after_the_other():
    world = make_world(night(), 6)
    return world, [run(arm, 6, events=True, world=world) for arm in ARMS]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_arms_in_threads_and_in_any_order_are_the_same_runs(one_after_the_other, workers):
    world, expected = one_after_the_other
    order = [4, 1, 5, 0, 3, 2] * 2
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda k: run(ARMS[k], 6, events=True, world=world), order))
    for k, record in zip(order, found, strict=True):
        assert_same_run(record, expected[k])


def test_a_world_is_not_changed_by_a_run():
    scenario = throttled((40, 100, 0.7))
    world = make_world(scenario, 3)
    for engine in ENGINES:
        run(scenario, 3, engine=engine, world=world)
    fresh = make_world(scenario, 3)
    for name, trait in traits_of(fresh.people).items():
        np.testing.assert_array_equal(traits_of(world.people)[name], trait)
    for name, ties in fresh.ties.items():
        np.testing.assert_array_equal(world.ties[name].indices, ties.indices)
    np.testing.assert_array_equal(world.groups["chat"].owner, fresh.groups["chat"].owner)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_is_the_same_with_and_without_its_log(engine):
    scenario = throttled((40, 100, 0.7))
    with_log, without = (run(scenario, 5, engine=engine, events=e) for e in (True, False))
    assert len(without.log) == 0
    for name, part in with_log.arrays().items():
        np.testing.assert_array_equal(part, without.arrays()[name], err_msg=name)
