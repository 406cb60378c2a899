"""How a run is stored, and in how many pieces it is processed, changes nothing: every array of the state stays the same.

Storage: rows of the user's files in another order; another calendar (width of buckets, room, order of the free chunks);
other beginnings of the arrays of messages and of the log. Pieces: the advance split at any ticks.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.draws import MAX_SEED
from sim.engine.calendar import make_calendar, reserve, set_width
from sim.engine.order import LOG
from sim.engine.simulate import run
from sim.engine.state import MESSAGE, STATE, stages_of
from sim.engine.ties import tied_to
from sim.jit import is_compiling
from sim.units import MINUTE, SECOND
from sim.world import make_world
from tests.equivalence.special import SPECIAL
from tests.equivalence.strategies import scenarios
from tests.nights import exponential, night, window
from tests.rooms import drive, furnished, log_of

seeds = st.integers(0, 3) | st.integers(0, MAX_SEED)
orders = st.integers(0, 2**32 - 1).map(np.random.default_rng)
few = settings(deadline=None, derandomize=True, max_examples=80 if is_compiling else 4)


def on_their_way(state):
    """Return the messages to which events refer, by identity; which slot each has is storage."""
    used = state.messages[: state.now["n_messages"][0]]
    used = used[used["pending"] > 0]
    return used[np.argsort(used["id"])]


def rows_taken(tables, state):
    """Return what the rows that people have taken say of everybody, and who has seen each of them leave.

    Who took which row depends on who came first within a moment.
    """
    rows = state.other[state.people["other"]]
    seen = []
    if len(state.seen_out):
        left = np.flatnonzero(state.people["trips"])
        near = [tables.rules[name][0] for name in ("neighbours_ties", "neighbours")]
        counts = [tied_to(tables.net, near[0], p, near[1]).n for p in left]
        assert int(state.now["n_seen"][0]) == sum(counts)
        firsts = rows["seen_first"][left].tolist()
        seen = [state.seen_out[first : first + n].tolist() for first, n in zip(firsts, counts, strict=True)]
    return rows[["stay_until", "sleep_left", "adopt_at"]], seen


def assert_same(tables, state, other):
    """Both states are equal in all that is not storage."""
    np.testing.assert_array_equal(log_of(state), log_of(other))
    now = other.now.copy()
    for name in ("n_messages", "free_message", "n_free", "wanted"):  # where there is room, and how much a bucket lacked
        now[name] = state.now[name]
    np.testing.assert_array_equal(state.now, now)
    np.testing.assert_array_equal(on_their_way(state), on_their_way(other))
    (rows, seen), (other_rows, other_seen) = rows_taken(tables, state), rows_taken(tables, other)
    np.testing.assert_array_equal(rows, other_rows)
    assert seen == other_seen
    for name in STATE.names:
        if name != "other":
            np.testing.assert_array_equal(state.people[name], other.people[name], err_msg=name)
    storage = {"now", "messages", "showings", "shown", "due", "block", "seats", "words", "log", "calendar", "people", "stages",
               "other", "seen_out"}  # fmt: skip
    for name in set(state._fields) - storage:
        np.testing.assert_array_equal(getattr(state, name), getattr(other, name), err_msg=name)


# -- the user's files

TIES = {"followers": ("followed", "follower"), "friends": ("person", "friend"), "neighbours": ("person", "neighbour")}


def files_of(world):
    """Return the tables of ties and memberships that a user would have of a world, by name of the file."""
    tables = {}
    for name, columns in TIES.items():
        ties = world.ties[name]
        tables[name] = pd.DataFrame(dict(zip(columns, ties.pairs(), strict=True)))
    groups = world.groups["chat"]
    numbers = np.repeat(np.arange(len(groups.owner)), np.diff(groups.starts))
    tables["groups"] = pd.DataFrame({"group": numbers, "person": groups.members})
    return tables


def with_files(tables, folder):
    """Write the tables; return the night that reads them."""
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    network = {name: {"file": folder / f"{name}.csv"} for name in TIES}
    return night(network=network | {"groups": {"chat": {"file": folder / "groups.csv"}}})


@pytest.fixture(scope="module")
def user(tmp_path_factory) -> tuple[Path, dict[str, pd.DataFrame], np.ndarray]:
    """A folder, the user's tables, and the log of the night that reads them as they are."""
    folder = tmp_path_factory.mktemp("user")
    tables = files_of(make_world(night(network={"groups": {"chat": {"created_per_user": 0}}}), 5))
    return folder, tables, run(with_files(tables, folder), 7, events=True).log


@settings(few, max_examples=10 if is_compiling else 2)
@given(orders)
def test_rows_of_files_in_another_order_give_the_same_log(user, generator):
    folder, tables, log = user
    shuffled = {}
    for name, table in tables.items():
        columns, pairs = list(table), table.to_numpy()[generator.permutation(len(table))]
        if name in ("friends", "neighbours"):  # mutual ties: some pairs the other way round
            turned = generator.random(len(pairs)) < 0.5
            pairs[turned] = pairs[turned, ::-1]
        shuffled[name] = pd.DataFrame(pairs, columns=columns)[list(generator.permutation(columns))]
    assert len(log) > 500
    np.testing.assert_array_equal(run(with_files(shuffled, folder), 7, events=True).log, log)


# -- the arrays of a run


def calendar_of(horizon, width, pushes, generator):
    """Return an empty calendar of buckets of so many ticks, with room for so many pushes, its free chunks in any order."""
    n_buckets = horizon // width + 1
    empty = make_calendar(1, 1)
    one, meta, buckets = np.zeros(2, np.int64), empty.meta.copy(), np.zeros(n_buckets, empty.buckets.dtype)
    buckets["head"], meta["n_free"] = -1, 0
    set_width(meta, width)
    meta["bucket"], meta["free"] = -1, -1
    bare = empty._replace(
        pool=one[:0], chain=np.zeros(0, np.int32), buckets=buckets, current=one, scratch=one.copy(), late=one.copy(),
        meta=meta, marks=np.zeros(2 ** int(generator.integers(0, 12)), np.uint8),
    )  # fmt: skip
    calendar = reserve(bare, pushes)
    order = generator.permutation(len(calendar.chain)).astype(np.int32)
    calendar.chain[order] = np.append(order[1:], np.int32(-1)) - order - 1  # see `after`
    meta["free"] = order[0]
    return calendar


def assert_storage_changes_nothing(scenario, seed, generator, width, unused, room):
    tables, exists = furnished(scenario, seed)

    def alter(state):
        now = state.now.copy()
        now["n_messages"] = unused
        people = state.people.copy()
        return state._replace(
            # Everybody's first two events are pushed before anybody asks for room.
            calendar=calendar_of(scenario.clock.horizon, width, 2 * len(tables.people), generator),
            messages=np.zeros(unused + room, MESSAGE), log=np.zeros(room, LOG), now=now, people=people,
            stages=stages_of(people),
        )  # fmt: skip

    assert_same(tables, drive(scenario, tables, exists), drive(scenario, tables, exists, alter=alter))


def width_of(scenario, divisor):
    """Return the width of buckets of which so many are a moment, or of powers of two, which no moment holds."""
    moment = max(1, round(scenario.scenario.moment_seconds * SECOND))
    if divisor > 0:
        return max(1, moment // divisor)
    return 1 << -divisor


divisors = st.sampled_from([1, 2, 3, -4, -8, -13, -17, -20, -24, -31])


@few
@given(scenarios(), seeds, orders, divisors, st.sampled_from([0, 1, 3000]), st.sampled_from([1, 50, 100_000]))
def test_another_storage_of_the_same_run_changes_nothing(scenario, seed, generator, divisor, unused, room):
    assert_storage_changes_nothing(scenario, seed, generator, width_of(scenario, divisor), unused, room)


@pytest.mark.parametrize("shift", [4, 17, 31])
def test_another_storage_changes_no_order_of_ties(shift):
    assert_storage_changes_nothing(SPECIAL["forced ties"], 1, np.random.default_rng(shift), 1 << shift, 7, 1)


# -- the pieces of a run


@few
@given(scenarios(), seeds, st.data())
def test_splitting_the_advance_at_any_tick_changes_nothing(scenario, seed, data):
    tables, exists = furnished(scenario, seed)
    whole = drive(scenario, tables, exists)
    horizon, happened = scenario.clock.horizon, log_of(whole)["tick"].tolist() or [0]
    near_an_event = st.tuples(st.sampled_from(happened), st.integers(-1, 1)).map(lambda t: max(0, sum(t)))
    ticks = st.integers(0, horizon) | st.integers(0, horizon // MINUTE).map(lambda m: m * MINUTE) | near_an_event
    stops = data.draw(st.lists(ticks, max_size=30).map(sorted))
    calls = data.draw(st.integers(1, 5))
    assert_same(tables, whole, drive(scenario, tables, exists, stops + stops[:3], calls))


PIECES = night(
    throttle={
        "windows": [
            window(["tweets", "faces", "chat"], 20, 60, 0.7),
            window(["tweets", "faces", "chat"], 60, 120, 0.7, "delay"),
        ],
        "inspector": {
            "watch": "posts",
            "threshold_per_million": 100_000,
            "channels": ["tube"],
            "severity": 1.0,
            "minutes": 20,
        },
    },
    posting={"memory_kernel": exponential(3)},
)


def test_stopping_around_every_event_of_a_busy_minute_changes_nothing():
    tables, exists = furnished(PIECES, 2)
    whole = drive(PIECES, tables, exists)
    ticks = log_of(whole)["tick"]
    busy = np.bincount(ticks // MINUTE).argmax()
    stops = {int(t) + d for t in ticks[ticks // MINUTE == busy] for d in (-1, 0, 1)}
    assert len(stops) > 20
    assert_same(tables, whole, drive(PIECES, tables, exists, sorted(stops)))


def test_a_run_driven_by_hand_is_the_run():
    np.testing.assert_array_equal(log_of(drive(PIECES, *furnished(PIECES, 2))), run(PIECES, 2, events=True).log)


@pytest.mark.parametrize("minutes", [0, 61, 100.5, 240])
def test_a_run_that_is_stopped_early_is_the_beginning_of_the_whole(minutes):
    whole = run(PIECES, 2, events=True)
    until = int(minutes * MINUTE)
    stopped = run(PIECES, 2, events=True, until=until)
    np.testing.assert_array_equal(stopped.log, whole.log[whole.log["tick"] < until])
