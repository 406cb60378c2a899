"""One function per figure: each draws into the axes it is given and returns them, from the long tables of a study.

All counts are real people or posts (already scaled by the weight). Lines are means over replicates; bands and whiskers
are pointwise 95 % t intervals, and a figure of a single replicate says that it has none.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.special import stdtrit

from sim.errors import InputError
from sim.study.style import (
    Floats,
    Marks,
    area_style,
    arm_style,
    band_handle,
    channel_name,
    curve_name,
    dense,
    figure,
    floating_text,
    legend_below,
    legend_right,
    mark_night,
    note,
    pixels,
    readable,
    readable_axis,
    settle_texts,
    spread,
    styled,
    time_axis,
    to_number,
)

__all__ = [
    "Marks",
    "Written",
    "figure",
    "first_hearing",
    "last_touch",
    "paired_difference",
    "people_on_squares",
    "posts_per_minute",
    "squares_by_province",
    "t_band",
    "write_all",
]

_MINUS = "\N{MINUS SIGN}"
_CURVES = ("arm", "replicate", "time", "curve", "value")
_OBSERVED: dict[str, Any] = {"color": "0.1", "linewidth": 2.2, "marker": "|", "markersize": 7}
_SIMULATED: dict[str, Any] = {"markersize": 5.5, "markeredgecolor": "black", "markeredgewidth": 0.8}
_WHISKERS: dict[str, Any] = {"ecolor": "black", "elinewidth": 0.8, "capsize": 2}
_BARS: dict[str, Any] = {"edgecolor": "black", "linewidth": 0.5}
_GREYS = LinearSegmentedColormap.from_list("greys", ["0.97", "0.12"])


# --- from the long tables to tables minute x replicate ---------------------------------------------------------------


def t_band(values: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Return mean and pointwise t interval over the columns of each row.

    Parameters
    ----------
    values
        One column per replicate; missing values are left out row by row.
    level
        Coverage, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        Columns ``mean, low, high``: mean ± t(n - 1) s / sqrt(n). `low` and `high` are missing where n < 2.
    """
    table = values.to_numpy(dtype=float)
    n = np.isfinite(table).sum(axis=1)
    mean = np.where(n > 0, np.nansum(table, axis=1) / np.maximum(n, 1), np.nan)
    squares = np.nansum((table - mean[:, None]) ** 2, axis=1)
    error = np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1))
    half = np.where(n > 1, stdtrit(np.maximum(n - 1, 1), (1 + level) / 2) * error, np.nan)
    return pd.DataFrame({"mean": mean, "low": mean - half, "high": mean + half}, index=values.index)


def _need(frame: pd.DataFrame, name: str, columns: Iterable[str]) -> None:
    if missing := [column for column in columns if column not in frame.columns]:
        raise InputError(f"{name} lack {missing}, have {list(frame.columns)}; give the table that a study writes.")


def _arm(names: Iterable[Any], arm: str, name: str) -> None:
    if arm not in (known := list(dict.fromkeys(map(str, names)))):
        raise InputError(f"{name} hold no arm {arm!r}, expected one of {known}.")


def _zone(curves: pd.DataFrame) -> tzinfo:
    zone: tzinfo | None = getattr(curves["time"].dtype, "tz", None)
    if zone is None:
        raise InputError(f"curves.time is {curves['time'].dtype}, expected timestamps with a zone; use dt.tz_localize.")
    return zone


def _split(rows: pd.DataFrame, by: str) -> dict[str, pd.DataFrame]:
    """Return a table minute x replicate for each value of a column, in order of appearance."""
    try:
        return {
            str(name): part.pivot(index="time", columns="replicate", values="value")
            for name, part in rows.groupby(by, sort=False, observed=True)
        }
    except ValueError as error:
        raise InputError("curves hold a minute of a replicate more than once; give each run once.") from error


def _tables(curves: pd.DataFrame, curve: str) -> dict[str, pd.DataFrame]:
    """Return one curve: for each arm, in order of appearance, a table minute x replicate."""
    _need(curves, "curves", _CURVES)
    rows = curves.loc[curves["curve"] == curve]
    if rows.empty:
        raise InputError(f"curves hold no {curve!r}, expected one of {sorted(map(str, curves['curve'].unique()))}.")
    return _split(rows, "arm")


def _hearing(curves: pd.DataFrame, marks: Marks, arm: str) -> tuple[list[str], dict[str, pd.DataFrame]]:
    """Return the names of all curves of hearing by channel, and those of one arm as tables minute x replicate."""
    names = [str(name) for name in curves["curve"].unique() if str(name).startswith("heard_")]
    if not names:
        raise InputError("curves hold no 'heard_<channel>', expected one for each channel; keep them in the study.")
    tables = _split(curves.loc[curves["curve"].isin(names) & (curves["arm"] == arm)], "curve")
    if not tables:
        raise InputError(f"curves hold no 'heard_<channel>' in the arm {arm!r}; keep them in the study.")
    return names, {name: _cut(tables[name], marks) for name in names if name in tables}


def _sum(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return reduce(add, tables)


def _cut(table: pd.DataFrame, marks: Marks) -> pd.DataFrame:
    """Return the rows within the period of the marks."""
    inside = table[(table.index >= marks.start) & (table.index < marks.end)]
    if inside.empty:
        raise InputError(f"curves hold nothing from {marks.start} to {marks.end}; give marks of the period simulated.")
    return inside


def _smooth(table: pd.DataFrame, minutes: int) -> pd.DataFrame:
    """Return the centred mean over `minutes` rows, fewer at the two ends."""
    if minutes < 1:
        raise InputError(f"minutes is {minutes}, expected 1 (as it is) or more.")
    return table if minutes == 1 else table.rolling(minutes, center=True, min_periods=1).mean()


def _hour(when: pd.Timestamp) -> pd.Timestamp:
    """Return the last whole hour of the local clock that is not after `when`."""
    return when - pd.Timedelta(minutes=when.minute, seconds=when.second, microseconds=when.microsecond)


# --- what several figures draw or say --------------------------------------------------------------------------------


def _sentence(*lines: str) -> str:
    return "\n".join(filter(None, [lines[0][:1].upper() + lines[0][1:], *lines[1:]]))


def _smoothing(minutes: int) -> str:
    return f"({minutes}-minute centred mean)" if minutes > 1 else ""


def _counts(tables: dict[str, pd.DataFrame]) -> str:
    """Return how many replicates the arms have, as legends say it."""
    counts = {arm: table.shape[1] for arm, table in tables.items()}
    if len(set(counts.values())) > 1:
        return "n = " + ", ".join(f"{n} ({arm})" for arm, n in counts.items()) + " replicates"
    n = next(iter(counts.values()))
    return f"n = {n} replicate{'s' if n > 1 else ''}"


def _uncertainty(tables: dict[str, pd.DataFrame]) -> Any:
    """Return the legend's entry on uncertainty: what the band is, or that there is none."""
    if max(table.shape[1] for table in tables.values()) < 2:
        return note(f"{_counts(tables)}: no band")
    return band_handle(f"lines are means, bands pointwise 95 % t intervals, {_counts(tables)}")


def _whiskers(n: int) -> str:
    return f"bars are means, whiskers 95 % t intervals, n = {n} replicates" if n > 1 else "n = 1 replicate: no interval"


def _draw_arms(
    ax: Axes, tables: dict[str, pd.DataFrame], order: Sequence[str], marks: Marks
) -> tuple[list[Any], list[Floats]]:
    """Draw mean and band of each arm in the look of its place in `order`; return legend handles and the drawn lines."""
    handles, lines = [], []
    for arm, whole in tables.items():
        table = _cut(whole, marks)
        place = order.index(arm)
        # A lone line has nothing to be told from, and dashes would look like noise.
        look = arm_style(place) | ({"linestyle": "solid"} if len(tables) == 1 else {})
        band, x = t_band(table), to_number(table.index)
        every = max(len(x) // 9, 1)
        look |= {"markevery": ((2 * place + 1) * every // (2 * len(order)), every), "zorder": 3 + 0.01 * place}
        look |= {"markeredgecolor": "white", "markeredgewidth": 0.4}
        if table.shape[1] > 1:
            fill = ax.fill_between(x, band["low"], band["high"], color=look["color"], alpha=0.22, linewidth=0, zorder=2)
            fill.set_gid(f"band {arm}")
        handles += ax.plot(x, band["mean"], **look, label=arm, gid=f"mean {arm}")
        lines.append(np.column_stack((x, band["mean"])))
    return handles, lines


def _draw_bars(ax: Axes, band: pd.DataFrame, places: Floats, height: float, **look: Any) -> None:
    """Draw horizontal bars of means, with whiskers where there are intervals."""
    ax.barh(places, band["mean"], height=height, zorder=2, **_BARS, **look)
    if band["low"].notna().any():
        half = np.abs(band[["low", "high"]].to_numpy().T - band["mean"].to_numpy())
        ax.errorbar(band["mean"], places, xerr=half, fmt="none", zorder=3, **_WHISKERS)


def _name_bars(ax: Axes, names: Sequence[str]) -> None:
    """Name rows of bars from top to bottom."""
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="0.9", linewidth=0.5)


def _finish(ax: Axes, handles: Sequence[Any], legend: bool, title: str | None, height: float = 0.0) -> None:
    """Add grid, legend and title, the title above the flags."""
    ax.grid(axis="y", color="0.9", linewidth=0.5)
    if legend:
        legend_below(ax, handles)
    if title:
        ax.set_title(title, loc="left", pad=height + 5)


# --- the figures -----------------------------------------------------------------------------------------------------


@styled
def posts_per_minute(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    channel: str = "twitter",
    nulls: pd.DataFrame | None = None,
    *,
    minutes: int = 5,
    kind: Literal["published", "attempted", "failed"] = "published",
    observed: bool = True,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw posts per minute of one channel in every arm, against the ordinary night and the observed totals.

    Parameters
    ----------
    ax
        Axes to draw into.
    curves
        Columns ``arm, replicate, time, curve, value``.
    marks
        The night; its period is what the axis shows.
    channel, kind
        Which curve: ``<kind>_<channel>``.
    nulls
        As `curves` with a column ``null``; the rows ``ordinary`` give the thin dashed line (mean, no band).
    minutes
        Width of the centred rolling mean that smooths every line, in minutes; 1 smooths nothing.
    observed
        Draw each observed total whose interval lies within the period, as a segment at its mean posts per minute, and
        the mean of the same minutes in each arm (not smoothed, with its 95 % t interval). An arm whose curve does not
        cover the whole interval has no such marker.
    legend, title
        Whether to draw the legend, below the axes; a title above them.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        Missing columns or curve, times without a zone, nothing within the period, `minutes` below 1.
    """
    height, handles = _draw_posts(ax, curves, marks, channel, nulls, minutes, kind, observed)
    _finish(ax, handles, legend, title, height)
    return ax


def _draw_posts(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    channel: str,
    nulls: pd.DataFrame | None,
    minutes: int = 5,
    kind: str = "published",
    observed: bool = True,
) -> tuple[float, list[Any]]:
    """Draw what `posts_per_minute` says, less legend and title; return the flags' height and the legend's handles."""
    curve = f"{kind}_{channel}"
    tables = _tables(curves, curve)
    zone = _zone(curves)
    time_axis(ax, marks.start, marks.end, zone)
    height, keys = mark_night(ax, marks, zone)
    smooth = {arm: _smooth(table, minutes) for arm, table in tables.items()}
    handles, lines = _draw_arms(ax, smooth, list(tables), marks)
    if nulls is not None:
        _need(nulls, "nulls", ("null", *_CURVES))
        rows = nulls.loc[(nulls["null"] == "ordinary") & (nulls["curve"] == curve)]
        if not rows.empty:
            mean = _cut(_smooth(rows.groupby("time")[["value"]].mean(), minutes), marks)
            line = np.column_stack((to_number(mean.index), mean["value"]))
            look: dict[str, Any] = {"color": "0.45", "linewidth": 0.9, "linestyle": (0, (2.5, 1.5)), "zorder": 2.5}
            label = f"ordinary night (mean, n = {rows['replicate'].nunique()})"
            handles += ax.plot(line[:, 0], line[:, 1], **look, label=label, gid="ordinary")
            lines.append(line)
    ax.set_ylabel(_sentence(curve_name(curve), _smoothing(minutes)))
    readable_axis(ax.yaxis)
    shown = [seen for seen in marks.observed if observed and seen[0] >= marks.start and seen[1] <= marks.end]
    if shown:
        more, markers = _draw_observed(ax, tables, shown)
        handles += more
        ax.set_ylim(bottom=0)
        _label_observed(ax, shown, [*lines, *markers])
    ax.set_ylim(bottom=0)
    return height, [*handles, _uncertainty(tables), *keys]


def _draw_observed(ax: Axes, tables: dict[str, pd.DataFrame], shown: Sequence[Any]) -> tuple[list[Any], list[Floats]]:
    """Draw observed mean rates as segments, simulated ones as markers; return legend handles, places of the markers."""
    handles: list[Any] = [Line2D([], [], **_OBSERVED, label="observed mean per minute")]
    markers: list[Floats] = []
    has_interval = False
    for first, last, total, label in shown:
        n_minutes = (last - first).total_seconds() / 60
        ends = to_number(first), to_number(last)
        ax.plot(ends, [total / n_minutes] * 2, **_OBSERVED, zorder=4, gid=f"observed {label}")
        for place, (arm, table) in enumerate(tables.items()):
            inside = table[(table.index >= first) & (table.index < last)]
            if len(inside) < round(n_minutes):
                continue
            mean, low, high = t_band(inside.mean(axis=0).to_frame().T).to_numpy()[0]
            half = None if np.isnan(low) else [[mean - low], [high - mean]]
            has_interval |= half is not None
            x = ends[0] + (ends[1] - ends[0]) * (place + 1) / (len(tables) + 1)
            look = {"fmt": arm_style(place)["marker"], "color": arm_style(place)["color"], "zorder": 5}
            bars = ax.errorbar([x], [mean], yerr=half, **look, **_SIMULATED, **_WHISKERS)
            bars.lines[0].set_gid(f"simulated {arm} {label}")
            markers.append(np.array([[x, mean]]))
    if markers:
        words = "simulated mean of the same minutes, by arm" + has_interval * ", 95 % t interval"
        handles.append(Line2D([], [], marker="o", linestyle="none", color="0.6", **_SIMULATED, label=words))
    return handles, markers


def _label_observed(ax: Axes, shown: Sequence[Any], lines: Iterable[Floats]) -> None:
    """Write what each observed segment is, where neither lines nor other labels are."""
    gap = 5 * pixels(ax)
    crowd = [dense(ax.transData.transform(line)) for line in lines]
    texts, candidates = [], []
    for first, last, total, label in shown:
        rate = total / ((last - first).total_seconds() / 60)
        text = floating_text(ax, f"observed {readable(total, 4)} ({label})", 7, "observed label")
        (left, y), (right, _) = ax.transData.transform([(to_number(first), rate), (to_number(last), rate)])
        box = text.get_window_extent()
        # Beside the segment only where it is too short to carry its label.
        starts = np.linspace(left + gap, right - box.width - gap, 9).tolist()
        if right - left < box.width + 2 * gap:
            starts = [left + gap, right - box.width - gap, right + gap, left - box.width - gap]
        lifts = [y + gap * (1 + i / 2) for i in range(12)] + [y - box.height - gap * (1 + i / 2) for i in range(12)]
        candidates.append([(x, lift) for lift in lifts for x in starts])
        crowd.append(dense(np.array([[left, y], [right, y]])))
        texts.append(text)
    settle_texts(ax, texts, candidates, np.concatenate(crowd), gap / 2)


@styled
def people_on_squares(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    curve: str = "on_squares",
    *,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw how many people are on the squares in every arm.

    Parameters
    ----------
    ax
        Axes to draw into.
    curves
        Columns ``arm, replicate, time, curve, value``.
    marks
        The night; its period is what the axis shows.
    curve
        Another count of people, for example ``online``.
    legend, title
        Whether to draw the legend, below the axes; a title above them.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        Missing columns or curve, times without a zone, nothing within the period.
    """
    tables = _tables(curves, curve)
    zone = _zone(curves)
    time_axis(ax, marks.start, marks.end, zone)
    height, keys = mark_night(ax, marks, zone)
    handles, _ = _draw_arms(ax, tables, list(tables), marks)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(_sentence(curve_name(curve)))
    readable_axis(ax.yaxis)
    _finish(ax, [*handles, _uncertainty(tables), *keys], legend, title, height)
    return ax


@styled
def first_hearing(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    arm: str,
    *,
    population: float | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    smallest: float = 0.005,
    title: str | None = None,
) -> Axes:
    """Draw through which channel people first heard: stacked cumulative areas, mean over replicates, one arm.

    Parameters
    ----------
    ax
        Axes to draw into.
    curves
        Columns ``arm, replicate, time, curve, value`` with the curves ``heard_<channel>`` (cumulative people).
    marks
        The night.
    arm
        Which arm.
    population
        People that shares refer to; None shows people instead of shares.
    start, end
        What the axis shows. Default: from the whole hour before anyone has heard until the whole hour at which 99 % of
        those who ever hear have heard, six hours at least, within the marks' period.
    smallest
        Channels with less than this share of all first hearings are drawn as one area.
    title
        Title above the axes.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`. The legend, to the right and in the order of the stack, gives the values at the end of the marks' period.

    Raises
    ------
    InputError
        Missing columns, curves or arm, times without a zone, nothing within the period, `population` not above 0.
    """
    _need(curves, "curves", _CURVES)
    zone = _zone(curves)
    _arm(curves["arm"].unique(), arm, "curves")
    if population is not None and population <= 0:
        raise InputError(f"population is {population}, expected the number of people that shares refer to, above 0.")
    names, people = _hearing(curves, marks, arm)
    scale = 1.0 if population is None else 100.0 / population
    parts = {name: table * scale for name, table in people.items()}
    total = _sum(parts.values())
    default = _hearing_period(total, marks)
    shown = marks.between(start or default[0], end or default[1])
    time_axis(ax, shown.start, shown.end, zone)
    height, keys = mark_night(ax, shown, zone, in_front=True)
    x, band = to_number(total.index), t_band(total)
    handles: list[Any] = []
    base = np.zeros(len(x))
    for label, values, look in _stack(parts, names, band["mean"], smallest):
        ax.fill_between(x, base, base + values, **look, zorder=2).set_gid(f"area {label}")
        handles.insert(0, Patch(**look, label=f"{label}: {_amount(values[-1], population)}"))
        base = base + values
    label = f"all channels: {_amount(float(band['mean'].iloc[-1]), population)}"
    handles += ax.plot(x, band["mean"], color="black", linewidth=1, zorder=3, label=label, gid="total")
    if total.shape[1] > 1:
        dashes: dict[str, Any] = {"color": "black", "linewidth": 0.7, "linestyle": (0, (2, 1.5)), "zorder": 3}
        handles += ax.plot(x, band["low"], **dashes, label="its pointwise 95 % t band,", gid="total low")
        ax.plot(x, band["high"], **dashes, gid="total high")
        handles.append(note(_counts({arm: total})))
    else:
        handles.append(note("n = 1 replicate: no band"))
    ax.set_ylim(0, float(np.nanmax(band[["mean", "high"]].to_numpy())) * 1.05 or 1)
    readable_axis(ax.yaxis)
    what = "People who have heard," if population is None else "Share of the population (%) that has heard,"
    ax.set_ylabel(f"{what}\nby channel of first hearing")
    until = marks.end.tz_convert(zone)
    legend_right(ax, [*handles, *keys], title=f"at the end ({until.day} {until:%b} {until:%H:%M})")
    if title:
        ax.set_title(title, loc="left", pad=height + 5)
    return ax


def _stack(
    parts: dict[str, pd.DataFrame], names: Sequence[str], total: pd.Series, smallest: float
) -> list[tuple[str, Floats, dict[str, Any]]]:
    """Return label, mean and look of each area from the bottom up; a channel has the same look in every arm."""
    means = {name: table.mean(axis=1).to_numpy(dtype=float) for name, table in parts.items()}
    large = [name for name in means if means[name][-1] >= smallest * float(total.iloc[-1])]
    areas = [(channel_name(name.removeprefix("heard_")), means[name], area_style(names.index(name))) for name in large]
    if small := [means[name] for name in means if name not in large]:
        plain: dict[str, Any] = {"facecolor": "0.3", "edgecolor": "0.3", "linewidth": 0.4}
        areas.append((f"{len(small)} other channel{'s' if len(small) > 1 else ''}", np.sum(small, axis=0), plain))
    return areas


def _amount(value: float, population: float | None) -> str:
    return readable(value) if population is None else f"{value:.1f} %"


def _hearing_period(total: pd.DataFrame, marks: Marks) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return what to show by default of the cumulative number of people who have heard."""
    mean = total.mean(axis=1).to_numpy(dtype=float)
    if not mean[-1] > 0:
        return marks.start, marks.end
    first = _hour(total.index[mean > 0][0])
    full = _hour(total.index[mean >= 0.99 * mean[-1]][0] + pd.Timedelta(minutes=59))
    return max(marks.start, first), min(marks.end, max(full, first + pd.Timedelta(hours=6)))


@styled
def paired_difference(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    baseline: str,
    arm: str | Sequence[str],
    curve: str = "on_squares",
    *,
    cumulative: bool = False,
    minutes: int = 1,
    legend: bool = True,
    flags: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw the difference `arm` - `baseline` over time, paired by replicate: mean and pointwise 95 % t band.

    Parameters
    ----------
    ax
        Axes to draw into.
    curves
        Columns ``arm, replicate, time, curve, value``.
    marks
        The night; its period is what the axis shows.
    baseline, arm
        The arms; several at `arm` give one line each.
    curve
        Which curve.
    cumulative
        Sum the differences from the start of the period, replicate by replicate: for counts per minute.
    minutes
        Width of a centred rolling mean in minutes; 1, the default, smooths nothing. Without effect on sums.
    legend, flags, title
        Whether to draw the legend, below the axes; whether to write what the marks are; a title above the axes.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        Missing columns, curve or arm, times without a zone, nothing within the period, no replicate in both arms.
    """
    tables = _tables(curves, curve)
    zone = _zone(curves)
    arms = [arm] if isinstance(arm, str) else list(arm)
    for name in [baseline, *arms]:
        _arm(tables, name, "curves")
    differences: dict[str, pd.DataFrame] = {}
    for name in arms:
        common = tables[name].columns.intersection(tables[baseline].columns)
        if common.empty:
            raise InputError(f"{name!r} and {baseline!r} share no replicate, expected at least one; run both in it.")
        difference = tables[name][common] - tables[baseline][common]
        differences[name] = _cut(difference, marks).cumsum() if cumulative else _smooth(difference, minutes)
    time_axis(ax, marks.start, marks.end, zone)
    height, keys = mark_night(ax, marks, zone, flags=flags)
    ax.axhline(0, color="0.2", linewidth=0.7, zorder=1.8, gid="zero")
    handles, _ = _draw_arms(ax, differences, list(tables), marks)
    for line, name in zip(handles, arms, strict=True):
        n = differences[name].shape[1]
        line.set_label(f"{name} {_MINUS} {baseline}, n = {n} paired replicate{'s' if n > 1 else ''}")
    has_band = any(table.shape[1] > 1 for table in differences.values())
    handles.append(band_handle("mean and pointwise 95 % t band") if has_band else note("one pair: no band"))
    words = curve_name(curve)
    if cumulative:
        words = words.removesuffix(" per minute") + f",\nsummed from {marks.start.tz_convert(zone):%H:%M}"
    elif minutes > 1:
        words += "\n" + _smoothing(minutes)
    ax.set_ylabel(f"Difference in\n{words}")
    readable_axis(ax.yaxis)
    _finish(ax, [*handles, *keys], legend, title, height)
    return ax


@styled
def squares_by_province(
    ax: Axes,
    squares: pd.DataFrame,
    provinces: pd.DataFrame,
    arm: str,
    *,
    view: Literal["map", "ranked"] = "map",
    largest: int | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the peak number of people on each province's squares in one arm, as a map or as ranked bars.

    A province's peak is the largest value of each replicate, averaged over replicates, whenever the province has it.

    Parameters
    ----------
    ax
        Axes to draw into.
    squares
        Columns ``arm, replicate, time, province, value``, people.
    provinces
        Columns ``province, latitude, longitude, population``; provinces that `squares` lack count as 0 people.
    arm
        Which arm.
    view
        ``map``: circles at the main cities, area by people, grey by people per 1,000 inhabitants. ``ranked``: bars with
        95 % t intervals, and the numbers per 1,000 inhabitants at the right.
    largest
        How many provinces to name on the map (default 10) or to rank (default 20).
    title
        Title above the axes.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        Missing columns or arm, or a province of `squares` that `provinces` lack.
    """
    _need(squares, "squares", ("arm", "replicate", "province", "value"))
    _need(provinces, "provinces", ("province", "latitude", "longitude", "population"))
    _arm(squares["arm"].unique(), arm, "squares")
    peaks = squares.loc[squares["arm"] == arm].pivot_table(
        index="province", columns="replicate", values="value", aggfunc="max", observed=True
    )
    if unknown := sorted(set(peaks.index) - set(provinces["province"])):
        raise InputError(f"squares hold the provinces {unknown}, expected names of the table of provinces.")
    table = provinces.set_index("province").join(t_band(peaks)).fillna({"mean": 0.0})
    table["per_1000"] = 1000 * table["mean"] / table["population"]
    table = table.sort_values("mean", ascending=False, kind="stable")
    if view == "map":
        _draw_map(ax, table, 10 if largest is None else largest, peaks.shape[1])
    else:
        _draw_ranked(ax, table.head(20 if largest is None else largest), peaks.shape[1])
    if title:
        ax.set_title(title, loc="left", pad=16 if view == "ranked" else 6)
    return ax


def _draw_map(ax: Axes, table: pd.DataFrame, largest: int, n: int) -> None:
    """Draw a table sorted by peak as circles at latitude and longitude, and name the `largest`."""
    norm = Normalize(0, float(table["per_1000"].max()) or 1.0)
    whole = float(table["mean"].max())
    area = 900 / (whole or 1.0)  # points squared per person; the largest circle is 30 points wide
    sizes = np.maximum(table["mean"].to_numpy(dtype=float) * area, 1.0)
    where = table[["longitude", "latitude"]].to_numpy(dtype=float)
    ax.set_aspect(1 / float(np.cos(np.deg2rad(where[:, 1].mean()))), adjustable="datalim")
    look: dict[str, Any] = {"edgecolors": "black", "linewidths": 0.5, "zorder": 2, "gid": "provinces"}
    ax.scatter(where[:, 0], where[:, 1], s=sizes, c=table["per_1000"].to_numpy(), cmap=_GREYS, norm=norm, **look)
    ax.margins(0.12, 0.19)
    ax.set_xlabel("Longitude (degrees east)")
    ax.set_ylabel("Latitude (degrees north)")
    ax.apply_aspect()
    _name_circles(ax, table[table["mean"] > 0].head(largest), ax.transData.transform(where), np.sqrt(sizes) / 2)
    look = {"linestyle": "none", "marker": "o", "color": "white", "markeredgecolor": "black", "markeredgewidth": 0.5}
    examples = dict.fromkeys(_round(whole * share) for share in (1, 0.25, 0.05)) if whole > 0 else {}
    handles = [Line2D([], [], markersize=float(np.sqrt(x * area)), label=readable(x), **look) for x in examples]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 0.93), handlelength=4, handleheight=4)
    ax.text(1.02, 1, "people at the peak", transform=ax.transAxes, fontsize=7, va="top")
    bar = ax.figure.colorbar(ScalarMappable(norm, _GREYS), cax=ax.inset_axes((1.02, 0.05, 0.02, 0.42)))
    bar.set_label("peak per 1,000 inhabitants", fontsize=7)
    below: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    words = (
        "Circles lie at each province's main city, not at its squares, and may overlap. Peak: the largest number on\n"
        f"the province's squares, at its own time; mean of n = {n} replicate{'s' if n > 1 else ''}."
    )
    ax.annotate(words, (0, 0), (0, -30), va="top", fontsize=6.5, color="0.3", **below)


def _name_circles(ax: Axes, named: pd.DataFrame, centres: Floats, radii: Floats) -> None:
    """Write names and peaks beside the first circles, clear of each other and, where there is room, of all circles.

    `centres` are pixels, `radii` points.
    """
    point = pixels(ax)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rings = np.concatenate([np.column_stack((np.cos(turns), np.sin(turns))) * share for share in (1.0, 0.6, 0.2)])
    crowd = np.concatenate([centre + rings * radius * point for centre, radius in zip(centres, radii, strict=True)])
    named_circles = list(zip(named["mean"].items(), centres, radii, strict=False))
    texts = [
        floating_text(ax, f"{name} {readable(float(value))}", 6.5, "province label")
        for (name, value), _, _ in named_circles
    ]
    boxes = [text.get_window_extent() for text in texts]
    turn = np.deg2rad([0, 180, 90, 270, 35, 325, 145, 215, 65, 295, 115, 245])
    candidates: list[list[tuple[float, float]]] = []
    for (_, (x, y), radius), box in zip(named_circles, boxes, strict=True):
        # A box touches the circle of this reach with the side or corner that faces the centre.
        reach = (radius + np.arange(2, 40, 4)[:, None]) * point
        across = x + reach * np.cos(turn) - box.width * (1 - np.cos(turn)) / 2
        up = y + reach * np.sin(turn) - box.height * (1 - np.sin(turn)) / 2
        candidates.append(list(zip(across.ravel().tolist(), up.ravel().tolist(), strict=True)))
    corners = settle_texts(ax, texts, candidates, crowd, point)
    for (_, centre, radius), box, corner in zip(named_circles, boxes, corners, strict=True):
        nearest = np.clip(centre, corner, (corner[0] + box.width, corner[1] + box.height))
        if (distance := float(np.hypot(*(nearest - centre)))) > (radius + 5) * point:
            rim = centre + (nearest - centre) * radius * point / distance
            line = ax.transAxes.inverted().transform([rim, nearest])
            ax.plot(line[:, 0], line[:, 1], color="0.3", linewidth=0.5, transform=ax.transAxes, zorder=3)


def _round(value: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above a positive value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(step for step in (1, 2, 5) if step * power <= value * (1 + 1e-9)))


def _draw_ranked(ax: Axes, table: pd.DataFrame, n: int) -> None:
    """Draw a table sorted by peak as bars, with the peaks per 1,000 inhabitants in a column at the right."""
    _draw_bars(ax, table, np.arange(len(table), dtype=np.float64), 0.7, color="0.72")
    _name_bars(ax, [str(name) for name in table.index])
    readable_axis(ax.xaxis)
    ax.set_xlabel(f"People on the squares at the province's peak ({_whiskers(n)})")
    look: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "fontsize": 6.5, "ha": "right"}
    ax.text(1.08, -0.75, "per 1,000\ninhabitants", va="bottom", **look)
    for place, value in enumerate(table["per_1000"]):
        ax.text(1.08, place, f"{value:.1f}", va="center", **look)


@styled
def last_touch(ax: Axes, outcomes: pd.DataFrame, arm: str, *, legend: bool = True, title: str | None = None) -> Axes:
    """Draw, by channel, the last exposure before deciding and the first hearing: bars with 95 % t intervals, one arm.

    Parameters
    ----------
    ax
        Axes to draw into.
    outcomes
        Columns ``arm, replicate, outcome, value, unit`` with the outcomes ``tipped_by_<channel>`` and
        ``first_heard_<channel>``, in one unit; shares are drawn in percent. Missing values are left out.
    arm
        Which arm.
    legend, title
        Whether to draw the legend, below the axes; a title above them.

    Returns
    -------
    matplotlib.axes.Axes
        `ax`.

    Raises
    ------
    InputError
        Missing columns or arm, no such outcomes, more than one unit.
    """
    _need(outcomes, "outcomes", ("arm", "replicate", "outcome", "value", "unit"))
    _arm(outcomes["arm"].unique(), arm, "outcomes")
    prefixes = {"tipped_by_": "last exposure before deciding", "first_heard_": "first hearing"}
    is_ours = outcomes["outcome"].astype(str).str.startswith(tuple(prefixes)) & outcomes["value"].notna()
    rows = outcomes.loc[is_ours & (outcomes["arm"] == arm)]
    if rows.empty:
        raise InputError(f"outcomes hold no value of tipped_by_<channel> or first_heard_<channel> in the arm {arm!r}.")
    if len(units := sorted(set(rows["unit"].astype(str)))) > 1:
        raise InputError(f"tipped_by_* and first_heard_* have the units {units}, expected one; give shares.")
    is_share = units[0] in ("share", "1", "")
    unit = "%" if is_share or units[0] == "percent" else units[0]
    values = rows.pivot_table(index="outcome", columns="replicate", values="value", observed=True)
    band = t_band(values * (100 if is_share else 1))
    means = {str(name): float(value) for name, value in band["mean"].items()}
    channels = {name.removeprefix(prefix) for name in means for prefix in prefixes if name.startswith(prefix)}
    ranked = sorted(channels, key=lambda name: (*(-means.get(prefix + name, 0.0) for prefix in prefixes), name))
    handles: list[Any] = []
    looks: tuple[dict[str, Any], ...] = ({"facecolor": "#3B6E8F"}, {"facecolor": "white", "hatch": "//////"})
    for (prefix, label), look, shift in zip(prefixes.items(), looks, (-0.19, 0.19), strict=True):
        chosen = band.reindex([prefix + name for name in ranked])
        if chosen["mean"].notna().any():
            _draw_bars(ax, chosen, shift + np.arange(len(ranked), dtype=np.float64), 0.36, **look)
            handles.append(Patch(label=label, **_BARS, **look))
    _name_bars(ax, [channel_name(name) for name in ranked])
    ax.set_xlabel(f"Share ({unit}): last exposure before deciding (last touch, not cause), and first hearing")
    if legend:
        legend_below(ax, [*handles, note(_whiskers(values.shape[1]))])
    if title:
        ax.set_title(title, loc="left", pad=5)
    return ax


# --- all of them, as files -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What `write_all` did: the files it wrote, and the reason for each file that it could not."""

    paths: list[Path]
    skipped: dict[str, str]


def write_all(
    folder: Path | str,
    curves: pd.DataFrame,
    nulls: pd.DataFrame | None,
    squares: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    provinces: pd.DataFrame | None,
    marks: Marks,
    *,
    baseline: str | None = None,
    arm: str | None = None,
    population: float | None = None,
    channel: str = "twitter",
    dpi: int = 200,
) -> Written:
    """Write the figures of a study as PNG files, each whole or not at all.

    Parameters
    ----------
    folder
        Where to; made if need be.
    curves, nulls, squares, outcomes, provinces
        The tables that the figures need; None where there is none.
    marks
        The night.
    baseline
        The arm that differences refer to; default: ``open`` if there is one, else the first.
    arm
        The arm of the figures that show one; default: the first that is not the baseline.
    population
        People that shares of hearing refer to; default: the sum of `provinces`, else people are shown.
    channel
        Whose posts are shown.
    dpi
        Resolution in dots per inch.

    Returns
    -------
    Written
        Paths, and for each name that is missing the reason in words. A figure without data does not stop the others.

    Raises
    ------
    InputError
        `curves` without arms or columns, or an unknown `baseline` or `arm`.
    OSError
        The folder cannot be written.
    """
    _need(curves, "curves", _CURVES)
    arms = list(dict.fromkeys(map(str, curves["arm"].unique())))
    if not arms:
        raise InputError("curves are empty, expected at least one arm; give the table that a study writes.")
    baseline = baseline or ("open" if "open" in arms else arms[0])
    others = [name for name in arms if name != baseline]
    arm = arm or (others or [baseline])[0]
    for name in (baseline, arm):
        _arm(arms, name, "curves")
    if population is None and provinces is not None and "population" in provinces:
        population = float(provinces["population"].sum())
    names = [str(name) for name in curves["curve"].unique()]
    posts = f"published_{channel}"
    kept = [name for name in names if name in (posts, "on_squares") or name.startswith("heard_")]
    curves = curves.loc[curves["curve"].isin(kept)]
    late = _eventful(curves, marks)
    plans: dict[str, Callable[[], Figure | str]] = {
        "posts.png": partial(_posts_figure, curves, marks, channel, nulls),
        "squares.png": partial(_squares_figure, curves, late),
        "first_hearing.png": partial(_hearing_figure, curves, marks, [baseline, *others], population),
        "difference.png": partial(_difference_figure, curves, late, baseline, others, posts),
        "provinces.png": partial(_provinces_figure, squares, provinces, arm),
        "last_touch.png": partial(_touch_figure, outcomes, arm),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    skipped: dict[str, str] = {}
    for file, plan in plans.items():
        try:
            drawing = plan()
        except InputError as error:
            drawing = str(error)
        if isinstance(drawing, str):
            skipped[file] = drawing
        else:
            paths.append(_save(drawing, folder / file, dpi))
    return Written(paths, skipped)


@styled
def _save(drawing: Figure, path: Path, dpi: int) -> Path:
    """Write a figure beside its place and move it there; return the path."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        drawing.savefig(
            beside, format="png", dpi=dpi, bbox_inches="tight", pad_inches=0.08, metadata={"Software": None}
        )
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
    return path


def _eventful(curves: pd.DataFrame, marks: Marks) -> Marks:
    """Return the marks with a period that begins two hours before anyone is on the squares or the first mark."""
    out = curves.loc[(curves["curve"] == "on_squares") & (curves["value"] > 0), "time"]
    moments = [window[0] for window in marks.windows] + [when for when, _ in marks.calls]
    moments += [] if out.empty else [out.min()]
    moments = [when for when in moments if marks.start <= when < marks.end]
    return marks.between(max(marks.start, _hour(min(moments)) - pd.Timedelta(hours=2)), None) if moments else marks


def _zoom(marks: Marks) -> Marks | None:
    """Return the hours around the throttle, or around the first call; None where that is most of the period anyway."""
    if marks.windows:
        start, end = min(window[0] for window in marks.windows), max(window[1] for window in marks.windows)
    elif marks.calls:
        start = end = min(when for when, _ in marks.calls)
    else:
        return None
    start = max(marks.start, _hour(start - pd.Timedelta(hours=1)))
    end = min(marks.end, _hour(end + pd.Timedelta(minutes=239)))
    return marks.between(start, end) if start < end and (end - start) < 0.6 * (marks.end - marks.start) else None


@styled
def _posts_figure(curves: pd.DataFrame, marks: Marks, channel: str, nulls: pd.DataFrame | None) -> Figure:
    if nulls is not None:
        _need(nulls, "nulls", ("null", *_CURVES))
        nulls = nulls.loc[(nulls["curve"] == f"published_{channel}") & (nulls["null"] == "ordinary")]
    zoom = _zoom(marks)
    if zoom is None:
        drawing, panels = figure()
        posts_per_minute(panels[0], curves, marks, channel, nulls)
        return drawing
    drawing, panels = figure((2.6, 2.2))
    height, handles = _draw_posts(panels[0], curves, marks, channel, nulls)
    _finish(panels[0], [], False, "(a) the whole period", height)
    panels[0].set_xlabel("")
    height, _ = _draw_posts(panels[1], curves, zoom, channel, nulls)
    # One legend for both panels, at the bottom: (a) shows all that (b) can.
    around = "throttle" if marks.windows else "first call"
    _finish(panels[1], handles, True, f"(b) the hours around the {around}", height)
    spread(drawing, panels)
    return drawing


def _squares_figure(curves: pd.DataFrame, marks: Marks) -> Figure:
    drawing, panels = figure()
    people_on_squares(panels[0], curves, marks)
    return drawing


@styled
def _hearing_figure(curves: pd.DataFrame, marks: Marks, arms: Sequence[str], population: float | None) -> Figure:
    totals = [_sum(_hearing(curves, marks, arm)[1].values()) for arm in arms]
    starts, ends = zip(*(_hearing_period(total, marks) for total in totals), strict=True)
    drawing, panels = figure((2.3,) * len(arms), width=5.2)
    for panel, arm in zip(panels, arms, strict=True):
        first_hearing(panel, curves, marks, arm, population=population, start=min(starts), end=max(ends), title=arm)
    top = max(panel.get_ylim()[1] for panel in panels)
    for panel in panels:
        panel.set_ylim(0, top)
    for panel in panels[:-1]:
        panel.set_xlabel("")
    spread(drawing, panels)
    return drawing


@styled
def _difference_figure(
    curves: pd.DataFrame, marks: Marks, baseline: str, arms: Sequence[str], posts: str
) -> Figure | str:
    if not arms:
        return f"there is only the arm {baseline!r}, and a difference needs two"
    drawing, panels = figure((2.1, 2.1), share_x=True)
    paired_difference(panels[0], curves, marks, baseline, arms, "on_squares", legend=False)
    paired_difference(panels[1], curves, marks, baseline, arms, posts, minutes=5, flags=False)
    panels[0].set_xlabel("")
    spread(drawing, panels)
    return drawing


@styled
def _provinces_figure(squares: pd.DataFrame | None, provinces: pd.DataFrame | None, arm: str) -> Figure | str:
    if squares is None or squares.empty:
        return "there is no table of people on each province's squares"
    if provinces is None or provinces.empty:
        return "there is no table of provinces"
    drawing, panels = figure((2.75, 3.6))
    squares_by_province(panels[0], squares, provinces, arm, view="map", title=f"(a) {arm}, all provinces")
    squares_by_province(panels[1], squares, provinces, arm, view="ranked", title=f"(b) {arm}, the largest peaks")
    spread(drawing, panels, gap=0.2)
    return drawing


def _touch_figure(outcomes: pd.DataFrame | None, arm: str) -> Figure | str:
    if outcomes is None or outcomes.empty:
        return "there is no table of outcomes"
    drawing, panels = figure((3.6,))
    last_touch(panels[0], outcomes, arm, title=arm)
    return drawing
