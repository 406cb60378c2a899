"""Posteriors from one table of simulations: the nearest nights, adjusted by regression.

A sequential fit simulates anew for each data set; with a table of nights at draws from the prior, hundreds of data sets can be
fitted. The nearest rows are weighed by their distance, and a local regression moves their parameters to where the statistics
would be those of the data (Beaumont, Zhang and Balding 2002; Blum 2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Adjusted", "adjusted_posterior", "expected_narrowing", "moved_to_data", "rank_of"]

_A_SLOPE = 3
"""Effective particles that the regression needs for each slope."""
_CUT = (0.005, 0.995)
"""Quantiles at which features are cut, as ratios of few posts lie far out."""
_RIDGE = 1e-3
"""Of the variance of a statistic: what keeps the regression from following noise where statistics hardly differ."""


@dataclass(frozen=True)
class Adjusted:
    """Particles of a posterior."""

    places: np.ndarray
    """float64[particles, parameters]."""
    weights: np.ndarray
    """float64[particles], of sum 1."""
    along: str
    """What they were moved along: squares, lines, nothing."""


def adjusted_posterior(
    places: np.ndarray, statistics: np.ndarray, observed: np.ndarray, scales: np.ndarray, n_nearest: int
) -> Adjusted:
    """Return the posterior of one data set.

    Parameters
    ----------
    places
        float64[rows, parameters]: draws from the prior.
    statistics
        float64[rows, statistics] of a night at each, the uncertainty of an observation included.
    observed
        float64[statistics].
    scales
        float64[statistics]: in whose units distances are taken.
    n_nearest
        How many rows to keep, of which the last has weight 0.

    Notes
    -----
    Epanechnikov's kernel, as Beaumont, Zhang and Balding (2002, equation 5) have it. Rows that miss a statistic are left out.
    """
    deviations = (statistics - observed) / scales
    distance = np.sqrt((deviations**2).sum(axis=1))
    distance[~np.isfinite(distance)] = np.inf
    nearest = np.argpartition(distance, n_nearest - 1)[:n_nearest]
    nearest = nearest[np.isfinite(distance[nearest])]
    farthest = float(distance[nearest].max())
    weights = 1.0 - (distance[nearest] / farthest) ** 2 if farthest > 0 else np.ones(len(nearest))
    kept = nearest[weights > 0]
    weights = weights[weights > 0] / weights.sum()
    moved, along = moved_to_data(places[kept], deviations[kept], weights)
    return Adjusted(moved, weights, along)


def moved_to_data(places: np.ndarray, deviations: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, str]:
    """Return places float64[particles, parameters], each moved to where its statistics would be those of the data, and how.

    By the weighted regression of the places on the statistics' deviations from the data, float64[particles, statistics], and on
    their squares, with weights float64[particles] of sum 1. What the regression leaves is widened to what it would leave of
    others: residuals of a fit of k slopes to n particles have a variance that is too small by n - k - 1 to n, and what is
    foretold at the data has an error of its own. Where there are fewer than `_A_SLOPE` effective particles a slope, or the data
    lie so far out that this error exceeds the residuals, squares are left out; where lines do no better, nothing is moved. The
    second says along what: squares, lines or nothing.

    Notes
    -----
    With lines it is the adjustment of Beaumont, Zhang and Balding (2002); with squares that of Blum (2010) without the products
    of two statistics. The ridge draws what is foretold towards the particles' mean, by some per cent where data lie three
    deviations out, which the error does not count.
    """
    for along, features in (("squares", np.hstack([deviations, deviations**2])), ("lines", deviations)):
        moved = _moved(places, features, weights)
        if moved is not None:
            return moved, along
    return places, "nothing"


def _moved(places: np.ndarray, features: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """Return places where features would be 0; None where particles are too few, or too far from there."""
    n, k = 1.0 / float((weights**2).sum()), features.shape[1]
    if n < _A_SLOPE * k:
        return None
    at_data, mean = -(weights @ features), weights @ places
    centred = features + at_data
    square = (centred * weights[:, None]).T @ centred
    square += _RIDGE * np.diag(np.maximum(np.diag(square), 1e-12))
    leverage = (1.0 + float(at_data @ np.linalg.solve(square, at_data))) / n
    if leverage > 1.0:
        return None
    slopes = np.linalg.solve(square, (centred * weights[:, None]).T @ (places - mean))
    residuals = places - mean - centred @ slopes
    wider = math.sqrt(n / (n - k - 1.0) * (1.0 + leverage))
    moved: np.ndarray = mean + at_data @ slopes + wider * residuals
    return moved


def rank_of(posterior: Adjusted, truth: np.ndarray) -> np.ndarray:
    """Return float64[parameters] in [0, 1]: the share of the posterior below the truth, float64[parameters]."""
    below = posterior.places < truth
    share: np.ndarray = posterior.weights @ below
    return share


def expected_narrowing(
    places: np.ndarray, features: np.ndarray, *, n_squared: int | None = None, folds: int = 5, seed: int = 1
) -> np.ndarray:
    """Return float64[parameters]: the posterior's standard deviation as a share of the prior's, to be expected from data.

    The root of the share of a parameter's variance that the best linear predictor from features (cut at the quantiles
    `_CUT`) leaves over, on rows that it was not fitted to: the root mean square over data sets of posteriors' standard
    deviations, if their means were that predictor, and more than it, as they may be better ones (posterior means as summaries:
    Fearnhead and Prangle 2012).
    Where the predictor does worse than the prior's mean, that is taken: 1.

    Parameters
    ----------
    places
        float64[rows, parameters]: draws from the prior.
    features
        float64[rows, features] of the data that each would give, the uncertainty of the observation included; finite.
    n_squared
        Of so many features, the first ones, squares and products are features as well; None: of all.
    folds, seed
        Of the cross-validation.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    # Cut, and not scaled again after squaring: a few nights of thousands that lie far out must not outweigh the others.
    even = StandardScaler().fit_transform(np.clip(features, *np.quantile(features, _CUT, axis=0)))
    first = even[:, :n_squared]
    x = np.hstack([PolynomialFeatures(2, include_bias=False).fit_transform(first), even[:, first.shape[1] :]])
    left = np.zeros(places.shape[1])
    for train, test in KFold(folds, shuffle=True, random_state=seed).split(x):
        model = RidgeCV(np.geomspace(1e-2, 1e6, 17), alpha_per_target=True)
        model.fit(x[train], places[train])
        left += ((places[test] - model.predict(x[test])) ** 2).sum(axis=0)
    share: np.ndarray = np.minimum(np.sqrt(left / ((places - places.mean(axis=0)) ** 2).sum(axis=0)), 1.0)
    return share
