"""What is known of the night, on every axis of time; and labels that keep clear of lines and of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.text import Text

from sim.errors import InputError
from sim.measures.intervals import Floats
from sim.study.figures.style import note, readable

Places = Sequence[tuple[float, float]]
LEADER: dict[str, Any] = {"arrowstyle": "-", "color": "0.4", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}

_ROW = 9.0  # height of a row of flags in points
_FLAG_SIZE = 6.5  # font of the flags
_MOST_FLAGS = 10  # more of them carry numbers, explained in the legend
_STEPS = (10, 15, 30, 60, 120, 180, 360, 720, 1440)  # minutes between ticks


@dataclass(frozen=True)
class Marks:
    """What is known of the night: a period, throttle windows and observed intervals that end after they start, calls.

    Parameters
    ----------
    start, end
        The period that is shown, `[start, end)`.
    windows
        Throttle windows ``(start, end, label, severity)``, severity in [0, 1]; empty on an open night.
    calls
        Calls ``(time, label)``.
    observed
        Observed totals ``(start, end, total, label)``, in posts of real people.
    zone
        IANA name. Times without a zone are read in it, all others are converted to it.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    windows: tuple[tuple[pd.Timestamp, pd.Timestamp, str, float], ...] = ()
    calls: tuple[tuple[pd.Timestamp, str], ...] = ()
    observed: tuple[tuple[pd.Timestamp, pd.Timestamp, float, str], ...] = ()
    zone: str | tzinfo = "Europe/Istanbul"

    def __post_init__(self) -> None:
        def local(when: Any) -> pd.Timestamp:
            stamp = pd.Timestamp(when)
            return stamp.tz_localize(self.zone) if stamp.tz is None else stamp.tz_convert(self.zone)

        settle = object.__setattr__
        settle(self, "start", local(self.start))
        settle(self, "end", local(self.end))
        settle(self, "calls", tuple((local(when), label) for when, label in self.calls))
        for name in ("windows", "observed"):
            settle(self, name, tuple((local(a), local(b), *rest) for a, b, *rest in getattr(self, name)))
        intervals = [("period", self.start, self.end)]
        intervals += [(f"observed total {label!r}", start, end) for start, end, _, label in self.observed]
        for start, end, label, severity in self.windows:
            intervals.append((f"window {label!r}", start, end))
            if not 0 <= severity <= 1:
                raise InputError(f"the window {label!r} has severity {severity}, expected a number from 0 to 1.")
        for name, start, end in intervals:
            if end <= start:
                raise InputError(f"the {name} ends at {end}, expected after its start ({start}); move one of them.")

    def between(self, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None) -> Marks:
        """Return the same marks with another period shown; None keeps a bound."""
        return replace(self, start=start or self.start, end=end or self.end)


def whole_hour(when: pd.Timestamp) -> pd.Timestamp:
    """Return the last whole hour of the local clock that is not after `when`."""
    return when.replace(minute=0, second=0, microsecond=0, nanosecond=0)


def pixels(ax: Axes) -> float:
    """Return the pixels per point of the figure that holds `ax`."""
    return float(ax.figure.dpi) / 72


def _halo(width: float = 2.0) -> list[patheffects.AbstractPathEffect]:
    """Return path effects that keep a text readable over lines: a white rim of `width` points."""
    return [patheffects.withStroke(linewidth=width, foreground="white")]


# --- the axis of time ------------------------------------------------------------------------------------------------


def night_axis(ax: Axes, marks: Marks, title: str, *, flags: bool = True, in_front: bool = False) -> list[Any]:
    """Give axes the night: local time, shaded throttle windows, marked calls, flags that say what they are, a title.

    Flags fly above the axes, each from its own line; more than ten carry numbers, and the legend handles that explain
    them are returned. `in_front` draws the lines over what hides them, such as filled areas.
    """
    _time_axis(ax, marks)
    ax.yaxis.set_major_formatter(lambda value, _: readable(value, 4))
    ax.grid(axis="y", color="0.9", linewidth=0.5)
    entries: list[tuple[float, str]] = []
    look: dict[str, Any] = {"color": "0.25", "linewidth": 0.6, "zorder": 1.5}
    if in_front:
        look |= {"zorder": 3.5, "path_effects": _halo(2.2)}
    for start, end, label, severity in sorted(marks.windows, key=lambda window: window[3]):
        if end <= marks.start or start >= marks.end:
            continue
        grey = str(0.95 - 0.13 * severity)
        ax.axvspan(date2num(start), date2num(end), facecolor=grey, edgecolor="none", zorder=0, gid="window")
        for edge in (start, end) if in_front else ():
            ax.axvline(date2num(edge), **look)
        text = f"{label} {start:%H:%M}\N{EN DASH}{end:%H:%M} (severity {severity:g})"
        entries.append((date2num(max(start, marks.start)), text))
    for when, label in marks.calls:
        if marks.start <= when < marks.end:
            ax.axvline(date2num(when), linestyle=(0, (1, 1.5)), gid="call", **look)
            entries.append((date2num(when), f"{label} {when:%H:%M}"))
    entries = sorted(entries) if flags else []
    handles: list[Any] = []
    if len(entries) > _MOST_FLAGS:
        handles = [note(f"{number}: {text}") for number, (_, text) in enumerate(entries, start=1)]
        entries = [(x, str(number)) for number, (x, _) in enumerate(entries, start=1)]
    ax.set_title(title, loc="left", pad=5 + _fly_flags(ax, entries))
    return handles


def _time_axis(ax: Axes, marks: Marks) -> None:
    """Show the period on the x axis in local time, with ticks at whole steps, dates at midnight and a label."""
    ax.set_xlim(date2num(marks.start), date2num(marks.end))
    minutes = (marks.end - marks.start).total_seconds() / 60
    most = ax.get_window_extent().width / pixels(ax) / 32
    step = next((step for step in _STEPS if minutes / step <= most), _STEPS[-1])
    ticks = pd.date_range(marks.start.normalize(), marks.end, freq=f"{step}min")
    ticks = ticks[ticks >= marks.start]
    dated = {*ticks[:1], *ticks.normalize()}
    ax.set_xticks(date2num(ticks), [f"{when:%H:%M}" + f"\n{when.day} {when:%b}" * (when in dated) for when in ticks])
    ax.set_xlabel(f"{marks.start.tz} local time, {marks.start.year}")


def _fly_flags(ax: Axes, entries: Sequence[tuple[float, str]]) -> float:
    """Write ``(x, text)``, sorted by x, beside leaders above the axes; return the height that they take in points."""
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    above |= {"annotation_clip": False, "fontsize": _FLAG_SIZE, "color": "0.15"}
    flags = [ax.annotate(text, (x, 1), (2, 0), va="bottom", gid="flag", **above) for x, text in entries]
    starts = [float(ax.transData.transform((x, 0))[0]) for x, _ in entries]
    widths = [flag.get_window_extent().width + 5 * pixels(ax) for flag in flags]
    rows = flag_rows(starts, widths)
    for flag, row in zip(flags, rows, strict=True):
        flag.set_position((2, 3 + _ROW * row))
        ax.annotate("", flag.xy, (0, 3 + _ROW * row + _FLAG_SIZE), arrowprops=LEADER, **above)
    return 3 + _ROW * (1 + max(rows)) if rows else 0.0


def flag_rows(starts: Sequence[float], widths: Sequence[float]) -> list[int]:
    """Return a row for each flag, 0 the lowest: a flag flies above all later ones that begin beside or under its text.

    So flags of a row lie apart, and no leader, which rises from `starts` (sorted), runs through a text.
    """
    rows: list[int] = []
    for i in reversed(range(len(starts))):
        later = zip(starts[i + 1 :], rows, strict=True)
        rows.insert(0, max((row + 1 for start, row in later if start < starts[i] + widths[i]), default=0))
    return rows


# --- labels within the axes ------------------------------------------------------------------------------------------


def floating_text(ax: Axes, words: str, size: float, gid: str) -> Text:
    """Return a text with a white rim that has no place yet; `settle_texts` gives it one."""
    return ax.text(0, 0, words, fontsize=size, va="bottom", path_effects=_halo(), zorder=6, transform=None, gid=gid)


def settle_texts(ax: Axes, texts: Sequence[Text], candidates: Sequence[Places], crowd: Floats, pad: float) -> None:
    """Move texts to where `place_boxes` puts them, within the axes; all in pixels."""
    sizes = [(box.width, box.height) for box in (text.get_window_extent() for text in texts)]
    left, bottom, right, top = ax.get_window_extent().extents
    corners = place_boxes(sizes, candidates, crowd, (left, bottom, right, top), pad)
    for text, corner in zip(texts, corners, strict=True):
        text.set_transform(ax.transAxes)
        text.set_position(tuple(ax.transAxes.inverted().transform(corner)))


def place_boxes(
    sizes: Places, candidates: Sequence[Places], crowd: Floats, room: tuple[float, float, float, float], pad: float = 0
) -> list[tuple[float, float]]:
    """Return the lower left corner of each box, chosen in turn: clear of earlier boxes, inside, over few points.

    Parameters
    ----------
    sizes, candidates
        Width and height of each box, and the corners that it may take, the preferred first.
    crowd, room, pad
        Points to keep clear of, shape (n, 2); left, bottom, right and top of the room; what to leave free around a box.
    """
    chosen: list[tuple[float, float, float, float]] = []

    def cost(x: float, y: float, width: float, height: float) -> float:
        left, bottom, right, top = x - pad, y - pad, x + width + pad, y + height + pad
        outside = np.maximum([room[0] - left, room[1] - bottom, right - room[2], top - room[3]], 0).sum()
        overlap = sum(
            max(0.0, min(right, u + wide) - max(left, u)) * max(0.0, min(top, v + high) - max(bottom, v))
            for u, v, wide, high in chosen
        )
        inside = (crowd[:, 0] > left) & (crowd[:, 0] < right) & (crowd[:, 1] > bottom) & (crowd[:, 1] < top)
        return float(1e6 * overlap + 1e3 * outside + inside.sum())

    for size, corners in zip(sizes, candidates, strict=True):
        costs: dict[tuple[float, float], float] = {}
        for corner in corners:
            costs[corner] = cost(*corner, *size)
            if costs[corner] == 0:
                break
        chosen.append((*min(costs, key=costs.__getitem__), *size))
    return [(x, y) for x, y, _, _ in chosen]


def dense(line: Floats, step: float = 3.0) -> Floats:
    """Return points along a polyline, shape (n, 2), at most `step` apart; NaN drops out."""
    line = line[np.isfinite(line).all(axis=1)]
    if not line.size:
        return line
    reached = np.append(0.0, np.hypot(*np.diff(line, axis=0).T).cumsum())
    along = np.append(np.arange(0.0, reached[-1], step), reached[-1])
    return np.column_stack([np.interp(along, reached, coordinate) for coordinate in line.T])
