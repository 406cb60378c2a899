"""A stronger throttle never lets a post through that a weaker one stops, at the same gate and on the same dice."""

from itertools import pairwise

import numpy as np
import pytest

from sim.engine.order import CANDIDATE, DROPPED, FAILED, HELD, IMPRESSION, PUBLISHED, REACTION, RETRYING, SEEN, TIPPED
from sim.engine.simulate import run
from sim.world import make_world
from tests.nights import night, window

POSTED = ["tweets", "faces", "tube", "chat"]
SEVERITIES = [0.0, 0.1, 0.3, 0.5, 0.8, 0.95, 1.0]
STOPPED = (FAILED, RETRYING, HELD)


def arms(mode, seed):
    """Return the logs of one night at every severity; nobody gets round the throttle, so that every try meets the gate."""
    scenarios = [
        night(
            throttle={
                "windows": [window(POSTED, 0, 180, severity, mode)],
                "circumvention": {"share_before": 0.0, "hazard_per_hour": 0.0},
            }
        )
        for severity in SEVERITIES
    ]
    world = make_world(scenarios[0], seed)
    return [run(s, seed, events=True, world=world).log for s in scenarios], scenarios[0].clock.warm_up


def outcomes(log, kinds, first, stopped, passed):
    """Return {(tick, kind, person, key, channel): stopped?} of what met the gate since a tick."""
    rows = log[np.isin(log["kind"], kinds) & np.isin(log["result"], [*stopped, *passed]) & (log["tick"] >= first)]
    return {row[:5]: row[5] in stopped for row in rows.tolist()}


@pytest.mark.parametrize("mode", ["drop", "delay"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_first_try_that_fails_fails_at_every_higher_severity(mode, seed):
    logs, first = arms(mode, seed)
    tries = [outcomes(log, (CANDIDATE, REACTION), first, STOPPED, (PUBLISHED,)) for log in logs]
    for (weak, one), (strong, other) in pairwise(zip(SEVERITIES, tries, strict=True)):
        both = one.keys() & other.keys()
        assert len(both) > 50
        assert sum(one[k] for k in both) <= sum(other[k] for k in both)
        assert [k for k in both if one[k] and not other[k]] == [], f"{weak} against {strong}"
    assert not any(tries[0].values())
    assert all(tries[-1].values())
    # At severities between, the gate lets some through and stops some.
    assert all(0 < sum(t.values()) < len(t) for t in tries[1:-1])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_impression_that_is_dropped_is_dropped_at_every_higher_severity(seed):
    logs, first = arms("drop", seed)
    looks = [outcomes(log, (IMPRESSION,), first, (DROPPED,), (SEEN, TIPPED)) for log in logs]
    for one, other in pairwise(looks):
        both = one.keys() & other.keys()
        assert [k for k in both if one[k] and not other[k]] == []
    assert sum(map(sum, (look.values() for look in looks))) > 50


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_candidates_of_posts_are_the_same_at_every_severity(seed):
    logs, _ = arms("drop", seed)
    streams = [log[log["kind"] == CANDIDATE][["tick", "person", "key"]] for log in logs]
    for stream in streams[1:]:
        np.testing.assert_array_equal(stream, streams[0])
