"""The world against its stated shares and sizes, ties that are unique and sorted, and files of the user's own.

Statistical checks are two-sided at level 1e-4 each (Bonferroni within a test), on fixed seeds.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from sim import draws, threads
from sim.audiences import person_at
from sim.engine.build import make_tables
from sim.engine.ties import audience_of, lists
from sim.errors import InputError
from sim.places import read_provinces
from sim.units import HOUR, MINUTE
from sim.world import make_world
from tests.nights import constant, night, traits_of

LEVEL = 1e-4
N = 4000


def z(tests=1):
    return float(ndtri(1 - LEVEL / (2 * tests)))


OF_LOOPS = 8
"""People who pick themselves: Poisson with mean 1 in all, above 8 with probability 1e-6."""


def is_binomial(count, n, p, tests=1, slack=0.0):
    """Return whether a count lies within z standard errors of n p."""
    return abs(count - n * p) <= z(tests) * math.sqrt(n * p * (1 - p)) + slack


def listed_in(audiences, which):
    """Return the people of a list."""
    return [person_at(audiences, which, k) for k in range(audiences.sizes[which])]


def degrees(ties):
    return np.diff(ties.starts)


def edges(ties):
    """Return (source, target) of compressed rows."""
    return ties.pairs()


@pytest.fixture(scope="module")
def scenario():
    return night(population={"size": N})


@pytest.fixture(scope="module")
def world(scenario):
    return make_world(scenario, 7)


# -- places


def test_turkey_has_81_provinces_and_its_people_of_2015():
    provinces = read_provinces()
    assert len(provinces.names) == len(set(provinces.names)) == 81
    assert provinces.total == 78_741_053
    assert provinces.names[provinces.populations.argmax()] == "İstanbul"
    # Positions lie within the country.
    assert 35.8 < provinces.latitudes.min() < provinces.latitudes.max() < 42.2
    assert 25.6 < provinces.longitudes.min() < provinces.longitudes.max() < 44.9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("province,latitude,longitude\nA,1,1\n", ["'population'", "lacks the column"]),
        ("province,latitude,longitude,population\nA,1,1,many\n", ["many", "not a number"]),
        ("province,latitude,longitude,population\nA,1\n", ["not a number"]),
        ("province,latitude,longitude,population\n", ["no people"]),
        ("province,latitude,longitude,population\nA,1,1,0\n", ["no people"]),
        ("province,latitude,longitude,population\nA,1,1,-5\nB,1,1,9\n", ["no people"]),
        (None, ["cannot be read"]),
    ],
)
def test_a_table_of_provinces_that_cannot_be_used_is_refused(tmp_path, text, words):
    path = tmp_path / "places.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_provinces(path)
    assert all(word in str(error.value) for word in [str(path), *words])


def test_a_table_of_provinces_that_changes_is_read_again(tmp_path):
    path = tmp_path / "provinces.csv"
    for people in (10, 1000):
        path.write_text(f"province,latitude,longitude,population\nAnkara,39.9,32.9,{people}\n", encoding="utf-8")
        assert read_provinces(path).total == people
    assert read_provinces(path) is read_provinces(path)


def test_nobody_lives_in_an_empty_province(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text("province,latitude,longitude,population\nA,1,1,0\nB,1,1,9\nC,1,1,0\n", encoding="utf-8")
    world = make_world(night(population={"provinces": path}, scenario={"timeline": []}), 1)
    assert set(world.people.province.tolist()) == {1}


# -- people


def test_people_are_shared_out_over_the_provinces_and_numbered_one_after_the_other(world):
    assert world.people.province.tolist() == [0] * (N // 2) + [1] * (3 * N // 10) + [2] * (N // 5)
    assert world.people.province_starts.tolist() == [0, N // 2, 8 * N // 10, N]
    assert len(world.people.by_province) == 0


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (1, [0, 1, 0, 0]),
        (2, [1, 1, 0, 0]),
        (5, [1, 3, 1, 0]),
        (7, [2, 4, 1, 0]),
        (14, [3, 8, 3, 0]),
        (28, [6, 16, 6, 0]),
    ],
)
def test_people_are_shared_out_by_largest_remainders(tmp_path, n, sizes):
    """By hand: shares 3/14, 8/14, 3/14 and none, of equal remainders the first in the table."""
    path = tmp_path / "places.csv"
    path.write_text("province,latitude,longitude,population\nA,1,1,3\nB,1,1,8\nC,1,1,3\nD,1,1,0\n", encoding="utf-8")
    assert read_provinces(path).shared_out(n).tolist() == sizes


def test_turkeys_people_are_shared_out_over_81_provinces_to_less_than_one_person():
    provinces = read_provinces()
    assert provinces.shared_out(provinces.total).tolist() == provinces.populations.tolist()
    for n in (1, 40_000, 10_000_019):
        sizes = provinces.shared_out(n)
        assert sizes.sum() == n
        assert (np.abs(sizes - n * (provinces.populations / provinces.total)) < 1).all()


@pytest.mark.parametrize("is_given", [False, True])
def test_people_can_be_listed_by_province(tmp_path, is_given):
    n = 30
    population = {"size": n}
    if is_given:  # in no order
        write(pd.DataFrame({"province": ["Eastern", "Western", "Middle"] * 10}), tmp_path / "people.csv")
        population["file"] = tmp_path / "people.csv"
    people = make_world(night(population=population), 1).people
    order = people.by_province if is_given else np.arange(n)
    assert len(people.by_province) == (n if is_given else 0)
    for k in range(3):
        listed = order[people.province_starts[k] : people.province_starts[k + 1]]
        assert listed.tolist() == np.flatnonzero(people.province == k).tolist()
    audiences = people.audiences((0, 2))
    for which, receiver in enumerate((0, 2)):
        has = people.with_receiver(receiver)
        assert (np.diff(has) > 0).all()
        assert listed_in(audiences, which) == [p for p in order if p in has]


def test_receivers_have_their_shares_and_lie_within_one_another(scenario, world):
    names = list(scenario.population.receivers)
    has = {name: set(world.people.with_receiver(k).tolist()) for k, name in enumerate(names)}
    for name, receiver in scenario.population.receivers.items():
        assert is_binomial(len(has[name]), N, receiver.share, tests=len(names))
    assert has["net"] <= has["phone"]
    assert not has["tv"] <= has["phone"]
    assert has["street"] == set(range(N))
    # Independent where nothing is said: television among phones.
    assert is_binomial(len(has["tv"] & has["phone"]), len(has["phone"]), 0.9)


def test_everybody_who_has_a_receiver_is_listed_once_and_ascending(scenario, world, monkeypatch):
    people, indices = world.people, (3, 0, 2)
    audiences = people.audiences(indices)
    assert people.audiences(indices) is audiences
    for which, index in enumerate(indices):
        expected = np.flatnonzero(people.receivers >> np.uint32(index) & np.uint32(1))
        np.testing.assert_array_equal(listed_in(audiences, which), expected)
        np.testing.assert_array_equal(people.with_receiver(index), expected)
    # However many threads there are.
    monkeypatch.setattr(threads, "n_processors", lambda: 3)
    again = replace(people).audiences(indices)
    assert again is not audiences
    for part, whole in zip(again, audiences, strict=True):
        np.testing.assert_array_equal(part, whole)
    assert [len(part) for part in people.audiences(())] == [0] * 7


def test_channels_of_one_receiver_share_one_list():
    tables = make_tables(night(), make_world(night(), 1), 1)
    receivers = [channel.receiver for channel in night().channels.values()]
    assert (
        len(set(tables.net.listed.tolist())) == len(set(receivers)) == len(tables.net.audiences.sizes) < len(receivers)
    )
    people = make_world(night(), 1).people
    for c, receiver in enumerate(receivers):
        index = list(night().population.receivers).index(receiver)
        np.testing.assert_array_equal(lists(tables.net, audience_of(tables.net, c)), people.with_receiver(index))


def test_traits_follow_their_laws(scenario, world):
    people = world.people
    sigma = scenario.population.propensity_sigma
    assert abs(people.propensity.mean() - 1) < z() * math.sqrt(math.expm1(sigma**2) / N)
    assert abs(np.log(people.propensity).std() - sigma) < z() * sigma / math.sqrt(2 * N)
    bed_ticks, sleep = people.sleep_habits(0, N)
    bed = bed_ticks / HOUR
    assert abs(bed.mean() - -0.5) < z() * 2.0 / math.sqrt(N) + 1 / HOUR
    assert sleep.min() == 1 * HOUR  # 16 % of normal(2, 1) lie below an hour
    assert sleep.max() <= 16 * HOUR
    for part, whole in zip(people.sleep_habits(100, 120), (bed_ticks, sleep), strict=True):
        np.testing.assert_array_equal(part, whole[100:120])
    # The median of the travel time, log-normal: asymptotic standard error of a sample median.
    log_travel = np.log(people.travel / MINUTE)
    assert abs(np.median(log_travel) - math.log(8)) < z() * 0.5 * math.sqrt(math.pi / 2 / N)
    dispositions = people.dispositions(0, N)
    for u in dispositions:
        assert 0 < u.min() <= u.max() < 1
        assert abs(u.mean() - 0.5) < z(3) / math.sqrt(12 * N)
    # Log: correlations of what is heavy-tailed scatter more than those of numbers with a normal distribution.
    traits = [*dispositions, np.log(people.propensity), np.log(people.travel), bed, sleep]
    traits += [people.receivers >> np.uint32(k) & np.uint32(1) for k in (0, 1)]
    found = np.corrcoef(traits)[np.triu_indices(len(traits), 1)]
    assert np.abs(found).max() < z(len(found)) / math.sqrt(N)
    np.testing.assert_array_equal(people.dispositions(100, 120), dispositions[:, 100:120])


def test_the_number_of_threads_and_the_size_of_chunks_change_no_trait(scenario, world, monkeypatch):
    rows = make_tables(scenario, world.replace(reaction_scale=1.0), 7).people
    for chunk, n_threads in ((1 << 8, 1), (1 << 8, 3), (1000, 2)):
        monkeypatch.setattr(threads, "CHUNK", chunk)
        monkeypatch.setattr(threads, "n_processors", lambda n=n_threads: n)
        other = make_world(scenario, 7)
        for name, trait in traits_of(world.people).items():
            np.testing.assert_array_equal(traits_of(other.people)[name], trait)
        np.testing.assert_array_equal(make_tables(scenario, other.replace(reaction_scale=1.0), 7).people, rows)


def test_a_travel_time_is_at_least_a_tick():
    world = make_world(night(population={"travel": constant(0)}), 1)
    assert set(world.people.travel.tolist()) == {1}


@pytest.mark.parametrize(("weight", "size"), [(250, 40), (10_000, 1), (3, 3333), (1, 10_000)])
def test_the_weight_gives_the_size(weight, size):
    population = night(population={"size": None, "weight": weight}).population
    assert population.n_people == size
    assert population.real_per_person == weight
    assert night(population={"size": size}).population.real_per_person == 10_000 / size


def test_traits_are_drawn_by_person_not_by_place_in_a_stream(scenario, world):
    # Person 17 of a small nation is person 17 of a large one.
    small = make_world(night(population={"size": 50}), 7).people
    for name, trait in traits_of(small).items():
        if name != "province":
            np.testing.assert_array_equal(trait, traits_of(world.people)[name][:50])
    np.testing.assert_array_equal(small.dispositions(0, 50), world.people.dispositions(0, 50))


def test_the_same_seed_makes_the_same_world_and_another_seed_another(scenario, world):
    again, other = make_world(scenario, 7), make_world(scenario, 8)
    for name in world.ties:
        np.testing.assert_array_equal(again.ties[name].indices, world.ties[name].indices)
        if name != "neighbours":  # they are who is numbered before and after
            assert not np.array_equal(other.ties[name].indices, world.ties[name].indices)
    np.testing.assert_array_equal(again.groups["chat"].members, world.groups["chat"].members)
    assert not np.array_equal(other.people.propensity, world.people.propensity)


def test_a_world_of_one_person_has_no_ties():
    world = make_world(night(population={"size": 1}, scenario={"timeline": []}), 2)
    assert world.people.n == 1
    assert all(len(t.indices) == 0 for t in world.ties.values())


# -- ties


def ascending(ties):
    """Return the indices with each row sorted."""
    source, target = edges(ties)
    return target[np.lexsort((target, source))]


def assert_well_formed(ties, n):
    source, target = edges(ties)
    assert ties.starts[0] == 0
    assert ties.starts[-1] == len(ties.indices)
    assert len(ties.starts) == n + 1
    assert (source != target).all()
    same_row = source[1:] == source[:-1]
    assert (np.diff(ascending(ties).astype(np.int64))[same_row] > 0).all()  # unique
    assert ((target >= 0) & (target < n)).all()


@pytest.mark.parametrize("name", ["followers", "friends", "neighbours"])
def test_ties_are_unique_sorted_and_without_loops(world, name):
    assert_well_formed(world.ties[name], N)


@pytest.mark.parametrize("name", ["friends", "neighbours"])
def test_friends_and_neighbours_are_mutual(world, name):
    source, target = edges(world.ties[name])
    assert set(zip(source.tolist(), target.tolist(), strict=True)) == set(
        zip(target.tolist(), source.tolist(), strict=True)
    )


def test_only_users_follow_and_are_followed(scenario, world):
    users = set(world.people.with_receiver(list(scenario.population.receivers).index("net")).tolist())
    for name in ("followers", "friends"):
        source, target = edges(world.ties[name])
        assert set(source.tolist()) | set(target.tolist()) <= users


def test_mean_number_followed():
    """A user picks 6 others on average; picking oneself or somebody twice loses at most E(d + d^2 / 2) / n of them."""
    network = {
        "followers": {"mean": 6, "sigma": 0.8, "fame_sigma": 0, "fame_of_propensity": 0, "local_share": 0},
    }
    world = make_world(night(population={"size": N}, network=network), 11)
    n, own = len(world.people.with_receiver(2)), 6.0
    second = own**2 * math.exp(0.8**2) + 0.25  # of the log-normal, and of stochastic rounding
    picked = len(world.ties["followers"].indices) / n
    loss = (own + second / 2) / n
    tolerance = z(1) * math.sqrt((second - own**2) / n)
    assert own - loss - tolerance < picked < own + tolerance


def test_attractive_accounts_are_followed_more():
    network = {"followers": {"mean": 1, "sigma": 0, "fame_sigma": 1.0, "fame_of_propensity": 0.5, "local_share": 0}}
    world = make_world(night(population={"size": N}, network=network), 12)
    users = world.people.with_receiver(2)
    by_luck = np.exp(ndtri(draws.uniforms(12, draws.W_FAME, users.astype(np.int64), 0, 0)))
    fame = by_luck * world.people.propensity[users] ** 0.5
    top = users[fame > np.quantile(fame, 0.9)]
    share = fame[fame > np.quantile(fame, 0.9)].sum() / fame.sum()
    # Everybody picks exactly one; only who picks oneself picks again.
    assert is_binomial(degrees(world.ties["followers"])[top].sum(), len(users), share, slack=OF_LOOPS)


@pytest.mark.parametrize("local_share", [0.0, 0.4, 1.0])
def test_the_local_share_of_ties_stays_in_the_province(local_share):
    network = {
        "followers": {"mean": 1, "sigma": 0, "fame_sigma": 0, "fame_of_propensity": 0, "local_share": local_share}
    }
    world = make_world(night(population={"size": N}, network=network), 13)
    source, target = edges(world.ties["followers"])
    province = world.people.province
    users = world.people.with_receiver(2)
    by_chance = ((np.bincount(province[users]) / len(users)) ** 2).sum()
    expected = local_share + (1 - local_share) * by_chance
    is_local = province[source] == province[target]
    assert is_binomial(is_local.sum(), len(is_local), expected, slack=OF_LOOPS) if local_share < 1 else is_local.all()


def test_neighbours_form_a_ring_in_each_province(world):
    sizes = np.bincount(world.people.province, minlength=3)
    source, target = edges(world.ties["neighbours"])
    assert (world.people.province[source] == world.people.province[target]).all()
    assert sizes.min() > 6
    assert (degrees(world.ties["neighbours"]) == 6).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 40])
def test_a_small_province_knows_everybody(size):
    world = make_world(night(population={"size": size}, network={"neighbours": {"mean": 6}}), 3)
    sizes = np.bincount(world.people.province, minlength=3)
    expected = np.minimum(6, sizes[world.people.province] - 1)
    np.testing.assert_array_equal(degrees(world.ties["neighbours"]), expected)


def test_groups_have_sizes_within_their_limits_and_every_user_is_in_so_many(scenario, world):
    rules, groups = scenario.network.groups["chat"], world.groups["chat"]
    users = world.people.with_receiver(list(scenario.population.receivers).index("phone"))
    sizes = np.diff(groups.starts)
    # Below 2 only where a province's (or the country's) users run out: one remainder per layer and key.
    assert sizes.max() <= rules.largest
    assert sizes.min() >= 1
    assert (sizes < 2).sum() <= 4 * (rules.groups_per_user + 1)
    member_of = np.diff(groups.joined_starts)
    assert set(np.flatnonzero(member_of).tolist()) == set(users.tolist())
    n_more = int((member_of[users] == rules.groups_per_user + 1).sum())
    assert (member_of[users] >= rules.groups_per_user).all()
    assert n_more + int((member_of[users] == rules.groups_per_user).sum()) == len(users)
    # That share of each province, up to one person.
    assert abs(n_more - rules.created_per_user * len(users)) < 3
    # Nobody is in a group twice, and both indices say the same.
    pairs = {(g, int(p)) for g in range(len(sizes)) for p in groups.members[groups.starts[g] : groups.starts[g + 1]]}
    assert len(pairs) == len(groups.members)
    again = {
        (int(g), p) for p in range(N) for g in groups.joined[groups.joined_starts[p] : groups.joined_starts[p + 1]]
    }
    assert pairs == again


def test_groups_that_are_created_in_the_night_have_an_owner_among_their_members(scenario, world):
    groups = world.groups["chat"]
    owned = np.flatnonzero(groups.owner >= 0)
    members = [set(groups.members[groups.starts[g] : groups.starts[g + 1]].tolist()) for g in owned]
    assert all(int(o) in m for o, m in zip(groups.owner[owned], members, strict=True))
    # Nobody owns two, and they hold exactly those who are in one group more.
    assert len(set(groups.owner[owned].tolist())) == len(owned)
    assert sum(map(len, members)) == int((np.diff(groups.joined_starts) == 3).sum())


def test_no_groups_and_no_created_groups_are_possible():
    for changes in ({"groups_per_user": 0, "created_per_user": 0}, {"groups_per_user": 0}, {"created_per_user": 0}):
        world = make_world(night(network={"groups": {"chat": changes}}), 1)
        groups = world.groups["chat"]
        assert len(groups.owner) == len(groups.starts) - 1
        assert (len(groups.owner) == 0) == (len(changes) == 2)


# -- files of the user's own


def write(table, path):
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)


@pytest.fixture(scope="module")
def forty():
    return make_world(night(network={"groups": {"chat": {"created_per_user": 0}}}), 5)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_ties_read_from_files_are_the_generated_ones(forty, tmp_path, suffix):
    shuffle = np.random.default_rng(1).permutation
    network = {}
    for name, columns in (("followers", ("followed", "follower")), ("friends", ("person", "friend")),
                          ("neighbours", ("person", "neighbour"))):  # fmt: skip
        table = pd.DataFrame(dict(zip(columns, edges(forty.ties[name]), strict=True)))
        if name == "friends":
            table = table[table["person"] < table["friend"]]  # each pair once; neighbours: twice
        table = table.iloc[shuffle(len(table))]
        # A loop and a double row are forgiven.
        table = pd.concat([table, table[:1], table[:1].assign(**{columns[0]: table[columns[1]].iloc[0]})])
        write(table.assign(note="from elsewhere"), tmp_path / f"{name}{suffix}")
        network[name] = {"file": tmp_path / f"{name}{suffix}"}
    groups = forty.groups["chat"]
    numbers = np.repeat(np.arange(len(groups.owner)), np.diff(groups.starts))
    table = pd.DataFrame({"group": numbers, "person": groups.members})
    write(table.iloc[shuffle(len(table))], tmp_path / f"groups{suffix}")
    network["groups"] = {"chat": {"file": tmp_path / f"groups{suffix}"}}
    world = make_world(night(network=network), 99)
    for name in forty.ties:
        n_tied = np.bincount(edges(forty.ties[name])[0], minlength=forty.people.n)
        np.testing.assert_array_equal(degrees(world.ties[name]), n_tied)
        np.testing.assert_array_equal(world.ties[name].indices, ascending(forty.ties[name]))
    for part in ("starts", "owner", "joined_starts", "joined"):
        np.testing.assert_array_equal(getattr(world.groups["chat"], part), getattr(groups, part))
    np.testing.assert_array_equal(world.groups["chat"].members, groups.members[np.lexsort((groups.members, numbers))])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_people_read_from_a_file_are_those_of_the_file(tmp_path, suffix):
    n = 40
    table = pd.DataFrame(
        {
            "province": ["Western", "Eastern"] * 20, "travel_minutes": np.arange(n) / 4, "bed_hour": np.linspace(-3, 4, n),
            "sleep_hours": np.linspace(2, 9, n), "propensity": np.linspace(0, 5, n), "threshold": np.linspace(0, 7, n),
            "able": np.arange(n) % 2, "net": np.arange(n) % 3 == 0, "tv": 1,
        }
    )  # fmt: skip
    path = tmp_path / f"people{suffix}"
    write(table.astype({"net": int}), path)
    given = make_world(night(population={"file": path}), 5).people
    generated = make_world(night(), 5).people
    assert given.province.tolist() == [0, 2] * 20
    np.testing.assert_array_equal(given.travel, np.maximum(table["travel_minutes"] * MINUTE, 1).astype(int))
    np.testing.assert_allclose(given.bed, table["bed_hour"] * HOUR, atol=1)
    np.testing.assert_allclose(given.sleep, table["sleep_hours"] * HOUR, atol=1)
    np.testing.assert_array_equal(given.propensity, table["propensity"].astype(np.float32))
    np.testing.assert_array_equal(given.threshold, table["threshold"])
    np.testing.assert_array_equal(given.able, table["able"])
    assert given.with_receiver(2).tolist() == list(range(0, n, 3))
    assert len(given.with_receiver(0)) == n
    # What the file does not say is generated as ever.
    np.testing.assert_array_equal(given.with_receiver(3), generated.with_receiver(3))
    np.testing.assert_array_equal(given.dispositions(0, n), generated.dispositions(0, n))


GOOD = {
    "followers": {"follower": [1, 2, 3], "followed": [0, 0, 1]},
    "friends": {"person": [1, 2, 3], "friend": [0, 0, 1]},
    "neighbours": {"person": [1, 2, 3], "neighbour": [0, 0, 1]},
    "chat": {"group": [0, 0, 1], "person": [0, 1, 2]},
}


def with_file(name, path):
    part = {"file": path}
    return night(network={"groups": {"chat": part}} if name == "chat" else {name: part})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", GOOD)
def test_each_file_of_ties_is_refused_with_its_name_its_column_and_the_value(tmp_path, name, suffix):
    def refusal(table):
        path = tmp_path / f"{name}{suffix}"
        write(pd.DataFrame(table), path)
        with pytest.raises(InputError) as error:
            make_world(with_file(name, path), 1)
        assert str(path) in str(error.value)
        return str(error.value)

    good = GOOD[name]
    for column in good:
        rest = {("kin" if c == column else c): v for c, v in good.items()}
        assert f"'{column}'" in refusal(rest)
        assert "kin" in refusal(rest)
        for bad, shown in ((40, " 40,"), (-1, "-1"), (2.5, "2.5")):
            if (column, bad) == ("group", 40):
                continue  # groups are numbered as one likes
            sentence = refusal(good | {column: [0, bad, 1]})
            assert f"'{column}'" in sentence
            assert shown in sentence
            assert "row 2" in sentence
        sentence = refusal(good | {column: ["0", "Ayşe", "1"]})
        assert f"'{column}'" in sentence
        assert "'Ayşe'" in sentence
        assert "row 3" in refusal(good | {column: [0.0, 1.0, None]})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"province": "Atlantis"}, ["'Atlantis'", "province"]),
        ({"travel_minutes": -1.0}, ["'travel_minutes'", "-1.0"]),
        ({"bed_hour": "late"}, ["'bed_hour'", "'late'"]),
        ({"sleep_hours": None}, ["'sleep_hours'", "row 1"]),
        ({"propensity": -0.5}, ["'propensity'", "-0.5"]),
        ({"threshold": "high"}, ["'threshold'", "'high'"]),
        ({"able": 2}, ["'able'", "2"]),
        ({"able": 0.5}, ["'able'", "0.5"]),
        ({"tv": 3}, ["'tv'", "3"]),
    ],
)
def test_a_file_of_people_is_refused_with_its_name_the_column_and_the_value(tmp_path, change, words):
    path = tmp_path / "people.csv"
    column, value = next(iter(change.items()))
    write(pd.DataFrame({column: [value] * 40}), path)
    with pytest.raises(InputError) as error:
        make_world(night(population={"file": path}), 1)
    assert all(word in str(error.value) for word in [str(path), *words])


@pytest.mark.parametrize(("column", "hours"), [("bed_hour", 1000), ("sleep_hours", 1000), ("travel_minutes", 1e6)])
def test_times_too_long_for_a_night_are_refused(tmp_path, column, hours):
    path = tmp_path / "people.csv"
    write(pd.DataFrame({column: [hours] * 40}), path)
    with pytest.raises(InputError, match=f"'{column}'"):
        make_world(night(population={"file": path}), 1)


def test_a_bed_time_too_late_for_any_night_is_refused():
    with pytest.raises(InputError, match="bed_hour"):
        make_world(night(population={"sleep": {"bed_hour": {"law": "constant", "value": 1000}}}), 1)


def test_a_file_of_people_needs_a_row_for_each(tmp_path):
    path = tmp_path / "people.csv"
    write(pd.DataFrame({"able": [1] * 39}), path)
    with pytest.raises(InputError, match=r"39 rows, expected one for each of 40 people; set population\.size"):
        make_world(night(population={"file": path}), 1)


@pytest.mark.parametrize("kept", [0, 4, 100, -40])
def test_a_truncated_parquet_file_is_refused(tmp_path, kept):
    path = tmp_path / "followers.parquet"
    write(pd.DataFrame(GOOD["followers"]), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:kept])
    with pytest.raises(InputError) as error:
        make_world(with_file("followers", path), 1)
    assert str(path) in str(error.value)
    assert "cannot be read" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("followers.csv", None, ["does not exist"]),
        ("followers.parquet", None, ["does not exist"]),
        ("followers.xlsx", b"PK", ["'.xlsx'", ".csv or .parquet"]),
        ("followers.csv", b"", ["cannot be read"]),
        ("followers.csv", b"follower,followed\n1,0\n2", ["'followed'", "row 2", "truncated"]),
        ("followers.csv", b"follower,followed\n1,0\n\xff\xfe,0\n", ["cannot be read"]),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        make_world(with_file("followers", path), 1)
    assert all(word in str(error.value) for word in [str(path), *words])
