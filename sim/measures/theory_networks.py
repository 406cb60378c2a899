"""Simple contagion on configuration-model networks: outbreaks as percolation, from the degree distribution alone.

A network is given by its degree pmf, an array p(0), ..., p(K). All results hold in the limit of many people.
G0(x) = sum p(k) x^k belongs to a person, G1(x) = sum k p(k) x^(k - 1) / <k> to the end of an edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError
from sim.measures.theory_checks import Floats, counted, within

__all__ = [
    "checked_pmf",
    "constant_pmf",
    "excess_pmf",
    "markov_outbreak_probability",
    "markov_transmissibility",
    "mean_degree",
    "mean_small_outbreak",
    "outbreak_probability",
    "outbreak_size",
    "outbreak_threshold",
    "poisson_pmf",
    "power_law_pmf",
]


def checked_pmf(pmf: ArrayLike) -> Floats:
    """Return a degree distribution as an array, scaled to the sum 1 to the last digit.

    Parameters
    ----------
    pmf
        Shape (K + 1,): p(0), ..., p(K), at least 0, with a sum within 1e-6 of 1.

    Raises
    ------
    InputError
        Not one-dimensional, empty, with a negative or missing value, or with another sum.
    """
    p = np.asarray(pmf, dtype=np.float64)
    if p.ndim != 1 or not p.size or not (p >= 0.0).all() or not abs(p.sum() - 1.0) <= 1e-6:
        raise InputError(f"pmf has shape {p.shape} and sum {p.sum():g}, expected p(0), ..., p(K) with sum 1; scale it.")
    return np.asarray(p / p.sum(), dtype=np.float64)


def mean_degree(pmf: ArrayLike) -> float:
    """Return the mean degree <k> = sum k p(k), above 0.

    Parameters
    ----------
    pmf
        As in `checked_pmf`.

    Raises
    ------
    InputError
        `pmf` is no distribution, or nobody has a neighbour.
    """
    p = checked_pmf(pmf)
    mean = float(np.arange(p.size) @ p)
    if mean <= 0.0:
        raise InputError("pmf has mean degree 0, expected people with neighbours; give weight to degrees above 0.")
    return mean


def excess_pmf(pmf: ArrayLike) -> Floats:
    """Return the distribution of further neighbours at the end of an edge, shape (K,).

    Parameters
    ----------
    pmf
        As in `checked_pmf`, with a positive mean.

    Raises
    ------
    InputError
        As in `mean_degree`.

    Notes
    -----
    q(k) = (k + 1) p(k + 1) / <k> (Newman, Strogatz and Watts 2001).
    """
    p = checked_pmf(pmf)
    return np.asarray(np.arange(1, p.size) * p[1:] / mean_degree(p), dtype=np.float64)


def poisson_pmf(mean: float) -> Floats:
    """Return Poisson degrees p(0), ..., p(K), cut where the tail is below 1e-16 and scaled to the sum 1.

    Parameters
    ----------
    mean
        Mean degree z, above 0.

    Raises
    ------
    InputError
        `mean` is not above 0.

    Notes
    -----
    p(k) = e^-z z^k / k!.
    """
    from scipy.special import gammaln

    z = within("mean", mean, ends="(]")
    k = np.arange(math.ceil(z + 10.0 * math.sqrt(z)) + 30, dtype=np.float64)
    return checked_pmf(np.exp(k * math.log(z) - z - gammaln(k + 1.0)))


def power_law_pmf(exponent: float, cutoff: float = math.inf, *, least: int = 1, most: int = 10_000) -> Floats:
    """Return power-law degrees with an exponential cut-off, p(0), ..., p(most).

    Parameters
    ----------
    exponent
        alpha in p(k) ~ k^-alpha, 0 or more.
    cutoff
        kappa, above 0, in degrees; infinity leaves the power law alone.
    least, most
        Smallest degree (1 or more) and largest one; outside p(k) = 0.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    p(k) = C k^-alpha e^(-k / kappa) (Newman 2002), with C from the sum over `least` to `most`.
    """
    alpha = within("exponent", exponent)
    kappa = cutoff if cutoff == math.inf else within("cutoff", cutoff, ends="(]")
    k = np.arange(counted("least", least, 1), counted("most", most, least) + 1, dtype=np.float64)
    logs = -alpha * np.log(k) - k / kappa
    weights = np.exp(logs - logs.max())
    return checked_pmf(np.concatenate([np.zeros(least), weights / weights.sum()]))


def constant_pmf(degree: int) -> Floats:
    """Return the distribution of a network where everybody has the same degree, shape (degree + 1,).

    Parameters
    ----------
    degree
        0 or more.

    Raises
    ------
    InputError
        `degree` is no count.
    """
    p = np.zeros(counted("degree", degree) + 1)
    p[-1] = 1.0
    return p


def outbreak_threshold(pmf: ArrayLike) -> float:
    """Return the transmissibility above which outbreaks can be large; above 1 or infinite means never.

    Parameters
    ----------
    pmf
        As in `checked_pmf`, with a positive mean.

    Raises
    ------
    InputError
        As in `mean_degree`.

    Notes
    -----
    T_c = 1 / G1'(1) = <k> / <k (k - 1)> (Newman 2002). It needs only the mean transmissibility, whatever its spread.
    """
    spread = _slope(excess_pmf(pmf))
    return 1.0 / spread if spread > 0.0 else math.inf


def outbreak_size(pmf: ArrayLike, transmissibility: float) -> float:
    """Return the share of people reached by a large outbreak, the giant component of bond percolation; 0 if none.

    Parameters
    ----------
    pmf
        As in `checked_pmf`, with a positive mean.
    transmissibility
        T, the (mean) probability that an edge transmits, in [0, 1].

    Raises
    ------
    InputError
        As in `mean_degree`, or T is no probability.

    Notes
    -----
    u = 1 - T + T G1(u), smallest root in [0, 1]; size 1 - G0(u) (Newman 2002; Kiss, Miller and Simon 2017, chapter 6).
    Only the mean of T counts, because a person's own risk comes over edges from different people.
    """
    t = within("transmissibility", transmissibility, high=1.0)
    return _outbreak(pmf, t, lambda x, most: _same_powers(x, t, most))


def outbreak_probability(pmf: ArrayLike, transmissibility: float) -> float:
    """Return the chance that one person, chosen at random, starts a large outbreak, if T is the same for everybody.

    Parameters
    ----------
    pmf, transmissibility
        As in `outbreak_size`.

    Raises
    ------
    InputError
        As in `outbreak_size`.

    Notes
    -----
    Equal to `outbreak_size`: with one constant T, percolation has no direction (Newman 2002). It is not where the
    infectious period varies, see `markov_outbreak_probability` (Kenah and Robins 2007).
    """
    return outbreak_size(pmf, transmissibility)


def mean_small_outbreak(pmf: ArrayLike, transmissibility: float) -> float:
    """Return the mean number of people in an outbreak from one person, below the threshold.

    Parameters
    ----------
    pmf, transmissibility
        As in `outbreak_size`; T below `outbreak_threshold`. For a varying infectious period, T is its mean.

    Raises
    ------
    InputError
        As in `outbreak_size`, or T is not below the threshold (the mean is infinite).

    Notes
    -----
    1 + T <k> / (1 - T G1'(1)), the first person included (Newman 2002).
    """
    t = within("transmissibility", transmissibility, high=1.0)
    spread = _slope(excess_pmf(pmf))
    if t * spread >= 1.0:
        raise InputError(f"transmissibility is {t}, expected less than the threshold {1.0 / spread:g}; lower it.")
    return 1.0 + t * mean_degree(pmf) / (1.0 - t * spread)


def markov_transmissibility(rate: float, recovery: float) -> float:
    """Return the mean transmissibility beta / (beta + gamma) over one edge with an exponential infectious period.

    Parameters
    ----------
    rate
        beta, transmissions per edge and unit of time, 0 or more.
    recovery
        gamma, 1 / (mean infectious period), in the same unit, above 0.

    Raises
    ------
    InputError
        A rate outside its range.

    Notes
    -----
    E[1 - e^(-beta I)] with I exponential of rate gamma (Newman 2002; Kiss, Miller and Simon 2017, chapter 6).
    """
    beta, gamma = within("rate", rate), within("recovery", recovery, ends="(]")
    return beta / (beta + gamma)


def markov_outbreak_probability(pmf: ArrayLike, rate: float, recovery: float) -> float:
    """Return the chance that one person starts a large outbreak with an exponential infectious period (Markov SIR).

    Parameters
    ----------
    pmf
        As in `checked_pmf`, with a positive mean.
    rate, recovery
        As in `markov_transmissibility`; the rate above 0.

    Raises
    ------
    InputError
        As in `mean_degree`, or a rate outside its range.

    Notes
    -----
    A person's edges share one period and with it one T, so that x = E[G1(1 - T + T x)] and the chance is
    1 - E[G0(1 - T + T x)] (Kenah and Robins 2007; Kiss, Miller and Simon 2017, chapter 6). It is at most
    `outbreak_size`, which is the size here too. With a = gamma / beta, the expectation e(k) of (1 - T + T x)^k follows
    from e(k) = (a + k x e(k - 1)) / (a + k): of k transmissions and a recovery, the recovery comes first, or one comes.
    """
    t = markov_transmissibility(within("rate", rate, ends="(]"), recovery)
    shape = recovery / rate
    return _outbreak(pmf, t, lambda x, most: _markov_powers(x, shape, most))


def _slope(pmf: Floats) -> float:
    """Return the mean of a distribution, the slope of its generating function at 1."""
    return float(np.arange(pmf.size) @ pmf)


def _same_powers(x: float, t: float, most: int) -> tuple[Floats, Floats]:
    """Return (1 - t + t x)^k for k = 0, ..., most, and the derivatives in x."""
    k = np.arange(most + 1, dtype=np.float64)
    at = 1.0 - t + t * x
    powers = at**k
    slopes = np.zeros(most + 1)
    slopes[1:] = t * k[1:] * powers[:-1]
    return powers, slopes


def _markov_powers(x: float, shape: float, most: int) -> tuple[Floats, Floats]:
    """Return E[(1 - T + T x)^k] for k = 0, ..., most, and the derivatives in x, if 1 - T has density a y^(a - 1)."""
    powers, slopes = np.ones(most + 1), np.zeros(most + 1)
    for k in range(1, most + 1):
        powers[k] = (shape + k * x * powers[k - 1]) / (shape + k)
        slopes[k] = k * (powers[k - 1] + x * slopes[k - 1]) / (shape + k)
    return powers, slopes


def _outbreak(pmf: ArrayLike, t: float, powers: Callable[[float, int], tuple[Floats, Floats]]) -> float:
    """Return 1 - E[G0(1 - T + T x)] at the smallest root of x = E[G1(1 - T + T x)], where T has mean t.

    The difference of both sides is convex and positive left of the smallest root, so that Newton steps from 0 rise to it.
    """
    p, excess = checked_pmf(pmf), excess_pmf(pmf)
    if t * _slope(excess) <= 1.0:
        return 0.0
    x = 0.0
    for _ in range(200):
        values, slopes = powers(x, excess.size - 1)
        step = float(excess @ values - x) / (1.0 - float(excess @ slopes))
        if step <= 1e-16:
            break
        x += step
    return float(1.0 - p @ powers(x, p.size - 1)[0])
