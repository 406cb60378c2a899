"""What the bits of a person say of an airing."""

from __future__ import annotations

import numpy as np
import pytest

from sim.channels import ALERTED, CUT_OFF, ORDINARY
from sim.engine.build import make_tables
from sim.engine.flags import HOT_ASLEEP, HOT_HEARD, HOT_OUT, HOT_SUBSTITUTES, LEVEL_BITS, levels_of
from sim.world import make_world
from tests.nights import night


@pytest.mark.parametrize("as_if_home", [False, True])
def test_the_attention_that_an_airing_gets_is_that_of_the_state_that_the_bits_say(as_if_home):
    scenario = night(population={"size": 20}, attendance={"online_as_if_home": as_if_home})
    tables = make_tables(scenario, make_world(scenario, 1), 1)
    assert (tables.channels["wakes"] > 0).any()
    assert (tables.channels["while_out"] < 1).any()
    levels = levels_of(tables.channels, tables.rules)
    assert levels.shape == (2, len(tables.channels), 1 << LEVEL_BITS)
    assert levels.flags.c_contiguous
    for throttled, c, hot in np.ndindex(levels.shape):
        channel = tables.channels[c]
        state = CUT_OFF if throttled and hot & HOT_SUBSTITUTES else ALERTED if hot & HOT_HEARD else ORDINARY
        expected = channel["attention"][state] * (channel["while_out"] if hot & HOT_OUT else 1.0)
        if hot & HOT_ASLEEP:
            expected = np.inf if channel["wakes"] > 0 or channel["waits"] > 0 else 0.0
        assert levels[throttled, c, hot] == (np.inf if as_if_home else expected)
