"""Comparison of scenarios: a panel for each outcome, a row for each arm, paired differences from the baseline."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.errors import InputError
from sim.study.figures.designs import Axis, Points, averaged, clear_of_zero, is_scattered, over_points, points_of, typed
from sim.study.figures.replicates import WHISKERS
from sim.study.figures.style import arm_style, legend_below, note, readable, styled
from sim.study.figures.words import words_of_outcome

__all__ = ["comparison", "draw_comparison"]

_ROOM = 4.0  # whiskers longer than this, in widths of what the points span, leave the axes


@styled
def comparison(
    axes: Axes | Sequence[Axes],
    table: pd.DataFrame,
    outcomes: str | Sequence[str],
    *,
    summary: pd.DataFrame | None = None,
    relative: bool = False,
    by: str | None = None,
    arms: str | Sequence[str] | None = None,
    legend: bool | Axes = True,
) -> list[Axes]:
    """Draw the paired differences of arms from the baseline: one panel for each outcome, one row for each arm.

    Estimates with pointwise 95 % intervals, each panel in its own unit, with a line at 0; markers are filled where the
    interval does not hold 0. Below the outcome's name stands its level in the baseline; at the right, what the difference
    is relative to this level, where its own interval does not hold 0. Rows are the arms in the order of the table, the same
    in all panels: an arm without a value in one of them leaves its row empty there.

    Parameters
    ----------
    axes
        One for each outcome, or the only one.
    table
        Of the shape of ``contrasts``; of ``summary``, for levels with their intervals instead of differences.
    outcomes
        Names, one for each of the axes.
    summary
        Levels of the baseline; without it nothing stands at the right.
    relative
        Whether differences, and their bounds, are drawn in percent of the baseline's level, taken as known exactly.
    by
        A swept parameter: its values are the rows, and arms stand side by side in each. Nothing stands at the right.
    arms
        Which arms, in this order; default: all of the table that have any value, in its order.
    legend
        As in all figures (`sim.study.figures`); it stands below the last of the axes.
    """
    panels = [axes] if isinstance(axes, Axes) else list(axes)
    names = [outcomes] if isinstance(outcomes, str) else list(outcomes)
    if len(panels) != len(names) or not names:
        raise InputError(f"there are {len(panels)} axes for the outcomes {names}, expected one for each; give as many.")
    entries: dict[str, Any] = {}
    for panel, name in zip(panels, names, strict=True):
        for handle in draw_comparison(panel, table, name, summary=summary, relative=relative, by=by, arms=arms):
            entries.setdefault(handle.get_label(), handle)
    legend_below(panels[-1], entries.values(), legend)
    return panels


def draw_comparison(
    ax: Axes,
    table: pd.DataFrame,
    outcome: str,
    *,
    summary: pd.DataFrame | None = None,
    relative: bool = False,
    by: str | None = None,
    arms: str | Sequence[str] | None = None,
) -> list[Any]:
    """Draw one panel of `comparison` without a legend, and return the legend's entries."""
    points = points_of(table, outcome, () if by is None else [by], arms)
    if relative and not (points.is_difference and summary is not None):
        raise InputError(
            "relative is True, expected contrasts and the summary, which has the baseline's level; give both."
        )
    arms = _every_arm(table, points, arms)
    axis = None if by is None else _every_level(table, points, by)
    cloud = any(is_scattered(rows) for _, rows in points.rows.groupby("arm"))
    rows = (over_points if cloud else averaged)(points.rows, ["arm"] if by is None else ["arm", by])
    level, is_clear = _level(summary, points) if axis is None else (None, False)
    if relative:
        if not level or not is_clear:
            raise InputError(
                f"{outcome} is {level} in {points.baseline!r}, expected a level clear of 0; draw differences."
            )
        rows = rows.assign(**{name: 100 * rows[name] / abs(level) for name in ("value", "low", "high")})
    if axis is None:
        names = list(arms)
        rows = rows.assign(row=rows["arm"].map({arm: i for i, arm in enumerate(names)}).to_numpy(), shift=0.0)
    else:
        names = [axis.label(value) for value in axis.levels]
        rows = rows.assign(row=rows[axis.name].map({value: i for i, value in enumerate(axis.levels)}).to_numpy())
        gap = min(0.24, 0.8 / len(arms))
        middle = (len(arms) - 1) / 2
        rows["shift"] = rows["arm"].map({arm: gap * (i - middle) for i, arm in enumerate(arms)}).to_numpy()
    handles: list[Any] = []
    for place, arm in enumerate(arms, start=int(points.is_difference)):
        of_arm = rows.loc[rows["arm"] == arm]
        _draw_rows(ax, of_arm, place, points.is_difference)
        if axis is not None:
            words = f"{arm} \N{MINUS SIGN} {points.baseline}" if points.is_difference else arm
            look = {k: v for k, v in arm_style(place).items() if k != "linestyle"}
            handles.append(Line2D([], [], linestyle="none", **look, label=words))
    is_cut = _limits(ax, rows, points.is_difference)
    at_right = level is not None and is_clear and not relative
    if at_right and level:
        _write_relative(ax, rows, level)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="0.9", linewidth=0.5)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(lambda value, _: readable(value, 4))
    _words(ax, points, level, relative=relative)
    return handles + [note(text) for text in _notes(points, rows, cloud, at_right, is_cut) if text]


def _every_arm(table: pd.DataFrame, points: Points, arms: str | Sequence[str] | None) -> list[str]:
    """Return the arms that are compared, in the order asked for or of the table: also those without a value here.

    Panels that stand side by side have the same rows, and an arm has the same look in all of them.
    """
    if arms is not None:
        return [arms] if isinstance(arms, str) else list(dict.fromkeys(arms))
    value = "difference" if points.is_difference else "estimate"
    return list(dict.fromkeys(map(str, table.loc[table[value].notna(), "arm"])))


def _every_level(table: pd.DataFrame, points: Points, by: str) -> Axis:
    """Return a swept parameter with all values at which the table has any outcome, for the same reason."""
    axis, value = points.axis(by), "difference" if points.is_difference else "estimate"
    column = typed(table[by])[table[value].notna()].dropna()
    levels = column.drop_duplicates() if axis.kind == "text" else column.drop_duplicates().sort_values()
    return replace(axis, levels=tuple(levels)) if set(axis.levels) <= set(levels) else axis


def _level(summary: pd.DataFrame | None, points: Points) -> tuple[float | None, bool]:
    """Return the level of an outcome in the baseline, and whether it is clear of 0; the mean over a design's points."""
    if summary is None or not points.is_difference:
        return None, False
    try:
        levels = points_of(summary, points.outcome, (), points.baseline).rows
    except InputError:
        return None, False
    low, high = levels["low"].mean(skipna=False), levels["high"].mean(skipna=False)
    return float(levels["value"].mean()), bool(low > 0 or high < 0)


def _draw_rows(ax: Axes, rows: pd.DataFrame, place: int, is_difference: bool) -> None:
    """Draw the estimates of one arm with whiskers; hollow where the interval holds 0 or is missing."""
    look = {k: v for k, v in arm_style(place).items() if k != "linestyle"}
    at, value = rows["row"] + rows["shift"], rows["value"]
    has = rows["low"].notna()
    reach = np.stack([(value - rows["low"])[has], (rows["high"] - value)[has]]).clip(0)
    bars: dict[str, Any] = WHISKERS | {"ecolor": look["color"], "elinewidth": 1.0}
    ax.errorbar(value[has], at[has], xerr=reach, fmt="none", zorder=3, gid=f"whiskers {place}", **bars)
    is_clear = clear_of_zero(rows) | (not is_difference)
    for clear in (True, False):
        chosen = is_clear == clear
        face = look["color"] if clear else "white"
        dots: dict[str, Any] = {**look, "markerfacecolor": face, "markersize": 4.5, "linestyle": "none"}
        ax.plot(value[chosen], at[chosen], zorder=4, gid=f"estimates {place}", **dots)


def _limits(ax: Axes, rows: pd.DataFrame, is_difference: bool) -> bool:
    """Set the x axis; whiskers that are much longer than all that points span leave it. Return whether some do."""
    values = rows["value"].to_numpy(dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if is_difference:
        low, high = min(low, 0.0), max(high, 0.0)
        ax.axvline(0, color="0.2", linewidth=0.7, zorder=1.8, gid="zero")
    reach = high - low or abs(high) or 1.0
    edges = rows[["low", "high"]].to_numpy(dtype=np.float64).ravel()
    edges = edges[np.isfinite(edges)]
    seen = np.concatenate([[low, high], edges.clip(low - _ROOM * reach, high + _ROOM * reach)])
    room = 0.08 * (seen.max() - seen.min()) or 0.08 * abs(seen.max()) or 1.0
    left, right = float(seen.min() - room), float(seen.max() + room)
    ax.set_xlim(left, right)
    return bool(((edges < left) | (edges > right)).any())


def _write_relative(ax: Axes, rows: pd.DataFrame, level: float) -> None:
    """Write at the right of each row what its difference is relative to the baseline's level."""
    for row in rows.to_dict("records"):
        words = f"{100 * row['value'] / abs(level):+.1f} %".replace("-", "\N{MINUS SIGN}") if row["value"] else "0"
        place: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "ha": "left", "va": "center", "fontsize": 6.5}
        ax.text(1.02, row["row"] + row["shift"], words, gid="relative", **place)


def _words(ax: Axes, points: Points, level: float | None, *, relative: bool) -> None:
    """Write what the panel shows above it, and its unit below it."""
    words = words_of_outcome(points.outcome)
    title = textwrap.wrap(words[0].upper() + words[1:], 34)
    if level is not None:
        unit = {"percentage points": " %", "ratio": ""}.get(points.unit, f" {points.unit}")
        title.append(f"{points.baseline}: {readable(level)}{unit}")
    ax.set_title("\n".join(title), loc="left", pad=5)
    unit = f"% of the level in {points.baseline}" if relative else points.unit
    ax.set_xlabel(f"difference from {points.baseline} ({unit})" if points.is_difference else unit)


def _notes(points: Points, rows: pd.DataFrame, cloud: bool, at_right: bool, is_cut: bool) -> list[str]:
    """Return what the legend says of markers, intervals, means over other parameters and missing values."""
    filled = "; filled: it does not hold 0" if points.is_difference else ""
    if rows["low"].notna().any():
        words = [f"whiskers: pointwise 95 % interval, {points.replicates()}{filled}"]
    else:
        words = [f"{points.replicates()}: no interval"]
    if (most := int(rows["points"].max())) > 1:
        bounds = "their 95 % intervals, over points and replicates" if cloud else "means of their 95 % bounds"
        words = [
            f"means of up to {most:,} points, {points.replicates()} each; other parameters vary",
            f"whiskers: {bounds}{filled}",
        ]
    beyond = "some whiskers lie beyond the axes" if is_cut else ""
    return [*words, "at the right: relative to the baseline's level" if at_right else "", points.left_out, beyond]
