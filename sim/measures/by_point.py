"""Contrasts and summaries of many design points at once: the tables of `contrast`, computed on arrays over all points.

A long frame of outcomes as in `sim.measures.contrast` has a column ``point`` beside the others. What comes back is
what `contrast_table`, `variance_reduction_table` and `summary_table` give for each point by itself, one point below
the other; those are the obvious twins of what is here, and the tests compare them. Memory beyond the frame and the
table does not grow with the number of points: they are taken in blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sim.errors import InputError
from sim.measures.blocks import Block, Codes, Flags, Long, any_of
from sim.measures.contrast import CONTRAST_COLUMNS, REDUCTION_COLUMNS, SUMMARY_COLUMNS
from sim.measures.intervals import Floats, check_level, joined
from sim.measures.ratios import MIN_DENOMINATOR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contrasts_by_point", "reductions_by_point", "summaries_by_point"]

_NUMBERS = ("difference", "estimate", "variance_reduction", "low", "high")
_RATIO = "jackknife ratio of sums"
# What is said of a row: a place in this list, because there are few texts and many rows.
_SAYS = (
    "",
    "no complete {unit}",
    "interval missing at n = 1",
    "interval missing, one replicate holds the whole denominator",
    "one replicate holds the whole denominator",
    "variance reduction needs two complete pairs",
    "variance reduction needs two complete pairs; no complete pair",
    "the difference does not vary",
    "interval missing below n = 3",
)
_FINE, _NONE, _SINGLE, _HOLDS, _HELD, _TWO, _TWO_NONE, _CONSTANT, _THREE = range(len(_SAYS))


def contrasts_by_point(
    outcomes: pd.DataFrame,
    baseline: str,
    *,
    level: float = 0.95,
    min_denominator: float = MIN_DENOMINATOR,
    conditional: bool = False,
) -> pd.DataFrame:
    """Return the paired differences of all arms to the baseline at every design point.

    Parameters
    ----------
    outcomes
        Long frame as in `contrast_table`, with a column ``point``; rows of a point need not lie together.
    baseline
        Arm that is subtracted. A point that lacks it has no contrasts.
    level, min_denominator, conditional
        As in `contrast_table`.

    Returns
    -------
    DataFrame
        ``point`` and the columns of `contrast_table`: its rows for each point, points in the order of the frame.

    Raises
    ------
    InputError
        As in `contrast_table`; an unknown arm is one that no point has.
    """
    difference = partial(_mean, level=level, minimum=min_denominator)
    reduction = partial(_reduction, level=level, minimum=min_denominator)

    def columns(long: Long, block: Block) -> dict[str, Any]:
        rows = _pairs(long, block, baseline)
        found = _apply(rows, difference, ("paired t", _RATIO), "pair", conditional)
        reduced = _apply(rows, reduction, ("", ""), "pair", conditional)
        return {**found, "difference": found["estimate"], "variance_reduction": reduced["estimate"], **rows.names()}

    return _table(outcomes, columns, CONTRAST_COLUMNS, level, baseline)


def reductions_by_point(
    outcomes: pd.DataFrame,
    baseline: str,
    *,
    level: float = 0.95,
    min_denominator: float = MIN_DENOMINATOR,
    conditional: bool = False,
) -> pd.DataFrame:
    """Return the variance reductions of all contrasts at every design point, with their intervals.

    Parameters
    ----------
    outcomes, baseline, level, min_denominator, conditional
        As in `contrasts_by_point`, and refused where that is.

    Returns
    -------
    DataFrame
        ``point`` and the columns of `variance_reduction_table`, rows as in `contrasts_by_point`.
    """
    reduction = partial(_reduction, level=level, minimum=min_denominator)

    def columns(long: Long, block: Block) -> dict[str, Any]:
        rows = _pairs(long, block, baseline)
        methods = ("Morgan-Pitman", "Morgan-Pitman of pseudo-values")
        found = _apply(rows, reduction, methods, "pair", conditional)
        return {**found, "variance_reduction": found["estimate"], **rows.names()}

    return _table(outcomes, columns, REDUCTION_COLUMNS, level, baseline)


def summaries_by_point(
    outcomes: pd.DataFrame,
    *,
    level: float = 0.95,
    min_denominator: float = MIN_DENOMINATOR,
    conditional: bool = False,
) -> pd.DataFrame:
    """Return every outcome of every arm at every design point, with its unpaired interval.

    Parameters
    ----------
    outcomes, level, min_denominator, conditional
        As in `contrasts_by_point`, and refused where that is.

    Returns
    -------
    DataFrame
        ``point`` and the columns of `summary_table`: its rows for each point, points in the order of the frame.
    """
    estimate = partial(_mean, level=level, minimum=min_denominator)

    def columns(long: Long, block: Block) -> dict[str, Any]:
        rows = _Rows(long, block, *block.ordered(any_of(block.is_held, -1)), None)
        return {**_apply(rows, estimate, ("t", _RATIO), "replicate", conditional), **rows.names()}

    return _table(outcomes, columns, SUMMARY_COLUMNS, level)


@dataclass(frozen=True)
class _Rows:
    """Rows of a table: point, arm and outcome of each as codes of its block, and the arm subtracted, if any."""

    long: Long
    block: Block
    point: Codes
    arm: Codes
    outcome: Codes
    base: int | None

    def take(self, rows: Flags) -> _Rows:
        """Return some of the rows."""
        return _Rows(self.long, self.block, self.point[rows], self.arm[rows], self.outcome[rows], self.base)

    def of_arms(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the entries of an array point x arm x outcome that belong to the rows: the arm's, the baseline's."""
        return [array[self.point, arm, self.outcome] for arm in self.arms()]

    def arms(self) -> list[Codes]:
        """Return the code of each row's arm, and of the arm subtracted."""
        return [self.arm] if self.base is None else [self.arm, np.full_like(self.arm, self.base)]

    def arm_names(self) -> list[NDArray[Any]]:
        """Return the names of `arms`."""
        return [self.long.texts["arm"][arm] for arm in self.arms()]

    def total(self) -> Codes:
        """Return how many replicates each row's arms have, missing values included."""
        return np.asarray(any_of(self.of_arms(self.block.is_held), 0).sum(axis=1), dtype=np.int64)

    def names(self) -> dict[str, Any]:
        """Return the columns that say what a row is about."""
        texts = self.long.texts
        names = {
            "point": self.long.points[self.block.first + self.point],
            "arm": texts["arm"][self.arm],
            "outcome": texts["outcome"][self.outcome],
            "unit": texts["unit"][self.block.unit[self.point, self.outcome]],
        }
        if self.base is not None:
            names["baseline"] = np.full(len(self.point), texts["arm"][self.base], dtype=object)
        return names


def _pairs(long: Long, block: Block, baseline: str) -> _Rows:
    """Return a row for each outcome that an arm or the baseline has, at the points that have both arms."""
    base = int(np.flatnonzero(long.texts["arm"] == baseline)[0])
    is_held = any_of(block.is_held, -1)
    is_there = any_of(is_held, -1)
    wanted = is_held | is_held[:, [base]]
    wanted &= (is_there & is_there[:, [base]])[:, :, None]
    wanted[:, base] = False
    return _Rows(long, block, *block.ordered(wanted), base)


def _table(
    outcomes: pd.DataFrame,
    columns: Callable[[Long, Block], dict[str, Any]],
    names: list[str],
    level: float,
    baseline: str | None = None,
) -> pd.DataFrame:
    """Return the tables of all blocks, one below the other."""
    import pandas as pd

    check_level(level)
    long = Long(outcomes)
    if baseline is not None and baseline not in (arms := list(long.texts["arm"])):
        raise InputError(f"arm {baseline!r} has no outcomes, expected one of {arms}; correct the name.")
    names = ["point", *names]
    parts = [{name: found[name] for name in names} for found in (columns(long, block) for block in long.blocks())]
    if not parts:
        types = {
            name: "float64" if name in _NUMBERS else "int64" for name in names if name in (*_NUMBERS, "n", "point")
        }
        return pd.DataFrame({name: [] for name in names}, dtype=object).astype(types)
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in names})


# -- intervals of many rows


class _Found(NamedTuple):
    """Intervals of many rows, what is said of each (a place in `_SAYS`), and denominators that are too small.

    `small` has one column per arm: the total where it is too small, else NaN.
    """

    estimate: Floats
    low: Floats
    high: Floats
    n: Codes
    says: Codes
    small: Floats
    minimum: float


Measure = Callable[[Flags, list[Floats], bool], _Found]
"""Makes intervals of replicates that are complete (rows x replicates), their columns and whether these are counts."""


def _apply(
    rows: _Rows, measure: Measure, methods: tuple[str, str], unit: str, conditional: bool
) -> dict[str, NDArray[Any]]:
    """Return the columns of a table: plain outcomes and ratios are measured apart, and told by their methods."""
    found: dict[str, NDArray[Any]] = {name: np.full(len(rows.point), np.nan) for name in ("estimate", "low", "high")}
    found["n"] = np.zeros(len(rows.point), dtype=np.int64)
    found["method"] = np.full(len(rows.point), "", dtype=object)
    are_ratios = rows.block.is_ratio[rows.point, rows.outcome]
    for is_ratio, method in zip((False, True), methods, strict=True):
        chosen = are_ratios == is_ratio
        if not chosen.any():
            continue
        part = rows.take(chosen)
        names = ("numerator", "denominator") if is_ratio else ("value",)
        by_name = [part.of_arms(part.block.columns[name]) for name in names]
        columns = [column for of_arm in zip(*by_name, strict=True) for column in of_arm]
        keep = ~any_of([~np.isfinite(column) for column in columns], 0)
        if is_ratio:
            _check_signs(part, keep, columns[1::2])
        columns = [np.where(keep, column, 0.0) for column in columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            interval = measure(keep, columns, is_ratio)
        for name in ("estimate", "low", "high", "n"):
            found[name][chosen] = getattr(interval, name)
        found["method"][chosen] = _methods(part, interval, method, unit, conditional)
    return found


def _check_signs(rows: _Rows, keep: Flags, denominators: list[Floats]) -> None:
    """Raise InputError if a count is negative."""
    for names, column in zip(rows.arm_names(), denominators, strict=True):
        wrong = np.flatnonzero((keep & (column < 0.0)).any(axis=1))
        if wrong.size:
            i = wrong[0]
            point, least = rows.long.points[rows.block.first + rows.point[i]], column[i][keep[i]].min()
            raise InputError(
                f"a denominator of {names[i]} at point {point} is {least:g}, expected counts of 0 or more; "
                "pass raw counts."
            )


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


def _mean(keep: Flags, columns: list[Floats], is_ratio: bool, level: float, minimum: float) -> _Found:
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
    return _Found(value, low, high, n, says, small, minimum)


def _reduction(keep: Flags, columns: list[Floats], is_ratio: bool, level: float, minimum: float) -> _Found:
    """Return variance reductions: `intervals.morgan_pitman` of many rows."""
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
    residuals = s - ((s * d).sum(axis=1) / square_d)[:, None] * d
    unexplained = np.where(square_s > 0.0, (residuals**2).sum(axis=1) / square_s, 0.0)
    degrees = np.where(n > 2, n - 2.0, np.nan)
    excess = 2.0 * unexplained * stdtrit(degrees, (1.0 + level) / 2.0) ** 2 / degrees
    factor = 1.0 + excess + np.sqrt(excess * (2.0 + excess))
    low, high = (1.0 + ratio / factor) / 2.0, (1.0 + ratio * factor) / 2.0
    # Of ratios without a replicate nothing more is said than of their differences.
    none = _NONE if is_ratio else _TWO_NONE
    says = np.select([n == 0, is_holding, n == 1, is_constant, n == 2], [none, _HELD, _TWO, _CONSTANT, _THREE], _FINE)
    return _Found((1.0 + ratio) / 2.0, low, high, n, says, small, minimum)


def _methods(rows: _Rows, found: _Found, method: str, unit: str, conditional: bool) -> NDArray[Any]:
    """Return what the tables tell of each row: its method, and why something is missing."""
    world = " (conditional on one world)" if conditional else ""
    total, whys = rows.total(), rows.of_arms(rows.block.why)
    is_small = ~np.isnan(found.small).all(axis=1)
    # One number for all that a row's text depends on; every text is made once.
    key = found.says.astype(np.int64)
    columns = (np.isnan(found.estimate).astype(np.int64), found.n, total, *(np.where(found.n == 0, w, 0) for w in whys))
    for column in columns:
        key = key * (int(column.max()) + 1) + column
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)

    def told(i: int, *small: str) -> str:
        n, gone = int(found.n[i]), int(total[i] - found.n[i])
        left_out = f"{gone} of {total[i]} {unit}s missing" if gone else ""
        reason = joined(*(small or (_SAYS[found.says[i]].format(unit=unit),)), left_out)
        if not np.isnan(found.estimate[i]):
            return joined(f"{method}{world}", reason)
        reasons = [text for why in whys for text in rows.block.reasons[why[i]]]
        why = joined(*dict.fromkeys(reasons)) if n == 0 else ""
        return f"missing: {why or reason}{world}"

    texts = np.array([told(int(i)) for i in first], dtype=object)[inverse.reshape(-1)]
    names = rows.arm_names()
    for i in np.flatnonzero(is_small):
        small = [
            f"denominator of {name[i]} is {value:g} posts over {found.n[i]} replicates, below {found.minimum:g}"
            for name, value in zip(names, found.small[i], strict=True)
            if not np.isnan(value)
        ]
        texts[i] = told(int(i), *small)
    return texts
