"""Ties that are implied by hashes: the k-th tie of a person is computed when it is asked for, and nothing is stored.

The users of a set (followers, friends, neighbours, each group channel) are numbered province by province; keyed bijections
(`sim.bijection`) shuffle them. Whether the ties so defined are stored as well is a matter of speed alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim import draws
from sim.audiences import Audiences, number_in, person_at
from sim.bijection import placed, standing_at
from sim.jit import njit
from sim.quantiles import normal_quantile

if TYPE_CHECKING:
    from sim.befriended import Befriended

__all__ = ["CELLS", "FOLLOWERS", "FRIENDS", "GROUPS", "NO_FLOATS", "NO_INTS", "Implied", "follower_number", "follower_seat",
           "following", "group_place", "group_seat", "group_span", "groups_joined", "last_below", "member_number",
           "near_count", "near_number", "near_seat", "person_of", "poisson_count", "province_of", "user_of"]  # fmt: skip

FOLLOWERS, FRIENDS, NEIGHBOURS, GROUPS = range(4)
"""Sets of users; group channel g is set GROUPS + g."""
CELLS = 4096
"""Cells of equal weight in which the law of numbers followed is kept."""
NO_INTS, NO_FLOATS = (0, 0, 0, 0, 0, 0, 0, 0), (0.0, 0.0, 0.0, 0.0)
_MOST = 1.0 - 2.0**-20
"""Largest probability that somebody follows somebody, unless all do."""


class Implied(NamedTuple):
    """What ties are computed from; arrays of sets without implied ties are empty."""

    first: np.ndarray  # int64[sets, provinces + 1]: the first user of each province
    guide: np.ndarray  # int32[sets, 257]: province of the user at each 256th of a set
    at: (
        np.ndarray
    )  # int64[sets, 2]: which of the lists of `users` a set is, and where it begins in numbers; -1: it is not there
    users: Audiences  # lists of users by province
    numbers: np.ndarray  # int32[n]: user number of each person, where people are not numbered province by province
    half: np.ndarray  # int64[1]: neighbours on either side
    seed: np.ndarray  # int64[1]
    rank_keys: np.ndarray  # uint64[provinces, 3]: ranks by number followed
    law: np.ndarray  # float64[CELLS + 1]: rank below which c / CELLS of all following is done
    limit: np.ndarray  # float64[CELLS + 1]: share of followers from which ranks beyond a cell follow for certain
    n_inside: np.ndarray  # int32[users]: followers within the province
    n_outside: np.ndarray  # int32[users]: followers elsewhere
    row_first: np.ndarray  # int64[channels + 1]: the first layer of each group channel
    joining: np.ndarray  # int64[layers, provinces]: users of each province in a layer
    local: np.ndarray  # int64[layers, provinces]: those among them whose groups are local
    abroad: np.ndarray  # int64[layers, provinces + 1]: the others, cumulated
    group_keys: np.ndarray  # uint64[layers x (provinces + 1), 3]: places in each part of a layer
    base: np.ndarray  # int64[layers x (provinces + 1) + 1]: the first group of each part of a layer
    offset: np.ndarray  # int64[layers x (provinces + 1)]: the place of that group in the block of sizes
    sizes: np.ndarray  # int64[channels, block + 1]: cumulated sizes of a block of groups
    friends: Befriended  # what friends are computed from


@njit
def user_of(ties, s, person):
    """Return the number of a person among the users of a set; -1: no user."""
    if ties.at[s, 0] < 0:
        return np.int64(person)
    if ties.at[s, 1] >= 0:
        return np.int64(ties.numbers[ties.at[s, 1] + person])
    return number_in(ties.users, ties.at[s, 0], person)


@njit
def person_of(ties, s, user):
    """Return the person of a user number; -1 of -1."""
    return np.int64(user) if ties.at[s, 0] < 0 or user < 0 else person_at(ties.users, ties.at[s, 0], user)


@njit
def province_of(ties, s, user):
    """Return the province of a user number."""
    p = np.int64(ties.guide[s, user * 256 // ties.first[s, -1]])
    while ties.first[s, p + 1] <= user:
        p += 1
    return p


# -- neighbours: a ring within each province


@njit
def near_count(ties, person):
    """Return how many neighbours a person has: those on either side, fewer in a small province."""
    p = province_of(ties, NEIGHBOURS, user_of(ties, NEIGHBOURS, person))
    return min(2 * ties.half[0], ties.first[NEIGHBOURS, p + 1] - ties.first[NEIGHBOURS, p] - 1)


@njit
def near_number(ties, person, k):
    """Return the number, among the users, of the k-th neighbour of a person."""
    user = user_of(ties, NEIGHBOURS, person)
    p = province_of(ties, NEIGHBOURS, user)
    begin = ties.first[NEIGHBOURS, p]
    size = ties.first[NEIGHBOURS, p + 1] - begin
    step = k + 1
    if size > 2 * ties.half[0]:
        step = k - ties.half[0] if k < ties.half[0] else k - ties.half[0] + 1
    return begin + (user - begin + step + size) % size


@njit
def near_seat(ties, person, reader):
    """Return which neighbour of a person the reader is; -1: none."""
    user, other = user_of(ties, NEIGHBOURS, person), user_of(ties, NEIGHBOURS, reader)
    p = province_of(ties, NEIGHBOURS, user)
    begin, end = ties.first[NEIGHBOURS, p], ties.first[NEIGHBOURS, p + 1]
    if other < begin or other >= end or other == user:
        return np.int64(-1)
    size, half = end - begin, ties.half[0]
    ahead = (other - user + size) % size
    if size <= 2 * half:
        return ahead - 1
    if ahead <= half:
        return half + ahead - 1
    return half - (size - ahead) if size - ahead <= half else np.int64(-1)


# -- followers: systematic samples of the ranks by number followed


@njit
def poisson_count(mean, u):
    """Return a Poisson count of any mean at u in (0, 1): by inversion, above 60 by Cornish and Fisher's expansion."""
    if mean > 60.0:
        z = normal_quantile(u)
        root = math.sqrt(mean)
        x = mean + root * z + (z * z - 1.0) / 6.0 + (z - z * z * z) / (72.0 * root)
        return np.int64(max(x + 0.5, 0.0))
    p = math.exp(-mean)
    total = p
    count = np.int64(0)
    while u > total and count < 400:
        count += 1
        p = p * mean / count
        total += p
    return count


@njit
def capped(ties, share):
    """Return (cell, rate): ranks beyond the cell follow all but for certain, the others at a rate times their weight."""
    if share <= ties.limit[CELLS]:
        return np.int64(CELLS), share
    low, high = np.int64(0), np.int64(CELLS)
    while high - low > 1:
        middle = (low + high) // 2
        if ties.limit[middle] >= share:
            low = middle
        else:
            high = middle
    if low == 0:
        return np.int64(0), 0.0
    return low, (share - _MOST * (1.0 - ties.law[low])) / (low / CELLS)


@njit
def quantile_at(ties, x, cell, rate):
    """Return the rank in [0, 1] up to which the probability of following adds up to x."""
    below = rate * (cell / CELLS)
    if x >= below:
        return min(ties.law[cell] + (x - below) / _MOST, 1.0)
    y = x / rate * CELLS
    c = min(np.int64(y), cell - 1)
    return min(ties.law[c] + (y - c) * (ties.law[c + 1] - ties.law[c]), ties.law[c + 1])


@njit
def added_up(ties, q, cell, rate):
    """Return the probability of following, added up to the rank q: the inverse of `quantile_at`."""
    if q >= ties.law[cell]:
        return rate * (cell / CELLS) + (q - ties.law[cell]) * _MOST
    low, high = np.int64(0), cell
    while high - low > 1:
        middle = (low + high) // 2
        if ties.law[middle] <= q:
            low = middle
        else:
            high = middle
    return rate * (low + (q - ties.law[low]) / (ties.law[low + 1] - ties.law[low])) / CELLS


@njit
def following(ties, author):
    """Return (n, ints, floats): how many follow an author, and what `follower_number` needs to find them."""
    user = user_of(ties, FOLLOWERS, author)
    if user < 0:
        return np.int64(0), NO_INTS, NO_FLOATS
    p = province_of(ties, FOLLOWERS, user)
    begin = ties.first[FOLLOWERS, p]
    size, rest = ties.first[FOLLOWERS, p + 1] - begin, ties.first[FOLLOWERS, -1]
    rest -= size
    inside, outside = np.int64(ties.n_inside[user]), np.int64(ties.n_outside[user])
    cell_in, rate_in = capped(ties, inside / max(size - 1, 1))
    cell_out, rate_out = capped(ties, outside / max(rest, 1))
    ints = (p, placed(ties.rank_keys, p, size, user - begin), inside, cell_in, cell_out, rest, outside, np.int64(0))
    start = draws.uniform(ties.seed[0], draws.W_TIE, author, 0, 0)
    other = draws.uniform(ties.seed[0], draws.W_TIE, author, 0, 1)
    return inside + outside, ints, (start, other, rate_in, rate_out)


@njit
def follower_place(ties, ints, floats, k):
    """Return (province, rank) of the k-th follower.

    Every (k + u)-th part of all who could follow, by rank; nobody twice and never oneself.
    """
    p, own, inside = ints[0], ints[1], ints[2]
    if k < inside:
        size = ties.first[FOLLOWERS, p + 1] - ties.first[FOLLOWERS, p]
        rank = k
        if inside < _MOST * (size - 1):
            q = quantile_at(ties, (k + floats[0]) / (size - 1), ints[3], floats[2])
            rank = min(np.int64(q * (size - 1)), size - 2)
        return p, rank + 1 if rank >= own else rank
    k -= inside
    rest, outside = ints[5], ints[6]
    skipped = ties.first[FOLLOWERS, p + 1] - ties.first[FOLLOWERS, p]
    if outside >= _MOST * rest:
        user = k if k < ties.first[FOLLOWERS, p] else k + skipped
        r = province_of(ties, FOLLOWERS, user)
        begin = ties.first[FOLLOWERS, r]
        return r, placed(ties.rank_keys, r, ties.first[FOLLOWERS, r + 1] - begin, user - begin)
    share = outside / rest
    y = min((k + floats[1]) / share, rest * (1.0 - 2.0**-52))
    if y >= ties.first[FOLLOWERS, p]:
        y += skipped
    r = province_of(ties, FOLLOWERS, min(np.int64(y), ties.first[FOLLOWERS, -1] - 1))
    begin = ties.first[FOLLOWERS, r]
    size = ties.first[FOLLOWERS, r + 1] - begin
    q = quantile_at(ties, (y - begin) / size * share, ints[4], floats[3])
    return r, min(np.int64(q * size), size - 1)


@njit
def follower_number(ties, ints, floats, k):
    """Return the user number of the k-th follower."""
    r, rank = follower_place(ties, ints, floats, k)
    begin = ties.first[FOLLOWERS, r]
    return begin + standing_at(ties.rank_keys, r, ties.first[FOLLOWERS, r + 1] - begin, rank)


@njit
def follower_seat(ties, ints, floats, reader):
    """Return which follower the reader is; -1: none."""
    user = user_of(ties, FOLLOWERS, reader)
    if user < 0:
        return np.int64(-1)
    p, own, inside, rest, outside = ints[0], ints[1], ints[2], ints[5], ints[6]
    r = province_of(ties, FOLLOWERS, user)
    begin = ties.first[FOLLOWERS, r]
    size = ties.first[FOLLOWERS, r + 1] - begin
    rank = placed(ties.rank_keys, r, size, user - begin)
    if r == p:
        if rank == own or inside == 0:
            return np.int64(-1)
        rank -= 1 if rank > own else 0
        k, low, high = rank, np.int64(0), inside
        if inside < _MOST * (size - 1):
            k = np.int64((size - 1) * added_up(ties, rank / (size - 1), ints[3], floats[2]) - floats[0])
    else:
        if outside == 0:
            return np.int64(-1)
        skipped = ties.first[FOLLOWERS, p + 1] - ties.first[FOLLOWERS, p]
        low, high = inside, inside + outside
        if outside >= _MOST * rest:
            k = inside + user - (skipped if r > p else 0)
        else:
            before = begin - (skipped if r > p else 0)
            y = before + size * added_up(ties, rank / size, ints[4], floats[3]) / (outside / rest)
            k = inside + np.int64(y * (outside / rest) - floats[1])
    for near in range(max(k - 1, low), min(k + 3, high)):
        if follower_number(ties, ints, floats, near) == user:
            return near
    return np.int64(-1)


# -- chat groups: consecutive blocks of shuffled orders


@njit
def place_in_layer(ties, s, row, user):
    """Return (part, place) of a user in a layer: the part is a province, or all of them; (-1, 0): not in the layer."""
    provinces = ties.joining.shape[1]
    p = province_of(ties, s, user)
    begin = ties.first[s, p]
    at = row * (provinces + 1)
    place = placed(ties.group_keys, at + p, ties.first[s, p + 1] - begin, user - begin)
    if place >= ties.joining[row, p]:
        return np.int64(-1), np.int64(0)
    if place < ties.local[row, p]:
        return p, place
    everywhere = ties.abroad[row, -1]
    y = ties.abroad[row, p] + place - ties.local[row, p]
    return provinces, placed(ties.group_keys, at + provinces, everywhere, y)


@njit
def last_below(row, x):
    """Return the largest i with row[i] <= x, in an ascending row."""
    low, high = np.int64(0), np.int64(len(row))
    while high - low > 1:
        middle = (low + high) // 2
        if row[middle] <= x:
            low = middle
        else:
            high = middle
    return low


@njit
def groups_joined(ties, channel, person):
    """Return how many groups a person has on a group channel."""
    user = user_of(ties, GROUPS + channel, person)
    layers = ties.row_first[channel + 1] - ties.row_first[channel]
    if user < 0:
        return np.int64(0)
    return (
        layers if place_in_layer(ties, GROUPS + channel, ties.row_first[channel + 1] - 1, user)[0] >= 0 else layers - 1
    )


@njit
def group_place(ties, channel, person, k):
    """Return (group, seat): the k-th group of a person on a group channel, and which member of it this person is."""
    s = GROUPS + channel
    row = ties.row_first[channel] + k
    part, place = place_in_layer(ties, s, row, user_of(ties, s, person))
    if part < 0:
        return np.int64(-1), np.int64(-1)
    return group_at(ties, channel, row, part, place)


@njit
def group_at(ties, channel, row, part, place):
    """Return (group, seat) of whoever has a place in a part of a layer."""
    at = row * (ties.joining.shape[1] + 1) + part
    sizes = ties.sizes[channel]
    block = len(sizes) - 1
    y = place + sizes[ties.offset[at]]
    number = last_below(sizes, y % sizes[-1])
    return ties.base[at] + y // sizes[-1] * block + number - ties.offset[at], y % sizes[-1] - sizes[number]


@njit
def group_span(ties, group):
    """Return (n, ints): how many members a group has, and what `member_number` needs to find them."""
    at = last_below(ties.base, group)
    parts = ties.joining.shape[1] + 1
    row, part = at // parts, at % parts
    channel = last_below(ties.row_first, row)
    sizes = ties.sizes[channel]
    block = len(sizes) - 1
    y = group - ties.base[at] + ties.offset[at]
    first = y // block * sizes[-1] + sizes[y % block] - sizes[ties.offset[at]]
    there = ties.abroad[row, -1] if part == parts - 1 else ties.local[row, part]
    n = min(sizes[y % block + 1] - sizes[y % block], there - first)
    return n, (row, part, first, channel, np.int64(0), np.int64(0), np.int64(0), np.int64(0))


@njit
def member_number(ties, ints, k):
    """Return the user number of the k-th member of a group."""
    row, p, place = ints[0], ints[1], ints[2] + k
    s = GROUPS + ints[3]
    provinces = ties.joining.shape[1]
    at = row * (provinces + 1)
    if p == provinces:
        y = standing_at(ties.group_keys, at + p, ties.abroad[row, -1], place)
        p = last_below(ties.abroad[row], y)
        place = ties.local[row, p] + y - ties.abroad[row, p]
    begin = ties.first[s, p]
    return begin + standing_at(ties.group_keys, at + p, ties.first[s, p + 1] - begin, place)


@njit
def group_seat(ties, ints, n, person):
    """Return which of the n members of a group a person is; -1: none."""
    s = GROUPS + ints[3]
    user = user_of(ties, s, person)
    if user < 0:
        return np.int64(-1)
    part, place = place_in_layer(ties, s, ints[0], user)
    return place - ints[2] if part == ints[1] and ints[2] <= place < ints[2] + n else np.int64(-1)
