"""Friends by formula: a random graph with given degrees, of which each tie is computed when it is asked for, from both ends.

In each province a keyed bijection (`sim.bijection`) shuffles the users into two halves, and all ties run between halves. A
person has as many stubs (half ties) as friends: some for friends at home, the others for friends anywhere. Degrees repeat
after a block of people, so that the stubs of a half, person after person, need no list. The stubs of one half are matched with
those of the other: laid out in rows of C, those of a column go, shuffled, to one slice of the other half's stubs. Stubs of one
person that follow each other so land far apart, and whether two people are tied is found by looking at very few stubs. Where
two people are matched more than once, the tie is the first of those; the others are nobody's, seen from either end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.bijection import placed, standing_at
from sim.implied import FRIENDS, NO_INTS, last_below, province_of, user_of
from sim.jit import njit

__all__ = [
    "ANYWHERE",
    "BITS",
    "BLOCK",
    "HOME",
    "Befriended",
    "first_stubs",
    "friend_number",
    "friend_seat",
    "friends_of",
    "stub_in",
]

BITS = 10
BLOCK = 1 << BITS
"""People whose degrees are the quantiles of their law, in shuffled order; then the same again."""
HOME, ANYWHERE = range(2)


class Befriended(NamedTuple):
    """What friends are computed from, beside the users (`Implied`)."""

    keys: np.ndarray  # uint64[provinces, 3]: who is in which half, and where
    entry: (
        np.ndarray
    )  # int64[provinces, 3]: row of the table of stubs, entry of the first person, side of the first half
    stubs: np.ndarray  # int64[2, rows, block + 1]: stubs at home and anywhere, cumulated over a block of people
    guide: np.ndarray  # int32[2, rows, block + 1]: whose the first of each 2^g stubs is; g, at the end
    begin: np.ndarray  # int64[2, provinces + 1]: the first stub of each province on either side of those anywhere
    matching: (
        np.ndarray
    )  # int64[provinces + 1, 5]: stubs on either side, log2 C, step there and back, first slice; last: anywhere
    slices: np.ndarray  # uint64[slices, 3]: keys of the slices of each matching


@njit
def _first_stub(f, kind, p, x):
    """Return the first stub of person x of a half of province p, of those at home or anywhere."""
    stubs, entry = f.stubs[kind, f.entry[p, 0]], f.entry[p, 1]
    return ((entry + x) >> BITS) * stubs[BLOCK] + stubs[(entry + x) & (BLOCK - 1)] - stubs[entry]


@njit
def first_stubs(f, kind, x):
    """Return int64[provinces]: the first stub of person x[p] of a half of each province p."""
    found = np.empty(len(x), np.int64)
    for p in range(len(x)):
        found[p] = _first_stub(f, kind, p, x[p])
    return found


@njit
def _whose(f, kind, p, stub):
    """Return (x, first, end): who has a stub of a half of province p, and all stubs of that person."""
    row, entry = f.entry[p, 0], f.entry[p, 1]
    stubs = f.stubs[kind, row]
    y = stub + stubs[entry]
    blocks = y // stubs[BLOCK]
    y -= blocks * stubs[BLOCK]
    k = np.int64(f.guide[kind, row, y >> f.guide[kind, row, BLOCK]])
    while stubs[k + 1] <= y:
        k += 1
    first = blocks * stubs[BLOCK] - stubs[entry]
    return blocks * BLOCK + k - entry, first + stubs[k], first + stubs[k + 1]


# -- the matching of two sides' stubs


@njit
def _slice_of(f, part, j):
    """Return (slice, number within it) of a stub of side 1."""
    n, bits = f.matching[part, 0], f.matching[part, 1]
    rows = n >> bits
    longer = n - (rows << bits)
    if j < longer * (rows + 1):
        return j // (rows + 1), j % (rows + 1)
    j -= longer * (rows + 1)
    return longer + j // rows, j % rows


@njit
def _there(f, part, i):
    """Return the stub of side 1 that stub i of side 0 is matched with."""
    n, bits, step = f.matching[part, 0], f.matching[part, 1], f.matching[part, 2]
    rows, row = n >> bits, i >> bits
    k = i - (row << bits)
    if row < rows:
        k = (k * step) & ((1 << bits) - 1)
    longer = n - (rows << bits)
    size = rows + (1 if k < longer else 0)
    return k * rows + min(k, longer) + placed(f.slices, f.matching[part, 4] + k, size, row)


@njit
def stub_in(f, part, k, row):
    """Return the stub of side 0 in a row of those that go to slice k."""
    n, bits, back = f.matching[part, 0], f.matching[part, 1], f.matching[part, 3]
    return (row << bits) + ((k * back) & ((1 << bits) - 1) if row < n >> bits else k)


@njit
def _back(f, part, j):
    """Return the stub of side 0 that stub j of side 1 is matched with: the inverse of `_there`."""
    n, bits = f.matching[part, 0], f.matching[part, 1]
    rows = n >> bits
    k, y = _slice_of(f, part, j)
    size = rows + (1 if k < n - (rows << bits) else 0)
    return stub_in(f, part, k, standing_at(f.slices, f.matching[part, 4] + k, size, y))


@njit
def _tie(f, part, a, a_end, b, b_end):
    """Return the first of stubs [a, a_end) of side 0 that is matched with one of [b, b_end) of side 1; -1: none."""
    n, bits = f.matching[part, 0], f.matching[part, 1]
    a_end, b_end = min(a_end, n), min(b_end, n)
    if a >= a_end or b >= b_end:
        return np.int64(-1)
    low, y = _slice_of(f, part, b)
    high = low if y + b_end - b <= n >> bits else _slice_of(f, part, b_end - 1)[0]
    first_row, last_row = a >> bits, (a_end - 1) >> bits
    if (high - low + 1) * (last_row - first_row + 1) >= a_end - a:
        for i in range(a, a_end):
            if b <= _there(f, part, i) < b_end:
                return np.int64(i)
        return np.int64(-1)
    found = np.int64(-1)
    for row in range(first_row, last_row + 1):
        for k in range(low, high + 1):
            i = stub_in(f, part, k, row)
            if a <= i < a_end and (found < 0 or i < found) and b <= _there(f, part, i) < b_end:
                found = np.int64(i)
        if found >= 0:
            return found
    return found


# -- who is a friend of whom


@njit
def _number(ties, p, half, x):
    begin, end = ties.first[FRIENDS, p], ties.first[FRIENDS, p + 1]
    rank = x + half * ((end - begin + 1) // 2)
    return begin + standing_at(ties.friends.keys, p, end - begin, rank)


@njit
def _stubs_of(ties, p, half, x):
    """Return (first, how many, first, how many): the stubs of person x of a half, at home and anywhere.

    In a province of an odd number of users the last one has nobody opposite, and all friends anywhere.
    """
    f = ties.friends
    home, away = _first_stub(f, HOME, p, x), _first_stub(f, ANYWHERE, p, x)
    n_home, n_away = _first_stub(f, HOME, p, x + 1) - home, _first_stub(f, ANYWHERE, p, x + 1) - away
    if x >= (ties.first[FRIENDS, p + 1] - ties.first[FRIENDS, p]) // 2:
        n_home, n_away = np.int64(0), n_home + n_away
    return home, n_home, away + f.begin[half ^ f.entry[p, 2], p], n_away


@njit
def friends_of(ties, person):
    """Return (n, ints): how many numbers a person's friends have, and what `friend_number` needs to find them."""
    user = user_of(ties, FRIENDS, person)
    if user < 0:
        return np.int64(0), NO_INTS
    p, half, x = _place_of(ties, user)
    home, n_home, away, n_away = _stubs_of(ties, p, half, x)
    side, anywhere = half ^ ties.friends.entry[p, 2], np.int64(len(ties.friends.keys))
    return n_home + n_away, (p, half, home, n_home, away, n_away, side, anywhere)


@njit
def _place_of(ties, user):
    """Return (province, half, number in it) of a user."""
    p = province_of(ties, FRIENDS, user)
    begin, end = ties.first[FRIENDS, p], ties.first[FRIENDS, p + 1]
    rank, first_half = placed(ties.friends.keys, p, end - begin, user - begin), (end - begin + 1) // 2
    half = np.int64(rank >= first_half)
    return p, half, rank - half * first_half


@njit
def _tie_between(f, part, side, own, n_own, others, n_others):
    """Return `_tie` of the stubs of two people, of whom the first is on the given side."""
    if side == 0:
        return _tie(f, part, own, own + n_own, others, others + n_others)
    return _tie(f, part, others, others + n_others, own, own + n_own)


@njit
def _other(f, part, side, stub):
    """Return the stub of the other side that a stub of a side is matched with; -1: none."""
    if stub >= f.matching[part, 0]:
        return np.int64(-1)
    return _there(f, part, stub) if side == 0 else _back(f, part, stub)


@njit
def _is_first(f, part, side, own, n_own, stub, others, n_others, other):
    """Return whether a tie, of two stubs, is the first of those of the same two people."""
    if side == 0:
        return _tie(f, part, own, stub, others, others + n_others) < 0
    return _tie(f, part, others, other, own, own + n_own) < 0


@njit
def friend_number(ties, ints, k):
    """Return the user number of the k-th friend; -1: nobody's."""
    f = ties.friends
    p, half, home, n_home, away, n_away, side, part = ints
    if k < n_home:
        other = _other(f, p, half, home + k)
        if other < 0:
            return np.int64(-1)
        x, first, end = _whose(f, HOME, p, other)
        if not _is_first(f, p, half, home, n_home, home + k, first, end - first, other):
            return np.int64(-1)
        return _number(ties, p, 1 - half, x)
    stub = away + k - n_home
    other = _other(f, part, side, stub)
    if other < 0:
        return np.int64(-1)
    begin = f.begin[1 - side]
    q = last_below(begin, other)
    x = (ties.first[FRIENDS, q + 1] - ties.first[FRIENDS, q]) // 2  # the last of an odd number, if it is none before
    if other - begin[q] < _first_stub(f, ANYWHERE, q, x):
        x = _whose(f, ANYWHERE, q, other - begin[q])[0]
    other_half = (1 - side) ^ f.entry[q, 2]
    its_home, its_n_home, first, n = _stubs_of(ties, q, other_half, x)
    if not _is_first(f, part, side, away, n_away, stub, first, n, other):
        return np.int64(-1)
    if q == p and _tie_between(f, p, half, home, n_home, its_home, its_n_home) >= 0:
        return np.int64(-1)  # friends at home already
    return _number(ties, q, other_half, x)


@njit
def friend_seat(ties, ints, reader):
    """Return which friend the reader is; -1: none."""
    user = user_of(ties, FRIENDS, reader)
    if user < 0:
        return np.int64(-1)
    f = ties.friends
    p, half, home, n_home, away, n_away, side, part = ints
    q, other_half, x = _place_of(ties, user)
    its_home, its_n_home, first, n = _stubs_of(ties, q, other_half, x)
    if q == p and other_half != half:
        tie = _tie_between(f, p, half, home, n_home, its_home, its_n_home)
        if tie >= 0:
            return (tie if half == 0 else _there(f, p, tie)) - home
    if other_half ^ f.entry[q, 2] == side:
        return np.int64(-1)
    tie = _tie_between(f, part, side, away, n_away, first, n)
    return n_home + (tie if side == 0 else _there(f, part, tie)) - away if tie >= 0 else np.int64(-1)
