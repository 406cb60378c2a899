"""Intervals from replicates: means, paired differences, bands of curves, and the variance reduction by pairing.

Arrays are one-dimensional with one entry per replicate; entry i of every argument belongs to replicate i, so that
pairing is by position. A value that is missing (NaN or infinite) in any argument makes the whole pair missing: it is
left out, `n` counts the complete pairs, and `reason` says how many are gone. All intervals are two-sided and
pointwise. Nothing here is random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from sim.errors import InputError

__all__ = [
    "LEAST_REST",
    "REDUCTION",
    "Band",
    "Floats",
    "Interval",
    "check_level",
    "complete",
    "joined",
    "mean_t",
    "missing",
    "paired_t",
    "pointwise_band",
    "reduction_interval",
    "student",
    "variance_reduction",
]

Floats = NDArray[np.float64]

REDUCTION = "Morgan-Pitman or jackknife"
"""Method of the interval of a variance reduction: the wider of the two."""
LEAST_REST = 1e-6
"""Share of a sum of squares below which the jackknife is refused: one replicate holds nearly all of it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided interval.

    Attributes
    ----------
    difference
        The estimate: a difference for a contrast, a mean, a ratio or a variance reduction otherwise; NaN when missing.
    low, high
        Bounds, low <= high, in the unit of `difference`; NaN when missing.
    n
        Complete replicates (or pairs) used.
    method
        How the bounds were computed.
    reason
        Why something is missing; empty when nothing is.
    standard_error
        Standard error of `difference` where the bounds are Student t with n - 1 degrees of freedom; NaN otherwise.
    """

    difference: float
    low: float
    high: float
    n: int
    method: str
    reason: str = ""
    standard_error: float = float("nan")

    @property
    def estimate(self) -> float:
        """Return `difference` under the name that suits a mean or a ratio."""
        return self.difference


class Band(NamedTuple):
    """Pointwise mean, low and high of a set of curves, one entry per time."""

    mean: Floats
    low: Floats
    high: Floats


def check_level(level: float) -> None:
    """Raise InputError unless the confidence level lies strictly between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise InputError(f"level is {level}, expected a confidence level between 0 and 1 such as 0.95; give a share.")


def joined(*reasons: str) -> str:
    """Return the reasons that are not empty, separated by semicolons."""
    return "; ".join(reason for reason in reasons if reason)


def complete(unit: str, *columns: ArrayLike) -> tuple[list[Floats], str]:
    """Return the columns without the replicates that miss a value in any of them, and a sentence on what was left out.

    Parameters
    ----------
    unit
        What one replicate is called in the sentence: ``pair`` or ``replicate``.
    columns
        Arrays of shape (replicates,).

    Raises
    ------
    InputError
        An argument is not one-dimensional, or lengths differ.
    """
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    shapes = [array.shape for array in arrays]
    if any(len(shape) != 1 or shape != shapes[0] for shape in shapes):
        raise InputError(f"replicates have shapes {shapes}, expected one dimension and equal lengths; align them.")
    keep = np.all([np.isfinite(array) for array in arrays], axis=0)
    n, total = int(keep.sum()), keep.size
    reason = "" if n == total else f"{total - n} of {total} {unit}s missing"
    if n == 0:
        reason = joined(f"no complete {unit}", reason)
    return [array[keep] for array in arrays], reason


def student(estimate: float, contributions: Floats, level: float, method: str, reason: str) -> Interval:
    """Return estimate +- t * s / sqrt(n), s being the standard deviation of the replicates' contributions."""
    n = contributions.size
    if n < 2:
        return Interval(estimate, np.nan, np.nan, n, method, joined("interval missing at n = 1", reason))
    error = float(contributions.std(ddof=1) / np.sqrt(n))
    half = float(stdtrit(n - 1, (1.0 + level) / 2.0)) * error
    return Interval(estimate, estimate - half, estimate + half, n, method, reason, error)


def mean_t(values: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean over replicates with its Student t interval.

    Parameters
    ----------
    values
        One value per replicate, any unit, shape (n,). Missing values are left out and counted in `reason`.
    level
        Confidence level in (0, 1).

    Notes
    -----
    mean +- t_{n-1, (1+level)/2} s / sqrt(n) (Student 1908). n = 1 gives the mean without bounds.
    """
    check_level(level)
    (kept,), reason = complete("replicate", values)
    if not kept.size:
        return missing("t", reason)
    return student(float(kept.mean()), kept, level, "t", reason)


def paired_t(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean of a - b over paired replicates with its Student t interval.

    Parameters
    ----------
    a, b
        One value per replicate of either arm, same unit, shape (n,). A value missing in either makes the pair missing.
    level
        Confidence level in (0, 1).

    Notes
    -----
    With d_i = a_i - b_i: mean(d) +- t_{n-1, (1+level)/2} s_d / sqrt(n) (Student 1908; Law 2015, section 10.2.1). Exact
    for normal differences. n = 1 gives the difference without bounds.
    """
    check_level(level)
    (first, second), reason = complete("pair", a, b)
    if not first.size:
        return missing("paired t", reason)
    differences = first - second
    return student(float(differences.mean()), differences, level, "paired t", reason)


def missing(method: str, reason: str, n: int = 0) -> Interval:
    """Return a missing estimate with its reason."""
    return Interval(np.nan, np.nan, np.nan, n, method, reason)


def variance_reduction(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """Return (s2_a + s2_b) / s2_(a-b), how many times pairing shrank the variance, with its interval.

    Parameters
    ----------
    a, b
        One value per replicate of either arm, shape (n,). A value missing in either arm makes the pair missing.
    level
        Confidence level in (0, 1).

    Returns
    -------
    Interval
        Without unit, >= 1/2; 1 means that pairing bought nothing, 4 that it is worth four times the replicates.
        Missing for n < 2 or a difference that does not vary (standard deviation within rounding error); bounds
        missing for n = 2, and where the difference, or the sum, varies in one replicate only.

    Notes
    -----
    With D = a - b and S = a + b, s2_a + s2_b = (s2_D + s2_S) / 2, so that the variance reduction is (1 +
    F) / 2 with F = s2_S / s2_D: increasing in a ratio of two variances. Its bounds are, on either side, the wider of
    two. For bivariate normal pairs, S and D are bivariate normal, and the exact interval of their variance ratio
    inverts the test of Morgan (1939) and Pitman (1939): S + c D and S - c D are uncorrelated just where c^2 =
    sigma2_S / sigma2_D. With r the correlation of S and D and t = t_{n-2, (1+level)/2}:

        K = 1 + 2 (1 - r^2) t^2 / (n - 2),    F / (K + sqrt(K^2 - 1)) <= sigma2_S / sigma2_D <= F (K + sqrt(K^2 - 1)).

    It is too short for pairs with heavier tails, for which log F +- t_{n-1} s_p / sqrt(n) with the pseudo-values p of
    log F holds in the limit (Miller 1968). Measured at level 0.95 and n = 8, 16 and 32: the wider one covers 0.96 to
    0.98 of normal pairs and 0.94 to 0.97 of gamma, t_5 and log-normal pairs (sigma 0.5), the first alone 0.84 to 0.93 of
    these; of log-normal pairs with sigma 1 they cover 0.90 to 0.96 and 0.68 to 0.86.
    """
    check_level(level)
    (first, second), reason = complete("pair", a, b)
    return reduction_interval(first, second, level, REDUCTION, reason)


def reduction_interval(first: Floats, second: Floats, level: float, method: str, reason: str) -> Interval:
    """Return the variance reduction of complete pairs; the formula is in `variance_reduction`."""
    n = first.size
    if n < 2:
        return missing(method, joined("variance reduction needs two complete pairs", reason), n)
    rounding = 8.0 * n * np.finfo(np.float64).eps * max(np.abs(first).max(), np.abs(second).max())
    a, b = first - first.mean(), second - second.mean()
    differences, sums = a - b, a + b
    square_d, square_s = float(differences @ differences), float(sums @ sums)
    if np.sqrt(square_d / (n - 1)) <= rounding:
        return missing(method, joined("the difference does not vary", reason), n)
    ratio = square_s / square_d
    estimate = (1.0 + ratio) / 2.0
    if n < 3:
        return Interval(estimate, np.nan, np.nan, n, method, joined("interval missing below n = 3", reason))
    if square_s <= 0.0:
        return Interval(estimate, estimate, estimate, n, method, reason)
    rest_d, rest_s = square_d - differences**2 * n / (n - 1), square_s - sums**2 * n / (n - 1)
    if (rest_d <= LEAST_REST * square_d).any() or (rest_s <= LEAST_REST * square_s).any():
        told = "interval missing, one replicate holds all that varies"
        return Interval(estimate, np.nan, np.nan, n, method, joined(told, reason))
    residuals = sums - float(sums @ differences) / square_d * differences
    unexplained = float(residuals @ residuals) / square_s  # 1 - r^2, without cancellation
    excess = 2.0 * unexplained * float(stdtrit(n - 2, (1.0 + level) / 2.0)) ** 2 / (n - 2)
    deleted = np.log(rest_s) - np.log(rest_d)
    jackknife = float(stdtrit(n - 1, (1.0 + level) / 2.0) * (n - 1) * deleted.std(ddof=1) / np.sqrt(n))
    factor = max(1.0 + excess + math.sqrt(excess * (2.0 + excess)), math.exp(min(jackknife, 700.0)))
    return Interval(estimate, (1.0 + ratio / factor) / 2.0, (1.0 + ratio * factor) / 2.0, n, method, reason)


def pointwise_band(matrix: ArrayLike, level: float = 0.95) -> Band:
    """Return the mean of a set of curves at each time, with the Student t interval of each mean.

    Parameters
    ----------
    matrix
        Shape (replicates, times), any unit. Missing entries are left out at their time only.
    level
        Confidence level in (0, 1) at each time by itself; the whole curve lies inside less often.

    Returns
    -------
    Band
        Three arrays of shape (times,), in the unit of `matrix`. Bounds are NaN where fewer than two replicates have a
        value, the mean where none has.

    Raises
    ------
    InputError
        `matrix` is not two-dimensional.

    Notes
    -----
    As in `mean_t`, column by column (Student 1908).
    """
    check_level(level)
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"matrix has {values.ndim} dimensions, expected 2 (replicates, times); stack curves as rows.")
    present = np.isfinite(values)
    n = present.sum(axis=0)
    mean = np.where(present, values, 0.0).sum(axis=0) / np.where(n > 0, n, np.nan)
    squares = (np.where(present, values - mean, 0.0) ** 2).sum(axis=0)
    degrees = np.where(n > 1, n - 1.0, np.nan)
    half = stdtrit(degrees, (1.0 + level) / 2.0) * np.sqrt(squares / degrees / np.where(n > 0, n, 1))
    return Band(mean, mean - half, mean + half)
