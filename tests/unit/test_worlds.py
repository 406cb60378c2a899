"""Design points share a world where they differ in nothing that makes it, and get the reactions that are theirs."""

from __future__ import annotations

import numpy as np
import pytest

import sim
from sim.engine.build import radius_of
from sim.scenario import Scenario
from sim.study.worlds import Worlds, world_key
from sim.world import World, make_world

BASE = ("population.size=400", "parameters=calendar_days")
SAME = ("parameters.dose_news=2.5", "parameters.stay_up_probability=0.1", "parameters.tweets_per_user_day=1.9",
        "parameters.threshold_median=5", "throttle=none", "parameters.stay_up_minutes=300")  # fmt: skip
OTHER = ("population.sleep.bed_hour.mean=-1", "population.receivers.twitter.share=0.3", "network.neighbours.mean=4",
         "population.propensity_sigma=0.5", "channels.viber.receiver=whatsapp")  # fmt: skip


@pytest.fixture(scope="module")
def base() -> Scenario:
    return sim.load(*BASE)


def assert_equal(one: World, other: World) -> None:
    for name in ("province", "receivers", "propensity", "travel", "bed", "sleep"):
        np.testing.assert_array_equal(getattr(one.people, name), getattr(other.people, name))
    assert one.ties.keys() == other.ties.keys()
    for name, ties in one.ties.items():
        for mine, theirs in zip(vars(ties).values(), vars(other.ties[name]).values(), strict=True):
            if isinstance(mine, np.ndarray):
                np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("override", SAME)
def test_what_makes_no_world_shares_it_and_has_its_own_reactions(base: Scenario, override: str):
    worlds, scenario = Worlds(), sim.load(*BASE, override)
    first, second = worlds.get(base, 3), worlds.get(scenario, 3)
    assert len(worlds.worlds) == 1
    assert second.people is first.people
    own = make_world(scenario, 3)
    assert_equal(second, own)
    assert second.reaction_scale == scenario.posting.branching_ratio / radius_of(scenario, own)
    assert worlds.get(base, 3).reaction_scale == first.reaction_scale


@pytest.mark.parametrize("override", OTHER)
def test_what_makes_a_world_makes_another(base: Scenario, override: str):
    scenario = sim.load(*BASE, override)
    assert world_key(scenario) != world_key(base)
    worlds = Worlds()
    worlds.get(base, 3)
    worlds.get(scenario, 3)
    assert len(worlds.worlds) == 2


def test_another_seed_makes_another_world(base: Scenario):
    worlds = Worlds()
    assert not np.array_equal(worlds.get(base, 3).people.travel, worlds.get(base, 4).people.travel)
    assert len(worlds.worlds) == 2
