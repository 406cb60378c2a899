"""The exact sign interval of a median, against a table by hand, scipy's binomial test, and its coverage."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sim.measures.signs import median_by_signs

differences = st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), min_size=1, max_size=40)


def test_the_interval_by_hand() -> None:
    """n = 16: P(B <= 3) = 697 / 65536 is below 0.025, P(B <= 4) above it, so that the fourth of each end is the bound."""
    found = median_by_signs(np.arange(16.0)[::-1])
    assert (found.estimate, found.low, found.high, found.n) == (7.5, 3.0, 12.0, 16)
    assert np.isnan(median_by_signs([0.1] * 5).low)
    assert median_by_signs([0.1] * 5).reason == "interval missing at n = 5"
    assert median_by_signs([0.1] * 6).low == 0.1
    gone = median_by_signs([np.nan, *range(6)])
    assert (gone.n, gone.reason) == (6, "1 of 7 pairs missing")
    assert np.isnan(median_by_signs([np.nan]).estimate)


@given(differences, st.sampled_from([0.8, 0.95, 1 - 0.05 / 72]))
def test_the_interval_holds_0_just_where_the_binomial_test_does_not_reject(values: list[float], level: float) -> None:
    found = median_by_signs(values, level)
    told = not np.isnan(found.low) and (found.low > 0 or found.high < 0)
    # A zero is on neither side: it counts as one that disagrees.
    most = max(np.sum(np.array(values) > 0), np.sum(np.array(values) < 0))
    assert told == (most > len(values) / 2 and binomtest(int(most), len(values)).pvalue <= 1 - level)
    if not np.isnan(found.low):
        assert min(values) <= found.low <= found.estimate <= found.high <= max(values)


def test_the_interval_covers_the_median_of_outcomes_of_two_kinds() -> None:
    """A cascade runs with a chance of 0.6; the interval of 12 replicates holds the median in 96 % (B <= 2 at either end)."""
    rng, n_tries = np.random.default_rng(1), 4000
    runs = rng.random((n_tries, 12)) < 0.6
    values = np.where(runs, 0.99, 0.0) + rng.uniform(-0.005, 0.005, runs.shape)
    # The true median of the mixture lies in the upper part: P(below) = 0.4 + 0.6 q = 1/2.
    median = 0.985 + 0.01 * (0.1 / 0.6)
    found = [median_by_signs(row) for row in values]
    share = np.mean([i.low <= median <= i.high for i in found])
    expected = 1 - 2 * 79 / 2**12
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n_tries)
