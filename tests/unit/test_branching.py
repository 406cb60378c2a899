"""The branching ratio: the bound against eigenvalues, and a smaller nation in the place of a large one."""

from __future__ import annotations

import numpy as np
import pytest

from sim.engine import branching
from sim.engine.branching import measured_nation, offspring_of, spectral_radius
from sim.engine.build import group_exists, make_tables, radius_of
from sim.world import make_world
from tests.nights import entry, night

MANY, FEW = 900, 300


def exact_radius(tables, exists) -> float:
    """Return the largest absolute eigenvalue of the operator on all channels, written out column by column."""
    n_channels, n = len(tables.channels), len(tables.people)
    rows = np.arange(n_channels)
    offspring = offspring_of(tables, exists, rows)
    matrix = np.empty((n_channels * n, n_channels * n))
    for k in range(n_channels * n):
        one = np.zeros(n_channels * n)
        one[k] = 1.0
        matrix[:, k] = offspring(one.reshape(n_channels, n)).ravel()
    return float(np.abs(np.linalg.eigvals(matrix)).max())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_bound_is_above_the_radius_by_a_few_per_cent(seed):
    scenario = night(population={"size": 60})
    world = make_world(scenario, seed)
    tables, exists = make_tables(scenario, world.replace(reaction_scale=1.0), seed), group_exists(scenario, world)
    assert "broadcast" in {c.type for c in scenario.channels.values()}  # a channel without rows is among them
    found, expected = spectral_radius(tables, exists), exact_radius(tables, exists)
    assert 0 < expected <= found * (1 + 1e-12)
    assert found <= 1.05 * expected


def test_a_star_is_measured_although_its_posts_swing_between_the_centre_and_all_others(tmp_path):
    """The radius of a star is that of two steps: sqrt of the sum over the others of (there x back), a path of two reactions."""
    n = 40
    path = tmp_path / "star.csv"
    path.write_text("person,friend\n" + "".join(f"0,{i}\n" for i in range(1, n)), encoding="utf-8")
    silent = {name: {"reaction": 0.0, "posts_per_user_day": 0.0} for name in ("tweets", "tube", "chat")}
    scenario = night(
        population={"size": n}, network={"friends": {"file": path}}, channels=silent, posting={"cross_posting": 0.0}
    )
    world = make_world(scenario, 1)
    tables = make_tables(scenario, world.replace(reaction_scale=1.0), 1)
    faces = scenario.channels["faces"]
    propensity = np.minimum(tables.people["propensity"].astype(float), scenario.posting.propensity_cap)
    expected = faces.attention.alerted * faces.reaction * np.sqrt(propensity[0] * propensity[1:].sum())
    found = spectral_radius(tables, group_exists(scenario, world))
    assert expected <= found * (1 + 1e-12)
    assert found <= 1.05 * expected


def test_up_to_a_limit_the_actual_network_is_measured_and_beyond_it_a_smaller_one(monkeypatch):
    small, large = night(population={"size": FEW}), night(population={"size": MANY})
    assert measured_nation(large) is None
    own = {s: radius_of(s, make_world(s, 7)) for s in (small, large)}
    monkeypatch.setattr(branching, "MOST_MEASURED", FEW)
    assert measured_nation(small) is None
    assert radius_of(small, make_world(small, 7)) == own[small]
    assert radius_of(large, make_world(large, 7)) == pytest.approx(own[small], rel=1e-9)
    assert abs(own[large] / own[small] - 1) > 1e-3
    assert radius_of(large, make_world(large, 8)) != radius_of(large, make_world(large, 7))
    tables = make_tables(large, make_world(large, 7), 7)
    scale = large.posting.branching_ratio / radius_of(large, make_world(large, 7))
    assert tables.rules["reaction_scale"][0] == scale


def test_what_cannot_be_made_smaller_is_measured_as_it_is(monkeypatch):
    monkeypatch.setattr(branching, "MOST_MEASURED", FEW)
    graph = {"graph": "erdos_renyi", "mean_degree": 4}
    assert measured_nation(night(population={"size": MANY}, network={"friends": {"graph": graph}})) is None
    assert measured_nation(night(population={"size": MANY}, network={"neighbours": {"graph": graph}})) is not None


def test_people_and_numbers_of_the_large_nation_do_not_trouble_the_smaller_one(monkeypatch):
    large = night(
        population={"size": MANY},
        decision={"rule": "critical_mass", "critical_mass": {"law": "listed", "values": [0.5] * MANY}},
        scenario={"timeline": [entry(10, None, "gathering", people=[MANY - 1])]},
    )
    expected = radius_of(night(population={"size": FEW}), make_world(night(population={"size": FEW}), 7))
    monkeypatch.setattr(branching, "MOST_MEASURED", FEW)
    assert radius_of(large, make_world(large, 7)) == pytest.approx(expected, rel=1e-9)


def test_stored_and_computed_ties_have_one_radius():
    scenarios = [night(population={"size": FEW}, network={"stored": stored}) for stored in (True, False)]
    stored, computed = (radius_of(scenario, make_world(scenario, 7)) for scenario in scenarios)
    assert stored > 0
    assert computed == pytest.approx(stored, rel=1e-12)
