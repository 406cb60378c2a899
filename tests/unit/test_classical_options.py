"""Options that let classical models be written as configurations: small scenarios whose outcome is known by hand.

Every scenario is run by both engines, whose event logs must be equal. Statistical checks are at level 1e-4, on fixed seeds.
"""

import math
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from sim.config import load
from sim.decision import crossing_delay, integrated_hazard
from sim.engine import order as o
from sim.engine.build import make_tables
from sim.engine.simulate import run
from sim.errors import InputError
from sim.measures.outcomes import outcomes
from sim.population import make_people
from sim.scenario import validate
from sim.units import HOUR
from sim.world import make_world
from tests.classical import (
    CONTACTS,
    PLAIN,
    START,
    Z,
    between,
    constantly,
    edges,
    gathering,
    gathers,
    left,
    plain,
    play,
    rows,
    star,
)
from tests.nights import exponential

# -- gatherings


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_gathering_of_a_number_is_exact_and_nested(seed):
    sets = {}
    for number in (0, 1, 7, 8, 50):
        scenario = plain(population={"size": 50}, scenario=gathers(gathering(number=number)))
        record = play(scenario, seed)
        sets[number] = set(left(record))
        assert len(sets[number]) == record.scalars["participants"] == number
    assert sets[1] < sets[7] < sets[8] < sets[50]
    share = plain(population={"size": 50}, scenario=gathers(gathering(audience=0.3)))
    some = set(left(play(share, seed)))
    number = plain(population={"size": 50}, scenario=gathers(gathering(number=len(some))))
    assert set(left(play(number, seed))) == some


def test_only_the_able_gather(tmp_path):
    able = [1, 0, 1, 1, 0, 1]
    pd.DataFrame({"able": able}).to_csv(tmp_path / "people.csv", index=False)
    people = {"file": tmp_path / "people.csv"}
    listed = plain(population=people, scenario=gathers(gathering(people=[5, 0, 1, 4])))
    assert set(left(play(listed))) == {0, 5}
    four = plain(population=people, scenario=gathers(gathering(number=4)))
    assert set(left(play(four))) == {0, 2, 3, 5}
    with pytest.raises(InputError, match="is 5, expected at most 4"):
        run(plain(population=people, scenario=gathers(gathering(number=5))), 1)


# -- thresholds


def thresholds(scenario, seed):
    return make_tables(scenario, make_world(scenario, seed), seed).minds["threshold"][1:]


def test_quantiles_are_the_laws_in_every_seed_and_dealt_out_at_random():
    law = {"law": "normal", "mean": 0.25, "sd": 0.1}
    n = 1001
    both = [
        plain(population={"size": n}, decision={"rule": "critical_mass", "critical_mass": law, "thresholds": way})
        for way in ("quantiles", "drawn")
    ]
    exact = 0.25 + 0.1 * ndtri((np.arange(n) + 0.5) / n)
    orders, rank = [], np.arange(n) - (n - 1) / 2
    for seed in range(1, 7):
        dealt, drawn = (thresholds(scenario, seed) for scenario in both)
        np.testing.assert_allclose(np.sort(dealt), exact, rtol=1e-12)
        # The same people are the most and the least hesitant as among those who are drawn.
        assert np.array_equal(np.argsort(dealt), np.argsort(drawn))
        orders.append(np.argsort(np.argsort(dealt)) - (n - 1) / 2)
        assert abs(orders[-1] @ rank) / (rank @ rank) < 4.5 / math.sqrt(n)
    assert max(abs(a @ b) for a, b in pairwise(orders)) / (rank @ rank) < 4.5 / math.sqrt(n)


def test_people_learn_thresholds_from_their_neighbours_on_a_star(tmp_path):
    """The centre takes the mean of all five, a leaf of itself and the centre; who has no ties keeps a threshold."""
    values = {"law": "listed", "values": [0, 1, 1, 1, 1, 3]}
    for rounds, expected in enumerate([[0, 1, 1, 1, 1, 3], [0.8, *[0.5] * 4, 3], [0.56, *[0.65] * 4, 3]]):
        scenario = plain(
            network=star(tmp_path, 5),
            decision={"rule": "critical_mass", "critical_mass": values, "learning_rounds": rounds},
        )
        np.testing.assert_allclose(thresholds(scenario, 1), expected, rtol=1e-12)


def test_where_all_are_tied_to_all_a_round_makes_all_thresholds_their_mean():
    values = {"law": "listed", "values": [0, 1, 1, 1, 1, 2]}
    decision = {"rule": "critical_mass", "critical_mass": values, "learning_rounds": 1}
    scenario = plain(network={"neighbours": {"graph": {"graph": "complete"}}}, decision=decision)
    np.testing.assert_allclose(thresholds(scenario, 1), 1.0, rtol=1e-12)


# -- contagion


def caught(folder, p, seed=1, leaves=400):
    scenario = plain(
        population={"size": leaves + 1}, network=star(folder, leaves + 1), scenario=gathers(gathering(people=[0])),
        channels={"contacts": {"dose": {"call": p}}},
    )  # fmt: skip
    return set(left(run(scenario, seed, events=True))) - {0}


def test_a_contact_moves_with_the_probability_of_the_dose(tmp_path):
    n, seeds, p = 400, range(1, 13), 0.3
    found = sum(len(caught(tmp_path, p, seed)) for seed in seeds)
    whole = n * len(seeds)
    assert abs(found - p * whole) < Z * math.sqrt(whole * p * (1 - p))
    assert caught(tmp_path, 0.0) == set()
    assert len(caught(tmp_path, 1.0)) == n


def test_a_larger_probability_moves_the_same_people_and_more(tmp_path):
    sets = [caught(tmp_path, p) for p in (0.1, 0.3, 0.31, 0.8)]
    assert all(a < b for a, b in pairwise(sets))


def test_every_contact_is_a_chance_of_its_own(tmp_path):
    """Tied to two who leave: 1 - (1 - p)^2."""
    n, p = 800, 0.3
    ties = edges(tmp_path, *((centre, k) for k in range(2, n + 2) for centre in (0, 1)))
    scenario = plain(
        population={"size": n + 2}, network=ties, scenario=gathers(gathering(people=[0, 1])),
        channels={"contacts": {"dose": {"call": p}}},
    )  # fmt: skip
    found = len(left(run(scenario, 1, events=True))) - 2
    q = 1 - (1 - p) ** 2
    assert abs(found - q * n) < Z * math.sqrt(n * q * (1 - q))


# -- doses that stay


@pytest.mark.parametrize(("fading", "joins"), [(None, True), (60, False), (1e6, False)])
def test_a_dose_that_does_not_fade_is_there_after_hours(tmp_path, fading, joins):
    scenario = plain(
        network=between(tmp_path), scenario=gathers(gathering(people=[0]), gathering(480, people=[1])),
        decision={"rule": "threshold", "threshold": constantly(2), "fading_minutes": fading},
    )  # fmt: skip
    assert (2 in left(play(scenario))) is joins


def test_the_hazard_of_a_dose_that_stays_grows_with_time():
    rate = 0.5 / HOUR
    assert integrated_hazard(2.0, HOUR, math.inf, rate) == pytest.approx(1.0)
    assert crossing_delay(2.0, math.inf, rate, 1.0) == pytest.approx(HOUR)
    assert crossing_delay(0.0, math.inf, rate, 1.0) == math.inf
    assert crossing_delay(2.0, math.inf, 0.0, 1.0) == math.inf
    long = 1e9 * HOUR
    assert integrated_hazard(2.0, HOUR, long, rate) == pytest.approx(integrated_hazard(2.0, HOUR, math.inf, rate))
    assert crossing_delay(2.0, long, rate, 1.0) == pytest.approx(crossing_delay(2.0, math.inf, rate, 1.0))


# -- people


def test_without_provinces_everybody_is_one_real_person_in_one_place():
    scenario = plain(population={"size": 40}, scenario=gathers(gathering(number=31)))
    people = scenario.population
    assert (people.real_people, people.real_per_person, people.places.names) == (40, 1.0, ("everywhere",))
    record = play(scenario)
    found = {outcome.name: outcome for outcome in outcomes(scenario, record)}
    assert (found["participants"].value, found["participants"].unit) == (31, "people")
    assert (found["participation"].value, found["participation"].unit) == (31 / 40, "share")
    assert record.squares[-1].tolist() == [31]


def test_who_never_sleeps_is_awake_at_every_minute():
    record = play(plain(scenario={"end": START + timedelta(hours=30)}))
    assert record.snapshots.shape[0] == 30 * 60
    assert record.snapshots[:, 4].max() == 0
    assert len(rows(record, o.BED)) == len(rows(record, o.WAKE)) == 0


def test_rows_of_a_file_of_people_may_stand_in_any_order(tmp_path):
    n = 12
    rng = np.random.default_rng(7)
    table = pd.DataFrame({
        "person": np.arange(n), "threshold": rng.random(n), "able": rng.integers(0, 2, n), "propensity": rng.random(n),
        "travel_minutes": rng.random(n) * 9, "everyone": rng.integers(0, 2, n),
    })  # fmt: skip
    made = []
    for name, rows_ in (
        ("one", table),
        ("two", table.sample(frac=1, random_state=3)),
        ("three", table.drop(columns="person")),
    ):
        rows_.to_csv(tmp_path / f"{name}.csv", index=False)
        made.append(make_people(plain(population={"size": n, "file": tmp_path / f"{name}.csv"}).population, 1))
    for other in made[1:]:
        for part in ("province", "receivers", "propensity", "travel", "bed", "sleep", "able", "threshold"):
            assert np.array_equal(getattr(made[0], part), getattr(other, part)), part


# -- everybody tied to everybody


def test_on_a_complete_graph_everybody_else_is_reached_and_no_tie_is_stored():
    n = 30
    scenario = plain(
        population={"size": n}, network={"neighbours": {"graph": {"graph": "complete"}}},
        scenario=gathers(gathering(people=[3])),
    )  # fmt: skip
    record = play(scenario)
    assert len(left(record)) == n
    assert record.totals[0, 0] == n * (n - 1)
    assert len(make_world(scenario, 1).ties["neighbours"].indices) == 0
    first = rows(record, o.IMPRESSION)
    assert set(first["person"][first["tick"] == 3].tolist()) == set(range(n)) - {3}


# -- posting


@pytest.mark.parametrize(("while_home", "posts"), [(1.0, True), (0.0, False)])
def test_who_does_not_post_at_home_does_not_post(while_home, posts):
    channels = load("classic=plain", "channels=feed").model_dump()["channels"]
    scenario = validate(
        PLAIN | {"channels": channels, "posting": PLAIN["posting"] | {"while_home": while_home, "daily_cycle": None}}
    )
    more = plain(scenario.model_dump(), population={"size": 50}, channels={"feed": {"posts_per_user_day": 24.0}})
    record = play(more)
    counts = record.counts[:, list(more.channels).index("feed")]
    assert bool(counts[:, :2].any()) is posts
    if posts:  # Without a daily cycle: Poisson with mean 50 people x 12 posts, in each half of the time alike.
        halves = counts[:, 0].reshape(2, -1).sum(axis=1)
        assert abs(halves.sum() - 600) < Z * math.sqrt(600)
        assert abs(halves[0] - halves[1]) < Z * math.sqrt(600)


# -- how options are written


def test_one_number_is_the_attention_of_all():
    attention = plain(channels={"contacts": {"attention": 0.25}}).channels["contacts"].attention
    assert (attention.ordinary, attention.alerted, attention.cut_off) == (0.25, 0.25, 0.25)


def test_a_law_may_take_the_place_of_another():
    look = (
        load("classic=plain", "+channels.contacts.look={law: exponential, mean_minutes: 5}").channels["contacts"].look
    )
    assert look.model_dump() == exponential(5)
    law = load(
        "classic=granovetter_normal", "+decision.critical_mass={law: constant, value: 0.3}"
    ).decision.critical_mass
    assert law is not None
    assert law.model_dump() == constantly(0.3)
    graph = load("classic=plain", "network.neighbours.graph={graph: small_world, degree: 4, rewiring: 0}")
    assert graph.network.neighbours.graph is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decision": CONTACTS | {"critical_mass": constantly(1)}, "network": {"neighbours": {"graph": {"graph": "complete"}}}},
         "expected share or count"),
        ({"decision": {"social": 1}, "network": {"neighbours": {"graph": {"graph": "complete"}}}}, "decision.social is 1"),
        ({"decision": {"rule": "threshold"}}, "threshold is null, but the rule threshold needs a law"),
        ({"decision": {"rule": "critical_mass", "critical_mass": {"law": "listed", "values": [1, 2]}}}, "lists 2 values"),
        ({"scenario": gathers(gathering(people=[6]))}, "people names 6, expected 0 to 5"),
        ({"scenario": gathers(gathering(people=[1, 1]))}, "different numbers"),
        ({"scenario": gathers(gathering(people=[1], number=1))}, "number and people are given"),
        ({"scenario": gathers(gathering(number=1, audience=0.5))}, "audience and number are given"),
        ({"population": {"size": None, "weight": 2}}, "weight needs provinces"),
        ({"decision": {"rule": "threshold", "threshold": {"law": "cauchy"}}}, "decision.threshold.law is 'cauchy'"),
        ({"decision": {"rule": "threshold", "threshold": 2}}, "decision.threshold is 2, expected a mapping"),
        ({"decision": {"rule": "threshold", "threshold": {"value": 2}}}, "whose key law says"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        plain(**changes)
