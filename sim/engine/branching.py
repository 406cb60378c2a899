"""The branching ratio: spectral radius of the expected-offspring operator on the actual network.

One post by person j on channel c is seen by a listener with at most the probability `attention_max`, and a person who sees
it reacts with `propensity x reaction` posts on average (times the scale that is sought), on the same channel or, with
probability `cross`, on a channel of the person's own mix. The operator maps posts per (channel, person) to the next
generation; recommended and trending readers are included. Its radius, not the mean offspring, decides whether a cascade can
explode: a mean below 1 can be supercritical where degrees are heavy-tailed.
"""

from __future__ import annotations

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
            for j in range(n):
                n_joined = starts[j + 1] - starts[j]
                if n_joined == 0 or posts[c, j] <= 0.0:
                    continue
                each = attention * posts[c, j] / n_joined
                for g in range(starts[j], starts[j + 1]):
                    group = tables.joined[g]
                    for m in range(tables.group_starts[group], tables.group_starts[group + 1]):
                        if tables.members[m] != j:
                            seen[tables.members[m]] += each
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
    """Return the spectral radius at scale 1, by power iteration to a relative change below 1e-3 (at most 100 steps)."""
    return _spectral_radius(by_reference(tables))


@njit
def _spectral_radius(tables):
    n_channels, n = len(tables.channels), len(tables.people)
    posts = np.full((n_channels, n), 1.0)
    radius = 0.0
    for _ in range(100):
        following = next_generation(tables, posts)
        # Half of the old vector stays: a plain iteration would not settle on a bipartite graph of ties.
        size = 0.0
        old = 0.0
        for c in range(n_channels):
            for i in range(n):
                old += posts[c, i]
                size += following[c, i]
        if size <= 0.0:
            return 0.0
        estimate = size / old
        for c in range(n_channels):
            for i in range(n):
                posts[c, i] = 0.5 * (posts[c, i] / old + following[c, i] / size)
        if abs(estimate - radius) < 1e-3 * estimate:
            return estimate
        radius = estimate
    return radius
