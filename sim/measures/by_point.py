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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.measures.blocks import Block, Codes, Flags, Long, any_of
from sim.measures.contrast import CONTRAST_COLUMNS, REDUCTION_COLUMNS, SUMMARY_COLUMNS
from sim.measures.intervals import REDUCTION, Floats, check_level, joined
from sim.measures.many import SAYS, Found, mean_rows, reduction_rows
from sim.measures.ratios import MIN_DENOMINATOR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contrasts_by_point", "reductions_by_point", "summaries_by_point"]

_NUMBERS = ("difference", "estimate", "variance_reduction", "low", "high")
_RATIO = "jackknife ratio of sums"


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
    difference = partial(mean_rows, level=level, minimum=min_denominator)
    reduction = partial(reduction_rows, level=level, minimum=min_denominator)

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
    reduction = partial(reduction_rows, level=level, minimum=min_denominator)

    def columns(long: Long, block: Block) -> dict[str, Any]:
        rows = _pairs(long, block, baseline)
        methods = (REDUCTION, f"{REDUCTION} of pseudo-values")
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
    estimate = partial(mean_rows, level=level, minimum=min_denominator)

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


Measure = Callable[[Flags, list[Floats], bool], Found]
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


def _methods(rows: _Rows, found: Found, method: str, unit: str, conditional: bool) -> NDArray[Any]:
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
        reason = joined(*(small or (SAYS[found.says[i]].format(unit=unit),)), left_out)
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
