"""Statements about a family of contrasts that hold together: Holm's decisions and Bonferroni intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from sim.errors import InputError
from sim.measures.intervals import Floats, Interval, check_level

__all__ = ["Simultaneous", "holm", "holm_intervals", "p_value"]


_ROUNDING = 1e-10
"""Standard errors of less than so much of a difference are what is left of rounding."""


def p_value(interval: Interval) -> float:
    """Return the two-sided Student t p-value of "the difference is 0".

    Parameters
    ----------
    interval
        From `paired_t` or a jackknife. Without a standard error (missing, n = 1) the p-value is NaN. A difference of 0
        that does not vary has p = 1. Any other that does not vary has that of the sign test, 2^(1 - n): few pairs agree by
        chance, and no standard error of theirs says how often.

    Raises
    ------
    InputError
        The interval has bounds but no standard error: it is a bootstrap interval or one of a variance reduction.
    """
    if np.isnan(interval.standard_error):
        if np.isfinite(interval.low):
            raise InputError(f"an interval by {interval.method!r} has no t statistic; use a t or a jackknife interval.")
        return float("nan")
    if interval.standard_error <= _ROUNDING * abs(interval.difference):
        return 1.0 if interval.difference == 0.0 else float(2.0 ** (1 - interval.n))
    return float(2.0 * stdtr(interval.n - 1, -abs(interval.difference) / interval.standard_error))


def holm(p_values: ArrayLike) -> Floats:
    """Return Holm's adjusted p-values: rejecting where adjusted <= alpha, any false rejection has a chance <= alpha.

    Parameters
    ----------
    p_values
        Shape (m,), in [0, 1]. NaN is a test that could not be made: it stays NaN and does not count.

    Raises
    ------
    InputError
        A value outside [0, 1], or not one-dimensional.

    Notes
    -----
    With p_(1) <= ... <= p_(m): adjusted p_(i) = min(1, max over j <= i of (m - j + 1) p_(j)) (Holm 1979). Valid under
    any dependence between the tests.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"p-values have {values.ndim} dimensions, expected 1; pass one list.")
    made = ~np.isnan(values)
    if ((values[made] < 0.0) | (values[made] > 1.0)).any():
        span = f"{values[made].min():g} to {values[made].max():g}"
        raise InputError(f"p-values span {span}, expected [0, 1]; pass probabilities.")
    adjusted = np.full(values.size, np.nan)
    order = np.flatnonzero(made)[np.argsort(values[made], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1.0)
    return adjusted


@dataclass(frozen=True, eq=False)
class Simultaneous:
    """Statements about a family of contrasts that hold together; entry i belongs to contrast i.

    Attributes
    ----------
    intervals
        Bonferroni intervals: together they cover all differences with at least the level asked for.
    p_values, adjusted
        Pointwise p-values and Holm's adjusted ones, shape (m,); NaN where a contrast is missing.
    is_rejected
        Holm's decisions that a difference is not 0, shape (m,).
    """

    intervals: tuple[Interval, ...]
    p_values: Floats
    adjusted: Floats
    is_rejected: NDArray[np.bool_]


def holm_intervals(intervals: Sequence[Interval], level: float = 0.95) -> Simultaneous:
    """Return Bonferroni intervals and Holm decisions for a family of contrasts.

    Parameters
    ----------
    intervals
        From `paired_t` or a jackknife, of any pointwise level. Missing ones stay missing and do not count.
    level
        Confidence that all statements hold at once, in (0, 1).

    Raises
    ------
    InputError
        An interval without a t statistic, see `p_value`.

    Notes
    -----
    Intervals at the pointwise level 1 - (1 - level) / m (Bonferroni; Dunn 1961), decisions by Holm (1979) at 1 - level.
    Holm rejects at least what the Bonferroni intervals do; a decision whose interval still holds 0 says that there is a
    difference, not how large it is.
    """
    check_level(level)
    p_values = np.array([p_value(interval) for interval in intervals], dtype=np.float64)
    n_made = int(np.isfinite(p_values).sum())
    adjusted = holm(p_values)
    quantile = 1.0 - (1.0 - level) / (2.0 * max(n_made, 1))
    wide = tuple(
        interval if np.isnan(p) else _widened(interval, quantile, n_made)
        for interval, p in zip(intervals, p_values, strict=True)
    )
    return Simultaneous(wide, p_values, adjusted, adjusted <= 1.0 - level)


def _widened(interval: Interval, quantile: float, n_made: int) -> Interval:
    """Return the t interval with its half-width at another quantile."""
    half = float(stdtrit(interval.n - 1, quantile)) * interval.standard_error
    low, high = interval.difference - half, interval.difference + half
    return replace(interval, low=low, high=high, method=f"{interval.method}, Bonferroni over {n_made}")
