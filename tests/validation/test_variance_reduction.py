"""The reported variance reduction agrees with independent pairs: the experiment at a reduced size.

No more of the reported intervals miss than chance explains, and none by more than the error of both (family-wise 95 %,
Bonferroni), which the experiment computes from the pairs. Seeds are fixed, so that the test fails always or never. Pairs that
are not independent fail it.
"""

import math

import numpy as np
import pytest

from experiments.variance_reduction import (
    OUTCOMES,
    Row,
    agree,
    error_of_log_variance,
    is_right,
    markdown,
    most_misses,
    ratio_of_variances,
    rows_of,
)

DESIGN = 10_000, 12, 24


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.mark.long
@pytest.mark.slow
def test_the_reported_variance_reduction_agrees_with_independent_pairs(store):
    rows = rows_of(*DESIGN, store)
    assert [row.outcome for row in rows] == list(OUTCOMES)
    assert is_right(rows), markdown(rows, *DESIGN)
    assert sum(row.value[1] > 1 for row in rows) >= 5, "the test could not tell a reduction from none"


@pytest.mark.long
@pytest.mark.slow
def test_pairs_that_are_not_independent_fail_the_same_check(store):
    """Both nights of the 'independent' pairs on the same dice: their reduction is about 1."""
    rows = rows_of(*DESIGN, store, dice="throttled")
    assert not is_right(rows)
    assert "these are apart: " in markdown(rows, *DESIGN)


def test_the_error_of_a_ratio_of_variances_by_hand():
    """Values 0, 1, 3: without each in turn the variances are 2, 4.5 and 0.5."""
    logs = np.log([2.0, 4.5, 0.5])
    assert error_of_log_variance(np.array([0.0, 1.0, 3.0])) == pytest.approx(2 * logs.std(ddof=1) / math.sqrt(3))
    ratio, low, high = ratio_of_variances(np.array([0.0, 2.0, 6.0]), np.array([0.0, 1.0, 3.0]), 0.95)
    assert ratio == pytest.approx(4.0)
    assert low * high == pytest.approx(16.0)


def test_intervals_of_a_ratio_of_variances_hold_it():
    """At least 95 % of 1,000, less five binomial standard errors, of 60 normal values each."""
    rng = np.random.default_rng(3)
    hits = sum(
        low <= 4.0 <= high
        for _ in range(1000)
        for _, low, high in [ratio_of_variances(2.0 * rng.standard_normal(60), rng.standard_normal(60), 0.95)]
    )
    assert abs(hits / 1000 - 0.95) < 5 * math.sqrt(0.95 * 0.05 / 1000)


def test_agreement_and_misses_by_hand():
    # log distances: 2 log 2 against half-widths log 2 and log 4, whose root of squares is 2.24 log 2
    assert agree((1.0, 0.5, 2.0), (4.0, 1.0, 8.0))
    assert agree((4.0, 1.0, 8.0), (1.0, 0.5, 2.0))
    assert not agree((1.0, 0.5, 2.0), (5.0, 1.25, 8.0))
    row = Row("people", (4.0, 2.0, 8.0), (9.0, 8.99, 9.01), 32, True)
    assert not row.is_held
    # Half-widths of the report are t_31 = 2.0395 errors: 2 (1 - Phi(2.0395)) where the value has none.
    assert row.chance_of_a_miss == pytest.approx(math.erfc(2.0395134 / math.sqrt(2)), abs=1e-4)
    equal = Row("people", (4.0, 2.0, 8.0), (8.0, 4.0, 16.0), 32, True)
    assert equal.is_held
    assert equal.chance_of_a_miss == pytest.approx(
        math.erfc(1 / math.sqrt(2 / 2.0395134**2 + 2 / 1.959964**2)), abs=1e-6
    )


def test_too_many_misses_fail_even_where_none_is_far():
    """A chance of 0.041 each: of 10, more than 2 misses have a chance of 0.007, more than 1 one of 0.06."""
    held, missed = (Row("people", (4.0, 2.0, 8.0), (at, at - 0.01, at + 0.01), 32, True) for at in (4.0, 9.0))
    for misses, right in ((0, True), (2, True), (3, False), (10, False)):
        rows = [missed] * misses + [held] * (10 - misses)
        assert most_misses(rows) == 2
        assert is_right(rows) is right
        assert f"{10 - misses} of 10 intervals hold the value, {misses} miss" in markdown(rows, *DESIGN)
        assert ("too many" in markdown(rows, *DESIGN)) is not right
    apart = Row("people", (4.0, 2.0, 8.0), (90.0, 89.0, 91.0), 32, False)
    assert not is_right([held] * 9 + [apart])
