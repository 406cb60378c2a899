"""Threshold models: critical mass among people who all see each other, and cascades on random networks.

Shares run from 0 to 1 except where percent is said. Every limit is found by iterating the model's own map, so that a
staircase of thresholds is as exact as a smooth distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.errors import InputError
from sim.measures.theory_checks import Floats, counted, within
from sim.measures.theory_networks import checked_pmf, mean_degree

__all__ = [
    "Response",
    "cascade_factor",
    "cascade_size",
    "cascade_window",
    "critical_mass_equilibrium",
    "critical_mass_path",
    "critical_mass_tangency",
    "threshold_cascade",
    "threshold_staircase",
]

Response = Callable[[NDArray[np.int64], NDArray[np.int64]], Any]
"""Takes m active neighbours and degrees k >= 1, arrays of one shape; returns P(threshold met), of that shape."""

MOST_STEPS = 1_000_000


def critical_mass_equilibrium(cdf: Callable[[float], float], start: float = 0.0, tolerance: float = 1e-12) -> float:
    """Return the share that takes part in the end, the limit of r <- F(r) from `start`.

    Parameters
    ----------
    cdf
        F: the share of people whose threshold is at most r, for r in [0, 1]; it must not decrease.
    start
        Share that takes part at first, in [0, 1]. From 0 the limit is the smallest equilibrium.
    tolerance
        The iteration ends where one step moves r by no more than this. A staircase ends on a step of 0, exactly.
        Where F passes the diagonal at a distance below `tolerance`, the passage is taken for the limit.

    Raises
    ------
    InputError
        `start` is no share, F leaves [0, 1], or there is no limit within a million steps.

    Notes
    -----
    r(t + 1) = F(r(t)), equilibrium r = F(r) (Granovetter 1978, the section on equilibria). At a tangency the steps
    shrink like 1 / t^2 and the result is good to about the root of `tolerance`.
    """
    share = within("start", start, high=1.0)
    for _ in range(MOST_STEPS):
        after = within("a value of the cdf", cdf(share), high=1.0)
        if abs(after - share) <= tolerance:
            return after
        share = after
    raise InputError(f"the cdf has no limit from {start}, expected one that never decreases; check its steps.")


def critical_mass_path(cdf: Callable[[float], float], steps: int, start: float = 0.0) -> Floats:
    """Return the shares r(0), ..., r(steps) that take part, shape (steps + 1,), in [0, 1].

    Parameters
    ----------
    cdf, start
        As in `critical_mass_equilibrium`.
    steps
        Rounds, 0 or more.

    Raises
    ------
    InputError
        `start` is no share, F leaves [0, 1], or `steps` is no count.

    Notes
    -----
    r(0) = start, r(t + 1) = F(r(t)) (Granovetter 1978).
    """
    path = np.empty(counted("steps", steps) + 1)
    path[0] = within("start", start, high=1.0)
    for t in range(1, path.size):
        path[t] = within("a value of the cdf", cdf(float(path[t - 1])), high=1.0)
    return path


def critical_mass_tangency(mean: float) -> tuple[float, float]:
    """Return (sigma, r), both in percent: where normal thresholds make the map touch the diagonal.

    Parameters
    ----------
    mean
        Mean of the thresholds in percent, in (0, 100).

    Raises
    ------
    InputError
        `mean` is outside (0, 100); then no spread is tangent.

    Notes
    -----
    The map is r = 100 Phi((r - mean) / sigma). With z = (r - mean) / sigma, tangency means sigma = 100 phi(z), and so
    mean = 100 (Phi(z) - z phi(z)), which rises in z from 0 to 100: there is one tangency for every mean. It is the
    critical spread of Granovetter (1978, figure 2), whose 12.2 percent for a mean of 25 is 12.2221 here, at r = 6.200.
    Near a mean of 50, r loses digits: its derivative in the mean is infinite there.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    share = within("mean", mean, high=100.0, ends="()") / 100.0
    less = min(share, 1.0 - share)

    def density(z: float) -> float:
        return math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)

    def excess(z: float) -> float:
        return float(ndtr(z)) - z * density(z) - less

    z = 0.0 if less == 0.5 else float(brentq(excess, -38.0, 0.0, xtol=1e-15, rtol=1e-14, maxiter=500))
    sigma = 100.0 * density(z)
    return sigma, 100.0 * float(ndtr(z if share <= 0.5 else -z))


def threshold_cascade(thresholds: ArrayLike) -> int:
    """Return how many people take part in the end when everybody sees all others.

    Parameters
    ----------
    thresholds
        Shape (n,): how many others must take part before this person does. 0 starts alone; infinity never joins.

    Raises
    ------
    InputError
        Not one-dimensional, or a threshold is NaN.

    Notes
    -----
    Sorted upwards, the person in place i (from 0) joins if everybody before did and t(i) <= i; the first with t(i) > i
    stops the crowd (Granovetter 1978). Thresholds 0, 1, ..., 99 give 100; with 2 in place of 1 they give 1.
    """
    values = np.sort(np.asarray(thresholds, dtype=np.float64))
    if values.ndim != 1 or np.isnan(values).any():
        raise InputError(f"thresholds have shape {values.shape} or hold NaN, expected one list of numbers; clean them.")
    stops = np.flatnonzero(values > np.arange(values.size))
    return int(stops[0]) if stops.size else int(values.size)


def threshold_staircase(thresholds: ArrayLike) -> Callable[[float], float]:
    """Return the cdf of a list of thresholds: r -> share of them that are at most r.

    Parameters
    ----------
    thresholds
        Shape (n,), n >= 1, as shares of the crowd. Give i / n as a quotient, so that it equals the shares of the map.

    Raises
    ------
    InputError
        Not one-dimensional, empty, or with NaN.

    Notes
    -----
    For the sequences of Kuran (1991): 0, 20, 20, 30, ..., 80, 100 percent stays at 10 percent; with 10 in place of the
    first 20 it goes to 90 percent.
    """
    values = np.sort(np.asarray(thresholds, dtype=np.float64))
    if values.ndim != 1 or not values.size or np.isnan(values).any():
        raise InputError(f"thresholds have shape {values.shape} or hold NaN, expected a list of numbers; clean them.")
    return lambda share: float(np.searchsorted(values, share, side="right")) / values.size


def cascade_factor(pmf: ArrayLike, response: Response) -> float:
    """Return how many further people one person who took part brings in, while few do: a large cascade needs > 1.

    Parameters
    ----------
    pmf
        Shape (K + 1,): degree distribution p(0), ..., p(K), with a positive mean.
    response
        P(threshold met) for m active among k neighbours; asked for m = 1. For thresholds phi as shares it is
        P(phi <= m / k), for counts P(threshold <= m).

    Raises
    ------
    InputError
        `pmf` is no distribution, its mean is 0, or a response is no probability.

    Notes
    -----
    sum over k of k (k - 1) rho(k) p(k) / z with rho(k) = P(threshold <= 1 / k) and z the mean degree; Watts (2002)
    has the condition as sum k (k - 1) rho(k) p(k) > z.
    """
    p = checked_pmf(pmf)
    k = np.arange(1, p.size, dtype=np.int64)
    rho = _responses(response, np.ones_like(k), k)
    return float(k * (k - 1.0) * p[1:] @ rho / mean_degree(p))


def cascade_window(threshold: float) -> tuple[float, float]:
    """Return (lower, upper) mean degree between which a Poisson network carries large cascades; NaN if nowhere.

    Parameters
    ----------
    threshold
        Everybody's threshold as a share of neighbours, in (0, 1].

    Raises
    ------
    InputError
        `threshold` is outside (0, 1].

    Notes
    -----
    People of degree up to K, the largest k with threshold <= 1 / k, follow one neighbour, so that the factor of
    `cascade_factor` is z P(Poisson(z) <= K - 2), which rises to one peak and falls; the bounds are where it is 1
    (Watts 2002). A threshold of 0.18 gives 1.02 and 5.76; above 1 / 4 there is no window.
    """
    from scipy.optimize import brentq
    from scipy.special import pdtr

    phi = within("threshold", threshold, high=1.0, ends="(]")
    most = int(1.0 / phi) + 1
    while phi > 1.0 / most:
        most -= 1
    if most < 4:
        return math.nan, math.nan

    def slope(z: float) -> float:
        last = math.exp((most - 2) * math.log(z) - z - math.lgamma(most - 1))
        return float(pdtr(most - 2, z)) - z * last

    def excess(z: float) -> float:
        return z * float(pdtr(most - 2, z)) - 1.0

    far = 2.0 * most + 50.0
    peak = float(brentq(slope, 0.5, far))
    return float(brentq(excess, 0.5, peak, xtol=1e-12)), float(brentq(excess, peak, far, xtol=1e-12))


def cascade_size(pmf: ArrayLike, response: Response, seed_share: float, tolerance: float = 1e-13) -> float:
    """Return the expected share that takes part in the end on a large random network with these degrees.

    Parameters
    ----------
    pmf
        Shape (K + 1,): degree distribution p(0), ..., p(K), with a positive mean.
    response
        P(threshold met) for m active among k neighbours, not decreasing in m. People without neighbours are asked as
        (0, 1): they join only if nobody is needed.
    seed_share
        rho_0: share of people, chosen at random, who take part from the start, in [0, 1].
    tolerance
        The iteration ends where one step moves the share by no more than this.

    Raises
    ------
    InputError
        As in `cascade_factor`; `seed_share` is no share; or there is no limit within a million steps.

    Notes
    -----
    q = rho_0 + (1 - rho_0) sum_k (k p(k) / z) sum_{m < k} B(m; k - 1, q) F(m, k), iterated from q = rho_0, and the
    share is rho_0 + (1 - rho_0) sum_k p(k) sum_{m <= k} B(m; k, q) F(m, k), with B the binomial pmf (Gleeson and
    Cahalane 2007). It holds for networks that look like trees from near, in the limit of many people.
    """
    p = checked_pmf(pmf)
    seeds = within("seed_share", seed_share, high=1.0)
    k = np.arange(1, p.size, dtype=np.int64)
    m = np.arange(p.size, dtype=np.int64)
    all_m, all_k = np.meshgrid(m, k)
    met = _responses(response, np.minimum(all_m, all_k), all_k)
    alone = float(_responses(response, np.zeros(1, np.int64), np.ones(1, np.int64))[0])
    edges = k * p[1:] / mean_degree(p)
    near, own = _log_choose(k - 1, m), _log_choose(k, m)
    q = seeds
    for _ in range(MOST_STEPS):
        after = seeds + (1.0 - seeds) * float(edges @ _mixed(near, k - 1, m, q, met))
        is_done, q = abs(after - q) <= tolerance, min(after, 1.0)
        if is_done:
            joined = float(p[0] * alone + p[1:] @ _mixed(own, k, m, q, met))
            return seeds + (1.0 - seeds) * joined
    raise InputError("the cascade has no limit, expected a response that never falls in m; check the response.")


def _responses(response: Response, m: NDArray[np.int64], k: NDArray[np.int64]) -> Floats:
    """Return the response for every m and k, checked to be probabilities."""
    met = np.broadcast_to(np.asarray(response(m, k), dtype=np.float64), k.shape)
    if not ((met >= 0.0) & (met <= 1.0)).all():
        raise InputError(f"a response is {met.max():g} or {met.min():g}, expected [0, 1]; return probabilities.")
    return met


def _log_choose(n: NDArray[np.int64], m: NDArray[np.int64]) -> Floats:
    """Return ln of n over m, shape (n, m), minus infinity where m > n."""
    from scipy.special import gammaln

    left = n[:, None] - m[None, :]
    found = gammaln(n + 1.0)[:, None] - gammaln(m + 1.0)[None, :] - gammaln(np.maximum(left, 0) + 1.0)
    return np.asarray(np.where(left >= 0, found, -np.inf), dtype=np.float64)


def _mixed(log_choose: Floats, n: NDArray[np.int64], m: NDArray[np.int64], q: float, met: Floats) -> Floats:
    """Return, for every n, the mean of `met` over m ~ Binomial(n, q)."""
    from scipy.special import xlog1py, xlogy

    left = np.maximum(n[:, None] - m[None, :], 0)
    weights = np.exp(log_choose + xlogy(m[None, :], q) + xlog1py(left, -q))
    return np.asarray((weights * met).sum(axis=1), dtype=np.float64)
