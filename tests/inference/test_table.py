"""The table of nights at draws from the prior: places that are normal, data as they would be observed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats as st

pytest.importorskip("pyabc")

from experiments import identifiability
from sim.inference.series import Bins
from sim.inference.statistics import Statistic, Statistics
from sim.inference.table import ReferenceTable, prior_places

SOURCE = {"source": "a test"}


def table(n: int = 400) -> ReferenceTable:
    """Return a table in which one statistic tells the first parameter, and survey and curve the second and third."""
    items = {
        "a": Statistic.model_validate({"value": 1, "sd": 0.5} | SOURCE),
        "b": Statistic.model_validate({"above": 0, "sd": 0.1} | SOURCE),
        "first_heard_tv": Statistic.model_validate({"value": 0.1, "sd": 0.1, "held_out": True} | SOURCE),
    }
    bins = Bins("published_twitter", ((0, 30), (30, 60)), (1.0, 1.0), False, 1.0, True)
    places = prior_places(n, 4, 1)
    shape = np.exp(0.5 * places[:, 2])
    values = {
        "a": places[:, 0],
        "b": places[:, 3],
        "first_heard_tv": st.norm.cdf(places[:, 1]),
        "curve[0]": 100 * shape / (1 + shape),
        "curve[1]": 100 / (1 + shape),
    }
    return ReferenceTable(Statistics(items, {"curve": bins}, (), 1.0), places, values)


def test_places_are_normal_and_independent():
    places = prior_places(1000, 5, 3)
    assert places.shape == (1000, 5)
    for column in places.T:
        assert st.kstest(column, "norm").pvalue > 1e-4
    correlations = np.corrcoef(places.T)[np.triu_indices(5, 1)]
    assert np.abs(correlations).max() < 5 / math.sqrt(1000)
    np.testing.assert_array_equal(places, prior_places(1000, 5, 3))
    assert not np.array_equal(places, prior_places(1000, 5, 4))


def test_data_are_told_no_further_than_the_bound_and_with_their_uncertainty():
    its = table(4000)
    seen = its.with_noise(["a", "b"], 1)
    assert seen[:, 1].max() == 0.0
    assert (seen[:, 1] < 0).any()
    far = its.values["b"] < -1.0  # ten errors below the bound: what is seen is what was, with its error
    assert far.sum() > 300
    noise = seen - its.columns(["a", "b"])
    # A standard deviation from n values is off by 1 / sqrt(2 n) of itself.
    for column, scale, n in zip((noise[:, 0], noise[far, 1]), (0.5, 0.1), (4000, far.sum()), strict=True):
        assert abs(column.std() / scale - 1) < 4.5 / math.sqrt(2 * n)
        assert abs(column.mean()) < 4.5 * scale / math.sqrt(n)


def test_other_data_tell_other_parameters():
    its = table(1500)
    data = identifiability.features(its, 1)
    assert list(data) == ["the record", "and a curve", "and a survey", "and both"]
    narrowing = {kind: identifiability.expected_narrowing(its.places, x) for kind, x in data.items()}
    record, curve, survey, both = narrowing.values()
    assert record[0] < 0.6 < 0.9 < min(record[1], record[2])
    assert curve[2] < 0.6 < 0.9 < curve[1]
    assert survey[1] < 0.6 < 0.9 < survey[2]
    assert max(both[:3]) < 0.6


def test_parameters_that_trade_off_are_found():
    dice = np.random.default_rng(1)
    places = prior_places(3000, 3, 5)
    its = ReferenceTable(table().statistics, places, {})
    observed = (places[:, [0]] + places[:, [1]]) / math.sqrt(2) + 0.1 * dice.standard_normal((3000, 1))
    found = identifiability.trade_offs(its, observed, np.ones(1), 20, 300)
    # Given the sum of two standard normal numbers up to a noise of 0.1 sqrt(2), their correlation is -1 / (1 + 0.02) or so.
    exact = -(1 / (1 + 0.01)) / (2 - 1 / (1 + 0.01))
    # Of a correlation the standard error is (1 - its square) / sqrt(n); of 300 particles, 240 or so are effective.
    assert abs(found[0, 1] - exact) < 4.5 * (1 - exact**2) / math.sqrt(20 * 200)
    assert abs(found[0, 2]) < 4.5 / math.sqrt(20 * 200)


def test_ranked_beside_parameters_are_directions_that_data_depend_on_and_turnout():
    """The statistics tell the first and the fourth parameter: two directions in their plane."""
    its = table(1500)
    its.values[identifiability.TURNOUT] = np.exp(its.places[:, 1])
    ranked, names = identifiability.quantities(its, its.with_noise(["a", "b"], 1), ["p", "q", "r", "s"])
    assert names == ["p", "q", "r", "s", "direction 1", "direction 2", "turnout"]
    np.testing.assert_array_equal(ranked[:, :4], its.places)
    left = (
        ranked[:, 4:6] - its.places[:, [0, 3]] @ np.linalg.lstsq(its.places[:, [0, 3]], ranked[:, 4:6], rcond=None)[0]
    )
    # Each slope of the other two parameters is off by the noise of the statistic (0.5 at most, in its own deviations, of
    # which the bound leaves about half) over the root of n.
    assert np.linalg.norm(left.std(axis=0)) < math.sqrt(st.chi2.isf(1e-5, 4) / 1500)
    assert (np.argsort(ranked[:, 6]) == np.argsort(its.places[:, 1])).all()
    assert st.kstest(ranked[:, 6], "norm").pvalue > 1 - 1e-6  # normal scores are even by construction


def test_quantities_with_even_ranks_have_even_ps():
    dice = np.random.default_rng(3)
    tails = identifiability.widest(dice.random((40, 2000)))
    even = identifiability.Ranks(dice.random((40, 500)), np.full((40, 500), 0.5))
    found = identifiability.ranks_table(even, tails, [str(i) for i in range(500)])
    assert (found["contraction"] == 0.5).all()
    # Counts are whole, so that p are whole steps, never too small: of 0.05 or less there are no more than that.
    few = np.count_nonzero(found["p"] <= 0.05)
    assert few <= st.binom.isf(1e-4, 500, 0.05 + 4 * math.sqrt(0.05 / 2000))
    biased = identifiability.Ranks(dice.random((40, 3)) ** 3, np.full((40, 3), 0.5))
    assert (identifiability.ranks_table(biased, tails, ["a", "b", "c"])["p"] < 0.01).all()
