"""The one door to the ties of a run, compiled: who hears whom, who is in which chat group, who can be reached on a channel.

`Readers` is a list of people that a message goes to, named rather than written out: the k-th of them is asked with
`reader_at`. Both engines ask here and, for ties of everybody at once, in `rows.py`, so that how ties are kept is nobody else's
concern.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.audiences import Audiences, people_at, people_numbered, person_at
from sim.befriended import friend_number, friend_seat, friends_of
from sim.befriending import most_friends
from sim.implied import (
    FOLLOWERS,
    FRIENDS,
    GROUPS,
    NEIGHBOURS,
    NO_FLOATS,
    NO_INTS,
    Implied,
    follower_number,
    follower_seat,
    following,
    group_place,
    group_seat,
    group_span,
    groups_joined,
    last_below,
    member_number,
    near_count,
    near_number,
    near_seat,
    person_of,
)
from sim.implying import nothing_implied
from sim.jit import by_reference, inlined, njit
from sim.network import Groups, Ties

__all__ = ["Net", "Readers", "audience_of", "audience_sizes", "channel_of_group", "existing_group", "group_of", "lists",
           "look_up", "make_net", "members_of", "most_readers", "n_groups_of", "n_ties", "nobody", "only", "reader_at",
           "seat_of", "tied_to"]  # fmt: skip

NOBODY, TIED, MEMBERS, AUDIENCE, FOLLOWED, BEFRIENDED, NEAR, COMPUTED_MEMBERS = range(8)


class Net(NamedTuple):
    """Ties, chat groups and audiences of a run (read-only)."""

    rows_at: np.ndarray  # int64[tie sets]: where the rows of a set begin in ties_starts, -1: computed
    ties_starts: np.ndarray  # int64
    ties: np.ndarray  # int32
    ascending: np.ndarray  # uint8[tie sets]: rows are ascending
    complete: np.ndarray  # uint8[tie sets]: everybody is tied to everybody, and nothing is stored
    first_group: np.ndarray  # int64[group channels + 1]
    group_channels: np.ndarray  # int32[group channels]
    computed: np.ndarray  # int64[group channels]: number of the channel in `implied`, -1: stored
    members_at: np.ndarray  # int64[group channels]: where the rows of a channel begin in group_starts
    group_starts: np.ndarray  # int64
    members: np.ndarray  # int32
    joined_at: np.ndarray  # int64[group channels]: where the rows of a channel begin in joined_starts
    joined_starts: np.ndarray  # int64
    joined: np.ndarray  # int32
    listed: np.ndarray  # int64[c]: which of the audiences can be reached on each channel
    audiences: Audiences
    most: np.ndarray  # int64[1]: the largest number of people that are tied to one person or are in one group
    implied: Implied


class Readers(NamedTuple):
    """People by number from 0 to n - 1: those tied to somebody, the members of a group, or an audience."""

    kind: int
    of: int
    """Set of ties, group or audience."""
    first: int
    """Where they begin."""
    n: int
    person: int
    """Whose ties they are."""
    ints: tuple[int, ...]
    """What computed readers are found with, like `floats`."""
    floats: tuple[float, ...]


def _rows(starts: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return compressed rows behind each other: where those of each begin, starts and values."""
    at = np.cumsum([0] + [len(s) for s in starts])[:-1]
    offsets = np.cumsum([0] + [len(v) for v in values])[:-1]
    moved = [s + o for s, o in zip(starts, offsets, strict=True)]
    return at, np.concatenate([*moved, np.zeros(0, np.int64)]), np.concatenate([*values, np.zeros(0, np.int32)])


def make_net(
    ties: Sequence[Ties], groups: Sequence[Groups], channels: Sequence[int],
    listed: np.ndarray, audiences: Audiences, implied: Implied | None,
) -> Net:  # fmt: skip
    """Return the ties of a run: sets of ties, groups of each group channel (its index), audiences, what is computed.

    `listed`, int64[c], says which of the audiences is that of each channel.
    """
    rows_at, ties_starts, tied = _rows([t.starts for t in ties], [t.indices for t in ties])
    members_at, group_starts, members = _rows([g.starts for g in groups], [g.members for g in groups])
    joined_at, joined_starts, joined = _rows([g.joined_starts for g in groups], [g.joined for g in groups])
    rows = [t.starts for t in ties if not t.is_implied] + [g.starts for g in groups if g.implied < 0]
    most = [int(np.diff(starts).max(initial=0)) for starts in rows]
    if implied is not None:
        most += [int((implied.n_inside + implied.n_outside).max(initial=0)), 2 * int(implied.half[0])]
        most += [int(np.diff(sizes).max(initial=0)) for sizes in implied.sizes] + [most_friends(implied.friends)]
    net = Net(
        rows_at=np.where([t.is_implied for t in ties], -1, rows_at),
        ties_starts=ties_starts,
        ties=tied,
        ascending=np.array([t.is_ascending for t in ties], np.uint8),
        complete=np.array([t.is_complete for t in ties], np.uint8),
        first_group=np.cumsum([0] + [len(g.owner) for g in groups]),
        group_channels=np.array(channels, np.int32),
        computed=np.array([g.implied for g in groups], np.int64),
        members_at=members_at,
        group_starts=group_starts,
        members=members,
        joined_at=joined_at,
        joined_starts=joined_starts,
        joined=joined,
        listed=listed,
        audiences=audiences,
        most=np.array([max(most, default=0)], np.int64),
        implied=implied or nothing_implied(),
    )
    for array in (*net, *net.implied, *net.implied.friends):
        if isinstance(array, np.ndarray):  # the audiences are read-only already
            array.setflags(write=False)
    return net


def audience_sizes(net: Net) -> np.ndarray:
    """Return int64[c]: how many people can be reached on each channel."""
    return np.asarray(net.audiences.sizes[net.listed])


def most_readers(net: Net) -> int:
    """Return the largest number of people that are tied to one person or are in one group."""
    return int(net.most[0])


@njit
def nobody():
    """Return no readers."""
    return Readers(NOBODY, np.int64(-1), np.int64(0), np.int64(0), np.int64(-1), NO_INTS, NO_FLOATS)


@njit
def audience_of(net, c):
    """Return the readers who can be reached on a channel."""
    net = by_reference(net)
    listed = net.listed[c]
    n = net.audiences.sizes[listed]
    return Readers(AUDIENCE, listed, np.int64(0), n, np.int64(-1), NO_INTS, NO_FLOATS)


@inlined
def tied_to(net, ties, author, c):
    """Return those who are tied to an author; without a set of ties (-1) nobody.

    Where everybody is tied to everybody, these are all who can be reached on the channel, the author included.
    """
    net = by_reference(net)
    if ties < 0:
        return nobody()
    if net.complete[ties] == 1:
        return audience_of(net, c)
    at, who = net.rows_at[ties], np.int64(author)
    if at >= 0:
        lo = net.ties_starts[at + who]
        return Readers(TIED, np.int64(ties), lo, net.ties_starts[at + who + 1] - lo, who, NO_INTS, NO_FLOATS)
    if ties == FOLLOWERS:
        n, ints, floats = following(net.implied, who)
        return Readers(FOLLOWED, np.int64(ties), np.int64(0), n, who, ints, floats)
    if ties == FRIENDS:
        n, ints = friends_of(net.implied, who)
        return Readers(BEFRIENDED, np.int64(ties), np.int64(0), n, who, ints, NO_FLOATS)
    return Readers(NEAR, np.int64(ties), np.int64(0), near_count(net.implied, who), who, NO_INTS, NO_FLOATS)


@njit
def set_of_group(net, group):
    """Return (set of groups, number within it) of a chat group."""
    groups = last_below(net.first_group, group)
    return groups, np.int64(group) - net.first_group[groups]


@njit
def implied_group(net, groups, number):
    """Return the number of a group of a computed set among all computed groups."""
    parts = net.implied.joining.shape[1] + 1
    return net.implied.base[net.implied.row_first[net.computed[groups]] * parts] + number


@njit
def members_of(net, group):
    """Return the members of a chat group."""
    net = by_reference(net)
    groups, number = set_of_group(net, group)
    if net.computed[groups] >= 0:
        n, ints = group_span(net.implied, implied_group(net, groups, number))
        return Readers(COMPUTED_MEMBERS, np.int64(group), np.int64(0), n, np.int64(-1), ints, NO_FLOATS)
    at = net.members_at[groups] + number
    lo = net.group_starts[at]
    return Readers(MEMBERS, np.int64(group), lo, net.group_starts[at + 1] - lo, np.int64(-1), NO_INTS, NO_FLOATS)


@njit
def only(readers, k):
    """Return the k-th of the readers alone."""
    return Readers(
        readers.kind, readers.of, readers.first + k, np.int64(1), readers.person, readers.ints, readers.floats
    )


@inlined
def reader_at(net, readers, k):
    """Return the k-th of the readers; -1: a number that is nobody's."""
    k = readers.first + k
    kind = readers.kind
    if kind == TIED:
        return np.int64(net.ties[k])
    if kind == MEMBERS:
        return np.int64(net.members[k])
    if kind == AUDIENCE:
        return person_at(net.audiences, readers.of, k)
    return person_of(net.implied, _users_of(readers), _number_at(net, readers, k))


@njit
def _users_of(readers):
    """Return the set of users in which computed readers are numbered."""
    kind = readers.kind
    if kind == FOLLOWED:
        return np.int64(FOLLOWERS)
    if kind == BEFRIENDED:
        return np.int64(FRIENDS)
    return np.int64(NEIGHBOURS) if kind == NEAR else GROUPS + np.int64(readers.ints[3])


@njit
def _number_at(net, readers, k):
    """Return the number of the k-th of computed readers among the users; -1: nobody's."""
    kind = readers.kind
    if kind == FOLLOWED:
        return follower_number(net.implied, readers.ints, readers.floats, k)
    if kind == BEFRIENDED:
        return friend_number(net.implied, readers.ints, k)
    if kind == NEAR:
        return near_number(net.implied, readers.person, k)
    return member_number(net.implied, readers.ints, k)


@inlined
def look_up(net, readers, places, n, out):
    """Write who the first n of some places among the readers are, in order, to out; -1: a number that is nobody's."""
    kind, first = readers.kind, readers.first
    if kind == AUDIENCE:
        people_at(net.audiences, readers.of, first, places, n, out)
        return
    if kind < AUDIENCE:
        people = net.ties if kind == TIED else net.members
        for j in range(n):
            out[j] = people[first + places[j]]
        return
    for j in range(n):
        out[j] = _number_at(net, readers, first + places[j])
    listed = net.implied.at[_users_of(readers), 0]
    if listed >= 0:
        people_numbered(net.implied.users, listed, n, out)


@njit
def lists(net, readers):
    """Return int64[n]: all the readers in order."""
    net = by_reference(net)
    out = np.empty(readers.n, np.int64)
    for k in range(readers.n):
        out[k] = reader_at(net, readers, k)
    return out


@njit
def seat_of(net, readers, person):
    """Return which of the readers (not an audience) a person is; -1: none."""
    kind = readers.kind
    if kind == FOLLOWED:
        return follower_seat(net.implied, readers.ints, readers.floats, person)
    if kind == BEFRIENDED:
        return friend_seat(net.implied, readers.ints, person)
    if kind == NEAR:
        return near_seat(net.implied, readers.person, person)
    if kind == COMPUTED_MEMBERS:
        return group_seat(net.implied, readers.ints, readers.n, person)
    if kind == TIED and net.ascending[readers.of] == 1:
        row = net.ties[readers.first : readers.first + readers.n]
        place = np.searchsorted(row, person)
        return np.int64(place) if place < readers.n and row[place] == person else np.int64(-1)
    people = net.ties if kind == TIED else net.members
    for k in range(readers.n):
        if people[readers.first + k] == person:
            return np.int64(k)
    return np.int64(-1)


@njit
def n_ties(net, ties, n):
    """Return how many ties the first n people have in a set, or more."""
    net = by_reference(net)
    at = net.rows_at[ties]
    if at < 0:
        return 2 * net.implied.half[0] * n
    return net.ties_starts[at + n] - net.ties_starts[at]


@njit
def n_groups_of(net, groups, person):
    """Return how many chat groups a person has in a set of groups."""
    net = by_reference(net)
    if net.computed[groups] >= 0:
        return groups_joined(net.implied, net.computed[groups], person)
    return joined_by(net, groups, person)[1]


@njit
def group_of(net, groups, person, k):
    """Return the k-th chat group of a person in a set of groups."""
    net = by_reference(net)
    if net.computed[groups] >= 0:
        group = group_place(net.implied, net.computed[groups], person, k)[0]
        return net.first_group[groups] + group - implied_group(net, groups, 0)
    return net.first_group[groups] + net.joined[joined_by(net, groups, person)[0] + k]


@njit
def joined_by(net, groups, person):
    """Return (first, n): where a person's chat groups in a stored set of groups stand in `joined`, and how many they are."""
    at = net.joined_at[groups] + person
    first = net.joined_starts[at]
    return first, net.joined_starts[at + 1] - first


@inlined
def existing_group(net, exists_from, t, groups, person, u):
    """Return a chat group of a person in a set of groups, by u: the next one that exists at tick t; -1: none does."""
    if net.computed[groups] >= 0:
        n = n_groups_of(net, groups, person)
        k = np.int64(u * n)
        for i in range(n):
            group = group_of(net, groups, person, (k + i) % n)
            if exists_from[group] <= t:
                return group
        return np.int64(-1)
    first, n = joined_by(net, groups, person)
    k, begin = np.int64(u * n), net.first_group[groups]
    for i in range(n):
        group = begin + net.joined[first + (k + i if k + i < n else k + i - n)]
        if exists_from[group] <= t:
            return group
    return np.int64(-1)


@njit
def channel_of_group(net, group):
    """Return the channel of a chat group."""
    net = by_reference(net)
    return np.int64(net.group_channels[set_of_group(net, group)[0]])
