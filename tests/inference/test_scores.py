"""The score of predictions against its closed form, with an error that covers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from sim.inference.scores import crps


def of_normal(y: float) -> float:
    """Return the score of a standard normal prediction (Gneiting and Raftery 2007, equation 21 ff.)."""
    return y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / math.sqrt(math.pi)


@pytest.mark.parametrize("y", [0.0, 1.0, -3.0])
def test_the_score_of_a_normal_prediction_is_the_known_one_and_its_error_covers(y: float):
    dice = np.random.default_rng(3)
    found = np.array([crps(dice.standard_normal(100), y) for _ in range(400)])
    standard_error = found[:, 0].std(ddof=1) / math.sqrt(400)
    assert abs(found[:, 0].mean() - of_normal(y)) < 4.5 * standard_error
    covered = np.count_nonzero(np.abs(found[:, 0] - of_normal(y)) < 1.96 * found[:, 1])
    # The jackknife takes the errors as normal, which those of 100 draws nearly are: 93 of 100 at least.
    assert covered >= binom.ppf(1e-5, 400, 0.93)


def test_a_certain_prediction_is_scored_by_its_distance():
    assert crps(np.full(5, 2.0), 3.5) == (pytest.approx(1.5), pytest.approx(0.0))


def test_pairs_are_those_of_different_draws():
    draws = np.random.default_rng(1).standard_normal(30)
    apart = np.abs(draws[:, None] - draws)
    exact = np.abs(draws - 0.3).mean() - apart.sum() / (2 * 30 * 29)
    assert crps(draws, 0.3)[0] == pytest.approx(exact, rel=1e-12)
