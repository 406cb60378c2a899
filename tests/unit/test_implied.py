"""Generated ties against a plain sampler of their definition, written independently: the same statistics on average.

Tolerances are 5 standard errors of the difference, from replicates of both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sim.implied import (
    FOLLOWERS,
    GROUPS,
    follower_number,
    following,
    group_place,
    group_span,
    groups_joined,
    member_number,
    person_of,
)
from sim.jit import by_reference, is_compiling, njit
from sim.network import Followers, GroupTies, Neighbours, Network, make_network
from sim.population import People
from sim.world import make_world
from tests.nights import night

pytestmark = pytest.mark.skipif(not is_compiling, reason="thousands of people")

REPLICATES, STANDARD_ERRORS = 12, 5.0
LAWS = {
    "plain": Followers(mean=12, sigma=0.8, fame_sigma=0.7, fame_of_propensity=0.5, local_share=0.4),
    "all abroad": Followers(mean=8, sigma=0.4, fame_sigma=0.5, fame_of_propensity=1.0, local_share=0.0),
    "famous": Followers(mean=15, sigma=1.0, fame_sigma=1.2, fame_of_propensity=0.5, local_share=0.3),
}
CHATS = GroupTies(groups_per_user=3, mean_size=9, sigma=0.6, largest=25, local_share=0.7, created_per_user=0.3)
Statistics = dict[str, float]


def people_of(seed: int, n: int = 3000) -> tuple[People, np.ndarray]:
    """Return people of a small nation, and those among them who use what the ties are about."""
    people = make_world(night(population={"size": n}), seed).people
    return people, people.with_receiver(2)


# -- followers


def sampled_followers(law: Followers, people: People, users: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Return bool[users, users], [i, j]: i follows j, each with a probability in proportion to what both bring."""
    home = people.province[users]
    wanted = law.mean * np.exp(law.sigma * dice.standard_normal(len(users)) - law.sigma**2 / 2)
    fame = (
        np.exp(law.fame_sigma * dice.standard_normal(len(users))) * people.propensity[users] ** law.fame_of_propensity
    )
    near = home[:, None] == home[None, :]
    in_reach = np.array([fame[home == p].sum() for p in range(home.max() + 1)])[home]
    mean = (
        near * law.local_share * fame[None, :] / in_reach[:, None] + (1 - law.local_share) * fame[None, :] / fame.sum()
    )
    follows = dice.random(near.shape) < wanted[:, None] * mean
    np.fill_diagonal(follows, False)
    return np.asarray(follows)


def made_followers(law: Followers, people: People, users: np.ndarray, seed: int) -> np.ndarray:
    made = make_network(
        Network(followers=law), people, {"followers": users, "friends": users[:0]}, [], seed
    )[0]["followers"]  # fmt: skip
    follows = np.zeros((people.n, people.n), bool)
    for author in range(people.n):
        readers = made.indices[made.starts[author] : made.starts[author + 1]]
        assert len(np.unique(readers)) == len(readers)
        follows[readers, author] = True
    assert not follows.diagonal().any()
    assert not np.delete(follows, users, axis=0).any()
    assert not np.delete(follows, users, axis=1).any()
    return follows[np.ix_(users, users)]


def of_followers(follows: np.ndarray, people: People, users: np.ndarray) -> Statistics:
    n_followed, n_followers = follows.sum(1).astype(float), follows.sum(0).astype(float)
    home = people.province[users]
    found = {
        "mean": n_followed.mean(),
        "sd followed": n_followed.std(),
        "sd followers (log)": np.log1p(n_followers).std(),
    }
    for q in (0.1, 0.5, 0.9, 0.99):
        found[f"followed at {q}"] = float(np.quantile(n_followed + 0.5 * np.sin(users), q))  # no ties of whole numbers
        found[f"followers at {q}"] = float(np.log1p(np.quantile(n_followers + 0.5 * np.sin(users), q) + 0.5))
    found["followers of propensity"] = float(np.corrcoef(np.log1p(n_followers), np.log(people.propensity[users]))[0, 1])
    found["followed and followers"] = float(np.corrcoef(np.log1p(n_followers), np.log1p(n_followed))[0, 1])
    found["local"] = float((follows * (home[:, None] == home[None, :])).sum() / follows.sum())
    found["mutual"] = float((follows & follows.T).sum() / follows.sum())
    # Of two random people: how many authors they share, and how many readers two random authors share.
    pairs = np.arange(0, len(users) - 1)
    found["shared authors"] = float((follows[pairs] & follows[pairs + 1]).sum(1).mean())
    found["shared readers"] = float((follows[:, pairs] & follows[:, pairs + 1]).sum(0).mean())
    return found


# -- groups


def cut_sizes(law: GroupTies, members: np.ndarray, dice: np.random.Generator) -> list[np.ndarray]:
    """Return people in a random order cut into groups; the last one is what is left."""
    groups, order = [], dice.permutation(members)
    while len(order):
        z = dice.standard_normal()
        size = int(np.clip(int(law.mean_size * np.exp(law.sigma * z - law.sigma**2 / 2) + 0.5), 2, law.largest))
        groups.append(order[:size])
        order = order[size:]
    return groups


def sampled_groups(
    law: GroupTies, people: People, users: np.ndarray, dice: np.random.Generator
) -> list[list[np.ndarray]]:
    """Return the groups of each layer: of each user one, of which a share are cut within the province."""
    layers = []
    for layer in range(law.groups_per_user + 1):
        joins = users if layer < law.groups_per_user else users[dice.random(len(users)) < law.created_per_user]
        is_local = dice.random(len(joins)) < law.local_share
        groups = cut_sizes(law, joins[~is_local], dice)
        for p in np.unique(people.province[joins]):
            groups += cut_sizes(law, joins[is_local & (people.province[joins] == p)], dice)
        layers.append(groups)
    return layers


def made_groups(law: GroupTies, people: People, users: np.ndarray, seed: int) -> list[list[np.ndarray]]:
    made = make_network(
        Network(groups={"chat": law}), people, {"followers": users[:0], "friends": users[:0]}, [("chat", 4, users)], seed
    )[1]["chat"]  # fmt: skip
    members = [made.members[a:b] for a, b in zip(made.starts[:-1], made.starts[1:], strict=True)]
    layers: list[list[np.ndarray]] = [[]]
    taken = np.zeros(people.n, bool)
    for group, owner in zip(members, made.owner, strict=True):
        if taken[group].any():  # the next layer: nobody is twice in one
            layers.append([])
            taken[:] = False
        taken[group] = True
        layers[-1].append(group)
        assert owner in (group if len(layers) > law.groups_per_user else [-1])
    assert len(layers) == law.groups_per_user + 1
    for layer in layers[:-1]:
        np.testing.assert_array_equal(np.sort(np.concatenate(layer)), users)
    return layers


def of_groups(layers: list[list[np.ndarray]], people: People, users: np.ndarray) -> Statistics:
    sizes = np.array([len(group) for layer in layers for group in layer], float)
    joined = np.zeros(people.n)
    where = np.full((len(layers), people.n), -1)
    for k, layer in enumerate(layers):
        for number, group in enumerate(layer):
            where[k, group] = number
            joined[group] += 1
    one_place = [len(np.unique(people.province[g])) == 1 for layer in layers for g in layer if len(g) > 5]
    meet = same = 0
    for group in layers[0]:  # members of one group: do they meet in the next layer again?
        a, b = np.triu_indices(len(group), 1)
        meet += int((where[1, group[a]] == where[1, group[b]]).sum())
        same += len(a)
    found = {
        "groups": len(sizes), "mean size": sizes.mean(), "sd of sizes": sizes.std(), "joined": joined[users].mean(),
        "sd joined": joined[users].std(), "of one province": float(np.mean(one_place)), "met again": meet / same,
    }  # fmt: skip
    ordered = np.sort(sizes + 0.5 * np.sin(np.arange(len(sizes))))
    return found | {f"size at {q}": float(np.quantile(ordered, q)) for q in (0.25, 0.5, 0.75, 0.95)}


# -- the comparison


def apart(found: list[Statistics], expected: list[Statistics]) -> dict[str, float]:
    """Return by how many standard errors each statistic differs on average."""
    out = {}
    for name in expected[0]:
        a, b = (np.array([s[name] for s in each]) for each in (found, expected))
        error = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
        out[name] = float((a.mean() - b.mean()) / max(error, 1e-9 * abs(b.mean()) + 1e-12))
    return out


def compared(made: Callable[..., Statistics], sampled: Callable[..., Statistics]) -> dict[str, float]:
    """Return `apart` of what the package makes and what is sampled, for the same people, anew in each replicate."""
    found, expected = [], []
    for seed in range(REPLICATES):
        people, users = people_of(seed)
        found.append(made(people, users, seed))
        expected.append(sampled(people, users, np.random.default_rng(1000 + seed)))
    return apart(found, expected)


def sampled_statistics(law: Followers) -> Callable[..., Statistics]:
    return lambda people, users, dice: of_followers(sampled_followers(law, people, users, dice), people, users)


@pytest.mark.parametrize("name", LAWS)
def test_followers_are_those_of_the_definition(name):
    law = LAWS[name]
    z = compared(
        lambda people, users, seed: of_followers(made_followers(law, people, users, seed), people, users),
        sampled_statistics(law),
    )
    assert {k: v for k, v in z.items() if abs(v) > STANDARD_ERRORS} == {}


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "seen_in"),
    [
        ({"mean": 12.6}, "mean"), ({"sigma": 0.88}, "sd followed"), ({"fame_sigma": 0.77}, "sd followers (log)"),
        ({"fame_of_propensity": 0.3}, "followers of propensity"), ({"local_share": 0.43}, "local"),
    ],
)  # fmt: skip
def test_a_sampler_of_slightly_other_followers_is_told_apart(change, seen_in):
    """What the comparison above would notice."""
    law = LAWS["plain"]
    other = law.model_copy(update=change)
    z = compared(
        lambda people, users, seed: of_followers(made_followers(other, people, users, seed), people, users),
        sampled_statistics(law),
    )
    assert abs(z[seen_in]) > STANDARD_ERRORS


def groups_compared(law: GroupTies) -> dict[str, float]:
    return compared(
        lambda people, users, seed: of_groups(made_groups(law, people, users, seed), people, users),
        lambda people, users, dice: of_groups(sampled_groups(CHATS, people, users, dice), people, users),
    )


def test_chat_groups_are_those_of_the_definition():
    assert {k: v for k, v in groups_compared(CHATS).items() if abs(v) > STANDARD_ERRORS} == {}


@pytest.mark.parametrize(
    ("change", "seen_in"),
    [({"mean_size": 9.6}, "mean size"), ({"sigma": 0.7}, "sd of sizes"), ({"local_share": 0.8}, "of one province"),
     ({"created_per_user": 0.34}, "joined"), ({"largest": 17}, "size at 0.95")],
)  # fmt: skip
def test_slightly_other_groups_are_told_apart(change, seen_in):
    assert abs(groups_compared(CHATS.model_copy(update=change))[seen_in]) > STANDARD_ERRORS


def test_neighbours_are_a_ring_in_each_province():
    people, users = people_of(1, 700)
    ring = make_network(
        Network(neighbours=Neighbours(mean=6)), people, {"followers": users[:0], "friends": users[:0]}, [], 1
    )[0]["neighbours"]  # fmt: skip
    for p in np.unique(people.province):
        home = np.flatnonzero(people.province == p)
        for k, person in enumerate(home):
            expected = {int(home[(k + d) % len(home)]) for d in (-3, -2, -1, 1, 2, 3)}
            assert set(ring.indices[ring.starts[person] : ring.starts[person + 1]].tolist()) == expected


# -- rows are written from whole tables, while a run may ask for one tie


@njit
def followers_asked(implied, n):
    """Return starts and indices of the followers of n people, each of them asked for."""
    implied = by_reference(implied)
    starts = np.zeros(n + 1, np.int64)
    for i in range(n):
        starts[i + 1] = starts[i] + following(implied, i)[0]
    indices = np.empty(starts[n], np.int32)
    for i in range(n):
        count, ints, floats = following(implied, i)
        for k in range(count):
            indices[starts[i] + k] = person_of(implied, FOLLOWERS, follower_number(implied, ints, floats, k))
    return starts, indices


@njit
def groups_asked(implied, n, n_groups):
    """Return the groups of n people and the members of the groups of channel 0, with where they begin, each asked for."""
    implied = by_reference(implied)
    joined_starts, starts = np.zeros(n + 1, np.int64), np.zeros(n_groups + 1, np.int64)
    for i in range(n):
        joined_starts[i + 1] = joined_starts[i] + groups_joined(implied, 0, i)
    for group in range(n_groups):
        starts[group + 1] = starts[group] + group_span(implied, group)[0]
    joined, members = np.empty(joined_starts[-1], np.int32), np.empty(starts[-1], np.int32)
    for i in range(n):
        for k in range(joined_starts[i + 1] - joined_starts[i]):
            joined[joined_starts[i] + k] = group_place(implied, 0, i, k)[0]
    for group in range(n_groups):
        count, ints = group_span(implied, group)
        for k in range(count):
            members[starts[group] + k] = person_of(implied, GROUPS, member_number(implied, ints, k))
    return starts, members, joined_starts, joined


@pytest.mark.parametrize("n", [6, 150, 3000])
def test_rows_hold_what_is_computed_when_it_is_asked_for(n):
    people, users = people_of(1, n)
    both = {
        stored: make_network(
            Network(followers=LAWS["famous"], groups={"chat": CHATS}, stored=stored),
            people,
            {"followers": users, "friends": users[:0]},
            [("chat", 4, users)],
            1,
        )
        for stored in (True, False)
    }
    followers, chats = both[True][0]["followers"], both[True][1]["chat"]
    implied = both[False][2]
    assert len(followers.indices) > 0
    for found, expected in (
        ((followers.starts, followers.indices), followers_asked(implied, n)),
        (
            (chats.starts, chats.members, chats.joined_starts, chats.joined),
            groups_asked(implied, n, len(chats.starts) - 1),
        ),
    ):
        for mine, asked in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, asked)
