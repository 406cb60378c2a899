"""Posts per minute in every arm, against the ordinary night and the observed totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.lines import Line2D

from sim.measures.intervals import Floats
from sim.study.figures.marks import Marks, dense, floating_text, night_axis, pixels, settle_texts
from sim.study.figures.replicates import (
    CURVES,
    WHISKERS,
    cut,
    draw_arms,
    need,
    read,
    smooth,
    smoothing,
    t_band,
    uncertainty,
)
from sim.study.figures.style import arm_style, curve_name, legend_below, readable, styled

__all__ = ["posts_per_minute"]

_OBSERVED: dict[str, Any] = {"color": "0.1", "linewidth": 2.2, "marker": "|", "markersize": 7}
_SIMULATED: dict[str, Any] = {"markersize": 5.5, "markeredgecolor": "black", "markeredgewidth": 0.8}
_ORDINARY: dict[str, Any] = {"color": "0.45", "linewidth": 0.9, "linestyle": (0, (2.5, 1.5)), "zorder": 2.5}


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
    legend: bool | Axes = True,
    title: str = "",
) -> Axes:
    """Draw posts per minute of one channel in every arm, against the ordinary night and the observed totals.

    An observed total whose interval lies within the period is a segment at its mean posts per minute; beside it stands
    the mean of the same minutes in each arm (not smoothed, with its 95 % t interval), where they are simulated whole.

    Parameters
    ----------
    ax
        Axes to draw into; they come back.
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
    legend, title
        Whether to draw a legend below the axes, or the axes below which to draw it; a title above.

    Raises
    ------
    InputError
        Missing columns or curve, times without a zone, nothing within the period, `minutes` below 1.
    """
    curve = f"{kind}_{channel}"
    tables, marks = read(curves, curve, marks)
    keys = night_axis(ax, marks, title)
    lines = draw_arms(ax, {arm: smooth(table, minutes) for arm, table in tables.items()}, list(tables), marks)
    if nulls is not None:
        need(nulls, "nulls", ("null", *CURVES))
        rows = nulls.loc[(nulls["null"] == "ordinary") & (nulls["curve"] == curve)]
        if not rows.empty:
            mean = cut(smooth(rows.groupby("time")[["value"]].mean(), minutes), marks)["value"]
            label = f"ordinary night (mean, n = {rows['replicate'].nunique()})"
            lines += ax.plot(date2num(mean.index), mean, **_ORDINARY, label=label, gid="ordinary")
    words = curve_name(curve)
    ax.set_ylabel(words[0].upper() + words[1:] + smoothing(minutes))
    shown = [seen for seen in marks.observed if seen[0] >= marks.start and seen[1] <= marks.end]
    handles, markers = _draw_observed(ax, tables, shown)
    ax.set_ylim(bottom=0)
    if shown:
        _label_observed(ax, shown, [*lines, *markers])
    legend_below(ax, [*lines, *handles, uncertainty(tables), *keys], legend)
    return ax


def _rate(start: pd.Timestamp, end: pd.Timestamp, total: float) -> float:
    return total / ((end - start).total_seconds() / 60)


def _draw_observed(ax: Axes, tables: dict[str, pd.DataFrame], shown: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Draw observed mean rates as segments, simulated ones as markers; return legend handles and the markers."""
    markers: list[Any] = []
    has_interval = False
    for start, end, total, label in shown:
        left, right = date2num(start), date2num(end)
        ax.plot([left, right], [_rate(start, end, total)] * 2, **_OBSERVED, zorder=4, gid=f"observed {label}")
        for place, (arm, table) in enumerate(tables.items()):
            inside = table[(table.index >= start) & (table.index < end)]
            if len(inside) < round((end - start).total_seconds() / 60):
                continue
            band = t_band(inside.mean(axis=0).to_frame().T).iloc[0]
            half = [band["high"] - band["mean"]] if np.isfinite(band["high"]) else None
            has_interval |= half is not None
            look = {"fmt": arm_style(place)["marker"], "color": arm_style(place)["color"], "zorder": 5}
            x = left + (right - left) * (place + 1) / (len(tables) + 1)
            marker = ax.errorbar([x], [band["mean"]], yerr=half, **look, **_SIMULATED, **WHISKERS).lines[0]
            marker.set_gid(f"simulated {arm} {label}")
            markers.append(marker)
    handles = [Line2D([], [], **_OBSERVED, label="observed mean per minute")] if shown else []
    if markers:
        words = "simulated mean of the same minutes, by arm" + has_interval * ", 95 % t interval"
        handles.append(Line2D([], [], marker="o", linestyle="none", color="0.6", **_SIMULATED, label=words))
    return handles, markers


def _label_observed(ax: Axes, shown: Sequence[Any], lines: Sequence[Any]) -> None:
    """Write what each observed segment is, where neither lines nor other labels are."""
    gap = 5 * pixels(ax)
    crowd: list[Floats] = [dense(ax.transData.transform(line.get_xydata())) for line in lines]
    texts, candidates = [], []
    for start, end, total, label in shown:
        text = floating_text(ax, f"observed {readable(total, 4)} ({label})", 7, "observed label")
        box = text.get_window_extent()
        rate = _rate(start, end, total)
        segment = ax.transData.transform([(date2num(start), rate), (date2num(end), rate)])
        (left, y), (right, _) = segment
        # Beside the segment only where it is too short to carry its label.
        starts = np.linspace(left + gap, right - box.width - gap, 9).tolist()
        if right - left < box.width + 2 * gap:
            starts = [left + gap, right - box.width - gap, right + gap, left - box.width - gap]
        lifts = gap * (1 + np.arange(12) / 2)
        candidates.append([(x, up) for up in (*(y + lifts), *(y - box.height - lifts)) for x in starts])
        crowd.append(dense(segment))
        texts.append(text)
    settle_texts(ax, texts, candidates, np.concatenate(crowd), gap / 2)
