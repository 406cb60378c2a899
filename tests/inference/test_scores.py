"""The score of predictions against its closed form, with an error that is that of repeats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from sim.inference.scores import crps


def of_normal(y: float) -> float:
    """Return the score of a standard normal prediction (Gneiting and Raftery 2007, equation 21 ff.)."""
    return y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / math.sqrt(math.pi)


@pytest.mark.parametrize("y", [0.0, 1.0, -3.0])
def test_the_score_of_a_normal_prediction_is_the_known_one_and_its_error_that_of_repeats(y: float):
    dice = np.random.default_rng(3)
    found = np.array([crps(dice.standard_normal(100), y) for _ in range(400)])
    standard_error = found[:, 0].std(ddof=1) / math.sqrt(400)
    assert abs(found[:, 0].mean() - of_normal(y)) < 4.5 * standard_error
    # The variance of a sample variance is (kurtosis - 1) sigma^4 / n; the jackknife's own varies from repeat to repeat.
    scores, variances = found[:, 0], found[:, 1] ** 2
    kurtosis = (((scores - scores.mean()) / scores.std()) ** 4).mean()
    error = math.hypot(math.sqrt(kurtosis - 1), variances.std() / variances.mean()) / math.sqrt(400)
    assert abs(variances.mean() / scores.var(ddof=1) - 1) < 4.5 * error


def test_a_certain_prediction_is_scored_by_its_distance():
    assert crps(np.full(5, 2.0), 3.5) == (pytest.approx(1.5), pytest.approx(0.0))


def test_pairs_are_those_of_different_draws():
    draws = np.random.default_rng(1).standard_normal(30)
    apart = np.abs(draws[:, None] - draws)
    exact = np.abs(draws - 0.3).mean() - apart.sum() / (2 * 30 * 29)
    assert crps(draws, 0.3)[0] == pytest.approx(exact, rel=1e-12)
