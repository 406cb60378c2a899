"""Posteriors from a table against exact ones; ranks that are even where the inference is right, and not where it is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.inference.ranks import even_band, ranks_of_truths, widest
from sim.inference.rejection import _RIDGE, Adjusted, adjusted_posterior, expected_narrowing, moved_to_data, rank_of

pytest.importorskip("sklearn")

SLOPES = np.array([[1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]])
SIGMA = 0.5


def table(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places of four parameters, and two statistics, linear with normal noise: the posterior is known."""
    dice = np.random.default_rng(seed)
    places = dice.standard_normal((n, 4))
    return places, places @ SLOPES.T + SIGMA * dice.standard_normal((n, 2))


def exact(observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    precision = np.eye(4) + SLOPES.T @ SLOPES / SIGMA**2
    covariance = np.linalg.inv(precision)
    return covariance @ SLOPES.T @ observed / SIGMA**2, covariance


@pytest.mark.parametrize("observed", [(0.0, 0.0), (1.2, -2.5)])
def test_the_adjusted_posterior_of_a_linear_model_is_exact(observed: tuple[float, float]):
    """A linear model leaves no error of the kernel's width: what is left is that of so many particles."""
    data = np.array(observed)
    posterior = adjusted_posterior(*table(20_000, 1), data, np.ones(2), 1500)
    mean, covariance = exact(data)
    n = 1 / (posterior.weights**2).sum()
    assert 1000 < n < 1500
    found = posterior.weights @ posterior.places
    deviations = np.sqrt(np.diag(covariance))
    # The slopes are estimated, too: at the data their error adds as much again at most where these lie within the particles.
    assert (np.abs(found - mean) < 4.5 * math.sqrt(2) * deviations / math.sqrt(n)).all()
    variances = posterior.weights @ (posterior.places - found) ** 2
    assert (np.abs(variances / np.diag(covariance) - 1) < 4.5 * math.sqrt(2 / n)).all()


def test_rows_that_miss_a_statistic_are_left_out():
    places, statistics = table(2000, 2)
    broken = statistics.copy()
    broken[::2, 0] = np.nan
    mine = adjusted_posterior(places, broken, np.zeros(2), np.ones(2), 300)
    theirs = adjusted_posterior(places[1::2], statistics[1::2], np.zeros(2), np.ones(2), 300)
    np.testing.assert_allclose(np.sort(mine.places, axis=0), np.sort(theirs.places, axis=0))


N_SETS = 200


def ranks_of(seed: int, factor: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Return ranks of truths in posteriors that are too narrow by a factor, or shifted by so many of their deviations."""
    places, statistics = table(6000, seed)
    if factor == 1.0 and shift == 0.0:
        return ranks_of_truths(places, statistics, np.ones(2), N_SETS, 400).ranks
    found = []
    for row in range(N_SETS):
        others = np.delete(np.arange(len(places)), row)
        posterior = adjusted_posterior(places[others], statistics[others], statistics[row], np.ones(2), 400)
        mean = posterior.weights @ posterior.places
        deviation = np.sqrt(posterior.weights @ (posterior.places - mean) ** 2)
        wrong = mean + (posterior.places - mean) * factor + shift * deviation
        found.append(rank_of(Adjusted(wrong, posterior.weights, posterior.along), places[row]))
    return np.array(found)


def test_ranks_are_even_where_the_inference_is_right():
    """One false alarm in a thousand, whatever the seed."""
    gamma, _, _ = even_band(N_SETS, 0.999, 4)
    assert widest(ranks_of(3)).min() >= gamma


@pytest.mark.parametrize(("factor", "shift"), [(0.6, 0.0), (1.0, 0.5)])
def test_ranks_are_not_even_where_it_is_wrong(factor: float, shift: float):
    gamma, _, _ = even_band(N_SETS, 0.95, 4)
    assert (widest(ranks_of(3, factor, shift)) < gamma).all()


def test_the_band_holds_even_ranks_as_often_as_it_says():
    level, n_sets, n_parameters = 0.95, 2000, 3
    gamma, low, high = even_band(50, level, n_parameters)
    dice = np.random.default_rng(9)
    tails = np.array([widest(dice.random((50, n_parameters))).min() for _ in range(n_sets)])
    # gamma is a quantile of 20,000 sets of one parameter: its error counts n_parameters times.
    each = level ** (1 / n_parameters)
    error = math.hypot(math.sqrt(level * (1 - level) / n_sets), n_parameters * math.sqrt(each * (1 - each) / 20_000))
    # Counts are whole: the level lies between those with and without the step of the distribution that gamma is.
    assert np.mean(tails >= gamma) > level - 4 * error
    assert np.mean(tails > gamma) < level + 4 * error
    assert (low <= high).all()
    assert (np.diff(low) >= 0).all()
    assert (low[49], 1 - high[49]) == pytest.approx((0.5 - (high[49] - low[49]) / 2,) * 2)


def test_the_expected_narrowing_is_what_a_linear_predictor_leaves():
    places, statistics = table(4000, 5)
    found = expected_narrowing(places, statistics)
    left = np.sqrt(np.diag(exact(np.zeros(2))[1]))
    # The error of an estimated variance; a fit to four fifths of the rows, with five features, leaves a little more.
    more = 5 / (2 * 0.8 * len(places))
    assert (np.abs(found / left - 1) < 4.5 * math.sqrt(1 / (2 * len(places))) + more).all()


def test_truths_need_rows_with_all_statistics():
    places, statistics = table(50, 6)
    statistics[:30] = np.nan
    with pytest.raises(ValueError, match="30 data sets were asked for, and 20 rows"):
        ranks_of_truths(places, statistics, np.ones(2), 30, 10)


@pytest.mark.parametrize(("n", "at"), [(30, 0.0), (30, 1.0), (60, 0.0), (60, 1.0)])
def test_moved_particles_are_as_wide_as_what_they_stand_for(n: int, at: float):
    """Slopes fitted to so few particles leave too little; a new truth lies about their mean as widely as they do.

    Thirty particles bear seven slopes, sixty their squares as well; data may lie among the particles or at their edge.
    """
    dice = np.random.default_rng(8)
    squares, variances = [], []
    for _ in range(1500):
        deviations = dice.standard_normal((n, 7)) - at
        places = deviations @ np.ones((7, 1)) + dice.standard_normal((n, 1))
        moved, _ = moved_to_data(places, deviations, np.full(n, 1 / n))
        variances.append(moved.var())
        squares.append((dice.standard_normal() - moved.mean()) ** 2)  # a truth at the data: its line says 0
    ratio = np.mean(squares) / np.mean(variances)
    error = math.hypot(np.std(squares) / np.mean(squares), np.std(variances) / np.mean(variances)) / math.sqrt(1500)
    assert abs(ratio - 1) < 4.5 * error * ratio


def test_what_is_curved_is_moved_along_its_curve():
    """The mean at the data is that of the curve, not of a line through all particles."""
    n = 5000
    dice = np.random.default_rng(10)
    deviations = dice.standard_normal((n, 2))
    places = (deviations[:, :1] + 0.5 * deviations[:, 1:] ** 2) + 0.1 * dice.standard_normal((n, 1))
    moved, along = moved_to_data(places, deviations, np.full(n, 1 / n))
    assert along == "squares"
    error = 0.1 * math.sqrt((1 + 2 * 0.5) / n)  # each square lies half a variance from its mean at the data
    assert abs(moved.mean()) < 4.5 * error
    assert abs(moved.std() / 0.1 - 1) < 4.5 / math.sqrt(2 * n)


def test_few_particles_are_moved_along_lines_or_not_at_all():
    dice = np.random.default_rng(11)
    deviations, places = dice.standard_normal((12, 2)) - 1, dice.standard_normal((12, 3))
    few, along = moved_to_data(places[:5], deviations[:5], np.full(5, 1 / 5))
    assert along == "nothing"
    np.testing.assert_array_equal(few, places[:5])
    assert moved_to_data(places[:11], deviations[:11], np.full(11, 1 / 11))[1] == "lines"
    of_lines, _ = moved_to_data(deviations[:11] @ np.ones((2, 1)), deviations[:11], np.full(11, 1 / 11))
    # What the ridge leaves of lines: slopes that are off by its share, the more so the more alike the two statistics are. What
    # is left over is widened by the root of 11 / (11 - 2 - 1) and of 2 at most.
    alike = np.linalg.cond(np.corrcoef(deviations[:11].T))
    off = _RIDGE * alike * math.sqrt(2) * math.sqrt(11 / 8 * 2)
    assert np.abs(of_lines).max() < off * 2 * np.linalg.norm(deviations[:11], axis=1).max()


def test_data_far_out_are_not_foretold_from_particles_on_one_side():
    """Along squares the error would be larger than what they explain: lines are taken, and far enough out nothing is moved."""
    z = np.random.default_rng(12).standard_normal((200, 1))
    weights = np.full(200, 1 / 200)
    # Six deviations out the error is (1 + 36) / 200 of the residuals' variance along a line, and more than 1 along squares.
    line, along = moved_to_data(z, z + 6.0, weights)
    assert along == "lines"
    kept = _RIDGE / (1 + _RIDGE)  # what the ridge keeps back of the slope
    assert line.mean() == pytest.approx(-6.0 + kept * (z.mean() + 6.0), rel=1e-9)
    far, along = moved_to_data(z, z + 60.0, weights)
    assert along == "nothing"
    np.testing.assert_array_equal(far, z)


def test_one_night_far_out_does_not_outweigh_the_others_in_the_expected_narrowing():
    places, statistics = table(4000, 5)
    spoilt = statistics.copy()
    spoilt[7] = 1e3
    change = expected_narrowing(places, spoilt) / expected_narrowing(places, statistics)
    # Uncut it would take all variance of its statistic; cut, it is one row of 4,000.
    assert (np.abs(change - 1) < 4.5 * math.sqrt(1 / (2 * len(places)))).all()
