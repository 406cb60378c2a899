"""Friends by formula: a relation that is the same from both ends, with the degrees and the paths of a random graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse

from sim.befriended import friend_number, friend_seat, friends_of
from sim.befriending import rows_of_friends
from sim.implied import FRIENDS, Implied, person_of
from sim.implying import imply
from sim.jit import by_reference, is_compiling, njit
from sim.network import Friends, Ties
from sim.population import People
from tests.unit.test_implied import Statistics, apart

MOST = 3000 if is_compiling else 40
REPLICATES, STANDARD_ERRORS = 8, 5.0


def implied_of(law: Friends, province: np.ndarray, users: np.ndarray, seed: int) -> Implied:
    by_province = np.argsort(province, kind="stable").astype(np.int32)
    people = cast(People, SimpleNamespace(n=len(province), province=province.astype(np.int16), by_province=by_province))
    return imply(people, None, (law, users.astype(np.int32)), 0, [], seed)


def numbers_of(law: Friends, province: np.ndarray, users: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of each number that a friend can have: whose it is, and the friend; -1: nobody."""
    starts, friends = rows_of_friends(implied_of(law, province, users, seed), len(province))
    return np.repeat(np.arange(len(province)), np.diff(starts)), friends.astype(np.int64)


# -- one relation, from both ends


@njit
def asked(implied, person, n):  # type: ignore[no-untyped-def]
    """Return a person's friends by number, int64[k], and the seat of everybody among them, int64[n]."""
    implied = by_reference(implied)
    count, ints = friends_of(implied, person)
    mine, seats = np.empty(count, np.int64), np.empty(n, np.int64)
    for k in range(count):
        mine[k] = person_of(implied, FRIENDS, friend_number(implied, ints, k))
    for other in range(n):
        seats[other] = friend_seat(implied, ints, other)
    return mine, seats


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


@settings(deadline=None, derandomize=True, max_examples=40 if is_compiling else 25)
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
    others = np.random.default_rng(seed % 2**32).choice(n, min(n, 4), replace=False)
    for person in others.tolist():
        mine, seats = asked(implied, person, n)
        assert mine.tolist() == friend[whose == person].tolist()
        is_tied = np.isin(person * n + np.arange(n), pairs, assume_unique=True)
        np.testing.assert_array_equal(seats >= 0, is_tied)
        np.testing.assert_array_equal(mine[seats[is_tied]], np.flatnonzero(is_tied))


# -- a random graph of given degrees

LAW = Friends(mean=14, sigma=0.8, local_share=0.6)
HOME = np.repeat(np.arange(5), [7000, 5001, 3999, 3000, 1000])
thousands = pytest.mark.skipif(not is_compiling, reason="thousands of people")


def sampled(law: Friends, dice: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of ties: half of a person's are a log-normal number, half Poisson; stubs are paired at random.

    Each is for somebody at home or for anybody.
    """
    n = len(HOME)
    wanted = law.mean / 2 * np.exp(law.sigma * dice.standard_normal(n) - law.sigma**2 / 2)
    degrees = np.floor(wanted + dice.random(n)).astype(int) + dice.poisson(law.mean / 2, n)
    stubs = np.repeat(np.arange(n), degrees)
    place = np.where(dice.random(len(stubs)) < law.local_share, HOME[stubs], 9)
    ties = []
    for p in np.unique(place):
        mine = dice.permutation(stubs[place == p])
        ties.append(mine[: len(mine) // 2 * 2].reshape(2, -1))
    a, b = np.sort(np.concatenate(ties, axis=1), axis=0)
    pairs = np.unique((a * n + b)[a != b])
    return np.concatenate([pairs // n, pairs % n]), np.concatenate([pairs % n, pairs // n])


def of_friends(a: np.ndarray, b: np.ndarray) -> Statistics:
    """Return degrees, those of friends, who is reached in two steps, and short circles, per person."""
    n = len(HOME)
    degrees = np.bincount(a, minlength=n).astype(float)
    some = np.arange(0, n, 10)
    ties = sparse.csr_array((np.ones(len(a)), (a, b)), shape=(n, n))
    paths = (ties[some] @ ties).tolil()
    paths[np.arange(len(some)), some] = 0
    shared = paths.tocsr().data
    found = {
        "mean": degrees.mean(), "sd": degrees.std(), "at home": float((HOME[a] == HOME[b]).mean()),
        "of friends": degrees[a].mean(), "of friends and one's own": float(np.corrcoef(degrees[a], degrees[b])[0, 1]),
        "in two steps": float((shared > 0).sum() / len(some)), "squares": float((shared * (shared - 1)).sum() / len(some)),
    }  # fmt: skip
    ordered = degrees + 0.5 * np.sin(np.arange(n))  # no ties of whole numbers
    return found | {f"at {q}": float(np.quantile(ordered, q)) for q in (0.1, 0.5, 0.9, 0.99)}


def made(law: Friends, change: Callable[[Implied], Implied] = lambda implied: implied) -> list[Statistics]:
    found = []
    for seed in range(REPLICATES):
        implied = change(implied_of(law, HOME, np.arange(len(HOME)), seed))
        for array in implied.friends:
            array.setflags(write=False)  # as all are: else it is compiled for others
        starts, friends = rows_of_friends(implied, len(HOME))
        found.append(of_friends(*Ties(starts, friends).pairs()))
    return found


@cache
def expected() -> list[Statistics]:
    return [of_friends(*sampled(LAW, np.random.default_rng(1000 + seed))) for seed in range(REPLICATES)]


@cache
def found() -> list[Statistics]:
    return made(LAW)


@thousands
def test_friends_are_those_of_a_random_graph():
    """But for circles of four, of which there are twice as many where ties run between halves (and none of three)."""
    halved = [statistics | {"squares": statistics["squares"] / 2} for statistics in found()]
    assert {k: v for k, v in apart(halved, expected()).items() if abs(v) > STANDARD_ERRORS} == {}


@pytest.mark.long
@thousands
@pytest.mark.parametrize(
    ("change", "seen_in"),
    [
        ({"mean": 14.3}, "mean"),
        ({"sigma": 0.84}, "sd"),
        ({"local_share": 0.62}, "at home"),
        ({"sigma": 0.84}, "of friends"),
    ],
)
def test_slightly_other_friends_are_told_apart(change, seen_in):
    assert abs(apart(made(LAW.model_copy(update=change)), expected())[seen_in]) > STANDARD_ERRORS


@thousands
def test_friends_who_are_matched_in_order_are_told_apart():
    def unshuffled(implied: Implied) -> Implied:
        return implied._replace(friends=implied.friends._replace(slices=np.zeros_like(implied.friends.slices)))

    z = apart(made(LAW, unshuffled), expected())
    assert z["in two steps"] < -STANDARD_ERRORS
