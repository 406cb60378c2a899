"""The look of every figure, in one place: style, palette, names, axes of time, marks of the night, labels apart.

Nothing here touches pyplot or leaves a changed `rcParams` behind. Positions of labels are worked out for the size that
the axes have when a function runs: set the size first, then draw, and leave layout engines off (`figure` gives such
axes); save with ``bbox_inches="tight"``, for flags and legends lie outside of the axes. Lengths are points (1/72 inch)
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import wraps
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from sim.errors import InputError

__all__ = [
    "STYLE",
    "Floats",
    "Marks",
    "area_style",
    "arm_style",
    "band_handle",
    "channel_name",
    "curve_name",
    "dense",
    "figure",
    "flag_rows",
    "floating_text",
    "halo",
    "legend_below",
    "legend_right",
    "mark_night",
    "note",
    "pixels",
    "place_boxes",
    "readable",
    "readable_axis",
    "settle_texts",
    "spread",
    "styled",
    "time_axis",
    "to_number",
    "zone_name",
]

P = ParamSpec("P")
R = TypeVar("R")
Floats = NDArray[np.float64]

STYLE: Mapping[Any, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",
        "font.size": 8.0,
        "axes.titlesize": 8.0,
        "axes.labelsize": 8.0,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.labelsize": 7.0,
        "ytick.labelsize": 7.0,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "legend.fontsize": 7.0,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "lines.markersize": 4.0,
        "hatch.linewidth": 0.5,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
)

# After Okabe and Ito's colours, ordered so that neighbours also differ as greys. The numbers of colours, of line styles
# and of markers share no factor in pairs, so a look comes again only after 5 x 4 x 7 arms.
_COLOURS = ("#0072B2", "#D9730D", "#000000", "#CC79A7", "#009E73")
_LINES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (1, 1.2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Fills in an order in which neighbours of a stack differ; 6 fills and 5 hatches make 30 looks.
_FILLS = ("#2E4A62", "#F2E3B3", "#8A9BA8", "#FFFFFF", "#5F7183", "#D8C98F")
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")

_ROW = 9.0  # height of a row of flags
_FLAG_SIZE = 6.5  # font of the flags
_MAX_ROWS = 10  # where flags with words need more rows, they carry numbers, explained in the legend
_STEPS = (10, 15, 30, 60, 120, 180, 360, 720, 1440)  # minutes between ticks

# Nice names; a channel or curve that is not listed is shown under its own name.
_CHANNELS = {
    "trt": "TRT",
    "television": "Other television",
    "facetime": "FaceTime on CNN Türk",
    "twitter": "Twitter",
    "facebook": "Facebook",
    "youtube": "YouTube",
    "whatsapp": "WhatsApp",
    "viber": "Viber",
    "minarets": "Minarets",
    "mass_text": "Mass text message",
    "neighbours": "Neighbours",
}
_KINDS = {
    "attempted": "posts attempted on {} per minute",
    "published": "posts published on {} per minute",
    "failed": "posts failed on {} per minute",
    "impressions": "impressions on {} per minute",
    "heard": "people who first heard through {}",
}
_STATES = {
    "heard": "people who have heard",
    "deciding": "people about to leave",
    "travelling": "people on their way",
    "on_squares": "people on the squares",
    "returned": "people back home",
    "asleep": "people asleep",
    "online": "people online",
    "circumventing": "people getting round the throttle",
}


def channel_name(channel: str) -> str:
    """Return the name of a channel as figures write it."""
    return _CHANNELS.get(channel, channel.replace("_", " ").capitalize())


def curve_name(curve: str) -> str:
    """Return what a curve counts, in words, its unit included."""
    kind, _, channel = curve.partition("_")
    if curve in _STATES:
        return _STATES[curve]
    return _KINDS[kind].format(channel_name(channel)) if channel and kind in _KINDS else curve.replace("_", " ")


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` wrapped to run under `STYLE`; the `rcParams` are as before when it returns."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(dict(STYLE)):
            return function(*args, **kwargs)

    return wrapper


@dataclass(frozen=True)
class Marks:
    """What is known of the night, drawn into every figure with a time axis.

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

    Raises
    ------
    InputError
        A period, window or observed interval that does not end after it starts, or a severity outside [0, 1].
    """

    start: pd.Timestamp
    end: pd.Timestamp
    windows: tuple[tuple[pd.Timestamp, pd.Timestamp, str, float], ...] = ()
    calls: tuple[tuple[pd.Timestamp, str], ...] = ()
    observed: tuple[tuple[pd.Timestamp, pd.Timestamp, float, str], ...] = ()
    zone: str = "Europe/Istanbul"

    def __post_init__(self) -> None:
        def aware(when: Any) -> pd.Timestamp:
            stamp = pd.Timestamp(when)
            return stamp.tz_localize(self.zone) if stamp.tz is None else stamp.tz_convert(self.zone)

        settle = object.__setattr__
        settle(self, "start", aware(self.start))
        settle(self, "end", aware(self.end))
        settle(self, "windows", tuple((aware(a), aware(b), str(c), float(d)) for a, b, c, d in self.windows))
        settle(self, "calls", tuple((aware(a), str(b)) for a, b in self.calls))
        settle(self, "observed", tuple((aware(a), aware(b), float(c), str(d)) for a, b, c, d in self.observed))
        intervals = [("the period", self.start, self.end)]
        intervals += [(f"the window {window[2]!r}", window[0], window[1]) for window in self.windows]
        intervals += [(f"the observed total {seen[3]!r}", seen[0], seen[1]) for seen in self.observed]
        for name, first, last in intervals:
            if last <= first:
                raise InputError(f"{name} ends at {last}, expected later than its start ({first}); move one of them.")
        for window in self.windows:
            if not 0 <= window[3] <= 1:
                raise InputError(f"the window {window[2]!r} has severity {window[3]}, expected a number from 0 to 1.")

    def between(self, start: pd.Timestamp | None, end: pd.Timestamp | None) -> Marks:
        """Return the same marks with another period shown; None keeps a bound."""
        return replace(self, start=self.start if start is None else start, end=self.end if end is None else end)


@styled
def figure(
    heights: Sequence[float] = (2.8,), width: float = 6.2, gap: float = 0.5, share_x: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, without pyplot, and its panels from top to bottom.

    Parameters
    ----------
    heights
        Height of each panel in inches, without ticks and labels.
    width
        Width of the panels in inches.
    gap
        Room between two panels in inches.
    share_x
        All panels share the first one's time axis, and only the lowest shows its tick labels.
    """
    margin = 0.8
    whole = (width + 2 * margin, sum(heights) + gap * (len(heights) - 1) + 2 * margin)
    drawing = Figure(figsize=whole)
    panels: list[Axes] = []
    ceiling = whole[1] - margin
    for height in heights:
        box = (margin / whole[0], (ceiling - height) / whole[1], width / whole[0], height / whole[1])
        panels.append(drawing.add_axes(box, sharex=panels[0] if share_x and panels else None))
        ceiling -= height + gap
    if share_x:
        for panel in panels[:-1]:
            panel.tick_params(labelbottom=False)
    return drawing, panels


def spread(drawing: Figure, panels: Sequence[Axes], gap: float = 0.12) -> None:
    """Move finished panels apart, top to bottom, so that flags, labels and legends of one stay clear of the others.

    Panels keep their size in inches, so what was placed in them stays in place; the figure gets the height it needs.

    Parameters
    ----------
    drawing, panels
        What `figure` returned, drawn into.
    gap
        Room to leave between what belongs to two panels, and around all, in inches.
    """
    drawing.align_ylabels(list(panels))
    width = float(drawing.get_size_inches()[0])
    boxes = [panel.get_window_extent().transformed(drawing.dpi_scale_trans.inverted()) for panel in panels]
    tight = [panel.get_tightbbox() or panel.get_window_extent() for panel in panels]
    wholes = [box.transformed(drawing.dpi_scale_trans.inverted()) for box in tight]
    total = sum(whole.height + gap for whole in wholes) + gap
    drawing.set_size_inches(width, total)
    ceiling = total - gap
    for panel, box, whole in zip(panels, boxes, wholes, strict=True):
        bottom = ceiling - (whole.y1 - box.y0)
        panel.set_position((box.x0 / width, bottom / total, box.width / width, box.height / total))
        ceiling -= whole.height + gap


def arm_style(index: int) -> dict[str, Any]:
    """Return colour, line style and marker of the arm in place `index` (from 0), as keywords of `Axes.plot`."""
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "linestyle": _LINES[index % len(_LINES)],
        "marker": _MARKERS[index % len(_MARKERS)],
    }


def area_style(index: int) -> dict[str, Any]:
    """Return fill, hatch and edge of the area in place `index` (from 0), as keywords of `Axes.fill_between`."""
    fill = _FILLS[index % len(_FILLS)]
    is_dark = sum(int(fill[i : i + 2], 16) for i in (1, 3, 5)) < 3 * 128
    return {
        "facecolor": fill,
        "hatch": _HATCHES[index % len(_HATCHES)],
        "edgecolor": "#E8E8E8" if is_dark else "#404040",
        "linewidth": 0.4,
    }


def pixels(ax: Axes) -> float:
    """Return the pixels per point of the figure that holds `ax`."""
    return float(ax.figure.dpi) / 72


def halo(width: float = 2.0) -> list[patheffects.AbstractPathEffect]:
    """Return path effects that keep a text readable over lines: a white rim of `width` points."""
    return [patheffects.withStroke(linewidth=width, foreground="white")]


def readable(value: float, digits: int = 3) -> str:
    """Return a number as ``"20 k"`` or ``"1.5 M"``, with at most `digits` significant digits.

    >>> [readable(x) for x in (0, 950, 20_000, 1_500_000, -2_250, 0.25)]
    ['0', '950', '20 k', '1.5 M', '−2.25 k', '0.25']
    """
    for size, suffix in ((1e9, " bn"), (1e6, " M"), (1e3, " k"), (1.0, "")):
        # What rounds up to the next size is written in it: 999,950 is 1 M, not 1000 k.
        if abs(float(f"{value:.{digits}g}")) >= size:
            return f"{value / size:.{digits}g}{suffix}".replace("-", "\N{MINUS SIGN}")
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def readable_axis(axis: Any) -> None:
    """Let an axis write its ticks as `readable` does."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: readable(value, 4)))


def zone_name(zone: tzinfo) -> str:
    """Return the IANA name of a zone, or its offset where it has none."""
    return str(getattr(zone, "key", None) or getattr(zone, "zone", None) or zone)


def to_number(times: Any) -> Any:
    """Return times with a zone as Matplotlib's days: a float for a timestamp, an array for an index or a series."""
    if isinstance(times, pd.Timestamp):
        return float(mdates.date2num(times.to_pydatetime(warn=False)))
    return np.asarray(mdates.date2num(pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None).to_numpy()))


def time_axis(ax: Axes, start: pd.Timestamp, end: pd.Timestamp, zone: tzinfo) -> None:
    """Show `[start, end]` on the x axis in local time of `zone`, with whole ticks, dates at midnight and a label."""
    ax.xaxis_date(zone)
    ax.set_xlim(to_number(start), to_number(end))
    minutes = (end - start).total_seconds() / 60
    room = ax.get_window_extent().width / pixels(ax) / 32
    step = next((step for step in _STEPS if minutes / step <= room), None)
    if step is None:
        locator: Any = mdates.AutoDateLocator(tz=zone)
    elif step < 60:
        locator = mdates.MinuteLocator(byminute=range(0, 60, step), tz=zone)
    else:
        locator = mdates.HourLocator(byhour=range(0, 24, step // 60), tz=zone)

    def write(value: float, place: int | None) -> str:
        when = mdates.num2date(value, zone)
        hour = f"{when:%H:%M}"
        return f"{hour}\n{when.day} {when:%b}" if place == 0 or hour == "00:00" else hour

    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(FuncFormatter(write))
    year = start.tz_convert(zone).year
    ax.set_xlabel(f"{zone_name(zone)} local time, {year}")


def mark_night(
    ax: Axes, marks: Marks, zone: tzinfo, *, flags: bool = True, in_front: bool = False
) -> tuple[float, list[Any]]:
    """Shade the throttle windows, mark the calls, and write what they are above the axes, in as many rows as it needs.

    Labels stand beside their own line like flags. A flag that would reach over a later line goes to a row above it, so
    texts neither overlap nor are crossed. Where that takes more than ten rows, the flags carry numbers instead, and the
    legend explains them.
    `in_front` draws the calls and the windows' ends over what hides them, such as filled areas.

    Returns
    -------
    tuple
        Height of the flags above the axes in points, and legend handles of the numbers (empty when flags carry words).
    """
    low, high = to_number(marks.start), to_number(marks.end)
    rim: dict[str, Any] = {"zorder": 3.5, "path_effects": halo(2.2)} if in_front else {"zorder": 1.5}
    entries: list[tuple[float, str]] = []
    for first, last in sorted({window[:2] for window in marks.windows}):
        same = [window for window in marks.windows if window[:2] == (first, last)]
        left, right = to_number(first), to_number(last)
        if right <= low or left >= high:
            continue
        severity = max(window[3] for window in same)
        span = ax.axvspan(left, right, facecolor=str(0.95 - 0.13 * severity), edgecolor="none", zorder=0)
        span.set_gid("window")
        for edge in (left, right) if in_front else ():
            ax.axvline(edge, color="0.25", linewidth=0.6, **rim)
        times = f"{first.tz_convert(zone):%H:%M}\N{EN DASH}{last.tz_convert(zone):%H:%M}"
        name = ", ".join(dict.fromkeys(window[2] for window in same))
        entries.append((max(left, low), f"{name} {times} (severity {severity:g})"))
    for when, label in marks.calls:
        place = to_number(when)
        if low <= place < high:
            line = ax.axvline(place, color="0.25", linewidth=0.6, linestyle=(0, (1, 1.5)), **rim)
            line.set_gid("call")
            entries.append((place, f"{label} {when.tz_convert(zone):%H:%M}"))
    if not flags or not entries:
        return 0.0, []
    entries.sort()
    handles: list[Any] = []
    if (height := _fly_flags(ax, entries, _MAX_ROWS)) is None:
        handles = [note(f"{i}: {label}") for i, (_, label) in enumerate(entries, start=1)]
        height = _fly_flags(ax, [(place, str(i)) for i, (place, _) in enumerate(entries, start=1)], 2 * len(entries))
    return height or 0.0, handles


def _fly_flags(ax: Axes, entries: Sequence[tuple[float, str]], most: int) -> float | None:
    """Write `(x, text)`, sorted by x, beside leaders above the axes; return their height, None where it is too much."""
    scale = 1 / pixels(ax)
    right_edge = ax.get_window_extent().x1 * scale
    texts: list[Text] = []
    places: list[float] = []
    spans: list[tuple[float, float]] = []
    points_to_left = False
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    above["annotation_clip"] = False
    leader = {"arrowstyle": "-", "color": "0.4", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}
    for x, label in reversed(entries):
        text = ax.annotate(label, (x, 1), (2, 0), va="bottom", fontsize=_FLAG_SIZE, color="0.15", gid="flag", **above)
        place = float(ax.transData.transform((x, 0))[0]) * scale
        width = text.get_window_extent().width * scale + 5
        # Near the right edge a flag points to the left, and so do all whose leader it would hide.
        points_to_left = place + width > right_edge + 8 or (points_to_left and spans[-1][0] < place)
        texts.append(text)
        places.append(place)
        spans.append((place - width, place) if points_to_left else (place, place + width))
    rows = flag_rows(places, spans)
    if max(rows) >= most:
        for flag in texts:
            flag.remove()
        return None
    for (x, _), flag, row, span, place in zip(reversed(entries), texts, rows, spans, places, strict=True):
        height = 3 + _ROW * row
        is_left = span[0] < place
        flag.set_position((-2 if is_left else 2, height))
        flag.set_horizontalalignment("right" if is_left else "left")
        ax.annotate("", (x, 1), (0, height + _FLAG_SIZE), arrowprops=leader, **above)
    return 3 + _ROW * (1 + max(rows))


def flag_rows(places: Sequence[float], spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return a row for each flag, 0 the lowest, so that flags of a row lie apart and no leader runs through a text.

    Parameters
    ----------
    places
        Position of the leaders.
    spans
        From where to where each flag's text reaches, its own leader at one end.
    """
    n = len(places)
    above: list[set[int]] = [set() for _ in range(n)]  # the flags that flag i must fly above, to let their leaders pass
    for i, (left, right) in enumerate(spans):
        above[i] = {j for j in range(n) if j != i and left < places[j] < right}
        above[i] |= {j for j in range(i) if places[j] == places[i]}
    rows: dict[int, int] = {}
    while len(rows) < n:
        waiting = [i for i in range(n) if i not in rows]
        # Two flags that point at each other have no right order; the first then goes first.
        i = next((i for i in waiting if above[i] <= rows.keys()), waiting[0])
        taken = {rows[j] for j in rows if spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]}
        floor = max((rows[j] + 1 for j in above[i] if j in rows), default=0)
        rows[i] = next(row for row in range(floor, floor + n + 1) if row not in taken)
    return [rows[i] for i in range(n)]


def place_boxes(
    sizes: Sequence[tuple[float, float]],
    candidates: Sequence[Sequence[tuple[float, float]]],
    crowd: Floats,
    bounds: tuple[float, float, float, float],
    pad: float = 0.0,
) -> list[tuple[float, float]]:
    """Return the lower left corner of each box, chosen in turn: clear of earlier boxes, inside, over few points.

    Parameters
    ----------
    sizes
        Width and height of each box.
    candidates
        For each box the corners that it may take, the preferred first.
    crowd
        Points to keep clear of, shape (n, 2).
    bounds
        Left, bottom, right and top of the room.
    pad
        Room to leave free around each box.
    """
    chosen: list[tuple[float, float]] = []
    for place, ((width, height), corners) in enumerate(zip(sizes, candidates, strict=True)):
        best, least = corners[0], np.inf
        for x, y in corners:
            left, bottom, right, top = x - pad, y - pad, x + width + pad, y + height + pad
            outside = max(bounds[0] - left, 0) + max(bounds[1] - bottom, 0)
            outside += max(right - bounds[2], 0) + max(top - bounds[3], 0)
            overlap = 0.0
            for (u, v), (wide, high) in zip(chosen, sizes[:place], strict=True):
                overlap += max(0.0, min(right, u + wide) - max(left, u)) * max(0.0, min(top, v + high) - max(bottom, v))
            inside = (crowd[:, 0] > left) & (crowd[:, 0] < right) & (crowd[:, 1] > bottom) & (crowd[:, 1] < top)
            cost = 1e6 * overlap + 1e3 * outside + float(inside.sum())
            if cost < least:
                best, least = (x, y), cost
            if cost == 0:
                break
        chosen.append(best)
    return chosen


def floating_text(ax: Axes, words: str, size: float, gid: str) -> Text:
    """Return a text with a white rim that has no place yet; `settle_texts` gives it one."""
    return ax.text(0, 0, words, fontsize=size, va="bottom", path_effects=halo(), zorder=6, transform=None, gid=gid)


def settle_texts(
    ax: Axes, texts: Sequence[Text], candidates: Sequence[Sequence[tuple[float, float]]], crowd: Floats, pad: float
) -> list[tuple[float, float]]:
    """Move texts to where `place_boxes` puts them, within the axes; return their lower left corners. All in pixels."""
    extents = [text.get_window_extent() for text in texts]
    left, bottom, right, top = ax.get_window_extent().extents
    sizes = [(box.width, box.height) for box in extents]
    corners = place_boxes(sizes, candidates, crowd, (left, bottom, right, top), pad)
    for text, corner in zip(texts, corners, strict=True):
        text.set_transform(ax.transAxes)
        text.set_position(tuple(ax.transAxes.inverted().transform(corner)))
    return corners


def dense(points: Floats, step: float = 3.0) -> Floats:
    """Return a polyline, shape (n, 2), with points added until neighbours lie at most `step` apart; NaN drops out."""
    points = points[np.isfinite(points).all(axis=1)]
    pieces = [points]
    for a, b in pairwise(points):
        count = int(np.hypot(*(b - a)) // step)
        if count:
            pieces.append(a + (b - a) * (np.arange(1, count + 1) / (count + 1))[:, None])
    return np.concatenate(pieces)


def note(text: str) -> Any:
    """Return a legend handle that shows nothing but its text."""
    return Line2D([], [], linestyle="none", label=text)


def band_handle(text: str) -> Any:
    """Return a legend handle for uncertainty bands."""
    return Patch(facecolor="0.8", edgecolor="0.5", linewidth=0.5, label=text)


def legend_below(ax: Axes, handles: Iterable[Any], columns: int = 2) -> None:
    """Put a legend under the axes, its label included, outside of the drawing."""
    drop = ScaledTranslation(0, -38 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=ax.transAxes + drop,
        ncols=columns,
        borderaxespad=0,
        handlelength=3,
        columnspacing=1.5,
    )


def legend_right(ax: Axes, handles: Iterable[Any], title: str | None = None) -> None:
    """Put a legend to the right of the axes, outside of the drawing."""
    ax.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(1.015, 1),
        borderaxespad=0,
        handlelength=2,
        handleheight=1.1,
        title=title,
        title_fontsize=7,
        alignment="left",
    )
