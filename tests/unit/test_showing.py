"""What an airing shows: whom it reaches, when, and how much two people's delays have to do with each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sim.bijection import scattered
from sim.config import load
from sim.draws import quarters
from sim.engine.build import airing_ticks
from sim.engine.order import IMPRESSION
from sim.engine.showing import coming_at
from sim.engine.simulate import run
from sim.jit import is_compiling, njit
from sim.laws import Exponential, LogNormal, encode_laws
from sim.units import MINUTE
from sim.world import make_world

PEOPLE, ATTENTION, LOOK = 60, 0.9, 10.0
SEEDS = 300 if is_compiling else 20
SMALLEST_P = 1e-6


def delays(audience: float) -> np.ndarray:
    """Return float64[SEEDS, PEOPLE]: minutes until each person notices an airing, NaN: never."""
    airing = (
        f"{{time: 2000-01-01 01:00, what: news, channel: broadcast, kind: news, minutes: 500, audience: {audience}}}"
    )
    scenario = load(
        "classic=plain", "channels=broadcast", f"channels.broadcast.attention={ATTENTION}", f"population.size={PEOPLE}",
        f"+channels.broadcast.look={{law: exponential, mean_minutes: {LOOK}}}", f"scenario.timeline=[{airing}]",
    )  # fmt: skip
    begins, world = airing_ticks(scenario)[0][0], make_world(scenario, 1)
    found = np.full((SEEDS, PEOPLE), np.nan)
    for seed in range(SEEDS):
        events = run(scenario, seed, events=True, world=world).log
        events = events[events["kind"] == IMPRESSION]
        found[seed, events["person"]] = (events["tick"] - begins) / MINUTE
    return found


@pytest.fixture(scope="module", params=[1.0, 0.51, 0.5, 0.3])
def shown(request: pytest.FixtureRequest) -> tuple[float, np.ndarray]:
    return request.param, delays(request.param)


def test_the_share_that_notices_is_the_one_that_is_wanted(shown):
    audience, found = shown
    counts = np.isfinite(found).sum(axis=1)
    error = counts.std(ddof=1) / math.sqrt(SEEDS)
    assert abs(counts.mean() - PEOPLE * audience * ATTENTION) < 4.5 * error
    each = np.isfinite(found).sum(axis=0)  # and everybody is as likely to be among them
    expected = SEEDS * audience * ATTENTION
    assert stats.chi2.sf(((each - expected) ** 2 / (expected * (1 - audience * ATTENTION))).sum(), PEOPLE) > SMALLEST_P


def test_a_persons_delay_follows_the_law_of_looking(shown):
    _, found = shown
    for person in (0, PEOPLE // 2, PEOPLE - 1):
        own = found[:, person][np.isfinite(found[:, person])]
        assert stats.kstest(own, stats.expon(scale=LOOK).cdf).pvalue > SMALLEST_P


def test_two_peoples_delays_tell_next_to_nothing_of_each_other(shown):
    _, found = shown
    pairs = found.reshape(SEEDS * PEOPLE // 2, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    quarter = np.floor(4 * stats.expon(scale=LOOK).cdf(pairs)).astype(int).clip(max=3)
    table = np.zeros((4, 4))
    np.add.at(table, (quarter[:, 0], quarter[:, 1]), 1)
    # One comes in each m-th part: of m, another one is in the same quarter with probability (m / 4 - 1) / (m - 1).
    m = PEOPLE
    expected = np.where(np.eye(4) == 1, (m / 4 - 1) / (m - 1), (m / 4) / (m - 1)) / 4 * len(pairs)
    assert stats.chi2.sf(((table - expected) ** 2 / expected).sum(), 15) > SMALLEST_P


@njit
def first_fall(law, points, m, key, step):
    """Return the first k at which who comes next comes earlier; -1: nobody."""
    before = np.int64(0)
    for k in range(0, m, step):
        tick = coming_at(law, points, 0, k, m, key)
        after = coming_at(law, points, 0, min(k + 1, m - 1), m, key)
        if tick < before or after < tick:
            return k
        before = after
    return -1


@pytest.mark.parametrize("law", [LogNormal(law="lognormal", median_minutes=8, sigma=1.3),
                                 Exponential(law="exponential", mean_minutes=4)])  # fmt: skip
def test_nobody_comes_before_who_came_before(law):
    rows, points = encode_laws([law])
    m = 3_000_017 if is_compiling else 3_001
    for k in range(3):
        key = np.uint64(quarters(1, 62, 0, k, 0)[3])
        assert 0 < scattered(0, key) < 1
        assert first_fall(rows[0], points, m, key, 1) == -1
