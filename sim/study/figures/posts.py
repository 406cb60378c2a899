"""Posts per minute in every arm, against the ordinary night and the observed totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.lines import Line2D

from sim.study.figures.labels import Places, dense, floating_text, pixels, settle_texts
from sim.study.figures.marks import Marks, night_axis
from sim.study.figures.replicates import CURVES, WHISKERS, cut, draw_arms, need, read, smooth, t_band, uncertainty
from sim.study.figures.style import arm_style, curve_name, legend_below, readable, styled

_OBSERVED: dict[str, Any] = {"color": "0.1", "linewidth": 2.2, "marker": "|", "markersize": 7, "zorder": 4}
_SIMULATED: dict[str, Any] = {"markersize": 5.5, "markeredgecolor": "black", "markeredgewidth": 0.8, "zorder": 5}
_ORDINARY: dict[str, Any] = {"color": "0.45", "linewidth": 0.9, "linestyle": (0, (2.5, 1.5)), "zorder": 2.5}
_FAR = 14  # points from its segment at which a label gets a leader


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
    ax, curves, marks, legend, title
        As in all figures (`sim.study.figures`).
    channel, kind
        Which curve: ``<kind>_<channel>``.
    nulls
        As `curves` with a column ``null``; the rows ``ordinary`` give the thin dashed line (mean, no band).
    minutes
        Width of the centred rolling mean that smooths every line, in minutes; 1 smooths nothing.
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
    words = curve_name(curve, minutes)
    ax.set_ylabel(words[0].upper() + words[1:])
    handles = _draw_observed(ax, tables, marks, lines)
    legend_below(ax, [*lines, *handles, uncertainty(ax, tables), *keys], legend)
    return ax


def _draw_observed(ax: Axes, tables: dict[str, pd.DataFrame], marks: Marks, lines: Sequence[Any]) -> list[Any]:
    """Draw observed mean rates as labelled segments, simulated ones as markers; return legend handles."""
    segments: dict[str, Any] = {}
    markers: list[Any] = []
    whiskers: list[Any] = []
    for start, end, total, label in marks.observed:
        if start < marks.start or end > marks.end:
            continue
        minutes = (end - start).total_seconds() / 60
        left, right = date2num(start), date2num(end)
        words = f"observed {readable(total, 4)} ({label})"
        segments[words] = ax.plot([left, right], [total / minutes] * 2, **_OBSERVED, gid=f"observed {label}")[0]
        for place, (arm, table) in enumerate(tables.items()):
            inside = table[(table.index >= start) & (table.index < end)]
            if len(inside) < round(minutes):
                continue
            mean, _, high = t_band(inside.mean().to_frame().T).iloc[0]
            x = left + (right - left) * (place + 1) / (len(tables) + 1)
            look = arm_style(place) | {"linestyle": "none", **_SIMULATED, **WHISKERS}
            bars = ax.errorbar([x], [mean], [high - mean], **look)
            whiskers += [path.vertices for stems in bars.lines[2] for path in stems.get_paths()]
            bars.lines[0].set_gid(f"simulated {arm} {label}")
            markers.append(bars.lines[0])
    ax.set_ylim(bottom=0)
    if not segments:
        return []
    drawn = [line.get_xydata() for line in (*lines, *markers, *segments.values())]
    _label_segments(ax, segments, [*drawn, *whiskers])
    handles = [Line2D([], [], **_OBSERVED, label="observed mean per minute")]
    if markers:
        has_interval = any(table.shape[1] > 1 for table in tables.values())
        words = "simulated mean of the same minutes, by arm" + has_interval * ", 95 % t interval"
        handles.append(Line2D([], [], marker="o", linestyle="none", color="0.6", **_SIMULATED, label=words))
    return handles


def _label_segments(ax: Axes, segments: dict[str, Any], lines: Sequence[Any]) -> None:
    """Write what each segment is, where neither lines nor other labels are, and as close to it as that allows."""
    point = pixels(ax)
    lifts = point * np.arange(4, 100, 2)
    spans = {words: ax.transData.transform(segment.get_xydata()) for words, segment in segments.items()}
    texts, places = [], []
    for words, ((left, y), (right, _)) in spans.items():
        text = floating_text(ax, words, 7, "observed label")
        box = text.get_window_extent()
        # Beside the segment only where it is too short to carry its label.
        starts = np.arange(left + 2 * point, right - box.width - 2 * point, 3 * point)
        if not starts.size:
            starts = np.array([left, right - box.width, right + 4 * point, left - box.width - 4 * point])
        x, lift = (grid.ravel() for grid in np.meshgrid(starts, np.concatenate([lifts, -lifts - box.height])))
        corners = np.column_stack((x, y + lift))
        away = np.where(lift > 0, lift, -lift - box.height)
        # A label that stands nearer to another segment misleads; it, and one that stands far off, needs a line.
        nearer = np.zeros(len(corners))
        for (start, height), (end, _) in (span for other, span in spans.items() if other != words):
            aside = np.maximum(np.maximum(start - x - box.width, x - end), 0)
            above = np.maximum(np.maximum(corners[:, 1] - height, height - corners[:, 1] - box.height), 0)
            nearer += np.hypot(aside, above) < away + 3 * point
        needs_line = (away > _FAR * point) | (nearer > 0)
        across = np.clip(x + box.width / 2, left, right)
        ends = np.column_stack((across, np.full(len(x), y), across, np.where(lift > 0, corners[:, 1], y - away)))
        ends[~needs_line] = np.nan
        cost = away / point / 3 + 40 * nearer + 2 * (lift < 0) + 5 * needs_line
        places.append(Places(corners, cost, ends.reshape(-1, 2, 2)))
        texts.append(text)
    crowd = np.concatenate([dense(ax.transData.transform(line)) for line in lines])
    settle_texts(ax, texts, places, crowd, 1.5 * point)
