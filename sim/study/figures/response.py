"""Dose and response: an outcome, or its paired difference, over a swept parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

from sim.errors import InputError
from sim.measures.intervals import Floats
from sim.study.figures.designs import MANY, Axis, Points, averaged, binned, points_of
from sim.study.figures.labels import pixels
from sim.study.figures.replicates import WHISKERS
from sim.study.figures.style import arm_style, legend_below, note, readable, styled
from sim.study.figures.words import words_of_outcome, words_of_parameter

__all__ = ["dose_response", "draw_response", "is_cut", "outcome_axis", "parameter_axis"]

_ASIDE = 3.2  # points between whiskers of several lines
_MOST_WHISKERS = 25  # more points along a line carry a band
_ROOM = 4.0  # whiskers longer than this, in heights of what the lines span, leave the axes
BEYOND = "some points or whiskers lie beyond the axes"
_NUMBERS = ("value", "low", "high", "n")
_MOST_POINTS = 3000  # of each line that are drawn: more are one grey area, and the means rest on all


@styled
def dose_response(
    ax: Axes,
    table: pd.DataFrame,
    factor: str,
    outcome: str,
    *,
    level: str | None = None,
    arms: str | Sequence[str] | None = None,
    log: bool = False,
    bins: int | None = None,
    legend: bool | Axes = True,
    title: str = "",
) -> Axes:
    """Draw an outcome over a swept parameter, one line for each arm and for each value of a second parameter.

    Where a point of the design stands alone at its value of the parameter, the line joins the estimates, with their
    pointwise 95 % intervals. Where other parameters vary as well, points are the estimates; the line is, on a grid,
    their mean at each value with the means of their bounds (`averaged`), and in scattered designs the mean of bins of
    equally many points with its pointwise 95 % interval, over points and replicates (`pooled`). The legend says which it
    is, and how many values were missing.

    Parameters
    ----------
    ax, legend, title
        As in all figures (`sim.study.figures`).
    table
        Of the shape of ``summary`` (levels) or of ``contrasts`` (paired differences, drawn with a line at 0), with
        swept parameters as further columns; `sim.collect.collect` gives it.
    factor
        The parameter on the x axis: a column of numbers, or of times (timestamps, or hours and minutes as text).
    outcome
        A name of the column ``outcome``.
    level
        A second parameter, of few values.
    arms
        Which arms; default: all of the table.
    log
        Whether the x axis is logarithmic.
    bins
        Number of bins in scattered designs; default: one for 25 points, from 3 to 20.
    """
    handles = draw_response(ax, table, factor, outcome, level=level, arms=arms, log=log, bins=bins, title=title)
    handles += [note(BEYOND)] if is_cut(ax) else []
    legend_below(ax, handles, legend)
    return ax


def draw_response(
    ax: Axes,
    table: pd.DataFrame,
    factor: str,
    outcome: str,
    *,
    level: str | None = None,
    arms: str | Sequence[str] | None = None,
    log: bool = False,
    bins: int | None = None,
    title: str = "",
) -> list[Any]:
    """Draw what `dose_response` draws, without a legend, and return the legend's entries."""
    points = points_of(table, outcome, [factor] if level is None else [factor, level], arms)
    axis = points.axis(factor)
    if axis.kind == "text":
        raise InputError(
            f"{factor} has values such as {axis.levels[0]!r}, expected numbers or times; compare its values instead."
        )
    if log and axis.kind == "number" and min(axis.levels) <= 0:
        raise InputError(f"{factor} goes down to {min(axis.levels):g}, expected values above 0 on a logarithmic axis.")
    if bins is not None and bins < 1:
        raise InputError(f"bins is {bins}, expected 1 or more.")
    lines = _lines(points, factor, level)
    parameter_axis(ax, axis, log=log)
    drawn = []
    for place, line in enumerate(lines):
        x, y = axis.positions(line.rows[factor]), line.rows["value"].to_numpy(dtype=np.float64)
        if line.kind == "alone":
            means = line.rows.assign(x=x).sort_values("x")
        elif line.kind == "grid":
            means = averaged(line.rows.assign(x=x), ["x"])
        else:
            means = binned(line.rows.assign(x=x), bins or min(20, max(3, len(x) // 25)))
        if line.kind != "alone":
            _cloud(ax, x, y, line.look, place)
        drawn.append(replace(line, means=means, x=x))
    handles = [_draw(ax, line, place, len(lines)) for place, line in enumerate(drawn)]
    _frame(ax, np.concatenate([line.x for line in drawn]), _ASIDE * len(drawn) / 2, log=log)
    _limits(ax, drawn, points)
    outcome_axis(ax, points)
    ax.grid(axis="y", color="0.9", linewidth=0.5)
    ax.set_title(title, loc="left", pad=5)
    return handles + [note(text) for text in _notes(drawn, points) if text]


@dataclass(frozen=True)
class _Line:
    """One line: its words, look and rows, how points lie along it, and what is drawn of them."""

    label: str
    look: dict[str, Any]
    rows: pd.DataFrame
    kind: str
    means: pd.DataFrame = field(default_factory=pd.DataFrame)
    x: Floats = field(default_factory=lambda: np.array([]))

    @property
    def has_intervals(self) -> bool:
        """Return whether any interval is drawn."""
        return bool(self.means["low"].notna().any())


def _lines(points: Points, factor: str, level: str | None) -> list[_Line]:
    """Return the lines: their looks tell arms apart; colours and markers a second parameter, and dashes then the arms.

    Markers of the first of several arms, which is the baseline, are hollow.
    """
    arms, found = points.arms, []
    levels = points.axis(level) if level else None
    factor_and_numbers = [factor, *_NUMBERS]
    for a, arm in enumerate(arms):
        place = a + points.is_difference  # the baseline, which is subtracted, has the first look in all figures
        own = arm_style(place)
        own["markerfacecolor"] = "white" if place == 0 and len(arms) > 1 else own["color"]
        name = f"{arm} \N{MINUS SIGN} {points.baseline}" if points.is_difference else arm
        of_arm = points.rows.loc[points.rows["arm"] == arm]
        if levels is None or level is None:
            found.append(_Line(name, own, *_kind(of_arm, factor, level)))
            continue
        parts = [(value, of_arm.loc[of_arm[level] == value]) for value in levels.levels]
        parts = [(value, rows) for value, rows in parts if len(rows)]
        if _is_one(part[factor_and_numbers] for _, part in parts):
            found.append(_Line(name, own, *_kind(parts[0][1], factor, level)))
            continue
        for value, rows in parts:
            look = arm_style(levels.levels.index(value)) | {"linestyle": own["linestyle"]}
            look["markerfacecolor"] = "white" if own["markerfacecolor"] == "white" else look["color"]
            found.append(_Line(f"{name}, {level} = {levels.label(value)}", look, *_kind(rows, factor, level)))
    return found


def _is_one(parts: Iterable[pd.DataFrame]) -> bool:
    """Return whether all parts hold the same rows: what tells them apart has no effect, as on the arm without a throttle."""
    distinct = {tuple(sorted(set(part.itertuples(index=False, name=None)))) for part in parts}
    return len(distinct) == 1


def _kind(rows: pd.DataFrame, factor: str, level: str | None) -> tuple[pd.DataFrame, str]:
    """Return rows and how they lie along a parameter: alone at each value, on a grid with others, or scattered.

    Where other parameters vary without any effect, as those of a throttle in the arm without one, rows stand alone.
    """
    different = rows.drop_duplicates([factor, *_NUMBERS])
    if different[factor].is_unique and len(different) < len(rows):
        return different, "alone"
    own = {"arm", "method", factor, level, *_NUMBERS}
    vary = any(rows[name].nunique(dropna=False) > 1 for name in rows if name not in own)
    if rows[factor].is_unique and not (vary and len(rows) >= MANY):
        return rows, "alone"
    is_cloud = len(rows) >= MANY and 2 * rows[factor].nunique() > len(rows)
    return rows, "scattered" if is_cloud else "grid"


def _cloud(ax: Axes, x: Floats, y: Floats, look: dict[str, Any], place: int) -> None:
    """Draw the points of a design, faint where they are many."""
    every = -(-len(x) // _MOST_POINTS)
    faint = min(0.6, max(0.2, 60 / len(x)))
    dot: dict[str, Any] = {"s": 5 if len(x) < 500 else 3, "linewidths": 0, "alpha": faint, "marker": look["marker"]}
    ax.scatter(x[::every], y[::every], color=look["color"], zorder=1.9, gid=f"points {place}", **dot)


def _draw(ax: Axes, line: _Line, place: int, n_lines: int) -> Any:
    """Draw a line with whiskers, or with a band where it has many points; return its legend entry.

    Whiskers of several lines stand side by side.
    """
    means, look = line.means, line.look
    keys: dict[str, Any] = {**look, "markeredgecolor": look["color"], "label": line.label}
    x, y, has = means["x"], means["value"], means["low"].notna()
    is_long = len(means) > _MOST_WHISKERS
    # Bins have values of their own, and a curve that is moved aside looks like a higher one.
    shift = 0.0 if is_long or line.kind == "scattered" else _ASIDE * (place - (n_lines - 1) / 2)
    aside = ax.transData + ScaledTranslation(shift / 72, 0, ax.figure.dpi_scale_trans)
    if is_long:
        keys["markevery"] = max(len(means) // 9, 1)
        shade: dict[str, Any] = {"facecolor": (look["color"], 0.22), "edgecolor": (look["color"], 0.45)}
        ax.fill_between(x, means["low"], means["high"], linewidth=0.3, zorder=2, gid=f"band {place}", **shade)
    elif has.any():
        bars: dict[str, Any] = WHISKERS | {"ecolor": look["color"], "zorder": 3}
        reach = np.stack([(y - means["low"])[has], (means["high"] - y)[has]]).clip(0)
        ax.errorbar(x[has], y[has], yerr=reach, fmt="none", transform=aside, gid=f"whiskers {place}", **bars)
    ax.plot(x, y, transform=aside, zorder=3 + 0.01 * place, gid=f"mean {place}", **keys)
    keys.pop("markevery", None)
    return Line2D([], [], **keys)


def _frame(ax: Axes, x: Floats, aside: float, *, log: bool) -> None:
    """Set the x axis to the values of the parameter and some room, also for what stands `aside` by some points."""
    low, high = float(x.min()), float(x.max())
    share = 0.04 + aside / (ax.get_window_extent().width / pixels(ax))
    if log:
        room = (high / low) ** share if high > low else 2.0
        ax.set_xlim(low / room, high * room)
    else:
        room = share * (high - low) or share * abs(high) or 1.0
        ax.set_xlim(low - room, high + room)


def _limits(ax: Axes, lines: Sequence[_Line], points: Points) -> None:
    """Set the y axis to what is worth seeing.

    A whisker of two replicates may be ten times what the lines do: lines stay readable, and whiskers leave the axes. So
    do the outermost of many points.
    """
    values = np.concatenate([line.means["value"].to_numpy(dtype=np.float64) for line in lines])
    low, high = float(values.min()), float(values.max())
    if points.is_difference:
        low, high = min(low, 0.0), max(high, 0.0)
        ax.axhline(0, color="0.2", linewidth=0.7, zorder=1.8, gid="zero")
    reach = high - low or abs(high) or 1.0
    edges = np.concatenate([line.means[["low", "high"]].to_numpy(dtype=np.float64).ravel() for line in lines])
    seen = [np.array([low, high]), edges[np.isfinite(edges)].clip(low - _ROOM * reach, high + _ROOM * reach)]
    dots = np.concatenate([*(line.rows["value"] for line in lines if line.kind != "alone"), np.array([])])
    if len(dots):
        seen.append(np.quantile(dots, [0.005, 0.995] if len(dots) > 400 else [0, 1]))
    everything = np.concatenate(seen)
    bottom, top = float(everything.min()), float(everything.max())
    room = 0.06 * (top - bottom) or 0.06 * abs(top) or 1.0
    ax.set_ylim(bottom - room, top + room)


def is_cut(ax: Axes) -> bool:
    """Return whether points, whiskers or bands of a finished panel lie beyond its y axis."""
    bottom, top = ax.get_ylim()
    heights = [np.array([])]
    for artist in ax.collections:
        kind = str(artist.get_gid()).split(" ")[0]
        if kind == "points":
            heights.append(np.asarray(artist.get_offsets(), dtype=np.float64)[:, 1])
        elif kind in ("whiskers", "band"):
            heights += [np.asarray(path.vertices, dtype=np.float64)[:, 1] for path in artist.get_paths()]
    everything = np.concatenate(heights)
    return bool(((everything < bottom) | (everything > top)).any())


def _notes(lines: Sequence[_Line], points: Points) -> list[str]:
    """Return what the legend says of lines, points, intervals and missing values."""
    words = []
    if alone := [line for line in lines if line.kind == "alone"]:
        bars = "bands" if max(len(line.means) for line in alone) > _MOST_WHISKERS else "whiskers"
        where = " where no other parameter matters" if len(alone) < len(lines) else ""
        has = any(line.has_intervals for line in alone)
        words.append(f"{bars}{where}: pointwise 95 % intervals" if has else f"no interval{where}")
    if any(line.kind == "grid" for line in lines):
        words.append(
            "small points: the design's; their lines: means over the other\n"
            "parameters, which vary, with the means of their 95 % bounds"
        )
    if clouds := [line.means for line in lines if line.kind == "scattered"]:
        fewest, most = min(means["points"].min() for means in clouds), max(means["points"].max() for means in clouds)
        has = any(means["low"].notna().any() for means in clouds)
        size = f"{most}" if fewest == most else f"{fewest} to {most}"
        words.append(
            f"lines: means of bins of {size} of the small points, other parameters\n"
            + (
                "vary; whiskers: 95 % intervals, over points and replicates"
                if has
                else "vary; no interval over replicates"
            )
        )
    return [*words, f"each point: {points.replicates()}", points.left_out]


def parameter_axis(ax: Axes, axis: Axis, *, log: bool = False) -> None:
    """Give the x axis a swept parameter: words, unit and key; times as times; a logarithmic scale."""
    label = words_of_parameter(axis.name)
    if axis.kind == "time":
        locator = AutoDateLocator(minticks=3, maxticks=7)
        ax.xaxis.set_major_locator(locator)
        first, last = axis.levels[0], axis.levels[-1]
        is_clock = first.year == 2000  # hours and minutes without a day
        clock = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
        days = ["", "%Y", "%b", "%H:%M" if is_clock else "%d %b", "%H:%M", "%H:%M"]
        form = ConciseDateFormatter(locator, formats=clock, zero_formats=days, show_offset=False)
        ax.xaxis.set_major_formatter(form)
        dates = f"{first.day} {first:%b}" + f" to {last.day} {last:%b}" * (last.date() != first.date()) + f" {last:%Y}"
        label += " (local time)" if is_clock else f" (local time, {dates})"
    elif log:
        ax.set_xscale("log")
        is_wide = max(axis.levels) / min(axis.levels) > 300
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if is_wide else (1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(lambda value, _: readable(value, 4))
        ax.xaxis.set_minor_formatter(NullFormatter())
    elif max(map(abs, axis.levels)) >= 1000:
        ax.xaxis.set_major_formatter(lambda value, _: readable(value, 4))
    ax.set_xlabel(label)


def outcome_axis(ax: Axes, points: Points) -> None:
    """Give the y axis an outcome: words, whether it is a difference, and unit."""
    ax.yaxis.set_major_formatter(lambda value, _: readable(value, 4))
    ax.set_ylabel(labelled(points))


def labelled(points: Points, width: int = 30) -> str:
    """Return an outcome as an axis is labelled, in lines of a width in letters."""
    import textwrap

    words = words_of_outcome(points.outcome)
    words = f"Difference in {words}" if points.is_difference else words[0].upper() + words[1:]
    unit = "" if points.unit == "ratio" and " / " in words else f" ({points.unit})"
    return "\n".join(textwrap.wrap(words + unit, width))
