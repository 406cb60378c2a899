"""Room for what one event can set off: as many messages and future events as any person can cause at once."""

import numpy as np
import pytest

from sim.engine.build import group_exists, make_tables
from sim.engine.hybrid import CompiledRoom
from sim.engine.state import make_state
from sim.quantiles import poisson
from sim.scenario import validate
from sim.world import make_world
from tests.nights import CHANNELS, NIGHT, merged, night

FEEDS = {f"feed_{k}": merged(CHANNELS["faces"], {"live": 30.0}) for k in range(24)}
MANY = validate(merged(NIGHT, {"scenario": {"timeline": []}, "posting": {"live_per_stay": 30.0}}) | {"channels": FEEDS})


@pytest.mark.parametrize("scenario", [night(), MANY], ids=["every type of channel", "24 channels with live video"])
def test_the_margin_covers_the_videos_that_one_arrival_plans(scenario):
    world = make_world(scenario, 1)
    tables = make_tables(scenario, world, 1)
    room = CompiledRoom(tables, make_state(tables, group_exists(scenario, world), False))
    means = np.minimum(tables.rules["live"][0] * tables.channels["live"] * tables.people["propensity"].max(), 30.0)
    # A sum of Poisson counts is Poisson: ten standard deviations above its mean.
    assert room.margin >= means.sum() + 10 * means.sum() ** 0.5


def test_a_poisson_count_is_cut_at_200():
    assert int(poisson(30.0, 1 - 2.0**-53)) <= 200
