"""Laws against closed forms, scipy and SEISMIC's published points; means within z standard errors on keyed draws.

Every statistical check is two-sided at level 1e-4 (fewer than 30 of them), on fixed seeds.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats
from scipy.special import ndtri

from sim import draws
from sim.errors import InputError
from sim.laws import DelayLaw, encode_laws, seismic_cdf
from sim.quantiles import CELLS, TOLERANCE, delay_ticks, delays, exact_value, law_value, normal_quantile, poisson
from sim.traits import TraitLaw, trait_quantile
from sim.units import MINUTE

LEVEL = 1e-4
Z = float(ndtri(1 - LEVEL / 2))
N = 40_000
SEED = 1988
DELAY, TRAIT = TypeAdapter(DelayLaw), TypeAdapter(TraitLaw)
TABLE = {"law": "tabulated", "minutes": [1, 3, 3, 10, 60], "probability": [0, 0.25, 0.5, 0.5, 1]}
MIXTURE = {"law": "two_exponentials", "fast_share": 0.7, "fast_minutes": 5, "slow_minutes": 60}

# Each law with its distribution in minutes (scipy, or a cdf by hand) and its standard deviation by hand.
LAWS = {
    "exponential": ({"law": "exponential", "mean_minutes": 8}, stats.expon(scale=8).cdf, 8.0),
    "lognormal": (
        {"law": "lognormal", "median_minutes": 12, "sigma": 0.6},
        stats.lognorm(0.6, scale=12).cdf,
        12 * math.exp(0.6**2 / 2) * math.sqrt(math.expm1(0.6**2)),
    ),
    "weibull": (
        {"law": "weibull", "scale_minutes": 20, "shape": 1.5},
        stats.weibull_min(1.5, scale=20).cdf,
        20 * math.sqrt(math.gamma(1 + 2 / 1.5) - math.gamma(1 + 1 / 1.5) ** 2),
    ),
    "two_exponentials": (
        MIXTURE,
        lambda t: 0.7 * (1 - np.exp(-t / 5)) + 0.3 * (1 - np.exp(-t / 60)),
        math.sqrt(0.7 * 2 * 5**2 + 0.3 * 2 * 60**2 - (0.7 * 5 + 0.3 * 60) ** 2),
    ),
    "seismic": ({"law": "seismic"}, lambda t: np.array([seismic_cdf(60 * float(x)) for x in t]), math.inf),
}


def compiled(tree):
    """Return a law's compiled form: its row and the points of tables."""
    rows, points = encode_laws([DELAY.validate_python(tree)])
    return rows[0], points


@pytest.fixture(scope="module")
def uniforms():
    return draws.uniforms(SEED, draws.READER, np.arange(N, dtype=np.int64), 0, 0)


def minutes_of(tree, u):
    row, points = compiled(tree)
    return delays(row, points, u) / MINUTE


@pytest.mark.parametrize("name", LAWS)
def test_delays_follow_the_distribution(name, uniforms):
    tree, cdf, _ = LAWS[name]
    minutes = minutes_of(tree, uniforms)
    # Delays are clipped at 2^40 ticks: SEISMIC's tail beyond is counted, and what lies below follows the law given that.
    clip = 2**40 / MINUTE
    within = float(cdf(np.array([clip]))[0])
    n_within = int((minutes < clip).sum())
    assert abs(n_within - N * within) <= Z * math.sqrt(N * within * (1 - within))
    # Whole ticks shift a delay by at most 1 / 60,000 minute, which no test at this size can see.
    assert stats.kstest(cdf(minutes[minutes < clip]) / within, "uniform").pvalue > LEVEL


@pytest.mark.parametrize("name", [n for n in LAWS if n != "seismic"])
def test_mean_of_keyed_draws_is_the_laws_mean(name, uniforms):
    tree, _, sd = LAWS[name]
    mean = DELAY.validate_python(tree).mean()
    assert abs(minutes_of(tree, uniforms).mean() - mean) < Z * sd / math.sqrt(N) + 1 / MINUTE


def test_means_by_hand():
    def mean(tree):
        return DELAY.validate_python(tree).mean()

    assert mean({"law": "constant", "minutes": 4}) == 4
    assert mean({"law": "exponential", "mean_minutes": 8}) == 8
    assert mean({"law": "lognormal", "median_minutes": 12, "sigma": 0.6}) == pytest.approx(12 * math.exp(0.18))
    assert mean({"law": "weibull", "scale_minutes": 20, "shape": 1.0}) == pytest.approx(20)
    assert mean(MIXTURE) == pytest.approx(0.7 * 5 + 0.3 * 60)
    assert mean(TABLE) == pytest.approx(0.25 * 2 + 0.25 * 3 + 0 + 0.5 * 35)
    assert mean({"law": "seismic"}) == math.inf


u_inside = st.floats(2.0**-53, 1 - 2.0**-53)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(u_inside, st.floats(0.1, 500), st.floats(0.1, 3))
def test_quantiles_are_those_of_scipy(u, scale, shape):
    def ticks(tree):
        row, points = compiled(tree)
        return float(exact_value(row, points, u))

    near = pytest.approx
    assert ticks({"law": "constant", "minutes": scale}) == near(scale * MINUTE)
    assert ticks({"law": "exponential", "mean_minutes": scale}) == near(stats.expon.ppf(u, scale=scale * MINUTE))
    assert ticks({"law": "weibull", "scale_minutes": scale, "shape": shape}) == near(
        stats.weibull_min.ppf(u, shape, scale=scale * MINUTE)
    )
    assert ticks({"law": "lognormal", "median_minutes": scale, "sigma": shape}) == near(
        stats.lognorm.ppf(u, shape, scale=scale * MINUTE), rel=1e-11
    )


def mixed_cdf(minutes):
    return 0.7 * stats.expon.cdf(minutes, scale=5) + 0.3 * stats.expon.cdf(minutes, scale=60)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(u_inside)
def test_two_exponentials_are_inverted(u):
    row, points = compiled(MIXTURE)
    assert mixed_cdf(float(exact_value(row, points, u)) / MINUTE) == pytest.approx(u, rel=1e-9)


CDFS = {
    "exponential": ({"law": "exponential", "mean_minutes": 6}, lambda x: stats.expon.cdf(x, scale=6)),
    "lognormal": (
        {"law": "lognormal", "median_minutes": 12, "sigma": 1.3},
        lambda x: stats.lognorm.cdf(x, 1.3, scale=12),
    ),
    "wide": ({"law": "lognormal", "median_minutes": 12, "sigma": 5}, lambda x: stats.lognorm.cdf(x, 5, scale=12)),
    "weibull": (
        {"law": "weibull", "scale_minutes": 20, "shape": 0.1},
        lambda x: stats.weibull_min.cdf(x, 0.1, scale=20),
    ),
    "seismic": ({"law": "seismic"}, lambda x: np.array([seismic_cdf(60 * t) for t in x])),
    "two_exponentials": (MIXTURE, mixed_cdf),
    "far_apart": (
        MIXTURE | {"fast_minutes": 0.1, "slow_minutes": 1e5},
        lambda x: 0.7 * stats.expon.cdf(x, scale=0.1) + 0.3 * stats.expon.cdf(x, scale=1e5),
    ),
    "tabulated": (TABLE | {"probability": [0, 0.2502, 0.5, 0.5, 1]}, None),
}


@pytest.mark.parametrize("name", CDFS)
def test_the_table_of_a_law_is_right_within_its_tolerance_and_never_falls(name):
    tree, cdf = CDFS[name]
    row, points = compiled(tree)
    u = (np.arange(20 * CELLS) + 0.5) / (20 * CELLS)
    values = np.array([law_value(row, points, x) for x in u])
    exact = np.array([exact_value(row, points, x) for x in u])
    if cdf is not None:
        off = np.abs(cdf(values / MINUTE) - u)
        assert off.max() <= TOLERANCE
        assert off.max() > 1e-7  # the table is used at all
    assert (np.diff(values) >= 0).all()
    outside = (u < row["low"]) | (u >= row["high"])
    np.testing.assert_array_equal(values[outside], exact[outside])
    assert name == "tabulated" or row["low"] <= 0.5 <= row["high"]


def test_a_table_is_not_used_across_a_kink():
    row, points = compiled(TABLE | {"probability": [0, 0.6002, 0.7, 0.7, 1]})
    assert row["high"] <= 0.6002
    assert float(law_value(row, points, 0.6001)) == float(exact_value(row, points, 0.6001))


def test_a_kink_on_either_side_of_a_right_middle_is_seen():
    cell = 700 / CELLS
    probability = [0, cell, cell + 0.25 / CELLS, cell + 0.75 / CELLS, cell + 1 / CELLS, 1]
    row, points = compiled({"law": "tabulated", "minutes": [0, 10, 10, 20, 20, 30], "probability": probability})
    assert row["high"] <= cell
    for share in (0.1, 0.4, 0.6, 0.9):
        u = cell + share / CELLS
        assert float(law_value(row, points, u)) == float(exact_value(row, points, u))


def test_two_exponentials_at_the_ends_of_the_share():
    for share, mean in ((0.0, 60), (1.0, 5)):
        row, points = compiled(MIXTURE | {"fast_share": share})
        values = [float(law_value(row, points, u)) for u in (2.0**-53, 0.1, 0.5, 0.9, 1 - 2.0**-53)]
        assert all(np.isfinite(values))
        assert sorted(values) in (values, values[::-1])
        assert values[2] == pytest.approx(mean * MINUTE * math.log(2))


def test_seismic_has_the_published_points():
    # Zhao et al. 2015; project facts, section 6: CDF at 5, 15, 60, 360 minutes, and the median.
    for minutes, share in ((5, 0.188), (15, 0.370), (60, 0.543), (360, 0.698)):
        assert seismic_cdf(60 * minutes) == pytest.approx(share, abs=5e-4)
    row, points = compiled({"law": "seismic"})
    assert float(law_value(row, points, 0.5)) / MINUTE == pytest.approx(40.6, abs=0.05)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.floats(0.001, 0.9999))
def test_seismic_quantile_inverts_its_cdf(u):
    row, points = compiled({"law": "seismic"})
    assert seismic_cdf(float(exact_value(row, points, u)) / 1000) == pytest.approx(u, abs=1e-9)


def test_tabulated_quantiles_by_hand():
    row, points = compiled(TABLE)
    by_hand = [(1e-9, 1), (0.125, 2), (0.25, 3), (0.3, 3), (0.5, 3), (0.75, 35), (1 - 2.0**-53, 60)]
    for u, minutes in by_hand:
        assert float(law_value(row, points, u)) / MINUTE == pytest.approx(minutes, abs=1e-6)


def test_two_tables_do_not_read_each_others_points():
    other = {"law": "tabulated", "minutes": [100, 200], "probability": [0, 1]}
    rows, points = encode_laws([DELAY.validate_python(t) for t in (TABLE, {"law": "seismic"}, other)])
    assert float(law_value(rows[0], points, 0.75)) / MINUTE == pytest.approx(35)
    assert float(law_value(rows[2], points, 0.75)) / MINUTE == pytest.approx(175)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"minutes": [1, 2]}, "same length"),
        ({"minutes": [1], "probability": [1]}, "same length, at least 2"),
        ({"minutes": [-1, 3, 3, 10, 60]}, "start at 0 or later"),
        ({"minutes": [1, 3, 2, 10, 60]}, "not decrease"),
        ({"probability": [0.1, 0.25, 0.5, 0.5, 1]}, "rise from 0 to 1"),
        ({"probability": [0, 0.25, 0.5, 0.5, 0.9]}, "rise from 0 to 1"),
        ({"probability": [0, 0.5, 0.25, 0.5, 1]}, "rise from 0 to 1"),
    ],
)
def test_a_table_that_is_no_distribution_is_refused(change, sentence):
    with pytest.raises(ValidationError, match=sentence):
        DELAY.validate_python(TABLE | change)


def test_delays_are_whole_ticks_from_1_to_2_to_the_40():
    def ticks(tree, u):
        row, points = compiled(tree)
        return int(delay_ticks(row, points, u))

    assert ticks({"law": "constant", "minutes": 0}, 0.5) == 1
    assert ticks({"law": "constant", "minutes": 1 / MINUTE}, 0.5) == 1
    assert ticks({"law": "constant", "minutes": 3}, 0.5) == 3 * MINUTE
    assert ticks({"law": "exponential", "mean_minutes": 1}, 2.0**-53) == 1
    # SEISMIC's far tail is longer than any int can hold; it is clipped as a float.
    assert ticks({"law": "seismic"}, 1 - 2.0**-53) == 2**40
    assert ticks({"law": "lognormal", "median_minutes": 1e6, "sigma": 5}, 1 - 2.0**-53) == 2**40
    assert ticks({"law": "weibull", "scale_minutes": 1, "shape": 0.051}, 1 - 2.0**-53) == 2**40


@settings(deadline=None, derandomize=True, max_examples=300)
@given(u_inside | st.floats(1e-300, 1e-11))
def test_normal_quantile_is_as241(u):
    # Wichura's relative error is below 1e-16; scipy's, and the rounding of the polynomials, add some units in the last place.
    assert float(normal_quantile(u)) == pytest.approx(float(ndtri(u)), rel=4e-15, abs=1e-16)


def test_normal_quantile_at_the_seams_of_its_three_pieces():
    for u in (0.075, 0.925, 0.5, math.exp(-25), 1 - math.exp(-25)):
        for v in (np.nextafter(u, 0), u, np.nextafter(u, 1)):
            assert float(normal_quantile(v)) == pytest.approx(float(ndtri(v)), rel=4e-15, abs=1e-16)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.floats(0, 30), u_inside)
def test_poisson_is_scipys_quantile(mean, u):
    count = int(poisson(mean, u))
    # Sums of probabilities are rounded in another order than scipy's: compare within that rounding.
    slack = 1e-13
    assert stats.poisson.cdf(count, mean) >= u - slack or count == 200
    assert count == 0 or stats.poisson.cdf(count - 1, mean) < u + slack


def test_poisson_counts_have_mean_and_variance(uniforms):
    for mean in (0.0, 0.3, 4.0, 30.0):
        x = np.array([int(poisson(mean, u)) for u in uniforms[:10_000]])
        assert abs(x.mean() - mean) <= Z * math.sqrt(mean / len(x))
        # Var (X - m)^2 = m + 2 m^2.
        assert abs(x.var() - mean) <= Z * math.sqrt((mean + 2 * mean**2) / len(x)) + mean / len(x)
    assert int(poisson(99.0, 1 - 2.0**-53)) == 200


@pytest.mark.parametrize(
    ("tree", "quantile"),
    [
        ({"law": "constant", "value": 3}, lambda u: np.full(len(u), 3.0)),
        ({"law": "uniform", "low": -2, "high": 5}, stats.uniform(-2, 7).ppf),
        ({"law": "normal", "mean": 1, "sd": 2}, stats.norm(1, 2).ppf),
        ({"law": "lognormal", "median": 3, "sigma": 0.5}, stats.lognorm(0.5, scale=3).ppf),
        ({"law": "exponential", "mean": 4}, stats.expon(scale=4).ppf),
        ({"law": "weibull", "scale": 2, "shape": 1.5}, stats.weibull_min(1.5, scale=2).ppf),
        ({"law": "weibull", "scale": 2, "shape": 0.5}, stats.weibull_min(0.5, scale=2).ppf),
        ({"law": "beta", "a": 2, "b": 5}, stats.beta(2, 5).ppf),
        ({"law": "beta", "a": 0.5, "b": 0.5}, stats.beta(0.5, 0.5).ppf),
    ],
)
def test_trait_quantiles_are_those_of_scipy(tree, quantile):
    u = np.linspace(0.001, 0.999, 57)
    np.testing.assert_allclose(trait_quantile(TRAIT.validate_python(tree), u), quantile(u), rtol=1e-12)


def test_choices_tables_and_lists_by_hand():
    def values(tree, *u):
        return trait_quantile(TRAIT.validate_python(tree), np.array(u)).tolist()

    choice = {"law": "choice", "values": [5, 0, 7], "probability": [0.25, 0.25, 0.5]}
    assert values(choice, 0.001, 0.2499, 0.25, 0.4999, 0.5, 0.999) == [5, 5, 0, 0, 7, 7]
    thirds = {"law": "choice", "values": [1, 2, 3], "probability": [1 / 3, 1 / 3, 1 / 3]}
    assert values(thirds, 1 - 2.0**-53) == [3]
    never = {"law": "choice", "values": [1, 2, 3], "probability": [0, 1, 0]}
    assert values(never, 2.0**-53, 0.5, 1 - 2.0**-53) == [2, 2, 2]
    table = {"law": "tabulated", "values": [0, 0, 1, 5], "probability": [0, 0.1, 0.5, 1]}
    np.testing.assert_allclose(values(table, 0.05, 0.1, 0.3, 0.5, 0.75), [0, 0, 0.5, 1, 3])
    assert values({"law": "listed", "values": [3, 1, 2]}, 0.9, 0.5, 0.1) == [3, 1, 2]
    with pytest.raises(InputError, match="gives 3 values, expected one for each of 2 people"):
        values({"law": "listed", "values": [3, 1, 2]}, 0.9, 0.5)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"law": "choice", "values": [1, 2], "probability": [0.5, 0.6]}, "1 in all"),
        ({"law": "choice", "values": [1, 2], "probability": [1.0]}, "one number of 0 or more for each value"),
        ({"law": "choice", "values": [1, 2], "probability": [1.5, -0.5]}, "one number of 0 or more for each value"),
        ({"law": "tabulated", "values": [1, 2, 3], "probability": [0, 1]}, "the same length"),
        ({"law": "tabulated", "values": [2, 1], "probability": [0, 1]}, "must not decrease"),
        ({"law": "tabulated", "values": [1, 2], "probability": [0.1, 1]}, "rise from 0 to 1"),
        ({"law": "listed", "values": []}, "at least 1"),
        ({"law": "beta", "a": 0, "b": 1}, "greater than 0"),
        ({"law": "exponential", "mean": 0}, "greater than 0"),
    ],
)
def test_a_law_of_traits_that_is_no_distribution_is_refused(tree, words):
    with pytest.raises(ValidationError, match=words):
        TRAIT.validate_python(tree)


def test_an_upside_down_uniform_trait_is_refused():
    with pytest.raises(ValidationError, match="high must not be below low"):
        TRAIT.validate_python({"law": "uniform", "low": 2, "high": 1})
