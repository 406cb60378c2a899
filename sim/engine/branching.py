"""The branching ratio: spectral radius of the expected-offspring operator on the actual network.

One post by person j on channel c is seen by a listener with at most the probability `attention_max`, and a person who sees
it reacts with `propensity x reaction` posts on average (times the scale that is sought), on the same channel or, with
probability `cross`, on a channel of the person's own mix. The operator maps posts per (channel, person) to the next
generation; recommended and trending readers are included. Its radius, not the mean offspring, decides whether a cascade can
explode: a mean below 1 can be supercritical where degrees are heavy-tailed.
"""

from __future__ import annotations

import math

import numpy as np

from sim.engine.ties import audience_of, group_of, members_of, n_groups_of, reader_at, tied_to
from sim.jit import by_reference, njit

__all__ = ["next_generation", "spectral_radius"]


@njit
def next_generation(tables, exists, posts):
    """Return float64[channels, n]: expected reactions (at scale 1) to `posts`, float64[channels, n].

    A chat group counts with the larger of its shares of a member's posts before and after new groups are created: one that
    nobody has created yet (exists 0) passes its share on to the next.
    """
    n_channels, n = posts.shape
    rules, net = tables.rules[0], tables.net
    offspring = np.zeros((n_channels, n))
    for c in range(n_channels):
        channel = tables.channels[c]
        if channel["reaction"] <= 0.0:
            continue
        attention = channel["attention_max"]
        seen = np.zeros(n)
        if channel["type"] == 1:
            ties = channel["ties"]
            readers = audience_of(net, c)
            is_complete = ties >= 0 and net.complete[ties] == 1
            everyone = 0.0
            for j in range(n):
                everyone += posts[c, j]
                if ties >= 0 and posts[c, j] > 0.0 and not is_complete:
                    own = tied_to(net, ties, j, c)
                    for k in range(own.n):
                        seen[reader_at(net, own, k)] += attention * posts[c, j]
            extra = channel["recommended"] + channel["trend_readers"]
            if is_complete:
                for k in range(readers.n):
                    i = reader_at(net, readers, k)
                    seen[i] += attention * (everyone - posts[c, i])
            elif readers.n > 0 and extra > 0.0:
                share = min(extra / readers.n, 1.0) * attention
                for k in range(readers.n):
                    seen[reader_at(net, readers, k)] += share * everyone
        elif channel["type"] == 2:
            groups = channel["groups"]
            said = np.zeros(net.first_group[groups + 1])
            for j in range(n):
                n_joined = n_groups_of(net, groups, j)
                passed_on = 1
                k = n_joined - 1
                while k >= 0 and exists[group_of(net, groups, j, k)] == 0:
                    passed_on += 1
                    k -= 1
                for g in range(n_joined):
                    group = group_of(net, groups, j, g)
                    if exists[group] == 0:
                        said[group] += attention * posts[c, j] / n_joined
                        passed_on += 1
                    else:
                        said[group] += attention * posts[c, j] / n_joined * passed_on
                        passed_on = 1
            direct = channel["direct"]
            for i in range(n):
                for g in range(n_groups_of(net, groups, i)):
                    group = group_of(net, groups, i, g)
                    others = members_of(net, group).n - 1
                    seen[i] += said[group] * (1.0 - direct + direct / max(others, 1))
        else:
            continue
        for i in range(n):
            if seen[i] <= 0.0:
                continue
            person = tables.people[i]
            reactions = seen[i] * channel["reaction"] * person["propensity"]
            offspring[c, i] += reactions * (1.0 - rules["cross"])
            if rules["cross"] > 0.0:
                total = 0.0
                for d in range(n_channels):
                    if (person["reachable"] >> np.uint32(d)) & np.uint32(1):
                        total += tables.channels[d]["posts_per_tick"]
                for d in range(n_channels):
                    if total > 0.0 and (person["reachable"] >> np.uint32(d)) & np.uint32(1):
                        share = tables.channels[d]["posts_per_tick"] / total
                        offspring[d, i] += reactions * rules["cross"] * share
    return offspring


@njit
def spectral_radius(tables, exists):
    """Return an upper bound of the spectral radius at scale 1, within a few per cent where 60 steps suffice.

    For every positive x the radius is at most max_i (A x)_i / x_i (Collatz 1942, Wielandt 1950). The iteration
    x <- (x + A x / growth) / 2 keeps x positive and brings the bound down to the radius; it stops when the bound is within 2 %
    of the growth. A dense corner of a large network is not missed, however few people live in it. Members count their own
    posts to a group, which the engine does not deliver: a further margin on the safe side.
    """
    return _spectral_radius(by_reference(tables), exists)


@njit
def _spectral_radius(tables, exists):
    n_channels, n = len(tables.channels), len(tables.people)
    posts = np.full((n_channels, n), 1.0)
    bound = math.inf
    for _ in range(60):
        following = next_generation(tables, exists, posts)
        total = np.sum(posts)
        growth = np.sum(following) / total
        if growth <= 0.0:
            return 0.0
        highest = 0.0
        for c in range(n_channels):
            for i in range(n):
                highest = max(highest, following[c, i] / posts[c, i])
        bound = min(bound, highest)
        if bound <= 1.02 * growth:
            return bound
        for c in range(n_channels):
            for i in range(n):
                posts[c, i] = max(0.5 * (posts[c, i] + following[c, i] / growth), 1e-250)
    return bound
