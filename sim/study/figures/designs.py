"""From the long tables of a sweep to what its figures show: points of the design, bins of them, and decisions on signs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import date2num
from numpy.typing import NDArray

from sim.errors import InputError
from sim.measures.intervals import Floats, Interval, mean_t
from sim.measures.simultaneous import Simultaneous, holm_intervals
from sim.study.figures.replicates import need
from sim.study.figures.words import unit_of

__all__ = [
    "MANY",
    "OWN",
    "Axis",
    "Points",
    "averaged",
    "binned",
    "clear_of_zero",
    "factors_of",
    "holm_over",
    "is_scattered",
    "over_points",
    "points_of",
    "pooled",
    "typed",
]

OWN = ("folder", "point", "status", "reason", "baseline", "arm", "replicate", "outcome", "estimate", "difference", "low",
       "high", "variance_reduction", "unit", "n", "method")  # fmt: skip
"""Columns of summaries and contrasts that are no swept parameter; all others are."""
MANY = 20
"""Fewer points are no cloud."""
_INCIDENTAL = re.compile(r"(seed|engine|design)$|(study|hydra|design)[./]")
"""Overrides that sweeps have for other reasons than to look at their effect."""
_DATE, _CLOCK = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{1,2}:\d\d(:\d\d)?")


def typed(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of parameters as numbers or local times where all of its values are, else as text.

    Times are timestamps, or hours and minutes: where these begin in the evening, those before noon belong to the next
    day.
    """
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.tz_localize(None) if getattr(column.dtype, "tz", None) else column
    words = [
        None if is_missing else str(word).strip("'\"") for word, is_missing in zip(column, column.isna(), strict=True)
    ]
    clean = pd.Series(words, index=column.index, dtype="object")
    distinct = pd.Series(clean.dropna().unique(), dtype="object")
    if distinct.empty:
        return clean
    if pd.to_numeric(distinct, errors="coerce").notna().all():
        return pd.to_numeric(clean).astype("float64")
    if all(_DATE.match(word) for word in distinct):
        times = pd.to_datetime(distinct, format="ISO8601", errors="coerce")
        if times.notna().all() and getattr(times.dtype, "tz", None) is None:
            return pd.to_datetime(clean, format="ISO8601")
    if all(_CLOCK.fullmatch(word) for word in distinct):
        clock = pd.Timestamp("2000-01-01") + pd.to_timedelta([w + ":00" * (w.count(":") == 1) for w in distinct])
        if clock.hour.max() >= 18 and clock.hour.min() < 12:
            clock = clock.where(clock.hour >= 12, clock + pd.Timedelta(days=1))
        return pd.to_datetime(clean.map(dict(zip(distinct, clock, strict=True))))
    return clean


def factors_of(table: pd.DataFrame) -> list[str]:
    """Return the swept parameters of a table: its columns of several values that are no column of every study."""
    columns = [str(name) for name in table.columns if name not in OWN and not _INCIDENTAL.match(str(name))]
    return [name for name in columns if table[name].nunique(dropna=False) > 1]


@dataclass(frozen=True)
class Points:
    """One outcome at the points of a design.

    Attributes
    ----------
    rows
        Columns ``arm, value, low, high, n, method`` and one for each swept parameter, typed; values in `unit`.
    outcome, unit
        Its name, and its unit as figures write it.
    baseline
        The arm that is subtracted; empty where values are levels.
    n_missing, n_all
        How many of all values were missing, and are left out of `rows`.
    arms
        In the order that was asked for, or else of the table.
    words
        The values of each parameter of words, in the order in which the whole table has them.
    """

    rows: pd.DataFrame
    outcome: str
    unit: str
    baseline: str
    n_missing: int
    n_all: int
    arms: tuple[str, ...]
    words: dict[str, tuple[str, ...]]

    @property
    def is_difference(self) -> bool:
        """Return whether values are paired differences."""
        return bool(self.baseline)

    @property
    def left_out(self) -> str:
        """Return what a legend says of missing values; empty where there are none."""
        what = "differences" if self.is_difference else "levels"
        return f"{self.n_missing:,} of {self.n_all:,} {what} are missing and left out" if self.n_missing else ""

    def axis(self, name: str) -> Axis:
        """Return a swept parameter as an axis."""
        column = self.rows[name].dropna()
        if pd.api.types.is_datetime64_any_dtype(column):
            return Axis(name, "time", tuple(sorted(column.unique())))
        if pd.api.types.is_numeric_dtype(column):
            return Axis(name, "number", tuple(sorted(column.unique())))
        there = set(column)
        return Axis(name, "text", tuple(word for word in self.words[name] if word in there))

    def replicates(self) -> str:
        """Return how many replicates an interval rests on, in words."""
        counts = sorted({int(n) for n in self.rows["n"]})
        many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return f"n = {many} {'paired ' * self.is_difference}replicate{'s' * (counts != [1])}"


def points_of(
    table: pd.DataFrame, outcome: str, factors: Sequence[str] = (), arms: str | Sequence[str] | None = None
) -> Points:
    """Return the values of an outcome with their intervals, from a table of the shape of ``summary`` or ``contrasts``.

    Parameters
    ----------
    table
        Columns ``arm, outcome, unit, n, method, low, high`` and ``estimate``, or ``difference`` and ``baseline``; all
        columns that no study has by itself are swept parameters.
    outcome, factors, arms
        Which outcome; parameters that must be there, and whose value must be known; which arms, default all.

    Raises
    ------
    InputError
        The table lacks a column, outcome, arm or factor, holds several baselines or units, or only missing values.
    """
    is_difference = "difference" in table.columns
    value = "difference" if is_difference else "estimate"
    needed = ("arm", "outcome", value, "low", "high", "n", "method", "unit", *(("baseline",) * is_difference))
    need(table, "contrasts" if is_difference else "summaries", needed)
    swept = [str(name) for name in table.columns if name not in OWN]
    if absent := [name for name in factors if name not in swept]:
        raise InputError(f"{absent[0]!r} is no parameter of the sweep, expected one of {swept}; correct the name.")
    rows = table.loc[table["outcome"] == outcome]
    if rows.empty:
        known = sorted(map(str, table["outcome"].unique()))
        raise InputError(f"there is no outcome {outcome!r} in the table, expected one of {known}; correct the name.")
    if arms is not None:
        wanted = [arms] if isinstance(arms, str) else list(arms)
        need(rows, f"rows of {outcome}", (), *wanted)
        rows = rows.loc[rows["arm"].isin(wanted)]
    else:
        wanted = [str(arm) for arm in rows["arm"].unique()]
    units = sorted(map(str, rows["unit"].unique()))
    baselines = sorted(map(str, rows["baseline"].unique())) if is_difference else [""]
    if len(units) > 1 or len(baselines) > 1:
        what = units if len(units) > 1 else baselines
        raise InputError(f"{outcome} has the units or baselines {what}, expected one; give a part of the table.")
    unit, scale = unit_of(units[0], is_difference=is_difference)
    columns: dict[str, Any] = {"arm": rows["arm"].astype(str)}
    columns |= {
        name: scale * rows[of].astype("float64") for name, of in (("value", value), ("low", "low"), ("high", "high"))
    }
    columns |= {"n": rows["n"].astype("int64"), "method": rows["method"].astype(str)}
    columns |= {name: typed(rows[name]) for name in swept}
    # In the order of the table, and not of this outcome: looks are the same in all figures of it.
    words = {n: tuple(typed(table[n].drop_duplicates()).dropna()) for n in swept if columns[n].dtype == "object"}
    whole = pd.DataFrame(columns).drop_duplicates()  # One arm may be part of several jobs, with the same numbers.
    known_rows = whole.dropna(subset=["value", *factors])
    if known_rows.empty:
        reasons = [str(reason) for reason in whole["method"].unique()][:1]
        raise InputError(f"{outcome} has no value at any point ({'; '.join(reasons)}); choose another outcome.")
    n_missing = len(whole) - len(known_rows)
    there = set(known_rows["arm"])
    order = tuple(arm for arm in wanted if arm in there)
    return Points(known_rows.reset_index(drop=True), outcome, unit, baselines[0], n_missing, len(whole), order, words)


# --- axes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Axis:
    """A swept parameter as an axis.

    Attributes
    ----------
    name
        Its key.
    kind
        ``number``, ``time`` or ``text``.
    levels
        Its distinct values in order.
    """

    name: str
    kind: str
    levels: tuple[Any, ...]

    def positions(self, column: pd.Series[Any]) -> Floats:
        """Return where values stand: numbers as they are, times as Matplotlib's dates, texts by their order."""
        if self.kind == "time":
            return np.asarray(date2num(column), dtype=np.float64)
        if self.kind == "text":
            return np.asarray(column.map({level: i for i, level in enumerate(self.levels)}), dtype=np.float64)
        return column.to_numpy(dtype=np.float64)

    def label(self, level: Any) -> str:
        """Return a level as it is written at a tick."""
        if self.kind == "time":
            return f"{level:%H:%M}"
        return f"{level:.4g}" if self.kind == "number" else str(level)


# --- statistics ------------------------------------------------------------------------------------------------------


def pooled(rows: pd.DataFrame) -> tuple[float, float, float, int]:
    """Return the mean of points that differ in other parameters, its 95 % bounds, and n of a t interval so wide.

    Two things make a mean err: which points were drawn, and which replicates. All points have the same dice, so that the
    error that they share is seen in no spread between them; it is at most the mean of their own errors (`averaged`). The
    half-width is the root of the sum of squares of both, n the smaller one of points and replicates. It is wider than
    need be in designs that fill space more evenly than independent draws (Latin hypercube, Sobol), and where points have
    dice of their own; too short where replicates are few and skewed, as t intervals are. Bounds are NaN where those of a
    point are: one replicate says nothing of others.
    """
    mean = mean_t(rows["value"].to_numpy(dtype=np.float64))
    own = float((rows["high"] - rows["low"]).mean(skipna=False)) / 2
    half = own if mean.n == 1 else float(np.hypot((mean.high - mean.low) / 2, own))
    n = int(rows["n"].min())
    return mean.estimate, mean.estimate - half, mean.estimate + half, n if mean.n == 1 else min(n, mean.n)


def binned(rows: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    """Return bins of equally many points along the column ``x``: its median, mean and bounds as in `pooled`, points."""
    order = np.argsort(rows["x"].to_numpy(dtype=np.float64), kind="stable")
    found = []
    for place in np.array_split(order, min(n_bins, len(order))):
        part = rows.iloc[place]
        found.append((float(part["x"].median()), *pooled(part)[:3], len(part)))
    return pd.DataFrame(found, columns=["x", "value", "low", "high", "points"])


def is_scattered(rows: pd.DataFrame) -> bool:
    """Return whether the points of one arm are those of a design that fills space: many, nearly all with own numbers."""
    names = [name for name in rows if name not in (*OWN, "value")]
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(rows[name])]
    return len(rows) >= MANY and any(2 * rows[name].nunique() > len(rows) for name in numbers)


def averaged(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the mean of the points of a grid that share their values of `by`: columns ``value, low, high, n, method``.

    All points have the same dice, and nothing is known of how their errors depend on each other. A mean's standard
    error is at most the mean of the standard errors, whatever the dependence; so bounds are the means of the bounds,
    and the interval is wider than need be. `n` is the smallest number of replicates.
    """
    groups = rows.groupby(list(by), as_index=False, sort=True)
    means = groups[["value", "low", "high"]].mean(skipna=False)
    # A mean of differences that cancel is 0, and not what is left of rounding.
    size = groups.agg(size=("value", lambda values: values.abs().max()))["size"].to_numpy(dtype=np.float64)
    means["value"] = means["value"].where(means["value"].abs() > 1e-12 * size, 0.0)
    return means.merge(groups.agg(n=("n", "min"), method=("method", "first"), points=("n", "size")), on=list(by))


def over_points(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the mean of scattered points that share their values of `by`, with intervals as in `pooled`.

    Columns ``value, low, high, n, method, points``. Where each stands alone, it keeps its own interval; one point beside
    means of several has none, for it does not show how points differ.
    """
    found = []
    for key, part in rows.groupby(list(by)):
        numbers = tuple(part.iloc[0][["value", "low", "high", "n"]]) if len(part) == 1 else pooled(part)
        found.append((*key, *numbers, part["method"].iloc[0], len(part)))
    means = pd.DataFrame(found, columns=[*by, "value", "low", "high", "n", "method", "points"])
    if (means["points"] > 1).any():
        means.loc[means["points"] == 1, ["low", "high"]] = np.nan
    return means


def clear_of_zero(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which values are told from 0 by their own intervals, columns ``value, low, high, n``.

    Replicates that do not vary leave an interval without width, which says nothing of its own: there the sign test decides.
    """
    low, high, n = (rows[name].to_numpy(dtype=np.float64) for name in ("low", "high", "n"))
    has_width = high - low > 1e-10 * np.abs(rows["value"].to_numpy(dtype=np.float64))
    return np.asarray(((low > 0) | (high < 0)) & (has_width | (2.0 ** (1 - n) <= 0.05)), dtype=np.bool_)


def holm_over(rows: pd.DataFrame) -> Simultaneous | None:
    """Return Holm's decisions that the values of rows are not 0; None where bounds are not those of a t interval.

    Rows hold ``value, low, high, n, method``; the standard error comes from the width of the 95 % t interval.
    """
    from scipy.special import stdtrit

    if rows["method"].astype(str).str.contains("bootstrap").any():
        return None
    freedom = np.maximum(rows["n"].to_numpy(dtype=np.float64) - 1, 1)
    errors = (rows["high"] - rows["low"]).to_numpy(dtype=np.float64) / 2 / stdtrit(freedom, 0.975)
    given = rows[["value", "low", "high"]].to_numpy(dtype=np.float64)
    return holm_intervals(
        [
            Interval(float(value), float(low), float(high), int(n), "t", "", float(error))
            for (value, low, high), n, error in zip(given, rows["n"], errors, strict=True)
        ]
    )
