"""Nothing that was delivered or attempted is lost, and every count is what the event log says, per channel and minute.

A delivery ends in exactly one way, an attempt to post, too; what is still on its way at the horizon is pending.
"""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import draws
from sim.channels import BROADCAST
from sim.draws import MAX_SEED
from sim.engine.flags import CIRCUMVENTS
from sim.engine.order import (
    ADOPT,
    CANDIDATE,
    CREATE,
    DEPART,
    DONE,
    DROPPED,
    FAILED,
    HELD,
    IMPRESSION,
    PUBLISHED,
    REACTION,
    RETRY,
    RETRYING,
    SEEN,
    THINNED,
    TIPPED,
    UNSEEN,
    WAITING,
)
from sim.engine.state import (
    ATTEMPTED,
    CREATED,
    DELIVERED,
    DROPPED_TOTAL,
    FAILED_COUNT,
    IMPRESSIONS,
    PENDING,
    POSTS_PENDING,
    PUBLISHED_COUNT,
    SEEN_TOTAL,
    UNSEEN_TOTAL,
)
from sim.engine.ties import channel_of_group
from sim.jit import is_compiling
from sim.units import MINUTE
from tests.equivalence.special import SPECIAL
from tests.equivalence.strategies import scenarios
from tests.rooms import drive, furnished, log_of

seeds = st.integers(0, 3) | st.integers(0, MAX_SEED)


def per_minute_and_channel(log, shape, kinds, results):
    """Return int64[minutes, channels]: rows of these kinds with these results."""
    rows = log[np.isin(log["kind"], kinds) & np.isin(log["result"], results)]
    found = np.zeros(shape, np.int64)
    np.add.at(found, (rows["tick"] // MINUTE, rows["channel"]), 1)
    return found


def assert_counts_are_those_of_the_log(tables, state):
    log, counts = log_of(state), state.counts
    assert len(log) == state.now["n_events"][0]
    posts, shape = (CANDIDATE, REACTION, RETRY), counts.shape[:2]
    for found, kinds, results in [
        (counts[:, :, ATTEMPTED], (CANDIDATE, REACTION), (PUBLISHED, FAILED, RETRYING, HELD)),
        (counts[:, :, PUBLISHED_COUNT], posts, (PUBLISHED,)),
        (counts[:, :, FAILED_COUNT], posts, (FAILED,)),
        (counts[:, :, IMPRESSIONS:].sum(axis=2), (IMPRESSION,), (SEEN, TIPPED)),
    ]:
        np.testing.assert_array_equal(found, per_minute_and_channel(log, shape, kinds, results))
    created = log[log["kind"] == CREATE]
    found = np.zeros(shape, np.int64)
    np.add.at(found, (created["tick"] // MINUTE, [channel_of_group(tables.net, group) for group in created["key"]]), 1)
    np.testing.assert_array_equal(counts[:, :, CREATED], found)
    first = log[(log["kind"] == DEPART) & (log["key"] == 0)]
    np.testing.assert_array_equal(state.departed, np.bincount(first["tick"] // MINUTE, minlength=len(state.departed)))
    found_a_way = np.count_nonzero((log["kind"] == ADOPT) & (log["result"] == DONE))
    were_ready = np.count_nonzero(tables.people["flags"] & CIRCUMVENTS)
    assert state.now["circumventing"][0] == were_ready + found_a_way


def assert_deliveries_end_once(tables, state):
    """Delivered = seen + unseen + dropped + pending: each part against the rows of its impressions."""
    log, totals = log_of(state), state.totals
    np.testing.assert_array_equal(
        totals[:, DELIVERED], totals[:, [SEEN_TOTAL, UNSEEN_TOTAL, DROPPED_TOTAL, PENDING]].sum(axis=1)
    )
    looks = defaultdict(list)
    for _, _, person, key, channel, result in log[log["kind"] == IMPRESSION].tolist():
        looks[channel, person, key].append(result)
    ends = np.zeros((len(totals), 4), np.int64)
    for (channel, *_), results in looks.items():
        *before, last = results
        assert set(before) <= {WAITING, HELD}
        assert results.count(HELD) <= 1
        if HELD in before:
            assert last != DROPPED  # what was held passes without another gate
        ends[channel, {SEEN: 0, TIPPED: 0, UNSEEN: 1, DROPPED: 2, WAITING: 3, HELD: 3}[last]] += 1
    np.testing.assert_array_equal(totals[:, SEEN_TOTAL], ends[:, 0])
    np.testing.assert_array_equal(totals[:, DROPPED_TOTAL], ends[:, 2])
    # Beside the rows: an airing or a trip was over before somebody noticed, or the first look falls behind the horizon.
    over, behind = totals[:, UNSEEN_TOTAL] - ends[:, 1], totals[:, PENDING] - ends[:, 3]
    is_forgotten = (tables.channels["only_while_out"] == 1) & (tables.channels["repeats"] == 0)
    is_forgotten &= tables.rules["prolongs"][0] == 0
    assert (over[(tables.channels["type"] != BROADCAST) & ~is_forgotten] == 0).all()
    assert (over >= 0).all()
    assert (behind >= 0).all()
    np.testing.assert_array_equal(totals[:, DELIVERED], ends.sum(axis=1) + over + behind)


def assert_posts_end_once(tables, state):
    """Attempted = published + failed + pending, and every post has a legal history of tries."""
    log, totals, seed = log_of(state), state.totals, int(tables.rules["seed"][0])
    tries = defaultdict(list)
    for _, kind, person, key, channel, result in log[np.isin(log["kind"], (CANDIDATE, REACTION, RETRY))].tolist():
        if result != THINNED:
            id_ = int(draws.identity(seed, draws.ID_POST, person, 0, key)) if kind == CANDIDATE else key
            tries[id_].append((kind, person, channel, result))
    pending = np.zeros(len(totals), np.int64)
    for history in tries.values():
        kinds, people, channels, results = zip(*history, strict=True)
        assert kinds[0] != RETRY
        assert set(kinds[1:]) <= {RETRY}
        assert len(set(people)) == len(set(channels)) == 1
        assert set(results[:-1]) <= {RETRYING, HELD}
        assert results.count(RETRYING) <= tables.rules["retry_most"][0]
        assert HELD not in results or results[results.index(HELD) :] in ((HELD,), (HELD, PUBLISHED))
        pending[channels[0]] += results[-1] in (RETRYING, HELD)
    np.testing.assert_array_equal(totals[:, POSTS_PENDING], pending)
    counts = state.counts.sum(axis=0)
    np.testing.assert_array_equal(
        counts[:, ATTEMPTED], counts[:, PUBLISHED_COUNT] + counts[:, FAILED_COUNT] + totals[:, POSTS_PENDING]
    )


def check(scenario, seed):
    tables, exists = furnished(scenario, seed)
    state = drive(scenario, tables, exists)
    assert_counts_are_those_of_the_log(tables, state)
    assert_deliveries_end_once(tables, state)
    assert_posts_end_once(tables, state)


@settings(deadline=None, derandomize=True, max_examples=60 if is_compiling else 5)
@given(scenarios(), seeds)
def test_the_accounts_of_any_scenario_balance(scenario, seed):
    check(scenario, seed)


@pytest.mark.parametrize("name", SPECIAL)
def test_the_accounts_of_special_scenarios_balance(name):
    check(SPECIAL[name], 1)
