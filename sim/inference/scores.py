"""How well predictions that are draws foretold what was observed."""

from __future__ import annotations

import numpy as np

__all__ = ["crps"]


def crps(draws: np.ndarray, observed: float) -> tuple[float, float]:
    """Return the continuous ranked probability score of a prediction, and its standard error for so many draws.

    E|x - observed| - E|x - x'| / 2 (Gneiting and Raftery 2007, equation 21), in the unit of the draws: 0 is a prediction that
    was certain and right, and of a certain one that was wrong it is the distance. The second mean is over pairs of different
    draws, which makes it right on average (the fair score of Ferro 2014).

    Parameters
    ----------
    draws
        float64[n], n >= 3, finite; with the uncertainty of the observation, so that they foretell what would be observed.
    observed
        What was.

    Returns
    -------
    tuple
        The score, and its standard error by the jackknife.
    """
    n = len(draws)
    x = np.sort(draws)
    away = np.abs(x - observed)
    # Sum over all others of |x_i - x_j|, by the sorted order.
    below = np.concatenate([[0.0], np.cumsum(x)[:-1]])
    above = x.sum() - below - x
    rank = np.arange(n)
    apart = x * rank - below + above - x * (n - 1 - rank)
    total = apart.sum()
    score = away.mean() - total / (2.0 * n * (n - 1))
    left_out = (away.sum() - away) / (n - 1) - (total - 2.0 * apart) / (2.0 * (n - 1) * (n - 2))
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    return float(score), float(error)
