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
from sim.study.figures.labels import Places, floating_text, pixels, settle_texts
from sim.study.figures.marks import Marks, night_axis
from sim.study.figures.replicates import draw_arms, draw_bars, n_replicates, need, read, t_band, uncertainty, whiskers
from sim.study.figures.style import curve_name, legend_below, legend_right, readable, styled

_GREYS = LinearSegmentedColormap.from_list("greys", ["0.97", "0.12"])
_RIM: dict[str, Any] = {"color": "white", "markeredgecolor": "black", "markeredgewidth": 0.5}
_SIDES = np.deg2rad([0, 180, 90, 270, *(turn for turn in range(10, 360, 10) if turn % 90)])  # preferred first


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
    legend_below(ax, [*handles, uncertainty(ax, tables), *keys])
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
    legend_right(ax, handles, "people at the peak", handlelength=4, handleheight=0.7, labelspacing=2.6)
    bar = ax.figure.colorbar(ScalarMappable(norm, _GREYS), cax=ax.inset_axes((1.02, 0.05, 0.02, 0.42)))
    bar.set_label("peak per 1,000 inhabitants", fontsize=7)
    words = (
        "Circles lie at each province's main city, not at its squares, and may overlap. Peak: the largest number on\n"
        f"the province's squares, at its own time; mean of {n_replicates(n)}."
    )
    below: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    ax.annotate(words, (0, 0), (0, -30), va="top", fontsize=6.5, color="0.3", **below)


def _name_circles(ax: Axes, named: pd.Series, centres: Floats, radii: Floats) -> None:
    """Write names and peaks beside the first circles, each nearest to its own and clear of all where there is room.

    `centres` are pixels, `radii` points.
    """
    point = pixels(ax)
    radii = radii * point
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ring = np.column_stack((np.cos(turns), np.sin(turns)))
    rings = np.concatenate([ring, 0.6 * ring, 0.2 * ring])
    crowd = np.concatenate([centre + rings * radius for centre, radius in zip(centres, radii, strict=True)])
    texts, places = [], []
    for i, (name, value) in enumerate(named.items()):
        text = floating_text(ax, f"{name} {readable(float(value))}", 6.5, "province label")
        box = text.get_window_extent()
        # A box touches the circle of this reach with the side or corner that faces the centre.
        reach = radii[i] + np.arange(1, 45, 2)[:, None] * point
        across = centres[i, 0] + reach * np.cos(_SIDES) - box.width * (1 - np.cos(_SIDES)) / 2
        up = centres[i, 1] + reach * np.sin(_SIDES) - box.height * (1 - np.sin(_SIDES)) / 2
        corners = np.column_stack((across.ravel(), up.ravel()))
        nearest = np.clip(centres, corners[:, None], corners[:, None] + [box.width, box.height])
        gaps = np.maximum(np.hypot(*np.moveaxis(nearest - centres, 2, 0)) - radii, 0)  # place x circle
        own, others = gaps[:, i], np.delete(gaps, i, axis=1)
        doubt = np.clip(1 - (others - own[:, None]) / (6 * point), 0, 3)  # 0: clearly nearest to its own circle
        is_named = np.delete(np.arange(len(radii)) < len(named), i)
        cost = own / point / 2 + 100 * (gaps < 1.5 * point).sum(axis=1) + doubt @ np.where(is_named, 50, 10)
        leaders = np.stack((np.broadcast_to(centres[i], corners.shape), nearest[:, i]), axis=1)
        # From the rim of the circle, not from its centre; a leader over another circle seems to come from there.
        leaders[:, 0] += (leaders[:, 1] - leaders[:, 0]) * (radii[i] / (own + radii[i]))[:, None]
        is_far = own > 5 * point
        leaders[~is_far] = np.nan
        along = np.linspace(leaders[is_far, 0], leaders[is_far, 1], 12, axis=1)[:, :, None] - np.delete(
            centres, i, axis=0
        )
        is_over = (np.hypot(along[..., 0], along[..., 1]) < np.delete(radii, i) + point).any(axis=1)
        cost[is_far] += 40 * is_over.sum(axis=1)
        cost += 4 * is_far + np.tile(1.5 * (np.arange(len(_SIDES)) > 3), len(reach))
        places.append(Places(corners, cost, leaders))
        texts.append(text)
    settle_texts(ax, texts, places, crowd, 1.5 * point)
