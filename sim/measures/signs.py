"""The exact sign test of paired differences, as the interval of their median: for outcomes of two kinds of replicates.

Near a border a cascade runs in some replicates and not in others. Means of such values are far from normal, and a t interval
of few leaves the range that shares have. Signs need no law: nothing is asked of the differences but that replicates are
independent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

from sim.measures.intervals import Interval, check_level, complete, joined, missing

__all__ = ["median_by_signs"]


def median_by_signs(differences: ArrayLike, level: float = 0.95) -> Interval:
    """Return the median of paired differences with the exact interval that inverts the two-sided sign test.

    Parameters
    ----------
    differences
        One paired difference per replicate, any unit, shape (n,). Missing ones are left out and counted in `reason`.
    level
        Confidence level in (0, 1).

    Returns
    -------
    Interval
        Bounds are two of the differences, so that they never leave the range these can have; missing where n is too small
        for the level (below 6 at 0.95).

    Notes
    -----
    With d_(1) <= ... <= d_(n): [d_(k), d_(n+1-k)] with the largest k for which 2 P(B <= k - 1) <= 1 - level, B binomial
    (n, 1/2): it holds the median with at least the level, whatever the law (Conover 1999, section 3.2). It leaves 0 out just
    where the sign test rejects at 1 - level, if a difference of exactly 0 counts against either sign.
    """
    check_level(level)
    method = "exact sign interval of the median"
    (kept,), reason = complete("pair", differences)
    n = kept.size
    if not n:
        return missing(method, reason)
    ordered = np.sort(kept)
    ranks = np.arange(1, n // 2 + 1)
    k = int((2.0 * bdtr(ranks - 1, n, 0.5) <= 1.0 - level).sum())
    estimate = float(np.median(ordered))
    if k == 0:
        return Interval(estimate, np.nan, np.nan, n, method, joined(f"interval missing at n = {n}", reason))
    return Interval(estimate, float(ordered[k - 1]), float(ordered[n - k]), n, method, reason)
