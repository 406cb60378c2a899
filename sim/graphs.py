"""Random graphs of mutual ties: G(n, p), configuration model, small worlds, lattices, cliques, everybody with everybody.

A graph in a YAML file is a mapping such as ``{graph: erdos_renyi, mean_degree: 8}``. Every draw is keyed by the person and the
set of ties, so that the sets are independent and what one person draws does not depend on what others draw.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim import draws
from sim.degrees import MOST_TIES, DegreeLaw, FromFile, Geometric, Listed, Poisson, degree_pmf
from sim.errors import InputError
from sim.jit import njit
from sim.laws import Frozen
from sim.tables import integers, read_table

__all__ = [
    "Complete",
    "Configuration",
    "ErdosRenyi",
    "Graph",
    "Groups",
    "Lattice",
    "SmallWorld",
    "degree_pmf",
    "distinct",
    "graph_edges",
]

TRIES = 16
"""How often a rewired tie looks for a new end before it stays as it was."""


class ErdosRenyi(Frozen):
    """G(n, p): each pair is tied with the same probability, mean_degree / (n - 1)."""

    graph: Literal["erdos_renyi"]
    mean_degree: float = Field(ge=0, le=MOST_TIES)


class Configuration(Frozen):
    """Erased configuration model: each person has as many half ties as the law of degrees says, matched at random.

    Loops and double ties, which a matching makes now and then, are removed: ties are unique. With an odd number of half
    ties the last in the order of the matching is dropped.
    """

    graph: Literal["configuration"]
    degrees: DegreeLaw


class SmallWorld(Frozen):
    """Watts and Strogatz (1998): a ring, each tie rewired at one end, with some probability, to anybody.

    A rewired tie looks for an end that makes neither a loop nor a double tie a few times, and else stays as it was. Ties are
    rewired in the order of their draws: those rewired at a small probability are rewired to the same ends at a larger one.
    """

    graph: Literal["small_world"]
    degree: int = Field(ge=0, le=10_000, multiple_of=2)
    """Half of the ties to either side of the ring."""
    rewiring: float = Field(ge=0, le=1)


class Lattice(Frozen):
    """Square lattice in rows of `width` people, rewired like a small world if one wishes."""

    graph: Literal["lattice"]
    width: int = Field(ge=1)
    radius: int = Field(1, ge=1, le=100)
    shape: Literal["moore", "von_neumann"]
    """Ties within the radius counted in steps of a king or in steps along rows and columns."""
    periodic: bool = True
    """Whether the last row and column are tied to the first."""
    rewiring: float = Field(0.0, ge=0, le=1)


class Groups(Frozen):
    """People in consecutive order fall into groups in which everybody is tied to everybody; the last may be smaller."""

    graph: Literal["groups"]
    size: int = Field(ge=2, le=MOST_TIES)


class Complete(Frozen):
    """Everybody is tied to everybody; such ties are not stored."""

    graph: Literal["complete"]


Graph = Annotated[ErdosRenyi | Configuration | SmallWorld | Lattice | Groups | Complete, Field(discriminator="graph")]

_KEYS = ("followers", "friends", "neighbours")


def graph_edges(graph: Graph, users: np.ndarray, seed: int, tie_set: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two int32 arrays of people, the ends of each tie, each tie once.

    Parameters
    ----------
    graph
        Any but `Complete`, whose ties are not stored.
    users
        The people who may be tied, int32, ascending.
    seed
        In [0, 2^63).
    tie_set
        0 followers, 1 friends, 2 neighbours: independent draws for each.

    Raises
    ------
    InputError
        The graph does not fit the number of people, or its file cannot be used.
    """
    assert not isinstance(graph, Complete)
    n, where = len(users), f"network.{_KEYS[tie_set]}.graph"
    if n < 2:
        return users[:0], users[:0]
    if isinstance(graph, ErdosRenyi):
        _refuse_above(f"{where}.mean_degree", graph.mean_degree, n)
        p = min(graph.mean_degree / (n - 1), 1.0)
        a, b = _by_jumps(seed, tie_set, users, p, -math.inf if p == 1 else math.log1p(-p))
    elif isinstance(graph, Configuration):
        degrees = _degrees(graph.degrees, users, seed, tie_set, f"{where}.degrees")
        ends = np.repeat(np.arange(n, dtype=np.int32), degrees)
        ends = ends[np.argsort(_of_stubs(seed, tie_set, users, degrees), kind="stable")]
        a, b = _once(ends[: len(ends) // 2 * 2 : 2], ends[1::2], n)
    elif isinstance(graph, SmallWorld):
        _refuse_above(f"{where}.degree", graph.degree, n)
        ids, half = np.arange(n), graph.degree // 2
        a = np.tile(ids, half)
        step = np.repeat(np.arange(half), n)
        a, b = _rewired(graph.rewiring, a, (a + step + 1) % n, step, users, seed, tie_set)
    elif isinstance(graph, Lattice):
        if n % graph.width:
            raise InputError(
                f"{where}.width is {graph.width}, expected a divisor of the number of people who can be tied, {n}; "
                "choose another width or another number of people."
            )
        a, b = _rewired(graph.rewiring, *_lattice(graph, n), users, seed, tie_set)
    else:
        a, b = _cliques(graph.size, n)
    return users[a], users[b]


def distinct(keys: np.ndarray) -> np.ndarray:
    """Return the distinct keys, ascending (sorting is several times faster here than numpy.unique, which hashes)."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys


def _refuse_above(key: str, value: float, n: int) -> None:
    if value > n - 1:
        raise InputError(
            f"{key} is {value:g}, expected less than the number of people who can be tied, {n}; lower it or take more people."
        )


@njit
def _by_jumps(seed, tie_set, users, p, log_miss):
    """Return positions a[k] > b[k] of each tie of G(n, p), by geometric jumps along each person's row of earlier people."""
    n = len(users)
    room = np.int64(p * n * (n - 1) / 2 * 1.02) + 1000
    a = np.empty(room, np.int32)
    b = np.empty(room, np.int32)
    at = 0
    for i in range(n if p > 0 else 0):
        j = np.int64(-1)
        ordinal = 0
        while True:
            jump = np.floor(math.log(draws.uniform(seed, draws.W_EDGE, users[i], tie_set, ordinal)) / log_miss)
            if jump >= i - 1 - j:
                break
            j += 1 + np.int64(jump)
            ordinal += 1
            if at == len(a):
                a = np.concatenate((a, np.empty_like(a)))
                b = np.concatenate((b, np.empty_like(b)))
            a[at] = i
            b[at] = j
            at += 1
    return a[:at], b[:at]


def _degrees(law: DegreeLaw, users: np.ndarray, seed: int, tie_set: int, where: str) -> np.ndarray:
    """Return int64: the degree of each user, drawn by inversion or as given."""
    n = len(users)
    if isinstance(law, Listed | FromFile):
        if isinstance(law, FromFile):
            where = str(law.file)
            table = read_table(law.file)
            person = integers(table, "person", law.file, 0, int(users[-1]))
            degrees = integers(table, "degree", law.file, 0, MOST_TIES)[np.argsort(person, kind="stable")]
            is_each = len(person) == n and bool((np.sort(person) == users).all())
        else:
            degrees = np.array(law.values, np.int64)
            is_each = len(degrees) == n
        if not is_each:
            raise InputError(
                f"{where} has {len(degrees)} degrees, expected exactly one for each of the {n} people who can be tied; "
                "add what is missing and remove the rest."
            )
        if degrees.sum() % 2:
            raise InputError(
                f"{where} has degrees with the sum {degrees.sum()}, expected an even sum, because a tie has two ends; "
                "change one degree by 1."
            )
        _refuse_above(f"{where}: the largest degree", int(degrees.max()), n)
        return degrees
    p = law.pmf()
    if not isinstance(law, Poisson | Geometric):  # those have no largest degree: who has too many loses double ties
        _refuse_above(f"{where}: the largest degree", len(p) - 1, n)
    u = draws.uniforms(seed, draws.W_DEGREE, users, tie_set, 0)
    return np.asarray(np.searchsorted(np.cumsum(p), u).clip(0, len(p) - 1))


@njit
def _of_stubs(seed, tie_set, users, degrees):
    """Return float64: a draw for each half tie, person by person."""
    out = np.empty(degrees.sum(), np.float64)
    at = 0
    for i in range(len(users)):
        for stub in range(degrees[i]):
            out[at] = draws.uniform(seed, draws.W_STUB, users[i], tie_set, stub)
            at += 1
    return out


def _once(a: np.ndarray, b: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct pairs of positions, without loops."""
    keep = a != b
    keys = distinct(_keys(a[keep], b[keep], n))
    return keys // n, keys % n


def _keys(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b))


def _lattice(graph: Lattice, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions a, b of each tie and the number of its direction."""
    width, height, reach = graph.width, n // graph.width, graph.radius
    y, x = np.divmod(np.arange(n), width)
    parts: list[np.ndarray] = []
    for down in range(reach + 1):
        for right in range(-reach if down else 1, reach + 1):
            if graph.shape == "von_neumann" and down + abs(right) > reach:
                continue
            to_y, to_x = y + down, x + right
            is_inside = (to_y < height) & (to_x >= 0) & (to_x < width) | graph.periodic
            to = to_y % height * width + to_x % width
            parts.append(np.stack([np.arange(n), to, np.full(n, len(parts))])[:, is_inside])
    a, b, step = np.concatenate(parts, axis=1)
    if graph.periodic and min(width, height) <= 2 * reach:  # all around and back
        first = np.unique(_keys(a, b, n), return_index=True)[1]
        first = np.sort(first[a[first] != b[first]])
        a, b, step = a[first], b[first], step[first]
    return a, b, step


def _cliques(size: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.arange(n)
    sources, targets = [], []
    for step in range(1, min(size, n)):
        begins = ids[:-step][ids[:-step] % size + step < size]
        sources.append(begins)
        targets.append(begins + step)
    return np.concatenate(sources), np.concatenate(targets)


def _rewired(
    rewiring: float, a: np.ndarray, b: np.ndarray, step: np.ndarray, users: np.ndarray, seed: int, tie_set: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ties (a, b) with some ends b drawn anew; a person and a step name a tie."""
    if rewiring == 0 or len(a) == 0:
        return a, b
    u = _of_ties(seed, tie_set, users, a, step)
    chosen = np.flatnonzero(u < rewiring)
    chosen = chosen[np.argsort(u[chosen], kind="stable")]
    keys = _keys(a, b, len(users))
    order = np.argsort(keys, kind="stable")
    return a, _move(seed, tie_set, users, a, b, step, chosen, keys[order], order)


@njit
def _of_ties(seed, tie_set, users, a, step):
    """Return float64[len(a)]: the draw that decides whether each tie is rewired."""
    out = np.empty(len(a), np.float64)
    for t in range(len(a)):
        out[t] = draws.uniform(seed, draws.W_REWIRE, users[a[t]], tie_set, step[t])
    return out


@njit
def _move(seed, tie_set, users, a, b, step, chosen, keys, order):
    """Return b with new ends for the chosen ties; keys[k] names the pair of tie order[k], ascending."""
    n = len(users)
    b = b.copy()
    is_moved = np.zeros(len(a), np.bool_)
    made = np.full(
        2 * len(chosen) + 1, -1, np.int64
    )  # the pairs tied anew, each at its remainder or the next free place
    for t in chosen:
        for again in range(TRIES):
            u = draws.uniform(seed, draws.W_REWIRE_TO, users[a[t]], tie_set, again * 65536 + step[t])
            end = min(np.int64(u * n), n - 1)
            key = np.int64(min(a[t], end)) * n + max(a[t], end)
            if end == a[t]:
                continue
            k = np.searchsorted(keys, key)
            if k < len(keys) and keys[k] == key and not is_moved[order[k]]:
                continue
            place = key % len(made)
            while made[place] >= 0 and made[place] != key:
                place = (place + 1) % len(made)
            if made[place] == key:
                continue
            made[place] = key
            is_moved[t] = True
            b[t] = end
            break
    return b
