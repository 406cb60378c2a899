"""What is known of the night, on every axis of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num

from sim.errors import InputError
from sim.study.figures.labels import halo, pixels
from sim.study.figures.style import note, readable

_LEADER: dict[str, Any] = {"arrowstyle": "-", "color": "0.4", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}

_ROW = 9.0  # height of a row of flags in points
_FLAG_SIZE = 6.5  # font of the flags
_MOST_FLAGS = 10  # more of them carry numbers, explained in the legend
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)  # minutes between ticks


Window = tuple[pd.Timestamp, pd.Timestamp, str, float]


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
    windows: tuple[Window, ...] = ()
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

    def throttled(self, windows: Mapping[str, Sequence[Window]]) -> Marks:
        """Return the same marks with the windows of several arms, each named after its arms unless all have the same."""
        arms: dict[Window, list[str]] = {}
        for arm, its in windows.items():
            for window in its:
                arms.setdefault(window, []).append(arm)
        n = sum(len(its) > 0 for its in windows.values())
        named = (
            (a, b, label if len(of) == n else f"{', '.join(of)}: {label}", s) for (a, b, label, s), of in arms.items()
        )
        return replace(self, windows=tuple(named))


def whole_hour(when: pd.Timestamp) -> pd.Timestamp:
    """Return the last whole hour of the local clock that is not after `when`."""
    return when.replace(minute=0, second=0, microsecond=0, nanosecond=0)


def minutes_of(first: pd.Timestamp, last: pd.Timestamp, marks: Marks) -> Marks | None:
    """Return the marks of ten minutes or more around what happens from `first` to `last`; None if that takes over 20."""
    took = last - first
    if took > pd.Timedelta(minutes=20):
        return None
    length = next(pd.Timedelta(minutes=n) for n in (10, 20, 30) if took <= pd.Timedelta(minutes=2 * n / 3))
    start = max(marks.start, first.floor("min") - pd.Timedelta(minutes=1))
    return marks.between(start, min(marks.end, start + length))


# --- the axis of time ------------------------------------------------------------------------------------------------


def night_axis(ax: Axes, marks: Marks, title: str, *, flags: bool = True, in_front: bool = False) -> list[Any]:
    """Give axes the night: local time, shaded throttle windows, marked calls, flags that say what they are, a title.

    Flags fly above the axes, each from its own line; more than ten carry numbers, and the legend handles that explain
    them are returned. `in_front` draws lines and shading over what hides them, such as filled areas.
    """
    _time_axis(ax, marks)
    ax.yaxis.set_major_formatter(lambda value, _: readable(value, 4))
    ax.grid(axis="y", color="0.9", linewidth=0.5)
    entries: list[tuple[float, str]] = []
    look: dict[str, Any] = {"color": "0.25", "linewidth": 0.6, "zorder": 1.5}
    if in_front:
        look |= {"zorder": 3.5, "path_effects": halo(1.4)}
    shown = [w for w in sorted(marks.windows, key=lambda w: w[3]) if w[0] < marks.end and w[1] > marks.start]
    for start, end, label, severity in shown:
        depth = 0.05 + 0.13 * severity
        # In front it is a veil, which over white has the same grey as the shading behind lines.
        shade: dict[str, Any] = {"facecolor": str(1 - depth), "zorder": 0}
        if in_front:
            shade = {"facecolor": "black", "alpha": depth, "zorder": 2.5}
        ax.axvspan(date2num(start), date2num(end), edgecolor="none", gid="window", **shade)
        # Where windows overlap, or lie over areas, only their edges tell them apart.
        for edge in (start, end) if in_front or len(shown) > 1 else ():
            ax.axvline(date2num(edge), gid="edge", **look)
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
        ax.annotate("", flag.xy, (0, 3 + _ROW * row + _FLAG_SIZE), arrowprops=_LEADER, **above)
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
