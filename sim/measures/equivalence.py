"""Whether two independent groups of replicates are the same where it matters, and how their scatter compares.

A test that finds no difference shows none. Here a margin says which difference would matter, and each comparison ends as

- ``equivalent``: that the difference reaches the margin is refuted (two one-sided tests, Schuirmann 1987);
- ``different``: that it lies within the margin is refuted;
- ``undecided``: neither, mostly because the interval straddles the margin;
- ``missing``: a side has no estimate or no standard error.

At most one of the first two can be false of a true difference, so that a family of m comparisons with `alpha` = 0.05 / m
holds no false verdict with a probability of at least 0.95 (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtri, fdtr, fdtrc, fdtri, stdtr, stdtrit

from sim.errors import InputError
from sim.measures.intervals import Interval, check_level, joined, missing

__all__ = ["Comparison", "Verdict", "equivalence", "replicates_needed", "spread", "spread_ratio"]

Verdict = Literal["equivalent", "different", "undecided", "missing"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two groups compared, with a verdict.

    Attributes
    ----------
    estimate
        A difference a - b, or a ratio of standard deviations divided by the one expected; NaN when missing.
    low, high
        Interval of level 1 - 2 `alpha`: within the margin just where the verdict is ``equivalent``.
    p_equivalent, p_different
        P-values of the two tests; the verdict is that whose p-value is at most `alpha`.
    verdict
        See the top of this file.
    reason
        Why it is missing; empty otherwise.
    """

    estimate: float
    low: float
    high: float
    p_equivalent: float
    p_different: float
    verdict: Verdict
    reason: str = ""


def equivalence(a: Interval, b: Interval, margin: float, alpha: float = 0.05) -> Comparison:
    """Return whether a - b is within a margin, for independent groups with variances of their own.

    Parameters
    ----------
    a, b
        From `mean_t`, `paired_t` or a jackknife, of any level, of different replicates: the groups share no dice.
    margin
        Largest difference that does not matter, in the unit of a and b, > 0.
    alpha
        Chance of a false verdict, in (0, 1/2).

    Raises
    ------
    InputError
        Margin or alpha out of range.

    Notes
    -----
    With d = a - b, e^2 = e_a^2 + e_b^2 and Welch's degrees of freedom e^4 / (e_a^4 / (n_a - 1) + e_b^4 / (n_b - 1))
    (Welch 1947): equivalent where both t tests, of a - b <= -margin and of a - b >= margin, reject at alpha
    (Schuirmann 1987), which is where d +- t_{1-alpha} e lies within (-margin, margin). Different where one of the t
    tests of a - b <= margin and of a - b >= -margin rejects at alpha / 2. Approximate, as Welch's t is.
    """
    _check(alpha)
    if not (math.isfinite(margin) and margin > 0.0):
        raise InputError(
            f"margin is {margin}, expected a positive number; give the largest difference without meaning."
        )
    if absent := _absent(a, b):
        return _missing(absent)
    difference = a.estimate - b.estimate
    squares = a.standard_error**2, b.standard_error**2
    error = math.sqrt(sum(squares))
    if error == 0.0:
        is_equivalent, is_different = abs(difference) < margin, abs(difference) > margin
        return _decided(difference, difference, difference, float(not is_equivalent), float(not is_different), alpha)
    degrees = sum(squares) ** 2 / (squares[0] ** 2 / (a.n - 1) + squares[1] ** 2 / (b.n - 1))
    half = float(stdtrit(degrees, 1.0 - alpha)) * error
    beyond = (abs(difference) - margin) / error
    p_equivalent, p_different = float(stdtr(degrees, beyond)), min(1.0, 2.0 * float(stdtr(degrees, -beyond)))
    return _decided(difference, difference - half, difference + half, p_equivalent, p_different, alpha)


def spread(interval: Interval, level: float = 0.95) -> Interval:
    """Return the standard deviation between replicates with its interval.

    Parameters
    ----------
    interval
        From `mean_t`, `paired_t` or a jackknife; of a ratio of sums it is the standard deviation of the pseudo-values.
    level
        Confidence level in (0, 1).

    Notes
    -----
    s sqrt((n - 1) / chi2_{n-1}) at the two quantiles. Exact for normal replicates; too short for heavier tails.
    """
    check_level(level)
    method = "chi-square"
    if absent := _absent(interval):
        return missing(method, absent, interval.n)
    sd, degrees = interval.standard_error * math.sqrt(interval.n), interval.n - 1
    low, high = (sd * math.sqrt(degrees / float(chdtri(degrees, p))) for p in ((1 - level) / 2, (1 + level) / 2))
    return Interval(sd, low, high, interval.n, method)


def spread_ratio(
    a: Interval, b: Interval, expected: float = 1.0, factor: float = 2.0, alpha: float = 0.05
) -> Comparison:
    """Return whether s_a / s_b, the ratio of the standard deviations between replicates, is about as expected.

    Parameters
    ----------
    a, b
        As in `equivalence`.
    expected
        What s_a / s_b is compared with, > 0; `estimate` and bounds are (s_a / s_b) / expected.
    factor
        Largest factor up or down that does not matter, > 1.
    alpha
        Chance of a false verdict, in (0, 1/2).

    Raises
    ------
    InputError
        An argument out of range.

    Notes
    -----
    (s_a^2 / s_b^2) / (sigma_a^2 / sigma_b^2) is F with n_a - 1 and n_b - 1 degrees of freedom for normal replicates; the
    tests are those of `equivalence`, with F tests of the bounds 1 / factor and factor. Sensitive to heavier tails.
    """
    _check(alpha)
    if not (math.isfinite(expected) and expected > 0.0 and math.isfinite(factor) and factor > 1.0):
        raise InputError(f"expected is {expected} and factor {factor}, expected a positive number and one above 1.")
    if absent := _absent(a, b):
        return _missing(absent)
    if a.standard_error == 0.0 or b.standard_error == 0.0:
        return _missing("replicates do not vary")
    n, m = a.n - 1, b.n - 1
    ratio = a.standard_error * math.sqrt(a.n) / (b.standard_error * math.sqrt(b.n)) / expected
    low = ratio / math.sqrt(float(fdtri(n, m, 1.0 - alpha)))
    high = ratio * math.sqrt(float(fdtri(m, n, 1.0 - alpha)))
    p_equivalent = max(float(fdtrc(n, m, (ratio * factor) ** 2)), float(fdtr(n, m, (ratio / factor) ** 2)))
    beyond = min(float(fdtrc(n, m, (ratio / factor) ** 2)), float(fdtr(n, m, (ratio * factor) ** 2)))
    return _decided(ratio, low, high, p_equivalent, min(1.0, 2.0 * beyond), alpha)


def replicates_needed(deviation: float, half_width: float, level: float = 0.95) -> int:
    """Return the least number of replicates, at least 2, whose t interval is expected to be no wider than wanted.

    Parameters
    ----------
    deviation
        Standard deviation between replicates, >= 0.
    half_width
        Half of the width wanted, in the same unit, > 0.
    level
        Confidence level in (0, 1).

    Raises
    ------
    InputError
        An argument out of range.

    Notes
    -----
    The least n with t_{n-1, (1+level)/2} deviation / sqrt(n) <= half_width (Law 2015, section 9.4.1).
    """
    check_level(level)
    if not (math.isfinite(deviation) and deviation >= 0.0 and half_width > 0.0):
        raise InputError(f"deviation is {deviation} and half_width {half_width}, expected >= 0 and > 0.")

    def suffices(n: int) -> bool:
        return float(stdtrit(n - 1, (1.0 + level) / 2.0)) * deviation <= half_width * math.sqrt(n)

    enough = 2
    while not suffices(enough):
        enough *= 2
    fewer = enough // 2
    while enough - fewer > 1:
        middle = (enough + fewer) // 2
        enough, fewer = (middle, fewer) if suffices(middle) else (enough, middle)
    return enough


def _check(alpha: float) -> None:
    """Raise InputError unless alpha is the chance of an error."""
    if not 0.0 < alpha < 0.5:
        raise InputError(f"alpha is {alpha}, expected a chance between 0 and 1/2 such as 0.05; give a share.")


def _absent(*groups: Interval) -> str:
    """Return why a group cannot be compared, or an empty string."""
    lacks = [group for group in groups if not math.isfinite(group.standard_error)]
    return joined(*dict.fromkeys(group.reason or "no standard error" for group in lacks))


def _missing(reason: str) -> Comparison:
    return Comparison(np.nan, np.nan, np.nan, np.nan, np.nan, "missing", reason)


def _decided(
    estimate: float, low: float, high: float, p_equivalent: float, p_different: float, alpha: float
) -> Comparison:
    verdict: Verdict = "undecided"
    if p_equivalent <= alpha:
        verdict = "equivalent"
    elif p_different <= alpha:
        verdict = "different"
    return Comparison(estimate, low, high, p_equivalent, p_different, verdict)
