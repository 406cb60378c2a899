"""Maps over two swept parameters: an outcome or its paired difference in colours, and the sign of a difference."""

from __future__ import annotations

import textwrap
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, to_rgba_array
from matplotlib.dates import AutoDateLocator, num2date
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from sim.errors import InputError
from sim.measures.intervals import Floats
from sim.study.figures.designs import Axis, Points, averaged, clear_of_zero, holm_over, over_points, points_of
from sim.study.figures.labels import halo, pixels
from sim.study.figures.response import labelled
from sim.study.figures.style import legend_below, note, readable, styled
from sim.study.figures.words import words_of_outcome, words_of_parameter

__all__ = ["heat_map", "sign_map"]

_MOST_LEVELS = 25  # of a parameter on a grid: more are cut into bins
_FEW = 0.5  # share of a grid's cells that must be filled, or the design is scattered
# Levels from light to dark; differences are dark blue below 0, white at 0, orange above it and lighter in grey.
_LEVELS = LinearSegmentedColormap.from_list("levels", ["#FFF8D6", "#8FB3A3", "#2E6F87", "#132B45"])
_DIFFERENCES = LinearSegmentedColormap.from_list("differences", ["#08306B", "#5E93C4", "#FFFFFF", "#F2A65A", "#B34700"])
_MORE, _LESS, _OPEN = "#F2A65A", "#0B4078", "#FFFFFF"
_UNKNOWN: dict[str, Any] = {"facecolor": "0.82", "edgecolor": "0.55", "hatch": "xxxx"}
_UNDECIDED: dict[str, Any] = {"facecolor": "none", "edgecolor": "0.35", "hatch": "////", "linewidth": 0}
_COUNTED = ("people", "posts", "person-hours")
_ADJUSTED = "Holm-adjusted 95 % over {} cells"


@dataclass(frozen=True)
class _Cells:
    """The cells of a map: a row for each, with its column, row, value, interval and decision; and what they are."""

    table: pd.DataFrame
    points: Points
    axes: tuple[Axis, Axis]
    edges: tuple[Floats | None, Floats | None]
    shape: tuple[int, int]
    what: str
    decision: str

    @property
    def is_decided(self) -> NDArray[np.bool_]:
        """Return in which cells the difference is told from 0."""
        return self.table["decided"].to_numpy(dtype=bool)

    @property
    def has_intervals(self) -> bool:
        """Return whether any cell has an interval, so that a sign can be decided."""
        return bool(np.isfinite(self.table["low"].to_numpy(dtype=np.float64)).any())


@styled
def heat_map(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    outcome: str,
    *,
    arm: str | None = None,
    bins: int | None = None,
    log: Collection[str] = (),
    holm: bool = True,
    legend: bool = True,
    title: str = "",
) -> Axes:
    """Draw an outcome over two swept parameters: levels from light to dark, differences from blue over white to orange.

    On a grid each cell is a combination of two values; cells of equal size stand in the order of the values, and a few
    carry their numbers. In scattered designs cells are bins of equal width, and the value is the mean of their points.
    Where other parameters vary within a cell, its interval is the one of `dose_response`.
    Cells whose difference is not told from 0 are hatched: by Holm's procedure over the map, or by their own interval.

    Parameters
    ----------
    ax, legend, title
        As in all figures (`sim.study.figures`).
    table, outcome
        As in `dose_response`.
    x, y
        The parameters; texts stand in the order of their appearance.
    arm
        Which arm; default: the first of the table.
    bins
        Bins along each axis in scattered designs; default: such that they hold about 15 points, from 3 to 12.
    log
        Which of the two parameters have bins of equal width on a logarithmic axis.
    holm
        Whether decisions hold together over the map (family-wise 95 %), or each cell by itself (pointwise 95 %).
    """
    cells = _cells(table, x, y, outcome, arm, bins, log, holm=holm)
    values = cells.table["value"].to_numpy(dtype=np.float64)
    colours: Colormap = _DIFFERENCES if cells.points.is_difference else _LEVELS
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if cells.points.is_difference:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    elif low == high:
        low, high = low - 0.5, high + 0.5
    scale = ScalarMappable(Normalize(low, high), colours)
    _fill(ax, cells, scale.to_rgba(values))
    handles: list[Any] = []
    is_open = ~cells.is_decided & np.isfinite(values)
    if cells.points.is_difference and not cells.has_intervals:
        handles.append(note(cells.decision))  # hatching all of it would say no more
    elif cells.points.is_difference and is_open.any():
        _cover(ax, cells.table.loc[is_open], _UNDECIDED, zorder=2, gid="undecided")
        handles.append(Patch(**_UNDECIDED | {"linewidth": 0.4}, label=f"not told from 0 ({cells.decision})"))
    elif cells.points.is_difference:
        handles.append(note(f"all told from 0 ({cells.decision})"))
    _numbers(ax, cells, colours, scale.norm)
    bar = ax.inset_axes((1.03, 0, 0.035, 1), gid="colours")
    key = ax.figure.colorbar(scale, cax=bar)
    key.outline.set_linewidth(0.6)
    bar.tick_params(width=0.6, labelsize=7)
    bar.yaxis.set_major_formatter(lambda value, _: readable(value, 4))
    bar.set_ylabel(labelled(cells.points, 34))
    return _finish(ax, cells, handles, legend=legend, title=title)


@styled
def sign_map(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    outcome: str,
    *,
    arm: str | None = None,
    bins: int | None = None,
    log: Collection[str] = (),
    holm: bool = True,
    decision: str = "",
    legend: bool = True,
    title: str = "",
) -> Axes:
    """Draw where a paired difference over two swept parameters is above 0, below 0, or undecided.

    Three classes that differ in grey, too: orange with a plus, dark blue with a minus, and white, hatched. A cell is
    decided by Holm's procedure over all cells of the map: the chance of a sign in any cell without a difference is at most
    5 %, as far as t intervals hold. With one replicate none is decided.

    Parameters
    ----------
    ax, x, y, outcome, arm, bins, log, holm, legend, title
        As in `heat_map`.
    table
        A table of the shape of ``contrasts``.
    decision
        How the bounds of the table were made, in the words of the legend, where they are no t intervals: a cell is decided
        by its own bounds.
    """
    cells = _cells(table, x, y, outcome, arm, bins, log, holm=holm and not decision)
    if not cells.points.is_difference:
        raise InputError("the table holds levels, expected differences, which have signs; give the contrasts.")
    values, is_decided = cells.table["value"].to_numpy(dtype=np.float64), cells.is_decided
    is_known = np.isfinite(values)
    signs = np.where(is_decided, np.sign(values), 0)
    _fill(ax, cells, to_rgba_array([_LESS, _OPEN, _MORE])[signs.astype(int) + 1])
    _cover(ax, cells.table.loc[(signs == 0) & is_known], _UNDECIDED, zorder=2, gid="undecided")
    side, room = _sides(ax, cells.shape), 7.0
    for row, sign in zip(cells.table.to_dict("records"), signs, strict=True):
        if sign and min(side) > room:
            words, colour = ("+", "black") if sign > 0 else ("\N{MINUS SIGN}", "white")
            ax.text(row["i"], row["j"], words, ha="center", va="center_baseline", color=colour, fontsize=8, gid="sign")
    more, less = ("more", "fewer") if cells.points.unit in _COUNTED else ("higher", "lower")
    base = cells.points.baseline
    classes = ((1, more, {"facecolor": _MORE}), (-1, less, {"facecolor": _LESS}), (0, "", dict(_UNDECIDED)))
    handles: list[Any] = []
    for sign, word, look in classes:
        n = int(((signs == sign) & is_known).sum())
        words = f"{word} than {base}" if word else "undecided"
        handles.append(
            Patch(**{**look, "edgecolor": "0.35", "linewidth": 0.4}, label=f"{words}: {n} cell{'s' * (n != 1)}")
        )
    handles.append(note(decision or cells.decision))
    heading = title or "\n".join(textwrap.wrap(f"Sign of the difference in {words_of_outcome(outcome)}", 44))
    return _finish(ax, cells, handles, legend=legend, title=heading)


def _cells(
    table: pd.DataFrame,
    x: str,
    y: str,
    outcome: str,
    arm: str | None,
    bins: int | None,
    log: Collection[str],
    *,
    holm: bool,
) -> _Cells:
    """Return the cells of a map of one arm."""
    if x == y:
        raise InputError(f"x and y are both {x!r}, expected two parameters; choose another.")
    if bins is not None and bins < 1:
        raise InputError(f"bins is {bins}, expected 1 or more.")
    points = points_of(table, outcome, [x, y], arm)
    points = points_of(table, outcome, [x, y], points.arms[0])
    rows = points.rows.drop_duplicates([x, y, "value", "low", "high", "n"])
    if rows.duplicated(
        [x, y]
    ).any():  # other parameters matter: each of their points counts, also those that agree by chance
        rows = points.rows
    axes = points.axis(x), points.axis(y)
    shape = len(axes[0].levels), len(axes[1].levels)
    is_grid = max(shape) <= _MOST_LEVELS and len(rows.drop_duplicates([x, y])) >= _FEW * shape[0] * shape[1]
    edges: list[Floats | None] = [None, None]
    if not is_grid:
        n = bins or int(np.clip(round(np.sqrt(len(rows) / 15)), 3, 12))
        edges = [_edges(axis, n, log) for axis in axes]
        shape = (n if edges[0] is not None else shape[0], n if edges[1] is not None else shape[1])
    place = {}
    for name, axis, cuts in zip("ij", axes, edges, strict=True):
        at = axis.positions(rows[axis.name])
        if cuts is not None:
            place[name] = np.clip(np.searchsorted(cuts, at, side="right") - 1, 0, len(cuts) - 2)
        else:
            place[name] = rows[axis.name].map({level: k for k, level in enumerate(axis.levels)}).to_numpy()
    placed = rows.assign(**place)
    whole = averaged(placed, ["i", "j"]) if is_grid else over_points(placed, ["i", "j"])
    every = pd.MultiIndex.from_product([range(shape[0]), range(shape[1])], names=["i", "j"])
    whole = whole.set_index(["i", "j"]).reindex(every).reset_index()
    whole["n"] = whole["n"].fillna(0).astype("int64")
    decided, decision = _decide(whole, holm=holm)
    counts = whole["points"].dropna()
    fewest, most = int(counts.min()), int(counts.max())
    many = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    what = f"each cell: {points.replicates()}"
    if most > 1:
        bounds = "means of their bounds" if is_grid else "over points\nand replicates"
        bounds = "none over replicates" if whole["low"].isna().all() else bounds
        what = f"cells: means of {many} points, other parameters\nvary; intervals: {bounds}"
    return _Cells(whole.assign(decided=decided), points, axes, (edges[0], edges[1]), shape, what, decision)


def _edges(axis: Axis, n: int, log: Collection[str]) -> Floats | None:
    """Return the edges of bins of equal width, also on a logarithmic axis; None for texts, which stay as they are."""
    if axis.kind == "text":
        return None
    at = axis.positions(pd.Series(list(axis.levels)))
    if axis.name not in log:
        return np.linspace(at.min(), at.max(), n + 1)
    if at.min() <= 0:
        raise InputError(f"{axis.name} goes down to {at.min():g}, expected values above 0 on a logarithmic axis.")
    return np.geomspace(at.min(), at.max(), n + 1)


def _decide(cells: pd.DataFrame, *, holm: bool) -> tuple[NDArray[np.bool_], str]:
    """Return which cells are told from 0, and how, in words."""
    decided = np.zeros(len(cells), dtype=bool)
    if cells["low"].isna().all():
        return decided, "no interval, hence no sign decided"
    together = holm_over(cells.loc[cells["value"].notna()]) if holm else None
    if together is None:
        return clear_of_zero(cells), "pointwise 95 % intervals"
    decided[cells["value"].notna().to_numpy()] = together.is_rejected
    return decided, _ADJUSTED.format(int(np.isfinite(together.p_values).sum()))


# --- drawing ---------------------------------------------------------------------------------------------------------


def _fill(ax: Axes, cells: _Cells, colours: Floats) -> None:
    """Fill the cells, one row of red, green, blue and opacity for each, and give the axes their parameters."""
    edges = [np.arange(n + 1) - 0.5 for n in cells.shape]
    ax.grid(visible=False)
    ax.pcolormesh(*edges, colours.reshape(*cells.shape, 4).swapaxes(0, 1), zorder=1, gid="cells")
    _cover(ax, cells.table.loc[cells.table["value"].isna()], _UNKNOWN | {"linewidth": 0}, zorder=1.5, gid="unknown")
    ax.set_xlim(-0.5, cells.shape[0] - 0.5)
    ax.set_ylim(-0.5, cells.shape[1] - 0.5)
    for spine in ax.spines.values():
        spine.set_visible(True)
    sides = _sides(ax, cells.shape)
    for axis, cuts, of, side, letters in zip(
        cells.axes, cells.edges, (ax.xaxis, ax.yaxis), sides, (4.5, 1.4), strict=True
    ):
        if cuts is None:
            names = [axis.label(level) for level in axis.levels]
            wide = letters if letters < 2 else max(map(len, names)) * 0.75
            step = max(1, int(np.ceil(7 * wide / side)))
            of.set_ticks(range(0, len(names), step), names[::step])
        else:
            _edge_ticks(of, axis, cuts)
    ax.set_xlabel(words_of_parameter(cells.axes[0].name))
    ax.set_ylabel(words_of_parameter(cells.axes[1].name))
    ax.tick_params(length=2)


def _cover(ax: Axes, cells: pd.DataFrame, look: dict[str, Any], **more: Any) -> None:
    """Lay a pattern over some cells, as one shape."""
    if cells.empty:
        return
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) - 0.5
    corners = cells[["i", "j"]].to_numpy(dtype=np.float64)[:, None] + square
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    ax.add_patch(PathPatch(Path(corners.reshape(-1, 2), np.tile(codes, len(cells))), **look, **more))


def _edge_ticks(of: Any, axis: Axis, cuts: Floats) -> None:
    """Write a few round numbers, or times, where they lie between the edges of bins."""
    if axis.kind == "time":
        ticks = np.asarray(AutoDateLocator(minticks=3, maxticks=6).tick_values(num2date(cuts[0]), num2date(cuts[-1])))
    elif _is_log(cuts):
        ticks = np.asarray(LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(cuts[0], cuts[-1]))
    else:
        ticks = np.asarray(MaxNLocator(5).tick_values(cuts[0], cuts[-1]))
    first, last = (
        0.1 * (cuts[1] - cuts[0]),
        0.1 * (cuts[-1] - cuts[-2]),
    )  # points fill their range, but for its very ends
    ticks = ticks[(ticks >= cuts[0] - first) & (ticks <= cuts[-1] + last)]
    names = [f"{num2date(t):%H:%M}" if axis.kind == "time" else readable(float(f"{t:.3g}"), 4) for t in ticks]
    of.set_ticks(_places(ticks.clip(cuts[0], cuts[-1]), cuts), names)


def _places(values: Floats, cuts: Floats) -> Floats:
    """Return where values stand among cells that are numbered from 0, their middles at whole numbers."""
    numbers = np.arange(len(cuts)) - 0.5
    if _is_log(cuts):
        values, cuts = np.log(values), np.log(cuts)
    return np.asarray(np.interp(values, cuts, numbers), dtype=np.float64)


def _is_log(cuts: Floats) -> bool:
    """Return whether bins are equally wide on a logarithmic axis only."""
    return not np.isclose(cuts[1] - cuts[0], cuts[-1] - cuts[-2])


def _sides(ax: Axes, shape: tuple[int, int]) -> tuple[float, float]:
    """Return width and height of a cell in points."""
    box = ax.get_window_extent()
    return box.width / pixels(ax) / shape[0], box.height / pixels(ax) / shape[1]


def _numbers(ax: Axes, cells: _Cells, colours: Colormap, norm: Any) -> None:
    """Write the numbers into the cells where there is room for all."""
    values = cells.table["value"]
    least = 1e-9 * max((abs(value) for value in values if np.isfinite(value)), default=0.0)  # what is left of sums to 0
    names = [readable(value if abs(value) > least else 0, 3) if np.isfinite(value) else "" for value in values]
    width, height = _sides(ax, cells.shape)
    if 6.5 * 0.66 * max(map(len, names)) > width or height < 10:
        return
    for row, name in zip(cells.table.to_dict("records"), names, strict=True):
        if name:
            red, green, blue, _ = colours(norm(row["value"]))
            is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            rim = [] if row["decided"] or not cells.points.is_difference else halo(2)
            colour = "white" if is_dark and not rim else "black"
            look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": 6.5, "zorder": 3}
            ax.text(row["i"], row["j"], name, color=colour, path_effects=rim, gid="number", **look)


def _finish(ax: Axes, cells: _Cells, handles: list[Any], *, legend: bool, title: str) -> Axes:
    """Write title and legend: what the cells are, and what is missing."""
    of = cells.points
    if cells.table["value"].isna().any():
        handles.append(Patch(**_UNKNOWN, linewidth=0.4, label="no value"))
    arm = f"{of.rows['arm'].iloc[0]}" + f" \N{MINUS SIGN} {of.baseline}" * of.is_difference
    handles = [note(arm), *handles, *(note(text) for text in (cells.what, of.left_out) if text)]
    ax.set_title(title, loc="left", pad=5)
    legend_below(ax, handles, legend, columns=1)
    return ax
