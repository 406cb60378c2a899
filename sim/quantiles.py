"""Compiled inversion: quantiles of delay laws, of the normal, the Poisson and the geometric distribution (jumps)."""

from __future__ import annotations

import math

import numpy as np

from sim.jit import inlined, njit

__all__ = [
    "ceiling_of",
    "delay_at",
    "delay_ticks",
    "delays",
    "law_quantile",
    "law_value",
    "log_of_missing",
    "normal_quantile",
    "poisson",
    "skip_length",
]

MOST_POSTS = 200


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
def law_value(law, points, u):
    """Return the quantile of a LAW row at u in (0, 1), float ticks, possibly infinite in the far tail."""
    code = law["code"]
    if code == 0:
        return law["a"]
    if code == 1:
        return -law["a"] * math.log(u)
    if code == 2:
        return law["a"] * math.exp(law["b"] * normal_quantile(u))
    if code == 3:
        return law["a"] * math.pow(-math.log(u), 1.0 / law["b"])
    if code == 4:
        # F(t) = c t up to s0; F(t) = c s0 (1 + (1 - (t / s0)^-theta) / theta) beyond; normalised by its limit.
        total = 6.265725e-4 * 300.0 * (1.0 + 1.0 / 0.2314843)
        x = u * total / 6.265725e-4
        if x <= 300.0:
            return x * law["a"]
        rest = 1.0 - 0.2314843 * (x / 300.0 - 1.0)
        return 300.0 * law["a"] * math.pow(rest, -1.0 / 0.2314843)
    if code == 5:
        if u < law["a"]:
            return -law["b"] * math.log(u / law["a"])
        return -law["c"] * math.log((1.0 - u) / (1.0 - law["a"]))
    first = law["first"]
    for i in range(first + 1, first + law["count"]):
        if u <= points[i, 1]:
            low = points[i - 1, 1]
            share = (u - low) / (points[i, 1] - low) if points[i, 1] > low else 1.0
            return points[i - 1, 0] + share * (points[i, 0] - points[i - 1, 0])
    return points[first + law["count"] - 1, 0]


@njit
def delay_ticks(law, points, u):
    """Return a delay in whole ticks, int64 in [1, 2^40]: the quantile at u, at least the next tick, clipped as a float."""
    return _whole_ticks(law_value(law, points, u))


@njit
def law_quantile(law, points, p):
    """Return the quantile of a LAW row at p in (0, 1), float ticks: as `law_value`, but never falling as p rises."""
    code = law["code"]
    if code == 1:
        return -law["a"] * math.log(1.0 - p)
    if code == 3:
        return law["a"] * math.pow(-math.log(1.0 - p), 1.0 / law["b"])
    if code == 5:
        # What is left lies between the two exponentials; halving finds it to the last bit that matters.
        unit = -math.log(1.0 - p)
        low, high = unit * min(law["b"], law["c"]), unit * max(law["b"], law["c"])
        for _ in range(60):
            middle = 0.5 * (low + high)
            left = law["a"] * math.exp(-middle / law["b"]) + (1.0 - law["a"]) * math.exp(-middle / law["c"])
            if left > 1.0 - p:
                low = middle
            else:
                high = middle
        return high
    return law_value(law, points, p)


@inlined
def _whole_ticks(value):
    if value < 1.0:
        return np.int64(1)
    if value > 1099511627776.0:
        return np.int64(1099511627776)
    return np.int64(value)


@inlined
def delay_at(law, points, p):
    """Return `law_quantile` in whole ticks, as `delay_ticks`."""
    return _whole_ticks(law_quantile(law, points, p))


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
