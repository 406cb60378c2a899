"""The look of every figure, in one place: rc style, looks of arms and areas, names, numbers, panels and legends.

Nothing here touches pyplot or leaves changed `rcParams` behind. Lengths are points (1/72 inch) unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.title_fontsize": 7.0,
    "legend.frameon": False,
    "legend.borderaxespad": 0.0,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "hatch.linewidth": 0.5,
}
styled = matplotlib.rc_context(STYLE)
"""Decorator: the function runs under `STYLE`, and the `rcParams` are as before when it returns."""

# After Okabe and Ito's colours, ordered so that neighbours also differ as greys. The numbers of colours, of line styles
# and of markers share no factor in pairs, so a look comes again only after 5 x 4 x 7 arms.
_COLOURS = ("#0072B2", "#D9730D", "#000000", "#CC79A7", "#009E73")
_LINES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (1, 1.2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Fills in an order in which neighbours of a stack differ, and their edges; 6 fills and 5 hatches make 30 looks.
_FILLS = ("#2E4A62", "#F2E3B3", "#8A9BA8", "#FFFFFF", "#5F7183", "#D8C98F")
_EDGES = ("#E8E8E8", "#404040", "#404040", "#404040", "#E8E8E8", "#404040")
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")

# Nice names; a channel or curve that is not listed is shown under its own name.
_CHANNELS = {
    "trt": "TRT",
    "television": "Other television",
    "facetime": "FaceTime on CNN Türk",
    "youtube": "YouTube",
    "whatsapp": "WhatsApp",
    "mass_text": "Mass text message",
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


def curve_name(curve: str, minutes: int = 1) -> str:
    """Return what a curve counts, in words, its unit and the width of a smoothing mean included."""
    kind, _, channel = curve.partition("_")
    words = _STATES.get(curve, curve.replace("_", " "))
    if channel and kind in _KINDS:
        words = _KINDS[kind].format(channel_name(channel))
    return words + (f"\n({minutes}-minute centred mean)" if minutes > 1 else "")


def arm_style(place: int) -> dict[str, Any]:
    """Return colour, line style and marker of the arm in a place (from 0), as keywords of `Axes.plot`."""
    return {"color": _COLOURS[place % 5], "linestyle": _LINES[place % 4], "marker": _MARKERS[place % 7]}


def area_style(place: int) -> dict[str, Any]:
    """Return fill, hatch and edge of the area in a place (from 0), as keywords of `Axes.fill_between`."""
    look = {"facecolor": _FILLS[place % 6], "edgecolor": _EDGES[place % 6], "hatch": _HATCHES[place % 5]}
    return {**look, "linewidth": 0.4}


def readable(value: float, digits: int = 3) -> str:
    """Return a number as ``"20 k"`` or ``"1.5 M"``, with at most `digits` significant digits.

    >>> [readable(x) for x in (0, 950, 20_000, 1_500_000, -2_250, 0.25)]
    ['0', '950', '20 k', '1.5 M', '−2.25 k', '0.25']
    """
    # What rounds up to the next size is written in it: 999,950 is 1 M, not 1000 k.
    rounded = abs(float(f"{value:.{digits}g}"))
    sizes = ((1e9, " bn"), (1e6, " M"), (1e3, " k"))
    size, suffix = next(((size, suffix) for size, suffix in sizes if rounded >= size), (1.0, ""))
    return f"{value / size:.{digits}g}{suffix}".replace("-", "\N{MINUS SIGN}")


@styled
def figure(heights: Sequence[float] = (2.8,), width: float = 6.2) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, without pyplot, and its panels from top to bottom.

    Labels are placed for the size that the panels have when they are drawn into: leave layout engines off, and save
    with ``bbox_inches="tight"``, for flags and legends lie outside of the panels.

    Parameters
    ----------
    heights, width
        Of each panel in inches, without ticks and labels.
    """
    margin, gap = 0.8, 0.5
    whole = (width + 2 * margin, sum(heights) + gap * (len(heights) - 1) + 2 * margin)
    drawing = Figure(figsize=whole)
    ceiling = whole[1] - margin
    for height in heights:
        box = (margin / whole[0], (ceiling - height) / whole[1], width / whole[0], height / whole[1])
        # Ticks are made when they are drawn, which may be under another style.
        drawing.add_axes(box).tick_params(width=0.6, labelsize=STYLE["xtick.labelsize"])
        ceiling -= height + gap
    return drawing, drawing.axes


def spread(drawing: Figure, gap: float = 0.12) -> Figure:
    """Move finished panels apart, top to bottom, so that flags, labels and legends of one stay clear of the others.

    `gap` inches stay free between them and around all. Panels keep their size in inches, so what was placed in them
    stays in place; the figure gets the height that it needs. Of equal labels of the x axes the lowest stays.
    """
    panels = drawing.axes
    for panel in panels[:-1]:
        if panel.get_xlabel() == panels[-1].get_xlabel():
            panel.set_xlabel("")
    drawing.align_ylabels(panels)
    to_inches = drawing.dpi_scale_trans.inverted()
    boxes = [panel.get_window_extent().transformed(to_inches) for panel in panels]
    wholes = [(panel.get_tightbbox() or panel.bbox).transformed(to_inches) for panel in panels]
    width = float(drawing.get_size_inches()[0])
    total = sum(whole.height + gap for whole in wholes) + gap
    drawing.set_size_inches(width, total)
    ceiling = total - gap
    for panel, box, whole in zip(panels, boxes, wholes, strict=True):
        bottom = ceiling - (whole.y1 - box.y0)
        panel.set_position((box.x0 / width, bottom / total, box.width / width, box.height / total))
        ceiling -= whole.height + gap
    return drawing


def note(text: str) -> Any:
    """Return a legend handle that shows nothing but its text."""
    return Line2D([], [], linestyle="none", label=text)


class _Swatches(tuple[Patch, ...]):
    """Patches that share one entry of a legend."""

    def get_label(self) -> str:
        """Return the words of the entry."""
        return str(self[0].get_label())


def band_handle(text: str, colours: Sequence[Any]) -> Any:
    """Return a legend handle for uncertainty bands: their colours, over white, side by side."""
    patches = [Patch(facecolor=colour, edgecolor="0.4", linewidth=0.4, label=text) for colour in colours]
    return _Swatches(patches)


def legend_below(ax: Axes, handles: Iterable[Any], where: bool | Axes = True, columns: int = 2) -> None:
    """Put a legend under the axes, their label included; under others where `where` names them, nowhere if False."""
    if where is False:
        return
    room = ax if where is True else where
    drop = ScaledTranslation(0, -38 / 72, room.figure.dpi_scale_trans)
    box: dict[str, Any] = {"bbox_to_anchor": (0, 0), "bbox_transform": room.transAxes + drop}
    beside: dict[Any, Any] = {_Swatches: HandlerTuple(ndivide=None, pad=0)}
    room.legend(
        handles=list(handles),
        handler_map=beside,
        loc="upper left",
        ncols=columns,
        handlelength=3,
        columnspacing=1.5,
        **box,
    )


def legend_right(ax: Axes, handles: Iterable[Any], title: str, **room: Any) -> None:
    """Put a legend to the right of the axes; `room` holds `handlelength` and `handleheight`."""
    corner: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.015, 1), "alignment": "left"}
    ax.legend(handles=list(handles), title=title, **corner, **room)
