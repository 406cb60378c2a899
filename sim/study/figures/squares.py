"""People on the squares: over the night in every arm, and the peak of each province as a map or as ranked bars."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.lines import Line2D

from sim.errors import InputError
from sim.measures.intervals import Floats
from sim.study.figures.marks import LEADER, Marks, floating_text, night_axis, pixels, settle_texts
from sim.study.figures.replicates import draw_arms, draw_bars, n_replicates, need, read, t_band, uncertainty, whiskers
from sim.study.figures.style import curve_name, legend_below, legend_right, readable, styled

_GREYS = LinearSegmentedColormap.from_list("greys", ["0.97", "0.12"])
_RIM: dict[str, Any] = {"color": "white", "markeredgecolor": "black", "markeredgewidth": 0.5}
_SIDES = np.deg2rad([0, 180, 90, 270, 35, 325, 145, 215, 65, 295, 115, 245])  # where a name may stand, the best first


@styled
def people_on_squares(
    ax: Axes, curves: pd.DataFrame, marks: Marks, curve: str = "on_squares", *, title: str = ""
) -> Axes:
    """Draw how many people are on the squares in every arm.

    Parameters
    ----------
    ax, curves, marks, title
        As in all figures (`sim.study.figures`).
    curve
        Another count of people, for example ``online``.
    """
    tables, marks = read(curves, curve, marks)
    keys = night_axis(ax, marks, title)
    handles = draw_arms(ax, tables, list(tables), marks)
    ax.set_ylim(bottom=0)
    words = curve_name(curve)
    ax.set_ylabel(words[0].upper() + words[1:])
    legend_below(ax, [*handles, uncertainty(tables), *keys])
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
    title: str = "",
) -> Axes:
    """Draw the peak number of people on each province's squares in one arm, as a map or as ranked bars.

    A province's peak is the largest value of each replicate, averaged over replicates, whenever the province has it.

    Parameters
    ----------
    ax, arm, title
        As in all figures (`sim.study.figures`).
    squares
        Columns ``arm, replicate, time, province, value``, people.
    provinces
        Columns ``province, latitude, longitude, population``; provinces that `squares` lack count as 0 people.
    view
        ``map``: circles at the main cities, area by people, grey by people per 1,000 inhabitants. ``ranked``: bars with
        95 % t intervals, and the numbers per 1,000 inhabitants at the right.
    largest
        How many provinces to name on the map (default 10) or to rank (default 20).
    """
    need(squares, "squares", ("arm", "replicate", "province", "value"), arm)
    need(provinces, "provinces", ("province", "latitude", "longitude", "population"))
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
    ax.set_title(title, loc="left", pad=16 if view == "ranked" else 6)
    return ax


def _draw_ranked(ax: Axes, table: pd.DataFrame, n: int) -> None:
    """Draw a table sorted by peak as bars, with the peaks per 1,000 inhabitants in a column at the right."""
    draw_bars(ax, [str(name) for name in table.index], table, 0, 0.7, color="0.72")
    ax.xaxis.set_major_formatter(lambda value, _: readable(value, 4))
    ax.set_xlabel(f"People on the squares at the province's peak ({whiskers(n)})")
    look: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "fontsize": 6.5, "ha": "right"}
    ax.text(1.08, -0.75, "per 1,000\ninhabitants", va="bottom", **look)
    for place, value in enumerate(table["per_1000"]):
        ax.text(1.08, place, f"{value:.1f}", va="center", **look)


def _draw_map(ax: Axes, table: pd.DataFrame, largest: int, n: int) -> None:
    """Draw a table sorted by peak as circles at latitude and longitude, and name the `largest`."""
    people, shares = table["mean"].to_numpy(dtype=float), table["per_1000"].to_numpy(dtype=float)
    where: Floats = table[["longitude", "latitude"]].to_numpy(dtype=float)
    area = 900 / (people.max() or 1.0)  # points squared per person; the largest circle is 30 points wide
    sizes = np.maximum(people * area, 1.0)
    norm = Normalize(0, shares.max() or 1.0)
    ax.set_aspect(1 / float(np.cos(np.deg2rad(where[:, 1].mean()))), adjustable="datalim")
    look: dict[str, Any] = {"cmap": _GREYS, "norm": norm, "edgecolors": "black", "linewidths": 0.5, "zorder": 2}
    ax.scatter(where[:, 0], where[:, 1], s=sizes, c=shares, gid="provinces", **look)
    ax.margins(0.12, 0.19)
    ax.set_xlabel("Longitude (degrees east)")
    ax.set_ylabel("Latitude (degrees north)")
    ax.apply_aspect()
    _name_circles(ax, table.loc[people > 0, "mean"].head(largest), ax.transData.transform(where), np.sqrt(sizes) / 2)
    examples = [float(f"{people.max() * share:.1g}") for share in (0.5, 0.15, 0.03) if people.max() > 0]
    look = {"linestyle": "none", "marker": "o", **_RIM}
    handles = [Line2D([], [], markersize=float(np.sqrt(x * area)), label=readable(x), **look) for x in examples]
    legend_right(ax, handles, "people at the peak", handlelength=4, handleheight=4.4)
    bar = ax.figure.colorbar(ScalarMappable(norm, _GREYS), cax=ax.inset_axes((1.02, 0.05, 0.02, 0.42)))
    bar.set_label("peak per 1,000 inhabitants", fontsize=7)
    words = (
        "Circles lie at each province's main city, not at its squares, and may overlap. Peak: the largest number on\n"
        f"the province's squares, at its own time; mean of {n_replicates(n)}."
    )
    below: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    ax.annotate(words, (0, 0), (0, -30), va="top", fontsize=6.5, color="0.3", **below)


def _name_circles(ax: Axes, named: pd.Series, centres: Floats, radii: Floats) -> None:
    """Write names and peaks beside the first circles, clear of each other and, where there is room, of all circles.

    `centres` are pixels, `radii` points.
    """
    point = pixels(ax)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.column_stack((np.cos(turns), np.sin(turns)))
    rings = np.concatenate([ring, 0.6 * ring, 0.2 * ring])
    crowd = np.concatenate([centre + rings * radius * point for centre, radius in zip(centres, radii, strict=True)])
    texts, candidates = [], []
    for (name, value), (x, y), radius in zip(named.items(), centres, radii, strict=False):
        text = floating_text(ax, f"{name} {readable(float(value))}", 6.5, "province label")
        box = text.get_window_extent()
        # A box touches the circle of this reach with the side or corner that faces the centre.
        reach = (radius + np.arange(2, 40, 4)[:, None]) * point
        across = x + reach * np.cos(_SIDES) - box.width * (1 - np.cos(_SIDES)) / 2
        up = y + reach * np.sin(_SIDES) - box.height * (1 - np.sin(_SIDES)) / 2
        candidates.append(list(zip(across.ravel().tolist(), up.ravel().tolist(), strict=True)))
        texts.append(text)
    settle_texts(ax, texts, candidates, crowd, point)
    for text, centre, radius in zip(texts, centres, radii, strict=False):
        box = text.get_window_extent()
        nearest = np.clip(centre, box.min, box.max)
        if np.hypot(*(nearest - centre)) > (radius + 5) * point:
            end, start = ax.transAxes.inverted().transform([nearest, centre])
            ax.annotate("", end, start, "axes fraction", arrowprops=LEADER | {"shrinkA": radius})
