"""Exposures, stays, and how many people are present at once. Times are in any one unit, rates per that unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from sim.measures.theory_checks import Floats, counted, times_of, within

__all__ = [
    "exposure_cdf",
    "exposure_moments",
    "infinite_server_build_up",
    "infinite_server_moments",
    "present_probability",
]


def exposure_cdf(times: ArrayLike, rate: float, needed: int = 1) -> Floats:
    """Return P(the `needed`-th exposure has come by t), in the shape of `times`.

    Parameters
    ----------
    times
        t, 0 or more.
    rate
        Exposures per unit of time, a Poisson process, above 0.
    needed
        Which exposure counts, 1 or more: 1 gives the exponential, more the Erlang distribution.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    1 - sum over j < k of e^(-rate t) (rate t)^j / j!, the regularised incomplete gamma function P(k, rate t).
    """
    from scipy.special import gammainc

    k, speed = counted("needed", needed, 1), within("rate", rate, ends="(]")
    return np.asarray(gammainc(k, speed * times_of("times", times)), dtype=np.float64)


def exposure_moments(rate: float, needed: int = 1) -> tuple[float, float]:
    """Return (mean, variance) of the time until the `needed`-th exposure: k / rate and k / rate^2.

    Parameters
    ----------
    rate, needed
        As in `exposure_cdf`.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    Erlang distribution, the sum of k exponential waits.
    """
    k, speed = counted("needed", needed, 1), within("rate", rate, ends="(]")
    return k / speed, k / speed**2


def infinite_server_moments(rate: float, mean_stay: float) -> tuple[float, float]:
    """Return (mean, variance) of the number present in the long run: both are rate x mean stay.

    Parameters
    ----------
    rate
        Arrivals per unit of time, a Poisson process, 0 or more.
    mean_stay
        Mean stay, 0 or more. Only the mean counts, whatever the distribution.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    M/G/infinity: the number present is Poisson (Takacs 1962).
    """
    load = within("rate", rate) * within("mean_stay", mean_stay)
    return load, load


def infinite_server_build_up(
    rate: float, survival: Callable[[float], float], time: float, jumps: Sequence[float] = ()
) -> float:
    """Return mean and variance, one number, of the number present at `time` when all began empty at 0.

    Parameters
    ----------
    rate
        Arrivals per unit of time from time 0, a Poisson process, 0 or more.
    survival
        S(u) = P(stay > u), for u >= 0.
    time
        t, 0 or more.
    jumps
        Stays at which S jumps or bends; named, they are integrated around exactly.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    rate x integral of S(u) over 0 to t; the number is Poisson at every time (Takacs 1962).
    """
    t = within("time", time)
    return within("rate", rate) * _integral(survival, t, [u for u in jumps if 0.0 < u < t])


def present_probability(
    hazard: float, survival: Callable[[float], float], time: float, jumps: Sequence[float] = ()
) -> float:
    """Return the chance that a person is present at `time` who sets out once, at a constant hazard from time 0.

    Parameters
    ----------
    hazard
        h, per unit of time, 0 or more.
    survival, time, jumps
        As in `infinite_server_build_up`.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    P = integral over 0 to t of h e^(-h s) S(t - s) ds. Of n people who act alone, the number present is Binomial(n, P):
    mean n P, variance n P (1 - P), below that of M/G/infinity because the source runs dry.
    """
    h, t = within("hazard", hazard), within("time", time)
    return _integral(lambda u: h * math.exp(-h * (t - u)) * survival(u), t, [u for u in jumps if 0.0 < u < t])


def _integral(function: Callable[[float], float], high: float, jumps: list[float]) -> float:
    """Return the integral from 0 to `high`, piece by piece between the jumps."""
    from scipy.integrate import quad

    edges = [0.0, *sorted(jumps), high]
    return float(sum(quad(function, a, b, epsabs=1e-13, epsrel=1e-12, limit=500)[0] for a, b in pairwise(edges)))
