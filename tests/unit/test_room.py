"""Room for what one event can set off: as many messages and future events as any person can cause at once."""

import numpy as np
import pytest
from scipy.stats import poisson as poisson_law

from sim.engine.build import group_exists, make_tables
from sim.engine.hybrid import CompiledRoom
from sim.engine.parts import make_state
from sim.posting import MOST_REACTIONS
from sim.quantiles import MOST_POSTS, poisson
from sim.scenario import validate
from sim.world import make_world
from tests.nights import CHANNELS, NIGHT, merged, night

FEEDS = {f"feed_{k}": merged(CHANNELS["faces"], {"live": 30.0}) for k in range(24)}
MANY = validate(merged(NIGHT, {"scenario": {"timeline": []}, "posting": {"live_per_stay": 30.0}}) | {"channels": FEEDS})


@pytest.mark.parametrize("scenario", [night(), MANY], ids=["every type of channel", "24 channels with live video"])
def test_the_margin_covers_the_videos_that_one_arrival_plans(scenario):
    world = make_world(scenario, 1)
    tables = make_tables(scenario, world, 1)
    room = CompiledRoom(tables, [make_state(tables, group_exists(scenario, world), False)])
    propensity = np.minimum(tables.people["propensity"], tables.rules["propensity_cap"])
    means = np.minimum(tables.rules["live"][0] * tables.channels["live"] * propensity.max(), MOST_REACTIONS)
    # A sum of Poisson counts is Poisson; each is cut at MOST_POSTS. The quantile that one arrival of 10^9 exceeds:
    assert room.margin >= min(poisson_law.isf(1e-9, means.sum()), MOST_POSTS * np.count_nonzero(means))


def test_a_poisson_count_is_cut():
    assert poisson_law.isf(2.0**-53, MOST_REACTIONS) > 190
    assert int(poisson(MOST_REACTIONS, 1 - 2.0**-53)) <= MOST_POSTS
    assert int(poisson(MOST_REACTIONS * 3, 1 - 2.0**-53)) == MOST_POSTS  # beyond its range, to see the cut
