"""What each null night leaves as it is, and what it takes away, row by row of the event log and count by count."""

import numpy as np
import pytest

from sim.engine.order import (
    ADOPT,
    ARRIVE,
    BED,
    CANDIDATE,
    DEPART,
    DROPPED,
    FAILED,
    HELD,
    HOME_AGAIN,
    IMPRESSION,
    LEAVE,
    PROMPT,
    REACTION,
    RETRYING,
    TIPPED,
    WAKE,
)
from sim.engine.simulate import run
from sim.engine.state import COUNTS
from sim.world import make_world
from tests.nights import CHANNELS, TIMELINE, accounting, entry, night, window

SEEDS = [0, 1, 2, 3]
PEOPLE = {"size": 300}
THROTTLE = {"windows": [window(["tweets", "faces", "tube", "chat"], 40, 120, 0.7)]}
TRIPS = (DEPART, ARRIVE, LEAVE, HOME_AGAIN)


def both(scenario, null, seed):
    """Return the records of a night and of one of its null nights in one world."""
    world = make_world(scenario, seed)
    return (run(s, seed, events=True, world=world) for s in (scenario, scenario.null_night(null)))


def of_kinds(log, *kinds):
    return log[np.isin(log["kind"], kinds)]


@pytest.mark.parametrize("seed", SEEDS)
def test_on_an_ordinary_day_nobody_hears_leaves_or_is_cut_off(seed):
    scenario = night(population=PEOPLE, throttle=THROTTLE)
    _, ordinary = both(scenario, "ordinary", seed)
    log = ordinary.log
    assert len(of_kinds(log, CANDIDATE)) > 0
    assert len(of_kinds(log, *TRIPS, PROMPT, ADOPT)) == 0
    assert not np.isin(log["result"], (TIPPED, DROPPED, FAILED, HELD, RETRYING)).any()
    assert ordinary.heard_on.sum() == ordinary.decided.sum() == ordinary.departures.sum() == 0
    for name in ("topical", "live", "created", "trending", "impressions_news", "impressions_call", "impressions_stay"):
        assert ordinary.counts[:, :, COUNTS.index(name)].sum() == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_who_stays_home_posts_in_the_same_candidates(seed):
    """Nobody leaves, and spontaneous posts are decided by the same draws: what differs is asleep or out in one of the two."""
    scenario = night(population=PEOPLE, posting={"branching_ratio": 0.0}, throttle={"windows": []})
    leaving, home = both(scenario, "stay_home", seed)
    assert home.departures.sum() == 0 < leaving.departures.sum()
    one, other = (of_kinds(r.log, CANDIDATE) for r in (leaving, home))
    np.testing.assert_array_equal(one[["tick", "person", "key"]], other[["tick", "person", "key"]])
    left = np.unique(leaving.log["person"][leaving.log["kind"] == DEPART])
    changed = one["person"][one["result"] != other["result"]]
    # Others change only through what they heard from those who left: whether they stayed up.
    heard = np.unique(leaving.log["person"][leaving.log["kind"] == IMPRESSION])
    assert set(changed.tolist()) <= set(left.tolist()) | set(heard.tolist())


@pytest.mark.parametrize("seed", SEEDS)
def test_keyboard_is_the_night_itself_until_somebody_out_would_have_done_something(seed):
    scenario = night(population=PEOPLE, throttle=THROTTLE)
    itself, keyboard = both(scenario, "keyboard", seed)
    first = itself.log["tick"][itself.log["kind"] == DEPART].min()
    n = int(np.searchsorted(itself.log["tick"], first, side="right"))
    np.testing.assert_array_equal(itself.log[:n], keyboard.log[:n])


@pytest.mark.parametrize("mode", [None, "drop", "delay"])
@pytest.mark.parametrize("seed", SEEDS)
def test_bodies_do_the_same_at_the_keyboard_where_posts_do_not_count(seed, mode):
    """Trips and sleep are those of the night, to the tick, where nobody is moved by what others post."""
    changes = {
        name: {
            "dose": dict.fromkeys(("news", "call", "stay"), 0.0) if c["type"] in ("feed", "group") else c["dose"],
            "attention": dict.fromkeys(("ordinary", "alerted", "cut_off"), c["attention"]["alerted"]),
            "while_out": 0.5,
        }
        for name, c in CHANNELS.items()
    }
    changes["texts"] |= {"waits": 0.0}
    scenario = night(
        population=PEOPLE | {"sleep": {"stay_up": {"probability": 0.0}}},
        scenario={"timeline": [e for e in TIMELINE if e["kind"] != "gathering"]
                  + [entry(90, "tv", "stay", repeat_minutes=10, repeat_until=170)]},
        channels=changes, posting={"tell_probability": 0.0},
        throttle={"windows": [window(["tv", "facetime", "street"], 65, 140, 0.6, mode)] if mode else [],
                  "circumvention": {"share_before": 0.1, "hazard_per_hour": 0.0}},
    )  # fmt: skip
    itself, keyboard = both(scenario, "keyboard", seed)
    assert itself.departures.sum() > 20
    assert len(of_kinds(itself.log, HOME_AGAIN)) > 20
    for kinds in (TRIPS, (BED, WAKE)):
        np.testing.assert_array_equal(of_kinds(itself.log, *kinds), of_kinds(keyboard.log, *kinds))
    np.testing.assert_array_equal(itself.snapshots[:, :4], keyboard.snapshots[:, :4])
    if mode is None:
        published = COUNTS.index("published")
        assert keyboard.counts[:, :, published].sum() > itself.counts[:, :, published].sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_without_the_call_everything_until_it_is_the_same(seed):
    scenario = night(population=PEOPLE, scenario={"accounting": accounting(0)})
    itself, without = both(scenario, "without_call", seed)
    call = scenario.clock.warm_up + 60 * 60_000
    before = [r.log[r.log["tick"] <= call] for r in (itself, without)]
    np.testing.assert_array_equal(*before)
    channel = list(scenario.channels).index("facetime")
    assert (itself.log["channel"] == channel).any()
    assert not (of_kinds(without.log, IMPRESSION, REACTION)["channel"] == channel).any()
