"""The ties: followers, friends, chat groups, neighbours; generated, of a random graph, or read from the user's files.

Ties are unique and never to oneself. Stored ones are compressed rows: the people who hear person i are
``indices[starts[i]:starts[i + 1]]``. What is generated is defined by hashes (`sim.implied`) and stored only where that pays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from pydantic import Field, model_validator

from sim import draws
from sim.befriending import rows_of_friends
from sim.graphs import Complete, Graph, distinct, graph_edges
from sim.implied import Implied
from sim.implying import imply, owners, rows_of_followers, rows_of_groups, rows_of_neighbours
from sim.jit import njit
from sim.laws import File, Frozen
from sim.population import People
from sim.tables import integers, read_table

__all__ = ["Followers", "Friends", "GroupTies", "Groups", "Neighbours", "Network", "Ties", "make_network"]


class _TieSet(Frozen):
    """What followers, friends and neighbours have in common."""

    graph: Graph | None = None
    """A random graph that replaces the generated ties; its ties are mutual."""
    cut: float = Field(0.0, ge=0, le=1)
    """Share of the ties that are cut, each by its own draw: a larger cut removes the same ties and more. A tie that goes
    both ways is cut as one, except among followers who are generated or read from a file."""

    @model_validator(mode="after")
    def _check(self) -> _TieSet:
        if self.graph is not None and dict(self)["file"] is not None:
            raise ValueError("graph and file are both given, expected one of them; set the other to null")
        if isinstance(self.graph, Complete) and self.cut > 0:
            raise ValueError(
                f"cut is {self.cut:g}, expected 0, because the ties of a complete graph are not stored; "
                "take the graph erdos_renyi with a mean_degree instead"
            )
        return self


class Followers(_TieSet):
    """Directed follower graph: log-normal number of accounts followed; attractive accounts are followed more."""

    mean: float = Field(0.0, ge=0, le=10_000)
    sigma: float = Field(0.0, ge=0, le=3)
    fame_sigma: float = Field(0.0, ge=0, le=4)
    """Log-sd of attractiveness."""
    fame_of_propensity: float = Field(0.0, ge=0, le=2)
    """Exponent of the propensity to post in attractiveness."""
    local_share: float = Field(0.0, ge=0, le=1)
    """Share of ties within the province."""
    file: File | None = None
    """Edge list with columns follower, followed."""


class Friends(_TieSet):
    """Mutual ties."""

    mean: float = Field(0.0, ge=0, le=10_000)
    sigma: float = Field(0.0, ge=0, le=3)
    local_share: float = Field(0.0, ge=0, le=1)
    file: File | None = None
    """Edge list with columns person, friend; each pair once or twice."""


class GroupTies(Frozen):
    """Chat groups of one channel."""

    groups_per_user: int = Field(0, ge=0, le=100)
    mean_size: float = Field(2.0, ge=2, le=1_000_000)
    sigma: float = Field(0.0, ge=0, le=2)
    largest: int = Field(256, ge=2)
    local_share: float = Field(0.0, ge=0, le=1)
    created_per_user: float = Field(0.0, ge=0, le=1)
    """Share of users in a group that does not exist until its owner creates it during the night."""
    file: File | None = None
    """Memberships with columns group, person."""


class Neighbours(_TieSet):
    """People who live near: a ring within each province."""

    mean: int = Field(0, ge=0, le=1000, multiple_of=2)
    """As many on either side of the ring."""
    file: File | None = None
    """Edge list with columns person, neighbour; each pair once or twice."""
    mutual: bool = True
    """Whether both ends of a row of the file see each other; else the person sees the neighbour leave, not the other way."""

    @model_validator(mode="after")
    def _check_file(self) -> Neighbours:
        if not self.mutual and self.file is None:
            raise ValueError("mutual is false, which needs a file of ties; name one")
        return self


class Network(Frozen):
    """All ties; what is not given has none."""

    followers: Followers = Followers()
    friends: Friends = Friends()
    groups: dict[str, GroupTies] = Field(default_factory=dict)
    """By name of the group channel."""
    neighbours: Neighbours = Neighbours()
    stored: bool | None = None
    """Whether generated ties are stored or computed when they are asked for, which changes speed and memory and nothing else;
    false takes next to no memory for them, null stores them up to `STORED_UP_TO` people. Files, random graphs and ties of which
    some are cut are always stored."""

    def stores(self, n: int) -> bool:
        """Return whether the generated ties of n people are stored."""
        return n <= STORED_UP_TO if self.stored is None else self.stored


STORED_UP_TO = 2_000_000
"""People up to whom ties are stored unless told otherwise; a choice for memory, speeds at each size are not compared yet."""

T = TypeVar("T", Followers, Friends, Neighbours)
Pairs: TypeAlias = tuple[np.ndarray, np.ndarray]
_NO_STARTS, _NO_TIES = np.zeros(1, np.int64), np.zeros(0, np.int32)


@dataclass(frozen=True)
class Ties:
    """Who hears whom, as compressed rows."""

    starts: np.ndarray  # int64[n + 1]
    indices: np.ndarray  # int32; -1: a number that is nobody's
    is_complete: bool = False
    """Whether everybody is tied to everybody, with nothing stored."""
    is_ascending: bool = True
    """Whether each row is ascending; generated rows stand in the order in which implied ties are numbered."""
    is_implied: bool = False
    """Whether nothing is stored, because the ties are computed (`World.implied`)."""

    def pairs(self) -> Pairs:
        """Return the two ends of all stored ties: who is heard or seen, and who hears or sees."""
        whose = np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))
        is_somebody = self.indices >= 0
        return whose[is_somebody], self.indices[is_somebody]


@dataclass(frozen=True)
class Groups:
    """Chat groups of one channel and the memberships of each person."""

    starts: np.ndarray  # int64[n_groups + 1]
    members: np.ndarray  # int32
    owner: np.ndarray  # int32[n_groups]: who creates it in the night, or -1: exists from the beginning
    joined_starts: np.ndarray  # int64[n + 1]
    joined: np.ndarray  # int32: groups of each person, ascending
    implied: int = -1
    """Number among the implied group channels (`World.implied`), where all but `owner` is empty; -1: stored."""


def make_network(
    network: Network,
    people: People,
    users: dict[str, np.ndarray],
    channels: Sequence[tuple[str, int, np.ndarray]],
    seed: int,
) -> tuple[dict[str, Ties], dict[str, Groups], Implied | None]:
    """Return ties by set, chat groups by channel, and what implied ones are computed from (None: all are stored).

    `users` maps followers and friends to people (int32, ascending); `channels` are group channels: name, index and users.

    Raises
    ------
    InputError
        A file of ties or memberships cannot be used.
    """
    f, g, h, n = network.followers, network.friends, network.neighbours, people.n
    is_followed = f.graph is None and f.file is None and f.mean > 0 and len(users["followers"]) > 1
    is_befriended = g.graph is None and g.file is None and g.mean > 0 and len(users["friends"]) > 1
    is_ring = h.graph is None and h.file is None and h.mean > 0
    chats = [(network.groups[name], index, mine) for name, index, mine in channels if network.groups[name].file is None]
    implied = imply(
        people,
        (f, users["followers"]) if is_followed else None,
        (g, users["friends"]) if is_befriended else None,
        h.mean // 2 if is_ring else 0,
        chats,
        seed,
    )
    is_stored = network.stores(n)
    everybody = np.arange(n, dtype=np.int32)

    def made(ties: T, number: int, mine: np.ndarray, is_generated: bool, rows: Any) -> Ties:
        if not is_generated or ties.cut > 0:
            return _tied(ties, number, mine, people, seed, lambda: _pairs(ties, is_generated, rows, implied, n))
        if not is_stored:
            return Ties(_NO_STARTS, _NO_TIES, is_implied=True)
        starts, indices = rows(implied, n)
        return Ties(starts, indices, is_ascending=False)

    ties = {
        "followers": made(f, 0, users["followers"], is_followed, rows_of_followers),
        "friends": made(g, 1, users["friends"], is_befriended, rows_of_friends),
        "neighbours": made(h, 2, everybody, is_ring, rows_of_neighbours),
    }
    groups: dict[str, Groups] = {}
    k = 0
    for name, _, _ in channels:
        if network.groups[name].file is not None:
            groups[name] = _groups_of_file(network.groups[name], n)
            continue
        owner = owners(implied, k)
        if is_stored:
            starts, members, joined_starts, joined = rows_of_groups(implied, k, n)
            groups[name] = Groups(starts, members, owner, joined_starts, joined)
        else:
            groups[name] = Groups(_NO_STARTS, _NO_TIES, owner, _NO_STARTS, _NO_TIES, implied=k)
        k += 1
    return ties, groups, None if is_stored else implied


def _pairs(ties: T, is_generated: bool, rows: Any, implied: Implied, n: int) -> Pairs:
    """Return pairs of a file, or of implied ties of which some will be cut: who is heard or seen, and who hears or sees."""
    if ties.file is not None:
        columns = {
            "followers": ("followed", "follower"), "friends": ("person", "friend"), "neighbours": ("neighbour", "person")
        }  # fmt: skip
        return _edges(ties.file, columns[type(ties).__name__.lower()], n)
    if not is_generated:
        return _NO_TIES, _NO_TIES
    return Ties(*rows(implied, n)).pairs()


def _tied(ties: T, tie_set: int, users: np.ndarray, people: People, seed: int, generate: Callable[[], Pairs]) -> Ties:
    """Return one set of ties, of its graph or generated, without those that are cut."""
    n = people.n
    if isinstance(ties.graph, Complete):
        return Ties(np.zeros(n + 1, np.int64), np.empty(0, np.int32), is_complete=True)
    if ties.graph is not None:
        a, b = graph_edges(ties.graph, users, seed, tie_set)
    else:
        a, b = generate()
    is_mutual = ties.graph is not None or getattr(ties, "mutual", not isinstance(ties, Followers))
    if is_mutual:
        a, b = np.minimum(a, b), np.maximum(a, b)
    if ties.cut > 0:
        keep = _of_ties(seed, tie_set, a, b) >= ties.cut
        a, b = a[keep], b[keep]
    return _rows(np.concatenate([a, b]), np.concatenate([b, a]), n) if is_mutual else _rows(a, b, n)


@njit
def _of_ties(seed, tie_set, a, b):
    """Return float64[len(a)]: the draw of each tie that decides whether it is cut."""
    out = np.empty(len(a), np.float64)
    for k in range(len(a)):
        out[k] = draws.uniform(seed, draws.W_CUT, a[k], np.int64(tie_set) * 4294967296 + b[k], 0)
    return out


def _edges(path: Path, columns: tuple[str, str], n: int) -> Pairs:
    table = read_table(path)
    a, b = (integers(table, c, path, 0, n - 1) for c in columns)
    return a, b


def _rows(source: np.ndarray, target: np.ndarray, n: int) -> Ties:
    """Return compressed rows source -> targets: unique, ascending, no loops."""
    keep = source != target
    keys = distinct(source[keep].astype(np.int64) * n + target[keep])
    starts = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(keys // n, minlength=n), out=starts[1:])
    return Ties(starts, (keys % n).astype(np.int32))


def _groups_of_file(ties: GroupTies, n: int) -> Groups:
    assert ties.file is not None
    table = read_table(ties.file)
    person = integers(table, "person", ties.file, 0, n - 1)
    group = integers(table, "group", ties.file, 0, 2**31 - 1)
    return _index_groups(group, person, n)


def _index_groups(group: np.ndarray, person: np.ndarray, n: int) -> Groups:
    group = np.unique(group, return_inverse=True)[1]  # names from a file may be any numbers
    count = int(group.max()) + 1 if len(group) else 0
    pairs = distinct(group.astype(np.int64) * n + person)
    group, person = pairs // n, pairs % n
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=count), out=starts[1:])
    joined_starts = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(person, minlength=n), out=joined_starts[1:])
    order = np.argsort(person, kind="stable")
    return Groups(
        starts,
        person.astype(np.int32),
        np.full(count, -1, np.int32),
        joined_starts,
        group[order].astype(np.int32),
    )
