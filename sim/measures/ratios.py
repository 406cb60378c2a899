"""Ratios of sums over replicates, their paired differences and variance reductions, all by the delete-one jackknife.

Conventions as in `sim.measures.intervals`: entry i of every array belongs to replicate i.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError
from sim.measures.intervals import (
    REDUCTION,
    Floats,
    Interval,
    check_level,
    complete,
    joined,
    missing,
    reduction_interval,
    student,
)

__all__ = ["MIN_DENOMINATOR", "paired_ratio_jackknife", "ratio_jackknife", "ratio_variance_reduction"]

MIN_DENOMINATOR = 30.0
"""Simulated posts (not scaled by the weight) that a ratio's denominator must hold in total to be reported."""


def _check_denominators(denominators: Floats, minimum: float, name: str) -> str:
    """Return why a ratio over these denominators is missing, or an empty string.

    Raises InputError if a count is negative.
    """
    if denominators.size and denominators.min() < 0.0:
        least = f"{denominators.min():g}"
        raise InputError(f"a denominator of {name} is {least}, expected counts of 0 or more; pass raw counts.")
    total = float(denominators.sum())
    if total < minimum or total <= 0.0:
        return f"denominator of {name} is {total:g} posts over {denominators.size} replicates, below {minimum:g}"
    return ""


def _ratio(numerators: Floats, denominators: Floats) -> tuple[float, Floats]:
    """Return the ratio of sums and its delete-one ratios (NaN where the others hold no denominator), shape (n,)."""
    rest_above, rest_below = numerators.sum() - numerators, denominators.sum() - denominators
    deleted = np.full(numerators.size, np.nan)
    np.divide(rest_above, rest_below, out=deleted, where=rest_below > 0.0)
    return float(numerators.sum() / denominators.sum()), deleted


def _pseudo_values(ratio: float, deleted: Floats) -> Floats:
    """Return Tukey's pseudo-values n R - (n - 1) R_(-i), shape (n,)."""
    n = deleted.size
    return n * ratio - (n - 1) * deleted


def _jackknife(estimate: float, pseudo_values: Floats, level: float, method: str, reason: str) -> Interval:
    """Return the t interval of the pseudo-values around the estimate, if there is one for each."""
    if pseudo_values.size > 1 and not np.isfinite(pseudo_values).all():
        reason = joined("interval missing, one replicate holds the whole denominator", reason)
        return Interval(estimate, np.nan, np.nan, pseudo_values.size, method, reason)
    return student(estimate, pseudo_values, level, method, reason)


def ratio_jackknife(
    numerators: ArrayLike,
    denominators: ArrayLike,
    level: float = 0.95,
    *,
    min_denominator: float = MIN_DENOMINATOR,
    name: str = "the ratio",
) -> Interval:
    """Return the ratio of sums over replicates with its delete-one jackknife interval.

    Parameters
    ----------
    numerators
        One number per replicate, shape (n,), any sign, in such a unit that sum / sum is the ratio wanted (where a
        rate per hour or a difference from 1 is wanted, change the numerator and leave the denominator a count).
    denominators
        Counts of simulated posts per replicate, not scaled by the weight, shape (n,), >= 0.
    level
        Confidence level in (0, 1).
    min_denominator
        A total denominator below this (and a total of 0 in any case) gives a missing value with its reason.
    name
        Whose ratio it is, for the reason.

    Raises
    ------
    InputError
        A negative denominator, or lengths that differ.

    Notes
    -----
    R = sum N / sum D; pseudo-values p_i = n R - (n - 1) R_(-i); R +- t_{n-1} s_p / sqrt(n) (Tukey 1958; Miller 1974,
    sections 1-2). The centre is R itself, not the mean of the pseudo-values. Equal denominators give the t interval of
    the mean exactly; otherwise the coverage is right up to terms of order 1/n.
    """
    check_level(level)
    method = "jackknife ratio of sums"
    (above, below), reason = complete("replicate", numerators, denominators)
    if not below.size:
        return missing(method, reason)
    if refusal := _check_denominators(below, min_denominator, name):
        return missing(method, joined(refusal, reason), below.size)
    ratio, deleted = _ratio(above, below)
    return _jackknife(ratio, _pseudo_values(ratio, deleted), level, method, reason)


class _Ratios(NamedTuple):
    """Two arms' ratios of sums and pseudo-values over the complete pairs, or why they are missing."""

    a: float
    b: float
    pseudo_a: Floats
    pseudo_b: Floats
    is_missing: bool
    reason: str


def _two_ratios(columns: Sequence[ArrayLike], level: float, min_denominator: float, names: tuple[str, str]) -> _Ratios:
    """Return both arms' ratios and pseudo-values from (num_a, den_a, num_b, den_b)."""
    check_level(level)
    (num_a, den_a, num_b, den_b), reason = complete("pair", *columns)
    if not num_a.size:
        return _Ratios(np.nan, np.nan, num_a, num_b, True, reason)
    checks = [_check_denominators(den, min_denominator, name) for den, name in zip((den_a, den_b), names, strict=True)]
    if any(checks):
        return _Ratios(np.nan, np.nan, num_a, num_b, True, joined(*checks, reason))
    ratio_a, deleted_a = _ratio(num_a, den_a)
    ratio_b, deleted_b = _ratio(num_b, den_b)
    return _Ratios(
        ratio_a, ratio_b, _pseudo_values(ratio_a, deleted_a), _pseudo_values(ratio_b, deleted_b), False, reason
    )


def paired_ratio_jackknife(
    num_a: ArrayLike,
    den_a: ArrayLike,
    num_b: ArrayLike,
    den_b: ArrayLike,
    level: float = 0.95,
    *,
    min_denominator: float = MIN_DENOMINATOR,
    names: tuple[str, str] = ("a", "b"),
) -> Interval:
    """Return R_a - R_b, the difference of two ratios of sums, jackknifed jointly by replicate: the pairing is kept.

    Parameters
    ----------
    num_a, den_a, num_b, den_b
        As in `ratio_jackknife`, shape (n,), replicate i of both arms at position i. A value missing in any of the four
        makes the pair missing.
    level
        Confidence level in (0, 1).
    min_denominator
        Each arm's total denominator must reach it, else the difference is missing with its reason.
    names
        What the reason calls the two arms.

    Raises
    ------
    InputError
        A negative denominator, or lengths that differ.

    Notes
    -----
    Pseudo-values p_i = p_{a,i} - p_{b,i} of the two ratios; (R_a - R_b) +- t_{n-1} s_p / sqrt(n) (Tukey 1958; Miller
    1974): replicate i is deleted from both arms at once.
    """
    ratios = _two_ratios((num_a, den_a, num_b, den_b), level, min_denominator, names)
    if ratios.is_missing:
        return missing("jackknife ratio of sums", ratios.reason, ratios.pseudo_a.size)
    pseudo_values = ratios.pseudo_a - ratios.pseudo_b
    return _jackknife(ratios.a - ratios.b, pseudo_values, level, "jackknife ratio of sums", ratios.reason)


def ratio_variance_reduction(
    num_a: ArrayLike,
    den_a: ArrayLike,
    num_b: ArrayLike,
    den_b: ArrayLike,
    level: float = 0.95,
    *,
    min_denominator: float = MIN_DENOMINATOR,
    names: tuple[str, str] = ("a", "b"),
) -> Interval:
    """Return the variance reduction of a difference of two ratios of sums: `variance_reduction` of the pseudo-values.

    Parameters
    ----------
    num_a, den_a, num_b, den_b, level, min_denominator, names
        As in `paired_ratio_jackknife`; missing where that is.

    Notes
    -----
    The pseudo-values p_i = n R - (n - 1) R_(-i) behave like independent values whose mean has the ratio's
    variance (Tukey 1958), so that (s2_{p_a} + s2_{p_b}) / s2_{p_a - p_b} compares the jackknife variances of the
    unpaired and the paired difference. The interval is exact only in the limit of many replicates.
    """
    ratios = _two_ratios((num_a, den_a, num_b, den_b), level, min_denominator, names)
    method = f"{REDUCTION} of pseudo-values"
    if ratios.is_missing:
        return missing(method, ratios.reason, ratios.pseudo_a.size)
    if ratios.pseudo_a.size > 1 and not np.isfinite(ratios.pseudo_a + ratios.pseudo_b).all():
        reason = joined("one replicate holds the whole denominator", ratios.reason)
        return missing(method, reason, ratios.pseudo_a.size)
    return reduction_interval(ratios.pseudo_a, ratios.pseudo_b, level, method, ratios.reason)
