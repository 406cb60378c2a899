"""The exact sign test and its interval, against hand-made tables, scipy's binomial test and the duality of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sim.measures.signs import median_by_signs, sign_p_value

differences = st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), min_size=1, max_size=40)


def test_the_sign_test_by_hand() -> None:
    assert sign_p_value([0.1] * 12) == pytest.approx(2**-11)
    assert sign_p_value([0.1] * 11 + [-0.9]) == pytest.approx(2 * (1 + 12) / 2**12)
    # A zero is on neither side: it counts as one that disagrees.
    assert sign_p_value([0.1] * 11 + [0.0]) == sign_p_value([0.1] * 11 + [-0.9])
    assert sign_p_value([0.0] * 12) == 1
    assert np.isnan(sign_p_value([np.nan]))


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


@given(st.integers(1, 60), st.integers(0, 60))
def test_the_p_value_is_that_of_the_binomial_test(above: int, below: int) -> None:
    expected = binomtest(above, above + below).pvalue
    assert sign_p_value([0.5] * above + [-0.25] * below) == pytest.approx(expected)


@given(differences, st.sampled_from([0.8, 0.95, 1 - 0.05 / 72]))
def test_the_interval_holds_0_just_where_the_test_does_not_reject(values: list[float], level: float) -> None:
    found = median_by_signs(values, level)
    told = not np.isnan(found.low) and (found.low > 0 or found.high < 0)
    assert told == (sign_p_value(values) <= 1 - level)
    if not np.isnan(found.low):
        assert min(values) <= found.low <= found.estimate <= found.high <= max(values)


def test_the_interval_covers_the_median_of_outcomes_of_two_kinds() -> None:
    """A cascade runs with a chance of 0.6: the median is 0.99. Coverage is at least 0.95, that of the t interval of the mean
    is lower at values of few replicates and its bounds leave [-1, 1]; here only what is claimed is tested."""
    rng, n_tries = np.random.default_rng(1), 4000
    runs = rng.random((n_tries, 12)) < 0.6
    values = np.where(runs, 0.99, 0.0) + rng.uniform(-0.005, 0.005, runs.shape)
    # The true median of the mixture lies in the upper part: P(below) = 0.4 + 0.6 q = 1/2.
    median = 0.985 + 0.01 * (0.1 / 0.6)
    found = [median_by_signs(row) for row in values]
    share = np.mean([i.low <= median <= i.high for i in found])
    error = np.sqrt(0.05 * 0.95 / n_tries)
    assert share >= 0.95 - 3 * error
