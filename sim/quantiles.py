"""Compiled inversion: quantiles of delay laws, of the normal, the Poisson and the geometric distribution (jumps)."""

from __future__ import annotations

import math

import numpy as np

from sim.jit import inlined, njit

__all__ = [
    "CELLS",
    "TOLERANCE",
    "ceiling_of",
    "delay_ticks",
    "delays",
    "exact_value",
    "exact_values",
    "law_value",
    "log_of_missing",
    "normal_quantile",
    "poisson",
    "skip_length",
]

MOST_POSTS = 200
CELLS = 1024
"""Cells of equal probability in which a law of delays is kept."""
TOLERANCE = 1e-5
"""Largest error of a probability within a cell of the table of a law."""


@njit
def normal_quantile(u):
    """Return the standard normal quantile at u in (0, 1), relative error below 1e-15 (Wichura 1988, algorithm AS 241)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        num = (
            (
                (
                    (
                        ((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
                        + 45921.953931549871457
                    )
                    * r
                    + 13731.693765509461125
                )
                * r
                + 1971.5909503065514427
            )
            * r
            + 133.14166789178437745
        ) * r + 3.387132872796366608
        den = (
            (
                (
                    (
                        ((5226.495278852854561 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
                        + 21213.794301586595867
                    )
                    * r
                    + 5394.1960214247511077
                )
                * r
                + 687.1870074920579083
            )
            * r
            + 42.313330701600911252
        ) * r + 1.0
        return q * num / den
    r = u if q < 0.0 else 1.0 - u
    r = math.sqrt(-math.log(r))
    if r <= 5.0:
        r = r - 1.6
        num = (
            (
                (
                    (
                        ((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
                        + 1.27045825245236838258
                    )
                    * r
                    + 3.64784832476320460504
                )
                * r
                + 5.7694972214606914055
            )
            * r
            + 4.6303378461565452959
        ) * r + 1.42343711074968357734
        den = (
            (
                (
                    (
                        ((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r
                        + 0.14810397642748007459
                    )
                    * r
                    + 0.68976733498510000455
                )
                * r
                + 1.6763848301838038494
            )
            * r
            + 2.05319162663775882187
        ) * r + 1.0
    else:
        r = r - 5.0
        num = (
            (
                (
                    (
                        ((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
                        + 0.026532189526576123093
                    )
                    * r
                    + 0.29656057182850489123
                )
                * r
                + 1.7848265399172913358
            )
            * r
            + 5.4637849111641143699
        ) * r + 6.6579046435011037772
        den = (
            (
                (
                    (
                        ((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r
                        + 7.868691311456132591e-4
                    )
                    * r
                    + 0.0148753612908506148525
                )
                * r
                + 0.13692988092273580531
            )
            * r
            + 0.59983220655588793769
        ) * r + 1.0
    return -num / den if q < 0.0 else num / den


@njit
def exact_value(law, points, u):
    """Return the quantile of a LAW row at u in (0, 1), float ticks: infinite in some far tails, below 0 for code 7."""
    code = law["code"]
    if code == 0:
        return law["a"]
    if code == 1:
        return -law["a"] * math.log1p(-u)
    if code == 2:
        return law["a"] * math.exp(law["b"] * normal_quantile(u))
    if code == 3:
        return law["a"] * math.pow(-math.log1p(-u), 1.0 / law["b"])
    if code == 4:
        # F(t) = c t up to s0; F(t) = c s0 (1 + (1 - (t / s0)^-theta) / theta) beyond; normalised by its limit.
        total = 6.265725e-4 * 300.0 * (1.0 + 1.0 / 0.2314843)
        x = u * total / 6.265725e-4
        if x <= 300.0:
            return x * law["a"]
        rest = 1.0 - 0.2314843 * (x / 300.0 - 1.0)
        return 300.0 * law["a"] * math.pow(rest, -1.0 / 0.2314843)
    if code == 5:
        # What is left lies between the two exponentials; halving finds it to the last bit that matters.
        unit = -math.log1p(-u)
        low, high = unit * min(law["b"], law["c"]), unit * max(law["b"], law["c"])
        for _ in range(60):
            middle = 0.5 * (low + high)
            left = law["a"] * math.exp(-middle / law["b"]) + (1.0 - law["a"]) * math.exp(-middle / law["c"])
            if left > 1.0 - u:
                low = middle
            else:
                high = middle
        return high
    if code == 7:
        return law["a"] * normal_quantile(u)
    first, last = law["first"], law["first"] + 2 * law["count"] - 2
    for i in range(first + 2, last + 2, 2):
        if u <= points[i + 1]:
            below = points[i - 1]
            share = (u - below) / (points[i + 1] - below) if points[i + 1] > below else 1.0
            return points[i - 2] + share * (points[i] - points[i - 2])
    return points[last]


@njit
def exact_values(law, points, shift):
    """Return float64[CELLS + 1]: `exact_value` at (c + shift) / `CELLS`; the first and the last as their neighbours."""
    out = np.empty(CELLS + 1, np.float64)
    for c in range(1, CELLS):
        out[c] = exact_value(law, points, (c + shift) / CELLS)
    out[0], out[CELLS] = out[1], out[CELLS - 1]
    return out


@inlined
def law_value(law, points, u):
    """Return `exact_value`, in the middle of the law by a table, linear between its cells; it never falls as u rises.

    The share of delays up to any time is right to `TOLERANCE`: cells where the table is further off are not used.
    """
    if law["low"] <= u < law["high"]:
        x = u * CELLS
        cell = np.int64(x)
        left, right = points[law["cells"] + cell], points[law["cells"] + cell + 1]
        return left + (x - cell) * (right - left)
    return exact_value(law, points, u)


@inlined
def _whole_ticks(value):
    if value < 1.0:
        return np.int64(1)
    if value > 1099511627776.0:
        return np.int64(1099511627776)
    return np.int64(value)


@inlined
def delay_ticks(law, points, u):
    """Return a delay in whole ticks, int64 in [1, 2^40]: the quantile at u, at least the next tick, clipped as a float."""
    return _whole_ticks(law_value(law, points, u))


@njit
def poisson(mean, u):
    """Return a Poisson count by inversion at u in (0, 1); mean in [0, 100], counts are cut at MOST_POSTS."""
    if u <= 1.0 - mean:
        return 0  # because exp(-mean) >= 1 - mean
    p = math.exp(-mean)
    total = p
    count = 0
    while u > total and count < MOST_POSTS:
        count += 1
        p = p * mean / count
        total += p
    return count


@njit
def delays(law, points, u):
    """Return int64[len(u)]: `delay_ticks` at each u."""
    out = np.empty(len(u), np.int64)
    for i in range(len(u)):
        out[i] = delay_ticks(law, points, u[i])
    return out


@njit
def ceiling_of(p):
    """Return the smallest power of two that is at least p, for p in (0, 1]; 0 for p = 0.

    Whoever could be reached with probability p is sought at this rate and then thinned by a draw of their own, so that those
    who are reached at p are among those who are reached at any larger p of the same octave.
    """
    if p <= 0.0:
        return 0.0
    ceiling = 1.0
    while 0.5 * ceiling >= p:
        ceiling *= 0.5
    return ceiling


@njit
def log_of_missing(p):
    """Return ln(1 - p) for p in [0, 1); 0 for p = 1, where nobody is missed (see `skip_length`)."""
    return math.log1p(-p) if p < 1.0 else 0.0


@inlined
def skip_length(u, log_miss):
    """Return how many candidates are passed over before the next reader: geometric, floor(ln u / ln(1 - p)).

    `log_miss` is `log_of_missing(p)` for a probability p in (0, 1] of being reached.
    """
    if log_miss == 0.0:
        return 0
    x = math.log(u) / log_miss
    if x > 2147483647.0:
        return 2147483647
    return int(x)
