"""Random graphs by hand where they are small, against theory where they are drawn, and the ties that are cut.

Statistical checks are at level 1e-4 each, on fixed seeds.
"""

import itertools
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from scipy import stats
from scipy.special import ndtri

from sim import draws
from sim.degrees import DegreeLaw, degree_pmf
from sim.errors import InputError
from sim.graphs import Graph, graph_edges
from sim.network import Network
from sim.scenario import validate
from sim.world import make_world
from tests.nights import NIGHT, merged, night

LEVEL = 1e-4
Z = float(ndtri(1 - LEVEL / 2))
SETS = ("followers", "friends", "neighbours")

graph_of = TypeAdapter(Graph).validate_python
law_of = TypeAdapter(DegreeLaw).validate_python


def ids(n):
    return np.arange(n, dtype=np.int32)


def pairs(tree, users, seed=1, tie_set=1):
    """Return the ties of a graph as a set of pairs, having found them well-formed."""
    users = ids(users) if isinstance(users, int) else users
    a, b = graph_edges(graph_of(tree), users, seed, tie_set)
    assert len(a) == len(b)
    assert (a != b).all()
    assert np.isin(a, users).all()
    assert np.isin(b, users).all()
    found = {(min(x, y), max(x, y)) for x, y in zip(a.tolist(), b.tolist(), strict=True)}
    assert len(found) == len(a)
    return found


def degrees_of(tree, n, seed=1, tie_set=1):
    a, b = graph_edges(graph_of(tree), ids(n), seed, tie_set)
    return np.bincount(np.concatenate([a, b]), minlength=n)


def fits(counts, probability):
    """Return whether counts fit probabilities by chi-square; the rarest cells are pooled until each has 10 expected."""
    counts, expected = np.asarray(counts, float), np.asarray(probability) * np.sum(counts)
    if counts[expected == 0].any():
        return False
    order = np.argsort(expected)
    counts, expected = counts[order], expected[order]
    starts = np.flatnonzero((np.cumsum(expected) - expected >= 10) & (expected >= 10))
    starts = np.concatenate([[0], starts])
    observed, expected = np.add.reduceat(counts, starts), np.add.reduceat(expected, starts)
    if len(starts) == 1:
        return True
    return bool(stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), len(starts) - 1) > LEVEL)


def is_binomial(count, n, p, slack=0.0):
    return abs(count - n * p) <= Z * math.sqrt(n * p * (1 - p)) + slack


def all_pairs(n):
    return set(itertools.combinations(range(n), 2))


def erdos_renyi(mean):
    return {"graph": "erdos_renyi", "mean_degree": mean}


def configuration(law, **more):
    return {"graph": "configuration", "degrees": {"law": law, **more}}


def small_world(degree, rewiring=0.0):
    return {"graph": "small_world", "degree": degree, "rewiring": rewiring}


def lattice(width, shape="von_neumann", **more):
    return {"graph": "lattice", "width": width, "shape": shape, **more}


POWER = {"law": "power_law", "exponent": 2.5, "smallest": 2, "largest": 60}
EVERY = [
    erdos_renyi(3.0),
    configuration("poisson", mean=3),
    configuration("geometric", mean=3),
    {"graph": "configuration", "degrees": POWER},
    small_world(4, 0.3),
    lattice(1, "moore", rewiring=0.2),
    {"graph": "groups", "size": 4},
]


# -- by hand


@pytest.mark.parametrize("tree", EVERY, ids=str)
@pytest.mark.parametrize("n", [0, 1])
def test_nobody_has_ties_to_nobody(tree, n):
    assert pairs(tree, n) == set()


def test_a_ring_by_hand():
    assert pairs(small_world(2), 5) == {(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)}
    assert pairs(small_world(4), 6) == all_pairs(6) - {(0, 3), (1, 4), (2, 5)}
    assert pairs(small_world(4), 5) == all_pairs(5)
    assert pairs(small_world(4, 1.0), 5) == all_pairs(5)  # no place to go
    assert pairs(small_world(0), 5) == set()


def test_lattices_by_hand():
    rows = {(0, 1), (1, 2), (3, 4), (4, 5)}
    columns = {(0, 3), (1, 4), (2, 5)}
    diagonals = {(0, 4), (1, 3), (1, 5), (2, 4)}
    assert pairs(lattice(3, periodic=False), 6) == rows | columns
    assert pairs(lattice(3, "moore", periodic=False), 6) == rows | columns | diagonals
    assert pairs(lattice(3), 6) == rows | columns | {(0, 2), (3, 5)}
    assert pairs(lattice(3, "moore"), 6) == all_pairs(6)
    assert pairs(lattice(2), 4) == {(0, 1), (2, 3), (0, 2), (1, 3)}
    assert pairs(lattice(7, "moore"), 7) == pairs(small_world(2), 7)
    assert pairs(lattice(1, radius=2), 7) == pairs(small_world(4), 7)


@pytest.mark.parametrize(
    ("shape", "radius", "degree"), [("von_neumann", 1, 4), ("moore", 1, 8), ("von_neumann", 2, 12), ("moore", 2, 24)]
)
def test_everybody_has_the_same_degree_on_a_torus(shape, radius, degree):
    assert (degrees_of(lattice(9, shape, radius=radius), 63) == degree).all()


def test_cliques_by_hand():
    assert pairs({"graph": "groups", "size": 2}, 5) == {(0, 1), (2, 3)}
    assert pairs({"graph": "groups", "size": 3}, 5) == {(0, 1), (0, 2), (1, 2), (3, 4)}
    assert pairs({"graph": "groups", "size": 7}, 5) == all_pairs(5)
    users = np.array([3, 5, 8, 9], np.int32)
    assert pairs({"graph": "groups", "size": 2}, users) == {(3, 5), (8, 9)}


def test_the_extremes_of_chance():
    assert pairs(erdos_renyi(0), 30) == set()
    assert pairs(erdos_renyi(29), 30) == all_pairs(30)
    assert pairs(configuration("constant", value=0), 30) == set()
    assert pairs(configuration("constant", value=1), 2) == {(0, 1)}
    assert pairs(configuration("listed", values=[2, 0, 1, 1]), 4) <= {(0, 2), (0, 3), (2, 3)}


@pytest.mark.parametrize("tree", EVERY, ids=str)
def test_ties_are_unique_without_loops_among_users_and_drawn_once(tree):
    for n, seed in itertools.product((61, 62, 200), range(3)):
        users = ids(2 * n)[1::2].copy()
        found = pairs(tree, users, seed)
        assert found
        assert found == pairs(tree, users, seed)
        if "groups" not in tree.values():
            assert found != pairs(tree, users, seed + 99)
            assert found != pairs(tree, users, seed, tie_set=2)


# -- G(n, p)


def test_every_graph_of_three_people_is_as_likely_as_it_should_be():
    p, n_seeds = 0.3, 4000
    seen = Counter(frozenset(pairs(erdos_renyi(2 * p), 3, seed)) for seed in range(n_seeds))
    every = [frozenset(c) for k in range(4) for c in itertools.combinations(sorted(all_pairs(3)), k)]
    assert fits([seen[g] for g in every], [p ** len(g) * (1 - p) ** (3 - len(g)) for g in every])


def test_degrees_and_ties_of_a_large_random_graph():
    n, mean = 20_000, 8.0
    p = mean / (n - 1)
    a, b = graph_edges(graph_of(erdos_renyi(mean)), ids(n), 3, 0)
    assert is_binomial(len(a), n * (n - 1) // 2, p)
    # Ties to the other half: independent between people of one half.
    across = np.minimum(a, b)[(np.minimum(a, b) < n // 2) & (np.maximum(a, b) >= n // 2)]
    counts = np.bincount(np.bincount(across, minlength=n // 2), minlength=40)
    assert fits(counts, stats.binom.pmf(np.arange(40), n // 2, p))


def test_a_person_of_a_random_graph_does_not_depend_on_others():
    p = 0.05
    few, many = (pairs(erdos_renyi(p * (n - 1)), n) for n in (200, 300))
    assert {pair for pair in many if pair[1] < 200} == few
    mean = p * 199
    one = np.concatenate([np.arange(100), np.arange(1000, 1100)]).astype(np.int32)
    other = np.concatenate([np.arange(500, 600), np.arange(1000, 1100)]).astype(np.int32)
    rows = []
    for users in (one, other):
        found = {(int(np.searchsorted(users, x)), int(np.searchsorted(users, y))) for x, y in
                 pairs(erdos_renyi(mean), users)}  # fmt: skip
        rows.append({pair for pair in found if pair[1] >= 100})
    assert rows[0] == rows[1]


# -- the configuration model


LAWS = {
    "constant": ({"value": 4}, lambda k: (k == 4) * 1.0),
    "poisson": ({"mean": 3.5}, lambda k: stats.poisson.pmf(k, 3.5)),
    "geometric": ({"mean": 2.5}, lambda k: stats.geom.pmf(k + 1, 1 / 3.5)),
    "power_law": ({"exponent": 2.5, "smallest": 2, "largest": 60},
                  lambda k: stats.zipfian.pmf(k, 2.5, 60) * (k >= 2) / (1 - stats.zipfian.pmf(1, 2.5, 60))),
    "choice": ({"values": [0, 7, 2], "probability": [0.2, 0.3, 0.5]},
               lambda k: 0.2 * (k == 0) + 0.3 * (k == 7) + 0.5 * (k == 2)),
}  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_degrees_have_the_probabilities_of_their_law(law):
    fields, theory = LAWS[law]
    p = degree_pmf(law_of({"law": law, **fields}))
    np.testing.assert_allclose(p, theory(np.arange(len(p))), atol=1e-12)
    assert abs(p.sum() - 1) < 1e-12
    n = 20_000
    found = degrees_of(configuration(law, **fields), n, 5)
    u = draws.uniforms(5, draws.W_DEGREE, ids(n), 1, 0)
    drawn = (u[:, None] > np.cumsum(p)[:-1]).sum(axis=1)
    assert fits(np.bincount(drawn, minlength=len(p)), p)
    # Loops and double ties: Poisson with means r / 2 and r^2 / 4, r = E d(d - 1) / E d (Bollobas 1980); one stub is odd.
    assert (found <= drawn).all()
    r = (drawn * (drawn - 1)).sum() / drawn.sum()
    assert drawn.sum() - found.sum() <= 2 * stats.poisson.isf(LEVEL, r / 2 + r**2 / 4) + 1


@pytest.mark.parametrize(("law", "mean"), [("poisson", 0), ("geometric", 0), ("poisson", 5000), ("geometric", 5000)])
def test_laws_keep_their_mean_at_the_ends_of_their_range(law, mean):
    p = degree_pmf(law_of({"law": law, "mean": mean}))
    assert abs((p * np.arange(len(p))).sum() - mean) < 1e-6 * max(mean, 1)


def test_the_probabilities_of_given_degrees_are_their_shares(tmp_path):
    shares = [0.25, 0.25, 0.0, 0.5]
    np.testing.assert_array_equal(degree_pmf(law_of({"law": "listed", "values": [3, 0, 1, 3]})), shares)
    pd.DataFrame({"person": [3, 0, 1, 2], "degree": [3, 0, 1, 3]}).to_csv(tmp_path / "degrees.csv", index=False)
    np.testing.assert_array_equal(degree_pmf(law_of({"law": "file", "file": tmp_path / "degrees.csv"})), shares)


def test_every_matching_is_equally_likely():
    four = Counter(frozenset(pairs(configuration("listed", values=[1] * 4), 4, seed)) for seed in range(3000))
    assert len(four) == 3
    assert fits(list(four.values()), [1 / 3] * 3)
    # Of the 15 matchings of three people's two stubs each, 8 are triangles.
    triangles = sum(len(pairs(configuration("listed", values=[2] * 3), 3, seed)) == 3 for seed in range(3000))
    assert is_binomial(triangles, 3000, 8 / 15)


def test_of_an_odd_number_of_stubs_anyone_may_be_dropped():
    seen = Counter(frozenset(pairs(configuration("constant", value=1), 3, seed)) for seed in range(3000))
    assert fits([seen[frozenset([pair])] for pair in sorted(all_pairs(3))], [1 / 3] * 3)


def test_degrees_from_a_list_and_a_file_are_the_same(tmp_path):
    users = ids(200)[::2].copy()
    values = np.random.default_rng(1).integers(0, 4, 100)
    values[0] += values.sum() % 2
    table = pd.DataFrame({"person": users, "degree": values}).sample(frac=1, random_state=1)
    table.to_parquet(tmp_path / "degrees.parquet")
    listed = pairs(configuration("listed", values=values.tolist()), users)
    assert pairs(configuration("file", file=tmp_path / "degrees.parquet"), users) == listed


# -- rewiring


@pytest.mark.parametrize("tree", [small_world(6), lattice(50, "moore"), lattice(50, periodic=False)], ids=str)
def test_rewiring_moves_its_share_of_ties_and_more_of_it_moves_the_same_and_others(tree):
    n = 5000
    at = {p: pairs(tree | {"rewiring": p}, n, 7) for p in (0.0, 0.1, 0.3, 1.0)}
    base = at[0.0]
    for p, found in at.items():
        assert len(found) == len(base)
        # A moved tie may take the place that another has left: fewer than one in n / degree.
        moved = len(found - base)
        assert is_binomial(moved, len(base), p, slack=stats.poisson.isf(LEVEL, len(base) * p * p * 8 / n))
    assert at[0.1] - base <= at[0.3] - base <= at[1.0]


def test_ties_are_rewired_to_anybody_alike():
    n = 1000
    ends = Counter()
    for seed in range(20):
        a, b = graph_edges(graph_of(small_world(4, 1.0)), ids(n), seed, 2)
        assert (np.bincount(a, minlength=n) == 2).all()  # each keeps its own end
        ends.update(((b - a) % n).tolist())
    assert fits([ends[k] for k in range(1, n)], [1 / (n - 1)] * (n - 1))


def test_triangles_of_a_small_world_survive_as_often_as_their_three_ties():
    """Barrat and Weigt (2000): the share (1 - rewiring)^3, and at most degree^3 / 6 = 36 triangles by chance."""
    n, p, counts = 2000, 0.2, []
    for seed in range(30):
        a, b = graph_edges(graph_of(small_world(6, p)), ids(n), seed, 1)
        near = [set() for _ in range(n)]
        for x, y in zip(a.tolist(), b.tolist(), strict=True):
            near[x].add(y)
            near[y].add(x)
        counts.append(sum(len(near[x] & near[y]) for x, y in zip(a.tolist(), b.tolist(), strict=True)) / 3)
    error = stats.t.isf(LEVEL / 2, 29) * np.std(counts, ddof=1) / math.sqrt(30)
    assert -error <= np.mean(counts) - 3 * n * (1 - p) ** 3 <= error + 36


# -- in a world


def ties_of(seed=3, size=400, **network):
    return make_world(night(population={"size": size}, network=network), seed).ties


def tied(ties):
    source, target = ties.pairs()
    return set(zip(source.tolist(), target.tolist(), strict=True))


def both(found):
    return found | {(y, x) for x, y in found}


@pytest.mark.parametrize("name", SETS)
def test_a_graph_replaces_generated_ties_by_mutual_ones(name):
    scenario = night(population={"size": 400}, network={name: {"graph": erdos_renyi(6)}})
    world = make_world(scenario, 3)
    plain = ties_of()
    users = ids(400) if name == "neighbours" else world.people.with_receiver(2)
    assert tied(world.ties[name]) == both(pairs(erdos_renyi(6), users, 3, SETS.index(name)))
    for other in set(SETS) - {name}:
        assert tied(world.ties[other]) == tied(plain[other])


@pytest.mark.parametrize("name", SETS)
def test_everybody_tied_to_everybody_is_not_stored(name):
    network = {name: {"graph": {"graph": "complete"}}}
    ties = make_world(night(population={"size": 400}, network=network, decision={"social": 0}), 1).ties
    assert ties[name].is_complete
    assert not ties[name].starts.any()
    assert len(ties[name].starts) == 401
    assert len(ties[name].indices) == 0
    assert not any(ties[other].is_complete for other in set(SETS) - {name})


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("graph", [None, erdos_renyi(6)], ids=["generated", "graph"])
def test_a_larger_cut_removes_the_same_ties_and_more(name, graph):
    whole, *rest = (tied(ties_of(size=2000, **{name: {"cut": cut, "graph": graph}})[name]) for cut in (0, 0.2, 0.6, 1))
    assert whole >= rest[0] >= rest[1] >= rest[2] == set()
    is_mutual = name != "followers" or graph is not None
    for cut, left in ((0.2, rest[0]), (0.6, rest[1])):
        weight = 2 if is_mutual else 1
        assert is_binomial(len(left) // weight, len(whole) // weight, 1 - cut)
        assert not is_mutual or left == both(left)


def test_ties_of_different_sets_are_cut_independently():
    graph = {"graph": small_world(10), "cut": 0.5}
    everybody = {"receivers": {"net": {"share": 1.0}, "phone": {"share": 1.0}}}
    world = make_world(night(population={"size": 2000, **everybody}, network=dict.fromkeys(SETS, graph)), 3)
    left = [tied(world.ties[name]) for name in SETS]
    for one, other in itertools.combinations(left, 2):
        assert is_binomial(len(one & other) // 2, 10_000, 0.25)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("followers", ("followed", "follower")),
        ("friends", ("person", "friend")),
        ("neighbours", ("person", "neighbour")),
    ],
)
def test_rows_of_an_edge_list_may_stand_in_any_order(tmp_path, name, columns):
    def left(table, cut=0.4):
        table.to_csv(tmp_path / "ties.csv", index=False)
        return ties_of(**{name: {"file": tmp_path / "ties.csv", "cut": cut}})[name]

    table = pd.DataFrame(np.random.default_rng(1).integers(0, 400, (900, 2)), columns=columns)
    one = left(table)
    assert 0 < len(one.indices) < len(left(table, 0).indices)
    others = [table[::-1], table.sample(frac=1, random_state=1), pd.concat([table, table[:50]])]
    if name != "followers":
        others.append(table.rename(columns=dict(zip(columns, columns[::-1], strict=True))))
    for other in others:
        np.testing.assert_array_equal(left(other).starts, one.starts)
        np.testing.assert_array_equal(left(other).indices, one.indices)


def test_who_writes_nothing_has_no_ties(tmp_path):
    tree = merged(NIGHT, {})
    tree["network"] = {"groups": {"chat": {}}}
    world = make_world(validate(tree), 1)
    assert all(len(ties.indices) == 0 for ties in world.ties.values())
    assert len(world.groups["chat"].members) == 0
    pd.DataFrame({"group": [0, 0], "person": [1, 2]}).to_csv(tmp_path / "chat.csv", index=False)
    tree["network"] = {"groups": {"chat": {"file": tmp_path / "chat.csv"}}, "friends": {"graph": erdos_renyi(3)}}
    world = make_world(validate(tree), 1)
    assert world.groups["chat"].members.tolist() == [1, 2]
    assert len(world.ties["friends"].indices) > 0
    assert Network().groups == {}


def test_a_night_without_graphs_keeps_its_content_hash():
    plain = night()
    assert night(network={"friends": {"graph": None, "cut": 0}}).content_hash == plain.content_hash
    other = night(network={"friends": {"graph": erdos_renyi(3)}, "neighbours": {"cut": 0.1}})
    assert other.content_hash != plain.content_hash
    assert validate(other.model_dump()) == other


# -- refusals


def refusal(**network):
    with pytest.raises(InputError) as error:
        make_world(night(network=network), 1)
    return str(error.value)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (erdos_renyi(40), ["graph.mean_degree is 40", "less than", "40;"]),
        (erdos_renyi(-1), ["graph.mean_degree is -1"]),
        (small_world(3), ["graph.degree is 3", "multiple of 2"]),
        (small_world(40), ["graph.degree is 40", "less than"]),
        (lattice(7), ["graph.width is 7", "divisor", "40"]),
        (lattice(8, "hexagon"), ["graph.shape is 'hexagon'"]),
        ({"graph": "groups", "size": 1}, ["size is 1"]),
        ({"graph": "barabasi"}, ["graph.graph is 'barabasi'", "erdos_renyi", "small_world"]),
        ({"mean_degree": 4}, ["graph"]),
        (configuration("constant", value=40), ["graph.degrees: the largest degree is 40", "40;"]),
        (configuration("zipf"), ["graph.degrees.law is 'zipf'", "power_law"]),
        (configuration("power_law", exponent=2, smallest=3, largest=2), ["graph.degrees: largest is 2"]),
        (configuration("choice", values=[1], probability=[0.5]), ["graph.degrees: probability adds up to 0.5"]),
        (configuration("choice", values=[1, 2], probability=[1]), ["2 values have 1 probabilities"]),
        (configuration("listed", values=[1, 1]), ["graph.degrees has 2 degrees", "each of the 40"]),
        (configuration("listed", values=[1] * 39 + [2]), ["the sum 41", "even"]),
        (configuration("listed", values=[40] * 40), ["graph.degrees: the largest degree is 40"]),
        (configuration("poisson", mean=-2), ["graph.degrees.mean is -2"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_graph_that_cannot_be_is_refused(graph, words):
    sentence = refusal(neighbours={"graph": graph})
    assert sentence.startswith("network.neighbours.graph")
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"person": range(40), "degree": [2] * 39 + [1]}, ["the sum 79", "even"]),
        ({"person": range(40), "degree": [40] * 40}, ["the largest degree is 40"]),
        ({"person": range(39), "degree": [2] * 39}, ["39 degrees", "each of the 40"]),
        ({"person": [0, *range(39)], "degree": [2] * 40}, ["exactly one for each of the 40"]),
        ({"person": range(1, 41), "degree": [2] * 40}, ["'person'", "row 40", "40"]),
        ({"person": range(40), "ties": [2] * 40}, ["'degree'"]),
    ],
)
def test_a_file_of_degrees_is_refused_with_its_name(tmp_path, table, words):
    path = tmp_path / "degrees.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    sentence = refusal(neighbours={"graph": configuration("file", file=path)})
    assert all(word in sentence for word in [str(path), *words]), sentence


def test_two_sources_of_ties_and_a_cut_of_what_is_not_stored_are_refused(tmp_path):
    sentence = refusal(friends={"graph": erdos_renyi(3), "file": tmp_path / "ties.csv"})
    assert sentence.startswith("network.friends: graph and file are both given")
    sentence = refusal(friends={"graph": {"graph": "complete"}, "cut": 0.5})
    assert sentence.startswith("network.friends: cut is 0.5, expected 0")
    assert refusal(friends={"cut": 1.5}).startswith("network.friends.cut is 1.5")


# -- large


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    ("tree", "mean"),
    [
        (erdos_renyi(10), 10),
        (configuration("poisson", mean=10), 10),
        (small_world(10, 0.1), 10),
        (lattice(500, "moore", rewiring=0.1), 8),
        ({"graph": "groups", "size": 11}, 10),
    ],
    ids=str,
)
def test_many_people(tree, mean):
    n = 200_000
    a, b = graph_edges(graph_of(tree), ids(n), 1, 1)
    assert abs(2 * len(a) / n - mean) < 0.1
    assert len(np.unique(np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b))) == len(a)
