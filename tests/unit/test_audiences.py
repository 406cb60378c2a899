"""Lists of people that keep a bit of each: whom they hold, by whatever order, and how many stand before a place."""

import numpy as np
import pytest

from sim.audiences import (
    CHUNK,
    GROUP_BITS,
    GUIDE_BITS,
    audiences_of,
    make_audiences,
    number_before,
    number_in,
    people_at,
    people_numbered,
    people_with,
    person_at,
)

N = 5 * CHUNK // 2 + 77
"""People: two chunks and a half, and no whole number of words."""
SHARES = (1.0, 0.95, 0.3, 0.001, 0.0)


def received(ordered):
    """Return uint32[N]: receiver k has the k-th share, but that the middle chunk has none of the rarest."""
    rng = np.random.default_rng(7)
    has = np.array([rng.random(N) < share for share in SHARES])
    has[3, CHUNK : 2 * CHUNK] = False
    has[2, : 1 << (GUIDE_BITS + 1)] = True  # and not evenly
    order = np.zeros(0, np.int32) if ordered else rng.permutation(N).astype(np.int32)
    return (has * (1 << np.arange(len(SHARES)))[:, None]).sum(axis=0).astype(np.uint32), order


@pytest.mark.parametrize("ordered", [True, False])
def test_a_list_holds_who_has_the_receiver(ordered):
    receivers, order = received(ordered)
    audiences = make_audiences(receivers, tuple(range(len(SHARES))), order)
    by_place = receivers if ordered else receivers[order]
    rng = np.random.default_rng(8)
    for which in range(len(SHARES)):
        places = np.flatnonzero(by_place >> np.uint32(which) & 1)
        people = places if ordered else order[places]
        assert audiences.sizes[which] == len(people)
        out, ks = np.empty(len(people), np.int64), np.arange(len(people))
        people_at(audiences, which, 0, ks, len(ks), out)
        np.testing.assert_array_equal(out, people)
        np.testing.assert_array_equal(people_with(receivers, which), np.sort(people))
        some = rng.choice(ks, min(500, len(ks)), replace=False)
        assert [person_at(audiences, which, k) for k in some.tolist()] == people[some].tolist()
        first = len(ks) // 3
        people_at(audiences, which, first, ks, len(ks) - first, out)
        np.testing.assert_array_equal(out[: len(ks) - first], people[first:])
        asked = [0, 1, 63, 64, N - 1, N, *(k << GROUP_BITS for k in (1, 2)), *rng.integers(0, N, 500).tolist()]
        found = [number_before(audiences, which, place) for place in asked]
        assert found == np.searchsorted(places, asked).tolist()
        number = np.full(N, -1)
        number[places] = ks
        inside = [place for place in asked if place < N]
        assert [number_in(audiences, which, place) for place in inside] == number[inside].tolist()


def test_who_is_everybody_is_not_written_down():
    receivers, _ = received(True)
    audiences = make_audiences(receivers, (0, 1, 4), np.zeros(0, np.int32))
    words = -(-N >> GROUP_BITS) * 8
    assert audiences.at.tolist() == [-1, 0, words]
    assert audiences.words.nbytes == 2 * 8 * words
    assert audiences.words.ctypes.data % 64 == 0
    assert audiences.sizes[2] == 0


@pytest.mark.parametrize("ordered", [True, False])
def test_lists_that_are_given_are_those_of_receivers(ordered):
    receivers, order = received(ordered)
    audiences = make_audiences(receivers, tuple(range(len(SHARES))), order)
    by_place = receivers if ordered else receivers[order]
    lists = [np.flatnonzero(by_place >> np.uint32(which) & 1).astype(np.int32) for which in range(len(SHARES))]
    for part, other in zip(audiences_of(lists, N, order), audiences, strict=True):
        np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize("ordered", [True, False])
def test_who_has_no_number_stays_nobody(ordered):
    receivers, order = received(ordered)
    audiences = make_audiences(receivers, tuple(range(len(SHARES))), order)
    for which in range(3):
        numbers = np.array([5, -1, 0, -1, audiences.sizes[which] - 1])
        expected = [person_at(audiences, which, k) if k >= 0 else -1 for k in numbers.tolist()]
        people_numbered(audiences, which, 4, numbers)
        assert numbers[:4].tolist() == expected[:4]
        assert numbers[4] == audiences.sizes[which] - 1


def test_nothing_is_written_to():
    audiences = make_audiences(received(True)[0], (1,), np.zeros(0, np.int32))
    for array in audiences:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
