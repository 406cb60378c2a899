"""Contagion among people who all meet: final sizes, chances of an outbreak, logistic growth and Bass diffusion."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError
from sim.measures.theory_checks import Floats, counted, times_of, within

__all__ = [
    "bass_peak",
    "bass_share",
    "complete_outbreak_probability",
    "final_size",
    "final_size_pmf",
    "logistic_share",
]

PERIODS = ("constant", "exponential")


def final_size(reproduction: float, initial: float = 0.0) -> float:
    """Return the share of people whom a large outbreak reaches when everybody meets everybody.

    Parameters
    ----------
    reproduction
        R0, mean number of people whom one infects among the uninfected, 0 or more.
    initial
        Share infected from the start, in [0, 1]; it counts in the result. At 0, R0 <= 1 gives 0.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    R = 1 - (1 - i) exp(-R0 R) (Kermack and McKendrick 1927), which is R = 1 + W(-(1 - i) R0 e^-R0) / R0 with Lambert's W.
    Near R0 = 1 that W stands at the end of its branch and loses half its digits, so Newton steps are taken from 1, from
    where they fall to the root. For i = 0 and R0 < 1.01 the series R0 - 1 = R / 2 + R^2 / 3 + R^3 / 4 + ..., of
    R0 = -ln(1 - R) / R, is inverted.
    """
    r0, start = within("reproduction", reproduction), within("initial", initial, high=1.0)
    if start == 1.0 or r0 == 0.0 or (start == 0.0 and r0 <= 1.0):
        return start
    if start == 0.0 and r0 < 1.01:
        return _small_final_size(r0 - 1.0)
    share = 1.0
    for _ in range(200):
        gap = share - start + (1.0 - start) * math.expm1(-r0 * share)
        slope = 1.0 - (1.0 - start) * r0 * math.exp(-r0 * share)
        if gap <= 0.0 or slope <= 0.0 or share - gap / slope == share:
            break
        share -= gap / slope
    return min(max(share, start), 1.0)


def complete_outbreak_probability(reproduction: float, initial: int = 1, period: str = "constant") -> float:
    """Return the chance of a large outbreak among many people who all meet.

    Parameters
    ----------
    reproduction
        R0, 0 or more.
    initial
        People infected at first, 0 or more.
    period
        Infectious period: ``constant`` (Poisson offspring) or ``exponential`` (geometric offspring).

    Raises
    ------
    InputError
        A parameter outside its range, or an unknown period.

    Notes
    -----
    1 - x^initial with x the smallest root of x = E[x^offspring] (Watson and Galton 1875). Constant: 1 - x is
    `final_size`; exponential: x = min(1, 1 / R0) (Whittle 1955; Kendall 1956).
    """
    r0, first = within("reproduction", reproduction), counted("initial", initial)
    survival = final_size(r0) if _period(period) == "constant" else 1.0 - 1.0 / max(r0, 1.0)
    return 1.0 - (1.0 - survival) ** first


def final_size_pmf(susceptible: int, transmissibility: float, initial: int = 1, period: str = "constant") -> Floats:
    """Return P(j of the susceptible are infected in the end), j = 0, ..., n, shape (n + 1,), in a small group.

    Parameters
    ----------
    susceptible
        n, 0 or more; a thousand take seconds.
    transmissibility
        p, in [0, 1]: the chance that one infected person, over the whole period, infects one given susceptible. With
        exponential periods, p = beta / (beta + gamma) for a rate beta per pair.
    initial
        m, people infected at first; they do not count in j.
    period
        ``constant`` is Reed and Frost's chain-binomial, ``exponential`` the general stochastic epidemic.

    Raises
    ------
    InputError
        A parameter outside its range, or an unknown period.

    Notes
    -----
    The order in which the infected meet the susceptible does not matter for the final size (Ludwig 1975), so they are
    taken one after the other: of s people left one infects Binomial(s, p), or a beta-binomial number if the period
    varies, and the epidemic ends when nobody is left to take. All terms are positive, so that no digits cancel. The
    triangular equations sum over i <= j of C(n - i, j - i) P(i) / e(n - j)^(i + m) = C(n, j), with e(k) the chance that
    one infected person spares k given others (Ball 1986), have the same solution but lose all digits beyond n = 30 or so.
    """
    n, m = counted("susceptible", susceptible), counted("initial", initial)
    p = within("transmissibility", transmissibility, high=1.0)
    step = np.zeros((n + 1, n + 1))
    is_constant = _period(period) == "constant" or p in (0.0, 1.0)
    for infected in range(n + 1):
        left = n - infected
        step[infected, infected:] = _binomial(left, p) if is_constant else _beta_binomial(left, (1.0 - p) / p)
    reached, ended = np.zeros(n + 1), np.zeros(n + 1)
    reached[0] = 1.0
    for taken in range(m + n + 1):
        if taken >= m:
            ended[taken - m], reached[taken - m] = reached[taken - m], 0.0
        reached = reached @ step
    return ended


def logistic_share(times: ArrayLike, rate: float, start: float) -> Floats:
    """Return the share infected over time when nobody recovers (SI), in the shape of `times`.

    Parameters
    ----------
    times
        t, 0 or more.
    rate
        beta, contacts that infect per infected person and unit of time, 0 or more.
    start
        Share at time 0, in (0, 1].

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    dy / dt = beta y (1 - y), y = y0 / (y0 + (1 - y0) e^(-beta t)) (Verhulst 1838).
    """
    beta, y0 = within("rate", rate), within("start", start, high=1.0, ends="(]")
    return np.asarray(y0 / (y0 + (1.0 - y0) * np.exp(-beta * times_of("times", times))), dtype=np.float64)


def bass_share(times: ArrayLike, innovation: float, imitation: float) -> Floats:
    """Return the share of adopters over time, in the shape of `times`.

    Parameters
    ----------
    times
        t, 0 or more, from the launch, when nobody has adopted.
    innovation
        p, hazard without any adopter, per unit of time, above 0.
    imitation
        q, further hazard when all have adopted, 0 or more.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    dF / dt = (p + q F) (1 - F), F = (1 - e^(-(p + q) t)) / (1 + (q / p) e^(-(p + q) t)) (Bass 1969).
    """
    p, q = within("innovation", innovation, ends="(]"), within("imitation", imitation)
    fall = -(p + q) * times_of("times", times)
    return np.asarray(-np.expm1(fall) / (1.0 + q / p * np.exp(fall)), dtype=np.float64)


def bass_peak(innovation: float, imitation: float) -> float:
    """Return the time at which adoptions come fastest, ln(q / p) / (p + q), or 0 if q <= p.

    Parameters
    ----------
    innovation, imitation
        As in `bass_share`.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    Bass (1969). With q <= p adoptions slow down from the start.
    """
    p, q = within("innovation", innovation, ends="(]"), within("imitation", imitation)
    return math.log(q / p) / (p + q) if q > p else 0.0


def _small_final_size(excess: float) -> float:
    """Return the root R of excess = R / 2 + R^2 / 3 + R^3 / 4 + ..., for an excess up to 0.01."""
    share = 2.0 * excess
    for _ in range(30):
        share = excess / sum(share**k / (k + 2.0) for k in range(12))
    return share


def _period(period: str) -> str:
    """Return the name of an infectious period, checked."""
    if period not in PERIODS:
        raise InputError(f"period is {period!r}, expected one of {PERIODS}; choose one.")
    return period


def _binomial(n: int, p: float) -> Floats:
    """Return the binomial pmf, shape (n + 1,)."""
    from scipy.special import gammaln, xlog1py, xlogy

    j = np.arange(n + 1, dtype=np.float64)
    logs = gammaln(n + 1.0) - gammaln(j + 1.0) - gammaln(n - j + 1.0) + xlogy(j, p) + xlog1py(n - j, -p)
    return np.asarray(np.exp(logs), dtype=np.float64)


def _beta_binomial(n: int, shape: float) -> Floats:
    """Return the pmf of infections among n if each is spared with one common chance of density a y^(a - 1)."""
    j = np.arange(1, n + 1, dtype=np.float64)
    ratios = (n - j + 1.0) / (shape + n - j)
    return shape / (shape + n) * np.cumprod(np.concatenate([[1.0], ratios]))
