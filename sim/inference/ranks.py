"""Simulation-based calibration: ranks of truths within their posteriors, which are even where the inference is right.

Talts, Betancourt, Simpson, Vehtari and Gelman (2018). Whether ranks are even is seen from their distribution function, which
stays within a band at once at all places with a given probability (Säilynoja, Bürkner and Vehtari 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.inference.rejection import adjusted_posterior, rank_of
from sim.inference.table import prior_places

__all__ = ["GRID", "Ranks", "even_band", "ranks_of_truths", "tails_of_nothing", "widest"]

GRID = np.linspace(0.0, 1.0, 101)[1:-1]
"""Places at which the distribution of ranks is looked at."""


@dataclass(frozen=True)
class Ranks:
    """Ranks of the parameters over data sets."""

    ranks: np.ndarray
    """float64[data sets, parameters] in [0, 1]."""
    contractions: np.ndarray
    """float64[data sets, parameters]: the posterior's standard deviation as a share of the prior's."""


def ranks_of_truths(
    places: np.ndarray, statistics: np.ndarray, scales: np.ndarray, n_sets: int, n_nearest: int
) -> Ranks:
    """Return the ranks of the first rows of a table, each as the truth behind its own data, in the posterior from all others.

    Parameters
    ----------
    places, statistics, scales, n_nearest
        As in `adjusted_posterior`; rows that miss a statistic make no data set.
    n_sets
        How many rows are truths, >= 1.

    Raises
    ------
    ValueError
        Fewer rows that have all statistics.
    """
    whole = np.flatnonzero(np.isfinite(statistics).all(axis=1))
    if len(whole) < n_sets:
        raise ValueError(f"{n_sets} data sets were asked for, and {len(whole)} rows have all statistics")
    ranks, contractions = [], []
    for row in whole[:n_sets]:
        others = statistics.copy()
        others[row] = np.nan  # which leaves the truth out
        posterior = adjusted_posterior(places, others, statistics[row], scales, n_nearest)
        ranks.append(rank_of(posterior, places[row]))
        mean = posterior.weights @ posterior.places
        contractions.append(np.sqrt(posterior.weights @ (posterior.places - mean) ** 2))
    return Ranks(np.array(ranks), np.array(contractions))


def tails_of_nothing(
    statistics: np.ndarray, scales: np.ndarray, n_sets: int, n_nearest: int, *, n_columns: int = 6000, seed: int = 1
) -> np.ndarray:
    """Return `widest` of parameters that the statistics do not depend on, float64[n_columns]: what even ranks look like here.

    Truths that are rows of the table they are fitted from have ranks that are more even than those of independent draws. So the
    band is taken from columns drawn as the parameters are, in their place, with the same neighbours and weights.
    """
    sizes = [min(_AT_ONCE, n_columns - first) for first in range(0, n_columns, _AT_ONCE)]
    found = []
    for block, n in enumerate(sizes):
        columns = prior_places(len(statistics), n, seed + block)
        found.append(widest(ranks_of_truths(columns, statistics, scales, n_sets, n_nearest).ranks))
    return np.concatenate(found)


_AT_ONCE = 1000
"""Columns that are ranked together, for memory."""


def widest(ranks: np.ndarray) -> np.ndarray:
    """Return float64[parameters]: how unlikely the place is at which the ranks' distribution is least even.

    The smallest two-sided tail probability, over a grid of places, of the number of ranks float64[data sets, parameters] below
    it, which is binomial if they are even. `even_band` says how small it may be.
    """
    from scipy.stats import binom

    n = len(ranks)
    counts = (ranks[:, :, None] <= GRID).sum(axis=0)
    tails = np.minimum(binom.cdf(counts, n, GRID), binom.sf(counts - 1, n, GRID))
    smallest: np.ndarray = 2.0 * tails.min(axis=1)
    return smallest


def even_band(
    n: int,
    level: float,
    n_parameters: int = 1,
    *,
    tails: np.ndarray | None = None,
    n_simulated: int = 20_000,
    seed: int = 1,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return what even ranks stay within: the tail probability of `widest` that they keep above, and low, high on `GRID`.

    Parameters
    ----------
    n
        Number of ranks.
    level
        With which probability all of them stay within, at all places of all parameters at once.
    n_parameters
        How many parameters are looked at together, taken as independent (which is on the safe side where they are alike).
    tails
        `widest` of ranks that are even for certain (`tails_of_nothing`), by which the probability is found; None: of
        independent ones.
    n_simulated, seed
        Sets of independent ones.
    """
    from scipy.stats import binom

    if tails is None:
        dice = np.random.default_rng(seed)
        tails = np.concatenate([widest(dice.random((n, 500))) for _ in range(max(1, n_simulated // 500))])
    gamma = float(np.quantile(tails, 1.0 - level ** (1.0 / n_parameters)))
    k = np.arange(n + 1)[:, None]
    is_low = np.asarray(2.0 * binom.cdf(k, n, GRID) >= gamma)
    is_high = np.asarray(2.0 * binom.sf(k - 1, n, GRID) >= gamma)
    return gamma, is_low.argmax(axis=0) / n, (n - is_high[::-1].argmax(axis=0)) / n
