"""From a network's parameters to implied ties (`sim.implied`), and from implied ties to stored ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sim import draws
from sim.audiences import audiences_of
from sim.befriending import befriend, nobody_befriended
from sim.bijection import placed_all, standing
from sim.implied import (
    CELLS,
    FOLLOWERS,
    FRIENDS,
    GROUPS,
    NEIGHBOURS,
    Implied,
    follower_place,
    following,
    group_at,
    group_span,
    member_number,
    near_count,
    near_number,
    person_of,
    poisson_count,
    user_of,
)
from sim.jit import by_reference, njit
from sim.population import People
from sim.quantiles import normal_quantile

if TYPE_CHECKING:
    from sim.network import Followers, Friends, GroupTies

__all__ = ["imply", "nothing_implied", "owners", "rows_of_followers", "rows_of_groups", "rows_of_neighbours",
           "sums_near"]  # fmt: skip

BLOCK = 1024
"""Groups whose sizes are the quantiles of the law, in shuffled order; then the same again."""


def imply(
    people: People,
    followers: tuple[Followers, np.ndarray] | None,
    friends: tuple[Friends, np.ndarray] | None,
    half: int,
    groups: Sequence[tuple[GroupTies, int, np.ndarray]],
    seed: int,
) -> Implied:
    """Return implied ties: of followers and friends, and of whom; `half` neighbours on either side; groups by channel."""
    n, provinces = people.n, int(people.province.max(initial=0)) + 1
    is_ascending = bool((np.diff(people.province) >= 0).all())
    nobody = np.zeros(0, np.int32)
    everybody = np.arange(n, dtype=np.int32) if half > 0 else nobody
    some = [ties[1] if ties else nobody for ties in (followers, friends)]
    users = [*some, everybody, *(u for *_, u in groups)]
    first = np.zeros((len(users), provinces + 1), np.int64)
    guide = np.zeros((len(users), 257), np.int32)
    at = np.full((len(users), 2), -1, np.int64)
    listed, index = [nobody][:0], [nobody]
    order = nobody if is_ascending else people.by_province
    places = nobody if is_ascending else np.argsort(order).astype(np.int32)
    for s, mine in enumerate(users):
        np.cumsum(np.bincount(people.province[mine], minlength=provinces), out=first[s, 1:])
        begins = -(-np.arange(257) * len(mine) // 256)
        guide[s] = np.searchsorted(first[s], begins, side="right").clip(1, provinces) - 1
        if s == 2 and is_ascending:
            continue  # everybody by province is everybody
        at[s, 0] = len(listed)
        listed.append(mine if is_ascending else np.sort(places[mine]))
        if not is_ascending:
            at[s, 1] = sum(map(len, index))
            number = np.full(n if len(mine) else 0, -1, np.int32)
            number[order[listed[-1]]] = np.arange(len(mine))
            index.append(number)
    law, limit = _law(followers[0].sigma if followers else 0.0)
    inside, outside = nobody, nobody
    if followers:
        f, mine = followers[0], listed[0] if is_ascending else order[listed[0]]
        home = people.province[mine]
        fame = _fame(seed, mine, people.propensities(mine), f.fame_sigma, f.fame_of_propensity)
        local = np.bincount(home, fame, provinces)
        inside, outside = _counts(seed, mine, home.astype(np.int64), first[0], fame, local, f.mean, f.local_share)
    layers = _layers(first[GROUPS:], groups, seed)
    implied = Implied(
        first=first, guide=guide, at=at, users=audiences_of(listed, n, order),
        numbers=np.concatenate(index), half=np.array([half], np.int64), seed=np.array([seed], np.int64),
        rank_keys=draws.order_keys(seed, draws.W_DEGREE, provinces, 0, 2),
        law=law, limit=limit, n_inside=inside, n_outside=outside, **layers,
        friends=befriend(friends[0], first[FRIENDS], seed) if friends else nobody_befriended(),
    )  # fmt: skip
    for array in (*implied, *implied.friends):
        if isinstance(array, np.ndarray):  # as in `ties.Net`, so that what is compiled for one serves the other
            array.setflags(write=False)
    return implied


@cache
def nothing_implied() -> Implied:
    """Return the implied ties of a network of which all is stored."""
    whole, small, real = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0)
    table, keys = np.zeros((0, 0), np.int64), np.zeros((0, 3), np.uint64)
    return Implied(
        first=table, guide=np.zeros((0, 0), np.int32), at=table, users=audiences_of([], 0, small),
        numbers=small,
        half=np.zeros(1, np.int64), seed=np.zeros(1, np.int64), rank_keys=keys, law=real, limit=real, n_inside=small,
        n_outside=small, row_first=whole, joining=table, local=table, abroad=table, group_keys=keys, base=whole,
        offset=whole, sizes=table, friends=nobody_befriended(),
    )  # fmt: skip


def _law(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return law and limit: a log-normal law seen by weight is the same law moved by sigma."""
    from scipy.special import ndtr, ndtri

    done = np.arange(CELLS + 1) / CELLS
    law = ndtr(ndtri(done) + sigma)
    law[0], law[-1] = 0.0, 1.0
    limit = np.ones(CELLS + 1)
    limit[1:] = (1.0 - 2.0**-20) * (done[1:] * np.diff(law) * CELLS + 1.0 - law[1:])
    return law, limit


def _fame(seed: int, order: np.ndarray, propensity: np.ndarray, sigma: float, exponent: float) -> np.ndarray:
    from scipy.special import ndtri

    u = draws.uniforms(seed, draws.W_FAME, order.astype(np.int64), 0, 0)
    return np.asarray(np.exp(sigma * ndtri(u)) * propensity**exponent)


@njit
def _counts(seed, order, home, first, fame, local_fame, mean, local_share):
    """Return int32[users] twice: followers within the province and elsewhere, Poisson numbers in proportion to fame."""
    n = len(order)
    inside, outside = np.zeros(n, np.int32), np.zeros(n, np.int32)
    whole = local_fame.sum()
    for k in range(n):
        p = home[k]
        size = first[p + 1] - first[p]
        wanted = 0.0
        if whole > 0.0 and local_fame[p] > 0.0:
            wanted = mean * fame[k] * size * (local_share / local_fame[p] + (1.0 - local_share) / whole)
        near = poisson_count(wanted, draws.uniform(seed, draws.W_DEGREE, order[k], 0, 0))
        far = np.int64(0)
        if n > size and whole > 0.0:
            wanted = mean * fame[k] * (n - size) * (1.0 - local_share) / whole
            far = poisson_count(wanted, draws.uniform(seed, draws.W_DEGREE, order[k], 0, 1))
        # Where the province has not so many people, the others come from elsewhere.
        inside[k] = min(near, size - 1)
        outside[k] = min(far + near - inside[k], n - size)
    return inside, outside


@cache
def _normal() -> np.ndarray:
    """Return standard normal values of a block, by rank."""
    return np.array([normal_quantile((i + 0.5) / BLOCK) for i in range(BLOCK)])


def _layers(first: np.ndarray, groups: Sequence[tuple[GroupTies, int, np.ndarray]], seed: int) -> dict[str, np.ndarray]:
    """Return the fields of `Implied` about groups: each user once in each layer, and a share in one more, of new groups."""
    provinces = first.shape[1] - 1
    row_first = np.cumsum([0] + [g.groups_per_user + 1 for g, *_ in groups])
    rows = int(row_first[-1])
    joining, local = np.zeros((rows, provinces), np.int64), np.zeros((rows, provinces), np.int64)
    abroad, keys = np.zeros((rows, provinces + 1), np.int64), np.zeros((rows * (provinces + 1), 3), np.uint64)
    counts, offset = np.zeros(rows * (provinces + 1), np.int64), np.zeros(rows * (provinces + 1), np.int64)
    sizes = np.zeros((len(groups), BLOCK + 1), np.int64)
    ids = np.arange(provinces + 1, dtype=np.int64)
    for k, (g, channel, _) in enumerate(groups):
        z = _normal()[standing(draws.order_keys(seed, draws.W_GROUP_SIZE, 1, channel, 0), 0, BLOCK)]
        law = g.mean_size * np.exp(g.sigma * z - g.sigma**2 / 2)
        np.cumsum(np.clip((law + 0.5).astype(np.int64), 2, g.largest), out=sizes[k, 1:])
        for layer in range(g.groups_per_user + 1):
            row = int(row_first[k]) + layer
            # A draw of each province and layer rounds numbers of people, so that their means are kept.
            u = draws.uniforms(seed, draws.W_GROUP_SIZE, ids[:-1], channel, 2 * layer + 1)
            v = draws.uniforms(seed, draws.W_GROUP_SIZE, ids[:-1], channel, 2 * layer + 2)
            w = draws.uniforms(seed, draws.W_GROUP_ORDER, ids, channel, 2 * layer + 1)
            n = np.diff(first[k])
            joining[row] = n if layer < g.groups_per_user else (g.created_per_user * n + u).astype(np.int64)
            local[row] = (g.local_share * joining[row] + v).astype(np.int64).clip(max=joining[row])
            np.cumsum(joining[row] - local[row], out=abroad[row, 1:])
            parts = slice(row * (provinces + 1), (row + 1) * (provinces + 1))
            keys[parts] = draws.order_keys(seed, draws.W_GROUP_ORDER, provinces + 1, channel, 2 * layer)
            offset[parts] = (w * BLOCK).astype(np.int64)
            members = np.append(local[row], abroad[row, -1])
            last = members - 1 + sizes[k, offset[parts]]
            number = last // sizes[k, -1] * BLOCK + np.searchsorted(sizes[k], last % sizes[k, -1], side="right") - 1
            counts[parts] = np.where(members > 0, number - offset[parts] + 1, 0)
    base = np.concatenate([[0], np.cumsum(counts)])
    return {"row_first": row_first, "joining": joining, "local": local, "abroad": abroad, "group_keys": keys,
            "base": base, "offset": offset, "sizes": sizes}  # fmt: skip


@njit
def rows_of_followers(implied, n):
    """Return starts and indices of the followers of n people."""
    implied = by_reference(implied)
    first = implied.first[FOLLOWERS]
    starts, ranked = np.zeros(n + 1, np.int64), np.zeros(first[-1], np.int32)
    for i in range(n):
        count, ints, _ = following(implied, i)
        starts[i + 1] = starts[i] + count
        if user_of(implied, FOLLOWERS, i) >= 0:
            ranked[first[ints[0]] + ints[1]] = i
    indices = np.empty(starts[n], np.int32)
    for i in range(n):
        count, ints, floats = following(implied, i)
        for k in range(count):
            province, rank = follower_place(implied, ints, floats, k)
            indices[starts[i] + k] = ranked[first[province] + rank]
    return starts, indices


@njit
def rows_of_neighbours(implied, n):
    """Return starts and indices of the neighbours of n people."""
    implied = by_reference(implied)
    starts = np.zeros(n + 1, np.int64)
    for i in range(n):
        starts[i + 1] = starts[i] + near_count(implied, i)
    indices = np.empty(starts[n], np.int32)
    for i in range(n):
        for k in range(starts[i + 1] - starts[i]):
            indices[starts[i] + k] = person_of(implied, NEIGHBOURS, near_number(implied, i, k))
    return starts, indices


@njit
def sums_near(ties, values):
    """Return float64[n]: the sum of values (float64[n]) over the neighbours of each person, in their order."""
    sums = np.zeros(len(values), np.float64)
    for person in range(len(values)):
        for k in range(near_count(ties, person)):
            reader = person_of(ties, NEIGHBOURS, near_number(ties, person, k))
            if reader >= 0:
                sums[reader] += values[person]
    return sums


@njit
def owners(implied, channel):
    """Return int32[groups of a channel]: who creates a group in the night, its first member; -1: it is there already."""
    implied = by_reference(implied)
    parts = implied.joining.shape[1] + 1
    begin = implied.base[implied.row_first[channel] * parts]
    new = implied.base[(implied.row_first[channel + 1] - 1) * parts]
    end = implied.base[implied.row_first[channel + 1] * parts]
    out = np.full(end - begin, -1, np.int32)
    for group in range(new, end):
        out[group - begin] = person_of(
            implied, GROUPS + channel, member_number(implied, group_span(implied, group)[1], 0)
        )
    return out


@njit
def rows_of_groups(implied, channel, n):
    """Return starts, members, joined_starts and joined of the groups of a channel."""
    implied = by_reference(implied)
    row_first, layers = implied.row_first[channel], implied.row_first[channel + 1] - implied.row_first[channel]
    parts = implied.joining.shape[1] + 1
    begin, end = implied.base[row_first * parts], implied.base[(row_first + layers) * parts]
    starts, joined_starts = np.zeros(end - begin + 1, np.int64), np.zeros(n + 1, np.int64)
    for group in range(begin, end):
        starts[group - begin + 1] = starts[group - begin] + group_span(implied, group)[0]
    n_users = implied.first[GROUPS + channel, -1]
    people, part, place = np.empty(n_users, np.int32), np.empty(n_users, np.int32), np.empty(n_users, np.int32)
    for i in range(n):
        user = user_of(implied, GROUPS + channel, i)
        if user >= 0:
            people[user] = i
    members, joined = np.empty(starts[-1], np.int32), np.empty(0, np.int32)
    for layer in range(layers - 1, -1, -1):
        _place_all(implied, GROUPS + channel, row_first + layer, part, place)
        if layer == layers - 1:  # to which not everybody belongs
            for user in range(n_users):
                joined_starts[people[user] + 1] = layers if part[user] >= 0 else layers - 1
            for i in range(n):
                joined_starts[i + 1] += joined_starts[i]
            joined = np.empty(joined_starts[-1], np.int32)
        for user in range(n_users):
            if part[user] >= 0:
                group, seat = group_at(implied, channel, row_first + layer, part[user], place[user])
                joined[joined_starts[people[user]] + layer] = group - begin
                members[starts[group - begin] + seat] = people[user]
    return starts, members, joined_starts, joined


@njit
def _place_all(implied, s, row, part, place):
    """Write part and place of all users in a layer, as `place_in_layer` returns them one by one."""
    provinces = implied.joining.shape[1]
    keys, first, everywhere = implied.group_keys, implied.first[s], implied.abroad[row, -1]
    at = row * (provinces + 1)
    at_home, abroad = np.empty(np.max(np.diff(first)), np.uint64), np.empty(everywhere, np.uint64)
    placed_all(keys, at + provinces, everywhere, abroad)
    for p in range(provinces):
        size = first[p + 1] - first[p]
        placed_all(keys, at + p, size, at_home)
        moved = implied.abroad[row, p] - implied.local[row, p]
        for j in range(size):
            own, user = np.int64(at_home[j]), first[p] + j
            if own >= implied.joining[row, p]:
                part[user], place[user] = -1, 0
            elif own < implied.local[row, p]:
                part[user], place[user] = p, own
            else:
                part[user], place[user] = provinces, abroad[moved + own]
