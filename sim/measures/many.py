"""Intervals of many rows at once, arrays rows x replicates: the vectorised twins of `intervals` and `ratios`.

`keep` says which replicates of a row are complete; the others count nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from sim.measures.blocks import Codes, Flags, any_of
from sim.measures.intervals import LEAST_REST, Floats

__all__ = ["SAYS", "Found", "mean_rows", "reduction_rows"]

# What is said of a row: a place in this list, because there are few texts and many rows.
SAYS = (
    "",
    "no complete {unit}",
    "interval missing at n = 1",
    "interval missing, one replicate holds the whole denominator",
    "one replicate holds the whole denominator",
    "variance reduction needs two complete pairs",
    "variance reduction needs two complete pairs; no complete pair",
    "the difference does not vary",
    "interval missing below n = 3",
    "interval missing, one replicate holds all that varies",
)
_FINE, _NONE, _SINGLE, _HOLDS, _HELD, _TWO, _TWO_NONE, _CONSTANT, _THREE, _ALL = range(len(SAYS))


class Found(NamedTuple):
    """Intervals of many rows, what is said of each (a place in `SAYS`), and denominators that are too small.

    `small` has one column per arm: the total where it is too small, else NaN.
    """

    estimate: Floats
    low: Floats
    high: Floats
    n: Codes
    says: Codes
    small: Floats
    minimum: float


def _student(estimate: Floats, contributions: Floats, keep: Flags, level: float) -> tuple[Floats, Floats, Codes]:
    """Return bounds and what is said: `intervals.student` of many rows."""
    n = keep.sum(axis=1)
    _, squares = _centred(contributions, keep, n)
    degrees = np.where(n > 1, n - 1.0, np.nan)
    half = stdtrit(degrees, (1.0 + level) / 2.0) * np.sqrt(squares.sum(axis=1) / degrees / np.maximum(n, 1))
    return estimate - half, estimate + half, np.select([n == 0, n == 1], [_NONE, _SINGLE], _FINE)


def _centred(values: Floats, keep: Flags, n: Codes) -> tuple[Floats, Floats]:
    """Return values less their mean, 0 where a replicate is left out, and the squares."""
    means = np.where(keep, values, 0.0).sum(axis=1) / np.maximum(n, 1)
    centred = np.where(keep, values - means[:, None], 0.0)
    return centred, centred**2


def _arms(
    keep: Flags, columns: list[Floats], is_ratio: bool, minimum: float
) -> tuple[list[Floats], list[Floats], Floats]:
    """Return each arm's estimate, its replicates' contributions to it, and the denominators that are too small."""
    n = keep.sum(axis=1)
    if not is_ratio:
        means = [np.where(n > 0, column.sum(axis=1) / np.maximum(n, 1), np.nan) for column in columns]
        return means, columns, np.full((len(n), len(columns)), np.nan)
    estimates, contributions, small = [], [], []
    for above, below in zip(columns[::2], columns[1::2], strict=True):
        total = below.sum(axis=1)
        is_small = (n > 0) & ((total < minimum) | (total <= 0.0))
        small.append(np.where(is_small, total, np.nan))
        ratio = np.where(is_small | (n == 0), np.nan, above.sum(axis=1) / total)
        rest = total[:, None] - below
        deleted = np.where(rest > 0.0, (above.sum(axis=1)[:, None] - above) / rest, np.nan)
        estimates.append(ratio)
        contributions.append(n[:, None] * ratio[:, None] - (n[:, None] - 1) * deleted)
    return estimates, contributions, np.stack(small, axis=1)


def mean_rows(keep: Flags, columns: list[Floats], is_ratio: bool, level: float, minimum: float) -> Found:
    """Return means or ratios of sums of one arm, or their differences: the t and jackknife intervals of many rows."""
    estimates, contributions, small = _arms(keep, columns, is_ratio, minimum)
    value, own = estimates[0], contributions[0]
    if len(estimates) > 1:
        own = own - contributions[1]
        # The mean of the differences, as `paired_t` has it; the difference of the two ratios.
        means = np.where(keep, own, 0.0).sum(axis=1) / np.maximum(keep.sum(axis=1), 1)
        value = value - estimates[1] if is_ratio else np.where(keep.any(axis=1), means, np.nan)
    n = keep.sum(axis=1)
    low, high, says = _student(value, own, keep, level)
    says = np.where((n > 1) & np.isnan(low), _HOLDS, says)
    return Found(value, low, high, n, says, small, minimum)


def reduction_rows(keep: Flags, columns: list[Floats], is_ratio: bool, level: float, minimum: float) -> Found:
    """Return variance reductions: `intervals.reduction_interval` of many rows."""
    _, (first, second), small = _arms(keep, columns, is_ratio, minimum)
    n = keep.sum(axis=1)
    is_holding = (n > 1) & any_of(keep & ~np.isfinite(first + second), 1)
    (a, _), (b, _) = _centred(first, keep, n), _centred(second, keep, n)
    d, s = a - b, a + b
    square_d, square_s = (d**2).sum(axis=1), (s**2).sum(axis=1)
    largest = np.where(keep, np.maximum(np.abs(first), np.abs(second)), 0.0).max(axis=1)
    rounding = 8.0 * n * np.finfo(np.float64).eps * largest
    is_constant = np.sqrt(square_d / (n - 1)) <= rounding
    is_missing = (n < 2) | is_holding | is_constant | ~np.isnan(small).all(axis=1)
    ratio = np.where(is_missing, np.nan, square_s / square_d)
    jackknife, is_alone = _jackknife(d, s, keep, n, level)
    is_opposite = square_s <= 0.0
    is_alone &= ~is_opposite
    with np.errstate(over="ignore"):
        factor = np.maximum(_morgan_pitman(d, s, n, level), np.exp(np.minimum(jackknife, 700.0)))
    factor = np.where(n < 3, np.nan, np.where(is_opposite, 1.0, np.where(is_alone, np.nan, factor)))
    low, high = (1.0 + ratio / factor) / 2.0, (1.0 + ratio * factor) / 2.0
    # Of ratios without a replicate nothing more is said than of their differences.
    none = _NONE if is_ratio else _TWO_NONE
    cases = [n == 0, is_holding, n == 1, is_constant, n == 2, is_alone]
    says = np.select(cases, [none, _HELD, _TWO, _CONSTANT, _THREE, _ALL], _FINE)
    return Found((1.0 + ratio) / 2.0, low, high, n, says, small, minimum)


def _morgan_pitman(d: Floats, s: Floats, n: Codes, level: float) -> Floats:
    """Return the factor between the ratio of variances and its bounds, as `intervals.variance_reduction` tells."""
    square_d, square_s = (d**2).sum(axis=1), (s**2).sum(axis=1)
    residuals = s - ((s * d).sum(axis=1) / square_d)[:, None] * d
    degrees = np.where(n > 2, n - 2.0, np.nan)
    excess = 2.0 * (residuals**2).sum(axis=1) / square_s * stdtrit(degrees, (1.0 + level) / 2.0) ** 2 / degrees
    return np.asarray(1.0 + excess + np.sqrt(excess * (2.0 + excess)))


def _jackknife(d: Floats, s: Floats, keep: Flags, n: Codes, level: float) -> tuple[Floats, Flags]:
    """Return the half-width of log F, and where one replicate holds all that varies."""
    shares = [x**2 / (x**2).sum(axis=1)[:, None] for x in (d, s)]
    rest_d, rest_s = (1.0 - share * (n / (n - 1))[:, None] for share in shares)
    is_alone = any_of(keep & ((rest_d <= LEAST_REST) | (rest_s <= LEAST_REST)), 1)
    deleted = np.where(keep, np.log(np.maximum(rest_s, LEAST_REST)) - np.log(np.maximum(rest_d, LEAST_REST)), 0.0)
    _, squares = _centred(deleted, keep, n)
    degrees = np.where(n > 1, n - 1.0, np.nan)
    spread = np.sqrt(squares.sum(axis=1) / degrees)
    return np.asarray(stdtrit(degrees, (1.0 + level) / 2.0) * (n - 1) * spread / np.sqrt(n)), is_alone
