"""Friends by formula: a relation that is the same from both ends, with the degrees and the paths of a random graph."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.befriended import friend_at, friend_seat, friends_of
from sim.befriending import rows_of_friends
from sim.implied import Implied
from sim.implying import imply
from sim.jit import is_compiling
from sim.network import Friends
from sim.population import People

MOST = 3000 if is_compiling else 40
STANDARD_ERRORS = 5.0


def implied_of(law: Friends, province: np.ndarray, users: np.ndarray, seed: int) -> Implied:
    people = cast(People, SimpleNamespace(n=len(province), province=province.astype(np.int16)))
    return imply(people, None, (law, users.astype(np.int32)), 0, [], seed)


def numbers_of(law: Friends, province: np.ndarray, users: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of each number that a friend can have: whose it is, and the friend; -1: nobody."""
    starts, friends = rows_of_friends(implied_of(law, province, users, seed), len(province))
    return np.repeat(np.arange(len(province)), np.diff(starts)), friends.astype(np.int64)


# -- one relation, from both ends


@st.composite
def nations(draw: st.DrawFn) -> tuple[Friends, np.ndarray, np.ndarray, int]:
    """Return a law, everybody's province, those who are users, and a seed: from two users on, in any provinces."""
    n = draw(st.integers(2, 12) | st.integers(2, MOST))
    provinces = draw(st.sampled_from([1, 2, 3, 9]))
    dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = dice.dirichlet(np.full(provinces, draw(st.sampled_from([0.2, 1.0, 50.0]))))
    province = dice.choice(provinces, n, p=weights)
    if draw(st.booleans()):
        province = np.sort(province)
    users = np.flatnonzero(dice.random(n) < draw(st.sampled_from([0.4, 1.0])))
    law = Friends(
        mean=draw(st.sampled_from([0.5, 3.0, 12.0, 50.0, 2.0 * n])),
        sigma=draw(st.sampled_from([0.0, 0.8, 3.0])),
        local_share=draw(st.sampled_from([0.0, 0.3, 0.7, 1.0])),
    )
    return law, province, users if len(users) > 1 else np.arange(n), draw(st.integers(0, 2**63 - 1))


@settings(deadline=None, derandomize=True, max_examples=300 if is_compiling else 25)
@given(nations())
@example((Friends(mean=2, local_share=0.5), np.zeros(2, int), np.arange(2), 1))
@example((Friends(mean=9, sigma=1, local_share=0.5), np.zeros(3, int), np.arange(3), 1))
@example((Friends(mean=4, local_share=1), np.repeat([0, 1, 2], [3, 9, 5]), np.arange(17), 1))
def test_the_relation_is_the_same_from_both_ends(
    nation: tuple[Friends, np.ndarray, np.ndarray, int],
) -> None:
    law, province, users, seed = nation
    implied, n = implied_of(law, province, users, seed), len(province)
    whose, friend = numbers_of(law, province, users, seed)
    is_tie = friend >= 0
    a, b = whose[is_tie], friend[is_tie]
    assert (a != b).all()
    assert np.isin(a, users).all()
    assert np.isin(b, users).all()
    pairs = np.unique(a * n + b)
    assert len(pairs) == len(a)  # unique
    np.testing.assert_array_equal(pairs, np.unique(b * n + a))  # mutual
    # Everybody is asked about all of some people, tied or not.
    tied = set(pairs.tolist())
    others = np.random.default_rng(seed % 2**32).choice(n, min(n, 12), replace=False)
    for person in others.tolist():
        count, ints = friends_of(implied, person)
        mine = [friend_at(implied, ints, k) for k in range(count)]
        assert mine == friend[whose == person].tolist()
        for other in range(n):
            seat = friend_seat(implied, ints, other)
            assert (seat >= 0) == (person * n + other in tied)
            assert seat < 0 or mine[seat] == other
