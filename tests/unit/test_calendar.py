"""The calendar against Python's heapq: the same events in the same order, whatever is pushed, when, and how often it grows."""

import heapq
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.calendar import (
    AGAIN_BIT,
    bucket_of,
    load_of,
    make_calendar,
    peek,
    pop,
    push,
    reserve,
    set_width,
    wanted_chunks,
)  # fmt: skip
from sim.engine.opening import lay_out, mark, sort_into
from sim.engine.order import IMPRESSION, REACTION, RETRY, order_of
from sim.engine.state import MESSAGE

HORIZON = 1 << 22  # 1024 buckets of 4096 ticks


def open_until(calendar, messages, limit):
    """Open buckets up to a tick, as long as nothing lies in the one at hand; return whether there was room."""
    meta = calendar.meta[0]
    last = int(bucket_of(meta, limit - 1))
    while meta["at"] == meta["length"] and meta["n_late"] == 0 and meta["bucket"] < last:
        bucket = int(meta["bucket"]) + 1
        if 2 * calendar.buckets["count"][bucket] > len(calendar.current):
            return False
        sort_into(calendar, messages, bucket, 0)
    return True


class Both:
    """A calendar and its model, moved together."""

    def __init__(self, calendar, horizon=HORIZON):
        self.calendar = calendar
        self.horizon = horizon
        self.heap = []
        self.last = 0
        self.taken = set()
        self.serial = count()
        self.grown = 0
        self.messages = np.zeros(16, MESSAGE)
        self.n_messages = 0

    def push(self, tick, kind, person, key):
        """Add an event to both, unless its name is taken or its tick lies outside [last, horizon)."""
        tick = max(tick, self.last)
        if kind not in (IMPRESSION, REACTION, RETRY):
            key %= 1 << 32
        name = (tick, kind, person, key)
        if tick >= self.horizon or name in self.taken:
            return
        self.taken.add(name)
        meta = self.calendar.meta[0]
        if meta["n_free"] < wanted_chunks(self.calendar, 1) or meta["n_late"] > len(self.calendar.late) // 2 - 1:
            self.calendar = reserve(self.calendar, 1)
            self.grown += 1
        serial = next(self.serial)
        slot, datum = -1, key
        if kind in (IMPRESSION, REACTION, RETRY):
            if self.n_messages == len(self.messages):
                self.messages = np.concatenate([self.messages, np.zeros(self.n_messages, MESSAGE)])
            slot, datum, self.n_messages = self.n_messages, serial, self.n_messages + 1
            self.messages["id"][slot] = key
        push(self.calendar, self.messages, int(order_of(tick, kind, person)), slot, datum)
        heapq.heappush(self.heap, (*name, int(load_of(slot, datum))))

    def pop_until(self, limit, most=10**9):
        """Take events with tick < limit from both, at most so many, and compare them."""
        for _ in range(most):
            while not open_until(self.calendar, self.messages, limit):
                self.calendar = reserve(self.calendar, 0, int(self.calendar.buckets["count"].max()))
                self.grown += 1
            order = peek(self.calendar, limit)
            if not self.heap or self.heap[0][0] >= limit:
                assert order == -1
                return
            tick, kind, person, _, load = heapq.heappop(self.heap)
            assert order == order_of(tick, kind, person)
            assert tuple(map(int, pop(self.calendar, self.messages))) == (order, load)
            self.last = tick


def tiny():
    """Return an empty calendar with no room at all, so that growth is tested."""
    usual = make_calendar(HORIZON, 1)
    meta = usual.meta.copy()
    meta["free"], meta["n_free"] = -1, 0
    one = np.zeros(2, np.int64)
    return usual._replace(
        pool=one[:0], chain=np.zeros(0, np.int32), current=one, scratch=one.copy(), late=one.copy(), meta=meta
    )


# Few ticks, kinds and people, so that ties broken by the key are frequent; and keys over the whole range.
near = st.integers(0, 3)
ticks = near | st.integers(0, 5 * 4096) | st.integers(0, HORIZON)
keys = near | st.integers(0, 2**63 - 1)
pushes = st.tuples(st.just("push"), ticks, st.integers(0, 14), near | st.just(2**27 - 1), keys)
bursts = st.tuples(st.just("burst"), ticks, st.integers(1, 60), st.integers(1, 3000), keys)
pops = st.tuples(st.just("pop"), ticks, st.integers(0, 20) | st.just(10**9), st.none(), st.none())


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(pushes | bursts | pops, max_size=60), st.booleans())
def test_events_come_in_the_order_of_heapq(operations, is_tiny):
    both = Both(tiny() if is_tiny else make_calendar(HORIZON, 1))
    now = 0  # times are relative to the last limit, so that pushes fall into the bucket at hand as well as far ahead
    for name, a, b, c, d in operations:
        if name == "push":
            both.push(now + a, b, c, d)
        elif name == "burst":
            for k in range(b):
                both.push(now + a + (k * k * c) % 5000, k % 15, k % 4, d // (k + 1))
        else:
            now = min(now + a, HORIZON)
            both.pop_until(now, b)
    both.pop_until(HORIZON)
    assert not both.heap
    assert peek(both.calendar, HORIZON) == -1


def test_a_long_run_grows_every_part():
    """A busy run: each event pushes some more, near and far, from a calendar without room."""
    generator = np.random.default_rng(1)
    both = Both(tiny())
    total = 12_000
    for k in range(50):
        both.push(int(generator.integers(0, 4096)), 10, k, k)
    for step in range(1, 401):
        both.pop_until(step * HORIZON // 400)
        while len(both.taken) < step * total // 400:
            ahead = int(generator.choice([0, 1, 300, 4096, 100_000, HORIZON]))
            tick = both.last + int(generator.integers(0, ahead + 1))
            both.push(
                tick, int(generator.integers(0, 15)), int(generator.integers(0, 5)), int(generator.integers(0, 2**62))
            )
    both.pop_until(HORIZON)
    assert not both.heap
    assert both.grown > 3
    assert len(both.taken) > 0.9 * total


def test_freed_room_is_used_again():
    both = Both(make_calendar(HORIZON, 1))
    before = len(both.calendar.pool)
    for step in range(40):
        for k in range(200):
            both.push(step * 4096 * 4 + 4096 + k, 13, k, k)
        both.pop_until((step + 1) * 4096 * 4)
    assert both.grown == 0
    assert len(both.calendar.pool) == before


def test_ties_at_one_tick_come_by_kind_then_person_then_key():
    both = Both(make_calendar(HORIZON, 1))
    for kind in (REACTION, 7, 0):
        for person in (2**27 - 1, 0):
            for key in (2**63 - 1, 5, 0):
                both.push(9, kind, person, key)
    both.pop_until(9)
    assert len(both.heap) == 18
    both.pop_until(10)
    assert not both.heap


def test_an_impression_that_is_repeated_has_its_ordinal_in_the_key():
    calendar, messages = make_calendar(HORIZON, 1), np.zeros(1, MESSAGE)
    messages["id"] = 4
    order = int(order_of(9, IMPRESSION, 3))
    for again in (0, 1, 4, 5, 6):
        push(calendar, messages, order, int(AGAIN_BIT), again)
    assert open_until(calendar, messages, 10)
    found = [int(pop(calendar, messages)[1]) & 0xFFFFFFFF for _ in range(5)]
    assert [4 ^ again for again in found] == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 33, 300, 5000])
@pytest.mark.parametrize("spread", [1, 40, 4096])
def test_a_crowded_bucket_in_any_order(n, spread):
    """Many events within a tick or a bucket, as when a whole crowd joins at once, in random, falling and rising order."""
    generator = np.random.default_rng(n)
    for persons in (generator.permutation(n), np.arange(n)[::-1], np.arange(n)):
        both = Both(make_calendar(HORIZON, 1))
        for person in persons:
            both.push(8192 + int(generator.integers(spread)), 7, int(person), 3)
        both.pop_until(HORIZON)
        assert not both.heap


@pytest.mark.parametrize("horizon", [1, 2, 1000, 60_000, 2**32 - 1])
def test_any_horizon_has_a_bucket_for_its_last_tick(horizon):
    both = Both(make_calendar(horizon, 3), horizon)
    both.push(horizon - 1, 14, 2, 2**63 - 1)
    both.push(0, 0, 0, 0)
    both.pop_until(0)
    both.pop_until(horizon - 1)
    assert len(both.heap) == (2 if horizon == 1 else 1)
    both.pop_until(horizon)
    assert not both.heap


@pytest.mark.parametrize("width", [1, 7, 1000, 10_000, 3_600_000, 2**31])
def test_the_bucket_of_a_tick_is_the_quotient(width):
    metas = make_calendar(2**32 - 1, 1).meta
    set_width(metas, width)
    meta = metas[0]
    generator = np.random.default_rng(width)
    edges = [k * width + d for k in generator.integers(0, 2**32 // width, 2000).tolist() for d in (-1, 0, 1, width - 1)]
    for tick in [0, 2**32 - 2, *edges]:
        if 0 <= tick < 2**32 - 1:
            assert bucket_of(meta, tick) == tick // width


@pytest.mark.parametrize(
    ("horizon", "moment", "width"),
    [(72 * 3_600_000, 10_000, 10_000), (72 * 3_600_000, 1, 1 << 17), (72 * 3_600_000, 3_600_000, 225_000), (100, 3, 3)],
)
def test_buckets_are_moments_or_parts_of_one_where_moments_are_long_enough(horizon, moment, width):
    meta = make_calendar(horizon, 1000, moment).meta[0]
    assert meta["width"] == width
    assert meta["per_tick"] == 1 / width


events = st.tuples(st.integers(0, 999), st.integers(0, 15), st.integers(0, 700), st.integers(0, 2**32 - 1))


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(events, max_size=120, unique_by=lambda e: e[:3]), st.integers(0, 120))
def test_a_bucket_laid_out_holds_each_event_once_by_kind_and_those_of_one_person_in_order(found, n_shown):
    """Numbers of people that end in the same 8 bits are taken for one person, which costs time and changes nothing."""
    calendar = reserve(make_calendar(10_001, 1, 1001), len(found), max(len(found), 1))
    messages = np.zeros(1, MESSAGE)  # of no account: no two events have the same tick, kind and person
    n_free = int(calendar.meta[0]["n_free"])
    pairs = [(int(order_of(3003 + tick, kind, person)), int(load_of(-1, key))) for tick, kind, person, key in found]
    for k, (order, load) in enumerate(pairs):
        if k < n_shown:
            calendar.scratch[2 * k : 2 * k + 2] = order, load
        else:
            push(calendar, messages, order, -1, load & 0xFFFFFFFF)
    extra = min(n_shown, len(pairs))
    mark(calendar, 3, extra)
    lay_out(calendar, messages, 3, extra)
    meta = calendar.meta[0]
    assert (meta["bucket"], meta["at"], meta["at_once"], meta["n_free"]) == (3, 0, 1, n_free)
    assert not calendar.marks.any()
    laid = [tuple(calendar.current[2 * i : 2 * i + 2].tolist()) for i in range(meta["length"])]
    late = []
    while meta["n_late"] > 0:
        meta["at"] = meta["length"]
        late.append(tuple(map(int, pop(calendar, messages))))
    assert sorted(laid + late) == sorted(pairs)
    assert late == sorted(late)
    ends = [order & 255 for order, _ in pairs]
    assert {order & 255 for order, _ in late} == {end for end in ends if ends.count(end) > 1}
    assert set(laid[: sum(pair in laid for pair in pairs[:extra])]) <= set(pairs[:extra])  # what is shown comes first
    kinds = [order >> 27 & 15 for order, _ in laid if (order, _) not in pairs[:extra]]
    assert kinds == sorted(kinds)
