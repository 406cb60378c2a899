"""The one door to the ties of a run, compiled: who hears whom, who is in which chat group, who can be reached on a channel.

`Readers` is a list of people that a message goes to, named rather than written out: the k-th of them is asked with
`reader_at`. Both engines ask here and nowhere else, so that how ties are kept is nobody else's concern.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.jit import njit
from sim.network import Groups, Ties

__all__ = ["Net", "Readers", "audience_of", "channel_of_group", "group_of", "lists", "make_net", "members_of", "most_readers",
           "n_groups_of", "n_places", "nobody", "only", "place_of", "reader_at", "seat_of", "tied_to"]  # fmt: skip

NOBODY, TIED, MEMBERS, AUDIENCE = range(4)


class Net(NamedTuple):
    """Ties, chat groups and audiences of a run (read-only)."""

    ties_starts: np.ndarray  # int64[tie sets, n + 1]
    ties: np.ndarray  # int32
    complete: np.ndarray  # uint8[tie sets]: everybody is tied to everybody, and nothing is stored
    group_starts: np.ndarray  # int64[groups + 1]
    members: np.ndarray  # int32
    group_channel: np.ndarray  # int32[groups]
    joined_starts: np.ndarray  # int64[group channels, n + 1]
    joined: np.ndarray  # int32
    audience_starts: np.ndarray  # int64[c]
    audience_ends: np.ndarray  # int64[c]
    audience: (
        np.ndarray
    )  # int32: who can be reached on each channel, by province; channels of one receiver share a list


class Readers(NamedTuple):
    """People by number from 0 to n - 1: those tied to somebody, the members of a group, or an audience."""

    kind: int
    of: int
    """Set of ties, group or channel."""
    first: int
    """Where they begin."""
    n: int


def make_net(
    ties: Sequence[Ties],
    groups: Sequence[Groups],
    channels: Sequence[int],
    audiences: tuple[np.ndarray, np.ndarray, np.ndarray],
    n: int,
) -> Net:
    """Return the ties of a run of n people: the sets of ties, the groups of each group channel (its index), the audiences.

    The audiences are the starts and ends of each channel's list, int64[c], and the lists, int32.
    """
    offsets = np.cumsum([0] + [len(t.indices) for t in ties])
    group_starts, members = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
    joined_starts, joined = np.zeros((max(1, len(groups)), n + 1), np.int64), [np.zeros(0, np.int32)]
    n_groups = n_members = n_joined = 0
    for k, g in enumerate(groups):
        group_starts.append(g.starts[1:] + n_members)
        members.append(g.members)
        joined_starts[k] = g.joined_starts + n_joined
        joined.append((g.joined + n_groups).astype(np.int32))
        n_groups, n_members, n_joined = n_groups + len(g.owner), n_members + len(g.members), n_joined + len(g.joined)
    starts, ends, lists_ = audiences
    net = Net(
        ties_starts=np.stack([t.starts + o for t, o in zip(ties, offsets[:-1], strict=True)]),
        ties=np.concatenate([t.indices for t in ties]),
        complete=np.array([t.is_complete for t in ties], np.uint8),
        group_starts=np.concatenate(group_starts),
        members=np.concatenate(members),
        group_channel=np.repeat(np.array(channels, np.int32), [len(g.owner) for g in groups]),
        joined_starts=joined_starts,
        joined=np.concatenate(joined),
        audience_starts=starts,
        audience_ends=ends,
        audience=lists_,
    )
    for array in net:
        array.setflags(write=False)
    return net


def most_readers(net: Net) -> int:
    """Return the largest number of people that are tied to one person or are in one group."""
    return max(int(np.diff(row).max(initial=0)) for row in (*net.ties_starts, net.group_starts))


@njit
def nobody():
    """Return no readers."""
    return Readers(NOBODY, np.int64(-1), np.int64(0), np.int64(0))


@njit
def audience_of(net, c):
    """Return the readers who can be reached on a channel."""
    return Readers(AUDIENCE, np.int64(c), net.audience_starts[c], net.audience_ends[c] - net.audience_starts[c])


@njit
def tied_to(net, ties, author, c):
    """Return those who are tied to an author; without a set of ties (-1) nobody.

    Where everybody is tied to everybody, these are all who can be reached on the channel, the author included.
    """
    if ties < 0:
        return nobody()
    if net.complete[ties] == 1:
        return audience_of(net, c)
    lo = net.ties_starts[ties, author]
    return Readers(TIED, np.int64(ties), lo, net.ties_starts[ties, author + 1] - lo)


@njit
def members_of(net, group):
    """Return the members of a chat group."""
    lo = net.group_starts[group]
    return Readers(MEMBERS, np.int64(group), lo, net.group_starts[group + 1] - lo)


@njit
def only(readers, k):
    """Return the k-th of the readers alone."""
    return Readers(readers.kind, readers.of, readers.first + k, np.int64(1))


@njit
def reader_at(net, readers, k):
    """Return the k-th of the readers."""
    if readers.kind == TIED:
        return np.int64(net.ties[readers.first + k])
    if readers.kind == MEMBERS:
        return np.int64(net.members[readers.first + k])
    return np.int64(net.audience[readers.first + k])


@njit
def lists(net, readers):
    """Return int64[n]: all the readers in order."""
    out = np.empty(readers.n, np.int64)
    for k in range(readers.n):
        out[k] = reader_at(net, readers, k)
    return out


@njit
def seat_of(net, readers, person):
    """Return which of the readers (not an audience) a person is; -1: none."""
    lo, hi = np.int64(0), readers.n
    while lo < hi:
        middle = (lo + hi) // 2
        if reader_at(net, readers, middle) < person:
            lo = middle + 1
        else:
            hi = middle
    return lo if lo < readers.n and reader_at(net, readers, lo) == person else np.int64(-1)


@njit
def n_places(net, ties):
    """Return how many ties a set has; see `place_of`."""
    return net.ties_starts[ties, -1] - net.ties_starts[ties, 0]


@njit
def place_of(net, readers, k):
    """Return the place of the k-th of those tied to an author among all ties of the set, in [0, `n_places`)."""
    return readers.first + k - net.ties_starts[readers.of, 0]


@njit
def n_groups_of(net, groups, person):
    """Return how many chat groups a person has in a set of groups."""
    return net.joined_starts[groups, person + 1] - net.joined_starts[groups, person]


@njit
def group_of(net, groups, person, k):
    """Return the k-th chat group of a person in a set of groups."""
    return np.int64(net.joined[net.joined_starts[groups, person] + k])


@njit
def channel_of_group(net, group):
    """Return the channel of a chat group."""
    return np.int64(net.group_channel[group])
