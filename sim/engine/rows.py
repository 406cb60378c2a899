"""Ties of everybody at once, as rows behind each other, for what is added up over a whole network before a run.

Stored ties stand like that; those that are computed are written out.
"""

from __future__ import annotations

import numpy as np

from sim.befriending import rows_of_friends
from sim.engine.ties import Net
from sim.implied import FOLLOWERS, FRIENDS, NEIGHBOURS
from sim.implying import rows_of_followers, rows_of_groups, rows_of_neighbours, sums_near
from sim.jit import njit

__all__ = ["heard_from", "rows_grouped", "rows_tied", "sums_over"]


def rows_tied(net: Net, ties: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and indices of those who are tied to each of n people in a set of ties; computed ones are written out."""
    at = net.rows_at[ties]
    if at >= 0:
        starts = net.ties_starts[at : at + n + 1]
        return starts - starts[0], net.ties[starts[0] : starts[-1]]
    rows = {FOLLOWERS: rows_of_followers, FRIENDS: rows_of_friends, NEIGHBOURS: rows_of_neighbours}[ties]
    return rows(net.implied, n)  # type: ignore[no-any-return]


def rows_grouped(net: Net, groups: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the members of each chat group of a set begin, and starts and indices of the groups of n people."""
    computed, at, among = net.computed[groups], net.members_at[groups], net.joined_at[groups]
    if computed >= 0:
        starts, _, joined_starts, joined = rows_of_groups(net.implied, computed, n)
        return starts, joined_starts, joined
    joined_starts = net.joined_starts[among : among + n + 1]
    return (
        net.group_starts[at : at + net.first_group[groups + 1] - net.first_group[groups] + 1],
        joined_starts - joined_starts[0],
        net.joined[joined_starts[0] : joined_starts[-1]],
    )


@njit
def sums_over(starts, people, values):
    """Return float64[n]: the sum of values (float64[n]) over those in whose row each person stands, row after row."""
    sums = np.zeros(len(values))
    for i in range(len(values)):
        for k in range(starts[i], starts[i + 1]):
            if people[k] >= 0:
                sums[people[k]] += values[i]
    return sums


def heard_from(net: Net, values: np.ndarray) -> np.ndarray:
    """Return float64[n]: the sum of values (float64[n]) over the neighbours that each person hears or sees, in their order."""
    if net.complete[NEIGHBOURS] == 1:
        return np.zeros(len(values))
    if net.rows_at[NEIGHBOURS] < 0:  # of a whole nation they would be too many to be written out
        return np.asarray(sums_near(net.implied, values))
    return np.asarray(sums_over(*rows_tied(net, NEIGHBOURS, len(values)), values))
