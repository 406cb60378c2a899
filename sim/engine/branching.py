"""The branching ratio: spectral radius of the expected-offspring operator on the actual network.

One post by person j on channel c is seen by a listener with at most the probability `attention_max`, and a person who sees
it reacts with `propensity x reaction` posts on average (times the scale that is sought), on the same channel or, with
probability `cross`, on a channel of the person's own mix. The operator maps posts per (channel, person) to the next
generation; recommended and trending readers are included. Its radius, not the mean offspring, decides whether a cascade can
explode: a mean below 1 can be supercritical where degrees are heavy-tailed.

Of a large generated nation (more than `MOST_MEASURED` people) the radius is that of a smaller one made of the same scenario
and seed (`measured_nation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sim.channels import FEED, GROUP
from sim.engine.rows import rows_grouped, rows_tied, sums_over
from sim.engine.state import Tables
from sim.engine.ties import audience_of, lists
from sim.jit import njit
from sim.network import Neighbours
from sim.scenario import Scenario

__all__ = ["MOST_MEASURED", "measured_nation", "offspring_of", "spectral_radius"]

MOST_MEASURED = 300_000
"""People up to whom the radius is that of the actual network; see docs/design.md for how far off it is beyond."""
_DAMPING = 0.2
"""What stays of the vector at each step: enough that a network of two sides does not swing between them for ever."""


def measured_nation(scenario: Scenario) -> Scenario | None:
    """Return the scenario whose network stands for a larger one, None where that is the actual one.

    A smaller nation has the same mean degrees, sizes of groups and shares that star accounts reach. Files and random graphs
    cannot be made smaller: with them the actual network is measured, whatever its size.
    """
    population, network = scenario.population, scenario.network
    ties = (network.followers, network.friends, *network.groups.values())
    parts = [dict(part) for part in (population, *ties)]
    if population.n_people <= MOST_MEASURED or any(
        part.get(k) is not None for part in parts for k in ("file", "graph")
    ):
        return None
    # What is left out moves no reaction, and may name people whom there are not.
    return scenario.model_copy_checked(
        population=population.model_copy(update={"size": MOST_MEASURED, "weight": None, "sleep": None}),
        network=network.model_copy(update={"neighbours": Neighbours(), "stored": True}),
        scenario=scenario.scenario.model_copy(update={"timeline": ()}),
        decision=scenario.decision.model_copy(update={"rule": "hazard"}),
    )


def offspring_of(tables: Tables, exists: np.ndarray, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the operator: to `posts`, float64[rows, n], the expected reactions at scale 1; row r is of channel rows[r].

    A chat group counts with the larger of its shares of a member's posts before and after new groups are created: one that
    nobody has created yet (exists 0) passes its share on to the next.
    """
    channels, cross = tables.channels[rows], float(tables.rules["cross"][0])
    readings = [_reading(tables, exists, int(c)) for c in rows]
    propensity = np.minimum(tables.people["propensity"].astype(np.float64), tables.rules["propensity_cap"][0])
    mix = [
        np.where(tables.receivers >> np.uint32(c["receiver"]) & np.uint32(1), c["posts_per_tick"], 0.0)
        for c in channels
    ]
    total = np.zeros(len(propensity))
    for part in mix:
        total += part
    mix = [np.divide(part, total, out=np.zeros(len(total)), where=total > 0.0) for part in mix]

    def offspring(posts: np.ndarray) -> np.ndarray:
        found = np.zeros(posts.shape)
        crossing = np.zeros(posts.shape[1])
        for r, reading in enumerate(readings):
            if reading is not None:
                reactions = reading(posts[r]) * channels["reaction"][r] * propensity
                found[r] = reactions * (1.0 - cross)
                crossing += reactions * cross
        for r, part in enumerate(mix):
            found[r] += crossing * part
        return found

    return offspring


def _reading(tables: Tables, exists: np.ndarray, c: int) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what tells how many of the posts on a channel each person sees at full attention; None: nobody reacts to them."""
    channel = tables.channels[c]
    if channel["reaction"] <= 0.0 or channel["type"] not in (FEED, GROUP):
        return None
    return _on_feed(tables, c) if channel["type"] == FEED else _in_groups(tables, exists, c)


def _on_feed(tables: Tables, c: int) -> Callable[[np.ndarray], np.ndarray]:
    net, channel, n = tables.net, tables.channels[c], len(tables.people)
    ties, attention = int(channel["ties"]), float(channel["attention_max"])
    readers = lists(net, audience_of(net, c))
    if ties >= 0 and net.complete[ties] == 1:
        is_reader = np.zeros(n, bool)
        is_reader[readers] = True
        return lambda posts: np.where(is_reader, attention * (_sum(posts[None]) - posts), 0.0)
    tied = rows_tied(net, ties, n) if ties >= 0 else (np.zeros(n + 1, np.int64), np.zeros(0, np.int32))
    extra = channel["recommended"] + channel["trend_readers"]

    def seen(posts: np.ndarray) -> np.ndarray:
        found = np.asarray(sums_over(*tied, attention * posts))
        if len(readers) > 0 and extra > 0.0:
            found[readers] += min(extra / len(readers), 1.0) * attention * _sum(posts[None])
        return found

    return seen


def _in_groups(tables: Tables, exists: np.ndarray, c: int) -> Callable[[np.ndarray], np.ndarray]:
    net, channel = tables.net, tables.channels[c]
    groups, attention, direct = int(channel["groups"]), float(channel["attention_max"]), float(channel["direct"])
    starts, joined_starts, joined = rows_grouped(net, groups, len(tables.people))
    exists = exists[net.first_group[groups] : net.first_group[groups + 1]]
    heard = 1.0 - direct + direct / np.maximum(np.diff(starts) - 1, 1)
    return lambda posts: np.asarray(_seen_in_groups(joined_starts, joined, exists, heard, attention * posts))


@njit
def _seen_in_groups(joined_starts, joined, exists, heard, posts):
    """Return how many posts each person sees, of which each member of a group sees the share `heard`."""
    said, seen = np.zeros(len(exists)), np.zeros(len(posts))
    for j in range(len(posts)):
        first, end = joined_starts[j], joined_starts[j + 1]
        passed_on = 1
        k = end - 1
        while k >= first and exists[joined[k]] == 0:
            passed_on += 1
            k -= 1
        for g in range(first, end):
            share = posts[j] / (end - first)
            if exists[joined[g]] == 0:
                passed_on += 1
            else:
                share *= passed_on
                passed_on = 1
            said[joined[g]] += share
    said *= heard
    for i in range(len(posts)):
        for g in range(joined_starts[i], joined_starts[i + 1]):
            seen[i] += said[joined[g]]
    return seen


def spectral_radius(tables: Tables, exists: np.ndarray) -> float:
    """Return an upper bound of the spectral radius at scale 1, within a few per cent where 60 steps suffice.

    For every positive x the radius is at most max_i (A x)_i / x_i (Collatz 1942, Wielandt 1950). The iteration
    x <- d x + (1 - d) A x / growth with a small d keeps x positive and brings the bound down to the radius; it stops when the
    bound is within 2 % of the growth of each of two steps. A dense corner of a large network is not missed, however few people
    live in it. Members count their own posts to a group, which the engine does not deliver: a further margin on the safe side.
    """
    n_channels, n = len(tables.channels), len(tables.people)
    # Where nobody posts or reacts there are no rows: what is said there at first dies out.
    rows = np.flatnonzero((tables.channels["reaction"] > 0.0) | (tables.channels["posts_per_tick"] > 0.0))
    if len(rows) == 0:
        return 0.0
    offspring = offspring_of(tables, exists, rows)
    posts = np.full((len(rows), n), 1.0)
    elsewhere = float((n_channels - len(rows)) * n)
    bound = before = math.inf
    for _ in range(60):
        following = offspring(posts)
        growth = _sum(following) / (_sum(posts) + elsewhere)
        if growth <= 0.0:
            return 0.0
        bound = min(bound, max(float((after / now).max()) for after, now in zip(following, posts, strict=True)))
        if bound <= 1.02 * min(growth, before):  # where posts swing, every other growth is above the radius
            return bound
        before = growth
        following *= 1.0 - _DAMPING
        following /= growth
        posts *= _DAMPING
        posts += following
        np.maximum(posts, 1e-250, out=posts)
        elsewhere *= _DAMPING
    return bound


@njit
def _sum(rows):
    """Return the sum of values added one after another, which is the same on every machine."""
    total = 0.0
    for row in rows:
        for value in row:
            total += value
    return total
