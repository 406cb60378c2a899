"""Equivalence: small cases against other libraries, and the chance of a false verdict against theory.

Random checks use fixed seeds and tolerances of Z standard errors. Z keeps the chance that any of at most 20 such checks
fails for a correct program below 0.001 (Bonferroni).
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr, ndtri

from sim.errors import InputError
from sim.measures.equivalence import equivalence, replicates_needed, spread, spread_ratio
from sim.measures.intervals import mean_t
from sim.measures.ratios import ratio_jackknife

Z = float(ndtri(1.0 - 0.001 / (2 * 20)))
N_TRIALS = 4000
ALPHA = 0.05
A = np.array([3.1, 2.7, 3.4, 2.9, 3.3])
B = np.array([2.2, 3.6, 3.0, 1.9, 2.8, 3.2, 2.5, 2.6])

VALUES = st.lists(st.integers(-1000, 1000), min_size=2, max_size=8).filter(lambda v: len(set(v)) > 1)


def near(share: float, n: int = N_TRIALS) -> float:
    """Return Z binomial standard errors of a share among n trials."""
    return Z * math.sqrt(share * (1.0 - share) / n)


def share_of(verdict, found) -> float:
    return sum(one.verdict == verdict for one in found) / len(found)


# -- the mean


def test_the_p_values_are_those_of_shifted_welch_tests():
    for margin in (0.1, 0.5, 1.0):
        found = equivalence(mean_t(A), mean_t(B), margin)
        upper = stats.ttest_ind(A, B + margin, equal_var=False, alternative="less").pvalue
        lower = stats.ttest_ind(A, B - margin, equal_var=False, alternative="greater").pvalue
        assert found.p_equivalent == pytest.approx(max(upper, lower))
        assert found.p_different == pytest.approx(min(1.0, 2 * min(1 - upper, 1 - lower)))


def test_the_interval_is_the_welch_interval_of_level_one_minus_two_alpha():
    found = equivalence(mean_t(A), mean_t(B), 1.0, 0.01)
    expected = stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.98)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_verdicts_by_hand():
    base, near_by, far, wide = ([0.0, 0.2] * 8, [0.1, 0.3] * 8, [2.0, 2.2] * 8, [-5.0, 6.0] * 3)
    verdicts = [equivalence(mean_t(x), mean_t(base), 0.5).verdict for x in (near_by, far, wide, [1.0])]
    assert verdicts == ["equivalent", "different", "undecided", "missing"]


def test_a_difference_that_is_certain_but_small_is_equivalent():
    found = equivalence(mean_t([0.1, 0.11, 0.12] * 4), mean_t([0.0, 0.01, 0.02] * 4), 0.5)
    assert found.low > 0
    assert found.verdict == "equivalent"


def test_what_does_not_vary_is_compared_as_it_is():
    same = mean_t([1.0, 1.0])
    assert equivalence(same, mean_t([1.1, 1.1]), 0.2).verdict == "equivalent"
    assert equivalence(same, mean_t([1.5, 1.5]), 0.2).verdict == "different"
    assert equivalence(same, mean_t([1.25, 1.25]), 0.25).verdict == "undecided"


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES, st.floats(0.1, 500))
def test_equivalent_means_that_the_interval_lies_within_the_margin(a, b, margin):
    found, turned = (equivalence(mean_t(x), mean_t(y), margin) for x, y in ((a, b), (b, a)))
    size = max(abs(found.low), abs(found.high))
    if abs(size - margin) > 1e-9 * margin:
        assert (found.verdict == "equivalent") == (size < margin)
    if found.verdict == "different":
        assert min(abs(found.low), abs(found.high)) > margin
        assert found.low * found.high > 0
    assert turned.verdict == found.verdict
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def compared(shift: float, n: int = 12, seed: int = 1, margin: float = 1.0):
    """Return comparisons of two groups of unit normals, one of them shifted."""
    draws = np.random.default_rng(seed).normal(size=(N_TRIALS, 2, n))
    return [equivalence(mean_t(a + shift), mean_t(b), margin, ALPHA) for a, b in draws]


def test_at_the_margin_each_verdict_has_the_chance_that_is_stated():
    # With a margin of 2.4 standard errors one test decides, and its t statistic (here of equal variances, for which
    # Welch's degrees of freedom lie between 11 and 22) has a size between those of both.
    found = compared(1.0)
    error = math.sqrt(2 / 12)
    for verdict, alpha in (("equivalent", ALPHA), ("different", ALPHA / 2)):
        least = stats.t.sf(stats.t.isf(alpha, 11), 22)
        assert least - near(least) < share_of(verdict, found) < alpha + near(alpha)
    assert ndtr(-1.0 / error) < 0.01, "the other test would count"


def test_power_is_that_of_theory():
    # For unit normals, e^2 = (s_a^2 + s_b^2) / n is close to 2 / n when n is large; the power of both tests at no
    # difference is then 2 Phi(margin / e - z) - 1, with an error that a t quantile for z bounds.
    n, margin = 60, 0.6
    error = math.sqrt(2 / n)
    power = [
        2 * float(ndtr(margin / error - q)) - 1 for q in (float(ndtri(0.95)), float(stats.t.isf(ALPHA, 2 * n - 2)))
    ]
    share = share_of("equivalent", compared(0.0, n, 2, margin))
    # What the estimate of e adds: a relative standard deviation of 1 / sqrt(4 n) of e moves the power in second order.
    slack = (margin / error) ** 2 / (4 * n)
    assert min(power) - near(power[0]) - slack < share < max(power) + near(power[0])


def test_no_difference_is_hardly_ever_called_one():
    assert share_of("different", compared(0.0, seed=3, margin=0.5)) <= ALPHA / 2


# -- the standard deviation


def test_the_standard_deviation_and_its_interval_by_hand():
    found = spread(mean_t(A))
    assert found.estimate == pytest.approx(A.std(ddof=1))
    low, high = (A.std(ddof=1) * math.sqrt(4 / q) for q in (11.143286781877796, 0.4844185570879303))  # chi2, 4 degrees
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_standard_deviation_of_a_ratio_is_that_of_its_pseudo_values():
    above, below = np.array([40.0, 55.0, 61.0]), np.array([50.0, 50.0, 50.0])
    assert spread(ratio_jackknife(above, below)).estimate == pytest.approx((above / 50).std(ddof=1))


def test_the_interval_of_the_standard_deviation_covers_it():
    draws = np.random.default_rng(4).normal(scale=3.0, size=(N_TRIALS, 6))
    hits = [found.low <= 3.0 <= found.high for found in (spread(mean_t(row)) for row in draws)]
    assert abs(np.mean(hits) - 0.95) < near(0.95)


def test_the_ratio_of_standard_deviations_by_hand():
    found = spread_ratio(mean_t(A), mean_t(B), 0.5, alpha=0.025)
    ratio = A.std(ddof=1) / B.std(ddof=1) / 0.5
    assert found.estimate == pytest.approx(ratio)
    assert found.low == pytest.approx(ratio / math.sqrt(stats.f.ppf(0.975, 4, 7)))
    assert found.high == pytest.approx(ratio / math.sqrt(stats.f.ppf(0.025, 4, 7)))


@pytest.mark.parametrize("scale", [2.0, 0.5])
def test_at_the_factor_each_verdict_on_a_ratio_has_the_chance_that_is_stated(scale):
    draws = np.random.default_rng(5).normal(size=(N_TRIALS, 2, 30))
    found = [spread_ratio(mean_t(scale * a), mean_t(b), 1.0, 2.0, ALPHA) for a, b in draws]
    for verdict, chance in (("equivalent", ALPHA), ("different", ALPHA / 2)):
        assert abs(share_of(verdict, found) - chance) < near(chance)


def test_a_ratio_as_expected_is_found_to_be_so():
    # Power: with F of 19 and 19 degrees, P(F_q / 4 < F < 4 / F_q), q = 0.95.
    draws = np.random.default_rng(6).normal(size=(N_TRIALS, 2, 20))
    found = [spread_ratio(mean_t(3 * a), mean_t(b), 3.0, 2.0, ALPHA) for a, b in draws]
    edge = 4 / stats.f.ppf(0.95, 19, 19)
    power = stats.f.cdf(edge, 19, 19) - stats.f.cdf(1 / edge, 19, 19)
    assert abs(share_of("equivalent", found) - power) < near(power)


def test_a_ratio_without_variation_is_missing():
    found = spread_ratio(mean_t([1.0, 1.0]), mean_t(A))
    assert (found.verdict, found.reason) == ("missing", "replicates do not vary")
    assert spread(mean_t([1.0])).reason == "interval missing at n = 1"


# -- replicates


@pytest.mark.parametrize(("deviation", "half_width"), [(1.0, 1.0), (0.3, 0.02), (5.0, 100.0), (0.0, 1.0), (2.0, 0.11)])
def test_the_least_number_of_replicates_suffices_and_one_less_does_not(deviation, half_width):
    def half(n):
        return stats.t.ppf(0.975, n - 1) * deviation / math.sqrt(n)

    n = replicates_needed(deviation, half_width)
    assert half(n) <= half_width
    assert n == 2 or half(n - 1) > half_width


# -- refusals


@pytest.mark.parametrize(
    "call",
    [
        lambda: equivalence(mean_t(A), mean_t(B), 0.0),
        lambda: equivalence(mean_t(A), mean_t(B), math.nan),
        lambda: equivalence(mean_t(A), mean_t(B), 1.0, 0.5),
        lambda: spread(mean_t(A), 1.0),
        lambda: spread_ratio(mean_t(A), mean_t(B), 0.0),
        lambda: spread_ratio(mean_t(A), mean_t(B), 1.0, 1.0),
        lambda: spread_ratio(mean_t(A), mean_t(B), alpha=0.0),
        lambda: replicates_needed(math.nan, 1.0),
        lambda: replicates_needed(1.0, 0.0),
    ],
)
def test_arguments_out_of_range_are_refused(call):
    with pytest.raises(InputError, match="expected"):
        call()
