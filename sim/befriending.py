"""From a law of friends to what they are computed from (`sim.befriended`), and from that to stored rows."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sim import draws
from sim.befriended import ANYWHERE, BITS, BLOCK, HOME, Befriended, first_stubs, friends_of, stub_in
from sim.bijection import placed_all, standing
from sim.implied import poisson_count
from sim.jit import by_reference, njit

if TYPE_CHECKING:
    from sim.network import Friends

__all__ = ["befriend", "most_friends", "nobody_befriended", "rows_of_friends"]

MOST_OPPOSITE = 0.75
"""Share of those opposite at home who can be friends of one person; that leaves room for ties to be unique."""
MOST_BITS = 10
"""Logarithm of the largest number of columns of a matching."""
_SET = 1


def befriend(friends: Friends, first: np.ndarray, seed: int) -> Befriended:
    """Return what the friends of users are computed from; province p has the users `first[p]` to `first[p + 1]`."""
    users = np.diff(first)
    provinces, pairs = len(users), users // 2
    near, far = _degrees(friends, int(first[-1]), seed)
    # At home people can have no more friends than there are, nor more than the root of all ties, beyond which two popular
    # people would be matched more than once (the structural cutoff: Catanzaro et al. 2005). The others are friends anywhere.
    cap = np.minimum(np.ceil(MOST_OPPOSITE * pairs), np.ceil(np.sqrt(near.mean() * pairs)))
    cap = cap.astype(np.int64).clip(max=near.max(initial=0))
    caps, row = np.unique(cap, return_inverse=True)
    stubs = np.zeros((2, len(caps), BLOCK + 1), np.int64)
    for k, most in enumerate(caps):
        np.cumsum(np.minimum(near, most), out=stubs[HOME, k, 1:])
        np.cumsum((near + far - np.minimum(near, most)).clip(max=max(first[-1] // 2, 1)), out=stubs[ANYWHERE, k, 1:])
    # Halves of all provinces take entries one after the other, so that over all of them each comes equally often.
    u = draws.uniform(seed, draws.W_LOCAL, 0, _SET, 1)
    entry = np.zeros((provinces, 3), np.int64)
    entry[:, 0] = row
    entry[:, 1] = (np.concatenate([[0], np.cumsum(pairs)])[:-1] + int(u * BLOCK)) % BLOCK
    keys = draws.order_keys(seed, draws.W_LOCAL, provinces, _SET, 0)
    f = Befriended(
        keys,
        entry,
        stubs,
        _guide(stubs),
        np.zeros((2, provinces + 1), np.int64),
        np.zeros((provinces + 1, 5), np.int64),
        keys[:0],
    )
    home, home_to_end = first_stubs(f, HOME, pairs), first_stubs(f, HOME, pairs + 1)
    away, away_to_end = first_stubs(f, ANYWHERE, pairs), first_stubs(f, ANYWHERE, pairs + 1)
    last = users % 2 * (home_to_end - home + away_to_end - away)
    sums = [0, 0]
    for p in range(provinces):
        entry[p, 2] = side = int(sums[0] > sums[1])  # the odd ones go to either side in turn
        sums[side] += int(away[p] + last[p])
        sums[1 - side] += int(away[p])
        f.begin[:, p + 1] = sums
        f.matching[p, :4] = _matching(int(home[p]), int(pairs[p]))
    f.matching[-1, :4] = _matching(min(sums), int(first[-1] // 2))
    f.matching[1:, 4] = np.cumsum(1 << f.matching[:-1, 1])
    return f._replace(
        slices=draws.order_keys(seed, draws.W_TIE, int(f.matching[-1, 4] + (1 << f.matching[-1, 1])), _SET, 0)
    )


@cache
def nobody_befriended() -> Befriended:
    """Return what the friends of a network without generated ones are computed from."""
    keys, table = np.zeros((0, 3), np.uint64), np.zeros((0, 0), np.int64)
    stubs = np.zeros((2, 0, 0), np.int64)
    return Befriended(keys, table, stubs, stubs.astype(np.int32), table, table, keys)


def most_friends(f: Befriended) -> int:
    """Return the largest number of friends that somebody can have."""
    return int(np.diff(f.stubs.sum(axis=0), axis=1).max(initial=0))


def _degrees(friends: Friends, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the friends at home and elsewhere of a block of people.

    Half of them are chosen, a log-normal number, and half choose, a Poisson number.
    """
    from scipy.special import ndtr, ndtri

    mean, sigma = friends.mean / 2, friends.sigma
    orders = draws.order_keys(seed, draws.W_DEGREE, 2, _SET, 0)
    u = [draws.uniform(seed, draws.W_DEGREE, k, _SET, 1) for k in range(2)]
    # The means of the law between its quantiles, rounded so that their sum is kept.
    done = ndtri(np.arange(BLOCK + 1) / BLOCK) - sigma
    chosen = _rounded(mean * BLOCK * np.diff(ndtr(done))[standing(orders, 0, BLOCK)], u[0])
    by_others = _choosing(mean)[standing(orders, 1, BLOCK)]
    degrees = np.minimum(chosen + by_others, max(n - 1, 0))
    near = _rounded(friends.local_share * degrees, u[1])
    return near, degrees - near


@lru_cache(16)
def _choosing(mean: float) -> np.ndarray:
    """Return how many friends each of a block chooses, by rank."""
    return np.array([poisson_count(mean, (i + 0.5) / BLOCK) for i in range(BLOCK)], np.int64)


def _rounded(values: np.ndarray, u: float) -> np.ndarray:
    """Return int64: values rounded up or down such that all sums of consecutive ones are kept but for rounding."""
    return np.diff(np.floor(np.cumsum(values) + u).astype(np.int64), prepend=0)


def _guide(stubs: np.ndarray) -> np.ndarray:
    """Return where `_whose` begins to search."""
    guide = np.zeros(stubs.shape, np.int32)
    for kind, rows in enumerate(stubs):
        for row, mine in enumerate(rows):
            bits = max(int(mine[-1]).bit_length() - BITS, 0)
            firsts = np.arange(BLOCK) << bits
            guide[kind, row, :BLOCK] = np.searchsorted(mine, firsts, side="right").clip(max=BLOCK) - 1
            guide[kind, row, BLOCK] = bits
    return guide


def _matching(n: int, people: int) -> tuple[int, int, int, int]:
    """Return how `n` stubs of so many people are matched: their number, log2 C, and the step from column to slice and back.

    There are as many columns as a person has stubs, at least on average. Fewer would match more people twice; with more, two
    people with one friend in common would have too many, as they share all columns or none.
    """
    bits = 0
    while bits < MOST_BITS and 2 << bits <= n and people << bits < n:
        bits += 1
    step = _step(bits)
    return n, bits, step, pow(step, -1, 1 << bits) if bits else 0


@cache
def _step(bits: int) -> int:
    """Return the odd step that keeps near columns in far slices: the largest product of both distances, at least."""
    size = 1 << bits
    apart = np.arange(1, max(size // 2, 1) + 1)
    odd = np.arange(1, size, 2) if size > 2 else np.ones(1, np.int64)
    far = odd[:, None] * apart % size
    return int(odd[np.argmax((apart * np.minimum(far, size - far)).min(axis=1))])


@njit
def rows_of_friends(implied, n):
    """Return starts and indices of the friends of n people.

    Each tie is found once, from the side 0 of its matching, and stands in both rows.
    """
    implied = by_reference(implied)
    f = implied.friends
    anywhere = len(f.keys)
    begins = np.zeros(anywhere + 2, np.int64)  # of the stubs of the sides 1 of all matchings
    for part in range(anywhere + 1):
        begins[part + 1] = begins[part] + f.matching[part, 0]
    starts, owners = np.zeros(n + 1, np.int64), np.zeros((begins[-1], 2), np.int32)  # who has a stub, as which friend
    for i in range(n):
        count, ints = friends_of(implied, i)
        starts[i + 1] = starts[i] + count
        p, half, home, n_home, away, n_away, side, _ = ints
        if count > 0 and half == 1:
            for k in range(min(n_home, f.matching[p, 0] - home)):
                owners[begins[p] + home + k, 0], owners[begins[p] + home + k, 1] = i, k
        if count > 0 and side == 1:
            for k in range(min(n_away, f.matching[anywhere, 0] - away)):
                owners[begins[anywhere] + away + k, 0], owners[begins[anywhere] + away + k, 1] = i, n_home + k
    there = _matched(f, begins)
    indices, last = np.full(starts[n], -1, np.int32), np.full(n, -1, np.int32)  # to whom each was tied last
    for i in range(n):
        count, ints = friends_of(implied, i)
        p, half, home, n_home = ints[0], ints[1], ints[2], ints[3]
        if count > 0 and half == 0:
            end = begins[p] + min(home + n_home, f.matching[p, 0])
            _tie_up(there[begins[p] + home : end], owners[begins[p] :], starts, i, 0, indices, last)
    last[:] = -1
    for i in range(n):
        count, ints = friends_of(implied, i)
        n_home, away, n_away, side = ints[3], ints[4], ints[5], ints[6]
        if count > 0 and side == 0:
            for k in range(n_home):  # whom one has as a friend at home already
                if indices[starts[i] + k] >= 0:
                    last[indices[starts[i] + k]] = i
            end = begins[anywhere] + min(away + n_away, f.matching[anywhere, 0])
            _tie_up(there[begins[anywhere] + away : end], owners[begins[anywhere] :], starts, i, n_home, indices, last)
    return starts, indices


@njit
def _matched(f, begins):
    """Return int32: the stub of side 1 that each of side 0 is matched with, matching after matching, a slice at a time."""
    found, shuffled = np.zeros(begins[-1], np.int32), np.zeros(1, np.uint64)
    for part in range(len(begins) - 1):
        n, bits = f.matching[part, 0], f.matching[part, 1]
        first = np.int64(0)
        for k in range(1 << bits):
            size = (n >> bits) + (1 if k < n & ((1 << bits) - 1) else 0)
            if size > len(shuffled):
                shuffled = np.zeros(2 * size, np.uint64)
            placed_all(f.slices, f.matching[part, 4] + k, size, shuffled)
            for row in range(size):
                found[begins[part] + stub_in(f, part, k, row)] = first + np.int64(shuffled[row])
            first += size
    return found


@njit
def _tie_up(there, owners, starts, i, first, indices, last):
    """Write to the rows of both who is tied to person i by the stubs `there`, from the person's friend `first` on."""
    for k in range(len(there)):
        other = owners[there[k], 0]
        if last[other] != i:
            last[other] = i
            indices[starts[i] + first + k] = other
            indices[starts[other] + owners[there[k], 1]] = i
