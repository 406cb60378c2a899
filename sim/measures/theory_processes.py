"""Self-exciting processes, the sizes of their clusters, and reaction times.

Times are in any one unit, rates per that unit, except where seconds are said.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError
from sim.laws import SEISMIC_CUT, SEISMIC_THETA
from sim.measures.theory_checks import Floats, within

__all__ = [
    "borel_cdf",
    "borel_pmf",
    "borel_tail",
    "hawkes_cluster_mean",
    "hawkes_cluster_variance",
    "hawkes_count_dispersion",
    "hawkes_count_variance",
    "hawkes_rate",
    "seismic_quantile",
]

MOST_TERMS = 2_000_000


def hawkes_rate(base: float, branching: float) -> float:
    """Return the stationary rate of events mu / (1 - n).

    Parameters
    ----------
    base
        mu, rate of events without a cause, 0 or more.
    branching
        n, mean number of direct followers of one event, in [0, 1).

    Raises
    ------
    InputError
        A parameter outside its range; from n = 1 there is no stationary rate.

    Notes
    -----
    Hawkes (1971).
    """
    return within("base", base) * hawkes_cluster_mean(branching)


def hawkes_cluster_mean(branching: float) -> float:
    """Return the mean number of events in a cluster, the first included: 1 / (1 - n).

    Parameters
    ----------
    branching
        As in `hawkes_rate`.

    Raises
    ------
    InputError
        `branching` is outside [0, 1).

    Notes
    -----
    Hawkes and Oakes (1974): a cluster is a branching process with mean offspring n.
    """
    return 1.0 / (1.0 - within("branching", branching, high=1.0, ends="[)"))


def hawkes_cluster_variance(branching: float) -> float:
    """Return the variance of the number of events in a cluster with Poisson offspring: n / (1 - n)^3.

    Parameters
    ----------
    branching
        As in `hawkes_rate`.

    Raises
    ------
    InputError
        `branching` is outside [0, 1).

    Notes
    -----
    Variance of the Borel distribution (Borel 1942; Hawkes and Oakes 1974 for the clusters).
    """
    return branching * hawkes_cluster_mean(branching) ** 3


def hawkes_count_variance(base: float, branching: float, window: float, decay: float = math.inf) -> float:
    """Return the variance of the number of events in a window of a stationary process.

    Parameters
    ----------
    base, branching
        As in `hawkes_rate`.
    window
        T, length of the window, 0 or more.
    decay
        b, above 0: rate at which the exponential kernel n b e^(-b t) decays. Infinity gives the limit of long windows.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    mu T / (1 - n)^3 for T far above the memory. For the exponential kernel, with r = mu / (1 - n) and c = b (1 - n),
    r (T + (1 / (1 - n)^2 - 1) (T - (1 - e^(-c T)) / c)): the integral of the covariance density in Hawkes (1971).
    """
    length, gain = within("window", window), hawkes_cluster_mean(branching) ** 2
    lost = 0.0
    if decay != math.inf:
        speed = within("decay", decay, ends="(]") * (1.0 - branching)
        lost = -math.expm1(-speed * length) / speed
    return hawkes_rate(base, branching) * (length + (gain - 1.0) * (length - lost))


def hawkes_count_dispersion(branching: float) -> float:
    """Return the variance of counts over their mean in long windows: 1 / (1 - n)^2.

    Parameters
    ----------
    branching
        As in `hawkes_rate`.

    Raises
    ------
    InputError
        `branching` is outside [0, 1).

    Notes
    -----
    mu T / (1 - n)^3 over mu T / (1 - n) (Hawkes and Oakes 1974). For shorter windows see `hawkes_count_variance`.
    """
    return hawkes_cluster_mean(branching) ** 2


def borel_pmf(sizes: ArrayLike, branching: float) -> Floats:
    """Return P(cluster size = k) for Poisson offspring, in the shape of `sizes`.

    Parameters
    ----------
    sizes
        k, whole numbers of 1 or more, the first event included.
    branching
        n, mean offspring, in [0, 1]; 1 is the critical case with an infinite mean.

    Raises
    ------
    InputError
        A size is no such number, or n is outside [0, 1].

    Notes
    -----
    e^(-n k) (n k)^(k - 1) / k! (Borel 1942). Computed as exp(k (ln n + 1 - n) - ln n - d(k)) / (k sqrt(2 pi k)), where
    d(k) is what Stirling's formula lacks of ln k!, so that large terms do not cancel.
    """
    from scipy.special import gammaln

    k = np.asarray(sizes, dtype=np.float64)
    if not ((k >= 1.0) & (k == np.floor(k)) & np.isfinite(k)).all():
        raise InputError(f"sizes begin at {np.min(k)}, expected whole numbers from 1; count the first event.")
    n = within("branching", branching, high=1.0)
    if n == 0.0:
        return np.asarray(np.where(k == 1.0, 1.0, 0.0), dtype=np.float64)
    exact = gammaln(k + 1.0) - (k + 0.5) * np.log(k) + k - 0.5 * math.log(2.0 * math.pi)
    series = (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * k**2)) / k**2) / k**2) / k
    rest = np.where(k < 16.0, exact, series)
    logs = k * (math.log(n) + 1.0 - n) - math.log(n) - 1.5 * np.log(k) - 0.5 * math.log(2.0 * math.pi) - rest
    return np.asarray(np.exp(logs), dtype=np.float64)


def borel_cdf(sizes: ArrayLike, branching: float) -> Floats:
    """Return P(cluster size <= k) for Poisson offspring, in the shape of `sizes`.

    Parameters
    ----------
    sizes, branching
        As in `borel_pmf`; sizes up to two million.

    Raises
    ------
    InputError
        As in `borel_pmf`, or a size is too large to sum up to.

    Notes
    -----
    Sum of `borel_pmf`. As k grows it tends to 1 for n <= 1.
    """
    total, k = _borel_sums(sizes, branching)
    return np.asarray(np.minimum(total[k - 1], 1.0), dtype=np.float64)


def borel_tail(sizes: ArrayLike, branching: float) -> Floats:
    """Return P(cluster size > k) for Poisson offspring, in the shape of `sizes`.

    Parameters
    ----------
    sizes, branching
        As in `borel_cdf`.

    Raises
    ------
    InputError
        As in `borel_cdf`.

    Notes
    -----
    The terms fall at least like rho^k with rho = n e^(1 - n). They are summed from the far end, with small relative
    error, if two million are enough; for n nearer to 1 (above about 0.994) the tail is 1 - `borel_cdf`, good to 1e-12.
    """
    total, k = _borel_sums(sizes, branching)
    fall = branching - 1.0 - math.log(branching) if branching > 0.0 else math.inf
    more = math.ceil(40.0 / fall) + 1 if fall > 0.0 else MOST_TERMS + 1
    if more > MOST_TERMS:
        return np.asarray(np.maximum(1.0 - total[k - 1], 0.0), dtype=np.float64)
    terms = borel_pmf(np.arange(1, total.size + more + 1), branching)
    return np.asarray(np.cumsum(terms[::-1])[::-1][k], dtype=np.float64)


def _borel_sums(sizes: ArrayLike, branching: float) -> tuple[Floats, np.ndarray]:
    """Return the running sums of the pmf up to the largest size, and the sizes as integers."""
    borel_pmf(sizes, branching)
    k = np.asarray(sizes).astype(np.int64)
    most = int(k.max()) if k.size else 1
    if most > MOST_TERMS:
        raise InputError(f"sizes go up to {most}, expected at most {MOST_TERMS}; ask for smaller clusters.")
    return np.cumsum(borel_pmf(np.arange(1, most + 1), branching)), k


def seismic_quantile(probability: ArrayLike) -> Floats:
    """Return the SEISMIC reaction time in seconds below which this share of reactions comes, in the given shape.

    Parameters
    ----------
    probability
        Shares in [0, 1]; 1 gives infinity.

    Raises
    ------
    InputError
        A share is outside [0, 1].

    Notes
    -----
    Density c = 6.265725e-4 per second up to s0 = 300 s, then c (t / s0)^-(1 + theta), theta = 0.2314843 (Zhao, Erdogdu,
    He, Rajaraman and Leskovec 2015, section 3). With y = p I / (c s0) and I = c s0 (1 + 1 / theta), the density's own
    integral, t = s0 y for y <= 1 and s0 (1 - theta (y - 1))^(-1 / theta) after. I is 0.9999998: the published c already
    makes the density one of probability, to seven digits, and dividing by I as `sim.laws.seismic_cdf` does changes no
    printed figure. The median is 40.6 minutes.
    """
    p = np.asarray(probability, dtype=np.float64)
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise InputError("probability holds something outside [0, 1], expected shares; divide percent by 100.")
    y = p * (1.0 + 1.0 / SEISMIC_THETA)
    # 1 - theta (y - 1) is (1 - p) (1 + theta), which keeps its digits as p tends to 1.
    left = np.minimum((1.0 - p) * (1.0 + SEISMIC_THETA), 1.0)
    with np.errstate(divide="ignore"):
        late = left ** (-1.0 / SEISMIC_THETA)
    return np.asarray(SEISMIC_CUT * np.where(y <= 1.0, y, late), dtype=np.float64)
