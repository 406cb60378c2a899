"""Paired bootstrap intervals, offered from 30 complete pairs on.

Conventions as in `sim.measures.intervals`: entry i of every array belongs to replicate i; whole replicates are
resampled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from sim.errors import InputError
from sim.measures.intervals import Floats, Interval, check_level, complete, joined
from sim.measures.ratios import MIN_DENOMINATOR, paired_ratio_jackknife

__all__ = ["MIN_BOOTSTRAP", "bootstrap", "bootstrap_ratio"]

MIN_BOOTSTRAP = 30
"""Complete pairs below which the bootstrap is refused."""

BootstrapKind = Literal["bca", "percentile"]


def bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    *,
    kind: BootstrapKind = "bca",
    n_resamples: int = 9999,
) -> Interval:
    """Return the mean of a - b with its paired bootstrap interval: whole pairs are drawn with replacement.

    Parameters
    ----------
    a, b
        One value per replicate of either arm, same unit, shape (n,). A value missing in either makes the pair missing.
    rng
        Seeded generator; the interval depends on its state.
    level
        Confidence level in (0, 1).
    kind
        ``bca`` (bias-corrected and accelerated) or ``percentile``.
    n_resamples
        Bootstrap samples, at least 100.

    Raises
    ------
    InputError
        Fewer than 30 complete pairs, or an argument out of range.

    Notes
    -----
    Percentile: the (1 -+ level) / 2 quantiles of the resampled means. BCa shifts them by the bias correction z0 and the
    acceleration of the delete-one values (Efron 1987; Efron and Tibshirani 1993, equations 14.9 to 14.15).
    """
    (first, second), reason = complete("pair", a, b)
    columns = np.column_stack([first - second, np.ones(first.size)])
    return _bootstrap(columns, lambda sums: sums[:, 0] / sums[:, 1], rng, level, kind, n_resamples, reason)


def bootstrap_ratio(
    num_a: ArrayLike,
    den_a: ArrayLike,
    num_b: ArrayLike,
    den_b: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    *,
    kind: BootstrapKind = "bca",
    n_resamples: int = 9999,
    min_denominator: float = MIN_DENOMINATOR,
    names: tuple[str, str] = ("a", "b"),
) -> Interval:
    """Return the difference of two ratios of sums with its paired bootstrap interval.

    Parameters
    ----------
    num_a, den_a, num_b, den_b, min_denominator, names
        As in `paired_ratio_jackknife`; the difference is missing where that is.
    rng, level, kind, n_resamples
        As in `bootstrap`, and refused where that is.

    Notes
    -----
    As in `bootstrap`, with both ratios computed again from every sample of replicates.
    """
    point = paired_ratio_jackknife(num_a, den_a, num_b, den_b, level, min_denominator=min_denominator, names=names)
    if np.isnan(point.difference):
        return replace(point, method=f"bootstrap {kind}")
    columns, reason = complete("pair", num_a, den_a, num_b, den_b)
    return _bootstrap(np.column_stack(columns), _ratio_difference, rng, level, kind, n_resamples, reason)


def _ratio_difference(sums: Floats) -> Floats:
    """Return R_a - R_b of rows (num_a, den_a, num_b, den_b), NaN where a denominator is 0."""
    ratios = np.full((len(sums), 2), np.nan)
    np.divide(sums[:, 0::2], sums[:, 1::2], out=ratios, where=sums[:, 1::2] > 0.0)
    return np.asarray(ratios[:, 0] - ratios[:, 1])


def _bootstrap(
    columns: Floats,
    statistic: Callable[[Floats], Floats],
    rng: np.random.Generator,
    level: float,
    kind: str,
    n_resamples: int,
    reason: str,
) -> Interval:
    """Return the bootstrap interval of a statistic of column sums; `columns` has shape (n, k), sums (m, k)."""
    check_level(level)
    n = len(columns)
    if n < MIN_BOOTSTRAP:
        raise InputError(
            f"the bootstrap got {n} complete pairs, expected at least {MIN_BOOTSTRAP}; use the t interval."
        )
    if kind not in ("bca", "percentile"):
        raise InputError(f"kind of bootstrap is {kind!r}, expected bca or percentile; choose one.")
    if n_resamples < 100:
        raise InputError(f"n_resamples is {n_resamples}, expected at least 100; 9999 is usual.")
    method = f"bootstrap {kind}"
    totals = columns.sum(axis=0)
    estimate = float(statistic(totals[None, :])[0])
    times_drawn = rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples)
    resampled = statistic(times_drawn @ columns)
    deleted = statistic(totals - columns)
    if not (np.isfinite(resampled).all() and np.isfinite(deleted).all()):
        reason = joined("interval missing, too few replicates hold a denominator", reason)
        return Interval(estimate, np.nan, np.nan, n, method, reason)
    quantiles = np.array([(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    if kind == "bca":
        quantiles = _bca_quantiles(quantiles, estimate, resampled, deleted)
    low, high = np.quantile(resampled, quantiles)
    return Interval(estimate, float(low), float(high), n, method, reason)


def _bca_quantiles(quantiles: Floats, estimate: float, resampled: Floats, deleted: Floats) -> Floats:
    """Return the quantiles shifted by bias and acceleration (Efron and Tibshirani 1993, equations 14.9 to 14.15)."""
    is_tie = np.abs(resampled - estimate) <= 1e-10 * np.ptp(resampled)  # counts tie often, and only up to rounding
    below = float(np.mean((resampled < estimate) & ~is_tie) + np.mean(is_tie) / 2.0)
    at_least = 0.5 / len(resampled)
    bias = float(ndtri(min(max(below, at_least), 1.0 - at_least)))
    influence = deleted.mean() - deleted
    spread = float(influence @ influence)
    acceleration = float((influence**3).sum()) / (6.0 * spread**1.5) if spread > 0.0 else 0.0
    shifted = bias + ndtri(quantiles)
    return np.asarray(ndtr(bias + shifted / (1.0 - acceleration * shifted)), dtype=np.float64)
