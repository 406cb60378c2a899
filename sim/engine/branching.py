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

from sim.jit import by_reference, njit

__all__ = ["next_generation", "spectral_radius"]


@njit
def next_generation(tables, posts):
    """Return float64[channels, n]: expected reactions (at scale 1) to `posts`, float64[channels, n]."""
    n_channels, n = posts.shape
    rules = tables.rules[0]
    offspring = np.zeros((n_channels, n))
    for c in range(n_channels):
        channel = tables.channels[c]
        if channel["reaction"] <= 0.0:
            continue
        attention = channel["attention_max"]
        seen = np.zeros(n)
        if channel["type"] == 1:
            lo, hi = tables.audience_starts[c], tables.audience_starts[c + 1]
            everyone = 0.0
            for j in range(n):
                everyone += posts[c, j]
                if channel["ties"] >= 0 and posts[c, j] > 0.0:
                    starts = tables.ties_starts[channel["ties"]]
                    for k in range(starts[j], starts[j + 1]):
                        seen[tables.ties[k]] += attention * posts[c, j]
            extra = channel["recommended"] + channel["trend_readers"]
            if hi > lo and extra > 0.0:
                share = min(extra / (hi - lo), 1.0) * attention
                for k in range(lo, hi):
                    seen[tables.audience[k]] += share * everyone
        elif channel["type"] == 2:
            starts = tables.joined_starts[channel["groups"]]
            said = np.zeros(len(tables.group_starts) - 1)
            each = np.zeros(n)
            for j in range(n):
                n_joined = starts[j + 1] - starts[j]
                if n_joined > 0:
                    each[j] = attention * posts[c, j] / n_joined
                    for g in range(starts[j], starts[j + 1]):
                        said[tables.joined[g]] += each[j]
            for i in range(n):
                for g in range(starts[i], starts[i + 1]):
                    seen[i] += said[tables.joined[g]] - each[i]
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
def spectral_radius(tables):
    """Return the spectral radius at scale 1: power iteration until two steps agree to 1e-3 (at most 200 steps).

    The growth over two steps is taken, because a graph of ties may be bipartite.
    """
    return _spectral_radius(by_reference(tables))


@njit
def _spectral_radius(tables):
    n_channels, n = len(tables.channels), len(tables.people)
    posts = np.full((n_channels, n), 1.0)
    total = np.sum(posts)
    before = 0.0
    last = 1.0
    for step in range(200):
        posts = next_generation(tables, posts) / total
        total = np.sum(posts)
        if total <= 0.0:
            return 0.0
        growth = math.sqrt(total * last)
        if step > 4 and abs(growth - before) < 1e-3 * growth:
            return growth
        before, last = growth, total
    return before
