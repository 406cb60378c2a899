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
from typing import Any

import numpy as np

from sim.channels import FEED, GROUP
from sim.engine.flags import is_reached, reactivity_of
from sim.engine.ties import audience_of, group_of, members_of, n_groups_of, reader_at, tied_to
from sim.jit import by_reference, njit
from sim.network import Neighbours
from sim.scenario import Scenario

__all__ = ["MOST_MEASURED", "measured_nation", "next_generation", "spectral_radius"]

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


@njit
def next_generation(tables, exists, rows, posts):
    """Return float64[rows, n]: expected reactions (at scale 1) to `posts`, float64[rows, n]; row r is of channel rows[r].

    A chat group counts with the larger of its shares of a member's posts before and after new groups are created: one that
    nobody has created yet (exists 0) passes its share on to the next.
    """
    tables = by_reference(tables)
    seen = np.zeros(posts.shape)
    for r in range(len(rows)):
        channel = tables.channels[rows[r]]
        if channel["reaction"] > 0.0 and channel["type"] == FEED:
            _read_on_feed(tables, rows[r], posts[r], seen[r])
        elif channel["reaction"] > 0.0 and channel["type"] == GROUP:
            _read_in_groups(tables, exists, rows[r], posts[r], seen[r])
    _react(tables, rows, seen)
    return seen


@njit
def _read_on_feed(tables, c, posts, seen):
    """Add to `seen` how many of the posts on a feed each person sees at full attention."""
    net, channel = tables.net, tables.channels[c]
    ties, attention = channel["ties"], channel["attention_max"]
    readers = audience_of(net, c)
    if ties >= 0 and net.complete[ties] == 1:
        everyone = np.sum(posts)
        for k in range(readers.n):
            i = reader_at(net, readers, k)
            seen[i] += attention * (everyone - posts[i])
        return
    if ties >= 0:
        for j in range(len(posts)):
            own = tied_to(net, ties, j, c)
            for k in range(own.n):
                reader = reader_at(net, own, k)
                if reader >= 0:
                    seen[reader] += attention * posts[j]
    extra = channel["recommended"] + channel["trend_readers"]
    if readers.n > 0 and extra > 0.0:
        for_everyone = min(extra / readers.n, 1.0) * attention * np.sum(posts)
        for k in range(readers.n):
            seen[reader_at(net, readers, k)] += for_everyone


@njit
def _read_in_groups(tables, exists, c, posts, seen):
    """Add to `seen` how many of the posts in chat groups each person sees at full attention."""
    net, channel = tables.net, tables.channels[c]
    groups, attention, direct = channel["groups"], channel["attention_max"], channel["direct"]
    first = net.first_group[groups]
    said = np.zeros(net.first_group[groups + 1] - first)
    for j in range(len(posts)):
        n_joined = n_groups_of(net, groups, j)
        passed_on = 1
        k = n_joined - 1
        while k >= 0 and exists[group_of(net, groups, j, k)] == 0:
            passed_on += 1
            k -= 1
        for g in range(n_joined):
            group = group_of(net, groups, j, g)
            share = attention * posts[j] / n_joined
            if exists[group] == 0:
                passed_on += 1
            else:
                share *= passed_on
                passed_on = 1
            said[group - first] += share
    for group in range(len(said)):
        others = members_of(net, first + group).n - 1
        said[group] *= 1.0 - direct + direct / max(others, 1)
    for i in range(len(posts)):
        for g in range(n_groups_of(net, groups, i)):
            seen[i] += said[group_of(net, groups, i, g) - first]


@njit
def _react(tables, rows, seen):
    """Put the expected reactions in the place of what each person sees, those that go to other channels there."""
    n_rows, n = seen.shape
    cross = tables.rules[0]["cross"]
    mix = np.empty(n_rows)
    for i in range(n):
        propensity = reactivity_of(tables, tables.people[i])
        crossing = total = 0.0
        for r in range(n_rows):
            reactions = seen[r, i] * tables.channels[rows[r]]["reaction"] * propensity
            seen[r, i] = reactions * (1.0 - cross)
            crossing += reactions * cross
        if crossing > 0.0:
            for r in range(n_rows):
                mix[r] = tables.channels[rows[r]]["posts_per_tick"] if is_reached(tables, i, rows[r]) else 0.0
                total += mix[r]
            for r in range(n_rows):
                if total > 0.0:
                    seen[r, i] += crossing * (mix[r] / total)


def spectral_radius(tables: Any, exists: np.ndarray) -> float:
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
    posts = np.full((len(rows), n), 1.0)
    elsewhere = float((n_channels - len(rows)) * n)
    bound = before = math.inf
    for _ in range(60):
        following = next_generation(tables, exists, rows, posts)
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
