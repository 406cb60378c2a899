"""From the long tables of a study to tables minute x replicate, and to lines with bands and bars with whiskers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.lines import Line2D

from sim.errors import InputError
from sim.measures.bands import simultaneous_band
from sim.measures.intervals import Floats, pointwise_band
from sim.study.figures.marks import Marks
from sim.study.figures.style import arm_style, band_handle, note

CURVES = ("arm", "replicate", "time", "curve", "value")
WHISKERS: dict[str, Any] = {"ecolor": "black", "elinewidth": 0.8, "capsize": 2}
_EDGE: dict[str, Any] = {"linewidth": 0.5, "linestyle": "solid", "alpha": 0.8}


def need(frame: pd.DataFrame, name: str, columns: Iterable[str], *arms: str) -> None:
    """Raise InputError unless a table has all columns and arms."""
    if missing := [column for column in columns if column not in frame.columns]:
        raise InputError(f"{name} lack {missing}, have {list(frame.columns)}; give the table that a study writes.")
    for arm in arms:
        if arm not in (known := list(map(str, frame["arm"].unique()))):
            raise InputError(f"{name} hold no arm {arm!r}, expected one of {known}.")


def localized(curves: pd.DataFrame, marks: Marks, *arms: str) -> Marks:
    """Return the marks in the zone of the curves, which must hold the arms."""
    need(curves, "curves", CURVES, *arms)
    zone = getattr(curves["time"].dtype, "tz", None)
    if zone is None:
        raise InputError(f"curves.time is {curves['time'].dtype}, expected timestamps with a zone; use dt.tz_localize.")
    return replace(marks, zone=zone)


def read(curves: pd.DataFrame, curve: str, marks: Marks, *arms: str) -> tuple[dict[str, pd.DataFrame], Marks]:
    """Return one curve as a table minute x replicate for each arm, as they appear, and the marks in its zone."""
    marks = localized(curves, marks)
    rows = curves.loc[curves["curve"] == curve]
    if rows.empty:
        raise InputError(f"curves hold no {curve!r}, expected one of {sorted(map(str, curves['curve'].unique()))}.")
    need(rows, f"curves {curve!r}", (), *arms)
    return by_replicate(rows, "arm"), marks


def with_prefix(curves: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Return the rows of the curves whose names begin so: names are looked at once, not in millions of rows."""
    names = [name for name in curves["curve"].unique() if str(name).startswith(prefix)]
    return curves.loc[curves["curve"].isin(names)]


def by_replicate(rows: pd.DataFrame, by: str) -> dict[str, pd.DataFrame]:
    """Return a table minute x replicate for each value of the column `by`, in order of appearance."""
    try:
        return {
            str(name): part.pivot(index="time", columns="replicate", values="value")
            for name, part in rows.groupby(by, sort=False, observed=True)
        }
    except ValueError as error:
        raise InputError("curves hold a minute of a replicate more than once; give each run once.") from error


def cut(table: pd.DataFrame, marks: Marks) -> pd.DataFrame:
    """Return the rows within the period of the marks."""
    inside = table[(table.index >= marks.start) & (table.index < marks.end)]
    if inside.empty:
        raise InputError(f"curves hold nothing from {marks.start} to {marks.end}; give marks of the period simulated.")
    return inside


def smooth(table: pd.DataFrame, minutes: int) -> pd.DataFrame:
    """Return the centred mean over `minutes` rows, fewer at the two ends."""
    if minutes < 1:
        raise InputError(f"minutes is {minutes}, expected 1 (as it is) or more.")
    return table if minutes == 1 else table.rolling(minutes, center=True, min_periods=1).mean()


def t_band(values: pd.DataFrame) -> pd.DataFrame:
    """Return columns ``mean, low, high``: each row's mean over replicates and its 95 % t interval."""
    return pd.DataFrame(pointwise_band(values.to_numpy(dtype=float).T)._asdict(), index=values.index)


def n_replicates(n: int, what: str = "replicate") -> str:
    """Return how many replicates there are, in words."""
    return f"n = {n} {what}{'s' if n > 1 else ''}"


def uncertainty(ax: Axes, tables: dict[str, pd.DataFrame]) -> Any:
    """Return the legend's entry on uncertainty: what the bands of finished axes are, or that there are none."""
    counts = {arm: table.shape[1] for arm, table in tables.items()}
    most = max(counts.values())
    if most < 2:
        return note(f"{n_replicates(most)}: no band")
    each = "n = " + ", ".join(f"{n} ({arm})" for arm, n in counts.items()) + " replicates"
    words = each if min(counts.values()) < most else n_replicates(most)
    return bands(ax, f"lines are means, bands pointwise 95 % t intervals, {words}")


def bands(ax: Axes, text: str) -> Any:
    """Return the legend's entry on the bands that `draw_arms` drew, in their looks."""
    shades = [shade for shade in ax.collections if str(shade.get_gid()).startswith("band ")]
    low, high = ax.get_ylim()
    edges = [shade.get_paths()[0].get_extents() for shade in shades]
    is_cut = any(edge.y1 > high or (edge.y0 < low and low < 0) for edge in edges)
    return band_handle(text + is_cut * ", cut off by the axis", [shade.get_facecolor() for shade in shades])


def whiskers(n: int) -> str:
    """Return what bars and whiskers are."""
    return f"bars are means, whiskers 95 % t intervals, n = {n} replicates" if n > 1 else "n = 1 replicate: no interval"


def draw_arms(
    ax: Axes, tables: dict[str, pd.DataFrame], order: Sequence[str], marks: Marks, *, simultaneous: bool = False
) -> list[Any]:
    """Draw mean and band of each arm in the look of its place in `order`; return the lines.

    With `simultaneous`, thin lines of its colour are the simultaneous band over the times drawn, where there is one.
    """
    lines = []
    for arm, whole in tables.items():
        table, place = cut(whole, marks), order.index(arm)
        band, x = t_band(table), date2num(table.index)
        look = arm_style(place) | {"markeredgecolor": "white", "markeredgewidth": 0.4, "zorder": 3 + 0.01 * place}
        if len(tables) == 1:  # A lone line has nothing to be told from, and dashes would look like noise.
            look["linestyle"] = "solid"
        every = max(len(x) // 9, 1)
        look["markevery"] = ((2 * place + 1) * every // (2 * len(order)), every)
        lines += ax.plot(x, band["mean"], **look, label=arm, gid=f"mean {arm}")
        if table.shape[1] > 1:
            # A band of two replicates may be ten times the line: the line stays readable, and the band leaves the axes.
            limits = ax.dataLim.frozen()
            low, high = min(0.0, float(band["mean"].min())), max(0.0, float(band["mean"].max()))
            seen = band[["low", "high"]].clip(2 * low - high, 2 * high - low).to_numpy(dtype=float)
            colour: dict[str, Any] = {
                "facecolor": (look["color"], 0.22),
                "edgecolor": (look["color"], 0.45),
                "linewidth": 0.3,
            }
            ax.fill_between(x, band["low"], band["high"], **colour, zorder=2, gid=f"band {arm}")
            ax.dataLim.set(limits)
            if simultaneous and table.shape[1] > 2:
                whole_band = simultaneous_band(table.to_numpy(dtype=float).T)
                edges = np.column_stack([whole_band.low_simultaneous, whole_band.high_simultaneous])
                ax.plot(x, edges, **_EDGE, color=look["color"], zorder=2.2, gid=f"simultaneous {arm}")
                ax.dataLim.set(limits)
                seen = np.concatenate([seen, edges.clip(2 * low - high, 2 * high - low)])
            ax.update_datalim([(x[0], np.nanmin(seen)), (x[-1], np.nanmax(seen))])
    return lines


def simultaneous_handle(ax: Axes) -> list[Any]:
    """Return the legend's entry on the simultaneous bands that `draw_arms` drew, none if there are none."""
    edges = [np.asarray(x.get_ydata(), float) for x in ax.lines if str(x.get_gid()).startswith("simultaneous ")]
    if not edges:
        return []
    low, high = ax.get_ylim()
    is_cut = any(edge.max() > high or edge.min() < low for edge in edges)
    words = "simultaneous 95 % band, all times shown at once" + is_cut * ", cut off by the axis"
    return [Line2D([], [], **_EDGE, color="0.3", label=words)]


def draw_bars(ax: Axes, names: Sequence[str], band: pd.DataFrame, shift: float, height: float, **look: Any) -> Any:
    """Draw a `t_band` as named rows of bars from the top, with whiskers where there are intervals; return the bars."""
    rows: Floats = np.arange(len(names), dtype=np.float64)
    bars = ax.barh(rows + shift, band["mean"], height=height, zorder=2, edgecolor="black", linewidth=0.5, **look)
    if band["low"].notna().any():
        half = band["high"] - band["mean"]
        ax.errorbar(band["mean"], rows + shift, xerr=half, fmt="none", zorder=3, **WHISKERS)
    ax.set_yticks(rows, names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="0.9", linewidth=0.5)
    return bars
